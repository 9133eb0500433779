#include <stdio.h>
#include <string.h>

#include "ctl_trail.h"
#include "suggestion.h"

struct gathering {
	const struct ctl_trail_options *options;
	struct suggestion suggestion;
	bool out_of_memory;
};

static void take(const struct trail_event *event, void *data)
{
	struct gathering *gathering = data;

	if (ctl_trail_wanted(gathering->options, event->json) &&
	    suggestion_take(&gathering->suggestion, event->json) != 0)
		gathering->out_of_memory = true;
}

static int gather(struct gathering *gathering, struct trail_reader *reader)
{
	int status = ctl_trail_each(reader, take, gathering);
	struct error err;

	if (trail_reader_finish(reader, &err) == TRAIL_FINDING)
		status = ctl_trail_finding(&err);
	if (!gathering->out_of_memory)
		return status;
	(void)error_set(&err, "suggest: out of memory: some events are not in this");
	return ctl_failed(&err);
}

int ctl_suggest(int argc, char **argv)
{
	struct ctl_trail_options options;
	struct gathering gathering = {.options = &options};
	struct trail_reader reader;
	char path[PATH_MAX];
	int status = ctl_trail_options(argc, argv, "s", &options);

	if (status == CTL_OK)
		status = ctl_trail_open(&options, path, &reader);
	if (status != CTL_OK)
		return status;
	status = gather(&gathering, &reader);
	trail_reader_close(&reader);
	suggestion_write(&gathering.suggestion, stdout);
	suggestion_free(&gathering.suggestion);
	return ctl_finish() == CTL_OK ? status : CTL_FINDING;
}
