#!/usr/bin/env bats
# The system's sidecar under a real systemd: what its FD store keeps. Restart, upgrade and a crash of
# everything are no session's end.
#
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # the machine's shell expands it; a test is a subshell; run sets output
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
	wait_for listens "/srv/$1" machine
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
	machine touch /srv/go /srv/stay
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

# all_went_well N [EXCEPT]: the sessions end, and none saw a call fail that should not, or work that should not,
# in N calls and more; but for lines as EXCEPT has them.
all_went_well() {
	local file except=${2:-none}
	machine touch /srv/go
	wait "${sessions[@]}" || true
	for file in "$said".*; do
		[ "$(grep -vE '^(begun|[0-9]+ calls)$' "$file" | grep -vcx "$except")" -eq 0 ] || {
			head -n 20 "$file" >&2
			return 1
		}
		[ "$(sed -n 's/ calls$//p' "$file")" -ge "$1" ]
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

# Of the keeper that runs.
errors() {
	machine journalctl -b -q -o cat "_SYSTEMD_INVOCATION_ID=$(property InvocationID)" --grep session:
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
	[[ $(errors) == *'its memory is of layout 5, of a newer version'* ]]
	run ! grep -E '^(getppid|connect, denied): [0-9]' "$said.0"
	stored 0
}

# What a worker had begun to send when it was killed is not sent again.
UNKNOWN='sendto: -1, Input/output error'

# override LINE...: of the service's section, until the end of the test.
override() {
	machine mkdir -p "/run/systemd/system/$SERVICE.d"
	printf '%s\n' '[Service]' "$@" >"$MACHINE_ROOT/override"
	machine tee "/run/systemd/system/$SERVICE.d/test.conf" <"$MACHINE_ROOT/override" >/dev/null
	machine systemctl daemon-reload
}

# On control groups of the first version, where systemd does not hear that all are gone, it waits as long as it may.
waits_little() {
	override TimeoutStopSec=1
}

@test "a crash of everything, 10 times: no call fails" {
	local i restarts
	waits_little
	begin 2
	for i in {1..10}; do
		restarts=$(property NRestarts)
		machine systemctl kill -s KILL "$SERVICE"
		wait_for restarted "$restarts"
	done
	all_went_well 20 "$UNKNOWN"
	wait_for ended all_exited 2
	wait_for stored 0
}

restarted() {
	[ "$(property NRestarts)" -gt "$1" ] && [ "$(property ActiveState)" = active ]
}

@test "the keeper alone dies under load" {
	local i restarts
	waits_little
	begin 2
	for i in {1..10}; do
		restarts=$(property NRestarts)
		machine kill -KILL "$(property MainPID)"
		wait_for restarted "$restarts"
	done
	all_went_well 20 "$UNKNOWN"
	wait_for ended all_exited 2
	wait_for stored 0
}

@test "without a store a restart is the end of the sessions" {
	override FileDescriptorStoreMax=0
	begin 1
	machine systemctl restart "$SERVICE"
	wait_for grep -q 'Function not implemented' "$said.0"
	wait_for ended sidecar_terminated 1
	run ! grep -E '^(getppid|connect, denied): [0-9]' "$said.0"
}

@test "stop ends the sessions, and a shutdown of the socket does" {
	begin 1
	stored 1
	machine systemctl stop "$SERVICE"
	wait_for ended sidecar_terminated 1
	wait_for grep -q 'Function not implemented' "$said.0"
	run ! grep -E '^(getppid|connect, denied): [0-9]' "$said.0"
	begin 1
	machine systemctl stop agentsh-sidecar.socket "$SERVICE"
	wait_for ended sidecar_terminated 2
}

@test "restarting the socket, SIGTERM and a clean exit are no end of the sessions" {
	begin 2
	machine systemctl restart agentsh-sidecar.socket
	machine systemctl try-restart "$SERVICE"
	machine systemctl kill -s TERM --kill-who=main "$SERVICE"
	wait_for restarted 0
	all_went_well 20
	wait_for ended all_exited 2
	has_all
}

@test "what is stored and is none is let go, and told of; sessions beside it go on" {
	cp "$TOP/tests/lib/store_rubbish.py" "$MACHINE_ROOT/root/srv"
	override ExecStart= 'ExecStart=/usr/bin/python3 /srv/store_rubbish.py /usr/local/bin/agentsh-sidecar' MemoryDenyWriteExecute=no
	begin 1
	stored 6
	machine rm -f "/run/systemd/system/$SERVICE.d/test.conf"
	machine systemctl daemon-reload
	machine systemctl restart "$SERVICE"
	stored 1
	run errors
	[ "$(sort <<<"$output" | uniq -c | sed -E 's/^ +//')" = "1 agentsh-sidecar: session: its listener is none
1 agentsh-sidecar: session: its memory is none
2 agentsh-sidecar: session: what was stored of it cannot be had: Socket operation on non-socket
1 agentsh-sidecar: session: what was stored of it has a name that is none" ]
	all_went_well 20
	wait_for ended all_exited 1
	has_all
}

@test "a stderr that was for notices is over when the first process is, restarted or not" {
	local i
	for i in 1 2; do
		machine timeout 20 sh -c 'agentsh-exec -f "$1" -- sh -c "sleep 3 </dev/null >/dev/null 2>&1 &" 2>&1 | cat; date +%s' sh \
			/usr/local/share/doc/agentsh-exec/agentsh.ini >"$BATS_TEST_TMPDIR/at"
		machine systemctl restart "$SERVICE"
		stored 1
		[ $(($(date +%s) - $(tail -n 1 "$BATS_TEST_TMPDIR/at"))) -le 2 ]
		wait_for stored 0
	done
}

same_is_taken() {
	run -125 machine agentsh-exec -s same -- true
	[[ $output == *'another user has a live session of that ID'* ]]
}

@test "the registry of who is served is that of before" {
	begin 1
	machine rm -f /srv/stay
	agent sh -c 'agentsh-exec -s same -- sh -c "until [ -e /srv/stay ]; do sleep 0.05; done"' >/dev/null 2>&1 &
	sessions+=($!)
	wait_for stored 2
	machine systemctl restart "$SERVICE"
	same_is_taken
	# And so is that of a broker which follows another.
	machine sh -c 'kill -KILL "$(ps -eo pid=,args= | sed -n "s/^ *\([0-9]*\) .*--role=broker.*/\1/p" | head -n 1)"'
	same_is_taken
	machine touch /srv/stay
	wait_for stored 1
	machine agentsh-exec -s same -- true
	all_went_well 20
}
