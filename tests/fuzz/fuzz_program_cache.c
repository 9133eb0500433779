/* An entry of the cache of programs: any bytes are the one that was made, or none; nothing beyond them is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diagnostics.h"
#include "policy.h"
#include "program_cache.h"

#define OFFSET_BYTES 3U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] = "[sandbox.seccomp.unix_socket]\nenabled = false\n";

static unsigned char *make(size_t *size)
{
	struct diagnostics diagnostics;
	struct policy policy;
	unsigned char *entry;

	diagnostics_init(&diagnostics);
	if (policy_parse(text, sizeof(text) - 1, &policy, &diagnostics) != 0)
		abort();
	entry = program_cache_make(&policy, text, sizeof(text) - 1, size, NULL);
	policy_free(&policy);
	if (!entry)
		abort();
	return entry;
}

/* Exactly so long, so that a byte beyond is one too many. */
static unsigned char *copy(const void *bytes, size_t size)
{
	unsigned char *copied = malloc(size ? size : 1);

	if (!copied)
		abort();
	memcpy(copied, bytes, size);
	return copied;
}

static void judge(unsigned char *entry, size_t size, const unsigned char *made, size_t made_size)
{
	struct cached_program program;

	if (!program_cache_read(entry, size, text, sizeof(text) - 1, &program))
		return;
	if (size != made_size || memcmp(entry, made, size) != 0)
		abort(); /* another than was made */
	if ((unsigned char *)(program.instructions + program.count) + sizeof(text) - 1 != entry + size)
		abort();
}

/* The input as an entry; and the good one, a piece of which is the input: two bytes of where, one of how short. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t made_size = 0;
	unsigned char *made = make(&made_size);
	unsigned char *entry = copy(data, size);

	judge(entry, size, made, made_size);
	free(entry);
	if (size > OFFSET_BYTES) {
		const size_t at = ((size_t)data[0] << 8 | data[1]) % made_size;
		const size_t length = made_size - data[2] % made_size;
		const size_t piece = size - OFFSET_BYTES < made_size - at ? size - OFFSET_BYTES : made_size - at;
		unsigned char *patched = copy(made, made_size);

		memcpy(patched + at, data + OFFSET_BYTES, piece);
		entry = copy(patched, length);
		judge(entry, length, made, made_size);
		free(entry);
		free(patched);
	}
	free(made);
	return 0;
}
