#!/usr/bin/env bats
# keygen, pubkey and keys: a key of the right kind is made inside the token, found again, and judged.

load helpers

fixtures() {
    token ensign other
    test_key one one.pem
    openssl genrsa -3 -out small.pem 2048 2>/dev/null
    openssl genrsa -out f4.pem 3072 2>/dev/null
    import one.pem good 01
    import small.pem small 04
    import f4.pem f4 05
    pkcs11-tool --module "$SOFTHSM" --token-label ensign -l --pin "$PIN" --write-object one.pem \
        --type privkey --id 07 --label loose --usage-sign --extractable >/dev/null 2>&1
}

# Each test has its own copy of the tokens: keygen must not meet the keys of another test.
begin() {
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/tokens"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/tokens|" "$BATS_FILE_TMPDIR/softhsm2.conf" \
        >"$BATS_TEST_TMPDIR/conf"
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf
    export ENSIGN_PKCS11_MODULE=$SOFTHSM
    PINFILE=$BATS_FILE_TMPDIR/pin
}

objects() {
    pkcs11-tool --module "$SOFTHSM" --token-label ensign -l --pin "$PIN" -O 2>/dev/null
}

keygen() {
    ens keygen --token pkcs11:token=ensign --pin-source "file:$PINFILE" "$@"
}

@test "keygen makes RSA-3072 with e = 3, and openssl reads the public key" {
    begin
    keygen --label release --pubkey P.pem
    ok
    not grep -v '^pkcs11:' "$OUT"
    openssl rsa -pubin -in P.pem -noout -text >text
    grep -q '3072 bit' text
    grep -q 'Exponent: 3 (0x3)' text
    grep -q '^-----BEGIN PUBLIC KEY-----$' P.pem
    says "$(mrsigner P.pem)"
    files P.pem text
}

@test "the generated key is private, sensitive, never extractable and local" {
    begin
    keygen --label release
    ok
    objects | sed -n '/^Private Key Object/,/^Public/p' >all
    "$PYTHON" - <<'PY'
import re
blocks = re.split(r"(?m)^(?=\w[\w ]*Object)", open("all").read())
mine = [b for b in blocks if b.startswith("Private Key") and re.search(r"label: +release\n", b)]
assert len(mine) == 1, blocks
access = re.search(r"Access: +(.*)", mine[0]).group(1)
for word in ("sensitive", "always sensitive", "never extractable", "local"):
    assert word in access, access
usage = re.search(r"Usage: +(.*)", mine[0]).group(1)
assert usage.strip() == "sign", usage
PY
}

@test "the generated key signs, and its two halves carry the same id and label" {
    begin
    keygen --label release --id a1b2 --pubkey P.pem
    ok
    [ "$(objects | grep -c 'ID: *a1b2')" -eq 2 ]
    [ "$(objects | grep -c 'label: *release')" -eq 2 ]
    sign_data s.signdata "$MRENCLAVE"
    ens sign --key 'pkcs11:token=ensign;id=%A1%B2' --pin-source "file:$PINFILE" --yes -o s.sig s.signdata
    ok
    openssl dgst -sha256 -verify P.pem -signature s.sig s.signdata
}

@test "two generated keys differ, and have ids of their own" {
    begin
    keygen --label first --pubkey one.pem
    ok
    keygen --label second --pubkey two.pem
    ok
    not cmp -s one.pem two.pem
    ids=$(objects | grep -A1 -E 'label: *(first|second)' | grep -o 'ID: .*' | sort -u | wc -l)
    [ "$ids" -eq 2 ]
}

@test "a label or an id in use is 81, and no key is made" {
    begin
    before_keys=$(objects)
    keygen --label good --pubkey P.pem
    refused 81 good
    keygen --label new --id 01 --pubkey P.pem
    refused 81 '\bid\b'
    [ "$(objects)" = "$before_keys" ]
    keygen --label good --id 99
    refused 81 good
    [ "$(objects)" = "$before_keys" ]
}

@test "a public key file that exists is kept, and no key is made" {
    begin
    before_keys=$(objects)
    echo precious >P.pem
    keygen --label release --pubkey P.pem
    refused 73 P.pem
    [ "$(objects)" = "$before_keys" ]
    keygen --label release --pubkey nosuch/P.pem
    refused 73
    [ "$(objects)" = "$before_keys" ]
}

@test "keygen on a token that is not there, or on one of several, is 80 or 81" {
    begin
    ens keygen --token pkcs11:token=none --label release --pin-source "file:$PINFILE"
    refused 80 none
    says 'pkcs11:[^ ]*token=ensign'
    ens keygen --token 'pkcs11:model=SoftHSM%20v2' --label release --pin-source "file:$PINFILE"
    refused 81
    says 'pkcs11:[^ ]*token=ensign'
    says 'pkcs11:[^ ]*token=other'
}

@test "keygen with a wrong PIN is 83 after one C_Login" {
    begin
    need_fault
    (umask 077 && echo 000000 >"$BATS_TEST_TMPDIR/wrong")
    ens keygen --token pkcs11:token=ensign --label release --module "$FAULT" \
        --pin-source "file:$BATS_TEST_TMPDIR/wrong" --pubkey P.pem
    refused 83 PIN
    called C_Login 1
    called C_GenerateKeyPair 0
}

@test "a token that cannot make e = 3 keys is 82 or 85, and no file is written" {
    begin
    need_fault
    ENSIGN_FAULT=C_GenerateKeyPair=0x13 keygen --label release --module "$FAULT" --pubkey P.pem
    refused_either 82 85
    ENSIGN_FAULT=C_GenerateKeyPair=0x30 keygen --label release --module "$FAULT" --pubkey P.pem
    refused 85
}

@test "a generated key that does not sign rightly is not accepted" {
    begin
    need_fault
    for breaks in flip short zero; do
        ENSIGN_FAULT=$breaks keygen --label "release-$breaks" --module "$FAULT" --pubkey P.pem
        refused 86
    done
    ENSIGN_FAULT=C_SignInit=0x30 keygen --label release --module "$FAULT" --pubkey P.pem
    refused 85
}

@test "an odd number of hex digits, or none, is not an id" {
    begin
    for id in '' a abc xyz 0x01; do
        keygen --label release --id "$id"
        refused 64 '\bid\b'
    done
    keygen --label ''
    refused 64 label
}

@test "pubkey writes what openssl has, and says MRSIGNER" {
    begin
    ens pubkey --key 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE" -o P.pem
    ok
    cmp <(openssl rsa -pubin -in P.pem -outform DER 2>/dev/null) \
        <(openssl rsa -pubin -in "$BATS_FILE_TMPDIR/one.pem.pub" -outform DER 2>/dev/null)
    says "$(mrsigner P.pem)"
    ens pubkey --key 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE"
    ok
    same "$OUT" P.pem
}

@test "pubkey keeps an existing file, and needs exactly one key" {
    begin
    echo precious >P.pem
    ens pubkey --key 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE" -o P.pem
    refused 73 P.pem
    ens pubkey --key 'pkcs11:token=ensign;object=none' --pin-source "file:$PINFILE" -o Q.pem
    refused 80 none
    ens pubkey --key 'pkcs11:token=ensign' --pin-source "file:$PINFILE" -o Q.pem
    refused 81
}

@test "keys lists every token and key, and says which can sign an enclave and why not" {
    begin
    ens keys --token pkcs11:token=ensign --pin-source "file:$PINFILE"
    ok
    prints 'ensign'
    for label in good small f4 loose; do
        prints "object=$label|$label"
    done
    prints '2048'
    prints '65537'
    grep -Eiq 'extractable' "$OUT"
    not grep -q 'token=other' "$OUT"
    ens keys --pin-source "file:$PINFILE" --token pkcs11:token=other
    ok
    not grep -Eq 'object=good' "$OUT"
}

@test "a key that is extractable and not sensitive is said to be both, by keys and by sign" {
    begin
    need_fault
    local both='extractable: the private key may leave the token; not sensitive: the private key may be read'
    ENSIGN_FAULT=setattr=0x103:00:3 ens keys --module "$FAULT" --token pkcs11:token=ensign --pin-source "file:$PINFILE"
    ok
    grep -A4 'object=loose' "$OUT" | grep -q "warning: $both" || fail "$(cat "$OUT")"
    ENSIGN_FAULT=setattr=0x103:00:3 ens keys --json --module "$FAULT" --token pkcs11:token=ensign --pin-source "file:$PINFILE"
    grep -q "\"warning\": *\"$both\"" "$OUT" || fail "$(cat "$OUT")"
    sign_data s.signdata "$MRENCLAVE"
    ENSIGN_FAULT=setattr=0x103:00:3 ens sign --module "$FAULT" --yes --key 'pkcs11:token=ensign;object=loose' --pin-source "file:$PINFILE" -o s.sig s.signdata
    ok
    warned "object=loose': $both"
    ens sign --yes --key 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE" -o t.sig s.signdata
    ok
    not_warned 'leave the token'
    # A token that makes such a key is told what it did.
    ENSIGN_FAULT=setattr=0x103:00,setattr=0x162:01 ens keygen --token pkcs11:token=ensign --pin-source "file:$PINFILE" \
        --label new --module "$FAULT"
    exits 82
    says 'can leave the token \((extractable, not sensitive|extractable|not sensitive)\)'
}

@test "keys --require: several tokens are a no, and a no has its document" {
    begin
    for uri in 'pkcs11:token=ensign;object=small' 'pkcs11:token=ensign' 'pkcs11:token=none;object=good' 'pkcs11:'; do
        ens keys --json --pin-source "file:$PINFILE" --require "$uri"
        exits 1
        "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert d["required"] is False and d["reason"] and isinstance(d["tokens"], list), d' "$OUT"
        ens keys --pin-source "file:$PINFILE" --require "$uri"
        refused 1
    done
    ens keys --json --pin-source "file:$PINFILE" --require 'pkcs11:token=ensign;object=good'
    ok
    "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert d["required"] is True and d["reason"] is None, d' "$OUT"
    softhsm2-util --init-token --free --label ensign --so-pin 87654321 --pin "$PIN" >/dev/null
    ens keys --pin-source "file:$PINFILE" --require 'pkcs11:token=ensign;object=good'
    refused 1 '2 tokens match'
}

@test "the candidates of 80 and 81 keep what was said of the key" {
    begin
    softhsm2-util --init-token --free --label ensign --so-pin 87654321 --pin "$PIN" >/dev/null
    ens pubkey --key 'pkcs11:token=ensign;object=good;id=%01;type=private' --pin-source "file:$PINFILE" -o a.pem
    refused 81
    for uri in $(errors | grep -o "'pkcs11:[^']*serial[^']*'"; grep -o "^ *'pkcs11:[^']*'" "$ERR"); do
        [[ $uri = *";object=good;id=%01;type=private'" ]] || fail "$uri"
    done
    [ "$(grep -o "pkcs11:[^']*serial[^']*object=good" "$ERR" | wc -l)" -eq 2 ]
    ens pubkey --key 'pkcs11:token=otherr;object=none' --pin-source "file:$PINFILE" -o a.pem
    refused 80 "did you mean 'pkcs11:token=other;serial=[^']*;object=none'"
    # Of a token alone nothing is added.
    ens keygen --token pkcs11:token=ensign --label x --pin-source "file:$PINFILE"
    refused 81
    not grep -q object= "$ERR"
}

@test "keys lists the tokens without a PIN" {
    begin
    ens keys
    ok
    prints ensign
    prints other
}

# only TOKEN: of the two, this one is left.
only() {
    local label
    for label in ensign other; do
        [ "$label" = "$1" ] || softhsm2-util --delete-token --token "$label" >/dev/null
    done
    serial=$(pkcs11-tool --module "$SOFTHSM" -L 2>/dev/null | sed -n 's/^ *serial num *: *//p' | head -n 1)
}

@test "screen 5.1: keygen says what it made, its identity in groups and words, and what comes next" {
    begin
    only other
    SIZE='24 80' tty_ens 'PIN of token other: ' "$PIN" -- keygen --token pkcs11:token=other --label release --pubkey release.pem
    exits 0
    shows <<END
Made the key release in token other (SoftHSM v2, serial $serial).
  RSA-3072, public exponent 3; the token claims: made inside, sensitive,
  never extractable. A test signature verifies.
  MRSIGNER, the identity of everything that this key signs:
  $(in_eights "$(mrsigner release.pem)")
(words)
release.pem: the public key. Next: publish MRSIGNER; make a backup.
pkcs11:token=other;serial=$serial;object=release
END
    # For scripts the URI alone on stdout, and the value on its label's line.
    ens keygen --token pkcs11:token=other --label second --pin-source "file:$PINFILE"
    ok
    [ "$(cat "$OUT")" = "pkcs11:token=other;serial=$serial;object=second" ]
    says '^  MRSIGNER [0-9a-f]{64}$'
    says '^Next: publish MRSIGNER; make a backup\.$'
    ens keygen --token pkcs11:token=other --label third --pin-source "file:$PINFILE" --quiet
    ok
    [ ! -s "$ERR" ]
}

@test "screen 5.2: keys without a login lists the token, and asks for nothing" {
    begin
    need_fault
    only ensign
    SIZE='24 80' tty_ens -- keys --module "$FAULT"
    exits 0
    shows <<END
Token ensign  SoftHSM v2, SoftHSM project, serial $serial
  Log in to see private keys: ensign keys --login
END
    called C_Login 0
    ens keys --json --module "$FAULT"
    ok
    "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert d["kind"] == "keys" and d["format"] == 1, d
token, = d["tokens"]
assert token["logged_in"] is False and token["keys"] == [], token' "$OUT"
    called C_Login 0
    # A PIN that is given is one to log in with, as before there was --login.
    ens keys --module "$FAULT" --pin-source "file:$PINFILE"
    ok
    prints 'object=good'
    called C_Login 1
    ens keys --module "$FAULT" --token "pkcs11:token=ensign?pin-source=file:$PINFILE"
    ok
    prints 'object=good'
    called C_Login 2
}

@test "screen 5.2: keys --login says of each key whether it signs enclaves, and what the token claims" {
    local good
    begin
    only ensign
    good=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    SIZE='24 80' tty_ens 'PIN of token ensign: ' "$PIN" -- keys --login
    exits 0
    shows <<END
Token ensign  SoftHSM v2, SoftHSM project, serial $serial
  LABEL  SIGNS ENCLAVES  WHY
  f4     no              exponent 65537: enclaves need 3
  good   yes
  loose  yes
  small  no              RSA-2048: enclaves need RSA-3072
f4
  'pkcs11:token=ensign;serial=$serial;object=f4'
good   MRSIGNER $(short "$good")
  'pkcs11:token=ensign;serial=$serial;object=good'
  claims: imported, sensitive, not extractable; decrypt allowed; unwrap allowed
loose  MRSIGNER $(short "$good")
  'pkcs11:token=ensign;serial=$serial;object=loose'
  claims: imported, sensitive, extractable; decrypt allowed; unwrap allowed
  warning: extractable: the private key may leave the token
small
  'pkcs11:token=ensign;serial=$serial;object=small'
END
    ens keys --login --pin-source "file:$PINFILE"
    ok
    prints "^good   MRSIGNER $good$"
    ens keys --login
    refused 66 'no terminal' '--pin-source'
}

@test "keys: among several tokens a login must name one, and none is tried" {
    begin
    need_fault
    ens keys --module "$FAULT" --pin-source "file:$PINFILE"
    ok
    prints "^  'pkcs11:token=ensign;serial=[0-9a-f]*'$"
    prints "^  'pkcs11:token=other;serial=[0-9a-f]*'$"
    prints '^  Log in to see private keys: ensign keys --login --token URI$'
    not grep -q object= "$OUT"
    ens keys --module "$FAULT" --pin-source "file:$PINFILE" --login
    refused 81 token=ensign token=other
    called C_Login 0
    ens keys --module "$FAULT" --pin-source "file:$PINFILE" --login --token pkcs11:token=ensign
    ok
    prints object=good
    called C_Login 1
    ens keys --module "$FAULT" --token pkcs11:token=none
    refused 80 token=ensign
}

@test "keys --json is one document that says the same" {
    begin
    ens keys --json --token pkcs11:token=ensign --pin-source "file:$PINFILE"
    ok
    "$PYTHON" - "$OUT" <<'PY'
import json, re, sys
document = json.load(open(sys.argv[1]))
strings, keys = [], []
def walk(v):
    if isinstance(v, dict):
        keys.extend(v)
        for x in v.values():
            walk(x)
    elif isinstance(v, list):
        for x in v:
            walk(x)
    else:
        strings.append(str(v))
walk(document)
assert all(re.fullmatch(r"[a-z][a-z0-9_]*", k) for k in keys), keys
for label in ("good", "small", "f4", "loose", "ensign"):
    assert label in strings, (label, strings)
assert "True" in strings and "False" in strings, "no verdict on the keys"
PY
}

@test "keys --require is 0 for a key that can sign enclaves, 1 for one that cannot or is not there" {
    begin
    ens keys --pin-source "file:$PINFILE" --require 'pkcs11:token=ensign;object=good'
    ok
    for object in small f4 none; do
        ens keys --pin-source "file:$PINFILE" --require "pkcs11:token=ensign;object=$object"
        exits 1
        unchanged
        cat "$OUT" "$ERR" | grep -q "$object"
    done
    ens keys --pin-source "file:$PINFILE" --require 'pkcs11:token=none;object=good'
    exits 1
}

@test "keys with a module that is not there is 69" {
    begin
    ens keys --module /nosuch.so
    refused 69 nosuch
}

@test "a hostile label does not reach the terminal" {
    begin
    openssl pkcs8 -topk8 -nocrypt -in "$BATS_FILE_TMPDIR/one.pem" -out "$BATS_TEST_TMPDIR/k.p8"
    softhsm2-util --import "$BATS_TEST_TMPDIR/k.p8" --token ensign --id 66 --pin "$PIN" \
        --label $'evil\033[2J\r\nensign: done' >/dev/null
    ens keys --token pkcs11:token=ensign --pin-source "file:$PINFILE"
    ok
    plain "$OUT"
    prints evil
    ens keys --json --token pkcs11:token=ensign --pin-source "file:$PINFILE"
    ok
    plain "$OUT"
    "$PYTHON" -m json.tool "$OUT" >/dev/null
    ens pubkey --key pkcs11:token=ensign --pin-source "file:$PINFILE" -o P.pem
    refused 81
}

@test "keygen: a call that hangs after a slow one is ended in its own time" {
    need_fault
    begin
    ENSIGN_PKCS11_MODULE=$FAULT ENSIGN_FAULT=delay=C_GenerateKeyPair:2200,delay=C_Sign:90000 LIMIT=60 \
        keygen --label release --hsm-timeout 1
    refused 85 'C_Sign took more than 1 s'
}

@test "destroy-key: shown, its label typed, both halves gone, and the record says so" {
    begin
    ens pubkey --key 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE" -o good.pem
    ok
    ens destroy-key --key 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE" --transcript room
    refused 77 'no terminal to type a name at'
    tty_ens 'Type its name' 'goo' 'Type the name' 'yes' 'Type the name' 'GOOD' -- destroy-key \
        --key 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE" --quiet
    exits 77
    prints 'Destroy this key'
    prints "MRSIGNER +$(in_eights "$(mrsigner good.pem)")"
    prints 'its name was not typed'
    objects | grep -q 'label: *good$'
    # A second key of this modulus would keep the MRSIGNER alive, and be told.
    pkcs11-tool --module "$SOFTHSM" --token-label ensign -l --pin "$PIN" --delete-object --type privkey --id 07
    tty_ens 'Type its name' good -- destroy-key --key 'pkcs11:token=ensign;object=good' \
        --pin-source "file:$PINFILE" --transcript room --note 'Alice, Bob'
    exits 0
    prints 'Destroyed the key good in token ensign; read back: both halves are gone'
    not grep -q good <<<"$(objects)"
    grep -qx "destroys: $(mrsigner good.pem) good" room
    grep -qx 'gone: yes' room
    grep -qx 'items: 0' room
    ens transcript room
    ok
    ens keys --require 'pkcs11:token=ensign;object=good' --pin-source "file:$PINFILE"
    exits 1
}

@test "destroy-key: a key of another kind, a key that stays, and no key that only the environment names" {
    begin
    tty_ens 'Type its name' f4 -- destroy-key --key 'pkcs11:token=ensign;object=f4' --pin-source "file:$PINFILE"
    exits 0
    prints 'No key for enclaves: exponent 65537'
    export ENSIGN_FAULT=stays ENSIGN_PKCS11_MODULE=$FAULT
    tty_ens 'Type its name' good -- destroy-key --key 'pkcs11:token=ensign;object=good' \
        --pin-source "file:$PINFILE" --transcript room
    exits 85
    prints 'still has a private key with the modulus of key .good'
    grep -qx 'gone: no' room
    grep -qx 'exit: 85' room
    ENSIGN_KEY='pkcs11:token=ensign;object=good' ens destroy-key --pin-source "file:$PINFILE"
    usage '--key: is missing'
}
