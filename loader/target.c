#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "signals.h"

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
	(void)error_set(err, "memory: %m");
	return STATUS_FAILED;
}

static size_t count_of(char *const *arguments)
{
	size_t count = 0;

	while (arguments[count])
		count++;
	return count;
}

static int find_shell(const struct invocation *invocation, const char *called, const char *program,
		      struct target *target, struct error *err)
{
	size_t count = count_of(invocation->arguments);

	if (is_ourselves(program)) {
		(void)error_set(err, "[shell] program: %s is this loader (name a shell)", program);
		return STATUS_FAILED;
	}
	target->arguments = calloc(count + 2, sizeof(char *));
	if (!target->arguments || asprintf(&target->shell_setting, "SHELL=%s", program) < 0)
		return out_of_memory(err);
	target->arguments[0] = translate_name(program, called, invocation->login);
	if (!target->arguments[0])
		return out_of_memory(err);
	memcpy(&target->arguments[1], invocation->arguments, count * sizeof(char *));
	return program_find(program, NULL, &target->program, err);
}

static int find_command(const struct invocation *invocation, struct target *target, struct error *err)
{
	target->arguments = invocation->arguments;
	return program_find(invocation->arguments[0], getenv("PATH"), &target->program, err);
}

static int prepare_fallback(struct target *target, struct error *err)
{
	size_t count = count_of(target->arguments);

	target->shell_arguments = calloc(count + 2, sizeof(char *));
	if (!target->shell_arguments)
		return out_of_memory(err);
	/* Not the file's own name: a busybox goes by it. */
	target->shell_arguments[0] = target->shell;
	target->shell_arguments[1] = target->program.path;
	memcpy(&target->shell_arguments[2], &target->arguments[1], (count - 1) * sizeof(char *));
	return 0;
}

static int refuse_foreign(const struct target *target, const struct policy *policy, struct error *err)
{
	if (!target->program.foreign || !policy_filters(policy) || policy->mode == MODE_AUDIT)
		return 0;
	(void)error_set(err, "%s: a 32-bit program, whose system calls the filter refuses (use a 64-bit build)",
			target->program.path);
	return STATUS_NOT_EXECUTABLE;
}

int target_find(const struct invocation *invocation, const char *called, const struct policy *policy,
		struct target *target, struct error *err)
{
	int status;

	*target = (struct target){.shell = TARGET_FALLBACK};
	if (invocation->form == INVOKED_AS_SHELL)
		status = find_shell(invocation, called, policy->shell_program, target, err);
	else
		status = find_command(invocation, target, err);
	if (status == 0)
		status = refuse_foreign(target, policy, err);
	return status ? status : prepare_fallback(target, err);
}

int target_set_session(struct target *target, const char *session, const struct preload *preload, struct error *err)
{
	char *settings[5] = {target->session};
	size_t count = 1;

	memcpy(target->session, SESSION_VARIABLE "=", sizeof(SESSION_VARIABLE));
	memcpy(target->session + sizeof(SESSION_VARIABLE), session, strlen(session) + 1);
	if (target->shell_setting)
		settings[count++] = target->shell_setting;
	if (preload->report)
		settings[count++] = preload->report;
	if (preload->library)
		settings[count++] = preload->library;
	if (preload->asan)
		settings[count++] = preload->asan;
	target->environment = environment_with(environ, settings, count);
	return target->environment ? 0 : out_of_memory(err);
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

void target_give_up(int status)
{
	/* The policy may kill exit_group, which is a SIGSYS, or refuse it: then SIGSYS by our own hand. */
	(void)syscall(SYS_exit_group, status);
	signals_default(SIGSYS);
	(void)kill(getpid(), SIGSYS);
	_exit(status);
}

void target_execute(const struct target *target, bool may_write)
{
	struct error err;
	int error;

	execve(target->program.path, target->arguments, target->environment);
	error = errno;
	if (error == ENOEXEC && !target->program.binary) {
		execve(target->shell, target->shell_arguments, target->environment);
		error = errno;
	}
	if (may_write) {
		(void)error_set(&err, "%s: %s (%s)", target->program.path, strerror(error), remedy_of(error));
		error_print(STDERR_FILENO, PROGRAM_NAME, &err);
	}
	target_give_up(STATUS_NOT_EXECUTABLE);
}
