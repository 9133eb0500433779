"""odd_families.py [nonblock]: connect, bind, sendto, sendmsg and sendmmsg with odd arguments on sockets of the families
that odd_calls.c is not about, each a line: what is called, and what came of it. To be run in a network of its own."""
import ctypes
import errno
import os
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
FLAGS = socket.SOCK_NONBLOCK if sys.argv[1:] == ["nonblock"] else 0
ANY = 0xFFFFFFFF
LOCAL = 1  # VMADDR_CID_LOCAL: no other machine
PORT = 100000 + os.getpid()  # vsock's are this machine's, whatever the network
LOW_PORT = 600 + os.getpid() % 170  # below 772, which is a loopback device's ARPHRD_LOOPBACK

KINDS = {
    "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM, 0),
    "vsock-packet": (socket.AF_VSOCK, socket.SOCK_SEQPACKET, 0),
    "icmp": (socket.AF_INET, socket.SOCK_RAW, 1),
    "raw": (socket.AF_INET, socket.SOCK_RAW, 255),
    "raw-udp": (socket.AF_INET, socket.SOCK_RAW, 17),
    "ping": (socket.AF_INET, socket.SOCK_DGRAM, 1),
    "lite": (socket.AF_INET, socket.SOCK_DGRAM, 136),
    "icmp6": (socket.AF_INET6, socket.SOCK_RAW, 58),
    "raw6": (socket.AF_INET6, socket.SOCK_RAW, 255),
    "packet": (socket.AF_PACKET, socket.SOCK_DGRAM, 0),
    "packet-raw": (socket.AF_PACKET, socket.SOCK_RAW, 0),
    "route": (socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "generic": (socket.AF_NETLINK, socket.SOCK_DGRAM, 16),
    "uevent": (socket.AF_NETLINK, socket.SOCK_RAW, 15),
}


def vsock(cid, port, reserved=0, zero=b"\0\0\0\0"):
    return struct.pack("HHII4s", socket.AF_VSOCK, reserved, port, cid, zero)


def four(host, port=0):
    return struct.pack("HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(host))


def six(host, port=0, scope=0):
    return struct.pack("HHI16sI", socket.AF_INET6, socket.htons(port), 0, socket.inet_pton(socket.AF_INET6, host), scope)


def link(index, length=6, protocol=0x0800):
    return struct.pack("HHiHBB8x", socket.AF_PACKET, socket.htons(protocol), index, 0, 0, length)


def netlink(port, groups, pad=0):
    return struct.pack("HHII", socket.AF_NETLINK, pad, port, groups)


# The first is one that a socket of that family is bound to.
ADDRESSES = {
    socket.AF_VSOCK: [
        ("any", vsock(ANY, ANY)), ("any, a port", vsock(ANY, PORT)), ("any, a low port", vsock(ANY, LOW_PORT)),
        ("local", vsock(LOCAL, PORT)), ("local, no port", vsock(LOCAL, ANY)), ("any, port 0", vsock(ANY, 0)),
        ("reserved", vsock(ANY, PORT, reserved=1)), ("zero", vsock(ANY, PORT, zero=b"abcd")),
    ],
    socket.AF_INET: [
        ("local", four("127.0.0.1")), ("a port", four("127.0.0.1", 7000)), ("zero", four("0.0.0.0")),
        ("all", four("255.255.255.255")), ("many", four("224.0.0.1")), ("other", four("203.0.113.1", 7)),
        ("all of lo", four("127.255.255.255", 7)), ("low port", four("127.0.0.1", 7)),
    ],
    socket.AF_INET6: [
        ("local", six("::1")), ("a port", six("::1", 7000)), ("a protocol", six("::1", 58)), ("zero", six("::")),
        ("mapped", six("::ffff:127.0.0.1")), ("link", six("fe80::1")), ("link, lo", six("fe80::1", scope=1)),
        ("link, none", six("fe80::1", scope=99)), ("other", six("2001:db8::1")), ("many", six("ff02::1", scope=1)),
    ],
    socket.AF_PACKET: [
        ("lo", link(1)), ("lo, everything", link(1, protocol=3)), ("lo, no protocol", link(1, protocol=0)),
        ("no link", link(0)), ("none such", link(99)), ("negative", link(-1)), ("long", link(1, length=8)),
        ("too long", link(1, length=255)), ("short", link(1, length=0)),
    ],
    socket.AF_NETLINK: [
        ("kernel", netlink(0, 0)), ("a port", netlink(7, 0)), ("a high port", netlink(ANY, 0)),
        ("a group", netlink(0, 1)), ("groups", netlink(0, ANY)), ("both", netlink(7, 1)), ("pad", netlink(0, 0, pad=1)),
    ],
}
LENGTHS = (0, 1, 2, 3, 7, 8, 11, 12, 15, 16, 17, 18, 19, 20, 21, 24, 27, 28, 29, 64, 128, 129, 4096, 0x80000000)
FAMILIES = (0, 1, 2, 10, 16, 17, 29, 31, 38, 40, 99, 65535)
IP = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton("127.0.0.1"), socket.inet_aton("127.0.0.1"))
PAYLOADS = {
    "nothing": b"", "abc": b"abc", "an IP packet": IP + bytes(8), "an echo": b"\x08" + bytes(15),
    "a no-op": struct.pack("IHHII", 16, 1, 1, 0, 0), "much": bytes(70000),
}


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("pieces", ctypes.POINTER(Piece)),
                ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]


def call(name, descriptor, address, length, payload):
    at = ctypes.create_string_buffer(address, 4096)
    length = ctypes.c_uint32(length)
    if name in ("connect", "bind"):
        return getattr(LIBC, name)(descriptor, at, length)
    if name == "sendto":
        return LIBC.sendto(descriptor, payload, ctypes.c_size_t(len(payload)), 0, at, length)
    piece = Piece(payload, len(payload))
    message = Message(ctypes.cast(at, ctypes.c_void_p), length, ctypes.pointer(piece), 1)
    if name == "sendmsg":
        return LIBC.sendmsg(descriptor, ctypes.byref(message), 0)
    return LIBC.sendmmsg(descriptor, ctypes.byref(message), 1, 0)


def plain(part):
    """The kernel's choice of a port is another each time."""
    if part in (PORT, LOW_PORT):
        return "="
    return part if not isinstance(part, int) or part < 256 or part in (7000, ANY) else "N"


def name_of(what):
    try:
        name = what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return tuple(map(plain, name)) if isinstance(name, tuple) else name


def make(kind, state):
    made = socket.socket(KINDS[kind][0], KINDS[kind][1] | FLAGS, KINDS[kind][2])
    good = ADDRESSES[KINDS[kind][0]][0][1]
    if KINDS[kind][0] == socket.AF_VSOCK:
        # SO_VM_SOCKETS_CONNECT_TIMEOUT; Python's own takes numbers alone.
        LIBC.setsockopt(made.fileno(), socket.AF_VSOCK, 6, struct.pack("ll", 0, 20000), 16)
    if state == "bound":
        call("bind", made.fileno(), good, len(good), b"")
    elif state == "connected":
        call("connect", made.fileno(), good, len(good), b"")
    return made


def attempt(made, title, name, address, length, payload):
    result = call(name, made.fileno(), address, length, PAYLOADS[payload])
    said = str(result) if result >= 0 else errno.errorcode[ctypes.get_errno()]
    print(f"{name} {title}/{length} {payload}: {said}, {name_of(made.getsockname)} to {name_of(made.getpeername)}")


def addresses_of(kind, state):
    rows = ADDRESSES[KINDS[kind][0]]
    yield from ((text, address, len(address)) for text, address in rows)
    if state != "fresh":
        return
    yield from ((rows[0][0], rows[0][1], length) for length in LENGTHS)
    for family in FAMILIES:
        yield from ((f"family {family}", struct.pack("H", family) + rows[0][1][2:], length) for length in (2, 16, 28, 110))


def states_of(kind):
    """A packet socket has no other end, and with a vsock's nobody is there."""
    has_end = KINDS[kind][0] not in (socket.AF_PACKET, socket.AF_VSOCK)
    return ("fresh", "bound", "connected") if has_end else ("fresh", "bound")


def try_state(kind, state):
    """What changes nothing has one socket together: to close one of packets, which does not connect, takes long."""
    sending = make(kind, state)
    changing = ("bind",) if KINDS[kind][0] == socket.AF_PACKET else ("connect", "bind")
    for text, address, length in addresses_of(kind, state):
        for name in ("connect", "bind", "sendto", "sendmsg", "sendmmsg"):
            made = make(kind, state) if name in changing else sending
            attempt(made, f"{kind} {state} {text}", name, address, length, "abc")
            if made is not sending:
                made.close()
    for payload in PAYLOADS:
        for text, address in ADDRESSES[KINDS[kind][0]]:
            for name in ("sendto", "sendmsg", "sendmmsg"):
                attempt(sending, f"{kind} {state} {text}", name, address, len(address), payload)
    sending.close()


for socket_kind in KINDS:
    try:
        make(socket_kind, "fresh").close()
    except OSError as refused:
        print(socket_kind, errno.errorcode[refused.errno])
        continue
    for socket_state in states_of(socket_kind):
        try_state(socket_kind, socket_state)
