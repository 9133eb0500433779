#!/usr/bin/env bats
# Peers that break the hand-over: sidecars that no loader may trust, loaders that a sidecar must bear.
#
# What an inner shell expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/sidecar

FAKE=$TOP/tests/lib/fake_sidecar.py
BAD=$TOP/tests/lib/bad_loader.py

setup() {
	need_root
	sidecar_setup
}

teardown() {
	sidecar_teardown
}

# --- Bad sidecars ---

# The loader's own call of write, and all that the announcement could use: it goes through the helper.
TRAPPED='	sendto, sendmsg, read, recvmsg, recvfrom, write, poll, ppoll'

fake_start() {
	background "$FAKE" "$HOME_OF/$1" "$1" >"$1.said"
	wait_for listens "$HOME_OF/$1"
	[ "$1" != full ] || wait_for grep -q full "$1.said"
}

# try BEHAVIOUR WAY POLICY: a loader that meets it; what came of it in files.
try() {
	local status=0
	# Far more than the five seconds that are promised: a loader that waits for ever.
	timeout 60 "$RUN" --sidecar="$HOME_OF/$1" -f "$3" sh -c ': >"$0"' "$HOME_OF/ran.$1.$2" \
		>"$1.$2.out" 2>"$1.$2.err" </dev/null 3>&- || status=$?
	echo "$status" >"$1.$2.status"
}

# All at once, as each may take five seconds.
@test "whatever a sidecar does instead of what it should: 125, one line, and nothing has run" {
	local behaviour text way pids=() behaviours=() open trapped
	open=$(blocking)
	trapped=$(blocking "$TRAPPED")
	cat >wanted <<-'END'
		silent|does not answer
		deaf|does not answer
		full|timed out
		slow|does not answer
		drip|what answers is none
		rubbish|what answers is none
		short|what answers is none
		version|speaks version 4, this loader 3
		wrong_order|what answers is none
		refuses|it is closed today (come back tomorrow)
		refuses_endlessly|it\x0a\x1b[2Jlies
		huge|what answers is none
		dies_at_once|sidecar
		dies_after_hello|sidecar
		dies_after_welcome|it
		dies_after_listener|it ended without an answer
		silent_after_listener|does not answer
		rubbish_after_listener|what answers is none
		huge_after_listener|what answers is none
		refuses_after_listener|it is closed today (come back tomorrow)
	END
	while IFS='|' read -r behaviour text; do
		behaviours+=("$behaviour")
		fake_start "$behaviour"
	done <wanted
	local began=$SECONDS
	for behaviour in "${behaviours[@]}"; do
		try "$behaviour" open "$open" &
		pids+=("$!")
		try "$behaviour" trapped "$trapped" &
		pids+=("$!")
	done
	wait "${pids[@]}"
	# Five seconds and what a busy machine adds, and not the time of one that waits for ever.
	[ $((SECONDS - began)) -lt 30 ]
	while IFS='|' read -r behaviour text; do
		for way in open trapped; do
			is "$behaviour.$way $(cat "$behaviour.$way.status")" "$behaviour.$way 125"
			is "$(cat "$behaviour.$way.out")" ''
			is "$behaviour.$way $(wc -l <"$behaviour.$way.err")" "$behaviour.$way 1"
			# That of a reason which has no end has no end either.
			[ "$behaviour" = refuses_endlessly ] || grep -qE '^agentsh-exec: .+: .+ \(.+\)$' "$behaviour.$way.err" ||
				is "$behaviour.$way $(cat "$behaviour.$way.err")" 'agentsh-exec: WHAT: WHY (REMEDY)'
			grep -qF -e "$text" "$behaviour.$way.err" || is "$behaviour.$way $(cat "$behaviour.$way.err")" "with: $text"
			[ ! -e "ran.$behaviour.$way" ]
		done
	done <wanted
	# Nor is there a helper that waits for the end of its own patience.
	wait_for nothing_runs
}

@test "descriptors that a sidecar gives along are none of the target's" {
	fake_start gives
	run -0 bare "$RUN" --sidecar="$HOME_OF/gives" -f "$(blocking)" sh -c 'ls /proc/self/fd'
	is "$output" $'0\n1\n2\n3' # ls reads the folder by the last
}

@test "a socket of another user's is not believed; root's and one's own are" {
	mkdir theirs
	chown "$OTHER" theirs
	background as "$OTHER" "$FAKE" "$HOME_OF/theirs/socket" refuses
	wait_for listens "$HOME_OF/theirs/socket"
	says 125 "it belongs to uid $OTHER" "$RUN" --sidecar="$HOME_OF/theirs/socket" -f "$(blocking)" touch ran
	says 125 "it belongs to uid $OTHER" as "$THIRD" "$RUN" --sidecar="$HOME_OF/theirs/socket" -f "$(blocking)" touch ran
	says 125 'it is closed today' as "$OTHER" "$RUN" --sidecar="$HOME_OF/theirs/socket" -f "$(blocking)" touch ran
	[ ! -e ran ]
}

@test "a filter that cannot be loaded: the helper ends with its loader" {
	sidecar_start
	local began=$SECONDS
	# Another listener is there already. What the helper would hold until its deadline is the pipe.
	[[ $("$PROGRAMS/with_listener" 109 "$RUN" --sidecar="$SOCKET" -f "$(blocking "$TRAPPED")" touch ran 2>&1) == \
		*"another supervisor's listener"* ]]
	[ $((SECONDS - began)) -lt 4 ]
	wait_for nothing_but_sidecar
	[ ! -e ran ]
}

nothing_but_sidecar() {
	[ "$(processes | wc -l)" -eq $((1 + $(wc -w <"/proc/$SIDECAR/task/$SIDECAR/children"))) ]
}

# --- Bad loaders ---

# of_role ROLE: the keeper's children of that role.
of_role() {
	local child
	for child in $(<"/proc/$SIDECAR/task/$SIDECAR/children"); do
		if grep -aqs -- "--role=$1" "/proc/$child/cmdline"; then echo "$child"; fi
	done
}

broker() {
	of_role broker
}

# resident PID: kB.
resident() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"
}

works() {
	local status=0
	"$@" "$RUN" --sidecar="$SOCKET" -f "$(blocking 'on_block = log' '[notices]' 'stderr = never')" "$CLEAN" \
		>works.out 2>&1 </dev/null 3>&- 4>&- || status=$?
	# 21: bats' own descriptors.
	[ "$status" -eq 10 ] || [ "$status" -eq 21 ] || is "$status $(cat works.out)" served
}

# as_before: broker and keeper have the descriptors that they had, sooner or later.
as_before() {
	wait_for counts_are "$KEEPER_HAD" "$BROKER_HAD" || is "$(descriptors "$SIDECAR") $(descriptors "$BROKER")" "$KEEPER_HAD $BROKER_HAD"
	is "$(broker)" "$BROKER"
}

counts_are() {
	[ "$(descriptors "$SIDECAR") $(descriptors "$BROKER")" = "$1 $2" ]
}

# The keeper has no children but the broker and a worker that waits for its session, and both have what they had when
# this was last asked.
is_steady() {
	local now
	[ "$(wc -w <"/proc/$SIDECAR/task/$SIDECAR/children")" -eq 2 ] && [ -n "$(of_role waiter)" ] || return 1
	now="$(descriptors "$SIDECAR") $(descriptors "$BROKER")"
	[ "$now" = "$BEFORE" ] || {
		BEFORE=$now
		return 1
	}
}

attacked_start() {
	sidecar_start
	works env
	BROKER=$(broker)
	wait_for [ -n "$BROKER" ]
	has 1 '.type == "session_end"'
	BEFORE=''
	wait_for is_steady
	KEEPER_HAD=$(descriptors "$SIDECAR")
	BROKER_HAD=$(descriptors "$BROKER")
}

# Each is logged: a table has no more rows than the log has lines for in a second.
refuses_each() {
	local behaviour text
	attacked_start
	while IFS='|' read -r behaviour text; do
		run -0 as "$OTHER" "$BAD" "$SOCKET" "$behaviour"
		is "$behaviour ${output:0:${#text}}" "$behaviour $text"
		[ "$text" = closed ] || said "$output"
		works env
	done
	run -1 grep $'\x1b' "$LOG"
	as_before
}

# What breaks the protocol, and how the reason begins.
BROKEN="\
rubbish|what was said breaks the protocol
truncated|what was said breaks the protocol
tiny|what was said breaks the protocol
oversize|what was said breaks the protocol
text_first|what was said breaks the protocol
listener_first|what was said breaks the protocol
accepted_first|what was said breaks the protocol
hello_twice|what was said breaks the protocol
listener_early|what was said breaks the protocol
more_text|what was said breaks the protocol
empty_text|what was said breaks the protocol
text_after|what was said breaks the protocol
wrong_magic|what was said breaks the protocol
other_version|it is of another version"

@test "whatever a loader says that breaks the protocol: refused, closed, logged" {
	refuses_each <<<"$BROKEN"
}

@test "whatever a loader asks for or announces that is none: refused, closed, logged" {
	refuses_each <<-'END'
		flags|what was said breaks the protocol
		no_descriptor|what was said breaks the protocol
		endless_session|what was said breaks the protocol
		lengths|what was said breaks the protocol
		makes_sockets|sockets are made by a private sidecar
		bad_id|its session ID is none
		no_id|its session ID is none
		bad_policy|the policy's line 1
		no_filter|a policy without a filter
		announces_pipe|what was announced is no listener
		announces_socket|what was announced is no listener
		announces_closed|the listener cannot be taken
		announces_nothing|the listener cannot be taken
		never_announces|no listener was announced in time
	END
}

@test "a private sidecar: whatever its loader says, it is refused, nothing is left, and there is no event" {
	local behaviour text
	while IFS='|' read -r behaviour text; do
		run -0 --separate-stderr as "$OTHER" "$BAD" "private:$BUILD/agentsh-sidecar" "$behaviour"
		is "$behaviour ${output:0:${#text}}" "$behaviour $text"
		is "$behaviour $stderr" "$behaviour "
	done < <(
		echo "$BROKEN"
		cat <<-'END'
			reports|closed
			flags|what was said breaks the protocol
			no_descriptor|what was said breaks the protocol
			endless_session|what was said breaks the protocol
			lengths|what was said breaks the protocol
			bad_id|its session ID is none
			no_id|its session ID is none
			announces_pipe|what was announced is no listener
			announces_closed|the listener cannot be taken
			never_announces|no listener was announced in time
			goes|closed
		END
	)
	# Each ends by itself, once its loader has gone.
	wait_for bash -c '! pgrep -u "$0"' "$OTHER"
}

@test "10,000 connections: good sessions start and work meanwhile, and all is as before" {
	attacked_start
	works env
	local kept
	kept=$(resident "$BROKER")
	background as "$OTHER" "$BAD" "$SOCKET" idle 10000 >idle.said
	local idle=$PID
	background as "$THIRD" "$BAD" "$SOCKET" come_and_go 10000
	local going=$PID
	while kill -0 "$idle" 2>/dev/null; do
		works env
		works as "$((OTHER + 7))"
	done
	wait "$idle" "$going"
	grep -q connected idle.said
	as_before
	# Lines about refused loaders are bounded by the second, and the rest is counted.
	said 'more loaders were refused'
	[ "$(wc -l <"$LOG")" -lt 2000 ]
	[ "$(resident "$BROKER")" -lt $((kept + 4096)) ]
}

@test "a flood of descriptors, also with messages that are empty: none is left in the broker" {
	attacked_start
	as "$OTHER" "$BAD" "$SOCKET" flood 2000
	works env
	as_before
}

@test "one that stops a good session of its own by too many connections stops nobody else's" {
	attacked_start
	background as "$OTHER" "$BAD" "$SOCKET" idle 256 >idle.said
	wait_for grep -q connected idle.said
	says 125 'too many loaders of yours wait at once' as "$OTHER" "$RUN" --sidecar="$SOCKET" -f "$(blocking)" touch ran
	works as "$THIRD"
	works env
	[ ! -e ran ]
}

# ticks PID: of processor time that it has had.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

@test "a broker that has no descriptor left for the next loader waits, and does not spin" {
	sidecar_start prlimit --nofile=100:100
	works env
	BROKER=$(broker)
	local had began=$SECONDS
	had=$(ticks "$BROKER")
	as "$OTHER" "$BAD" "$SOCKET" idle 120
	# A hundred ticks are a second: a tenth of the time at most.
	[ $(((($(ticks "$BROKER")) - had) * 10)) -lt $(((SECONDS - began + 1) * 100)) ]
	works env
}

@test "more loaders announce at once than the channel to the keeper holds: each is answered" {
	attacked_start
	local user pids=()
	for user in 1 2 3 4; do
		mkfifo "go.$user"
		background as "$((OTHER + user))" "$BAD" "$SOCKET" many 250 <>"go.$user" >"said.$user"
		pids+=("$PID")
	done
	for user in 1 2 3 4; do
		wait_for grep -q welcomed "said.$user"
	done
	kill -STOP "$BROKER"
	for user in 1 2 3 4; do
		echo >"go.$user"
		wait_for grep -q announced "said.$user"
	done
	kill -CONT "$BROKER"
	wait "${pids[@]}"
	for user in 1 2 3 4; do
		is "$(tail -n 1 "said.$user")" 'answered 250'
	done
	works env
	as_before
}
