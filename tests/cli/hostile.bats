#!/usr/bin/env bats
# What tries to confuse the loader as a prefix: nothing runs, and the line says why. As a login shell:
# shell_hostile.bats.
#
# run sets status, output and stderr.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

setup() {
	AGENTSH_CONFIG=$(supervised '')
	export AGENTSH_CONFIG
	cd "$BATS_TEST_TMPDIR" || return
}

# A set-user-ID copy of the loader would give its owner's rights to everybody who calls it.
@test "other rights than the caller's: refused, as a prefix and as a shell" {
	need_root
	local program ids
	for program in "$EXEC" "$EXEC_STATIC"; do
		for ids in --ruid=65534 --rgid=65534 '--reuid=65534 --egid=65534'; do
			# shellcheck disable=SC2086 # words
			says 125 'set-user-ID' setpriv --clear-groups $ids "$program" -- touch ran
			# shellcheck disable=SC2086 # words
			says 125 'set-user-ID' setpriv --clear-groups $ids "$program" -c 'touch ran'
		done
	done
	[ ! -e ran ]
}

@test "the same rights, other than root's: no matter" {
	need_root
	local program
	program=$(mktemp -d /tmp/agentsh-hostile.XXXXXX)
	chmod 755 "$program"
	install -m 755 "$EXEC_STATIC" "$program/x"
	unset AGENTSH_CONFIG
	printf '%s\n' "$OPEN" >"$program/p.ini"
	chmod 644 "$program/p.ini"
	run -0 setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/ "$program/x" --sidecar=none -f "$program/p.ini" -- id -u
	rm -r "$program"
	is "$output" 65534
}

@test "inside so many sessions that the kernel takes no filter more: refused, and says so" {
	local chain=() i
	for ((i = 0; i < 2000; i++)); do chain+=("${ALONE_STATIC[@]}" --); done
	AGENTSH_CONFIG=$(policy '')
	says 125 'inside one another' "${chain[@]}" touch ran
	[ ! -e ran ]
}

@test "a configuration whose reading fails: refused, with a remedy" {
	says 125 'Input/output error' "$EXEC" -f /proc/self/mem -- touch ran
	[ ! -e ran ]
}
