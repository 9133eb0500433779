#!/usr/bin/env bats
# The preload library: what it is, whom it reports, what is believed of it, and whom it disturbs: nobody.
#
# What a shell in the test expands stands in single quotes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract
load ../lib/events

setup() {
	ulimit -c 0
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	unset LD_PRELOAD ASAN_OPTIONS
	LIBRARY=$BUILD/libagentsh-shim.so
	REPORTED=$PROGRAMS/reported
	file=$(watched '')
	shim=("$EXEC" -s mine -f "$file" --shim --)
}

teardown() {
	sidecar_stop
}

# reports: what was told of each process, but the loader's, in order, of N sessions.
reports() {
	events 'select(.type == "process_start" or .type == "report_mismatch") | "\(.type) \(.pid) \(.comm)"' "${1:-1}"
}

# names TYPE [N]: the names of those that such an event is of.
names() {
	events "select(.type == \"$1\").comm" "${2:-1}" | xargs
}

@test "the library: small, alone, and nothing in it that anybody could meet by accident" {
	[ "$(stat -c %s "$LIBRARY")" -lt 16384 ]
	run -0 readelf -W -d -l "$LIBRARY"
	[[ $output != *NEEDED* && $output != *TEXTREL* && $output != *TLS* && $output != *RWE* && $output != *'R   E '*GNU_STACK* ]]
	run -0 readelf -W -V "$LIBRARY"
	[[ $output == *'No version information'* ]]
	is "$(nm -D --defined-only "$LIBRARY" | cut -d' ' -f3 | sort | xargs)" 'prctl pthread_setname_np'
	is "$(nm -D --undefined-only "$LIBRARY" | awk '$1 != "w"')" ''
}

@test "LD_PRELOAD: the library last, and once; ASAN_OPTIONS: ours first, and once; neither where nobody asks" {
	say=(sh -c 'echo "${LD_PRELOAD-unset} ${ASAN_OPTIONS-unset}"')
	ours="$LIBRARY verify_asan_link_order=0"
	gives 0 'unset unset' "$EXEC" -f "$file" -- "${say[@]}"
	gives 0 "$ours" "${shim[@]}" "${say[@]}"
	gives 0 "$ours" "${shim[@]}" "$EXEC" --shim -f "$file" -- "$EXEC" --shim -f "$file" -- "${say[@]}"
	gives 0 "$ours" "$EXEC" -f "$(watched $'[shim]\nenabled = true')" -- "${say[@]}"
	printf 'int nothing;\n' | gcc -shared -x c -o "other one.so" -
	mv "other one.so" other.so
	gives 0 "$PWD/other.so:$LIBRARY a=b:verify_asan_link_order=0:c=d" \
		env "LD_PRELOAD=$PWD/other.so:$LIBRARY" ASAN_OPTIONS=a=b:verify_asan_link_order=0:c=d "${shim[@]}" "${say[@]}"
	gives 0 "$PWD/other.so:$LIBRARY verify_asan_link_order=0:a=b" \
		env "LD_PRELOAD=$PWD/other.so" ASAN_OPTIONS=a=b "${shim[@]}" "${say[@]}"
	gives 0 'unset unset' "$EXEC" --shim -f "$(policy $'[sandbox.seccomp]\nenabled = false')" -- "${say[@]}"
	wait_for ended 6
}

@test "where the library is looked for: beside the loader, in the folder of libraries, and nowhere else" {
	mkdir -p 'a/bin' a/lib/agentsh-exec 'b c'
	cp "$EXEC" "$BUILD/agentsh-sidecar" a/bin
	cp "$EXEC" "$BUILD/agentsh-sidecar" "$LIBRARY" 'b c'
	[ ! -e /usr/local/lib/agentsh-exec/libagentsh-shim.so ] || skip 'it is installed here'
	says 125 'shim: libagentsh-shim.so is neither beside this program nor at /usr/local/lib/agentsh-exec/' \
		env "LD_LIBRARY_PATH=$BUILD" a/bin/agentsh-exec --shim -f "$file" -- touch ran
	says 125 'shim: LD_PRELOAD cannot name ' 'b c/agentsh-exec' --shim -f "$file" -- touch ran
	[ ! -e ran ]
	cp "$LIBRARY" a/lib/agentsh-exec
	gives 0 "$PWD/a/bin/../lib/agentsh-exec/libagentsh-shim.so" a/bin/agentsh-exec --shim -f "$file" -- printenv LD_PRELOAD
	wait_for ended 1
}

# --- Where nobody is notified ---

# quiet: a sidecar, and sessions without a listener that tell it.
quiet() {
	sidecar_start
	chmod 666 "$SOCKET"
	plain=$(policy "[sidecar]
socket = $SOCKET
[sandbox.seccomp.syscalls]
block = mount")
	chmod 644 "$plain"
	alone=("$EXEC" --sidecar=none -s mine -f "$plain" --shim --)
}

# says_of FILTER: of lines that are of no worker's. The last line may be in the making.
says_of() {
	grep -a '}$' "$EVENTS" 2>/dev/null | jq -r "select(.seq == null) | $1"
}

@test "without a listener: the environment, where a sidecar is there; as it is, where none is or the policy forbids" {
	say=(sh -c 'echo "${LD_PRELOAD-unset} ${AGENTSH_REPORT_TO-unset}"')
	quiet
	gives 0 "$LIBRARY 1:$SOCKET" "${alone[@]}" "${say[@]}"
	gives 0 "$LIBRARY 1:$SOCKET" "${alone[@]}" "${alone[@]}" "${say[@]}"
	gives 0 'unset unset' "$EXEC" --sidecar=none -f "$plain" -- "${say[@]}"
	# Within it a session with a listener has its own way.
	gives 0 "$LIBRARY " "${alone[@]}" "$EXEC" -f "$file" --shim -- "${say[@]}"
	gives 0 'unset unset' "$EXEC" --sidecar=none --shim -f "$(policy $'[sidecar]\nsocket = /nonexistent/sidecar.sock')" -- "${say[@]}"
	for call in socket connect sendto prctl; do
		gives 0 'unset unset' "$EXEC" --sidecar=none --shim -f "$(policy "[sidecar]
socket = $SOCKET
[sandbox.seccomp.syscalls]
block = $call
on_block = errno")" -- "${say[@]}"
	done
	gives 0 'unset unset' "$EXEC" --sidecar=none --shim -f "$(policy "[sidecar]
socket = $SOCKET
$NO_UNIX")" -- "${say[@]}"
	wait_for ended 1
}

@test "without a listener: each program that lives for a moment, under its names, with its pid; no more descriptors" {
	quiet
	mkfifo go
	exec 6<>go
	"${alone[@]}" sh -c 'ls /proc/self/fd >had; perl -e '"'"'$0 = "named"; read STDIN, $_, 1'"'"' <go & sleep 99 & wait $!' 3>&- &
	session=$!
	# By then each of them has begun; those that lived for less may have been gone before they were looked at.
	wait_for eval '[ "$(says_of "select(.type == \"process_start\").comm" | grep -xE "sh|named|sleep" | sort -u | xargs)" = "named sh sleep" ]'
	is "$(says_of 'select(.type == "process_start" and .comm == "named") | "\(.session_id) \(.uid) \(.exe) \(.tid)"')" \
		"mine $(id -u) $(readlink -f "$(command -v perl)") null"
	is "$(says_of 'select(.type == "process_start" and .comm == "sh").pid' | sort -u)" "$session"
	is "$(says_of 'select(.type != "process_start").type')" ''
	kill "$(says_of 'select(.comm == "sleep").pid')"
	echo >&6
	wait "$session" || true
	sh -c 'ls /proc/self/fd >had.not; :' 3>&-
	exec 6>&-
	diff had had.not
}

@test "without a listener: errno, signals, forks, other rights and filters of its own are no matter" {
	quiet
	gives 0 clean "${alone[@]}" "$REPORTED" clean
	gives 0 'done' "${alone[@]}" "$REPORTED" careful
	gives 0 'done' "${alone[@]}" "$REPORTED" confined
	gives 0 'done' "${alone[@]}" "$REPORTED" names
	# Neither its next name nor the next program may be its end.
	gives 0 fenced "${alone[@]}" "$REPORTED" fenced sh -c 'true; /bin/echo fenced'
	gives 0 '' "${alone[@]}" "$EXEC" --sidecar=none -f "$(policy $'[sandbox.seccomp.syscalls]\nblock = socket')" -- /bin/true
	gives 0 '' "${alone[@]}" env AGENTSH_REPORT_TO=nonsense /bin/true
	gives 0 '' "${alone[@]}" env -u AGENTSH_REPORT_TO /bin/true
}

@test "without a listener: a sidecar that is stopped, full or gone keeps nobody" {
	quiet
	gives 0 'done' "${alone[@]}" sh -c 'kill -STOP "$1"; for n in $(seq 500); do "$2" clean || exit; done >/dev/null; kill -CONT "$1"; echo done' \
		sh "$(wait_for broker_of "$SIDECAR")" "$REPORTED"
	mkfifo go
	"${alone[@]}" sh -c 'read -r line <go; /bin/true && echo ran' >output 3>&- &
	session=$!
	wait_for eval '[ -n "$(says_of "select(.type == \"process_start\" and .comm == \"sh\").pid")" ]'
	sidecar_stop
	echo >go
	wait "$session"
	is "$(<output)" ran
}

# lies FILTER COMMAND...: it reports what is not so, and some time is still there when it is looked at.
lies() {
	"${@:2}" 3>&-
	[ -n "$(says_of "$1")" ]
}

@test "without a listener: a lie about the session is an event, of the session that it is in" {
	quiet
	mkfifo go
	exec 6<>go
	"${alone[@]}" sh -c "'$REPORTED' connect '$SOCKET' other 0 3; '$REPORTED' connect '$SOCKET' other 1 3; '$REPORTED' connect '$SOCKET' mine 0 3; read -r line <go" 3>&- &
	session=$!
	# One that lives when it is looked at.
	wait_for lies 'select(.type == "report_mismatch").comm' "${alone[@]}" sh -c "exec '$REPORTED' connect '$SOCKET' other 0 200"
	is "$(says_of 'select(.type == "report_mismatch") | "\(.session_id) \(.comm) \(.reason) \(.claimed_pid)"' | sort -u)" 'mine reported session null'
	# Under no filter, it is in no session.
	wait_for lies 'select(.type == "report_mismatch" and .session_id == null).comm' "$REPORTED" connect "$SOCKET" mine 0 200
	is "$(says_of 'select(.type == "process_start").session_id' | sort -u)" mine
	echo >&6
	wait "$session"
	exec 6>&-
	is "$(says_of 'select(.session_id == "other").type')" ''
}

@test "without a listener: in a session that has one, a lie is that one's, and what is so it knows already" {
	quiet
	"$EXEC" --sidecar="$SOCKET" -s heard -f "$plain" --shim -- sh -c "exec '$REPORTED' connect '$SOCKET' heard 0 200"
	wait_for lies 'select(.type == "report_mismatch").comm' \
		"$EXEC" --sidecar="$SOCKET" -s heard -f "$plain" --shim -- sh -c "exec '$REPORTED' connect '$SOCKET' mine 0 200"
	is "$(says_of 'select(.type == "report_mismatch") | "\(.session_id) \(.comm)"' | sort -u)" 'heard reported'
	is "$(says_of 'select(.type == "process_start").comm')" ''
	is "$(events 'select(.type == "process_start" and .comm == "reported").session_id' 2 | sort -u)" heard
}

@test "without a listener: the label is its user's while the session lives" {
	need_root
	for_others reported
	cp "$LIBRARY" bin
	quiet
	mkfifo go
	exec 6<>go
	"${alone[@]}" sh -c 'sleep 0; read -r line <go' 3>&- &
	session=$!
	wait_for eval '[ -n "$(says_of "select(.type == \"process_start\" and .comm == \"sh\").pid")" ]'
	says 125 'sidecar: another user has a live session of that ID' \
		other_user "$EXEC" --sidecar="$SOCKET" -s mine -f "$plain" -- true
	# Whoever has gone before it is looked at is told of by nothing.
	wait_for eval 'other_user "$EXEC" --sidecar=none -s mine -f "$plain" -- "$REPORTED" connect "$SOCKET" mine 0 200
		[ -n "$(says_of "select(.type == \"report_mismatch\").uid")" ]'
	is "$(says_of 'select(.type == "report_mismatch") | "\(.session_id) \(.uid)"' | sort -u)" 'null 65534'
	is "$(says_of 'select(.uid == 65534 and .session_id == "mine").type')" ''
	echo >&6
	wait "$session"
	exec 6>&-
}

@test "without a listener: a hundred thousand reports, and connections that say nothing: few lines, nobody waits" {
	quiet
	mkfifo hold
	exec 6<>hold
	"${alone[@]}" "$REPORTED" silent "$SOCKET" 100 <hold >quiet.out 3>&- &
	silent=$!
	wait_for grep -q connected quiet.out
	"${alone[@]}" sh -c '"$1" connect "$2" other 0 50000 & "$1" connect "$2" third 1 50000 & wait' sh "$REPORTED" "$SOCKET" >flooded 3>&- &
	flood=$!
	served=0
	while kill -0 "$flood" 2>/dev/null && [ "$served" -lt 20 ]; do
		"$EXEC" --sidecar="$SOCKET" -s "served$served" -f "$plain" --shim -- true
		served=$((served + 1))
	done
	wait "$flood"
	is "$(cat flooded)" $'done\ndone'
	is "$(events 'select(.type == "process_start" and .comm == "true").session_id' "$served" | sort -u | wc -l)" "$served"
	# What was not looked at is counted within a moment; of those that were, the last may have been gone.
	wait_for eval '[ "$(jq -s "[.[] | select(.type == \"report_mismatch\" or .of == \"report_mismatch\" or .reason == \"rate\") | .count // 1] | add" "$EVENTS")" -ge 99000 ]'
	[ "$(wc -l <"$EVENTS")" -lt 300 ]
	is "$(says_of 'select(.session_id == "other" or .session_id == "third").type')" ''
	kill "$silent"
	wait "$silent" || true
	exec 6>&-
}

# --- Who is reported ---

@test "two hundred processes of all kinds: each that is dynamically linked, with its pid, its name and its session" {
	need_command musl-gcc
	need_command go
	printf 'int main(void) { return 0; }\n' >small.c
	gcc -static -o static small.c
	musl-gcc -o musl small.c
	gcc -o own small.c
	[ "$(id -u)" -ne 0 ] || { chown 65534 own && chmod u+s own; }
	printf 'package main\nfunc main() {}\n' >small.go
	CGO_ENABLED=0 GOCACHE=$PWD/cache GOFLAGS=-mod=mod go build -o golang small.go
	# "NAME PID", as its parent or it itself knows it: 30 rounds of 7, and 4 of an interpreter.
	cat >tree <<-'TREE'
		for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
			for program in ./own ./musl /bin/true; do
				$program & echo "${program##*/} $!"
			done
			./static & ./golang &
			sh -c 'echo "sh $$"'
			bash -c 'echo "bash $BASHPID"'
			wait
		done
		/usr/bin/python3 -c 'import os; print("python3", os.getpid())'
		perl -e 'print "perl $$\n"'
		echo "sh $$"
	TREE
	run -0 --separate-stderr "${shim[@]}" sh ./tree
	is "$stderr" ''
	[ "${#lines[@]}" -ge 150 ]
	# A child that executes nothing else has the name of its parent, and is none of these.
	diff <(sort <<<"$output") <(events 'select(.type == "process_start") | "\(.comm) \(.pid)"' | sort)
	is "$(events 'select(.type == "process_start") | .session_id, .uid' | sort -u | xargs)" "$(id -u) mine"
	is "$(events 'select(.type == "report_mismatch" or .type == "events_suppressed")')" ''
	has_no_gap
}

@test "node, java, git and gcc: reported, and the threads that they name are no processes" {
	local program
	for program in node java git gcc; do
		command -v "$program" >/dev/null || continue
		"${shim[@]}" "$program" --version >"$program.with" 2>&1
		"$program" --version >"$program.without" 2>&1
		diff "$program.without" "$program.with"
		events "select(.type == \"process_start\").comm" >told
		is "$(grep -cx "$program" told)" 1
		rm "$EVENTS"
	done
}

@test "another name: told once more, by whatever way it was given; a thread's is none" {
	gives 0 'done' "${shim[@]}" "$REPORTED" names
	is "$(names process_start)" 'reported by-prctl by-itself 0123456789abcde by-another'
	is "$(events 'select(.type == "process_start").pid' | sort -u | wc -l)" 1
	rm "$EVENTS"
	gives 0 '' "${shim[@]}" "$REPORTED" thread worker
	is "$(names process_start)" reported
}

@test "a session of a system sidecar, another user's, and one inside another" {
	need_root
	for_others reported
	cp "$LIBRARY" bin
	sidecar_start
	chmod 666 "$SOCKET"
	chmod 644 "$file"
	other_user "$EXEC" --sidecar="$SOCKET" -s theirs -f "$file" --shim -- "$EXEC" -f "$file" --shim -- "$PROGRAMS/reported" quiet
	is "$(events 'select(.type == "process_start") | "\(.session_id) \(.uid) \(.comm)"')" \
		$'theirs 65534 agentsh-exec\ntheirs 65534 reported'
}

# --- What is believed ---

@test "a lie about the session or the number is an event, and tells nothing else" {
	gives 0 'done' "${shim[@]}" "$REPORTED" lie other 0 3
	gives 0 'done' "${shim[@]}" "$REPORTED" lie - 1 3
	gives 0 'done' "${shim[@]}" "$REPORTED" lie mine 0 3
	gives 0 '' "${shim[@]}" env AGENTSH_SESSION_ID=other "$REPORTED" quiet
	gives 0 '' "${shim[@]}" env -u AGENTSH_SESSION_ID "$REPORTED" quiet
	is "$(events 'select(.type == "report_mismatch") | "\(.session_id) \(.comm) \(.reason) \(.claimed_pid)"' 5)" \
		$'mine reported session null\nmine reported pid 1\nmine reported session null'
	is "$(events 'select(.type == "process_start").session_id' 5 | sort -u)" mine
	is "$(names process_start 5)" 'reported reported reported env env reported'
	is "$(events 'select(.type == "events_suppressed") | "\(.of) \(.reason) \(.count)"' 5)" \
		$'report_mismatch repeated 2\nreport_mismatch repeated 2'
}

@test "the number is the process's own in a pid namespace of its own" {
	need_root
	gives 0 'done' "${shim[@]}" unshare --pid --fork "$REPORTED" lie mine 1 1
	is "$(names report_mismatch)" ''
	is "$(names process_start)" 'unshare reported'
}

@test "a hundred thousand reports: nothing that is false, few lines, and others are served meanwhile" {
	gives 0 'done' "${shim[@]}" sh -c '"$1" lie other 0 100000 >/dev/null & "$1" lie - 0 100000 >/dev/null & "$1" quiet; /bin/true &
		wait; echo done' sh "$REPORTED"
	is "$(events 'select(.type == "process_start").comm' | sort | xargs)" 'reported reported reported sh true'
	[ "$(wc -l <"$EVENTS")" -lt 200 ]
	is "$(events 'select(.type == "report_mismatch" or .of == "report_mismatch") | .count // 1' | jq -s add)" 100000
	# Whatever has no line is counted in one.
	is "$(jq -s 'map(.count // 0) | add' "$EVENTS")" "$(jq -s '(map(.seq) | max) - length' "$EVENTS")"
}

@test "as another user: told as that one" {
	need_root
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
	for_others reported
	cp "$LIBRARY" bin
	gives 0 'done' "$EXEC" -f "$file" --shim -- setpriv --reuid 65534 --clear-groups "$PROGRAMS/reported" lie - 0 1
	is "$(events 'select(.type == "process_start") | "\(.comm) \(.uid)"')" $'setpriv 0\nreported 65534'
}

# --- Whom it disturbs ---

# plainly: what run has found, without what differs from one time to the next.
plainly() {
	echo "$status $output $stderr" | sed -E 's/[0-9:]{5}|pipe:\[.*|[0-9]+\/fd|separate-stderr-.*//g'
}

@test "programs run as without it: the same output, the same descriptors" {
	look='import os; print(sorted((f, os.readlink("/proc/self/fd/" + f)) for f in os.listdir("/proc/self/fd") if f != "3"))'
	for command in 'ls -l /proc/self/fd 2>&1' "/usr/bin/python3 -c '$look'" 'bash -c "echo \$-; echo /proc/self/fd/*"' \
		'git hash-object --stdin' 'gcc -x c -E -'; do
		run --separate-stderr bash -c "exec $command" </dev/null
		without=$(plainly)
		run --separate-stderr "${shim[@]}" bash -c "exec $command" </dev/null
		is "$(plainly)" "$without"
	done
	wait_for ended 5
}

# What node and java print of their own descriptors; initdb's output, but its time and its folder.
@test "node, java and PostgreSQL's initdb run as without it: the same output, the same descriptors" {
	need_root
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
	for_others reported
	cp "$LIBRARY" bin
	install -d -m 777 open
	initdb=$(echo /usr/lib/postgresql/*/bin/initdb)
	cat >Open.java <<-'JAVA'
		public class Open {
			public static void main(String[] arguments) {
				System.out.println(java.util.Arrays.toString(new java.io.File("/proc/self/fd").list()));
			}
		}
	JAVA
	javac Open.java
	node='console.log(require("fs").readdirSync("/proc/self/fd").length, process.version)'
	for command in "node -e '$node'" 'java -XX:TieredStopAtLevel=1 Open' "cd open && setpriv --reuid=postgres --regid=postgres \
		--clear-groups env -i PATH=\$PATH LD_PRELOAD=\${LD_PRELOAD-} $initdb -D data -A trust -U postgres -N -E UTF8 --locale=C"; do
		run -0 --separate-stderr bash -c "$command" </dev/null 3>&-
		without="$output $stderr"
		rm -rf open/data
		run -0 --separate-stderr "$EXEC" -s mine -f "$file" --shim -- bash -c "$command" </dev/null 3>&-
		is "$output $stderr" "$without"
		rm -rf open/data
	done
	events .comm 3 >names
	grep -qx node names
	grep -qx java names
	grep -qx initdb names
	grep -qx postgres names
}

# In the long run alone, chromium as well: install-deps has it only then.
@test "programs of many processes run as without it: tmux, and chromium where there is time for it" {
	commands=("tmux -f /dev/null -S $BATS_TEST_TMPDIR/tmux.sock start-server \\; list-commands")
	[ "${AGENTSH_SUITES:-}" != all ] || commands+=("HOME=$BATS_TEST_TMPDIR chromium --headless --no-sandbox --disable-gpu \
		--user-data-dir=$BATS_TEST_TMPDIR/chromium --dump-dom 'data:text/html,<p>it runs</p>' 2>/dev/null")
	for command in "${commands[@]}"; do
		run -0 --separate-stderr bash -c "$command" </dev/null 3>&-
		without=$(plainly)
		run -0 --separate-stderr "${shim[@]}" bash -c "$command" </dev/null 3>&-
		is "$(plainly)" "$without"
	done
	events 'select(.type == "process_start").comm' "${#commands[@]}" >names
	for command in tmux ${commands[1]:+chromium}; do
		grep -q "^$command" names
	done
}

@test "errno, signals: as for any program; descriptors closed, forks, other rights, filters of its own: no matter" {
	gives 0 clean "${shim[@]}" "$REPORTED" clean
	gives 0 'done' "${shim[@]}" "$REPORTED" careful
	gives 0 'done' "${shim[@]}" "$REPORTED" confined
	is "$(events 'select(.type == "process_start").comm' 3 | sort -u | xargs)" 'elsewhere exe forked reported vforked'
}

@test "a policy that blocks prctl, or allows next to nothing, kills nobody for the report" {
	printf 'int main(void) { return 0; }\n' | gcc -x c -o small -
	strace -o calls env -i ./small
	list=$(sed -nE 's/^([a-z0-9_]+)\(.*/\1/p' calls | sort -u | paste -sd,)
	[[ ,$list, != *,prctl,* && ,$list, != *,getpid,* ]]
	file=$(watched "[sandbox.seccomp.syscalls]
default_action = block
allow = $list")
	gives 0 '' "$EXEC" -f "$file" --shim -- ./small
	file=$(watched $'[sandbox.seccomp.syscalls]\nblock = prctl, getpid\non_block = kill')
	gives 0 '' "$EXEC" -f "$file" --shim -- ./small
	# A filter within the session's that blocks more.
	inner=$(policy $'[sandbox.seccomp.syscalls]\nblock = prctl, getpid\non_block = kill')
	gives 0 '' "${shim[@]}" "$EXEC" -f "$inner" --sidecar=none --shim -- ./small
	is "$(names process_start 3)" 'small small agentsh-exec small'
	is "$(names seccomp_blocked 3)" ''
}

@test "static, musl, and the sanitizers: they run, and stderr is clean" {
	need_command musl-gcc
	printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { free(malloc(3)); return puts("ran") < 0; }\n' >small.c
	gcc -static -o static small.c
	musl-gcc -o musl small.c
	musl-gcc -static -o musl-static small.c
	gcc -fsanitize=address -o asan small.c
	gcc -fsanitize=undefined -o ubsan small.c
	clang -fsanitize=address -o asan-static small.c
	# What looks for leaks traces the program, which the policy blocks, with the library as without.
	for program in static musl musl-static asan ubsan asan-static; do
		run -0 --separate-stderr env ASAN_OPTIONS=detect_leaks=0 "${shim[@]}" "./$program"
		is "$output $stderr" 'ran '
	done
	is "$(names process_start 6)" 'musl asan ubsan asan-static'
}

@test "the sidecar is killed: programs begin as before, and say nothing" {
	mkfifo go
	cat >inside <<-'INSIDE'
		echo ready
		read -r line <go
		/usr/bin/python3 -c 'print("ran")'
		exec true
	INSIDE
	sidecar_start
	"$EXEC" --sidecar="$SOCKET" -f "$file" --shim -- sh ./inside >output 2>&1 3>&- &
	session=$!
	wait_for grep -q ready output
	for pid in $(pgrep -P "$SIDECAR") "$SIDECAR"; do kill -KILL "$pid"; done
	wait "$SIDECAR" || true
	SIDECAR=
	echo >go
	wait "$session"
	is "$(<output)" $'ready\nran'
}

@test "the worker is killed at any moment: processes go on, each is told, and its seq have no gap" {
	sidecar_start
	"$EXEC" --sidecar="$SOCKET" -f "$file" --shim -- sh -c 'for n in $(seq 300); do /bin/true & echo "true $!"; wait; done' >wanted 3>&- &
	session=$!
	while kill -0 "$session" 2>/dev/null; do
		for pid in $(pgrep -P "$SIDECAR" -f -- --role=worker); do kill -KILL "$pid" || true; done
		sleep 0.02
	done
	wait "$session"
	wait_for ended 1
	is "$(wc -l <wanted)" 300
	diff <(sort -u wanted) <(events 'select(.type == "process_start" and .comm == "true") | "true \(.pid)"' | sort -u)
}
