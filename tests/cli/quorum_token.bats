#!/usr/bin/env bats
# quorum with keys in tokens: what holders do with their sealing keys, and what is left of a share that goes.

load helpers

fixtures() {
    local who
    token alice bob carol new
    export ENSIGN_PKCS11_MODULE=$SOFTHSM
    for who in alice:'Alice (Ops)' bob:Bob carol:Carol; do
        "$ENSIGN" quorum enroll --name "${who#*:}" --token "pkcs11:token=${who%:*}" --label seal --quiet \
            --pin-source "file:$BATS_FILE_TMPDIR/pin" -o "${who%:*}.card"
    done
    mkdir shares
    "$ENSIGN" quorum deal --threshold 2 --card alice.card --card bob.card --card carol.card --allow-swap --yes --quiet \
        --from "$ROOT/tests/vectors/keys/testkey.pem" --pubkey shares/quorum.pem --out-dir shares 2>deal.err
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
    enroll new "New (Ops) O'Neil" --transcript room
    ok
    [ "$(sed -n 2p new.card)" = "name: New (Ops) O'Neil" ]
    [ "$(sed -n 3p new.card)" = 'oaep: sha1' ] # SoftHSM 2.6 refuses SHA-256
    [ "$(head -n -1 new.card | sha256sum | cut -c1-64)" = "$(sed -n 's/^sha256: //p' new.card)" ]
    says "^Fingerprint $(fingerprint new.card)$"
    says '^  4( [A-Za-z]+){8}$'
    says 'dealer seals to this card'
    says 'read these words aloud'
    sed -n '/^key:$/,/^sha256/p' new.card | sed '1d;$d' | base64 -d |
        openssl rsa -pubin -inform DER -noout -text >text
    grep -q '3072 bit' text
    grep -q 'Exponent: 65537' text
    pkcs11-tool --module "$SOFTHSM" --token-label new -l --pin "$PIN" -O --type privkey >objects 2>/dev/null
    grep -Eq 'Usage: +decrypt$' objects
    grep -Eq 'Access: +sensitive, always sensitive, never extractable, local' objects
    grep -qx 'creates: new seal -' room
    grep -qx "spki: $(fingerprint new.card)" room
    ens transcript room
    ok
    ens show new.card
    ok
    prints "$(fingerprint new.card)"
    # A second key under the label would be ambiguous.
    rm new.card
    enroll new Alice
    refused 81 "label 'seal'"

    [ ! -e new.card ]
}

@test "quorum enroll: a key that cannot be proven is destroyed again, and no card is written" {
    begin
    export ENSIGN_PKCS11_MODULE=$FAULT
    for lie in flip short longsig nomech=9 C_Decrypt=0x30 setattr=0x105:00:3; do
        ENSIGN_FAULT=weakkey,$lie enroll new Alice
        [ "$status" -eq 82 ] || [ "$lie" = C_Decrypt=0x30 ] || fail "$lie: $status"
        refused "$status" 'destroyed again|other than it was asked for'
        [ "$(pkcs11-tool --module "$SOFTHSM" --token-label new -l --pin "$PIN" -O 2>/dev/null | wc -l)" -eq 0 ]
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

# ---- three holders, from the enrolment to the release ----

# part N NAME TOKEN [OPTION...]: the partial of holder N over app.signdata.
part() {
    local number=$1 token=$2
    shift 2
    ens quorum sign --share "shares/$number.share" --key "pkcs11:token=$token;object=seal" \
        --pin-source "file:$PINFILE" --yes "$@"
}

@test "three holders with keys in tokens: two sign, the bundle verifies, one alone gets nowhere, a share and its key end" {
    begin
    cp -r "$BATS_FILE_TMPDIR"/{alice,bob,carol}.card "$BATS_FILE_TMPDIR/shares" .
    bundle app.orc
    ens gen-sign-data --forbid-debug --date 20260301 -o app.signdata app.orc
    ok
    part 1 alice -o 1.partial app.signdata --transcript room
    ok
    says 'holder 1'
    part 3 carol -o 3.partial app.signdata
    ok
    grep -q '^share: shares/1.share ' room
    ens transcript room
    ok
    combine() {
        ens quorum combine --public shares/quorum.pub --sign-data app.signdata "$@"
    }
    combine -o app.sig 3.partial 1.partial
    ok
    pem_sign "$ROOT/tests/vectors/keys/testkey.pem" app.signdata want.sig
    same app.sig want.sig
    openssl dgst -sha256 -verify shares/quorum.pem -signature app.sig app.signdata
    ens set-sig --sign-data app.signdata app.orc app.sig shares/quorum.pem
    ok
    ens verify --profile core --pubkey shares/quorum.pem --forbid-debug app.orc
    ok

    # One holder alone: the own partial, twice, under another number, with another share, key or token.
    rm app.sig 3.partial
    combine -o app.sig 1.partial
    refused 77 '2 of 3'
    combine -o app.sig 1.partial 1.partial
    refused 77 '2 of 3'
    sed 's/^holder: 1$/holder: 2/' 1.partial | sed '$d' >2.partial
    printf 'sha256: %s\n' "$(sha256sum 2.partial | cut -c1-64)" >>2.partial
    combine -o app.sig 1.partial 2.partial
    refused 65 '2 of 3|not enough|2.partial|needed'
    part 2 alice -o 2.partial --force app.signdata
    refused 82 'sealed to another key'
    ens quorum sign --share shares/1.share --key 'pkcs11:token=alice;object=seal' --pin-source "file:$PINFILE" -o x app.signdata
    refused 77 terminal
    [ ! -e app.sig ]

    # The share goes, with its key: by the holder's name, and nothing less.
    if "$PYTHON" -c 'import os; os.openpty()' 2>/dev/null; then
        tty_ens 'Type its name' 'seal' 'Type the name' yes 'Type the name' carol -- quorum destroy --share shares/1.share \
            --key 'pkcs11:token=alice;object=seal' --pin-source "file:$PINFILE"
        exits 77
        tty_ens -- quorum destroy --share shares/2.share --key 'pkcs11:token=alice;object=seal' --pin-source "file:$PINFILE" --yes
        exits 82
        prints 'is sealed to'
        [ -s shares/1.share ]
        tty_ens 'Type its name' "Alice (Ops)" -- quorum destroy --share shares/1.share --transcript room \
            --key 'pkcs11:token=alice;object=seal' --pin-source "file:$PINFILE"
        exits 0
        prints "$(in_eights "$(fingerprint alice.card)")"
        [ ! -e shares/1.share ]
        grep -qx 'gone: yes' room
        grep -qx 'removed: shares/1.share' room
        ens keys --require 'pkcs11:token=alice;object=seal' --pin-source "file:$PINFILE"
        exits 1
    fi
}

@test "a module that lies, hangs or ends while it opens a share: nothing is signed, and nothing is left" {
    local case
    begin
    cp -r "$BATS_FILE_TMPDIR/shares" .
    sign_data app.signdata "$MRENCLAVE"
    export ENSIGN_PKCS11_MODULE=$FAULT
    for case in flip:65 zero:65 short:82 longsig:82 nomech=9:82 C_Decrypt=0x30:85 C_DecryptInit=0x68:82 setattr=0x105:00:3:82; do
        ENSIGN_FAULT=${case%:*} part 1 alice -o 1.partial app.signdata
        refused "${case##*:}" 'shares/1.share|key .seal'
    done
    export ENSIGN_PKCS11_MODULE=$ROOT/build/$VARIANT/tests/hsm/quirk.so
    ENSIGN_QUIRK=hang@C_Decrypt part 1 alice -o 1.partial --hsm-timeout 2 app.signdata
    refused 85 'C_Decrypt'
    ENSIGN_QUIRK=segv@C_DecryptInit part 1 alice -o 1.partial app.signdata
    refused 85 'C_DecryptInit'
    ENSIGN_QUIRK=_exit@C_Decrypt part 1 alice -o 1.partial app.signdata
    refused 85 'C_Decrypt'
    # A key that wants its PIN for each use gets it.
    export ENSIGN_PKCS11_MODULE=$FAULT
    ENSIGN_FAULT=alwaysauth=$PIN part 1 alice -o 1.partial app.signdata
    ok
}

# ---- the manual ----

# typed SECTION...: the commands of these sections of ensign-quorum(7), "HOST COMMAND" each, ended by a zero byte.
typed() {
    "$PYTHON" - "$ROOT/docs/ensign-quorum.7" "$@" <<'PY'
import re, sys
section, literal, commands = "", False, []
for line in open(sys.argv[1], encoding="utf-8"):
    line = line.rstrip("\n")
    if line.startswith("."):
        section = line[4:] if line.startswith(".Sh ") else section
        literal = line.startswith(".Bd -literal")
    elif literal:
        line = line.replace(r"\e", "\\")
        new = re.match(r"([a-z]+\$ )(.*)", line)
        assert new or line.startswith("> "), line
        if new:
            commands.append([section, new[1].replace("$", "") + new[2]])
        else:
            commands[-1][1] += "\n" + line[2:]
sys.stdout.write("".join(text + "\0" for section, text in commands if section in sys.argv[2:]))
PY
}

@test "dealing, rehearsal and release, typed from ensign-quorum(7), command for command" {
    local host command n=0
    begin
    mkdir bin carry alice bob carol dealer build
    export CARRY=$PWD/carry PATH=$PWD/bin:$PATH
    enclave build/app.sgxs
    # What is answered at the terminal, a key that needs no half minute, and a host that may have swap.
    cat >bin/ensign <<SH
#!/bin/sh
case "\$1 \$2" in
'quorum deal') exec "$ENSIGN" "\$@" --yes --allow-swap --from "$ROOT/tests/vectors/keys/testkey.pem" ;;
'quorum sign') exec "$ENSIGN" "\$@" --yes --pin-source "file:$PINFILE" ;;
'quorum enroll' | 'quorum check') exec "$ENSIGN" "\$@" --pin-source "file:$PINFILE" ;;
*) exec "$ENSIGN" "\$@" ;;
esac
SH
    chmod +x bin/ensign
    cp bin/ensign bin/ensign-offline
    for host in alice bob carol; do
        pkcs11-tool --module "$SOFTHSM" --token-label "$host" -l --pin "$PIN" --delete-object --type privkey --label seal
    done >/dev/null
    while IFS= read -r -d '' command; do
        host=${command%% *}
        n=$((n + 1))
        (cd "$host" && eval "${command#* }") >log 2>&1 3>&- || fail "$command" "$(cat log)"
    done < <(typed DEALING REHEARSAL RELEASE)
    [ "$n" -gt 25 ]
    same build/one.sig build/two.sig
    [ ! -e build/alone.sig ]
    [ "$(stat -c %s build/app.css)" -eq 1808 ]
}
