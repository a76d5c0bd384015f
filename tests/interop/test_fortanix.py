"""elf2sgxs: ensign beside the reference (fortanix.py), over programs that nobody chose and over mutated ones, and beside
the vectors and the oracle of the shared data: the same streams and the same refusals.

The program is $ENSIGN, or build/release/ensign of this checkout.
"""

import hashlib
import importlib.util
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import tempfile
import unittest

import elf
import fortanix
import mkfortanix

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED = pathlib.Path(os.environ.get("ENSIGN_SHARED") or HERE.parents[2] / "shared") / "measure" / "elf2sgxs"
ENSIGN = ROOT / os.environ.get("ENSIGN", "build/release/ensign")
SECONDS = 60                            # for one run, with a sanitizer too
PROGRAMS = 40                           # that nobody chose
MUTATED = 300
OPTIONS = {"heap": "--heap-size", "stack": "--stack-size", "threads": "--threads", "ssaframesize": "--ssaframesize"}
FLAGS = {"debug": "--debug", "library": "--library"}
# What ensign refuses and the oracle, which is as the tool is, does not: the tool ends with a panic, writes less than it
# should, or reads an ELF file that no linker makes for this target.
STRICTER = ("is not an x86-64 shared object|program headers of|sections of|lies outside the file|lie outside|"
            "in memory: it is damaged|shares bytes with another symbol|is not in what the file has of a segment|"
            "shares a page with the one before it|ends above 128 TiB|end above 128 TiB|has two entries|"
            "bytes in entries of|PT_DYNAMIC has 0x|more relocations: it is damaged|is not toolchain-version|"
            "is no table of symbols|has no note|bytes, and 8 are written|section names|has no segment to load")


def shared(name):
    """A module or file of the shared data; skips the test where they are not, unless they must be."""
    path = SHARED / name
    if not path.exists():
        if os.environ.get("ENSIGN_REQUIRE_SHARED") == "1":
            raise AssertionError(f"shared data {name} is required and not there")
        raise unittest.SkipTest(f"shared data {name} is not there")
    if path.suffix != ".py":
        return path
    spec = importlib.util.spec_from_file_location(f"shared_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def elf2sgxs(path, options):
    """(stream or None, words) of ensign."""
    args = [f"{OPTIONS[key]}={value}" for key, value in options.items() if key in OPTIONS]
    args += [FLAGS[key] for key in FLAGS if options.get(key)]
    args += [] if options.get("sized", True) else ["--unsized"]
    done = subprocess.run([ENSIGN, "elf2sgxs", *args, path], capture_output=True, timeout=SECONDS, check=False)
    words = done.stderr.decode()
    if done.returncode == 0:
        return done.stdout, words
    lines = [line for line in words.splitlines() if line.startswith("ensign: ") and "warning" not in line]
    assert done.returncode == 65 and not done.stdout and len(lines) == 1, (done.returncode, words)
    return None, words


def digest(data):
    """Of bytes, or of None."""
    return data and hashlib.sha256(data).hexdigest()


def random_options(dice):
    """Options that nobody chose."""
    return {"heap": 4096 * dice.randrange(40), "stack": 4096 * dice.randrange(9), "threads": dice.randrange(5),
            "ssaframesize": dice.randrange(4), "debug": dice.random() < 0.5, "library": dice.random() < 0.3,
            "sized": dice.random() < 0.8}


class Programs(unittest.TestCase):
    """Streams, byte for byte."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.path = pathlib.Path(self.temporary.name) / "app"

    def check(self, data, options, want):
        """ensign writes `want`."""
        self.path.write_bytes(data)
        stream, words = elf2sgxs(self.path, options)
        self.assertTrue(stream is not None, words)
        self.assertEqual(digest(stream), want, words)
        if options.get("sized", True):
            self.assertIn(f"MRENCLAVE {want}", words)

    def test_programs(self):
        """Programs and options that nobody chose, as the reference has them."""
        for seed in range(PROGRAMS):
            dice = random.Random(f"options {seed}")
            mkfortanix.write(mkfortanix.random_plan(seed), self.path)
            data, options = self.path.read_bytes(), random_options(dice)
            with self.subTest(seed=seed, **options):
                self.check(data, options, digest(fortanix.convert(data, **options)))

    def test_vectors(self):
        """What ftxsgx-elf2sgxs 0.6.4 wrote."""
        maker, vectors = shared("mkedp.py"), json.loads(shared("vectors.json").read_text())
        self.assertGreaterEqual(len(vectors), 11)
        for vector in vectors:
            args = {key: value for key, value in vector["elf"].items() if key != "sha256"}
            args["seed"] = args.get("seed", "a").encode()
            data = maker.make(**args)
            with self.subTest(vector["name"]):
                self.assertEqual(digest(data), vector["elf"]["sha256"])
                self.check(data, vector["options"], vector["stream_sha256"])
                self.assertEqual(digest(fortanix.convert(data, **vector["options"])), vector["stream_sha256"])


def mutate(data, places, dice):
    """A copy with one or two numbers changed where readers look."""
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 2))):
        at, size = places[dice.choice(sorted(places))]
        width = dice.choice((1, 2, 4, 8))
        if size < width:
            continue
        at += dice.randrange(size - width + 1) & -width
        old = int.from_bytes(out[at:at + width], "little")
        new = dice.choice((0, 1, old + 1, old - 1, old ^ 1 << dice.randrange(8 * width), old + 8, old + 0x1000,
                           old * 2, (1 << 8 * width) - 1, dice.randrange(1 << 8 * width), len(data)))
        out[at:at + width] = (new % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(out)


class Mutated(unittest.TestCase):
    """Files with a number changed: the same verdict as the reference, and the same bytes. Where the oracle is there, it
    takes no file that ensign refuses, but for the rules of STRICTER. A section whose name has no end is nobody's to
    ensign, as to the tool; both readers in Python stop at it."""

    options = {"heap": 0x3000, "stack": 0x2000, "threads": 2}

    def beside_reference(self, data, stream):
        """fortanix.py is as strict."""
        try:
            want = fortanix.convert(data, **self.options)
        except elf.Malformed as e:
            self.assertTrue(stream is None or "runs past its string table" in str(e), e)
        else:
            self.assertEqual(digest(stream), digest(want))

    def beside_oracle(self, oracle, data, stream, words):
        """The oracle refuses what the tool refuses, or stops."""
        try:
            want = oracle.convert(data, **self.options)
        except ValueError:
            return
        except (oracle.Refused, struct.error, IndexError, MemoryError, OverflowError) as e:
            self.assertTrue(stream is None, e)
        else:
            if stream is None:
                self.assertRegex(words, re.compile(STRICTER))
            else:
                self.assertEqual(digest(stream), digest(want))

    def test_mutated(self):
        """Numbers that readers look at."""
        try:
            oracle = shared("elf2sgxs.py")
        except unittest.SkipTest:
            oracle = None
        taken = 0
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "app"
            for seed in range(MUTATED):
                dice = random.Random(f"mutated {seed}")
                places = mkfortanix.write(mkfortanix.random_plan(seed % 20), path)
                data = mutate(path.read_bytes(), places, dice)
                path.write_bytes(data)
                stream, words = elf2sgxs(path, self.options)
                taken += stream is not None
                with self.subTest(seed=seed, words=words):
                    self.beside_reference(data, stream)
                    if oracle:
                        self.beside_oracle(oracle, data, stream, words)
        self.assertGreater(taken, MUTATED // 5)
        self.assertLess(taken, MUTATED)


if __name__ == "__main__":
    unittest.main()
