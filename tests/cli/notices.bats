#!/usr/bin/env bats
# What people are told on stderr of what was blocked, and that nobody waits for it.
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

# Where a test has failed, whoever waits for the other end of go goes on.
teardown() {
	sidecar_stop
	[ ! -p go ] || : <>go
}

# told ON_BLOCK STDERR: a policy.
told() {
	watched "[sandbox.seccomp.syscalls]
block = ptrace
on_block = $1
[notices]
stderr = $2"
}

# on_terminal COMMAND...: what came on a terminal that is its stderr; stdout is /dev/null.
on_terminal() {
	timeout 20 python3 -c '
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
os.close(theirs)
got = b""
try:
    while part := os.read(ours, 4096): got += part
except OSError: pass
command.wait()
sys.stdout.write(got.decode("utf-8", "backslashreplace").replace("\r\n", "\n"))' "$@"
}

@test "on a terminal: a line for each, with who, what and where the rule is" {
	local file pid tid
	file=$(told log auto)
	on_terminal "$EXEC" -f "$file" -- sh -c "'$PROGRAMS/denied_call' main one ptrace; '$PROGRAMS/denied_call' thread two ptrace" >said
	is "$(wc -l <said)" 2
	while read -r pid tid; do
		is "$(head -n 1 said)" "agentsh-exec: denied $tid (pid $pid): ptrace is blocked ($file:2)"
		sed -i 1d said
	done < <(events 'select(.syscall) | "\(.pid) \(.comm)"')
	: >"$EVENTS"
	file=$(told kill auto)
	on_terminal "$EXEC" -f "$file" -- "$PROGRAMS/denied_call" thread 'a\x0ab\x1b[' ptrace >said
	is "$(cat said)" "agentsh-exec: killed a\\x0ab\\x1b[ (pid $(events 'select(.syscall).pid')): ptrace is blocked ($file:2)"
}

@test "in a pipe: one line, when the first process ends; nothing where nothing was blocked" {
	local file
	file=$(told log auto)
	# A pipe, which is read to its end; what run gives a command for stderr is a file.
	is "$("$EXEC" -f "$file" -- sh -c "'$PROGRAMS/denied_call' main one ptrace; '$PROGRAMS/denied_call' main two ptrace; echo own >&2" 2>&1 >/dev/null)" "own
agentsh-exec: the policy blocked ptrace: 0 killed, 2 denied ('agentshctl last $EVENTS' tells more)"
	gives 0 '' "$EXEC" -f "$file" -- true
	file=$(told kill auto)
	run -137 "$EXEC" -f "$file" -- "$PROGRAMS/raw_call" main ptrace
	is "$("$EXEC" -f "$file" -- "$PROGRAMS/raw_call" main ptrace 2>&1 >/dev/null)" "agentsh-exec: the policy blocked ptrace: 1 killed, 0 denied ('agentshctl last $EVENTS' tells more)"
	wait_for ended 4
}

# The file is there, and has nothing: there is no room for a page of it.
@test "nobody is sent to a trail that a full disk has kept the events from" {
	local file why="its events cannot be written: No space left on device"
	file=$(told kill auto)
	is "$("$EXEC" --events=/dev/full -f "$file" -- "$PROGRAMS/raw_call" main ptrace 2>&1 >/dev/null)" \
		"agentsh-exec: the policy blocked ptrace: 1 killed, 0 denied ($why)"
	need_root
	mkdir full
	# shellcheck disable=SC2016 # of that shell
	is "$(unshare --mount --propagation private bash -c 'mount -t tmpfs -o size=4k,mode=755 none full && echo >full/page && exec "$@"' - \
		"$EXEC" --events="$PWD/full/trail" -f "$file" -- "$PROGRAMS/raw_call" main ptrace 2>&1 >/dev/null)" \
		"agentsh-exec: the policy blocked ptrace: 1 killed, 0 denied ($why)"
}

@test "never and always" {
	run -0 --separate-stderr "$EXEC" -f "$(told log never)" -- "$PROGRAMS/denied_call" main one ptrace
	is "$stderr" ''
	local file
	file=$(told log always)
	run -0 --separate-stderr "$EXEC" -f "$file" -- "$PROGRAMS/denied_call" main one ptrace
	is "$stderr" "agentsh-exec: denied one (pid ${output%% *}): ptrace is blocked ($file:2)"
	is "$(on_terminal "$EXEC" -f "$(told log never)" -- "$PROGRAMS/denied_call" main one ptrace)" ''
	wait_for ended 3
}

# The background process holds on until the reader has come to the end, which it could not if we held the pipe.
@test "whoever reads stderr to its end waits for nothing of ours" {
	local file
	file=$(told log auto)
	mkfifo go
	timeout 20 "$EXEC" -f "$file" -- sh -c "'$PROGRAMS/denied_call' main one ptrace >/dev/null; cat go >/dev/null 2>&1 3>&- &" 2>&1 >/dev/null | timeout 20 cat >said
	is "$(cat said)" "agentsh-exec: the policy blocked ptrace: 0 killed, 1 denied ('agentshctl last $EVENTS' tells more)"
	is "$(jq -c 'select(.type == "session_end")' "$EVENTS")" ''
	echo >go
	is "$(events 'select(.type == "session_end").status')" 0
}

# to_the_end COMMAND...: how many times as long as a run itself the end of its stderr takes to come; medians, in turns.
to_the_end() {
	timeout 60 python3 -c '
import statistics, subprocess, sys, time
taken = {subprocess.DEVNULL: [], subprocess.PIPE: []}
for _ in range(15):
    for stderr, times in taken.items():
        begun = time.monotonic()
        subprocess.run(sys.argv[1:], stderr=stderr, check=True)
        times.append(time.monotonic() - begun)
print(round(statistics.median(taken[subprocess.PIPE]) / statistics.median(taken[subprocess.DEVNULL])))' "$@"
}

# A system sidecar waits a tenth of a second for the kernel's records of a session that has ended.
@test "nor for what a session's end waits for" {
	sidecar_start
	run -0 to_the_end "$EXEC" --sidecar="$SOCKET" -f "$(told log auto)" -- true
	[ "$output" -le 10 ]
}

# fills KIND: the command's stderr is one of that kind which takes no byte more and that nobody reads.
fills() {
	timeout 30 python3 -c '
import os, pty, socket, subprocess, sys, termios
kind = sys.argv[1]
if kind == "pipe": ours, theirs = os.pipe()
elif kind == "terminal": ours, theirs = pty.openpty()
else: ours, theirs = [s.detach() for s in socket.socketpair()]
if kind == "terminal": termios.tcflow(theirs, termios.TCOOFF)
else:
    os.set_blocking(theirs, False)
    try:
        while os.write(theirs, b"x"): pass
    except BlockingIOError: pass
    os.set_blocking(theirs, True)
sys.exit(subprocess.run(sys.argv[2:], stderr=theirs).returncode)' "$@"
}

@test "stderr that is full, stopped or closed delays nobody" {
	local file kind
	file=$(told log always)
	for kind in pipe terminal socket; do
		: >"$EVENTS"
		run -0 --separate-stderr fills "$kind" "$EXEC" -f "$file" -- "$PROGRAMS/denied_call" main one ptrace
		is "${output##* }" 1
		is "$(events 'select(.type == "session_end") | "\(.denied) \(.lost)"')" '1 0'
	done
	: >"$EVENTS"
	"$EXEC" -f "$file" -- "$PROGRAMS/denied_call" main one ptrace 2>&- >out
	is "$(cut -d ' ' -f 4 out)" 1
	is "$(events 'select(.type == "session_end").denied')" 1
	is "$(timeout 20 "$EXEC" -f "$file" -- "$PROGRAMS/denied_call" main one ptrace 2>&1 >/dev/full | head -c 0)" ''
	wait_for ended 2
}

# Then stderr cannot be opened anew, and is written to as it is.
@test "a terminal of another user's, stopped, delays nobody" {
	need_root
	local file
	for_others denied_call
	file=$(told log always)
	chmod 644 "$file"
	run -0 --separate-stderr fills terminal setpriv --reuid 65534 --regid 65534 --clear-groups "$EXEC" -f "$file" -- "$PROGRAMS/denied_call" main one ptrace
	is "${output##* }" 1
	wait_for ended 1
}
