#!/usr/bin/env python3
"""mkodd.py KIND OUT.sgxs: streams that load, and whose code is not all what MRENCLAVE says.

Each has one TCS at 0x0, code at 0x1000 and heap at 0x2000 and 0x3000:

    honest          all code is measured, the heap is not
    unmeasured-rx   the page of code is added and never measured
    unmeasured-rwx  the same, and it can be written to
    unmeasured-part one chunk of the code, the ninth, is not measured
    unmeasured-tcs  the code is measured, the TCS is not: OENTRY is the host's
    page-twice      the page of code is added again at the end, with other content
    page-repeated   the same, right behind the first
    hidden          unmeasured-rx behind more warnings than a report keeps

stdout: MRENCLAVE in hex.
"""

import sys

import mkenclave
import sgxs

TCS, CODE, HEAP, SIZE = 0, 0x1000, 0x2000, 0x4000
REG = sgxs.PT_REG | sgxs.READ
RX, RW = REG | sgxs.EXEC, REG | sgxs.WRITE


def stream(kind):
    """The bytes of one kind."""
    thread = mkenclave.page(TCS, sgxs.PT_TCS, mkenclave.tcs(oentry=CODE, ossa=HEAP, ofsbase=TCS,
                                                           ogsbase=TCS))
    code = mkenclave.page(CODE, RX, b"\x90" * sgxs.PAGE_LEN)
    heap = mkenclave.eadd(HEAP, RW) + mkenclave.eadd(HEAP + sgxs.PAGE_LEN, RW)
    size, tail = SIZE, b""
    if kind == "unmeasured-rx":
        code = mkenclave.eadd(CODE, RX)
    elif kind == "unmeasured-rwx":
        code = mkenclave.eadd(CODE, RX | sgxs.WRITE)
    elif kind == "unmeasured-part":
        at = 64 + 8 * 320
        code = code[:at] + code[at + 320:]
    elif kind == "unmeasured-tcs":
        thread = mkenclave.eadd(TCS, sgxs.PT_TCS)
    elif kind == "page-twice":
        tail = mkenclave.page(CODE, RX, b"\xCC" * sgxs.PAGE_LEN)
    elif kind == "page-repeated":
        code += mkenclave.page(CODE, RX, b"\xCC" * sgxs.PAGE_LEN)
    elif kind == "hidden":
        size = 0x100000
        code = b"".join(mkenclave.eadd(at * sgxs.PAGE_LEN, RW) for at in range(99, 40, -1))
        code += mkenclave.eadd(CODE, RX)
    elif kind != "honest":
        raise SystemExit(f"mkodd.py: no kind {kind}")
    return mkenclave.ecreate(size) + thread + code + heap + tail


def main(argv):
    if len(argv) != 3:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 64
    out = stream(argv[1])
    with open(argv[2], "wb") as f:
        f.write(out)
    print(sgxs.measure(out).mrenclave)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
