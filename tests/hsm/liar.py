#!/usr/bin/env python3
"""liar.py ENSIGN HELPER LIAR MODULE SCRATCH GROUP: runs `ensign` with a helper that lies, and says what went wrong.

All that the real helper says of one run is written down first (liar.c listens between the two). Then each message of it is
cut, made longer, repeated, put out of order, its lengths and its code changed, and the run repeated with a helper
that says exactly that. ensign must end it, say 85 (69 before the module is open), write no output that is not right,
close its record, and leave no process behind. SCRATCH holds s.signdata, expected.sig, pin, and token.conf.
"""

import concurrent.futures
import itertools
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

KEY = "pkcs11:token=ensign;object=release"
SEALING = "pkcs11:token=ensign;object=sealing"
SECONDS = 100
HEADER = 8                                              # u32 type, u32 sequence
UNWRAPPED = 110                                         # WIRE_UNWRAPPED
MESSAGE_MAX = 32768
REFUSALS = {64, 65, 69, 70, 71, 77, 80, 81, 82, 83, 84, 85, 86}
LENGTHS = (0, 65, 1025, 4097, MESSAGE_MAX + 1, 0x7fffffff, 0xffffffff)
CODES = (0, 1, 2, 66, 68, 72, 73, 74, 76, 79, 87, 127, 128, 130, 137, 143, 255, 256, 256 + 80, 0x80000000, 0xffffffff)


class Case:
    """One run: its name, what the helper says, the exit statuses that are right, and words of the error line."""

    def __init__(self, name, steps, statuses, words="", command="sign"):
        self.name, self.steps, self.statuses = name, steps, statuses
        self.words, self.command = words, command


class Ground:
    """Where the runs take place."""

    def __init__(self, ensign, helper, liar, module, scratch):
        self.ensign, self.helper, self.liar, self.module = ensign, helper, liar, module
        self.scratch = scratch
        self.bin = os.path.join(scratch, "bin")
        if not os.path.isdir(self.bin):
            os.mkdir(self.bin)
            shutil.copy(ensign, os.path.join(self.bin, "ensign"))
            shutil.copy(liar, os.path.join(self.bin, "ensign-token"))
        with open(self.path("expected.sig"), "rb") as f:
            self.expected = f.read()

    def path(self, name):
        return os.path.join(self.scratch, name)

    def arguments(self, command):
        token = ["--module", self.module, "--pin-source", "file:" + self.path("pin"), "--hsm-timeout", "5"]
        if command == "keys":
            return ["keys", "--token", "pkcs11:token=ensign", *token]
        if command == "tokens":
            return ["keys", *token[:2]]
        if command == "open":
            return ["quorum", "sign", "--quiet", "--share", self.path("2.share"), "--key", SEALING, *token, "--yes",
                    "--transcript", "t", "-o", "out", "s.signdata"]
        return ["sign", "--quiet", "--key", KEY, *token, "--yes", "--transcript", "t", "-o", "out", "s.signdata"]

    def run(self, command, env):
        """(exit status, directory, session) of one run; the directory is the caller's to remove."""
        place = tempfile.mkdtemp(dir=self.scratch)
        shutil.copy(self.path("s.signdata"), place)
        with open(os.path.join(place, "stdout"), "wb") as out, open(os.path.join(place, "stderr"), "wb") as err:
            with subprocess.Popen([os.path.join(self.bin, "ensign"), *self.arguments(command)], cwd=place,
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **env},
                                  start_new_session=True) as child:
                try:
                    status = child.wait(SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                    status = None
        return status, place, child.pid

    def record(self, command="sign", **env):
        """All that the real helper says: [("w",), ("s", bytes), ...]."""
        script = tempfile.mktemp(dir=self.scratch)
        status, place, _ = self.run(command, {"ENSIGN_LIAR": script, "ENSIGN_LIAR_REAL": self.helper, **env})
        with open(os.path.join(place, "stderr"), encoding="utf-8", errors="replace") as f:
            said = f.read()
        shutil.rmtree(place)
        if not os.path.exists(script):
            raise SystemExit(f"nothing was said: exit status {status}, {said}")
        return read_script(script)

    def judge(self, case):
        """All that is wrong with a case, or None."""
        script = tempfile.mktemp(dir=self.scratch)
        write_script(script, case.steps)
        status, place, session = self.run(case.command, {"ENSIGN_LIAR": script})
        wrong = list(self.wrongs(case, status, place, session))
        os.unlink(script)
        shutil.rmtree(place)
        return f"{case.name}: {'; '.join(wrong)}" if wrong else None

    def wrongs(self, case, status, place, session):
        def content(name):
            path = os.path.join(place, name)
            if not os.path.exists(path):
                return None
            with open(path, "rb") as f:
                return f.read()

        said = content("stderr").decode("utf-8", "replace")
        errors = [line for line in said.splitlines()
                  if line.startswith("ensign: ") and not re.match("ensign: (warning|module): ", line)]
        if status is None:
            yield f"not ended after {SECONDS} s"
        elif status not in case.statuses:
            yield f"exit status {status}, must be {sorted(case.statuses)}: {errors}"
        if left := of_session(session):
            yield f"left behind: {left}"
        if status != 0 and len(errors) != 1:
            yield f"not one error line: {errors}"
        if status != 0 and not re.search(case.words, " ".join(errors)):
            yield f"the line does not say /{case.words}/: {errors}"
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", said):
            yield "stderr holds control characters"
        if case.command in ("sign", "open"):
            if content("stdout"):
                yield "stdout is not empty"
            out = content("out")
            if out is not None and (status != 0 or (case.command == "sign" and out != self.expected)):
                yield "there is an output"
            if status == 0 and out is None:
                yield "there is no output"
            yield from wrong_record(content("t"), status)


def wrong_record(record, status):
    """A record that ends with that status, and no open intent."""
    text = (record or b"").decode("ascii", "replace")
    kinds, exits = re.findall("^kind: (.*)$", text, re.M), re.findall("^exit: (.*)$", text, re.M)
    if not exits or exits[-1] != str(status):
        yield f"the record ends with {exits[-1:]}, must be {status}"
    if kinds.count("intent") != kinds.count("outcome"):
        yield "an intent is open"


def of_session(session):
    """The processes of that session that are still there after a moment."""
    for _ in range(100):
        left = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat", encoding="latin-1") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session:
                left.append(f"{name} ({fields[0]})")
        if not left:
            return None
        time.sleep(0.05)
    for name in left:
        os.kill(int(name.split()[0]), signal.SIGKILL)
    return left


def read_script(path):
    steps = []
    with open(path, "rb") as f:
        data = f.read()
    at = 0
    while at < len(data):
        if data[at:at + 1] == b"s":
            size, = struct.unpack_from("<I", data, at + 1)
            steps.append(("s", data[at + 5:at + 5 + size]))
            at += 5 + size
        else:
            steps.append(("w",))
            at += 1
    # After CLOSE it ends, as the real one does.
    return [*steps, ("x", 0)]


def write_script(path, steps):
    with open(path, "wb") as f:
        for what, *rest in steps:
            f.write(what.encode())
            if what == "p":
                f.write(bytes([rest.pop(0)]))
            if what in "sep":
                f.write(struct.pack("<I", len(rest[0])) + rest[0])
            elif what == "x":
                f.write(bytes(rest))


# -- lies ------------------------------------------------------------------------------------------

def header(message):
    return struct.unpack_from("<II", message)


def with_header(message, kind=None, sequence=None):
    old = header(message)
    return struct.pack("<II", old[0] if kind is None else kind % 2 ** 32,
                       old[1] if sequence is None else sequence % 2 ** 32) + message[HEADER:]


def replies(steps):
    """[(number of the step, what stands before it, its message)], and whether it is the first or the last."""
    at = [i for i, step in enumerate(steps) if step[0] == "s"]
    for place in at:
        yield place, steps[:place], steps[place][1], place == at[0], place == at[-1]


def statuses_of(first, last, opening):
    """After the last answer nothing can fail: closing is a warning."""
    return {0} if last else {69} if first else {69, 85} if opening else {85}


class Lies:
    """Cases made from what was recorded."""

    def __init__(self, steps, error):
        self.steps, self.error = steps, error

    def each(self):
        """(name, steps before, message, right statuses) of each reply but the last: nobody reads the answer to CLOSE, and
        a helper that then stays is waited for ten seconds (`order` has that)."""
        for number, (_, before, message, first, last) in enumerate(replies(self.steps)):
            if last:
                return
            yield (f"reply {number} (type {header(message)[0]})", before, message,
                   statuses_of(first, last, number == 1))

    def cut(self):
        """Each message, ended before each of its bytes."""
        for name, before, message, statuses in self.each():
            for size in range(len(message)):
                yield Case(f"{name} cut at {size}", [*before, ("s", message[:size])], statuses)

    def longer(self):
        for name, before, message, statuses in self.each():
            for size in (len(message) + 1, len(message) + 4, MESSAGE_MAX, MESSAGE_MAX + 1, 65000):
                yield Case(f"{name} of {size} bytes", [*before, ("s", message.ljust(size, b"\0"))], statuses)

    def headers(self):
        kinds = {header(m)[0] for _, _, m, _, _ in replies(self.steps)}
        for name, before, message, statuses in self.each():
            kind, sequence = header(message)
            for other in sorted({*range(20), *range(96, 116), 255, 256, 0xffffffff, kind + 0x10000} - {kind}):
                # An error without a text is cut short; another kind has other fields.
                yield Case(f"{name} as type {other}", [*before, ("s", with_header(message, kind=other))],
                           statuses if other not in kinds else statuses | {85})
            for other in (sequence + 1, sequence - 1, 0 if sequence else 7, 0xffffffff):
                yield Case(f"{name} as sequence {other}", [*before, ("s", with_header(message, sequence=other))],
                           statuses)

    def order(self):
        """Twice, early, never, or in place of another."""
        said = list(replies(self.steps))
        for number, (place, before, message, first, last) in enumerate(said):
            statuses = statuses_of(first, last, number == 1)
            yield Case(f"reply {number} twice", [*before, ("s", message), ("s", message), *self.steps[place + 1:]],
                       {0} if last or number == len(said) - 2 else {69, 85})
            yield Case(f"reply {number} empty", [*before, ("s", b"")], statuses)
            yield Case(f"reply {number} never, and the end", [*before, ("x", 0)], statuses)
            yield Case(f"reply {number} never, and status 101", [*before, ("x", 101)], statuses | {70})
            yield Case(f"reply {number} never, and the connection closed", [*before, ("c",)], statuses)
            yield Case(f"reply {number} never", [*before, ("h",)], statuses)
            yield Case(f"reply {number} before the question", [*before[:-1], ("s", message), *before[-1:],
                                                              ("s", message), *self.steps[place + 1:]],
                       statuses | {0, 69, 85})
            yield Case(f"reply {number} for ever", [*before, ("e", message)], {0, 69, 85})
            yield Case(f"reply {number} with a descriptor", [*before, ("p", 0, message), *self.steps[place + 1:]],
                       {0, 69, 85})
            for other_place, _, other, _, _ in said:
                if other_place == place:
                    continue
                kind, sequence = header(other)[0], header(message)[1]
                if kind != header(message)[0]:
                    yield Case(f"reply {number} is one of type {kind}",
                               [*before, ("s", with_header(other, sequence=sequence))], statuses)

    def lengths(self):
        """Whatever may be a length, with values on both sides of every limit."""
        for name, before, message, statuses in self.each():
            for at in range(HEADER, len(message) - 3):
                value, = struct.unpack_from("<I", message, at)
                # Zeros in a row are a number, mostly.
                if at + 4 + value > len(message) or (value == 0 and message[at + 4:at + 5] == b"\0"):
                    continue
                for other in sorted({*LENGTHS, value + 1, abs(value - 1)} - {value}):
                    changed = message[:at] + struct.pack("<I", other) + message[at + 4:]
                    # What is a number and no length may be another one.
                    yield Case(f"{name} with {other} at {at}", [*before, ("s", changed), *self.after(before)],
                               statuses | REFUSALS | {0})

    def after(self, before):
        return self.steps[len(before) + 1:]

    def bits(self):
        """Single bytes that are wrong, anywhere."""
        chance = random.Random(13)
        for name, before, message, statuses in self.each():
            for at in sorted(chance.sample(range(HEADER, len(message)), min(30, len(message) - HEADER))):
                value = chance.choice([message[at] ^ 1 << chance.randrange(8), 0, 0x1b, 0xff])
                changed = message[:at] + bytes([value]) + message[at + 1:]
                yield Case(f"{name} with byte {value} at {at}", [*before, ("s", changed), *self.after(before)],
                           statuses | REFUSALS | {0})

    def errors(self):
        """Codes that no module's error has."""
        for name, before, message, statuses in self.each():
            for code in CODES:
                lie = with_header(self.error, sequence=header(message)[1])
                lie = lie[:HEADER] + struct.pack("<I", code) + lie[HEADER + 4:]
                yield Case(f"{name} is an error with code {code}", [*before, ("s", lie)], statuses)
            lie = with_header(self.error, sequence=header(message)[1])
            for text in (b"", b"\x1b[2J\x07", b"a\0b", b"\xff" * 100, b"x" * 511, b"x" * 512, b"line\nensign: out: signed"):
                told = lie[:HEADER + 4] + struct.pack("<I", len(text)) + text
                yield Case(f"{name} is an error that says {text[:20]!r}", [*before, ("s", told)],
                           statuses | {header_code(self.error)})


def header_code(error):
    return struct.unpack_from("<I", error, HEADER)[0]


def error_of(ground):
    """The error that the real helper gives where C_Login fails."""
    steps = ground.record(ENSIGN_FAULT="C_Login=0x30")
    wrong = [m for _, _, m, _, _ in replies(steps) if len(m) > HEADER + 8 and b"CKR_DEVICE_ERROR" in m]
    if not wrong:
        raise SystemExit("no error was recorded")
    return wrong[0]


def modulus_of(ground):
    """The key's modulus, big-endian."""
    with open(ground.path("modulus"), encoding="ascii") as f:
        return bytes.fromhex(f.read().strip().removeprefix("Modulus="))


def other_moduli(ground, steps, lies):
    """Keys that are none, in either of the two messages, or in both."""
    modulus = modulus_of(ground)
    for name, change in (("a zero top bit", lambda n: bytes([n[0] & 0x7f]) + n[1:]),
                         ("a zero top byte", lambda n: b"\0" + n[1:]),
                         ("an even number", lambda n: n[:-1] + bytes([n[-1] & 0xfe])),
                         ("zero", lambda n: bytes(len(n))),
                         ("another one", lambda n: n[:100] + bytes([n[100] ^ 1]) + n[101:])):
        changed, places = change(modulus), 0
        everywhere = [replace(step, modulus, changed) for step in steps]
        for place, step in enumerate(steps):
            if step != everywhere[place]:
                places += 1
                one = [*steps[:place], everywhere[place], *steps[place + 1:]]
                yield Case(f"modulus of message {place} is {name}", one, {82, 85, 86})
        if places == 0:
            raise SystemExit("the modulus is in no message")
        yield Case(f"modulus everywhere is {name}", everywhere, {82, 85, 86})
    _ = lies


def replace(step, old, new):
    if step[0] != "s":
        return step
    message = step[1].replace(old, new)
    return "s", message.replace(old[::-1], new[::-1])


def need_pin(ground):
    """NEED_PIN once is a question, twice is nonsense."""
    steps = ground.record(ENSIGN_FAULT="alwaysauth=123456")
    said = list(replies(steps))
    # The one that is answered with the sequence of the one before.
    twice = [n for n in range(1, len(said)) if header(said[n][2])[1] == header(said[n - 1][2])[1]]
    if len(twice) != 1:
        raise SystemExit("no NEED_PIN was recorded")
    place, _, question, _, _ = said[twice[0] - 1]
    yield Case("NEED_PIN once", steps, {0})
    yield Case("NEED_PIN twice", [*steps[:place + 2], ("s", question), *steps[place + 1:]], {85})
    yield Case("NEED_PIN for ever", [*steps[:place], ("e", question)], {85})
    plain = ground.record()
    for number, (_, before, message, first, last) in enumerate(replies(plain)):
        if header(message)[1] == header(question)[1]:
            continue
        yield Case(f"NEED_PIN as reply {number}",
                   [*before, ("s", with_header(question, sequence=header(message)[1]))],
                   statuses_of(first, last, number == 1))


def endless(ground):
    """Lists without an end, and lists that are too long by one."""
    for command, what in (("keys", b"release"), ("tokens", b"ensign")):
        steps = ground.record(command)
        said = [(place, before, m) for place, before, m, _, _ in replies(steps) if what in m]
        place, before, message = said[-1]
        for _ in range(2):
            yield Case(f"{command} without an end", [*before, ("e", message)], {85}, command=command)
        for count in (1025, 4097):
            yield Case(f"{count} of {command}", [*before, *[("s", message)] * count, *steps[place + 1:]],
                       {0, 85} if count == 1025 else {85}, command=command)


def greetings(ground, steps):
    """HELLO that is another program's."""
    _, before, message, _, _ = next(iter(replies(steps)))
    own = re.search(rb"[0-9]+[.][0-9]+[.][0-9]+", message)
    if own is None:
        raise SystemExit("HELLO has no version")
    for last in range(3):
        version = own[0][:-1] + bytes([own[0][-1] ^ 1 << last])
        yield Case(f"version {version.decode()}", [*before, ("s", message.replace(own[0], version))], {69},
                   "version.*install both")
    for protocol in (0, 1, 255, 0xffffffff):
        yield Case(f"protocol {protocol}",
                   [*before, ("s", message[:HEADER] + struct.pack("<I", protocol) + message[HEADER + 4:])], {69},
                   "ensign-token")


def unwrapped(ground):
    """The reply that holds a file key: cut, longer, of another type, twice, and each byte another."""
    steps = ground.record("open")
    (before, message), = [(before, m) for _, before, m, _, _ in replies(steps) if header(m)[0] == UNWRAPPED]
    after = steps[len(before) + 1:]

    def case(name, said, statuses):
        return Case(name, [*before, *(("s", m) for m in said), *after], statuses, command="open")

    yield case("as recorded", [message], {0})
    for at in range(len(message)):
        yield case(f"cut at {at}", [message[:at]], {85})
    yield case("a byte more", [message + b"x"], {85})
    for kind in (100, 105, 106, 108, 109):
        yield case(f"of type {kind}", [with_header(message, kind=kind)], {85})
    yield case("of another sequence", [with_header(message, sequence=header(message)[1] + 1)], {85})
    for at in range(HEADER, len(message)):
        yield case(f"another byte at {at}", [message[:at] + bytes([message[at] ^ 1]) + message[at + 1:]], {65})
    yield case("all zero", [message[:HEADER] + bytes(len(message) - HEADER)], {65})


def groups(ground, group):
    if group == "unwrapped":
        return list(unwrapped(ground))
    steps = ground.record()
    lies = Lies(steps, error_of(ground))
    if group == "as recorded":
        return [Case("as recorded", steps, {0})]
    return {"cut": lies.cut, "longer": lies.longer, "headers": lies.headers, "order": lies.order,
            "lengths": lies.lengths, "bits": lies.bits, "errors": lies.errors,
            "moduli": lambda: other_moduli(ground, steps, lies), "need-pin": lambda: need_pin(ground),
            "endless": lambda: endless(ground), "greetings": lambda: greetings(ground, steps)}[group]()


def main(argv):
    if len(argv) != 7:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 64
    ground = Ground(*argv[1:6])
    jobs = int(os.environ.get("ENSIGN_JOBS", "2")) * (3 if argv[6] in ("order", "endless", "greetings") else 1)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        cases = list(groups(ground, argv[6]))
        # Thousands of them are for a program that is quick; of one with sanitizers every so many are tried.
        cases = cases[::int(os.environ.get("ENSIGN_LIAR_EACH", "1")) if len(cases) > 200 else 1]
        wrong = [line for line in pool.map(ground.judge, cases) if line]
    print(f"{argv[6]}: {len(cases)} cases, {len(wrong)} wrong")
    for line in itertools.islice(wrong, 40):
        print("  " + line)
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
