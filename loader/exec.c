/*
 * agentsh-exec: reads the policy, sets no_new_privs, loads the filter, executes the target.
 *
 * Everything that can fail is done before the load. After it there is execve and nothing else:
 * any other call may be one that the policy kills.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "descriptors.h"
#include "environment.h"
#include "error.h"
#include "filter.h"
#include "init.h"
#include "invocation.h"
#include "isolation.h"
#include "program.h"
#include "rules.h"
#include "session.h"
#include "syscall_table.h"

#define PROGRAM_NAME   "agentsh-exec"
#define INIT_PID       1
#define FALLBACK_SHELL "/bin/sh" /* for a file that execve(2) answers ENOEXEC to: execvp(3) */

/* What is executed, and how; made before the load. */
struct target {
	struct program program;
	char **arguments;
	char shell[sizeof(FALLBACK_SHELL)];
	char **shell_arguments; /* the shell, the file, its arguments */
	char **environment;
	bool can_write; /* write(2) is allowed: a failing execve can be told */
};

struct load {
	struct config config;
	struct filter filter; /* empty where the policy has none */
	char session[sizeof(SESSION_VARIABLE "=") + SESSION_ID_SIZE];
	char *shell; /* "SHELL=..."; or NULL */
	struct target target;
};

static int give_up(const struct error *err, int status)
{
	error_print(STDERR_FILENO, PROGRAM_NAME, err);
	return status;
}

/* Options that only a sidecar could serve. */
static int refuse_sidecar_options(const struct invocation *invocation, struct error *err)
{
	const char *option = NULL;

	if (strcmp(invocation->sidecar, "auto") != 0 && strcmp(invocation->sidecar, "none") != 0)
		option = "--sidecar";
	else if (invocation->events)
		option = "--events";
	else if (invocation->shim)
		option = "--shim";
	if (option)
		return error_set(err,
				 "%s: there is no sidecar in this version (leave it out; degraded = no_unix refuses "
				 "Unix sockets without one)",
				 option);
	return 0;
}

static int refuse_sidecar_policy(const struct config *config, struct error *err)
{
	unsigned line = 0;
	const char *remedy = NULL;
	const char *what = policy_needs_sidecar(&config->policy, &line, &remedy);

	if (!what)
		return 0;
	return error_set(err, "%s:%u: %s: it needs the sidecar, which is not in this version (what runs: %s)",
			 config_name(config), line, what, remedy);
}

static int load_policy(const struct invocation *invocation, struct load *load, struct error *err)
{
	struct config_search search = {.system_only = true};
	struct diagnostics diagnostics;

	if (invocation->form == INVOKED_AS_PREFIX)
		search = config_search_environment(invocation->file);
	diagnostics_init(&diagnostics);
	if (config_load(&search, &load->config, &diagnostics, err) != 0)
		return -1;
	if (refuse_sidecar_policy(&load->config, err) != 0)
		return -1;
	if (!policy_filters(&load->config.policy))
		return 0;
	return filter_build(&load->config.policy, syscall_native_arch(), &load->filter, err);
}

static int name_session(const struct invocation *invocation, struct load *load, struct error *err)
{
	const char *wanted = invocation->session;
	const char *how = "-s";
	char id[SESSION_ID_SIZE];

	if (!wanted && invocation->form == INVOKED_AS_PREFIX) {
		wanted = getenv(SESSION_VARIABLE);
		how = "$" SESSION_VARIABLE;
	}
	if (session_id(wanted, how, id, err) != 0)
		return -1;
	(void)snprintf(load->session, sizeof(load->session), SESSION_VARIABLE "=%s", id);
	return 0;
}

/* Is the [shell] program this very loader? It would execute itself for ever. */
static bool is_ourselves(const char *path)
{
	struct stat program;
	struct stat ourselves;

	return stat(path, &program) == 0 && stat("/proc/self/exe", &ourselves) == 0 &&
	       program.st_dev == ourselves.st_dev && program.st_ino == ourselves.st_ino;
}

/* argv[0] as the shell would have been called itself: "-bash", "bash", or its path. */
static char *translate_name(const char *program, const char *called, bool login)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash ? slash + 1 : program;
	char *name = NULL;

	if (!login)
		return strdup(strchr(called, '/') ? program : base);
	return asprintf(&name, "-%s", base) < 0 ? NULL : name;
}

static int out_of_memory(struct error *err)
{
	(void)error_set(err, "memory: %s", strerrordesc_np(ENOMEM));
	return STATUS_FAILED;
}

static int aim_at_shell(const struct invocation *invocation, const char *called, struct load *load, struct error *err)
{
	const char *program = load->config.policy.shell_program;
	size_t count = 0;

	if (is_ourselves(program)) {
		(void)error_set(err, "[shell] program: %s is this loader (name a shell)", program);
		return STATUS_FAILED;
	}
	while (invocation->arguments[count])
		count++;
	load->target.arguments = calloc(count + 2, sizeof(char *));
	if (!load->target.arguments || asprintf(&load->shell, "SHELL=%s", program) < 0)
		return out_of_memory(err);
	load->target.arguments[0] = translate_name(program, called, invocation->login);
	if (!load->target.arguments[0])
		return out_of_memory(err);
	memcpy(&load->target.arguments[1], invocation->arguments, count * sizeof(char *));
	return program_find(program, NULL, &load->target.program, err);
}

static int aim_at_command(const struct invocation *invocation, struct load *load, struct error *err)
{
	load->target.arguments = invocation->arguments;
	return program_find(invocation->arguments[0], getenv("PATH"), &load->target.program, err);
}

static int prepare_fallback(struct target *target)
{
	size_t count = 0;

	while (target->arguments[count])
		count++;
	target->shell_arguments = calloc(count + 2, sizeof(char *));
	if (!target->shell_arguments)
		return -1;
	/* Not the file's own name: a busybox goes by it. */
	target->shell_arguments[0] = target->shell;
	target->shell_arguments[1] = target->program.path;
	memcpy(&target->shell_arguments[2], &target->arguments[1], (count - 1) * sizeof(char *));
	return 0;
}

static int refuse_foreign(const struct load *load, struct error *err)
{
	if (!load->target.program.foreign || load->filter.count == 0)
		return 0;
	(void)error_set(err, "%s: a 32-bit program, whose system calls the filter refuses (use a 64-bit build)",
			load->target.program.path);
	return STATUS_NOT_EXECUTABLE;
}

static bool may_write(const struct load *load)
{
	struct rules rules;
	bool allowed;

	if (load->filter.count == 0)
		return true;
	if (rules_build(&load->config.policy, syscall_native_arch(), &rules, NULL) != 0)
		return false;
	allowed = rules_of_call(&rules, SYS_write).action == SCMP_ACT_ALLOW;
	rules_free(&rules);
	return allowed;
}

/* Everything about the target. 0, or the exit status and *err. */
static int aim(const struct invocation *invocation, const char *called, struct load *load, struct error *err)
{
	char *settings[2] = {load->session};
	size_t count = 1;
	int status;

	if (invocation->form == INVOKED_AS_SHELL)
		status = aim_at_shell(invocation, called, load, err);
	else
		status = aim_at_command(invocation, load, err);
	if (status == 0)
		status = refuse_foreign(load, err);
	if (status != 0)
		return status;
	if (load->shell)
		settings[count++] = load->shell;
	load->target.environment = environment_with(environ, settings, count);
	if (!load->target.environment || prepare_fallback(&load->target) != 0)
		return out_of_memory(err);
	load->target.can_write = may_write(load);
	return 0;
}

static int prepare_descriptors(const struct policy *policy, struct error *err)
{
	bool no_unix =
	    policy_filters(policy) && policy->unix_socket.enabled && policy->unix_socket.degraded == DEGRADED_NO_UNIX;

	if (policy->close_fds && descriptors_close(err) != 0)
		return -1;
	return no_unix ? descriptors_refuse_addressable(err) : 0;
}

/* A kernel that does not know the action takes it for KILL_THREAD: the process would live on. */
static int require_kill_process(struct error *err)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return 0;
	return error_set(err, "seccomp: the kernel cannot kill a process: %s (see agentshctl doctor)",
			 strerrordesc_np(errno));
}

static int confine(const struct policy *policy, struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(err, "no_new_privs: %s (see agentshctl doctor)", strerrordesc_np(errno));
	if (policy->isolate)
		return isolation_enter(list_find(&policy->accept, ISOLATION_DEGRADATION) != NULL, err);
	return 0;
}

static int load_filter(const struct filter *filter, struct error *err)
{
	struct sock_fprog program = {.len = (unsigned short)filter->count, .filter = filter->instructions};

	if (filter->count == 0)
		return 0;
	if (filter->count > BPF_MAXINSNS)
		return error_set(err, "seccomp: the filter is too long");
	if (require_kill_process(err) != 0)
		return -1;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	return error_set(err, "seccomp: the filter cannot be loaded: %s (see agentshctl doctor)",
			 strerrordesc_np(errno));
}

/* What may be done about an execve(2) that failed although all that could be known spoke for it. */
static const char *remedy_of(int error)
{
	switch (error) {
	case ENOENT:
		return "its interpreter or dynamic linker is missing";
	case E2BIG:
		return "shorten the arguments or the environment";
	case ENOEXEC:
		return "it is built for another machine, or damaged";
	case ETXTBSY:
		return "somebody has it open for writing";
	default:
		return "run it without agentsh-exec to compare";
	}
}

/* Past the load: execve only, unless it fails. Then a line where write is allowed, and the end. */
static _Noreturn void execute(const struct target *target)
{
	struct error err;
	int error;

	execve(target->program.path, target->arguments, target->environment);
	error = errno;
	if (error == ENOEXEC && !target->program.binary) {
		execve(target->shell, target->shell_arguments, target->environment);
		error = errno;
	}
	if (target->can_write) {
		(void)error_set(&err, "%s: %s (%s)", target->program.path, strerrordesc_np(error), remedy_of(error));
		error_print(STDERR_FILENO, PROGRAM_NAME, &err);
	}
	/* The policy may kill exit_group, which is a SIGSYS, or refuse it: then SIGSYS by our own hand. */
	(void)syscall(SYS_exit_group, STATUS_NOT_EXECUTABLE);
	(void)signal(SIGSYS, SIG_DFL);
	(void)raise(SIGSYS);
	_exit(STATUS_NOT_EXECUTABLE);
}

/* From here on in a child, where the loader has to stay: as PID 1 nothing inside could kill the target. */
static int stay_if_needed(const struct invocation *invocation, struct error *err)
{
	return invocation->init || getpid() == INIT_PID ? init_stay(err) : 0;
}

/* Returns only where nothing ran: the exit status, and *err. */
static int run(const struct invocation *invocation, const char *called, struct error *err)
{
	struct load load = {.target.shell = FALLBACK_SHELL};
	int status;

	if (refuse_sidecar_options(invocation, err) != 0 || name_session(invocation, &load, err) != 0 ||
	    load_policy(invocation, &load, err) != 0)
		return STATUS_FAILED;
	status = aim(invocation, called, &load, err);
	if (status != 0)
		return status;
	if (prepare_descriptors(&load.config.policy, err) != 0 || stay_if_needed(invocation, err) != 0 ||
	    confine(&load.config.policy, err) != 0 || load_filter(&load.filter, err) != 0)
		return STATUS_FAILED;
	execute(&load.target); /* last: the filter is loaded */
}

static int print(const char *text)
{
	struct error err;

	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return EXIT_SUCCESS;
	(void)error_set(&err, "standard output: %s (redirect it)", strerrordesc_np(errno));
	return give_up(&err, STATUS_FAILED);
}

int main(int argc, char **argv)
{
	struct invocation invocation;
	struct error err;

	if (invocation_parse(argc, argv, &invocation, &err) != 0)
		return give_up(&err, STATUS_FAILED);
	if (invocation.form == INVOKED_FOR_HELP)
		return print(invocation_help);
	if (invocation.form == INVOKED_FOR_VERSION)
		return print(PROGRAM_NAME " " AGENTSH_VERSION "\n");
	return give_up(&err, run(&invocation, argv[0], &err));
}
