"""Enclaves of the Intel SDK: the metadata note of a signed ELF, and what its loader measures.

`.note.sgxmeta` holds one metadata block for each kind of loader, each with its own copy of the
SIGSTRUCT and with tables that say what to patch in the file and which pages to add behind it.
MRENCLAVE follows from the file alone. Every version from SDK 1.6 (1.3) to 2.26 (3.3) is known;
ten is added to the major version of an enclave with an ELRANGE of its own.
"""

import hashlib
import struct

import elf
import sgx
from elf import Malformed, page_down, page_up
from sgxs import PAGE_LEN, PT_TCS

SECTION, NOTE_NAME = ".note.sgxmeta", b"sgx_metadata\0"
NOTE_HEAD = 12 + len(NOTE_NAME)         # the descriptor follows without padding
MAGIC = bytes.fromhex("4c0e5d639402a886")
VERSIONS = {(1, 3), (1, 4), (1, 5), (2, 1), (2, 2), (2, 3), (2, 4), (3, 0), (3, 1), (3, 2), (3, 3),
            (11, 4), (11, 5), (12, 4), (13, 0), (13, 1), (13, 2), (13, 3)}

# Offsets in a block.
MISC_AT, ENCLAVE_SIZE_AT, ATTRIBUTES_AT, SIGSTRUCT_AT, DIRS_AT = 32, 40, 48, 64, 1872
LAUNCH = ((MISC_AT, 4), (ATTRIBUTES_AT, 16))    # what is not measured and follows the SIGSTRUCT
PATCH, LAYOUT, ELRANGE, EXTEND = range(4)

PATCH_ENTRY = struct.Struct("<QII16x")          # destination in the file, source in the block, size
LAYOUT_ENTRY = struct.Struct("<HHIQIIQ")
GROUP_ENTRY = struct.Struct("<HHIQ16x")
EXTEND_ENTRY = struct.Struct("<III4x")
GROUP_BIT, EADD, EEXTEND = 1 << 12, 1, 2
TCS_FIELDS = (16, 48, 56)                       # OSSA, OFSBASE, OGSBASE: relative in the template

FIPS_ID, FIPS_LEN, FIPS_EXPONENT = 0x1001, 772, 65537


class Block:
    """One metadata block. at: its offset in the file; version: "major.minor"."""

    def __init__(self, file, at, room):
        self._file, self.at = file, at
        self._raw = file.bytes_at(at, min(room, DIRS_AT + 32), "metadata")
        if len(self._raw) < DIRS_AT + 32:
            raise Malformed(f"metadata block at {at:#x}: cut short")
        minor, self.major, self.size = struct.unpack_from("<III", self._raw, 8)
        self.minor, self.version = minor, f"{self.major}.{minor}"
        if (self.major, minor) not in VERSIONS:
            raise Malformed(f"metadata block at {at:#x}: version {self.version} is not known")
        self.data_at = DIRS_AT + (32 if self._has_extend() else 16)
        if not self.data_at <= self.size <= room:
            raise Malformed(f"metadata block at {at:#x}: its size {self.size:#x} is impossible, "
                            f"there is room for {room:#x}")
        self._raw = file.bytes_at(at, self.size, "metadata")
        (self.ssaframesize,) = struct.unpack_from("<I", self._raw, 24)
        (self.misc,) = struct.unpack_from("<I", self._raw, MISC_AT)
        self.enclave_size, self.flags, self.xfrm = struct.unpack_from("<QQQ", self._raw, 40)
        self.sigstruct = self._raw[SIGSTRUCT_AT:SIGSTRUCT_AT + sgx.SIGSTRUCT_LEN]
        self.sigstruct_at = at + SIGSTRUCT_AT

    def _has_extend(self):
        """Whether the block has four directories."""
        return (self.major % 10, self.minor) >= (3, 2) or (
            self.major % 10 == 1 and self.minor >= 5)

    def table(self, index):
        """The bytes of one of the directories; b"" where the version does not have it."""
        if index == EXTEND and not self._has_extend() or index == ELRANGE and not (
                self.major >= 10 or self._has_extend()):
            return b""
        offset, size = struct.unpack_from("<II", self._raw, DIRS_AT + 8 * index)
        return self.part(offset, size) if size else b""

    def part(self, offset, size):
        """Bytes of the block behind its header."""
        if offset < DIRS_AT + 16 or offset > self.size or size > self.size - offset:
            raise Malformed(f"metadata {self.version}: {size:#x} bytes at {offset:#x} lie outside "
                            f"the block of {self.size:#x}")
        return self._raw[offset:offset + size]

    def elrange(self):
        """(image, start, size) or None."""
        raw = self.table(ELRANGE)
        if self.major < 10:
            return None
        if len(raw) != 24:
            raise Malformed(f"metadata {self.version}: no ELRANGE of 24 bytes")
        return struct.unpack("<QQQ", raw)

    def extensions(self):
        """[(id, offset in the block, bytes)]."""
        return [(kind, offset, self.part(offset, size))
                for kind, size, offset in EXTEND_ENTRY.iter_unpack(self.table(EXTEND))]

    def fips(self):
        """(offset in the file, 772 bytes) of the FIPS block, or None."""
        for kind, offset, raw in self.extensions():
            if kind == FIPS_ID:
                if len(raw) != FIPS_LEN:
                    raise Malformed(f"metadata {self.version}: a FIPS block of {len(raw)} bytes")
                return self.at + offset, raw
        return None

    def measure(self, stream=None):
        """MRENCLAVE in hex; the SGXS stream goes to `stream` if given. Raises Malformed."""
        return _Walk(self._file, self, stream).run()


def blocks(file):
    """All metadata blocks of an Elf, in order; [] if it was never signed. Raises Malformed. What lies
    behind the last one is nobody's business."""
    place, descsz = _note(file)
    out, at = [], place + NOTE_HEAD
    end = at + descsz
    while end - at >= len(MAGIC) and file.bytes_at(at, len(MAGIC), SECTION) == MAGIC:
        out.append(Block(file, at, end - at))
        at += out[-1].size
    if not out and any(file.bytes_at(at, end - at, SECTION)):
        raise Malformed(f"{SECTION}: what follows at {at:#x} is neither metadata nor zero")
    return out


def _note(file):
    """(file offset, descriptor size) of the note, by its section or else by a program header."""
    section = file.section(SECTION)
    if section is not None:
        place, room = section.offset, section.size
    else:
        for segment in file.segments:
            if segment.kind == elf.PT_NOTE and file.bytes_at(
                    segment.offset, NOTE_HEAD, "note")[12:] == NOTE_NAME:
                place, room = segment.offset, segment.filesz
                break
        else:
            raise Malformed(f"there is no section {SECTION}")
    head = file.bytes_at(place, NOTE_HEAD, SECTION)
    namesz, descsz, _ = struct.unpack_from("<III", head)
    if namesz != len(NOTE_NAME) or head[12:] != NOTE_NAME:
        raise Malformed(f"{SECTION}: the note has another name")
    align = max(section.align, 1) if section is not None else 1
    size = -(-(NOTE_HEAD + descsz) // align) * align
    if size > room or section is not None and size != room:
        raise Malformed(f"{SECTION}: {room:#x} bytes for a descriptor of {descsz:#x}")
    file.bytes_at(place, NOTE_HEAD + descsz, SECTION)
    return place, descsz


class _Walk:
    """The loader's work: patch, segments, layout."""

    def __init__(self, file, block, stream):
        self.file, self.block = file, block
        self.delta, size = 0, block.enclave_size
        if block.elrange():
            image, start, size = block.elrange()
            self.delta = image - start
        self.out = elf.Measurement(block.ssaframesize, size, stream)
        self.patches = []
        for to, source, length in PATCH_ENTRY.iter_unpack(_whole(block.table(PATCH), PATCH_ENTRY)):
            raw = block.part(source, length)
            if to > len(file.data) or length > len(file.data) - to:
                raise Malformed(f"metadata {block.version}: a patch at {to:#x} lies outside the "
                                "file")
            self.patches.append((to, raw))

    def run(self):
        writable, loads = self.relocated(), self.file.loads()
        for i, segment in enumerate(loads):
            self.segment(segment, writable)
            if self.block.version == "1.3":
                following = page_down(loads[i + 1].vaddr) if i + 1 < len(loads) else elf.MAX64
                self.spare(segment, following)
        self.layout()
        return self.out.mrenclave()

    def read(self, offset, size):
        """Bytes of the file as patched."""
        raw = bytearray(self.file.data[offset:offset + size])
        for to, patch in self.patches:
            first, last = max(to, offset), min(to + len(patch), offset + size)
            if first < last:
                raw[first - offset:last - offset] = patch[first - to:last - to]
        return raw

    def relocated(self):
        """The pages with text relocations: the loader must write there."""
        pages, tags = set(), self.file.dynamic()
        if elf.DT_TEXTREL not in tags:
            return pages
        for table, size in ((elf.DT_RELA, elf.DT_RELASZ), (elf.DT_JMPREL, elf.DT_PLTRELSZ)):
            if table not in tags:
                continue
            raw = self.file.bytes_at(self.table_at(tags[table]), tags.get(size, 0), "relocations")
            for at, info, _ in elf.RELA.iter_unpack(_whole(raw, elf.RELA)):
                if info & 0xFFFFFFFF != elf.R_NONE:
                    pages.update((page_down(at), page_down(at + 7)))
        return pages

    def table_at(self, addr):
        """The file offset of the relocations at an address: of their section, or, where there are no
        sections, of their segment."""
        section = self.file.section_at(addr)
        if section is not None:
            return section.offset
        for s in [] if self.file.sections else self.file.loads():
            if s.vaddr <= addr < s.vaddr + s.filesz:
                return s.offset + addr - s.vaddr
        raise Malformed(f"no section begins at {addr:#x}, where relocations are")

    def segment(self, s, writable):
        flags = elf.secinfo(s.flags)
        start = page_down(s.vaddr)
        for page in range(start, page_up(s.vaddr + s.memsz), PAGE_LEN):
            first = max(page, s.vaddr)
            held = min(page + PAGE_LEN, s.vaddr + s.filesz) - first
            content = bytes(PAGE_LEN)
            if held > 0:
                raw = self.read(s.offset + first - s.vaddr, held)
                content = (bytes(first - page) + raw).ljust(PAGE_LEN, b"\0")
            extra = 2 if held > 0 and page in writable else 0
            self.out.page(page + self.delta, flags | extra, content)

    def spare(self, s, following):
        """SDK 1.6 to 1.8: one more page where address and size, rounded apart, seem to need it."""
        end = page_up(s.vaddr + s.memsz)
        if end < page_up(page_up(s.memsz) + s.vaddr) and end < following:
            self.out.page(end + self.delta, elf.secinfo(s.flags), bytes(PAGE_LEN))

    def layout(self):
        raw = _whole(self.block.table(LAYOUT), LAYOUT_ENTRY)
        entries = [raw[at:at + LAYOUT_ENTRY.size] for at in range(0, len(raw), LAYOUT_ENTRY.size)]
        for i, entry in enumerate(entries):
            kind, count, times, step = GROUP_ENTRY.unpack(entry)
            if not kind & GROUP_BIT:
                self.entry(entry, 0)
                continue
            members = entries[max(i - count, 0):i]
            if count > i or any(GROUP_ENTRY.unpack(m)[0] & GROUP_BIT for m in members):
                raise Malformed(f"layout entry {i}: a group of {count} entries, which are not "
                                "there")
            if times > self.out.size // PAGE_LEN:
                raise Malformed(f"layout entry {i}: repeated {times} times")
            for time in range(1, times + 1):
                for member in members:
                    self.entry(member, time * step)

    def entry(self, entry, step):
        _, attributes, pages, rva, content_size, content_offset, flags = LAYOUT_ENTRY.unpack(entry)
        if not attributes & EADD or not (content_offset or flags):
            return
        rva += step
        extend = bool(attributes & EEXTEND)
        if pages > self.out.size // PAGE_LEN:
            raise Malformed(f"a layout entry at {rva:#x} has {pages} pages")
        if not content_offset:
            filler = struct.pack("<I", content_size) * (PAGE_LEN // 4)
        content = self.content(content_offset, content_size, pages, rva, flags)
        for i in range(pages):
            page = content[i * PAGE_LEN:(i + 1) * PAGE_LEN].ljust(PAGE_LEN, b"\0")
            self.out.page(rva + self.delta + i * PAGE_LEN, flags,
                          page if content_offset else filler,
                          extend or bool(content_offset and flags != PT_TCS))

    def content(self, offset, size, pages, rva, flags):
        """The bytes of an entry that brings its own, b"" for one that does not."""
        if not offset:
            return b""
        content = self.block.part(offset, size)
        if flags == PT_TCS:
            if pages != 1:
                raise Malformed(f"a layout entry at {rva:#x}: a TCS of {pages} pages")
            content = self.tcs(content, rva)
        if len(content) > pages * PAGE_LEN:
            raise Malformed(f"a layout entry at {rva:#x}: {len(content)} bytes are too many")
        return content

    @staticmethod
    def tcs(template, rva):
        """The template with the three addresses made relative to the enclave."""
        out = bytearray(template)
        if len(out) < 72:
            raise Malformed(f"a TCS template of {len(out)} bytes")
        for at in TCS_FIELDS:
            (value,) = struct.unpack_from("<Q", out, at)
            struct.pack_into("<Q", out, at, value + rva & elf.MAX64)
        return bytes(out)


def _whole(raw, layout):
    if len(raw) % layout.size:
        raise Malformed(f"a table of {len(raw)} bytes holds no whole entries of {layout.size}")
    return raw


def judge_fips(sigstruct, raw):
    """What is wrong with a FIPS block (772 bytes) for 1808 bytes of SIGSTRUCT: a list of texts."""
    n = int.from_bytes(raw[:sgx.KEY_LEN], "little")
    exponent = int.from_bytes(raw[384:388], "little")
    s = int.from_bytes(raw[388:], "big")
    if exponent != FIPS_EXPONENT or n.bit_length() != 8 * sgx.KEY_LEN:
        return [f"the FIPS key has {n.bit_length()} bits and exponent {exponent}"]
    if s >= n or pow(s, exponent, n) != sgx.emsa(hashlib.sha256(sigstruct).digest()):
        return ["the FIPS signature over the SIGSTRUCT does not verify"]
    return []


def judge_launch(block):
    """What the loader asks EINIT for, held against what the SIGSTRUCT allows: (errors, warnings).
    DEBUG is the caller's choice and is left out."""
    f, errors, warnings = sgx.parse(block.sigstruct), [], []
    differ = (block.flags ^ f["attributes"]) & f["attributes_mask"] & ~sgx.ATTR_DEBUG
    if differ:
        errors.append(f"metadata {block.version}: ATTRIBUTES {block.flags:#x} break the mask")
    if (block.xfrm ^ f["xfrm"]) & f["xfrm_mask"] & sgx.XFRM_LEGACY or (
            f["xfrm"] & f["xfrm_mask"] & ~block.xfrm):
        errors.append(f"metadata {block.version}: XFRM {block.xfrm:#x} breaks the mask")
    elif block.xfrm != ~f["xfrm_mask"] & elf.MAX64 | f["xfrm"] & f["xfrm_mask"]:
        warnings.append(f"metadata {block.version}: XFRM {block.xfrm:#x} is not all that the mask "
                        "allows")
    if block.misc & f["miscmask"] & ~f["miscselect"]:
        errors.append(f"metadata {block.version}: MISCSELECT {block.misc:#x} breaks the mask")
    return errors, warnings
