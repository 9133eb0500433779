#!/usr/bin/env bats
# Servers and their clients, all of them in one session behind the shipped policy: a thousand connections, over Unix
# sockets and TCP, with the same results as without us; and the sidecar is left with the descriptors that it had.
#
# shellcheck disable=SC2016,SC2154 # expanded later; set by lib/roles.bash
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles

setup() {
	need_root
	roles_setup
	printf '%s\n' '[notices]' 'stderr = never' '[sandbox.seccomp.unix_socket]' 'log = denied' >"$work/p.ini"
	sidecar_start
	who=(setpriv "--reuid=$PLAIN" "--regid=$PLAIN" --clear-groups env -i "PATH=$PATH")
}

teardown() {
	[ -z "${work:-}" ] || roles_teardown
}

# descriptors: of the one worker there is, but those of callers, of which it keeps three each of some (known_thread.h),
# and a link of each thread's (view.h).
descriptors() {
	local worker
	worker=$(pgrep -P "$keeper" -f -- --role=worker)
	echo $(($(find "/proc/$worker/fd" -mindepth 1 -printf '%l\n' | grep -vcE '^/proc/[0-9]|^anon_inode:\[pidfd\]') -
		$(find "/proc/$worker/task" -mindepth 1 -maxdepth 1 | wc -l)))
}

# of_callers: how many it keeps of those.
of_callers() {
	find "/proc/$(pgrep -P "$keeper" -f -- --role=worker)/fd" -mindepth 1 -printf '%l\n' | grep -cE '^/proc/[0-9]|^anon_inode:\[pidfd\]'
}

# alike SCRIPT: by the one that $who makes, in a folder of its own, without us and in a session, it says the same. "mark begun"
# stands in it where the servers have been reached, "mark done" where nobody is connected any more.
alike() {
	local how had
	printf '%s\n' 'set -eu' 'mark() { touch "$1"; until [ -e "$1.seen" ]; do sleep 0.05; done; }' "$1" >"$work/script"
	for how in native inside; do
		mkdir -m 777 "$work/open/$how"
	done
	touch "$work/open/native/begun.seen" "$work/open/native/done.seen"
	"${who[@]}" env -C "$work/open/native" bash "$work/script" >"$work/open/native.said" 2>&1
	"${who[@]}" env -C "$work/open/inside" "$work/agentsh-exec" -f "$work/p.ini" "--sidecar=$work/socket" -- \
		bash "$work/script" >"$work/open/inside.said" 2>&1 3>&- &
	wait_for test -e "$work/open/inside/begun"
	had=$(descriptors)
	touch "$work/open/inside/begun.seen"
	wait_for test -e "$work/open/inside/done"
	# A server's thread may be about to close one.
	wait_for has_no_more_than "$((had + 2))"
	[ "$(of_callers)" -le $((3 * (2 * 32 + 62 * 4))) ]
	touch "$work/open/inside/done.seen"
	wait $!
	diff "$work/open/native.said" "$work/open/inside.said"
}

has_no_more_than() {
	[ "$(descriptors)" -le "$1" ]
}

@test "Redis: redis-benchmark" {
	alike '
		redis-server --port 0 --unixsocket "$PWD/s" --dir "$PWD" --save "" --maxclients 2000 >/dev/null &
		until redis-cli -s "$PWD/s" ping >/dev/null 2>&1; do sleep 0.05; done
		mark begun
		redis-benchmark -s "$PWD/s" -c 1000 -n 20000 -t ping,set,get,lpush --csv 2>&1 | cut -d , -f 1
		redis-cli -s "$PWD/s" info stats | tr -d "\r" | grep -E "^(rejected_connections|total_error_replies)"
		redis-cli -s "$PWD/s" llen mylist
		mark done
		redis-cli -s "$PWD/s" shutdown nosave
		wait'
}

@test "nginx: a Unix socket, TCP, and one behind the other" {
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	# shellcheck disable=SC2031
	alike "port=$port many=$TOP/tests/lib/many_requests.py"'
		mkdir temp
		cat >nginx.conf <<-EOT
			daemon off; worker_processes 2; pid $PWD/pid; error_log $PWD/error.log;
			events { worker_connections 8192; }
			http {
				access_log off; keepalive_timeout 1;
				client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp;
				scgi_temp_path temp;
				server { listen unix:$PWD/s backlog=4096; location / { return 200 "by a Unix socket"; } }
				server { listen 127.0.0.1:$port backlog=4096; location / { proxy_pass http://unix:$PWD/s:/; } }
			}
		EOT
		ulimit -n 16384
		nginx -p "$PWD" -c nginx.conf -e "$PWD/error.log" & server=$!
		until curl -s --unix-socket s http://here/ >/dev/null; do sleep 0.05; done
		mark begun
		python3 "$many" 1000 "$PWD/s"
		python3 "$many" 1000 "127.0.0.1:$port"
		mark done
		kill -QUIT "$server"
		wait "$server"
		cat error.log'
}

@test "PostgreSQL: pgbench, a connection for each transaction" {
	who=(setpriv --reuid=postgres --regid=postgres --clear-groups env -i "PATH=$PATH") # initdb wants a name
	alike '
		bin=$(echo /usr/lib/postgresql/*/bin)
		export PGHOST=$PWD PGUSER=postgres PGDATABASE=postgres LC_ALL=C
		"$bin/initdb" -D data -A trust -U postgres -N -E UTF8 --locale=C >/dev/null
		"$bin/pg_ctl" -D data -w -l log -o "-c listen_addresses= -c fsync=off -k $PWD" start >/dev/null
		pgbench -i -q -s 1 >/dev/null 2>&1
		mark begun
		pgbench -C -c 10 -j 2 -t 100 2>&1 | grep -E "^number of (transactions|failed|clients)"
		psql -Atc "select count(*) from pgbench_history"
		mark done
		"$bin/pg_ctl" -D data -m fast -w stop >/dev/null'
}
