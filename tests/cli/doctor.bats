#!/usr/bin/env bats
# agentshctl doctor: its table against what the kernel itself says, and against filters that take things away.
#
# What an inner shell expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common

PAGE=$TOP/loader/agentshctl.1
KEYS=$TOP/loader/policy_keys.c

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	# The defaults, whatever configuration this machine has.
	AGENTSH_CONFIG=$(policy '')
	export AGENTSH_CONFIG
}

# refusing NAME...: a policy that answers EPERM to these calls.
refusing() {
	policy "[sandbox.seccomp.syscalls]
block = $*
on_block = errno"
}

# behind FILE: the table, found behind that policy's filter.
behind() {
	"${ALONE[@]}" -f "$1" -- "$CTL" doctor
}

number_of() {
	"$CTL" explain --syscall "$1" | awk '{ print $2 }'
}

# row NAME: "STATE NEEDED DETAIL" of it in $output.
row() {
	awk -v name="$1" '$1 == name { $1 = ""; print substr($0, 2) }' <<<"$output"
}

# is_row NAME WANTED: so it stands in $output.
is_row() {
	diff <(echo "$2") <(row "$1")
}

# rows_but NAME...: $output without these.
rows_but() {
	local name pattern=
	for name; do pattern+="|$name"; done
	grep -vE "^(${pattern#|}) " <<<"$output"
}

@test "doctor: the manual's rows, in its order, a line each of name, state, need and detail" {
	run --separate-stderr "$CTL" doctor
	[ -z "$stderr" ]
	diff <(sed -n '/^\.Ss agentshctl doctor/,/^\.S[hs]/s/^\.It Cm \([a-z-]*\)$/\1/p' "$PAGE") <(awk '{ print $1 }' <<<"$output")
	[ "${#lines[@]}" -ge 20 ]
	run -1 grep -vE '^[a-z-]+ +(yes|no|none|[0-9]+) +(needed|-) +[^ ].*[^ ]$' <<<"$output"
}

@test "doctor: actions as the kernel lists them" {
	local name state
	run "$CTL" doctor
	for name in kill_process errno user_notif log; do
		state=no
		if grep -qw "$name" /proc/sys/kernel/seccomp/actions_avail; then state=yes; fi
		[[ $(row "action-${name//_/-}") == "$state "* ]]
	done
}

@test "doctor: Yama, filters and Landlock as the kernel tells them" {
	local yama=none
	if [ -e /proc/sys/kernel/yama/ptrace_scope ]; then yama=$(cat /proc/sys/kernel/yama/ptrace_scope); fi
	run "$CTL" doctor
	[[ $(row yama) == "$yama - "* ]]
	[[ $(row filters-present) == "$(awk '/^Seccomp_filters:/ { print $2 }' /proc/self/status) - "* ]]
	[[ $(row landlock) == "$(python3 -c 'import ctypes
abi = ctypes.CDLL(None).syscall(444, None, 0, 1)
print(abi if abi > 0 else "no")') - "* ]]
}

@test "doctor: behind one filter and behind two, they are counted" {
	local before
	before=$(awk '/^Seccomp_filters:/ { print $2 }' /proc/self/status)
	run -0 "${ALONE[@]}" -- "$CTL" doctor
	[[ $(row filters-present) == "$((before + 1)) - filters are here already: "* ]]
	run -0 "${ALONE[@]}" -- "${ALONE[@]}" -- "$CTL" doctor
	[[ $(row filters-present) == "$((before + 2)) - "* ]]
}

@test "doctor: behind a filter that refuses seccomp: why, and the remedy" {
	local name
	run -1 behind "$(refusing seccomp)"
	for name in filter action-kill-process; do
		[[ $(row $name) == 'no needed seccomp: Operation not permitted (start outside of the filter, '* ]]
	done
	for name in action-errno action-user-notif action-log listener wait-killable continue addfd sync-wake-up listener-present; do
		[[ $(row $name) == 'no - seccomp: Operation not permitted (start outside of the filter, '* ]]
	done
	[[ $(row no-new-privs) == 'yes needed '* && $(row pidfd-getfd) == 'yes - '* ]]
}

@test "doctor: behind a filter that refuses pidfd_getfd: that row and no other" {
	local free
	run -0 "$CTL" doctor
	free=$(rows_but pidfd-getfd filters-present)
	run -0 behind "$(refusing pidfd_getfd)"
	diff <(echo "$free") <(rows_but pidfd-getfd filters-present)
	[[ $(row pidfd-getfd) == 'no - pidfd_getfd: Operation not permitted (start outside '*"allow pidfd_getfd in the container's profile; or accept = pidfd-getfd)" ]]
}

@test "doctor: behind a filter that refuses prctl, getsockopt, bind or process_vm_readv: those rows" {
	run -1 behind "$(refusing prctl)"
	[[ $(row no-new-privs) == 'no needed prctl: Operation not permitted ('*'nothing runs without it)' ]]
	run -0 behind "$(refusing getsockopt, bind, process_vm_readv)"
	[[ $(row peer-pidfd) == 'no - getsockopt: Operation not permitted ('* ]]
	[[ $(row audit-stream) == 'no - bind: Operation not permitted ('* ]]
	[[ $(row process-vm-readv) == 'no - process_vm_readv: Operation not permitted ('*'proc-mem does as well)' ]]
	[[ $(row proc-mem) == 'yes - '* && $(row read-grandchild) == 'yes - '* && $(row read-sibling) == 'yes - '* ]]
}

@test "doctor: behind a filter that refuses Landlock: needed only for isolate = yes, unless accepted" {
	local refuses isolate
	refuses=$(refusing landlock_create_ruleset)
	run -0 behind "$refuses"
	[[ $(row landlock) == 'no - landlock_create_ruleset: Operation not permitted ('* ]]
	[[ $(row scope-signal) == 'no - landlock_create_ruleset: Operation not permitted ('*'; or accept = scope-signal)' ]]
	isolate=$(policy $'[loader]\nisolate = yes')
	AGENTSH_CONFIG=$isolate run -0 "$CTL" doctor
	[[ $(row scope-signal) == 'yes needed '* ]]
	AGENTSH_CONFIG=$isolate run -1 behind "$refuses"
	[[ $(row scope-signal) == 'no needed '* ]]
	AGENTSH_CONFIG=$(policy $'[loader]\nisolate = yes\n[degradation]\naccept = scope-signal') run -0 behind "$refuses"
	[[ $(row scope-signal) == 'no accepted '* ]]
	run -0 behind "$(refusing landlock_restrict_self)"
	[[ $(row landlock) =~ ^[0-9]+\ -\  && $(row scope-signal) == 'no - landlock_restrict_self: Operation not permitted ('* ]]
}

# older NAME CALL INDEX VALUE ERRNO DETAIL: where that call with that argument answers so, the row NAME says no with
# DETAIL, and no other row differs.
older() {
	run "$CTL" doctor
	local free
	free=$(rows_but "$1" filters-present)
	run "$PROGRAMS/refuse_argument" "$(number_of "$2")" "$3" "$4" "$5" "$CTL" doctor
	diff <(echo "$free") <(rows_but "$1" filters-present)
	[[ $(row "$1") == "no - $6"* || $(row "$1") == "no needed $6"* ]] || {
		row "$1"
		return 1
	}
}

@test "doctor: on an older kernel, which refuses one flag, request or operation: that row and no other" {
	local einval=22 enotty=25 enoprotoopt=92 enosys=38
	older wait-killable seccomp 1 0x28 $einval 'seccomp: Invalid argument (Linux 5.19; or accept = wait-killable)'
	older sync-wake-up ioctl 1 0x40082104 $enotty 'SECCOMP_IOCTL_NOTIF_SET_FLAGS: Inappropriate ioctl for device (Linux 6.6; '
	older addfd ioctl 1 0x40182103 $einval 'SECCOMP_IOCTL_NOTIF_ADDFD: Invalid argument (Linux 5.9; '
	older peer-pidfd getsockopt 2 77 $enoprotoopt 'getsockopt: Protocol not available (Linux 6.5; '
	older pidfd-getfd pidfd_open 1 0 $enosys 'pidfd_open: Function not implemented (Linux 5.6; '
	older landlock landlock_create_ruleset 2 1 $enosys 'landlock_create_ruleset: Function not implemented (a kernel with landlock '
	older scope-signal landlock_create_ruleset 2 0 $einval 'landlock_create_ruleset: Invalid argument (Linux 6.12 with '
	older audit-stream socket 2 9 93 'socket: Protocol not supported (needs CONFIG_AUDIT, '
	older no-new-privs prctl 0 39 $einval 'prctl: Function not implemented (Linux 3.5; '
}

@test "doctor: without wait-killable: needed where calls on sockets are carried out, unless accepted" {
	local older=("$PROGRAMS/refuse_argument" "$(number_of seccomp)" 1 0x28 22 "$CTL" doctor) sockets
	sockets=$'[sandbox.seccomp.unix_socket]\nenabled = true\n'
	AGENTSH_CONFIG=$(policy "$sockets") run -1 "${older[@]}"
	[ "$(row wait-killable)" = 'no needed seccomp: Invalid argument (Linux 5.19; or accept = wait-killable)' ]
	AGENTSH_CONFIG=$(policy "${sockets}[degradation]
accept = wait-killable") run -0 "${older[@]}"
	[[ $(row wait-killable) == 'no accepted '* ]]
	AGENTSH_CONFIG=$(policy "${sockets}action = audit") run -0 "${older[@]}"
	[[ $(row wait-killable) == 'no - '* ]]
	AGENTSH_CONFIG=$(policy "$OPEN") run -0 "${older[@]}"
	[[ $(row wait-killable) == 'no - '* ]]
}

@test "doctor: a filter or a domain without effect is none" {
	run -0 "$PROGRAMS/refuse_argument" "$(number_of kill)" 1 0 3 "$CTL" doctor
	[[ $(row scope-signal) == 'no - kill: No such process ('* ]]
	run -0 "$PROGRAMS/refuse_argument" "$(number_of kill)" 1 0 0 "$CTL" doctor
	[[ $(row scope-signal) == 'no - the domain has no effect: '* ]]
	# Such a seccomp says that it has loaded what it has not.
	run -1 "$PROGRAMS/refuse_argument" "$(number_of seccomp)" 1 0 0 "$CTL" doctor
	[[ $(row filter) == 'no needed the filter has no effect: '* ]]
}

@test "doctor: a name to accept is the name of a row, and each is told" {
	local name told
	run "${ALONE[@]}" -f "$(refusing seccomp, landlock_create_ruleset, pidfd_getfd)" -- "$CTL" doctor
	told=$(sed -n 's/.*accept = \([a-z-]*\)).*/\1/p' <<<"$output")
	diff <(sed -n 's/.*accept_words\[\] = "\(.*\)";/\1/p' "$KEYS" | tr -d ' ' | tr '|' '\n') \
		<(echo "$told")
	while read -r name; do
		[[ $(row "$name") == *"accept = $name)" ]]
	done <<<"$told"
}

@test "doctor: behind a filter that kills: the row says so, the rest is found, no core is left" {
	ulimit -c unlimited
	run -0 "${ALONE[@]}" -- "$CTL" doctor
	is_row process-vm-readv 'no - the probe was killed by SIGSYS (start outside of the filter that kills it)'
	[[ $(row read-grandchild) == 'yes - '* ]]
	[ -z "$(find . ! -name . ! -name 'policy.*')" ]
}

@test "doctor: in another network namespace records can be asked for, and none comes: no audit stream" {
	need_root
	run -0 unshare --net "$CTL" doctor
	[[ $(row audit-stream) == 'no - no record comes: No data available (needs CONFIG_AUDIT, and the host'* ]]
	run -0 unshare --pid --fork "$CTL" doctor
	[[ $(row audit-stream) == 'no - no record comes: '* ]]
}

@test "doctor: without CAP_AUDIT_READ no audit stream" {
	need_root
	run -0 "$CTL" doctor
	if first_pid_namespace; then
		[[ $(row audit-stream) == 'yes - '* ]]
	else
		[[ $(row audit-stream) == 'no - no record comes: '* ]]
	fi
	run -0 setpriv --bounding-set -audit_read --inh-caps -all "$CTL" doctor
	is_row audit-stream 'no - bind: Operation not permitted (CAP_AUDIT_READ: run as root; else kills without a sidecar'"'"'s listener are no events)'
	run -0 setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all \
		env -u AGENTSH_CONFIG HOME=/nonexistent /proc/self/fd/9 doctor 9<"$CTL"
	[[ $(row audit-stream) == 'no - bind: Operation not permitted (CAP_AUDIT_READ: '* ]]
	[[ $(row read-grandchild) == 'yes needed '* && $(row listener) == 'yes needed '* ]]
}

@test "doctor: without /proc what needs it is missing, and Yama is not said to be" {
	need_root
	local mediate
	mediate=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true')
	run -0 unshare -m sh -c 'mount -t tmpfs none /proc && exec "$1" doctor' - "$CTL"
	[[ $(row proc-mem) == 'no - /proc/PID/mem: No such file or directory (mount /proc; '* ]]
	[[ $(row yama) == 'no - '*' (mount /proc)' && $(row filters-present) == 'no - '*' (mount /proc)' ]]
	[[ $(row read-grandchild) == 'yes - '* ]]
	# One way to read is enough; with none, nothing can be mediated.
	AGENTSH_CONFIG=$mediate run -0 unshare -m sh -c 'mount -t tmpfs none /proc && exec "$1" doctor' - "$CTL"
	[[ $(row proc-mem) == 'no - '* && $(row process-vm-readv) == 'yes needed '* ]]
	AGENTSH_CONFIG=$mediate run -1 unshare -m sh -c 'mount -t tmpfs none /proc && exec "$1" --sidecar=none -f "$2" -- "$3" doctor' - \
		"$EXEC" "$(refusing process_vm_readv)" "$CTL"
	[[ $(row proc-mem) == 'no needed '* && $(row process-vm-readv) == 'no needed '* ]]
	[[ $(row read-grandchild) == 'no needed process_vm_readv: Operation not permitted (kernel.yama'* ]]
	[[ $(row read-sibling) == 'no - process_vm_readv: '* ]]
}

@test "doctor: a listener that is already there: EBUSY" {
	local name
	run -0 "$PROGRAMS/with_listener" "$(number_of acct)" "$CTL" doctor
	for name in listener wait-killable continue addfd sync-wake-up; do
		is_row $name 'no - seccomp: Device or resource busy (there can be one listener: start outside of the filter that has the other)'
	done
	is_row listener-present '1 - a filter that is here has one, and there can be one'
	[[ $(row filter) == 'yes needed '* && $(row pidfd-getfd) == 'yes - '* && $(row filters-present) == [1-9]* ]]
	AGENTSH_CONFIG=$(policy $'[sandbox.seccomp]\nmode = audit') run -1 \
		"$PROGRAMS/with_listener" "$(number_of acct)" "$CTL" doctor
	[[ $(row listener) == 'no needed '* && $(row continue) == 'no needed '* ]]
}

@test "doctor: a call that is never answered is a finding, not a hang" {
	local hangs
	hangs=$(number_of pidfd_getfd)
	run -0 timeout 120 python3 "$TOP/tests/lib/nothing_left.py" "$PROGRAMS/with_listener" "$hangs" "$CTL" doctor
	is_row pidfd-getfd 'no - no answer within 5 s (start outside of the supervisor that holds it; or accept = pidfd-getfd)'
	[[ $(row proc-mem) == 'yes - '* ]]
}

@test "doctor: leaves no process behind, also where it is killed" {
	run -0 python3 "$TOP/tests/lib/nothing_left.py" "$CTL" doctor
	run -0 python3 "$TOP/tests/lib/nothing_left.py" "${ALONE[@]}" -- "$CTL" doctor
	run -0 python3 "$TOP/tests/lib/nothing_left.py" --kill-in "$(number_of pidfd_getfd)" \
		"$PROGRAMS/with_listener" "$(number_of pidfd_getfd)" "$CTL" doctor
}

@test "doctor: SIGCHLD ignored, or blocked signals, change nothing" {
	local free
	run -0 "$CTL" doctor
	free=$output
	run -0 env --ignore-signal=CHLD "$CTL" doctor
	diff <(echo "$free") <(echo "$output")
	run -0 env --block-signal "$CTL" doctor
	diff <(echo "$free") <(echo "$output")
}

@test "doctor: what the policy needs" {
	run -0 "$CTL" doctor
	diff <(printf '%s\n' no-new-privs filter action-kill-process) <(awk '$3 == "needed" { print $1 }' <<<"$output")
	AGENTSH_CONFIG=$(policy $'[sandbox.seccomp]\nenabled = false') run -0 "$CTL" doctor
	diff <(echo no-new-privs) <(awk '$3 == "needed" { print $1 }' <<<"$output")
	AGENTSH_CONFIG=$(policy $'[sandbox.seccomp.syscalls]\non_block = errno') run -0 "$CTL" doctor
	[[ $(row action-errno) == 'yes needed '* && $(row listener) == 'yes - '* ]]
	AGENTSH_CONFIG=$(policy $'[sandbox.seccomp.syscalls]\non_block = log') run -0 "$CTL" doctor
	[[ $(row listener) == 'yes needed '* && $(row action-user-notif) == 'yes needed '* && $(row continue) == 'yes - '* ]]
	AGENTSH_CONFIG=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true\naction = audit') run -0 "$CTL" doctor
	for name in action-errno listener continue pidfd-getfd process-vm-readv proc-mem read-grandchild; do
		[[ $(row $name) == 'yes needed '* ]]
	done
	[[ $(row wait-killable) == 'yes - '* ]]
	AGENTSH_CONFIG=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true') run -0 "$CTL" doctor
	[[ $(row wait-killable) == 'yes needed '* && $(row continue) == 'yes - '* ]]
	AGENTSH_CONFIG=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix') run -0 "$CTL" doctor
	[[ $(row action-errno) == 'yes needed '* && $(row pidfd-getfd) == 'yes - '* ]]
}

@test "doctor: a policy with an error is told; the table is there all the same" {
	local bad
	bad=$(policy '[nonsense]')
	AGENTSH_CONFIG=$bad run -1 --separate-stderr "$CTL" doctor
	[ "$stderr" = "$bad:1: unknown section [nonsense]" ]
	[[ $(row filter) == 'yes needed '* ]]
	AGENTSH_CONFIG=missing.ini run -1 --separate-stderr "$CTL" doctor
	[[ $stderr == 'agentshctl: missing.ini: '* && $(row filter) == 'yes needed '* ]]
}

@test "doctor: wrong usage, and an output that cannot be written" {
	local argument
	for argument in x --x -x -- ''; do
		run -2 --separate-stderr "$CTL" doctor "$argument"
		[ -z "$output" ]
		[ "$stderr" = 'agentshctl doctor: it takes --user NAME, or nothing (see agentshctl --help)' ]
	done
	run -1 --separate-stderr sh -c '"$1" doctor >/dev/full' - "$CTL"
	[ "$stderr" = 'agentshctl: standard output: No space left on device' ]
}

@test "doctor: short of descriptors: said where it matters, and whole" {
	local limit count first=3
	count=$("$CTL" doctor | wc -l)
	# The least under which the dynamic linker can load it, with what the test has open.
	until prlimit --nofile="$first" "$CTL" --version 2>/dev/null; do first=$((first + 1)); done
	for limit in $(seq "$first" "$((first + 10))"); do
		run timeout 120 prlimit --nofile="$limit" "$CTL" doctor
		[ "$status" -le 1 ]
		[ "$(grep -cE '^[a-z-]+ +(yes|no|\?|none|[0-9]+) ' <<<"$output")" -eq "$count" ]
		[ "$limit" -gt "$first" ] || [[ $(row filter) == '? needed pipe: Too many open files (raise the limit of open files: ulimit -n)' ]]
	done
	[[ $(row proc-mem) == 'yes - '* ]]
}

@test "doctor: short of processes: said, and whole" {
	need_root
	local limit count
	count=$("$CTL" doctor | wc -l)
	# A uid that nobody has: its processes are ours alone.
	for limit in 1 2 3 4 5; do
		run timeout 120 setpriv --reuid 3999997 --regid 3999997 --clear-groups --bounding-set -all --inh-caps -all \
			env -u AGENTSH_CONFIG HOME=/nonexistent prlimit --nproc="$limit" /proc/self/fd/9 doctor 9<"$CTL"
		[ "$status" -eq "$((limit < 5))" ]
		[ "$(grep -cE '^[a-z-]+ +(yes|no|\?|none|[0-9]+) ' <<<"$output")" -eq "$count" ]
		case $limit in
		1 | 2) [[ $(row filter) == '? needed fork: Resource temporarily unavailable (raise the limit of processes: ulimit -u)' ]] ;;
		3) [[ $(row filter) == 'yes '* && $(row listener) == '? needed fork: '* && $(row proc-mem) == '? needed fork: '* ]] ;;
		4) [[ $(row proc-mem) == 'yes '* && $(row read-grandchild) == '? needed fork: '* && $(row read-sibling) == '? - fork: '* ]] ;;
		esac
	done
}
