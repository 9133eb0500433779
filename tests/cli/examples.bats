#!/usr/bin/env bats
# conf/examples: each file is what its tool reads, and what it has that tool start runs behind the filter. npm is a real
# one; of the others that are not at hand, what they are documented to execute is executed.
#
# What a shell in the world expands stands in single quotes; run sets status, output and stderr.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world

EXAMPLES=$TOP/conf/examples

setup_file() {
	world_start
	[ -z "$WORLD_OBSTACLE" ] || return 0
	world sh -c 'mkdir -p /run/tools && install -m 755 /dev/stdin /run/tools/npx' <"$TOP/tests/lib/mcp_server.py"
	world sh -c 'cat >/run/tools/client.py' <"$TOP/tests/lib/mcp_client.py"
	world install -m 755 /dev/stdin /usr/local/bin/claude-code-shell <"$EXAMPLES/claude-code-shell"
}

teardown_file() {
	world_stop
}

setup() {
	need_world
	default_config
	clean_homes
}

# plain COMMAND...: as a user whose shell is bash, in its home.
plain() {
	world_as plain "$@"
}

# put NAME: a file of that name in plain's home, from stdin.
put() {
	world_file plain "/home/plain/$1" 0644
}

# read_as FORMAT FILE EXPRESSION: a value out of it, d; a list, an item a line.
read_as() {
	/usr/bin/python3 -c 'import json, sys, tomllib, yaml
kind, file, expression = sys.argv[1:]
with open(file, "rb") as opened:
    d = {"json": json.load, "toml": tomllib.load, "yaml": yaml.safe_load}[kind](opened)
value = eval("(" + expression + ")")
print("\n".join(value) if isinstance(value, list) else value)' "$1" "$EXAMPLES/$2" "$3"
}

@test "every file is listed, and is of its format" {
	local name
	is "$(cd "$EXAMPLES" && printf '%s\n' * | grep -vx README.md | sort | xargs)" \
		"$(sed -n 's/^| `\([^`]*\)` | .*/\1/p' "$EXAMPLES/README.md" | sort | xargs)"
	for name in mcp.json claude-code-settings.json package.json vscode-tasks.json vscode-settings.json; do
		jq -e . "$EXAMPLES/$name" >/dev/null
	done
	read_as toml codex-config.toml 'd["mcp_servers"]' >/dev/null
	read_as yaml github-actions.yml 'd["jobs"]' >/dev/null
	read_as yaml kubernetes-daemonset.yaml 'd["spec"]["template"]["spec"]["containers"][0]["image"]' >/dev/null
	read_as yaml compose.yaml 'd["services"]["agent"]["build"]' >/dev/null
	read_as yaml vector.yaml 'd["sources"]["agentsh"]["type"], d["transforms"], d["sinks"]' >/dev/null
	sh -n "$EXAMPLES/claude-code-shell"
}

@test "MCP servers, of mcp.json and of Codex: the protocol goes through, and the server is behind the filter" {
	local -a argv
	mapfile -t argv < <(read_as json mcp.json '[d["mcpServers"]["files"]["command"]] + d["mcpServers"]["files"]["args"]')
	run -0 plain env PATH="/run/tools:/usr/local/bin:/usr/bin:/bin" python3 /run/tools/client.py "${argv[@]}"
	is "$output" "$FILTERED"
	wait_for world grep -q '"session_id":"mcp-files"' /home/plain/.local/state/agentsh/events.jsonl
	mapfile -t argv < <(read_as toml codex-config.toml '[d["mcp_servers"]["files"]["command"]] + d["mcp_servers"]["files"]["args"]')
	run -0 plain env PATH="/run/tools:/usr/local/bin:/usr/bin:/bin" python3 /run/tools/client.py "${argv[@]}"
	is "$output" "$FILTERED"
}

# Claude Code has a shell evaluate the prefix and the command line as one more word; it starts an MCP server by the prefix
# itself, with the server's whole command line as its argument.
@test "Claude Code: the prefix of shells, and the launcher of its own processes" {
	local prefix
	local -a launcher
	prefix=$(read_as json claude-code-settings.json 'd["env"]["CLAUDE_CODE_SHELL_PREFIX"]')
	run -0 plain bash -c "'$prefix' 'cd /tmp && prove; x=\"a  b\"; echo \"\$x\" | cat'"
	is "$output" "$FILTERED"$'\na  b'
	run -3 plain bash -c "'$prefix' 'exit 3'"
	run -0 plain env PATH="/run/tools:/usr/local/bin:/usr/bin:/bin" python3 /run/tools/client.py \
		"$prefix" 'npx -y @modelcontextprotocol/server-filesystem .'
	is "$output" "$FILTERED"
	# The launcher: the rest of its argument list is the command, environment and process stay; itself inside itself.
	read -ra launcher < <(read_as json claude-code-settings.json 'd["env"]["CLAUDE_CODE_PROCESS_WRAPPER"]')
	run -0 plain "${launcher[@]}" "${launcher[@]}" bash -c 'prove; printf "<%s>" "$@"' bash 'a  b' -- --help
	is "$output" "$FILTERED"$'\n<a  b><--><--help>'
	run -0 plain env KEPT=1 "${launcher[@]}" bash -c 'echo "$KEPT"; "$@" prove' bash "$prefix"
	is "$output" $'1\n'"$FILTERED"
}

@test "npm: a script with the prefix, and every script by its script-shell" {
	need_command npm
	put package.json <"$EXAMPLES/package.json"
	put filter.test.js <<-'JS'
		const { test } = require('node:test')
		const assert = require('node:assert')
		const { readFileSync } = require('node:fs')
		test('behind the filter', () => assert.match(readFileSync('/proc/self/status', 'utf8'), /^Seccomp:\t2$/m))
	JS
	run -0 plain npm test --silent
	[[ $output == *'pass 1'* ]]
	# Without it, the same test fails.
	run ! plain node --test
	put .npmrc <"$EXAMPLES/npmrc"
	put package.json <<<'{"name": "x", "version": "1.0.0", "scripts": {"prove": "prove; echo", "fails": "exit 7"}}'
	run -0 plain npm run --silent prove
	is "$output" "$FILTERED"
	run -0 plain npm run --silent prove -- 'a  b'
	is "$output" "$FILTERED"$'\na  b'
	run -7 plain npm run --silent fails
	# What a package runs when it is installed.
	put dependency/package.json <<<'{"name": "y", "version": "1.0.0", "scripts": {"postinstall": "prove >$INIT_CWD/ran"}}'
	plain npm install --silent --offline --install-links ./dependency
	is "$(plain cat ran)" "$FILTERED"
}

@test "GitHub Actions: steps by the shell of the workflow, as the runner starts them" {
	local step
	local -a shell
	read -ra shell < <(read_as yaml github-actions.yml 'd["defaults"]["run"]["shell"]')
	put step.sh <<<$'prove\nfalse | true\necho not reached'
	run -1 plain "${shell[@]/\{0\}/step.sh}"
	is "$output" "$FILTERED"
	# What the steps are: one behind the filter, two that say otherwise and are good bash.
	is "$(read_as yaml github-actions.yml '[s["name"] for s in d["jobs"]["test"]["steps"] if "run" in s and "shell" not in s]')" Test
	for step in 'Install agentsh-exec' 'What was tried'; do
		read_as yaml github-actions.yml "[s['run'] for s in d['jobs']['test']['steps'] if s.get('name') == '$step' and s['shell'] == 'bash']" |
			bash -n
	done
	# The packages are those of "make deb".
	for step in exec sidecar; do grep -q "^Package: agentsh-$step\$" "$TOP/scripts/debian/control"; done
}

@test "VS Code: tasks and terminals" {
	local -a argv
	put Makefile <<<$'check:\n\t@prove'
	put agentsh.ini <<<$'[sandbox.seccomp.syscalls]\non_block = errno\n[sidecar]\nevents = /home/plain/own.jsonl'
	# A command line is the last argument of the shell.
	mapfile -t argv < <(read_as json vscode-tasks.json '[d["tasks"][0]["options"]["shell"]["executable"]] +
		d["tasks"][0]["options"]["shell"]["args"] + [d["tasks"][0]["command"]]')
	run -0 plain "${argv[@]}"
	is "$output" "$FILTERED"
	mapfile -t argv < <(read_as json vscode-tasks.json '[d["tasks"][1]["command"]] + d["tasks"][1]["args"]')
	run -0 plain "${argv[@]}"
	# The project's policy: refused, not killed.
	[[ $output == 'seccomp=2 no_new_privs=1'$'\n''trace_self='* && $output != *137 ]]
	world test -s /home/plain/own.jsonl
	mapfile -t argv < <(read_as json vscode-settings.json '(lambda p: [p["path"]] + p["args"])(
		d["terminal.integrated.profiles.linux"][d["terminal.integrated.defaultProfile.linux"]])')
	run -0 plain "${argv[@]}" <<<'shopt -q login_shell && prove'
	is "$output" "$FILTERED"
	run -0 plain "$(read_as json vscode-settings.json 'd["terminal.integrated.automationProfile.linux"]["path"]')" -c prove
	is "$output" "$FILTERED"
}

# --- A fleet: no Kubernetes is at hand. What the DaemonSet starts is started here. ---

@test "kubernetes: the sidecar has what the shipped unit has, and as it is started there it serves; Vector reads its events" {
	local container='d["spec"]["template"]["spec"]["containers"][0]' folder=$BATS_TEST_TMPDIR/node capabilities command pid
	is "$(read_as yaml kubernetes-daemonset.yaml "sorted('CAP_' + c for c in ${container}['securityContext']['capabilities']['add'])" | xargs)" \
		"$(sed -n 's/^CapabilityBoundingSet=//p' "$TOP/conf/agentsh-sidecar.service" | xargs -n 1 | sort | xargs)"
	mkdir -p "$folder/run/agentsh" "$folder/var/log/agentsh"
	mapfile -t command < <(read_as yaml kubernetes-daemonset.yaml "${container}['command']" | sed -E "s,=/,=$folder/,")
	capabilities=$(read_as yaml kubernetes-daemonset.yaml "${container}['securityContext']['capabilities']['add']" |
		tr '[:upper:]' '[:lower:]' | sed 's/^/+/' | xargs | tr ' ' ,)
	setpriv --bounding-set "-all,$capabilities" "$BUILD${command[0]}" "${command[@]:1}" 3>&- &
	pid=$!
	wait_for listens "$folder/run/agentsh/oci.sock"
	"$EXEC" --sidecar="$folder/run/agentsh/sidecar.sock" -s fleet -- true
	wait_for eval 'grep -q "\"session_end\".*\"fleet\"\|\"fleet\".*\"session_end\"" "$folder"/var/log/agentsh/*.jsonl'
	kill -INT "$pid"
	wait "$pid" || true
	# shellcheck disable=SC2053 # a pattern
	[[ $(cd "$folder/var/log/agentsh" && printf '/var/log/agentsh/%s' *) == $(read_as yaml vector.yaml 'd["sources"]["agentsh"]["include"]') ]]
}
