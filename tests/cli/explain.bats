#!/usr/bin/env bats
# agentshctl explain: what each call gets and why, with file and line.
#
# shellcheck disable=SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	[ "$(uname -m)" = x86_64 ] || skip "the numbers are those of x86_64"
}

# write TEXT: to p.ini.
write() {
	printf '%s\n' "$1" >p.ini
}

# row NAME: that line of the whole table, blanks squeezed.
row() {
	"$CTL" explain p.ini | grep -E "^$1 " | tr -s ' ' | sed 's/ $//'
}

# one NAME: the same of --syscall NAME, all lines.
one() {
	"$CTL" explain --syscall "$1" p.ini | tr -s ' ' | sed 's/ $//'
}

@test "explain: the defaults" {
	write ''
	is "$(one ptrace)" 'ptrace 101 kill in block (a built-in default)'
	is "$(one getppid)" 'getppid 110 allow nothing blocks it'
	is "$("$CTL" explain p.ini | head -1)" '# policy: p.ini; architecture: x86_64'
	is "$("$CTL" explain p.ini | awk '$3 == "kill" && $2 ~ /^[0-9]+$/ { print $1 }' | sort | xargs)" \
		'delete_module finit_module init_module kexec_load mount personality pivot_root process_vm_readv process_vm_writev ptrace reboot umount2'
}

@test "explain: the built-in defaults, where there is no file" {
	[ ! -e /etc/agentsh/agentsh.ini ] || skip "this machine has a configuration of its own"
	run -0 --separate-stderr env -u HOME -u XDG_CONFIG_HOME "$CTL" explain
	is "${lines[0]}" '# policy: the built-in defaults; architecture: x86_64'
	is "$stderr" ''
}

@test "explain: a table of every call, each once, in the order of numbers" {
	write ''
	"$CTL" explain p.ini | grep -v '^#' | awk '$2 ~ /^[0-9]+$/ { print $2 }' >numbers
	[ "$(wc -l <numbers)" -gt 370 ] || is "$(wc -l <numbers)" 'more than 370'
	sort -n -u numbers | diff - numbers
	# Old, common, newest of libseccomp 2.5.4, and of our supplementary table.
	local name
	for name in read execve futex_waitv mseal open_tree_attr; do
		is "$(row "$name" | wc -l)" 1
	done
}

@test "explain: the table and --syscall say the same" {
	write $'[sandbox.seccomp.syscalls]\nblock = ptrace,\n        mount, open_tree_attr'
	local name
	for name in ptrace mount open_tree_attr read socket; do
		is "$(row "$name")" "$(one "$name")"
	done
}

@test "explain: a blocked call, with file and line, on a continuation line as well" {
	write $'[sandbox.seccomp.syscalls]\nblock = ptrace,\n        mount\n\n        open_tree_attr'
	is "$(one ptrace)" 'ptrace 101 kill in block (p.ini:2)'
	is "$(one mount)" 'mount 165 kill in block (p.ini:3)'
	is "$(one open_tree_attr)" 'open_tree_attr 467 kill in block (p.ini:5)'
	is "$(one umount2)" 'umount2 166 allow nothing blocks it'
	write $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = errno'
	is "$(one ptrace)" 'ptrace 101 EPERM in block (p.ini:2)'
}

@test "explain: under an allow-list" {
	write $'[sandbox.seccomp.syscalls]\n\ndefault_action = block\nblock =\nallow = execve,\n  exit_group, mseal'
	is "$(one execve)" 'execve 59 allow in allow (p.ini:5)'
	is "$(one mseal)" 'mseal 462 allow in allow (p.ini:6)'
	is "$(one read)" 'read 0 kill not in allow (p.ini:3)'
	is "$(one file_setattr)" 'file_setattr 469 kill not in allow (p.ini:3)'
	is "$("$CTL" explain p.ini | grep -F '(newer calls)' | awk '{ print $4 }')" ENOSYS
	write ''
	is "$("$CTL" explain p.ini | grep -F '(newer calls)' | awk '{ print $4 }')" allow
}

@test "explain: no_unix, with the arguments it depends on" {
	write $'[sandbox.seccomp.unix_socket]\nenabled = true\n\ndegraded = no_unix'
	is "$(one socket)" 'socket 41 allow nothing blocks it
 EACCES AF_UNIX sockets: degraded = no_unix (p.ini:4)'
	is "$(one socketpair)" 'socketpair 53 allow nothing blocks it
 EACCES AF_UNIX pairs other than stream and seqpacket: degraded = no_unix (p.ini:4)'
	[[ $(one io_uring_setup) == 'io_uring_setup 425 ENOSYS io_uring '*'(p.ini:4)' ]]
	is "$(one connect)" 'connect 42 allow nothing blocks it'
	# A call that is blocked and has a rule for sockets: block wins.
	write $'[sandbox.seccomp.syscalls]\nblock = socket\n[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix'
	is "$(one socket)" 'socket 41 kill in block (p.ini:2)'
}

@test "explain: names of other architectures, and names of none" {
	write $'[sandbox.seccomp.syscalls]\nblock = ptrace,\n  socketcall'
	is "$(row socketcall)" 'socketcall - - no such call on x86_64 (p.ini:3)'
	is "$(one socketcall)" 'socketcall - - no such call on this architecture'
	run -1 --separate-stderr "$CTL" explain --syscall ptrase p.ini
	is "$output:$stderr" ":agentshctl: explain: unknown system call 'ptrase' (did you mean 'ptrace'?)"
	run -1 --separate-stderr "$CTL" explain --syscall=open_tree_atr p.ini
	is "$stderr" "agentshctl: explain: unknown system call 'open_tree_atr' (did you mean 'open_tree_attr'?)"
	run -1 --separate-stderr "$CTL" explain --syscall frobnicate_everything p.ini
	is "$output:$stderr" ":agentshctl: explain: unknown system call 'frobnicate_everything'"
	run -1 --separate-stderr "$CTL" explain --syscall '' p.ini
	is "$output" ''
}

@test "explain: where no filter is installed" {
	local off
	for off in 'enabled = false' 'mode = disabled'; do
		write "[sandbox.seccomp]
$off"
		[[ $("$CTL" explain p.ini) == *$'\n# no filter is installed'* ]]
		is "$(one ptrace)" 'ptrace 101 allow nothing blocks it'
		is "$("$CTL" explain p.ini | awk '$2 ~ /^[0-9]+$/ && $3 != "allow"')" ''
	done
}

@test "explain: no policy that agentsh-exec applies is said to be refused" {
	write $'[shim]\nenabled = true'
	[[ $("$CTL" explain p.ini) != *refuses* ]]
	write $'[sandbox.seccomp]\nmode = audit'
	[[ $("$CTL" explain p.ini) != *refuses* ]]
}

# What explain says is what the kernel does: each action once, on a real call.
@test "explain: what it says is what happens" {
	write $'[sandbox.seccomp.syscalls]\nblock = ptrace'
	is "$(one ptrace)" 'ptrace 101 kill in block (p.ini:2)'
	run -159 "${ALONE[@]}" -f "$(policy "$(<p.ini)")" -- "$PROGRAMS/trace_self"
	write $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = errno'
	is "$(one ptrace)" 'ptrace 101 EPERM in block (p.ini:2)'
	run -1 "${ALONE[@]}" -f "$(policy "$(<p.ini)")" -- "$PROGRAMS/trace_self"
	write $'[sandbox.seccomp.syscalls]\nblock = mount'
	is "$(one ptrace)" 'ptrace 101 allow nothing blocks it'
	run -0 "${ALONE[@]}" -f "$(policy "$(<p.ini)")" -- "$PROGRAMS/trace_self"
}

@test "explain: errors and wrong usage" {
	write $'[shim]\nenable = yes\n[secrets]'
	run -1 --separate-stderr "$CTL" explain p.ini
	is "$output:$stderr" $':p.ini:2: unknown key \'enable\' in [shim]\np.ini:3: unknown section [secrets]'
	run -1 --separate-stderr "$CTL" explain missing.ini
	is "$output" ''
	[[ $stderr == 'agentshctl: missing.ini: No such file or directory'* ]]
	write ''
	local arguments
	for arguments in '--syscall' '--no-such-option' '-x' 'p.ini p.ini' '--syscall read p.ini p.ini'; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$CTL" explain $arguments
		is "$arguments: $output:${#stderr_lines[@]}" "$arguments: :1"
	done
	# shellcheck disable=SC2016 # expanded by the inner shell
	run -1 sh -c '"$0" explain p.ini >/dev/full' "$CTL"
	is "$output" 'agentshctl: standard output: No space left on device'
}
