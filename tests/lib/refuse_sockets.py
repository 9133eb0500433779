"""refuse_sockets.py CGROUP TYPE...: from now on the cgroup's sockets may not do what programs of these types are asked
about (enum bpf_attach_type): EPERM."""
import ctypes
import os
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
BPF, LOAD, ATTACH, SOCK_ADDR = 321, 5, 8, 18  # bpf(2), BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_PROG_TYPE_CGROUP_SOCK_ADDR
REFUSE = struct.pack("BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)  # r0 = 0; exit


def bpf(command, attributes):
    result = LIBC.syscall(BPF, command, attributes, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


program, licence = ctypes.create_string_buffer(REFUSE), ctypes.create_string_buffer(b"GPL")
cgroup = os.open(sys.argv[1], os.O_RDONLY)
for attached in map(int, sys.argv[2:]):
    refuse = bpf(LOAD, struct.pack("IIQQ44xI", SOCK_ADDR, 2, ctypes.addressof(program), ctypes.addressof(licence), attached))
    bpf(ATTACH, struct.pack("IIII", cgroup, refuse, attached, 0))
