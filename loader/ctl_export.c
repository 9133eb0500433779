#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "filter.h"
#include "pseudo_code.h"
#include "syscall_table.h"

static int export_bpf(const struct policy *policy, struct error *err)
{
	struct filter filter;
	size_t written;

	if (filter_build(policy, syscall_native_arch(), &filter, err) != 0)
		return -1;
	written = fwrite(filter.instructions, sizeof(filter.instructions[0]), filter.count, stdout);
	if (written != filter.count)
		(void)error_set(err, "export: standard output cannot be written");
	written -= filter.count;
	filter_free(&filter);
	return written == 0 ? 0 : -1;
}

/* A policy that needs a sidecar is more than its program: whoever loaded that alone had no policy. */
static int refuse_sidecar_policy(const struct config *config, struct error *err)
{
	const char *remedy;
	unsigned line;
	const char *needed = policy_needs_sidecar(&config->policy, &line, &remedy);

	if (!needed)
		return 0;
	return error_set(err, "%s:%u: %s: it needs the sidecar, which no export has (what can be exported: %s)",
			 config_name(config), line, needed, remedy);
}

static int export(const char *file, const char *format)
{
	struct config config;
	struct error err;
	int status = ctl_load(file, &config);
	int result;

	if (status != CTL_OK)
		return status;
	result = refuse_sidecar_policy(&config, &err);
	if (result == 0 && strcmp(format, "bpf") == 0)
		result = export_bpf(&config.policy, &err);
	else if (result == 0)
		result = pseudo_code_print(&config.policy, syscall_native_arch(), stdout, &err);
	config_free(&config);
	return result == 0 ? ctl_finish() : ctl_failed(&err);
}

int ctl_export(int argc, char **argv)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	const char *format = NULL;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'f')
			return ctl_usage("export", "no such option, or one without its value");
		format = optarg;
	}
	if (!format || (strcmp(format, "bpf") != 0 && strcmp(format, "pfc") != 0))
		return ctl_usage("export", "it needs --format=bpf or --format=pfc");
	if (argc - optind > 1)
		return ctl_usage("export", "it takes one file");
	if (strcmp(format, "bpf") == 0 && isatty(STDOUT_FILENO))
		return ctl_usage("export", "a program is not written to a terminal: redirect it");
	return export(argv[optind], format);
}
