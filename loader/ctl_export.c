#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "filter.h"
#include "oci_profile.h"
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

/* Whatever the policy needs a sidecar for is the listener's: it has one where it is named, or needed. */
static int export_oci(const struct config *config, struct oci_listener listener, struct error *err)
{
	const char *remedy;
	unsigned line;
	char *text;

	if (!policy_filters(&config->policy))
		return error_set(err, "%s: there is no filter to export: the policy has none", config_name(config));
	if (!listener.path && policy_needs_sidecar(&config->policy, &line, &remedy))
		listener.path = OCI_LISTENER;
	text = oci_profile(config, &listener, err);
	if (!text)
		return -1;
	(void)puts(text); /* what could not be written is told of at the end */
	free(text);
	return 0;
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

static int export_filter(const struct config *config, const char *format, struct error *err)
{
	if (refuse_sidecar_policy(config, err) != 0)
		return -1;
	if (strcmp(format, "bpf") == 0)
		return export_bpf(&config->policy, err);
	return pseudo_code_print(&config->policy, syscall_native_arch(), stdout, err);
}

static int export(const char *file, const char *format, const struct oci_listener *listener)
{
	struct config config;
	struct error err;
	int status = ctl_load(file, &config);
	int result;

	if (status != CTL_OK)
		return status;
	if (strcmp(format, "oci") == 0)
		result = export_oci(&config, *listener, &err);
	else
		result = export_filter(&config, format, &err);
	config_free(&config);
	return result == 0 ? ctl_finish() : ctl_failed(&err);
}

static bool is_format(const char *format)
{
	return strcmp(format, "bpf") == 0 || strcmp(format, "pfc") == 0 || strcmp(format, "oci") == 0;
}

int ctl_export(int argc, char **argv)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'},
						{"listener", required_argument, NULL, 'l'},
						{"wait-killable", no_argument, NULL, 'w'},
						{NULL, 0, NULL, 0}};
	const char *format = NULL;
	struct oci_listener listener = {.path = NULL};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'f')
			format = optarg;
		else if (option == 'l')
			listener.path = optarg;
		else if (option == 'w')
			listener.wait_killable = true;
		else
			return ctl_usage("export", "no such option, or one without its value");
	}
	if (!format || !is_format(format))
		return ctl_usage("export", "it needs --format=bpf, --format=pfc or --format=oci");
	if (listener.path && (strcmp(format, "oci") != 0 || listener.path[0] != '/'))
		return ctl_usage("export", "--listener is an absolute path, and for --format=oci");
	if (listener.wait_killable && strcmp(format, "oci") != 0)
		return ctl_usage("export", "--wait-killable is for --format=oci");
	if (argc - optind > 1)
		return ctl_usage("export", "it takes one file");
	if (strcmp(format, "bpf") == 0 && isatty(STDOUT_FILENO))
		return ctl_usage("export", "a program is not written to a terminal: redirect it");
	return export(argv[optind], format, &listener);
}
