"""RSA keys out of PEM files: SubjectPublicKeyInfo, PKCS#8 and PKCS#1, as integers.

Just as much DER as these three need (X.690): a tag, a definite length, contents.
"""

import base64
import re

BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----")
INTEGER, BIT_STRING, OCTET_STRING, SEQUENCE = 0x02, 0x03, 0x04, 0x30
RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d0101010500")


class Malformed(Exception):
    """No RSA key of the kind that was asked for."""


def public_key(text):
    """(n, e) of the first PUBLIC KEY or RSA PUBLIC KEY of a PEM text."""
    label, der = _block(text, ("PUBLIC KEY", "RSA PUBLIC KEY"))
    if label == "PUBLIC KEY":
        algorithm, key = _items(_only(der, SEQUENCE))
        _check_algorithm(algorithm)
        if key[0] != BIT_STRING or key[1][:1] != b"\0":
            raise Malformed("no key in the BIT STRING")
        der = key[1][1:]
    n, e = _integers(_only(der, SEQUENCE))
    return n, e


def private_key(text):
    """(n, e, d, p, q) of the first PRIVATE KEY or RSA PRIVATE KEY of a PEM text."""
    label, der = _block(text, ("PRIVATE KEY", "RSA PRIVATE KEY"))
    if label == "PRIVATE KEY":
        _, algorithm, key = _items(_only(der, SEQUENCE))[:3]
        _check_algorithm(algorithm)
        if key[0] != OCTET_STRING:
            raise Malformed("no key in the OCTET STRING")
        der = key[1]
    _, n, e, d, p, q = _integers(_only(der, SEQUENCE))[:6]
    return n, e, d, p, q


def _block(text, labels):
    for label, body in BLOCK.findall(text):
        if label in labels:
            return label, base64.b64decode("".join(body.split()))
    raise Malformed(f"there is no {labels[0]}")


def _check_algorithm(item):
    if item != (SEQUENCE, RSA_ENCRYPTION):
        raise Malformed("the key is no RSA key")


def _item(der, at):
    """(tag, contents, offset of what follows)."""
    if at + 2 > len(der):
        raise Malformed("the DER ends too early")
    tag, length, at = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(der[at:at + count], "big"), at + count
    if at + length > len(der):
        raise Malformed("the DER ends too early")
    return tag, der[at:at + length], at + length


def _items(der):
    out, at = [], 0
    while at < len(der):
        tag, contents, at = _item(der, at)
        out.append((tag, contents))
    return out


def _only(der, tag):
    found, contents, end = _item(der, 0)
    if found != tag or end != len(der):
        raise Malformed(f"a DER value of type {found:#x}, not {tag:#x} alone")
    return contents


def _integers(der):
    items = _items(der)
    if any(tag != INTEGER for tag, _ in items):
        raise Malformed("not a sequence of integers")
    return [int.from_bytes(contents, "big", signed=True) for _, contents in items]
