"""Is this rebuild the release? ensign beside the oracle of the shared data (measure/intel).

Its generator makes an unsigned enclave, and lays it out as sgx_sign does. Then either file is changed in one place, and
ENCLAVEHASH is made to fit: compare must say of every pair what the oracle says. Without the shared data nothing is run.
"""

import importlib
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORACLE = pathlib.Path(os.environ.get("ENSIGN_SHARED") or ROOT.parent / "shared") / "measure" / "intel"
ENSIGN = ROOT / os.environ.get("ENSIGN", "build/release/ensign")
PAIRS = int(os.environ.get("ENSIGN_REBUILDS", "200"))
PAGES_MAX = 600                         # of a mutated layout: the oracle is slow
SECONDS = 60                            # for one run, with a sanitizer too
# What the oracle does not look at, and ensign refuses.
STRICTER = ("a patch tells trusted code that its ", "the layout that a patch tells trusted code", ": its TCS has ",
            "is added and not measured", "its thread has not the stack", " is in pieces, ")
DOUBTS = ("patched-code", "patched-data", "layout-content", "sdk-tables")


@unittest.skipUnless(ORACLE.exists(), f"{ORACLE} is not there")
class Rebuild(unittest.TestCase):
    """compare, verify and show over generated pairs."""

    @classmethod
    def setUpClass(cls):
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(ORACLE))
        cls.apply, cls.layout, cls.make, cls.evil = (
            importlib.import_module(name) for name in ("intel_apply", "intel_layout", "mkencl", "mkevil"))
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)

    @classmethod
    def tearDownClass(cls):
        sys.path.remove(str(ORACLE))
        cls.temporary.cleanup()

    # ---- making ----

    def block(self, raw, sig, elf):
        """A block with the SIGSTRUCT that nobody signed yet, for what it measures to."""
        css = bytearray(1808)
        css[:16] = bytes.fromhex("06000000e10000000000010000000000")
        struct.pack_into("<I", css, 20, 0x20240229)
        css[24:40] = bytes.fromhex("01010000600000006000000001000000")
        struct.pack_into("<II", css, 900, sig["misc"], sig["miscmask"])
        struct.pack_into("<QQQQ", css, 928, sig["flags"], sig["xfrm"], (1 << 64) - 1, sig["mask"])
        raw = raw[:64] + bytes(css) + raw[1872:]
        return raw[:1024] + self.apply.Block(raw).mrenclave(elf) + raw[1056:]

    def signed(self, honest, elf, blocks, sig):
        """The release: `honest` with these blocks in its note. None: they do not fit."""
        note = b"".join(self.block(raw, sig, elf) for raw in blocks)
        if len(note) > 0x6000:
            return None
        at = elf.section(".note.sgxmeta")[4] + 25
        return honest[:at] + note.ljust(0x6000, b"\0") + honest[at + 0x6000:]

    def build(self, arguments, config):
        """(unsigned file, Elf, blocks, fields of the SIGSTRUCT)."""
        arguments = {key: value.encode() if key == "seed" else value for key, value in arguments.items()}
        chosen = dict(self.layout.DEFAULTS)
        chosen.update({key: value if isinstance(value, int) else int(value, 0)
                       for key, value in config.items()})
        for whole, part in (("TCSMaxNum", "TCSNum"), ("HeapInitSize", "HeapMaxSize"),
                            ("ReservedMemInitSize", "ReservedMemMaxSize")):
            if whole not in config:
                chosen[whole] = chosen[part]
        honest = self.make.make(**arguments)
        return (honest, *self.layout.build(honest, chosen))

    # ---- asking ----

    def run_it(self, *args):
        done = subprocess.run([ENSIGN, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        self.assertIn(done.returncode, (0, 1, 65), (args, done.stderr))
        return done

    def put(self, name, data):
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def answer(self, release, rebuild):
        """ensign's yes or no, in both orders of the operands, and what it said. None: no loader takes one of them, of
        which the oracle does not speak."""
        a, b = self.put("release.so", release), self.put("rebuild.so", rebuild)
        done = self.run_it("compare", a, b)
        self.assertEqual(done.returncode, self.run_it("compare", b, a).returncode)
        self.assertEqual(done.stdout.startswith("same enclave"), done.returncode == 0)
        if done.returncode == 65:
            self.assertIn("damaged", done.stderr)
            return None, done.stderr
        return done.returncode == 0, done.stdout + done.stderr

    def oracle(self, release, rebuild):
        """The oracle's, and its reasons."""
        elf = self.apply.Elf(rebuild)
        family = [self.apply.Block(raw) for raw in self.apply.blocks(self.apply.Elf(release))]
        why = []
        for b in family:
            why += [] if b.mrenclave(elf) == b.hash else ["another MRENCLAVE"]
            why += [d for d in b.doubts(elf) + b.template_doubts(family) if not d.startswith("note")]
        return bool(family) and not why, why

    # ---- the tests ----

    def test_no_false_alarm(self):
        """What sgx_sign 2.26 writes, of every configuration of the vectors."""
        vectors = json.loads((ORACLE / "vectors.json").read_text())
        self.assertGreaterEqual(len(vectors), 21)
        for vector in vectors:
            with self.subTest(vector["name"]):
                honest, elf, blocks, sig = self.build(vector["elf"], vector["config"])
                release = self.signed(honest, elf, blocks, sig)
                same, said = self.answer(release, honest)
                self.assertTrue(same, said)
                shown = self.run_it("show", "--json", self.folder / "release.so").stdout
                for place in json.loads(shown)["places"]:
                    self.assertEqual(place["stream"]["mrenclave"], vector["mrenclave"])
                said = self.run_it("verify", "--json", self.folder / "release.so").stdout
                rules = {row["rule"] for key in ("reasons", "warnings") for row in json.loads(said)[key]}
                self.assertFalse(rules & set(DOUBTS), rules)
                said = self.run_it("verify", "--allow-unusual", "--layout-from", self.folder / "release.so",
                                   self.folder / "rebuild.so")
                self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_cheats(self):
        """Releases that measure as the honest build, by metadata that change it."""
        subprocess.run([sys.executable, "-B", ORACLE / "mkevil.py", self.folder / "evil"], check=True,
                       stdout=subprocess.DEVNULL)
        honest = self.folder / "evil" / "honest.so"
        said = {"release": None, "evil-patch": "patch 5 overwrites 0x10 bytes of code",
                "evil-layout": "layout row 1 brings 0x40 bytes of code",
                "evil-template": "its enclave_size is 0x10000000000", "evil-entry": "its threads enter at 0x1060"}
        self.assertEqual(set(said), {path.stem for path in honest.parent.iterdir()} - {"honest"})
        for name, words in said.items():
            release = honest.with_name(name + ".so")
            done = self.run_it("compare", release, honest)
            self.assertEqual(done.returncode, 0 if words is None else 1, (name, done.stdout))
            done = self.run_it("compare", "--layout-from", release, honest, release)
            self.assertEqual(done.returncode, 0 if words is None else 1, (name, done.stdout))
            again = self.run_it("verify", "--allow-unusual", "--layout-from", release, honest)
            self.assertEqual(again.returncode, done.returncode, again.stdout)
            shown = self.run_it("show", release)
            for text in (done.stdout, again.stdout, shown.stdout):
                self.assertIn(words or "", text)

        # A hash that nobody signed counts too.
        release = bytearray(honest.with_name("release.so").read_bytes())
        release[self.apply.Elf(bytes(release)).section(".note.sgxmeta")[4] + 25 + 64 + 960] ^= 1
        for layout in ((), ("--layout-from", self.put("bad.so", bytes(release)))):
            done = self.run_it("compare", *layout, self.put("bad.so", bytes(release)), honest)
            self.assertEqual(done.returncode, 1, (layout, done.stdout))

    def changed(self, dice, honest, elf, blocks):
        """(rebuild, blocks) with one change; what it was."""
        at, rebuild, blocks = dice.randrange(len(blocks)), bytearray(honest), [bytearray(b) for b in blocks]
        b = self.apply.Block(bytes(blocks[at]))
        kind = dice.choice(("none", "code", "free", "patches", "layout", "told", "tcs", "head", "row"))
        patches, _, layout, size = struct.unpack_from("<IIII", blocks[at], 1872)
        if kind in ("code", "free"):
            free = self.apply.unmeasured(elf, b)
            # Not the program headers, from which the oracle would make memory of any size.
            places = [i for i in range(len(rebuild)) if free[i] == (kind == "free") and not 64 <= i < 0x200]
            if kind == "free":
                # But for the table of sections, which is how symbols are found.
                places = [i for i in places if i < elf.section(".note.sgxmeta")[4] and i >= 0x200]
            rebuild[dice.choice(places)] ^= dice.randint(1, 255)
        elif kind == "told":
            _, source, length = b.patches[0]
            blocks[at][source + dice.randrange(0, length)] ^= dice.randint(1, 255)
        elif kind == "tcs":
            row = next(e for e in b.layout if struct.unpack_from("<H", e)[0] == 4)
            blocks[at][struct.unpack_from("<I", row, 20)[0] + dice.randrange(72)] ^= dice.randint(1, 255)
        elif kind == "patches":
            blocks[at][patches + dice.randrange(len(b.patches)) * 32 + dice.randrange(16)] ^= dice.randint(1, 255)
        elif kind == "layout":
            blocks[at][layout + dice.randrange(size)] ^= dice.randint(1, 255)
        elif kind == "head":
            blocks[at][dice.choice((24, 40, 41, 42))] ^= dice.randint(1, 255)
        elif kind == "row":
            row = bytearray(dice.choice(b.layout))
            blocks[at] += bytes(b"".join(b.layout)) + row
            struct.pack_into("<II", blocks[at], 1880, len(blocks[at]) - size - 32, size + 32)
            struct.pack_into("<I", blocks[at], 16, len(blocks[at]))
        return bytes(rebuild), [bytes(one) for one in blocks], kind

    def too_large(self, blocks):
        """Would the oracle measure for minutes?"""
        for raw in blocks:
            b, pages = self.apply.Block(raw), 0
            for i, row in enumerate(b.layout):
                kind, n, count = struct.unpack_from("<HHI", row)
                members = b.layout[max(i - n, 0):i] if kind & 0x1000 else [row]
                times = count if kind & 0x1000 else 1
                pages += times * sum(struct.unpack_from("<I", one, 4)[0] for one in members)
            if pages > PAGES_MAX:
                return True
        return False

    def test_mutations(self):
        """One change in either file: the same answer as the oracle's."""
        dice, bases = random.Random("rebuild"), []
        small = {"HeapMaxSize": 0x10000, "StackMaxSize": 0x8000}
        for config in ({"TCSNum": 2}, {"TCSNum": 4, "HeapMinSize": 0x2000, "MiscSelect": 1, "MiscMask": 0},
                       {"TCSNum": 3, "ReservedMemMaxSize": 0x8000, "ReservedMemMinSize": 0x4000, "MiscSelect": 1,
                        "MiscMask": 0}):
            bases.append(self.build({"tls": 48}, {**small, **config}))
        seen, answers = {}, {True: 0, False: 0}
        for number in range(PAIRS):
            honest, elf, blocks, sig = bases[number % len(bases)]
            rebuild, blocks, kind = self.changed(dice, honest, elf, blocks)
            try:
                release = None if self.too_large(blocks) else self.signed(honest, elf, blocks, sig)
            except (KeyError, IndexError, ValueError, struct.error):
                continue
            if release is None:
                continue
            try:
                want, why = self.oracle(release, rebuild)
            except (KeyError, IndexError, TypeError, ValueError, struct.error) as broken:
                want, why = False, [repr(broken)]
            same, said = self.answer(release, rebuild)
            if same is None:
                self.assertNotIn(kind, ("none", "free"), said)
                continue
            if want and not same and any(words in said for words in STRICTER):
                self.assertIn(kind, ("told", "tcs", "layout", "row", "head"), said)
                want = False
            self.assertEqual(same, want, (number, kind, why, said))
            answers[same] += 1
            seen[kind] = seen.get(kind, 0) + 1
        self.assertGreaterEqual(sum(answers.values()), PAIRS // 2, seen)
        self.assertGreaterEqual(min(answers.values()), PAIRS // 20, answers)


if __name__ == "__main__":
    unittest.main()
