# shellcheck shell=bash
# Containers of real runtimes, whose filters' listeners go to a system sidecar (sidecar.bash, which is loaded before).
#
# shellcheck disable=SC2034,SC2154 # used by the files that load this one; sidecar_setup sets HOME_OF

RUNTIMES=(crun runc)

# containers_setup: for setup, behind sidecar_setup. One root for all containers, /srv of which is the host's $SRV.
containers_setup() {
	OCI=$HOME_OF/oci
	SRV=$HOME_OF/srv
	SIDECAR_OPTIONS=("--oci-listener=$OCI")
	STATES=$HOME_OF/states
	ROOTFS=$HOME_OF/rootfs
	mkdir -p "$SRV" "$ROOTFS"/{bin,proc,dev,tmp,srv}
	chmod 777 "$SRV"
	cp /bin/busybox "$CONTAINER_PROGRAMS"/* "$ROOTFS/bin"
	local name
	for name in sh mount id sleep cat test kill true; do
		ln -s busybox "$ROOTFS/bin/$name"
	done
	(cd "$HOME_OF" && runc spec)
	mv "$HOME_OF/config.json" "$HOME_OF/spec.json"
}

# containers_programs: for setup_file: programs that run where there is no C library.
containers_programs() {
	export CONTAINER_PROGRAMS=$BATS_FILE_TMPDIR/programs
	mkdir "$CONTAINER_PROGRAMS"
	local name
	for name in socket_do socket_serve signal_sends; do
		gcc -std=gnu17 -D_GNU_SOURCE -O1 -static -pthread -o "$CONTAINER_PROGRAMS/$name" "$TOP/tests/programs/$name.c" \
			2>/dev/null
	done
}

# containers_teardown: for teardown, before sidecar_teardown. Fails where a container is left.
containers_teardown() {
	local runtime id left=0
	for runtime in "${RUNTIMES[@]}"; do
		for id in "$STATES.$runtime"/*; do
			[ ! -e "$id" ] || runtime "$runtime" delete --force "${id##*/}" >/dev/null 2>&1 || true
		done
		left=$((left + $(find "$STATES.$runtime" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)))
	done
	[ "$left" -eq 0 ]
}

# runtime NAME ARGUMENT...: crun will not have both kinds of control groups.
runtime() {
	local name=$1
	shift
	# shellcheck disable=SC2016 # expanded there
	setpriv --pdeathsig KILL unshare --mount --propagation private sh -c '
		! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "$@"' runtime \
		"$name" --root "$STATES.$name" "$@"
}

# profile [OPTION...] POLICY: the profile of a policy's text. Prints it.
profile() {
	local file
	file=$(mktemp "$HOME_OF/policy.XXXXXX.ini")
	printf '%s\n' "${!#}" >"$file"
	"$CTL" export --format=oci "${@:1:$#-1}" "$file"
}

# bundle ID PROFILE COMMAND...: in $HOME_OF/ID. Its control group is not that of another run's container of the same name,
# all of which would end with it.
bundle() {
	local id=$1 profile=$2
	shift 2
	mkdir -p "$HOME_OF/$id"
	jq --argjson seccomp "$profile" --arg root "$ROOTFS" --arg srv "$SRV" --arg group "/${HOME_OF##*/}-$id" '
		.process.terminal = false | .process.args = $ARGS.positional | .root = {path: $root, readonly: false} |
		.linux.seccomp = $seccomp | .linux.resources = {} | .linux.cgroupsPath = $group |
		.mounts = [.mounts[] | select(.destination | IN("/proc", "/dev"))] +
			[{destination: "/tmp", type: "tmpfs", source: "tmpfs"},
			{destination: "/srv", type: "bind", source: $srv, options: ["bind", "rw"]}]' \
		--args -- "$@" <"$HOME_OF/spec.json" >"$HOME_OF/$id/config.json"
}

# contain RUNTIME ID: runs the container of that bundle to its end; its status.
contain() {
	runtime "$1" run --bundle "$HOME_OF/$2" "$2" </dev/null
}
