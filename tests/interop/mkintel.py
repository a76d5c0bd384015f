"""Enclaves in the format of the Intel SDK, of every metadata version, laid out here by hand.

The tables are the ones that sgx_sign writes, with other content: a heap, threads that repeat in a
group, guard pages, and patches that hide the section headers from the measurement. A Plan may hold
any other tables too; random_plan makes some that no tool would write.
"""

import dataclasses
import random
import struct

import elf
import intel
import mkelf
import sgx
from elf import page_up
from sgxs import PAGE_LEN, PT_REG, PT_TCS, READ, WRITE

# The first block's version: (descriptor size, blocks in the order of the note).
NOTES = {"1.3": (0x1000, ("1.3",)), "1.4": (0x3000, ("1.4",)), "1.5": (0x6000, ("1.5",)),
         "2.1": (0x3000, ("2.1", "1.4")), "2.2": (0x5000, ("2.2", "2.1", "1.4")),
         "2.3": (0x5000, ("2.3", "2.1", "1.4")), "2.4": (0x5000, ("2.4", "2.1", "1.4")),
         "3.0": (0x5000, ("3.0", "1.4")), "3.1": (0x5000, ("3.1", "1.4")),
         "3.2": (0x6000, ("3.2", "1.5")), "3.3": (0x6000, ("3.3", "1.5")),
         "12.4": (0x5000, ("12.4", "11.4")), "13.0": (0x5000, ("13.0", "11.4")),
         "13.1": (0x5000, ("13.1", "11.4")), "13.2": (0x6000, ("13.2", "11.5")),
         "13.3": (0x6000, ("13.3", "11.5"))}
FOUR_DIRS = ("1.5", "3.2", "3.3", "11.5", "13.2", "13.3")
ENTRY_HEAP, ENTRY_RESERVED, ENTRY_TCS, ENTRY_TD, ENTRY_SSA = 1, 3, 4, 5, 6
ENTRY_STACK, ENTRY_GUARD, GROUP = 8, 10, 0x1009
ADD, ADD_EXTEND, POST_ADD = 1, 3, 8
REG_RW, STACK_WORD = PT_REG | READ | WRITE, 0xCCCCCCCC
HEADERS_END = 0x300                     # room for the ELF header and the program headers
TCS_TEMPLATE = struct.pack("<QQQIIQQQQII", 0, 0, 0x1000, 0, 2, 0x1000, 0, 0x4000, 0x4000,
                           0xFFFFFFFF, 0xFFFFFFFF)


@dataclasses.dataclass
class Plan:
    """An enclave before its tables are packed. segments: [(flags, vaddr, content, memsz)], the
    first at 0 with room for the headers; names: [(section, its segment, offset, size)]; layout:
    [(id, attributes, pages, rva, word, content or None, flags)] and groups [(GROUP, count, times,
    step)]; patches: [(file offset, bytes)]; relocations: ([rela], [plt rela]) for DT_TEXTREL;
    overwrite: [(segment, offset, bytes)] after everything else; global_data: (address, size) of the
    symbol g_global_data; note_segment: a program header names the note, too."""
    version: str
    segments: list
    layout: list
    size: int
    names: list = dataclasses.field(default_factory=list)
    patches: list = dataclasses.field(default_factory=list)
    relocations: tuple = None
    ssaframesize: int = 1
    elrange: tuple = None
    fips: bool = False
    alone: bool = False
    overwrite: list = dataclasses.field(default_factory=list)
    global_data: tuple = None
    note_segment: bool = False


def write(plan, path, signed=True):
    """Writes the enclave with empty SIGSTRUCTs; without any metadata if it is not to be signed."""
    image, offset = mkelf.Image(), 0
    tables = _dynamic_part(plan)
    loads = []
    for i, (flags, vaddr, content, memsz) in enumerate(plan.segments):
        if i == 0:
            length = HEADERS_END + sum(len(raw) for *_, raw in tables) + len(content)
            memsz = max(memsz, length)
        else:
            offset, length = page_up(offset) + vaddr % PAGE_LEN, len(content)
        loads.append((flags, offset, vaddr, length, memsz))
        offset += length
    for flags, offset, vaddr, length, memsz in loads:
        image.segment(elf.PT_LOAD, flags, offset, vaddr, length, memsz)
    inner = _put_dynamic(image, tables)
    for i, (_, offset, vaddr, _, _) in enumerate(loads):
        image.put(offset + (inner if i == 0 else 0), plan.segments[i][2])
    for name, i, at, size in plan.names:
        flags, offset, vaddr = loads[i][:3]
        at += inner if i == 0 else 0
        image.section(name, mkelf.PROGBITS, mkelf.loaded(flags), vaddr + at, offset + at, size,
                      align=16)
    for i, at, raw in plan.overwrite:
        image.put(loads[i][1] + (inner if i == 0 else 0) + at, raw)
    _put_note(image, plan, signed)
    image.save(path)


def _dynamic_part(plan):
    """[(section, kind, entsize, bytes)] that lie behind the headers in the first segment."""
    relocs = plan.relocations
    if relocs is None:
        rows = []
    else:
        rows = [(".rela.dyn", mkelf.RELA, elf.RELA.size, b"".join(relocs[0])),
                (".rela.plt", mkelf.RELA, elf.RELA.size, b"".join(relocs[1]))]
    strings, _ = mkelf.strings(["enclave_entry"] + ["g_global_data"] * bool(plan.global_data))
    symbols = elf.SYM.pack(0, 0, 0, 0, 0, 0) + mkelf.symbol(1, 0x1000)
    if plan.global_data:
        symbols += elf.SYM.pack(15, 0x11, 0, 1, *plan.global_data)
    rows = [(".dynsym", mkelf.DYNSYM, elf.SYM.size, symbols),
            (".dynstr", mkelf.STRTAB, 0, strings.ljust(len(strings) + 15 & ~15, b"\0"))] + rows
    at, tags = HEADERS_END, []
    for name, _, _, raw in rows:
        if name == ".rela.dyn" and raw:
            tags += [(elf.DT_RELA, at), (elf.DT_RELASZ, len(raw)), (elf.DT_RELAENT, 24)]
        if name == ".rela.plt" and raw:
            tags += [(elf.DT_JMPREL, at), (elf.DT_PLTRELSZ, len(raw))]
        at += len(raw)
    if relocs is not None:
        tags.append((elf.DT_TEXTREL, 0))
    tags += [(5, HEADERS_END + len(symbols)), (6, HEADERS_END)]     # DT_STRTAB, DT_SYMTAB
    return rows + [(".dynamic", mkelf.DYNAMIC, elf.DYN.size, mkelf.dynamic(tags))]


def _put_dynamic(image, tables):
    at = HEADERS_END
    for name, kind, entsize, raw in tables:
        if raw:
            image.put(at, raw)
            link = ".dynstr" if name in (".dynsym", ".dynamic") else ".dynsym" * (".rela" in name)
            image.section(name, kind, mkelf.SHF_ALLOC, at, at, len(raw), link, 8, entsize)
        if name == ".dynamic":
            image.segment(elf.PT_DYNAMIC, 4, at, at, len(raw), len(raw), 8)
        at += len(raw)
    return at


def _put_note(image, plan, signed):
    descsz, versions = NOTES[plan.version]
    blocks = b"".join(pack(plan, version) for version in versions[:1 if plan.alone else None])
    if len(blocks) > descsz:
        raise ValueError(f"{len(blocks)} bytes of metadata do not fit into {descsz}")
    at = image.end + 15 & ~15
    note = struct.pack("<III", len(intel.NOTE_NAME), descsz, 1) + intel.NOTE_NAME
    note += (blocks if signed else b"").ljust(descsz, b"\0")
    note = note.ljust(len(note) + 3 & ~3, b"\0")
    image.put(at, note)
    if plan.note_segment:
        image.segment(elf.PT_NOTE, 4, at, 0, len(note), len(note), 4)
    image.section(intel.SECTION, mkelf.NOTE, 0, 0, at, len(note), align=4)


def pack(plan, version):
    """One metadata block with an empty SIGSTRUCT."""
    four = version in FOUR_DIRS
    head_len = intel.DIRS_AT + (32 if four else 24 if plan.elrange else 16)
    body, where = bytearray(), {}

    def add(raw):
        at = head_len + len(body)
        body.extend(raw + bytes(-len(raw) % 8))
        return at

    contents = [patch for _, patch in plan.patches] + [
        entry[5] for entry in plan.layout if entry[0] != GROUP and entry[5]]
    for raw in contents:
        where.setdefault(raw, None)
    for raw in where:
        where[raw] = add(raw)
    dirs = []
    patches = b"".join(intel.PATCH_ENTRY.pack(to, where[raw], len(raw)) for to, raw in plan.patches)
    dirs.append((add(patches), len(patches)))
    layout = b"".join(_pack_entry(entry, where, version) for entry in plan.layout)
    dirs.append((add(layout), len(layout)))
    if four or plan.elrange:
        dirs.append((add(struct.pack("<QQQ", *plan.elrange)), 24) if plan.elrange else (0, 0))
    if four:
        dirs.append(_add_fips(add, head_len + len(body)) if plan.fips else (0, 0))
    major, minor = (int(part) for part in version.split("."))
    head = struct.pack("<8sIIIIIIIIQQQ", intel.MAGIC, minor, major, head_len + len(body), 1,
                       plan.ssaframesize, 0x340, 0, 1, plan.size, sgx.ATTR_MODE64BIT, 0xE7)
    head += bytes(sgx.SIGSTRUCT_LEN) + b"".join(struct.pack("<II", *d) for d in dirs)
    return head.ljust(head_len, b"\0") + bytes(body)


def _pack_entry(entry, where, version):
    if entry[0] == GROUP:
        return intel.GROUP_ENTRY.pack(*entry)
    kind, attributes, pages, rva, word, content, flags = entry
    if kind == ENTRY_RESERVED and version.split(".")[0] in ("1", "11"):
        attributes, flags = 0, 0            # SGX1 cannot add pages later
    size, offset = (len(content), where[content]) if content else (word, 0)
    return intel.LAYOUT_ENTRY.pack(kind, attributes, pages, rva, size, offset, flags)


def _add_fips(add, at):
    """An empty FIPS block and its entry."""
    entry = intel.EXTEND_ENTRY.pack(intel.FIPS_ID, intel.FIPS_LEN, at + intel.EXTEND_ENTRY.size)
    add(entry + bytes(intel.FIPS_LEN))
    return at, len(entry)


def section_patches():
    """What every sgx_sign does: the fields of the section headers are measured as zero."""
    return [(40, bytes(8)), (60, bytes(2)), (62, bytes(2))]


def threads_layout(at, heap, stack, threads, td_flags=REG_RW, extra_page=False):
    """(layout, end): what sgx_sign writes for one heap and any number of equal threads, from the
    address `at` on. heap, stack in pages."""
    out = [(ENTRY_HEAP, ADD, heap, at, 0, None, REG_RW)] if heap else []
    at += heap * PAGE_LEN
    out.append((ENTRY_RESERVED, POST_ADD, 4, at, 0, None, REG_RW))
    at += 4 * PAGE_LEN
    start = at
    for kind, attributes, pages, word, content, flags in (
            (ENTRY_GUARD, 0, 1, 0, None, 0),
            (ENTRY_STACK, ADD_EXTEND, stack, STACK_WORD, None, REG_RW),
            (ENTRY_GUARD, 0, 1, 0, None, 0), (ENTRY_TCS, ADD_EXTEND, 1, 0, TCS_TEMPLATE, PT_TCS),
            (ENTRY_SSA, ADD_EXTEND, 2, 0, None, REG_RW), (ENTRY_GUARD, 0, 1, 0, None, 0),
            (ENTRY_TD, ADD_EXTEND, 1, 0, None, td_flags)):
        out.append((kind, attributes, pages, at, word, content, flags))
        at += pages * PAGE_LEN
    if threads > 1:
        out.append((GROUP, 7, threads - 1, at - start))
        at += (threads - 1) * (at - start)
    out.append((ENTRY_GUARD, 0, 1, at, 0, None, 0))
    at += PAGE_LEN
    if extra_page:
        out.append((ENTRY_TD, ADD_EXTEND, 1, at, 0, None, REG_RW))
    return out, at + PAGE_LEN


def global_data(plan, at, size=1768):
    """What sgx_sign tells trusted code of an enclave of threads_layout: global_data_t of SDK 2.26.
    It is the plan's patch number `at`, where so many other bytes stand so far."""
    rows = {}
    for row in plan.layout:
        if row[0] != GROUP:
            rows.setdefault(row[0], row)
    heap, stack, tcs = rows[ENTRY_HEAP], rows[ENTRY_STACK], rows[ENTRY_TCS]

    def end(row):
        return row[3] + row[2] * PAGE_LEN - tcs[3]

    head = struct.pack("<QQQQ", 0, plan.size, heap[3], heap[2] * PAGE_LEN).ljust(80, b"\0")
    ssa, data = rows[ENTRY_SSA][3] - tcs[3], end(rows[ENTRY_TD]) - PAGE_LEN
    thread = struct.pack("<15q", data, end(stack), end(stack), end(stack) - stack[2] * PAGE_LEN,
                         ssa + plan.ssaframesize * PAGE_LEN - 184, 0, 0, 576, 0, 0, 0, ssa, 0,
                         rows[ENTRY_TD][3] - tcs[3], data + 104)
    plan.patches[at] = (plan.patches[at][0], b"\1" * size)
    block = pack(plan, plan.version)
    (start, length) = struct.unpack_from("<II", block, intel.DIRS_AT + 8)
    table = block[start:start + length]
    return (head + thread.ljust(192, b"\0") + tcs[5] + struct.pack("<II", len(plan.layout), 0)
            + table).ljust(size, b"\0")


def power_of_two(value):
    """The next power of two."""
    return 1 << (value - 1).bit_length()


def random_plan(seed):
    """A valid enclave with tables that nobody chose: segments, patches over one another, groups of
    any entries, text relocations, every version."""
    dice = random.Random(f"intel {seed}")
    version = dice.choice(sorted(NOTES))
    segments, at = _random_segments(dice, seed)
    layout, end = _random_layout(dice, at)
    size = power_of_two(end) << dice.randrange(2)
    plan = Plan(version, segments, layout, size, ssaframesize=dice.randint(1, 3),
                fips=NOTES[version][1][-1] in FOUR_DIRS and dice.random() < 0.3,
                alone=dice.random() < 0.2)
    if int(version.split(".")[0]) >= 10:
        delta = dice.randrange(64) * PAGE_LEN
        plan.elrange = (delta, 0, power_of_two(size + delta))
    plan.patches = section_patches()[:dice.randrange(4)]
    for _ in range(dice.randrange(5)):
        plan.patches.append((HEADERS_END + 0x200 + dice.randrange(0x800),
                             dice.randbytes(dice.randint(1, 40))))
    if dice.random() < 0.4:
        places = [segment[1] + dice.randrange(max(segment[3], 1))
                  for segment in segments for _ in range(3)] + [segments[-1][1] | 0xFFC]
        limit = segments[-1][1] + segments[-1][3] - 8
        relocs = [mkelf.rela(max(min(place, limit), 0), dice.choice((0, 8, 8)), 0, 16)
                  for place in places]
        cut = dice.randrange(len(relocs))
        plan.relocations = (relocs[:cut], relocs[cut:])
    return plan


def _random_segments(dice, seed):
    segments, at = [], 0
    for i in range(dice.randint(1, 5)):
        length = dice.randrange(5 * PAGE_LEN) if i else 0xC00 + dice.randrange(3 * PAGE_LEN)
        memsz = max(length + dice.choice((0, 0, dice.randrange(3 * PAGE_LEN))), 1)
        vaddr = page_up(at) + (dice.randrange(3) * PAGE_LEN + dice.choice(
            (0, 0x10 * dice.randrange(256))) if i else 0)
        if not length:
            vaddr = elf.page_down(vaddr)
        if i == 0:
            memsz += 0x800              # the headers and tables lie in the first one too
        segments.append((dice.choice((4, 5, 6, 7)), vaddr,
                         mkelf.Seeded(f"{seed} {i}", length), memsz))
        at = vaddr + memsz
    return segments, page_up(at) + PAGE_LEN     # 1.3 may add a spare page


def _random_layout(dice, at):
    out, members = [], 0
    data = [dice.randbytes(dice.randint(1, 60)) for _ in range(3)]
    first = at
    for _ in range(dice.randint(1, 12)):
        if not members:
            first = at
        kind = dice.randrange(7)
        pages = 1 if kind == 5 else dice.randint(1, 4)
        attributes, word, content, flags = (
            (ADD, 0, None, REG_RW), (POST_ADD, 0, None, REG_RW), (0, 0, None, 0),
            (ADD_EXTEND, STACK_WORD, None, REG_RW), (ADD_EXTEND, 0, None, PT_REG | READ),
            (ADD_EXTEND, 0, TCS_TEMPLATE, PT_TCS),
            (ADD_EXTEND, 0, dice.choice(data), PT_REG | dice.choice((1, 3, 5))))[kind]
        out.append((ENTRY_TD, attributes, pages, at, word, content, flags))
        members += 1
        at += (pages + dice.choice((0, 0, 1))) * PAGE_LEN
        if dice.random() < 0.25:
            count, times = dice.randint(1, members), dice.randint(1, 5)
            first = out[-count][3]
            out.append((GROUP, count, times, at - first))
            at += times * (at - first)
            members = 0
    return out, at
