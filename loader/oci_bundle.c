#include "oci_bundle.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "rules.h"

#define MARK       "agentsh-number:" /* in front of a number that a double does not hold */
#define MARK_SIZE  (sizeof(MARK) - 1)
#define EXACT_MAX  15U /* digits */
#define NUMBER     "+-.0123456789Ee"
#define ANNOTATION "run.oci.seccomp"
#define IN_THE_WAY "the container's own seccomp profile"

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

static cJSON *parse(const char *text, size_t length, struct error *err)
{
	cJSON *object = NULL;
	char *marked = NULL;

	if (length <= OCI_BUNDLE_MAX && strlen(text) == length && !strstr(text, MARK))
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

/* Two of a name, or two that differ in case alone, are one to a reader in Go, and nobody knows which. */
static bool has_twice(const cJSON *object)
{
	for (const cJSON *item = object->child; item; item = item->next)
		for (const cJSON *other = item->next; cJSON_IsObject(object) && other; other = other->next)
			if (strcasecmp(item->string, other->string) == 0)
				return true;
	return false;
}

static cJSON *object_in(const cJSON *object, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsObject(item) ? item : NULL;
}

/* Is everything in a profile of a name that the specification has? A reader in Go takes others for one of them. */
static bool is_known(const cJSON *part)
{
	static const char *const names[] = {"defaultAction",
					    "defaultErrnoRet",
					    "architectures",
					    "flags",
					    "listenerPath",
					    "listenerMetadata",
					    "syscalls",
					    "names",
					    "action",
					    "errnoRet",
					    "args",
					    "index",
					    "value",
					    "valueTwo",
					    "op"};

	for (const cJSON *item = part->child; item; item = item->next) {
		bool known = !item->string;

		for (size_t i = 0; !known && i < sizeof(names) / sizeof(names[0]); i++)
			known = strcmp(item->string, names[i]) == 0;
		if (!known || !is_known(item))
			return false;
	}
	return !has_twice(part);
}

/* --- Profiles --- */

/* Does the call go on? With a line in a log as well, or as a tracer likes, who may be of the container's own. */
static bool is_to_go_on(const char *action)
{
	static const char *const names[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"};

	for (size_t i = 0; action && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(action, names[i]) == 0)
			return true;
	return false;
}

static bool is_allow(const cJSON *item)
{
	return is_to_go_on(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "action")));
}

static bool has_arguments(const cJSON *item)
{
	return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(item, "args")) > 0;
}

/* What a sidecar carries out for the target: where the container's own profile forbids it, it stays forbidden. */
static bool is_mediated(const char *name)
{
	static const char *const names[] = {"connect", "bind", "sendto", "sendmsg", "sendmmsg"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_awaited_name(const char *name)
{
	for (size_t i = 0; rules_awaited[i]; i++)
		if (strcmp(name, rules_awaited[i]) == 0)
			return true;
	return false;
}

/*
 * Are these what waits for the sidecar to have seen the process (oci_profile.c)? As far as the container's own profile
 * allows it. What the policy blocks of them is in the item of connect.
 */
static bool is_awaited(const cJSON *item)
{
	const char *action = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "action"));
	const cJSON *name;

	cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(item, "names"))
	{
		if (!is_awaited_name(cJSON_GetStringValue(name)))
			return false;
	}
	return action && strcmp(action, "SCMP_ACT_NOTIFY") == 0;
}

enum allowance { ALLOWED_NOT, ALLOWED_SOMETIMES, ALLOWED };

/* What the profile says of the name; with take, the name is taken out of it. */
static enum allowance allowance(cJSON *profile, const char *name, bool take)
{
	const char *otherwise = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(profile, "defaultAction"));
	enum allowance found = is_to_go_on(otherwise) ? ALLOWED : ALLOWED_NOT;
	cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(profile, "syscalls"))
	{
		cJSON *names = cJSON_GetObjectItemCaseSensitive(item, "names");

		for (int i = cJSON_GetArraySize(names) - 1; i >= 0; i--) {
			const char *listed = cJSON_GetStringValue(cJSON_GetArrayItem(names, i));

			if (!listed || strcmp(listed, name) != 0)
				continue;
			if (is_allow(item))
				found = has_arguments(item) && found != ALLOWED ? ALLOWED_SOMETIMES : ALLOWED;
			else if (found == ALLOWED)
				found = has_arguments(item) ? ALLOWED_SOMETIMES : ALLOWED_NOT;
			if (take)
				cJSON_DeleteItemFromArray(names, i);
		}
	}
	return found;
}

/* A list without a name in it is an error to some runtimes. */
static void drop_empty(cJSON *profile)
{
	cJSON *items = cJSON_GetObjectItemCaseSensitive(profile, "syscalls");

	for (int i = cJSON_GetArraySize(items) - 1; i >= 0; i--)
		if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(items, i), "names")) == 0)
			cJSON_DeleteItemFromArray(items, i);
}

static int add_copy(cJSON *profile, const cJSON *item, const char *name)
{
	cJSON *copy = cJSON_Duplicate(item, true);
	cJSON *names = cJSON_CreateArray();

	(void)cJSON_AddItemToArray(names, cJSON_CreateString(name));
	if (copy && names && cJSON_ReplaceItemInObjectCaseSensitive(copy, "names", names) &&
	    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(profile, "syscalls"), copy))
		return 0;
	cJSON_Delete(copy);
	return -1;
}

/* Of an item that looks at arguments, the rest, for a profile that allows what it names: only NE has an opposite. */
static int add_rest(cJSON *profile, const cJSON *item, const char *name)
{
	cJSON *rest = cJSON_Duplicate(item, true);
	cJSON *argument = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(rest, "args"), 0);
	int result = -1;

	if (cJSON_ReplaceItemInObjectCaseSensitive(rest, "action", cJSON_CreateString("SCMP_ACT_ALLOW")) &&
	    cJSON_ReplaceItemInObjectCaseSensitive(argument, "op", cJSON_CreateString("SCMP_CMP_EQ")))
		result = add_copy(profile, rest, name);
	cJSON_Delete(rest);
	return result;
}

static bool is_negation(const cJSON *item)
{
	const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(item, "args");
	const cJSON *first = cJSON_GetArrayItem(arguments, 0);
	const char *operator= cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(first, "op"));

	return cJSON_GetArraySize(arguments) == 1 && operator&& strcmp(operator, "SCMP_CMP_NE") == 0;
}

/*
 * The reserved call, by which a session inside knows itself, out of a call that the profile allows: EQ and NE, of all
 * 64 bits, where the policy has the lower 32. Neither call does anything, so nothing hangs on the upper ones.
 */
static int merge_reserved(cJSON *profile, const cJSON *item, const char *name)
{
	cJSON *equal = cJSON_Duplicate(item, true);
	cJSON *argument = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(equal, "args"), 0);
	cJSON *number = cJSON_DetachItemFromObjectCaseSensitive(argument, "valueTwo");
	int result = -1;

	if (number && cJSON_ReplaceItemInObjectCaseSensitive(argument, "value", number) &&
	    cJSON_ReplaceItemInObjectCaseSensitive(argument, "op", cJSON_CreateString("SCMP_CMP_EQ")) &&
	    add_copy(profile, equal, name) == 0 &&
	    cJSON_ReplaceItemInObjectCaseSensitive(equal, "action", cJSON_CreateString("SCMP_ACT_ALLOW")) &&
	    cJSON_ReplaceItemInObjectCaseSensitive(argument, "op", cJSON_CreateString("SCMP_CMP_NE")))
		result = add_copy(profile, equal, name);
	cJSON_Delete(equal);
	return result;
}

/* What their profile allows of the name, with arguments, it leaves to the sidecar instead. */
static int merge_awaited(cJSON *profile, const char *name)
{
	cJSON *items = cJSON_GetObjectItemCaseSensitive(profile, "syscalls");
	cJSON *notified = cJSON_CreateArray();
	cJSON *item;
	int result = 0;

	cJSON_ArrayForEach(item, items)
	{
		cJSON *names = cJSON_GetObjectItemCaseSensitive(item, "names");

		for (int i = cJSON_GetArraySize(names) - 1; i >= 0 && is_allow(item); i--)
			if (strcmp(cJSON_GetStringValue(cJSON_GetArrayItem(names, i)), name) == 0) {
				(void)cJSON_AddItemToArray(notified, cJSON_Duplicate(item, true));
				cJSON_DeleteItemFromArray(names, i);
			}
	}
	cJSON_ArrayForEach(item, notified)
	{
		if (!cJSON_ReplaceItemInObjectCaseSensitive(item, "action", cJSON_CreateString("SCMP_ACT_NOTIFY")) ||
		    add_copy(profile, item, name) != 0)
			result = -1;
	}
	cJSON_Delete(notified);
	return result;
}

/* What is there of that name has been taken out. */
static int merge_item(cJSON *profile, const cJSON *item, const char *name, bool is_listed)
{
	if (has_arguments(item) && is_listed && strcmp(name, "prctl") == 0)
		return merge_reserved(profile, item, name);
	if (add_copy(profile, item, name) != 0)
		return -1;
	return has_arguments(item) && is_listed ? add_rest(profile, item, name) : 0;
}

/* One name of our profile's item, into the container's own. */
static int merge_name(cJSON *profile, const cJSON *item, const char *name, struct error *err)
{
	bool is_listed = allowance(profile, "", false) == ALLOWED_NOT; /* what it does not name is forbidden */
	enum allowance theirs = allowance(profile, name, false);

	if ((is_mediated(name) || is_awaited(item)) && theirs == ALLOWED_NOT)
		return 0;
	if (is_awaited(item) && theirs == ALLOWED_SOMETIMES)
		return merge_awaited(profile, name) == 0 ? 0 : error_set(err, "runtime: out of memory");
	if (is_mediated(name) && theirs == ALLOWED_SOMETIMES)
		return error_set(err, "runtime: %s: " IN_THE_WAY " looks at its arguments (leave it out there)", name);
	if (has_arguments(item) && is_listed && strcmp(name, "prctl") == 0 && theirs != ALLOWED)
		return 0; /* then there is no session inside */
	if (has_arguments(item) && is_listed && strcmp(name, "prctl") != 0 && !is_negation(item))
		return error_set(err,
				 "runtime: %s: " IN_THE_WAY " and the policy both look at arguments "
				 "(unix_socket.datagram = mediate, no degraded = no_unix)",
				 name);
	(void)allowance(profile, name, true);
	return merge_item(profile, item, name, is_listed) == 0 ? 0 : error_set(err, "runtime: out of memory");
}

static int merge_calls(cJSON *profile, const cJSON *ours, struct error *err)
{
	const cJSON *item;
	const cJSON *name;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(ours, "syscalls"))
	{
		cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(item, "names"))
		{
			if (merge_name(profile, item, cJSON_GetStringValue(name), err) != 0)
				return -1;
		}
	}
	drop_empty(profile);
	return 0;
}

/* The member of ours in place of theirs. */
static void take_member(cJSON *theirs, const cJSON *ours, const char *name)
{
	cJSON *member = cJSON_GetObjectItemCaseSensitive(ours, name);

	cJSON_DeleteItemFromObjectCaseSensitive(theirs, name);
	if (member)
		(void)cJSON_AddItemToObject(theirs, name, cJSON_Duplicate(member, true));
}

static int merge_profile(cJSON *theirs, const cJSON *ours, struct error *err)
{
	const char *otherwise = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(ours, "defaultAction"));

	if (cJSON_HasObjectItem(theirs, "listenerPath"))
		return error_set(err,
				 "runtime: " IN_THE_WAY " has a listener already, and there is one (leave it out)");
	if (!otherwise || strcmp(otherwise, "SCMP_ACT_ALLOW") != 0)
		return error_set(err, "runtime: default_action = block is not put together with " IN_THE_WAY
				      " (--security-opt seccomp=unconfined)");
	if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(theirs, "syscalls")))
		cJSON_DeleteItemFromObjectCaseSensitive(theirs, "syscalls");
	if (!cJSON_HasObjectItem(theirs, "syscalls"))
		(void)cJSON_AddArrayToObject(theirs, "syscalls");
	if (merge_calls(theirs, ours, err) != 0)
		return -1;
	take_member(theirs, ours, "architectures");
	take_member(theirs, ours, "listenerPath");
	take_member(theirs, ours, "listenerMetadata");
	return 0;
}

/* --- The whole --- */

static int forbid_privileges(cJSON *process, struct error *err)
{
	cJSON_DeleteItemFromObjectCaseSensitive(process, "noNewPrivileges");
	if (process && cJSON_AddTrueToObject(process, "noNewPrivileges") && !has_twice(process))
		return 0;
	return error_set(err,
			 "runtime: the bundle has no process, or a name twice in it (see the caller of the runtime)");
}

static void put_whole(cJSON *linux_part, const cJSON *ours)
{
	cJSON_DeleteItemFromObjectCaseSensitive(linux_part, "seccomp");
	(void)cJSON_AddItemToObject(linux_part, "seccomp", cJSON_Duplicate(ours, true));
}

/* crun has annotations by which an image says what its filter is, or what becomes of it: crun(1). */
static int refuse_annotations(const cJSON *bundle, struct error *err)
{
	const cJSON *annotation;

	cJSON_ArrayForEach(annotation, object_in(bundle, "annotations"))
	{
		if (strncmp(annotation->string, ANNOTATION, strlen(ANNOTATION)) == 0)
			return error_set(err,
					 "runtime: the annotation %s is about the filter (leave it out, of the "
					 "container and of its image)",
					 annotation->string);
	}
	return 0;
}

static int apply(cJSON *bundle, const cJSON *ours, struct error *err)
{
	cJSON *linux_part = object_in(bundle, "linux");
	cJSON *theirs = cJSON_GetObjectItemCaseSensitive(linux_part, "seccomp");
	int result = refuse_annotations(bundle, err);

	if (result == 0)
		result = forbid_privileges(object_in(bundle, "process"), err);

	if (cJSON_IsNull(theirs))
		theirs = NULL;
	if (result == 0 && theirs && (!cJSON_IsObject(theirs) || !is_known(theirs)))
		result = error_set(err, "runtime: " IN_THE_WAY " has what the specification has not, or a name twice "
					"(see the caller of the runtime)");
	else if (result == 0 && theirs)
		result = merge_profile(theirs, ours, err);
	else if (result == 0 && linux_part)
		put_whole(linux_part, ours);
	if (result == 0 && (has_twice(bundle) || !object_in(linux_part, "seccomp") || has_twice(linux_part)))
		result = error_set(err, "runtime: the bundle's linux is none, or has a name twice "
					"(see the caller of the runtime)");
	return result;
}

static char *print(cJSON *object, struct error *err)
{
	char *text;

	unmark_numbers(object);
	text = cJSON_PrintUnformatted(object);
	if (!text)
		(void)error_set(err, "runtime: out of memory");
	return text;
}

char *oci_bundle_apply(const char *text, size_t length, const char *profile, struct error *err)
{
	cJSON *bundle = parse(text, length, err);
	cJSON *ours = bundle ? cJSON_Parse(profile) : NULL;
	char *result = NULL;

	if (ours && apply(bundle, ours, err) == 0)
		result = print(bundle, err);
	cJSON_Delete(ours);
	cJSON_Delete(bundle);
	return result;
}

char *oci_process_apply(const char *text, size_t length, struct error *err)
{
	cJSON *process = parse(text, length, err);
	char *result = NULL;

	if (process && forbid_privileges(process, err) == 0)
		result = print(process, err);
	cJSON_Delete(process);
	return result;
}
