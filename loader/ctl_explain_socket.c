#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "glob.h"
#include "socket_hint.h"
#include "socket_rules.h"

#define ORIGIN_SIZE (PATH_MAX + 32)

/* "(p.ini:4)", "(a built-in default)" */
static void write_origin(const struct config *config, unsigned line, char out[ORIGIN_SIZE])
{
	if (line)
		(void)snprintf(out, ORIGIN_SIZE, "(%s:%u)", config->path, line);
	else
		(void)snprintf(out, ORIGIN_SIZE, "(a built-in default)");
}

/* Why nothing that is said of sockets here comes to pass; NULL: it does. */
static const char *without_effect(const struct policy *policy, enum policy_scalar *key)
{
	*key = policy->enabled ? KEY_MODE : KEY_ENABLED;
	if (!policy_filters(policy))
		return "no filter is installed";
	*key = KEY_UNIX_ENABLED;
	if (!policy->unix_socket.enabled)
		return "every socket can be reached: unix_socket.enabled = false";
	*key = KEY_MODE;
	if (policy->mode == MODE_AUDIT)
		return "what would be denied is told, and let through: mode = audit";
	*key = KEY_UNIX_ACTION;
	if (policy->unix_socket.action == SOCKET_AUDIT)
		return "what would be denied is told, and let through: action = audit";
	*key = KEY_UNIX_DEGRADED;
	if (policy->unix_socket.degraded == DEGRADED_NO_UNIX)
		return "every Unix socket is refused: degraded = no_unix";
	return NULL;
}

static void print_effect(const struct config *config)
{
	enum policy_scalar key;
	const char *reason = without_effect(&config->policy, &key);
	char origin[ORIGIN_SIZE];

	if (!reason)
		return;
	write_origin(config, config->policy.lines[key], origin);
	printf("# without effect: %s %s\n", reason, origin);
}

static void print_decision(const struct config *config, const struct socket_decision *decision)
{
	static const char *const defaults[] = {
	    [SOCKET_DEFAULT_SESSION] = "session",
	    [SOCKET_DEFAULT_USER] = "user",
	    [SOCKET_DEFAULT_ALLOW] = "allow",
	    [SOCKET_DEFAULT_DENY] = "deny",
	};
	const struct socket_rule *rule = decision->rule;
	char origin[ORIGIN_SIZE];

	write_origin(config, decision->line, origin);
	printf("%s by ", decision->allowed ? "allowed" : "denied");
	if (!rule)
		printf("default = %s %s", defaults[config->policy.unix_socket.otherwise], origin);
	else if (list_find(&rule->paths, decision->pattern))
		printf("[" RULE_SECTION ".%s] paths = %s %s", rule->name, decision->pattern, origin);
	else
		printf("[" RULE_SECTION ".%s] services = %s %s", rule->name, decision->service->name, origin);
	if (decision->service)
		printf("; %s: %s", decision->service->name, decision->service->gives);
	putchar('\n');
}

static void explain_name(const struct config *config, const char *given, const struct socket_name *name,
			 enum socket_operation operation)
{
	struct socket_decision decision =
	    socket_rules_decide(&config->policy, operation, name, OWNER_OUTSIDE, NULL, NULL);
	char shown[4 * PATH_MAX];
	char hint[SOCKET_HINT_SIZE];

	print_effect(config);
	(void)error_escape(shown, sizeof(shown), given);
	printf("%s %s: ", shown, socket_operation_name(operation));
	print_decision(config, &decision);
	if (decision.allowed)
		return;
	if (socket_hint(&config->policy, name, &decision, hint))
		printf("what would allow it: %s\n", hint);
	else
		printf("what would allow it: a rule with a pattern, for the name is too long for a line\n");
}

/* Reads PATH or @NAME. -1: it is neither. */
static int read_name(const char *given, char bytes[PATH_MAX], struct socket_name *name, struct error *err)
{
	bool abstract = given[0] == '@';

	if (!abstract && given[0] != '/')
		return error_set(err, "explain: '%s' is neither an absolute path nor an abstract @name", given);
	if (!abstract && glob_has_odd_component(given))
		return error_set(
		    err, "explain: '%s' is no path as the kernel resolves it (give it without //, . and ..)", given);
	*name = (struct socket_name){.abstract = abstract, .bytes = bytes};
	if (!glob_unquote(given + abstract, bytes, PATH_MAX, &name->length))
		return error_set(err, "explain: '%s' is too long, or has a '\\' that is neither \\xNN nor \\\\", given);
	if (name->length == 0 || (!abstract && memchr(bytes, '\0', name->length)))
		return error_set(err, "explain: '%s' is no name of a socket", given);
	return 0;
}

int ctl_explain_socket(const char *file, const char *given, const char *operation)
{
	enum socket_operation wanted = OPERATION_CONNECT;
	struct socket_name name;
	struct config config;
	struct error err;
	char bytes[PATH_MAX];
	int status;

	if (operation && !socket_operation_find(operation, &wanted))
		return ctl_usage("explain", "--op is connect, bind or sendto");
	if (read_name(given, bytes, &name, &err) != 0)
		return ctl_failed(&err);
	status = ctl_load(file, &config);
	if (status != CTL_OK)
		return status;
	explain_name(&config, given, &name, wanted);
	config_free(&config);
	return ctl_finish();
}
