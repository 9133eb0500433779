#!/usr/bin/env python3
"""whole_trail.py EVENTS SESSION=DIR...: is each session's trail whole, whatever was killed?

DIR has the totals that survivor wrote. No seq is missing, a line that stands twice is the same, each call has
its event, each denial is said, and session_end counts what there is. Prints what was found, and for all sessions
"recovered N taken_up N resolved N unknown N denied N".
"""
import collections
import glob
import json
import sys


def event_in(line):
    """A kill in the middle of write(2) may leave the beginning of a line, which is written anew: the next one then
    stands behind it."""
    try:
        return json.loads(line)
    except ValueError:
        return json.loads(line[line.rindex('{"type":'):])


def read(path):
    sessions = collections.defaultdict(dict)
    wrong = []
    with open(path) as file:
        for line in file:
            if not line.endswith("\n"):  # the last, of one that is being written: sessions that are asked for have ended
                break
            event = event_in(line)
            if not event:  # what a worker has made of a piece
                continue
            if event["session_id"] is None:  # what the kernel has killed elsewhere on the machine
                continue
            seen = sessions[event["session_id"]].setdefault(event["seq"], event)
            if seen != event:
                wrong.append("seq %d is of two events: %s and %s" % (event["seq"], seen, event))
    return sessions, wrong


def totals(directory):
    sums = [0] * 5
    for path in glob.glob(directory + "/totals.*"):
        with open(path) as file:
            sums = [one + int(other) for one, other in zip(sums, file.read().split())]
    return sums


def check(events, directory):
    low, high, blocked, denied, unknown = totals(directory)
    kinds = collections.Counter()
    folded = 0
    for event in events.values():
        kind = event["type"]
        if kind == "events_suppressed":
            if event["reason"] != "repeated":
                yield "lost: %s" % event
            folded += event["count"]
            kinds[event["of"]] += event["count"]
        elif event.get("reason") in ("worker_died", "outcome_unknown"):
            kinds[event["reason"]] += 1
            kinds["told"] += kind in ("seccomp_blocked", "seccomp_audit")
            kinds["went on"] += kind == "unix_socket_audit"
        else:
            kinds[kind] += 1
    end = [event for event in events.values() if event["type"] == "session_end"]
    if len(end) != 1 or kinds["session_start"] != 1:
        yield "%d ends and %d beginnings" % (len(end), kinds["session_start"])
        return
    if len(events) + folded != max(events) or max(events) != end[0]["seq"]:
        missing = [seq for seq in range(1, max(events)) if seq not in events]
        yield "%d lines and %d repeats, but seq goes to %d; end %d; no line of %s" % (
            len(events), folded, max(events), end[0]["seq"], missing[:20])
    calls = kinds["unix_socket_allowed"] + kinds["unix_socket_audit"]
    if not low - kinds["went on"] <= calls <= high:
        yield "%d socket calls are told, and there were %d to %d" % (calls, low, high)
    blocks = kinds["seccomp_blocked"] + kinds["seccomp_audit"] + kinds["told"]
    # One that was told of may be told of again: that workers died of it.
    if not blocks - kinds["told"] <= blocked <= blocks:
        yield "%d blocked calls are told, and there were %d" % (blocks, blocked)
    if kinds["unix_socket_blocked"]:
        yield "%d calls were blocked for another reason" % kinds["unix_socket_blocked"]
    said = kinds["worker_died"] + kinds["outcome_unknown"]
    # A blocked call is denied in any case, and the reserved one has no event of its own.
    if said < denied + unknown or kinds["outcome_unknown"] != unknown:
        yield "%d events of calls that workers died of and %d of an unknown outcome; answered so: %d and %d" % (
            kinds["worker_died"], kinds["outcome_unknown"], denied, unknown)
    counted = end[0]["killed"] + end[0]["denied"] + end[0]["audited"]
    there = blocks + said - kinds["told"] + kinds["unix_socket_audit"]
    if counted != there:
        yield "session_end counts %d, and there are %d" % (counted, there)


def main():
    sessions, wrong = read(sys.argv[1])
    for argument in sys.argv[2:]:
        session, directory = argument.split("=")
        for problem in check(sessions.get(session, {0: {"type": "none"}}), directory):
            wrong.append(session + ": " + problem)
    recovered = [event for events in sessions.values() for event in events.values()
                 if event["type"] == "sidecar_recovered"]
    sums = ["%s %d" % (name, sum(event[name] for event in recovered))
            for name in ("taken_up", "anew", "resolved", "answered", "unknown", "denied", "gone")]
    print("recovered %d %s" % (len(recovered), " ".join(sums)))
    print("\n".join(wrong[:20]), end="\n" if wrong else "")
    sys.exit(bool(wrong))


main()
