# shellcheck shell=bash
# What the tests of the loader's contract share. Needs world.bash for is.
#
# run sets status, output and stderr.
# shellcheck disable=SC2034,SC2154

NO_UNIX='[sandbox.seccomp.unix_socket]
enabled = true
degraded = no_unix'

# says STATUS TEXT COMMAND...: it exits so, prints nothing, and says one line with TEXT in it:
# agentsh-exec: WHAT: WHY (REMEDY)
says() {
	run -"$1" --separate-stderr "${@:3}"
	is "$output:${#stderr_lines[@]}" :1
	[[ $stderr =~ ^agentsh-exec:\ .+:\ .+\ \(.+\)$ && $stderr == *"$2"* ]] ||
		is "$stderr" "agentsh-exec: WHAT: WHY (REMEDY), with: $2"
}

# gives STATUS OUTPUT COMMAND...: it exits so, prints that, and says nothing on stderr.
gives() {
	run -"$1" --separate-stderr "${@:3}"
	is "$output" "$2"
	is "$stderr" ''
}
