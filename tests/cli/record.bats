#!/usr/bin/env bats
# What sign, resign, keygen and pubkey --x509 leave in a transcript, however they end, and what the next run says:
# killed at each step, a full disk, a wrong PIN, an interrupt, closed descriptors, a policy that refuses. No record
# holds a PIN. The format itself is in transcript.bats.

load helpers

fixtures() {
    signing_host
    enclave own-copy.sgxs
    sign_data good.signdata "$MRENCLAVE"
    sign_data other.signdata "$MRENCLAVE" isvsvn=2
    pem_sign one.pem good.signdata expected.sig
}

begin() {
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" app.signdata
    cp "$BATS_FILE_TMPDIR/other.signdata" app2.signdata
    EXPECTED=$BATS_FILE_TMPDIR/expected.sig
    PINFILE=$BATS_FILE_TMPDIR/pin
    export ENSIGN_FAULT_MODULE=$SOFTHSM ENSIGN_FAULT_LOG=$BATS_TEST_TMPDIR/calls
    : >"$ENSIGN_FAULT_LOG"
    FAULT_LOG=$ENSIGN_FAULT_LOG
}

chain() {
    "$PYTHON" "$INTEROP/transcript.py" "$@"
}

# kinds FILE: of its records, "begin intent outcome:0".
kinds() {
    chain check "$1" >/dev/null || fail "the second implementation refuses $1"
    "$ENSIGN" transcript --json "$1" | "$PYTHON" -c '
import json, sys
print(" ".join(r["kind"] + ("" if r["exit"] is None else ":%d" % r["exit"]) for r in json.load(sys.stdin)["records"]))'
}

kinds_are() {
    [ "$(kinds t)" = "$1" ] || fail "the records are: $(kinds t); must be: $1" "$(cat t)"
}

has() {
    grep -Eq -- "$1" t || fail "no line of t is like /$1/" "$(cat t)"
}

recorded() { # ARG...: sign with a transcript
    sign --transcript t -o app.sig "$@" app.signdata
}

# What every run adds is the same whatever it follows.
goes_on() {
    local so_far
    so_far=$(kinds t)
    sign --transcript t -o after.sig app.signdata
    exits 0
    kinds_are "$so_far intent outcome:0"
    same after.sig "$EXPECTED"
    rm after.sig
}

# ---- what is recorded ----

@test "B7: sign: who, where, what, with which key, and what became of it" {
    begin
    recorded --note 'operator: A. Adams; witness: W. West'
    ok
    kinds_are 'begin intent outcome:0'
    mode_is t 600
    has "^program: ensign [0-9.]+ ([0-9a-f]{12}|\\\\x2d) $(sha256 "$ENSIGN")\$"
    has "^host: $(hostname)\$"
    has "^uid: $(id -u)\$"
    has "^directory: $(pwd)\$"
    has '^command: sign --key --module --pin-source --yes --transcript --output --note$'
    has '^note: operator: A\. Adams; witness: W\. West$'
    has "^fields: 1 VENDOR=00000000 DATE=20240229 .*ENCLAVEHASH=$MRENCLAVE .*ISVSVN=0000\$"
    has "^module: $SOFTHSM $(sha256 "$SOFTHSM")\$"
    has '^pin-source: file$'
    has '^token: [0-9a-f]+ SoftHSM\\x20v2 SoftHSM\\x20project ensign$'
    has "^key: $(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub") 01 release\$"
    has '^claims: .*sensitive'
    has '^dangers: [a-z-]+$'
    has '^confirmation: option --yes$'
    has "^item: 1 sign-data $(sha256 app.signdata) app\\.signdata app\\.sig\$"
    has '^calls: 1 1$'
    has "^result: 1 written $(sha256 app.sig)\$"
    not grep -q "$PIN" t
    ens transcript t
    ok
}

@test "sign to stdout, blind, quiet, with module-args: as it was" {
    begin
    "$ENSIGN" sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes --transcript t app.signdata >out.sig
    same out.sig "$EXPECTED"
    has "^item: 1 sign-data $(sha256 app.signdata) app\\.signdata \\\\x2d\$"
    sha256sum app.signdata | xxd -r -p | head -c 32 >d
    ENSIGN_FAULT=wantargs=SECRETARG MODULE=$FAULT sign --transcript t --module-args SECRETARG --blind --quiet -o d.sig d
    exits 0
    has "^item: 1 digest $(sha256 app.signdata) d d\\.sig\$"
    has '^quiet: yes$'
    has '^module-args: given$'
    not grep -q SECRETARG t
    exec 7<"$PINFILE"
    ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source fd:7 --yes --transcript t -o e.sig app.signdata
    exits 0
    has '^pin-source: fd$'
    kinds_are 'begin intent outcome:0 intent outcome:0 intent outcome:0'
}

@test "every name is a word: blanks, escapes and line ends of a file name" {
    begin
    name=$'a b\\\e[2J\nsha256: x'
    cp app.signdata "$name"
    sign --transcript t -o '-x' "$name"
    exits 0
    has '^item: 1 sign-data [0-9a-f]+ a\\x20b\\\\\\x1b\[2J\\x0asha256:\\x20x -x$'
    kinds_are 'begin intent outcome:0'
}

@test "a batch: one intent, one outcome, one flush each" {
    begin
    mkdir out
    cp "$EXPECTED" out/app.sig
    sign --transcript t --out-dir out app.signdata app2.signdata
    exits 0
    kinds_are 'begin intent outcome:0'
    has '^items: 2$'
    has "^result: 1 kept $(sha256 "$EXPECTED")\$"
    has "^result: 2 written $(sha256 out/app2.sig)\$"
    has '^calls: 1 1$'
}

@test "a run: dry run, refusal, missing input" {
    begin
    recorded --dry-run
    ok
    printf 'policy 1\nisvsvn >= 5\nend\n' >policy
    chmod 644 policy
    recorded --policy policy
    exits 77
    sign --transcript t -o app.sig missing.signdata
    exits 66
    kinds_are 'begin run:0 run:77 run:66'
    has '^check: 1 isvsvn fails 0, wanted >= 5$'
    has "^policy: policy $(sha256 policy) 1 0\$"
    has '^error: .*isvsvn'
    [ "$(grep -c "^item: 1 sign-data $(sha256 app.signdata) app.signdata" t)" -eq 2 ]
    [ ! -e app.sig ]
    goes_on
}

@test "B7: keygen and pubkey --x509 keep a transcript" {
    begin
    ens keygen --token pkcs11:token=ensign --label made --id 0a0b --pubkey made.pem --module "$SOFTHSM" \
        --pin-source "file:$PINFILE" --transcript t
    ok
    kinds_are 'begin intent outcome:0'
    has '^creates: ensign made 0a0b$'
    has '^item: 1 test [0-9a-f]{64} - -$'
    has "^mrsigner: $(mrsigner made.pem)\$"
    has "^spki: $(openssl pkey -pubin -in made.pem -outform DER | sha256sum | cut -d' ' -f1)\$"
    has '^result: 1 written [0-9a-f]{64}$'
    ens pubkey --x509 --key 'pkcs11:token=ensign;object=made' --module "$SOFTHSM" --pin-source "file:$PINFILE" \
        --transcript t -o made.crt
    ok
    kinds_are 'begin intent outcome:0 intent outcome:0'
    openssl x509 -in made.crt -outform DER -out made.der
    tbs=$(openssl asn1parse -inform DER -in made.der -strparse 4 -noout -out tbs 2>/dev/null && sha256 tbs)
    has "^item: 1 certificate $tbs - made\\.crt\$"
    ens transcript t
    prints '^Calls: +2\.\.2$'
    # A label in use is found by the token: announced, and nothing made.
    ens keygen --token pkcs11:token=ensign --label made --module "$SOFTHSM" --pin-source "file:$PINFILE" --transcript t
    exits 81
    kinds_are 'begin intent outcome:0 intent outcome:0 intent outcome:81'
    has '^result: 1 failed$'
}

@test "keygen: a key that fails its proof and cannot be destroyed is said to be there, and is on record" {
    begin
    ENSIGN_FAULT=C_DestroyObject=0x30,flip ens keygen --token pkcs11:token=ensign --label stays --id 0c0d \
        --module "$FAULT" --pin-source "file:$PINFILE" --transcript t
    exits 86
    errors | grep -q 'destroyed again' && fail "says that it was destroyed"
    errors | grep -Eq 'the new key pair is still there, because C_DestroyObject failed with CKR_DEVICE_ERROR.*: delete it' ||
        fail "$(errors)"
    errors | grep -q 'object=stays' || fail "$(errors)"
    kinds_are 'begin intent outcome:86'
    has '^error: .*the new key pair is still there'
    has '^key: [0-9a-f]{64} 0c0d stays$'
    has '^result: 1 failed$'
    ens keys --token pkcs11:token=ensign --module "$SOFTHSM" --pin-source "file:$PINFILE"
    prints 'object=stays'
    # If it could be destroyed, it says so.
    ENSIGN_FAULT=flip ens keygen --token pkcs11:token=ensign --label gone --module "$FAULT" \
        --pin-source "file:$PINFILE" --transcript u
    exits 86
    errors | grep -q 'the key was destroyed again' || fail "$(errors)"
    ens keys --token pkcs11:token=ensign --module "$SOFTHSM" --pin-source "file:$PINFILE"
    not grep -q 'object=gone' "$OUT"
}

@test "B7: resign keeps a transcript: what is signed is announced, what was done before is kept" {
    begin
    for n in a b; do bundle "$n.orc"; done
    printf 'not a bundle\n' >c.orc
    ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --transcript t a.orc c.orc
    exits 65
    kinds_are 'begin intent outcome:65'
    has '^items: 1$'
    has '^item: 1 sign-data [0-9a-f]{64} a\.orc#ronl a\.orc$'
    has '^fields: 1 .*ENCLAVEHASH='
    has '^error: c\.orc: '
    ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --resume --transcript t a.orc b.orc
    exits 0
    has '^result: 1 kept [0-9a-f]{64}$'
    has '^result: 2 written [0-9a-f]{64}$'
    called C_Sign 2
    # The second signature fails: the first is there, the second was tried.
    for n in d e; do bundle "$n.orc" --name "$n"; done
    ENSIGN_FAULT=failat=2:0x30 ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --jobs 1 \
        --transcript t d.orc e.orc
    exits 85
    kinds_are 'begin intent outcome:65 intent outcome:0 intent outcome:85'
    has '^calls: 2 1$'
    has '^result: 2 failed$'
    ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --dry-run --transcript t e.orc
    exits 0
    kinds_are 'begin intent outcome:65 intent outcome:0 intent outcome:85 run:0'
}

@test "A14: a no that is recorded is remembered by check and by sign" {
    begin
    ssh_keys alice bob
    printf 'approvers 1\nperson alice@example.org\nkey %s\nperson bob@example.org\nkey %s\nend\n' \
        "$(cut -d' ' -f1,2 alice.pub)" "$(cut -d' ' -f1,2 bob.pub)" >approvers
    printf 'policy 1\napprovals 1\napprovers approvers\nend\n' >policy
    chmod 644 policy approvers
    signer=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    ens approve --yes --ssh-key alice --mrsigner "$signer" -o alice.approval app.signdata
    exits 0
    ens approve --yes --reject --ssh-key bob --mrsigner "$signer" -o bob.approval app.signdata
    exits 0
    recorded --policy policy --approval alice.approval --approval bob.approval
    exits 77
    has "^rejection: $(sha256 app.signdata) $signer bob@example\\.org [0-9a-f]{64} SHA256:"
    has '^approval: bob\.approval no bob@example\.org [0-9a-f]{64} SHA256:'
    has "^ssh-keygen: /[^ ]* [0-9a-f]{64}\$"
    has "^approvers: approvers $(sha256 approvers)\$"
    recorded --policy policy --approval alice.approval
    exits 77
    says 'reject'
    ens check --policy policy --approval alice.approval --mrsigner "$signer" --transcript t app.signdata
    exits 77
    ens check --policy policy --approval alice.approval --mrsigner "$signer" app.signdata
    exits 0
    [ ! -e app.sig ]
    ens check --policy policy --transcript missing app.signdata
    exits 66
    echo hello >no
    ens check --policy policy --transcript no app.signdata
    exits 65
}

# ---- what is not recorded ----

@test "A1: a command line that is wrong leaves no record, and no record holds anything of a query" {
    begin
    for query in 'pin-value=123456' 'pin_value=123456' 'pin-source=123456' 'pin-source=|echo%20123456' 'PIN-VALUE=123456' \
        'module-path=123456' 'pin-value=123456&pin-value=123456' 'x=123456&pin-value'; do
        ens sign --yes --key "$RELEASE?$query" --module "$SOFTHSM" --transcript t -o app.sig app.signdata
        usage
        [ ! -e t ] || fail "$query: left a transcript"
        ens keygen --token "pkcs11:token=ensign?$query" --label x --module "$SOFTHSM" --transcript t
        usage
        ens pubkey --x509 --key "$RELEASE?$query" --module "$SOFTHSM" --transcript t -o x.pem
        usage
    done
    not grep -q 123456 "$ERR"
    recorded
    ok
    cp t before
    for arguments in "--key $RELEASE?pin-value=123456" '--mrsigner 00' '--mechanism none' '--hsm-timeout x' '--acknowledge 1' \
        '--pin-source 123456' '--nonsense' '--approval x'; do
        rm -f app.sig
        # shellcheck disable=SC2086  # one or two words
        recorded $arguments
        [ "$status" -eq 64 ] || fail "$arguments: exit $status"
        same t before
    done
    # What a URI names is found or not; what stands behind its ? is never told.
    ln -s "$PINFILE" 654321
    ens sign --yes --key "pkcs11:token=ensign;object=nothing?pin-source=file:654321" --module "$SOFTHSM" --transcript t -o app.sig \
        app.signdata
    exits 80
    ens sign --yes --key "$RELEASE?pin-source=file:654321" --module "$SOFTHSM" --transcript t \
        --mrsigner "$(printf '%064d' 0)" -o x.sig app.signdata
    exits 77
    not grep -q 654321 t
    kinds_are 'begin intent outcome:0 run:80 run:77'
}

@test "the value of --pin-source and the argument of the module are in no record, not even in an error" {
    begin
    mkdir SECRETDIR
    (umask 077 && echo "$PIN" >SECRETDIR/SECRETPIN)
    chmod 644 SECRETDIR/SECRETPIN
    recorded --pin-source file:SECRETDIR/SECRETPIN
    exits 65
    says SECRETPIN
    recorded --pin-source file:SECRETDIR/missing
    exits 66
    MODULE=$FAULT ENSIGN_FAULT=wantargs=x recorded --module-args SECRETARG
    exits 69
    kinds_are 'begin run:65 run:66 run:69'
    not grep -q SECRET t
}

@test "a recorded error is the one that was printed, whatever the PIN file and the argument of the module are called" {
    begin
    local name
    for name in ensign release a hsm signature; do
        cp -p "$PINFILE" "$name"
        rm -f t
        MODULE=$FAULT ENSIGN_FAULT=flip recorded --pin-source "file:$name" --module-args "$name"
        exits 86
        has "^error: $(sed -n 's/^ensign: //p' "$ERR")\$"
    done
    # The path of a PIN file that cannot be used is left out, and nothing else.
    for name in a mode 'b: c'; do
        rm -f t
        cp "$PINFILE" "$name"
        chmod 644 "$name"
        recorded --pin-source "file:$name"
        exits 65
        says "ensign: $name: mode 0644 lets others read the PIN"
        has '^error: PIN file: mode 0644 lets others read the PIN: chmod 600 it'
    done
    name=$(printf 'x%.0s' {1..250})/$(printf 'y%.0s' {1..250})/$(printf 'z%.0s' {1..250})
    rm -f t
    recorded --pin-source "file:$name"
    exits 66
    has '^error: PIN file$'
}

@test "an output that is the transcript would destroy it" {
    begin
    recorded
    exits 0
    cp t whole
    for option in '-o t' '-o ./t' "-o $PWD/t" '--pubkey t -o x.sig'; do
        # shellcheck disable=SC2086
        sign --transcript t --force $option app.signdata
        usage 'is the transcript|name the same file'
        same t whole
    done
    mkdir out
    mv t out/app.sig
    sign --transcript out/app.sig --force --out-dir out app.signdata
    usage 'is the transcript|name the same file'
    same out/app.sig whole
    ens pubkey --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --transcript whole --force -o whole
    usage 'is the transcript|name the same file'
    sign --transcript new -o new app.signdata
    usage 'is the transcript|name the same file'
    [ ! -e new ]
}

@test "a wrong PIN is recorded as that, and no PIN" {
    begin
    (umask 077 && echo 876543 >wrong)
    recorded --pin-source file:wrong
    exits 83
    kinds_are 'begin run:83'
    not grep -q -e 876543 -e "$PIN" t
    has '^error: '
    goes_on
}

# ---- how it ends ----

@test "a token that fails, and one whose signature does not verify" {
    begin
    MODULE=$FAULT ENSIGN_FAULT=failat=1:0x30 recorded
    exits 85
    kinds_are 'begin intent outcome:85'
    has '^calls: 1 0$'
    has '^result: 1 failed$'
    MODULE=$FAULT ENSIGN_FAULT=flip recorded
    exits 86
    kinds_are 'begin intent outcome:85 intent outcome:86'
    [ "$(grep -c '^calls: 1 1$' t)" -eq 1 ]
    ens transcript t
    prints '^Calls: +1\.\.2$'
    goes_on
}

@test "a batch whose second signature fails: written, failed, not-tried" {
    begin
    mkdir out
    cp app.signdata app3.signdata
    MODULE=$FAULT ENSIGN_FAULT=failat=2:0x30 sign --transcript t --out-dir out app.signdata app2.signdata app3.signdata
    exits 85
    kinds_are 'begin intent outcome:85'
    has '^calls: 2 1$'
    has '^result: 1 written '
    has '^result: 2 failed$'
    has '^result: 3 not-tried$'
}

# interrupted CALLS ARG...: SIGTERM while the module is in that call of C_Sign.
interrupted() {
    local calls=$1
    shift
    : >"$FAULT_LOG"
    ENSIGN_FAULT=delay=1500 "$ENSIGN" "$@" --yes --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        --transcript t >out.json 2>err &
    for _ in {1..1500}; do [ "$(calls C_Sign)" -lt "$calls" ] || break; sleep 0.02; done
    kill -TERM $!
    status=0
    wait $! || status=$?
    [ "$status" -eq 143 ]
    has "^calls: $calls $calls\$"
}

@test "SIGTERM in a batch of sign: the last signature is unwritten, not failed" {
    begin
    mkdir out
    cp app.signdata a3.signdata
    interrupted 2 sign --out-dir out app2.signdata app.signdata a3.signdata
    has '^result: 1 written '
    has "^result: 2 unwritten $(sha256 "$EXPECTED")\$"
    has '^result: 3 not-tried$'
    has '^error: interrupted: 1 of 3 signatures are there'
    [ "$(ls out)" = app2.sig ]
}

@test "SIGTERM in resign: the same, and record and summary say what was done" {
    begin
    for n in 1 2 3; do bundle "f$n.orc"; done
    cp f2.orc unchanged
    interrupted 2 resign --json --jobs 1 f1.orc f2.orc f3.orc
    has '^result: 1 written '
    has '^result: 2 unwritten [0-9a-f]{64}$'
    has '^result: 3 not-tried$'
    has '^error: interrupted: 1 of 3 are done, the other files are as they were'
    [ "$(jq -r '.summary // empty | "\(.signed) \(.exit_status) \(.error)"' out.json)" = \
        '1 143 interrupted: 1 of 3 are done, the other files are as they were: repeat with --resume' ]
    same f2.orc unchanged
}

@test "SIGTERM while a new key makes its test signature: unwritten, and the key is gone" {
    begin
    ENSIGN_FAULT=delay=1500 "$ENSIGN" keygen --token pkcs11:token=ensign --label stopped --module "$FAULT" \
        --pin-source "file:$PINFILE" --transcript t >out 2>err &
    for _ in {1..1500}; do [ "$(calls C_Sign)" -eq 0 ] || break; sleep 0.02; done
    kill -TERM $!
    status=0
    wait $! || status=$?
    [ "$status" -eq 143 ]
    has '^result: 1 unwritten [0-9a-f]{64}$'
    ens keys --token pkcs11:token=ensign --module "$SOFTHSM" --pin-source "file:$PINFILE"
    not grep -q stopped "$OUT"
}

@test "an interrupt during the signature: what was signed, and what was not" {
    begin
    ENSIGN_FAULT=delay=3000 "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        --transcript t -o app.sig app.signdata >out 2>err &
    for _ in {1..1500}; do grep -q C_Sign\\b "$FAULT_LOG" && break; sleep 0.1; done
    grep -q '^kind: intent$' t
    kill -INT $!
    status=0
    wait $! || status=$?
    [ "$status" -eq 130 ]
    kinds_are 'begin intent outcome:130'
    # The call itself came to its end, and its signature was not used: it was made all the same.
    has '^calls: 1 1$'
    has "^result: 1 unwritten $(sha256 "$EXPECTED")\$"
    [ ! -e app.sig ]
    goes_on
}

@test "an interrupt at the question is a run" {
    begin
    tty_ens 'yes' '^C' -- sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --transcript t -o app.sig \
        app.signdata
    exits 130
    kinds_are 'begin run:130'
    tty_ens 'yes' no -- sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --transcript t -o app.sig \
        app.signdata
    exits 77
    kinds_are 'begin run:130 run:77'
    tty_ens 'yes' yes -- sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --transcript t -o app.sig \
        app.signdata
    exits 0
    kinds_are 'begin run:130 run:77 intent outcome:0'
    has '^confirmation: terminal yes$'
    has '^review: [0-9]+ [0-9]+$'
}

@test "a token that does not answer does not end ensign: the outcome says so, and the next run goes on" {
    begin
    MODULE=$FAULT ENSIGN_FAULT=delay=60000 recorded --hsm-timeout 1
    exits 85
    kinds_are 'begin intent outcome:85'
    has '^calls: 1 0$'
    has '^result: 1 failed'
    has 'C_Sign took more than 1 s'
    recorded
    exits 0
    kinds_are 'begin intent outcome:85 intent outcome:0'
}

@test "a run that was killed: the intent stays open, and the next run says so" {
    begin
    ENSIGN_FAULT=delay=60000 "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        --transcript t -o app.sig app.signdata >o 2>e 3>&- &
    for _ in {1..1500}; do
        [ "$(calls C_Sign)" -eq 0 ] || break
        sleep 0.05
    done
    kill -KILL $!
    wait $! || true
    kinds_are 'begin intent'
    recorded
    refused 77 "^ensign: t: record 2 began to sign app.signdata and says no end: look for app.sig, then run again with --acknowledge 2 --note '...'\$"
    recorded --acknowledge 2 --note 'the run was killed'
    exits 0
    kinds_are 'begin intent ack:0 intent outcome:0'
    has '^found: 1 absent$'
    has '^note: the run was killed$'
}

# killed WHAT: sign is killed with SIGKILL at this place; strace on the real program, and not on ensign-token.
killed() {
    local inject=$1
    command -v strace >/dev/null || fail "strace is not installed"
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    status=0
    strace -qq -o trace -e "inject=$inject" "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --transcript t -o app.sig app.signdata >out 2>err || status=$?
    [ "$status" -eq 137 ] || fail "$inject: not killed: $status" "$(cat err)"
}

# The N-th call of its kind that touches a path like REGEX, in a run that is not killed.
number_of() { # CALL REGEX NTH
    rm -f app.sig
    cp before probe
    strace -qq -y -o trace "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --transcript probe -o app.sig app.signdata >/dev/null 2>&1
    rm -f app.sig probe
    "$PYTHON" - "$@" <<'PY'
import re, sys
call, regex, nth = sys.argv[1], sys.argv[2], int(sys.argv[3])
count = hits = 0
for line in open("trace"):
    m = re.match(r"(?:\d+ +)?([a-z_0-9]+)\(", line)
    if m and m[1] == call:
        count += 1
        if re.search(regex, line):
            hits += 1
            if hits == nth:
                print(count)
                sys.exit()
sys.exit("no such call")
PY
}

@test "A5: SIGKILL at each row of the table: what is on the disk, and what the next run says" {
    begin
    # Before the intent: nothing, and it goes on.
    recorded --dry-run
    cp t before
    n=$(number_of write '/probe>' 1)
    : >"$FAULT_LOG"
    killed "write:signal=KILL:when=$n"
    same t before
    goes_on

    # While the intent is written: a tail; no signature was asked for.
    cp before t
    n=$(number_of fsync '/probe>' 1)
    : >"$FAULT_LOG"
    killed "fsync:signal=KILL:when=$n"
    called C_Sign 0
    size=$(stat -c %s before)
    truncate -s -40 t
    recorded
    refused 65 "^ensign: t: cut: record 3, from byte $size on, .* --acknowledge 0 --note"
    recorded --acknowledge 0 --note 'power failed'
    exits 0
    kinds_are 'begin run:0 ack:0 intent outcome:0'
    has "^torn: [0-9]+ $(sha256 t.torn-3) t\\.torn-3\$"
    rm app.sig

    # Behind the intent, before C_Sign.
    cp before t
    n=$(number_of fsync '/probe>' 1)
    : >"$FAULT_LOG"
    killed "fsync:signal=KILL:when=$n"
    kinds_are 'begin run:0 intent'
    recorded
    refused 77 'record 3 began to sign app.signdata and says no end: look for app.sig'
    ens transcript t
    exits 1

    # Behind C_Sign, before the rename: the signature existed in memory.
    cp before t
    n=$(number_of renameat2 'app\.sig' 1)
    killed "renameat2:signal=KILL:when=$n"
    kinds_are 'begin run:0 intent'
    [ ! -e app.sig ]
    recorded --acknowledge 3 --note 'nothing there'
    exits 0
    kinds_are 'begin run:0 intent ack:0 intent outcome:0'
    has '^found: 1 absent$'
    rm app.sig

    # Behind the rename.
    cp before t
    n=$(number_of fsync "<$(pwd -P)>" 1)
    : >"$FAULT_LOG"
    killed "fsync:signal=KILL:when=$n"
    kinds_are 'begin run:0 intent'
    same app.sig "$EXPECTED"
    recorded
    refused 77 'look for app.sig'
    recorded --force --acknowledge 3 --note 'it is there'
    exits 0
    has "^found: 1 $(sha256 "$EXPECTED")\$"
    rm app.sig

    # While the outcome is written.
    cp before t
    n=$(number_of fsync '/probe>' 2)
    : >"$FAULT_LOG"
    killed "fsync:signal=KILL:when=$n"
    kinds_are 'begin run:0 intent outcome:0'
    cp t whole
    truncate -s -70 t
    recorded
    refused 65 '^ensign: t: cut: record 4, .* --acknowledge 3 --note'
    recorded --force --acknowledge 3 --note 'it is there'
    exits 0
    kinds_are 'begin run:0 intent ack:0 intent outcome:0'
    has "^found: 1 $(sha256 "$EXPECTED")\$"
    has '^torn: [0-9]+ [0-9a-f]{64} t\.torn-4$'

    # Written and not yet flushed: a kill leaves it whole.
    cp whole t
    goes_on
}

@test "A5: a batch that was killed: the acknowledgement finds what is there, the repetition keeps it" {
    begin
    mkdir out
    cp app.signdata app3.signdata
    ENSIGN_FAULT=delay=C_Sign:2000 "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        --transcript t --out-dir out app.signdata app2.signdata app3.signdata >o 2>e &
    for _ in {1..1500}; do [ -e out/app.sig ] && break; sleep 0.1; done
    kill -KILL $!
    wait $! || true
    kinds_are 'begin intent'
    sign --transcript t --out-dir out app.signdata app2.signdata app3.signdata
    refused 77 'record 2 began to sign app.signdata and 2 more and says no end: look for out/app.sig and 2 more'
    sign --transcript t --out-dir out --acknowledge 2 --note 'killed' app.signdata app2.signdata app3.signdata
    exits 0
    has "^found: 1 $(sha256 "$EXPECTED")\$"
    has "^result: 1 kept $(sha256 "$EXPECTED")\$"
    has '^result: 3 written '
    kinds_are 'begin intent ack:0 intent outcome:0'
}

@test "A5: a full disk at the intent: 74, and nothing was signed" {
    begin
    recorded --dry-run
    # A leak check cannot run under strace.
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    cp t before
    status=0
    # shellcheck disable=SC2034  # helpers.bash signs with it
    MODULE=$FAULT
    strace -qq -o trace -e inject=fallocate:error=ENOSPC "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --transcript t -o app.sig app.signdata 2>err || status=$?
    [ "$status" -eq 74 ]
    grep -q '^ensign: t: there is no room for the [0-9]* bytes of this run.s records, so nothing was done' err
    called C_Sign 0
    same t before
    [ ! -e app.sig ]
    unset MODULE
    goes_on
}

@test "A5: a full disk at the output: the outcome says unwritten, and the chain goes on" {
    begin
    recorded --dry-run
    local call
    # A leak check cannot run under strace.
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    # The write of the signature into its temporary file.
    strace -qq -y -o trace "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --transcript probe -o app.sig app.signdata 2>/dev/null
    rm -f app.sig probe
    call=$(grep -E '(^| )write\(' trace | grep -nE '\.ensign-|app\.sig' | head -1 | cut -d: -f1)
    [ -n "$call" ]
    status=0
    strace -qq -o trace -e "inject=write:error=ENOSPC:when=$call" "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --transcript t -o app.sig app.signdata 2>err || status=$?
    [ "$status" -eq 74 ] || fail "exit $status" "$(cat err)"
    kinds_are 'begin run:0 intent outcome:74'
    has '^calls: 1 1$'
    has "^result: 1 unwritten $(sha256 "$EXPECTED")\$"
    [ ! -e app.sig ]
    goes_on
}

@test "A5: a file system with room for the records and nothing else" {
    begin
    # As root in a mount namespace, or as root of a user namespace.
    space=(unshare -m)
    [ "$(id -u)" -eq 0 ] || space=(unshare -rm)
    mkdir disk
    if ! "${space[@]}" mount -t tmpfs -o size=48k none disk 2>/dev/null; then
        skip "no file system can be mounted here; the two tests above make the calls fail"
    fi
    # So much is asked for, for intent and outcome, that some number of free pages leaves none for the output.
    for free in 6 5 4 3; do
        run "${space[@]}" bash -euc '
            mount -t tmpfs -o size=48k none disk
            free=$1
            shift
            sign() { "$0" sign -q --yes --key "$1" --module "$2" --pin-source "file:$3" --transcript disk/t -o disk/app.sig "${@:4}" app.signdata; }
            sign "$@" --dry-run
            while [ "$(stat -f -c %f disk)" -gt "$free" ]; do head -c 4096 /dev/zero >>disk/fill; done
            cp disk/t before.t
            status=0
            sign "$@" || status=$?
            echo "status: $status"
            grep "^result:" disk/t || true
            "$0" transcript disk/t >/dev/null && echo "the chain holds"
            [ ! -e disk/app.sig ] || echo "an output"
            ! cmp -s disk/t before.t || echo "unchanged"
            rm -f disk/fill disk/app.sig
            sign "$@"
            "$0" transcript disk/t >/dev/null && echo "and goes on"
        ' "$ENSIGN" "$free" "$RELEASE" "$FAULT" "$PINFILE"
        echo "$output"
        [ "$status" -eq 0 ]
        grep -qx 'the chain holds' <<<"$output" && grep -qx 'and goes on' <<<"$output"
        case $output in
        *'status: 0'*) grep -qx 'an output' <<<"$output" ;;
        *unwritten*)
            unwritten=1
            grep -qx 'status: 74' <<<"$output"
            not grep -qx 'an output' <<<"$output"
            ;;
        *)
            none=1
            grep -qx 'status: 74' <<<"$output"
            grep -qx unchanged <<<"$output"
            not grep -qx 'an output' <<<"$output"
            ;;
        esac
    done
    [ "${unwritten:-0}" -eq 1 ] && [ "${none:-0}" -eq 1 ]
}

@test "A4: closed descriptors: the review, the words and the signature go nowhere near the record" {
    begin
    for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 1>&- 2>&-'; do
        rm -f t app.sig
        status=0
        eval "\"\$ENSIGN\" sign --yes --key \"\$RELEASE\" --module \"\$SOFTHSM\" --pin-source \"file:\$PINFILE\" --transcript t \
            -o app.sig app.signdata $closed" || status=$?
        [ "$status" -eq 0 ] || fail "$closed: exit $status"
        kinds_are 'begin intent outcome:0'
        same app.sig "$EXPECTED"
        status=0
        eval "\"\$ENSIGN\" sign --yes --quiet --key \"\$RELEASE\" --module \"\$SOFTHSM\" --pin-source \"file:\$PINFILE\" \
            --transcript t app.signdata $closed" >/dev/null || status=$?
        chain check t
    done
}

@test "A11: two at once: the second waits, and if it must wait for too long it names the first" {
    begin
    ENSIGN_FAULT=delay=2000 "$ENSIGN" sign --yes --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        --transcript t -o one.sig app.signdata >o 2>e &
    first=$!
    for _ in {1..1500}; do grep -qs '^kind: intent' t && break; sleep 0.1; done
    recorded
    exits 0
    wait $first
    kinds_are 'begin intent outcome:0 intent outcome:0'
    exec 8<t
    flock -x 8
    recorded --force
    refused 73 '^ensign: t: locked by (process [0-9]+( \([^)]*\))?|another process): run the command again'
    exec 8<&-
    kinds_are 'begin intent outcome:0 intent outcome:0'
}

@test "a transcript that others can write, or that is none, is not extended" {
    begin
    recorded
    exits 0
    chmod 666 t
    recorded --force
    refused 65 't: others can write it'
    chmod 600 t
    ln t second
    recorded --force
    refused 65 't: has 2 names'
    rm second
    mkfifo fifo
    sign --transcript fifo -o x.sig app.signdata
    refused 65 'fifo: is not a regular file'
    echo hello >hello
    sign --transcript hello -o x.sig app.signdata
    refused 65 'hello: no-header'
    goes_on
}
