#include "tried_socket.h"

#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "trail_reader.h"

static int digit_of(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The bytes of the path, with a NUL behind them. NULL: not there, no hexadecimal, or memory ran out. */
static char *bytes_of(const cJSON *event, size_t *length)
{
	const char *hex = trail_string(event, "path_hex");
	const char *text = trail_string(event, "path");
	char *bytes;

	if (!hex) {
		*length = text ? strlen(text) : 0;
		return text ? strdup(text) : NULL;
	}
	*length = strlen(hex) / 2;
	bytes = calloc(*length + 1, 1);
	for (size_t i = 0; bytes && i < *length; i++) {
		int high = digit_of(hex[2 * i]);
		int low = digit_of(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			free(bytes);
			return NULL;
		}
		bytes[i] = (char)(high * 16 + low);
	}
	return bytes;
}

static bool is_resolved(const char *bytes, size_t length)
{
	return bytes[0] == '/' && !memchr(bytes, '\0', length) && !glob_has_odd_component(bytes);
}

static enum tried_problem read_name(struct tried_socket *tried, const cJSON *event)
{
	size_t length;
	char *bytes = bytes_of(event, &length);
	bool abstract = bytes && length > 0 && (bytes[0] == '@' || bytes[0] == '\0');

	tried->bytes = bytes;
	if (!bytes)
		return TRIED_UNKNOWN;
	if (length <= abstract)
		return TRIED_UNNAMED;
	if (cJSON_HasObjectItem(event, "path_cut"))
		return TRIED_CUT;
	if (!abstract && !is_resolved(bytes, length))
		return TRIED_UNRESOLVED;
	tried->name =
	    (struct socket_name){.abstract = abstract, .bytes = bytes + abstract, .length = length - abstract};
	return TRIED_GOOD;
}

enum tried_problem tried_socket_read(struct tried_socket *tried, const cJSON *event)
{
	const char *operation = trail_string(event, "operation");
	enum tried_problem problem;

	*tried = (struct tried_socket){0};
	problem = read_name(tried, event);
	if (problem == TRIED_GOOD && (!operation || !socket_operation_find(operation, &tried->operation)))
		return TRIED_OPERATION;
	return problem;
}

void tried_socket_free(struct tried_socket *tried)
{
	free(tried->bytes);
	*tried = (struct tried_socket){0};
}

const char *tried_problem_text(enum tried_problem problem)
{
	static const char *const texts[TRIED_PROBLEMS] = {
	    [TRIED_GOOD] = "a rule can name it",
	    [TRIED_UNKNOWN] = "its address is not known",
	    [TRIED_UNNAMED] = "its address has no name",
	    [TRIED_CUT] = "its name is cut in the event",
	    [TRIED_UNRESOLVED] = "its path is relative, or has a NUL or an empty, '.' or '..' component",
	    [TRIED_OPERATION] = "its operation is neither connect nor bind nor sendto",
	};

	return texts[problem];
}
