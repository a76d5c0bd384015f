#!/usr/bin/env bats
# The vectors of the ceremony formats, each through the command that reads its kind: verdict, exit status, word of the
# rule. They are read where they lie; what every host tests is in policy.bats, show.bats and the unit tests.

load helpers

# vectors KIND: all of that kind.
vectors() {
    local dir=${ENSIGN_SHARED:-$ROOT/../shared}/ceremony/vectors
    if [ ! -r "$dir/index.json" ]; then
        [ "${ENSIGN_REQUIRE_SHARED:-0}" != 1 ] || fail "$dir is required, and is not there"
        skip "shared vectors are not here"
    fi
    "$PYTHON" "$INTEROP/ceremony_vectors.py" --ensign "$ENSIGN" \
        --clock "$ROOT/build/$VARIANT/tests/support/clock.so" "$dir" "$1"
}

@test "vectors: policy" {
    vectors policy
}

@test "vectors: approvers" {
    vectors approvers
}

@test "vectors: revoked" {
    vectors revoked
}

@test "vectors: armour" {
    vectors dearmour
}

@test "vectors: approvals, and policies against sign-data" {
    vectors check
}

@test "vectors: transcript" {
    vectors transcript
}
