#!/usr/bin/env python3
"""mkdoubt.py KIND OUT: signed ELF enclaves whose tables do what no signing tool lets them do.

    honest          what sgx_sign writes: the section headers are hidden, g_global_data is filled in
    patch-text      one more patch, over code
    patch-rx        the same, over what no section names, in the segment of the code
    patch-hidden    the same, over code whose section header says that it is data
    patch-global    the same, and the symbol g_global_data lies there
    patch-data      one more patch, over data (a warning)
    layout-code     the heap's first page brings code, and is executable
    layout-data     the same with data (a warning)
    layout-fill     measured pages that are executable and filled with a word
    entry           the threads enter elsewhere than at enclave_entry
    entry-flags     the same, in a TCS that has permissions, which EADD ignores
    bounds          g_global_data says that the enclave is larger than it is
    oe-honest       Open Enclave, with the symbols that its loader fills in
    oe-symbol       the same, with one of them in the code

Every one of them measures to its ENCLAVEHASH, and is signed with the test key. stdout: MRENCLAVE.
"""

import pathlib
import struct
import sys
import tempfile

import elf
import mkcontainer
import mkintel
from sgxs import PAGE_LEN, PT_TCS, READ

GLOBAL_SIZE = 1768


def intel_plan(kind):
    """The mkintel.Plan of one kind."""
    options = mkcontainer.options(["intel", "--out", "-", "--version", "3.3", "--data", "0x1000"])
    plan = mkcontainer.plan_intel(options)
    plan.global_data = (plan.segments[2][1] + 0x40, GLOBAL_SIZE)
    heap = next(i for i, row in enumerate(plan.layout) if row[0] == mkintel.ENTRY_HEAP)
    row = list(plan.layout[heap])
    size = plan.size << 20 if kind == "bounds" else plan.size
    template = struct.pack("<QQQQ", 0, size, row[3], row[2] * PAGE_LEN).ljust(GLOBAL_SIZE, b"\1")
    at = where(plan)
    plan.patches.insert(0, (at["data"] + 0x40, template))
    if kind in ("patch-text", "patch-hidden", "patch-global"):
        plan.patches.append((at["text"] + 0x100, b"\xCC" * 16))
    elif kind == "patch-rx":
        plan.patches.append((at["text"] + 0x100, b"\xCC" * 16))
        plan.names = [name for name in plan.names if name[0] != ".text"]
    elif kind == "patch-data":
        plan.patches.append((at["data"] + 0x40 + GLOBAL_SIZE, b"\xCC" * 16))
    elif kind == "layout-code":
        row[1], row[5], row[6] = mkintel.ADD_EXTEND, b"\x90" * 64, 0x205
    elif kind == "layout-data":
        row[1], row[5], row[6] = mkintel.ADD_EXTEND, b"\x90" * 64, mkintel.REG_RW
    elif kind == "layout-fill":
        row[1], row[4], row[6] = mkintel.ADD_EXTEND, 0x90909090, 0x205
    elif kind in ("entry", "entry-flags"):
        evil = bytearray(mkintel.TCS_TEMPLATE)
        struct.pack_into("<Q", evil, 32, 0x1020)
        changes = {mkintel.TCS_TEMPLATE: bytes(evil)}
        if kind == "entry-flags":
            changes[PT_TCS] = PT_TCS | READ
        plan.layout = [tuple(changes.get(part, part) for part in one) for one in plan.layout]
    elif kind not in ("honest", "bounds"):
        raise SystemExit(f"mkdoubt.py: no kind {kind}")
    if kind == "patch-global":
        plan.global_data = (plan.segments[1][1] + 0x100, GLOBAL_SIZE)
    if not kind.startswith("entry"):
        plan.layout[heap] = tuple(row)
    return plan


def where(plan):
    """The file offsets of text and data."""
    with tempfile.NamedTemporaryFile() as made:
        mkintel.write(plan, made.name, signed=False)
        file = elf.Elf(pathlib.Path(made.name).read_bytes())
    return {name[1:]: file.section(name).offset for name in (".text", ".data")}


def hide_text(path):
    """Says in the section headers, which are not measured, that .text is data."""
    data = bytearray(pathlib.Path(path).read_bytes())
    (table,) = struct.unpack_from("<Q", data, 40)
    (count,) = struct.unpack_from("<H", data, 60)
    for at in range(table, table + 64 * count, 64):
        (flags,) = struct.unpack_from("<Q", data, at + 8)
        struct.pack_into("<Q", data, at + 8, flags & ~4)
    pathlib.Path(path).write_bytes(data)


def main(argv):
    if len(argv) != 3:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 64
    kind, out, signer = argv[1], argv[2], mkcontainer.Signer()
    if kind.startswith("oe-"):
        options = mkcontainer.options(["oe", "--out", "-", "--symbols"])
        plan = mkcontainer.plan_oe(options)
        plan.symbols_in_text = kind == "oe-symbol"
        print(mkcontainer.make_oe(plan, out, signer))
        return 0
    print(mkcontainer.make_intel(intel_plan(kind), out, signer))
    if kind in ("patch-hidden", "patch-global"):
        hide_text(out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
