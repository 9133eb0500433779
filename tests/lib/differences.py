"""differences.py TAG OUTSIDE: does what agentsh.ini(5) says that a mediated call answers otherwise, and prints what
came of it. OUTSIDE is the path of a stream socket that somebody serves who is not of the session."""
import ctypes
import errno
import os
import signal
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
NEWUSER, NEWNET, NEWPID, NEWNS = 0x10000000, 0x40000000, 0x20000000, 0x20000
CREDENTIALS = struct.Struct("iII")


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def unshare(flags):
    uid, gid = os.geteuid(), os.getegid()
    call(LIBC.unshare(flags))
    if flags & NEWUSER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)


def listening(address):
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    return server


def connect(address):
    socket.socket(socket.AF_UNIX).connect(address)
    return "connected"


def in_child(function):
    """What it returns, by way of a child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, said(function).encode())
        os._exit(0)
    os.close(write)
    answer = os.read(read, 100).decode()
    os.waitpid(child, 0)
    return answer


def said(function):
    try:
        return str(function())
    except OSError as error:
        return errno.errorcode[error.errno]


def peer_process(_):
    server = listening("here")
    child = os.fork()
    if child == 0:
        connect("here")
        os._exit(0)
    peer = server.accept()[0].getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    os.waitpid(child, 0)
    return CREDENTIALS.unpack(peer)[0] == child


def message_process(_):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    server.bind("here")
    child = os.fork()
    if child == 0:
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "here")
        os._exit(0)
    control = server.recvmsg(1, 100)[1]
    os.waitpid(child, 0)
    return CREDENTIALS.unpack(control[0][2])[0] == child


def namespace_capabilities(_):
    server = listening("here")
    os.chmod("here", 0)
    unshare(NEWUSER)
    return connect("here") and server and "connected"


def namespace_port(_):
    """As the second id of ten, with the capability: none but root can map more than one."""
    if os.geteuid() != 0:
        return "not tried"
    child = os.fork()
    if child == 0:
        call(LIBC.unshare(NEWUSER | NEWNET))
        os.kill(os.getpid(), signal.SIGSTOP)
        call(LIBC.prctl(8, 1, 0, 0, 0))  # PR_SET_KEEPCAPS
        os.setresuid(1, 1, 1)
        call(LIBC.capset(struct.pack("Ii", 0x20080522, 0), struct.pack("IIIIII", 1 << 10, 1 << 10, 0, 0, 0, 0)))
        os._exit(0 if said(lambda: socket.socket().bind(("0.0.0.0", 80))) == "None" else 1)
    os.waitpid(child, os.WUNTRACED)
    with open(f"/proc/{child}/uid_map", "w", encoding="ascii") as file:
        file.write("0 61300 10")
    os.kill(child, signal.SIGCONT)
    return os.waitpid(child, 0)[1]


def other_root(outside):
    unshare(NEWUSER)
    os.chroot(os.path.dirname(outside))
    return connect("/" + os.path.basename(outside))


def other_mounts(_):
    server = listening("here")
    unshare(NEWUSER | NEWNS)
    return connect("here") and server and "connected"


def other_network(_):
    unshare(NEWUSER | NEWNET)
    server = listening("\0here")
    return connect("\0here") and server and "connected"


def magic_link(_):
    server = listening("here")
    return connect("/proc/self/cwd/here") and server and "connected"


def name_of_nobody(_):
    return connect("\0nobody has it")


def unreadable_caller(_):
    server = listening("here")
    call(LIBC.prctl(4, 0, 0, 0, 0))  # PR_SET_DUMPABLE
    return connect("here") and server and "connected"


def landlock(_):
    server = listening("\0here")
    scoped = struct.pack("QQQ", 0, 0, 1)  # LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET

    def in_domain():
        call(LIBC.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
        call(LIBC.syscall(446, call(LIBC.syscall(444, scoped, ctypes.c_size_t(24), 0)), 0))
        return connect("\0here")

    return in_child(in_domain) if server else None


def netlink_message(kind, *attributes):
    body = b"\0\0\0\0" + b"".join(struct.pack("HHi", 8, *attribute) for attribute in attributes)
    return struct.pack("IHHII", 16 + len(body), kind, 5, 1, 0) + body  # NLM_F_REQUEST | NLM_F_ACK


def assign_namespace():
    """RTM_NEWNSID, which names a network namespace by a descriptor."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    link.sendmsg([netlink_message(88, (1, 7), (3, here))])
    return struct.unpack_from("i", link.recv(1000), 16)[0] == 0


def netlink_descriptor(_):
    unshare(NEWNET)
    return assign_namespace()


def netlink_of_namespace(_):
    unshare(NEWNET | NEWPID)
    return in_child(assign_namespace)


def netlink_port(_):
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    link.sendmsg([netlink_message(18)])
    return link.getsockname()[0] == os.getpid()


def zerocopy(_):
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    client.setsockopt(socket.SOL_SOCKET, 60, 1)  # SO_ZEROCOPY
    return client.sendmsg([b"x"], [], 0x4000000)


def large_message(_):
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, 32, 32 << 20)  # SO_SNDBUFFORCE
    return one.sendmsg([bytes(17 << 20)]) and other and "sent"


def large_control(_):
    to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to.bind(("127.0.0.1", 0))
    item = (socket.SOL_IP, socket.IP_TTL, struct.pack("i", 64))
    return to.sendmsg([b"x"], [item] * 3000, 0, to.getsockname())


def ring(_):
    return call(LIBC.syscall(425, 8, ctypes.create_string_buffer(256))) >= 0


print(said(lambda: globals()[sys.argv[1]](sys.argv[2])))
