#!/usr/bin/env bats
# A person at a terminal (tmux.bash): what is read, what is typed, what is seen of it, and what is left behind.

load helpers
load tmux

fixtures() {
    signing_host
    always_auth one.pem 06
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata good.sig
}

@test "the PIN is not seen, the review fits, yes signs" {
    begin
    types 'ensign sign --key "$K" -o out.sig s.signdata'
    sees '^PIN of token ensign:$'
    types "$PIN"
    sees '^Sign this, with 1 danger\? Type yes to sign:$'
    look >"$BATS_TEST_TMPDIR/question"
    # What is compared is on the screen together with the question.
    [ "$(grep -Ec '^ +[1-4]( [A-Za-z]+){8}$' "$BATS_TEST_TMPDIR/question")" -eq 4 ]
    tr -d ' \n' <"$BATS_TEST_TMPDIR/question" | grep -q "MRENCLAVE$MRENCLAVE"
    grep -q 'ISVSVN' "$BATS_TEST_TMPDIR/question"
    types yes
    ended 0
    same out.sig "$BATS_FILE_TMPDIR/good.sig"
    secret
    fits
    grep -q '! DEBUG is not enforced' "$BATS_TEST_TMPDIR/session"
    files out.sig s.signdata
    called C_Login 1
    called C_Sign 1
}

@test "no means no, and q as well" {
    begin
    for answer in no q; do
        types clear
        types 'ensign sign --key "$K" --pin-source "file:$PINFILE" -o out.sig s.signdata'
        sees '^Sign this, with 1 danger\? Type yes to sign:$'
        types "$answer"
        ended 77
        grep -q '^ensign: s\.signdata: not signed: the answer was no$' "$BATS_TEST_TMPDIR/session"
        nothing_left
        fits
    done
    called C_Sign 0
}

@test "what is neither yes nor no is asked for again, twice, and is not a yes" {
    begin
    types 'ensign sign --key "$K" --pin-source "file:$PINFILE" -o out.sig s.signdata'
    sees '^Sign this, with 1 danger\? Type yes to sign:$'
    types YES
    sees '^Please type yes or no:$'
    types ''
    sees '^Please type yes or no:$'
    types 'yes!'
    ended 77
    grep -q '^ensign: s\.signdata: not signed: the answer was not yes$' "$BATS_TEST_TMPDIR/session"
    nothing_left
    called C_Sign 0
    # A slip is no end: the second answer counts, whatever the first was.
    for slip in y "$(printf 'yes%.0s' {1..200})" ' yes'; do
        types clear
        types 'ensign sign --key "$K" --force --pin-source "file:$PINFILE" -o out.sig s.signdata'
        sees '^Sign this, with 1 danger\? Type yes to sign:$'
        types "$slip"
        sees '^Please type yes or no:$'
        types yes
        ended 0
        same out.sig "$BATS_FILE_TMPDIR/good.sig"
    done
    called C_Sign 3
}

@test "Ctrl-D at the question is a no, on a line of its own" {
    begin
    types 'ensign sign --key "$K" --pin-source "file:$PINFILE" -o out.sig s.signdata'
    sees 'Type yes to sign:$'
    types C-d
    ended 77
    grep -q '^ensign: s\.signdata: not signed: the answer was no$' "$BATS_TEST_TMPDIR/session"
    nothing_left
    called C_Sign 0
}

@test "Ctrl-C at the PIN leaves nothing behind, and the terminal echoes" {
    begin
    types 'ensign sign --key "$K" -o out.sig s.signdata'
    sees '^PIN of token ensign:$'
    mux send-keys -l 1234
    types C-c
    ended 130
    not grep -F 1234 "$BATS_TEST_TMPDIR/session"
    nothing_left
    called C_Login 0
}

@test "Ctrl-C at the question leaves nothing behind, and the session is closed" {
    begin
    types 'ensign sign --key "$K" -o out.sig s.signdata'
    sees '^PIN of token ensign:$'
    types "$PIN"
    sees 'Type yes to sign:$'
    types C-c
    ended 130
    grep -Eq '^ensign: .*interrupt' "$BATS_TEST_TMPDIR/session"
    secret
    nothing_left
    called C_Login 1
    called C_Sign 0
    called C_CloseSession "$(calls C_OpenSession)"
    called C_Finalize 1
}

@test "Ctrl-C while the token signs: its signature is not written" {
    begin
    types 'export ENSIGN_FAULT=delay=2500'
    types 'ensign sign --key "$K" --pin-source "file:$PINFILE" -o out.sig s.signdata'
    sees 'Type yes to sign:$'
    types yes
    sleep 0.7
    types C-c
    ended 130
    nothing_left
    called C_Sign 1
    called C_Finalize 1
}

@test "Ctrl-C in a batch: what is finished stays, and nothing half done" {
    begin
    mkdir out
    for n in 1 2 3; do
        sign_data "f$n.signdata" "$MRENCLAVE" isvsvn=$n
    done
    types 'export ENSIGN_FAULT=delay=1500'
    types 'ensign sign --key "$K" --pin-source "file:$PINFILE" --out-dir out f?.signdata'
    sees '^Sign these 3, of which 3 have dangers \(f1, f2, f3\)\? Type yes to sign:$'
    types yes
    for ((n = 0; n < 1500; n++)); do
        [ ! -e out/f1.sig ] || break
        sleep 0.05
    done
    types C-c
    ended 130
    [ "$(ls -A out)" = f1.sig ]
    openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/one.pem.pub" -signature out/f1.sig f1.signdata
    fits
}

@test "a wrong PIN is said in one line, and tried once" {
    begin
    types 'ensign sign --key "$K" -o out.sig s.signdata'
    sees '^PIN of token ensign:$'
    types 999999
    ended 83
    not grep -F 999999 "$BATS_TEST_TMPDIR/session"
    [ "$(grep -c '^ensign: ' "$BATS_TEST_TMPDIR/session")" -eq 1 ]
    nothing_left
    called C_Login 1
}

@test "a key that always asks: each PIN is asked for by name, and none is seen" {
    begin
    types 'ensign sign --key "pkcs11:token=ensign;object=asks" -o out.sig s.signdata'
    sees '^PIN of token ensign:$'
    types "$PIN"
    sees 'Type yes to sign:$'
    types yes
    sees '^PIN .*:$'
    look | grep -c '^PIN '
    types "$PIN"
    ended 0
    same out.sig "$BATS_FILE_TMPDIR/good.sig"
    secret
    called C_Login 2
}

@test "every danger, a policy, approvals and a batch can be read at 80 columns" {
    begin
    sign_data bad.signdata "$MRENCLAVE" attributes=0x36 date=0x20230230 xfrm=7 miscmask=0
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/alice"
    people people alice@example.org "$BATS_TEST_TMPDIR/alice.pub"
    ens approve --ssh-key "$BATS_TEST_TMPDIR/alice" --mrsigner "$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")" --yes --allow-unusual -o a bad.signdata
    ok
    policy p 'isvprodid 0' 'isvsvn <= 65535' 'attributes 0x36/2' 'xfrm 7/3' 'debug allow' 'approvals 1' \
        'approvers people' 'key sensitive' 'max-items 9' 'provision-key allow' 'blind forbid' 'miscselect any'
    types 'O="--pin-source file:$PINFILE --policy p --approval a --allow-unusual"'
    types 'ensign sign --key "$K" $O -o out.sig bad.signdata'
    sees 'Type yes to sign:$'
    types no
    ended 77
    grep -q '! PROVISIONKEY' "$BATS_TEST_TMPDIR/session"
    grep -q '^Approvals   1 of 1: alice@example.org$' "$BATS_TEST_TMPDIR/session"
    grep -Eq '^Policy      p [0-9a-f]{8} ... [0-9a-f]{8}: 12 of 12 lines hold$' "$BATS_TEST_TMPDIR/session"
    fits
    mkdir out
    cp bad.signdata two.signdata
    types 'ensign sign --key "$K" $O --out-dir out bad.signdata two.signdata'
    sees '^(-- 1 of [0-9]: press Enter --|Sign these 2, .*)$'
    while look | sed '/^$/d' | tail -n 1 | grep -q 'press Enter'; do
        types ''
    done
    sees '^Sign these 2, of which 2 have dangers \(bad, two\)\? Type yes to sign:$'
    types no
    ended 77
    fits
}

@test "approve: the question and the passphrase, neither seen nor left behind" {
    begin
    ssh-keygen -q -t ed25519 -N 'open sesame' -C '' -f "$BATS_TEST_TMPDIR/alice"
    ln -s "$BATS_TEST_TMPDIR/alice" alice
    # shellcheck disable=SC2034  # nothing_left compares with it
    before=$(picture)
    types 'ensign approve --ssh-key alice --mrsigner $M -o a s.signdata'
    sees '^Approve this, with 1 danger\? Type yes to approve, or no to reject:$'
    types no
    sees '^Write a rejection\? Type yes:$'
    types no
    ended 77
    nothing_left
    types 'ensign approve --ssh-key alice --mrsigner $M -o a s.signdata'
    sees '^Approve this, with 1 danger\? Type yes to approve, or no to reject:$'
    types yes
    sees '^(ssh-keygen: )?Enter passphrase.*:$'
    types C-c
    ended 130
    nothing_left
    types 'clear; ensign approve --ssh-key alice --mrsigner $M -o a s.signdata'
    sees '^Approve this, with 1 danger\? Type yes to approve, or no to reject:$'
    types yes
    sees '^(ssh-keygen: )?Enter passphrase.*:$'
    types 'open sesame'
    ended 0
    not grep -F 'sesame' "$BATS_TEST_TMPDIR/session"
    fits
    grep -q 'BEGIN SSH SIGNATURE' a
}

@test "keygen asks for the PIN once, and what it prints can be pasted" {
    begin
    types 'ensign keygen --token pkcs11:token=ensign --label fresh --pubkey P.pem'
    sees '^PIN of token ensign:$'
    types "$PIN"
    sees '^>$'
    uri=$(look | grep -E '^pkcs11:[^ ]*object=fresh')
    ended 0
    secret
    types "K='$uri'; clear"
    types 'ensign sign --key "$K" --yes -o out.sig s.signdata'
    sees '^PIN of token ensign:$'
    types "$PIN"
    ended 0
    openssl dgst -sha256 -verify P.pem -signature out.sig s.signdata
}
