#!/usr/bin/env bats
# quorum with keys in tokens: what holders do with their sealing keys, and what is left of a share that goes.

load helpers

fixtures() {
    token alice bob
    printf 'correct horse battery\n' >pass
    chmod 600 pass
}

# Each test has its own copy of the tokens.
begin() {
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/tokens"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/tokens|" "$BATS_FILE_TMPDIR/softhsm2.conf" \
        >"$BATS_TEST_TMPDIR/conf"
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf ENSIGN_PKCS11_MODULE=$SOFTHSM
    PINFILE=$BATS_FILE_TMPDIR/pin
    PASS=$BATS_FILE_TMPDIR/pass
}

# enroll TOKEN NAME [OPTION...]: in a token, to TOKEN.card.
enroll() {
    local token=$1 name=$2
    shift 2
    ens quorum enroll --name "$name" --token "pkcs11:token=$token" --label seal \
        --pin-source "file:$PINFILE" -o "$token.card" "$@"
}

# fingerprint CARD: SHA-256 of the key in it, by another program.
fingerprint() {
    sed -n '/^key:$/,/^sha256/p' "$1" | sed '1d;$d' | base64 -d | sha256sum | cut -c1-64
}

share_file() { # NAME [KIND]
    printf 'ensign quorum %s 1\nquorum: 00\n' "${2:-share}" >"$1"
}

@test "quorum enroll in a token: the key may decrypt and nothing else, the card says with which hash it opens" {
    begin
    enroll alice "Alice (Ops) O'Neil" --transcript room
    ok
    [ "$(sed -n 2p alice.card)" = "name: Alice (Ops) O'Neil" ]
    [ "$(sed -n 3p alice.card)" = 'oaep: sha1' ] # SoftHSM 2.6 refuses SHA-256
    [ "$(head -n -1 alice.card | sha256sum | cut -c1-64)" = "$(sed -n 's/^sha256: //p' alice.card)" ]
    says "^Fingerprint $(fingerprint alice.card)$"
    says '^  4( [A-Za-z]+){8}$'
    says 'dealer seals to this card'
    says 'read these words aloud'
    sed -n '/^key:$/,/^sha256/p' alice.card | sed '1d;$d' | base64 -d |
        openssl rsa -pubin -inform DER -noout -text >text
    grep -q '3072 bit' text
    grep -q 'Exponent: 65537' text
    pkcs11-tool --module "$SOFTHSM" --token-label alice -l --pin "$PIN" -O --type privkey >objects 2>/dev/null
    grep -Eq 'Usage: +decrypt$' objects
    grep -Eq 'Access: +sensitive, always sensitive, never extractable, local' objects
    grep -qx 'creates: alice seal -' room
    grep -qx "spki: $(fingerprint alice.card)" room
    ens transcript room
    ok
    ens show alice.card
    ok
    prints "$(fingerprint alice.card)"
    # A second key under the label would be ambiguous.
    rm alice.card
    enroll alice Alice
    refused 81 "label 'seal'"

    [ ! -e alice.card ]
}

@test "quorum enroll: a key that cannot be proven is destroyed again, and no card is written" {
    begin
    export ENSIGN_PKCS11_MODULE=$FAULT
    for fault in flip short longsig nomech=9 C_Decrypt=0x30 setattr=0x105:00:3; do
        ENSIGN_FAULT=weakkey,$fault enroll alice Alice
        [ "$status" -eq 82 ] || [ "$fault" = C_Decrypt=0x30 ] || fail "$fault: $status"
        refused "$status" 'destroyed again|other than it was asked for'
        [ "$(pkcs11-tool --module "$SOFTHSM" --token-label alice -l --pin "$PIN" -O 2>/dev/null | wc -l)" -eq 0 ]
    done
    files
}

@test "quorum enroll with an identity: under a passphrase, private, and asked for twice" {
    begin
    ens quorum enroll --name Bob --identity bob.identity --pin-source "file:$PASS" -o bob.card
    ok
    says "^Fingerprint $(fingerprint bob.card)$"
    [ "$(stat -c %a bob.identity)" = 600 ]
    [ "$(sed -n 2p bob.identity)" = 'kdf: scrypt 18 8 1' ]
    [ "$(sed -n 3p bob.card)" = 'oaep: sha256' ]
    not grep -qa 'correct horse' bob.identity bob.card
    ens quorum enroll --name Bob --identity bob.identity --pin-source "file:$PASS" -o new.card
    refused 73 'bob.identity'
    echo short >short
    chmod 600 short
    ens quorum enroll --name Bob --identity x --pin-source file:short -o new.card
    refused 65 'x: .*12'
    tty_ens 'New passphrase' 'correct horse battery' 'passphrase again' 'correct horse buttery' -- \
        quorum enroll --name Bob --identity x -o new.card
    exits 83
    prints 'differ: nothing was made'
    not grep -q horse "$OUT"
    files bob.card bob.identity short
}

@test "quorum enroll: names that a file could not have, and options that do not fit" {
    begin
    for name in '' ' Bob' 'Bob ' 'Bob  x' '-x' "$(printf 'B\ta')" 'Bob:' 'Bøb' "$(printf 'x%.0s' {1..64})"; do
        enroll alice "$name"
        usage '--name: '
    done
    ens quorum enroll --name Bob --label x
    usage '--token: give either'
    ens quorum enroll --name Bob --token pkcs11:token=alice --identity x --label x
    usage '--token: give either'
    ens quorum enroll --name Bob --token pkcs11:token=alice
    usage '--label: is missing'
    ens quorum enroll --name Bob --identity x --label y
    usage '--identity: '
    ENSIGN_TOKEN=pkcs11:token=alice ens quorum enroll --name Bob --label x
    usage '--token: give either'
    enroll nobody Nobody
    refused 80 'nobody'
}

@test "quorum destroy: the bytes are overwritten, the name is gone, and the record says so" {
    share_file a.share
    ln a.share other
    ens quorum destroy --share a.share --yes --transcript room
    ok
    [ ! -s "$OUT" ]
    warned 'has 2 names'
    says 'overwritten and removed'
    says 'flash'
    files other room
    [ "$(tr -d '\0' <other | wc -c)" -eq 0 ]
    [ "$(wc -c <other)" -gt 20 ]
    grep -qx 'command: quorum destroy --share --transcript --yes' room || grep '^command' room
    grep -Eq '^share: a.share [0-9a-f]{64}$' room
    grep -qx 'removed: a.share' room
    ens transcript room
    ok
    for kind in delta repair identity; do
        share_file x "$kind"
        ens quorum destroy --share x --yes --quiet
        ok
        [ ! -s "$ERR" ]
        [ ! -e x ]
    done
}

@test "quorum destroy: what is no secret file of a quorum stays, and so does all without a yes" {
    share_file a.share
    ens quorum destroy --share a.share
    refused 77 'a.share: .*terminal.*--yes'
    for kind in public card partial; do
        share_file x "$kind"
        ens quorum destroy --share x --yes
        refused 65 'x: is not a share'
    done
    mkfifo pipe
    ens quorum destroy --share pipe --yes
    refused 65 'pipe: '
    ens quorum destroy --share none --yes
    refused 66 'none: '
    ens quorum destroy --yes
    usage '--share: is missing'
    ens quorum destroy --share a.share --yes x
    usage 'quorum destroy'
    tty_ens 'Type yes' no -- quorum destroy --share a.share
    exits 77
    [ -s a.share ]
    tty_ens 'Type yes' yes -- quorum destroy --share a.share
    exits 0
    [ ! -e a.share ]
}
