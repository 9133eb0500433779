#!/usr/bin/env bats
# A hostile user calls the login shell: whatever the environment, the files, the limits, the
# descriptors and the signals, what runs is filtered, or nothing runs.
#
# What a shell in the world expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world

setup_file() {
	world_start
	[ -z "$WORLD_OBSTACLE" ] || return 0
	"${CC:-cc}" -D_GNU_SOURCE -shared -fPIC -o "$BATS_FILE_TMPDIR/evil.so" "$TOP/tests/lib/evil_preload.c"
	world install -m 0755 /dev/stdin /usr/local/bin/evil.so <"$BATS_FILE_TMPDIR/evil.so"
	"${CC:-cc}" -static -o "$BATS_FILE_TMPDIR/nothing" -x c - <<<'int main(void) { return 0; }'
	world install -m 0755 /dev/stdin /usr/local/bin/nothing <"$BATS_FILE_TMPDIR/nothing"
	world install -m 0666 /dev/null /tmp/evil
}

teardown_file() {
	world_stop
}

setup() {
	need_world
	default_config
	clean_homes
	world truncate -s 0 /tmp/evil
}

# hostile SETTING...: agent calls the login shell with these variables set, in each form.
# Nothing but the shell and what it starts ever has them.
hostile() {
	local name
	for name in agentsh-shell -agentsh-shell; do
		run --separate-stderr agent /bin/bash -c 'export "${@:2}"; exec -a "$0" "$1" -c /usr/local/bin/prove' \
			"$name" "$AGENT_SHELL" "$@"
		[[ $output == *"$FILTERED" ]] || is "$output" "$FILTERED"
	done
	is "$(world grep -c seccomp=0 /tmp/evil || true)" 0
}

# loaded_filtered: the evil library was loaded, and never outside the filter.
loaded_filtered() {
	world grep -q '^bash seccomp=2$' /tmp/evil
	is "$(world grep -v 'seccomp=2$' /tmp/evil || true)" ''
}

@test "LD_PRELOAD, LD_AUDIT: loaded into the shell, behind the filter; never into the loader" {
	local variable
	for variable in LD_PRELOAD LD_AUDIT; do
		world truncate -s 0 /tmp/evil
		hostile "$variable=/usr/local/bin/evil.so"
		loaded_filtered
		# The library would notice: with another shell it does.
		agent /bin/bash -c "$variable=/usr/local/bin/evil.so exec /bin/bash -c true"
		world grep -q '^bash seccomp=0$' /tmp/evil
	done
}

@test "LD_LIBRARY_PATH: a false C library is loaded behind the filter only" {
	agent /bin/bash -c 'mkdir lib && cp /usr/local/bin/evil.so lib/libtinfo.so.6'
	# bash does not start with it, and that is all.
	hostile_fails 127 LD_LIBRARY_PATH=/home/agent/lib
	# A complete one, with a constructor of its own.
	agent /bin/bash -c 'cp -L "$(ldd /bin/bash | sed -n "s/.*libtinfo.so.6 => \([^ ]*\).*/\1/p")" lib/libtinfo.so.6'
	hostile LD_LIBRARY_PATH=/home/agent/lib LD_PRELOAD=/usr/local/bin/evil.so
	loaded_filtered
}

# hostile_fails STATUS SETTING...: nothing runs; least of all unfiltered.
hostile_fails() {
	run -"$1" agent /bin/bash -c 'export "${@:2}"; exec -a "$0" "$1" -c "echo it ran"' \
		agentsh-shell "$AGENT_SHELL" "${@:2}"
	[[ $output != *"it ran"* ]]
	is "$(world grep -v 'seccomp=2$' /tmp/evil || true)" ''
}

@test "the rest of the dynamic linker's and the C library's variables" {
	agent mkdir gconv
	hostile LD_BIND_NOW=1 LD_DEBUG=all LD_DEBUG_OUTPUT=/tmp/ld LD_ORIGIN_PATH=/tmp LD_PROFILE=libc.so.6 \
		LD_PREFER_MAP_32BIT_EXEC=1 LD_HWCAP_MASK=0 LD_ASSUME_KERNEL=2.2.5 LD_USE_LOAD_BIAS=1
	hostile GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1:glibc.malloc.arena_max=1:glibc.rtld.nns=1
	hostile "GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=$(printf %04000d 0)"
	hostile GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-SSE4_2,-ERMS:glibc.malloc.check=3
	hostile MALLOC_ARENA_MAX=1 MALLOC_TOP_PAD_=99999 MALLOC_PERTURB_=165
	# No memory at all: the C library ends any static program before its main(), each version in its own way.
	run agent env MALLOC_TOP_PAD_=99999999999999 /usr/local/bin/nothing
	[ "$status" -ge 127 ]
	hostile_fails "$status" MALLOC_TOP_PAD_=99999999999999
	hostile GCONV_PATH=/home/agent/gconv LOCPATH=/home/agent/gconv LANGUAGE=../../home/agent LC_ALL=../../tmp/x \
		NLSPATH=/home/agent/%N TZ=/etc/shadow TZDIR=/tmp HOSTALIASES=/etc/shadow RES_OPTIONS=debug
}

@test "AGENTSH_*, XDG_CONFIG_HOME, HOME: a configuration of the user's does not count" {
	world_file agent /home/agent/.config/agentsh/agentsh.ini 0600 '[sandbox.seccomp]
enabled = false'
	hostile A=1
	hostile HOME=/home/agent XDG_CONFIG_HOME=/home/agent/.config
	hostile AGENTSH_CONFIG=/home/agent/.config/agentsh/agentsh.ini AGENTSH_SESSION_ID=sess_other
	hostile AGENTSH_CONFIG=/nonexistent
	hostile AGENTSH_SHELL=/bin/sh AGENTSH_SIDECAR=none AGENTSH_DISABLE=1 AGENTSH_MODE=disabled
	hostile SHELL=/bin/sh HOME=/nonexistent
	hostile HOME= PATH= SHELL=
	# Nor where the system has none, or lets the users' count for agentsh-exec.
	system_config '[loader]
user_config = allow'
	hostile AGENTSH_CONFIG=/home/agent/.config/agentsh/agentsh.ini XDG_CONFIG_HOME=/home/agent/.config
	world rm "$SYSTEM_CONFIG"
	hostile AGENTSH_CONFIG=/home/agent/.config/agentsh/agentsh.ini XDG_CONFIG_HOME=/home/agent/.config
	# It does count where nothing is a shell: the file is good.
	run -0 agent agentsh-exec -- grep ^Seccomp: /proc/self/status
	is "$output" $'Seccomp:\t0'
}

@test "arguments name no configuration and no session" {
	world_file agent /home/agent/off.ini 0600 '[sandbox.seccomp]
enabled = false'
	local name
	for name in agentsh-shell -agentsh-shell; do
		# To bash, off.ini is a script.
		run -127 called "$name" -f off.ini -c prove
		[[ $output != *seccomp=0* && $output != *trace_self=0* ]]
		run called "$name" -foff.ini prove
		[[ $output != *seccomp=0* && $output != *trace_self=0* ]]
		run called "$name" -c prove -f off.ini
		is "$output" "$FILTERED"
	done
}

@test "PATH, IFS, CDPATH, ENV, BASH_ENV and functions: they run filtered or not at all" {
	local name
	for name in bash sh agentsh-exec agentsh-sidecar grep; do
		world_file agent "/home/agent/bin/$name" 0755 "#!/bin/sh
echo fake $name"
	done
	world_file agent /home/agent/rc 0644 '/bin/grep ^Seccomp: /proc/self/status >>/home/agent/rc.ran'
	run -0 agent /bin/bash -c 'export PATH=/home/agent/bin; exec /usr/local/bin/agentsh-shell -c "/bin/grep ^Seccomp: /proc/self/status"'
	is "$output" $'Seccomp:\t2'
	hostile IFS=/ CDPATH=/tmp
	hostile BASH_ENV=/home/agent/rc ENV=/home/agent/rc PROMPT_COMMAND='/bin/sh /home/agent/rc'
	hostile PATH=/home/agent/bin BASH_ENV=/home/agent/rc
	run -0 agent env 'BASH_FUNC_prove%%=() { /bin/grep ^Seccomp: /proc/self/status; }' SHELLOPTS=allexport \
		"$AGENT_SHELL" -c prove
	is "$output" $'Seccomp:\t2'
	is "$(agent sort -u rc.ran)" $'Seccomp:\t2'
}

@test "the start files of the shell run filtered" {
	local file
	for file in .bashrc .bash_profile .bash_login .profile .bash_logout .inputrc; do
		world_file agent "/home/agent/$file" 0644 'grep ^Seccomp: /proc/self/status >>/home/agent/ran'
	done
	run called -agentsh-shell -c true
	run called agentsh-shell -i -c true
	run called -agentsh-shell <<<'exit'
	[ "$(agent cat ran | wc -l)" -ge 3 ]
	is "$(agent sort -u ran)" $'Seccomp:\t2'
	world_file agent /home/agent/.bash_profile 0644 'exec /bin/bash --norc --noprofile -c prove'
	run -0 called -agentsh-shell
	is "$output" "$FILTERED"
}

@test "descriptors 0, 1 and 2 closed, in every combination" {
	local closed
	for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 2>&-' '1>&- 2>&-' '0<&- 1>&- 2>&-'; do
		agent rm -f state
		agent /bin/bash -c "exec $closed; exec agentsh-shell -c 'nolibc_state >state'"
		is "$closed $(agent cat state)" "$closed seccomp=2 no_new_privs=1"
		# And nothing runs, nor is anything written elsewhere, where the configuration is bad.
		system_config bad
		agent rm -f state
		run -125 agent /bin/bash -c "exec $closed; exec agentsh-shell -c 'nolibc_state >state'"
		agent test ! -e state
		is "$(world cat "$SYSTEM_CONFIG")" bad
		default_config
	done
}

@test "stdout and stderr that nobody reads, or that are full" {
	system_config bad
	run -125 agent /bin/bash -c 'exec agentsh-shell -c "echo it ran >ran" 2>/dev/full >/dev/full'
	# A reader that has gone: SIGPIPE may end it; nothing runs.
	run agent /bin/bash -c 'agentsh-shell -c "echo it ran >ran" 2> >(exit); exit "$?"'
	[ "$status" -ne 0 ]
	agent test ! -e ran
}

# sweep OPTION VALUE...: the login shell under "ulimit OPTION VALUE". Each time it runs filtered or
# not at all; somewhere in the sweep it runs.
sweep() {
	system_config '[shell]
program = /usr/local/bin/nolibc_state'
	run agent /bin/bash -c 'shell=$0 option=$1
		exec 2>/dev/null
		for value in "${@:2}"; do
			(ulimit "$option" "$value" && exec "$shell" -c x) || echo none
		done' "$AGENT_SHELL" "$@"
	is "$(grep -vxE 'none|seccomp=2 no_new_privs=1' <<<"$output")" ''
	is "$((${#lines[@]} + 1))" "$#"
	[[ $output == *seccomp=2* ]]
	[[ $output == *none* ]] || [ "${may_all_run:-}" ]
}

@test "limits: open files" {
	sweep -n 256 128 72 71 70 64 16 8 7 6 5 4 3 2 1 0
}

@test "limits: address space, from ample to none" {
	local -a sizes
	mapfile -t sizes < <(seq 12000 -100 0)
	sweep -v "${sizes[@]}"
}

@test "limits: data segment, from ample to none" {
	local -a sizes
	mapfile -t sizes < <(seq 3400 -20 0)
	sweep -d "${sizes[@]}"
}

@test "limits: stack, from ample to none" {
	local -a sizes
	mapfile -t sizes < <(seq 600 -4 0)
	sweep -s "${sizes[@]}"
}

@test "limits: size of files" {
	sweep -f 8192 1024 64 16 8 4 2 1 0
}

@test "limits: processes, locked memory, pending signals, CPU time" {
	local may_all_run=yes
	sweep -u 200 0
	sweep -l 0
	sweep -i 0
	sweep -t 1
}

@test "a working directory that is deleted, too deep, or closed to its user" {
	run -0 agent /bin/bash -c 'mkdir gone && cd gone && rmdir ../gone && exec agentsh-shell -c "cd / && prove"'
	[[ $output == *"$FILTERED" ]]
	run -0 agent /bin/bash -c 'name=$(printf %0200d 0)
		mkdir /tmp/deep && cd /tmp/deep
		for ((i = 0; i < 50; i++)); do mkdir "$name" && cd "./$name" || exit 9; done
		exec agentsh-shell -c "cd / && prove"'
	[[ $output == *"$FILTERED" ]]
	world rm -rf /tmp/deep
	run -0 agent /bin/bash -c 'mkdir shut && cd shut && chmod 0 . && exec agentsh-shell -c "cd / && prove"'
	[[ $output == *"$FILTERED" ]]
}

@test "SIGSYS and everything else ignored, or blocked: a blocked call still ends the process" {
	local option
	world_file agent /home/agent/alone.ini 644 "$OPEN"
	for option in --ignore-signal=SYS --block-signal=SYS --ignore-signal --block-signal; do
		run -0 agent env "$option" agentsh-shell -c '{ trace_self; } 2>/dev/null; echo "$?"'
		is "$output" 137
		run -0 agent env "$option" agentsh-exec --sidecar=none -f alone.ini -- bash -c '{ trace_self; } 2>/dev/null; echo "$?"'
		is "$output" 159
	done
	run -0 called agentsh-shell -c 'trap "echo caught" SYS; { trace_self; } 2>/dev/null; echo "$?"'
	is "$output" 137
}

@test "a megabyte of environment" {
	run -0 agent /bin/bash -c 'ulimit -s 8192
		for i in 1 2 3 4 5 6 7 8; do export "V$i=$(printf %0131000d 0)"; done
		exec agentsh-shell -c "unset V1 V2 V3 V4 V5 V6 V7; echo \${#V8}; prove"'
	is "$output" $'131000\n'"$FILTERED"
	# 5,000 variables.
	run -0 agent /usr/bin/python3 -c 'import os, sys
env = {"PATH": "/usr/local/bin:/usr/bin:/bin", **{"V%d" % i: "" for i in range(5000)}}
os.execve(sys.argv[1], ["agentsh-shell", "-c", "exec env -i PATH=$PATH V=${V4999-unset} sh -c \"echo \\$V; prove\""], env)' \
		"$AGENT_SHELL"
	is "$output" $'\n'"$FILTERED"
}

@test "ways out of the session through the shell itself" {
	local command
	for command in 'exec agentsh-shell -c prove' 'exec bash -c prove' 'exec env -i PATH=$PATH bash -c prove' \
		'exec setsid -w bash -c prove' '(prove & wait)' 'coproc prove; cat <&"${COPROC[0]}"' \
		'exec agentsh-exec -f <(echo "[sandbox.seccomp]"; echo enabled = false) -- prove'; do
		run called agentsh-shell -c "$command"
		[[ $output == *"$FILTERED" || $output == "agentsh-exec: "* ]] || is "$command: $output" "$FILTERED"
	done
	# A process that outlives it is filtered as well.
	run -0 called agentsh-shell -c 'setsid sh -c "while test ! -e go; do sleep 0.01; done; prove >late" >/dev/null 2>&1 &'
	agent touch go
	wait_for agent grep -q trace_self late
	is "$(agent cat late)" "$FILTERED"
}
