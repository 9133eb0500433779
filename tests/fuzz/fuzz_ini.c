/* The INI: any bytes are either a policy whose filter can be built, or refused with an error. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "lint.h"
#include "policy.h"
#include "syscall_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Asks no host: either answer is taken, by the directory's length. */
static bool can_write_some(const char *directory)
{
	return strlen(directory) % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy;
	struct diagnostics diagnostics;
	struct filter filter;

	diagnostics_init(&diagnostics);
	if (policy_parse((const char *)data, size, &policy, &diagnostics) != 0) {
		if (diagnostics.errors == 0 || !diagnostics_first_error(&diagnostics))
			abort(); /* refused without a word */
		return 0;
	}
	if (diagnostics.errors)
		abort(); /* taken in spite of an error */
	lint(&policy, can_write_some, &diagnostics);
	if (policy_filters(&policy)) {
		if (filter_build(&policy, syscall_native_arch(), &filter, NULL) != 0)
			abort(); /* a good policy that has no program */
		filter_free(&filter);
	}
	policy_free(&policy);
	return 0;
}
