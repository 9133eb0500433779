#!/usr/bin/env python3
"""fake_sidecar.py SOCKET BEHAVIOUR: one that no loader may trust. Serves any number, until it is killed."""

import os
import socket
import sys
import time

import handover as h

FLOOD = b"\x01" * 100000


def hear(peer, wanted):
    """Reads until a message of that kind has come. False: the loader has gone."""
    while True:
        message = peer.recv(65536)
        if not message:
            return False
        if h.kind_of(message) == wanted:
            return True


def welcomed(peer, **how):
    if hear(peer, h.TEXT):
        h.send(peer, h.welcome(**how))
        return True
    return False


def announced(peer):
    return welcomed(peer) and hear(peer, h.LISTENER)


def hold(peer):
    while peer.recv(65536):
        pass


def silent(peer):
    hold(peer)


def deaf(peer):
    time.sleep(600)


def slow(peer):
    time.sleep(3)
    if welcomed(peer):
        hold(peer)


def rubbish(peer):
    h.send(peer, bytes(range(16)))
    hold(peer)


def short(peer):
    h.send(peer, h.welcome()[:9])
    hold(peer)


def drip(peer):
    for byte in h.welcome():
        h.send(peer, bytes([byte]))
        time.sleep(1)


def version(peer):
    if welcomed(peer, version=h.VERSION + 1):
        hold(peer)


def wrong_order(peer):
    h.send(peer, h.head(h.ACCEPTED))
    hold(peer)


def refuses(peer):
    h.send(peer, h.refused(b"it is closed today (come back tomorrow)"))
    hold(peer)


def refuses_endlessly(peer):
    h.send(peer, h.refused(b"it\n\x1b[2Jlies (" + b"A" * 600)[:520])
    hold(peer)


def huge(peer):
    h.send(peer, FLOOD)
    hold(peer)


def dies_at_once(peer):
    pass


def dies_after_hello(peer):
    hear(peer, h.HELLO)


def dies_after_welcome(peer):
    welcomed(peer)


def dies_after_listener(peer):
    announced(peer)


def silent_after_listener(peer):
    if announced(peer):
        hold(peer)


def rubbish_after_listener(peer):
    if announced(peer):
        h.send(peer, bytes(range(8)))
        hold(peer)


def huge_after_listener(peer):
    if announced(peer):
        h.send(peer, FLOOD)
        hold(peer)


def refuses_after_listener(peer):
    if announced(peer):
        h.send(peer, h.refused(b"it is closed today (come back tomorrow)"))
        hold(peer)


def gives(peer):
    """All is well, but each answer brings descriptors along."""
    if hear(peer, h.TEXT):
        h.send(peer, h.welcome(), [0, 1, 2])
        if hear(peer, h.LISTENER):
            h.send(peer, h.head(h.ACCEPTED), [0, 1, 2])
            hold(peer)


def serve(listening, behave):
    while True:
        peer, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            try:
                behave(peer)
            except OSError:
                pass
            os._exit(0)
        peer.close()


def full(listening, path):
    """Never accepts, and whoever comes finds the backlog full."""
    waiting = []
    while True:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.setblocking(False)
        try:
            peer.connect(path)
        except BlockingIOError:
            break
        waiting.append(peer)
    print("full", flush=True)
    time.sleep(600)


def main():
    path, behaviour = sys.argv[1:]
    # Its children end with it.
    import signal
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(path)
    os.chmod(path, 0o777)
    listening.listen(0 if behaviour == "full" else 64)
    if behaviour == "full":
        full(listening, path)
    serve(listening, globals()[behaviour])


main()
