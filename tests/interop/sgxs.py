"""SGXS streams: walk one, say what is odd about it, and measure it as the CPU would.

A stream is the list of ECREATE, EADD and EEXTEND operations that build an enclave, each with the
64 bytes that the CPU hashes for it (SDM volume 3D: ECREATE, EADD, EEXTEND) and, for a chunk, its
256 bytes of content. MRENCLAVE is computed from what the operations mean and not from the bytes
that the file happens to hold, so padding and unmeasured chunks do not count.
"""

import hashlib
import struct

RECORD_LEN, CHUNK_LEN, PAGE_LEN, CHUNKS_PER_PAGE = 64, 256, 4096, 16

ECREATE, UNSIZED, EADD, EEXTEND, UNMEASRD = (
    tag.ljust(8, b"\0") for tag in (b"ECREATE", b"UNSIZED", b"EADD", b"EEXTEND", b"UNMEASRD"))

# SECINFO.FLAGS: permissions in bits 2:0, page type in bits 15:8.
READ, WRITE, EXEC = 1, 2, 4
PT_TCS, PT_REG = 1 << 8, 2 << 8
PERMISSIONS, PAGE_TYPE, FLAGS_RESERVED = 0x7, 0xFF00, ~0xFF3F & (1 << 64) - 1

# TCS fields (SDM 37.8): what EADD clears, and what it faults on when it is not zero.
TCS_CLEARED = ((0, 8), (24, 4), (40, 8))            # STATE, CSSA, AEP
TCS_FLAGS_AT, TCS_DBGOPTIN, TCS_FLAGS_KNOWN = 8, 1, 3
TCS_RESERVED_FROM = 88                              # after OCETSSA and PREVSSP


class Malformed(Exception):
    """Not a stream that has an MRENCLAVE; the message is the whole reason."""


class Measured:
    """What a walk finds: mrenclave and sha256 (hex), problems (texts), size and ssaframesize from
    ECREATE, pages [(offset, SECINFO flags)] in the order they are added, unmeasured (a count)."""

    def __init__(self):
        self.mrenclave = self.sha256 = None
        self.size = self.ssaframesize = 0
        self.pages, self.problems, self.unmeasured = [], [], 0


def records(stream):
    """Yields (offset in the stream, 8-byte tag, 64-byte header, chunk or b""). Raises Malformed
    where a record is cut short or its tag is unknown."""
    at = 0
    while at < len(stream):
        header = stream[at:at + RECORD_LEN]
        if len(header) < RECORD_LEN:
            raise Malformed(f"the stream ends inside a record header at {at:#x}")
        tag, chunk = header[:8], b""
        if tag in (EEXTEND, UNMEASRD):
            chunk = stream[at + RECORD_LEN:at + RECORD_LEN + CHUNK_LEN]
            if len(chunk) < CHUNK_LEN:
                raise Malformed(f"the stream ends inside a chunk at {at:#x}")
        elif tag not in (ECREATE, UNSIZED, EADD):
            raise Malformed(f"unknown record tag {tag.hex()} at {at:#x}")
        yield at, tag, header, chunk
        at += RECORD_LEN + len(chunk)


def measure(stream):
    """Walks a whole stream (bytes). Returns a Measured; raises Malformed."""
    return _Walk().run(bytes(stream))


class _Walk:
    """The state between two records: the running hash and the page that was added last."""

    def __init__(self):
        self.out, self.hash = Measured(), hashlib.sha256()
        self.page = None                            # offset of the last page
        self.flags, self.seen, self.content = 0, set(), bytearray()

    def run(self, stream):
        if not stream:
            raise Malformed("empty stream")
        for at, tag, header, chunk in records(stream):
            if at == 0:
                self.create(tag, header)
            elif tag in (ECREATE, UNSIZED):
                raise Malformed(f"a second ECREATE at {at:#x}")
            elif tag == EADD:
                self.add(header)
            else:
                self.extend(tag, header, chunk)
        self.close_page()
        if self.out.unmeasured:
            self.problem(f"{self.out.unmeasured} unmeasured chunks: MRENCLAVE is not the file's "
                         "SHA-256")
        self.out.mrenclave = self.hash.hexdigest()
        self.out.sha256 = hashlib.sha256(stream).hexdigest()
        return self.out

    def problem(self, text):
        self.out.problems.append(text)

    def create(self, tag, header):
        """SDM ECREATE: hashes "ECREATE", SSAFRAMESIZE, SIZE and 44 zero bytes."""
        if tag == UNSIZED:
            raise Malformed("an UNSIZED stream has no MRENCLAVE yet")
        if tag != ECREATE:
            raise Malformed("the stream does not start with ECREATE")
        ssaframesize, size = struct.unpack_from("<IQ", header, 8)
        self.out.ssaframesize, self.out.size = ssaframesize, size
        if any(header[20:]):
            self.problem("ECREATE has non-zero padding")
        if ssaframesize == 0:
            self.problem("SSAFRAMESIZE is 0")
        if size < PAGE_LEN or size & (size - 1):
            self.problem(f"the enclave size {size:#x} is no power of two of at least a page")
        self.hash.update(struct.pack("<8sIQ44x", ECREATE, ssaframesize, size))

    def add(self, header):
        """SDM EADD: hashes "EADD", the offset and the first 48 bytes of SECINFO."""
        self.close_page()
        offset, flags = struct.unpack_from("<QQ", header, 8)
        if any(header[24:]):
            self.problem(f"EADD {offset:#x} has non-zero reserved SECINFO bytes")
        if flags & FLAGS_RESERVED:
            self.problem(f"EADD {offset:#x} has reserved SECINFO flags")
        if flags & PAGE_TYPE not in (PT_REG, PT_TCS):
            self.problem(f"EADD {offset:#x} has page type {(flags & PAGE_TYPE) >> 8}")
        if flags & PAGE_TYPE == PT_TCS and flags & PERMISSIONS:
            self.problem(f"TCS {offset:#x} has permissions")
        if offset % PAGE_LEN:
            self.problem(f"EADD offset {offset:#x} is not page-aligned")
        if self.page is not None and offset <= self.page:
            self.problem(f"EADD offset {offset:#x} is not above the last one")
        if offset >= self.out.size:
            self.problem(f"EADD offset {offset:#x} is outside the enclave")
        self.page, self.flags, self.seen = offset, flags, set()
        self.content = bytearray(PAGE_LEN)
        self.out.pages.append((offset, flags))
        self.hash.update(struct.pack("<8sQQ40x", EADD, offset, flags))

    def extend(self, tag, header, chunk):
        """SDM EEXTEND: hashes "EEXTEND", the offset, 48 zero bytes, then the chunk. UNMEASRD only
        puts content into the page."""
        (offset,) = struct.unpack_from("<Q", header, 8)
        name = "EEXTEND" if tag == EEXTEND else "UNMEASRD"
        if any(header[16:]):
            self.problem(f"{name} {offset:#x} has non-zero padding")
        if offset % CHUNK_LEN:
            self.problem(f"{name} {offset:#x} is not chunk-aligned")
        if self.page is None or not self.page <= offset <= self.page + PAGE_LEN - CHUNK_LEN:
            self.problem(f"{name} {offset:#x} is not in the last page")
        elif offset in self.seen:
            self.problem(f"chunk {offset:#x} is given twice")
        else:
            self.content[offset - self.page:offset - self.page + CHUNK_LEN] = chunk
        self.seen.add(offset)
        if tag == UNMEASRD:
            self.out.unmeasured += 1
            return
        self.hash.update(struct.pack("<8sQ48x", EEXTEND, offset))
        self.hash.update(chunk)

    def close_page(self):
        """A TCS in the EPC differs from the stream where EADD clears or refuses fields: then no
        hardware ever reaches the MRENCLAVE of this stream."""
        if self.page is None or self.flags & PAGE_TYPE != PT_TCS:
            return
        tcs = self.content
        (flags,) = struct.unpack_from("<Q", tcs, TCS_FLAGS_AT)
        if flags & TCS_DBGOPTIN or any(any(tcs[at:at + n]) for at, n in TCS_CLEARED):
            self.problem(f"TCS {self.page:#x} sets fields EADD clears")
        if flags & ~TCS_FLAGS_KNOWN or any(tcs[TCS_RESERVED_FROM:]):
            self.problem(f"TCS {self.page:#x} has reserved bytes set")
