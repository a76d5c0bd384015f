# process.bash: what process.bats and liar.bats share. A case is one run of ensign sign with quirk.so, in a directory
# and a session of its own, so that many run at a time; what is wrong with one is a line of $WRONG.
# shellcheck shell=bash disable=SC2154,SC2034,SC2153

QUIRK=$ROOT/build/$VARIANT/tests/hsm/quirk.so
HELPER=${ENSIGN%/*}/ensign-token
JOBS=${ENSIGN_JOBS:-2}

# Of a run of sign: up to the answer to OPEN, up to the signature, and what closes.
OPENING='load C_Initialize'
WORKING='C_GetSlotList C_OpenSession C_Login C_FindObjects C_GetAttributeValue C_Sign'
CLOSING='C_Logout C_Finalize unload'

process_setup_file() {
    token ensign
    cd "$BATS_FILE_TMPDIR" || return
    test_key one one.pem
    import one.pem release 01
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata expected.sig
    (umask 077 && echo 000000 >wrong)
}

begin() {
    [ -r "$QUIRK" ] || fail "$QUIRK is not there: run make tests-build first"
    [ -x "$HELPER" ] || fail "$HELPER is not there: run make first"
    PINFILE=$BATS_FILE_TMPDIR/pin
    WRONG=$BATS_TEST_TMPDIR/wrong
    : >"$WRONG"
}

# wrong TEXT: of the case that is under way.
wrong() {
    echo "$quirk: $1: $(grep -a '^ensign: ' stderr | grep -av '^ensign: module: ' | head -2 | cut -c1-300 |
        tr '\n' '|' | cat -v)" >>"$WRONG"
}

# in_background COMMAND...: at most $JOBS (or $AT_ONCE) at a time.
in_background() {
    while [ "$(jobs -rp | wc -l)" -ge "${AT_ONCE:-$JOBS}" ]; do
        wait -n || true
    done
    "$@" 3>&- &
}

# all_good: waits for every case, and fails with what is wrong.
all_good() {
    wait
    [ ! -s "$WRONG" ] || fail "$(wc -l <"$WRONG") wrong:" "$(LC_ALL=C sort "$WRONG")"
}

# in_session ARG...: ensign in a session of its own, whose number is $session. Leaves $status.
in_session() {
    status=0
    setsid --wait sh -c 'echo $$ >"$0"; exec "$@"' "$dir.session" \
        timeout -k 5 "${LIMIT:-50}" "$ENSIGN" "$@" <"${STDIN:-/dev/null}" >stdout 2>stderr 3>&- || status=$?
    session=$(cat "$dir.session")
}

# gone: nothing of the session lives; it may take a moment. (A quirk's own children are ended first.)
gone() {
    local pid
    if [ -e "$dir.log.pids" ]; then
        while read -r pid; do
            kill -9 "$pid" || true
        done <"$dir.log.pids" 2>"$dir.err"
    fi
    for _ in {1..1500}; do
        pgrep -s "$session" >"$dir.left" || return 0
        sleep 0.05
    done
    return 1
}

# new_case QUIRK: an empty directory for it.
new_case() {
    quirk=$1
    dir=$(mktemp -d "${PLACE:-$BATS_TEST_TMPDIR}/run.XXXXXX")
    cd "$dir" || return
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    chmod 755 .
    : >"$dir.log"
    if [ -n "${PLACE-}" ]; then
        chown nobody . "$dir.log"
    fi
    export ENSIGN_QUIRK=$quirk ENSIGN_QUIRK_LOG=$dir.log
}

# quirk QUIRK STATUS WORDS good|none [OPTION...]: sign with it. WORDS is what the error line says (or, with status 0,
# the one warning; empty: there is none), and good or none is the output.
quirk() {
    local quirk dir status session want=$2 words=$3 result=$4
    new_case "$1"
    shift 4
    in_session sign --quiet --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" --yes --transcript t \
        -o out "$@" s.signdata
    judge
}

judge() {
    gone || wrong "left behind: $(tr '\n' ' ' <"$dir.left")"
    [[ " $want " = *" $status "* ]] || { wrong "exit status $status, must be $want" && return; }
    [ ! -s stdout ] || wrong "stdout is not empty"
    plain stderr 2>"$dir.err" || wrong "stderr holds control characters"
    judge_words
    judge_output
    judge_record
}

judge_words() {
    local line kind='^ensign: '
    [ "$status" -ne 0 ] || kind='^ensign: warning: '
    line=$(grep -a "$kind" stderr | grep -av '^ensign: module: ' | grep -av '^ensign: warning: DEBUG') || true
    [ "$status" -eq 0 ] || line=$(grep -v '^ensign: warning: ' <<<"$line") || true
    if [ -z "$words" ]; then
        [ -z "$line" ] || wrong "a word too many"
        return
    fi
    [ "$(grep -c . <<<"$line")" -eq 1 ] || wrong "not one line"
    grep -Eq -- "$words" <<<"$line" || wrong "the line does not say /$words/"
}

judge_output() {
    if [ "$result" = good ]; then
        cmp -s out "$BATS_FILE_TMPDIR/expected.sig" || wrong "the output is not the signature"
        [ "$(stat -c %a out 2>/dev/null)" = 644 ] || wrong "the output's mode is not 644"
    else
        [ ! -e out ] || wrong "there is an output"
    fi
    [ "$(find . -mindepth 1 | grep -cvxE '\./(s\.signdata|stdout|stderr|t|out)')" -eq 0 ] ||
        wrong "files that nobody asked for"
}

# A record that says it, and no open intent.
judge_record() {
    [ -s t ] || { wrong "no record" && return; }
    [ "$(stat -c %a t)" = 600 ] || wrong "the record's mode is not 600"
    "$ENSIGN" transcript t >record 2>&1 || wrong "the record is not good, or an intent is open"
    rm -f record
    [ "$(tac t | sed -n 's/^exit: //p' | head -1)" = "$status" ] || wrong "the record does not end with $status"
    [ "$status" -eq 0 ] || grep -Eq -- "^error: .*(${words})" t || wrong "the record does not say it"
}

# says_name CALL: as it stands in an error.
says_name() {
    case $1 in
    load) echo dlopen ;;
    C_Initialize) echo 'C_Initialize( or C_GetInfo)?' ;; # libp11 calls both in one step
    unload) echo '(dlclose|exit)' ;;
    *) echo "$1" ;;
    esac
}

# at_each "CALL..." WHAT STATUS WORDS good|none [OPTION...]: that quirk at each of them, which WORDS name as CALL.
at_each() {
    local call
    for call in $1; do
        in_background quirk "$2@$call" "$3" "${4//CALL/$(says_name "$call")}" "${@:5}"
    done
}

# need_scope: a kernel that can keep signals and ptrace inside (Landlock, ABI 6: Linux 6.12).
need_scope() {
    local abi
    abi=$("$PYTHON" -c 'import ctypes; print(ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1))')
    [ "$abi" -ge 6 ] || skip "Landlock of this kernel has ABI $abi, scopes need 6"
}

# as_nobody: from here on a user without any right runs the programs, copies of them beside a token of its own.
as_nobody() {
    PLACE=$(mktemp -d /tmp/ensign-nobody.XXXXXX)
    cp "$ENSIGN" "$HELPER" "$QUIRK" "$PLACE"
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_FILE_TMPDIR/pin" "$PLACE"
    sed "s|tokendir = .*|tokendir = $PLACE/tokens|" "$BATS_FILE_TMPDIR/softhsm2.conf" >"$PLACE/conf"
    export SOFTHSM2_CONF=$PLACE/conf
    QUIRK=$PLACE/quirk.so PINFILE=$PLACE/pin
    chown -R nobody "$PLACE"
    printf '#!/bin/sh\nexec setpriv --reuid=nobody --regid=nogroup --clear-groups "%s" "$@"\n' "$PLACE/ensign" \
        >"$PLACE/as-nobody"
    chmod 755 "$PLACE" "$PLACE/as-nobody"
    ENSIGN=$PLACE/as-nobody
}

teardown() {
    [ -z "${PLACE-}" ] || rm -rf "$PLACE"
}
