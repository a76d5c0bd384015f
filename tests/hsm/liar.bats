#!/usr/bin/env bats
# A helper that was taken over says whatever it likes: ensign believes none of it but a signature that verifies. liar.py
# has the cases, liar.c says them.

load ../cli/helpers
load process

setup_file() {
    process_setup_file
    cp good.signdata s.signdata
    openssl rsa -pubin -in one.pem.pub -noout -modulus >modulus
    # A share of holder 2 for a sealing key in the token.
    ENSIGN_PKCS11_MODULE=$SOFTHSM "$ENSIGN" quorum enroll --name Two --token pkcs11:token=ensign --label sealing --quiet \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" -o 2.card
    ENSIGN_PKCS11_MODULE=$SOFTHSM "$ENSIGN" quorum enroll --name One --token pkcs11:token=ensign --label other --quiet \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" -o 1.card
    mkdir dealt
    "$ENSIGN" quorum deal --threshold 2 --card 1.card --card 2.card --allow-swap --yes --quiet \
        --from "$ROOT/tests/vectors/keys/testkey.pem" --out-dir dealt 2>deal.err
    cp dealt/2.share .
}

# lies GROUP: all cases of it.
lies() {
    begin
    [ "$VARIANT" = release ] || export ENSIGN_LIAR_EACH=17
    ENSIGN_FAULT_LOG='' "$PYTHON" "$ROOT/tests/hsm/liar.py" "$ENSIGN" "$HELPER" \
        "$ROOT/build/$VARIANT/tests/hsm/liar" "$FAULT" "$BATS_FILE_TMPDIR" "$1" 3>&-
}

@test "what the real helper said, said once more, is a signature" {
    lies 'as recorded'
}

@test "another greeting: of another version, of another protocol" {
    lies greetings
}

@test "each message cut at each of its bytes" {
    lies cut
}

@test "messages that are too long" {
    lies longer
}

@test "another type, another sequence" {
    lies headers
}

@test "messages twice, early, never, for ever, or in place of another" {
    lies order
}

@test "lengths and numbers of every size" {
    lies lengths
}

@test "bytes that are wrong, anywhere" {
    lies bits
}

@test "errors with codes and texts that no error has" {
    lies errors
}

@test "a key that is none, or another one in the second message" {
    lies moduli
}

@test "a PIN is asked for once" {
    lies need-pin
}

@test "lists without an end" {
    lies endless
}

@test "a file key that is cut, longer, another one, or no answer at all opens nothing" {
    lies unwrapped
}
