#!/usr/bin/env bats
# NSS softokn: a module that needs arguments, has two slots, takes keys with e = 3 and makes none.
# shellcheck disable=SC2034,SC2153,SC2119

load ../cli/helpers
load matrix

PACKAGES=(libnss3 libnss3-tools opensc)
PKCS11=/usr/lib/x86_64-linux-gnu/libsoftokn3.so
LABEL='NSS Certificate DB'
ARGS=()
# The module keeps memory of its own until the process ends.
[ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0

make_token() {
    mkdir "$BATS_FILE_TMPDIR/nss"
    certutil -N -d "sql:$BATS_FILE_TMPDIR/nss" -f "$BATS_FILE_TMPDIR/pin"
}

drop_token() {
    :
}

use_token() {
    export ENSIGN_FAULT_MODULE=$PKCS11
    export ENSIGN_FAULT_ARGS="configdir='sql:$BATS_FILE_TMPDIR/nss' certPrefix='' keyPrefix='' secmod='secmod.db' flags="
    ARGS=(--module-args "$ENSIGN_FAULT_ARGS")
}

# one_of_two SLOT DIRECTORY: a token in a list of tokens.
one_of_two() {
    echo "$1=[configDir='sql:$2' tokenDescription='$LABEL' keyPrefix='' certPrefix='']"
}

@test "nss: e = 3 is refused, and told apart from a failure" {
    matrix_generate_refused
}

@test "nss: an imported key signs through one login" {
    matrix_sign
}

@test "nss: its own module signs, and gives the public key" {
    matrix_sign_directly
}

@test "nss: without its arguments the module is refused, and the message says what is missing" {
    begin
    ARGS=()
    MODULE=$PKCS11 tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
    refused 69 C_Initialize '--module-args'
}

@test "nss: CKM_SHA256_RSA_PKCS gives the same signature" {
    matrix_sha256
}

@test "nss: 20 signatures through one login, and none is made twice" {
    matrix_batch
}

@test "nss: a batch that fails at the 7th keeps six, and can be repeated" {
    matrix_batch_fails
}

@test "nss: a wrong PIN is tried once" {
    matrix_wrong_pin
}

@test "nss: a key that always asks" {
    begin
    skip "NSS softokn has no CKA_ALWAYS_AUTHENTICATE"
}

@test "nss: a key without a public object signs" {
    matrix_no_public_object
}

@test "nss: two keys with one label are not guessed between" {
    matrix_duplicate_label
}

@test "nss: a second key with one id replaces the first, and --mrsigner notices" {
    matrix_id_replaces
}

@test "nss: keygen takes no label and no id that is in use" {
    matrix_in_use
}

@test "nss: an EC key beside the release key does not disturb" {
    matrix_foreign_keys
}

@test "nss: a second token with the same label is not guessed" {
    begin
    mkdir second
    certutil -N -d sql:second -f "$PINFILE"
    ARGS=(--module-args "secmod='secmod.db' flags= tokens=<$(one_of_two 0x10 "$BATS_FILE_TMPDIR/nss") $(one_of_two 0x11 "$PWD/second")>")
    same_label_is_refused
}

@test "nss: what keys says of each key holds" {
    matrix_keys
}

@test "nss: a sealing key is made, opens with OAEP, and is ended" {
    matrix_enroll sha256
}
