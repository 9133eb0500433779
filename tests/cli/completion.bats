#!/usr/bin/env bats
# Completion, by bash and its readline themselves: what TAB would put on the line.
#
# What a bash in the test expands stands in single quotes.
# shellcheck disable=SC2016
bats_require_minimum_version 1.5.0
load ../lib/common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir bin files
	ln -s "$EXEC" bin/agentsh-exec
	ln -s "$CTL" bin/agentshctl
	printf '#!/bin/sh\n' >bin/zz-tool
	chmod 755 bin/zz-tool
	touch files/one.ini files/two.ini
	SETTINGS=
	KEY=insert-completions
}

# line TEXT: types TEXT and TAB and leaves in $line what readline then has: all completions, one after
# another, each with a space. With KEY=complete, what a user gets.
line() {
	cat >inputrc <<-RC
		set bell-style none
		"\\t": $KEY
	RC
	cat >session.bash <<-RC
		PS1=
		HISTFILE=
		PATH=$BATS_TEST_TMPDIR/bin:\$PATH
		source '$TOP/loader/agentsh-exec.bash'
		zz-function() { :; }
		alias zz-alias=true
		$SETTINGS
		bind -x '"\\C-g": printf %s "\$READLINE_LINE" >typed; exit'
	RC
	rm -f typed
	printf '%s\t\007' "$1" |
		INPUTRC=inputrc TERM=dumb timeout 20 bash --noprofile --rcfile session.bash -i >session.log 2>&1 || true
	if [ ! -e typed ]; then
		cat session.log
		return 1
	fi
	line=$(<typed)
}

# becomes TEXT WANTED: TEXT and TAB make WANTED, the space at its end aside.
becomes() {
	line "$1"
	diff <(printf '%s\n' "$2") <(printf '%s\n' "${line%"${line##*[! ]}"}")
}

# words: those of the line, one to a line.
words() {
	tr ' ' '\n' <<<"$line" | sed '/^$/d'
}

@test "agentsh-exec: exactly the options that its help lists and that work" {
	line 'agentsh-exec -'
	diff <("$EXEC" --help | grep -E '^ +-' | grep -v '  refused:' |
		grep -oE '(^ +|, )--?[a-zA-Z]+' | grep -oE -e '-.*' | sort -u) \
		<(words | grep '^-' | sed 's/=$//' | grep -vx -e -- | sort -u)
	becomes 'agentsh-exec --v' 'agentsh-exec --version'
	KEY=complete
	line 'agentsh-exec --si'
	[ "$line" = 'agentsh-exec --sidecar=' ]
}

@test "agentsh-exec: what --sidecar takes, with = and without" {
	becomes 'agentsh-exec --sidecar=' 'agentsh-exec --sidecar=auto none private'
	becomes 'agentsh-exec --sidecar=n' 'agentsh-exec --sidecar=none'
	becomes 'agentsh-exec --sidecar a' 'agentsh-exec --sidecar auto'
	becomes "agentsh-exec --sidecar=$PWD/files/o" "agentsh-exec --sidecar=$PWD/files/one.ini"
	becomes 'agentsh-exec --events files/o' 'agentsh-exec --events files/one.ini'
	SETTINGS="COMP_WORDBREAKS=\${COMP_WORDBREAKS//=}"
	becomes 'agentsh-exec --sidecar=n' 'agentsh-exec --sidecar=none'
}

@test "agentsh-exec: every value that is offered is taken" {
	local value
	line 'agentsh-exec --sidecar='
	for value in $(words | sed 's/.*=//' | grep -v '^agentsh-exec$'); do
		case $value in
		none) "$EXEC" -f "$(policy '')" --sidecar=none true ;;
		*) "$EXEC" -f "$(supervised '')" --sidecar="$value" true ;;
		esac
	done
}

@test "agentsh-exec: files after -f, nothing after -s" {
	becomes 'agentsh-exec -f files/o' 'agentsh-exec -f files/one.ini'
	becomes 'agentsh-exec -s x -f files/t' 'agentsh-exec -s x -f files/two.ini'
	becomes 'agentsh-exec -s z' 'agentsh-exec -s z'
}

@test "agentsh-exec: commands after --, after an option's value, and at once; no functions, no aliases" {
	becomes 'agentsh-exec -- zz' 'agentsh-exec -- zz-tool'
	becomes 'agentsh-exec zz' 'agentsh-exec zz-tool'
	becomes 'agentsh-exec -f files/one.ini zz' 'agentsh-exec -f files/one.ini zz-tool'
	becomes 'agentsh-exec --sidecar=none -s x zz' 'agentsh-exec --sidecar=none -s x zz-tool'
	becomes 'agentsh-exec -- bin/zz' 'agentsh-exec -- bin/zz-tool'
	becomes 'agentsh-exec -- files/o' 'agentsh-exec -- files/o'
}

@test "agentsh-exec: the command's own arguments are files, its options not ours" {
	becomes 'agentsh-exec -- zz-tool files/o' 'agentsh-exec -- zz-tool files/one.ini'
	becomes 'agentsh-exec zz-tool --si' 'agentsh-exec zz-tool --si'
	becomes 'agentsh-exec -c files/o' 'agentsh-exec -c files/one.ini'
}

@test "agentsh-exec: the command's own completion, where bash-completion is loaded" {
	SETTINGS='_command_offset() { COMPREPLY=("offset-$1"); }'
	becomes 'agentsh-exec -s x -- zz-tool a' 'agentsh-exec -s x -- zz-tool offset-4'
	SETTINGS='_comp_command_offset() { COMPREPLY=("offset-$1"); }'
	becomes 'agentsh-exec zz-tool a' 'agentsh-exec zz-tool offset-1'
}

@test "agentshctl: exactly the subcommands that its help lists" {
	line 'agentshctl '
	diff <({ "$CTL" --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p'; printf '%s\n' -h --help -V --version; } | sort) \
		<(words | grep -v '^agentshctl$' | sort)
	becomes 'agentshctl fl' 'agentshctl flatten'
}

@test "agentshctl: options of each subcommand, and files" {
	local sub
	becomes 'agentshctl export --f' 'agentshctl export --format='
	becomes 'agentshctl export --format=' 'agentshctl export --format=bpf oci pfc'
	becomes 'agentshctl export --w' 'agentshctl export --wait-killable'
	becomes 'agentshctl explain --sy' 'agentshctl explain --syscall='
	becomes 'agentshctl explain --so' 'agentshctl explain --socket='
	becomes 'agentshctl explain --socket=files/o' 'agentshctl explain --socket=files/one.ini'
	becomes 'agentshctl explain --op=' 'agentshctl explain --op=bind connect sendto'
	becomes 'agentshctl suggest -' 'agentshctl suggest -s'
	becomes 'agentshctl flatten --i' 'agentshctl flatten --ignore-other'
	becomes 'agentshctl events --' 'agentshctl events --json'
	becomes 'agentshctl last -' 'agentshctl last -s'
	becomes 'agentshctl events -s files/o' 'agentshctl events -s files/o'
	becomes 'agentshctl last -s x files/o' 'agentshctl last -s x files/one.ini'
	for sub in check explain export init flatten events last sessions suggest; do
		becomes "agentshctl $sub files/o" "agentshctl $sub files/one.ini"
	done
	becomes 'agentshctl doctor files/o' 'agentshctl doctor files/o'
	becomes 'agentshctl doctor -' 'agentshctl doctor --user='
	becomes 'agentshctl doctor --user=daem' 'agentshctl doctor --user=daemon'
}

@test "agentshctl: system calls after --syscall, those that explain knows" {
	becomes 'agentshctl explain --syscall=pivot' 'agentshctl explain --syscall=pivot_root'
	becomes 'agentshctl explain --syscall move_m' 'agentshctl explain --syscall move_mount'
	line 'agentshctl explain --syscall process_'
	diff <(printf '%s\n' process_madvise process_mrelease process_vm_readv process_vm_writev) \
		<(words | grep '^process' | sort)
}
