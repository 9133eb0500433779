#!/usr/bin/env bats
# Under limits on memory, descriptors and files: what runs is filtered, or nothing runs; with a private
# sidecar and without.
#
# What an inner shell expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

FILTERED_ONCE='seccomp=2 no_new_privs=1'

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	SUPERVISED=$(supervised '')
	PLAIN=$(policy '')
	PLACE=
}

teardown() {
	[ -z "$PLACE" ] || rm -r "$PLACE"
}

# bounded TEXT LIMIT LOADER ARGUMENT...: with that limit of prlimit's its command runs filtered, or nothing
# of it runs.
bounded() {
	local output status=0
	output=$(prlimit "$2" --core=0 "${@:3}" -- "$PROGRAMS/nolibc_state" 2>/dev/null) || status=$?
	[ "$status:$output" = "0:$FILTERED_ONCE" ] || { [ "$status" -ne 0 ] && [ "$output" = '' ]; } ||
		is "$1 $2: $status $output" 'filtered, or a failure'
	ends+=" $status"
}

# each_way LIMIT: both builds, with a private sidecar and without.
each_way() {
	local program
	for program in "$EXEC" "$EXEC_STATIC"; do
		bounded private "$1" "$program" -f "$SUPERVISED"
		bounded none "$1" "$program" --sidecar=none -f "$PLAIN"
	done
}

# Both were met: it ran, and nothing ran.
both_ends() {
	[[ "$ends " == *' 0 '* && "$ends " == *' 125 '* ]] || is "$ends" '... 0 ... 125 ...'
}

@test "memory" {
	local size ends=''
	for size in 0 100 500 $(seq 1000 400 12000); do
		each_way "--as=$((size * 1024))"
	done
	for size in 0 4096 65536 131072; do
		each_way "--data=$size"
		each_way "--stack=$size"
	done
	both_ends
}

@test "memory: whoever runs is answered" {
	local file limit program output status
	file=$(supervised $'[notices]\nstderr = never\n[sandbox.seccomp.syscalls]\nblock = personality\non_block = log')
	for program in "$EXEC" "$EXEC_STATIC"; do
		for limit in as={1000..7000..500} data={100..1900..200}; do
			status=0
			output=$(timeout 25 prlimit "--${limit%=*}=$((${limit#*=} * 1024))" --core=0 \
				"$program" -f "$file" --sidecar=private -- setarch -R true 2>&1) || status=$?
			# 127, 139: there is too little for the loader itself, or for setarch.
			[[ $status =~ ^(125|127|139)$ || ($status -eq 1 && $output == *'not permitted'*) ]] || {
				echo "$program, $limit KiB: $status: $output"
				return 1
			}
		done
	done
}

@test "descriptors" {
	local count ends='' no_unix
	no_unix=$(policy "$NO_UNIX")
	for count in $(seq 0 24); do
		each_way "--nofile=$count"
		bounded no_unix "--nofile=$count" "$EXEC" --sidecar=none -f "$no_unix"
	done
	both_ends
}

@test "descriptors: whoever runs is answered" {
	local file most
	file=$(supervised $'[notices]\nstderr = never\n[sandbox.seccomp.syscalls]\nblock = personality\non_block = log')
	for most in 12 15 16 17 18 19 20 22 25 30 33 40 64 70 128; do
		run timeout 25 prlimit --nofile="$most:$most" "$EXEC" -f "$file" --sidecar=private -- setarch -R true
		[[ $status -eq 125 || ($status -eq 1 && $output == *'not permitted'*) ]] || {
			echo "$most: $status: $output"
			return 1
		}
	done
}

@test "processes: no sidecar, no command" {
	need_root
	local count ends=''
	PLACE=$(mktemp -d /tmp/agentsh-limits.XXXXXX)
	install -m 0755 "$EXEC_STATIC" "$BUILD/agentsh-sidecar" "$PROGRAMS/nolibc_state" "$PLACE"
	install -m 0644 "$(policy "[sidecar]
socket = /nonexistent/sidecar.sock
events = $PLACE/events")" "$PLACE/p.ini"
	chown 47011 "$PLACE"
	PROGRAMS=$PLACE
	for count in 0 1 2 3 4 200; do
		bounded processes "--nproc=$count" setpriv --reuid=47011 --regid=47011 --clear-groups \
			"$PLACE/agentsh-exec" -f "$PLACE/p.ini"
	done
	both_ends
}

# Whether it is the kernel or a sidecar that ends it: not one blocked call runs.
@test "size of files: the whole filter, whatever its length" {
	local program size text
	# Two stages: where the first is cut short, its jumps would land in the second.
	text="$NO_UNIX
[sandbox.seccomp.syscalls]
block = ptrace, mount, umount2, acct, add_key, adjtimex, bpf, chroot, clock_settime, delete_module, finit_module,
 fsconfig, fsmount, fsopen, fspick, init_module, ioperm, iopl, kexec_load, keyctl, lookup_dcookie, mbind, migrate_pages,
 move_mount, move_pages, name_to_handle_at, open_by_handle_at, open_tree, perf_event_open, personality, pivot_root,
 process_vm_readv, process_vm_writev, quotactl, reboot, request_key"
	PLAIN=$(policy "$text")
	SUPERVISED=$(supervised "$text")
	for size in 0 $(seq 8 64 648); do
		for program in "$EXEC" "$EXEC_STATIC"; do
			run prlimit --fsize="$size" --core=0 "$program" --sidecar=none -f "$PLAIN" -- "$PROGRAMS/trace_self"
			is "none $size $status" "none $size 159"
			run prlimit --fsize="$size" --core=0 "$program" -f "$SUPERVISED" -- "$PROGRAMS/trace_self"
			[[ $status:$output == 125:*'sidecar: '* ]] || is "private $size $status" "private $size 137"
		done
	done
}

@test "size of files: filtered, or nothing runs" {
	local size ends=''
	for size in 0 1 7 8 64 96 100 128 136 144 151 152 160 4096; do
		each_way "--fsize=$size"
	done
}

# A trail that may not grow is as one on a disk that is full: a blocked call is answered all the same.
@test "size of files: a trail at its limit" {
	head -c 4194304 /dev/zero | tr '\0' '\n' >"$EVENTS"
	SUPERVISED=$(supervised $'[sandbox.seccomp.syscalls]\non_block = log')
	run -1 prlimit --fsize=4194304 --core=0 "$EXEC" -f "$SUPERVISED" -- "$PROGRAMS/trace_self"
	is "${lines[0]}" 'ptrace: Operation not permitted'
	is "$(stat -c %s "$EVENTS")" 4194304
}
