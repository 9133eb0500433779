#!/usr/bin/env bats
# What the sidecar's processes may do, and what a session may do to them. The manual's table of the
# latter is held against what is found.
#
# Set by lib/roles.bash; each test is a subshell; what a shell in the test expands stands in single quotes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles

PAGE=$TOP/shim/agentsh-sidecar.8

setup() {
	need_root
	roles_setup
}

teardown() {
	[ -z "${work:-}" ] || roles_teardown
}

# CAP_KILL 5, CAP_SETGID 6, CAP_SETUID 7, CAP_SYS_CHROOT 18, CAP_SYS_PTRACE 19, CAP_SYS_ADMIN 21; and root's here.
WORKS_WITH=00000000002c00e0
ALL=$(sed -n 's/^CapPrm:\t//p' /proc/self/status)

# capabilities PROCESS: inheritable, permitted, effective, ambient.
capabilities() {
	echo "$(status_of "$1" CapInh) $(status_of "$1" CapPrm) $(status_of "$1" CapEff) $(status_of "$1" CapAmb)"
}

# confined PROCESS: what holds of every role.
confined() {
	[ "$(status_of "$1" NoNewPrivs)" = 1 ]
	[ "$(status_of "$1" Seccomp)" = 2 ]
	[ "$(status_of "$1" Umask)" = 0077 ]
	[ "$(readlink "/proc/$1/cwd")" = / ]
	grep -qE '^Max core file size +0 +0 ' "/proc/$1/limits"
	# Not dumpable: its folder is root's.
	[ "$(stat -c %u "/proc/$1/fd")" = 0 ]
	run ! as plain cat "/proc/$1/environ"
}

has_descriptors() {
	[ "$(descriptors_of "$1" | grep -vx -e "$3")" = "$2" ]
}

# comes_to_have PROCESS [LINE]: the descriptors on standard input, and LINE or not, and no other, once it has begun.
comes_to_have() {
	local wanted
	wanted=$(cat)
	wait_for has_descriptors "$1" "$wanted" "${2:-}" || diff - <(descriptors_of "$1") <<<"$wanted"
}

# The session's first call that its worker has to answer: the reserved one.
call_once() {
	in_session "$work/agentsh-exec -f $work/p.ini -- true; echo \$?"
	[ "$output" = 0 ]
}

# numbered FIRST NAME...: descriptors of these names, from that number on.
numbered() {
	local number=$1 name
	for name in "${@:2}"; do
		echo "$number $name"
		number=$((number + 1))
	done
}

@test "system sidecar: each role has its descriptors and no other" {
	local mine begun hears=()
	# The kernel's audit records, and the way to ask how many are lost; where no record comes, neither.
	if first_pid_namespace; then hears=(socket socket); fi
	sidecar_start
	session_start plain "$work/socket"
	mine='0 /dev/null
1 /dev/null'
	comes_to_have "$keeper" <<-EOT
		$mine
		2 $work/log
		$(numbered 3 socket /memfd:agentsh-audit "${hears[@]}" /memfd:agentsh-filter 'anon_inode:[signalfd]' \
			'anon_inode:[eventpoll]' socket socket 'anon_inode:seccomp notify' /memfd:agentsh-session / 'anon_inode:[pidfd]' socket)
	EOT
	# The events, where the kernel has killed somebody of no session on this machine meanwhile.
	comes_to_have "$broker" "5 $work/events" <<-EOT
		$mine
		2 $work/log
		3 socket
		4 socket${hears:+
		6 socket}
		7 /memfd:agentsh-audit
	EOT
	begun="$mine
2 $work/log
$(numbered 3 socket 'anon_inode:seccomp notify' /memfd:agentsh-session "$work/events" / 'anon_inode:[pidfd]')"
	comes_to_have "$worker" <<-EOT
		$begun
	EOT
	call_once
	comes_to_have "$worker" <<-EOT
		$begun
		9 /
		10 /proc/$worker/fd
		11 socket
		12 anon_inode:[eventfd]
		13 /memfd:agentsh-session
	EOT
	# The worker of the next session has nothing of anybody's.
	comes_to_have "$(waiter)" <<-EOT
		$mine
		2 $work/log
		3 socket
	EOT
}

# The worker that waits for the next session, once it is there and confined.
waiter() {
	wait_for has_waiter
	role_below "$keeper" waiter
}

has_waiter() {
	[ -n "$(role_below "$keeper" waiter)" ]
}

@test "a worker that waits for its session is confined, and is that session's worker then" {
	local waiting
	sidecar_start
	waiting=$(waiter)
	confined "$waiting"
	session_start plain "$work/socket"
	[ "$worker" = "$waiting" ]
	[ "$(waiter)" != "$waiting" ]
}

@test "system sidecar: capabilities, privileges, surroundings of each role" {
	local none=0000000000000000 role
	sidecar_start
	session_start plain "$work/socket"
	# The keeper has what it hands on: all of root's. CAP_SYS_PTRACE is 19.
	[ "$(capabilities "$keeper")" = "$none $ALL $ALL $none" ]
	[ "$(capabilities "$broker")" = "$none 0000000000080000 0000000000080000 $none" ]
	[ "$(capabilities "$worker")" = "$none $WORKS_WITH $WORKS_WITH $none" ]
	[ "$(status_of "$broker" CapBnd) $(status_of "$worker" CapBnd)" = "0000000000080000 $WORKS_WITH" ]
	for role in "$keeper" "$broker" "$worker"; do
		confined "$role"
		[ "$(ps -o pgid= -p "$role" | tr -d ' ')" = "$keeper" ]
		[ "$role" = "$keeper" ] || [ ! -s "/proc/$role/environ" ]
	done
}

# with_account LINE: what a sidecar is started behind where /etc/passwd has that line too.
with_account() {
	(grep -v '^_agentsh:' /etc/passwd; echo "$1") >"$work/passwd"
	account=(unshare --mount --propagation private sh -c 'mount --bind "$0" /etc/passwd && exec "$@"' "$work/passwd")
}

# ids PROCESS: of the user, of the group, and its other groups.
ids() {
	echo "$(status_of "$1" Uid | tr '\t' ' '); $(status_of "$1" Gid | tr '\t' ' '); $(status_of "$1" Groups | xargs)"
}

@test "system sidecar: its broker is the user _agentsh where there is one, and each next broker as well" {
	local none=0000000000000000 first
	with_account '_agentsh:x:61235:61236::/nonexistent:/usr/sbin/nologin'
	sidecar_start "${account[@]}"
	[ "$(ids "$broker")" = '61235 61235 61235 61235; 61236 61236 61236 61236; ' ]
	[ "$(capabilities "$broker")" = "$none 0000000000080000 0000000000080000 $none" ]
	[ "$(status_of "$broker" CapBnd)" = 0000000000080000 ]
	confined "$broker"
	[ ! -s "$work/log" ]
	# That user, who could stop it, has no session.
	run -125 setpriv --reuid=61235 --regid=61236 --clear-groups env -i "$work/agentsh-exec" -f "$work/p.ini" \
		"--sidecar=$work/socket" -- true
	[[ $output == "agentsh-exec: sidecar: that user is the sidecar's own, "* ]]
	# It takes the listeners of a user's loader, and of root's.
	session_start plain "$work/socket"
	in_session 'mount -t tmpfs none /mnt; echo $?'
	[ "${output##*$'\n'}" = 137 ]
	session_end
	rm "$work/open/"*
	session_start root "$work/socket"
	[[ $(ids "$keeper")$(ids "$worker") == '0 0 0 0;'*'0 0 0 0;'* ]]
	first=$broker
	kill -KILL "$broker"
	wait_for another_broker "$first"
	[ "$(ids "$broker")" = '61235 61235 61235 61235; 61236 61236 61236 61236; ' ]
	in_session 'mount -t tmpfs none /mnt; echo $?'
	[ "${output##*$'\n'}" = 137 ]
	session_end
	[ "$(grep -c '"action":"killed"' "$work/events")" = 2 ]
}

another_broker() {
	found_broker && [ "$broker" != "$1" ]
}

@test "system sidecar: a broker that cannot be _agentsh says so, and serves" {
	# The groups of a user namespace of one user are not to be changed.
	with_account '_agentsh:x:61235:61236::/nonexistent:/usr/sbin/nologin'
	sidecar_start unshare --map-root-user "${account[@]}"
	grep -q '^agentsh-sidecar: the broker is not the user _agentsh, and goes on as root: ' "$work/log"
}

@test "private sidecar: no capability for a plain user; root's worker may use the session's for a call alone" {
	local none=0000000000000000 role
	session_start plain private
	for role in "$keeper" "$worker"; do
		[ "$(capabilities "$role")" = "$none $none $none $none" ]
		[ "$(status_of "$role" Uid)" = "$PLAIN	$PLAIN	$PLAIN	$PLAIN" ]
		confined "$role"
		[ ! -s "/proc/$role/environ" ]
		[ "$(ps -o pgid= -p "$role" | tr -d ' ')" = "$keeper" ]
		[ "$(ps -o sid= -p "$role")" != "$(ps -o sid= -p "$session")" ]
	done
	session_end
	wait_for nothing_runs
	rm "$work"/open/*
	session_start root private
	[ "$(capabilities "$keeper")" = "$none $ALL $ALL $none" ]
	[ "$(capabilities "$worker")" = "$none $ALL $WORKS_WITH $none" ]
	confined "$keeper"
	confined "$worker"
}

@test "private sidecar: limits that were the caller's do not end it, its descriptors are its own" {
	limited=(prlimit --fsize=0:unlimited --cpu=100:unlimited)
	session_start plain private
	grep -qE '^Max file size +unlimited ' "/proc/$worker/limits"
	grep -qE '^Max cpu time +unlimited ' "/proc/$worker/limits"
	comes_to_have "$worker" <<-EOT
		0 /dev/null
		1 /dev/null
		2 /dev/null
		3 socket
		4 anon_inode:seccomp notify
		5 /memfd:agentsh-session
		6 $work/open/events
		7 /
		8 anon_inode:[pidfd]
	EOT
	[ "$(descriptors_of "$keeper")" = "0 /dev/null
1 /dev/null
2 /dev/null
4 anon_inode:[signalfd]
5 anon_inode:[eventpoll]
9 socket
11 anon_inode:seccomp notify
12 /memfd:agentsh-session
13 /
14 anon_inode:[pidfd]" ]
	session_end
	wait_for nothing_runs
	[ "$(jq -r .type "$work/open/events" | tr '\n' ' ')" = 'session_start session_end ' ]
}

has_so_many() {
	[ "$(descriptors_of "$worker" | wc -l)" -eq "$1" ]
}

@test "without close_range, as before Linux 5.9: a private sidecar, with its own descriptors" {
	local number
	install -m 755 "$PROGRAMS/refuse_argument" "$work"
	number=$(number_of close_range)
	for from in 3 4; do
		limited+=("$work/refuse_argument" "$number" 0 "$from" 38)
	done
	limited+=(prlimit --nofile=4096)
	session_start plain private 8</dev/null
	call_once
	wait_for has_so_many 14
	[ "$(descriptors_of "$worker" | grep -c /dev/null)" -eq 3 ]
}

@test "private sidecar: a session that takes its worker's descriptors away ends with it all the same" {
	as plain "$work/agentsh-exec" -f "$work/p.ini" --sidecar=private "--events=$work/open/events" -- \
		/usr/bin/python3 -c 'import os, resource, time
lowered = False
while not lowered:
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline") as file:
                if "role=worker" in file.read() and os.stat(f"/proc/{process}").st_uid in (0, os.getuid()):
                    resource.prlimit(int(process), resource.RLIMIT_NOFILE, (0, 0))
                    lowered = True
                    print("lowered")
        except OSError:
            pass
    time.sleep(0.01)' >"$work/open/said"
	grep -q lowered "$work/open/said"
	wait_for nothing_runs
	[ "$(jq -r 'select(.type == "session_end").how' "$work/open/events")" = all_exited ]
}

@test "private sidecar: a file-size limit loses events, and no session" {
	head -c 1048576 /dev/zero >"$work/open/events"
	chmod 666 "$work/open/events"
	run -137 as plain prlimit --fsize=1048576 "$work/agentsh-exec" -f "$work/p.ini" --sidecar=private \
		--events="$work/open/events" -- mount -t tmpfs none /mnt
	wait_for nothing_runs
	[ "$(stat -c %s "$work/open/events")" -eq 1048576 ]
}

@test "root's private sidecar writes into another user's folder" {
	install -d -o "$PLAIN" -m 755 "$work/theirs"
	run -137 as root "$work/agentsh-exec" -f "$work/p.ini" --sidecar=private --events="$work/theirs/events" -- \
		mount -t tmpfs none /mnt
	wait_for nothing_runs
	[ "$(jq -r .type "$work/theirs/events" | tr '\n' ' ')" = 'session_start seccomp_blocked session_end ' ]
}

@test "system sidecar: where it cannot open the events' file, it does not begin" {
	install -d -o "$PLAIN" -m 700 "$work/theirs"
	run -1 setpriv --bounding-set=-dac_override,-dac_read_search "$work/agentsh-sidecar" --socket="$work/socket" \
		--events="$work/theirs/events"
	[ "$output" = "agentsh-sidecar: $work/theirs/events: Permission denied (name another place with --events)" ]
	[ ! -e "$work/socket" ]
}

number_of() {
	"$CTL" explain --syscall "$1" "$work/p.ini" | awk '{ print $2 }'
}

# made_by PROCESS CALL [ARGUMENT...]: what errno the call gives there.
made_by() {
	"$PROGRAMS/call_in" "$1" "$(number_of "$2")" "${@:3}"
}

@test "each role's own filter: what it has no use for answers ENOSYS" {
	local role call
	[ "$(uname -m)" = x86_64 ] || skip 'the test knows no other architecture'
	sidecar_start
	session_start plain "$work/socket"
	for role in "$broker" "$worker"; do
		for call in execve clone socket ptrace bpf mount setuid kill unlink chmod io_uring_setup; do
			[ "$(made_by "$role" "$call")" = 38 ] || {
				echo "$role $call"
				return 1
			}
		done
		# A file for writing; executable memory; a terminal's ioctl (TIOCSTI).
		[ "$(made_by "$role" openat -100 /x 65)" = 38 ]
		[ "$(made_by "$role" mmap 0 4096 5 34 -1)" = 38 ]
		[ "$(made_by "$role" ioctl 0 0x5412 0)" = 38 ]
		# Of what is listed the kernel says what is wrong.
		[ "$(made_by "$role" openat -100 /missing 0)" = 2 ]
		[ "$(made_by "$role" close 99)" = 9 ]
	done
	[ "$(made_by "$worker" accept4 -1 0)" = 38 ]
	[ "$(made_by "$broker" pidfd_send_signal -1 9)" = 38 ]
	for call in bpf mount ptrace setuid chmod pidfd_nothing io_uring_setup; do
		[ "$call" = pidfd_nothing ] || [ "$(made_by "$keeper" "$call")" = 38 ]
	done
	[ "$(made_by "$keeper" socket 2 1)" = 38 ]
	[ "$(made_by "$keeper" clone 0x10000011)" = 38 ]
	kill -0 "$keeper" "$broker" "$worker"
}

@test "a plain user's sidecar cannot be traced from its exec on, where its file is not readable for them" {
	local mode
	# What runs before main() is the dynamic linker; here it waits.
	printf '#include <unistd.h>\n__attribute__((constructor)) static void wait_here(void) { pause(); }\n' |
		gcc -shared -fPIC -x c -o "$work/wait.so" -
	chmod 755 "$work/wait.so"
	for mode in 755:0 711:1; do
		chmod "${mode%:*}" "$work/agentsh-sidecar"
		behind plain
		"${behind[@]}" LD_PRELOAD="$work/wait.so" "$work/agentsh-sidecar" --help </dev/null >/dev/null 3>&- &
		started+=($!)
		wait_for in_pause $!
		run "-${mode#*:}" as plain bash -c "exec 2>&1 9<>/proc/$!/mem"
		kill -KILL $!
	done
}

in_pause() {
	[ "$(readlink "/proc/$1/exe")" = "$work/agentsh-sidecar" ] &&
		[ "$(cut -d ' ' -f 1 "/proc/$1/syscall")" = "$(number_of pause)" ]
}

# --- What a session can do to them ---

# results PROCESS: the table's cell for each call, from a thread of its own, with high bits, and plainly: all
# the same. ok stands for what was allowed.
results() {
	local plain
	touches "$1"
	plain=$output
	touches "$1" -t -b deadbeef
	diff <(echo "$plain" | named_by_argument) <(echo "$output" | named_by_argument)
	echo "$plain" | sed 's/ EFAULT$/ ok/; s/ ESRCH$/ -/'
}

named_by_argument() {
	grep -vE '^(pidfd_send_signal|proc_)'
}

# column N: that of the manual's table, as results has it.
column() {
	awk -v column="$1" '/^\.\\" table: touch/ { inside = 1 } /^\.El/ { inside = 0 }
		inside && /^\.It / { gsub(/^\.It /, ""); gsub(/ Ta /, "\t"); split($0, cell, "\t"); print cell[1], cell[column] }' "$PAGE"
}

# holds COLUMN RESULTS: the manual says so.
holds() {
	[ -n "$2" ]
	diff <(column "$1") <(echo "$2")
}

# broker_holds COLUMN: as for the worker. Where it is a user of its own, CAP_SYS_RESOURCE says whether its limits are anybody's.
broker_holds() {
	local result
	result=$(results "$broker")
	[ -n "$result" ]
	if [[ $(ids "$broker") != '0 '* ]]; then result=${result/prlimit64 EPERM/prlimit64 ok}; fi
	diff <(column "$1") <(echo "$result")
}

# other_start USER: a process of that user's outside of the session, in $other.
other_start() {
	behind "$1"
	"${behind[@]}" sleep 1000 </dev/null >/dev/null 3>&- &
	other=$!
	started+=("$other")
	wait_for grep -qx sleep "/proc/$other/comm"
}

@test "a plain user's private sidecar: what the manual says, and others are touched as ever" {
	session_start plain private
	holds 2 "$(results "$keeper")"
	holds 3 "$(results "$worker")"
	other_start plain
	run -0 results "$other"
	run ! grep -vE ' ok$|^kill_group -$' <<<"$output"
}

@test "a plain user's private sidecar, isolate = yes: what the manual says; it can still kill" {
	session_policy yes
	session_start plain private
	holds 4 "$(results "$keeper")"
	holds 5 "$(results "$worker")"
	in_session 'mount -t tmpfs none /mnt; echo $?'
	[ "${output##*$'\n'}" = 137 ]
	[ "$(jq -r 'select(.type == "seccomp_blocked").action' "$work/open/events")" = killed ]
}

@test "root's session: what the manual says, with a private sidecar and with the system's" {
	session_start root private
	holds 6 "$(results "$keeper")"
	holds 7 "$(results "$worker")"
	session_end
	wait_for nothing_runs
	rm "$work"/open/*
	sidecar_start
	session_start root "$work/socket"
	holds 6 "$(results "$keeper")"
	broker_holds 7
	holds 7 "$(results "$worker")"
}

@test "root's session, isolate = yes: what the manual says; it can still kill" {
	session_policy yes
	sidecar_start
	session_start root "$work/socket"
	holds 8 "$(results "$keeper")"
	broker_holds 9
	holds 9 "$(results "$worker")"
	in_session 'mount -t tmpfs none /mnt; echo $?'
	[ "${output##*$'\n'}" = 137 ]
}

@test "the system's sidecar and a plain user's session: nothing is possible" {
	local role
	sidecar_start
	session_start plain "$work/socket"
	for role in "$keeper" "$broker" "$worker"; do
		touches "$role"
		# A pidfd gives no right that its holder has not.
		run ! grep -vE ' (EPERM|EACCES)$|^kill_group ESRCH$|^pidfd_open ok$' <<<"$output"
	done
	in_session "$work/touch_process -k proc $keeper; $work/touch_process -k owner $worker"
	kill -0 "$keeper" "$broker" "$worker"
}

# dies HOW: the session kills its keeper so. Blocked calls stay blocked.
dies() {
	local gone=$keeper
	in_session "$work/touch_process -k $1 $keeper"
	wait_for has_gone "$gone"
	in_session 'mount -t tmpfs none /mnt; echo $?'
	[[ $output == *'not implemented'* ]]
	[ "${output##*$'\n'}" != 0 ]
}

has_gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "a plain user's session ends its own keeper by a pidfd from /proc: nothing opens up" {
	session_start plain private
	dies proc
}

@test "a plain user's session ends its own keeper as a descriptor's owner: nothing opens up" {
	session_start plain private
	dies owner
}

@test "a plain user's session ends its own keeper by kill(-1)" {
	# In a pid namespace: it would reach every process of that number's user.
	as root unshare --pid --fork --mount-proc --kill-child bash -c '
		setpriv --reuid=$0 --regid=$0 --clear-groups "$1/agentsh-exec" -f "$1/p.ini" --sidecar=private \
			--events="$1/open/events" -- "$1/touch_process" -k all 1
		for i in {1..100}; do
			pgrep -x agentsh-sidecar >/dev/null || exit 7
			sleep 0.05
		done' "$PLAIN" "$work" || status=$?
	[ "$status" -eq 7 ]
}

@test "isolate = yes: none of these three ends the keeper" {
	session_policy yes
	session_start plain private
	in_session "$work/touch_process -k proc $keeper; echo \$?; $work/touch_process -k owner $keeper; echo \$?"
	[ "$output" = $'1\n0' ]
	as root unshare --pid --fork --mount-proc --kill-child bash -c '
		setpriv --reuid=$0 --regid=$0 --clear-groups "$1/agentsh-exec" -f "$1/p.ini" --sidecar=private \
			--events="$1/open/other" -- bash -c "\"\$0\" -k all 1; mount -t tmpfs none /mnt; exit \$?" "$1/touch_process"' \
		"$PLAIN" "$work" || status=$?
	in_session 'mount -t tmpfs none /mnt; echo $?'
	[ "${output##*$'\n'}" = 137 ]
	[ "$(jq -r 'select(.type == "seccomp_blocked").action' "$work/open/events")" = killed ]
	kill -0 "$keeper" "$worker"
}
