#!/usr/bin/env bats
# Completion, by zsh and its line editor themselves: what TAB puts on the line.
#
# What a zsh in the test expands stands in single quotes; bats stops where a cd fails.
# shellcheck disable=SC2016,SC2164
bats_require_minimum_version 1.5.0
load ../lib/common

setup() {
	need_command zsh
	cd "$BATS_TEST_TMPDIR"
	mkdir bin files functions
	ln -s "$EXEC" bin/agentsh-exec
	ln -s "$CTL" bin/agentshctl
	printf '#!/bin/sh\n' >bin/zz-tool
	chmod 755 bin/zz-tool
	cp "$TOP/loader/agentsh-exec.zsh" functions/_agentsh-exec
	printf '#compdef zz-tool\ncompadd -- sub-$CURRENT-$words[1]\n' >functions/_zz-tool
	touch files/one.ini files/two.ini
}

# line TEXT: types TEXT and TAB and leaves in $line what zsh then has: all completions, each with a space.
line() {
	cat >setup.zsh <<-ZSH
		path=($PWD/bin \$path)
		fpath=($PWD/functions \$fpath)
		autoload -Uz compinit && compinit -u -D
		setopt nobeep
		zstyle ':completion:all-matches:*' completer _all_matches _complete
		zstyle ':completion:all-matches:*' insert true
		zle -C all-matches complete-word _generic
		bindkey '^I' all-matches
		zz-function() { :; }
		alias zz-alias=true
		typed() { print -rn -- "\$BUFFER" >typed; BUFFER=; print -r DO''NE; exit }
		zle -N typed
		bindkey '^G' typed
	ZSH
	rm -f typed
	HOME=$PWD timeout 60 zsh -f "$TOP/tests/lib/type_zsh.zsh" setup.zsh "$1" 3>&-
	line=$(<typed)
}

# becomes TEXT WANTED: TEXT and TAB make WANTED, spaces at its end aside.
becomes() {
	line "$1"
	diff <(printf '%s\n' "$2") <(printf '%s\n' "${line%"${line##*[! ]}"}")
}

# words: those of the line that were added, one to a line.
words() {
	tr ' ' '\n' <<<"$line" | sed '/^$/d' | tail -n +2
}

@test "zsh: agentsh-exec: exactly the options that its help lists" {
	line 'agentsh-exec -'
	diff <("$EXEC" --help | grep -E '^ +-' | grep -v '  refused:' |
		grep -oE '(^ +|, )--?[a-zA-Z]+' | grep -oE -e '-.*' | sort -u) <(words | sed 's/=$//' | sort -u)
	becomes 'agentsh-exec --v' 'agentsh-exec --version'
}

@test "zsh: agentsh-exec: values of options" {
	becomes 'agentsh-exec --sidecar=' 'agentsh-exec --sidecar=auto --sidecar=none --sidecar=private'
	becomes 'agentsh-exec --sidecar=n' 'agentsh-exec --sidecar=none'
	becomes "agentsh-exec --sidecar=$PWD/files/o" "agentsh-exec --sidecar=$PWD/files/one.ini"
	becomes 'agentsh-exec --events=files/o' 'agentsh-exec --events=files/one.ini'
	becomes 'agentsh-exec -f files/o' 'agentsh-exec -f files/one.ini'
	becomes 'agentsh-exec -s z' 'agentsh-exec -s z'
}

@test "zsh: agentsh-exec: commands, no functions, no aliases; then the command's own completion" {
	becomes 'agentsh-exec -- zz' 'agentsh-exec -- zz-tool'
	becomes 'agentsh-exec zz' 'agentsh-exec zz-tool'
	becomes 'agentsh-exec -f files/one.ini zz' 'agentsh-exec -f files/one.ini zz-tool'
	becomes 'agentsh-exec --sidecar=none -s x zz' 'agentsh-exec --sidecar=none -s x zz-tool'
	becomes 'agentsh-exec -- bin/zz' 'agentsh-exec -- bin/zz-tool'
	becomes 'agentsh-exec -s x -- zz-tool ' 'agentsh-exec -s x -- zz-tool sub-2-zz-tool'
	becomes 'agentsh-exec zz-tool a sub' 'agentsh-exec zz-tool a sub-3-zz-tool'
	becomes 'agentsh-exec zz-tool --si' 'agentsh-exec zz-tool --si'
	becomes 'agentsh-exec -c files/o' 'agentsh-exec -c files/one.ini'
}

@test "zsh: agentshctl: exactly the subcommands that its help lists" {
	line 'agentshctl '
	diff <({ "$CTL" --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p'; printf '%s\n' -h --help -V --version; } | sort) \
		<(words | sort)
	becomes 'agentshctl fl' 'agentshctl flatten'
}

@test "zsh: agentshctl: options of each subcommand, and files" {
	local sub
	becomes 'agentshctl export --format=' 'agentshctl export --format=bpf --format=oci --format=pfc'
	becomes 'agentshctl explain --op=' 'agentshctl explain --op=bind --op=connect --op=sendto'
	becomes 'agentshctl explain --syscall=pivot' 'agentshctl explain --syscall=pivot_root'
	becomes 'agentshctl explain --socket=files/o' 'agentshctl explain --socket=files/one.ini'
	becomes 'agentshctl flatten --i' 'agentshctl flatten --ignore-other'
	becomes 'agentshctl events --j' 'agentshctl events --json'
	becomes 'agentshctl export --l' 'agentshctl export --listener='
	becomes 'agentshctl export --w' 'agentshctl export --wait-killable'
	becomes 'agentshctl runtime --' 'agentshctl runtime --listener --policy --runtime='
	becomes 'agentshctl runtime --policy=files/o' 'agentshctl runtime --policy=files/one.ini'
	becomes 'agentshctl doctor --user=daem' 'agentshctl doctor --user=daemon'
	for sub in check explain export init flatten events last sessions suggest; do
		becomes "agentshctl $sub files/o" "agentshctl $sub files/one.ini"
	done
	becomes 'agentshctl doctor files/o' 'agentshctl doctor files/o'
}
