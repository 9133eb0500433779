# shellcheck shell=bash
# A machine that systemd has booted, in a container; it ends with its first process. That of machine_start has this
# host's /usr, an /etc of its own, and what "make install" has put below /usr/local.

machine_obstacle() {
	[ "$(id -u)" -eq 0 ] || {
		echo "needs root"
		return
	}
	command -v systemd-nspawn >/dev/null || echo "needs the program systemd-nspawn"
	[ -x /usr/lib/systemd/systemd ] || echo "needs systemd"
}

need_machine() {
	[ -z "$MACHINE_OBSTACLE" ] || skip "$MACHINE_OBSTACLE"
}

# machine_start: for setup_file.
machine_start() {
	machine_prepare
	[ -z "$MACHINE_OBSTACLE" ] || return 0
	machine_fill "$MACHINE_ROOT/root"
	machine_boot --bind-ro=/usr --bind-ro="$MACHINE_ROOT/stage/usr/local:/usr/local"
}

# machine_prepare: $MACHINE_OBSTACLE, or else $MACHINE_ROOT, a folder in which "root" is to be filled.
machine_prepare() {
	MACHINE_OBSTACLE=$(machine_obstacle)
	export MACHINE_OBSTACLE
	[ -z "$MACHINE_OBSTACLE" ] || return 0
	MACHINE_ROOT=$(mktemp -d) # short: paths of sockets in it are
	chmod 755 "$MACHINE_ROOT"
	export MACHINE_ROOT
}

# machine_boot OPTION...: boots $MACHINE_ROOT/root, with these options of systemd-nspawn.
machine_boot() {
	machine_cgroups_make
	# What nspawn leaves below /run/systemd is gone with its mounts. Its filter does not know of pidfd_getfd(2).
	# shellcheck disable=SC2016 # expanded there
	setpriv --pdeathsig KILL unshare --mount --propagation private sh -c 'mount -t tmpfs none /run/systemd
		for tasks in $1; do echo $$ >"$tasks" || exit; done
		root=$0; shift
		exec systemd-nspawn -q --register=no --keep-unit --kill-signal=SIGKILL --system-call-filter=pidfd_getfd -b -D "$root" \
			--console=pipe "$@"' \
		"$MACHINE_ROOT/root" "${MACHINE_CGROUPS// //cgroup.procs }/cgroup.procs" "$@" </dev/null >"$MACHINE_ROOT/log" 2>&1 3>&- &
	export MACHINE_NSPAWN=$!
	if ! wait_for machine_is_up; then
		cat "$MACHINE_ROOT/log" >&2
		return 1
	fi
}

# machine_fill ROOT: the system's files, and what is installed.
machine_fill() {
	local root=$1 link
	make -s -C "$TOP" B="$BUILD" DESTDIR="$MACHINE_ROOT/stage" install
	install -d "$root"/{etc/systemd/system/sockets.target.wants,var,run,proc,sys,dev,root,usr,home/agent}
	install -d -m 1777 "$root/tmp"
	for link in bin sbin lib lib64; do
		[ ! -e "/usr/$link" ] || ln -s "usr/$link" "$root/$link"
	done
	cp -a "$MACHINE_ROOT/stage/etc/." "$root/etc"
	cp -L /etc/os-release /etc/ld.so.cache "$root/etc"
	# Debian's pages of manuals are sought by what is in /etc.
	if [ -e /etc/manpath.config ]; then cp /etc/manpath.config "$root/etc"; fi
	[ ! -d /etc/alternatives ] || cp -a /etc/alternatives "$root/etc"
	printf '%s:x:%s:%s::%s:/bin/bash\n' root 0 0 /root agent 1000 1000 /home/agent >"$root/etc/passwd"
	printf '%s:x:%s:\n' root 0 agent 1000 systemd-journal 999 utmp 43 >"$root/etc/group"
	chown 1000:1000 "$root/home/agent"
	echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
	ln -s /usr/lib/systemd/system/basic.target "$root/etc/systemd/system/default.target"
	ln -s /usr/local/lib/systemd/system/agentsh-sidecar.socket "$root/etc/systemd/system/sockets.target.wants"
}

# A control group of its own, in each hierarchy that systemd needs, named in $MACHINE_CGROUPS.
machine_cgroups_make() {
	local top
	MACHINE_CGROUPS=
	for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
		[ -e "$top/cgroup.procs" ] || continue
		mkdir "$top/agentsh-test-$$"
		MACHINE_CGROUPS+=${MACHINE_CGROUPS:+ }$top/agentsh-test-$$
	done
	export MACHINE_CGROUPS
}

machine_is_up() {
	MACHINE=$(pgrep -P "$MACHINE_NSPAWN" | head -n 1)
	export MACHINE
	[ -n "$MACHINE" ] && machine systemctl is-active --quiet default.target 2>/dev/null
}

# machine_stop: for teardown_file. Fails where anything of it is left.
machine_stop() {
	local group
	[ -n "${MACHINE_NSPAWN:-}" ] || return 0
	kill -KILL "${MACHINE:-$MACHINE_NSPAWN}"
	wait "$MACHINE_NSPAWN" || true
	for group in $MACHINE_CGROUPS; do
		wait_for machine_group_is_empty "$group"
	done
	rm -rf "$MACHINE_ROOT"
}

machine_group_is_empty() {
	[ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}

# machine COMMAND...: runs it there as root. nsenter knows only what the container is made of.
machine() {
	nsenter --target "$MACHINE" --mount --uts --ipc --net --pid --root env -i -C / HOME=/root \
		PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&-
}

# agent COMMAND...: as a plain user.
agent() {
	machine setpriv --reuid=1000 --regid=1000 --clear-groups env HOME=/home/agent "$@"
}
