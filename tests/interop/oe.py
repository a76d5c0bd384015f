"""Enclaves of Open Enclave: the properties in .oeinfo, and what the loader measures.

.oeinfo is part of the image. To measure, the loader zeroes the SIGSTRUCT in it and fills in
image_info; then it adds the segments, the relocations, the heap and what each thread needs. The
structure's size tells its own layout, but not the one version that the image is for, and the
loaders behind one size differ. `candidates` has the results of all of them: a SIGSTRUCT is good for
its file if one is ENCLAVEHASH, which nothing else can reach by chance.

Sources: openenclave's host/sgx/create.c, loadelf.c, sgxload.c and elf.c of several versions, and
its pull requests 3339, 3359 and 3596 (pages for the TLS, dynamic symbols, their size).
"""

import dataclasses
import struct

import elf
import sgx
from elf import Malformed, page_down, page_up
from sgxs import PAGE_LEN, PT_REG, PT_TCS, READ, WRITE

SECTION, SGX, END_MARKER = ".oeinfo", 2, 0xECECECECECECECEC
STACK_FILL = b"\xcc" * PAGE_LEN
GUARD, CONTROL, THREAD_DATA = 1, 4, 1   # pages; control: the TCS, two SSA frames, one guard page
SSAFRAMESIZE, NSSA = 1, 2
EGO_SIZE, EGO_PAYLOAD_AT = 0x1000, 2048
MAX_IMAGE = 1 << 31                     # bytes; the image is held in memory

# Structure size: (SIGSTRUCT, ISVFAMILYID and ISVEXTPRODID or None, start_address or None).
SIZES = {1856: (48, None, None), 1920: (104, None, None), 1952: (136, 40, None),
         1960: (144, 40, 88)}
IMAGE_INFO_LEN = 48                     # in front of the SIGSTRUCT, from 1920 on
SYMBOL_TABLES = {".dynsym": ".dynstr", ".symtab": ".strtab"}
ZERO_BASE = 1 << 1                      # a bit of the flags at 36, where there is a start address


@dataclasses.dataclass(frozen=True)
class Layout:
    """How one range of versions lays an image out. tls: as many pages as the TLS needs (else one);
    counted: the size reckons with these pages (else with one); gs: the pages from the TCS to GS
    where FS is one further on, None for both alike; whole_size: image_info has the enclave's size
    and not its end; bare_header: section fields of the ELF header are zeroed; symbols: the table
    in which the loader looks for what it patches; plt: .rela.plt is loaded too."""
    tls: bool = True
    counted: bool = True
    gs: int = None
    whole_size: bool = True
    bare_header: bool = False
    symbols: str = ".dynsym"
    plt: bool = True


LAYOUTS = {
    "0.5-0.7": Layout(tls=False, gs=4, whole_size=False, bare_header=True, symbols=".symtab",
                      plt=False),
    "0.8-0.9": Layout(tls=False, whole_size=False, bare_header=True, symbols=".symtab", plt=False),
    "0.10": Layout(tls=False, bare_header=True, symbols=".symtab", plt=False),
    "0.11": Layout(counted=False, bare_header=True, plt=False),
    "0.12-0.15": Layout(bare_header=True, plt=False),
    "0.16-0.19": Layout(),
}
# The structure's size: its layouts, the likeliest first.
BY_SIZE = {1960: ("0.16-0.19",), 1952: ("0.16-0.19", "0.12-0.15"),
           1920: ("0.10", "0.8-0.9", "0.5-0.7", "0.11", "0.12-0.15")}
TLS_SYMBOL = "_td_from_tcs_offset"      # in a runtime for a loader with as many pages as it takes


class Properties:
    """What .oeinfo says. at: the file offset of the structure; rva: where it is loaded;
    heap, stack (for one thread) in pages; tcs: a count."""

    def __init__(self, file):
        section = file.section(SECTION)
        if section is None:
            raise Malformed(f"there is no section {SECTION}")
        self.at, self.rva = section.offset, section.addr
        raw = file.content(section)
        if len(raw) < 4:
            raise Malformed(f"{SECTION} is empty")
        (self.size,) = struct.unpack_from("<I", raw)
        if self.size not in SIZES or self.size > len(raw):
            raise Malformed(f"{SECTION}: a structure of {self.size} bytes in {len(raw)} is not "
                            "known")
        kind, self.heap, self.stack, self.tcs = struct.unpack_from("<IQQQ", raw, 4)
        if kind != SGX:
            raise Malformed(f"{SECTION}: enclave type {kind} is not SGX")
        sig, ids, start = SIZES[self.size]
        if self.size != 1856 and struct.unpack_from("<Q", raw, self.size - 8)[0] != END_MARKER:
            raise Malformed(f"{SECTION}: the end marker is not there")
        self.sigstruct_at = self.at + sig
        self.sigstruct = raw[sig:sig + sgx.SIGSTRUCT_LEN]
        self.isvprodid, self.isvsvn, self.flags = struct.unpack_from("<HHI", raw, 32)
        self.isvfamilyid = raw[ids:ids + 16] if ids else None
        self.isvextprodid = raw[ids + 16:ids + 32] if ids else None
        self.start = 0
        if start and self.flags & ZERO_BASE:
            (self.start,) = struct.unpack_from("<Q", raw, start)
        self.sig_in, self.ego = sig, self._is_ego(file, raw)
        if not any(s.offset <= self.at and self.at + self.size <= s.offset + s.filesz
                   and self.rva - s.vaddr == self.at - s.offset for s in file.loads()):
            raise Malformed(f"{SECTION} is not in a loaded segment")

    @staticmethod
    def _is_ego(file, raw):
        """EGo keeps behind the structure where its configuration is, at the end of the file."""
        if len(raw) != EGO_SIZE:
            return False
        offset, size = struct.unpack_from("<QQ", raw, EGO_PAYLOAD_AT)
        return offset != 0 and size != 0 and offset + size <= len(file.data)


def judge_config(properties):
    """Where the SIGSTRUCT contradicts what is measured beside it: texts, none of them fatal."""
    f, out = sgx.parse(properties.sigstruct), []
    for name in ("isvprodid", "isvsvn", "isvfamilyid", "isvextprodid"):
        said = getattr(properties, name)
        if said is not None and said != f[name]:
            out.append(f"{name} is another one in {SECTION}")
    return out


def measure(file, stream=None, layout=None):
    """MRENCLAVE in hex of an Elf, under the named layout; else under the one whose result is
    ENCLAVEHASH, or the likeliest where there is none."""
    properties = Properties(file)
    if layout is None:
        found = candidates(file)
        layout = next((name for name, value in found.items()
                       if value == properties.sigstruct[960:992].hex()), next(iter(found)))
    return _Walk(file, properties, layout, stream).run()


def candidates(file):
    """{layout: MRENCLAVE} for every layout that the structure's size allows and that can be laid
    out, the likeliest first. Raises Malformed if none can."""
    properties = Properties(file)
    if properties.size not in BY_SIZE:
        raise Malformed("the layout of Open Enclave 0.4 is not known")
    names = BY_SIZE[properties.size]
    told = any(name == TLS_SYMBOL for table, strings in SYMBOL_TABLES.items()
               for name, _ in file.symbols(table, strings))
    names = sorted(names, key=lambda name: LAYOUTS[name].tls != told) if told else names
    out, faults = {}, []
    for name in names:
        try:
            out[name] = _Walk(file, properties, name, None).run()
        except Malformed as e:
            faults.append(e)
    if not out:
        raise faults[0]
    return out


class _Walk:
    """The loader's work for one image."""

    def __init__(self, file, properties, layout, stream):
        if properties.ego:
            raise Malformed("EGo: MRENCLAVE needs the ego-enclave image as well")
        tags = file.dynamic()
        if elf.DT_NEEDED in tags:
            raise Malformed("the enclave needs another module, which is measured with it")
        self.file, self.p, self.how = file, properties, LAYOUTS[layout]
        self.loads = self.segments()
        self.relocations = self.load_relocations()
        self.image_size = page_up(max(s.vaddr + s.memsz for s in self.loads))
        if self.image_size > MAX_IMAGE:
            raise Malformed(f"an image of {self.image_size:#x} bytes is too large")
        self.tls_pages = self.count_tls() if self.how.tls else 1
        self.heap_rva = self.image_size + page_up(len(self.relocations))
        thread = (2 * GUARD + properties.stack + CONTROL + THREAD_DATA
                  + (self.tls_pages if self.how.counted else 1))
        self.end = self.heap_rva + PAGE_LEN * (properties.heap + properties.tcs * thread)
        if self.end > elf.MAX_ENCLAVE:
            raise Malformed(f"an enclave of {self.end:#x} bytes is too large")
        self.image = self.patched()
        size = _power_of_two(self.end + properties.start)
        self.out = elf.Measurement(SSAFRAMESIZE, size, stream)

    def segments(self):
        loads = self.file.loads()
        if not loads or loads[0].vaddr != 0:
            raise Malformed("no segment is loaded at 0")
        for one, following in zip(loads, loads[1:]):
            if one.vaddr + one.memsz > page_down(following.vaddr):
                raise Malformed(f"the segments at {one.vaddr:#x} and {following.vaddr:#x} overlap "
                                "or are not in order")
        return loads

    def load_relocations(self):
        """.rela.dyn and .rela.plt; where a thread-local is meant, its offset is the addend."""
        dyn = self.table(".rela.dyn")
        if dyn is None:
            return b""
        plt = self.table(".rela.plt") if self.how.plt else b""
        values = [value for _, value in self.file.symbols(".dynsym", ".dynstr")]
        out = b""
        for offset, info, addend in elf.RELA.iter_unpack(dyn + (plt or b"")):
            if info & 0xFFFFFFFF == elf.R_TPOFF64:
                if info >> 32 >= len(values):
                    raise Malformed(f"the relocation of {offset:#x} has no symbol")
                addend = struct.unpack("<q", struct.pack("<Q", values[info >> 32]))[0]
            out += elf.RELA.pack(offset, info, addend)
        return out

    def table(self, name):
        section = self.file.section(name)
        if section is None:
            return None
        if section.entsize != elf.RELA.size or section.size % elf.RELA.size:
            raise Malformed(f"{name} holds no whole entries")
        return self.file.content(section)

    def count_tls(self):
        size = 0
        for name in (".tdata", ".tbss"):
            section = self.file.section(name)
            if section is not None and section.size:
                if section.align == 0 or section.size > elf.MAX_ENCLAVE:
                    raise Malformed(f"{name} has alignment {section.align}, size {section.size:#x}")
                size += -(-section.size // section.align) * section.align
        return page_up(size) // PAGE_LEN

    def patched(self):
        """The image in memory, as the loader changes it."""
        image = bytearray(self.image_size)
        for s in self.loads:
            image[s.vaddr:s.vaddr + s.filesz] = self.file.data[s.offset:s.offset + s.filesz]
        if self.how.bare_header:
            image[40:48], image[60:64] = bytes(8), bytes(4)     # e_shoff; e_shnum, e_shstrndx
        p, reloc_size = self.p, page_up(len(self.relocations))
        size = _power_of_two(self.end) if self.how.whole_size else self.end
        struct.pack_into("<6Q", image, p.rva + p.sig_in - IMAGE_INFO_LEN, p.rva, p.size,
                         self.image_size, reloc_size, self.heap_rva, size)
        for name, value in self.values(reloc_size).items():
            at = self.symbol(name)
            if at is None:
                continue
            if at > len(image) - 8:
                raise Malformed(f"the symbol {name} at {at:#x} lies outside the image")
            struct.pack_into("<Q", image, at, value)
        start = p.rva + p.sig_in
        image[start:start + sgx.SIGSTRUCT_LEN] = bytes(sgx.SIGSTRUCT_LEN)
        return image

    def values(self, reloc_size):
        """The variables of the runtime that the loader sets, in its order."""
        out = {"_enclave_rva": self.symbol("_enclave_rva") or 0, "_reloc_rva": self.image_size,
               "_reloc_size": reloc_size}
        tdata, tbss = self.file.section(".tdata"), self.file.section(".tbss")
        if tdata is not None and tdata.size:
            out.update(_tdata_rva=tdata.addr, _tdata_size=tdata.size, _tdata_align=tdata.align)
        if tbss is not None and tbss.size:
            out.update(_tbss_size=tbss.size, _tbss_align=tbss.align)
        if self.how.tls:
            out["_td_from_tcs_offset"] = (self.tls_pages + CONTROL) * PAGE_LEN
        return out

    def symbol(self, name):
        table = self.how.symbols
        return next((value for found, value in self.file.symbols(table, SYMBOL_TABLES[table])
                     if found == name), None)

    def run(self):
        for s in self.loads:
            if not s.flags & 7:
                raise Malformed(f"the segment at {s.vaddr:#x} has no permissions")
            for at in range(page_down(s.vaddr), s.vaddr + s.memsz, PAGE_LEN):
                self.page(at, elf.secinfo(s.flags), self.image[at:at + PAGE_LEN])
        relocations, at = self.relocations, self.image_size
        for i in range(0, len(relocations), PAGE_LEN):
            at = self.page(at, PT_REG | READ, relocations[i:i + PAGE_LEN].ljust(PAGE_LEN, b"\0"))
        for _ in range(self.p.heap):
            at = self.page(at, PT_REG | READ | WRITE, b"", extend=False)
        for _ in range(self.p.tcs):
            at = self.thread(at)
        return self.out.mrenclave()

    def thread(self, at):
        at += GUARD * PAGE_LEN
        for _ in range(self.p.stack):
            at = self.page(at, PT_REG | READ | WRITE, STACK_FILL)
        at += GUARD * PAGE_LEN
        at = self.page(at, PT_TCS, self.tcs(at))
        for _ in range(NSSA):
            at = self.page(at, PT_REG | READ | WRITE, bytes(PAGE_LEN))
        at += GUARD * PAGE_LEN
        for _ in range(self.tls_pages + THREAD_DATA):
            at = self.page(at, PT_REG | READ | WRITE, bytes(PAGE_LEN))
        return at

    def tcs(self, at):
        at += self.p.start
        fs = at + (self.tls_pages + CONTROL) * PAGE_LEN
        gs = fs if self.how.gs is None else at + self.how.gs * PAGE_LEN
        return struct.pack("<QQQIIQQQQII", 0, 0, at + PAGE_LEN, 0, NSSA,
                           self.p.start + self.file.entry, 0, fs, gs, 0xFFFFFFFF,
                           0xFFFFFFFF).ljust(PAGE_LEN, b"\0")

    def page(self, at, flags, content, extend=True):
        """Adds one page; returns where the next one goes."""
        self.out.page(self.p.start + at, flags, content, extend)
        return at + PAGE_LEN


def _power_of_two(value):
    return 1 << (value - 1).bit_length()
