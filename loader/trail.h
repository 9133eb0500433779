/*
 * Where events go where nobody has said it: agentsh-exec(1), "Events".
 */
#ifndef AGENTSH_TRAIL_H
#define AGENTSH_TRAIL_H

#include <limits.h>
#include <stdbool.h>

#include "error.h"

#define TRAIL_SYSTEM "/var/log/agentsh/events.jsonl"
#define TRAIL_NAME   "agentsh/events.jsonl" /* in the user's directory for such files */

/*
 * Writes the path of this user's trail: TRAIL_SYSTEM for root, else
 * $XDG_STATE_HOME/agentsh/events.jsonl (~/.local/state where it is unset or relative). As a shell
 * (from_environment false) the home directory comes from /etc/passwd (read as a file, without NSS: fgetpwent(3)),
 * and $HOME only where the user is not in it. 0, or -1 and *err, which names --events.
 */
int trail_path(bool from_environment, char path[PATH_MAX], struct error *err);

/*
 * Makes the directories above path that are missing, mode 0700 (below /var/log: 0750). 0, or -1
 * and *err.
 */
int trail_make_directory(const char *path, struct error *err);

#endif
