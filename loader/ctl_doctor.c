#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "isolation.h"
#include "pidfd_getfd.h"
#include "probe.h"
#include "wait_killable.h"

#define ROW         "%-20s %-5s %-9s %s\n"
#define DETAIL_SIZE 512

#define OUTSIDE  "start outside of the filter, container profile or security module that refuses it"
#define UNSEEN   "else kills without a sidecar's listener are no events"
#define ANCESTOR "kernel.yama.ptrace_scope = 1 for an ancestor, 0 for others; or CAP_SYS_PTRACE"

/* What a policy needs of a host. */
enum use {
	USE_NONE,    /* nothing is weaker without it */
	USE_ALWAYS,  /* the loader sets it whatever the policy says */
	USE_FILTER,  /* any filter */
	USE_ERRNO,   /* calls that are refused rather than killed */
	USE_SIDECAR, /* calls that a sidecar decides */
	USE_AUDIT,   /* calls that are let through and reported */
	USE_SOCKETS, /* Unix sockets that a sidecar mediates */
	USE_CARRIED, /* calls on them that it carries out itself */
	USE_ISOLATE  /* isolate = yes */
};

typedef struct probe_result probe(void);
typedef const char *meaning(long value);

struct row {
	const char *name;
	probe *probe;
	enum use use;
	const char *good;    /* what is had by it */
	const char *missing; /* the remedy where the kernel does not have it */
	const char *refused; /* the remedy where it is refused: EPERM, EACCES */
	const char *accept;  /* its name in [degradation] accept; or NULL */
	probe *instead;      /* of the row that does as well; or NULL */
	meaning *meaning;    /* of a row that is a number to know, in place of good; or NULL */
};

static const char *mean_yama(long scope)
{
	switch (scope) {
	case PROBE_YAMA_NONE:
		return "no Yama: processes with the same ids read each other";
	case 0:
		return "ptrace_scope: processes with the same ids read each other";
	case 1:
		return "ptrace_scope: without CAP_SYS_PTRACE only an ancestor reads a process";
	case 2:
		return "ptrace_scope: only CAP_SYS_PTRACE reads a process";
	default:
		return "ptrace_scope: nobody traces a process";
	}
}

static const char *mean_filters(long count)
{
	return count == 0 ? "no filter is here already"
			  : "filters are here already: what they refuse no policy gives back";
}

static const char *mean_other_listener(long count)
{
	return count == 0 ? "no filter that is here has a listener"
			  : "a filter that is here has one, and there can be one";
}

static const char *mean_landlock(long abi)
{
	(void)abi;
	return "the ABI of Landlock";
}

/* clang-format off */
static const struct row rows[] = {
	{"no-new-privs", probe_no_new_privs, USE_ALWAYS, "setuid programs gain nothing inside",
	 "Linux 3.5; nothing runs without it", OUTSIDE "; nothing runs without it", NULL, NULL, NULL},
	{"filter", probe_filter, USE_FILTER, "a filter can be loaded, and holds",
	 "a kernel with CONFIG_SECCOMP_FILTER; nothing runs without it", OUTSIDE "; nothing runs without it", NULL, NULL, NULL},
	{"action-kill-process", probe_action_kill_process, USE_FILTER, "a blocked call ends the process, of all its threads",
	 "Linux 4.14; nothing runs without it", OUTSIDE, NULL, NULL, NULL},
	{"action-errno", probe_action_errno, USE_ERRNO, "a blocked call gets an error number",
	 "Linux 3.5; or on_block = kill without degraded = no_unix", OUTSIDE, NULL, NULL, NULL},
	{"action-user-notif", probe_action_user_notif, USE_SIDECAR, "a call can be left to a sidecar",
	 "Linux 5.0; or a policy that needs no sidecar", OUTSIDE, NULL, NULL, NULL},
	{"action-log", probe_action_log, USE_NONE, "a call can be let through and logged by the kernel",
	 "Linux 4.14; nothing here needs it", OUTSIDE "; nothing here needs it", NULL, NULL, NULL},
	{"listener", probe_listener, USE_SIDECAR, "a call is held, and answered through a listener",
	 "Linux 5.0; or a policy that needs no sidecar", OUTSIDE, NULL, NULL, NULL},
	{"wait-killable", probe_wait_killable, USE_CARRIED, "a call that is held is not begun again by a signal",
	 "Linux 5.19", OUTSIDE, WAIT_KILLABLE_DEGRADATION, NULL, NULL},
	{"continue", probe_continue, USE_AUDIT, "a call that is held can be let through", "Linux 5.5", OUTSIDE, NULL, NULL, NULL},
	{"addfd", probe_addfd, USE_NONE, "an answer can hand over a descriptor",
	 "Linux 5.9; a session within a session then adds its filter only", OUTSIDE, NULL, NULL, NULL},
	{"sync-wake-up", probe_sync_wake_up, USE_NONE, "an answer wakes its caller on the same CPU",
	 "Linux 6.6; without it only slower", OUTSIDE "; without it only slower", NULL, NULL, NULL},
	{"pidfd-getfd", probe_pidfd_getfd, USE_SOCKETS, "descriptors of another process can be taken",
	 "Linux 5.6", OUTSIDE ", or allow pidfd_getfd in the container's profile", PIDFD_GETFD_DEGRADATION, NULL, NULL},
	{"peer-pidfd", probe_peer_pidfd, USE_NONE, "the peer of a socket is known by a pidfd",
	 "Linux 6.5; SO_PEERCRED and pidfd_open do without it", OUTSIDE, NULL, NULL, NULL},
	{"process-vm-readv", probe_process_vm_readv, USE_SOCKETS, "the memory of a child is read",
	 "a kernel with CONFIG_CROSS_MEMORY_ATTACH; proc-mem does as well", OUTSIDE "; proc-mem does as well", NULL, probe_proc_mem, NULL},
	{"proc-mem", probe_proc_mem, USE_SOCKETS, "the memory of a child is read by /proc/PID/mem",
	 "mount /proc; process-vm-readv does as well", OUTSIDE "; process-vm-readv does as well", NULL, probe_process_vm_readv, NULL},
	{"read-grandchild", probe_reads_grandchild, USE_SOCKETS, "the memory of a child's child is read",
	 "mount /proc", ANCESTOR, NULL, NULL, NULL},
	{"read-sibling", probe_reads_sibling, USE_NONE, "a process that is no ancestor reads too",
	 "mount /proc", "or CAP_SYS_PTRACE; else a private sidecar has the loader stay above the command", NULL, NULL, NULL},
	{"audit-stream", probe_audit_stream, USE_NONE, "a system sidecar sees what the kernel kills",
	 "needs CONFIG_AUDIT, and the host's own pid and network namespaces; " UNSEEN,
	 "CAP_AUDIT_READ: run as root; " UNSEEN, NULL, NULL, NULL},
	{"landlock", probe_landlock, USE_NONE, NULL, "a kernel with landlock among its security modules (lsm=)", OUTSIDE, NULL, NULL,
	 mean_landlock},
	{"scope-signal", probe_scope_signal, USE_ISOLATE, "isolate = yes: nothing outside can be signalled",
	 "Linux 6.12 with landlock among its security modules (lsm=)", OUTSIDE, ISOLATION_DEGRADATION, NULL, NULL},
	{"yama", probe_yama, USE_NONE, NULL, "mount /proc", OUTSIDE, NULL, NULL, mean_yama},
	{"filters-present", probe_filters, USE_NONE, NULL, "mount /proc", OUTSIDE, NULL, NULL, mean_filters},
	{"listener-present", probe_other_listener, USE_NONE, NULL, "Linux 5.0", OUTSIDE, NULL, NULL, mean_other_listener},
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool refuses_by_errno(const struct policy *policy)
{
	return policy->syscalls.on_block == ON_BLOCK_ERRNO || policy->syscalls.default_action == DEFAULT_BLOCK ||
	       policy->unix_socket.enabled;
}

static bool mediates(const struct policy *policy)
{
	return policy->unix_socket.enabled && policy->unix_socket.degraded == DEGRADED_REFUSE;
}

static bool audits(const struct policy *policy)
{
	return policy->mode == MODE_AUDIT ||
	       (policy->unix_socket.enabled && policy->unix_socket.action == SOCKET_AUDIT);
}

static bool is_used(enum use use, const struct policy *policy)
{
	const char *remedy;
	unsigned line;

	if (use == USE_ALWAYS)
		return true;
	if (use == USE_ISOLATE)
		return policy->isolate;
	if (!policy_filters(policy))
		return false;
	switch (use) {
	case USE_FILTER:
		return true;
	case USE_ERRNO:
		return refuses_by_errno(policy);
	case USE_SIDECAR:
		return policy_needs_sidecar(policy, &line, &remedy) || mediates(policy);
	case USE_AUDIT:
		return audits(policy);
	case USE_SOCKETS:
		return mediates(policy);
	case USE_CARRIED:
		return wait_killable_is_used(policy);
	default:
		return false;
	}
}

static const char *remedy_of_limit(int error)
{
	switch (error) {
	case EAGAIN:
		return "raise the limit of processes: ulimit -u";
	case EMFILE:
		return "raise the limit of open files: ulimit -n";
	case ENFILE:
	case ENOMEM:
		return "the host is short of memory or open files: try again";
	default:
		return NULL;
	}
}

static const char *remedy_of(const struct row *row, const struct probe_result *result)
{
	const char *limit = NULL;

	if (result->state == PROBE_DIED)
		return "start outside of the filter that kills it";
	if (result->state == PROBE_HUNG)
		return "start outside of the supervisor that holds it";
	limit = remedy_of_limit(result->error);
	if (limit)
		return limit;
	if (result->error == EBUSY)
		return "there can be one listener: start outside of the filter that has the other";
	if (result->error == EPERM || result->error == EACCES)
		return row->refused;
	return row->missing;
}

static void describe_failure(const struct probe_result *result, char *out, size_t size)
{
	const char *signal = result->error ? sigabbrev_np(result->error) : NULL;

	if (result->state == PROBE_HUNG)
		(void)snprintf(out, size, "no answer within %d s", PROBE_SECONDS);
	else if (result->state != PROBE_DIED)
		(void)snprintf(out, size, "%s: %s", result->call, strerror(result->error));
	else if (signal)
		(void)snprintf(out, size, "the probe was killed by SIG%s", signal);
	else
		(void)snprintf(out, size, "the probe ended without an answer");
}

static void print_missing(const struct row *row, const struct probe_result *result, const char *needed)
{
	const char *accept = result->error == EBUSY ? NULL : row->accept; /* then there is no listener at all */
	char why[DETAIL_SIZE];
	char detail[2 * DETAIL_SIZE];

	describe_failure(result, why, sizeof(why));
	(void)snprintf(detail, sizeof(detail), "%s (%s%s%s)", why, remedy_of(row, result),
		       accept ? "; or accept = " : "", accept ? accept : "");
	printf(ROW, row->name, result->state == PROBE_FAILED ? "?" : "no", needed, detail);
}

static void print_good(const struct row *row, const struct probe_result *result, const char *needed)
{
	char number[16];

	if (!row->meaning) {
		printf(ROW, row->name, "yes", needed, row->good);
		return;
	}
	(void)snprintf(number, sizeof(number), "%ld", result->value);
	printf(ROW, row->name, result->value < 0 ? "none" : number, needed, row->meaning(result->value));
}

static bool has(probe *wanted, const struct probe_result results[ROWS])
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].probe == wanted)
			return results[i].state == PROBE_YES;
	return false;
}

/* Prints a row. False where the policy needs what is not there. */
static bool report(size_t i, const struct probe_result results[ROWS], const struct policy *policy)
{
	const struct row *row = &rows[i];
	bool good = results[i].state == PROBE_YES;
	bool needed = is_used(row->use, policy) && (good || !row->instead || !has(row->instead, results));
	bool accepted = needed && row->accept && list_find(&policy->accept, row->accept) != NULL;
	const char *word = accepted ? "accepted" : needed ? "needed" : "-";

	if (good)
		print_good(row, &results[i], needed ? "needed" : "-");
	else
		print_missing(row, &results[i], word);
	return good || !needed || accepted;
}

static int examine(const struct policy *policy)
{
	struct probe_result results[ROWS];
	int status = CTL_OK;

	for (size_t i = 0; i < ROWS; i++)
		results[i] = rows[i].probe();
	for (size_t i = 0; i < ROWS; i++)
		if (!report(i, results, policy))
			status = CTL_FINDING;
	return ctl_finish() == CTL_OK ? status : CTL_FINDING;
}

int ctl_doctor(int argc, char **argv)
{
	struct config config;
	struct error err;
	int status;
	int found;

	if (argc == 3 && strcmp(argv[1], "--user") == 0)
		return ctl_doctor_user(argv[2]);
	if (argc == 2 && strncmp(argv[1], "--user=", 7) == 0)
		return ctl_doctor_user(argv[1] + 7);
	if (argc > 1)
		return ctl_usage("doctor", "it takes --user NAME, or nothing");
	status = ctl_load(NULL, &config);
	/* The host is the same whatever is wrong with the policy. */
	if (status != CTL_OK && policy_defaults(&config.policy) != 0) {
		(void)error_set(&err, "doctor: %s", strerror(ENOMEM));
		return ctl_failed(&err);
	}
	found = examine(&config.policy);
	policy_free(&config.policy);
	return status == CTL_OK ? found : status;
}
