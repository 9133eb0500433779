#!/usr/bin/env bats
# The kernel's audit records: what it kills by itself is told once, of the right session; or what is lost is told.
#
# The machine has one audit, and others may be killed on it meanwhile: what is counted is told by names and numbers that
# are the test's own.
#
# What a shell in the test expands stands in single quotes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/events

setup() {
	need_root
	first_pid_namespace || skip 'needs the first pid namespace'
	# One at a time on a machine: a file that each has, so that none is left behind.
	exec 8</bin/true
	flock 8
	ulimit -c 0
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	unset LD_PRELOAD ASAN_OPTIONS
	outer=$(policy $'[sandbox.seccomp.syscalls]\nblock = acct\n[notices]\nstderr = never')
	inner=$(policy $'[sandbox.seccomp.syscalls]\nblock = getppid')
	# What in a session has the kernel kill: nobody is notified of these.
	alone="$EXEC --sidecar=none --shim -f $inner --"
	defaults=(ptrace process_vm_readv process_vm_writev personality mount umount2 pivot_root reboot kexec_load init_module
		finit_module delete_module)
	mkfifo hold
	exec 7<>hold
	AUDITD='' changed=no
}

teardown() {
	exec 7>&- 8>&-
	sidecar_stop
	[ -z "$AUDITD" ] || auditd_stop
	if [ "$changed" = yes ]; then auditctl -r 0 >/dev/null; fi
}

# sidecar [COMMAND...]: a system sidecar, started by that.
sidecar() {
	SOCKET=$BATS_TEST_TMPDIR/sidecar.sock
	"$@" "$BUILD/agentsh-sidecar" --socket="$SOCKET" --events="$EVENTS" 3>&- 7>&- 8>&- 2>sidecar.err &
	SIDECAR=$!
	# In the network that it may have of its own.
	wait_for listens "$SOCKET" nsenter --target "$SIDECAR" --net
}

# session ID COMMAND...: in a session of the sidecar's, with the library.
session() {
	"$EXEC" --sidecar="$SOCKET" -s "$1" -f "$outer" --shim -- "${@:2}" 3>&- 7>&- 8>&-
}

# unheard ID POLICY COMMAND...: in a session without a listener, whose programs connect to the sidecar.
unheard() {
	"$EXEC" --sidecar=none -s "$1" -f "$2" --shim -- "${@:3}" 3>&- 7>&- 8>&-
}

# kills [FILTER]: what was told of the kernel's, a line each. The last line may be in the making.
kills() {
	grep -a killed_by_kernel "$EVENTS" 2>/dev/null | grep -a '}$' |
		jq -r "select(.reason == \"killed_by_kernel\" and .action == \"killed\") | ${1:-\"\\(.session_id) \\(.pid) \\(.syscall)\"}"
}

# has_kills COUNT FILTER
has_kills() {
	[ "$(kills "select($2) | .pid" | wc -l)" -ge "$1" ]
}

# until_told COUNT FILTER COMMAND...: the command reads a line as soon as so many are told. Until then those that were
# killed are not buried: by its number alone nobody knows whose child a process was that had not reported.
until_told() {
	"${@:3}" <hold &
	wait_for has_kills "$1" "$2"
	echo >&7
	wait "$!"
}

# lost_records [REASON]: how many, in all.
lost_records() {
	jq -s "[.[] | select(.type == \"audit_records_lost\" ${1:+and .reason == \"$1\"}).count] | add // 0" "$EVENTS"
}

auditd_start() {
	need_command auditd
	mkdir -m 700 auditd
	cat >auditd/auditd.conf <<-EOT
		log_file = $BATS_TEST_TMPDIR/auditd/log
		log_format = RAW
		flush = NONE
		priority_boost = 0
		name_format = NONE
		max_log_file = 100
		max_log_file_action = IGNORE
		space_left = 2
		admin_space_left = 1
		space_left_action = IGNORE
		admin_space_left_action = IGNORE
		disk_full_action = IGNORE
		disk_error_action = IGNORE
	EOT
	chmod 640 auditd/auditd.conf
	auditd -n -c "$BATS_TEST_TMPDIR/auditd" >auditd/said 2>&1 3>&- 7>&- 8>&- &
	AUDITD=$!
	wait_for grep -qs DAEMON_START auditd/log
}

auditd_stop() {
	kill "$AUDITD" 2>/dev/null || true
	wait "$AUDITD" 2>/dev/null || true
	auditctl -D >/dev/null 2>&1 || true
	auditctl -e 0 >/dev/null 2>&1 || true
	AUDITD=
}

# auditd_kills COMM: "RECORD PID" of those of that name that were killed.
auditd_kills() {
	sed -nE "s/^type=SECCOMP msg=audit\(([0-9.:]+)\): .* pid=([0-9]+) comm=\"$1\" .* code=0x80000000.*/\1 \2/p" auditd/log
}

@test "each default call, from three sessions at once: one event each, of the right session" {
	sidecar
	default=$(policy '')
	for id in one two three; do
		session "$id" bash -c 'for call in "${@:3}"; do "$0" --sidecar=none --shim -f "$1" -- "$2" main "$call" & pids+=("$! $call"); done
			printf "%s\n" "${pids[@]}"; wait' "$EXEC" "$default" "$PROGRAMS/raw_call" "${defaults[@]}" >"pids.$id" 2>/dev/null &
		sessions+=("$!")
	done
	wait "${sessions[@]}" || true
	wait_for ended 3
	for id in one two three; do
		is "$(wc -l <"pids.$id")" 12
		diff <(sed "s/^/$id /" "pids.$id" | sort) <(kills 'select(.comm == "raw_call") | "\(.session_id) \(.pid) \(.syscall)"' | grep "^$id " | sort)
		is "$(events "select(.type == \"session_end\" and .session_id == \"$id\").killed" 3)" 12
	done
	is "$(events 'select(.type == "seccomp_blocked" and .reason != "killed_by_kernel").pid' 3)" ''
	jq -es '[.[] | select(.session_id)] | group_by(.session_id) | all([.[].seq] == [range(1; length + 1)])' "$EVENTS"
}

@test "each default call, from three sessions without a listener at once: one event each, of the right one, as auditd has" {
	auditd_start
	sidecar
	default=$(policy "[sidecar]
socket = $SOCKET")
	for id in one two three; do
		unheard "$id" "$default" bash -c 'for call in "${@:1}"; do "$0" main "$call" & pids+=("$! $call"); done
			printf "%s\n" "${pids[@]}"; wait' "$PROGRAMS/raw_call" "${defaults[@]}" >"pids.$id" 2>/dev/null &
		sessions+=("$!")
	done
	wait "${sessions[@]}" || true
	wait_for has_kills 36 '.comm == "raw_call" and .session_id'
	for id in one two three; do
		diff <(sed "s/^/$id /" "pids.$id" | sort) <(kills 'select(.comm == "raw_call") | "\(.session_id) \(.pid) \(.syscall)"' | grep "^$id " | sort)
	done
	cat pids.* | cut -d' ' -f1 | sort >ours
	is "$(wc -l <ours)" 36
	diff <(auditd_kills raw_call | sort -k 2 | join -1 2 - ours) \
		<(kills 'select(.comm == "raw_call" and .session_id) | "\(.pid) \(.audit_record)"' | sort)
	is "$(kills 'select(.comm == "raw_call").seq' | sort -u)" null
	is "$(jq -r 'select(.type == "report_mismatch" or .type == "session_start").session_id' "$EVENTS")" ''
}

@test "1,000 kills at once in a session without a listener: the same" {
	auditd_start
	sidecar
	plain=$(policy "[sidecar]
socket = $SOCKET
[sandbox.seccomp.syscalls]
block = getppid")
	: >pids
	unheard many "$plain" "$PROGRAMS/killed_at_once" 1000 unheard <hold >pids &
	running=$!
	wait_for eval '[ "$(wc -l <pids)" -eq 1000 ]'
	wait_for eval '[ "$(($(kills "select(.comm == \"unheard\") | .pid" | wc -l) + $(lost_records kernel)))" -ge 1000 ]'
	wait_for eval '[ "$(($(auditd_kills unheard | wc -l) + $(lost_records kernel)))" -ge 1000 ]'
	echo >&7
	wait "$running"
	is "$(kills 'select(.comm == "unheard").session_id' | sort -u)" many
	if [ "$(lost_records)" = 0 ]; then
		diff <(auditd_kills unheard | sort) <(kills 'select(.comm == "unheard") | "\(.audit_record) \(.pid)"' | sort)
	fi
}

@test "without a listener: known to the broker that follows; and where no program may report, by its first process" {
	sidecar
	default=$(policy "[sidecar]
socket = $SOCKET")
	# A name that no other test's processes have.
	cp "$PROGRAMS/raw_call" own_call
	unheard mine "$default" bash -c 'read -r line; "$0" main mount & wait' ./own_call <hold 2>/dev/null &
	running=$!
	wait_for eval '[ -n "$(jq -r "select(.type == \"process_start\" and .comm == \"bash\").pid" "$EVENTS")" ]'
	broker=$(pgrep -P "$SIDECAR" -f -- --role=broker)
	kill -KILL "$broker"
	wait_for eval '[ "$(pgrep -P "$SIDECAR" -f -- --role=broker)" != "$broker" ]'
	echo >&7
	wait "$running" || true
	wait_for has_kills 1 '.comm == "own_call"'
	is "$(kills 'select(.comm == "own_call").session_id')" mine
	closed=$(policy "[sidecar]
socket = $SOCKET
$NO_UNIX
[sandbox.seccomp.syscalls]
block = getppid, personality")
	run -159 unheard first "$closed" ./own_call main personality
	unheard later "$closed" "$PROGRAMS/killed_at_once" 3 below <hold >pids &
	running=$!
	wait_for has_kills 3 '.comm == "below"'
	is "$(kills 'select(.comm == "below").session_id' | sort -u)" later
	is "$(kills 'select(.comm == "own_call" and .syscall == "personality").session_id')" first
	echo >&7
	wait "$running"
}

@test "what an event has: the nine members, what the record says, and null for what it does not" {
	sidecar
	until_told 1 '.session_id == "mine"' session mine bash -c "$alone '$PROGRAMS/killed_at_once' 1; true" >pids
	wait_for ended 1
	read -r pid signal <pids
	is "$signal" 31
	is "$(kills 'select(.session_id == "mine") | del(.timestamp, .timestamp_us, .audit_record) | tojson')" \
		"{\"type\":\"seccomp_blocked\",\"session_id\":\"mine\",\"pid\":$pid,\"comm\":\"killed_at_once\",\"syscall\":\"getppid\",\"syscall_nr\":110,\"reason\":\"killed_by_kernel\",\"action\":\"killed\",\"seq\":$(kills 'select(.session_id == "mine").seq'),\"tid\":null,\"uid\":0,\"exe\":\"$PROGRAMS/killed_at_once\",\"arch\":\"x86_64\",\"args\":null}"
	is "$(events 'select(.type == "session_start") | "\(.sidecar) \(.kernel_kills_seen)"')" 'system true'
}

@test "1,000 kills at once: all are told, or the kernel says what it has lost; the same that auditd has" {
	auditd_start
	sidecar
	: >pids
	session many bash -c "$alone '$PROGRAMS/killed_at_once' 1000 atonce <hold >pids; true" &
	running=$!
	wait_for eval '[ "$(wc -l <pids)" -eq 1000 ]'
	is "$(cut -d' ' -f2 pids | sort -u)" 31
	wait_for eval '[ "$(($(kills "select(.comm == \"atonce\") | .pid" | wc -l) + $(lost_records kernel)))" -ge 1000 ]'
	wait_for eval '[ "$(($(auditd_kills atonce | wc -l) + $(lost_records kernel)))" -ge 1000 ]'
	echo >&7
	wait "$running"
	wait_for ended 1
	kills 'select(.comm == "atonce") | "\(.session_id) \(.pid)"' | sort >told
	is "$(sort -u told | wc -l)" "$(wc -l <told)"
	is "$(cut -d' ' -f1 told | sort -u)" many
	is "$(comm -13 <(cut -d' ' -f1 pids | sort) <(cut -d' ' -f2 told | sort))" ''
	if [ "$(lost_records)" = 0 ]; then
		is "$(wc -l <told)" 1000
		diff <(auditd_kills atonce | sort) <(kills 'select(.comm == "atonce") | "\(.audit_record) \(.pid)"' | sort)
	fi
	is "$(jq -r 'select(.type == "session_end").killed' "$EVENTS")" "$(wc -l <told)"
}

@test "records that the kernel loses are an event, with its count" {
	need_command auditctl
	sidecar
	wait_for grep -q . <(kills; echo ready)
	# Once it has asked, it knows from where to count.
	session first bash -c "$alone '$PROGRAMS/killed_at_once' 1 before </dev/null; true" >pids
	wait_for has_kills 1 '.comm == "before"'
	sleep 1.5
	changed=yes
	auditctl -r 3 >/dev/null
	session many bash -c "$alone '$PROGRAMS/killed_at_once' 100 limited </dev/null; true" >pids
	auditctl -r 0 >/dev/null
	# The kernel is asked after a record that it sends, once a second.
	wait_for eval 'session last bash -c "$alone $PROGRAMS/killed_at_once 1 after </dev/null; true" >pids
		[ "$(($(kills "select(.comm == \"limited\") | .pid" | wc -l) + $(lost_records kernel)))" -ge 100 ]'
	[ "$(kills 'select(.comm == "limited") | .pid' | wc -l)" -lt 100 ]
	[ "$(lost_records kernel)" -gt 0 ]
	is "$(jq -r 'select(.type == "audit_records_lost") | "\(.session_id) \(.pid) \(.seq)"' "$EVENTS" | sort -u)" 'null null null'
}

@test "a broker that does not read: what does not fit is an event, with its count, and then it goes on" {
	sidecar
	session first true
	broker=$(wait_for broker_of "$SIDECAR")
	kill -STOP "$broker"
	"$PROGRAMS/log_storm" 15000
	kill -CONT "$broker"
	wait_for eval '[ "$(lost_records overrun)" -gt 0 ]'
	# As long as there is not room for all of them again, more may be lost.
	wait_for eval 'session last bash -c "$alone $PROGRAMS/killed_at_once 1 after </dev/null; true" >pids; has_kills 1 ".comm == \"after\" and .session_id == \"last\""'
}

@test "a broker that has no descriptor left for the events: it goes on, and tells as soon as it has one" {
	sidecar prlimit --nofile=100:100
	broker=$(wait_for broker_of "$SIDECAR")
	# Until the broker has closed them, after seconds, they have each that it could get.
	python3 "$TOP/tests/lib/bad_loader.py" "$SOCKET" idle 120 >said 3>&- 7>&- 8>&- &
	wait_for has_all_descriptors "$broker" 100
	$alone "$PROGRAMS/killed_at_once" 1 unheard </dev/null || true
	wait_for has_kills 1 '.comm == "unheard" and .session_id == null'
	wait "$!"
	is "$(broker_of "$SIDECAR")" "$broker"
}

# has_all_descriptors PID LIMIT
has_all_descriptors() {
	[ "$(find "/proc/$1/fd" -type l | wc -l)" -eq "$2" ]
}

@test "names that look like fields or lines: they are names" {
	sidecar
	told=0 names=('a" pid=1 uid=7' 'b pid=1' $'c\nd' '41424344' '(null)' 'e\"f')
	for name in "${names[@]}"; do
		until_told $((++told)) '.session_id == "hostile"' \
			session hostile bash -c "$alone '$PROGRAMS/killed_at_once' 1 \"\$0\"; true" "$name" >>pids
	done
	is "$(kills 'select(.session_id == "hostile") | "\(.comm | @json) \(.pid) \(.uid)"' | sort)" \
		"$(paste -d ' ' <(for name in "${names[@]}"; do jq -cn --arg name "$name" '$name'; done) <(cut -d' ' -f1 pids) | sed 's/$/ 0/' | sort)"
}

@test "in no session: no session's, and without a seq; also where its number was one of a session's" {
	sidecar
	mkfifo go
	session mine bash -c "'$PROGRAMS/reported' quiet; read -r line <go" &
	running=$!
	wait_for eval '[ "$(jq -r "select(.type == \"process_start\" and .comm == \"reported\").pid" "$EVENTS" | wc -l)" -ge 1 ]'
	pid=$(jq -r 'select(.type == "process_start" and .comm == "reported").pid' "$EVENTS" | tail -n 1)
	wait_for eval '! kill -0 "$pid"'
	printf '#!/bin/sh\nexec %s --sidecar=none -f %s -- %s 1 outside </dev/null\n' "$EXEC" "$inner" "$PROGRAMS/killed_at_once" >outside
	chmod 755 outside
	./outside >pids
	run -159 "$PROGRAMS/reborn" "$pid" "$EXEC" --sidecar=none -f "$inner" -- "$PROGRAMS/many_calls" 1
	wait_for has_kills 1 '.comm == "outside"'
	is "$(kills 'select(.comm == "outside") | "\(.session_id) \(.seq)"')" 'null null'
	wait_for has_kills 1 ".pid == $pid"
	is "$(kills "select(.pid == $pid) | \"\\(.session_id) \\(.seq)\"")" 'null null'
	echo >go
	wait "$running"
	wait_for ended 1
	is "$(jq -r 'select(.type == "session_end").killed' "$EVENTS")" 0
}

@test "a session that ends by such a kill: it is told, before the session's end" {
	sidecar
	for n in 1 2 3 4 5; do
		run -159 session "s$n" "$EXEC" --sidecar=none --shim -f "$inner" -- "$PROGRAMS/many_calls" 1
	done
	wait_for ended 5
	is "$(kills '"\(.session_id)"' | grep '^s' | sort | xargs)" 's1 s2 s3 s4 s5'
	is "$(jq -r 'select(.type == "session_end") | "\(.killed) \(.signal)"' "$EVENTS" | sort -u)" '1 31'
}

@test "broker and workers are killed at any moment: each kill once, and no gap" {
	sidecar
	for id in one two; do
		session "$id" bash -c "for n in \$(seq 60); do $alone '$PROGRAMS/killed_at_once' 3 robust </dev/null; done; true" >"pids.$id" &
		sessions+=("$!")
	done
	# A loader whose broker dies before it has answered is refused.
	wait_for eval '[ -s pids.one ] && [ -s pids.two ]'
	while kill -0 "${sessions[0]}" 2>/dev/null || kill -0 "${sessions[1]}" 2>/dev/null; do
		for pid in $(pgrep -P "$SIDECAR"); do kill -KILL "$pid" || true; done
		sleep 0.05
	done
	wait "${sessions[@]}"
	wait_for ended 2
	is "$(cat pids.one pids.two | wc -l)" 360
	wait_for eval '[ "$(kills "select(.comm == \"robust\").audit_record" | sort -u | wc -l)" -ge 360 ]'
	# A line that was being written may stand twice. One that was buried while no broker was there is of no session.
	kills 'select(.comm == "robust") | "\(.pid) \(.session_id) \(.seq) \(.audit_record)"' | sort -u >told
	diff <(cat pids.one pids.two | cut -d' ' -f1 | sort) <(cut -d' ' -f1 told | sort)
	for id in one two; do
		is "$(join <(cut -d' ' -f1 "pids.$id" | sort) told | cut -d' ' -f2 | grep -vx null | sort -u)" "$id"
		jq -es "[.[] | select(.session_id == \"$id\").seq] | unique == [range(1; length + 1)]" "$EVENTS"
	done
}

# In a session that ends such a process itself, it is left to that.
@test "a process of another architecture, which the kernel kills: its call's name" {
	outer=$(policy $'[sandbox.seccomp]\nmode = audit\n[notices]\nstderr = never')
	sidecar
	session mine bash -c "$alone '$PROGRAMS/raw_call' main int80; true" 2>/dev/null
	wait_for has_kills 1 '.session_id == "mine"'
	is "$(kills 'select(.session_id == "mine") | "\(.syscall) \(.syscall_nr) \(.arch)"')" 'getpid 20 i386'
	wait_for ended 1
	is "$(jq -r 'select(.type == "session_end") | "\(.killed) \(.foreign)"' "$EVENTS")" '1 1'
}

@test "SIGHUP: lines of no session go to the new file, too" {
	sidecar
	printf '#!/bin/sh\nexec %s --sidecar=none -f %s -- %s 1 "$1" </dev/null\n' "$EXEC" "$inner" "$PROGRAMS/killed_at_once" >outside
	chmod 755 outside
	./outside before
	wait_for has_kills 1 '.comm == "before"'
	mv "$EVENTS" old
	kill -HUP "$SIDECAR"
	wait_for [ -e "$EVENTS" ]
	tries=0
	until has_kills 1 '.comm == "later"'; do
		./outside later
		tries=$((tries + 1))
		[ "$tries" -lt 100 ]
	done
}

@test "without CAP_AUDIT_READ, or in a network of its own: session_start says that nothing is seen; the kernel kills" {
	for how in 'setpriv --bounding-set -audit_read --inh-caps -all' 'unshare --net'; do
		# shellcheck disable=SC2086 # words
		sidecar $how
		: >"$EVENTS"
		session unseen bash -c "$alone '$PROGRAMS/killed_at_once' 1 unseen </dev/null; true" >pids
		is "$(cut -d' ' -f2 pids)" 31
		wait_for ended 1
		is "$(jq -r 'select(.type == "session_start").kernel_kills_seen' "$EVENTS")" false
		is "$(kills)" ''
		sidecar_stop
	done
}

@test "with the capabilities that the shipped unit leaves it: seen" {
	local capabilities
	capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$TOP/conf/agentsh-sidecar.service" | tr '[:upper:]' '[:lower:]' |
		sed 's/cap_/+/g' | xargs | tr ' ' ,)
	sidecar setpriv --bounding-set "-all,$capabilities"
	session seen true
	wait_for ended 1
	is "$(jq -r 'select(.type == "session_start" and .session_id == "seen").kernel_kills_seen' "$EVENTS")" true
}
