"""The zip layer of an ORC bundle, read strictly.

zipfile finds the central directory; everything it believes without looking is checked here: that
each local header says what the central one says, that no two entries share bytes, and that the
data inflate to exactly the size and CRC that were declared. Memory stays bounded whatever a
header claims: inflating stops at the declared size, and the limits below come before that.
"""

import io
import stat
import struct
import zipfile
import zlib

MAX_ENTRIES = 65535
MAX_NAME = 1024                     # bytes
MAX_FILE = 1 << 30                  # bytes, inflated
MAX_RATIO, RATIO_FROM = 1000, 1 << 20   # an entry above 1 MiB may not inflate more than that
MAX_READ = 256 << 20                # bytes, of one entry that is held in memory

STORE, DEFLATE = 0, 8
ENCRYPTED, DESCRIPTOR, STRONG, UTF8 = 1 << 0, 1 << 3, 1 << 6, 1 << 11
UNIX_SYSTEMS, DOS_DIRECTORY = (3, 19), 0x10
LOCAL = struct.Struct("<IHHHHHIIIHH")
LOCAL_MAGIC, MAX32 = 0x04034B50, 0xFFFFFFFF


class Refused(Exception):
    """The archive is damaged, ambiguous or over a limit."""


class Entry:
    """name (str), info (zipfile.ZipInfo), start and end: where its compressed bytes lie in the
    file, and its first byte (`at`)."""

    def __init__(self, name, info):
        self.name, self.info = name, info
        self.at = info.header_offset
        self.start = self.end = 0


class Archive:
    """An archive in bytes. entries: in the order of the central directory."""

    def __init__(self, data):
        self.data = data
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as z:
                infos, self.comment, central = z.infolist(), z.comment, z.start_dir
        except (zipfile.BadZipFile, struct.error, NotImplementedError, UnicodeDecodeError,
                ValueError, OSError) as e:
            raise Refused(f"no readable zip archive: {e}") from None
        if len(infos) > MAX_ENTRIES:
            raise Refused(f"{len(infos)} entries, more than {MAX_ENTRIES}")
        self.entries = [Entry(_name(info), info) for info in infos]
        names = set()
        for entry in self.entries:
            if entry.name in names:
                raise Refused(f"the entry {entry.name!r} is there twice")
            names.add(entry.name)
            _check_info(entry)
            self._check_local(entry, central)
        self._check_overlap(central)

    def read(self, entry):
        """The entry's content, size and CRC checked. Raises Refused."""
        info = entry.info
        if info.file_size > MAX_READ:
            raise Refused(f"{entry.name}: {info.file_size} bytes, more than {MAX_READ}")
        raw = self.data[entry.start:entry.end]
        if info.compress_type == DEFLATE:
            raw = _inflate(entry.name, raw, info.file_size)
        if len(raw) != info.file_size:
            raise Refused(f"{entry.name}: {len(raw)} bytes, not the {info.file_size} declared")
        if zlib.crc32(raw) != info.CRC:
            raise Refused(f"{entry.name}: the CRC is wrong")
        return raw

    def _check_local(self, entry, central):
        info, at = entry.info, entry.at
        if not 0 <= at <= central - LOCAL.size:
            raise Refused(f"{entry.name}: the local header lies outside the archive")
        (magic, _, flags, method, time, date, crc, csize, size, name_len,
         extra_len) = LOCAL.unpack_from(self.data, at)
        if magic != LOCAL_MAGIC:
            raise Refused(f"{entry.name}: there is no local header at {at}")
        name = self.data[at + LOCAL.size:at + LOCAL.size + name_len]
        extra = self.data[at + LOCAL.size + name_len:at + LOCAL.size + name_len + extra_len]
        if name != _raw_name(info):
            raise Refused(f"{entry.name}: the local header has another name")
        if method != info.compress_type or (flags ^ info.flag_bits) & (ENCRYPTED | DESCRIPTOR):
            raise Refused(f"{entry.name}: the local header has another method or other flags")
        if MAX32 in (csize, size):
            csize, size = _zip64_sizes(extra, csize, size)
        # What a descriptor follows may leave any of them 0.
        for here, there in ((crc, info.CRC), (csize, info.compress_size), (size, info.file_size)):
            if here != there and (here or not flags & DESCRIPTOR):
                raise Refused(f"{entry.name}: the local header has other sizes or another CRC")
        entry.start = at + LOCAL.size + name_len + extra_len
        entry.end = entry.start + info.compress_size
        entry.behind = self._descriptor(entry) if flags & DESCRIPTOR else 0
        if entry.end > central:
            raise Refused(f"{entry.name}: its data run past the central directory")

    def _descriptor(self, entry):
        """The length of the data descriptor: with a mark or not, with sizes of 4 or of 8 bytes."""
        info = entry.info
        for mark in (b"", b"PK\7\x08"):
            for form in ("<III", "<IQQ"):
                try:
                    wanted = mark + struct.pack(form, info.CRC, info.compress_size, info.file_size)
                except struct.error:                # a size of more than 32 bits
                    continue
                if self.data.startswith(wanted, entry.end):
                    return len(wanted)
        raise Refused(f"{entry.name}: the data descriptor has other sizes or another CRC")

    def _check_overlap(self, central):
        order = sorted(self.entries, key=lambda e: e.at)
        for one, following in zip(order, order[1:]):
            if one.end + one.behind > following.at:
                raise Refused(f"{one.name} and {following.name} share bytes")


def _raw_name(info):
    return info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437")


def _name(info):
    raw = _raw_name(info)
    if len(raw) > MAX_NAME:
        raise Refused(f"an entry's name has {len(raw)} bytes, more than {MAX_NAME}")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"the entry name {raw!r} is not UTF-8") from None
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in name):
        raise Refused(f"the entry name {raw!r} holds a control character")
    return name


def _check_info(entry):
    """What the central directory alone shows."""
    info, name = entry.info, entry.name
    if info.flag_bits & (ENCRYPTED | STRONG):
        raise Refused(f"{name}: the entry is encrypted")
    if info.compress_type not in (STORE, DEFLATE):
        raise Refused(f"{name}: compression method {info.compress_type} is neither stored nor "
                      "deflated")
    if info.compress_type == STORE and info.compress_size != info.file_size:
        raise Refused(f"{name}: a stored entry with two sizes")
    mode = info.external_attr >> 16 if info.create_system in UNIX_SYSTEMS else 0
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or info.external_attr & DOS_DIRECTORY:
        raise Refused(f"{name}: the entry is no plain file")
    if info.file_size > MAX_FILE:
        raise Refused(f"{name}: {info.file_size} bytes, more than {MAX_FILE}")
    if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
        raise Refused(f"{name}: inflates by more than {MAX_RATIO}:1")


def _zip64_sizes(extra, csize, size):
    """APPNOTE 4.5.3: a local zip64 field holds size, then compressed size."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and length >= 16 and at + 20 <= len(extra):
            size64, csize64 = struct.unpack_from("<QQ", extra, at + 4)
            return (csize64 if csize == MAX32 else csize), (size64 if size == MAX32 else size)
        at += 4 + length
    return csize, size


def _inflate(name, raw, size):
    """Raw deflate to at most one byte more than declared."""
    unpack = zlib.decompressobj(-15)
    try:
        out = unpack.decompress(raw, size + 1)
    except zlib.error as e:
        raise Refused(f"{name}: {e}") from None
    if len(out) > size:
        raise Refused(f"{name}: inflates to more than the {size} bytes declared")
    if not unpack.eof or unpack.unused_data:
        raise Refused(f"{name}: the compressed data are not whole, or more than whole")
    return out
