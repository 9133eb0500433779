#include "supervision.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absolute.h"
#include "ancestry.h"
#include "init.h"
#include "isolation.h"
#include "lifeline.h"
#include "nesting.h"
#include "outlet.h"
#include "pidfd_getfd.h"
#include "private_sidecar.h"
#include "syscall_table.h"
#include "trail.h"
#include "wait_killable.h"
#include "writable.h"

#define INIT_PID 1
#define ASKS     8U /* of brokers that die, before the loader gives up */

/* The ID that the caller wants for a session of its own; how it was said, for an error. */
static const char *wanted_id(const struct invocation *invocation, const char **how)
{
	*how = "-s";
	if (invocation->session || invocation->form != INVOKED_AS_PREFIX)
		return invocation->session;
	*how = "$" SESSION_VARIABLE;
	return getenv(SESSION_VARIABLE);
}

/* Options that would need a session of its own. */
static int refuse_inside(const struct invocation *invocation, const struct attestation *attestation, struct error *err)
{
	const char *option = NULL;

	if (invocation->session && strcmp(invocation->session, attestation->session) != 0)
		option = "-s";
	else if (invocation->events)
		option = "--events";
	else if (strcmp(invocation->sidecar, "auto") != 0 && strcmp(invocation->sidecar, "none") != 0)
		option = "--sidecar";
	if (!option)
		return 0;
	return error_set(err, "%s: this command is in session %s, whose sidecar serves it (leave it out)", option,
			 attestation->session);
}

static int decide(const struct attestation *attestation, struct config *config, struct supervision *supervision,
		  struct error *err)
{
	struct diagnostics diagnostics;
	enum nesting nesting;

	if (config_complete(config, err) != 0)
		return -1;
	diagnostics_init(&diagnostics);
	if (policy_parse(attestation->policy, attestation->policy_length, &supervision->outer, &diagnostics) != 0)
		return attestation_refuse(err, "policy");
	nesting = nesting_decide(&supervision->outer, attestation->policy, attestation->policy_length, &config->policy,
				 config->text, config->text_length, syscall_native_arch(), err);
	supervision->adds = nesting == NESTING_ADD;
	return nesting == NESTING_NEVER ? -1 : 0;
}

int supervision_find(const struct invocation *invocation, struct config *config, struct supervision *supervision,
		     struct error *err)
{
	struct attestation attestation;
	const char *how;
	const char *wanted = wanted_id(invocation, &how);
	int inside = attestation_ask(&attestation, err);
	int result;

	*supervision = (struct supervision){
	    .kind = SUPERVISED_BY_NOBODY, .handover = {.socket = -1}, .lifeline = -1, .reader = -1};
	if (inside < 0)
		return -1;
	if (inside == 0)
		return session_id(wanted, how, supervision->session, err);
	supervision->kind = SUPERVISED_ALREADY;
	memcpy(supervision->session, attestation.session, sizeof(supervision->session));
	result = refuse_inside(invocation, &attestation, err);
	if (result == 0)
		result = decide(&attestation, config, supervision, err);
	attestation_free(&attestation);
	return result;
}

bool supervision_wanted(const struct invocation *invocation)
{
	return strcmp(invocation->sidecar, "none") != 0;
}

/* Without a sidecar: allowed only where the policy needs none. */
static int refuse_none(const struct config *config, const struct invocation *invocation, struct error *err)
{
	unsigned line = 0;
	const char *remedy = NULL;
	const char *needed = policy_needs_sidecar(&config->policy, &line, &remedy);

	if (needed)
		return error_set(err, "%s:%u: %s: it needs a sidecar, and --sidecar=none asks for none (%s)",
				 config_name(config), line, needed, remedy);
	if (invocation->events)
		return error_set(err, "--events: there is nobody to write them (leave out --sidecar=none)");
	return 0;
}

/* Where a private sidecar writes: the option, the policy, the user's own trail. */
static int events_of_private(const struct invocation *invocation, const struct config *config, char path[PATH_MAX],
			     const char **events, struct error *err)
{
	if (invocation->events || config->policy.events[0]) {
		*events = invocation->events ? invocation->events : config->policy.events;
		return 0;
	}
	*events = path;
	if (trail_path(invocation->form == INVOKED_AS_PREFIX, path, err) != 0)
		return -1;
	return trail_make_directory(path, err);
}

static int start_private(const struct invocation *invocation, const struct config *config,
			 struct supervision *supervision, struct error *err)
{
	char path[PATH_MAX];
	char absolute[PATH_MAX];
	const char *events;
	int socket;

	if (events_of_private(invocation, config, path, &events, err) != 0 ||
	    outlet_absolute(events, absolute, err) != 0)
		return -1;
	socket = private_sidecar_start(absolute, supervision->lifeline, err);
	if (socket < 0)
		return -1;
	handover_adopt(socket, &supervision->handover);
	supervision->handover.is_own = true;
	return 0;
}

static const char *system_path(const struct invocation *invocation, const struct config *config)
{
	return strcmp(invocation->sidecar, "auto") == 0 ? config->policy.sidecar_socket : invocation->sidecar;
}

/* 0: connected, *system says to which; -1: *err. */
static int reach(const struct invocation *invocation, const struct config *config, struct supervision *supervision,
		 bool *system, struct error *err)
{
	const char *which = invocation->sidecar;
	const char *path = system_path(invocation, config);
	int result;

	*system = false;
	if (strcmp(which, "private") == 0)
		return start_private(invocation, config, supervision, err);
	result = handover_connect(path, &supervision->handover, err);
	*system = result == 0;
	if (result <= 0)
		return result;
	if (strcmp(which, "auto") == 0)
		return start_private(invocation, config, supervision, err);
	return error_set(err, "sidecar: nobody listens at %s (start it, or --sidecar=private)", path);
}

static bool answers(const char *path)
{
	struct handover handover;
	struct error err;

	if (handover_connect(path, &handover, &err) != 0)
		return false;
	handover_close(&handover);
	return true;
}

/*
 * Would a private sidecar have to read the session's processes, and may it only from above? Where a
 * system one may answer in its place, that is tried first. -1: *err.
 */
static int needs_reader(const struct invocation *invocation, const struct config *config,
			const struct supervision *supervision, struct error *err)
{
	bool is_auto = strcmp(invocation->sidecar, "auto") == 0;
	enum ancestry ancestry;

	if (supervision->kind == SUPERVISED_ALREADY || !policy_filters(&config->policy) ||
	    !policy_mediates(&config->policy) || !(is_auto || strcmp(invocation->sidecar, "private") == 0))
		return 0;
	ancestry = ancestry_probe();
	if (ancestry == ANCESTRY_ANYBODY || (is_auto && answers(config->policy.sidecar_socket)))
		return 0;
	if (ancestry == ANCESTRY_ANCESTOR)
		return 1;
	return error_set(err, "sidecar: Yama lets no process of yours read another (use a system sidecar, or "
			      "degraded = no_unix)");
}

/* Above us the reader, and the other end of its channel here. */
static int stay_with_reader(struct supervision *supervision, int lifeline, struct error *err)
{
	char path[PATH_MAX];
	struct init_successor successor = {.path = path};
	int ends[2];
	int result;

	if (private_sidecar_find(path, err) != 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return error_set(err, "sidecar: socketpair: %m (see agentshctl doctor)");
	successor.channel = ends[0];
	supervision->reader = ends[1];
	result = init_stay(&successor, lifeline, err);
	close(ends[0]);
	return result;
}

/* For the loader that stays, where there may be a private sidecar: as PID 1 also where no notices are wanted. */
static int make_lifeline(const struct invocation *invocation, const struct config *config,
			 struct supervision *supervision, int *lifeline, struct error *err)
{
	bool may_be = strcmp(invocation->sidecar, "auto") == 0 || strcmp(invocation->sidecar, "private") == 0;
	const struct lifeline_word silent = {.word = LIFELINE_SILENT};
	bool is_silent = config->policy.notices == NOTICES_NEVER;
	int ends[2];

	if (!may_be || (is_silent && getpid() != INIT_PID) || supervision->kind == SUPERVISED_ALREADY ||
	    !policy_filters(&config->policy))
		return 0;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set(err, "sidecar: pipe: %m (see RLIMIT_NOFILE)");
	if (is_silent)
		(void)!write(ends[1], &silent, sizeof(silent));
	*lifeline = ends[0];
	supervision->lifeline = ends[1];
	return 0;
}

int supervision_stay(const struct invocation *invocation, const struct config *config, struct supervision *supervision,
		     struct error *err)
{
	int reader = needs_reader(invocation, config, supervision, err);
	int lifeline = -1;
	int result;

	if (reader < 0)
		return -1;
	if (reader == 0 && !invocation->init && getpid() != INIT_PID)
		return 0;
	if (make_lifeline(invocation, config, supervision, &lifeline, err) != 0)
		return -1;
	result = reader > 0 ? stay_with_reader(supervision, lifeline, err) : init_stay(NULL, lifeline, err);
	outlet_close(lifeline);
	return result;
}

/* The arguments, each with its NUL, as far as they fit. *whole: what they would be. */
static size_t pack_command(char *const *command, char *out, size_t size, size_t *whole)
{
	size_t used = 0;

	for (; *command; command++) {
		size_t length = strlen(*command) + 1;

		*whole += length;
		if (length > size - used)
			length = size - used;
		memcpy(out + used, *command, length);
		used += length;
		out[used - 1] = '\0';
	}
	return used;
}

/* The policy's file as events name it: absolute, unless the working directory has no name any more. */
static const char *policy_file(const struct config *config, char absolute[PATH_MAX])
{
	return !config->builtin && absolute_path(config->path, absolute) == 0 ? absolute : config->path;
}

static void add_degraded(struct asking *asking, const char *name)
{
	struct handover_part *degraded = &asking->request.parts[TEXT_DEGRADED];
	size_t size = strlen(name) + 1;

	memcpy(asking->degraded + degraded->length, name, size);
	degraded->length += size;
}

/*
 * What the policy accepts and this host cannot do, each ended by a NUL. The host is asked only where the policy would
 * use it. A sidecar of the session's own can take no more of it than we can: is_own.
 */
static void pack_degraded(const struct policy *policy, bool is_own, struct supervision *supervision,
			  struct asking *asking)
{
	const struct list *accept = &policy->accept;

	asking->request.parts[TEXT_DEGRADED].bytes = asking->degraded;
	if (policy->isolate && list_find(accept, ISOLATION_DEGRADATION) && !isolation_is_possible())
		add_degraded(asking, ISOLATION_DEGRADATION);
	if (wait_killable_is_used(policy) && list_find(accept, WAIT_KILLABLE_DEGRADATION) &&
	    !wait_killable_is_possible())
		add_degraded(asking, WAIT_KILLABLE_DEGRADATION);
	supervision->makes_sockets = is_own && pidfd_getfd_is_accepted(policy) && pidfd_getfd_try() != 0;
	if (supervision->makes_sockets)
		add_degraded(asking, PIDFD_GETFD_DEGRADATION);
}

static struct handover_request make_request(const struct config *config, char *const *command,
					    const struct supervision *supervision, struct asking *asking)
{
	const char *file = policy_file(config, asking->file);
	size_t whole = 0;
	const size_t length = pack_command(command, asking->command, sizeof(asking->command), &whole);

	return (struct handover_request){
	    .session = supervision->session,
	    .parts = {[TEXT_POLICY] = {config->text, config->text_length},
		      [TEXT_POLICY_FILE] = {file, strlen(file)},
		      [TEXT_COMMAND] = {asking->command, length},
		      [TEXT_INHERITED] = {asking->inherited, asking->inherited_length}},
	    .command_whole = whole,
	    .notices = -1,
	    .events = -1,
	    .reader = supervision->reader,
	    .policy_writable = !config->builtin && writable_file(config->path),
	};
}

int supervision_begin(const struct invocation *invocation, const struct config *config, char *const *command,
		      struct supervision *supervision, struct asking *asking, struct error *err)
{
	struct handover_request *request = &asking->request;
	bool system;
	int result;

	if (!supervision_wanted(invocation))
		return refuse_none(config, invocation, err);
	*request = make_request(config, command, supervision, asking);
	result = reach(invocation, config, supervision, &system, err);
	outlet_close(supervision->lifeline);
	if (result != 0)
		return -1;
	supervision->kind = SUPERVISED_BY_SIDECAR;
	pack_degraded(&config->policy, !system, supervision, asking);
	/* Before another takes the number of a stderr that is closed. */
	outlet_open_notices(&config->policy, &request->notices, &request->notices_each);
	if (system && invocation->events && outlet_open_events(invocation->events, &request->events, err) != 0) {
		outlet_close(request->notices);
		return -1;
	}
	asking->path = system ? system_path(invocation, config) : NULL;
	asking->said = handover_say(&supervision->handover, request, err);
	return 0;
}

/* A system sidecar whose broker died before it answered has another: that one is asked. */
int supervision_await(struct supervision *supervision, struct asking *asking, struct error *err)
{
	struct handover *handover = &supervision->handover;
	const struct handover_request *request = &asking->request;
	unsigned asked = 0;
	int result;

	if (supervision->kind != SUPERVISED_BY_SIDECAR)
		return 0;
	do {
		if (asked > 0)
			asking->said = handover_say(handover, request, err);
		result = handover_welcome(handover, asking->said, err);
	} while (result > 0 && asking->path && ++asked < ASKS && handover_again(asking->path, handover));
	outlet_close(request->notices);
	outlet_close(request->events);
	outlet_close(request->reader);
	return result == 0 ? 0 : -1;
}

struct rules_setting supervision_setting(const struct supervision *supervision)
{
	return (struct rules_setting){
	    .sidecar = supervision->kind == SUPERVISED_BY_SIDECAR,
	    .makes_sockets = supervision->makes_sockets,
	    .outer = supervision->kind == SUPERVISED_ALREADY ? &supervision->outer : NULL,
	};
}

bool supervision_filters(const struct supervision *supervision, const struct policy *policy)
{
	return policy_filters(policy) && (supervision->kind != SUPERVISED_ALREADY || supervision->adds);
}

int supervision_arm(struct supervision *supervision, const struct rules *rules, struct error *err)
{
	if (supervision->kind != SUPERVISED_BY_SIDECAR)
		return 0;
	if (handover_arm(&supervision->handover, err) != 0)
		return -1;
	supervision->helped = !handover_is_direct(&supervision->handover, rules);
	if (!supervision->helped)
		return 0;
	return announcer_start(&supervision->handover, rules_of_call(rules, SYS_write).action != SCMP_ACT_ALLOW,
			       &supervision->announcer, err);
}

int supervision_hand_over(const struct supervision *supervision, int listener, bool wait_killable, struct error *err)
{
	if (supervision->kind != SUPERVISED_BY_SIDECAR)
		return 0;
	if (supervision->helped)
		return announcer_announce(&supervision->announcer, listener, wait_killable, err);
	return handover_announce(&supervision->handover, listener, wait_killable, err);
}
