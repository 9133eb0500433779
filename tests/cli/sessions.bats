#!/usr/bin/env bats
# How a session begins and ends, as its events have it; and what becomes of it when the sidecar's
# processes are killed.
#
# shellcheck disable=SC2030,SC2031,SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/events

setup() {
	ulimit -c 0
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

teardown() {
	sidecar_stop
}

# end_of COMMAND...: the session's status, signal and counts.
end_of() {
	: >"$EVENTS"
	"$EXEC" -f "$LOGS" -- "$@" >/dev/null 2>&1 || true
	events 'select(.type == "session_end") | "\(.how) \(.status) \(.signal) \(.killed) \(.denied) \(.audited) \(.lost)"'
}

@test "session_start: command, who, policy, versions, sockets, what was degraded" {
	local file
	file=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace')
	"$PROGRAMS/with_fd" stream-pair 7 "$EXEC" -s mine -f "$file" -- true 'a b' $'\xff\n' ''
	is "$(events 'select(.seq == 1) | "\(.type) \(.session_id) \(.uid) \(.policy_file) \(.policy_writable) \(.sidecar) \(.kernel)"')" \
		"session_start mine $(id -u) $file true private $(uname -r)"
	is "$(events 'select(.seq == 1).policy_sha256')" "$(sha256sum "$file" | cut -d ' ' -f 1)"
	is "$(events 'select(.seq == 1) | .loader_version + .sidecar_version')" \
		"$("$EXEC" --version | cut -d ' ' -f 2)$("$BUILD/agentsh-sidecar" --version | cut -d ' ' -f 2)"
	is "$(events 'select(.seq == 1).command | "\(length) \(.[0]) \(.[1]) (\(.[3]))"')" '4 true a b ()'
	is "$(events 'select(.seq == 1).command_hex[2]')" ff0a
	is "$(events 'select(.seq == 1).inherited_sockets | map(split(" ")[0:2] | join(" ")) | join(",")')" '7 stream,8 stream'
	is "$(events 'select(.seq == 1).degraded | length')" 0
	# What is cut is told with its whole length: none of these arguments is one that was given.
	: >"$EVENTS"
	local long=(true {1..3000} "$(head -c 6000 /dev/zero | tr '\0' x)")
	"$EXEC" -f "$file" -- "${long[@]}"
	is "$(events 'select(.seq == 1) | "\(.command[1017:1019] | join(" ")) \(.command_cut)"')" "1017 1018 $(printf '%s\0' "${long[@]}" | wc -c)"
	: >"$EVENTS"
	"$EXEC" -f "$file" -- true "$(head -c 4090 /dev/zero | tr '\0' x)"
	is "$(events 'select(.seq == 1) | "\(.command[1] | length) \(.command_cut)"')" '4090 null'
	# Each, wherever it is.
	: >"$EVENTS"
	(ulimit -n 4096 && exec "$PROGRAMS/with_fd" stream-pair 3000 "$PROGRAMS/with_fd" stream 250 "$EXEC" -f "$file" -- true)
	is "$(events 'select(.seq == 1).inherited_sockets | map(split(" ")[0:2] | join(" ")) | sort | join(",")')" \
		'250 stream,3000 stream,3001 stream'
	: >"$EVENTS"
	"$PROGRAMS/with_fd" stream-pair 7 "$EXEC" -s mine -f "$file" -- true
	is "$(events 'select(.seq == 1) | "\(.pid) \(.tid) \(.exe)"')" \
		"$(events 'select(.type == "session_end") | "\(.pid) \(.tid)"') $EXEC"
	has_no_gap
}

@test "session_start: a policy that the session cannot write, and the defaults" {
	need_root
	local file
	for_others
	file=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace')
	chmod 644 "$file"
	other_user "$EXEC" -f "$file" -- true
	is "$(events 'select(.seq == 1) | "\(.uid) \(.policy_writable)"')" '65534 false'
	: >"$EVENTS"
	env -u HOME XDG_CONFIG_HOME=/nonexistent "$EXEC" --sidecar=private --events="$EVENTS" -- true
	[ -e /etc/agentsh/agentsh.ini ] || is "$(events 'select(.seq == 1).policy_file')" null
}

@test "session_end: the first process's status or signal, and what was counted" {
	LOGS=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = log')
	is "$(end_of true)" 'all_exited 0 null 0 0 0 0'
	is "$(end_of sh -c 'exit 255')" 'all_exited 255 null 0 0 0 0'
	is "$(end_of sh -c 'kill -TERM $$')" 'all_exited null 15 0 0 0 0'
	is "$(end_of "$PROGRAMS/denied_call" thread one ptrace)" 'all_exited 0 null 0 1 0 0'
	# A second process that ends later, and names that look like what is read.
	cp /bin/sh ') Z 1 (sh'
	is "$(end_of './) Z 1 (sh' -c 'sleep 0.3 & exit 3')" 'all_exited 3 null 0 0 0 0'
	LOGS=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace')
	is "$(end_of "$PROGRAMS/raw_call" thread ptrace)" 'all_exited null 9 1 0 0 0'
	is "$(events 'select(.type == "session_end") | .duration_us > 0 and .duration_us < 60000000')" true
}

# A parent that never asks, or asks late: PIDFD_GET_INFO and /proc between them know.
@test "session_end: of a first process that its parent does not wait for" {
	LOGS=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = log')
	mkfifo go
	python3 -c '
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
open("go").read()
sys.exit(child.wait() != 9)' "$EXEC" -f "$LOGS" -- sh -c 'exit 9' &
	is "$(events 'select(.type == "session_end") | "\(.status) \(.signal)"')" '9 null'
	echo >go
	wait $!
}

@test "session_end: a sidecar that is told to end says so, and calls then answer ENOSYS" {
	local file
	sidecar_start
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = log')
	mkfifo go ready
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- sh -c "echo >ready; read line <go; '$PROGRAMS/denied_call' main one ptrace" >said 2>err &
	local session=$!
	read -r <ready
	kill "$SIDECAR"
	wait "$SIDECAR" || true
	is "$(events 'select(.type == "session_end") | "\(.how) \(.status) \(.signal)"')" 'sidecar_terminated null null'
	echo >go
	wait "$session"
	is "$(cut -d ' ' -f 4 said)" 38
	has_no_gap
}

# --- The sidecar's processes killed ---

worker() {
	pgrep -P "$SIDECAR" -f -- --role=worker
}

threads_of_worker() {
	find "/proc/$(worker)/task" -mindepth 1 -maxdepth 1 | wc -l
}

has_two_threads() {
	[ "$(threads_of_worker)" -eq 2 ]
}

# has_said ID TYPE: that session has an event of that type.
has_said() {
	jq -e "select(.session_id == \"$1\" and .type == \"$2\")" "$EVENTS" >/dev/null
}

@test "a worker has what it takes to answer from the first call on, and the one that follows it at once" {
	local file old
	sidecar_start
	mkfifo begin end
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = personality\non_block = log\n[notices]\nstderr = never')
	# shellcheck disable=SC2016 # the session's
	"$EXEC" --sidecar="$SOCKET" -s lazy -f "$file" -- sh -c 'read -r _ <begin; "$1" main personality; echo $? >said; read -r _ <end' sh \
		"$PROGRAMS/raw_call" &
	local session=$!
	wait_for has_said lazy session_start
	is "$(threads_of_worker)" 1
	# One that has served nothing is followed by one that has not, either.
	old=$(worker)
	kill -KILL "$old"
	wait_for another_than "$old"
	wait_for has_said lazy sidecar_recovered
	is "$(threads_of_worker)" 1
	echo >begin
	wait_for test -s said
	# Not events, which waits for the session's end.
	is "$(jq -r 'select(.session_id == "lazy" and .syscall) | "\(.syscall) \(.action)"' "$EVENTS")" 'personality denied'
	is "$(threads_of_worker)" 2
	old=$(worker)
	kill -KILL "$old"
	wait_for another_than "$old"
	wait_for has_two_threads
	echo >end
	wait "$session"
	wait_for has_said lazy session_end
}

@test "a worker that is killed while targets wait: another answers, each call once, and no event is missing" {
	local file turn old
	sidecar_start
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = personality\non_block = log\n[notices]\nstderr = never')
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- "$PROGRAMS/call_until" stop >said &
	local session=$!
	for turn in $(seq 20); do
		wait_for worker >/dev/null
		old=$(worker)
		# Once it has answered something: it dies in the middle.
		turn=$(wc -l <"$EVENTS")
		wait_for more_than "$turn"
		kill -KILL "$old"
		wait_for another_than "$old"
	done
	touch stop
	wait "$session"
	# shellcheck disable=SC2046 # two words
	set -- $(cat said)
	is "$1:$3" "$2:0"
	wait_for ended 1
	is "$(events 'select(.type == "sidecar_recovered").type' | wc -l)" 20
	is "$(events 'select(.syscall and .session_id).args[1]' | sort -u | wc -l)" "$1"
	# A line may stand twice, with the same seq.
	is "$(jq -c 'select(.syscall and .session_id) | [.seq, .args[1]]' "$EVENTS" | sort -u | wc -l)" "$1"
	is "$(jq 'select(.session_id).seq' "$EVENTS" | sort -nu | awk '$1 != NR' | wc -l)" 0
	is "$(events 'select(.type == "session_end").denied')" "$1"
}

more_than() {
	[ "$(wc -l <"$EVENTS")" -gt "$1" ]
}

another_than() {
	local now
	now=$(worker) && [ "$now" != "$1" ]
}

@test "kill: workers killed in the middle leave no mark and no process, and each call has its event" {
	local file turn
	sidecar_start
	mkdir marks
	: >marks/file
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = mkdirat, symlinkat, ftruncate\n[notices]\nstderr = never')
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- "$PROGRAMS/blocked_calls" marks 3000 >calls &
	local session=$!
	while kill -0 "$session" 2>/dev/null; do
		turn=$(worker) && kill -KILL "$turn" && wait_for different "$turn" "$session"
	done
	wait "$session"
	is "$(cut -d ' ' -f 2- calls | sort | uniq -c | awk '{ print $2, $3, $4 }')" 'signal 9 0'
	is "$(ls marks):$(stat -c %s marks/file)" file:0
	wait_for ended 1
	is "$(jq -c 'select(.syscall and .session_id) | [.seq, .tid]' "$EVENTS" | sort -u | wc -l)" 3000
	is "$(jq -c 'select(.syscall and .session_id) | .tid' "$EVENTS" | sort -u)" "$(cut -d ' ' -f 1 calls | sort -u)"
	[ "$(jq -c 'select(.type == "sidecar_recovered")' "$EVENTS" | wc -l)" -ge 5 ]
}

different() {
	another_than "$1" || ! kill -0 "$2" 2>/dev/null
}

@test "the keeper killed: the calls never run, and answer ENOSYS" {
	local file
	sidecar_start
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = mkdir, mkdirat\n[notices]\nstderr = never')
	mkfifo go ready
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- sh -c 'echo >ready; read line <go; LC_ALL=C exec mkdir mark' >said 2>&1 &
	local session=$! end status=0
	read -r <ready
	end=$(worker)
	kill -KILL "$SIDECAR"
	wait "$SIDECAR" || true
	wait_for gone "$end"
	echo >go
	wait "$session" || status=$?
	is "$status:$(cat said)" "1:mkdir: cannot create directory 'mark': Function not implemented"
	[ ! -e mark ]
}

# An orphan may be a zombie for a while.
gone() {
	[ ! -e "/proc/$1" ] || [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == [ZX] ]]
}
