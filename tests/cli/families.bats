#!/usr/bin/env bats
# Calls of other families than AF_UNIX are carried out as well, since the family is what a target could change: with
# the same results as without us.
#
# shellcheck disable=SC2154 # set by the libraries and by run
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles
load ../lib/sockets
load ../lib/compared

# Every test has a network of its own, where each port is free and nothing is reached but itself.
setup() {
	need_root
	compared_setup
	outside unshare --net bash -c 'ip link set lo up && echo ready && exec sleep infinity'
	network=$peer
	wait_for grep -qx ready "$log"
}

teardown() {
	[ -z "${work:-}" ] || compared_teardown
	# Its last process may have gone a moment ago.
	[ -z "${cgroup:-}" ] || wait_for rmdir "$cgroup"
}

# there SETTING SCRIPT: as compare, in that network.
there() {
	compare "$1" "$2" nsenter "--target=$network" --net
}

# alike SCRIPT: the same in each setting.
alike() {
	local setting
	sidecar_start
	for setting in root plain system; do
		echo "# $setting"
		there "$setting" "$1"
		diff "$work/native" "$work/inside"
	done
}

@test "TCP: connected, refused, without waiting, unreachable, once more, undone; IPv4 and IPv6" {
	local six words script=
	for six in '' 6; do
		words="4:127.0.0.1"
		[ -z "$six" ] || words='6:::1'
		script+="$do tcp$six bind $words:7000 listen named tcp$six connect $words:7000 connect $words:7000 send sendto $words:7000 \
sendmsg '' sendmmsg '' connect unspec connect $words:7001 tcp$six nonblock connect $words:7000 tcp$six bind $words:7000 \
tcp$six length 3 connect $words:7000 tcp$six pointer 8 connect $words:7000 tcp$six send sendmsg $words:7000 bind unspec
"
	done
	alike "$script
$do tcp connect 4:203.0.113.1:7 bind 4:203.0.113.1:7 connect 6:::1:7000 bind 6:::1:7000 bind /x connect $work/x
$do tcp bind 4:127.0.0.1:7100 tcp6 bind 6:::1:7100 tcp6 bind 6:::ffff:127.0.0.1:7100 tcp6 connect 4:127.0.0.1:7100"
	grep -q EINPROGRESS "$work/inside"
	grep -q ECONNREFUSED "$work/inside"
	grep -q ENETUNREACH "$work/inside"
}

@test "UDP: addressed, connected, to nobody, broadcast; by each call" {
	local words=
	for to in 4:127.0.0.1:7000 4:127.255.255.255:7000 4:203.0.113.1:7000 4:127.0.0.1:0 6:::1:7000 unspec /x ''; do
		words+=" udp sendto '$to' udp sendmsg '$to' udp sendmmsg '$to' udp connect '$to' send udp length 3 sendto '$to'"
	done
	alike "$do udp bind 4:127.0.0.1:7000 udp6 bind 6:::1:7000 $words
$do udp6 bind 6:::1:7001 ${words//udp/udp6}
$do udp pointer 8 sendto 4:127.0.0.1:7000 rights claim 0"
	is "$(grep -c ': ok$' "$work/inside")" "$(grep -c ': ok$' "$work/native")"
}

@test "ports below 1024, raw and packet sockets: by what the target may" {
	local words="tcp bind 4:127.0.0.1:80 udp bind 4:127.0.0.1:81 tcp6 bind 6:::1:80"
	alike "$do $words
$do nocaps $words
$do icmp sendto 4:127.0.0.1:0 connect 4:127.0.0.1:0
$do packet bind 4:127.0.0.1:0"
	there root "$do uid $PLAIN $words
$do euid $PLAIN $words
$do icmp uid $PLAIN sendto 4:127.0.0.1:0"
	diff "$work/native" "$work/inside"
	is "$(grep -c EACCES "$work/inside")" 6
}

@test "the network is the socket's, whatever its maker enters; capabilities there are as elsewhere" {
	local words own="tcp connect 4:127.0.0.1:7300 udp sendto 4:127.0.0.1:7301 udp connect 4:127.0.0.1:7301 tcp bind 4:127.0.0.1:0
		tcp bind 4:127.0.0.1:7300 tcp bind 4:0.0.0.0:7300 tcp bind 4:0.0.0.0:80 icmp sendto 4:127.0.0.1:0"
	local way script="unshare --user --map-root-user --net bash -c '
		ip link set lo up; echo up \$?; ip -o addr show dev lo; $do tcp bind 4:127.0.0.1:80 listen tcp connect 4:127.0.0.1:80'
"
	words="tcp bind 4:127.0.0.1:7300 listen udp bind 4:127.0.0.1:7301"
	for way in '' netns userns0 'userns0 netns' 'userns0 netns userns0 netns' "uid $PLAIN userns0 netns"; do
		script+="echo '$way'
$do $words $way ${own//$'\n'/ }
$do $words tcp $way connect 4:127.0.0.1:7300
$do $words udp $way sendto 4:127.0.0.1:7301
$do $words tcp $way bind 4:127.0.0.1:7302
$do $words icmp $way sendto 4:127.0.0.1:0
"
	done
	alike "$script"
	grep -qx 'up 0' "$work/native"
	is "$(grep -c ENETUNREACH "$work/native")" 9
}

# own_cgroup: in $cgroup.
own_cgroup() {
	cgroup=$(findmnt -nfo TARGET -t cgroup2)/agentsh.${work##*.}
	mkdir "$cgroup"
}

# refused SETTING HOW_MANY WORDS: in $cgroup.
refused() {
	# shellcheck disable=SC2016 # expanded there
	compare "$1" "$do $3" nsenter "--target=$network" --net bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroup"
	diff "$work/native" "$work/inside"
	is "$(grep -c ': EPERM$' "$work/inside")" "$2"
}

# The cgroup's own programs refuse it, whether the call is the target's own or comes from a sidecar outside of the cgroup.
@test "cgroup BPF: a connect, a bind and a send that are refused to a cgroup's sockets" {
	local words="tcp bind 4:127.0.0.1:7400 tcp connect 4:127.0.0.1:7401 udp bind 4:127.0.0.1:7402 udp sendto 4:127.0.0.1:7401 sendmsg
		4:127.0.0.1:7401 sendmmsg 4:127.0.0.1:7401 stream connect $work/s/stream dgram sendto $work/s/dgram sendmsg $work/s/dgram"
	words=${words//$'\n\t\t'/ }
	serve stream "$work/s/stream" 666
	serve dgram "$work/s/dgram" 666
	own_cgroup
	alike "$do $words"
	is "$(grep -c ': ok$' "$work/native")" 8
	/usr/bin/python3 "$TOP/tests/lib/refuse_sockets.py" "$cgroup" 8 10 14 # as linux/bpf.h numbers what they are attached to
	refused system 6 "$words"
	# These refuse a loader its connection to root's sidecar.
	/usr/bin/python3 "$TOP/tests/lib/refuse_sockets.py" "$cgroup" 49 50
	refused root 9 "$words"
	refused plain 9 "$words"
}

@test "netlink: ip shows and changes what it may" {
	alike "$do netlink bind kernel connect kernel sendmsg kernel named
ip -o addr show dev lo
ip -o route show table local
ip addr add 127.7.7.7/8 dev lo 2>&1; echo \$?
ip -o addr show dev lo
ip addr del 127.7.7.7/8 dev lo 2>&1; echo \$?
ip netns list"
	there root "ip addr add 127.7.7.7/8 dev lo; echo \$?; ip -o addr show dev lo; ip addr del 127.7.7.7/8 dev lo"
	diff "$work/native" "$work/inside"
	grep -q 127.7.7.7 "$work/inside"
}

@test "netlink: what names a descriptor or a process of the caller's would name another's, and is refused" {
	# Of a process's number ip makes a descriptor by itself in Debian 13.
	local number=0
	! strace -qq -e trace=openat ip link set none netns $$ 2>&1 | grep -q "/proc/$$/ns/net" || number=2
	# A network of its own, by a process's number and by its file.
	there root "unshare --net sleep 1000 & other=\$!
until [ \"\$(readlink /proc/\$other/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]; do :; done
ip link add one type veth peer name two
ip link set one netns \$other; echo by number: \$?
ip link add three type veth peer name four
exec 9</proc/\$other/ns/net
ip link set three netns /proc/self/fd/9 2>/dev/null; echo by file: \$?
ip link del three
kill \$other"
	is "$(grep '^by' "$work/native" | xargs)" 'by number: 0 by file: 0'
	is "$(grep '^by' "$work/inside" | xargs)" "by number: $number by file: 2"
	# Of another PID namespace: what asks is carried out, what changes something is not.
	there root "unshare --pid --fork --mount-proc bash -c 'ip -o addr show dev lo; ip link add dummy0 type dummy; echo add: \$?'"
	is "$(grep -c 127.0.0.1 "$work/inside")" 1
	is "$(grep '^add' "$work/inside")" 'add: 2'
	is "$(jq -r 'select(.type == "unix_socket_blocked").reason' "$work/open/events.root" | sort -u)" netlink_of_pid_namespace
}

@test "vsock, raw, ping, UDP-Lite, packet, netlink: odd addresses, lengths, families, payloads" {
	local setting mode namespaces
	install -m 644 "$TOP/tests/lib/odd_families.py" "$work"
	sidecar_start
	# AGENTSH_SUITES=all: each with each.
	declare -A modes=([root]=blocking [plain]=nonblock [system]=blocking)
	namespaces=plain
	if [ "${AGENTSH_SUITES:-}" = all ]; then
		modes=([root]='blocking nonblock' [plain]='blocking nonblock' [system]='blocking nonblock')
		namespaces='plain system'
	fi
	for setting in root plain system; do
		for mode in ${modes[$setting]}; do
			there "$setting" "/usr/bin/python3 '$work/odd_families.py' ${mode#blocking}"
			echo "# $setting $mode"
			diff "$work/native" "$work/inside"
			[ "$(wc -l <"$work/native")" -ge "$([ "$setting" = root ] && echo 11000 || echo 4500)" ]
		done
	done
	# In a user namespace of their own plain users have raw and packet sockets too.
	for setting in $namespaces; do
		there "$setting" "unshare --user --map-root-user --net bash -c 'ip link set lo up
			/usr/bin/python3 \"$work/odd_families.py\" nonblock'"
		echo "# $setting, user namespace"
		diff "$work/native" "$work/inside"
		[ "$(wc -l <"$work/native")" -ge 11000 ]
	done
}

@test "MSG_FASTOPEN, sends that wait, SO_REUSEPORT, a host where nobody answers, routes that lead nowhere" {
	local name
	install -m 644 "$TOP/tests/lib/network_calls.py" "$work"
	nsenter "--target=$network" --net bash -e -c '
		ip link add one type veth peer name other
		ip addr add 203.0.113.2/24 dev one
		ip link set one up
		ip link set other up
		ip neigh add 203.0.113.1 lladdr 02:00:00:00:00:99 dev one
		ip route add unreachable 198.51.100.0/24
		ip route add prohibit 198.51.101.0/24
		ip route add blackhole 198.51.102.0/24
		echo 3 >/proc/sys/net/ipv4/tcp_fastopen'
	alike "$(for name in fastopen fastopen_connect full_send part_sent reuse nobody_there no_way odd_binds; do
		echo "echo $name; /usr/bin/python3 '$work/network_calls.py' $name"
	done)"
	[ "$(wc -l <"$work/native")" -ge 70 ]
	run -1 grep -E 'Error|after' "$work/native"
}

@test "AF_XDP: an address that names a descriptor of the caller's would name one of the worker's, and is denied" {
	cat >"$work/xdp.py" <<-'EOT'
		import ctypes, errno, socket, struct
		libc = ctypes.CDLL(None, use_errno=True)
		for flags in 0, 1:
		    made = socket.socket(44, socket.SOCK_RAW)
		    made.setsockopt(283, 2, 64)  # SOL_XDP, XDP_RX_RING
		    address = struct.pack("HHIII", 44, flags, 1, 0, 999)
		    libc.bind(made.fileno(), address, len(address))
		    print("xdp", flags, errno.errorcode[ctypes.get_errno()])
	EOT
	there root "/usr/bin/python3 '$work/xdp.py'"
	is "$(<"$work/native")" $'xdp 0 EINVAL\nxdp 1 ENOTSOCK'
	is "$(<"$work/inside")" $'xdp 0 EINVAL\nxdp 1 EACCES'
	is "$(jq -r 'select(.type == "unix_socket_blocked").reason' "$work/open/events.root")" descriptor_in_address
}

@test "a netlink message to a process shows the ids of who has sent it" {
	cat >"$work/netlink.py" <<-'EOT'
		import socket, struct
		here, there = (socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2) for _ in range(2))  # NETLINK_USERSOCK
		there.bind((0, 0))
		there.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
		here.sendto(struct.pack("IHHII", 20, 16, 0, 1, 0) + b"text", there.getsockname())
		_, control, _, _ = there.recvmsg(100, 100)
		print([struct.unpack("iii", item[2])[1:] for item in control if item[1] == 2])  # SCM_CREDENTIALS
	EOT
	chmod 644 "$work/netlink.py"
	alike "/usr/bin/python3 $work/netlink.py"
	is "$(<"$work/inside")" "[($PLAIN, $PLAIN)]"
}

@test "a call that waits: a signal interrupts it, and a limit of time ends it" {
	cat >"$work/wait.py" <<-'EOT'
		import ctypes, os, signal, socket, struct, sys, threading
		family, address = (socket.AF_UNIX, "wait.sock") if sys.argv[1] == "unix" else (socket.AF_INET, ("127.0.0.1", 7200))
		server = socket.socket(family)
		server.bind(address)
		server.listen(0)
		kept, fills = [], 0
		while True:
		    one = socket.socket(family)
		    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 300000))
		    kept.append(one)
		    try:
		        one.connect(address)
		    except OSError as error:
		        print(len(kept), error.strerror)
		        break
		class Interrupted(Exception):
		    pass
		def interrupt(*_):
		    raise Interrupted
		signal.signal(signal.SIGALRM, interrupt)
		one = socket.socket(family)
		signal.setitimer(signal.ITIMER_REAL, 0.2)
		try:
		    one.connect(address)
		    print("connected")
		except Interrupted:
		    print("interrupted")
		if family == socket.AF_INET:
		    sys.exit()
		one = socket.socket(family)
		one.setblocking(False)
		print(one.connect_ex(address))
		# By itself, since Python makes an interrupted call again: a handler that lets the kernel do so.
		library = ctypes.CDLL(None, use_errno=True)
		signal.signal(signal.SIGALRM, lambda *_: None)
		signal.siginterrupt(signal.SIGALRM, False)
		one = socket.socket(family)
		raw = struct.pack("H", family) + address.encode() + b"\0"
		signal.setitimer(signal.ITIMER_REAL, 0.2)
		threading.Timer(0.6, lambda: [server.accept() for _ in kept]).start()
		result = library.connect(one.fileno(), raw, len(raw))
		print("restarted", result, ctypes.get_errno() if result else 0)
		sys.stdout.flush()
		os._exit(0)
	EOT
	chmod 644 "$work/wait.py"
	alike "/usr/bin/python3 $work/wait.py unix
/usr/bin/python3 $work/wait.py tcp"
	is "$(grep -c interrupted "$work/inside")" 2
	grep -qx 'restarted 0 0' "$work/inside"
}
