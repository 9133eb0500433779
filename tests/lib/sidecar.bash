# shellcheck shell=bash
# A system sidecar for a test: its own socket, its own file of events, and nothing of it left.
#
# The folder is one that other users can reach, with copies of the programs in it.
# shellcheck disable=SC2034 # used by the files that load this one

# What every policy of these tests blocks; the programs of the tests know it.
BLOCKED=getppid
# Users that no machine has: only their numbers matter.
OTHER=64711
THIRD=64712

# sidecar_setup: for setup.
sidecar_setup() {
	HOME_OF=$(mktemp -d /tmp/agentsh-test.XXXXXX)
	chmod 755 "$HOME_OF"
	cp "$EXEC_STATIC" "$HOME_OF/agentsh-exec"
	cp "$BUILD/agentsh-sidecar" "$PROGRAMS/nolibc_clean" "$PROGRAMS/nolibc_exit" "$PROGRAMS/many_calls" "$HOME_OF/"
	RUN=$HOME_OF/agentsh-exec
	CLEAN=$HOME_OF/nolibc_clean
	SOCKET=$HOME_OF/socket
	EVENTS=$HOME_OF/events
	LOG=$HOME_OF/log
	STARTED=()
	SIDECAR_OPTIONS=()
	# as USER COMMAND...: as that number, with no capabilities. bare COMMAND...: with no descriptor but 0, 1
	# and 2, where bats has more. Programs, so that any other can execute them.
	# shellcheck disable=SC2016 # expanded there
	printf '#!/bin/sh\nuser=$1; shift\nexec setpriv --reuid="$user" --regid="$user" --clear-groups "$@"\n' >"$HOME_OF/as"
	printf '#!/usr/bin/env python3\nimport os, sys\nos.closerange(3, 4096)\nos.execvp(sys.argv[1], sys.argv[1:])\n' \
		>"$HOME_OF/bare"
	chmod 755 "$HOME_OF/as" "$HOME_OF/bare"
	PATH=$HOME_OF:$PATH
	cd "$HOME_OF" || return
}

# sidecar_teardown: for teardown. Fails where a process of these programs is left.
sidecar_teardown() {
	local pid
	for pid in "${STARTED[@]}"; do
		kill -TERM "$(keeper_of "$pid" 2>/dev/null)" 2>/dev/null || true
	done
	for pid in "${STARTED[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	wait_for nothing_runs || {
		processes
		return 1
	}
	cd /
	rm -rf "$HOME_OF"
}

# The processes that run a program of this test's.
processes() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe" 2>/dev/null) in
		"$HOME_OF"/*) echo "${exe//[^0-9]/}" ;;
		esac
	done
}

nothing_runs() {
	[ -z "$(processes)" ]
}

# sidecar_start [COMMAND...]: with that before the program. Sets SIDECAR, the keeper's pid.
sidecar_start() {
	"$@" "$HOME_OF/agentsh-sidecar" --socket="$SOCKET" --events="$EVENTS" "${SIDECAR_OPTIONS[@]}" >>"$LOG" 2>&1 </dev/null 3>&- &
	STARTED+=("$!")
	wait_for listens "$SOCKET" || {
		cat "$LOG"
		return 1
	}
	SIDECAR=$(keeper_of "$!")
}

# What has been started, or, where that is unshare, its child.
keeper_of() {
	case $(readlink "/proc/$1/exe") in
	*/unshare) tr -d ' ' <"/proc/$1/task/$1/children" ;;
	*) echo "$1" ;;
	esac
}

# sidecar_stop: ends it; its status is sidecar_stop's.
sidecar_stop() {
	kill -TERM "$SIDECAR"
	wait "$SIDECAR"
}

# background COMMAND...: sets PID; ended by the teardown where the test does not.
background() {
	"$@" <&0 3>&- & # with its own standard input, which bash would take from it
	PID=$!
	STARTED+=("$PID")
}

# events JQ: the events of the trail that the expression selects, a line each. What the kernel kills elsewhere on the
# machine is in it as well, and of no session.
events() {
	jq -c "select(.session_id) | select($1)" "$EVENTS"
}

# of_sessions: the trail's lines, without those.
of_sessions() {
	grep -v '"session_id":null' "$EVENTS"
}

# has COUNT JQ: so many events are there, sooner or later.
has() {
	wait_for has_now "$1" "$2" || {
		cat "$EVENTS" "$LOG"
		return 1
	}
}

has_now() {
	[ "$(events "$2" 2>/dev/null | wc -l)" -eq "$1" ]
}

# said TEXT: the sidecar's log has it, sooner or later.
said() {
	wait_for grep -qF -e "$1" "$LOG" || {
		cat "$LOG"
		return 1
	}
}

# blocking [LINE...]: a policy that blocks the tests' call. Prints its path, which all can read.
blocking() {
	local file
	file=$(mktemp "$HOME_OF/policy.XXXXXX.ini")
	printf '[sandbox.seccomp.unix_socket]\nenabled = false\n[sandbox.seccomp.syscalls]\nblock = %s\n' "$BLOCKED" >"$file"
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$file"
	chmod 644 "$file"
	echo "$file"
}

# descriptors PID: how many it has, without the events: the broker takes them when the kernel has killed anything on this
# machine.
descriptors() {
	find "/proc/$1/fd" -type l ! -lname "$EVENTS" | wc -l
}
