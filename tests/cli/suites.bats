#!/usr/bin/env bats
# Other people's test suites say the same behind the shipped policy as without us, test by test. In make check the
# shorter ones; all of them, as root, as a plain user and as one behind root's sidecar, where AGENTSH_SUITES=all.
#
# shellcheck disable=SC2154 # set by the libraries
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles

# As scripts/install-deps unpacks them.
SUITES=${XDG_CACHE_HOME:-$HOME/.cache}/agentsh-exec/suites

setup() {
	need_root
	roles_setup
	printf '%s\n' '[notices]' 'stderr = never' '[sandbox.seccomp.unix_socket]' 'log = denied' >"$work/p.ini"
	settings=(system)
	[ "${AGENTSH_SUITES:-}" != all ] || settings=(root plain system)
}

teardown() {
	[ -z "${work:-}" ] || roles_teardown
}

# in_setting SETTING: what to put before a command, in the array of that name; SETTING is root, plain or system.
in_setting() {
	in_setting=("$work/agentsh-exec" -f "$work/p.ini")
	case $1 in
	system) in_setting+=("--sidecar=$work/socket") ;;
	*) in_setting+=(--sidecar=private "--events=$work/open/events.$1") ;;
	esac
}

# differing: names, the first word of a line, of what is not the same in both results.
differing() {
	diff "$work/open/native.results" "$work/open/inside.results" | sed -nE 's/^[<>] ([^ ]+).*/\1/p' | sort -u
}

# both SETTING RESULTS COMMAND...: COMMAND without us and behind the policy, in a folder of its own each; RESULTS, which
# reads what it says, finds something, and the same in both but for the tests whose names are in the array listed: what
# they try is listed in agentsh.ini(5), by the tag that stands beside them.
both() {
	local user=${1/system/plain} results=$2 how
	in_setting "$1"
	for how in native inside; do
		rm -rf "$work/open/$how"
		as "$user" mkdir "$work/open/$how"
		local before=()
		[ "$how" = native ] || before=("${in_setting[@]}")
		as "$user" "HOME=$work/open/$how" "TMPDIR=$work/open/$how" "${before[@]}" timeout 400 "${@:3}" \
			>"$work/open/$how.said" 2>&1 </dev/null || true
		"$results" <"$work/open/$how.said" >"$work/open/$how.results"
	done
	echo "# $1: $(wc -l <"$work/open/native.results") tests" >&3
	[ -s "$work/open/native.results" ]
	differing >"$work/differing"
	diff <(printf '%s\n' "${listed[@]}" | sed '/^$/d' | sort) "$work/differing" ||
		{ grep -Fwf "$work/differing" "$work/open/inside.said" | head -n 100; return 1; }
}

# Each test with its end, in order: some run beside each other.
of_python() {
	sed -nE 's/^(test[A-Za-z0-9_]* \([^)]*\)).* \.\.\. (ok|FAIL|ERROR|skipped.*|expected failure)$/\1 \2/p' | sort
}

of_go() {
	sed -nE 's/^ *--- (PASS|FAIL|SKIP): ([^ ]*) .*/\2 \1/p' | sort
}

# Each that has run, and once more with its end where that has not been good.
of_ruby() {
	sed -nE 's/^\[ *[0-9]+\/[0-9]+\] ([^ ]*) = .*/\1 ran/p
		/^ +[0-9]+\) (Failure|Error|Skipped):$/ { N; s/^ +[0-9]+\) ([A-Za-z]+):\n([^ :]*).*/\2 \1/p }' | sort
}

of_perl() {
	sed -nE '/: ((not )?ok|1\.\.|status )/p' | sort
}

of_kernel() {
	sed -nE 's/^((not )?ok) [0-9]+ ([^ ]*).*/\3 \1/p; /^[a-z_]* status /p' | sort
}

# The test programs of the kernel's, compiled, in $work/kernel.
compile_kernel_tests() {
	local source=$SUITES/kernel/tools/testing/selftests/net/af_unix file
	mkdir "$work/kernel"
	for file in "$source"/*.c; do
		# What the C library's headers are too old for.
		gcc -w -D_GNU_SOURCE -DSO_PASSPIDFD=76 -DSO_PEERPIDFD=77 -o "$work/kernel/$(basename "$file" .c)" "$file"
	done
}

python() { # SETTING MODULE
	# test_socket hangs by itself where vsock is used.
	both "$1" of_python /usr/bin/python3 -m test -v --timeout 120 -i '*ThreadedVSOCK*' -u network "$2"
}

@test "CPython: socketserver, and what of sockets it tests; in full also asyncio, multiprocessing, ssl" {
	local setting module modules=(test_socketserver test_socket)
	[ "${AGENTSH_SUITES:-}" != all ] || modules+=(test_asyncio test_multiprocessing_fork test_ssl)
	sidecar_start
	for setting in "${settings[@]}"; do
		for module in "${modules[@]}"; do python "$setting" "$module"; done
	done
}

@test "Go: net" {
	need_command go
	local setting source
	source=$(go env GOROOT)/src/net
	mkdir "$work/net"
	(cd "$source" && HOME=$work GOPROXY=off GOFLAGS='' GOCACHE=$work/cache go test -c -o "$work/net.test" net)
	cp -r "$source/testdata" "$source"/*.go "$work/net"
	sidecar_start
	for setting in "${settings[@]}"; do
		cd "$work/net"
		both "$setting" of_go "$work/net.test" -test.short -test.v
	done
}

@test "Ruby: socket" {
	local setting listed=(TestSocket_UNIXSocket\#test_abstract_unix_socket_econnrefused # name_of_nobody
		TestSocket_UNIXSocket\#test_getcred_ucred)                                     # peer_process
	cp -r "$SUITES/ruby" "$work/ruby"
	sidecar_start
	for setting in "${settings[@]}"; do
		# One asks another machine, and how soon that answers is no result of a call's.
		both "$setting" of_ruby ruby -C "$work/ruby" -Itool/lib -Itest/lib test/runner.rb -v --show-skip \
			-n '!/test_initialize_connect_timeout/' test/socket
		[ "$(grep -c ' ran$' "$work/open/native.results")" -gt 150 ]
		run -1 grep -E ' (Failure|Error)$' "$work/open/native.results"
	done
}

@test "Perl: Socket, IO::Socket, IO::Socket::IP" {
	local setting
	cp -r "$SUITES/perl" "$work/perl"
	sidecar_start
	for setting in "${settings[@]}"; do
		both "$setting" of_perl bash "$TOP/tests/lib/perl_tests" "$work/perl"
		[ "$(grep -c ': ok' "$work/open/native.results")" -gt 500 ]
	done
}

# all_planned: each program with a harness says how many tests it has, and each has its end.
all_planned() {
	grep -lw kselftest_harness.h "$SUITES"/kernel/tools/testing/selftests/net/af_unix/*.c >"$work/planning"
	[ "$(grep -c '^1\.\.' "$work/open/native.said")" -eq "$(wc -l <"$work/planning")" ]
	[ "$(grep -cE ' ok$' "$work/open/native.results")" -eq \
		"$(awk -F '[.][.]' '/^1\.\./ { all += $2 } END { print all }' "$work/open/native.said")" ]
}

@test "the kernel's own: af_unix" {
	local setting name theirs listed
	compile_kernel_tests
	sidecar_start
	for setting in "${settings[@]}"; do
		theirs=()
		# Only root may make a network of its own: other_network.
		[ "$setting" != root ] || theirs=(unix_connect.{dgram,stream}_abstract_netns.test
			scm_rights.stream_listener{,_oob}.{backtrack_from_scc,cross_edge,self_ref,triangle})
		[ "$setting" != plain ] || theirs=(scm_pidfd.dgram_{abstract,pathname}.test) # message_process
		# Those that this kernel's sources have: Linux 6.1's are fewer.
		listed=()
		for name in "${theirs[@]}"; do [ ! -e "$work/kernel/${name%%.*}" ] || listed+=("$name"); done
		# shellcheck disable=SC2016 # expanded there
		both "$setting" of_kernel bash -c 'cd "$TMPDIR"; for one in "$0"/*; do
			status=0; timeout 60 "$one" || status=$?; [ "$status" -lt 2 ] || echo "${one##*/} status $status"; done' "$work/kernel"
		all_planned
		# Without us none fails but what needs such a network.
		[ "$setting" = root ] || sed -i -E '/^(scm_rights\.|unix_connect\.[a-z_]*_netns\.)/d' "$work/open/native.results"
		run -1 grep ' not ok$' "$work/open/native.results"
	done
}
