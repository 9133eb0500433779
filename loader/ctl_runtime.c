#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "oci_bundle.h"
#include "oci_json.h"
#include "oci_profile.h"
#include "runtime_command.h"

/* A regular file of root's or our own, which nobody else writes. Its bytes with a NUL behind them. */
static char *read_file(const char *path, size_t *length, struct error *err)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	char *text = NULL;
	ssize_t got = -1;

	if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
	    (status.st_uid == 0 || status.st_uid == geteuid()) && !(status.st_mode & (S_IWGRP | S_IWOTH)) &&
	    status.st_size <= (off_t)OCI_JSON_MAX)
		text = malloc((size_t)status.st_size + 1);
	if (text)
		got = read(file, text, (size_t)status.st_size);
	if (file >= 0)
		close(file);
	if (text && got == (ssize_t)status.st_size) {
		text[got] = '\0';
		*length = (size_t)got;
		return text;
	}
	free(text);
	(void)error_set(
	    err, "runtime: %s: no regular file of root's that nobody else writes (see the caller of the runtime)",
	    path);
	return NULL;
}

/* Whole or not at all. */
static int replace_file(const char *path, const char *text, struct error *err)
{
	char fresh[PATH_MAX];
	size_t length = strlen(text);
	bool written;
	int file;

	if (snprintf(fresh, sizeof(fresh), "%s.agentsh", path) >= (int)sizeof(fresh))
		return error_set(err, "runtime: %s: the path is too long", path);
	file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	written = file >= 0 && write(file, text, length) == (ssize_t)length;
	if (file >= 0)
		close(file);
	if (written && rename(fresh, path) == 0)
		return 0;
	(void)error_set(err, "runtime: %s: %s", fresh, strerror(errno));
	if (file >= 0)
		(void)unlink(fresh);
	return -1;
}

static int edit_process(const char *path, struct error *err)
{
	size_t length;
	char *text = read_file(path, &length, err);
	char *edited = text ? oci_process_apply(text, length, err) : NULL;
	int result = edited ? replace_file(path, edited, err) : -1;

	free(edited);
	free(text);
	return result;
}

static int edit_bundle(const char *bundle, const struct config *config, const char *listener, struct error *err)
{
	char path[PATH_MAX];
	size_t length;
	char *profile = oci_profile(config, &(struct oci_listener){.path = listener}, err);
	char *text = NULL;
	char *edited = NULL;
	int result = -1;

	(void)snprintf(path, sizeof(path), "%s/config.json", bundle);
	if (profile)
		text = read_file(path, &length, err);
	if (text)
		edited = oci_bundle_apply(text, length, profile, err);
	if (edited)
		result = replace_file(path, edited, err);
	free(edited);
	free(text);
	free(profile);
	return result;
}

/* As runc tells a failure: containerd gives on what it finds there, and nothing of standard error. */
static void log_failure(const char *path, const struct error *err)
{
	cJSON *line = cJSON_CreateObject();
	char text[sizeof(err->text) + sizeof("agentshctl: ")];
	char *written;
	int file;

	(void)snprintf(text, sizeof(text), "agentshctl: %s", err->text);
	(void)cJSON_AddStringToObject(line, "level", "error");
	(void)cJSON_AddStringToObject(line, "msg", text);
	written = cJSON_PrintUnformatted(line);
	cJSON_Delete(line);
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (file >= 0) {
		if (written)
			(void)dprintf(file, "%s\n", written);
		close(file);
	}
	cJSON_free(written);
}

/* A policy without a filter changes nothing. */
static int begin_container(const char *bundle, const char *file, const char *listener, struct error *err)
{
	struct config config;
	int status = ctl_load_saying(file, &config, err);

	if (status != CTL_OK)
		return status;
	if (policy_filters(&config.policy) && edit_bundle(bundle, &config, listener, err) != 0)
		status = ctl_failed(err);
	config_free(&config);
	return status;
}

static int edit(char *const *arguments, const char *file, const char *listener)
{
	struct runtime_command command;
	struct error err;
	int status = CTL_OK;
	int result = runtime_command_read(arguments, &command, &err);

	if (result == 0 && command.kind == RUNTIME_COMMAND_BEGIN)
		status = begin_container(command.bundle, file, listener, &err);
	else if (result == 0 && command.kind == RUNTIME_COMMAND_EXEC && command.process)
		result = edit_process(command.process, &err);
	if (result != 0)
		status = ctl_failed(&err);
	if (status != CTL_OK && command.log)
		log_failure(command.log, &err);
	return status;
}

int ctl_runtime(int argc, char **argv)
{
	static const struct option options[] = {{"listener", required_argument, NULL, 'l'},
						{"policy", required_argument, NULL, 'p'},
						{"runtime", required_argument, NULL, 'r'},
						{NULL, 0, NULL, 0}};
	const char *listener = OCI_LISTENER;
	const char *policy = NULL;
	const char *runtime = "runc";
	struct error err;
	int option;
	int status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 'l')
			listener = optarg;
		else if (option == 'p')
			policy = optarg;
		else if (option == 'r')
			runtime = optarg;
		else
			return ctl_usage("runtime", "no such option, or one without its value");
	}
	if (listener[0] != '/')
		return ctl_usage("runtime", "--listener is an absolute path");
	status = edit(argv + optind, policy, listener);
	if (status != CTL_OK)
		return status;
	argv[optind - 1] = (char *)runtime;
	(void)execvp(runtime, argv + optind - 1);
	(void)error_set(&err, "runtime: %s: %s (name another by --runtime)", runtime, strerror(errno));
	return ctl_failed(&err);
}
