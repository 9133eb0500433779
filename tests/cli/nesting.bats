#!/usr/bin/env bats
# A session inside a session: what is added, what is refused, and who is asked. Nobody is fooled.
#
# shellcheck disable=SC2030,SC2031,SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/events

teardown() {
	sidecar_stop
}

setup() {
	ulimit -c 0
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

# blocks LIST ON_BLOCK: a policy, with the session's events.
blocks() {
	watched "[sandbox.seccomp.syscalls]
block = $1
on_block = $2"
}

# dies HOW COMMAND...: as a parent sees it: -9 the sidecar's SIGKILL, -31 the kernel's SIGSYS.
dies() {
	is "$(python3 -c 'import subprocess, sys
print(subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode)' "${@:2}")" "$1"
}

@test "three deep, each with a list of its own: every level's calls are stopped, the outermost's with an event" {
	local outer middle inner
	outer=$(blocks 'ptrace, mount' kill)
	middle=$(blocks 'ptrace, personality' kill)
	inner=$(blocks 'ptrace, umount2' errno)
	deep=("$EXEC" -f "$outer" -- "$EXEC" -f "$middle" -- "$EXEC" -f "$inner" --)
	dies -9 "${deep[@]}" "$PROGRAMS/raw_call" thread ptrace
	dies -9 "${deep[@]}" "$PROGRAMS/raw_call" thread mount
	dies -31 "${deep[@]}" "$PROGRAMS/raw_call" thread personality
	run -0 --separate-stderr "${deep[@]}" "$PROGRAMS/raw_call" thread umount2
	is "$output" "umount2: Operation not permitted"
	gives 0 'pivot_root: Bad address' "${deep[@]}" "$PROGRAMS/raw_call" thread pivot_root
	is "$(events 'select(.type == "seccomp_blocked").syscall' 5)" $'ptrace\nmount'
	is "$(events 'select(.type == "session_start").session_id' 5 | sort -u | wc -l)" 5
}

@test "calls of another architecture: the outer session ends the process, with an event; in audit mode the inner filter does" {
	[ "$(uname -m)" = x86_64 ] || skip "x86_64 only"
	local outer inner call
	outer=$(blocks ptrace kill)
	inner=$(blocks personality errno)
	for call in int80 x32; do
		dies -9 "$EXEC" -f "$outer" -- "$EXEC" -f "$inner" -- "$PROGRAMS/raw_call" thread "$call"
	done
	is "$(events 'select(.type == "foreign_arch") | "\(.arch) \(.action)"' 2)" $'i386 killed\nx32 killed'
	outer=$(watched $'[sandbox.seccomp]\nmode = audit')
	dies -31 "$EXEC" -f "$outer" -- "$EXEC" -f "$inner" -- "$PROGRAMS/raw_call" thread int80
}

@test "the same policy inside, five deep: no second filter" {
	local file
	file=$(blocks 'ptrace' log)
	run -0 --separate-stderr "$EXEC" -f "$file" -- "$EXEC" -f "$file" -- "$EXEC" -f "$file" -- "$EXEC" -f "$file" -- \
		"$EXEC" -f "$file" -- sh -c "grep Seccomp_filters /proc/self/status; '$PROGRAMS/denied_call' main five ptrace"
	is "$(printf '%s\n' "${lines[0]}" | tr -d '\t')" Seccomp_filters:1
	is "${lines[1]##* }" 1
	is "$(events 'select(.type == "seccomp_blocked") | .comm + .session_id')" "five$(jq -r 'select(.seq == 1).session_id' "$EVENTS")"
}

@test "stricter inside: one filter more; milder inside: the outer one stays" {
	local outer
	outer=$(blocks 'ptrace' kill)
	dies -31 "$EXEC" -f "$outer" -- "$EXEC" -f "$(blocks 'ptrace, personality' kill)" -- "$PROGRAMS/raw_call" main personality
	dies -9 "$EXEC" -f "$outer" -- "$EXEC" -f "$(blocks 'personality' errno)" -- "$PROGRAMS/raw_call" main ptrace
	dies -9 "$EXEC" -f "$outer" -- "$EXEC" -f "$(policy $'[sandbox.seccomp]\nenabled = false')" -- "$PROGRAMS/raw_call" main ptrace
	dies -9 "$EXEC" -f "$outer" -- "$EXEC" --sidecar=none -f "$(blocks 'ptrace' errno)" -- "$PROGRAMS/raw_call" main ptrace
	wait_for ended 4
}

@test "what cannot be had inside is refused with the reason, and nothing runs" {
	local outer
	outer=$(blocks 'ptrace' kill)
	inside=("$EXEC" -f "$outer" -s outer -- "$EXEC")
	says 125 'on_block: the session answers blocked calls in another way' "${inside[@]}" -f "$(blocks 'ptrace' log)" -- echo ran
	says 125 'on_block: the session answers' "${inside[@]}" -f "$(blocks 'ptrace' log_and_kill)" -- echo ran
	says 125 'mode = audit' "${inside[@]}" -f "$(policy $'[sandbox.seccomp]\nmode = audit')" -- echo ran
	says 125 '-s: this command is in session outer' "${inside[@]}" -s inner -f "$outer" -- echo ran
	says 125 '--events: this command is in session outer' "${inside[@]}" --events=other -f "$outer" -- echo ran
	says 125 '--sidecar: this command is in session outer' "${inside[@]}" --sidecar=private -f "$outer" -- echo ran
	gives 0 ran "${inside[@]}" -s outer --sidecar=none -f "$outer" -- echo ran
	says 125 'personality: blocked with a report' "$EXEC" -f "$(blocks 'ptrace' log)" -- "$EXEC" -f "$(blocks 'ptrace, personality' log)" -- echo ran
	[ ! -e other ]
	wait_for ended 8
}

@test "the environment decides nothing: inside with it cleared, outside with it set" {
	local file
	file=$(blocks 'ptrace' kill)
	# shellcheck disable=SC2016 # expanded inside
	gives 0 outer "$EXEC" -s outer -f "$file" -- env -u AGENTSH_SESSION_ID "$EXEC" -f "$file" -- sh -c 'echo $AGENTSH_SESSION_ID'
	# shellcheck disable=SC2016
	gives 0 outer "$EXEC" -s outer -f "$file" -- env AGENTSH_SESSION_ID=fake "$EXEC" -f "$file" -- sh -c 'echo $AGENTSH_SESSION_ID'
	dies -9 env AGENTSH_SESSION_ID=fake "$EXEC" -f "$file" -- "$PROGRAMS/raw_call" main ptrace
	is "$(events 'select(.type == "session_start").session_id' 3)" $'outer\nouter\nfake'
}

# reserved COMMAND...: reserved_call in a session.
reserved() {
	run -0 --separate-stderr timeout 60 "$EXEC" -f "$(blocks 'ptrace' kill)" -- "$PROGRAMS/reserved_call" "$@"
	is "$stderr" ''
	wait_for ended 1
}

@test "the reserved call with rubbish: EINVAL; outside of a session too" {
	reserved rubbish
	is "$output" 'Invalid argument'
	run -0 "$PROGRAMS/reserved_call" rubbish
	is "$output" 'Invalid argument'
	is "$(events 'select(.syscall)')" ''
}

@test "the reserved call without a descriptor left: EMFILE, and nothing was lost" {
	reserved exhausted
	is "$output" 'Too many open files'
}

# worker_descriptors: how many the only worker of the sidecar has.
worker_descriptors() {
	find "/proc/$(pgrep -P "$SIDECAR" -f -- --role=worker)/fd" -mindepth 1 | wc -l
}

@test "a thousand reserved calls leave nothing in the target nor in the worker" {
	need_root
	local before
	sidecar_start
	mkfifo go turned
	"$EXEC" --sidecar="$SOCKET" -f "$(blocks 'ptrace' kill)" -- sh -c "
		for turn in 1 2; do '$PROGRAMS/reserved_call' thousand; echo >turned; read line <go; done" >said &
	read -r <turned
	before=$(worker_descriptors)
	echo >go
	read -r <turned
	is "$(worker_descriptors)" "$before"
	echo >go
	wait $!
	is "$(cat said)" $'as before\nas before'
	sidecar_stop
}

# The session's login starts another one: su, tmux, script.
@test "in tmux and script, and by su from root to a user: the same policy is just executed" {
	need_root
	need_command tmux
	local file
	for_others denied_call
	file=$(blocks 'ptrace' log)
	chmod 644 "$file"
	cat >inner <<-END
		#!/bin/sh
		exec '$EXEC' -f '$file' -- sh -c 'grep Seccomp_filters /proc/self/status | tr -d "\\t"; "$PROGRAMS/denied_call" main "\$0" ptrace' "\$1"
	END
	chmod 755 inner
	run -0 --separate-stderr "$EXEC" -f "$file" -- sh -c 'script -qec "./inner script" /dev/null | head -n 1 | tr -d "\r"'
	is "$output" Seccomp_filters:1
	"$EXEC" -f "$file" -- sh -c 'tmux -S ./tmux.sock -f /dev/null new-session -d "./inner tmux >tmux.out; tmux -S ./tmux.sock wait-for -S over" \; wait-for over; tmux -S ./tmux.sock kill-server' || true
	is "$(head -n 1 tmux.out)" Seccomp_filters:1
	run -0 --separate-stderr "$EXEC" -f "$file" -- setpriv --reuid 65534 --regid 65534 --clear-groups "$PWD/inner" su
	is "${lines[0]}" Seccomp_filters:1
	is "$(events 'select(.syscall) | .comm + " " + (.uid | tostring)' 3)" $'script 0\ntmux 0\nsu 65534'
}
