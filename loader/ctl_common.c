#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

int ctl_usage(const char *subcommand, const char *problem)
{
	fprintf(stderr, "agentshctl %s: %s (see agentshctl --help)\n", subcommand, problem);
	return CTL_USAGE;
}

int ctl_failed(const struct error *err)
{
	error_print(STDERR_FILENO, "agentshctl", err);
	return CTL_FINDING;
}

int ctl_load_saying(const char *file, struct config *config, struct error *err)
{
	struct config_search search = config_search_environment(file);
	struct diagnostics diagnostics;
	const struct diagnostic *first;

	search.draft = file != NULL;
	diagnostics_init(&diagnostics);
	if (config_load(&search, config, &diagnostics, err) == 0)
		return CTL_OK;
	/* Findings in the text are told one by one; a file that could not be had is told by its error. */
	if (diagnostics.count == 0)
		return ctl_failed(err);
	diagnostics_print(stderr, config->path, &diagnostics);
	first = diagnostics_first_error(&diagnostics);
	if (first)
		(void)error_set(err, "%s:%u: %s", config->path, first->line, first->text);
	return CTL_FINDING;
}

int ctl_load(const char *file, struct config *config)
{
	struct error err;

	return ctl_load_saying(file, config, &err);
}

int ctl_finish(void)
{
	struct error err;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return CTL_OK;
	(void)error_set(&err, "standard output: %s", strerror(errno));
	return ctl_failed(&err);
}
