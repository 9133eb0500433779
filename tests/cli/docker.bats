#!/usr/bin/env bats
# In front of the entrypoint of an image, as PID 1: a real dockerd, images of busybox and of a Debian with servers, and the
# same container without us beside each.
#
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # expanded in the container; a test is a subshell; run sets output
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/docker

# What has Docker let a sidecar mediate: a capability, or a profile, with which the container needs no capability at all.
CAPABLE=(--cap-add=SYS_PTRACE)
PROFILE=(--security-opt "seccomp=$TOP/conf/docker-seccomp.json")
BARE=(--user 1000 --cap-drop=ALL --security-opt no-new-privileges --read-only --tmpfs /tmp:mode=1777)
ACCEPTED=$'[degradation]\naccept = pidfd-getfd'
NO_UNIX=$'[sandbox.seccomp.unix_socket]\ndegraded = no_unix'

setup_file() {
	[ "$(id -u)" -eq 0 ] || return 0
	docker_begin
}

teardown_file() {
	[ -z "${DOCKED:-}" ] || docker_end
}

setup() {
	need_root
	cd "$BATS_TEST_TMPDIR" || return
	policies=0
	started=()
	follow ''
}

teardown() {
	[ "${#started[@]}" -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
	docker ps -aq --filter label=test | xargs -r docker rm -f >/dev/null
}

# follow POLICY: of the containers from now on; their events go to a file of this test's, $TRAIL, unless it says where.
follow() {
	TRAIL=$DOCKED/trails/$BATS_TEST_NUMBER.$((++policies))
	printf '%s\n' "$1" '[notices]' 'stderr = never' >"p.$policies.ini"
	[[ $1 == *'events ='* ]] || printf '[sidecar]\nevents = /trails/%s\n' "${TRAIL##*/}" >>"p.$policies.ini"
	chmod 644 "p.$policies.ini"
	around=(--label test --network none -v "$PWD/p.$policies.ini:/etc/agentsh/agentsh.ini:ro" -v "$DOCKED/trails:/trails")
}

# contained NAME ARGUMENT...: of docker run, in the foreground, to its end.
contained() {
	timeout 60 docker run --rm "${around[@]}" "$@" 3>&-
}

# same OPTION... -- IMAGE COMMAND...: standard input goes to a container of each image, and what they say, on which
# descriptor, and their status are the same. It is in $output.
same() {
	local options=() running=() how
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	cat >in
	rm -f "$TRAIL"
	for how in plain behind; do
		{ contained -i "${options[@]}" "$2:$how" "${@:3}" >"$how.out" 2>"$how.err" <in || echo "status $?" >>"$how.out"; } &
		running+=("$!")
	done
	wait "${running[@]}"
	diff plain.out behind.out
	diff plain.err behind.err
	output=$(<behind.out)
}

# trail JQ: the session's events, once it has ended.
trail() {
	wait_for grep -q '"type":"session_end"' "$TRAIL" || {
		cat "$TRAIL"
		return 1
	}
	jq -r "$1" "$TRAIL"
}

# begin NAME ARGUMENT...: of docker run, in the background; its ID is in $NAME.
begin() {
	printf -v "$1" %s "$(docker run --detach "${around[@]}" "${@:2}")"
}

# prints CONTAINER TEXT: sooner or later.
prints() {
	wait_for eval "docker logs $1 2>&1 | grep -qF -e '$2'" || {
		docker logs "$1"
		return 1
	}
}

# ends CONTAINER STATUS
ends() {
	is "$(docker wait "$1")" "$2"
}

# --- What a profile lets a sidecar do ---

# profile OPTION...: the seccomp filter of a container, as dockerd has the runtime load it: a line for each name.
profile() {
	contained --runtime noting "$@" busybox:plain true
	jq -r '.linux.seccomp | .defaultAction, .architectures[], (.syscalls[] | . as $rule | .names[] |
		"\(.) \($rule.action) \($rule.args // []) \($rule.errnoRet)")' "$DOCKED/noted.json" | sort -u
}

# Not in it, nor in all Dockers' default: what later ones refuse, and what they have come to know since.
LACKED='^io_uring_(enter|register|setup) |^socket SCMP_ACT_ALLOW \[\] |^(cachestat|fchmodat2|map_shadow_stack) '
LACKED+='|^(futex_(requeue|wait|wake)|name_to_handle_at|pkey_(alloc|free|mprotect)|process_vm_readv) '

@test "docker-seccomp.json: the default profile of the dockerd that is here, and three calls" {
	local options unix='socket SCMP_ACT_ALLOW [{"index":0,"value":40,"op":"SCMP_CMP_NE"}] null'
	for options in '' --cap-drop=ALL --cap-add=SYS_PTRACE; do
		profile $options >plain
		profile $options "${PROFILE[@]}" >ours
		printf '%s\n' 'pidfd_getfd SCMP_ACT_ALLOW [] null' 'process_vm_writev SCMP_ACT_ALLOW [] null' \
			'unshare SCMP_ACT_ALLOW [{"index":0,"value":512,"op":"SCMP_CMP_EQ"}] null' "$unix" | sort >beside
		# They are in it, and nothing else is that is not in the default.
		is "$(comm -23 beside ours)" ''
		is "$(comm -13 plain ours | comm -23 - beside)" ''
		run -1 grep -vE "$LACKED" <(comm -23 plain ours)
	done
	options=(--cap-add=SYS_PTRACE --cap-add=SYS_ADMIN)
	profile "${options[@]}" >plain
	profile "${options[@]}" "${PROFILE[@]}" >ours
	is "$(comm -13 plain ours | grep -vxF "$unix")" ''
	run -1 grep -vE "$LACKED" <(comm -23 plain ours)
}

@test "Docker's default profile: sockets cannot be mediated, and nothing runs; without any, blocked calls are as ever" {
	local options
	for options in '' "${BARE[*]}"; do
		rm -f "$TRAIL"
		# shellcheck disable=SC2086 # words
		run -125 contained $options busybox:behind echo it ran
		is "$output" "agentsh-exec: sidecar: Unix sockets cannot be mediated: pidfd_getfd: Operation not permitted (docker run \
--cap-add=SYS_PTRACE, a sidecar of the host's, accept = pidfd-getfd, or degraded = no_unix: see CONTAINERS in agentsh-exec(1))"
	done
	run -1 contained --entrypoint agentshctl busybox:behind doctor
	[[ $output == *'pidfd-getfd          no    needed'* ]]
	[ ! -s "$TRAIL" ]
	follow "$NO_UNIX"$'\n[sandbox.seccomp.syscalls]\nblock = mkdir, mkdirat'
	run -0 contained "${BARE[@]}" busybox:behind sh -c 'socket_do stream; socket_do tcp connect 4:127.0.0.1:9
		mkdir /tmp/made 2>/dev/null; echo $?'
	is "$output" $'stream: EACCES\nconnect 4:127.0.0.1:9: ECONNREFUSED\n137'
	is "$(trail '[.type, .action // "", .syscall // ""] | join(" ")')" $'session_start  \nseccomp_blocked killed mkdir\nsession_end  '
}

@test "Docker's default profile, accepted: the sidecar makes the sockets; with no capability, as another user, no-new-privileges" {
	local options
	follow "$ACCEPTED"$'\n[unix_socket_rules.no]\npaths = /tmp/no\ndecision = deny'
	for options in '' "${BARE[*]}"; do
		rm -f "$TRAIL"
		# shellcheck disable=SC2086 # words
		run -0 contained $options busybox:behind sh -c 'mkdir /tmp/d; cd /tmp/d; socket_do umask 077 stream bind own stat own listen \
			stream connect own stream bind /tmp/no stream bind @own listen stream connect @own udp connect 4:127.0.0.1:9 \
			tcp bind 4:127.0.0.1:7 listen tcp connect 4:127.0.0.1:7 netlink bind kernel dgram'
		is "$output" "bind own: ok
stat own: 140700 $([[ $options == *1000* ]] && echo 1000 || echo 0) 0
connect own: ok
bind /tmp/no: EACCES
bind @own: ok
connect @own: ok
connect 4:127.0.0.1:9: ok
bind 4:127.0.0.1:7: ok
connect 4:127.0.0.1:7: ok
bind kernel: ok
dgram: EACCES"
		is "$(trail 'select(.path) | [.operation, .path, .action, .comm] | join(" ")')" 'bind /tmp/d/own allowed socket_do
connect /tmp/d/own allowed socket_do
bind /tmp/no denied socket_do
bind @own allowed socket_do
connect @own allowed socket_do'
		is "$(trail 'select(.degraded) | .degraded[]')" pidfd-getfd
	done
	# Other users: once they have executed a program.
	run -0 contained busybox:behind socket_do stream bind @own listen gid 7 uid 7 exec stream connect @own peer udp connect 4:127.0.0.1:9
	is "$output" $'bind @own: ok\nconnect @own: ok\npeer uid=0 gid=0\nconnect 4:127.0.0.1:9: ok'
	run -0 contained busybox:behind socket_do gid 7 uid 7 udp connect 4:127.0.0.1:9
	is "$output" 'connect 4:127.0.0.1:9: EACCES'
}

@test "with the capability, or the profile and none at all: sockets are mediated; what Docker refuses is refused" {
	local options
	follow $'[unix_socket_rules.no]\npaths = /tmp/no\ndecision = deny'
	for options in "${CAPABLE[*]}" "${PROFILE[*]}" "${PROFILE[*]} ${BARE[*]}"; do
		rm -f "$TRAIL"
		# shellcheck disable=SC2086 # words
		run -0 contained $options busybox:behind sh -c 'mkdir /tmp/d; cd /tmp/d; socket_do umask 077 stream bind own stat own listen \
			stream connect own stream bind /tmp/no stream bind @own listen stream connect @own udp connect 4:127.0.0.1:9
			mount -t tmpfs none /tmp 2>/dev/null || echo refused'
		is "$output" "bind own: ok
stat own: 140700 $([[ $options == *1000* ]] && echo 1000 || echo 0) 0
connect own: ok
bind /tmp/no: EACCES
bind @own: ok
connect @own: ok
connect 4:127.0.0.1:9: ok
refused"
		is "$(trail 'select(.path) | [.operation, .path, .action, .comm] | join(" ")')" 'bind /tmp/d/own allowed socket_do
connect /tmp/d/own allowed socket_do
bind /tmp/no denied socket_do
bind @own allowed socket_do
connect @own allowed socket_do'
	done
	# Another root within the container's: it takes the profile's second call.
	follow ''
	run -0 contained "${PROFILE[@]}" busybox:behind sh -c 'mkdir -p /tmp/r; socket_do chroot /tmp/r stream bind /own listen stream connect /own'
	is "$output" $'bind /own: ok\nconnect /own: ok'
	run -0 contained "${CAPABLE[@]}" busybox:behind sh -c 'mkdir -p /tmp/r; socket_do chroot /tmp/r stream bind /own'
	is "$output" 'bind /own: EACCES'
}

# --- As PID 1, as without us ---

EVERYTHING='id; umask; pwd; cat; echo "$HOME $PATH $#"; ulimit -a; tty; ls /proc/self/fd
	grep -E "^(Uid|Gid|Groups|Sig[BIC]|Shd|Cap)" /proc/self/status
	touch /tmp/made && echo made; touch /made 2>&1; for i in 1 2 3 4 5 6 7 8 9; do (true &); done
	n=0; while ps -o stat | grep -q Z; do n=$((n + 1)); test $n -lt 200 || echo a zombie; sleep 0.05; done
	echo error >&2; exit 7'

@test "PID 1: user, groups, capabilities, limits, files, descriptors, stdin, stdout, stderr, orphans, status" {
	local options
	for options in "${CAPABLE[*]}" "${PROFILE[*]} ${BARE[*]}"; do
		# shellcheck disable=SC2086 # words
		same $options -- busybox sh -c "$EVERYTHING" sh some arguments < <(printf 'first\nlast')
		[[ $output == *$'first\nlast'*made*'status 7' && $output != *zombie* ]] || is "$output" "... made ... status 7"
	done
	follow "$NO_UNIX"
	same "${BARE[@]}" -- busybox sh -c "$EVERYTHING" </dev/null
	# Not found, and not to be executed.
	run -127 contained busybox:behind none
	run -126 contained --entrypoint /agentsh-exec busybox:behind -- /etc
}

@test "PID 1: a terminal, and Ctrl-C" {
	local how
	follow "$NO_UNIX"
	printf '%s\n' '=up\s+' '^C' >steps
	for how in plain behind; do
		run -3 python3 "$TOP/tests/lib/type_at.py" none docker run --rm -it "${around[@]}" "busybox:$how" \
			sh -c 'trap "echo interrupted; over=1" INT; tty; stty size; echo up; while test -z "$over"; do sleep 0.1; done; exit 3' <steps
		echo "$output" >"$how.out"
	done
	diff plain.out behind.out
	grep -q interrupted behind.out
}

@test "PID 1: docker stop and docker kill reach the command, which says how the container ends" {
	local how
	follow "$NO_UNIX"
	for how in plain behind; do
		begin "$how" "busybox:$how" sh -c 'trap "echo TERM; exit 5" TERM; trap "echo USR1" USR1; echo up; while :; do sleep 0.1; done'
		prints "${!how}" up
		docker kill --signal USR1 "${!how}" >/dev/null
		prints "${!how}" USR1
		docker stop "${!how}" >/dev/null
		ends "${!how}" 5
		docker logs "${!how}" >"$how.out" 2>&1
	done
	diff plain.out behind.out
	is "$(trail 'select(.type == "session_end") | .status')" 5
	# One that has no handler is spared as PID 1, until it is killed; behind us it ends at once.
	begin plain busybox:plain sleep 1000
	begin behind busybox:behind sleep 1000
	docker stop --time 1 "$plain" >/dev/null
	ends "$plain" 137
	docker stop "$behind" >/dev/null
	ends "$behind" 143
	# By SIGKILL, which reaches us alone, everything ends.
	begin behind busybox:behind sleep 1000
	docker kill "$behind" >/dev/null
	ends "$behind" 137
}

@test "events: on the container's stderr, on a volume; the last is session_end, whatever still runs; nowhere is refused" {
	follow "$NO_UNIX"$'\n[sidecar]\nevents = -'
	contained "${BARE[@]}" busybox:behind sh -c 'echo out; sleep 1000 & exit 4' >out 2>err || echo "$?" >>out
	is "$(<out)" $'out\n4'
	is "$(jq -r .type err | xargs)" 'session_start session_end'
	follow "$NO_UNIX"
	for _ in 1 2 3; do
		rm -f "$TRAIL"
		run -0 contained busybox:behind sh -c 'sleep 1000 & sh -c "sleep 1000 & sleep 1000" & true'
		is "$(jq -r '[.type, .status // ""] | join(" ")' "$TRAIL" | xargs)" 'session_start session_end 0'
	done
	follow "$NO_UNIX"$'\n[sidecar]\nevents ='
	run -125 contained --read-only busybox:behind echo it ran
	is "${#lines[@]}" 1
	[[ $output == 'agentsh-exec: '*'Read-only file system'*'--events'* ]] || is "$output" '... --events ...'
}

@test "other pid namespaces than a container's own: the host's, another container's" {
	follow ''
	same --pid=host "${CAPABLE[@]}" -- busybox sh -c 'cat; socket_do stream bind /tmp/own listen stream connect /tmp/own; exit 3' <<<x
	begin other busybox:plain sleep 1000
	same "--pid=container:$other" "${CAPABLE[@]}" -- busybox sh -c 'cat; socket_do stream bind /tmp/own listen stream connect /tmp/own; exit 3' <<<x
	docker kill "$other" >/dev/null
	# Docker's own init before us.
	same --init "${CAPABLE[@]}" -- busybox sh -c 'cat; exit 3' <<<x
}

# --- Servers, by the start scripts that they have ---

# served NAME OPTION... -- COMMAND...: in the background, in the image of servers (without us: plain; else behind).
served() {
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	begin "$name" "${SERVICES_USR[@]}" "${options[@]}" "services:$name" "${@:2}"
}

@test "PostgreSQL: an entrypoint that drops its user and makes a database; docker stop shuts it down" {
	local how
	follow $'[unix_socket_rules.no]\npaths = /run/postgresql/.s.PGSQL.1\ndecision = deny'
	served plain -- postgres -c fsync=off
	served behind "${CAPABLE[@]}" -- postgres -c fsync=off
	for how in plain behind; do
		prints "${!how}" 'the database is made'
		wait_for docker exec "${!how}" psql -qU postgres mine -c 'create table t()'
		docker stop "${!how}" >/dev/null
		ends "${!how}" 0
		prints "${!how}" 'database system is shut down'
		# Whose dots stand before a line of the server's, or how many, is another matter each time; and whether the
		# server has noticed by its end that psql has gone.
		docker logs "${!how}" 2>&1 | sed -E 's/^(waiting for server to (start|shut down))?\.*//
			s/^[-0-9]+ [0-9:.]+ UTC \[[0-9]+\] //; s/(PID|pid) [0-9]+/\1/
			/^( done)?$/d; /checkpoint|last known up|shut down at|aborting|received/d
			/terminating connection due to admin|could not send data to client/d' >"$how.out"
	done
	diff <(sort -u plain.out) <(sort -u behind.out)
	is "$(trail 'select(.operation == "connect") | [.comm, .path, .action, .rule] | join(" ")' | sort -u)" \
		'psql /run/postgresql/.s.PGSQL.5432 allowed a built-in default'
	is "$(jq -r 'select(.type == "session_end") | .status' "$TRAIL")" 0
	# Behind the default profile, with sockets that the sidecar makes.
	follow "$ACCEPTED"
	served behind -- postgres -c fsync=off
	prints "$behind" 'the database is made'
	wait_for docker exec "$behind" psql -qU postgres mine -c 'create table t()'
	docker stop "$behind" >/dev/null
	ends "$behind" 0
	prints "$behind" 'database system is shut down'
	is "$(trail 'select(.action == "denied") | .reason')" ''
}

@test "PostgreSQL: of its own user from the beginning, by the profile alone; stopped by the image's signal, begun again" {
	local how user own
	user=$(awk -F: '$1 == "postgres" { print $3 }' "$SERVICES/etc/passwd")
	own=(--user postgres --cap-drop=ALL --stop-signal SIGINT --tmpfs "/run/postgresql:uid=$user")
	follow $'[unix_socket_rules.no]\npaths = /run/postgresql/.s.PGSQL.1\ndecision = deny'
	for how in plain behind; do
		mkdir "$how.data"
		chown "$user" "$how.data"
		served "$how" "${own[@]}" "${PROFILE[@]}" -v "$PWD/$how.data:/srv" -- postgres -c fsync=off
	done
	for how in plain behind; do
		prints "${!how}" 'the database is made'
		wait_for docker exec "${!how}" psql -qU postgres mine -c 'create table t()'
		docker restart "${!how}" >/dev/null
		wait_for docker exec "${!how}" psql -qU postgres mine -c 'drop table t'
		docker kill --signal HUP "${!how}" >/dev/null
		prints "${!how}" 'received SIGHUP'
		docker stop "${!how}" >/dev/null
		ends "${!how}" 0
		docker logs "${!how}" 2>&1 | sed -n 's/^.*LOG:  \(received\|database system is\)/\1/p' >"$how.out"
		is "$(docker logs "${!how}" 2>&1 | grep -c 'the database is made')" 1
	done
	grep -q 'received fast shutdown' plain.out
	diff <(sort plain.out | uniq -c) <(sort behind.out | uniq -c)
	is "$(trail 'select(.action == "denied") | .path' | wc -l)" 0
}

# What runs in the container, as init scripts have it: servers in the background, and their clients, who are other users.
# A resolver that answers every question with 127.0.0.1.
RESOLVER='use IO::Socket::INET; $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:53", Proto => "udp") or die;
	open(F, ">", "/run/resolves"); while ($p = $s->recv($q, 512)) { $q =~ /^(..)..(..).{6}((?:.[^\0]*?)*?\0..\0\1?.)/s;
	$s->send(substr($q, 0, 2) . pack("n5", 0x8180, 1, 1, 0, 0) . substr($q, 12, index($q, "\0", 12) - 12 + 5) .
	pack("n3Nn", 0xc00c, 1, 1, 1, 4) . "\177\0\0\1"); }'
SERVERS='exec 2>&1; echo "nameserver 127.0.0.1" >/etc/resolv.conf; perl -e "$0" & resolver=$!
	until test -e /run/resolves; do sleep 0.05; done
	cat >/etc/nginx/sites-enabled/default <<-END
		server { listen unix:/run/upstream.sock; location / { return 200 "from upstream\n"; } }
		server { listen 127.0.0.1:80; resolver 127.0.0.1 ipv6=off; location / { proxy_pass http://unix:/run/upstream.sock; }
			location /by-name { set \$name some.test; proxy_pass http://\$name/; } }
	END
	/etc/init.d/nginx start; /etc/init.d/postgresql start
	for who in "gosu www-data" "setpriv --reuid=1234 --regid=1234 --clear-groups" "gosu root"; do
		$who curl -s http://other.test/; $who curl -s http://127.0.0.1/by-name
		$who psql -h /run/postgresql -U postgres -Atc "select 1" 2>&1 | sed "s/.*Peer auth/Peer auth/"
	done
	gosu postgres psql -Atc "select 2"
	/etc/init.d/postgresql stop; /etc/init.d/nginx stop; kill $resolver'

@test "nginx and PostgreSQL: Debian's start scripts; users that are dropped to have names and the allowed sockets" {
	local options
	follow ''
	same "${SERVICES_USR[@]}" "${CAPABLE[@]}" -- services bash -c "$SERVERS" "$RESOLVER" </dev/null
	is "$(grep -c 'from upstream' <<<"$output")" 6
	[[ $output == *$'\n2\n'* ]]
	[ "$(trail 'select(.action == "denied") | .path' | wc -l)" -eq 0 ]
	# The default profile, with sockets that the sidecar makes. Debian's script for PostgreSQL looks for it by a program that
	# has changed its user itself, which is none that can be read.
	follow "$ACCEPTED"
	same "${SERVICES_USR[@]}" -- services bash -c "$(sed 's#; /etc/init.d/postgresql start##; s#/etc/init.d/postgresql stop; ##
		/psql/d' <<<"$SERVERS")" "$RESOLVER" </dev/null
	is "$(grep -c 'from upstream' <<<"$output")" 6
	is "$(trail 'select(.action == "denied") | .reason')" ''
	# With the profile alone those that have another user get nothing, whatever they ask for.
	follow ''
	run -0 contained "${PROFILE[@]}" busybox:behind socket_do stream bind @own listen gid 7 uid 7 stream connect @own udp connect 4:127.0.0.1:9
	is "$output" $'bind @own: ok\nconnect @own: EACCES\nconnect 4:127.0.0.1:9: EACCES'
	is "$(trail 'select(.action == "denied") | .reason' | sort -u)" unreadable_target
	follow ''
	run -0 contained "${PROFILE[@]}" "${CAPABLE[@]}" busybox:behind socket_do stream bind @own listen gid 7 uid 7 stream connect @own
	is "$output" $'bind @own: ok\nconnect @own: ok'
}

@test "isolate = yes, for a container that has the capability: the sidecar's memory is not to be had" {
	local try='for p in /proc/[0-9]*; do read -r comm <$p/comm; test "$comm" != agentsh-sidecar || cat $p/environ $p/maps >/dev/null || :; done'
	follow $'[loader]\nisolate = yes'
	run -0 contained "${CAPABLE[@]}" busybox:behind sh -c "socket_do stream bind /tmp/own; $try 2>&1 | sed 's,/[0-9]*/,/N/,' | sort | uniq -c"
	is "$output" "bind /tmp/own: ok
      2 cat: can't open '/proc/N/environ': Permission denied
      2 cat: can't open '/proc/N/maps': Permission denied"
}

# --- A sidecar on the host ---

# have_ended COUNT FILE: so many sessions, as the events in that file say.
have_ended() {
	[ "$(grep -c '"type":"session_end"' "$2")" -ge "$1" ]
}

@test "a sidecar on the host serves containers through its socket: of any user, without a capability, in their own root" {
	local events=$DOCKED/host/events options keeper
	mkdir -p "$DOCKED/host/run"
	"$BUILD/agentsh-sidecar" --socket="$DOCKED/host/run/sidecar.sock" --events="$events" >"$DOCKED/host/log" 2>&1 </dev/null 3>&- &
	keeper=$!
	started+=("$keeper")
	wait_for listens "$DOCKED/host/run/sidecar.sock"
	follow $'[unix_socket_rules.no]\npaths = /tmp/no\ndecision = deny\n[unix_socket_rules.served]\npaths = /srv/served'
	# The same name is another socket in another root, and is no container's but that of the policy's own root.
	"$PROGRAMS/socket_serve" stream "$DOCKED/host/served" 0777 >ready </dev/null 3>&- &
	started+=("$!")
	wait_for test -s ready
	for options in '' "${BARE[*]}" '--init --cap-drop=ALL'; do
		# shellcheck disable=SC2086 # words
		run -0 contained -v "$DOCKED/host/run:/run/agentsh" -v "$DOCKED/host/served:/srv/served" $options busybox:behind sh -c '
			cd /tmp; socket_do stream bind own listen stream connect own stream connect /srv/served stream bind /tmp/no
			socket_do stream connect /run/agentsh/sidecar.sock udp connect 4:127.0.0.1:9; exit 0'
		is "$output" 'bind own: ok
connect own: ok
connect /srv/served: ok
bind /tmp/no: EACCES
connect /run/agentsh/sidecar.sock: EACCES
connect 4:127.0.0.1:9: ok'
	done
	same -v "$DOCKED/host/run:/run/agentsh" "${SERVICES_USR[@]}" -- services bash -c "$SERVERS" "$RESOLVER" </dev/null
	is "$(grep -c 'from upstream' <<<"$output")" 6
	wait_for have_ended 4 "$events"
	is "$(jq -r 'select(.type == "session_end") | .how' "$events" | xargs)" 'all_exited all_exited all_exited all_exited'
	# As the host numbers processes, whatever the container calls them.
	is "$(jq -r 'select(.operation == "bind" and .path == "/tmp/own") | [.comm, .uid, .pid > 100] | join(" ")' "$events" | xargs -L 1)" \
		$'socket_do 0 true\nsocket_do 1000 true\nsocket_do 0 true'
	kill "$keeper"
	wait "$keeper"
	is "$(<"$DOCKED/host/log")" ''
	# It has gone: a private one is begun, where that can be had, and else nothing.
	run -125 contained -v "$DOCKED/host/run:/run/agentsh" busybox:behind echo it ran
}

# --- What conf/examples has ---

@test "the example of an agent: its Dockerfile builds, and its compose.yaml runs a command behind the policy" {
	mkdir agent agent/work
	chmod 777 agent/work
	cp "$TOP"/conf/examples/{Dockerfile,compose.yaml} "$TOP"/conf/{agentsh.ini,docker-seccomp.json} agent
	install -m 755 "$BUILD"/musl/agentsh-{exec,sidecar} agent
	# Without the network that this dockerd does not have.
	printf 'services: {agent: {network_mode: none, labels: [test]}}\n' >agent/none.yaml
	cd agent
	BASE=busybox:plain timeout 100 docker-compose -f compose.yaml -f none.yaml run --rm -T agent sh -c '
		id; cat; socket_do stream bind /tmp/own listen stream connect /tmp/own; touch made; touch /none; exit 3' \
		>out 2>err <<<'what is typed' 3>&- || echo "$?" >>out
	is "$(sed -n '/^uid=/,$p' out)" $'uid=1000 gid=1000 groups=1000\nwhat is typed\nbind /tmp/own: ok\nconnect /tmp/own: ok\n3'
	[ -e work/made ]
	is "$(sed -n 's/^{"type":"\([a-z_]*\)".*/\1/p' err | xargs)" 'session_start unix_socket_allowed unix_socket_allowed session_end'
	# Without a command: the shell that CMD names, in its own profile alone.
	run -0 contained -i "${PROFILE[@]}" "$(docker image ls --format '{{.Repository}}' | grep -x 'agent[-_]agent')" \
		<<<'echo from a shell'
	[[ $output == *'from a shell'* ]]
}
