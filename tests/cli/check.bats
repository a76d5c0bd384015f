#!/usr/bin/env bats
# check: policy and approvals without a token, as sign judges them; who is a person, what a no does, and that
# sign says the same.

load helpers

SIGNER=9affcfae47b848ec2caf1c49b4b283531e1cc425f93582b36806e52a43d78d1a
OTHER=50fa751f96b62b26fe6489f117146d37e744057333b97baef9adefe3376abc98

fixtures() {
    unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    ssh_keys alice alice2 bob carol mallory
    sign_data good.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff
}

# Each test has s.signdata, other.signdata, and the people alice, bob and carol in `people`.
begin() {
    unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    KEYS=$BATS_FILE_TMPDIR
    cp "$KEYS/good.signdata" s.signdata
    cp s.signdata other.signdata
    poke other.signdata 252 01
    people people alice@example.org "$KEYS/alice.pub" bob@example.org "$KEYS/bob.pub" carol@example.org "$KEYS/carol.pub"
    policy p "mrsigner $SIGNER" 'approvals 2' 'approvers people'
}

# approves KEY FILE ARG...: FILE, by that key, of s.signdata unless others are named last.
approves() {
    local key=$1 file=$2
    shift 2
    case "${*: -1}" in *.signdata) ;; *) set -- "$@" s.signdata ;; esac
    ens approve -q --yes --ssh-key "$KEYS/$key" --mrsigner "${FOR:-$SIGNER}" -o "$file" "$@"
    ok
}

# check ARG...: with the policy p.
check() {
    ens check --policy p "$@"
    unchanged
}

# no RULE...: 77, nothing but the report, and these are all the rules that do not hold.
no() {
    exits 77
    [ ! -s "$ERR" ]
    [ "$(sed -n 's/^no: .*\[\(.*\)\]$/\1/p' "$OUT" | sort -u | xargs)" = "$*" ] ||
        fail "other rules:" "$(cat "$OUT")"
}

yes() {
    ok
    prints '^yes: '
    not grep -q '^no: ' "$OUT"
}

# rows WORD...: the verdicts of the files in their order.
rows() {
    ens check --json --policy p "${ARGS[@]}"
    [ "$("$PYTHON" -c 'import json, sys; print(*(a["verdict"] for a in json.load(sys.stdin)["approvals"]))' <"$OUT")" = "$*" ] ||
        fail "other rows:" "$(cat "$OUT")"
}

@test "A2: two persons are two, one person is one" {
    begin
    approves alice a.approval
    approves bob b.approval
    approves alice2 a2.approval
    check --approval a.approval --approval b.approval s.signdata
    yes
    prints '^  yes  *alice@example\.org: did not rebuild it, until 20'
    check --approval a.approval s.signdata
    no approvals
    prints 'approvals: 1, wanted 2'
    check --approval a.approval --approval a.approval s.signdata
    no approvals
    # Her second key is nobody's, and then hers: it does not make two of her.
    ARGS=(--approval a.approval --approval a2.approval s.signdata)
    check "${ARGS[@]}"
    no approvals
    rows yes unknown-key
    sed -i "/^person alice/a key $(cut -d' ' -f1,2 "$KEYS/alice2.pub")" people
    check "${ARGS[@]}"
    no approvals
    rows yes yes
    check "${ARGS[@]:0:4}" --approval b.approval s.signdata
    yes
}

@test "A2: two principals on a line, a wildcard, a certificate authority and another case are no persons" {
    begin
    approves alice a.approval
    local key line
    key=$(cut -d' ' -f1,2 "$KEYS/alice.pub")
    for line in 'person alice-laptop@x,alice@x' 'person *@x' 'person Alice@x' 'person alice@x alice2@x' \
        'person !bob@x' 'person alice@x?' 'cert-authority' 'person "alice@x"'; do
        printf '%s\n' 'approvers 1' 'person bob@example.org' "key $(cut -d' ' -f1,2 "$KEYS/bob.pub")" "$line" \
            "key $key" end >people
        check --approval a.approval s.signdata
        refused 65 'people: line 4: (name|unknown-keyword)'
    done
    printf '%s\n' 'approvers 1' 'person alice@example.org' "key $key" 'person bob@example.org' "key $key" end >people
    check --approval a.approval s.signdata
    refused 65 'people: line 5: key-twice'
    # A certificate in the place of a key, and OpenSSH's own format.
    cp "$KEYS/alice.pub" c.pub
    ssh-keygen -q -s "$KEYS/carol" -I x -n alice@example.org,al@example.org c.pub
    printf '%s\n' 'approvers 1' 'person alice@example.org' "key $(cut -d' ' -f1,2 c-cert.pub)" end >people
    check --approval a.approval s.signdata
    refused 65 'people: line 3: certificate'
    echo "alice@example.org $key" >people
    check --approval a.approval s.signdata
    refused 65 people
}

@test "A2: what is signed by a certificate counts for nobody" {
    begin
    approves alice a.approval
    cp "$KEYS/alice.pub" cert.pub
    ssh-keygen -q -s "$KEYS/carol" -I x -n bob@example.org cert.pub
    sed '/^-----BEGIN/,$d' a.approval >statement
    cp "$KEYS/alice" cert
    mv cert-cert.pub cert.pub
    ssh-keygen -q -Y sign -n ensign-approval-v1 -f cert statement
    cat statement statement.sig >c.approval
    ARGS=(--approval c.approval --approval a.approval s.signdata)
    check "${ARGS[@]}"
    no approvals
    rows certificate yes
}

@test "A14: for another key, too late, too long, and over other sign-data" {
    begin
    FOR=$OTHER approves alice a.approval
    approves bob b.approval
    ARGS=(--approval a.approval --approval b.approval s.signdata)
    check "${ARGS[@]}"
    no approvals
    rows other-key yes
    # The token's key is another one than the policy pins: then nothing is for it, or not the policy.
    ens check --policy p --mrsigner "$OTHER" "${ARGS[@]}"
    no approvals mrsigner
    # Where nobody says which key it is, this is not checked.
    policy p 'approvals 2' 'approvers people'
    check "${ARGS[@]}"
    yes
    check --mrsigner "$SIGNER" "${ARGS[@]}"
    no approvals
    check --approval a.approval --approval b.approval other.signdata
    no approvals
    prints 'for other sign-data'
    policy p 'approvals 1' 'approvers people' 'approval-days 29'
    check --approval b.approval s.signdata
    no approvals
    ARGS=(--approval b.approval s.signdata)
    rows too-long
    policy p 'approvals 1' 'approvers people' 'approval-days 30'
    check "${ARGS[@]}"
    yes
    sed -i "s/^\(key .*\)$/\1 until=20200101/" people
    rows key-expired
}

@test "A14: --pubkey names the key as well" {
    begin
    openssl genrsa -3 -out key.pem 3072 2>/dev/null
    openssl rsa -in key.pem -pubout -out release.pem 2>/dev/null
    FOR=$(mrsigner release.pem) approves alice a.approval
    policy p 'approvals 1' 'approvers people'
    check --pubkey release.pem --approval a.approval s.signdata
    yes
    check --mrsigner "$SIGNER" --approval a.approval s.signdata
    no approvals
    check --mrsigner "$SIGNER" --pubkey release.pem --approval a.approval s.signdata
    refused 64 'give one'
}

@test "without /proc ssh-keygen reads no signature, which is no verdict about one" {
    # It reads its options there as well, so that none can switch its search for leaks off.
    [ "$VARIANT" != asan ] || skip "AddressSanitizer ends a program without /proc"
    begin
    approves alice a.approval
    policy p "mrsigner $SIGNER" 'approvals 1' 'approvers people'
    # shellcheck disable=SC2016
    bare=(unshare -Urm sh -c 'mount -t tmpfs none /proc && exec "$@"' sh)
    "${bare[@]}" true 2>/dev/null || skip "no user namespace here"
    status=0
    "${bare[@]}" "$ENSIGN" check --policy p --approval a.approval s.signdata >out 2>err || status=$?
    exits 71
    [ ! -s out ]
    [ "$(cat err)" = 'ensign: ssh-keygen: has no /dev/fd to read a signature from: mount /proc and /dev' ]
    rm out err
    check --approval a.approval s.signdata
    exits 0
}

@test "if nothing says which key will sign, it is said that the approvals may be for different ones" {
    local line='^  mrsigner        not checked: which key the approvals are for \(--pubkey or --mrsigner checks it\)$'
    begin
    policy p 'approvals 2' 'approvers people'
    approves alice a.approval
    FOR=$OTHER approves bob b.approval
    check --approval a.approval --approval b.approval s.signdata
    exits 0
    prints "$line"
    check --json --approval a.approval --approval b.approval s.signdata
    [ "$(jq -c '.mrsigner' "$OUT")" = null ]
    check --mrsigner "$SIGNER" --approval a.approval --approval b.approval s.signdata
    no approvals
    not grep -qE -- "$line" "$OUT"
    policy p "mrsigner $SIGNER" 'approvals 1' 'approvers people'
    check --approval a.approval s.signdata
    exits 0
    not grep -qE -- "$line" "$OUT"
}

@test "A14: a no stops whatever says yes, until its author or the policy takes it back" {
    begin
    approves alice a.approval
    approves bob b.approval
    approves carol c.approval
    approves alice no.approval --reject --note 'the linker is not ours'
    ALL=(--approval a.approval --approval b.approval --approval c.approval)
    check "${ALL[@]}" s.signdata
    yes
    check "${ALL[@]}" --approval no.approval s.signdata
    no rejected
    prints 'alice@example\.org'
    prints '^  NO  *alice@example\.org: .*"the linker is not ours"'
    check "${ALL[@]}" --approval no.approval other.signdata
    no approvals
    # Bob cannot lift it, Alice can.
    approves bob lift.approval --replaces no.approval
    check "${ALL[@]}" --approval no.approval --approval lift.approval s.signdata
    no rejected
    approves alice lift2.approval --replaces no.approval
    check --approval b.approval --approval no.approval --approval lift2.approval s.signdata
    yes
    prints 'taken back by a later one'
    # The keeper of the policy: the statement, the key, the person.
    policy p "mrsigner $SIGNER" 'approvals 2' 'approvers people' 'revoked gone'
    for line in "statement $(sed '/^-----BEGIN/,$d' no.approval | sha256sum | cut -d' ' -f1)" \
        "key $(ssh-keygen -lf "$KEYS/alice.pub" | cut -d' ' -f2)" 'person alice@example.org'; do
        printf '%s\n' 'revoked 1' "$line" end >gone
        check --approval b.approval --approval c.approval --approval no.approval s.signdata
        yes
    done
}

@test "a file that does not count changes nothing, and is listed; one that cannot be opened stops" {
    begin
    approves alice a.approval
    approves bob b.approval
    echo hello >junk
    head -c 300000 /dev/zero >large
    (cat a.approval && echo more) >behind
    sed 's/until: 20/until: 21/' a.approval >edited
    sed '/^-----BEGIN/,$d' a.approval | cat - <(sed -n '/^-----BEGIN/,$p' b.approval) >crossed
    ARGS=(--approval junk --approval large --approval behind --approval edited --approval crossed
        --approval a.approval --approval b.approval s.signdata)
    check "${ARGS[@]}"
    yes
    rows statement statement sshsig signature signer yes yes
    check --approval a.approval --approval nosuch s.signdata
    refused 66 nosuch
    mkfifo pipe
    check --approval a.approval --approval pipe s.signdata
    refused 65 pipe
}

@test "--approval DIR: the regular files *.approval in it, sorted by bytes" {
    begin
    mkdir in empty
    for who in carol alice bob; do approves $who "in/$who.approval"; done
    approves mallory in/Z.approval
    approves mallory in/notes.txt
    approves mallory in/.hidden.approval
    mkfifo in/pipe.approval
    mkdir in/dir.approval
    ln -s alice.approval in/link.approval
    ens check --json --policy p --approval in s.signdata
    exits 0
    [ "$("$PYTHON" -c 'import json, sys; print(*(a["file"] for a in json.load(sys.stdin)["approvals"]))' <"$OUT")" = \
        'in/Z.approval in/alice.approval in/bob.approval in/carol.approval in/link.approval' ]
    check --approval empty s.signdata
    no approvals
    check --approval in/ --approval in/alice.approval s.signdata
    yes
    for name in pipe dir; do warned "in/+$name\.approval: is not a file: left out"; done
    # A link that leads nowhere is not a file either, and stops no room; one that is named is an error.
    ln -s nowhere in/no.approval
    ln -s loop.approval in/loop.approval
    check --approval in/ s.signdata
    yes
    for name in no loop; do warned "in/+$name\.approval: is a link that leads nowhere: left out"; done
    check --approval in/no.approval s.signdata
    refused 66 'in/no\.approval'
}

@test "B8: approvals that the shell spread behind one --approval are named" {
    begin
    approves alice a.approval
    approves bob b.approval
    check --approval a.approval b.approval s.signdata
    refused 65 'b\.approval: is an approval, not sign-data: give --approval before each, or --approval DIR'
}

@test "several sign-data: each is counted by itself, one file may speak of several" {
    begin
    approves alice a.approval s.signdata other.signdata
    approves bob b.approval s.signdata other.signdata
    approves carol c.approval
    check --approval a.approval --approval b.approval s.signdata other.signdata
    yes
    check --approval a.approval --approval c.approval s.signdata other.signdata
    exits 77
    prints '^yes: s\.signdata: '
    prints '^no: other\.signdata: .*\[approvals\]$'
    ens check --json --policy p --approval a.approval --approval c.approval s.signdata other.signdata
    exits 77
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["kind"] == "review" and d["format"] == 1
assert [i["approvals"]["count"] for i in d["items"]] == [2, 1]
assert [(i["isvprodid"], i["isvsvn"], i["date"]) for i in d["items"]][0] == (0, 0, "2024-02-29"), d["items"]
assert all(i["debug"] == "off-enforced" for i in d["items"]), d["items"]
assert d["items"][0]["approvals"]["by"] == ["alice@example.org", "carol@example.org"]
assert [r["rule"] for r in d["reasons"]] == ["approvals"]
assert [len(a["items"]) for a in d["approvals"]] == [2, 1]
assert d["approvals"][0]["person"] == "alice@example.org" and d["approvals"][0]["note"] is None
PY
}

@test "B5: what counts is said against what is wanted, never 1 of 1" {
    begin
    approves alice a.approval
    check --approval a.approval s.signdata
    no approvals
    prints '^no: s\.signdata: approvals: 1, wanted 2 \[approvals\]$'
    prints '^  approvals  *fails: 1, wanted 2$'
    not grep -q '1 of 1' "$OUT"
}

@test "B4: several sign-data have one digest over all, in groups and words, as sign and approve show it" {
    begin
    sign_data t.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff isvsvn=9
    policy p
    local digest
    digest=$(for f in s.signdata t.signdata; do sha256sum "$f" | cut -c1-64; done | sort | xxd -r -p | sha256sum | cut -c1-64)
    check t.signdata s.signdata
    prints '^  All 2 together$' "^  $(sed -E 's/(.{8})/\1 /g; s/ $//' <<<"$digest")\$"
    [ "$(grep -cE '^  [1-4] [A-Za-z]+( [A-Za-z]+){7}$' "$OUT")" -eq 4 ] || fail "$(cat "$OUT")"
    check --json s.signdata t.signdata
    "$PYTHON" -c 'import json, sys; assert json.load(open(sys.argv[1]))["set_digest"] == sys.argv[2]' "$OUT" "$digest"
    check s.signdata
    not grep -q together "$OUT"
    check --json s.signdata
    "$PYTHON" -c 'import json, sys; assert json.load(open(sys.argv[1]))["set_digest"] is None' "$OUT"
}

@test "rebuilt: by as many persons as the policy says" {
    begin
    enclave own.sgxs
    approves alice a.approval --rebuilt own.sgxs
    approves bob b.approval
    policy p 'approvals 2' 'approvers people' 'rebuilt 1'
    check --approval a.approval --approval b.approval s.signdata
    yes
    prints 'alice@example\.org: rebuilt it'
    policy p 'approvals 2' 'approvers people' 'rebuilt 2'
    check --approval a.approval --approval b.approval s.signdata
    no rebuilt
}

@test "the dangers that sign will show have their names here" {
    begin
    policy p "mrsigner $SIGNER"
    check s.signdata
    yes
    prints '^  dangers         1: public sample key$'
    policy p 'isvsvn any' 'vendor any'
    check s.signdata
    yes
    not grep -q dangers "$OUT"
    unusual_fields | while IFS='|' read -r name fields; do
        # shellcheck disable=SC2086
        sign_data odd "$MRENCLAVE" attributes_mask=0xffffffffffffffff $fields
        ens check --policy p --allow-unusual --mrsigner "$SIGNER" odd
        prints "^  dangers  .*$name \(--allow-unusual\)"
        prints '^  dangers  .*public sample key'
        ens check --json --policy p --allow-unusual odd
        [ "$(jq -r '.items[0].dangers | map(select(. == $name)) | length' --arg name "$name (--allow-unusual)" "$OUT")" -eq 1 ]
    done
}

@test "every reason is said: fields, items, approvals, what sign calls unusual" {
    begin
    sign_data bad.signdata "$MRENCLAVE" attributes=5
    policy p 'isvsvn >= 9' 'isvprodid 3' 'max-items 1' 'approvals 1' 'approvers people' 'mrsigner '"$SIGNER" 'key local'
    check bad.signdata other.signdata
    no approvals isvprodid isvsvn max-items unusual
    prints '^no: bad\.signdata: .*INIT.*\[unusual\]'
    check --allow-unusual bad.signdata
    no approvals isvprodid isvsvn
    prints '^  key  *not checked'
    policy p 'blind forbid'
    head -c 32 s.signdata >digest
    check digest
    no blind
    policy p 'blind allow'
    check digest
    yes
    head -c 255 s.signdata >short
    check short
    refused 65 short
}

@test "without sign-data: persons, keys and the one id" {
    begin
    printf '%s\n' 'revoked 1' 'person bob@example.org' end >gone
    policy p 'approvals 1' 'approvers people' 'revoked gone'
    check
    ok
    prints "$(cat p people gone | sha256sum | cut -d' ' -f1)"
    prints '^person alice@example\.org$'
    grep -qxF "  $(ssh-keygen -lf "$KEYS/alice.pub" | cut -d' ' -f2) ssh-ed25519" "$OUT"
    grep -qxF "  $(ssh-keygen -lf "$KEYS/bob.pub" | cut -d' ' -f2) ssh-ed25519 REVOKED" "$OUT"
    ens check --json --policy p
    ok
    "$PYTHON" -c 'import json, sys; d = json.load(sys.stdin); print(d["policy"]["id"], *(p["person"] for p in d["policy"]["people"]))' \
        <"$OUT" | grep -qx "$(cat p people gone | sha256sum | cut -d' ' -f1) alice@example.org bob@example.org carol@example.org"
}

@test "B8: show: an approval by what it says, a statement that waits, and what counts for nobody" {
    begin
    enclave own.sgxs
    approves alice a.approval --rebuilt own.sgxs --note 'one box'
    ens show a.approval
    ok
    prints '^Approval: a\.approval$'
    prints '^  Answer  *yes, until 20'
    prints '^  Note  *"one box"$'
    prints '^  Signature  *verifies under this key$'
    grep -qxF "  Key           $(ssh-keygen -lf "$KEYS/alice.pub" | cut -d' ' -f2)" "$OUT"
    ens show --json a.approval
    ok
    "$PYTHON" - "$OUT" "$(sha256 s.signdata)" "$(sha256 own.sgxs)" "$SIGNER" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["kind"] == "approval" and d["valid"] is True and d["answer"] == "yes"
assert d["items"] == [{"digest": sys.argv[2], "rebuilt": sys.argv[3]}] and d["mrsigner"] == sys.argv[4]
PY
    sed '/^-----BEGIN/,$d' a.approval >statement
    ens show statement
    ok
    prints '^  Signature  *none'
    ens show --json statement
    ok
    sed 's/^answer: yes/answer: Yes/' statement >wrong
    ens show wrong
    refused 65 'wrong: line 2'
    # Edited behind the signature: it parses, and says so.
    sed 's/^note: one/note: two/' a.approval >edited
    ens show edited
    ok
    prints '^  Signature  *INVALID'
    (cat a.approval && echo more) >behind
    ens show behind
    refused 65 'behind: .*\[sshsig\]'
    approves alice no.approval --reject
    ens show no.approval
    ok
    prints '^  Answer  *NO$'
}

@test "how it is called" {
    begin
    ens check s.signdata
    usage -- '--policy'
    check --mrsigner zz s.signdata
    usage -- '--mrsigner'
    ens check --policy nosuch s.signdata
    refused 66 nosuch
    policy p 'isvsvn >= 0'
    approves alice a.approval
    check --approval a.approval s.signdata
    usage -- '--approval' approvers
}

@test "ensign-offline judges the same" {
    begin
    approves alice a.approval
    approves bob b.approval
    check --approval a.approval --approval b.approval s.signdata
    yes
    cp "$OUT" "$BATS_TEST_TMPDIR/first"
    # shellcheck disable=SC2034  # what ens runs
    ENSIGN=$ROOT/build/$VARIANT/ensign-offline
    check --approval a.approval --approval b.approval s.signdata
    yes
    same "$OUT" "$BATS_TEST_TMPDIR/first"
}
