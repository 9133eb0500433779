#!/usr/bin/env bats
# agentshctl suggest: the events of an audit run as rules, which people read before they keep them.
#
# shellcheck disable=SC2016,SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

# event TYPE OPERATION PATH [MEMBERS]: a line of trail.jsonl.
event() {
	printf '{"type":"%s","session_id":"%s","pid":7,"comm":"%s","reason":"%s","operation":"%s","path":"%s"%s}\n' \
		"$1" "${SESSION:-s}" "${COMM:-tool}" "${REASON:-would_be_blocked}" "$2" "$3" "${4:-}" >>trail.jsonl
}

# suggests WANTED: the rules, without the comments that are only read.
suggests() {
	"$CTL" suggest trail.jsonl >suggested.ini
	is "$(grep -v -e '^; ' -e '^$' suggested.ini)" "$1"
	# It is a policy as it stands.
	run -0 "$CTL" check suggested.ini
}

@test "suggest: a rule for each service and each path, with the operations that were tried" {
	event unix_socket_audit connect /run/postgresql/.s.PGSQL.5432
	event unix_socket_audit connect /run/postgresql/.s.PGSQL.5433
	event unix_socket_audit connect /srv/app/x.sock
	event unix_socket_audit sendto /srv/app/x.sock
	event unix_socket_audit connect @name
	REASON=blocked_by_policy event unix_socket_blocked bind /srv/y
	REASON=magic_link event unix_socket_blocked connect /proc/self/cwd/x # no rule would help
	REASON=other_root_or_namespace event unix_socket_audit connect /x
	suggests '[unix_socket_rules.postgres]
services = postgres
operations = connect
[unix_socket_rules.x.sock]
paths = /srv/app/x.sock
operations = connect, sendto
[unix_socket_rules.name]
paths = @name
operations = connect
[unix_socket_rules.y]
paths = /srv/y
operations = bind'
	grep -qxF '; tried 2 times, first by tool' suggested.ini
	grep -qxF '; postgres: the databases that your user may use; a superuser of theirs runs commands' suggested.ini
}

@test "suggest: what a dangerous service gives is said, and its rule is a comment" {
	COMM=docker event unix_socket_audit connect /run/docker.sock
	suggests ';[unix_socket_rules.docker]
;services = docker
;operations = connect'
	grep -qxF '; DANGEROUS: docker: root on this host' suggested.ini
	grep -qxF '; tried 1 time, first by docker' suggested.ini
	# Not believed: what an event says that its service is.
	rm trail.jsonl
	event unix_socket_audit connect /run/docker.sock ',"service":"postgres"'
	suggests ';[unix_socket_rules.docker]
;services = docker
;operations = connect'
}

@test "suggest: what it suggests allows what was tried" {
	event unix_socket_audit connect /srv/app/x.sock
	event unix_socket_audit connect '@a\\x00b*' ',"path_hex":"40610062 2a"'
	event unix_socket_audit connect '@a\\x00b*' ',"path_hex":"406100622a"'
	event unix_socket_audit connect /x/base
	"$CTL" suggest trail.jsonl >suggested.ini
	local name
	for name in /srv/app/x.sock '@a\x00b*' /x/base; do
		run -0 "$CTL" explain --socket "$name" suggested.ini
		[[ $output == *' connect: allowed by '* ]] || is "$output" allowed
	done
	run -0 "$CTL" explain --socket '@a\x00bb' suggested.ini
	[[ $output == *' connect: denied by '* ]]
	# A rule of the name of the built-in one would take that one's place.
	run -0 "$CTL" explain --socket /dev/log suggested.ini
	[[ $output == *'allowed by [unix_socket_rules.base] services = base (a built-in default)'* ]]
}

@test "suggest: two of one name, and a name that is too long" {
	event unix_socket_audit connect /a/x
	event unix_socket_audit connect /b/x
	event unix_socket_audit connect "/$(printf 'x%.0s' {1..300})"
	suggests '[unix_socket_rules.x]
paths = /a/x
operations = connect
[unix_socket_rules.x-2]
paths = /b/x
operations = connect'
	grep -q '^; its name, of 301 bytes, is too long' suggested.ini
}

@test "suggest: what no rule can name is no rule, and its reason is a comment" {
	event unix_socket_audit connect /a/../b
	event unix_socket_audit connect //b
	event unix_socket_audit connect /a/
	event unix_socket_audit connect /a ',"path_hex":"2f610062"'
	event unix_socket_audit connect relative
	# Also where a pattern of a service's would match it.
	event unix_socket_audit connect '/run/user/1/../docker.sock'
	event unix_socket_audit fly /tmp/q
	event unix_socket_audit connect @
	event unix_socket_audit connect '' ',"path_hex":"zz"'
	event unix_socket_audit connect /cut ',"path_cut":5000'
	suggests ''
	is "$(grep -F 'without a rule' suggested.ini)" "; 1 event without a rule: its address is not known
; 1 event without a rule: its address has no name
; 1 event without a rule: its name is cut in the event
; 6 events without a rule: its path is relative, or has a NUL or an empty, '.' or '..' component
; 1 event without a rule: its operation is neither connect nor bind nor sendto"
	# What is known of one name counts.
	event unix_socket_audit bind /tmp/q
	suggests '[unix_socket_rules.q]
paths = /tmp/q
operations = bind'
	# A NUL would have cut it to another name.
	event unix_socket_audit connect '/a/\u0000b'
	run -1 --separate-stderr "$CTL" suggest trail.jsonl
	is "$stderr" 'trail.jsonl:12: a NUL in a string, which no event has'
	[[ $output != *'paths = /a'* ]]
}

@test "suggest: a name that the policy has already is told by check where both are put together" {
	event unix_socket_audit connect /srv/x
	"$CTL" suggest trail.jsonl >suggested.ini
	printf '[unix_socket_rules.x]\npaths = /other/x\n' | cat - suggested.ini >both.ini
	run -1 "$CTL" check both.ini
	[[ $output == *'section [unix_socket_rules.x] is given twice'* ]]
}

@test "suggest: system calls are named, and nothing more" {
	local call
	for call in mount ptrace mount; do
		printf '{"type":"seccomp_audit","session_id":"s","comm":"x","syscall":"%s","reason":"would_be_blocked"}\n' \
			"$call" >>trail.jsonl
	done
	printf '{"type":"seccomp_blocked","session_id":"s","comm":"x","syscall":"reboot","reason":"blocked_by_policy"}\n' >>trail.jsonl
	suggests ''
	is "$(grep -E '^;   ' suggested.ini)" ';   mount 2
;   ptrace 1'
}

@test "suggest: only what was denied or would be, of the session that is asked for" {
	REASON=allowed_by_policy event unix_socket_audit connect /a/allowed
	event unix_socket_allowed connect /a/b
	event unix_socket_audit connect ''
	event unix_socket_audit connect relative
	event unix_socket_audit connect /cut ',"path_cut":5000'
	SESSION=other event unix_socket_audit connect /a/other
	event unix_socket_audit connect /a/mine
	run -0 --separate-stderr "$CTL" suggest -s s trail.jsonl
	is "$(grep -v '^;' <<<"$output" | grep .)" '[unix_socket_rules.mine]
paths = /a/mine
operations = connect'
}

@test "suggest: an event is nobody's to write a rule, or to a terminal, with" {
	COMM='x\n[loader]\u001b[31m' event unix_socket_audit connect '/a\n[unix_socket_rules.evil]\npaths = /**'
	printf '{"type":"seccomp_audit","comm":"x","syscall":"a\\n[evil]"}\n' >>trail.jsonl
	suggests '[unix_socket_rules.--]
paths = /a\x0a\x5bunix_socket_rules.evil]\x0apaths\x20=\x20/\x2a\x2a
operations = connect'
	[[ $(<suggested.ini) != *$'\e'* ]]
}

@test "suggest: lines that are no events are findings, and the rest counts" {
	event unix_socket_audit connect /a/x
	echo 'no event' >>trail.jsonl
	event unix_socket_audit connect /a/y
	run -1 --separate-stderr "$CTL" suggest trail.jsonl
	[[ $stderr == trail.jsonl:2:* ]]
	is "$(grep -c '^paths' <<<"$output")" 2
	run -1 --separate-stderr "$CTL" suggest missing.jsonl
	is "$output:${#stderr_lines[@]}" :1
}

@test "suggest: no more rules than a policy can have" {
	local i
	for i in {1..300}; do event unix_socket_audit connect "/a/x$i"; done
	"$CTL" suggest trail.jsonl >suggested.ini
	is "$(grep -c '^\[' suggested.ini)" 256
	grep -qx '; 44 more, beyond the number of rules that a policy can have.' suggested.ini
	run -0 "$CTL" check suggested.ini
}

@test "suggest: wrong usage, and a full disk" {
	local arguments
	touch trail.jsonl
	for arguments in -x -f --json 'trail.jsonl trail.jsonl' -s; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$CTL" suggest $arguments
		is "$arguments: $output:${#stderr_lines[@]}" "$arguments: :1"
	done
	run -1 sh -c '"$0" suggest trail.jsonl >/dev/full' "$CTL"
	is "$output" 'agentshctl: standard output: No space left on device'
}
