# matrix.bash: what every token must do, as one function per case; softhsm.bats, opencryptoki.bats and nss.bats
# call them. Such a file sets PACKAGES (what it needs), PKCS11 (its module), LABEL (its token's), ARGS (options
# of ensign for that module) and defines make_token, drop_token and use_token; see softhsm.bats.
# pkcs11-tool and the counting of calls go through the forwarding module.
# shellcheck shell=bash disable=SC2154,SC2034,SC2153,SC2119,SC2120

# need_packages: skips by name where one is not installed; where tokens are required that is a failure.
need_packages() {
    local package
    for package in "${PACKAGES[@]}"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ] || continue
        cannot "$package is not installed: run scripts/setup tokens"
    done
}

# cannot REASON: this file's token is not to be had here.
cannot() {
    [ "${ENSIGN_REQUIRE_TOKENS:-0}" != 1 ] || fail "required, but: $1"
    skip "$1"
}

have_packages() {
    dpkg-query -W -f='${db:Status-Status}\n' "${PACKAGES[@]}" 2>/dev/null | not grep -qvx installed &&
        dpkg-query -W "${PACKAGES[@]}" >/dev/null 2>&1
}

setup_file() {
    have_packages || return 0
    pin_file
    (umask 077 && echo 000000 >"$BATS_FILE_TMPDIR/wrong")
    make_token || return
    [ ! -e "$BATS_FILE_TMPDIR/cannot" ] || return 0
    cd "$BATS_FILE_TMPDIR" || return
    use_token
    test_key one one.pem
    test_key two two.pem
    put one.pem release 01
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata expected.sig
    batch_data
}

teardown_file() {
    drop_token
}

# f01.signdata to f20.signdata, which differ in ISVSVN.
batch_data() {
    "$PYTHON" - good.signdata <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
for n in range(1, 21):
    # ISVSVN is at byte 1026 of a SIGSTRUCT, 254 of its sign-data.
    data[254:256] = n.to_bytes(2, "little")
    open("f%02d.signdata" % n, "wb").write(data)
PY
}

# Every test begins with this.
begin() {
    need_packages
    need_fault
    [ ! -e "$BATS_FILE_TMPDIR/cannot" ] || cannot "$(cat "$BATS_FILE_TMPDIR/cannot")"
    use_token
    TOKEN=pkcs11:token=${LABEL// /%20}
    PINFILE=$BATS_FILE_TMPDIR/pin
    ONE=$BATS_FILE_TMPDIR/one.pem
    TWO=$BATS_FILE_TMPDIR/two.pem
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
}

# p11 ARG...: pkcs11-tool on the token.
p11() {
    ENSIGN_FAULT_LOG='' pkcs11-tool --module "$FAULT" --token-label "$LABEL" --login --pin "$PIN" "$@" \
        >"$BATS_FILE_TMPDIR/p11.log" 2>&1 || fail "pkcs11-tool $*" "$(cat "$BATS_FILE_TMPDIR/p11.log")"
}

# put_private KEY.pem LABEL ID [OPTION...]
put_private() {
    p11 --write-object "$1" --type privkey --label "$2" --id "$3" --usage-sign "${@:4}"
}

# put KEY.pem LABEL ID: both halves.
put() {
    put_private "$@"
    p11 --write-object "$1.pub" --type pubkey --label "$2" --id "$3"
}

# tok COMMAND ARG...: ensign with the token's module (FAULTS: through the forwarding module, so that calls
# are counted), its arguments and its PIN.
tok() {
    : >"$FAULT_LOG"
    local words=("$1")
    shift
    if [ "${words[0]}" = quorum ]; then
        words+=("$1")
        shift
    fi
    ENSIGN_FAULT=${FAULTS-} ens "${words[@]}" --module "${MODULE:-$FAULT}" "${ARGS[@]}" \
        --pin-source "file:${PINFILE}" "$@"
}

# signs URI KEY.pem: the key of that URI signs, as openssl would with KEY.pem.
signs() {
    tok sign --key "$1" --yes --force -o out.sig s.signdata
    ok
    pem_sign "$2" s.signdata want.sig
    same out.sig want.sig
    called C_Login 1
}

# candidates: the URIs in the error line, one a line.
candidates() {
    grep -o "'pkcs11:[^']*'" "$ERR" | tr -d "'" | tail -n +2 | LC_ALL=C sort -u
}

batch() {
    tok sign --key "$TOKEN;object=release" --yes --out-dir out "$@" "$BATS_FILE_TMPDIR"/f??.signdata
}

batch_is_complete() {
    local n
    [ "$(find out -type f | wc -l)" -eq 20 ]
    for n in 01 07 13 20; do
        pem_sign "$ONE" "$BATS_FILE_TMPDIR/f$n.signdata" want.sig
        same "out/f$n.sig" want.sig
    done
}

# ---- the cases ----

matrix_generate() {
    begin
    tok keygen --token "$TOKEN" --label fresh --pubkey P.pem
    ok
    called C_Login 1
    called C_GenerateKeyPair 1
    openssl rsa -pubin -in P.pem -noout -text | grep -q 'Exponent: 3 (0x3)'
    tok sign --key "$(cat "$OUT")" --yes -o out.sig s.signdata
    ok
    openssl dgst -sha256 -verify P.pem -signature out.sig s.signdata
    tok keys --token "$TOKEN" --json
    ok
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
keys = json.load(open(sys.argv[1]))["tokens"][0]["keys"]
key, = [k for k in keys if k["label"] == "fresh"]
claims = key["token_claims"]
assert key["can_sign_enclaves"] and key["exponent"] == 3 and key["modulus_bits"] == 3072, key
assert claims["sensitive"] == claims["never_extractable"] == claims["local"] == "yes", claims
assert claims["extractable"] == claims["decrypt"] == claims["unwrap"] == "no", claims
assert key["id"] == key["mrsigner"][:40], key
PY
}

# matrix_enroll HASH: a sealing key is made and opens what openssl seals; its card says HASH.
matrix_enroll() {
    begin
    tok quorum enroll --name Holder --token "$TOKEN" --label sealing --id 5ea1 -o x.card
    ok
    called C_GenerateKeyPair 1
    [ "$(sed -n 3p x.card)" = "oaep: $1" ] || fail "$(sed -n 3p x.card)"
    tok destroy-key --key "$TOKEN;object=sealing"
    refused 77 'no terminal'
    if "$PYTHON" -c 'import os; os.openpty()' 2>/dev/null; then
        tty_ens 'Type its name' sealing -- destroy-key --module "$FAULT" "${ARGS[@]}" --pin-source "file:$PINFILE" \
            --key "$TOKEN;object=sealing"
        exits 0
        prints 'both halves are gone'
    else
        p11 --delete-object --type privkey --label sealing
        p11 --delete-object --type pubkey --label sealing
    fi
}

# A token that makes no key with e = 3 is told apart from one that fails, and nothing is left behind.
matrix_generate_refused() {
    begin
    tok keys --token "$TOKEN"
    ok
    cp "$OUT" "$BATS_TEST_TMPDIR/keys"
    tok keygen --token "$TOKEN" --label fresh --pubkey P.pem
    refused 82 'public exponent 3' 'import a key'
    called C_GenerateKeyPair 1
    tok keys --token "$TOKEN"
    ok
    same "$OUT" "$BATS_TEST_TMPDIR/keys"
}

matrix_sign() {
    begin
    tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
    ok
    same out.sig "$BATS_FILE_TMPDIR/expected.sig"
    openssl dgst -sha256 -verify "$ONE.pub" -signature out.sig s.signdata
    says "$(mrsigner "$ONE.pub")"
    called C_Login 1
    called C_Sign 1
    called C_CloseSession "$(calls C_OpenSession)"
    called C_Finalize 1
}

# The module itself, with nothing between.
matrix_sign_directly() {
    begin
    for uri in "$TOKEN;object=release" "$TOKEN;id=%01" "$TOKEN;object=release;id=%01;type=private"; do
        MODULE=$PKCS11 tok sign --key "$uri" --yes --force -o out.sig s.signdata
        ok
        same out.sig "$BATS_FILE_TMPDIR/expected.sig"
    done
    MODULE=$PKCS11 tok pubkey --key "$TOKEN;object=release" -o P.pem
    ok
    openssl rsa -pubin -in P.pem -outform DER -out a.der 2>/dev/null
    openssl rsa -pubin -in "$ONE.pub" -outform DER -out b.der 2>/dev/null
    same a.der b.der
}

matrix_sha256() {
    begin
    tok sign --key "$TOKEN;object=release" --yes --mechanism sha256-rsa-pkcs -o out.sig s.signdata
    ok
    same out.sig "$BATS_FILE_TMPDIR/expected.sig"
}

matrix_sha256_refused() {
    begin
    tok sign --key "$TOKEN;object=release" --yes --mechanism sha256-rsa-pkcs -o out.sig s.signdata
    refused 82 'CKM_SHA256_RSA_PKCS' 'mechanism rsa-pkcs'
    called C_Sign 0
}

matrix_batch() {
    begin
    mkdir out
    batch
    ok
    called C_Login 1
    called C_Sign 20
    batch_is_complete
    batch
    ok
    called C_Sign 0
    rm out/f13.sig
    batch
    ok
    called C_Login 1
    called C_Sign 1
    batch_is_complete
}

matrix_batch_fails() {
    begin
    mkdir out
    FAULTS=failat=7:0x30 batch
    exits 85
    [ "$(errors | wc -l)" -eq 1 ]
    errors | grep 'f07\.signdata'
    [ "$(ls out)" = "$(printf 'f%02d.sig\n' 1 2 3 4 5 6)" ]
    called C_Sign 7
    called C_Finalize 1
    batch
    ok
    called C_Login 1
    called C_Sign 14
    batch_is_complete
}

matrix_wrong_pin() {
    begin
    PINFILE=$BATS_FILE_TMPDIR/wrong tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
    refused 83 'PIN'
    called C_Login 1
    called C_SignInit 0
    called C_Finalize 1
    not grep -q 000000 "$ERR"
    # And the right one clears what the token counted.
    tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
    ok
    called C_Login 1
}

matrix_always_authenticate() {
    begin
    put_private "$TWO" asks a0 --always-auth
    tok sign --key "$TOKEN;object=asks" --yes -o out.sig s.signdata
    ok
    openssl dgst -sha256 -verify "$TWO.pub" -signature out.sig s.signdata
    called C_Login 2
    # A batch announces what will be asked, and asks for each signature.
    mkdir many
    tok sign --key "$TOKEN;object=asks" --yes --out-dir many "$BATS_FILE_TMPDIR"/f0[1-3].signdata
    ok
    says '3 more times|three more times'
    called C_Login 4
    called C_Sign 3
}

matrix_no_public_object() {
    begin
    put_private "$TWO" private b0
    signs "$TOKEN;object=private" "$TWO"
    tok pubkey --key "$TOKEN;object=private"
    ok
    openssl rsa -pubin -in "$OUT" -noout -modulus >a
    openssl rsa -pubin -in "$TWO.pub" -noout -modulus >b
    same a b
}

matrix_duplicate_label() {
    local uri n=0
    begin
    put "$ONE" twin c1
    put "$TWO" twin c2
    tok sign --key "$TOKEN;object=twin" --yes -o out.sig s.signdata
    refused 81 twin
    called C_Sign 0
    candidates >uris
    [ "$(wc -l <uris)" -eq 2 ] || fail "candidates:" "$(cat uris)"
    while read -r uri; do
        tok sign --key "$uri" --yes -o "$((n += 1)).sig" s.signdata
        ok
    done <uris
    pem_sign "$ONE" s.signdata one.want
    pem_sign "$TWO" s.signdata two.want
    same 1.sig one.want
    same 2.sig two.want
}

matrix_duplicate_id() {
    begin
    put_private "$ONE" left d0
    put_private "$TWO" right d0
    tok sign --key "$TOKEN;id=%D0" --yes -o out.sig s.signdata
    refused 81
    called C_Sign 0
    candidates | grep -q 'object=left'
    candidates | grep -q 'object=right'
    signs "$TOKEN;object=left" "$ONE"
    signs "$TOKEN;object=right" "$TWO"
}

# A token on which the second key takes the place of the first: what is left signs as what it is.
matrix_id_replaces() {
    begin
    put_private "$ONE" left d0
    put_private "$TWO" right d0
    tok sign --key "$TOKEN;id=%D0" --yes --mrsigner "$(mrsigner "$ONE.pub")" -o out.sig s.signdata
    refused 77 MRSIGNER
    tok sign --key "$TOKEN;id=%D0" --yes --mrsigner "$(mrsigner "$TWO.pub")" -o out.sig s.signdata
    ok
    openssl dgst -sha256 -verify "$TWO.pub" -signature out.sig s.signdata
}

matrix_in_use() {
    begin
    tok keygen --token "$TOKEN" --label release
    refused 81 release
    called C_GenerateKeyPair 0
    tok keygen --token "$TOKEN" --label another --id 01
    refused 81 '\bid\b'
    called C_GenerateKeyPair 0
    signs "$TOKEN;object=release" "$ONE"
}

matrix_foreign_keys() {
    begin
    openssl ecparam -name prime256v1 -genkey -noout -out curve.pem
    put_private curve.pem curve e0
    signs "$TOKEN;object=release" "$ONE"
    tok keys --token "$TOKEN"
    ok
    prints 'object=release'
    prints 'object=curve'
    prints 'not an RSA key'
    tok sign --key "$TOKEN;object=curve" --yes -o two.sig s.signdata
    refused 82 'not an RSA key'
    called C_SignInit 0
}

# keys prints URIs that can be pasted; each key that it calls able signs, and the others are refused.
matrix_keys() {
    local uri able
    begin
    tok keys --token "$TOKEN" --json
    ok
    "$PYTHON" - "$OUT" >list <<'PY'
import json, sys
for key in json.load(open(sys.argv[1]))["tokens"][0]["keys"]:
    print(key["uri"], 1 if key["can_sign_enclaves"] else 0)
PY
    [ -s list ]
    while read -r uri able; do
        tok sign --key "$uri" --yes --force -o out.sig s.signdata
        exits "$([ "$able" = 1 ] && echo 0 || echo 82)"
    done <list
}

# Two tokens have one label: neither is guessed, and a pasted URI finds each.
same_label_is_refused() {
    local uri signed=0
    tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
    refused 81
    called C_Login 0
    candidates >uris
    [ "$(wc -l <uris)" -eq 2 ] || fail "candidates:" "$(cat uris)"
    while read -r uri; do
        tok sign --key "$uri" --yes --force -o out.sig s.signdata
        [ "$status" -eq 0 ] || { exits 80; continue; }
        same out.sig "$BATS_FILE_TMPDIR/expected.sig"
        signed=$((signed + 1))
    done <uris
    [ "$signed" -eq 1 ]
}
