#!/usr/bin/env bats
# What the judge of an enclave finds beyond its SIGSTRUCT, in every command that reviews or signs: code that is not
# measured, pages that come twice, tables that bring code of their own; and that work on hostile files is bounded.

load helpers
load containers
load make

fixtures() {
    signing_host
    ssh_keys id
}

# odd KIND [OUT]: a stream of mkodd.py; its MRENCLAVE is in $ODD.
odd() {
    ODD=$("$PYTHON" "$INTEROP/mkodd.py" "$1" "${2:-$1.sgxs}")
}

DANGERS='unmeasured-rx unmeasured-rwx unmeasured-part unmeasured-tcs page-twice page-repeated hidden'

# rule KIND: the rule that finds it.
rule() {
    [[ $1 = page-* ]] && echo page-twice || echo unmeasured-code
}

# danger_text KIND: what is said of it.
danger_text() {
    case $1 in
    page-*) echo 'page 0x1000 is added twice' ;;
    unmeasured-part) echo 'executable page 0x1000 is not wholly measured \(15 of 16 chunks\)' ;;
    unmeasured-tcs) echo 'TCS 0x0 is not measured' ;;
    *) echo 'executable page 0x1000 is not measured \(0 of 16 chunks\)' ;;
    esac
}

@test "A8: gen-sign-data refuses code that is not measured and pages that come twice" {
    local kind
    odd honest
    ens gen-sign-data -o honest.signdata honest.sgxs
    ok
    not_warned 'measured|twice'
    for kind in $DANGERS; do
        odd "$kind"
        ens gen-sign-data -o out.signdata "$kind.sgxs"
        refused 65 "$kind.sgxs: $(danger_text "$kind")" 'host chooses' '--allow-unusual'
        [ "$kind" = hidden ] || not says 'no CPU loads it'
    done
}

@test "A8: --allow-unusual signs it, and every stage says what it is" {
    local kind
    for kind in $DANGERS; do
        odd "$kind"
        ens gen-sign-data --allow-unusual -o "$kind.signdata" "$kind.sgxs"
        ok
        warned "$(danger_text "$kind")"
        [ "$(field "$kind.signdata" enclavehash)" = "$ODD" ]
        pem_sign "$BATS_FILE_TMPDIR/one.pem" "$kind.signdata" "$kind.sig"
        ens set-sig --sign-data "$kind.signdata" --to "$kind.css" "$kind.sgxs" "$kind.sig" "$BATS_FILE_TMPDIR/one.pem.pub"
        refused 65 "$(danger_text "$kind")" '--allow-unusual'
        ens set-sig --allow-unusual --sign-data "$kind.signdata" --to "$kind.css" "$kind.sgxs" "$kind.sig" \
            "$BATS_FILE_TMPDIR/one.pem.pub"
        ok
        warned "$(danger_text "$kind")"
    done
}

@test "A8: show and verify say it" {
    local kind
    for kind in $DANGERS; do
        odd "$kind"
        ens show "$kind.sgxs"
        ok
        prints "error: .*$(danger_text "$kind")"
        ens show --json "$kind.sgxs"
        ok
        prints "$(danger_text "$kind")"
        ens verify --mrenclave "$ODD" "$kind.sgxs"
        exits 1
        prints "^no: .*$(danger_text "$kind").*\[$(rule "$kind")\]"
        [ "$kind" != hidden ] || continue
        ens verify --allow-unusual --mrenclave "$ODD" "$kind.sgxs"
        ok
        prints "^warning: .*$(danger_text "$kind").*\[$(rule "$kind")\]"
    done
    odd honest
    ens verify --mrenclave "$ODD" honest.sgxs
    ok
    not prints 'measured|twice'
}

@test "A8: --allow-unusual of verify lifts nothing else" {
    odd page-twice
    ens verify --allow-unusual --mrenclave "$(printf '%064d' 1)" page-twice.sgxs
    exits 1
    prints '^no: .*\[mrenclave\]'
    # A page that no CPU adds.
    odd honest bad.sgxs
    poke bad.sgxs 81 03
    ens verify --allow-unusual --mrenclave "$(printf '%064d' 1)" bad.sgxs
    exits 1
    prints '^no: .*\[page-type\]'
}

@test "A8: show counts the chunks that are added and not measured" {
    odd honest
    ens show honest.sgxs
    ok
    prints '^Enclave +16 KiB, 4 pages \(1 TCS\), 32 chunks measured, 32 not$'
    ens show --json honest.sgxs
    ok
    prints '"measured_chunks": 32'
    prints '"unmeasured_chunks": 32'
    make_container intel --heap 5 --threads 2 --out elf.signed.so
    ens show elf.signed.so
    ok
    prints '^Enclave .* [0-9]+ chunks measured, 80 not$'
}

@test "A8: the real sample of Intel's SDK has a heap of 4096 chunks, and no danger" {
    need_shared
    ens show "$DATA/intel-sdk-sample/enclave.signed.so"
    ok
    prints '^Enclave .* 11632 chunks measured, 4096 not$'
    not prints 'error:'
    for file in "$DATA"/enclaves/*.sgxs; do
        ens gen-sign-data --force -o out.signdata "$file"
        ok
        not_warned 'measured|twice'
    done
}

@test "A8: approve --rebuilt refuses to rebuild what the host completes" {
    odd unmeasured-rx
    ens gen-sign-data --allow-unusual -o app.signdata unmeasured-rx.sgxs
    ok
    ens approve --yes --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --ssh-key "$BATS_FILE_TMPDIR/id" --rebuilt unmeasured-rx.sgxs -o app.approval app.signdata
    refused 65 'executable page 0x1000 is not measured'
}

@test "A8: in a bundle: component-add, gen-sign-data, resign, show, verify" {
    local kind
    app app.elf
    for kind in unmeasured-rx page-twice; do
        odd "$kind" app.sgxs
        ens init --custom --runtime-name app --runtime-version 1.2.3 --runtime-id "$ID" \
            --sgx-executable app.sgxs --force -o app.orc app.elf
        refused 65 "$(danger_text "$kind")"
        ens init --custom --runtime-name app --runtime-version 1.2.3 --runtime-id "$ID" --allow-unusual \
            --sgx-executable app.sgxs --force -o app.orc app.elf
        ok
        warned "$(danger_text "$kind")"
        ens gen-sign-data -o out.signdata app.orc
        refused 65 "$(danger_text "$kind")"
        ens show app.orc
        ok
        prints "error: .*$(danger_text "$kind")"
        ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes app.orc
        exits 65
        says "$(danger_text "$kind")"
        ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --all-components app.orc
        exits 65
        says "$(danger_text "$kind")"
        # Who is asked sees it beside the question.
        tty_ens 'Type yes to sign' no -- resign --key "$RELEASE" --module "$SOFTHSM" \
            --pin-source "file:$BATS_FILE_TMPDIR/pin" --allow-unusual app.orc
        exits 77
        tr -d '\r' <"$OUT" | grep -Eq '^Dangers +[1-9]: .*(unmeasured code|page added twice)' || fail "$(cat -v "$OUT")"
        ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --allow-unusual app.orc
        ok
        ens verify app.orc
        exits 1
        prints "^no: .*\[$(rule "$kind")\]"
        ens verify --allow-unusual app.orc
        ok
        # oasis-core does not look at the pages.
        ens verify --profile core app.orc
        ok
        prints "^warning: .*\[$(rule "$kind")\]"
    done
}

# ---- tables that change what the file shows ----

# doubt KIND: an ELF file of mkdoubt.py.
doubt() {
    "$PYTHON" "$INTEROP/mkdoubt.py" "$1" "$1.so" >/dev/null
}

EVIL='patch-text patch-rx patch-hidden patch-global layout-code layout-fill entry entry-flags bounds oe-symbol'

# evil_text KIND: what is said of it.
evil_text() {
    case $1 in
    patch-*) echo 'patch 5 overwrites 0x10 bytes of code at 0x2100' ;;
    layout-code) echo 'layout row 1 brings 0x40 bytes of code to 0x[0-9a-f]+' ;;
    layout-fill) echo 'layout row 1 fills executable pages at 0x[0-9a-f]+ with 0x90909090' ;;
    entry*) echo 'its threads enter at 0x1020, enclave_entry is at 0x1000' ;;
    bounds) echo 'its enclave_size is 0x[0-9a-f]+, and the layout makes it 0x' ;;
    oe-symbol) echo 'the loader overwrites 0x8 bytes of code at 0x[0-9a-f]+' ;;
    esac
}

@test "D6: tables that overwrite code are refused where enclaves are signed" {
    local kind
    for kind in honest oe-honest; do
        doubt "$kind"
        ens gen-sign-data --from "$kind.so" -o "$kind.signdata" "$kind.so"
        ok
        not_warned 'code|patch|layout'
    done
    for kind in $EVIL; do
        doubt "$kind"
        ens gen-sign-data --from "$kind.so" -o out.signdata "$kind.so"
        refused 65 "$(evil_text "$kind")" '--allow-unusual'
        ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes "$kind.so"
        exits 65
        says "$(evil_text "$kind")"
        unchanged
    done
}

@test "D6: --allow-unusual signs them, and says so" {
    local kind
    for kind in patch-text layout-code oe-symbol; do
        doubt "$kind"
        ens gen-sign-data --allow-unusual --from "$kind.so" -o "$kind.signdata" "$kind.so"
        ok
        warned "$(evil_text "$kind")"
        # Among the dangers of the review as well, once for all blocks.
        [ "$(grep -Ec "^ *! .*$(evil_text "$kind")" "$ERR")" -ge 1 ]
        pem_sign "$BATS_FILE_TMPDIR/one.pem" "$kind.signdata" "$kind.sig"
        ens set-sig --sign-data "$kind.signdata" "$kind.so" "$kind.sig" "$BATS_FILE_TMPDIR/one.pem.pub"
        refused 65 "$(evil_text "$kind")"
        ens set-sig --allow-unusual --sign-data "$kind.signdata" "$kind.so" "$kind.sig" "$BATS_FILE_TMPDIR/one.pem.pub"
        ok
        warned "$(evil_text "$kind")"
        ens approve --yes --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --ssh-key "$BATS_FILE_TMPDIR/id" --rebuilt "$kind.so" -o app.approval "$kind.signdata"
        refused 65 "$(evil_text "$kind")"
    done
}

@test "D6: show and verify say it, for every block" {
    local kind
    for kind in $EVIL; do
        doubt "$kind"
        ens show "$kind.so"
        ok
        prints "error: .*$(evil_text "$kind")"
        ens verify "$kind.so"
        exits 1
        prints "^no: .*$(evil_text "$kind").*\[patched-code\]"
        [ "$kind" = oe-symbol ] || [ "$(grep -c 'patched-code' "$OUT")" -ge 2 ]
        ens verify --allow-public-key --allow-unusual "$kind.so"
        ok
        prints "^warning: .*$(evil_text "$kind").*\[patched-code\]"
    done
    for kind in honest oe-honest; do
        doubt "$kind"
        ens verify "$kind.so"
        ok
        not prints 'patched|layout-content'
    done
}

@test "D6: tables that bring other data are warned of" {
    doubt patch-data
    ens verify patch-data.so
    ok
    prints '^warning: .*patch 5 overwrites 0x10 bytes of data at 0x[0-9a-f]+, which are not g_global_data.*\[patched-data\]'
    doubt layout-data
    ens verify layout-data.so
    ok
    prints '^warning: .*layout row 1 brings 0x40 bytes of content.*\[layout-content\]'
    ens gen-sign-data --from layout-data.so -o out.signdata layout-data.so
    ok
    warned 'layout row 1 brings 0x40 bytes of content'
}

# ---- work that a small file asks for ----

@test "A15: a small file that asks for hours is refused before anything is measured, and says which option" {
    local kind
    for kind in intel oe; do
        make_container "$kind" --out "big-$kind"
        # Stack of 2^22 pages for each thread, or what Open Enclave's structure calls so.
        "$PYTHON" - "$kind" "big-$kind" <<'PY'
import struct, sys
import elf, intel
kind, path = sys.argv[1:]
data = bytearray(open(path, "rb").read())
file = elf.Elf(bytes(data))
if kind == "oe":
    struct.pack_into("<Q", data, file.section(".oeinfo").offset + 16, 1 << 22)
else:
    for block in intel.blocks(file):
        struct.pack_into("<Q", data, block.at + intel.ENCLAVE_SIZE_AT, 1 << 40)
        (layout,) = struct.unpack_from("<I", data, block.at + intel.DIRS_AT + 8)
        struct.pack_into("<HI", data, block.at + layout + 2, 3, 1 << 24)
open(path, "wb").write(data)
PY
        ens show "big-$kind"
        ok
        prints "error: .*lays out an enclave of which [0-9]+ MiB are hashed, .* --allow-large"
        ens verify "big-$kind"
        exits 1
        prints "^no: .*lays out an enclave of which [0-9]+ MiB are hashed, .* --allow-large.*\[enclave\]"
        ens extract -o "$kind.css" "big-$kind"
        ok
        sign_data app.signdata "$(printf '%064d' 1)"
        for command in "compare big-$kind big-$kind" "gen-sign-data -o out.signdata --from big-$kind big-$kind" \
            "approve --yes --pubkey $BATS_FILE_TMPDIR/one.pem.pub --ssh-key $BATS_FILE_TMPDIR/id --rebuilt big-$kind -o out.approval app.signdata"; do
            # shellcheck disable=SC2086
            ens $command
            refused 65 "big-$kind: lays out an enclave of which [0-9]+ MiB are hashed" 'from a file of [0-9]+ KiB' \
                '--allow-large'
        done
    done
}

@test "A15: --allow-large is taken wherever an enclave is measured" {
    local command
    make_container intel --out a.so
    for command in show verify extract "compare a.so" "gen-sign-data -o out.signdata --from a.so"; do
        # shellcheck disable=SC2086
        ens $command --allow-large a.so
        ok
    done
}

# ---- what a peer reads, ensign reads ----

@test "D1: metadata aligned to 1, and stale bytes behind the last block: a finding, and signed again" {
    local file
    [ -d "$DATA/../cases/enclaves" ] || need_shared
    for file in "$DATA"/../cases/enclaves/*.signed.so; do
        cp "$file" app.so
        ens show app.so
        ok
        prints 'warning: .note.sgxmeta'
        not prints 'error:'
        ens verify app.so
        ok
        prints '^warning: .*\[note-(align|tail)\]$'
        stages app.so
        warned '.note.sgxmeta'
        ens set-sig --sign-data app.so.signdata -o new.so app.so app.so.sig "$BATS_FILE_TMPDIR/one.pem.pub"
        ok
        changed app.so new.so
        rm -f app.so.sig app.so.signdata new.so
    done
}

@test "D1: an enclave of 128 GiB that is mostly heap is read, and what is measured is signed" {
    local pages=32M
    # shellcheck disable=SC2034  # the seconds that ens grants
    LIMIT=900
    [ "$VARIANT" = release ] || pages=1M # the same code, where it is slower
    make_container oe --heap "$pages" --threads 2 --out big.signed --unsigned
    ens show --json big.signed
    ok
    # Its pages are too many for the second implementation: what ensign measured is put in, and must be it again.
    "$PYTHON" - "$OUT" big.signed <<'PY'
import json, sys
import elf, mkcontainer, oe
place = json.load(open(sys.argv[1]))["places"][0]["stream"]
assert place["problem"] is None and place["unmeasured_chunks"] >= 16 << 20, place
data = bytearray(open(sys.argv[2], "rb").read())
at = oe.Properties(elf.Elf(bytes(data))).sigstruct_at
data[at:at + 1808] = mkcontainer.Signer().sigstruct(place["mrenclave"])
open(sys.argv[2], "wb").write(data)
PY
    ens gen-sign-data --from big.signed -o big.signdata big.signed
    ok
}

# ---- words ----

@test "D5: a date in binary is the day that Gramine meant" {
    sigstruct old.sig one "$(printf '%064d' 1)" date=0x070a07e3
    ens show old.sig
    ok
    prints '^ *DATE +2019-10-07 \(0x070a07e3: in binary, as Gramine up to 1.4 wrote it\)'
    prints 'warning: DATE 070a07e3 is no date'
    ens show --json old.sig
    ok
    prints '"date": "070a07e3"'
    prints '"date_in_binary": "2019-10-07"'
    ens verify --profile core old.sig
    exits 1
    prints '^no: .*\[date\]'
    sigstruct none.sig one "$(printf '%064d' 1)" date=0x070d07e3
    ens show none.sig
    ok
    prints '^ *DATE +070d07e3$'
    ens show --json none.sig
    ok
    prints '"date_in_binary": null'
}

@test "D5: what is not an enclave is said to be what it is" {
    local command
    printf 'MZ\220\0\3\0\0\0 and so on' >app.dll
    head -c 100000 /dev/zero >>app.dll
    printf '\037\213\010 and so on' >app.gz
    printf '<EnclaveConfiguration>\n</EnclaveConfiguration>\n' >app.xml
    printf '{"a": 1}\n' >app.json
    printf '!<arch>\n' >app.a
    tar cf app.tar app.json
    for command in show verify extract 'gen-sign-data -o out.signdata' 'compare app.json'; do
        # shellcheck disable=SC2086
        [[ $command = compare* ]] || {
            ens $command app.dll
            refused 65 'app.dll: is not .*, but a Windows program \(PE\)'
            ens $command app.gz
            refused 65 'app.gz: is not .*, but compressed with gzip: unpack it first'
            ens $command app.xml
            refused 65 'app.xml: is not .*, but a configuration for Intel.s sgx_sign'
            ens $command app.a
            refused 65 'app.a: is not .*, but a static library'
            ens $command app.tar
            refused 65 'app.tar: is not .*, but a tar archive'
        }
        # shellcheck disable=SC2086
        ens $command app.json
        refused 65 'app.json: is not .*, but JSON'
    done
}

@test "D5: a SIGSTRUCT for another enclave: both reasons are said" {
    make_container intel --out one.so
    make_container intel --seed 2 --out two.so
    "$PYTHON" - one.so two.so <<'PY'
import sys
import elf, intel
one, two = (bytearray(open(name, "rb").read()) for name in sys.argv[1:])
for block in intel.blocks(elf.Elf(bytes(two))):
    two[block.sigstruct_at:block.sigstruct_at + 1808] = intel.blocks(elf.Elf(bytes(one)))[0].sigstruct
open(sys.argv[2], "wb").write(two)
PY
    ens gen-sign-data --from two.so -o out.signdata two.so
    refused 65 'either the file was changed after it was signed, or its SIGSTRUCT is for another enclave'
}

@test "D5: a good second signature is said" {
    make_container intel --version 3.3 --fips --out fips.so
    ens show fips.so
    ok
    prints '^2nd signature +verifies \(EnableIPPFIPS\) in [0-9.]+, [0-9.]+$'
    ens show --json fips.so
    ok
    [ "$(grep -c '"second_signature": true' "$OUT")" -eq 2 ]
    make_container intel --version 3.3 --out plain.so
    ens show plain.so
    ok
    not prints '2nd signature'
    ens show --json plain.so
    ok
    [ "$(grep -c '"second_signature": null' "$OUT")" -eq 2 ]
}
