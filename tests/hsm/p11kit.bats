#!/usr/bin/env bats
# A token behind p11-kit's server, over a unix socket: it signs, and when the other end dies in the middle of an
# operation, that is an error like any other. (A write to a lost peer would end the process with SIGPIPE.)
# shellcheck disable=SC2034,SC2153,SC2119

load ../cli/helpers
load matrix

PACKAGES=(p11-kit p11-kit-modules softhsm2 opensc)
PKCS11=/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so
LABEL=ensign
ARGS=()

make_token() {
    token ensign
}

drop_token() {
    :
}

# The keys are put into SoftHSM itself.
use_token() {
    export ENSIGN_FAULT_MODULE=$SOFTHSM
}

# serve [FAULT]: a server of its own, with the forwarding module behind it. Its directory is its own too: one that
# ends removes its socket and the directory of that, whoever has made them anew.
serve() {
    XDG_RUNTIME_DIR=$(mktemp -d "$BATS_TEST_TMPDIR/run.XXXXXX")
    export XDG_RUNTIME_DIR
    eval "$(ENSIGN_FAULT=${1-} p11-kit server --provider "$FAULT" "pkcs11:token=$LABEL" 3>&-)"
    [ -n "$P11_KIT_SERVER_PID" ]
    export P11_KIT_SERVER_ADDRESS
    # It says where it will listen, and listens some time after that (flag 00010000).
    for _ in {1..1500}; do
        ! grep -q "00010000 .* ${P11_KIT_SERVER_ADDRESS#unix:path=}\$" /proc/net/unix || return 0
        sleep 0.05
    done
    fail "the server does not listen at $P11_KIT_SERVER_ADDRESS"
}

# dismiss: ends the server, and waits until it has gone.
dismiss() {
    kill "$P11_KIT_SERVER_PID"
    for _ in {1..1500}; do
        [ -e "/proc/$P11_KIT_SERVER_PID" ] || break
        sleep 0.05
    done
    [ ! -e "/proc/$P11_KIT_SERVER_PID" ] || fail "the server $P11_KIT_SERVER_PID does not end"
    unset P11_KIT_SERVER_PID
}

teardown() {
    [ -z "${P11_KIT_SERVER_PID-}" ] || dismiss
}

# by_socket ARG...: ensign sign through the client module.
by_socket() {
    ens sign --module "$PKCS11" --key "$TOKEN;object=release" --pin-source "file:$PINFILE" --yes "$@"
}

# served CALL: waits until the module behind the server was called so.
served() {
    for _ in {1..1500}; do
        [ "$(calls "$1")" -eq 0 ] || return 0
        sleep 0.05
    done
    fail "$1 never came to the server"
}

# lose_peer CALL: the server's process for our connection dies while it is in CALL.
lose_peer() {
    served "$1"
    pkill -KILL -P "$P11_KIT_SERVER_PID"
}

# lose_peer_after DIRECTORY N: as soon as N signatures are there.
lose_peer_after() {
    for _ in {1..1500}; do
        [ "$(find "$1" -name '*.sig' | wc -l)" -lt "$2" ] || break
        sleep 0.02
    done
    pkill -KILL -P "$P11_KIT_SERVER_PID"
}

@test "p11-kit: a key behind the server signs, alone and in a batch" {
    begin
    serve
    by_socket -o out.sig s.signdata
    ok
    same out.sig "$BATS_FILE_TMPDIR/expected.sig"
    mkdir out
    : >"$FAULT_LOG"
    by_socket --out-dir out "$BATS_FILE_TMPDIR"/f??.signdata
    ok
    called C_Login 1
    called C_Sign 20
    batch_is_complete
}

@test "p11-kit: a peer that dies during a signature is 85, and nothing is written" {
    begin
    serve delay=90000
    lose_peer C_Sign &
    LIMIT=50 by_socket -o out.sig s.signdata
    wait $!
    refused 85 'C_Sign'
    files s.signdata
}

@test "p11-kit: a peer that dies during the search or the login is 85" {
    local call
    begin
    for call in C_Login C_FindObjects; do
        serve "delay=$call:90000"
        lose_peer "$call" &
        LIMIT=50 by_socket -o out.sig s.signdata
        wait $!
        refused 85 "$call"
        dismiss
        : >"$FAULT_LOG"
    done
}

@test "p11-kit: a peer that dies in a batch leaves the finished signatures, and it can be repeated" {
    begin
    mkdir out
    serve delay=300
    lose_peer_after out 3 &
    by_socket --out-dir out "$BATS_FILE_TMPDIR"/f??.signdata
    wait $!
    exits 85
    [ "$(errors | wc -l)" -eq 1 ]
    kept=$(find out -type f | wc -l)
    [ "$kept" -ge 3 ] && [ "$kept" -lt 20 ]
    dismiss
    serve
    : >"$FAULT_LOG"
    by_socket --out-dir out "$BATS_FILE_TMPDIR"/f??.signdata
    ok
    called C_Sign $((20 - kept))
    batch_is_complete
}

@test "p11-kit: no server is a module without a token, or none" {
    begin
    P11_KIT_SERVER_ADDRESS=unix:path=$PWD/nosuch by_socket -o out.sig s.signdata
    [ "$status" -eq 69 ] || [ "$status" -eq 80 ] || exits 85
    refused "$status" module
}
