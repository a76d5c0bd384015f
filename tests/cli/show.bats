#!/usr/bin/env bats
# show and extract: every artifact is recognised by its content, said in text and in JSON, and a
# hostile name cannot write to the terminal.

load helpers

# in_json VALUE...: $OUT is one JSON document, keys in snake_case (but for file names in digests),
# and holds each value somewhere, as a string or a number.
in_json() {
    "$PYTHON" - "$OUT" "$@" <<'PY'
import json, re, sys
def pairs(items):
    keys = [k for k, _ in items]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    return dict(items)
text = open(sys.argv[1], encoding="utf-8").read()
found = set()
def walk(value, where=""):
    if isinstance(value, dict):
        for k, v in value.items():
            if where != "digests":
                assert re.fullmatch(r"[a-z][a-z0-9_]*", k), f"key {k!r} is not snake_case"
            walk(v, k)
    elif isinstance(value, list):
        for v in value:
            walk(v)
    else:
        found.add(str(value))
document = json.loads(text, object_pairs_hook=pairs)
assert isinstance(document, dict), "not an object"
walk(document)
for value in sys.argv[2:]:
    assert value in found, f"{value!r} is nowhere in {text}"
PY
}

# The vectors of quorum, or the test is skipped.
quorum_vectors() {
    QUORUM=${ENSIGN_SHARED:-$ROOT/../shared}/quorum/vectors
    [ -e "$QUORUM/index.json" ] && return
    [ "${ENSIGN_REQUIRE_SHARED:-0}" != 1 ] || fail "$QUORUM is required, and is not there"
    skip "no $QUORUM"
}

@test "a card of a quorum: name, key and its words; changed or of another kind it is refused" {
    cp "$ROOT/tests/fuzz/corpus/quorum/card-whole" dan.card
    local program
    for program in "$ENSIGN" "$ENSIGN-offline"; do
        ENSIGN=$program ens show dan.card
        ok
        prints "^Card +dan.card$"
        prints "^Name +Dan O'Hara-2$"
        prints '^Key +RSA-2048, OAEP SHA-256$'
        prints '^Fingerprint +[0-9a-f]{64}$'
        prints '^  4( [A-Za-z]+){8}$'
        ENSIGN=$program ens show --json dan.card
        in_json quorum-card 2048 sha256 "Dan O'Hara-2"
    done
    sed 's/Dan/Din/' dan.card >changed.card
    ens show changed.card
    refused 65 'changed.card: sha256: does not fit: the file was changed or damaged on its way$'
    sed 's/quorum card/quorum bard/' dan.card >bard
    ens show bard
    refused 65 'bard: is no file of a quorum that this version knows$'
    ens sign --yes --key pkcs11:object=x dan.card
    refused 65 'dan.card: is a file of a quorum, not sign-data: run ensign show on it$'
}

@test "the seven files of a quorum: whose they are, and nothing that is sealed" {
    quorum_vectors
    local id=46c74e027238aea8c035a780406ff0499fab8848760a019008e1c40660c43187 case=$QUORUM/2of3-safe
    ens show "$case/quorum.pub"
    prints '^Threshold +2 of 3, epoch 0$'
    prints "^Quorum id +$id$"
    prints '^  1 cubic retraction drifter '
    prints '^Holder 2 +Bob$'
    ens show --json "$case/quorum.pub"
    in_json quorum-public "$id" Bob 'Carol (legal)'
    ens show "$case/2.share"
    prints '^Holder +2: Bob$'
    prints '^Seal +rsa2048-oaep-sha1$'
    prints '^Holder 3 +Carol \(legal\)$'
    ens show --json "$case/2.share"
    in_json quorum-share "$id" rsa2048-oaep-sha1
    ens show "$case/1-any.partial"
    prints '^Says holder +1$'
    prints '^  1 surmount bravado '
    ens show --json "$case/1-any.partial"
    in_json quorum-partial "$id"
    ens show "$case/2-to-1.repair"
    prints '^From holder +2$'
    prints '^To holder +1$'
    ens show --json "$case/2-to-1.repair"
    in_json quorum-repair "$id"
    ens show "$case/1-for-2.delta"
    prints '^Serial +5d5584aa8dd4f99c2f7a69b95cae99c5$'
    prints '^Holder 1 +Alice II$'
    ens show --json "$case/1-for-2.delta"
    in_json quorum-delta "$id" 'Alice II'
    ens show "$QUORUM/holders/1.identity"
    prints '^Passphrase +scrypt 15 8 1$'
    ens show --json "$QUORUM/holders/1.identity"
    in_json quorum-identity 'scrypt 15 8 1'
}

@test "a bundle: every line that orc show prints, in orc's order" {
    enclave e.sgxs
    sigstruct s.css one "$MRENCLAVE" isvprodid=5 isvsvn=12 attributes=0x14 miscselect=1
    test_key one one.pem
    bundle b.orc --sig s.css --name demo --version 1.2.3
    ens show b.orc
    ok
    digest() { openssl dgst -sha512-256 -r "$1" | cut -d' ' -f1; }
    unpack b.orc ronl.elf ronl.elf
    cat >lines <<END
Bundle:         b.orc
Name:           demo
Runtime ID:     8000000000000000000000000000000000000000000000000000000000000001
Version:        1.2.3
Components:
- ronl
  Executable:     ronl.elf
  TEE kind:       sgx
  SGXS:           ronl.sgx
  SGXS MRENCLAVE: $MRENCLAVE
  SGXS signature: ronl.sgx.sig
  SGXS SIGSTRUCT:
    Build date:       2024-02-29 00:00:00 +0000 UTC
    MiscSelect:       00000001
    MiscSelect mask:  FFFFFFFF
    Attributes flags: 0000000000000014
      - 64-bit mode
      - provision key
    Attributes XFRM:  0000000000000003
    Attributes mask:  FFFFFFFFFFFFFFFD FFFFFFFFFFFFFFFC
    MRENCLAVE:        $MRENCLAVE
    MRSIGNER:         $(mrsigner one.pem.pub)
    ISV product ID:   5
    ISV SVN:          12
Digests:
  ronl.elf => $(digest ronl.elf)
  ronl.sgx => $(digest e.sgxs)
  ronl.sgx.sig => $(digest s.css)
END
    # Each line of orc's is there, and in this order; what else is said may stand between.
    "$PYTHON" - "$OUT" <<'PY'
import sys
have = [line.rstrip() for line in open(sys.argv[1])]
at = 0
for line in open("lines"):
    line = line.rstrip()
    try:
        at = have.index(line, at) + 1
    except ValueError:
        sys.exit(f"{line!r} is not there, or not in orc's order, in:\n" + "\n".join(have))
PY
}

@test "a bundle: what orc does not say" {
    sigstruct s.css one "$MRENCLAVE"
    bundle b.orc --sig s.css
    hash=$("$PYTHON" "$INTEROP/check.py" bundle --json b.orc 2>/dev/null |
        "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["manifest_hash"])')
    ens show b.orc
    ok
    prints "$hash"
    grep -Eiq 'debug' "$OUT" "$ERR"
}

@test "a bundle as JSON" {
    sigstruct s.css one "$MRENCLAVE" isvprodid=5 isvsvn=12
    test_key one one.pem
    bundle b.orc --sig s.css --name demo --component ronl --component rofl.app
    ens show --json b.orc
    ok
    in_json demo "$MRENCLAVE" "$(mrsigner one.pem.pub)" 5 12 \
        8000000000000000000000000000000000000000000000000000000000000001
    hash=$("$PYTHON" "$INTEROP/check.py" bundle --json b.orc 2>/dev/null |
        "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["manifest_hash"])')
    in_json "$hash"
    cp "$OUT" first
    ens show --json b.orc
    same "$OUT" first
}

@test "an unsigned and a legacy bundle" {
    bundle b.orc
    ens show b.orc
    ok
    prints '  SGXS signature: \[UNSIGNED\]'
    ens show --json b.orc
    ok
    in_json "$MRENCLAVE"
    bundle l.orc --legacy
    ens show l.orc
    ok
    prints '^- ronl \[legacy\]$'
}

@test "a signature in a bundle that is for another enclave or is broken is refused" {
    sigstruct o.css one "${MRENCLAVE//[0-9]/a}"
    bundle b.orc --sig o.css
    ens show b.orc
    refused 65 'ENCLAVEHASH|MRENCLAVE'
    sigstruct o.css one "$MRENCLAVE"
    poke o.css 600 "$(printf %02x $((0x$(xxd -s 600 -l 1 -p o.css) ^ 1)))"
    bundle c.orc --sig o.css
    ens show c.orc
    refused 65 'sig'
}

@test "a stream" {
    enclave e.sgxs
    ens show e.sgxs
    ok
    prints "$MRENCLAVE"
    ens show --json e.sgxs
    ok
    in_json "$MRENCLAVE"
}

@test "a SIGSTRUCT" {
    test_key one one.pem
    sigstruct s.css one "$MRENCLAVE" isvprodid=4711 isvsvn=815
    ens show s.css
    ok
    prints "$MRENCLAVE"
    prints "$(mrsigner one.pem.pub)"
    prints '2024-02-29'
    prints '\b4711\b'
    prints '\b815\b'
    ens show --json s.css
    ok
    in_json "$MRENCLAVE" "$(mrsigner one.pem.pub)" 4711 815
}

@test "a SIGSTRUCT that no CPU accepts is shown with what is wrong" {
    sigstruct s.css one "$MRENCLAVE"
    poke s.css 1040 "$(printf %02x $((0x$(xxd -s 1040 -l 1 -p s.css) ^ 1)))"
    ens show s.css
    cat "$OUT" "$ERR" | grep -q Q1
    ens show --json s.css
    in_json "$MRENCLAVE"
}

@test "sign-data, with the digest in hex" {
    sign_data s.signdata "$MRENCLAVE" isvprodid=4711 isvsvn=815
    ens show s.signdata
    ok
    prints "$MRENCLAVE"
    prints '2024-02-29'
    prints '\b4711\b'
    prints '\b815\b'
    prints_hex "$(sha256 s.signdata)"
    ens show --json s.signdata
    ok
    in_json "$MRENCLAVE" "$(sha256 s.signdata)" 4711 815
}

@test "a public key, with its MRSIGNER" {
    test_key one one.pem
    ens show one.pem.pub
    ok
    prints "$(mrsigner one.pem.pub)"
    ens show --json one.pem.pub
    ok
    in_json "$(mrsigner one.pem.pub)"
}

@test "an artifact is recognised by its content, not its name" {
    enclave picture.jpg
    ens show picture.jpg
    ok
    prints "$MRENCLAVE"
    sign_data release.orc "$MRENCLAVE"
    ens show release.orc
    ok
    prints_hex "$(sha256 release.orc)"
    bundle notes.txt
    ens show notes.txt
    ok
    prints '^Bundle: +notes\.txt$'
}

@test "what is not an artifact is refused with 65" {
    : >empty
    printf 'hello\n' >text
    head -c 4096 /dev/urandom >noise
    head -c 1808 /dev/zero >zeros
    head -c 256 /dev/zero >zeros256
    printf 'PK\003\004' >stub
    for file in empty text noise zeros zeros256 stub; do
        ens show "$file"
        refused 65 "$file"
        ens show --json "$file"
        refused 65 "$file"
    done
}

# hostile_names OUT.orc [ENTRY]: a bundle whose names and unknown values, and an ENTRY's name, hold
# what moves a terminal.
hostile_names() {
    enclave e.sgxs
    "$PYTHON" - "$@" <<'PY'
import sys
import mkbundle
evil = "x\x1b]0;owned\x07\x1b[31mred\r\nBundle: forged\u202egnorw\u009b2J\x7f"
b = mkbundle.Bundle(evil)
b.add_component("ronl", mkbundle.tiny_elf(), open("e.sgxs", "rb").read())
for name in sys.argv[2:]:
    b.files[name] = b"1"
b.manifest["x-unknown"] = {evil: evil}
open(sys.argv[1], "wb").write(b.seal().pack())
PY
}

@test "a hostile name does not reach the terminal" {
    hostile_names evil.orc
    for command in 'show evil.orc' 'gen-sign-data -o out evil.orc' \
        'gen-sign-data --component rofl.none -o out evil.orc'; do
        rm -f out
        # shellcheck disable=SC2086
        ens $command
        if [[ $command = *none* ]]; then
            refused 65 'rofl\.none'
        else
            ok
        fi
        if [ "$command" = 'show evil.orc' ]; then
            plain "$OUT"
            prints "$MRENCLAVE"
            prints '^Name: .*owned'
        fi
        plain "$ERR"
        # Neither as C1 controls nor as bidirectional marks, raw or in UTF-8.
        not grep -qP '\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' "$ERR" "$OUT"
        not grep -qx 'Bundle: forged.*' "$OUT"
    done
}

@test "a hostile name of an entry is refused, and does not reach the terminal" {
    for name in $'f\033[2Jile.bin' $'new\nensign: line' $'c1\xc2\x9b2J' $'del\x7f'; do
        hostile_names evil.orc "$name"
        ens show evil.orc
        refused 65 'evil\.orc'
        not grep -qP '\xc2[\x80-\x9f]' "$ERR"
    done
}

@test "a hostile name in JSON is escaped, and still itself" {
    hostile_names evil.orc
    ens show --json evil.orc
    ok
    plain "$OUT"
    "$PYTHON" -c '
import json, sys
assert json.load(open(sys.argv[1]))["name"].startswith("x\x1b]0;owned\x07\x1b[31mred\r\n")' "$OUT"
}

# ---- extract ----

@test "extract gives the SIGSTRUCT out of a bundle and a bare file, byte for byte" {
    sigstruct s.css one "$MRENCLAVE"
    bundle b.orc --sig s.css
    bundle l.orc --legacy --sig s.css
    for file in b.orc l.orc s.css; do
        ens extract --force -o out "$file"
        ok
        same out s.css
        ens extract "$file"
        ok
        same "$OUT" s.css
    done
}

@test "extract --sign-data gives the 256 signed bytes" {
    sigstruct s.css one "$MRENCLAVE"
    sign_data expected "$MRENCLAVE"
    bundle b.orc --sig s.css
    for file in b.orc s.css; do
        ens extract --sign-data --force -o out "$file"
        ok
        same out expected
    done
}

@test "extract --component chooses" {
    enclave e.sgxs
    other_enclave o.sgxs
    sigstruct e.css one "$MRENCLAVE"
    sigstruct o.css two "$(sha256 o.sgxs)"
    "$PYTHON" - <<'PY'
import mkbundle
read = lambda name: open(name, "rb").read()
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf(), read("e.sgxs"), read("e.css"))
b.add_component("rofl.app", mkbundle.tiny_elf(), read("o.sgxs"), read("o.css"))
open("b.orc", "wb").write(b.seal().pack())
PY
    ens extract --component rofl.app -o app b.orc
    ok
    same app o.css
    ens extract --component ronl -o ronl b.orc
    ok
    same ronl e.css
    ens extract --component rofl.none -o none b.orc
    refused 65 'rofl\.none'
}

@test "extract from what is not signed is refused" {
    bundle b.orc
    enclave e.sgxs
    head -c 1807 /dev/zero >short
    for file in b.orc e.sgxs short; do
        ens extract -o out "$file"
        refused 65 "$file"
        ens extract --sign-data -o out "$file"
        refused 65 "$file"
    done
}

@test "the published SIGSTRUCTs are judged as their table says" {
    need_shared
    "$PYTHON" -c '
import json, sys
for name, case in json.load(open(sys.argv[1])).items():
    print(name, "bad" if case["errors"] else "good")' "$DATA/sigstruct/expected.json" \
        >"$BATS_TEST_TMPDIR/cases"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/cases")" -ge 53 ]
    good=0
    while read -r name verdict; do
        measured=$(xxd -s 960 -l 32 -p -c 64 "$DATA/sigstruct/$name.sig")
        ens show --json "$DATA/sigstruct/$name.sig"
        if [ "$verdict" = good ]; then
            ok
            in_json "$measured"
            good=$((good + 1))
        else
            # Shown with every error, or refused: never shown as if it were good.
            [ "$status" -eq 65 ] || {
                exits 0
                "$PYTHON" - "$OUT" <<'PY'
import json, sys
def lists(v, k=""):
    if isinstance(v, dict):
        return any(lists(x, n) for n, x in v.items())
    if isinstance(v, list):
        return ("error" in k and len(v) > 0) or any(lists(x, k) for x in v)
    return False
sys.exit(not lists(json.load(open(sys.argv[1]))))
PY
            }
        fi
    done <"$BATS_TEST_TMPDIR/cases"
    [ "$good" -ge 20 ]
}

@test "--json: the places of an ELF file have the same keys, whatever is absent" {
    local name
    for name in oe-0.4.signed ego.signed ego.unsigned oe-0.13.unsigned oe-0.19.unsigned oe-0.19.signed intel-3.3.signed.so; do
        cp "$ROOT/tests/vectors/containers/$name" elf
        ens show --json elf
        ok
        "$PYTHON" - "$OUT" <<'PY' || fail "$name"
import json, sys
for place in json.load(open(sys.argv[1]))["places"]:
    assert set(place) == {"name", "offset", "launch", "second_signature", "config", "fields", "sigstruct", "stream",
                          "errors", "warnings"}, place
    assert place["stream"] is None or "problem" in place["stream"], place
PY
    done
    bundle unsigned.orc
    ens show --json unsigned.orc
    ok
    "$PYTHON" -c '
import json, sys
sgx = json.load(open(sys.argv[1]))["components"][0]["sgx"]
assert sgx["sigstruct"] is None and sgx["stream"]["problem"] is None, sgx' "$OUT"
}

@test "show names a transcript, and what prints it" {
    printf 'ensign transcript 1, record 1\n' >k.transcript
    ens show k.transcript
    refused 65 'k.transcript: is a transcript: run ensign transcript k.transcript$'
}

# ---- the screens ----

# at_80 FILE: show at a terminal of 80 columns.
at_80() {
    SIZE='24 80' tty_ens -- show "$1"
    exits 0
}

@test "screen 6.1: below what orc prints stands what it does not say, and MRENCLAVE no second time" {
    local hash fields='attributes=4 attributes_mask=0xffffffffffffffff'
    # shellcheck disable=SC2086
    sigstruct s.css one "$MRENCLAVE" $fields
    bundle app.orc --sig s.css --name app --version 1.4.0
    ens show app.orc
    ok
    hash=$(sed -n 's/^Manifest hash: *//p' "$OUT")
    [ "${#hash}" -eq 64 ]
    [ "$(grep -c "$MRENCLAVE" "$OUT")" -eq 2 ]
    sed '/^Manifest hash/,$d' "$OUT" >lines
    SIZE='24 80' tty_ens -- show app.orc
    # orc's lines are as on a pipe, the one of 82 columns as well.
    same <(tr -d '\r' <"$OUT" | sed '/^Manifest hash/,$d') lines
    sed -i '/SGXS MRENCLAVE: \|^  .* => /d; /^    MRENCLAVE: \|^    MRSIGNER: /d' "$OUT"
    shows <<END
Manifest hash:
  $(in_eights "$hash")
Verdict
  ronl            verifies: signature, MRENCLAVE and all rules of the CPU
  MRENCLAVE       measured from ronl.sgx: the same
  Enclave         16 KiB, 4 pages (1 TCS), 64 chunks measured, 0 not
  DEBUG           off, enforced
  KSS, CET        not used
  Dangers         none
END
    sigstruct k.css one "$MRENCLAVE" attributes=0x84 isvfamilyid=000102030405060708090a0b0c0d0e0f
    bundle kss.orc --sig k.css
    ens show kss.orc
    ok
    prints '^  DEBUG           off, NOT enforced$'
    prints '^  KSS             used$'
    prints '^  ISVFAMILYID     000102030405060708090a0b0c0d0e0f$'
    prints '^  Dangers         1: DEBUG not enforced$'
    bundle unsigned.orc
    ens show unsigned.orc
    ok
    prints '^  ronl            not signed yet$'
    ens show --json kss.orc
    ok
    "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert (d["kind"], d["format"], d["file"]) == ("bundle", 1, "kss.orc"), d
assert d["verdicts"] == [{"component": "ronl", "verdict": "verifies: signature, MRENCLAVE and all rules of the CPU",
                          "dangers": ["DEBUG not enforced"]}], d["verdicts"]' "$OUT"
}

@test "screen 6.2: of an Intel SDK ELF file the verdict and the dangers come first" {
    need_shared
    cp "$DATA/intel-sdk-sample/enclave.signed.so" .
    at_80 enclave.signed.so
    shows <<'END'
Intel SDK ELF   enclave.signed.so
Verdict         signature verifies, and MRENCLAVE is what the file measures to
Dangers         2: DEBUG not enforced; public sample key
MRENCLAVE
  8bbb10b2 2ea000d8 6c108692 025aebba 18c69b33 61a1c2d9 a127be03 7e1f6d16
MRSIGNER        Intel's SDK samples: everybody can sign with this key
  83d719e7 7deaca14 70f6baf6 2a4d7743 03c899db 69020f9c 70ee1dfc 08c7ce9e
ISVPRODID       0
ISVSVN          0
DATE            2020-03-09
ATTRIBUTES      0000000000000004  MODE64BIT
  mask          fffffffffffffffd  not enforced: DEBUG
XFRM            0000000000000003  x87 SSE
  mask          ffffffffffffff1b  AVX and AVX-512 left to the host, as usual
MISCSELECT      00000000  none
  mask          ffffffff  enforced
Loader asks     ATTRIBUTES 0x4, XFRM 0xe7, MISCSELECT 0x0
Enclave         16 MiB, 983 pages (10 TCS), 11632 chunks measured, 4096 not
Metadata        2.4 at 0x2ea31, 2.1 at 0x2fd71, 1.4 at 0x310b1:
                the same SIGSTRUCT and the same enclave in all 3
END
    # A file whose copies differ does not hold, and says so first.
    poke enclave.signed.so $((0x2fd71 + 1026)) 07
    at_80 enclave.signed.so
    tr -d '\r' <"$OUT" | sed -n 2p | grep -qx 'Verdict         does not hold: [0-9]* errors*'
    prints '^error: metadata 2.1 holds another SIGSTRUCT'
    prints '^ +not the same in all 3; of the first is what stands here'
}

@test "screen 6.3: sign-data, and the words under the SHA-256 that is signed" {
    sign_data app.signdata "$MRENCLAVE" isvprodid=5 isvsvn=12 date=0x20261128 attributes_mask=0xffffffffffffffff
    at_80 app.signdata
    shows <<END
Sign-data       app.signdata, 256 bytes, not signed yet
Dangers         none
MRENCLAVE
  $(in_eights "$MRENCLAVE")
ISVPRODID       5
ISVSVN          12
DATE            2026-11-28
ATTRIBUTES      0000000000000004  MODE64BIT
  mask          ffffffffffffffff  enforced
XFRM            0000000000000003  x87 SSE
  mask          fffffffffffffffc  x87 and SSE left to the host, as usual
MISCSELECT      00000000  none
  mask          ffffffff  enforced
SHA-256 to be signed
  $(in_eights "$(sha256 app.signdata)")
(words)
END
    # On a pipe a digest is one run behind its label.
    ens show app.signdata
    ok
    prints "^MRENCLAVE       $MRENCLAVE$"
    prints "^SHA-256 to be signed $(sha256 app.signdata)$"
}

@test "show of sign-data: what only --allow-unusual signs has its name and its sentence, as in the review" {
    local name fields
    sign_data vendor.signdata "$MRENCLAVE" vendor=1
    ens show vendor.signdata
    ok
    prints '^Dangers         2: DEBUG not enforced; VENDOR refused by EINIT \(--allow-unusual\)$'
    prints '^! VENDOR: 0x1 is refused by EINIT$'
    sign_data intel.signdata "$MRENCLAVE" vendor=0x8086
    ens show intel.signdata
    ok
    prints '^Dangers         1: DEBUG not enforced$'
    while IFS='|' read -r name fields; do
        # shellcheck disable=SC2086
        sign_data odd.signdata "$MRENCLAVE" $fields
        ens show odd.signdata
        ok
        grep -q "^Dangers .*$name (--allow-unusual)" "$OUT" || fail "$name: $(cat "$OUT")"
        grep -Eq '^(!|error:) ' "$OUT" || fail "$name: $(cat "$OUT")"
        ens show --json odd.signdata
        ok
        "$PYTHON" -c 'import json, sys
assert sys.argv[2] + " (--allow-unusual)" in json.load(open(sys.argv[1]))["dangers"]' "$OUT" "$name"
    done < <(unusual_fields)
}

@test "every document of show begins with kind and format, and names its file" {
    enclave e.sgxs
    sigstruct s.css one "$MRENCLAVE"
    sign_data s.signdata "$MRENCLAVE"
    test_key one one.pem
    bundle b.orc
    pem_sign one.pem s.signdata s.sig
    openssl dgst -sha256 -binary s.signdata >s.digest
    policy p 'isvsvn any'
    cp "$ROOT/tests/vectors/containers/oe-0.19.signed" elf
    for pair in e.sgxs:sgxs s.css:sigstruct s.signdata:sign-data one.pem.pub:public-key b.orc:bundle s.sig:signature \
        s.digest:digest p:policy elf:open-enclave-elf; do
        ens show --json "${pair%:*}"
        ok
        [ "$(sed -n '2,4p' "$OUT")" = "$(printf '  "kind": "%s",\n  "format": 1,\n  "file": "%s",' "${pair#*:}" "${pair%:*}")" ] ||
            fail "$(cat "$OUT")"
        SIZE='24 80' tty_ens -- show "${pair%:*}"
        exits 0
        not grep -qEx '.{81,}' <(tr -d '\r' <"$OUT" | grep -vE '[0-9a-f]{64}')
    done
}

@test "a large file of no kind is named first, and with the kinds there are" {
    head -c 100000 /dev/zero >zeros
    ens show zeros
    refused 65 '^ensign: zeros: no-header: is not a bundle, .*, policy, approvers, revoked or armour: it has 4096 or more bytes$'
}

@test "show of several sign-data is one table, and the block that sign and check have as well" {
    local n all
    for n in 1 2 3; do
        sign_data "app$n.signdata" "$MRENCLAVE" isvprodid="$n" isvsvn=12 attributes_mask=0xffffffffffffffff
    done
    sign_data app2.signdata "$MRENCLAVE" isvprodid=2 isvsvn=12
    all=$(for n in 1 2 3; do sha256 "app$n.signdata"; done | sort | xxd -r -p | sha256sum | cut -d' ' -f1)
    SIZE='24 80' tty_ens -- show app1.signdata app2.signdata app3.signdata
    exits 0
    shows <<END
  All 3 together
  $(in_eights "$all")
(words)
END
    tr -d '\r' <"$OUT" | grep -q '^3 sign-data, all with$'
    tr -d '\r' <"$OUT" | grep -q '^  ! 2 app2.signdata .*  DEBUG open$'
    tr -d '\r' <"$OUT" | sed -n '/All 3 together/,$p' >block
    # What all have in common is more than a line.
    SIZE='24 80' tty_ens -- show app1.signdata app3.signdata
    tr -d '\r' <"$OUT" | grep -q 'DEBUG off, enforced'
    [ "$(tr -d '\r' <"$OUT" | wc -L)" -le 80 ] || fail "$(cat "$OUT")"
    policy p 'isvprodid any'
    tty_ens -- check --policy p app3.signdata app1.signdata app2.signdata
    tr -d '\r' <"$OUT" | sed -n '/All 3 together/,/^  4 /p' >checked
    same block checked
    rm block checked
    ens show --json app3.signdata app2.signdata app1.signdata
    ok
    "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert (d["kind"], d["format"], d["set_digest"]) == ("review", 1, sys.argv[2]), d
assert [i["isvprodid"] for i in d["items"]] == [3, 2, 1] and d["items"][0]["debug"] == "off-enforced", d
assert [i["dangers"] for i in d["items"]] == [[], ["DEBUG not enforced"], []], d' "$OUT" "$all"
    bundle b.orc
    ens show app1.signdata b.orc
    usage 'b.orc: is a bundle, .* must be sign-data'
    head -c 256 /dev/zero >zeros
    ens show app1.signdata zeros
    refused 65 '^ensign: zeros: '
}
