#!/usr/bin/env bats
# The life of a sidecar: its socket, its signals, and where its events go when that is full or gone.
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
	umount "$HOME_OF/full" 2>/dev/null || umount -l "$HOME_OF/full" 2>/dev/null || true
	sidecar_teardown
}

# A session that goes on: it makes its blocked call for each line it is given, and says what came of it.
session_start() {
	local python
	mkfifo lines
	# Not a script that asks for its parent.
	python=$(python3 -c 'import sys; print(sys.executable)')
	background "$RUN" --sidecar="$SOCKET" -s long -f "$1" "$python" -u -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for line in sys.stdin:
    ctypes.set_errno(0)
    libc.syscall(110 if os.uname().machine == "x86_64" else 173)  # getppid
    print(line.strip(), os.strerror(ctypes.get_errno()))' <>lines >answers
	has 1 '.type == "session_start" and .session_id == "long"'
}

# call NAME: it makes the call; prints what it answered.
call() {
	echo "$1" >lines
	wait_for grep -q "^$1 " answers
	grep "^$1 " answers
}

@test "SIGHUP opens the events' file anew" {
	sidecar_start
	session_start "$(blocking 'on_block = log')"
	is "$(call one)" 'one Operation not permitted'
	mv "$EVENTS" old
	is "$(call two)" 'two Operation not permitted'
	kill -HUP "$SIDECAR"
	wait_for [ -e "$EVENTS" ]
	# The worker gets its file in its own time: it is asked until it has it.
	local i=0
	until grep -q seccomp_blocked "$EVENTS"; do
		i=$((i + 1))
		call "more$i" >/dev/null
	done
	is "$(stat -c %a "$EVENTS")" 640
	kill -TERM "$PID"
	has 1 '.type == "session_end"'
	# Not one is lost or doubled between the two.
	is "$(cat old "$EVENTS" | jq 'select(.session_id).seq' | xargs)" "$(seq -s ' ' $((i + 4)))"
}

@test "SIGTERM ends it: its sessions' calls fail, its socket is removed" {
	sidecar_start
	session_start "$(blocking 'on_block = log')"
	call one
	sidecar_stop
	[ ! -e "$SOCKET" ]
	is "$(events '.type == "session_end"' | jq -r .how)" sidecar_terminated
	is "$(call two)" 'two Function not implemented'
	is "$(events .seq | jq .seq | xargs)" '1 2 3'
	says 125 'nobody listens' "$RUN" --sidecar="$SOCKET" -f "$(blocking)" touch ran
	[ ! -e ran ]
}

@test "SIGTERM while it is only starting: it ends as later, and its socket is removed" {
	# In its place, as its parent's grandchild; between its socket and what comes after.
	sidecar_start strace -D -qq -o strace -e trace=listen -e inject=listen:delay_exit=500000
	sidecar_stop
	[ ! -e "$SOCKET" ]
	grep -q DELAYED strace
}

@test "a socket that nobody listens at is replaced; a second sidecar, or what is no socket, is not" {
	sidecar_start
	kill -KILL "$SIDECAR"
	wait "$SIDECAR" || true
	wait_for nothing_runs
	[ -S "$SOCKET" ]
	sidecar_start
	run -1 --separate-stderr agentsh-sidecar --socket="$SOCKET" --events="$EVENTS"
	[[ $stderr == *'another sidecar listens there'* ]]
	wait_for listens "$SOCKET"
	sidecar_stop
	echo precious >"$SOCKET"
	run -1 --separate-stderr agentsh-sidecar --socket="$SOCKET" --events="$EVENTS"
	is "$(cat "$SOCKET")" precious
}

@test "what whoever started it had open is in none of its processes" {
	sidecar_start bash -c 'exec 7</etc/passwd 9</etc/passwd; exec "$@"' bash
	session_start "$(blocking 'on_block = log')"
	local pid
	for pid in $SIDECAR $(<"/proc/$SIDECAR/task/$SIDECAR/children"); do
		ls -l "/proc/$pid/fd/" >descriptors
		run -1 grep /etc/passwd descriptors
	done
}

# denies WHAT: while its events go nowhere every blocked call is refused all the same.
denies() {
	is "$(call "$1")" "$1 Operation not permitted"
}

@test "a disk that is full: nothing is allowed, and what was lost is counted once there is room" {
	need_command mount
	mkdir full
	mount -t tmpfs -o size=64k none full
	EVENTS=$HOME_OF/full/events
	sidecar_start
	session_start "$(blocking 'on_block = log')"
	dd if=/dev/zero of=full/filler bs=1k 2>/dev/null || true
	# More than the worker keeps, and it says so later.
	local i lost=false
	says_denied_many 3000
	rm full/filler
	mount -o remount,size=16m full
	for i in $(seq 400); do
		denies "again$i"
		if grep -q events_suppressed "$EVENTS"; then
			lost=true
			break
		fi
	done
	is "$lost" true
	kill -TERM "$PID"
	has 1 '.type == "session_end"'
	# What is missing is what the event says is missing.
	jq -s -e 'map(select(.session_id)) | (map(.seq) | sort | unique) as $there | (map(select(.type == "events_suppressed")) |
		map(range(.first_seq; .last_seq + 1))) as $told |
		[range(1; ($there | max) + 1)] - $there - $told == []' "$EVENTS"
	jq -s -e 'map(select(.type == "events_suppressed") | .count) | add > 0' "$EVENTS"
	sidecar_stop
	umount full
}

# So many blocked calls by a session of its own, each refused.
says_denied_many() {
	"$RUN" --sidecar="$SOCKET" -s many -f "$(blocking 'on_block = log' '[notices]' 'stderr = never')" many_calls "$1"
	local i
	for i in $(seq 900); do
		denies "full$i"
	done
}

@test "events to a pipe that nobody reads: nothing waits, nothing is allowed" {
	mkfifo pipe
	exec 8<>pipe
	EVENTS=-
	"$HOME_OF/agentsh-sidecar" --socket="$SOCKET" --events=- </dev/null 2>pipe 3>&- 8>&- &
	STARTED+=("$!")
	wait_for listens "$SOCKET"
	"$RUN" --sidecar="$SOCKET" -f "$(blocking 'on_block = log' '[notices]' 'stderr = never')" many_calls 5000
	# What there was room for are whole lines.
	timeout 1 cat <&8 >drained || true
	head -c 60000 drained | head -n 50 | jq -e .seq >/dev/null
	exec 8>&-
}

@test "two sidecars and two sessions, 20,000 events each in one file: no line is torn, no seq missing" {
	local file other=$HOME_OF/other.socket first
	file=$(blocking 'on_block = log' '[notices]' 'stderr = never')
	sidecar_start
	first=$SOCKET
	SOCKET=$other sidecar_start
	local pids=() name
	for name in a b; do
		"$RUN" --sidecar="$first" -s "first-$name" -f "$file" many_calls 20000 &
		pids+=("$!")
		"$RUN" --sidecar="$other" -s "second-$name" -f "$file" many_calls 20000 &
		pids+=("$!")
	done
	for name in "${pids[@]}"; do
		wait "$name"
	done
	# Of others that the kernel kills there may be lines as well.
	has 4 '.type == "session_end"'
	is "$(of_sessions | wc -l)" 80008
	jq -r 'select(.session_id) | .session_id + " " + (.seq | tostring)' "$EVENTS" | sort | uniq -c |
		awk '{ seen[$2]++; if ($1 != 1 || $3 < 1 || $3 > 20002) bad = 1 }
			END { for (id in seen) if (seen[id] != 20002) bad = 1; exit bad || length(seen) != 4 }'
}

@test "on_event_loss = deny: what would be allowed is refused while its event cannot be written" {
	mkdir full
	mount -t tmpfs -o size=64k none full
	EVENTS=$HOME_OF/full/events
	sidecar_start
	session_start "$(blocking '[sidecar]' 'on_event_loss = deny' '[sandbox.seccomp]' 'mode = audit')"
	is "$(call before)" 'before Success'
	dd if=/dev/zero of=full/filler bs=1k 2>/dev/null || true
	# The last page of the file has room for some.
	local i=0
	until [ "$(call "full$i")" = "full$i Operation not permitted" ]; do
		i=$((i + 1))
		[ "$i" -lt 50 ]
	done
	is "$(call full)" 'full Operation not permitted'
	rm full/filler
	mount -o remount,size=16m full
	i=0
	until [ "$(call "after$i")" = "after$i Success" ]; do
		i=$((i + 1))
		[ "$i" -lt 50 ]
	done
	kill -TERM "$PID"
	has 1 '.type == "session_end"'
	sidecar_stop
}

# A daemon's socket at that path and the sidecar behind it, in mounts of their own; what it gets goes to a file.
beside_daemon() {
	EVENTS=$1
	# shellcheck disable=SC2016 # expanded there
	sidecar_start unshare --mount --propagation private bash -c 'set -e
		touch null
		mount --bind /dev/null null
		mount -t tmpfs none /dev
		touch /dev/null
		mount --bind null /dev/null
		mount -t tmpfs none /run
		mkdir -p "$(dirname "$0")"
		python3 -u -c "import socket, sys
socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
socket.bind(sys.argv[1])
print()
while True:
    sys.stdout.buffer.write(socket.recv(1 << 20) + bytes([10]))
    sys.stdout.flush()" "$0" >got &
		echo $! >daemon
		until [ -s got ]; do sleep 0.05; done
		exec "$@"' "$2"
}

@test "events to syslog and to the journal" {
	local kind path
	while read -r kind path; do
		beside_daemon "$kind" "$path"
		"$RUN" --sidecar="$SOCKET" -f "$(blocking 'on_block = log' '[notices]' 'stderr = never')" many_calls 3
		wait_for grep -q session_end got
		is "$kind $(grep -ac '"syscall":"getppid"' got)" "$kind 3"
		# The machine's other kills by the kernel are told of as well, with session null.
		if [ "$kind" = syslog: ]; then
			is "$(grep -av '"session_id":null' got | grep -ac '^<85>.*agentsh-sidecar\[[0-9]*\]: {"type":')" 5
		else
			is "$(grep -av '"session_id":null' got | grep -ac '^MESSAGE={"type":')" 5
		fi
		sidecar_stop
		kill "$(cat daemon)"
		rm got
	done <<-'END'
		syslog: /dev/log
		journald: /run/systemd/journal/socket
	END
}
