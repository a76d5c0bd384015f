#!/usr/bin/env bats
# What the judge of an enclave finds beyond its SIGSTRUCT, in every command that reviews or signs: code that is not
# measured, pages that come twice, tables that bring code of their own; and that work on hostile files is bounded.

load helpers
load containers
load make

setup_file() {
    token ensign
    cd "$BATS_FILE_TMPDIR" || return 1
    test_key one one.pem
    import one.pem release 01
    ssh-keygen -q -t ed25519 -N '' -f id
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
    prints 'Chunks +32 measured, 32 not$'
    ens show --json honest.sgxs
    ok
    prints '"measured_chunks": 32'
    prints '"unmeasured_chunks": 32'
    make_container intel --heap 5 --threads 2 --out elf.signed.so
    ens show elf.signed.so
    ok
    prints 'Chunks +[0-9]+ measured, 80 not$'
}

@test "A8: the real sample of Intel's SDK has a heap of 4096 chunks, and no danger" {
    need_shared
    ens show "$DATA/intel-sdk-sample/enclave.signed.so"
    ok
    prints 'Chunks +11632 measured, 4096 not$'
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
    ens approve --yes --ssh-key "$BATS_FILE_TMPDIR/id" --rebuilt unmeasured-rx.sgxs -o app.approval app.signdata
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
