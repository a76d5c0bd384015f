#!/usr/bin/env python3
"""large.py: bundles of gigabytes, written and checked without holding them.

    large.py make OUT.orc [--stored BYTES] [--deflated BYTES] [--stream BYTES]
    large.py check IN.orc SIGNED.orc MRENCLAVE
    large.py measure LIMIT-MIB COMMAND...

make writes a bundle with zip64 headers: an enclave's stream of about so many bytes, a stored file
(a hole where the file system has holes) and a deflated one; it prints MRENCLAVE. check holds the
signed one to what orc.py demands, entry by entry, and to the compressed bytes of the other. measure
runs a command and fails if it held more memory. Sizes may end in K, M or G.
"""

import hashlib
import os
import struct
import sys
import zipfile
import zlib

import manifest
import mkbundle
import mkenclave
import sgx
import sgxs

PIECE = 1 << 20
TRUSTED = 1 << 30                       # above, the digest that make() wrote counts
SIGNATURE = "ronl.sgx.sig"
MIB_OF_TEXT = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(64)).ljust(PIECE, b"\0")


def _size(text):
    unit = {"K": 10, "M": 20, "G": 30}.get(text[-1:], 0)
    return int(text[:-1] if unit else text) << unit


# -- content, in pieces ------------------------------------------------------------------------------

def _stream(size):
    """A canonical stream: code, TCS, and as many data pages as it takes, measured in full."""
    pages = max(4, size // len(mkenclave.page(0, 0)))
    total = 1 << (pages * sgxs.PAGE_LEN - 1).bit_length()
    reg = sgxs.PT_REG | sgxs.READ
    yield mkenclave.ecreate(total)
    yield mkenclave.page(0, reg | sgxs.EXEC, b"\x0f\x01\xd7")
    yield mkenclave.page(0x1000, sgxs.PT_TCS, mkenclave.tcs())
    out = []
    for number in range(2, pages):
        out.append(mkenclave.page(number * sgxs.PAGE_LEN, reg | sgxs.WRITE))
        if len(out) == 200:
            yield b"".join(out)
            out = []
    yield b"".join(out)


def _repeat(piece, size):
    for _ in range(size // len(piece)):
        yield piece
    yield piece[:size % len(piece)]


class _Sums:
    """CRC and both digests of what was put in."""

    def __init__(self):
        self.size = self.crc = 0
        self.sha256, self.sha512_256 = hashlib.sha256(), hashlib.new("sha512_256")

    def put(self, piece, sha256=True):
        self.size += len(piece)
        self.crc = zlib.crc32(piece, self.crc)
        self.sha512_256.update(piece)
        if sha256:
            self.sha256.update(piece)
        return piece


# -- writing -----------------------------------------------------------------------------------------

class _Writer:
    """One entry after the other; every header in its zip64 form."""

    def __init__(self, f):
        self.f, self.heads, self.digests = f, [], {}

    def add(self, name, pieces, how="store", sha256=False):
        """how: store, hole (stored zeros that are not written), or deflate (whole MiBs repeat)."""
        at, sums, packed, last = self.f.tell(), _Sums(), 0, None
        self.f.write(bytes(30 + len(name) + 20))
        for piece in pieces:
            sums.put(piece, sha256)
            if how == "hole":
                self.f.seek(len(piece), os.SEEK_CUR)
                packed += len(piece)
            elif how == "store":
                packed += self.f.write(piece)
            else:
                if piece is not last:
                    last, block = piece, _block(piece)
                packed += self.f.write(block)
        if how == "deflate":
            packed += self.f.write(b"\3\0")             # an empty last block
        end = self.f.tell()
        method, raw = 8 if how == "deflate" else 0, name.encode()
        extra = struct.pack("<HHQQ", 1, 16, sums.size, packed)
        self.f.seek(at)
        self.f.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, method, 0, 0x21, sums.crc,
                                 0xFFFFFFFF, 0xFFFFFFFF, len(raw), len(extra)) + raw + extra)
        self.f.seek(end)
        extra = struct.pack("<HHQQQ", 1, 24, sums.size, packed, at)
        self.heads.append(struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, method, 0, 0x21, sums.crc, 0xFFFFFFFF,
            0xFFFFFFFF, len(raw), len(extra), 0, 0, 0, 0, 0xFFFFFFFF) + raw + extra)
        if name != manifest.FILE_NAME:
            self.digests[name] = sums.sha512_256.hexdigest()
        return sums

    def finish(self):
        """The directory, its first header being the last that was added."""
        at, heads = self.f.tell(), b"".join(self.heads[-1:] + self.heads[:-1])
        number, end = len(self.heads), at + len(heads)
        self.f.write(heads)
        self.f.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, number, number,
                                 len(heads), at))
        self.f.write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
        self.f.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF,
                                 0xFFFFFFFF, 0))


def _block(piece):
    """Deflated so that blocks can follow one another."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    return pack.compress(piece) + pack.flush(zlib.Z_FULL_FLUSH)


def make(path, stored, deflated, stream):
    bundle = mkbundle.Bundle()
    bundle.add_component("ronl", mkbundle.tiny_elf(), b"")
    with open(path, "wb") as f:
        writer = _Writer(f)
        writer.add("ronl.elf", [mkbundle.tiny_elf()])
        measured = writer.add("ronl.sgx", _stream(stream), sha256=True).sha256.hexdigest()
        if stored:
            writer.add("stored.bin", _repeat(bytes(PIECE), stored), "hole")
        if deflated:
            writer.add("deflated.bin", _repeat(MIB_OF_TEXT, deflated), "deflate")
        bundle.manifest["digests"] = writer.digests
        writer.add(manifest.FILE_NAME, [mkbundle.encode(bundle.manifest)])
        writer.finish()
    print(measured)


# -- checking ----------------------------------------------------------------------------------------

def check(before, after, mrenclave):
    """Raises AssertionError with the reason."""
    old = {i.filename: i for i in zipfile.ZipFile(before).infolist()}
    with zipfile.ZipFile(after) as z:
        names = z.namelist()
        assert names[0] == manifest.FILE_NAME and names[1:] == sorted(names[1:]), names[:9]
        m = manifest.Manifest(z.read(manifest.FILE_NAME))
        assert m.errors == [], m.errors
        assert sorted(m.digests) == names[1:], "digests and files"
        assert set(names) == set(old) | {SIGNATURE}, set(names) ^ set(old)
        streams = {}
        for name in names[1:]:
            if z.getinfo(name).file_size > TRUSTED:
                continue                                # its compressed bytes are compared below
            sums = _Sums()
            with z.open(name) as f:                     # zipfile compares size and CRC
                while piece := f.read(PIECE):
                    sums.put(piece, name == "ronl.sgx")
            assert sums.sha512_256.digest() == m.digests[name], f"{name}: digest"
            streams[name] = sums.sha256.hexdigest()
        sigstruct = z.read(SIGNATURE)
    with zipfile.ZipFile(before) as z:
        digests = manifest.Manifest(z.read(manifest.FILE_NAME)).digests
    assert digests.items() <= m.digests.items(), "the digest of an untouched file changed"
    assert sgx.judge(sigstruct)[0] == [], sgx.judge(sigstruct)
    assert sgx.parse(sigstruct)["enclavehash"].hex() == streams["ronl.sgx"] == mrenclave
    new = {i.filename: i for i in zipfile.ZipFile(after).infolist()}
    with open(before, "rb") as f, open(after, "rb") as g:
        for name, info in old.items():
            if name != manifest.FILE_NAME:
                _same_packed(f, info, g, new[name])


def _same_packed(f, a, g, b):
    assert (a.compress_type, a.compress_size, a.CRC) == (b.compress_type, b.compress_size, b.CRC)
    for file, info in ((f, a), (g, b)):
        file.seek(info.header_offset)
        head = file.read(30)
        file.seek(sum(struct.unpack_from("<HH", head, 26)), os.SEEK_CUR)
    left = a.compress_size
    while left:
        length = min(left, PIECE)
        assert f.read(length) == g.read(length), f"{a.filename}: its compressed bytes changed"
        left -= length


def measure(limit, command):
    """Returns the command's status, or 99 if it held more than `limit` MiB."""
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(pid, 0)
    held = usage.ru_maxrss / 1024
    print(f"held {held:.1f} MiB at most", file=sys.stderr)
    code = os.waitstatus_to_exitcode(status)
    return 99 if limit and held >= limit else code


def main(argv):
    if argv[1:2] == ["make"] and len(argv) > 2:
        options = dict(zip(argv[3::2], argv[4::2]))
        make(argv[2], *(_size(options.get(key, "0")) for key in
                        ("--stored", "--deflated", "--stream")))
        return 0
    if argv[1:2] == ["check"] and len(argv) == 5:
        check(*argv[2:])
        return 0
    if argv[1:2] == ["measure"] and len(argv) > 3:
        return measure(int(argv[2]), argv[3:])
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv))
