#!/usr/bin/env bats
# Other people's test suites say the same behind the shipped policy as without us, test by test. In make check the
# shorter ones; all of them, as root, as a plain user and as one behind root's sidecar, where AGENTSH_SUITES=all.
#
# shellcheck disable=SC2154 # set by the libraries
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/roles

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

# both SETTING RESULTS COMMAND...: COMMAND without us and behind the policy, in a folder of its own each; RESULTS, which
# reads what it says, finds the same in both, and something.
both() {
	local user=${1/system/plain} results=$2 how
	in_setting "$1"
	for how in native inside; do
		rm -rf "$work/open/$how"
		mkdir -m 777 "$work/open/$how"
		local before=()
		[ "$how" = native ] || before=("${in_setting[@]}")
		as "$user" "HOME=$work/open/$how" "TMPDIR=$work/open/$how" "${before[@]}" timeout 400 "${@:3}" \
			>"$work/open/$how.said" 2>&1 </dev/null || true
		"$results" <"$work/open/$how.said" >"$work/open/$how.results"
	done
	echo "# $1: $(wc -l <"$work/open/native.results") tests" >&3
	[ -s "$work/open/native.results" ]
	diff "$work/open/native.results" "$work/open/inside.results"
}

# Each test with its end, in order: some run beside each other.
of_python() {
	sed -nE 's/^(test[A-Za-z0-9_]* \([^)]*\)).* \.\.\. (ok|FAIL|ERROR|skipped.*|expected failure)$/\1 \2/p' | sort
}

of_go() {
	sed -nE 's/^ *--- (PASS|FAIL|SKIP): ([^ ]*) .*/\2 \1/p' | sort
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
