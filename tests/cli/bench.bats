#!/usr/bin/env bats
# The benches: what they time and how they reckon; the figures that are in the tree are whole and the README's are
# those; a peer that cannot be had is said to be so.
#
# shellcheck disable=SC2154 # run sets status, output and stderr
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/world

BENCH=$TOP/tests/bench

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export AGENTSH_BUILD=$BUILD PYTHONDONTWRITEBYTECODE=1
}

@test "commands take turns, forty rounds and what comes before them; one that fails ends it all" {
	local name
	for name in a b; do
		printf '#!/bin/sh\nprintf %s >>%s/order\n' "$name" "$PWD" >"$name"
		chmod +x "$name"
	done
	run -0 "$PROGRAMS/bench_turns" 42 first "$PWD/a" second "$PWD/b"
	# And those that are not counted: what the other has left to be done is none of theirs.
	grep -qxE 'a{41,}b{41,}a{3,}b{3,}' order || is "$(cat order)" 'turns'
	is "$(cut -f 1 <<<"$output" | xargs)" 'first second'
	is "$(cut -f 2 <<<"$output" | grep -cxE '[0-9]+( [0-9]+){41}')" 2
	run -1 "$PROGRAMS/bench_turns" 3 first "$PWD/a" second /bin/false
	[[ $output == 'bench_turns: second: /bin/false failed'* ]]
	run -2 "$PROGRAMS/bench_turns" 0 first "$PWD/a"
	run -2 "$PROGRAMS/bench_turns" 3 first ''
}

@test "calls: of one process, and of several at once, one of which waits for ever; no socket is left" {
	local operation
	export BENCH_CALLS=$PWD
	for operation in loop-getppid loop-prctl loop-kill loop-prlimit64 loop-socket pipe connect connect-send dgram-connect \
		sendto sendmsg tcp udp getppid traced-getppid exec; do
		run -0 "$PROGRAMS/bench_calls" "$operation" 20
		[[ $output =~ ^[0-9]+\.[0-9]\ [0-9]+\.[0-9]$ ]]
	done
	run -0 "$PROGRAMS/bench_calls" connect 100 3 50 1
	[[ $output =~ ^[0-9]+\.[0-9]\ [0-9]+\.[0-9]\ [0-9]+\.[0-9]$ ]]
	[ -z "$(ls)" ]
	run -1 "$PROGRAMS/bench_calls" nonsense 20
	run -1 "$PROGRAMS/bench_calls" connect 0
	run -1 "$PROGRAMS/bench_calls" connect 100 65 50 0
	run -1 "$PROGRAMS/bench_calls" event 20 # nothing blocks it here
}

@test "figures: ratios and differences are of the same round, and a goal is met or missed" {
	run -0 /usr/bin/python3 - "$BENCH" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from harness import Row, table, turns
		# The machine was slow in the second round: for both.
		base = Row("s", "bare", [(1000, 2000), (9000, 9000), (1000, 2000)])
		row = Row("s", "ours", [(2000, 4000), (18000, 18000), (3000, 4000)], base=base, goal=("ratio at most", 2))
		assert (row.median(), row.p99(), row.ratio(), row.more(), row.met()) == (3, 4, 2, 2, True), row.record()
		for goal, met in ((("ratio at most", 1.9), False), (("ratio at least", 2), True), (("ratio at least", 2.1), False),
		                  (("more at most", 2), True), (("more at most", 1.9), False)):
		    row.goal = goal
		    assert row.met() is met, goal
		assert Row("s", "many", [float(i) for i in range(1, 201)], "ns").p99() == 198
		assert Row("s", "few", [1.0] * 99, "ns").p99() is None
		text = table([base, row])
		assert text.count("MISSED") == 1 and "more at most 1.9" in text, text
		order = []
		turns(2, {"a": lambda: order.append("a"), "b": lambda: order.append("b")})
		assert order == list("abab")
	END
}

@test "the figures in the tree: each bench's record is whole and its table says the same; the README has them" {
	local name
	# None has been recorded: then the README speaks of none.
	if [ ! -e "$BENCH/calls.json" ]; then
		run -1 grep -E '^\| in turns, |^## What it costs' "$TOP/README.md"
		return 0
	fi
	for name in calls scale day peers; do
		is "$(jq -r .bench "$BENCH/$name.json")" "$name"
		jq -e '.date and .commit and .machine.kernel and .machine.processor and (.rows | length > 5) and
			([.rows[] | select(.goal) | .met] | all(. == true or . == false)) and
			([.rows[] | select(.median == null or .median <= 0)] == [])' "$BENCH/$name.json" >/dev/null
		run -0 /usr/bin/python3 - "$BENCH" "$BENCH/$name.json" <<-'END'
			import json, sys
			sys.path.insert(0, sys.argv[1])
			import harness
			print(harness.table(json.load(open(sys.argv[2], encoding="utf-8"))["rows"]))
		END
		is "$(sed 1,2d "$BENCH/$name.txt")" "$output"
	done
	for name in sessions memory targets; do
		/usr/bin/python3 - "$BENCH/$name.svg" <<-'END'
			import sys, xml.dom.minidom as dom
			assert dom.parse(sys.argv[1]).documentElement.tagName == "svg"
		END
	done
	run -0 "$BENCH/record" --table "$BENCH"
	[ "${#lines[@]}" -ge 8 ]
	is "$(sed -n '/^| in turns, /,/^!\[/p' "$TOP/README.md" | sed '$d')" "$output"
}

@test "a peer that cannot be had is said to be so, with what was tried and without anybody's address" {
	local name
	mkdir bin
	for name in npm go cargo apt-get dpkg-query; do
		printf '#!/bin/sh\necho "error: nothing at https://registry.example.org/%s today" >&2\nexit 1\n' "$name" >"bin/$name"
		chmod +x "bin/$name"
	done
	PATH=$PWD/bin:$PATH run -0 "$BENCH/install-peers" peers
	for name in sandbox-runtime sandlock syd agentsh-unixwrap; do
		[[ $(cat "peers/$name.state") == 'not had: '*': error: nothing at (address) today' ]]
	done
	[[ $(cat peers/syd.state) == *'cargo install'*syd* ]]
}
