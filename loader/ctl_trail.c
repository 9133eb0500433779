#include "ctl_trail.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "trail.h"

int ctl_trail_options(int argc, char **argv, const char *letters, struct ctl_trail_options *options)
{
	static const struct option json[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	int option;

	*options = (struct ctl_trail_options){0};
	opterr = 0;
	while ((option = getopt_long(argc, argv, "fs:", json, NULL)) != -1) {
		if (!strchr(letters, option))
			return ctl_usage(argv[0], "no such option, or one without its value");
		if (option == 's')
			options->session = optarg;
		options->follow |= option == 'f';
		options->json |= option == 'j';
	}
	if (argc - optind > 1)
		return ctl_usage(argv[0], "it takes one file");
	options->file = argv[optind];
	return CTL_OK;
}

static int find(const struct ctl_trail_options *options, char path[PATH_MAX], struct error *err)
{
	struct config config;
	int length = -1;

	if (options->file) {
		length = snprintf(path, PATH_MAX, "%s", options->file);
		return length < PATH_MAX ? CTL_OK : error_set(err, "FILE: its path is too long (name a shorter one)");
	}
	if (ctl_load(NULL, &config) != CTL_OK)
		return error_set(err, "the policy does not say where the trail is (mend it, or name the trail's FILE)");
	/* "-", "syslog:" and "journald:" leave no file: what there is then is the trail of before. */
	if (config.policy.events && config.policy.events[0] == '/')
		length = snprintf(path, PATH_MAX, "%s", config.policy.events);
	config_free(&config);
	return length >= 0 && length < PATH_MAX ? CTL_OK : trail_path(true, path, err);
}

int ctl_trail_open(const struct ctl_trail_options *options, char path[PATH_MAX], struct trail_reader *reader)
{
	struct error err;
	int result;

	if (find(options, path, &err) != 0)
		return ctl_failed(&err);
	result = trail_reader_open(reader, path, options->follow, &err);
	if (result < 0)
		return ctl_failed(&err);
	if (result == 1) {
		(void)error_set(&err, "%s: not there yet (waiting for it)", path);
		(void)ctl_failed(&err);
	}
	return CTL_OK;
}

int ctl_trail_finding(const struct error *err)
{
	char text[4 * sizeof(err->text)];

	(void)fflush(stdout);
	(void)error_escape(text, sizeof(text), err->text);
	fprintf(stderr, "%s\n", text);
	return CTL_FINDING;
}

int ctl_trail_each(struct trail_reader *reader, void (*take)(const struct trail_event *event, void *data), void *data)
{
	struct trail_event event;
	enum trail_result result;
	struct error err;
	int status = CTL_OK;

	while ((result = trail_reader_next(reader, &event, &err)) != TRAIL_END) {
		if (result == TRAIL_FAILED)
			return ctl_failed(&err);
		if (result == TRAIL_FINDING) {
			status = ctl_trail_finding(&err);
			continue;
		}
		if (result == TRAIL_MARK) {
			(void)ctl_trail_finding(&err); /* what it has cost, if anything, is a number that is missing */
			continue;
		}
		take(&event, data);
		cJSON_Delete(event.json);
	}
	return status;
}

bool ctl_trail_wanted(const struct ctl_trail_options *options, const cJSON *event)
{
	const char *id = trail_string(event, "session_id");

	return !options->session || (id && strcmp(id, options->session) == 0);
}
