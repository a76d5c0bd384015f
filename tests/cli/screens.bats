#!/usr/bin/env bats
# What people see at a terminal: that nobody else paints on it, that whoever is asked has seen what is signed,
# and what stands on the last screen, line by line.

load helpers
load tmux

# Its bytes clear a screen, and begin a line that looks like ensign's own.
EVIL=$'e\e[2J\e]0;x\a\nMRENCLAVE  0000\r\x9b31m\xc2\x9b1A\xe2\x80\xae'

setup_file() {
    token ensign
    cd "$BATS_FILE_TMPDIR" || return 1
    test_key one one.pem
    import one.pem release 01
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata good.sig
    sigstruct good.css one "$MRENCLAVE"
    ssh-keygen -q -t ed25519 -N '' -C '' -f alice
}

# Nothing that was seen drives a terminal, and the name began no line.
harmless() {
    plain_terminal "$OUT"
    not grep -a '^ *MRENCLAVE  0000' "$OUT"
}

@test "A3: a file name drives no terminal and begins no line, in no command" {
    local n=$BATS_FILE_TMPDIR key=(--key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin")
    mkdir "$EVIL"
    cp "$n/good.signdata" "$EVIL/$EVIL.signdata"
    cp "$n/good.sig" "$EVIL/$EVIL.sig"
    cp "$n/good.css" "$EVIL/$EVIL.css"
    cp "$n/alice" "$EVIL/key"
    cp "$n/alice.pub" "$EVIL/key.pub"
    enclave "$EVIL/$EVIL.sgxs"
    bundle "$EVIL/$EVIL.orc"
    cd "$EVIL"
    tty_ens 'to sign: ' yes -- sign "${key[@]}" -o "$EVIL.out" "$EVIL.signdata"
    exits 0
    harmless
    mkdir "out$EVIL"
    cp "$EVIL.signdata" "two$EVIL.signdata"
    tty_ens 'to sign: ' no -- sign "${key[@]}" --out-dir "out$EVIL" "$EVIL.signdata" "two$EVIL.signdata"
    exits 77
    harmless
    tty_ens -- sign "${key[@]}" --yes --policy "$EVIL.orc" -o x "$EVIL.signdata"
    exits 65
    harmless
    tty_ens -- sign "${key[@]}" --yes -o "$EVIL.out" "$EVIL.signdata"
    exits 73
    harmless
    tty_ens -- sign --key "$EVIL" --module "$SOFTHSM" --yes -o x "$EVIL.signdata"
    exits 64
    harmless
    tty_ens -- sign --key "$RELEASE" --module "$EVIL" --yes -o x "$EVIL.signdata"
    exits 69
    harmless
    tty_ens 'approve: ' no -- approve --ssh-key key --rebuilt "$EVIL.sgxs" -o x "$EVIL.signdata"
    exits 77
    harmless
    tty_ens -- approve --ssh-key "$EVIL" --yes -o x "$EVIL.signdata"
    harmless
    for file in "$EVIL".{signdata,sig,css,sgxs,orc} "$EVIL" key; do
        tty_ens -- show "$file"
        harmless
        tty_ens -- verify "$file"
        harmless
        tty_ens -- compare "$EVIL.sgxs" "$file"
        harmless
        tty_ens -- extract -o "x$EVIL" "$file"
        harmless
        tty_ens -- transcript "$file"
        harmless
    done
    tty_ens -- gen-sign-data -o "y$EVIL" "$EVIL.orc"
    exits 0
    harmless
    tty_ens -- set-sig --date 20240229 --pubkey "$n/one.pem.pub" --signature "$EVIL.sig" "$EVIL.orc"
    harmless
    tty_ens 'to sign: ' no -- resign "${key[@]}" "$EVIL.orc"
    exits 77
    harmless
    tty_ens -- resign "${key[@]}" --yes "$EVIL.orc" "$EVIL.sgxs" "$EVIL"
    harmless
    tty_ens -- "$EVIL"
    exits 64
    harmless
    tty_ens -- help "$EVIL"
    exits 64
    harmless
    tty_ens -- sign "--$EVIL"
    exits 64
    harmless
}

@test "A3: what a token says drives no terminal" {
    local evil=$'ev\e[2J\xc2\x9b1Ail'
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/softhsm2.conf
    mkdir "$BATS_TEST_TMPDIR/tokens"
    sed "s|^directories.tokendir.*|directories.tokendir = $BATS_TEST_TMPDIR/tokens|" \
        "$BATS_FILE_TMPDIR/softhsm2.conf" >"$SOFTHSM2_CONF"
    softhsm2-util --init-token --free --label "$evil" --so-pin 87654321 --pin "$PIN" >/dev/null
    openssl pkcs8 -topk8 -nocrypt -in "$BATS_FILE_TMPDIR/one.pem" -out "$BATS_TEST_TMPDIR/p8"
    softhsm2-util --import "$BATS_TEST_TMPDIR/p8" --token "$evil" --label "$evil"$'\n'key --id 01 --pin "$PIN" >/dev/null
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    tty_ens -- keys --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin"
    exits 0
    plain_terminal "$OUT"
    tty_ens 'PIN of token ev.*: ' "$PIN" 'to sign: ' yes -- sign --key pkcs11:id=%01 --module "$SOFTHSM" -o out.sig s.signdata
    exits 0
    plain_terminal "$OUT"
    tty_ens -- sign --key pkcs11:object=none --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes -o x s.signdata
    exits 80
    plain_terminal "$OUT"
}

@test "A9: what is typed before the review answers nothing: sign, approve, resign" {
    local key=(--key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_FILE_TMPDIR/pin")
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    bundle f.orc
    before=$(picture)
    AHEAD=yes tty_ens 'to sign: ' no -- sign "${key[@]}" -o out.sig s.signdata
    exits 77
    unchanged
    AHEAD=yes tty_ens 'to approve: ' no -- approve --ssh-key "$BATS_FILE_TMPDIR/alice" -o a s.signdata
    exits 77
    unchanged
    AHEAD=yes tty_ens 'to sign: ' no -- resign "${key[@]}" f.orc
    exits 77
    unchanged
    # Nor what is typed on top of an answer that is none.
    AHEAD=y tty_ens 'to sign: ' $'Y\nyes' 'yes or no: ' no -- sign "${key[@]}" -o out.sig s.signdata
    exits 77
    unchanged
    called C_Sign 0
}
