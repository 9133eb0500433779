"""made_sockets.py WHAT FOLDER: what programs do with sockets, and what came of it: the same with and without us."""
import array
import errno
import os
import resource
import socket
import sys
import threading


def tried(what, call, *arguments):
    try:
        result = call(*arguments)
    except OSError as error:
        print(what, errno.errorcode[error.errno])
        return None
    print(what, "ok")
    return result


def server(family, name, kind=socket.SOCK_STREAM):
    one = socket.socket(family, kind)
    one.bind(name)
    one.listen(8)
    return one


def made():
    """Types, flags and errors of socket(2)."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)

    def raw(domain, kind, protocol):
        number = libc.socket(domain, kind, protocol)
        if number < 0:
            raise OSError(ctypes.get_errno(), "")
        one = socket.socket(fileno=number)
        flags = os.get_inheritable(number), one.getblocking() if hasattr(one, "getblocking") else None
        what = number, flags, one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), \
            one.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
        one.close()
        return what

    high = 1 << 32
    for domain, kind, protocol in [
            (1, 1, 0), (1, 5, 0), (1, 1 | 0o2000000, 0), (1, 1 | 0o4000, 0), (1, 1 | 0o2004000, 0), (2, 1, 6), (2, 2, 17),
            (10, 2, 0), (2, 3, 1), (16, 3, 0), (17, 3, 0), (1, 1, 1), (1, 1, 6), (1, 4, 0), (1, 1 | 16, 0), (2, 5, 0), (2, 1, 17),
            (99, 1, 0), (-1, 1, 0), (2, 99, 0), (2, 2, 9999), (high | 1, 1, 0), (38, 5, 0)]:
        print("socket %x %x %x" % (domain, kind, protocol), end=": ")
        print(tried("made", raw, ctypes.c_long(domain), ctypes.c_long(kind), protocol))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard))
    many = []
    while (one := tried("one more", socket.socket, socket.AF_UNIX)) is not None:
        many.append(one)


def known(folder):
    """The socket by whatever descriptor, process or thread it is used."""
    name = folder + "/known"
    listening = server(socket.AF_UNIX, name)
    one = socket.socket(socket.AF_UNIX)
    other = socket.socket(fileno=os.dup(one.fileno()))
    one.close()
    tried("a duplicate", other.connect, name)
    tried("twice", other.connect, name)
    tried("one that listens", listening.connect, name)
    again = socket.socket(fileno=os.dup(listening.fileno()))
    tried("bound twice", again.bind, name + ".again")
    one = socket.socket(socket.AF_UNIX)
    if os.fork() == 0:
        tried("a child", one.connect, name)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
    tried("its parent", one.getpeername)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    one = socket.socket(socket.AF_UNIX)
    here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno()]))])
    one.close()
    number = array.array("i", there.recvmsg(1, 64)[1][0][2])[0]
    tried("one that was sent", socket.socket(fileno=number).connect, name)
    one = socket.socket(socket.AF_UNIX)
    path = os.open("/proc/self/fd/%d" % one.fileno(), os.O_PATH)
    kept = os.dup(one.fileno())
    os.dup2(path, one.fileno())
    tried("one that is only a path", one.connect, name)
    os.dup2(kept, one.fileno())
    tried("and the socket", one.connect, name)
    one = socket.socket(socket.AF_UNIX)
    thread = threading.Thread(target=lambda: tried("a thread", one.connect, name))
    thread.start()
    thread.join()
    one = socket.socket(socket.AF_UNIX)
    tried("a name that is not there", one.connect, folder + "/none")
    tried("and one that is", one.connect, name)
    pipe = os.pipe()[0]
    os.dup2(pipe, one.fileno())
    tried("no socket", one.connect, name)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in 9, 10, 11:
        tried("udp", udp.connect, ("127.0.0.1", port))
    tried("udp", udp.sendto, b"x", ("127.0.0.1", 12))


def ended(folder):
    """The end of a socket is seen at once, though there was a copy of it."""
    for family, name in (socket.AF_UNIX, folder + "/ended"), (socket.AF_UNIX, "\0" + folder + "/ended"), (socket.AF_INET, ("127.0.0.1", 0)):
        listening = server(family, name)
        name = listening.getsockname()
        for blocking in True, False:
            one = socket.socket(family)
            one.setblocking(blocking)
            error = one.connect_ex(name)
            accepted = listening.accept()[0]
            if error == errno.EINPROGRESS:
                threading.Event().wait(0.01)
            one.close()
            print("the peer sees", accepted.recv(1))
            accepted.close()
        listening.close()
        one = socket.socket(family)
        tried("nobody listens", one.connect, name)
        if family == socket.AF_UNIX and name[:1] not in (b"\0", "\0"):
            os.unlink(name)
        one = socket.socket(family)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried("its name again", one.bind, name)
        one.close()
        if family == socket.AF_UNIX and name[:1] not in (b"\0", "\0"):
            os.unlink(name)
        for _ in range(20):
            one = socket.socket(family)
            one.bind(name)
            one.close()
            if family == socket.AF_UNIX and name[:1] not in (b"\0", "\0"):
                os.unlink(name)
    for _ in range(20):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        name = one.getsockname()
        one.close()
        two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        two.bind(name)
    print("the names are free")


def passed():
    """What was not made here: 0 is a socket of whoever started us."""
    given = socket.socket(fileno=0)
    tried("inherited, connect", given.connect, sys.argv[2])
    tried("inherited, bind", given.bind, sys.argv[2] + ".new")
    one = socket.socket(socket.AF_UNIX)
    tried("made here", one.connect, sys.argv[2])
    tried("bound when connected", one.bind, sys.argv[2] + ".new")
    listening = server(socket.AF_INET, ("127.0.0.1", 0))
    one = socket.create_connection(listening.getsockname())
    accepted = listening.accept()[0]
    tried("accepted, connect", accepted.connect, listening.getsockname())
    tried("accepted, sendmsg", accepted.sendmsg, [b"x"])
    tried("connected, sendmsg", one.sendmsg, [b"x"])
    here, there = socket.socketpair()
    tried("one of a pair, connect", here.connect, sys.argv[2])
    tried("one of a pair, sendmsg", here.sendmsg, [b"x"])


def many(count):
    """As many as there may be, and one more; then their end makes room."""
    all_of_them = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    tried("one more", socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    for one in all_of_them:
        one.close()
    tried("again", socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(3 * count):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    print("all were made")


def raced(folder, denied, tries):
    """Another thread puts other sockets at the number, while it is connected to what may not be reached and what may."""
    sys.setswitchinterval(1e-5)
    name = folder + "/raced"
    listening = server(socket.AF_UNIX, name)
    given = os.dup(0)
    number = os.dup(0)
    pool = [given]
    over = False

    def swap():
        while not over:
            for one in pool:
                try:
                    os.dup2(one, number)
                except OSError:
                    pass  # closed meanwhile

    threads = [threading.Thread(target=swap) for _ in range(2)]
    for thread in threads:
        thread.start()
    target = socket.socket(fileno=number)
    target.setblocking(False)
    for i in range(tries):
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        pool[:] = [given, fresh.fileno()] if i % 2 else [fresh.fileno(), given]
        target.connect_ex(name if i % 3 else denied)
        pool[:] = [given]
        fresh.close()
    over = True
    for thread in threads:
        thread.join()
    listening.close()
    print("over")


def lingers(port):
    """A port that nobody has any more but the sidecar: until that has found out."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", port))
    one.close()
    print("closed", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    words = [int(word) if word.isdigit() else word for word in sys.argv[2:]]
    {"made": made, "known": known, "ended": ended, "passed": lambda _: passed(), "many": many, "raced": raced,
     "lingers": lingers}[sys.argv[1]](*words)
