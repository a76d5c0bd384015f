"""ELF files as the two enclave loaders see them, and MRENCLAVE of the pages they add.

Only what Intel's and Open Enclave's formats need: ELF64, little-endian, x86-64, ET_DYN. Sizes and
offsets are believed after they are found to lie in the file, and not before. A file may be given
as bytes or as an mmap: nothing here copies it, so an enclave of any size needs little memory.
"""

import hashlib
import struct

from sgxs import CHUNK_LEN, EADD, ECREATE, EEXTEND, PAGE_LEN, PT_REG

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
SHDR = struct.Struct("<IIQQQQIIQQ")
SYM = struct.Struct("<IBBHQQ")
RELA = struct.Struct("<QQq")
DYN = struct.Struct("<qQ")

IDENT = b"\x7fELF\x02\x01\x01"          # 64 bits, little-endian, version 1
ET_DYN, EM_X86_64 = 3, 62
PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
SHT_NOBITS = 8
DT_NEEDED, DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_RELAENT = 1, 2, 7, 8, 9
DT_TEXTREL, DT_JMPREL = 22, 23
R_NONE, R_TPOFF64 = 0, 18
MAX64 = (1 << 64) - 1
MAX_ENCLAVE = 1 << 36                   # bytes; what an ELRANGE may have in today's CPUs


class Malformed(Exception):
    """Not an enclave that can be measured; the message is the whole reason."""


class Segment:
    """A program header: kind, flags (PF_*), offset, vaddr, filesz, memsz."""

    def __init__(self, values):
        (self.kind, self.flags, self.offset, self.vaddr, _, self.filesz, self.memsz,
         self.align) = values


class Section:
    """A section header: name, kind, flags, addr, offset, size, link, entsize, align."""

    def __init__(self, values):
        (self.name, self.kind, self.flags, self.addr, self.offset, self.size, self.link, _,
         self.align, self.entsize) = values


class Elf:
    """data (bytes-like), entry, segments and sections of one file. Raises Malformed."""

    def __init__(self, data):
        self.data = data
        if len(data) < EHDR.size or bytes(data[:len(IDENT)]) != IDENT:
            raise Malformed("no ELF64 file")
        (_, kind, machine, _, self.entry, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum,
         shstrndx) = EHDR.unpack_from(data)
        if (kind, machine) != (ET_DYN, EM_X86_64):
            raise Malformed(f"ELF type {kind} for machine {machine}: no enclave")
        if phentsize != PHDR.size or shnum and shentsize != SHDR.size:
            raise Malformed(f"header entries of {phentsize} and {shentsize} bytes")
        self.segments = [Segment(v) for v in self._table(phoff, phnum, PHDR, "program headers")]
        self.sections = [Section(v) for v in self._table(shoff, shnum, SHDR, "section headers")]
        if not self.sections:
            return
        if shstrndx >= len(self.sections):
            raise Malformed("there is no section name table")
        names = self.content(self.sections[shstrndx])
        for section in self.sections:
            section.name = string(names, section.name)

    def bytes_at(self, offset, size, what):
        """size bytes of the file, or Malformed that names `what`."""
        if offset > len(self.data) or size > len(self.data) - offset:
            raise Malformed(f"{what}: {size} bytes at {offset:#x} run past the file's "
                            f"{len(self.data)}")
        return bytes(self.data[offset:offset + size])

    def content(self, section):
        """The bytes of a section."""
        if section.kind == SHT_NOBITS:
            raise Malformed(f"{section.name} has no bytes in the file")
        return self.bytes_at(section.offset, section.size, f"section {section.name}")

    def section(self, name):
        """The first section of this name, or None."""
        return next((s for s in self.sections if s.name == name), None)

    def section_at(self, addr):
        """The first section that begins at this address, or None."""
        return next((s for s in self.sections if s.addr == addr), None)

    def loads(self):
        """The PT_LOAD segments in the order of the file, each inside the file and not more in it
        than in memory."""
        loads = [s for s in self.segments if s.kind == PT_LOAD]
        for s in loads:
            if s.filesz > s.memsz or s.vaddr + s.memsz > MAX_ENCLAVE:
                raise Malformed(f"segment at {s.vaddr:#x}: sizes {s.filesz:#x}, {s.memsz:#x}")
            if s.offset + s.filesz > len(self.data):
                raise Malformed(f"segment at {s.vaddr:#x} runs past the file")
        return loads

    def dynamic(self):
        """{tag: value} of PT_DYNAMIC up to DT_NULL, the last of equal tags; {} without one."""
        out = {}
        for segment in self.segments:
            if segment.kind == PT_DYNAMIC:
                raw = self.bytes_at(segment.offset, segment.filesz, "PT_DYNAMIC")
                for tag, value in DYN.iter_unpack(raw[:len(raw) // DYN.size * DYN.size]):
                    if tag == 0:
                        break
                    out[tag] = value
                break
        return out

    def symbols(self, table, strings):
        """[(name, st_value)] of a symbol section and its strings, index by index; [] without."""
        symtab, strtab = self.section(table), self.section(strings)
        if symtab is None or strtab is None:
            return []
        names, raw = self.content(strtab), self.content(symtab)
        raw = raw[:len(raw) // SYM.size * SYM.size]
        return [(string(names, name), value) for name, _, _, _, value, _ in SYM.iter_unpack(raw)]

    def _table(self, offset, number, layout, what):
        return layout.iter_unpack(self.bytes_at(offset, number * layout.size, what))


def string(table, at):
    """The NUL-terminated text at an offset of a string table."""
    end = table.find(b"\0", at)
    if end < 0:
        raise Malformed(f"a name at {at} runs past its string table")
    return table[at:end].decode("latin-1")


def page_up(value):
    """Rounded up to pages."""
    return value + PAGE_LEN - 1 & ~(PAGE_LEN - 1)


def page_down(value):
    """Rounded down to pages."""
    return value & ~(PAGE_LEN - 1)


def secinfo(flags):
    """SECINFO.FLAGS of a regular page with the permissions of a segment (PF_R 4, W 2, X 1)."""
    return PT_REG | flags >> 2 & 1 | flags & 2 | (flags & 1) << 2


class Measurement:
    """What ECREATE, EADD and EEXTEND add to MRENCLAVE (SDM volume 3D), page by page. The same
    bytes go to `stream` (a binary file) if there is one: they are an SGXS stream."""

    _HEADERS = [8 + 64 + i * (64 + CHUNK_LEN) for i in range(PAGE_LEN // CHUNK_LEN)]

    def __init__(self, ssaframesize, size, stream=None):
        if size < PAGE_LEN or size & size - 1 or size > MAX_ENCLAVE:
            raise Malformed(f"the enclave size {size:#x} is no power of two of pages, or too large")
        self.size, self._pages, self._stream = size, set(), stream
        self._hash = hashlib.sha256()
        self._full = bytearray(64 + 16 * (64 + CHUNK_LEN))
        self._full[:8] = EADD
        for at in self._HEADERS:
            self._full[at - 8:at] = EEXTEND
        self._add(struct.pack("<8sIQ44x", ECREATE, ssaframesize, size))

    def page(self, offset, flags, content, extend=True):
        """One page: content is 4096 bytes, and counts if it is extended. Raises Malformed."""
        if offset % PAGE_LEN or offset < 0 or offset + PAGE_LEN > self.size:
            raise Malformed(f"a page at {offset:#x} lies outside the enclave of {self.size:#x}")
        if offset in self._pages:
            raise Malformed(f"the page at {offset:#x} is added twice")
        self._pages.add(offset)
        if not extend:
            self._add(struct.pack("<8sQQ40x", EADD, offset, flags))
            return
        assert len(content) == PAGE_LEN
        out = self._full
        struct.pack_into("<QQ", out, 8, offset, flags)
        for i, at in enumerate(self._HEADERS):
            struct.pack_into("<Q", out, at, offset + i * CHUNK_LEN)
            out[at + 56:at + 56 + CHUNK_LEN] = content[i * CHUNK_LEN:(i + 1) * CHUNK_LEN]
        self._add(out)

    def mrenclave(self):
        """In hex."""
        return self._hash.hexdigest()

    def _add(self, data):
        self._hash.update(data)
        if self._stream is not None:
            self._stream.write(data)
