#!/usr/bin/env python3
"""ELF files with what elf2sgxs demands of x86_64-fortanix-unknown-sgx, laid out here by hand.

    mkfortanix.py OUT [--seed TEXT]     a plain one; the same seed gives the same bytes
"""

import argparse
import dataclasses
import random
import struct

import elf
import fortanix
import mkelf
from elf import page_up

DT_RELACOUNT = 0x6ffffff9
HEAD = 0x200                            # room for the ELF header and the program headers


@dataclasses.dataclass
class Plan:
    """A program before it is written. names: the symbols of .eh_frame; no_sgx: bytes of .text_no_sgx, which begins
    at no_sgx_at of the code segment, None at its end; data_symbols: the symbols lie in .data; text_at: behind the begin
    of its page; slack: an address of .data behind the begin of its page."""
    seed: str = "edp"
    names: tuple = fortanix.NEW
    text: int = 0x1a00
    rodata: int = 0x300
    data: int = 0x200
    bss: int = 0x1200
    relocations: int = 3
    no_sgx: int = 0
    no_sgx_at: int = None
    data_symbols: bool = False
    text_at: int = 0
    slack: int = 0xa80


def write(plan, path):
    """Writes the file; returns {table: (offset, size)} for whoever changes it."""
    out = mkelf.Image()
    seeded = lambda name, size: mkelf.Seeded(f"{plan.seed} {name}", size)
    names = ("sgx_entry",) + fortanix.NUMBERS + plan.names
    strings, where = mkelf.strings(names)
    numbers = 8 * len(names)
    at, places = HEAD, {}
    for name, size in ((".dynsym", 24 * (len(names) + 1)), (".dynstr", len(strings)),
                       (".rela.dyn", 24 * plan.relocations), (fortanix.NOTE, 36),
                       (".eh_frame_hdr", 44), (".eh_frame", 200), (".rodata", plan.rodata + numbers)):
        at = at + 7 & ~7
        places[name] = (at, size)
        at += size
    text_at = page_up(at) + plan.text_at
    code = plan.text + (plan.no_sgx if plan.no_sgx_at is None else 0)
    data_at = page_up(text_at + code) + 0x1000 + plan.slack
    data_off = page_up(text_at + code) + plan.slack
    dynamic = 16 * 8
    size = dynamic + plan.data + numbers + 8 * plan.relocations
    table = data_at + dynamic + plan.data if plan.data_symbols else places[".rodata"][0] + plan.rodata

    out.put(0, seeded("read-only", at))
    out.put(text_at, seeded("code", code))
    out.put(data_off, seeded("data", size))
    out.entry = text_at + 16
    for args in ((elf.PT_LOAD, 4, 0, 0, at, at), (elf.PT_LOAD, 5, text_at, text_at, code, code),
                 (elf.PT_LOAD, 6, data_off, data_at, size, size + plan.bss),
                 (elf.PT_DYNAMIC, 6, data_off, data_at, dynamic, dynamic)):
        out.segment(*args)
    symbols = elf.SYM.pack(0, 0, 0, 0, 0, 0) + elf.SYM.pack(where["sgx_entry"], 0x12, 0, 7, text_at + 16, 9)
    for i, name in enumerate(names[1:]):
        symbols += elf.SYM.pack(where[name], 0x11, 0, 7, table + 8 * i, 1 if name == "DEBUG" else 8)
    out.put(places[".dynsym"][0], symbols)
    out.put(places[".dynstr"][0], strings)
    relocated = data_at + size - 8 * plan.relocations
    out.put(places[".rela.dyn"][0], b"".join(mkelf.rela(relocated + 8 * i, fortanix.R_RELATIVE, 0, text_at)
                                             for i in range(plan.relocations)))
    out.put(places[fortanix.NOTE][0], struct.pack("<III20sI", 18, 4, 1, b"toolchain-version", 1))
    tags = [(5, places[".dynstr"][0]), (6, places[".dynsym"][0])]
    if plan.relocations:
        tags += [(7, places[".rela.dyn"][0]), (8, 24 * plan.relocations), (9, 24),
                 (DT_RELACOUNT, plan.relocations)]
    out.put(data_off, mkelf.dynamic(tags).ljust(dynamic, b"\0"))
    _sections(out, plan, places, (text_at, code), (data_at, data_off, size))
    out.save(path)
    return {**places, "dynamic": (data_off, dynamic), "headers": (0, 64 + 56 * 4),
            "sections": (out.end - 64 * 14, 64 * 14)}


def _sections(out, plan, places, text, data):
    kinds = {".dynsym": (mkelf.DYNSYM, ".dynstr", 24), ".dynstr": (mkelf.STRTAB, "", 0),
             ".rela.dyn": (mkelf.RELA, ".dynsym", 24), fortanix.NOTE: (mkelf.NOTE, "", 0)}
    for name, (at, size) in places.items():
        kind, link, entsize = kinds.get(name, (mkelf.PROGBITS, "", 0))
        if size:
            out.section(name, kind, mkelf.loaded(4), at, at, size, link, 8, entsize)
    out.section(".text", mkelf.PROGBITS, mkelf.loaded(5), text[0], text[0], plan.text)
    if plan.no_sgx:
        at = text[0] + (plan.text if plan.no_sgx_at is None else plan.no_sgx_at)
        out.section(".text_no_sgx", mkelf.PROGBITS, mkelf.loaded(5), at, at, plan.no_sgx)
    out.section(".data", mkelf.PROGBITS, mkelf.loaded(6), data[0], data[1], data[2])
    out.section(".bss", mkelf.NOBITS, mkelf.loaded(6), data[0] + data[2], data[1] + data[2], plan.bss)


def random_plan(seed):
    """A program with sizes that nobody chose."""
    dice = random.Random(f"fortanix {seed}")
    plan = Plan(f"r{seed}", dice.choice((fortanix.NEW, fortanix.OLD, fortanix.OLD + fortanix.NEW)),
                dice.randint(0x40, 9000), dice.randrange(5000) & ~7, dice.randrange(3000) & ~7, dice.randrange(9000),
                dice.choice((0, 1, dice.randrange(300))), data_symbols=dice.random() < 0.5,
                text_at=dice.choice((0, dice.randrange(4096) & ~15)), slack=dice.randrange(4096) & ~7)
    if dice.random() < 0.6:
        plan.no_sgx = dice.randrange(1, 6000)
        if dice.random() < 0.5 and plan.no_sgx < plan.text:
            plan.no_sgx_at = dice.randrange(plan.text - plan.no_sgx)
    return plan


def main():
    """The command above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--seed", default="edp")
    args = parser.parse_args()
    write(Plan(args.seed), args.out)


if __name__ == "__main__":
    main()
