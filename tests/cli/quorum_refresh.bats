#!/usr/bin/env bats
# quorum refresh and apply: new shares of the same key, with names and keys that may change. Holders have the identities
# of tests/vectors/quorum; the fourth is the one that Bob gets.

load helpers

KEY=$ROOT/tests/vectors/keys/testkey.pem
HOLDERS=$ROOT/tests/vectors/quorum
CARDS=(--card "$HOLDERS/1.card" --card "$HOLDERS/2.card" --card "$HOLDERS/3.card")

fixtures() {
    cd "$BATS_FILE_TMPDIR" || return
    local i
    mkdir quorum a b
    printf 'correct horse battery\n' >passphrase
    chmod 600 passphrase
    "$ENSIGN" quorum deal --threshold 2 "${CARDS[@]}" --from "$KEY" --allow-swap --yes --quiet --out-dir quorum
    # Two people contribute, and Bob's place is Dora's from now on.
    for i in a b; do
        "$ENSIGN" quorum refresh --public quorum/quorum.pub "${CARDS[@]}" --next "2=$HOLDERS/4.card" --yes --quiet --out-dir $i
    done
}

F=$BATS_FILE_TMPDIR
PASS=(--pin-source "file:$BATS_FILE_TMPDIR/passphrase")

# apply I ARG...: as holder I, with both deltas.
apply() {
    local i=$1
    shift
    ens quorum apply --share "$F/quorum/$i.share" --identity "$HOLDERS/$i.identity" "${PASS[@]}" \
        -o "new.$i.share" --public-out "new.$i.pub" "$@"
}

sign_new() { # I IDENTITY OUT
    ens quorum sign --share "new.$1.share" --identity "$HOLDERS/$2.identity" "${PASS[@]}" --yes -o "$3" a.signdata
}

# finish FILE: the trailer anew.
finish() {
    sed -i '/^sha256: /d' "$1"
    printf 'sha256: %s\n' "$(sha256 "$1")" >>"$1"
}

@test "quorum refresh and apply: new shares, one public file, the same key; old and new do not mix" {
    sign_data a.signdata "$MRENCLAVE"
    apply 1 --yes --transcript room "$F/a/1.delta" "$F/b/1.delta"
    ok
    says '^Adds 2 deltas to the share of holder 1, 2 of 3, epoch 0: Alice$'
    says '^Holder 2: Bob$'
    says '^becomes$'
    says '^Holder 2: Dora$'
    says 'new.1.share: the new share of holder 1, epoch 2. Next: compare the words'
    grep -Eq "^delta: [^ ]*/a/1.delta [0-9a-f]{32} $(sha256 "$F/a/1.delta")$" room
    [ "$(grep -c '^quorum: ' room)" -eq 2 ]
    ens transcript room
    ok
    mode_is new.1.share 600
    apply 3 --yes "$F/b/3.delta" "$F/a/3.delta"
    ok
    # Dora is sealed to by the one who has Bob's share until now.
    apply 2 --next "$HOLDERS/4.card" --yes "$F/a/2.delta" "$F/b/2.delta"
    ok
    same new.1.pub new.3.pub
    same new.1.pub new.2.pub
    grep -qx 'epoch: 2' new.1.pub
    grep -qx 'holder-2: Dora' new.1.pub
    [ "$(sed -n 's/^mrsigner: //p' new.1.pub)" = "$(sed -n 's/^mrsigner: //p' "$F/quorum/quorum.pub")" ]
    sign_new 1 1 1.partial
    ok
    sign_new 2 4 2.partial
    ok
    sign_new 2 2 x
    refused 82 'new.2.share: is sealed to another key'
    ens quorum combine --public new.1.pub --sign-data a.signdata -o a.sig 1.partial 2.partial
    ok
    pem_sign "$KEY" a.signdata whole.sig
    same a.sig whole.sig
    # The partial of an old share is one of another epoch.
    ens quorum sign --share "$F/quorum/3.share" --identity "$HOLDERS/3.identity" "${PASS[@]}" --yes -o old.partial a.signdata
    ok
    ens quorum combine --public new.1.pub --sign-data a.signdata -o b.sig 1.partial old.partial
    refused 65 '2 of 3 are needed, 1 is here: holder 1'
    # Deltas are for one epoch, and are applied once.
    ens quorum apply --share new.1.share --identity "$HOLDERS/1.identity" "${PASS[@]}" --yes -o x --public-out y "$F/a/1.delta"
    refused 65 '/a/1.delta: is for another quorum, or another epoch of this one'
}

@test "quorum refresh: cards in order, the public file's, and an own name for each" {
    mkdir out
    local refresh=(quorum refresh --public "$F/quorum/quorum.pub")
    ens "${refresh[@]}" "${CARDS[@]}"
    usage '--out-dir: is missing'
    ens quorum refresh "${CARDS[@]}" --out-dir out
    usage '--public: is missing'
    ens "${refresh[@]}" --card "$HOLDERS/1.card" --out-dir out --yes
    usage '--card: 1 are given, for 3 holders'
    for next in 0=x 4=x 2 2:x x=2; do
        ens "${refresh[@]}" "${CARDS[@]}" --next "$next" --out-dir out --yes
        usage "--next: '$next' is not I=CARD"
    done
    ens "${refresh[@]}" "${CARDS[@]}" --next "2=$HOLDERS/1.card" --out-dir out --yes
    usage '--next: holders 1 and 2 would have one name or one key'
    ens "${refresh[@]}" "${CARDS[@]}" --out-dir out
    refused 77 'there is no terminal to ask at'
    ens "${refresh[@]}" "${CARDS[@]}" --out-dir none --yes
    refused 73 'none/1.delta'
    touch out/3.delta
    ens "${refresh[@]}" "${CARDS[@]}" --out-dir out --yes
    refused 73 'out/3.delta: exists'
    rm out/3.delta
    # Two cards the wrong way round are two strangers: --yes does not say that they are meant.
    ens "${refresh[@]}" --card "$HOLDERS/2.card" --card "$HOLDERS/1.card" --card "$HOLDERS/3.card" --out-dir out --yes
    refused 77 '2.card: somebody must type the name on it: leave --yes out'
    warned '2.card: is not the card that the public file names for holder 1, Alice'
    # The right key under another name is another card.
    sed 's/^name: Bob$/name: Mallory/' "$HOLDERS/2.card" >mallory.card
    finish mallory.card
    ens quorum refresh --public "$F/quorum/quorum.pub" --card "$HOLDERS/1.card" --card mallory.card --card "$HOLDERS/3.card" --yes --out-dir .
    refused 77 'mallory.card: somebody must type the name on it'
    rm mallory.card
    need_terminal
    tty_ens 'Type the name on the card' Bob 'Type the name on the card' Bob 'Type the name on the card' Bob -- "${refresh[@]}" --card "$HOLDERS/1.card" --card "$HOLDERS/4.card" \
        --card "$HOLDERS/3.card" --out-dir out
    exits 77
    [ -z "$(ls -A out)" ]
    tty_ens 'Type the name on the card' Dora 'Type yes' yes -- "${refresh[@]}" --card "$HOLDERS/1.card" \
        --card "$HOLDERS/4.card" --card "$HOLDERS/3.card" --out-dir out
    exits 0
    prints 'No name and no key changes'
    [ "$(sed -n 's/^key: //p' out/2.delta)" = "$(sed -n '/^key:$/,/^sha256/p' "$HOLDERS/4.card" | sed '1d;$d' | base64 -d | sha256sum | cut -c1-64)" ]
    # The last epoch.
    sed 's/^epoch: 0/epoch: 255/' "$F/quorum/quorum.pub" >last.pub
    finish last.pub
    ens quorum refresh --public last.pub "${CARDS[@]}" --out-dir out --yes
    refused 65 'last.pub: '
}

@test "quorum apply: what the deltas of another holder, list or contributor are" {
    mkdir c
    local apply=(quorum apply --share "$F/quorum/1.share" --identity "$HOLDERS/1.identity" "${PASS[@]}")
    ens "${apply[@]}" --yes -o x "$F/a/1.delta"
    usage '--public-out: is missing'
    ens "${apply[@]}" --yes --public-out y "$F/a/1.delta"
    usage '--output: is missing'
    ens "${apply[@]}" --yes -o x --public-out x "$F/a/1.delta"
    usage '--public-out and --output name the same file'
    # stdout takes no share, and no file is called "-".
    ens "${apply[@]}" --yes -o - --public-out y "$F/a/1.delta"
    usage '-: the share and its public file go to files'
    ens "${apply[@]}" --yes -o x --public-out - "$F/a/1.delta"
    usage '-: the share and its public file go to files'
    cp "$F/quorum/1.share" mine
    ens quorum apply --share mine --identity "$HOLDERS/1.identity" "${PASS[@]}" --yes -o mine --public-out y "$F/a/1.delta"
    usage 'mine|--share'
    ens quorum apply --share mine --identity "$HOLDERS/1.identity" "${PASS[@]}" --yes -o y --public-out ./mine "$F/a/1.delta"
    usage 'mine|--share'
    ens "${apply[@]}" --yes -o x --public-out y
    usage ''
    apply 1 "$F/a/1.delta"
    refused 77 'there is no terminal to ask at'
    apply 1 --yes "$F/a/1.delta" "$F/a/1.delta"
    refused 65 '/a/1.delta: has the serial of '
    apply 1 --yes "$F/a/3.delta"
    refused 65 '/a/3.delta: is for holder 3, and this share is of holder 1'
    "$ENSIGN" quorum refresh --public "$F/quorum/quorum.pub" "${CARDS[@]}" --yes --quiet --out-dir c
    apply 1 --yes "$F/a/1.delta" c/1.delta
    refused 65 'c/1.delta: names other holders or keys than .*/a/1.delta: all contributors give the same --next'
    apply 2 --yes "$F/a/2.delta" "$F/b/2.delta"
    refused 65 'the deltas name another key for you: somebody gave the contributors another card'
    apply 1 --next "$HOLDERS/4.card" --yes "$F/a/1.delta" "$F/b/1.delta"
    refused 65 'the deltas name another key for you'
    ens quorum apply --share "$F/quorum/1.share" --identity "$HOLDERS/2.identity" "${PASS[@]}" --yes -o x --public-out y "$F/a/1.delta"
    refused 82 '1.share: is sealed to another key'
    # Commitments of another contributor, and numbers that are not the ones committed to.
    {
        sed '/^commitments:$/,$d' "$F/a/1.delta"
        sed -n '/^commitments:$/,/^key:/p' "$F/b/1.delta" | sed '$d'
        sed -n '/^key: /,$p' "$F/a/1.delta"
    } >mixed.delta
    finish mixed.delta
    apply 1 --yes mixed.delta
    exits 65
    unchanged
    touch new.1.pub
    apply 1 --yes "$F/a/1.delta"
    refused 73 'new.1.pub: exists already: name another file$'
}

@test "quorum apply: asks, with what becomes of each holder, and writes nothing before yes" {
    need_terminal
    local apply=(quorum apply --share "$F/quorum/3.share" --identity "$HOLDERS/3.identity" "${PASS[@]}" -o s --public-out p)
    tty_ens 'Type yes to apply' no -- "${apply[@]}" "$F/a/3.delta"
    exits 77
    unchanged
    tty_ens 'Type yes to apply' yes -- "${apply[@]}" "$F/a/3.delta"
    exits 0
    prints 'becomes'
    files s p
}
