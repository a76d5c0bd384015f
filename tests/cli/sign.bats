#!/usr/bin/env bats
# sign: the stage on the host with the token. A SoftHSM token holds the keys; the forwarding module
# between the two does what no token does on request.

load helpers

fixtures() {
    signing_host other
    test_key two two.pem
    openssl genrsa -3 -out small.pem 2048 2>/dev/null
    openssl genrsa -out f4.pem 3072 2>/dev/null
    import one.pem twin 02
    import two.pem twin 03
    import small.pem small 04
    import f4.pem f4 05
    import two.pem release 01 other
    always_auth two.pem 06
    enclave own-copy.sgxs
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata expected.sig
}

# Each test has the sign-data as s.signdata and the signature it must get beside the directory.
begin() {
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    EXPECTED=$BATS_FILE_TMPDIR/expected.sig
    PUB=$BATS_FILE_TMPDIR/one.pem.pub
    PINFILE=$BATS_FILE_TMPDIR/pin
}

# faulty FAULT CODE REGEX [ARG...]: with this fault the run is refused with this code.
faulty() {
    local breaks=$1 code=$2 regex=$3
    shift 3
    : >"$FAULT_LOG"
    MODULE=$FAULT ENSIGN_FAULT=$breaks sign -o out.sig "$@" s.signdata
    refused "$code" "$regex"
}

@test "the signature is the one openssl makes, 384 bytes, and openssl verifies it" {
    begin
    sign -o out.sig s.signdata
    ok
    size_is out.sig 384
    same out.sig "$EXPECTED"
    openssl dgst -sha256 -verify "$PUB" -signature out.sig s.signdata
    files out.sig s.signdata
}

@test "keygen, sign, openssl verifies" {
    begin
    ens keygen --token pkcs11:token=ensign --label fresh --pubkey P.pem --module "$SOFTHSM" \
        --pin-source "file:$PINFILE"
    ok
    ens sign --key 'pkcs11:token=ensign;object=fresh' --module "$SOFTHSM" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    ok
    openssl dgst -sha256 -verify P.pem -signature out.sig s.signdata
}

@test "two runs give the same bytes, and both mechanisms too" {
    begin
    for mechanism in auto rsa-pkcs sha256-rsa-pkcs; do
        sign --mechanism "$mechanism" -o "$mechanism.sig" s.signdata
        ok
        same "$mechanism.sig" "$EXPECTED"
    done
    sign --mechanism rsa-pss -o out.sig s.signdata
    refused 64 mechanism
}

@test "the signature goes to stdout without -o, and nothing else does" {
    begin
    sign s.signdata
    ok
    same "$OUT" "$EXPECTED"
    sign -o - s.signdata
    ok
    same "$OUT" "$EXPECTED"
    files s.signdata
}

@test "an unsigned SIGSTRUCT of 1808 bytes gives the same signature" {
    begin
    "$PYTHON" -c '
import sgx
open("u.css", "wb").write(sgx.from_sign_data(open("s.signdata", "rb").read()))'
    size_is u.css 1808
    sign -o out.sig u.css
    ok
    same out.sig "$EXPECTED"
}

@test "a review shows what is signed, the digest in hex and as 32 words, and the key" {
    begin
    sign_data s.signdata "$MRENCLAVE" isvprodid=4711 isvsvn=815
    sign -o out.sig s.signdata
    ok
    says "$MRENCLAVE"
    says '2024-?02-?29'
    says '\b4711\b'
    says '\b815\b'
    says_hex "$(sha256 s.signdata)"
    says "$(mrsigner "$PUB")"
    danger debug
}

# with_digest HEX OUT: sign-data whose digest begins with these bytes, found by trying SWDEFINED.
with_digest() {
    "$PYTHON" - "$1" "$2" "$MRENCLAVE" <<'PY'
import hashlib, itertools, sys
data = bytearray(open("s.signdata", "rb").read())
want = bytes.fromhex(sys.argv[1])
for n in itertools.count():
    data[40:44] = n.to_bytes(4, "little")
    if hashlib.sha256(data).digest().startswith(want):
        break
open(sys.argv[2], "wb").write(data)
PY
}

@test "the review reads the digest out in 32 PGP words" {
    begin
    for pair in '00ff:aardvark Yucatan' 'ff00:Zulu adroitness'; do
        with_digest "${pair%%:*}" found
        sign --dry-run found
        ok
        says_hex "$(sha256 found)"
        words=${pair#*:}
        # Rows may be numbered.
        tr -s '[:space:][:digit:]' ' ' <"$ERR" | grep -Eiq "${words/ / +}( +[A-Za-z]+){30}"
    done
}

@test "no terminal and no --yes: 77, and the token is not asked to sign" {
    begin
    ens sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" -o out.sig s.signdata
    refused 77 '--yes'
    called C_Sign 0
    called C_SignInit 0
}

@test "a 32-byte digest is refused with 77 without --blind" {
    begin
    openssl dgst -sha256 -binary -out d s.signdata
    MODULE=$FAULT sign -o out.sig d
    refused 77 '--blind'
    called C_Sign 0
}

@test "a 32-byte digest is signed with --blind, which says what it gives up" {
    begin
    openssl dgst -sha256 -binary -out d s.signdata
    sign --blind -o out.sig d
    ok
    same out.sig "$EXPECTED"
    warned 'blind|review'
    says_hex "$(sha256 s.signdata)"
    sign --blind --mechanism sha256-rsa-pkcs -o out2.sig d
    [ "$status" -eq 0 ] || refused "$status" 'sha256-rsa-pkcs|mechanism'
    [ "$status" -ne 0 ] || same out2.sig "$EXPECTED"
}

@test "--dry-run does everything but C_Sign, and writes nothing" {
    begin
    MODULE=$FAULT sign --dry-run -o out.sig s.signdata
    ok
    called C_Login 1
    called C_Sign 0
    [ ! -s "$OUT" ]
    says_hex "$(sha256 s.signdata)"
    says "$(mrsigner "$PUB")"
    unchanged
}

@test "--dry-run refuses what the run would refuse" {
    begin
    mkdir out
    touch there.sig there.pem out/.ensign-left
    for where in '-o there.sig' '--pubkey there.pem' '-o nosuch/out.sig' '--out-dir nosuch'; do
        for rehearsal in --dry-run ''; do
            # shellcheck disable=SC2086
            sign $rehearsal $where s.signdata
            refused 73 "${where#* }"
        done
    done
    sign --dry-run --force -o there.sig s.signdata
    ok
    sign --dry-run --out-dir out s.signdata
    ok
    size_is there.sig 0
    rm -r out there.sig there.pem
    sign --dry-run --mrsigner "$(printf '0%.0s' {1..64})" s.signdata
    refused 77
    ens sign --key 'pkcs11:token=ensign;object=none' --module "$SOFTHSM" \
        --pin-source "file:$PINFILE" --yes --dry-run s.signdata
    refused 80
}

@test "--mrsigner lets only that key sign" {
    begin
    sign --mrsigner "$(mrsigner "$PUB")" -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
    rm out.sig
    MODULE=$FAULT sign --mrsigner "$(mrsigner "$BATS_FILE_TMPDIR/two.pem.pub")" -o out.sig s.signdata
    refused 77 MRSIGNER
    called C_Sign 0
    for value in '' 00 xyz "$(mrsigner "$PUB")00"; do
        sign --mrsigner "$value" -o out.sig s.signdata
        refused 64 mrsigner
    done
}

@test "input that is not exactly sign-data is refused before the token is touched" {
    begin
    bundle b.orc
    head -c 255 s.signdata >short
    (cat s.signdata && printf x) >long
    head -c 31 s.signdata >n31
    head -c 33 s.signdata >n33
    head -c 1807 /dev/zero >n1807
    head -c 256 /dev/zero >zeros
    head -c 1808 /dev/zero >zeros1808
    : >empty
    for file in short long n31 n33 n1807 zeros zeros1808 empty b.orc; do
        MODULE=$FAULT sign --blind -o out.sig "$file"
        refused 65 "$file"
    done
    called C_Login 0
}

@test "sign-data with a wrong constant or a reserved byte set is refused" {
    begin
    for offset in 0 4 11 12 15 24 30 39 44 127 138 139 220 235; do
        cp "$BATS_FILE_TMPDIR/good.signdata" bad
        poke bad "$offset" a5
        sign -o out.sig bad
        refused 65 bad
    done
    cp "$BATS_FILE_TMPDIR/good.signdata" bad
    poke bad 16 01
    sign -o out.sig bad
    refused 65 VENDOR
}

@test "a date that is none is a danger in the review" {
    begin
    for value in 0 0x20230230 0x070a07e3; do
        sign_data odd "$MRENCLAVE" date=$value
        sign --dry-run odd
        ok
        danger DATE
    done
}

@test "what gen-sign-data refuses, sign refuses again on the bytes, unless --allow-unusual" {
    begin
    for fields in attributes=5 'attributes=0 attributes_mask=0xfffffffffffffffd' \
        'xfrm=1 xfrm_mask=0xffffffffffffffff' 'xfrm=0xb xfrm_mask=0xffffffffffffffff' \
        attributes=0xc isvfamilyid=000102030405060708090a0b0c0d0e0f; do
        # shellcheck disable=SC2086
        sign_data odd "$MRENCLAVE" $fields
        rm -f out.sig
        # MODE64BIT clear and demanded is what --32bit asks for: nothing unusual about it here.
        MODULE=$FAULT sign -o out.sig odd
        [ "$fields" = 'attributes=0 attributes_mask=0xfffffffffffffffd' ] || {
            refused 65 '--allow-unusual'
            called C_Sign 0
        }
        sign --allow-unusual --force -o out.sig odd
        ok
        openssl dgst -sha256 -verify "$PUB" -signature out.sig odd
    done
}

@test "what --allow-unusual lets pass is a danger, and says that it needs it" {
    begin
    unusual_fields | while IFS='|' read -r name fields; do
        # shellcheck disable=SC2086
        sign_data odd "$MRENCLAVE" attributes_mask=0xffffffffffffffff $fields
        sign --allow-unusual --force -o out.sig odd 3<&-
        ok
        grep -q "^Dangers .*$name (--allow-unusual)" "$ERR" || fail "$fields: no danger has the name $name"
    done
    sign_data odd "$MRENCLAVE"
    dd if=/dev/zero of=odd bs=1 seek=188 count=32 conv=notrunc status=none
    sign --allow-unusual --force -o out.sig odd
    ok
    says '^Dangers .*MRENCLAVE missing \(--allow-unusual\)'
    sign_data odd "$MRENCLAVE" attributes=6
    sign --force -o out.sig odd
    ok
    says '^Dangers .*DEBUG set'
}

@test "a known public key warns in the review" {
    need_shared
    begin
    import "$DATA/keys/sig1.key.pem" sig1 a1
    ens sign --key 'pkcs11:token=ensign;object=sig1' --module "$SOFTHSM" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    ok
    danger 'public|known|published'
}

# ---- PIN ----

@test "a wrong PIN is 83, after exactly one C_Login" {
    begin
    (umask 077 && echo 000000 >"$BATS_TEST_TMPDIR/wrong")
    ens sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_TEST_TMPDIR/wrong" --yes \
        -o out.sig s.signdata
    refused 83 PIN
    called C_Login 1
    called C_Sign 0
    not grep -q 000000 "$ERR"
}

@test "a right PIN takes exactly one C_Login, and the session is closed at the end" {
    begin
    MODULE=$FAULT sign -o out.sig s.signdata
    ok
    called C_Login 1
    called C_Sign 1
    called C_Logout 1
    called C_Finalize 1
}

@test "an empty PIN is refused without an attempt" {
    begin
    (umask 077 && : >"$BATS_TEST_TMPDIR/empty" && echo >"$BATS_TEST_TMPDIR/newline")
    for file in empty newline; do
        ens sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_TEST_TMPDIR/$file" \
            --yes -o out.sig s.signdata
        refused_either 65 83 PIN
    done
    called C_Login 0
}

@test "a PIN file that others may read is refused" {
    begin
    for mode in 644 640 604 660 620 602; do
        cp "$PINFILE" "$BATS_TEST_TMPDIR/loose"
        chmod "$mode" "$BATS_TEST_TMPDIR/loose"
        ens sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_TEST_TMPDIR/loose" \
            --yes -o out.sig s.signdata
        refused 65 loose 'mode|0600|permission'
    done
    called C_Login 0
    for mode in 600 400; do
        chmod "$mode" "$BATS_TEST_TMPDIR/loose"
        ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_TEST_TMPDIR/loose" \
            --yes --force -o out.sig s.signdata
        ok
    done
}

@test "a PIN file with or without its newline works" {
    begin
    (umask 077 && printf %s "$PIN" >"$BATS_TEST_TMPDIR/bare")
    ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_TEST_TMPDIR/bare" --yes \
        -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
}

@test "a PIN file that is not there is 66, another source is 64" {
    begin
    ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source file:nosuch --yes -o o s.signdata
    refused 66 nosuch
    for source in "$PIN" env:PIN fd: fd:x fd:-1 ''; do
        ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "$source" --yes -o o s.signdata
        refused 64 pin-source
    done
    ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source file: --yes -o o s.signdata
    refused_either 64 66 'pin-source|file:'
}

@test "the PIN is read from a file descriptor" {
    begin
    ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source fd:9 --yes -o out.sig s.signdata \
        9<<<"$PIN"
    ok
    same out.sig "$EXPECTED"
    STDIN=$PINFILE ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source fd:0 --yes -o two.sig \
        s.signdata
    ok
    same two.sig "$EXPECTED"
    ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source fd:77 --yes -o three.sig s.signdata
    refused_either 66 74 77
}

@test "pin-value in the URI is refused, and not repeated" {
    begin
    ens sign --key "$RELEASE?pin-value=$PIN" --module "$FAULT" --yes -o out.sig s.signdata
    refused 64 pin-value
    not grep -q "$PIN" "$ERR"
    [ ! -s "$FAULT_LOG" ]
}

@test "no PIN source and no terminal: nothing is tried" {
    begin
    ens sign --key "$RELEASE" --module "$FAULT" --yes -o out.sig s.signdata
    [ "$status" -ne 77 ] || refused 77
    [ "$status" -eq 77 ] || refused_either 64 66 'PIN|pin-source|terminal'
    called C_Login 0
}

@test "a locked PIN is 84 without an attempt, and 84 when the token says so at login" {
    begin
    faulty pinlocked 84 lock
    called C_Login 0
    faulty login=0xA4 84 lock
    called C_Login 1
}

@test "the last try is not taken, unless --allow-final-try" {
    begin
    faulty finaltry 84 '--allow-final-try'
    called C_Login 0
    MODULE=$FAULT ENSIGN_FAULT=finaltry sign --allow-final-try -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
}

# ---- key and token ----

@test "no such key: 80, and the error says what the token holds" {
    begin
    ens sign --key 'pkcs11:token=ensign;object=none' --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    refused 80 'object=none|none'
    says 'pkcs11:[^ ]*object=release'
    called C_Sign 0
}

@test "no such token: 80, without a login anywhere" {
    begin
    ens sign --key 'pkcs11:token=none;object=release' --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    refused 80 'none'
    says 'pkcs11:[^ ]*token=ensign'
    called C_Login 0
}

@test "two keys match: 81, and each URI that is listed can be pasted" {
    begin
    ens sign --key 'pkcs11:token=ensign;object=twin' --module "$SOFTHSM" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    refused 81 twin
    grep -o 'pkcs11:[^ ,]*' "$ERR" | sed 's/[,.;)"'"'"']*$//' | grep 'id=' | sort -u >uris
    [ "$(wc -l <uris)" -eq 2 ]
    while read -r uri; do
        ens sign --key "$uri" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes \
            -o "out.$((++n)).sig" s.signdata
        ok
    done <uris
    same "$EXPECTED" out.1.sig || same "$EXPECTED" out.2.sig
    not cmp -s out.1.sig out.2.sig
}

@test "two tokens match: 81, with the candidates" {
    begin
    ens sign --key 'pkcs11:object=release' --module "$FAULT" --pin-source "file:$PINFILE" --yes \
        -o out.sig s.signdata
    refused 81
    says 'pkcs11:[^ ]*token=ensign'
    says 'pkcs11:[^ ]*token=other'
    called C_Sign 0
}

@test "a key is found by its id, by its type, and through percent-encoding" {
    begin
    for uri in 'pkcs11:token=ensign;id=%01' 'pkcs11:token=ensign;id=%01;type=private' \
        'pkcs11:token=%65nsign;object=rel%65ase' 'pkcs11:id=%01;object=release;token=ensign' \
        'pkcs11:token=ensign;object=release;manufacturer=SoftHSM%20project;model=SoftHSM%20v2'; do
        ens sign --key "$uri" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes --force \
            -o out.sig s.signdata
        ok
        same out.sig "$EXPECTED"
    done
}

@test "a URI that is none is a usage error" {
    begin
    for uri in '' release 'token=ensign' 'pkcs11:token=a;token=b' 'pkcs11:id=%0' 'pkcs11:id=%zz' \
        'pkcs11:nonsense=1' 'pkcs11:object=release?module-path=relative.so' \
        'pkcs11:object=release;type=sausage'; do
        ens sign --key "$uri" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes -o out.sig \
            s.signdata
        refused 64
    done
}

@test "a URI of a public key cannot sign" {
    begin
    ens sign --key 'pkcs11:token=ensign;object=release;type=public' --module "$SOFTHSM" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    refused_either 64 80 'type|private'
}

@test "a key of 2048 bits and a key with e = 65537 are 82" {
    begin
    ens sign --key 'pkcs11:token=ensign;object=small' --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    refused 82 2048 3072
    ens sign --key 'pkcs11:token=ensign;object=f4' --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    refused 82 65537 '\b3\b'
    called C_Sign 0
}

@test "a key that always asks for the PIN is given it once more" {
    begin
    ens sign --key 'pkcs11:token=ensign;object=asks' --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    ok
    openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/two.pem.pub" -signature out.sig s.signdata
    called C_Login 2
}

# ---- module ----

@test "the module comes from --module, the URI or the environment, and there is no default" {
    begin
    ens sign --key "$RELEASE?module-path=$SOFTHSM" --allow-module-path --pin-source "file:$PINFILE" --yes \
        -o one s.signdata
    ok
    ENSIGN_PKCS11_MODULE=$SOFTHSM ens sign --key "$RELEASE" --pin-source "file:$PINFILE" --yes \
        -o two s.signdata
    ok
    ENSIGN_PKCS11_MODULE=/nosuch.so ens sign --key "$RELEASE?module-path=/nosuch.so" \
        --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes -o three s.signdata
    ok
    same one "$EXPECTED"
    same two "$EXPECTED"
    same three "$EXPECTED"
    ens sign --key "$RELEASE" --pin-source "file:$PINFILE" --yes -o four s.signdata
    refused_either 64 69 'module'
    says "libsofthsm2\.so"
}

@test "a module that cannot be loaded is 69" {
    begin
    echo 'no library' >text.so
    for module in /nosuch/module.so "$PWD/text.so" /lib/x86_64-linux-gnu/libc.so.6; do
        MODULE=$module sign -o out.sig s.signdata
        refused 69 "$(basename "$module")"
    done
    faulty C_Initialize=0x5 69 C_Initialize
}

@test "--module-args reaches the module" {
    begin
    # SoftHSM takes no arguments, so it is the call that shows: a module that minds is not at hand.
    MODULE=$FAULT sign --module-args "configdir='x'" -o out.sig s.signdata
    [ "$status" -eq 0 ] || refused 69 C_Initialize
    called C_Initialize 1
}

# ---- a token that fails ----

@test "a flipped bit, a short or an all-zero signature is 86, and nothing is written" {
    begin
    for breaks in flip zero short; do
        faulty "$breaks" 86 'verif|384'
        called C_Sign 1
    done
}

@test "a device that fails is 85 at whichever call" {
    begin
    for call in C_SignInit C_Sign C_OpenSession C_FindObjectsInit C_FindObjects C_GetTokenInfo \
        C_GetSlotList; do
        faulty "$call=0x30" 85 "$call|0x0*30|CKR_DEVICE_ERROR"
        called C_Sign "$([ "$call" = C_Sign ] && echo 1 || echo 0)"
    done
    faulty failat=1:0x30 85 'CKR_DEVICE_ERROR|0x0*30'
    faulty login=0x30 85 'CKR_DEVICE_ERROR|0x0*30'
    called C_Login 1
    faulty C_SignInit=0x32 85 'CKR_DEVICE_REMOVED|0x0*32|removed'
}

@test "a token that does not answer in time is 85" {
    begin
    faulty delay=60000 85 'time|answer|second' --hsm-timeout 1
    faulty delay=C_Login:60000 85 'C_Login' --hsm-timeout 1
    faulty delay=C_OpenSession:60000 85 'C_OpenSession' --hsm-timeout 1
}

@test "a signature of 513 bytes is refused without a crash" {
    begin
    faulty longsig 86 '513|384|verif'
}

@test "a token with read-write sessions only, or a single session, signs" {
    begin
    for breaks in needrw maxsess=2; do
        MODULE=$FAULT ENSIGN_FAULT=$breaks sign --force -o out.sig s.signdata
        ok
        same out.sig "$EXPECTED"
    done
    rm out.sig
    faulty opensession=0xE0 85 'C_OpenSession|CKR_TOKEN_NOT_PRESENT|0x0*e0'
    faulty opensession=0xB1 85 'C_OpenSession|CKR_SESSION_COUNT|0x0*b1'
}

@test "an exponent or modulus that cannot be read is never guessed" {
    begin
    # CKA_MODULUS is 0x120, CKA_PUBLIC_EXPONENT 0x122, CKO_PRIVATE_KEY 3.
    MODULE=$FAULT ENSIGN_FAULT=dropattr=0x122:3 sign -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
    rm out.sig
    faulty dropattr=0x120 82 'modulus'
    called C_Sign 0
    faulty setattr=0x122:010001 82 'exponent|65537'
    called C_Sign 0
}

@test "a public key of somebody else under the same id does not mislead" {
    begin
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/mixed"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/mixed|" "$SOFTHSM2_CONF" >"$BATS_TEST_TMPDIR/conf"
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf
    pkcs11-tool --module "$SOFTHSM" --token-label ensign -l --pin "$PIN" --type privkey \
        --write-object "$BATS_FILE_TMPDIR/one.pem" --id 08 --label mixed --usage-sign
    pkcs11-tool --module "$SOFTHSM" --token-label ensign -l --pin "$PIN" --type pubkey \
        --write-object "$BATS_FILE_TMPDIR/two.pem.pub" --id 08 --label mixed
    ens sign --key 'pkcs11:token=ensign;id=%08' --module "$SOFTHSM" --pin-source "file:$PINFILE" \
        --yes -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
    says "$(mrsigner "$PUB")"
    not grep -q "$(mrsigner "$BATS_FILE_TMPDIR/two.pem.pub")" "$ERR"
}

@test "a token without RSA-PKCS signs with SHA256-RSA-PKCS, without either is 82" {
    begin
    MODULE=$FAULT ENSIGN_FAULT=nomech=0x1 sign -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
    rm out.sig
    faulty nomech=0x1 82 'mechanism|RSA' --mechanism rsa-pkcs
    faulty nomech=0x1,nomech=0x40 82 'mechanism|RSA'
    called C_Sign 0
}

@test "a token that disappears is 80 or 85, never a signature" {
    begin
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/gone"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/gone|" "$SOFTHSM2_CONF" \
        >"$BATS_TEST_TMPDIR/conf"
    rm -r "$BATS_TEST_TMPDIR"/gone/*
    SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf sign -o out.sig s.signdata
    refused 80
}

# ---- output ----

@test "an existing signature is kept with 73" {
    begin
    echo precious >out.sig
    MODULE=$FAULT sign -o out.sig s.signdata
    refused 73 '--force'
    sign --force -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
}

@test "an output that cannot be created is 73, and nothing is signed" {
    begin
    MODULE=$FAULT sign -o nosuch/out.sig s.signdata
    refused 73
}

# ---- a person at a terminal ----

@test "on a terminal: the PIN is not echoed, and yes signs" {
    begin
    tty_ens 'PIN.*:' "$PIN" 'yes' yes -- sign --key "$RELEASE" --module "$SOFTHSM" -o out.sig s.signdata
    exits 0
    same out.sig "$EXPECTED"
    not grep -q "$PIN" "$OUT"
    [ "$(cat "$BATS_TEST_TMPDIR/echo")" = on ]
    prints_hex "$MRENCLAVE"
}

@test "on a terminal: no, an empty line, anything else and end of file do not sign" {
    begin
    for answer in no q '^D' ''; do
        : >"$FAULT_LOG"
        local more=()
        [ -n "$answer" ] || more=('yes or no' y-e-s 'yes or no' maybe)
        tty_ens 'to sign: ' "$answer" "${more[@]}" -- sign --key "$RELEASE" --module "$FAULT" \
            --pin-source "file:$PINFILE" -o out.sig s.signdata
        exits 77
        unchanged
        called C_Sign 0
        [ "$(tr -d '\r' <"$OUT" | grep -c '^ensign: [^w]')" -eq 1 ]
    done
}

@test "on a terminal: interrupted at the question is 130, with the session closed" {
    begin
    tty_ens 'yes' '^C' -- sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        -o out.sig s.signdata
    exits 130
    unchanged
    called C_Sign 0
    [ "$(calls C_Logout)" -ge 1 ]
    [ "$(calls C_Finalize)" -eq 1 ]
    [ "$(cat "$BATS_TEST_TMPDIR/echo")" = on ]
}

@test "on a terminal: interrupted at the PIN is 130, and the terminal echoes again" {
    begin
    tty_ens 'PIN.*:' '^C' -- sign --key "$RELEASE" --module "$FAULT" -o out.sig s.signdata
    exits 130
    unchanged
    called C_Login 0
    [ "$(cat "$BATS_TEST_TMPDIR/echo")" = on ]
}

@test "on a terminal: --yes asks no question" {
    begin
    tty_ens -- sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes \
        -o out.sig s.signdata
    exits 0
    same out.sig "$EXPECTED"
}

@test "a PIN pad is used as such: no PIN is asked for" {
    begin
    ENSIGN_FAULT=pinpad=$PIN ens sign --key "$RELEASE" --module "$FAULT" --yes -o out.sig s.signdata
    ok
    same out.sig "$EXPECTED"
    called C_Login 1
}
