#!/usr/bin/env bats
# The module is code of somebody else, in a process of its own: whatever it does there, ensign says in one line, writes
# no result that is not right, keeps its record, and leaves no process behind. quirk.c does it, process.bash judges.

# shellcheck disable=SC2034,SC2153

load ../cli/helpers
load process

setup_file() {
    process_setup_file
}

@test "a module that ends its process: 69 while it is opened, 85 later, and the status and the call are named" {
    local what words
    begin
    while read -r what words; do
        # In a constructor a thread that ends the process waits for the lock that dlopen holds.
        [ "$what" = thread_exit ] || at_each load "$what" 69 "ended its process $words in CALL" none
        at_each C_Initialize "$what" 69 "ended its process $words in CALL" none
        at_each "$WORKING" "$what" 85 "ended its process $words in CALL" none
    done <<'END'
exit with exit status 0
_exit with exit status 0
quick_exit with exit status 0
thread_exit with exit status 0
exec with exit status 0
exit3 with exit status 3
_exit130 with exit status 130
abort by signal 6 \(ABRT\)
segv by signal 11 \(SEGV\)
kill by signal 9 \(KILL\)
END
    all_good
}

@test "a module that ends its process when the work is done: a warning, and the result is there" {
    local what words
    begin
    while read -r what words; do
        at_each 'C_Logout C_CloseSession C_Finalize' "$what" 0 "ended its process $words in CALL" good
    done <<'END'
exit with exit status 0
_exit with exit status 0
quick_exit with exit status 0
thread_exit with exit status 0
exec with exit status 0
exit3 with exit status 3
abort by signal 6 \(ABRT\)
segv by signal 11 \(SEGV\)
kill by signal 9 \(KILL\)
END
    at_each unload segv 0 'by signal 11 \(SEGV\)' good
    at_each unload abort 0 'by signal 6 \(ABRT\)' good
    at_each unload _exit 0 '' good
    all_good
}

@test "a module that does not come back is ended after --hsm-timeout, and the call is named" {
    local what
    begin
    AT_ONCE=8
    for what in hang stop; do
        at_each "$OPENING $WORKING" "$what" 85 'does not answer: CALL took more than 1 s' none --hsm-timeout 1
        at_each "C_Logout C_Finalize" "$what" 0 'CALL' good --hsm-timeout 1
    done
    AT_ONCE=2
    at_each 'C_Initialize C_Sign' spin 85 'does not answer: CALL took more than 1 s' none --hsm-timeout 1
    all_good
}

@test "a module that writes into the page that names its calls deceives nobody for long" {
    begin
    AT_ONCE=4
    at_each 'C_Initialize C_Login C_Sign' pagegarbage 85 'does not answer' none --hsm-timeout 1
    at_each 'C_Initialize C_Login C_Sign' pagemoves 85 'does not answer' none --hsm-timeout 1
    at_each 'C_Initialize C_Login C_Sign' pagezero 85 'does not answer' none --hsm-timeout 1
    all_good
    # It counts signatures, too: the record holds no more of them than were asked for, and the call that hung.
    [ "$(cat "$BATS_TEST_TMPDIR"/run.*/t | grep -c '^calls: ')" -eq 3 ]
    not grep -hEv "^calls: 1 [01]$" <(grep -h "^calls: " "$BATS_TEST_TMPDIR"/run.*/t)
}

@test "a module that makes the page forget a signature does not break the record of it" {
    begin
    for call in C_Login C_Sign C_Logout; do
        quirk "pageforget@$call" 0 '' good
        grep -q '^calls: 1 1$' t
    done
    all_good
}

# printed QUIRK REGEX: what it prints is on stderr as REGEX says, and nowhere else.
printed() {
    local quirk dir status session want=0 words='' result=good
    new_case "$1"
    in_session sign --quiet --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" --yes --transcript t \
        -o out s.signdata
    judge
    grep -aEq "$2" stderr || wrong "what it printed is not shown"
    [ "$(stat -c %s stderr)" -lt 20000 ] || wrong "too much is shown"
    not grep -aq 'vendor driver' t 2>"$dir.err" || wrong "the record repeats it"
    rm out t
    in_session sign --quiet --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" --yes s.signdata
    [ "$status" -eq 0 ] || wrong "exit status $status, with the signature on stdout"
    cmp -s stdout "$BATS_FILE_TMPDIR/expected.sig" || wrong "the signature on stdout is not good"
}

@test "what a module prints stands on stderr as its own words, never in the result or the record" {
    local call
    begin
    for call in $OPENING $WORKING $CLOSING; do
        in_background printed "stdout@$call" '^ensign: module: vendor driver 7\.1 ready$'
        in_background printed "stderr@$call" '^ensign: module: vendor driver 7\.1 ready$'
        in_background printed "part@$call" '^ensign: module: vendor driver 7\.1 ready'
    done
    for call in C_Initialize C_Sign C_Finalize; do
        in_background printed "stdio@$call" '^ensign: module: vendor driver 7\.1 ready$'
        # Nothing of it can be taken for a line of ensign's own.
        in_background printed "control@$call" '^ensign: module: ensign: out: 384 bytes, signed, verified\.$'
        in_background printed "flood@$call" '^ensign: module: .*(8[0-9]{7}|more bytes|bytes more)'
    done
    all_good
}

@test "a module may fork, start threads and leave a daemon that keeps every descriptor: nobody waits for those" {
    local what
    begin
    for what in fork zombie forkkeeps daemon; do
        LIMIT=50 at_each "$OPENING $WORKING $CLOSING" "$what" 0 '' good
    done
    # Of one that starts while the module is closed, the code may be gone before it runs.
    LIMIT=50 at_each "$OPENING $WORKING" thread 0 '' good
    all_good
}

@test "the same on a kernel that gives no descriptor for a process: its end is found without one, whoever keeps the socket" {
    [ "$VARIANT" != asan ] || skip "the sanitizer's library must come first"
    begin
    printf '#include <errno.h>\nint pidfd_open(int p, unsigned f) { (void)p; (void)f; errno = ENOSYS; return -1; }\n' |
        cc -shared -fPIC -o none.so -xc -
    export LD_PRELOAD=$PWD/none.so
    quirk daemon@C_OpenSession,_exit@C_Sign 85 'ended its process with exit status 0 in C_Sign' none --hsm-timeout 20
    quirk none 0 '' good
    all_good
}

@test "what a module changes in its process changes nothing for ensign: directory, umask, locale, signals" {
    local all=chdir@CALL,umask0@CALL,locale@CALL,tz@CALL,environ@CALL,session@CALL,close0@CALL
    local call
    begin
    for call in $OPENING $WORKING $CLOSING; do
        in_background quirk "${all//CALL/$call},handlers@$call,close1@$call,close2@$call" 0 '' good
    done
    at_each 'C_Initialize C_Sign' umask77 0 '' good
    at_each 'C_Initialize C_Sign' block 0 '' good
    at_each 'C_Initialize C_Sign' handlers 0 '' good
    all_good
}

@test "a module that takes the helper's connection, or writes into it" {
    local what
    begin
    for what in closefrom0 closefrom3 shutdown execsleep; do
        at_each "$OPENING" "$what" 69 'lost the connection' none
        at_each "$WORKING" "$what" 85 'lost the connection' none
    done
    for what in garbage garbagelong garbageflood pass; do
        at_each "$OPENING $WORKING" "$what" '69 85' 'an answer that does not fit' none
    done
    at_each "$OPENING $WORKING" garbageempty '69 85' 'CALL|connection|fit' none
    all_good
}

@test "a module that lies about its signature or its key gets nowhere" {
    local what
    begin
    for what in othersig zerosig shortsig longsig; do
        at_each C_Initialize "$what" 86 'signature' none
    done
    at_each C_Initialize modulus '82 85 86' . none
    all_good
}

# got_nowhere: there were attacks, and all that they have to show for it is EPERM, EACCES or ESRCH.
got_nowhere() {
    local came
    came=$(cat "${PLACE:-$BATS_TEST_TMPDIR}"/run.*.log | grep -E '^[a-z_]+: ' | sort -u)
    [ "$(wc -l <<<"$came")" -ge 14 ] || fail "there were few attacks:" "$came"
    not grep -vE ': (EPERM|EACCES|ESRCH)$' <<<"$came"
    # Each record says which walls held.
    [ "$(grep -L '^walls: signals,calls$' "${PLACE:-$BATS_TEST_TMPDIR}"/run.*/t | wc -l)" -eq 0 ]
}

@test "a module that attacks its parent gets nowhere, and ensign signs as ever" {
    local what
    begin
    need_scope
    for what in killparent termparent intparent stopparent killgroup ptrace memory descriptors prlimit; do
        at_each 'load C_Login C_Sign C_Finalize' "$what" 0 '' good
    done
    all_good
    got_nowhere
}

@test "the same as a user who is not root" {
    begin
    need_scope
    [ "$(id -u)" -eq 0 ] || skip "this test is not run as root: the one before was as a user"
    as_nobody
    for what in killparent termparent intparent stopparent killgroup ptrace memory descriptors prlimit; do
        at_each 'load C_Sign' "$what" 0 '' good
    done
    all_good
    got_nowhere
}

# ---- the other commands ----

@test "keys, pubkey and keygen say the same of a module that ends its process" {
    local call command
    begin
    for call in load C_Initialize C_GetSlotList C_OpenSession C_Login C_FindObjects C_GetAttributeValue; do
        for command in 'keys --require' 'pubkey -o out --key'; do
            in_background other_command "_exit@$call" "$command" "$call"
        done
    done
    for call in C_GenerateKeyPair C_Login load; do
        in_background other_command "_exit@$call" 'keygen --label new --pubkey out --token' "$call"
    done
    for call in C_GenerateKeyPair C_DecryptInit C_Decrypt; do
        in_background other_command "_exit@$call" "quorum enroll --name Holder --label $call --output out --token" "$call"
    done
    all_good
}

other_command() {
    local quirk dir status session want=85 words result=none
    new_case "$1"
    [[ " $OPENING " != *" $3 "* ]] || want=69
    words="ended its process with exit status 0 in $(says_name "$3")"
    # shellcheck disable=SC2086  # words
    in_session $2 "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE"
    gone || wrong "left behind"
    [ "$status" -eq "$want" ] || wrong "exit status $status, must be $want"
    [ ! -s stdout ] || wrong "stdout is not empty"
    judge_words
    judge_output
}

# ---- signals ----

# started QUIRK CALL [OPTION...]: sign in a session of its own, in the background, until the module is in CALL. $pid is
# ensign's, and the session's number.
started() {
    local call=$2
    new_case "$1"
    shift 2
    setsid sh -c 'echo $$ >"$0.new" && mv "$0.new" "$0" && exec "$@"' "$dir.session" "$ENSIGN" sign --quiet \
        --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" --yes --transcript t -o out "$@" s.signdata \
        </dev/null >stdout 2>stderr 3>&- &
    waiter=$!
    for _ in {1..1500}; do
        ! grep -qsx "$call" "$dir.log" || break
        sleep 0.05
    done
    grep -qx "$call" "$dir.log" || fail "the module was never in $call" "$(cat stderr)"
    session=$(cat "$dir.session") pid=$session
}

# The other process of the session.
helper_pid() {
    pgrep -s "$session" | grep -vx "$pid"
}

ended() {
    status=0
    wait "$waiter" || status=$?
}

# on_terminal QUIRK: for tty_ens.
on_terminal() {
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    export ENSIGN_QUIRK=$1 ENSIGN_QUIRK_LOG=$BATS_TEST_TMPDIR/log
}

@test "Ctrl-C while the module signs: ensign waits for it, uses nothing of it, closes the session, and says 130" {
    begin
    on_terminal stderr@C_Sign,sleep@C_Sign
    tty_ens 'module: vendor driver' ^C -- sign --quiet --key "$RELEASE" --module "$QUIRK" \
        --pin-source "file:$PINFILE" --yes --transcript t -o out s.signdata
    [ "$status" -eq 130 ] || fail "exit status $status" "$(cat -v "$OUT")"
    grep -q 'interrupted' "$OUT"
    [ ! -e out ]
    tail -n 4 "$ENSIGN_QUIRK_LOG" | grep -qx C_Logout || fail "$(cat "$ENSIGN_QUIRK_LOG")"
    grep -qx C_Finalize "$ENSIGN_QUIRK_LOG"
    ens transcript t
    ok
    [ "$(sed -n 's/^exit: //p' t)" = 130 ]
}

@test "Ctrl-C while the module signs, with handlers of its own: the same, whoever ends first" {
    begin
    on_terminal handlers@C_Initialize,stderr@C_Sign,sleep@C_Sign
    tty_ens 'module: vendor driver' ^C -- sign --quiet --key "$RELEASE" --module "$QUIRK" \
        --pin-source "file:$PINFILE" --yes --transcript t -o out s.signdata
    [[ $status = 130 || $status = 85 ]] || fail "exit status $status" "$(cat -v "$OUT")"
    [ ! -e out ]
    ens transcript t
    ok
}

@test "a second Ctrl-C ends ensign at once, and the helper with it" {
    local dir quirk session pid waiter
    begin
    # The call is over long after the test's own limit: what ends ensign is the second of these, or no one.
    ENSIGN_QUIRK_SECONDS=600 started sleep@C_Sign C_Sign
    for _ in {1..1500}; do
        kill -INT "$pid" 2>/dev/null || break
        sleep 0.05
    done
    ! kill -INT "$pid" 2>/dev/null || fail "many Ctrl-C have not ended it"
    ended
    [ "$status" -eq 130 ] || fail "exit status $status"
    gone || fail "left behind: $(cat "$dir.left")"
    [ ! -e out ]
}

@test "SIGKILL of ensign while the module signs: the helper goes with it, and the next run says that an intent is open" {
    local dir quirk session pid waiter what
    begin
    for what in sleep block,sleep session,sleep handlers,sleep; do
        ENSIGN_QUIRK_SECONDS=60 started "${what//,/@C_Sign,}@C_Sign" C_Sign
        helper=$(helper_pid) || true
        [ -n "$helper" ] || [[ $what = session* ]]
        kill -KILL "$pid"
        ended
        [ "$status" -eq 137 ]
        gone || fail "$what: left behind: $(cat "$dir.left")"
        for _ in {1..1500}; do
            [ -n "$helper" ] || break
            [ -d "/proc/$helper" ] || break
            sleep 0.05
        done
        [ -z "$helper" ] || [ ! -d "/proc/$helper" ] || fail "$what: the helper lives"
        [ ! -e out ]
        not "$ENSIGN" transcript t >said 2>&1
        grep -qi 'intent' said
    done
}

@test "the helper that is killed from outside: 85, and the record says it" {
    local dir quirk session pid waiter want=85 words='by signal 9 \(KILL\) in C_Sign' result=none
    begin
    ENSIGN_QUIRK_SECONDS=60 started sleep@C_Sign C_Sign
    kill -KILL "$(helper_pid)"
    ended
    judge
    all_good
}

@test "ensign that is stopped at the terminal goes on where it was, whatever the time" {
    local dir quirk session pid waiter want=0 words='' result=good
    begin
    ENSIGN_QUIRK_SECONDS=1 started sleep@C_Sign C_Sign --hsm-timeout 3
    kill -STOP "$pid"
    sleep 4
    kill -CONT "$pid"
    ended
    judge
    all_good
}

# ---- the helper itself ----

# with_helper: ensign alone in a directory of its own, $BIN; what is put there as ensign-token is its helper.
with_helper() {
    BIN=$BATS_TEST_TMPDIR/bin
    mkdir -p "$BIN"
    cp "$ENSIGN" "$BIN"
    ENSIGN=$BIN/ensign
}

@test "whoever started ensign may ignore or block signals" {
    local quirk dir
    begin
    printf '#!/bin/sh\ntrap "" CHLD PIPE INT HUP TERM USR1\nexec "%s" "$@"\n' "$ENSIGN" >"$BATS_TEST_TMPDIR/deaf"
    chmod 755 "$BATS_TEST_TMPDIR/deaf"
    ENSIGN=$BATS_TEST_TMPDIR/deaf
    quirk '' 0 '' good
    quirk _exit@C_Sign 85 'ended its process with exit status 0 in C_Sign|ended its process' none
    quirk segv@C_Finalize 0 'ended its process' good
    quirk hang@C_Sign 85 'does not answer: C_Sign' none --hsm-timeout 1
    all_good
}

# One that starts, and says nothing: this takes half a minute.
no_greeting() {
    local BIN=$BATS_TEST_TMPDIR/bin-silent ENSIGN=$BATS_TEST_TMPDIR/bin-silent/ensign
    mkdir "$BIN"
    cp "$BATS_TEST_TMPDIR/bin/ensign" "$BIN"
    printf '#!/bin/sh\nexec sleep 100\n' >"$BIN/ensign-token"
    chmod 755 "$BIN/ensign-token"
    quirk sleeps '69 71' 'ensign-token' none
}

@test "a helper that is missing, of another kind, or that others can write: its path, and the module is not blamed" {
    local quirk dir real=$HELPER
    begin
    with_helper
    quirk missing 71 "$BIN/ensign-token|ensign/ensign-token.*install ensign completely" none
    cp /bin/cat "$BIN/ensign-token"
    quirk cat '69 71' 'ensign-token' none
    cp /bin/true "$BIN/ensign-token"
    quirk true '69 71' 'ensign-token' none
    in_background no_greeting
    printf '#!/bin/sh\n' >"$BIN/ensign-token"
    chmod 755 "$BIN/ensign-token"
    quirk silent '69 71' 'ensign-token' none
    printf '#!/bin/sh\necho hello >&3\n' >"$BIN/ensign-token"
    quirk greets '69 71' 'ensign-token' none
    echo text >"$BIN/ensign-token"
    quirk text '69 71' 'ensign-token' none
    chmod 644 "$BIN/ensign-token"
    quirk mode '69 71' 'ensign-token' none
    rm "$BIN/ensign-token"
    mkdir "$BIN/ensign-token"
    quirk directory '69 71' 'ensign-token' none
    rmdir "$BIN/ensign-token"
    cp "$real" "$BIN/ensign-token"
    quirk good 0 '' good
    chmod 757 "$BIN/ensign-token"
    quirk writable '69 71' 'ensign-token' none
    chmod 755 "$BIN/ensign-token"
    chmod 777 "$BIN"
    quirk directory-writable '69 71' 'ensign-token' none
    chmod 755 "$BIN"
    if [ "$(id -u)" -eq 0 ]; then
        chown nobody "$BIN/ensign-token"
        quirk owner '69 71' 'ensign-token' none
    fi
    not grep -il 'the module' "$BATS_TEST_TMPDIR"/run.*/stderr
    all_good
}

@test "no option, PATH or environment names another helper" {
    local quirk dir
    begin
    mkdir fake
    printf '#!/bin/sh\ntouch "%s"\n' "$BATS_TEST_TMPDIR/called" >fake/ensign-token
    chmod 755 fake/ensign-token
    cp fake/ensign-token ensign-token
    export ENSIGN_TOKEN_HELPER=$PWD/fake/ensign-token ENSIGN_HELPER=$PWD/fake/ensign-token
    PATH=$PWD/fake:$PATH quirk path 0 '' good
    [ ! -e "$BATS_TEST_TMPDIR/called" ]
    all_good
}

@test "ensign-token run by hand says what it is for, and loads nothing" {
    begin
    export ENSIGN_QUIRK_LOG=$BATS_TEST_TMPDIR/log
    for arguments in '' 1 "$$" --help "$QUIRK" "1 $QUIRK"; do
        status=0
        # shellcheck disable=SC2086
        timeout 20 "$HELPER" $arguments </dev/null >stdout 2>stderr 3>&- || status=$?
        case $status in
        0 | 124 | 1[3-9]? | 12[89] | 2??) fail "'$arguments': exit status $status" ;;
        esac
    done
    [ ! -e "$BATS_TEST_TMPDIR/log" ]
}

# ---- what each process has, and has not ----

@test "ensign imports no dlopen, and neither program has a symbol that it does not need" {
    local program
    begin
    [ "$VARIANT" = release ] || skip "sanitizers import what they like"
    for program in ensign ensign-offline; do
        not grep -E ' U (dlopen|dlmopen|dlsym|PKCS11_|C_)' <(nm -D "${ENSIGN%/*}/$program")
        not grep -E 'libp11|libdl' <(objdump -p "${ENSIGN%/*}/$program" | grep NEEDED)
    done
    not grep -E 'libzip|libjansson|libisal|libz\.' <(objdump -p "$HELPER" | grep NEEDED)
}

@test "the process with the terminal never opens the module, and parses nothing while it has the token's socket" {
    local dir quirk status session
    begin
    [ "$VARIANT" != asan ] || skip "a leak check cannot run under strace"
    new_case ''
    setsid --wait timeout 60 strace -f -qq -o "$dir.trace" -e trace=openat,open,execve,mmap,execveat \
        "$ENSIGN" sign --quiet --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" --yes -o out \
        s.signdata </dev/null >stdout 2>stderr 3>&-
    cmp out "$BATS_FILE_TMPDIR/expected.sig"
    "$PYTHON" - "$dir.trace" <<'PY'
import re, sys
lines = [re.match(r"(\d+) +(.*)", line).groups() for line in open(sys.argv[1])]
first = lines[0][0]
helpers = {pid for pid, call in lines if call.startswith("execve(") and "ensign-token" in call}
assert len(helpers) == 1 and first not in helpers, helpers
module = [(pid, call) for pid, call in lines if re.search(r"quirk\.so|libsofthsm", call) and call.startswith("open")]
assert any(pid in helpers for pid, call in module), module
# ensign reads the module's bytes for the record at most: it never maps it to run it.
mapped = [call for pid, call in lines if pid == first and call.startswith("mmap") and "PROT_EXEC" in call]
opened = [call for pid, call in module if pid == first]
assert not opened, opened
parsers = [call for pid, call in lines if pid in helpers and re.search(r"signdata|\.pem|libzip|jansson", call)]
assert not parsers, parsers
PY
}

@test "the helper has four descriptors, no way to new privileges, and neither it nor ensign can be dumped" {
    local dir quirk session pid waiter helper
    begin
    [ "$(id -u)" -eq 0 ] || skip "only root may look at processes that cannot be dumped"
    exec 9</dev/null
    ENSIGN_QUIRK_SECONDS=60 started sleep@C_Sign C_Sign
    helper=$(helper_pid)
    for n in 0 1 2 3; do
        [ -e "/proc/$helper/fd/$n" ] || fail "descriptor $n is not there"
    done
    [ "$(readlink "/proc/$helper/fd/0")" = /dev/null ]
    [[ $(readlink "/proc/$helper/fd/3") = socket:* ]]
    # What the module itself opens comes on top; nothing of ensign's is among it.
    not grep -E "$dir/|work|tty|$BATS_FILE_TMPDIR/pin" <(readlink "/proc/$helper"/fd/*)
    [ ! -e "/proc/$helper/fd/9" ]
    grep -q '^NoNewPrivs:	1$' "/proc/$helper/status"
    grep -q '^Max core file size *0 *0 ' "/proc/$helper/limits"
    for p in "$pid" "$helper"; do
        # What cannot be dumped belongs to root, whoever runs it; for root the link to its directory tells.
        [ "$(stat -c %u "/proc/$p/environ")" -eq 0 ]
    done
    [ "$(ps -o pgid= -p "$helper" | tr -d ' ')" = "$(ps -o pgid= -p "$pid" | tr -d ' ')" ]
    kill -KILL "$pid"
    ended
    gone
}

@test "while the module signs, the PIN is in the memory of neither process" {
    local dir quirk session pid waiter helper
    begin
    [ "$(id -u)" -eq 0 ] || skip "only root may read the memory of processes that cannot be dumped"
    [ "$VARIANT" != asan ] || skip "a sanitizer's memory is terabytes, and not the program's"
    own_pin
    ENSIGN_QUIRK_SECONDS=60 started sleep@C_Sign C_Sign
    helper=$(helper_pid)
    "$PYTHON" - "$OWN_PIN" "$pid" "$helper" <<'PY'
import re, sys
pin = sys.argv[1].encode()
assert len(pin) == 16
for pid in sys.argv[2:]:
    found, seen, control = [], 0, 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            start, end, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()
            if "r" not in rights or name.startswith(("[vvar", "[vsyscall")):
                continue
            mem.seek(int(start, 16))
            try:
                data = mem.read(int(end, 16) - int(start, 16))
            except OSError:
                continue
            seen += len(data)
            control += data.count(b"pkcs11:token=ensign")
            found += [f"{name or start}+{hit.start():#x}" for hit in re.finditer(re.escape(pin), data)]
    # The search works: what must be there is found.
    assert seen > 1 << 20 and (control or pid != sys.argv[2]), (pid, seen, control)
    assert not found, (pid, found)
PY
    kill -KILL "$pid"
    ended
    gone
}

# own_pin: another token, whose PIN is a word that stands nowhere else.
own_pin() {
    OWN_PIN=zebra-7391-quagga
    OWN_PIN=${OWN_PIN:0:16}
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/tokens"
    sed "s|tokendir = .*|tokendir = $BATS_TEST_TMPDIR/tokens|" "$BATS_FILE_TMPDIR/softhsm2.conf" \
        >"$BATS_TEST_TMPDIR/conf"
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/conf
    pkcs11-tool --module "$SOFTHSM" --token-label ensign --login --pin "$PIN" --change-pin --new-pin "$OWN_PIN" \
        >/dev/null
    PINFILE=$BATS_TEST_TMPDIR/pin
    (umask 077 && printf '%s\n' "$OWN_PIN" >"$PINFILE")
}

# ---- the terminal ----

@test "a module that asks the person itself gets its answer" {
    begin
    on_terminal ask@C_Login
    tty_ens 'wants a word: ' token -- sign --quiet --key "$RELEASE" --module "$QUIRK" \
        --pin-source "file:$PINFILE" --yes -o out s.signdata
    [ "$status" -eq 0 ] || fail "exit status $status" "$(cat -v "$OUT")"
    same out "$BATS_FILE_TMPDIR/expected.sig"
    grep -qx 'answer: done' "$ENSIGN_QUIRK_LOG"
}

@test "a module that types for the person does not answer the question" {
    begin
    on_terminal typelater@C_Login
    tty_ens 'Type yes to sign: ' no -- sign --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" \
        -o out s.signdata
    [ "$status" -eq 77 ] || fail "exit status $status" "$(cat -v "$OUT")"
    [ ! -e out ]
    grep -q '^type: E' "$ENSIGN_QUIRK_LOG"
    not grep -q '^type: done' "$ENSIGN_QUIRK_LOG"
}

@test "a module does not take the keyboard away from the question" {
    begin
    on_terminal keyboard@C_Login
    tty_ens 'Type yes to sign: ' yes -- sign --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" \
        -o out s.signdata
    [ "$status" -eq 0 ] || fail "exit status $status" "$(cat -v "$OUT")"
    grep -q '^keyboard: E' "$ENSIGN_QUIRK_LOG"
}

# ---- many sessions ----

batch_of() {
    local n
    for n in $(seq 1 "$1"); do
        sign_data "f$n.signdata" "$MRENCLAVE" "isvsvn=$n"
        pem_sign "$BATS_FILE_TMPDIR/one.pem" "f$n.signdata" "f$n.want"
    done
}

many() {
    LIMIT=60 ens sign --quiet --key "$RELEASE" --module "$QUIRK" --pin-source "file:$PINFILE" --yes --transcript t \
        --out-dir out "$@" f*.signdata
}

@test "a session that ends, hangs or lies while it signs: its item fails, what is finished stays, the record is closed" {
    local what n
    begin
    batch_of 12
    export ENSIGN_QUIRK_LOG=$BATS_TEST_TMPDIR/log ENSIGN_QUIRK_MS=20
    while read -r what code; do
        rm -rf out t "$ENSIGN_QUIRK_LOG"*
        mkdir out
        ENSIGN_QUIRK=$what many --sessions 4 --hsm-timeout 2
        [ "$status" -eq "$code" ] || fail "$what: exit status $status, must be $code" "$(cat "$ERR")"
        [ "$(errors | wc -l)" -eq 1 ] || fail "$what: not one line" "$(errors)"
        for n in $(seq 1 12); do
            [ ! -e "out/f$n.sig" ] || same "out/f$n.sig" "f$n.want"
        done
        ens transcript t
        [ "$status" -eq 0 ] || fail "$what: the record is not closed"
    done <<'END'
_exit@C_Sign#1 85
_exit@C_Sign#3 85
segv@C_Sign#4 85
hang@C_Sign#2 85
stop@C_Sign#1 85
othersig@C_Sign#2 86
shortsig@C_Sign#4 86
closefrom3@C_Sign#3 85
END
}

@test "a session that cannot be opened or does not log in: the run goes on with the others, and says so" {
    local what n
    begin
    batch_of 8
    export ENSIGN_QUIRK_LOG=$BATS_TEST_TMPDIR/log ENSIGN_QUIRK_MS=20
    for what in _exit@load#2 _exit@C_Initialize#3 segv@C_OpenSession#2 _exit@C_Login#4 hang@C_Login#2; do
        rm -rf out t "$ENSIGN_QUIRK_LOG"*
        mkdir out
        ENSIGN_QUIRK=$what many --sessions 4 --hsm-timeout 2
        [ "$status" -eq 0 ] || fail "$what: exit status $status" "$(cat "$ERR")"
        grep -Eq '[0-3] of 4 sessions' "$ERR" || fail "$what: nothing is said" "$(cat "$ERR")"
        for n in $(seq 1 8); do
            same "out/f$n.sig" "f$n.want"
        done
    done
}
