#!/usr/bin/env bats
# Artefacts as text, as they come back from paper, a scanner or a voice: every command that reads such an artefact takes
# its armour, and one that was read wrongly is refused with the line. And show, which reads the files of a ceremony as
# sign will.

load helpers

fixtures() {
    signing_host
    ssh_keys alice
}

begin() {
    sign_data s.signdata "$MRENCLAVE"
    cp "$BATS_FILE_TMPDIR/one.pem.pub" pub
    ONE=$BATS_FILE_TMPDIR/one.pem
}

# armour KIND <FILE >TEXT: by the second implementation.
armour() {
    "$PYTHON" "$INTEROP/armour.py" "$@"
}

@test "sign, verify and set-sig take sign-data, signature and public key as armour" {
    begin
    armour SIGN-DATA <s.signdata >typed
    sign -o raw.sig s.signdata
    ok
    # As somebody might type it.
    sed '/^[0-9]/s/ /\t/4; s/^/  /; s/$/\r/' typed | tr '[:upper:]' '[:lower:]' >scanned
    sign -o typed.sig scanned
    ok
    same typed.sig raw.sig
    says_hex "$(sha256 s.signdata)"
    armour SIGNATURE <raw.sig >sig
    openssl pkey -pubin -in pub -outform DER | armour 'PUBLIC KEY' >key
    enclave e.sgxs
    ens set-sig --sign-data typed --to css e.sgxs sig key
    ok
    accepted sigstruct css
    ens verify --pubkey key css
    ok
    # And a wrong character, by its line.
    sed '3s/[A-Z] /9 /' typed >wrong
    sign -o no.sig wrong
    refused 65 'wrong: line 2: alphabet: '
    sed '3{s/ \([A-Z2-7]*\) \([A-Z2-7]*\)/ \2 \1/}' typed >wrong
    sign -o no.sig wrong
    refused 65 'wrong: (line 2: )?check: '
    sign -o no.sig sig
    refused 65 'sig: kind: is SIGNATURE'
    sed 5d typed >wrong
    sign -o no.sig wrong
    refused 65 'wrong: line 4: line-order: '
}

@test "a bare digest as armour needs --blind as any" {
    begin
    openssl dgst -sha256 -binary s.signdata | armour DIGEST >d
    sign -o out.sig d
    refused 77 '--blind'
    sign --blind -o out.sig d
    ok
    pem_sign "$ONE" s.signdata want
    same out.sig want
}

@test "check counts an approval that was typed in; a wrong character is a row, and stops nothing" {
    begin
    people people alice@example.org "$BATS_FILE_TMPDIR/alice.pub"
    policy p 'approvals 1' 'approvers people'
    ens approve --ssh-key "$BATS_FILE_TMPDIR/alice" --pubkey pub --yes -o a.approval s.signdata
    ok
    armour APPROVAL <a.approval >typed
    armour SIGN-DATA <s.signdata >data
    ens check --policy p --approval typed data
    ok
    sed '4s/[A-Z2-7]\{3\} \(.*\)$/ABC \1/' typed >wrong
    cmp -s wrong typed && fail "nothing was changed"
    ens check --policy p --approval wrong s.signdata
    exits 77
    prints 'statement|check'
    ens check --policy p --approval wrong --approval typed s.signdata
    ok
}

@test "show says what is inside of armour, also if that is not an artefact" {
    begin
    ens show s.signdata
    cp "$OUT" want
    armour SIGN-DATA <s.signdata >typed
    ens show typed
    ok
    prints '^Armour: SIGN-DATA, 256 bytes$'
    same <(sed 1,2d "$OUT") <(sed 1d want)
    ens show --json typed
    ok
    "$PYTHON" -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["armour"] == "SIGN-DATA" and d["kind"] == "sign-data"' "$OUT"
    head -c 256 /dev/zero | armour SIGN-DATA >typed
    ens show typed
    ok
    prints 'warning: .*HEADER'
    ens show --json typed
    ok
    sed 2,3d typed >./cut
    ens show cut
    refused 65 'cut: line 1: line-order: '
}

@test "show reads policy, approvers and revoked as sign will, and says the id" {
    begin
    people people alice@example.org "$BATS_FILE_TMPDIR/alice.pub"
    printf '%s\n' 'revoked 1' 'person bob@example.org' end >gone
    policy p "mrenclave $MRENCLAVE $(sha256 s.signdata)" 'isvsvn >= 12 # why' 'approvals 1' 'approvers people' \
        'revoked gone'
    ens show p
    ok
    prints "^  id            $(cat p people gone | sha256sum | cut -d' ' -f1)\$"
    prints "^  mrenclave     $MRENCLAVE\$"
    prints '^  isvsvn        >= 12$'
    prints '^  no line checks isvprodid, date, attributes, xfrm, debug, '
    prints '^Approvers: people$'
    grep -qxF "    $(ssh-keygen -lf "$BATS_FILE_TMPDIR/alice.pub" | cut -d' ' -f2) ssh-ed25519" "$OUT"
    prints '^  person        bob@example.org$'
    [ "$(awk 'length > 80' "$OUT" | wc -l)" -eq 0 ] || fail "a line is wider than a terminal"
    ens show --json p
    ok
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert (d["kind"], d["format"], d["file"]) == ("policy", 1, "p")
assert list(d["lines"]) == ["mrenclave", "isvsvn", "approvals", "approvers", "revoked"], d["lines"]
assert d["approvers"]["persons"][0]["name"] == "alice@example.org"
assert d["revoked"]["entries"] == [{"kind": "person", "value": "bob@example.org"}]
PY
    for file in people gone; do
        ens show "$file"
        ok
        prints "^  SHA-256       $(sha256 "$file")\$"
        ens show --json "$file"
        ok
        chmod 664 "$file"
        ens show "$file"
        refused 65 "$file: mode: "
        ens show p
        refused 65 "$file: mode: "
        chmod 644 "$file"
    done
    policy p 'isvsvn five'
    ens show p
    refused 65 'p: line 2: value: isvsvn: '
    ens show --json p
    refused 65 'p: line 2: value: isvsvn: '
    printf 'policy 1\n' >p
    ens show p
    refused 65 'p: no-end: '
    printf 'policy 1\r\nend\r\n' >p
    ens show p
    refused 65 'p: cr: '
    # By content, not by size: these have those of sign-data and of a digest.
    { echo 'policy 1' && head -c 242 /dev/zero | tr '\0' '#' && printf '\nend\n'; } >p
    size_is p 256
    ens show p
    ok
    prints '^Policy: p$'
}

@test "compare and --from take sign-data as armour" {
    begin
    armour SIGN-DATA <s.signdata >typed
    enclave e.sgxs
    ens compare typed e.sgxs
    ok
    ens compare e.sgxs typed
    ok
    ens gen-sign-data --from typed -o again.signdata e.sgxs
    ok
    same again.signdata s.signdata
}

@test "armour is not PEM file" {
    begin
    head -c 384 /dev/zero | armour SIGNATURE >signature.txt
    ens verify signature.txt
    refused 65 'signature.txt: .*armour'
    not grep -q PEM "$ERR"
}

# ---- --armor ----

# der FILE: the DER of a public key on stdout.
der() {
    openssl pkey -pubin -in "$1" -outform DER
}

@test "gen-sign-data --armor: the text that stands for the bytes, and every command that reads sign-data reads it" {
    begin
    enclave e.sgxs
    ens gen-sign-data --from s.signdata --armor --digest d -o typed e.sgxs
    ok
    armour SIGN-DATA <s.signdata >want
    same typed want
    size_is d 32
    sign -o raw.sig s.signdata
    ok
    sign -o typed.sig typed
    ok
    same typed.sig raw.sig
    ens set-sig --sign-data typed --to css e.sgxs raw.sig pub
    ok
    accepted sigstruct css
    ens compare typed e.sgxs
    ok
    ens gen-sign-data --from typed -o again.signdata e.sgxs
    ok
    same again.signdata s.signdata
    ens show typed
    ok
    prints '^Armour: SIGN-DATA, 256 bytes$'
    policy p "mrenclave $MRENCLAVE"
    ens check --policy p typed
    ok
    ens approve --ssh-key "$BATS_FILE_TMPDIR/alice" --pubkey pub --yes -o a.approval typed
    ok
    # To stdout, and without a frame.
    ens gen-sign-data --from s.signdata --armor e.sgxs
    same "$OUT" want
    ens gen-sign-data --from s.signdata --armor=bare -o bare e.sgxs
    ok
    same bare <(sed '1d; $d' want)
    sign -o bare.sig bare
    ok
    same bare.sig raw.sig
    ens gen-sign-data --from s.signdata --armor=raw -o no e.sgxs
    refused 64 '--armor=raw: is unknown: leave out the =, or write =bare'
}

@test "sign --armor: one signature, many, and what was signed before stays" {
    begin
    sign -o raw.sig s.signdata
    ok
    armour SIGNATURE <raw.sig >want
    sign --armor -o typed.sig s.signdata
    ok
    same typed.sig want
    sign --armor s.signdata
    same "$OUT" want
    enclave e.sgxs
    ens set-sig --sign-data s.signdata --to css e.sgxs typed.sig pub
    ok
    accepted sigstruct css
    ens show typed.sig
    ok
    prints '^Armour: SIGNATURE, 384 bytes$'
    mkdir out
    cp s.signdata t.signdata
    sign --armor --out-dir out s.signdata t.signdata
    ok
    same out/s.sig want
    same out/t.sig want
    # In either form, and whichever is asked for now.
    cp raw.sig out/t.sig
    sign --armor --out-dir out s.signdata t.signdata
    ok
    same out/s.sig want
    same out/t.sig raw.sig
    sign --out-dir out s.signdata
    ok
    same out/s.sig want
    # Text of another signature is not one of this key over it.
    head -c 384 /dev/zero | armour SIGNATURE >out/s.sig
    sign --armor --out-dir out s.signdata
    refused 73 'out/s.sig: exists and is not a signature of this key'
    sign --armor --force --out-dir out s.signdata
    ok
    same out/s.sig want
}

public_key() {
    ens pubkey --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" "$@"
}

@test "pubkey --armor: the key as DER in armour, and every command that reads a key reads it" {
    begin
    public_key -o raw
    ok
    public_key --armor -o key
    ok
    armour 'PUBLIC KEY' < <(der raw) >want
    same key want
    enclave e.sgxs
    sign -o s.sig s.signdata
    ok
    ens set-sig --sign-data s.signdata --to css e.sgxs s.sig key
    ok
    ens verify --pubkey key css
    ok
    ens show key
    ok
    prints '^Armour: PUBLIC KEY, [0-9]+ bytes$'
    policy p "mrenclave $MRENCLAVE"
    ens check --policy p --pubkey key s.signdata
    ok
    ens approve --ssh-key "$BATS_FILE_TMPDIR/alice" --pubkey key --yes -o a.approval s.signdata
    ok
    public_key --armor --x509 -o no
    refused 64 '--x509 makes a certificate, which is PEM, and --armor a key'
}

@test "approve --armor: an approval that sign and check count, that show shows and approve takes back" {
    begin
    people people alice@example.org "$BATS_FILE_TMPDIR/alice.pub"
    policy p 'approvals 1' 'approvers people'
    ens approve --ssh-key "$BATS_FILE_TMPDIR/alice" --pubkey pub --yes --armor -o typed s.signdata
    ok
    grep -qx -e '-----BEGIN ENSIGN APPROVAL-----' typed || fail "no armour"
    ens show typed
    ok
    prints '^Armour: APPROVAL, [0-9]+ bytes$'
    ens check --policy p --approval typed s.signdata
    ok
    sign --policy p --approval typed -o s.sig s.signdata
    ok
    ens approve --ssh-key "$BATS_FILE_TMPDIR/alice" --pubkey pub --yes --replaces typed -o b.approval s.signdata
    ok
    # The same bytes as in the file that is not text, which the second implementation frames.
    ens show --json typed
    "$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["size"])' "$OUT" >size
    "$PYTHON" - typed >inside <<'PY'
import base64, sys
rows = [line.split()[1:-1] for line in open(sys.argv[1]) if line[0].isdigit()]
for row in rows:
    text = "".join(row)
    sys.stdout.buffer.write(base64.b32decode(text + "=" * (-len(text) % 8)))
PY
    size_is inside "$(cat size)"
    armour APPROVAL <inside >again
    same again typed
    ens check --policy p --approval inside s.signdata
    ok
}
