#compdef agentsh-exec agentshctl
# Completion of agentsh-exec and agentshctl, for zsh. Only what works is offered.

# The command behind ours, by that command's own completion.
_agentsh_exec() {
	# As a shell: what follows is the shell's.
	if ((CURRENT > 2)) && [[ $words[2] == -c ]]; then
		_files
		return
	fi
	local -a first
	if ((CURRENT == 2)); then first=('-c[as a shell: a command line]'); fi
	_arguments -S -s $first \
		'-f[the policy]:file:_files' \
		'-s[the session'\''s name]:name: ' \
		'--sidecar=[who is told of blocked calls]:sidecar:_agentsh_sidecar' \
		'--events=[where events go]:file:_files' \
		'--init[stay above the command]' \
		'--shim[report the start of each program]' \
		'(- : *)'{-h,--help}'[a summary]' \
		'(- : *)'{-V,--version}'[the version]' \
		'(-)1:command:_agentsh_commands' \
		'*:: :_normal -p agentsh-exec'
}

_agentsh_sidecar() {
	if [[ $PREFIX == /* ]]; then
		_files
	else
		compadd -- auto private none
	fi
}

# What can be executed: no function, alias or keyword, since the loader is no shell.
_agentsh_commands() {
	if [[ $PREFIX == */* ]]; then
		_files -g '*(-*,-/)'
	else
		_command_names -e
	fi
}

_agentsh_calls() {
	local -a calls
	calls=(${${(M)${(f)"$($words[1] explain 2>/dev/null)"}:#[a-z]* [0-9]*}%% *})
	compadd -a calls
}

_agentsh_ctl() {
	local -a subcommands
	subcommands=(
		'check:what is wrong with a policy'
		'explain:what each system call gets, and why'
		'export:the filter, as a program or as text'
		'init:a commented starter policy'
		'flatten:a YAML policy as INI'
		'doctor:what this host can do for the policy'
		'events:the trail, a line an event'
		'last:the latest denial, why, and what would allow it'
		'sessions:the sessions of the trail'
		'suggest:rules for what an audit run tried'
		'runtime:a container runtime, its containers under the policy'
		'cache:the filter of a policy without a sidecar, built before'
	)
	if ((CURRENT == 2)); then
		_describe -t subcommands subcommand subcommands
		compadd -- -h --help -V --version
		return
	fi
	case $words[2] in
	explain)
		_arguments ':: :' '--syscall=[a system call]:call:_agentsh_calls' '--socket=[a Unix socket]:path:_files' \
			'--op=[what is done with it]:operation:(connect bind sendto)' '*:file:_files'
		;;
	export)
		_arguments ':: :' '--format=[as what]:format:(bpf pfc oci)' \
			'--listener=[of oci\: where runtimes connect]:path:_files' \
			'--wait-killable[of oci\: a signal has no call made twice]' '*:file:_files'
		;;
	cache) _arguments ':: :' '(*)--clear[remove all that is kept]' '(--clear)*:file:_files' ;;
	flatten) _arguments ':: :' '--ignore-other[pass over what is of others]' '--help[a summary]' '*:file:_files' ;;
	doctor) _arguments ':: :' '--user=[each way around that user'\''s login shell]:user:_users' ;;
	events) _arguments ':: :' '-f[go on with it]' '-s[of that session]:session: ' '--json[as it is]' '*:file:_files' ;;
	last | suggest) _arguments ':: :' '-s[of that session]:session: ' '*:file:_files' ;;
	runtime)
		_arguments ':: :' '--policy=[the policy]:file:_files' '--listener=[where runtimes connect]:path:_files' \
			'--runtime=[the runtime itself]:program:_files'
		;;
	check | init | sessions) _files ;;
	esac
}

case $service in
agentshctl) _agentsh_ctl "$@" ;;
*) _agentsh_exec "$@" ;;
esac
