#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_trail.h"
#include "socket_hint.h"
#include "trail_sessions.h"
#include "trail_text.h"
#include "tried_socket.h"

#define CALL_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define MEMBER_SIZE     ((size_t)16 * 1024) /* a path of PATH_MAX bytes, each escaped */

struct search {
	const struct ctl_trail_options *options;
	cJSON *latest; /* owned; NULL: none yet */
};

static bool is_type(const cJSON *event, const char *type)
{
	return strcmp(trail_string(event, "type"), type) == 0;
}

/* What was killed or denied; not what audit mode let go on. */
static bool is_denial(const cJSON *event)
{
	const char *action = trail_string(event, "action");

	return is_type(event, "seccomp_blocked") || is_type(event, "unix_socket_blocked") ||
	       (is_type(event, "foreign_arch") && (!action || strcmp(action, "allowed") != 0));
}

static void take(const struct trail_event *event, void *data)
{
	struct search *search = data;

	if (!is_denial(event->json) || !ctl_trail_wanted(search->options, event->json))
		return;
	cJSON_Delete(search->latest);
	search->latest = cJSON_Duplicate(event->json, true);
}

static void show_member(const char *before, const cJSON *event, const char *name)
{
	char text[MEMBER_SIZE];

	if (!cJSON_HasObjectItem(event, name))
		return;
	trail_member(event, name, text, sizeof(text));
	if (strcmp(text, "-") != 0)
		printf("%s%s", before, text);
}

static void show_who(const cJSON *event)
{
	char comm[MEMBER_SIZE];

	trail_member(event, "comm", comm, sizeof(comm));
	printf("who    %s", comm);
	show_member(", pid ", event, "pid");
	show_member(", tid ", event, "tid");
	show_member(", uid ", event, "uid");
	show_member(", ", event, "exe");
	(void)putchar('\n');
}

static void show_when(const cJSON *event)
{
	char clock[TRAIL_CLOCK_SIZE];

	trail_clock(trail_time(event), clock);
	printf("when   %s", clock);
	show_member(", session ", event, "session_id");
	(void)putchar('\n');
}

/* FILE:LINE, and not "a built-in default"? */
static bool is_place(const char *rule)
{
	return rule && rule[0] == '/';
}

static void show_why(const cJSON *event)
{
	char reason[MEMBER_SIZE];

	printf("why    ");
	trail_member(event, "reason", reason, sizeof(reason));
	if (trail_string(event, "rule"))
		show_member(is_place(trail_string(event, "rule")) ? "the rule at " : "", event, "rule");
	else if (is_type(event, "foreign_arch"))
		printf("the filter is for native calls only");
	else if (strcmp(reason, "blocked_by_policy") == 0)
		printf("the policy; the event names no line of it");
	else
		printf("%s", reason);
	if (trail_string(event, "rule") && strcmp(reason, "blocked_by_policy") != 0 && strcmp(reason, "-") != 0)
		printf(" (%s)", reason);
	(void)putchar('\n');
}

/* FILE:LINE to the file's path and the line. False where it is not so, or the line is 0. */
static bool split_rule(const char *rule, char path[PATH_MAX], unsigned *line)
{
	const char *colon = rule ? strrchr(rule, ':') : NULL;
	char *end = NULL;
	unsigned long number;

	if (!colon || rule[0] != '/' || colon - rule >= PATH_MAX || colon[1] < '1' || colon[1] > '9')
		return false;
	number = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || number > POLICY_TEXT_MAX)
		return false;
	memcpy(path, rule, (size_t)(colon - rule));
	path[colon - rule] = '\0';
	*line = (unsigned)number;
	return true;
}

/* The policy as it is now; it is read as a policy is, so never waited for. */
static bool read_policy(const char *path, struct policy *policy)
{
	struct diagnostics diagnostics;
	size_t length;
	char *text;
	bool good;

	if (config_read(path, TRUST_CALLER, &text, &length, NULL) != 0)
		return false;
	diagnostics_init(&diagnostics);
	good = policy_parse(text, length, policy, &diagnostics) == 0;
	free(text);
	return good;
}

static void allow_by_policy(const struct policy *policy, const char *name, const char *path)
{
	const struct list_entry *entry = list_find(&policy->syscalls.block, name);
	char shown[MEMBER_SIZE];

	(void)error_escape(shown, sizeof(shown), path);
	if (entry && entry->line)
		printf("remove %s from block at %s:%u\n", name, shown, entry->line);
	else if (entry)
		printf("remove %s from block: write block into %s, as agentshctl init has it, without it\n", name,
		       shown);
	else if (policy->syscalls.default_action == DEFAULT_BLOCK && !list_find(&policy->syscalls.allow, name))
		printf("add %s to allow at %s:%u\n", name, shown, policy->lines[KEY_ALLOW]);
	else
		printf("nothing: %s has changed, and does not block %s any more\n", shown, name);
}

static void allow_call(const cJSON *event)
{
	const char *name = trail_string(event, "syscall");
	char path[PATH_MAX];
	struct policy policy;
	unsigned line = 0;

	if (!name || !*name || name[strspn(name, CALL_CHARACTERS)]) {
		printf("a call without a name cannot be listed in a policy\n");
	} else if (split_rule(trail_string(event, "rule"), path, &line) && read_policy(path, &policy)) {
		allow_by_policy(&policy, name, path);
		policy_free(&policy);
	} else if (trail_string(event, "rule") && !is_place(trail_string(event, "rule"))) {
		printf("write block into your policy, without %s (agentshctl init writes a policy to begin with)\n",
		       name);
	} else {
		printf("remove %s from block", name);
		show_member(" at ", event, "rule");
		printf(", or add it to allow where default_action = block%s\n",
		       trail_string(event, "rule") ? "" : " (agentshctl init writes a policy to begin with)");
	}
}

/* A rule for what was tried, in the pattern that means it and nothing else: whoever was denied has chosen the name. */
static void allow_tried(const struct tried_socket *tried)
{
	char key[SOCKET_HINT_PATTERN + sizeof("services = ")];

	if (!socket_hint_key(&tried->name, NULL, key, sizeof(key)))
		printf("a rule of your own: its name, of %zu bytes, is too long for a line: a pattern could name it\n",
		       tried->name.length);
	else
		printf("[unix_socket_rules.NAME] with %s and operations = %s, before the rule that denies it\n", key,
		       socket_operation_name(tried->operation));
}

/* Why no rule would have been of use; NULL: one would, as far as the event's reason goes. */
static const char *helpless(const cJSON *event)
{
	static const char *const reasons[][2] = {
	    {"unreadable_target", "the target could not be read"},
	    {"magic_link", "its path leads through a magic link of /proc (name the file itself)"},
	    {"nameless_path", "the name of what its path leads to is too long"},
	    {"other_root_or_namespace", "it was seen from another root or namespace than the session began in"},
	};
	const char *reason = trail_string(event, "reason");

	if (!reason || strcmp(reason, "blocked_by_policy") == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reason, reasons[i][0]) == 0)
			return reasons[i][1];
	return "none has denied it";
}

static void allow_socket(const cJSON *event)
{
	const char *reason = helpless(event);
	struct tried_socket tried;
	enum tried_problem problem = tried_socket_read(&tried, event);

	if (reason)
		printf("no rule does: %s\n", reason);
	else if (problem != TRIED_GOOD)
		printf("no rule does: %s\n", tried_problem_text(problem));
	else
		allow_tried(&tried);
	tried_socket_free(&tried);
}

static void show_remedy(const cJSON *event)
{
	printf("allow  ");
	if (trail_string(event, "hint")) {
		show_member("", event, "hint");
		(void)putchar('\n');
	} else if (is_type(event, "foreign_arch")) {
		printf("nothing does: use a program of this machine's own architecture\n");
	} else if (is_type(event, "unix_socket_blocked")) {
		allow_socket(event);
	} else {
		allow_call(event);
	}
}

static void show(const cJSON *event)
{
	char words[TRAIL_WORDS_SIZE];

	trail_words(event, words);
	printf("what   %s\n", words);
	show_when(event);
	show_who(event);
	show_why(event);
	show_remedy(event);
}

int ctl_last(int argc, char **argv)
{
	struct ctl_trail_options options;
	struct search search = {.options = &options};
	struct trail_reader reader;
	struct error err;
	char path[PATH_MAX];
	int status = ctl_trail_options(argc, argv, "s", &options);

	if (status == CTL_OK)
		status = ctl_trail_open(&options, path, &reader);
	if (status != CTL_OK)
		return status;
	status = ctl_trail_each(&reader, take, &search);
	if (trail_reader_finish(&reader, &err) == TRAIL_FINDING)
		status = ctl_trail_finding(&err);
	if (search.latest)
		show(search.latest);
	else
		printf("nothing was killed or denied\n");
	cJSON_Delete(search.latest);
	trail_reader_close(&reader);
	return ctl_finish() == CTL_OK ? status : CTL_FINDING;
}
