#!/usr/bin/env bats
# Where pidfd_getfd(2) is refused, and that is accepted: the sidecar makes the session's sockets. Behind a filter that
# refuses what Docker's default profile does; docker.bats has the real one.
#
# shellcheck disable=SC2154,SC2030,SC2031 # a test is a subshell; set by lib/sockets.bash and by run
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/sockets

HERE=$TOP/tests/lib/made_sockets.py

setup() {
	sockets_setup
	cat >"$work/outer.ini" <<-OUTER
		$OPEN
		[sandbox.seccomp.syscalls]
		block = pidfd_getfd, process_vm_readv, process_vm_writev, kcmp, unshare, setns
		on_block = errno
	OUTER
	through=("${ALONE[@]}" -f "$work/outer.ini" --)
	accepts $'[unix_socket_rules.work]\n'"paths = $work/**, @$work/**"
}

teardown() {
	sockets_teardown
}

# accepts TEXT: as rules, and that it is missing is accepted.
accepts() {
	rules "$1"$'\n[degradation]\naccept = pidfd-getfd'
}

# given TYPE COMMAND...: with a Unix socket of that type, that is not connected, as standard input.
given() {
	python3 -c "import os, socket, sys
one = socket.socket(socket.AF_UNIX, int(sys.argv[1]))
os.dup2(one.fileno(), 0)
os.execvp(sys.argv[2], sys.argv[2:])" "$@" 3>&-
}

reasons() {
	events 'select(.action == "denied") | [.syscall, .reason] | join(" ")' | sort | uniq -c | tr -s ' '
}

@test "it is refused, unless it is accepted, which session_start then tells; where it is there, nothing is changed" {
	local doctor="$BUILD/agentshctl"
	rules ''
	run -125 inside stream
	[[ $output == *'pidfd_getfd: Operation not permitted ('*', accept = pidfd-getfd, or '* ]]
	run -1 env AGENTSH_CONFIG="$work/p.ini" "${through[@]}" "$doctor" doctor
	[[ $output =~ pidfd-getfd\ +no\ +needed\ +.*'; or accept = pidfd-getfd)' ]]
	accepts ''
	run -0 inside stream bind "$name" listen stream connect "$name" dgram
	is "$output" "bind $name: ok
connect $name: ok
dgram: EACCES"
	is "$(events 'select(.degraded) | .degraded')" '["pidfd-getfd"]'
	run -0 env AGENTSH_CONFIG="$work/p.ini" "${through[@]}" "$doctor" doctor
	[[ $output =~ pidfd-getfd\ +no\ +accepted ]]
	through=()
	run -0 inside dgram bind "$name" dgram sendto "$name"
	is "$output" "bind $name: ok
sendto $name: ok"
	is "$(events 'select(.degraded) | .degraded')" '[]'
}

@test "types, flags, errors and numbers of new sockets: as without us" {
	need_root # raw and packet sockets
	python3 "$HERE" made >"$work/plain" 3>&-
	diff "$work/plain" <(session python3 "$HERE" made)
}

@test "a socket is known in every process and thread, by whatever number; and what stands there now is looked at" {
	python3 "$HERE" known "$work" >"$work/plain"
	rm "$work/known"
	diff "$work/plain" <(session python3 "$HERE" known "$work")
}

@test "no copy keeps a socket: its end is seen at once, a name is free at once" {
	python3 "$HERE" ended "$work" >"$work/plain"
	diff "$work/plain" <(session python3 "$HERE" ended "$work")
}

@test "a port that is closed: another, who is not of the session, has it soon" {
	local port=47631 socket
	mkfifo "$work/go"
	exec {held}<>"$work/go"
	session python3 "$HERE" lingers "$port" <"$work/go" >"$work/said" {held}>&- &
	wait_for grep -q closed "$work/said"
	socket="import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('127.0.0.1', $port))"
	wait_for python3 -c "$socket" 2>/dev/null
	exec {held}>&-
	wait "$!"
}

@test "what was not made here is refused, and told; what carries no address is the kernel's alone" {
	serve stream "$work/there"
	accepts $'[unix_socket_rules.work]\n'"paths = $work/**"
	run -0 given 1 "${through[@]}" "$EXEC" -f "$work/p.ini" --sidecar=private -- python3 "$HERE" passed "$work/there"
	is "$output" 'inherited, connect EACCES
inherited, bind EACCES
made here ok
bound when connected EINVAL
accepted, connect EACCES
accepted, sendmsg ok
connected, sendmsg ok
one of a pair, connect EACCES
one of a pair, sendmsg ok'
	is "$(reasons)" ' 1 "bind socket_not_made"
 3 "connect socket_not_made"'
	# What could send to an address is not begun with.
	run -125 given 2 "${through[@]}" "$EXEC" -f "$work/p.ini" --sidecar=private -- true
}

@test "netlink: the kernel answers what is sent to its address" {
	local ask='import socket; print(socket.if_nameindex() != []); print(socket.getaddrinfo("127.0.0.1", 80)[0][4])'
	run -0 session sh -c "python3 -c '$ask'; ip -o addr show dev lo | head -n 1"
	is "$output" "$(python3 -c "$ask"; ip -o addr show dev lo | head -n 1)"
	is "$(reasons)" ''
}

@test "the table is bounded: one socket more is ENFILE, and told; those that were closed make room" {
	ulimit -n 8192
	run -0 session python3 "$HERE" many 1024
	is "$output" 'one more ENFILE
again ok
all were made'
	is "$(reasons)" ' 1 "socket too_many_sockets"'
}

@test "other sockets are put at the number meanwhile: nothing denied is reached" {
	serve stream "$work/denied"
	accepts $'log = none\n[unix_socket_rules.denied]\n'"paths = $work/denied
decision = deny
[unix_socket_rules.work]
paths = $work/**"
	run -0 given 1 "${through[@]}" "$EXEC" -f "$work/p.ini" --sidecar=private -- \
		python3 "$HERE" raced "$work" "$work/denied" 1000
	is "$output" over
	is "$(<"$log")" ready
	# The same without us reaches it.
	rm -f "$work/raced"
	given 1 python3 "$HERE" raced "$work" "$work/denied" 20
	wait_for grep -q -v ready "$log"
}

@test "other users: read with their own ids, what they make is theirs; one that cannot be read is refused, and told" {
	need_root
	# Without CAP_SYS_PTRACE, as in a container.
	through=(setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace "${through[@]}")
	chmod 1777 "$work"
	run -0 inside stream bind "$work/root" listen gid 7 uid 7 exec stream connect "$work/root" stream bind "$work/seven" \
		stat "$work/seven" listen stream connect "$work/seven" peer udp connect 4:127.0.0.1:9
	is "$output" "bind $work/root: ok
connect $work/root: EACCES
bind $work/seven: ok
stat $work/seven: 140755 7 7
connect $work/seven: ok
peer uid=7 gid=7
connect 4:127.0.0.1:9: ok"
	run -0 inside gid 7 uid 7 udp connect 4:127.0.0.1:9
	is "$output" 'connect 4:127.0.0.1:9: EACCES'
	is "$(reasons)" ' 1 "connect unreadable_target"'
}

@test "a worker that is killed: sockets of before are refused, and told; those made since are as ever" {
	local script worker
	script="import os, socket, sys
one = socket.socket(socket.AF_UNIX); udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print('up', flush=True); sys.stdin.readline()
for what in one, socket.socket(socket.AF_UNIX):
    try: what.connect('$work/there'); print('ok')
    except OSError as error: print(error.errno)
udp.close()"
	serve stream "$work/there"
	mkfifo "$work/go"
	exec {held}<>"$work/go"
	session python3 -c "$script" <"$work/go" >"$work/said" {held}>&- &
	wait_for grep -q up "$work/said"
	worker=$(pgrep -P "$(pgrep -nf -- "--private --events=$work/events")" -f -- --role=worker)
	kill -KILL "$worker"
	echo >&"$held"
	wait "$!"
	is "$(<"$work/said")" $'up\n13\nok'
	is "$(reasons)" ' 1 "connect socket_not_made"'
}
