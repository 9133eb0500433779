#!/usr/bin/env bats
# agentsh-exec as a prefix: statuses, errors, lookup, what is handed on, and that nothing runs
# where the policy cannot be applied in full. As a shell: shell.bats. Which file: config.bats.
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
	AGENTSH_CONFIG=$(policy '')
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
	run --separate-stderr "$EXEC" -- "$PROGRAMS/trace_self"
	is "$status" 159
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
	minimal=$(policy $'[sandbox.seccomp.syscalls]\ndefault_action = block\nallow = execve, exit_group')
	gives 42 '' env PATH="/nonexistent:$PROGRAMS" "$EXEC" -f "$minimal" -- nolibc_exit
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
	closed=$(policy $'[loader]\nclose_fds = yes')
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
	local sidecar
	for sidecar in --sidecar=none --sidecar=auto '--sidecar none' '--sidecar auto'; do
		# shellcheck disable=SC2086 # one or two words
		gives 0 "$FILTERED_ONCE" "$EXEC" $sidecar "$PROGRAMS/nolibc_state"
	done
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

# --- What needs the sidecar ---

@test "options that need the sidecar: refused, with what runs today" {
	local option
	for option in --sidecar=private --sidecar=/run/agentsh/sidecar.sock '--sidecar private' --events=/dev/null \
		'--events -' --shim; do
		# shellcheck disable=SC2086 # one or two words
		says 125 'degraded = no_unix' "$EXEC" $option -- touch ran
	done
	[ ! -e ran ]
}

# needs_sidecar LINE REMEDY POLICY: it is refused, and that line named.
needs_sidecar() {
	local file
	file=$(policy "$3")
	says 125 "$2" "$EXEC" -f "$file" -- touch ran
	[[ $stderr == "agentsh-exec: $file:$1: "*sidecar* ]] || is "$stderr" "agentsh-exec: $file:$1: ...sidecar..."
	says 125 "$2" "$EXEC" --sidecar=none -f "$file" -- touch ran
	[ ! -e ran ]
}

@test "policies that need the sidecar: refused, with their line and what runs today" {
	needs_sidecar 3 'degraded = no_unix' $'\n[sandbox.seccomp.unix_socket]\nenabled = true'
	needs_sidecar 4 'degraded = no_unix' \
		$'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix\naction = audit'
	needs_sidecar 2 'mode = enforce' $'[sandbox.seccomp]\nmode = audit'
	needs_sidecar 2 'on_block = errno' $'[sandbox.seccomp.syscalls]\non_block = log'
	needs_sidecar 2 'on_block = kill' $'[sandbox.seccomp.syscalls]\non_block = log_and_kill'
	needs_sidecar 2 'enabled = false' $'[shim]\nenabled = true'
	needs_sidecar 2 "'events ='" $'[sidecar]\nevents = /tmp/x'
	needs_sidecar 2 'on_event_loss = continue' $'[sidecar]\non_event_loss = deny'
}

# --- The filter and what goes with it ---

@test "defaults: filtered, no_new_privs set, a blocked call is SIGSYS" {
	local program
	for program in "$EXEC" "$EXEC_STATIC"; do
		gives 0 "$FILTERED_ONCE" "$program" -- "$PROGRAMS/nolibc_state"
		run -159 "$program" -- "$PROGRAMS/trace_self"
	done
}

@test "on_block = errno: EPERM" {
	run -1 "$EXEC" -f "$(policy $'[sandbox.seccomp.syscalls]\non_block = errno')" -- "$PROGRAMS/trace_self"
	is "$output" 'ptrace: Operation not permitted'
}

@test "enabled = false, mode = disabled: no filter, all else as ever" {
	local off
	for off in 'enabled = false' 'mode = disabled'; do
		off=$(policy "[sandbox.seccomp]
$off")
		gives 0 'seccomp=0 no_new_privs=1' "$EXEC" -f "$off" -- "$PROGRAMS/nolibc_state"
		gives 0 '' "$EXEC" -f "$off" -- "$PROGRAMS/trace_self"
		gives 0 x "$EXEC" -f "$off" -s x -- printenv AGENTSH_SESSION_ID
		says 127 no_such_command_at_all "$EXEC" -f "$off" -- no_such_command_at_all
	done
	# No filter: nothing that could need a sidecar.
	gives 0 'seccomp=0 no_new_privs=1' "$EXEC" -f "$(policy $'[sandbox.seccomp]\nenabled = false\nmode = audit')" \
		-- "$PROGRAMS/nolibc_state"
}

@test "nested: the second filter is added to the first" {
	gives 0 $'Seccomp_filters:\t1' "$EXEC" -- grep Seccomp_filters /proc/self/status
	gives 0 $'Seccomp_filters:\t2' "$EXEC" -- "$EXEC_STATIC" -- grep Seccomp_filters /proc/self/status
	local loose strict
	loose=$(policy $'[sandbox.seccomp.syscalls]\nblock =')
	strict=$(policy $'[sandbox.seccomp.syscalls]\nblock = getppid\non_block = errno')
	run -159 "$EXEC" -- "$EXEC" -f "$loose" -- "$PROGRAMS/trace_self"
	run -159 "$EXEC" -f "$loose" -- "$EXEC" -- "$PROGRAMS/trace_self"
	run -159 "$EXEC" -f "$strict" -- "$EXEC" -- "$PROGRAMS/trace_self"
	gives 0 -1 "$EXEC" -f "$strict" -- "$EXEC" -- python3 -c 'import ctypes; print(ctypes.CDLL(None).getppid())'
}

# An outer filter that answers EPERM to what the loader needs: nothing of the inner runs.
@test "nested: where the inner filter cannot be had, nothing runs" {
	local call outer
	for call in prctl seccomp memfd_create; do
		outer=$(policy "[sandbox.seccomp.syscalls]
block = $call
on_block = errno")
		run -125 --separate-stderr "$EXEC" -f "$outer" -- "$EXEC" -- touch ran
		is "$output:${#stderr_lines[@]}" :1
		[[ $stderr == agentsh-exec:*'Operation not permitted'* ]]
	done
	[ ! -e ran ]
}

# allow_list NAME...: a policy that allows these and execve.
allow_list() {
	policy "[sandbox.seccomp.syscalls]
default_action = block
block =
allow = execve, $*
${ON_BLOCK:-}"
}

@test "the smallest allow-list: execve, exit_group and what one static program needs" {
	local program
	for program in "$EXEC" "$EXEC_STATIC"; do
		gives 42 '' "$program" -f "$(allow_list exit_group)" -- "$PROGRAMS/nolibc_exit"
		gives 0 "$FILTERED_ONCE" "$program" -f "$(allow_list exit_group, write, prctl)" -- "$PROGRAMS/nolibc_state"
	done
	# One name less, and it dies.
	run -159 "$EXEC" -f "$(allow_list exit_group, prctl)" -- "$PROGRAMS/nolibc_state"
	is "$output" ''
	run -159 "$EXEC" -f "$(allow_list read)" -- "$PROGRAMS/nolibc_exit"
}

@test "exec fails after the load: 126 and a line, as far as the policy lets us" {
	cp "$PROGRAMS/nolibc_exit" damaged
	printf '\x34\x12' | dd of=damaged bs=1 seek=18 conv=notrunc status=none
	says 126 './damaged: Exec format error' "$EXEC" -f "$(allow_list exit_group, write)" ./damaged
	gives 126 '' "$EXEC" -f "$(allow_list exit_group)" ./damaged
	gives 126 '' "$EXEC" -f "$(ON_BLOCK='on_block = errno' allow_list exit_group)" ./damaged
	run -159 "$EXEC" -f "$(allow_list write)" ./damaged
	run -159 "$EXEC" -f "$(allow_list read)" ./damaged
	is "$output" ''
}

# The target has our variable in its environment besides: somewhere below the limit of 128 KiB there
# is a length that is good for the loader and too long for the target.
@test "exec fails after the load: arguments that are too long" {
	ln -s "$EXEC" x
	cp "$AGENTSH_CONFIG" p
	ulimit -s 512
	run -0 --separate-stderr python3 -c 'import subprocess, sys
for length in range(131056, 130000, -4):
    try:
        run = subprocess.run(["./x", "-fp", "/bin/true", "0" * length], env={}, capture_output=True, text=True)
    except OSError:
        continue
    print(run.returncode, run.stderr, end="")
    break'
	is "$output" '126 agentsh-exec: /bin/true: Argument list too long (shorten the arguments or the environment)'
}

@test "a policy that blocks execve is an error" {
	local text
	for text in 'block = execve' $'default_action = block\nallow = read, exit_group' 'default_action = block'; do
		says 125 'execve' "$EXEC" -f "$(policy "[sandbox.seccomp.syscalls]
$text")" -- touch ran
	done
	[ ! -e ran ]
}

# --- degraded = no_unix ---

NO_UNIX='[sandbox.seccomp.unix_socket]
enabled = true
degraded = no_unix'

@test "no_unix: sockets and pairs are refused, but for pairs with a fixed peer" {
	run -0 "$EXEC" -f "$(policy "$NO_UNIX")" -- python3 -c 'import errno, socket as s
def tell(what, call, *arguments):
    try:
        call(*arguments)
        print(what, "ok")
    except OSError as error:
        print(what, errno.errorcode[error.errno])
for name in "STREAM", "DGRAM", "SEQPACKET", "RAW":
    tell("unix " + name, s.socket, s.AF_UNIX, getattr(s, "SOCK_" + name))
    tell("pair " + name, s.socketpair, s.AF_UNIX, getattr(s, "SOCK_" + name))
    tell("pair " + name + " flags", s.socketpair, s.AF_UNIX, getattr(s, "SOCK_" + name) | s.SOCK_NONBLOCK | s.SOCK_CLOEXEC)
tell("inet STREAM", s.socket, s.AF_INET, s.SOCK_STREAM)
tell("inet DGRAM", s.socket, s.AF_INET, s.SOCK_DGRAM)'
	is "$output" 'unix STREAM EACCES
pair STREAM ok
pair STREAM flags ok
unix DGRAM EACCES
pair DGRAM EACCES
pair DGRAM flags EACCES
unix SEQPACKET EACCES
pair SEQPACKET ok
pair SEQPACKET flags ok
unix RAW EACCES
pair RAW EACCES
pair RAW flags EACCES
inet STREAM ok
inet DGRAM ok'
}

@test "no_unix: io_uring, which would go around it, is answered ENOSYS" {
	run -0 "$EXEC" -f "$(policy "$NO_UNIX")" -- python3 -c 'import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in 425, 426, 427:
    print(libc.syscall(number, 1, 0), ctypes.get_errno())'
	is "$output" $'-1 38\n-1 38\n-1 38'
}

@test "no_unix: an inherited socket that could be given an address is refused" {
	local no_unix kind program
	no_unix=$(policy "$NO_UNIX")
	for program in "$EXEC" "$EXEC_STATIC"; do
		for kind in stream dgram seqpacket listening dgram-pair dgram-connected; do
			says 125 'descriptor 60: an inherited Unix socket' "$PROGRAMS/with_fd" "$kind" 60 "$program" -f "$no_unix" \
				-- touch ran
		done
		for kind in stream-pair seqpacket-pair inet; do
			gives 0 ran "$PROGRAMS/with_fd" "$kind" 60 "$program" -f "$no_unix" -- echo ran
		done
	done
	# Standard descriptors are no exception.
	says 125 'descriptor 0: an inherited Unix socket' "$PROGRAMS/with_fd" stream 0 "$EXEC" -f "$no_unix" -- touch ran
	gives 0 ran "$PROGRAMS/with_fd" stream-pair 60 bash -c 'exec "$@" <&60' bash "$EXEC" -f "$no_unix" -- echo ran
	[ ! -e ran ]
}

@test "no_unix: an inherited io_uring is refused" {
	run "$PROGRAMS/with_fd" io_uring 60 true
	[ "$status" -eq 0 ] || skip "this host gives nobody an io_uring"
	says 125 'descriptor 60: an inherited io_uring' "$PROGRAMS/with_fd" io_uring 60 "$EXEC" -f "$(policy "$NO_UNIX")" \
		-- touch ran
	[ ! -e ran ]
}

@test "no_unix: what is inherited counts only there, and not where it is closed" {
	gives 0 ran "$PROGRAMS/with_fd" stream 60 "$EXEC" -- echo ran
	gives 0 ran "$PROGRAMS/with_fd" stream 60 "$EXEC" -f "$(policy "$NO_UNIX
[loader]
close_fds = yes")" -- echo ran
	gives 0 ran "$PROGRAMS/with_fd" stream 60 "$EXEC" -f "$(policy "$NO_UNIX
[sandbox.seccomp]
enabled = false")" -- echo ran
	says 125 'descriptor 0: an inherited' "$PROGRAMS/with_fd" stream 0 "$EXEC" -f "$(policy "$NO_UNIX
[loader]
close_fds = yes")" -- touch ran
}

@test "no_unix: the file of a socket, opened by its path only, is no socket" {
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")'
	gives 0 ran "$PROGRAMS/with_fd" path:s 60 "$EXEC" -f "$(policy "$NO_UNIX")" -- echo ran
}

# A filter around us that answers EPERM to getsockopt must not make a Unix socket look like none.
@test "no_unix: a socket that may not be asked what it is is refused" {
	local outer call
	for call in getsockopt getpeername; do
		outer=$(policy "[sandbox.seccomp.syscalls]
block = $call
on_block = errno")
		says 125 'descriptor 60: an inherited' "$EXEC" -f "$outer" -- "$PROGRAMS/with_fd" stream-pair 60 \
			"$EXEC" -f "$(policy "$NO_UNIX")" -- touch ran
	done
	[ ! -e ran ]
}

# --- isolate ---

isolated() {
	local file
	file=$(policy $'[loader]\nisolate = yes')
	run "$EXEC" -f "$file" -- true
	[[ $output != *Landlock* ]] || skip "this kernel cannot scope signals"
	echo "$file"
}

@test "isolate = yes: nothing outside can be signalled, everything inside can" {
	local file
	file=$(isolated)
	[ -f "$file" ] || skip "$file"
	gives 0 '' "$EXEC" -- bash -c 'kill -0 "$0"' $$
	run -1 "$EXEC" -f "$file" -- bash -c 'kill -0 "$0"' $$
	[[ $output == *'Operation not permitted'* ]]
	gives 143 '' "$EXEC" -f "$file" -- bash -c 'sleep 60 3>&- & kill -0 $! && kill -TERM $! && wait $!'
	run -1 "$EXEC" -f "$(policy $'[loader]\nisolate = yes\n[sandbox.seccomp]\nenabled = false')" -- \
		bash -c 'kill -0 "$0"' $$
}

@test "isolate = yes: where it cannot be had, nothing runs, unless that is accepted" {
	local outer
	outer=$(policy $'[sandbox.seccomp.syscalls]\nblock = landlock_create_ruleset\non_block = errno')
	says 125 'isolate: Landlock' "$EXEC" -f "$outer" -- "$EXEC" -f "$(policy $'[loader]\nisolate = yes')" -- touch ran
	[ ! -e ran ]
}

# --- Limits ---

# bounded TEXT COMMAND...: it runs filtered, or nothing of it runs.
bounded() {
	local output status=0
	output=$("${@:2}" 2>/dev/null) || status=$?
	[ "$status:$output" = "0:$FILTERED_ONCE" ] || { [ "$status" -ne 0 ] && [ "$output" = '' ]; } ||
		is "$1: $status $output" 'filtered, or a failure'
	ends+=" $status"
}

@test "limits on memory: filtered, or nothing runs" {
	local program size ends=''
	for program in "$EXEC" "$EXEC_STATIC"; do
		for size in 0 100 500 $(seq 1000 400 8000); do
			bounded "AS $size KiB" prlimit --as="$((size * 1024))" --core=0 "$program" -- "$PROGRAMS/nolibc_state"
		done
		for size in 0 4096 65536 131072; do
			bounded "DATA $size" prlimit --data="$size" --core=0 "$program" -- "$PROGRAMS/nolibc_state"
			bounded "STACK $size" prlimit --stack="$size" --core=0 "$program" -- "$PROGRAMS/nolibc_state"
		done
	done
	# Both ends were met.
	[[ $ends == *' 0 '* && $ends == *' 125 '* ]] || is "$ends" '... 0 ... 125 ...'
}

@test "limits on descriptors: filtered, or nothing runs" {
	local program count ends='' no_unix
	no_unix=$(policy "$NO_UNIX")
	for program in "$EXEC" "$EXEC_STATIC"; do
		for count in 0 1 2 3 4 5 6 8; do
			bounded "NOFILE $count" prlimit --nofile="$count" "$program" -- "$PROGRAMS/nolibc_state"
			bounded "NOFILE $count" prlimit --nofile="$count" "$program" -f "$no_unix" -- "$PROGRAMS/nolibc_state"
		done
	done
	[[ $ends == *' 0 '* && $ends == *' 125 '* ]] || is "$ends" '... 0 ... 125 ...'
}

@test "limits on the size of files: the whole filter, whatever its length" {
	local program size policy
	# Two stages: where the first is cut short, its jumps would land in the second.
	policy=$(policy "$NO_UNIX
[sandbox.seccomp.syscalls]
block = ptrace, mount, umount2, acct, add_key, adjtimex, bpf, chroot, clock_settime, delete_module, finit_module,
 fsconfig, fsmount, fsopen, fspick, init_module, ioperm, iopl, kexec_load, keyctl, lookup_dcookie, mbind, migrate_pages,
 move_mount, move_pages, name_to_handle_at, open_by_handle_at, open_tree, perf_event_open, personality, pivot_root,
 process_vm_readv, process_vm_writev, quotactl, reboot, request_key")
	for program in "$EXEC" "$EXEC_STATIC"; do
		for size in 0 $(seq 8 16 648); do
			run prlimit --fsize="$size" --core=0 "$program" -f "$policy" -- "$PROGRAMS/trace_self"
			is "$size $status" "$size 159"
		done
	done
}

@test "limits on the size of files: filtered, or nothing runs" {
	local program size ends=''
	for program in "$EXEC" "$EXEC_STATIC"; do
		for size in 0 1 7 8 64 96 100 128 136 144 151 152 160 4096; do
			bounded "FSIZE $size" prlimit --fsize="$size" --core=0 "$program" -- "$PROGRAMS/nolibc_state"
		done
	done
}
