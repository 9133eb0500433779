#!/usr/bin/env python3
"""stop_before_exec.py KEEPER: has a worker of its one session stopped between its start and its execution, prints its pid.

Kills the one that there is, as a session of the sidecar's own user can: another is started.
"""
import os
import signal
import sys

TRIES = 2000

keeper = sys.argv[1]


def children():
    with open(f"/proc/{keeper}/task/{keeper}/children", encoding="ascii") as file:
        return {int(word) for word in file.read().split()}


def command(process):
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return None


def state(process):
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def workers(processes):
    return [process for process in processes if b"--role=worker" in (command(process) or b"")]


ours = command(keeper)
for _ in range(TRIES):
    known = set()
    # The broker, that session's worker, and the one for the next session, which may be executed no sooner.
    while len(known) < 3 or not workers(known):
        known = children()
    for child in workers(known):
        os.kill(child, signal.SIGKILL)
    new = set()
    while not new:
        new = children() - known
    child = new.pop()
    os.kill(child, signal.SIGSTOP)
    while state(child) not in "TZ":
        pass
    if command(child) == ours:
        print(child)
        sys.exit(0)
    os.kill(child, signal.SIGCONT)
sys.exit("none was stopped in time")
