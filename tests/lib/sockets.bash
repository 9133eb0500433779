# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the files that load this one
# Sessions whose Unix sockets are mediated, and peers outside of them.
#
# In $work, which every user can enter: p.ini, events, the logs of the peers.

DO=$PROGRAMS/socket_do
SERVE=$PROGRAMS/socket_serve

# sockets_setup: for setup.
sockets_setup() {
	work=$(mktemp -d)
	chmod 755 "$work"
	through=()
	peers_begin
	rules ''
}

# sockets_teardown: for teardown.
sockets_teardown() {
	peers_end
	rm -rf "$work"
}

# peers_begin: for setup, where $work is made already. $name: what abstract names begin with, @ included.
peers_begin() {
	name=@${work##*/}
	serving=()
}

peers_end() {
	local process
	for process in "${serving[@]}"; do
		kill -KILL -- "-$process" 2>/dev/null || true
		wait "$process" 2>/dev/null || true
	done
}

# outside COMMAND...: runs on in the background, in a process group of its own, until the end of the test; that in
# $peer, its output in $log.
outside() {
	log=$work/log.${#serving[@]}
	set -m
	"$@" </dev/null >"$log" 2>&1 3>&- &
	set +m
	peer=$!
	serving+=("$peer")
}

# serve TYPE ADDRESS [MODE]: a peer outside of every session.
serve() {
	outside "$SERVE" "$@"
	wait_for grep -qx ready "$log"
}

# stop PEER: one that outside has started.
stop() {
	kill -- "-$1"
	wait "$1" 2>/dev/null || true
}

# private_run: from now on there is a mount namespace with an empty /run, for daemons at their usual paths.
private_run() {
	outside unshare --mount --propagation private bash -c 'mount -t tmpfs -o mode=755 tmpfs /run && echo ready && exec sleep infinity'
	namespace=$peer
	wait_for grep -qx ready "$log"
}

# apart COMMAND...: in that namespace.
apart() {
	nsenter --target "$namespace" --mount --wd=/ "$@"
}

# rules TEXT: the policy from now on: TEXT is what stands in [sandbox.seccomp.unix_socket], and after it.
rules() {
	printf '%s\n' '[notices]' 'stderr = never' '[sidecar]' "events = $work/events" \
		'[sandbox.seccomp.unix_socket]' 'enabled = true' "$1" >"$work/p.ini"
}

# session COMMAND...: behind the policy, with no events but its own; what is in the array through stands before.
session() {
	rm -f "$work/events"
	"${through[@]}" "$EXEC" -f "$work/p.ini" --sidecar=private -- "$@" 3>&-
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
