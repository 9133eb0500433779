#include "suggestion.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "socket_hint.h"
#include "socket_rules.h"
#include "trail_reader.h"

#define OPERATIONS 3U

static bool same_target(const struct suggestion_target *target, const struct service *service,
			const struct socket_name *name)
{
	if (service || target->service)
		return service == target->service;
	return target->abstract == name->abstract && target->length == name->length &&
	       memcmp(target->bytes, name->bytes, name->length) == 0;
}

/* The target that the name belongs to, a new one where there is none. NULL: no room, or (errno) no memory. */
static struct suggestion_target *target_of(struct suggestion *suggestion, const struct socket_name *name, int *result)
{
	const char *pattern;
	const struct service *service = socket_rules_service(name, &pattern);
	struct suggestion_target *targets = suggestion->targets;
	struct suggestion_target *target;

	for (size_t i = 0; i < suggestion->target_count; i++)
		if (same_target(&targets[i], service, name))
			return &targets[i];
	if (suggestion->target_count == POLICY_RULES_MAX) {
		suggestion->over++;
		return NULL;
	}
	*result = -1;
	targets = reallocarray(targets, suggestion->target_count + 1, sizeof(*targets));
	if (!targets)
		return NULL;
	suggestion->targets = targets;
	target = &targets[suggestion->target_count];
	*target = (struct suggestion_target){
	    .service = service, .bytes = malloc(name->length + 1), .length = name->length, .abstract = name->abstract};
	if (!target->bytes)
		return NULL;
	memcpy(target->bytes, name->bytes, name->length);
	suggestion->target_count++;
	*result = 0;
	return target;
}

static int take_tried(struct suggestion *suggestion, const cJSON *event, const struct tried_socket *tried)
{
	const char *comm = trail_string(event, "comm");
	int result = 0;
	struct suggestion_target *target = target_of(suggestion, &tried->name, &result);

	if (!target)
		return result;
	if (target->count++ == 0)
		(void)error_escape(target->comm, sizeof(target->comm), comm ? comm : "?");
	target->operations[tried->operation] = true;
	suggestion->events++;
	return 0;
}

static int take_socket(struct suggestion *suggestion, const cJSON *event)
{
	struct tried_socket tried;
	enum tried_problem problem = tried_socket_read(&tried, event);
	int result = 0;

	if (problem == TRIED_GOOD)
		result = take_tried(suggestion, event, &tried);
	else
		suggestion->refused[problem]++;
	tried_socket_free(&tried);
	return result;
}

static int take_call(struct suggestion *suggestion, const char *name)
{
	struct suggestion_call *calls = suggestion->calls;
	size_t count = suggestion->call_count;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(calls[i].name, name) != 0)
			continue;
		calls[i].count++;
		suggestion->events++;
		return 0;
	}
	/* No call of the kernel's has a name like that: it would be another's text in a comment of ours. */
	if (strlen(name) >= sizeof(calls->name) || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
		return 0;
	if (count == SUGGESTION_CALLS_MAX) {
		suggestion->over++;
		return 0;
	}
	calls = reallocarray(calls, count + 1, sizeof(*calls));
	if (!calls)
		return -1;
	suggestion->calls = calls;
	calls[count].count = 1;
	(void)snprintf(calls[count].name, sizeof(calls->name), "%s", name);
	suggestion->call_count++;
	suggestion->events++;
	return 0;
}

int suggestion_take(struct suggestion *suggestion, const cJSON *event)
{
	const char *type = trail_string(event, "type");
	const char *reason = trail_string(event, "reason");
	const char *call = trail_string(event, "syscall");

	if (!type)
		return 0;
	/* For another reason than the policy's rules, none of them would help. */
	if (strcmp(type, "unix_socket_blocked") == 0)
		return reason && strcmp(reason, "blocked_by_policy") != 0 ? 0 : take_socket(suggestion, event);
	/* In audit mode what is allowed by a rule may be told as well. */
	if (reason && strcmp(reason, "would_be_blocked") != 0)
		return 0;
	if (strcmp(type, "unix_socket_audit") == 0)
		return take_socket(suggestion, event);
	return strcmp(type, "seccomp_audit") == 0 && call ? take_call(suggestion, call) : 0;
}

/* The names that are in use. */
struct before {
	size_t count;
	char (*names)[RULE_NAME_MAX + 1];
};

static bool used_before(const void *context, const char *name)
{
	const struct before *before = context;

	for (size_t i = 0; i < before->count; i++)
		if (strcmp(before->names[i], name) == 0)
			return true;
	return false;
}

static void write_operations(const struct suggestion_target *target, const char *comment, FILE *stream)
{
	bool first = true;

	for (unsigned i = 0; i < OPERATIONS; i++) {
		if (!target->operations[i])
			continue;
		fprintf(stream, "%s%s%s", first ? comment : "", first ? "operations = " : ", ",
			socket_operation_name(i));
		first = false;
	}
	if (!first)
		fputc('\n', stream);
}

static void write_target(const struct suggestion_target *target, struct before *before, FILE *stream)
{
	const struct socket_name name = {
	    .abstract = target->abstract, .bytes = target->bytes, .length = target->length};
	const struct service *service = target->service;
	const char *comment = service && service->dangerous ? ";" : "";
	char *rule = before->names[before->count];
	char key[SOCKET_HINT_PATTERN + sizeof("services = ")];

	if (service)
		fprintf(stream, "\n; %s%s: %s", *comment ? "DANGEROUS: " : "", service->name, service->gives);
	fprintf(stream, "\n; tried %lu time%s, first by %s\n", target->count, target->count == 1 ? "" : "s",
		target->comm);
	if (!socket_hint_key(&name, service, key, sizeof(key))) {
		fprintf(stream, "; its name, of %zu bytes, is too long for a line: a pattern could name it\n",
			target->length);
		return;
	}
	socket_hint_rule(&name, service, used_before, before, rule);
	before->count++;
	fprintf(stream, "%s[" RULE_SECTION ".%s]\n%s%s\n", comment, rule, comment, key);
	write_operations(target, comment, stream);
}

static void write_calls(const struct suggestion *suggestion, FILE *stream)
{
	if (suggestion->call_count == 0)
		return;
	fputs("\n; System calls that the policy would block, and how often. Nothing here allows them: take one out of\n"
	      "; 'block', or put it into 'allow', in [sandbox.seccomp.syscalls].\n",
	      stream);
	for (size_t i = 0; i < suggestion->call_count; i++)
		fprintf(stream, ";   %s %lu\n", suggestion->calls[i].name, suggestion->calls[i].count);
}

/* Those that no rule is written for. Nothing of theirs is shown: what they hold is what is wrong with them. */
static void write_refused(const struct suggestion *suggestion, FILE *stream)
{
	for (unsigned i = 0; i < TRIED_PROBLEMS; i++)
		if (suggestion->refused[i])
			fprintf(stream, "\n; %lu event%s without a rule: %s\n", suggestion->refused[i],
				suggestion->refused[i] == 1 ? "" : "s", tried_problem_text(i));
}

void suggestion_write(const struct suggestion *suggestion, FILE *stream)
{
	/* A rule of the built-in one's name would take that one's place. */
	char names[POLICY_RULES_MAX + 1][RULE_NAME_MAX + 1] = {POLICY_BASE_RULE};
	struct before before = {.count = 1, .names = names};

	fprintf(stream,
		"; Rules for what %lu event%s tried. Keep those that you mean: a rule allows its sockets to\n"
		"; everything in the session.\n",
		suggestion->events, suggestion->events == 1 ? "" : "s");
	for (size_t i = 0; i < suggestion->target_count; i++)
		write_target(&suggestion->targets[i], &before, stream);
	write_refused(suggestion, stream);
	write_calls(suggestion, stream);
	if (suggestion->over)
		fprintf(stream, "\n; %lu more, beyond the number of rules that a policy can have.\n", suggestion->over);
}

void suggestion_free(struct suggestion *suggestion)
{
	for (size_t i = 0; i < suggestion->target_count; i++)
		free(suggestion->targets[i].bytes);
	free(suggestion->targets);
	free(suggestion->calls);
	*suggestion = (struct suggestion){0};
}
