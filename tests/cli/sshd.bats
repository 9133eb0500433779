#!/usr/bin/env bats
# The login shell under a real sshd, su, runuser, tmux, editors: a user whose shell in passwd it is
# gets what a twin with /bin/bash gets, behind the filter.
#
# What a shell in the world expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/sshd

setup_file() {
	world_start
	[ -z "$WORLD_OBSTACLE" ] || return 0
	sshd_start
	"${CC:-cc}" -D_GNU_SOURCE -shared -fPIC -o "$BATS_FILE_TMPDIR/evil.so" "$TOP/tests/lib/evil_preload.c"
	world install -m 0755 /dev/stdin /usr/local/bin/evil.so <"$BATS_FILE_TMPDIR/evil.so"
	world install -m 0666 /dev/null /tmp/evil
}

teardown_file() {
	world_stop
}

setup() {
	local program
	need_world
	for program in sshd ssh scp sftp rsync git tmux script vi ed python3 cc; do
		need_command "$program"
	done
	default_config
	clean_homes
}

# proved FILE: prove, run in a session of agent's, has left there what it says behind the filter.
proved() {
	is "$(agent cat "$1")" "$FILTERED"
}

# typed COMMAND...: the command, run by root in the world in a terminal, with stdin typed whenever
# bash prompts.
typed() {
	python3 "$TOP/tests/lib/type_at.py" '\$ (\x1b\[K)?' nsenter --target "$WORLD" --mount --pid --net env -i HOME=/root \
		USER=root LOGNAME=root TERM="${TERMINAL:-dumb}" LANG=C.UTF-8 \
		PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# same_typed COMMAND...: what is typed at it (stdin) has the same effect for both: all that the
# terminal shows, and the exit status. "USER" in COMMAND stands for the name. Leaves $status, $output.
same_typed() {
	local steps user plain_status=0
	steps=$(cat)
	status=0
	typed "${@//USER/plain}" <<<"$steps" >"$BATS_TEST_TMPDIR/plain.tty" || plain_status=$?
	typed "${@//USER/agent}" <<<"$steps" >"$BATS_TEST_TMPDIR/agent.tty" || status=$?
	output=$(tr -d '\r' <"$BATS_TEST_TMPDIR/agent.tty")
	sed -i 's/plain/agent/g' "$BATS_TEST_TMPDIR/plain.tty"
	diff -u "$BATS_TEST_TMPDIR/plain.tty" "$BATS_TEST_TMPDIR/agent.tty"
	is "$status" "$plain_status"
	[ "$status" -ne 124 ]
}

@test "what sshd, su, runuser call: the argv table" {
	system_config '[shell]
program = /usr/local/bin/note_args'
	local -a wanted=(
		'ssh agent "echo a  b"' '<note_args><-c><echo a  b>'
		'ssh -tt agent true' '<note_args><-c><true>'
		'ssh agent <<<true' '<-note_args>'
		'ssh -tt agent <<<exit' '<-note_args>'
		'su -l agent <<<true' '<-note_args>'
		'su - agent -c true' '<-note_args><-c><true>'
		'runuser -l agent -c true' '<-note_args><-c><true>'
		'su agent -c true' '<note_args><-c><true>'
		'scp agent:.profile .' '<note_args><-c></usr/lib/openssh/sftp-server>'
		'sftp -b - agent <<<ls' '<note_args><-c></usr/lib/openssh/sftp-server>'
		'touch f; scp -O f agent:f' '<note_args><-c><scp -t f>'
		'scp -O agent:.profile .' '<note_args><-c><scp -f .profile>'
		'ssh forced-agent asked || true' "<note_args><-c><$FORCED_COMMAND>"
		'runuser -u agent -- true' ''
	)
	local i
	for ((i = 0; i < ${#wanted[@]}; i += 2)); do
		forget_noted
		in_world agent "${wanted[i]}" >/dev/null </dev/null
		is "${wanted[i]}: $(noted)" "${wanted[i]}: ${wanted[i + 1]}${wanted[i + 1]:+ SHELL=/usr/local/bin/note_args}"
	done
	forget_noted
	in_world agent 'rsync -a agent:.profile p && git clone -q agent:none.git' 2>/dev/null || true
	[[ $(noted) == '<note_args><-c><rsync --server --sender '*$'\n'"<note_args><-c><git-upload-pack 'none.git'> "* ]]
	forget_noted
	world_file agent /home/agent/.ssh/rc 0644 'true'
	world ssh agent true
	is "$(noted)" '</usr/local/bin/note_args><-c></bin/sh /home/agent/.ssh/rc> SHELL=/usr/local/bin/note_args
<note_args><-c><true> SHELL=/usr/local/bin/note_args'
}

@test "ssh: a remote command, its output, errors, input and status" {
	same 'ssh "$user" "echo out; echo err >&2; exit 7"'
	is "$status:$output:$errors" 7:out:err
	same 'seq 100000 | ssh "$user" "sort -rn | md5sum"'
	same 'ssh "$user" "kill -TERM \$\$"'
	same 'ssh "$user" no_such_command'
	is "$status" 127
	same 'ssh "$user" "a=\"x  y\"; printf \"%s|\" \"\$a\" '\''\$a'\'' \\\\; id -Gn; umask; pwd; ulimit -a; echo \$-"'
	same 'ssh "$user" "shopt login_shell; echo \$0"'
	same 'ssh "$user" "exec cat /no/such/file"'
}

@test "ssh: the environment is that of /bin/bash, and the session's ID" {
	same 'ssh "$user" "env | grep -v -e ^AGENTSH_SESSION_ID= -e ^SSH_C | sort; cut -d. -f1 ~/.profile | head -1"'
	[[ $output == *SHELL=/bin/bash* ]]
	local first second
	first=$(world ssh agent 'echo "$AGENTSH_SESSION_ID"')
	second=$(world su - agent -c 'echo "$AGENTSH_SESSION_ID"')
	[[ $first =~ ^[A-Za-z0-9_.-]{1,64}$ && $second =~ ^[A-Za-z0-9_.-]{1,64}$ ]]
	[ "$first" != "$second" ]
}

@test "every login runs behind the filter, and a blocked call in it dies" {
	local login
	for login in 'ssh agent prove' 'ssh -tt agent prove' 'ssh agent <<<prove' 'su agent -c prove' \
		'su - agent -c prove' 'su -l agent <<<prove' 'su - agent -P -c prove' 'runuser -l agent -c prove' \
		'runuser agent -c prove' 'su -s /usr/local/bin/agentsh-shell plain -c prove'; do
		run -0 in_world agent "$login" <<<''
		[[ ${output//$'\r'/} == *"$FILTERED"* ]] || is "$login: $output" "$FILTERED"
		[[ $output != *seccomp=0* ]]
	done
	run -137 world ssh agent 'trace_self 2>/dev/null'
	run -137 world su - agent -c 'trace_self 2>/dev/null; exit "$?"'
	# sshd's own word for a command that a signal ended.
	run ! world ssh agent 'exec trace_self'
	# What it is without.
	is "$(world ssh plain prove)" $'seccomp=0 no_new_privs=0\ntrace_self=0'
}

@test "ssh: commands on stdin" {
	same 'ssh "$user" <<<"echo \$0; shopt login_shell; cd /tmp; pwd; exit 3"'
	is "$status" 3
	[[ $output == *-bash$'\n'"login_shell"*on* ]]
	same 'printf "read -r x\ndata\necho got \$x\nno_such_command\n" | ssh "$user"'
	same 'ssh "$user" </dev/null'
	is "$status" 0
}

@test "ssh -tt: an interactive shell" {
	same_typed ssh -tt USER <<-'EOT'
		echo "$0 $-"; shopt login_shell
		test -t 0 && test -t 1 && test -t 2 && echo terminal
		stty size; stty -a | grep -c isig; umask
		cd /usr; pwd; echo "$SHELL"
		no_such_command; echo "$?"
		history | tail -2
		exit 6
	EOT
	is "$status" 6
	[[ $output == *-bash* && $output == *terminal* ]]
	typed ssh -tt agent >/dev/null <<-'EOT'
		prove >ev
		exit
	EOT
	proved ev
}

@test "ssh -tt: job control, interrupt, end of file" {
	same_typed ssh -tt USER <<-'EOT'
		sh -c 'echo ready; exec cat'
		=ready\r\n
		^C
		echo "after ^C: $?"
		sh -c 'echo ready; exec cat'
		=ready\r\n
		^Z
		jobs
		fg %1
		=fg %1\r\nsh -c .*\r\n
		^D
		(sleep 100 & kill $!; wait $!); echo "$?"
		trap 'echo hung up' EXIT
		^D
	EOT
	[[ $output == *"after ^C: 130"*Stopped*143* ]]
	# With the client gone, the session ends.
	run -255 typed ssh -tt agent <<-'EOT'
		echo $$ >pid; trap 'echo yes >hung_up' HUP
		~.
	EOT
	wait_for agent test -e hung_up
	wait_for agent bash -c '! kill -0 "$(cat pid)" 2>/dev/null'
}

@test "su - in a terminal" {
	same_typed su - USER <<-'EOT'
		echo "$0"; shopt login_shell; tty | sed 's/[0-9]*$//'
		id -un; pwd
		exit 3
	EOT
	is "$status" 3
}

@test "scp, scp -O and sftp, both ways" {
	local scp
	for scp in 'scp -q -p' 'scp -q -O -p'; do
		same "mkdir up; head -c 300000 /dev/zero | tr '\\0' x >up/file; touch -d @1000000000 'up/a b'; chmod 640 up/file
			$scp up/* \"\$user:\" && ssh \"\$user\" 'stat -c \"%n %a %s %Y\" \"a b\"; md5sum file' &&
			$scp -r \"\$user:.\" down && cmp up/file down/file && rm -rf up
			$scp \"\$user:no/such\" . ; echo \"\$?\"; $scp down/file \"\$user:/etc/passwd\"; echo \"\$?\"; rm -rf down"
	done
	same 'echo text >file; sftp -q -b - "$user" <<<"put file sent
rename sent moved
chmod 600 moved
get moved back
ln -s moved link
ls -1
rm moved
-get nothing" && cat back'
	# The server's own state, by its own hand.
	in_world agent 'scp -q agent:/proc/self/status . && grep -E "^(Seccomp|NoNewPrivs):" status' >"$BATS_TEST_TMPDIR/scp"
	is "$(cat "$BATS_TEST_TMPDIR/scp")" $'NoNewPrivs:\t1\nSeccomp:\t2'
	in_world agent 'sftp -q -b - agent <<<"get /proc/self/status" >&2 && grep -E "^(Seccomp|NoNewPrivs):" status' \
		>"$BATS_TEST_TMPDIR/sftp" 2>/dev/null
	is "$(cat "$BATS_TEST_TMPDIR/sftp")" $'NoNewPrivs:\t1\nSeccomp:\t2'
	# scp -O: the shell expands the name.
	in_world agent 'scp -q -O -T "agent:\$(prove >ev; echo .profile)" .'
	proved ev
}

@test "rsync, both ways" {
	same 'mkdir tree tree/sub; seq 5000 >tree/sub/numbers; ln -s sub tree/link; echo x >"tree/a b"; chmod 640 "tree/a b"
		touch -d @1000000000 tree/sub/numbers
		rsync -a tree/ "$user:there/" && rsync -a "$user:there/" back && diff -r tree back && ls -l --time-style=+%s back/sub
		seq 6000 >tree/sub/numbers; rm "tree/a b"
		rsync -aiO --delete tree/ "$user:there/"; ssh "$user" "find there -type f | sort"
		rsync -a "$user:nothing/" x; echo "$?"'
	in_world agent 'rsync -a --rsync-path "prove >ev; rsync" agent:.profile .'
	proved ev
}

@test "git over ssh: clone, push, a hook" {
	same 'export HOME=$PWD GIT_SSH_COMMAND="ssh -F /root/.ssh/config" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE="2020-01-01T00:00Z" \
			GIT_COMMITTER_DATE="2020-01-01T00:00Z"
		git config --global user.email a@example.org; git config --global user.name A
		git config --global init.defaultBranch main; git config --global protocol.version 2
		ssh "$user" "git init -q --bare -b main r.git && printf \"#!/bin/sh\nprove >~/ev; echo from the hook\n\" \
			>r.git/hooks/post-receive && chmod +x r.git/hooks/post-receive"
		git clone -q "$user:r.git" one; cd one; seq 20000 >file; git add file; git commit -qm first
		git push -q origin main; echo "$?"; cd ..
		git clone -q "ssh://$user/home/$user/r.git" two; cd two; git log --format="%h %s"; wc -l file
		git clone -q "$user:none.git"; echo "$?"
		git push -q origin main:other; git ls-remote'
	[[ $errors == *'from the hook'* ]]
	proved ev
	in_world agent 'HOME=$PWD git clone -q -u "prove >ev2; git-upload-pack" agent:r.git' 2>/dev/null
	proved ev2
}

@test "ForceCommand, and a key's own command" {
	same 'ssh "forced-$user" "whatever they like" | grep asked'
	run -7 world ssh forced-agent anything
	is "$output" "$FILTERED"$'\nasked for: anything'
	run -7 world ssh forced-agent </dev/null
	is "$output" "$FILTERED"$'\nasked for: '
	agent_key 'command="prove; echo $SSH_ORIGINAL_COMMAND",environment="LD_PRELOAD=/usr/local/bin/evil.so"'
	run -0 world ssh -i /root/.ssh/own open-agent asked
	is "$output" "$FILTERED"$'\nasked'
	filtered_evil
}

@test "~/.ssh/rc" {
	local user
	for user in agent plain; do
		world_file "$user" "/home/$user/.ssh/rc" 0644 'echo from rc; prove >ev; echo "$0 $SHELL" >rc_ran'
	done
	same 'ssh "$user" "echo then; cat rc_ran"; ssh "$user" <<<"echo and then"'
	[[ $output == *'from rc'*then*'from rc'*'and then'* ]]
	proved ev
}

@test "tmux inside ssh" {
	TERMINAL=vt100 typed ssh -tt agent >/dev/null <<-'EOT'
		tmux -f /dev/null new-session 'echo "$0 $SHELL" >in_tmux; prove >ev; exit 5'
		exit
	EOT
	proved ev
	[[ $(agent cat in_tmux) == *bash\ /bin/bash ]]
	# Windows with shells that start by themselves, the login shell among them.
	# Each by a socket of its own: a socket that another session has left is not this session's.
	local shell
	for shell in /bin/bash "$AGENT_SHELL"; do
		agent rm -f ev
		world ssh agent "tmux -f /dev/null -L ${shell##*/} new-session -d 'sleep 1000' \\; set -g default-shell $shell \\; \
			new-window \\; send-keys 'prove >ev; tmux -L ${shell##*/} kill-server' Enter"
		wait_for agent test -s ev
		wait_for agent bash -c '! pgrep -u "$(id -u)" -x "tmux: server"'
		proved ev
	done
}

@test "script, vi, ed, and \$SHELL" {
	same 'ssh "$user" "script -qec \"echo in script; tty | tr -d 0-9; exit 4\" /dev/null"'
	is "$status" 4
	world ssh agent 'script -qc "prove >ev" /dev/null'
	proved ev
	world ssh agent 'SHELL=/usr/local/bin/agentsh-shell script -qc "prove >ev2" /dev/null'
	proved ev2
	same 'ssh "$user" "echo one >f; vi -u NONE -es f" <<<"%s/one/two/
write
!echo from vi; exit 3
quit"; echo "$?"; ssh "$user" cat f'
	[[ $output == *'from vi'*two* ]]
	world ssh agent 'vi -u NONE -es "+!prove >ev3" +qa'
	proved ev3
	same 'ssh "$user" ed -s <<<"!echo from ed
a
line
.
w f
r !echo from r
,p
Q"'
	[[ $output == *'from ed'*'from r'* ]]
	world ssh agent ed -s <<<'!prove >ev4
Q'
	proved ev4
	same 'ssh "$user" "\$SHELL -c \"echo \\\$0\"; \$SHELL -lc \"shopt login_shell\""'
	world ssh agent '$SHELL -c "prove >ev5"'
	proved ev5
}

@test "an editor in a terminal: vi and its :!" {
	TERMINAL=vt100 typed ssh -tt agent >/dev/null <<-'EOT'
		vi -u NONE -N new
		="new" \[New\](?s:.*)
		:!prove >ev
		=Press ENTER(?s:.*)
		:q!
		exit
	EOT
	proved ev
}

@test "a configuration with an error: nobody logs in, the refusal is told, root mends it" {
	system_config '[sandbox.seccomp]
enabled = maybe'
	local login
	for login in 'ssh agent "touch ran"' 'ssh agent <<<"touch ran"' 'su agent -c "touch ran"' \
		'su - agent -c "touch ran"' 'su -l agent <<<"touch ran"' 'runuser -l agent -c "touch ran"'; do
		run -125 --separate-stderr in_world agent "$login" <<<''
		[[ $stderr == "agentsh-exec: $SYSTEM_CONFIG:2: "* ]]
		is "${#stderr_lines[@]}" 1
	done
	run ! world scp -q agent:.profile /root/
	run ! in_world agent 'sftp -q -b - agent <<<ls'
	run ! in_world agent 'rsync -a agent:.profile .'
	run -125 --separate-stderr in_world agent 'ssh -tt agent </dev/null'
	agent test ! -e ran
	default_config
	run -0 world ssh agent 'echo in again'
}

# agent_key OPTIONS: a second key of root's, which agent lets in with those options.
agent_key() {
	world bash -c 'test -e /root/.ssh/own || ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/own'
	world_file agent /home/agent/.ssh/authorized_keys 0600 "$1 $(world cat /root/.ssh/own.pub)"
}

# filtered_evil: the library that a hostile user has had loaded never ran outside the filter.
filtered_evil() {
	world grep -q 'seccomp=2$' /tmp/evil
	is "$(world grep -v 'seccomp=2$' /tmp/evil || true)" ''
	world truncate -s 0 /tmp/evil
}

# every_login: agent's logins by way of the sshd that lets users set any variable are filtered.
every_login() {
	local login
	for login in 'ssh open-agent prove' 'ssh open-agent <<<prove' 'su - agent -c prove' 'su agent -c prove'; do
		run in_world agent "$login" <<<''
		[[ $output == *"$FILTERED" ]] || is "$login: $output" "$FILTERED"
	done
}

hostile_environment() {
	cat <<-'EOT'
		LD_PRELOAD=/usr/local/bin/evil.so
		LD_AUDIT=/usr/local/bin/evil.so
		AGENTSH_CONFIG=/home/agent/off.ini
		AGENTSH_SESSION_ID=sess_forged
		XDG_CONFIG_HOME=/home/agent/config
		SHELL=/bin/sh
		GLIBC_TUNABLES=glibc.malloc.check=3
	EOT
}

@test "~/.ssh/environment and a client's SendEnv change nothing" {
	world_file agent /home/agent/off.ini 0600 $'[sandbox.seccomp]\nenabled = false'
	hostile_environment | world_file agent /home/agent/.ssh/environment 0600
	every_login
	filtered_evil
	# It is in force: bash has what the file sets, apart from what the login shell sets itself.
	run -0 world ssh open-agent 'echo "$AGENTSH_CONFIG $SHELL $AGENTSH_SESSION_ID"'
	[[ $output == '/home/agent/off.ini /bin/bash '* && $output != *forged* ]]
	agent rm .ssh/environment
	run -0 world env LD_PRELOAD= AGENTSH_CONFIG=/home/agent/off.ini AGENTSH_SESSION_ID=sess_forged \
		ssh -o 'SendEnv AGENTSH_* LD_*' -o 'SetEnv LD_AUDIT=/usr/local/bin/evil.so' open-agent \
		'prove; echo "$AGENTSH_CONFIG $AGENTSH_SESSION_ID"'
	[[ $output == "$FILTERED"$'\n/home/agent/off.ini '* && $output != *forged* ]]
	filtered_evil
}

@test "~/.pam_environment changes nothing" {
	world_file agent /home/agent/off.ini 0600 $'[sandbox.seccomp]\nenabled = false'
	hostile_environment | sed 's/^\([^=]*\)=/\1 DEFAULT=/' | world_file agent /home/agent/.pam_environment 0600
	every_login
	is "$(world grep -v 'seccomp=2$' /tmp/evil || true)" ''
}

@test "~/.config, start files and PATH of a hostile user change nothing" {
	world_file agent /home/agent/.config/agentsh/agentsh.ini 0600 $'[sandbox.seccomp]\nenabled = false'
	every_login
	local name
	for name in bash sh agentsh-shell; do
		world_file agent "/home/agent/bin/$name" 0755 $'#!/bin/sh\nexec /bin/dash "$@"'
	done
	for name in .profile .bashrc; do
		world_file agent "/home/agent/$name" 0644 'PATH=$HOME/bin:$PATH; prove >>started'
	done
	every_login
	is "$(agent sort -u started)" "$(sort -u <<<"$FILTERED")"
}

@test "nothing of a session is left once its client has gone" {
	world ssh agent 'sleep 1000 >/dev/null 2>&1 </dev/null & echo started'
	world bash -c 'pkill -KILL -u agent'
	wait_for world bash -c '! pgrep -u agent,plain'
}
