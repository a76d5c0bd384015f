"""A zip writer that writes what it is told, right or wrong.

zipfile refuses to write most of what a hostile archive holds, and decides dates, flags and order
itself. Here every header field of every entry can be set, in the local header, in the central
one, or in both. Layout: PKWARE APPNOTE 4.3.7 (local header), 4.3.9 (data descriptor), 4.3.12
(central header), 4.3.14 to 4.3.16 (end records), 4.5.3 (zip64 extra field).
"""

import dataclasses
import struct
import zlib

STORE, DEFLATE = 0, 8
ENCRYPTED, DESCRIPTOR, UTF8 = 1 << 0, 1 << 3, 1 << 11
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF


@dataclasses.dataclass
class Entry:
    """One entry. `raw` replaces the compressed bytes; `fields` overrides header fields (flags,
    method, time, date, crc, csize, size, name, extra, and in the central header made_by,
    external) in both headers, `local` and `central` in one of them."""
    name: bytes
    data: bytes = b""
    method: int = DEFLATE
    flags: int = 0
    raw: bytes = None
    zip64: bool = False
    extra: bytes = b""
    fields: dict = dataclasses.field(default_factory=dict)
    local: dict = dataclasses.field(default_factory=dict)
    central: dict = dataclasses.field(default_factory=dict)


def deflate(data):
    """Raw deflate at the highest level."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    return pack.compress(data) + pack.flush()


def deflated_zeros(megabytes):
    """Raw deflate of that many MiB of zeros at some 1000:1, without compressing them all: after a
    full flush the same MiB compresses to the same bytes again."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = pack.compress(bytes(1 << 20)) + pack.flush(zlib.Z_FULL_FLUSH)
    return one * megabytes + pack.flush(zlib.Z_FINISH)


def pack(entries, comment=b"", order=None, zip64=False):
    """The whole archive as bytes. `order` (indices) is the order of the central directory, that
    of the entries by default; `zip64` forces the zip64 end records."""
    out, heads, seen = [], [], 0
    for entry in entries:
        payload = _payload(entry)
        values = _values(entry, payload)
        local = _local(entry, values) + payload + _descriptor(entry, values)
        heads.append(_central(entry, values, seen))
        out.append(local)
        seen += len(local)
    central = b"".join(heads[i] for i in (range(len(heads)) if order is None else order))
    number = len(heads) if order is None else len(order)
    out += [central, _end(number, len(central), seen, zip64, comment)]
    return b"".join(out)


def _payload(entry):
    if entry.raw is not None:
        return entry.raw
    return deflate(entry.data) if entry.method == DEFLATE else entry.data


def _values(entry, payload):
    try:
        plain = entry.name.isascii() or not entry.name.decode()
    except UnicodeDecodeError:
        plain = True
    values = {"made_by": 20, "flags": entry.flags | (0 if plain else UTF8),
              "method": entry.method, "time": 0, "date": 0, "crc": zlib.crc32(entry.data),
              "csize": len(payload), "size": len(entry.data), "name": entry.name,
              "extra": entry.extra, "external": 0}
    values.update(entry.fields)
    return values


def _local(entry, values):
    v = dict(values)
    if v["flags"] & DESCRIPTOR:
        v.update(crc=0, csize=0, size=0)
    if entry.zip64:
        sizes = struct.pack("<HHQQ", 1, 16, v["size"], v["csize"])
        v.update(size=MAX32, csize=MAX32, extra=sizes + v["extra"])
    v.update(entry.local)
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, 45 if entry.zip64 else 20, v["flags"],
                       v["method"], v["time"], v["date"], v["crc"], v["csize"], v["size"],
                       len(v["name"]), len(v["extra"])) + v["name"] + v["extra"]


def _descriptor(entry, v):
    if not v["flags"] & DESCRIPTOR:
        return b""
    return struct.pack("<IIQQ" if entry.zip64 else "<IIII", 0x08074B50, v["crc"], v["csize"],
                       v["size"])


def _central(entry, values, at):
    v = dict(values)
    if entry.zip64:
        sizes = struct.pack("<HHQQQ", 1, 24, v["size"], v["csize"], at)
        v.update(size=MAX32, csize=MAX32, extra=sizes + v["extra"])
        at = MAX32
    v.update(entry.central)
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, v["made_by"],
                       45 if entry.zip64 else 20, v["flags"], v["method"], v["time"], v["date"],
                       v["crc"], v["csize"], v["size"], len(v["name"]), len(v["extra"]), 0, 0, 0,
                       v["external"], v.get("at", at)) + v["name"] + v["extra"]


def _end(number, length, at, zip64, comment):
    out = b""
    if zip64 or number > MAX16:
        out = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, number, number, length, at)
        out += struct.pack("<IIQI", 0x07064B50, 0, at + length, 1)
        number, length, at = (MAX16, MAX32, MAX32) if zip64 else (MAX16, length, at)
    return out + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number, number, length, at,
                             len(comment)) + comment
