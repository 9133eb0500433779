/* What the tests of flatten have in common. Each fails the test that calls it. */
#ifndef AGENTSH_TEST_FLAT_H
#define AGENTSH_TEST_FLAT_H

#include <stdbool.h>
#include <stddef.h>

/* The beginnings of a YAML policy, and what follows. */
#define SECCOMP(text)  "sandbox:\n  seccomp:\n    " text "\n"
#define SYSCALLS(text) "sandbox:\n  seccomp:\n    syscalls:\n      " text "\n"
#define RULES(text)    "unix_socket_rules:\n" text "\n"

/* A text that grows, up to a bound. */
struct flat_text {
	char *bytes; /* owned: free it */
	size_t length;
};

void flat_text_init(struct flat_text *text);
void flat_add(struct flat_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The INI of a YAML that is to be good; the caller frees it. pass: --ignore-other. */
char *flat_good(const char *yaml, size_t length, bool pass);

/* The YAML is to be good, and its INI this one. */
void flat_expect(const char *yaml, bool pass, const char *expected);

/* The YAML is to be refused; the first finding is on that line and has that part. */
void flat_refuse_bytes(const char *yaml, size_t length, bool pass, unsigned line, const char *part);
void flat_refuse(const char *yaml, bool pass, unsigned line, const char *part);

/* A file of tests/data/flatten; the caller frees it. */
char *flat_data(const char *name);

#endif
