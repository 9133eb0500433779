#include "sinks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int sinks_make(void **state)
{
	char *directory = strdup("/tmp/agentsh-sink-XXXXXX");

	*state = directory;
	return directory && mkdtemp(directory) ? 0 : -1;
}

int sinks_remove(void **state)
{
	static const char *const names[] = {"events", "other", "fifo", "link", "socket"};
	char path[PATH_SIZE];
	int result;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlink(sinks_path(state, names[i], path));
	result = rmdir(*state);
	free(*state);
	return result;
}

const char *sinks_path(void **state, const char *name, char path[PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%s/%s", (const char *)*state, name);
	return path;
}

int sinks_start(struct sink *sink, const char *destination)
{
	struct error err = {""};
	enum sink_kind kind;
	int descriptor = sink_open(destination, &kind, &err);

	if (descriptor < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	return sink_init(sink, descriptor, kind, NULL);
}

void sinks_move(struct sink *sink, const char *destination)
{
	struct error err = {""};
	enum sink_kind kind;
	int descriptor = sink_open(destination, &kind, &err);

	if (descriptor < 0)
		fail_msg("%s", err.text);
	sink_replace(sink, descriptor, kind);
}

enum sink_result sinks_put(struct sink *sink, const char *text, uint64_t seq)
{
	return sink_write(sink, text, strlen(text), seq);
}

void sinks_numbered(char *line, size_t length, unsigned number)
{
	memset(line, 'a' + (int)(number % 26), length - 1);
	line[length - 1] = '\n';
}

char *sinks_contents(const char *path, size_t *length)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *bytes = NULL;

	if (descriptor < 0)
		return NULL;
	if (fstat(descriptor, &status) == 0 && (bytes = malloc((size_t)status.st_size + 1))) {
		ssize_t got = read(descriptor, bytes, (size_t)status.st_size);

		*length = got > 0 ? (size_t)got : 0;
		bytes[*length] = '\0';
	}
	(void)close(descriptor);
	return bytes;
}

void sinks_expect(const char *path, const char *expected)
{
	size_t length;
	char *bytes = sinks_contents(path, &length);

	assert_non_null(bytes);
	assert_string_equal(bytes, expected);
	free(bytes);
}

int sinks_wait(pid_t child)
{
	int status;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int sinks_bind(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	return server;
}
