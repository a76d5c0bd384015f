"""ensign over every bundle of mutate.py, beside what the real reader makes of it.

Two demands. What oasis-core refuses, ensign refuses: nothing gets a signature here that no node
would load. What ensign refuses although oasis-core takes it, it refuses for one of REASONS, so that
no bundle of anybody's is turned away by accident. oasis-core speaks through gobundle.py and, where
orc is on the PATH, through orc itself (required with ENSIGN_REQUIRE_ORC=1).
"""

import collections
import concurrent.futures
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import gobundle
import mutate

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENSIGN = ROOT / os.environ.get("ENSIGN", "build/release/ensign")
ORC = shutil.which("orc")
SECONDS = 60                        # for one run, with a sanitizer too
MORE = int(os.environ.get("ENSIGN_MUTATIONS", "300"))   # further ones, chosen at random
LEAST = 300                         # mutations; there are some 2300

# Why ensign refuses what oasis-core takes: name -> what its error line says after the file's name.
REASONS = {
    "two headers of an entry, or its data, disagree: readers see different archives":
        r"its headers contradict|its two headers|headers? (?:is|are) malformed|header is malformed"
        r"|its data descriptor|its zip64 field|libzip: ",
    "the end records are not what they must be: a search from the end finds another archive":
        r"end record|directory (?:does not end|is longer)|its comment is not as long",
    "bytes of two entries, or of an entry and the directory, overlap":
        r"share bytes|run into the directory",
    "there is something before the archive":
        r"is not a bundle, SGXS stream|does not begin with an entry",
    "one name twice: readers take different ones": r"is there twice",
    "a name that is a path, empty, too long or not printable":
        r"its name is |its name has |has no name",
    "links, directories, devices, encryption flags": r"is not a regular file|is encrypted",
    "Go does not compare a CRC of 0": r"its CRC is not",
    "one JSON key twice: readers take different ones": r"a key is twice in one object",
    "a JSON key in another case: not every reader folds it": r"only in case",
    "JSON nested deeper than a stack is sure to allow": r"nested deeper",
    "text that is not UTF-8, holds half a surrogate pair or U+0000":
        r"unable to decode byte|invalid Unicode|U\+0000",
    "a number in an unknown field that could not be written again as it was":
        r"outside of what a double holds|a number has more than",
    "bytes spelled as only Go reads them: loose base64, null":
        r"bytes in hex or base64|bytes in base64",
    "a null among objects or texts": r"its entries must be objects|must be texts",
    "a manifest that is not an object": r"is not a JSON object",
    "a component that takes the manifest for one of its files":
        r"names the file META-INF/MANIFEST.MF",
    "a SIGSTRUCT that is none for the CPU": r"HEADER is not that of a SIGSTRUCT",
    "DATE in the year 0": r"DATE 0000[0-9]{4} is no date",
}


class Verdict:
    """What ensign says: accepted, and the error line without the file's name."""

    def __init__(self, path):
        *runs, core = [_run([ENSIGN, *args, path]) for args in
                       (("show",), ("sgx-gen-sign-data", "--date", "20240229"),
                        ("verify", "--profile", "core"))]
        # What it says of oasis-core: True, False, or None where it says that it does not know.
        said = core.stdout.decode("utf-8", "replace").splitlines() or ["refused"]
        self.core = said[0].startswith("yes: ") or {"refused": False, "undecided": None}[said[-1].split()[0]]
        self.core_code = core.returncode
        self.own = b" [own]\n" in core.stdout
        self.accepted = any(run.returncode == 0 for run in runs)
        self.codes = [run.returncode for run in runs]
        lines = [line for line in runs[0].stderr.decode("utf-8", "replace").splitlines()
                 if line.startswith("ensign: ") and not line.startswith("ensign: warning: ")]
        self.lines = len(lines)
        self.text = lines[0].replace(f"{path}: ", "") if lines else ""


def _run(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                          check=False)


def setUpModule():
    if not ENSIGN.exists():
        raise AssertionError(f"{ENSIGN} is not there: run make first")


def _orc(path):
    """None where `orc show` comes to its end, else what it says. Its exit status says little."""
    run = _run([ORC, "show", path])
    if run.returncode == 0 and b"\nDigests:" in run.stdout:
        return None
    return (run.stderr or run.stdout).decode("utf-8", "replace").strip() or "silence"


class Mutations(unittest.TestCase):
    """All tests look at one run over one set of files."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.temporary.name)
        cls.paths, cls.model = {}, {}
        every = itertools.chain(mutate.mutations(), mutate.more(MORE))
        for name, data in every:
            cls.paths[name] = folder / f"{name}.orc"
            cls.paths[name].write_bytes(data)
            cls.model[name] = gobundle.accepts(data)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.ensign = dict(zip(cls.paths, pool.map(Verdict, cls.paths.values())))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_enough(self):
        """The mutations are many, and neither all good nor all bad."""
        refused = sum(text is not None for text in self.model.values())
        self.assertGreaterEqual(refused, LEAST)
        self.assertGreaterEqual(len(self.model) - refused, LEAST)
        self.assertGreaterEqual(sum(v.accepted for v in self.ensign.values()), 100)

    def test_refusals(self):
        """A refusal is exit 65 and one line; nothing else happens to any of them."""
        for name, verdict in self.ensign.items():
            with self.subTest(name):
                self.assertLessEqual(set(verdict.codes), {0, 65})
                self.assertEqual(verdict.lines, 0 if verdict.codes[0] == 0 else 1)

    def compare_profile(self, theirs):
        """D4: what `verify --profile core` says of oasis-core is what oasis-core says."""
        said = collections.Counter()
        for name, why in theirs.items():
            verdict = self.ensign[name]
            said[verdict.core, why is None] += 1
            with self.subTest(name):
                if verdict.core is not None:
                    self.assertEqual(verdict.core, why is None, why)
                self.assertEqual(verdict.core_code if verdict.core is not False else 1,
                                 0 if verdict.core else 1)
                # What ensign itself refuses is said beside it.
                self.assertEqual(verdict.own, verdict.codes[0] != 0 and verdict.core is not False)
        print(f"# verify --profile core: opens {said[True, True]}, refused {said[False, False]}, not "
              f"known {said[None, True]} that it opens and {said[None, False]} that it refuses")
        self.assertLess(said[None, True] + said[None, False], len(theirs) // 4)

    def compare(self, theirs):
        """Holds ensign to {name: None or why it is refused}."""
        reasons, both = collections.Counter(), collections.Counter()
        for name, why in theirs.items():
            verdict = self.ensign[name]
            both[verdict.accepted, why is None] += 1
            with self.subTest(name):
                if verdict.accepted:
                    self.assertIsNone(why, "ensign accepts it")
                elif why is None:
                    found = [reason for reason, pattern in REASONS.items()
                             if re.search(pattern, verdict.text)]
                    self.assertEqual(len(found), 1, f"{verdict.text!r}: {found}")
                    reasons[found[0]] += 1
        print(f"# {len(theirs)} bundles: both accept {both[True, True]}, both refuse "
              f"{both[False, False]}, only ensign refuses {both[False, True]}, only ensign "
              f"accepts {both[True, False]}")
        for reason, number in reasons.most_common():
            print(f"# {number:4} {reason}")
        return reasons

    def test_model(self):
        """Beside the model of oasis-core; every reason on the list is needed."""
        self.assertEqual(set(self.compare(self.model)), set(REASONS))

    def test_profile(self):
        """The profile beside the model."""
        self.compare_profile(self.model)

    def test_orc(self):
        """Beside orc itself."""
        if ORC is None:
            self.assertNotEqual(os.environ.get("ENSIGN_REQUIRE_ORC"), "1",
                                "orc is required, and is not on the PATH")
            self.skipTest("orc is not installed")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            theirs = dict(zip(self.paths, pool.map(_orc, self.paths.values())))
        self.compare(theirs)
        self.compare_profile(theirs)


class Model(unittest.TestCase):
    """The model knows what Go does: each quirk beside the plain case."""

    def accepts(self, data, yes=True):
        why = gobundle.accepts(data)
        self.assertEqual(why is None, yes, why)

    def test_good(self):
        for make in (mutate.signed, mutate.legacy, mutate.tdx, mutate.elf_form):
            self.accepts(make().pack())

    def test_mutations_of_interest(self):
        made = dict(mutate.mutations())
        for name, yes in (
                # Names: what filepath.Dir makes of them.
                ("name-3", True), ("name-4", True), ("name-5", False), ("name-6", False),
                # The last of two entries and of two keys counts; members of a map stay.
                ("entry-twice-other-last-4", False), ("entry-twice-other-first-4", True),
                ("key-name-twice-0", True), ("appended-1", True), ("appended-2", False), ("appended-0", True),
                # Keys are folded, unknown ones do not matter, null is nothing.
                ("key-signature-6", True), ("key-name-0", True), ("appended-10", False),
                ("text-2", False), ("alone-0", True), ("alone-1", True), ("alone-2", False),
                ("digest-gone.bin-13", True), ("digest-note.txt-13", False),
                # The central directory is believed, the local header is not read.
                ("local-sig-crc-0", True), ("central-sig-crc-0", False),
                ("data-note-crc-zero", True), ("data-note-crc-other", False),
                # The archive may stand behind something, and before something else.
                ("prepend-page", True), ("append-page", True), ("append-64k", False),
                # A digest of the manifest would have to be right, which no one can do.
                ("digest-META-INF_MANIFEST.MF-0", False), ("digest-gone.bin-0", True),
                # SIGSTRUCTs: DATE counts, HEADER does not.
                ("sigstruct-signed-0", False), ("sigstruct-signed-3", True),
                ("sigstruct-signed-12", True), ("sigstruct-signed-6", True)):
            with self.subTest(name):
                self.accepts(made[name], yes)


if __name__ == "__main__":
    unittest.main()
