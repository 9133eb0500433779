/*
 * What the subcommands of agentshctl(1) that read a trail share.
 */
#ifndef AGENTSH_CTL_TRAIL_H
#define AGENTSH_CTL_TRAIL_H

#include "ctl.h"
#include "trail_reader.h"

/* The arguments of one of them. */
struct ctl_trail_options {
	const char *file;    /* NULL: the user's own trail */
	const char *session; /* NULL: any */
	bool follow;
	bool json;
};

/*
 * Parses the arguments; letters says which of "f", "s" and "j" (--json) the subcommand takes.
 * CTL_OK or CTL_USAGE, told.
 */
int ctl_trail_options(int argc, char **argv, const char *letters, struct ctl_trail_options *options);

/*
 * Opens the trail of the options: the file, else what [sidecar] events of the policy that agentsh-exec
 * would use names as a path, else trail_path(). path holds its name as long as the reader is open.
 * CTL_OK (close with trail_reader_close), or CTL_FINDING, told.
 */
int ctl_trail_open(const struct ctl_trail_options *options, char path[PATH_MAX], struct trail_reader *reader);

/* Prints "FILE:LINE: message", escaped, to stderr, behind what stdout has. Returns CTL_FINDING. */
int ctl_trail_finding(const struct error *err);

/*
 * Hands every event up to the end of the file to take, with data; take may keep nothing of it.
 * CTL_OK, or CTL_FINDING where a line was none or the file could not be read to its end, told. A mark of a
 * torn line is told, and is none of these.
 */
int ctl_trail_each(struct trail_reader *reader, void (*take)(const struct trail_event *event, void *data), void *data);

/* Is the event of the session that the options ask for? */
bool ctl_trail_wanted(const struct ctl_trail_options *options, const cJSON *event);

#endif
