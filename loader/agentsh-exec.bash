# shellcheck shell=bash
# Completion of agentsh-exec and agentshctl, for bash alone; uses bash-completion where that is loaded.
# Only what works is offered: options that are refused are not.

# The word to complete, without "--option=" before it, to $cur; that option, or the word before, to $prev.
# "=" is a word of its own where COMP_WORDBREAKS says so, and part of one where not.
_agentsh_words() {
	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD - 1]}
	prefix=
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ] && [ "$COMP_CWORD" -ge 2 ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == --*=* ]]; then
		prev=${cur%%=*}
		prefix=$prev=
		cur=${cur#*=}
	fi
}

# _agentsh_offer WORD...: those that begin as the word does; no space after one that ends with "=".
_agentsh_offer() {
	local word
	for word; do
		[[ $word != "$cur"* ]] || COMPREPLY+=("$prefix$word")
	done
	if [ "${#COMPREPLY[@]}" -eq 1 ] && [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}

_agentsh_files() {
	compopt -o filenames
	mapfile -t COMPREPLY < <(compgen -P "$prefix" -f -- "$cur")
}

# What can be executed: files with a slash, else names in PATH. No function, alias or keyword: the
# loader is no shell.
_agentsh_commands() {
	local name
	local -A seen=()
	if [[ $cur == */* ]]; then
		compopt -o filenames
		while IFS= read -r name; do
			if [ -d "$name" ] || [ -x "$name" ]; then COMPREPLY+=("$name"); fi
		done < <(compgen -f -- "$cur")
		return
	fi
	while IFS= read -r name; do
		if [ -z "${seen[$name]:-}" ] && type -P -- "$name" >/dev/null; then COMPREPLY+=("$name"); fi
		seen[$name]=1
	done < <(compgen -c -- "$cur")
}

# The command line behind ours, from word $1: as that command's own completion has it.
_agentsh_command_line() {
	if [ "$COMP_CWORD" -eq "$1" ]; then
		_agentsh_commands
	elif declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$1"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	else
		_agentsh_files
	fi
}

# Where the command stands among the words, to $first; 0: not yet.
_agentsh_find_command() {
	local i=1
	first=0
	while [ "$i" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		--)
			first=$((i + 1))
			return
			;;
		-f | -s) i=$((i + 1)) ;;
		--sidecar | --events)
			if [ "${COMP_WORDS[i + 1]:-}" = = ]; then i=$((i + 1)); fi
			i=$((i + 1))
			;;
		-*) ;;
		*)
			first=$i
			return
			;;
		esac
		i=$((i + 1))
	done
	# The word behind an option's value is the first that can be a command.
	if [ "$i" -eq "$COMP_CWORD" ] && [[ ${COMP_WORDS[i]} != -* ]]; then first=$i; fi
}

_agentsh_exec() {
	local cur prev prefix first
	COMPREPLY=()
	_agentsh_words
	# As a shell: what follows is the shell's.
	if [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = -c ]; then
		_agentsh_files
		return
	fi
	_agentsh_find_command
	if [ "$first" -gt 0 ]; then
		_agentsh_command_line "$first"
		return
	fi
	case $prev in
	-f) _agentsh_files ;;
	-s) ;;
	--sidecar)
		_agentsh_offer auto private none
		if [[ $cur == /* ]]; then _agentsh_files; fi
		;;
	--events) _agentsh_files ;;
	*)
		_agentsh_offer -f -s --sidecar= --events= --init --shim -h --help -V --version --
		if [ "$COMP_CWORD" -eq 1 ]; then _agentsh_offer -c; fi
		;;
	esac
}

# _agentsh_calls PROGRAM: the names of system calls that this machine has.
_agentsh_calls() {
	local name number
	local -a names=()
	while read -r name number _; do
		case $number in
		'' | *[!0-9]*) ;;
		*) names+=("$name") ;;
		esac
	done < <("$1" explain 2>/dev/null)
	_agentsh_offer "${names[@]}"
}

_agentsh_ctl() {
	local cur prev prefix
	COMPREPLY=()
	_agentsh_words
	if [ "$COMP_CWORD" -eq 1 ]; then
		_agentsh_offer check explain export init flatten doctor events last sessions suggest runtime cache -h --help -V --version
		return
	fi
	case ${COMP_WORDS[1]}:$prev:$cur in
	explain:--syscall:*) _agentsh_calls "$1" ;;
	export:--format:*) _agentsh_offer bpf pfc oci ;;
	explain:--op:*) _agentsh_offer connect bind sendto ;;
	explain:--socket:*) _agentsh_files ;;
	explain:*:-*) _agentsh_offer --syscall= --socket= --op= ;;
	export:--listener:*) _agentsh_files ;;
	runtime:--policy:* | runtime:--listener:* | runtime:--runtime:*) _agentsh_files ;;
	runtime:*:-*) _agentsh_offer --policy= --listener= --runtime= ;;
	cache:*:-*) _agentsh_offer --clear ;;
	export:*:-*) _agentsh_offer --format= --listener= --wait-killable ;;
	flatten:*:-*) _agentsh_offer --ignore-other --help ;;
	doctor:--user:*) mapfile -t COMPREPLY < <(compgen -P "$prefix" -u -- "$cur") ;;
	doctor:*:-*) _agentsh_offer --user= ;;
	check:*:-*) _agentsh_offer -- ;;
	events:-s:* | last:-s:* | suggest:-s:*) ;;
	events:*:-*) _agentsh_offer -f -s --json ;;
	last:*:-* | suggest:*:-*) _agentsh_offer -s ;;
	check:* | explain:* | export:* | cache:* | init:* | flatten:* | events:* | last:* | sessions:* | suggest:*)
		_agentsh_files
		;;
	esac
}

complete -F _agentsh_exec agentsh-exec
complete -F _agentsh_ctl agentshctl
