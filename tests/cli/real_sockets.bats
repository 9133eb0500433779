#!/usr/bin/env bats
# Real programs and their Unix sockets: what is outside is denied and named, what is the session's own works.
#
# shellcheck disable=SC2016,SC2154,SC2030,SC2031 # expanded later; a test is a subshell; set by lib/sockets.bash and by run
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/sockets

setup() {
	need_root
	sockets_setup
	ended=()
}

teardown() {
	local command
	[ -n "${work:-}" ] || return 0
	for command in "${ended[@]}"; do eval "$command"; done
	sockets_teardown
}

# denied SERVICE COMMAND...: it fails, and there is an event of a denial that names the service.
denied() {
	local service=$1
	shift
	run session timeout 20 "$@"
	[[ $status != 0 && $status != 124 ]]
	is "$(events 'select(.type == "unix_socket_blocked") | [.service, .action]' | sort -u)" "[\"$service\",\"denied\"]"
}

# works COMMAND...: and nothing that it does is denied.
works() {
	run -0 session timeout 60 "$@"
	is "$(events 'select(.type == "session_end") | .denied')" 0
}

allow() {
	rules "[unix_socket_rules.this]
services = $1"
}

as_postgres() {
	setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$work" "$@"
}

# A cluster in $work/data, its socket to be in $work/sockets.
postgres_setup() {
	PG=$(pg_config --bindir 2>/dev/null || echo /usr/lib/postgresql/*/bin)
	mkdir "$work/sockets"
	chown postgres "$work" "$work/sockets"
	as_postgres "$PG/initdb" -D "$work/data" -A peer -N -E UTF8 --locale=C >/dev/null
	options=(-D "$work/data" -w -l "$work/postgres.log" -o "-c listen_addresses='' -c fsync=off -k $work/sockets")
}

@test "PostgreSQL: psql is denied, and by a rule authenticated as who it runs as" {
	postgres_setup
	as_postgres "$PG/pg_ctl" "${options[@]}" start >/dev/null 3>&-
	ended+=('as_postgres "$PG/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null')
	select=(psql -h "$work/sockets" -d postgres -U postgres -Atc 'select current_user')
	run ! session setpriv --reuid=postgres --clear-groups "${select[@]}"
	[[ $output == *'Permission denied'* ]]
	is "$(events 'select(.type == "unix_socket_blocked") | .path')" "\"$work/sockets/.s.PGSQL.5432\""

	rules $'[unix_socket_rules.this]\n'"paths = $work/sockets/.s.PGSQL.*"
	works setpriv --reuid=postgres --clear-groups "${select[@]}"
	is "$output" postgres
	run ! session "${select[@]}"
	[[ $output == *'Peer authentication failed for user "postgres"'* ]]

	# A plain user's session, with a sidecar of its own.
	chmod 644 "$work/p.ini"
	chown postgres "$work/p.ini"
	through=(setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$work")
	works "${select[@]}"
	is "$output" postgres
}

@test "PostgreSQL: an agent's own" {
	postgres_setup
	chown postgres "$work/p.ini"
	through=(setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$work")
	printf '%q ' "$PG/pg_ctl" "${options[@]}" start >"$work/script"
	printf '%s\n' '>/dev/null || exit 1' "psql -h $work/sockets -d postgres -Atc 'select 6 * 7'; status=\$?" \
		"$PG/pg_ctl -D $work/data -m fast -w stop >/dev/null" 'exit $status' >>"$work/script"
	works bash "$work/script"
	is "$output" 42
}

@test "Redis: redis-cli, denied and allowed" {
	outside redis-server --port 0 --unixsocket "$work/redis.sock" --dir "$work" --save ''
	wait_for listens "$work/redis.sock"
	run session redis-cli -s "$work/redis.sock" ping
	[[ $output == *'Permission denied'* ]]
	rules $'[unix_socket_rules.this]\n'"paths = $work/redis.sock"
	works redis-cli -s "$work/redis.sock" ping
	is "$output" PONG
}

@test "Docker: docker ps, denied and allowed by one rule" {
	local daemon
	private_run
	outside apart dockerd --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs \
		--data-root="$work/data" --exec-root="$work/exec" -H unix:///run/docker.sock -p "$work/docker.pid"
	daemon=$peer
	ended+=("stop $daemon") # and it ends its containerd
	wait_for apart docker ps >/dev/null
	through=(apart env -u DOCKER_HOST -u DOCKER_CONTEXT HOME="$work")
	denied docker docker ps
	[[ $output == *'permission denied'* ]]
	is "$(events 'select(.type == "unix_socket_blocked") | .hint' | sort -u)" \
		'"[unix_socket_rules.docker] services = docker"'
	allow docker
	works docker ps
	[[ $output == 'CONTAINER ID '* ]]
	# What does not connect by its usual path is the same socket.
	rules ''
	denied docker docker -H unix:///var/run/docker.sock ps
}

@test "D-Bus: the session bus and the system bus, outside and an agent's own" {
	private_run
	apart mkdir -p /run/user/0 /run/dbus
	outside apart dbus-daemon --session --nofork --nopidfile --address=unix:path=/run/user/0/bus
	outside apart dbus-daemon --system --nofork --nopidfile --address=unix:path=/run/dbus/system_bus_socket
	wait_for listens /run/user/0/bus apart
	wait_for listens /run/dbus/system_bus_socket apart
	list=(--print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames)
	through=(apart env DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/0/bus)
	"${through[@]}" dbus-send --session "${list[@]}" >/dev/null
	denied dbus-session dbus-send --session "${list[@]}"
	denied dbus-system dbus-send --system "${list[@]}"
	denied dbus-system busctl list
	works dbus-run-session -- dbus-send --session "${list[@]}"
	[[ $output == *'string ":1.0"'* ]]
	allow dbus-system
	works busctl list --no-pager
	[[ $output == *org.freedesktop.DBus* ]]
}

@test "systemd: systemd-run" {
	private_run
	apart mkdir -p /run/systemd/system
	outside apart "$SERVE" stream /run/systemd/private
	wait_for grep -qx ready "$log"
	through=(apart)
	denied systemd systemd-run --no-block true
	is "$(wc -l <"$log")" 1 # nothing has come to it
}

@test "ssh-agent: ssh-add -l" {
	eval "$(ssh-agent -s 3>&-)" >/dev/null
	ended+=('ssh-agent -k >/dev/null')
	ssh-keygen -q -t ed25519 -N '' -f "$work/key"
	ssh-add -q "$work/key"
	denied ssh-agent ssh-add -l
	allow ssh-agent
	works ssh-add -l
	[[ $output == *ED25519* ]]
	# An agent's own.
	rules ''
	works ssh-agent bash -c "ssh-add -q '$work/key' && ssh-add -l"
	[[ $output == *ED25519* ]]
}

@test "X: a client of a display outside, by its path and by its abstract name" {
	outside Xvfb -displayfd 7 -nolisten tcp -screen 0 64x64x8 7>"$work/display"
	ended+=("stop $peer") # and it takes its socket away
	wait_for test -s "$work/display"
	through=(env "DISPLAY=:$(<"$work/display")")
	"${through[@]}" xdpyinfo >/dev/null
	denied x11 xdpyinfo
	is "$(events 'select(.type == "unix_socket_blocked") | .path' | sort -u)" \
		"\"@/tmp/.X11-unix/X$(<"$work/display")\""
	inside stream connect "/tmp/.X11-unix/X$(<"$work/display")"
	is "$(events 'select(.type == "unix_socket_blocked") | .service')" '"x11"'
	allow x11
	works xdpyinfo
}

@test "tmux: attached to a server outside, and an agent's own" {
	local server=agentsh-${work##*.}
	env -u TMUX tmux -L "$server" -f /dev/null new-session -d 'sleep 600' 3>&-
	ended+=("tmux -L $server kill-server" "rm -f /tmp/tmux-0/$server /tmp/tmux-0/$server-own")
	through=(env -u TMUX TERM=xterm)
	denied tmux tmux -L "$server" attach
	[[ $output == *'Permission denied'* ]]
	denied tmux tmux -L "$server" run-shell "touch $work/done"
	[ ! -e "$work/done" ]

	cat >"$work/script" <<-EOT
		tmux -L $server-own -f /dev/null new-session -d 'echo here >$work/said; sleep 600'
		until [ -s $work/said ]; do sleep 0.01; done
		tmux -L $server-own list-sessions -F '#{session_name}'
		tmux -L $server-own kill-server
	EOT
	works bash "$work/script"
	is "$output" 0
	is "$(<"$work/said")" here
}

@test "an agent's own processes: Python's multiprocessing, Node's child processes and servers" {
	works python3 - <<-'EOT'
		import multiprocessing as m
		def double(queue, pipe):
		    queue.put(pipe.recv() * 2)
		queue, (mine, theirs) = m.Queue(), m.Pipe()
		process = m.Process(target=double, args=(queue, theirs))
		process.start()
		mine.send(21)
		print(queue.get())
		process.join()
		with m.Manager() as manager, m.Pool(2) as pool:
		    print(sum(pool.map(abs, manager.list([-20, 22]))))
	EOT
	is "$output" $'42\n42'
	cat >"$work/node.js" <<-'EOT'
		const { fork } = require('child_process'), net = require('net'), path = process.argv[2];
		if (process.send) {
			process.on('message', (number) => { process.send(number * 2); process.disconnect(); });
		} else {
			const child = fork(__filename);
			child.on('message', (number) => console.log(number));
			child.on('exit', () => {
				const server = net.createServer((one) => { one.end('hello\n'); server.close(); }).listen(path, () => {
					net.connect(path).on('data', (data) => process.stdout.write(data));
				});
			});
			child.send(21);
		}
	EOT
	works node "$work/node.js" "$work/node.sock"
	is "$output" $'42\nhello'
}

@test "the default rules: id, getent, logger, curl" {
	private_run
	apart mkdir -p /run/systemd/journal
	outside apart "$SERVE" dgram /run/systemd/journal/dev-log
	wait_for grep -qx ready "$log"
	received=$log
	through=(apart)
	works id
	is "$output" "$(id)"
	works getent hosts localhost
	is "$output" "$(getent hosts localhost)"
	works logger -u /run/systemd/journal/dev-log hello
	wait_for grep -q '^received ' "$received"
	is "$(events 'select(.type == "unix_socket_allowed") | [.operation, .socket_type, .service]' | sort -u)" \
		'["connect","dgram","base"]'
	echo hello >"$work/index.html"
	outside python3 -u -m http.server --bind 127.0.0.1 --directory "$work" 0
	wait_for grep -q 'port [0-9]' "$log"
	works curl -s "http://127.0.0.1:$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$log")/index.html"
	is "$output" hello
}
