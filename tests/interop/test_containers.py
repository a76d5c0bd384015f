"""Enclaves in ELF files: first the reference is held to the vectors, then ensign to the reference.

What the reference measures must be ENCLAVEHASH in every file that others signed, and must be what
sgxs.py measures over the stream of the same pages. ensign must find the same copies, measure the
same, and sign again without a byte changed that had no need to, for the vectors and for hundreds of
layouts that nobody chose. The program is $ENSIGN, or build/release/ensign of this checkout.
"""

import hashlib
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import container
import elf
import intel
import mkcontainer
import mkelf
import mkintel
import mkoe
import oe
import pem
import sgx
import sgxs

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VECTORS = HERE.parent / "vectors" / "containers"
KEYS = HERE.parent / "vectors" / "keys"
DATA = pathlib.Path(os.environ.get("ENSIGN_SHARED") or HERE.parents[2] / "shared") / "data"
ENSIGN = ROOT / os.environ.get("ENSIGN", "build/release/ensign")
SECONDS = 60                            # for one run, with a sanitizer too
LAYOUTS = 200                           # that nobody chose, of each format

INTEL = ("1.3", "1.4", "1.5", "2.4-2.1-1.4", "3.1-1.4", "3.3", "3.3-1.5", "3.3-1.5-fips",
         "12.4-11.4", "13.3-11.5")
GOOD = [f"intel-{version}.signed.so" for version in INTEL] + ["oe-0.19.signed"]
UNMEASURED = ["oe-0.4.signed", "ego.signed"]
# Their ENCLAVEHASH is a stand-in: SHA-256 of the unsigned file, which no loader would compute.
STAND_IN = ["oe-0.5.signed", "oe-0.13.signed"]
# Broken files, and what the reference says of each.
BROKEN = {"intel-bad-size.signed.so": "its size 0x7fffffff is impossible",
          "intel-size-zero.signed.so": "its size 0x0 is impossible",
          "intel-truncated.signed.so": "run past the file's 14705",
          "intel-wrong-magic.signed.so": "is neither metadata nor zero",
          "intel-wrong-name.signed.so": "the note has another name",
          "oe-bad-size.signed": "a structure of 1912 bytes"}
DISAGREE = "intel-disagree.signed.so"
SAMPLE = "intel-sdk-sample/enclave.signed.so"


def shared(name):
    """A path below the shared data; skips the test where they are not, unless they must be."""
    path = DATA / name
    if not path.exists():
        if os.environ.get("ENSIGN_REQUIRE_SHARED") == "1":
            raise AssertionError(f"shared data {name} is required and not there")
        raise unittest.SkipTest(f"shared data {name} is not there")
    return path


def signed_vectors():
    """Every vector that must be wholly good, those made for these tests among them."""
    return [VECTORS / name for name in GOOD] + sorted(VECTORS.glob("oe-rich-*.signed"))


class Temporary(unittest.TestCase):
    """A directory for one class, and one enclave of each format in it."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.signer = mkcontainer.Signer()

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def make(self, *args, name="made"):
        """(path, MRENCLAVE) of what mkcontainer.py makes."""
        path = self.folder / name
        done = subprocess.run([sys.executable, "-B", HERE / "mkcontainer.py", *args, "--out", path],
                              check=True, capture_output=True, text=True)
        return path, done.stdout.strip()


class Reference(Temporary):
    """intel.py, oe.py and container.py over the files of others."""

    def errors(self, path):
        return container.judge(path.read_bytes())[0]

    def test_vectors(self):
        paths = signed_vectors()
        self.assertGreaterEqual(len(paths), len(GOOD) + 9)
        for path in paths:
            with self.subTest(path.name):
                self.assertEqual(self.errors(path), [])

    def test_the_same_as_shared(self):
        """The vectors are the files of the shared data, and there is none that is not named."""
        names = {path.name for path in shared("containers").iterdir() if "signed" in path.name
                 and "unsigned" not in path.name}
        self.assertEqual(names, {*GOOD, *UNMEASURED, *STAND_IN, *BROKEN, DISAGREE})
        for name in names:
            with self.subTest(name):
                self.assertEqual((VECTORS / name).read_bytes(),
                                 shared(f"containers/{name}").read_bytes())

    def test_broken(self):
        for name, says in BROKEN.items():
            with self.subTest(name):
                errors = self.errors(VECTORS / name)
                self.assertEqual(len(errors), 1)
                self.assertIn(says, errors[0])
        self.assertEqual(self.errors(VECTORS / DISAGREE),
                         ["the SIGSTRUCTs in the file are not the same"])

    def test_unmeasured(self):
        for name in UNMEASURED:
            with self.subTest(name):
                errors, warnings, found = container.judge((VECTORS / name).read_bytes())
                self.assertEqual(errors, [])
                self.assertEqual(len(found.copies), 1)
                self.assertTrue(any("ego-enclave" in text or "0.4" in text for text in warnings))

    def test_stand_ins(self):
        """Nothing is wrong with them but the hash, and the hash is not a measurement."""
        for name in STAND_IN:
            with self.subTest(name):
                data = (VECTORS / name).read_bytes()
                errors, _, found = container.judge(data)
                self.assertEqual(len(errors), 1)
                self.assertIn("ENCLAVEHASH is", errors[0])
                before = (VECTORS / name.replace(".signed", ".unsigned")).read_bytes()
                self.assertEqual(found.copies[0].sigstruct[960:992],
                                 hashlib.sha256(before).digest())

    def test_unsigned(self):
        for version in INTEL:
            self.assertEqual(self.errors(VECTORS / f"intel-{version}.so"),
                             ["the enclave is not signed"])
        for name in ("oe-0.4", "oe-0.5", "oe-0.13", "oe-0.19", "ego"):
            self.assertEqual(self.errors(VECTORS / f"{name}.unsigned"),
                             ["the enclave is not signed"])

    def test_sample(self):
        """A real enclave of Intel's SDK: three blocks, one measurement, and what sgx_sign wrote
        lies in the note alone."""
        path = shared(SAMPLE)
        data, before = path.read_bytes(), shared("intel-sdk-sample/enclave.so").read_bytes()
        errors, _, found = container.judge(data)
        self.assertEqual(errors, [])
        self.assertEqual([copy.name for copy in found.copies],
                         ["metadata 2.4", "metadata 2.1", "metadata 1.4"])
        self.assertTrue(found.copies[0].sigstruct[960:].hex().startswith("8bbb10b22ea0"))
        note = found.file.section(intel.SECTION)
        self.assertEqual((data[:note.offset], data[note.offset + note.size:]),
                         (before[:note.offset], before[note.offset + note.size:]))

    def test_the_stream_measures_the_same(self):
        """The pages as an SGXS stream, through the other measuring code."""
        for path in signed_vectors():
            with self.subTest(path.name):
                file, stream = elf.Elf(path.read_bytes()), io.BytesIO()
                if path.name.startswith("oe"):
                    measured = oe.measure(file, stream)
                else:
                    measured = intel.blocks(file)[0].measure(stream)
                self.assertEqual(sgxs.measure(stream.getvalue()).mrenclave, measured)


class Sensitive(Temporary):
    """The reference notices every change that counts, and no other."""

    def changed(self, data, at):
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

    def says(self, data, words):
        errors = container.judge(data)[0]
        self.assertTrue(any(words in text for text in errors), f"{words!r} is not in {errors}")

    def test_every_part(self):
        data = (VECTORS / "intel-3.3-1.5-fips.signed.so").read_bytes()
        file = elf.Elf(data)
        for block in intel.blocks(file):
            self.says(self.changed(data, block.sigstruct_at + 1026), "not the same")
            self.says(self.changed(data, block.sigstruct_at + 1026), "FIPS signature")
            self.says(self.changed(data, block.fips()[0] + 500), "FIPS signature")
            self.says(self.changed(data, block.at + intel.ATTRIBUTES_AT), "break the mask")
            self.says(self.changed(data, block.at + intel.ENCLAVE_SIZE_AT + 2), "no power of two")
            self.says(self.changed(data, block.at + 24), "measures to")
        self.says(self.changed(data, file.section(".text").offset + 5), "measures to")

    def test_what_may_change(self):
        data = (VECTORS / "intel-3.3-1.5-fips.signed.so").read_bytes()
        block = intel.blocks(elf.Elf(data))[1]
        judge = container.judge_change
        self.assertEqual(judge(data, self.changed(data, block.sigstruct_at + 3)), [])
        for name, at in (("launch", block.at + intel.ATTRIBUTES_AT + 15),
                         ("launch", block.at + intel.MISC_AT), ("fips", block.fips()[0] + 771)):
            changed = self.changed(data, at)
            self.assertEqual(judge(data, changed, (name,)), [])
            self.assertEqual(len(judge(data, changed)), 1)
        for at in (0x1000, block.at, block.at + 24, block.at + intel.ATTRIBUTES_AT - 1,
                   block.sigstruct_at + sgx.SIGSTRUCT_LEN, len(data) - 1):
            self.assertEqual(len(judge(data, self.changed(data, at), ("launch", "fips"))), 1)
        self.assertEqual(len(judge(data, data + b"\0")), 1)

    def test_text_relocations(self):
        """The pages with relocations, and those that one runs over into, are writable: no other."""
        path, _ = self.make("intel", "--textrel", "5", "--text", "0x6000")
        file, stream = elf.Elf(path.read_bytes()), io.BytesIO()
        intel.blocks(file)[0].measure(stream)
        text = file.section(".text")
        start = elf.page_down(text.addr)
        flags = dict(sgxs.measure(stream.getvalue()).pages)
        expected = {start + at: at in (0, 0x1000) for at in range(0, 0x6000, 0x1000)}
        self.assertEqual({at: bool(flags[at] & sgxs.WRITE) for at in expected}, expected)
        # 0, 0x7fc, 0xff8, 0x17f4 and 0x1ff0: none crosses; 0xffc would.
        segment = mkintel.Plan("2.4", [(5, 0, mkelf.Seeded("x", 0x3000), 0x4000)], [], 0x8000,
                               relocations=([mkelf.rela(0x1FFC, 8), mkelf.rela(0x2FF0, 0)], []))
        mkcontainer.make_intel(segment, path, self.signer)
        stream = io.BytesIO()
        intel.blocks(elf.Elf(path.read_bytes()))[0].measure(stream)
        self.assertEqual([flags & sgxs.WRITE for _, flags in
                          sgxs.measure(stream.getvalue()).pages], [0, 2, 2, 0])

    def test_refused(self):
        """Tables that lie: one field of a good file at a time."""
        data = (VECTORS / "intel-2.4-2.1-1.4.signed.so").read_bytes()
        block = intel.blocks(elf.Elf(data))[0]
        patch, _, layout, size = (int.from_bytes(data[block.at + at:block.at + at + 4], "little")
                                  for at in range(intel.DIRS_AT, intel.DIRS_AT + 16, 4))
        group = layout + size - 64
        for name, at, raw in (("patch destination", patch + 4, b"\1"),
                              ("patch source", patch + 8, b"\xff\xff"),
                              ("patch size", patch + 12, b"\xff\xff"),
                              ("a table's size", intel.DIRS_AT + 4, b"\x61"),
                              ("a table outside", intel.DIRS_AT + 8, b"\xff\xff"),
                              ("a page outside", layout + 5 * 32 + 8, b"\0\0\0\1"),
                              ("an address that wraps", layout + 5 * 32 + 8, b"\xff" * 8),
                              ("a page twice", layout + 5 * 32 + 8, bytes(8)),
                              ("a group of more than there is", group + 2, b"\xff"),
                              ("a group of a group", layout + size - 32, b"\x09\x10\x02"),
                              ("endless", group + 4, b"\xff\xff\xff\x7f"),
                              ("pages without end", layout + 4, b"\xff\xff\xff\x7f"),
                              ("no power of two", intel.ENCLAVE_SIZE_AT, b"\0\0\3")):
            with self.subTest(name):
                at += block.at
                bad = data[:at] + raw + data[at + len(raw):]
                with self.assertRaises(elf.Malformed):
                    intel.blocks(elf.Elf(bad))[0].measure()


class Generator(Temporary):
    """mkcontainer.py: the same bytes again, every version good, differences where they are asked
    for."""

    def test_every_version(self):
        for kind, versions in (("intel", mkintel.NOTES), ("oe", mkoe.SIZES)):
            for version in versions:
                with self.subTest(f"{kind} {version}"):
                    path, mrenclave = self.make(kind, "--version", version, "--threads", "3")
                    errors, _, found = container.judge(path.read_bytes())
                    self.assertEqual(errors, [])
                    self.assertEqual(found.copies[0].sigstruct[960:992].hex(), mrenclave)
                    count = len(mkintel.NOTES[version][1]) if kind == "intel" else 1
                    self.assertEqual(len(found.copies), count)

    def test_same_bytes_again(self):
        for args in (("intel", "--version", "3.3", "--fips", "--textrel", "4"), ("intel",),
                     ("oe", "--symbols", "--relocations", "9", "--tdata", "40", "--tbss", "99"),
                     ("intel", "--random", "7"), ("oe", "--random", "7")):
            one, other = (self.make(*args, name=name)[0].read_bytes() for name in ("one", "other"))
            self.assertEqual(one, other)

    def test_differences(self):
        """Each option changes MRENCLAVE, except those that only sign otherwise."""
        for kind, args in (
                ("intel", ("--flip-rodata=0x123", "--seed=1", "--heap=3", "--threads=5",
                           "--stack=3", "--td-flags=0x201", "--extra-page", "--rodata-flags=rw",
                           "--enclave-size=0x100000", "--ssaframesize=2", "--textrel=3",
                           "--version=1.3", "--version=12.4")),
                ("oe", ("--flip-rodata=0x123", "--seed=1", "--heap=3", "--threads=5", "--stack=3",
                        "--tdata=5000", "--symbols", "--relocations=1", "--zero-base=0x10000",
                        "--version=0.13"))):
            _, base = self.make(kind)
            found = [self.make(kind, arg)[1] for arg in args]
            self.assertEqual(len({base, *found}), len(args) + 1)
            for arg in ("--isvsvn=9", "--date=20260101"):
                self.assertEqual(self.make(kind, arg)[1], base)
        self.assertEqual(self.make("intel")[1], self.make("intel", "--version=3.3", "--fips")[1])

    def test_one_byte(self):
        one = self.make("intel", "--unsigned")[0].read_bytes()
        other = self.make("intel", "--unsigned", "--flip-rodata=0x123")[0].read_bytes()
        at = elf.Elf(one).section(".rodata").offset + 0x123
        self.assertEqual([i for i, (x, y) in enumerate(zip(one, other)) if x != y], [at])

    def test_zeros_take_no_room(self):
        path, _ = self.make("intel", "--zeros", "--rodata=64M", "--unsigned")
        found = path.stat()
        self.assertGreater(found.st_size, 64 << 20)
        self.assertLess(found.st_blocks * 512, 4 << 20)

    def test_keys(self):
        """pem.py against itself and against what OpenSSL makes of the same key."""
        n, e, d, p, q = pem.private_key((KEYS / "testkey.pem").read_text())
        self.assertEqual((p * q, e * d % (p - 1), e * d % (q - 1)), (n, 1, 1))
        text = (KEYS / "testkey.pub.pem").read_text()
        self.assertEqual(pem.public_key(text), (n, e))
        for args, name, read, expected in (
                (("-pubin", "-RSAPublicKey_out"), "testkey.pub.pem", pem.public_key, (n, e)),
                (("-traditional",), "testkey.pem", pem.private_key, (n, e, d, p, q))):
            out = subprocess.run(["openssl", "rsa", *args, "-in", KEYS / name], check=True,
                                 capture_output=True, text=True).stdout
            self.assertEqual(read(out), expected)
        for bad in ("", text[:200], text.replace("PUBLIC KEY", "CERTIFICATE")):
            with self.assertRaises(pem.Malformed):
                pem.public_key(bad)


class Command(Temporary):
    """check.py container."""

    def check(self, *args):
        return subprocess.run([sys.executable, "-B", HERE / "check.py", "container", *args],
                              capture_output=True, text=True, check=False)

    def test_check(self):
        good, other = VECTORS / GOOD[3], VECTORS / DISAGREE
        pubkey = KEYS / "testkey.pub.pem"
        done = self.check("--json", "--pubkey", pubkey, "--before", other, good)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)[0]
        self.assertEqual((document["kind"], len(document["copies"])), ("intel", 3))
        found = container.Container(good.read_bytes())
        self.assertEqual([copy["offset"] for copy in document["copies"]],
                         [copy.at for copy in found.copies])
        self.assertEqual(self.check(other).returncode, 1)
        self.assertEqual(self.check("--before", VECTORS / GOOD[0], good).returncode, 1)
        wrong = self.folder / "wrong.pem"
        wrong.write_text("x")
        self.assertEqual(self.check("--pubkey", wrong, good).returncode, 66)
        self.assertEqual(self.check(self.folder / "none").returncode, 66)
        self.assertEqual(self.check("--allow", "all", good).returncode, 64)
        key = self.folder / "key.pem"
        subprocess.run(["openssl", "genrsa", "-3", "-out", key, "3072"], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", wrong], check=True,
                       capture_output=True)
        done = self.check("--pubkey", wrong, good)
        self.assertEqual(done.returncode, 1)
        self.assertIn("signed by another key", done.stderr)


class Ensign(Temporary):
    """The program beside the reference."""

    @classmethod
    def setUpClass(cls):
        if not ENSIGN.exists():
            raise AssertionError(f"{ENSIGN} is not there: run make first")
        super().setUpClass()

    def run_it(self, *args, status=0):
        done = subprocess.run([ENSIGN, *args], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, status, (args, done.stderr))
        return done

    def places(self, path):
        """What show finds in a file."""
        return json.loads(self.run_it("show", "--json", path).stdout)["places"]

    def agrees(self, path, mrenclaves):
        """show has the copies of the reference, and a measurement that the reference knows."""
        found = container.Container(path.read_bytes())
        places = self.places(path)
        self.assertEqual([place["offset"] for place in places], [copy.at for copy in found.copies])
        for place, copy in zip(places, found.copies):
            said = sgx.parse(copy.sigstruct)
            self.assertEqual(place["sigstruct"]["mrenclave"], said["enclavehash"].hex())
            self.assertEqual(place["sigstruct"]["mrsigner"], sgx.mrsigner(copy.sigstruct))
            self.assertIn(place["stream"]["mrenclave"], mrenclaves)

    def resigned(self, path, *options, unusual=()):
        """Signs a file again by the three stages; returns the new path. unusual: what set-sig must
        be told as well."""
        request, signature, out = (self.folder / name for name in ("request", "signature", "out"))
        for one in (request, signature, out):
            one.unlink(missing_ok=True)
        self.run_it("gen-sign-data", "--from", path, "--date", "20260102", "--isvsvn", "77",
                    *options, *unusual, "-o", request, path)
        subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEYS / "testkey.pem", "-out",
                        signature, request], check=True, capture_output=True)
        self.run_it("set-sig", *unusual, "--sign-data", request, "-o", out, path, signature,
                    KEYS / "testkey.pub.pem")
        return out

    def judged(self, before, after, allow=()):
        """The reference on a file that ensign wrote."""
        old, new = before.read_bytes(), after.read_bytes()
        errors, _, found = container.judge(new)
        errors += container.judge_change(old, new, allow)
        errors += container.judge_signer(found, self.signer.n, self.signer.e)
        self.assertEqual(errors, [])
        for copy in found.copies:
            fields = sgx.parse(copy.sigstruct)
            self.assertEqual((fields["date"], fields["isvsvn"]), (0x20260102, 77))
        return found

    def test_show(self):
        for path in signed_vectors():
            with self.subTest(path.name):
                said = container.Container(path.read_bytes()).copies[0].sigstruct[960:992].hex()
                self.agrees(path, [said])

    def test_stand_ins(self):
        """No measurement is made up for them: ensign says no, with a hash the reference knows."""
        for name in STAND_IN:
            with self.subTest(name):
                path = VECTORS / name
                self.agrees(path, oe.candidates(elf.Elf(path.read_bytes())).values())
                self.run_it("verify", path, status=1)

    def test_verify(self):
        for path in signed_vectors() + [VECTORS / name for name in UNMEASURED]:
            with self.subTest(path.name):
                signer = ("--pubkey", KEYS / "testkey.pub.pem")
                self.run_it("verify", *(() if "rich" in path.name else signer), path)
        for name in BROKEN:
            with self.subTest(name):
                done = self.run_it("verify", VECTORS / name, status=65)
                self.assertEqual(len(done.stderr.decode().splitlines()), 1, done.stderr)
                self.assertEqual(done.stdout, b"")
        self.assertIn(b"another SIGSTRUCT",
                      self.run_it("verify", VECTORS / DISAGREE, status=1).stdout)

    def test_extract(self):
        for path in signed_vectors() + [VECTORS / name for name in UNMEASURED]:
            with self.subTest(path.name):
                sigstruct = container.Container(path.read_bytes()).copies[0].sigstruct
                self.assertEqual(self.run_it("extract", "-o", "-", path).stdout, sigstruct)
                self.assertEqual(self.run_it("extract", "--sign-data", "-o", "-", path).stdout,
                                 sgx.sign_data(sigstruct))

    def test_sign_again(self):
        for path in signed_vectors() + [VECTORS / name for name in UNMEASURED]:
            with self.subTest(path.name):
                allow = ("fips",) if "fips" in path.name else ()
                found = self.judged(path, self.resigned(path), allow)
                before = container.Container(path.read_bytes())
                self.assertEqual(*(one.copies[0].sigstruct[960:992] for one in (found, before)))

    def test_other_launch_values(self):
        """ATTRIBUTES and XFRM of Intel's metadata follow the SIGSTRUCT, and nothing else does."""
        path = VECTORS / "intel-3.3-1.5-fips.signed.so"
        out = self.resigned(path, "--attributes", "0x14/0x2", "--xfrm", "0x7/0x4")
        found = self.judged(path, out, ("launch", "fips"))
        for block in intel.blocks(found.file):
            self.assertEqual((block.flags, block.xfrm), (0x14, 0x7))

    def test_sample(self):
        path = shared(SAMPLE)
        self.agrees(path, [container.Container(path.read_bytes())
                           .copies[0].sigstruct[960:992].hex()])
        self.judged(path, self.resigned(path))

    def test_unsigned(self):
        """Explained, not guessed at."""
        for name, tool in (("intel-2.4-2.1-1.4.so", "sgx_sign"), ("oe-0.19.unsigned", "oesign")):
            path = VECTORS / name
            done = self.run_it("gen-sign-data", "--from", path, path, status=65)
            self.assertIn(tool, done.stderr.decode())

    def random_layouts(self, make, plans):
        path = self.folder / "random"
        dice, versions = random.Random(0), set()
        for seed in range(LAYOUTS):
            with self.subTest(seed):
                plan = plans(seed)
                versions.add(plan.version)
                mrenclave = make(plan, path, self.signer)
                self.agrees(path, [mrenclave])
                if dice.randrange(10) == 0:
                    allow = ("fips",) if getattr(plan, "fips", False) else ()
                    # Nobody chose where the patches go.
                    self.judged(path, self.resigned(path, unusual=("--allow-unusual",)), allow)
        return versions

    def test_random_intel(self):
        versions = self.random_layouts(mkcontainer.make_intel, mkintel.random_plan)
        self.assertEqual(versions, set(mkintel.NOTES))

    def test_random_open_enclave(self):
        versions = self.random_layouts(mkcontainer.make_oe, mkoe.random_plan)
        self.assertEqual(versions, set(mkoe.SIZES) - {"0.4"})


if __name__ == "__main__":
    unittest.main()
