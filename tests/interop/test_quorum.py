"""The quorum against its oracle and its published vectors, which lie in shared data beside the checkout.

Every partial gets its verdict, every set of partials its exit status and, if there is a signature, the same bytes;
what ensign deals the oracle checks and combines, and the other way round, for all 21 pairs of M and N.
Skipped by name where the data is absent; with ENSIGN_REQUIRE_SHARED=1 its absence fails.
"""

import functools
import importlib.util
import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SHARED = pathlib.Path(os.environ.get("ENSIGN_SHARED") or HERE.parents[2] / "shared") / "quorum"
VECTORS = SHARED / "vectors"
ENSIGN = os.environ.get("ENSIGN", str(HERE.parents[1] / "build/release/ensign"))
# What is slow is done once.
RELEASE = os.environ.get("ENSIGN_VARIANT", "release") == "release"
CASES = ["2of3-safe", "3of5-plain", "5of7-plain2", "7of7-safe", "2of2-plain"]

WORDS = {
    "ok": ": good",
    "duplicate": ": is there twice",
    "range": "a number is out of range",
    "other-quorum": "was made with another quorum",
    "other-sign-data": "is over other sign-data",
    "bad-proof": "the proof does not hold",
}


def setUpModule():
    if not VECTORS.exists():
        if os.environ.get("ENSIGN_REQUIRE_SHARED") == "1":
            raise AssertionError(f"{VECTORS} is required and not there")
        raise unittest.SkipTest("the vectors of the quorum are not there")


@functools.cache
def oracle():
    spec = importlib.util.spec_from_file_location("quorum_oracle", SHARED / "quorum.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def vector(case):
    return json.loads((VECTORS / case / "vector.json").read_text())


def run(*args):
    done = subprocess.run([ENSIGN, "quorum", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr.decode()


def private(holder):
    pem = (VECTORS / f"holders/{holder}.pem").read_text()
    return oracle().pkcs8_numbers(oracle().unpem(pem, "PRIVATE KEY"))


def verdicts(stderr, files):
    """The verdict of each file, in order, from the lines that begin with its name."""
    lines = [line for line in stderr.splitlines() if not line.startswith("ensign: ")]
    found = []
    for path in files:
        line = next((line for line in lines if line.startswith((f"{path}: ", f"{path} (says "))), None)
        if line is None:
            found.append(None)
            continue
        lines.remove(line)
        found.append(next((verdict for verdict, words in WORDS.items() if words in line[len(str(path)):]), "malformed"))
    return found


def identity(out):
    """The options for holder 1, whose key has an identity."""
    passphrase = pathlib.Path(out, "passphrase")
    passphrase.touch(mode=0o600)
    passphrase.write_text(json.loads((VECTORS / "index.json").read_text())["passphrase"] + "\n")
    return ["--identity", VECTORS / "holders/1.identity", "--pin-source", f"file:{passphrase}"]


class Vectors(unittest.TestCase):
    """The published files."""

    def cases(self):
        return CASES if RELEASE else ["2of3-safe", "2of2-plain"]

    def test_every_partial_has_its_verdict(self):
        for case in self.cases():
            partials = vector(case)["partials"]
            for at in range(0, len(partials), 64):
                some = partials[at:at + 64]
                files = [VECTORS / case / p["file"] for p in some]
                with self.subTest(case), tempfile.TemporaryDirectory() as out:
                    _, _, stderr = run("combine", "--public", VECTORS / case / "quorum.pub",
                                       "--sign-data", VECTORS / "one.signdata", "-o", f"{out}/sig", *files)
                    self.assertEqual({p["over"] for p in some}, {"one"})
                    self.assertEqual(dict(zip([p["file"] for p in some], verdicts(stderr, files))),
                                     {p["file"]: p["verdict"] for p in some})

    def test_every_set_of_partials_has_its_exit_status_and_signature(self):
        for case in self.cases():
            for row in vector(case)["combine"]:
                if case == "5of7-plain2" and row["label"].startswith("quorum ") and row["label"][-3:] != "6,7":
                    continue    # many sets more of one kind
                files = [VECTORS / case / name for name in row["partials"]]
                with self.subTest(case, label=row["label"]), tempfile.TemporaryDirectory() as out:
                    code, stdout, stderr = run("combine", "--public", VECTORS / case / row["public"],
                                               "--sign-data", VECTORS / f"{row['sign_data']}.signdata",
                                               "-o", f"{out}/sig", *files)
                    self.assertEqual(code, row["exit"], stderr)
                    self.assertEqual(stdout, b"")
                    self.assertEqual(verdicts(stderr, files), [verdict for _, _, verdict in row["files"]])
                    have = pathlib.Path(out, "sig").read_bytes().hex() if row["signature"] else None
                    self.assertEqual(have, row["signature"])
                    self.assertEqual(os.listdir(out), ["sig"] if row["signature"] else [])

    def test_every_public_file_has_its_verdict(self):
        for case in self.cases():
            for row in vector(case)["publics"]:
                with self.subTest(case, file=row["file"]):
                    code, _, stderr = run("combine", "--public", VECTORS / case / row["file"],
                                          "--sign-data", VECTORS / "one.signdata", "-o", "none")
                    self.assertEqual(code, 77 if row["verdict"] == "ok" else 65, stderr)
                    code, _, stderr = run("check", VECTORS / case / row["file"])
                    self.assertEqual(code, {"ok": 0, "bad-public": 1, "malformed": 65}[row["verdict"]], stderr)

    def test_every_share_of_holder_1_has_its_verdict(self):
        for case in self.cases():
            for row in vector(case)["shares"]:
                if row["holder"] != 1 or row.get("opened_with"):
                    continue
                with self.subTest(case, file=row["file"]), tempfile.TemporaryDirectory() as out:
                    key, path = identity(out), VECTORS / case / row["file"]
                    named = row.get("named", "ok")
                    code, stdout, stderr = run("check", *key, "--repaired", path)
                    want = {"ok": (0,), "malformed": (65,), "bad-share": (1,), "locked": (1, 82)}[row["verdict"]]
                    self.assertIn(code, want, stderr)
                    if row["verdict"] == "ok":
                        code, stdout, stderr = run("check", *key, path)
                        self.assertEqual(code, 0 if named == "ok" else 1, stderr)
                        self.assertIn(b"Your key", stdout)

    def test_a_share_of_somebody_else_is_not_opened(self):
        with tempfile.TemporaryDirectory() as out:
            code, _, stderr = run("check", *identity(out), VECTORS / "2of3-safe/2.share")
            self.assertEqual(code, 82, stderr)

    def test_every_repair_has_its_verdict_and_m_of_them_make_the_share(self):
        for case in self.cases():
            vec = vector(case)
            good = [VECTORS / case / r["file"] for r in vec["repairs"] if r["verdict"] == "ok"]
            with self.subTest(case), tempfile.TemporaryDirectory() as out:
                key = identity(out)
                for row in vec["repairs"]:
                    code, _, stderr = run("restore", "--public", VECTORS / case / "quorum.pub", *key, "-o", f"{out}/one",
                                          VECTORS / case / row["file"])
                    self.assertEqual(code, 77 if row["verdict"] == "ok" else 65, stderr)
                if len(good) < vec["M"]:
                    continue
                code, _, stderr = run("restore", "--public", VECTORS / case / "quorum.pub", *key, "-o", f"{out}/share",
                                      *good[:vec["M"]])
                self.assertEqual(code, 0, stderr)
                pub, holder, pieces = oracle().open_share(pathlib.Path(out, "share").read_bytes(), private(1))
                self.assertEqual((holder, pub.id.hex()), (1, vec["quorum"]))
                self.assertEqual({a: oracle().i2o(r, oracle().PIECE).hex() for a, r in pieces.items()},
                                 {a: vec["pieces"][a] for a in vec["holders"]["1"]})

    def test_the_oracle_takes_a_repair(self):
        q = oracle()
        with tempfile.TemporaryDirectory() as out:
            code, _, stderr = run("repair", "--share", VECTORS / "2of3-safe/1.share", *identity(out), "--for", 2,
                                  "--card", VECTORS / "holders/2.card", "--yes", "-o", f"{out}/repair")
            self.assertEqual(code, 0, stderr)
            public = q.read_public((VECTORS / "2of3-safe/quorum.pub").read_bytes())
            giver, holder, pieces = q.read_repair(pathlib.Path(out, "repair").read_bytes(), public, private(2))
            self.assertEqual((giver, holder, sorted(pieces)), (1, 2, [2]))


class BothWays(unittest.TestCase):
    """ensign and the oracle, each with what the other made, and the whole key."""

    def whole_key(self, key, signdata):
        """The signature by the whole key, computed plainly."""
        q = oracle()
        numbers = q.pkcs8_numbers(q.unpem((VECTORS / f"keys/{key}.pem").read_text(), "PRIVATE KEY"))
        return q.i2o(pow(q.em(q.sha(signdata)), numbers[3], numbers[1]))

    def pairs(self):
        return [(m, n) for n in range(2, 8) for m in range(2, n + 1)] if RELEASE else [(2, 2), (2, 3)]

    def test_what_ensign_deals_the_oracle_takes(self):
        q, signdata = oracle(), (VECTORS / "one.signdata").read_bytes()
        want = self.whole_key("safe", signdata)
        for m, n in self.pairs():
            cards = [arg for i in range(1, n + 1) for arg in ("--card", VECTORS / f"holders/{i}.card")]
            with self.subTest(m=m, n=n), tempfile.TemporaryDirectory() as out:
                code, _, stderr = run("deal", "--threshold", m, *cards, "--from", VECTORS / "keys/safe.pem",
                                      "--allow-swap", "--yes", "--quiet", "--out-dir", out)
                self.assertEqual(code, 0, stderr)
                self.assertEqual(sorted(os.listdir(out)), sorted(["quorum.pub"] + [f"{i}.share" for i in range(1, n + 1)]))
                public = q.read_public(pathlib.Path(out, "quorum.pub").read_bytes())
                self.assertEqual((public.M, public.N, public.epoch), (m, n, 0))
                # The pieces of each holder, checked by the first and the last: all of them are there.
                shares, pieces = {}, {}
                for i in range(1, n + 1):
                    raw = pathlib.Path(out, f"{i}.share").read_bytes()
                    pub, holder, box = q.read_share(raw)
                    q.check_named(pub, holder, box)
                    shares[i] = q.unpack(q.unseal(box, private(i)), q.pieces_of(i, pub.A))
                    pieces.update(shares[i])
                if n <= 4:
                    q.check_share(public, 1, shares[1])
                self.assertTrue(all(pieces[a] == r for s in shares.values() for a, r in s.items()))
                self.assertEqual(len(pieces), math.comb(n, m - 1))
                numbers = q.pkcs8_numbers(q.unpem((VECTORS / "keys/safe.pem").read_text(), "PRIVATE KEY"))
                phi = (numbers[4] - 1) * (numbers[5] - 1)
                self.assertEqual(sum(pieces.values()) * 3 % phi, 1)
                if (m, n) not in ((2, 2), (2, 3), (3, 4), (3, 5)):
                    continue
                # And M of them sign, by the oracle; the last M.
                files = []
                for i in range(n - m + 1, n + 1):
                    partial = q.make_partial(public, i, shares[i], q.sha(signdata), None, os.urandom(64))
                    files.append(pathlib.Path(out, f"{i}.partial"))
                    files[-1].write_bytes(q.write_partial(partial))
                code, _, stderr = run("combine", "--public", f"{out}/quorum.pub", "--sign-data", VECTORS / "one.signdata",
                                      "-o", f"{out}/sig", *files)
                self.assertEqual(code, 0, stderr)
                self.assertEqual(pathlib.Path(out, "sig").read_bytes(), want)

    def test_what_the_oracle_deals_ensign_signs_with(self):
        q, signdata = oracle(), (VECTORS / "one.signdata").read_bytes()
        numbers = q.pkcs8_numbers(q.unpem((VECTORS / "keys/safe.pem").read_text(), "PRIVATE KEY"))
        for m, n in self.pairs():
            if n > 4 and (m, n) not in ((3, 5), (4, 7), (7, 7)):
                continue
            cards = [q.read_card((VECTORS / f"holders/{i}.card").read_bytes()) for i in range(1, n + 1)]
            with self.subTest(m=m, n=n), tempfile.TemporaryDirectory() as out:
                pub, shares = q.deal(numbers[4], numbers[5], n, m, [c.name for c in cards], [q.sha(c.spki) for c in cards],
                                     q.Stream())
                pathlib.Path(out, "1.share").write_bytes(q.write_share(pub, 1, shares[1], cards[0], q.Stream()))
                code, _, stderr = run("sign", "--share", f"{out}/1.share", *identity(out), "--yes", "-o", f"{out}/partial",
                                      VECTORS / "one.signdata")
                self.assertEqual(code, 0, stderr)
                partial = q.read_partial(pathlib.Path(out, "partial").read_bytes(), pub)
                q.verify_partial(pub, partial, q.sha(signdata))
                self.assertEqual((partial.i, len(partial.ys)), (1, math.comb(n - 1, m - 1)))

    def test_one_digit_changed_anywhere_is_refused(self):
        """Each byte of a partial: the trailer finds it; and with the trailer made anew, something else does."""
        q = oracle()
        raw = (VECTORS / "2of3-safe/1-any.partial").read_bytes()
        with tempfile.TemporaryDirectory() as out:
            files = []
            for at in range(5, len(raw) - 80, 31):
                changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]
                body = changed[:changed.rindex(b"sha256: ")]
                for name, text in (("plain", changed), ("finished", body + b"sha256: " + q.sha(body).hex().encode() + b"\n")):
                    files.append(pathlib.Path(out, f"{at}.{name}"))
                    files[-1].write_bytes(text)
            for at in range(0, len(files), 64):
                code, _, stderr = run("combine", "--public", VECTORS / "2of3-safe/quorum.pub",
                                      "--sign-data", VECTORS / "one.signdata", "-o", f"{out}/sig", *files[at:at + 64])
                self.assertEqual(code, 65, stderr)
                found = verdicts(stderr, files[at:at + 64])
                self.assertNotIn("ok", found)
                self.assertNotIn(None, found)


if __name__ == "__main__":
    unittest.main()
