# shellcheck shell=bash
# A private world for tests that need users, logins and files below /etc: its own mounts, processes
# and network. Nothing done in it reaches the machine, and all of it ends with its first process.
#
#   agent   a user whose shell in passwd is agentsh-shell
#   plain   the same with /bin/bash: what agent's results are compared with

AGENT_SHELL=/usr/local/bin/agentsh-shell
SYSTEM_CONFIG=/etc/agentsh/agentsh.ini

# Why this machine lets nobody make a world; nothing where it does.
world_obstacle() {
	local program
	[ "$(id -u)" -eq 0 ] || {
		echo "needs root"
		return
	}
	for program in ip nsenter unshare setpriv useradd; do
		command -v "$program" >/dev/null || echo "needs the program $program"
	done
	unshare --mount --pid --net --fork true 2>/dev/null || echo "needs new mount, pid and network namespaces"
}

# need_world: for setup. Skips where there is none.
need_world() {
	[ -z "$WORLD_OBSTACLE" ] || skip "$WORLD_OBSTACLE"
}

# world_start: for setup_file. The world lasts until world_stop, or the death of bats. Where this
# machine lets nobody make one, there is none, and need_world skips.
world_start() {
	WORLD_OBSTACLE=$(world_obstacle)
	export WORLD_OBSTACLE
	[ -z "$WORLD_OBSTACLE" ] || return 0
	local directory=$BATS_FILE_TMPDIR/world
	mkdir "$directory"
	cp "$EXEC_STATIC" "$directory/agentsh-shell"
	cp "$EXEC_STATIC" "$BUILD/agentsh-sidecar" "$PROGRAMS/trace_self" "$PROGRAMS/note_args" "$PROGRAMS/nolibc_state" "$TOP/tests/lib/prove" \
		"$directory/"
	setpriv --pdeathsig KILL unshare --mount --pid --net --fork --kill-child --propagation private \
		bash "$TOP/tests/lib/world-init" "$directory" </dev/null >"$directory/log" 2>&1 3>&- &
	export WORLD_UNSHARE=$!
	if ! wait_for world_is_decided "$directory" || [ ! -e "$directory/ready" ]; then
		cat "$directory/log" >&2
		return 1
	fi
	WORLD=$(<"$directory/pid")
	WORLD_NAMESPACE=$(readlink "/proc/$WORLD/ns/pid")
	export WORLD WORLD_NAMESPACE
}

world_is_decided() {
	[ -e "$1/ready" ] || ! kill -0 "$WORLD_UNSHARE" 2>/dev/null
}

# world_stop: for teardown_file. Fails where anything of the world is left.
world_stop() {
	[ -n "${WORLD:-}" ] || return 0
	kill -KILL "$WORLD"
	wait "$WORLD_UNSHARE" 2>/dev/null || true
	wait_for world_is_empty
}

world_is_empty() {
	local namespace
	for namespace in /proc/[0-9]*/ns/pid; do
		[ "$(readlink "$namespace" 2>/dev/null)" != "$WORLD_NAMESPACE" ] || return 1
	done
}

# world COMMAND...: runs it there as root, cwd /, in a bare environment.
world() {
	nsenter --target "$WORLD" --mount --pid --net env -i HOME=/root USER=root LOGNAME=root TERM=dumb \
		LANG=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&-
}

# world_as USER COMMAND...: as that user, cwd its home, without a login.
world_as() {
	local user=$1
	shift
	# shellcheck disable=SC2016 # expanded in the world
	world setpriv --reuid="$user" --regid="$user" --init-groups env HOME="/home/$user" USER="$user" \
		LOGNAME="$user" PATH=/usr/local/bin:/usr/bin:/bin bash -c 'cd && exec "$@"' bash "$@"
}

agent() {
	world_as agent "$@"
}

# called NAME ARGUMENT...: agent calls the shell with that argv.
called() {
	# shellcheck disable=SC2016 # expanded in the world
	agent /bin/bash -c 'exec -a "$1" "$0" "${@:2}"' "$AGENT_SHELL" "$@"
}

# system_config TEXT: the world's system configuration, as an administrator installs it.
system_config() {
	# shellcheck disable=SC2016 # expanded in the world
	world bash -c 'install -d -m 0755 /etc/agentsh && rm -rf "$1" && printf "%s\n" "$0" >"$1" && chmod 0644 "$1"' "$1" "$SYSTEM_CONFIG"
}

# Defaults, with what happens to a blocked call spelt out, and no notices in what is compared.
default_config() {
	system_config '[sandbox.seccomp.syscalls]
on_block = kill
[notices]
stderr = never'
}

# The calls of the [shell] program that note_args has noted, an argv a line.
noted() {
	world cat /run/noted
}

forget_noted() {
	world truncate -s 0 /run/noted
}

# world_file USER PATH MODE [TEXT]: a file (text from stdin) in that user's home, with directories.
world_file() {
	# shellcheck disable=SC2016 # expanded in the world
	world bash -c 'install -D -m "$2" /dev/null "$1" && printf "%s\n" "$3" >"$1" && chown -R "$0:$0" "/home/$0"' \
		"$1" "$2" "$3" "${4-$(cat)}"
}

# Empties agent's and plain's home: what one test left there means nothing to the next.
clean_homes() {
	# shellcheck disable=SC2016 # expanded in the world
	world bash -c 'for user in agent plain; do
		chmod -R u+rwx "/home/$user"
		find "/home/$user" -mindepth 1 -delete
		cp -a "/root/home/." "/home/$user"
		chown -R "$user:$user" "/home/$user"
	done'
}

# in_world USER SCRIPT: root's bash runs it, in a folder of its own, with $user set.
in_world() {
	# shellcheck disable=SC2016 # expanded in the world
	world user="$1" bash -c 'work=/root/work/$user; rm -rf "$work"; mkdir -p "$work"; cd "$work" && eval "$0"' "$2"
}

# same SCRIPT: as in_world, once for plain and once for agent: same output, errors and exit status.
# Leaves agent's in $output, $errors and $status.
# shellcheck disable=SC2034 # used by the tests
same() {
	local plain_status=0 file
	status=0
	in_world plain "$1" >"$BATS_TEST_TMPDIR/plain.out" 2>"$BATS_TEST_TMPDIR/plain.err" </dev/null || plain_status=$?
	in_world agent "$1" >"$BATS_TEST_TMPDIR/agent.out" 2>"$BATS_TEST_TMPDIR/agent.err" </dev/null || status=$?
	output=$(<"$BATS_TEST_TMPDIR/agent.out")
	errors=$(<"$BATS_TEST_TMPDIR/agent.err")
	for file in out err; do
		sed -i 's/plain/agent/g' "$BATS_TEST_TMPDIR/plain.$file"
		diff -u "$BATS_TEST_TMPDIR/plain.$file" "$BATS_TEST_TMPDIR/agent.$file" || return 1
	done
	[ "$status" -eq "$plain_status" ] || {
		echo "exit status $status, with /bin/bash $plain_status"
		return 1
	}
}

# What prove says behind the filter.
# shellcheck disable=SC2034 # used by the tests
FILTERED=$'seccomp=2 no_new_privs=1\ntrace_self=137'

# is A B: they are equal; tells both where they are not.
is() {
	[ "$1" = "$2" ] || {
		printf 'got:    <%s>\nwanted: <%s>\n' "$1" "$2"
		return 1
	}
}
