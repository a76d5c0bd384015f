#!/usr/bin/env bats
# make install PREFIX=... after make: the one object that knows where ensign-token will be is built anew and nothing else;
# what was installed finds its own ensign-token, and no other. In a copy of the tree, with the objects that are there.

load helpers

fixtures() {
    token ensign
    test_key one one.pem
    import one.pem release 01
    sign_data s.signdata "$MRENCLAVE"
    pem_sign one.pem s.signdata expected.sig
}

# The objects keep their times, so that make sees nothing to do; the copy is of no commit.
begin() {
    local dir
    TREE=$BATS_TEST_TMPDIR/tree
    mkdir -p "$TREE/build/$VARIANT"
    cp -a "$ROOT/Makefile" "$ROOT/COMMIT" "$ROOT/signer" "$ROOT/hsm" "$ROOT/bundle" "$ROOT/docs" "$ROOT/scripts" "$TREE"
    for dir in signer hsm bundle man ensign ensign-offline ensign-token libensign.a commit libexecdir; do
        cp -a "$ROOT/build/$VARIANT/$dir" "$TREE/build/$VARIANT"
    done
    made PREFIX=/usr/local LIBEXECDIR=/usr/local/libexec all
}

# made WORD...: what make says of it is in $BATS_TEST_TMPDIR/made. A caller's make decides nothing.
made() {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u DESTDIR -u PREFIX make -C "$TREE" VARIANT="$VARIANT" "$@" \
        >"$BATS_TEST_TMPDIR/made" 2>&1 3>&- || fail "$(cat "$BATS_TEST_TMPDIR/made")"
}

# built FILE...: make compiled these and no other.
built() {
    [ "$(sed -n 's/^ *CC *//p' "$BATS_TEST_TMPDIR/made" | LC_ALL=C sort | tr '\n' ' ')" = "$*${*:+ }" ] ||
        fail "compiled, and should be: $*" "$(cat "$BATS_TEST_TMPDIR/made")"
}

# signs PROGRAM: it signs, which takes its ensign-token.
signs() {
    rm -f s.sig
    ENSIGN=$1 sign -q -o s.sig "$BATS_FILE_TMPDIR/s.signdata"
    ok
    same s.sig "$BATS_FILE_TMPDIR/expected.sig"
}

# no_token PROGRAM PATH: it looks there, and there is none.
no_token() {
    ENSIGN=$1 sign -q -o no.sig "$BATS_FILE_TMPDIR/s.signdata"
    refused 71 "$2"
}

@test "make install with another PREFIX builds one object anew, and what it installs finds its ensign-token" {
    local one=$BATS_TEST_TMPDIR/one two=$BATS_TEST_TMPDIR/two
    begin
    made PREFIX="$one" install
    built hsm/helper_start.c
    grep -q '^  LD .*/ensign$' "$BATS_TEST_TMPDIR/made"
    not grep -q '^  LD .*/ensign-token$' "$BATS_TEST_TMPDIR/made"
    [ -x "$one/libexec/ensign/ensign-token" ]
    # Once more: there is nothing to do but to copy.
    made PREFIX="$one" install
    built
    not grep -q '^  \(LD\|AR\) ' "$BATS_TEST_TMPDIR/made"
    made PREFIX="$two" install
    built hsm/helper_start.c
    # Neither needs the tree, nor the other.
    rm -r "$TREE"
    signs "$one/bin/ensign"
    signs "$two/bin/ensign"
    mv "$two/libexec" "$two/elsewhere"
    signs "$one/bin/ensign"
    no_token "$two/bin/ensign" "$two/libexec/ensign/ensign-token"
    rm -r "$one"
    mv "$two/elsewhere" "$two/libexec"
    signs "$two/bin/ensign"
}

@test "DESTDIR is where files are put, not where ensign-token is looked for; LIBEXECDIR is; the same for ensign-offline" {
    local at=$BATS_TEST_TMPDIR/at stage=$BATS_TEST_TMPDIR/stage
    begin
    made PREFIX="$at" LIBEXECDIR="$at/lib" DESTDIR="$stage" install install-offline
    rm -r "$TREE"
    [ ! -e "$at" ]
    no_token "$stage$at/bin/ensign" "$at/lib/ensign/ensign-token"
    mv "$stage$at" "$at"
    (cd "$at" && find . -type f ! -path './share/*' | LC_ALL=C sort) >found
    printf '%s\n' ./bin/ensign ./bin/ensign-offline ./lib/ensign/ensign-token | cmp - found
    signs "$at/bin/ensign"
    signs "$at/bin/ensign-offline"
}
