#!/usr/bin/env bats
# transcript: the chain is verified against a second implementation (tests/interop/transcript.py), what breaks it
# is named with its record, and a writer that is killed or that runs into a full disk leaves a chain that holds,
# or says what the next run answers. What sign and its like write is in record.bats.

load helpers

WRITER=$ROOT/build/$VARIANT/tests/unit/test_transcript_file

# write FILE COUNT: that many runs, as ensign adds them.
write() {
    "$WRITER" append "$@"
}

chain() {
    "$PYTHON" "$INTEROP/transcript.py" "$@"
}

BEGIN='begin|id: 000102030405060708090a0b0c0d0e0f|continues: -'
ITEM='items: 1|item: 1 sign-data 6ee0d328 app.signdata app.sig'

@test "a chain of the second implementation is verified and printed, to the byte" {
    printf '%s\n' "$BEGIN" 'run 77|command: sign|input: app.signdata' 'run 0|note: J\xc3\xbcrgen \\ - \x2d' >records
    chain make t <records
    head=$(chain check t)
    ens transcript t
    ok
    cat >want <<END
Transcript:   t

Record 1, 2026-01-05T10:00:01Z, begin
  id: 000102030405060708090a0b0c0d0e0f
  continues: -

Record 2, 2026-01-05T10:00:02Z, run, exit status 77
  command: sign
  input: app.signdata

Record 3, 2026-01-05T10:00:03Z, run, exit status 0
  note: J\\xc3\\xbcrgen \\\\ - \\x2d

Records:      3, and the chain holds
Calls:        0..0
Head:         $head
END
    same "$OUT" want
    [ ! -s "$ERR" ]
}

@test "what ensign adds, the second implementation verifies" {
    write t 3
    head=$(chain check t)
    ens transcript --head "$head" t
    ok
    prints "^Head: +$head\$"
    [ "$(grep -c '^Record ' "$OUT")" -eq 4 ]
    prints '^  input: app\\x201.signdata$'
    # Without ensign: the head is the SHA-256 of the last record's bytes.
    [ "$(tail -c +$(($(chain start t 4) + 1)) t | sha256sum | cut -d' ' -f1)" = "$head" ]
}

@test "JSON: the words as they are stored" {
    printf '%s\n' "$BEGIN" "intent|command: sign|$ITEM" \
        'outcome 0|intent: 2|calls: 2 1|result: 1 failed|note: a\x20b -' "intent|$ITEM" >records
    chain make t <records
    ens transcript --json t
    exits 1
    "$PYTHON" - "$OUT" "$(chain check t)" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert list(d) == ["kind", "format", "file", "records", "head", "open", "calls"], list(d)
assert (d["kind"], d["format"], d["file"], d["head"]) == ("transcript", 1, "t", sys.argv[2])
assert d["open"] == 4 and d["calls"] == [1, 3]
one, two, three, four = d["records"]
assert list(one) == ["number", "previous", "time", "kind", "entries", "exit", "hash"], list(one)
assert [r["kind"] for r in d["records"]] == ["begin", "intent", "outcome", "intent"]
assert [r["exit"] for r in d["records"]] == [None, None, 0, None]
assert one["previous"] == "0" * 64 and two["previous"] == one["hash"] and four["hash"] == d["head"]
assert two["entries"][2] == {"key": "item", "words": ["1", "sign-data", "6ee0d328", "app.signdata", "app.sig"]}
assert three["entries"][3] == {"key": "note", "words": ["a\\x20b", "-"]}
PY
    : >empty
    ens transcript --json empty
    ok
    "$PYTHON" -c 'import json, sys; d = json.load(sys.stdin)
assert (d["records"], d["head"], d["open"], d["calls"]) == ([], None, None, [0, 0])' <"$OUT"
}

@test "an open intent: 1, and what to look for" {
    printf '%s\n' "$BEGIN" "intent|command: sign|$ITEM" >records
    chain make t <records
    ens transcript t
    exits 1
    says "^ensign: t: record 2 began to sign app.signdata and says no end: look for app.sig, then run again with --acknowledge 2 --note '...'\$"
    prints '^Open: +record 2$'
    prints '^Calls: +0\.\.1$'
    printf '%s\n' "$BEGIN" "intent|command: sign|items: 3|item: 1 a - in/a x/a.sig|item: 2 a - b x|item: 3 a - c x" >records
    chain make t <records
    ens transcript t
    exits 1
    says 'began to sign in/a and 2 more and says no end: look for x/a.sig and 2 more, '
    printf '%s\n' "$BEGIN" "intent|command: keygen|creates: hsm release 01|items: 1|item: 1 test - - -" >records
    chain make t <records
    ens transcript t
    exits 1
    says 'began to keygen release and says no end: look for key release on its token, '
    printf '%s\n' "$BEGIN" "intent|$ITEM" 'ack 0|intent: 2|found: 1 absent|note: x' >records
    chain make t <records
    ens transcript t
    ok
    prints '^Calls: +0\.\.1$'
}

@test "time that goes back is a warning" {
    printf '%s\n' "$BEGIN" 'run 0' >records
    chain make t <records
    chain forge t 'time: 2026' 'time: 2025'
    ens transcript t
    exits 0
    warned '^ensign: warning: t: the time of record 2 is before that of the record before it$'
}

@test "--head: the end is where it was" {
    write t 3
    four=$(chain check t)
    cp t whole
    chain cut t 3
    three=$(chain check t)
    ens transcript --head "$three" t
    ok
    ens transcript --head "${three^^}" t
    ok
    # As it stands in the minutes: eight groups.
    # shellcheck disable=SC2001  # not every bash knows & in a replacement
    ens transcript --head "$(sed 's/......../& /g' <<<"$three")" t
    ok
    ens transcript --head "$four" t
    refused 65 '^ensign: t: --head is the head of none of its 3 records: records are missing'
    ens transcript --json --head "$four" t
    refused 65 'records are missing'
    ens transcript --head "$three" whole
    refused 65 'whole: --head is that of record 3 of 4: .* records follow'
    zeros=$(printf '%064d' 0)
    ens transcript --head "$zeros" t
    refused 65 'none of its'
    ens transcript --head "${three:1}" t
    usage --head
    ens transcript --head '' t
    usage --head
}

@test "a signed head: who saw the record at which length" {
    write t 3
    ens transcript --head-statement t
    ok
    cp "$OUT" head
    printf 'ensign head 1\nid: %s\nrecords: 4\nhead: %s\n' "$(sed -n 's/^id: //p' t)" "$(chain check t)" >want
    same head want
    ssh_keys wendy mallory
    printf 'approvers 1\nperson wendy@example.org\nkey %s\nend\n' "$(cut -d' ' -f1,2 wendy.pub)" >witnesses
    chmod 644 witnesses
    witness() { # KEY [NAMESPACE]: signs ./head as ./signed
        rm -f head.sig
        ssh-keygen -q -Y sign -n "${2:-ensign-head-v1}" -f "$1" head 2>/dev/null
        cat head head.sig >signed
    }
    fits() {
        ens transcript --witnesses witnesses --signed-head signed t
    }
    witness wendy
    fits
    ok
    prints '^Witness: +wendy@example.org, for record 4$'
    ens transcript --json --witnesses witnesses --signed-head signed t
    ok
    "$PYTHON" -c 'import json, sys; d = json.load(sys.stdin)
assert (d["witness"], d["witnessed"]) == ("wendy@example.org", 4)' <"$OUT"
    cp t shorter
    write t 1
    fits
    ok
    # Cut behind the witness's back, and another file in its place.
    cp t whole
    cp signed fine
    chain cut t 3
    fits
    refused 65 '^ensign: signed: records: '
    rm t
    write t 3
    fits
    refused 65 '^ensign: signed: id: '
    cp whole t
    witness mallory
    fits
    refused 65 '^ensign: signed: unknown-key: '
    witness wendy ensign-approval-v1
    fits
    refused 65 '^ensign: signed: namespace: '
    sed 's/^records: 4/records: 3/' fine >signed
    fits
    refused 65 '^ensign: signed: signature: '
    sed 's/^head: ./&0/' fine >signed
    fits
    refused 65 '^ensign: signed: statement: '
    { cat fine; echo; } >signed
    fits
    refused 65 '^ensign: signed: sshsig: '
    cp head signed
    fits
    refused 65 '^ensign: signed: sshsig: '
    sed -i "s/^head: .*/head: $(printf '%064d' 0)/" head
    witness wendy
    fits
    refused 65 '^ensign: signed: head: '
    ens transcript --witnesses witnesses t
    usage 'signed-head'
    ens transcript --signed-head fine t
    usage 'witnesses'
    : >empty
    ens transcript --head-statement empty
    refused 65 'empty: has no record'
}

@test "every transcript of the shared vectors, with its verdict and its word" {
    ceremony=${ENSIGN_SHARED:-$ROOT/../shared}/ceremony/vectors
    [ -r "$ceremony/index.json" ] || need_shared
    [ -r "$ceremony/index.json" ] || skip "the vectors of the ceremony are not here"
    "$PYTHON" - "$ENSIGN" "$ceremony" <<'PY'
import json, os, subprocess, sys
ensign, root = sys.argv[1:]
tried = 0
for v in json.load(open(root + "/index.json"))["vectors"]:
    if v["args"][0] != "transcript":
        continue
    path = os.path.join(root, v["args"][1])
    run = subprocess.run([ensign, "transcript", path], capture_output=True, text=True)
    assert run.returncode == v["exit"], (v["name"], run)
    assert v["exit"] != 65 or ": %s: record " % v["rule"] in run.stderr, (v["name"], run.stderr)
    as_json = subprocess.run([ensign, "transcript", "--json", path], capture_output=True, text=True)
    assert as_json.returncode == v["exit"] and (v["exit"] == 65) == (as_json.stdout == ""), v["name"]
    if v["exit"] != 65:
        assert json.loads(as_json.stdout)["open"] == (3 if v["exit"] else None) or v["exit"], v["name"]
    tried += 1
assert tried >= 30, tried
print(tried, "vectors")
PY
}

@test "what breaks the chain is named with its word, record and byte" {
    write good 3
    breaks() { # WORD RECORD: t is refused, and goodness is not printed of it
        ens transcript t
        refused 65 "^ensign: t: $1: record $2, from byte $(chain start good "$2") on, "
        ens transcript --json t
        refused 65 "^ensign: t: $1: record $2"
    }
    sed 's/app\\x201/app\\x202/' good >t
    breaks edited 3
    sed 's/^exit: 65$/exit: 0/' good >t
    breaks edited 3
    sed '/^exit: 65$/d' good >t
    breaks edited 3
    chain cut good 4
    { head -c "$(chain start good 3)" good; tail -c +$(($(chain start good 4) + 1)) good; } >t
    breaks order 3
    cp good t
    chain forge t 'previous: ' 'previous: 0'
    ens transcript t
    refused 65 'chain: record 4'
    cp good t
    chain forge t 'command: sign' 'command:  sign'
    breaks entry 4
    cp good t
    chain forge t 'note: A.' 'note: \\x41.'
    breaks escape 4
    cp good t
    chain forge t 'kind: run' 'kind: note'
    breaks kind 4
    cat good good >t
    ens transcript t
    refused 65 'order: record 5'
    sed 's/transcript 1, record 1/transcript 2, record 1/' good >t
    breaks version 1
    cp good t
    chain forge t 'A. Adams' 'B. Adams'
    ens transcript t
    ok          # the last record, made anew, holds together: that is what --head is for
    ens transcript --head "$(chain check good)" t
    refused 65 'none of its 4 records'
}

@test "every changed bit of a file is refused, and every cut but those between records" {
    printf '%s\n' "$BEGIN" 'run 0|note: x' "intent|$ITEM" >records
    chain make good <records
    "$PYTHON" - "$ENSIGN" good <<'PY'
import subprocess, sys
ensign, path = sys.argv[1:]
good = open(path, "rb").read()
def run(data):
    open("t", "wb").write(data)
    return subprocess.run([ensign, "transcript", "t"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
ends = [0]
at = 0
while (at := good.find(b"\nsha256: ", at)) >= 0:
    at += 74
    ends.append(at)
assert run(good) == 1 and ends[-1] == len(good)
# Every seventh bit here, so that no bit of a byte is left out; all of them are in test_transcript.
for bit in range(0, 8 * len(good), 7):
    changed = bytearray(good)
    changed[bit // 8] ^= 1 << bit % 8
    assert run(changed) == 65, bit
for cut in range(0, len(good), 5):
    assert run(good[:cut]) == (0 if cut in ends else 65), cut
PY
}

@test "no byte of a transcript drives a terminal, not even with the right hashes" {
    for bytes in '\x1b]0;x\x07' '\x1b[2J' '\x9b' '\xc2\x9b' '\r' '\x00' '\x7f' '\xe2\x80\xae' '\xff' '\x08'; do
        printf '%s\n' "$BEGIN" 'run 0|note: MARK' | chain make t
        chain forge t MARK "$bytes"
        ens transcript t
        refused 65 'edited: record 2'
        ens transcript --json t
        refused 65 'edited: record 2'
    done
    name=$'t\e[31m'
    echo "$BEGIN" | chain make "$name"
    ens transcript "$name"
    ok
    plain "$OUT"
}

@test "what is not a transcript" {
    ens transcript missing
    refused 66 '^ensign: missing: '
    mkdir d
    ens transcript d
    refused 65 'd: not-regular'
    mkfifo fifo
    ens transcript fifo
    refused 65 'fifo: not-regular'
    : >empty
    ens transcript empty
    ok
    prints '^Records: +0, and the chain holds$'
    prints '^Head: +none$'
    echo hello >hello
    ens transcript hello
    refused 65 'hello: no-header: '
    head -c 256 /dev/urandom >random
    ens transcript random
    refused 65 'random: '
    write large 1
    truncate -s $((65 * 1024 * 1024)) large
    ens transcript large
    refused 65 'large: too-large: has more than 67108864 bytes'
    ens transcript
    usage
    ens transcript hello hello
    usage
    ens transcript --head
    usage --head
}

@test "a record of bb5e679 is refused by its first record" {
    printf 'ensign transcript 1, record 1\nprevious: %064d\ntime: 2026-01-05T10:00:00Z\ncommand: ensign sign\nexit: 0\n' 0 >t
    printf 'sha256: %s\n' "$(sha256 t)" >>t
    ens transcript t
    refused 65 't: entry: record 1'
}

@test "stdout that is full or closed is an error" {
    write t 1
    status=0
    "$ENSIGN" transcript t >/dev/full 2>err || status=$?
    [ "$status" -eq 74 ]
    grep -q '^ensign: stdout: ' err
    status=0
    "$ENSIGN" transcript --json t >/dev/full 2>err || status=$?
    [ "$status" -eq 74 ]
}

@test "a large transcript" {
    "$PYTHON" -c '
print("'"$BEGIN"'")
for i in range(20):
    print("run 0|" + "|".join("input: " + "x" * 1000 for _ in range(1000)))' | chain make t
    ens transcript --head "$(chain check t)" t
    ok
    [ "$(grep -c '^  input: ' "$OUT")" -eq 20000 ]
}

@test "writers at the same time are all recorded" {
    for _ in 1 2 3 4; do
        write t 5 &
    done
    wait
    chain check t
    ens transcript t
    ok
    prints '^Records: +21, and the chain holds$'
}

# ---- a writer that is killed, or whose calls fail ----

begin() {
    command -v strace >/dev/null || fail "strace is not installed"
    # A leak check cannot run under strace.
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    write before 3
}

# Every system call of "$WRITER" ARG... from its opening of t on: its name, which of its kind it is, and whether
# it is on that file.
calls() {
    strace -qq -y -o trace "$WRITER" "$@"
    "$PYTHON" - <<'PY'
import collections, re
counts, on = collections.Counter(), False
for line in open("trace"):
    call = re.match(r"([a-z_0-9]+)\(", line)
    if call:
        name = call.group(1)
        counts[name] += 1
        on = on or name == "openat" and '"t"' in line
        if on and name != "exit_group":
            print(name, counts[name], "t" if "/t>" in line else "-")
PY
    rm trace
}

killed() { # CALL N ARG...: the writer is killed in front of that call
    local call=$1 n=$2
    shift 2
    status=0
    strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" "$WRITER" "$@" 2>err || status=$?
    [ "$status" -eq 137 ] || fail "$call $n: not killed: $status"
}

@test "A5: killed in front of any system call between intent and outcome: the next run says what stands there" {
    begin
    cp before t
    calls sign t out >plan
    grep -q '^fsync ' plan && grep -q '^fallocate ' plan && grep -q '^rename' plan
    old=0 open=0 done=0
    while read -r call n _; do
        cp before t
        rm -f out
        killed "$call" "$n" sign t out
        status=0
        "$ENSIGN" transcript t >say 2>&1 || status=$?
        case $status in
        0)
            if cmp -s t before; then
                old=$((old + 1))
                [ ! -e out ] || fail "$call $n: an output, and no record of it"
            else
                done=$((done + 1))
                grep -q '^  result: 1 written ' say && [ -e out ] || fail "$call $n: an outcome without output"
            fi
            write t 1
            ;;
        1)
            open=$((open + 1))
            grep -q 't: record 5 began to sign app.signdata and says no end: look for out, ' say
            found=absent
            [ ! -e out ] || found=$(sha256 out)
            status=0
            "$WRITER" append t 1 2>err || status=$?
            [ "$status" -eq 77 ]
            "$WRITER" acknowledge t 5
            grep -q "^found: 1 $found\$" t || fail "$call $n: not found as it is"
            write t 1
            ;;
        *) fail "$call $n: the chain is broken: $(cat say)" ;;
        esac
        chain check t >/dev/null
    done <plan
    echo "killed: $old before the intent, $open after it, $done after the outcome"
    [ "$old" -gt 3 ] && [ "$open" -gt 5 ] && [ "$done" -gt 0 ]
}

@test "a new transcript: killed in front of any system call, it is empty or begins as it must" {
    begin
    rm -f t
    calls append t 1 >plan
    grep -q '^fsync 2 ' plan || fail "the directory of a new file is not flushed"
    while read -r call n _; do
        rm -f t
        killed "$call" "$n" append t 1
        [ ! -s t ] || [ "$(grep -c '^ensign transcript' t)" -eq 2 ]
        [ ! -e t ] || "$ENSIGN" transcript t >/dev/null
    done <plan
    rm -f t
    write t 1
}

@test "a record that was torn: its rest goes to a file of its own, and the chain goes on" {
    write good 2
    write t 3
    start=$(chain start t 4)
    size=$(stat -c %s t)
    cp t whole
    for cut in $((start + 1)) $((start + 200)) $((size - 1)); do
        head -c "$cut" whole >t
        ens transcript t
        refused 65 "^ensign: t: cut: record 4, from byte $start on, .* --acknowledge 0 --note"
        cp t before
        status=0
        "$WRITER" append t 1 2>err || status=$?
        [ "$status" -eq 65 ]
        grep -q "^ensign: t: cut: record 4, from byte $start on, .* --acknowledge 0 --note '...', which moves these $((cut - start)) bytes to t.torn-4\$" err
        same t before
        "$WRITER" acknowledge t 0
        mode_is t.torn-4 600
        [ "$(cat <(head -c "$start" t) t.torn-4 | sha256sum)" = "$(sha256sum <before)" ]
        grep -q "^torn: $((cut - start)) $(sha256 t.torn-4) t.torn-4\$" t
        write t 1
        chain check t
        ens transcript t
        ok
        rm t.torn-4
    done
}

@test "a torn end that cannot be taken off stays 65" {
    begin
    write t 1
    truncate -s -5 t
    cp t cut
    status=0
    strace -qq -o /dev/null -e trace=ftruncate -e inject=ftruncate:error=EPERM "$WRITER" acknowledge t 0 2>err || status=$?
    [ "$status" -eq 65 ]
    same t cut
    "$WRITER" acknowledge t 0
    write t 1
}

@test "a call that fails: one line, and the file is as it was" {
    begin
    for inject in write:ENOSPC write:EIO write:EDQUOT fsync:EIO fsync:ENOSPC read:EIO flock:ENOLCK fallocate:ENOSPC \
        fallocate:EDQUOT; do
        call=${inject%:*}
        cp before t
        verb=sign
        last=$(calls sign t out | grep "^$call .* t$" | head -1 | cut -d' ' -f2)
        [ -n "$last" ]
        cp before t
        rm -f out
        status=0
        [ "$call" != flock ] || last=$last+
        strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:error=${inject#*:}:when=$last" \
            "$WRITER" "$verb" t out 2>err || status=$?
        cat err
        [ "$status" -eq "$([ "$call" = flock ] && echo 71 || echo 74)" ] || fail "$inject: exit $status"
        [ "$(wc -l <err)" -eq 1 ]
        grep -q '^ensign: t: ' err
        same t before
        # What cannot be announced is not done.
        [ ! -e out ]
    done
}

@test "a file system that reserves no room is passed over" {
    begin
    cp before t
    strace -qq -o /dev/null -e trace=fallocate -e inject=fallocate:error=EOPNOTSUPP "$WRITER" sign t out
    grep -q '^result: 1 written ' t
}

@test "a write that a signal interrupts is made again, and the file is opened to append only" {
    begin
    cp before t
    first=$(calls sign t out | grep "^write .* t$" | head -1 | cut -d' ' -f2)
    cp before t
    strace -qq -o trace -e trace=openat,write -e "inject=write:error=EINTR:when=$first" "$WRITER" sign t out
    chain check t
    grep -Eq '^openat\(AT_FDCWD, "t", .*O_APPEND' trace
}

@test "a disk that is full in the middle of the record: what was written is taken back" {
    begin
    # Files end at a multiple of 1 KiB here.
    while [ $(($(stat -c %s before) % 1024)) -lt 900 ]; do write before 1; done
    cp before t
    status=0
    (ulimit -f $(($(stat -c %s t) / 1024 + 1)) && exec "$WRITER" append t 1 2>err) || status=$?
    cat err
    [ "$status" -eq 74 ]
    grep -q '^ensign: t: there is room for [0-9]* of the [0-9]* bytes of the record' err
    same t before
    write t 1
    chain check t
}

@test "a record that is torn and cannot be taken back is said, found, and moved away" {
    begin
    while [ $(($(stat -c %s before) % 1024)) -lt 900 ]; do write before 1; done
    cp before t
    status=0
    (ulimit -f $(($(stat -c %s t) / 1024 + 1)) && exec strace -qq -o /dev/null -e trace=ftruncate \
        -e inject=ftruncate:error=EPERM "$WRITER" append t 1 2>err) || status=$?
    cat err
    [ "$status" -eq 74 ]
    start=$(stat -c %s before)
    grep -q "^ensign: t: the file is not as it was: a part of the record may stand after byte $start: " err
    ens transcript t
    refused 65 "cut: record .*, from byte $start on"
    "$WRITER" acknowledge t 0
    write t 1
    chain check t
}
