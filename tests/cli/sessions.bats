#!/usr/bin/env bats
# --sessions N: several processes of the module sign at a time. The first logs in alone; those that cannot be had are
# left out; what is written is what one session writes.

load helpers

setup_file() {
    token ensign
    cd "$BATS_FILE_TMPDIR" || return 1
    test_key one one.pem
    import one.pem release 01
    pkcs11-tool --module "$SOFTHSM" --token-label ensign --login --pin "$PIN" --write-object one.pem --type privkey \
        --id 02 --label asks --usage-sign --always-auth >/dev/null 2>&1
    mkdir data want
    for n in 1 2 3 4 5 6; do
        sign_data data/f$n.signdata "$(printf '%064x' $n)"
        pem_sign one.pem data/f$n.signdata want/f$n.sig
    done
}

begin() {
    need_fault
    cp "$BATS_FILE_TMPDIR"/data/*.signdata .
    mkdir out
    PINFILE=$BATS_FILE_TMPDIR/pin
    : >"$FAULT_LOG"
    : >count
}

# many N ARG...: six signatures with N sessions.
many() {
    ens sign -q --key "${KEY:-$RELEASE}" --module "${MODULE:-$FAULT}" --pin-source "file:$PINFILE" --yes --sessions "$1" \
        --out-dir out "${@:2}" f?.signdata
}

complete() {
    diff -r out "$BATS_FILE_TMPDIR/want"
}

# other CALL PARAMETERS ARGUMENTS CODE: ./other.so, whose CALL runs CODE first; times() is how often any process came
# there.
other() {
    cat >other.c <<C
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <p11-kit/pkcs11.h>
static CK_FUNCTION_LIST f, *real;
static long times(void)
{
    int fd = open("$PWD/count", O_WRONLY | O_APPEND);
    if (write(fd, "x", 1) != 1) abort();
    long n = lseek(fd, 0, SEEK_END);
    close(fd);
    return n;
}
static CK_RV call($2)
{
    $4
    return real->$1($3);
}
CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret)
{
    void *d = dlopen(getenv("ENSIGN_FAULT_MODULE"), RTLD_NOW);
    CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(d, "C_GetFunctionList");
    get(&real);
    f = *real;
    f.$1 = call;
    *ret = &f;
    return CKR_OK;
}
C
    # shellcheck disable=SC2046
    cc -shared -fPIC -o other.so other.c $(pkg-config --cflags p11-kit-1) -ldl
    MODULE=$PWD/other.so
}

@test "as many sessions as are asked for, and no more than there is to sign; each logs in once" {
    begin
    for n in 1 3 6 64; do
        rm -f out/* t
        : >"$FAULT_LOG"
        many "$n" --transcript t
        ok
        complete
        called C_Login "$((n < 6 ? n : 6))"
        called C_Sign 6
        called C_Finalize "$((n < 6 ? n : 6))"
        grep -q '^calls: 6 6$' t
        [ "$n" -eq 1 ] || grep -q "^sessions: $((n < 6 ? n : 6))\$" t
        ens transcript t
        ok
    done
    : >"$FAULT_LOG"
    many 6 --force --dry-run
    ok
    called C_Login 1
}

@test "0, 65 and no number are usage errors" {
    begin
    for n in 0 65 -1 x ''; do
        many "$n"
        usage -- '--sessions'
    done
    [ ! -s "$FAULT_LOG" ]
}

@test "a wrong PIN is one C_Login in all" {
    begin
    (umask 077 && echo 999999 >wrong)
    PINFILE=$PWD/wrong
    many 6
    refused 83 'wrong PIN'
    called C_Login 1
}

@test "a login that fails stops further ones, and the run goes on with those that are there" {
    begin
    other C_Login 'CK_SESSION_HANDLE s, CK_USER_TYPE u, CK_UTF8CHAR_PTR p, CK_ULONG n' 's, u, p, n' \
        'if (times() == 3) return CKR_DEVICE_ERROR;'
    many 6
    ok
    complete
    warned '2 of 6 sessions: .*CKR_DEVICE_ERROR'
    [ "$(cat count)" = xxx ]
}

@test "a token for one process has one session" {
    begin
    other C_Initialize 'void *args' 'args' 'if (times() > 1) return CKR_DEVICE_ERROR;'
    many 4
    ok
    complete
    warned '1 of 4 sessions: .*C_Initialize'
}

@test "a session that finds no such key, or another one, is left out" {
    begin
    other C_FindObjects 'CK_SESSION_HANDLE s, CK_OBJECT_HANDLE_PTR o, CK_ULONG n, CK_ULONG_PTR m' 's, o, n, m' \
        'static long me; if (me == 0) me = times(); if (me > 1) { *m = 0; return CKR_OK; }'
    many 3
    ok
    complete
    warned '1 of 3 sessions: .* has no private key'
    : >count
    rm -f out/* other.so
    other C_GetAttributeValue 'CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR t, CK_ULONG n' 's, o, t, n' \
        'static long me; if (me == 0) me = times(); CK_RV rv = real->C_GetAttributeValue(s, o, t, n);
        if (rv == CKR_OK && me > 1 && t->type == CKA_MODULUS && t->pValue) ((CK_BYTE_PTR)t->pValue)[9] ^= 1; return rv;'
    many 3
    ok
    complete
    warned '1 of 3 sessions: it has another key'
}

@test "where descriptors are few there are fewer sessions, and every signature" {
    [ "$VARIANT" != valgrind ] || skip "valgrind needs descriptors of its own"
    begin
    printf '#!/bin/sh\nulimit -n 24 && exec "%s" "$@"\n' "$ENSIGN" >few
    chmod 755 few
    ENSIGN=$PWD/few many 6
    ok
    complete
    warned '[1-5] of 6 sessions: .*Too many open files'
}

@test "a PIN pad, and a key that asks for the PIN each time, have one session" {
    begin
    ENSIGN_FAULT=pinpad=$PIN ens sign --key "$RELEASE" --module "$FAULT" --yes --sessions 4 --out-dir out f?.signdata
    ok
    complete
    says '^--sessions: 1 and not 4: the PIN is typed at the token.s PIN pad'
    called C_Login 1
    rm -f out/*
    ens sign --key 'pkcs11:token=ensign;object=asks' --module "$FAULT" --pin-source "file:$PINFILE" --yes --sessions 4 \
        --out-dir out f?.signdata
    ok
    complete
    says '^--sessions: 1 and not 4: the key asks for the PIN before each signature'
}

@test "a key that asks for the PIN in later sessions only does not get a wrong one from each" {
    begin
    other C_GetAttributeValue 'CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR t, CK_ULONG n' 's, o, t, n' \
        'static long me; if (me == 0) me = times(); CK_RV rv = real->C_GetAttributeValue(s, o, t, n);
        if (me > 1 && t->type == CKA_ALWAYS_AUTHENTICATE && t->pValue) {
            *(CK_BBOOL *)t->pValue = CK_TRUE; t->ulValueLen = 1; return CKR_OK; } return rv;'
    many 4
    ok
    complete
    warned '1 of 4 sessions: it has another key'
}

@test "a PIN pad that later sessions only see is not waited for" {
    begin
    other C_GetTokenInfo 'CK_SLOT_ID s, CK_TOKEN_INFO_PTR t' 's, t' \
        'static long me; if (me == 0) me = times(); CK_RV rv = real->C_GetTokenInfo(s, t);
        if (me > 1) t->flags |= CKF_PROTECTED_AUTHENTICATION_PATH; return rv;'
    many 4
    ok
    complete
    warned '1 of 4 sessions: it has another token'
}

@test "a session that ends its process: its item fails, the run stops, nothing is signed twice" {
    begin
    other C_Sign 'CK_SESSION_HANDLE s, CK_BYTE_PTR a, CK_ULONG n, CK_BYTE_PTR b, CK_ULONG_PTR m' 's, a, n, b, m' \
        'if (times() == 2) exit(0);'
    many 3 --transcript t
    exits 85
    [ "$(errors | wc -l)" -eq 1 ]
    errors | grep -q 'f[0-9]\.signdata: the PKCS#11 module ended its process with exit status 0 in C_Sign'
    for f in out/*; do
        same "$f" "$BATS_FILE_TMPDIR/want/${f#out/}"
    done
    ens transcript t
    ok
    rm other.so
    MODULE=$FAULT
    many 3
    ok
    complete
}

@test "resign with several sessions writes the bytes that one writes" {
    begin
    mkdir a b
    enclave own.sgxs
    for n in 1 2 3 4; do
        bundle "$n.orc" --name "com.example.n$n"
    done
    for n in 1 3; do
        : >"$FAULT_LOG"
        mkdir "out$n"
        ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --date 20260101 --sessions "$n" \
            --out-dir "out$n" ./?.orc
        ok
        called C_Login "$n"
        called C_Sign 4
    done
    diff -r out1 out3
}
