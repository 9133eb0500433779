#!/usr/bin/env bats
# Files that a process serves, which a stranger can be (FUSE), sent to a system sidecar: to close one takes as long as that
# process likes, and nobody else waits for it.
#
# What a shell in the test expands stands in single quotes; run sets status and output.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/sidecar

setup() {
	need_root
	sidecar_setup
	mknod -m 666 device c 10 229
	as "$OTHER" sh -c ': <device' 2>/dev/null || skip 'needs FUSE'
	cp "$PROGRAMS/unflushed" .
	mkdir mnt
	mkdir -m 777 open
	printf '[sandbox.seccomp.syscalls]\nblock = %s\non_block = log\n' "$BLOCKED" >p.ini
	by=(as "$OTHER")
	# So many times, each on a connection of its own, whose answer is waited for.
	cat >send <<-'END'
		import socket, sys
		with open("mnt/file", "w") as file:
		    for _ in range(int(sys.argv[2])):
		        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as to:
		            to.connect(sys.argv[1])
		            socket.send_fds(to, [b"x" * int(sys.argv[3])], [file.fileno()])
		            to.recv(4096)
	END
}

teardown() {
	[ -z "${HOME_OF:-}" ] || {
		touch open/over
		[ -z "${SERVING:-}" ] || wait "$SERVING" || true
		sidecar_teardown
	}
}

# serve COMMAND...: as one user, beside a file that is closed for nobody else; then until open/over is there. The array by
# may have a command before it.
serve() {
	"${by[@]}" ./unflushed "$OTHER" device mnt sh -c '"$@" >open/said 2>&1; echo "$?" >open/status
		until [ -e open/over ]; do sleep 0.05; done' sh "$@" 3>&- &
	SERVING=$!
	wait_for [ -s open/status ]
}

# begins USER: a session of that user's.
begins() {
	timeout 60 setpriv --reuid="$1" --regid="$1" --clear-groups "$RUN" --sidecar="$SOCKET" -f p.ini -- true
}

@test "sent to the broker: others' sessions begin, the sender's do not until it is closed; the sidecar ends" {
	sidecar_start
	serve python3 send "$SOCKET" 3 1
	is "$(<open/status)" 0
	begins "$THIRD"
	begins "$OTHER"
	begins 0
	touch open/over
	wait "$SERVING"
	rm open/over open/status
	# Longer than any message may be.
	serve python3 send "$SOCKET" 4 70000
	begins "$THIRD"
	run -125 begins "$OTHER"
	[[ $output == *'what its user has sent before cannot be closed (end the process that serves those files)'* ]]
	touch open/over
	wait "$SERVING"
	wait_for begins "$OTHER"
	rm open/over open/status
	serve python3 send "$SOCKET" 4 1
	kill -TERM "$SIDECAR"
	wait_for eval '! kill -0 "$SIDECAR" 2>/dev/null'
}

@test "announced as a listener: refused, without a question to whoever serves it" {
	by=()
	sidecar_start
	serve python3 "$TOP/tests/lib/bad_loader.py" "$SOCKET" announces_file
	[[ $(<open/said) == *'what was announced is no listener'* ]]
	begins "$THIRD"
	begins 0
}

@test "a copy of the events there: refused, and others' sessions begin; notices there: none, and the session runs" {
	# In a user namespace of its own a user trusts no file of root's: mounted by root, as a helper would.
	by=()
	sidecar_start
	serve "$RUN" --sidecar="$SOCKET" -f p.ini --events="$HOME_OF/mnt/file" -- true
	is "$(<open/status)" 125
	cat open/said
	[[ $(<open/said) == *'a copy of its events cannot go to a file that a process serves'* ]]
	begins "$THIRD"
	begins "$OTHER"
	touch open/over
	wait "$SERVING"
	rm open/over open/status
	serve sh -c '"$@" 2>mnt/file' sh "$RUN" --sidecar="$SOCKET" -f p.ini -- "$HOME_OF/many_calls" 1
	is "$(<open/status)" 0
	begins "$THIRD"
	begins 0
	wait_for eval 'grep -q "\"session_end\".*\"uid\":$OTHER" "$EVENTS"'
	[ "$(pgrep -c -P "$SIDECAR" -f -- --role=worker)" -eq 0 ] || wait_for eval '! pgrep -P "$SIDECAR" -f -- --role=worker'
}

@test "a worker that closes one for a call of its session's: the session's end is told, and the sidecar ends" {
	by=()
	printf '%s\n' '[sandbox.seccomp.unix_socket]' 'enabled = true' >p.ini
	sidecar_start
	serve timeout -s KILL 2 "$RUN" --sidecar="$SOCKET" -s stuck -f p.ini -- python3 -c 'import ctypes
file = open("mnt/file", "w")
ctypes.CDLL(None).connect(file.fileno(), b"\1\0/x", 5)'
	is "$(<open/status)" 137
	has 1 '.type == "session_end" and .session_id == "stuck"'
	begins "$THIRD"
	kill -TERM "$SIDECAR"
	wait_for eval '! kill -0 "$SIDECAR" 2>/dev/null'
}
