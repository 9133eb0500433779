#!/usr/bin/env bats
# The archive of the sources, and Debian's packages: installed, upgraded and purged in a Debian that systemd has booted.
# The tests of the machine follow one another: what one installs, the next upgrades.
#
# What a shell in the machine expands stands in single quotes; bats stops where a cd fails.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/machine

TRAIL=/var/log/agentsh/events.jsonl
SERVICE=agentsh-sidecar.service
DEBIAN=${XDG_CACHE_HOME:-$HOME/.cache}/agentsh-exec/debian

setup_file() {
	make_in "$TOP" B="$BATS_FILE_TMPDIR/build" deb
	# What it would be once it is released: another number, and another sidecar.
	later "$BATS_FILE_TMPDIR/build/deb"/*.deb
	machine_prepare
	[ -z "$MACHINE_OBSTACLE" ] || return 0
	cp -a "$DEBIAN" "$MACHINE_ROOT/root"
	machine_boot
	machine useradd --create-home --uid 1000 agent
}

teardown_file() {
	machine_stop
}

# make_in FOLDER ARGUMENT...
make_in() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -C "$@"
}

# later PACKAGE...: the same with a later version, in "later".
later() {
	local package work=$BATS_FILE_TMPDIR/unpacked
	mkdir "$BATS_FILE_TMPDIR/later"
	for package; do
		dpkg-deb -R "$package" "$work"
		sed -i 's/^Version: .*/&+later/; s/\(agentsh-[a-z]* (= [0-9.]*\))/\1+later)/' "$work/DEBIAN/control"
		if [ -e "$work/usr/bin/agentsh-sidecar" ]; then
			install -m 711 "$BUILD/later/agentsh-sidecar" "$work/usr/bin/agentsh-sidecar"
			(cd "$work" && find ./* -path ./DEBIAN -prune -o -type f -exec md5sum {} + | sed "s, \./, ," >DEBIAN/md5sums)
		fi
		dpkg-deb --root-owner-group -b "$work" "$BATS_FILE_TMPDIR/later" >/dev/null
		rm -r "$work"
	done
}

# install_from FOLDER: the packages in it, by dpkg, as an administrator does.
install_from() {
	machine rm -rf /root/packages
	machine mkdir /root/packages
	tar -c -C "$1" . | machine tar -x -C /root/packages
	run -0 machine sh -c 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/packages/*.deb'
}

property() {
	machine systemctl show --value -p "$1" "$SERVICE"
}

# sidecars: the user of each of the machine's processes of it, and its arguments.
sidecars() {
	machine sh -c 'for link in /proc/[0-9]*/exe; do
		case $(readlink "$link") in
		*/agentsh-sidecar*) echo "$(sed -n "s/^Uid:.\([0-9]*\).*/\1/p" "${link%/exe}/status") $(tr "\\0" " " <"${link%/exe}/cmdline")" ;;
		esac
	done'
}

# Every file of the machine's, but what dpkg, systemd and the kernel write by themselves.
machine_files() {
	machine find / -xdev \( -path /var/lib/dpkg -o -path /root -o -path /tmp -o -path /var/tmp -o -path /var/log/journal \
		-o -path /run -o -path /var/cache -o -path /home \) -prune -o -printf '%M %u:%g %p %l\n' |
		grep -v -e ' /var/log/\(dpkg\|alternatives\).log' -e ' /var/lib/systemd' | sort -k 3
}

@test "make dist: the same bytes from anywhere, and from what it unpacks to" {
	local one=$BATS_TEST_TMPDIR/one two=$BATS_TEST_TMPDIR/two archive
	if git -C "$TOP" rev-parse 2>/dev/null; then
		git clone -q "$TOP" "$one"
		(umask 077 && git clone -q "$TOP" "$two")
	else
		cp -r "$TOP" "$one"
		cp -r "$TOP" "$two"
	fi
	touch "$two/README.md"
	make_in "$one" dist
	(umask 002 && cd / && LC_ALL=C.UTF-8 TZ=Asia/Tokyo make_in "$two" B=elsewhere dist)
	archive=$(cd "$one" && echo build/*.tar.gz)
	cmp "$one/$archive" "$two/elsewhere/${archive#build/}"
	mkdir "$BATS_TEST_TMPDIR/unpacked"
	tar -xf "$one/$archive" -C "$BATS_TEST_TMPDIR/unpacked"
	make_in "$BATS_TEST_TMPDIR"/unpacked/* dist
	cmp "$one/$archive" "$BATS_TEST_TMPDIR"/unpacked/*/build/*.tar.gz
	# Nothing of who made it, and all that git has.
	run -0 tar -tvf "$one/$archive" --numeric-owner
	run ! grep -v ' 0/0 ' <<<"$output"
	if [ -e "$one/.git" ]; then
		diff <(git -C "$one" ls-files | sort) <(tar -tf "$one/$archive" | cut -d / -f 2- | sort)
	fi
}

@test "make deb: lintian has no error to tell" {
	TMPDIR=$BATS_TEST_TMPDIR run lintian --allow-root --fail-on error,warning "$BATS_FILE_TMPDIR"/build/deb/*.deb
	is "$output" ''
	is "$(cd "$BATS_FILE_TMPDIR/build/deb" && printf '%s\n' *.deb | sed 's/_.*//' | xargs)" 'agentsh-exec agentsh-shim agentsh-sidecar'
}

@test "installing: the host's sidecar is there at once, its folders, the shell in /etc/shells" {
	need_machine
	machine_files >"$BATS_FILE_TMPDIR/before"
	install_from "$BATS_FILE_TMPDIR/build/deb"
	is "$(machine systemctl is-active agentsh-sidecar.socket $SERVICE | xargs)" 'active inactive'
	is "$(machine systemctl is-enabled agentsh-sidecar.socket)" enabled
	is "$(machine stat -c '%a %U %n' /run/agentsh /var/log/agentsh)" $'755 root /run/agentsh\n750 root /var/log/agentsh'
	machine grep -qx /usr/bin/agentsh-shell /etc/shells
	run -137 agent agentsh-exec -- setarch -R true
	is "$(machine sed -n 's/.*"sidecar":"\([a-z]*\)".*/\1/p' "$TRAIL")" system
	machine grep -q '"action":"killed"' "$TRAIL"
	# What hears strangers is not root, and its account can do nothing else.
	is "$(machine getent passwd _agentsh | cut -d : -f 1,3,6-)" _agentsh:1987654321:/nonexistent:/usr/sbin/nologin
	is "$(sidecars | sed -n 's/ agentsh-sidecar --role=broker.*//p')" "$(machine id -u _agentsh)"
	agent agentsh-exec --shim -- true
	wait_for machine grep -q '"process_start"' "$TRAIL"
	agent agentshctl check /usr/share/doc/agentsh-exec/hardened.ini
	# Of no user's to trace, and confined.
	run ! agent cat /usr/bin/agentsh-sidecar
	is "$(property NoNewPrivileges)" yes
}

# by_manager USER: what a unit that the user has written leaves in /tmp/unit, where a manager of the user's runs.
by_manager() {
	local uid
	uid=$(machine id -u "$1")
	machine rm -f /tmp/unit
	machine setpriv --reuid="$1" --regid="$1" --init-groups sh -c 'mkdir -p "/home/$0/.config/systemd/user/default.target.wants" &&
		cd "/home/$0/.config/systemd/user" && cat >own.service && ln -sf ../own.service default.target.wants' "$1" <<-'UNIT'
			[Service]
			ExecStart=/bin/sh -c 'grep ^NoNewPrivs: /proc/self/status >/tmp/new; mv /tmp/new /tmp/unit'
		UNIT
	# What pam_systemd would set, which a small Debian has not.
	machine systemctl set-environment "XDG_RUNTIME_DIR=/run/user/$uid"
	machine systemctl start "user@$uid.service" || return 1
	wait_for machine test -e /tmp/unit
	machine systemctl stop "user@$uid.service"
	machine cat /tmp/unit
}

@test "an agent's user, where there is systemd and neither sshd, at nor mail; a unit of its own does not start" {
	need_machine
	# What there is to close.
	is "$(by_manager agent)" $'NoNewPrivs:\t0'
	# As where there is ssh, and no sshd.
	machine install -d /etc/ssh
	run -1 machine agentshctl doctor --user agent
	[[ $output == *'user-units         open '* ]]
	run -0 machine add-agent-user robot
	is "$output" ''
	run -0 machine agentshctl doctor --user robot
	run ! by_manager robot
	[[ $output == *masked* ]]
	run -0 machine add-agent-user --remove robot
	run ! machine id robot
	machine test ! -e /etc/ssh/sshd_config.d
	machine rmdir --ignore-fail-on-non-empty /etc/ssh
	run ! machine grep -rqs robot /etc/passwd /etc/group /etc/cron.deny /etc/systemd/system
}

# sessions N: that many, of agent's, each of which makes a blocked call again and again, until /tmp/end is there.
sessions() {
	local n
	machine rm -rf /tmp/end /tmp/said
	agent mkdir /tmp/said
	for n in $(seq "$1"); do
		agent agentsh-exec -s "busy-$n" -- sh -c 'until [ -e /tmp/end ]; do setarch -R true; echo $? >>"/tmp/said/$0"; done' "$n" \
			>/dev/null 2>&1 </dev/null &
	done
	wait_for all_say "$1" 3
}

# all_say N LINES: so many have said so much.
all_say() {
	[ "$(machine sh -c 'for file in /tmp/said/*; do wc -l <"$file"; done' | awk -v least="$2" '$1 >= least' | wc -l)" -eq "$1" ]
}

all_ended() {
	[ "$(machine grep -c '"session_end".*"how":"all_exited"' "$TRAIL")" -ge "$1" ]
}

@test "upgrading, with sessions at work: each blocked call is stopped, none is lost, and the new sidecar has them" {
	need_machine
	local ended
	ended=$(machine grep -c '"how":"all_exited"' "$TRAIL")
	sessions 8
	is "$(machine sh -c "/proc/$(property MainPID)/exe --version")" "$("$BUILD/agentsh-sidecar" --version)"
	install_from "$BATS_FILE_TMPDIR/later"
	is "$(property ActiveState)" active
	is "$(machine sh -c "/proc/$(property MainPID)/exe --version")" "$("$BUILD/later/agentsh-sidecar" --version)"
	wait_for all_say 8 $(($(machine sh -c 'for file in /tmp/said/*; do wc -l <"$file"; done' | sort -n | tail -n 1) + 3))
	machine touch /tmp/end
	wait_for all_ended $((ended + 8))
	# Every one of them was killed, before, meanwhile and after.
	is "$(machine sh -c 'sort -u /tmp/said/*')" 137
	is "$(machine cat "$TRAIL" | jq -r 'select(.action == "killed" and (.session_id | startswith("busy-"))) |
		"\(.session_id) \(.seq)"' | sort -u | wc -l)" "$(machine sh -c 'cat /tmp/said/*' | wc -l)"
	# A session that begins now is served.
	run -137 agent agentsh-exec -- setarch -R true
}

@test "removing keeps the trail, purging leaves nothing" {
	need_machine
	run -0 machine dpkg --remove agentsh-shim agentsh-exec agentsh-sidecar
	machine test -e "$TRAIL"
	run ! machine grep -q agentsh /etc/shells
	run -0 machine dpkg --purge agentsh-shim agentsh-exec agentsh-sidecar
	[[ $output != *'not empty'* ]]
	diff "$BATS_FILE_TMPDIR/before" <(machine_files)
	machine test ! -e /run/agentsh
	run ! machine getent passwd _agentsh
	run ! machine getent group _agentsh
	run machine systemctl is-active agentsh-sidecar.socket $SERVICE
	is "$(xargs <<<"$output")" 'inactive inactive'
	is "$(sidecars)" ''
}
