# shellcheck shell=bash
# A dockerd of the tests' own, and images made from roots that are here: without the loader (NAME:plain), and with it in
# front of the same entrypoint (NAME:behind), by the two lines that the manual names.
#
# shellcheck disable=SC2034 # used by the files that load this one

# What install-deps has unpacked: a Debian with servers in it.
SERVICES=${XDG_CACHE_HOME:-$HOME/.cache}/agentsh-exec/services

# dockerd_start DIRECTORY [OPTION...]: its state is in that. Sets DOCKERD.
dockerd_start() {
	local directory=$1
	export DOCKER_HOST=unix://$directory/docker.sock DOCKER_BUILDKIT=0
	TMPDIR=$directory dockerd --bridge=none --iptables=false --ip6tables=false --data-root="$directory/data" --exec-root="$directory/exec" \
		-H "$DOCKER_HOST" -p "$directory/docker.pid" "${@:2}" >"$directory/docker.log" 2>&1 </dev/null 3>&- &
	DOCKERD=$!
	wait_for docker version >/dev/null 2>&1 || {
		tail -n 5 "$directory/docker.log"
		return 1
	}
}

# dockerd_stop: with its containers.
dockerd_stop() {
	docker ps -aq 2>/dev/null | xargs -r docker rm -f >/dev/null 2>&1 || true
	kill "$DOCKERD"
	wait "$DOCKERD" || true
}

# docker_begin: for setup_file. In $DOCKED, whose paths are short: policies, events, and what a container's configuration
# is (noted.json).
docker_begin() {
	export DOCKED
	DOCKED=$(mktemp -d /tmp/agentsh-docker.XXXXXX)
	chmod 755 "$DOCKED"
	cat >"$DOCKED/noting" <<-NOTING
		#!/bin/sh
		for argument; do
			[ "\$last" != --bundle ] || cp "\$argument/config.json" $DOCKED/noted.json
			last=\$argument
		done
		exec runc "\$@"
	NOTING
	chmod 755 "$DOCKED/noting"
	mkdir -m 1777 "$DOCKED/trails"
	dockerd_start "$DOCKED" --add-runtime noting="$DOCKED/noting"
	export DOCKERD
	image_of_busybox
	image_of_services
}

# docker_end: for teardown_file. Fails where a process of a container's is left.
docker_end() {
	dockerd_stop
	rm -rf "$DOCKED"
}

# behind_of NAME: what a user adds to an image of his own.
behind_of() {
	local from=$DOCKED/from.$1
	mkdir "$from"
	install -m 755 "$BUILD/musl/agentsh-exec" "$BUILD/musl/agentsh-sidecar" "$from"
	printf '%s\n' "FROM $1:plain" 'COPY agentsh-exec agentsh-sidecar /' \
		'ENTRYPOINT ["/agentsh-exec","--","/docker-entrypoint.sh"]' >"$from/Dockerfile"
	docker build --quiet --network none --tag "$1:behind" "$from" >/dev/null
}

image_of_busybox() {
	local root=$DOCKED/busybox name
	mkdir -p "$root"/{bin,dev,etc,proc,run,srv,trails,var/log} "$root/etc/agentsh"
	mkdir -m 1777 "$root/tmp"
	install -m 755 /bin/busybox "$root/bin"
	for name in awk cat chroot date echo grep id ls mkdir mount pidof ps seq sh sleep stty test touch tr tty wc; do
		ln -s busybox "$root/bin/$name"
	done
	for name in socket_do socket_serve; do
		gcc -std=gnu17 -D_GNU_SOURCE -O1 -static -pthread -o "$root/bin/$name" "$TOP/tests/programs/$name.c" 2>/dev/null
	done
	install -m 755 "$BUILD/musl/agentshctl" "$root/bin"
	printf '#!/bin/sh\nexec "$@"\n' >"$root/docker-entrypoint.sh"
	chmod 755 "$root/docker-entrypoint.sh"
	tar -C "$root" -c . | docker import --change 'ENTRYPOINT ["/docker-entrypoint.sh"]' - busybox:plain >/dev/null
	behind_of busybox
}

# The servers have an entrypoint as their images do. What is in /usr they have from a volume, SERVICES_USR: to import that is
# most of what these tests would do.
image_of_services() {
	local root=$DOCKED/services
	mkdir "$root"
	tar -C "$SERVICES" --exclude './usr/*' --exclude './var/lib/dpkg/*' -c . | tar -C "$root" -x
	mkdir -p "$root/etc/agentsh" "$root/trails"
	install -m 755 "$TOP/tests/data/docker/docker-entrypoint.sh" "$root"
	tar -C "$root" -c . | docker import --change 'ENTRYPOINT ["/docker-entrypoint.sh"]' - services:plain >/dev/null
	behind_of services
}
SERVICES_USR=(-v "$SERVICES/usr:/usr:ro")
