#!/usr/bin/env bats
# scripts/demo: its options, with the programs that are built. A full run of it is a gate of its own.

load helpers

DEMO=$ROOT/scripts/demo

setup_file() { :; }

begin() {
    export ENSIGN_DEMO_BIN=$ROOT/build/$VARIANT TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
}

# demo ARG...: its status, $OUT and $ERR. Its temporary files must be gone.
demo() {
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    status=0
    env -u ENSIGN_FAULT_LOG timeout 60 "$DEMO" "$@" </dev/null >"$OUT" 2>"$ERR" || status=$?
    [ -z "$(ls -A "$TMPDIR")" ] || fail "left behind:" "$(ls -lA "$TMPDIR")"
}

@test "--help prints the options; another word, and --pause without a terminal, are errors 64" {
    begin
    demo --help
    exits 0
    local option
    for option in --pause --ceremony --attack --help; do
        grep -q -e "^  $option " "$OUT" || fail "no $option: $(cat "$OUT")"
    done
    demo --attak
    exits 64
    grep -q '^demo: --attak: no such option' "$ERR"
    demo --attack --pause
    exits 64
    grep -q '^demo: --pause: there is no terminal: ' "$ERR"
    [ ! -s "$OUT" ]
}

@test "--ceremony: two people approve, the transcript holds, the result verifies, and no network is needed" {
    begin
    demo --ceremony
    exits 0 || fail "$(cat "$ERR")"
    head -1 "$OUT" | grep -q 'needs a network'
    grep -q '^Approvals   2 of 2: alice@example.org, bob@example.org$' "$ERR"
    grep -q '^Records: .*, and the chain holds$' "$OUT"
    grep -q '^REPORT OF room.transcript' "$OUT"
    grep -q '^yes: small.orc: ' "$OUT"
}

@test "--attack: five refusals, each with command, message and status" {
    begin
    demo --attack
    exits 0 || fail "$(cat "$ERR")"
    [ "$(grep -c '^# Attack [1-5]: ' "$OUT")" -eq 5 ]
    [ "$(sed -n 's/^  -- refused: exit status \([0-9]*\),.*/\1/p' "$OUT" | tr '\n' ' ')" = '65 77 77 86 65 ' ]
    # The two lines above each: the command, and what it says.
    [ "$(grep -B2 '^  -- refused' "$OUT" | grep -c '^[a-z-]*\$ ensign ')" -eq 5 ]
    [ "$(grep -B1 '^  -- refused' "$OUT" | grep -c '^ensign: ')" -eq 5 ]
}

@test "--attack fails if a refusal does not come" {
    begin
    local bin=$BATS_TEST_TMPDIR/bin
    mkdir -p "$bin/tests/hsm"
    cp "$FAULT" "$bin/tests/hsm"
    # Everything but a policy is obeyed.
    printf '%s\n' '#!/bin/sh' 'case "$*" in *--policy*) exit 0 ;; esac' "exec '$ENSIGN' \"\$@\"" >"$bin/ensign"
    chmod +x "$bin/ensign"
    ENSIGN_DEMO_BIN=$bin demo --attack
    exits 1
    grep -q '^demo: exit status 0; expected: 77, "debug: on", and no file changed$' "$ERR"
    [ "$(grep -c '^# Attack' "$OUT")" -eq 2 ]
}

@test "--pause waits for Enter before each step, and ends at the end of the input" {
    begin
    need_terminal
    ENSIGN=$DEMO tty_ens '\(Enter\)' '' '\(Enter\)' '^D' -- --pause
    exits 130
    grep -q 'signing-host\$ export' "$OUT"
    not grep -q 'ensign keygen' "$OUT"
}
