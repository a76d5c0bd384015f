"""Writes ELF files of any size, piece by piece: headers, sections and seeded content.

The same pieces give the same bytes on every host: content that nobody chose comes out of SHAKE-128.
Zeros are not written, so that a large file full of them takes no room.
"""

import hashlib

import elf

BLOCK = 1 << 20                         # bytes of seeded content made at a time
SHF_ALLOC, SHF_TLS = 2, 0x400
PROGBITS, SYMTAB, STRTAB, RELA, DYNAMIC, NOTE, NOBITS, DYNSYM = 1, 2, 3, 4, 6, 7, 8, 11


class Seeded:
    """size bytes that follow from a seed (text)."""

    def __init__(self, seed, size):
        self.seed, self.size = seed, size

    def __len__(self):
        return self.size

    def blocks(self):
        """The content in pieces."""
        for at in range(0, self.size, BLOCK):
            text = f"{self.seed}/{at // BLOCK}".encode()
            yield hashlib.shake_128(text).digest(min(BLOCK, self.size - at))


class Zeros:
    """size bytes that are not written."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def blocks(self):
        return ()


class Image:
    """A file in the making: what was put where, segments, and sections in the order of their
    adding. entry: e_entry."""

    def __init__(self, entry=0x1000):
        self.entry, self.end = entry, 0
        self.segments, self._sections, self._pieces = [], [], []

    def put(self, offset, content):
        """Content (bytes, Seeded or Zeros) at a file offset; the last to be put wins."""
        self._pieces.append((offset, content))
        self.end = max(self.end, offset + len(content))

    def segment(self, kind, flags, offset, vaddr, filesz, memsz, align=0x1000):
        """A program header; they must all be there before room for them is needed."""
        self.segments.append((kind, flags, offset, vaddr, vaddr, filesz, memsz, align))

    def section(self, name, kind, flags, addr, offset, size, link="", align=1, entsize=0):
        """A section header; link: the name of another section."""
        self._sections.append((name, kind, flags, addr, offset, size, link, align, entsize))

    def save(self, path):
        """Writes the file, with the section headers behind everything else."""
        names = b"\0" + b"".join(s[0].encode() + b"\0" for s in self._sections) + b".shstrtab\0"
        names_at = self.end
        self.put(names_at, names)
        self.section(".shstrtab", STRTAB, 0, 0, names_at, len(names))
        table_at = self.end + 7 & ~7
        self.put(table_at, self._section_table(names))
        header = elf.EHDR.pack(elf.IDENT, elf.ET_DYN, elf.EM_X86_64, 1, self.entry, elf.EHDR.size,
                               table_at, 0, elf.EHDR.size, elf.PHDR.size, len(self.segments),
                               elf.SHDR.size, len(self._sections) + 1, len(self._sections))
        self.put(0, header + b"".join(elf.PHDR.pack(*s) for s in self.segments))
        with open(path, "wb") as f:
            for offset, content in self._pieces:
                f.seek(offset)
                for block in [content] if isinstance(content, bytes) else content.blocks():
                    f.write(block)
            f.truncate(self.end)

    def _section_table(self, names):
        order = {name: i + 1 for i, (name, *_) in enumerate(self._sections)}
        out = elf.SHDR.pack(*[0] * 10)
        for name, kind, flags, addr, offset, size, link, align, entsize in self._sections:
            out += elf.SHDR.pack(names.index(b"\0" + name.encode() + b"\0") + 1, kind, flags, addr,
                                 offset, size, order.get(link, 0), 0, align, entsize)
        return out


def loaded(flags):
    """sh_flags of a section in a segment with these permissions (PF_R 4, W 2, X 1)."""
    return (flags & 2) >> 1 | SHF_ALLOC | (flags & 1) << 2


def strings(names):
    """(string table, {name: offset})."""
    table, at = b"\0", {}
    for name in names:
        at[name] = len(table)
        table += name.encode() + b"\0"
    return table, at


def symbol(name_at, value, index=1):
    """A global object of 8 bytes in .dynsym or .symtab."""
    return elf.SYM.pack(name_at, 0x11, 0, index, value, 8)


def rela(offset, kind, symbol_index=0, addend=0):
    """One relocation."""
    return elf.RELA.pack(offset, symbol_index << 32 | kind, addend)


def dynamic(entries):
    """.dynamic from [(tag, value)], ended by DT_NULL."""
    return b"".join(elf.DYN.pack(tag, value) for tag, value in entries) + elf.DYN.pack(0, 0)
