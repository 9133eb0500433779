#!/usr/bin/env bats
# The loader is tiny: its size, and every system call that it makes before the target begins.
#
# shellcheck disable=SC2016,SC2154 # an inner shell expands; run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/supervised

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	sidecar_stop
}

need_trace() {
	need_command strace
	strace -qq -o /dev/null true 2>/dev/null || skip "nothing can be traced here"
}

# trace COMMAND...: the calls between the first two execve, a call a line, into calls.
# With strace's own words: openat "/path", prctl CONSTANT; of the others the name. What is one question and has two names
# (glibc 2.41 uses the others) has one of them here.
trace() {
	strace -qq -s 4096 -e signal=none -o trace "$@" >/dev/null 2>&1
	awk '/^execve\(/ && /= 0$/ { n++; next } n == 1' trace |
		sed -E -e 's/^newfstatat\([0-9]+, "", .*, AT_EMPTY_PATH\) .*/fstat/;t' \
			-e 's/^readlinkat\(AT_FDCWD, /readlink(/' \
			-e 's/^(openat|newfstatat|faccessat2|access|readlink|memfd_create)\(([A-Z0-9_]+, )?("[^"]*").*/\1 \3/;t' \
			-e 's/^(prctl|arch_prctl|seccomp)\((0x[0-9a-f]+|[A-Z0-9_]+).*/\1 \2/;t' \
			-e 's/^prlimit64\(0, ([A-Z_]+), .*/prlimit64 \1/;t' \
			-e 's/^getrandom\(.*, ([A-Z0-9_]+)\) *= .*/getrandom \1/;t' \
			-e 's/^([a-z0-9_]+)\(.*/\1/' >calls
}

# listed BUILD system|alone: what tests/data/startup.calls has for it.
listed() {
	sed -n -E "s/^(both|$1|$2|$1-$2) +//p" "$TOP/tests/data/startup.calls"
}

# like_list BUILD system|alone OPTION...: started so, it makes the listed calls and no other.
like_list() {
	local program=$EXEC
	[ "$1" = dynamic ] || program=$EXEC_STATIC
	(exec python3 -c 'import os, sys
os.closerange(3, 65536)
os.execvpe(sys.argv[1], sys.argv[1:], {"PATH": os.environ["PATH"]})' "$BASH" -c "$(declare -f trace); trace \"\$@\"" \
		trace "$program" "${@:3}" -- /bin/true)
	listed "$1" "$2" >wanted
	diff -u wanted calls
}

@test "size: stripped and dynamically linked it is under 64 KiB" {
	need_command strip
	strip -o stripped "$EXEC"
	[ "$(stat -c %s stripped)" -lt 65536 ] || is "$(stat -c %s stripped)" 'less than 65536'
	# It is the dynamic one.
	[[ $(ldd "$EXEC") == *libseccomp* ]]
}

@test "size: nothing is linked but what the Makefile gives a reason for" {
	is "$(objdump -p "$EXEC" | sed -n 's/^ *NEEDED *//p' | sort | xargs)" 'libc.so.6 libinih.so.1 libseccomp.so.2'
	[[ $(objdump -p "$EXEC_STATIC") != *NEEDED* ]]
}

@test "size: not at the cost of hardening" {
	need_command readelf
	local program facts symbols
	for program in "$EXEC" "$EXEC_STATIC" "$CTL"; do
		facts=$(readelf -W -h -l -d "$program")
		[[ $facts =~ \(FLAGS_1\)[^$'\n']*PIE ]] || is "$program" 'an address of chance'
		[[ $facts =~ \(FLAGS\)[^$'\n']*BIND_NOW && $facts == *GNU_RELRO* ]] || is "$program" 'bound, then read-only'
		[[ $facts =~ GNU_STACK[^$'\n']*\ RW\ +0x ]] || is "$program" 'a stack that is not executed'
		[[ ! $facts =~ LOAD[^$'\n']*\ (RWE|\ WE)\ +0x ]] || is "$program" 'nothing writable and executable'
	done
	# What the dynamic one asks the C library for.
	symbols=$(nm "$EXEC" | sed 's/@.*//')
	[[ $symbols == *' U __stack_chk_fail'* ]] || is "$symbols" 'stack protector'
	[[ $symbols == *' U __snprintf_chk'* ]] || is "$symbols" 'fortified'
}

@test "system calls: the listed ones and no other" {
	need_trace
	[ "$(uname -m)" = x86_64 ] || skip "the list is that of x86_64"
	[ ! -e /etc/agentsh/agentsh.ini ] || skip "this machine has a configuration of its own"
	[ ! -e /var/cache/agentsh-exec ] || skip "this machine has programs in the cache"
	cp "$(policy '')" p.ini
	like_list static alone --sidecar=none -f p.ini
	like_list dynamic alone --sidecar=none -f p.ini
}

@test "system calls: with a sidecar that runs already: the listed ones and no other" {
	need_trace
	[ "$(uname -m)" = x86_64 ] || skip "the list is that of x86_64"
	[ ! -e /etc/agentsh/agentsh.ini ] || skip "this machine has a configuration of its own"
	[ "$(stat -L -c %s /proc/self/fd)" -gt 0 ] || skip "before Linux 6.2 descriptors are looked for in another way"
	sidecar_start
	like_list static system "--sidecar=$SOCKET"
	like_list dynamic system "--sidecar=$SOCKET"
}

# after_load COMMAND...: what is called between the load and the target.
after_load() {
	strace -qq -e signal=none -o trace "$@" >/dev/null 2>&1 || true
	awk '/^seccomp\(SECCOMP_SET_MODE_FILTER/ { loaded = 1; next } loaded && /^execve\(/ { print; if (/= 0$/) exit; next }
		loaded { print }' trace
}

@test "system calls: nothing but execve between the load and the target, whatever the policy" {
	need_trace
	local text program calls
	for text in '' $'[loader]\nclose_fds = yes\nisolate = yes' \
		$'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix' \
		$'[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve, exit_group'; do
		for program in "$EXEC" "$EXEC_STATIC"; do
			calls=$(after_load "$program" --sidecar=none -f "$(policy "$text")" -- "$PROGRAMS/nolibc_exit")
			[[ $calls == "execve(\"$PROGRAMS/nolibc_exit\""* && $calls == *'= 0' ]] || is "$calls" 'execve(...) = 0'
			is "$(wc -l <<<"$calls")" 1
		done
	done
	# A file for /bin/sh: execve twice.
	: >script
	chmod 755 script
	calls=$(after_load "${ALONE[@]}" -f "$(policy '')" -- ./script)
	is "$(sed -E 's/^(execve\("[^"]*").*= (-1 E[A-Z]+|0).*/\1 \2/' <<<"$calls")" 'execve("./script" -1 ENOEXEC
execve("/bin/sh" 0'
}

@test "system calls: nothing but the announcement between the load and execve, with a sidecar" {
	need_trace
	local program calls how
	sidecar_start
	for program in "$EXEC" "$EXEC_STATIC"; do
		for how in '' $'[sandbox.seccomp]\nmode = audit' $'[sandbox.seccomp.syscalls]\non_block = log'; do
			calls=$(after_load "$program" "--sidecar=$SOCKET" -f "$(policy "$how")" -- "$PROGRAMS/nolibc_exit")
			is "$(cut -d '(' -f 1 <<<"$calls" | xargs)" 'sendto read execve'
		done
		# Where the policy leaves neither, a helper announces, from outside of the filter.
		calls=$(after_load "$program" "--sidecar=$SOCKET" -f "$(policy $'[sandbox.seccomp.syscalls]
default_action = block\nblock =\nallow = execve, exit_group')" -- "$PROGRAMS/nolibc_exit")
		is "$(cut -d '(' -f 1 <<<"$calls" | xargs)" execve
	done
}

@test "system calls: the configuration is opened once and judged on that descriptor" {
	need_trace
	local file
	file=$(policy '')
	trace "${ALONE_STATIC[@]}" -f "$file" -- /bin/true
	is "$(grep -c -F "\"$file\"" trace)" 2 # execve's argv, and openat
	is "$(grep -F "openat(AT_FDCWD, \"$file\"" trace | sed 's/.*", //;s/).*//')" \
		'O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC'
	# No call by a path can then speak of another file.
	is "$(grep -E '^(newfstatat|stat|access|faccessat2|readlink|openat)\(' trace | grep -c -F "$file")" 1
}

@test "system calls: the load asks for nothing but the filter" {
	need_trace
	trace "${ALONE_STATIC[@]}" -f "$(policy '')" -- /bin/true
	is "$(grep -c '^seccomp(SECCOMP_SET_MODE_FILTER, 0, ' trace)" 1
	is "$(grep -c '^prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)' trace)" 1
	# No filter, no load.
	trace "${ALONE_STATIC[@]}" -f "$(policy $'[sandbox.seccomp]\nenabled = false')" -- /bin/true
	is "$(grep -c '^seccomp(' trace || true)" 0
	is "$(grep -c '^prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)' trace)" 1
}
