#!/usr/bin/env bats
# Containers without a loader in them: agentsh-sidecar --oci-listener and agentshctl export --format=oci, with real
# runtimes.
#
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # expanded in the container; a test is a subshell; run sets output
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/sidecar
load ../lib/containers

BAD=$TOP/tests/lib/bad_runtime.py
SEEN='[unix_socket_rules.one]
paths = /srv/allowed'

setup_file() {
	containers_programs
}

setup() {
	need_root
	sidecar_setup
	containers_setup
}

teardown() {
	containers_teardown
	sidecar_teardown
}

# A peer on the host, by that name in every container's /srv.
serve() {
	background "$CONTAINER_PROGRAMS/socket_serve" stream "$SRV/$1" 0777 >"$HOME_OF/served.$1"
	wait_for listens "$SRV/$1"
}

# of ID: the types of that session's events.
of() {
	events ".session_id == \"$1\"" | jq -r .type | xargs
}

@test "oci: a container of each runtime: blocked, mediated, told of, to its end" {
	sidecar_start
	serve allowed
	serve denied
	local runtime with
	with=$(profile --listener="$OCI" "$SEEN")
	for runtime in "${RUNTIMES[@]}"; do
		bundle "$runtime" "$with" sh -c 'exec 2>/dev/null; id; mount -t tmpfs none /tmp; echo after: $?
			socket_do stream connect /srv/allowed stream connect /srv/denied
			socket_do stream bind /tmp/own listen stream connect /tmp/own'
		run -0 contain "$runtime" "$runtime"
		is "$output" "uid=0 gid=0
after: 137
connect /srv/allowed: ok
connect /srv/denied: EACCES
bind /tmp/own: ok
connect /tmp/own: ok"
		has 1 ".session_id == \"$runtime\" and .type == \"session_end\""
		is "$(of "$runtime" | tr ' ' '\n' | sort | uniq -c | xargs)" \
			'1 seccomp_blocked 1 session_end 1 session_start 3 unix_socket_allowed 1 unix_socket_blocked'
		events ".session_id == \"$runtime\" and .type == \"session_start\"" |
			jq -e '(.loader | startswith("oci ")) and .policy_file == "listenerMetadata"' >/dev/null ||
			events '.type == "session_start"'
		events ".session_id == \"$runtime\" and .type == \"unix_socket_blocked\"" |
			jq -e '.path == "/srv/denied" and .comm == "socket_do"' >/dev/null
	done
	is "$(cat "$LOG")" ''
}

@test "oci: what is executed in a container later is under the policy as well" {
	sidecar_start
	local runtime with
	with=$(profile --listener="$OCI" '')
	for runtime in "${RUNTIMES[@]}"; do
		bundle "$runtime" "$with" sh -c 'until test -e /srv/end; do sleep 0.1; done'
		rm -f "$SRV/end"
		runtime "$runtime" run --bundle "$HOME_OF/$runtime" --detach "$runtime" </dev/null >/dev/null
		run runtime "$runtime" exec "$runtime" mount -t tmpfs none /tmp
		is "$status $output" '137 '
		has 1 ".session_id == \"$runtime\" and .type == \"seccomp_blocked\""
		: >"$SRV/end"
		has 2 ".session_id == \"$runtime\" and .type == \"session_end\""
	done
}

@test "oci: --wait-killable: with a signal each 3 ms each message arrives once, or the runtime begins no container" {
	sidecar_start
	local runtime with
	with=$(profile --wait-killable --listener="$OCI" '')
	for runtime in "${RUNTIMES[@]}"; do
		bundle "$runtime" "$with" signal_sends 2000 /tmp/stream /tmp/datagram
		run contain "$runtime" "$runtime"
		if [ "$runtime" = runc ] && [ "$status" -ne 0 ]; then
			[[ $output == *'seccomp flag'* ]] || is "$output" '... seccomp flag ...'
			is "$(of runc)" ''
			runtime runc delete --force runc 2>/dev/null || true
		else
			is "$runtime: $status: ${output#* }" "$runtime: 0: 0 0 0"
		fi
	done
	is "$(cat "$LOG")" ''
}

@test "oci: 100 containers at once, each with a policy of its own" {
	sidecar_start
	local i pids=() with
	for i in $(seq 0 9); do
		serve "s$i"
	done
	for i in $(seq 0 99); do
		with=$(profile --listener="$OCI" "[unix_socket_rules.mine]
paths = /srv/s$((i % 10))
[sandbox.seccomp.syscalls]
on_block = log")
		bundle "c$i" "$with" sh -c "echo up >/srv/up.$i; until test -e /srv/go; do sleep 0.2; done
			mount -t tmpfs none /tmp || echo refused
			socket_do stream connect /srv/s$((i % 10)) stream connect /srv/s$(((i + 1) % 10))"
		contain "${RUNTIMES[i % 2]}" "c$i" >"$HOME_OF/out.$i" 2>"$HOME_OF/err.$i" 3>&- &
		pids+=("$!")
	done
	all_up() { [ "$(find "$SRV" -name 'up.*' | wc -l)" -eq 100 ]; }
	wait_for all_up || { cat "$HOME_OF"/err.* "$LOG" | head -n 20; false; }
	is "$(jq -r 'select(.type == "session_start").session_id' "$EVENTS" | sort -u | wc -l)" 100
	: >"$SRV/go"
	for i in $(seq 0 99); do
		wait "${pids[i]}"
		is "$(cat "$HOME_OF/out.$i")" "refused
connect /srv/s$((i % 10)): ok
connect /srv/s$(((i + 1) % 10)): EACCES"
	done
	has 100 '.type == "session_end"'
	is "$(cat "$LOG")" ''
}

# steady RUNTIME: a container that does what it is told by files, in the background.
steady() {
	with=$(profile --listener="$OCI" "$SEEN
[sandbox.seccomp.syscalls]
on_block = log")
	bundle steady "$with" sh -c 'n=1; while test ! -e /srv/end; do
			if test -e "/srv/do.$n"; then
				{ socket_do stream connect /srv/allowed stream connect /srv/denied
				mount -t tmpfs none /tmp 2>&1 || echo refused; } >"/srv/doing.$n"
				cat "/srv/doing.$n" >"/srv/done.new"; mv /srv/done.new "/srv/done.$n"; n=$((n + 1))
			fi; sleep 0.05; done'
	ln -sf busybox "$ROOTFS/bin/mv"
	background runtime "$1" run --bundle "$HOME_OF/steady" steady </dev/null
	turn=0
}

# turn: the container's next results.
turn() {
	turn=$((turn + 1))
	: >"$SRV/do.$turn"
	wait_for test -e "$SRV/done.$turn"
	cat "$SRV/done.$turn"
}

# All of it: what is left of one that has lost its keeper would still take a connection.
kill_sidecar() {
	kill -KILL "$SIDECAR"
	wait "$SIDECAR" 2>/dev/null || true
	wait_for no_sidecar
}

no_sidecar() {
	local pid
	for pid in $(processes); do
		[ "$(readlink "/proc/$pid/exe")" != "$HOME_OF/agentsh-sidecar" ] || return 1
	done
}

HELD='connect /srv/allowed: ok
connect /srv/denied: EACCES
mount: permission denied (are you root?)
refused'

@test "oci: the runtime, a worker and the broker die: the container goes on, under its policy" {
	sidecar_start
	serve allowed
	serve denied
	local runtime role victim
	for runtime in "${RUNTIMES[@]}"; do
		rm -f "$SRV"/do* "$SRV/end"
		steady "$runtime"
		turn >first
		is "$(cat first)" "$HELD"
		kill -KILL "$PID"
		turn >next
		is "$(cat next)" "$HELD"
		for role in worker broker; do
			for victim in $(pgrep -P "$SIDECAR" -f -- "--role=$role"); do
				kill -KILL "$victim"
			done
			turn >next
			is "$(cat next)" "$HELD"
		done
		: >"$SRV/end"
		wait_for gone "$runtime" steady
		runtime "$runtime" delete --force steady 2>/dev/null || true
	done
	# And new ones begin.
	bundle new "$(profile --listener="$OCI" '')" mount -t tmpfs none /tmp
	run -137 contain crun new
}

gone() {
	[ "$(runtime "$1" state "$2" 2>/dev/null | jq -r .status)" != running ]
}

@test "oci: the sidecar goes: nothing opens up; without one no container begins; it comes back" {
	sidecar_start
	serve allowed
	serve denied
	steady crun
	turn >first
	is "$(cat first)" "$HELD"
	kill_sidecar
	turn >next
	is "$(grep -c ENOSYS next):$(grep -c ok next):$(tail -n 1 next)" 2:0:refused
	: >"$SRV/end"
	wait "$PID"
	local runtime
	for runtime in "${RUNTIMES[@]}"; do
		bundle "none.$runtime" "$(profile --listener="$OCI" '')" sh -c 'echo it ran'
		run contain "$runtime" "none.$runtime"
		[ "$status" -ne 0 ]
		[[ $output != *'it ran'* ]]
		runtime "$runtime" delete --force "none.$runtime" 2>/dev/null || true
	done
	sidecar_start
	for runtime in "${RUNTIMES[@]}"; do
		bundle "back.$runtime" "$(profile --listener="$OCI" '')" sh -c 'mount -t tmpfs none /tmp 2>/dev/null; echo $?'
		run -0 contain "$runtime" "back.$runtime"
		[[ $output == *137* ]]
	done
}

@test "oci: rubbish, partial and hostile messages are refused, each with a line, and cost nobody anything" {
	sidecar_start
	local case cases pids=() broker before
	broker=$(wait_for broker_of "$SIDECAR")
	before=$(descriptors "$broker")
	cases=$(python3 "$BAD" --cases)
	# Two that are not over by themselves: the sidecar ends them after five seconds.
	for case in silent begun $cases; do
		timeout 60 python3 "$BAD" "$OCI" "$case" </dev/null >"said.$case" 2>&1 3>&- &
		pids+=("$!")
	done
	# Meanwhile: a message in a thousand pieces is one, and containers begin.
	timeout 60 python3 "$BAD" "$OCI" drip </dev/null >said.drip 3>&-
	has 1 '.session_id == "bad" and .type == "session_start"'
	bundle among "$(profile --listener="$OCI" '')" sh -c 'mount -t tmpfs none /tmp 2>/dev/null; echo $?'
	run -0 contain crun among
	[[ $output == *137* ]]
	wait "${pids[@]}"
	for case in silent begun drip $cases; do
		is "$(cat "said.$case")" "closed $case"
	done
	has 2 '.type == "session_start"'
	# Each refusal a line, or counted in one.
	local lines more
	lines=$(grep -c 'is refused: ' "$LOG")
	more=$(sed -n 's/.*agentsh-sidecar: \([0-9]*\) more loaders were refused$/\1/p' "$LOG" | awk '{ n += $1 } END { print n + 0 }')
	[ "$((lines + more))" -ge 25 ]
	run -1 grep -v -e 'is refused: .* (.*)$' -e 'more loaders were refused$' "$LOG"
	# Nothing of them is left in the broker.
	wait_for has_descriptors "$broker" "$before"
}

has_descriptors() {
	[ "$(descriptors "$1")" -eq "$2" ]
}

@test "oci: a container that is over before the sidecar looks is a session, from its start to its end" {
	sidecar_start
	# Its process has gone: what is left under the filter is served to its end.
	timeout 60 python3 "$BAD" "$OCI" over </dev/null >said.over 3>&-
	is "$(cat said.over)" 'closed over'
	has 1 '.session_id == "over" and .type == "session_end"'
	is "$(of over)" 'session_start session_end'
	is "$(events '.type == "session_start"' | jq -c '[.pid, .exe]')" '[null,null]'
	# And real ones, which the sidecar gets to see only afterwards.
	kill -STOP "$(wait_for broker_of "$SIDECAR")"
	local runtime
	for runtime in "${RUNTIMES[@]}"; do
		bundle "short.$runtime" "$(profile --listener="$OCI" '')" true
		run -0 contain "$runtime" "short.$runtime"
	done
	kill -CONT "$(broker_of "$SIDECAR")"
	has 2 '(.session_id | startswith("short.")) and .type == "session_end"'
	is "$(cat "$LOG")" ''
}

@test "oci: a container's process gets no other root or namespace before the sidecar has looked at it" {
	sidecar_start
	serve denied
	mkdir -p "$SRV/x/srv"
	ln "$SRV/denied" "$SRV/x/srv/allowed"
	local runtime with tried way=0
	with=$(profile --listener="$OCI" "$SEEN")
	for runtime in "${RUNTIMES[@]}"; do
		for tried in 'chroot /srv/x' 'userns0 chroot /srv/x'; do
			# shellcheck disable=SC2086 # words
			bundle "$runtime.$((++way))" "$with" socket_do say begun $tried stream connect /srv/allowed
			jq '.process.capabilities[] += ["CAP_SYS_CHROOT"]' "$HOME_OF/$runtime.$way/config.json" >changed
			mv changed "$HOME_OF/$runtime.$way/config.json"
			kill -STOP "$(wait_for broker_of "$SIDECAR")"
			contain "$runtime" "$runtime.$way" >"$HOME_OF/out" 2>&1 3>&- &
			wait_for grep -q begun "$HOME_OF/out"
			sleep 0.2 # it would have got there
			kill -CONT "$(broker_of "$SIDECAR")"
			wait "$!" || true
			echo "$runtime, $tried: $(<"$HOME_OF/out")"
			grep -qx 'connect /srv/allowed: EACCES' "$HOME_OF/out"
			has 1 ".session_id == \"$runtime.$way\" and .type == \"session_end\""
		done
	done
	is "$(events '.type == "unix_socket_allowed"' | wc -l)" 0
	is "$(events '.type == "unix_socket_blocked"' | wc -l)" 4
}

@test "oci: a policy that is none: the container gets nothing by it, and the log says which line" {
	sidecar_start
	local with
	with=$(profile --listener="$OCI" '' | jq '.listenerMetadata = "[sandbox.seccomp]\nmode = whatever\n"')
	bundle bad "$with" sh -c 'exec 2>&1; socket_do stream bind /tmp/own; mount -t tmpfs none /tmp || echo refused'
	run -0 contain crun bad
	is "$output" $'bind /tmp/own: ENOSYS\nmount: mounting none on /tmp failed: Function not implemented\nrefused'
	said "the policy's line 2: "
}

@test "oci: only its own user's runtimes may connect" {
	sidecar_start
	is "$(stat -c '%a %u' "$OCI")" '600 0'
	chmod 777 "$OCI"
	is "$(as "$OTHER" /usr/bin/python3 "$BAD" "$OCI" good </dev/null)" 'closed good'
	said "it is another user's runtime"
	is "$(events true | wc -l)" 0
}

@test "oci: loaders that wait, as many as may, keep no container waiting" {
	sidecar_start
	local runtime with
	# Each is ended after five seconds, and others come.
	background sh -c 'until [ -e over ]; do /usr/bin/python3 "$0" "$1" idle 256; done' "$TOP/tests/lib/bad_loader.py" "$SOCKET" \
		</dev/null >idle.said
	wait_for grep -q connected idle.said
	run -125 "$RUN" --sidecar="$SOCKET" -- true
	[[ $output == *'too many loaders of yours wait at once'* ]]
	with=$(profile --listener="$OCI" '')
	for runtime in "${RUNTIMES[@]}"; do
		bundle "$runtime" "$with" mount -t tmpfs none /tmp
		run contain "$runtime" "$runtime"
		is "$status" 137
		has 1 ".session_id == \"$runtime\" and .type == \"session_end\""
	done
	: >over
	wait "$PID"
}

# of_plain RUNTIME ID: that bundle as a container of $OTHER's, whose root in it is $OTHER, and who has no other user.
of_plain() {
	jq --argjson user "$OTHER" '.linux.namespaces += [{type: "user"}] | del(.linux.resources, .linux.cgroupsPath) |
		.linux.uidMappings = [{containerID: 0, hostID: $user, size: 1}] | .linux.gidMappings = .linux.uidMappings' \
		"$HOME_OF/$2/config.json" >"$HOME_OF/$2/new"
	mv "$HOME_OF/$2/new" "$HOME_OF/$2/config.json"
	setpriv --pdeathsig KILL unshare --mount --propagation private sh -c '
		! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "$@"' runtime \
		as "$OTHER" env XDG_RUNTIME_DIR="$HOME_OF/mine" "$1" --root "$HOME_OF/mine/$1" run --bundle "$HOME_OF/$2" "$2" </dev/null
}

# A runtime's own process, where that makes the user namespace, is closed to its user until it executes the container's:
# looked at before, what the worker would need is not to be had. podman makes the namespace before: that is in places.bats.
@test "oci: a plain user's containers on that user's sidecar: as root's on root's, or without sockets, and told" {
	local runtime with inside
	install -d -m 700 -o "$OTHER" "$HOME_OF/mine"
	SOCKET=$HOME_OF/mine/socket EVENTS=$HOME_OF/mine/events OCI=$HOME_OF/mine/oci
	# shellcheck disable=SC2034 # sidecar_start's
	SIDECAR_OPTIONS=("--oci-listener=$OCI")
	sidecar_start as "$OTHER"
	serve allowed
	serve denied
	with=$(profile --listener="$OCI" "$SEEN")
	for runtime in "${RUNTIMES[@]}"; do
		bundle "$runtime" "$with" sh -c 'exec 2>/dev/null; id -u; mount -t tmpfs none /tmp; echo after: $?
			socket_do stream connect /srv/allowed stream connect /srv/denied stream bind /tmp/own stream connect /tmp/own'
		run -0 --separate-stderr of_plain "$runtime" "$runtime"
		inside=$output
		has 1 ".session_id == \"$runtime\" and .type == \"session_end\""
		has 1 ".session_id == \"$runtime\" and .type == \"seccomp_blocked\""
		run -0 jq -r "select(.session_id == \"$runtime\" and .type == \"unix_socket_blocked\") | \"\(.syscall) \(.reason)\"" "$EVENTS"
		if [[ $inside != *allowed:\ EACCES* ]]; then
			is "$inside" $'0\nafter: 137\nconnect /srv/allowed: ok\nconnect /srv/denied: EACCES\nbind /tmp/own: ok\nconnect /tmp/own: ECONNREFUSED'
			is "$output" 'connect blocked_by_policy'
		else
			is "$inside" $'0\nafter: 137\nconnect /srv/allowed: EACCES\nconnect /srv/denied: EACCES\nbind /tmp/own: EACCES\nconnect /tmp/own: EACCES'
			is "$(sort -u <<<"$output")" $'bind rights_not_to_be_had\nconnect rights_not_to_be_had'
			is "$(wc -l <<<"$output")" 4
		fi
	done
	is "$(cat "$LOG")" ''
}

@test "oci: a plain user's containers on root's sidecar: none begins; where they may connect, they get nothing by it" {
	local runtime with
	install -d -m 700 -o "$OTHER" "$HOME_OF/mine"
	sidecar_start
	with=$(profile --listener="$OCI" '')
	for runtime in "${RUNTIMES[@]}"; do
		bundle "$runtime" "$with" sh -c 'exec 2>&1; socket_do stream bind /tmp/own; mount -t tmpfs none /tmp || echo refused'
		run of_plain "$runtime" "$runtime"
		[ "$status" -ne 0 ]
		[[ $output == *"$OCI"*[Pp]'ermission denied'* ]] || is "$output" 'permission denied'
		as "$OTHER" "$runtime" --root "$HOME_OF/mine/$runtime" delete --force "$runtime" 2>/dev/null || true
	done
	chmod 777 "$OCI"
	# It may hear that before it has sent the listener: then there is no container either.
	run --separate-stderr of_plain crun crun
	[ "$status" -ne 0 ] || is "$output" $'bind /tmp/own: ENOSYS\nmount: mounting none on /tmp failed: Function not implemented\nrefused'
	said "it is another user's runtime"
	is "$(events true | wc -l)" 0
}

@test "oci: the options of the sidecar" {
	run -1 "$HOME_OF/agentsh-sidecar" --socket="$SOCKET" --events="$EVENTS" --oci-listener=relative
	[[ $output == *'relative: no path for a socket'* ]]
	[ ! -e "$SOCKET" ]
	run -2 "$HOME_OF/agentsh-sidecar" --oci-listener
	sidecar_start
	sidecar_stop
	[ ! -e "$OCI" ]
	[ ! -e "$SOCKET" ]
	# One that is left behind is in nobody's way.
	sidecar_start
	kill_sidecar
	[ -S "$OCI" ]
	sidecar_start
}

# --- Without a sidecar: what the kernel alone applies ---

# alone STATUS OUTPUT POLICY COMMAND...: in a container of each runtime.
alone() {
	local runtime with
	with=$(profile "$3")
	[[ $with != *listener* ]]
	for runtime in "${RUNTIMES[@]}"; do
		bundle "alone.$runtime" "$with" "${@:4}"
		run contain "$runtime" "alone.$runtime"
		is "$runtime: $status: $output" "$runtime: $1: $2"
	done
}

@test "oci: plain blocking, by a profile alone" {
	alone 0 'after: 159' "$OPEN" sh -c 'exec 2>/dev/null; mount -t tmpfs none /tmp; echo after: $?'
	alone 0 'mount: permission denied (are you root?)
after: 1' "$OPEN
[sandbox.seccomp.syscalls]
on_block = errno" sh -c 'exec 2>&1; mount -t tmpfs none /tmp; echo after: $?'
	alone 0 'stream: EACCES' $'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix' socket_do stream
}

@test "oci: what a profile would say less of than the policy is refused" {
	refused() {
		printf '%s\n' "$2" >p.ini
		run -1 --separate-stderr "$CTL" export --format=oci p.ini
		is "$output:${#stderr_lines[@]}" :1
		[[ $stderr == *"$1"* ]] || is "$stderr" "... $1 ..."
	}
	refused 'open_tree_attr: container runtimes may not know' $'[sandbox.seccomp.syscalls]\nblock = open_tree_attr'
	refused 'what default_action = block blocks' \
		$'[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve\non_block = log'
	refused 'decide on write' $'[sandbox.seccomp.syscalls]\nblock = write\non_block = log'
	refused 'no profile says both' "[sandbox.seccomp.unix_socket]
enabled = true
degraded = no_unix
[sandbox.seccomp.syscalls]
default_action = block
block =
allow = execve, socket
on_block = errno"
	refused 'isolate = yes: no profile says it' $'[loader]\nisolate = yes'
	refused 'no profile loads a library' $'[shim]\nenabled = true'
	refused 'the policy has none' $'[sandbox.seccomp]\nenabled = false'
	run -2 "$CTL" export --format=oci --listener=relative p.ini
	run -2 "$CTL" export --format=bpf --listener=/run/x p.ini
	run -2 "$CTL" export --format=bpf --wait-killable p.ini
}

@test "oci: a profile is JSON of names that the runtimes take, for every good policy" {
	local file made=0
	for file in "$TOP"/tests/data/good/*.ini "$TOP/conf/agentsh.ini"; do
		install -m 600 "$file" p.ini
		"$CTL" export --format=oci p.ini >profile 2>err || {
			is "$(wc -l <err)" 1
			continue
		}
		jq -e '.defaultAction and (.syscalls | all(.names | length > 0)) and (.architectures | length == 1)' profile >/dev/null
		[ "$(jq -r '.listenerPath // ""' profile)" = '' ] || jq -j .listenerMetadata profile | cmp - p.ini
		made=$((made + 1))
	done
	[ "$made" -gt 3 ]
	# Without a listener nothing is left to one; with one it is where it was asked for.
	is "$(profile "$OPEN" | jq -c '[.listenerPath, ([.syscalls[].action] | unique)]')" '[null,["SCMP_ACT_KILL_PROCESS"]]'
	is "$(profile --listener=/x "$OPEN" | jq -c '[.listenerPath, ([.syscalls[].action] | unique)]')" '["/x",["SCMP_ACT_NOTIFY"]]'
	is "$(profile '' | jq -r .listenerPath)" /run/agentsh/oci.sock
	# And a flag of it, where it was asked for and there is one.
	is "$(profile '' | jq -c .flags)" null
	is "$(profile --wait-killable '' | jq -c .flags)" '["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]'
	is "$(profile --wait-killable "$OPEN" | jq -c .flags)" null
}
