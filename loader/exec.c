/*
 * agentsh-exec: reads the policy, finds who supervises, sets no_new_privs, loads the filter, hands
 * its listener over, executes the target.
 *
 * Everything that can fail is done before the load. After it there is the hand-over, by calls that
 * the policy leaves alone, and execve: any other call may be one that the policy kills.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "descriptors.h"
#include "error.h"
#include "filter.h"
#include "invocation.h"
#include "isolation.h"
#include "preload.h"
#include "program.h"
#include "reporting.h"
#include "rules.h"
#include "supervision.h"
#include "syscall_table.h"
#include "target.h"
#include "wait_killable.h"

struct load {
	struct config config;
	struct supervision supervision;
	struct handover report; /* open where a session without a listener is told of */
	struct filter filter;   /* empty where there is none to load */
	struct target target;
	bool may_write; /* write(2) is allowed behind the filter: a failure can be told */
};

static int give_up(const struct error *err, int status)
{
	error_print(STDERR_FILENO, PROGRAM_NAME, err);
	return status;
}

/*
 * A set-user-ID loader would hand its owner's rights to whatever its caller names. As the kernel
 * found it at our exec, and not AT_SECURE, which an LSM sets for honest logins as well.
 */
static int refuse_foreign_rights(struct error *err)
{
	if (getauxval(AT_UID) == getauxval(AT_EUID) && getauxval(AT_GID) == getauxval(AT_EGID))
		return 0;
	return error_set(err, "rights: the effective user or group is not the caller's (chmod u-s,g-s; a set-user-ID "
			      "program may not call it either)");
}

static int load_policy(const struct invocation *invocation, struct config *config, struct error *err)
{
	struct config_search search = {.system_only = true};
	struct diagnostics diagnostics;

	if (invocation->form == INVOKED_AS_PREFIX)
		search = config_search_environment(invocation->file);
	/* In a session without a sidecar nobody else looks at the policy. */
	if (!supervision_wanted(invocation) && !invocation->shim)
		search.find_program = program_cache_find;
	diagnostics_init(&diagnostics);
	return config_load(&search, config, &diagnostics, err);
}

static bool wants_library(const struct invocation *invocation, const struct load *load)
{
	return invocation->shim || load->config.policy.shim;
}

/* The library that reports: its call is one that the filter leaves alone in a session with a listener. */
static int find_preload(const struct invocation *invocation, const struct load *load, struct preload *preload,
			struct error *err)
{
	bool has_listener = load->supervision.kind == SUPERVISED_ALREADY ||
			    (policy_filters(&load->config.policy) && supervision_wanted(invocation));

	if (!has_listener || !wants_library(invocation, load))
		return 0;
	preload->report = (char *)HANDOVER_REPORT_VARIABLE "="; /* there may be that of a session around this one */
	return preload_find(preload, err);
}

/* In one without, it connects to whoever is there, if it may. By the process that is to be the session's first. */
static int begin_reports(const struct invocation *invocation, struct load *load, struct preload *preload,
			 struct error *err)
{
	if (load->supervision.kind != SUPERVISED_BY_NOBODY || !policy_filters(&load->config.policy) ||
	    !wants_library(invocation, load))
		return 0;
	preload->report = reporting_begin(&load->config.policy, load->supervision.session, &load->report);
	return preload->report ? preload_find(preload, err) : 0;
}

static int prepare_descriptors(struct load *load, struct error *err)
{
	const struct policy *policy = &load->config.policy;

	if (policy->close_fds && descriptors_close(err) != 0)
		return -1;
	if (policy_filters(policy) && policy->unix_socket.enabled && policy->unix_socket.degraded == DEGRADED_NO_UNIX)
		return descriptors_refuse_addressable(false, err);
	if (policy_carries_out(policy) && policy->unix_socket.datagram == DATAGRAM_DENY)
		return descriptors_refuse_addressable(true, err);
	return 0;
}

/* Outside of any session, and with a filter to come: the sidecar is told. */
static int begin_session(const struct invocation *invocation, struct load *load, struct asking *asking,
			 struct error *err)
{
	const struct policy *policy = &load->config.policy;
	bool mediates = policy_carries_out(policy);

	if (load->supervision.kind == SUPERVISED_ALREADY || !policy_filters(&load->config.policy))
		return 0;
	if (supervision_wanted(invocation) && descriptors_list(asking->inherited, sizeof(asking->inherited), mediates,
							       &asking->inherited_length, err) != 0)
		return -1;
	if (supervision_begin(invocation, &load->config, load->target.arguments, &load->supervision, asking, err) != 0)
		return -1;
	return load->supervision.makes_sockets ? descriptors_refuse_addressable(true, err) : 0;
}

/* What the sidecar's answer has a say in: the keeper's protection, and how the listener is announced. */
static int complete_filter(struct load *load, struct asking *asking, struct rules *rules, struct error *err)
{
	if (supervision_await(&load->supervision, asking, err) != 0 ||
	    rules_guard(rules, load->supervision.handover.keeper, err) != 0 ||
	    filter_compile(rules, &load->filter, err) != 0)
		return -1;
	return supervision_arm(&load->supervision, rules, err);
}

/* One that was built before. The entry stays the owner of its instructions. */
static void take_program(const struct cached_program *program, struct load *load)
{
	load->filter = (struct filter){.instructions = program->instructions, .count = program->count};
	load->may_write = program->may_write;
}

/* The filter, and all that depends on its rules: these are made while the sidecar looks at what it has been told. */
static int prepare_filter(struct load *load, struct asking *asking, struct error *err)
{
	const struct rules_setting setting = supervision_setting(&load->supervision);
	const struct policy *policy = &load->config.policy;
	struct rules rules;
	int result;

	load->may_write = true;
	if (load->config.program.entry) {
		take_program(&load->config.program, load);
		return 0;
	}
	if (!supervision_filters(&load->supervision, policy))
		return 0;
	if (rules_build_for(policy, &setting, syscall_native_arch(), &rules, err) != 0)
		return -1;
	load->may_write = rules_of_call(&rules, SYS_write).action == SCMP_ACT_ALLOW;
	result = complete_filter(load, asking, &rules, err);
	rules_free(&rules);
	return result;
}

/* A kernel that does not know the action takes it for KILL_THREAD: the process would live on. */
static int require_action(uint32_t action, const char *what, struct error *err)
{
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return 0;
	return error_set(err, "seccomp: the kernel cannot %s: %m (see agentshctl doctor)", what);
}

static int confine(const struct policy *policy, struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(err, "no_new_privs: %m (see agentshctl doctor)");
	if (policy->isolate)
		return isolation_enter(list_find(&policy->accept, ISOLATION_DEGRADATION) != NULL, err);
	return 0;
}

static long load_program(struct sock_fprog *program, unsigned long flags)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

/* The listener, or -1 and errno. A kernel without WAIT_KILLABLE_RECV loses that flag, where it may, and no other. */
static int load_with_listener(const struct load *load, struct sock_fprog *program, bool *wait_killable)
{
	long listener =
	    load_program(program, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	*wait_killable = listener >= 0;
	if (listener < 0 && errno == EINVAL && !wait_killable_is_needed(&load->config.policy))
		listener = load_program(program, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	return (int)listener;
}

static int not_loaded(struct error *err)
{
	if (errno == EINVAL && !wait_killable_is_possible())
		return error_set(err,
				 "seccomp: a signal would have calls on sockets made twice (Linux 5.19; or accept = "
				 "%s, or degraded = no_unix)",
				 WAIT_KILLABLE_DEGRADATION);
	if (errno == EBUSY)
		return error_set(err,
				 "seccomp: another supervisor's listener is there already (--sidecar=none, where the "
				 "policy needs no notifications)");
	return error_set(err, "seccomp: the filter cannot be loaded: %m (%s)",
			 errno == ENOMEM ? "too many sessions inside one another, or too little memory"
					 : "see agentshctl doctor");
}

static int load_filter(struct load *load, struct error *err)
{
	struct sock_fprog program = {.len = (unsigned short)load->filter.count, .filter = load->filter.instructions};
	bool listens = load->supervision.kind == SUPERVISED_BY_SIDECAR;
	bool wait_killable;
	int listener;

	if (load->filter.count == 0)
		return 0;
	if (load->filter.count > BPF_MAXINSNS)
		return error_set(err, "seccomp: the filter is too long");
	if (require_action(SECCOMP_RET_KILL_PROCESS, "kill a process", err) != 0)
		return -1;
	if (!listens)
		return load_program(&program, 0) == 0 ? 0 : not_loaded(err);
	if (require_action(SECCOMP_RET_USER_NOTIF, "notify a sidecar", err) != 0)
		return -1;
	listener = load_with_listener(load, &program, &wait_killable);
	if (listener < 0)
		return not_loaded(err);
	/* From here on: only calls that the policy leaves alone. */
	if (supervision_hand_over(&load->supervision, listener, wait_killable, err) == 0)
		return 0;
	if (load->may_write)
		error_print(STDERR_FILENO, PROGRAM_NAME, err);
	target_give_up(STATUS_FAILED);
}

/* Returns only where nothing ran: the exit status, and *err. */
static int run(const struct invocation *invocation, const char *called, struct load *load, struct error *err)
{
	struct preload preload = {.library = NULL};
	struct asking asking; /* no more of it is touched than is needed */
	int status;

	if (refuse_foreign_rights(err) != 0 || load_policy(invocation, &load->config, err) != 0 ||
	    supervision_find(invocation, &load->config, &load->supervision, err) != 0)
		return STATUS_FAILED;
	status = target_find(invocation, called, &load->config.policy, &load->target, err);
	if (status != 0)
		return status;
	if (find_preload(invocation, load, &preload, err) != 0 || prepare_descriptors(load, err) != 0 ||
	    supervision_stay(invocation, &load->config, &load->supervision, err) != 0 ||
	    begin_session(invocation, load, &asking, err) != 0 || begin_reports(invocation, load, &preload, err) != 0 ||
	    target_set_session(&load->target, load->supervision.session, &preload, err) != 0 ||
	    prepare_filter(load, &asking, err) != 0 || confine(&load->config.policy, err) != 0 ||
	    load_filter(load, err) != 0)
		return STATUS_FAILED;
	target_execute(&load->target, load->may_write); /* last: the filter is loaded */
}

static int print(const char *text)
{
	struct error err;
	ssize_t written = 0;

	while (*text && (written = write(STDOUT_FILENO, text, strlen(text))) > 0)
		text += written;
	if (!*text)
		return EXIT_SUCCESS;
	(void)error_set(&err, "standard output: %m (redirect it)");
	return give_up(&err, STATUS_FAILED);
}

int main(int argc, char **argv)
{
	struct invocation invocation;
	struct load *load;
	struct error err;
	int status = STATUS_FAILED;

	if (invocation_parse(argc, argv, &invocation, &err) != 0)
		return give_up(&err, STATUS_FAILED);
	if (invocation.form == INVOKED_FOR_HELP)
		return print(invocation_help);
	if (invocation.form == INVOKED_FOR_VERSION)
		return print(PROGRAM_NAME " " AGENTSH_VERSION "\n");
	/* Zeros that nobody has to write, unlike those of an automatic variable. */
	load = calloc(1, sizeof(*load));
	if (load)
		status = run(&invocation, argv[0], load, &err);
	else
		(void)error_set(&err, "memory: %m");
	free(load);
	return give_up(&err, status);
}
