"""nothing_left.py [--kill-in NUMBER] COMMAND [ARGUMENT...]: runs it, and fails where a process of it is left.

Every descendant becomes a child of this one when its parent ends; one that lives on or was not waited
for is then found. --kill-in: SIGKILL to the command as soon as a descendant of it is in the system call of
that number; its descendants may then take a moment, but must be killed with it.
"""
import ctypes
import os
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 20


def descendants(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
    except OSError:
        return []
    return children + [each for child in children for each in descendants(child)]


def call_of(pid):
    try:
        with open(f"/proc/{pid}/syscall") as file:
            return file.read().split()[0]
    except (OSError, IndexError):
        return ""


def kill_in(pid, number):
    end = time.monotonic() + PATIENCE
    while not any(call_of(each) == number for each in descendants(pid)):
        if time.monotonic() > end:
            sys.exit("nobody came into that call")
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


def expect_killed(status):
    """All end with the command: by the same signal, or because what they waited for is gone (0)."""
    signal.alarm(PATIENCE)
    while status in (0, -signal.SIGKILL):
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(-1, 0)[1])
        except ChildProcessError:
            return
    sys.exit(f"a process ended by itself: {status}")


def main(arguments):
    number = None
    if arguments[0] == "--kill-in":
        number, arguments = arguments[1], arguments[2:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    pid = os.posix_spawnp(arguments[0], arguments, os.environ)
    if number:
        kill_in(pid, number)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        expect_killed(status)
    try:
        sys.exit(f"a process is left: {os.waitpid(-1, os.WNOHANG)[0]}")
    except ChildProcessError:
        sys.exit(0 if number else status)


main(sys.argv[1:])
