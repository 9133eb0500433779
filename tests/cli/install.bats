#!/usr/bin/env bats
# make install and make uninstall, into a folder of the test's own.
#
# What a shell in the test expands stands in single quotes; bats stops where a cd fails.
# shellcheck disable=SC2016,SC2164
bats_require_minimum_version 1.5.0
load ../lib/common

# in_make TARGET...: with the programs that are built already, and nothing of a make around us.
in_make() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES \
		make -s -C "$TOP" B="$BUILD" DESTDIR="$BATS_TEST_TMPDIR/root" "$@"
}

setup() {
	root=$BATS_TEST_TMPDIR/root
}

@test "every file where it belongs, with its mode, and no other" {
	umask 077
	in_make PREFIX=/usr install
	diff - <(cd "$root" && find . ! -type d -printf '%M %P %l\n' | sed 's/ $//' | sort -k 2) <<-'FILES'
		-rw-r--r-- etc/logrotate.d/agentsh
		-rwxr-xr-x usr/bin/agentsh-exec
		-rwxr-xr-x usr/bin/agentsh-runtime
		lrwxrwxrwx usr/bin/agentsh-shell agentsh-exec
		-rwx--x--x usr/bin/agentsh-sidecar
		-rwxr-xr-x usr/bin/agentshctl
		-rwxr-xr-x usr/lib/agentsh-exec/libagentsh-shim.so
		-rw-r--r-- usr/lib/systemd/system/agentsh-sidecar.service
		-rw-r--r-- usr/lib/systemd/system/agentsh-sidecar.socket
		-rw-r--r-- usr/lib/sysusers.d/agentsh.conf
		-rw-r--r-- usr/lib/tmpfiles.d/agentsh.conf
		-rwxr-xr-x usr/sbin/add-agent-user
		-rw-r--r-- usr/share/agentsh-exec/docker-seccomp.json
		-rw-r--r-- usr/share/agentsh-exec/sshd_config.d/agentsh.conf
		-rw-r--r-- usr/share/bash-completion/completions/agentsh-exec
		lrwxrwxrwx usr/share/bash-completion/completions/agentshctl agentsh-exec
		-rw-r--r-- usr/share/doc/agentsh-exec/LICENSE
		-rw-r--r-- usr/share/doc/agentsh-exec/README.md
		-rw-r--r-- usr/share/doc/agentsh-exec/agentsh.ini
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/Dockerfile
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/README.md
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/claude-code-settings.json
		-rwxr-xr-x usr/share/doc/agentsh-exec/examples/claude-code-shell
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/codex-config.toml
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/compose.yaml
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/github-actions.yml
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/kubernetes-daemonset.yaml
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/mcp.json
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/npmrc
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/package.json
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/vector.yaml
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/vscode-settings.json
		-rw-r--r-- usr/share/doc/agentsh-exec/examples/vscode-tasks.json
		-rw-r--r-- usr/share/doc/agentsh-exec/hardened.ini
		-rw-r--r-- usr/share/doc/agentsh-exec/services.ini
		-rw-r--r-- usr/share/man/man1/agentsh-exec.1
		lrwxrwxrwx usr/share/man/man1/agentsh-runtime.1 agentshctl.1
		lrwxrwxrwx usr/share/man/man1/agentsh-shell.1 agentsh-exec.1
		-rw-r--r-- usr/share/man/man1/agentshctl.1
		-rw-r--r-- usr/share/man/man5/agentsh.ini.5
		-rw-r--r-- usr/share/man/man8/add-agent-user.8
		-rw-r--r-- usr/share/man/man8/agentsh-sidecar.8
		-rw-r--r-- usr/share/zsh/vendor-completions/_agentsh-exec
	FILES
	[ -z "$(find "$root" -mindepth 1 -type d ! -perm -755)" ]
	grep -qx ExecStart=/usr/bin/agentsh-sidecar "$root/usr/lib/systemd/system/agentsh-sidecar.service"
}

@test "PREFIX is /usr/local where none is given, and installing twice changes nothing" {
	in_make install
	find "$root" | sort >"$BATS_TEST_TMPDIR/once"
	in_make install
	diff "$BATS_TEST_TMPDIR/once" <(find "$root" | sort)
	[ -x "$root/usr/local/bin/agentsh-exec" ]
	grep -qx ExecStart=/usr/local/bin/agentsh-sidecar "$root/usr/local/lib/systemd/system/agentsh-sidecar.service"
}

@test "the installed programs work, under each of their names" {
	in_make PREFIX=/usr install
	local bin=$root/usr/bin
	cd "$BATS_TEST_TMPDIR"
	[ "$("$bin/agentsh-exec" --version)" = "$("$EXEC" --version)" ]
	[ "$("$bin/agentsh-exec" --sidecar=none -f "$(policy '')" -- echo it ran)" = 'it ran' ]
	run -159 "$bin/agentsh-exec" --sidecar=none -f "$(policy '')" -- setarch -R true
	"$bin/agentshctl" check "$root/usr/share/doc/agentsh-exec/hardened.ini"
}

@test "the installed loader is static and stripped: nothing in the environment is loaded into it" {
	in_make PREFIX=/usr install
	run -0 readelf --wide --program-headers --sections "$root/usr/bin/agentsh-exec"
	[[ $output != *INTERP* ]]
	[[ $output != *.symtab* ]]
}

@test "it runs in a root that holds a static program and nothing else" {
	need_root
	in_make PREFIX=/usr install
	mkdir "$BATS_TEST_TMPDIR/empty"
	printf 'int main(int argc, char **argv) { (void)argv; return argc; }\n' |
		gcc -static -x c -o "$BATS_TEST_TMPDIR/empty/count" -
	cp "$root/usr/bin/agentsh-exec" "$BATS_TEST_TMPDIR/empty"
	cp "$(policy '')" "$BATS_TEST_TMPDIR/empty/p.ini"
	run -3 chroot "$BATS_TEST_TMPDIR/empty" /agentsh-exec --sidecar=none -f /p.ini -- /count one two
}

@test "man finds every page, and each is the right one" {
	in_make PREFIX=/usr install
	local page
	for page in agentsh-exec agentsh-shell agentshctl agentsh.ini agentsh-sidecar add-agent-user; do
		run -0 env MANPAGER=cat man -M "$root/usr/share/man" "$page"
		[[ $output == *"$page"* ]]
		[[ $output == *'SEE ALSO'* ]]
	done
}

@test "uninstall takes away what install has put there, and nothing of others" {
	in_make PREFIX=/usr install
	local other
	for other in bin/agentsh share/man/man1/agentsh.1 share/bash-completion/completions/agent \
		share/doc/agentsh-exec/changelog; do
		echo other >"$root/usr/$other"
	done
	in_make PREFIX=/usr uninstall
	[ -z "$(find "$root/etc" ! -type d)" ]
	diff <(printf '%s\n' agent agentsh agentsh.1 changelog) <(find "$root" ! -type d -printf '%f\n' | sort)
	rm "$root/usr/share/doc/agentsh-exec/changelog"
	in_make PREFIX=/usr uninstall
	[ ! -e "$root/usr/share/doc/agentsh-exec" ]
	[ ! -e "$root/usr/share/agentsh-exec" ]
}

@test "every target that make help names is there" {
	local target targets
	targets=$(in_make help | grep -o '^make [a-z-]*' | cut -d ' ' -f 2)
	for target in demo check install uninstall clean; do
		grep -qx "$target" <<<"$targets"
	done
	for target in $targets; do
		grep -q "^$target:" "$TOP/Makefile"
	done
}

@test "the broker's account is what systemd-sysusers makes of its file" {
	in_make PREFIX=/usr install
	mkdir -p "$root/etc"
	printf 'root:x:0:0::/root:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\n' >"$root/etc/group"
	systemd-sysusers --root="$root"
	[ "$(grep '^_agentsh:' "$root/etc/passwd" | cut -d : -f 1,3,4,7)" = _agentsh:1987654321:1987654321:/usr/sbin/nologin ]
}
