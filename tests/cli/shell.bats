#!/usr/bin/env bats
# agentsh-exec as a shell, called directly by a user: every argv, every configuration.
# What a hostile user can do about it is in shell_hostile.bats; the session that it is, in shell_session.bats;
# real logins are in sshd.bats.
#
# What a shell in the world expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world

setup_file() {
	world_start
}

teardown_file() {
	world_stop
}

setup() {
	need_world
	default_config
	clean_homes
}

# note_shell: the [shell] program notes its argv and is then bash.
note_shell() {
	system_config '[shell]
program = /usr/local/bin/note_args'
	forget_noted
}

# passes NOTED NAME ARGUMENT...: called as NAME with ARGUMENT..., the program is called as NOTED.
passes() {
	local wanted=$1
	shift
	forget_noted
	called "$@" </dev/null >/dev/null 2>&1 || true
	is "$(noted)" "$wanted SHELL=/usr/local/bin/note_args"
}

# refused TEXT: nothing runs, in any form; status 125; one line, which contains TEXT.
refused() {
	local name
	for name in -agentsh-shell agentsh-shell "$AGENT_SHELL"; do
		run --separate-stderr called "$name" -c 'echo it ran; touch ran' </dev/null
		is "$status:$output:${#stderr_lines[@]}" 125::1
		[[ $stderr == "agentsh-exec: "*"$1"* ]] || is "$stderr" "agentsh-exec: ... $1 ..."
	done
	run --separate-stderr called -agentsh-shell <<<'echo it ran; touch ran'
	is "$status:$output:${#stderr_lines[@]}" 125::1
	agent test ! -e ran
}

@test "argv: every way a shell is called is passed on, with the name translated" {
	note_shell
	passes '<note_args><-c><id>' agentsh-shell -c id
	passes '<-note_args>' -agentsh-shell
	passes '<-note_args><-c><id>' -agentsh-shell -c id
	passes '<-note_args>' -su
	passes '<-note_args>' -agentsh-exec
	passes '<-note_args>' -/usr/local/bin/agentsh-shell
	passes '</usr/local/bin/note_args><-c></bin/sh .ssh/rc>' /usr/local/bin/agentsh-shell -c '/bin/sh .ssh/rc'
	passes '<note_args><-c><id><x><y z>' agentsh-exec -c id x 'y z'
	passes '<note_args>' agentsh-shell
	passes '<-note_args>' -
}

@test "argv: no argument is parsed, changed or lost" {
	note_shell
	passes '<note_args><-c><a "b" $x `y` \x5c *>' agentsh-shell -c 'a "b" $x `y` \ *'
	passes '<note_args><>' agentsh-shell ''
	passes '<note_args><-c><><>' agentsh-shell -c '' ''
	passes '<note_args><-c><:\x0a\x0atrue\x0a>' agentsh-shell -c $':\n\ntrue\n'
	passes '<note_args><-c><: \x09\x01\x7f\xff\xc3\xa9>' agentsh-shell -c $': \t\x01\x7f\xff\xc3\xa9'
	passes '<note_args><-->' agentsh-shell --
	passes '<note_args><--><-c><id>' agentsh-shell -- -c id
	local option
	for option in -l -f -s -h -V -x --help --version --sidecar=none --init --shim --events=/tmp/x; do
		passes "<note_args><$option>" agentsh-shell "$option"
		passes "<-note_args><$option>" -agentsh-shell "$option"
	done
	passes '<note_args><-f></dev/null><-c><id>' agentsh-shell -f /dev/null -c id
	passes '<note_args><-s><x><--><id>' agentsh-shell -s x -- id
	passes '<note_args><-c><:><--sidecar=none><-f></dev/null>' agentsh-exec -c : --sidecar=none -f /dev/null
}

@test "argv: 10,000 arguments, and one as long as the kernel takes" {
	run -0 agent /bin/bash -c '"$0" -c "echo \$# \${10000}" - $(seq 10000)' "$AGENT_SHELL"
	is "$output" '10000 10000'
	run -0 agent /bin/bash -c '"$0" -c "echo \${#1}" - "$(printf %0131071d 0)"' "$AGENT_SHELL"
	is "$output" 131071
}

# like_bash NAME ARGUMENT...: the same output, errors and status as bash called so.
like_bash() {
	local bash_name=${1/agentsh-shell/bash} bash_status=0 shell_status=0
	bash_name=${bash_name/#\/usr\/local/}
	agent /bin/bash -c 'exec -a "$0" /bin/bash "$@" </dev/null' "$bash_name" "${@:2}" \
		>"$BATS_TEST_TMPDIR/bash.out" 2>"$BATS_TEST_TMPDIR/bash.err" || bash_status=$?
	called "$@" </dev/null >"$BATS_TEST_TMPDIR/shell.out" 2>"$BATS_TEST_TMPDIR/shell.err" || shell_status=$?
	diff -u "$BATS_TEST_TMPDIR/bash.out" "$BATS_TEST_TMPDIR/shell.out"
	diff -u "$BATS_TEST_TMPDIR/bash.err" "$BATS_TEST_TMPDIR/shell.err"
	is "$shell_status" "$bash_status"
}

@test "bash takes itself for what it was called as" {
	local what='echo "$0 $- $#"; shopt login_shell; echo "$SHELL"; no_such_command'
	local name
	agent tee script >/dev/null <<<'echo "$0 $1"; exit 4'
	for name in agentsh-shell -agentsh-shell /usr/local/bin/agentsh-shell; do
		# SHELL is not set in this bare environment: bash sets it itself from passwd.
		like_bash "$name" -c "SHELL=x; $what" zero one
		like_bash "$name" -lc "SHELL=x; $what"
		like_bash "$name" -o posix -c "SHELL=x; $what"
		like_bash "$name" --norc -i -c 'echo $-'
		like_bash "$name" script one
		like_bash "$name" --version
		like_bash "$name" --no-such-option
		like_bash "$name" -c
		like_bash "$name"
	done
	run -0 called -agentsh-shell -c 'echo "$0 $SHELL"; shopt -q login_shell && echo login'
	is "$output" $'-bash /bin/bash\nlogin'
	run -0 called agentsh-shell -c 'echo "$0 $SHELL"; shopt -q login_shell || echo not login'
	is "$output" $'bash /bin/bash\nnot login'
}

@test "a script on its stdin, and data for the commands there" {
	run -5 called agentsh-shell <<<'read -r line
the line
echo "got $line"; exit 5'
	is "$output" 'got the line'
	run -0 called agentsh-shell -s one <<<'echo "$1"'
	is "$output" one
	run -0 called -agentsh-shell -c 'cat; echo end' < <(printf 'a\nb')
	is "$output" $'a\nbend'
}

@test "every form runs behind the filter" {
	local name
	for name in agentsh-shell -agentsh-shell -su "$AGENT_SHELL"; do
		run -0 called "$name" -c prove
		is "$output" "$FILTERED"
		run -0 called "$name" <<<prove
		is "$output" "$FILTERED"
	done
	run -0 called agentsh-exec -c prove
	is "$output" "$FILTERED"
	# The same without: what the rest of these tests rely on.
	run -0 agent /bin/bash -c prove
	is "$output" $'seccomp=0 no_new_privs=0\ntrace_self=0'
}

# ended SHELL ARGUMENT...: the exit status, or minus the number of the signal that ended it.
ended() {
	agent /usr/bin/python3 -c 'import subprocess, sys
print(subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode)' "$@"
}

@test "exit status, and death by signal, are the command's own" {
	local command
	for command in true false 'exit 7' 'exit 125' 'exit 126' 'exit 255' no_such_command /etc/passwd \
		'kill -TERM $$' 'kill -KILL $$' 'kill -SEGV $$' 'exec sh -c "kill -INT \$\$"' 'sh -c "kill -9 \$\$"; exit 3'; do
		is "$command: $(ended "$AGENT_SHELL" -c "$command")" "$command: $(ended /bin/bash -c "$command")"
	done
	is "$(ended "$AGENT_SHELL" -c 'exec trace_self')" -9
	is "$(ended "$AGENT_SHELL" -c 'trace_self; exit $?')" 137
}

@test "the shell is executed in place: same process, no other one beside it" {
	run -0 agent /bin/bash -c 'echo $$; exec agentsh-shell -c "echo \$\$; ps -o pid= -s 0 --ppid \$\$ | wc -l"'
	is "${lines[0]}" "${lines[1]}"
}

# state: what a process inherits, without what differs from one to the next.
STATE='umask; pwd; nice; ulimit -a; ulimit -Ha; id
	for fd in /proc/$$/fd/*; do echo "${fd##*/}"; done
	env | grep -v -e ^AGENTSH_SESSION_ID= -e ^SHELL= | sort
	while read -r key value; do case $key in
		Umask:|Sig[IBC]*|Shd*|Cap*|NoNew*|Seccomp*|Groups:|Uid:|Gid:|Cpus_a*|Mems_a*) echo "$key $value";;
	esac; done </proc/$$/status'

@test "all that a process inherits is handed on as it is, the filter apart" {
	local odd='umask 027; cd /usr; renice -n 5 $$ >/dev/null; ulimit -n 123; ulimit -S -s 4096; trap "" PIPE USR1
		exec 7</dev/null 9>>/dev/null; export ODD="a
b" IFS=/ EMPTY=; exec env --block-signal=USR2 "$0" -c "$1"'
	agent /bin/bash -c "$odd" /bin/bash "$STATE" >"$BATS_TEST_TMPDIR/bash"
	agent /bin/bash -c "$odd" "$AGENT_SHELL" "$STATE" >"$BATS_TEST_TMPDIR/shell"
	grep -q '^SigBlk: 0000000000000800$' "$BATS_TEST_TMPDIR/bash"
	run -1 diff "$BATS_TEST_TMPDIR/bash" "$BATS_TEST_TMPDIR/shell"
	is "$(grep '^[<>]' <<<"$output")" '< NoNewPrivs: 0
< Seccomp: 0
< Seccomp_filters: 0
> NoNewPrivs: 1
> Seccomp: 2
> Seccomp_filters: 1'
}

@test "each session gets an ID of its own; the environment's is not believed" {
	local first second grammar='^[A-Za-z0-9_.-]{1,64}$'
	local show='echo "$AGENTSH_SESSION_ID"'
	first=$(called agentsh-shell -c "$show")
	second=$(called agentsh-shell -c "$show")
	[[ $first =~ $grammar && $second =~ $grammar ]]
	[ "$first" != "$second" ]
	local forged
	for forged in sess_forged '' 'a b' "$(printf %065d 0)" $'new\nline'; do
		run -0 agent env AGENTSH_SESSION_ID="$forged" "$AGENT_SHELL" -c "$show; env | grep -c ^AGENTSH_SESSION_ID="
		[[ ${lines[0]} =~ $grammar ]]
		[ "${lines[0]}" != "$forged" ]
		is "${lines[1]}" 1
	done
}

@test "a variable that stands twice, or has no =, is no way around" {
	# execve takes what no shell would pass.
	run -0 agent /usr/bin/python3 -c 'import ctypes, sys
strings = lambda *texts: (ctypes.c_char_p * (len(texts) + 1))(*[t.encode() for t in texts], None)
ctypes.CDLL(None).execve(sys.argv[1].encode(), strings("agentsh-shell", "-c", sys.argv[2]),
    strings("SHELL=/evil", "AGENTSH_SESSION_ID=evil", "SHELL=/evil2", "AGENTSH_SESSION_ID=evil2", "SHELL",
    "AGENTSH_SESSION_ID", "", "=", "PATH=/usr/local/bin:/usr/bin:/bin"))
' "$AGENT_SHELL" 'prove; cat /proc/$$/environ | tr "\0" "\n"'
	[[ $output == "$FILTERED"* ]]
	[[ $output == *SHELL=/bin/bash* ]]
	[[ $output != *evil* ]]
}

@test "no argv[0] at all: nothing runs" {
	run --separate-stderr -125 agent /usr/bin/python3 -c 'import ctypes, sys
null = (ctypes.c_char_p * 1)(None)
ctypes.CDLL(None).execve(sys.argv[1].encode(), null, null)
sys.exit(99)' "$AGENT_SHELL"
	is "$output:${#stderr_lines[@]}" :1
}

@test "cron's way of calling it" {
	same 'shell=$(getent passwd "$user" | cut -d: -f7); cd "/home/$user"
		cron() { setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="/home/$user" LOGNAME="$user" \
			SHELL="$shell" PATH=/usr/bin:/bin "$shell" -c "$1"; }
		cron "env | grep -v -e ^AGENTSH_SESSION_ID= -e ^_= | sort; echo \$0 | sed s,.*/,,; id -un; exit 6"'
	is "$status" 6
	run -0 agent env -i HOME=/home/agent LOGNAME=agent SHELL="$AGENT_SHELL" PATH=/usr/bin:/bin \
		"$AGENT_SHELL" -c 'PATH=/usr/local/bin:$PATH prove'
	is "$output" "$FILTERED"
}

@test "a setuid program gains nothing" {
	is "$(agent /bin/bash -c 'setuid_id -u')" 0
	is "$(called agentsh-shell -c 'setuid_id -u')" "$(agent id -u)"
}

@test "root's own shell is filtered as well" {
	run -0 world "$AGENT_SHELL" -c prove
	is "$output" "$FILTERED"
}

@test "[shell] program: another shell" {
	system_config '[shell]
program = /bin/dash'
	run -3 --separate-stderr called agentsh-shell -c 'echo "$0 $SHELL"; readlink /proc/$$/exe; prove; exit 3'
	is "$output" $'dash /bin/dash\n/usr/bin/dash\n'"$FILTERED"
	run -0 called -agentsh-shell -c 'echo "$0"'
	is "$output" -dash
	run -0 --separate-stderr called "$AGENT_SHELL" -c prove
	is "$output" "$FILTERED"
}

# lone_error STATUS TEXT: nothing ran, one line.
lone_error() {
	local name
	for name in -agentsh-shell agentsh-shell; do
		run -"$1" --separate-stderr called "$name" -c 'echo it ran'
		is "$output:${#stderr_lines[@]}" :1
		[[ $stderr == "agentsh-exec: "*"$2"* ]] || is "$stderr" "agentsh-exec: ... $2 ..."
	done
}

@test "[shell] program: one that cannot be run" {
	system_config '[shell]
program = /nonexistent/shell'
	lone_error 127 /nonexistent/shell
	system_config '[shell]
program = /etc/passwd'
	lone_error 126 /etc/passwd
	system_config '[shell]
program = /etc'
	lone_error 126 /etc
	world bash -c 'echo "#!/no/such/interpreter" >/run/script && chmod 755 /run/script'
	system_config '[shell]
program = /run/script'
	lone_error 126 /no/such/interpreter
}

@test "[shell] program: the loader itself is refused, it would run for ever" {
	system_config '[shell]
program = /usr/local/bin/agentsh-shell'
	refused /usr/local/bin/agentsh-shell
	# A copy of it: finds out once it is itself the loader.
	system_config '[shell]
program = /usr/local/bin/agentsh-exec'
	refused ''
	world ln -sf /usr/local/bin/agentsh-shell /run/link
	system_config '[shell]
program = /run/link'
	refused /run/link
}

@test "a configuration with an error: nobody logs in" {
	system_config '[sandbox.seccomp]
no such line'
	refused "$SYSTEM_CONFIG:2: "
	system_config '[sandbox.seccomp.syscalls]

blck = ptrace'
	refused "$SYSTEM_CONFIG:3: "
	system_config '[sandbox.seccomp.syscalls]
block = ptrcae'
	refused ptrace
	system_config '[sandbox.seccomp.syscalls]
block = execve'
	refused execve
	system_config '[shell]
program = bash'
	refused "$SYSTEM_CONFIG:2: "
	world bash -c 'printf "[shell]\0\n" >"$0"' "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG:1: "
}

@test "no sidecar is installed: nobody logs in" {
	world mv /usr/local/bin/agentsh-sidecar /run/agentsh-sidecar
	refused 'sidecar: neither beside this program nor at '
	world mv /run/agentsh-sidecar /usr/local/bin/agentsh-sidecar
}

@test "a configuration that others could have written: nobody logs in" {
	local mode
	for mode in 0664 0646 0666 0620 0602; do
		world chmod "$mode" "$SYSTEM_CONFIG"
		refused "$SYSTEM_CONFIG: "
	done
	world chmod 0644 "$SYSTEM_CONFIG"
	world chown plain "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: "
}

# A session could write it, and the next login would have no filter.
@test "a system configuration that belongs to the user who logs in: refused" {
	world chown agent "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: "
}

@test "a configuration that is no readable file of sane size: nobody logs in, nobody waits" {
	world chmod 0600 "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: "
	world rm "$SYSTEM_CONFIG"
	world mkdir "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: "
	world rmdir "$SYSTEM_CONFIG"
	world mkfifo -m 0644 "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: "
	world ln -sfT agentsh.ini "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: "
	world ln -sf /dev/zero "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG: "
	system_config ''
	world bash -c 'for ((i = 0; i < 3000; i++)); do printf "; %0100d\n" 0; done >"$0"' "$SYSTEM_CONFIG"
	refused "$SYSTEM_CONFIG"
	world chmod 0700 /etc/agentsh
	refused "$SYSTEM_CONFIG: "
}

@test "no configuration: the built-in defaults" {
	world rm "$SYSTEM_CONFIG"
	run -0 --separate-stderr called -agentsh-shell -c prove
	is "$output" "$FILTERED"
	world rmdir /etc/agentsh
	run -0 --separate-stderr called -agentsh-shell -c prove
	is "$output" "$FILTERED"
}

@test "the system's configuration decides what is blocked and how" {
	system_config '[sandbox.seccomp.syscalls]
on_block = errno'
	run -1 called agentsh-shell -c 'exec trace_self 2>&1'
	is "$output" 'ptrace: Operation not permitted'
	system_config '[sandbox.seccomp.syscalls]
block = mount'
	run -0 called agentsh-shell -c 'exec trace_self'
	local off
	for off in 'enabled = false' 'mode = disabled'; do
		system_config "[sandbox.seccomp]
$off"
		run -0 called -agentsh-shell -c 'trace_self; echo "$? $0 $SHELL ${AGENTSH_SESSION_ID:+set}"; grep ^Seccomp: /proc/self/status'
		is "$output" $'0 -bash /bin/bash set\nSeccomp:\t0'
	done
}
