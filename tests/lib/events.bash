# shellcheck shell=bash
# Sessions of a test and their events: every one writes to a file of the test's own. Needs common.bash.
# shellcheck disable=SC2034 # EVENTS: for those who load this

# watched BODY: a policy with that body, whose private sidecar writes to $EVENTS. Prints the path.
watched() {
	policy "$1
[sidecar]
socket = $BATS_TEST_TMPDIR/none.sock
events = $BATS_TEST_TMPDIR/events.jsonl"
}

EVENTS=${BATS_TEST_TMPDIR:-}/events.jsonl

# ended N: that many sessions have written their end.
ended() {
	[ "$(jq -c 'select(.type == "session_end")' "$EVENTS" 2>/dev/null | wc -l)" -ge "$1" ]
}

# events FILTER [N]: what jq says of the events, once N sessions (1) have ended.
events() {
	wait_for ended "${2:-1}"
	jq -r "$1" "$EVENTS"
}

# has_no_gap: the seq of each session are 1, 2, 3, ... as they stand there.
has_no_gap() {
	jq -es 'map(select(.session_id)) | group_by(.session_id) | all([.[].seq] == [range(1; length + 1)])' "$EVENTS" >/dev/null
}

# sidecar_start [ARGUMENT...]: a system sidecar at $SOCKET, which writes to $EVENTS.
sidecar_start() {
	SOCKET=$BATS_TEST_TMPDIR/sidecar.sock
	"$BUILD/agentsh-sidecar" --socket="$SOCKET" --events="$EVENTS" "$@" 3>&- 2>"$BATS_TEST_TMPDIR/sidecar.err" &
	SIDECAR=$!
	wait_for listens "$SOCKET"
}

sidecar_stop() {
	[ -n "${SIDECAR:-}" ] || return 0
	kill "$SIDECAR" 2>/dev/null || true
	wait "$SIDECAR" 2>/dev/null || true
	SIDECAR=
}

# for_others PROGRAM...: lets other users in here, to a policy with mode 644, to the events, to the programs
# (of $PROGRAMS as well) and to nothing else of the build's: from now on they are those copies.
for_others() {
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
	install -d -m 755 "$BATS_TEST_TMPDIR/bin"
	install -m 755 "$EXEC" "$BUILD/agentsh-sidecar" "${@/#/$PROGRAMS/}" "$BATS_TEST_TMPDIR/bin"
	EXEC=$BATS_TEST_TMPDIR/bin/agentsh-exec PROGRAMS=$BATS_TEST_TMPDIR/bin
	: >"$EVENTS"
	chmod 666 "$EVENTS"
}

# other_user COMMAND...: as nobody, without a capability.
other_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}
