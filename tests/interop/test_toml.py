"""The reader of TOML beside Python's own, over thousands of mutated documents.

Both must say yes or no to the same bytes, and give the same values in the same order. They may part for one of REASONS only,
and then the reader is the stricter one. Version 1.1, which Python does not know, must take all that 1.0 takes.
"""

import collections
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import unittest

try:
    import tomllib
except ImportError:     # before Python 3.11
    tomllib = None

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PRINT = ROOT / "build" / os.environ.get("ENSIGN_VARIANT", "release") / "tests/interop/toml_print"
MUTATIONS = int(os.environ.get("ENSIGN_MUTATIONS", "5000"))

# Why the reader refuses what Python takes: name -> its words.
REASONS = {
    "an integer has 64 bits": r"this is no value",
    "tables and arrays in one another are bounded": r"nested too deeply",
}

DOCUMENTS = [
    # As gramine-sgx-sign writes it.
    b'''[loader]
log_level = "error"

[loader.entrypoint]
uri = "file:app"
sha256 = "a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"

[loader.env]
LD_LIBRARY_PATH = "/lib:/usr/lib"
HOME = { passthrough = true }

[fs]
mounts = [
    { path = "/lib", uri = "file:/gramine/lib" },
    { type = "tmpfs", path = "/tmp" },
]

[sgx]
enclave_size = "32M"
max_threads = 4
debug = false
trusted_files = []

[[sgx.allowed_files]]
uri = "file:a"

[[sgx.allowed_files]]
uri = "file:b"

[sgx.cpu_features]
avx = "unspecified"
''',
    # Strings.
    rb"""a = "\b\t\n\f\r\"\\\u00e9\U0001F600"
b = 'C:\no'
d = \'\'\'
it's \'\' here\'\'\'
"quoted \u0041" = 1
'quo"ted' = ""
"" = 0
c = @@@
one \
     two@@@ # over lines
e = @@@two quotes: @@@""
""".replace(b"\\'", b"'").replace(b"@@@", b'"' * 3),
    # Numbers.
    b'''a = [1, +2, -3, 0, -0, 1_000, 0xDEAD_beef, 0o755, 0b1010_01]
b = [9223372036854775807, -9223372036854775808]
c = [1.0, -0.01, 5e+22, 1e06, -2E-2, 6.626e-34, 224_617.445_991, inf, -inf, +nan]
d = [true, false]
''',
    # Dates.
    b'''a = 1979-05-27T07:32:00Z
b = 1979-05-27 00:32:00.999999-07:00
c = 2024-02-29
d = [07:32:00, 00:32:00.5]
e = 1979-05-27t07:32:00z
''',
    # Tables in each form.
    b'''a.b.c = 1
a.b.d = 2
a . "e" = {f = 1, g.h = 2, g.i = {}}
[x.y.z.w]
[x]
y.q = 1
[x.y.z.v]
[[l.m]]
n = 1
[l.m.o]
p = 1
[[l.m.r]]
[[l.m.r]]
[[l.m]]
[t]
u.v = 1
[t.u.w]
k = [[1, 2], [{a = 1}, []], ] # the end
''',
]
PIECES = [
    b"\n", b"\r\n", b"\r", b" ", b"\t", b"#", b'"', b"'", b'"""', b"'''", b"\\", b"=", b".", b",", b"[", b"]", b"[[", b"]]",
    b"{", b"}", b"{}", b"_", b"-", b"+", b"0", b"1", b"e", b"E", b"x", b"0x", b"0o", b"0b", b"true", b"inf", b"nan", b":", b"T", b"Z",
    b"\x00", b"\x1f", b"\x7f", b"\x80", b"\xc3", b"\xc3\xa9", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80",
    b"\\u0000", b"\\ud800", b"\\U00110000", b"\\e", b"\\x41", b"\\u12", b"\\ \n", b"a", b"a.b", b"[a]\n", b"[a.b]\n", b"[[a]]\n",
    b"[x.y]\n", b"[l]\n", b"[[l.m.o]]\n", b"[sgx]\n", b"[loader.env]\n", b"a = 1\n", b"a.b.z = 1\n", b"y.z.k = 1\n", b"u.w.k = 1\n",
    b"9999999999999999999", b"2023-02-29", b"24:00:00", b"1979-05-27 ", b"0000-01-01", b"[" * 70, b"a." * 70,
]


def mutate(chance):
    text = bytearray(chance.choice(DOCUMENTS))
    if chance.random() < 0.2:
        text = text.replace(b"\n", b"\r\n")
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice((1, 1, 1, 2, 5, 30)))
        way = chance.randrange(6)
        if way == 0:
            del text[at:to]
        elif way == 1:
            text[at:at] = chance.choice(PIECES)
        elif way == 2:
            text[at:to] = chance.choice(PIECES)
        elif way == 3:
            text[at:at] = text[at:to]
        elif way == 4:      # a line to somewhere else, or twice
            lines = bytes(text).split(b"\n")
            line = lines[chance.randrange(len(lines))]
            if chance.random() < 0.5:
                lines.remove(line)
            lines.insert(chance.randrange(len(lines) + 1), line)
            text = bytearray(b"\n".join(lines))
        else:               # another document's line
            lines = chance.choice(DOCUMENTS).split(b"\n")
            text[at:at] = b"\n" + chance.choice(lines) + b"\n"
        if not text:
            text = bytearray(b"\n")
    return bytes(text)


class Float(str):
    """A float as it is written."""


def theirs(text):
    """What Python makes of it, or None."""
    try:
        return tomllib.loads(text.decode("utf-8"), parse_float=Float)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError, RecursionError):
        return None


def ours(value):
    """The same objects from a line of toml_print."""
    kind, content = value
    if kind == "table":
        return {bytes.fromhex(key).decode(): ours(member) for key, member in content}
    if kind == "array":
        return [ours(member) for _, member in content]
    if kind == "integer":
        return content
    if kind == "boolean":
        return bool(content)
    word = bytes.fromhex(content).decode()
    if kind == "string":
        return word
    if kind == "float":
        return Float(word)
    return tomllib.loads("x = " + word)["x"]


def ordered(value):
    """Tables as lists, so that the order of their keys counts; the types, so that 1 is not true."""
    if isinstance(value, dict):
        return [(key, ordered(member)) for key, member in value.items()]
    if isinstance(value, list):
        return [ordered(member) for member in value]
    return type(value), value


def read(documents, version=0):
    feed = b"".join(struct.pack("<BI", version, len(text)) + text for text in documents)
    done = subprocess.run([PRINT], input=feed, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


@unittest.skipIf(tomllib is None, "Python has no tomllib before 3.11")
class Toml(unittest.TestCase):
    def test_the_documents_are_read(self):
        for text, line in zip(DOCUMENTS, read(DOCUMENTS)):
            self.assertIsNotNone(theirs(text), text)
            self.assertEqual(ordered(ours(line)), ordered(theirs(text)))

    def test_python_agrees(self):
        seed = int(os.environ.get("ENSIGN_SEED", "1"))
        chance = random.Random(seed)
        texts = [mutate(chance) for _ in range(MUTATIONS)]
        parted = collections.Counter()
        taken = 0
        for text, line in zip(texts, read(texts)):
            want = theirs(text)
            if line[0] != "error":
                self.assertIsNotNone(want, "taken, and Python refuses it: %r" % text)
                self.assertEqual(ordered(ours(line)), ordered(want), text)
                taken += 1
            elif want is not None:
                why = [name for name, words in REASONS.items() if re.search(words, line[1])]
                self.assertTrue(why, "refused (%s), and Python takes it: %r" % (line[1], text))
                parted[why[0]] += 1
        self.assertGreater(taken, MUTATIONS // 10)
        self.assertGreater(len(texts) - taken, MUTATIONS // 10)
        print("# %d of %d taken; stricter: %s" % (taken, len(texts), dict(parted)), file=sys.stderr)

    def test_each_reason_is_one(self):
        texts = [b"a = 9223372036854775808", b"a = -9223372036854775809", b"a = " + b"[" * 70 + b"]" * 70, b"a." * 70 + b"a = 1"]
        for text, line in zip(texts, read(texts)):
            self.assertIsNotNone(theirs(text), text)
            self.assertTrue([words for words in REASONS.values() if re.search(words, line[1])], line)

    def test_an_error_has_a_place(self):
        for text, place in ((b"a = 1\nb = \xc3\xa9", "line 2, column 5"), (b"a = '\xc3\xa9' x", "line 1, column 9"),
                            (b"a = 1\na = 2", "line 2, column 3"), (b"\n\n[a]\n[a]", "line 4, column 4")):
            self.assertRegex(read([text])[0][1], "^x: " + place + ": ")

    def test_version_1_1_takes_what_1_0_takes(self):
        chance = random.Random(2)
        texts = [mutate(chance) for _ in range(MUTATIONS // 5)]
        for text, old, new in zip(texts, read(texts), read(texts, 1)):
            if old[0] != "error":
                self.assertEqual(new, old, text)


if __name__ == "__main__":
    unittest.main()
