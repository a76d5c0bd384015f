"""Enclaves in the format of Open Enclave, of every layout of .oeinfo, laid out here by hand.

Beside code and data an image may hold what its loader looks at: thread-local sections, the
runtime's variables as symbols, and relocations, those of thread-locals among them.
"""

import dataclasses
import random
import struct

import elf
import mkelf
import oe
import sgx
from elf import page_up
from sgxs import PAGE_LEN

SIZES = {"0.4": 1856, "0.5": 1920, "0.13": 1952, "0.17": 1952, "0.19": 1960}
SYMBOLS = ("_enclave_rva", "_reloc_rva", "_reloc_size", "_tdata_rva", "_tdata_size", "_tdata_align",
           "_tbss_size", "_tbss_align", "_td_from_tcs_offset")
R_RELATIVE = 8
HEADERS_END = 0x300                     # room for the ELF header and the program headers
DATA_HEAD = 8 * len(SYMBOLS)            # the variables lie at the start of .data


@dataclasses.dataclass
class Plan:
    """An enclave before it is written. Sizes in bytes, heap and stack in pages. tdata, tbss:
    (size, alignment); symbols: whether .dynsym names what the loader sets; relocations: a count,
    every third of them a thread-local; start: the address of a zero-base enclave or None; layout:
    of oe.LAYOUTS, for whose loader the image is; overwrite: [(section, offset, bytes)] after
    everything else; symbols_in_text: they name places of the code."""
    version: str = "0.19"
    layout: str = "0.16-0.19"
    rodata: object = mkelf.Zeros(0x400)
    text: object = mkelf.Zeros(0x800)
    data: object = mkelf.Zeros(0x200)
    bss: int = 0x1800
    heap: int = 8
    stack: int = 4
    threads: int = 2
    tdata: tuple = (0, 8)
    tbss: tuple = (0, 8)
    symbols: bool = False
    relocations: int = 0
    start: int = None
    isvprodid: int = 1
    isvsvn: int = 2
    overwrite: list = dataclasses.field(default_factory=list)
    symbols_in_text: bool = False


def properties(plan):
    """The structure in .oeinfo with an empty SIGSTRUCT."""
    size = SIZES[plan.version]
    sig, ids, start = oe.SIZES[size]
    out = bytearray(size)
    struct.pack_into("<IIQQQ", out, 0, size, oe.SGX, plan.heap, plan.stack, plan.threads)
    flags = 0 if plan.start is None or not start else oe.ZERO_BASE
    struct.pack_into("<HHI", out, 32, plan.isvprodid, plan.isvsvn, flags)
    struct.pack_into("<Q", out, 72 if ids else 40, sgx.ATTR_MODE64BIT)
    if flags:
        struct.pack_into("<Q", out, start, plan.start)
    if sig != 48:
        struct.pack_into("<Q", out, size - 8, oe.END_MARKER)
    return bytes(out)


def write(plan, path):
    """Writes the enclave, unsigned."""
    image = mkelf.Image()
    at = _read_only(image, plan)
    text_at = page_up(at)
    image.entry = text_at
    _load(image, 5, text_at, text_at, len(plan.text), len(plan.text))
    _section(image, ".text", 5, text_at, text_at, plan.text)
    info_at = page_up(text_at + len(plan.text)) + 0x200
    info = properties(plan)
    _load(image, 4, info_at, info_at + PAGE_LEN, len(info), len(info))
    _section(image, oe.SECTION, 4, info_at + PAGE_LEN, info_at, info)
    _writable(image, plan, page_up(info_at + len(info)))
    if plan.symbols and oe.LAYOUTS[plan.layout].symbols == ".symtab":
        _symtab(image, plan, at)
    for name, offset, raw in plan.overwrite:
        image.put({".rodata": at - len(plan.rodata), ".text": text_at, oe.SECTION: info_at}[name]
                  + offset, raw)
    image.save(path)


def _read_only(image, plan):
    """Headers, tables and .rodata, at the same offsets in file and memory; returns the end."""
    how = oe.LAYOUTS[plan.layout]
    number = len(SYMBOLS) if plan.symbols and how.symbols == ".dynsym" else 0
    names, where = mkelf.strings(SYMBOLS[:number] + ("local",))
    dynsym_len = elf.SYM.size * (number + 2)
    at = HEADERS_END
    tables = [(".dynsym", mkelf.DYNSYM, dynsym_len), (".dynstr", mkelf.STRTAB, page_up(len(names))),
              (".rela.dyn", mkelf.RELA, elf.RELA.size * plan.relocations)]
    offsets = {}
    for name, kind, length in tables:
        if not (plan.symbols or plan.relocations) or not length:
            continue
        link = {".dynsym": ".dynstr", ".rela.dyn": ".dynsym"}.get(name, "")
        entsize = {".dynsym": elf.SYM.size, ".rela.dyn": elf.RELA.size}.get(name, 0)
        image.section(name, kind, mkelf.SHF_ALLOC, at, at, length, link, 8, entsize)
        offsets[name] = at
        at += length
    rodata_at = at + 63 & ~63
    end = rodata_at + len(plan.rodata)
    _load(image, 4, 0, 0, end, end)
    _section(image, ".rodata", 4, rodata_at, rodata_at, plan.rodata)
    data_va = _data_address(plan, end)
    named_va = page_up(end) if plan.symbols_in_text else data_va
    if ".dynsym" in offsets:
        symbols = elf.SYM.pack(0, 0, 0, 0, 0, 0)
        symbols += b"".join(mkelf.symbol(where[name], named_va + 8 * i)
                            for i, name in enumerate(SYMBOLS[:number]))
        symbols += mkelf.symbol(where["local"], (1 << 64) - 24)
        image.put(offsets[".dynsym"], symbols)
        image.put(offsets[".dynstr"], names.ljust(page_up(len(names)), b"\0"))
    if ".rela.dyn" in offsets:
        image.put(offsets[".rela.dyn"], b"".join(
            mkelf.rela(data_va + 8 * i, elf.R_TPOFF64, number + 1) if i % 3 == 2 else
            mkelf.rela(data_va + 8 * i, R_RELATIVE, 0, 0x1000 + i)
            for i in range(plan.relocations)))
    return end


def _data_address(plan, end):
    """Where .data is loaded; _writable puts it there."""
    info_at = page_up(page_up(end) + len(plan.text)) + 0x200
    at = page_up(info_at + len(properties(plan))) + 2 * PAGE_LEN
    align = max(plan.tdata[1], 8)
    return at + -(-plan.tdata[0] // align) * align


def _writable(image, plan, offset):
    """.tdata, .data, .tbss and .bss."""
    va = offset + 2 * PAGE_LEN
    align = max(plan.tdata[1], 8)
    room = -(-plan.tdata[0] // align) * align
    size = room + DATA_HEAD + len(plan.data)
    _load(image, 6, offset, va, size, size + plan.bss)
    flags = mkelf.loaded(6)
    if plan.tdata[0]:
        image.put(offset, mkelf.Seeded("tdata", plan.tdata[0]))
        image.section(".tdata", mkelf.PROGBITS, mkelf.SHF_TLS | flags, va, offset, plan.tdata[0],
                      align=plan.tdata[1])
    if plan.tbss[0]:
        image.section(".tbss", mkelf.NOBITS, mkelf.SHF_TLS | flags, va + room, offset + room,
                      plan.tbss[0], align=plan.tbss[1])
    image.put(offset + room + DATA_HEAD, plan.data)
    image.section(".data", mkelf.PROGBITS, flags, va + room, offset + room, size - room, align=8)
    image.section(".bss", mkelf.NOBITS, flags, va + size, offset + size, plan.bss, align=8)


def _symtab(image, plan, end):
    """What is not loaded: the symbols that older loaders look at."""
    known = [name for name in SYMBOLS if name != oe.TLS_SYMBOL]
    names, where = mkelf.strings(known)
    symbols = elf.SYM.pack(0, 0, 0, 0, 0, 0)
    symbols += b"".join(mkelf.symbol(where[name], _data_address(plan, end) + 8 * i)
                        for i, name in enumerate(known))
    for name, kind, raw, link, entsize in ((".strtab", mkelf.STRTAB, names, "", 0),
                                           (".symtab", mkelf.SYMTAB, symbols, ".strtab",
                                            elf.SYM.size)):
        at = image.end + 7 & ~7
        image.put(at, raw)
        image.section(name, kind, 0, 0, at, len(raw), link, 8, entsize)


def _load(image, flags, offset, vaddr, filesz, memsz):
    image.segment(elf.PT_LOAD, flags, offset, vaddr, filesz, memsz)


def _section(image, name, flags, vaddr, offset, content):
    image.put(offset, content)
    image.section(name, mkelf.PROGBITS, mkelf.loaded(flags), vaddr, offset, len(content), align=16)


def random_plan(seed):
    """A valid enclave with sizes that nobody chose."""
    dice = random.Random(f"oe {seed}")

    def content(name, limit):
        return mkelf.Seeded(f"{seed} {name}", dice.randint(1, limit))

    version = dice.choice(sorted(SIZES.keys() - {"0.4"}))
    layout = dice.choice(sorted(oe.BY_SIZE[SIZES[version]]))
    tls = [(dice.choice((0, dice.randrange(9000))), 1 << dice.randrange(7)) for _ in range(2)]
    if layout == "0.11":                # whose loader reckons with one page
        tls = [(size % 1900, align) for size, align in tls]
    return Plan(version, layout, content("rodata", 20000), content("text", 20000),
                content("data", 9000), dice.randrange(9000), dice.randrange(20),
                dice.randrange(1, 9), dice.randint(1, 9), *tls,
                version != "0.19" or dice.random() < 0.7,
                dice.choice((0, dice.randrange(400))),
                dice.choice((None, None, 0x10000 * dice.randint(1, 50))))
