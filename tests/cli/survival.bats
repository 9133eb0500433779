#!/usr/bin/env bats
# The sidecar's processes killed: at each of their system calls, at random, all at once. No call hangs or is
# answered wrongly, none is done twice, no event is missing. survivor looks at each call from its other end,
# whole_trail.py at the trail.
#
# shellcheck disable=SC2030,SC2031,SC2154 # run sets status and output
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/events

setup() {
	ulimit -c 0
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	SESSIONS=()
}

teardown() {
	local session
	touch stop
	[ ! -s stopped ] || kill -CONT "$(<stopped)" 2>/dev/null || true
	for session in "${SESSIONS[@]}"; do
		kill -KILL "$session" 2>/dev/null || true
		wait "$session" 2>/dev/null || true
	done
	sidecar_stop
}

# mode MODE [LINE...]: a policy in which blocked calls are logged, killed or log_and_kill, or audit; prints its path.
mode() {
	local enforced=enforce block=$1
	[ "$1" != audit ] || enforced=audit block=kill
	policy "[sandbox.seccomp]
mode = $enforced
[sandbox.seccomp.unix_socket]
enabled = true
[sandbox.seccomp.syscalls]
block = personality
on_block = $block
[notices]
stderr = never
$(printf '%s\n' "${@:2}")"
}

# word MODE: what survivor calls it.
word() {
	case $1 in
	log_and_kill) echo kill ;;
	*) echo "$1" ;;
	esac
}

# load_session ID MODE: a session of that name, whose program goes on until the file stop is there.
load_session() {
	mkdir "$1"
	"$EXEC" --sidecar="$SOCKET" -s "$1" -f "$(mode "$2")" -- \
		"$PROGRAMS/survivor" "$PWD/$1" "$PWD/stop" "$(word "$2")" >"$1.said" 2>&1 3>&- &
	SESSIONS+=("$!")
}

# runs_survivor ID: the loader has become the session's program.
runs_survivor() {
	pgrep -f "^$PROGRAMS/survivor $PWD/$1 " >/dev/null
}

# loads_end: they do, each of them well.
loads_end() {
	local session
	touch stop
	for session in "${SESSIONS[@]}"; do
		wait "$session" || {
			cat ./*.said
			return 1
		}
	done
	SESSIONS=()
}

# whole SESSION=DIR...: those sessions have ended, and each trail is whole.
whole() {
	local session
	for session; do
		wait_for has_ended "${session%=*}"
	done
	"$TOP/tests/lib/whole_trail.py" "$EVENTS" "$@"
}

has_ended() {
	grep -q "\"session_end\",[^{]*\"session_id\":\"$1\"" "$EVENTS"
}

# points ROLE MODE KIND...: that role is killed at every point of these kinds, under load; they stand in the file points.
points() {
	need_ptrace
	sidecar_start
	mkdir one
	"$PROGRAMS/fault_points" "$1" "$SIDECAR" "${@:3}" -- "$EXEC" --sidecar="$SOCKET" -s one -f "$(mode "$2")" -- \
		"$PROGRAMS/survivor" "$PWD/one" "$PWD/stop" "$(word "$2")" 2 >points 3>&-
	whole one=one
	tell_points
}

# tell_points: how many there were of each kind, for the report; all of them with AGENTSH_POINTS, a file to add them to.
tell_points() {
	cut -d ' ' -f 1,2 points | sort | uniq -c | sed 's/^/# /' >&3
	[ -z "${AGENTSH_POINTS:-}" ] || cat points >>"$AGENTSH_POINTS"
}

# Only root may trace a process that is not dumpable.
need_ptrace() {
	[ "$(id -u)" -eq 0 ] || skip 'only root can trace the sidecar'
	setpriv --dump | grep -q '^Capability bounding set:.*sys_ptrace' || skip 'no CAP_SYS_PTRACE'
}

# points_of KIND COUNT: at least so many were struck, unless only some were to be.
points_of() {
	[ -n "${AGENTSH_STEP:-}" ] || [ "$(cut -d ' ' -f 2 points | grep -cx "$1")" -ge "$2" ]
}

@test "a worker killed before and after each system call of connect and bind" {
	points worker log connect abstract wait bind bind_abstract
	points_of connect 40
	points_of bind 60
}

@test "a worker killed before and after each system call of what sends" {
	points worker log sendto sendmsg sendmmsg
	points_of sendto 40
	points_of sendmmsg 80
	jq -es 'any(.reason == "outcome_unknown" and .outcome == "unknown" and .action == "denied")' "$EVENTS"
}

@test "a worker killed before and after each system call of a blocked call and the reserved one, and as it watches" {
	points worker log blocked reserved watch
	points_of blocked 20
}

@test "kill, log_and_kill, audit: a worker killed before and after each system call" {
	points worker kill killed
	sidecar_stop
	rm -r one points stop "$EVENTS"
	points worker log_and_kill killed
	sidecar_stop
	rm -r one points stop "$EVENTS"
	points worker audit connect sendmsg blocked
}

@test "a worker killed before and after each system call of its beginning, while a call waits" {
	points worker log start
	points_of start 120
}

@test "a worker killed before and after each system call of its end: one session_end" {
	need_ptrace
	sidecar_start
	"$PROGRAMS/fault_points" end "$SIDECAR" end -- \
		"$EXEC" --sidecar="$SOCKET" -f "$(mode log)" -- true >points 3>&-
	sort -u "$EVENTS" | jq -es 'map(select(.session_id)) | group_by(.session_id) | length > 5 and all(map(.type) ==
		(map("session_start") + map("session_end"))[:1] + map(select(. != "session_start" and . != "session_end")) or
		(map(select(.type == "session_end")) | length == 1 and .[0].status == 0))' >/dev/null
	sort -u "$EVENTS" | jq -es 'map(select(.session_id)) | group_by(.session_id) | all((map(.seq) | sort) == [range(1; length + 1)])' >/dev/null
	tell_points
}

@test "two workers that die of one call: it is denied, and the event says so" {
	points again log bind sendto blocked reserved
	jq -es 'any(.reason == "worker_died" and .type == "unix_socket_blocked" and .action == "denied")' "$EVENTS"
	jq -es 'any(.reason == "worker_died" and .type == "seccomp_blocked" and .action == "denied")' "$EVENTS"
	jq -es '[.[] | select(.type == "sidecar_recovered") | .denied] | add > 0' "$EVENTS"
}

@test "of an outcome that nobody knows there is one event, also where the worker dies that has written it" {
	points told log sendto sendmsg sendmmsg connect bind bind_abstract blocked reserved
	jq -es 'any(.reason == "outcome_unknown")' "$EVENTS"
}

@test "a worker that works at one call without an end is ended, and the call answered by the next" {
	[ "$(uname -m)" = x86_64 ] || skip 'the test knows no other architecture'
	points spin log sendto
	is "$(cut -d ' ' -f 1-3 points)" 'spin sendto 10'
	jq -es '[.[] | select(.type == "sidecar_recovered")] | length == 1 and .[0].anew > 0' "$EVENTS"
}

@test "the broker killed before and after each of its system calls: sessions go on, new ones wait" {
	need_ptrace
	sidecar_start
	load_session one log
	wait_for grep -q session_start "$EVENTS"
	"$PROGRAMS/fault_points" broker "$SIDECAR" start talk -- \
		"$EXEC" --sidecar="$SOCKET" -f "$(mode log)" -- true >points 2>said 3>&-
	# Where the filter was loaded already there is nobody to hand it to.
	is "$(sed 's/(.*//' said | sort -u)" 'agentsh-exec: sidecar: it ended without an answer '
	loads_end
	whole one=one
	jq -es 'map(select(.session_id == "one")) | any(.type == "sidecar_recovered") | not' "$EVENTS"
	tell_points
}

@test "workers and the broker killed at random, under the load of four sessions" {
	local kills=${AGENTSH_KILLS:-200} seed kills_after
	sidecar_start
	load_session a log
	load_session b kill
	load_session c log_and_kill
	load_session d audit
	# A loader whose broker dies after it has loaded its filter ends with 125: agentsh-sidecar(8), SURVIVAL.
	for kills_after in a b c d; do
		wait_for grep -q "\"session_start\",[^{]*\"session_id\":\"$kills_after\"" "$EVENTS"
		wait_for runs_survivor "$kills_after"
	done
	seed=${AGENTSH_SEED:-$RANDOM}
	echo "# seed $seed" >&3
	"$PROGRAMS/kill_roles" "$SIDECAR" "$kills" "$seed" 3>&-
	loads_end
	whole a=a b=b c=c d=d
	jq -Rne '[inputs | fromjson? | select(.type == "sidecar_recovered").taken_up] | add > 0' "$EVENTS"
}

# --- What is kept ---

worker() {
	pgrep -P "$SIDECAR" -f -- --role=worker
}

broker() {
	broker_of "$SIDECAR"
}

# kill_role FUNCTION: the process that it prints, which is followed by another.
kill_role() {
	local old
	old=$(wait_for "$1" >/dev/null && "$1")
	kill -KILL "$old"
	wait_for another_than "$1" "$old"
}

another_than() {
	local now
	now=$("$1") && [ "$now" != "$2" ]
}

@test "the registry: a broker that follows one that died knows the sessions that there are" {
	need_root
	sidecar_start
	for_others
	chmod 666 "$SOCKET"
	mkfifo go
	"$EXEC" --sidecar="$SOCKET" -s mine -f "$(mode log)" -- sh -c 'read -r line <go' 3>&- &
	SESSIONS+=("$!")
	wait_for grep -q session_start "$EVENTS"
	kill_role broker
	install -m 644 "$(mode log)" open.ini
	run -125 other_user "$EXEC" --sidecar="$SOCKET" -s mine -f "$PWD/open.ini" -- true
	[[ $output == *mine* || $output == *ID* ]]
	other_user "$EXEC" --sidecar="$SOCKET" -s other -f "$PWD/open.ini" -- true
	echo >go
}

waiter() {
	pgrep -P "$SIDECAR" -f -- --role=waiter
}

@test "a worker that is killed while it waits for a session is missed by none" {
	sidecar_start
	wait_for waiter
	kill -KILL "$(waiter)"
	"$EXEC" --sidecar="$SOCKET" -f "$(mode log)" -- "$PROGRAMS/denied_call" main one personality >said 3>&-
	is "$(cut -d ' ' -f 4 said)" 1
	is "$(events 'select(.session_id).type' | xargs)" 'session_start seccomp_blocked session_end'
	wait_for waiter
}

@test "a worker that is stopped before it is executed: the keeper does not wait for it" {
	local keeper
	sidecar_start
	load_session one log
	wait_for worker
	timeout 120 "$TOP/tests/lib/stop_before_exec.py" "$SIDECAR" >stopped
	# The next session may get that one, and has no calls then; but it begins.
	"$EXEC" --sidecar="$SOCKET" -s two -f "$(mode log)" -- true 3>&-
	keeper=$SIDECAR
	kill -TERM "$keeper"
	timeout 60 tail --pid="$keeper" -f /dev/null
}

@test "a worker that cannot start: its session's calls wait, and are answered once it can" {
	local file
	mkdir events
	EVENTS=$PWD/events/file
	sidecar_start
	mkfifo go ready
	file=$(mode log)
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- sh -c "echo >ready; read -r line <go; '$PROGRAMS/denied_call' main one personality" \
		>said 2>&1 3>&- &
	SESSIONS+=("$!")
	read -r <ready
	mv events moved
	kill -KILL "$(worker)"
	wait_for grep -q . sidecar.err
	echo >go
	wait_for more_than 3 sidecar.err
	[ ! -s said ]
	mv moved events
	wait "${SESSIONS[0]}"
	is "$(cut -d ' ' -f 4 said)" 1
	is "$(events 'select(.syscall and .session_id).syscall')" personality
}

more_than() {
	[ "$(wc -l <"$2")" -gt "$1" ]
}

@test "all of a sidecar killed: nothing opens, every call answers ENOSYS" {
	local file end
	sidecar_start
	mkfifo go ready
	file=$(mode log)
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- sh -c "echo >ready; read -r line <go
		'$PROGRAMS/socket_do' stream bind own dgram bind other stream connect /run/none dgram sendto other
		'$PROGRAMS/denied_call' main one personality" >said 2>&1 3>&- &
	SESSIONS+=("$!")
	read -r <ready
	end=$(worker)
	kill -STOP "$SIDECAR"
	kill -KILL "$end" "$(broker)" "$SIDECAR"
	wait "$SIDECAR" || true
	SIDECAR=
	echo >go
	wait "${SESSIONS[0]}" || true
	SESSIONS=()
	is "$(grep -c 'ENOSYS\|Function not implemented' said):$(grep -c ok said)" 4:0
	is "$(grep -v 'ENOSYS\|Function not implemented' said | cut -d ' ' -f 4)" 38
	[ ! -e own ]
	[ ! -e other ]
}

# gone PID: an orphan may be a zombie for a while.
gone() {
	[ ! -e "/proc/$1" ] || [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == [ZX] ]]
}

# staying FILE COMMAND...: a session with a private sidecar under a loader that stays, begun; sets keeper.
staying() {
	"$EXEC" --init --sidecar=private --events="$EVENTS" -f "$1" -- "${@:2}" >said 2>err 3>&- &
	SESSIONS+=("$!")
	wait_for grep -qs session_start "$EVENTS"
	keeper=$(pgrep -f -- "--private --events=$EVENTS")
}

# has_taken FILE: the loader that stays, to write to it at the end: it has heard of its sidecar's.
has_taken() {
	# shellcheck disable=SC2010 # links' targets
	ls -l "/proc/${SESSIONS[0]}/fd" | grep -q -- "-> $PWD/$1\$"
}

@test "the keeper of a private sidecar killed: no call succeeds, and the loader that stays says it at the end" {
	local file keeper status=0
	mkfifo go
	file=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true\n[sandbox.seccomp.syscalls]\nblock = personality')
	staying "$file" sh -c "read -r line <go; '$PROGRAMS/socket_do' stream bind own stream connect /run/none; exit 3"
	run ! has_taken err
	kill -KILL "$keeper"
	wait_for ended 1
	wait_for has_taken err
	echo >go
	wait "${SESSIONS[0]}" || status=$?
	is "$status:$(wc -l <err)" 3:1
	grep -q '^agentsh-exec: sidecar: it ended before the session did: .* (.*)$' err
	is "$(grep -c 'ENOSYS\|Function not implemented' said):$(grep -c ok said)" 2:0
	[ ! -e own ]
}

@test "the loader that stays says nothing where the session ends first, or no notices are wanted" {
	local file keeper
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = personality')
	mkfifo go
	staying "$file" sh -c 'read -r line <go'
	echo >go
	wait "${SESSIONS[0]}"
	wait_for gone "$keeper"
	is "$(cat err)" ''
	rm "$EVENTS"
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = personality\n[notices]\nstderr = never')
	staying "$file" sh -c 'read -r line <go'
	kill -KILL "$keeper"
	wait_for ended 1
	echo >go
	wait "${SESSIONS[1]}"
	is "$(cat err)" ''
}
