# shellcheck shell=bash
# Sidecars and their roles: started by a test, found by it, ended with it. Needs root.
#
# In $work, which every user can enter: the programs, the policy p.ini, and events of each session.

PLAIN=$((1000000 + 10 * BATS_ROOT_PID)) # a user of no name, of no other suite's: what a user has in flight is counted
SIDECAR_PROGRAM=$BUILD/agentsh-sidecar

# roles_setup: for setup.
roles_setup() {
	work=$(mktemp -d)
	chmod 755 "$work"
	mkdir -m 777 "$work/open"
	install -m 755 "$EXEC" "$PROGRAMS/touch_process" "$work"
	install -m 711 "$SIDECAR_PROGRAM" "$work"
	session_policy no
	started=() limited=()
}

# roles_teardown: for teardown.
roles_teardown() {
	local process
	touch "$work/open/end"
	for process in "${started[@]}"; do
		kill -KILL "$process" 2>/dev/null || true
		wait "$process" 2>/dev/null || true
	done
	wait_for nothing_runs
	rm -rf "$work"
}

# Of the programs in $work nothing is left: the sidecars are nobody's children.
nothing_runs() {
	local link
	for link in /proc/[0-9]*/exe; do
		case $(readlink "$link" 2>/dev/null) in "$work"/*) return 1 ;; esac
	done
}

# session_policy ISOLATE: one that leaves it to the keeper's rules what is traced.
session_policy() {
	printf '%s\n' '[sandbox.seccomp.syscalls]' 'block = mount' '[loader]' "isolate = $1" \
		'[notices]' 'stderr = never' "$OPEN" >"$work/p.ini"
}

# behind USER: what to put before a command, in the array of that name; USER is root or plain.
behind() {
	behind=(env -i "PATH=$PATH" HOME=/nonexistent "LIBMOUNT_FORCE_MOUNT2=$LIBMOUNT_FORCE_MOUNT2")
	[ "$1" = root ] || behind=(setpriv "--reuid=$PLAIN" "--regid=$PLAIN" --clear-groups "${behind[@]}")
}

# as USER COMMAND...
as() {
	behind "$1"
	"${behind[@]}" "${@:2}" 3>&-
}

# sidecar_start [COMMAND...]: a system sidecar, its keeper in $keeper, its broker in $broker; behind a command that
# becomes it.
sidecar_start() {
	# Descriptor 9 is one that a caller has left open.
	env -C /tmp "$@" "$work/agentsh-sidecar" --socket="$work/socket" --events="$work/events" 9</dev/null \
		</dev/null >/dev/null 2>"$work/log" 3>&- &
	keeper=$!
	started+=("$keeper")
	wait_for listens "$work/socket"
	wait_for found_broker
}

found_broker() {
	broker=$(role_below "$keeper" broker)
	[ -n "$broker" ]
}

# role_below KEEPER ROLE: its process, once that has confined itself.
role_below() {
	local process
	# shellcheck disable=SC2013 # words
	for process in $(cat "/proc/$1/task/$1/children"); do
		[ "$(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null | cut -d ' ' -f 2)" = "--role=$2" ] || continue
		# One filter more than its keeper has.
		[ "$(status_of "$process" Seccomp_filters)" = $(($(status_of "$1" Seccomp_filters) + 1)) ] && echo "$process"
	done
}

status_of() {
	sed -n "s/^$2:\t//p" "/proc/$1/status"
}

# session_start USER SIDECAR: a session that does what $work/open/do says until $work/open/end is there. Its
# worker in $worker; with SIDECAR private also $keeper. The array limited may stand before it.
session_start() {
	local options=("--sidecar=$2")
	[ "$2" = private ] && options+=("--events=$work/open/events")
	behind "$1"
	# shellcheck disable=SC2016 # expanded in the session
	"${behind[@]}" "${limited[@]}" "$work/agentsh-exec" -f "$work/p.ini" "${options[@]}" -- bash -c 'cd "$0/open"
		until [ -e end ]; do
			if [ -e do ]; then mv do doing; . ./doing >said 2>&1; mv said done; fi
			sleep 0.02
		done' "$work" </dev/null >/dev/null 2>"$work/session.err" 3>&- &
	started+=($!)
	session=$!
	wait_for found_worker "$2" || { cat "$work/session.err"; return 1; }
}

found_worker() {
	local link
	if [ "$1" = private ]; then
		keeper=
		for link in /proc/[0-9]*/exe; do
			[ "$(readlink "$link" 2>/dev/null)" = "$work/agentsh-sidecar" ] || continue
			grep -qz -e '^--private$' "${link%/exe}/cmdline" && keeper=${link//[!0-9]/}
		done
	fi
	[ -n "$keeper" ] || return 1
	worker=$(role_below "$keeper" worker)
	[ -n "$worker" ]
}

# in_session SCRIPT: the session's shell runs it; its output in $output.
in_session() {
	printf '%s\n' "$1" >"$work/open/doing.new"
	chmod 644 "$work/open/doing.new"
	rm -f "$work/open/done"
	mv "$work/open/doing.new" "$work/open/do"
	wait_for test -e "$work/open/done"
	# shellcheck disable=SC2034 # used by the tests
	output=$(<"$work/open/done")
}

# touches PROCESS [OPTION...]: what touch_process says of it in the session, "NAME RESULT" a line.
touches() {
	in_session "$work/touch_process ${*:2} $1"
}

session_end() {
	touch "$work/open/end"
	wait "$session"
}

# descriptors_of PROCESS: "NUMBER WHAT" a line.
descriptors_of() {
	local link
	for link in "/proc/$1/fd/"*; do
		echo "${link##*/} $(readlink "$link" | sed 's/:\[[0-9]*\]$//; s/ (deleted)$//')"
	done | sort -n
}
