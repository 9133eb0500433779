/*
 * What a socket says of itself as a number: socket(7).
 */
#ifndef AGENTSH_SOCKET_OPTION_H
#define AGENTSH_SOCKET_OPTION_H

/* An option of SOL_SOCKET (SO_DOMAIN, SO_TYPE ...). -1 and errno: it has none, or is no socket. */
int socket_option(int descriptor, int option);

#endif
