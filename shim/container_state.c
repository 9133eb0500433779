#include "container_state.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "policy.h"

#define PID_MAX       4194304 /* proc_sys_kernel(5): pid_max */
#define LISTENER_NAME "seccompFd"
#define NO_STATE      "what was said is no container process state (see listenerPath in the OCI runtime specification)"

static cJSON *parse(const char *text, size_t length)
{
	const char *end = NULL;
	cJSON *object = cJSON_ParseWithLengthOpts(text, length, &end, false);

	for (; object && end < text + length; end++) {
		if (!isspace((unsigned char)*end)) {
			cJSON_Delete(object);
			object = NULL;
		}
	}
	return object;
}

static void scan_string(struct container_scan *scan, char byte)
{
	if (scan->is_escaped)
		scan->is_escaped = false;
	else if (byte == '\\')
		scan->is_escaped = true;
	else if (byte == '"')
		scan->in_string = false;
}

bool container_state_ends(struct container_scan *scan, const char *piece, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char byte = piece[i];

		if (scan->in_string) {
			scan_string(scan, byte);
		} else if (byte == '{' || byte == '[') {
			scan->depth++;
		} else if (byte == '}' || byte == ']') {
			if (scan->depth <= 1)
				return true;
			scan->depth--;
		} else if (scan->depth == 0 && !isspace((unsigned char)byte)) {
			return true;
		} else if (byte == '"') {
			scan->in_string = true;
		}
	}
	return false;
}

/* A NUL, plain or escaped, would end a C string before its end: a policy would be another than was said. */
static bool has_nul(const char *text, size_t length)
{
	static const char escaped[] = "u0000";

	if (memchr(text, '\0', length))
		return true;
	for (size_t i = 0; i + sizeof(escaped) <= length; i++) {
		if (text[i] != '\\')
			continue;
		if (memcmp(text + i + 1, escaped, sizeof(escaped) - 1) == 0)
			return true;
		i++; /* what is escaped begins nothing */
	}
	return false;
}

static const char *string_in(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool read_pid(const cJSON *object, pid_t *pid)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "pid");

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > PID_MAX)
		return false;
	*pid = (pid_t)item->valuedouble;
	return (double)*pid == item->valuedouble;
}

/* Each name is a descriptor's that came along, in that order; one of them is the listener's. */
static const char *find_listener(const cJSON *object, size_t descriptors, size_t *listener)
{
	const cJSON *names = cJSON_GetObjectItemCaseSensitive(object, "fds");
	const cJSON *item;
	size_t count = 0;
	size_t found = 0;

	cJSON_ArrayForEach(item, names)
	{
		const char *name = cJSON_GetStringValue(item);

		if (!name)
			return NO_STATE;
		if (strcmp(name, LISTENER_NAME) == 0) {
			*listener = count;
			found++;
		}
		count++;
	}
	if (!cJSON_IsArray(names) || count != descriptors)
		return "its fds are not the descriptors that came along (mend the runtime)";
	return found == 1 ? NULL : "its fds name no " LISTENER_NAME ", or several (mend the runtime)";
}

static void name_session(const char *id, char session[SESSION_ID_SIZE])
{
	size_t length = strnlen(id, SESSION_ID_SIZE - 1);

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)id[i];
		bool allowed = byte < 0x80 && (isalnum(byte) || byte == '_' || byte == '.' || byte == '-');

		session[i] = '_';
		if (allowed)
			session[i] = id[i];
	}
	session[length] = '\0';
}

static const char *read_policy(const cJSON *object, struct container_state *state)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const char *text = metadata ? cJSON_GetStringValue(metadata) : "";

	if (!text)
		return NO_STATE;
	state->policy_length = strnlen(text, POLICY_TEXT_MAX + 1);
	if (state->policy_length > POLICY_TEXT_MAX)
		return "its listenerMetadata is longer than a policy may be (256 KiB)";
	state->policy = strdup(text);
	return state->policy ? NULL : "it is out of memory (try again)";
}

static const char *read_object(const cJSON *object, size_t descriptors, struct container_state *state)
{
	const cJSON *container = cJSON_GetObjectItemCaseSensitive(object, "state");
	const char *version = string_in(object, "ociVersion");
	const char *id = string_in(container, "id");
	const char *wrong;

	if (!cJSON_IsObject(object) || !cJSON_IsObject(container) || !version || !id || id[0] == '\0' ||
	    !read_pid(object, &state->pid))
		return NO_STATE;
	wrong = find_listener(object, descriptors, &state->listener);
	if (wrong)
		return wrong;
	name_session(id, state->session);
	(void)snprintf(state->version, sizeof(state->version), "oci %s", version);
	return read_policy(object, state);
}

const char *container_state_read(const char *text, size_t length, size_t descriptors, struct container_state *state)
{
	const char *wrong = NO_STATE;
	cJSON *object;

	*state = (struct container_state){.pid = 0};
	if (length > CONTAINER_STATE_MAX || has_nul(text, length))
		return NO_STATE;
	object = parse(text, length);
	if (object)
		wrong = read_object(object, descriptors, state);
	cJSON_Delete(object);
	if (wrong)
		container_state_free(state);
	return wrong;
}

void container_state_free(struct container_state *state)
{
	free(state->policy);
	state->policy = NULL;
}
