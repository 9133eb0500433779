#!/usr/bin/env bats
# add-agent-user, and agentshctl doctor --user, which names each way around the login shell: a real sshd, cron, at, mail.
#
# What a shell in the world expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/sshd

PAGE=$TOP/loader/agentshctl.1
WAYS='shell policy sshd-stream-local sshd-forwarding sshd-sftp sshd-force-command sshd-keys sshd-environment cron at forward user-units'
ADD=/usr/local/sbin/add-agent-user
DROPIN=/etc/ssh/sshd_config.d/agentsh.conf

setup_file() {
	world_start
	[ -z "$WORLD_OBSTACLE" ] || return 0
	make -s -C "$TOP" B="$BUILD" DESTDIR="$BATS_FILE_TMPDIR/stage" install
	# What is installed, and what the world has there already.
	world sh -c 'mkdir /run/local && mount -t tmpfs -o mode=755 none /run/local && cp -a /usr/local/bin /run/local &&
		mount --move /run/local /usr/local && tar -x -C /usr/local' < <(tar -c -C "$BATS_FILE_TMPDIR/stage/usr/local" .)
	world rm -f /usr/local/bin/setuid_id
	spools
	sshd_keys && sshd_client
	world sh -c 'rm -f /etc/ssh/ssh_host_*
		cp /etc/ssh/test_host_key /etc/ssh/ssh_host_ed25519_key
		echo "HostKey /etc/ssh/ssh_host_ed25519_key
			UseDNS no
			ListenAddress 127.0.0.1:22" >>/etc/ssh/sshd_config
		cp -a /etc /root/etc'
	world /usr/sbin/sshd -D -E /var/log/sshd </dev/null >/dev/null 2>&1 3>&- &
	wait_for sshd_listens 22
}

teardown_file() {
	world_stop
}

# The folders of cron, at and mail, as their packages make them.
spools() {
	world sh -c 'mkdir -p /var/spool/cron && cd /var/spool/cron
		install -d -m 1730 -g crontab crontabs
		install -d -m 1770 -o daemon -g daemon atjobs atspool
		install -m 600 -o daemon -g daemon /dev/null atjobs/.SEQ
		install -d -m 750 -o Debian-exim -g Debian-exim /var/spool/exim4 /var/log/exim4
		install -d -m 2775 -g mail /var/mail'
}

setup() {
	local program
	need_world
	for program in sshd ssh sftp cron at exim4 tmux; do need_command "$program"; done
	default_config
}

# Robots are gone; what is left in /etc is what was there.
teardown() {
	[ -n "$WORLD_OBSTACLE" ] || world sh -c 'pkill -x cron; pkill -x atd
		for name in robot other; do
			rm -f "/var/spool/cron/crontabs/$name"
			while id $name && pkill -KILL -u $name; do sleep 0.05; done
		done >/dev/null 2>&1
		find /var/spool/cron/atjobs -mindepth 1 -name "[a-z]*" -delete
		cp -a /root/etc/. /etc
		rm -rf /home/robot /home/other /etc/cron.deny /etc/cron.allow '"$DROPIN"' /etc/agentsh/keys'
}

# add NAME: by the program that is installed.
add() {
	reloading world "$ADD" --key /root/.ssh/id_ed25519.pub "$1"
}

# How often sshd has begun to listen.
listened() {
	world grep -c '^Server listening' /var/log/sshd
}

has_listened() {
	[ "$(listened)" -gt "$1" ]
}

# reloading COMMAND...: sshd has taken its configuration anew by the end of it.
reloading() {
	local before status=0
	before=$(listened)
	"$@" || status=$?
	wait_for has_listened "$before"
	return "$status"
}

# doctor NAME: leaves its rows in $output, its status in $status.
doctor() {
	run world agentshctl doctor --user "$1"
}

# way NAME: its state, and then what is told of it.
way() {
	awk -v name="$1" '$1 == name { $1 = ""; print substr($0, 2) }' <<<"$output"
}

# open_ways: those that are not closed.
open_ways() {
	awk '$2 != "closed" { print $1 }' <<<"$output" | xargs
}

# only_open WAY STATE-AND-DETAIL-PATTERN: of robot this alone is open, and so it is told.
only_open() {
	doctor robot
	is "$status $(open_ways)" "1 $1"
	# shellcheck disable=SC2053 # a pattern
	[[ $(way "$1") == $2 ]] || is "$(way "$1")" "$2"
}

all_closed() {
	doctor robot
	is "$status $(open_ways)" '0 '
}

# as NAME COMMAND...: without a login, as cron, at and the like would.
as() {
	world setpriv --reuid="$1" --regid="$1" --init-groups env HOME="/home/$1" USER="$1" LOGNAME="$1" "${@:2}"
}

reload_sshd() {
	world /usr/sbin/sshd -t
	reloading world pkill -HUP -o -x sshd
}

@test "add-agent-user: everything is closed, told in the manual's rows; --remove undoes it all" {
	local before
	before=$(everything)
	run -0 add robot
	is "$output" ''
	all_closed
	is "$(awk '{ print $1 }' <<<"$output" | xargs)" "$WAYS"
	is "$(sed -n '/^\.Ss agentshctl doctor Fl/,/^\.S[hs]/s/^\.It Cm \([a-z-]*\)$/\1/p' "$PAGE" | xargs)" "$WAYS"
	is "$(world getent passwd robot | cut -d : -f 6-)" /home/robot:/usr/local/bin/agentsh-shell
	run -0 world ssh robot@agent prove
	is "$output" "$FILTERED"
	# Once more changes nothing; another does not disturb it.
	run -0 add robot
	all_closed
	run -0 reloading world "$ADD" other
	run -0 world "$ADD" --remove other
	all_closed
	run -0 world ssh robot@agent prove
	run -0 reloading world "$ADD" --remove robot
	is "$output" ''
	diff <(echo "$before") <(everything)
}

# Whatever adding somebody could change: each file's mode, owner and contents. What useradd keeps of old is its own, and
# what is mounted others say.
everything() {
	world sh -c 'cd / && find etc home var/spool/cron var/mail ! -type d ! -name "*-" ! -path etc/mtab -exec stat -c "%A %U %G %n" {} + \
			-exec md5sum {} + 2>/dev/null | grep -v -e etc/agentsh/ | sort
		find etc/agentsh etc/systemd/system etc/ssh home -type d | sort'
}

@test "add-agent-user: refused with a reason, nothing done" {
	local before
	before=$(everything)
	run -1 world "$ADD" plain
	is "$output" 'add-agent-user: plain: a user that is there already'
	run -1 world "$ADD" 'a b'
	run -1 world "$ADD" --key /etc/passwd robot
	is "$output" 'add-agent-user: /etc/passwd: no public key'
	run -1 world "$ADD" --remove plain
	is "$output" "add-agent-user: plain: no user of add-agent-user's"
	run -1 as plain "$ADD" robot
	is "$output" 'add-agent-user: it needs root'
	diff <(echo "$before") <(everything)
	add robot
	as robot sleep 1000 3>&- &
	wait_for world pgrep -u robot sleep
	run -1 world "$ADD" --remove robot
	is "$output" 'add-agent-user: robot has processes (pkill -KILL -u robot)'
}

@test "add-agent-user: --keep-home; a way that stays open is told, and the status says so" {
	world sed -i 's/^Subsystem.*/Subsystem sftp internal-sftp/' /etc/ssh/sshd_config
	run -1 add robot
	[[ ${lines[0]} == 'sshd-sftp '*' open '* ]]
	[[ ${lines[1]} == 'add-agent-user: robot is there; close these ways too ('* && ${#lines[@]} -eq 2 ]]
	world touch /home/robot/work
	reloading world "$ADD" --remove --keep-home robot
	world test -e /home/robot/work
	run ! world id robot
}

@test "a drop-in that somebody has changed stays, and it is said" {
	add robot
	world sh -c 'echo "# mine" >>'"$DROPIN"
	run -0 world "$ADD" --remove robot
	[[ $output == *"$DROPIN is not as it was installed, and stays" ]]
	world grep -q mine "$DROPIN"
}

@test "shell and policy: another shell, one that others can write, a policy that blocks nothing" {
	add robot
	world usermod -s /bin/bash robot
	only_open shell 'open the login shell is /bin/bash (usermod -s /usr/local/bin/agentsh-shell robot)'
	world sh -c 'install -m 777 /usr/local/bin/agentsh-exec /home/robot/agentsh-shell; usermod -s /home/robot/agentsh-shell robot'
	only_open shell 'open /home/robot/agentsh-shell is no program that root alone can write *'
	world usermod -s /usr/local/bin/agentsh-shell robot
	system_config $'[sandbox.seccomp]\nmode = audit'
	only_open policy 'open /etc/agentsh/agentsh.ini blocks nothing *'
	system_config $'[sandbox.seccomp]\nenabled = false'
	only_open policy 'open /etc/agentsh/agentsh.ini installs no filter *'
	system_config '[nonsense]'
	doctor robot
	[[ $(way policy) == 'closed nobody logs in: /etc/agentsh/agentsh.ini:1: '* ]]
	default_config
	all_closed
}

# sshd_for_agents LINE: in place of what the drop-in says in its Match.
sshd_for_agents() {
	world sh -c 'printf "Match Group agentsh\n\tDisableForwarding yes\n\tAuthorizedKeysFile /etc/agentsh/keys/%%u\n" >'"$DROPIN"
	world sed -i "$1" "$DROPIN"
	reload_sshd
}

# forwarded: a Unix socket of root's that sshd connects to for robot, what it says.
forwarded() {
	world sh -c 'cd /root && rm -f here && python3 -c "import socket
s = socket.socket(socket.AF_UNIX); s.bind(\"/run/secret\"); s.listen()
import os; os.chmod(\"/run/secret\", 0o666); open(\"/run/listening\", \"w\")
s.settimeout(20)
try:
    c = s.accept()[0]; c.send(b\"reached\"); c.close()
except TimeoutError: pass" & server=$!
		until [ -e /run/listening ]; do sleep 0.05; done
		ssh -N -L /root/here:/run/secret robot@agent & client=$!
		tries=0; until [ -e here ] || [ $tries -gt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
		python3 -c "import socket
s = socket.socket(socket.AF_UNIX); s.connect(\"/root/here\"); print(s.recv(99).decode())" 2>/dev/null
		kill $client $server; wait; rm -f /run/secret /run/listening here' 2>/dev/null
}

@test "sshd: stream-local forwarding goes around the policy, and is closed" {
	add robot
	sshd_for_agents '/DisableForwarding/d'
	doctor robot
	is "$(open_ways)" 'sshd-stream-local sshd-forwarding'
	[[ $(way sshd-stream-local) == 'open '*'(sshd_config: DisableForwarding yes)' ]]
	is "$(forwarded)" reached
	sshd_for_agents 's/DisableForwarding yes/AllowStreamLocalForwarding no/'
	only_open sshd-forwarding 'open* (sshd_config: DisableForwarding yes)'
	add robot
	all_closed
	is "$(forwarded)" ''
}

# by_sftp KEY: what the server says of itself: is it behind the filter?
by_sftp() {
	in_world robot "sftp -q -i $1 -b - robot@agent <<<'get /proc/self/status' >/dev/null 2>&1 && grep '^Seccomp:' status"
}

@test "sshd: internal-sftp as the subsystem, by ForceCommand, by a key of the agent's own" {
	add robot
	is "$(by_sftp /root/.ssh/id_ed25519)" $'Seccomp:\t2'
	world sed -i 's/^Subsystem.*/Subsystem sftp internal-sftp/' /etc/ssh/sshd_config
	reload_sshd
	only_open sshd-sftp 'open* (sshd_config: Subsystem sftp /usr/lib/openssh/sftp-server)'
	is "$(by_sftp /root/.ssh/id_ed25519)" $'Seccomp:\t0'
	world sed -i 's,^Subsystem.*,Subsystem sftp /usr/lib/openssh/sftp-server,' /etc/ssh/sshd_config
	sshd_for_agents '$a ForceCommand internal-sftp'
	only_open sshd-force-command 'open *'
	is "$(by_sftp /root/.ssh/id_ed25519)" $'Seccomp:\t0'
	sshd_for_agents /AuthorizedKeysFile/d
	only_open sshd-keys 'open command="internal-sftp" in its own .ssh/authorized_keys (*AuthorizedKeysFile /etc/agentsh/keys/%u)'
	world sh -c 'test -e /root/.ssh/own || ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/own'
	world_file robot /home/robot/.ssh/authorized_keys 0600 "command=\"internal-sftp\" $(world cat /root/.ssh/own.pub)"
	is "$(by_sftp /root/.ssh/own)" $'Seccomp:\t0'
	add robot
	all_closed
	# By root's key, which the client offers next: that of the agent's own is none.
	is "$(by_sftp /root/.ssh/own)" $'Seccomp:\t2'
}

@test "sshd: variables of a user's; an sshd that does not start" {
	add robot
	world sed -i 's/^PermitUserEnvironment no/PermitUserEnvironment yes/' "$DROPIN"
	only_open sshd-environment 'open* (sshd_config: PermitUserEnvironment no)'
	world sed -i 's/^PermitUserEnvironment yes/AcceptEnv LD_*/' "$DROPIN"
	only_open sshd-environment 'open* (sshd_config: no AcceptEnv LD_\*)'
	world sh -c 'echo Nonsense >>'"$DROPIN"
	doctor robot
	is "$status $(open_ways)" '1 sshd-stream-local sshd-forwarding sshd-sftp sshd-force-command sshd-keys sshd-environment'
	[[ $(way sshd-sftp) == '? sshd -T: '*'Nonsense'* ]]
	run as plain agentshctl doctor --user robot
	[[ $(way sshd-sftp) == '? '* && $(way at) == '? '* ]]
}

# ran: what the job that wrote to /tmp/job says of itself.
ran() {
	world test -s /tmp/job
}

@test "cron: a job is not filtered; crontab refuses the agent" {
	add robot
	# Whoever may: what the job is, shows that there is something to close.
	world rm -f /etc/cron.deny /tmp/job /run/crond.reboot
	only_open cron 'open crontab takes its jobs* (a line with its name in /etc/cron.deny)'
	world crontab -u robot - <<<'@reboot /usr/local/bin/prove >/tmp/job 2>&1'
	only_open cron 'open cron runs its crontab* (crontab -r -u robot)'
	world cron -f </dev/null >/dev/null 2>&1 3>&- &
	wait_for ran
	[[ $(world cat /tmp/job) == 'seccomp=0 '* ]]
	world crontab -r -u robot
	add robot
	all_closed
	run -1 as robot crontab - <<<'@reboot true'
	[[ $output == *'(robot) are not allowed to use this program (crontab)'* ]]
	world sh -c 'echo robot >/etc/cron.allow'
	only_open cron 'open* (take it out of /etc/cron.allow)'
}

@test "at: a job is not filtered; at refuses the agent" {
	add robot
	world sh -c 'rm -f /tmp/job; sed -i /robot/d /etc/at.deny'
	only_open at 'open at takes its jobs* (a line with its name in /etc/at.deny)'
	as robot at now <<<'/usr/local/bin/prove >/tmp/job 2>&1' 2>/dev/null
	only_open at 'open a job of its waits*'
	world atd -f </dev/null >/dev/null 2>&1 3>&- &
	wait_for ran
	[[ $(world cat /tmp/job) == 'seccomp=0 '* ]]
	wait_for no_jobs
	add robot
	all_closed
	run ! as robot at now <<<true
	[[ $output == *'You do not have permission to use at.'* ]]
	world rm /etc/at.deny
	add robot
	all_closed
	world sh -c 'echo robot >/etc/at.allow'
	only_open at 'open* (take it out of /etc/at.allow)'
	world rm /etc/at.allow
}

no_jobs() {
	[ -z "$(world find /var/spool/cron/atjobs -user robot)" ]
}

# letter: to robot, delivered at once.
letter() {
	world exim4 -odf -f root@localhost robot@localhost <<<$'Subject: x\n\ntext' 2>/dev/null
}

@test ".forward: a letter runs what it says, unfiltered; an agent's mail is root's" {
	add robot
	world sh -c 'rm -f /tmp/job; install -m 755 /dev/stdin /usr/local/bin/filter' <<<$'#!/bin/sh\nexec /usr/local/bin/prove >/tmp/job 2>&1'
	world_file robot /home/robot/.forward 0644 '|/usr/local/bin/filter'
	letter
	run ! ran
	world sed -i /^robot:/d /etc/aliases
	only_open forward 'open a letter to it runs what its ~/.forward says ("robot: root" in /etc/aliases, newaliases)'
	letter
	wait_for ran
	[[ $(world cat /tmp/job) == 'seccomp=0 '* ]]
	add robot
	all_closed
}

@test "systemd user units: masked; a manager that runs is told" {
	local uid unit
	add robot
	uid=$(world id -u robot)
	unit=/etc/systemd/system/user@$uid.service
	is "$(world readlink "$unit")" /dev/null
	is "$(world env SYSTEMD_OFFLINE=1 systemctl is-enabled "user@$uid.service")" masked
	world rm "$unit"
	only_open user-units "open * (systemctl mask user@$uid.service)"
	add robot
	world install -D /dev/null "/run/user/$uid/systemd/private"
	only_open user-units "open its manager runs already (systemctl stop user@$uid.service)"
	world rm -r "/run/user/$uid"
	all_closed
}

@test "default = user: two logins of one agent share a tmux; another agent's is out of reach" {
	system_config '[sandbox.seccomp.unix_socket]
enabled = true
default = user
[notices]
stderr = never'
	add robot
	add other
	world agentsh-sidecar </dev/null >/dev/null 2>&1 3>&- &
	wait_for listens /run/agentsh/sidecar.sock world
	world ssh robot@agent 'tmux -f /dev/null -S /tmp/shared new-session -d -s work "cat >/tmp/typed" && chmod 777 /tmp/shared; prove >first'
	# A login of its own each: two sessions in the trail.
	is "$(world ssh robot@agent 'prove >second; tmux -S /tmp/shared list-sessions -F "#{session_name}"')" work
	world ssh robot@agent 'tmux -S /tmp/shared send-keys -t work hello Enter'
	wait_for world grep -qx hello /tmp/typed
	is "$(world sort -u /home/robot/first /home/robot/second)" "$(sort -u <<<"$FILTERED")"
	run ! world ssh other@agent 'tmux -S /tmp/shared list-sessions'
	[[ $output == *'Permission denied'* ]]
	world ssh robot@agent 'tmux -S /tmp/shared kill-server'
	[ "$(world grep -c '"session_start"' /var/log/agentsh/events.jsonl)" -ge 4 ]
	world pkill -x agentsh-sidecar
}
