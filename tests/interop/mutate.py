#!/usr/bin/env python3
"""mutate.py OUTDIR: some 2,300 bundles, each a good one with one small change.

mkhostile.py breaks one rule at a time, on purpose. Here nobody chose what each change does: every
header field of every kind of header gets several values, every value of the manifest every other
type, every byte of interest is flipped. Some of the results are still good bundles. What a reader
must do with each is decided by gobundle.py, not here. The same call gives the same bytes.
"""

import base64
import copy
import json
import os
import random
import re
import struct
import sys
import zlib

import hostile_manifest
import mkbundle
import sgx
import testkey
import zipmake
from hostile_manifest import MRENCLAVE, STREAM

SEED = 20240229
# (name, offset, length) of PKWARE APPNOTE 4.3.7, 4.3.12, 4.3.16, 4.3.14, 4.3.15.
LOCAL = (("magic", 0, 4), ("version", 4, 2), ("flags", 6, 2), ("method", 8, 2), ("time", 10, 4),
         ("crc", 14, 4), ("csize", 18, 4), ("size", 22, 4), ("name-len", 26, 2),
         ("extra-len", 28, 2))
CENTRAL = (("magic", 0, 4), ("made-by", 4, 2), ("version", 6, 2), ("flags", 8, 2),
           ("method", 10, 2), ("time", 12, 4), ("crc", 16, 4), ("csize", 20, 4), ("size", 24, 4),
           ("name-len", 28, 2), ("extra-len", 30, 2), ("comment-len", 32, 2), ("disk", 34, 2),
           ("internal", 36, 2), ("external", 38, 4), ("offset", 42, 4))
END = (("magic", 0, 4), ("disk", 4, 2), ("first-disk", 6, 2), ("here", 8, 2), ("total", 10, 2),
       ("size", 12, 4), ("offset", 16, 4), ("comment-len", 20, 2))
END64 = (("magic", 0, 4), ("length", 4, 8), ("made-by", 12, 2), ("version", 14, 2),
         ("disk", 16, 4), ("first-disk", 20, 4), ("here", 24, 8), ("total", 32, 8),
         ("size", 40, 8), ("offset", 48, 8))
LOCATOR = (("magic", 0, 4), ("disk", 4, 4), ("offset", 8, 8), ("disks", 16, 4))


def mutations():
    """Yields (name, bytes of the bundle), in a fixed order, names unique."""
    seen = set()
    for make in (_headers, _streams, _ends, _whole, _entries, _names, _data, _json_types, _json_text,
                 _json_keys, _json_places, _integers, _digests, _sigstructs):
        # One generator for each kind, so that a new mutation changes none of the others.
        for name, data in make(random.Random(f"{SEED} {make.__name__}")):
            assert name not in seen, name
            seen.add(name)
            yield name, data


def more(count):
    """Yields `count` further ones, for a run that takes its time: one to three changes each, at random places."""
    for i in range(count):
        rng = random.Random(f"{SEED} more {i}")
        bundle = rng.choice((signed, legacy, tdx, elf_form))()
        raw = mkbundle.encode(bundle.manifest)
        changes = rng.choices(("integer", "value", "text", "zip"), (6, 4, 2, 4), k=rng.choice((1, 1, 2, 3)))
        for change in changes:
            raw = raw if change == "zip" else MORE[change](rng, raw)
        data = bundle.pack(raw, flags=rng.choice((0, 0, zipmake.DESCRIPTOR)))
        if "zip" in changes:
            data = _poke_somewhere(rng, data)
        yield f"more-{i}", data


def _more_integer(rng, raw):
    """An integer of the manifest, or one that could be there, in any notation."""
    places = [m for m in re.finditer(rb'"(major|minor|patch|memory|cpus|count)":(-?[0-9]+)', raw)]
    if not places:
        return raw
    at = rng.choice(places)
    bits = {b"cpus": 8, b"count": 8, b"memory": 64}.get(at.group(1), 16)
    value = rng.choice(integers_of(bits)) if rng.random() < 0.6 else str(rng.choice(
        (rng.randrange(1 << bits), rng.randrange(300), (1 << bits) + rng.randrange(-2, 300))))
    return raw[:at.start(2)] + value.encode() + raw[at.end(2):]


def _more_value(rng, raw):
    """A value of the manifest, of another type, or away."""
    try:
        manifest = json.loads(raw)
        mkbundle.encode(manifest)
    except ValueError:                          # no JSON, or half a pair
        return raw
    paths = list(_paths(manifest))
    path = rng.choice(paths)
    if rng.random() < 0.2:
        at = manifest
        for key in path[:-1]:
            at = at[key]
        del at[path[-1]]
        return mkbundle.encode(manifest)
    return mkbundle.encode(_put(manifest, path, rng.choice(TYPES)[1]))


def _more_text(rng, raw):
    """A key in another case or twice, or a byte of the text."""
    keys = [m for m in re.finditer(rb'"([a-z_0-9]+)":', raw)]
    at = rng.choice(keys)
    kind = rng.randrange(4)
    if kind == 0:
        return raw[:at.start(1)] + at.group(1).title() + raw[at.end(1):]
    if kind == 1:
        return raw[:at.start()] + at.group(0) + rng.choice((b"null", b"1", b'"x"', b"{}")) + b"," + raw[at.start():]
    if kind == 2:
        return raw[:at.start()] + b'"x":' + rng.choice((b"1e5", b"-0", b"[[]]", b'"\\ud83d"')) + b"," + raw[at.start():]
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1:]


MORE = {"integer": _more_integer, "value": _more_value, "text": _more_text}


def _poke_somewhere(rng, data):
    """One to three fields of headers get other values."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        magic, fields = rng.choice(((b"PK\3\4", LOCAL), (b"PK\1\2", CENTRAL), (b"PK\5\6", END)))
        places = _positions(data, magic)
        if not places:
            continue
        at, (_, offset, length) = rng.choice(places), rng.choice(fields)
        old = int.from_bytes(data[at + offset:at + offset + length], "little")
        value = rng.choice(_values(rng, old, length))
        data = data[:at + offset] + value.to_bytes(length, "little") + data[at + offset + length:]
    return data


# -- the good bundles that are mutated ---------------------------------------------------------------

def signed():
    """One ronl component, signed, and a file that nobody names."""
    bundle = hostile_manifest.base()
    bundle.files["note.txt"] = b"a text of some length, so that deflate makes something of it\n" * 4
    return bundle.seal()


def legacy():
    bundle = mkbundle.Bundle()
    bundle.add_legacy(mkbundle.tiny_elf(), STREAM, testkey.sigstruct(MRENCLAVE))
    return bundle.seal()


def tdx():
    bundle = hostile_manifest.tdx_base()
    entry = bundle.manifest["components"][0]
    identity = base64.b64encode(bytes(range(64))).decode()
    entry["identity"] = [{"hypervisor": "qemu", "enclave": identity}]
    entry["disabled"] = False
    return bundle


def elf_form():
    bundle = hostile_manifest.base("rofl.app")
    component = bundle.manifest["components"][0]
    component["elf"] = {"executable": component.pop("executable")}
    return bundle


# -- zip: single fields ------------------------------------------------------------------------------

def _values(rng, old, length):
    """Other values for a field: each for one kind of mistake."""
    top = (1 << 8 * length) - 1
    out = []
    for value in (old ^ 1, 0, top, (old + 1) & top, rng.randint(0, top), old ^ 1 << 8 * length - 1):
        if value != old and value not in out:
            out.append(value)
    return out[:4]


def _pokes(rng, data, at, fields, stem):
    for name, offset, length in fields:
        old = int.from_bytes(data[at + offset:at + offset + length], "little")
        for i, value in enumerate(_values(rng, old, length)):
            yield (f"{stem}-{name}-{i}", data[:at + offset] + value.to_bytes(length, "little") +
                   data[at + offset + length:])


def _positions(data, magic):
    out, at = [], data.find(magic)
    while at >= 0:
        out.append(at)
        at = data.find(magic, at + 1)
    return out


def _headers(rng):
    plain = signed().pack()
    heads, locals_ = _positions(plain, b"PK\1\2"), _positions(plain, b"PK\3\4")
    for index, what in ((0, "manifest"), (3, "sig")):
        yield from _pokes(rng, plain, locals_[index], LOCAL, f"local-{what}")
        yield from _pokes(rng, plain, heads[index], CENTRAL, f"central-{what}")
    described = signed().pack(flags=zipmake.DESCRIPTOR)
    at = _positions(described, b"PK\7\x08")[1]
    yield from _pokes(rng, described, at, (("magic", 0, 4), ("crc", 4, 4), ("csize", 8, 4),
                                           ("size", 12, 4)), "descriptor")
    yield "descriptor-without-mark", described[:at] + described[at + 4:]


def streamed(zip64=False, more=None, **local):
    """As programs write it that cannot seek back: the local headers say less, a descriptor follows."""
    entries = signed().entries()
    for entry in entries:
        entry.flags, entry.zip64 = zipmake.DESCRIPTOR, zip64
        entry.local = {key: value(entry) for key, value in local.items()}
        if more is not None:
            entry.local.update(more)
    return zipmake.pack(entries, zip64=zip64)


def _streams(rng):
    size, csize = (lambda e: len(e.data)), (lambda e: len(zipmake.deflate(e.data)))
    crc = lambda e: zlib.crc32(e.data)
    for i, known in enumerate(({}, {"size": size}, {"csize": csize}, {"crc": crc}, {"size": size, "csize": csize},
                               {"size": size, "csize": csize, "crc": crc})):
        yield f"streamed-{i}", streamed(**known)
        yield f"streamed-lie-{i}", streamed(more={"csize": 7}, **known)
    yield "streamed-zip64", streamed(zip64=True)
    yield "zip64-end-unreferred", unreferred(signed().pack(), 0)
    yield "zip64-end-unreferred-other", unreferred(signed().pack(), 1)


def unreferred(data, wrong):
    """With a zip64 end record that nothing needs, and that says `wrong` entries too many."""
    number, size, at = struct.unpack_from("<HII", data, len(data) - 12)
    more = struct.pack("<IQHHIIQQQQIIQI", 0x06064B50, 44, 45, 45, 0, 0, number + wrong,
                       number + wrong, size, at, 0x07064B50, 0, len(data) - 22, 1)
    return data[:-22] + more + data[-22:]


def _ends(rng):
    plain, large = signed().pack(), zipmake.pack(signed().entries(zip64=True), zip64=True)
    yield from _pokes(rng, plain, len(plain) - 22, END, "end")
    yield from _pokes(rng, large, len(large) - 98, END64, "end64")
    yield from _pokes(rng, large, len(large) - 42, LOCATOR, "locator")
    yield from _pokes(rng, large, len(large) - 22, END, "end-of-64")
    field = _positions(large, b"PK\1\2")[1] + 46 + len("ronl.elf")
    yield from _pokes(rng, large, field, (("id", 0, 2), ("length", 2, 2), ("size", 4, 8),
                                          ("csize", 12, 8), ("offset", 20, 8)), "extra64")
    field = _positions(large, b"PK\3\4")[1] + 30 + len("ronl.elf")
    yield from _pokes(rng, large, field, (("id", 0, 2), ("length", 2, 2), ("size", 4, 8),
                                          ("csize", 12, 8)), "local-extra64")


# -- zip: the file as a whole ------------------------------------------------------------------------

def _whole(rng):
    plain = signed().pack()
    central = plain.find(b"PK\1\2")
    for cut in (0, 1, 4, 21, 22, 30, central, central + 10, len(plain) - 22, len(plain) - 21,
                len(plain) - 1, len(plain) // 2, len(plain) - 3):
        yield f"cut-at-{cut}", plain[:cut]
    for count in (1, 4, 22, 300):
        yield f"cut-front-{count}", plain[count:]
    for name, more in (("byte", b"\0"), ("line", b"\n"), ("page", bytes(4096)), ("end", b"PK\5\6"),
                       ("again", plain), ("empty-zip", b"PK\5\6" + bytes(18)),
                       ("64k", bytes(70000))):
        yield f"append-{name}", plain + more
        yield f"prepend-{name}", more + plain
    for name, at in (("before-central", central), ("before-end", len(plain) - 22)):
        for count in (1, 20, 5000):
            yield f"gap-{name}-{count}", plain[:at] + bytes(count) + plain[at:]
    for size in (1, 100, 65535):
        yield f"comment-{size}", zipmake.pack(signed().entries(), comment=b"c" * size)
    yield "comment-with-end-mark", zipmake.pack(
        signed().entries(), comment=b"x" * 10 + b"PK\5\6" + bytes(18) + b"y")
    yield "comment-is-an-end", zipmake.pack(signed().entries(), comment=b"PK\5\6" + bytes(18))
    for i in range(24):
        at = rng.randrange(len(plain))
        yield (f"flip-{i}-at-{at}",
               plain[:at] + bytes([plain[at] ^ 1 << rng.randrange(8)]) + plain[at + 1:])


# -- zip: entries ------------------------------------------------------------------------------------

def _entries(rng):
    number = len(signed().entries())
    for i in range(number):
        entries = signed().entries()
        yield f"entry-removed-{i}", zipmake.pack(entries[:i] + entries[i + 1:])
        yield f"entry-twice-{i}", zipmake.pack(entries + [entries[i]])
        yield f"entry-twice-first-{i}", zipmake.pack([entries[0], entries[i]] + entries[1:])
        other = copy.copy(entries[i])
        other.data = b"other"
        yield f"entry-twice-other-last-{i}", zipmake.pack(entries + [other])
        yield f"entry-twice-other-first-{i}", zipmake.pack(
            entries[:1] + [other] + entries[1:])
        yield f"header-twice-{i}", zipmake.pack(entries, order=[*range(number), i])
        yield f"header-left-out-{i}", zipmake.pack(
            entries, order=[j for j in range(number) if j != i])
        entries[i].data = b""
        yield f"entry-emptied-{i}", zipmake.pack(entries)
        yield f"entry-stored-{i}", zipmake.pack(
            [zipmake.Entry(e.name, e.data, zipmake.STORE if j == i else zipmake.DEFLATE)
             for j, e in enumerate(signed().entries())])
    for i in range(6):
        order = list(range(number))
        rng.shuffle(order)
        yield f"order-{i}", zipmake.pack(signed().entries(), order=order)
        yield f"order-behind-manifest-{i}", zipmake.pack(
            signed().entries(), order=[0] + [j for j in order if j])


def _renamed(old, new, digest=None):
    """An entry under another name in both headers; the manifest may follow in its digests."""
    bundle = signed()
    if digest is not None:
        digests = bundle.manifest["digests"]
        digests[digest] = digests.pop(old.decode())
    entries = bundle.entries()
    for entry in entries:
        if entry.name == old:
            entry.name = new
    return zipmake.pack(entries)


def _names(rng):
    note, first = b"note.txt", b"META-INF/MANIFEST.MF"
    for i, new in enumerate((b"", b".", b"..", b"./note.txt", b"a/../note.txt", b"a/note.txt",
                             b"/note.txt", b"note.txt/", b"a\\b", b"note\0.txt", b"note\n.txt",
                             b"NOTE.TXT", b"n" * 255, b"n" * 256, "no\u0308te".encode(),
                             b"META-INF/x", b".//note.txt", b"././note.txt", b"note.txt ",
                             "\u202etxt.eton".encode(), b"\x7f", b"-", b"*")):
        yield f"name-{i}", _renamed(note, new, digest=new.decode())
    yield "name-no-utf8", _renamed(note, b"\xff.txt", digest="\ufffd.txt")
    for i, new in enumerate((b"meta-inf/manifest.mf", b"META-INF\\MANIFEST.MF", b"MANIFEST.MF",
                             b"./META-INF/MANIFEST.MF", b"META-INF//MANIFEST.MF",
                             b"META-INF/MANIFEST.MF ", b"META-INF/MANIFEST.MF/")):
        yield f"manifest-name-{i}", _renamed(first, new)
    for i, field in enumerate(("local", "central")):
        for j, new in enumerate((b"mote.txt", b"ronl.elf", b"note.tx", b"note.txt2", b"")):
            entries = signed().entries()
            setattr(entries[-1], field, {"name": new})
            yield f"name-differs-{i}-{j}", zipmake.pack(entries)
    for i, change in enumerate(({"flags": zipmake.UTF8}, {"flags": 1}, {"flags": 0x40},
                                {"flags": 0x2000}, {"method": 9}, {"method": 12},
                                {"made_by": 3 << 8, "external": 0o120777 << 16},
                                {"made_by": 3 << 8, "external": 0o040755 << 16},
                                {"external": 0x10}, {"external": 0x20},
                                {"made_by": 3 << 8, "external": 0o100755 << 16},
                                {"extra": b"\1\0\4\0abcd"}, {"extra": b"\xfe\xca\0\0"},
                                {"extra": b"\xfe\xca\xff\0"}, {"extra": b"abc"})):
        entries = signed().entries()
        entries[-1].fields = change
        yield f"fields-{i}", zipmake.pack(entries)


# -- zip: the compressed bytes -----------------------------------------------------------------------

def _data(rng):
    for index, what in ((0, "manifest"), (2, "stream"), (4, "note")):
        for i in range(6):
            entries = signed().entries()
            raw = bytearray(zipmake.deflate(entries[index].data))
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            entries[index].raw = bytes(raw)
            yield f"deflate-{what}-flip-{i}", zipmake.pack(entries)
        for name, change in (("cut", lambda raw: raw[:-1]), ("more", lambda raw: raw + b"\0"),
                             ("empty", lambda raw: b""), ("twice", lambda raw: raw + raw),
                             ("half", lambda raw: raw[:len(raw) // 2])):
            entries = signed().entries()
            entries[index].raw = change(zipmake.deflate(entries[index].data))
            yield f"deflate-{what}-{name}", zipmake.pack(entries)
        for name, fields in (("crc-zero", {"crc": 0}), ("crc-other", {"crc": 1}),
                             ("size-less", {"size": 1}), ("size-zero", {"size": 0}),
                             ("size-huge", {"size": 0x7FFFFFFF}), ("size-max", {"size": MAX32}),
                             ("csize-max", {"csize": MAX32})):
            entries = signed().entries()
            entries[index].fields = fields
            yield f"data-{what}-{name}", zipmake.pack(entries)


MAX32 = 0xFFFFFFFF


# -- the manifest: values ----------------------------------------------------------------------------

TYPES = (("null", None), ("zero", 0), ("minus", -1), ("large", 1 << 62), ("beyond", 1 << 64),
         ("real", 1.5), ("empty", ""), ("text", "x"), ("true", True), ("false", False),
         ("array", []), ("object", {}), ("nulls", [None]), ("inside", [{}]))


def _paths(value, at=()):
    """The path of every value below a JSON value, but not of single digests."""
    items = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield at + (key,)
        if key != "digests":
            yield from _paths(one, at + (key,))


def _put(value, path, new):
    out = copy.deepcopy(value)
    at = out
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return out


def _json_types(rng):
    for stem, make in (("signed", signed), ("legacy", legacy), ("tdx", tdx), ("elf", elf_form)):
        bundle = make()
        for path in _paths(bundle.manifest):
            if stem != "signed" and path[0] in ("name", "id", "version", "digests"):
                continue                    # the same in all
            for name, value in rng.sample(TYPES, 7 if stem == "signed" else 4):
                manifest = _put(bundle.manifest, path, value)
                yield (f"type-{stem}-{'.'.join(map(str, path))}-{name}",
                       bundle.pack(mkbundle.encode(manifest)))


# Every integer of a manifest: the bundle that has it, its path, and bits of its Go type.
INTEGERS = (
    [(signed, ("version", key), 16) for key in ("major", "minor", "patch")] +
    [(signed, ("components", 0, "version", key), 16) for key in ("major", "minor", "patch")] +
    [(legacy, ("version", "major"), 16)] +
    [(tdx, ("components", 0, "tdx", "resources") + path, bits)
     for path, bits in ((("memory",), 64), (("cpus",), 8), (("gpu", "count"), 8))])


def integers_of(bits):
    """What an integer field may be written as: its bounds, those of the other types, and other notations."""
    bounds = {0, 1, 2, 15, 16, 17, -1, -2}
    for width in (7, 8, 15, 16, 31, 32, 63, 64, 65, 128, bits):
        bounds |= {(1 << width) - 1, 1 << width, (1 << width) + 1, -(1 << width), -(1 << width) - 1}
    high = (1 << bits) - 1
    return [str(n) for n in sorted(bounds)] + [
        "-0", "1.0", f"{high}.0", "1e1", "1E2", f"{high}e0", f"{high + 1}e-1", "0.0", f"{high}0",
        f"0{high}", f"+{high}", f'"{high}"', "null", "true", "[]", "{}", f"[{high}]", f" {high} "]


def _set(manifest, path, value):
    """The manifest's text with `value` as it is written at `path`; what is on the way is made."""
    manifest, mark = copy.deepcopy(manifest), "the value of the integer"
    at = manifest
    for key in path[:-1]:
        at = at[key] if isinstance(key, int) else at.setdefault(key, {})
    at[path[-1]] = mark
    return mkbundle.encode(manifest).replace(json.dumps(mark).encode(), value.encode())


def _integers(rng):
    for make, path, bits in INTEGERS:
        bundle = make()
        if "gpu" in path:
            bundle.manifest["components"][0]["tdx"]["resources"]["gpu"] = {"count": 1}
        for i, value in enumerate(integers_of(bits)):
            yield (f"integer-{make.__name__}-{'.'.join(map(str, path))}-{i}",
                   bundle.pack(_set(bundle.manifest, path, value)))


def _json_text(rng):
    bundle = signed()
    raw = mkbundle.encode(bundle.manifest)
    for i, major in enumerate((b"1.0", b"1e0", b"01", b"-0", b"+1", b"0x1", b"1.", b".1", b"1E+0",
                               b"65535", b"65536", b"1e1", b"10e-1", b"NaN", b"Infinity", b"00",
                               b"18446744073709551616", b"1" * 400, b'"1"', b" 1 ")):
        yield f"number-{i}", bundle.pack(raw.replace(b'"major":1,', b'"major":' + major + b",", 1))
    for i, number in enumerate((b"1e400", b"-0", b"1e-400", b"123456789012345678901234567890",
                                b"0.1", b"9007199254740993", b"1E5", b"-", b"1e", b"-1")):
        yield f"unknown-number-{i}", bundle.pack(raw[:-1] + b',"x":' + number + b"}")
    for i, new in enumerate((b"", b" ", b"null", b"[]", b"{}", b'"x"', b"0", b"true", raw + raw,
                             raw + b"\n", b"\n" + raw, raw + b"\0", raw + b"//", b"\xef\xbb\xbf" + raw,
                             raw[:-1], raw[:-1] + b",}", raw + b",", raw + b" \t\r\n", b"/**/" + raw,
                             raw.replace(b'"', b"'"), raw.replace(b":", b"="), b"\f" + raw,
                             raw[:-1] + b',"x":"\xff"}', raw[:-1] + b',"x":"\\ud800"}',
                             raw[:-1] + b',"x":"\\u0000"}', raw[:-1] + b',"x":"\x01"}',
                             raw[:-1] + b',"x":"\\x"}', raw[:-1] + b',"\xff":1}',
                             raw[:-1] + b',"x\\u0000":1}', raw[:-1] + b',"":1}',
                             raw.replace(b'"enclave"', b'"\\uD83D\\uDE00"'))):
        yield f"text-{i}", bundle.pack(new)
    for i, new in enumerate((b"{}", b"null", b"[]", b'{"components":null,"digests":null}')):
        yield f"alone-{i}", zipmake.pack([zipmake.Entry(b"META-INF/MANIFEST.MF", new)])
    for depth in (10, 100, 1000, 9000, 10001, 60000):
        yield (f"deep-array-{depth}",
               bundle.pack(raw[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"))
        yield (f"deep-object-{depth}",
               bundle.pack(raw[:-1] + b',"x":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"))
    for i in range(40):
        at = rng.randrange(len(raw))
        yield (f"text-flip-{i}-at-{at}",
               bundle.pack(raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1:]))
    for i in range(10):
        at, length = rng.randrange(len(raw)), rng.randrange(1, 9)
        yield f"text-cut-{i}-at-{at}", bundle.pack(raw[:at] + raw[at + length:])


# -- the manifest: keys ------------------------------------------------------------------------------

KEYS = (b"name", b"id", b"version", b"components", b"digests", b"kind", b"executable", b"sgx",
        b"signature", b"major")


def _json_keys(rng):
    bundle = signed()
    raw = mkbundle.encode(bundle.manifest)
    for key in KEYS:
        quoted, name = b'"' + key + b'":', key.decode()
        for i, new in enumerate((key.upper(), key.capitalize(), key + b" ", key[:-1], b"x-" + key,
                                 b"\\u00%02x" % key[0] + key[1:],
                                 key.replace(b"s", b"\xc5\xbf").replace(b"k", b"\xe2\x84\xaa"))):
            if new != key:
                yield f"key-{name}-{i}", bundle.pack(raw.replace(quoted, b'"' + new + b'":', 1))
        for i, value in enumerate((b"null", b'""', b"{}", b"[]")):
            yield f"key-{name}-twice-{i}", bundle.pack(
                raw.replace(quoted, quoted + value + b"," + quoted, 1))
            yield f"key-{name}-upper-too-{i}", bundle.pack(
                raw.replace(quoted, b'"' + key.upper() + b'":' + value + b"," + quoted, 1))
    # Of two equal keys the last counts: here it is the one that breaks a rule.
    for i, more in enumerate((b'"components":[]', b'"digests":{}', b'"digests":null',
                              b'"components":null', b'"id":"00"', b'"name":1', b'"sgx":{}',
                              b'"Components":[null]', b'"DIGESTS":{"note.txt":""}',
                              b'"executable":"ronl.elf"', b'"components":[null]')):
        yield f"appended-{i}", bundle.pack(raw[:-1] + b"," + more + b"}")


# -- the manifest: members added, removed, moved -----------------------------------------------------

def _json_places(rng):
    for stem, make in (("signed", signed), ("legacy", legacy), ("tdx", tdx), ("elf", elf_form)):
        bundle = make()
        for path in _paths(bundle.manifest):
            manifest = copy.deepcopy(bundle.manifest)
            at = manifest
            for key in path[:-1]:
                at = at[key]
            del at[path[-1]]
            if stem == "signed" or path[0] not in ("name", "id", "version", "digests"):
                yield (f"without-{stem}-{'.'.join(map(str, path))}",
                       bundle.pack(mkbundle.encode(manifest)))
        component = (bundle.manifest.get("components") or [None])[0]
        for i, more in enumerate(([None], [component], [{}], [{"kind": "ronl"}], ["x"],
                                  [{"kind": "rofl", "name": "ab"}],
                                  [{"kind": "rofl", "name": "abc"}],
                                  [{"kind": "ronl", "executable": "META-INF/MANIFEST.MF"}],
                                  [{"kind": "ronl", "executable": "gone"}],
                                  [{"kind": "rofl", "name": "abc", "tdx": {}}],
                                  [{"kind": "rofl", "name": "abc", "sgx": None, "tdx": None}],
                                  [{"kind": "rofl", "name": "abc\n"}],
                                  [{"kind": "rofl", "name": "abc", "disabled": True}])):
            manifest = copy.deepcopy(bundle.manifest)
            manifest["components"] = manifest.get("components", []) + more
            yield f"component-{stem}-{i}", bundle.pack(mkbundle.encode(manifest))
    bundle = signed()
    for i, (path, value) in enumerate((
            (("executable",), "ronl.elf"), (("sgx",), {"executable": "ronl.sgx"}),
            (("sgx",), {}), (("sgx",), {"executable": "ronl.sgx", "signature": "ronl.sgx.sig"}),
            (("id",), "0" * 63 + "g"), (("id",), "0" * 62), (("id",), "4" + "0" * 63),
            (("id",), "2" + "0" * 63), (("id",), "0" * 15 + "1" + "0" * 48),
            (("id",), base64.b64encode(bytes(32)).decode()),
            (("id",), base64.b64encode(bytes(31)).decode()),
            (("id",), base64.b64encode(bytes(32)).decode().replace("A=", "B=")),
            (("id",), base64.b64encode(bytes(32)).decode() + "\n"),
            (("components", 0, "sgx", "signature"), "note.txt"),
            (("components", 0, "sgx", "signature"), "ronl.sgx"),
            (("components", 0, "sgx", "signature"), "META-INF/MANIFEST.MF"),
            (("components", 0, "sgx", "executable"), "ronl.elf"),
            (("components", 0, "sgx", "executable"), "note.txt"),
            (("components", 0, "executable"), "META-INF/MANIFEST.MF"),
            (("components", 0, "name"), "abc"), (("components", 0, "kind"), "rofl"),
            (("components", 0, "kind"), "RONL"), (("components", 0, "kind"), "tee"),
            (("components", 0, "disabled"), True), (("components", 0, "tdx"), {}),
            (("components", 0, "identity"), [{}]), (("components", 0, "identity"), [None]),
            (("components", 0, "identity"), [{"enclave": "00" * 64}]),
            (("components", 0, "identity"), [{"enclave": base64.b64encode(bytes(64)).decode()}]),
            (("components", 0, "identity"), [{"enclave": base64.b64encode(bytes(63)).decode()}]),
            (("components", 0, "elf"), {"executable": "gone"}),
            (("components", 0, "elf"), {"executable": "note.txt"}))):
        yield f"value-{i}", bundle.pack(mkbundle.encode(_put(bundle.manifest, path, value)))


def _digests(rng):
    bundle = signed()
    right = bundle.manifest["digests"]["note.txt"]
    raw = bytes.fromhex(right)
    b64 = base64.b64encode(raw).decode()
    for i, value in enumerate((right.upper(), b64, b64.rstrip("="), b64 + "\n", "\n" + b64,
                               b64[:-2] + chr(ord(b64[-2]) + 1) + "=", right + " ", "0x" + right,
                               right[:-2], right + "00", right[1:] + right[0],
                               base64.urlsafe_b64encode(raw).decode(), "", None, 5, [right],
                               {"hash": right}, True, "00" * 32)):
        for name in ("note.txt", "gone.bin", "META-INF/MANIFEST.MF"):
            yield f"digest-{name.replace('/', '_')}-{i}", bundle.pack(mkbundle.encode(
                _put(bundle.manifest, ("digests", name), value)))
    for name in ("", ".", "..", "a/b", "a\\b", "x\n", "NOTE.TXT", "\u202e", "a" * 70000):
        yield f"digest-of-{len(name)}-{name[:3].encode().hex()}", bundle.pack(mkbundle.encode(
            _put(bundle.manifest, ("digests", name), right)))


# -- SIGSTRUCTs --------------------------------------------------------------------------------------

def _sigstructs(rng):
    good = testkey.sigstruct(MRENCLAVE)
    for name, (offset, length) in _layout().items():
        for i in range(2):
            at = offset + rng.randrange(length)
            raw = good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1:]
            yield f"sigstruct-{name}-flip-{i}", hostile_manifest.base(sigstruct=raw).pack()
    for i, fields in enumerate((
            {"date": 0}, {"date": 0x07E80A07}, {"date": 0x20230229}, {"date": 0x20240229},
            {"date": 0x20241301}, {"date": 0x2024021A}, {"date": 0x00000101},
            {"date": 0x99991231}, {"date": 0x20240200}, {"date": 0x20240001},
            {"vendor": 0x8086}, {"vendor": 1}, {"header": b"\7" + sgx.HEADER[1:]},
            {"header2": bytes(16)}, {"attributes": 5}, {"attributes": 0}, {"xfrm": 0},
            {"attributes": 0xFFFFFFFFFFFFFFFF}, {"miscselect": 0xFFFFFFFF},
            {"reserved1": b"\1" + bytes(83)}, {"isvsvn": 65535}, {"swdefined": MAX32},
            {"isvfamilyid": b"\1" * 16}, {"enclavehash": bytes(32)})):
        yield f"sigstruct-signed-{i}", hostile_manifest.base(
            sigstruct=testkey.sigstruct(MRENCLAVE, **fields)).pack()
    n = testkey.modulus()
    for i, raw in enumerate((b"", good[:-1], good + b"\0", bytes(1808), good[::-1], good * 2,
                             good[:516] + good[516:900][::-1] + good[900:],
                             good[:128] + good[128:512][::-1] + good[512:],
                             good[:516] + _little(int.from_bytes(good[516:900], "little") + n)
                             + good[900:], good[:1040] + good[1424:] + good[1040:1424],
                             good[:512] + struct.pack("<I", 65537) + good[516:])):
        yield f"sigstruct-form-{i}", hostile_manifest.base(sigstruct=raw).pack()


def _little(value):
    return (value % (1 << 3072)).to_bytes(384, "little")


def _layout():
    return {"header": (0, 16), "vendor": (16, 4), "date": (20, 4), "header2": (24, 16),
            "swdefined": (40, 4), "reserved1": (44, 84), "modulus": (128, 384),
            "exponent": (512, 4), "signature": (516, 384), "miscselect": (900, 4),
            "miscmask": (904, 4), "cet": (908, 2), "reserved2": (910, 2), "family": (912, 16),
            "attributes": (928, 16), "mask": (944, 16), "hash": (960, 32), "reserved3": (992, 16),
            "extprodid": (1008, 16), "prodid": (1024, 2), "svn": (1026, 2), "reserved4": (1028, 12),
            "q1": (1040, 384), "q2": (1424, 384)}


def main(argv):
    if len(argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 64
    os.makedirs(argv[1], exist_ok=True)
    number = 0
    for name, data in mutations():
        with open(os.path.join(argv[1], f"{name}.orc"), "wb") as f:
            f.write(data)
        number += 1
    print(json.dumps({"bundles": number}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
