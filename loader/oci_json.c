#include "oci_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MARK      "agentsh-number:" /* in front of a number that a double does not hold */
#define MARK_SIZE (sizeof(MARK) - 1)
#define EXACT_MAX 15U /* digits */
#define NUMBER    "+-.0123456789Ee"

/* --- Numbers: a limit of 64 bits is more than cJSON keeps, and is carried through as a string --- */

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* Is the run a number as JSON has it? What is none is left for the parser to refuse. */
static bool is_number(const char *text, size_t run)
{
	const char *at = text + (*text == '-');
	size_t whole = digits(at);

	if (whole == 0 || (whole > 1 && *at == '0'))
		return false;
	at += whole;
	if (*at == '.') {
		if (digits(at + 1) == 0)
			return false;
		at += 1 + digits(at + 1);
	}
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '+' || *at == '-';
		if (digits(at) == 0)
			return false;
		at += digits(at);
	}
	return at == text + run;
}

static char *mark_numbers(const char *text, size_t length)
{
	size_t size = length * 2 + MARK_SIZE * (length / EXACT_MAX + 1) + 1;
	char *marked = malloc(size);
	bool in_string = false;
	size_t used = 0;

	for (size_t i = 0, run; marked && i < length; i += run) {
		run = in_string ? 1 : strspn(text + i, NUMBER);
		if (run > EXACT_MAX && is_number(text + i, run)) {
			used += (size_t)snprintf(marked + used, size - used, "\"" MARK "%.*s\"", (int)run, text + i);
			continue;
		}
		run = run ? run : 1;
		if (in_string && text[i] == '\\' && i + 1 < length)
			run = 2;
		else if (text[i] == '"')
			in_string = !in_string;
		memcpy(marked + used, text + i, run);
		used += run;
	}
	if (marked)
		marked[used] = '\0';
	return marked;
}

static void unmark_numbers(cJSON *item)
{
	for (; item; item = item->next) {
		if (cJSON_IsString(item) && strncmp(item->valuestring, MARK, MARK_SIZE) == 0) {
			memmove(item->valuestring, item->valuestring + MARK_SIZE,
				strlen(item->valuestring + MARK_SIZE) + 1);
			item->type = cJSON_Raw;
		}
		unmark_numbers(item->child);
	}
}

/*
 * A reader in Go takes these for s and k: the only two characters beyond ASCII that are, in a name of the
 * specification's. In no name of what a container is made of.
 */
static bool has_disguise(const cJSON *object)
{
	for (const cJSON *item = object ? object->child : NULL; item; item = item->next)
		if ((item->string && (strstr(item->string, "\u017f") || strstr(item->string, "\u212a"))) ||
		    has_disguise(item))
			return true;
	return false;
}

cJSON *oci_json_parse(const char *text, size_t length, struct error *err)
{
	cJSON *object = NULL;
	char *marked = NULL;

	if (length <= OCI_JSON_MAX && strlen(text) == length && !strstr(text, MARK))
		marked = mark_numbers(text, length);
	if (marked)
		object = cJSON_ParseWithOpts(marked, NULL, true);
	free(marked);
	if (cJSON_IsObject(object) && !has_disguise(object))
		return object;
	(void)error_set(err,
			cJSON_IsObject(object)
			    ? "runtime: the bundle has a name that looks like another (see the caller of the runtime)"
			    : "runtime: what the bundle says is no JSON object (see the caller of the runtime)");
	cJSON_Delete(object);
	return NULL;
}

bool oci_json_has_twice(const cJSON *object)
{
	for (const cJSON *item = object->child; item; item = item->next)
		for (const cJSON *other = item->next; cJSON_IsObject(object) && other; other = other->next)
			if (strcasecmp(item->string, other->string) == 0)
				return true;
	return false;
}

cJSON *oci_json_object(const cJSON *object, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsObject(item) ? item : NULL;
}

char *oci_json_print(cJSON *object, struct error *err)
{
	char *text;

	unmark_numbers(object);
	text = cJSON_PrintUnformatted(object);
	if (!text)
		(void)error_set(err, "runtime: out of memory");
	return text;
}
