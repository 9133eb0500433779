#!/usr/bin/env bats
# The promises of design.md in the places where agentsh-exec is used, each tried there (tests/places): what the manual's
# table says of each is what the logs of these runs say. AGENTSH_PLACES=all: every promise in every place; else in those
# that begin slowly only some.
#
# shellcheck disable=SC2154 # run sets output
bats_require_minimum_version 1.5.0
load ../lib/common

PAGE=$TOP/loader/agentsh-exec.1
HERE=$TOP/tests/places
# Holds also where nothing of ours is.
ORDINARY='descriptors streams own signals rights errors'

setup_file() {
	[ "$(id -u)" -eq 0 ] || return 0
	export LOGS=$BATS_FILE_TMPDIR/logs
	SOME='kill bad-policy start-end path race rights worker-dies keeper-dies'
	[ "${AGENTSH_PLACES:-}" != all ] || SOME=
	export SOME AGENTSH_BUILD=$BUILD
	{
		LANES=1 "$HERE/run" "$LOGS" without root user login crun &
		PROMISES=$SOME LANES=1 "$HERE/run" "$LOGS" yama docker made profile runtime podman podman-oci || true
		wait "$!" || true
	} >"$BATS_FILE_TMPDIR/said" 2>&1 3>&-
}

setup() {
	need_root
}

# table PLACE: the page says of it what its logs say, and the run was one without a complaint.
table() {
	"$HERE/table" --check "$LOGS" "$PAGE" "$1" || {
		cat "$BATS_FILE_TMPDIR/said"
		return 1
	}
}

@test "without agentsh-exec: what is tried goes through, so each try can fail" {
	run "$HERE/judge" "$LOGS" without
	[ "$status" -eq 0 ] && [ "$(wc -l <<<"$output")" -eq "$(grep -c '^    ("' "$HERE/judge")" ] &&
		[ "$(awk '$3 == "held" { print $2 }' <<<"$output" | xargs)" = "$ORDINARY" ] || {
		echo "$output"
		cat "$BATS_FILE_TMPDIR/said"
		tail -n +1 "$LOGS"/without/*
		return 1
	}
}

@test "a prefix on the host, as root" {
	table root
}

@test "a prefix on the host, as a user" {
	table user
}

@test "a prefix under Yama, where only an ancestor reads" {
	PROMISES=$SOME table yama
}

@test "a login shell, by ssh" {
	table login
}

@test "an entrypoint under Docker's default profile" {
	PROMISES=$SOME table docker
}

@test "the same, where the sidecar makes the sockets" {
	PROMISES=$SOME table made
}

@test "an entrypoint under conf/docker-seccomp.json" {
	PROMISES=$SOME table profile
}

@test "Docker with the runtime wrapper" {
	PROMISES=$SOME table runtime
}

@test "an entrypoint in a user's podman" {
	PROMISES=$SOME table podman
}

@test "a user's podman with a listener of that user's sidecar" {
	PROMISES=$SOME table podman-oci
}

@test "crun with a listener" {
	table crun
}

@test "a cell without a log, or with half of one, is an error" {
	cp -r "$LOGS/root" "$BATS_TEST_TMPDIR/root"
	"$HERE/judge" "$BATS_TEST_TMPDIR" root >"$BATS_TEST_TMPDIR/whole"
	sed -i '/^ended: /d' "$BATS_TEST_TMPDIR/root/race"
	run -1 "$HERE/judge" "$BATS_TEST_TMPDIR" root
	[[ $output == *'root/race: no word without a log that is whole'* ]]
	rm "$BATS_TEST_TMPDIR/root/race"
	run -1 "$HERE/judge" "$BATS_TEST_TMPDIR" root
	# And a place that has lost a promise is told.
	cp "$LOGS/without/race" "$BATS_TEST_TMPDIR/root/race"
	run -1 "$HERE/table" --check "$BATS_TEST_TMPDIR" "$PAGE" root
	[[ $output == *'root, race: not held: '* ]]
}

@test "a row, a column or a note that no run has made is told" {
	local change
	for change in '/&sockets, by path/d' '/&sockets, by path/{p;s/path/name/}' '/^.It r1$/{N;p;s/.*/.It r99\n\\\&refused: nothing/}' \
		'/^\\&on_block = kill/s/held$/n1/' '/&on_block = kill/s/$/\theld/'; do
		sed "$change" "$PAGE" >"$BATS_TEST_TMPDIR/page"
		echo "$change"
		run -1 "$HERE/table" --check "$LOGS" "$BATS_TEST_TMPDIR/page" root crun
	done
}
