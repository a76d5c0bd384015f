#!/usr/bin/env python3
"""bench.py BUILD SCRATCH [--json FILE]: runs ensign, the limit program, orc and openssl in turn.

BUILD is a directory of make's (build/release); everything is written below SCRATCH. Called by
scripts/bench, which says what the variables mean. In each round every case runs each of its
programs once, so that what else happens on the host meets all of them; the first round is not
counted. Medians are compared, never single runs.
"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))

import gramine                                          # noqa: E402
import inputs                                           # noqa: E402
import report                                           # noqa: E402

SOFTHSM = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
DATE, PIN = "20240229", "123456"
KEY = "pkcs11:token=bench;object=release"
ONE_BY_ONE = 20                                         # signatures by a process each
SLOW, SLOW_MS, SESSIONS = 320, 20, 8                    # signatures of a token that takes its time, by so many processes
SHORT = 100                                             # MiB: less runs several times a round
FEW_PAGES = 400                                         # of the ELF file whose pages are counted
ENCLAVEHASH = slice(188, 220)                           # of sign-data


class Sample:
    """One run: seconds and KiB. `loop` is what a program timed itself (token_loop)."""

    def __init__(self, line, stdout):
        status, wall, user, system, memory = line.split()
        self.status, self.memory = int(status), int(memory)
        self.wall, self.cpu = float(wall), float(user) + float(system)
        self.loop = float(stdout) if re.fullmatch(r"[0-9.]+\s*", stdout) else None


class Program:
    """One program in one case. before() runs unmeasured, in front of each run; `times` is how
    often it runs in a round, of which the mean counts as one sample."""

    def __init__(self, name, argv, before=None, times=1, status=0):
        self.name, self.argv, self.before, self.times = name, argv, before, times
        self.status, self.samples = status, []

    def median(self, what):
        """wall, cpu or loop in seconds, memory in KiB."""
        return statistics.median(getattr(s, what) for s in self.samples)


class Case:
    """Programs that do the same work on the same files; the first is ensign."""

    def __init__(self, name, mib, files, programs):
        self.name, self.mib, self.files, self.programs = name, mib, files, programs

    def get(self, name):
        """The program of that name, or None where it is not here."""
        return next((p for p in self.programs if p.name == name), None)

    def ratio(self, other, what="wall"):
        """Cost of ensign's run over that of `other`; None where that is not here."""
        theirs = self.get(other)
        if theirs is None or not theirs.median(what):
            return None
        return self.programs[0].median(what) / theirs.median(what)


class Bench:
    """Inputs, cases, and their runs."""

    def __init__(self, build, scratch):
        self.dir = scratch
        self.ensign = os.path.join(build, "ensign")
        self.tool = lambda name: os.path.join(build, "tests", "bench", name)
        self.quirk = os.path.join(build, "tests", "hsm", "quirk.so")
        self.kept = 0
        self.orc, self.sgx_sign = shutil.which("orc"), shutil.which("sgx_sign")
        floor = self.tool("orc_floor")
        self.floor = floor if os.path.exists(floor) else None
        self.old = os.environ.get("BENCH_OLD")
        self.sizes = [int(n) for n in os.environ.get("BENCH_SIZES", "20 256 2048").split()]
        self.rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
        self.small = int(os.environ.get("BENCH_SMALL", "1000"))
        self.pages = int(os.environ.get("BENCH_PAGES", 100000 if max(self.sizes) > SHORT else 2000))
        self.stream = int(os.environ.get("BENCH_STREAM", min(500, max(self.sizes))))
        self.cases, self.counts, self.poured, self.quorums = [], [], [], []
        self.version = Program("ensign --version", [self.ensign, "--version"])

    def path(self, *names):
        """Below the scratch directory."""
        return os.path.join(self.dir, *names)

    # -- inputs --------------------------------------------------------------------------------

    def disk(self):
        """MiB that the inputs and the outputs want; programs deflate to some 40 %."""
        content = sum(self.sizes) + max(self.sizes) * (2 if self.orc or self.floor else 1)
        results = self.rounds * self.small // 16
        return content * 6 // 10 + self.stream + self.small // 8 + results + 16

    def make(self):
        """Writes every input."""
        say(f"bench: takes about {self.disk()} MiB of disk below {self.dir}")
        if shutil.disk_usage(self.dir).free < self.disk() * inputs.MIB:
            raise SystemExit("bench: there is less than that free: set TMPDIR, or "
                             "BENCH_SIZES='20 256'")
        files = inputs.system_files()
        for mib in self.sizes:
            say(f"bench: making a bundle of {mib} MiB")
            inputs.write_bundle(self.path(f"{mib}.orc"), mib * inputs.MIB, inputs.SEED, files)
        inputs.write_stream(self.path("bare.sgxs"), self.stream * inputs.MIB, inputs.SEED, files)
        say(f"bench: making {self.small} small bundles and sign-data")
        for name in ("small", "signdata", "out"):
            os.mkdir(self.path(name))
        for i in range(self.small):
            inputs.write_bundle(self.path("small", f"{i:05}.orc"), 48 << 10, inputs.SEED + i, files)
            inputs.write_sign_data(self.path("signdata", f"{i:05}.signdata"), i)
        self.keys()
        for mib in self.sizes:
            self.signature(self.path(f"{mib}.orc"))
        self.signature(self.path("small", "00000.orc"))
        self.elf()
        self.gramine()

    def elf(self):
        """An ELF file, as many bytes as are measured of it, and what set-sig attaches to it."""
        path, key = self.path("elf.so"), self.path("key.pem")
        say(f"bench: making an ELF file of {self.pages} pages")
        with contextlib.redirect_stdout(sys.stderr):
            inputs.write_elf(path, self.pages, key)
            inputs.write_elf(self.path("few.so"), FEW_PAGES, key)
        inputs.write_records(self.path("records"), self.pages)
        quiet(self.ensign, "gen-sign-data", "--date", DATE, "--from", path, "-o",
              path + ".signdata", path)
        quiet("openssl", "dgst", "-sha256", "-sign", key, "-out", path + ".sig",
              path + ".signdata")

    def gramine(self):
        """A manifest that asks for 1 GiB, libpal.so, and the bytes that are measured of them."""
        manifest = b'[sgx]\nenclave_size = "1G"\nmax_threads = 4\n'
        for name, pieces in (("app.manifest.sgx", [manifest]), ("libpal.so", [gramine.LIBPAL]),
                             ("gramine.records", gramine.Enclave(manifest, gramine.LIBPAL, (1, 9)).records())):
            with open(self.path(name), "wb") as out:
                out.writelines(pieces)

    def keys(self):
        """A fresh key with e = 3, as a file and in a SoftHSM token of its own."""
        pem, p8 = self.path("key.pem"), self.path("key.p8")
        quiet("openssl", "genrsa", "-3", "-out", pem, "3072")
        quiet("openssl", "rsa", "-in", pem, "-pubout", "-out", self.path("key.pub"))
        quiet("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", pem, "-out", p8)
        os.mkdir(self.path("tokens"), 0o700)
        with open(self.path("softhsm2.conf"), "w", encoding="ascii") as f:
            f.write(f"directories.tokendir = {self.path('tokens')}\n"
                    "objectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n")
        os.environ["SOFTHSM2_CONF"] = self.path("softhsm2.conf")
        quiet("softhsm2-util", "--init-token", "--free", "--label", "bench", "--so-pin",
              "87654321", "--pin", PIN)
        quiet("softhsm2-util", "--import", p8, "--token", "bench", "--label", "release", "--id",
              "01", "--pin", PIN)
        with open(os.open(self.path("pin"), os.O_CREAT | os.O_WRONLY, 0o600), "w",
                  encoding="ascii") as f:
            f.write(PIN + "\n")

    def signature(self, bundle):
        """BUNDLE.sig: made by openssl, over ensign's sign-data; the limit program's must be the
        same, or the two do not do the same work."""
        quiet(self.ensign, "gen-sign-data", "--date", DATE, "-o", bundle + ".signdata", bundle)
        quiet(self.tool("limit"), "gen", bundle, DATE, bundle + ".limit")
        with open(bundle + ".signdata", "rb") as f, open(bundle + ".limit", "rb") as g:
            data = f.read()
            if data != g.read():
                raise SystemExit(f"bench: ensign and limit disagree about {bundle}")
        if self.floor and data[ENCLAVEHASH].hex() != output(self.floor, "gen", bundle):
            raise SystemExit(f"bench: ensign and orc's floor disagree about {bundle}")
        quiet("openssl", "dgst", "-sha256", "-sign", self.path("key.pem"), "-out",
              bundle + ".sig", bundle + ".signdata")

    # -- cases ---------------------------------------------------------------------------------

    def plan(self):
        """All cases."""
        for mib in self.sizes:
            self.cases += [self.case_gen(mib), self.case_set(mib)]
            self.cases.append(self.case_one_core(mib))
        self.cases += [self.case_elf_gen(), self.case_elf_set(), self.case_gramine(), self.case_extract()]
        self.cases += [self.case_stream(), self.case_sign(), self.case_one_by_one()]
        self.plan_sessions()
        if subprocess.run([self.ensign, "resign", "--help"], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False).returncode == 0:
            self.cases.append(self.case_resign())

    def clean(self, *names):
        """A function that removes what the run before left, and lets the disk come to rest."""
        def run():
            for name in names:
                unlink(self.path(name))
            os.sync()
        return run

    def fresh_out(self):
        """An empty directory for results. Those of earlier runs stay until the end: a file system
        may take its time for new files where a thousand were removed a moment ago, which no
        pipeline does."""
        path = self.path("out")
        if os.path.isdir(path):
            self.kept += 1
            os.rename(path, f"{path}-{self.kept}")
        os.mkdir(path)
        os.sync()

    def case_gen(self, mib):
        bundle, out = self.path(f"{mib}.orc"), self.path("written")
        before = self.clean("written")
        limit = [self.tool("limit"), "gen", bundle, DATE, out]
        programs = [
            Program("ensign", [self.ensign, "gen-sign-data", "--quiet", "--date", DATE, "-o", out,
                               bundle], before),
            Program("limit", limit, before)]
        if mib == min(self.sizes):
            for library in ("libdeflate", "zlib"):
                programs.append(Program(f"limit with {library}",
                                        [limit[0], "--with", library, *limit[1:]], before))
        if self.floor:
            programs.append(Program("orc's floor", [self.floor, "gen", bundle], before))
        if self.orc:
            programs.append(Program("orc", [self.orc, "sgx-gen-sign-data", "--date", DATE,
                                            bundle], before))
        return self.sized("gen-sign-data", mib, programs)

    def case_set(self, mib):
        bundle, out = self.path(f"{mib}.orc"), self.path("written.orc")
        sig, pub = bundle + ".sig", self.path("key.pub")
        before = self.clean("written.orc")
        programs = [
            Program("ensign", [self.ensign, "set-sig", "--quiet", "--date", DATE, "-o", out,
                               bundle, sig, pub], before),
            Program("limit", [self.tool("limit"), "set", bundle, DATE, sig, pub, out], before)]
        if self.floor:
            programs.append(Program("orc's floor", [self.floor, "set", bundle, sig, out], before))
        if self.orc:
            def copy():
                before()
                shutil.copy(bundle, out)
                os.sync()
            programs.append(Program("orc", [self.orc, "sgx-set-sig", "--date", DATE, out, sig,
                                            pub], copy))
        return self.sized("set-sig", mib, programs)

    def sized(self, name, mib, programs):
        """A case over the bundle of this size. Short runs are repeated, at most ten times."""
        for program in programs:
            program.times = min(10, max(1, SHORT // mib))
        return Case(name, mib, [self.path(f"{mib}.orc")], programs)

    def case_stream(self):
        path = self.path("bare.sgxs")
        return Case("show of a stream", self.stream, [path], [
            Program("ensign", [self.ensign, "show", path]),
            Program("openssl dgst", ["openssl", "dgst", "-sha256", path])])

    def case_one_core(self, mib):
        """gen-sign-data and the limit program, each bound to one core."""
        bundle, out = self.path(f"{mib}.orc"), self.path("written")
        before, pin = self.clean("written"), ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
        return self.sized("gen-sign-data, one core", mib, [
            Program("ensign", [*pin, self.ensign, "gen-sign-data", "--quiet", "--date", DATE, "-o",
                               out, bundle], before),
            Program("limit", [*pin, self.tool("limit"), "gen", bundle, DATE, out], before)])

    def case_elf_gen(self):
        path, out = self.path("elf.so"), self.path("written")
        before = self.clean("written")
        programs = [
            Program("ensign", [self.ensign, "gen-sign-data", "--quiet", "--date", DATE, "--from",
                               path, "-o", out, path], before),
            self.dgst()]
        if self.sgx_sign:
            programs.append(Program("sgx_sign", [self.sgx_sign, "gendata", "-enclave", path,
                                                 "-out", out], before))
        return Case("ELF, gen-sign-data", None, [path], programs)

    def case_elf_set(self):
        path, out = self.path("elf.so"), self.path("written.so")
        return Case("ELF, set-sig", None, [path], [
            Program("ensign", [self.ensign, "set-sig", "--quiet", "--sign-data",
                               path + ".signdata", "-o", out, path, path + ".sig",
                               self.path("key.pub")], self.clean("written.so")),
            self.dgst()])

    def case_gramine(self):
        """An enclave of 1 GiB from a manifest, beside openssl over what is measured of it."""
        path, records = self.path("app.manifest.sgx"), self.path("gramine.records")
        return Case("Gramine, 1 GiB, show", None, [path], [
            Program("ensign", [self.ensign, "show", "--libpal", self.path("libpal.so"), path]),
            Program("openssl dgst", ["openssl", "dgst", "-sha256", records])])

    def dgst(self):
        """openssl over as many bytes as are measured of the ELF file."""
        return Program("openssl dgst", ["openssl", "dgst", "-sha256", self.path("records")])

    def case_extract(self):
        """extract of the largest bundle and of the ELF file, beside show of 256 bytes."""
        bundle, out = self.path(f"{max(self.sizes)}.orc"), self.path("written")
        signed, before = self.path("signed.orc"), self.clean("written")
        quiet(self.ensign, "set-sig", "--quiet", "--date", DATE, "-o", signed, bundle,
              bundle + ".sig", self.path("key.pub"))
        extract = [self.ensign, "extract", "--quiet", "-o", out]
        programs = [
            Program("ensign, ELF", [*extract, self.path("elf.so")], before, times=ONE_BY_ONE),
            Program("ensign, bundle", [*extract, signed], before, times=ONE_BY_ONE),
            Program("show of 256 bytes", [self.ensign, "show",
                                          self.path("elf.so.signdata")], times=ONE_BY_ONE)]
        if self.sgx_sign:
            programs.append(Program("sgx_sign dump", [
                self.sgx_sign, "dump", "-enclave", self.path("elf.so"), "-dumpfile",
                self.path("dumped"), "-cssfile", out], before, times=ONE_BY_ONE))
        return Case("extract", None, [self.path("elf.so"), signed], programs)

    def token_options(self, module=None):
        return ["--key", KEY, "--module", module or self.module(), "--pin-source",
                "file:" + self.path("pin"), "--yes"]

    def module(self):
        """SoftHSM's path."""
        for path in SOFTHSM:
            if os.path.exists(path):
                return path
        raise SystemExit("bench: softhsm2 is not installed: run scripts/setup")

    def loop(self):
        return Program("token loop", [self.tool("token_loop"), self.module(), "bench", "release",
                                      PIN, str(self.small)])

    def case_sign(self):
        data = [self.path("signdata", n) for n in sorted(os.listdir(self.path("signdata")))]
        return Case(f"sign x {self.small}", None, data, [
            Program("ensign", [self.ensign, "sign", "--quiet", *self.token_options(), "--out-dir",
                               self.path("out"), *data], self.fresh_out),
            Program("ensign, counted", [
                "env", f"ENSIGN_FAULT_MODULE={self.module()}", f"ENSIGN_QUIRK_CPU={self.path('helper-signs')}",
                *self.sign_all(self.ensign, self.small)], self.fresh_out),
            self.loop()])

    def case_one_by_one(self):
        """A process for each signature: ensign with the token, openssl with the key in a file."""
        data, out = self.path("signdata", "00000.signdata"), self.path("one.sig")
        sign = ["sign", "--quiet", *self.token_options(), "--force", "-o", out, data]
        programs = [
            Program("ensign", [self.ensign, *sign], times=ONE_BY_ONE),
            Program("openssl dgst -sign", ["openssl", "dgst", "-sha256", "-sign",
                                           self.path("key.pem"), "-out", out, data],
                    times=ONE_BY_ONE)]
        if self.old:
            programs.append(Program("ensign before", [self.old, *sign], times=ONE_BY_ONE))
        return Case("sign, one process", None, [data], programs)

    # -- a module of our own: it answers at once, or takes its time ----------------------------

    def with_quirk(self, **variables):
        """`env` with what quirk.so goes by: the signatures that it knows, and more."""
        variables = {"ENSIGN_FAULT_MODULE": self.module(),
                     "ENSIGN_QUIRK_SIGNATURES": self.path("signatures"), **variables}
        return ["env", *(f"{name}={value}" for name, value in variables.items())]

    def sign_all(self, program, count, *options):
        """Words of a run that signs the first `count` sign-data through quirk.so."""
        data = [self.path("signdata", f"{i:05}.signdata") for i in range(count)]
        return [program, "sign", "--quiet", *self.token_options(self.quirk), *options, "--out-dir",
                self.path("out"), *data]

    def resign_all(self, count, *options):
        files = [self.path("small", f"{i:05}.orc") for i in range(count)]
        return [self.ensign, "resign", "--quiet", *self.token_options(self.quirk), *options,
                "--date", DATE, "--out-dir", self.path("out"), *files]

    def plan_sessions(self):
        """quirk.so learns every signature; then what the helper costs, and what sessions gain."""
        slow = min(SLOW, self.small)
        say("bench: signing once what the module of our own will know")
        for argv in (self.sign_all(self.ensign, self.small), self.resign_all(slow)):
            self.fresh_out()
            quiet(*self.with_quirk(), *argv)
        programs = [Program("ensign", [*self.with_quirk(ENSIGN_QUIRK_CPU=self.path("helper")),
                                       *self.sign_all(self.ensign, self.small)], self.fresh_out)]
        if self.old:
            programs.append(Program("ensign before", [*self.with_quirk(), *self.sign_all(
                self.old, self.small)], self.fresh_out))
        self.cases.append(Case(f"sign x {self.small}, answered at once", None, [], programs))
        wait = self.with_quirk(ENSIGN_QUIRK_MS=SLOW_MS)
        many = ["--sessions", str(SESSIONS)]
        for name, one, eight in (
                ("sign", self.sign_all(self.ensign, slow), self.sign_all(self.ensign, slow, *many)),
                ("resign", self.resign_all(slow), self.resign_all(slow, *many))):
            self.cases.append(Case(f"{name} x {slow}, {SLOW_MS} ms each", None, [], [
                Program(f"{SESSIONS} sessions", [*wait, *eight], self.fresh_out),
                Program("one session", [*wait, *one], self.fresh_out)]))

    def helper_cost(self, name):
        """ms of processor time that the helper took for each signature, as quirk.so counted them in that file."""
        with open(self.path(name), encoding="ascii") as f:
            lines = [line.split() for line in f]
        return statistics.median(1000 * float(cpu) / int(count) for count, cpu in lines)

    def case_resign(self):
        files = [self.path("small", n) for n in sorted(os.listdir(self.path("small")))
                 if n.endswith(".orc")]
        return Case(f"resign x {self.small}", None, files, [
            Program("ensign", [self.ensign, "resign", "--quiet", "--json", *self.token_options(),
                               "--date", DATE, "--out-dir", self.path("out"), *files],
                    self.fresh_out),
            self.loop()])

    # -- running -------------------------------------------------------------------------------

    def once(self, program, files):
        """One measured run, its input being in the page cache: a host may have given it up since
        the run before, and then whoever comes first would pay for the disk."""
        if program.before is not None:
            program.before()
        for path in files:
            with open(path, "rb", buffering=0) as f:
                while f.read(inputs.MIB):
                    pass
        result, out, err = self.path("result"), self.path("stdout"), self.path("stderr")
        with open(out, "wb") as o, open(err, "wb") as e:
            subprocess.run([self.tool("run"), result, *program.argv], stdin=subprocess.DEVNULL,
                           stdout=o, stderr=e, check=True)
        with open(result, encoding="ascii") as f, open(out, "rb") as o:
            sample = Sample(f.read(), o.read(64).decode("latin-1"))
        if sample.status != program.status:
            with open(err, errors="replace", encoding="utf-8") as e:
                raise SystemExit(f"bench: {' '.join(program.argv[:3])} ...: exit status "
                                 f"{sample.status}: {e.read()[-500:]}")
        return sample

    def repeat(self, program, files=()):
        """A round's runs of one program: their mean."""
        runs = [self.once(program, files) for _ in range(program.times)]
        sample = runs[0]
        sample.wall = statistics.mean(r.wall for r in runs)
        sample.cpu = statistics.mean(r.cpu for r in runs)
        sample.memory = max(r.memory for r in runs)
        return sample

    def measure(self):
        """All rounds; the first loads programs and libraries, and is not counted. Nobody is
        always the first of a case."""
        for number in range(self.rounds + 1):
            say(f"bench: round {number} of {self.rounds}" + ("" if number else " (not counted)"))
            runs = [(self.version, ())]
            for case in self.cases:
                first = number % len(case.programs)
                runs += [(p, case.files) for p in case.programs[first:] + case.programs[:first]]
            for program, files in runs:
                sample = self.repeat(program, files)
                if number > 0:
                    program.samples.append(sample)

    def quorum(self):
        """Processor time of the arithmetic of a quorum: [("M-of-N", ms of each step)]."""
        say("bench: dealing a key to quorums")
        for line in output(self.tool("quorum"), self.path("key.pem"), str(self.rounds)).splitlines():
            m, n, *steps = line.split()
            self.quorums.append((f"{m}-of-{n}", [float(ms) for ms in steps]))

    def count(self):
        """Instructions of the small cases, by callgrind: [(what, program, millions)]."""
        if os.environ.get("BENCH_CALLGRIND", "1") == "0":
            return
        if shutil.which("valgrind") is None:
            say("bench: valgrind is not here: no instructions are counted")
            return
        bundle, out = self.path("small", "00000.orc"), self.path("written")
        pub, sig = self.path("key.pub"), self.path("small", "00000.orc.sig")
        limit = self.tool("limit")
        for what, program, argv in (
                ("start", "ensign", [self.ensign, "--version"]),
                ("gen-sign-data", "ensign", [self.ensign, "gen-sign-data", "--quiet", "--date",
                                             DATE, "-o", out, bundle]),
                ("gen-sign-data", "limit", [limit, "gen", bundle, DATE, out]),
                ("set-sig", "ensign", [self.ensign, "set-sig", "--quiet", "--date", DATE, "-o",
                                       out, bundle, sig, pub]),
                ("set-sig", "limit", [limit, "set", bundle, DATE, sig, pub, out]),
                ("show bundle", "ensign", [self.ensign, "show", bundle]),
                ("show sign-data", "ensign", [self.ensign, "show",
                                              self.path("signdata", "00000.signdata")])):
            unlink(out)
            self.counts.append((what, program, self.callgrind(what, argv)[0]))
        unlink(out)
        self.count_pages()

    def count_pages(self):
        """How often the pages of an ELF file are laid out and measured: [(what, times)]. Its two
        blocks lay out the same enclave, so that once is enough."""
        path, out = self.path("few.so"), self.path("written")
        data, sig = path + ".signdata", path + ".sig"
        quiet(self.ensign, "extract", "--sign-data", "-o", data, path)
        quiet("openssl", "dgst", "-sha256", "-sign", self.path("key.pem"), "-out", sig, data)
        measured = inputs.pages_of_elf(path)
        for what, argv in (
                ("gen-sign-data --from", ["gen-sign-data", "--quiet", "--date", DATE, "--from", path,
                                          "-o", out, path]),
                ("show", ["show", path]), ("verify", ["verify", path]),
                ("extract", ["extract", "--quiet", "-o", out, path]),
                ("set-sig", ["set-sig", "--quiet", "--sign-data", data, "-o", out, path, sig,
                             self.path("key.pub")])):
            unlink(out)
            self.poured.append((what, self.callgrind(what, [self.ensign, *argv])[1] / measured))
        unlink(out)

    def callgrind(self, what, argv):
        """(million instructions, calls of sgxs_write_page) of one run. valgrind makes system calls of its own, which the
        wall does not know: `refuse` is a kernel without it, and what the wall costs is not counted."""
        path = self.path("callgrind")
        refuse = os.path.join(os.path.dirname(self.ensign), "tests", "cli", "refuse")
        done = subprocess.run(
            [refuse, "ENOSYS", shutil.which("valgrind"), "--tool=callgrind", "--callgrind-out-file=" + path, *argv],
            stdin=subprocess.DEVNULL, capture_output=True, check=False)
        found = re.search(rb"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or found is None:
            raise SystemExit(f"bench: callgrind of {what}: {done.stderr.decode()[-500:]}")
        names, called, calls = {}, None, 0
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                if entry := re.match(r"c?fn=(\(\d+\))(?: (.*))?$", line):
                    names.setdefault(entry[1], entry[2])
                    called = names[entry[1]] if line.startswith("cfn") else None
                elif called == "sgxs_write_page" and line.startswith("calls="):
                    calls += int(line[6:].split()[0])
        return int(found.group(1)) / 1e6, calls

# -- steps -----------------------------------------------------------------------------------------

def say(text):
    """Words go to stderr; the tables are the result."""
    print(text, file=sys.stderr, flush=True)


def quiet(*argv):
    """Runs a step of the preparation."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(argv[:4])} ...: {done.stderr.decode()[-500:]}")


def output(*argv):
    """What a program prints, without the last newline."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return done.stdout.decode().strip()


def unlink(path):
    if os.path.exists(path):
        os.unlink(path)


def main(argv):
    if len(argv) not in (3, 5) or (len(argv) == 5 and argv[3] != "--json"):
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 64
    bench = Bench(argv[1], argv[2])
    bench.make()
    bench.plan()
    bench.measure()
    bench.quorum()
    bench.count()
    report.table(bench)
    good = report.judge(bench)
    if len(argv) == 5:
        with open(argv[4], "w", encoding="ascii") as f:
            json.dump(report.raw(bench), f, indent=1)
            f.write("\n")
    return 1 if not good and os.environ.get("BENCH_STRICT") == "1" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
