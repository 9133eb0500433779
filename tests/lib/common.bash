# shellcheck shell=bash
# What every bats file here starts with: where the programs are, and how a test gets a policy.
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${AGENTSH_BUILD:-$TOP/build}
# shellcheck disable=SC2034 # used by the files that load this one
{
	EXEC=$BUILD/agentsh-exec
	EXEC_STATIC=$BUILD/static/agentsh-exec
	CTL=$BUILD/agentshctl
	PROGRAMS=$BUILD/tests
	# Nobody supervises: a blocked call is the kernel's to end, by SIGSYS, and there are no events.
	ALONE=("$EXEC" --sidecar=none)
	ALONE_STATIC=("$EXEC_STATIC" --sidecar=none)
	# Where the sessions of a test write their events, if their policy is from supervised.
	EVENTS=$BATS_TEST_TMPDIR/events.jsonl
}
unset AGENTSH_CONFIG AGENTSH_SESSION_ID
# A character of a test's is one, also where the machine has no locale.
unset "${!LC_@}"
export LANG=C.UTF-8
# A make that a test runs is nobody's sub-make: it would say which directory it enters.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES
# mount(8), since util-linux 2.39, makes newer calls than mount(2), which the built-in policy leaves open: not here.
export LIBMOUNT_FORCE_MOUNT2=always

# Unix sockets are left alone: what a policy says that is to be applied without a sidecar.
OPEN=$'[sandbox.seccomp.unix_socket]\nenabled = false'

# policy TEXT: writes it to a new file that only its owner can write and prints the path. Unix sockets are left
# alone, unless it speaks of them.
policy() {
	local file
	file=$(umask 077 && mktemp "$BATS_TEST_TMPDIR/policy.XXXXXX.ini")
	printf '%s\n' "$1" >"$file"
	[[ $1 == *unix_socket* ]] || printf '%s\n' "$OPEN" >>"$file"
	printf '%s\n' "$file"
}

# supervised TEXT: the same, for sessions that each have a sidecar of their own: a test writes to no
# trail of this machine's.
supervised() {
	policy "$1
[sidecar]
socket = /nonexistent/sidecar.sock
events = $EVENTS"
}

# told TYPE...: the events so far, but session_start and session_end, are of these types.
told() {
	[ "$(sed -nE 's/^\{"type":"([a-z_]+)".*/\1/p' "$EVENTS" | grep -v '^session_' | xargs)" = "$*" ]
}

# own_logs COMMAND...: with a /var/log of its own, to which root's login shells write.
own_logs() {
	# shellcheck disable=SC2016 # expanded there
	unshare --mount --propagation private bash -c 'mount -t tmpfs none /var/log && exec "$@"' own_logs "$@"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

need_command() {
	command -v "$1" >/dev/null || skip "needs the program $1"
}

# wait_for COMMAND...: until it succeeds, at most a minute and more.
wait_for() {
	local tries=1200
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# listens PATH [COMMAND...]: somebody can reach a socket there, as that command sees it. A stream's name is in the file
# system before anybody listens to it, and a connect refused until then.
listens() {
	"${@:2}" grep -Eq " (00010000 [0-9]{4}|[0-9]{8} 0002) [0-9]+ +[0-9]+ $1\$" /proc/net/unix
}

# Is it the one whose numbers the kernel's audit records have? In another they are nobody's.
first_pid_namespace() {
	[ "$(readlink /proc/self/ns/pid)" = 'pid:[4026531836]' ]
}

# broker_of KEEPER: its broker, once it has become that; the keeper has a socket before.
broker_of() {
	pgrep -P "$1" -f -- --role=broker
}
