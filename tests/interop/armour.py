#!/usr/bin/env python3
"""Armour, a second time: armour.py KIND <bytes >text. Written from the format's description, over Python's base32."""
import base64
import sys

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def crc10(data):
    """x^10 + x^9 + x^5 + x^4 + x + 1 by polynomial division of the bits, initial value all ones."""
    bits = int.from_bytes(data, "big") ^ (0x3FF << max(len(data) * 8 - 10, 0))
    value = bits << 10
    for at in range(len(data) * 8 - 1, -1, -1):
        if value >> (at + 10) & 1:
            value ^= 0x633 << at
    return value


def armour(kind, data):
    parts = [data[i:i + 30] for i in range(0, len(data), 30)]
    lines = ["-----BEGIN ENSIGN %s-----" % kind]
    for number, part in enumerate(parts, 1):
        text = base64.b32encode(part).decode().rstrip("=")
        check = crc10(kind.encode() + b"\0" + number.to_bytes(2, "big") + bytes([number == len(parts)]) + part)
        groups = [text[i:i + 8] for i in range(0, len(text), 8)]
        lines.append(" ".join([str(number), *groups, LETTERS[check >> 5] + LETTERS[check & 31]]))
    return "\n".join([*lines, "-----END ENSIGN %s-----" % kind, ""])


if __name__ == "__main__":
    sys.stdout.write(armour(sys.argv[1], sys.stdin.buffer.read()))
