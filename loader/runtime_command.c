#include "runtime_command.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct known {
	const char *name;
	bool takes_value;
};

static const struct known general[] = {
    {"--root", true},
    {"--log", true},
    {"--log-format", true},
    {"--log-level", true},
    {"--criu", true},
    {"--rootless", true},
    {"--cgroup-manager", true},
    {"--debug", false},
    {"--systemd-cgroup", false},
    {"--version", false},
    {"-v", false},
    {"--help", false},
    {"-h", false},
    {NULL, false},
};

static const struct known of_begin[] = {
    {"--bundle", true},
    {"-b", true},
    {"--console-socket", true},
    {"--pid-file", true},
    {"--pidfd-socket", true},
    {"--preserve-fds", true},
    {"--no-pivot", false},
    {"--no-new-keyring", false},
    {"--detach", false},
    {"-d", false},
    {"--keep", false},
    {"--no-subreaper", false},
    {NULL, false},
};

static const struct known of_exec[] = {
    {"--process", true},
    {"-p", true},
    {"--console-socket", true},
    {"--pid-file", true},
    {"--pidfd-socket", true},
    {"--preserve-fds", true},
    {"--cwd", true},
    {"--env", true},
    {"-e", true},
    {"--user", true},
    {"-u", true},
    {"--additional-gids", true},
    {"-g", true},
    {"--cap", true},
    {"-c", true},
    {"--apparmor", true},
    {"--process-label", true},
    {"--cgroup", true},
    {"--detach", false},
    {"-d", false},
    {"--tty", false},
    {"-t", false},
    {"--no-new-privs", false},
    {"--ignore-paused", false},
    {"--no-subreaper", false},
    {NULL, false},
};

/* An option as it is written. */
struct option_read {
	const char *name;  /* of the table; NULL: it is not known */
	const char *value; /* NULL: it has none */
	size_t count;      /* arguments that it is made of */
};

static struct option_read read_option(char *const *arguments, const struct known *known)
{
	for (; known->name; known++) {
		size_t length = strlen(known->name);
		bool is_long = known->name[1] == '-';

		if (strcmp(arguments[0], known->name) == 0 && !known->takes_value)
			return (struct option_read){.name = known->name, .count = 1};
		if (strcmp(arguments[0], known->name) == 0 && arguments[1])
			return (struct option_read){.name = known->name, .value = arguments[1], .count = 2};
		if (is_long && known->takes_value && strncmp(arguments[0], known->name, length) == 0 &&
		    arguments[0][length] == '=')
			return (struct option_read){
			    .name = known->name, .value = arguments[0] + length + 1, .count = 1};
	}
	return (struct option_read){.name = NULL};
}

static int refuse(const char *argument, struct error *err)
{
	return error_set(err,
			 "runtime: %s: no option that is known there, or one without its value (write it out, as "
			 "--name, and name the runtime itself to the caller for what is to begin without the policy)",
			 argument);
}

static bool is_option(const char *argument)
{
	return argument[0] == '-' && argument[1] != '\0';
}

/* The options before the command. How many arguments they are; -1 and *err. */
static int read_general(char *const *arguments, struct runtime_command *command, struct error *err)
{
	const char *log = NULL;
	bool is_json = false;
	size_t i = 0;

	while (arguments[i] && is_option(arguments[i])) {
		const struct option_read option = read_option(arguments + i, general);

		if (!option.name)
			return refuse(arguments[i], err);
		if (strcmp(option.name, "--log") == 0)
			log = option.value;
		if (option.value && strcmp(option.name, "--log-format") == 0)
			is_json = strcmp(option.value, "json") == 0;
		command->log = is_json ? log : NULL;
		i += option.count;
	}
	return (int)i;
}

static void take(const struct option_read *option, struct runtime_command *command)
{
	if (strcmp(option->name, "--bundle") == 0 || strcmp(option->name, "-b") == 0)
		command->bundle = option->value;
	if (strcmp(option->name, "--process") == 0 || strcmp(option->name, "-p") == 0)
		command->process = option->value;
}

/* Those of a command; of exec only those before the container, behind which the process's own begin. */
static int read_own(char *const *arguments, const struct known *known, struct runtime_command *command,
		    struct error *err)
{
	while (*arguments) {
		const struct option_read option = read_option(arguments, known);

		if (!is_option(*arguments) && command->kind == RUNTIME_COMMAND_EXEC)
			return 0;
		if (is_option(*arguments) && !option.name)
			return refuse(*arguments, err);
		if (option.name)
			take(&option, command);
		arguments += option.name ? option.count : 1;
	}
	return 0;
}

int runtime_command_read(char *const *arguments, struct runtime_command *command, struct error *err)
{
	int before;

	*command = (struct runtime_command){.kind = RUNTIME_COMMAND_OTHER, .bundle = "."};
	before = read_general(arguments, command, err);
	if (before < 0)
		return -1;
	arguments += before;
	if (!*arguments)
		return 0;
	if (strcmp(*arguments, "restore") == 0)
		return error_set(err, "runtime: restore: what comes from a checkpoint cannot be put under a policy "
				      "(begin the container anew)");
	if (strcmp(*arguments, "create") == 0 || strcmp(*arguments, "run") == 0) {
		command->kind = RUNTIME_COMMAND_BEGIN;
		return read_own(arguments + 1, of_begin, command, err);
	}
	if (strcmp(*arguments, "exec") != 0)
		return 0;
	command->kind = RUNTIME_COMMAND_EXEC;
	return read_own(arguments + 1, of_exec, command, err);
}
