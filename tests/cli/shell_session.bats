#!/usr/bin/env bats
# A login shell is a session: its events, its sidecar, its end, and itself inside itself.
#
# What a shell in the world expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world

setup_file() {
	world_start
}

teardown_file() {
	world_stop
}

setup() {
	need_world
	default_config
	clean_homes
}

TRAIL=/home/agent/.local/state/agentsh/events.jsonl

# told_of TRAIL: the events there, "TYPE CALL ACTION" a line, as one session's.
told_of() {
	world python3 -c 'import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert len({event["session_id"] for event in events}) == 1
assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
for event in events:
    print(event["type"], event.get("syscall", "-"), event.get("action", "-"))' "$1"
}

ONE_KILLED='session_start - -
seccomp_blocked ptrace killed
session_end - -'

@test "a login is a session: its events are in the trail of its user" {
	run -137 called -agentsh-shell -c 'exec trace_self'
	wait_for world grep -q session_end "$TRAIL"
	is "$(told_of "$TRAIL")" "$ONE_KILLED"
	is "$(world stat -c '%U %a' "$TRAIL" "${TRAIL%/*}" | xargs)" 'agent 640 agent 700'
	# Wherever the environment says that home is.
	world rm "$TRAIL"
	run -137 agent env HOME=/nonexistent XDG_STATE_HOME=/tmp agentsh-shell -c 'exec trace_self'
	wait_for world grep -q session_end "$TRAIL"
	is "$(told_of "$TRAIL")" "$ONE_KILLED"
	# Root's.
	run -137 world "$AGENT_SHELL" -c 'exec trace_self'
	wait_for world grep -q session_end /var/log/agentsh/events.jsonl
	is "$(told_of /var/log/agentsh/events.jsonl)" "$ONE_KILLED"
	world rm -r /var/log/agentsh
}

@test "a configuration that needs a sidecar has one" {
	system_config '[sandbox.seccomp.syscalls]
on_block = log_and_kill'
	run -137 called -agentsh-shell -c 'exec trace_self'
	system_config '[sandbox.seccomp]
mode = audit'
	run -0 called -agentsh-shell -c 'exec trace_self'
	wait_for world grep -q seccomp_audit "$TRAIL"
}

nobody_of_agent() {
	! world pgrep -u agent >/dev/null
}

@test "nothing of a session is left: its sidecar ends with its last process" {
	agent mkfifo end
	called agentsh-shell -c 'setsid sh -c "cat end; : >ended" >/dev/null 2>&1 </dev/null & echo begun'
	# Its shell has ended, and did not wait; what it left still has its sidecar.
	world pgrep -u agent -f 'agentsh-sidecar --private'
	agent bash -c ': >end'
	wait_for nobody_of_agent
	agent test -e ended
	run -137 called agentsh-shell -c 'exec trace_self'
	wait_for nobody_of_agent
}

@test "nobody waits for what a session leaves in the background" {
	# With notices the sidecar has a standard error to write to, which is a pipe here.
	system_config '[notices]
stderr = auto'
	run -0 timeout 20 bash -c 'nsenter --target "$0" --mount --pid --net setpriv --reuid=agent --regid=agent \
		--init-groups agentsh-shell -c "sleep 1000 >/dev/null 2>&1 </dev/null & echo \$!" 2>&1 | cat' "$WORLD"
	world kill "$output"
	wait_for nobody_of_agent
}

# The number of filters, and the session.
SHOW='sed -n "s/^Seccomp_filters:\t//p" /proc/self/status; echo $AGENTSH_SESSION_ID'

@test "nested in itself, five deep: one filter, one session, and the status comes through" {
	local command="$SHOW; prove; exit 9" quoted
	for _ in 1 2 3 4 5; do
		printf -v quoted '%q' "$command"
		command="agentsh-shell -c $quoted"
	done
	run -9 called agentsh-shell -c "echo \$AGENTSH_SESSION_ID; $command"
	is "${lines[1]}:${lines[2]}" "1:${lines[0]}"
	is "${lines[*]:3}" "${FILTERED//$'\n'/ }"
	wait_for world grep -q session_end "$TRAIL"
	is "$(told_of "$TRAIL")" "$ONE_KILLED"
	run -9 called -agentsh-shell -c '$SHELL -c "prove; exit 9"'
	is "$output" "$FILTERED"
	run -0 called -agentsh-shell -c 'SHELL=/usr/local/bin/agentsh-shell script -qc prove /dev/null'
	is "${output//$'\r'/}" "$FILTERED"
}

@test "su to the own user inside a session: the same session again" {
	run -0 world "$AGENT_SHELL" -c "echo \$AGENTSH_SESSION_ID; su - agent -c '$SHOW; prove'"
	is "${lines[1]}:${lines[2]}" "1:${lines[0]}"
	is "${lines[*]:3}" "${FILTERED//$'\n'/ }"
	world test ! -e "$TRAIL"
	wait_for world grep -q session_end /var/log/agentsh/events.jsonl
	is "$(told_of /var/log/agentsh/events.jsonl)" "$ONE_KILLED"
	world rm -r /var/log/agentsh
}

@test "nested under another policy: both hold" {
	run -0 called agentsh-shell -c 'exec agentsh-exec -- prove'
	is "$output" "$FILTERED"
	agent tee open.ini strict.ini >/dev/null <<-'EOT'
		[sandbox.seccomp]
		enabled = false
	EOT
	run -0 called agentsh-shell -c 'chmod 600 open.ini; exec agentsh-exec -f open.ini -- prove'
	is "$output" "$FILTERED"
	agent tee strict.ini >/dev/null <<-'EOT'
		[sandbox.seccomp.syscalls]
		block = ptrace, chroot
	EOT
	run -0 called agentsh-shell -c "chmod 600 strict.ini; exec agentsh-exec -f strict.ini -- sh -c '$SHOW; prove'"
	is "${lines[0]}" 2
	is "${lines[*]:2}" "${FILTERED//$'\n'/ }"
}
