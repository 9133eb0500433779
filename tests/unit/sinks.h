/* What the tests of sinks have in common: a directory a test, and what is found there afterwards. */
#ifndef AGENTSH_TEST_SINKS_H
#define AGENTSH_TEST_SINKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "sink.h"

#define LINE        "{\"type\":\"x\"}\n"
#define LINE_LENGTH (sizeof(LINE) - 1)
#define PATH_SIZE   108U /* of a socket's name */

/* cmocka's setup and teardown: *state is the directory, which has at most the files below. */
int sinks_make(void **state);
int sinks_remove(void **state);
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, sinks_make, sinks_remove)

/* The path of a file there: "events", "other", "fifo", "link" or "socket". */
const char *sinks_path(void **state, const char *name, char path[PATH_SIZE]);

/* A sink at the destination: 0, or -1 with a message. Asserts nothing, so that a child can use it. */
int sinks_start(struct sink *sink, const char *destination);

/* Puts the sink at another destination: asserts. */
void sinks_move(struct sink *sink, const char *destination);

enum sink_result sinks_put(struct sink *sink, const char *text, uint64_t seq);

/* A line of that length, whose bytes tell a number. */
void sinks_numbered(char *line, size_t length, unsigned number);

/* What is in the file, NUL-terminated: free it. NULL: not to be read. */
char *sinks_contents(const char *path, size_t *length);

/* Asserts that it is this. */
void sinks_expect(const char *path, const char *expected);

/* The child's exit status; 128 and more for a signal. Asserts that it is a child. */
int sinks_wait(pid_t child);

/* A datagram socket with that name, as a daemon has it. */
int sinks_bind(const char *path, int type);

#endif
