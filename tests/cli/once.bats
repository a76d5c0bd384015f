#!/usr/bin/env bats
# Each operand is opened once, so that nobody can exchange the file between two looks: counted under strace, and
# tried: the program is stopped at the moment at which it has opened the file, and the file is exchanged.

load helpers

fixtures() {
    signing_host
    test_key two two.pem
    sign_data s.signdata "$MRENCLAVE"
    pem_sign one.pem s.signdata s.sig
    bundle app.orc
    bundle host.orc
    sigstruct a.css one "$MRENCLAVE"
    sigstruct b.css two "$MRENCLAVE"
    printf 'policy 1\nend\n' >policy
    printf 'policy 1\nisvsvn 2\nend\n' >other-policy
    printf 'ensign approval 1\nanswer: yes\n' >app.approval
    cp "$ROOT"/tests/vectors/containers/{intel-3.3.signed.so,oe-0.19.signed} .
    cp "$ROOT/tests/vectors/sgxs/minimal.sgxs" .
}

begin() {
    command -v strace >/dev/null || fail "strace is not installed"
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    find "$BATS_FILE_TMPDIR" -maxdepth 1 -type f -exec cp -t . {} +
    cp s.sig sig
    RESIGN="--dry-run --key $RELEASE --module $SOFTHSM --pin-source file:$BATS_FILE_TMPDIR/pin"
    # shellcheck disable=SC2034
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
}

# once FILE PROGRAM ARG...: FILE is opened for reading by exactly one call.
once() {
    local file=$1 calls
    shift
    rm -f o
    strace -f -qq -e trace=open,openat,openat2 -o "$BATS_TEST_TMPDIR/trace" "$@" </dev/null >"$OUT" 2>"$ERR" || true
    calls=$(grep -F "\"$file\", O_RDONLY" "$BATS_TEST_TMPDIR/trace" | grep -vcF O_PATH || true)
    [ "$calls" -eq 1 ] || fail "$*: opens $file $calls times" "$(cat "$BATS_TEST_TMPDIR/trace" "$ERR")"
}

@test "every command opens each of its operands once, of whatever kind it is" {
    begin
    for file in app.orc minimal.sgxs intel-3.3.signed.so oe-0.19.signed a.css s.signdata s.sig one.pem.pub policy \
        app.approval one.pem; do
        for command in show 'show --json' verify 'verify --profile core' 'verify --profile registry' \
            'verify --profile rofl-scheduler' 'extract -o o' 'gen-sign-data -o o' 'gen-sign-data --from b.css -o o' \
            'gen-sign-data -o o b.css --from' "gen-sign-data --from $file -o o" \
            "set-sig --ephemeral-key --from $file --to o" 'compare b.css' 'set-sig --ephemeral-key --to o' \
            'set-sig --to o own.sgxs' 'set-sig --to o own.sgxs sig' \
            "resign $RESIGN" "resign --all-components $RESIGN" \
            'check --policy other-policy' 'sign --key pkcs11:token=none --module none -o o' \
            "approve --yes --ssh-key none --mrsigner $(printf '%064d' 0) -o o"; do
            # shellcheck disable=SC2086
            once "$file" "$ENSIGN" $command "$file"
        done
        once "$file" "$ENSIGN" compare "$file" b.css
        once "$file" "$ENSIGN-offline" show "$file"
        once "$file" "$ENSIGN" component-add -o o host.orc rofl.xyz two.pem --sgx-executable "$file"
    done
    for file in own.sgxs s.sig one.pem.pub s.signdata; do
        once "$file" "$ENSIGN" set-sig --to o --sign-data s.signdata own.sgxs s.sig one.pem.pub
    done
    grep -q 'SIGSTRUCT verified' "$ERR"
}

# exchanged FILE OTHER PROGRAM ARG...: FILE becomes OTHER once the program has opened it, and the program says what
# it says of FILE.
exchanged() {
    local file=$1 other=$2 tracer status=0 have=0 pid opening
    shift 2
    rm -f o "$BATS_TEST_TMPDIR/trace"
    strace -f -o "$BATS_TEST_TMPDIR/trace" -P "$file" -e trace=openat "$@" </dev/null >"$BATS_TEST_TMPDIR/want" 2>&1 || status=$?
    sed -i '/^strace: /d' "$BATS_TEST_TMPDIR/want"
    # Calls before it only find the name (O_PATH), for the wall and for the opening; strace counts those of each thread.
    opening=$(awk '/openat\(/ { n[$1]++; if (!/O_PATH/) { print n[$1]; exit } }' "$BATS_TEST_TMPDIR/trace")
    rm -f o "$BATS_TEST_TMPDIR/trace"
    cp "$file" "$BATS_TEST_TMPDIR/kept"
    strace -f -o "$BATS_TEST_TMPDIR/trace" -P "$file" -e trace=openat -e inject=openat:signal=SIGSTOP:when="$opening" "$@" \
        </dev/null >"$BATS_TEST_TMPDIR/have" 2>&1 &
    tracer=$!
    for _ in {1..1500}; do
        grep -qs 'stopped by SIGSTOP' "$BATS_TEST_TMPDIR/trace" && break
        sleep 0.02
    done
    pid=$(sed -n '/stopped by SIGSTOP/{s/ .*//p;q}' "$BATS_TEST_TMPDIR/trace")
    [ -n "$pid" ] || fail "$*: did not stop" "$(cat "$BATS_TEST_TMPDIR/trace")"
    cp "$other" "$BATS_TEST_TMPDIR/new"
    mv "$BATS_TEST_TMPDIR/new" "$file"
    kill -CONT "$pid"
    wait "$tracer" || have=$?
    mv "$BATS_TEST_TMPDIR/kept" "$file"
    sed -i '/^strace: /d' "$BATS_TEST_TMPDIR/have"
    # What would be written in its place is no longer it: resign refuses.
    if [ "$2" = resign ] && [ "$have" -eq 65 ] && [ "$status" -ne 65 ]; then
        grep -q "^ensign: $file: was changed or replaced while it was worked on" "$BATS_TEST_TMPDIR/have" || fail "$(cat "$BATS_TEST_TMPDIR/have")"
        return 0
    fi
    [ "$have" -eq "$status" ] || fail "$*: exit status $have, not $status" "$(cat "$BATS_TEST_TMPDIR/have")"
    diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/have" || fail "$*: saw the other file"
}

@test "a file that is exchanged after it was opened is not looked at" {
    begin
    for command in show 'show --json' verify 'verify --profile core' 'gen-sign-data --from b.css -o o' 'extract -o o' \
        'compare b.css' 'sign --key pkcs11:token=none --module none -o o' 'set-sig --ephemeral-key --to o' \
        "resign --all-components $RESIGN"; do
        for row in 'app.orc minimal.sgxs' 'own.sgxs app.orc' 'a.css intel-3.3.signed.so' 'intel-3.3.signed.so a.css'; do
            # A fresh key is another one each time.
            [[ $command != set-sig* || $row = a.css* ]] || continue
            # shellcheck disable=SC2086
            exchanged ${row} "$ENSIGN" $command "${row% *}"
        done
    done
    exchanged policy other-policy "$ENSIGN" show policy
    exchanged s.signdata app.orc "$ENSIGN" check --policy policy s.signdata
}
