#!/usr/bin/env bats
# --json of the commands that write a result: one document on stdout, the result in its file, the facts of the words.

load helpers

fixtures() {
    signing_host
    sign_data a.signdata "$MRENCLAVE" isvsvn=12
    sign_data b.signdata "$MRENCLAVE" isvsvn=13
    pem_sign one.pem a.signdata a.sig
    bundle app.orc
    ssh_keys alice
    people approvers alice@example.org alice.pub
    policy policy 'isvsvn >= 12' 'approvals 1' 'approvers approvers'
}

begin() {
    PINFILE=$BATS_FILE_TMPDIR/pin
    cp "$BATS_FILE_TMPDIR"/{a.signdata,b.signdata,a.sig,own.sgxs,app.orc,alice,alice.pub,approvers,policy} .
    cp "$BATS_FILE_TMPDIR/one.pem.pub" pub.pem
    MRSIGNER=$(mrsigner pub.pem)
}

# document <PYTHON: stdout is one document, `d`, of which the assertions hold.
document() {
    {
        printf 'import hashlib, json, sys\nsha = lambda f: hashlib.sha256(open(f, "rb").read()).hexdigest()\n'
        printf 'd = json.load(open(sys.argv[1]))\nassert list(d)[:2] == ["kind", "format"] and d["format"] == 1, d\n'
        sed 's/^assert \(.*\)$/assert \1, d/'
    } >"$BATS_TEST_TMPDIR/document.py"
    "$PYTHON" "$BATS_TEST_TMPDIR/document.py" "$OUT" "$MRSIGNER" "$MRENCLAVE" || fail "$(cat "$OUT")"
}

@test "sign --json: the review, key, answer, and what was written" {
    begin
    sign --json -o out.sig --pubkey p.pem a.signdata
    ok
    document <<'PY'
assert d["kind"] == "review" and d["policy"] is None and d["answer"] == "--yes" and d["dry_run"] is False
assert d["mrsigner"] == sys.argv[2] and d["set_digest"] is None and d["approvals"] == []
assert d["key"]["label"] == "release" and d["key"]["token"] == "ensign" and d["key"]["id"] == "01"
assert d["key"]["uri"].startswith("pkcs11:") and d["key"]["serial"]
i, = d["items"]
assert i["file"] == "a.signdata" and i["digest"] == sha("a.signdata") and i["mrenclave"] == sys.argv[3]
assert i["isvsvn"] == 12 and i["date"] == "2024-02-29" and i["debug"] == "off-not-enforced"
assert i["dangers"] == ["DEBUG not enforced"] and i["checks"] == [] and i["approvals"] is None
assert i["status"] == "signed" and i["output"] == "out.sig" and i["signature_sha256"] == sha("out.sig")
assert d["pubkey"] == "p.pem" and d["transcript"] is None and d["head"] is None
PY
    same out.sig a.sig
}

@test "sign --json: policy, approvals and record; several, and those that were there" {
    begin
    ens approve --json --ssh-key alice --pubkey pub.pem --yes --note 'seen twice' -o alice.approval a.signdata b.signdata
    ok
    document <<'PY'
assert d["kind"] == "approve" and d["output"] == "alice.approval" and d["answer"] == "yes" and d["note"] == "seen twice"
assert d["mrsigner"] == sys.argv[2] and d["key"].startswith("SHA256:") and len(d["id"]) == 64
assert [i["file"] for i in d["items"]] == ["a.signdata", "b.signdata"]
assert [i["digest"] for i in d["items"]] == [sha("a.signdata"), sha("b.signdata")]
assert d["set_digest"] == hashlib.sha256(b"".join(sorted(bytes.fromhex(i["digest"]) for i in d["items"]))).hexdigest()
PY
    mkdir sigs
    cp a.sig sigs
    sign --json --policy policy --approval alice.approval --transcript room.transcript --out-dir sigs a.signdata b.signdata
    ok
    document <<'PY'
assert d["policy"]["file"] == "policy" and d["policy"]["lines"] == d["policy"]["hold"] == 3
assert [i["status"] for i in d["items"]] == ["kept", "signed"]
assert [i["output"] for i in d["items"]] == ["sigs/a.sig", "sigs/b.sig"]
assert [i["signature_sha256"] for i in d["items"]] == [sha("sigs/a.sig"), sha("sigs/b.sig")]
assert all(i["approvals"]["by"] == ["alice@example.org"] for i in d["items"])
assert d["approvals"][0]["person"] == "alice@example.org" and d["approvals"][0]["verdict"] == "yes"
assert d["transcript"] == "room.transcript" and len(d["set_digest"]) == 64
PY
    head=$("$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["head"])' <"$OUT")
    ens transcript --head "$head" room.transcript
    ok
    # A rehearsal needs no place, and has no signature.
    sign --json --dry-run a.signdata 2>/dev/null
    ok
    document <<'PY'
assert d["dry_run"] is True and d["answer"] is None and d["items"][0]["status"] is None
assert d["items"][0]["output"] is None and d["items"][0]["signature_sha256"] is None
PY
}

@test "sign --json: the answer that was typed is in the document; if nothing is signed there is none" {
    begin
    tty_ens 'to sign: ' yes -- sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --json -o out.sig a.signdata
    exits 0
    grep -q '^  "answer": "yes",' "$OUT"
    sign --json -o none.sig --policy policy a.signdata
    refused 77 'approvals'
    [ ! -s "$OUT" ]
}

@test "keygen, pubkey and destroy-key --json: the key, its token, MRSIGNER" {
    begin
    cp -r "$BATS_FILE_TMPDIR/tokens" tokens
    sed "s|tokendir = .*|tokendir = $PWD/tokens|" "$BATS_FILE_TMPDIR/softhsm2.conf" >conf
    export SOFTHSM2_CONF=$PWD/conf ENSIGN_PKCS11_MODULE=$SOFTHSM
    ens keygen --token pkcs11:token=ensign --pin-source "file:$PINFILE" --label fresh --id a1b2 --pubkey p.pem --json
    ok
    MRSIGNER=$(mrsigner p.pem)
    document <<'PY'
assert d["kind"] == "keygen" and d["label"] == "fresh" and d["id"] == "a1b2" and d["token"] == "ensign"
assert d["mrsigner"] == sys.argv[2] and d["pubkey"] == "p.pem" and d["serial"] in d["uri"]
PY
    ens pubkey --key "$("$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["uri"])' <"$OUT")" --pin-source "file:$PINFILE" --json
    ok
    document <<'PY'
assert d["kind"] == "pubkey" and d["mrsigner"] == sys.argv[2] and d["known_public_key"] is None and d["output"] is None
assert d["text"] == open("p.pem").read()
PY
    ens pubkey --key 'pkcs11:token=ensign;object=fresh' --pin-source "file:$PINFILE" --json -o q.pem
    ok
    document <<'PY'
assert d["output"] == "q.pem" and d["text"] == open("q.pem").read()
PY
    tty_ens 'Type its name' fresh -- destroy-key --key 'pkcs11:token=ensign;object=fresh' --pin-source "file:$PINFILE" --json
    exits 0
    tr -d '\r' <"$OUT" | sed -n '/^{/,/^}/p' >document
    OUT=$PWD/document
    document <<'PY'
assert d["kind"] == "destroy-key" and d["label"] == "fresh" and d["id"] == "a1b2" and d["mrsigner"] == sys.argv[2]
PY
    rm -rf tokens conf
}

@test "gen-sign-data, set-sig and extract --json: the fields, digest, dangers" {
    begin
    ens gen-sign-data --json --isvsvn 3 --date 20240229 -o s.signdata app.orc
    ok
    document <<'PY'
assert d["kind"] == "gen-sign-data" and d["file"] == "app.orc" and d["component"] is None and d["output"] == "s.signdata"
assert d["digest"] == sha("s.signdata") and d["mrenclave"] == sha("own.sgxs") and d["isvsvn"] == 3
assert d["attributes"] == "0000000000000004" and d["dangers"] == ["DEBUG not enforced"]
PY
    pem_sign "$BATS_FILE_TMPDIR/one.pem" s.signdata s.sig
    ens sgx-gen-sign-data --json --isvsvn 3 --date 20240229 -o s.digest app.orc
    ok
    document <<'PY'
assert d["output"] == "s.digest" and bytes.fromhex(d["digest"]) == open("s.digest", "rb").read()
PY
    ens set-sig --json --sign-data s.signdata -o signed.orc app.orc s.sig pub.pem
    ok
    document <<'PY'
assert d["kind"] == "set-sig" and d["file"] == "app.orc" and d["output"] == "signed.orc" and d["date"] == "2024-02-29"
assert d["mrsigner"] == sys.argv[2] and d["digest"] == sha("s.signdata") and d["mrenclave"] == sha("own.sgxs")
PY
    ens extract --json -o app.css signed.orc
    ok
    document <<'PY'
assert d["kind"] == "extract" and d["sha256"] == sha("app.css") and d["mrenclave"] == sha("own.sgxs") and d["isvsvn"] == 3
PY
    ens extract --json --sign-data -o again.signdata signed.orc
    ok
    same again.signdata s.signdata
    document <<'PY'
assert d["sha256"] == sha("s.signdata")
PY
}

@test "elf2sgxs --json: the stream and its MRENCLAVE; unsized has none" {
    begin
    "$PYTHON" "$INTEROP/mkfortanix.py" app
    ens elf2sgxs --heap-size 0x20000 --stack-size 0x4000 --json -o app.sgxs app
    ok
    document <<'PY'
assert d["kind"] == "elf2sgxs" and d["file"] == "app" and d["output"] == "app.sgxs"
assert d["mrenclave"] == d["sha256"] == sha("app.sgxs")
PY
    ens elf2sgxs --heap-size 0x20000 --stack-size 0x4000 --unsized --json -o unsized.sgxs app
    ok
    document <<'PY'
assert d["mrenclave"] is None and d["sha256"] == sha("unsized.sgxs")
PY
}

@test "with --json the result needs a place of its own, and nothing else goes to stdout" {
    begin
    for command in 'gen-sign-data own.sgxs' 'sgx-gen-sign-data own.sgxs' 'extract app.orc' 'elf2sgxs own.sgxs' \
        'approve --ssh-key alice --pubkey pub.pem --yes a.signdata' "sign --key $RELEASE --yes a.signdata"; do
        # shellcheck disable=SC2086 # words
        ens $command --json
        refused 64 '^ensign: --json: stdout is taken by the JSON document: give -o FILE'
        # shellcheck disable=SC2086
        ens $command --json -o -
        refused 64 '^ensign: --output: stdout is taken by the JSON document: name a file'
    done
    sign --json a.signdata b.signdata
    refused 64 'give -o FILE or --out-dir DIR'
    ens gen-sign-data --json -o s.signdata --digest - own.sgxs
    refused 64 '^ensign: --digest: stdout is taken by the JSON document'
    ens set-sig --json --sign-data a.signdata --to - app.orc a.sig pub.pem
    refused 64 '^ensign: --to: stdout is taken by the JSON document'
    # A closed stdout is found before the work.
    status=0
    "$ENSIGN" gen-sign-data --json -o s.signdata own.sgxs >&- 2>"$ERR" || status=$?
    [ "$status" -eq 74 ]
    grep -q '^ensign: stdout: is closed, and the JSON document goes there' "$ERR"
    [ ! -e s.signdata ]
}

@test "show --in-toto: a statement about a signed enclave, of facts that hold" {
    begin
    ens set-sig --sign-data a.signdata -o signed.orc app.orc a.sig pub.pem
    cat >statement.py <<'PY'
import hashlib, json, sys
out, path, mrsigner, mrenclave, measured, component = sys.argv[1:]
d = json.load(open(out))
assert list(d) == ["_type", "subject", "predicateType", "predicate"] and d["_type"] == "https://in-toto.io/Statement/v1", d
assert d["subject"] == [{"name": path.split("/")[-1], "digest": {"sha256": hashlib.sha256(open(path, "rb").read()).hexdigest()}}], d
assert d["predicateType"] == "urn:ensign:sgx-signature:1"
p = d["predicate"]
assert (p["mrsigner"], p["mrenclave"]) == (mrsigner, mrenclave) and p["component"] == (component or None), p
assert p["measured"] is (measured == "measured") and p["isvprodid"] == "0" and p["isvsvn"] == "12" and p["date"] == "2024-02-29", p
assert p["attributes"] == "0000000000000004" and p["attributes_mask"] == "fffffffffffffffd" and p["xfrm"] == "0000000000000003", p
assert p["miscselect_mask"] == "ffffffff" and p["debug"] == "off-not-enforced" and p["tool"]["name"] == "ensign", p
assert p["signData"] == {"sha256": hashlib.sha256(open("a.signdata", "rb").read()).hexdigest()}, p
PY
    ens show --in-toto --component ronl signed.orc
    ok
    "$PYTHON" statement.py "$OUT" signed.orc "$MRSIGNER" "$MRENCLAVE" measured ronl
    # A SIGSTRUCT by itself is no enclave that could be measured.
    ens extract -o app.css signed.orc
    ens show --in-toto "$PWD/app.css"
    ok
    "$PYTHON" statement.py "$OUT" "$PWD/app.css" "$MRSIGNER" "$MRENCLAVE" not ''
    # No statement of what is not signed or does not hold.
    ens show --in-toto app.orc
    refused 65 'app.orc: '
    cp app.css bad.css
    poke bad.css 600 00ff00
    ens show --in-toto bad.css
    refused 65 'bad.css: '
    ens show --in-toto a.signdata
    refused 65 'a.signdata: '
    ens show --component ronl signed.orc
    refused 64 '^ensign: --component: is about --in-toto'
    ens show --in-toto signed.orc app.css
    refused 64 '^ensign: --in-toto: 2 files'
    rm statement.py
}
