/*
 * agentshctl: what needs the same policy code as the loader, but no target.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"

struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct subcommand subcommands[] = {
    {"check", ctl_check},       {"explain", ctl_explain}, {"export", ctl_export},   {"init", ctl_init},
    {"flatten", ctl_flatten},   {"doctor", ctl_doctor},   {"events", ctl_events},   {"last", ctl_last},
    {"sessions", ctl_sessions}, {"suggest", ctl_suggest}, {"runtime", ctl_runtime}, {"cache", ctl_cache},
};

static const char help[] =
    "Usage: agentshctl SUBCOMMAND [argument...]\n"
    "\n"
    "  check [FILE...]                     what is wrong with a policy, FILE:LINE: message\n"
    "  explain [--syscall NAME] [FILE]     what each system call gets, and why\n"
    "          --socket PATH|@NAME [--op connect|bind|sendto] [FILE]\n"
    "                                      what a Unix socket gets, and why\n"
    "  export --format=bpf|pfc|oci [FILE]  the filter, as a program, as text or for containers\n"
    "          --listener=PATH             of oci: the sidecar's socket for runtimes\n"
    "          --wait-killable             of oci: a signal has no call made twice (crun)\n"
    "  init [FILE]                         a commented starter policy\n"
    "  flatten [--ignore-other] [FILE|-]   a YAML policy as INI\n"
    "  doctor                              what this host can do for the policy\n"
    "         --user NAME                  each way around that user's login shell\n"
    "  events [-f] [-s ID] [--json] [FILE] the trail, a line an event; -f goes on with it\n"
    "  last [-s ID] [FILE]                 the latest denial, why, and what would allow it\n"
    "  sessions [FILE]                     the sessions of the trail\n"
    "  suggest [-s ID] [FILE]              rules for what an audit run tried, to be read first\n"
    "  runtime [OPTION...] [--] ARGUMENT...\n"
    "          --policy=FILE --listener=PATH --runtime=PROGRAM\n"
    "                                      a container runtime, its containers under the policy\n"
    "  cache [FILE]                        as root: keeps the filter of a policy without a sidecar, built\n"
    "        --clear                       removes all that are kept\n"
    "  --help, --version\n"
    "\n"
    "Where FILE is left out, the policy is the one that agentsh-exec would use,\n"
    "and the trail the one that it would write to.\n"
    "Exit status: 0 good; 1 a finding; 2 wrong usage.\n";

int main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fputs(help, stderr);
		return CTL_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		(void)fputs(help, stdout);
		return ctl_finish();
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		(void)puts("agentshctl " AGENTSH_VERSION);
		return ctl_finish();
	}
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (strcmp(subcommands[i].name, argv[1]) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	return ctl_usage(argv[1], "no such subcommand");
}
