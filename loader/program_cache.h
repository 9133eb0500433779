/*
 * The cache of built programs: what a policy that needs no sidecar would be read and built into, made before. Root's
 * alone, for whoever could write an entry could write a filter: /var/cache/agentsh-exec, agentshctl(1), "cache".
 *
 * An entry is what its text says, so it serves each file with that text. It is believed where all of its key is the
 * loader's own: the tool (its version and its sources), libseccomp, the architecture, each byte of the text. Its name
 * is a hash of the text, which only finds it.
 */
#ifndef AGENTSH_PROGRAM_CACHE_H
#define AGENTSH_PROGRAM_CACHE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "error.h"
#include "policy.h"

#define PROGRAM_CACHE_NAME_SIZE 17 /* 16 hexadecimal digits and a NUL */

/* What a loader needs to know of a policy whose program it has. */
struct cached_program {
	unsigned char *entry;             /* owned; NULL: there is none */
	struct sock_filter *instructions; /* in entry */
	size_t count;
	bool no_unix;   /* degraded = no_unix */
	bool close_fds; /* the key of that name */
	bool may_write; /* it allows write(2) */
};

/* A policy as it has been read. Borrowed. */
struct policy_text {
	const char *bytes;
	size_t length;
	const char *path; /* of its file */
};

/*
 * The program for a policy, and a policy_free()able one for a loader that has the program: nothing can be built from
 * that one, so nothing can be without the program. False, and both as they were: there is none that can be believed;
 * why is nobody's business, for the text can be read and built. The directory and the entry are root's, and nobody else
 * can write them. A session may be root's: where that could not have written the policy, on a read-only mount, it could
 * not have written the entry either.
 *
 * Weak: a loader that was linked without it has NULL here.
 */
bool program_cache_find(const struct policy_text *text, struct cached_program *program, struct policy *policy)
    __attribute__((weak));

/*
 * Is that the entry for the text? Pure: size bytes, from wherever, which *program then points into (entry is not set).
 * Reads nothing beyond them.
 */
bool program_cache_read(unsigned char *entry, size_t size, const char *text, size_t length,
			struct cached_program *program);

/*
 * NULL where a policy can have an entry, one for loaders without a sidecar. Else the key that speaks against it, what
 * could be in its place in *remedy and the key's line (0: a default) in *line.
 */
const char *program_cache_refuses(const struct policy *policy, unsigned *line, const char **remedy);

/* The entry of a policy that was parsed from that text: *size bytes, malloc'ed; or NULL and *err. */
unsigned char *program_cache_make(const struct policy *policy, const char *text, size_t length, size_t *size,
				  struct error *err);

/* The name of a text's entry in AGENTSH_CACHE. */
void program_cache_name(const char *text, size_t length, char name[PROGRAM_CACHE_NAME_SIZE]);

/* Could a file have that name? */
bool program_cache_is_name(const char *name);

/* Is that root's, and nobody else's to write? */
bool program_cache_is_roots(const struct stat *status);

#endif
