#!/usr/bin/env python3
"""bad_loader.py SOCKET|private:SIDECAR BEHAVIOUR [ARGUMENT]: one that a sidecar must bear. Says what became of it."""

import ctypes
import os
import resource
import socket
import struct
import sys

import handover as h

LIBC = ctypes.CDLL(None, use_errno=True)


def end(peer):
    """What the sidecar makes of it: its reason, or closed."""
    try:
        answer = peer.recv(4096)
        while h.kind_of(answer) == h.WELCOME:
            answer = peer.recv(4096)
    except ConnectionResetError:
        answer = b""
    print(h.reason(answer) or "closed")


def broken(*messages):
    def behave(path):
        peer = h.connect(path)
        for message in messages:
            h.send(peer, message(peer) if callable(message) else message)
        end(peer)
    return behave


def hello(**changed):
    return lambda peer: h.hello(peer.fileno(), **changed)


def announce(number):
    def behave(path):
        peer, rights = h.ask(path)
        descriptor = number() if callable(number) else number
        h.send(peer, h.listener(descriptor), [descriptor] if rights and h.is_open(descriptor) else [])
        end(peer)
    return behave


def idle(path, count):
    """So many connections that say nothing, until the sidecar has closed every one."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 64,) * 2)
    peers = []
    for _ in range(count):
        peers.append(h.connect(path))
    print("connected", flush=True)
    for peer in peers:
        try:
            while peer.recv(4096):
                pass
        except ConnectionResetError:
            pass


def come_and_go(path, count):
    for _ in range(count):
        h.connect(path).close()


def flood(path, count):
    """Descriptors with whatever is said, also with nothing."""
    null = os.open("/dev/null", os.O_RDONLY)
    for turn in range(count):
        peer = h.connect(path)
        message = [b"", h.hello(peer.fileno(), flags=h.NOTICES), b"x", h.hello(peer.fileno())][turn % 4]
        try:
            h.send(peer, message, [null] * (200 if turn % 3 else 1))
            if message:
                h.send(peer, b"", [null])
        except OSError:
            pass
        peer.close()


def load_listener():
    """A filter that notifies of nothing: its listener."""
    LIBC.prctl(38, 1, 0, 0, 0)
    code = ctypes.create_string_buffer(struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 1, ctypes.addressof(code)))
    return LIBC.syscall(317 if os.uname().machine == "x86_64" else 277, 1, 8, program)


def change_user(path, other):
    """Connects as another, and is root when it announces: as if it had executed a set-user-ID program."""
    LIBC.prctl(28, 0x4 | 0x10, 0, 0, 0)  # SECBIT_NO_SETUID_FIXUP, SECBIT_KEEP_CAPS
    os.setresuid(other, other, other)
    peer, rights = h.ask(path)
    print("by rights" if rights else "by number")
    os.setresuid(0, 0, 0)
    h.send(peer, h.listener(load_listener()))
    end(peer)


def good(path, session):
    """Welcomed under that ID; announces a listener at a line from standard input, and lives until its end."""
    peer, rights = h.ask(path, session=session.encode())
    print("by rights" if rights else "by number", flush=True)
    sys.stdin.readline()
    number = load_listener()
    h.send(peer, h.listener(number), [number] if rights else [])
    answer = peer.recv(4096)
    print("accepted" if h.kind_of(answer) == h.ACCEPTED else h.reason(answer), flush=True)
    sys.stdin.read()


def many(path, count):
    """So many sessions in one process, announced all at once at a line from standard input."""
    peers = [h.ask(path) for _ in range(count)]
    print("welcomed", flush=True)
    sys.stdin.readline()
    number = load_listener()
    for peer, rights in peers:
        h.send(peer, h.listener(number), [number] if rights else [])
    print("announced", flush=True)
    print("answered", sum(1 for peer, _ in peers if peer.recv(4096)), flush=True)


def text(length):
    return h.text(b"#" * length)


BEHAVIOURS = {
    "rubbish": broken(bytes(range(64))),
    "truncated": broken(lambda peer: h.hello(peer.fileno())[:-1]),
    "tiny": broken(b"x"),
    "oversize": broken(b"x" * 100000),
    "text_first": broken(text(8)),
    "listener_first": broken(h.listener(3)),
    "accepted_first": broken(h.head(h.ACCEPTED)),
    "hello_twice": broken(hello(), hello()),
    "listener_early": broken(hello(), h.listener(3)),
    "more_text": broken(hello(), text(len(h.POLICY) + 1)),
    "empty_text": broken(hello(), h.head(h.TEXT)),
    "text_after": broken(hello(policy=b""), text(8)),
    "reports": broken(h.report()),
    "wrong_magic": broken(hello(magic=1)),
    "other_version": broken(hello(version=h.VERSION + 1)),
    "flags": broken(hello(flags=1 << 30)),
    "no_descriptor": broken(hello(flags=h.NOTICES)),
    "endless_session": broken(hello(session=b"A" * 65)),
    "lengths": broken(hello(lengths=[0xFFFFFFFF, 0xFFFFFFFF, 2, 0, 0])),
    "bad_id": broken(hello(session=b"a b", policy=b"")),
    "no_id": broken(hello(session=b"", policy=b"")),
    "bad_policy": broken(hello(policy=b"[no\n\x1b[2J"), h.text(b"[no\n\x1b[2J")),
    "no_filter": broken(hello(policy=b"[sandbox.seccomp]\nenabled = no\n"), h.text(b"[sandbox.seccomp]\nenabled = no\n")),
    "makes_sockets": broken(hello(lengths=[len(h.POLICY), 0, 0, 0, 12]), h.text(h.POLICY + b"pidfd-getfd\0")),
    "announces_pipe": announce(lambda: os.pipe()[0]),
    "announces_socket": announce(lambda: socket.socket(socket.AF_UNIX).detach()),
    "announces_file": announce(lambda: os.open("mnt/file", os.O_RDWR)),
    "announces_closed": announce(999),
    "announces_nothing": announce(-1),
}


def goes(path):
    """In the middle of what it says, and once it has been welcomed."""
    peer = h.connect(path)
    h.send(peer, h.hello(peer.fileno()))
    peer.close()
    peer, _ = h.ask(path)
    peer.close()
    print("closed")


def never_announces(path):
    peer, _ = h.ask(path)
    end(peer)


def main():
    path, behaviour = sys.argv[1:3]
    if behaviour in BEHAVIOURS:
        BEHAVIOURS[behaviour](path)
    elif behaviour == "good":
        good(path, sys.argv[3])
    elif len(sys.argv) > 3:
        globals()[behaviour](path, int(sys.argv[3]))
    else:
        globals()[behaviour](path)


main()
