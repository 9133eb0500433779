#include "tracee.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_SIZE  1024 /* the first lines of status: Name, Umask, State, Tgid, ..., Uid */
#define PARENT_FIELD 4    /* proc(5): ppid */
#define BEGAN_FIELD  22   /* proc(5): starttime */
#define GROUPS_SIZE  8192 /* all of status, with more groups than anybody is in */

/* Reads a file below directory; -1, or the bytes that fit. */
static ssize_t read_file(int directory, const char *name, char *out, size_t size)
{
	int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (descriptor < 0)
		return -1;
	length = read(descriptor, out, size);
	close(descriptor);
	return length;
}

/* The number in a line "KEY:\tN..."; which: 0 the first, 1 the second. -1: there is none. */
static int64_t number_of(const char *status, const char *key, unsigned which)
{
	const char *line = strstr(status, key);
	char *end;
	int64_t number;

	if (!line)
		return -1;
	number = strtoll(line + strlen(key), &end, 10);
	for (unsigned i = 0; i < which; i++)
		number = strtoll(end, &end, 10);
	return number;
}

/* Behind the Name line, which holds bytes of the target's own choosing; a newline in it is escaped. */
static void read_status(int directory, struct tracee *tracee)
{
	char status[STATUS_SIZE];
	ssize_t length = read_file(directory, "status", status, sizeof(status) - 1);
	int64_t tgid;

	if (length <= 0)
		return;
	status[length] = '\0';
	tgid = number_of(status, "\nTgid:\t", 0);
	tracee->tgid = tgid > 0 ? (pid_t)tgid : 0;
	tracee->uid = number_of(status, "\nUid:\t", 1);
}

static void read_comm(int directory, struct tracee *tracee)
{
	ssize_t length = directory < 0 ? -1 : read_file(directory, "comm", tracee->comm, sizeof(tracee->comm));

	tracee->has_comm = length > 0;
	tracee->comm_length = length > 0 ? (size_t)length - (tracee->comm[length - 1] == '\n' ? 1 : 0) : 0;
}

static void read_exe(int directory, struct tracee *tracee)
{
	ssize_t length = directory < 0 ? -1 : readlinkat(directory, "exe", tracee->exe, sizeof(tracee->exe));

	tracee->has_exe = length > 0;
	tracee->exe_length = length > 0 ? (size_t)length : 0;
}

bool tracee_read_in(int directory, pid_t tid, struct tracee *tracee)
{
	tracee->tid = tid;
	tracee->tgid = 0;
	tracee->uid = -1;
	if (directory >= 0)
		read_status(directory, tracee);
	read_comm(directory, tracee);
	read_exe(directory, tracee);
	return tracee->tgid > 0;
}

bool tracee_read(pid_t tid, struct tracee *tracee)
{
	char path[32];
	int directory;
	bool read;

	(void)snprintf(path, sizeof(path), "/proc/%d", tid);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	read = tracee_read_in(directory, tid, tracee);
	if (directory >= 0)
		close(directory);
	return read;
}

/* Behind the name, the second field, in which anything may stand. */
static const char *field_of(const char *stat, int wanted)
{
	const char *at = strrchr(stat, ')');

	for (int field = 2; at && field < wanted; field++)
		at = strchr(at + 1, ' ');
	return at;
}

static uint64_t began_of(const char *stat)
{
	const char *at = field_of(stat, BEGAN_FIELD);

	return at ? strtoull(at, NULL, 10) : 0;
}

/* Empty, where there is no such process. */
static void read_stat(int directory, const char *name, char stat[STATUS_SIZE])
{
	ssize_t length = read_file(directory, name, stat, STATUS_SIZE - 1);

	stat[length > 0 ? length : 0] = '\0';
}

bool tracee_origin(pid_t tgid, uint64_t *began, pid_t *parent)
{
	char stat[STATUS_SIZE];
	char path[32];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", tgid);
	read_stat(AT_FDCWD, path, stat);
	at = field_of(stat, PARENT_FIELD);
	*parent = at ? (pid_t)strtol(at, NULL, 10) : 0;
	*began = began_of(stat);
	return *began > 0;
}

/* In parentheses, and of any bytes. */
static void take_comm(const char *stat, struct tracee *tracee)
{
	const char *begin = strchr(stat, '(');
	const char *end = begin ? strrchr(begin, ')') : NULL;
	size_t length = end ? (size_t)(end - begin) - 1 : 0;

	tracee->has_comm = end && length < sizeof(tracee->comm);
	tracee->comm_length = tracee->has_comm ? length : 0;
	if (tracee->has_comm)
		memcpy(tracee->comm, begin + 1, length);
}

uint64_t tracee_describe(int directory, struct tracee *tracee)
{
	char stat[STATUS_SIZE] = "";

	if (directory >= 0)
		read_stat(directory, "stat", stat);
	take_comm(stat, tracee);
	read_exe(directory, tracee);
	return began_of(stat);
}

uint64_t tracee_began(pid_t tgid)
{
	uint64_t began;
	pid_t parent;

	return tracee_origin(tgid, &began, &parent) ? began : 0;
}

static void read_whole_status(pid_t tgid, char status[GROUPS_SIZE])
{
	char path[32];
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", tgid);
	length = read_file(AT_FDCWD, path, status, GROUPS_SIZE - 1);
	status[length > 0 ? length : 0] = '\0';
}

bool tracee_is_filtered(pid_t tgid)
{
	char status[GROUPS_SIZE];

	read_whole_status(tgid, status);
	/* One that its filter has killed is in a mode beyond that (SECCOMP_MODE_DEAD). */
	return number_of(status, "\nSeccomp:\t", 0) >= SECCOMP_MODE_FILTER &&
	       number_of(status, "\nNoNewPrivs:\t", 0) == 1;
}

pid_t tracee_own_pid(pid_t tgid)
{
	static const char key[] = "\nNStgid:";
	char status[GROUPS_SIZE];
	char *at;
	int64_t own = -1;

	read_whole_status(tgid, status);
	at = strstr(status, key);
	if (!at)
		return -1;
	at += sizeof(key) - 1;
	while (*at == '\t')
		own = strtoll(at + 1, &at, 10);
	return own > 0 ? (pid_t)own : -1;
}
