#!/usr/bin/env bats
# agentshctl export: the filter as a program that the kernel takes, and as text.
#
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # an inner shell expands; run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

NO_UNIX='[sandbox.seccomp.unix_socket]
enabled = true
degraded = no_unix'

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

# export_bpf TEXT: the policy's program, in filter.
export_bpf() {
	cp "$(policy "$1")" p.ini
	"$CTL" export --format=bpf p.ini >filter
	is "$(($(stat -c %s filter) % 8))" 0
	[ -s filter ]
}

@test "export bpf: the kernel takes it, and it does what the loader's does" {
	export_bpf ''
	run -159 "$PROGRAMS/load_filter" filter "$PROGRAMS/trace_self"
	gives 0 'seccomp=2 no_new_privs=1' "$PROGRAMS/load_filter" filter "$PROGRAMS/nolibc_state"
	export_bpf $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = errno'
	run -1 "$PROGRAMS/load_filter" filter "$PROGRAMS/trace_self"
	is "$output" 'ptrace: Operation not permitted'
	export_bpf $'[sandbox.seccomp.syscalls]\nblock = mount'
	gives 0 '' "$PROGRAMS/load_filter" filter "$PROGRAMS/trace_self"
	export_bpf $'[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve, exit_group'
	gives 42 '' "$PROGRAMS/load_filter" filter "$PROGRAMS/nolibc_exit"
	run -159 "$PROGRAMS/load_filter" filter "$PROGRAMS/nolibc_state"
	export_bpf "$NO_UNIX"
	gives 0 13 "$PROGRAMS/load_filter" filter python3 -c 'import socket
try:
    socket.socket(socket.AF_UNIX)
except OSError as error:
    print(error.errno)'
}

# The loader hands the same bytes to the kernel: strace prints no filter, but how long it is.
@test "export bpf: it is as long as what the loader loads" {
	need_command strace
	strace -qq -o /dev/null true 2>/dev/null || skip "nothing can be traced here"
	local text
	for text in '' "$NO_UNIX" $'[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve, exit_group'; do
		export_bpf "$text"
		strace -qq -o trace "${ALONE[@]}" -f p.ini -- "$PROGRAMS/nolibc_exit" || true
		is "$(sed -n 's/^seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=\([0-9]*\), .*/\1/p' trace)" \
			"$(($(stat -c %s filter) / 8))"
	done
}

@test "export bpf: the same policy gives the same program" {
	export_bpf "$NO_UNIX"
	cp filter first
	export_bpf "$NO_UNIX"
	cmp filter first
}

@test "export pfc: readable" {
	printf '%s\n' "[sandbox.seccomp.syscalls]
block = ptrace, open_tree_attr
$NO_UNIX" >p.ini
	run -0 --separate-stderr "$CTL" export --format=pfc p.ini
	is "$stderr" ''
	[[ $output == '# agentsh-exec: stage 1, system calls'*ptrace*KILL_PROCESS*'# agentsh-exec: stage 2, sockets'*socketpair*ERRNO* ]]
	# What libseccomp cannot say stands there as well.
	[[ $output == *open_tree_attr* ]]
	printf '[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve\n%s\n' "$OPEN" >p.ini
	[[ $("$CTL" export --format=pfc p.ini) == *'ERRNO(38)'* ]]
	printf '%s\n' "$OPEN" >p.ini
	[[ $("$CTL" export --format pfc p.ini) != *'stage 2'* ]]
}

# refused TEXT FORMAT POLICY: status 1, nothing exported, one line with TEXT.
refused() {
	printf '%s\n' "$3" >p.ini
	run -1 --separate-stderr "$CTL" export --format="$2" p.ini
	is "$output:${#stderr_lines[@]}" :1
	[[ $stderr == *"$1"* ]] || is "$stderr" "... $1 ..."
}

@test "export: a policy without a filter, or with more than a filter, is not exported" {
	local format
	for format in bpf pfc; do
		refused 'the policy has none' "$format" $'[sandbox.seccomp]\nenabled = false'
		refused 'the policy has none' "$format" $'[sandbox.seccomp]\nmode = disabled'
		refused 'p.ini:2: mode = audit: it needs the sidecar' "$format" $'[sandbox.seccomp]\nmode = audit'
		refused 'degraded = no_unix' "$format" $'[sandbox.seccomp.unix_socket]\nenabled = true'
		refused 'degraded = no_unix' "$format" ''
		refused "p.ini:2: unknown key 'enable'" "$format" $'[shim]\nenable = yes'
		refused 'p.ini:2: execve is blocked' "$format" $'[sandbox.seccomp.syscalls]\nblock = execve'
	done
}

@test "export: wrong usage" {
	printf '\n' >p.ini
	local arguments
	for arguments in '' p.ini --format --format= '--format=xml p.ini' '--format=BPF p.ini' '--no-such-option p.ini' \
		'--format=bpf p.ini p.ini' '-f bpf'; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$CTL" export $arguments
		is "$arguments: $output:${#stderr_lines[@]}" "$arguments: :1"
	done
	run -1 --separate-stderr "$CTL" export --format=bpf missing.ini
	is "$output" ''
}

@test "export: no program is written to a terminal, none half written is a success" {
	printf '%s\n' "$OPEN" >p.ini
	run script -qec "$CTL export --format=bpf p.ini" /dev/null
	is "$status" 2
	[[ $output == *'not written to a terminal'* ]]
	local format
	for format in bpf pfc; do
		run -1 sh -c '"$0" export --format="$1" p.ini >/dev/full' "$CTL" "$format"
		[[ $output == 'agentshctl: '*'No space left on device' ]] || is "$output" 'agentshctl: ... No space left on device'
	done
}
