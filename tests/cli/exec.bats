#!/usr/bin/env bats
# agentsh-exec as a prefix, as it is by default, with a sidecar of its own: statuses, errors, lookup, what
# is handed on, options. Without a sidecar: kernel.bats. As a shell: shell.bats. Which file: config.bats.
#
# What an inner shell expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

FILTERED_ONCE='seccomp=2 no_new_privs=1'

setup() {
	# The defaults, whatever configuration this machine has.
	AGENTSH_CONFIG=$(supervised '')
	export AGENTSH_CONFIG
	cd "$BATS_TEST_TMPDIR" || return
}

# --- Exit status and output ---

@test "exit status: the command's own" {
	local program status
	for program in "$EXEC" "$EXEC_STATIC"; do
		for status in 0 1 2 77 124 125 126 127 128 255; do
			gives "$status" '' "$program" -- sh -c "exit $status"
		done
	done
}

@test "exit status: death by signal is the command's own" {
	ulimit -c 0
	local signal
	for signal in HUP ABRT KILL USR1 SEGV PIPE TERM SYS; do
		run --separate-stderr env --default-signal "$EXEC" -- sh -c "kill -$signal \$\$"
		is "$signal $status" "$signal $((128 + $(kill -l "$signal")))"
	done
	run -137 --separate-stderr "$EXEC" -- "$PROGRAMS/trace_self"
	wait_for told seccomp_blocked
}

@test "success: the command's output and errors, and nothing of ours" {
	run -0 --separate-stderr "$EXEC" -- sh -c 'echo out; echo err >&2'
	is "$output:$stderr" out:err
	is "$(printf 'a\0b' | "$EXEC" -- cat | od -An -c | tr -d ' ')" 'a\0b'
}

@test "the target takes the loader's place: the same process" {
	run -0 sh -c 'echo $$; exec "$0" -- sh -c "echo \$\$"' "$EXEC"
	is "${lines[0]}" "${lines[1]}"
}

@test "127: not found" {
	says 127 'no_such_command_at_all: No such file or directory' "$EXEC" -- no_such_command_at_all
	says 127 './missing: No such file or directory' "$EXEC" ./missing
	touch file
	says 127 'file/missing: Not a directory' "$EXEC" ./file/missing
	says 127 "'': No such file or directory" "$EXEC" -- ''
	says 127 'File name too long' "$EXEC" -- "./$(printf '%0300d' 0)"
	says 127 'File name too long' "$EXEC" -- "/$(printf '%05000d' 0)"
	ln -s nowhere dangling
	says 127 './dangling' "$EXEC" ./dangling
}

@test "126: found, but not executable" {
	install -m 0644 /bin/true file
	says 126 './file: Permission denied' "$EXEC" ./file
	mkdir directory
	says 126 './directory: Permission denied' "$EXEC" ./directory
	says 126 '/: Permission denied' "$EXEC" /
	mkfifo -m 0755 fifo
	says 126 './fifo: Permission denied' "$EXEC" ./fifo
	ln -s loop loop
	says 126 './loop: Too many levels of symbolic links' "$EXEC" ./loop
}

@test "126: a script whose interpreter is missing, or is no program" {
	printf '#! /no/such/interpreter -x\n' >script
	chmod 755 script
	says 126 './script: its interpreter /no/such/interpreter: No such file' "$EXEC" ./script
	printf '#!/bin/sh\r\nexit 0\r\n' >script
	says 126 './script: its interpreter /bin/sh\x0d: No such file' "$EXEC" ./script
	printf '#!/etc/passwd\n' >script
	says 126 './script: its interpreter /etc/passwd: Permission denied' "$EXEC" ./script
}

@test "126: a file that somebody is writing" {
	cp "$PROGRAMS/nolibc_exit" busy
	exec 8>>busy
	run ./busy
	[ "$status" -eq 126 ] || skip "this kernel executes what is open for writing"
	says 126 './busy: Text file busy' "$EXEC" ./busy
}

@test "an error is one line, whatever a name holds" {
	says 127 'no\x0asuch\x1b[31m' "$EXEC" -- $'no\nsuch\e[31m'
	says 125 'no\x0asuch' "$EXEC" -f $'no\nsuch' true
	# What would show the rest of the line in another order is escaped, other letters are not.
	says 127 'no\xe2\x80\xaesuch\xe2\x81\xa6\xd8\x9cä' "$EXEC" -- $'no\u202esuch\u2066\u061cä'
	says 125 '--no\x09such' "$EXEC" $'--no\tsuch'
	run -127 --separate-stderr "$EXEC" -- "$(printf '%03000d' 0)"
	is "${#stderr_lines[@]}" 1
}

@test "where stderr is closed or full, an error is only a status" {
	run -127 sh -c '"$0" -- no_such_command_at_all 2>&-' "$EXEC"
	is "$output" ''
	run -127 sh -c '"$0" -- no_such_command_at_all 2>/dev/full' "$EXEC"
	is "$output" ''
}

# --- Lookup ---

# A tool in each of these folders, that says where it lies:
#   one, two: good   plain: not executable   folder: a directory   broken: interpreter missing
#   none: none   file: no folder   loop: a symlink to itself
tools() {
	local folder
	mkdir one two plain folder broken none folder/tool
	for folder in one two plain; do
		printf '#!/bin/sh\necho %s "$0" "$@"\n' "$folder" >"$folder/tool"
		chmod 755 "$folder/tool"
	done
	chmod 644 plain/tool
	printf '#!/no/such/interpreter\n' >broken/tool
	chmod 755 broken/tool
	touch file
	ln -s loop loop
}

# like_execvp PATH: env(1), which calls execvp(3), finds the same, or fails alike.
like_execvp() {
	local wanted found wanted_status=0 status=0
	wanted=$(/usr/bin/env PATH="$1" tool x 2>/dev/null) || wanted_status=$?
	found=$(/usr/bin/env PATH="$1" "$EXEC" -- tool x 2>errors) || status=$?
	is "PATH=$1: $status $found" "PATH=$1: $wanted_status $wanted"
	is "$(wc -l <errors)" "$((wanted_status == 0 ? 0 : 1))"
}

@test "PATH: the same is found as by execvp" {
	tools
	local here=$PWD path long
	long=$(printf '%05000d' 0)
	for path in "$here/one" "$here/one:$here/two" "$here/two:$here/one" "$here/plain:$here/one" \
		"$here/folder:$here/one" "$here/broken:$here/one" "$here/none:$here/one" "$here/file:$here/one" \
		"$here/missing:$here/one" "$here/loop:$here/one" "$here/one:$here/loop" "$long:$here/one" \
		"/$long:$here/two" "$here/plain" "$here/folder" "$here/none" "$here/loop" \
		"$here/plain:$here/none" "$here/none:$here/plain" one none:two ./two: .:one ../nowhere:one; do
		like_execvp "$path"
	done
	gives 0 "two $here/two/tool x" env PATH="$here/plain:$here/broken:$here/two" "$EXEC" -- tool x
}

@test "PATH: an empty element is the working directory" {
	tools
	local here=$PWD path
	cd one
	for path in '' : "$here/none:" ":$here/two" "$here/none::$here/two" "$here/two:" "$here/two::"; do
		like_execvp "$path"
	done
	gives 0 'one tool x' env PATH= "$EXEC" -- tool x
}

@test "PATH: unset, the system's default" {
	tools
	cd one
	run -127 env -u PATH "$EXEC" -- tool x
	gives 0 '' env -u PATH "$EXEC" -- true
}

@test "PATH: the best reason is told where nothing is found" {
	tools
	says 126 "its interpreter /no/such/interpreter" env PATH="$PWD/broken:$PWD/none" "$EXEC" -- tool
	says 126 'tool: Permission denied' env PATH="$PWD/none:$PWD/plain:$PWD/none" "$EXEC" -- tool
	says 127 'tool: No such file or directory' env PATH="$PWD/none" "$EXEC" -- tool
	says 127 'tool: No such file or directory' env PATH="$PWD/file" "$EXEC" -- tool
}

@test "a name with a slash is not looked up in PATH" {
	tools
	gives 0 'one one/tool x' env PATH="$PWD/two" "$EXEC" -- one/tool x
	gives 0 'two ./two/tool x' env PATH= "$EXEC" -- ./two/tool x
	says 127 none/tool env PATH="$PWD" "$EXEC" -- none/tool
}

@test "the lookup is before the load: a filter that allows none of it changes nothing" {
	local minimal
	minimal=$(supervised $'[sandbox.seccomp.syscalls]\ndefault_action = block\nallow = execve, exit_group')
	gives 42 '' env PATH="/nonexistent:$PROGRAMS" "$EXEC" -f "$minimal" -- nolibc_exit
	told
	says 127 no_such_command_at_all "$EXEC" -f "$minimal" -- no_such_command_at_all
}

@test "ENOEXEC: /bin/sh runs it, as with execvp" {
	printf 'echo "$0 $*"; tr "\\0" "|" </proc/$$/cmdline\n' >script
	chmod 755 script
	local wanted
	wanted=$(env ./script a 'b c')
	is "$wanted" $'./script a b c\n/bin/sh|./script|a|b c|'
	gives 0 "$wanted" "$EXEC" -- ./script a 'b c'
	gives 0 "$wanted" "$EXEC_STATIC" -- ./script a 'b c'
	is "$(PATH=$PWD:$PATH "$EXEC" -- script)" "$(PATH=$PWD:$PATH env script)"
	: >script
	gives 0 '' "$EXEC" -- ./script
}

@test "a program for another machine is not given to /bin/sh" {
	cp "$PROGRAMS/nolibc_exit" damaged
	printf '\x34\x12' | dd of=damaged bs=1 seek=18 conv=notrunc status=none
	says 126 './damaged: Exec format error' "$EXEC" ./damaged
}

# elf32: a program for i386 that exits with 42, 100 bytes long.
elf32() {
	python3 -c 'import struct, sys
code = b"\xb8\x01\0\0\0\xbb\x2a\0\0\0\xcd\x80"
start, size = 0x08048000, 84 + 12
header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, start + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
sys.stdout.buffer.write(header + struct.pack("<IIIIIIII", 1, 0, start, start, size, size, 5, 4096) + code)' >"$1"
	chmod 755 "$1"
}

@test "a 32-bit program is refused behind a filter, and runs where there is none" {
	[ "$(uname -m)" = x86_64 ] || skip "i386 on x86_64"
	elf32 small
	says 126 './small: a 32-bit program' "$EXEC" ./small
	run ./small
	[ "$status" -eq 42 ] || skip "this kernel runs no i386 programs"
	gives 42 '' "$EXEC" -f "$(policy $'[sandbox.seccomp]\nenabled = false')" ./small
	gives 42 '' "$EXEC" -f "$(policy $'[sandbox.seccomp]\nmode = disabled')" ./small
}

# Where all is told and nothing is refused, the command itself is not either.
@test "a 32-bit program in audit mode runs" {
	[ "$(uname -m)" = x86_64 ] || skip "i386 on x86_64"
	elf32 small
	run ./small
	[ "$status" -eq 42 ] || skip "this kernel runs no i386 programs"
	gives 42 '' "$EXEC" --sidecar=private --events=events -f "$(policy $'[sandbox.seccomp]\nmode = audit\n[notices]\nstderr = never')" ./small
	wait_for grep -q session_end events
	[ "$(jq -r 'select(.type == "foreign_arch") | .action' events | sort -u)" = allowed ]
}

@test "as many arguments as the kernel takes" {
	gives 0 200001 /usr/bin/python3 -c 'import os, sys
os.execv(sys.argv[1], [*sys.argv[1:], *[""] * 200000])' "$EXEC" -f "$(policy $'[sandbox.seccomp.unix_socket]\nenabled = false')" \
		--sidecar=none -- /usr/bin/python3 -c 'import sys; print(len(sys.argv))'
}

@test "errors have the same text in each build" {
	ln -s loop loop
	says 125 'loop: Too many levels of symbolic links (' "$EXEC" -f loop true
}

# --- What is handed on ---

# same_dump ARGUMENT...: dump_exec with these is told the same, with our variable at the end.
same_dump() {
	local settings=(A=1 B= 'C=x y' D=$'\x01\n\xff' E==e PATH="$PROGRAMS" A_LONG_ONE="$(printf '%09000d' 0)")
	(exec env -i "${settings[@]}" AGENTSH_SESSION_ID=id_1 "$@") >plain
	(exec env -i "${settings[@]}" "$EXEC" -f "$AGENTSH_CONFIG" -s id_1 -- "$@") >behind
	cmp plain behind
	(exec env -i "${settings[@]}" "$EXEC_STATIC" -f "$AGENTSH_CONFIG" -s id_1 -- "$@") >behind
	cmp plain behind
}

@test "argv and environment: byte for byte" {
	same_dump dump_exec
	same_dump "$PROGRAMS/dump_exec" '' a '' 'b c' $'\x01\t\n\x7f\xff\xc3\xa9' '*' '$HOME' -- -x --help -c ''
	same_dump dump_exec '' ''
	local many
	mapfile -t many < <(seq 1 10000)
	same_dump dump_exec "${many[@]}"
	same_dump dump_exec "$(printf '%0131000d' 0)"
	is "$(head -1 plain)" 2
}

@test "environment: an empty one holds our variable and no other" {
	gives 0 AGENTSH_SESSION_ID=x env -i "$EXEC" -f "$AGENTSH_CONFIG" -s x /usr/bin/env
}

@test "descriptors: none of ours is left, none of the caller's is lost" {
	exec 8</dev/null 9</dev/null
	is "$("$EXEC" -- ls /proc/self/fd)" "$(ls /proc/self/fd)"
	is "$("$EXEC_STATIC" -- ls /proc/self/fd)" "$(ls /proc/self/fd)"
	is "$("$EXEC" -- ls /proc/self/fd <&- 2>&-)" "$(ls /proc/self/fd <&- 2>&-)"
}

@test "close_fds = yes: 0, 1 and 2 only" {
	exec 8</dev/null 9</dev/null
	local closed
	closed=$(supervised $'[loader]\nclose_fds = yes')
	# 3 is the folder that ls reads.
	is "$("$EXEC" -f "$closed" -- ls /proc/self/fd | xargs)" '0 1 2 3'
	closed=$(policy $'[loader]\nclose_fds = yes\n[sandbox.seccomp]\nenabled = false')
	is "$("$EXEC" -f "$closed" -- ls /proc/self/fd | xargs)" '0 1 2 3'
}

# --- The session's ID ---

@test "session: -s, else the environment, else a new one each time" {
	gives 0 'one-1._X' env AGENTSH_SESSION_ID=two "$EXEC" -s one-1._X -- printenv AGENTSH_SESSION_ID
	gives 0 one "$EXEC" -sone -- printenv AGENTSH_SESSION_ID
	gives 0 two env AGENTSH_SESSION_ID=two "$EXEC" -- printenv AGENTSH_SESSION_ID
	local first second grammar='^sess_[0-9a-f]{12}$'
	first=$("$EXEC" -- printenv AGENTSH_SESSION_ID)
	second=$(AGENTSH_SESSION_ID='' "$EXEC" -- printenv AGENTSH_SESSION_ID)
	[[ $first =~ $grammar && $second =~ $grammar && $first != "$second" ]]
}

@test "session: 1 to 64 of its characters, anything else is refused" {
	local id longest
	longest=$(printf '%064d' 0)
	gives 0 "$longest" "$EXEC" -s "$longest" -- printenv AGENTSH_SESSION_ID
	for id in "${longest}0" 'a b' a/b $'a\n' é a=b '*' ..a:; do
		says 125 '-s: no session ID' "$EXEC" -s "$id" -- touch ran
		says 125 "\$AGENTSH_SESSION_ID: no session ID" env AGENTSH_SESSION_ID="$id" "$EXEC" -- touch ran
	done
	says 125 '-s: it needs a value' "$EXEC" -s '' -- touch ran
	[ ! -e ran ]
}

# --- Options ---

@test "options: each form" {
	local off
	off=$(policy $'[sandbox.seccomp]\nenabled = false')
	gives 0 'seccomp=0 no_new_privs=1' "$EXEC" -f "$off" "$PROGRAMS/nolibc_state"
	gives 0 'seccomp=0 no_new_privs=1' "$EXEC" "-f$off" -- "$PROGRAMS/nolibc_state"
	gives 0 'seccomp=0 no_new_privs=1' "$EXEC" -s x -f "$off" --sidecar=none -- "$PROGRAMS/nolibc_state"
	[ ! -e "$EVENTS" ]
	local option
	for option in --sidecar=none '--sidecar none'; do
		# shellcheck disable=SC2086 # one or two words
		gives 0 "$FILTERED_ONCE" "$EXEC" -f "$(policy '')" $option "$PROGRAMS/nolibc_state"
	done
	[ ! -e "$EVENTS" ]
	for option in --sidecar=auto --sidecar=private '--sidecar auto' '--sidecar private' --events=other \
		'--events other'; do
		# shellcheck disable=SC2086 # one or two words
		gives 0 "$FILTERED_ONCE" "$EXEC" $option "$PROGRAMS/nolibc_state"
	done
	# A private sidecar writes its first event beside the command, and both are short.
	wait_for sh -c '[ "$(grep -c session_end "$0"):$(grep -c session_end other)" = 4:2 ]' "$EVENTS"
	is "$(grep -c session_start "$EVENTS"):$(grep -c session_start other)" 4:2
}

@test "options: -h and -V" {
	local option
	for option in -h --help; do
		run -0 --separate-stderr "$EXEC" "$option" -- touch ran
		[[ $output == Usage:*agentsh-exec*--sidecar* ]]
		is "$stderr" ''
	done
	for option in -V --version; do
		run -0 --separate-stderr "$EXEC" "$option" touch ran
		[[ $output =~ ^agentsh-exec\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		is "$stderr" ''
	done
	says 125 'standard output: No space left on device' sh -c '"$0" -V >/dev/full' "$EXEC"
	[ ! -e ran ]
}

@test "options: errors" {
	says 125 'command: none is given' "$EXEC"
	says 125 'command: none is given' "$EXEC" --
	says 125 'command: none is given' "$EXEC" -s x
	says 125 'command: none is given' "$EXEC" -f "$AGENTSH_CONFIG" --
	local option
	for option in -x --no-such-option -hV -v --sidecars=none --hel ---; do
		says 125 "$option: no such option" "$EXEC" "$option" touch ran
	done
	for option in -f -s --sidecar --events; do
		says 125 "$option: it needs a value" "$EXEC" "$option"
	done
	for option in --sidecar= --events=; do
		says 125 "${option%=}: it needs a value" "$EXEC" "$option" touch ran
	done
	for option in --shim=x --init= --help=x --version=1; do
		says 125 "${option%%=*}: it takes no value" "$EXEC" "$option" touch ran
	done
	# -c comes first or not at all.
	says 125 '-c: no such option' "$EXEC" -s x -c 'touch ran'
	[ ! -e ran ]
}

@test "options: none is looked for behind the command" {
	gives 0 '-f x --sidecar=private -h -- -V' "$EXEC" echo -f x --sidecar=private -h -- -V
	gives 0 '-- -V' "$EXEC" -- echo -- -V
	printf '#!/bin/sh\necho dash\n' >-f
	chmod 755 ./-f
	gives 0 dash env PATH="$PWD:$PATH" "$EXEC" -- -f
	says 127 '-: No such file' "$EXEC" - -V
}
