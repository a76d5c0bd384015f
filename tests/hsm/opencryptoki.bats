#!/usr/bin/env bats
# opencryptoki's soft token: PKCS#11 2.20, no CKM_SHA256_RSA_PKCS, a PIN that really locks after three wrong
# ones, and a daemon. There is one such token on a machine, below /var/lib/opencryptoki: a token or a daemon
# that is there already is somebody's and left alone, and what these tests make there is removed again.
# shellcheck disable=SC2034,SC2153,SC2119

load ../cli/helpers
load matrix

PACKAGES=(opencryptoki opensc)
PKCS11=/usr/lib/x86_64-linux-gnu/pkcs11/libopencryptoki.so
LABEL=ensign-matrix
ARGS=()
STORE=/var/lib/opencryptoki/swtok
SLOT=3
SO_PIN=76543210
# The module keeps memory of its own until the process ends.
[ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0

use_token() {
    export ENSIGN_FAULT_MODULE=$PKCS11
}

not_here() {
    echo "$1" >"$BATS_FILE_TMPDIR/cannot"
}

# The label of the token that lies there; nothing where there is none, or one that nobody initialised.
label_there() {
    [ ! -s "$STORE/NVTOK.DAT" ] || head -c 32 "$STORE/NVTOK.DAT" | sed 's/ *$//; s/^IBM OS PKCS#11$//'
}

daemon_runs() {
    local pid
    pid=$(cat /run/pkcsslotd.pid 2>/dev/null) && [ -n "$pid" ] && [ -d "/proc/$pid" ]
}

make_token() {
    if [ "$(id -u)" -ne 0 ]; then
        not_here 'opencryptoki: its daemon needs root'
        return
    fi
    # Two runs of these tests take turns; the lock goes with this process.
    exec 9>/run/lock/ensign-test-opencryptoki
    if ! flock -w 200 9; then
        not_here 'opencryptoki: another run of these tests uses the one token of this machine'
    elif daemon_runs; then
        not_here 'opencryptoki: pkcsslotd runs already, its token is somebody else'"'"'s'
    elif [ -n "$(label_there)" ] && [ "$(label_there)" != "$LABEL" ]; then
        not_here "opencryptoki: $STORE holds a token already, it is somebody else's"
    else
        clear_store
        start_daemon && init_token
    fi
}

clear_store() {
    rm -f "$STORE"/NVTOK.DAT "$STORE"/MK_SO "$STORE"/MK_USER "$STORE"/TOK_OBJ/*
    rm -f /dev/shm/var.lib.opencryptoki.swtok /run/pkcsslotd.pid /run/pkcsslotd.socket
}

start_daemon() {
    setsid pkcsslotd -f </dev/null >"$BATS_FILE_TMPDIR/slotd.log" 2>&1 3>&- 9>&- &
    echo $! >"$BATS_FILE_TMPDIR/slotd.pid"
    for _ in {1..1500}; do
        [ ! -S /run/pkcsslotd.socket ] || return 0
        sleep 0.05
    done
    fail 'pkcsslotd does not start' "$(cat "$BATS_FILE_TMPDIR/slotd.log")"
}

init_token() {
    {
        echo "$LABEL" | pkcsconf -c "$SLOT" -I -S 87654321
        pkcsconf -c "$SLOT" -P -S 87654321 -n "$SO_PIN"
        set_pin
    } >"$BATS_FILE_TMPDIR/pkcsconf.log" 2>&1
}

# The security officer sets the user's PIN, which also unlocks it, and the user changes it to $PIN.
set_pin() {
    pkcsconf -c "$SLOT" -u -S "$SO_PIN" -n 12345678
    pkcsconf -c "$SLOT" -p -U 12345678 -n "$PIN"
}

# Only the process that start_daemon started, by its PID. It keeps running after SIGTERM while it thinks that
# it has clients.
drop_token() {
    local pid
    [ -s "$BATS_FILE_TMPDIR/slotd.pid" ] || return 0
    pid=$(cat "$BATS_FILE_TMPDIR/slotd.pid")
    kill "$pid" 2>/dev/null || true
    for _ in {1..1500}; do
        [ -d "/proc/$pid" ] || break
        sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
    clear_store
}

# token_says WORDS: what `keys` says of the PIN counter, which needs no PIN itself.
token_says() {
    : >"$FAULT_LOG"
    ens keys --module "$FAULT"
    ok
    called C_Login 0
    prints "^Token $LABEL .*$1"
}

@test "opencryptoki: a key is made in the token, and signs" {
    matrix_generate
}

@test "opencryptoki: an imported key signs through one login" {
    matrix_sign
}

@test "opencryptoki: its own module signs, and gives the public key" {
    matrix_sign_directly
}

@test "opencryptoki: CKM_SHA256_RSA_PKCS is not there, and --mechanism says so" {
    matrix_sha256_refused
}

@test "opencryptoki: 20 signatures through one login, and none is made twice" {
    matrix_batch
}

@test "opencryptoki: a batch that fails at the 7th keeps six, and can be repeated" {
    matrix_batch_fails
}

@test "opencryptoki: a wrong PIN is tried once" {
    matrix_wrong_pin
}

@test "opencryptoki: a key that always asks is given the PIN for each signature" {
    matrix_always_authenticate
}

@test "opencryptoki: a key without a public object signs" {
    matrix_no_public_object
}

@test "opencryptoki: two keys with one label are not guessed between" {
    matrix_duplicate_label
}

@test "opencryptoki: two keys with one id are not guessed between" {
    matrix_duplicate_id
}

@test "opencryptoki: keygen takes no label and no id that is in use" {
    matrix_in_use
}

@test "opencryptoki: an EC key beside the release key does not disturb" {
    matrix_foreign_keys
}

@test "opencryptoki: a second token with the same label" {
    begin
    skip "opencryptoki has one soft token on a machine"
}

@test "opencryptoki: what keys says of each key holds" {
    matrix_keys
}

@test "opencryptoki: three wrong PINs lock it, each is announced, and the last is not taken unasked" {
    local wrong=$BATS_FILE_TMPDIR/wrong
    begin
    PINFILE=$wrong tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
    refused 83 'wrong PIN'
    token_says 'a wrong PIN was entered'
    # The second one is warned of before it is tried.
    PINFILE=$wrong tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
    refused 83 'next wrong PIN locks'
    warned 'wrong PIN was entered before'
    called C_Login 1
    token_says 'last PIN try'
    # The last one is not tried, right or wrong.
    for PINFILE in "$wrong" "$BATS_FILE_TMPDIR/pin"; do
        tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
        refused 84 '--allow-final-try'
        called C_Login 0
    done
    PINFILE=$wrong tok sign --key "$TOKEN;object=release" --yes --allow-final-try -o out.sig s.signdata
    refused_either 83 84 'lock'
    called C_Login 1
    token_says 'PIN LOCKED'
    for extra in --quiet --allow-final-try; do
        PINFILE=$BATS_FILE_TMPDIR/pin tok sign --key "$TOKEN;object=release" --yes "$extra" -o out.sig s.signdata
        refused 84 'PIN is locked' 'unlock'
        called C_Login 0
    done
    set_pin >"$BATS_TEST_TMPDIR/pkcsconf.log" 2>&1
    signs "$TOKEN;object=release" "$ONE"
    not_warned 'wrong PIN'
}

@test "opencryptoki: the right PIN on the last try, asked for, signs and clears the counter" {
    begin
    for _ in 1 2; do
        PINFILE=$BATS_FILE_TMPDIR/wrong tok sign --key "$TOKEN;object=release" --yes -o out.sig s.signdata
        refused 83
    done
    tok sign --key "$TOKEN;object=release" --yes --allow-final-try -o out.sig s.signdata
    ok
    signs "$TOKEN;object=release" "$ONE"
    not_warned 'wrong PIN'
}

@test "opencryptoki: a sealing key is made, opens with OAEP, and is ended" {
    matrix_enroll sha256
}
