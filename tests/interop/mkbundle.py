#!/usr/bin/env python3
"""mkbundle.py OUT.orc --sgxs FILE: builds an ORC bundle, as orc does or differently.

The tests need bundles that ensign did not write, in every form that exists: legacy, with
components, signed or not, stored or deflated, with data descriptors, with fields nobody knows.
The same arguments give the same bytes. mkhostile.py uses this as a library and breaks the result.
"""

import argparse
import hashlib
import json
import struct
import sys

import testkey
import zipmake

MANIFEST_NAME = "META-INF/MANIFEST.MF"
TEST_ID = "8000000000000000" + "0" * 47 + "1"      # bit 63: a test runtime


def digest(data):
    """SHA-512/256 as lower-case hex, the form in which a manifest keeps it."""
    return hashlib.new("sha512_256", data).hexdigest()


def tiny_elf(tag=b""):
    """An ELF64 header with one empty PT_LOAD (System V ABI, "ELF header"): nothing runs it, it
    only has to be a file. `tag` tells two of them apart."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64,
                         56, 1, 64, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, 0, 0, 4096) + tag


def encode(value):
    """Compact JSON as Go writes it: <, > and & escaped, keys in the order of the dict."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


class Bundle:
    """A manifest (dict, in the order it is written) and the files (name -> bytes)."""

    def __init__(self, name="enclave", version=(1, 2, 3), runtime_id=TEST_ID):
        self.files = {}
        self.manifest = {"name": name, "id": runtime_id, "version": _version(version)}

    def add_component(self, component, elf, stream=None, sigstruct=None):
        """Adds component `ronl` or `rofl.NAME` under the names that orc gives its files."""
        kind, _, name = component.partition(".")
        entry = {"kind": kind, "name": name, "version": _version((1, 2, 3)),
                 "executable": self._put(f"{component}.elf", elf)}
        if not name:
            del entry["name"]
        if stream is not None:
            entry["sgx"] = self._sgx(component, stream, sigstruct)
        self.manifest.setdefault("components", []).append(entry)
        return entry

    def add_legacy(self, elf, stream=None, sigstruct=None):
        """The older form: executable and sgx at the top level, no component."""
        self.manifest["executable"] = self._put("runtime.elf", elf)
        if stream is not None:
            self.manifest["sgx"] = self._sgx("runtime", stream, sigstruct)

    def _sgx(self, stem, stream, sigstruct):
        sgx = {"executable": self._put(f"{stem}.sgx", stream), "signature": ""}
        if sigstruct is not None:
            sgx["signature"] = self._put(f"{stem}.sgx.sig", sigstruct)
        return sgx

    def _put(self, name, data):
        self.files[name] = data
        return name

    def seal(self):
        """Computes the digests of all files, sorted by name. Returns self."""
        self.manifest.pop("digests", None)
        self.manifest["digests"] = {name: digest(self.files[name]) for name in sorted(self.files)}
        return self

    def entries(self, manifest=None, method=zipmake.DEFLATE, flags=0, zip64=False):
        """The zip entries: the manifest (encoded here, or the bytes given), then the files."""
        text = encode(self.manifest) if manifest is None else manifest
        named = [(MANIFEST_NAME, text), *self.files.items()]
        return [zipmake.Entry(name.encode(), data, method, flags, zip64=zip64)
                for name, data in named]

    def pack(self, manifest=None, **how):
        """The whole bundle as bytes."""
        return zipmake.pack(self.entries(manifest, **how))


def add_unknown_fields(bundle):
    """Fields that no consumer knows, in every object of the manifest that has a fixed shape, with
    values that a careless round trip through floats or sorted keys would change."""
    odd = {"z": 1, "a": [None, True, 1.5, 9007199254740993, "\u00fc<&>", {}], "m": ""}
    m = bundle.manifest
    objects = [m, m["version"], *m.get("components", [])]
    objects += [o["sgx"] for o in [m, *m.get("components", [])] if "sgx" in o]
    for o in objects:
        o["x-unknown"] = odd


def _version(triple):
    """Go leaves zero numbers out."""
    return {k: v for k, v in zip(("major", "minor", "patch"), triple) if v}


def _options(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out")
    p.add_argument("--sgxs", required=True, help="the enclave's SGXS stream")
    p.add_argument("--elf", help="the ELF of each component (default: a tiny one)")
    p.add_argument("--sig", help="a SIGSTRUCT of 1808 bytes for the stream")
    p.add_argument("--sign", choices=sorted(testkey.KEYS), help="sign with a published test key")
    p.add_argument("--name", default="enclave", help="the manifest's name")
    p.add_argument("--id", default=TEST_ID, help="the runtime identifier, 64 hex digits")
    p.add_argument("--version", default="1.2.3", help="MAJOR.MINOR.PATCH")
    p.add_argument("--component", action="append", metavar="ID", help="ronl or rofl.NAME")
    p.add_argument("--legacy", action="store_true", help="executable and sgx at the top level")
    p.add_argument("--compress", choices=("deflate", "store"), default="deflate")
    p.add_argument("--data-descriptor", action="store_true", help="sizes after the data, as orc")
    p.add_argument("--zip64", action="store_true", help="zip64 headers for every entry")
    p.add_argument("--extra-file", action="append", default=[], metavar="NAME=FILE")
    p.add_argument("--unknown-fields", action="store_true", help="manifest fields nobody knows")
    return p.parse_args(argv)


def _read(path):
    with open(path, "rb") as f:
        return f.read()


def main(argv):
    o = _options(argv)
    stream = _read(o.sgxs)
    elf = _read(o.elf) if o.elf else tiny_elf()
    sig = _read(o.sig) if o.sig else None
    if o.sign:
        sig = testkey.sigstruct(hashlib.sha256(stream).hexdigest(), o.sign)
    bundle = Bundle(o.name, tuple(int(n) for n in o.version.split(".")), o.id)
    if o.legacy:
        bundle.add_legacy(elf, stream, sig)
    for component in o.component or ([] if o.legacy else ["ronl"]):
        bundle.add_component(component, elf, stream, sig)
    for pair in o.extra_file:
        name, _, path = pair.partition("=")
        bundle.files[name] = _read(path)
    if o.unknown_fields:
        add_unknown_fields(bundle)
    data = bundle.seal().pack(
        method=zipmake.STORE if o.compress == "store" else zipmake.DEFLATE,
        flags=zipmake.DESCRIPTOR if o.data_descriptor else 0, zip64=o.zip64)
    with open(o.out, "wb") as f:
        f.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
