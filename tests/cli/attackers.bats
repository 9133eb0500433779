#!/usr/bin/env bats
# Those who try to reach a Unix socket that is denied them (tests/attackers), each against an outsider
# who counts what arrives: behind a sidecar nothing does; behind one that is weakened, that checks a
# call and then lets it go on, each of them succeeds in the same run.
#
# shellcheck disable=SC2154 # set by lib/roles.bash and run
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles
load ../lib/world

RACES='flip-thread flip-process flip-family flip-abstract flip-seqpacket flip-dgram flip-sendto flip-sendto-abstract
	flip-sendmsg flip-sendmmsg flip-pair flip-dissolved flip-high flip-files dup-swap dup-flip late-thread
	symlink-swap directory-swap userfault-flip fuse-link'
# Those of them who need no datagram socket: what is left where the sidecar makes the sockets.
MADE='flip-thread flip-process flip-family flip-abstract flip-seqpacket symlink-swap directory-swap'
NAMES='proc-paths namespace-mount namespace-directory namespace-root namespace-symlink chroot-link'
# These cannot succeed by a check that comes before the call: a link elsewhere is a name that nothing
# allows, whenever it is looked at; of SCM_CREDENTIALS the kernel judges its own copy; and a sidecar
# that does not carry out bind(2) knows no socket of the session's own, which is what these two begin with.
NO_RACE='linked forged-credentials rebound-stream rebound-dgram'

setup() {
	need_root
	roles_setup
	around=()
	install -m 755 "$PROGRAMS/attack" "$PROGRAMS/outsider" "$PROGRAMS/with_ring" "$work"
	mkdir "$work/weakened"
	install -m 755 "$BUILD/weakened/agentsh-exec" "$work/weakened"
	install -m 711 "$BUILD/weakened/agentsh-sidecar" "$work/weakened"
	stage=$work/stage
	mkdir "$stage"
	cat >"$work/p.ini" <<-EOT
		[sandbox.seccomp.unix_socket]
		enabled = true
		[sandbox.seccomp.syscalls]
		block = ptrace
		[unix_socket_rules.door]
		paths = $stage/door/a/*, @$stage/door/a/*
		decision = allow
		[unix_socket_rules.mine]
		paths = $stage/open/mine/*
		decision = allow
		[notices]
		stderr = never
	EOT
}

teardown() {
	[ -z "${work:-}" ] || roles_teardown
}

# tally: denied, allowed, forged, as the outsider has counted them.
tally() {
	read -r _ denied _ forged < <(od -An -t d8 -w32 "$stage/tally")
}

outsider_is_ready() {
	[ -e "$stage/tally" ] && [ "$(od -An -t d8 -N 8 "$stage/tally" | tr -d ' ')" = 1 ]
}

outsider_start() {
	outsiders=()
	rm -rf "$stage/door" "$stage/open" "$stage/tally"
	"$work/outsider" "$stage" 3>&- &
	outsiders+=($!)
	wait_for outsider_is_ready
	[[ $1 != rebound-* ]] || {
		"$work/outsider" "$stage" again 3>&- &
		outsiders+=($!)
	}
	started+=("${outsiders[@]}")
}

outsider_end() {
	kill -KILL "${outsiders[@]}"
	wait "${outsiders[@]}" 2>/dev/null || true
	tally
}

# inside USER SIDECAR BUILD COMMAND...: in a session of that build; SIDECAR is private or system.
inside() {
	local options=(--sidecar=private "--events=$work/open/events.$1")
	[ "$2" = private ] || options=("--sidecar=$work/socket")
	as "$1" "AGENTSH_TRIES=$tries" "${around[@]}" "$work/$3/agentsh-exec" -f "$work/p.ini" "${options[@]}" -- "${@:4}" </dev/null
}

# assault USER SIDECAR BUILD NAME: status, output, and the tally.
assault() {
	outsider_start "$4"
	run inside "$1" "$2" "$3" "$work/attack" "$4" "$stage"
	outsider_end
	[ "$status" -eq 0 ] || [ "$status" -eq 77 ] || is "$4: $output" ''
}

# median USER SIDECAR: of a neighbour's call, ns.
median() {
	inside "$1" "$2" '' "$work/attack" neighbour "$stage" | sed -n 's/^median //p'
}

# resists USER SIDECAR NAME...: nothing arrives, and a neighbour's calls go on.
resists() {
	local name quiet meanwhile
	for name in "${@:3}"; do
		outsider_start "$name"
		quiet=$(median "$1" "$2")
		inside "$1" "$2" '' "$work/attack" "$name" "$stage" >"$work/open/said" 2>&1 3>&- &
		meanwhile=$(median "$1" "$2")
		status=0
		wait $! || status=$?
		outsider_end
		echo "# $1, $2 sidecar: $(<"$work/open/said"); neighbour $((100 * meanwhile / quiet)) %" >&3
		[ "$status" -eq 0 ] || [ "$status" -eq 77 ] || is "$name: $status" ''
		is "$name: $denied reached what is denied" "$name: 0 reached what is denied"
		[ "$1" = root ] || is "$name: $forged forged" "$name: 0 forged"
		[ "$meanwhile" -le $((10 * quiet)) ] || is "$name: $meanwhile ns" "at most 10 times $quiet ns"
	done
}

# is_an_attack USER NAME...: it gets around a check.
is_an_attack() {
	local name
	for name in "${@:2}"; do
		tries=1000000000 # of the slow ones a few: late-thread is at times one in hundreds
		assault "$1" private weakened "$name"
		[ "$status" -eq 77 ] || [ "$denied" -gt 0 ] || is "$name: $output" 'a success'
	done
}

# tries_of PART: how often each tries.
tries_of() {
	tries=$((${AGENTSH_TRIES:-2000} / $1))
}

@test "root's session, private sidecar: nothing gets through (a tenth of the tries)" {
	tries_of 10
	# shellcheck disable=SC2086 # words
	resists root private $RACES $NAMES $NO_RACE
}

@test "a plain user's session, private sidecar: nothing gets through (a tenth of the tries)" {
	tries_of 10
	# shellcheck disable=SC2086 # words
	resists plain private $RACES $NAMES $NO_RACE
}

@test "sockets that the sidecar makes, where it may take none: nothing gets through (a tenth of the tries)" {
	tries_of 10
	printf '%s\n' "$OPEN" '[sandbox.seccomp.syscalls]' 'block = pidfd_getfd' 'on_block = errno' >"$work/outer.ini"
	around=("$work/agentsh-exec" --sidecar=none -f "$work/outer.ini" --)
	printf '[degradation]\naccept = pidfd-getfd\n' >>"$work/p.ini"
	# shellcheck disable=SC2086 # words
	resists root private $MADE
	# shellcheck disable=SC2086 # words
	resists plain private $MADE
}

@test "a plain user's session, root's system sidecar: nothing gets through" {
	tries_of 1
	sidecar_start
	# shellcheck disable=SC2086 # words
	resists plain system $RACES $NAMES $NO_RACE
}

@test "check and continue: every one of them gets through" {
	# shellcheck disable=SC2086 # words
	is_an_attack root $RACES $NAMES
	# shellcheck disable=SC2086 # words
	is_an_attack plain $RACES $NAMES
}

@test "io_uring: none is to be had, and an inherited one is of no use" {
	tries=1
	outsider_start ring
	run -0 as root "$work/with_ring" "$work/agentsh-exec" -f "$work/p.ini" --sidecar=private \
		"--events=$work/open/events" -- "$work/attack" ring "$stage"
	outsider_end
	is "$output" 'ring: 3 tries, 0 calls succeeded'
	# Outside a session it is to be had.
	outsider_start ring
	run -0 "$work/with_ring" "$work/attack" ring "$stage"
	outsider_end
	is "$output" 'ring: 3 tries, 3 calls succeeded'
}

@test "io_uring: one that the kernel polls needs no system call, and is not to be inherited" {
	run -125 as root "$work/with_ring" -p "$work/agentsh-exec" -f "$work/p.ini" --sidecar=private \
		"--events=$work/open/events" -- true
	[[ $output == *'descriptor 40: an inherited io_uring that the kernel polls (close it, or set close_fds = yes)' ]]
	sed -i '1i close_fds = yes' "$work/p.ini"
	sed -i '1i [loader]' "$work/p.ini"
	run -0 as root "$work/with_ring" -p "$work/agentsh-exec" -f "$work/p.ini" --sidecar=private \
		"--events=$work/open/events" -- true
}

@test "io_uring: in audit mode it is left open, and told of" {
	tries=1
	sed -i '1i mode = audit' "$work/p.ini"
	sed -i '1i [sandbox.seccomp]' "$work/p.ini"
	outsider_start ring
	run -0 as root "$work/with_ring" "$work/agentsh-exec" -f "$work/p.ini" --sidecar=private \
		"--events=$work/open/events" -- "$work/attack" ring "$stage"
	outsider_end
	is "$output" 'ring: 3 tries, 3 calls succeeded'
	wait_for grep -q session_end "$work/open/events"
	is "$(jq -r 'select(.type == "session_start").inherited_sockets[] | select(test("^40"))' "$work/open/events")" \
		'40 io_uring -'
	is "$(jq -r 'select(.type == "seccomp_audit") | "\(.syscall) \(.reason) \(.action)"' "$work/open/events")" \
		'io_uring_setup blind_spot allowed'
	run -0 "$BUILD/agentshctl" events "$work/open/events"
	[[ $output == *'io_uring_setup: what it does to sockets is not seen'* ]]
}

# --- Nobody else waits ---

# stalls NAME: a session that takes all of its worker's time; a neighbour's calls go on, and with the session the
# worker ends. As many threads and as much memory as a worker may have, and no more.
stalls() {
	local quiet meanwhile attacker worker
	tries=1
	outsider_start "$1"
	quiet=$(median root private)
	inside root private '' "$work/attack" "$1" "$stage" >"$work/open/said" 2>&1 3>&- &
	wait_for grep -q stalled "$work/open/said" || is "$(<"$work/open/said")" stalled
	wait_for found_worker private
	attacker=$(attacker_of)
	[[ $1 != stall-* ]] || wait_for has_threads "$worker" 65
	meanwhile=$(median root private)
	[ "$(status_of "$worker" Threads)" -le 66 ]
	[ "$(status_of "$worker" VmRSS | tr -dc 0-9)" -le 307200 ]
	[ "$meanwhile" -le $((10 * quiet)) ] || is "$1: $meanwhile ns" "at most 10 times $quiet ns"
	kill -KILL "$attacker"
	wait $! || true
	wait_for has_gone "$worker"
	outsider_end
}

attacker_of() {
	local link
	for link in /proc/[0-9]*/exe; do
		[ "$(readlink "$link" 2>/dev/null)" != "$work/attack" ] || echo "${link//[!0-9]/}"
	done
}

has_threads() {
	[ "$(status_of "$1" Threads)" -ge "$2" ]
}

has_gone() {
	[ ! -e "/proc/$1" ]
}

@test "every thread waits for a full backlog: that session's own matter" {
	stalls stall-backlog
}

@test "every thread is kept by a page that never comes, whose userfaultfd the messages carry: that session's own matter" {
	stalls stall-userfault
}

other_session_works() {
	[ "$(inside root system '' echo works)" = works ]
}

# What it has in flight is counted as its own user's alone.
other_user_sends_descriptors() {
	local PLAIN=$((PLAIN + 5))
	[ "$(inside plain system '' /usr/bin/python3 -c 'import socket
one, other = socket.socketpair()
socket.send_fds(one, [b"."], [0])
print(len(socket.recv_fds(other, 1, 1)[1]))')" = 1 ]
}

@test "as many descriptors in flight as can be had, by way of root's sidecar: other users' sessions start, work and send some" {
	local attacker works=
	tries=1
	sidecar_start
	outsider_start flood
	inside plain system '' "$work/attack" flood-descriptors "$stage" >"$work/open/said" 2>&1 3>&- &
	wait_for grep -q stalled "$work/open/said"
	attacker=$(attacker_of)
	# Nobody may have more of them than this; the flood is known to have come so far by what it is told.
	wait_for grep -q 'Too many references' "$work/open/said"
	! other_session_works || ! other_user_sends_descriptors || ! [ "$(median root system)" -gt 0 ] || works=yes
	# Also where it has failed: nothing ends before that.
	kill -KILL "$attacker"
	wait $! || true
	outsider_end
	is "$works" yes
}

@test "floods: 1,024 pieces of 256 KiB, 1,024 messages a call: that session's own matter" {
	stalls flood-pieces
	stalls flood-messages
}
