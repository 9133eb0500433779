/* The filter's second stage: no_unix, mediation and io_uring, and what it makes of the first's decisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "filter_case.h"
#include "kernel_row.h"
#include "syscall_table.h"

#define EXTRA_BITS  0x5a5a000000000000U /* no int argument reaches here */
#define SOCKET_FLAG ((uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))
#define HIGH_ONLY   0x100000000U /* a pointer whose low half is 0 */

#define NO_UNIX      SOCKETS("degraded = no_unix")
#define DENY_DGRAM   SOCKETS("datagram = deny")
#define AUDIT_ACTION SOCKETS("action = audit")

/* A fourth argument of NULL: socketpair fails by EFAULT where it is allowed. */
static const struct filter_row no_unix_rows[] = {
    {"socket", {AF_UNIX, SOCK_STREAM}, DENY(EACCES)},
    {"socket", {AF_UNIX, SOCK_DGRAM | SOCKET_FLAG}, DENY(EACCES)},
    {"socket", {AF_UNIX, UINT64_MAX}, DENY(EACCES)},
    {"socket", {HIGH(AF_UNIX), SOCK_STREAM}, DENY(EACCES)},
    {"socket", {EXTRA_BITS | AF_UNIX, SOCK_STREAM}, DENY(EACCES)},
    {"socket", {0xffffffff00000000U | AF_UNIX, SOCK_STREAM}, DENY(EACCES)},
    {"socket", {AF_INET, SOCK_STREAM}, ALLOW},
    {"socket", {HIGH(AF_INET), SOCK_STREAM}, ALLOW},
    {"socket", {AF_INET6, SOCK_DGRAM}, ALLOW},
    {"socket", {AF_NETLINK, SOCK_RAW}, ALLOW},
    {"socket", {0}, ALLOW},
    {"socket", {0x80000001U}, ALLOW},
    {"socketpair", {AF_UNIX, SOCK_STREAM}, ALLOW},
    {"socketpair", {AF_UNIX, SOCK_SEQPACKET | SOCKET_FLAG}, ALLOW},
    {"socketpair", {AF_UNIX, HIGH(SOCK_STREAM)}, ALLOW},
    {"socketpair", {HIGH(AF_UNIX), SOCK_STREAM}, ALLOW},
    {"socketpair", {AF_UNIX, SOCK_DGRAM}, DENY(EACCES)},
    {"socketpair", {AF_UNIX, SOCK_DGRAM | SOCKET_FLAG}, DENY(EACCES)},
    {"socketpair", {AF_UNIX, HIGH(SOCK_DGRAM)}, DENY(EACCES)},
    {"socketpair", {HIGH(AF_UNIX), HIGH(SOCK_DGRAM)}, DENY(EACCES)},
    {"socketpair", {AF_UNIX, SOCK_RAW}, DENY(EACCES)},
    {"socketpair", {AF_INET, SOCK_DGRAM}, ALLOW},
    {"connect", {UINT64_MAX}, ALLOW},
    {"bind", {UINT64_MAX}, ALLOW},
    {"sendto", {UINT64_MAX, 0, 0, 0, 1, 110}, ALLOW},
    {"sendmsg", {UINT64_MAX}, ALLOW},
    {"accept4", {UINT64_MAX}, ALLOW},
    {"ptrace", {UINT64_MAX, UINT64_MAX}, KILL},
    {"mount", {0}, KILL},
    {"io_uring_setup", {0}, DENY(ENOSYS)},
    {"io_uring_enter", {UINT64_MAX}, DENY(ENOSYS)},
    {"io_uring_register", {UINT64_MAX}, DENY(ENOSYS)},
};

static void no_unix(void **state)
{
	FILTER_TABLE(state, NO_UNIX, no_unix_rows);
	/* What a datagram would do with a sidecar does not matter. */
	FILTER_TABLE(state, SOCKETS("degraded = no_unix\ndatagram = deny"), no_unix_rows);
}

typedef uint32_t expectation(bool pair, uint64_t domain, uint64_t type);

/* What the kernel makes of two int arguments, each with bits it does not look at. */
static uint32_t no_unix_expects(bool pair, uint64_t domain, uint64_t type)
{
	uint32_t base = (uint32_t)type & 0xf; /* SOCK_TYPE_MASK */

	if ((uint32_t)domain != AF_UNIX)
		return ALLOW;
	return pair && (base == SOCK_STREAM || base == SOCK_SEQPACKET) ? ALLOW : DENY(EACCES);
}

static uint32_t deny_datagram_expects(bool pair, uint64_t domain, uint64_t type)
{
	uint32_t base = (uint32_t)type & 0xf;

	(void)pair;
	return (uint32_t)domain == AF_UNIX && (base == SOCK_DGRAM || base == SOCK_RAW) ? DENY(EACCES) : ALLOW;
}

static void each_type(struct filter_case *fc, bool pair, uint64_t domain, expectation *expects)
{
	static const uint64_t extra[] = {0,          SOCK_CLOEXEC, SOCK_NONBLOCK,       SOCKET_FLAG,
					 EXTRA_BITS, HIGH_ONLY,    0x8000000000000000U, 0x80000000U,
					 0x10,       0x100,        0xffffffff00000000U, 0xfffffff0U};

	for (uint64_t type = 0; type < 16; type++) {
		for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
			const struct seccomp_data call = {
			    .arch = fc->arch,
			    .nr = syscall_number(fc->arch, pair ? "socketpair" : "socket"),
			    .args = {domain, type | extra[i]},
			};

			filter_case_simulate(fc, &call, expects(pair, domain, type | extra[i]));
			assert_int_equal(filter_case_ruling(fc, &call), expects(pair, domain, type | extra[i]));
		}
	}
}

static void each_socket(struct filter_run *run, const char *text, expectation *expects)
{
	static const uint64_t extra[] = {0, HIGH_ONLY, EXTRA_BITS, 0x8000000000000000U, 0xffffffff00000000U};

	for (size_t a = 0; a < 2; a++) {
		struct filter_case fc;

		filter_case_open(&fc, run, text, filter_arches[a]);
		for (uint64_t domain = 0; domain < AF_MAX; domain++)
			for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
				for (int pair = 0; pair < 2; pair++)
					each_type(&fc, pair, domain | extra[i], expects);
		filter_case_close(&fc);
	}
}

static void every_domain_and_type(void **state)
{
	each_socket(*state, NO_UNIX, no_unix_expects);
	each_socket(*state, DENY_DGRAM, deny_datagram_expects);
}

/* An address is the fifth argument; the payload is the second and third. Both halves of a pointer count. */
#define MEDIATED_ROWS                                                                                                  \
	{"connect", {UINT64_MAX}, NOTIFY}, {"connect", {0}, NOTIFY}, {"bind", {UINT64_MAX}, NOTIFY},                   \
	    {"bind", {0}, NOTIFY}, {"sendto", {UINT64_MAX, 0, 0, 0, 0, 0}, ALLOW},                                     \
	    {"sendto", {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, 0}, ALLOW},                                 \
	    {"sendto", {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, UINT64_MAX}, ALLOW},                        \
	    {"sendto", {UINT64_MAX, 0, 0, 0, 1, 110}, NOTIFY}, {"sendto", {UINT64_MAX, 0, 0, 0, 1, 0}, NOTIFY},        \
	    {"sendto", {UINT64_MAX, 0, 0, 0, 0x7ffdeadbeef0U, 110}, NOTIFY},                                           \
	    {"sendto", {UINT64_MAX, 0, 0, 0, HIGH_ONLY, 110}, NOTIFY},                                                 \
	    {"sendto", {UINT64_MAX, 0, 0, 0, 0x8000000000000000U, 110}, NOTIFY},                                       \
	    {"sendto", {UINT64_MAX, 0, 0, 0, 0x80000000U, 110}, NOTIFY},                                               \
	    {"sendto", {UINT64_MAX, 0, 0, 0, UINT64_MAX, 110}, NOTIFY}, {"accept4", {UINT64_MAX}, ALLOW},              \
	    {"listen", {UINT64_MAX}, ALLOW}, {"recvmsg", {UINT64_MAX}, ALLOW},                                         \
	{                                                                                                              \
		"write", {UINT64_MAX}, ALLOW                                                                           \
	}

#define IO_URING_ROWS(action)                                                                                          \
	{"io_uring_setup", {0}, action}, {"io_uring_enter", {UINT64_MAX}, action},                                     \
	{                                                                                                              \
		"io_uring_register", {UINT64_MAX}, action                                                              \
	}

static void mediation(void **state)
{
	static const struct filter_row rows[] = {
	    MEDIATED_ROWS,
	    IO_URING_ROWS(DENY(ENOSYS)),
	    {"sendmsg", {UINT64_MAX}, NOTIFY},
	    {"sendmmsg", {UINT64_MAX}, NOTIFY},
	    {"socket", {AF_UNIX, SOCK_DGRAM}, ALLOW},
	    {"socketpair", {AF_UNIX, SOCK_DGRAM}, ALLOW},
	    {"mount", {0}, KILL},
	};

	FILTER_TABLE(state, SOCKETS(""), rows);
	FILTER_TABLE(state, SOCKETS("datagram = mediate\ndefault = deny"), rows);
}

static void mediation_without_datagrams(void **state)
{
	static const struct filter_row rows[] = {
	    MEDIATED_ROWS,
	    IO_URING_ROWS(DENY(ENOSYS)),
	    {"sendmsg", {UINT64_MAX}, ALLOW},
	    {"sendmmsg", {UINT64_MAX}, ALLOW},
	    {"socket", {AF_UNIX, SOCK_STREAM}, ALLOW},
	    {"socket", {AF_UNIX, SOCK_DGRAM}, DENY(EACCES)},
	    {"socket", {HIGH(AF_UNIX), HIGH(SOCK_DGRAM)}, DENY(EACCES)},
	    {"socket", {AF_UNIX, SOCK_RAW | SOCKET_FLAG}, DENY(EACCES)},
	    {"socket", {AF_INET, SOCK_DGRAM}, ALLOW},
	    {"socketpair", {AF_UNIX, SOCK_DGRAM}, DENY(EACCES)},
	    {"socketpair", {AF_UNIX, SOCK_SEQPACKET}, ALLOW},
	};

	FILTER_TABLE(state, DENY_DGRAM, rows);
}

/* Nothing is refused: not io_uring, of which only that there is one is told, nor Unix sockets where no_unix would. */
static void audit(void **state)
{
	static const char *const texts[] = {
	    AUDIT_ACTION,
	    MODE("audit") SOCKETS(""),
	    SOCKETS("action = audit\ndegraded = no_unix"),
	    MODE("audit") SOCKETS("degraded = no_unix"),
	};
	static const struct filter_row rows[] = {
	    MEDIATED_ROWS,
	    {"io_uring_setup", {0}, NOTIFY},
	    {"io_uring_enter", {UINT64_MAX}, ALLOW},
	    {"io_uring_register", {UINT64_MAX}, ALLOW},
	    {"sendmsg", {UINT64_MAX}, NOTIFY},
	    {"socket", {AF_UNIX, SOCK_STREAM}, ALLOW},
	    {"socketpair", {AF_UNIX, SOCK_DGRAM}, ALLOW},
	};
	static const struct filter_row killed[] = {{"mount", {0}, KILL}};
	static const struct filter_row notified[] = {{"mount", {0}, NOTIFY}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		FILTER_TABLE(state, texts[i], rows);
	/* What is audited are the sockets, here not the block list, and there both. */
	FILTER_TABLE(state, texts[0], killed);
	FILTER_TABLE(state, texts[1], notified);
}

static void sockets_off(void **state)
{
	static const struct filter_row rows[] = {
	    {"socket", {AF_UNIX, SOCK_STREAM}, ALLOW},
	    {"connect", {UINT64_MAX}, ALLOW},
	    {"sendto", {UINT64_MAX, 0, 0, 0, 1, 110}, ALLOW},
	    IO_URING_ROWS(ALLOW),
	};

	FILTER_TABLE(state, "[sandbox.seccomp.unix_socket]\nenabled = false\ndegraded = no_unix\n", rows);
}

#define BLOCKED_SOCKETS "block = mount, connect, sendto, sendmsg, io_uring_setup, socket\n"
#define SOCKETS_BLOCKED "block = socket, io_uring_setup, sendmsg, sendto, connect, mount\n"

/* Rows of the policies whose block list names what the sockets stage names too. */
#define CONFLICT_ROWS(action)                                                                                          \
	{"connect", {UINT64_MAX}, action}, {"connect", {0}, action}, {"sendmsg", {UINT64_MAX}, action},                \
	    {"sendto", {UINT64_MAX, 0, 0, 0, 1, 110}, action}, {"sendto", {UINT64_MAX, 0, 0, 0, 0, 0}, action},        \
	    {"io_uring_setup", {0}, action}, {"io_uring_enter", {UINT64_MAX}, DENY(ENOSYS)},                           \
	    {"socket", {AF_UNIX, SOCK_STREAM}, action}, {"socket", {AF_INET, SOCK_STREAM}, action},                    \
	{                                                                                                              \
		"mount", {0}, action                                                                                   \
	}

/* Block wins, in whatever order: of the sections, of the names. The others of both stages stay. */
static void blocked_and_mediated(void **state)
{
	static const struct filter_row killed[] = {
	    CONFLICT_ROWS(KILL), {"bind", {UINT64_MAX}, NOTIFY}, {"sendmmsg", {UINT64_MAX}, NOTIFY}};
	static const struct filter_row denied[] = {
	    CONFLICT_ROWS(DENY(EPERM)), {"bind", {UINT64_MAX}, NOTIFY}, {"sendmmsg", {UINT64_MAX}, NOTIFY}};

	FILTER_TABLE(state, SYSCALLS(BLOCKED_SOCKETS) SOCKETS(""), killed);
	FILTER_TABLE(state, SYSCALLS(SOCKETS_BLOCKED) SOCKETS(""), killed);
	FILTER_TABLE(state, SOCKETS("") SYSCALLS(BLOCKED_SOCKETS), killed);
	FILTER_TABLE(state, SOCKETS("") SYSCALLS(SOCKETS_BLOCKED), killed);
	FILTER_TABLE(state, SOCKETS("") SYSCALLS(BLOCKED_SOCKETS "on_block = errno"), denied);
	FILTER_TABLE(state, SYSCALLS("on_block = errno\n" SOCKETS_BLOCKED) SOCKETS(""), denied);
}

static void blocked_and_no_unix(void **state)
{
	static const struct filter_row killed[] = {CONFLICT_ROWS(KILL),
						   {"bind", {UINT64_MAX}, ALLOW},
						   {"socketpair", {AF_UNIX, SOCK_DGRAM}, DENY(EACCES)},
						   {"socketpair", {AF_UNIX, SOCK_STREAM}, ALLOW}};

	FILTER_TABLE(state, SYSCALLS(BLOCKED_SOCKETS) NO_UNIX, killed);
	FILTER_TABLE(state, NO_UNIX SYSCALLS(SOCKETS_BLOCKED), killed);
}

/* What an allow-list lets through is mediated still; what it does not name is blocked. */
static void allowed_and_mediated(void **state)
{
	static const struct filter_row rows[] = {
	    {"connect", {UINT64_MAX}, NOTIFY},
	    {"sendto", {UINT64_MAX, 0, 0, 0, HIGH_ONLY, 110}, NOTIFY},
	    {"sendto", {UINT64_MAX, 0, 0, 0, 0, 0}, ALLOW},
	    {"bind", {UINT64_MAX}, KILL},
	    {"sendmsg", {UINT64_MAX}, KILL},
	    {"io_uring_setup", {0}, DENY(ENOSYS)},
	    {"io_uring_enter", {UINT64_MAX}, KILL},
	    {"mseal", {UINT64_MAX}, ALLOW},
	    {"open_tree_attr", {UINT64_MAX}, KILL},
	};
	static const struct filter_row no_unix_allowed[] = {
	    {"socket", {HIGH(AF_UNIX), SOCK_STREAM}, DENY(EACCES)},
	    {"socket", {AF_INET, SOCK_STREAM}, ALLOW},
	    {"socketpair", {AF_INET, SOCK_STREAM}, KILL},
	    {"socketpair", {AF_UNIX, SOCK_DGRAM}, KILL},
	    {"mseal", {UINT64_MAX}, ALLOW},
	};

	FILTER_TABLE(state, ALLOW_LIST("connect, sendto, io_uring_setup, mseal") SOCKETS(""), rows);
	FILTER_TABLE(state, SOCKETS("") ALLOW_LIST("mseal, io_uring_setup, sendto, connect"), rows);
	FILTER_TABLE(state, ALLOW_LIST("socket, mseal") NO_UNIX, no_unix_allowed);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_unix),
	    cmocka_unit_test(every_domain_and_type),
	    cmocka_unit_test(mediation),
	    cmocka_unit_test(mediation_without_datagrams),
	    cmocka_unit_test(audit),
	    cmocka_unit_test(sockets_off),
	    cmocka_unit_test(blocked_and_mediated),
	    cmocka_unit_test(blocked_and_no_unix),
	    cmocka_unit_test(allowed_and_mediated),
	};

	kernel_rows_serve(argc, argv);
	return cmocka_run_group_tests_name("filter_sockets", tests, filter_run_begin, filter_run_end);
}
