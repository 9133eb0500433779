"""What the benches share: subjects in turns, what is made of their figures, sidecars and policies to measure behind.

A measurement is a pair of a median and a 99th percentile, in ns, or in whatever the row's unit says. Subjects of one
figure take turns, a round each, so that what else the machine does meets all of them; what one costs is the median of
its rounds, and what it costs more than another is the median of what it did in each of the rounds.
"""
import datetime
import json
import os
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AGENTSH_BUILD") or sys.exit("harness: AGENTSH_BUILD is not set")
CALLS = f"{BUILD}/tests/bench_calls"
TURNS = f"{BUILD}/tests/bench_turns"
SIDECAR = f"{BUILD}/agentsh-sidecar"
CTL = f"{BUILD}/agentshctl"


def plain_user():
    """(uid, gid) of somebody without any privilege: one with a shell, as firejail wants it, where there is one."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return user.pw_uid, user.pw_gid


def as_plain():
    """The prefix that makes a command that user's."""
    user, group = plain_user()
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"] if os.getuid() == 0 else []


def loader():
    """The one that gets installed: against musl, where "make static" has made it."""
    musl = f"{BUILD}/musl/agentsh-exec"
    return musl if os.access(musl, os.X_OK) else f"{BUILD}/static/agentsh-exec"


def sidecar():
    """The same of the sidecar. (SIDECAR is what one that is built with something else is held against.)"""
    musl = f"{BUILD}/musl/agentsh-sidecar"
    return musl if os.access(musl, os.X_OK) else SIDECAR


def say(text):
    """To whoever waits; the table is for standard output."""
    print(text, file=sys.stderr, flush=True)


class Row:
    """A figure: of what, in which unit, from these rounds, against those of another, and what is wanted of it."""

    def __init__(self, section, name, rounds, unit="us", base=None, goal=None, note=""):
        self.section, self.name, self.unit, self.base, self.note = section, name, unit, base, note
        self.rounds = [pair if isinstance(pair, tuple) else (pair, None) for pair in rounds]
        self.goal = goal  # ("ratio at most" | "ratio at least" | "more at most", number in the unit)

    def scale(self):
        return {"us": 1000, "ms": 1000000, "s": 1000000000}.get(self.unit, 1)

    def median(self):
        return statistics.median(pair[0] for pair in self.rounds) / self.scale()

    def p99(self):
        values = [pair[1] for pair in self.rounds if pair[1] is not None]
        if values:
            return statistics.median(values) / self.scale()
        if len(self.rounds) < 100:
            return None
        return sorted(pair[0] for pair in self.rounds)[-1 - len(self.rounds) // 100] / self.scale()

    def against(self, combine):
        pairs = zip(self.rounds, self.base.rounds)
        return statistics.median(combine(here[0], there[0]) for here, there in pairs)

    def ratio(self):
        return self.against(lambda here, there: here / there) if self.base else None

    def more(self):
        return self.against(lambda here, there: here - there) / self.scale() if self.base else None

    def met(self):
        if not self.goal:
            return None
        kind, limit = self.goal
        if kind == "ratio at least":
            return self.ratio() >= limit
        return (self.ratio() if kind == "ratio at most" else self.more()) <= limit

    def record(self):
        """As JSON has it."""
        return {
            "section": self.section, "name": self.name, "unit": self.unit, "rounds": len(self.rounds),
            "median": digits(self.median()), "p99": digits(self.p99()),
            "against": self.base.name if self.base else None,
            "ratio": digits(self.ratio()), "more": digits(self.more()),
            "goal": f"{self.goal[0]} {self.goal[1]}" if self.goal else None, "met": self.met(), "note": self.note or None,
        }


def digits(value):
    """As many as it was measured to, about."""
    return None if value is None else float(f"{value:.4g}")


def shown(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"


def table(rows):
    lines, section = [], None
    for row in (row if isinstance(row, dict) else row.record() for row in rows):
        if row["section"] != section:
            section = row["section"]
            lines += [""] if lines else []
            lines.append(f"{section:<58} {'unit':>5} {'median':>9} {'p99':>9} {'ratio':>7} {'more':>9}  goal")
        goal = "" if not row["goal"] else f"{row['goal']}: {'met' if row['met'] else 'MISSED'}"
        line = (f"  {row['name']:<56} {row['unit']:>5} {shown(row['median']):>9} {shown(row['p99']):>9} "
                f"{shown(row['ratio']):>7} {shown(row['more']):>9}  {goal}")
        lines.append(line.rstrip())
        if row["note"]:
            lines.append(f"      {row['note']}")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {"kernel": os.uname().release, "architecture": os.uname().machine, "processor": names[0] if names else "?",
            "processors": os.cpu_count(), "memory_mib": memory}


def commit():
    done = subprocess.run(["git", "-C", TOP, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def busy():
    """How many processors are kept busy now, with nothing of ours running: a time in which they stand still, too."""
    def ticks():
        with open("/proc/stat", encoding="utf-8") as file:
            user, nice, system, _, _, irq, softirq, steal = (int(word) for word in file.readline().split()[1:9])
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    before, at = ticks(), time.monotonic()
    time.sleep(0.2 if os.environ.get("BENCH_FAST") == "1" else 3)
    return (ticks() - before) / (time.monotonic() - at)


class Began:
    """When a bench began, and what kept the machine busy just before."""

    def __init__(self):
        self.others, self.at = busy(), time.monotonic()

    def seconds(self):
        return time.monotonic() - self.at


def publish(name, began, rows, **more):
    """The table to standard output and to BUILD/bench/NAME.txt, the record to NAME.json there."""
    here, seconds = machine(), round(began.seconds())
    others = max(began.others, busy())
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    record = {"bench": name, "date": date, "commit": commit(), "machine": here, "others": digits(others),
              "seconds": seconds, **more, "rows": [row.record() for row in rows]}
    if os.environ.get("BENCH_FAST") == "1":
        record["fast"] = True
        name_shown = f"{name} (few rounds: a look at whether it works)"
    else:
        name_shown = name
    title = (f"{name_shown}, {date}, Linux {here['kernel']}, {here['processors']} x {here['processor']}, {others:.1f} of them busy without us, "
             f"commit {record['commit']}")
    text = f"{title}\n\n{table(rows)}\n"
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    for ending, content in (("txt", text), ("json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")):
        with open(f"{BUILD}/bench/{name}.{ending}", "w", encoding="utf-8") as file:
            file.write(content)
    print(text)


def turns(rounds, subjects, seconds=600):
    """Each of subjects, name to what measures it, in turns: name to rounds. Where the machine is so busy that they take
    longer than that, fewer rounds, but three."""
    results, end = {name: [] for name in subjects}, time.monotonic() + seconds
    for done in range(rounds):
        if done >= 3 and time.monotonic() > end:
            break
        for name, measure in subjects.items():
            results[name].append(measure())
    return results


def pair(command):
    """What bench_calls prints of one: (median, p99); of several at once (a second's, median, p99)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=300)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: status {done.returncode}: {done.stderr.strip()}")
    return tuple(float(word) for word in done.stdout.split())


def timed_commands(rounds, subjects, prefix=(), folder=None):
    """Whole commands from start to end, by bench_turns: name to rounds."""
    words = [word for name, command in subjects.items() for word in (name, " ".join(command))]
    done = subprocess.run([*prefix, TURNS, str(rounds), *words], stdout=subprocess.PIPE, text=True, check=True,
                          stdin=subprocess.DEVNULL, cwd=folder)
    lines = (line.split("\t") for line in done.stdout.splitlines())
    return {name: [float(word) for word in times.split()] for name, times in lines}


def pinned(where, command, plain=False):
    """COMMAND on these processors; plain: as somebody without any privilege, as most are."""
    return ["taskset", "-c", where, *(as_plain() if plain else []), *command]


class Stage:
    """A folder for sockets, policies and events, and the sidecars that serve there; leaves nothing."""

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.folder = tempfile.mkdtemp(prefix="agentsh-bench.")
        os.chmod(self.folder, 0o711)
        self.sidecars = {}
        os.environ.pop("AGENTSH_CONFIG", None)
        os.environ.pop("AGENTSH_SESSION_ID", None)
        return self

    def __exit__(self, *_):
        for process in self.sidecars.values():
            process.send_signal(signal.SIGTERM)
        for process in self.sidecars.values():
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def policy(self, name, text):
        path = f"{self.folder}/{name}.ini"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(path, 0o644)
        return path

    def start(self, name, where="0", program=SIDECAR):
        """A sidecar on these processors, with everything that it starts: its socket, where it answers."""
        return self.begin(name, pinned(where, [program, f"--socket={self.folder}/{name}.sock", f"--events={self.folder}/{name}.events"]))

    def begin(self, name, command):
        """Whatever else answers at that socket."""
        socket = f"{self.folder}/{name}.sock"
        self.sidecars[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while not os.path.exists(socket):
            if self.sidecars[name].poll() is not None:
                sys.exit(f"bench: {command} has ended")
            time.sleep(0.02)
        return socket

    def behind(self, name, policy, program=None):
        """The prefix of a session with that sidecar."""
        return [program or loader(), f"--sidecar={self.folder}/{name}.sock", "-f", f"{self.folder}/{policy}.ini", "--"]
