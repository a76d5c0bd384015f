#!/usr/bin/env bats
# orc_peer.bats: ensign beside orc 0.3.0, the program whose options and bundles it has to share.
#
# The same options give the same digest; what one attaches the other reads. orc exits 0 on usage
# errors, so its success is judged by what it wrote and never by its exit status alone.
# Without orc on the PATH every test is skipped; with ENSIGN_REQUIRE_ORC=1 its absence is a failure.
# shellcheck disable=SC2154  # bats sets $status, $output and $lines

bats_require_minimum_version 1.5.0

INTEROP=$BATS_TEST_DIRNAME
ROOT=$(cd "$INTEROP/../.." && pwd)
ENSIGN=${ENSIGN:-$ROOT/build/release/ensign}
[[ $ENSIGN = /* ]] || ENSIGN=$ROOT/$ENSIGN
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
RUNTIME_ID=8000000000000000000000000000000000000000000000000000000000000001

# Both programs must see the same day, and the digests below the same locale.
export TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset SOURCE_DATE_EPOCH

# Once per file: the tests' own enclave, unsigned bundles of it, and a key with e = 3.
setup_file() {
    command -v orc >/dev/null || return 0
    cd "$BATS_FILE_TMPDIR" || return 1
    "$ROOT/tests/enclave/build.sh" enclave.sgxs >mrenclave
    "$PYTHON" "$INTEROP/mkbundle.py" unsigned.orc --sgxs enclave.sgxs --component ronl \
        --component rofl.test
    "$PYTHON" "$INTEROP/mkbundle.py" legacy.orc --sgxs enclave.sgxs --legacy
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 \
        -pkeyopt rsa_keygen_pubexp:3 -out key.pem
    openssl pkey -in key.pem -pubout -out key.pub
}

setup() {
    if ! command -v orc >/dev/null; then
        if [ "${ENSIGN_REQUIRE_ORC:-0}" = 1 ]; then
            echo "orc is required, and is not on the PATH" >&2
            return 1
        fi
        skip "orc is not installed"
    fi
    [ -x "$ENSIGN" ] || fail "$ENSIGN is not there: run make first"
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/{unsigned.orc,legacy.orc,enclave.sgxs,key.pem,key.pub} .
    MRENCLAVE=$(cat "$BATS_FILE_TMPDIR/mrenclave")
    MRSIGNER=$(openssl rsa -pubin -in key.pub -noout -modulus | "$PYTHON" -c '
import hashlib, sys
n = int(sys.stdin.read().partition("=")[2], 16)
print(hashlib.sha256(n.to_bytes(384, "little")).hexdigest())')
}

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

check() {
    "$PYTHON" "$INTEROP/check.py" "$@"
}

# digests OPTION...: both programs over unsigned.orc; fails unless both print the same 32 bytes.
# Every failure returns by itself, since a caller's || turns errexit off.
# ALLOW=--allow-unusual goes to ensign alone: orc refuses nothing.
digests() {
    rm -f orc.digest ensign.digest
    orc sgx-gen-sign-data "$@" unsigned.orc >orc.digest 2>orc.err || {
        fail "orc failed: $*" "$(cat orc.err)"
        return
    }
    [ "$(stat -c %s orc.digest)" -eq 32 ] || {
        fail "orc printed no digest: $*" "$(cat orc.err)"
        return
    }
    "$ENSIGN" sgx-gen-sign-data ${ALLOW:+"$ALLOW"} "$@" unsigned.orc >ensign.digest 2>ensign.err || {
        fail "ensign failed: $*" "$(cat ensign.err)"
        return
    }
    cmp orc.digest ensign.digest || fail "the digests differ: $*"
}

# each N TABLE: runs digests with every line of TABLE, of which there must be N, all different.
each() {
    local expected=$1 line seen=0
    local -a options
    while IFS= read -r line; do
        [ -n "$line" ] || continue
        read -ra options <<<"$line"
        digests "${options[@]}" || return 1
        sha256sum <ensign.digest >>every.digest
        seen=$((seen + 1))
    done
    [ "$seen" -eq "$expected" ] || fail "$seen combinations, not $expected"
    [ "$(sort -u every.digest | wc -l)" -eq "$expected" ] || fail "two combinations have one digest"
}

# sign_orc_digest OUT OPTION...: openssl signs what orc says is to be signed.
sign_orc_digest() {
    local out=$1
    shift
    orc sgx-gen-sign-data "$@" >to-sign
    [ "$(stat -c %s to-sign)" -eq 32 ] || fail "orc printed no digest: $*"
    openssl pkeyutl -sign -inkey key.pem -pkeyopt digest:sha256 -in to-sign -out "$out"
}

# entry BUNDLE NAME: the bytes of one file in a bundle.
entry() {
    "$PYTHON" -c 'import sys, zipfile
sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' "$1" "$2"
}

# shown BUNDLE: `orc show`, its digests sorted as ensign prints them, into orc.shown. It must have
# come to the end, since its exit status says little.
shown() {
    orc show "$1" >orc.raw 2>orc.err || fail "orc show refuses $1" "$(cat orc.err)"
    sed '/^Digests:$/q' orc.raw >orc.shown
    grep -qx 'Digests:' orc.shown || fail "orc show printed no digests" "$(cat orc.raw orc.err)"
    sed '1,/^Digests:$/d' orc.raw | LC_ALL=C sort >>orc.shown
}

# lines_within A B: every line of A is a line of B, in the same order.
lines_within() {
    "$PYTHON" - "$1" "$2" <<'PY'
import sys
few, many = (open(name, encoding="utf-8").read().splitlines() for name in sys.argv[1:])
rest = iter(many)
for line in few:
    if line not in rest:
        sys.exit(f"not there, or not in this order: {line!r}")
PY
}

@test "orc: same digest for dates, SWDEFINED, ISVPRODID and ISVSVN in every notation" {
    each 18 <<'OPTIONS'
--date 20240229
--date=20000101
--date 99991231
--date 20240229 -s 1
--date 20240229 -s 0xffffffff
--date 20240229 --swdefined=0b1010
--date 20240229 --swdefined 0o17
--date 20240229 -p 1
--date 20240229 -p 65535
--date 20240229 --isvprodid 0x1234
--date 20240229 -v 1
--date 20240229 -v 65535
--date 20240229 --isvsvn=0xff
--date 20240229 -p 5 -v 12
--date 20240229 -s 7 -p 5 -v 12
--date 20251231 -s7 -p5 -v12
--date 20251231 -v 13 -p 5 -s 7
--isvsvn 3 --isvprodid 2 --swdefined 1 --date 20200101
OPTIONS
}

@test "orc: same digest for MISCSELECT, ATTRIBUTES, XFRM and their inverse masks" {
    each 18 <<'OPTIONS'
--date 20240229 -m 1/0
--date 20240229 -m 0x3/0x0
--date 20240229 -m 1/0xfffffffe
--date 20240229 --miscselect=0/0xffffffff
--date 20240229 -a 0x4/0x0
--date 20240229 -a 4/0x80
--date 20240229 -a 0x14/0x2
--date 20240229 -a 0x24/0x0
--date 20240229 -a 0x84/0x2
--date 20240229 -a 0x404/0x0
--date 20240229 --attributes 0x94/0xff00000000000000
--date 20240229 -x 0x3/0x0
--date 20240229 -x 0x7/0x0
--date 20240229 -x 0xe7/0x4
--date 20240229 --xfrm=0xe7/0xe4
--date 20240229 -x 0x602e7/0x0
--date 20240229 -m 1/0 -a 0x14/0x0 -x 0x7/0x4
--date 20240229 -m 1/0 -a 0x84/0x0 -x 0xe7/0x0 -s 3 -p 4 -v 5
OPTIONS
}

@test "orc: same digest for --debug and --32bit, alone and with masks" {
    each 8 <<'OPTIONS'
--date 20240229 -d
--date 20240229 --debug -v 2
--date 20240229 --debug -a 0x4/0x0 -v 3
--date 20240229 --32bit
--date 20240229 --32bit -p 9
--date 20240229 --32bit -a 0x0/0x4
--date 20240229 --32bit --debug
--date 20240229 -d -m 1/0 -x 0x7/0x0 -v 1
OPTIONS
}

@test "orc: same digest for what ensign signs with --allow-unusual only" {
    ALLOW=--allow-unusual
    each 9 <<'OPTIONS'
--date 20240229 -a 0x5/0x0
--date 20240229 -a 0x0/0x2
--date 20240229 -a 0xc/0x0
--date 20240229 -a 0x8000000000000004/0x0
--date 20240229 -x 0x0/0x0
--date 20240229 -x 0x1/0x0
--date 20240229 -x 0xb/0x0
--date 20240229 -x 0xe3/0x0
--date 20240229 -x 0x20003/0x0
OPTIONS
}

@test "orc: the defaults are the same, and the same as when they are written out" {
    digests --date 20240229
    mv orc.digest default.digest
    digests --date 20240229 -s 0 -p 0 -v 0 -m 0/0 -a 0x4/0x2 -x 0x3/0x3
    cmp default.digest orc.digest
}

@test "orc: the same day where none is given" {
    # Midnight may pass between the two runs: then once more.
    digests || digests
}

@test "orc: same digest for a rofl component and for a legacy bundle" {
    digests --date 20240229 --component rofl.test -v 4
    cp legacy.orc unsigned.orc
    digests --date 20240229 -v 4
}

@test "orc: the digest is SHA-256 of the 256 bytes that gen-sign-data writes" {
    digests --date 20240229 -v 4
    "$ENSIGN" gen-sign-data --date 20240229 -v 4 --component ronl -o own.signdata unsigned.orc
    check signdata --mrenclave "$MRENCLAVE" own.signdata
    openssl dgst -sha256 -binary own.signdata | cmp - orc.digest
}

@test "orc attaches a signature: ensign show and check.py accept the bundle" {
    sign_orc_digest one.sig --date 20240229 -v 12 -p 5 unsigned.orc
    cp unsigned.orc signed.orc
    orc sgx-set-sig --date 20240229 -v 12 -p 5 signed.orc one.sig key.pub
    run -1 cmp -s unsigned.orc signed.orc
    entry signed.orc ronl.sgx.sig >sigstruct
    check sigstruct --mrenclave "$MRENCLAVE" --mrsigner "$MRSIGNER" sigstruct
    check bundle --mrenclave "$MRENCLAVE" signed.orc
    run -0 "$ENSIGN" show signed.orc
    [[ $output = *"$MRENCLAVE"* ]]
    [[ $output = *"$MRSIGNER"* ]]
}

@test "ensign attaches a signature: orc show accepts the bundle" {
    sign_orc_digest one.sig --date 20240229 -v 12 -p 5 unsigned.orc
    cp unsigned.orc signed.orc
    "$ENSIGN" sgx-set-sig --date 20240229 -v 12 -p 5 signed.orc one.sig key.pub
    check bundle --written --mrenclave "$MRENCLAVE" signed.orc
    shown signed.orc
    grep -q "MRENCLAVE: *$MRENCLAVE" orc.shown
    grep -q "MRSIGNER: *$MRSIGNER" orc.shown
    grep -q 'ISV SVN: *12$' orc.shown
    grep -q 'ISV product ID: *5$' orc.shown
}

@test "both attach the same SIGSTRUCT, under the same name" {
    sign_orc_digest one.sig --date 20240229 -v 12 unsigned.orc
    cp unsigned.orc by-orc.orc
    cp unsigned.orc by-ensign.orc
    orc sgx-set-sig --date 20240229 -v 12 by-orc.orc one.sig key.pub
    "$ENSIGN" sgx-set-sig --date 20240229 -v 12 by-ensign.orc one.sig key.pub
    entry by-orc.orc ronl.sgx.sig >by-orc.css
    entry by-ensign.orc ronl.sgx.sig >by-ensign.css
    cmp by-orc.css by-ensign.css
}

@test "both attach to a rofl component and leave ronl alone" {
    sign_orc_digest one.sig --date 20240229 --component rofl.test unsigned.orc
    cp unsigned.orc by-orc.orc
    cp unsigned.orc by-ensign.orc
    orc sgx-set-sig --date 20240229 --component rofl.test by-orc.orc one.sig key.pub
    "$ENSIGN" sgx-set-sig --date 20240229 --component rofl.test by-ensign.orc one.sig key.pub
    shown by-orc.orc
    tail -n +2 orc.shown >by-orc.shown
    shown by-ensign.orc
    tail -n +2 orc.shown | diff by-orc.shown -
    [ "$(grep -c 'UNSIGNED' by-orc.shown)" -eq 1 ]
    grep -q "MRSIGNER: *$MRSIGNER" by-orc.shown
}

@test "orc reads what ensign signed in a legacy bundle" {
    sign_orc_digest one.sig --date 20240229 legacy.orc
    "$ENSIGN" sgx-set-sig --date 20240229 legacy.orc one.sig key.pub
    check bundle --written --mrenclave "$MRENCLAVE" --mrsigner "$MRSIGNER" legacy.orc
    shown legacy.orc
    grep -q "MRSIGNER: *$MRSIGNER" orc.shown
}

@test "orc's own bundle: ensign reads it, signs it, and orc reads the result" {
    "$PYTHON" -c 'import sys
sys.path.insert(0, sys.argv[1])
import mkbundle
open("app", "wb").write(mkbundle.tiny_elf())' "$INTEROP"
    orc init --custom --runtime-name peer --runtime-id "$RUNTIME_ID" --runtime-version 1.2.3 \
        --sgx-executable enclave.sgxs --output own.orc app
    [ -s own.orc ] || fail "orc init wrote no bundle"
    check bundle --mrenclave "$MRENCLAVE" own.orc
    "$ENSIGN" show own.orc >ensign.shown
    grep -q "$MRENCLAVE" ensign.shown
    sign_orc_digest one.sig --date 20240229 own.orc
    "$ENSIGN" sgx-set-sig --date 20240229 own.orc one.sig key.pub
    check bundle --written --mrenclave "$MRENCLAVE" --mrsigner "$MRSIGNER" own.orc
    shown own.orc
    grep -q "MRSIGNER: *$MRSIGNER" orc.shown
}

@test "ensign show prints every line of orc show, in its order" {
    sign_orc_digest one.sig --date 20240229 -v 12 unsigned.orc
    cp unsigned.orc signed.orc
    orc sgx-set-sig --date 20240229 -v 12 signed.orc one.sig key.pub
    for bundle in unsigned.orc signed.orc legacy.orc; do
        shown "$bundle"
        "$ENSIGN" show "$bundle" >ensign.shown
        lines_within orc.shown ensign.shown || fail "$bundle"
    done
}

@test "both refuse a signature over other options, and ensign leaves the bundle as it was" {
    sign_orc_digest one.sig --date 20240229 -v 12 unsigned.orc
    cp unsigned.orc signed.orc
    orc sgx-set-sig --date 20240229 -v 13 signed.orc one.sig key.pub || true
    cmp unsigned.orc signed.orc
    run -65 "$ENSIGN" sgx-set-sig --date 20240229 -v 13 signed.orc one.sig key.pub
    cmp unsigned.orc signed.orc
}
