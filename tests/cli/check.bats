#!/usr/bin/env bats
# agentshctl itself, and check: what is wrong with a policy, and what is hardly meant.
# Every kind of error is in bad.bats.
#
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # an inner shell expands; run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/contract

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

# wrong_usage TEXT ARGUMENT...: status 2, one line with TEXT on stderr, nothing else.
wrong_usage() {
	run -2 --separate-stderr "$CTL" "${@:2}"
	is "$output:${#stderr_lines[@]}" :1
	[[ $stderr == agentshctl*"$1"*--help* ]] || is "$stderr" "agentshctl ... $1 ... --help"
}

# fails TEXT ARGUMENT...: status 1, one line with TEXT on stderr, nothing else.
fails() {
	run -1 --separate-stderr "$CTL" "${@:2}"
	is "$output:${#stderr_lines[@]}" :1
	[[ $stderr == "agentshctl: "*"$1"* ]] || is "$stderr" "agentshctl: ... $1 ..."
}

@test "agentshctl: help, version, wrong usage" {
	local option
	for option in --help -h; do
		run -0 --separate-stderr "$CTL" "$option"
		[[ $output == Usage:*check*explain*export*init*flatten* ]]
		is "$stderr" ''
	done
	for option in --version -V; do
		run -0 --separate-stderr "$CTL" "$option"
		is "$output" "$("$EXEC" --version | sed s/agentsh-exec/agentshctl/)"
	done
	run -2 --separate-stderr "$CTL"
	is "$output" ''
	[[ $stderr == Usage:* ]]
	for option in chekc '' --no-such-option -x check.ini; do
		wrong_usage 'no such subcommand' "$option"
	done
	run -1 bash -c '"$0" --help >/dev/full' "$CTL"
	is "$output" 'agentshctl: standard output: No space left on device'
}

@test "check: nothing is said of a good file without open siblings" {
	cat >good.ini <<-'EOT'
		[sandbox.seccomp.syscalls]
		block = reboot
	EOT
	gives 0 '' "$CTL" check good.ini
	gives 0 '' "$CTL" check -- good.ini good.ini
}

@test "check: all errors of a file, sorted by line" {
	cat >several.ini <<-'EOT'
		[sandbox.seccomp]
		mode = sometimes
		[secrets]
		[sandbox.seccomp.syscalls]
		block = ptrase,
		        mount, mnt
		on_block = kill
		on_block = errno
	EOT
	run -1 --separate-stderr "$CTL" check several.ini
	is "$output" ''
	is "$stderr" "several.ini:2: mode is one of enforce | audit | disabled, not 'sometimes'
several.ini:3: unknown section [secrets]
several.ini:5: unknown system call 'ptrase' (did you mean 'ptrace'?)
several.ini:6: unknown system call 'mnt'
several.ini:8: on_block is given twice, first on line 7"
}

@test "check: several files, each with its findings" {
	printf '[shim]\nenabled = no\n' >one.ini
	printf '[shim]\nenable = no\n' >two.ini
	printf '\n[secrets]\n' >three.ini
	run -1 --separate-stderr "$CTL" check two.ini one.ini missing.ini three.ini
	is "$(grep -v warning <<<"$stderr")" "two.ini:2: unknown key 'enable' in [shim]
agentshctl: missing.ini: No such file or directory (the command line names it)
three.ini:2: unknown section [secrets]"
	# The last being good makes none of the others so.
	run -1 "$CTL" check two.ini one.ini
}

@test "check: a file that agentsh-exec would not trust, or that cannot be read" {
	printf '[shim]\n' >file.ini
	chmod 666 file.ini
	fails 'file.ini: group or others can write it (chmod go-w)' check file.ini
	mkfifo fifo
	fails 'fifo: not a regular file' check fifo
	fails '.: not a regular file' check .
	fails 'missing.ini: No such file or directory' check missing.ini
	fails "No such file" check ''
}

@test "check: wrong usage" {
	wrong_usage check check --no-such-option
	wrong_usage check check -f x
	wrong_usage check check -
	printf '[shim]\n' >file.ini
	wrong_usage check check file.ini --no-such-option
	fails '-dash: No such file' check -- -dash
}

@test "check: without a file, the one that agentsh-exec would use" {
	printf '\n[secrets]\n' >named.ini
	run -1 --separate-stderr env AGENTSH_CONFIG=named.ini "$CTL" check
	is "$stderr" 'named.ini:2: unknown section [secrets]'
	[ ! -e /etc/agentsh/agentsh.ini ] || skip "this machine has a configuration of its own"
	mkdir -p home/.config/agentsh xdg/agentsh
	echo '[home]' >home/.config/agentsh/agentsh.ini
	echo '[xdg]' >xdg/agentsh/agentsh.ini
	run -1 env HOME="$PWD/home" XDG_CONFIG_HOME="$PWD/xdg" "$CTL" check
	is "$output" "$PWD/xdg/agentsh/agentsh.ini:1: unknown section [xdg]"
	run -1 env -u XDG_CONFIG_HOME HOME="$PWD/home" "$CTL" check
	is "$output" "$PWD/home/.config/agentsh/agentsh.ini:1: unknown section [home]"
	run -0 env -u XDG_CONFIG_HOME HOME="$PWD" "$CTL" check
	[[ $output == *'mount is blocked, but move_mount'* ]]
}

# warns LINE TEXT POLICY: status 0, and that warning on that line.
warns() {
	printf '%s\n' "$3" >warned.ini
	run -0 --separate-stderr "$CTL" check warned.ini
	is "$output" ''
	grep -F -e "warned.ini:$1: warning: " <<<"$stderr" | grep -q -F -e "$2" ||
		is "$stderr" "warned.ini:$1: warning: ... $2 ..."
}

# silent TEXT POLICY: no warning with TEXT in it.
silent() {
	printf '%s\n' "$2" >warned.ini
	run -0 --separate-stderr "$CTL" check warned.ini
	[[ $stderr != *"$1"* ]] || is "$stderr" "nothing of $1"
}

@test "check: a blocked call with an open sibling is a warning" {
	warns 2 'kexec_load is blocked, but kexec_file_load is open' $'[sandbox.seccomp.syscalls]\nblock = reboot, kexec_load'
	warns 4 'mount is blocked, but move_mount, open_tree, ' $'[sandbox.seccomp.syscalls]\nblock =\n  reboot,\n  mount'
	warns 2 'mount_setattr are open' $'[sandbox.seccomp.syscalls]\nblock = mount'
	warns 2 'init_module is blocked, but finit_module is open' $'[sandbox.seccomp.syscalls]\nblock = init_module'
	warns 2 'ptrace is blocked, but process_vm_readv, process_vm_writev, pidfd_getfd are open' \
		$'[sandbox.seccomp.syscalls]\nblock = ptrace'
	# One that only the supplementary table knows.
	warns 2 'is blocked, but open_tree_attr is open' $'[sandbox.seccomp.syscalls]\nblock = mount, move_mount, open_tree,
 fsopen, fsconfig, fsmount, fspick, mount_setattr'
}

@test "check: no sibling is open where all are blocked, and under an allow-list" {
	silent 'kexec' $'[sandbox.seccomp.syscalls]\nblock = kexec_load, kexec_file_load'
	silent 'warning: mount' $'[sandbox.seccomp.syscalls]\nblock = mount, move_mount, open_tree, open_tree_attr,
 fsopen, fsconfig, fsmount, fspick, mount_setattr'
	silent 'open' $'[sandbox.seccomp.syscalls]\ndefault_action = block\nblock = ptrace\nallow = execve, process_vm_readv'
}

@test "check: what has no effect is a warning" {
	warns 2 'installs no filter' $'[sandbox.seccomp]\nenabled = false'
	warns 2 'installs no filter' $'[sandbox.seccomp]\nmode = disabled'
	warns 2 'allow has no effect' $'[sandbox.seccomp.syscalls]\nallow = read'
	warns 3 'rules have no effect' "$OPEN"$'\n[unix_socket_rules.a]\npaths = /run/a'
	warns 4 'no_unix: all are refused' \
		$'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix\n[unix_socket_rules.a]\npaths = /run/a'
	warns 2 'blocking uretprobe has no effect' $'[sandbox.seccomp.syscalls]\nblock = uretprobe'
	warns 3 'block names reboot twice' $'[sandbox.seccomp.syscalls]\nblock = reboot,\n  reboot'
}

@test "check: nothing that agentsh-exec has is said to be refused" {
	silent 'refuses this' $'[shim]\nenabled = true'
	silent 'refuses this' $'[sandbox.seccomp.unix_socket]\nenabled = true'
	silent 'refuses this' $'[sandbox.seccomp]\nmode = audit'
	silent 'refuses this' $'[sandbox.seccomp.syscalls]\non_block = log_and_kill'
	silent 'refuses this' $'[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix'
}

@test "check: the rule that is built in is no rule without effect, nor is the starter policy's" {
	silent 'rules' ''
	silent 'rules' $'[unix_socket_rules.base]\nservices = base'
	install -m 644 "$TOP/conf/agentsh.ini" starter.ini
	run -0 "$CTL" check starter.ini
	[[ $output != *ocket* ]] || is "$output" 'nothing of sockets'
}

@test "check: a rule that is never reached is a warning" {
	local first=$'[unix_socket_rules.a]\npaths = /run/x,\n  /run/y\n'
	warns 6 "/run/y is never reached here: rule 'a' has it already, on line 3" \
		"$first"$'[unix_socket_rules.b]\npaths = /run/z,\n  /run/y\ndecision = deny'
	warns 5 'postgres is never reached here' \
		$'[unix_socket_rules.a]\nservices = postgres\n\n[unix_socket_rules.b]\nservices = postgres\noperations = bind'
	# The built-in one stands behind the file's own, and that is as it should be.
	silent 'never reached' $'[unix_socket_rules.a]\nservices = base\ndecision = deny'
	silent 'never reached' $'[unix_socket_rules.a]\npaths = /run/x\noperations = bind
[unix_socket_rules.b]\npaths = /run/x'
	silent 'never reached' "$first"$'[unix_socket_rules.b]\npaths = @/run/x'
}

@test "check: a dangerous service that is allowed is a warning, by whatever name" {
	local rule=$'[unix_socket_rules.a]\n'
	warns 3 'docker is allowed: root on this host' "$rule"$'services = postgres,\n  docker'
	warns 2 '/run/docker.sock is allowed, which is docker: root on this host' "$rule"'paths = /run/docker.sock'
	warns 2 '/run/*.sock is allowed, which is docker: root on this host' "$rule"'paths = /run/*.sock'
	warns 2 '/tmp/tmux-5/default is allowed, which is tmux: ' "$rule"'paths = /tmp/tmux-5/default'
	warns 2 '@/tmp/.X11-unix/X0 is allowed, which is x11: ' "$rule"'paths = @/tmp/.X11-unix/X0'
	silent 'is allowed' "$rule"$'services = docker\npaths = /run/docker.sock\ndecision = deny'
	silent 'is allowed' "$rule"$'paths = @/run/docker.sock, /srv/*'
	silent 'is allowed:' "$rule"'services = base, redis'
}

@test "check: an allow rule in a directory that the session can write is a warning" {
	local rule=$'[unix_socket_rules.a]\npaths = '
	warns 2 "is allowed, but the session can write /tmp" "$rule/tmp/a.sock"
	warns 2 "can write /tmp and" "$rule/tmp/a*/b.sock"
	warns 2 "can write /tmp/not-there and" "$rule/tmp/not-there/b.sock"
	silent 'can write' "$rule/run/a.sock"
	silent 'can write' "$rule/tmp/a.sock"$'\ndecision = deny'
	silent 'can write' "$rule@tmp/a.sock"
	warns 2 'can write /tmp and' "$rule/\\x74mp/a.sock"
	warns 3 'x11 is allowed, but the session can write /tmp' "[unix_socket_rules.a]
services = base,
  x11"
	silent 'can write' $'[unix_socket_rules.a]\nservices = base, docker'
	need_root
	install -d -o nobody "$BATS_TEST_TMPDIR/others"
	warns 2 "can write $BATS_TEST_TMPDIR/others" "$rule$BATS_TEST_TMPDIR/others/a.sock"
}
