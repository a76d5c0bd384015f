#!/usr/bin/env bats
# transcript --report: the minutes for paper. What the record holds is there, in groups and with words; what only people
# know is blank; nothing that stands in a record reaches paper in another form than printable ASCII of 76 columns.

load helpers

fixtures() {
    signing_host
    sign_data app.signdata "$MRENCLAVE" isvprodid=5 isvsvn=12
    sign_data app2.signdata "$MRENCLAVE" isvprodid=6 isvsvn=12
    ssh_keys alice bob
}

begin() {
    cp "$BATS_FILE_TMPDIR"/app*.signdata .
    cp "$BATS_FILE_TMPDIR/one.pem.pub" pub
}

chain() {
    "$PYTHON" "$INTEROP/transcript.py" "$@"
}

BEGIN='begin|id: 000102030405060708090a0b0c0d0e0f|continues: -'

# paper FILE: pages of at most 56 lines, each with its number, of 76 columns in ASCII.
paper() {
    "$PYTHON" - "$1" <<'PY'
import re, sys
data = open(sys.argv[1], "rb").read()
assert all(32 <= b < 127 or b in (10, 12) for b in data), "not ASCII"
assert data.endswith(b"\n")
pages = data.decode().split("\f")
for number, page in enumerate(pages, 1):
    lines = page.split("\n")[:-1]
    assert len(lines) <= 56, (number, len(lines))
    assert max(map(len, lines)) <= 76, max(lines, key=len)
    assert re.fullmatch(r"REPORT OF .*, records \d+ to \d+ of \d+ +Page %d of %d" % (number, len(pages)), lines[0]), lines[0]
    assert lines[1] == "" and len(lines) > 2, lines
PY
}

report() { # ARG...: and is it paper?
    ens transcript --report "$@"
    ok
    paper "$OUT"
    [ ! -s "$ERR" ]
}

# Every hash of a transcript is in its report, in groups.
hashes_are_there() { # TRANSCRIPT REPORT
    "$ENSIGN" transcript --json "$1" >json
    "$PYTHON" - json "$2" <<'PY'
import json, re, sys
d, text = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
shown = {line.replace(" ", "") for line in text.splitlines() if re.fullmatch(r"  ?([0-9a-f]{8} ){7}[0-9a-f]{8}", line)}
held = {w for r in d["records"] for e in r["entries"] for w in e["words"] if re.fullmatch("[0-9a-f]{64}", w)}
# The id of a statement is no value that people compare: the key that made it is.
held -= {e["words"][3] for r in d["records"] for e in r["entries"] if e["key"] == "approval"}
held.add(d["head"])
for fields in [e["words"] for r in d["records"] for e in r["entries"] if e["key"] == "fields"]:
    held.add(dict(w.split("=") for w in fields[1:])["ENCLAVEHASH"])
assert len(held) > 2 and held <= shown, held - shown
PY
}

@test "a release: rehearsal, refusal and signature, with words, and blanks for what people know" {
    begin
    people people alice@example.org "$BATS_FILE_TMPDIR/alice.pub" bob@example.org "$BATS_FILE_TMPDIR/bob.pub"
    policy p 'isvprodid 5' 'approvals 2' 'approvers people'
    for who in alice bob; do
        ens approve --ssh-key "$BATS_FILE_TMPDIR/$who" --pubkey pub --yes -o $who.approval app.signdata
        ok
    done
    recorded() {
        sign --policy p --transcript room.transcript --note 'operator: A. Adams; witness: W. West' "$@" app.signdata
    }
    recorded --dry-run --approval .
    ok
    recorded --approval alice.approval -o app.sig
    exits 77
    so_far=$(chain check room.transcript)
    recorded --approval . -o app.sig
    ok
    report room.transcript
    hashes_are_there room.transcript "$OUT"
    prints '^REPORT OF room\.transcript, records 1 to 5 of 5 +Page 1 of [0-9]$'
    prints '^Kind   \[ \] PRACTICE   \[ \] key generation   \[x\] release ___'
    prints '^Operator      ____'
    prints '^Token: label ensign   serial [0-9a-f]+ +\[ \]$'
    prints '^Size of the transcript before: 0 records\.$'
    prints '^Record 1  20..-..-.. ..:..:.. UTC  begin$'
    prints '^Record 2  .* UTC  sign --dry-run  exit status 0$'
    prints '^Record 3  .* UTC  sign  exit status 77$'
    prints '^Records 4, 5  .* UTC  sign  exit status 0$'
    prints '^  note       operator: A\. Adams; witness: W\. West$'
    prints '^  key        release, MRSIGNER$'
    prints '^  policy     p, 3 of 3 lines hold, id$'
    prints '^  approval   yes: bob@example\.org, \./bob\.approval, key$'
    prints '^  check      1 approvals fails 1, wanted 2$'
    prints '^  fields     ISVPRODID 5  ISVSVN 12  DATE 2024-02-29  DEBUG '
    prints '^  dangers    '
    prints '^  answer     --yes \(option\)$'
    prints '^  output     app\.sig, written, SHA-256$'
    prints '^  MRENCLAVE: witness read aloud, operator compared           \[ \] __:__$'
    prints '^Records now: 5, and the chain holds\.  Head of the transcript:$'
    prints '^Signatures of the token by these records: 1 to 1$'
    prints '^Name ____'
    # The rows of words are those of the screen, and stand with the signature as well.
    ens show app.signdata
    ok
    sed -n 's/^ *[1-4] \([A-Za-z].*\)/\1/p' "$OUT" >words
    [ "$(wc -w <words)" -eq 32 ]
    ens transcript --report room.transcript
    "$PYTHON" - "$OUT" words <<'PY'
import re, sys
text, words = (open(name).read() for name in sys.argv[1:])
last = text[text.index("Records 4, 5"):]
rows = re.search(r"  input      app\.signdata, sign-data, SHA-256\n  [0-9a-f ]{71}\n((?:  [ 1-4].*\n){4,8})", last)[1]
assert [w for w in rows.split() if w not in "1234"] == words.split(), (rows, words)
PY
    # The records of today: what was before is a number and a head.
    report --since 3 --head "$(chain check room.transcript)" room.transcript
    prints '^REPORT OF room\.transcript, records 4 to 5 of 5 '
    prints '^Size of the transcript before: 3 records\. Head:$'
    prints "^  $(sed 's/......../& /g; s/ $//' <<<"$so_far")\$"
    prints '^   equal to the head in the last minutes '
    not grep -q '^Record 3' "$OUT"
    not grep -q 'PIN=\|pin-value' "$OUT"
    # --head as without a report, and an edited chain has no minutes.
    ens transcript --report --head "$so_far" room.transcript
    refused 65 'records follow'
    sed 's/A\. Adams/B. Adams/' room.transcript >edited
    ens transcript --report edited
    refused 65 'edited: edited: record 2'
    [ ! -s "$OUT" ]
    ens transcript --report --since 5 room.transcript
    refused 65 'room.transcript: has 5 records, and none after record 5'
    ens transcript --since 1 room.transcript
    usage --report
    ens transcript --report --json room.transcript
    usage --json
    ens transcript --report --head-statement room.transcript
    usage --head-statement
    ens transcript --report --since -1 room.transcript
    usage --since
}

@test "key generation, a batch and the end of a key: each has its own blanks" {
    begin
    need_terminal
    ens keygen --token 'pkcs11:token=ensign' --label minutes --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --transcript t
    ok
    mrsigner=$(sed -n 's/^  MRSIGNER //p' "$ERR")
    report t
    prints '^Kind   \[ \] PRACTICE   \[x\] key generation   \[ \] release'
    prints '^Records 2, 3  .*  keygen  exit status 0$'
    prints '^  creates    minutes in token ensign$'
    prints '^  The test signature is counted: '
    sed -n '/MRSIGNER/,+1p' "$OUT" | tr -d ' ' | grep -qxF "$mrsigner" || fail "no MRSIGNER"
    mkdir out
    sign --transcript t --out-dir out app.signdata app2.signdata
    ok
    report --since 3 t
    hashes_are_there t <("$ENSIGN" transcript --report t)
    prints '^  input      2: app2\.signdata, sign-data, SHA-256$'
    prints '^  output     out/app2\.sig, written, SHA-256$'
    prints '^  All 2 together$'
    prints '^Signatures of the token by these records: 2 to 2$'
    together=$(sed -n '/All 2 together/{n;s/ //g;p}' "$OUT")
    [ "$together" = "$(for f in app app2; do sha256sum $f.signdata; done | cut -d' ' -f1 | sort | xxd -r -p | sha256sum | cut -d' ' -f1)" ]
    tty_ens 'Type its name' minutes -- destroy-key --key 'pkcs11:token=ensign;object=minutes' --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --transcript t --note 'end of life'
    exits 0
    report --since 5 t
    prints '^       \[x\] key destruction   '
    prints '^Records 6, 7  .*  destroy-key  exit status 0$'
    prints '^  destroys   minutes, MRSIGNER$'
    prints '^  read back  gone: yes$'
    prints '^  Inventory \(keys\) before and after: only this key is gone '
    sed -n '/destroys/,+1p' "$OUT" | tr -d ' ' | grep -qxF "$mrsigner" || fail "no MRSIGNER"
}

@test "an open intent: the report, and 1; an ack and a cut one" {
    ITEM='items: 1|item: 1 sign-data 6ee0d328 app.signdata app.sig'
    printf '%s\n' "$BEGIN" "intent|command: sign|$ITEM" >records
    chain make t <records
    ens transcript --report t
    exits 1
    paper "$OUT"
    says 'record 2 began to sign app.signdata and says no end'
    prints '^Record 2 .* sign  NO END$'
    prints '^OPEN: record 2 says no end: '
    prints '^Signatures of the token by these records: 0 to 1$'
    printf '%s\n' "$BEGIN" "intent|command: sign|$ITEM" 'ack 0|intent: 2|found: 1 absent|note: power\x20cut' 'run 0' >records
    chain make t <records
    report t
    prints '^Record 3 .* ack  exit status 0$'
    prints '^  of record  2$'
    prints '^  found      1 absent$'
    prints '^  note       power cut$'
    # What was open when these records begin is theirs.
    report --since 2 t
    prints '^Signatures of the token by these records: 0 to 1$'
    printf '%s\n' "$BEGIN" "intent|command: sign|$ITEM" 'outcome 74|intent: 2|calls: 0 0|result: 1 not-tried' >records
    chain make t <records
    report --since 2 t
    prints '^Record 3 .* outcome  exit status 74$'
    prints '^Signatures of the token by these records: 0 to 0$'
    chain cut t 2
    head -c -9 t >torn
    ens transcript --report torn
    refused 65 'torn: cut: record'
    : >empty
    ens transcript --report empty
    refused 65 'empty: has 0 records'
}

@test "whatever a record holds, paper gets ASCII of 76 columns and numbered pages" {
    hash=$(printf '%064d' 7)
    long=$(printf 'x%.0s' {1..500})
    {
        echo "$BEGIN"
        # Entries without the words that their rows want, hashes where none belongs, keys that nobody knows.
        echo "run 0|command: sign|item: - - -|item: 1|fields: 1 ENCLAVEHASH=ab ISVSVN=zz ENCLAVEHASH=$hash|fields: -"
        echo "run 0|key: $hash|policy: -|token: -|confirmation: -|program: -|directory: -|check: -|destroys: - -"
        echo "run 1|strange: $hash $hash $hash $hash $hash $hash $hash $hash $hash $hash|note: $long $long"
        printf '%s\n' "run 0|note: %s%n%1@1#1 \\x1b[31m \\x0c \\xc3\\xbc \\\\x20 Page\\x201\\x20of\\x201|directory: /$long"
        for i in {1..60}; do echo "run 0|command: check|number: $i"; done
    } >records
    mkdir "$long" 2>/dev/null || mkdir "${long:0:200}"
    chain make t <records
    report t
    prints "^  note       %s%n%1@1#1 \\\\x1b\\[31m \\\\x0c \\\\xc3\\\\xbc \\\\x20 Page 1 of 1\$"
    [ "$(grep -c 'exit status' "$OUT")" -eq 64 ]
    prints '^  number     60$'
    # A name that is too long or has other characters.
    for name in "${long:0:200}/t" $'\xc3\xbcb\xe2\x80\xae.t' 'a b.t'; do
        cp t "$name"
        report "$name"
    done
    # A record that is longer than a page, and one that fills it: no page is empty.
    for n in 40 50 51 52 53 54 55 107 108 109; do
        { echo "$BEGIN" && printf 'run 0' && for ((i = 3; i < n; i++)); do printf '|k: %s' "$i"; done && echo; } >records
        chain make t <records
        report t
        [ "$(grep -c '^  k  ' "$OUT")" -eq $((n - 3)) ]
    done
}

@test "the form that is filled in by hand: pages of 56 lines and 76 columns, and what the report leaves blank" {
    "$PYTHON" - "$ROOT/docs/minutes.txt" <<'PY'
import sys
text = open(sys.argv[1], encoding="ascii").read()
pages = text.split("\f")
assert len(pages) == 4 and text.endswith("\n")
for page in pages:
    lines = page.split("\n")[:-1]
    assert len(lines) <= 56 and max(map(len, lines)) <= 76 and "Page " in lines[0], lines
PY
    printf '%s\n' "$BEGIN" 'run 0' >records
    chain make t <records
    report t
    # Every line of names, seals and signatures that the report has is one of the form.
    grep -E '^(Role|Operator|Witness|PIN|Observer|Place|Seal|Phones|Clock|Host|Safe|Name|None)' "$OUT" >lines
    [ "$(wc -l <lines)" -gt 15 ]
    while IFS= read -r line; do
        grep -qxF -- "$line" "$ROOT/docs/minutes.txt" || fail "not in the form: $line"
    done <lines
}
