#!/usr/bin/env bats
# resign: all three stages for many files over one login; what it writes is what the three commands write.
# A file is signed, or it is as it was, however the run ends.

load helpers
load containers

fixtures() {
    signing_host
    test_key two two.pem
    import two.pem other 02
    bundle unsigned.orc
    bundle elsewhere.orc --sign two
    bundle twin.orc --component ronl --component rofl.one --component rofl.two
    # The stages of old, once for all tests: what resign must write.
    "$ENSIGN" gen-sign-data --date 20240229 -v 7 -o want.signdata -q unsigned.orc
    openssl dgst -sha256 -sign one.pem -out want.sig want.signdata
    "$ENSIGN" set-sig --sign-data want.signdata -q -o want.orc unsigned.orc want.sig one.pem.pub
    mrsigner one.pem.pub >signer
    mrsigner two.pem.pub >other
}

# Each test has five bundles that wait for their signature.
begin() {
    local n
    need_fault
    for n in 1 2 3 4 5; do
        cp "$BATS_FILE_TMPDIR/unsigned.orc" "f$n.orc"
    done
    WANT=$BATS_FILE_TMPDIR/want.orc
    SIGNER=$(cat "$BATS_FILE_TMPDIR/signer")
    PINFILE=$BATS_FILE_TMPDIR/pin
    ALL=(f1.orc f2.orc f3.orc f4.orc f5.orc)
}

# resign ARG...: through the counting module, its calls counted from zero, without questions.
resign() {
    : >"$FAULT_LOG"
    ens resign --key "${KEY:-$RELEASE}" --module "$FAULT" --pin-source "file:$PINFILE" --yes "$@"
}

# seven ARG...: with the options that WANT was made with.
seven() {
    resign --date 20240229 -v 7 "$@"
}

# counts LOGINS SIGNATURES, by the module's own log; every session is closed again.
counts() {
    called C_Login "$1"
    called C_Sign "$2"
    called C_CloseSession "$(calls C_OpenSession)"
    called C_Finalize "$(calls C_Initialize)"
}

# line N KEY: a value of the N-th line of JSON on stdout, as JSON.
line() {
    sed -n "$1p" "$OUT" | "$PYTHON" -c '
import json, sys
value = json.loads(sys.stdin.read())
for key in sys.argv[1].split("."):
    value = value[key]
print(json.dumps(value))' "$2"
}

# lines KEY: that value of every line but the last.
lines() {
    "$PYTHON" -c '
import json, sys
for text in open(sys.argv[1]).read().splitlines()[:-1]:
    value = json.loads(text)[sys.argv[2]]
    print(value if isinstance(value, str) else json.dumps(value))' "$OUT" "$1"
}

sums() {
    [ "$(tail -1 "$OUT" | "$PYTHON" -c '
import json, sys
s = json.loads(sys.stdin.read())["summary"]
print(*(s[k] for k in ("files", "enclaves", "signed", "skipped", "failed", "not_done")))')" = "$*" ] ||
        fail "the summary is not $*:" "$(tail -1 "$OUT")"
}

# ---- what is written ----

@test "five in place over one login: each is what the three commands make" {
    begin
    seven "${ALL[@]}"
    ok
    [ ! -s "$OUT" ]
    counts 1 5
    for f in "${ALL[@]}"; do
        same "$f" "$WANT"
        bundle_holds "$f" "$MRENCLAVE" "$SIGNER"
        says "^$f: component ronl: signed, ISVPRODID 0, ISVSVN 7, DATE 2024-02-29"
    done
    files "${ALL[@]}"
}

@test "--out-dir: under their own names there, and the inputs stay" {
    begin
    mkdir out deep
    mv f5.orc deep
    seven --out-dir out f1.orc f2.orc deep/f5.orc
    ok
    counts 1 3
    for f in f1.orc f2.orc f5.orc; do
        same "out/$f" "$WANT"
        mode_is "out/$f" 644
    done
    same f1.orc "$BATS_FILE_TMPDIR/unsigned.orc"
    same deep/f5.orc "$BATS_FILE_TMPDIR/unsigned.orc"
    [ "$(ls -A out)" = $'f1.orc\nf2.orc\nf5.orc' ]
}

@test "any number of workers gives the same files" {
    begin
    for jobs in 1 2 3 16 256; do
        rm -rf out
        mkdir out
        seven --jobs "$jobs" --out-dir out "${ALL[@]}"
        ok
        counts 1 5
        for f in "${ALL[@]}"; do same "out/$f" "$WANT"; done
    done
    for jobs in 0 257 -1 x 1.5 ''; do
        seven --jobs "$jobs" "${ALL[@]}"
        usage '--jobs'
    done
}

@test "one processor is enough" {
    begin
    : >"$FAULT_LOG"
    taskset -c 0 "$ENSIGN" resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes \
        --date 20240229 -v 7 "${ALL[@]}" 2>/dev/null
    for f in "${ALL[@]}"; do same "$f" "$WANT"; done
}

@test "mode, owner and a link to the file stay" {
    begin
    chmod 640 f1.orc
    ln -s f2.orc link.orc
    seven f1.orc link.orc
    ok
    mode_is f1.orc 640
    [ -L link.orc ]
    same f2.orc "$WANT"
    same f1.orc "$WANT"
}

# ---- fields ----

@test "a signed file keeps its fields, its date too; options change what they name" {
    begin
    sigstruct css two "$MRENCLAVE" isvsvn=3 isvprodid=9 date=0x20211231
    bundle own.orc --sig css
    cp own.orc same.orc
    resign same.orc
    ok
    ens extract -o same.css same.orc
    [ "$(field same.css isvsvn)" = 0x3 ]
    [ "$(field same.css isvprodid)" = 0x9 ]
    [ "$(field same.css date)" = 0x20211231 ]
    bundle_holds same.orc "$MRENCLAVE" "$SIGNER"
    cp own.orc next.orc
    resign -v 4 --date 20220101 next.orc
    ok
    ens extract -o next.css next.orc
    [ "$(field next.css isvsvn)" = 0x4 ]
    [ "$(field next.css isvprodid)" = 0x9 ]
    [ "$(field next.css date)" = 0x20220101 ]
}

@test "an unsigned bundle gets the defaults, and the day of SOURCE_DATE_EPOCH" {
    begin
    SOURCE_DATE_EPOCH=1709164800 resign -v 7 f1.orc
    ok
    same f1.orc "$WANT"
}

@test "--from replaces what every file starts from" {
    begin
    sigstruct css two "$MRENCLAVE" isvsvn=3 isvprodid=9 date=0x20211231
    bundle own.orc --sig css
    resign --from css f1.orc "$BATS_FILE_TMPDIR/elsewhere.orc" --out-dir . --force
    ok
    for f in f1.orc elsewhere.orc; do
        ens extract -o out.css "$f" --force
        [ "$(field out.css isvprodid)" = 0x9 ]
        [ "$(field out.css date)" = 0x20211231 ]
        [ "$(field out.css enclavehash)" = "$MRENCLAVE" ]
    done
    seven --from nosuch "${ALL[@]}"
    refused 66 'from' 'nosuch'
    [ ! -s "$FAULT_LOG" ]
}

@test "unusual fields are refused for each file, unless --allow-unusual" {
    begin
    seven -a 0x5/0x2 --xfrm 0x1/0x3 "${ALL[@]}"
    exits 65
    unchanged
    [ "$(errors | wc -l)" -eq 5 ]
    errors | grep -q '^ensign: f1.orc: component ronl: .*--allow-unusual'
    counts 1 0
    seven --xfrm 0x1/0x3 --allow-unusual f1.orc
    exits 0
    says '^ensign: warning: XFRM: x87 and SSE are not both set'
    ens extract -o css f1.orc
    [ "$(field css xfrm)" = 0x1 ]
}

# ---- components ----

@test "--component signs one, --all-components all of them in one writing" {
    begin
    cp "$BATS_FILE_TMPDIR/twin.orc" t.orc
    seven --component rofl.two t.orc
    ok
    counts 1 1
    ens verify --component rofl.two --mrsigner "$SIGNER" t.orc
    ok
    ens verify --component rofl.one t.orc
    exits 1
    seven --all-components --json t.orc f1.orc
    ok
    counts 1 4
    [ "$(lines component)" = $'ronl\nrofl.one\nrofl.two\nronl' ]
    [ "$(lines file)" = $'t.orc\nt.orc\nt.orc\nf1.orc' ]
    sums 2 4 4 0 0 0
    ens verify --mrsigner "$SIGNER" t.orc
    ok
    same f1.orc "$WANT"
    # What the commands write one after the other, these write at once.
    cp "$BATS_FILE_TMPDIR/twin.orc" once.orc
    seven --all-components once.orc
    cp "$BATS_FILE_TMPDIR/twin.orc" thrice.orc
    for id in ronl rofl.one rofl.two; do
        ens set-sig --component "$id" --sign-data "$BATS_FILE_TMPDIR/want.signdata" thrice.orc \
            "$BATS_FILE_TMPDIR/want.sig" "$BATS_FILE_TMPDIR/one.pem.pub"
        ok
    done
    same once.orc thrice.orc
    seven --component ronl --all-components t.orc
    usage '--component' '--all-components'
    seven --component rofl.three t.orc f1.orc
    exits 65
    unchanged
}

@test "--all-components --resume signs what is missing, and keeps the others" {
    begin
    cp "$BATS_FILE_TMPDIR/twin.orc" t.orc
    seven --component rofl.one t.orc
    seven --all-components --resume --json t.orc
    ok
    counts 1 2
    [ "$(lines status)" = $'signed\nskipped\nsigned' ]
    sums 1 3 2 1 0 0
    cp "$BATS_FILE_TMPDIR/twin.orc" once.orc
    seven --all-components once.orc
    same t.orc once.orc
}

@test "one component that is refused: the file stays as it was" {
    begin
    cp "$BATS_FILE_TMPDIR/twin.orc" t.orc
    sigstruct css two "$MRENCLAVE" isvsvn=3
    ens set-sig --component rofl.one t.orc css
    ok
    policy policy 'isvsvn >= 7'
    resign --date 20240229 --policy policy --all-components --json t.orc
    exits 77
    unchanged
    counts 1 0
    [ "$(lines status)" = $'failed\nfailed\nfailed' ]
}

# ---- containers ----

@test "every container that set-sig writes: the same bytes as by the three commands" {
    begin
    local all=() name
    for name in $INTEL; do
        vector "intel-$name.signed.so" "intel-$name.so"
        all+=("intel-$name.so")
    done
    for name in oe-0.19 ego; do
        vector "$name.signed" "$name.so"
        all+=("$name.so")
    done
    sigstruct raw.css two "$MRENCLAVE" isvsvn=3
    all+=(raw.css f1.orc)
    mkdir three one
    cp "${all[@]}" one
    for name in "${all[@]}"; do
        [ "$name" != f1.orc ] || continue
        stages "$name" -v 9
        ens set-sig -o "three/$name" --sign-data "$name.signdata" "$name" "$name.sig" \
            "$BATS_FILE_TMPDIR/one.pem.pub"
        ok
    done
    cd one
    resign -v 9 --json "${all[@]}"
    exits 0
    sums "${#all[@]}" "${#all[@]}" "${#all[@]}" 0 0 0
    for name in "${all[@]}"; do
        [ "$name" = f1.orc ] || same "$name" "../three/$name"
    done
    # Nothing is left to do.
    resign -v 9 --json --resume "${all[@]}"
    exits 0
    sums "${#all[@]}" "${#all[@]}" 0 "${#all[@]}" 0 0
    called C_Sign 0
    unchanged
}

@test "a bare stream, an unsigned ELF file and what is not a container are refused, each by itself" {
    begin
    enclave own.sgxs
    echo words >words
    sign_data a.signdata "$MRENCLAVE"
    seven --json own.sgxs f1.orc words a.signdata f2.orc
    exits 65
    [ "$(lines status)" = $'failed\nsigned\nfailed\nfailed\nsigned' ]
    errors | head -1 | grep -Eq 'own.sgxs.*bare stream.*set-sig --to'
    [ "$(errors | wc -l)" -eq 3 ]
    same f2.orc "$WANT"
}

# ---- good and bad together ----

@test "a file that fails is said, the others go on; the first failure is the status" {
    begin
    head -c 500 f2.orc >cut.orc
    mkdir directory.orc
    seven --json f1.orc nosuch.orc cut.orc f3.orc directory.orc f5.orc
    exits 66
    [ "$(lines file)" = $'f1.orc\nnosuch.orc\ncut.orc\nf3.orc\ndirectory.orc\nf5.orc' ]
    [ "$(lines status)" = $'signed\nfailed\nfailed\nsigned\nfailed\nsigned' ]
    [ "$(lines exit_status)" = $'0\n66\n65\n0\n66\n0' ]
    sums 6 6 3 0 3 0
    [ "$(errors | wc -l)" -eq 3 ]
    [ "$(line 1 error)" = null ]
    [ "ensign: $(lines error | sed -n 2p)" = "$(errors | head -1)" ]
    for f in f1.orc f3.orc f5.orc; do same "$f" "$WANT"; done
    same f2.orc "$BATS_FILE_TMPDIR/unsigned.orc"
    seven cut.orc nosuch.orc
    exits 65
    seven nosuch.orc
    refused 66 'nosuch.orc' 'cannot be opened'
}

@test "a directory that cannot be written to is found before the token signs" {
    [ "$(id -u)" -ne 0 ] || skip "root may write everywhere"
    begin
    mkdir fixed
    mv f1.orc fixed
    chmod 555 fixed
    seven fixed/f1.orc
    refused 73 'fixed/f1.orc'
    called C_Sign 0
}

# ---- JSON Lines ----

@test "--json: one object for each enclave, in the order given, whoever finished first" {
    begin
    # The first one takes longest.
    "$PYTHON" "$INTEROP/mkbundle.py" big.orc --sgxs "$BATS_FILE_TMPDIR/own.sgxs" \
        --elf <(head -c 30000000 /dev/urandom) --compress store
    seven --json --jobs 8 big.orc "${ALL[@]}"
    ok
    [ "$(lines file)" = $'big.orc\nf1.orc\nf2.orc\nf3.orc\nf4.orc\nf5.orc' ]
    [ "$(wc -l <"$OUT")" -eq 7 ]
    [ "$(line 1 component)" = '"ronl"' ]
    [ "$(line 2 output)" = '"f1.orc"' ]
    [ "$(line 2 mrenclave)" = "\"$MRENCLAVE\"" ]
    [ "$(line 2 mrsigner)" = "\"$SIGNER\"" ]
    [ "$(line 2 isvprodid)" = 0 ]
    [ "$(line 2 isvsvn)" = 7 ]
    [ "$(line 2 date)" = '"2024-02-29"' ]
    [ "$(line 2 digest)" = "\"$(sha256 "$BATS_FILE_TMPDIR/want.signdata")\"" ]
    [ "$(line 2 error)" = null ]
    sums 6 6 6 0 0 0
}

@test "--json: hash of the signature, dangers, times and reasons of each file" {
    begin
    seven --forbid-debug f1.orc
    ens extract -o css f1.orc
    # SIGNATURE is little-endian there.
    sum=$("$PYTHON" -c 'import hashlib; print(hashlib.sha256(open("css", "rb").read()[516:900][::-1]).hexdigest())')
    seven --json --forbid-debug f1.orc
    ok
    [ "$(line 1 signature_sha256)" = "\"$sum\"" ]
    [ "$(line 1 dangers)" = '[]' ]
    [ "$(line 1 reason)" = null ]
    printf 'no bundle' >bad.orc
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    seven --json --resume --forbid-debug f1.orc bad.orc
    exits 65
    says 'bad.orc'
    [ "$(line 1 status)" = '"skipped"' ]
    [ "$(line 1 signature_sha256)" = "\"$sum\"" ]
    [ "$(line 1 reason)" = '"signed already, and verifies"' ]
    [ "$(line 2 signature_sha256)" = null ]
    [ "$(line 2 reason)" = "$(line 2 error)" ] && [ "$(line 2 reason)" != null ]
    for row in 1 2; do
        started=$(line $row started) ended=$(line $row ended)
        [[ $started =~ ^\"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z\"$ ]]
        [[ ! $started < "\"$now\"" && ! $ended < $started ]]
    done
    seven --json f2.orc
    [ "$(line 1 dangers)" = '["DEBUG not enforced"]' ]
    # What nobody got to has no end.
    seven --json --dry-run f3.orc
    [ "$(line 1 ended)" = null ]
    rm css
}

@test "--files-from: names from a file or stdin, a line each, or each with a zero byte" {
    begin
    cp f1.orc $'odd\n-name.orc'
    printf '%s\n' f2.orc '' f3.orc >list
    seven --files-from list f1.orc
    ok
    for f in f1 f2 f3; do same $f.orc "$WANT"; done
    # No end at the last one, and a name that begins as an option.
    cp f4.orc ./--odd
    printf 'f4.orc\n--odd' >list
    STDIN=list seven --files-from -
    ok
    same f4.orc "$WANT"
    same ./--odd "$WANT"
    printf '%s\0' $'odd\n-name.orc' f5.orc >zeros
    STDIN=zeros seven -0 --json --files-from=-
    ok
    same $'odd\n-name.orc' "$WANT"
    [ "$(line 1 file)" = '"odd\n-name.orc"' ]
    sums 2 2 2 0 0 0
    rm ./--odd
}

@test "--files-from: what cannot be meant is refused, and nothing is signed" {
    begin
    printf 'f1.orc\0' >zeros
    printf '%s\n' f1.orc - >dash
    printf '\n\n' >empty
    seven --files-from zeros
    refused 65 '^ensign: --files-from: zeros: has zero bytes: give -0'
    seven --files-from empty
    refused 64 'too few'
    seven -0 f1.orc
    refused 64 '^ensign: --null: is about --files-from'
    STDIN=dash seven --files-from -
    refused 64 'stdin is read once'
    seven --files-from nosuch
    refused 66 '^ensign: --files-from: nosuch: '
    seven --files-from dash --files-from empty
    refused 64 'files-from'
    # The list is an input as any other, and what it names are operands.
    printf 'f2.orc\nf2.orc\n' >twice
    seven --files-from twice
    refused 64 'is the same file'
    cp f1.orc record
    printf 'record\n' >other
    seven --files-from other --transcript record
    refused 64 'record.*the same file'
    yes f1.orc | head -n 70000 >many
    seven --files-from many
    refused 64 'more than 65536'
    called C_Sign 0
}

@test "--json: a line is there as soon as those before it are" {
    begin
    export ENSIGN_FAULT=delay=2000
    "$ENSIGN" resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --quiet \
        --date 20240229 --json "${ALL[@]}" 2>"$BATS_TEST_TMPDIR/err" | {
        read -r first
        # Four of five are still to be signed.
        calls C_Sign >"$BATS_TEST_TMPDIR/so.far"
        printf '%s\n' "$first" >"$BATS_TEST_TMPDIR/first"
        cat >/dev/null
    }
    [ "$(cat "$BATS_TEST_TMPDIR/so.far")" -lt 5 ]
    grep -q '^{"file": "f1.orc", .*}$' "$BATS_TEST_TMPDIR/first"
}

@test "--json: a reader that goes away stops no signature, and is an error" {
    begin
    {
        status=0
        "$ENSIGN" resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --quiet \
            --date 20240229 -v 7 --json "${ALL[@]}" 2>"$BATS_TEST_TMPDIR/err" || status=$?
        echo "$status" >"$BATS_TEST_TMPDIR/rc"
    } | true
    [ "$(cat "$BATS_TEST_TMPDIR/rc")" -eq 74 ]
    for f in "${ALL[@]}"; do same "$f" "$WANT"; done
}

@test "a name of a file cannot forge a line" {
    begin
    cp f1.orc $'new\nline": \e[31m.orc'
    seven --json $'new\nline": \e[31m.orc'
    exits 0
    plain "$OUT"
    [ "$(wc -l <"$OUT")" -eq 2 ]
    [ "$(line 1 file)" = '"new\nline\": \u001b[31m.orc"' ]
    not grep -q $'\e' "$ERR"
}

# ---- resume ----

@test "--resume in place: what is signed with these fields is kept, the rest is signed" {
    begin
    seven f2.orc f4.orc
    seven --resume --json "${ALL[@]}"
    ok
    counts 1 3
    [ "$(lines status)" = $'signed\nskipped\nsigned\nskipped\nsigned' ]
    for f in "${ALL[@]}"; do same "$f" "$WANT"; done
    # Other fields, another key: signed again.
    resign --resume --json -v 8 f1.orc
    ok
    called C_Sign 1
    KEY='pkcs11:token=ensign;object=other' seven --resume --json f2.orc f3.orc
    ok
    called C_Sign 2
    sums 2 2 2 0 0 0
    bundle_holds f2.orc "$MRENCLAVE" "$(cat "$BATS_FILE_TMPDIR/other")"
}

@test "--resume --out-dir: outputs that are what would be written are kept, all else needs --force" {
    begin
    mkdir out
    seven --out-dir out f1.orc f2.orc
    seven --out-dir out --resume --json "${ALL[@]}"
    ok
    counts 1 3
    sums 5 5 3 2 0 0
    for f in "${ALL[@]}"; do same "out/$f" "$WANT"; done
    # Not without --resume.
    seven --out-dir out "${ALL[@]}"
    exits 73
    unchanged
    called C_Sign 0
    [ "$(errors | grep -c 'exists already')" -eq 5 ]
    # Another signer, other fields, another runtime, no bundle at all.
    cp "$BATS_FILE_TMPDIR/elsewhere.orc" out/f1.orc
    echo words >out/f2.orc
    bundle changed.orc --version 9.9.9
    ens set-sig --sign-data "$BATS_FILE_TMPDIR/want.signdata" -o out/f3.orc --force changed.orc \
        "$BATS_FILE_TMPDIR/want.sig" "$BATS_FILE_TMPDIR/one.pem.pub"
    ok
    seven --out-dir out --resume --json "${ALL[@]}"
    exits 73
    unchanged
    sums 5 5 0 2 3 0
    called C_Sign 0
    errors | grep -q 'out/f1.orc: exists, and is not f1.orc signed by this key over these fields'
    resign --date 20240229 -v 8 --out-dir out --resume f5.orc
    exits 73
    seven --out-dir out --resume --force --json "${ALL[@]}"
    ok
    sums 5 5 3 2 0 0
    for f in "${ALL[@]}"; do same "out/$f" "$WANT"; done
}

@test "--resume --out-dir: an output that was damaged is not believed" {
    begin
    mkdir out
    seven --out-dir out f1.orc
    # In the SIGSTRUCT's own bytes: the archive's CRC finds it.
    poke out/f1.orc 1200 ff00ff
    seven --out-dir out --resume f1.orc
    exits 73
    unchanged
}

@test "--resume: where nobody says which day it is, that of the finished output holds" {
    begin
    mkdir out
    resign --date 20240229 -v 7 --out-dir out f1.orc
    resign -v 7 --out-dir out --resume --json f1.orc f2.orc
    ok
    called C_Sign 1
    [ "$(lines date | head -1)" != "$(lines date | tail -1)" ] || fail "both have one date"
    SOURCE_DATE_EPOCH=1 resign -v 7 --out-dir out --resume f1.orc
    exits 73
}

@test "--resume: the policy is asked of the output that is kept" {
    begin
    mkdir out
    resign --date 20200101 -v 7 --out-dir out f1.orc
    ok
    policy policy 'date >= 20250101'
    resign -v 7 --out-dir out --resume --policy policy f1.orc
    refused 77 'out/f1.orc, which is there already: .*date'
    called C_Sign 0
    policy policy 'date >= 20200101'
    resign -v 7 --out-dir out --resume --policy policy f1.orc
    ok
    called C_Sign 0
}

@test "--resume --out-dir: the signatures of components that are not asked for count" {
    begin
    mkdir out
    cp "$BATS_FILE_TMPDIR/twin.orc" t.orc
    seven --component ronl --out-dir out t.orc
    ok
    seven --component ronl --out-dir out --resume t.orc
    ok
    called C_Sign 0
    seven --component rofl.one t.orc
    ok
    seven --component ronl --out-dir out --resume t.orc
    exits 73
    seven --component ronl --out-dir out --resume --force t.orc
    ok
    called C_Sign 1
    ens show out/t.orc
    [ "$(grep -c 'MRSIGNER: ' "$OUT")" -eq 2 ] || fail "$(cat "$OUT")"
}

@test "a file that is replaced while the token signs is kept as it then is" {
    begin
    other_enclave other.sgxs
    "$PYTHON" "$INTEROP/mkbundle.py" "$BATS_TEST_TMPDIR/other.orc" --sgxs other.sgxs
    rm other.sgxs
    cp "$BATS_TEST_TMPDIR/other.orc" "$BATS_TEST_TMPDIR/copy.orc"
    (
        for _ in {1..1500}; do
            [ "$(calls C_Sign)" -eq 0 ] || break
            sleep 0.02
        done
        mv "$BATS_TEST_TMPDIR/other.orc" f1.orc
    ) &
    ENSIGN_FAULT=delay=1500 seven f1.orc f2.orc
    wait $!
    exits 65
    errors | grep -q '^ensign: f1.orc: was changed or replaced while it was worked on, and is left as it is: run'
    same f1.orc "$BATS_TEST_TMPDIR/copy.orc"
    same f2.orc "$WANT"
    files "${ALL[@]}"
}

# One run that is killed after $1 seconds; what is left is whole, and the next run ends it. SoftHSM writes to its
# token at every login, and a kill may cut that short: each run has a fresh copy.
cut_short() {
    local seconds=$1 f
    shift
    rm -rf "$BATS_TEST_TMPDIR/tokens"
    cp -r "$BATS_FILE_TMPDIR/tokens" "$BATS_TEST_TMPDIR/tokens"
    sed "s|$BATS_FILE_TMPDIR|$BATS_TEST_TMPDIR|" "$BATS_FILE_TMPDIR/softhsm2.conf" >"$BATS_TEST_TMPDIR/softhsm2.conf"
    SOFTHSM2_CONF=$BATS_TEST_TMPDIR/softhsm2.conf timeout -s KILL "$seconds" "$ENSIGN" resign --key "$RELEASE" --module "$SOFTHSM" \
        --pin-source "file:$PINFILE" --yes --quiet --date 20240229 -v 7 "$@" "${ALL[@]}" >/dev/null 2>&1 || true
    for f in "${ALL[@]}"; do
        cmp -s "$f" "$WANT" || same "$f" "$BATS_FILE_TMPDIR/unsigned.orc"
        [ ! -e "out/$f" ] || same "out/$f" "$WANT"
    done
    [ -z "$(find . -type f ! -name 'f*.orc' ! -name '.ensign-????????')" ] || fail "$(find . -type f)"
    if find . -name '.ensign-*' | grep -q . || { seven --resume --dry-run --json "$@" "${ALL[@]}" &&
        [ "$(lines status | sort -u | wc -l)" -eq 2 ]; }; then
        echo "$seconds" >>"$BATS_TEST_TMPDIR/middle"
    fi
    seven --resume "$@" "${ALL[@]}"
    exits 0
    [ -z "$(find . -name '.ensign-*')" ] || fail "left: $(find . -name '.ensign-*')"
}

@test "killed at 50 random points: --resume ends with the bytes of a run that was not" {
    begin
    local start length f
    mkdir out
    start=$(date +%s%N)
    seven --out-dir out "${ALL[@]}"
    length=$((($(date +%s%N) - start) / 1000))
    [ "$length" -lt 900000 ] || length=900000
    RANDOM=6
    for n in {1..50}; do
        rm -rf ./* .ensign-*
        begin
        mkdir out
        if ((n % 2)); then
            cut_short "0.$(printf %06d $((RANDOM * 32768 % length + RANDOM % 1000)))"
            for f in "${ALL[@]}"; do same "$f" "$WANT"; done
        else
            cut_short "0.$(printf %06d $((RANDOM * 32768 % length + RANDOM % 1000)))" --out-dir out
            for f in "${ALL[@]}"; do same "out/$f" "$WANT"; done
        fi
    done
    # Some were cut in the middle: that is what this is about.
    [ -s "$BATS_TEST_TMPDIR/middle" ]
}

@test "what a killed run left is cleaned up, what is in use and what is not ours stays" {
    begin
    mkdir out
    echo old >.ensign-0123abcd
    echo old >out/.ensign-89abcdef
    echo mine >.ensign-notes
    echo held >.ensign-00000001
    exec 9<.ensign-00000001
    flock -n 9
    seven f1.orc
    [ -e .ensign-0123abcd ]
    seven --resume --dry-run f1.orc
    [ -e .ensign-0123abcd ]
    seven --resume f1.orc
    exits 0
    [ ! -e .ensign-0123abcd ]
    [ "$(cat .ensign-notes)" = mine ]
    [ "$(cat .ensign-00000001)" = held ]
    [ -e out/.ensign-89abcdef ]
    seven --resume --out-dir out f2.orc
    exits 0
    [ ! -e out/.ensign-89abcdef ]
    exec 9<&-
}

@test "SIGTERM at random points: nothing half done, nothing left, the session closed" {
    begin
    RANDOM=7
    local seen=0
    for n in {1..12}; do
        rm -rf ./*
        begin
        : >"$FAULT_LOG"
        status=0
        ENSIGN_FAULT=delay=20 timeout --foreground "0.$(printf %03d $((RANDOM % 120 + 10)))" "$ENSIGN" resign --key "$RELEASE" \
            --module "$FAULT" --pin-source "file:$PINFILE" --yes --date 20240229 -v 7 --json "${ALL[@]}" \
            >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
        files "${ALL[@]}"
        for f in "${ALL[@]}"; do
            cmp -s "$f" "$WANT" || same "$f" "$BATS_FILE_TMPDIR/unsigned.orc"
        done
        if [ -s "$FAULT_LOG" ] && grep -q interrupted "$BATS_TEST_TMPDIR/stderr"; then
            seen=$((seen + 1))
            called C_CloseSession "$(calls C_OpenSession)"
            called C_Finalize "$(calls C_Initialize)"
        fi
        OUT=$BATS_TEST_TMPDIR/stdout
        if [ -s "$OUT" ]; then
            signed=0
            for f in "${ALL[@]}"; do
                if cmp -s "$f" "$WANT"; then signed=$((signed + 1)); fi
            done
            sums 5 5 "$signed" 0 0 $((5 - signed))
        fi
        seven --resume "${ALL[@]}"
        ok
        for f in "${ALL[@]}"; do same "$f" "$WANT"; done
    done
    [ "$seen" -gt 0 ]
}

# ---- the token ----

@test "a wrong PIN is tried once, and nothing is begun" {
    begin
    (umask 077 && echo 999999 >wrong)
    PINFILE=$PWD/wrong seven "${ALL[@]}"
    exits 83
    unchanged
    counts 1 0
    [ "$(errors | wc -l)" -eq 1 ]
    PINFILE=$PWD/wrong seven --json "${ALL[@]}"
    exits 83
    sums 5 5 0 0 0 5
    [ "$(lines status | sort -u)" = not-done ]
}

@test "a token that fails at the third: two are signed, one failed, the rest is as it was" {
    begin
    export ENSIGN_FAULT=failat=3:0x30
    seven --json --jobs 1 "${ALL[@]}"
    exits 85
    [ "$(lines status)" = $'signed\nsigned\nfailed\nnot-done\nnot-done' ]
    sums 5 5 2 0 1 2
    called C_Sign 3
    [ "$(errors | wc -l)" -eq 1 ]
    errors | grep -q '^ensign: f3.orc: '
    same f1.orc "$WANT"
    same f2.orc "$WANT"
    for f in f3.orc f4.orc f5.orc; do same "$f" "$BATS_FILE_TMPDIR/unsigned.orc"; done
    files "${ALL[@]}"
    unset ENSIGN_FAULT
    seven --resume "${ALL[@]}"
    ok
    called C_Sign 3
    for f in "${ALL[@]}"; do same "$f" "$WANT"; done
}

@test "a signature that does not verify stops at once: 86, no further one is asked for" {
    begin
    for how in flip zero; do
        ENSIGN_FAULT=$how seven "${ALL[@]}"
        exits 86
        unchanged
        called C_Sign 1
        [ "$(errors | wc -l)" -eq 1 ]
    done
    # A bad file before it does not hide what stopped the run.
    ENSIGN_FAULT=flip seven nosuch.orc "${ALL[@]}"
    exits 86
    unchanged
}

@test "a key that cannot sign enclaves, none, and several" {
    begin
    KEY='pkcs11:token=ensign;object=nosuch' seven "${ALL[@]}"
    refused 80 'nosuch|matches'
    KEY='pkcs11:token=ensign' seven "${ALL[@]}"
    refused 81
    called C_Sign 0
}

@test "--mrsigner: another key signs nothing" {
    begin
    seven --mrsigner "$(cat "$BATS_FILE_TMPDIR/other")" "${ALL[@]}"
    refused 77 'MRSIGNER' '--mrsigner'
    called C_Sign 0
    seven --mrsigner xyz "${ALL[@]}"
    exits 64
    [ ! -s "$FAULT_LOG" ]
    seven --mrsigner "$SIGNER" "${ALL[@]}"
    ok
}

# ---- policy ----

@test "a policy holds for each file by itself; what it says of the key for all" {
    begin
    sigstruct css two "$MRENCLAVE" isvsvn=3
    bundle old.orc --sig css
    policy policy "mrsigner $SIGNER" 'isvsvn >= 7'
    resign --json --policy policy --date 20240229 old.orc "$BATS_FILE_TMPDIR/want.orc" --out-dir . --force
    exits 77
    [ "$(lines status)" = $'failed\nsigned' ]
    errors | grep -Eq '^ensign: old.orc: component ronl: .*isvsvn'
    seven --policy policy "${ALL[@]}"
    ok
    says "Policy policy, id $(sha256 policy)"
    policy policy "mrsigner $(cat "$BATS_FILE_TMPDIR/other")"
    seven --policy policy "${ALL[@]}"
    refused 77 'mrsigner'
    called C_Sign 0
}

@test "a policy that demands approvals is for sign; the token is not woken" {
    begin
    policy policy 'approvals 1' 'approvers allowed'
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/alice"
    people allowed alice@example.org "$BATS_TEST_TMPDIR/alice.pub"
    seven --policy policy "${ALL[@]}"
    refused 77 'approvals' 'sign'
    [ ! -s "$FAULT_LOG" ]
    for line in 'transcript require' 'confirm yes' 'share token'; do
        policy policy "$line"
        seven --policy policy "${ALL[@]}"
        refused 77 "policy: ${line% *}: "
        [ ! -s "$FAULT_LOG" ]
    done
    policy policy 'isvsvn > what'
    seven --policy policy "${ALL[@]}"
    refused 65 'policy'
    seven --policy nosuch "${ALL[@]}"
    refused 66 'nosuch'
}

@test "max-items counts enclaves, with --all-components those in the bundles" {
    begin
    policy policy 'max-items 4'
    seven --policy policy "${ALL[@]}"
    refused 77 'max-items'
    [ ! -s "$FAULT_LOG" ]
    cp "$BATS_FILE_TMPDIR/twin.orc" t.orc
    seven --policy policy --all-components t.orc f1.orc f2.orc
    exits 77
    unchanged
    called C_Sign 0
    seven --policy policy --all-components t.orc f1.orc
    ok
    called C_Sign 4
}

# ---- the command line ----

@test "usage: what cannot be meant is refused before the token is woken" {
    begin
    mkdir deep
    cp f1.orc deep
    cp f2.orc hard-to-tell.orc
    ln f3.orc link.orc
    ln -s f4.orc symlink.orc
    ens resign --module "$FAULT" --yes f1.orc
    usage '--key'
    seven
    usage 'too few'
    seven --out-dir . deep/f1.orc f1.orc
    usage 'f1.orc' 'rename'
    seven f1.orc ./f1.orc
    usage 'same file'
    seven f3.orc f1.orc link.orc
    usage 'same file'
    seven symlink.orc f4.orc
    usage 'same file'
    seven -v x f1.orc f2.orc
    usage 'isvsvn'
    seven --mechanism md5 f1.orc
    usage '--mechanism'
    seven -o out f1.orc
    usage
    seven --blind f1.orc
    usage
    seven --out-dir nosuch f1.orc
    refused 73 'nosuch'
    seven --out-dir f2.orc f1.orc
    refused 73 'f2.orc'
    [ ! -s "$FAULT_LOG" ]
}

@test "--dry-run tells the dangers of the run" {
    begin
    sigstruct twelve one "$MRENCLAVE" isvsvn=12
    bundle t.orc --sig twelve
    for options in --dry-run '--dry-run --json' ''; do
        # shellcheck disable=SC2086
        ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --date 20240229 $options -v 1 t.orc
        exits 0
        says '^ensign: warning: ISVSVN falls from 12 to 1: verifiers'
        says '^ensign: warning: DEBUG is not enforced'
    done
}

@test "--dry-run does everything but sign" {
    begin
    mkdir out
    head -c 500 f1.orc >cut.orc
    seven --dry-run "${ALL[@]}"
    ok
    unchanged
    counts 1 0
    says 'nothing was signed'
    seven --dry-run --json --out-dir out f1.orc cut.orc f2.orc
    exits 65
    unchanged
    [ "$(lines status)" = $'not-done\nfailed\nnot-done' ]
    called C_Sign 0
}

@test "--quiet: no words but warnings and errors" {
    begin
    seven --quiet f1.orc nosuch.orc f2.orc
    exits 66
    [ "$(wc -l <"$ERR")" -eq 2 ]
    warned '2 of 2: DEBUG'
}

# ---- the operator ----

@test "without --yes and without a terminal: 77, the token is not woken" {
    begin
    : >"$FAULT_LOG"
    ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" "${ALL[@]}"
    refused 77 'terminal' '--yes'
    [ ! -s "$FAULT_LOG" ]
}

@test "on a terminal: one table, one question, then all are signed" {
    begin
    tty_ens 'Sign these 5, .*\? Type' yes -- resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        --date 20240229 -v 7 "${ALL[@]}"
    exits 0
    counts 1 5
    tr -d " \r\n" <"$OUT" | grep -q "MRSIGNER$SIGNER"
    prints '^  ! 5 f5\.orc ronl +[0-9a-f]{8}\.\.[0-9a-f]{4} .* -> 7 '
    prints '^Files       5, in place'
    for f in "${ALL[@]}"; do same "$f" "$WANT"; done
}

@test "on a terminal: one enclave is reviewed with its words; any answer but yes signs nothing" {
    begin
    tty_ens 'Sign this, with 1 danger\?' no -- resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" \
        --date 20240229 -v 7 f1.orc
    exits 77
    unchanged
    counts 1 0
    prints 'ISVSVN 7'
    prints '^File        f1\.orc ronl, in place'
    tty_ens 'Sign these 5, .*\? Type' '' 'yes or no: ' y 'yes or no: ' Yes -- resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" "${ALL[@]}"
    exits 77
    unchanged
    tty_ens 'Sign these 5, .*\? Type' ^C -- resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" "${ALL[@]}"
    exits 130
    unchanged
}

@test "on a terminal: what fails is said before the question, and counts no more" {
    begin
    tty_ens 'nosuch.orc: cannot be opened[^?]*Sign these 2, .*\? Type' yes -- resign --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --date 20240229 -v 7 f1.orc nosuch.orc f2.orc
    exits 66
    [ "$(grep -c 'nosuch.orc: cannot' "$OUT")" -eq 1 ]
    same f1.orc "$WANT"
    same f2.orc "$WANT"
}

@test "on a terminal: rate and time left, which are gone at the end; elsewhere and with --quiet nothing" {
    begin
    local slow=delay=400 options=(--key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --yes --date 20240229)
    ENSIGN_FAULT=$slow tty_ens -- resign "${options[@]}" -v 8 "${ALL[@]}"
    exits 0
    # The line stands at the left margin, and is overwritten with blanks before another one.
    tr '\r' '\n' <"$OUT" | grep -aEq '^signing 1 of 5: [a-z0-9.]+ +$' || fail "$(cat -v "$OUT")"
    tr '\r' '\n' <"$OUT" | grep -aEq '^signed [234] of 5, [0-9]\.[0-9] a second, [0-9] s left +$' || fail "$(cat -v "$OUT")"
    tail -1 "$OUT" | tr '\r' '\n' | grep -q '^5 enclaves in 5 files: 5 signed' || fail "$(cat -v "$OUT")"
    ENSIGN_FAULT=$slow tty_ens -- resign "${options[@]}" -v 9 --quiet "${ALL[@]}"
    exits 0
    not grep -aE 'a second' "$OUT"
    ENSIGN_FAULT=$slow resign --date 20240229 -v 10 "${ALL[@]}"
    ok
    not grep -aE 'a second' "$ERR"
}

# replaced_meanwhile OTHER FILE QUESTION ARG...: as tty_ens, but FILE becomes OTHER between the question and the answer.
replaced_meanwhile() {
    need_terminal
    status=0
    "$PYTHON" - "$BATS_TEST_TMPDIR/stdout" "$@" <<'PY' || status=$?
import os, pty, sys
out, other, name, question, *command = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(command[0], command)
seen = b""
while question.encode() not in seen:
    seen += os.read(fd, 65536)
os.rename(other, name)
os.write(fd, b"yes\n")
try:
    while piece := os.read(fd, 65536):
        seen += piece
except OSError:
    pass
open(out, "wb").write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
}

@test "on a terminal: a file that changes after it was shown is not signed" {
    begin
    other_enclave other.sgxs
    "$PYTHON" "$INTEROP/mkbundle.py" "$BATS_TEST_TMPDIR/other.orc" --sgxs other.sgxs
    rm other.sgxs
    cp "$BATS_TEST_TMPDIR/other.orc" "$BATS_TEST_TMPDIR/copy.orc"
    replaced_meanwhile "$BATS_TEST_TMPDIR/other.orc" f5.orc 'Type yes to sign: ' "$ENSIGN" resign --key "$RELEASE" \
        --module "$FAULT" --pin-source "file:$PINFILE" --date 20240229 -v 7 "${ALL[@]}"
    [ "$status" -eq 65 ]
    grep -q 'f5.orc: has changed since it was confirmed' "$BATS_TEST_TMPDIR/stdout"
    called C_Sign 4
    same f5.orc "$BATS_TEST_TMPDIR/copy.orc"
    for f in f1.orc f2.orc f3.orc f4.orc; do same "$f" "$WANT"; done
}

@test "on a terminal: components that exchange their names after they were shown are not signed" {
    begin
    # One enclave in both, so that all that is signed stays the same.
    bundle t.orc --component ronl --component rofl.one
    bundle "$BATS_TEST_TMPDIR/other.orc" --component rofl.one --component ronl
    cp "$BATS_TEST_TMPDIR/other.orc" "$BATS_TEST_TMPDIR/copy.orc"
    replaced_meanwhile "$BATS_TEST_TMPDIR/other.orc" t.orc 'Type yes to sign: ' "$ENSIGN" resign --key "$RELEASE" \
        --module "$FAULT" --pin-source "file:$PINFILE" --date 20240229 -v 7 --all-components t.orc
    [ "$status" -eq 65 ]
    grep -q 't.orc: has changed since it was confirmed' "$BATS_TEST_TMPDIR/stdout"
    called C_Sign 0
    same t.orc "$BATS_TEST_TMPDIR/copy.orc"
}

# asked_then_replaced OTHER FILE QUESTION: one file, exchanged under the question.
asked_then_replaced() {
    cp "$1" "$BATS_TEST_TMPDIR/copy.orc"
    replaced_meanwhile "$1" "$2" 'Type yes to sign: ' "$ENSIGN" resign --key "$RELEASE" --module "$FAULT" \
        --pin-source "file:$PINFILE" --date 20240229 -v 30 "$2"
    [ "$status" -eq 65 ]
    grep -q "$2: has changed since it was confirmed" "$BATS_TEST_TMPDIR/stdout"
    called C_Sign 0
    same "$2" "$BATS_TEST_TMPDIR/copy.orc"
}

@test "on a terminal: a file with the same 256 bytes to be signed is another file all the same" {
    begin
    # The table told ISVSVN 20 and its signer.
    sigstruct twenty one "$MRENCLAVE" isvsvn=20
    sigstruct forty one "$MRENCLAVE" isvsvn=40
    sigstruct other two "$MRENCLAVE" isvsvn=20
    bundle t.orc --sig twenty
    cp t.orc "$BATS_TEST_TMPDIR/20.orc"
    bundle "$BATS_TEST_TMPDIR/40.orc" --sig forty
    asked_then_replaced "$BATS_TEST_TMPDIR/40.orc" t.orc
    cp "$BATS_TEST_TMPDIR/20.orc" t.orc
    bundle "$BATS_TEST_TMPDIR/two.orc" --sig other
    asked_then_replaced "$BATS_TEST_TMPDIR/two.orc" t.orc
    # Nothing that the table told, but another name.
    cp "$BATS_TEST_TMPDIR/20.orc" t.orc
    bundle "$BATS_TEST_TMPDIR/name.orc" --sig twenty --name another
    asked_then_replaced "$BATS_TEST_TMPDIR/name.orc" t.orc
    # The same bytes in another file are what was shown.
    cp "$BATS_TEST_TMPDIR/20.orc" t.orc
    replaced_meanwhile "$BATS_TEST_TMPDIR/20.orc" t.orc 'Type yes to sign: ' "$ENSIGN" resign --key "$RELEASE" \
        --module "$FAULT" --pin-source "file:$PINFILE" --date 20240229 -v 30 t.orc
    [ "$status" -eq 0 ]
    grep -q 'ISVSVN 20 -> 30' "$BATS_TEST_TMPDIR/stdout"
}

@test "on a terminal: enclaves and files are counted apart" {
    begin
    bundle t.orc --component ronl --component rofl.one
    tty_ens 'to sign: ' no -- resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$PINFILE" --date 20240229 \
        -v 7 --all-components t.orc f1.orc f2.orc
    exits 77
    grep -aq '^4 enclaves in 3 files, all with' "$OUT"
    grep -aq '^Files  *3, in place' "$OUT"
    grep -aq '^Sign these 4, ' "$OUT"
}

# ---- many ----

@test "a thousand bundles, every one whole, and no file open too many" {
    begin
    mkdir in out
    for n in {1..1000}; do ln f1.orc "in/b$n.orc"; done
    ulimit -S -n 256
    LIMIT=280 seven --json --jobs 64 --out-dir out in/*.orc >/dev/null
    exits 0
    sums 1000 1000 1000 0 0 0
    counts 1 1000
    [ "$(find out -type f | wc -l)" -eq 1000 ]
    [ "$(sha256sum out/*.orc | cut -d' ' -f1 | sort -u)" = "$(sha256 "$WANT")" ]
    [ "$(lines file)" = "$(printf '%s\n' in/*.orc)" ]
    LIMIT=280 seven --json --resume --out-dir out in/*.orc >/dev/null
    exits 0
    sums 1000 1000 0 1000 0 0
    called C_Sign 0
}
