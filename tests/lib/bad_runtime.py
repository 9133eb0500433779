"""bad_runtime.py SOCKET CASE: says to a sidecar, as a container runtime, what none should. A process with a filter of
its own is there, whose listener can come along. Ends once the sidecar has closed the connection, and says so."""
import array
import ctypes
import json
import os
import socket
import struct
import sys
import time

SECCOMP, PRCTL_NNP = {"x86_64": 317, "aarch64": 277}[os.uname().machine], 38
libc = ctypes.CDLL(None, use_errno=True)


def filtered_child():
    """A child under a filter that lets everything through but getppid, and its listener."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        number = {"x86_64": 110, "aarch64": 173}[os.uname().machine]
        code = struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, number, 0x06, 0, 0, 0x7FC00000, 0x06, 0, 0, 0x7FFF0000)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HxxxxxxQ", 4, ctypes.addressof(buffer))
        libc.prctl(PRCTL_NNP, 1, 0, 0, 0)
        listener = libc.syscall(SECCOMP, 1, 8, program)
        socket.send_fds(theirs, [b"x"], [listener])
        os.close(listener)
        ours.close()
        theirs.recv(1)
        os._exit(0)
    theirs.close()
    _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    return pid, descriptors[0], ours


def ended_child():
    """The number of one that has gone."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


CHILD, LISTENER, HOLD = filtered_child()
NULL = os.open("/dev/null", os.O_RDONLY)
GOOD = {
    "ociVersion": "1.0.2",
    "fds": ["seccompFd"],
    "pid": CHILD,
    "metadata": "[sandbox.seccomp.syscalls]\nblock = getppid\non_block = log\n[sandbox.seccomp.unix_socket]\nenabled = false\n",
    "state": {"ociVersion": "1.0.2", "id": "bad", "status": "creating", "pid": CHILD, "bundle": "/"},
}


def but(**changes):
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not None}


def text(message):
    return message if isinstance(message, bytes) else json.dumps(message).encode()


CASES = {
    "good": (GOOD, [LISTENER]),
    "over": (but(pid=ended_child(), state={**GOOD["state"], "id": "over"}), [LISTENER]),
    "rubbish": (b"GET / HTTP/1.0\r\n\r\n", [LISTENER]),
    "binary": (bytes(range(256)), [LISTENER]),
    "nothing_along": (GOOD, []),
    "no_listener": (GOOD, [NULL]),
    "descriptors_unnamed": (GOOD, [LISTENER, NULL]),
    "names_too_many": (but(fds=["seccompFd", "x"]), [LISTENER]),
    "listener_unnamed": (but(fds=["x"]), [LISTENER]),
    "listener_twice": (but(fds=["seccompFd", "seccompFd"]), [LISTENER, LISTENER]),
    "many_descriptors": (but(fds=["seccompFd"] * 60), [LISTENER] * 60),
    "pid_of_nobody": (but(pid=2**22 + 5), [LISTENER]),
    "pid_unfiltered": (but(pid=os.getpid()), [LISTENER]),
    "pid_negative": (but(pid=-1), [LISTENER]),
    "pid_fraction": (but(pid=CHILD + 0.5), [LISTENER]),
    "pid_text": (but(pid=str(CHILD)), [LISTENER]),
    "no_pid": (but(pid=None), [LISTENER]),
    "no_state": (but(state=None), [LISTENER]),
    "state_text": (but(state="running"), [LISTENER]),
    "no_id": (but(state={"id": ""}), [LISTENER]),
    "no_version": (but(ociVersion=None), [LISTENER]),
    "metadata_number": (but(metadata=7), [LISTENER]),
    "metadata_nul": (but(metadata="[shell]\n\0"), [LISTENER]),
    "metadata_long": (but(metadata="#" * (256 * 1024 + 1)), [LISTENER]),
    "metadata_no_policy": (but(metadata="[nonsense]\n"), [LISTENER]),
    "metadata_disabled": (but(metadata="[sandbox.seccomp]\nenabled = false\n"), [LISTENER]),
    "too_long": (but(padding="x" * 1100000), [LISTENER]),
    "deep": (b'{"a":' * 2000 + b"1" + b"}" * 2000, [LISTENER]),
    "two": (text(GOOD) + b"{}", [LISTENER]),
    "cut": (text(GOOD)[:-1], [LISTENER]),
    "array": (b"[]", [LISTENER]),
}


def send(connection, message, descriptors):
    """In one piece as far as it goes; whatever the sidecar does not wait for is not said."""
    data = text(message)
    along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    try:
        sent = connection.sendmsg([data], along)
        connection.sendall(data[sent:])
    except (BrokenPipeError, ConnectionResetError):
        pass


def closed(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def main(path, case):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    if case == "silent":
        pass
    elif case == "drip":
        data = text(GOOD)
        send(connection, data[:1], [LISTENER])
        for place in range(1, len(data)):
            connection.sendall(data[place : place + 1])
            time.sleep(0.001)
    elif case == "begun":
        send(connection, text(GOOD)[:20], [LISTENER])
    else:
        send(connection, *CASES[case])
        if case == "cut":
            connection.shutdown(socket.SHUT_WR)
    print("closed" if closed(connection) else "answered", case, flush=True)
    if case in ("good", "drip", "over"):
        os.close(LISTENER)
        sys.stdin.read()
    HOLD.send(b"x")
    os.waitpid(CHILD, 0)


if sys.argv[1] == "--cases":
    print(*(name for name in CASES if name not in ("good", "over")))
    HOLD.send(b"x")
else:
    main(sys.argv[1], sys.argv[2])
