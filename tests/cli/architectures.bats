#!/usr/bin/env bats
# What ends the whole process, and not only the thread that called: each call of the default block
# list, and calls of another architecture, made raw from the main thread and from a second one. Ended by
# the kernel, without a sidecar, and by a private one.
#
# shellcheck disable=SC2030,SC2031,SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

BLOCKED='ptrace process_vm_readv process_vm_writev personality mount umount2 pivot_root reboot kexec_load
	init_module finit_module delete_module'

setup() {
	ulimit -c 0
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	DEFAULTS=$(policy '')
	WITHOUT_UNIX=$(policy "$NO_UNIX")
	SUPERVISED=$(supervised $'[notices]\nstderr = never')
}

# ends HOW COMMAND...: as a parent sees it by waitpid: -31 is death by SIGSYS, which no exit status can feign.
ends() {
	local how=$1
	shift
	run --separate-stderr python3 -c 'import subprocess, sys
print("ended by", subprocess.run(sys.argv[1:]).returncode)' "$@"
	is "$*: ${lines[-1]}" "$*: ended by $how"
}

# killed CALL: behind each policy and from each thread. Without a filter it returns, so that it was the filter.
killed() {
	local thread file
	for thread in main thread; do
		ends 0 "$PROGRAMS/raw_call" "$thread" "$1"
		for file in "$DEFAULTS" "$WITHOUT_UNIX"; do
			ends -31 "${ALONE[@]}" -f "$file" -- "$PROGRAMS/raw_call" "$thread" "$1"
			is "${#lines[@]}:$stderr" 1:
		done
		ends -9 "$EXEC" -f "$SUPERVISED" -- "$PROGRAMS/raw_call" "$thread" "$1"
		is "${#lines[@]}:$stderr" 1:
	done
}

need_x86_64() {
	[ "$(uname -m)" = x86_64 ] || skip "x86_64 only"
}

@test "each call of the default block list, from either thread, kills the whole process" {
	local call
	for call in $BLOCKED; do
		killed "$call"
	done
}

@test "the calls made here are those of the default block list" {
	# shellcheck disable=SC2086 # words
	is "$("$CTL" explain "$DEFAULTS" | awk '$3 == "kill" { print $1 }' | sort)" "$(printf '%s\n' $BLOCKED | sort)"
}

@test "a 32-bit call from 64-bit code, from either thread, kills the whole process" {
	need_x86_64
	"$PROGRAMS/raw_call" main int80 >/dev/null || skip "this kernel has no 32-bit calls"
	killed int80
}

@test "an x32 call, from either thread, kills the whole process" {
	need_x86_64
	killed x32
}

# errno in place of kill answers blocked calls only.
@test "a foreign call kills whatever on_block and default_action say" {
	need_x86_64
	local file call
	for file in "$(policy $'[sandbox.seccomp.syscalls]\non_block = errno')" \
		"$(policy $'[sandbox.seccomp.syscalls]\nblock =')"; do
		for call in int80 x32; do
			ends -31 "${ALONE[@]}" -f "$file" -- "$PROGRAMS/raw_call" thread "$call"
		done
		ends 0 "${ALONE[@]}" -f "$file" -- "$PROGRAMS/raw_call" thread mount
	done
}

# SECCOMP_RET_KILL_THREAD, libseccomp's own default, is seen for what it is by the program above.
@test "the end of one thread is not taken for that of the process" {
	local thread number
	number=$(python3 -c 'import platform; print({"x86_64": 165, "aarch64": 40}[platform.machine()])')
	python3 - "$number" >filter <<-'END'
		import struct, sys
		for code, jt, jf, k in (0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0), (6, 0, 0, 0x7fff0000):
		    sys.stdout.buffer.write(struct.pack("HBBI", code, jt, jf, k))
	END
	for thread in main thread; do
		ends 1 "$PROGRAMS/load_filter" filter "$PROGRAMS/raw_call" "$thread" mount
		is "${lines[0]}" 'only the thread has ended'
	done
}
