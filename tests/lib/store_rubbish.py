#!/usr/bin/env python3
"""store_rubbish.py PROGRAM: puts into systemd's FD store what is no session, or half of one, and executes PROGRAM."""

import array
import ctypes
import fcntl
import os
import socket
import struct
import sys

RECORD = struct.Struct("<IIQII")
MAGIC, VERSION = 0x41475353, 1
LISTENER_AREA_ROOT = 7
F_ADD_SEALS, SEALS = 1033, 1 | 2 | 4


def send(text, *descriptors):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notifier.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
    notifier.sendmsg([text.encode()], rights)


def put(name, descriptor):
    send(f"FDSTORE=1\nFDPOLL=0\nFDNAME={name}", descriptor)


def session(ticket, *descriptors):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    ours.sendmsg([RECORD.pack(MAGIC, VERSION, ticket, LISTENER_AREA_ROOT, 0)], rights)
    return theirs.detach()


def listener():
    """Of a filter that allows everything: SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER."""
    allow = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow)))
    number = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
    return ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_uint(1), ctypes.c_uint(8), program)


def main():
    null = os.open("/dev/null", os.O_RDWR)
    root = os.open("/", os.O_PATH)
    area = os.memfd_create("rubbish", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(area, b"rubbish" * 100000)
    fcntl.fcntl(area, F_ADD_SEALS, SEALS)
    put("sa", null)
    put("sb", os.open("/dev/zero", os.O_RDONLY))
    put("sc", session(1001, null, area, root))
    put("sd", session(1002, listener(), area, root))
    put("other", os.open("/dev/full", os.O_RDONLY))
    os.execv(sys.argv[1], sys.argv[1:])


main()
