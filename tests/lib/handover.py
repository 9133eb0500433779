"""The hand-over's messages (loader/handover.h), for peers that are up to no good."""

import array
import atexit
import os
import socket
import struct
import subprocess
import sys

MAGIC, VERSION = 0x48534741, 3
HELLO, TEXT, WELCOME, REFUSED, LISTENER, ACCEPTED, REPORT = range(1, 8)
NOTICES_EACH, NOTICES, EVENTS, POLICY_WRITABLE = 1, 2, 4, 8
REASON_MAX = 512
POLICY = (b"[sandbox.seccomp.unix_socket]\nenabled = false\n"
          b"[sandbox.seccomp.syscalls]\nblock = getppid\n")


def head(kind, version=VERSION, magic=MAGIC):
    return struct.pack("<IHH", magic, version, kind)


def hello(probe, policy=POLICY, session=b"bad", flags=0, lengths=None, **changed):
    lengths = lengths or [len(policy), 0, 0, 0, 0]
    return head(HELLO, **changed) + struct.pack("<Ii5I65s32s3x", flags, probe, *lengths, session, b"0")


def text(data):
    return head(TEXT) + data


def welcome(by_rights=0, **changed):
    return head(WELCOME, **changed) + struct.pack("<iI", 0, by_rights)


def refused(reason):
    return head(REFUSED) + reason.ljust(REASON_MAX, b"\0")


def report():
    return head(REPORT) + struct.pack("<I65s3x", 0, b"")


def listener(number):
    return head(LISTENER) + struct.pack("<iI", number, 0)


def kind_of(message):
    return struct.unpack_from("<IHH", message)[2] if len(message) >= 8 else 0


def by_rights(message):
    return struct.unpack_from("<iI", message, 8)[1]


def reason(message):
    return message[8:].split(b"\0")[0].decode() if kind_of(message) == REFUSED else ""


def send(peer, data, descriptors=()):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    peer.sendmsg([data], rights)


def private(sidecar):
    """A private sidecar of our own, which is to have ended before we do."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    number = theirs.fileno()
    begin = 'exec "$0" --private 3<&%d' % number + (" %d<&-" % number if number != 3 else "")
    process = subprocess.Popen(["bash", "-c", begin, sidecar], pass_fds=[number])
    theirs.close()
    atexit.register(process.wait, 20)
    return ours


def connect(path):
    """PATH: of a socket, or private:SIDECAR."""
    if path.startswith("private:"):
        peer = private(path.partition(":")[2])
        peer.settimeout(20)
        return peer
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.connect(path)  # waits where the backlog is full
    peer.settimeout(20)
    return peer


def ask(path, **said):
    """A connection that has been welcomed, and whether the listener is to come along."""
    peer = connect(path)
    send(peer, hello(peer.fileno(), **said))
    send(peer, text(said.get("policy", POLICY)))
    answer = peer.recv(4096)
    if kind_of(answer) != WELCOME:
        sys.exit("not welcomed: " + reason(answer))
    return peer, by_rights(answer)


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
