/*
 * What systemd hands to a service and is told by it: sd_listen_fds(3), sd_notify(3).
 */
#ifndef AGENTSH_NOTIFY_H
#define AGENTSH_NOTIFY_H

#include <stdbool.h>

#define NOTIFY_FIRST     3   /* of the descriptors that systemd hands over */
#define NOTIFY_NAME_SIZE 256 /* with a NUL behind it */

/* How many descriptors it has handed over, from NOTIFY_FIRST on; each is O_CLOEXEC now. 0: none. */
int notify_given(void);

/*
 * Their names, in that order: each call takes one from *names, which begins as notify_names() has it. What has
 * none has "".
 */
const char *notify_names(void);
void notify_next_name(const char **names, char name[NOTIFY_NAME_SIZE]);

/* The first that is a listening socket, which does not block now; -1: none is. */
int notify_listening(int given);

/*
 * Tells it something, with a descriptor (borrowed; -1: none). Keeps nothing of it in the environment. 0, or
 * -1 and errno: ENOENT where nobody asked to be told, EAGAIN where it does not listen.
 */
int notify_send(const char *message, int descriptor);

/* Has it dealt with everything that it was told? False: not in that time. */
bool notify_settled(int milliseconds);

#endif
