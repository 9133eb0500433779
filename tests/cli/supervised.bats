#!/usr/bin/env bats
# agentsh-exec with a sidecar: which one, where its events go, the policies that need one, notices, and
# sessions inside sessions. Without one: kernel.bats.
#
# What an inner shell expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/supervised

setup() {
	AGENTSH_CONFIG=$(supervised '')
	export AGENTSH_CONFIG
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	sidecar_stop
}

# blocked FILE: what is said of one blocked call whose event that file has; none: that it has been said.
blocked() {
	local more='its events tell more'
	[ -z "$1" ] || more="'agentshctl last $(realpath "$1")' tells more"
	echo "agentsh-exec: the policy blocked ptrace: 1 killed, 0 denied ($more)"
}

# ended_by_sidecar FILE ARGUMENT...: the loader called so: a blocked call is SIGKILL, and an event in FILE.
ended_by_sidecar() {
	run -137 "$EXEC" "${@:2}" -- "$PROGRAMS/trace_self"
	is "$output" "$(blocked "$1")"
	is "$(event action seccomp_blocked "$1")" '"killed"'
	is "$(event syscall seccomp_blocked "$1")" '"ptrace"'
	rm "$1"
}

# --- Which sidecar, and where events go ---

@test "a private sidecar: by default where nobody listens, or asked for" {
	ended_by_sidecar "$EVENTS"
	ended_by_sidecar "$EVENTS" --sidecar=auto
	ended_by_sidecar "$EVENTS" --sidecar=private
}

@test "a system sidecar: by its path, or by the policy's; its own trail counts" {
	sidecar_start
	ended_by_system "$EXEC" --sidecar="$SOCKET"
	ended_by_system "$EXEC_STATIC" -f "$(policy "[sidecar]
socket = $SOCKET
events = $BATS_TEST_TMPDIR/not-here")"
	[ ! -e not-here ]
	# Another file gets a copy.
	ended_by_system "$EXEC" --sidecar="$SOCKET" --events=copy
	is "$(event action seccomp_blocked copy)" '"killed"'
	# A private one beside it.
	ended_by_sidecar other --sidecar=private --events=other
	is "$(grep -c seccomp_blocked "$EVENTS")" 3
}

# ended_by_system COMMAND...: one more session there.
ended_by_system() {
	local before=0
	[ ! -e "$EVENTS" ] || before=$(grep -c seccomp_blocked "$EVENTS" || true)
	run -137 "$@" -- "$PROGRAMS/trace_self"
	wait_for eval "[ \"\$(grep -c seccomp_blocked '$EVENTS')\" -eq $((before + 1)) ]"
	is "$(event sidecar session_start | tail -n 1)" '"system"'
}

@test "no sidecar where one is asked for by its path: nothing runs" {
	says 125 'sidecar: nobody listens at /nonexistent/socket' "$EXEC" --sidecar=/nonexistent/socket -- touch ran
	says 125 '--sidecar: ' "$EXEC" --sidecar=sometimes -- touch ran
	[ ! -e ran ]
}

@test "--events: a file, also a relative one, or standard error" {
	local file
	ended_by_sidecar one --events="$PWD/one"
	mkdir below
	ended_by_sidecar below/two --events below/two
	[ ! -e "$EVENTS" ]
	run -137 "$EXEC" --events=- -- "$PROGRAMS/trace_self"
	is "$(grep '^agentsh-exec: ' <<<"$output")" "$(blocked '')"
	grep -v '^agentsh-exec: ' <<<"$output" >three
	is "$(event action seccomp_blocked three)" '"killed"'
	[ ! -e "$EVENTS" ]
	# In a file, behind what is there, and the command's own errors behind that.
	echo first >four
	"$EXEC" --events=- -- sh -c 'echo second >&2; "$0"; exit 0' "$PROGRAMS/trace_self" 2>>four
	"$EXEC" --events=- -- sh -c 'echo second >&2; "$0"; exit 0' "$PROGRAMS/trace_self" 2>five
	for file in four five; do
		wait_for grep -q session_end "$file"
		is "$(grep -v ^first "$file" | sed 's/[,:].*//' | sort | xargs)" 'Killed agentsh-exec second {type {type {type'
	done
	is "$(head -n 1 four)" first
}

@test "--events: where nothing can be written, nothing runs" {
	local where
	mkdir folder
	for where in folder /nonexistent/events /proc/version; do
		says 125 '--events' "$EXEC" --events="$where" -- touch ran
	done
	says 125 '--events: there is nobody to write them' "$EXEC" -f "$(policy '')" --sidecar=none --events=x -- touch ran
	[ ! -e ran ]
}

@test "events name the policy's file and rules by an absolute path" {
	mkdir below
	cp "$AGENTSH_CONFIG" below/p.ini
	printf '[sandbox.seccomp.syscalls]\nblock = ptrace\n' >>below/p.ini
	local file=$PWD/below/p.ini
	cd below
	run -137 "$EXEC" -f p.ini -- "$PROGRAMS/trace_self"
	is "$(event policy_file session_start)" "\"$file\""
	is "$(event rule seccomp_blocked)" "\"$file:$(wc -l <p.ini)\""
	rm "$EVENTS"
	# An absolute one stays as it was named, and the defaults have none.
	run -0 "$EXEC" -f "$PWD/../below/p.ini" -- true
	wait_for grep -qs session_start "$EVENTS"
	is "$(event policy_file session_start)" "\"$PWD/../below/p.ini\""
	unset AGENTSH_CONFIG
	[ ! -e /etc/agentsh/agentsh.ini ] || skip "this machine has a configuration of its own"
	env -u XDG_CONFIG_HOME HOME="$PWD" "$EXEC" --sidecar=private --events="$PWD/events" -- true
	wait_for grep -qs session_start events
	is "$(event policy_file session_start events)" null
}

# --- Policies that need one ---

# needs_sidecar LINE REMEDY POLICY: --sidecar=none is refused, and that line named.
needs_sidecar() {
	local file
	file=$(policy "$3")
	says 125 "$2" "$EXEC" --sidecar=none -f "$file" -- touch ran
	[[ $stderr == "agentsh-exec: $file:$1: "*'it needs a sidecar, and --sidecar=none asks for none ('* ]] ||
		is "$stderr" "agentsh-exec: $file:$1: ...sidecar..."
	[ ! -e ran ]
}

@test "policies that need a sidecar: refused without one, with their line and what runs without" {
	needs_sidecar 2 'mode = enforce' $'[sandbox.seccomp]\nmode = audit'
	needs_sidecar 2 'on_block = errno' $'[sandbox.seccomp.syscalls]\non_block = log'
	needs_sidecar 3 'on_block = kill' $'\n[sandbox.seccomp.syscalls]\non_block = log_and_kill'
	needs_sidecar 3 'degraded = no_unix' $'\n[sandbox.seccomp.unix_socket]\nenabled = true'
	needs_sidecar 4 'action = enforce' \
		$'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix\naction = audit'
	needs_sidecar 2 "'events ='" $'[sidecar]\nevents = /tmp/x'
	needs_sidecar 2 'on_event_loss = continue' $'[sidecar]\non_event_loss = deny'
	# No filter: nothing that could need one.
	gives 0 'seccomp=0 no_new_privs=1' "$EXEC" --sidecar=none -f \
		"$(policy $'[sandbox.seccomp]\nenabled = false\nmode = audit')" -- "$PROGRAMS/nolibc_state"
}

# supported STATUS TYPE ACTION POLICY: trace_self ends so behind it, and that is the event.
supported() {
	local program
	for program in "$EXEC" "$EXEC_STATIC"; do
		run -"$1" "$program" -f "$(supervised "$4")" -- "$PROGRAMS/trace_self"
		is "$(event action "$2")" "$3"
		rm "$EVENTS"
	done
}

@test "policies that need a sidecar: applied with one" {
	supported 0 seccomp_audit '"allowed"' $'[sandbox.seccomp]\nmode = audit'
	supported 1 seccomp_blocked '"denied"' $'[sandbox.seccomp.syscalls]\non_block = log'
	supported 137 seccomp_blocked '"killed"' $'[sandbox.seccomp.syscalls]\non_block = log_and_kill'
	supported 137 seccomp_blocked '"killed"' $'[notices]\nstderr = never'
	supported 1 seccomp_blocked '' $'[sandbox.seccomp.syscalls]\non_block = errno'
	run -137 "$EXEC" --events="$EVENTS" -f "$(policy $'[sidecar]\non_event_loss = deny')" --sidecar=private -- \
		"$PROGRAMS/trace_self"
	is "$(event action seccomp_blocked)" '"killed"'
}

# --- Notices ---

# notices STDERR POLICY: what is said of one blocked call.
notices() {
	# A pipe, whose end comes with the sidecar's.
	run -137 "$EXEC" -f "$(supervised "$2")" -- "$PROGRAMS/trace_self"
	# shellcheck disable=SC2053 # a pattern
	[[ $output == $1 ]] || is "$output" "$1"
}

@test "notices: a summary, a line for each, or none" {
	notices "$(blocked "$EVENTS")" ''
	notices "$(blocked "$EVENTS")" $'[notices]\nstderr = auto'
	notices 'agentsh-exec: killed trace_self (pid [0-9]*): ptrace is blocked (a built-in default)' \
		$'[notices]\nstderr = always'
	notices '' $'[notices]\nstderr = never'
	gives 0 ran "$EXEC" -f "$(supervised $'[notices]\nstderr = always')" -- echo ran
	# In a terminal, a line for each.
	run "$TOP/tests/lib/type_at.py" '' "$EXEC" -- "$PROGRAMS/trace_self" </dev/null
	[[ $output == *'killed trace_self (pid '* ]]
}

# --- Sessions inside sessions ---

FILTERS='sed -n "s/^Seccomp_filters:\t//p" /proc/self/status'

@test "nested: the session's own policy again: just exec, in the same session" {
	gives 0 $'outer\n1' "$EXEC" -s outer -- sh -c '"$0" -- sh -c "echo \$AGENTSH_SESSION_ID; $1"' "$EXEC_STATIC" "$FILTERS"
	wait_for has_ended outer
	is "$(event session_id session_start)" '"outer"'
	# Whatever the environment says; it is the reserved call that attests.
	gives 0 $'outer\n1' "$EXEC" -s outer -- sh -c 'AGENTSH_SESSION_ID=forged "$0" -- sh -c "echo \$AGENTSH_SESSION_ID; $1"' \
		"$EXEC" "$FILTERS"
	gives 0 $'outer\n1' "$EXEC" -s outer -- sh -c 'env -u AGENTSH_SESSION_ID "$0" --sidecar=none -- sh -c "
		echo \$AGENTSH_SESSION_ID; $1"' "$EXEC" "$FILTERS"
	# And outside of any there is none, whatever it says.
	gives 0 forged env AGENTSH_SESSION_ID=forged "$EXEC" -- printenv AGENTSH_SESSION_ID
	# The last one's worker may be beginning still.
	wait_for sh -c '[ "$(grep -c "\"session_start\"" "$0")" -eq 4 ]' "$EVENTS"
}

@test "nested: a stricter policy: its kernel-enforced part is added" {
	local strict
	strict=$(policy $'[sandbox.seccomp.syscalls]\nblock = ptrace, getppid\non_block = errno')
	gives 0 2 "$EXEC" -- "$EXEC" -f "$strict" -- sh -c "$FILTERS"
	gives 0 -1 "$EXEC" -- "$EXEC" -f "$strict" -- python3 -c 'import ctypes; print(ctypes.CDLL(None).getppid())'
	# What both block is the outer's.
	run -137 "$EXEC" -- "$EXEC" -f "$strict" -- "$PROGRAMS/trace_self"
	# A looser one takes nothing away.
	run -137 "$EXEC" -- "$EXEC" -f "$(policy $'[sandbox.seccomp]\nenabled = false')" -- "$PROGRAMS/trace_self"
	wait_for told seccomp_blocked seccomp_blocked
}

@test "nested: what cannot be had inside: nothing runs" {
	says 125 'session' "$EXEC" -s outer -- "$EXEC" -f "$(policy $'[sandbox.seccomp.syscalls]
block = getppid\non_block = log')" -- touch ran
	local option
	for option in '-s other' --events=other --sidecar=private --sidecar=/x; do
		# shellcheck disable=SC2086 # one or two words
		says 125 'this command is in session outer' "$EXEC" -s outer -- "$EXEC" $option -- touch ran
	done
	[ ! -e ran ]
	gives 0 ran "$EXEC" -s outer -- "$EXEC" -s outer -- echo ran
}
