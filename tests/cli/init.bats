#!/usr/bin/env bats
# agentshctl init: the commented starter policy.
#
# shellcheck disable=SC2016,SC2154 # an inner shell expands; run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# fails TEXT ARGUMENT...: status 1, one line with TEXT.
fails() {
	run -1 --separate-stderr "$CTL" init "${@:2}"
	is "$output:${#stderr_lines[@]}" :1
	[[ $stderr == "agentshctl: init: "*"$1"* ]] || is "$stderr" "agentshctl: init: ... $1 ..."
}

@test "init: it writes the shipped file, byte for byte" {
	gives 0 '' "$CTL" init policy.ini
	cmp policy.ini "$TOP/conf/agentsh.ini"
	"$CTL" init >stdout.ini
	cmp stdout.ini "$TOP/conf/agentsh.ini"
}

# meaning FILE: each call, what it gets, and why, whatever line says so.
meaning() {
	"$CTL" explain "$1" | sed '1d; s/ (.*//'
}

@test "init: what it writes passes check and runs, and means the defaults" {
	local mask
	for mask in 000 002 022 077; do
		rm -f policy.ini
		(umask "$mask" && "$CTL" init policy.ini)
		is "$mask: $(stat -c %a policy.ini)" "$mask: 644"
		run -0 --separate-stderr "$CTL" check policy.ini
		is "$(grep -v ': warning: ' <<<"$stderr" || true)" ''
		gives 0 'seccomp=2 no_new_privs=1' "$EXEC" --events="$EVENTS" -f policy.ini -- "$PROGRAMS/nolibc_state"
	done
	: >empty.ini
	chmod 644 empty.ini
	diff <(meaning empty.ini) <(meaning policy.ini)
}

@test "init: nothing is overwritten" {
	echo mine >policy.ini
	fails 'policy.ini: File exists' policy.ini
	is "$(cat policy.ini)" mine
	ln -s nowhere link
	fails 'link: File exists' link
	[ ! -e nowhere ]
	mkdir folder
	fails 'folder: File exists' folder
}

@test "init: where it cannot be written" {
	fails 'missing/policy.ini: No such file or directory' missing/policy.ini
	fails 'No such file or directory' ''
	run -1 sh -c '"$0" init >/dev/full' "$CTL"
	is "$output" 'agentshctl: standard output: No space left on device'
}

@test "init: a file that could not be finished is not left behind" {
	run -1 bash -c 'trap "" XFSZ; ulimit -f 1; exec "$0" init policy.ini' "$CTL"
	[[ $output == 'agentshctl: init: policy.ini: File too large' ]] || is "$output" '... File too large'
	[ ! -e policy.ini ]
	gives 0 '' "$CTL" init policy.ini
}

@test "init: wrong usage" {
	local arguments
	for arguments in --force - '-f policy.ini' 'a.ini b.ini' --; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$CTL" init $arguments
		is "$arguments: $output:${#stderr_lines[@]}" "$arguments: :1"
	done
	is "$(find . -name '*.ini' -o -name '-*')" ''
}
