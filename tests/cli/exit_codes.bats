#!/usr/bin/env bats
# Every exit status of ensign(1), produced by the program itself, one test each. Other tests say what is refused
# and why; these say that no status is only on paper.

load helpers

fixtures() {
    signing_host
    openssl genrsa -out f4.pem 3072 2>/dev/null
    import one.pem twin 02
    import one.pem twin 03
    import f4.pem f4 05
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata good.sig
    sigstruct good.css one "$MRENCLAVE"
}

begin() {
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    PINFILE=$BATS_FILE_TMPDIR/pin
}

# faulty FAULT: signs with a module that breaks this way.
faulty() {
    MODULE=$FAULT ENSIGN_FAULT=$1 sign -o out.sig s.signdata
}

# For a run that does not go through `ens`.
directly() {
    OUT=$BATS_TEST_TMPDIR/stdout
    ERR=$BATS_TEST_TMPDIR/stderr
    # shellcheck disable=SC2034
    before=$(picture)
    status=0
}

# in_c_sign SIGNAL: signs, and is sent the signal once while the token is at it.
in_c_sign() {
    local pid
    # A shell starts what is in the background with SIGINT ignored.
    ENSIGN_FAULT=delay=2500 "$PYTHON" -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$ENSIGN" sign --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes -o out.sig s.signdata >"$OUT" 2>"$ERR" &
    pid=$!
    while [ "$(calls C_Sign)" -eq 0 ]; do
        kill -0 "$pid" || fail "it ended before it signed: $(cat "$ERR")"
        sleep 0.05
    done
    kill -s "$1" "$pid"
    wait "$pid" || status=$?
    tell sign
}

# with_key LABEL
with_key() {
    ens sign --key "pkcs11:token=ensign;object=$1" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes \
        -o out.sig s.signdata
}

@test "0: done, and everything checked holds" {
    begin
    sign -o out.sig s.signdata
    ok
    same out.sig "$BATS_FILE_TMPDIR/good.sig"
    ens verify "$BATS_FILE_TMPDIR/good.css"
    ok
    ens keys --module "$SOFTHSM" --pin-source "file:$PINFILE" --require 'pkcs11:token=ensign;object=release'
    ok
}

@test "1: checked, and the answer is no" {
    begin
    ens verify --min-isvsvn 1 "$BATS_FILE_TMPDIR/good.css"
    exits 1
    prints '^no: '
    ens keys --module "$SOFTHSM" --pin-source "file:$PINFILE" --require 'pkcs11:token=ensign;object=f4'
    exits 1
}

@test "64: usage" {
    begin
    sign --mechansim auto s.signdata
    usage mechansim
}

@test "65: an input is malformed" {
    begin
    head -c 255 "$BATS_FILE_TMPDIR/good.signdata" >s.signdata
    sign -o out.sig s.signdata
    refused 65 's\.signdata'
}

@test "66: an input cannot be opened" {
    begin
    sign -o out.sig nosuch
    refused 66 nosuch
}

@test "69: the PKCS#11 module cannot be loaded, or not initialised" {
    begin
    MODULE=./nosuch.so sign -o out.sig s.signdata
    refused 69 'nosuch\.so'
    faulty C_Initialize=0x5
    refused 69 'C_Initialize'
}

# preload SOURCE: a library that stands before the C library.
preload() {
    [ "$VARIANT" != asan ] || skip "the sanitizer's own library stands first"
    command -v cc >/dev/null || fail "cc is not there: scripts/setup build"
    cc -shared -fPIC -O1 -o "$BATS_TEST_TMPDIR/before.so" -x c - -ldl <<<"$1"
}

@test "70: a bug in ensign, here in the C library beneath it" {
    begin
    # A format that is ensign's own cannot fail; here it does, where its length is asked for.
    preload '
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdarg.h>
        #include <stddef.h>
        int vsnprintf(char *to, size_t size, const char *format, va_list args)
        {
            int (*real)(char *, size_t, const char *, va_list) = dlsym(RTLD_NEXT, "vsnprintf");
            return size == 0 ? -1 : real(to, size, format, args);
        }
        int __vsnprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, va_list args)
        {
            (void)flag;
            (void)room;
            return vsnprintf(to, size, format, args);
        }'
    mkdir out
    directly
    LD_PRELOAD=$BATS_TEST_TMPDIR/before.so "$ENSIGN" sign --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --yes --out-dir out s.signdata >"$OUT" 2>"$ERR" || status=$?
    tell sign
    refused 70 "ensign's own"
    [ ! -s "$FAULT_LOG" ]
}

@test "71: out of memory" {
    [ "$VARIANT" != asan ] || skip "the sanitizer needs address space of its own"
    begin
    yes 'ensign transcript 1, record 1' | head -c 60000000 >t
    directly
    (ulimit -v 40000 && exec timeout 60 "$ENSIGN" transcript t) >"$OUT" 2>"$ERR" || status=$?
    tell transcript t
    refused 71 'memory'
}

@test "71: a program that ensign needs is not there" {
    begin
    ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/alice"
    own_keygen </dev/null
    ens approve --ssh-key "$BATS_TEST_TMPDIR/alice" --mrsigner "$(sha256 s.signdata)" --yes -o a.approval s.signdata
    refused 71 'ssh-keygen'
}

@test "73: an output exists, or cannot be created" {
    begin
    echo precious >out.sig
    sign -o out.sig s.signdata
    refused 73 'out\.sig' '--force'
    sign -o nosuch/out.sig s.signdata
    refused 73 'nosuch'
}

@test "74: writing fails" {
    begin
    ERR=$BATS_TEST_TMPDIR/stderr
    for command in "show s.signdata" "transcript t" "--version"; do
        [ "$command" != 'transcript t' ] || sign --dry-run --transcript t s.signdata
        status=0
        # shellcheck disable=SC2086
        "$ENSIGN" $command >/dev/full 2>"$ERR" || status=$?
        exits 74
        grep -q '^ensign: stdout: ' "$ERR"
    done
}

@test "77: refused: the policy is not met, nobody can be asked, or blind signing was not asked for" {
    begin
    policy p 'isvsvn >= 1'
    sign --policy p -o out.sig s.signdata
    refused 77 'policy: isvsvn: '
    ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" -o out.sig s.signdata
    refused 77 '--yes'
    openssl dgst -sha256 -binary -out d s.signdata
    sign -o out.sig d
    refused 77 '--blind'
}

@test "80: no such token, no such key" {
    begin
    with_key none
    refused 80 'none'
    ens pubkey --key 'pkcs11:token=none;object=release' --module "$SOFTHSM" --pin-source "file:$PINFILE"
    refused 80 'none'
}

@test "81: more than one key matches, or the label is in use" {
    begin
    with_key twin
    refused 81 'twin'
    ens keygen --token pkcs11:token=ensign --label release --module "$SOFTHSM" --pin-source "file:$PINFILE"
    refused 81 'release'
}

@test "82: the key cannot sign enclaves" {
    begin
    with_key f4
    refused 82 '65537'
}

@test "83: the PIN is wrong" {
    begin
    (umask 077 && echo 000000 >"$BATS_TEST_TMPDIR/wrong")
    PINFILE=$BATS_TEST_TMPDIR/wrong with_key release
    refused 83 'PIN'
}

@test "84: the PIN is locked, or one more wrong PIN would lock it" {
    begin
    faulty pinlocked
    refused 84 'lock'
    faulty finaltry
    refused 84 '--allow-final-try'
}

@test "85: the token fails, or does not answer in time" {
    begin
    faulty C_SignInit=0x30
    refused 85 'CKR_DEVICE_ERROR|0x0*30'
    MODULE=$FAULT ENSIGN_FAULT=delay=3000 sign --hsm-timeout 1 -o out.sig s.signdata
    refused 85 'C_Sign'
}

@test "86: the token's signature does not verify" {
    begin
    faulty flip
    refused 86 'verif'
}

@test "130: interrupted, and the session is closed first" {
    begin
    directly
    in_c_sign INT
    refused 130 'interrupt'
    called C_Sign 1
    called C_CloseSession "$(calls C_OpenSession)"
    called C_Finalize 1
}

@test "143: interrupted by SIGTERM, and the session is closed first" {
    begin
    directly
    in_c_sign TERM
    refused 143 'interrupt'
    called C_Sign 1
    called C_CloseSession "$(calls C_OpenSession)"
    called C_Finalize 1
}

@test "the manual knows just these" {
    sed -n 's/^@test "\([0-9]*\): .*/\1/p' "$BATS_TEST_FILENAME" | sort -un >tests
    sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It \([0-9]*\)$/\1/p' "$ROOT/docs/ensign.1" >manual
    [ "$(wc -l <tests)" -eq 20 ]
    same tests manual
}
