# type_zsh.zsh SETUP TEXT: an interactive zsh sources SETUP and has TEXT typed at it, TAB and Ctrl-G; it says "DONE" then.
zmodload zsh/zpty
typeset said=

# Until what it has said matches the pattern: 20 s at most.
wait_for() {
	local more
	local -i tries=0
	while [[ $said != *${~1}* ]]; do
		if zpty -rt shell more; then
			said+=$more
		elif ((++tries > 1000)); then
			print -ru 2 -- "type_zsh: no $1 in: $said"
			exit 1
		else
			sleep 0.02
		fi
	done
}

zpty -b shell 'zsh -f -i'
zpty -w shell "PS1=; source ${(q)1}; print rea''dy"
wait_for ready
zpty -w -n shell "$2"$'\t\C-g'
wait_for DONE
zpty -d shell
