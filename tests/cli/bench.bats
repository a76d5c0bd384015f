#!/usr/bin/env bats
# scripts/bench: that it runs and prints its tables, and that the limit program, which ensign is measured against, does the
# work that it says it does: the same sign-data, the same manifest, a bundle that holds, and no digest left out.

load helpers

fixtures() {
    test_key one one.pem
}

# limit ARG...: the limit program of this build.
limit() {
    "$ROOT/build/$VARIANT/tests/bench/limit" "$@"
}

# The own enclave, beside it what the limit program must agree with.
begin() {
    bundle b.orc "$@"
    ens gen-sign-data --date 20240229 -o b.signdata b.orc
    ok
    pem_sign "$BATS_FILE_TMPDIR/one.pem" b.signdata b.sig
    ens set-sig --date 20240229 -o by-ensign.orc b.orc b.sig "$BATS_FILE_TMPDIR/one.pem.pub"
    ok
}

# hash_of FILE.orc: its manifest hash.
hash_of() {
    ens show "$1" >&2
    sed -n 's/^Manifest hash: *//p' "$OUT"
}

@test "the limit program makes the sign-data that ensign makes, with every library" {
    local library form
    for form in '' --data-descriptor '--compress store'; do
        # shellcheck disable=SC2086  # two words
        begin $form
        for library in isal libdeflate zlib; do
            limit --with "$library" gen b.orc 20240229 "$library.signdata"
            same "$library.signdata" b.signdata
            rm "$library.signdata"
        done
        rm b.* by-ensign.orc
    done
}

@test "the bundle that the limit program signs holds, and has the manifest that ensign writes" {
    local form
    for form in '' --data-descriptor '--compress store'; do
        # shellcheck disable=SC2086
        begin $form
        limit set b.orc 20240229 b.sig "$BATS_FILE_TMPDIR/one.pem.pub" ./by-limit.orc
        accepted bundle --mrenclave "$MRENCLAVE" --mrsigner "$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")" by-limit.orc
        ens verify --profile core by-limit.orc
        ok
        [ "$(hash_of by-limit.orc)" = "$(hash_of by-ensign.orc)" ]
        files b.orc b.signdata b.sig by-ensign.orc by-limit.orc
        rm b.* by-*
    done
}

@test "the limit program leaves nothing out: each digest, each CRC and the signature are compared" {
    local name at
    begin --compress store
    # A byte of either file, in the middle of its data.
    for name in ronl.elf ronl.sgx; do
        at=$("$PYTHON" -c '
import sys, zipfile
info = zipfile.ZipFile(sys.argv[1]).getinfo(sys.argv[2])
print(info.header_offset + 30 + len(info.filename) + info.file_size // 2)' b.orc "$name")
        cp b.orc broken.orc
        poke broken.orc "$at" a5
        not limit gen broken.orc 20240229 broken.signdata
    done
    "$PYTHON" - b.orc digest.orc <<'PY'
import sys
data = open(sys.argv[1], "rb").read()
import json, re, zlib, zipfile
import mkbundle, zipmake
old = zipfile.ZipFile(sys.argv[1])
manifest = json.loads(old.read(mkbundle.MANIFEST_NAME))
name = min(manifest["digests"])
manifest["digests"][name] = "00" * 32
entries = [zipmake.Entry(mkbundle.MANIFEST_NAME.encode(), mkbundle.encode(manifest))]
entries += [zipmake.Entry(n.encode(), old.read(n)) for n in old.namelist()[1:]]
open(sys.argv[2], "wb").write(zipmake.pack(entries))
PY
    not limit gen digest.orc 20240229 broken.signdata
    cp b.sig other.sig
    poke other.sig 200 00ff
    not limit set b.orc 20240229 other.sig "$BATS_FILE_TMPDIR/one.pem.pub" ./broken-out.orc
    not limit set b.orc 20240301 b.sig "$BATS_FILE_TMPDIR/one.pem.pub" ./broken-out.orc
    [ ! -e broken.signdata ] && [ ! -e broken-out.orc ]
}

@test "orc's floor reads the stream that ensign measures, and writes every entry" {
    command -v go >/dev/null || skip "go is not installed"
    begin
    # What go makes of its own library serves every variant.
    GOCACHE=$ROOT/build/go-cache GOTOOLCHAIN=local GOFLAGS='' go build -o "$BATS_TEST_TMPDIR/floor" \
        "$ROOT/tests/bench/orc_floor.go"
    [ "$("$BATS_TEST_TMPDIR/floor" gen b.orc)" = "$MRENCLAVE" ]
    "$BATS_TEST_TMPDIR/floor" set b.orc b.sig by-floor.orc
    "$PYTHON" - b.orc by-floor.orc b.sig <<'PY'
import sys, zipfile
old, new = zipfile.ZipFile(sys.argv[1]), zipfile.ZipFile(sys.argv[2])
assert new.namelist() == old.namelist() + ["runtime.sgx.sig"], new.namelist()
assert all(old.read(n) == new.read(n) for n in old.namelist())
assert new.read("runtime.sgx.sig") == open(sys.argv[3], "rb").read()
PY
    cp b.orc broken.orc
    truncate -s -100 broken.orc
    not "$BATS_TEST_TMPDIR/floor" gen broken.orc
}

@test "bench measures every case, prints its tables and leaves nothing behind" {
    local callgrind=1
    # A program with sanitizers does not run under valgrind, which not every host has.
    if [ "$VARIANT" = asan ] || ! command -v valgrind >/dev/null; then
        callgrind=0
    fi
    mkdir scratch
    TMPDIR=$PWD/scratch BENCH_SIZES=2 BENCH_ROUNDS=1 BENCH_SMALL=5 BENCH_CALLGRIND=$callgrind \
        "$ROOT/scripts/bench" "$VARIANT" --json raw.json >table 2>words || fail "$(cat words)"
    cat table
    for row in 'gen-sign-data, 2 MiB +ensign' 'gen-sign-data, 2 MiB +limit ' 'set-sig, 2 MiB +ensign' \
        'set-sig, 2 MiB +limit ' 'show of a stream, 2 MiB +openssl' 'sign x 5 +token loop' \
        'sign, one process +openssl' 'gen-sign-data, 2 MiB +orc ' "set-sig, 2 MiB +orc's floor " '--version +ensign' '^what the project holds itself to$' \
        '^sign x 5: of the token' '^7-of-7( +[0-9]+\.[0-9]){5}$' '^quorum 2-of-3: times the prototype, CPU \('; do
        grep -Eq -- "$row" table || fail "the table has no row like /$row/"
    done
    [ "$callgrind" = 0 ] || grep -Eq '^gen-sign-data +limit +[0-9]+\.[0-9]+$' table
    "$PYTHON" - raw.json <<'PY'
import json, sys
raw = json.load(open(sys.argv[1]))
programs = [c for c in raw["cases"]]
assert len(programs) >= 10, programs
for p in programs:
    assert len(p["samples"]) == 1, p
    s = p["samples"][0]
    assert s["status"] == 0 and s["wall"] > 0 and s["memory"] > 500, p
assert raw["targets"], raw
assert len(raw["quorum"]) == 5, raw["quorum"]
assert all(len(q) == 5 and min(q) > 0 for q in raw["quorum"].values()), raw["quorum"]
PY
    [ -z "$(ls scratch)" ] || fail "left behind: $(ls scratch)"
    files raw.json scratch table words
}

@test "orc is measured where it is on the PATH, and a missed target is an exit status where that is asked for" {
    local status=0
    mkdir bin
    # A stand-in that is exactly as fast as ensign, so that the targets on orc are missed for certain.
    printf '#!/bin/sh\nexec %q "$@"\n' "$ENSIGN" >bin/orc
    chmod +x bin/orc
    PATH=$PWD/bin:$PATH TMPDIR=$PWD BENCH_SIZES=20 BENCH_STREAM=2 BENCH_ROUNDS=1 BENCH_SMALL=5 BENCH_CALLGRIND=0 \
        BENCH_STRICT=1 "$ROOT/scripts/bench" "$VARIANT" >table 2>words || status=$?
    cat table words
    [ "$status" -eq 1 ]
    grep -Eq '^set-sig, 20 MiB +orc +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$' table
    grep -Eq '^gen-sign-data, 20 MiB +orc +[0-9.]+ ' table
    grep -Eq '^set-sig, 20 MiB: times as fast as orc +[0-9.]+ +at least 10 +MISSED$' table
    not grep -q 'orc +not here' table
    files bin bin/orc table words
}

@test "bench says what is missing, and what it does not know" {
    local status=0
    "$ROOT/scripts/bench" no-such-variant >out 2>err || status=$?
    [ "$status" -eq 66 ] && grep -q 'no-such-variant.*make VARIANT=no-such-variant bench-build' err
    status=0
    "$ROOT/scripts/bench" --nonsense >out 2>err || status=$?
    [ "$status" -eq 64 ] && grep -q '^usage: ' err
}
