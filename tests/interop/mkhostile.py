#!/usr/bin/env python3
"""mkhostile.py OUTDIR: bundles that must be refused, each for one fault, and bundles that must not.

OUTDIR/NAME.orc are refused with exit 65; OUTDIR/expected.json says for each why. OUTDIR/good/*.orc
are accepted; good/expected.json says what each shows. `says` there is a part of what the
independent reader (orc.py) answers, so that its own tests can tell a right refusal from a lucky
one; no other program has to use these words. Deterministic, a few seconds, some 10 MiB.
"""

import base64
import json
import os
import struct
import sys

import hostile_manifest
import hostile_zip
import mkbundle
import mutate
import sgx
import testkey
import zipmake
from hostile_manifest import MRENCLAVE, STREAM, base, tdx_base

EX_OK, EX_USAGE, EX_DATAERR = 0, 64, 65


def _edited(start, change):
    bundle = start()
    change(bundle.manifest, bundle.manifest.get("components", [None])[0])
    return bundle.pack()


def _legacy(sigstruct=None, component=None):
    bundle = mkbundle.Bundle()
    bundle.add_legacy(mkbundle.tiny_elf(), STREAM, sigstruct)
    if component:
        bundle.add_component(component, mkbundle.tiny_elf(b"2"), STREAM)
    return bundle.seal().pack()


def _several():
    bundle = base()
    bundle.add_component("rofl.one", mkbundle.tiny_elf(b"1"), STREAM,
                         testkey.sigstruct(MRENCLAVE, "two", isvsvn=7))
    bundle.add_component("rofl.two", mkbundle.tiny_elf(b"2"), STREAM)
    bundle.add_component("rofl." + "n" * 128, mkbundle.tiny_elf(b"3"))
    return bundle.seal().pack()


def _elf_form():
    bundle = base()
    component = bundle.manifest["components"][0]
    sgx = component.pop("sgx")
    component["elf"] = {"executable": component.pop("executable")}
    component["sgx"] = sgx
    return bundle.pack()


def _unknown():
    bundle = base()
    mkbundle.add_unknown_fields(bundle)
    return bundle.pack()


def _extra_files():
    bundle = base()
    bundle.files.update({"empty": b"", "README.txt": b"text\n", "na\u00efve \u2713.bin": b"\0",
                         "l" + "o" * 99 + "ng": b"long", "..x": b"", "x..": b"", "a b": b""})
    return bundle.seal().pack()


def _extra_fields():
    """Extended timestamps (0x5455) and a field of nobody's, as Info-ZIP and others write."""
    entries = base().entries()
    for entry in entries:
        entry.extra = struct.pack("<HHBI", 0x5455, 5, 1, 1700000000) + \
            struct.pack("<HH4s", 0xCAFE, 4, b"free")
        entry.fields = {"time": 0x6000, "date": 0x5821, "made_by": 3 << 8 | 30,
                        "external": 0o100644 << 16}
    return zipmake.pack(entries)


def _base64_digests(m, c):
    for name, value in m["digests"].items():
        m["digests"][name] = base64.b64encode(bytes.fromhex(value)).decode()


def _reverse_keys(m, c):
    items = list(m.items())[::-1]
    m.clear()
    m.update(items)


def _unsigned():
    bundle = mkbundle.Bundle()
    bundle.add_component("ronl", mkbundle.tiny_elf(), STREAM)
    return bundle.seal()


SIGSTRUCT = testkey.sigstruct(MRENCLAVE)
IDENTITY = [{"hypervisor": "test", "enclave": base64.b64encode(bytes.fromhex(
    MRENCLAVE + sgx.mrsigner(SIGSTRUCT))).decode()}]

# (name, what it shows, function that returns the bundle's bytes)
GOOD = [
    ("signed", "one ronl component, signed", lambda: base().pack()),
    ("unsigned", "no signature yet", lambda: _unsigned().pack()),
    ("unsigned-no-key", "sgx.signature is not there at all", lambda: _edited(
        _unsigned, lambda m, c: c["sgx"].pop("signature"))),
    ("legacy", "executable and sgx at the top level", _legacy),
    ("legacy-signed", "the same, signed",
     lambda: _legacy(SIGSTRUCT)),
    ("legacy-and-rofl", "the legacy form beside a rofl component",
     lambda: _legacy(component="rofl.abc")),
    ("several", "ronl and three rofl components, two signers, names of 3 and 128",
     _several),
    ("rofl-only", "no ronl component", lambda: base("rofl.a-B_9").pack()),
    ("rofl-disabled", "a rofl component may be disabled", lambda: _edited(
        lambda: base("rofl.abc"), lambda m, c: c.update(disabled=True))),
    ("ronl-not-disabled", "disabled: false is not disabled", lambda: _edited(
        base, lambda m, c: c.update(disabled=False))),
    ("tdx", "a rofl component in TDX, every field used", lambda: tdx_base().pack()),
    ("tdx-firmware-only", "the least TDX component", lambda: _edited(
        tdx_base, lambda m, c: c.update(tdx={
            "firmware": "firmware.fd", "resources": {"memory": 16, "cpus": 1}}))),
    ("tdx-numbers", "the largest numbers of a TDX component", lambda: _edited(
        tdx_base, lambda m, c: c["tdx"]["resources"].update(
            memory=(1 << 63) - 1, cpus=255, gpu={"count": 255}))),
    ("elf-form", "elf: {executable}", _elf_form),
    ("elf-and-old-executable", "an older executable beside elf, which is not there", lambda: _edited(
        base, lambda m, c: c.update(elf={"executable": c["executable"]}, executable="gone"))),
    ("identity", "an identity list", lambda: _edited(
        base, lambda m, c: c.update(identity=IDENTITY))),
    ("id-base64", "the id in base64", lambda: _edited(base, lambda m, c: m.update(
        id=base64.b64encode(bytes.fromhex(m["id"])).decode()))),
    ("id-flags", "a test key manager: both flags", lambda: _edited(
        base, lambda m, c: m.update(id="c" + "0" * 63))),
    ("id-no-flags", "neither flag", lambda: _edited(
        base, lambda m, c: m.update(id="0" * 63 + "1"))),
    ("digests-base64", "digests in base64", lambda: _edited(base, _base64_digests)),
    ("digest-without-file", "accepted, with a warning", lambda: _edited(
        base, lambda m, c: m["digests"].update({"gone.bin": "0" * 64}))),
    ("version-none", "no version anywhere", lambda: _edited(
        base, lambda m, c: (m.pop("version"), c.pop("version")))),
    ("version-max", "the largest version", lambda: _edited(
        base, lambda m, c: m.update(version=dict.fromkeys(
            ("major", "minor", "patch"), 65535)))),
    ("keys-reversed", "the manifest's keys in another order",
     lambda: _edited(base, _reverse_keys)),
    ("unknown-fields", "fields nobody knows, in every object", _unknown),
    ("json-indented", "a manifest for people, with a newline at the end",
     lambda: base().pack(json.dumps(base().manifest, indent=2).encode() + b"\n")),
    ("json-escaped", "\\u escapes in keys and values", lambda: base().pack(
        mkbundle.encode(base().manifest).replace(b'"executable"', b'"\\u0065xecutable"')
        .replace(b'"enclave"', b'"\\u0065nclave \\ud83d\\ude00"'))),
    ("name-empty", "an empty name", lambda: _edited(
        base, lambda m, c: m.update(name=""))),
    ("extra-files", "files that no component names, empty ones, UTF-8 names",
     _extra_files),
    ("stored", "nothing compressed", lambda: base().pack(method=zipmake.STORE)),
    ("descriptors", "sizes after the data, as orc writes",
     lambda: base().pack(flags=zipmake.DESCRIPTOR)),
    ("streamed", "sizes before and after the data, as bsdtar and Info-ZIP write into a pipe",
     lambda: mutate.streamed(size=lambda e: len(e.data))),
    ("zip64-end-unreferred", "a zip64 end record that nothing needs, as bsdtar writes",
     lambda: mutate.unreferred(base().pack(), 0)),
    ("zip64", "zip64 headers", lambda: base().pack(zip64=True)),
    ("zip64-end", "a zip64 end record",
     lambda: zipmake.pack(base().entries(), zip64=True)),
    ("comment", "an archive comment",
     lambda: zipmake.pack(base().entries(), comment=b"a comment")),
    ("extra-fields", "extra fields, times and Unix modes", _extra_fields),
    ("manifest-first-in-central", "the manifest is first where it counts, in the central "
     "directory, and last in the file", lambda: zipmake.pack(
         base().entries()[1:] + base().entries()[:1], order=[3, 0, 1, 2])),
]


def write(outdir):
    """Writes everything below outdir, which may exist. Returns the number of bundles."""
    _write_all(outdir, {name: (why, EX_DATAERR, says, make) for name, why, says, make in
                        hostile_manifest.CASES + hostile_zip.CASES})
    _write_all(os.path.join(outdir, "good"),
               {name: (why, EX_OK, None, make) for name, why, make in GOOD})
    return len(hostile_manifest.CASES) + len(hostile_zip.CASES) + len(GOOD)


def _write_all(folder, cases):
    os.makedirs(folder, exist_ok=True)
    expected = {}
    for name, (why, code, says, make) in cases.items():
        with open(os.path.join(folder, f"{name}.orc"), "wb") as f:
            f.write(make())
        expected[f"{name}.orc"] = {"why": why, "exit": code}
        if says is not None:
            expected[f"{name}.orc"]["says"] = says
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as f:
        json.dump(expected, f, indent=1)
        f.write("\n")


def main(argv):
    if len(argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return EX_USAGE
    print(f"{write(argv[1])} bundles in {argv[1]}")
    return EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv))
