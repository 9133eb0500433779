# shellcheck shell=bash
# A system sidecar of a test's own, and what its events say. Needs common.bash and world.bash.

# sidecar_start [ARGUMENT...]: at $SOCKET, writing to $EVENTS. sidecar_stop is for teardown.
sidecar_start() {
	SOCKET=$BATS_TEST_TMPDIR/sidecar.sock
	"$BUILD/agentsh-sidecar" --socket="$SOCKET" --events="$EVENTS" "$@" 2>"$BATS_TEST_TMPDIR/sidecar.log" 3>&- &
	SIDECAR=$!
	wait_for listens "$SOCKET"
}

sidecar_stop() {
	[ -n "${SIDECAR:-}" ] || return 0
	kill -TERM "$SIDECAR"
	wait "$SIDECAR"
	SIDECAR=
}

# has_ended ID [FILE]: the session's last process has, and its sidecar has said so.
has_ended() {
	grep -q "^{\"type\":\"session_end\",.*\"session_id\":\"$1\"" "${2:-$EVENTS}"
}

# event KEY TYPE [FILE]: that key's value in each event of the type, a line each, as JSON has it.
event() {
	python3 -c 'import json, sys
for line in open(sys.argv[3]):
    event = json.loads(line)
    if event["type"] == sys.argv[2]:
        print(json.dumps(event[sys.argv[1]]))' "$1" "$2" "${3:-$EVENTS}"
}
