#!/usr/bin/env bats
# What the kernel alone enforces for agentsh-exec, with --sidecar=none: the filter, allow-lists, no_unix, isolate.
#
# What an inner shell expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
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

@test "defaults: filtered, no_new_privs set, a blocked call is SIGSYS" {
	local program
	for program in "$EXEC" "$EXEC_STATIC"; do
		gives 0 "$FILTERED_ONCE" "$program" --sidecar=none -- "$PROGRAMS/nolibc_state"
		run -159 "$program" --sidecar=none -- "$PROGRAMS/trace_self"
	done
}

@test "on_block = errno: EPERM" {
	run -1 "${ALONE[@]}" -f "$(policy $'[sandbox.seccomp.syscalls]\non_block = errno')" -- "$PROGRAMS/trace_self"
	is "$output" 'ptrace: Operation not permitted'
}

@test "enabled = false, mode = disabled: no filter, all else as ever" {
	local off
	for off in 'enabled = false' 'mode = disabled'; do
		off=$(policy "[sandbox.seccomp]
$off")
		gives 0 'seccomp=0 no_new_privs=1' "${ALONE[@]}" -f "$off" -- "$PROGRAMS/nolibc_state"
		gives 0 '' "${ALONE[@]}" -f "$off" -- "$PROGRAMS/trace_self"
		gives 0 x "${ALONE[@]}" -f "$off" -s x -- printenv AGENTSH_SESSION_ID
		says 127 no_such_command_at_all "${ALONE[@]}" -f "$off" -- no_such_command_at_all
	done
	# No filter: nothing that could need a sidecar.
	gives 0 'seccomp=0 no_new_privs=1' "${ALONE[@]}" -f "$(policy $'[sandbox.seccomp]\nenabled = false\nmode = audit')" \
		-- "$PROGRAMS/nolibc_state"
}

@test "nested: the second filter is added to the first" {
	gives 0 $'Seccomp_filters:\t1' "${ALONE[@]}" -- grep Seccomp_filters /proc/self/status
	gives 0 $'Seccomp_filters:\t2' "${ALONE[@]}" -- "${ALONE_STATIC[@]}" -- grep Seccomp_filters /proc/self/status
	local loose strict
	loose=$(policy $'[sandbox.seccomp.syscalls]\nblock =')
	strict=$(policy $'[sandbox.seccomp.syscalls]\nblock = getppid\non_block = errno')
	run -159 "${ALONE[@]}" -- "${ALONE[@]}" -f "$loose" -- "$PROGRAMS/trace_self"
	run -159 "${ALONE[@]}" -f "$loose" -- "${ALONE[@]}" -- "$PROGRAMS/trace_self"
	run -159 "${ALONE[@]}" -f "$strict" -- "${ALONE[@]}" -- "$PROGRAMS/trace_self"
	gives 0 -1 "${ALONE[@]}" -f "$strict" -- "${ALONE[@]}" -- python3 -c 'import ctypes; print(ctypes.CDLL(None).getppid())'
}

# An outer filter that answers EPERM to what the loader needs: nothing of the inner runs.
@test "nested: where the inner filter cannot be had, nothing runs" {
	local call outer
	for call in prctl seccomp; do
		outer=$(policy "[sandbox.seccomp.syscalls]
block = $call
on_block = errno")
		run -125 --separate-stderr "${ALONE[@]}" -f "$outer" -- "${ALONE[@]}" -- touch ran
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
		gives 42 '' "$program" --sidecar=none -f "$(allow_list exit_group)" -- "$PROGRAMS/nolibc_exit"
		gives 0 "$FILTERED_ONCE" "$program" --sidecar=none -f "$(allow_list exit_group, write, prctl)" -- "$PROGRAMS/nolibc_state"
	done
	# One name less, and it dies.
	run -159 "${ALONE[@]}" -f "$(allow_list exit_group, prctl)" -- "$PROGRAMS/nolibc_state"
	is "$output" ''
	run -159 "${ALONE[@]}" -f "$(allow_list read)" -- "$PROGRAMS/nolibc_exit"
}

@test "exec fails after the load: 126 and a line, as far as the policy lets us" {
	cp "$PROGRAMS/nolibc_exit" damaged
	printf '\x34\x12' | dd of=damaged bs=1 seek=18 conv=notrunc status=none
	says 126 './damaged: Exec format error' "${ALONE[@]}" -f "$(allow_list exit_group, write)" ./damaged
	gives 126 '' "${ALONE[@]}" -f "$(allow_list exit_group)" ./damaged
	gives 126 '' "${ALONE[@]}" -f "$(ON_BLOCK='on_block = errno' allow_list exit_group)" ./damaged
	run -159 "${ALONE[@]}" -f "$(allow_list write)" ./damaged
	run -159 "${ALONE[@]}" -f "$(allow_list read)" ./damaged
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
        run = subprocess.run(["./x", "--sidecar=none", "-fp", "/bin/true", "0" * length], env={}, capture_output=True, text=True)
    except OSError:
        continue
    print(run.returncode, run.stderr, end="")
    break'
	is "$output" '126 agentsh-exec: /bin/true: Argument list too long (shorten the arguments or the environment)'
}

@test "a policy that blocks execve is an error" {
	local text
	for text in 'block = execve' $'default_action = block\nallow = read, exit_group' 'default_action = block'; do
		says 125 'execve' "${ALONE[@]}" -f "$(policy "[sandbox.seccomp.syscalls]
$text")" -- touch ran
	done
	[ ! -e ran ]
}

# --- degraded = no_unix ---

@test "no_unix: sockets and pairs are refused, but for pairs with a fixed peer" {
	run -0 "${ALONE[@]}" -f "$(policy "$NO_UNIX")" -- python3 -c 'import errno, socket as s
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
	run -0 "${ALONE[@]}" -f "$(policy "$NO_UNIX")" -- python3 -c 'import ctypes
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
			says 125 'descriptor 60: an inherited Unix socket' "$PROGRAMS/with_fd" "$kind" 60 "$program" --sidecar=none -f "$no_unix" \
				-- touch ran
		done
		for kind in stream-pair seqpacket-pair inet; do
			gives 0 ran "$PROGRAMS/with_fd" "$kind" 60 "$program" --sidecar=none -f "$no_unix" -- echo ran
		done
	done
	# Nor is one that has few below it, or none of the numbers that are looked at one by one, or is behind such a one.
	ulimit -n 4096
	for kind in 255 256 257 4000; do
		says 125 "descriptor $kind: an inherited Unix socket" "$PROGRAMS/with_fd" stream "$kind" "${ALONE[@]}" -f "$no_unix" \
			-- touch ran
		says 125 "descriptor 60: an inherited Unix socket" "$PROGRAMS/with_fd" inet "$kind" \
			"$PROGRAMS/with_fd" stream 60 "${ALONE[@]}" -f "$no_unix" -- touch ran
	done
	# Standard descriptors are no exception.
	says 125 'descriptor 0: an inherited Unix socket' "$PROGRAMS/with_fd" stream 0 "${ALONE[@]}" -f "$no_unix" -- touch ran
	gives 0 ran "$PROGRAMS/with_fd" stream-pair 60 bash -c 'exec "$@" <&60' bash "${ALONE[@]}" -f "$no_unix" -- echo ran
	[ ! -e ran ]
}

# beneath SCRIPT COMMAND...: the command, after SCRIPT in the same process has mounted things, which nobody else sees.
beneath() {
	unshare --mount --propagation private bash -c "$1"' && exec "${@:2}"' bash "$@"
}

@test "no_unix: what is open is not asked of a /proc that is none of this process's" {
	need_root
	local no_unix mediated script
	no_unix=$(policy "$NO_UNIX")
	mediated=$(supervised $'[sandbox.seccomp.unix_socket]\nenabled = true')
	mkdir -p empty other/self/fd
	sleep 60 3>&- &
	for script in 'mount --bind empty /proc/$$/fd' "mount --bind /proc/$!/fd /proc/\$\$/fd" "mount --bind /proc/$! /proc/\$\$" \
		'mount -t tmpfs none /proc/$$/fd' 'mount -t tmpfs none /proc/$$ && ln -s ../1/fd /proc/$$/fd' \
		'mount --bind other /proc'; do
		says 125 '(mount /proc: inherited descriptors are looked at)' beneath "$script" "$PROGRAMS/with_fd" stream 60 \
			"${ALONE[@]}" -f "$no_unix" -- touch ran
		# Where a sidecar mediates it is needed as well, and would not be there for the session's first call.
		says 125 '(mount /proc: inherited descriptors are looked at)' beneath "$script" \
			"$EXEC" --sidecar=private -f "$mediated" -- touch ran
	done
	kill "$!"
	wait "$!" || true
	[ ! -e ran ]
	# Another one of it is as good.
	gives 0 ran beneath 'mount -t proc none /proc' "${ALONE[@]}" -f "$no_unix" -- echo ran
}

@test "no_unix: an inherited io_uring is refused" {
	run "$PROGRAMS/with_fd" io_uring 60 true
	[ "$status" -eq 0 ] || skip "this host gives nobody an io_uring"
	says 125 'descriptor 60: an inherited io_uring' "$PROGRAMS/with_fd" io_uring 60 "${ALONE[@]}" -f "$(policy "$NO_UNIX")" \
		-- touch ran
	[ ! -e ran ]
}

@test "no_unix: what is inherited counts only there, and not where it is closed" {
	gives 0 ran "$PROGRAMS/with_fd" stream 60 "${ALONE[@]}" -- echo ran
	gives 0 ran "$PROGRAMS/with_fd" stream 60 "${ALONE[@]}" -f "$(policy "$NO_UNIX
[loader]
close_fds = yes")" -- echo ran
	gives 0 ran "$PROGRAMS/with_fd" stream 60 "${ALONE[@]}" -f "$(policy "$NO_UNIX
[sandbox.seccomp]
enabled = false")" -- echo ran
	says 125 'descriptor 0: an inherited' "$PROGRAMS/with_fd" stream 0 "${ALONE[@]}" -f "$(policy "$NO_UNIX
[loader]
close_fds = yes")" -- touch ran
}

@test "no_unix: the file of a socket, opened by its path only, is no socket" {
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")'
	gives 0 ran "$PROGRAMS/with_fd" path:s 60 "${ALONE[@]}" -f "$(policy "$NO_UNIX")" -- echo ran
}

# A filter around us that answers EPERM to getsockopt must not make a Unix socket look like none.
@test "no_unix: a socket that may not be asked what it is is refused" {
	local outer call
	for call in getsockopt getpeername; do
		outer=$(policy "[sandbox.seccomp.syscalls]
block = $call
on_block = errno")
		says 125 'descriptor 60: an inherited' "${ALONE[@]}" -f "$outer" -- "$PROGRAMS/with_fd" stream-pair 60 \
			"${ALONE[@]}" -f "$(policy "$NO_UNIX")" -- touch ran
	done
	[ ! -e ran ]
}

# --- isolate ---

isolated() {
	local file
	file=$(policy $'[loader]\nisolate = yes')
	run "${ALONE[@]}" -f "$file" -- true
	[[ $output != *Landlock* ]] || skip "this kernel cannot scope signals"
	echo "$file"
}

@test "isolate = yes: nothing outside can be signalled, everything inside can" {
	local file
	file=$(isolated)
	[ -f "$file" ] || skip "$file"
	gives 0 '' "${ALONE[@]}" -- bash -c 'kill -0 "$0"' $$
	run -1 "${ALONE[@]}" -f "$file" -- bash -c 'kill -0 "$0"' $$
	[[ $output == *'Operation not permitted'* ]]
	gives 143 '' "${ALONE[@]}" -f "$file" -- bash -c 'sleep 60 3>&- & kill -0 $! && kill -TERM $! && wait $!'
	run -1 "${ALONE[@]}" -f "$(policy $'[loader]\nisolate = yes\n[sandbox.seccomp]\nenabled = false')" -- \
		bash -c 'kill -0 "$0"' $$
}

@test "isolate = yes: where it cannot be had, nothing runs, unless that is accepted" {
	local outer
	outer=$(policy $'[sandbox.seccomp.syscalls]\nblock = landlock_create_ruleset\non_block = errno')
	says 125 'isolate: Landlock' "${ALONE[@]}" -f "$outer" -- "${ALONE[@]}" -f "$(policy $'[loader]\nisolate = yes')" -- touch ran
	[ ! -e ran ]
}
