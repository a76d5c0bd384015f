"""ensign over every bundle of mkhostile.py: what is hostile is refused, what is good is taken.

Refused means exit 65, one error line without control characters, nothing on stdout, no file made
or changed, bounded memory. Taken means that ensign shows it, attaches a signature to it, and that
the second implementation accepts what came out, with every manifest field still there.
The program is $ENSIGN, or build/release/ensign of this checkout.
"""

import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

import hostile_manifest
import manifest
import orc
import sgx
import testkey

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENSIGN = ROOT / os.environ.get("ENSIGN", "build/release/ensign")
SECONDS = 60                        # for one run, with a sanitizer too
MEMORY = 128 << 20                  # bytes that a run may hold at most; bombs inflate to 400 MiB
SANITIZED = "asan" in str(ENSIGN)   # its shadow memory counts as well


class Run:
    """One run of ensign: status, out, err, and the most memory it held, in bytes."""

    def __init__(self, *args):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with subprocess.Popen([ENSIGN, *args], stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=err, start_new_session=True) as child:
                _, status, usage = os.wait4(child.pid, 0)
                child.returncode = os.waitstatus_to_exitcode(status)
            self.status, self.memory = child.returncode, usage.ru_maxrss * 1024
            self.out, self.err = (_content(f) for f in (out, err))
        lines = self.err.decode("utf-8", "replace").splitlines()
        self.errors = [line for line in lines if not line.startswith("ensign: warning: ")]


def _content(f):
    f.seek(0)
    return f.read()


def setUpModule():
    if not ENSIGN.exists():
        raise AssertionError(f"{ENSIGN} is not there: run make first")


class Bundles(unittest.TestCase):
    """Both tests work on one set of files."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        # In a process of its own: what this one holds counts as held by each program it starts.
        subprocess.run([sys.executable, "-B", HERE / "mkhostile.py", cls.folder], check=True,
                       stdout=subprocess.DEVNULL)
        cls.sigstruct = cls.folder / "new.css"
        cls.sigstruct.write_bytes(testkey.sigstruct(hostile_manifest.MRENCLAVE, "two", isvsvn=9))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def refused(self, run, path):
        self.assertEqual(run.status, 65, run.err)
        self.assertEqual(len(run.errors), 1, run.errors)
        self.assertTrue(run.errors[0].startswith("ensign: "), run.errors)
        self.assertIsNone(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", run.err), run.err)
        self.assertEqual(run.out, b"")
        if not SANITIZED:
            self.assertLess(run.memory, MEMORY)

    def test_hostile(self):
        expected = json.loads((self.folder / "expected.json").read_text())
        before = sorted(self.folder.iterdir())
        for name in expected:
            path = self.folder / name
            content = path.read_bytes()
            for args in (("show", path), ("sgx-gen-sign-data", "--date", "20240229", path),
                         ("set-sig", path, self.sigstruct)):
                with self.subTest(f"{args[0]} {name}"):
                    self.refused(Run(*args), path)
                    self.assertEqual(path.read_bytes(), content)
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_good(self):
        good = self.folder / "good"
        for name in json.loads((good / "expected.json").read_text()):
            path = good / name
            with self.subTest(f"show {name}"):
                run = Run("show", path)
                self.assertEqual(run.status, 0, run.err)
                self.assertNotEqual(run.out, b"")
            for component in self.enclaves(path):
                with self.subTest(f"set-sig {component} {name}"):
                    self.attach(path, component)

    @staticmethod
    def enclaves(path):
        """The components with an enclave, as text."""
        with zipfile.ZipFile(path) as z:
            return [one[0] for one in manifest.Manifest(z.read(manifest.FILE_NAME)).enclaves]

    def attach(self, path, component):
        out = self.folder / "out.orc"
        out.unlink(missing_ok=True)
        run = Run("set-sig", "--component", component, "-o", out, path, self.sigstruct)
        self.assertEqual(run.status, 0, run.err)
        data = out.read_bytes()
        report = orc.check(data, written=True)
        # Whoever wrote the keys in another order may keep it.
        foreign = path.name == "keys-reversed.orc"
        self.assertEqual([e for e in report.errors
                          if not (foreign and "keys are in the order" in e)], [])
        signers = {e["component"]: e.get("mrsigner") for e in report.enclaves}
        self.assertEqual(signers[component], sgx.mrsigner(self.sigstruct.read_bytes()))
        self.assertEqual(self.kept(data), self.kept(path.read_bytes()))

    @staticmethod
    def kept(data):
        """What set-sig has no business with: the manifest without signature names, digests and
        identities, and the unknown fields once more as text, for their order."""
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            m = json.loads(z.read(manifest.FILE_NAME))
        m.pop("digests")
        for one in [m, *m.get("components", [])]:
            one.pop("identity", None)
            if "sgx" in one:
                one["sgx"].pop("signature", None)
        return m, json.dumps(m.get("x-unknown"))


if __name__ == "__main__":
    unittest.main()
