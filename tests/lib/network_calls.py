"""network_calls.py NAME: socket calls that wait, that depend on what others have bound, or that send while they connect,
and what came of each, a line. To be run in a network of its own, with a way to 203.0.113.0/24 where nobody answers."""
import ctypes
import errno
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
FASTOPEN, FASTOPEN_SERVER, FASTOPEN_CONNECT = 0x20000000, 23, 30  # MSG_FASTOPEN, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT
NOBODY = ("203.0.113.1", 7)


def four(host, port):
    return struct.pack("HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(host))


def call(name, made, *arguments):
    """By itself, since Python makes an interrupted call again."""
    result = getattr(LIBC, name)(made.fileno(), *arguments)
    return str(result) if result >= 0 else errno.errorcode[ctypes.get_errno()]


def connect(made, address):
    raw = four(*address) if isinstance(address, tuple) else struct.pack("H", socket.AF_UNIX) + address + b"\0"
    return call("connect", made, raw, len(raw))


def sendto(made, payload, flags, address):
    raw = four(*address) if address else None
    return call("sendto", made, payload, ctypes.c_size_t(len(payload)), flags, raw, len(raw or b""))


def limit(made, milliseconds):
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, milliseconds * 1000))


def served(address=("127.0.0.1", 0)):
    server = socket.create_server(address)
    server.setsockopt(socket.IPPROTO_TCP, FASTOPEN_SERVER, 16)
    return server


def received(server):
    """All that comes of the next connection, which has been shut by then."""
    if not select.select([server], [], [], 5)[0]:
        return "nobody"
    with server.accept()[0] as taken:
        taken.settimeout(5)
        return b"".join(iter(lambda: taken.recv(1000), b""))


def fastopen():
    for flags in 0, socket.SOCK_NONBLOCK:
        with served() as server:
            for _ in range(3):  # the first has no cookie yet, the others have
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM | flags) as one:
                    print(flags, sendto(one, b"hello", FASTOPEN, server.getsockname()), one.getpeername()[0])
                    select.select([], [one], [], 5)
                    one.setblocking(True)
                    print(sendto(one, b" again", FASTOPEN, None), sendto(one, b"!", FASTOPEN, server.getsockname()))
                    one.shutdown(socket.SHUT_WR)
                    print(received(server).replace(b"hello", b""))
            address = server.getsockname()
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            with socket.socket(socket.AF_INET, kind | flags) as one:
                print(flags, kind, sendto(one, b"x", FASTOPEN, None), sendto(one, b"x", FASTOPEN | 0x4000, address))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | flags) as one:
            print(flags, "unix", sendto(one, b"x", FASTOPEN, None), sendto(one, b"x", FASTOPEN, address))


def fastopen_connect():
    with served() as server, socket.socket() as one:
        one.setsockopt(socket.IPPROTO_TCP, FASTOPEN_CONNECT, 1)
        print(connect(one, server.getsockname()), call("sendto", one, b"x", ctypes.c_size_t(1), 0, None, 0))
        one.shutdown(socket.SHUT_WR)
        print(received(server))


def took(begun, least, most):
    """Not how long, which is never the same."""
    return "in time" if least <= time.monotonic() - begun <= most else f"after {time.monotonic() - begun} s"


def full(kind):
    """Two ends, of which the first can send no more."""
    if kind == "tcp":
        with served() as server:
            one, other = socket.create_connection(server.getsockname()), server.accept()[0]
    else:
        one, other = socket.socketpair(socket.AF_UNIX, getattr(socket, kind))
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20000)
    refused = 0
    while refused < (6 if kind == "tcp" else 1):  # TCP's other end takes some of it a moment later
        try:
            one.send(bytes(1000), socket.MSG_DONTWAIT)
            refused = 0
        except BlockingIOError:
            refused += 1
            time.sleep(0.1)
    return one, other


def emptied(other):
    """How many bytes there were to be read."""
    size = 0
    try:
        while read := len(other.recv(100000, socket.MSG_DONTWAIT)):
            size += read
    except BlockingIOError:
        pass
    return size


def drain(other, size):
    while size > 0:
        size -= len(other.recv(100000))


def full_send():
    for kind in "SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET", "tcp":
        one, other = full(kind)
        limit(one, 200)
        begun = time.monotonic()
        print(kind, sendto(one, b"x", 0, None), took(begun, 0.15, 15))
        limit(one, 0)
        signal.signal(signal.SIGALRM, lambda *_: None)
        for again in False, True:
            signal.siginterrupt(signal.SIGALRM, not again)
            signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)  # again, in case that the first comes before the call
            if again:
                threading.Timer(0.6, emptied, (other,)).start()
            print(kind, "interrupted, again" if again else "interrupted", sendto(one, b"x", 0, None))
            signal.setitimer(signal.ITIMER_REAL, 0)


def part_sent():
    """More than there is room for, to one that reads so much and no more."""
    one, other = socket.socketpair()
    limit(one, 300)
    sent = int(sendto(one, bytes(3000000), 0, None))
    print("a part" if 0 < sent < 3000000 else sent, sent == emptied(other))
    threading.Thread(target=drain, args=(other, 3000000)).start()
    print(sendto(one, bytes(3000000), 0, None))


def reuse():
    plain = 61234 if os.getuid() == 0 else os.getuid()
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        for options in (0, 0), (1, 0), (0, 1), (1, 1):
            for uid in os.getuid(), plain:
                print(kind, options, uid == plain, bound_twice(kind, options, uid))


def bound_twice(kind, options, uid):
    with socket.socket(socket.AF_INET, kind) as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, options[0])
        said = call("bind", first, four("127.0.0.1", 0), 16)
        address = four(*first.getsockname())
        if kind == socket.SOCK_STREAM:
            first.listen()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.setuid(uid)
            with socket.socket(socket.AF_INET, kind) as second:
                second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, options[1])
                print(said, call("bind", second, address, 16), end=" ", flush=True)
            os._exit(0)
        return os.waitpid(child, 0)[1]


def nobody_there():
    for milliseconds in 200, 0:
        with socket.socket() as one:
            limit(one, milliseconds)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0 if milliseconds else 1000)
            begun = time.monotonic()
            print(connect(one, NOBODY), took(begun, 0.15, 15), connect(one, NOBODY) if milliseconds else "")
    with socket.socket() as one:
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.siginterrupt(signal.SIGALRM, True)
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
        said = connect(one, NOBODY)
        signal.setitimer(signal.ITIMER_REAL, 0)
        limit(one, 100)
        print(said, connect(one, ("127.0.0.1", 7)))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as one:
        print(connect(one, NOBODY), connect(one, NOBODY), select.select([], [one], [], 0.1)[1])


def no_way():
    for third in range(3):
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            with socket.socket(socket.AF_INET, kind) as one:
                address = (f"198.51.{100 + third}.1", 7)
                print(third, kind, sendto(one, b"x", 0, address), connect(one, address))


def odd_binds():
    for option in 15, 19:  # IP_FREEBIND, IP_TRANSPARENT
        with socket.socket() as one:
            try:
                one.setsockopt(socket.IPPROTO_IP, option, 1)
            except PermissionError:
                print(option, "EPERM")
            print(option, call("bind", one, four("198.51.100.99", 7001), 16))
    with socket.socket(socket.AF_INET6) as one:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        print(call("bind", one, struct.pack("HH20xI", socket.AF_INET6, socket.htons(7002), 0), 28))
    with socket.socket() as one:
        print(call("bind", one, four("0.0.0.0", 7002), 16))


globals()[sys.argv[1]]()
