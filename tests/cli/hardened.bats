#!/usr/bin/env bats
# conf/hardened.ini: stops every call that it names, leaves no sibling open, and lets people work.
#
# What a shell in the test expands stands in single quotes; bats stops where a cd fails.
# shellcheck disable=SC2016,SC2164
bats_require_minimum_version 1.5.0
load ../lib/common

setup() {
	# A checkout may be group-writable, by the umask of whoever made it.
	HARDENED=$BATS_TEST_TMPDIR/hardened.ini
	install -m 644 "$TOP/conf/hardened.ini" "$HARDENED"
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir "$HOME"
	cd "$BATS_TEST_TMPDIR"
}

# killed FILE: the calls that a policy kills, "NAME NUMBER" a line.
killed() {
	"$CTL" explain "$1" | awk '$2 ~ /^[0-9]+$/ && $3 == "kill" { print $1, $2 }'
}

# alike COMMAND: as without the policy: the same output and the same status, and that is what is wanted.
alike() {
	local plain status=0
	plain=$(bash -c "$1" 2>&1; echo "status $?")
	diff <(echo "$plain") <("$EXEC" -f "$HARDENED" -- bash -c "$1" 2>&1 || status=$?; echo "status $status")
	[[ $plain == *'status 0' ]]
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
	# Arguments that every one of them refuses, should it ever run.
	while read -r name number; do
		run "$EXEC" -f "$HARDENED" -- python3 -SsE -c 'import ctypes, sys
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
	for name in clone clone3 fork chroot mknod io_uring_setup seccomp pidfd_open kill; do
		run -0 "$CTL" explain --syscall "$name" "$HARDENED"
		[[ $output == *' allow '* ]]
	done
}

@test "people work: git, make and a compiler, Python, npm, bash with a terminal" {
	export GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
	git config --global user.email a@example.org
	git config --global user.name a
	alike 'rm -rf a b && git init -q a && cd a && echo x >f && git add f && git commit -qm x && cd .. &&
		git clone -q a b && git -C b log --format=%H%s && git -C b gc -q && git -C b fsck --strict'
	mkdir built
	printf 'int main(void) { return 0; }\n' >built/x.c
	alike 'cd built && rm -f x && make x && ./x'
	alike 'rm -rf v && python3 -m venv --without-pip v && v/bin/python -c "
import asyncio, multiprocessing, subprocess, ssl, sqlite3, threading, tempfile
async def main():
    child = await asyncio.create_subprocess_exec(\"id\", \"-u\", stdout=subprocess.PIPE)
    print(await child.communicate())
asyncio.run(main())
with multiprocessing.Pool(2) as pool:
    print(pool.map(abs, [-1, 2]))
"'
	mkdir package project
	printf '{"name": "small", "version": "1.0.0", "main": "x.js"}' >package/package.json
	printf 'module.exports = 42\n' >package/x.js
	printf '{"name": "project", "version": "1.0.0", "scripts": {"test": "node test.js"}}' >project/package.json
	printf 'console.log(require("small"))\n' >project/test.js
	alike 'cd project && rm -rf node_modules package-lock.json &&
		npm install --offline --no-audit --no-fund --silent ../package && npm test'
	alike 'script -qec "bash --norc -ic \"mkfifo p; rm p; diff <(echo 1) <(echo 1); id -u; ulimit -n\"" /dev/null'
}
