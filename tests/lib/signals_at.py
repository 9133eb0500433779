#!/usr/bin/env python3
"""Sends signals at a command that stands in a process group of its own, and looks at what arrives.

signals_at.py MODE COMMAND [ARGUMENT...]

  each     every signal to the process, then to the group: each has to arrive once
  mixed    4,000 times one of the two, chance decides which, and another behind it
  pairs    4,000 times two in a row: once or twice each pair, never three times
  opposites SIGTSTP and SIGCONT to the group in a row: what was sent last arrives last
  alone    the group is stopped, and SIGCONT sent to the process alone: the command goes on
  stops    300 times (or ROUNDS in the environment) each of: a stop of the group that its SIGCONT follows, stops and
           SIGCONTs to the group as chance has it, SIGCONT to the process alone and at once a stop of the group, and
           each of these to the process alone: what was sent last shows, of loader and command
  values   1,000 queued ones with values, of chance: all arrive, in order, values kept
  start    200 commands, ended by SIGTERM at any moment of their start: to the process, to the group
  alarm    a timer that was set before the command began
  deaths   the command is SHELL: every exit status, and a death by every signal; prints wait statuses
  replaced the canary is killed, then stopped: signals arrive as before

For all but stops, start, alarm and deaths COMMAND ends with tests/programs/signal_log, for stops with a shell. What arrives after
a signal is read up to one more that closes it (FENCE), so nothing waits for time to pass.
"""

import ctypes
import os
import random
import signal
import subprocess
import sys
import time

FENCE = signal.SIGRTMAX - 1
LAST = signal.SIGRTMAX
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
NOT_SENT = {signal.SIGKILL, signal.SIGSTOP, FENCE, LAST, 32, 33}  # signal_log's C library keeps 32 and 33
HIGH_VALUE = 2**31 - 1
ROUNDS = 4000


class Command:
    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, process_group=0)
        self.pid = self.process.pid
        ready = self.process.stdout.readline().split()
        if ready[:1] != [b"ready"]:
            fail(f"it does not start: {ready}")
        self.target = int(ready[1])

    def read(self):
        line = self.process.stdout.readline().split()
        if not line:
            fail("it has ended")
        return [int(word) for word in line]

    def queue(self, signo, value):
        if ctypes.CDLL(None).sigqueue(self.pid, int(signo), ctypes.c_void_p(value)) != 0:
            fail("sigqueue")

    def until_fence(self):
        os.kill(self.pid, FENCE)
        got = []
        while (line := self.read())[0] != FENCE:
            got.append(line[0])
        return got

    def end(self):
        os.kill(self.pid, LAST)
        if self.process.wait(20) != 0:
            fail("its end")


def fail(text):
    sys.exit(f"signals_at: {text}")


def each(command):
    for signo in range(1, LAST):
        if signo in NOT_SENT:
            continue
        for send in (os.kill, os.killpg):
            send(command.pid, signo)
            got = command.until_fence()
            if got != [signo]:
                fail(f"{signo} by {send.__name__}: {got}")


def mixed(command):
    for _ in range(ROUNDS):
        send = random.choice((os.kill, os.killpg))
        signo = random.choice((signal.SIGUSR1, signal.SIGINT, signal.SIGRTMIN + 2))
        send(command.pid, signo)
        got = command.until_fence()
        if got != [signo]:
            fail(f"{signo} by {send.__name__}: {got}")


def pairs(command):
    for _ in range(ROUNDS):
        for _ in range(2):
            random.choice((os.kill, os.killpg))(command.pid, signal.SIGUSR1)
            until = time.perf_counter() + random.random() * 2e-5
            while time.perf_counter() < until:
                pass
        got = command.until_fence()
        if len(got) not in (1, 2):
            fail(f"two at once: {got}")


def opposites(command):
    for _ in range(ROUNDS):
        two = random.sample((signal.SIGTSTP, signal.SIGCONT), 2)
        for signo in two:
            os.killpg(command.pid, signo)
        got = command.until_fence()
        if got[-1:] != two[1:] or len(got) > 2:
            fail(f"{two}: {got}")


def alone(command):
    for _ in range(50):
        os.killpg(command.pid, signal.SIGSTOP)
        wait_for(lambda: state_of(command.pid) == "T" == state_of(command.target), "the stop")
        os.kill(command.pid, signal.SIGCONT)
        wait_for(lambda: state_of(command.target) != "T", "the going on")
        for send in (os.killpg, os.kill, None):
            got = command.until_fence()
            if got != [signal.SIGCONT]:
                fail(f"SIGCONT: {got}")
            if send:
                send(command.pid, signal.SIGCONT)


def settled(command, signo, what):
    """Stopped both, or neither: what the plain command would be."""
    def is_so():
        return all((state_of(pid) == "T") == (signo in STOPPING) for pid in (command.pid, command.target))
    wait_for(is_so, f"what was sent last to show: {what}")


def send_with_gap(send, pid, signo, longest):
    send(pid, signo)
    until = time.perf_counter() + random.choice((0, random.random() * longest / 10, random.random() * longest))
    while time.perf_counter() < until:
        pass


def stops(argv):
    """
    Not among these, for no order is kept: a stop that is sent to the loader alone while it wakes up, and a SIGCONT
    to the loader alone in the instant in which it stops.
    """
    command = Command([*argv, "-c", "echo ready $$; exec sleep 1000"])
    try:
        for _ in range(int(os.environ.get("ROUNDS", "300"))):
            stop_and_go(command)
            as_chance_has_it(command)
            alone_then_group(command)
            each_alone(command)
    finally:
        os.killpg(command.pid, signal.SIGKILL)
        command.process.wait()


def any_stop():
    return random.choice((signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))


def stop_and_go(command):
    send_with_gap(os.killpg, command.pid, any_stop(), 1e-4)
    os.killpg(command.pid, signal.SIGCONT)
    settled(command, signal.SIGCONT, "a stop and SIGCONT")


def as_chance_has_it(command):
    sent = random.choices((signal.SIGTSTP, signal.SIGTTIN, signal.SIGSTOP, signal.SIGCONT), k=random.randint(2, 6))
    for signo in sent:
        send_with_gap(os.killpg, command.pid, signo, 1e-3)
    settled(command, sent[-1], sent)


def alone_then_group(command):
    os.killpg(command.pid, any_stop())
    settled(command, signal.SIGTSTP, "a stop")
    send_with_gap(os.kill, command.pid, signal.SIGCONT, 5e-5)
    os.killpg(command.pid, signal.SIGTSTP)
    settled(command, signal.SIGTSTP, "SIGCONT to the process, and a stop of the group")


def each_alone(command):
    """The first of them cancels in the loader what the group had."""
    os.kill(command.pid, signal.SIGSTOP)
    wait_for(lambda: state_of(command.pid) == "T", "the loader's stop")
    os.killpg(command.pid, signal.SIGTSTP)
    for signo in (signal.SIGCONT, signal.SIGTSTP, signal.SIGCONT, signal.SIGTTIN, signal.SIGCONT):
        os.kill(command.pid, signo)
        settled(command, signo, f"{signo} to the process")


def values(command):
    sent = [(random.randint(signal.SIGRTMIN, FENCE - 1), random.randint(0, HIGH_VALUE)) for _ in range(1000)]
    for signo, value in sent:
        command.queue(signo, value)
    got = [command.read() for _ in sent]
    for signo in range(signal.SIGRTMIN, FENCE):
        wanted = [value for number, value in sent if number == signo]
        found = [value for number, code, value in got if number == signo and code == -1]
        if wanted != found:
            fail(f"{signo}: {wanted} became {found}")


def canary_of(pid):
    """The child of that name."""
    for line in subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)], stdout=subprocess.PIPE).stdout.splitlines():
        if line.split()[1] == b"canary":
            return int(line.split()[0])
    return None


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def wait_for(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            fail(f"waited for {what}")


def replaced(command):
    before = canary_of(command.pid)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: canary_of(command.pid) not in (None, before), "another canary")
    each(command)
    canary = canary_of(command.pid)
    os.kill(canary, signal.SIGSTOP)
    each(command)  # asked while it is stopped
    os.kill(canary, signal.SIGSTOP)
    wait_for(lambda: state_of(canary) != "T", "the canary's going on")
    each(command)


def start(argv):
    for count in range(200):
        process = subprocess.Popen(argv, process_group=0)
        time.sleep(random.random() * 3e-3)
        (os.kill if count % 2 else os.killpg)(process.pid, signal.SIGTERM)
        try:
            status = process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            fail("a signal at its start was lost")
        if status != -signal.SIGTERM:
            fail(f"status {status}")


def alarm(argv):
    process = subprocess.Popen(argv, preexec_fn=lambda: signal.setitimer(signal.ITIMER_REAL, 0.1))
    if process.wait(20) != -signal.SIGALRM:
        fail(f"status {process.returncode}")


def deaths(argv):
    for status in range(256):
        print("exit", status, subprocess.run([*argv, "-c", f"exit {status}"]).returncode)
    for signo in set(range(1, LAST + 1)) - STOPPING:
        print("signal", signo, subprocess.run([*argv, "-c", f"ulimit -c 0; kill -{int(signo)} $$"]).returncode)


def main():
    mode, argv = sys.argv[1], sys.argv[2:]
    if mode in ("stops", "start", "alarm", "deaths"):
        return globals()[mode](argv)
    command = Command(argv)
    signal.signal(signal.SIGTERM, lambda *_: fail("no end"))  # of timeout(1): nothing is left behind
    try:
        globals()[mode](command)
        command.end()
    finally:
        if command.process.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)
            command.process.wait()


main()
