#include "nesting.h"

#include <stdbool.h>
#include <string.h>

#include "rules.h"
#include "syscall_table.h"

#define REMEDY "leave it to the session's own policy, or begin a session of its own outside of this one"

/* Is there a call that the inner blocks and the outer does not? Writes its name. 1, 0, or -1 and *err. */
static int blocks_more(const struct policy *outer, const struct policy *inner, uint32_t arch, char *name,
		       struct error *err)
{
	const struct rules_setting setting = {.sidecar = true};
	struct rules theirs;
	struct rules ours;
	int found = 0;

	if (rules_build_for(outer, &setting, arch, &theirs, err) != 0)
		return -1;
	if (rules_build_for(inner, &setting, arch, &ours, err) != 0) {
		rules_free(&theirs);
		return -1;
	}
	for (int number = 0; !found && number <= syscall_highest(arch); number++)
		found = rules_block(&ours, number) && !rules_block(&theirs, number) && syscall_name(arch, number, name);
	rules_free(&theirs);
	rules_free(&ours);
	return found;
}

static enum nesting never(const char *what, const char *why, struct error *err)
{
	(void)error_set(err, "nested session: %s: %s (" REMEDY ")", what, why);
	return NESTING_NEVER;
}

/* Is a call that both block answered by the outer as the inner would have it answered? */
static bool reports_as_much(const struct policy *outer, const struct policy *inner)
{
	return outer->mode == MODE_ENFORCE && outer->syscalls.on_block == inner->syscalls.on_block;
}

static bool same_list(const struct list *a, const struct list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->entries[i].text, b->entries[i].text) != 0)
			return false;
	return true;
}

static bool has_rule(const struct policy *policy, const struct socket_rule *rule)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct socket_rule *other = &policy->rules[i];

		if (other->decision == rule->decision && same_list(&other->paths, &rule->paths) &&
		    same_list(&other->services, &rule->services) && same_list(&other->operations, &rule->operations))
			return true;
	}
	return false;
}

/* From the least that is allowed to the most. */
static unsigned openness(enum socket_default otherwise)
{
	switch (otherwise) {
	case SOCKET_DEFAULT_DENY:
		return 0;
	case SOCKET_DEFAULT_SESSION:
		return 1;
	case SOCKET_DEFAULT_USER:
		return 2;
	case SOCKET_DEFAULT_ALLOW:
	default:
		return 3;
	}
}

/*
 * Does the outer policy allow no more of Unix sockets than the inner? As far as it can be seen: what
 * one of them allows the other allows in the same words, and what the inner denies the outer does.
 */
static bool is_as_strict(const struct policy *outer, const struct policy *inner)
{
	if (!policy_carries_out(outer) ||
	    openness(outer->unix_socket.otherwise) > openness(inner->unix_socket.otherwise) ||
	    (inner->unix_socket.datagram == DATAGRAM_DENY && outer->unix_socket.datagram != DATAGRAM_DENY))
		return false;
	for (size_t i = 0; i < outer->rule_count; i++)
		if (outer->rules[i].decision == DECISION_ALLOW && !has_rule(inner, &outer->rules[i]))
			return false;
	for (size_t i = 0; i < inner->rule_count; i++)
		if (inner->rules[i].decision == DECISION_DENY && !has_rule(outer, &inner->rules[i]))
			return false;
	return true;
}

enum nesting nesting_decide(const struct policy *outer, const char *outer_text, size_t outer_length,
			    const struct policy *inner, const char *inner_text, size_t inner_length, uint32_t arch,
			    struct error *err)
{
	bool reports = inner->syscalls.on_block == ON_BLOCK_LOG || inner->syscalls.on_block == ON_BLOCK_LOG_AND_KILL;
	char name[SYSCALL_NAME_MAX];
	int more;

	if (outer_length == inner_length && memcmp(outer_text, inner_text, inner_length) == 0)
		return NESTING_SAME;
	if (!policy_filters(inner))
		return NESTING_SAME;
	if (inner->mode == MODE_AUDIT)
		return never("mode = audit", "what it would report goes to the session's own sidecar", err);
	if (policy_mediates(inner) && inner->unix_socket.action == SOCKET_AUDIT)
		return never("unix_socket.action = audit", "what it would report goes to the session's own sidecar",
			     err);
	if (policy_mediates(inner) && !is_as_strict(outer, inner))
		return never("unix_socket", "the session's own rules for Unix sockets allow more, or others", err);
	if (!reports)
		return NESTING_ADD;
	if (!reports_as_much(outer, inner))
		return never("on_block", "the session answers blocked calls in another way", err);
	more = blocks_more(outer, inner, arch, name, err);
	if (more > 0)
		return never(name, "blocked with a report, which the session's policy does not give for it", err);
	return more < 0 ? NESTING_NEVER : NESTING_ADD;
}
