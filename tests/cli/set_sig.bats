#!/usr/bin/env bats
# set-sig: signature, key and sign-data meet the enclave. The three stages from end to end, what the
# new bundle must be, and what is said of a signature that does not fit.

load helpers

fixtures() {
    signing_host
    test_key two two.pem
    enclave own-copy.sgxs
}

# begin: a bundle b.orc, its sign-data s.signdata, and key one: $KEY, $PUB, $SIGNER.
begin() {
    KEY=$BATS_FILE_TMPDIR/one.pem
    PUB=$KEY.pub
    SIGNER=$(mrsigner "$PUB")
    bundle b.orc "$@"
    sign_data s.signdata "$MRENCLAVE"
    pem_sign "$KEY" s.signdata s.sig
}

# as_before: the bundle is the one that begin made.
as_before() {
    bundle "$BATS_TEST_TMPDIR/before.orc"
    same b.orc "$BATS_TEST_TMPDIR/before.orc"
}

# ---- the three stages ----

@test "three stages through a token: the bundle holds what was signed" {
    begin
    rm s.signdata s.sig
    ens gen-sign-data --date 20240229 -p 5 -v 12 -o s.signdata b.orc
    ok
    sign -o s.sig s.signdata
    ok
    ens pubkey --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" -o P.pem
    ok
    ens set-sig --sign-data s.signdata b.orc s.sig P.pem
    ok
    says "$MRENCLAVE"
    says "$SIGNER"
    [ ! -s "$OUT" ]
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
    ens extract -o css b.orc
    ok
    accepted sigstruct --mrenclave "$MRENCLAVE" --mrsigner "$SIGNER" css
    sigstruct expected.css one "$MRENCLAVE" isvprodid=5 isvsvn=12
    same css expected.css
    files P.pem b.orc css expected.css s.sig s.signdata
}

@test "three stages on a real enclave: MRENCLAVE 784acfd7..98fc" {
    need_shared
    begin
    "$PYTHON" "$INTEROP/mkbundle.py" real.orc --sgxs "$DATA/enclaves/test_enclave.sgxs"
    ens gen-sign-data --date 20240229 -o real.signdata real.orc
    ok
    measured=$(field real.signdata enclavehash)
    grep -q '^784acfd7.*98fc$' <<<"$measured"
    sign -o real.sig real.signdata
    ok
    ens set-sig --sign-data real.signdata real.orc real.sig "$PUB"
    ok
    bundle_holds real.orc "$measured" "$SIGNER"
    ens show real.orc
    ok
    prints "$measured"
    prints "$SIGNER"
}

@test "a real finished SIGSTRUCT is attached: MRSIGNER fb4bab3d..5542" {
    need_shared
    "$PYTHON" "$INTEROP/mkbundle.py" real.orc --sgxs "$DATA/enclaves/test_enclave.sgxs"
    ens set-sig real.orc "$DATA/enclaves/test_enclave.sig"
    ok
    accepted bundle --written --core real.orc
    ens extract -o css real.orc
    ok
    same css "$DATA/enclaves/test_enclave.sig"
    ens show real.orc
    ok
    prints '784acfd7[0-9a-f]*98fc'
    prints 'fb4bab3d[0-9a-f]*5542'
}

@test "golden: the published key in a token gives the published signature" {
    need_shared
    cp "$DATA/keys/sig1.sigstruct.bin" golden.css
    import "$DATA/keys/sig1.key.pem" sig1 a1
    ens extract --sign-data -o s.signdata golden.css
    ok
    cmp s.signdata <(head -c 128 golden.css && tail -c +901 golden.css | head -c 128)
    [ "$(sha256 s.signdata)" = ea7ced3b8c78324bce65ad851152a125fd1989df324dc72b244ed5f44573ac95 ]
    ens sign --key 'pkcs11:token=ensign;object=sig1' --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes -o s.sig s.signdata
    ok
    "$PYTHON" -c '
css = open("golden.css", "rb").read()
assert open("s.sig", "rb").read() == css[516:900][::-1]'
    ens extract -o again.css golden.css
    ok
    same again.css golden.css
    ens show golden.css
    ok
    prints c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d
    prints '83d719e7[0-9a-f]*ce9e'
    accepted sigstruct golden.css
}

@test "orc's spelling and openssl's signature give the same bundle bytes as ensign sign" {
    begin
    bundle c.orc
    ens sgx-gen-sign-data --date 20240229 --isvsvn 3 c.orc
    ok
    cp "$OUT" digest
    openssl pkeyutl -sign -inkey "$KEY" -pkeyopt digest:sha256 -in digest -out c.sig
    ens sgx-set-sig --date 20240229 --isvsvn 3 c.orc c.sig "$PUB"
    ok
    ens gen-sign-data --date 20240229 --isvsvn 3 -o b.signdata b.orc
    ok
    sign -o b.sig b.signdata
    ok
    ens set-sig --sign-data b.signdata b.orc b.sig "$PUB"
    ok
    same b.orc c.orc
    bundle_holds c.orc "$MRENCLAVE" "$SIGNER"
}

@test "two runs with the same inputs give the same bytes, in place and with -o" {
    begin
    ens set-sig --sign-data s.signdata -o one.orc b.orc s.sig "$PUB"
    ok
    as_before
    SOURCE_DATE_EPOCH=1 TZ=Pacific/Kiritimati ens set-sig --sign-data s.signdata -o two.orc b.orc \
        s.sig "$PUB"
    ok
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    same one.orc two.orc
    same one.orc b.orc
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    ok
    same one.orc b.orc
}

# ---- ways to say the same ----

@test "sign-data, the same options, and a finished SIGSTRUCT give the same bundle" {
    begin
    ens set-sig --sign-data s.signdata -o one.orc b.orc s.sig "$PUB"
    ok
    ens set-sig --date 20240229 -o two.orc b.orc s.sig "$PUB"
    ok
    sigstruct s.css one "$MRENCLAVE"
    ens set-sig -o three.orc b.orc s.css
    ok
    same one.orc two.orc
    same one.orc three.orc
    bundle_holds one.orc "$MRENCLAVE" "$SIGNER"
}

@test "a public key is read as SubjectPublicKeyInfo, PKCS#1, certificate, and after prose" {
    begin
    openssl rsa -pubin -in "$PUB" -RSAPublicKey_out -out pkcs1.pem 2>/dev/null
    openssl req -x509 -new -key "$KEY" -subj /CN=release -days 1 -out cert.pem 2>/dev/null
    (printf 'The release key,\nas printed.\n\n' && cat "$PUB") >prose.pem
    ens set-sig --sign-data s.signdata -o expected.orc b.orc s.sig "$PUB"
    ok
    for key in pkcs1.pem cert.pem prose.pem; do
        ens set-sig --sign-data s.signdata --force -o out.orc b.orc s.sig "$key"
        ok
        same out.orc expected.orc
    done
}

@test "--from gives the fields in set-sig too" {
    begin
    sign_data from.signdata "${MRENCLAVE//[0-9]/a}" isvsvn=7
    sign_data mine.signdata "$MRENCLAVE" isvsvn=7
    pem_sign "$KEY" mine.signdata mine.sig
    ens set-sig --from from.signdata b.orc mine.sig "$PUB"
    ok
    bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
}

@test "the date is recovered when nothing says it, and reported" {
    begin
    for day in 19700101 19800101 19991231 20240229 20161214 "$(date -u -d '20 days ago' +%Y%m%d)" "$(date -u +%Y%m%d)"; do
        sign_data d.signdata "$MRENCLAVE" "date=0x$day"
        pem_sign "$KEY" d.signdata d.sig
        ens set-sig --force -o out.orc b.orc d.sig "$PUB"
        ok
        says "${day:0:4}-?${day:4:2}-?${day:6:2}"
        ens extract --force -o css out.orc
        ok
        [ "$(field css date)" = "0x$day" ]
        bundle_holds out.orc "$MRENCLAVE" "$SIGNER"
    done
}

@test "on a terminal: the dates that are tried, which are gone at the end; the next one before today comes first" {
    begin
    sign_data d.signdata "$MRENCLAVE" "date=0x20261127"
    pem_sign "$KEY" d.signdata d.sig
    SOURCE_DATE_EPOCH=$(date -u -d 2026-11-28 +%s) tty_ens -- set-sig --force -o out.orc b.orc d.sig "$PUB"
    exits 0
    tr '\r' '\n' <"$OUT" | grep -aEq '^trying dates: 2026-11-28, 2026-11-27, \.\.\. +$' || fail "$(cat -v "$OUT")"
    grep -aEq $'\\.\\.\\. +\r +\r' "$OUT" || fail "it is not erased: $(cat -v "$OUT")"
    grep -aq 'DATE 2026-11-27, recovered' "$OUT"
    SOURCE_DATE_EPOCH=$(date -u -d 2026-11-28 +%s) ens set-sig --force -o out.orc b.orc d.sig "$PUB"
    ok
    not grep -q trying "$ERR"
}

@test "a date that is given is not searched for" {
    begin
    ens set-sig --date 20240228 b.orc s.sig "$PUB"
    refused 65 'sign-data|date'
    as_before
    ens set-sig --date 20240229 b.orc s.sig "$PUB"
    ok
}

@test "other options than those signed are refused, whatever the date" {
    begin
    ens set-sig --isvsvn 1 b.orc s.sig "$PUB"
    refused 65 'sign-data|date'
    as_before
    ens set-sig --isvsvn 0 b.orc s.sig "$PUB"
    ok
}

@test "--sign-data and SIGSTRUCT options together are a usage error" {
    begin
    ens set-sig --sign-data s.signdata --isvsvn 3 b.orc s.sig "$PUB"
    refused 64
    as_before
}

# ---- where the result goes ----

@test "--to writes the SIGSTRUCT and leaves the bundle alone" {
    begin
    ens set-sig --sign-data s.signdata --to out.css b.orc s.sig "$PUB"
    ok
    as_before
    sigstruct expected.css one "$MRENCLAVE"
    same out.css expected.css
    accepted sigstruct --mrenclave "$MRENCLAVE" --mrsigner "$SIGNER" out.css
    ens set-sig --sign-data s.signdata --to out.css b.orc s.sig "$PUB"
    refused 73
}

@test "a bare stream gets its SIGSTRUCT with --to, and cannot hold one itself" {
    begin
    enclave e.sgxs
    ens set-sig --sign-data s.signdata --to out.css e.sgxs s.sig "$PUB"
    ok
    sigstruct expected.css one "$MRENCLAVE"
    same out.css expected.css
    ens set-sig --sign-data s.signdata e.sgxs s.sig "$PUB"
    refused 64 '--to'
}

@test "-o writes another bundle and keeps an existing one" {
    begin
    echo precious >out.orc
    ens set-sig --sign-data s.signdata -o out.orc b.orc s.sig "$PUB"
    refused 73 out.orc
    ens set-sig --sign-data s.signdata --force -o out.orc b.orc s.sig "$PUB"
    ok
    as_before
    bundle_holds out.orc "$MRENCLAVE" "$SIGNER"
}

# ---- what the new bundle is ----

@test "a bundle in every form is signed, and unknown fields stay" {
    for form in --legacy '--compress store' --data-descriptor --zip64 --unknown-fields \
        '--sign two' '--component rofl.app'; do
        # shellcheck disable=SC2086
        begin $form
        unpack b.orc META-INF/MANIFEST.MF before.json
        ens set-sig --sign-data s.signdata --component "$([[ $form = *rofl* ]] && echo rofl.app || \
            echo ronl)" b.orc s.sig "$PUB"
        ok
        bundle_holds b.orc "$MRENCLAVE" "$SIGNER"
        unpack b.orc META-INF/MANIFEST.MF after.json
        "$PYTHON" - <<'PY'
import json
def load(name):
    return json.load(open(name), object_pairs_hook=lambda pairs: pairs)
def strip(pairs):
    """All pairs in their order, without what signing changes."""
    if not isinstance(pairs, list):
        return pairs
    return [p if not isinstance(p, tuple) else (p[0], strip(p[1])) for p in
            (strip(x) if isinstance(x, list) else x for x in pairs)
            if not (isinstance(p, tuple) and p[0] in ("signature", "digests"))]
before, after = strip(load("before.json")), strip(load("after.json"))
assert before == after, (before, after)
PY
    done
}

@test "untouched entries keep their compressed bytes" {
    begin
    # Level 1 and a stored entry: nothing that a new compression would give again.
    head -c 100000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null | base64 -w 0 >noise
    enclave e.sgxs
    "$PYTHON" - <<'PY'
import zlib
import mkbundle, zipmake
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf(), open("e.sgxs", "rb").read())
b.files["noise.txt"] = open("noise", "rb").read()
b.seal()
entries = b.entries()
for e in entries:
    if e.name == b"noise.txt":
        pack = zlib.compressobj(1, zlib.DEFLATED, -15)
        e.raw = pack.compress(e.data) + pack.flush()
    if e.name == b"ronl.elf":
        e.method = zipmake.STORE
open("in.orc", "wb").write(zipmake.pack(entries))
PY
    ens set-sig --sign-data s.signdata -o out.orc in.orc s.sig "$PUB"
    ok
    bundle_holds out.orc "$MRENCLAVE" "$SIGNER"
    "$PYTHON" - <<'PY'
import struct, zipfile
def raw(path):
    data, out = open(path, "rb").read(), {}
    for i in zipfile.ZipFile(path).infolist():
        n, x = struct.unpack_from("<HH", data, i.header_offset + 26)
        at = i.header_offset + 30 + n + x
        out[i.filename] = (i.compress_type, data[at:at + i.compress_size])
    return out
a, b = raw("in.orc"), raw("out.orc")
for name in ("noise.txt", "ronl.elf", "ronl.sgx"):
    assert a[name] == b[name], name
assert set(b) - set(a) == {"ronl.sgx.sig"}, set(b) ^ set(a)
PY
}

@test "the old signature under another name does not stay behind" {
    begin
    enclave e.sgxs
    sigstruct old.css two "$MRENCLAVE"
    "$PYTHON" - <<'PY'
import mkbundle
b = mkbundle.Bundle()
entry = b.add_component("ronl", mkbundle.tiny_elf(), open("e.sgxs", "rb").read())
b.files["app.sig"] = open("old.css", "rb").read()
entry["sgx"]["signature"] = "app.sig"
open("old.orc", "wb").write(b.seal().pack())
PY
    ens set-sig --sign-data s.signdata old.orc s.sig "$PUB"
    ok
    bundle_holds old.orc "$MRENCLAVE" "$SIGNER"
    "$PYTHON" - <<'PY'
import json, zipfile
z = zipfile.ZipFile("old.orc")
m = json.loads(z.read("META-INF/MANIFEST.MF"))
sig = m["components"][0]["sgx"]["signature"]
assert sorted(z.namelist()[1:]) == sorted(m["digests"]), z.namelist()
assert sum(len(z.read(n)) == 1808 for n in z.namelist()) == 1, z.namelist()
assert len(z.read(sig)) == 1808
PY
}

@test "the other component is not touched" {
    begin
    enclave e.sgxs
    other_enclave o.sgxs
    sigstruct o.css two "$(sha256 o.sgxs)"
    "$PYTHON" - <<'PY'
import mkbundle
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf(), open("e.sgxs", "rb").read())
b.add_component("rofl.app", mkbundle.tiny_elf(), open("o.sgxs", "rb").read(), open("o.css", "rb").read())
open("two.orc", "wb").write(b.seal().pack())
PY
    ens set-sig --sign-data s.signdata two.orc s.sig "$PUB"
    ok
    accepted bundle --written two.orc
    ens extract --component ronl -o ronl.css two.orc
    ok
    ens extract --component rofl.app -o app.css two.orc
    ok
    same app.css o.css
    [ "$(field ronl.css enclavehash)" = "$MRENCLAVE" ]
    ens set-sig --component rofl.app --sign-data s.signdata two.orc s.sig "$PUB"
    refused 65 'ENCLAVEHASH|MRENCLAVE'
}

# ---- nothing is signed by accident ----

@test "without signature and key nothing is signed" {
    begin
    for command in set-sig sgx-set-sig; do
        ens "$command" b.orc
        refused 64
        ens "$command" b.orc '' ''
        refused_either 64 66
        as_before
        ens "$command"
        refused 64
        ens "$command" b.orc s.sig
        refused_either 64 65
    done
    as_before
}

@test "--ephemeral-key signs with a fresh key each time, loudly" {
    begin
    ens set-sig --ephemeral-key --date 20240229 -o one.orc b.orc
    ok
    warned 'ephemeral|thrown away|throw-away'
    ens set-sig --ephemeral-key --date 20240229 --quiet -o two.orc b.orc
    ok
    warned 'ephemeral|thrown away|throw-away'
    accepted bundle --written --mrenclave "$MRENCLAVE" one.orc
    accepted bundle --written --mrenclave "$MRENCLAVE" two.orc
    ens extract -o one.css one.orc
    ok
    ens extract -o two.css two.orc
    ok
    [ "$(field one.css modulus)" != "$(field two.css modulus)" ]
    cmp <(head -c 128 one.css) <(head -c 128 two.css)
    as_before
    files b.orc one.css one.orc s.sig s.signdata two.css two.orc
}

@test "--ephemeral-key with a signature or a key is a usage error" {
    begin
    ens set-sig --ephemeral-key b.orc s.sig "$PUB"
    refused 64
    ens set-sig --ephemeral-key b.orc s.sig
    refused 64
}

@test "a finished SIGSTRUCT needs no key, and another one than its own is refused" {
    begin
    sigstruct s.css one "$MRENCLAVE"
    ens set-sig b.orc s.css "$BATS_FILE_TMPDIR/two.pem.pub"
    refused_either 64 65
    ens set-sig b.orc s.css
    ok
}

# ---- what does not fit ----

@test "sign-data of another enclave is refused, and the field is named" {
    begin
    sign_data o.signdata "${MRENCLAVE//[0-9]/a}"
    pem_sign "$KEY" o.signdata o.sig
    ens set-sig --sign-data o.signdata b.orc o.sig "$PUB"
    refused 65 'ENCLAVEHASH|MRENCLAVE'
    as_before
}

@test "a finished SIGSTRUCT of another enclave is refused" {
    begin
    sigstruct o.css one "${MRENCLAVE//[0-9]/a}"
    ens set-sig b.orc o.css
    refused 65 'ENCLAVEHASH|MRENCLAVE'
    as_before
}

@test "a finished SIGSTRUCT with one wrong byte is refused, wherever it is" {
    begin
    sigstruct good.css one "$MRENCLAVE"
    for offset in 0 17 20 40 44 128 300 512 516 700 899 900 908 912 928 944 960 992 1008 1024 1026 \
        1028 1040 1200 1423 1424 1807; do
        cp good.css bad.css
        poke bad.css "$offset" "$(printf %02x $((0x$(xxd -s "$offset" -l 1 -p bad.css) ^ 0x10)))"
        ens set-sig b.orc bad.css
        refused 65
    done
    as_before
    ens set-sig b.orc good.css
    ok
}

# misfit REGEX: s.sig as it is now is refused, and the reason is this.
misfit() {
    ens set-sig --sign-data s.signdata b.orc s.sig "$PUB"
    refused 65 "$1"
    ens set-sig --date 20240229 b.orc s.sig "$PUB"
    refused 65 "$1"
    as_before
}

@test "diagnosis: the bare digest was signed, without DigestInfo" {
    begin
    openssl dgst -sha256 -binary -out d s.signdata
    openssl pkeyutl -sign -inkey "$KEY" -in d -out s.sig
    misfit 'DigestInfo'
}

@test "diagnosis: another hash" {
    for hash in sha1:SHA-?1 sha224:SHA-?224 sha384:SHA-?384 sha512:SHA-?512; do
        begin
        openssl dgst "-${hash%:*}" -sign "$KEY" -out s.sig s.signdata
        misfit "${hash#*:}"
    done
}

@test "diagnosis: the digest was hashed once more" {
    begin
    openssl dgst -sha256 -binary -out d s.signdata
    openssl dgst -sha256 -sign "$KEY" -out s.sig d
    misfit 'sign-data|twice|digest'
}

@test "diagnosis: PSS padding" {
    begin
    openssl dgst -sha256 -sign "$KEY" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
        -out s.sig s.signdata
    misfit 'PSS'
}

@test "diagnosis: bytes in reverse order" {
    begin
    "$PYTHON" -c '
s = open("s.sig", "rb").read()
open("s.sig", "wb").write(s[::-1])'
    misfit 'revers|byte order|little-endian'
}

@test "diagnosis: hex text" {
    begin
    xxd -p -c 384 s.sig >hex
    cp hex s.sig
    misfit '\bhex'
    xxd -p s.sig >/dev/null
    tr 'a-f' 'A-F' <hex >s.sig
    misfit '\bhex'
}

@test "diagnosis: base64 text" {
    begin
    base64 -w 0 s.sig >one
    base64 s.sig >lines
    cp one s.sig
    misfit 'base64'
    cp lines s.sig
    misfit 'base64'
}

@test "diagnosis: a signature over other sign-data" {
    begin
    sign_data o.signdata "$MRENCLAVE" isvsvn=1
    pem_sign "$KEY" o.signdata s.sig
    misfit 'other sign-data|sign-data'
}

@test "diagnosis: another key" {
    begin
    pem_sign "$BATS_FILE_TMPDIR/two.pem" s.signdata s.sig
    misfit 'key'
}

@test "diagnosis: every cause has its own words" {
    begin
    openssl dgst -sha256 -binary -out d s.signdata
    openssl pkeyutl -sign -inkey "$KEY" -in d -out 1.sig
    openssl dgst -sha512 -sign "$KEY" -out 2.sig s.signdata
    openssl dgst -sha256 -sign "$KEY" -sigopt rsa_padding_mode:pss -out 3.sig s.signdata
    "$PYTHON" -c 'open("4.sig", "wb").write(open("s.sig", "rb").read()[::-1])'
    xxd -p s.sig >5.sig
    base64 s.sig >6.sig
    sign_data o "$MRENCLAVE" isvsvn=1
    pem_sign "$KEY" o 7.sig
    pem_sign "$BATS_FILE_TMPDIR/two.pem" s.signdata 8.sig
    for n in 1 2 3 4 5 6 7 8; do
        cp "$n.sig" x.sig
        ens set-sig --sign-data s.signdata b.orc x.sig "$PUB"
        refused 65
        errors >>"$BATS_TEST_TMPDIR/lines"
        rm x.sig
    done
    [ "$(sort -u "$BATS_TEST_TMPDIR/lines" | wc -l)" -eq 8 ]
}

@test "a signature of a wrong size, zero, or not below the modulus is refused" {
    begin
    cp s.sig good.sig
    : >s.sig
    misfit 'bytes|empty'
    head -c 383 good.sig >s.sig
    misfit '.'
    (cat good.sig && printf '\n') >s.sig
    misfit '38[45]'
    head -c 384 /dev/zero >s.sig
    misfit '.'
    head -c 384 /dev/zero | tr '\0' '\377' >s.sig
    misfit '.'
    "$PYTHON" -c '
import testkey
s = int.from_bytes(open("good.sig", "rb").read(), "big") + testkey.modulus("one")
raw = s.to_bytes(385, "big")
open("s.sig", "wb").write(raw[1:] if raw[0] == 0 else raw)'
    misfit '.'
}

@test "a key that no enclave can be signed with is refused" {
    begin
    openssl genrsa -3 -out small.pem 2048 2>/dev/null
    openssl genrsa -out f4.pem 3072 2>/dev/null
    openssl ecparam -genkey -name prime256v1 -noout -out ec.pem
    for key in small f4 ec; do
        openssl pkey -in $key.pem -pubout -out $key.pub
        ens set-sig --sign-data s.signdata b.orc s.sig $key.pub
        refused 65 $key.pub
    done
    : >empty.pub
    echo text >text.pub
    (echo '-----BEGIN PUBLIC KEY-----' && echo '-----END PUBLIC KEY-----') >hollow.pub
    for key in empty text hollow; do
        ens set-sig --sign-data s.signdata b.orc s.sig $key.pub
        refused 65 $key.pub
    done
    as_before
}

@test "a private key in the place of the public one is refused" {
    begin
    cp "$KEY" private.pem
    ens set-sig --sign-data s.signdata b.orc s.sig private.pem
    refused 65 private
}

@test "sign-data that is not exactly that is refused" {
    begin
    head -c 255 s.signdata >short
    (cat s.signdata && printf x) >long
    cp s.signdata reserved
    poke reserved 100 01
    : >empty
    for file in short long reserved empty; do
        ens set-sig --sign-data "$file" b.orc s.sig "$PUB"
        refused 65 "$file"
    done
    as_before
}

@test "unusual sign-data needs --allow-unusual in set-sig too" {
    begin
    sign_data odd.signdata "$MRENCLAVE" attributes=5
    pem_sign "$KEY" odd.signdata odd.sig
    ens set-sig --sign-data odd.signdata b.orc odd.sig "$PUB"
    refused 65 INIT
    as_before
}
