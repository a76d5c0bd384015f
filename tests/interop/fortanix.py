"""The stream that Fortanix' elf2sgxs makes of an ELF file of x86_64-fortanix-unknown-sgx.

As strict as ensign: where the tool would write less than it should without a word (a symbol outside of the segments, two
in one place, segments that share a page), or end with a panic, this refuses.
"""

import io
import struct

import elf
import sgxs
from elf import PAGE_LEN, Malformed, page_down, page_up

NOTE = ".note.x86_64-fortanix-unknown-sgx"
NUMBERS = ("HEAP_BASE", "HEAP_SIZE", "RELA", "RELACOUNT", "ENCLAVE_SIZE", "CFGDATA_BASE", "DEBUG",
           "TEXT_BASE", "TEXT_SIZE")
OLD = ("EH_FRM_HDR_BASE", "EH_FRM_HDR_SIZE")
NEW = ("EH_FRM_OFFSET", "EH_FRM_LEN", "EH_FRM_HDR_OFFSET", "EH_FRM_HDR_LEN")
FORBIDDEN = {2, 12, 13, 17, 18, 19, 20, 23, 25, 26, 27, 28, 0x6ffffffa}
DT_RELACOUNT = 0x6ffffff9
DYNSYM, SHT_NOTE, SHT_RELA, R_RELATIVE = 11, 7, 4, 8
GUARD, MAX = 0x10000, 1 << 47
DATA, TCS = 0x203, 0x100


def demand(condition, reason):
    """Malformed with the reason unless the condition holds."""
    if not condition:
        raise Malformed(reason)


def needed(file, name):
    """The section of that name."""
    found = file.section(name)
    demand(found, f"no {name}")
    return found


def symbols(file):
    """{name: (value, size)} of those that are written over, and of sgx_entry."""
    table, names = needed(file, ".dynsym"), file.content(needed(file, ".dynstr"))
    demand(table.kind == DYNSYM and table.entsize == elf.SYM.size, "no .dynsym")
    found, wanted = {}, {"sgx_entry", *NUMBERS, *OLD, *NEW}
    raw = file.content(table)
    for i, (name, _, _, index, value, size) in enumerate(elf.SYM.iter_unpack(raw[:len(raw) // 24 * 24])):
        demand(i == 0 or index, "undefined symbol")
        demand(name < len(names), "a name outside")
        name = names[name:].split(b"\0")[0].decode("latin-1")
        if name in wanted:
            demand(name not in found, f"{name} twice")
            found[name] = (value, size)
    frame = OLD if all(n in found for n in OLD) else NEW
    for name in NUMBERS + frame:
        demand(found.get(name, (0, 0))[1] == (1 if name == "DEBUG" else 8), f"symbol {name}")
    demand("sgx_entry" in found and found["ENCLAVE_SIZE"][0] % 8 == 0, "sgx_entry, ENCLAVE_SIZE")
    return {name: found[name] for name in ("sgx_entry",) + NUMBERS + frame}


def check_note(file):
    """The toolchain's version."""
    note = needed(file, NOTE)
    demand(note.kind == SHT_NOTE and note.size >= 36, "the note")
    sizes, name, version = struct.unpack("<8s4x18s2xI", file.content(note)[:36])
    demand(sizes == struct.pack("<II", 18, 4) and name == b"toolchain-version\0", "the note's name")
    demand(version <= 1, "the toolchain is newer")


def relocations(file, loads):
    """(DT_RELA, DT_RELACOUNT)."""
    table = next((s for s in file.segments if s.kind == elf.PT_DYNAMIC), None)
    demand(table and table.filesz % 16 == 0, "PT_DYNAMIC")
    values = {}
    for tag, value in struct.iter_unpack("<QQ", file.bytes_at(table.offset, table.filesz, "PT_DYNAMIC")):
        demand(tag not in FORBIDDEN, f"entry {tag:#x}")
        if tag in (elf.DT_RELA, DT_RELACOUNT):
            demand(tag not in values, "an entry twice")
            values[tag] = value
    demand(len(values) != 1, "one of DT_RELA and DT_RELACOUNT")
    count = values.get(DT_RELACOUNT, 0)
    found = 0
    for section in file.sections:
        if section.kind != SHT_RELA:
            continue
        demand(section.size % 24 == 0, "half a relocation")
        for offset, info, _ in elf.RELA.iter_unpack(file.content(section)):
            demand(info == R_RELATIVE, "a relocation that is not relative")
            demand(any(s.flags & 2 and s.vaddr <= offset and offset + 8 <= s.vaddr + s.memsz for s in loads),
                   "a relocation outside")
            found += 1
    demand(found == count, "another number of relocations")
    return values.get(elf.DT_RELA, 0), count


def image(file, segment, writes, cut):
    """The pages of a segment."""
    base, end = page_down(segment.vaddr), segment.vaddr + segment.memsz
    out = bytearray(page_up(end) - base)
    at = segment.vaddr - base
    out[at:at + segment.filesz] = file.bytes_at(segment.offset, segment.filesz, "segment")
    for address, value in writes:
        if base <= address < end:
            out[address - base:address - base + len(value)] = value
    if cut is not None and base <= cut < end:
        del out[cut - base:]
        out += bytes(-len(out) % PAGE_LEN)
    return base, out


def write_over(loads, values, no_sgx):
    """[(address, bytes)] and where the segment of .text_no_sgx is cut, or None."""
    writes, cut = [], None

    def home(address, length):
        return next((s for s in loads if page_down(s.vaddr) <= address and
                     address + length <= s.vaddr + s.memsz), None)

    if no_sgx and no_sgx.size:
        inside = home(no_sgx.addr, no_sgx.size)
        if inside and no_sgx.addr + no_sgx.size == inside.vaddr + inside.memsz:
            cut = no_sgx.addr
        else:
            demand(inside, "a section outside of the segments")
            values = values + [(no_sgx.addr, b"\x90" * no_sgx.size)]
    for address, value in values:
        inside = home(address, len(value))
        demand(inside, "a symbol outside of the segments")
        end = inside.vaddr + inside.filesz
        if cut is not None and page_down(inside.vaddr) <= cut < inside.vaddr + inside.memsz:
            end = min(end, cut)
        demand(address + len(value) <= end, "a symbol in zeros")
        demand(all(address + len(value) <= a or a + len(v) <= address for a, v in writes), "symbols overlap")
        writes.append((address, value))
    return writes, cut


def convert(data, heap, stack, threads=1, ssaframesize=1, debug=False, library=False, sized=True):
    """The stream. Raises Malformed."""
    file = elf.Elf(data)
    check_note(file)
    sym = symbols(file)
    loads = file.loads()
    end = 0
    for s in loads:
        demand(page_down(s.vaddr) >= end, "segments share a page")
        demand(page_down(s.vaddr) or not s.flags & 1, "the first page is executable")
        end = page_up(s.vaddr + s.memsz)
    demand(end, "nothing to load")
    rela, count = relocations(file, loads)
    text, frame, header = (needed(file, n) for n in (".text", ".eh_frame", ".eh_frame_hdr"))
    thread = GUARD + stack + (2 + ssaframesize) * PAGE_LEN
    used = end + heap + threads * thread
    demand(used <= MAX, "too large")
    size = 1 << (used - 1).bit_length()
    numbers = {"HEAP_BASE": end, "HEAP_SIZE": heap, "RELA": rela, "RELACOUNT": count,
               "CFGDATA_BASE": used, "DEBUG": int(debug), "TEXT_BASE": text.addr, "TEXT_SIZE": text.size,
               "EH_FRM_HDR_BASE": header.addr, "EH_FRM_HDR_SIZE": header.size,
               "EH_FRM_OFFSET": frame.addr, "EH_FRM_LEN": frame.size,
               "EH_FRM_HDR_OFFSET": header.addr, "EH_FRM_HDR_LEN": header.size}
    if sized:
        numbers["ENCLAVE_SIZE"] = size
    values = [(value, numbers[name].to_bytes(length, "little"))
              for name, (value, length) in sym.items() if name in numbers]
    writes, cut = write_over(loads, values, file.section(".text_no_sgx"))

    stream = io.BytesIO()
    out = elf.Measurement(ssaframesize, size, stream)
    for s in loads:
        base, content = image(file, s, writes, cut)
        for at in range(0, len(content), PAGE_LEN):
            out.page(base + at, elf.secinfo(s.flags), bytes(content[at:at + PAGE_LEN]))
    for at in range(end, end + heap, PAGE_LEN):
        out.page(at, DATA, b"", False)
    for i in range(threads):
        add_thread(out, end + heap + i * thread + GUARD, stack, ssaframesize,
                   int(i > 0 and not library), sym["sgx_entry"][0])
    made = stream.getvalue()
    if not sized:
        made = struct.pack("<8sIQ44x", sgxs.UNSIZED, ssaframesize, sym["ENCLAVE_SIZE"][0]) + made[64:]
    return made


def add_thread(out, at, stack, ssaframesize, secondary, entry):
    """Stack, thread-locals, TCS, SSA."""
    tls = at + stack
    for page in range(at, tls, PAGE_LEN):
        out.page(page, DATA, b"", False)
    out.page(tls, DATA, struct.pack("<QQ4080x", tls, secondary))
    tcs = struct.pack("<QQQIIQQQQII4024x", 0, 0, tls + 2 * PAGE_LEN, 0, 1, entry, 0, tls, tls, 0xfff, 0xfff)
    out.page(tls + PAGE_LEN, TCS, tcs)
    for i in range(ssaframesize):
        out.page(tls + (2 + i) * PAGE_LEN, DATA, b"", False)
