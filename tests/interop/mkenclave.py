#!/usr/bin/env python3
"""mkenclave.py CODE.bin OUT.sgxs: lays a small real enclave out as an SGXS stream.

The code is all that comes from outside; the rest is the least that a CPU will enter:

    0x0000  code   REG R|X
    0x1000  TCS    entry at 0x0, one SSA frame
    0x2000  SSA    REG R|W
    0x3000  data   REG R|W, where FS and GS point

Every page is measured in full, in ascending order, so the stream is canonical and its SHA-256 is
MRENCLAVE. The same code gives the same bytes each time. stdout: MRENCLAVE in hex.
"""

import struct
import sys

import sgxs

CODE, TCS, SSA, DATA, SIZE = 0x0000, 0x1000, 0x2000, 0x3000, 0x4000
SSAFRAMESIZE = 1                # pages; holds x87, SSE and the GPR area
LIMIT = 0xFFF                   # FSLIMIT and GSLIMIT: the low 12 bits must be ones (SDM, EADD)


def ecreate(size, ssaframesize=SSAFRAMESIZE):
    """The first record: 64 bytes."""
    return struct.pack("<8sIQ44x", sgxs.ECREATE, ssaframesize, size)


def eadd(offset, flags):
    """A page with these SECINFO flags: 64 bytes."""
    return struct.pack("<8sQQ40x", sgxs.EADD, offset, flags)


def chunk(offset, content, tag=sgxs.EEXTEND):
    """One chunk with its 256 bytes: measured, or not with tag=UNMEASRD."""
    assert len(content) == sgxs.CHUNK_LEN
    return struct.pack("<8sQ48x", tag, offset) + content


def page(offset, flags, content=b"", tag=sgxs.EEXTEND):
    """EADD and all 16 chunks of one page; content is filled up with zeros."""
    content = content.ljust(sgxs.PAGE_LEN, b"\0")
    assert len(content) == sgxs.PAGE_LEN
    return eadd(offset, flags) + b"".join(
        chunk(offset + at, content[at:at + sgxs.CHUNK_LEN], tag)
        for at in range(0, sgxs.PAGE_LEN, sgxs.CHUNK_LEN))


def tcs(oentry=CODE, ossa=SSA, nssa=1, ofsbase=DATA, ogsbase=DATA):
    """A TCS page's content (SDM 37.8): STATE, FLAGS, OSSA, CSSA, NSSA, OENTRY, AEP, OFSBASE,
    OGSBASE, FSLIMIT, GSLIMIT, all else zero."""
    return struct.pack("<QQQIIQQQQII", 0, 0, ossa, 0, nssa, oentry, 0, ofsbase, ogsbase,
                       LIMIT, LIMIT)


def stream(code):
    """The whole stream for at most a page of code (bytes)."""
    if not 0 < len(code) <= sgxs.PAGE_LEN:
        raise ValueError(f"the code must be 1 to {sgxs.PAGE_LEN} bytes, not {len(code)}")
    reg = sgxs.PT_REG | sgxs.READ
    return b"".join((
        ecreate(SIZE),
        page(CODE, reg | sgxs.EXEC, code),
        page(TCS, sgxs.PT_TCS, tcs()),
        page(SSA, reg | sgxs.WRITE),
        page(DATA, reg | sgxs.WRITE)))


def main(argv):
    if len(argv) != 3:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 64
    with open(argv[1], "rb") as f:
        out = stream(f.read())
    found = sgxs.measure(out)
    if found.problems:
        print(f"mkenclave: {'; '.join(found.problems)}", file=sys.stderr)
        return 70
    with open(argv[2], "wb") as f:
        f.write(out)
    print(found.mrenclave)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
