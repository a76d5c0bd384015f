"""D1: files that are odd, and that their loader or their tools read all the same.

Of every metadata version and every layout of Open Enclave, in every vector: with each oddity the file
is read, measures to the same MRENCLAVE, verifies, and is signed again; only the bytes of the copies of
the SIGSTRUCT change, and those of the second signature where there is one. What is odd is said.
"""

import json
import pathlib
import random
import struct
import subprocess
import tempfile
import unittest

import container
import elf
import intel
import mkcontainer
import mkintel
import mkoe
import oe
import sgx
from test_containers import ENSIGN, GOOD, KEYS, SECONDS, VECTORS

E_SHOFF, E_SHNUM, E_SHSTRNDX = 40, 60, 62
S_NAME, S_LINK, S_ALIGN = 0, 40, 48


def header_at(data, name):
    """The offset of a section's header."""
    file = elf.Elf(data)
    (table,) = struct.unpack_from("<Q", data, E_SHOFF)
    return next(table + 64 * i for i, s in enumerate(file.sections) if s.name == name)


def aligned(data, name, align):
    """The section is aligned otherwise; a note's section is as long as its note then."""
    at = header_at(data, name)
    if name == intel.SECTION:
        (offset,) = struct.unpack_from("<Q", data, at + 24)
        (desc,) = struct.unpack_from("<I", data, offset + 4)
        size = -(-(intel.NOTE_HEAD + desc) // align) * align
        struct.pack_into("<Q", data, at + 32, size)
        data.extend(bytes(max(offset + size - len(data), 0)))
    struct.pack_into("<Q", data, at + S_ALIGN, align)


def reordered(data):
    """The section headers in another order: all but the first, and but the one of the names, whose
    number stands in the ELF header, which may be measured."""
    (table,) = struct.unpack_from("<Q", data, E_SHOFF)
    count, names = struct.unpack_from("<HH", data, E_SHNUM)
    free = [i for i in range(1, count) if i != names]
    shuffled = free[::-1]
    rows = [bytes(data[table + 64 * i:table + 64 * i + 64]) for i in range(count)]
    place = {old: new for old, new in zip(shuffled, free)}
    for old, new in place.items():
        row = bytearray(rows[old])
        (link,) = struct.unpack_from("<I", row, S_LINK)
        struct.pack_into("<I", row, S_LINK, place.get(link, link))
        data[table + 64 * new:table + 64 * new + 64] = row


def without_section(data):
    """The section of the note has another name."""
    at = header_at(data, intel.SECTION)
    (name,) = struct.unpack_from("<I", data, at + S_NAME)
    struct.pack_into("<I", data, at + S_NAME, name + 5)     # ".sgxmeta"
    assert elf.Elf(data).section(intel.SECTION) is None


def without_sections(data):
    """There is no section table."""
    struct.pack_into("<Q", data, E_SHOFF, 0)
    struct.pack_into("<HH", data, E_SHNUM, 0, 0)


def stale(data):
    """Bytes of another file behind the last metadata block."""
    block = intel.blocks(elf.Elf(data))[-1]
    at, end = block.at + block.size, len(data)
    section = elf.Elf(data).section(intel.SECTION)
    if section is not None:
        (desc,) = struct.unpack_from("<I", data, section.offset + 4)
        end = section.offset + intel.NOTE_HEAD + desc
    data[at:end] = random.Random(0).randbytes(end - at)


def longer(data):
    """The note has 6 KiB more, and is at the end of the file."""
    at = header_at(data, intel.SECTION)
    offset, size = struct.unpack_from("<QQ", data, at + 24)
    (desc,) = struct.unpack_from("<I", data, offset + 4)
    note = bytearray(data[offset:offset + intel.NOTE_HEAD + desc]) + bytes(0x1800)
    struct.pack_into("<I", note, 4, desc + 0x1800)
    data[offset:offset + size] = bytes(size)
    data.extend(bytes(-len(data) % 4))
    struct.pack_into("<QQ", data, at + 24, len(data), len(note) + 3 & ~3)
    data.extend(note + bytes(-len(note) % 4))


def appended(data):
    """Bytes behind everything."""
    data.extend(random.Random(1).randbytes(1000))


# What each does to the file, and the words that show must have for it, or None.
INTEL = {"align 1": (lambda d: aligned(d, intel.SECTION, 1), "is aligned to 1,"),
         "align 4": (lambda d: aligned(d, intel.SECTION, 4), None),
         "align 8": (lambda d: aligned(d, intel.SECTION, 8), "is aligned to 8,"),
         "tail zero": (lambda d: None, None),
         "tail stale": (stale, "behind the last metadata block are not zero"),
         "tail longer": (longer, "bytes, which no SDK reserves"),
         "appended": (appended, None),
         "reordered": (reordered, None)}
# The same of a file with a program header for the note.
NOTED = {"note in a PT_NOTE as well": (lambda d: None, None),
         "note in a PT_NOTE only": (without_section, "there is no section .note.sgxmeta"),
         "no section table": (without_sections, "there is no section .note.sgxmeta")}
OPEN_ENCLAVE = {"align 1": (lambda d: aligned(d, oe.SECTION, 1), None),
                "align 4": (lambda d: aligned(d, oe.SECTION, 4), None),
                "align 8": (lambda d: aligned(d, oe.SECTION, 8), None),
                "appended": (appended, None), "reordered": (reordered, None)}


class Oddities(unittest.TestCase):
    """The program on the whole family."""

    @classmethod
    def setUpClass(cls):
        if not ENSIGN.exists():
            raise AssertionError(f"{ENSIGN} is not there: run make first")
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.signer = mkcontainer.Signer()
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def run_it(self, *args, status=0):
        done = subprocess.run([ENSIGN, *args], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, status, (args, done.stderr, done.stdout))
        return done.stdout

    def read(self, path, mrenclave, says):
        """show and verify: the measurement, and what is odd."""
        places = json.loads(self.run_it("show", "--json", path))["places"]
        warnings = []
        for place in places:
            if mrenclave:
                self.assertEqual(place["stream"]["mrenclave"], mrenclave)
            self.assertEqual(place["errors"], [])
            warnings += place["warnings"]
        odd = [text for text in warnings if "sgxmeta" in text or "no SDK reserves" in text]
        self.assertEqual(len(odd), says is not None, odd)
        if says:
            self.assertIn(says, odd[0])
        self.run_it("verify", path)

    def sign(self, path):
        """Signs the file again; every other byte is as it was."""
        request, signature, out = (self.folder / name for name in ("request", "signature", "out"))
        for one in (request, signature, out):
            one.unlink(missing_ok=True)
        self.run_it("gen-sign-data", "--from", path, "--date", "20260102", "--isvsvn", "77", "-o",
                    request, path)
        s = mkcontainer._power(request.read_bytes(), self.signer.p, self.signer.q, self.signer.e)
        signature.write_bytes(s.to_bytes(384, "big"))
        self.run_it("set-sig", "--sign-data", request, "-o", out, path, signature,
                    KEYS / "testkey.pub.pem")
        before, after = path.read_bytes(), out.read_bytes()
        self.assertEqual(container.judge_change(before, after, ("fips",)), [])
        errors, _, found = container.judge(after)
        if found.kind == "intel":
            self.assertEqual(errors, [])
        for copy in found.copies:
            self.assertEqual(sgx.parse(copy.sigstruct)["isvsvn"], 77)

    def family(self, data, kinds, what):
        """Every oddity of `kinds` on one file (bytes)."""
        found = container.Container(data)
        said = found.copies[0].sigstruct[960:992].hex()
        measured = None if found.kind == "ego" or what.startswith(("oe-0.4", "oe 0.4")) else said
        for name, (change, says) in kinds.items():
            with self.subTest(f"{what}: {name}"):
                odd, path = bytearray(data), self.folder / "odd"
                change(odd)
                path.write_bytes(odd)
                self.read(path, measured, says)
                self.sign(path)
                type(self).count += 1

    def make_intel(self, version, *more, noted=False):
        path = self.folder / "made"
        plan = mkcontainer.plan_intel(mkcontainer.options(
            ["intel", "--out", "-", "--version", version, *more]))
        plan.note_segment = noted
        mkcontainer.make_intel(plan, path, self.signer)
        return path.read_bytes()

    def test_intel_versions(self):
        versions = {version for _, blocks in mkintel.NOTES.values() for version in blocks}
        self.assertEqual(versions, {f"{major}.{minor}" for major, minor in intel.VERSIONS})
        for version in mkintel.NOTES:
            self.family(self.make_intel(version), INTEL, f"intel {version}")
            self.family(self.make_intel(version, noted=True), NOTED, f"intel {version}")

    def test_text_relocations_without_sections(self):
        """Their tables are found by the segments then."""
        self.family(self.make_intel("2.4", "--textrel", "5", noted=True), NOTED, "intel textrel")

    def test_second_signature(self):
        self.family(self.make_intel("3.3", "--fips"), INTEL, "intel fips")
        self.family(self.make_intel("3.3", "--fips", noted=True), NOTED, "intel fips")

    def test_vectors(self):
        for name in GOOD:
            kinds = INTEL if name.startswith("intel") else OPEN_ENCLAVE
            # No room for bytes that are none of a block's.
            self.family((VECTORS / name).read_bytes(), kinds, name)

    def test_open_enclave(self):
        layouts = [(version, layout) for version, size in mkoe.SIZES.items()
                   for layout in oe.BY_SIZE.get(size, ("0.10",))]
        for version, layout in layouts:
            path = self.folder / "made"
            plan = mkcontainer.plan_oe(mkcontainer.options(
                ["oe", "--out", "-", "--version", version, "--layout", layout, "--symbols"]))
            mkcontainer.make_oe(plan, path, self.signer)
            self.family(path.read_bytes(), OPEN_ENCLAVE, f"oe {version} as {layout}")

    def test_open_enclave_without_sections(self):
        """Its loader finds nothing without them: neither does ensign, and says what it is."""
        data = bytearray((VECTORS / "oe-0.19.signed").read_bytes())
        without_sections(data)
        path = self.folder / "bare"
        path.write_bytes(data)
        self.assertEqual(self.run_it("show", path, status=65), b"")


if __name__ == "__main__":
    unittest.main()
