#!/usr/bin/env bats
# Unix sockets behind a policy: what rules and defaults let through, what is a session's own, what is told of it.
#
# shellcheck disable=SC2154,SC2030,SC2031 # a test is a subshell; set by lib/sockets.bash and by run
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/sockets

setup() {
	sockets_setup
	types=(stream dgram seqpacket)
}

teardown() {
	sockets_teardown
}

serve_all() {
	local type
	for type in "${types[@]}"; do
		serve "$type" "$work/$type"
		serve "$type" "$name.$type"
	done
}

# every_operation: what socket_do is to do, in $words; on what is outside, and on names that are not there yet.
every_operation() {
	local type send address
	words=()
	for type in "${types[@]}"; do
		for address in "$work/$type" "$name.$type"; do
			words+=("$type" connect "$address" "$type" bind "$address.new")
		done
	done
	for send in sendto sendmsg sendmmsg; do
		for address in "$work/dgram" "$name.dgram"; do words+=(dgram "$send" "$address"); done
	done
}

# wanted RESULT-OF-BIND RESULT-OF-OTHERS: what it then says.
wanted() {
	local i
	for ((i = 0; i < ${#words[@]}; i += 3)); do
		case ${words[i + 1]} in
		bind) echo "bind ${words[i + 2]}: $1" ;;
		*) echo "${words[i + 1]} ${words[i + 2]}: $2" ;;
		esac
	done
}

@test "each operation, type and kind of name: by rule, and by default where no rule speaks" {
	local default decision bind other rule
	serve_all
	every_operation
	for default in session user allow deny; do
		for decision in none allow deny; do
			rule=$'\n[unix_socket_rules.these]\n'"paths = $work/*, $name.*"$'\n'"decision = $decision"
			bind=ok other=EACCES
			case $decision.$default in
			none.deny) bind=EACCES ;;
			none.allow | allow.*) other=ok ;;
			deny.*) bind=EACCES ;;
			esac
			[ "$decision" != none ] || rule=
			rules "default = $default$rule"
			echo "# $default $decision"
			diff <(wanted "$bind" "$other") <(inside "${words[@]}")
			rm -f "$work"/*.new
		done
	done
}

@test "a rule speaks of its operations alone; the first that matches decides" {
	local address
	serve_all
	every_operation
	for address in connect bind sendto; do
		rules $'default = deny\n[unix_socket_rules.one]\n'"paths = $work/*, $name.*
operations = $address
[unix_socket_rules.two]
paths = $work/**, $name**
operations = $address
decision = deny"
		inside "${words[@]}" >"$work/said"
		case $address in
		sendto) address=send ;;
		esac
		is "$(grep -c "^$address" "$work/said")" 6
		is "$(grep "^$address" "$work/said" | grep -vc ': ok$')" 0
		is "$(grep -v "^$address" "$work/said" | grep -vc ': EACCES$')" 0
		rm -f "$work"/*.new
	done
	rules $'[unix_socket_rules.one]\n'"paths = $work/stream
decision = deny
[unix_socket_rules.two]
paths = $work/*"
	is "$(inside stream connect "$work/stream" seqpacket connect "$work/seqpacket")" \
		"connect $work/stream: EACCES
connect $work/seqpacket: ok"
}

@test "what is not there, and what is no socket: the kernel's own errno" {
	local words
	serve stream "$work/stream"
	mkdir "$work/folder"
	touch "$work/file"
	ln -s loop "$work/loop"
	ln -s nothing "$work/dangling"
	words=(stream connect "$work/none" connect "$work/none/none" connect "$work/file/x" dgram sendto "$work/none"
		dgram connect "$work/stream" stream bind "$work/none/x" bind "$work/file/x" bind "$work/stream"
		bind "$work/folder" bind "$work/dangling" bind "$work/loop/x" connect "$work/loop" connect "$work/file" connect
		"$work/folder" connect "$work/dangling" bind "$work/new/" bind "$work/." bind / fd 99 connect "$work/x" fd 0
		connect "$work/x" stream length 1 connect "$work/x" length -1 connect "$work/x" length 111 connect
		"$work/x" length 129 connect "$work/x" length 70000 connect "$work/x" pointer 8 connect "$work/x" fd 99 pointer 8 connect "$work/x" stream
		connect unspec connect 4:127.0.0.1:9 length 2 connect "" bind unspec dgram connect unspec)
	rules $'[unix_socket_rules.one]\n'"paths = $work/**"
	diff <("$DO" "${words[@]}" </dev/null) <(inside "${words[@]}" </dev/null)
	# Also where no rule has it: nobody is there.
	words=(stream connect "$work/file" connect "$work/folder" connect "$work/dangling" dgram connect "$work/file" sendto "$work/folder"
		sendmsg "$work/file")
	rules ''
	diff <("$DO" "${words[@]}" </dev/null) <(inside "${words[@]}" </dev/null)
	is "$(events 'select(.type == "unix_socket_blocked")')" ''
}

@test "more bound at once than a session has room for: bound all the same, told as what it is, and reached no more" {
	rules ''
	session /usr/bin/python3 -c 'import socket
kept = []
for number in range(1030):
    kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    kept[-1].bind(f"\0'"${name:1}"'{number}")
try:
    kept[0].sendto(b"", f"\0'"${name:1}"'1029")
except PermissionError:
    print("denied")' >"$work/said"
	is "$(<"$work/said")" denied
	is "$(events 'select(.reason == "too_many_bindings") | [.type, .operation, .action]' | sort | uniq -c | tr -s ' ')" \
		' 6 ["unix_socket_allowed","bind","allowed"]'
	is "$(events 'select(.type == "session_end") | .denied')" 1
}

@test "a session's own sockets: reached by its other processes, also after the binder has gone" {
	serve stream "$work/stream"
	cat >"$work/script" <<-EOT
		cd $work
		for address in $work/own ${name}own; do
			for type in stream dgram seqpacket; do
				$SERVE \$type \$address >own.log &
				until grep -qsx ready own.log; do sleep 0.01; done
				$DO \$type connect \$address fork \$type connect \$address thread \$type connect \$address
				kill \$!
				wait \$!
				rm -f own own.log
			done
			# Its binder ends; one that has inherited it lives on.
			$DO stream bind \$address listen fork stream connect \$address exec stream connect \$address
			rm -f own
		done
		$DO stream bind ./relative listen stream connect $work/relative rename relative:moved stream connect moved
		$DO stream connect $work/moved stream connect $work/stream
	EOT
	run -0 session bash "$work/script"
	is "$(grep -c ': ok$' <<<"$output")" 27
	is "$(grep -v ': ok$' <<<"$output")" "connect $work/moved: ECONNREFUSED
connect $work/stream: EACCES"
}

@test "a session's own sockets: a name that the kernel has chosen" {
	cat >"$work/script" <<-EOT
		$DO stream bind "" listen named fork await $work/go >$work/chosen &
		until [ -s $work/chosen ]; do sleep 0.01; done
		$DO stream connect "\$(sed -n 's/^named //p' $work/chosen)"
		touch $work/go
		wait
	EOT
	run -0 session bash "$work/script"
	[[ $output == 'connect @'[0-9a-f]*': ok' ]]
}

@test "not a session's own: what another session has bound, and what an outsider has put in its place" {
	local other
	outside "$EXEC" -f "$work/p.ini" --sidecar=private "--events=$work/other" -- "$DO" stream bind "$work/theirs" \
		listen stream bind "${name}theirs" listen say ready await "$work/end"
	other=$peer
	wait_for grep -qx ready "$log"
	is "$(inside stream connect "$work/theirs" connect "${name}theirs")" \
		"connect $work/theirs: EACCES
connect ${name}theirs: EACCES"
	touch "$work/end"
	wait "$other"

	outside session "$DO" stream bind "$work/mine" listen stream bind "${name}mine" listen say ready \
		fork stream connect "$work/mine" stream connect "${name}mine" exec say begun fd -1 await "$work/go" \
		stream connect "$work/mine" stream connect "${name}mine"
	other=$peer
	wait_for grep -qx begun "$log"
	is "$(grep -c ': ok$' "$log")" 4
	"$DO" stream connect "${name}mine"
	# The name of the path is an outsider's socket now; the abstract one is still held.
	serve stream "$work/outside"
	mv "$work/outside" "$work/mine"
	touch "$work/go"
	wait "$other"
	is "$(tail -n 2 "$work/log.1")" "connect $work/mine: EACCES
connect ${name}mine: ok"
}

@test "not a session's own: what it puts in the place of a name that it has just bound" {
	local way
	cat >"$work/race.py" <<-'EOT'
		import os, signal, socket, sys
		name, denied, kind = sys.argv[1], sys.argv[2], getattr(socket, sys.argv[3])
		# In the place of what has just been bound: a link to the peer's.
		racer = os.fork()
		while racer == 0:
		    try:
		        os.stat(name)
		        os.link(denied, name + ".link")
		        os.rename(name + ".link", name)
		    except FileNotFoundError:
		        pass
		    except FileExistsError:
		        os.unlink(name + ".link")
		for turn in range(300):
		    child = os.fork()
		    if child == 0:
		        own = socket.socket(socket.AF_UNIX, kind)
		        other = socket.socket(socket.AF_UNIX, kind)
		        try:
		            own.bind(name)
		            other.connect(name)
		            other.send(b"reached")
		        except OSError:
		            pass
		        os._exit(0)
		    os.waitpid(child, 0)
		    try:
		        os.unlink(name)
		    except FileNotFoundError:
		        pass
		os.kill(racer, signal.SIGKILL)
		os.waitpid(racer, 0)
		print("over")
	EOT
	for way in stream dgram; do
		serve "$way" "$work/$way"
		run -0 session python3 "$work/race.py" "$work/mine" "$work/$way" "SOCK_${way^^}"
		is "$output" over
		is "$way $(<"$log")" "$way ready"
	done
	# Of a socket in another network namespace than the sidecar's the kernel does not say where it is bound.
	outside "$BUILD/agentsh-sidecar" "--socket=$work/socket" "--events=$work/all"
	wait_for listens "$work/socket"
	serve stream "$work/apart"
	run -0 unshare --net "$EXEC" -f "$work/p.ini" "--sidecar=$work/socket" -- python3 "$work/race.py" "$work/mine" "$work/apart" SOCK_STREAM
	is "$output" over
	is "$(<"$log")" ready
	is "$(unshare --net "$EXEC" -f "$work/p.ini" "--sidecar=$work/socket" -- "$DO" stream bind "$work/later" listen stream connect "$work/later")" \
		"bind $work/later: ok
connect $work/later: ok"
}

# write_outsider: a script that takes an abstract name as soon as it is free, and says who connects.
write_outsider() {
	cat >"$work/outsider.py" <<-'EOT'
		import socket, sys, time
		while True:
		    try:
		        own = socket.socket(socket.AF_UNIX)
		        own.bind("\0" + sys.argv[1])
		        break
		    except OSError:
		        time.sleep(0.001)
		own.listen(5)
		print("bound", flush=True)
		while True:
		    own.accept()
		    print("reached", flush=True)
	EOT
}

# taken_by_outsider NAME INJECTION: that of the session's own is closed, and taken by an outsider, while the worker, which
# connects to it for the session, is kept by strace(1). Leaves what the session says in $work/said.
taken_by_outsider() {
	local worker running
	cat >"$work/taken.py" <<-'EOT'
		import os, socket, sys, threading, time
		name = "\0" + sys.argv[1]
		own = socket.socket(socket.AF_UNIX)
		own.bind(name)
		own.listen(5)
		print("up", flush=True)
		sys.stdin.readline()
		other = socket.socket(socket.AF_UNIX)
		thread = threading.Thread(target=lambda: print(other.connect_ex(name), flush=True))
		thread.start()
		# The worker waits where it is kept.
		time.sleep(0.2)
		own.close()
		thread.join()
	EOT
	write_outsider
	mkfifo "$work/go"
	exec {held}<>"$work/go"
	rm -f "$work/events"
	session python3 "$work/taken.py" "$1" <"$work/go" >"$work/said" {held}>&- &
	running=$!
	wait_for grep -qx up "$work/said"
	worker=$(pgrep -P "$(pgrep -nf -- "--private --events=$work/events")" -f -- --role=worker)
	outside strace -f -o "$work/trace" -e "inject=$2" -p "$worker"
	wait_for grep -q attached "$log"
	outside python3 "$work/outsider.py" "$1"
	echo >&"$held"
	wait_for grep -qx bound "$log"
	exec {held}>&-
	wait "$running"
}

@test "not a session's own: an abstract name that an outsider takes while it is connected to" {
	taken_by_outsider "${name}own" connect:delay_enter=600000
	is "$(tail -n 1 "$work/said")" 0
	is "$(<"$log")" bound
}

# The worker is kept where it is about to take hold of the name's socket: that has been closed when it does.
@test "not a session's own: an abstract name that an outsider takes before it is held" {
	taken_by_outsider "${name}own" 'pidfd_getfd:delay_enter=600000:when=2'
	is "$(tail -n 1 "$work/said")" 111
	is "$(<"$log")" bound
}

@test "the session's own abstract name with a full backlog: closed, bound again, a limit, and an outsider that waits for it" {
	local running
	cat >"$work/full.py" <<-'EOT'
		import errno, os, socket, struct, sys, threading, time
		name, outsider = "\0" + sys.argv[1], len(sys.argv) > 2
		def full():
		    own = socket.socket(socket.AF_UNIX)
		    own.bind(name)
		    own.listen(0)
		    waiting = []
		    while True:
		        waiting.append(socket.socket(socket.AF_UNIX))
		        waiting[-1].setblocking(False)
		        if waiting[-1].connect_ex(name) == errno.EAGAIN:
		            return own, waiting
		own, waiting = full()
		# SO_SNDTIMEO, which is several times as long as a name is held.
		other = socket.socket(socket.AF_UNIX)
		other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 400000))
		began = time.monotonic()
		print("a limit:", errno.errorcode[other.connect_ex(name)], time.monotonic() - began >= 0.4)
		said = []
		other = socket.socket(socket.AF_UNIX)
		thread = threading.Thread(target=lambda: said.append(other.connect_ex(name)))
		thread.start()
		time.sleep(0.3)
		print("it waits:", said == [])
		own.accept()
		thread.join()
		print("room:", said)
		thread = threading.Thread(target=lambda: said.append(socket.socket(socket.AF_UNIX).connect_ex(name)))
		thread.start()
		time.sleep(0.2)
		if outsider:
		    print("up", flush=True)
		    sys.stdin.readline()
		own.close()
		if not outsider:
		    own = socket.socket(socket.AF_UNIX)
		    own.bind(name)
		    own.listen(5)
		    print("bound again")
		thread.join()
		print("the one that waited:", said[1] in (0, errno.ECONNREFUSED, errno.EACCES) if outsider else said[1] in (0, errno.ECONNREFUSED))
	EOT
	run -0 session timeout 20 python3 "$work/full.py" "${name}own"
	is "$output" 'a limit: EAGAIN True
it waits: True
room: [0]
bound again
the one that waited: True'
	write_outsider
	mkfifo "$work/go"
	exec {held}<>"$work/go"
	session timeout 20 python3 "$work/full.py" "${name}own" outsider <"$work/go" >"$work/said" {held}>&- &
	running=$!
	wait_for grep -qx up "$work/said"
	outside python3 "$work/outsider.py" "${name}own"
	echo >&"$held"
	wait_for grep -qx bound "$log"
	exec {held}>&-
	wait "$running"
	is "$(tail -n 1 "$work/said")" 'the one that waited: True'
	is "$(<"$log")" bound
}

@test "not a session's own: an abstract name that an outsider has taken since, a link to a socket outside" {
	serve stream "$work/stream"
	cat >"$work/script" <<-EOT
		$DO stream bind ${name}mine listen stream connect ${name}mine
		touch $work/free
		$DO await $work/taken stream connect ${name}mine
		ln $work/stream $work/hard
		ln -s stream $work/soft
		$DO stream connect $work/hard stream connect $work/soft
	EOT
	outside bash -c "until [ -e $work/free ]; do sleep 0.01; done; exec $SERVE stream ${name}mine"
	outside bash -c "until grep -qx ready $work/log.1; do sleep 0.01; done; touch $work/taken"
	run -0 session bash "$work/script"
	is "$output" "bind ${name}mine: ok
connect ${name}mine: ok
connect ${name}mine: EACCES
connect $work/hard: EACCES
connect $work/soft: EACCES"
}

@test "datagram = deny: no Unix datagram socket is made, and sendmsg is the kernel's alone" {
	local kind
	serve stream "$work/stream"
	rules $'datagram = deny\n[unix_socket_rules.one]\n'"paths = $work/*"
	is "$(inside dgram stream connect "$work/stream" sendmsg "" seqpacket bind "$work/new" udp connect 4:127.0.0.1:9)" \
		"dgram: EACCES
connect $work/stream: ok
sendmsg: ok
bind $work/new: ok
connect 4:127.0.0.1:9: ok"
	run -0 "$CTL" explain --syscall sendmsg "$work/p.ini"
	[[ $output == *allow*'nothing blocks it' ]]
	run -0 session python3 -c 'import socket
try:
	socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
except PermissionError:
	print("refused")
socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)'
	is "$output" refused
	# Nor is one inherited, connected or not; another is.
	run -125 --separate-stderr python3 -c 'import os, socket, sys
peers = socket.socketpair(socket.AF_UNIX, getattr(socket, sys.argv[1]))
os.dup2(peers[0].fileno(), 19)
os.execv(sys.argv[2], sys.argv[2:])' SOCK_DGRAM "$EXEC" -f "$work/p.ini" -- touch "$work/ran"
	[[ $stderr == *'descriptor 19: an inherited Unix socket that no peer is fixed to'* ]]
	[ ! -e "$work/ran" ]
	for kind in SOCK_STREAM SOCK_SEQPACKET; do
		run -0 python3 -c 'import os, socket, sys
one = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[1]))
os.dup2(one.fileno(), 19)
os.execv(sys.argv[2], sys.argv[2:])' "$kind" "$EXEC" --events="$work/events" -f "$work/p.ini" -- test -e /proc/self/fd/19
	done
}

@test "audit: as without us, and what would be blocked is told" {
	local text address
	serve_all
	every_operation
	words+=(stream connect "$work/none" bind "$work/stream")
	"$DO" "${words[@]}" >"$work/native"
	rm -f "$work"/*.new
	for text in 'action = audit' $'[sandbox.seccomp]\nmode = audit'; do
		rules "$text"
		diff "$work/native" <(inside "${words[@]}")
		rm -f "$work"/*.new
		is "$(events 'select(.type | startswith("unix_socket")) | .type' | sort -u)" '"unix_socket_audit"'
		# Six connects, three sends to each of two names; binding is allowed.
		is "$(events 'select(.reason == "would_be_blocked") | .action' | sort | uniq -c | tr -s ' ')" ' 12 "allowed"'
		for address in "$work/stream" "$name.dgram"; do
			events 'select(.reason == "would_be_blocked") | .path' | grep -qxF "\"$address\""
		done
		is "$(events 'select(.type == "session_end") | [.denied, .killed]')" '[0,0]'
	done
}

@test "events: a denial has its operation, type, name, rule and hint, and the service that it is of" {
	serve dgram "$work/dgram"
	mkdir -p "$work/run"
	rules $'[unix_socket_rules.never]\n'"paths = $work/n*
decision = deny"
	inside dgram sendto "$work/dgram" stream connect /dev/null connect "$work/none" bind "$work/never" \
		connect "@/tmp/.X11-unix/X99" connect "${name}x"
	is "$(events 'select(.type == "unix_socket_blocked") | [.syscall, .operation, .socket_type, .path, .service, .rule, .hint, .reason, .action]')" \
		"[\"sendto\",\"sendto\",\"dgram\",\"$work/dgram\",null,\"a built-in default\",\"[unix_socket_rules.dgram] paths = $work/dgram\",\"blocked_by_policy\",\"denied\"]
[\"bind\",\"bind\",\"stream\",\"$work/never\",null,\"$work/p.ini:8\",\"[unix_socket_rules.never-2] paths = $work/never, before [unix_socket_rules.never]\",\"blocked_by_policy\",\"denied\"]
[\"connect\",\"connect\",\"stream\",\"@/tmp/.X11-unix/X99\",\"x11\",\"a built-in default\",\"[unix_socket_rules.x11] services = x11\",\"blocked_by_policy\",\"denied\"]
[\"connect\",\"connect\",\"stream\",\"${name}x\",null,\"a built-in default\",\"[unix_socket_rules.${name#@}x] paths = ${name}x\",\"blocked_by_policy\",\"denied\"]"
}

@test "events: log = all, denied, none" {
	local log
	serve stream "$work/stream"
	for log in 'all 2' 'denied 1' 'none 0'; do
		rules "log = ${log% *}"
		inside stream connect "$work/stream" stream bind "$work/new"
		rm "$work/new"
		is "$(events 'select(.type | startswith("unix_socket")) | .type' | wc -l)" "${log#* }"
		is "$(events 'select(.type == "session_end") | .denied')" 1
	done
}

@test "events: identical repeats are counted, with their seq; no seq is missing" {
	local i words=() before after
	serve stream "$work/stream"
	for ((i = 0; i < 60; i++)); do words+=(connect "$work/stream"); done
	inside stream "${words[@]}" connect "${name}x"
	is "$(events 'select(.type == "unix_socket_blocked") | .path' | sort -u | wc -l)" 2
	# Every attempt is either an event of its own or counted.
	before=$(events 'select(.type == "unix_socket_blocked") | .seq' | wc -l)
	after=$(events 'select(.type == "events_suppressed") | .count' | awk '{n += $1} END {print n + 0}')
	is "$((before + after))" 61
	[ "$before" -lt 10 ]
	is "$(events 'select(.type == "session_end") | .denied')" 61
	diff <(events 'if .type == "events_suppressed" then .seq, range(.first_seq; .last_seq + 1) else .seq end' | sort -n) \
		<(seq "$(events 'select(.type == "session_end") | .seq')")
}

@test "--sidecar=none: refused where sockets are to be mediated" {
	run -125 --separate-stderr "$EXEC" -f "$work/p.ini" --sidecar=none -- true
	# shellcheck disable=SC2154 # by run
	[[ $stderr == 'agentsh-exec: '*'unix_socket.enabled = true'* ]]
	printf '[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix\n' >"$work/p.ini"
	run -0 "$EXEC" -f "$work/p.ini" --sidecar=none -- "$DO" stream
	is "$output" 'stream: EACCES'
}

# enters COMMAND...: what io_uring_enter(2) says of a ring that was made before, behind the policy: 0, or the errno.
enters() {
	"$PROGRAMS/with_fd" io_uring 9 "$EXEC" -f "$work/p.ini" --sidecar=private -- python3 -c 'import ctypes
c = ctypes.CDLL(None, use_errno=True)
for call in (425, 426, 427):
	print(ctypes.get_errno() if c.syscall(call, 9, 0, 0, 0, 0, 0) < 0 else 0)' 3>&-
}

@test "io_uring: closed, also a ring that was made before; open in audit mode" {
	is "$(enters)" $'38\n38\n38'
	rules 'action = audit'
	# No address to set up or register from: EFAULT; nothing to enter: done.
	is "$(enters)" $'14\n0\n14'
}

# of_user POLICY WORD...: a session with the sidecar at $work/socket.
of_user() {
	"$EXEC" -f "$1" "--sidecar=$work/socket" -- "$DO" "${@:2}" 3>&-
}

@test "default = user: what other sessions of the same user and policy have bound, and no other's" {
	rules 'default = user'
	cp "$work/p.ini" "$work/same.ini"
	cp "$work/p.ini" "$work/other.ini"
	echo '; another policy' >>"$work/other.ini"
	outside "$BUILD/agentsh-sidecar" "--socket=$work/socket" "--events=$work/all"
	wait_for listens "$work/socket"
	serve stream "$work/stream"
	outside of_user "$work/p.ini" stream bind "$work/theirs" listen stream bind "${name}theirs" listen \
		say bound await "$work/end"
	wait_for grep -qx bound "$log"
	for policy in p same other; do
		of_user "$work/$policy.ini" stream connect "$work/theirs" stream connect "${name}theirs" stream connect "$work/stream"
	done >"$work/said"
	touch "$work/end"
	wait "$peer"
	is "$(sed 's/.*: //' "$work/said" | paste -sd ' ')" 'ok ok EACCES ok ok EACCES EACCES EACCES EACCES'
	# And forgotten with the session.
	outside "$DO" stream bind "${name}theirs" listen say bound await "$work/never"
	wait_for grep -qx bound "$log"
	is "$(of_user "$work/p.ini" stream connect "${name}theirs")" "connect ${name}theirs: EACCES"
}

@test "as many calls under way as a session may have: a blocked call is answered all the same" {
	local count policy
	policy=$(supervised $'[sandbox.seccomp.unix_socket]\nenabled = true\n[sandbox.seccomp.syscalls]\non_block = log_and_kill')
	for count in '20 0' '80 10'; do
		: >"$EVENTS"
		# shellcheck disable=SC2086 # two words
		run -0 --separate-stderr "$EXEC" -f "$policy" -- "$PROGRAMS/many_waiting" $count
		is "$output" 'signal 9'
		wait_for grep -q '"type":"session_end"' "$EVENTS"
		is "$(jq -r 'select(.type == "seccomp_blocked") | .syscall' "$EVENTS")" umount2
	done
	# Beyond them, what would have to wait is refused, and told: once a second, the others are counted.
	is "$(jq -s '([.[] | select(.reason == "too_many_calls")] | length) as $told
		| [.[] | select(.type == "events_suppressed" and .reason == "rate").count] | add as $counted
		| "\($told < $counted) \($told + $counted >= 10)"' -r "$EVENTS")" 'true true'
}
