#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "rules.h"
#include "syscall_table.h"

#define ROW         "%-28s %6s  %-14s %s\n"
#define REASON_SIZE (PATH_MAX + 80)

struct explanation {
	const struct config *config;
	const struct rules *rules;
};

static void name_action(uint32_t action, char *out, size_t size)
{
	const char *name = NULL;

	if (action == SCMP_ACT_ALLOW)
		name = "allow";
	else if (action == SCMP_ACT_KILL_PROCESS)
		name = "kill";
	else if (action == SCMP_ACT_NOTIFY)
		name = "notify";
	else if ((action & 0xffff0000U) == SCMP_ACT_ERRNO(0))
		name = strerrorname_np((int)(action & 0xffffU));
	(void)snprintf(out, size, "%s", name ? name : "unknown");
}

static const char *name_reason(enum rule_reason reason)
{
	switch (reason) {
	case RULE_BLOCK_LIST:
		return "in block";
	case RULE_ALLOW_LIST:
		return "in allow";
	case RULE_NOT_LISTED:
		return "not in allow";
	case RULE_NO_UNIX:
		return "degraded = no_unix";
	case RULE_IO_URING:
		return "io_uring goes around the rules for sockets";
	case RULE_NEWER:
		return "newer than the table";
	case RULE_MEDIATED:
		return "mediated by the sidecar";
	case RULE_DEFAULT_ALLOW:
	default:
		return "nothing blocks it";
	}
}

/* The key whose line stands for a reason that has no entry of its own. */
static unsigned line_of(const struct explanation *explanation, enum rule_reason reason, unsigned line)
{
	const struct policy *policy = &explanation->config->policy;

	if (line)
		return line;
	if (reason == RULE_NOT_LISTED || reason == RULE_NEWER)
		return policy->lines[KEY_DEFAULT_ACTION];
	return 0;
}

/* "in block (/etc/agentsh/agentsh.ini:7)", "in block (a built-in default)" */
static void write_reason(const struct explanation *explanation, enum rule_reason reason, unsigned line, char *out,
			 size_t size)
{
	const char *text = name_reason(reason);

	line = line_of(explanation, reason, line);
	if (reason == RULE_DEFAULT_ALLOW)
		(void)snprintf(out, size, "%s", text);
	else if (line)
		(void)snprintf(out, size, "%s (%s:%u)", text, explanation->config->path, line);
	else
		(void)snprintf(out, size, "%s (a built-in default)", text);
}

static const char *condition_of(int number)
{
	if (number == syscall_number(syscall_native_arch(), "socket"))
		return "AF_UNIX sockets";
	if (number == syscall_number(syscall_native_arch(), "socketpair"))
		return "AF_UNIX pairs other than stream and seqpacket";
	return "a call with an address";
}

static void explain_exception(const struct explanation *explanation, const struct rule *rule)
{
	char action[32];
	char reason[REASON_SIZE];
	char text[REASON_SIZE + 64];

	name_action(rule->action, action, sizeof(action));
	write_reason(explanation, rule->reason, rule->line, reason, sizeof(reason));
	(void)snprintf(text, sizeof(text), "%s: %s", condition_of(rule->number), reason);
	printf(ROW, "", "", action, text);
}

static void explain_number(const struct explanation *explanation, int number, const char *name)
{
	struct ruling ruling = rules_of_call(explanation->rules, number);
	char action[32];
	char reason[REASON_SIZE];
	char digits[16];

	(void)snprintf(digits, sizeof(digits), "%d", number);
	name_action(ruling.action, action, sizeof(action));
	write_reason(explanation, ruling.reason, ruling.line, reason, sizeof(reason));
	printf(ROW, name, digits, action, reason);
	if (ruling.conditional)
		explain_exception(explanation, ruling.exception);
}

static void explain_elsewhere(const struct explanation *explanation, const struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct list_entry *entry = &list->entries[i];
		char text[REASON_SIZE];

		if (syscall_number(explanation->rules->arch, entry->text) != SYSCALL_ELSEWHERE)
			continue;
		(void)snprintf(text, sizeof(text), "no such call on %s (%s:%u)",
			       syscall_arch_name(explanation->rules->arch), config_name(explanation->config),
			       entry->line);
		printf(ROW, entry->text, "-", "-", text);
	}
}

static void explain_header(const struct explanation *explanation)
{
	const struct policy *policy = &explanation->config->policy;

	printf("# policy: %s; architecture: %s\n", config_name(explanation->config),
	       syscall_arch_name(explanation->rules->arch));
	if (!policy_filters(policy))
		printf("# no filter is installed: enabled = false or mode = disabled\n");
	printf(ROW, "# CALL", "NUMBER", "ACTION", "WHY");
}

static void explain_all(const struct explanation *explanation)
{
	uint32_t arch = explanation->rules->arch;
	char name[SYSCALL_NAME_MAX];

	explain_header(explanation);
	for (int number = 0; number <= syscall_highest(arch); number++)
		if (syscall_name(arch, number, name))
			explain_number(explanation, number, name);
	if (policy_filters(&explanation->config->policy)) {
		explain_elsewhere(explanation, &explanation->config->policy.syscalls.block);
		explain_elsewhere(explanation, &explanation->config->policy.syscalls.allow);
		printf(ROW, "(newer calls)", "-", explanation->rules->highest >= 0 ? "ENOSYS" : "allow",
		       name_reason(RULE_NEWER));
		printf(ROW, "(any call, other arch, x32)", "-", "kill", "the filter is for native calls only");
	}
}

static int explain_one(const struct explanation *explanation, const char *name)
{
	uint32_t arch = explanation->rules->arch;
	int number = syscall_number(arch, name);
	char nearest[SYSCALL_NAME_MAX];
	struct error err;

	if (number >= 0) {
		explain_number(explanation, number, name);
		return CTL_OK;
	}
	if (number == SYSCALL_ELSEWHERE) {
		printf(ROW, name, "-", "-", "no such call on this architecture");
		return CTL_OK;
	}
	if (syscall_nearest(name, nearest))
		(void)error_set(&err, "explain: unknown system call '%s' (did you mean '%s'?)", name, nearest);
	else
		(void)error_set(&err, "explain: unknown system call '%s'", name);
	return ctl_failed(&err);
}

static int explain(const char *file, const char *syscall_wanted)
{
	struct config config;
	struct rules rules;
	struct explanation explanation = {.config = &config, .rules = &rules};
	struct error err;
	int status = ctl_load(file, &config);

	if (status != CTL_OK)
		return status;
	if (rules_build(&config.policy, syscall_native_arch(), &rules, &err) != 0) {
		status = ctl_failed(&err);
	} else {
		if (syscall_wanted)
			status = explain_one(&explanation, syscall_wanted);
		else
			explain_all(&explanation);
		rules_free(&rules);
	}
	config_free(&config);
	return status == CTL_OK ? ctl_finish() : status;
}

int ctl_explain(int argc, char **argv)
{
	static const struct option options[] = {{"syscall", required_argument, NULL, 's'},
						{"socket", required_argument, NULL, 'u'},
						{"op", required_argument, NULL, 'o'},
						{NULL, 0, NULL, 0}};
	const char *syscall_wanted = NULL;
	const char *socket_wanted = NULL;
	const char *operation = NULL;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			syscall_wanted = optarg;
		else if (option == 'u')
			socket_wanted = optarg;
		else if (option == 'o')
			operation = optarg;
		else
			return ctl_usage("explain", "no such option, or one without its value");
	}
	if (argc - optind > 1)
		return ctl_usage("explain", "it takes one file");
	if (syscall_wanted && socket_wanted)
		return ctl_usage("explain", "--syscall or --socket, not both");
	if (operation && !socket_wanted)
		return ctl_usage("explain", "--op goes with --socket");
	if (socket_wanted)
		return ctl_explain_socket(argv[optind], socket_wanted, operation);
	return explain(argv[optind], syscall_wanted);
}
