#!/usr/bin/env bats
# transcript: the chain is verified against a second implementation (below, in Python, from ensign(5)),
# what breaks it is named with its record, and a writer that is killed or that runs into a full disk
# leaves a chain that holds, or one that is reported as cut, with the way to go on.

load helpers

WRITER=$ROOT/build/$VARIANT/tests/unit/test_transcript

# write FILE COUNT: that many records, as ensign adds them.
write() {
    "$WRITER" append "$@"
}

# chain check FILE: prints the head. chain make FILE < entries: one record a line, entries separated by
# "|", each as it is to stand in the file. chain forge FILE FROM TO: replaces bytes in the last record
# and computes its hash anew. chain cut FILE N: the first N records. chain start FILE N: offset of record N.
chain() {
    "$PYTHON" - "$@" 3<&0 <<'PY'
import hashlib, os, re, sys
verb, path, *rest = sys.argv[1:]
def sha(data):
    return hashlib.sha256(data).hexdigest()
def records(data):
    return [b"ensign transcript 1, record " + r for r in data.split(b"ensign transcript 1, record ")[1:]]
def close(body):
    return body + b"sha256: " + sha(body).encode() + b"\n"
if verb == "make":
    previous, out = "0" * 64, b""
    for n, line in enumerate(os.fdopen(3, "rb").read().splitlines(), 1):
        body = b"ensign transcript 1, record %d\nprevious: %s\ntime: 2026-01-05T10:00:%02dZ\n" % (
            n, previous.encode(), n)
        body += b"".join(e + b"\n" for e in line.split(b"|")) + b"exit: 0\n"
        record = close(body)
        out += record
        previous = sha(record)
    open(path, "wb").write(out)
    sys.exit()
data = open(path, "rb").read()
parts = records(data)
if verb == "check":
    previous = "0" * 64
    for n, r in enumerate(parts, 1):
        lines = r.split(b"\n")
        assert lines[0] == b"ensign transcript 1, record %d" % n, lines[0]
        assert lines[1] == b"previous: " + previous.encode(), lines[1]
        assert re.fullmatch(rb"time: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[2]), lines[2]
        assert re.fullmatch(rb"exit: \d{1,3}", lines[-3]), lines[-3]
        assert lines[-1] == b"" and close(b"\n".join(lines[:-2]) + b"\n") == r
        previous = sha(r)
    assert b"".join(parts) == data
    print(previous)
elif verb == "forge":
    old, new = (x.encode().decode("unicode_escape").encode("latin-1") for x in rest)
    assert old in parts[-1]
    body = parts[-1].replace(old, new)
    parts[-1] = close(body[:body.rindex(b"sha256: ")])
    open(path, "wb").write(b"".join(parts))
elif verb == "cut":
    open(path, "wb").write(b"".join(parts[:int(rest[0])]))
elif verb == "start":
    print(sum(map(len, parts[:int(rest[0]) - 1])))
PY
}

@test "a chain of the second implementation is verified and printed, to the byte" {
    printf '%s\n' 'command: sign|input: app.signdata' 'note: Jürgen \xff\\ 5 €' >entries
    chain make t <entries
    head=$(chain check t)
    ens transcript t
    ok
    cat >want <<END
Transcript:   t

Record 1, 2026-01-05T10:00:01Z, exit status 0
  command: sign
  input: app.signdata

Record 2, 2026-01-05T10:00:02Z, exit status 0
  note: Jürgen \\xff\\\\ 5 €

Records:      2, and the chain holds
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
    [ "$(grep -c '^Record ' "$OUT")" -eq 3 ]
    prints '^  input: app "1".signdata$'
    # Without ensign: the head is the SHA-256 of the last record's bytes.
    [ "$(tail -c +$(($(chain start t 3) + 1)) t | sha256sum | cut -d' ' -f1)" = "$head" ]
}

@test "JSON" {
    write t 2
    ens transcript --json t
    ok
    "$PYTHON" - "$OUT" "$(chain check t)" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert set(d) == {"records", "head"} and d["head"] == sys.argv[2]
one, two = d["records"]
assert set(one) == {"number", "sha256", "previous", "time", "exit_status", "entries"}
assert (one["number"], two["number"]) == (1, 2)
assert (one["exit_status"], two["exit_status"]) == (0, 65)
assert one["previous"] == "0" * 64 and two["previous"] == one["sha256"] and two["sha256"] == d["head"]
assert one["time"] == "2026-01-05T10:00:00Z"
assert [e["key"] for e in one["entries"]] == ["command", "argument", "argument", "input"]
assert two["entries"][3] == {"key": "input", "value": 'app "1".signdata'}
PY
}

@test "--head: the end is where it was" {
    write t 3
    three=$(chain check t)
    cp t whole
    chain cut t 2
    two=$(chain check t)
    ens transcript --head "$two" t
    ok
    ens transcript --head "${two^^}" t
    ok
    ens transcript --head "$three" t
    refused 65 '^ensign: t: --head is the head of none of its 2 records: records are missing'
    ens transcript --json --head "$three" t
    refused 65 'records are missing'
    ens transcript --head "$two" whole
    refused 65 'whole: --head is that of record 2 of 3: .* records follow'
    zeros=$(printf '%064d' 0)
    ens transcript --head "$zeros" t
    refused 65 'none of its'
    ens transcript --head "${two:1}" t
    usage --head
    ens transcript --head '' t
    usage --head
}

@test "what breaks the chain is named with its record and line" {
    write good 3
    breaks() { # REGEX: t is refused, and goodness is not printed of it
        ens transcript t
        refused 65 "$1"
        ens transcript --json t
        refused 65 "$1"
    }
    sed '15s/release-1/release-2/' good >t
    breaks '^ensign: t: record 2: lines 10 to 17 were edited'
    sed '17s/65/0/' good >t
    breaks 'record 2: lines 10 to 17 were edited'
    sed '/^exit: 65$/d' good >t
    breaks 'record 2: line 17 is not an entry'
    sed '18d' good >t
    breaks 'record 2: has no end: in line 18 the next one begins'
    sed '10,18d' good >t
    breaks 'record 2: line 10 says record 3'
    sed '1,9d' good >t
    breaks 'record 1: line 1 says record 2'
    { sed -n '1,9p;19,27p' good; sed -n '10,18p' good; } >t
    breaks 'record 2: line 10 says record 3'
    cat good good >t
    breaks 'record 4: line 28 says record 1'
    cp good t
    chain forge t 'previous: ' 'previous: 0'
    breaks 'record 3: line 20 is not the SHA-256'
    chain cut good 2 && cp good t
    chain forge t 'release-1' 'release-2'
    ens transcript t
    ok          # the last record, made anew, holds together: that is what --head is for
    ens transcript --head "$(chain check good)" t
    refused 65 'none of its 2 records'
}

@test "a cut is named with its offset, and the remedy works" {
    write good 3
    start=$(chain start good 3)
    for size in $((start + 1)) $((start + 200)) $(($(stat -c %s good) - 1)); do
        head -c "$size" good >t
        ens transcript t
        refused 65 "^ensign: t: record 3: is cut off in line [0-9]+: .* truncate -s $start "
        cp t before
        run "$WRITER" append t 1
        [ "$status" -eq 65 ]
        same t before
    done
    cp t t.cut
    truncate -s "$start" t
    ens transcript t
    ok
    write t 1
    chain check t
    [ "$(grep -c '^ensign transcript 1, record 3$' t)" -eq 1 ]
}

@test "no byte of a transcript drives a terminal, not even with the right hashes" {
    for bytes in '\x1b]0;x\x07' '\x1b[2J' '\x9b' '\xc2\x9b' '\r' '\x00' '\x7f' '\xe2\x80\xae' '\xff' '\x08'; do
        echo 'command: sign|note: MARK' | chain make t
        chain forge t MARK "$bytes"
        ens transcript t
        refused 65 'record 1: line 5 is not an entry'
        ens transcript --json t
        refused 65 'record 1: line 5 is not an entry'
    done
    name=$'t\e[31m'
    echo 'note: x' | chain make "$name"
    ens transcript "$name"
    ok
    plain "$OUT"
}

@test "what is no transcript" {
    ens transcript missing
    refused 66 '^ensign: missing: '
    mkdir d
    ens transcript d
    refused 66 'd: is a directory'
    : >empty
    ens transcript empty
    refused 65 'empty: is empty'
    echo hello >hello
    ens transcript hello
    refused 65 'hello: is no transcript'
    head -c 256 /dev/urandom >random
    ens transcript random
    refused 65 'random: '
    write large 1
    truncate -s $((65 * 1024 * 1024)) large
    ens transcript large
    refused 65 'large: has more than 67108864 bytes'
    ens transcript
    usage
    ens transcript hello hello
    usage
    ens transcript --head
    usage --head
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
for i in range(20):
    print("|".join("input: " + "x" * 1000 for _ in range(1000)))' | chain make t
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
    prints '^Records: +20, and the chain holds$'
}

# ---- a writer that is killed, or whose calls fail ----

begin() {
    command -v strace >/dev/null || fail "strace is not installed"
    # A leak check cannot run under strace.
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    write before 3
    cp before t
    write t 1
    cp t after
}

# Every system call of a writer from its opening of t on: its name, which of its kind it is, and whether it is
# on that file.
calls() {
    strace -qq -y -o trace "$WRITER" append t 1
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

@test "killed in front of any system call: the chain holds, with the record or without it" {
    begin
    cp before t
    calls >plan
    grep -q '^write ' plan && grep -q '^fsync ' plan && grep -q '^flock ' plan
    old=0 new=0
    while read -r call n _; do
        cp before t
        status=0
        strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
            "$WRITER" append t 1 2>err || status=$?
        [ "$status" -eq 137 ] || fail "$call $n: not killed: $status"
        "$ENSIGN" transcript t >/dev/null || fail "$call $n: the chain is broken"
        if cmp -s t before; then old=$((old + 1)); else same t after; new=$((new + 1)); fi
    done <plan
    echo "killed: $old before the write, $new after it"
    [ "$old" -gt 3 ] && [ "$new" -gt 0 ]
}

@test "a new transcript: killed in front of any system call, it is empty or holds the record" {
    begin
    chain cut before 1
    rm t
    calls >plan
    grep -q '^fsync 2 ' plan || fail "the directory of a new file is not flushed"
    while read -r call n _; do
        rm -f t
        status=0
        strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
            "$WRITER" append t 1 2>err || status=$?
        [ "$status" -eq 137 ] || fail "$call $n: not killed: $status"
        [ ! -s t ] || same t before
    done <plan
    write t 1
}

@test "a call that fails: one line, and the file is as it was" {
    begin
    for inject in write:ENOSPC write:EIO write:EDQUOT fsync:EIO fsync:ENOSPC read:EIO flock:ENOLCK; do
        call=${inject%:*}
        cp before t
        last=$(calls | grep "^$call .* t$" | tail -1 | cut -d' ' -f2)
        [ -n "$last" ]
        cp before t
        status=0
        # flock: the attempt that does not wait may fail; what counts is the one that does.
        [ "$call" != flock ] || last=$last+
        strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:error=${inject#*:}:when=$last" \
            "$WRITER" append t 1 2>err || status=$?
        cat err
        [ "$status" -eq "$([ "$call" = flock ] && echo 71 || echo 74)" ] || fail "$inject: exit $status"
        [ "$(wc -l <err)" -eq 1 ]
        grep -q '^ensign: t: ' err
        same t before
    done
}

@test "a write that a signal interrupts is made again, and the file is opened to append only" {
    begin
    cp before t
    last=$(calls | grep "^write .* t$" | cut -d' ' -f2)
    cp before t
    strace -qq -o trace -e trace=openat,write -e "inject=write:error=EINTR:when=$last" "$WRITER" append t 1
    same t after
    grep -Eq '^openat\(AT_FDCWD, "t", .*O_APPEND' trace
}

@test "a disk that is full in the middle of the record: what was written is taken back" {
    begin
    # Files end at 1 KiB here: three records have less, four have more.
    [ "$(stat -c %s before)" -lt 1024 ] && [ "$(stat -c %s after)" -gt 1024 ]
    cp before t
    status=0
    (ulimit -f 1 && exec "$WRITER" append t 1 2>err) || status=$?
    cat err
    [ "$status" -eq 74 ]
    grep -q '^ensign: t: there is room for [0-9]* of the [0-9]* bytes of the record' err
    same t before
    write t 1
    same t after
}

@test "a record that is torn and cannot be taken back is said, found, and can be removed" {
    begin
    cp before t
    status=0
    (ulimit -f 1 && exec strace -qq -o /dev/null -e trace=ftruncate -e inject=ftruncate:error=EPERM \
        "$WRITER" append t 1 2>err) || status=$?
    cat err
    [ "$status" -eq 74 ]
    start=$(stat -c %s before)
    grep -q "^ensign: t: the file is not as it was: a part of the record may stand after byte $start: " err
    [ "$(stat -c %s t)" -eq 1024 ]
    ens transcript t
    refused 65 "record 4: is cut off in line .* truncate -s $start "
    status=0
    write t 1 2>err || status=$?
    [ "$status" -eq 65 ]
    truncate -s "$start" t
    same t before
    write t 1
    same t after
}
