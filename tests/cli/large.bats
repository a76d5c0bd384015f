#!/usr/bin/env bats
# Large bundles: gigabytes and thousands of files in constant memory, what is not touched copied as it
# is. Takes some 4 GiB of disk for a minute; where there is less it fails, or is skipped with
# ENSIGN_SMALL_DISK=1.

load helpers

MEMORY=64 # MiB that a run may hold
DISK=6    # GiB that must be free

fixtures() {
    test_key one one.pem
}

# What a test leaves of it must not wait for the end of the file.
teardown() {
    rm -rf "$BATS_TEST_TMPDIR/large"
}

# room: a directory for large files, outside of the one whose picture is taken: $L.
room() {
    local free
    L=$BATS_TEST_TMPDIR/large
    mkdir "$L"
    free=$(df --output=avail -B1G "$L" | tail -n 1)
    [ "$free" -lt "$DISK" ] || return 0
    [ "${ENSIGN_SMALL_DISK:-0}" != 1 ] || skip "only $free GiB are free"
    fail "only $free GiB are free at $L, and $DISK are needed: set TMPDIR, or ENSIGN_SMALL_DISK=1"
}

# lean ARG...: runs ensign, which must succeed within $MEMORY.
lean() {
    local limit=$MEMORY
    [ "$VARIANT" != asan ] || limit=0 # its shadow counts as well
    timeout 300 "$PYTHON" "$INTEROP/large.py" measure "$limit" "$ENSIGN" "$@" </dev/null \
        >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" ||
        fail "ensign $1: exit $?" "$(grep -a -e '^ensign: ' -e '^held' "$BATS_TEST_TMPDIR/err")"
    OUT=$BATS_TEST_TMPDIR/out
}

# stages BUNDLE: show, the three stages, and the check of what comes out.
stages() {
    lean gen-sign-data --date 20240229 -o "$L/s.signdata" "$1"
    [ "$(field "$L/s.signdata" enclavehash)" = "$measured" ] || fail "another MRENCLAVE"
    pem_sign "$BATS_FILE_TMPDIR/one.pem" "$L/s.signdata" "$L/s.sig"
    lean set-sig --sign-data "$L/s.signdata" -o "$L/out.orc" "$1" "$L/s.sig" \
        "$BATS_FILE_TMPDIR/one.pem.pub"
    "$PYTHON" "$INTEROP/large.py" check "$1" "$L/out.orc" "$measured" || fail "the result is not right"
}

@test "a bundle of more than 2 GiB, with a stream of 128 MiB" {
    room
    measured=$("$PYTHON" "$INTEROP/large.py" make "$L/b.orc" --stored 2049M --stream 128M)
    [ "$(stat -c %s "$L/b.orc")" -gt $((2176 << 20)) ]
    lean show "$L/b.orc"
    prints "MRENCLAVE: $measured"
    prints '^  stored\.bin => [0-9a-f]{64}$'
    stages "$L/b.orc"
}

@test "a file of more than 4 GiB" {
    room
    measured=$("$PYTHON" "$INTEROP/large.py" make "$L/b.orc" --deflated 4097M --stream 64K)
    [ "$(stat -c %s "$L/b.orc")" -lt $((64 << 20)) ]
    lean gen-sign-data --date 20240229 -o "$L/s.signdata" "$L/b.orc"
    [ "$(field "$L/s.signdata" enclavehash)" = "$measured" ]
}

@test "5,000 files" {
    room
    enclave e.sgxs
    "$PYTHON" - "$L/b.orc" <<'PY'
import sys
import mkbundle
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf(), open("e.sgxs", "rb").read())
for i in range(4997):
    b.files[f"file-{(i * 7919) % 4997:05}.bin"] = b"%d" % i * 20
open(sys.argv[1], "wb").write(b.seal().pack())
PY
    measured=$MRENCLAVE
    lean show "$L/b.orc"
    [ "$(grep -c '^  file-[0-9]*\.bin => ' "$OUT")" -eq 4997 ]
    LC_ALL=C sort -c <(grep '^  file-' "$OUT")
    stages "$L/b.orc"
    accepted bundle --written --mrenclave "$MRENCLAVE" "$L/out.orc"
    lean verify "$L/out.orc"
    lean show --json "$L/out.orc"
    "$PYTHON" -c '
import json, sys
assert len(json.load(open(sys.argv[1]))["digests"]) == 5000' "$OUT"
}

@test "a component for each of hundreds of enclaves" {
    room
    enclave e.sgxs
    "$PYTHON" - "$L/b.orc" <<'PY'
import sys
import mkbundle
b, stream = mkbundle.Bundle(), open("e.sgxs", "rb").read()
for i in range(300):
    b.add_component(f"rofl.app{i}", mkbundle.tiny_elf(b"%d" % i), stream)
open(sys.argv[1], "wb").write(b.seal().pack())
PY
    sign_data s.signdata "$MRENCLAVE"
    pem_sign "$BATS_FILE_TMPDIR/one.pem" s.signdata s.sig
    lean show "$L/b.orc"
    [ "$(grep -c '\[UNSIGNED\]$' "$OUT")" -eq 300 ]
    for id in rofl.app0 rofl.app299 rofl.app150; do
        lean set-sig --component "$id" --sign-data s.signdata "$L/b.orc" s.sig "$BATS_FILE_TMPDIR/one.pem.pub"
    done
    lean show "$L/b.orc"
    [ "$(grep -c '\[UNSIGNED\]$' "$OUT")" -eq 297 ]
    accepted bundle --written --mrenclave "$MRENCLAVE" "$L/b.orc"
}

# How long it takes beside its hash is for make bench.
@test "an enclave of 500 MiB is measured in constant memory" {
    room
    MEMORY=16
    "$PYTHON" "$INTEROP/mkcontainer.py" intel --alone --rodata $((500 << 20)) --out "$L/e.so" \
        --key "$BATS_FILE_TMPDIR/one.pem" >/dev/null
    lean verify "$L/e.so"
    prints '^yes: '
    "$PYTHON" -c '
import sys
import large
with open(sys.argv[1], "wb") as out:
    for piece in large._stream(500 << 20):
        out.write(piece)' "$L/e.sgxs"
    lean show "$L/e.sgxs"
}

@test "on a terminal: how far it is, which is gone at the end; nothing of small files, with --quiet, or elsewhere" {
    room
    measured=$("$PYTHON" "$INTEROP/large.py" make "$L/b.orc" --stored 1M --stream 70M)
    tty_ens -- gen-sign-data --date 20240229 -o one.signdata "$L/b.orc"
    exits 0
    tr '\r' '\n' <"$OUT" | grep -aq '^checking: [1-9][0-9]* of [1-9][0-9]* MiB, [1-9][0-9]* % *$' || fail "$(head -c 2000 "$OUT" | cat -v)"
    grep -aq $' % *\r *\r' "$OUT" || fail "$(head -c 2000 "$OUT" | cat -v)"
    tty_ens -- gen-sign-data -q --date 20240229 -o two.signdata "$L/b.orc"
    exits 0
    not grep -aq ' %' "$OUT"
    ens gen-sign-data --date 20240229 -o three.signdata "$L/b.orc"
    ok
    not grep -aq ' %' "$ERR"
    bundle small.orc
    tty_ens -- gen-sign-data --date 20240229 -o four.signdata small.orc
    exits 0
    not grep -aq ' %' "$OUT"
}
