#!/usr/bin/env bats
# conf/hardened.ini: stops every call that it names, leaves no sibling open, and lets people work.
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/work

setup() {
	# A checkout may be group-writable, by the umask of whoever made it.
	HARDENED=$BATS_TEST_TMPDIR/hardened.ini
	install -m 644 "$TOP/conf/hardened.ini" "$HARDENED"
	# shellcheck disable=SC2034 # by work.bash
	LOADER=("$EXEC" --events="$EVENTS" -f "$HARDENED" --)
	work_setup
}

# killed FILE: the calls that a policy kills, "NAME NUMBER" a line.
killed() {
	"$CTL" explain "$1" | awk '$2 ~ /^[0-9]+$/ && $3 == "kill" { print $1, $2 }'
}

@test "check finds nothing, not even a warning" {
	run -0 "$CTL" check "$HARDENED"
	[ -z "$output" ]
}

@test "all that the default policy blocks, and its siblings" {
	local name
	killed "$HARDENED" | cut -d ' ' -f 1 >blocked
	install -m 644 "$TOP/conf/agentsh.ini" default.ini
	[ "$(killed default.ini | wc -l)" -ge 12 ]
	for name in $(killed default.ini | cut -d ' ' -f 1) \
		move_mount open_tree open_tree_attr fsopen fsconfig fspick fsmount mount_setattr kexec_file_load \
		pidfd_getfd process_madvise bpf userfaultfd setns open_by_handle_at; do
		grep -qx "$name" blocked
	done
	[ "$(wc -l <blocked)" -ge 30 ]
}

@test "each call that it names ends the process, made raw" {
	local name number
	killed "$HARDENED" >blocked
	cp "$(policy "$(<"$HARDENED")")" alone.ini
	# Arguments that every one of them refuses, should it ever run.
	while read -r name number; do
		run "${ALONE[@]}" -f alone.ini -- python3 -SsE -c 'import ctypes, sys
ctypes.CDLL(None).syscall(int(sys.argv[1]), -1, -1, -1, -1, -1, -1)' "$number"
		[ "$status" -eq 159 ] || {
			echo "$name: $status"
			return 1
		}
	done <blocked
	[ -s blocked ]
}

@test "what it leaves open on purpose is open" {
	local name
	for name in clone clone3 fork chroot mknod seccomp pidfd_open kill; do
		run -0 "$CTL" explain --syscall "$name" "$HARDENED"
		[[ $output == *' allow '* ]]
	done
}

@test "people work: git, make and a compiler, Python and its server, npm, bash with a terminal" {
	work_git
	work_make
	work_python
	work_server
	work_npm
	work_terminal
}
