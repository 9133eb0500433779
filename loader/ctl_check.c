#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "lint.h"
#include "writable.h"

/* Errors go to stderr through ctl_load; warnings do here. Only errors are a finding. */
static int check(const char *file)
{
	struct config config;
	struct diagnostics diagnostics;
	int status = ctl_load(file, &config);

	if (status != CTL_OK)
		return status;
	diagnostics_init(&diagnostics);
	lint(&config.policy, writable_by_session, &diagnostics);
	if (config.policy.user_config == USER_CONFIG_ALLOW && !config_is_system(&config))
		(void)diagnostics_warning(&diagnostics, config.policy.lines[KEY_USER_CONFIG],
					  "user_config = allow counts in " AGENTSH_SYSTEM_CONFIG
					  " only: agentsh-exec refuses it here");
	diagnostics_print(stderr, config_name(&config), &diagnostics);
	config_free(&config);
	return CTL_OK;
}

int ctl_check(int argc, char **argv)
{
	int status = CTL_OK;
	int first = 1;

	if (argc > 1 && strcmp(argv[1], "--") == 0)
		first = 2;
	for (int i = 1; first == 1 && i < argc; i++)
		if (argv[i][0] == '-')
			return ctl_usage("check", "it takes files and no option");
	if (first == argc)
		return check(NULL);
	for (int i = first; i < argc; i++)
		if (check(argv[i]) != CTL_OK)
			status = CTL_FINDING;
	return status;
}
