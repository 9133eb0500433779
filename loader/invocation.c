#include "invocation.h"

#include <string.h>

#define HELP_REMEDY "see agentsh-exec --help"

const char invocation_help[] =
    "Usage: agentsh-exec [option...] [--] command [arg...]\n"
    "       agentsh-exec -c 'command line' [arg...]\n"
    "Runs a command that cannot make the system calls which policy blocks.\n"
    "\n"
    "  -f FILE               the policy (default: $AGENTSH_CONFIG, the system's, the user's, built in)\n"
    "  -s ID                 the session's name: 1 to 64 of A-Z a-z 0-9 _ . -\n"
    "      --sidecar WHICH   who is told: auto (default), private, none, or the PATH of a sidecar's socket\n"
    "      --events FILE     where events go; -: standard error\n"
    "      --shim            a library in every program tells the sidecar of its start\n"
    "      --init            stay above the command as its init (as PID 1 always)\n"
    "  -c ...                as a shell: all arguments go to the [shell] program\n"
    "  -h, --help            this text\n"
    "  -V, --version         the version\n"
    "\n"
    "Exit status: the command's own; 125 nothing ran; 126 not executable; 127 not found.\n";

enum option {
	OPTION_CONFIG,
	OPTION_SESSION,
	OPTION_SIDECAR,
	OPTION_EVENTS,
	OPTION_SHIM,
	OPTION_INIT,
	OPTION_HELP,
	OPTION_VERSION
};

struct option_name {
	const char *name;
	enum option option;
	bool takes_value;
};

static const struct option_name options[] = {
    {"-f", OPTION_CONFIG, true},          {"-s", OPTION_SESSION, true},   {"--sidecar", OPTION_SIDECAR, true},
    {"--events", OPTION_EVENTS, true},    {"--shim", OPTION_SHIM, false}, {"--init", OPTION_INIT, false},
    {"-h", OPTION_HELP, false},           {"--help", OPTION_HELP, false}, {"-V", OPTION_VERSION, false},
    {"--version", OPTION_VERSION, false},
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_shell(int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : "";

	return name[0] == '-' || strcmp(base_name(name), "agentsh-shell") == 0 ||
	       (argc > 1 && strcmp(argv[1], "-c") == 0);
}

/* Does the argument name the option: "-f", "-fVALUE", "--sidecar", "--sidecar=VALUE"? */
static bool names(const char *argument, const struct option_name *option, const char **value)
{
	size_t length = strlen(option->name);
	bool is_long = option->name[1] == '-';

	*value = NULL;
	if (strncmp(argument, option->name, length) != 0)
		return false;
	if (argument[length] == '\0')
		return true;
	if (is_long && argument[length] != '=')
		return false;
	*value = argument + length + (is_long ? 1 : 0);
	return is_long || option->takes_value;
}

static const struct option_name *find_option(const char *argument, const char **value)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (names(argument, &options[i], value))
			return &options[i];
	return NULL;
}

static void apply(struct invocation *invocation, enum option option, const char *value)
{
	switch (option) {
	case OPTION_CONFIG:
		invocation->file = value;
		break;
	case OPTION_SESSION:
		invocation->session = value;
		break;
	case OPTION_SIDECAR:
		invocation->sidecar = value;
		break;
	case OPTION_EVENTS:
		invocation->events = value;
		break;
	case OPTION_SHIM:
		invocation->shim = true;
		break;
	case OPTION_INIT:
		invocation->init = true;
		break;
	case OPTION_HELP:
		invocation->form = INVOKED_FOR_HELP;
		break;
	case OPTION_VERSION:
	default:
		invocation->form = INVOKED_FOR_VERSION;
		break;
	}
}

static bool is_sidecar(const char *value)
{
	return value && (value[0] == '/' || strcmp(value, "auto") == 0 || strcmp(value, "private") == 0 ||
			 strcmp(value, "none") == 0);
}

/* Takes one option with its value. Returns how many arguments it took, or -1 and *err. */
static int take_option(char **arguments, struct invocation *invocation, struct error *err)
{
	const char *value;
	const struct option_name *option = find_option(arguments[0], &value);
	int taken = 1;

	if (!option)
		return error_set(err, "%s: no such option (" HELP_REMEDY ")", arguments[0]);
	if (value && !option->takes_value)
		return error_set(err, "%s: it takes no value (" HELP_REMEDY ")", option->name);
	if (!value && option->takes_value) {
		value = arguments[1];
		taken = 2;
	}
	if (option->takes_value && (!value || !*value))
		return error_set(err, "%s: it needs a value (" HELP_REMEDY ")", option->name);
	if (option->option == OPTION_SIDECAR && !is_sidecar(value))
		return error_set(err, "--sidecar: '%s' is neither auto, private, none nor a path (" HELP_REMEDY ")",
				 value);
	apply(invocation, option->option, value);
	return taken;
}

static int parse_prefix(char **arguments, struct invocation *invocation, struct error *err)
{
	while (*arguments && (*arguments)[0] == '-' && (*arguments)[1]) {
		int taken;

		if (strcmp(*arguments, "--") == 0) {
			arguments++;
			break;
		}
		taken = take_option(arguments, invocation, err);
		if (taken < 0)
			return -1;
		if (invocation->form != INVOKED_AS_PREFIX)
			return 0;
		arguments += taken;
	}
	if (!*arguments)
		return error_set(err, "command: none is given (" HELP_REMEDY ")");
	invocation->arguments = arguments;
	return 0;
}

int invocation_parse(int argc, char **argv, struct invocation *invocation, struct error *err)
{
	*invocation = (struct invocation){.form = INVOKED_AS_PREFIX, .sidecar = "auto"};
	if (argc < 1)
		return error_set(err, "command: there is no argv[0] (" HELP_REMEDY ")");
	if (!is_shell(argc, argv))
		return parse_prefix(argv + 1, invocation, err);
	invocation->form = INVOKED_AS_SHELL;
	invocation->login = argv[0][0] == '-';
	invocation->arguments = argv + 1;
	return 0;
}
