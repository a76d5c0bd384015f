#!/usr/bin/env bats
# SoftHSM2: the token that can do everything.
# shellcheck disable=SC2034,SC2153,SC2119

load ../cli/helpers
load matrix

PACKAGES=(softhsm2 opensc)
PKCS11=$SOFTHSM
LABEL=ensign
ARGS=()

make_token() {
    token ensign
}

drop_token() {
    :
}

use_token() {
    export ENSIGN_FAULT_MODULE=$PKCS11
}

@test "softhsm: a key is made in the token, and signs" {
    matrix_generate
}

@test "softhsm: an imported key signs through one login" {
    matrix_sign
}

@test "softhsm: its own module signs, and gives the public key" {
    matrix_sign_directly
}

@test "softhsm: CKM_SHA256_RSA_PKCS gives the same signature" {
    matrix_sha256
}

@test "softhsm: 20 signatures through one login, and none is made twice" {
    matrix_batch
}

@test "softhsm: a batch that fails at the 7th keeps six, and can be repeated" {
    matrix_batch_fails
}

@test "softhsm: a wrong PIN is tried once" {
    matrix_wrong_pin
}

@test "softhsm: a key that always asks is given the PIN for each signature" {
    matrix_always_authenticate
}

@test "softhsm: a key without a public object signs" {
    matrix_no_public_object
}

@test "softhsm: two keys with one label are not guessed between" {
    matrix_duplicate_label
}

@test "softhsm: two keys with one id are not guessed between" {
    matrix_duplicate_id
}

@test "softhsm: keygen takes no label and no id that is in use" {
    matrix_in_use
}

@test "softhsm: an EC key beside the release key does not disturb" {
    matrix_foreign_keys
}

@test "softhsm: a DSA key beside the release key does not disturb" {
    begin
    openssl dsaparam -genkey -noout 2048 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out dsa.p8
    softhsm2-util --import dsa.p8 --token ensign --label curve --id e1 --pin "$PIN" >/dev/null
    rm dsa.p8
    signs "$TOKEN;object=release" "$ONE"
    tok sign --key "$TOKEN;id=%E1" --yes -o two.sig s.signdata
    refused 82 'not an RSA key'
}

@test "softhsm: a second token with the same label is not guessed" {
    begin
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/tokens"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/tokens|" "$SOFTHSM2_CONF" >"$BATS_TEST_TMPDIR/conf"
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf
    softhsm2-util --init-token --free --label ensign --so-pin 87654321 --pin "$PIN" >/dev/null
    same_label_is_refused
}

@test "softhsm: what keys says of each key holds" {
    matrix_keys
}

@test "softhsm: a sealing key is made, opens with OAEP, and is ended" {
    matrix_enroll sha1
}
