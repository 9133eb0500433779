#!/usr/bin/env bats
# The default policy on the commands that people run: those that it is there to stop, and those
# that must not notice it.
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/work

setup() {
	# The default policy in full, whatever this machine and this user have of their own.
	install -m 644 "$TOP/conf/agentsh.ini" "$BATS_TEST_TMPDIR/default.ini"
	LOADER=("$EXEC" --events="$EVENTS" -f "$BATS_TEST_TMPDIR/default.ini" --)
	GROUP='' SLEEPER=''
	work_setup
}

teardown() {
	[ -z "$GROUP" ] || kill -KILL -- "-$GROUP" 2>/dev/null || true
	[ -z "$SLEEPER" ] || kill -KILL "$SLEEPER" 2>/dev/null || true
	# Where a mount was not stopped, the test has failed; its mount goes all the same.
	if mountpoint -q "$BATS_TEST_TMPDIR/material/here"; then umount "$BATS_TEST_TMPDIR/material/here"; fi
}

# A process to be traced.
start_sleeper() {
	sleep 600 3>&- &
	SLEEPER=$!
	disown
}

# grouped COMMAND...: as run, in a process group of its own; what a stopped command leaves in it
# (strace forks before it traces) ends with it. One that is not stopped might never end by itself.
grouped() {
	local status=0
	set -m
	timeout -k 1 20 "$@" >output 2>&1 </dev/null 3>&- &
	set +m
	GROUP=$!
	wait "$GROUP" || status=$?
	kill -KILL -- "-$GROUP" 2>/dev/null || true
	GROUP=
	is "$status" "$wanted"
}

# ends STATUS COMMAND...: behind the default policy.
ends() {
	local wanted=$1
	grouped "${LOADER[@]}" "${@:2}"
}

# ends_alone STATUS COMMAND...: the same without a sidecar, and so without rules for Unix sockets.
ends_alone() {
	local wanted=$1
	sed '/^\[.*unix_socket\]$/,/^enabled/s/^enabled = true/enabled = false/' "$BATS_TEST_TMPDIR/default.ini" \
		>"$BATS_TEST_TMPDIR/alone.ini"
	grouped "${ALONE[@]}" -f "$BATS_TEST_TMPDIR/alone.ini" -- "${@:2}"
}

# A tracer that is stopped has traced nothing.
untraced() {
	is "$(awk '/^TracerPid:/ { print $2 }' "/proc/$SLEEPER/status")" 0
	kill -0 "$SLEEPER"
}

@test "stopped: strace -p, gdb -p: killed, and nothing was traced" {
	start_sleeper
	ends 137 strace -p "$SLEEPER"
	run ! grep -q attached output
	untraced
	ends 137 gdb -nx -batch -p "$SLEEPER"
	untraced
}

@test "stopped: strace and gdb on a command of their own: it never runs" {
	ends 137 strace touch made
	[ ! -e made ]
	# Of personality(2), which turns address randomisation off. Told to leave that, its child asks to be
	# traced and dies of it, and gdb sees that.
	ends 137 gdb -nx -batch -ex run --args touch made
	ends 1 gdb -nx -batch -ex 'set disable-randomization off' -ex run --args touch made
	grep -q 'terminated with signal SIGKILL' output
	[ ! -e made ]
}

@test "stopped: mount, umount, unshare with mount: killed, and nothing was mounted" {
	need_root
	mkdir here empty
	ends 137 mount -t tmpfs x here
	ends 137 mount --bind empty here
	ends 137 unshare -m mount -t tmpfs x here
	ends 137 unshare -m sh -c 'exec mount --bind empty here'
	ends 137 umount here
	run ! mountpoint -q here
	[ -z "$(ls -A here)" ]
}

@test "stopped: a child only: the parent sees a death by SIGKILL and goes on" {
	mkdir here
	ends 0 python3 -c 'import signal, subprocess, sys
child = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "x", "here"])
sys.exit(child.returncode != -signal.SIGKILL)'
	ends 3 bash -c 'mount -t tmpfs x here; [ $? -eq 137 ] && exit 3'
	run ! mountpoint -q here
}

@test "stopped without a sidecar: SIGSYS, by the kernel" {
	start_sleeper
	ends_alone 159 strace -p "$SLEEPER"
	untraced
	ends_alone 1 gdb -nx -batch -ex 'set disable-randomization off' -ex run --args touch made
	grep -q 'terminated with signal SIGSYS' output
	[ ! -e made ]
}

@test "as without the loader: git clone" {
	work_git
}

@test "as without the loader: make of a C project" {
	work_make
}

@test "as without the loader: Python" {
	work_python
}

@test "as without the loader: python3 -m http.server and a client" {
	work_server
}

@test "as without the loader: npm install of a package, its script and its test" {
	need_command npm
	work_npm
}

@test "as without the loader: bash -i in a terminal" {
	work_terminal
}

@test "as without the loader: the sixty most used system calls, valid and invalid" {
	local how
	twice 0 script "$PROGRAMS/sixty_calls"
	for how in valid invalid; do
		[ "$(awk -v how="$how" '$2 == how { print $1 }' ../with.out | sort -u | wc -l)" -ge 60 ]
	done
	LOADER=("$EXEC_STATIC" "${LOADER[@]:1}")
	twice 0 script "$PROGRAMS/sixty_calls"
	install -m 644 "$TOP/conf/hardened.ini" "$BATS_TEST_TMPDIR/hardened.ini"
	LOADER=("$EXEC" --events="$EVENTS" -f "$BATS_TEST_TMPDIR/hardened.ini" --)
	twice 0 script "$PROGRAMS/sixty_calls"
}
