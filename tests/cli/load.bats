#!/usr/bin/env bats
# Many sessions at once on one system sidecar, a tenth of them noisy: the quiet ones are answered, and
# nothing is left afterwards. AGENTSH_SESSIONS: how many (200).
#
# shellcheck disable=SC2030,SC2031,SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/events

SESSIONS=${AGENTSH_SESSIONS:-200}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	sidecar_start
}

teardown() {
	sidecar_stop
}

# The keeper's, the broker's and the workers' processes.
processes() {
	echo "$SIDECAR"
	pgrep -P "$SIDECAR"
}

# But for the broker's file of events: it opens that once somebody is killed in no session, anywhere on the machine.
descriptors() {
	processes | while read -r process; do
		find "/proc/$process/fd" -mindepth 1 -not \( -path "/proc/$broker/*" -lname "$EVENTS" \) 2>/dev/null
	done | wc -l
}

has_descriptors() {
	[ "$(descriptors)" -le "$1" ]
}

# What is nobody else's, in KiB.
memory() {
	processes | while read -r process; do
		awk '/^Private/ { sum += $2 } END { print sum + 0 }' "/proc/$process/smaps_rollup" 2>/dev/null
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

# One waits for its session, with standard streams and its channel.
has_waiter() {
	local waiter
	waiter=$(pgrep -P "$SIDECAR" -f -- --role=waiter) && [ "$(find "/proc/$waiter/fd" -mindepth 1 | wc -l)" -eq 4 ]
}

no_worker() {
	[ -z "$(pgrep -P "$SIDECAR" -f -- --role=worker)" ]
}

@test "a tenth of many sessions is noisy: each quiet one is answered within ten times what it takes alone" {
	need_root
	local file before lone late broker
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = personality\non_block = log\n[notices]\nstderr = never')
	# The broker as well: the keeper has its socket before that has begun.
	"$EXEC" --sidecar="$SOCKET" -f "$file" true
	wait_for no_worker
	wait_for has_waiter
	broker=$(broker_of "$SIDECAR")
	before="$(descriptors) $(memory)"
	mkfifo go said
	timeout 300 "$PROGRAMS/many_sessions" hold "$SESSIONS" "$((SESSIONS / 10))" "$EXEC" --sidecar="$SOCKET" -f "$file" <go >said 3>&- &
	local running=$!
	exec 5>go 6<said
	read -r -u 6
	is "$REPLY" up
	# One for each session, beside what there was: a keeper's and a worker's descriptors, a worker's memory.
	echo "$SESSIONS sessions: $(descriptors) descriptors, $(memory) KiB; before: $before"
	[ "$(descriptors)" -le $((SESSIONS * 24 + ${before% *})) ]
	[ "$(memory)" -le $((SESSIONS * 2048 + ${before#* })) ]
	echo go >&5
	read -r -u 6 lone worst late noise
	echo "median of the lone one $lone ns, of the worst $worst ns; $noise calls of the noisy ones"
	is "$late" 0
	wait "$running"
	exec 5>&- 6<&-
	# The noise was there, and all of it is told of.
	[ "$noise" -gt $((SESSIONS * 10)) ]
	wait_for no_worker
	# Workers that have ended are the keeper's to bury.
	wait_for has_descriptors "${before% *}"
	[ "$(memory)" -le $((${before#* } + 1024)) ]
	is "$(grep -c '"type":"session_end"' "$EVENTS")" $((SESSIONS + 2))
	is "$(grep -v '"session_id":null' "$EVENTS" | grep -c '"type":"seccomp_blocked"')" $((noise + 25 * (1 + SESSIONS - SESSIONS / 10)))
	is "$(cat sidecar.err)" ''
}

# known_of COUNT: so many processes of a session have connected, one after the other, and are there still; the worker's
# descriptors then, to $known.
known_of() {
	local running
	mkfifo go said
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- /usr/bin/python3 -c '
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[2])
server.listen(200)
ended, end = os.pipe()
for number in range(int(sys.argv[1])):
    done, say = os.pipe()
    if os.fork() == 0:
        os.close(end)
        os.close(done)
        socket.socket(socket.AF_UNIX).connect(sys.argv[2])
        os.write(say, b"1")
        os.close(say)
        os.read(ended, 1)
        os._exit(0)
    os.close(say)
    if os.read(done, 1) != b"1":
        sys.exit(1)
    os.close(done)
print("up", flush=True)
sys.stdin.readline()' "$1" "$PWD/s.$1" <go >said 3>&- &
	running=$!
	exec 5>go 6<said
	read -r -u 6
	is "$REPLY" up
	known=$(find "/proc/$(pgrep -P "$SIDECAR" -f -- --role=worker)/fd" -mindepth 1 | wc -l)
	echo >&5
	exec 5>&- 6<&-
	wait "$running"
	rm go said
	wait_for no_worker
}

@test "the worker keeps sixteen processes that call in turn open, and of a hundred not all" {
	need_root
	local file one many
	file=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true')
	known_of 1
	one=$known
	known_of 16
	echo "$((known - one)) descriptors for fifteen more"
	[ "$((known - one))" -ge 45 ]
	known_of 100
	many=$((known - one))
	echo "$many descriptors for a hundred"
	[ "$many" -ge 45 ]
	[ "$many" -lt 250 ]
}

# The main thread, and as many more.
has_servers() {
	[ "$(find "/proc/$(pgrep -P "$SIDECAR" -f -- --role=worker)/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt "$1" ]
}

@test "targets of one session that connect all the time: more than one server reads" {
	need_root
	[ "$(nproc)" -ge 2 ] || skip 'one processor'
	local file running
	file=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true\nlog = denied')
	mkfifo go
	"$EXEC" --sidecar="$SOCKET" -f "$file" -- python3 -c '
import os, signal, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
children = []
for number in range(8):
    child = os.fork()
    while child == 0:
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect(sys.argv[1])
    children.append(child)
sys.stdin.readline()
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)' "$PWD/receiver" <go 3>&- &
	running=$!
	exec 5>go
	wait_for has_servers 2
	echo >&5
	exec 5>&-
	wait "$running"
	wait_for no_worker
}
