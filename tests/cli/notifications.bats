#!/usr/bin/env bats
# What becomes of a blocked call where a sidecar is asked: it never runs, and it has its event, which
# says who made it.
#
# shellcheck disable=SC2030,SC2031,SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/events

MARKS='[sandbox.seccomp.syscalls]
block = mkdirat, symlinkat, ftruncate'

setup() {
	ulimit -c 0
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	mkdir marks
	: >marks/file
	: >"$EVENTS"
}

# leaves_none ORDER ON_BLOCK [OPTION...]: 4,500 processes of all shapes: no mark, and one event each. What ORDER does to
# the calls' numbers and to the events' makes them equal: cat, or sort, where the one has ended before its event is written.
leaves_none() {
	local file order=$1
	shift
	file=$(watched "$MARKS
on_block = $1")
	"$EXEC" -f "$file" -- "$PROGRAMS/blocked_calls" "${@:2}" marks 4500 >calls 2>said
	is "$(ls marks):$(stat -c %s marks/file)" file:0
	events 'select(.type == "seccomp_blocked") | .tid' >told
	is "$(wc -l <told)" 4500
	is "$(cut -d ' ' -f 1 calls | "$order")" "$("$order" told)"
	has_no_gap
}

# how: in how many ways the processes ended, as blocked_calls says it.
how() {
	cut -d ' ' -f 2- calls | sort -u
}

@test "kill: of 4,500 blocked calls none leaves a mark, and each has its event" {
	leaves_none sort kill
	is "$(how)" 'signal 9 0'
	is "$(events 'select(.type == "seccomp_blocked") | .action + " " + .reason' | sort -u)" 'killed blocked_by_policy'
	is "$(events 'select(.type == "session_end") | "\(.killed) \(.denied) \(.audited) \(.lost)"')" '4500 0 0 0'
}

@test "log_and_kill: the same, and the event is there when the parent sees the death" {
	leaves_none cat log_and_kill -e "$EVENTS"
	is "$(how)" 'signal 9 0'
	is "$(events 'select(.type == "seccomp_blocked") | .action' | sort -u)" killed
}

@test "log: EPERM, and the event is there before the call returns" {
	leaves_none cat log -e "$EVENTS"
	is "$(how)" 'status 1 0'
	is "$(events 'select(.type == "seccomp_blocked") | .action' | sort -u)" denied
}

@test "audit: everything runs, and each is an event that says so" {
	local file
	file=$(watched "[sandbox.seccomp]
mode = audit
$MARKS
on_block = log_and_kill")
	"$EXEC" -f "$file" -- "$PROGRAMS/blocked_calls" -e "$EVENTS" marks 90 >calls
	is "$(how)" 'status 0 0'
	is "$(find marks -name 'mark-*' | wc -l):$(stat -c %s marks/file)" 60:89
	is "$(cut -d ' ' -f 1 calls)" "$(events 'select(.type == "seccomp_audit") | .tid')"
	is "$(events 'select(.syscall) | "\(.type) \(.reason) \(.action)"' | sort -u)" \
		'seccomp_audit would_be_blocked allowed'
	is "$(events 'select(.type == "session_end") | "\(.killed) \(.denied) \(.audited)"')" '0 0 90'
	has_no_gap
}

# called_as COMMAND...: a denied call, whose event must have the numbers that the caller itself saw.
called_as() {
	: >"$EVENTS"
	"$EXEC" -f "$LOGS" -- "$@" >saw 2>said
	is "$(events 'select(.type == "seccomp_blocked") | "\(.pid) \(.tid) \(.uid) 1"')" "$(cat saw)"
}

hex() {
	od -An -v -tx1 | tr -d ' \n'
}

# is_called FIELD HEX: the member's bytes, from its _hex where there is one.
is_called() {
	# shellcheck disable=SC2016 # jq's
	events 'select(.type == "seccomp_blocked")' | python3 -c '
import json, sys
event = json.loads(sys.stdin.buffer.read())
name = sys.argv[1]
got = event.get(name + "_hex") or event[name].encode().hex()
sys.exit(got != sys.argv[2] and f"{name}: {event[name]!r}, bytes {got}, not {sys.argv[2]}")' "$1" "$2"
}

@test "pid, tid and uid: of a leader, of another thread, and in another pid namespace" {
	LOGS=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = log')
	called_as "$PROGRAMS/denied_call" main one ptrace
	is "$(cut -d ' ' -f 1 saw)" "$(cut -d ' ' -f 2 saw)"
	called_as "$PROGRAMS/denied_call" thread two ptrace
	[ "$(cut -d ' ' -f 1 saw)" -ne "$(cut -d ' ' -f 2 saw)" ]
	need_root
	called_as unshare -pf "$PROGRAMS/denied_call" main three ptrace
	called_as unshare -pf unshare -pf "$PROGRAMS/denied_call" thread four ptrace
}

@test "uid: the one the thread has taken" {
	need_root
	for_others denied_call
	LOGS=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = log')
	called_as setpriv --reuid 65534 --regid 65534 --clear-groups "$PROGRAMS/denied_call" thread five ptrace
	is "$(cut -d ' ' -f 3 saw)" 65534
}

@test "comm and exe: any bytes, and they can be had back" {
	local name exe
	LOGS=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = log')
	while read -r name exe; do
		exe=$(printf '%b' "$exe")
		cp "$PROGRAMS/denied_call" "./$exe"
		called_as "./$exe" thread "$name" ptrace
		is_called comm "$(printf '%b' "$name" | hex)"
		is_called exe "$(printf '%s' "$PWD/$exe" | hex)"
	done <<-'END'
		plain plain
		\xff\xfe\x80 \xff\xfe\x80
		a\x0ab\x0aUid:\x090 a\nb\nTgid:\t1
		"\x5c\x27}{ q"\x27}{$
		\xe2\x82 snow\xe2\x98\x83
		)\x20R\x201 ) R 1
	END
}

@test "exe: of a program that has been deleted" {
	LOGS=$(watched $'[sandbox.seccomp.syscalls]\nblock = ptrace\non_block = log')
	cp "$PROGRAMS/denied_call" gone
	called_as python3 -c 'import os, sys
program = os.open("gone", os.O_PATH)
os.unlink("gone")
os.execv(f"/proc/self/fd/{program}", ["gone", "main", "name", "ptrace"])'
	is "$(events 'select(.type == "seccomp_blocked").exe')" "$PWD/gone (deleted)"
}

need_foreign() {
	[ "$(uname -m)" = x86_64 ] || skip "x86_64 only"
	"$PROGRAMS/raw_call" main int80 >/dev/null || skip "this kernel has no 32-bit calls"
}

@test "a call of another architecture, from either thread: all of it is killed, and that is an event" {
	local thread call file on_block
	need_foreign
	for on_block in kill log_and_kill log errno; do
		file=$(watched $'[sandbox.seccomp.syscalls]\non_block = '"$on_block")
		for thread in main thread; do
			for call in int80 x32; do
				: >"$EVENTS"
				run -137 --separate-stderr "$EXEC" -f "$file" -- "$PROGRAMS/raw_call" "$thread" "$call"
				is "$(events 'select(.arch) | "\(.type) \(.reason) \(.action) \(.syscall) \(.syscall_nr) \(.arch)"')" \
					"foreign_arch foreign_arch killed null $([ "$call" = x32 ] && echo 1073741863 x32 || echo 20 i386)"
				is "$(events 'select(.type == "session_end") | "\(.signal) \(.killed) \(.foreign)"')" '9 1 1'
			done
		done
	done
}

@test "a call of another architecture in audit mode: reported, and the process goes on" {
	local thread call file
	need_foreign
	file=$(watched $'[sandbox.seccomp]\nmode = audit')
	for thread in main thread; do
		for call in int80 x32; do
			: >"$EVENTS"
			run -0 --separate-stderr "$EXEC" -f "$file" -- "$PROGRAMS/raw_call" "$thread" "$call"
			is "$output" "$("$PROGRAMS/raw_call" "$thread" "$call")"
			is "$(events 'select(.arch) | "\(.type) \(.action)"')" 'foreign_arch allowed'
		done
	done
}

@test "several threads call at once and one is killed for it: no call runs, and no thread is told of twice" {
	local file
	file=$(watched "$MARKS")
	run -0 "$EXEC" -f "$file" -- python3 -c '
import os, subprocess, sys
one = """
import os, threading
def call(number):
    while True: os.mkdir(f"marks/{number}", dir_fd=os.open(".", os.O_RDONLY))
for number in range(8):
    threading.Thread(target=call, args=(number,)).start()
"""
ended = {subprocess.run([sys.executable, "-c", one]).returncode for _ in range(40)}
sys.exit(ended != {-9})'
	is "$(ls marks)" file
	is "$(events 'select(.type == "seccomp_blocked") | .tid' | sort | uniq -d)" ''
	[ "$(events 'select(.type == "seccomp_blocked") | .tid' | wc -l)" -ge 40 ]
}
