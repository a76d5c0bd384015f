"""Hostile bundles whose fault lies in the manifest, or in what it says about the files.

Every case starts from a good signed bundle and breaks one thing. CASES holds (name, why it must be
refused, a part of what orc.py says about it, a function that returns the bundle's bytes).
"""

import base64

import mkbundle
import mkenclave
import testkey

# mov %rcx, %rbx; mov $4, %eax; enclu: an enclave needs no assembler here.
CODE = bytes.fromhex("4889cbb8040000000f01d7")
STREAM = mkenclave.stream(CODE)
OTHER_STREAM = mkenclave.stream(CODE + b"\x90")
MRENCLAVE, OTHER_MRENCLAVE = (
    mkenclave.sgxs.measure(stream).mrenclave for stream in (STREAM, OTHER_STREAM))
TDX_FILES = ("firmware.fd", "kernel.bin", "initrd.img", "stage2.img")

CASES = []


def base(component="ronl", sigstruct=None):
    """The good bundle: one component with a signed enclave."""
    if sigstruct is None:
        sigstruct = testkey.sigstruct(MRENCLAVE)
    bundle = mkbundle.Bundle()
    bundle.add_component(component, mkbundle.tiny_elf(), STREAM, sigstruct)
    return bundle.seal()


def tdx_base():
    """A good bundle with one rofl component that runs in TDX, every optional field used."""
    bundle = mkbundle.Bundle()
    entry = bundle.add_component("rofl.tdx", mkbundle.tiny_elf())
    for i, name in enumerate(TDX_FILES):
        bundle.files[name] = b"image %d\n" % i
    entry["tdx"] = {
        "firmware": TDX_FILES[0], "kernel": TDX_FILES[1], "initrd": TDX_FILES[2],
        "extra_kernel_options": ["console=hvc0", "quiet"], "stage2_image": TDX_FILES[3],
        "stage2_format": "qcow2", "stage2_persist": True,
        "resources": {"memory": 16, "cpus": 1, "gpu": {"model": "h100", "count": 1}}}
    return bundle.seal()


def add(name, why, says, make):
    CASES.append((name, why, says, make))


def text(name, why, says, old, new):
    """A case that replaces bytes of the encoded manifest; `old` is there exactly once, or None to
    replace the whole text."""
    def make():
        bundle = base()
        raw = mkbundle.encode(bundle.manifest)
        assert old is None or raw.count(old) == 1, (name, raw)
        return bundle.pack(new if old is None else raw.replace(old, new))
    add(name, why, says, make)


def edit(name, why, says, change, start=base):
    """A case that changes the manifest as a value: change(manifest, its first component)."""
    def make():
        bundle = start()
        change(bundle.manifest, bundle.manifest["components"][0])
        return bundle.pack()
    add(name, why, says, make)


def put(path, value):
    """A change for edit(): sets a value, e.g. put("sgx.executable", ""); a leading / means from
    the manifest instead of its component; a value of Ellipsis deletes."""
    def change(m, c):
        at = m if path.startswith("/") else c
        *steps, last = path.strip("/").split(".")
        for step in steps:
            at = at.setdefault(step, {})
        if value is ...:
            del at[last]
        else:
            at[last] = value
    return change


# -- the text: one JSON document, read the same way by everybody ------------------------------------

DUPLICATE = "Go takes the last of two equal keys, other readers the first"
text("json-duplicate-top", DUPLICATE, "twice in one", b'"name":"enclave"',
     b'"name":"enclave","name":"other"')
text("json-duplicate-components", DUPLICATE, "twice in one", b',"digests":',
     b',"components":[],"digests":')
text("json-duplicate-nested", DUPLICATE, "twice in one", b'"kind":"ronl"',
     b'"kind":"rofl","kind":"ronl"')
text("json-duplicate-in-sgx", DUPLICATE, "twice in one", b'"signature":',
     b'"signature":"","signature":')
text("json-duplicate-digest", DUPLICATE, "twice in one", b'"digests":{',
     b'"digests":{"ronl.elf":"' + b"0" * 64 + b'",')
text("json-duplicate-escaped", DUPLICATE + ", and \\u0061 is an a", "twice in one",
     b'"name":"enclave"', b'"n\\u0061me":"other","name":"enclave"')
text("json-duplicate-unknown", "duplicates are refused in unknown objects as well",
     "twice in one", b'"name":', b'"x-note":{"a":1,"a":2},"name":')

CASE = "Go matches keys without case: two readers would see two manifests"
text("json-case-top", CASE, "only in case", b'"name":"enclave"', b'"name":"enclave","Name":"x"')
text("json-case-alone", CASE, "only in case", b'"name":', b'"NAME":')
text("json-case-digests", CASE, "only in case", b',"digests":', b',"Digests":{},"digests":')
text("json-case-component", CASE, "only in case", b'"kind":"ronl"',
     b'"kind":"ronl","Disabled":true')
text("json-case-sgx", CASE, "only in case", b'"signature":', b'"Signature":"","signature":')
text("json-case-version", CASE, "only in case", b'"version":{"major":1,"minor":2,"patch":3},"c',
     b'"version":{"major":1,"minor":2,"patch":3,"MINOR":9},"c')
text("json-case-long-s", CASE + ", and takes U+017F for an s", "only in case", b',"digests":',
     ',"dige\u017fts":{},"digests":'.encode())
text("json-case-kelvin", CASE + ", and takes U+212A for a k", "only in case", b'"kind":"ronl"',
     '"kind":"ronl","\u212aind":"rofl"'.encode())


def whole(name, why, says, make):
    """A case that makes the manifest's bytes from the good ones: make(raw)."""
    add(name, why, says, lambda: base().pack(make(mkbundle.encode(base().manifest))))


for _name, _tail in (("object", b"{}"), ("text", b"x"), ("nul", b"\0"), ("comma", b","),
                     ("brace", b"}")):
    whole(f"json-trailing-{_name}", "there is more after the one JSON text", "no JSON",
          lambda raw, tail=_tail: raw + tail)

whole("json-bom", "JSON text has no byte order mark", "byte order mark",
      lambda raw: b"\xef\xbb\xbf" + raw)
whole("json-utf16", "JSON text is UTF-8", "not UTF-8",
      lambda raw: b"\xff\xfe" + raw.decode().encode("utf-16-le"))
whole("json-empty", "an empty manifest is no JSON", "no JSON", lambda raw: b"")
whole("json-truncated", "half a manifest is no JSON", "no JSON", lambda raw: raw[:len(raw) // 2])
whole("json-null", "the manifest must be an object", "no JSON object", lambda raw: b"null")
whole("json-array", "the manifest must be an object", "no JSON object",
      lambda raw: b"[" + raw + b"]")
whole("json-string", "the manifest must be an object", "no JSON object", lambda raw: b'"x"')
whole("json-deep-array", "100,000 nested arrays: a recursive reader runs out of stack", "deeply",
      lambda raw: raw[:-1] + b',"x":' + b"[" * 100000 + b"]" * 100000 + b"}")
whole("json-deep-object", "100,000 nested objects: a recursive reader runs out of stack", "deeply",
      lambda raw: raw[:-1] + b',"x":' + b'{"a":' * 100000 + b"1" + b"}" * 100001)

for _name, _bytes in (("byte", b"\xff"), ("overlong", b"\xc0\xaf"),
                      ("surrogate", b"\xed\xa0\x80"), ("cut", b"\xe2\x82"),
                      ("beyond", b"\xf4\x90\x80\x80")):
    text(f"json-utf8-{_name}", "JSON text is UTF-8, and this is not", "not UTF-8",
         b'"name":"enclave"', b'"name":"' + _bytes + b'"')
text("json-half-surrogate", "half a surrogate pair is no character", "surrogate",
     b'"name":"enclave"', b'"name":"\\ud800"')
text("json-raw-newline", "control characters in strings must be escaped", "no JSON",
     b'"name":"enclave"', b'"name":"a\nb"')
text("json-comment", "JSON has no comments", "no JSON", b'{"name"', b'{/* */"name"')
whole("json-comma-last", "JSON has no trailing commas", "no JSON",
      lambda raw: raw[:-1] + b",}")
text("json-single-quotes", "JSON strings have double quotes", "no JSON", b'"name"', b"'name'")
text("json-nan", "NaN is no JSON", "no JSON", b'"name":', b'"x":NaN,"name":')
text("json-leading-zero", "JSON numbers have no leading zeros", "no JSON", b'"major":1,"minor":2,'
     b'"patch":3},"components"', b'"major":01},"components"')

# -- identifiers, versions and types -----------------------------------------------------------------

ID = "an id is 32 bytes, in hex or base64"
for _name, _value in (("short", "80" * 31), ("long", "80" * 33), ("odd", "8" * 63),
                      ("no-hex", "g" * 64), ("empty", ""),
                      ("base64-short", base64.b64encode(bytes(31)).decode()),
                      ("base64-long", base64.b64encode(bytes(33)).decode())):
    edit(f"id-{_name}", ID, "id is not", put("/id", _value))
edit("id-number", ID, "id is no", put("/id", 1))
for _bit in (61, 32, 0):
    edit(f"id-flag-{_bit}", "only flags 63 (test) and 62 (key manager) may be set", "flag bits",
         put("/id", f"{1 << _bit:016x}" + "0" * 48))

VERSION = "a version number is an integer of 16 bits"
for _name, _value, _says in (
        ("65536", 65536, "not in"), ("negative", -1, "not in"), ("float", 1.0, "no int"),
        ("string", "1", "no int"), ("true", True, "no int"), ("array", [1], "no int"),
        ("huge", 10 ** 400, "not in"), ("64-bit-wrap", 2 ** 64 + 1, "not in"),
        ("32-bit-wrap", 2 ** 32 + 1, "not in")):
    edit(f"version-{_name}", VERSION, _says, put("/version.major", _value))
    if _name in ("65536", "float"):
        edit(f"version-component-{_name}", VERSION, _says, put("version.patch", _value))
text("version-exponent", VERSION + ", not a number with an exponent", "no int",
     b'"minor":2,"patch":3},"components"', b'"minor":1e0},"components"')
text("version-infinite", VERSION + ", not one beyond every float", "no int",
     b'"minor":2,"patch":3},"components"', b'"minor":1e999},"components"')
edit("version-text", "a version is an object", "no dict", put("/version", "1.2.3"))

TYPE = "the field has another JSON type in oasis-core"
for _name, _path, _value in (
        ("name", "/name", 5), ("executable", "executable", ["ronl.elf"]), ("sgx", "sgx", "x"),
        ("sgx-array", "sgx", []), ("sgx-executable", "sgx.executable", 7),
        ("sgx-signature", "sgx.signature", False), ("components", "/components", {}),
        ("kind", "kind", 1), ("digests", "/digests", []), ("elf", "elf", "ronl.elf"),
        ("identity", "identity", {}), ("disabled", "disabled", "yes"),
        ("disabled-number", "disabled", 0)):
    edit(f"type-{_name}", TYPE, " is no ", put(_path, _value))

NULL = "a null component crashes orc and oasis-node"
edit("components-null", NULL, "no object", put("/components", [None]))
edit("components-null-second", NULL, "no object", lambda m, c: m["components"].append(None))
edit("components-null-first", NULL, "no object", lambda m, c: m["components"].insert(0, None))
edit("components-number", TYPE, "no object", lambda m, c: m["components"].append(1))
edit("components-string", TYPE, "no object", lambda m, c: m["components"].append("ronl"))

# -- component rules ---------------------------------------------------------------------------------

KIND = "a component is ronl or rofl"
edit("kind-unknown", KIND, "neither", put("kind", "tee"))
edit("kind-missing", KIND, "neither", put("kind", ...))
edit("kind-empty", KIND, "neither", put("kind", ""))
edit("kind-case", KIND, "neither", put("kind", "RONL"))
edit("kind-space", KIND, "neither", put("kind", "ronl "))
edit("ronl-name", "the ronl component has no name", "no name", put("name", "main"))
edit("ronl-disabled", "the ronl component cannot be disabled", "disabled", put("disabled", True))
edit("ronl-no-executable", "the ronl component needs an executable", "needs an executable",
     put("executable", ...))
edit("ronl-empty-executable", "the ronl component needs an executable", "needs an executable",
     put("executable", ""))
edit("elf-empty", "elf.executable may not be empty", "elf has no", put("elf", {"executable": ""}))
edit("elf-missing", "elf.executable may not be missing", "elf has no", put("elf", {}))
edit("elf-gone", "every named file is present", "not in the bundle", put("elf", {"executable": "gone"}))
edit("sgx-empty", "sgx.executable may not be empty", "sgx has no", put("sgx.executable", ""))
edit("sgx-missing", "sgx.executable may not be missing", "sgx has no", put("sgx.executable", ...))

ROFL = "a rofl name is 3 to 128 of a-z A-Z 0-9 _ -"
for _name, _value in (("short", "ab"), ("long", "a" * 129), ("empty", ""), ("dot", "a.b"),
                      ("space", "a b"), ("slash", "../x"), ("newline", "abc\n"),
                      ("nul", "abc\0d"), ("letter", "na\u00efve"), ("colon", "a:bc")):
    edit(f"rofl-name-{_name}", ROFL, "is not 3 to 128", put("name", _value),
         lambda: base("rofl.abc"))
edit("rofl-name-missing", ROFL, "is not 3 to 128", put("name", ...), lambda: base("rofl.abc"))

TWICE = "component ids are unique"
edit("component-twice-ronl", TWICE, "twice", lambda m, c: m["components"].append(dict(c)))
edit("component-twice-rofl", TWICE, "twice", lambda m, c: m["components"].append(dict(c)),
     lambda: base("rofl.abc"))
edit("legacy-and-ronl", "the legacy top level is the ronl component already", "legacy",
     put("/executable", "ronl.elf"))
edit("legacy-sgx-and-ronl", "the legacy top level is the ronl component already", "legacy",
     lambda m, c: m.update(sgx=dict(c["sgx"])))

IDENTITY = "an identity is base64 of MRENCLAVE and MRSIGNER, 64 bytes"
for _name, _value in (("short", base64.b64encode(bytes(63)).decode()), ("hex", "00" * 64),
                      ("text", "???"), ("empty", "")):
    edit(f"identity-{_name}", IDENTITY, "identity enclave", put("identity", [{"enclave": _value}]))
edit("identity-number", TYPE, "identity holds", put("identity", [1]))

# -- tdx ---------------------------------------------------------------------------------------------

edit("tdx-and-sgx", "a component is at most one of sgx and tdx", "both",
     lambda m, c: c.update(sgx={"executable": "rofl.tdx.elf", "signature": ""}), tdx_base)
for _name, _why, _says, _path, _value in (
        ("no-firmware", "tdx needs a firmware", "no firmware", "tdx.firmware", ...),
        ("empty-firmware", "tdx needs a firmware", "no firmware", "tdx.firmware", ""),
        ("memory-15", "tdx needs 16 of memory", "memory is", "tdx.resources.memory", 15),
        ("memory-zero", "tdx needs 16 of memory", "memory is", "tdx.resources.memory", 0),
        ("memory-negative", "memory is unsigned", "memory -1", "tdx.resources.memory", -1),
        ("memory-float", "memory is an integer", "no int", "tdx.resources.memory", 16.5),
        ("memory-overflow", "memory has 64 bits", "not in", "tdx.resources.memory", 2 ** 64 + 16),
        ("memory-missing", "tdx needs 16 of memory", "memory is", "tdx.resources.memory", ...),
        ("no-resources", "tdx needs resources", "memory is", "tdx.resources", ...),
        ("cpus-zero", "tdx needs a CPU", "cpus is", "tdx.resources.cpus", 0),
        ("cpus-256", "cpus has 8 bits", "not in", "tdx.resources.cpus", 256),
        ("cpus-65536", "cpus has 8 bits", "not in", "tdx.resources.cpus", 65536),
        ("gpu-256", "a gpu's count has 8 bits", "not in", "tdx.resources.gpu.count", 256),
        ("gpu-zero", "a gpu needs a count", "gpu count", "tdx.resources.gpu.count", 0),
        ("gpu-no-count", "a gpu needs a count", "gpu count", "tdx.resources.gpu", {}),
        ("option-number", TYPE, "no string", "tdx.extra_kernel_options", [1]),
        ("options-text", TYPE, "no list", "tdx.extra_kernel_options", "quiet"),
        ("firmware-absent", "every named file is present", "not in the bundle", "tdx.firmware",
         "other.fd")):
    edit(f"tdx-{_name}", _why, _says, put(_path, _value), tdx_base)


def _without(*keys):
    def change(m, c):
        for key in keys:
            del c["tdx"][key]
    return change


edit("tdx-initrd-no-kernel", "an initrd needs a kernel", "needs a kernel",
     _without("kernel", "stage2_image"), tdx_base)
edit("tdx-stage2-no-kernel", "a stage 2 image needs a kernel", "needs a kernel",
     _without("kernel", "initrd"), tdx_base)

# -- digests and files -------------------------------------------------------------------------------

DIGEST = "a digest is SHA-512/256, 32 bytes in hex or base64"
for _name, _value in (("short", "00" * 31), ("long", "00" * 33), ("no-hex", "x" * 64),
                      ("empty", ""), ("number", 5), ("null", None)):
    edit(f"digest-{_name}", DIGEST, "is no SHA-512/256",
         lambda m, c, v=_value: m["digests"].update({"ronl.elf": v}))
for _file in ("ronl.elf", "ronl.sgx", "ronl.sgx.sig"):
    edit(f"digest-wrong-{_file}", "the file is not the one that was measured", "digest is wrong",
         lambda m, c, f=_file: m["digests"].update({f: mkbundle.digest(b"other")}))
edit("digest-sha256", "the digest is SHA-512/256 and no other hash", "digest is wrong",
     lambda m, c: m["digests"].update({"ronl.sgx": MRENCLAVE}))
edit("digests-missing", "every file has a digest", "has no digest", put("/digests", ...))
edit("digests-empty", "every file has a digest", "has no digest", put("/digests", {}))
edit("digest-missing-elf", "every file has a digest", "ronl.elf: the file has no digest",
     lambda m, c: m["digests"].pop("ronl.elf"))
edit("digest-other-case", "file names are compared as they are", "has no digest",
     lambda m, c: m["digests"].update({"RONL.ELF": m["digests"].pop("ronl.elf")}))


def files(name, why, says, change):
    """A case that changes the files: change(bundle). The digests are right again afterwards."""
    def make():
        bundle = base()
        change(bundle)
        return bundle.seal().pack()
    add(name, why, says, make)


def _unlisted(bundle):
    """An extra file that has no digest: packed after sealing."""
    bundle.seal()
    bundle.files["extra.bin"] = b"x"
    return bundle.pack()


add("file-without-digest", "every file has a digest", "extra.bin: the file has no digest",
    lambda: _unlisted(base()))
for _file in ("ronl.elf", "ronl.sgx", "ronl.sgx.sig"):
    files(f"file-missing-{_file}", "every named file is present", "not in the bundle",
          lambda b, f=_file: b.files.pop(f))

# -- SIGSTRUCTs --------------------------------------------------------------------------------------

SIG = "every SIGSTRUCT verifies"


def sigstruct(name, why, says, make):
    """A case with another signature file: make(the good SIGSTRUCT)."""
    add(name, why, says, lambda: base(sigstruct=make(testkey.sigstruct(MRENCLAVE))).pack())


def _flip(at):
    return lambda s: s[:at] + bytes([s[at] ^ 1]) + s[at + 1:]


for _name, _at, _says in (
        ("signature", 516, "does not verify"), ("modulus", 130, "does not verify"),
        ("isvsvn", 1026, "does not verify"), ("q1", 1040, "Q1 is wrong"),
        ("q2", 1424, "Q2 is wrong")):
    sigstruct(f"sigstruct-flip-{_name}", SIG, _says, _flip(_at))
sigstruct("sigstruct-exponent", "the exponent is 3", "EXPONENT", _flip(513))
sigstruct("sigstruct-short", "a SIGSTRUCT has 1808 bytes", "1808 bytes", lambda s: s[:-1])
sigstruct("sigstruct-long", "a SIGSTRUCT has 1808 bytes", "1808 bytes", lambda s: s + b"\0")
sigstruct("sigstruct-empty", "a SIGSTRUCT has 1808 bytes", "1808 bytes", lambda s: b"")
sigstruct("sigstruct-zero", SIG, "0 bits", lambda s: bytes(len(s)))
sigstruct("sigstruct-raw-signature", "a SIGSTRUCT is not the signature alone", "1808 bytes",
          lambda s: s[516:900][::-1])
sigstruct("sigstruct-other-key", "the signature is under the key in the SIGSTRUCT",
          "does not verify",
          lambda s: s[:128] + testkey.modulus("two").to_bytes(384, "little") + s[512:])
sigstruct("sigstruct-other-enclave", "ENCLAVEHASH is the stream's", "ENCLAVEHASH",
          lambda s: testkey.sigstruct(OTHER_MRENCLAVE))
files("stream-other", "ENCLAVEHASH is the stream's", "ENCLAVEHASH",
      lambda b: b.files.update({"ronl.sgx": OTHER_STREAM}))
