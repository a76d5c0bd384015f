#!/usr/bin/env bats
# Signing again: what belonged to the old signature goes, what did not stays as it was, byte for byte
# and in its order; and the identities that a node trusts over the files follow the new signature.

load helpers

fixtures() {
    test_key one one.pem
    test_key two two.pem
    enclave own-copy.sgxs
    other_enclave other.sgxs
}

# craft OUT.orc: a bundle, made by the Python code on stdin: b the bundle; stream, other the two
# enclaves, MRE and OTHER their MRENCLAVEs, sign(mrenclave, key, **fields) a SIGSTRUCT, signer(key) an
# MRSIGNER, pair(mrenclave, mrsigner) an identity's text; `keep` files are packed with their own method.
craft() {
    "$PYTHON" - "$BATS_FILE_TMPDIR" "$1" 3<&0 <<'PY'
import os, sys
import base64, hashlib, json, zlib
import mkbundle, sgx, testkey, zipmake
code = os.fdopen(3).read()
folder = sys.argv[1]
stream, other = (open(f"{folder}/{n}.sgxs", "rb").read() for n in ("own-copy", "other"))
MRE, OTHER = (hashlib.sha256(s).hexdigest() for s in (stream, other))
elf = mkbundle.tiny_elf()
def sign(mrenclave, key="two", **fields):
    return testkey.sigstruct(mrenclave, key, **fields)
def signer(key):
    return sgx.mrsigner(sign(MRE, key))
def pair(mrenclave, mrsigner):
    return base64.b64encode(bytes.fromhex(mrenclave + mrsigner)).decode()
b, extra, manifest = mkbundle.Bundle(), {}, None
m = b.manifest
exec(code)
b.seal()
m["digests"].update(extra)
open(sys.argv[2], "wb").write(b.pack(manifest))
PY
}

# resign BUNDLE [COMPONENT]: sign-data, key one, set-sig; $SIGNER is the new signer.
resign() {
    local pub=$BATS_FILE_TMPDIR/one.pem.pub
    SIGNER=$(mrsigner "$pub")
    ens gen-sign-data --date 20240229 --isvsvn 4 ${2:+--component "$2"} --force -o r.signdata "$1"
    ok
    pem_sign "$BATS_FILE_TMPDIR/one.pem" r.signdata r.sig
    ens set-sig --sign-data r.signdata ${2:+--component "$2"} "$1" r.sig "$pub"
    ok
}

# python FILE... : code on stdin about bundles; z(path) a zipfile, m(path) its manifest, parts(path) the
# compressed bytes of each entry, text(path) the manifest's bytes.
look() {
    "$PYTHON" - "$@" 3<&0 <<'PY'
import os, sys
import base64, hashlib, json, struct, zipfile
code = os.fdopen(3).read()
NAME = "META-INF/MANIFEST.MF"
def z(path):
    return zipfile.ZipFile(path)
def text(path):
    return z(path).read(NAME).decode()
def m(path):
    return json.loads(text(path))
def parts(path):
    data, out = open(path, "rb").read(), {}
    for i in z(path).infolist():
        n, x = struct.unpack_from("<HH", data, i.header_offset + 26)
        at = i.header_offset + 30 + n + x
        out[i.filename] = (i.compress_type, i.CRC, data[at:at + i.compress_size])
    return out
def identities(path, component=0):
    return [base64.b64decode(i["enclave"]).hex() for i in m(path)["components"][component]["identity"]]
args = sys.argv[1:]
exec(code)
PY
}

# ---- the old signature, and digests without a file ----

@test "a signature is replaced under the name that it has: no orphan file, no orphan digest" {
    for name in app.sig runtime.sgx.sig ronl.sgx.sig 'with space.css' zz; do
        NAME=$name craft b.orc <<'PY'
c = b.add_component("ronl", elf, stream, sign(MRE))
b.files[os.environ["NAME"]] = b.files.pop("ronl.sgx.sig")
c["sgx"]["signature"] = os.environ["NAME"]
PY
        cp b.orc before.orc
        resign b.orc
        bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
        look "$name" <<'PY'
name, = args
assert m("b.orc")["components"][0]["sgx"]["signature"] == name
assert sorted(z("b.orc").namelist()) == sorted(z("before.orc").namelist())
assert sorted(m("b.orc")["digests"]) == sorted(z("b.orc").namelist()[1:])
a, b = parts("before.orc"), parts("b.orc")
assert {n for n in a if a[n] != b[n]} == {NAME, name}
PY
    done
}

@test "digests without a file go, those of files stay" {
    craft b.orc <<'PY'
b.add_component("ronl", elf, stream, sign(MRE))
b.files["README"] = b"text"
extra = {n: "0" * 64 for n in ("a.gone", "ronl.sgx.sig.old", "zz.gone")}
PY
    ens show b.orc
    ok
    for name in a.gone ronl.sgx.sig.old zz.gone; do
        grep -q "$name" "$OUT" "$ERR"
    done
    resign b.orc
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
    look <<'PY'
assert list(m("b.orc")["digests"]) == ["README", "ronl.elf", "ronl.sgx", "ronl.sgx.sig"], m("b.orc")["digests"]
assert z("b.orc").read("README") == b"text"
PY
}

@test "a file that the manifest uses twice is not overwritten by the signature" {
    craft b.orc <<'PY'
c = b.add_component("ronl", elf, stream, sign(MRE))
d = b.add_component("rofl.two", elf, stream)
d["sgx"]["signature"] = c["sgx"]["signature"] = "shared.sig"
b.files["shared.sig"] = b.files.pop("ronl.sgx.sig")
PY
    cp b.orc before.orc
    resign b.orc ronl
    accepted bundle --written b.orc
    look <<'PY'
a, b = m("before.orc")["components"], m("b.orc")["components"]
assert b[0]["sgx"]["signature"] == "ronl.sgx.sig" and b[1] == a[1], b
assert z("b.orc").read("shared.sig") == z("before.orc").read("shared.sig")
PY
    ens verify --component rofl.two --mrsigner "$SIGNER" b.orc
    exits 1
    # The last user gone, the shared file is rofl.two's own, and is replaced.
    resign b.orc rofl.two
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
    look <<'PY'
assert sorted(z("b.orc").namelist()[1:]) == sorted(m("b.orc")["digests"]) == [
    "rofl.two.elf", "rofl.two.sgx", "ronl.elf", "ronl.sgx", "ronl.sgx.sig", "shared.sig"]
PY
}

@test "signing twice changes the signature only, and back again gives the same bytes" {
    craft b.orc <<'PY'
b.add_component("ronl", elf, stream, sign(MRE))
PY
    resign b.orc
    cp b.orc first.orc
    sigstruct two.css two "$MRENCLAVE"
    ens set-sig b.orc two.css
    ok
    not cmp -s b.orc first.orc
    resign b.orc
    same b.orc first.orc
}

# ---- older manifests ----

@test "a legacy manifest stays legacy" {
    for state in unsigned signed renamed; do
        STATE=$state craft b.orc <<'PY'
state = os.environ["STATE"]
b.add_legacy(elf, stream, None if state == "unsigned" else sign(MRE))
if state == "renamed":
    b.files["app.sig"] = b.files.pop("runtime.sgx.sig")
    m["sgx"]["signature"] = "app.sig"
PY
        cp b.orc before.orc
        resign b.orc
        bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
        look "$state" <<'PY'
a, b = m("before.orc"), m("b.orc")
name = "app.sig" if args == ["renamed"] else "runtime.sgx.sig"
assert "components" not in b and list(a) == list(b), b
assert b["executable"] == "runtime.elf", b
assert b["sgx"] == {"executable": "runtime.sgx", "signature": name}, b
assert b["version"] == a["version"] and b["id"] == a["id"] and b["name"] == a["name"]
assert sorted(b["digests"]) == sorted({"runtime.elf", "runtime.sgx", name})
PY
    done
}

@test "a legacy manifest with a rofl component: each is signed by its own name" {
    craft b.orc <<'PY'
b.add_legacy(elf, stream)
b.add_component("rofl.app", mkbundle.tiny_elf(b"2"), other)
PY
    cp b.orc before.orc
    resign b.orc ronl
    look <<'PY'
a, b = m("before.orc"), m("b.orc")
assert a["components"] == b["components"] and len(b["components"]) == 1, b
assert b["sgx"]["signature"] == "runtime.sgx.sig", b
PY
    resign b.orc rofl.app
    look <<'PY'
a, b = m("before.orc"), m("b.orc")
assert [c["kind"] for c in b["components"]] == ["rofl"], b
assert b["components"][0]["sgx"]["signature"] == "rofl.app.sgx.sig", b
assert b["executable"] == "runtime.elf", b
PY
    accepted bundle --written --mrsigner "$SIGNER" b.orc
}

# ---- the other components ----

@test "ROFL and TDX components are preserved byte for byte" {
    craft b.orc <<'PY'
b.add_component("ronl", elf, stream, sign(MRE))
c = b.add_component("rofl.sgx", mkbundle.tiny_elf(b"2"), other, sign(OTHER, "two", isvsvn=9))
c["identity"] = [{"hypervisor": "", "enclave": pair(OTHER, signer("two"))}]
c["disabled"] = True
t = b.add_component("rofl.tdx", mkbundle.tiny_elf(b"3"))
for i, name in enumerate(("firmware.fd", "kernel", "initrd", "disk.qcow2")):
    b.files[name] = bytes([i]) * 5000 + name.encode()
t["tdx"] = {"firmware": "firmware.fd", "kernel": "kernel", "initrd": "initrd",
    "extra_kernel_options": ["console=ttyS0", "a<b>&c", "\u00fc"], "stage2_image": "disk.qcow2",
    "stage2_format": "qcow2", "stage2_persist": True,
    "resources": {"memory": 9007199254740993, "cpus": 4, "gpu": {"model": "h100", "count": 2}}}
t["identity"] = [{"hypervisor": "qemu", "enclave": base64.b64encode(bytes(range(64))).decode()}]
b.add_component("rofl.elf", mkbundle.tiny_elf(b"4"))
PY
    cp b.orc before.orc
    resign b.orc
    look <<'PY'
a, b = m("before.orc")["components"], m("b.orc")["components"]
assert [json.dumps(c) for c in a[1:]] == [json.dumps(c) for c in b[1:]], b
assert a[0] == b[0]                         # its signature kept its name
x, y = parts("before.orc"), parts("b.orc")
assert {n for n in x if x[n] != y[n]} == {NAME, "ronl.sgx.sig"}, set(x) ^ set(y)
assert set(x) == set(y)
PY
    accepted bundle --written b.orc
    # The text of the other components too, to the last escape.
    look <<'PY'
a, b = text("before.orc"), text("b.orc")
start = '{"kind":"rofl","name":"sgx"'
assert a[a.index(start):a.index('"digests"')] == b[b.index(start):b.index('"digests"')]
PY
}

@test "several SGX components are signed one by one, and each is verified" {
    craft b.orc <<'PY'
b.add_component("ronl", elf, stream)
b.add_component("rofl.one", mkbundle.tiny_elf(b"1"), other)
b.add_component("rofl.two", mkbundle.tiny_elf(b"2"), stream, sign(MRE))
PY
    ens verify --profile registry b.orc
    exits 1
    [ "$(grep -c '\[unsigned\]$' "$OUT")" -eq 2 ]
    signed=0
    for id in ronl rofl.one rofl.two; do
        resign b.orc "$id"
        signed=$((signed + 1))
        ens verify --profile core --component "$id" --mrsigner "$SIGNER" --min-isvsvn 4 b.orc
        ok
        ens show b.orc
        ok
        [ "$(grep -c "MRSIGNER: *$SIGNER" "$OUT")" -eq "$signed" ]
    done
    accepted bundle --written --mrsigner "$SIGNER" b.orc
    ens verify --profile registry --mrsigner "$SIGNER" --min-isvsvn 4 b.orc
    ok
    # Not naming one of several is orc's ronl, and nothing where there is no ronl.
    craft c.orc <<'PY'
b.add_component("rofl.one", elf, stream)
b.add_component("rofl.two", elf, stream)
PY
    ens gen-sign-data c.orc
    refused 65 'rofl\.one' 'rofl\.two' 'component'
}

# ---- unknown fields ----

@test "unknown fields survive at every level, in value and in order" {
    craft b.orc <<'PY'
c = b.add_component("ronl", elf, stream, sign(MRE))
t = b.add_component("rofl.tdx", elf)
b.files["fw"] = b"fw"
t["tdx"] = {"firmware": "fw", "resources": {"memory": 16, "cpus": 1, "gpu": {"count": 1}}}
c["elf"] = {"executable": "ronl.elf"}
c["identity"] = [{"enclave": pair(MRE, signer("two"))}]
odd = {"z": 1, "a": [None, True, False, 1.5, -0.25, 1e300, 9007199254740993, -9223372036854775808, "", {}, []],
       "\u00fc<&>\u2028\"\\": "\u00fc<&>\u2029\U0001f600\u0001/", "": 0, "m": {"b": 1, "a": 2}}
for o in (m, m["version"], c, c["version"], c["elf"], c["sgx"], c["identity"][0], t, t["tdx"],
          t["tdx"]["resources"], t["tdx"]["resources"]["gpu"]):
    items = list(o.items())
    o.clear()
    o["x-first"] = odd
    for k, v in items:
        o[k] = v
        o["x-after-" + k] = [k]
PY
    cp b.orc before.orc
    resign b.orc ronl
    look <<'PY'
def pairs(path):
    return json.loads(text(path), object_pairs_hook=lambda p: ("object", p))
def strip(v, at=""):
    """Without what signing changes."""
    if isinstance(v, tuple):
        return [(k, strip(x, at + "." + k)) for k, x in v[1]
                if k != "digests" and not at.endswith(".identity") or k not in ("digests", "enclave")]
    return [strip(x, at) for x in v] if isinstance(v, list) else v
a, b = strip(pairs("before.orc")), strip(pairs("b.orc"))
assert a == b, [(x, y) for x, y in zip(a, b) if x != y]
assert text("b.orc").count("x-first") == 11
PY
    ens verify --mrsigner "$SIGNER" --component ronl b.orc
    ok
}

# ---- identities ----

# identity_case LIST...: a bundle whose ronl has the identities of the Python list LIST.
identity_case() {
    LIST=$1 craft b.orc <<'PY'
c = b.add_component("ronl", elf, stream, sign(MRE))
old, zero = pair(MRE, signer("two")), pair("00" * 32, "00" * 32)
new, foreign = pair(MRE, signer("one")), pair(OTHER, signer("two"))
c["identity"] = [{"enclave": e} if isinstance(e, str) else e for e in eval(os.environ["LIST"])]
PY
    cp b.orc before.orc
    resign b.orc
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
    NEW=$MRENCLAVE$SIGNER
}

@test "identity: the entry of the old signature becomes that of the new one, and it is said" {
    identity_case '[old]'
    says 'identity'
    not_warned 'identity'
    look "$NEW" <<'PY'
assert identities("b.orc") == args, identities("b.orc")
assert identities("before.orc") != args
PY
    # orc.py's manifest hash follows.
    look <<'PY'
import orc
a, b = (orc.check(open(n, "rb").read()).manifest_hash for n in ("before.orc", "b.orc"))
assert a and b and a != b
PY
}

@test "identity: an all-zero entry is dropped, and it is said" {
    identity_case '[zero, old]'
    says 'all-zero identity|identity.*zero'
    look "$NEW" <<'PY'
assert identities("b.orc") == args, identities("b.orc")
PY
    identity_case '[zero]'
    says 'zero'
    look <<'PY'
assert m("b.orc")["components"][0].get("identity", []) == [], m("b.orc")["components"]
PY
    identity_case '[zero, zero, {"hypervisor": "qemu", "enclave": zero}]'
    look <<'PY'
assert m("b.orc")["components"][0].get("identity", []) == [], m("b.orc")["components"]
PY
}

@test "identity: an entry of another enclave is kept, with a warning" {
    identity_case '[foreign]'
    warned 'identity.*kept'
    look <<'PY'
assert identities("b.orc") == identities("before.orc")
PY
    # The other halves: same enclave and another signer, other enclave and the same signer.
    identity_case '[pair(MRE, "11" * 32), old, pair("22" * 32, signer("two"))]'
    warned 'identity'
    [ "$(grep -c '^ensign: warning: .*identity' "$ERR")" -eq 2 ]
    look "$NEW" <<'PY'
a, b = identities("before.orc"), identities("b.orc")
assert b == [a[0], args[0], a[2]], b
PY
}

@test "identity: an entry with a hypervisor keeps it, and its unknown fields" {
    identity_case '[{"x": 1, "hypervisor": "qemu", "enclave": old, "y": [2]}, {"hypervisor": "xen", "enclave": foreign}]'
    look "$NEW" <<'PY'
a, b = (m(n)["components"][0]["identity"] for n in ("before.orc", "b.orc"))
assert list(a[0].items())[:2] == list(b[0].items())[:2] and list(a[0]) == list(b[0]), b
assert b[0]["hypervisor"] == "qemu" and b[0]["y"] == [2] and b[1] == a[1], b
assert identities("b.orc")[0] == args[0]
PY
}

@test "identity: an entry that is right already is no reason for words" {
    identity_case '[new]'
    not_warned 'identity'
    look "$NEW" <<'PY'
assert identities("b.orc") == args
PY
    # Signed again with the same key: nothing changes but the signature.
    cp b.orc before.orc
    resign b.orc
    look <<'PY'
assert m("b.orc")["components"] == m("before.orc")["components"]
PY
}

@test "identity: an unsigned component has no old signer; its list is kept with a warning" {
    craft b.orc <<'PY'
c = b.add_component("ronl", elf, stream)
c["identity"] = [{"enclave": pair(MRE, signer("two"))}]
PY
    cp b.orc before.orc
    resign b.orc
    warned 'identity'
    look <<'PY'
assert identities("b.orc") == identities("before.orc")
PY
}

@test "identity: warnings stay with --quiet, and another component's list is left alone" {
    craft b.orc <<'PY'
for id, s in (("ronl", stream), ("rofl.app", other)):
    c = b.add_component(id, elf, s, sign(MRE if id == "ronl" else OTHER))
    c["identity"] = [{"enclave": pair(MRE, signer("two"))}, {"enclave": pair("00" * 32, "00" * 32)}]
PY
    cp b.orc before.orc
    sigstruct one.css one "$MRENCLAVE"
    ens set-sig --quiet --component ronl b.orc one.css
    ok
    look <<'PY'
a, b = m("before.orc")["components"], m("b.orc")["components"]
assert a[1] == b[1] and len(b[0]["identity"]) == 1, b
PY
    # In rofl.app the pair is of another enclave.
    sigstruct other.css one "$(sha256 "$BATS_FILE_TMPDIR/other.sgxs")"
    ens set-sig --quiet --component rofl.app b.orc other.css
    ok
    warned 'rofl\.app.*identity'
}
