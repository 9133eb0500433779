#!/usr/bin/env bats
# What a mediated call answers is what the kernel itself would have answered: odd arguments by the ten thousand, once
# without us and once behind a policy that allows them, by root, by a plain user, and by one behind root's sidecar.
#
# shellcheck disable=SC2154 # set by the libraries and by run
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles
load ../lib/sockets
load ../lib/compared

setup() {
	need_root
	compared_setup
	cat >>"$work/p.ini" <<-'EOT'
		[unix_socket_rules.everything]
		paths = /**, @**
		decision = allow
	EOT
	sed -i 's/^enabled = true/&\nlog = denied/' "$work/p.ini"
	install -m 755 "$PROGRAMS/odd_calls" "$PROGRAMS/odd_messages" "$work"
}

teardown() {
	[ -z "${work:-}" ] || compared_teardown
}

# table ROWS PROGRAM: at least so many rows, the same in each setting, waiting or not.
table() {
	local setting mode
	sidecar_start
	for setting in root plain system; do
		for mode in '' nonblock; do
			compare "$setting" "'$work/$2' $mode ."
			echo "# $setting $mode"
			diff "$work/native" "$work/inside"
			[ "$(wc -l <"$work/native")" -ge "$1" ]
			run -1 grep -E 'hangs|status' "$work/native"
		done
	done
}

@test "connect, bind, sendto, sendmsg, sendmmsg: odd descriptors, addresses, lengths, families, paths" {
	table 22000 odd_calls
}

@test "sendmsg, sendmmsg: odd headers, pieces, flags, control data" {
	table 900 odd_messages
}

@test "strace shows the same calls with the same results" {
	local setting
	sidecar_start
	for setting in root plain system; do
		compare "$setting" "$do stream bind x listen >/dev/null
strace -f -e trace=network -e signal=all -o trace $do stream connect x send dgram sendto nobody bind y tcp bind 4:127.0.0.1:0 \
listen udp sendto 4:127.0.0.1:9 >/dev/null
sed -E 's/^[0-9]+ +//; s/sin_port=htons\([0-9]+\)/PORT/' trace"
		echo "# $setting"
		diff "$work/native" "$work/inside"
		grep -q '^connect(' "$work/native"
		grep -q '^sendto(' "$work/native"
	done
}

# tags: of each difference that can be tried.
tags() {
	sed -n 's/^def \([a-z_]*\)(\(_\|outside\)):$/\1/p' "$TOP/tests/lib/differences.py" | sort
}

@test "what differs is what agentsh.ini(5) lists: each of it, and each in it" {
	local setting tag found=()
	sed -i '/everything/,$d' "$work/p.ini"
	install -m 644 "$TOP/tests/lib/differences.py" "$work"
	serve stream "$work/s/outside"
	sidecar_start
	for tag in $(tags); do
		for setting in root plain system; do
			compare "$setting" "/usr/bin/python3 '$work/differences.py' $tag '$work/s/outside'"
			echo "$setting $tag: $(<"$work/native") -> $(<"$work/inside")"
			cmp -s "$work/native" "$work/inside" || found+=("$tag")
		done
	done
	is "$(printf '%s\n' "${found[@]}" | sort -u)" "$(tags)"
	is "$(sed -n 's/^\.\\" difference: //p' "$TOP/loader/agentsh.ini.5" | sort)" "$(tags)"
}
