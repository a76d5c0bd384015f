#!/usr/bin/env bats
# sgxs_peer.bats: ensign beside Fortanix' sgxs-tools, whose streams and .sig files it shares.
#
# The same options, date and key give the same 1808 bytes; a stream that one of them makes or measures has the same
# MRENCLAVE for the other. Without sgxs-sign on the PATH every test is skipped; with ENSIGN_REQUIRE_SGXS_TOOLS=1 its
# absence is a failure.
# shellcheck disable=SC2154  # bats sets $status, $output and $lines

bats_require_minimum_version 1.5.0

INTEROP=$BATS_TEST_DIRNAME
ROOT=$(cd "$INTEROP/../.." && pwd)
ENSIGN=${ENSIGN:-$ROOT/build/release/ensign}
[[ $ENSIGN = /* ]] || ENSIGN=$ROOT/$ENSIGN
STREAMS=$ROOT/tests/vectors/sgxs
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
DATE=20240229

export TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset SOURCE_DATE_EPOCH

setup_file() {
    command -v sgxs-sign >/dev/null || return 0
    cd "$BATS_FILE_TMPDIR" || return 1
    "$ROOT/tests/enclave/build.sh" enclave.sgxs >mrenclave
    openssl genrsa -3 -out key.pem 3072 2>/dev/null
    openssl rsa -in key.pem -pubout -out key.pub 2>/dev/null
}

setup() {
    if ! command -v sgxs-sign >/dev/null; then
        if [ "${ENSIGN_REQUIRE_SGXS_TOOLS:-0}" = 1 ]; then
            echo "sgxs-sign is required, and is not on the PATH" >&2
            return 1
        fi
        skip "sgxs-sign is not installed"
    fi
    [ -x "$ENSIGN" ] || fail "$ENSIGN is not there: run make first"
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/{enclave.sgxs,key.pem,key.pub} .
    MRENCLAVE=$(cat "$BATS_FILE_TMPDIR/mrenclave")
}

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

not() {
    if "$@"; then
        fail "succeeded, but must not: $*"
    fi
}

check() {
    "$PYTHON" "$INTEROP/check.py" "$@"
}

# theirs OUT STREAM [OPTION...]
theirs() {
    sgxs-sign --key key.pem --date "$DATE" "${@:3}" "$2" "$1" >"$BATS_TEST_TMPDIR/log" 2>&1
}

# ours OUT STREAM [OPTION...]: the same through the three stages, openssl for the token.
ours() {
    rm -f ours.signdata ours.signature
    "$ENSIGN" gen-sign-data --quiet --date "$DATE" "${@:3}" -o ours.signdata "$2" || return
    openssl dgst -sha256 -sign key.pem -out ours.signature ours.signdata || return
    "$ENSIGN" set-sig --quiet --sign-data ours.signdata --to "$1" "$2" ours.signature key.pub
}

# same_sig STREAM [OPTION...]: both make the same 1808 bytes.
same_sig() {
    rm -f theirs.sig ours.sig
    theirs theirs.sig "$@"
    ours ours.sig "$@"
    cmp theirs.sig ours.sig || fail "differ with: ${*:2}"
}

# built.sgxs: two pages of code, one of data, a TCS with two frames of two pages, one page that is read.
build_stream() {
    head -c 5000 /dev/zero | tr '\0' '\220' >code
    echo data >data
    sgxs-build ssaframesize=2 rx=code rw=data tcs=nssa:2 r=data >built.sgxs
}

# The MRENCLAVE in a .sig.
enclavehash() {
    xxd -s 960 -l 32 -p -c 32 "$1"
}

@test "the same options give the same SIGSTRUCT, byte for byte" {
    local options
    while read -r options; do
        # shellcheck disable=SC2086  # words on purpose
        same_sig enclave.sgxs -x 3/3 $options
    done <<'END'

-p 1 -v 2
-p 65535 -v 0xffff
-s 0x01020304
-a 0x4/0x2
-a 4/0
-a 0x14/0x2
-a 0x24/0
-m 0/0
-m 1/0
-m 0/0xffffffff
-d
END
}

@test "XFRM and its mask, in every form" {
    local options
    while read -r options; do
        # shellcheck disable=SC2086
        same_sig enclave.sgxs $options
    done <<'END'
-x 3/3
-x 3/0
-x 7/7
-x 0xe7/0xe4
-x 3/0xe4
END
}

@test "the defaults are the same" {
    same_sig enclave.sgxs
}

@test "ensign verifies what sgxs-sign made, and the second implementation agrees" {
    theirs their.sig enclave.sgxs -p 3 -v 4 -a 4/0
    "$ENSIGN" verify --pubkey key.pub --mrenclave "$MRENCLAVE" --isvprodid 3 --min-isvsvn 4 --forbid-debug their.sig
    check sigstruct --mrenclave "$MRENCLAVE" their.sig
    printf '\x01' | dd of=their.sig bs=1 seek=1026 conv=notrunc status=none
    run "$ENSIGN" verify --pubkey key.pub their.sig
    [ "$status" -eq 1 ]
}

@test "sgxs-sign verifies what ensign made" {
    # With --resign-verify it reads the file that is there, and stops where that does not verify.
    ours mine.sig enclave.sgxs -p 3
    cp mine.sig kept.sig
    theirs mine.sig enclave.sgxs -p 3 --resign-verify key.pub
    cmp mine.sig kept.sig
    # The same with one byte of the signature changed: so it does look.
    "$PYTHON" -c '
data = bytearray(open("mine.sig", "rb").read()); data[600] ^= 1; open("mine.sig", "wb").write(data)'
    not theirs mine.sig enclave.sgxs -p 3 --resign-verify key.pub
}

@test "a SIGSTRUCT of sgxs-sign is taken apart, signed again and attached" {
    theirs their.sig enclave.sgxs -p 3 -v 4
    "$ENSIGN" extract --sign-data -o their.signdata their.sig
    "$ENSIGN" gen-sign-data --quiet --from their.sig --date "$DATE" -o again.signdata enclave.sgxs
    cmp their.signdata again.signdata
    "$PYTHON" "$INTEROP/mkbundle.py" app.orc --sgxs enclave.sgxs
    "$ENSIGN" set-sig --quiet app.orc their.sig
    check bundle --written --mrenclave "$MRENCLAVE" app.orc
}

@test "every stream that ensign measures has the same MRENCLAVE for sgxs-sign" {
    local measured=0 refused=0 stream
    for stream in "$STREAMS"/*.sgxs; do
        rm -f ours.signdata their.signdata their.sig
        if "$ENSIGN" gen-sign-data --quiet --date "$DATE" -o ours.signdata "$stream" 2>/dev/null; then
            theirs their.sig "$stream"
            "$ENSIGN" extract --sign-data -o their.signdata their.sig
            [ "$(xxd -s 188 -l 32 -p -c 32 ours.signdata)" = "$(enclavehash their.sig)" ] || fail "$stream"
            measured=$((measured + 1))
        else
            refused=$((refused + 1))
        fi
    done
    [ "$measured" -ge 15 ] || fail "only $measured streams were measured"
    [ "$refused" -ge 8 ] || fail "only $refused streams were refused"
}

@test "sgxs-sign signs what no processor loads, and ensign does not" {
    local stream
    for stream in empty no-ecreate outside two-ecreate tcs-reserved; do
        rm -f x.sig x.signdata
        theirs x.sig "$STREAMS/$stream.sgxs"
        [ -s x.sig ]
        run "$ENSIGN" gen-sign-data --date "$DATE" -o x.signdata "$STREAMS/$stream.sgxs"
        [ "$status" -eq 65 ]
        [ ! -e x.signdata ]
    done
}

@test "a stream of sgxs-build is measured, signed and verified" {
    build_stream
    sgxs-info summary built.sgxs >pages
    same_sig built.sgxs -x 3/3
    "$ENSIGN" show built.sgxs >shown
    grep -q "$(enclavehash ours.sig)" shown
    # As many pages as sgxs-info finds, one of them a TCS.
    [ "$(grep -c 'Tcs' pages)" -eq 1 ]
    grep -Eq '^Enclave .*, 9 pages \(1 TCS\), ' shown
}

@test "a stream that sgxs-append extends, measured and unmeasured, has one MRENCLAVE" {
    build_stream
    # Of open size: the real one is to be stored at offset 0x2008, in the data.
    "$PYTHON" - <<'PY'
import struct
stream = bytearray(open("built.sgxs", "rb").read())
stream[0:8], stream[12:20] = b"UNSIZED\0", struct.pack("<Q", 0x2008)
open("unsized.sgxs", "wb").write(stream)
PY
    run "$ENSIGN" gen-sign-data --date "$DATE" -o x.signdata unsized.sgxs
    [ "$status" -eq 65 ]
    printf 'one' >one
    head -c 4096 /dev/urandom >two
    sgxs-append unsized.sgxs -mrw one -rw two >grown.sgxs
    same_sig grown.sgxs -x 3/3
    # What is not measured may change, and the signature stays good.
    tr '\0-\377' '\1-\377\0' <two >other
    sgxs-append unsized.sgxs -mrw one -rw other >changed.sgxs
    not cmp -s grown.sgxs changed.sgxs
    "$ENSIGN" set-sig --quiet --to kept.sig changed.sgxs ours.sig
    cmp kept.sig ours.sig
    # What is measured may not.
    printf 'two' >one
    sgxs-append unsized.sgxs -mrw one -rw two >changed.sgxs
    run "$ENSIGN" set-sig --quiet --to lost.sig changed.sgxs ours.sig
    [ "$status" -eq 65 ]
}
