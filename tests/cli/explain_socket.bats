#!/usr/bin/env bats
# agentshctl explain --socket: what a Unix socket gets, by which rule and on which line, and what it is.
#
# shellcheck disable=SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

ON=$'[sandbox.seccomp.unix_socket]\nenabled = true\n'

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

# write TEXT: to p.ini.
write() {
	printf '%s\n' "$1" >p.ini
}

# says WANTED NAME [OPTION...]: exactly that, for that name.
says() {
	run -0 --separate-stderr "$CTL" explain --socket "$2" "${@:3}" p.ini
	is "$output" "$1"
	is "$stderr" ''
}

@test "explain --socket: denied by default, with what it gives and what would allow it" {
	write "$ON"
	says '/run/docker.sock connect: denied by default = session (a built-in default); docker: root on this host
what would allow it: [unix_socket_rules.docker] services = docker' /run/docker.sock
	says '/srv/a b connect: denied by default = session (a built-in default)
what would allow it: [unix_socket_rules.a-b] paths = /srv/a\x20b' '/srv/a b'
	write "$ON"'default = deny'
	says '/srv/a bind: denied by default = deny (p.ini:3)
what would allow it: [unix_socket_rules.a] paths = /srv/a' /srv/a --op bind
}

@test "explain --socket: the rule that would allow it does" {
	local name rule
	for name in /run/docker.sock '/srv/a b*[c]' '@abstract\x00\xff' /x/base; do
		write "$ON"
		rule=$("$CTL" explain --socket "$name" p.ini | sed -n 's/^what would allow it: //p')
		[[ $rule == '[unix_socket_rules.'*'] '* ]] || is "$rule" 'a rule'
		write "$ON${rule/] /]$'\n'}"
		run -0 "$CTL" explain --socket="$name" p.ini
		[[ $output == *'connect: allowed by [unix_socket_rules.'*' (p.ini:4)'* ]] || is "$output" 'allowed'
	done
}

@test "explain --socket: the first rule that matches, on the line of its pattern or service" {
	write "$ON"'[unix_socket_rules.pg]
services = redis,
        postgres
operations = connect
[unix_socket_rules.none]
paths = /run/**
decision = deny'
	says '/run/postgresql/.s.PGSQL.1 connect: allowed by [unix_socket_rules.pg] services = postgres (p.ini:5); postgres: the databases that your user may use; a superuser of theirs runs commands' \
		/run/postgresql/.s.PGSQL.1 --op=connect
	says '/run/x sendto: denied by [unix_socket_rules.none] paths = /run/** (p.ini:8)
what would allow it: [unix_socket_rules.x] paths = /run/x, before [unix_socket_rules.none]' /run/x --op sendto
	says "/dev/log sendto: allowed by [unix_socket_rules.base] services = base (a built-in default); base: looks up users and hosts, writes to the system's log" \
		/dev/log --op sendto
	says '/srv/x bind: allowed by default = session (a built-in default)' /srv/x --op bind
}

@test "explain --socket: the policy of whoever asks, and none" {
	write "$ON"'[unix_socket_rules.a]
paths = @a'
	run -0 env AGENTSH_CONFIG=p.ini "$CTL" explain --socket @a
	is "$output" '@a connect: allowed by [unix_socket_rules.a] paths = @a (p.ini:4)'
	[ ! -e /etc/agentsh/agentsh.ini ] || skip "this machine has a configuration of its own"
	run -0 env -u HOME -u XDG_CONFIG_HOME "$CTL" explain --socket /run/docker.sock
	[[ ${lines[-1]} == 'what would allow it: [unix_socket_rules.docker] services = docker' ]]
}

@test "explain --socket: where it is without effect, that is said first" {
	local text
	for text in 'enabled = false' 'mode = disabled'; do
		write $'[sandbox.seccomp]\n'"$text"
		run -0 "$CTL" explain --socket /srv/a p.ini
		is "${lines[0]}" '# without effect: no filter is installed (p.ini:2)'
	done
	write $'[sandbox.seccomp.unix_socket]\nenabled = false'
	run -0 "$CTL" explain --socket /srv/a p.ini
	is "${lines[0]}" '# without effect: every socket can be reached: unix_socket.enabled = false (p.ini:2)'
	write $'[sandbox.seccomp]\nmode = audit\n'
	run -0 "$CTL" explain --socket /srv/a p.ini
	is "${lines[0]}" '# without effect: what would be denied is told, and let through: mode = audit (p.ini:2)'
	write "$ON"$'degraded = no_unix\naction = audit'
	run -0 "$CTL" explain --socket /srv/a p.ini
	is "${lines[0]}" '# without effect: what would be denied is told, and let through: action = audit (p.ini:4)'
	write "$ON"'degraded = no_unix'
	run -0 "$CTL" explain --socket /srv/a p.ini
	is "${lines[0]}" '# without effect: every Unix socket is refused: degraded = no_unix (p.ini:3)'
}

@test "explain --socket: names of any bytes; what is shown can be printed" {
	write "$ON"'[unix_socket_rules.a]
paths = @a\x00\x1b*, /srv/\xe9'
	run -0 "$CTL" explain --socket '@a\x00\x1bb' p.ini
	[[ $output == '@a\x00\x1bb connect: allowed by [unix_socket_rules.a] paths = @a\x00\x1b* (p.ini:4)' ]]
	run -0 "$CTL" explain --socket $'/srv/\xe9' p.ini
	[[ $output == *'allowed by [unix_socket_rules.a] paths = /srv/\xe9 (p.ini:4)' ]]
	run -0 "$CTL" explain --socket $'/srv/\e[31m' p.ini
	[[ $output != *$'\e'* ]]
	run -0 "$CTL" explain --socket "/$(printf 'x%.0s' {1..300})" p.ini
	[[ ${lines[1]} == 'what would allow it: a rule with a pattern, '* ]]
}

@test "explain --socket: nothing on the host is looked at" {
	write "$ON"'[unix_socket_rules.a]
paths = /run/real.sock'
	ln -s /run/real.sock link
	run -0 "$CTL" explain --socket "$PWD/link" p.ini
	[[ $output == *'denied by default'* ]]
}

@test "explain --socket: wrong names and wrong usage" {
	local name
	write "$ON"
	for name in '' x ./x @ / /a/ /a//b /a/../b /a/. '/a\q' '/a\x00' "/$(printf 'x%.0s' {1..4200})"; do
		run -1 --separate-stderr "$CTL" explain --socket "$name" p.ini
		is "$output:${#stderr_lines[@]}" :1
		[[ $stderr == 'agentshctl: explain: '* ]] || is "$stderr" 'agentshctl: explain: ...'
	done
	local arguments
	for arguments in '--socket' '--socket /x --op listen' '--op connect' '--socket /x --syscall read' '--socket /x p.ini p.ini'; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$CTL" explain $arguments
		is "$arguments: $output:${#stderr_lines[@]}" "$arguments: :1"
	done
	write $'[unix_socket_rules.a]\nservices = dokcer'
	run -1 --separate-stderr "$CTL" explain --socket /x p.ini
	is "$output:$stderr" ":p.ini:2: unknown service 'dokcer' (did you mean 'docker'?)"
}
