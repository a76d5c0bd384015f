#!/usr/bin/env bats
# quorum sign: one holder's partial, by the same rules, review and question as sign. Holders have identities of
# tests/vectors/quorum; keys in tokens: quorum_token.bats.

load helpers

KEY=$ROOT/tests/vectors/keys/testkey.pem
HOLDERS=$ROOT/tests/vectors/quorum

fixtures() {
    cd "$BATS_FILE_TMPDIR" || return
    mkdir quorum
    "$ENSIGN" quorum deal --threshold 2 --card "$HOLDERS/1.card" --card "$HOLDERS/2.card" --card "$HOLDERS/3.card" \
        --from "$KEY" --allow-swap --yes --quiet --out-dir quorum
    printf 'correct horse battery\n' >passphrase
    chmod 600 passphrase
}

# holder I ARG...: quorum sign as holder I.
holder() {
    local i=$1
    shift
    ens quorum sign --share "$BATS_FILE_TMPDIR/quorum/$i.share" --identity "$HOLDERS/$i.identity" \
        --pin-source "file:$BATS_FILE_TMPDIR/passphrase" "$@"
}

PUBLIC=$BATS_FILE_TMPDIR/quorum/quorum.pub
id_of_quorum() {
    sed '$d' "$PUBLIC" | sha256sum | cut -d' ' -f1
}

@test "quorum sign: two partials are the one signature, and the record says who made what" {
    sign_data a.signdata "$MRENCLAVE" isvsvn=7
    holder 1 --yes --note 'the usual three' --transcript room -o 1.partial a.signdata
    ok
    says 'MRENCLAVE +'"$MRENCLAVE"
    says '^Share +makes the partial of holder 1, for 2 of 3; it cannot be taken back: Alice$'
    says '^1.partial: 1 partial of holder 1. Next: carry it to whoever runs quorum combine'
    holder 3 --yes --quiet a.signdata
    ok
    cp "$OUT" 3.partial
    ens quorum combine --public "$PUBLIC" --sign-data a.signdata -o a.sig 1.partial 3.partial
    ok
    pem_sign "$KEY" a.signdata whole.sig
    same a.sig whole.sig
    # Another time it is another partial of the same pieces: the blinding is fresh.
    holder 1 --yes -o again.partial a.signdata
    ok
    not cmp -s 1.partial again.partial
    sed -n '/^values:/,/^proof:/p' 1.partial >values
    sed -n '/^values:/,/^proof:/p' again.partial >values.again
    same values values.again
    local digest sum share
    digest=$(sha256sum a.signdata | cut -d' ' -f1)
    sum=$(sha256sum 1.partial | cut -d' ' -f1)
    share=$(sha256sum "$BATS_FILE_TMPDIR/quorum/1.share" | cut -d' ' -f1)
    grep -q "^quorum: $(id_of_quorum) 2.x20of.x203 epoch.x200$" room
    grep -q '^holder: 1 Alice$' room
    grep -Eq "^share: [^ ]*/1.share $share $(sed -n 's/^key-1: //p' "$PUBLIC")$" room
    grep -q "^item: 1 partial $digest a.signdata 1.partial$" room
    grep -q "^result: 1 written $sum$" room
    grep -q '^confirmation: ' room
    not grep -q 'correct' room
    ens transcript room
    ok
}

@test "quorum sign: one holder alone gets nowhere" {
    sign_data a.signdata "$MRENCLAVE"
    holder 2 --yes -o 2.partial a.signdata
    ok
    holder 2 --yes -o again.partial a.signdata
    ok
    ens quorum combine --public "$PUBLIC" --sign-data a.signdata -o a.sig 2.partial again.partial
    refused 77 '2 of 3 are needed, 1 is here: holder 2'
    ens set-sig --sign-data a.signdata a.orc 2.partial key.pem
    not exits 0
}

@test "quorum sign: several sign-data at once, by the names of the sign-data and the holder" {
    mkdir out
    sign_data a.signdata "$MRENCLAVE" isvsvn=1
    sign_data b.signdata "$MRENCLAVE" isvsvn=2
    holder 2 --yes a.signdata b.signdata
    usage '2 sign-data are given: give --out-dir DIR'
    holder 2 --yes --out-dir out -o x a.signdata
    usage '--output names one partial and --out-dir many'
    holder 2 --dry-run --out-dir out a.signdata b.signdata
    ok
    says 'dry run: 2 partials would be made of holder 2; nothing was'
    [ -z "$(ls -A out)" ]
    holder 2 --yes --out-dir out a.signdata b.signdata
    ok
    files a.signdata b.signdata out out/a.2.partial out/b.2.partial
    holder 1 --yes --out-dir out a.signdata b.signdata
    ok
    for i in a b; do
        ens quorum combine --public "$PUBLIC" --sign-data $i.signdata -o $i.sig out/$i.1.partial out/$i.2.partial
        ok
    done
    holder 2 --yes --out-dir out a.signdata
    refused 73 'out/a.2.partial: exists'
    holder 2 --yes --force --out-dir out a.signdata
    ok
    holder 2 --yes --out-dir none a.signdata
    refused 73 'none/a.2.partial'
}

@test "quorum sign: what is no sign-data, no share of his, or no passphrase" {
    sign_data a.signdata "$MRENCLAVE"
    head -c 32 /dev/zero >digest
    holder 1 --yes -o x digest
    refused 65 'digest: is a bare digest, of which nothing can be reviewed'
    holder 1 --yes --blind -o x digest
    usage 'blind'
    sign_data odd.signdata "$MRENCLAVE" attributes=0
    holder 1 --yes -o x odd.signdata
    refused 65 'odd.signdata: refused without --allow-unusual'
    ens quorum sign --identity "$HOLDERS/1.identity" --yes -o x a.signdata
    usage '--share: is missing'
    ens quorum sign --share s --yes -o x a.signdata
    usage '--key: is missing'
    holder 1 --key 'pkcs11:object=k' --yes -o x a.signdata
    usage '--key and --identity name two sealing keys: give one'
    holder 1 -o x a.signdata
    refused 77 'there is no terminal to ask at'
    cp "$BATS_FILE_TMPDIR/quorum/1.share" mine
    sign() {
        ens quorum sign --share mine --identity "${1:-$HOLDERS/1.identity}" --pin-source file:pin --yes -o x a.signdata
    }
    printf 'correct horse batterz\n' >pin
    chmod 600 pin
    sign
    refused 83 '1.identity: the passphrase does not open it'
    printf 'correct horse battery\n' >pin
    sign "$HOLDERS/2.identity"
    refused 82 "mine: is sealed to another key, $(sed -n 's/^key-1: //p' "$PUBLIC")"
    sed -i '0,/^holder: 1/s//holder: 2/' mine
    sign
    refused 65 'mine: sha256: does not fit: the file was changed or damaged'
    cp "$PUBLIC" mine
    sign
    refused 65 'mine: its first line is not ensign quorum share 1'
    rm mine
    sign
    refused 66 'mine: '
    cp "$BATS_FILE_TMPDIR/quorum/1.share" mine
    sign "$HOLDERS/1.card"
    refused 65 '1.card: its first line is not ensign quorum identity 1'
}

# reseal FILE: the trailer of a share's own part anew, after an edit.
reseal() {
    "$PYTHON" - "$1" <<'PY'
import hashlib, sys
raw = open(sys.argv[1], "rb").read()
end = raw.index(b"sha256: ")
raw = raw[:end] + b"sha256: " + hashlib.sha256(raw[:end]).hexdigest().encode() + raw[end + 72:]
open(sys.argv[1], "wb").write(raw)
PY
}

@test "quorum sign: a share that was put together from others does not open" {
    sign_data a.signdata "$MRENCLAVE"
    cp "$BATS_FILE_TMPDIR/quorum/1.share" mine
    # Sealed for holder 1, and relabelled: the header is what the seal is over.
    sed -i '0,/^holder: 1/s//holder: 2/' mine
    reseal mine
    ens quorum sign --share mine --identity "$HOLDERS/1.identity" --pin-source "file:$BATS_FILE_TMPDIR/passphrase" --yes -o x a.signdata
    exits 65
    says 'mine: sealed to another key than the quorum file names for holder 2, Bob: so it is after a repair onto a new card'
    says 'ensign: mine: sealed: is not what was sealed'
    [ ! -e x ]
}

@test "quorum sign: a policy pins the quorum, its threshold, the token; and is not one for a token's key" {
    sign_data a.signdata "$MRENCLAVE" isvsvn=7
    policy good "quorum $(id_of_quorum)" 'threshold 2' 'isvsvn >= 7' "mrsigner $(mrsigner "${KEY%.pem}.pub.pem")"
    holder 1 --yes --policy good --transcript room -o 1.partial a.signdata
    ok
    grep -q '^check: 1 quorum holds ' room
    grep -q '^check: 1 threshold holds ' room
    refuses() { # LINE REGEX
        policy bad "$1"
        holder 1 --yes --policy bad -o x a.signdata
        refused 77 "$2"
    }
    refuses "quorum $(printf '0%.0s' {1..64})" 'quorum: [0-9a-f]{64}, another one is wanted: it changes with every refresh'
    refuses 'threshold >= 3' 'threshold: 2, wanted >= 3'
    refuses 'share token' 'share: sealed to a key in a file, wanted: of a token'
    refuses 'key sensitive' 'key: the key is in shares: use share token'
    refuses 'isvsvn >= 8' 'isvsvn: '
    refuses 'transcript require' 'transcript: '
    refuses "mrsigner $(printf '0%.0s' {1..64})" 'mrsigner: '
    holder 1 --yes --mrsigner "$(printf '0%.0s' {1..64})" -o x a.signdata
    refused 77 'not that of --mrsigner'
    policy bad 'approvals 1' 'approvers people'
    ssh_keys alice
    people people alice alice.pub
    holder 1 --yes --policy bad -o x a.signdata
    refused 77 'approvals: 0, wanted 1'
}

@test "quorum sign: nothing is made before the answer is yes" {
    need_terminal
    sign_data a.signdata "$MRENCLAVE"
    local args=(quorum sign --share "$BATS_FILE_TMPDIR/quorum/2.share" --identity "$HOLDERS/2.identity" -o 2.partial a.signdata)
    tty_ens 'Passphrase of 2.identity' 'correct horse battery' 'Type yes to sign' no -- "${args[@]}"
    exits 77
    unchanged
    tty_ens 'Passphrase of 2.identity' 'correct horse battery' 'Type yes to sign' yes -- "${args[@]}"
    exits 0
    prints 'makes the partial of holder 2, for 2 of 3; it cannot be taken back:'
    [ -s 2.partial ]
    not grep -q 'correct horse' "$OUT"
}

@test "quorum sign: a share that was sealed anew says so, and the run goes on" {
    local vectors=${ENSIGN_SHARED:-$ROOT/../shared}/quorum/vectors
    if [ ! -e "$vectors/index.json" ]; then
        [ "${ENSIGN_REQUIRE_SHARED:-0}" != 1 ] || fail "$vectors is required, and is not there"
        skip "no $vectors"
    fi
    printf 'correct horse battery staple\n' >pass
    chmod 600 pass
    ens quorum sign --share "$vectors/2of3-safe/s-resealed.share" --identity "$vectors/holders/1.identity" --pin-source file:pass \
        --yes -o 1.partial "$vectors/one.signdata"
    ok
    says 's-resealed.share: sealed to another key than the quorum file names for holder 1, Alice Example: so it is after a repair'
    [ -s 1.partial ]
    # Other verdicts of the vectors: a bit in a piece, pieces exchanged, out of range, another's seal.
    local share
    for share in s-bit s-swapped s-range s-sealed; do
        ens quorum sign --share "$vectors/2of3-safe/$share.share" --identity "$vectors/holders/1.identity" --pin-source file:pass \
            --yes --quiet -o x "$vectors/one.signdata"
        refused 65 "$share.share: "
    done
}

@test "quorum sign: with a sealing key in a token" {
    sign_data a.signdata "$MRENCLAVE"
    mkdir quorum
    (cd "$BATS_FILE_TMPDIR" && token alice)
    export SOFTHSM2_CONF=$BATS_FILE_TMPDIR/softhsm2.conf ENSIGN_PKCS11_MODULE=$SOFTHSM
    ens quorum enroll --name Alice --token pkcs11:token=alice --label seal --pin-source "file:$BATS_FILE_TMPDIR/pin" -o alice.card
    ok
    ens quorum deal --threshold 2 --card alice.card --card "$HOLDERS/2.card" --from "$KEY" --allow-swap --yes --out-dir quorum
    ok
    policy token 'share token' 'threshold 2'
    ens quorum sign --share quorum/1.share --key 'pkcs11:token=alice;object=seal' --pin-source "file:$BATS_FILE_TMPDIR/pin" \
        --policy token --yes --transcript room -o 1.partial a.signdata
    ok
    grep -q '^check: 1 share holds ' room
    grep -q '^token: ' room
    ens quorum sign --share quorum/2.share --identity "$HOLDERS/2.identity" --pin-source "file:$BATS_FILE_TMPDIR/passphrase" \
        --yes -o 2.partial a.signdata
    ok
    ens quorum combine --public quorum/quorum.pub --sign-data a.signdata -o a.sig 1.partial 2.partial
    ok
    pem_sign "$KEY" a.signdata whole.sig
    same a.sig whole.sig
    ens quorum sign --share quorum/2.share --key 'pkcs11:token=alice;object=seal' --pin-source "file:$BATS_FILE_TMPDIR/pin" \
        --yes -o x a.signdata
    refused 82 '2.share: is sealed to another key'
}
