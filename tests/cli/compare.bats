#!/usr/bin/env bats
# compare: is this rebuilt enclave the released one, whoever signed it; and if not, why not. The first line is
# what a release manager reads: each difference that is made here must be named there by its cause.

load helpers
load containers

fixtures() {
    test_key one one.pem
    enclave own-copy.sgxs
}

# vectors NAME...: generated streams.
vectors() {
    local name
    for name in "$@"; do
        cp "$VECTORS/sgxs/$name.sgxs" .
    done
}

verdict() {
    head -1 "$OUT"
}

# compared STATUS REGEX A B [OPTION...]: the answer, and what the first line must say.
compared() {
    local want=$1 regex=$2
    shift 2
    ens compare "${@:3}" "$1" "$2"
    exits "$want"
    [ -z "$(errors)" ] || fail "an error line"
    plain "$ERR"
    plain "$OUT"
    unchanged
    verdict | grep -Eq -- "$regex" || fail "the first line does not say /$regex/: $(verdict)"
    # One of two beginnings, at most 80 columns, and --json says the same.
    cp "$OUT" text
    "$ENSIGN" compare --json "${@:3}" "$1" "$2" >json 2>/dev/null || [ $? -eq "$want" ]
    "$PYTHON" - json text <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
line = open(sys.argv[2]).readline().rstrip("\n")
assert doc["verdict"] in ("same enclave", "other enclave") and len(line) <= 80, line
assert line in (f"{doc['verdict']}{gap} {doc['summary']}" for gap in ":;"), (doc["verdict"], doc["summary"], line)
assert doc["same_enclave"] is line.startswith("same enclave")
PY
    mv json "$BATS_TEST_TMPDIR/json"
    rm text
}

# rows PYTHON-EXPRESSION: holds over the document of --json as `doc` and its page rows as `rows`.
rows() {
    "$PYTHON" - "$BATS_TEST_TMPDIR/json" "$1" <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
rows = doc.get("pages") or []
assert eval(sys.argv[2]), (sys.argv[2], doc)
PY
}

# differing NAME...: exactly these signed fields differ.
differing() {
    rows "[f['name'] for f in doc['fields']] == $("$PYTHON" -c 'import sys; print(sys.argv[1:])' "$@")"
}

# ---- streams: each constructed difference by its cause ----

@test "the same stream is the same enclave" {
    vectors base
    cp base.sgxs copy.sgxs
    compared 0 '^same enclave; neither is signed$' base.sgxs copy.sgxs
    prints "$(sha256 base.sgxs)"
    rows 'rows == []'
}

@test "one byte: where, and how much" {
    vectors base one-byte
    at=$("$PYTHON" -c '
import sgxs
a, b = (open(n + ".sgxs", "rb").read() for n in ("base", "one-byte"))
[at] = [i for i in range(len(a)) if a[i] != b[i]]
print(at)')
    compared 1 '^other enclave: 1 of 11 pages differs, 1 byte, at 0x[0-9a-f]+ in code$' base.sgxs one-byte.sgxs
    prints 'other content: 1 byte at 0x1411$'
    rows 'len(rows) == 1 and rows[0]["kind"] == "content" and rows[0]["bytes"] == 1 and rows[0]["pages"] == 1'
    # The offset is the one in the enclave: the chunk's address and the byte in it.
    "$PYTHON" - "$at" "$BATS_TEST_TMPDIR/json" <<'PY'
import json, sys
data, at = open("base.sgxs", "rb").read(), int(sys.argv[1])
pos = 0
while pos < len(data):
    size = 64 + (256 if data[pos:pos + 8] in (b"EEXTEND\0", b"UNMEASRD") else 0)
    if pos <= at < pos + size:
        address = int.from_bytes(data[pos + 8:pos + 16], "little") + at - pos - 64
    pos += size
assert int(json.load(open(sys.argv[2]))["pages"][0]["first_offset"], 16) == address
PY
}

@test "one flag: the permissions, before and after" {
    vectors base one-flag
    compared 1 '1 page with another type or other permissions.*: REG rw- / REG r--' base.sgxs one-flag.sgxs
    rows 'len(rows) == 1 and rows[0]["kind"] == "secinfo" and rows[0]["flags_a"] != rows[0]["flags_b"]'
    compared 1 'permissions.*: REG r-- / REG rw-' one-flag.sgxs base.sgxs
}

@test "an extra page: on which side, where, of what kind" {
    vectors base extra-page
    compared 1 ': 1 page only in B, at 0x19000$' base.sgxs extra-page.sgxs
    prints '^  0x19000   0x1a000       1  REG rw-   only in B$'
    compared 1 ': 1 page only in A, at 0x19000$' extra-page.sgxs base.sgxs
    rows 'len(rows) == 1 and rows[0]["kind"] == "only-a"'
}

@test "swapped pages and swapped chunks: the same content in another order" {
    vectors base swapped-pages swapped-chunks
    compared 1 ': 2 pages added in another order' base.sgxs swapped-pages.sgxs
    rows '{r["kind"] for r in rows} == {"page-order"} and doc["totals"]["bytes"] == 0'
    compared 1 ': 1 page with the same chunks in another order' base.sgxs swapped-chunks.sgxs
    rows '[r["kind"] for r in rows] == ["chunk-order"] and doc["totals"]["bytes"] == 0'
}

@test "a chunk that is extended twice" {
    vectors base duplicate-chunk
    compared 1 ': 1 page with a chunk that is given twice, at 0x300' base.sgxs duplicate-chunk.sgxs
}

@test "SSAFRAMESIZE and SIZE of ECREATE: both values" {
    vectors base ssaframesize
    compared 1 ': another SSAFRAMESIZE: 1 / 2 pages$' base.sgxs ssaframesize.sgxs
    cp base.sgxs size.sgxs
    poke size.sgxs 14 08
    compared 1 ': another enclave SIZE: 0x40000 / 0x80000 bytes$' base.sgxs size.sgxs
}

@test "an unmeasured difference does not make another enclave, and is named as that" {
    vectors base unmeasured-chunk unmeasured-chunk-other unmeasured-page
    compared 0 '^same enclave; neither is signed: 1 of 11 pages differs, 1 byte, .*not measured' unmeasured-chunk.sgxs unmeasured-chunk-other.sgxs
    rows 'len(rows) == 1 and rows[0]["measured"] is False'
    compared 1 ': 1 page with other measured chunks' base.sgxs unmeasured-chunk.sgxs
    prints '16 measured and 0 not / 15 measured and 1 not'
    compared 1 ': 1 page with other measured chunks' base.sgxs unmeasured-page.sgxs
}

@test "padding in a header: the same enclave, although the files differ" {
    vectors base ecreate-padding eextend-padding eadd-reserved
    for name in ecreate-padding eextend-padding eadd-reserved; do
        compared 0 '^same enclave; .*padding' base.sgxs $name.sgxs
        rows 'all(r["measured"] is False for r in rows) and rows'
    done
}

@test "a thread's page: its fields by name" {
    vectors base tcs-dbgoptin tcs-reserved
    compared 1 ': 1 page of threads \(TCS\) with other fields.*FLAGS 0x0 / 0x1' base.sgxs tcs-dbgoptin.sgxs
    compared 1 ': 1 page of threads \(TCS\) with other fields' base.sgxs tcs-reserved.sgxs
    # OENTRY, 32 bytes into the TCS.
    "$PYTHON" - <<'PY'
data = bytearray(open("base.sgxs", "rb").read())
pos, tcs = 0, None
while pos < len(data):
    tag = bytes(data[pos:pos + 8])
    if tag == b"EADD\0\0\0\0" and data[pos + 17] == 1:
        tcs = int.from_bytes(data[pos + 8:pos + 16], "little")
    if tag == b"EEXTEND\0" and int.from_bytes(data[pos + 8:pos + 16], "little") == tcs:
        data[pos + 64 + 33] ^= 0x30
        break
    pos += 64 + (256 if tag in (b"EEXTEND\0", b"UNMEASRD") else 0)
open("entry.sgxs", "wb").write(data)
PY
    compared 1 'OENTRY 0x1000 / 0x2000' base.sgxs entry.sgxs
}

@test "a stream that is broken is refused on either side" {
    vectors base
    for broken in bad-tag no-ecreate two-ecreate truncated-header trailing unsized empty; do
        vectors $broken
        ens compare base.sgxs $broken.sgxs
        refused 65 "$broken"
        ens compare --json $broken.sgxs base.sgxs
        refused 65 "$broken"
    done
    ens compare base.sgxs nosuch.sgxs
    refused 66 'nosuch'
    ens compare base.sgxs
    usage 'operand'
    ens compare base.sgxs base.sgxs base.sgxs
    usage 'operand'
}

@test "runs are collapsed: a hundred pages with the same difference are one line" {
    enclave base.sgxs
    "$PYTHON" - <<'PY'
import struct
def stream(byte):
    out = b"ECREATE\0" + struct.pack("<IQ", 1, 1 << 20) + bytes(44)
    for page in range(100):
        out += b"EADD\0\0\0\0" + struct.pack("<QQ", page << 12, 0x203) + bytes(40)
        for chunk in range(16):
            out += b"EEXTEND\0" + struct.pack("<Q", page << 12 | chunk << 8) + bytes(48) + bytes([byte]) * 256
    return out
open("a.sgxs", "wb").write(stream(1))
open("b.sgxs", "wb").write(stream(2))
PY
    compared 1 ': 100 of 100 pages differ, 409600 bytes, first at 0x0 in data$' a.sgxs b.sgxs
    rows 'len(rows) == 1 and rows[0]["pages"] == 100 and rows[0]["bytes"] == 409600 and int(rows[0]["to"], 16) == 100 << 12'
    prints '^  0x0       0x64000     100  REG rw-   other content: 409600 bytes at 0x0$'
}

# ---- who signed it ----

@test "two builds that differ only in key and date: the same enclave, another signer, and which fields" {
    make_container intel --out a.so
    make_container intel --key "$BATS_FILE_TMPDIR/one.pem" --date 20250101 --out b.so
    make_container intel --date 20250101 --isvsvn 9 --out c.so
    compared 0 '^same enclave; other signer$' a.so b.so
    differing DATE
    prints '^  DATE +20240229 / 20250101$'
    prints "$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")"
    prints "$(mrsigner "$TESTKEY")"
    compared 0 '^same enclave; same signer$' a.so c.so
    differing DATE ISVSVN
    compared 0 '^same enclave; same signer$' a.so a.so
    differing
    prints '^Signed fields: the same$'
    make_container oe --out a
    make_container oe --key "$BATS_FILE_TMPDIR/one.pem" --date 20250101 --out b
    compared 0 '^same enclave; other signer$' a b
    differing DATE
}

@test "every signed field that differs is named, and no other" {
    sigstruct a.css one "$MRENCLAVE"
    sigstruct b.css one "$MRENCLAVE" swdefined=7 isvprodid=3 isvsvn=4 miscselect=1 miscmask=1 attributes=0x86 \
        attributes_mask=0xffffffffffffffff xfrm=7 xfrm_mask=0xff isvfamilyid=000102030405060708090a0b0c0d0e0f \
        isvextprodid=0f0e0d0c0b0a09080706050403020100 date=0x20240301 vendor=0x8086
    compared 0 '^same enclave; same signer$' a.css b.css
    rows '{f["name"].replace("_", "").replace(".", "") for f in doc["fields"]} == {"VENDOR", "DATE", "SWDEFINED", "MISCSELECT", "MISCMASK", "ISVFAMILYID", "ATTRIBUTES", "ATTRIBUTEMASK", "XFRM", "XFRMMASK", "ISVEXTPRODID", "ISVPRODID", "ISVSVN"}'
    sigstruct c.css two "$MRENCLAVE"
    compared 0 '^same enclave; other signer$' a.css c.css
    differing
    sigstruct d.css one 00"${MRENCLAVE#??}"
    compared 1 '^other enclave; same signer$' a.css d.css
    differing
}

# ---- one enclave in different containers ----

@test "a bundle against its own stream, and component against component" {
    enclave app.sgxs
    sigstruct app.sig one "$MRENCLAVE"
    bundle a.orc --sig app.sig
    compared 0 '^same enclave; only A is signed$' a.orc app.sgxs
    compared 0 '^same enclave; only B is signed$' app.sgxs a.orc
    compared 0 '^same enclave; same signer$' a.orc app.sig
    bundle rofl.orc --component rofl.app --sign two
    compared 0 '^same enclave; other signer$' a.orc rofl.orc
    # --component is for the bundles among the two.
    compared 0 '^same enclave; other signer$' app.sig rofl.orc --component rofl.app
    ens compare --component rofl.none a.orc rofl.orc
    exits 65
    [ ! -s "$OUT" ]
    other_enclave other.sgxs
    compared 1 '^other enclave: 1 of [0-9]+ pages differs, 1 byte, at 0x' a.orc other.sgxs
    prints '^Signer      only A is signed$'
    rows 'rows[0]["bytes"] == 1'
}

@test "--component without a bundle is a usage error, as everywhere" {
    vectors base
    make_container intel --out a.so
    ens compare --component ronl base.sgxs a.so
    usage 'component'
}

@test "a raw SIGSTRUCT or sign-data against the file it is of, and against another" {
    make_container intel --out a.so
    make_container intel --flip-rodata 5 --out b.so
    first a.so a.css
    ens extract --sign-data -o a.signdata a.so
    ok
    compared 0 '^same enclave; same signer$' a.css a.so
    compared 0 '^same enclave; only B is signed$' a.signdata a.so
    differing
    compared 0 '^same enclave; only A is signed$' a.css a.signdata
    compared 1 '^other enclave; same signer$' a.css b.so
    prints '^Pages: cannot be compared: a\.css: .*no enclave'
    rows 'doc["pages_not_compared"]'
    compared 1 '^other enclave; only B is signed$' a.signdata b.so
    prints '^Pages: cannot be compared: a\.signdata'
}

@test "a stream against an ELF with the same pages is the same enclave" {
    make_container intel --out a.so
    make_container oe --out a
    "$PYTHON" - <<'PY'
import elf, intel, oe
for name, measure in (("a.so", lambda f, out: intel.blocks(f)[0].measure(out)), ("a", oe.measure)):
    with open(name + ".sgxs", "wb") as out:
        measure(elf.Elf(open(name, "rb").read()), out)
PY
    compared 0 '^same enclave; only B is signed$' a.so.sgxs a.so
    compared 0 '^same enclave; only A is signed$' a a.sgxs
    compared 1 '^other enclave: ' a.so a.sgxs
}

@test "EGo: without a measurement its SIGSTRUCT speaks, and that is said" {
    vector ego.signed ego
    vector oe-0.19.signed oe
    cp ego same
    compared 0 '^same enclave; as both SIGSTRUCTs say, same signer$' ego same
    prints 'as its SIGSTRUCT says'
    rows 'doc["a"]["measured"] is False'
    compared 1 '^other enclave' oe ego
    prints '^Pages: cannot be compared: ego: .*ego-enclave'
}

@test "a file that does not measure to its SIGSTRUCT is compared by what it is, with a warning" {
    make_container intel --out a.so
    make_container intel --flip-rodata 5 --out b.so
    first a.so a.css
    for at in $(found b.so); do
        dd if=a.css of=b.so bs=1 seek="$at" conv=notrunc status=none
    done
    compared 1 '^other enclave: 1 of [0-9]+ pages differs, 1 byte, at 0x[0-9a-f]+ in \.rodata$' a.so b.so
    prints '^Signer      same signer$'
    warned 'b\.so.*ENCLAVEHASH is .* measures to'
    vector intel-disagree.signed.so bad
    vector intel-2.4-2.1-1.4.signed.so good
    compared 0 '^same enclave' good bad
    warned 'bad: metadata 1\.4 holds another SIGSTRUCT'
}

@test "a warning about a file is said once, however many metadata blocks it has" {
    "$PYTHON" "$INTEROP/mkdoubt.py" patch-text evil.so >/dev/null
    make_container intel --out a.so
    compared 1 '^other enclave: ' evil.so a.so
    [ "$(grep -c 'warning: evil\.so: patch 5 overwrites' "$ERR")" -eq 1 ] || fail "$(cat "$ERR")"
}

# ---- ELF: by section, and the settings behind many pages ----

@test "one byte in an ELF: the section is in the first line" {
    make_container intel --out a.so
    make_container intel --flip-rodata 0x1234 --out b.so
    compared 1 ': 1 of [0-9]+ pages differs, 1 byte, at 0x[0-9a-f]+ in \.rodata$' a.so b.so
    rows 'rows[0]["section"] == ".rodata" and rows[0]["bytes"] == 1'
    make_container oe --out a
    make_container oe --flip-rodata 0x1234 --out b
    compared 1 ': 1 of [0-9]+ pages differs, 1 byte, at 0x[0-9a-f]+ in \.rodata$' a b
    make_container intel --seed 5 --out c.so
    compared 1 ': [0-9]+ of [0-9]+ pages differ, [0-9]+ bytes, first at 0x[0-9a-f]+ in \.' a.so c.so
    rows '{r["section"] for r in rows} == {".rodata", ".text", ".data"}'
}

@test "permissions of a segment, one page more, SSAFRAMESIZE and enclave size of an ELF" {
    make_container intel --out a.so
    make_container intel --rodata-flags rw --out flags.so
    compared 1 ': 2 pages with another type or other permissions' a.so flags.so
    prints 'REG r-- / REG rw-'
    make_container intel --extra-page --out page.so
    compared 1 ': 1 page only in B' a.so page.so
    make_container intel --ssaframesize 2 --out ssa.so
    compared 1 ': another SSAFRAMESIZE: 1 / 2 pages$' a.so ssa.so
    make_container intel --enclave-size 0x100000 --out size.so
    compared 1 ': another enclave SIZE: 0x80000 / 0x100000 bytes$' a.so size.so
    make_container intel --td-flags 0x201 --out td.so
    compared 1 ': 2 pages with another type or other permissions' a.so td.so
}

# stream FILE: the SGXS stream that the second implementation measures an ELF by, as FILE.sgxs.
stream() {
    "$PYTHON" - "$1" <<'PY'
import sys
import elf, intel, oe
file = elf.Elf(open(sys.argv[1], "rb").read())
with open(sys.argv[1] + ".sgxs", "wb") as out:
    if file.section(intel.SECTION) is not None:
        intel.blocks(file)[0].measure(out)
    else:
        oe.measure(file, out)
PY
}

@test "another number of threads: the first line says so" {
    make_container intel --out a.so
    make_container intel --threads 3 --out b.so
    compared 1 '^other enclave: another number of threads \(2 / 3\): 6 pages differ$' a.so b.so
    compared 1 ': another number of threads \(3 / 2\)' b.so a.so
    rows '[c["name"] for c in doc["causes"]] == ["threads"] and doc["causes"][0]["a"] == 3'
    make_container oe --out a
    make_container oe --threads 3 --out b
    compared 1 ': another number of threads \(2 / 3\)' a b
    for file in a.so b.so a b; do
        stream $file
    done
    compared 1 ': another number of threads \(2 / 3\)' a.so.sgxs b.so.sgxs
    compared 1 ': another number of threads \(2 / 3\)' a.sgxs b.sgxs
    rows 'doc["totals"]["threads_a"] == 2 and doc["totals"]["threads_b"] == 3'
}

@test "another heap size: the first line says so, and each thread is found where it moved to" {
    make_container intel --out a.so
    make_container intel --heap 5 --out b.so
    compared 1 '^other enclave: another heap size \([0-9]+ / [0-9]+ pages\): [0-9]+ pages differ$' a.so b.so
    rows '[c["name"] for c in doc["causes"]] == ["heap"] and doc["causes"][0]["b"] - doc["causes"][0]["a"] == 3'
    rows '[int(r["value_b"], 16) - int(r["from"], 16) for r in rows if r["kind"] == "tcs-moved"] == [0x3000, 0x3000]'
    make_container oe --out a
    make_container oe --heap 9 --out b
    compared 1 ': another heap size \(2 / 9 pages\): [0-9]+ pages differ$' a b
    for file in a.so b.so a b; do
        stream $file
    done
    compared 1 ': another heap size \(2 / 5 pages\)' a.so.sgxs b.so.sgxs
    compared 1 ': another heap size \(2 / 9 pages\)' a.sgxs b.sgxs
}

@test "another stack size: the first line says so, of a stream that each thread moved further" {
    make_container intel --threads 3 --out a.so
    make_container intel --threads 3 --stack 3 --out b.so
    compared 1 '^other enclave: another stack size \(2 / 3 pages for each thread\)' a.so b.so
    make_container oe --threads 3 --out a
    make_container oe --threads 3 --stack 3 --out b
    compared 1 ': another stack size \(2 / 3 pages' a b
    stream a.so
    stream b.so
    compared 1 ': threads \(TCS\) moved by 0x1000 more each, .*stack' a.so.sgxs b.so.sgxs
    compared 1 ': threads \(TCS\) moved by -0x1000 more each, .*stack' b.so.sgxs a.so.sgxs
    make_container intel --threads 3 --stack 3 --heap 4 --out c.so
    compared 1 ': another heap \([0-9]+ / [0-9]+\), stack \(2 / 3\)' a.so c.so
    prints '^Causes      another heap size \([0-9]+ / [0-9]+ pages\)$'
    prints '^            another stack size \(2 / 3 pages for each thread\)$'
}

@test "a changed byte is not hidden behind another heap, stack or number of threads" {
    make_container intel --out a.so
    make_container oe --out a
    stream a.so
    for setting in '--heap 5' '--stack 4' '--threads 4'; do
        # shellcheck disable=SC2086
        make_container intel $setting --flip-rodata 9 --out b.so
        compared 1 ': another .*, also in \.rodata at 0x' a.so b.so
        stream b.so
        compared 1 ': .*(also in the image|1 page.* with other content)' a.so.sgxs b.so.sgxs
        # shellcheck disable=SC2086
        make_container oe $setting --flip-rodata 9 --out b
        compared 1 ': another .*, also in \.rodata at 0x' a b
    done
    make_container intel --heap 5 --rodata-flags rw --out b.so
    compared 1 ': another heap size .*, also in ' a.so b.so
}

# ---- the document ----

# fortanix FILE HEAP STACK SSA THREADS: a stream as ftxsgx-elf2sgxs lays it out: the heap behind the image, then for each
# thread a gap, the stack, a page with content, the TCS and its SSA frames.
fortanix() {
    "$PYTHON" - "$@" <<'PY'
import struct, sys
name, heap, stack, ssa, threads = sys.argv[1], *map(int, sys.argv[2:])
out = []
def eadd(at, flags):
    out.append(b"EADD\0\0\0\0" + struct.pack("<QQ", at, flags) + bytes(40))
def page(at, flags, data):
    eadd(at, flags)
    for i in range(0, 4096, 256):
        out.append(b"EEXTEND\0" + struct.pack("<Q", at + i) + bytes(48) + data[i:i + 256])
page(0, 0x205, b"code".ljust(4096, b"\x90"))
at = 0x1000
for _ in range(heap):
    eadd(at, 0x203)
    at += 0x1000
for _ in range(threads):
    at += 0x10000
    for _ in range(stack):
        eadd(at, 0x203)
        at += 0x1000
    page(at, 0x203, struct.pack("<Q", at).ljust(4096, b"\0"))
    tcs = struct.pack("<QQQIIQQQQQII", 0, 0, at + 0x2000, 0, ssa, 0x40, 0, at, at, 0, 0xfff, 0xfff)
    page(at + 0x1000, 0x100, tcs.ljust(4096, b"\0"))
    at += 0x2000
    for _ in range(ssa):
        eadd(at, 0x203)
        at += 0x1000
head = b"ECREATE\0" + struct.pack("<IQ", 1, 1 << (at - 1).bit_length()) + bytes(44)
open(name, "wb").write(head + b"".join(out))
PY
}

@test "a stream of Fortanix' tools: heap, stacks and threads are told apart, with their numbers" {
    fortanix a 32 32 1 4
    fortanix b 48 32 1 4
    compared 1 ': another heap size \(32 / 48 pages\): [0-9]+ pages differ' a b
    fortanix b 32 33 1 4
    compared 1 ': another stack size \(32 / 33 pages for each thread\)$' a b
    fortanix b 32 32 1 5
    compared 1 ': another number of threads \(4 / 5\): [0-9]+ pages differ' a b
    fortanix b 48 16 1 4
    compared 1 ': another heap \(32 / 48\), stack \(32 / 16\): [0-9]+ pages differ$' a b
    prints '^            another stack size \(32 / 16 pages for each thread\)$'
    fortanix b 48 48 1 6
    compared 1 ': another heap \(32 / 48\), stack \(32 / 48\), threads \(4 / 6\)' a b
    prints '^Causes      another heap size \(32 / 48 pages\)$'
    prints '^            another stack size \(32 / 48 pages for each thread\)$'
    prints '^            another number of threads \(4 / 6\)$'
    prints '^Threads     4 in A, 6 in B$'
    rows '[c["name"] for c in doc["causes"]] == ["heap", "stack", "threads"]'
    fortanix a 32 32 1 1
    fortanix b 32 48 1 1
    compared 1 ': another stack size \(32 / 48 pages for each thread\)$' a b
    # No threads: nothing is laid out around them.
    head -c 64 a >b
    compared 1 ': 68 pages only in A, first at 0x0' a b
    rows 'doc["causes"] == []'
}

@test "another size of SSA frames is a cause, beside others too" {
    make_container intel --out a.so
    make_container intel --ssaframesize 2 --heap 5 --out b.so
    compared 1 ': another heap \([0-9]+ / [0-9]+\), ssaframesize \(1 / 2\): ' a.so b.so
    prints '^            another SSAFRAMESIZE \(1 / 2 pages\)$'
    rows '[c["name"] for c in doc["causes"]] == ["heap", "ssaframesize"]'
}

@test "a changed byte is not hidden behind ten thousand other differences" {
    "$PYTHON" - <<'PY'
import struct
def stream(name, byte, pages):
    out = [b"ECREATE\0" + struct.pack("<IQ", 1, 1 << 30) + bytes(44)]
    out.append(b"EADD\0\0\0\0" + struct.pack("<QQ", 0x30000000, 0x205) + bytes(40))
    out.append(b"EEXTEND\0" + struct.pack("<Q", 0x30000000) + bytes(48) + bytes([byte]) * 256)
    head, rest = out[:1], out[1:]
    more = [b"EADD\0\0\0\0" + struct.pack("<QQ", i * 0x2000, 0x203) + bytes(40) for i in range(pages)]
    open(name, "wb").write(b"".join(head + more + rest))
stream("a", 1, 0)
stream("b", 2, 10000)
PY
    compared 1 ': 10000 pages only in B; 1 page with other content at 0x30000000$' a b
    prints '^  0x30000000  0x30001000      1  REG r-x   other content: 256 bytes at 0x30000000$'
    prints '8192 ranges, only in B$'
    prints '\(and 1808 more runs\)'
    rows 'doc["totals"]["runs_left_out"] == 1808 and rows[-1]["kind"] == "content"'
}

@test "a signature that does not verify says of no signer, whatever key is beside it" {
    sigstruct good one "$MRENCLAVE"
    cp good forged
    poke forged 1026 0900
    compared 0 "^same enclave; B's signature does not verify$" good forged
    compared 0 "^same enclave; A's signature does not verify$" forged good
    compared 0 '^same enclave; neither signature verifies$' forged forged
    rows 'doc["same_signer"] is False and doc["a"]["signature_verifies"] is False'
    prints '^B  forged, SIGSTRUCT, as it says, signer [0-9a-f]{64} \(its signature does not verify\)$'
    compared 0 '^same enclave; same signer$' good good
    rows 'doc["same_signer"] is True and doc["a"]["signature_verifies"] is True'
    cp good other
    poke other 960 00
    compared 1 '^other enclave; ' good other
    prints '^Signed fields: the same but for ENCLAVEHASH$'
}

# ---- the screens ----

# screen <TEXT: what a terminal of 80 columns got is exactly this text, and fits.
screen() {
    tr -d '\r' <"$OUT" >"$BATS_TEST_TMPDIR/screen"
    diff - "$BATS_TEST_TMPDIR/screen" || fail "another screen"
    [ "$(wc -L <"$BATS_TEST_TMPDIR/screen")" -le 80 ] || fail "wider than 80 columns"
}

@test "the screens: only one side is signed; one byte of one page" {
    enclave app.sgxs
    sigstruct app.sig one "$MRENCLAVE"
    bundle app.orc --sig app.sig
    groups=$(sed 's/......../& /g; s/ $//' <<<"$MRENCLAVE")
    signer=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    export NO_COLOR=1
    tty_ens -- compare app.sgxs app.orc
    exits 0
    screen <<EOF
same enclave; only B is signed
A  app.sgxs, SGXS stream, measured
B  app.orc, Oasis bundle, measured, signer ${signer::8} ... ${signer:56}
MRENCLAVE of both
  $groups
EOF
    vectors base one-byte
    tty_ens -- compare base.sgxs one-byte.sgxs
    exits 1
    screen <<'EOF'
other enclave: 1 of 11 pages differs, 1 byte, at 0x1411 in code
A  base.sgxs, SGXS stream, measured
  80dbcb0f c0605a41 a2ff7cc1 3949212a 1babad2a 2bd007b1 55d4c49c ce68581d
B  one-byte.sgxs, SGXS stream, measured
  b551f772 5d6bdb74 289fa643 cbcaa10c 3d122a45 1e36f55c 02db3d94 17df3e76
Pages       11 in A, 11 in B
  FROM      TO        PAGES  KIND      WHAT
  0x1000    0x2000        1  REG r-x   other content: 1 byte at 0x1411
  0x1410    A 64944c5a 18ac1b95 c919ec21 bc6c9ee5 |d.LZ.......!.l..|
            B 64954c5a 18ac1b95 c919ec21 bc6c9ee5 |d.LZ.......!.l..|
EOF
    compared 1 '^other enclave: ' base.sgxs one-byte.sgxs
    rows 'doc["summary"] == "1 of 11 pages differs, 1 byte, at 0x1411 in code" and doc["same_signer"] is None'
    rows '(doc["pages_differ"], doc["bytes_differ"]) == (1, 1)'
    rows 'doc["ranges"] == [{"from": "0000000000001000", "to": "0000000000002000", "pages": 1, "runs": 1, "type": "REG",
"permissions": "r-x", "section": None, "kind": "content", "bytes": 1, "first": "0000000000001411",
"text": "other content: 1 byte at 0x1411"}]'
    rows 'doc["samples"] == [{"at": "0000000000001410", "a": "64944c5a18ac1b95c919ec21bc6c9ee5",
"b": "64954c5a18ac1b95c919ec21bc6c9ee5"}]'
}

# made FILE BYTE PAGE...: a stream of 400 pages, of which these begin with that byte, and the others with 0.
made() {
    "$PYTHON" - "$@" <<'PY'
import struct, sys
name, byte, *pages = sys.argv[1:]
pages = set(map(int, pages))
out = [b"ECREATE\0" + struct.pack("<IQ", 1, 1 << 21) + bytes(44)]
for page in range(400):
    out.append(b"EADD\0\0\0\0" + struct.pack("<QQ", page << 12, 0x205) + bytes(40))
    for chunk in range(0, 4096, 256):
        data = bytes([int(byte)]) if page in pages and chunk == 0 else b"\0"
        out.append(b"EEXTEND\0" + struct.pack("<Q", page << 12 | chunk) + bytes(48) + data.ljust(256, b"\0"))
open(name, "wb").write(b"".join(out))
PY
}

@test "ranges that differ in the same way are joined across small gaps; twenty rows, and how many more" {
    made a 0
    # 32 pages between them, and 33.
    made near 1 3 36
    compared 1 ': 2 of 400 pages differ, 2 bytes, first at 0x3000 in code$' a near
    prints '^  0x3000    0x25000       2  REG r-x   2 ranges, other content: 2 bytes at 0x3000$'
    rows 'len(rows) == 2 and [(r["runs"], r["pages"], r["bytes"]) for r in doc["ranges"]] == [(2, 2, 2)]'
    made far 1 3 37
    compared 1 ': 2 of 400 pages differ' a far
    rows 'len(rows) == 2 and [r["runs"] for r in doc["ranges"]] == [1, 1]'
    [ "$(grep -cE '^  (0x[0-9a-f]+ +| +)[AB] [0-9a-f]{8} ' "$OUT")" -eq 4 ]
    # Three ranges: the bytes of the first two. Four: none.
    made three 1 3 37 71
    compared 1 ': 3 of 400 pages differ' a three
    [ "$(grep -cE '^  (0x[0-9a-f]+ +| +)[AB] [0-9a-f]{8} ' "$OUT")" -eq 4 ]
    made four 1 3 37 71 105
    compared 1 ': 4 of 400 pages differ' a four
    not grep -qE '^ +(0x[0-9a-f]+ +)?[AB] [0-9a-f]{8} ' "$OUT"
    rows 'doc["samples"] == []'
    # Every second page is one range; with --all each is a row.
    # shellcheck disable=SC2046
    made many 1 $(seq 0 2 80)
    compared 1 ': 41 of 400 pages differ' a many
    [ "$(grep -c 'REG r-x' "$OUT")" -eq 1 ]
    ens compare --all a many
    exits 1
    [ "$(grep -c 'REG r-x' "$OUT")" -eq 41 ]
    not grep -q ' more row' "$OUT"
    # Too far apart to be joined: the first rows, and the number of the others.
    "$PYTHON" - <<'PY'
import struct
def stream(name, byte):
    out = [b"ECREATE\0" + struct.pack("<IQ", 1, 1 << 24) + bytes(44)]
    for page in range(0, 23 * 64, 64):
        out.append(b"EADD\0\0\0\0" + struct.pack("<QQ", page << 12, 0x205) + bytes(40))
        out.append(b"EEXTEND\0" + struct.pack("<Q", page << 12) + bytes(48) + bytes([byte]).ljust(256, b"\0"))
    # Another kind behind all of them keeps its row.
    out.append(b"EADD\0\0\0\0" + struct.pack("<QQ", 23 * 64 << 12, 0x201 | byte) + bytes(40))
    open(name, "wb").write(b"".join(out))
stream("a", 0)
stream("b", 2)
PY
    compared 1 ': 1 page with another type or other permissions' a b
    [ "$(grep -cE '^  0x' "$OUT")" -eq 20 ]
    prints 'another type or other permissions: REG r-- / REG rw-$'
    prints '^  and 4 more rows: --all or --json$'
    rows 'len(doc["ranges"]) == 24'
    ens compare --all a b
    [ "$(grep -cE '^  0x' "$OUT")" -eq 24 ]
}

@test "on a narrow terminal what continues a row of the table begins at its left, not a word on each line" {
    enclave app.sgxs
    make_container intel --out a.so
    SIZE='24 40' NO_COLOR=1 tty_ens -- compare app.sgxs a.so
    exits 1
    grep -q 'another enclave' <(tr -d '\r' <"$OUT" | tr '\n' ' ' | tr -s ' ')
    not grep -qE '^ {20}' "$OUT"
}

@test "the command that is named for an ELF shows the bytes that differ" {
    make_container intel --out a.so
    make_container intel --flip-rodata 0x1234 --out b.so
    compared 1 '\.rodata$' a.so b.so
    prints '^Next: objdump -s --start-address=0x[0-9a-f]+ --stop-address=0x[0-9a-f]+ both files$'
    NO_COLOR=1 tty_ens -- compare a.so b.so
    [ "$(tr -d '\r' <"$OUT" | wc -L)" -le 80 ]
    command -v objdump >/dev/null || skip "objdump is not installed"
    read -r -a words < <(tr -d '\r' <"$OUT" | sed -n 's/^Next: \(.*\) both files$/\1/p')
    for side in a b; do
        want=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["samples"][0][sys.argv[2]])' \
            "$BATS_TEST_TMPDIR/json" $side)
        "${words[@]}" $side.so | grep -q "$(sed 's/......../& /g; s/ $//' <<<"$want")" || fail "objdump shows other bytes of $side"
    done
}

@test "the first line has 80 columns at most, whatever differs" {
    for options in '--threads 5 --heap 12345 --stack 23 --ssaframesize 2 --flip-rodata 77' \
        '--threads 3 --rodata-flags rw --extra-page' '--enclave-size 0x1000000 --td-flags 0x201'; do
        make_container intel --out a.so
        # shellcheck disable=SC2086
        make_container intel $options --out b.so
        compared 1 '^other enclave: .' a.so b.so
        stream a.so
        stream b.so
        compared 1 '^other enclave: .' a.so.sgxs b.so.sgxs
        NO_COLOR=1 tty_ens -- compare a.so b.so
        [ "$(tr -d '\r' <"$OUT" | wc -L)" -le 80 ] || fail "wider than 80 columns"
    done
}

@test "--json has the same keys whatever the answer is" {
    vectors base one-byte
    make_container intel --out a.so
    make_container intel --threads 3 --out b.so
    first a.so a.css
    # shellcheck disable=SC2043
    for pair in 'base.sgxs base.sgxs' 'base.sgxs one-byte.sgxs' 'a.so b.so' 'a.so a.so' 'a.css b.so' 'base.sgxs a.so'; do
        # shellcheck disable=SC2086
        ens compare --json $pair
        [ "$status" -le 1 ]
        "$PYTHON" - "$OUT" <<'PY'
import json, re, sys
doc = json.load(open(sys.argv[1]))
assert doc["kind"] == "compare" and doc["format"] == 1
assert list(doc) == ["kind", "format", "verdict", "summary", "same_enclave", "same_signer", "a", "b", "fields",
                     "pages_not_compared", "pages_differ", "bytes_differ", "totals", "causes", "threads_moved",
                     "ranges", "samples", "pages"], list(doc)
def keys(value):
    if isinstance(value, dict):
        for k, v in value.items():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", k), f"key {k!r} is not snake_case"
            keys(v)
    elif isinstance(value, list):
        for v in value:
            keys(v)
keys(doc)
for side in (doc["a"], doc["b"]):
    assert list(side) == ["file", "format", "mrenclave", "measured", "mrsigner", "signature_verifies"], side
for row in doc["pages"] or []:
    assert set(row) >= {"kind", "measured", "from", "to", "pages", "section", "bytes", "text"}, row
for row in doc["ranges"]:
    assert list(row) == ["from", "to", "pages", "runs", "type", "permissions", "section", "kind", "bytes", "first",
                         "text"], row
for row in doc["samples"]:
    assert list(row) == ["at", "a", "b"] and len(row["a"]) == len(row["b"]) == 32 and row["a"] != row["b"], row
PY
    done
}

@test "a hostile file name writes nothing to the terminal" {
    vectors base one-byte
    name=$'a\e[2Jb\xe2\x80\xae.sgxs'
    mv one-byte.sgxs "$name"
    ens compare base.sgxs "$name"
    exits 1
    plain "$OUT"
    plain "$ERR"
    not grep -q $'\xe2\x80\xae' "$OUT"
}
