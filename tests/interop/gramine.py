"""Gramine enclaves, measured from a manifest and libpal.so: a second implementation, by the releases' own constants.

Written from sgx_sign.py and pal_linux_defs.h of gramineproject/gramine. Knows no SIGSTRUCT.
"""

import hashlib
import struct
import tomllib

PAGE = 4096
SSA, STACK, SIGNAL = 8, 64, 16          # pages of a thread
R, W, X, TCS, REG = 1, 2, 4, 0x100, 0x200


def pages(length):
    return -(-length // PAGE)


def make_libpal(segments, entry=0x10, seed=b""):
    """An ELF file of (address, bytes in the file, bytes in memory, R | W | X), page-aligned in the file."""
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, entry, 64, 0, 0, 64, 56,
                       len(segments), 64, 0, 0)
    table, body = b"", b""
    start = PAGE
    for address, filesz, memsz, flags in segments:
        at = start + len(body) + address % PAGE
        swapped = (flags & R) << 2 | flags & W | (flags & X) >> 2
        table += struct.pack("<IIQQQQQQ", 1, swapped, at, address, address, filesz, memsz, PAGE)
        body += bytes(address % PAGE) + hashlib.shake_256(seed + table).digest(filesz)
        body += bytes(-len(body) % PAGE)
    return (head + table).ljust(start, b"\0") + body


LIBPAL = make_libpal([(0, 0x1234, 0x1234, R | X), (0x3e10, 0x200, 0x1800, R | W)])


class Enclave:
    """size, base, and the areas that lie below its end; release is a tuple such as (1, 9)."""

    def __init__(self, manifest, libpal, release):
        sgx = tomllib.loads(manifest.decode())["sgx"]
        self.text, self.libpal = manifest + b"\0", libpal
        old = release < (1, 5)
        self.edmm = release >= (1, 4) and sgx.get("edmm_enable", False)
        text = sgx.get("enclave_size", "1024G" if self.edmm and not old else "256M")
        unit = {"K": 10, "M": 20, "G": 30}.get(text[-1])
        self.size = int(text[:-1], 0) << unit if unit else int(text, 0)
        names = ["thread_num"] if release < (1, 4) else ["max_threads", "thread_num"] if old else ["max_threads"]
        self.threads = next((sgx[name] for name in names if name in sgx), 4)
        self.base, self.heap = 0, 0x10000
        if old and not sgx.get("nonpie_binary", False):
            self.base = self.heap = self.size
        self.entry, offset = struct.unpack_from("<QQ", libpal, 24)
        headers = [struct.unpack_from("<IIQQQQQQ", libpal, offset + 56 * i)
                   for i in range(struct.unpack_from("<H", libpal, 56)[0])]
        self.segments = [(flags, at, address, filesz, memsz)
                         for kind, flags, at, address, _, filesz, memsz, _ in headers if kind == 1]
        top, self.at = self.base + self.size, {}
        for name, count in (("manifest", pages(len(self.text))), ("ssa", SSA * self.threads),
                            ("tcs", self.threads), ("tls", self.threads), ("stack", STACK * self.threads),
                            ("signal", SIGNAL * self.threads),
                            ("pal", max(pages(s[2] + s[4]) for s in self.segments))):
            top -= count * PAGE
            self.at[name] = top
        self.room = top - self.heap

    def tcs(self, t):
        at, base = self.at, self.base
        page = struct.pack("<QQQIIQQQQII", 0, 0, at["ssa"] + t * SSA * PAGE - base, 0, 2,
                           at["pal"] - base + self.entry, 0, 0, at["tls"] + t * PAGE - base, 0xFFF, 0xFFF)
        # OFSBASE and the field before it are zero; OGSBASE stands at 56.
        return (page[:40] + bytes(16) + page[56:]).ljust(PAGE, b"\0")

    def tls(self, t):
        at, back = self.at, self.threads - 1 - t
        signal, ssa = at["signal"] + back * SIGNAL * PAGE, at["ssa"] + t * SSA * PAGE
        words = {0: at["tls"] + t * PAGE, 8: 0xBADBADBADBAD, 0x110: self.size,
                 0x118: at["tcs"] + t * PAGE - self.base, 0x120: at["stack"] + (back + 1) * STACK * PAGE,
                 0x130: signal, 0x138: signal + SIGNAL * PAGE, 0x148: ssa, 0x150: ssa + 4 * PAGE - 184,
                 0x1A0: len(self.text), 0x1A8: self.heap, 0x1B0: at["pal"]}
        return b"".join(struct.pack("<Q", words.get(i, 0)) for i in range(0, PAGE, 8))

    def pages(self):
        """(address, flags, content); content None: added and not measured."""
        at, zero = self.at, bytes(PAGE)
        runs = [(at["manifest"], REG | R, self.text), (at["ssa"], REG | R | W, zero * SSA * self.threads)]
        runs += [(at["tcs"], TCS, b"".join(map(self.tcs, range(self.threads)))),
                 (at["tls"], REG | R | W, b"".join(map(self.tls, range(self.threads))))]
        for name, count in (("stack", STACK), ("signal", SIGNAL)):
            runs += [(at[name] + t * count * PAGE, REG | R | W, zero * count) for t in reversed(range(self.threads))]
        for flags, offset, address, filesz, memsz in self.segments:
            before = address % PAGE
            content = bytes(before) + self.libpal[offset:offset + filesz] + bytes(memsz - filesz)
            secinfo = REG | (R if flags & 4 else 0) | (W if flags & 2 else 0) | (X if flags & 1 else 0)
            runs.append((at["pal"] + address - before, secinfo, content))
        for address, flags, content in runs:
            for i in range(0, len(content), PAGE):
                yield address + i, flags, content[i:i + PAGE].ljust(PAGE, b"\0")
        if not self.edmm:
            for address in range(self.heap, at["pal"], PAGE):
                yield address, REG | R | W | X, None

    def records(self):
        """What the CPU measures, in pieces."""
        yield struct.pack("<8sIQ44x", b"ECREATE", 4, self.size)
        for address, flags, content in self.pages():
            offset = address - self.base
            yield struct.pack("<8sQQ40x", b"EADD", offset, flags)
            for i in range(0, PAGE if content is not None else 0, 256):
                yield struct.pack("<8sQ48x", b"EEXTEND", offset + i) + content[i:i + 256]

    def mrenclave(self):
        digest = hashlib.sha256()
        for record in self.records():
            digest.update(record)
        return digest.digest()
