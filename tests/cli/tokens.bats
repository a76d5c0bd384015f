#!/usr/bin/env bats
# Tokens as they are: URIs that hold a PIN, tokens that change places, flags that do not hold, labels with odd
# bytes. Named after the findings (A1, A16, C2 to C6) that each case was first seen in.

load helpers

fixtures() {
    signing_host other
    test_key two two.pem
    sign_data s.signdata "$MRENCLAVE"
    pem_sign one.pem s.signdata expected.sig
}

begin() {
    need_fault
    PINFILE=$BATS_FILE_TMPDIR/pin
    EXPECTED=$BATS_FILE_TMPDIR/expected.sig
    cp "$BATS_FILE_TMPDIR/s.signdata" .
}

# own_tokens: tokens that this test may change.
own_tokens() {
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/tokens"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/tokens|" "$BATS_FILE_TMPDIR/softhsm2.conf" \
        >"$BATS_TEST_TMPDIR/conf"
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf
}

# signs [FAULTS] URI [OPTION...]: that key signs through the forwarding module.
signs() {
    local faults=$1 uri=$2
    shift 2
    : >"$FAULT_LOG"
    ENSIGN_FAULT=$faults ens sign --key "$uri" --module "$FAULT" --pin-source "file:$PINFILE" --yes --force \
        -o out.sig "$@" s.signdata
}

signed() {
    ok
    same out.sig "$EXPECTED"
}

# ---- A1 ----

# Every way to put a PIN into a URI, right or wrong.
forms() {
    local r='pkcs11:token=ensign;object=release'
    printf '%s\n' "$r?pin-value=s3cret" "$r?pin_value=s3cret" "$r?PIN-VALUE=s3cret" "$r?pin-source=s3cret" \
        "$r?pin-source=/s3cret" "$r?pin-source=file:/s3cret" "$r?pin-source=fd:s3cret" \
        "$r?pin-source=%7Cs3cret" "$r?s3cret=1" "$r?s3cret" "$r?x-pin=s3cret" "$r?pin-source=s3cret%" \
        "$r?pin-source=s3cret s" "$r?module-path=s3cret" "$r?module-path=/s3cret" "$r?a=b&s3cret=c" \
        "$r&pin-value=s3cret" "$r;pin-value=s3cret" "$r;pin_value=s3cret" "$r;s3cret" "$r;x-pin=s3cret" \
        "$r%3Fpin-value=s3cret" "$r%3fpin-value%3Ds3cret" "$r??pin-value=s3cret" \
        'pkcs11:tokn=ensign?pin-value=s3cret' 'pkcs11;token=ensign?pin-value=s3cret' \
        ' pkcs11:token=ensign?pin-value=s3cret' 'token=ensign?pin-value=s3cret' s3cret \
        'pkcs11:token=none?x-pin=s3cret' 'pkcs11:token=ensign;object=none?x-pin=s3cret' \
        'pkcs11:token=ensign;type=cert?x-pin=s3cret'
}

not_told() {
    not grep -rqsF s3cret "$OUT" "$ERR" .
}

@test "A1: no command says or records anything of a URI's query" {
    begin
    cp "$BATS_FILE_TMPDIR/one.pem.pub" keep
    while IFS= read -r form; do
        for options in "sign --yes --transcript t -o out.sig --key" "pubkey -o P.pem --key" \
            "keygen --label new --token" "keys --token" "keys --require"; do
            operand=s.signdata
            [[ $options = sign* ]] || operand=
            # shellcheck disable=SC2086
            ens $options "$form" --module "$SOFTHSM" --pin-source "file:$BATS_TEST_TMPDIR/none" $operand
            [ "$status" -ne 0 ] || fail "accepted: $form"
            not_told
        done
        ens sign --yes --transcript t -o out.sig --key "$form" --module "$SOFTHSM" s.signdata
        [ "$status" -ne 0 ] || fail "accepted: $form"
        not_told
        ENSIGN_KEY=$form ens sign --yes --transcript t -o out.sig --module "$SOFTHSM" s.signdata
        [ "$status" -ne 0 ] || fail "accepted from ENSIGN_KEY: $form"
        not_told
    done < <(forms)
    # Command lines that are wrong leave no record; those that got as far as the token do.
    [ "$(grep -c '^kind: run' t)" -ge 2 ]
}

@test "A1: resign says nothing of a URI's query" {
    begin
    sigstruct a.css two "$MRENCLAVE"
    while IFS= read -r form; do
        ens resign --yes --json --key "$form" --module "$SOFTHSM" a.css
        [ "$status" -ne 0 ] || fail "accepted: $form"
        not_told
    done < <(forms)
}

@test "A1: a key that is found through a URI with a query, and then refused, tells nothing of it" {
    begin
    ens sign --yes --transcript t --mrsigner "$(printf '00%.0s' {1..32})" --module "$SOFTHSM" \
        --key "$RELEASE?x-pin=s3cret&pin-source=file:$PINFILE" -o out.sig s.signdata
    exits 77
    grep -q MRSIGNER t
    not_told
    ens keys --module "$SOFTHSM" --require "$RELEASE?x-pin=s3cret&pin-source=file:$PINFILE"
    ok
    not_told
}

@test "A1: a PIN that is typed in a wrong place is not repeated" {
    begin
    for where in "--pin-source s3cret" "--pin-source fd:s3cret" "--pin-source /s3cret" \
        "--pin-source FILE:s3cret" "--pin=s3cret" "--pin-value=s3cret"; do
        # shellcheck disable=SC2086
        ens sign --yes --transcript t --key "$RELEASE" --module "$SOFTHSM" -o out.sig $where s.signdata
        [ "$status" -ne 0 ]
        not_told
    done
    ens sign --yes --transcript t --key "$RELEASE" --module "$SOFTHSM" -o out.sig --pin-source fd:987654 \
        s.signdata
    exits 74
    not grep -rqF 987654 "$ERR" .
    ens sign --yes --module "$SOFTHSM" -o out.sig "$RELEASE?pin-value=s3cret" s.signdata
    usage 'an operand is a PKCS#11 URI'
    ens "--key=$RELEASE?pin-value=s3cret" sign s.signdata
    usage 'unknown option'
    not_told
    ens "$RELEASE?pin-value=s3cret"
    usage 'unknown command'
    not_told
}

# ---- A16 ----

@test "A16: a token that took the place of the selected one gets no PIN" {
    begin
    for at in 3 4 5; do
        signs swap=$at "$RELEASE"
        # The list reads two slots; then the token is looked at before and after the session is opened.
        [ "$at" -ne 5 ] || continue
        refused 85 'another token is in its place'
        called C_Login 0
    done
    signs '' "$RELEASE"
    signed
}

@test "A16: module-path in a URI is loaded only where an option says so" {
    begin
    ens sign --key "$RELEASE?module-path=$SOFTHSM" --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    usage 'module-path' '\-\-allow-module-path'
    ENSIGN_PKCS11_MODULE=$SOFTHSM ens sign --key "$RELEASE?module-path=/nosuch.so" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    usage 'module-path'
    for command in "pubkey --key" "keys --token" "keys --require" "keygen --label new --token"; do
        # shellcheck disable=SC2086
        ens $command "$RELEASE?module-path=$SOFTHSM" --pin-source "file:$PINFILE"
        usage 'module-path'
    done
    ens sign --key "$RELEASE?module-path=$SOFTHSM" --allow-module-path --pin-source "file:$PINFILE" --yes \
        -o out.sig s.signdata
    signed
}

# ---- C2: flags are hints ----

@test "C2: a token that is not flagged as initialised signs" {
    begin
    signs noinit "$RELEASE"
    signed
    signs noinit,nologin "$RELEASE"
    signed
}

@test "C2: a token that says that it needs no login gets the PIN that was given" {
    begin
    signs nologin "$RELEASE"
    signed
    called C_Login 1
    rm out.sig
    # Without a PIN there is none to give, and the key is not seen.
    ENSIGN_FAULT=nologin ens sign --key "$RELEASE" --module "$FAULT" --yes -o out.sig s.signdata
    exits 80
    says 'without a PIN: give --pin-source'
    # One that knows no login at all is not in the way.
    for rv in 0x54 0x103 0x102; do
        signs "nologin,login=$rv" "$RELEASE"
        exits 80
        called C_Login 1
    done
}

@test "C2: read-only sessions may be refused with any code" {
    begin
    for rv in 0x5 0x6 0x7 0x54 0xb5 0xe2 0x80000001; do
        signs "noro=$rv" "$RELEASE"
        signed
    done
    signs opensession=0xb1 "$RELEASE"
    exits 85
    says CKR_SESSION_COUNT
}

@test "C2: a list of slots that is empty for a moment is read again" {
    begin
    for n in 1 2 3; do
        signs "noslots=$n" "$RELEASE"
        signed
    done
    for n in 2 3; do
        signs "blind=$n" "$RELEASE"
        signed
        called C_Initialize "$n"
        called C_Finalize "$n"
    done
    signs noslots=1000 "$RELEASE"
    exits 80
    [ "$(calls C_GetSlotList)" -le 12 ]
    [ "$(calls C_Initialize)" -le 5 ]
    ENSIGN_FAULT=blind=2 ens keys --module "$FAULT"
    ok
    prints 'token=ensign'
    # A label that is not there is no reason to start a module again.
    signs '' 'pkcs11:token=none'
    exits 80
    called C_Initialize 1
}

# ---- C3 ----

@test "C3: after a login that failed for an unknown cause nobody is told to try again" {
    begin
    rm -f out.sig
    for rv in 0x5 0x6 0x30 0x32 0xb3 0xe0 0x190 0x80000042; do
        signs "login=$rv" "$RELEASE"
        refused 85 'it may have counted as a wrong PIN'
        not grep -Eiq 'repeat|try again|once more' "$ERR"
        called C_Login 1
    done
    signs 'login=0x5,finaltry' "$RELEASE" --allow-final-try
    refused 85 'it counted as a wrong PIN'
    ENSIGN_FAULT=delay=C_Login:90000 ens sign --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes --hsm-timeout 1 -o out.sig s.signdata
    refused 85 'C_Login took more than 1 s' 'may have counted'
    not grep -Eiq 'repeat' "$ERR"
}

@test "a call that takes long is told on a terminal, and only there, until it has ended" {
    begin
    rm -f out.sig
    export ENSIGN_FAULT=delay=C_Sign:4500
    tty_ens 'Type yes to sign: ' yes -- sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        -o out.sig s.signdata
    [ "$status" -eq 0 ] || fail "exit $status" "$(cat "$OUT")"
    grep -q 'waiting for the token: [34] s (C_Sign; gives up after 120 s)' "$OUT" || fail "$(cat "$OUT")"
    # It is taken away before the next line, and was never one of its own.
    not grep -q 'waiting for the token.*signed by' <(tr '\r' '\n' <"$OUT")
    rm out.sig
    tty_ens -- sign --quiet --yes --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        -o out.sig s.signdata
    [ "$status" -eq 0 ] || fail "exit $status" "$(cat "$OUT")"
    not grep -q 'waiting' "$OUT"
    rm out.sig
    ens sign --yes --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" -o out.sig s.signdata
    [ "$status" -eq 0 ] || fail "exit $status" "$(cat "$ERR")"
    not grep -q 'waiting' "$ERR"
    unset ENSIGN_FAULT
    rm out.sig
}

# ---- C4 ----

# odd_keys <LINES: the second key, once for each line LABEL-HEX ID-HEX.
odd_keys() {
    "$PYTHON" "$INTEROP/putkey.py" "$SOFTHSM" ensign "$PIN" two
}

@test "C4: a URI that keys prints selects exactly the key that it names" {
    begin
    own_tokens
    pem_sign "$BATS_FILE_TMPDIR/two.pem" s.signdata two.sig
    odd_keys <<'END'
72656c6561736500 02
72656c656173650000 03
72656c6561736520 04
2072656c65617365 05
72656c65617365 06
613b622563 07
70696e2d76616c75653d31 08
613f6226633d64 09
c3a9e282acf09f9880 0a
fcff1b5b324a 0b
- 0c
- -
6e6f6964 -
6e6f6964 01
612f62 -
20 -
END
    ens keys --json --module "$SOFTHSM" --token pkcs11:token=ensign --pin-source "file:$PINFILE"
    ok
    "$PYTHON" -c '
import json, sys
keys = json.load(open(sys.argv[1]))["tokens"][0]["keys"]
for key in keys:
    print(key["mrsigner"][:8], key["id"] or "-", key["uri"])' "$OUT" >list
    [ "$(wc -l <list)" -eq 17 ]
    [ "$(cut -d' ' -f3 list | sort -u | wc -l)" -eq 17 ]
    mrsigner=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    while read -r who _ uri; do
        ens keys --json --module "$SOFTHSM" --require "$uri" --pin-source "file:$PINFILE"
        ok
        signs '' "$uri"
        ok
        if [ "$who" = "${mrsigner:0:8}" ]; then
            same out.sig "$EXPECTED"
        else
            same out.sig two.sig
        fi
    done <list
}

@test "C4: zero bytes and blanks at the end of a label make no difference where nothing else is meant" {
    begin
    own_tokens
    printf '%s\n' '70616464656400 21' '626c616e6b2020 22' | odd_keys
    pem_sign "$BATS_FILE_TMPDIR/two.pem" s.signdata two.sig
    for label in padded padded%00 padded%00%00 padded%20 blank blank%20%20 blank%00; do
        signs '' "pkcs11:token=ensign;object=$label"
        ok
        same out.sig two.sig
    done
    signs labelnul "$RELEASE"
    signed
    signs labelnul "$RELEASE%00"
    signed
    signs '' "pkcs11:token=ensign;object=release%00x"
    exits 80
    signs '' "pkcs11:token=ensign$(printf '%%00%.0s' {1..26});object=release"
    signed
    signs '' "pkcs11:token=ensign%00x;object=release"
    exits 80
}

@test "C4: a handle that is given twice is one key" {
    begin
    signs dup "$RELEASE"
    signed
    signs dup pkcs11:token=ensign
    signed
}

@test "C4: a list of candidates is whole, however long" {
    begin
    own_tokens
    for n in $(seq 10 31); do
        printf '%s %s\n' "$(printf 'release-2026-%s-production' "$n" | xxd -p)" "$n"
    done | odd_keys
    for quiet in '' -q; do
        # shellcheck disable=SC2086
        signs '' pkcs11:token=ensign $quiet
        exits 81
        [ "$(errors | wc -l)" -eq 1 ]
        [ "$(grep -oE "'pkcs11:token=ensign;serial=[0-9a-f]+;object=release(-2026-[0-9]+-production)?'" "$ERR" |
            sort -u | wc -l)" -eq 23 ]
        not grep -qF '[...]' "$ERR"
    done
}

@test "C4: a label that is nearly right is asked about" {
    begin
    signs '' 'pkcs11:token=ensign;object=relase'
    exits 80
    says "^ensign: --key: no private key on token 'ensign' has the label 'relase': did you mean 'pkcs11:token=ensign;serial=[0-9a-f]*;object=release'$"
    signs '' 'pkcs11:token=ensgn;object=release'
    exits 80
    says "did you mean 'pkcs11:token=ensign;serial=[0-9a-f]*;object=release'$"
    signs '' 'pkcs11:token=ensign;object=nothing'
    exits 80
    not grep -q 'did you mean' "$ERR"
}

@test "C4: a key of another token than the selected one is not there" {
    begin
    ens keys --module "$SOFTHSM" --pin-source "file:$PINFILE" --token pkcs11:token=ensign --require "$RELEASE"
    ok
    ens keys --module "$SOFTHSM" --pin-source "file:$PINFILE" --token pkcs11:token=ensign \
        --require 'pkcs11:token=other;object=release'
    exits 1
    says 'names another token'
}

# ---- C5 ----

@test "C5: CKA_ALLOWED_MECHANISMS says what the key can, and what auto takes" {
    begin
    rsa=0100000000000000 sha256=4000000000000000 pss=0d00000000000000
    signs "setattr=0x40000600:$rsa:3" "$RELEASE"
    signed
    signs "setattr=0x40000600:$sha256:3" "$RELEASE"
    signed
    signs "setattr=0x40000600:$sha256:3" "$RELEASE" --mechanism rsa-pkcs
    exits 82
    called C_SignInit 0
    signs "setattr=0x40000600:$pss:3" "$RELEASE"
    exits 82
    says CKA_ALLOWED_MECHANISMS
    called C_SignInit 0
    ENSIGN_FAULT="setattr=0x40000600:$pss:3" ens keys --module "$FAULT" --pin-source "file:$PINFILE" \
        --require "$RELEASE"
    exits 1
    says CKA_ALLOWED_MECHANISMS
    # An empty list, and one that cannot be one, forbid nothing.
    for list in '' 00ff; do
        signs "setattr=0x40000600:$list:3" "$RELEASE"
        signed
    done
}

# ---- C6 ----

@test "C6: pin-source is a path, or a file: URI" {
    begin
    for source in "$PINFILE" "file:$PINFILE" "file://$PINFILE"; do
        ens sign --key "$RELEASE?pin-source=$source" --module "$SOFTHSM" --yes --force -o out.sig s.signdata
        signed
    done
    rm out.sig
    for source in pin tty fd:3 '%7Cprog'; do
        ens sign --key "$RELEASE?pin-source=$source" --module "$SOFTHSM" --yes -o out.sig s.signdata
        usage 'pin-source'
    done
}

@test "C6: where a PIN file cannot have a stricter mode, the message says what can be done" {
    begin
    for mode in 440 444; do
        install -m "$mode" "$PINFILE" "$BATS_TEST_TMPDIR/pin$mode"
        sign --pin-source "file:$BATS_TEST_TMPDIR/pin$mode" -o out.sig s.signdata
        refused 65 "mode 0$mode" 'chmod 600' '--pin-source fd:3 3<FILE'
        # What it offers works.
        sign --pin-source fd:3 --force -o out.sig s.signdata 3<"$BATS_TEST_TMPDIR/pin$mode"
        signed
        rm out.sig
    done
}

@test "C6: a carriage return at the end of a PIN is named before a try is used" {
    begin
    (umask 077 && printf '%s\r\n' "$PIN" >"$BATS_TEST_TMPDIR/crlf" && printf '%s\r' "$PIN" >"$BATS_TEST_TMPDIR/cr")
    for file in crlf cr; do
        ens sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_TEST_TMPDIR/$file" --yes \
            -o out.sig s.signdata
        refused 65 'carriage return' 'no PIN was tried'
        called C_Login 0
    done
}

@test "B8: ENSIGN_KEY and ENSIGN_TOKEN stand for the options" {
    begin
    own_tokens
    ENSIGN_KEY=$RELEASE ens sign --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes -o out.sig s.signdata
    signed
    ENSIGN_KEY=pkcs11:token=none ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" \
        --yes --force -o out.sig s.signdata
    signed
    ENSIGN_KEY='' ens sign --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes --force -o out.sig s.signdata
    refused 64 'key'
    ENSIGN_TOKEN=pkcs11:token=other ens keygen --label made --module "$SOFTHSM" --pin-source "file:$PINFILE"
    ok
    prints 'token=other.*object=made'
    ENSIGN_TOKEN=pkcs11:token=other ens keys --module "$SOFTHSM" --pin-source "file:$PINFILE"
    ok
    prints 'object=made'
    not grep -q 'token=ensign' "$OUT"
}
