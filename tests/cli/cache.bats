#!/usr/bin/env bats
# The cache of built programs: when one is loaded, when none is, and that a session is the same either way.
#
# shellcheck disable=SC2016,SC2086,SC2154 # an inner shell expands; LOADER is two words; run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/supervised

setup() {
	need_root
	cd "$BATS_TEST_TMPDIR" || return
	export CTL PROGRAMS TOP LOADER="$EXEC_STATIC --sidecar=none" CACHE=/var/cache/agentsh-exec
	declare -f is forged believed refused >functions
	policy $'[sandbox.seccomp.syscalls]\non_block = errno\nblock = uname' >strict
	policy $'[sandbox.seccomp.syscalls]\non_block = errno\nblock = acct' >lax
	mv "$(<strict)" strict.ini
	mv "$(<lax)" lax.ini
	chmod 755 . && chmod 644 strict.ini
}

# own_cache SCRIPT: with a /var/cache of its own: nothing of this machine's is read or written.
own_cache() {
	unshare --mount --propagation private bash -c 'mount -t tmpfs -o mode=755 none /var/cache && exec bash -c "$1"' \
		own_cache ". ./functions && set -euo pipefail
$1"
}

# forged [FIELD=VALUE...]: in place of strict.ini's entry one as only root can write it: a good one, whose program is
# lax.ini's. Whoever goes by it can call uname.
forged() {
	local strict lax
	strict=$("$CTL" cache strict.ini)
	lax=$("$CTL" cache lax.ini)
	python3 "$TOP/tests/lib/program_entry.py" "$strict" "$lax" "$strict" "$@"
	rm "$lax"
}

# believed [COMMAND...]: does a loader with strict.ini, or $POLICY, go by what is in the cache?
believed() {
	local status=0
	"$@" $LOADER -f "${POLICY:-strict.ini}" uname >out 2>err || status=$?
	[ "$status" -le 1 ] || is "$status $(<err)" 'uname, which succeeds or is refused'
	[ "$status" -eq 0 ] || [[ $(<err) == *'cannot get system name'* ]] || is "$(<err)" "uname's own words"
	[ "$status" -eq 0 ]
}

refused() {
	! believed "$@" || is "$*: an entry that is believed" 'the policy itself'
}

@test "cache: what is kept is the program of the policy, and it is what is loaded" {
	own_cache 'entry=$("$CTL" cache strict.ini)
is "$(stat -c "%u %a" "$entry") $(stat -c "%u %a" "$CACHE")" "0 644 0 755"
# Behind its head: what export writes.
"$CTL" export --format=bpf strict.ini >program
tail -c +89 "$entry" | head -c "$(stat -c %s program)" | cmp - program
refused
forged
believed
is "$(ls -A "$CACHE")" "${entry##*/}"'
}

@test "cache: everybody's session goes by it, whoever owns the file with that text" {
	own_cache 'forged
cp strict.ini theirs.ini
chown 65534 theirs.ini
believed setpriv --reuid=65534 --regid=65534 --clear-groups
setpriv --reuid=65534 --regid=65534 --clear-groups $LOADER -f theirs.ini uname'
}

@test "cache: one byte of the text is another: the policy itself" {
	own_cache 'forged
believed
echo >>strict.ini
refused
sed -i "\$d" strict.ini
believed
sed -i "s/uname/Uname/" strict.ini
[[ $($LOADER -f strict.ini uname 2>&1 || true) == *"strict.ini:3: unknown system call"* ]]'
}

@test "cache: another tool, library or architecture, another hash, a text of the same length: the policy itself" {
	own_cache 'forged
believed
for change in magic=AGSHPROH "tool=0.1.1 0123456789abcdef" tool= arch=0xc00000b7 library=0x020505 length=0 \
	"text=$(tr a-z A-Z <strict.ini)x" text= count=0 count=1 count=4097 count=0xffffffff count=0x20000001 sum=0; do
	forged "$change"
	refused
done
forged
believed'
}

@test "cache: each byte of an entry that has changed, and each that is missing, makes it none" {
	own_cache 'forged
cp "$CACHE"/* good
entry=$(echo "$CACHE"/*)
size=$(stat -c %s good)
for ((at = 0; at < size; at += at < 88 ? 3 : 17)); do
	cp good "$entry"
	printf "\\x$(printf %02x $((0x$(od -An -tx1 -j $at -N 1 good | tr -d " ") ^ 0x41)))" |
		dd of="$entry" bs=1 seek=$at conv=notrunc status=none
	refused
	head -c $at good >"$entry"
	refused
done
{ cat good && echo; } >"$entry"
refused
cp good "$entry"
believed'
}

@test "cache: what is not root's alone is nobody's" {
	own_cache 'forged
entry=$(echo "$CACHE"/*)
believed
chmod g+w "$entry" && refused && chmod g-w "$entry"
chmod o+w "$entry" && refused && chmod o-w "$entry"
chown 65534 "$entry" && refused && chown 0 "$entry"
chmod g+w "$CACHE" && refused && chmod g-w "$CACHE"
chmod o+w "$CACHE" && refused && chmod +t "$CACHE" && refused && chmod o-w,-t "$CACHE"
chown 65534 "$CACHE" && refused && chown 0 "$CACHE"
believed
mv "$entry" good
ln -s "$PWD/good" "$entry" && refused && rm "$entry"
mkfifo "$entry" && refused && rm "$entry"
mkdir "$entry" && refused && rmdir "$entry"
cp good "$entry" && believed
mv "$CACHE" /var/cache/theirs
ln -s theirs "$CACHE"
refused'
}

@test "cache: a policy that not even a session of root's could change has no entry that one could have made" {
	own_cache 'forged
mkdir fixed
mount -t tmpfs none fixed
cp strict.ini fixed
POLICY=fixed/strict.ini
believed
mount -o remount,ro,bind fixed
refused
POLICY=strict.ini believed
mount --bind /var/cache /var/cache
mount -o remount,ro,bind /var/cache
believed'
}

@test "cache: who cannot read a policy does not read it there" {
	own_cache 'chmod 600 strict.ini
forged
is "$(stat -c %a "$CACHE"/*)" 600
believed
refused_them() {
	! setpriv --reuid=65534 --regid=65534 --clear-groups cat "$CACHE"/* 2>/dev/null
}
refused_them
chown 65534 strict.ini
refused setpriv --reuid=65534 --regid=65534 --clear-groups'
}

@test "cache: behind a filter it is looked for by calls that a loader makes anyway" {
	policy $'[sandbox.seccomp.syscalls]\nblock = lstat openat2 statx' >outer
	mv "$(<outer)" outer.ini
	own_cache '$LOADER -f outer.ini -- $LOADER -f strict.ini true
"$CTL" cache strict.ini
$LOADER -f outer.ini -- $LOADER -f strict.ini true'
}

@test "cache: the key counts for nothing where a sidecar is, or the library that reports" {
	policy $'[sandbox.seccomp.unix_socket]\nenabled = false\n[sandbox.seccomp.syscalls]\non_block = errno\nblock = uname\n[sidecar]\nsocket = /nonexistent/sidecar.sock' >strict
	cp "$(<strict)" strict.ini
	export EVENTS SIDECAR=$BUILD/agentsh-sidecar
	own_cache 'forged
believed
! ${LOADER%% *} --sidecar=private --events="$EVENTS" -f strict.ini uname 2>err
[[ $(<err) == *"cannot get system name"* ]]
! $LOADER --shim -f strict.ini uname 2>err
[[ $(<err) == *"cannot get system name"* ]]'
}

@test "cache: in a session the policy itself counts, also where one is kept for it" {
	export EVENTS
	own_cache 'forged
believed
printf "[sandbox.seccomp.unix_socket]\nenabled = false\n[sidecar]\nsocket = /nonexistent/sidecar.sock\n" >outer.ini
status=0
${LOADER%% *} --events="$EVENTS" -f outer.ini -- $LOADER -f strict.ini uname 2>err || status=$?
is "$status $(<err)" "1 uname: cannot get system name: Operation not permitted"'
}

@test "cache: close_fds and no_unix hold, the latter also for what is inherited" {
	policy $'[sandbox.seccomp.unix_socket]\ndegraded = no_unix\n[sandbox.seccomp.syscalls]\nblock = acct\n[loader]\nclose_fds = yes' >file
	policy $'[sandbox.seccomp.unix_socket]\ndegraded = no_unix\n[sandbox.seccomp.syscalls]\nblock = acct' >other
	mv "$(<file)" closing.ini
	mv "$(<other)" open.ini
	own_cache 'without=$($LOADER -f closing.ini sh -c "ls /proc/self/fd" 7</dev/null | xargs)
"$CTL" cache closing.ini
"$CTL" cache open.ini
is "$($LOADER -f closing.ini sh -c "ls /proc/self/fd" 7</dev/null | xargs)" "$without"
is "$without" "0 1 2 3"
is "$($LOADER -f open.ini python3 -c "
import socket
try:
    socket.socket(socket.AF_UNIX)
except OSError as error:
    print(error.strerror)")" "Permission denied"
python3 -c "
import os, socket, sys
ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
ends[0].set_inheritable(True)
sys.exit(os.WEXITSTATUS(os.system(sys.argv[1])))" "$LOADER -f open.ini true 2>err" || status=$?
is "${status:-0}" 125'
}

@test "cache: a list of 400 names, and one that cannot write: the same sessions as without" {
	printf '[sandbox.seccomp.unix_socket]\nenabled = false\n[sandbox.seccomp.syscalls]\ndefault_action = block\n' >list.ini
	printf 'on_block = errno\nblock =\nallow =\n' >>list.ini
	"$CTL" explain | awk '$2 ~ /^[0-9]+$/ && $1 !~ /^(uname|ptrace|acct)$/ { printf "    %s,\n", $1 }' >>list.ini
	sed 's/^    write,$//' list.ini >mute.ini
	own_cache 'for round in without with; do
	for file in list mute; do
		$LOADER -f $file.ini -- python3 -c "
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
answers = [(number, libc.syscall(number, -1, -1, -1, -1, -1), ctypes.get_errno())
           for number in (63, 101, 157, 163, 999)]
sys.exit(sum(number * (errno + 1) for number, answer, errno in answers) % 251)" || echo "$file $?" >>$round
		$LOADER -f $file.ini /bin/echo written >>$round 2>&1 || echo "$file $?" >>$round
		$LOADER -f $file.ini /nonexistent 2>>$round || echo "$file $?" >>$round
		"$CTL" cache $file.ini >/dev/null
	done
done
diff without with
[ "$(wc -l <with)" -ge 6 ]'
}

@test "cache: what is more than a program is refused, with what could be kept" {
	own_cache 'check() {
	printf "%s\n" "$1" >file.ini
	status=0
	"$CTL" cache file.ini >out 2>&1 || status=$?
	is "$status $(<out)" "1 agentshctl: file.ini:$2 a program is all that is kept, and this needs more (what can be: $3)"
}
open=$(printf "[sandbox.seccomp.unix_socket]\nenabled = false\n")
check "[sandbox.seccomp]" "0: unix_socket.enabled = true:" "degraded = no_unix, which refuses every Unix socket"
check "$open
[sandbox.seccomp.syscalls]
on_block = log" "4: on_block = log:" "on_block = errno"
check "$open
[loader]
isolate = yes" "4: isolate = yes:" "isolate = no"
check "$open
[shim]
enabled = yes" "4: [shim] enabled = true:" "enabled = false"
check "$open
[sandbox.seccomp]
mode = disabled" "4: mode = disabled:" "mode = enforce"
check "$open
[sandbox.seccomp]
enabled = no" "4: enabled = false:" "enabled = true"
check "$open
[loader]
user_config = allow" "4: user_config = allow:" "user_config = deny"
[ ! -e "$CACHE" ]
status=0
"$CTL" cache nowhere.ini 2>out || status=$?
is "$status" 1'
}

@test "cache: only root keeps one, and only where it is root's; --clear removes what there is" {
	own_cache 'status=0
setpriv --reuid=65534 --regid=65534 --clear-groups "$CTL" cache strict.ini 2>out || status=$?
is "$status $(<out)" "1 agentshctl: cache: only root'"'"'s counts (run it as root)"
"$CTL" cache --clear
umask 077
"$CTL" cache strict.ini
is "$(stat -c %a "$CACHE" "$CACHE"/* | xargs)" "755 644"
"$CTL" cache --clear
[ ! -e "$CACHE" ]
mkdir -m 777 "$CACHE"
status=0
"$CTL" cache strict.ini 2>out || status=$?
is "$status $(<out)" "1 agentshctl: cache: $CACHE is not a directory that only root can write (remove it)"
chmod 755 "$CACHE"
"$CTL" cache strict.ini
"$CTL" cache lax.ini
mkdir "$CACHE/0123456789abcdef"
echo more >"$CACHE/more"
echo draft >"$CACHE/.draft-1"
status=0
"$CTL" cache --clear 2>out || status=$?
[[ $status == 1 && $(<out) == *"(remove it by hand)" ]]
is "$(ls -A "$CACHE" | xargs)" "0123456789abcdef more"
rm -r "$CACHE"
mkdir elsewhere
echo mine >elsewhere/0123456789abcdef
ln -s "$PWD/elsewhere" "$CACHE"
status=0
"$CTL" cache --clear 2>out || status=$?
is "$status $(<elsewhere/0123456789abcdef)" "1 mine"
status=0
"$CTL" cache strict.ini 2>out || status=$?
is "$status $(ls elsewhere)" "1 0123456789abcdef"
rm "$CACHE"
"$CTL" cache --clear
for wrong in "cache a b" "cache --clear a" "cache --more"; do
	status=0
	"$CTL" $wrong 2>/dev/null || status=$?
	is "$wrong $status" "$wrong 2"
done'
}
