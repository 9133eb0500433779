#!/usr/bin/env bats
# The system's sidecar under a real systemd: what its FD store keeps. Restart, upgrade and a crash of
# everything are no session's end.
#
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; run sets output
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/machine

TRAIL=/var/log/agentsh/events.jsonl
SERVICE=agentsh-sidecar.service

setup_file() {
	machine_start
	[ -z "$MACHINE_OBSTACLE" ] || return 0
	cp "$PROGRAMS/steady_calls" "$PROGRAMS/socket_serve" "$MACHINE_ROOT/root/srv"
	cat >"$MACHINE_ROOT/root/etc/steady.ini" <<-'END'
		[sandbox.seccomp]
		[sandbox.seccomp.syscalls]
		block = getppid
		on_block = log
		[unix_socket_rules.these]
		paths = /srv/stream, /srv/datagram
		decision = allow
		[notices]
		stderr = never
	END
	serve stream stream
	serve datagram dgram
	serve denied stream
}

# serve NAME TYPE: a peer outside of every session, until the machine's end.
serve() {
	machine setsid -f /srv/socket_serve "$2" "/srv/$1" 0777 >/dev/null 2>&1
	wait_for machine test -S "/srv/$1"
}

teardown_file() {
	machine_stop
}

setup() {
	need_machine
	sessions=()
	now_is .
	machine systemctl start agentsh-sidecar.socket
}

teardown() {
	[ -z "$MACHINE_OBSTACLE" ] || return 0
	machine touch /srv/go
	wait "${sessions[@]}" || true
	machine systemctl stop "$SERVICE" agentsh-sidecar.socket 2>/dev/null
	machine rm -rf "/run/systemd/system/$SERVICE.d"
	machine systemctl daemon-reload
	machine systemctl reset-failed 2>/dev/null
	machine sh -c 'rm -f /var/log/agentsh/*'
}

# now_is BUILD: that one is installed: "." or the name of another.
now_is() {
	local bin=$MACHINE_ROOT/stage/usr/local/bin
	install -m 711 "$BUILD/$1/agentsh-sidecar" "$bin/new"
	mv "$bin/new" "$bin/agentsh-sidecar"
}

# begin N: so many sessions that call all the time, by plain users and root by turns. What each says is in $said.N.
begin() {
	local i
	said=$BATS_TEST_TMPDIR/said
	machine rm -f /srv/go
	for ((i = 0; i < $1; i++)); do
		local who=machine
		[ $((i % 2)) -eq 1 ] || who=agent
		"$who" agentsh-exec -f /etc/steady.ini -- /srv/steady_calls /srv/stream /srv/datagram /srv/denied /srv/go \
			>"$said.$i" 2>&1 &
		sessions+=($!)
	done
	for ((i = 0; i < $1; i++)); do
		wait_for grep -qx begun "$said.$i" || {
			cat "$said.$i" >&2
			return 1
		}
	done
}

# all_went_well N: the sessions end, and none saw a call fail that should not, or work that should not.
all_went_well() {
	local i
	machine touch /srv/go
	wait "${sessions[@]}" || true
	for ((i = 0; i < ${#sessions[@]}; i++)); do
		[ "$(grep -vcE '^(begun|[0-9]+ calls)$' "$said.$i")" -eq 0 ] || {
			head -n 20 "$said.$i" >&2
			return 1
		}
		[ "$(sed -n 's/ calls$//p' "$said.$i")" -ge "$1" ]
	done
}

property() {
	machine systemctl show --value -p "$1" "$SERVICE"
}

ended() {
	[ "$(machine cat "$TRAIL" | jq -r 'select(.type == "session_end").how' | grep -cx "$1")" -eq "$2" ]
}

# has_all: each session's seq from 1 on, those told of together (events_suppressed) included, and one beginning.
has_all() {
	machine cat "$TRAIL" | jq -es 'group_by(.session_id) | all(
		([.[] | select(.type == "session_start")] | length) == 1 and
		([.[] | if .first_seq and .reason == "repeated" then range(.first_seq; .last_seq + 1) else empty end] + [.[].seq] | unique) as $seq |
		$seq == [range(1; ($seq | length) + 1)])' >/dev/null
}

stored() {
	[ "$(property NFileDescriptorStore)" -eq "$1" ]
}

errors() {
	machine journalctl -b -q -o cat -u "$SERVICE" --grep session:
}

@test "upgrade under load, 20 times, between two versions: no call fails, no event is missing" {
	local i
	begin 4
	for i in {1..10}; do
		now_is later
		machine systemctl restart "$SERVICE"
		now_is .
		machine systemctl restart "$SERVICE"
	done
	wait_for stored 4
	all_went_well 200
	wait_for ended all_exited 4
	has_all
	wait_for stored 0
}

@test "upgrade to another layout of a session's memory, under load; back from it, what cannot be read is let go" {
	begin 2
	now_is layout
	machine systemctl restart "$SERVICE"
	machine systemctl restart "$SERVICE"
	all_went_well 20
	wait_for ended all_exited 2
	has_all
	begin 1
	now_is .
	machine systemctl restart "$SERVICE"
	wait_for grep -q 'Function not implemented' "$said.0"
	machine touch /srv/go
	wait "${sessions[@]}" || true
	[[ $(errors) == *'its memory is of layout 3, of a newer version'* ]]
	run ! grep -E '^(getppid|connect, denied): [0-9]' "$said.0"
	stored 0
}

@test "a crash of everything, 10 times: no call fails" {
	local i restarts
	begin 2
	for i in {1..10}; do
		restarts=$(property NRestarts)
		machine systemctl kill -s KILL "$SERVICE"
		wait_for restarted "$restarts"
	done
	all_went_well 20
	wait_for ended all_exited 2
}

restarted() {
	[ "$(property NRestarts)" -gt "$1" ] && [ "$(property ActiveState)" = active ]
}

@test "the keeper alone dies under load" {
	local i restarts
	begin 2
	for i in {1..10}; do
		restarts=$(property NRestarts)
		machine kill -KILL "$(property MainPID)"
		wait_for restarted "$restarts"
	done
	all_went_well 20
	wait_for ended all_exited 2
}
