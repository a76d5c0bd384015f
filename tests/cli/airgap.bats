#!/usr/bin/env bats
# docs/airgap.md, typed as it stands: the blocks of each way across the gap, in one shell on a terminal (recipe.py), and what
# came across is signed and verifies. A block that needs qrencode or zbarimg runs if these are installed, else it is named.

load helpers

PAGE=$ROOT/docs/airgap.md
export RECIPES=$BATS_TEST_DIRNAME/airgap.txt # which says what each block is
OFFLINE=$ROOT/build/$VARIANT/ensign-offline

fixtures() {
    token hsm
    test_key one one.pem
    import one.pem release 01 hsm
    enclave app.sgxs
}

begin() {
    need_terminal
    [ -x "$OFFLINE" ] || fail "$OFFLINE is not there: run make first"
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$ENSIGN" "$BATS_TEST_TMPDIR/bin/ensign"
    ln -s "$OFFLINE" "$BATS_TEST_TMPDIR/bin/ensign-offline"
    cp "$BATS_FILE_TMPDIR/app.sgxs" .
    TOOLS=()
    for tool in qrencode zbarimg; do
        ! command -v $tool >/dev/null || TOOLS+=("$tool")
    done
}

# way N: its blocks, with PINs and answers.
way() {
    "$PYTHON" "$ROOT/tests/cli/recipe.py" script "$PAGE" "$1" "${TOOLS[@]}" >"$BATS_TEST_TMPDIR/script" 2>"$BATS_TEST_TMPDIR/skipped" ||
        fail "$(cat "$BATS_TEST_TMPDIR/skipped")"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH "$PYTHON" "$ROOT/tests/cli/recipe.py" run "$BATS_TEST_TMPDIR/script" "$PIN"
    [ ! -s "$BATS_TEST_TMPDIR/skipped" ] || skip "$(tr '\n' ';' <"$BATS_TEST_TMPDIR/skipped")"
}

@test "as text: printed, mailed, typed, and a mistake is named with its line" {
    begin
    way 1
    ens verify --mrenclave "$MRENCLAVE" --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --min-isvsvn 12 --forbid-debug app.sigstruct
    ok
    accepted sigstruct app.sigstruct
    # The mistakes of the page are what they are said to be.
    ens show typed.txt
    refused 65 'typed\.txt: line 4: line-order: '
    ens show quoted.txt
    exits 65
}

@test "out of the room: a signature and a transcript as codes, bytes and text" {
    begin
    way 2
    ens verify --mrenclave "$MRENCLAVE" --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --min-isvsvn 12 app.sigstruct
    ok
    same room.transcript back.transcript
}

@test "into the room: sign-data as a code" {
    begin
    way 3
    openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/one.pem.pub" -signature app.sig app.signdata
}

@test "what breaks a code, as the page says" {
    begin
    [ ${#TOOLS[@]} -eq 2 ] || skip "qrencode and zbar-tools are not installed"
    sign_data s.signdata "$MRENCLAVE"
    # Without -8: up to the first zero.
    qrencode -l M -o short.png -r s.signdata
    zbarimg -q --nodbus --raw --oneshot -Sdisable -Sqrcode.enable -Sbinary short.png >short
    size_is short 1
    # Without -Sbinary: other bytes, and no error.
    qrencode -8 -l M -o whole.png -r s.signdata
    zbarimg -q --nodbus --raw --oneshot -Sdisable -Sqrcode.enable whole.png >other
    not cmp -s other s.signdata
    ens show other
    exits 65
    zbarimg -q --nodbus --raw --oneshot -Sdisable -Sqrcode.enable -Sbinary whole.png >same
    same same s.signdata
}
