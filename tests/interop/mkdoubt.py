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
    told-sp, told-tcs, told-layout  the same of a stack, of new threads, of the layout
    told-elrange, told-rsrv, told-tls  the same of the range, of reserved memory, of thread-locals
    told-xsave, told-later  the same of the CPU's state, of the threads that a group repeats
    told-heap       the same of a heap behind the threads, in a layout for SGX1
    tcs-data, tcs-fs  the threads' data are where the heap is, of which the host chooses the content
    tcs-frames      their registers are saved over the image
    frames          they have fewer SSA frames than the CPU uses
    thread-part     a group repeats threads without their stacks
    thread-apart    a second thread is farther from its stack than the first
    unmeasured-later  the data of threads that come later are added, now, and not measured
    rsrv-pieces     a guard lies within reserved memory
    unmeasured      the data of threads are added and not measured
    pieces          a guard lies within the heap
    no-global       no patch fills g_global_data in
    global-part     one more patch, over a part of it
    fill            measured pages are filled with a word that no stack has
    gap, overlap    the second row of the layout begins behind the first, or before it ends
    step            threads are repeated with a hole between them
    flags           the heap cannot be written to
    tcs-flags       threads may be debugged (DBGOPTIN)
    second-image    the loader is to append another file
    oe-honest       Open Enclave, with the symbols that its loader fills in
    oe-symbol       the same, with one of them in the code

Every one of them measures to its ENCLAVEHASH, and is signed with the test key. stdout: MRENCLAVE.
"""

import pathlib
import struct
import sys
import tempfile

import elf
import intel
import mkcontainer
import mkintel
from sgxs import PAGE_LEN, PT_TCS, READ

GLOBAL_SIZE = 1768
# Offsets in it: last_sp of a thread, OENTRY of its TCS, the pages of the first row.
TOLD = {"told-sp": 89, "told-tcs": 304, "told-layout": 356, "told-elrange": 1744, "told-rsrv": 32, "told-tls": 184,
        "told-xsave": 137, "told-later": 644}
# Offsets in a TCS, and what stands there.
MOVED = {"entry": (32, 0x1020), "entry-flags": (32, 0x1020), "tcs-data": (56, -0xA000 % 2**64),
         "tcs-frames": (16, -0xF000 % 2**64),
         "tcs-fs": (48, -0xA000 % 2**64)}


def intel_plan(kind):
    """The mkintel.Plan of one kind."""
    options = mkcontainer.options(["intel", "--out", "-", "--version", "1.5" if kind == "told-heap" else "3.3",
                                   "--data", "0x1000"])
    plan = mkcontainer.plan_intel(options)
    plan.global_data = (plan.segments[2][1] + 0x40, GLOBAL_SIZE)
    heap = next(i for i, row in enumerate(plan.layout) if row[0] == mkintel.ENTRY_HEAP)
    row = list(plan.layout[heap])
    at = where(plan)
    plan.patches.insert(0, (at["data"] + 0x40, bytes(GLOBAL_SIZE)))
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
    elif kind in MOVED:
        evil = bytearray(mkintel.TCS_TEMPLATE)
        struct.pack_into("<Q", evil, *MOVED[kind])
        changes = {mkintel.TCS_TEMPLATE: bytes(evil)}
        if kind == "entry-flags":
            changes[PT_TCS] = PT_TCS | READ
        plan.layout = [tuple(changes.get(part, part) for part in one) for one in plan.layout]
    elif kind == "global-part":
        plan.patches.append((at["data"] + 0x48, bytes(8)))
    elif kind == "tcs-flags":
        debug = bytearray(mkintel.TCS_TEMPLATE)
        debug[8] = 1
        plan.layout = [tuple(bytes(debug) if part == mkintel.TCS_TEMPLATE else part for part in one)
                       for one in plan.layout]
    elif kind == "fill":
        row[1], row[4] = mkintel.ADD_EXTEND, 0x01010101
    elif kind == "flags":
        row[6] = 0x201
    elif kind == "gap":
        plan.layout = [one if i in (heap, 9) else (*one[:3], one[3] + PAGE_LEN, *one[4:])
                       for i, one in enumerate(plan.layout)]
    elif kind == "overlap":
        row[2] += 1
    elif kind == "step":
        plan.layout[9] = (*plan.layout[9][:3], plan.layout[9][3] + PAGE_LEN)
    elif kind == "frames":
        plan.ssaframesize = 2
    elif kind == "thread-part":
        plan.layout[9] = (mkintel.GROUP, 4, plan.layout[9][2], 5 * PAGE_LEN)
    elif kind == "thread-apart":
        thread, last = [list(one) for one in plan.layout[2:9]], list(plan.layout[10])
        thread[2][2] += 1
        plan.layout[9:] = moved([*thread, last], plan.layout[9][3])
    elif kind == "unmeasured-later":
        plan.layout.append((15, mkintel.ADD, 1, plan.layout[10][3] + PAGE_LEN, 0, None, mkintel.REG_RW))
        plan.size *= 2
    elif kind == "rsrv-pieces":
        end = plan.layout[10][3] + PAGE_LEN
        plan.layout += [(20, mkintel.ADD, 1, end, 0, None, mkintel.REG_RW),
                        (mkintel.ENTRY_GUARD, 0, 1, end + PAGE_LEN, 0, None, 0),
                        (21, mkintel.ADD, 1, end + 2 * PAGE_LEN, 0, None, mkintel.REG_RW)]
        plan.size *= 2
    elif kind == "unmeasured":
        plan.layout[8] = (plan.layout[8][0], mkintel.ADD, *plan.layout[8][2:])
    elif kind == "pieces":
        (later, guard) = plan.layout[1:3]
        plan.layout[1] = (guard[0], 0, *later[2:6], 0)
        plan.layout[2] = (later[0], later[1], *guard[2:6], later[6])
    elif kind == "second-image":
        plan.fips = True
    elif kind not in ("honest", "bounds", "no-global", "told-heap", *TOLD):
        raise SystemExit(f"mkdoubt.py: no kind {kind}")
    if kind == "patch-global":
        plan.global_data = (plan.segments[1][1] + 0x100, GLOBAL_SIZE)
    if kind not in MOVED:
        plan.layout[heap] = tuple(row)
    told = bytearray(mkintel.global_data(plan, 0, GLOBAL_SIZE))
    if kind == "bounds":
        struct.pack_into("<Q", told, 8, plan.size << 20)
    if kind == "told-heap":
        (count,) = struct.unpack_from("<I", told, 344)
        struct.pack_into("<I", told, 344, count + 1)
        struct.pack_into("<HHIQIIQ", told, 352 + 32 * count, 3, mkintel.POST_ADD, 0x1000, 0, 0, 0, mkintel.REG_RW)
    if kind in TOLD:
        told[TOLD[kind]] ^= 0x10
    plan.patches[0] = (plan.patches[0][0], bytes(told))
    if kind == "no-global":
        del plan.patches[0]
    return plan


def moved(rows, step):
    """The rows of a thread, `step` bytes further; a row that is larger moves those behind it."""
    at, out = rows[0][3] + step, []
    for row in rows:
        out.append((*row[:3], at, *row[4:]))
        at += row[2] * PAGE_LEN
    return out


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


def append_image(path):
    """The rows of the EXTEND tables are about a second image, and not about FIPS."""
    data = bytearray(pathlib.Path(path).read_bytes())
    for block in intel.blocks(elf.Elf(bytes(data))):
        (at,) = struct.unpack_from("<I", data, block.at + intel.DIRS_AT + 8 * intel.EXTEND)
        struct.pack_into("<I", data, block.at + at, 0x1002)
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
    if kind == "second-image":
        append_image(out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
