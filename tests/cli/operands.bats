#!/usr/bin/env bats
# Operands: a file of another kind is named and its use is said, an output is never an input, "-" is stdin (B8);
# and a run that a signal or the token ended says so in its status and its JSON (B6).

load helpers

fixtures() {
    signing_host
    sign_data s.signdata "$MRENCLAVE"
    pem_sign one.pem s.signdata s.sig
    bundle app.orc
    sigstruct a.css one "$MRENCLAVE"
    printf 'ensign approval 1\nanswer: yes\n' >app.approval
    printf 'policy 1\nend\n' >policy
    printf 'ensign transcript 1, record 1\n' >t.transcript
}

begin() {
    need_fault
    PINFILE=$BATS_FILE_TMPDIR/pin
    cp "$BATS_FILE_TMPDIR"/{s.signdata,s.sig,app.orc,a.css,app.approval,policy,t.transcript,own.sgxs} .
    cp "$BATS_FILE_TMPDIR/one.pem" key.pem
    cp "$BATS_FILE_TMPDIR/one.pem.pub" pub.pem
}

# ---- B8: kinds ----

@test "B8: sign says what a file is that is not sign-data, and what to run" {
    begin
    for row in 'app.orc|is a bundle, not sign-data: run ensign gen-sign-data -o app.signdata app.orc on the build host, then sign app.signdata' \
        'own.sgxs|is an SGXS stream, not sign-data: run ensign gen-sign-data -o own.signdata own.sgxs' \
        's.sig|is a signature, not sign-data: .*set-sig' 'pub.pem|is a public key, not sign-data: .*--pubkey' \
        'key.pem|is a private key, not sign-data' 'app.approval|is an approval, not sign-data: give --approval before each' \
        't.transcript|is a transcript, not sign-data: .*ensign transcript' \
        'policy|is a policy, not sign-data: .*--policy'; do
        sign -o out.sig "${row%%|*}"
        refused 65 "^ensign: ${row%%|*}: ${row#*|}"
    done
    # Whatever the name: the content counts.
    cp app.orc x.signdata
    sign -o out.sig x.signdata
    refused 65 'x.signdata: is a bundle'
    cp s.signdata x.orc
    sign -o out.sig x.orc
    ok
    same out.sig s.sig
}

@test "B8: the second file of --approval *.approval is told from sign-data" {
    begin
    cp app.approval b.approval
    sign -o out.sig --approval app.approval b.approval s.signdata
    [ "$status" -ne 0 ]
    # Two operands: the rule for many sign-data comes first, or the kind; either way nothing is signed.
    unchanged
    sign -o out.sig --approval app.approval b.approval
    refused 65 'b.approval: is an approval, not sign-data: give --approval before each'
}

@test "B8: commands for an enclave's file say what another file is" {
    begin
    for command in verify extract gen-sign-data 'compare own.sgxs'; do
        for row in 's.sig|a signature' 'pub.pem|a public key' 'app.approval|an approval' 'policy|a policy'; do
            # shellcheck disable=SC2086
            ens $command "${row%%|*}"
            refused 65 "${row%%|*}: is ${row#*|}, not an enclave's file"
        done
    done
    ens verify s.signdata
    refused 65 's.signdata: is sign-data, which nobody has signed.*set-sig'
}

# ---- B8: an output is never an input ----

@test "B8: an output that is an input is refused, whatever its name" {
    begin
    ln s.signdata hard
    ln -s s.signdata soft
    mkdir d
    for out in s.signdata ./s.signdata d/../s.signdata hard soft; do
        sign --force -o "$out" s.signdata
        usage 'is the same file as s.signdata'
        sign --force --pubkey "$out" -o out.sig s.signdata
        usage 'is the same file as s.signdata'
        sign --transcript "$out" -o out.sig s.signdata
        usage 'is the same file as s.signdata'
    done
    sign --force --policy policy -o policy s.signdata
    usage 'is the same file as --policy'
    sign --force --approval app.approval -o app.approval s.signdata
    usage 'is the same file as app.approval'
    sign --force -o out.sig --pubkey out.sig s.signdata
    usage 'name the same file'
    # Without --force what exists is kept anyway.
    sign -o s.signdata s.signdata
    refused 73 'exists'
    cp s.signdata a.sig
    cp s.signdata a.signdata
    sign --force --out-dir . a.sig a.signdata
    usage 'a.sig: is to be signed'
}

@test "B8: what a run reads without its name on the command line is kept as well" {
    local pin uri
    begin
    ssh_keys k
    pin=$BATS_TEST_TMPDIR/work/pin
    cp -p "$BATS_FILE_TMPDIR/pin" "$pin"
    uri="$RELEASE?pin-source=file:$pin"
    for row in "-o pin" "--pubkey pin -o out.sig" "-o ./pin"; do
        # shellcheck disable=SC2086
        ens sign --force --yes --module "$SOFTHSM" --key "$RELEASE" --pin-source file:pin $row s.signdata
        usage 'pin: is a file that this run reads'
        # shellcheck disable=SC2086
        ens sign --force --yes --module "$SOFTHSM" --key "$uri" $row s.signdata
        usage 'pin: is a file that this run reads'
    done
    ens pubkey --force --module "$SOFTHSM" --key "$RELEASE" --pin-source file:pin -o pin
    usage 'pin: is a file that this run reads'
    ens pubkey --force --module "$SOFTHSM" --key "$uri" -o pin
    usage 'pin: is a file that this run reads'
    ens keygen --force --module "$SOFTHSM" --token pkcs11:token=ensign --label new --pin-source file:pin --pubkey pin
    usage 'pin: is a file that this run reads'
    # The people of a policy, by their names and by another.
    people approvers bob k.pub
    printf 'revoked 1\nend\n' >revoked
    policy with 'approvals 1' 'approvers approvers' 'revoked revoked'
    ln revoked hard
    mkdir q
    ens approve --yes --ssh-key k --pubkey pub.pem --until 20261220 -o q/bob.approval s.signdata
    ok
    for out in approvers revoked hard q/bob.approval; do
        sign --force --policy with --approval q -o "$out" s.signdata
        refused 64 "$out: is a file that this run reads"
        sign --force --policy with --approval q --pubkey "$out" -o out.sig s.signdata
        refused 64 "$out: is a file that this run reads"
    done
    mkdir d
    cp s.signdata d/m.signdata
    cp policy d/m.sig
    sign --force --policy d/m.sig --out-dir d d/m.signdata
    refused 64 'd/m.sig: is a file that this run reads'
    cp "$SOFTHSM" mod.so
    MODULE=$PWD/mod.so sign --force -o mod.so s.signdata
    usage 'mod.so: is a file that this run reads'
    ens approve --yes --force --ssh-key k --pubkey pub.pem --until 20261220 -o k.pub s.signdata
    usage 'k.pub: is a file that this run reads'
    # What is only looked at is an output, and may go.
    cp s.sig d/s.sig
    echo other >d/s.sig
    cp s.signdata d/s.signdata
    sign --force --out-dir d d/s.signdata
    ok
    same d/s.sig s.sig
}

@test "two results to stdout are refused before the work, and so is a closed stdout" {
    begin
    sign --pubkey - s.signdata
    usage '\-\-pubkey: stdout is taken by the result: name a file'
    sign --pubkey - -o - s.signdata
    usage 'stdout|name the same file'
    ens gen-sign-data --digest - own.sgxs
    usage '\-\-digest: stdout is taken by the result: name a file'
    ens keygen --module "$FAULT" --token pkcs11:token=ensign --label new --pin-source "file:$PINFILE" --pubkey -
    usage '\-\-pubkey: stdout is taken by the URI of the key'
    called C_GenerateKeyPair 0
    # One of them in a file is fine.
    sign --pubkey - -o out.sig s.signdata
    ok
    cmp "$OUT" pub.pem
    status=0
    "$ENSIGN" keygen --module "$FAULT" --token pkcs11:token=ensign --label new --pin-source "file:$PINFILE" >&- 2>err ||
        status=$?
    [ "$status" -eq 74 ] || fail "exit $status"
    grep -q 'stdout: is closed' err
    called C_GenerateKeyPair 0
}

@test "B8: resign --out-dir keeps what has another name of an input" {
    begin
    mkdir od
    bundle a.orc
    bundle b.orc
    ln b.orc od/a.orc
    ens resign --force --yes --module "$SOFTHSM" --key "$RELEASE" --pin-source "file:$BATS_FILE_TMPDIR/pin" --out-dir od a.orc b.orc
    [ "$status" -ne 0 ]
    same b.orc od/a.orc
    errors | grep -q 'od/a.orc: is a file that this run reads' || fail "$(cat "$ERR")"
}

@test "B8: every command keeps its inputs" {
    begin
    ens gen-sign-data --force -o own.sgxs own.sgxs
    usage 'same file'
    ens gen-sign-data --force --digest app.orc -o out app.orc
    usage 'same file'
    ens gen-sign-data --force --from a.css -o a.css a.css
    usage 'same file'
    ens extract --force -o a.css a.css
    usage 'same file'
    ens set-sig --force --to s.sig own.sgxs s.sig pub.pem
    usage 'same file'
    ens set-sig --force --sign-data s.signdata --to s.signdata own.sgxs s.sig pub.pem
    usage 'same file'
    ens set-sig --force -o pub.pem app.orc s.sig pub.pem
    usage 'same file'
    # In place is what it does without -o.
    ens set-sig --force --sign-data s.signdata -o app.orc app.orc s.sig pub.pem
    ok
    ens verify app.orc
    ok
}

@test "B8: two outputs that lead to one place are refused, though nothing is there yet" {
    local place
    begin
    mkdir d od
    ln -s d link
    ln -s d/out soft
    for place in ./out "$PWD/out" d/../out; do
        sign --force -o out --pubkey "$place" s.signdata
        usage '--output and --pubkey name the same file'
        ens gen-sign-data --force -o out --digest "$place" own.sgxs
        usage '--output and --digest name the same file'
    done
    for place in link/out soft link/../d/./out; do
        sign --force -o d/out --pubkey "$place" s.signdata
        usage '--output and --pubkey name the same file'
    done
    sign --force --out-dir od --pubkey od/../od/s.sig s.signdata
    usage 'od/\.\./od/s\.sig: the signature of s\.signdata goes there'
    # A name in two directories is two places, and stdout is not a file that is called "-".
    sign -o d/out --pubkey od/out s.signdata
    ok
    size_is d/out 384
    sign --force -o ./- --pubkey od/out s.signdata
    ok
    size_is ./- 384
    sign -o - --pubkey ./--new s.signdata
    ok
}

@test "sixteen descriptors are enough to sign with, and with fewer one line says which limit to raise" {
    [ "$VARIANT" != valgrind ] || skip "valgrind has descriptors of its own"
    begin
    (
        ulimit -n 16
        sign -o out.sig s.signdata
        ok
    )
    same out.sig s.sig
    (
        ulimit -n 9
        sign -o few.sig s.signdata
        exits 71
        [ "$(errors | wc -l)" -eq 1 ]
    )
    [ ! -e few.sig ]
}

# ---- B8: stdin ----

@test "B8: - is stdin, once, for what is read" {
    begin
    STDIN=s.signdata ens show -
    ok
    prints "$MRENCLAVE"
    STDIN=a.css ens verify -
    ok
    STDIN=app.orc ens show -
    ok
    prints "$MRENCLAVE"
    STDIN=own.sgxs ens gen-sign-data --date 20240229 -o out.signdata -
    ok
    same out.signdata s.signdata
    STDIN=a.css ens extract -o out.css -
    ok
    same out.css a.css
    STDIN=own.sgxs ens compare own.sgxs -
    ok
    STDIN=s.signdata sign -o out.sig -
    ok
    same out.sig s.sig
    STDIN=s.sig ens set-sig --sign-data s.signdata --to out2.css own.sgxs - pub.pem
    ok
    printf 'policy 1\nisvsvn >= 0\nend\n' >rules
    STDIN=s.signdata ens check --policy rules -
    ok
    prints '^yes: -: '
    ssh-keygen -q -t ed25519 -N '' -f key
    STDIN=s.signdata ens approve --ssh-key key --pubkey pub.pem --yes -o by.approval -
    ok
    STDIN=by.approval ens show -
    ok
    prints "$(sha256 s.signdata)"
    : >empty.transcript
    STDIN=empty.transcript ens transcript -
    ok
    # A pipe as well as a file.
    OUT=$BATS_TEST_TMPDIR/stdout
    # shellcheck disable=SC2002  # the pipe is what is tested
    cat app.orc | "$ENSIGN" show - >"$OUT"
    prints "$MRENCLAVE"
    STDIN=own.sgxs ens compare - -
    usage 'name it once'
    STDIN=app.orc ens set-sig - s.sig pub.pem
    usage 'stdin is not a file'
    STDIN=app.orc ens resign --key "$RELEASE" --module "$SOFTHSM" --yes -
    usage 'stdin is not a file'
    mkdir out
    STDIN=s.signdata sign --out-dir out -
    usage 'out-dir'
    STDIN=/dev/null ens show -
    refused 65 '-: '
    # A file of that name is reached all the same.
    cp s.signdata ./-
    ens show ./-
    ok
}

# ---- B6 ----

json() {
    "$PYTHON" -c '
import json, sys
lines = [json.loads(x) for x in open(sys.argv[1])]
assert all((x["kind"], x["format"]) == ("resign", 1) for x in lines)
for x in lines[:-1]:
    print(x["file"], x["status"], x["exit_status"], "-" if x["error"] is None else "said")
s = lines[-1]["summary"]
print("sum", s["signed"], s["failed"], s["not_done"], s["exit_status"], "-" if s["error"] is None else "said")' "$OUT"
}

five() {
    local n
    for n in 1 2 3 4 5; do
        cp app.orc "f$n.orc"
    done
}

@test "B6: resign --json after a token failure tells the truth of every file and of the run" {
    begin
    five
    ENSIGN_FAULT=failat=3:0x30 ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes \
        --json --jobs 1 f?.orc
    exits 85
    [ "$(json)" = "f1.orc signed 0 -
f2.orc signed 0 -
f3.orc failed 85 said
f4.orc not-done 85 said
f5.orc not-done 85 said
sum 2 1 2 85 said" ]
}

@test "B6: resign --json tells why nothing was begun" {
    begin
    five
    ENSIGN_FAULT=login=0xa0 ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes \
        --json f1.orc f2.orc
    exits 83
    [ "$(json)" = "f1.orc not-done 83 said
f2.orc not-done 83 said
sum 0 0 2 83 said" ]
    ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes --json f1.orc nosuch.orc
    exits 66
    [ "$(json)" = "f1.orc signed 0 -
nosuch.orc failed 66 said
sum 1 1 0 66 said" ]
    ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes --json --dry-run f2.orc
    exits 0
    [ "$(json)" = "f2.orc not-done 0 -
sum 0 0 1 0 -" ]
}

# stopped SIGNAL CALL ARG...: ensign is sent the signal while the module is in that call.
stopped() {
    local signal=$1 call=$2
    shift 2
    : >"$FAULT_LOG"
    OUT=$BATS_TEST_TMPDIR/stdout
    ERR=$BATS_TEST_TMPDIR/stderr
    ENSIGN_FAULT=delay=$call:1500 "$ENSIGN" "$@" --module "$FAULT" --pin-source "file:$PINFILE" \
        >"$OUT" 2>"$ERR" </dev/null &
    local pid=$!
    for _ in {1..1500}; do
        [ "$(calls "$call")" -eq 0 ] || break
        sleep 0.02
    done
    kill "-$signal" "$pid"
    status=0
    wait "$pid" || status=$?
    tell "$@"
}

@test "B6: resign --json after SIGTERM says 143 for what is not done" {
    begin
    five
    stopped TERM C_Sign resign --key "$RELEASE" --yes --json --jobs 1 f1.orc f2.orc
    exits 143
    [ "$(json)" = "f1.orc not-done 143 said
f2.orc not-done 143 said
sum 0 0 2 143 said" ]
    same f1.orc app.orc
}

@test "B6: SIGTERM is 143 and SIGINT 130 wherever a token is at work" {
    begin
    for row in 'TERM 143' 'INT 130'; do
        read -r signal code <<<"$row"
        stopped "$signal" C_Sign sign --key "$RELEASE" --yes --transcript t -o out.sig s.signdata
        exits "$code"
        says interrupted
        [ ! -e out.sig ]
        stopped "$signal" C_FindObjects pubkey --key "$RELEASE" -o P.pem
        exits "$code"
        stopped "$signal" C_FindObjects keys --token pkcs11:token=ensign
        exits "$code"
        stopped "$signal" C_Login keygen --token pkcs11:token=ensign --label new
        exits "$code"
        rm -f t
    done
}

@test "B6: SIGTERM is 143 and SIGINT 130 in every command that reads a file" {
    begin
    mkfifo pipe
    for row in 'TERM 143' 'INT 130'; do
        read -r signal code <<<"$row"
        for command in 'show -' 'verify -' 'extract -' 'gen-sign-data -o o -' 'compare own.sgxs -' 'transcript -' \
            'set-sig --to o own.sgxs - pub.pem' "sign --yes --key $RELEASE --module $SOFTHSM -o o -"; do
            # The pipe is held open and gives nothing: the read waits.
            # shellcheck disable=SC2086
            "$ENSIGN" $command <>pipe >"$BATS_TEST_TMPDIR/o" 2>"$BATS_TEST_TMPDIR/e" &
            pid=$!
            for _ in {1..1500}; do
                grep -q '^SigCgt:.*[1-9a-f]' "/proc/$pid/status" && grep -q '^State:.*S' "/proc/$pid/status" && break
                sleep 0.02
            done
            sleep 0.2
            kill "-$signal" "$pid"
            status=0
            wait "$pid" || status=$?
            [ "$status" -eq "$code" ] || fail "$command: $status after SIG$signal" "$(cat "$BATS_TEST_TMPDIR/e")"
            grep -q '^ensign: .*interrupted' "$BATS_TEST_TMPDIR/e" || fail "$command says nothing"
        done
    done
}
