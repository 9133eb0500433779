/*
 * YAML: any bytes are either refused with an error, or become an INI that the loader takes and in
 * which nothing is cut. The first byte chooses --ignore-other.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flatten.h"
#include "ini_lines.h"
#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every line that the INI's reader hands out is one that was written, whole. */
static void check_nothing_cut(const char *ini)
{
	struct diagnostics diagnostics;
	struct ini_lines lines;
	char line[200];

	diagnostics_init(&diagnostics);
	ini_lines_init(&lines, ini, strlen(ini), &diagnostics);
	for (const char *at = ini; *at; at += strcspn(at, "\n") + 1) {
		size_t length = strcspn(at, "\n");

		if (at[length] != '\n' || length > 189)
			abort();
		if (length == 0)
			continue;
		if (!ini_lines_read(line, sizeof(line), &lines) || strlen(line) != length ||
		    memcmp(line, at, length) != 0)
			abort();
	}
	if (ini_lines_read(line, sizeof(line), &lines) || diagnostics.errors)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diagnostics diagnostics;
	struct policy policy;
	char *ini;

	if (size == 0)
		return 0;
	diagnostics_init(&diagnostics);
	if (flatten_yaml((const char *)data + 1, size - 1, data[0] == '!', &ini, &diagnostics) != 0) {
		if (ini || diagnostics.errors == 0 || !diagnostics_first_error(&diagnostics))
			abort(); /* refused without a word */
		return 0;
	}
	if (diagnostics.errors || policy_parse(ini, strlen(ini), &policy, &diagnostics) != 0)
		abort(); /* handed out, and the loader does not take it */
	policy_free(&policy);
	check_nothing_cut(ini);
	free(ini);
	return 0;
}
