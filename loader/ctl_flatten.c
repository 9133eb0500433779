#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "flatten.h"

static const char help[] = "Usage: agentshctl flatten [--ignore-other] [FILE.yaml | -]\n"
			   "\n"
			   "Writes a YAML policy as INI to standard output. Without FILE, or with -, the\n"
			   "YAML comes from standard input.\n"
			   "\n"
			   "  --ignore-other  pass over what is neither in sandbox.seccomp nor in a section\n"
			   "                  of agentsh.ini(5); without it, that is an error\n"
			   "  --help\n"
			   "\n"
			   "Nothing is lost: an unknown key or a wrong type is an error, FILE:LINE: message.\n"
			   "Exit status: 0 good; 1 a finding; 2 wrong usage.\n";

/* At most one byte more than there may be: flatten_yaml() then refuses it. */
static int read_stream(FILE *stream, const char *name, char **text, size_t *length, struct error *err)
{
	const size_t room = POLICY_TEXT_MAX + 1;
	char *buffer = malloc(room);

	if (!buffer)
		return error_set(err, "%s: out of memory", name);
	*length = fread(buffer, 1, room, stream);
	if (ferror(stream)) {
		(void)error_set(err, "%s: %s", name, strerror(errno));
		free(buffer);
		return -1;
	}
	*text = buffer;
	return 0;
}

static int read_file(const char *file, char **text, size_t *length, struct error *err)
{
	FILE *stream;
	int result;

	if (!file)
		return read_stream(stdin, "standard input", text, length, err);
	stream = fopen(file, "re");
	if (!stream)
		return error_set(err, "%s: %s", file, strerror(errno));
	result = read_stream(stream, file, text, length, err);
	(void)fclose(stream);
	return result;
}

/* file: NULL for standard input. */
static int flatten(const char *file, bool pass_foreign)
{
	struct diagnostics diagnostics;
	struct error err;
	size_t length = 0;
	char *text = NULL;
	char *ini;

	if (read_file(file, &text, &length, &err) != 0)
		return ctl_failed(&err);
	diagnostics_init(&diagnostics);
	if (flatten_yaml(text, length, pass_foreign, &ini, &diagnostics) != 0) {
		free(text);
		diagnostics_print(stderr, file ? file : "<stdin>", &diagnostics);
		return CTL_FINDING;
	}
	free(text);
	(void)fputs(ini, stdout);
	free(ini);
	return ctl_finish();
}

int ctl_flatten(int argc, char **argv)
{
	bool pass_foreign = false;
	const char *file = NULL;
	bool options = true;
	int files = 0;

	for (int i = 1; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && strcmp(argv[i], "--help") == 0) {
			(void)fputs(help, stdout);
			return ctl_finish();
		} else if (options && strcmp(argv[i], "--ignore-other") == 0) {
			pass_foreign = true;
		} else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			return ctl_usage("flatten", "unknown option");
		} else {
			file = options && strcmp(argv[i], "-") == 0 ? NULL : argv[i];
			files++;
		}
	}
	if (files > 1)
		return ctl_usage("flatten", "it takes one file");
	return flatten(file, pass_foreign);
}
