# shellcheck shell=bash
# Everyday work, done once without the loader and once with it: nothing may tell the two apart.
#
# The file that loads this sets LOADER, an array: the loader with its options, up to "--".
# What a shell in the test expands stands in single quotes.
# shellcheck disable=SC2016

# work_setup: for setup. Each run finds a fresh copy of the folder "material", by the same name.
work_setup() {
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir "$HOME" "$BATS_TEST_TMPDIR/material"
	cd "$BATS_TEST_TMPDIR/material" || return 1
	export -f wait_for
}

# twice STATUS FUNCTION [ARGUMENT...]: calls it without and with the loader in the array behind, which
# it puts before the command. The same output, the same errors, and that exit status.
twice() {
	local wanted=$1 way status behind
	shift
	cd "$BATS_TEST_TMPDIR" || return 1
	for way in without with; do
		behind=()
		[ "$way" = without ] || behind=("${LOADER[@]}")
		rm -rf work
		cp -a material work
		status=0
		(cd work && "$@") >"$way.out" 2>"$way.err" </dev/null || status=$?
		[ "$status" -eq "$wanted" ] || {
			echo "$way: status $status, not $wanted"
			cat "$way.out" "$way.err"
			return 1
		}
	done
	diff -u without.out with.out
	diff -u without.err with.err
	rm -rf work
	cd material || return 1
}

# Nobody waits for a command that a broken filter keeps from ending.
script() {
	timeout -k 1 60 "${behind[@]}" bash -c "$1"
}

# alike STATUS SCRIPT: bash runs it.
alike() {
	twice "$1" script "$2"
}

# shows TEXT: the last of those printed that line.
shows() {
	grep -qxF -e "$1" "$BATS_TEST_TMPDIR/with.out" "$BATS_TEST_TMPDIR/with.err" || {
		cat "$BATS_TEST_TMPDIR/with.out" "$BATS_TEST_TMPDIR/with.err"
		return 1
	}
}

work_git() {
	export GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
	git config --global user.email a@example.org
	git config --global user.name a
	git init -q -b main origin
	echo x >origin/f
	git -C origin add f
	git -C origin commit -qm first
	alike 0 'git clone origin a && git clone --no-local file://$PWD/origin b && cd b && echo y >>f &&
		git commit -qam second && git log --format="%H %s" && git push origin HEAD:refs/heads/other &&
		git gc -q && git fsck --strict'
	shows "Cloning into 'a'..."
	alike 128 'git clone missing c'
	shows "fatal: repository 'missing' does not exist"
}

work_make() {
	mkdir c
	printf 'int twice(int x);\nint main(void) { return twice(2) != 4; }\n' >c/main.c
	printf 'int twice(int x) { return 2 * x; }\n' >c/twice.c
	printf 'int broken(void) { return nothing; }\n' >c/broken.c
	printf '%s\n' 'CFLAGS = -O2 -g -Wall' 'run: all' '	./all && echo well' 'all: main.o twice.o' \
		'	$(CC) -o $@ $^' 'bad: broken.o' 'false:' '	exit 3' >c/Makefile
	alike 0 'cd c && make run && make -j4 -B run && make -q all'
	shows well
	alike 2 'cd c && make bad'
	shows 'make: *** [<builtin>: broken.o] Error 1'
	alike 2 'cd c && make false'
	shows 'make: *** [Makefile:8: false] Error 3'
}

work_python() {
	alike 0 'python3 -m venv --without-pip v && v/bin/python -c "
import asyncio, multiprocessing, subprocess, ssl, sqlite3, threading, tempfile
async def main():
    child = await asyncio.create_subprocess_exec(\"id\", \"-u\", stdout=subprocess.PIPE)
    print(await child.communicate())
asyncio.run(main())
with multiprocessing.Pool(2) as pool:
    print(pool.map(abs, [-1, 2]))
"'
	shows '[1, 2]'
}

# The port is the kernel's choice, and the server's log has the time of each request.
work_server() {
	mkdir site
	echo hello >site/index.html
	alike 0 'served() { grep -qs "^Serving HTTP" log; }
		python3 -u -m http.server -b 127.0.0.1 -d site 0 >log 2>&1 &
		server=$!
		trap "kill -KILL $server 2>/dev/null" EXIT
		wait_for served || exit 99
		port=$(sed -n "s/.* port \([0-9]*\) .*/\1/p" log)
		curl -sSi -m 20 --noproxy "*" "http://127.0.0.1:$port/" | grep -v "^Date: "
		curl -sSf -m 20 --noproxy "*" "http://127.0.0.1:$port/missing"
		echo "curl: $?"
		kill "$server"
		wait "$server"
		echo "server: $?"
		sed -e "s/\[.*\]/[TIME]/" -e "s/\b$port\b/PORT/g" log'
	shows hello
	shows 'curl: 22'
	shows 'server: 143'
	shows '127.0.0.1 - - [TIME] "GET / HTTP/1.1" 200 -'
}

# npm tells how long it took.
work_npm() {
	mkdir small project
	printf '%s' '{"name": "small", "version": "1.0.0", "main": "x.js", "scripts": {"postinstall": "node x.js"}}' \
		>small/package.json
	printf 'module.exports = 42\nconsole.log("small is", module.exports)\n' >small/x.js
	printf '%s' '{"name": "project", "version": "1.0.0", "scripts": {"test": "node test.js"}}' >project/package.json
	printf 'if (require("small") !== 42) process.exit(1)\n' >project/test.js
	alike 0 'set -o pipefail; export npm_config_update_notifier=false
		npm pack ./small && cd project &&
		npm install --offline --no-audit --no-fund --foreground-scripts ../small-1.0.0.tgz |
			sed "s/ in [0-9]*m\?s$/ in TIME/" && npm test && cat package-lock.json'
	shows 'added 1 package in TIME'
	shows 'small is 42'
	alike 1 'cd project && npm test 2>&1 | grep "Cannot find module" | head -n 1; exit "${PIPESTATUS[0]}"'
	[ -s "$BATS_TEST_TMPDIR/with.out" ]
}

# typed PROMPT STEPS COMMAND...: in a terminal. A process has another number each time.
typed() {
	local status=0
	"$TOP/tests/lib/type_at.py" "$1" "${behind[@]}" "${@:3}" <<<"$2" >shown || status=$?
	sed -E 's/(\[[0-9]+\]) [0-9]+\r$/\1 PID\r/' shown
	return "$status"
}

work_terminal() {
	local steps='tty >/dev/null && echo on a $(basename "$(dirname "$(tty)")"); stty size
missing-command
sleep 600 &
jobs
kill %1; wait %1; echo "ended: $?"
(kill -SEGV $BASHPID); echo "ended: $?"
sh -c "echo here we ""go; exec cat"
=here we go\r\n
again
=again\r\nagain\r\n
^C
echo "interrupted: $?"
sh -c "echo here we ""go; exec sleep 600"
=here we go\r\n
^Z
bg; kill -KILL %1; wait %1; echo "ended: $?"
mkfifo p; rm p; diff <(echo 1) <(echo 1); ulimit -n
exit 7'
	printf '%s\n' "PS1='ready> '" "bind 'set enable-bracketed-paste off'" >rc
	twice 7 typed 'ready> ' "$steps" bash --noprofile --rcfile rc -i
	shows $'on a pts\r'
	shows $'interrupted: 130\r'
	shows $'ended: 143\r'
}
