/*
 * Can what runs behind a policy write a directory?
 */
#ifndef AGENTSH_WRITABLE_H
#define AGENTSH_WRITABLE_H

#include <stdbool.h>

/*
 * Can the session make a file in that directory (an absolute path), or, where it does not exist,
 * in the nearest one above that does, and so make the directory itself? The session is taken to
 * be the caller's; for root, who can write everything and checks for others, it is whoever is not
 * root: the directory is another user's, or everybody's.
 */
bool writable_by_session(const char *directory);

/* Could the caller change that file: write it, change its mode, or put another in its place? */
bool writable_file(const char *path);

#endif
