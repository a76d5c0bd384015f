#!/usr/bin/env bats
# Every call of a module can fail, hang or be interrupted. For sign, keygen, keys and pubkey: the calls of a
# good run are recorded, then the same run is repeated once for each of them, and that one call fails.
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

# fresh_token: a copy, because keygen changes it.
fresh_token() {
    rm -rf "$BATS_TEST_TMPDIR/tokens"
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/tokens"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/tokens|" "$BATS_FILE_TMPDIR/softhsm2.conf" \
        >"$BATS_TEST_TMPDIR/conf"
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf
}

private_keys() {
    ENSIGN_FAULT_LOG='' pkcs11-tool --module "$SOFTHSM" --token-label ensign --login --pin "$PIN" -O \
        --type privkey 2>/dev/null | grep -c '^Private Key'
}

# run_command sign|keygen|keys|pubkey
run_command() {
    rm -f result
    case $1 in
    sign) tok sign --key "$TOKEN;object=release" --yes -o result s.signdata ;;
    keygen) fresh_token && tok keygen --token "$TOKEN" --label fresh --pubkey result ;;
    keys) tok keys --token "$TOKEN" ;;
    pubkey) tok pubkey --key "$TOKEN;object=release" -o result ;;
    esac
}

# each_call COMMAND: "C_NAME=RV@N" for every call of a good run, with CKR_DEVICE_ERROR, CKR_GENERAL_ERROR and
# CKR_SESSION_HANDLE_INVALID by turns; the functions of its end have a test of their own.
each_call() {
    FAULTS='' run_command "$1"
    ok
    grep -vxE 'C_DestroyObject|C_Logout|C_CloseSession|C_CloseAllSessions|C_Finalize|C_GetFunctionList' "$FAULT_LOG" |
        awk 'BEGIN { split("0x30 0x5 0xB3", rv) }
            { n[$1]++; print $1 "=" rv[NR % 3 + 1] "@" n[$1] }' >"$BATS_TEST_TMPDIR/faults"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/faults")" -ge 10 ]
}

# fails_cleanly COMMAND FAULT: one error line that names the call, one of the exit codes for tokens, no file,
# everything closed.
fails_cleanly() {
    local name=${2##*,}
    FAULTS=$2 run_command "$1"
    case $status in
    69 | 80 | 82 | 83 | 85 | 86) ;;
    *) fail "$2: exit status $status" ;;
    esac
    [ "$(errors | wc -l)" -eq 1 ] || fail "$2: not one error line"
    # libp11 asks for C_GetFunctionList and C_GetInfo too, and does not say which call failed.
    errors | grep -qE "${name%%=*}|C_Initialize|libp11" || fail "$2: the error does not name the call"
    [ ! -e result ] || fail "$2: there is a result"
    # A session that could not be opened is tried once more, read-write; there is none to close.
    case $name in
    C_OpenSession=*) [ "$(calls C_OpenSession)" -le 2 ] || fail "$2: opened again and again" ;;
    *) [ "$(calls C_OpenSession)" -le "$(($(calls C_CloseSession) + 1))" ] || fail "$2: a session stays open" ;;
    esac
    [ "$(calls C_Login)" -le 1 ] || fail "$2: a second login"
}

# harmless COMMAND FAULT: what ensign does not depend on.
harmless() {
    case $1/$2 in
    # An id that cannot be changed stays the random one; what is said of slots and tokens is read again, since
    # another process may be writing the token; a session that is refused is opened read-write.
    keygen/C_SetAttributeValue=* | */C_GetSlotInfo=* | */C_GetTokenInfo=* | */C_OpenSession=*@1) return 0 ;;
    esac
    return 1
}

every_call_fails_cleanly() {
    local fault
    begin
    each_call "$1"
    while read -r fault; do
        if harmless "$1" "$fault"; then
            FAULTS=$fault run_command "$1"
            ok
        else
            fails_cleanly "$1" "$fault"
        fi
    done <"$BATS_TEST_TMPDIR/faults"
}

@test "sign: each call in turn fails, and never hangs or signs" {
    every_call_fails_cleanly sign
}

@test "pubkey: each call in turn fails, and nothing is written" {
    every_call_fails_cleanly pubkey
}

@test "keys: each call in turn fails" {
    every_call_fails_cleanly keys
}

@test "keygen: each call in turn fails, and no key is left behind" {
    local fault
    begin
    each_call keygen
    while read -r fault; do
        if harmless keygen "$fault"; then
            FAULTS=$fault run_command keygen
            ok
            continue
        fi
        # A small key is made sooner, and is refused at its test signature, which is the last call.
        fails_cleanly keygen "weakkey,$fault"
        [ "$(private_keys)" -eq 1 ] || fail "$fault: a key is left behind"
    done <"$BATS_TEST_TMPDIR/faults"
}

@test "a function that always fails, in a way of the vendor's own: every command ends" {
    local name command
    begin
    for name in C_Initialize C_GetFunctionList C_GetInfo C_GetSlotList C_GetSlotInfo C_GetTokenInfo \
        C_OpenSession C_Login C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_GetAttributeValue; do
        for command in sign pubkey keys; do
            fails_cleanly "$command" "$name=0x80000001"
        done
    done
}

@test "closing cannot fail: what was signed is there, and the exit status is 0" {
    local name
    begin
    for name in C_Logout C_CloseSession C_CloseAllSessions C_Finalize; do
        FAULTS=$name=0x30 run_command sign
        ok
        same result "$BATS_FILE_TMPDIR/expected.sig"
    done
}

@test "a call that hangs is named and ended after --hsm-timeout" {
    local name
    begin
    for name in C_Initialize C_GetInfo C_GetSlotList C_OpenSession C_Login C_FindObjects C_SignInit C_Sign; do
        FAULTS=delay=$name:60000 LIMIT=50 tok sign --key "$TOKEN;object=release" --yes --hsm-timeout 1 \
            -o result s.signdata
        refused 85 "$name" '--hsm-timeout'
        called "$name" 1
    done
}

# interrupted SIGNAL CALL COMMAND...: the signal comes while the module is in CALL, which takes its time.
interrupted() {
    local signal=$1 call=$2 pid
    shift 2
    : >"$FAULT_LOG"
    OUT=$BATS_TEST_TMPDIR/stdout
    ERR=$BATS_TEST_TMPDIR/stderr
    before=$(picture)
    ENSIGN_FAULT=delay=$call:4000 timeout --foreground 20 setsid "$ENSIGN" "$1" --module "$FAULT" \
        --pin-source "file:$PINFILE" "${@:2}" </dev/null >"$OUT" 2>"$ERR" 3>&- &
    pid=$!
    for _ in {1..1500}; do
        [ "$(calls "$call")" -eq 0 ] || break
        sleep 0.02
    done
    kill "-$signal" "$(pgrep -P "$pid")"
    status=0
    wait "$pid" || status=$?
    tell "$@"
    refused "$([ "$signal" = TERM ] && echo 143 || echo 130)" interrupted
    called C_CloseSession "$(calls C_OpenSession)"
    called C_Finalize 1
}

@test "interrupted while the token signs: 130 or 143, nothing is written, and the session is closed" {
    local signal
    begin
    for signal in INT TERM; do
        interrupted "$signal" C_Sign sign --key "$TOKEN;object=release" --yes -o result s.signdata
        called C_Sign 1
        called C_Logout 1
    done
}

@test "interrupted in a batch: what was finished before stays" {
    begin
    mkdir out
    FAULTS=failat=3:0x30 batch
    exits 85
    interrupted INT C_Sign sign --key "$TOKEN;object=release" --yes --out-dir out \
        "$BATS_FILE_TMPDIR"/f??.signdata
    called C_Sign 1
    batch
    ok
    called C_Sign 18
    batch_is_complete
}

@test "interrupted while the token logs in or searches: 130, and the session is closed" {
    begin
    interrupted INT C_Login sign --key "$TOKEN;object=release" --yes -o result s.signdata
    called C_SignInit 0
    interrupted INT C_FindObjects pubkey --key "$TOKEN;object=release" -o result
}

@test "interrupted while the token makes a key: 130, and the key is not left behind" {
    begin
    fresh_token
    interrupted INT C_GenerateKeyPair keygen --token "$TOKEN" --label fresh --pubkey result
    called C_DestroyObject 2
    [ "$(private_keys)" -eq 1 ]
}

@test "a reader that goes away is not a death by SIGPIPE" {
    begin
    : >"$FAULT_LOG"
    # The reader has ended before ensign has anything to write.
    (
        code=0
        "$ENSIGN" sign --module "$FAULT" --pin-source "file:$PINFILE" --key "$TOKEN;object=release" --yes \
            -o - s.signdata 2>err || code=$?
        echo "$code" >code
    ) 3>&- | true
    for _ in {1..1500}; do
        [ ! -s code ] || break
        sleep 0.05
    done
    [ "$(cat code)" = 74 ] || fail "exit status $(cat code)"
    [ "$(grep -c '^ensign: ' err)" -ge 1 ]
    called C_Finalize 1
}
