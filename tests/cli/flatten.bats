#!/usr/bin/env bats
# agentshctl flatten: files, standard input, options and exit statuses. What it takes and refuses: tests/unit.

bats_require_minimum_version 1.5.0
load ../lib/common

DATA=$TOP/tests/data/flatten

# yaml TEXT: writes it to a new file and prints the path.
yaml() {
	local file
	file=$(mktemp "$BATS_TEST_TMPDIR/policy.XXXXXX.yaml")
	printf '%s\n' "$1" >"$file"
	printf '%s\n' "$file"
}

# separate COMMAND...: runs it; its output in $BATS_TEST_TMPDIR/out and err, its status in $status.
separate() {
	status=0
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
}

# refused STATUS ERRORS: nothing on stdout, exactly that on stderr.
refused() {
	[ "$status" -eq "$1" ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	diff <(printf '%s\n' "$2") "$BATS_TEST_TMPDIR/err"
}

@test "the documented tree, comments and all, from a file" {
	separate "$CTL" flatten "$DATA/issue.yaml"
	[ "$status" -eq 0 ]
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
	diff "$DATA/issue.ini" "$BATS_TEST_TMPDIR/out"
}

@test "the same from standard input, a pipe and a descriptor" {
	diff "$DATA/issue.ini" <("$CTL" flatten <"$DATA/issue.yaml")
	# shellcheck disable=SC2002 # a pipe is meant
	diff "$DATA/issue.ini" <(cat "$DATA/issue.yaml" | "$CTL" flatten -)
	diff "$DATA/issue.ini" <("$CTL" flatten -- <(cat "$DATA/issue.yaml"))
}

@test "what comes out is what check and explain take" {
	umask 077
	"$CTL" flatten "$DATA/issue.yaml" >"$BATS_TEST_TMPDIR/policy.ini"
	"$CTL" check "$BATS_TEST_TMPDIR/policy.ini"
	run -0 "$CTL" explain --syscall umount2 "$BATS_TEST_TMPDIR/policy.ini"
	[[ $output == *policy.ini:15* ]]
}

@test "every section and key, in every way of writing" {
	diff "$DATA/everything.ini" <("$CTL" flatten "$DATA/everything.yaml")
}

@test "findings are told with file and line, all of them, and nothing comes out" {
	local file
	file=$(yaml 'sandbox:
  seccomp:
    enabled: 5
    mod: enforce
logging: {}
shell: {program: /x, program: /y}')
	separate "$CTL" flatten "$file"
	refused 1 "$file:3: enabled is true or false without quotes, not a number
$file:4: unknown key 'mod' in sandbox.seccomp
$file:5: 'logging' is no section of ours (--ignore-other passes over such)
$file:6: program is given twice, first on line 6"
}

@test "standard input has a name in findings" {
	separate "$CTL" flatten <<<'shell: {prog: /x}'
	refused 1 "<stdin>:1: unknown key 'prog' in shell"
}

@test "what the policy refuses is told with the line of the YAML" {
	local file
	file=$(yaml '# a comment
sandbox:
  seccomp:
    syscalls:
      block:
        - mount
        # another
        - ptrase')
	separate "$CTL" flatten "$file"
	refused 1 "$file:8: unknown system call 'ptrase' (did you mean 'ptrace'?)"
}

@test "control characters of a file do not reach the terminal" {
	local file
	file=$(yaml '"\e[31m": 1')
	separate "$CTL" flatten "$file"
	refused 1 "$file:1: '\\x1b[31m' is no section of ours (--ignore-other passes over such)"
}

@test "--ignore-other passes over what is others', and only that" {
	local file
	file=$(yaml 'logging: {level: debug}
sandbox: {network: off, seccomp: {mode: audit}}')
	separate "$CTL" flatten "$file"
	[ "$status" -eq 1 ]
	separate "$CTL" flatten --ignore-other "$file"
	[ "$status" -eq 0 ]
	diff <(printf '[sandbox.seccomp]\nmode = audit\n') "$BATS_TEST_TMPDIR/out"
	separate "$CTL" flatten --ignore-other <<<'logging: {}'
	refused 1 '<stdin>:0: nothing in the file is a policy of ours'
	separate "$CTL" flatten --ignore-other <<<'shell: {prog: /x}'
	refused 1 "<stdin>:1: unknown key 'prog' in shell"
}

@test "a file that cannot be read" {
	separate "$CTL" flatten "$BATS_TEST_TMPDIR/missing.yaml"
	refused 1 "agentshctl: $BATS_TEST_TMPDIR/missing.yaml: No such file or directory"
	separate "$CTL" flatten "$BATS_TEST_TMPDIR"
	refused 1 "agentshctl: $BATS_TEST_TMPDIR: Is a directory"
}

@test "a source without an end is read to the bound and refused" {
	separate timeout 20 "$CTL" flatten /dev/zero
	refused 1 '/dev/zero:0: the file is too large (at most 262144 bytes)'
	separate timeout 20 "$CTL" flatten <(yes '# and on' 2>/dev/null)
	[ "$status" -eq 1 ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	grep -q 'too large' "$BATS_TEST_TMPDIR/err"
}

@test "output that cannot be written is a finding" {
	[ -c /dev/full ]
	# shellcheck disable=SC2016 # expanded by that bash
	run -1 bash -c '"$0" flatten "$1" >/dev/full' "$CTL" "$DATA/issue.yaml"
	[ "$output" = 'agentshctl: standard output: No space left on device' ]
}

@test "help and wrong usage" {
	run -0 "$CTL" flatten --help
	[[ ${lines[0]} == 'Usage: agentshctl flatten [--ignore-other] [FILE.yaml | -]' ]]
	run -2 "$CTL" flatten --ignore "$DATA/issue.yaml"
	[ "$output" = 'agentshctl flatten: unknown option (see agentshctl --help)' ]
	run -2 "$CTL" flatten "$DATA/issue.yaml" "$DATA/issue.yaml"
	[ "$output" = 'agentshctl flatten: it takes one file (see agentshctl --help)' ]
}
