#!/usr/bin/env bats
# The manual pages and the README say what is so: each option, key, default, example and status is held
# against the programs.
#
# What a shell in the test expands stands in single quotes; bats stops where a cd fails.
# shellcheck disable=SC2013,SC2016,SC2028,SC2164
bats_require_minimum_version 1.5.0
load ../lib/common

PAGES=("$TOP"/loader/*.1 "$TOP"/loader/*.5 "$TOP"/shim/*.8 "$TOP"/scripts/*.8)
KEYS=$TOP/loader/policy_keys.c

setup() {
	umask 022
	export HOME=$BATS_TEST_TMPDIR/home
	unset XDG_CONFIG_HOME
	mkdir "$HOME" "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/work"
	ln -s "$EXEC" "$BATS_TEST_TMPDIR/bin/agentsh-exec"
	ln -s "$CTL" "$BATS_TEST_TMPDIR/bin/agentshctl"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH
	AGENTSH_CONFIG=$(supervised '')
	export AGENTSH_CONFIG
	cd "$BATS_TEST_TMPDIR/work"
}

# same WANTED GOT: both, a line each, sorted, are the same and not empty.
same() {
	[ -n "$1" ]
	diff <(sort -u <<<"$1") <(sort -u <<<"$2")
}

# options_of_page FILE [SECTION]: those that a manual page describes.
options_of_page() {
	sed -n "/^\.Ss ${2:-}/,/^\.S[sh] /p; ${2:+d}; p" "$1" | grep '^\.It Fl' | grep -oE 'Fl [^ ]+' |
		sed 's/^Fl \\-/--/; s/^Fl /-/'
}

# options_of_help PROGRAM ARGUMENT...: those that a help text lists at the beginning of a line.
options_of_help() {
	"$@" | grep -oE '(^ +|, )--?[a-zA-Z-]+' | grep -oE -e '-.*'
}

# blocks FILE: writes each literal block of a manual page to block.N; how many, to $count.
blocks() {
	count=$(awk '/^\.Bd -literal/ { n++; inside = 1; next } /^\.Ed/ { inside = 0 }
		inside { sub(/\\&/, ""); gsub(/\\e/, "\\"); print > ("block." n) } END { print n + 0 }' "$1")
}

@test "manual pages: mandoc has nothing to warn of" {
	run -0 mandoc -T lint -W warning "${PAGES[@]}"
	[ -z "$output" ]
	[ "${#PAGES[@]}" -eq 5 ]
}

@test "manual pages: whatever they refer to is there" {
	local page name
	for page in "${PAGES[@]}"; do
		for name in $(sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' "$page" | grep agent); do
			name=${name/agentsh-shell/agentsh-exec}
			[ -e "$TOP/loader/$name" ] || [ -e "$TOP/shim/$name" ] || [ -e "$TOP/scripts/$name" ]
		done
		for name in $(sed -n 's/^\.Sx \([A-Z][A-Z ]*[A-Z]\).*/\1/p' "$page" | tr ' ' _); do
			grep -qx "\.Sh ${name//_/ }" "$page"
		done
	done
}

@test "agentsh-exec: the help's options are the manual's" {
	same "$(options_of_help agentsh-exec --help)" "$(options_of_page "$TOP/loader/agentsh-exec.1")"
}

@test "agentsh-sidecar: the help's options are the manual's, and what it says of itself is so" {
	local page=$TOP/shim/agentsh-sidecar.8 word
	same "$(options_of_help "$BUILD/agentsh-sidecar" --help)" "$(options_of_page "$page")"
	run -0 "$BUILD/agentsh-sidecar" --version
	[[ $output == agentsh-sidecar\ * ]]
	run -2 "$BUILD/agentsh-sidecar" --nonsense
	run -2 "$BUILD/agentsh-sidecar" argument
	run -1 "$BUILD/agentsh-sidecar" --socket=relative --events=/dev/null
	[ "$output" = 'agentsh-sidecar: relative: no path for a socket (an absolute one of at most 107 bytes)' ]
	# Its bounds are those of the code.
	for word in REGISTRY_SESSIONS_MAX REGISTRY_SESSIONS_PER_USER REGISTRY_WAITING_MAX REGISTRY_WAITING_PER_USER; do
		grep -qE "^(.* )?$(sed -n "s/^#define $word *\([0-9]*\)U.*/\1/p" "$TOP/shim/registry.h") " "$page"
	done
}

@test "agentsh-sidecar: every member and type of an event that is made" {
	local page=$TOP/shim/agentsh-sidecar.8 name
	for name in $(grep -ohE '(MEMBER\(|add_(known|signed|unsigned)\(form, |add\(form, )"[a-z0-9_]+"' "$TOP/shim/event.c" |
		sed 's/.*"\(.*\)"/\1/') timestamp args; do
		grep -qE "^\.(It )?Ic $name( |\$)" "$page" || {
			echo "$name"
			return 1
		}
	done
	for name in $(grep -ohE 'EVENT_(SESSION|SECCOMP|FOREIGN|EVENTS|UNIX_SOCKET|SIDECAR|PROCESS|REPORT)_[A-Z]+\b' "$TOP"/shim/{verdict,chronicle,notification,socket_event,report}.c | sort -u |
		sed 's/^EVENT_//' | tr '[:upper:]' '[:lower:]'); do
		grep -qx ".It Ic $name" "$page" || {
			echo "$name"
			return 1
		}
	done
}

@test "add-agent-user: the help's options are the manual's" {
	same "$(options_of_help "$TOP/scripts/add-agent-user" --help)" "$(options_of_page "$TOP/scripts/add-agent-user.8")"
	run -1 "$TOP/scripts/add-agent-user" --nonsense
	run -1 "$TOP/scripts/add-agent-user"
	run -1 "$TOP/scripts/add-agent-user" 'no:name'
}

@test "agentsh-exec: what is said to be refused is, what is not, runs" {
	agentsh-exec --shim true
	run -125 agentsh-exec --sidecar="$PWD/nobody" true
	agentsh-exec --sidecar=auto true
	agentsh-exec --init true
	agentsh-exec --sidecar private --events=one true
	agentsh-exec --events - true 2>two
	wait_for grep -q session_start one
	wait_for grep -q session_start two
	agentsh-exec -f "$(policy '')" --sidecar none -s an.ID-1_ -- true
	[ "$(id -u)" -ne 0 ] || own_logs agentsh-exec -c true
	[ -n "$(agentsh-exec -h)" ]
	[ "$(agentsh-exec -V)" = "$(agentsh-exec --version)" ]
	run -125 agentsh-exec -x true
}

@test "agentshctl: the help's subcommands and options are the manual's" {
	local page=$TOP/loader/agentshctl.1
	same "$(agentshctl --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')" \
		"$(sed -n 's/^\.Ss agentshctl \([a-z]*\).*/\1/p' "$page")"
	same "$(sed -n 's/^\.Ss agentshctl \([a-z]*\).*/\1/p' "$page")" "$(sed -n 's/^\.Cm \([a-z]*\)$/\1/p' "$page")"
	same "$({ agentshctl --help; agentshctl flatten --help; } | grep -oE -e '--[a-z-]+' | grep -v version)" \
		"$({ options_of_page "$page"; } | grep -oE -e '--[a-z-]+')"
}

@test "agentshctl: exit statuses" {
	local bad
	bad=$(policy '[nonsense]')
	# A checkout may be group-writable, by the umask of whoever made it.
	install -m 644 "$TOP/conf/agentsh.ini" .
	run -0 agentshctl check agentsh.ini
	[[ $output == *'warning: '* ]]
	run -1 agentshctl check "$bad"
	[ "$output" = "$bad:1: unknown section [nonsense]" ]
	run -1 agentshctl check missing.ini
	run -1 agentshctl explain --syscall mont
	[[ $output == *"did you mean 'mount'?"* ]]
	run -2 agentshctl explain --nonsense
	run -2 agentshctl export --format=elf
	run -1 agentshctl export --format=bpf "$(policy $'[sandbox.seccomp]\nenabled = false')"
	run -1 agentshctl export --format=pfc "$(policy $'[sandbox.seccomp]\nmode = audit')"
	run -2 agentshctl
}

@test "agentsh.ini: every key, with its real default, and no key that does not exist" {
	local page=$TOP/loader/agentsh.ini.5 real
	# Comments away, lists on one line, "section: key = default".
	real=$(sed 's/[ \t]*;.*//' "$TOP/conf/agentsh.ini" | awk '
		/^\[/ { section = $0; next }
		/^[a-z]/ { if (line) print line; line = section ": " $0 }
		/^[ \t]+[a-z]/ { sub(/^[ \t]+/, " "); line = line $0 }
		END { print line }' | grep -v '^\[unix_socket_rules\.base\]: ' | sed 's/ *$//')
	real+=$'\n'$(sed -n 's/^\t{RULE_SECTION, "\([a-z]*\)", .*/[unix_socket_rules.NAME]: \1 =/p' "$KEYS" |
		sed 's/decision =/decision = allow/')
	same "$real" "$(awk '/^\.Ss \[/ { section = $2 }
		/^\.It Ic / { sub(/^\.It Ic /, ""); print section ": " $0 }' "$page")"
	# As many as the table of keys has rows.
	[ "$(wc -l <<<"$real")" -eq "$(grep -cE '^	\{("[a-z]+"|[A-Z_]+), "' "$KEYS")" ]
}

@test "agentsh.ini: every word that a key takes" {
	local word
	for word in $(sed -n 's/.*_words\[\] = "\(.*\)";/\1/p' "$KEYS" | tr '|' ' '); do
		grep -qE "^\.(It )?Cm ${word}( |\$)" "$TOP/loader/agentsh.ini.5" || {
			echo "$word"
			return 1
		}
	done
}

@test "agentsh.ini: bounds" {
	local long
	long=$(printf 'x%.0s' {1..400})
	agentshctl check "$(policy "[shell]"$'\n'"program = /${long:0:187} ; $long")"
	run -1 agentshctl check "$(policy "[shell]"$'\n'"program = /${long:0:188}")"
	[[ $output == *'too long (199 bytes, at most 198)'* ]]
	run -1 agentshctl check "$(policy "[${long:0:50}]")"
	[[ $output == *'too long (50 bytes, at most 49)'* ]]
	agentshctl check "$(policy "[unix_socket_rules.${long:0:31}]"$'\npaths = /a*b*c*d*e*f*g*h*i')" 2>/dev/null
	run -1 agentshctl check "$(policy "[unix_socket_rules.${long:0:32}]"$'\npaths = /a')"
	run -1 agentshctl check "$(policy $'[unix_socket_rules.x]\npaths = /a*b*c*d*e*f*g*h*i*j')"
	run -1 agentshctl check "$(policy $'[unix_socket_rules.x]\npaths = '"$(printf '/a%s\n ' {1..65})")"
	agentshctl check "$(policy $'[unix_socket_rules.x]\npaths = '"$(printf '/a%s\n ' {1..64})")" 2>/dev/null
	run -1 agentshctl check "$(policy $'[sandbox.seccomp.syscalls]\nblock = '"$(printf 'mount\n %.0s' {1..1025})")"
	agentshctl check "$(policy $'[sandbox.seccomp.syscalls]\nblock = '"$(printf 'mount\n %.0s' {1..1024})")" 2>/dev/null
	run -1 agentshctl check "$(policy "$(printf '[unix_socket_rules.r%s]\npaths = /a\n' {1..257})")"
	[[ $output == *'at most 256'* ]]
	run -1 agentshctl check "$(policy "$(head -c 262144 /dev/zero | tr '\0' '\n'; echo '#')")"
}

@test "agentsh.ini: syntax as the manual has it" {
	local file
	file=$(policy $'; first\r\n[loader]   ; one\r\nclose_fds = YES\n\tisolate')
	run -1 agentshctl check "$file"
	[[ $output == "$file:4: "* ]]
	agentshctl check "$(policy $'  # x\n[loader]\nclose_fds=On;\n')" && return 1
	file=$(policy $'[sandbox.seccomp.syscalls]\nblock = bpf ; x\n\n# y\n  ; z\n\tacct,,swapon\n swapoff')
	agentshctl check "$file"
	run -0 agentshctl explain "$file"
	[ "$(grep -c ' kill .*in block' <<<"$output")" -eq 4 ]
	run -1 agentshctl check "$(policy $'[Loader]\n')"
	run -1 agentshctl check "$(policy $'[loader]\nClose_fds = yes')"
	run -1 agentshctl check "$(policy $'[notices]\nstderr = Auto')"
	run -1 agentshctl check "$(policy $'[loader]\n[shim]\n[loader]')"
	run -1 agentshctl check "$(policy $'[sandbox.seccomp.syscalls]\nallow = mount')"
	agentshctl check "$(policy $'[sandbox.seccomp.syscalls]\nallow = mount\nblock =')" 2>/dev/null
	file=$(policy $'[loader]\nuser_config = allow')
	run -0 agentshctl check "$file"
	[[ $output == *"$file:2: warning: user_config = allow counts in "* ]]
	run -125 agentsh-exec --events="$EVENTS" -f "$file" -- true
}

@test "agentsh.ini: no_unix is all that it is said to be" {
	local file
	file=$(policy $'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix')
	run -0 agentsh-exec --events="$EVENTS" -f "$file" -- python3 -c 'import ctypes, errno, socket
def name(call):
    try: call(); return "runs"
    except OSError as e: return errno.errorcode[e.errno]
print(name(lambda: socket.socket(socket.AF_UNIX)), name(lambda: socket.socket(socket.AF_INET)),
    *(name(lambda: socket.socketpair(socket.AF_UNIX, kind))
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM)))
libc = ctypes.CDLL(None, use_errno=True)
for number in 425, 426, 427:
    libc.syscall(number, -1, -1, -1, -1, -1, -1); print(errno.errorcode[ctypes.get_errno()])'
	[ "$output" = $'EACCES runs runs runs EACCES\nENOSYS\nENOSYS\nENOSYS' ]
	run -125 python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX); os.set_inheritable(s.fileno(), True); os.execvp(sys.argv[1], sys.argv[1:])' \
		agentsh-exec --events="$EVENTS" -f "$file" -- true
	[[ $output == *'an inherited Unix socket that no peer is fixed to'* ]]
}

@test "agentsh.ini: the examples pass the check and do what they say" {
	local n
	blocks "$TOP/loader/agentsh.ini.5"
	[ "$count" -eq 4 ]
	for n in $(seq "$count"); do
		agentshctl check "block.$n"
	done
	run -1 agentsh-exec --events="$EVENTS" -f block.2 -- setarch -R true
	run -0 agentshctl explain --syscall keyctl block.2
	[[ $output == *EPERM* ]]
	agentsh-exec --events="$EVENTS" -f block.3 -- true
	echo '#include <unistd.h>
int main(void) { return write(1, "it ran\n", 7) == 7 ? 0 : fork(); }' >static.c
	gcc -static -o static static.c
	run -0 agentsh-exec --events="$EVENTS" -f block.4 -- ./static
	[ "$output" = 'it ran' ]
	printf '%s\n' "$OPEN" >>block.4
	run -159 sh -c 'agentsh-exec --sidecar=none -f block.4 -- ./static >/dev/full'
	run -137 sh -c 'agentsh-exec --events="$0" -f block.4 -- ./static >/dev/full' "$EVENTS"
}

@test "agentsh-exec: the examples run as they stand" {
	local n ran=0
	blocks "$TOP/loader/agentsh-exec.1"
	for n in $(seq "$count"); do
		grep -q '^agentshctl' "block.$n" || continue
		bash -eu "block.$n" >output 2>&1
		grep -q '^mount .* kill  .*strict.ini:' output
		ran=$((ran + 1))
	done
	[ "$ran" -eq 1 ]
	agentsh-exec --events="$EVENTS" -f strict.ini -- make --version
}

@test "agentshctl: the examples run as they stand" {
	blocks "$TOP/loader/agentshctl.1"
	[ "$count" -eq 3 ]
	diff <(tail -n +2 block.1) <(eval "$(sed -n 's/^\$ //p' block.1)")
	cp block.3 config.yaml
	echo 'all: ; @echo made' >Makefile
	if [ "$(id -u)" -eq 0 ]; then own_logs sh -e block.2; else sh -e block.2; fi >output 2>warnings
	[ "$(cat output)" = made ]
	run -1 agentsh-exec --events="$EVENTS" -f agentsh.ini -- sh -c 'mount -t tmpfs none . 2>/dev/null || exit 1'
}

@test "agentshctl: flatten refuses what the manual says, also with --ignore-other" {
	local text
	for text in '*a : 1' 'foo: 1
<<: {a: 1}' '!x foo: 1' 'sandbox.seccomp: {}' 'sandbox: {seccomp.syscalls: {}}' 'sandbox: {<<: {}}' \
		'shell: &a {}' 'shell: {program: ! /x}' 'loader: {isolate: y}' '' $'shell: {}\rx: 1' \
		$'shell: {} # \u2028' $'shell: {} # \u0085' 'foo: 1' $'shell: {}\n---\nshell: {}' 'shell:' \
		'unix_socket_rules: {r: {paths: [@a]}}' 'sidecar: {events: syslog:}' $'sidecar:\n  events: -' \
		'unix_socket_rules: {r: {paths: [/a[bc]]}}' 'unix_socket_rules: {5: {paths: [/a]}}' \
		"shell: {program: /$(printf 'x%.0s' {1..190})}"; do
		run -1 agentshctl flatten --ignore-other <<<"$text"
		[[ $output == '<stdin>:'* ]]
	done
	run -0 agentshctl flatten --ignore-other <<<'{foo: !x &a 1, bar: *a, b.c: {<<: 1}, shim: {}}'
	[ "$output" = '[shim]' ]
	run -0 agentshctl flatten <<<'{}'
	[ -z "$output" ]
	run -0 agentshctl flatten <<<'unix_socket_rules: {"5": {paths: ["@a", "/a[bc]"]}}'
	[ "$output" = $'[unix_socket_rules.5]\npaths = @a, /a[bc]' ]
}

@test "exit statuses: each number of the manual is a real one" {
	local number
	same $'125\n126\n127\n137\n159' "$(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It \([0-9]*\)$/\1/p' \
		"$TOP/loader/agentsh-exec.1")"
	run -125 agentsh-exec --events="$EVENTS" -f missing.ini -- true
	run -126 agentsh-exec -- "$TOP/README.md"
	run -127 env PATH=/usr/bin:/bin "$EXEC" -- no-such-command
	mkdir -m 0 closed
	[ "$(id -u)" -eq 0 ] || run -126 env PATH=/usr/bin:"$PWD/closed" "$EXEC" -- no-such-command
	run -137 agentsh-exec -- sh -c 'kill -KILL $$'
	run -137 agentsh-exec -- setarch -R true
	run -159 "${ALONE[@]}" -f "$(policy '')" -- setarch -R true
	for number in 0 1 125 255; do
		run "-$number" agentsh-exec -- sh -c "exit $number"
	done
}

@test "diagnostics: each line of the manual is one that is printed" {
	local file
	file=$(policy '[nonsense]')
	run -125 agentsh-exec --events="$EVENTS" -f "$file" -- true
	[ "$output" = "agentsh-exec: $file:1: unknown section [nonsense] ('agentshctl check' shows every finding)" ]
	file=$(policy $'[sandbox.seccomp]\nmode = audit')
	agentsh-exec --events="$EVENTS" -f "$file" -- true
	run -125 agentsh-exec --sidecar=none -f "$file" -- true
	[[ $output == "agentsh-exec: $file:2: mode = audit: it needs a sidecar, and --sidecar=none asks for none ("* ]]
	grep -qF 'it needs a sidecar, and --sidecar=none asks for none (' "$TOP/loader/agentsh-exec.1"
	run -125 agentsh-exec --sidecar="$PWD/nobody" -- true
	[ "$output" = "agentsh-exec: sidecar: nobody listens at $PWD/nobody (start it, or --sidecar=private)" ]
	run -125 agentsh-exec -s one -- agentsh-exec -s two -- true
	[ "$output" = 'agentsh-exec: -s: this command is in session one, whose sidecar serves it (leave it out)' ]
	run -137 agentsh-exec -- setarch -R true
	[ "$output" = "agentsh-exec: the policy blocked personality: 1 killed, 0 denied ('agentshctl last $EVENTS' tells more)" ]
	chmod g+w "$file"
	run -125 agentsh-exec --events="$EVENTS" -f "$file" -- true
	[ "$output" = "agentsh-exec: $file: group or others can write it (chmod go-w)" ]
	echo 'int main(void) { return 0; }' >small.c
	gcc -m32 -o small small.c
	run -126 agentsh-exec -- ./small
	[ "$output" = 'agentsh-exec: ./small: a 32-bit program, whose system calls the filter refuses (use a 64-bit build)' ]
	run -137 agentsh-exec -- sh -c './small; exit $?'
	run -159 "${ALONE[@]}" -f "$(policy '')" -- sh -c './small; exit $?'
	agentsh-exec --events="$EVENTS" -f "$(policy $'[sandbox.seccomp]\nenabled = false')" -- ./small
	grep -qF 'a 32-bit program, whose system calls the filter refuses (use a 64-bit build)' "$TOP/loader/agentsh-exec.1"
}

@test "agentsh-exec: no_new_privs also without a filter; the session's ID" {
	local file
	file=$(policy $'[sandbox.seccomp]\nenabled = false')
	run -0 agentsh-exec --events="$EVENTS" -f "$file" -- sed -n 's/^\(NoNewPrivs\|Seccomp\):\t//p' /proc/self/status
	[ "$output" = "1
$(sed -n 's/^Seccomp:\t//p' /proc/self/status)" ]
	run -0 agentsh-exec -- sh -c 'echo $AGENTSH_SESSION_ID'
	[[ $output =~ ^sess_[0-9a-f]{12}$ ]]
	[ "$(AGENTSH_SESSION_ID=outer agentsh-exec -- agentsh-exec -- sh -c 'echo $AGENTSH_SESSION_ID')" = outer ]
	[ "$(AGENTSH_SESSION_ID=outer agentsh-exec -s x -- sh -c 'echo $AGENTSH_SESSION_ID')" = x ]
	[ "$(id -u)" -ne 0 ] || [ "$(AGENTSH_SESSION_ID=outer own_logs agentsh-exec -c 'echo $AGENTSH_SESSION_ID')" != outer ]
}

@test "agentsh-exec: as a shell, every row of the manual's table" {
	need_root
	local called wanted rows=0
	while IFS=$'\t' read -r called wanted; do
		# shellcheck disable=SC2086 # the name, and -c where there is one
		set -- ${called% cmd}
		if [ $# -eq 2 ]; then
			run -0 own_logs bash -c 'exec -a "$1" "$2" -c "tr \\\\0 \" \" </proc/\$\$/cmdline; :"' x "$1" "$EXEC"
			[[ $output == "${wanted% cmd} tr "* ]]
		else
			run -0 own_logs bash -c 'exec -a "$1" "$2"' x "$1" "$EXEC" <<<'tr \\0 " " </proc/$$/cmdline'
			[ "$output" = "$wanted " ]
		fi
		rows=$((rows + 1))
	done < <(sed -n 's/^\.It \([-/]*[a-z].*\) Ta \([-/]*[a-z].*\)/\1\t\2/p' "$TOP/loader/agentsh-exec.1")
	[ "$rows" -eq 5 ]
}

@test "README: its transcript is what one gets" {
	awk '/^```/ { inside = !inside; next } inside && /^\$ / { seen = 1 } !inside { seen = 0 } seen' \
		"$TOP/README.md" >wanted
	[ "$(grep -c '^\$ ' wanted)" -ge 8 ]
	sed -n 's/^\$ //p' wanted | while IFS= read -r command; do
		printf 'status=$?; printf "%%s\\n" %q; (exit $status)\n%s\n' "\$ $command" "$command"
	done >script
	# Each session ends before the next command, as it does at a prompt, and writes to no trail of anybody's.
	install -m 0755 /dev/stdin ../bin/agentsh-exec <<-SCRIPT
		#!/bin/bash
		status=0
		'$EXEC' --events='$EVENTS' "\$@" || status=\$?
		until [ "\$(grep -c '"session_start"' '$EVENTS')" = "\$(grep -c '"session_end"' '$EVENTS')" ]; do sleep 0.01; done
		exit "\$status"
	SCRIPT
	run dash -c '. ./script 2>&1'
	# The number of a call is the architecture's; time and processes are the moment's.
	local moment='s/^([a-z_]+) +[0-9]+ /\1 N /; s/^when .*, session sess_[0-9a-f]{12}$/when/
		s/^(who .*), pid [0-9]+, tid [0-9]+, uid [0-9]+,/\1/'
	# That trail is named, which a reader's own is not.
	diff <(sed -E "$moment" wanted) <(sed -E "$moment; s,(agentshctl last) $EVENTS',\\1'," <<<"$output")
}

@test "README: every path, link, target and page in it is there; it is short and begins with its use" {
	local name
	for name in $(grep -oE '\]\([^)]*\)' "$TOP/README.md" | tr -d '])('); do
		[ -e "$TOP/$name" ]
	done
	for name in $(grep -oE '\b(conf|loader|tests|scripts)/[A-Za-z0-9._/-]+[A-Za-z0-9]' "$TOP/README.md"); do
		[ -e "$TOP/$name" ]
	done
	for name in $(grep -oE '\bmake (demo|check|install|uninstall|help|[a-z-]+ +#)' "$TOP/README.md" | cut -d ' ' -f 2); do
		grep -q "^$name:" "$TOP/Makefile"
	done
	for name in $(grep -oE '`man [a-z.-]+`' "$TOP/README.md" | tr -d '`' | cut -d ' ' -f 2); do
		ls "$TOP"/*/"$name".[158]
	done
	for name in $(agentshctl --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p'); do
		grep -qF "\`$name\`" "$TOP/README.md" || grep -qF "\`agentshctl $name\`" "$TOP/README.md"
	done
	[ "$(wc -l <"$TOP/README.md")" -lt 150 ]
	sed -n 3,10p "$TOP/README.md" | grep -q 'agentsh-exec'
}

@test "the top level holds what belongs there, and nothing else" {
	local name
	for name in $(git -C "$TOP" ls-files 2>/dev/null | cut -d / -f 1 | sort -u); do
		case $name in
		Makefile | README.md | LICENSE | shim | loader | tests | conf | scripts | .*) ;;
		*)
			echo "$name"
			return 1
			;;
		esac
	done
	for name in Makefile README.md LICENSE loader tests conf scripts .ci/run; do
		[ -e "$TOP/$name" ]
	done
}
