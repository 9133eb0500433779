# shellcheck shell=bash
# The same script without the loader and behind it: the two say the same.
#
# With lib/roles.bash and lib/sockets.bash: setup and teardown call these two, and need root.
# shellcheck disable=SC2154,SC2034 # set by those; used by the tests

compared_setup() {
	roles_setup
	peers_begin
	install -m 755 "$DO" "$SERVE" "$work"
	do=$work/socket_do
	mkdir "$work/s"
	printf '%s\n' '[notices]' 'stderr = never' '[sandbox.seccomp.syscalls]' 'block = swapoff' \
		'[sandbox.seccomp.unix_socket]' 'enabled = true' '[unix_socket_rules.all]' "paths = $work/**, $name**" >"$work/p.ini"
}

compared_teardown() {
	peers_end
	roles_teardown
}

# behind_filter SETTING: as behind, for root, plain (a sidecar of its own) or system (plain, root's sidecar).
behind_filter() {
	behind "${1/system/plain}"
	behind+=("$work/agentsh-exec" -f "$work/p.ini")
	case $1 in
	system) behind+=("--sidecar=$work/socket") ;;
	*) behind+=(--sidecar=private "--events=$work/open/events.$1") ;;
	esac
}

# compare SETTING SCRIPT [COMMAND...]: SCRIPT, of lines for a shell in $work/open/d, without us and behind the policy,
# both below COMMAND: to $work/native and $work/inside. Nothing must be "ok" behind it that is not without us.
compare() {
	local setting=$1 how worse
	printf 'cd %q\n%s\n' "$work/open/d" "$2" >"$work/script"
	chmod 755 "$work/script"
	for how in native inside; do
		rm -rf "$work/open/d"
		mkdir -m 777 "$work/open/d"
		if [ "$how" = native ]; then behind "${setting/system/plain}"; else behind_filter "$setting"; fi
		"${@:3}" "${behind[@]}" timeout 60 bash "$work/script" </dev/null >"$work/$how" 2>&1 3>&- || echo "status $?" >>"$work/$how"
	done
	worse=$(diff "$work/native" "$work/inside" | sed -n 's/^> \(.*\): ok$/\1/p')
	is "$worse" ''
}

# same SETTING... -- SCRIPT: equal in each of them.
same() {
	local setting
	while [ "$1" != -- ]; do
		setting=$1
		shift
		compare "$setting" "${*: -1}"
		echo "# $setting"
		diff "$work/native" "$work/inside"
	done
}

# differences: of $native and $inside, "LINE -> what it is behind the policy"; they are equally long.
differences() {
	is "$(wc -l <"$work/native")" "$(wc -l <"$work/inside")"
	paste -d '\t' "$work/native" "$work/inside" |
		awk -F '\t' '$1 != $2 { sub(/^.*: /, "", $2); print $1 " -> " $2 }' | sed "s,$work,WORK,"
}
