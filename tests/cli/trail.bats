#!/usr/bin/env bats
# agentshctl events, last, sessions: trails made here, with all that a writer, a crash or an attacker may
# leave in one.
#
# What a shell in the test expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export TZ=UTC HOME=$BATS_TEST_TMPDIR/home
	unset XDG_STATE_HOME XDG_CONFIG_HOME
	FOLLOWER=
}

teardown() {
	if [ -n "$FOLLOWER" ]; then
		kill "$FOLLOWER" 2>/dev/null || true
		wait "$FOLLOWER" || true
	fi
}

# event SEQ MEMBERS: a line of session "a": a killed ptrace, with MEMBERS (a jq object) put over it.
event() {
	jq -c -n --argjson seq "$1" '{type: "seccomp_blocked", timestamp: "2026-01-04T10:30:00Z", session_id: "a", pid: 12345,
		comm: "gdb", syscall: "ptrace", syscall_nr: 101, reason: "blocked_by_policy", action: "killed", seq: $seq,
		timestamp_us: (1767522600123456 + $seq * 1000), tid: 12346, uid: 1000, exe: "/usr/bin/gdb", arch: "x86_64",
		args: ["0x10", "0x1", "0x0", "0x0", "0x0", "0x0"], rule: "/etc/agentsh/agentsh.ini:7"} + '"${2:-{\}}"
}

begins() {
	event "$1" '{type: "session_start", pid: 1, comm: "agentsh-exec", command: ["npm", "test"],
		policy_file: "/etc/agentsh/agentsh.ini", policy_writable: false, sidecar: "private", degraded: []}
		+ '"${2:-{\}}"
}

ends() {
	event "$1" '{type: "session_end", how: "all_exited", status: 3, signal: null, duration_us: 1500000, killed: 5,
		denied: 4, audited: 0, foreign: 0, lost: 0} + '"${2:-{\}}"
}

# says STATUS STDOUT STDERR COMMAND...
says() {
	run "-$1" --separate-stderr "${@:4}"
	is "$output" "$2"
	is "$stderr" "$3"
}

# words EVENT: what the last column has for it.
words() {
	"$CTL" events - <<<"$1" | cut -c 67-
}

@test "events: a line each, aligned: time, session, pid, name, what happened" {
	{ begins 1; event 2; event 3 '{session_id: "sess_0123456789ab", pid: 7, comm: "x"}'; ends 3; } >trail
	says 0 '2026-01-04 10:30:00.124 a                       1 agentsh-exec    session begins: npm test (policy /etc/agentsh/agentsh.ini; private sidecar)
2026-01-04 10:30:00.125 a                   12345 gdb             killed: ptrace is blocked (/etc/agentsh/agentsh.ini:7)
2026-01-04 10:30:00.126 sess_0123456789ab       7 x               killed: ptrace is blocked (/etc/agentsh/agentsh.ini:7)
2026-01-04 10:30:00.126 a                   12345 gdb             session ends: all its processes have ended, exit status 3, after 1.5 s, 5 killed, 4 denied' \
		'' "$CTL" events trail
	TZ=Asia/Tokyo run -0 "$CTL" events - <<<"$(event 1)"
	[[ $output == '2026-01-04 19:30:00.124 '* ]]
	# Without microseconds, without any time.
	run -0 "$CTL" events - <<<"$(event 1 '{timestamp_us: null}'; event 2 '{timestamp_us: 1e300, timestamp: "?"}')"
	is "$(cut -c -23 <<<"$output")" $'2026-01-04 10:30:00.000\n-                      '
}

@test "events: every type in words" {
	local type
	is "$(words "$(event 1 '{action: "denied", rule: null, syscall: null}')")" 'denied: system call 101 is blocked'
	is "$(words "$(event 1 '{reason: "unreadable_target", action: "denied"}')")" \
		'denied: ptrace: unreadable_target (/etc/agentsh/agentsh.ini:7)'
	is "$(words "$(event 1 '{type: "seccomp_audit", reason: "would_be_blocked", action: "allowed"}')")" \
		'allowed: ptrace would be blocked (/etc/agentsh/agentsh.ini:7)'
	is "$(words "$(event 1 '{type: "unix_socket_blocked", operation: "connect", path: "/run/docker.sock",
		action: "denied", service: "docker"}')")" \
		'denied: connect /run/docker.sock, service docker (/etc/agentsh/agentsh.ini:7)'
	is "$(words "$(event 1 '{type: "unix_socket_audit", operation: "bind", path: "@x", action: "allowed",
		reason: "would_be_blocked", rule: null}')")" 'allowed: bind @x, would be denied'
	is "$(words "$(event 1 '{type: "unix_socket_allowed", operation: "sendto", path: null, action: "allowed"}')")" \
		'allowed: sendto an address that is not known (/etc/agentsh/agentsh.ini:7)'
	is "$(words "$(event 1 '{type: "foreign_arch", arch: "i386"}')")" 'killed: ptrace of another architecture (i386)'
	is "$(words "$(event 1 '{type: "process_start"}')")" 'process begins: /usr/bin/gdb'
	is "$(words "$(event 1 '{type: "sidecar_recovered", reason: null}')")" 'the sidecar goes on after a crash'
	is "$(words "$(event 1 '{type: "sidecar_recovered", reason: null, taken_up: 2}')")" \
		'the sidecar goes on after a crash, with 2 calls under way'
	is "$(words "$(event 1 '{type: "report_mismatch", reason: "pid"}')")" \
		'a report of the preload library is not what the kernel says: pid'
	is "$(words "$(event 9 '{type: "events_suppressed", reason: "repeated", of: "unix_socket_blocked", count: 3,
		first_seq: 6, last_seq: 8}')")" '3 unix_socket_blocked events the same as before (seq 6 to 8)'
	is "$(words "$(event 9 '{type: "events_suppressed", reason: "event_loss", of: null, count: 1, first_seq: 8,
		last_seq: 8}')")" '1 event could not be written (seq 8 to 8)'
	is "$(words "$(begins 1 '{policy_file: null, policy_writable: true, degraded: ["a", "b"]}')")" \
		'session begins: npm test (the built-in policy, which the session can write; private sidecar; degraded: a b)'
	is "$(words "$(ends 1 '{how: "sidecar_terminated", status: null, signal: 9}')")" \
		'session ends: sidecar_terminated, by signal 9, after 1.5 s, 5 killed, 4 denied'
	is "$(words '{"type":"of_tomorrow","a":1.5,"b":"\u001bx","c":true,"d":{"e":[1,"\u009b"]},"f":null}')" \
		'of_tomorrow a=1.5 b=\x1bx c=true d={"e":[1,"\xc2\x9b"]} f=null'
	# As much of it as a line may have.
	is "$(words "{\"type\":\"of_tomorrow\",\"a\":[\"$(printf '%030000d' 0)\"],\"b\":[1]}" | wc -c)" 16384
	# Each with nothing but its type, and with every member of the wrong type.
	for type in session_start session_end process_start seccomp_blocked seccomp_audit unix_socket_allowed \
		unix_socket_blocked unix_socket_audit sidecar_recovered events_suppressed report_mismatch foreign_arch; do
		[ -n "$(words "{\"type\":\"$type\"}")" ]
		run -0 "$CTL" events - <<<"$(begins 1 | jq -c --arg type "$type" 'map_values([{x: -1}]) + {type: $type}')"
		is "$(wc -l <<<"$output")" 1
	done
}

@test "events: -s shows one session, --json the lines as they are" {
	{ begins 1; event 1 '{session_id: "b"}'; printf '{ "type" :"x",  "session_id":"b", "n": 1.50, "u":"\\u00e9é"}\n'; } >trail
	says 0 "$(sed -n 2,3p trail)" '' "$CTL" events -s b --json trail
	says 0 "$(cat trail)" '' "$CTL" events --json trail
	says 0 '' '' "$CTL" events -s none trail
}

@test "events: no byte of the trail steers a terminal" {
	local name
	for name in type session_id comm syscall reason action rule exe path operation service hint of how sidecar arch policy_file; do
		event 1 "{$name: \"\\u0007\\u001b]0;x\\u0007\\r\\n\\u009b31m\\u007f\", syscall: \"\\u001bc\"}"
		event 1 "{type: \"unix_socket_blocked\", $name: \"\\u0007\\u001b]0;x\\r\\n\\u009b31m\\u007f\"}"
		begins 1 "{$name: \"\\u0007\\u001b]0;x\\r\\n\\u009b31m\\u007f\", command: [\"\\u001b[2J\"], degraded: [\"\\u001bc\"]}"
		ends 1 "{$name: \"\\u0007\\u001b]0;x\\r\\n\\u009b31m\\u007f\"}"
	done | jq -c . >trail
	jq -c '{type: "odd\u001b", ("\u001bname"): "\u001bvalue"}' <<<0 >>trail
	local sub lines
	lines=$(wc -l <trail)
	for sub in events last sessions; do
		"$CTL" "$sub" trail >shown 2>errors || [ $? -eq 1 ]
		[ -s shown ]
		is "$(cat shown errors | LC_ALL=C tr -d '\n -~\200-\377' | wc -c)" 0
		is "$(LC_ALL=C grep -c $'\xc2[\x80-\x9f]' shown errors | cut -d : -f 2 | xargs)" '0 0'
		[ "$sub" != events ] || is "$(wc -l <shown)" "$lines"
	done
	# As they are, except that a terminal gets C1 and DEL by JSON's escape.
	is "$("$CTL" events --json trail 2>/dev/null | cmp - trail && echo same)" same
	need_command script
	jq -c -n '{type: "x", c: "\u009b31m\u007f"}' >trail
	script -qec "$CTL events --json trail" /dev/null </dev/null >shown
	is "$(tr -d '\r' <shown)" '{"type":"x","c":"\u009b31m\u007f"}'
	is "$(jq -c . shown)" "$(jq -c . trail)"
}

@test "a line that is no event is told with its number and passed over: exit 1" {
	{
		event 1
		event 2 | head -c 50
		echo
		echo
		echo '[1]'
		echo '{"no":"type"}'
		echo '{"type":1}'
		event 3 | tr -d '\n'
		event 4
		printf '{"type":"\033[2J"}\n{"type":"\xff"}\n{"type":"\xed\xa0\x80"}\n{"type":"x\0"}\n'
		head -c 3000 /dev/zero | tr '\0' '['
		echo
		printf '{"type":"x","path":"/a\tb"}\n{"type":"x","path":"/a/\\u0000b"}\n'
		event 2
	} >trail
	run -1 --separate-stderr "$CTL" events trail
	is "$(cut -c 45-66 <<<"$output" | xargs)" '12345 gdb 12345 gdb'
	is "$stderr" 'trail:2: not JSON: torn, or written by something else
trail:3: an empty line
trail:4: not an event: an object with a type
trail:5: not an event: an object with a type
trail:6: not an event: an object with a type
trail:7: more than one JSON value: two lines run together
trail:8: a control character, which no event has
trail:9: bytes that are not UTF-8
trail:10: bytes that are not UTF-8
trail:11: a control character, which no event has
trail:12: not JSON: torn, or written by something else
trail:13: a control character, which no event has
trail:14: a NUL in a string, which no event has'
	run -1 "$CTL" last trail
	run -1 "$CTL" sessions trail
}

@test "the mark of a torn line is told, once for each, and is no finding: what it cost is told by its number" {
	local sub
	{ begins 1; echo '{}          '; event 2; echo '{}'; ends 3; } >trail
	for sub in events last sessions suggest 'events --json'; do
		# shellcheck disable=SC2086 # a subcommand and its option
		run -0 --separate-stderr "$CTL" $sub trail
		is "$stderr" 'trail:2: a line was torn here: no room on the disk, or its writer was killed
trail:4: a line was torn here: no room on the disk, or its writer was killed'
	done
	is "$("$CTL" events trail 2>/dev/null | wc -l)" 3
	{ begins 1; echo '{}          '; ends 3; } >trail
	run -1 "$CTL" events trail
	[[ $output == *'1 event is missing (seq 2 to 2)'* ]]
	# Not its mark.
	printf '%s\n' '{} x' '{ }' >trail
	run -1 "$CTL" events trail
	is "$output" 'trail:1: more than one JSON value: two lines run together
trail:2: not an event: an object with a type'
}

@test "a line of 65536 bytes is read, a longer one passed over, however long" {
	local pad
	pad=$((65536 - $(jq -c -n '{type: "x", p: ""}' | wc -c)))
	{ printf '{"type":"x","p":"'; head -c "$pad" /dev/zero | tr '\0' p; echo '"}'; } >trail
	is "$(wc -c <trail)" 65536
	run -0 "$CTL" events trail
	{
		printf '{"type":"x","p":"'; head -c $((pad + 1)) /dev/zero | tr '\0' p; echo '"}'
		event 1
		head -c 50000000 /dev/zero | tr '\0' '['
		echo
		event 2
		head -c 70000 /dev/zero
	} >>trail
	(ulimit -v 100000 && exec "$CTL" events trail) >shown 2>errors || is $? 1
	is "$(grep -c 'killed: ptrace' shown)" 2
	is "$(cat errors)" 'trail:2: longer than 65536 bytes, which no event is
trail:4: longer than 65536 bytes, which no event is
trail:6: longer than 65536 bytes, which no event is'
}

@test "a last line without its end is told, also where it is whole" {
	{ event 1; event 2 | tr -d '\n'; } >trail
	run -1 --separate-stderr "$CTL" events trail
	is "$(wc -l <<<"$output")" 1
	is "$stderr" 'trail:2: no newline at its end: torn, or still being written'
}

@test "empty; missing; a directory; one that may not be read" {
	: >trail
	says 0 '' '' "$CTL" events trail
	says 0 'nothing was killed or denied' '' "$CTL" last trail
	run -0 "$CTL" sessions trail
	is "$(wc -l <<<"$output")" 1
	local sub
	for sub in events last sessions; do
		says 1 '' "agentshctl: missing: No such file or directory (no session has written there yet, or elsewhere: name the trail's FILE)" \
			"$CTL" "$sub" missing
		says 1 '' "agentshctl: .: Is a directory (name the trail's FILE)" "$CTL" "$sub" .
		chmod 0 trail
		if [ "$(id -u)" -eq 0 ]; then
			chmod 755 .
			says 1 '' 'agentshctl: /dev/fd/9/trail: Permission denied (read it as its owner, or as root)' \
				setpriv --reuid=65534 --clear-groups --inh-caps=-all "$CTL" "$sub" /dev/fd/9/trail 9<.
		else
			says 1 '' 'agentshctl: trail: Permission denied (read it as its owner, or as root)' "$CTL" "$sub" trail
		fi
		chmod 644 trail
	done
	mkfifo fifo
	for sub in events last sessions 'events -f'; do
		# shellcheck disable=SC2086 # a subcommand and its option
		says 1 '' "agentshctl: fifo: a FIFO (name the trail's FILE; - is standard input)" timeout 20 "$CTL" $sub fifo
	done
	# As standard input it is waited for, and a pipe that has a path is one.
	event 1 >fifo &
	run -0 timeout 20 "$CTL" events - <fifo
	is "${#lines[@]}" 1
	run -0 timeout 20 "$CTL" events <(event 1)
	is "${#lines[@]}" 1
	run -2 "$CTL" events a b
	run -2 "$CTL" last -f trail
	run -2 "$CTL" sessions -s a trail
}

@test "which trail: [sidecar] events where it is a path, else the user's own; - is standard input" {
	event 1 '{comm: "named"}' >named
	AGENTSH_CONFIG=$(policy "[sidecar]"$'\n'"events = $PWD/named") run -0 "$CTL" events
	[[ $output == *' named '* ]]
	export AGENTSH_CONFIG
	AGENTSH_CONFIG=$(policy $'[sidecar]\nevents = syslog:')
	if [ "$(id -u)" -eq 0 ]; then
		[ -e /var/log/agentsh/events.jsonl ] || {
			run -1 "$CTL" events
			[[ $output == 'agentshctl: /var/log/agentsh/events.jsonl: No such file'* ]]
		}
	else
		mkdir -p home/.local/state/agentsh state/agentsh
		event 1 '{comm: "home"}' >home/.local/state/agentsh/events.jsonl
		event 1 '{comm: "state"}' >state/agentsh/events.jsonl
		[[ $("$CTL" events) == *' home '* ]]
		[[ $(XDG_STATE_HOME=state "$CTL" events) == *' home '* ]]
		[[ $(XDG_STATE_HOME=$PWD/state "$CTL" events) == *' state '* ]]
	fi
	AGENTSH_CONFIG=$(policy '[nonsense]')
	run -1 "$CTL" events
	[[ $output == *"name the trail's FILE)" ]]
	# Named, it needs no policy.
	run -0 "$CTL" events named
	run -0 "$CTL" events - <named
	[[ $output == *' named '* ]]
}

@test "events: missing numbers are told once nothing can account for them, and those that are accounted for are not" {
	{ event 5; event 6; event 8 '{timestamp_us: 1767522600000000}'; event 9 '{timestamp_us: 1767522699000000}'; } >trail
	run -1 --separate-stderr "$CTL" events trail
	is "${lines[3]:24}" 'a                       - -               1 event is missing (seq 7 to 7)'
	is "$(wc -l <<<"$output"):$stderr" 5:
	# The session only, and on stderr with --json.
	says 1 "$(cat trail)" 'trail: session a: 1 event is missing (seq 7 to 7)' "$CTL" events --json trail
	{ cat trail; event 1 '{session_id: "b"}'; } >both
	run -0 "$CTL" events -s b both
	# Folded: one by one with another event in between, said a moment later.
	{
		event 1
		event 3
		event 5
		event 6 '{type: "events_suppressed", reason: "repeated", of: "unix_socket_blocked", count: 2, first_seq: 2, last_seq: 4}'
		ends 7
	} >trail
	run -0 "$CTL" events trail
	# Some of them.
	{ event 1; event 9 '{type: "events_suppressed", count: 3, first_seq: 4, last_seq: 6}'; ends 10; } >trail
	run -1 "$CTL" events trail
	[[ $output == *'2 events are missing (seq 2 to 3)'*'2 events are missing (seq 7 to 8)'*'session ends'* ]]
	# A line that stands twice, as after sidecar_recovered; another session of the same name.
	{ begins 1; begins 1; event 2; event 3; event 2; ends 4; begins 1 '{timestamp_us: 1767522700000000}'; event 2; } >trail
	run -0 "$CTL" events trail
	# One that stands behind a later one is there, and counts.
	{ begins 1; event 2; event 4; event 3; event 5; } >trail
	run -0 "$CTL" events trail
	is "${#lines[@]}" 5
	run -0 "$CTL" sessions trail
	is "$(awk '$1 == "a" { print $6 }' <<<"$output")" 4
	# Many, each told once; more than are kept at once, too; and as many that are accounted for in the end.
	{ for seq in {1..41..2}; do event "$seq"; done; ends 42; } >trail
	run -1 "$CTL" events trail
	is "$(grep -c 'is missing' <<<"$output")" 20
	event 0 | jq -c 'range(1; 10002; 2) as $seq | .seq = $seq' >trail
	{ cat trail; ends 10002; } >ended
	run -1 "$CTL" events ended
	is "$(grep -c 'is missing' <<<"$output")" 5000
	{
		head -n 101 trail
		event 202 '{type: "events_suppressed", reason: "repeated", of: "unix_socket_blocked", count: 100, first_seq: 2, last_seq: 200}'
	} >accounted
	run -0 "$CTL" events accounted
}

@test "events: what a session that goes on may still tell of is not missing" {
	{ begins 1; event 2; event 4; } >trail
	run -0 --separate-stderr "$CTL" events trail
	is "${lines[3]:24}:$stderr" 'a                       - -               1 event is not told of yet (seq 3 to 3):'
	says 0 "$(cat trail)" 'trail: session a: 1 event is not told of yet (seq 3 to 3)' "$CTL" events --json trail
	run -0 "$CTL" events -f - < <(event 1 "{timestamp_us: $(date +%s%6N)}"; event 3 "{timestamp_us: $(date +%s%6N)}")
	[[ $output == *'not told of yet (seq 2 to 2)' ]]
	event 5 '{type: "events_suppressed", reason: "repeated", of: "seccomp_blocked", count: 1, first_seq: 3, last_seq: 3}' >>trail
	run -0 "$CTL" events trail
	is "${#lines[@]}" 4
	# Where the session has ended, or any event is so late that it would have been told of, it is.
	{ begins 1; event 3; ends 4; } >trail
	run -1 "$CTL" events trail
	{ begins 1; event 3; event 1 '{session_id: "b", timestamp_us: 1767522603126455}'; } >trail
	run -0 "$CTL" events trail
	{ begins 1; event 3; event 1 '{session_id: "b", timestamp_us: 1767522603126456}'; } >trail
	run -1 "$CTL" events -s a trail
	[[ $output == *'1 event is missing (seq 2 to 2)' ]]
}

shown() {
	[ "$(grep -c "$1" shown)" -eq "$2" ]
}

# follows FILE OPTION...: events -f in the background, to shown and errors.
follows() {
	"$CTL" events -f "${@:2}" "$1" >shown 2>errors 3>&- &
	FOLLOWER=$!
}

@test "events -f: waits for the file, shows what is added, whole lines only" {
	follows trail
	wait_for grep -q 'agentshctl: trail: not there yet (waiting for it)' errors
	event 1 >trail
	wait_for shown 'killed: ptrace' 1
	event 2 | tr -d '\n' >>trail
	event 3 '{session_id: "b"}' >other
	printf '\n' | cat - other >>trail
	wait_for shown 'killed: ptrace' 3
	is "$(wc -l <errors)" 1
}

@test "events -f: rotation: the old file to its end, then the new one; truncation" {
	event 1 >trail
	follows trail
	wait_for shown 'killed: ptrace' 1
	event 2 >>trail
	mv trail trail.1
	event 3 >>trail.1
	wait_for shown 'killed: ptrace' 3
	event 4 >new
	mv new trail
	wait_for shown 'killed: ptrace' 4
	mv trail trail.2
	event 5 >trail
	wait_for shown 'killed: ptrace' 5
	# Shorter than what was read.
	{ event 6; event 7; event 8; } >>trail
	wait_for shown 'killed: ptrace' 8
	event 9 >trail
	wait_for shown 'killed: ptrace' 9
	rm trail
	event 10 >trail
	wait_for shown 'killed: ptrace' 10
	is "$(cat errors)" ''
	is "$(grep -c missing shown)" 0
}

@test "events -f: a torn line that rotation leaves, and numbers that it lost, are told" {
	{ event 1; event 2 | head -c 20; } >trail
	follows trail
	wait_for shown 'killed: ptrace' 1
	event 4 >new
	mv new trail
	wait_for shown 'killed: ptrace' 2
	wait_for shown '2 events are missing (seq 2 to 3)' 1
	is "$(cat errors)" 'trail:2: no newline at its end: torn, or still being written'
}

@test "events -f: what takes the place of the file and is none is told once, and waited out" {
	local kind
	for kind in 'mkfifo other' 'mkdir other' 'ln -s /dev/null other'; do
		rm -rf trail
		event 1 >trail
		follows trail
		wait_for shown 'killed: ptrace' 1
		$kind
		mv trail trail.1
		mv -T other trail
		wait_for grep -q '^trail: ' errors
		rm -r trail
		event 2 >new
		mv new trail
		wait_for shown 'killed: ptrace' 2
		is "$(wc -l <errors)" 1
		kill "$FOLLOWER"
		wait "$FOLLOWER" || true
	done
	is "$(cat errors)" "trail: not a regular file (name the trail's FILE; - is standard input)"
	# Also where nothing was there before.
	rm trail
	follows trail
	wait_for grep -q 'not there yet' errors
	mkfifo trail
	wait_for grep -q 'trail: a FIFO' errors
}

@test "events -f: ends with its reader" {
	event 1 >trail
	mkfifo pipe
	"$CTL" events -f trail >pipe 2>errors 3>&- &
	FOLLOWER=$!
	head -n 1 pipe >first
	wait_for gone "$FOLLOWER"
	grep -q ptrace first
	is "$(cat errors)" ''
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "standard output closed or full: exit 1 and said" {
	local sub
	event 1 >trail
	for sub in events last sessions 'events -f' 'events --json'; do
		# shellcheck disable=SC2086 # a subcommand and its option
		run -1 timeout 20 bash -c '"$@" >&-' x "$CTL" $sub trail
		is "$output" 'agentshctl: standard output: Bad file descriptor'
		# shellcheck disable=SC2086
		run -1 timeout 20 bash -c '"$@" >/dev/full' x "$CTL" $sub trail
		is "$output" 'agentshctl: standard output: No space left on device'
	done
	: >empty
	run -1 timeout 20 bash -c '"$@" >&-' x "$CTL" events -f empty
}

@test "last: what, when, who, why" {
	{ event 1; event 2 '{comm: "b", pid: 2, action: "denied", session_id: "b"}'; ends 2; } >trail
	says 0 'what   killed: ptrace is blocked (/etc/agentsh/agentsh.ini:7)
when   2026-01-04 10:30:00.124, session a
who    gdb, pid 12345, tid 12346, uid 1000, /usr/bin/gdb
why    the rule at /etc/agentsh/agentsh.ini:7
allow  remove ptrace from block at /etc/agentsh/agentsh.ini:7, or add it to allow where default_action = block' \
		'' "$CTL" last -s a trail
	run -0 "$CTL" last trail
	[[ $output == 'what   denied: ptrace is blocked'*'who    b, pid 2,'* ]]
	{ event 1 '{type: "seccomp_audit", action: "allowed"}'; event 2 '{type: "foreign_arch", action: "allowed"}'; } >trail
	says 0 'nothing was killed or denied' '' "$CTL" last trail
}

# allow MEMBERS: what would allow it.
allow() {
	"$CTL" last - <<<"$(event 1 "$1")" | sed -n 's/^allow  //p'
}

@test "last: the line that would allow a call, by the policy as it is now" {
	local file
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = mount,\n        ptrace')
	is "$(allow "{rule: \"$file:9\"}")" "remove ptrace from block at $file:3"
	sed -i 's/ptrace/umount2/' "$file"
	is "$(allow "{rule: \"$file:3\"}")" "nothing: $file has changed, and does not block ptrace any more"
	# Taken at its word, it is allowed.
	run -0 "$CTL" explain --syscall ptrace "$file"
	[[ $output == *' allow '* ]]
	file=$(policy $'[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve, read')
	is "$(allow "{rule: \"$file:2\"}")" "add ptrace to allow at $file:4"
	# Built in, untrusted, or no file at all: never opened for reading without end.
	is "$(allow '{rule: null}')" 'remove ptrace from block, or add it to allow where default_action = block (agentshctl init writes a policy to begin with)'
	is "$(allow '{rule: "a built-in default"}')" 'write block into your policy, without ptrace (agentshctl init writes a policy to begin with)'
	[[ $("$CTL" last - <<<"$(event 1 '{rule: "a built-in default"}')") == *$'\nwhy    a built-in default\n'* ]]
	chmod o+w "$file"
	is "$(allow "{rule: \"$file:2\"}")" "remove ptrace from block at $file:2, or add it to allow where default_action = block"
	mkfifo fifo
	is "$(allow "{rule: \"$PWD/fifo:2\"}")" "remove ptrace from block at $PWD/fifo:2, or add it to allow where default_action = block"
	is "$(allow '{rule: "/etc/x:0x10"}')" 'remove ptrace from block at /etc/x:0x10, or add it to allow where default_action = block'
	is "$(allow '{syscall: null}')" 'a call without a name cannot be listed in a policy'
	is "$(allow '{syscall: "x\nallow = *"}')" 'a call without a name cannot be listed in a policy'
	is "$(allow '{type: "foreign_arch"}')" "nothing does: use a program of this machine's own architecture"
}

@test "last: a socket: the event's hint, else a rule, but none that would allow more than was asked" {
	local path
	is "$(allow '{type: "unix_socket_blocked", hint: "services = docker", path: "/x"}')" 'services = docker'
	is "$(allow '{type: "unix_socket_blocked", operation: "connect", path: "/run/x.sock"}')" \
		'[unix_socket_rules.NAME] with paths = /run/x.sock and operations = connect, before the rule that denies it'
	# The bytes of the name, and not what they would mean in a pattern or a list.
	for path in '/run/**=/run/\x2a\x2a' '/run/[a]=/run/\x5ba]' '/a,/b=/a\x2c/b' '/a b=/a\x20b' '/a;b=/a\x3bb' \
		'/a\nb=/a\x0ab' '/é=/\xc3\xa9' '@a*=@a\x2a'; do
		is "$(allow "{type: \"unix_socket_blocked\", operation: \"connect\", path: \"${path%%=*}\"}")" \
			"[unix_socket_rules.NAME] with paths = ${path#*=} and operations = connect, before the rule that denies it"
	done
	for path in relative /a/../b; do
		is "$(allow "{type: \"unix_socket_blocked\", operation: \"connect\", path: \"$path\"}")" \
			"no rule does: its path is relative, or has a NUL or an empty, '.' or '..' component"
	done
	is "$(allow '{type: "unix_socket_blocked", operation: "connect", path: ""}')" 'no rule does: its address has no name'
	is "$(allow '{type: "unix_socket_blocked", operation: "fly", path: "/x"}')" \
		'no rule does: its operation is neither connect nor bind nor sendto'
	is "$(allow '{type: "unix_socket_blocked", operation: "connect", path: null, reason: "unreadable_target"}')" \
		'no rule does: the target could not be read'
	is "$(allow '{type: "unix_socket_blocked", operation: "connect", path: "/proc/self/cwd/x", reason: "magic_link"}')" \
		'no rule does: its path leads through a magic link of /proc (name the file itself)'
	is "$(allow '{type: "unix_socket_blocked", operation: "connect", path: "/x", reason: "other_root_or_namespace"}')" \
		'no rule does: it was seen from another root or namespace than the session began in'
	is "$(allow '{type: "unix_socket_blocked", operation: "connect", path: "/x", reason: "peer_changed"}')" \
		'no rule does: none has denied it'
	path=/$(printf '%0200d' 0)
	is "$(allow "{type: \"unix_socket_blocked\", operation: \"connect\", path: \"$path\"}")" \
		'a rule of your own: its name, of 201 bytes, is too long for a line: a pattern could name it'
}

@test "sessions: of each, when, whose, how it stands, how many, what" {
	local start_us
	start_us=$(($(date +%s) * 1000000))
	{
		begins 1
		event 2
		event 3 '{action: "denied"}'
		begins 1 "{session_id: \"here\", pid: $$, timestamp_us: $start_us}"
		begins 1 "{session_id: \"reused\", pid: $$, timestamp_us: 1000000}"
		begins 1 '{session_id: "gone", pid: 2147483647, command: ["a\u001bb", "c d"]}'
		event 9 '{session_id: "headless", type: "unix_socket_audit", action: "allowed"}'
		event 2 '{session_id: "gone", type: "unix_socket_blocked", action: "denied"}'
		event 2 '{session_id: "gone", type: "unix_socket_blocked", action: "denied"}'
		event 4 '{session_id: "gone", type: "events_suppressed", of: "unix_socket_blocked", count: 2, first_seq: 3, last_seq: 4}'
		event 1 '{session_id: "no/such\u001b"}'
		ends 4
		event 1 '{session_id: null}'
		begins 1 '{timestamp_us: 1767522700000000, uid: null, command: null}'
	} >trail
	run -1 --separate-stderr "$CTL" sessions trail
	is "$stderr" 'trail:11: session_id: no session ID (1 to 64 of A-Z a-z 0-9 _ . -): left out'
	is "$(sed -E "s/ +/ /g; s/^(here) [^ ]+ [^ ]+/\1 NOW/" <<<"$output")" '# ID BEGAN UID STATE KILLED DENIED AUDITED COMMAND
a 2026-01-04 10:30:00.124 1000 ended 5 4 0 npm test
here NOW 1000 running 0 0 0 npm test
reused 1970-01-01 00:00:01.000 1000 unknown 0 0 0 npm test
gone 2026-01-04 10:30:00.124 1000 unknown 0 3 0 a\x1bb c d
headless - - unknown 0 0 1 -
a 2026-01-04 10:31:40.000 - unknown 0 0 0 -'
}

@test "many sessions: more than are kept are shown, and it is said once" {
	seq 70000 | jq -c '{type: "x", session_id: "s\(.)", seq: 1}' >trail
	run -1 --separate-stderr "$CTL" events trail
	is "${#lines[@]}" 70000
	is "$stderr" 'trail: more than 65536 sessions: nothing is said of what is missing in the rest'
	run -1 --separate-stderr "$CTL" sessions trail
	is "${#lines[@]}:$stderr" '65537:trail: more than 65536 sessions: the rest is left out'
}
