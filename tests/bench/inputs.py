"""What bench works on: bundles, a bare stream, small bundles and sign-data, all from one seed.

The content is real: pages of the ELF files that this system has, in an order that the seed
decides. A bundle holds one executable and the SGXS stream of the same pages, as elf2sgxs makes it,
so its size is known beforehand: 4096 bytes of each page in the one and 5184 in the other. Sizes
are those of the unpacked content, which is what has to be inflated and hashed. The same system
files and the same seed give the same bytes.
"""

import hashlib
import io
import os
import random
import zipfile

import elf
import intel
import manifest
import mkbundle
import mkcontainer
import mkenclave
import sgx
import sgxs

MIB = 1 << 20
SEED = 6
PAGES_AT_ONCE = 256
RECORDS_LEN = len(mkenclave.page(0, 0))                 # of one page in a stream
PAGE_COST = sgxs.PAGE_LEN + RECORDS_LEN                 # of one page in a bundle
PLACES = ("/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")
SMALLEST = 64 << 10                                     # of the files that are taken
LEVEL = 6                                               # as zip and orc deflate


class Pages:
    """Content without end, a page at a time."""

    def __init__(self, seed, paths):
        self.paths = list(paths)
        random.Random(seed).shuffle(self.paths)
        self.pages = self._walk()

    def _walk(self):
        while True:
            for path in self.paths:
                with open(path, "rb") as f:
                    while len(page := f.read(sgxs.PAGE_LEN)) == sgxs.PAGE_LEN:
                        yield page

    def take(self, count):
        """Yields lists of pages, PAGES_AT_ONCE at most."""
        while count > 0:
            yield [next(self.pages) for _ in range(min(count, PAGES_AT_ONCE))]
            count -= PAGES_AT_ONCE


def system_files():
    """The ELF files of this system that are large enough, sorted."""
    found = []
    for place in PLACES:
        if not os.path.isdir(place):
            continue
        for entry in os.scandir(place):
            if entry.is_file(follow_symlinks=False) and entry.stat().st_size >= SMALLEST:
                with open(entry.path, "rb") as f:
                    if f.read(4) == b"\x7fELF":
                        found.append(entry.path)
    if not found:
        raise SystemExit("bench: no ELF file of 64 KiB or more below " + ", ".join(PLACES))
    return sorted(set(found))


def stream(pages, count):
    """The SGXS stream of `count` pages and a TCS, in pieces: code, TCS, the rest as data."""
    reg = sgxs.PT_REG | sgxs.READ
    size = 1 << ((count + 1) * sgxs.PAGE_LEN - 1).bit_length()
    yield mkenclave.ecreate(max(size, 4 * sgxs.PAGE_LEN))
    number = 0
    for batch in pages.take(count):
        out = []
        for content in batch:
            if number == 1:
                out.append(mkenclave.page(sgxs.PAGE_LEN, sgxs.PT_TCS, mkenclave.tcs()))
                number += 1
            flags = reg | (sgxs.EXEC if number == 0 else sgxs.WRITE)
            out.append(mkenclave.page(number * sgxs.PAGE_LEN, flags, content))
            number += 1
        yield b"".join(out)


def write_stream(path, size, seed, paths):
    """A bare stream of about `size` bytes."""
    with open(path, "wb") as f:
        for piece in stream(Pages(seed, paths), max(4, size // RECORDS_LEN)):
            f.write(piece)


def _executable(pages, count):
    yield mkbundle.tiny_elf()
    for batch in pages.take(count):
        yield b"".join(batch)


def write_bundle(path, size, seed, paths):
    """An unsigned bundle, component ronl, whose content is about `size` bytes. The manifest is
    written last, when the digests are known, and is first in the directory."""
    count = max(4, size // PAGE_COST)
    bundle = mkbundle.Bundle(name="bench")
    bundle.add_component("ronl", b"", b"")
    digests = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as z:
        for name, pieces in (("ronl.elf", _executable(Pages(seed, paths), count)),
                             ("ronl.sgx", stream(Pages(seed, paths), count))):
            digest = hashlib.new("sha512_256")
            with z.open(_info(name), "w") as f:
                for piece in pieces:
                    digest.update(piece)
                    f.write(piece)
            digests[name] = digest.hexdigest()
        bundle.manifest["digests"] = digests
        z.writestr(_info(manifest.FILE_NAME), mkbundle.encode(bundle.manifest))
        z.filelist.insert(0, z.filelist.pop())


def _info(name):
    """Fixed date, level 6."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info._compresslevel = LEVEL                         # what ZipFile.writestr would set
    return info


def write_sign_data(path, number):
    """The sign-data of an enclave that nobody built, with orc's defaults."""
    values = {"header": sgx.HEADER, "header2": sgx.HEADER2, "date": 0x20240229,
              "miscmask": 0xFFFFFFFF, "attributes": 4, "attributes_mask": 2 ** 64 - 3, "xfrm": 3,
              "xfrm_mask": 2 ** 64 - 4, "enclavehash": hashlib.sha256(b"%d" % number).digest()}
    with open(path, "wb") as f:
        f.write(sgx.sign_data(sgx.build(values)))


def write_elf(path, pages, key):
    """A signed Intel ELF file of some `pages` measured pages, nearly all of them stacks, with blocks for two
    generations of loaders whose tables differ and lay out the same enclave."""
    mkcontainer.main(["intel", "--version", "2.4", "--threads", "4", "--stack", str(pages // 4),
                      "--key", key, "--out", path])


def write_records(path, pages):
    """As many bytes as are measured of so many pages, in a file without content."""
    with open(path, "wb") as f:
        f.truncate(pages * RECORDS_LEN)


def pages_of_elf(path):
    """How many pages the loader adds by its first metadata block."""
    stream = io.BytesIO()
    with open(path, "rb") as f:
        intel.blocks(elf.Elf(f.read()))[0].measure(stream)
    return sum(1 for _, tag, _, _ in sgxs.records(stream.getvalue()) if tag == sgxs.EADD)
