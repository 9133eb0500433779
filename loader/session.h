/*
 * The session's ID: a label, 1 to 64 of [A-Za-z0-9_.-].
 */
#ifndef AGENTSH_SESSION_H
#define AGENTSH_SESSION_H

#include "error.h"

#define SESSION_ID_SIZE  65 /* bytes with the NUL */
#define SESSION_VARIABLE "AGENTSH_SESSION_ID"

/*
 * Writes the session's ID to out: wanted, unless that is NULL or empty; then "sess_" and 12 hex
 * digits from getrandom(2). how says where wanted comes from, for the message. 0, or -1 and *err.
 */
int session_id(const char *wanted, const char *how, char out[SESSION_ID_SIZE], struct error *err);

#endif
