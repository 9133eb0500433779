#!/usr/bin/env bats
# Programs that get signals all the time: what they see is what they see without a sidecar, and no
# call is told of twice.
#
# Differs, and cannot be avoided: a handler without SA_RESTART whose signal comes before the sidecar has
# received the call makes it end with EINTR, which these calls never do by themselves; the call has not
# run then, and is no event.
#
# shellcheck disable=SC2030,SC2031,SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/events

CALLS=20000

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

# watches MODE CALL: a policy that denies it or, in audit mode, tells of it.
watches() {
	: >"$EVENTS"
	watched "[sandbox.seccomp]
mode = $1
[sandbox.seccomp.syscalls]
block = $2
on_block = log
[notices]
stderr = never"
}

# told: how many events there are of calls, and of how many calls: personality's second argument counts them.
told() {
	events 'select(.syscall == "personality") | .args[1]' | sort | uniq -c |
		awk '{ events += $1; calls++ } END { print events + 0, calls + 0 }'
}

number_of() {
	"$CTL" explain --syscall "$1" "$(policy '')" | awk '{ print $2 }'
}

# told_degraded LIST: what the session could do without, and had to.
told_degraded() {
	[ "$(events 'select(.type == "session_start") | .degraded | tojson')" = "$1" ]
}

# stormed KIND MODE: signal_storm; sets signals, allowed, denied and interrupted.
stormed() {
	run -0 --separate-stderr timeout 120 "$EXEC" -f "$(watches "$2" personality)" -- "$PROGRAMS/signal_storm" "$1" "$CALLS"
	# shellcheck disable=SC2034
	read -r signals allowed denied interrupted <<<"$output"
	[ "$signals" -ge 100 ]
	is "$(told)" "$((allowed + denied)) $((allowed + denied))"
}

@test "a signal each millisecond, SA_RESTART: nothing is interrupted, and each call is one event" {
	stormed restart enforce
	is "$allowed:$interrupted" 0:0
	stormed restart audit
	is "$denied:$interrupted" 0:0
}

@test "a signal each millisecond, without SA_RESTART: what is not interrupted is one event" {
	stormed interrupt enforce
	is "$allowed" 0
	[ "$interrupted" -le "$signals" ]
	stormed interrupt audit
	is "$denied" 0
	[ "$interrupted" -le "$signals" ]
}

# mediates TEXT: a policy that mediates Unix sockets.
mediates() {
	watched "[sandbox.seccomp.unix_socket]
enabled = true
[notices]
stderr = never
$1"
}

@test "messages and connections, with a signal each 3 ms: each arrives once" {
	run -0 --separate-stderr "$EXEC" -f "$(mediates '')" -- "$PROGRAMS/signal_sends" 2000 "$PWD/stream" "$PWD/datagram"
	is "${output#* }" '0 0 0'
	is "$stderr" ''
}

# Before Linux 5.19 they arrive twice: seen by tests/kernels.
@test "a kernel without SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: sockets are not mediated, unless that is accepted" {
	local older=("$PROGRAMS/refuse_argument" "$(number_of seccomp)" 1 0x28 22 "$EXEC") accepts
	local wanted='seccomp: a signal would have calls on sockets made twice (Linux 5.19; or accept = wait-killable, or '
	accepts=$'[degradation]\naccept = wait-killable, scope-signal'
	says 125 "$wanted" "${older[@]}" -f "$(mediates '')" -- touch ran
	[ ! -e ran ]
	: >"$EVENTS"
	gives 0 ran "${older[@]}" -f "$(mediates "$accepts")" -- echo ran
	wait_for told_degraded '["wait-killable"]'
	: >"$EVENTS"
	gives 0 ran "$EXEC" -f "$(mediates "$accepts")" -- echo ran
	wait_for told_degraded '[]'
	: >"$EVENTS"
	gives 0 ran "${older[@]}" -f "$(mediates "$accepts
[loader]
isolate = yes")" -- echo ran
	wait_for told_degraded '["wait-killable"]'
	# Where no call is carried out, a signal has at the most an event told twice.
	gives 0 ran "${older[@]}" -f "$(watched "$OPEN")" -- echo ran
	gives 0 ran "${older[@]}" -f "$(mediates $'[sandbox.seccomp]\nmode = audit')" -- echo ran
}

@test "a Go program, with the runtime's signals and its own" {
	need_command go
	export GOCACHE=$BUILD/go-cache GO111MODULE=off GOFLAGS='' CGO_ENABLED=0
	go build -o storm "$TOP/tests/programs/storm.go"
	gives 0 '12000 0 0' ./storm
	gives 0 '0 12000 0' timeout 120 "$EXEC" -f "$(watches enforce personality)" -- ./storm
	is "$(told)" '12000 12000'
	gives 0 '12000 0 0' timeout 120 "$EXEC" -f "$(watches audit personality)" -- ./storm
	is "$(told)" '12000 12000'
}

@test "a Java program, with the runtime's signals and its own" {
	need_command javac
	local java=(java -XX:-UsePerfData Storm)
	javac -nowarn -d . "$TOP/tests/programs/Storm.java" 2>warnings
	mkdir native denied allowed
	gives 0 '2000 true' "${java[@]}" native
	gives 0 '0 true' timeout 120 "$EXEC" -f "$(watches enforce mkdir)" -- "${java[@]}" denied
	is "$(events 'select(.syscall == "mkdir").action' | sort | uniq -c | awk '{ print $1, $2 }')" '2000 denied'
	gives 0 '2000 true' timeout 120 "$EXEC" -f "$(watches audit mkdir)" -- "${java[@]}" allowed
	is "$(events 'select(.syscall == "mkdir").action' | sort | uniq -c | awk '{ print $1, $2 }')" '2000 allowed'
	is "$(ls denied)" ''
	is "$(ls allowed)" "$(ls native)"
}
