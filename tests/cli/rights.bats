#!/usr/bin/env bats
# A socket call that is carried out for a target has the target's rights, neither more nor less: each script here
# runs without the loader and behind it, and says the same.
#
# shellcheck disable=SC2154 # set by the libraries and by run
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles
load ../lib/sockets
load ../lib/compared

GROUP=61300

setup() {
	need_root
	compared_setup
}

teardown() {
	umount -q "${work:-/none}/s/proc" || :
	[ -z "${work:-}" ] || compared_teardown
}

# Peers of root's with all kinds of modes, in $places.
serve_places() {
	local place type
	mkdir -m 700 "$work/s/closed"
	mkdir -m 710 "$work/s/group"
	chgrp "$GROUP" "$work/s/group"
	places=()
	for place in 666:open 600:root 660:ofgroup 0:none 666:closed/open 666:group/open 600:plain; do
		for type in stream dgram; do
			serve "$type" "$work/s/${place#*:}.$type" "${place%:*}"
		done
		places+=("$work/s/${place#*:}")
	done
	chgrp "$GROUP" "$work/s/ofgroup".*
	chown "$PLAIN" "$work/s/plain".*
}

# to_places: words that try each of them in each way.
to_places() {
	local place
	for place in "${places[@]}"; do
		printf '%s ' stream connect "$place.stream" dgram connect "$place.dgram" sendto "$place.dgram" \
			sendmsg "$place.dgram" sendmmsg "$place.dgram"
	done
}

@test "modes and owners: of sockets, and of the folders on the way" {
	serve_places
	sidecar_start
	same root plain system -- "$do $(to_places)
$do thread $(to_places)"
	# Enough is refused, and enough is not, for that to mean something.
	is "$(grep -c ': EACCES$' "$work/inside")" 50
	is "$(grep -c ': ok$' "$work/inside")" 20
}

@test "ids that change inside of a session: supplementary groups, nginx's and gosu's ways, capabilities" {
	local words who
	serve_places
	words=$(to_places)
	who=
	for steps in "groups $GROUP gid $PLAIN uid $PLAIN" "groups '' gid $PLAIN uid $PLAIN" "groups '' egid $GROUP euid $PLAIN" \
		"euid $PLAIN" "fsuid $PLAIN" "euid $PLAIN fsuid 0" "egid $PLAIN fsgid 0 euid $PLAIN fsuid 0" "gid $GROUP fsuid $PLAIN" nocaps "groups $GROUP nocaps" \
		"groups 1,2,3,$GROUP,$((GROUP + 1)) gid $PLAIN uid $PLAIN exec" "euid $PLAIN euid 0" "uid $PLAIN thread"; do
		who+="$do $steps $words
"
	done
	same root -- "$who"
	is "$(grep -c ': EACCES$' "$work/inside")" 180
}

@test "the ids that the file system goes by, where they are neither root's nor the effective ones" {
	serve stream "$work/s/first"
	serve stream "$work/s/second"
	chown "$((PLAIN + 1))" "$work/s/first"
	chown "$((PLAIN + 2))" "$work/s/second"
	chmod 700 "$work/s/first" "$work/s/second"
	cat >"$work/ids.py" <<-'EOT'
		import ctypes, os, socket, sys
		first, second = (os.stat(sys.argv[1] + name).st_uid for name in ("/first", "/second"))
		os.setgroups([])
		os.setresgid(first, second, second)
		os.setresuid(first, second, second)
		libc = ctypes.CDLL(None)
		libc.setfsgid(first)
		libc.setfsuid(first)
		for name in "/first", "/second":
		    try:
		        socket.socket(socket.AF_UNIX).connect(sys.argv[1] + name)
		        print(name, "ok")
		    except OSError as error:
		        print(name, error)
		socket.socket(socket.AF_UNIX).bind("made")
		print(os.stat("made").st_uid == first, os.stat("made").st_gid == first)
	EOT
	same root -- "/usr/bin/python3 '$work/ids.py' '$work/s'"
	is "$(<"$work/native")" $'/first ok\n/second [Errno 13] Permission denied\nTrue True'
}

@test "what is bound: umask, folder, owner, group" {
	local mask words=
	sidecar_start
	mkdir -m 755 "$work/s/root"
	for mask in 000 022 077 0177 0777; do
		words+="stream umask $mask bind $mask stat $mask dgram bind $mask.d stat $mask.d umask 0 "
	done
	same root plain system -- "$do $words stream bind $work/s/root/x unlink $work/s/root/x
mkdir -m 2777 set; chgrp $GROUP set 2>&1
$do stream umask 022 bind set/s stat set/s
mkdir -m 555 shut
$do stream bind shut/s stream bind 000 bind shut"
	same root -- "$do umask 0 stream groups $GROUP gid $PLAIN uid $PLAIN bind a stat a
$do umask 0 stream euid $PLAIN bind b stat b
$do umask 0 stream fsuid $PLAIN bind c stat c
$do umask 0 stream nocaps bind d stat d
chmod 755 . ; $do umask 0 stream uid $PLAIN bind e"
}

@test "places: relative, a folder that is no more, another root" {
	local words
	serve_places
	sidecar_start
	mkdir -p "$work/s/jail$work"
	words="stream connect ../../s/open.stream chdir $work/s stream connect open.stream stream connect ./../s/open.stream dgram
		connect open.dgram sendto open.dgram chdir closed stream connect open.stream"
	same root plain system -- "$do ${words//$'\n'/ }
mkdir gone; $do chdir gone unlink x say gone || :
$do stream bind mine listen stream connect mine rename mine:other stream connect other stream connect mine
mkdir d; cd d; rmdir ../d; $do stream bind x stream connect x stream connect ../x"
	same root -- "$do gid $PLAIN uid $PLAIN stream connect ../../s/open.stream dgram sendto ../../s/open.dgram stream bind x connect x
chmod 700 .; $do stream bind y listen gid $PLAIN euid $PLAIN stream connect y stream bind z"
	# What the session has bound itself is reached in any root.
	same root -- "$do root $work/open/d stream bind /s listen stream connect /s stream connect s stream connect ../../s
$do chroot $work/open/d stream bind $work/x stream bind here listen stream connect here
mkdir jail; $do stream bind s listen chroot jail chdir .. stream connect s stream connect ../../../../../../s"
}

# have_come COUNT LOG: so many, no more and no fewer.
have_come() {
	[ "$(grep -c accepted "$2")" -eq "$1" ]
}

@test "folders whose files are named by numbers, as a worker's descriptors are" {
	local number right wrong good
	mkdir "$work/s/numbers"
	serve stream "$work/s/numbers/right" 666
	right=$log
	serve stream "$work/s/numbers/wrong" 666
	wrong=$log
	for number in {0..63}; do ln "$work/s/numbers/wrong" "$work/s/numbers/$number"; done
	sidecar_start
	good="stream connect $work/s/numbers/right stream connect right stream connect ./right"
	same root plain system -- "ln -s $work/s/numbers/* . ; $do $good stream bind a stream bind ./b stream bind $work/s/none/c $good chdir \
		$work/s/numbers $good"
	# Each of them natively, and behind the policy.
	wait_for have_come 54 "$right"
	good="stream connect /own stream connect own stream connect ../own"
	same root -- "ln $work/s/numbers/[0-9]* . ; $do root $work/open/d stream bind /own listen $good stream bind c stream bind ./d \
		stream bind /none/e $good"
	is "$(grep -c '^connect .*: ok$' "$work/inside")" 6
	# Whoever came before this one is told before it.
	"$DO" stream connect "$work/s/numbers/wrong" &
	wait "$!"
	wait_for grep -q "pid=$!\$" "$wrong"
	have_come 1 "$wrong"
}

@test "a bind from another root: its event says who it was, whatever stands below /proc there" {
	local events=$work/open/events.root
	printf 'cd %q && mkdir -p "jail/proc/$$" && cd "jail/proc/$$" && echo innocent >comm && ln -s /innocent exe &&
		printf "Name:\tinnocent\nTgid:\t1\nUid:\t7\t7\t7\t7\n" >status && cd ../.. && exec %q chroot . stream bind /s\n' \
		"$work/open" "$do" >"$work/script"
	behind_filter root
	"${behind[@]}" bash "$work/script" </dev/null 3>&-
	wait_for grep -q '"type":"session_end"' "$events"
	is "$(jq -r 'select(.operation == "bind") | "\(.comm) \(.exe) \(.uid) \(.pid == .tid) \(.path)"' "$events")" \
		"socket_do $do 0 true /s"
}

# namespaced: a user of its own is made, mapped or not, and all that follows is tried.
namespaced() {
	local words
	words=$(to_places)
	printf '%s\n' "$do userns $words" "$do userns0 $words" "$do userns0 exec $words" \
		"$do umask 0777 stream bind own listen userns0 stream connect own" \
		"$do userns0 stream bind mine listen stream connect mine stat mine"
}

@test "user namespaces: never with more than without us; a namespace's capabilities are none here" {
	local setting
	serve_places
	sidecar_start
	for setting in plain system; do
		compare "$setting" "$(namespaced)"
		is "$(differences)" 'connect own: ok -> EACCES'
	done
	compare root "$(namespaced)"
	diff <(differences | sort -u) - <<-'EOT'
		connect WORK/s/none.dgram: ok -> EACCES
		connect WORK/s/none.stream: ok -> EACCES
		connect own: ok -> EACCES
		sendmmsg WORK/s/none.dgram: ok -> EACCES
		sendmsg WORK/s/none.dgram: ok -> EACCES
		sendto WORK/s/none.dgram: ok -> EACCES
	EOT
}

@test "other mount and network namespaces: what is not known there by the same name is denied" {
	serve_places
	sidecar_start
	compare root "$do mountns stream connect $work/s/open.stream over $work/s/none.stream:$work/s/open.stream stream connect $work/s/open.stream
$do mountns over $work:/mnt stream bind /mnt/open/d/x listen stream connect /mnt/open/d/x stream connect x unlink x
$do mountns over $work:/mnt stream connect /mnt/s/open.stream
$do netns stream connect $work/s/open.stream stream bind ${name}n listen stream connect ${name}n
$do stream bind ${name}o listen stream connect ${name}o netns stream connect ${name}o stream bind ${name}o"
	diff <(differences | sed "s,$name,@,") - <<-'EOT'
		connect WORK/s/open.stream: ok -> EACCES
		connect /mnt/s/open.stream: ok -> EACCES
		connect @n: ok -> EACCES
		connect @o: ECONNREFUSED -> EACCES
	EOT
}

# changed: in each way to change what a name means or what a process may, alone and after another, the session's own
# sockets and outside ones, which it has a rule for, are tried; what was bound before and what is bound there.
changed() {
	local way n=0 own outside="stream connect $work/s/open.stream dgram sendto $work/s/open.dgram sendmsg $work/s/open.dgram"
	for way in userns userns0 mountns netns "chroot $work/open/d" "root $work/open/d" "root $work" "userns0 mountns" "userns0 netns" \
		"userns0 netns mountns" "userns0 chroot $work/open/d" "userns0 root $work/open/d" "userns0 root $work" \
		"userns0 mountns root $work" "mountns over $work/s:$work/open/d/s" "userns0 mountns over $work/s:$work/open/d/s" \
		"userns0 exec userns0" "userns userns0 mountns" "uid $PLAIN userns0 netns" "uid $PLAIN userns0 mountns"; do
		n=$((n + 1))
		own="${name}old$n stream connect old stream connect /old dgram sendto oldd sendto /oldd
			stream bind new listen stream connect new stream connect /new stream bind ${name}new$n listen
			stream connect ${name}new$n stream connect /s/open.stream stream connect s/open.stream"
		echo "mkdir -p s; rm -f old oldd new $work/new; echo; echo '$way'"
		echo "$do umask 0 stream bind ${name}old$n listen stream bind old listen dgram bind oldd $way stream connect ${own//$'\n'/ } $outside"
	done
}

@test "chroot, mount, user and network namespaces, one in another: as without us, or denied" {
	local setting
	serve_places
	sidecar_start
	for setting in root plain system; do
		compare "$setting" "$(changed)"
		echo "# $setting"
		# What is not bound is not listened on either.
		sed -i '/^listen: /d' "$work/native" "$work/inside"
		differences | sed -E "s,${name}[a-z]+[0-9]+,@," | sort -u >"$work/different"
		run -1 grep -v ' -> EACCES$' "$work/different"
		# A plain user's own sidecar denies every pathname there, as agentsh.ini(5) says.
		if [ "$setting" = plain ]; then
			grep -qx 'bind new: ok -> EACCES' "$work/different"
		else
			diff "$work/different" <(printf '%s\n' 'connect /s/open.stream: ok -> EACCES' 'connect @: ECONNREFUSED -> EACCES' \
				'connect @: ok -> EACCES' 'connect s/open.stream: ok -> EACCES')
		fi
	done
}

@test "another root, where a plain user's own sidecar has no chroot(2): each denial is told" {
	serve_places
	behind_filter plain
	"${behind[@]}" "$do" userns0 chroot "$work/s" stream connect /open.stream dgram sendto /open.dgram sendmsg /open.dgram stream \
		bind /none >"$work/out" </dev/null 3>&-
	is "$(cat "$work/out")" 'connect /open.stream: EACCES
sendto /open.dgram: EACCES
sendmsg /open.dgram: EACCES
bind /none: EACCES'
	wait_for grep -q '"type":"session_end"' "$work/open/events.plain"
	is "$(jq -r 'select(.type == "unix_socket_blocked") | "\(.syscall) \(.reason)"' "$work/open/events.plain")" \
		'connect rights_not_to_be_had
sendto rights_not_to_be_had
sendmsg rights_not_to_be_had
bind rights_not_to_be_had'
}

@test "a session in a user namespace alone, whose root is none in its pid namespace, sends as without us" {
	local who
	serve_places
	chown "$PLAIN" "$work/p.ini"
	for who in '' "setpriv --reuid=$PLAIN --regid=$PLAIN --clear-groups"; do
		[ -n "$who" ] || chown 0 "$work/p.ini"
		# shellcheck disable=SC2086 # words
		compare root "$do dgram sendto $work/s/open.dgram sendmsg $work/s/open.dgram sendmmsg $work/s/open.dgram
$do dgram connect $work/s/open.dgram send claim sendmsg $work/s/open.dgram" $who unshare --user --map-root-user
	done
}

@test "what /proc hides from a target, the worker that could see it does not find for it" {
	local hidden good words
	serve stream "$work/s/open" 666
	mkdir "$work/s/proc"
	mount -t proc -o hidepid=2 proc "$work/s/proc"
	sidecar_start
	good="stream connect $work/s/open stream connect $work/s/open"
	words=$good
	for hidden in ../../open environ task ../self/../$$/comm; do
		words+=" stream connect $work/s/proc/$$/$hidden $good"
	done
	same plain system -- "$do $words
$do stream connect $work/s/proc/self/../../open $good stream connect $work/s/proc/self/environ $good"
	umount "$work/s/proc"
	is "$(grep -c ': ENOENT$' "$work/inside")" 4
	is "$(grep -c ': ok$' "$work/inside")" 15
}

@test "a thread whose number was another's a moment ago is not taken for that one" {
	cat >"$work/open/numbers.py" <<-'EOT'
		import socket, sys, threading
		ours, theirs = socket.socketpair()
		def send():
		    print(threading.get_native_id(), flush=True)
		    ours.sendmsg([b"x"])
		goes_on = True
		while goes_on:
		    thread = threading.Thread(target=send)
		    thread.start()
		    thread.join()
		    assert theirs.recv(9, socket.MSG_DONTWAIT) == b"x"
		    goes_on = sys.stdin.readline() == "on\n"
	EOT
	# Whoever tells the kernel which number comes next has to be outside of the session, and in its pid namespace.
	cat >"$work/number" <<-'EOT'
		import os, subprocess, sys
		session = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
		last, repeated = 0, 0 # a number may be free a moment later than it can be seen
		for line in session.stdout:
		    number = int(line)
		    repeated += number == last
		    while os.path.exists(f"/proc/{number}"):
		        os.sched_yield()
		    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
		        file.write(str(number - 1))
		    last = number
		    print("on" if repeated < 10 else "enough", file=session.stdin, flush=True)
		print(session.wait(), repeated)
	EOT
	behind_filter plain
	run -0 unshare --pid --fork --mount-proc /usr/bin/python3 "$work/number" "${behind[@]}" /usr/bin/python3 "$work/open/numbers.py"
	is "$output" '0 10'
}

@test "magic links of /proc are not followed" {
	serve_places
	compare plain "$do chdir $work/s stream connect /proc/self/cwd/open.stream stream connect /proc/self/root$work/s/open.stream"
	diff <(differences) - <<-'EOT'
		connect /proc/self/cwd/open.stream: ok -> EACCES
		connect /proc/self/rootWORK/s/open.stream: ok -> EACCES
	EOT
}

@test "what no rule can speak of is told, with its reason and without a rule that would not help; in audit mode too" {
	local events=$work/open/events.root tried long
	long=$(printf 'x%.0s' {1..250})
	serve_places
	tried="$do stream connect /proc/self/cwd/x bind /proc/self/cwd/x dgram sendto /proc/self/root$work/s/open.dgram
$do chroot $work/s stream connect /closed/open.stream
$do netns stream connect ${name}x
for i in {1..20}; do mkdir $long; cd $long; done; $do stream bind here"
	printf 'cd %q\n%s\n' "$work/open/d" "$tried" >"$work/script"
	mkdir -m 777 "$work/open/d"
	behind_filter root
	"${behind[@]}" bash "$work/script" </dev/null >"$work/out" 2>"$work/err" 3>&-
	run -1 grep -v ': EACCES$' "$work/out"
	wait_for grep -q '"type":"session_end"' "$events"
	is "$(jq -r 'select(.action == "denied") | "\(.operation) \(.reason) \(.path) \(.hint)"' "$events" | sed "s,$work,WORK,; s,${name:1},name,")" \
		'connect magic_link /proc/self/cwd/x null
bind magic_link /proc/self/cwd/x null
sendto magic_link /proc/self/rootWORK/s/open.dgram null
connect other_root_or_namespace /closed/open.stream null
connect other_root_or_namespace @namex null
bind nameless_path here null'
	is "$(jq 'select(.type == "session_end") | .denied' "$events")" 6
	rm "$events"
	sed -i '/^\[sandbox.seccomp.unix_socket\]/a action = audit' "$work/p.ini"
	"${behind[@]}" bash "$work/script" </dev/null >"$work/out" 3>&-
	wait_for grep -q '"type":"session_end"' "$events"
	is "$(jq -r 'select(.type == "unix_socket_audit") | "\(.operation) \(.reason) \(.action)"' "$events")" \
		'connect magic_link allowed
bind magic_link allowed
sendto magic_link allowed
connect other_root_or_namespace allowed
connect other_root_or_namespace allowed
bind nameless_path allowed'
}

# seen: what the peers have seen since the last time, in lines that are the same each time: T is the process of the
# target, or its pidfd, S the sidecar's.
seen() {
	news | sed "s/pid=$target /pid=T /; s/pidfd=$target /pidfd=T /" | sed -E 's/(pid|pidfd)=[0-9]+/\1=S/g'
}

news() {
	tail -qn +$((stream_told + 1)) "$stream_log"
	tail -qn +$((dgram_told + 1)) "$dgram_log"
}

# peers_of SETTING: what they see of it, in $native_seen and $inside_seen. The target lives until it has been seen.
peers_of() {
	local how
	for how in native inside; do
		if [ "$how" = native ]; then behind "${1/system/plain}"; else behind_filter "$1"; fi
		rm -f "$work/open/seen"
		stream_told=$(wc -l <"$stream_log") dgram_told=$(wc -l <"$dgram_log")
		# shellcheck disable=SC2086 # words
		outside "${behind[@]}" bash -c 'echo pid $$; exec "$@"' bash "$do" $calls say told await "$work/open/seen"
		wait_for grep -qx told "$log"
		target=$(sed -n 's/^pid //p' "$log")
		sed '/^pid /d' "$log" >"$work/$how"
		wait_for all_seen
		seen >"$work/$how.seen"
		touch "$work/open/seen"
		wait "$peer"
	done
	diff "$work/native" "$work/inside"
}

all_seen() {
	[ "$(news | grep -c '^received')" = "$(grep -cE '^(send|rights|claim).*: ok$' "$work/$how")" ]
}

@test "who a peer sees: uid and gid always, pid and pidfd where the kernel lets them be given" {
	serve stream "$work/s/stream" 666
	stream_log=$log
	serve dgram "$work/s/dgram" 666
	dgram_log=$log
	sidecar_start
	calls="stream connect $work/s/stream peer rights send claim $PLAIN claim 0 claim 7
		dgram sendto $work/s/dgram connect $work/s/dgram send claim $PLAIN claim 0 claim 7 rights"
	for setting in root system; do
		peers_of "$setting"
		# The peer of a stream alone is the sidecar's.
		diff <(sed 's/^\(accepted.*\)pid=T$/\1pid=S/' "$work/native.seen") "$work/inside.seen"
		grep -q 'pid=T pidfd=T fds=1$' "$work/inside.seen"
	done
	# As a plain user's own sidecar cannot say that it is another process, each message that it sends is its own.
	peers_of plain
	diff <(sed 's/pid=T/pid=S/; s/pidfd=T/pidfd=S/' "$work/native.seen") \
		<(sed 's/pid=T/pid=S/; s/pidfd=T/pidfd=S/' "$work/inside.seen")
	is "$(grep -c 'pid=T' "$work/inside.seen")" 2
}
