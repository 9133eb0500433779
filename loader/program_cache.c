#include "program_cache.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "filter.h"
#include "rules.h"
#include "syscall_table.h"

/* AGENTSH_SOURCES: of the loader's sources, by the Makefile: another rule under the same version is another key. */
#define TOOL  AGENTSH_VERSION " " AGENTSH_SOURCES
#define MAGIC "AGSHPROG"

enum cache_flag { CACHE_NO_UNIX = 1, CACHE_CLOSE_FDS = 2, CACHE_MAY_WRITE = 4 };

/* An entry begins with it; the program follows, then the text. */
struct cache_head {
	char magic[8];
	char tool[48]; /* filled up with NULs */
	uint32_t arch;
	uint32_t library; /* libseccomp's version */
	uint32_t flags;   /* enum cache_flag */
	uint32_t count;   /* instructions */
	uint64_t length;  /* bytes of text */
	uint64_t sum;     /* of the head with 0 here, and the program: what a disk makes of them is no program */
};

/* For finding, and against decay: not against anybody. Eight bytes at a time. */
static uint64_t mix(uint64_t sum, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t piece; length > 0; at += piece, length -= piece) {
		uint64_t word = 0;

		piece = length < sizeof(word) ? length : sizeof(word);
		memcpy(&word, at, piece);
		sum = (sum ^ word) * 0x9e3779b97f4a7c15U;
		sum ^= sum >> 32;
	}
	return sum;
}

static uint64_t sum_of(struct cache_head head, const void *program)
{
	head.sum = 0;
	return mix(mix(0, &head, sizeof(head)), program, head.count * sizeof(struct sock_filter));
}

/* The key, as this loader has it. */
static struct cache_head head_of(size_t length)
{
	const struct scmp_version *library = seccomp_version();
	struct cache_head head = {.magic = MAGIC,
				  .tool = TOOL,
				  .arch = syscall_native_arch(),
				  .library = library->major << 16 | library->minor << 8 | library->micro,
				  .length = length};

	return head;
}

static bool is_key(const struct cache_head *head, size_t length)
{
	const struct cache_head own = head_of(length);

	return memcmp(head, &own, offsetof(struct cache_head, flags)) == 0 && head->length == length;
}

bool program_cache_read(unsigned char *entry, size_t size, const char *text, size_t length,
			struct cached_program *program)
{
	struct cache_head head;
	unsigned char *instructions = entry + sizeof(head);
	size_t bytes;

	if (size < sizeof(head))
		return false;
	memcpy(&head, entry, sizeof(head));
	bytes = head.count * sizeof(struct sock_filter);
	if (!is_key(&head, length) || head.count == 0 || head.count > BPF_MAXINSNS || length > POLICY_TEXT_MAX ||
	    size != sizeof(head) + bytes + length || head.sum != sum_of(head, instructions) ||
	    memcmp(instructions + bytes, text, length) != 0)
		return false;
	*program = (struct cached_program){.instructions = (struct sock_filter *)(void *)instructions,
					   .count = head.count,
					   .no_unix = head.flags & CACHE_NO_UNIX,
					   .close_fds = head.flags & CACHE_CLOSE_FDS,
					   .may_write = head.flags & CACHE_MAY_WRITE};
	return true;
}

void program_cache_name(const char *text, size_t length, char name[PROGRAM_CACHE_NAME_SIZE])
{
	uint64_t hash = mix(length, text, length);

	for (size_t i = PROGRAM_CACHE_NAME_SIZE - 1; i-- > 0; hash >>= 4)
		name[i] = "0123456789abcdef"[hash & 15];
	name[PROGRAM_CACHE_NAME_SIZE - 1] = '\0';
}

bool program_cache_is_name(const char *name)
{
	return strlen(name) == PROGRAM_CACHE_NAME_SIZE - 1 && name[strspn(name, "0123456789abcdef")] == '\0';
}

bool program_cache_is_roots(const struct stat *status)
{
	return status->st_uid == 0 && !(status->st_mode & (S_IWGRP | S_IWOTH));
}

/*
 * The directory is looked at by calls that a loader makes anyway: in a session any other may be one that kills. Who
 * could put another in its place before the entry is opened is root.
 */
static bool is_directory_roots(void)
{
	int directory = open(AGENTSH_CACHE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	bool is_roots;

	if (directory < 0)
		return false;
	is_roots = fstat(directory, &status) == 0 && program_cache_is_roots(&status);
	close(directory);
	return is_roots;
}

/* Is the policy on a mount that may be written, or the entry on none that may? */
static bool is_as_fixed(int entry, const char *policy)
{
	struct statfs mount;

	if (statfs(policy, &mount) == 0 && !(mount.f_flags & ST_RDONLY))
		return true;
	return fstatfs(entry, &mount) == 0 && (mount.f_flags & ST_RDONLY);
}

/* All of it, which is as long as the entry of the text can be; NULL where it is not one. */
static unsigned char *read_entry(int descriptor, const struct policy_text *text, size_t *size)
{
	const size_t most = sizeof(struct cache_head) + BPF_MAXINSNS * sizeof(struct sock_filter) + text->length;
	struct stat status;
	unsigned char *entry;

	if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || !program_cache_is_roots(&status) ||
	    status.st_size <= 0 || (size_t)status.st_size > most || !is_as_fixed(descriptor, text->path))
		return NULL;
	*size = (size_t)status.st_size;
	entry = calloc(1, *size);
	if (entry && read(descriptor, entry, *size) == (ssize_t)*size)
		return entry;
	free(entry);
	return NULL;
}

/* An allow-list without a name: a filter of it would block execve, which is refused. */
static bool make_policy(const struct cached_program *program, struct policy *policy)
{
	char *events = strdup("");

	if (!events)
		return false;
	*policy = (struct policy){.enabled = true,
				  .unix_socket = {.enabled = program->no_unix, .degraded = DEGRADED_NO_UNIX},
				  .syscalls = {.default_action = DEFAULT_BLOCK},
				  .close_fds = program->close_fds,
				  .events = events};
	return true;
}

bool program_cache_find(const struct policy_text *text, struct cached_program *program, struct policy *policy)
{
	char path[] = AGENTSH_CACHE "/0123456789abcdef";
	struct cached_program found;
	unsigned char *entry;
	size_t size = 0;
	int descriptor;

	if (!is_directory_roots())
		return false;
	program_cache_name(text->bytes, text->length, path + sizeof(path) - PROGRAM_CACHE_NAME_SIZE);
	descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (descriptor < 0)
		return false;
	entry = read_entry(descriptor, text, &size);
	close(descriptor);
	if (entry && program_cache_read(entry, size, text->bytes, text->length, &found) &&
	    make_policy(&found, policy)) {
		*program = found;
		program->entry = entry;
		return true;
	}
	free(entry);
	return false;
}

const char *program_cache_refuses(const struct policy *policy, unsigned *line, const char **remedy)
{
	const struct {
		bool holds;
		enum policy_scalar key;
		const char *what;
		const char *remedy;
	} against[] = {
	    {!policy->enabled, KEY_ENABLED, "enabled = false", "enabled = true"},
	    {policy->mode == MODE_DISABLED, KEY_MODE, "mode = disabled", "mode = enforce"},
	    {policy->isolate, KEY_ISOLATE, "isolate = yes", "isolate = no"},
	    {policy->shim, KEY_SHIM, "[shim] enabled = true", "enabled = false"},
	    {policy->user_config == USER_CONFIG_ALLOW, KEY_USER_CONFIG, "user_config = allow", "user_config = deny"},
	};

	for (size_t i = 0; i < sizeof(against) / sizeof(against[0]); i++) {
		if (!against[i].holds)
			continue;
		*line = policy->lines[against[i].key];
		*remedy = against[i].remedy;
		return against[i].what;
	}
	return policy_needs_sidecar(policy, line, remedy);
}

static uint32_t flags_of(const struct policy *policy, const struct rules *rules)
{
	bool may_write = rules_of_call(rules, SYS_write).action == SCMP_ACT_ALLOW;

	return (policy->unix_socket.enabled ? CACHE_NO_UNIX : 0U) | (policy->close_fds ? CACHE_CLOSE_FDS : 0U) |
	       (may_write ? CACHE_MAY_WRITE : 0U);
}

static unsigned char *pack(struct cache_head *head, const struct filter *filter, const char *text, size_t *size)
{
	const size_t bytes = filter->count * sizeof(filter->instructions[0]);
	unsigned char *entry;

	*size = sizeof(*head) + bytes + head->length;
	entry = malloc(*size);
	if (!entry)
		return NULL;
	head->count = (uint32_t)filter->count;
	head->sum = sum_of(*head, filter->instructions);
	memcpy(entry, head, sizeof(*head));
	memcpy(entry + sizeof(*head), filter->instructions, bytes);
	memcpy(entry + sizeof(*head) + bytes, text, head->length);
	return entry;
}

unsigned char *program_cache_make(const struct policy *policy, const char *text, size_t length, size_t *size,
				  struct error *err)
{
	struct cache_head head = head_of(length);
	unsigned char *entry = NULL;
	struct filter filter;
	struct rules rules;

	if (rules_build(policy, head.arch, &rules, err) != 0)
		return NULL;
	head.flags = flags_of(policy, &rules);
	if (filter_compile(&rules, &filter, err) == 0) {
		entry = pack(&head, &filter, text, size);
		if (!entry)
			(void)error_set(err, "cache: out of memory");
		filter_free(&filter);
	}
	rules_free(&rules);
	return entry;
}
