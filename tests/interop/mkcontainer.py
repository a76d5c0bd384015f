#!/usr/bin/env python3
"""mkcontainer.py intel|oe [options] --out FILE: makes a signed ELF enclave of any size.

The same options give the same bytes. The content is seeded, the layout is the one of the tools;
differences that a comparison has to explain are options: one byte, one page's flags, another page,
heap or number of threads. stdout: MRENCLAVE in hex. The enclaves hold no code that runs.
"""

import argparse
import hashlib
import mmap
import pathlib
import re
import sys

import elf
import intel
import mkelf
import mkintel
import mkoe
import oe
import pem
import sgx
import testkey

TESTKEY = pathlib.Path(__file__).resolve().parents[1] / "vectors" / "keys" / "testkey.pem"
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
FLAG_LETTERS = {"r": 4, "w": 2, "x": 1}


class Signer:
    """An RSA-3072 key and what it writes into a SIGSTRUCT; fields: names of sgx.FIELDS."""

    def __init__(self, path=TESTKEY, **fields):
        self.n, self.e, _, self.p, self.q = pem.private_key(pathlib.Path(path).read_text())
        self.fields = fields

    def sigstruct(self, mrenclave):
        """A finished SIGSTRUCT (1808 bytes) for an MRENCLAVE in hex."""
        values = {"header": sgx.HEADER, "header2": sgx.HEADER2, "date": 0x20240229,
                  "modulus": self.n, "exponent": self.e, "miscmask": 0xFFFFFFFF,
                  "attributes": sgx.ATTR_MODE64BIT, "attributes_mask": 2 ** 64 - 3, "xfrm": 3,
                  "xfrm_mask": 2 ** 64 - 0xE5, "isvprodid": 1, "isvsvn": 2,
                  "enclavehash": bytes.fromhex(mrenclave), **self.fields}
        s = _power(sgx.sign_data(sgx.build(values)), self.p, self.q, self.e)
        q1, q2 = sgx.quotients(s, self.n)
        return sgx.build({**values, "signature": s, "q1": q1, "q2": q2})


def _power(message, p, q, e):
    """RSASSA-PKCS1-v1_5 with SHA-256 as an integer."""
    block = sgx.emsa(_sha256(message))
    d = pow(e, -1, (p - 1) * (q - 1))
    sp, sq = pow(block, d % (p - 1), p), pow(block, d % (q - 1), q)
    return sq + (sp - sq) * pow(q, -1, p) % p * q


def _sha256(message):
    return hashlib.sha256(message).digest()


def fips_block(sigstruct):
    """772 bytes: a key with exponent 65537 (throw-away: its primes are public), and its signature
    over the 1808 bytes."""
    p, q = (int(prime, 16) for prime in testkey.KEYS["two"])
    s = _power(sigstruct, p, q, intel.FIPS_EXPONENT)
    return ((p * q).to_bytes(384, "little") + intel.FIPS_EXPONENT.to_bytes(4, "little")
            + s.to_bytes(384, "big"))


def sign_intel(path, signer):
    """Fills in every block of an enclave that was written by mkintel; returns MRENCLAVE."""
    with open(path, "r+b") as f, mmap.mmap(f.fileno(), 0) as data:
        blocks = intel.blocks(elf.Elf(data))
        measured = {block.measure() for block in blocks}
        if len(measured) != 1:
            raise ValueError(f"the blocks measure to {sorted(measured)}")
        mrenclave = measured.pop()
        sigstruct = signer.sigstruct(mrenclave)
        for block in blocks:
            data[block.sigstruct_at:block.sigstruct_at + len(sigstruct)] = sigstruct
            if block.fips():
                at = block.fips()[0]
                data[at:at + intel.FIPS_LEN] = fips_block(sigstruct)
    return mrenclave


def sign_oe(path, signer, layout):
    """The same for mkoe and a layout of oe.LAYOUTS. An image of 0.4, which cannot be measured, gets
    the hash of the whole file."""
    with open(path, "r+b") as f, mmap.mmap(f.fileno(), 0) as data:
        file = elf.Elf(data)
        properties = oe.Properties(file)
        mrenclave = (_sha256(data).hex() if properties.size == 1856
                     else oe.measure(file, layout=layout))
        at = properties.sigstruct_at
        data[at:at + sgx.SIGSTRUCT_LEN] = signer.sigstruct(mrenclave)
    return mrenclave


def make_intel(plan, path, signer=None):
    """Writes a mkintel.Plan, signed if there is a signer; returns MRENCLAVE or None."""
    mkintel.write(plan, path, signed=signer is not None)
    return sign_intel(path, signer) if signer else None


def make_oe(plan, path, signer=None):
    """Writes a mkoe.Plan, signed if there is a signer; returns MRENCLAVE or None."""
    mkoe.write(plan, path)
    return sign_oe(path, signer, plan.layout) if signer else None


def _content(options, name):
    size = getattr(options, name)
    return mkelf.Zeros(size) if options.zeros else mkelf.Seeded(f"{options.seed}/{name}", size)


def _changed_byte(content, at):
    """What one byte of a content is when it is changed: the byte itself plus one."""
    if not 0 <= at < len(content):
        raise SystemExit(f"mkcontainer.py: --flip-rodata {at}: .rodata has {len(content)} bytes")
    was = 0
    for i, block in enumerate(content.blocks()):
        if i == at // mkelf.BLOCK:
            was = block[at % mkelf.BLOCK]
    return bytes([was + 1 & 0xFF])


def plan_intel(options):
    """The Plan of the command line."""
    rodata, text, data = (_content(options, name) for name in ("rodata", "text", "data"))
    segments = [(options.rodata_flags, 0, rodata, 0)]
    relocations = None
    at = elf.page_up(mkintel.HEADERS_END + 0x200 + 24 * options.textrel + len(rodata))
    if options.textrel:
        # Every other page, and now and then across the border of two.
        places = [at + i * 0x7FC % max(len(text) - 8, 1) for i in range(options.textrel)]
        relocs = [mkelf.rela(place, 8, 0, place) for place in places]
        relocations = (relocs[::2], relocs[1::2])
    names = [(".rodata", 0, 0, len(rodata)), (".text", 1, 0, len(text)), (".data", 2, 0, len(data))]
    segments.append((5, at, text, len(text)))
    at = elf.page_up(at + len(text)) + 0x1080
    segments.append((6, at, data, len(data) + options.bss))
    at = elf.page_up(at + len(data) + options.bss) + 0x1000
    layout, end = mkintel.threads_layout(at, options.heap, options.stack, options.threads,
                                         options.td_flags, options.extra_page)
    size = options.enclave_size or mkintel.power_of_two(2 * end)
    plan = mkintel.Plan(options.version, segments, layout, size, names,
                        mkintel.section_patches(), relocations, fips=options.fips,
                        alone=options.alone, ssaframesize=options.ssaframesize)
    if int(options.version.split(".")[0]) >= 10:
        plan.elrange = (options.elrange or 0x10000, 0,
                        mkintel.power_of_two(size + (options.elrange or 0x10000)))
    if options.flip_rodata is not None:
        plan.overwrite = [(0, options.flip_rodata, _changed_byte(rodata, options.flip_rodata))]
    return plan


def plan_oe(options):
    """The Plan of the command line."""
    rodata, text, data = (_content(options, name) for name in ("rodata", "text", "data"))
    layout = options.layout or oe.BY_SIZE.get(mkoe.SIZES[options.version], ("0.10",))[0]
    plan = mkoe.Plan(options.version, layout, rodata, text, data, options.bss, options.heap,
                     options.stack, options.threads, (options.tdata, 16), (options.tbss, 16),
                     options.symbols, options.relocations, options.zero_base)
    if options.flip_rodata is not None:
        plan.overwrite = [(".rodata", options.flip_rodata,
                           _changed_byte(rodata, options.flip_rodata))]
    return plan


def _size(text):
    found = re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)([KMG]?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size")
    return int(found[1], 0) * UNITS[found[2]]


def _flags(text):
    if not text or set(text) - set(FLAG_LETTERS):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the letters rwx")
    return sum({FLAG_LETTERS[letter] for letter in text})


def _number(text):
    return int(text, 0)


def _common(p, versions, version):
    p.add_argument("--out", required=True, metavar="FILE")
    p.add_argument("--version", choices=versions, default=version)
    p.add_argument("--random", metavar="SEED", help="a layout that nobody chose; sizes are ignored")
    p.add_argument("--seed", default="0", help="of the content")
    for name, size in (("rodata", 0x1400), ("text", 0x1388), ("data", 0x570), ("bss", 0x1B90)):
        p.add_argument(f"--{name}", type=_size, default=size, metavar="SIZE")
    p.add_argument("--zeros", action="store_true", help="content that takes no room on disk")
    p.add_argument("--heap", type=_size, default=2, metavar="PAGES")
    p.add_argument("--stack", type=_size, default=2, metavar="PAGES")
    p.add_argument("--threads", type=_size, default=2, metavar="COUNT")
    p.add_argument("--flip-rodata", type=_number, metavar="OFFSET", help="one byte is another one")
    p.add_argument("--unsigned", action="store_true")
    p.add_argument("--key", default=TESTKEY, metavar="PEM")
    p.add_argument("--isvsvn", type=_number, default=2)
    p.add_argument("--date", type=lambda text: int(text, 16), default=0x20240229,
                   metavar="YYYYMMDD")


def options(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(dest="kind", required=True)
    p = sub.add_parser("intel", help="Intel SDK")
    _common(p, sorted(mkintel.NOTES), "2.4")
    p.add_argument("--alone", action="store_true", help="the first block only")
    p.add_argument("--fips", action="store_true", help="a FIPS block (1.5, 3.2 and later)")
    p.add_argument("--textrel", type=_number, default=0, metavar="COUNT", help="text relocations")
    p.add_argument("--elrange", type=_size, metavar="OFFSET", help="of the image (versions 12, 13)")
    p.add_argument("--enclave-size", type=_size, metavar="SIZE")
    p.add_argument("--ssaframesize", type=_number, default=1, metavar="PAGES")
    p.add_argument("--rodata-flags", type=_flags, default=4, metavar="rwx")
    p.add_argument("--td-flags", type=_number, default=mkintel.REG_RW, metavar="SECINFO",
                   help="flags of the thread data page")
    p.add_argument("--extra-page", action="store_true", help="one page more, at the end")
    p = sub.add_parser("oe", help="Open Enclave")
    _common(p, sorted(mkoe.SIZES), "0.19")
    p.add_argument("--tdata", type=_size, default=0, metavar="SIZE")
    p.add_argument("--tbss", type=_size, default=0, metavar="SIZE")
    p.add_argument("--symbols", action="store_true", help="the runtime's variables as symbols")
    p.add_argument("--layout", choices=oe.LAYOUTS, help="of which versions' loader")
    p.add_argument("--relocations", type=_number, default=0, metavar="COUNT")
    p.add_argument("--zero-base", type=_size, metavar="ADDRESS")
    return parser.parse_args(argv)


def main(argv):
    chosen = options(argv)
    signer = None if chosen.unsigned else Signer(chosen.key, isvsvn=chosen.isvsvn,
                                                  date=chosen.date)
    if chosen.kind == "intel":
        plan = mkintel.random_plan(chosen.random) if chosen.random else plan_intel(chosen)
        mrenclave = make_intel(plan, chosen.out, signer)
    else:
        plan = mkoe.random_plan(chosen.random) if chosen.random else plan_oe(chosen)
        mrenclave = make_oe(plan, chosen.out, signer)
    if mrenclave:
        print(mrenclave)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
