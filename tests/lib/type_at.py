#!/usr/bin/env python3
"""Types at a program that runs in a pseudo-terminal.

type_at.py PROMPT COMMAND [ARGUMENT...] <STEPS

Each line of STEPS is typed, with a carriage return, once PROMPT (a regular expression) stands at
the end of what the program has shown since the line before. A line that begins with '=' holds a
PROMPT of its own for the next one; one that begins with '^' is one control character. Prints all
that was shown and exits as the command did (128 + N for a signal), or 124 where a prompt or the
end does not come.
"""

import os
import pty
import re
import select
import signal
import sys
import time

PATIENCE = 20.0  # seconds for one prompt


class Terminal:
    def __init__(self, command):
        self.shown = b""  # since the last line was typed
        self.child, self.master = pty.fork()
        if self.child == 0:
            os.execvp(command[0], command)

    def read(self, deadline):
        """One read; False at the end, or once the deadline has passed."""
        ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        sys.stdout.buffer.write(data)
        self.shown += data
        return bool(data)

    def wait_for(self, prompt):
        deadline = time.monotonic() + PATIENCE
        while not re.search(prompt, self.shown):
            if not self.read(deadline):
                return False
        return True

    def type(self, data):
        self.shown = b""
        os.write(self.master, data)

    def wait_for_end(self):
        """The exit status, as a shell tells it; 124 where there is no end."""
        deadline = time.monotonic() + PATIENCE
        while self.read(deadline):
            pass
        if time.monotonic() >= deadline:
            return self.give_up()
        _, status = os.waitpid(self.child, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def give_up(self):
        os.kill(self.child, signal.SIGKILL)
        os.close(self.master)
        os.waitpid(self.child, 0)
        return 124


def main():
    prompt = (sys.argv[1] + r"\Z").encode()
    terminal = Terminal(sys.argv[2:])
    expected = prompt
    for step in sys.stdin.buffer.read().splitlines():
        if step.startswith(b"="):
            expected = step[1:] + rb"\Z"
            continue
        if not terminal.wait_for(expected):
            sys.exit(terminal.give_up())
        if step.startswith(b"^"):
            terminal.type(bytes([step[1] & 0x1F]))
        else:
            terminal.type(step + b"\r")
        expected = prompt
    status = terminal.wait_for_end()
    sys.stdout.flush()
    sys.exit(status)


main()
