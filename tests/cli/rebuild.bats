#!/usr/bin/env bats
# A rebuild that no SDK has signed, held against its release: compare, and --layout-from of show, verify and approve. The
# release's metadata lay it out, and are not trusted: what sgx_sign never writes there is a reason for no.

load helpers
load containers

fixtures() {
    test_key one one.pem
    openssl rsa -in one.pem -pubout -out one.pem.pub 2>/dev/null
    ssh-keygen -q -t ed25519 -N '' -f id
}

# pair [OPTION...]: release.so, signed, and rebuild.so, the same before.
pair() {
    make_container intel "$@" --out release.so
    make_container intel "$@" --unsigned --out rebuild.so
}

# changed_byte FILE SECTION [OFFSET]: one byte of a section is another one.
changed_byte() {
    "$PYTHON" - "$@" <<'PY'
import sys
import elf
path, name, at = sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["0x21"])[0], 0)
data = bytearray(open(path, "rb").read())
data[elf.Elf(bytes(data)).section(name).offset + at] ^= 1
open(path, "wb").write(data)
PY
}

# unlaid FILE OUT: the file as it was before any tool laid it out: its note is empty.
unlaid() {
    "$PYTHON" - "$@" <<'PY'
import struct, sys
import elf, intel
data = bytearray(open(sys.argv[1], "rb").read())
at = elf.Elf(bytes(data)).section(intel.SECTION).offset
(size,) = struct.unpack_from("<I", data, at + 4)
data[at + intel.NOTE_HEAD:at + intel.NOTE_HEAD + size] = bytes(size)
open(sys.argv[2], "wb").write(data)
PY
}

# same RELEASE REBUILD, other WORDS RELEASE REBUILD: in both orders of the operands.
is_same() {
    local first
    for first in "$1 $2" "$2 $1"; do
        # shellcheck disable=SC2086
        ens compare $first
        ok
        prints '^same enclave: the rebuild, laid out as the release says, measures the same$'
        prints 'unsigned Intel ELF, measured with the layout of [AB]$'
        prints '^Metadata +of [AB], accepted: '
        prints '^May differ  .*symbols, debugging, notes, section headers.*g_global_data$'
    done
}

is_other() {
    local words=$1 first
    for first in "$2 $3" "$3 $2"; do
        # shellcheck disable=SC2086
        ens compare $first
        exits 1
        prints '^other enclave: '
        prints "$words"
        first=$(head -1 "$OUT")
        [ "${#first}" -le 80 ] || fail "the first line has ${#first} columns"
    done
}

# unloaded FILE [sections]: bytes of the file that no loader looks at are others, or there is no section table.
unloaded() {
    "$PYTHON" - "$@" <<'PY'
import random, sys
import elf, intel
data = bytearray(open(sys.argv[1], "rb").read())
note = elf.Elf(bytes(data)).section(intel.SECTION)
data[note.offset:note.offset + note.size] = random.Random(7).randbytes(note.size)
if sys.argv[2:]:
    data[40:48], data[60:64] = bytes(8), bytes(4)
open(sys.argv[1], "wb").write(data + b"appended")
PY
}

@test "every metadata version: the file before it was signed is the release, whatever is not loaded, and not with another byte" {
    for versions in $INTEL; do
        vector "intel-$versions.signed.so" release.so
        vector "intel-$versions.so" rebuild.so
        is_same release.so rebuild.so
        for how in '' sections; do
            cp rebuild.so unloaded.so
            unloaded unloaded.so $how
            is_same release.so unloaded.so
        done
        cp rebuild.so code.so
        changed_byte code.so .text
        is_other '^other enclave: 1 of [0-9]+ pages differs, 1 byte, at 0x[0-9a-f]+ in \.text$' release.so code.so
        prints '^Metadata +of [AB], accepted: '
        # The section is found in the release as well.
        unloaded code.so sections
        is_other ' in \.text$' release.so code.so
    done
}

@test "a real enclave of the SDK is its own release, stripped too, and not with another byte" {
    need_shared
    enclave app.sgxs
    cp "$DATA/intel-sdk-sample/enclave.signed.so" release.so
    install -m 644 "$DATA/intel-sdk-sample/enclave.so" rebuild.so
    is_same release.so rebuild.so
    ens compare --json release.so rebuild.so
    ok
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["same_enclave"] is True and d["reasons"] == [] and d["b"]["layout_from"] == "release.so", d
assert d["b"]["mrsigner"] is None and d["b"]["measured"] is True and d["a"].get("layout_from") is None, d
PY
    for how in -s --strip-debug; do
        strip $how -o stripped.so rebuild.so
        is_same release.so stripped.so
    done
    objcopy --add-section .extra=app.sgxs rebuild.so added.so
    is_same release.so added.so
    strip -s -o stripped.so rebuild.so
    changed_byte stripped.so .text 0x100
    is_other '1 byte, at 0x[0-9a-f]+ in \.text$' release.so stripped.so
    changed_byte rebuild.so .rodata 0x10
    is_other '1 byte, at 0x[0-9a-f]+ in \.rodata$' release.so rebuild.so
    ens verify --layout-from release.so rebuild.so
    exits 1
    prints '^no: .*measures to MRENCLAVE [0-9a-f]{64}, but the release is for 8bbb10b2[0-9a-f]{56} \[mrenclave\]$'
}

@test "two files that no SDK has signed are 65, and --layout-from lays both out" {
    pair
    cp rebuild.so again.so
    ens compare rebuild.so again.so
    refused 65 'neither is laid out' '--layout-from'
    ens compare --layout-from release.so rebuild.so again.so
    ok
    prints '^same enclave: both rebuilds measure as the release that lays them out$'
    prints '^B  again.so, unsigned Intel ELF, measured with the layout of release.so$'
    changed_byte again.so .data
    ens compare --layout-from release.so rebuild.so again.so
    exits 1
    prints 'at 0x[0-9a-f]+ in \.data$'
    # That two are the same says nothing of the release.
    cp again.so third.so
    ens compare --layout-from release.so again.so third.so
    ok
    prints '^same enclave: both rebuilds measure alike, and NOT as their release$'
}

@test "show and verify --layout-from: the MRENCLAVE of the rebuild, which nobody signed" {
    pair --version 3.3
    ens show --json release.so
    mrenclave=$("$PYTHON" -c 'import json,sys; print(json.load(open(sys.argv[1]))["places"][0]["stream"]["mrenclave"])' "$OUT")
    ens show --layout-from release.so rebuild.so
    ok
    prints '^Verdict +not signed yet$'
    prints '^Layout from +release\.so$'
    prints "^MRENCLAVE +$mrenclave\$"
    not prints '^MRSIGNER|at 0x'
    ens verify --layout-from release.so rebuild.so
    ok
    prints '^yes: rebuild\.so, metadata 3\.3: measures to the MRENCLAVE of its release$'
    ens verify --layout-from release.so --mrenclave "$mrenclave" rebuild.so
    ok
    ens verify --layout-from release.so --min-isvsvn 1 rebuild.so
    exits 1
    prints '\[unsigned\]$'
    changed_byte rebuild.so .text
    ens verify --layout-from release.so --mrenclave "$mrenclave" rebuild.so
    exits 1
    ens verify --layout-from release.so rebuild.so
    exits 1
    prints 'measures to MRENCLAVE [0-9a-f]{64}, but the release is for'
}

# approved FILE: approve of the sign-data of release.so, rebuilt as this file.
approved() {
    ens approve --yes --force --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --ssh-key "$BATS_FILE_TMPDIR/id" -o app.approval \
        --rebuilt "$1" --layout-from release.so app.signdata
}

@test "approve --rebuilt --layout-from: a reviewer's own build is the release" {
    pair --version 2.4
    ens extract --sign-data -o app.signdata release.so
    ok
    approved rebuild.so
    ok
    grep -q "$(sha256sum <rebuild.so | cut -c1-64)" app.approval
    changed_byte rebuild.so .text
    approved rebuild.so
    refused 65 'do not approve'
    ens approve --yes --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --ssh-key "$BATS_FILE_TMPDIR/id" --layout-from release.so app.signdata
    refused 64 '--layout-from'
    # A release whose metadata cheat, as they say of themselves.
    "$PYTHON" "$INTEROP/mkdoubt.py" patch-text release.so >/dev/null
    unlaid release.so rebuild.so
    ens extract --force --sign-data -o app.signdata release.so
    ok
    approved rebuild.so
    refused 65 'patch 5 overwrites 0x10 bytes of code' 'do not approve'
    ens approve --yes --force --allow-unusual --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --ssh-key "$BATS_FILE_TMPDIR/id" \
        -o app.approval --rebuilt rebuild.so --layout-from release.so app.signdata
    refused 65 'do not approve'
}

# What mkdoubt.py makes, and what is said of it.
KINDS='patch-text patch-rx patch-data layout-code layout-data layout-fill entry entry-flags bounds no-global global-part
    told-tcs told-layout told-sp told-elrange told-rsrv told-tls fill gap overlap step flags tcs-flags tcs-data tcs-frames
    tcs-fs told-xsave told-later told-heap frames thread-part thread-apart unmeasured unmeasured-later pieces
    rsrv-pieces second-image'

reason() {
    case $1 in
    patch-text | patch-rx) echo 'patch 5 overwrites 0x10 bytes of code at 0x2100' ;;
    patch-data) echo 'patch 5 overwrites 0x10 bytes of data at 0x[0-9a-f]+, which are not g_global_data' ;;
    layout-code) echo 'layout row 1 brings 0x40 bytes of code to 0x[0-9a-f]+' ;;
    layout-data) echo 'layout row 1 brings 0x40 bytes of content to 0x[0-9a-f]+' ;;
    layout-fill) echo 'layout row 1 fills executable pages at 0x[0-9a-f]+ with 0x90909090' ;;
    entry*) echo 'its threads enter at 0x1020, enclave_entry is at 0x1000' ;;
    bounds) echo 'its enclave_size is 0x[0-9a-f]+, and the layout makes it 0x' ;;
    no-global) echo 'no patch fills g_global_data' ;;
    global-part) echo 'patch 5 overwrites 0x8 bytes at 0x[0-9a-f]+, a part of g_global_data' ;;
    told-tcs) echo 'the TCS that a patch tells trusted code is not that of the layout' ;;
    told-layout | told-later | told-heap) echo 'the layout that a patch tells trusted code is not the one that is loaded' ;;
    told-sp) echo 'its last_sp is 0x[0-9a-f]+, and the layout makes it 0x' ;;
    told-elrange) echo 'its elrange_size is 0x10, and the layout makes it 0x0' ;;
    told-rsrv) echo 'its rsrv_offset is 0x10, and the layout makes it 0x0' ;;
    told-tls) echo 'its tls_addr is 0x[0-9a-f]+, and the layout makes it 0x' ;;
    tcs-data) echo 'its TCS has OGSBASE 0xffffffffffff6000, and the layout makes it 0x4000' ;;
    tcs-frames) echo 'its TCS has OSSA 0xffffffffffff1000, and the layout makes it 0x1000' ;;
    tcs-fs) echo 'its TCS has OFSBASE 0xffffffffffff6000, and the layout makes it 0x4000' ;;
    told-xsave) echo 'its xsave_size is 0x1240, and the layout makes it 0xf48' ;;
    thread-apart) echo 'layout row 13: its thread has not the stack' ;;
    rsrv-pieces) echo 'the reserved memory is in pieces, and another row lies at 0x' ;;
    frames | thread-part) echo 'layout row 6: its thread has not the stack, the SSA frames and the data of its own' ;;
    unmeasured*) echo 'layout row (9|12): memory of a thread at 0x[0-9a-f]+ is added and not measured' ;;
    pieces) echo 'the heap is in pieces, and another row lies at 0x' ;;
    fill) echo 'layout row 1 fills pages at 0x[0-9a-f]+ with 0x01010101' ;;
    gap | overlap) echo 'layout row 2 begins at 0x[0-9a-f]+, and what is before it ends at 0x' ;;
    step) echo 'layout row 10 repeats 0x[0-9a-f]+ pages at steps of 0x' ;;
    flags) echo 'layout row 1: SECINFO 0x201 at 0x[0-9a-f]+, not 0x203' ;;
    tcs-flags) echo 'its TCS has FLAGS 0x1' ;;
    second-image) echo 'the loader appends a second image' ;;
    esac
}

@test "each cheat in the release's metadata is a reason for no, of a rebuild that measures the same" {
    local kind
    "$PYTHON" "$INTEROP/mkdoubt.py" honest release.so >/dev/null
    unlaid release.so rebuild.so
    is_same release.so rebuild.so
    for kind in $KINDS; do
        "$PYTHON" "$INTEROP/mkdoubt.py" "$kind" "$kind.so" >/dev/null
        is_other "^- .*$(reason "$kind")" "$kind.so" rebuild.so
        prints '^other enclave: the release.s metadata do more than lay out the rebuild$'
        ens verify --allow-unusual --layout-from "$kind.so" rebuild.so
        exits 1
        prints "^no: .*$(reason "$kind")"
        # Of the release by itself as well.
        ens show "$kind.so"
        ok
        prints "^(error|warning): .*$(reason "$kind")"
    done
}

@test "a rebuild that does not fit the release's enclave is another one, not an error" {
    pair
    make_container intel --text 8M --unsigned --out large.so
    is_other '^- the segment at 0x[0-9a-f]+ of 0x[0-9a-f]+ bytes ends outside the enclave.s 0x[0-9a-f]+ bytes: it is another enclave' release.so large.so
    ens verify --layout-from release.so large.so
    exits 1
    ens show --layout-from release.so large.so
    ok
    prints 'ends outside the enclave'
    # Shorter than the places that are patched.
    head -c 4096 /bin/true >short.so
    ens compare release.so short.so
    exits 65
}

@test "--layout-from is refused where it says nothing" {
    pair
    enclave app.sgxs
    cp release.so own.so
    for file in own.so app.sgxs; do
        ens show --layout-from release.so "$file"
        refused 64 'leave out --layout-from'
    done
    ens show --layout-from rebuild.so rebuild.so
    refused 65 'is empty' 'sgx_sign'
    ens show --layout-from app.sgxs rebuild.so
    exits 65
    ens show --layout-from nosuch rebuild.so
    refused 66 nosuch
    ens show rebuild.so
    refused 65 '--layout-from'
    ens compare rebuild.so app.sgxs
    refused 65 '--layout-from'
    ens compare --layout-from release.so rebuild.so app.sgxs
    exits 1
    ens gen-sign-data --layout-from release.so -o out rebuild.so
    exits 64
}

@test "several blocks: each must measure to the release's, and its SIGSTRUCT be for it" {
    vector intel-2.4-2.1-1.4.signed.so release.so
    vector intel-2.4-2.1-1.4.so rebuild.so
    vector intel-disagree.signed.so other.so
    # The last block alone is for another enclave.
    "$PYTHON" - release.so <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.rfind(bytes.fromhex("06000000e10000000000010000000000"))
data[at + 960] ^= 1
open(sys.argv[1], "wb").write(data)
PY
    is_other '^- metadata 1\.4 has ENCLAVEHASH [0-9a-f]{64}, which the file is not' release.so rebuild.so
    # Whichever file lays the rebuild out.
    ens compare --layout-from release.so rebuild.so release.so
    exits 1
    prints '^- metadata 1\.4 has ENCLAVEHASH [0-9a-f]{64}, which the file is not'
}
