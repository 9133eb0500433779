#!/usr/bin/env bats
# The system's sidecar under a real systemd: its units, activation, the trail, its signals.
#
# What a shell in the test expands stands in single quotes.
# shellcheck disable=SC2016
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/machine

TRAIL=/var/log/agentsh/events.jsonl
SERVICE=agentsh-sidecar.service

setup_file() {
	machine_start
}

teardown_file() {
	machine_stop
}

setup() {
	need_machine
}

teardown() {
	[ -z "$MACHINE_OBSTACLE" ] || return 0
	machine systemctl stop "$SERVICE" agentsh-sidecar.socket 2>/dev/null
	machine systemctl reset-failed 2>/dev/null
	machine sh -c 'rm -f /var/log/agentsh/*'
	machine systemctl start agentsh-sidecar.socket
}

# types [FILE]: of the events there, and who was killed.
types() {
	machine cat "${1:-$TRAIL}" | jq -r '.type + (if .action then ":" + .comm + ":" + .action else "" end)' | tr '\n' ' '
}

property() {
	machine systemctl show --value -p "$1" "$SERVICE"
}

state_is() {
	[ "$(property ActiveState)" = "$1" ]
}

@test "systemd finds nothing to say of the units" {
	# With the manual that they name.
	run -0 machine systemd-analyze verify agentsh-sidecar.service agentsh-sidecar.socket
	[ -z "$output" ]
}

@test "the unit is confined, as systemd-analyze judges" {
	local exposure
	machine systemctl start "$SERVICE"
	run -0 machine systemd-analyze security --no-pager "$SERVICE"
	exposure=$(grep -oE 'Overall exposure level for [^ ]+: [0-9]+' <<<"$output" | grep -oE '[0-9]+$')
	# 0 is best, 10 worst: what a call of a session may be carried out with counts.
	[ "$exposure" -le 4 ] || is "$exposure" '4 at the most'
}

# told TYPES: the trail has these, and no others.
told() {
	[ "$(types)" = "$1" ]
}

@test "a session's loader starts the service; plain users' and root's are served" {
	state_is inactive
	# Into a file: a sidecar that hears nobody would hold the end of a pipe that is in its queue.
	agent agentsh-exec -- sh -c 'setarch -R true; echo $?' >"$BATS_TEST_TMPDIR/said" 2>&1
	grep -qx 137 "$BATS_TEST_TMPDIR/said"
	state_is active
	wait_for told 'session_start seccomp_blocked:setarch:killed session_end '
	machine agentsh-exec -- setarch -R true >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
	[ "$status" -eq 137 ]
	wait_for told 'session_start seccomp_blocked:setarch:killed session_end session_start seccomp_blocked:setarch:killed session_end '
	[ "$(machine cat "$TRAIL" | jq -r 'select(.type == "session_start") | "\(.uid) \(.sidecar)"')" = $'1000 system\n0 system' ]
	[ "$(machine stat -c '%a %U %n' "$TRAIL" /var/log/agentsh /run/agentsh/sidecar.sock)" = "640 root $TRAIL
750 root /var/log/agentsh
666 root /run/agentsh/sidecar.sock" ]
	run ! agent cat "$TRAIL"
}

@test "many loaders at once, while the service is only starting" {
	agent bash -c 'for i in {1..40}; do agentsh-exec -- true || echo lost & done; wait' >"$BATS_TEST_TMPDIR/lost" 2>&1
	[ ! -s "$BATS_TEST_TMPDIR/lost" ]
	wait_for ended 40
}

ended() {
	[ "$(machine cat "$TRAIL" | jq -r 'select(.type == "session_end").how' | grep -cx all_exited)" -eq "$1" ]
}

# bounded PROCESS CAPABILITIES: its bounding set; and no ambient ones.
bounded() {
	[ "$(machine sed -n 's/^CapBnd:\t//p' "/proc/$1/status")" = "$2" ]
	[ "$(machine sed -n 's/^CapAmb:\t//p' "/proc/$1/status")" = 0000000000000000 ]
}

broker_of_keeper() {
	machine pgrep -P "$1" -f -- --role=broker
}

@test "under the unit: its capabilities and no other, and all the descriptors there may be" {
	local keeper broker
	agent agentsh-exec -- true
	keeper=$(property MainPID)
	broker=$(wait_for broker_of_keeper "$keeper")
	# Those of the unit, as far as this machine has them itself.
	bounded "$keeper" "$(printf %016x $((0x20402c34e6 & 0x$(machine sed -n 's/^CapBnd:\t//p' /proc/1/status))))"
	# The broker has CAP_SYS_PTRACE; its bounding set takes CAP_SETPCAP to be lowered, and it executes nothing.
	[ "$(machine sed -n 's/^CapPrm:\t//p' "/proc/$broker/status")" = 0000000000080000 ]
	# As many as the unit has been given, which is not more than this machine has.
	[ "$(machine awk '/^Max open files/ { print $4 == $5 }' "/proc/$keeper/limits")" = 1 ]
}

# in_session: a session that waits for /tmp/go, then is stopped at a call.
session_start() {
	machine rm -f /tmp/go
	agent agentsh-exec -- sh -c 'echo begun; until [ -e /tmp/go ]; do sleep 0.05; done; setarch -R true; echo $?' \
		>"$BATS_TEST_TMPDIR/said" 2>/dev/null &
	session=$!
	wait_for grep -q begun "$BATS_TEST_TMPDIR/said"
}

@test "systemctl reload opens the trail anew, for live sessions too" {
	session_start
	machine mv "$TRAIL" "$TRAIL.1"
	machine systemctl reload "$SERVICE"
	wait_for machine test -e "$TRAIL"
	machine touch /tmp/go
	wait "$session"
	grep -qx 137 "$BATS_TEST_TMPDIR/said"
	wait_for machine grep -q session_end "$TRAIL"
	[ "$(types "$TRAIL.1")" = 'session_start ' ]
	[ "$(types)" = 'seccomp_blocked:setarch:killed session_end ' ]
}

@test "logrotate turns the trail over" {
	[ -x /usr/sbin/logrotate ] || skip "needs the program logrotate"
	session_start
	run -0 machine logrotate -f -s /tmp/rotated /etc/logrotate.d/agentsh
	[ -z "$output" ]
	wait_for machine test -e "$TRAIL"
	machine touch /tmp/go
	wait "$session"
	wait_for machine grep -q session_end "$TRAIL"
	[ "$(types "$TRAIL.1")" = 'session_start ' ]
	# Nothing runs: nothing to do either.
	machine systemctl stop "$SERVICE"
	run -0 machine logrotate -f -s /tmp/rotated /etc/logrotate.d/agentsh
	[ -z "$output" ]
	state_is inactive
}

@test "systemctl stop: sessions are told of, their blocked calls stay blocked; the next loader starts it again" {
	session_start
	machine systemctl stop "$SERVICE"
	[ "$(property ActiveState) $(property Result)" = 'inactive success' ]
	[ "$(types)" = 'session_start session_end ' ]
	[ "$(machine cat "$TRAIL" | jq -r 'select(.type == "session_end").how')" = sidecar_terminated ]
	machine touch /tmp/go
	wait "$session" || true
	run ! grep -qx 0 "$BATS_TEST_TMPDIR/said"
	machine test -S /run/agentsh/sidecar.sock
	agent agentsh-exec -- true
	state_is active
}

@test "a keeper that dies is started again, by the next loader at the latest" {
	agent agentsh-exec -- true
	machine kill -KILL "$(property MainPID)"
	wait_for state_is active
	agent agentsh-exec -- true
	[ "$(property NRestarts)" -ge 1 ]
}
