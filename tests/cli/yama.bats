#!/usr/bin/env bats
# Yama, where only an ancestor may read a process (ptrace_scope = 1): on Debian's kernel, in a machine
# of this file's own, which runs tests/lib/yama-script once. Each test looks at a section of what it said.
#
# shellcheck disable=SC2154 # run sets output
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/kernel

setup_file() {
	[ "$(uname -m)" = x86_64 ] || return 0
	need_command setpriv
	kernel_run "$TOP/tests/lib/yama-script" "$EXEC_STATIC" "$BUILD/agentsh-sidecar" "$BUILD/agentshctl" \
		"$PROGRAMS/socket_steps" "$(command -v setpriv)"
}

setup() {
	[ "$(uname -m)" = x86_64 ] || skip "the machine is an x86_64"
}

# said SECTION: exactly what stands on standard input.
said() {
	diff -u - <(sed -n "/^== $1\$/,/^==\|^machine:/p" "$BATS_FILE_TMPDIR/said" | grep -v '^==\|^machine:')
}

@test "doctor: tells of it, and that an ancestor reads" {
	said doctor <<-'EOF'
		read-grandchild yes
		read-sibling no
		yama 1
	EOF
}

@test "the loader stays above, hidden, and ends as the command did" {
	said above <<-'EOF'
		agentsh-sidecar
		hidden
		status: 0
		status: 7
		Terminated
		status: 143
	EOF
}

@test "calls are carried out, denied and answered as the kernel does" {
	said calls <<-'EOF'
		connect /run/allowed: ok
		connect @allowed: ok
		connect /run/denied: EACCES
		exchange /tmp/own: ok
		datagram /tmp/datagram: ok
		datagram @own: ok
		connect /tmp/own: ok
		connect /missing: ENOENT
		status: 0
		reason: blocked_by_policy
	EOF
}

@test "a blocked call kills, and has its event" {
	said blocked <<-'EOF'
		Killed
		status: 137
		socket_steps ptrace killed
	EOF
}

@test "a process that hides, or that nobody may read, is denied and told as unreadable" {
	said hidden <<-'EOF'
		connect /run/allowed: ok
		hide: ok
		connect /run/allowed: EACCES
		status: 0
		reason: unreadable_target
		connect /run/allowed: EACCES
		status: 0
		reason: unreadable_target
	EOF
}

@test "an orphan is read all the same" {
	said orphan <<-'EOF'
		orphan: ok
		connect /run/allowed: ok
		datagram @own: ok
		connect /run/denied: EACCES
		status: 0
		reason: blocked_by_policy
	EOF
}

@test "memory that is never there keeps its own thread and no other" {
	said stuck <<-'EOF'
		stuck 3: ok
		connect /run/allowed: ok
		datagram @own: ok
		connect /run/denied: EACCES
		status: 0
		reason: blocked_by_policy
	EOF
}

@test "a worker that follows one that was killed has the reader too" {
	said restarted <<-'EOF'
		connect /run/allowed: ok
		connect /run/allowed: ok
		datagram @own: ok
		connect /run/denied: EACCES
		status: 0
		reason: blocked_by_policy
		recovered: 1
	EOF
}

@test "root reads whom it wants: the loader executes in place, other users below are served" {
	said root <<-'EOF'
		sh
		connect /run/allowed: ok
		uid 1001: ok
		connect /run/allowed: ok
		datagram @own: ok
		connect /run/denied: EACCES
		status: 0
		reason: blocked_by_policy
	EOF
}

@test "root without CAP_SYS_PTRACE: the loader stays; one that dropped its uid is unreadable" {
	said less <<-'EOF'
		agentsh-sidecar
		connect /run/allowed: ok
		uid 1001: ok
		connect /run/allowed: EACCES
		status: 0
		reason: unreadable_target
	EOF
}

@test "with a system sidecar the loader executes in place" {
	said system <<-'EOF'
		sh
		connect /run/allowed: ok
		connect /run/denied: EACCES
		status: 0
	EOF
}

@test "a policy that mediates nothing needs nobody above" {
	said unneeded <<-'EOF'
		sh
		status: 0
		sh
		status: 0
	EOF
}

@test "ptrace_scope = 2: refused, unless nothing is mediated" {
	said nobody <<-'EOF'
		agentsh-exec: sidecar: Yama lets no process of yours read another (use a system sidecar, or degraded = no_unix)
		status: 125
		ran
		status: 0
	EOF
}

@test "ptrace_scope = 0: the loader executes in place" {
	said zero <<-'EOF'
		sh
		connect /run/allowed: ok
		connect /run/denied: EACCES
		status: 0
		reason: blocked_by_policy
	EOF
}

@test "nothing is left running" {
	said left <<<nothing
}
