#!/usr/bin/env bats
# Every configuration in tests/data/bad is refused with the right line by agentsh-exec and by
# agentshctl check, and nothing is executed. Every one in tests/data/good is taken by both.
#
# A bad file begins with what is to be found in it, in order: "; expect LINE: MESSAGE".
#
# shellcheck disable=SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# copies FOLDER: its files, with a mode that agentsh-exec trusts, whatever umask they were checked out with.
copies() {
	(umask 022 && mkdir files && cp "$TOP/tests/data/$1"/*.ini files/ && chmod 644 files/*)
}

# refused FILE: as its first lines say.
refused() {
	local expected program
	expected=$(sed -n "s,^; expect ,$1:,p" "$1")
	[ -n "$expected" ] || is "$1" 'a file that begins with "; expect "'
	run -1 --separate-stderr "$CTL" check "$1"
	is "$output" ''
	is "$stderr" "$expected"
	for program in "$EXEC" "$EXEC_STATIC"; do
		run -125 --separate-stderr "$program" -f "$1" -- touch ran
		is "$output:${#stderr_lines[@]}" :1
		[[ $stderr == "agentsh-exec: ${expected%%$'\n'*} ("*")" ]] ||
			is "$stderr" "agentsh-exec: ${expected%%$'\n'*} (...)"
	done
	if [ -e ran ]; then is "$1 ran" 'nothing runs'; fi
}

@test "bad configurations: each is refused with its line, and nothing runs" {
	copies bad
	local file count=0
	for file in files/*.ini; do
		refused "$file"
		count=$((count + 1))
	done
	[ "$count" -ge 90 ]
}

@test "bad configurations: the same through the environment" {
	copies bad
	local file
	for file in files/key-unknown.ini files/syscall-misspelt.ini files/execve-blocked.ini; do
		says 125 "$(sed -n "s,^; expect ,$file:,p" "$file")" env AGENTSH_CONFIG="$file" "$EXEC" -- touch ran
	done
	[ ! -e ran ]
}

# The bounds: too long to be kept as files.

@test "bad configurations: a file of more than 256 KiB" {
	{
		echo '; expect 0: '
		printf '%0262140d\n' 0 | tr 0 ';'
	} >large.ini
	says 125 'large.ini: too large (at most 262144 bytes)' "$EXEC" -f large.ini -- touch ran
	run -1 "$CTL" check large.ini
	[[ $output == *'large.ini: too large'* ]]
	# One byte less is not too large.
	{
		printf '%s\n' "$OPEN"
		printf "%0$((262143 - ${#OPEN} - 1))d\n" 0 | tr 0 ';'
	} >large.ini
	is "$(stat -c %s large.ini)" 262144
	gives 0 '' "${ALONE[@]}" -f large.ini -- touch ran
}

@test "bad configurations: one rule, one path, one name too many" {
	{
		echo '; expect 514: too many rules (at most 256)'
		printf '[unix_socket_rules.r%d]\npaths = /x\n' $(seq 257)
	} >bound.ini
	refused bound.ini
	{
		echo '; expect 68: paths has too many entries (at most 64)'
		echo '[unix_socket_rules.r]'
		echo 'paths ='
		printf '    /x%d\n' $(seq 65)
	} >bound.ini
	refused bound.ini
	{
		echo '; expect 1028: block has too many entries (at most 1024)'
		echo '[sandbox.seccomp.syscalls]'
		echo 'block ='
		printf '    mount %.0s\n' $(seq 1025)
	} >bound.ini
	refused bound.ini
}

@test "bad configurations: more findings than anyone reads are counted" {
	printf '[x%d]\n' $(seq 300) >many.ini
	run -1 --separate-stderr "$CTL" check many.ini
	is "${#stderr_lines[@]}" 101
	is "${stderr_lines[99]}" 'many.ini:100: unknown section [x100]'
	is "${stderr_lines[100]}" 'many.ini:0: 200 more findings are not shown'
	says 125 'many.ini:1: unknown section [x1]' "$EXEC" -f many.ini -- touch ran
	[ ! -e ran ]
}

@test "good configurations: check finds no error, and each runs" {
	copies good
	local file program count=0
	for file in files/*.ini; do
		run -0 --separate-stderr "$CTL" check "$file"
		is "$output" ''
		is "$(grep -v "^$file:[0-9]*: warning: " <<<"$stderr" || true)" ''
		for program in "$EXEC" "$EXEC_STATIC"; do
			rm -f ran "$EVENTS"
			run -0 "$program" --events="$EVENTS" -f "$file" -- touch ran
			is "$file: $output" "$file: "
			[ -e ran ] || is "$file did not run" 'it runs'
		done
		count=$((count + 1))
	done
	[ "$count" -ge 12 ]
}

@test "good configurations: the shipped ones" {
	local file
	for file in "$TOP"/conf/*.ini; do
		case $file in */services.ini) continue ;; esac
		install -m 0644 "$file" shipped.ini
		run -0 "$CTL" check shipped.ini
		run -0 "$EXEC" --events="$EVENTS" -f shipped.ini -- touch ran
	done
}
