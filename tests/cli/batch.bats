#!/usr/bin/env bats
# sign with several sign-data: one login, all checked before the first is signed, one table and one question;
# what a run left undone the next one does.

load helpers

fixtures() {
    signing_host
    test_key two two.pem
    always_auth two.pem 06
    for n in 1 2 3 4 5; do
        sign_data "f$n.signdata" "$MRENCLAVE" isvsvn=$n
        pem_sign one.pem "f$n.signdata" "f$n.sig"
    done
}

# Each test has five sign-data, and where the signatures go.
begin() {
    need_fault
    cp "$BATS_FILE_TMPDIR"/f?.signdata .
    mkdir out
    KEY=$RELEASE
    PINFILE=$BATS_FILE_TMPDIR/pin
    ALL=(f1.signdata f2.signdata f3.signdata f4.signdata f5.signdata)
}

# batch ARG...: signs into out/, with the module's calls counted from zero.
batch() {
    : >"$FAULT_LOG"
    ens sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" --yes --out-dir out "$@"
}

# signed N...: out/ holds exactly the right signatures of these.
signed() {
    local n
    [ "$(ls -A out)" = "$(for n in "$@"; do echo "f$n.sig"; done)" ] ||
        fail "out/ holds:" "$(ls -A out)" "and must hold those of $*"
    for n in "$@"; do
        same "out/f$n.sig" "$BATS_FILE_TMPDIR/f$n.sig"
        mode_is "out/f$n.sig" 644
    done
}

# counts LOGINS SIGNATURES, by the module's own log, and nothing is left open.
counts() {
    called C_Login "$1"
    called C_Sign "$2"
    called C_CloseSession "$(calls C_OpenSession)"
    called C_Finalize 1
}

@test "five go through one login, each named after its sign-data, each as openssl makes it" {
    begin
    batch "${ALL[@]}"
    ok
    [ ! -s "$OUT" ]
    counts 1 5
    signed 1 2 3 4 5
}

@test "one sign-data can go to --out-dir too" {
    begin
    batch f3.signdata
    ok
    counts 1 1
    signed 3
}

@test "NAME is the file's own, without .signdata and without its directory" {
    begin
    mkdir deep
    mv f1.signdata deep/f1.signdata
    mv f2.signdata f2
    mv f3.signdata f3.signdata.old
    batch deep/f1.signdata ./f2 f3.signdata.old
    ok
    [ "$(ls -A out)" = $'f1.sig\nf2.sig\nf3.signdata.old.sig' ]
    same out/f1.sig "$BATS_FILE_TMPDIR/f1.sig"
    same out/f2.sig "$BATS_FILE_TMPDIR/f2.sig"
    same out/f3.signdata.old.sig "$BATS_FILE_TMPDIR/f3.sig"
}

@test "two that would get the same name are refused before the token is woken" {
    begin
    mkdir deep
    cp f2.signdata deep/f1.signdata
    cp f3.signdata f1
    for pair in 'f1.signdata deep/f1.signdata' 'f1.signdata f1' 'f1.signdata f2.signdata f1.signdata'; do
        # shellcheck disable=SC2086
        batch $pair
        refused 64 'f1' 'rename'
        [ ! -s "$FAULT_LOG" ]
    done
}

@test "several without --out-dir, and -o beside it, are usage errors" {
    begin
    MODULE=$FAULT sign f1.signdata f2.signdata
    usage '--out-dir'
    MODULE=$FAULT sign -o out.sig f1.signdata f2.signdata
    usage '--out-dir'
    batch -o out.sig f1.signdata
    usage '--output' '--out-dir'
    [ ! -s "$FAULT_LOG" ]
}

@test "a bad one anywhere: nothing is signed, and the token is not woken" {
    begin
    head -c 255 f5.signdata >short
    sign_data debug.signdata "$MRENCLAVE" attributes=5
    openssl dgst -sha256 -binary -out digest f5.signdata
    for bad in 'short 65' 'debug.signdata 65' 'digest 77' 'nosuch 66'; do
        batch "${ALL[@]}" "${bad% *}"
        refused "${bad#* }" "${bad% *}"
        [ ! -s "$FAULT_LOG" ]
        batch "${bad% *}" "${ALL[@]}"
        refused "${bad#* }" "${bad% *}"
        [ ! -s "$FAULT_LOG" ]
    done
}

@test "one that the policy refuses: nothing is signed" {
    begin
    policy p 'isvsvn <= 4'
    batch --policy p "${ALL[@]}"
    refused 77 'f5\.signdata: policy: isvsvn: '
    [ ! -s "$FAULT_LOG" ]
    policy p 'isvsvn <= 5'
    batch --policy p "${ALL[@]}"
    ok
    signed 1 2 3 4 5
}

@test "max-items is a limit for one run" {
    begin
    policy p 'max-items 4'
    batch --policy p "${ALL[@]}"
    refused 77 'policy: max-items: 5, wanted at most 4'
    [ ! -s "$FAULT_LOG" ]
    batch --policy p "${ALL[@]:0:4}"
    ok
    counts 1 4
    signed 1 2 3 4
}

@test "approvals are counted for each sign-data by itself" {
    begin
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/alice"
    people people alice@example.org "$BATS_TEST_TMPDIR/alice.pub"
    policy p 'approvals 1' 'approvers people'
    for n in 1 2; do
        ens approve --ssh-key "$BATS_TEST_TMPDIR/alice" --mrsigner "$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")" --yes -o "f$n.approval" "f$n.signdata"
        ok
    done
    batch --policy p --approval f1.approval f1.signdata f2.signdata
    refused 77 'f2\.signdata: policy: approvals: 0, wanted 1'
    [ ! -s "$FAULT_LOG" ]
    batch --policy p --approval f1.approval --approval f2.approval f1.signdata f2.signdata
    ok
    counts 1 2
    signed 1 2
    says 'Approvals of f1\.signdata'
    says 'Approvals of f2\.signdata'
}

@test "a signature that is there and verifies is kept, and not made again" {
    begin
    cp "$BATS_FILE_TMPDIR/f2.sig" "$BATS_FILE_TMPDIR/f4.sig" out
    touch -d 2001-01-01 out/f2.sig out/f4.sig
    batch "${ALL[@]}"
    ok
    counts 1 3
    signed 1 2 3 4 5
    says '\b2 were signed already'
    [ "$(stat -c %Y out/f2.sig out/f4.sig | sort -u)" = "$(date -d 2001-01-01 +%s)" ]
    # All there: nothing to do, and nothing is asked.
    ens sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" --out-dir out --yes "${ALL[@]}"
    ok
    unchanged
}

@test "what is there and is not a signature of this key over that is kept, with 73" {
    begin
    echo precious >"$BATS_TEST_TMPDIR/precious"
    pem_sign "$BATS_FILE_TMPDIR/two.pem" f4.signdata "$BATS_TEST_TMPDIR/other-key"
    : >"$BATS_TEST_TMPDIR/empty"
    head -c 2000 /dev/zero >"$BATS_TEST_TMPDIR/long"
    for there in "$BATS_FILE_TMPDIR/f3.sig" "$BATS_TEST_TMPDIR"/{precious,other-key,empty,long}; do
        cp "$there" out/f4.sig
        batch "${ALL[@]}"
        [ "$there" != "$BATS_TEST_TMPDIR/long" ] || {
            refused_either 65 73 'out/f4\.sig'
            continue
        }
        refused 73 'out/f4\.sig' 'f4\.signdata' '--force'
        called C_Sign 0
    done
}

@test "--force replaces what does not verify, and keeps what does" {
    begin
    echo precious >out/f4.sig
    chmod 640 out/f4.sig
    cp "$BATS_FILE_TMPDIR/f2.sig" out/f2.sig
    touch -d 2001-01-01 out/f2.sig
    batch --force "${ALL[@]}"
    ok
    counts 1 4
    mode_is out/f4.sig 640
    chmod 644 out/f4.sig
    signed 1 2 3 4 5
    [ "$(stat -c %Y out/f2.sig)" = "$(date -d 2001-01-01 +%s)" ]
    head -c 2000 /dev/zero >out/f4.sig
    batch --force "${ALL[@]}"
    ok
    counts 1 1
    signed 1 2 3 4 5
}

@test "a token that fails at the n-th leaves n-1 good signatures, and a repeat completes" {
    begin
    for n in 1 3 5; do
        rm -f out/*
        ENSIGN_FAULT=failat=$n:0x30 batch "${ALL[@]}"
        exits 85
        [ "$(errors | wc -l)" -eq 1 ]
        errors | grep "f$n\\.signdata: "
        counts 1 "$n"
        # shellcheck disable=SC2046
        signed $(seq 1 $((n - 1)))
        batch "${ALL[@]}"
        ok
        counts 1 $((6 - n))
        signed 1 2 3 4 5
    done
}

@test "a wrong signature at the n-th is 86 and not written, and the rest is not tried" {
    begin
    cp "$BATS_FILE_TMPDIR"/f1.sig "$BATS_FILE_TMPDIR"/f2.sig out
    ENSIGN_FAULT=flip batch "${ALL[@]}"
    exits 86
    errors | grep 'f3\.signdata: '
    counts 1 1
    signed 1 2
}

@test "a directory that cannot be written to: nothing more is signed than is lost" {
    begin
    rmdir out
    batch "${ALL[@]}"
    refused 73 'out'
    [ "$(calls C_Sign)" -le 1 ]
}

@test "one table: a row for each, with its MRENCLAVE, version, date, SHA-256 and dangers" {
    begin
    sign_data f5.signdata "$MRENCLAVE" isvsvn=5 attributes_mask=0xffffffffffffffff
    cp "$BATS_FILE_TMPDIR/f4.sig" out
    batch "${ALL[@]}"
    ok
    for n in 1 2 3 4 5; do
        row=$(grep -E "^ *(! )?$n f$n\.signdata " "$ERR")
        grep -qE " $MRENCLAVE +$n +$(sha256 "f$n.signdata")( |$)" <<<"$row"
        [ "$n" -eq 4 ] || not grep -q 'signed already' <<<"$row"
        [ "$n" -ne 4 ] || grep -q 'signed already' <<<"$row"
        [ "$n" -eq 5 ] || grep -q '^ *! .* DEBUG open$' <<<"$row"
        [ "$n" -ne 5 ] || not grep -Eq '!|DEBUG' <<<"$row"
    done
    says '^  PRODID 0   DATE 2024-02-29   ATTRIBUTES MODE64BIT   XFRM x87 SSE$'
    says_hex "$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")"
}

@test "--quiet: no table, but each danger in a line with how many have it" {
    begin
    sign_data f2.signdata "$MRENCLAVE" isvsvn=2 attributes=0x4 attributes_mask=0xffffffffffffffff
    openssl dgst -sha256 -binary f3.signdata >f3.digest
    batch --quiet --blind f1.signdata f2.signdata f3.digest f4.signdata
    ok
    [ "$(grep -c . "$ERR")" -eq 2 ] || fail "$(cat "$ERR")"
    grep -qx 'ensign: warning: 2 of 4: DEBUG is not enforced: a host may start this enclave with its memory open: f1.signdata, f4.signdata' "$ERR"
    grep -q '^ensign: warning: 1 of 4: BLIND: .*: f3\.digest$' "$ERR"
    batch --quiet --force f1.signdata
    grep -qx 'ensign: warning: DEBUG is not enforced: a host may start this enclave with its memory open' "$ERR"
}

@test "on a terminal: one question for all, and no signs none" {
    begin
    tty_ens 'Sign these 5, of which 5 have dangers.*\? Type' no -- sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" \
        --out-dir out "${ALL[@]}"
    exits 77
    unchanged
    called C_Sign 0
    : >"$FAULT_LOG"
    tty_ens 'Sign these 5, of which 5 have dangers.*\? Type' yes -- sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" \
        --out-dir out "${ALL[@]}"
    exits 0
    [ "$(grep -c 'Type yes' "$OUT")" -eq 1 ]
    counts 1 5
    signed 1 2 3 4 5
}

@test "on a terminal: the question counts what is still to be signed" {
    begin
    cp "$BATS_FILE_TMPDIR"/f2.sig out
    tty_ens 'Sign these 4, of which 5 have dangers.*\? Type' yes -- sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" \
        --out-dir out "${ALL[@]}"
    exits 0
    counts 1 4
    signed 1 2 3 4 5
}

@test "on a terminal: what is signed, then rate and time left, which are gone at the end" {
    begin
    ENSIGN_FAULT=delay=400 tty_ens -- sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" --yes \
        --out-dir out "${ALL[@]}"
    exits 0
    signed 1 2 3 4 5
    tr '\r' '\n' <"$OUT" | grep -aEq "^signing 1 of 5: $(basename "${ALL[0]}") +\$" || fail "$(cat -v "$OUT")"
    tr '\r' '\n' <"$OUT" | grep -aEq '^signed [234] of 5, [0-9]\.[0-9] a second, [0-9] s left +$' || fail "$(cat -v "$OUT")"
    grep -aEq $'\r +\rout/: 5 signatures by ' "$OUT" || fail "$(cat -v "$OUT")"
    ENSIGN_FAULT=delay=400 batch --force "${ALL[@]}"
    ok
    not grep -qE 'a second|signing' "$ERR"
}

@test "a key that always asks says before how many PIN entries follow, and takes just as many" {
    begin
    KEY='pkcs11:token=ensign;object=asks'
    batch "${ALL[@]}"
    ok
    says 'PIN for every signature: 5 more times'
    counts 6 5
    for n in 1 2 3 4 5; do
        openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/two.pem.pub" -signature "out/f$n.sig" "f$n.signdata"
    done
    rm out/f2.sig out/f5.sig
    batch "${ALL[@]}"
    ok
    says 'PIN for every signature: 2 more times'
    counts 3 2
}

@test "on a terminal: such a key has its PIN typed once, and then once for each" {
    begin
    tty_ens 'PIN.*:' "$PIN" 'for every signature: 2 more times[^~]*Type yes' yes 'PIN.*:' "$PIN" 'PIN.*:' "$PIN" -- \
        sign --key 'pkcs11:token=ensign;object=asks' --module "$FAULT" --out-dir out f1.signdata f2.signdata
    exits 0
    counts 3 2
    not grep -q "$PIN" "$OUT"
    [ "$(cat "$BATS_TEST_TMPDIR/echo")" = on ]
    for n in 1 2; do
        openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/two.pem.pub" -signature "out/f$n.sig" "f$n.signdata"
    done
}

@test "the transcript has one intent and one outcome, with each signature's SHA-256" {
    begin
    cp "$BATS_FILE_TMPDIR/f2.sig" out
    batch --transcript t "${ALL[@]}"
    ok
    ens transcript t
    ok
    [ "$(grep '^Record ' "$OUT" | cut -d, -f3 | tr -d '\n')" = ' begin intent outcome' ]
    for n in 1 2 3 4 5; do
        prints "^  item: $n sign-data $(sha256 "f$n.signdata") f$n\\.signdata out/f$n\\.sig\$"
        prints "^  result: $n $([ "$n" = 2 ] && echo kept || echo written) $(sha256 "out/f$n.sig")\$"
    done
    prints '^  calls: 4 4$'
}

@test "interrupted: what was signed is there, and the message counts it" {
    begin
    ENSIGN_FAULT=delay=300 "$ENSIGN" sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" --yes --out-dir out \
        "${ALL[@]}" >stdout 2>words &
    for _ in {1..1500}; do
        [ "$(find out -name '*.sig' | wc -l)" -lt 2 ] || break
        sleep 0.02
    done
    status=0
    kill -INT $!
    wait $! || status=$?
    exits 130
    n=$(find out -name '*.sig' | wc -l)
    [ "$n" -ge 2 ] && [ "$n" -lt 5 ]
    grep -qx "ensign: interrupted: $n of 5 signatures are there: repeat for the rest" words ||
        fail "$n are there:" "$(cat words)"
    [ "$(calls C_Sign)" -le $((n + 1)) ]
    [ "$(find out -type f | wc -l)" -eq "$n" ]
    rm stdout words
    batch "${ALL[@]}"
    ok
    signed 1 2 3 4 5
}

@test "what a killed run left in --out-dir goes, what is in use stays" {
    begin
    echo left >out/.ensign-00000000
    echo used >out/.ensign-00000001
    exec 9<out/.ensign-00000001
    flock 9
    batch f1.signdata
    ok
    [ "$(ls -A out)" = $'.ensign-00000001\nf1.sig' ] || fail "$(ls -A out)"
    exec 9<&-
    batch --dry-run f2.signdata
    [ -e out/.ensign-00000001 ]
}

@test "--dry-run signs none of them" {
    begin
    batch --dry-run "${ALL[@]}"
    ok
    counts 1 0
    unchanged
}
