#!/usr/bin/env bats
# pubkey --x509: a certificate that the token's key makes of itself, for programs that take no bare key. Judged by
# openssl; the token must sign that and nothing that could pass for sign-data.

load helpers

OFFLINE=$ROOT/build/$VARIANT/ensign-offline
SUBJECT='CN = ensign enclave signer'

fixtures() {
    token ensign
    openssl genrsa -3 -out own.pem 3072 2>/dev/null
    openssl rsa -in own.pem -pubout -out own.pem.pub 2>/dev/null
    test_key one one.pem
    openssl genrsa -3 -out small.pem 2048 2>/dev/null
    openssl genrsa -out f4.pem 3072 2>/dev/null
    import own.pem release 01
    import one.pem other 02
    import small.pem small 03
    import f4.pem f4 04
    always_auth own.pem 05
}

# certify ARG...: with the release key of the token.
certify() {
    ens pubkey --x509 --key "$RELEASE" --module "${MODULE:-$SOFTHSM}" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" "$@"
}

# The TBSCertificate of a certificate, as openssl cuts it out, and its signature.
cut_certificate() { # CERT TBS SIGNATURE
    openssl x509 -in "$1" -outform DER -out "$1.der"
    openssl asn1parse -inform DER -in "$1.der" -strparse 4 -noout -out "$2"
    tail -c 384 "$1.der" >"$3"
}

@test "openssl reads the certificate, and it verifies under itself" {
    certify -o c.pem
    ok
    openssl verify -CAfile c.pem c.pem
    openssl verify -check_ss_sig -CAfile c.pem c.pem
    openssl x509 -in c.pem -noout -text >text
    grep -q 'Version: 3 (0x2)' text
    grep -q 'Public-Key: (3072 bit)' text
    grep -q 'Exponent: 3 (0x3)' text
    [ "$(grep -c 'Signature Algorithm: sha256WithRSAEncryption' text)" -eq 2 ]
    grep -A1 'X509v3 Basic Constraints: critical' text | grep -q 'CA:FALSE'
    [ "$(openssl x509 -in c.pem -noout -subject)" = "subject=$SUBJECT" ]
    [ "$(openssl x509 -in c.pem -noout -issuer)" = "issuer=$SUBJECT" ]
    [ "$(openssl x509 -in c.pem -noout -startdate)" = 'notBefore=Jan  1 00:00:00 2000 GMT' ]
    [ "$(openssl x509 -in c.pem -noout -enddate)" = 'notAfter=Dec 31 23:59:59 9999 GMT' ]
    openssl x509 -in c.pem -noout -pubkey >key.pub
    same key.pub "$BATS_FILE_TMPDIR/own.pem.pub"
}

@test "nothing in the file but one PEM block, and the DER is read back unchanged" {
    certify -o c.pem
    ok
    [ "$(grep -c '^-----BEGIN CERTIFICATE-----$' c.pem)" -eq 1 ]
    [ "$(head -1 c.pem)" = '-----BEGIN CERTIFICATE-----' ]
    [ "$(tail -1 c.pem)" = '-----END CERTIFICATE-----' ]
    openssl x509 -in c.pem -outform DER -out c.der
    size_is c.der 990
    # A certificate that openssl itself takes apart and encodes anew.
    openssl x509 -in c.pem -out again.pem
    same c.pem again.pem
}

@test "the serial number is of MRSIGNER, positive and 16 bytes long" {
    certify -o c.pem
    ok
    mrsigner=$(mrsigner "$BATS_FILE_TMPDIR/own.pem.pub")
    first=$(printf '%02X' $((0x${mrsigner:0:2} & 0x3f | 0x40)))
    rest=${mrsigner:2:30}
    [ "$(openssl x509 -in c.pem -noout -serial)" = "serial=$first${rest^^}" ]
    says_hex "$mrsigner"
}

@test "the same key gives the same bytes, on another day, and from ensign-offline" {
    certify -o c.pem
    ok
    SOURCE_DATE_EPOCH=86400 TZ=Asia/Tokyo certify -o d.pem
    ok
    same c.pem d.pem
    ENSIGN=$OFFLINE certify -o e.pem
    ok
    same c.pem e.pem
    certify
    ok
    same c.pem "$OUT"
}

@test "another key gives another certificate" {
    certify -o c.pem
    ok
    ens pubkey --x509 --key 'pkcs11:token=ensign;object=other' --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" -o d.pem
    ok
    openssl verify -CAfile d.pem d.pem
    not openssl verify -CAfile c.pem d.pem
    [ "$(openssl x509 -in c.pem -noout -serial)" != "$(openssl x509 -in d.pem -noout -serial)" ]
}

@test "what the token signs is shown before, and is what the certificate holds" {
    certify -o c.pem
    ok
    cut_certificate c.pem tbs sig
    openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/own.pem.pub" -signature sig tbs
    says_hex "$(sha256 tbs)"
    says 'certificate of its own key'
    says 'no sign-data'
    says 'CN=ensign enclave signer'
    certify --quiet -o d.pem
    ok
    [ ! -s "$ERR" ]
}

@test "what was signed is not sign-data, and its signature is none of an enclave" {
    certify -o c.pem
    ok
    cut_certificate c.pem tbs sig
    size_is tbs 582
    [ "$(head -c 4 tbs | xxd -p)" = 30820242 ]
    # Neither it nor 256 bytes of it can be had signed as sign-data.
    head -c 256 tbs >tbs.signdata
    for file in tbs tbs.signdata; do
        sign -o x.sig "$file"
        refused 65 "$file"
    done
    # And the signature goes into no SIGSTRUCT.
    enclave app.sgxs
    sign_data app.signdata "$MRENCLAVE"
    ens set-sig --sign-data app.signdata --to app.css app.sgxs sig c.pem
    refused 65 sig
}

@test "set-sig, verify and show take the certificate for the key" {
    certify -o c.pem
    ok
    bundle app.orc
    ens gen-sign-data --date 20240229 --forbid-debug -o app.signdata app.orc
    ok
    sign -o app.sig app.signdata
    ok
    ens set-sig --sign-data app.signdata app.orc app.sig c.pem
    ok
    bundle_holds app.orc "$MRENCLAVE" "$(mrsigner "$BATS_FILE_TMPDIR/own.pem.pub")"
    ens verify --pubkey c.pem app.orc
    ok
    ens show c.pem
    ok
    prints "$(mrsigner "$BATS_FILE_TMPDIR/own.pem.pub")"
    # As openssl uses it.
    openssl x509 -in c.pem -noout -pubkey >key.pub
    openssl dgst -sha256 -verify key.pub -signature app.sig app.signdata
}

@test "one login and one signature; none without --x509" {
    need_fault
    MODULE=$FAULT certify -o c.pem
    ok
    called C_Login 1
    called C_Sign 1
    : >"$FAULT_LOG"
    ens pubkey --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_FILE_TMPDIR/pin" -o k.pem
    ok
    called C_Sign 0
}

@test "a signature that does not verify makes no certificate" {
    need_fault
    for breaks in flip short zero; do
        ENSIGN_FAULT=$breaks MODULE=$FAULT certify -o c.pem
        refused 86
    done
}

@test "a token that fails, a wrong PIN, a place that is taken: no certificate, and no signature" {
    need_fault
    ENSIGN_FAULT=C_Sign=0x30 MODULE=$FAULT certify -o c.pem
    refused 85 C_Sign
    : >"$FAULT_LOG"
    (umask 077 && echo 000000 >"$BATS_TEST_TMPDIR/wrong")
    ens pubkey --x509 --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_TEST_TMPDIR/wrong" -o c.pem
    refused 83 PIN
    echo precious >c.pem
    MODULE=$FAULT certify -o c.pem
    refused 73 c.pem
    called C_Sign 0
    certify --force -o c.pem
    ok
    openssl verify -CAfile c.pem c.pem
}

@test "a key that cannot sign enclaves gets none, and a key must be named" {
    need_fault
    for key in small f4; do
        ens pubkey --x509 --key "pkcs11:token=ensign;object=$key" --module "$FAULT" \
            --pin-source "file:$BATS_FILE_TMPDIR/pin" -o c.pem
        refused 82
    done
    ens pubkey --x509 --key 'pkcs11:token=ensign;object=none' --module "$FAULT" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" -o c.pem
    refused 80
    called C_Sign 0
    ens pubkey --x509
    usage --key
}

@test "a key that wants the PIN for each signature gets it" {
    need_fault
    ens pubkey --x509 --key 'pkcs11:token=ensign;object=asks' --module "$FAULT" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" -o c.pem
    ok
    called C_Login 2
    openssl verify -CAfile c.pem c.pem
}
