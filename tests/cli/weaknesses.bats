#!/usr/bin/env bats
# What orc does wrong or not at all, one test for each, named as in docs/orc.md: the same input, the
# better answer. Each shows the bad case refused or said, and the good one beside it.

load helpers

fixtures() {
    signing_host
    test_key two two.pem
    enclave own-copy.sgxs
}

# begin [OPTION...]: a bundle b.orc, its sign-data, a signature over it, and key one: $KEY, $PUB, $SIGNER.
begin() {
    KEY=$BATS_FILE_TMPDIR/one.pem
    PUB=$KEY.pub
    SIGNER=$(mrsigner "$PUB")
    bundle b.orc "$@"
    sign_data s.signdata "$MRENCLAVE"
    pem_sign "$KEY" s.signdata s.sig
}

# craft OUT.orc: a signed bundle, changed by the Python code on stdin: b the bundle, m its manifest, c
# its component, z the arguments of pack(); the digests are made afterwards.
craft() {
    enclave "$BATS_TEST_TMPDIR/craft.sgxs"
    "$PYTHON" - "$BATS_TEST_TMPDIR/craft.sgxs" "$1" 3<&0 <<'PY'
import os, sys
import base64, hashlib, json
import mkbundle, sgx, testkey, zipmake
code = os.fdopen(3).read()
stream = open(sys.argv[1], "rb").read()
sig = testkey.sigstruct(hashlib.sha256(stream).hexdigest(), "two")
b = mkbundle.Bundle()
c = b.add_component("ronl", mkbundle.tiny_elf(), stream, sig)
m, z = b.manifest, {}
exec(code)
open(sys.argv[2], "wb").write(b.seal().pack(**z))
PY
}

@test "W1: an error of usage is an exit status, and nothing is done" {
    begin
    for line in 'frobnicate b.orc' 'show' 'show b.orc b.orc' 'show --frobnicate b.orc' \
        'gen-sign-data' 'gen-sign-data --isvsvm 3 b.orc' 'set-sig' 'sign' ''; do
        # shellcheck disable=SC2086
        ens $line
        refused 64
    done
    ens gen-sign-data --isvsvm 3 b.orc
    usage isvsvn
    ens set-sgi b.orc s.sig "$PUB"
    usage set-sig
    ens show b.orc
    ok
}

@test "W2: set-sig without a signature never signs" {
    begin
    cp b.orc before.orc
    for command in set-sig sgx-set-sig; do
        ens "$command" b.orc
        refused 64 'no signature'
        ens "$command" b.orc '' ''
        refused_either 64 66
        ens "$command" b.orc ''
        refused_either 64 66
    done
    same b.orc before.orc
    # A key that is made up is asked for by name, and is said loudly.
    ens set-sig --quiet --ephemeral-key --date 20240229 b.orc
    ok
    warned 'thrown away|throw-away|ephemeral'
}

@test "W3: set-sig says what it attached" {
    begin
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    says_hex "$MRENCLAVE"
    says_hex "$SIGNER"
    ens show b.orc
    ok
    hash=$("$PYTHON" -c '
import orc
print(orc.check(open("b.orc", "rb").read()).manifest_hash)')
    prints "^Manifest hash: +$hash$"
}

@test "W4: a signature fits on another day and in another time zone" {
    begin
    sign_data s.signdata "$MRENCLAVE" date=0x20231231
    pem_sign "$KEY" s.signdata s.sig
    for zone in UTC Pacific/Kiritimati Pacific/Pago_Pago; do
        TZ=$zone ens set-sig --force -o carried.orc --sign-data s.signdata b.orc s.sig "$PUB"
        ok
        TZ=$zone ens set-sig --force -o found.orc b.orc s.sig "$PUB"
        ok
        says '2023-12-31'
        same carried.orc found.orc
        # Today is the same day for everybody.
        TZ=$zone SOURCE_DATE_EPOCH=1704067199 ens gen-sign-data --force -o day b.orc
        ok
        [ "$(field day date)" = 0x20231231 ]
    done
    bundle_holds found.orc "$MRENCLAVE" "$SIGNER"
}

@test "W5: no option is typed twice, and the field that differs is named" {
    begin
    sign_data s.signdata "$MRENCLAVE" isvsvn=12 isvprodid=5 swdefined=7
    pem_sign "$KEY" s.signdata s.sig
    cp b.orc c.orc
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
    # Sign-data that was not what was signed: the differing field has a name.
    sign_data other.signdata "$MRENCLAVE" isvsvn=13 isvprodid=5 swdefined=7
    ens set-sig --sign-data other.signdata c.orc s.sig "$PUB"
    refused 65 'sign-data'
    sign_data other.signdata "${MRENCLAVE//[0-9]/a}"
    ens set-sig --sign-data other.signdata c.orc s.sig "$PUB"
    refused 65 'ENCLAVEHASH|MRENCLAVE'
}

@test "W6: what is signed can be read; a bare digest only with --blind" {
    begin
    sign --dry-run s.signdata
    ok
    for word in MRENCLAVE ISVSVN ISVPRODID DATE ATTRIBUTES XFRM MISCSELECT; do
        says "$word"
    done
    says_hex "$MRENCLAVE"
    openssl dgst -sha256 -binary -out digest s.signdata
    sign -o d.sig digest
    refused 77 'blind'
    sign --blind -o d.sig digest
    ok
    warned 'blind|cannot be reviewed|not.*review'
    sign -o s2.sig s.signdata
    ok
    same d.sig s2.sig
}

@test "W7: a token may hash by itself, and a wrong kind of signature is named" {
    begin
    for mechanism in rsa-pkcs sha256-rsa-pkcs; do
        sign --mechanism "$mechanism" -o "$mechanism.sig" s.signdata
        ok
        same "$mechanism.sig" s.sig
    done
    openssl dgst -sha256 -binary -out d s.signdata
    openssl pkeyutl -sign -inkey "$KEY" -in d -out bare.sig
    openssl dgst -sha384 -sign "$KEY" -out sha384.sig s.signdata
    openssl dgst -sha256 -sign "$KEY" -sigopt rsa_padding_mode:pss -out pss.sig s.signdata
    pem_sign "$BATS_FILE_TMPDIR/two.pem" s.signdata two.sig
    for case in bare:DigestInfo sha384:SHA-384 pss:PSS two:key; do
        ens set-sig --sign-data s.signdata b.orc "${case%:*}.sig" "$PUB"
        refused 65 "${case#*:}"
        not grep -q 'verification error' "$ERR"
    done
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
}

@test "W8: whoever signs an enclave that can be debugged is told so" {
    begin
    ens gen-sign-data --date 20240229 -o open b.orc
    ok
    danger 'debug'
    same open s.signdata
    ens gen-sign-data --quiet --date 20240229 --force -o open b.orc
    ok
    danger 'debug'
    sign --dry-run s.signdata
    ok
    danger 'debug'
    ens gen-sign-data --forbid-debug --date 20240229 -o closed b.orc
    ok
    not_warned 'debug'
    [ "$(field closed attributes)" = 0x4 ]
    [ "$(field closed attributes_mask)" = 0xffffffffffffffff ]
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    ens verify --forbid-debug b.orc
    exits 1
    pem_sign "$KEY" closed closed.sig
    ens set-sig --sign-data closed b.orc closed.sig "$PUB"
    ok
    ens verify --forbid-debug b.orc
    ok
}

@test "W9: a signing key that everybody has is refused by verify and said everywhere" {
    need_shared
    begin
    openssl rsa -inform DER -in "$DATA/keys/fortanix-dummy.priv.der" -out dummy.pem 2>/dev/null
    openssl rsa -in dummy.pem -pubout -out dummy.pub 2>/dev/null
    for key in dummy:Fortanix "$DATA/keys/sig1.key:Intel"; do
        openssl rsa -in "${key%:*}.pem" -pubout -out pub 2>/dev/null
        pem_sign "${key%:*}.pem" s.signdata known.sig
        ens set-sig --force -o known.orc --sign-data s.signdata b.orc known.sig pub
        ok
        danger "${key#*:}"
        ens show known.orc
        ok
        grep -q "${key#*:}" "$OUT" "$ERR"
        ens show pub
        ok
        grep -q "${key#*:}" "$OUT" "$ERR"
        ens verify known.orc
        exits 1
        prints "^no: .*${key#*:}.*\[public-key\]"
        ens verify --allow-public-key known.orc
        ok
    done
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    ens verify b.orc
    ok
    ens verify --mrsigner "${SIGNER//[0-9]/a}" b.orc
    exits 1
}

@test "W12: a pair without a mask and an ambiguous number are refused, not guessed, and do not crash" {
    begin
    for option in -m -a -x; do
        for value in 4 '' / 4/ /4 4/4/4 4/x 0x 4/0x 18446744073709551616/0; do
            ens gen-sign-data "$option" "$value" b.orc
            usage .
        done
    done
    for option in -p -v -s; do
        for value in 010 00 -1 +1 1.0 ' 1' 1_0 0x1_0 4294967296; do
            ens gen-sign-data "$option" "$value" b.orc
            usage .
        done
    done
    for value in 8 0x8 0X8 0o10 0b1000; do
        ens gen-sign-data --force --date 20240229 -p "$value" -o out b.orc
        ok
        [ "$(field out isvprodid)" = 0x8 ]
    done
}

@test "W13: a null component is refused" {
    for code in 'm["components"] = [None]' 'm["components"].append(None)' \
        'm["version"] = {"major": 1}; m["components"] = [None]'; do
        craft null.orc <<<"$code"
        for command in show gen-sign-data verify; do
            ens "$command" null.orc
            [ "$status" -eq 65 ] || [ "$command:$status" = verify:1 ] || exits 65
            grep -q 'components\[[01]\]: must be an object' "$OUT" "$ERR"
        done
    done
    craft good.orc <<<''
    ens show good.orc
    ok
}

# elf OUT: a file that is an ELF.
elf() {
    "$PYTHON" -c 'import sys, mkbundle; open(sys.argv[1], "wb").write(mkbundle.tiny_elf(b"x"))' "$1"
}

@test "W14: component-add changes the bundle it was given, whatever name is in it" {
    elf app
    mkdir -p deep/er
    craft deep/er/b.orc <<<'m["name"] = "../../x"'
    cp deep/er/b.orc before.orc
    (cd deep/er && "$ENSIGN" component-add b.orc rofl.app ../../app)
    files app before.orc deep deep/er deep/er/b.orc
    not cmp -s deep/er/b.orc before.orc
    accepted bundle --written deep/er/b.orc
    ens component-add -o other.orc before.orc rofl.app app
    ok
    same other.orc deep/er/b.orc
    enclave e.sgxs
    for name in ../x /tmp/x a/b .. ''; do
        ens init --custom --runtime-name "$name" --runtime-version 1.2.3 \
            --runtime-id 8000000000000000000000000000000000000000000000000000000000000001 \
            --sgx-executable e.sgxs app
        [ "$status" -eq 64 ] || [ "$status" -eq 65 ] || exits 64
        unchanged
    done
}

@test "W15: a file that cannot be read is named as such" {
    elf app
    enclave e.sgxs
    set -- --custom --runtime-name n --runtime-version 1.2.3 \
        --runtime-id 8000000000000000000000000000000000000000000000000000000000000001
    ens init "$@" gone
    refused 66 gone
    ens init "$@" --sgx-executable gone.sgxs app
    refused 66 gone.sgxs
    ens init "$@" --sgx-executable e.sgxs --sgx-signature gone.sig app
    refused 66 gone.sig
    ens init "$@" --sgx-executable e.sgxs app
    ok
    cp n.orc before.orc
    ens component-add n.orc rofl.app gone
    refused 66 gone
    same n.orc before.orc
}

@test "W16: a bundle is replaced whole or not at all, and keeps its mode" {
    begin
    chmod 640 b.orc
    cp b.orc before.orc
    # A limit on file sizes ends the write in the middle.
    (ulimit -f 1 && ens set-sig --sign-data s.signdata b.orc s.sig "$PUB" && [ "$status" -ne 0 ])
    same b.orc before.orc
    files b.orc before.orc s.sig s.signdata
    inode=$(stat -c %i b.orc)
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    mode_is b.orc 640
    [ "$(stat -c %i b.orc)" != "$inode" ] || fail "the bundle was written over in place"
    umask 027
    ens set-sig --sign-data s.signdata -o new.orc before.orc s.sig "$PUB"
    ok
    mode_is new.orc 640
    umask 022
    ens set-sig --sign-data s.signdata -o newer.orc before.orc s.sig "$PUB"
    ok
    mode_is newer.orc 644
}

@test "W17: the same input gives the same bytes" {
    begin --component ronl --component rofl.app --component rofl.bee --component rofl.cat
    for n in 1 2 3 4 5 6; do
        ens set-sig --sign-data s.signdata -o "$n.orc" b.orc s.sig "$PUB"
        ok
        same "$n.orc" 1.orc
    done
    accepted bundle --written --mrenclave "$MRENCLAVE" 1.orc
    # Files that signing has no business with keep their compressed bytes.
    "$PYTHON" - <<'PY'
import zipfile, struct
def raw(path):
    data = open(path, "rb").read()
    for i in zipfile.ZipFile(path).infolist():
        n, x = struct.unpack_from("<HH", data, i.header_offset + 26)
        yield i.filename, data[i.header_offset + 30 + n + x:][:i.compress_size]
before, after = dict(raw("b.orc")), dict(raw("1.orc"))
same = [n for n in before if n != "META-INF/MANIFEST.MF" and before[n] == after[n]]
assert len(same) == len(before) - 1 == 8, same
PY
}

@test "W18: signing again leaves no old signature behind" {
    begin
    craft old.orc <<'PY'
b.files["app.sig"] = b.files.pop(c["sgx"]["signature"])
c["sgx"]["signature"] = "app.sig"
b.seal = lambda seal=b.seal: (seal(), m["digests"].update({"gone.sig": "0" * 64}))[0]
PY
    ens show old.orc
    ok
    grep -q 'gone.sig' "$OUT" "$ERR"
    ens set-sig --sign-data s.signdata old.orc s.sig "$PUB"
    ok
    bundle_holds old.orc "$MRENCLAVE" "$SIGNER"
    "$PYTHON" - <<'PY'
import json, zipfile
z = zipfile.ZipFile("old.orc")
m = json.loads(z.read("META-INF/MANIFEST.MF"))
assert sorted(m["digests"]) == sorted(z.namelist()[1:]), m["digests"]
assert sum(len(z.read(n)) == 1808 for n in z.namelist()) == 1
PY
}

@test "W19: the identity that a node trusts over the files follows the signature" {
    begin
    craft b.orc <<'PY'
c["identity"] = [{"enclave": base64.b64encode(hashlib.sha256(stream).digest() +
                                              bytes.fromhex(sgx.mrsigner(sig))).decode()},
                 {"enclave": base64.b64encode(bytes(64)).decode()}]
PY
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    says 'identity'
    unpack b.orc META-INF/MANIFEST.MF m.json
    "$PYTHON" - "$MRENCLAVE$SIGNER" <<'PY'
import base64, json, sys
have = [base64.b64decode(i["enclave"]).hex() for i in json.load(open("m.json"))["components"][0]["identity"]]
assert have == [sys.argv[1]], have
PY
}

@test "W20: fields that ensign does not know survive" {
    begin --unknown-fields
    unpack b.orc META-INF/MANIFEST.MF before.json
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    unpack b.orc META-INF/MANIFEST.MF after.json
    "$PYTHON" - <<'PY'
import json
before, after = (json.load(open(n)) for n in ("before.json", "after.json"))
def unknown(o):
    return [json.dumps(x["x-unknown"]) for x in (o, o["version"], o["components"][0], o["components"][0]["sgx"])]
assert unknown(before) == unknown(after)
assert list(before) == list(after), (list(before), list(after))
PY
}

@test "W21: signing adds no version to a component" {
    begin
    craft b.orc <<<'del c["version"]'
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    unpack b.orc META-INF/MANIFEST.MF m.json
    "$PYTHON" -c '
import json
m = json.load(open("m.json"))
assert "version" not in m["components"][0] and m["version"] == {"major": 1, "minor": 2, "patch": 3}, m'
}

@test "W22: an enclave is parsed before it is signed" {
    begin
    printf 'dummy\n' >dummy.sgxs
    "$PYTHON" "$INTEROP/mkbundle.py" dummy.orc --sgxs dummy.sgxs
    ens gen-sign-data dummy.orc
    refused 65 'dummy.orc'
    enclave tail.sgxs
    printf x >>tail.sgxs
    "$PYTHON" "$INTEROP/mkbundle.py" tail.orc --sgxs tail.sgxs
    ens gen-sign-data tail.orc
    refused 65 'tail.orc'
    # One chunk that is not measured: SHA-256 of the file is not what the CPU has.
    "$PYTHON" - "$BATS_FILE_TMPDIR/own-copy.sgxs" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.rfind(b"EEXTEND\0")
data[at:at + 8] = b"UNMEASRD"
open("unmeasured.sgxs", "wb").write(data)
PY
    "$PYTHON" "$INTEROP/mkbundle.py" unmeasured.orc --sgxs unmeasured.sgxs
    ens gen-sign-data unmeasured.orc
    refused 65 'unmeasured'
    ens show b.orc
    ok
    prints '^  Enclave +[0-9]+ KiB, [0-9]+ pages \([0-9]+ TCS\), [0-9]+ chunks measured, 0 not$'
    ens gen-sign-data -o out b.orc
    ok
}

@test "W23: reserved bytes that no CPU accepts are found" {
    begin
    for name in vendor:0x1 reserved1:01 reserved2:0100 reserved3:01 reserved4:01 header2:02; do
        "$PYTHON" - "$name" "$MRENCLAVE" <<'PY'
import sys
import sgx, testkey
name, value = sys.argv[1].split(":")
length = sgx.FIELDS[name][1]
if name == "vendor":
    value = int(value, 0)
else:
    start = sgx.HEADER2 if name == "header2" else bytes(length)
    value = bytes.fromhex(value) + start[len(value) // 2:]
open("s.css", "wb").write(testkey.sigstruct(sys.argv[2], **{name: value}))
PY
        ens set-sig b.orc s.css
        refused 65
        ens verify s.css
        exits 1
        prints "^no: .*$(cut -d: -f1 <<<"${name^^}" | sed 's/RESERVED/reserved/')"
        ens verify --profile core s.css
        ok
    done
    sigstruct s.css one "$MRENCLAVE"
    ens verify s.css
    ok
    ens set-sig b.orc s.css
    ok
}

@test "W24: values that no CPU satisfies, or that nobody means, are not signed without a word" {
    begin
    for options in '-a 0x5/0x2' '-a 0x0/0x2' '-a 0xc/0x2' '-x 0x0/0x0' '-x 0x1/0x0' '-x 0xb/0x0' \
        '-x 0x20003/0x0' '-a 0x8000000000000004/0' '--isvfamilyid 00000000000000000000000000000001' \
        '--isvextprodid 00000000000000000000000000000001'; do
        # shellcheck disable=SC2086
        ens gen-sign-data --date 20240229 $options -o out b.orc
        refused 65
        # shellcheck disable=SC2086
        ens gen-sign-data --allow-unusual --date 20240229 $options -o out b.orc
        ok
        sign -o out.sig out
        refused 65
        rm out
    done
    # Allowed, and said.
    for bit in 0x14:PROVISIONKEY 0x24:EINITTOKENKEY; do
        ens gen-sign-data --allow-unusual --date 20240229 -a "${bit%:*}/0" --force -o out b.orc
        ok
        danger "${bit#*:}"
    done
}

@test "W25: what is not a signature of 384 bytes is told apart" {
    begin
    xxd -p -c 384 s.sig >hex
    base64 s.sig >b64
    (echo '-----BEGIN SIGNATURE-----' && cat b64 && echo '-----END SIGNATURE-----') >pem
    "$PYTHON" - <<'PY'
s = open("s.sig", "rb").read()
open("little", "wb").write(s[::-1])
open("der", "wb").write(b"\4\x82\1\x80" + s)
open("short", "wb").write(s[:-1])
open("long", "wb").write(s + b"\n")
open("big", "wb").write(s * 30)
PY
    : >empty
    for case in hex:hex b64:base64 pem:'PEM|bytes' der:'DER|388' little:'revers|little' short:'383|damaged' long:385 \
        big:bytes empty:'empty|0 bytes'; do
        ens set-sig --sign-data s.signdata b.orc "${case%%:*}" "$PUB"
        refused 65 "${case%%:*}" "${case#*:}"
        not grep -q 'big int' "$ERR"
    done
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
}

@test "W26: an archive that two readers read in two ways is refused" {
    begin
    "$PYTHON" - <<'PY'
import io, os, stat, zipfile
import mkbundle, zipmake, hostile_manifest
def write(name, entries, **how):
    open(f"{name}.orc", "wb").write(zipmake.pack(entries, **how))
def entries(*more):
    bundle = hostile_manifest.base()
    for name, _ in more:
        bundle.files[name.decode()] = b"x"
    bundle.seal()
    return bundle.entries()[:4] + [zipmake.Entry(n, b"x", **how) for n, how in more]
write("good", entries((b"x", {})))
write("twice", entries() + [zipmake.Entry(b"ronl.elf", b"other")])
for i, name in enumerate((b"..", b".", b"", b"./a", b"a\\b", b"../x", b"/x")):
    write(f"name{i}", entries((name, {})))
write("link", entries((b"x", {"fields": {"made_by": 3 << 8, "external": (stat.S_IFLNK | 0o777) << 16}})))
write("manifest-second", entries(), order=[1, 0, 2, 3])
bomb = entries((b"x", {}))
bomb[-1].raw, bomb[-1].fields = zipmake.deflated_zeros(256), {"size": 256 << 20}
write("bomb", bomb)
PY
    for name in twice name0 name1 name2 name3 name4 name5 name6 link manifest-second bomb; do
        ens show "$name.orc"
        refused 65 "$name.orc"
        ens gen-sign-data "$name.orc"
        refused 65 "$name.orc"
    done
    ens show good.orc
    ok
}

@test "W27: show prints the same each time, the manifest hash, and JSON" {
    begin --component ronl --component rofl.bee --component rofl.app
    for n in 1 2 3 4 5 6; do
        ens show b.orc
        ok
        cp "$OUT" "$n.txt"
        same "$n.txt" 1.txt
    done
    sed -n '/^Digests:$/,/^[A-Z]/{/^  /p;}' 1.txt >digests
    [ "$(wc -l <digests)" -eq 6 ]
    LC_ALL=C sort -c digests
    prints '^Manifest hash: +[0-9a-f]{64}$'
    ens show --json b.orc
    ok
    "$PYTHON" -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["kind"] == "bundle" and len(d["manifest_hash"]) == 64 and len(d["components"]) == 3, d' "$OUT"
}

@test "W28: an older bundle stays as it is, and one that is both is refused" {
    begin --legacy
    unpack b.orc META-INF/MANIFEST.MF before.json
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
    unpack b.orc META-INF/MANIFEST.MF after.json
    "$PYTHON" - <<'PY'
import json
before, after = (json.load(open(n)) for n in ("before.json", "after.json"))
assert after["sgx"] == {"executable": "runtime.sgx", "signature": "runtime.sgx.sig"}, after
assert after["executable"] == "runtime.elf" and "components" not in after, after
assert set(after["digests"]) - set(before["digests"]) == {"runtime.sgx.sig"}
PY
    craft mixed.orc <<<'m["executable"] = "ronl.elf"'
    ens show mixed.orc
    refused 65 'ronl'
    ens set-sig --sign-data s.signdata mixed.orc s.sig "$PUB"
    refused 65 'ronl'
}

@test "W29: RSA with e = 3 does not depend on what OpenSSL is configured to allow" {
    begin
    cat >conf <<'CONF'
openssl_conf = top
[top]
alg_section = evp
[evp]
default_properties = fips=yes
CONF
    # With this configuration OpenSSL has no algorithm at all; ensign reads none.
    OPENSSL_CONF=$PWD/conf not openssl dgst -sha256 conf
    OPENSSL_CONF=$PWD/conf ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
}

@test "docs/orc.md names every test of this file, and no other" {
    diff <(grep -o '`W[0-9]*: [^`]*`' "$ROOT/docs/orc.md" | tr -d '`' | sort) \
        <(sed -n 's/^@test "\(W[0-9]*: .*\)" {$/\1/p' "$BATS_TEST_FILENAME" | sort)
}
