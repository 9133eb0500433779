#!/usr/bin/env bats
# make static: the three programs in a root that holds nothing but them and busybox, as an image FROM scratch.
#
# shellcheck disable=SC2016,SC2154 # an inner shell expands; run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world

MUSL=$BUILD/musl

setup() {
	need_root
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root"/{bin,dev,proc,run,tmp}
	cp "$MUSL"/{agentsh-exec,agentshctl,agentsh-sidecar} "$root"
	cp /bin/busybox "$root/bin"
	for name in sh cat grep id kill ls logger mount sleep syslogd test; do
		ln -s busybox "$root/bin/$name"
	done
}

# inside SCRIPT: by busybox in that root, as the first process of a world of its own.
inside() {
	unshare --mount --pid --net --fork --kill-child --propagation private bash -c '
		mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev" && : >"$1/dev/null" &&
			mount --bind /dev/null "$1/dev/null" && exec chroot "$1" /bin/sh -c "$2"' inside "$root" "$1"
}

@test "static: no interpreter, nothing shared, at an address of its own; the loader and the sidecar are small" {
	local program
	for program in agentsh-exec agentshctl agentsh-sidecar; do
		run -0 readelf --wide --program-headers --dynamic --sections "$MUSL/$program"
		[[ $output != *INTERP* && $output != *NEEDED* && $output != *.symtab* && $output == *'(FLAGS_1)'*PIE* ]]
		[[ $output == *GNU_RELRO* && $output == *BIND_NOW* ]]
	done
	[ "$(stat -c %s "$MUSL/agentsh-exec")" -lt $((256 * 1024)) ]
	[ "$(stat -c %s "$MUSL/agentsh-sidecar")" -lt $((1024 * 1024)) ]
}

@test "static: with no file beside them: work is done, a blocked call is not, and both are in the trail" {
	run -0 --separate-stderr inside '/agentsh-exec -- /bin/sh -c "id; mount -t tmpfs none /tmp; echo after: \$?"
		until grep -q session_end /var/log/agentsh/events.jsonl; do sleep 0.1; done'
	is "$output" $'uid=0 gid=0\nafter: 137'
	[[ $stderr == *'agentsh-exec: the policy blocked mount: 1 killed, 0 denied'* ]]
	is "$(jq -r '[.type, .comm // "", .syscall // "-"] | join(" ")' "$root/var/log/agentsh/events.jsonl")" \
		$'session_start agentsh-exec -\nseccomp_blocked mount mount\nsession_end  -'
	cp "$(policy '')" "$root/open.ini"
	run -159 inside '/agentsh-exec --sidecar=none -f /open.ini -- /bin/mount -t tmpfs none /tmp'
}

@test "static: Unix sockets are mediated: the system's log is reached, and not where a rule denies it" {
	printf '[unix_socket_rules.log]\npaths = /dev/log\ndecision = deny\n' >"$root/deny.ini"
	inside 'syslogd -n -O /run/messages & until test -S /dev/log; do sleep 0.1; done
		/agentsh-exec --events=/run/events -- /bin/logger allowed-here
		/agentsh-exec --events=/run/events -f /deny.ini -- /bin/logger denied-there
		/bin/logger outside
		until grep -q outside /run/messages; do sleep 0.1; done'
	[[ $(<"$root/run/messages") == *allowed-here*outside* && $(<"$root/run/messages") != *denied-there* ]]
	is "$(jq -r 'select(.type | startswith("unix_")) | [.type, .path, .service // "-"] | join(" ")' "$root/run/events" | sort -u)" \
		$'unix_socket_allowed /dev/log base\nunix_socket_blocked /dev/log base'
}

@test "static: one sidecar for the whole root" {
	inside '/agentsh-sidecar --socket=/run/s --events=/run/events & until grep -q " 00010000 .* /run/s$" /proc/net/unix; do sleep 0.1; done
		/agentsh-exec --sidecar=/run/s -- /bin/mount -t tmpfs none /tmp; echo "$?" >/run/status; kill %1; wait %1'
	is "$(<"$root/run/status")" 137
	is "$(jq -r .type "$root/run/events" | xargs)" 'session_start seccomp_blocked session_end'
}

@test "static: agentshctl: doctor, check, explain with the built-in catalogue, init, last" {
	run -0 inside '/agentshctl doctor'
	[[ $output == *'listener             yes'* && $output == *'pidfd-getfd          yes'* ]]
	printf '[sandbox.seccomp.syscalls]\nblok = mount\n' >"$root/bad.ini"
	run -1 inside '/agentshctl check /bad.ini'
	is "$output" "/bad.ini:2: unknown key 'blok' in [sandbox.seccomp.syscalls]"
	run -0 inside '/agentshctl init /p.ini && /agentshctl check /p.ini && /agentshctl explain --syscall mount /p.ini'
	[[ $output == *mount*165*kill* ]]
	run -0 inside '/agentshctl explain --socket /dev/log'
	[[ $output == *base* ]]
	# Into a file: what the session says goes to the same stderr.
	inside '/agentsh-exec -- /bin/mount -t tmpfs none /tmp
		until /agentshctl last >/run/last && grep -q killed: /run/last; do sleep 0.1; done'
	grep -q 'killed: mount is blocked' "$root/run/last" || is "$(cat "$root/run/last")" '... killed: mount is blocked'
}

# said PROGRAM ARGUMENT...: its status, and what it says of it.
said() {
	local status=0
	"$@" 2>&1 || status=$?
	echo "$status"
}

@test "static: says what the other build says" {
	local words long
	long=$(printf '%0300d' 0)
	cd "$BATS_TEST_TMPDIR"
	ln -s loop loop
	for words in '-- ./loop' "-- ./$long" '-f /dev/null -- true' '-f missing -- true' '-f . -- true' '--bad'; do
		# shellcheck disable=SC2086 # words
		is "$(said "$MUSL/agentsh-exec" --sidecar=none $words)" "$(said "$EXEC" --sidecar=none $words)"
	done
}
