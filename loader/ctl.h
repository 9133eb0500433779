/*
 * The subcommands of agentshctl(1). Each takes its own argv (argv[0] is its name) and returns the
 * exit status.
 */
#ifndef AGENTSH_CTL_H
#define AGENTSH_CTL_H

#include "config.h"

enum ctl_status { CTL_OK = 0, CTL_FINDING = 1, CTL_USAGE = 2 };

int ctl_check(int argc, char **argv);
int ctl_explain(int argc, char **argv);
int ctl_export(int argc, char **argv);
int ctl_init(int argc, char **argv);
int ctl_flatten(int argc, char **argv);
int ctl_doctor(int argc, char **argv);
int ctl_events(int argc, char **argv);
int ctl_last(int argc, char **argv);
int ctl_sessions(int argc, char **argv);
int ctl_suggest(int argc, char **argv);
int ctl_runtime(int argc, char **argv);
int ctl_cache(int argc, char **argv);

/* explain --socket: what the policy of FILE says of a name. operation: NULL for connect. */
int ctl_explain_socket(const char *file, const char *given, const char *operation);

/* doctor --user: each way by which something runs as that user without its login shell. */
int ctl_doctor_user(const char *name);

/* Prints "agentshctl SUBCOMMAND: PROBLEM" and where help is. Returns CTL_USAGE. */
int ctl_usage(const char *subcommand, const char *problem);

/* Prints the one line of an error. Returns CTL_FINDING. */
int ctl_failed(const struct error *err);

/*
 * Loads the policy of FILE, or of the search that agentsh-exec does where file is NULL. Returns
 * CTL_OK (free with config_free), or CTL_FINDING, with everything that is wrong told on stderr.
 */
int ctl_load(const char *file, struct config *config);

/* The same; err is the first of it, for whoever is to hear of it as well. */
int ctl_load_saying(const char *file, struct config *config, struct error *err);

/* Flushes stdout: CTL_OK, or CTL_FINDING where not all could be written. */
int ctl_finish(void);

#endif
