#!/usr/bin/env python3
"""Entries of the cache of programs (loader/program_cache.h) as only root could write them.

program_entry.py ENTRY OTHER OUT [FIELD=VALUE...]: the key and the text of ENTRY, the program of OTHER, and a sum that
is right: whoever goes by it has what OTHER's policy says. FIELD is one of the head's, text, or size: the bytes left.
"""
import struct
import sys

HEAD = struct.Struct('<8s48sIIIIQQ')
FIELDS = ['magic', 'tool', 'arch', 'library', 'flags', 'count', 'length', 'sum']
WORD = 8
ODD = 0x9e3779b97f4a7c15


def mix(total, data):
    for at in range(0, len(data), WORD):
        total = (total ^ int.from_bytes(data[at:at + WORD], 'little')) * ODD % 2 ** 64
        total ^= total >> 32
    return total


def read(path):
    with open(path, 'rb') as file:
        data = file.read()
    head = dict(zip(FIELDS, HEAD.unpack_from(data)))
    end = HEAD.size + 8 * head['count']
    return head, data[HEAD.size:end], data[end:]


def main():
    entry, other, out = sys.argv[1:4]
    head, _, text = read(entry)
    _, program, _ = read(other)
    head['count'] = len(program) // 8
    size = None
    for change in sys.argv[4:]:
        field, value = change.split('=', 1)
        if field == 'text':
            text = value.encode()
        elif field == 'size':
            size = int(value)
        else:
            head[field] = value.encode() if isinstance(head[field], bytes) else int(value, 0)
    packed = HEAD.pack(*[0 if field == 'sum' else head[field] for field in FIELDS])
    if not any(change.startswith('sum=') for change in sys.argv[4:]):
        head['sum'] = mix(mix(0, packed), program)
    with open(out, 'wb') as file:
        file.write((HEAD.pack(*[head[field] for field in FIELDS]) + program + text)[:size])


main()
