"""Puts private keys with odd labels and ids into a token, which no tool does: plain Cryptoki through ctypes.

putkey.py MODULE TOKEN PIN one|two <LINES: each line is LABEL-HEX ID-HEX, "-" for an empty one; the key is that of
testkey.py.
"""
import ctypes as c
import sys

import testkey

ULONG = c.c_ulong
RW, USER = 6, 1


class Attribute(c.Structure):
    _fields_ = [("type", ULONG), ("value", c.c_char_p), ("len", ULONG)]


def call(module, name, *args):
    function = getattr(module, name)
    function.restype = ULONG
    rv = function(*args)
    if rv:
        sys.exit(f"{name}: 0x{rv:x}")


def slot_of(module, label):
    count = ULONG()
    call(module, "C_GetSlotList", c.c_ubyte(1), None, c.byref(count))
    slots = (ULONG * count.value)()
    call(module, "C_GetSlotList", c.c_ubyte(1), slots, c.byref(count))
    for slot in slots:
        info = c.create_string_buffer(512)
        call(module, "C_GetTokenInfo", ULONG(slot), info)
        if info.raw[:32].rstrip(b" \0") == label.encode():
            return slot
    sys.exit(f"{label}: no such token")


def big_endian(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def private_key(name, label, key_id):
    p, q = (int(x, 16) for x in testkey.KEYS[name])
    d = pow(3, -1, (p - 1) * (q - 1))
    yes, no = b"\1", b"\0"
    number = {0x120: p * q, 0x122: 3, 0x123: d, 0x124: p, 0x125: q, 0x126: d % (p - 1), 0x127: d % (q - 1),
              0x128: pow(q, -1, p)}
    return {0x0: (3).to_bytes(8, "little"), 0x100: bytes(8), 0x1: yes, 0x2: yes, 0x103: yes, 0x162: no,
            0x108: yes, 0x3: label, 0x102: key_id, **{k: big_endian(v) for k, v in number.items()}}


def create(module, session, attributes):
    array = (Attribute * len(attributes))(
        *[Attribute(t, c.cast(c.create_string_buffer(v, max(1, len(v))), c.c_char_p), len(v))
          for t, v in attributes.items()])
    call(module, "C_CreateObject", session, array, ULONG(len(attributes)), c.byref(ULONG()))


def main():
    path, token, pin, name = sys.argv[1:]
    module = c.CDLL(path)
    call(module, "C_Initialize", None)
    session = ULONG()
    call(module, "C_OpenSession", ULONG(slot_of(module, token)), ULONG(RW), None, None, c.byref(session))
    call(module, "C_Login", session, ULONG(USER), pin.encode(), ULONG(len(pin)))
    for line in sys.stdin:
        label, key_id = (bytes.fromhex(x.replace("-", "")) for x in line.split())
        create(module, session, private_key(name, label, key_id))
    call(module, "C_Finalize", None)


main()
