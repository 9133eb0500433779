/*
 * Bundles: whatever stands in a config.json, or in the file of a process, it is either refused, or what comes of it is
 * one JSON object with no_new_privs, the listener, and each of the policy's calls only as the policy has it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "oci_bundle.h"

static const char profile[] =
    "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"],\"listenerPath\":\"/l\","
    "\"listenerMetadata\":\"m\",\"syscalls\":[{\"names\":[\"mount\",\"connect\"],\"action\":\"SCMP_ACT_NOTIFY\"},"
    "{\"names\":[\"sendto\"],\"action\":\"SCMP_ACT_NOTIFY\",\"args\":[{\"index\":4,\"value\":0,\"op\":\"SCMP_CMP_NE\"}]"
    "}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void check_process(const cJSON *process)
{
	require(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(process, "noNewPrivileges")));
}

/* No item lets mount(2) through. */
static void check_calls(const cJSON *seccomp)
{
	const cJSON *item;
	const cJSON *name;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(seccomp, "syscalls"))
	{
		const char *action = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "action"));

		cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(item, "names"))
		{
			const char *text = cJSON_GetStringValue(name);

			if (text && strcmp(text, "mount") == 0)
				require(action && strcmp(action, "SCMP_ACT_NOTIFY") == 0);
		}
	}
}

static void check_bundle(const char *text)
{
	cJSON *bundle = cJSON_ParseWithOpts(text, NULL, 1);
	const cJSON *seccomp =
	    cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(bundle, "linux"), "seccomp");
	const char *listener = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(seccomp, "listenerPath"));

	require(listener && strcmp(listener, "/l") == 0);
	check_process(cJSON_GetObjectItemCaseSensitive(bundle, "process"));
	check_calls(seccomp);
	cJSON_Delete(bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct error err;
	char *result;

	require(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	result = oci_bundle_apply(text, size, profile, &err);
	if (result)
		check_bundle(result);
	free(result);
	result = oci_process_apply(text, size, &err);
	if (result) {
		cJSON *process = cJSON_ParseWithOpts(result, NULL, 1);

		check_process(process);
		cJSON_Delete(process);
	}
	free(result);
	free(text);
	return 0;
}
