#!/usr/bin/env python3
"""Makes oe-rich-*: Open Enclave ELF files with thread-locals, symbols and relocations, one for each way in which
a release's loader lays an enclave out, signed with the first key of tests/interop/testkey.py.

The image is held in memory and changed there as the loader does it, then hashed page by page: nothing here is
shared with the program. Sources: openenclave's host/sgx/create.c, loadelf.c, elf.c and sgxload.c.
Usage: mkoe.py DIRECTORY
"""

import hashlib
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "interop"))
import testkey  # noqa: E402

PAGE = 4096
DYNSYM, DYNSTR, RELA_DYN, RELA_PLT, DYNAMIC = 0x300, 0x600, 0x800, 0x1C00, 0x1D00
TEXT, DATA_AT, DATA, INFO_AT, INFO = 0x2000, 0x3010, 0x5010, 0x4200, 0x9200
TABLES = 0x5000                       # .symtab, .strtab, .shstrtab, section headers: not loaded
VARIABLES = ("_enclave_rva", "_reloc_rva", "_reloc_size", "_tdata_rva", "_tdata_size", "_tdata_align",
             "_tbss_size", "_tbss_align")
TLS = {".tdata": (DATA, 0x24, 0x20), ".tbss": (DATA + 0x40, 0x1234, 0x40)}


def up(value, to=PAGE):
    return -(-value // to) * to


def power_of_two(value):
    return 1 << (value - 1).bit_length()


def address(name):
    """Where a variable of the runtime is: one word each, from 0x100 on in the data."""
    return DATA + 0x100 + 16 * (VARIABLES + ("_td_from_tcs_offset", "_module_info")).index(name)


class File:
    """One ELF file, and the loader `how` that it is measured with."""

    def __init__(self, how):
        self.how = how
        self.names = list(VARIABLES)
        if how.get("td"):
            self.names.append("_td_from_tcs_offset")
        if how.get("modules"):
            self.names.append("_module_info")
        self.tls = TLS if how.get("tls", True) else {}
        self.data = bytearray(TABLES)
        self.symbols, self.strings = self.symbol_table()
        self.relocations()
        self.info()
        self.headers()

    def symbol_table(self):
        """Every name once as it is, and once again with another value, which no loader looks at."""
        strings, out = b"\0", [struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)]
        for name in ["thread_local"] + self.names + self.names[:1]:
            value = 0xFFFFFFFFFFFFFFC8 if name == "thread_local" else address(name)
            if len(out) == len(self.names) + 2:
                value = 0x123456
            out.append(struct.pack("<IBBHQQ", len(strings), 0x11, 0, 1, value, 8))
            strings += name.encode() + b"\0"
        return b"".join(out), strings

    def relocations(self):
        dyn = b""
        for i in range(210):
            dyn += struct.pack("<QQq", DATA + 8 * i, 1 << 32 | 18, 7) if i % 17 == 3 else \
                struct.pack("<QQq", DATA + 8 * i, 8, TEXT + i)
        plt = b"".join(struct.pack("<QQq", DATA + 0x800 + 8 * i, 2 << 32 | 7, 0) for i in range(3))
        self.tables = (dyn, plt)
        self.data[RELA_DYN:RELA_DYN + len(dyn)] = dyn
        self.data[RELA_PLT:RELA_PLT + len(plt)] = plt
        if not self.how.get("static"):
            self.data[DYNSYM:DYNSYM + len(self.symbols)] = self.symbols
            self.data[DYNSTR:DYNSTR + len(self.strings)] = self.strings
        else:                                     # only the thread-local is exported
            self.data[DYNSYM:DYNSYM + 48] = self.symbols[:48]
            self.data[DYNSTR:DYNSTR + 14] = self.strings[:14]
        self.data[DYNAMIC:DYNAMIC + 32] = struct.pack("<QQQQ", 7, RELA_DYN, 0, 0)

    def info(self):
        size = self.how["size"]
        out = bytearray(size)
        struct.pack_into("<IIQQQHHI", out, 0, size, 2, self.how["heap"], self.how["stack"], self.how["tcs"],
                         7, 3, self.how.get("flags", 0))
        if size >= 1952:
            out[40:72] = bytes(range(32))
        if size == 1960:
            struct.pack_into("<Q", out, 88, self.how.get("start", 0))
        struct.pack_into("<Q", out, size - 8, 0xECECECECECECECEC)
        self.data[INFO_AT:INFO_AT + size] = out
        self.sigstruct_at = size - 8 - 1808

    def headers(self):
        text = bytes((i * 37 + i // 256) & 255 for i in range(0xF00))
        self.data[TEXT:TEXT + len(text)] = text
        self.data[DATA_AT:DATA_AT + 0x900] = bytes((i * 11 + 5) & 255 for i in range(0x900))
        self.loads = [(4, 0, 0, 0x1D20, 0x1D20), (5, TEXT, TEXT, 0xF00, 0xF00),
                      (6, DATA_AT, DATA, 0x900, 0x2345), (4, INFO_AT, INFO, self.how["size"], self.how["size"])]
        segments = [struct.pack("<IIQQQQQQ", 1, f, o, v, v, fs, ms, PAGE) for f, o, v, fs, ms in self.loads]
        if self.tls:
            segments.append(struct.pack("<IIQQQQQQ", 7, 4, DATA_AT, DATA, DATA, 0x24, 0x1274, 0x40))
        size = len(self.symbols) if not self.how.get("static") else 48
        rows = [("", 0, 0, 0, 0, 0, 0, 0), (".dynsym", 11, 2, DYNSYM, DYNSYM, size, 8, 24),
                (".dynstr", 3, 2, DYNSTR, DYNSTR, len(self.strings), 1, 0),
                (".rela.dyn", 4, 2, RELA_DYN, RELA_DYN, len(self.tables[0]), 8, 24),
                (".rela.plt", 4, 2, RELA_PLT, RELA_PLT, len(self.tables[1]), 8, 24),
                (".dynamic", 6, 3, DYNAMIC, DYNAMIC, 32, 8, 16), (".text", 1, 6, TEXT, TEXT, 0xF00, 16, 0)]
        for name, (at, length, align) in self.tls.items():
            rows.append((name, 1 if name == ".tdata" else 8, 0x403, at, DATA_AT, length, align, 0))
        rows += [(".data", 1, 3, DATA + 0x80, DATA_AT + 0x80, 0x880, 16, 0),
                 (".oeinfo", 1, 2, INFO, INFO_AT, self.how["size"], 8, 0)]
        rows.append((".symtab", 2, 0, 0, self.append(self.symbols), len(self.symbols), 8, 24))
        rows.append((".strtab", 3, 0, 0, self.append(self.strings), len(self.strings), 1, 0))
        names = b"".join(row[0].encode() + b"\0" for row in rows) + b".shstrtab\0"
        rows.append((".shstrtab", 3, 0, 0, self.append(names), len(names), 1, 0))
        links = {".dynsym": 2, ".rela.dyn": 1, ".rela.plt": 1, ".dynamic": 2, ".symtab": len(rows) - 2}
        table, at = b"", 0
        for name, kind, flags, addr, offset, length, align, entsize in rows:
            table += struct.pack("<IIQQQQIIQQ", at, kind, flags, addr, offset, length, links.get(name, 0), 0,
                                 align, entsize)
            at += len(name) + 1
        shoff = self.append(table)
        struct.pack_into("<16sHHIQQQIHHHHHH", self.data, 0, b"\x7fELF\x02\x01\x01", 3, 62, 1, TEXT + 0x40, 64,
                         shoff, 0, 64, 56, len(segments), 64, len(rows), len(rows) - 1)
        self.data[64:64 + 56 * len(segments)] = b"".join(segments)

    def append(self, content):
        at = len(self.data)
        self.data += content + bytes(-len(content) % 16)
        return at

    # ---- what the loader does ----

    def loaded_relocations(self):
        out = b""
        for offset, info, addend in struct.iter_unpack("<QQq", self.tables[0] +
                                                       (self.tables[1] if self.how.get("modules") else b"")):
            out += struct.pack("<QQq", offset, info, -56 if info & 0xFFFFFFFF == 18 else addend)
        return out + bytes(-len(out) % PAGE)

    def measure(self):
        how, relocations = self.how, self.loaded_relocations()
        image = bytearray(up(INFO + how["size"]))
        for _, offset, vaddr, filesz, _ in self.loads:
            image[vaddr:vaddr + filesz] = self.data[offset:offset + filesz]
        wanted = up(sum(up(length, align) for _, length, align in self.tls.values())) // PAGE
        tls = wanted if how.get("td") else 1
        before = len(image) + len(relocations) + how["heap"] * PAGE
        end = before + how["tcs"] * (2 + how["stack"] + 4 + (1 if how.get("counts_one") else tls) + 1) * PAGE
        size = power_of_two(end)
        if how.get("bare"):
            image[40:48], image[60:64] = bytes(8), bytes(4)
        struct.pack_into("<6Q", image, INFO + self.sigstruct_at - 48, INFO, how["size"], len(image),
                         len(relocations), len(image) + len(relocations), end if how.get("end") else size)
        values = {"_enclave_rva": address("_enclave_rva"), "_reloc_rva": len(image),
                  "_reloc_size": len(relocations)}
        for name, (at, length, align) in self.tls.items():
            values.update({f"_{name[1:]}_rva": at, f"_{name[1:]}_size": length, f"_{name[1:]}_align": align})
        values.pop("_tbss_rva", None)
        if how.get("td"):
            values["_td_from_tcs_offset"] = (tls + 4) * PAGE
        for name, value in values.items():
            struct.pack_into("<Q", image, address(name), value)
        image[INFO + self.sigstruct_at:INFO + self.sigstruct_at + 1808] = bytes(1808)
        return self.hash(image, relocations, tls, power_of_two(end + how.get("start", 0)))

    def hash(self, image, relocations, tls, size):
        base, how, h = self.how.get("start", 0), self.how, hashlib.sha256()
        h.update(b"ECREATE\0" + struct.pack("<IQ", 1, size) + bytes(44))

        def page(at, flags, content):
            h.update(b"EADD\0\0\0\0" + struct.pack("<QQ", base + at, flags) + bytes(40))
            for i in range(0, len(content), 256):
                h.update(b"EEXTEND\0" + struct.pack("<Q", base + at + i) + bytes(48) + content[i:i + 256])
            return at + PAGE

        for flags, _, vaddr, _, memsz in self.loads:
            bits = 0x200 | flags >> 2 & 1 | flags & 2 | (flags & 1) << 2
            for at in range(vaddr // PAGE * PAGE, vaddr + memsz, PAGE):
                page(at, bits, bytes(image[at:at + PAGE]))
        at = len(image)
        for i in range(0, len(relocations), PAGE):
            at = page(at, 0x201, relocations[i:i + PAGE])
        for _ in range(how["heap"]):
            at = page(at, 0x203, b"")
        for _ in range(how["tcs"]):
            at += PAGE
            for _ in range(how["stack"]):
                at = page(at, 0x203, b"\xcc" * PAGE)
            at += PAGE
            fs = base + at + (4 + tls) * PAGE
            tcs = struct.pack("<QQQIIQQQQII", 0, 0, base + at + PAGE, 0, 2, base + TEXT + 0x40, 0, fs,
                              fs - (PAGE if how.get("gs_before") else 0), 0xFFFFFFFF, 0xFFFFFFFF)
            at = page(at, 0x100, tcs.ljust(PAGE, b"\0"))
            at = page(page(at, 0x203, bytes(PAGE)), 0x203, bytes(PAGE)) + PAGE
            for _ in range(tls + 1):
                at = page(at, 0x203, bytes(PAGE))
        return h.hexdigest()

    def sign(self, mrenclave):
        at = INFO_AT + self.sigstruct_at
        ids = {"isvprodid": 7, "isvsvn": 3}
        if self.how["size"] >= 1952:
            ids.update(isvfamilyid=bytes(range(16)), isvextprodid=bytes(range(16, 32)), attributes=0x84)
        self.data[at:at + 1808] = testkey.sigstruct(mrenclave, **ids)
        return bytes(self.data)


PLAIN = {"heap": 3, "stack": 2, "tcs": 3}
KINDS = {
    "0.7": {"size": 1920, "bare": 1, "static": 1, "end": 1, "gs_before": 1},
    "0.9": {"size": 1920, "bare": 1, "static": 1, "end": 1},
    "0.10": {"size": 1920, "bare": 1, "static": 1},
    "0.11": {"size": 1920, "bare": 1, "td": 1, "tls": False, "heap": 23, "counts_one": 1},
    "0.12": {"size": 1920, "bare": 1, "td": 1},
    "0.15": {"size": 1952, "bare": 1, "td": 1},
    "0.16": {"size": 1952, "td": 1, "modules": 1},
    "0.19": {"size": 1960, "td": 1, "modules": 1, "flags": 1},
    "zero-base": {"size": 1960, "td": 1, "modules": 1, "flags": 2, "start": 0x30000},
}


def main(argv):
    for name, how in KINDS.items():
        file = File({**PLAIN, **how})
        with open(os.path.join(argv[1], f"oe-rich-{name}.signed"), "wb") as out:
            out.write(file.sign(file.measure()))


if __name__ == "__main__":
    main(sys.argv)
