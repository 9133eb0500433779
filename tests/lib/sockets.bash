# shellcheck shell=bash
# Sessions whose Unix sockets are mediated, and peers outside of them.
#
# In $work, which every user can enter: p.ini, events, the logs of the peers.

DO=$PROGRAMS/socket_do
SERVE=$PROGRAMS/socket_serve

# sockets_setup: for setup. $name: what abstract names begin with, @ included.
sockets_setup() {
	work=$(mktemp -d)
	chmod 755 "$work"
	name=@${work##*/}
	serving=()
	rules ''
}

# sockets_teardown: for teardown.
sockets_teardown() {
	local process
	for process in "${serving[@]}"; do
		kill -KILL "$process" 2>/dev/null || true
		wait "$process" 2>/dev/null || true
	done
	rm -rf "$work"
}

# outside COMMAND...: runs on in the background until the end of the test; its pid in $peer, its output in $log.
outside() {
	log=$work/log.${#serving[@]}
	"$@" </dev/null >"$log" 2>&1 3>&- &
	peer=$!
	serving+=("$peer")
}

# serve TYPE ADDRESS [MODE]: a peer outside of every session.
serve() {
	outside "$SERVE" "$@"
	wait_for grep -qx ready "$log"
}

# stop PID: one that outside has started.
stop() {
	kill "$1"
	wait "$1" 2>/dev/null || true
}

# rules TEXT: the policy from now on: TEXT is what stands in [sandbox.seccomp.unix_socket], and after it.
rules() {
	printf '%s\n' '[notices]' 'stderr = never' '[sidecar]' "events = $work/events" \
		'[sandbox.seccomp.unix_socket]' 'enabled = true' "$1" >"$work/p.ini"
}

# session COMMAND...: behind the policy, with no events but its own.
session() {
	rm -f "$work/events"
	"$EXEC" -f "$work/p.ini" --sidecar=private -- "$@" 3>&-
}

# inside WORD...: as session, socket_do.
inside() {
	session "$DO" "$@"
}

# events FILTER: of the latest session, whose trail is whole once it has ended.
events() {
	wait_for grep -q '"type":"session_end"' "$work/events"
	jq -c "$1" "$work/events"
}

# is A B: they are equal; tells both where they are not.
is() {
	[ "$1" = "$2" ] || {
		printf 'got:    <%s>\nwanted: <%s>\n' "$1" "$2"
		return 1
	}
}
