#!/usr/bin/env bats
# Which configuration counts for agentsh-exec as a prefix, and whether it is trusted. As a shell,
# where only root's counts: shell.bats. What stands in it: bad.bats.
#
# In a world of its own, for the system's file. What a shell in the world expands stands in single
# quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

CONFIG=/home/agent/.config/agentsh/agentsh.ini
XDG=/home/agent/xdg/agentsh/agentsh.ini
UNFILTERED='seccomp=0 no_new_privs=1'
OFF='[sandbox.seccomp]
enabled = false'

setup_file() {
	world_start
}

teardown_file() {
	world_stop
}

setup() {
	need_world
	world rm -rf /etc/agentsh
	clean_homes
}

# mine PATH TEXT: a file of agent's that it alone can write.
mine() {
	world_file agent "$1" 0600 "$2"
}

# counts FILE COMMAND...: agent calls it, and FILE is what it reads: its text is "[marker]", which is
# refused by its name, and nothing runs.
counts() {
	says 125 "$1:1: unknown section [marker]" agent "${@:2}" touch ran
	agent test ! -e ran
}

# state WANTED COMMAND...: agent calls it, and that is the state of what it executes.
state() {
	gives 0 "$1" agent "${@:2}" /usr/local/bin/nolibc_state
}

FILTERED_STATE='seccomp=2 no_new_privs=1'

@test "the first found counts: -f, the environment's, the system's, the user's, the built-in" {
	mine /home/agent/f.ini '[marker]'
	mine /home/agent/e.ini '[marker]'
	system_config '[marker]'
	mine "$XDG" '[marker]'
	mine "$CONFIG" '[marker]'
	local everything=(env AGENTSH_CONFIG=/home/agent/e.ini XDG_CONFIG_HOME=/home/agent/xdg agentsh-exec)
	counts f.ini "${everything[@]}" -f f.ini
	counts /home/agent/f.ini "${everything[@]}" -f /home/agent/f.ini
	counts /home/agent/e.ini "${everything[@]}"
	local rest=(env XDG_CONFIG_HOME=/home/agent/xdg agentsh-exec)
	counts "$SYSTEM_CONFIG" "${rest[@]}"
	counts "$SYSTEM_CONFIG" env AGENTSH_CONFIG= XDG_CONFIG_HOME=/home/agent/xdg agentsh-exec
	world rm "$SYSTEM_CONFIG"
	counts "$XDG" "${rest[@]}"
	counts "$CONFIG" agentsh-exec
	# Where XDG_CONFIG_HOME is set, ~/.config is not looked at.
	world rm "$XDG"
	state "$FILTERED_STATE" "${rest[@]}"
	world rm "$CONFIG"
	state "$FILTERED_STATE" agentsh-exec
}

@test "the last -f counts, and only it is read" {
	mine /home/agent/f.ini '[marker]'
	mine /home/agent/off.ini "$OFF"
	state "$UNFILTERED" agentsh-exec -f f.ini -f off.ini
	counts f.ini agentsh-exec -f off.ini -f f.ini
}

@test "the user's place: XDG_CONFIG_HOME where it is absolute, else HOME" {
	mine "$CONFIG" '[marker]'
	local directory
	# shellcheck disable=SC2088 # as a careless export leaves it
	for directory in '' xdg ./xdg '~/xdg'; do
		counts "$CONFIG" env XDG_CONFIG_HOME="$directory" agentsh-exec
	done
	mine "$XDG" "$OFF"
	state "$UNFILTERED" env -u HOME XDG_CONFIG_HOME=/home/agent/xdg agentsh-exec
	# passwd is not asked for a home, nor is a relative one.
	state "$FILTERED_STATE" env -u HOME agentsh-exec
	state "$FILTERED_STATE" env HOME= agentsh-exec
	state "$FILTERED_STATE" env HOME=. agentsh-exec
	local home
	for home in /nonexistent /etc/passwd; do
		refused 'the built-in defaults:0: ' env HOME="$home" agentsh-exec --sidecar=none
		# The user's own trail is there as well.
		refused "events: $home" env HOME="$home" agentsh-exec
	done
}

@test "a file that is named and missing is an error" {
	mine "$CONFIG" "$OFF"
	system_config "$OFF"
	local name
	for name in missing.ini missing/x.ini /etc/passwd/x.ini; do
		says 125 "$name: No such file or directory (the command line names it)" agent agentsh-exec -f "$name" touch ran
		says 125 "$name: No such file or directory (\$AGENTSH_CONFIG names it)" \
			agent env AGENTSH_CONFIG="$name" agentsh-exec touch ran
	done
	agent ln -s nowhere dangling.ini
	says 125 'dangling.ini: No such file' agent agentsh-exec -f dangling.ini touch ran
	says 125 '-f: it needs a value' agent agentsh-exec -f '' touch ran
	agent test ! -e ran
}

@test "a system's file that cannot be read is no missing one: nothing runs" {
	mine "$CONFIG" "$OFF"
	system_config "$OFF"
	world chmod 0600 "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: Permission denied" agentsh-exec
	system_config "$OFF"
	world chmod 0700 /etc/agentsh
	refused "$SYSTEM_CONFIG: Permission denied" agentsh-exec
	world bash -c 'chmod 0755 /etc/agentsh && ln -sfT agentsh.ini "$0"' "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: Too many levels of symbolic links" agentsh-exec
}

@test "user_config = allow: the user's file comes first, where there is one" {
	system_config '[loader]
user_config = allow
[sandbox.seccomp.syscalls]
on_block = errno'
	run -1 agent agentsh-exec trace_self
	is "$output" 'ptrace: Operation not permitted'
	mine "$CONFIG" "$OFF"
	state "$UNFILTERED" agentsh-exec
	mine "$CONFIG" '[marker]'
	counts "$CONFIG" agentsh-exec
	mine "$XDG" "$OFF"
	state "$UNFILTERED" env XDG_CONFIG_HOME=/home/agent/xdg agentsh-exec
	# What is named comes before both.
	mine /home/agent/f.ini '[marker]'
	counts f.ini agentsh-exec -f f.ini
	counts f.ini env AGENTSH_CONFIG=f.ini agentsh-exec
	# One that is not to be trusted is not passed over.
	world chmod 0666 "$CONFIG"
	refused "$CONFIG: group or others can write it" agentsh-exec
}

@test "user_config = allow: not as a shell" {
	system_config '[loader]
user_config = allow'
	mine "$CONFIG" "$OFF"
	mine "$XDG" "$OFF"
	local form
	for form in agentsh-exec agentsh-shell -agentsh-shell; do
		is "$(agent env XDG_CONFIG_HOME=/home/agent/xdg AGENTSH_CONFIG="$CONFIG" bash -c \
			'exec -a "$0" agentsh-exec -c /usr/local/bin/nolibc_state' "$form")" "$FILTERED_STATE"
	done
}

@test "user_config = allow: in any other file it is an error, with its line" {
	mine /home/agent/f.ini '

[loader]
user_config = allow'
	local wanted="user_config = allow counts in $SYSTEM_CONFIG only"
	refused "f.ini:4: $wanted" agentsh-exec -f f.ini
	refused "f.ini:4: $wanted" env AGENTSH_CONFIG=f.ini agentsh-exec
	mine "$CONFIG" '[loader]
user_config = allow'
	refused "$CONFIG:2: $wanted" agentsh-exec
	system_config '[loader]
user_config = allow'
	refused "$CONFIG:2: $wanted" agentsh-exec
	mine "$CONFIG" '[loader]
user_config = deny'
	state "$FILTERED_STATE" agentsh-exec
	# The system's file by its name is the system's.
	state "$FILTERED_STATE" agentsh-exec -f "$SYSTEM_CONFIG"
}

# --- Trust ---

# refused TEXT COMMAND...: agent calls it and is told TEXT; nothing runs. And it does not wait.
refused() {
	run -125 --separate-stderr agent timeout 20 "${@:2}" touch ran
	is "$output:${#stderr_lines[@]}" :1
	[[ $stderr == "agentsh-exec: $1"* ]] || is "$stderr" "agentsh-exec: $1..."
	agent test ! -e ran
}

# refused_wherever WHY PATH: the file there is refused, whatever makes it count.
refused_wherever() {
	refused "$2: $1" agentsh-exec -f "$2"
	refused "$2: $1" env AGENTSH_CONFIG="$2" agentsh-exec
	agent bash -c 'mkdir -p .config/agentsh && ln -sfT "$0" .config/agentsh/agentsh.ini' "$2"
	refused "$CONFIG: $1" agentsh-exec
	world bash -c 'mkdir -p /etc/agentsh && ln -sfT "$1" "$0"' "$SYSTEM_CONFIG" "$2"
	refused "$SYSTEM_CONFIG: $1" agentsh-exec
	world rm "$SYSTEM_CONFIG"
}

@test "trust: a file of root's or the caller's, that nobody else can write" {
	local mode
	for mode in 0400 0600 0640 0644 0755 0444; do
		mine /home/agent/f.ini "$OFF"
		world chmod "$mode" /home/agent/f.ini
		state "$UNFILTERED" agentsh-exec -f f.ini
	done
	world chown root:root /home/agent/f.ini
	state "$UNFILTERED" agentsh-exec -f f.ini
	system_config "$OFF"
	state "$UNFILTERED" agentsh-exec
}

@test "trust: a file that group or others can write is refused" {
	mine /home/agent/f.ini "$OFF"
	local mode
	for mode in 0620 0602 0664 0646 0666 0777; do
		world chmod "$mode" /home/agent/f.ini
		refused_wherever 'group or others can write it (chmod go-w)' /home/agent/f.ini
	done
	world chown root:root /home/agent/f.ini
	refused_wherever 'group or others can write it' /home/agent/f.ini
}

@test "trust: a file of somebody else's is refused, also by root" {
	mine /home/agent/f.ini "$OFF"
	world chown plain:plain /home/agent/f.ini
	world chmod 0644 /home/agent/f.ini
	refused_wherever 'owned by uid 47002, not by root or you' /home/agent/f.ini
	run -125 world agentsh-exec -f /home/agent/f.ini true
	[[ $output == *'owned by uid 47002, not by root or you'* ]]
	mine /home/agent/f.ini "$OFF"
	run -125 world agentsh-exec -f /home/agent/f.ini true
	[[ $output == *'owned by uid 47001, not by root or you'* ]]
}

@test "trust: a symlink is followed, and what it leads to is judged" {
	mine /home/agent/f.ini "$OFF"
	# Somebody else's link to a file of ours.
	world ln -s /home/agent/f.ini /run/link.ini
	world chown -h plain:plain /run/link.ini
	state "$UNFILTERED" agentsh-exec -f /run/link.ini
	# Our link to somebody else's file.
	world_file plain /home/plain/f.ini 0644 "$OFF"
	world chmod 0755 /home/plain
	agent ln -s /home/plain/f.ini link.ini
	refused 'link.ini: owned by uid 47002' agentsh-exec -f link.ini
	world rm /run/link.ini
}

@test "trust: only a regular file, and nobody waits for it" {
	agent mkdir folder
	refused_wherever 'not a regular file' /home/agent/folder
	agent mkfifo -m 0600 fifo
	refused_wherever 'not a regular file' /home/agent/fifo
	refused_wherever 'not a regular file' /dev/null
	refused_wherever 'not a regular file' /dev/zero
	agent python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	refused_wherever 'No such device or address' /home/agent/socket
	refused_wherever 'not a regular file' /proc/self/fd
}

@test "trust: a file that cannot be read is refused" {
	mine /home/agent/f.ini "$OFF"
	world chmod 0200 /home/agent/f.ini
	refused_wherever 'Permission denied' /home/agent/f.ini
}

@test "trust: a file of more than 256 KiB is refused, a device without end as well" {
	mine /home/agent/f.ini "$OFF"
	agent bash -c 'head -c 262200 /dev/zero | tr "\0" "\n" >>f.ini'
	refused_wherever 'too large (at most 262144 bytes)' /home/agent/f.ini
	agent truncate -s 1T f.ini
	refused_wherever 'too large' /home/agent/f.ini
	# A file that says it is empty and is not: read to its end, and no further than the bound.
	agent python3 -c 'import sys; sys.exit(len(open("/proc/kallsyms").read(300000)) < 300000)' ||
		skip "nothing in /proc is that long"
	refused '/proc/kallsyms:0: the file is too large' agentsh-exec -f /proc/kallsyms
}

# --- User namespaces ---

# unmapped COMMAND...: agent, in a user namespace that has nobody but agent.
unmapped() {
	agent unshare --user --map-current-user "$@"
}

@test "trust: an owner that is not mapped counts as root on a read-only mount only" {
	agent unshare --user --map-current-user true 2>/dev/null || skip "plain users may make no user namespace here"
	system_config "$OFF"
	run -125 --separate-stderr unmapped agentsh-exec touch ran
	is "$output" ''
	[[ $stderr == "agentsh-exec: $SYSTEM_CONFIG: owned by uid 65534, not by root or you"* ]]
	world mount --bind /etc/agentsh /etc/agentsh
	run -125 unmapped agentsh-exec touch ran
	world mount -o remount,bind,ro /etc/agentsh
	gives 0 "$UNFILTERED" unmapped agentsh-exec nolibc_state
	# The caller's own is its own anywhere; who is mapped is no stranger.
	mine /home/agent/f.ini "$OFF"
	gives 0 "$UNFILTERED" unmapped agentsh-exec -f f.ini nolibc_state
	world umount /etc/agentsh
	agent test ! -e ran
}
