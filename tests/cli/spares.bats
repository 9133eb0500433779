#!/usr/bin/env bats
# Workers that have answered no call: which session they take next, and which they do not.
#
# Set by lib/roles.bash, or used there; each test is a subshell; what a shell in the test expands stands in single quotes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles

setup() {
	need_root
	roles_setup
	sidecar_start
}

teardown() {
	[ -z "${work:-}" ] || roles_teardown
}

# waiters: the processes that wait for a session, in order.
waiters() {
	role_below "$keeper" waiter | sort -n | xargs
}

waits() {
	[[ " $(waiters) " == *" $1 "* ]]
}

so_many_wait() {
	[ "$(waiters | wc -w)" -eq "$1" ]
}

# begin USER: a session of that user's, after others.
begin() {
	rm -f "$work/open/"*
	session_start "$1" "$work/socket"
}

# A call that the worker has to answer is killed.
a_call_is_killed() {
	in_session 'mount -t tmpfs none /mnt; echo $?'
	[ "${output##*$'\n'}" = 137 ]
}

# free_after USER [SCRIPT]: the worker of a session of that user's, once the session is over, and of a call in it if so.
free_after() {
	begin "$1"
	[ -z "${2:-}" ] || in_session "$2"
	session_end
	wait_for worker_is_over "$worker"
}

# It waits again, or has gone.
worker_is_over() {
	! [ -e "/proc/$1" ] || waits "$1"
}

@test "a worker whose session made no call takes another of the same user's, and has nothing of the first" {
	local first before now
	wait_for so_many_wait 1
	free_after plain
	first=$worker
	waits "$first"
	# As one that has had none yet.
	[ "$(descriptors_of "$first" | sed 1,3d)" = '3 socket' ]
	before=$(waiters)
	begin plain
	[ "$worker" = "$first" ]
	[ "$(descriptors_of "$worker" | sed 1,3d | cut -d ' ' -f 2- | xargs)" = \
		"socket anon_inode:seccomp notify /memfd:agentsh-session $work/events / anon_inode:[pidfd]" ]
	# No other was started for that.
	now=$(waiters)
	[ "$(echo "$before" | tr ' ' '\n' | grep -vx "$first")" = "$now" ]
	# It answers this one's calls, and is over with it then.
	a_call_is_killed
	session_end
	wait_for worker_is_over "$worker"
	[ ! -e "/proc/$first" ]
	[ "$(jq -r '.type' "$work/events" | xargs)" = \
		'session_start session_end session_start seccomp_blocked session_end' ]
	[ "$(jq -r 'select(.type != "audit_records_lost") | "\(.session_id) \(.seq)"' "$work/events" | sort -u | wc -l)" = 5 ]
}

@test "a worker that has answered a call takes no other session" {
	free_after plain "$work/agentsh-exec -f $work/p.ini -- true; echo \$?"
	[ "$output" = 0 ]
	[ ! -e "/proc/$worker" ]
}

@test "a worker takes no session of another user's, nor of one with other capabilities" {
	local plain others
	free_after plain
	plain=$worker
	waits "$plain"
	begin root
	[ "$worker" != "$plain" ]
	waits "$plain"
	# root's: all that a call may need of it.
	[ "$(status_of "$worker" CapPrm)" = "$(status_of self CapPrm)" ]
	session_end
	wait_for waits "$worker"
	others=$worker
	# Root without a capability is another.
	limited=(setpriv --inh-caps=-all --bounding-set=-all)
	begin root
	[ "$worker" != "$others" ]
	[ "$worker" != "$plain" ]
	waits "$others"
}

@test "a free worker that is killed, or stopped for a while: no session is without one" {
	local first
	free_after plain
	first=$worker
	kill -KILL "$first"
	begin plain
	[ "$worker" != "$first" ]
	a_call_is_killed
	session_end
	wait_for worker_is_over "$worker"
	# Killed with the session already its own, which it cannot have looked at.
	free_after plain
	first=$worker
	kill -STOP "$first"
	rm -f "$work/open/"*
	behind plain
	"${behind[@]}" "$work/agentsh-exec" -f "$work/p.ini" "--sidecar=$work/socket" -- true 3>&-
	kill -KILL "$first"
	wait_for all_told 4
	[ "$(jq -r '"\(.session_id) \(.seq)"' "$work/events" | sort | uniq -d)" = '' ]
	wait_for keeps_nothing
}

@test "a free worker that has no room for a session: another has it" {
	local first
	free_after plain
	first=$worker
	prlimit --pid "$first" --nofile=4:4
	begin plain
	[ "$worker" != "$first" ]
	a_call_is_killed
	session_end
	wait_for all_told 2
}

# The keeper has no session's listener.
keeps_nothing() {
	! descriptors_of "$keeper" | grep -q 'seccomp notify'
}

@test "few descriptors: the roles begin all the same, or it is said why not" {
	roles_teardown
	roles_setup
	sidecar_start prlimit --nofile=40:40
	free_after plain
	begin plain
	a_call_is_killed
	session_end
	wait_for all_told 2
	roles_teardown
	roles_setup
	prlimit --nofile=12:12 "$work/agentsh-sidecar" --socket="$work/socket" --events="$work/events" \
		</dev/null >/dev/null 2>"$work/log" 3>&- &
	started+=($!)
	wait_for grep -q '(raise ulimit -n)$' "$work/log"
}

all_told() {
	[ "$(grep -c '"type":"session_end"' "$work/events")" -eq "$1" ]
}

@test "free workers: as many as sessions end at once, and one after a while" {
	local many=12 i sessions=()
	wait_for so_many_wait 1
	behind plain
	for ((i = 0; i < many; i++)); do
		"${behind[@]}" "$work/agentsh-exec" -f "$work/p.ini" "--sidecar=$work/socket" -- \
			sh -c 'until [ -e "$0" ]; do sleep 0.02; done' "$work/open/go" 3>&- &
		sessions+=($!)
	done
	wait_for so_many_serve "$many"
	touch "$work/open/go"
	wait "${sessions[@]}"
	wait_for so_many_wait $((many + 1))
	wait_for so_many_wait 1
	[ "$(sort "$work/log" | uniq)" = '' ]
}

so_many_serve() {
	[ "$(role_below "$keeper" worker | wc -w)" -eq "$1" ]
}
