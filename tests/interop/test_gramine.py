"""Gramine enclaves on the command line: the vectors of the shared data, which Gramine's own signers of 13 releases made,
and layouts that nobody chose, which the second implementation measures. The program is $ENSIGN, or build/release/ensign
of this checkout.
"""

import importlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import gramine

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MEASURE = pathlib.Path(os.environ.get("ENSIGN_SHARED") or HERE.parents[2] / "shared") / "measure" / "gramine"
ENSIGN = ROOT / os.environ.get("ENSIGN", "build/release/ensign")
SECONDS = 60                            # for one run, with a sanitizer too
LAYOUTS = 40                            # that nobody chose

TEMPLATE = """[sgx]
enclave_size = "{size}"
{more}
"""


class Gramine(unittest.TestCase):
    """A directory for each test."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def sign_data(self, manifest, libpal, *options):
        """The 256 bytes; the test fails if there are none."""
        paths = self.folder / "app.manifest.sgx", self.folder / "libpal.so"
        for path, data in zip(paths, (manifest, libpal)):
            path.write_bytes(data)
        done = subprocess.run([ENSIGN, "gen-sign-data", "--libpal", paths[1], *options, "-o", "-", paths[0]],
                              capture_output=True, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout


class Vectors(Gramine):
    """Each with its release, and as the manifest tells by itself."""

    @classmethod
    def setUpClass(cls):
        if not MEASURE.is_dir():
            if os.environ.get("ENSIGN_REQUIRE_SHARED") == "1":
                raise AssertionError(f"{MEASURE} is required and not there")
            raise unittest.SkipTest(f"{MEASURE} is not there")
        sys.path.insert(0, str(MEASURE))
        cls.mkpal = importlib.import_module("mkpal")
        cls.cases = json.loads((MEASURE / "vectors.json").read_text())

    def check(self, case, *options):
        pal = case["pal"]
        got = self.sign_data((MEASURE / "vectors" / case["manifest"]).read_bytes(),
                             self.mkpal.make(pal["shape"], pal["seed"].encode(), pal["entry"]),
                             "--date", case["date"].replace("-", ""), *options)
        self.assertEqual(got[188:220].hex(), case["mrenclave"])
        return got.hex() == case["signed"]

    def test_each_release(self):
        self.assertGreaterEqual(len(self.cases), 86)
        for case in self.cases:
            with self.subTest(name=case["name"], release=case["gramine"]):
                self.assertTrue(self.check(case, "--gramine", case["gramine"]))

    def test_the_manifest_tells(self):
        """One case cannot be told apart: 1.5 with a key of 1.4 left over writes DATE in its own form."""
        other = []
        for case in self.cases:
            with self.subTest(name=case["name"], release=case["gramine"]):
                if not self.check(case):
                    other.append((case["name"], case["gramine"]))
        self.assertEqual(other, [("nonpie-left-over", "1.5")])


class Layouts(Gramine):
    """Every class, with and without EDMM, with segments, threads and sizes at random."""

    def segments(self, dice):
        """Of whole pages apart, the first at address 0."""
        address, made = 0, []
        for _ in range(dice.randint(1, 5)):
            memsz = dice.randint(1, 0x5000)
            made.append((address, dice.randint(0, memsz), memsz, dice.choice([1, 3, 5, 4])))
            address = gramine.pages(address + memsz) * gramine.PAGE + dice.choice([0, 0, 0x2000, 0x123])
        return made

    def manifest(self, dice):
        keys = {"max_threads": dice.randint(1, 9), "thread_num": dice.randint(1, 9),
                "nonpie_binary": dice.choice(["true", "false"]), "edmm_enable": dice.choice(["true", "false"])}
        more = [f"{key} = {value}" for key, value in keys.items() if dice.random() < 0.7]
        size = dice.choice(["16M", "32M", "0x2000000", "32_768K", "0b1" + 25 * "0"])
        return TEMPLATE.format(size=size, more="\n".join(more + ["# " + dice.randint(0, 9000) * "x"])).encode()

    def test_layouts(self):
        dice = random.Random(14)
        for i in range(LAYOUTS):
            minor = dice.randint(0, 9)
            segments, manifest = self.segments(dice), self.manifest(dice)
            libpal = gramine.make_libpal(segments, dice.randint(0, segments[0][2] - 1), bytes([i]))
            with self.subTest(i=i, minor=minor):
                got = self.sign_data(manifest, libpal, "--gramine", f"1.{minor}", "--date", "20240229")
                self.assertEqual(got[188:220], gramine.Enclave(manifest, libpal, (1, minor)).mrenclave())

    def test_fields(self):
        """From the manifest, unless an option says otherwise; DATE in the form of the release."""
        manifest = TEMPLATE.format(size="16M", more="isvprodid = 7\nisvsvn = 0x103\ndebug = true").encode()
        new = self.sign_data(manifest, gramine.LIBPAL, "--date", "20240229")
        old = self.sign_data(manifest, gramine.LIBPAL, "--date", "20240229", "--gramine", "1.4")
        own = self.sign_data(manifest, gramine.LIBPAL, "--date", "20240229", "-v", "9", "-a", "0x4/0")
        self.assertEqual((new[20:24].hex(), old[20:24].hex()), ("29022420", "e807021d"))
        self.assertEqual(new[252:256].hex(), "07000301")
        self.assertEqual(own[252:256].hex(), "07000900")
        self.assertEqual((new[156:164].hex(), own[156:164].hex()), ("0600000000000000", "0400000000000000"))


if __name__ == "__main__":
    unittest.main()
