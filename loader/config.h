/*
 * Which configuration counts, and whether it may be trusted: agentsh-exec(1), "Configuration".
 */
#ifndef AGENTSH_CONFIG_H
#define AGENTSH_CONFIG_H

#include <limits.h>
#include <stdbool.h>

#include "diagnostics.h"
#include "error.h"
#include "policy.h"
#include "program_cache.h"

/* Where a caller lets the configuration come from. */
struct config_search {
	const char *named;       /* -f FILE; or NULL */
	const char *environment; /* $AGENTSH_CONFIG; or NULL */
	const char *config_home; /* $XDG_CONFIG_HOME; or NULL */
	const char *home;        /* $HOME; or NULL */
	bool system_only;        /* as a shell: nothing of the above counts */
	bool draft;              /* to be looked at, not used: user_config = allow is no error elsewhere */
	/* program_cache_find(), for a caller to whom a program is as good as its policy. NULL: it is not. */
	bool (*find_program)(const struct policy_text *text, struct cached_program *program, struct policy *policy);
};

/* Whose files count: as a login shell, root's alone. */
enum config_trust { TRUST_ROOT, TRUST_CALLER };

struct config {
	struct policy policy;
	char *text; /* owned; what was parsed; "" for the built-in defaults */
	size_t text_length;
	bool builtin;                  /* no file was found */
	struct cached_program program; /* of an entry, which policy then stands for; or none */
	char path[PATH_MAX];           /* of the file; "" for the built-in defaults */
};

/* What the environment says, for a caller that lets it count. */
struct config_search config_search_environment(const char *named);

/*
 * Finds, judges, reads and parses the configuration. Returns 0 (free with config_free) or -1 and
 * *err, in the form of the loader's one line. *diagnostics has every finding of a file that was
 * parsed; config->path names that file.
 */
int config_load(const struct config_search *search, struct config *config, struct diagnostics *diagnostics,
		struct error *err);
void config_free(struct config *config);

/* Parses the text where only its program has been had: the whole policy is wanted after all. 0, or -1 and *err. */
int config_complete(struct config *config, struct error *err);

/* Is it the system's file, the one in which user_config = allow counts? */
bool config_is_system(const struct config *config);

/* Says config_load's search in words: the path, or "the built-in defaults". */
const char *config_name(const struct config *config);

/*
 * Opens a configuration as config_load does and reads it. It is judged on the opened descriptor:
 * a regular file of at most POLICY_TEXT_MAX bytes, owned by root or (TRUST_CALLER) the caller,
 * where an owner that is not mapped into this user namespace counts as root on a read-only mount
 * only, and not writable by group or others. Returns 0 and *text (malloc'ed) and *length; 1 where there is no such file
 * (ENOENT, ENOTDIR), *err untouched; -1 and *err.
 */
int config_read(const char *path, enum config_trust trust, char **text, size_t *length, struct error *err);

#endif
