"""Shows that the second implementation is right before anything is measured against it.

Vectors of others, known values and its own hostile bundles. What lies in shared data beside the
checkout is skipped by name where it is absent; with ENSIGN_REQUIRE_SHARED=1 its absence fails.
"""

import hashlib
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
import mhash
import mkbundle
import mkhostile
import orc
import sgx
import sgxs
import testkey
import zipmake

HERE = pathlib.Path(__file__).resolve().parent
ENCLAVE = HERE.parent / "enclave"
DATA = pathlib.Path(os.environ.get("ENSIGN_SHARED") or HERE.parents[2] / "shared") / "data"


def shared(name):
    """A path below the shared data; skips the test where they are not, unless they must be."""
    path = DATA / name
    if not path.exists():
        if os.environ.get("ENSIGN_REQUIRE_SHARED") == "1":
            raise AssertionError(f"shared data {name} is required and not there")
        raise unittest.SkipTest(f"shared data {name} is not there")
    return path


class Sigstruct(unittest.TestCase):
    """SIGSTRUCT, sign-data and the RSA quotients."""

    def test_shared_cases(self):
        folder = shared("sigstruct")
        cases = json.loads((folder / "expected.json").read_text())
        self.assertEqual(len(cases), 53)
        for name, expected in cases.items():
            with self.subTest(name):
                errors, warnings = sgx.judge((folder / f"{name}.sig").read_bytes())
                self.assertEqual((errors, warnings), (expected["errors"], expected["warnings"]))

    def test_sig1_quotients(self):
        n, s, q1, q2 = (int.from_bytes(shared(f"keys/sig1.{x}.bin").read_bytes(), "little")
                        for x in ("key_n", "sig", "q1", "q2"))
        self.assertEqual(sgx.quotients(s, n), (q1, q2))
        digest = shared("keys/sig1.data.bin").read_bytes()
        self.assertEqual(pow(s, 3, n), sgx.emsa(digest))

    def test_sig1_sigstruct(self):
        data = shared("keys/sig1.sigstruct.bin").read_bytes()
        self.assertEqual(sgx.judge(data)[0], [])
        self.assertEqual(hashlib.sha256(sgx.sign_data(data)).hexdigest(),
                         "ea7ced3b8c78324bce65ad851152a125fd1989df324dc72b244ed5f44573ac95")
        fields = sgx.parse(data)
        self.assertEqual(fields["date"], 0x20160109)
        self.assertEqual(fields["enclavehash"].hex(),
                         "c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d")
        self.assertEqual(sgx.build(fields), data)

    def test_real_signature(self):
        data = shared("enclaves/test_enclave.sig").read_bytes()
        self.assertEqual(sgx.judge(data)[0], [])
        self.assertRegex(sgx.mrsigner(data), "^fb4bab3d.*5542$")
        self.assertEqual(sgx.parse(data)["date"], 0x20161214)

    def test_fields_cover_every_byte_once(self):
        spans = sorted(sgx.FIELDS.values())
        self.assertEqual(spans[0][0], 0)
        for (at, length), (following, _) in zip(spans, spans[1:]):
            self.assertEqual(at + length, following)
        self.assertEqual(sum(spans[-1]), sgx.SIGSTRUCT_LEN)

    def test_own_signature_and_every_signed_byte(self):
        data = testkey.sigstruct("5a" * 32)
        self.assertEqual(sgx.judge(data)[0], [])
        for at in range(sgx.SIGSTRUCT_LEN):
            flipped = data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]
            self.assertNotEqual(sgx.judge(flipped)[0], [], f"byte {at}")

    def test_padding_is_compared_in_full(self):
        """Another padding of the same digest has a cube that ends alike: EINIT refuses it."""
        data = testkey.sigstruct("5a" * 32)
        n = testkey.modulus()
        digest = hashlib.sha256(sgx.sign_data(data)).digest()
        for block in (sgx.emsa(digest) ^ 1 << 2000,                 # one bit of the FFs
                      int.from_bytes(digest, "big") | 0x00FF << 256,  # no DigestInfo
                      int.from_bytes(digest, "big")):
            with self.subTest(hex(block)[:8]):
                p, q = (int(x, 16) for x in testkey.KEYS["one"])
                s = pow(block, pow(3, -1, (p - 1) * (q - 1)), n)
                q1, q2 = sgx.quotients(s, n)
                fields = dict(sgx.parse(data), signature=s, q1=q1, q2=q2)
                self.assertEqual(sgx.judge(sgx.build(fields))[0],
                                 ["the RSA signature does not verify"])

    def test_sign_data_round_trip(self):
        data = testkey.sigstruct("5a" * 32, isvsvn=7, swdefined=9)
        back = sgx.from_sign_data(sgx.sign_data(data))
        self.assertEqual(sgx.sign_data(back), sgx.sign_data(data))
        self.assertEqual(sgx.judge_sign_data(sgx.sign_data(data))[0], [])
        for length in (0, 32, 255, 257):
            self.assertEqual(sgx.judge_sign_data(bytes(length))[0],
                             [f"sign-data is 256 bytes, not {length}"])


class Stream(unittest.TestCase):
    """SGXS streams."""

    def test_shared_cases(self):
        folder = shared("sgxs")
        cases = json.loads((folder / "expected.json").read_text())
        self.assertEqual(len(cases), 25)
        for name, expected in cases.items():
            with self.subTest(name):
                data = (folder / name).read_bytes()
                if "error" in expected:
                    with self.assertRaises(sgxs.Malformed) as caught:
                        sgxs.measure(data)
                    self.assertEqual(str(caught.exception), expected["error"])
                    continue
                found = sgxs.measure(data)
                self.assertEqual(found.mrenclave, expected["mrenclave"])
                self.assertEqual(found.sha256, expected["sha256"])
                self.assertEqual(found.problems, expected["problems"])
                self.assertEqual(found.mrenclave == found.sha256, expected["equal_to_sha256"])

    def test_real_enclaves(self):
        for name, pattern in (("test_enclave", "^784acfd7.*98fc$"), ("report", "^a06a560b.*2290$")):
            with self.subTest(name):
                found = sgxs.measure(shared(f"enclaves/{name}.sgxs").read_bytes())
                self.assertRegex(found.mrenclave, pattern)
                self.assertEqual(found.problems, [])

    def test_matched_pair(self):
        found = sgxs.measure(shared("enclaves/test_enclave.sgxs").read_bytes())
        data = shared("enclaves/test_enclave.sig").read_bytes()
        self.assertEqual(sgx.parse(data)["enclavehash"].hex(), found.mrenclave)

    def test_own_enclave(self):
        """enclave.S builds to the same bytes each time and to the value that is written down."""
        written = re.search(r"^MRENCLAVE: `([0-9a-f]{64})`$",
                            (ENCLAVE / "README.md").read_text(), re.M).group(1)
        with tempfile.TemporaryDirectory() as folder:
            streams = []
            for name in ("one.sgxs", "two.sgxs"):
                path = pathlib.Path(folder) / name
                subprocess.run([ENCLAVE / "build.sh", path], check=True, capture_output=True)
                streams.append(path.read_bytes())
        self.assertEqual(streams[0], streams[1])
        found = sgxs.measure(streams[0])
        self.assertEqual((found.mrenclave, found.sha256), (written, written))
        self.assertEqual(found.problems, [])
        self.assertEqual(found.pages, [(0, 0x205), (0x1000, 0x100), (0x2000, 0x203),
                                       (0x3000, 0x203)])


class ManifestHash(unittest.TestCase):
    """The manifest hash and SHA-512/256 itself."""

    def test_sha512_256(self):
        self.assertEqual(mkbundle.digest(b"this is a test"),
                         "6c53016ac6f75b6a86dbd56070cbed58a5880071fa3ae44f1211ec72958ae941")

    def test_vectors(self):
        paths = sorted(shared("manifest").glob("*.json"))
        self.assertEqual(len(paths), 5)
        for path in paths:
            with self.subTest(path.name):
                self.assertEqual(mhash.manifest_hash(manifest.parse(path.read_bytes())),
                                 path.with_suffix(".hash").read_text().strip())

    def test_cbor(self):
        """RFC 7049 appendix A, and key order: shorter first."""
        for value, expected in ((0, "00"), (23, "17"), (24, "1818"), (1000, "1903e8"),
                                (1 << 32, "1b0000000100000000"), ("a", "6161"), (b"", "40"),
                                ([1, [2, 3]], "8201820203"), (True, "f5"), (None, "f6"),
                                ({"b": 1, "aa": 2, "a": 3}, "a3616103616201626161" "02")):
            self.assertEqual(mhash.cbor(value).hex(), expected)


class Bundles(unittest.TestCase):
    """Hostile bundles are refused for what is wrong with them, good ones accepted."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        mkhostile.write(cls.temporary.name)
        cls.expected = json.loads((cls.folder / "expected.json").read_text())
        cls.good = json.loads((cls.folder / "good" / "expected.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_every_file_is_expected(self):
        for folder, expected in ((self.folder, self.expected), (self.folder / "good", self.good)):
            self.assertEqual({path.name for path in folder.glob("*.orc")}, set(expected))
        self.assertGreaterEqual(len(self.expected), 80)
        self.assertEqual({one["exit"] for one in self.expected.values()}, {65})
        self.assertEqual({one["exit"] for one in self.good.values()}, {0})

    def test_hostile(self):
        for name, expected in self.expected.items():
            with self.subTest(name):
                errors = orc.check((self.folder / name).read_bytes()).errors
                self.assertTrue(any(expected["says"] in text for text in errors),
                                f"{expected['says']!r} is not in {errors}")

    def test_good(self):
        for name in self.good:
            with self.subTest(name):
                data = (self.folder / "good" / name).read_bytes()
                report = orc.check(data)
                self.assertEqual(report.errors, [])
                self.assertRegex(report.manifest_hash, "^[0-9a-f]{64}$")
                with zipfile.ZipFile(io.BytesIO(data)) as z:    # somebody else's reader
                    self.assertIsNone(z.testzip())

    def test_same_bytes_again(self):
        cases = hostile_manifest.CASES + mkhostile.GOOD
        for name, *_, make in cases[::7]:
            with self.subTest(name):
                self.assertEqual(make(), make())


class Written(unittest.TestCase):
    """What --written asks for beyond a bundle that oasis-core takes."""

    @staticmethod
    def bundle():
        bundle = hostile_manifest.base()
        bundle.files["extra.bin"] = b"x"
        return bundle.seal()

    @staticmethod
    def entries(bundle):
        entries = bundle.entries()
        entries[1:] = sorted(entries[1:], key=lambda e: e.name)
        for entry in entries:
            entry.fields = {"date": 0x21, "time": 0}
        return entries

    def refused(self, entries, says, **how):
        data = zipmake.pack(entries, **how)
        self.assertEqual(orc.check(data).errors, [])
        errors = orc.check(data, written=True).errors
        self.assertTrue(any(says in text for text in errors), f"{says!r} is not in {errors}")

    def test_accepted(self):
        data = zipmake.pack(self.entries(self.bundle()))
        self.assertEqual(orc.check(data, written=True).errors, [])

    def test_order(self):
        entries = self.entries(self.bundle())
        self.refused(entries, "not sorted", order=[0, 2, 1, 3, 4])
        self.refused(entries[1:] + entries[:1], "where its turn", order=[4, 0, 1, 2, 3])

    def test_time(self):
        entries = self.entries(self.bundle())
        entries[2].fields = {"date": 0x22, "time": 0}
        self.refused(entries, "has the time")

    def test_comment(self):
        self.refused(self.entries(self.bundle()), "comment", comment=b"x")

    def test_manifest(self):
        for says, change in (
                ("not compact", lambda raw: raw.replace(b'"name":', b'"name": ')),
                ("not compact", lambda raw: raw + b"\n"),
                ("keys are in the order", lambda raw: json.dumps(dict(sorted(
                    json.loads(raw).items())), separators=(",", ":")).encode())):
            entries = self.entries(self.bundle())
            entries[0].data = change(entries[0].data)
            self.refused(entries, says)

    def test_orphans(self):
        bundle = self.bundle()
        bundle.manifest["digests"]["zz.bin"] = "0" * 64
        self.refused(self.entries(bundle), "digest without a file")
        bundle = self.bundle()
        bundle.files["old.sig"] = bundle.files["ronl.sgx.sig"]
        self.refused(self.entries(bundle.seal()), "no component names")


class Command(unittest.TestCase):
    """check.py and mkbundle.py as commands."""

    def run_it(self, script, *args):
        return subprocess.run([sys.executable, "-B", HERE / script, *args], capture_output=True,
                              text=True, check=False)

    def test_check(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            stream, bundle = folder / "e.sgxs", folder / "e.orc"
            stream.write_bytes(hostile_manifest.STREAM)
            self.assertEqual(self.run_it("mkbundle.py", bundle, "--sgxs", stream, "--sign", "one",
                                         "--component", "ronl", "--component", "rofl.abc"
                                         ).returncode, 0)
            sigstruct, sign_data = folder / "e.css", folder / "e.signdata"
            sigstruct.write_bytes(testkey.sigstruct(hostile_manifest.MRENCLAVE))
            sign_data.write_bytes(sgx.sign_data(sigstruct.read_bytes()))
            signer = sgx.mrsigner(sigstruct.read_bytes())
            good = ["--mrenclave", hostile_manifest.MRENCLAVE]
            other = ["--mrenclave", hostile_manifest.OTHER_MRENCLAVE]
            for kind, path in (("bundle", bundle), ("sgxs", stream), ("sigstruct", sigstruct),
                               ("signdata", sign_data)):
                self.assertEqual(self.run_it("check.py", kind, *good, path).returncode, 0)
                self.assertEqual(self.run_it("check.py", kind, *other, path).returncode, 1)
            for kind, path in (("bundle", bundle), ("sigstruct", sigstruct)):
                self.assertEqual(
                    self.run_it("check.py", kind, "--mrsigner", signer, path).returncode, 0)
                self.assertEqual(
                    self.run_it("check.py", kind, "--mrsigner", "0" * 64, path).returncode, 1)
            document = json.loads(self.run_it("check.py", "bundle", "--json", bundle).stdout)
            self.assertEqual([e["component"] for e in document[0]["enclaves"]],
                             ["ronl", "rofl.abc"])
            self.assertEqual(self.run_it("check.py", "bundle", stream).returncode, 1)
            self.assertEqual(self.run_it("check.py", "bundle", folder / "none").returncode, 66)
            self.assertEqual(self.run_it("check.py", "nothing").returncode, 64)


if __name__ == "__main__":
    unittest.main()
