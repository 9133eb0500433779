#include "oci_bundle.h"

#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "oci_json.h"
#include "rules.h"

#define ANNOTATION "run.oci.seccomp"
#define IN_THE_WAY "the container's own seccomp profile"

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
	return !oci_json_has_twice(part);
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
	if (process && cJSON_AddTrueToObject(process, "noNewPrivileges") && !oci_json_has_twice(process))
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

	cJSON_ArrayForEach(annotation, oci_json_object(bundle, "annotations"))
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
	cJSON *linux_part = oci_json_object(bundle, "linux");
	cJSON *theirs = cJSON_GetObjectItemCaseSensitive(linux_part, "seccomp");
	int result = refuse_annotations(bundle, err);

	if (result == 0)
		result = forbid_privileges(oci_json_object(bundle, "process"), err);

	if (cJSON_IsNull(theirs))
		theirs = NULL;
	if (result == 0 && theirs && (!cJSON_IsObject(theirs) || !is_known(theirs)))
		result = error_set(err, "runtime: " IN_THE_WAY " has what the specification has not, or a name twice "
					"(see the caller of the runtime)");
	else if (result == 0 && theirs)
		result = merge_profile(theirs, ours, err);
	else if (result == 0 && linux_part)
		put_whole(linux_part, ours);
	if (result == 0 &&
	    (oci_json_has_twice(bundle) || !oci_json_object(linux_part, "seccomp") || oci_json_has_twice(linux_part)))
		result = error_set(err, "runtime: the bundle's linux is none, or has a name twice "
					"(see the caller of the runtime)");
	return result;
}

char *oci_bundle_apply(const char *text, size_t length, const char *profile, struct error *err)
{
	cJSON *bundle = oci_json_parse(text, length, err);
	cJSON *ours = bundle ? cJSON_Parse(profile) : NULL;
	char *result = NULL;

	if (ours && apply(bundle, ours, err) == 0)
		result = oci_json_print(bundle, err);
	cJSON_Delete(ours);
	cJSON_Delete(bundle);
	return result;
}

char *oci_process_apply(const char *text, size_t length, struct error *err)
{
	cJSON *process = oci_json_parse(text, length, err);
	char *result = NULL;

	if (process && forbid_privileges(process, err) == 0)
		result = oci_json_print(process, err);
	cJSON_Delete(process);
	return result;
}
