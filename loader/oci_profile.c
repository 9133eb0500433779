#include "oci_profile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "rules.h"
#include "syscall_table.h"

#define LOW_32_BITS          0xffffffffU
#define ERRNO_OF(action)     (0xffffU & (action))
#define WITHOUT_DATA(action) (0xffff0000U & (action))

/* A profile being made. */
struct making {
	const struct config *config;
	struct rules rules;
	cJSON *calls;   /* borrowed: the profile's syscalls */
	bool is_listed; /* default_action = block */
	bool failed;    /* out of memory */
	struct error *err;
};

static const char *action_name(uint32_t action)
{
	switch (WITHOUT_DATA(action)) {
	case SCMP_ACT_ALLOW:
		return "SCMP_ACT_ALLOW";
	case SCMP_ACT_NOTIFY:
		return "SCMP_ACT_NOTIFY";
	case SCMP_ACT_ERRNO(0):
		return "SCMP_ACT_ERRNO";
	default:
		return "SCMP_ACT_KILL_PROCESS";
	}
}

static const char *operator_name(enum scmp_compare operator)
{
	switch (operator) {
	case SCMP_CMP_NE:
		return "SCMP_CMP_NE";
	case SCMP_CMP_EQ:
		return "SCMP_CMP_EQ";
	default:
		return "SCMP_CMP_MASKED_EQ";
	}
}

/* What the list stage says of a call, whatever its arguments are. */
static uint32_t listed_action(const struct rules *rules, int number)
{
	for (size_t i = 0; i < rules->list.count; i++)
		if (rules->list.rules[i].number == number)
			return rules->list.rules[i].action;
	return rules->list.otherwise;
}

static bool is_in_sockets(const struct rules *rules, int number)
{
	for (size_t i = 0; i < rules->sockets.count; i++)
		if (rules->sockets.rules[i].number == number)
			return true;
	return false;
}

static cJSON *new_item(struct making *making, uint32_t action)
{
	cJSON *item = cJSON_CreateObject();

	if (!cJSON_AddArrayToObject(item, "names") || !cJSON_AddStringToObject(item, "action", action_name(action)) ||
	    (WITHOUT_DATA(action) == SCMP_ACT_ERRNO(0) &&
	     !cJSON_AddNumberToObject(item, "errnoRet", ERRNO_OF(action))) ||
	    !cJSON_AddItemToArray(making->calls, item)) {
		cJSON_Delete(item);
		making->failed = true;
		return NULL;
	}
	return item;
}

/* The item of all calls that get that, whatever their arguments are. */
static cJSON *item_of(struct making *making, uint32_t action)
{
	cJSON *item;

	cJSON_ArrayForEach(item, making->calls)
	{
		const cJSON *number = cJSON_GetObjectItem(item, "errnoRet");
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(item, "action"));

		if (!cJSON_HasObjectItem(item, "args") && name && strcmp(name, action_name(action)) == 0 &&
		    (!number || (uint32_t)number->valueint == ERRNO_OF(action)))
			return item;
	}
	return new_item(making, action);
}

static void add_name(struct making *making, cJSON *item, int number)
{
	char name[SYSCALL_NAME_MAX];

	if (!item || !syscall_name(making->rules.arch, number, name) ||
	    !cJSON_AddItemToArray(cJSON_GetObjectItem(item, "names"), cJSON_CreateString(name)))
		making->failed = true;
}

static void add_compared(struct making *making, const struct rule *rule)
{
	cJSON *item = new_item(making, rule->action);
	cJSON *arguments = item ? cJSON_AddArrayToObject(item, "args") : NULL;

	for (unsigned i = 0; i < rule->comparisons; i++) {
		const struct scmp_arg_cmp *compare = &rule->compare[i];
		cJSON *argument = cJSON_CreateObject();

		if (!cJSON_AddNumberToObject(argument, "index", compare->arg) ||
		    !cJSON_AddNumberToObject(argument, "value", (double)compare->datum_a) ||
		    !cJSON_AddNumberToObject(argument, "valueTwo", (double)compare->datum_b) ||
		    !cJSON_AddStringToObject(argument, "op", operator_name(compare->op)) ||
		    !cJSON_AddItemToArray(arguments, argument)) {
			cJSON_Delete(argument);
			making->failed = true;
		}
	}
	add_name(making, item, rule->number);
}

static void add(struct making *making, const struct rule *rule)
{
	if (rule->comparisons > 0)
		add_compared(making, rule);
	else
		add_name(making, item_of(making, rule->action), rule->number);
}

/* A runtime takes no notification as its default, nor for write(2), by which it says that it has the filter. */
static int without_notification(struct making *making, uint32_t *action, const char *what)
{
	if (*action != SCMP_ACT_NOTIFY)
		return 0;
	*action = SCMP_ACT_KILL_PROCESS;
	if (making->config->policy.mode != MODE_AUDIT && making->config->policy.syscalls.on_block == ON_BLOCK_KILL)
		return 0;
	return error_set(making->err,
			 "export: no container runtime lets a sidecar decide on %s (on_block = kill or errno)", what);
}

/* Are sockets judged, from a root that the process must not leave before the sidecar has seen it? */
static bool is_awaited(const struct making *making, int number)
{
	const struct rules *rules = &making->rules;

	return rules_await(rules->arch, number) && rules_mediate(rules, syscall_number(rules->arch, "connect")) &&
	       listed_action(rules, number) == SCMP_ACT_ALLOW;
}

/* In an item of their own, by which agentshctl runtime knows them from what is blocked. */
static void add_awaited(struct making *making)
{
	cJSON *item = NULL;

	for (size_t i = 0; rules_awaited[i]; i++) {
		int number = syscall_number(making->rules.arch, rules_awaited[i]);

		if (!is_awaited(making, number))
			continue;
		if (!item)
			item = new_item(making, SCMP_ACT_NOTIFY);
		add_name(making, item, number);
	}
}

static int add_listed(struct making *making, const struct rule *given)
{
	const struct rules *rules = &making->rules;
	struct rule rule = *given;
	char name[SYSCALL_NAME_MAX] = "";

	if (rule.action == rules->list.otherwise)
		return 0;
	if (rule.action == SCMP_ACT_ALLOW) {
		/* A name that a runtime does not know is one that it leaves blocked. */
		if (!is_in_sockets(rules, rule.number) && !is_awaited(making, rule.number))
			add(making, &rule);
		return 0;
	}
	if (syscall_is_supplementary(rules->arch, rule.number)) {
		(void)syscall_name(rules->arch, rule.number, name);
		return error_set(making->err,
				 "export: %s: container runtimes may not know that call, and would leave it open "
				 "(leave it out of block, or use agentsh-exec inside)",
				 name);
	}
	if (rule.number == syscall_number(rules->arch, "write") &&
	    without_notification(making, &rule.action, "write") != 0)
		return -1;
	add(making, &rule);
	return 0;
}

/*
 * Of what the list stage lets through. Under an allow-list its other arguments are to be named as well, which there
 * is an operator for only where the comparison is NE.
 */
static int add_socket(struct making *making, const struct rule *rule)
{
	struct rule rest = *rule;

	if (listed_action(&making->rules, rule->number) != SCMP_ACT_ALLOW)
		return 0;
	add(making, rule);
	if (!making->is_listed || rule->comparisons == 0)
		return 0;
	if (rule->comparisons > 1 || rule->compare[0].op != SCMP_CMP_NE)
		return error_set(making->err, "export: default_action = block, and a rule of Unix sockets that looks "
					      "at arguments: no profile says both (default_action = allow)");
	rest.action = SCMP_ACT_ALLOW;
	rest.compare[0].op = SCMP_CMP_EQ;
	add(making, &rest);
	return 0;
}

/* By it a session inside finds that it is one; where the list has a say on prctl, none begins inside. */
static void add_reserved(struct making *making)
{
	const struct rule rule = {
	    .number = syscall_number(making->rules.arch, "prctl"),
	    .action = SCMP_ACT_NOTIFY,
	    .comparisons = 1,
	    .compare = {{.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = LOW_32_BITS, .datum_b = RESERVED_CALL}}};

	if (making->rules.reserved && !making->is_listed &&
	    listed_action(&making->rules, rule.number) == SCMP_ACT_ALLOW)
		add(making, &rule);
}

static int add_calls(struct making *making)
{
	for (size_t i = 0; i < making->rules.list.count; i++)
		if (add_listed(making, &making->rules.list.rules[i]) != 0)
			return -1;
	for (size_t i = 0; i < making->rules.sockets.count; i++)
		if (add_socket(making, &making->rules.sockets.rules[i]) != 0)
			return -1;
	add_reserved(making);
	add_awaited(making);
	return 0;
}

/* Calls of any other architecture are left to libseccomp, which ends their thread. */
static bool add_architecture(cJSON *profile, uint32_t arch)
{
	cJSON *list = cJSON_AddArrayToObject(profile, "architectures");
	char name[32];

	(void)snprintf(name, sizeof(name), "SCMP_ARCH_%s", syscall_arch_name(arch));
	for (char *at = name; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

static bool add_flag(cJSON *profile, const char *flag)
{
	return cJSON_AddItemToArray(cJSON_AddArrayToObject(profile, "flags"), cJSON_CreateString(flag));
}

static bool add_listener(cJSON *profile, const struct oci_listener *listener, const char *policy)
{
	return cJSON_AddStringToObject(profile, "listenerPath", listener->path) &&
	       cJSON_AddStringToObject(profile, "listenerMetadata", policy) &&
	       (!listener->wait_killable || add_flag(profile, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
}

static int fill(cJSON *profile, const struct oci_listener *listener, struct making *making)
{
	uint32_t otherwise = making->rules.list.otherwise;

	if (without_notification(making, &otherwise, "what default_action = block blocks") != 0)
		return -1;
	if (!cJSON_AddStringToObject(profile, "defaultAction", action_name(otherwise)) ||
	    (WITHOUT_DATA(otherwise) == SCMP_ACT_ERRNO(0) &&
	     !cJSON_AddNumberToObject(profile, "defaultErrnoRet", ERRNO_OF(otherwise))) ||
	    !add_architecture(profile, making->rules.arch) ||
	    (listener->path && !add_listener(profile, listener, making->config->text)))
		making->failed = true;
	making->calls = cJSON_AddArrayToObject(profile, "syscalls");
	return add_calls(making);
}

/* What a session's loader does beside its filter, and no profile says. */
static int refuse_loaders(const struct policy *policy, struct error *err)
{
	if (policy->isolate)
		return error_set(err,
				 "export: isolate = yes: no profile says it (isolate = no, and a pid namespace of the "
				 "container's own; or agentsh-exec inside)");
	if (policy->shim)
		return error_set(err, "export: [shim] enabled = true: no profile loads a library "
				      "(enabled = false, and LD_PRELOAD in the container; or agentsh-exec inside)");
	return 0;
}

char *oci_profile(const struct config *config, const struct oci_listener *listener, struct error *err)
{
	const struct rules_setting setting = {.sidecar = listener->path != NULL};
	struct making making = {
	    .config = config, .is_listed = config->policy.syscalls.default_action == DEFAULT_BLOCK, .err = err};
	cJSON *profile;
	char *text = NULL;
	int result;

	if (refuse_loaders(&config->policy, err) != 0 ||
	    rules_build_for(&config->policy, &setting, syscall_native_arch(), &making.rules, err) != 0)
		return NULL;
	profile = cJSON_CreateObject();
	result = fill(profile, listener, &making);
	if (result == 0 && !making.failed)
		text = cJSON_Print(profile);
	if (result == 0 && !text)
		(void)error_set(err, "export: out of memory");
	cJSON_Delete(profile);
	rules_free(&making.rules);
	return text;
}
