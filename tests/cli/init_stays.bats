#!/usr/bin/env bats
# The loader that stays (--init, PID 1): nobody outside sees a difference.
#
# shellcheck disable=SC2016,SC2154,SC2030,SC2031 # an inner shell expands; run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	# The policy of what runs without a sidecar, for every user to read.
	unguarded=$(mktemp)
	printf '%s\n' "$OPEN" >"$unguarded"
	chmod 644 "$unguarded"
}

# No canary whose loader has ended, in this session of processes.
no_canary_left() {
	[ -z "$(ps -eo ppid=,sid=,comm= | awk -v sid="$(ps -o sid= -p $$)" '$1 == 1 && $2 == sid + 0 && $3 == "canary"')" ]
}

teardown() {
	rm -f "$unguarded"
	jobs -p | xargs -r kill -KILL 2>/dev/null || true
	wait_for no_canary_left
}

# ends_so STATUS PID: a job of ours, "run" would wait in another shell.
ends_so() {
	local ended=0
	wait_for eval "! kill -0 $2 2>/dev/null"
	wait "$2" || ended=$?
	is "$ended" "$1"
}

# signals MODE COMMAND...: see tests/lib/signals_at.py.
signals() {
	need_command python3
	run -0 timeout 100 python3 "$TOP/tests/lib/signals_at.py" "$@"
}

# --- Signals ---

@test "signals: each one, to the process or to its group, arrives once" {
	signals each "$EXEC" --init -- "$PROGRAMS/signal_log"
	signals each "$EXEC_STATIC" --init -- "$PROGRAMS/signal_log"
	# The same without us: it is the test that is right.
	signals each "$EXEC" -- "$PROGRAMS/signal_log"
}

@test "signals: neither lost nor doubled, at any speed" {
	signals mixed "$EXEC" --init -- "$PROGRAMS/signal_log"
	signals pairs "$EXEC" --init -- "$PROGRAMS/signal_log"
	signals opposites "$EXEC" --init -- "$PROGRAMS/signal_log"
	signals alone "$EXEC" --init -- "$PROGRAMS/signal_log"
}

@test "signals: stops and SIGCONT, whichever was sent last shows" {
	# Without what keeps the two in step the latter half of these fails in the first rounds; a SIGCONT in the
	# instant of the stop, one in some thousand times: that many are for check-long.
	local rounds=300
	[ "${AGENTSH_SUITES:-}" != all ] || rounds=3000
	ROUNDS=$rounds signals stops "$EXEC" --init -- sh
	ROUNDS=$rounds signals stops "$EXEC_STATIC" --init -- sh
	ROUNDS=300 signals stops "$EXEC" -- sh
}

@test "signals: a command with a group of its own gets what ours gets" {
	signals each "$EXEC" --init -- "$PROGRAMS/signal_log" -g
}

@test "signals: queued ones arrive all, in order, with their values" {
	signals values "$EXEC" --init -- "$PROGRAMS/signal_log"
}

@test "signals: none is lost while the command starts" {
	signals start "$EXEC" --init -- sleep 1000
}

@test "signals: a timer that was set before" {
	signals alarm "$EXEC" --init -- sleep 1000
}

@test "signals: also where the canary was killed or stopped" {
	signals replaced "$EXEC" --init -- "$PROGRAMS/signal_log"
}

@test "signals: pkill finds the loader and not the canary" {
	need_command pkill
	local id=pkill.$$
	"$EXEC" -s "$id" --init -- "$BASH" -c 'trap "exit 5" TERM; : >up; while :; do read -rt 1000 <> <(:); done' 3>&- &
	wait_for test -e up
	pkill -TERM -f -- "-s $id"
	ends_so 5 "$!"
}

@test "signals: mask and dispositions are the caller's" {
	# No shell between: it has a SIGCHLD of its own.
	local state=(grep -E '^(Sig[PBIC]|Shd)' /proc/self/status)
	local options plain
	for options in --block-signal= --block-signal=USR1,CHLD,RTMIN+3 --ignore-signal=CHLD,PIPE,HUP --default-signal; do
		plain=$(env "$options" "$EXEC" -- "${state[@]}")
		is "$(env "$options" "$EXEC" --init -- "${state[@]}")" "$plain"
		run -7 env "$options" "$EXEC" --init -- sh -c 'exit 7'
	done
}

# --- The end ---

@test "end: every exit status, and a death by every signal" {
	signals deaths "$EXEC" -- sh
	local plain=$output
	is "$(wc -l <<<"$plain")" 316 # 256 statuses, 64 signals without the four that stop
	signals deaths "$EXEC" --init -- sh
	is "$output" "$plain"
	# Also of a signal that the loader was started to ignore.
	signals deaths env --ignore-signal "$EXEC" --init -- env --default-signal sh
	is "$output" "$plain"
}

@test "end: no core of the loader's, and one of the command's" {
	[[ $(cat /proc/sys/kernel/core_pattern) == core* ]] || skip "cores go elsewhere here"
	ulimit -c unlimited || skip "no cores here"
	run -139 "$EXEC" --init -- sh -c 'kill -SEGV $$'
	is "$(find . -name 'core*' | wc -l)" 1
}

@test "end: timeout, by SIGTERM and by SIGKILL" {
	# The substitution ends when nobody holds its pipe any more.
	is "$(timeout 0.2 "$EXEC" --init -- sleep 1000; echo $?)" 124
	is "$(timeout -s KILL 0.2 "$EXEC" --init -- sleep 1000; echo $?)" 137
	is "$(timeout -s KILL --foreground 0.2 "$EXEC" --init -- sleep 1000; echo $?)" 137
}

@test "end: SIGKILL of the loader is the command's" {
	mkfifo held
	(cat && : >released) <held >/dev/null 3>&- &
	"${ALONE[@]}" -f "$unguarded" --init -- sh -c ': >up; exec sleep 1000' >held 3>&- &
	wait_for test -e up
	kill -KILL "$!"
	ends_so 137 "$!"
	wait_for test -e released
	# And while all of them are stopped.
	setsid "${ALONE[@]}" -f "$unguarded" --init -- sh -c 'echo $PPID >loader; exec sleep 1000' 3>&- &
	local loader=$! processes
	wait_for test -s loader
	processes=$(ps -o pid= --ppid "$loader")
	is "$(wc -l <<<"$processes")" 2
	kill -STOP -- "-$loader"
	kill -KILL "$loader"
	ends_so 137 "$loader"
	wait_for eval "! ps -o stat= -p '$(xargs <<<"$processes")' | grep -qv Z"
}

@test "end: with the command, whoever it has left behind" {
	mkfifo held
	run -3 "$EXEC" --init -- sh -c 'sleep 1000 >/dev/null 2>&1 3>&- & echo $! >pid; exit 3'
	kill "$(cat pid)"
}

@test "end: nothing of ours is there when it is over" {
	local canary
	for _ in {1..20}; do
		canary=$("$EXEC" --init -- sh -c 'ps -o pid=,comm= --ppid $PPID' | awk '$2 == "canary" { print $1 }')
		[ ! -e "/proc/$canary" ]
	done
	is "$(wc -w <<<"$canary")" 1
}

@test "end: a stream ends where the command closes it" {
	mkfifo go out
	(cat && : >ended) <out 3>&- &
	"$EXEC" --init -- sh -c 'exec >&-; read -r x <go' >out 3>&- &
	wait_for test -e ended
	echo >go
	ends_so 0 "$!"
	is "$(printf 'a\nb\n' | "$EXEC" --init -- cat)" $'a\nb'
}

# --- Processes ---

@test "processes: 100 orphans are reaped" {
	run -0 "$EXEC" --init -- "$BASH" -c '
		for i in {1..100}; do (true &); done
		# They come to the loader, not to the init of the system.
		(sleep 1000 & echo $! >orphan)
		[ $(ps -o ppid= -p $(cat orphan)) -eq $PPID ] || exit 9
		kill $(cat orphan)
		tries=200
		while ps -o stat= --ppid $PPID | grep -q Z && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
		[ $tries -gt 0 ]' 3>&-
}

@test "processes: the loader and its canary hold nothing of the caller's" {
	need_root
	chmod 755 .
	mkfifo go
	setpriv --reuid=65534 --regid=65534 --clear-groups env -u HOME "${ALONE[@]}" -f "$unguarded" --init -- sh -c 'echo $PPID; read -r x' <>go >pid 3>&- &
	wait_for test -s pid
	local loader canary process
	loader=$(cat pid)
	canary=$(ps -o pid=,comm= --ppid "$loader" | awk '$2 == "canary" { print $1 }')
	for process in "$loader" "$canary"; do
		is "$(readlink "/proc/$process/cwd")" /
		# One socket between the two, and not dumpable.
		is "$(ls "/proc/$process/fd")" 0
		[[ $(readlink "/proc/$process/fd/0") == socket:* ]]
		is "$(stat -c %u "/proc/$process/mem")" 0
	done
	echo >go
	wait "$!"
}

@test "processes: the filter is the command's" {
	run -159 "${ALONE[@]}" -f "$unguarded" --init -- "$PROGRAMS/trace_self"
	run -0 --separate-stderr "${ALONE[@]}" -f "$unguarded" --init -s an.id -- sh -c 'echo $AGENTSH_SESSION_ID; grep NoNewPrivs: /proc/self/status'
	is "$output" $'an.id\nNoNewPrivs:\t1'
	says 127 'No such file' "${ALONE[@]}" -f "$unguarded" --init -- ./missing
}

@test "processes: without room for them nothing runs" {
	need_command prlimit
	# Room for the one descriptor at a time that a start takes otherwise.
	says 125 'RLIMIT_NOFILE' sh -c 'exec prlimit --nofile=4 "$@" 3>&- 4>&-' - "${ALONE[@]}" -f "$unguarded" --init -- touch ran
	sh -c 'exec prlimit --nofile=4 "$@" 3>&- 4>&-' - "${ALONE[@]}" -f "$unguarded" -- true
	[ ! -e ran ]
	need_root
	# The limit counts for a plain user: one process more, and not the second.
	says 125 'RLIMIT_NPROC' setpriv --reuid=64999 --regid=64999 --clear-groups env -u HOME \
		prlimit --nproc=2 "${ALONE[@]}" -f "$unguarded" --init -- echo ran
}

# --- As PID 1 ---

# As PID 1 of namespaces of its own; --kill-child: nothing outlives the test.
first=(unshare --pid --fork --kill-child --mount-proc)
bounded=(timeout -k 1 60 "${first[@]}")

need_namespace() {
	need_root
	unshare --pid --fork --mount-proc true 2>/dev/null || skip "no pid namespace can be had"
}

@test "PID 1: exit status and death by signal" {
	need_namespace
	local program
	for program in "$EXEC" "$EXEC_STATIC"; do
		run -6 "${bounded[@]}" "$program" --sidecar=none -f "$unguarded" -- sh -c 'exit 6'
		run -143 "${bounded[@]}" "$program" --sidecar=none -f "$unguarded" -- sh -c 'kill -TERM $$'
		run -137 "${bounded[@]}" "$program" --sidecar=none -f "$unguarded" -- sh -c 'kill -KILL $$'
		run -159 "${bounded[@]}" "$program" --sidecar=none -f "$unguarded" -- "$PROGRAMS/trace_self"
		# The command is another.
		run -0 "${bounded[@]}" "$program" --sidecar=none -f "$unguarded" -- sh -c '[ $$ -ne 1 ] && [ $PPID -eq 1 ]'
	done
}

@test "PID 1: what is sent to it reaches the command, from inside and outside" {
	need_namespace
	run -5 "${bounded[@]}" "$EXEC" -- "$BASH" -c 'trap "exit 5" TERM; kill -TERM 1; while :; do sleep 0.05; done'
	"${first[@]}" "$EXEC" -- "$BASH" -c 'trap "exit 5" TERM; : >up; while :; do sleep 0.05; done' 3>&- &
	wait_for test -e up
	kill -TERM "$(ps -o pid= --ppid "$!")"
	ends_so 5 "$!"
	# kill -1 leaves PID 1 out: what has reached only the canary is forgotten.
	run -5 "${bounded[@]}" "$EXEC" -- "$BASH" -c 'trap : TERM; setsid kill -TERM -1; trap "exit 5" TERM; kill -TERM 1
		while :; do sleep 0.05; done'
}

@test "PID 1: orphans are reaped, and end with it" {
	need_namespace
	run -0 "${bounded[@]}" "$EXEC" -- "$BASH" -c '
		for i in {1..100}; do (true &); done
		tries=200
		while ps -o stat= --ppid 1 | grep -q Z && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
		sleep 1000 &
		[ $tries -gt 0 ]' 3>&-
}

@test "PID 1: a private sidecar has written session_end when it ends, whatever still runs" {
	need_namespace
	local file i
	for i in 1 2 3 4 5 6 7 8; do
		file=$(supervised $'[notices]\nstderr = never')
		[ "$i" -gt 4 ] || file=$(supervised $'[notices]\nstderr = always')
		rm -f "$EVENTS"
		run -3 "${bounded[@]}" "$EXEC" -f "$file" -- "$BASH" -c 'for i in {1..20}; do (sleep 1000 & exec setsid sleep 1000) & done; exit 3' 3>&-
		is "$(jq -r '[.type, .status // ""] | join(" ")' "$EVENTS" | xargs)" 'session_start session_end 3'
	done
}

# --- Job control, in a terminal ---

# session OPTION...: what a person types at an interactive bash, with the loader called so; what the
# shell says of jobs and statuses is in the file log. Its own notices come when they come.
session() {
	printf '#!/bin/sh\nexec %s %s -- "$@"\n' "$EXEC" "$*" >x
	chmod 755 x
	rm -f log
	run -0 python3 "$TOP/tests/lib/type_at.py" '(bash-[0-9.]+[#$] |@ )' \
		env -i --default-signal PATH="$PATH" TERM=dumb bash --norc --noprofile -i <steps 3>&- || is "$output" 'a session that ends'
}

# same_session <STEPS: with and without --init they leave the same log.
same_session() {
	need_command python3
	{
		# Not typed as it is shown: the echo would be taken for the prompt.
		printf '%s\n' 'PS1=$'\''\x40 '\''; ulimit -c 0; log() { echo "$*" >>log; }' \
			'gone() { while kill -0 $1 2>/dev/null; do sleep 0.05; done; }' \
			'stopped() { until [[ $(jobs) == *Stopped* ]]; do sleep 0.05; done; jobs >>log; }' \
			'begun() { until [ -e begun ]; do sleep 0.05; done; rm begun; }'
		cat
		echo exit
	} >steps
	session
	cp log plain
	session --init
	diff -u plain log
}

@test "terminal: Ctrl-C and Ctrl-\\ are the command's" {
	same_session <<-'E'
		./x sh -c 'echo up; exec cat'
		=up\r\n
		^C
		log $?
		./x sh -c 'echo up; exec cat'
		=up\r\n
		^\
		log $?
		./x bash -c 'trap "echo int >>log; exit 9" INT; echo up; while :; do sleep 0.05; done'
		=up\r\n
		^C
		log $?
	E
	is "$(grep -cx int log)" 1
	grep -qx 9 log
	grep -qx 130 log
	grep -qx 131 log
}

@test "terminal: Ctrl-Z, jobs, fg, bg" {
	same_session <<-'E'
		./x sh -c 'echo up; exec cat'
		=up\r\n
		^Z
		jobs >>log
		fg
		=cat'\r\n
		hello
		=hello\r\nhello\r\n
		^Z
		bg
		stopped
		fg
		=cat'\r\n
		^D
		log $?
	E
	is "$(grep -c Stopped log)" 2
	is "$(tail -n 1 log)" 0
}

@test "terminal: kill %1, of a job that runs and of one that stands" {
	# Begun, before it gets a signal: that which a shell's child gets before its execve may be the shell's handler's.
	printf '%s\n' '#!/bin/sh' ': >begun' 'exec sleep 1000' >long
	chmod 755 long
	same_session <<-'E'
		./x ./long & p=$!; begun
		kill %1; wait $p; log $?
		./x cat & p=$!; stopped
		kill -KILL %1; gone $p
		./x ./long & p=$!; begun; kill -STOP %1; stopped
		bg; jobs >>log
		kill -HUP %1; wait $p; log $?
		./x ./long & p=$!; begun; kill -STOP %1; stopped
		kill -CONT $p; kill $p; gone $p; log gone
	E
	is "$(grep -c Stopped log)" 3
	grep -qx 143 log
	grep -qx 129 log
	grep -qx gone log
}

@test "terminal: in a pipeline, with a reader of the terminal behind it" {
	same_session <<-'E'
		./x yes | head -n 2 >>log; log ${PIPESTATUS[*]}
		seq 3 | ./x cat | sh -c 'cat >>log; echo end; read -r key </dev/tty; echo "key: $key" >>log'
		=end\r\n
		q
		./x seq 3 | sh -c 'cat >>log; echo end; read -r key </dev/tty; echo "key: $key" >>log'
		=end\r\n
		^Z
		jobs >>log
		fg
		=>>log'\r\n
		w
		log ${PIPESTATUS[*]}
	E
	grep -qx '141 0' log
	grep -qx 'key: q' log
	grep -qx 'key: w' log
}

@test "terminal: an interactive shell as the command" {
	same_session <<-'E'
		./x bash --norc -i
		PS1=$'\x40 '
		sh -c 'echo up; exec cat'
		=up\r\n
		^C
		echo $? >>log
		sh -c 'echo up; exec cat'
		=up\r\n
		^Z
		jobs >>log
		fg
		=cat'\r\n
		hello
		=hello\r\nhello\r\n
		^C
		exit 3
		log $?
		./x sh -c 'echo up; exec cat'
		=up\r\n
		^C
		log $?
	E
	is "$(tail -n 2 log | xargs)" '3 130'
	is "$(grep -c Stopped log)" 1
}
