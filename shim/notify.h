/*
 * What systemd hands to a service and is told by it: sd_listen_fds(3), sd_notify(3).
 */
#ifndef AGENTSH_NOTIFY_H
#define AGENTSH_NOTIFY_H

/* The listening socket that systemd has activated us with (O_CLOEXEC set), or -1. */
int notify_listening_socket(void);

/* Says READY=1, where anybody asked for it. Keeps nothing of it in the environment. */
void notify_ready(void);

#endif
