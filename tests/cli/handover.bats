#!/usr/bin/env bats
# The hand-over: who serves, whatever the policy traps and whoever may not read whom. Peers that break
# it: handover_hostile.bats. A sidecar's life and its events' file: sidecar.bats.
#
# What an inner shell expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/sidecar

setup() {
	need_root
	sidecar_setup
}

teardown() {
	sidecar_teardown
}

# Every call that the announcement, or a loader that is careless behind its filter, could use.
CAN_BE_USED='sendto, sendmsg, sendmmsg, recvfrom, recvmsg, recvmmsg, read, readv, write, writev, poll, ppoll, select,
	pselect6, epoll_wait, futex, nanosleep, clock_nanosleep, clock_gettime, close, mmap, munmap, mprotect, brk,
	rt_sigaction, rt_sigprocmask, rt_sigreturn, sched_yield, getpid, gettid, ioctl, prctl, openat, fstat, newfstatat,
	socket, connect, kill, clone, fork, vfork, exit'
# What nolibc_clean needs, which is nothing of that.
ALLOWED='execve, exit_group, wait4, fcntl'

# --- Who serves ---

# served POLICY OPTION...: a session of that is served; prints by whom.
served() {
	local id=s$RANDOM$RANDOM
	says_nothing 137 "$RUN" -s "$id" -f "$@" "$CLEAN"
	has 1 "(.type == \"session_start\") and .session_id == \"$id\"" >&2
	events ".session_id == \"$id\" and .type == \"session_start\"" | jq -r .sidecar
}

# says_nothing STATUS COMMAND...
says_nothing() {
	local status=0
	bare "${@:2}" >out 2>err </dev/null || status=$?
	is "$status $(cat out)" "$1 " >&2
	sed -i '/the policy blocked/d' err
	is "$(cat err)" '' >&2
}

@test "auto: the system sidecar where its socket answers, else a private one" {
	local file
	file=$(blocking '[sidecar]' "socket = $SOCKET" "events = $EVENTS")
	is "$(served "$file" --sidecar=auto)" private
	sidecar_start
	is "$(served "$file" --sidecar=auto)" system
	is "$(served "$file")" system
	# Killed: its socket is left, and refuses.
	kill -KILL "$SIDECAR"
	wait "$SIDECAR" || true
	[ -S "$SOCKET" ]
	is "$(served "$file")" private
	rm "$SOCKET"
	echo 'a file' >"$SOCKET"
	is "$(served "$file")" private
	file=$(blocking '[sidecar]' "socket = $SOCKET/below" "events = $EVENTS")
	is "$(served "$file")" private
}

@test "private: also where a system sidecar answers" {
	local file
	file=$(blocking '[sidecar]' "socket = $SOCKET" "events = $EVENTS")
	sidecar_start
	is "$(served "$file" --sidecar=private)" private
	has 1 '.type == "session_end"'
}

@test "none: nobody serves, and what needs one is refused" {
	local file
	file=$(blocking '[sidecar]' "socket = $SOCKET")
	sidecar_start
	says_nothing 159 "$RUN" --sidecar=none -f "$file" "$CLEAN"
	# What the kernel has killed is no session's.
	is "$(events '.session_id')" ''
	says 125 'it needs a sidecar' "$RUN" --sidecar=none -f "$(blocking 'on_block = log')" "$CLEAN"
	says 125 '--events' "$RUN" --sidecar=none --events="$HOME_OF/x" -f "$file" "$CLEAN"
	[ ! -e x ]
}

@test "PATH: that one, or nothing runs" {
	local file
	file=$(blocking)
	says 125 "nobody listens at $SOCKET" "$RUN" --sidecar="$SOCKET" -f "$file" touch ran
	touch socket-not
	says 125 "nobody listens at $HOME_OF/socket-not" "$RUN" --sidecar="$HOME_OF/socket-not" -f "$file" touch ran
	says 125 'File name too long' "$RUN" --sidecar="/$(printf '%0108d' 0)" -f "$file" touch ran
	sidecar_start
	is "$(served "$file" --sidecar="$SOCKET")" system
	[ ! -e ran ]
}

@test "a copy of the events where --events asks the system sidecar for one" {
	sidecar_start
	says_nothing 137 "$RUN" --sidecar="$SOCKET" --events=copy -f "$(blocking)" "$CLEAN"
	has 1 '.type == "session_end"'
	cmp copy <(of_sessions)
	says 125 'name another file by --events' "$RUN" --sidecar="$SOCKET" --events=/missing/copy -f "$(blocking)" "$CLEAN"
}

# --- Whatever the policy traps ---

# hands_over STATUS TYPE DESCRIPTOR LINE...: behind that policy the target begins clean, its blocked call
# is answered so, and is the only one that leaves an event.
hands_over() {
	local status=$1 type=$2 first=$3 file way
	file=$(blocking "${@:4}")
	for way in "--sidecar=$SOCKET" "--sidecar=private --events=$EVENTS"; do
		: >"$EVENTS"
		# shellcheck disable=SC2086 # two options
		if [ "$first" = 0 ]; then
			run -"$status" bare bash -c 'exec "$@" <&- >&- 2>&-' bash "$RUN" $way -f "$file" "$CLEAN" 0
		else
			says_nothing "$status" "$RUN" $way -f "$file" "$CLEAN"
			says_nothing "$status" env --ignore-signal=CHLD "$RUN" $way -f "$file" "$CLEAN"
		fi
		has "$([ "$first" = 0 ] && echo 1 || echo 2)" '.type == "session_end"'
		is "$(events '.type != "session_start" and .type != "session_end"' | jq -r '.type + " " + .syscall' | uniq)" \
			"${type:+$type $BLOCKED}"
	done
}

@test "the announcement is made whatever is trapped, for every on_block" {
	sidecar_start
	local on_block status type first
	for first in 3 0; do
		while read -r on_block status type; do
			hands_over "$status" "$type" "$first" "	$CAN_BE_USED" "on_block = $on_block"
			hands_over "$status" "$type" "$first" 'default_action = block' "allow = $ALLOWED" "on_block = $on_block"
		done <<-'END'
			kill 137 seccomp_blocked
			log_and_kill 137 seccomp_blocked
			log 10 seccomp_blocked
			errno 10
		END
		hands_over 0 seccomp_audit "$first" "	$CAN_BE_USED" '[sandbox.seccomp]' 'mode = audit'
	done
}

@test "the announcement is made by the loader itself where nothing is trapped" {
	sidecar_start
	hands_over 137 seccomp_blocked 3
	hands_over 137 seccomp_blocked 0
	hands_over 10 seccomp_blocked 3 'on_block = log'
}

@test "a caller that adopts orphans: the target has no strange child" {
	local file way
	file=$(blocking 'on_block = log' '[notices]' 'stderr = never')
	sidecar_start
	for way in "--sidecar=$SOCKET" "--sidecar=private --events=$EVENTS"; do
		for file in "$(blocking "	$CAN_BE_USED" 'on_block = log')" "$(blocking 'on_block = log')"; do
			# shellcheck disable=SC2086 # two options
			run -10 bare python3 -c 'import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
os.execv(sys.argv[1], sys.argv[1:])' "$RUN" $way -f "$file" "$CLEAN"
		done
	done
}

# --- Whoever may not take whose descriptors ---

# in_its_hand STATUS COMMAND...: the listener comes along in a message, by the loader and by its helper.
in_its_hand() {
	local file
	for file in "$(blocking 'on_block = log')" "$(blocking '	sendmsg' 'on_block = log')" \
		"$(blocking 'on_block = log' 'default_action = block' "allow = $ALLOWED")"; do
		chown "${POLICY_OWNER:-0}" "$file"
		says_nothing "$1" "${@:2}" "$RUN" --sidecar="$SOCKET" -f "$file" "$CLEAN"
	done
}

@test "a sidecar without CAP_SYS_PTRACE, a loader of another user" {
	sidecar_start setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace
	is "$(: | as "$OTHER" "$TOP/tests/lib/bad_loader.py" "$SOCKET" good probe | head -n 1)" 'by rights'
	in_its_hand 10 as "$OTHER"
	has 3 ".type == \"seccomp_blocked\" and .uid == $OTHER"
}

@test "a sidecar and a loader of one user" {
	chown "$OTHER" "$HOME_OF"
	sidecar_start as "$OTHER"
	is "$(: | as "$OTHER" "$TOP/tests/lib/bad_loader.py" "$SOCKET" good probe | head -n 1)" 'by number'
	in_its_hand 10 as "$OTHER"
	has 3 ".type == \"seccomp_blocked\" and .uid == $OTHER"
}

@test "a loader that is not dumpable" {
	chown "$OTHER" "$HOME_OF"
	chmod 0111 "$RUN"
	sidecar_start as "$OTHER"
	in_its_hand 10 as "$OTHER"
	has 3 '.type == "seccomp_blocked"'
}

@test "a loader in a pid namespace below the sidecar's" {
	sidecar_start
	# Not as its first process, which adopts all of it.
	in_its_hand 10 unshare --pid --fork sh -c '"$@"; exit $?' sh
	has 3 '.type == "seccomp_blocked" and .pid > 0'
}

@test "a loader in a user namespace" {
	sidecar_start
	in_its_hand 10 unshare --user --map-root-user
	has 3 '.type == "seccomp_blocked" and .uid == 0'
}

@test "a loader in a user namespace, a sidecar of the user outside of it" {
	chown "$OTHER" "$HOME_OF"
	sidecar_start as "$OTHER"
	POLICY_OWNER=$OTHER
	in_its_hand 10 as "$OTHER" unshare --user --map-root-user
	has 3 ".type == \"seccomp_blocked\" and .uid == $OTHER"
}

@test "a loader in a user namespace that has no number for root: whose the sidecar is cannot be told" {
	sidecar_start
	local file
	file=$(blocking)
	chown "$OTHER" "$file"
	says 125 'neither root nor you' as "$OTHER" unshare --user --map-root-user "$RUN" --sidecar="$SOCKET" -f "$file" touch ran
	[ ! -e ran ]
}

@test "a sidecar in a pid namespace beside the loader's: what it cannot number it denies" {
	sidecar_start unshare --pid --fork --kill-child=TERM --mount-proc
	is "$(: | "$TOP/tests/lib/bad_loader.py" "$SOCKET" good probe | head -n 1)" 'by rights'
	in_its_hand 10
	has 3 '.type == "seccomp_blocked" and .action == "denied" and .tid == null'
	# Nor can it kill: the call does not run all the same.
	says_nothing 10 "$RUN" --sidecar="$SOCKET" -f "$(blocking 'on_block = kill')" "$CLEAN"
	has 4 '.type == "seccomp_blocked" and .action == "denied"'
}

@test "a process that has become another user's since it connected is not believed by number" {
	sidecar_start
	run -0 "$TOP/tests/lib/bad_loader.py" "$SOCKET" change_user "$OTHER"
	is "${lines[0]}" 'by number'
	[[ ${lines[1]} == *'cannot be taken'* ]]
	said 'the listener cannot be taken'
}

# --- Session IDs ---

# holds USER ID: a session of that user's under that ID, alive.
holds() {
	background as "$1" "$RUN" --sidecar="$SOCKET" -s "$2" -f "$(blocking)" sleep 600
	has 1 ".type == \"session_start\" and .session_id == \"$2\""
}

@test "a session ID that is live is its user's alone" {
	sidecar_start
	holds "$OTHER" same
	local holder=$PID
	says 125 'another user has a live session of that ID' as "$THIRD" "$RUN" --sidecar="$SOCKET" -s same -f "$(blocking)" touch ran
	says 125 'another user has a live session of that ID' "$RUN" --sidecar="$SOCKET" -s same -f "$(blocking)" touch ran
	says_nothing 137 as "$OTHER" "$RUN" --sidecar="$SOCKET" -s same -f "$(blocking)" "$CLEAN"
	says_nothing 137 as "$THIRD" "$RUN" --sidecar="$SOCKET" -s other -f "$(blocking)" "$CLEAN"
	kill -KILL "$holder"
	has 2 '.type == "session_end" and .session_id == "same"'
	says_nothing 137 as "$THIRD" "$RUN" --sidecar="$SOCKET" -s same -f "$(blocking)" "$CLEAN"
	[ ! -e ran ]
}

@test "two users that ask for one ID at the same time: the first that announces has it" {
	sidecar_start
	local user
	for user in "$OTHER" "$THIRD"; do
		mkfifo "go.$user"
		background as "$user" "$TOP/tests/lib/bad_loader.py" "$SOCKET" good same <>"go.$user" >"said.$user"
		wait_for [ -s "said.$user" ]
	done
	for user in "$OTHER" "$THIRD"; do
		echo go >"go.$user"
		wait_for has_two "said.$user"
	done
	is "$(tail -n 1 "said.$OTHER")" accepted
	[[ $(tail -n 1 "said.$THIRD") == *'another user has a live session of that ID'* ]]
}

has_two() {
	[ "$(wc -l <"$1")" -eq 2 ]
}

@test "session IDs that are none" {
	sidecar_start
	local id
	for id in '' ' ' a/b $'a\nb' "$(printf '%065d' 0)" é; do
		says 125 -s "$RUN" --sidecar="$SOCKET" -s "$id" -f "$(blocking)" touch ran
		says 125 AGENTSH_SESSION_ID env AGENTSH_SESSION_ID="${id:- }" "$RUN" --sidecar="$SOCKET" -f "$(blocking)" touch ran
	done
	[ ! -e ran ]
	is "$(of_sessions)" ''
}
