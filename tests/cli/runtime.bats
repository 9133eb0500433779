#!/usr/bin/env bats
# agentshctl runtime: what stands before runc, so that Docker's containers, what is executed in them and the steps of a
# build are under the policy.
#
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # expanded in the container; a test is a subshell; run sets output
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world
load ../lib/sidecar

setup() {
	need_root
	sidecar_setup
	OCI=$HOME_OF/oci
	# shellcheck disable=SC2034 # sidecar.bash's
	SIDECAR_OPTIONS=("--oci-listener=$OCI")
	umask 022
	mkdir bundle
	printf '[sandbox.seccomp.syscalls]\non_block = log\n' >p.ini
	# Says how it was called.
	printf '#!/bin/sh\nprintf "%%s|" "$@"\n' >runtime
	chmod 755 runtime
}

teardown() {
	[ -z "${DOCKERD:-}" ] || docker_stop
	sidecar_teardown
}

# through ARGUMENT...: with that as the runtime's arguments.
through() {
	"$CTL" runtime --runtime="$HOME_OF/runtime" --policy="$HOME_OF/p.ini" --listener="$OCI" -- "$@"
}

# config JQ: a bundle's configuration, small as it is, with that done to it.
config() {
	printf '%s' '{"ociVersion":"1.0.2","process":{"noNewPrivileges":false,"args":["sh"],"env":["A=1.0000000000000000001"],
		"rlimits":[{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":1024}]},
		"linux":{"resources":{"memory":{"limit":9223372036854771712}},"seccomp":{"defaultAction":"SCMP_ACT_ERRNO",
		"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],"syscalls":[
		{"names":["read","connect","bind","sendto","sendmsg","mount","prctl"],"action":"SCMP_ACT_ALLOW"},
		{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]}]}}}' >bundle/plain
	if [ -n "$1" ]; then jq "$1" bundle/plain >bundle/config.json; else cp bundle/plain bundle/config.json; fi
	cp bundle/config.json before
}

@test "runtime: every argument is passed on; only what begins a process is edited" {
	local arguments
	for arguments in '' '--version' 'state x' '--root /r delete --force x' 'exec x sh' 'kill x 9'; do
		# shellcheck disable=SC2086 # words
		is "$(through $arguments)" "$(./runtime $arguments)"
	done
	for arguments in "create --bundle bundle x" "--root /r --log create run -b bundle x" "--debug create --bundle=bundle x"; do
		config ''
		# shellcheck disable=SC2086 # words
		is "$(through $arguments)" "$(./runtime $arguments)"
		run -1 cmp -s before bundle/config.json
	done
	config ''
	(cd bundle && through create x)
	run -1 cmp -s before bundle/config.json
	# Its name is given on as its own where it is another's.
	run -1 "$CTL" runtime --runtime="$HOME_OF/none" -- state x
	[[ $output == *'No such file'*'--runtime'* ]]
	run -2 "$CTL" runtime --listener=relative -- state x
	run -2 "$CTL" runtime --nonsense
}

@test "runtime: a container's own profile stays where it is stricter; numbers keep their digits" {
	config ''
	through create --bundle bundle x
	grep -q '"hard":18446744073709551615,' bundle/config.json
	grep -q '"limit":9223372036854771712}' bundle/config.json
	grep -q '"A=1.0000000000000000001"' bundle/config.json
	# Of what it allows: what the policy names is gone; what it forbids, sendmmsg, is not opened.
	is "$(jq -c '.linux.seccomp | [.defaultAction, .architectures[0], (.architectures | length), .listenerPath,
		[.syscalls[] | select(.action == "SCMP_ACT_ALLOW") | [.names[], .args[0].op // ""]]]' bundle/config.json)" \
		'["SCMP_ACT_ERRNO","SCMP_ARCH_X86_64",1,"'"$OCI"'",[["read",""],["sendto","SCMP_CMP_EQ"],["prctl","SCMP_CMP_NE"]]]'
	is "$(jq -c '[.linux.seccomp.syscalls[] | select(.action == "SCMP_ACT_NOTIFY") | .names[]] |
		[contains(["connect", "bind", "sendto", "sendmsg", "mount", "personality"]), index("sendmmsg")]' \
		bundle/config.json)" '[true,null]'
	# By the reserved call a session inside finds that it is one.
	is "$(jq -c --argjson magic $((0x41475348)) '[.linux.seccomp.syscalls[] | select(.names == ["prctl"]) | [.action, .args[0].op, .args[0].value == $magic]]' \
		bundle/config.json)" '[["SCMP_ACT_NOTIFY","SCMP_CMP_EQ",true],["SCMP_ACT_ALLOW","SCMP_CMP_NE",true]]'
	is "$(jq -c '[.process.noNewPrivileges, .linux.seccomp.listenerMetadata]' bundle/config.json)" \
		'[true,"[sandbox.seccomp.syscalls]\non_block = log\n"]'
	is "$(find bundle -name '*.agentsh')" ''
	# None of its own: the policy's, as it is exported.
	config 'del(.linux.seccomp)'
	through create --bundle bundle x
	diff <(jq -S .linux.seccomp bundle/config.json) <("$CTL" export --format=oci --listener="$OCI" p.ini | jq -S .)
	# A process that is executed later.
	jq .process before >process.json
	through exec --process process.json x
	is "$(jq .noNewPrivileges process.json)" true
	# A policy without a filter leaves everything as it is.
	printf '[sandbox.seccomp]\nenabled = false\n' >p.ini
	config ''
	through create --bundle bundle x
	cmp before bundle/config.json
}

@test "runtime: what gives a process another root or namespace waits for the sidecar, as far as the container's own profile has it" {
	local conditional='{names: ["setns", "unshare", "personality"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 512, op: "SCMP_CMP_EQ"}]}'
	# notified: those of the names that do, with the values of their arguments.
	notified() {
		jq -c '[.linux.seccomp.syscalls[] | select(.action == "SCMP_ACT_NOTIFY") | .args[0].value as $value | .names[] |
			select(IN("chroot", "pivot_root", "setns", "unshare")) | [., $value]] | sort' bundle/config.json
	}
	config ".linux.seccomp.syscalls[0].names += [\"chroot\"] | .linux.seccomp.syscalls += [$conditional]"
	through create --bundle bundle x
	# By the built-in list the policy blocks pivot_root, which their profile has not.
	is "$(notified)" '[["chroot",null],["pivot_root",null],["setns",512],["unshare",512]]'
	is "$(jq -c '[.linux.seccomp.syscalls[] | select(.action == "SCMP_ACT_ALLOW") | .names[]] |
		map(select(IN("chroot", "setns", "unshare", "personality")))' bundle/config.json)" '[]'
	config ''
	printf '[sandbox.seccomp.syscalls]\nblock = mount, chroot\n' >p.ini
	through create --bundle bundle x
	is "$(notified)" '[["chroot",null]]'
	printf '[sandbox.seccomp.unix_socket]\nenabled = false\n[sandbox.seccomp.syscalls]\nblock = mount\n' >p.ini
	config '.linux.seccomp.syscalls[0].names += ["chroot"]'
	through create --bundle bundle x
	is "$(notified)" '[]'
}

@test "runtime: what a container's own profile only logs or gives to a tracer is the policy's all the same" {
	local action call
	for action in LOG TRACE ALLOW; do
		# By name, and by its default action.
		config ".linux.seccomp.syscalls += [{names: [\"sendmmsg\", \"chroot\"], action: \"SCMP_ACT_$action\"}] |
			.linux.seccomp.syscalls[0].action = \"SCMP_ACT_$action\""
		through create --bundle bundle x
		for call in connect bind sendto sendmsg sendmmsg mount chroot; do
			is "$action $call: $(jq -c "[.linux.seccomp.syscalls[] | select(.names | index(\"$call\")) | .action] | unique" bundle/config.json)" \
				"$action $call: $([ "$call" = sendto ] && echo '["SCMP_ACT_ALLOW","SCMP_ACT_NOTIFY"]' || echo '["SCMP_ACT_NOTIFY"]')"
		done
		config ".linux.seccomp |= {defaultAction: \"SCMP_ACT_$action\"}"
		through create --bundle bundle x
		for call in connect bind sendto sendmsg sendmmsg mount chroot; do
			is "$action $call: $(jq -c "[.linux.seccomp.syscalls[] | select(.names | index(\"$call\")) | .action] | unique" bundle/config.json)" \
				"$action $call: [\"SCMP_ACT_NOTIFY\"]"
		done
	done
	# And where it looks at arguments it is as much in the way.
	config '.linux.seccomp.syscalls[0].names -= ["connect"] |
		.linux.seccomp.syscalls += [{names: ["connect"], action: "SCMP_ACT_LOG", args: [{index: 0, value: 3, op: "SCMP_CMP_EQ"}]}]'
	refused 'looks at its arguments'
}

@test "runtime: arguments that a runtime may read as others than these begin nothing" {
	local arguments
	config ''
	cp -r bundle other
	for arguments in '-root /r create --bundle bundle x' '--roo /r create --bundle bundle x' '--root' '--nonsense create x' \
		'create -bundle bundle x' 'create -bbundle x' 'create --bun=bundle x' 'run --bundle' 'create x --config=other/config.json' \
		'create --detach=false x' 'create -- x' 'exec -process p.json x' 'exec --no-new-privs=false x sh' 'exec -tp p.json x' \
		'restore --bundle bundle x'; do
		# shellcheck disable=SC2086 # words
		run -1 --separate-stderr through $arguments
		is "$arguments: $output:${#stderr_lines[@]}" "$arguments: :1"
		cmp before bundle/config.json
	done
	# Behind the container they are the process's own; behind another command nobody's business.
	for arguments in 'exec x sh --process none' 'exec -t --user 1 x ls -process none' 'delete -f --what x'; do
		# shellcheck disable=SC2086 # words
		is "$(through $arguments)" "$(./runtime $arguments)"
	done
	through create x --bundle other
	run -1 cmp -s before other/config.json
}

# refused TEXT: nothing is begun, one line, for the caller of the runtime as well, the bundle as it was.
refused() {
	rm -f said
	run -1 --separate-stderr through --log said --log-format=json create --bundle bundle x
	is "$output:${#stderr_lines[@]}" :1
	is "$(jq -r '.level + ": " + .msg' said)" "error: $stderr"
	[[ $stderr == agentshctl:*"$1"* ]] || is "$stderr" "agentshctl: ... $1 ..."
	cmp before bundle/config.json
	is "$(find bundle -name '*.agentsh')" ''
}

@test "runtime: bundles that are rubbish, hostile or not to be brought together begin nothing" {
	local text
	for text in '' 'rubbish' '[]' '{' '{"a":1}x' '{"linux":{}}' '{"linux":[],"process":{}}' '{"process":{},"linux":{"seccomp":[]}}' \
		'{"process":{},"process":{},"linux":{}}' '{"process":{},"linux":{},"Linux":{}}' \
		'{"process":{"nonewprivileges":false,"noNewPrivileges":true},"linux":{}}' \
		'{"process":{},"linux":{"seccomp":null,"Seccomp":{}}}' '{"process":{"args":["agentsh-number:1"]},"linux":{}}'; do
		printf '%s' "$text" >bundle/config.json
		cp bundle/config.json before
		refused 'runtime: '
	done
	# A reader in Go takes the long s for an s.
	for text in '{"process":{},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}},"lin\u017f":1}' \
		'{"process":{},"linux":{"seccomp":{},"\u017feccomp":null}}' '{"process":{},"proce\u017f\u017f":{},"linux":{}}' \
		'{"process":{},"linux":{"\u017feccomp":{}}}' '{"process":{},"linux":{"ſeccomp":null}}' '{"process":{},"linux":{},"loo\u212a":1}'; do
		printf '%s' "$text" >bundle/config.json
		cp bundle/config.json before
		refused 'a name that looks like another'
	done
	config '.annotations = {"a": "b", "run.oci.seccomp_bpf_data": "BgAAAAAA/38="}'
	refused 'the annotation run.oci.seccomp_bpf_data is about the filter'
	printf '{"process":{},"linux":{}}\0' >bundle/config.json
	cp bundle/config.json before
	refused 'no JSON object'
	config '.linux.seccomp.listenerPath = "/other"'
	refused 'has a listener already'
	config '.linux.seccomp.syscalls += [{names: ["recvmsg"], action: "SCMP_ACT_ALLOW"}] |
		.linux.seccomp.syscalls[0].names -= ["connect"] |
		.linux.seccomp.syscalls += [{names: ["connect"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 3, op: "SCMP_CMP_EQ"}]}]'
	refused 'looks at its arguments'
	config ''
	chmod 666 bundle/config.json
	refused 'that nobody else writes'
	chmod 644 bundle/config.json
	chown "$OTHER" bundle/config.json
	refused 'that nobody else writes'
	mv bundle/config.json bundle/other
	chown 0 bundle/other
	ln -s other bundle/config.json
	refused 'that nobody else writes'
	rm bundle/config.json
	mkfifo bundle/config.json
	run -1 --separate-stderr timeout 20 "$CTL" runtime --runtime="$HOME_OF/runtime" --policy=p.ini -- create --bundle bundle x
	rm bundle/config.json
	run -1 through create --bundle bundle x
	# And policies that are none, or that no profile says.
	config ''
	printf '[nonsense]\n' >p.ini
	run -1 through create --bundle bundle x
	is "$output" "$HOME_OF/p.ini:1: unknown section [nonsense]"
	rm -f said
	run -1 through --log said --log-format text create --bundle bundle x
	[ ! -e said ]
	run -1 through --log said --log-format json create --bundle bundle x
	is "$(jq -r .msg said)" "agentshctl: $HOME_OF/p.ini:1: unknown section [nonsense]"
	cmp before bundle/config.json
	printf '[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve\non_block = errno\n' >p.ini
	refused 'default_action = block'
	printf '[sandbox.seccomp.unix_socket]\nenabled = true\ndatagram = deny\n' >p.ini
	config '.linux.seccomp.syscalls[0].names += ["socket", "socketpair"]'
	refused 'both look at arguments'
}

# --- A real dockerd ---

docker_start() {
	printf '#!/bin/sh\nexec %q runtime --runtime=%q --policy=%q --listener=%q -- "$@"\n' "$CTL" "$(command -v runc)" \
		"$HOME_OF/p.ini" "$OCI" >wrapper
	chmod 755 wrapper
	# What BuildKit finds.
	mkdir path
	ln -s "$(command -v runc)" path/runc
	export DOCKER_HOST=unix://$HOME_OF/docker.sock
	PATH=$HOME_OF/path:$PATH dockerd --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs --data-root="$HOME_OF/data" \
		--exec-root="$HOME_OF/exec" -H "$DOCKER_HOST" -p "$HOME_OF/docker.pid" \
		--add-runtime agentsh="$HOME_OF/wrapper" --default-runtime agentsh >docker.log 2>&1 </dev/null 3>&- &
	DOCKERD=$!
	wait_for docker version >/dev/null 2>&1 || {
		tail -n 5 docker.log
		return 1
	}
	mkdir -p root/{bin,proc,dev,tmp,etc}
	cp /bin/busybox root/bin
	local name
	for name in sh mount sleep grep logger; do
		ln -s busybox "root/bin/$name"
	done
	tar -C root -c . | docker import - here:1 >/dev/null
}

docker_stop() {
	local id
	for id in $(docker ps -aq 2>/dev/null); do
		docker rm -f "$id" >/dev/null 2>&1 || true
	done
	kill "$DOCKERD"
	wait "$DOCKERD" || true
}

@test "runtime: docker run, docker exec and the steps of docker build are under the policy" {
	sidecar_start
	docker_start
	run docker run --rm --network none here:1 sh -c 'exec 2>&1; mount -t tmpfs none /tmp || grep NoNewPrivs /proc/self/status'
	is "$output" $'mount: permission denied (are you root?)\nNoNewPrivs:\t1'
	docker run --detach --name lasting --network none here:1 sleep 1000 >/dev/null
	run docker exec lasting sh -c 'exec 2>&1; mount -t tmpfs none /tmp || grep NoNewPrivs /proc/self/status'
	is "$output" $'mount: permission denied (are you root?)\nNoNewPrivs:\t1'
	printf 'FROM here:1\nRUN mount -t tmpfs none /tmp || echo refused in build\n' >root/Dockerfile
	run env DOCKER_BUILDKIT=0 docker build --network none root
	[[ $output == *'refused in build'* ]]
	has 3 '.type == "seccomp_blocked" and .syscall == "mount" and .action == "denied"'
	is "$(cat "$LOG")" ''
	# What is wrong with a policy, docker says.
	printf '[nonsense]\n' >p.ini
	run -125 docker run --rm --network none here:1 sh -c 'echo it ran'
	[[ $output == *"agentshctl: $HOME_OF/p.ini:1: unknown section [nonsense]"* ]]
	printf '[sandbox.seccomp.syscalls]\non_block = log\n' >p.ini
	# Without a sidecar no container begins.
	kill -KILL "$SIDECAR"
	wait "$SIDECAR" 2>/dev/null || true
	rm -f "$OCI"
	run -127 docker run --rm --network none here:1 sh -c 'echo it ran'
	[[ $output != *'it ran'* ]]
}

# steps: a build by BuildKit, and what its step has said, by Debian's docker: a newer one wants a plugin for that. In a
# file: of what a short step says, the build may tell nothing.
steps() {
	DOCKER_BUILDKIT=1 /usr/bin/docker build --progress=plain --no-cache --network none --tag steps:1 root 2>&1 || return
	docker run --rm --runtime runc --network none steps:1 grep . /said
}

@test "runtime: BuildKit's steps are under the policy where dockerd finds the wrapper by the name of runc" {
	sidecar_start
	docker_start
	printf 'FROM here:1\nRUN (mount -t tmpfs none /tmp || grep NoNewPrivs /proc/self/status; echo ended) >/said 2>&1\n' \
		>root/Dockerfile
	# By --default-runtime alone they are not, as the manual says.
	run -0 steps
	[[ $output == *$'NoNewPrivs:\t0'*ended* ]]
	is "$(events true | wc -l)" 0
	ln -sf ../wrapper path/runc
	run -0 steps
	echo "$output"
	[[ $output == *'mount: permission denied'*$'NoNewPrivs:\t1'*ended* ]]
	has 1 '.type == "seccomp_blocked" and .syscall == "mount" and .action == "denied"'
	printf '[nonsense]\n' >p.ini
	run -1 steps
	[[ $output == *'unknown section [nonsense]'* ]]
	printf '[sandbox.seccomp.syscalls]\non_block = log\n' >p.ini
	kill -KILL "$SIDECAR"
	wait "$SIDECAR" 2>/dev/null || true
	rm -f "$OCI"
	run -1 steps
	[[ $output == *'failed to connect with seccomp agent'* && $output != *'NoNewPrivs:'*ended* ]]
}
