# helpers.bash: what the command-line tests share. A test runs the program with `ens`, which leaves
# $status, $OUT (the file with its stdout), $ERR (its stderr) and a picture of the directory before,
# then says what must hold: `ok`, `refused CODE REGEX...`, `usage REGEX...`. Every test works in an
# empty directory of its own. Expected bytes come from tests/interop, the second implementation.
# shellcheck shell=bash disable=SC2154

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
VARIANT=${ENSIGN_VARIANT:-release}
ENSIGN=${ENSIGN:-$ROOT/build/$VARIANT/ensign}
[[ $ENSIGN = /* ]] || ENSIGN=$ROOT/$ENSIGN
FAULT=$ROOT/build/$VARIANT/tests/hsm/fault.so
SOFTHSM=/usr/lib/softhsm/libsofthsm2.so
INTEROP=$ROOT/tests/interop
DATA=${ENSIGN_SHARED:-$ROOT/../shared}/data
PIN=123456
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
RELEASE='pkcs11:token=ensign;object=release'
# What tests/enclave/build.sh makes.
# shellcheck disable=SC2034
while IFS=' `' read -r MRENCLAVE_WORD MRENCLAVE MRENCLAVE_REST; do
    [ "$MRENCLAVE_WORD" != MRENCLAVE: ] || break
done <"$ROOT/tests/enclave/README.md"

# TERM: no colours, but in the tests of colours.
export TERM=dumb LC_ALL=C.UTF-8 TZ=UTC PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$INTEROP
export ENSIGN_FAULT_MODULE=$SOFTHSM
unset SOURCE_DATE_EPOCH ENSIGN_PKCS11_MODULE NO_COLOR ENSIGN_FAULT ENSIGN_FAULT_LOG
# Injected kills and limits leave no time to look for leaks; the other runs of that variant do.
[ "$VARIANT" != asan ] || export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}

# ---- the ground under a test ----

# Each test starts in an empty directory; what the harness itself writes stays outside of it.
setup() {
    [ -x "$ENSIGN" ] || fail "$ENSIGN is not there: run make first"
    umask 022
    mkdir "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return 1
    FAULT_LOG=$BATS_TEST_TMPDIR/fault.log
    : >"$FAULT_LOG"
    export ENSIGN_FAULT_LOG=$FAULT_LOG
    if [ -d "$BATS_FILE_TMPDIR/tokens" ]; then
        export SOFTHSM2_CONF=$BATS_FILE_TMPDIR/softhsm2.conf
    fi
}

# What all tests of a file share is made once, in $BATS_FILE_TMPDIR, by its function `fixtures`, if it has one.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    if declare -F fixtures >/dev/null; then
        fixtures
    fi
}

# fail TEXT...: ends the test and says why.
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# not COMMAND...: the command must fail (a plain `!` would not stop a test).
not() {
    if "$@"; then
        fail "succeeded, but must not: $*"
    fi
}

# Tests on files that belong to others: skipped by name, unless they are required.
need_shared() {
    [ ! -d "$DATA/enclaves" ] || return 0
    [ "${ENSIGN_REQUIRE_SHARED:-0}" != 1 ] || fail "$DATA is required, and is not there"
    skip "shared data is not here"
}

# need_terminal: a root without /dev/pts has none to give: skipped by name, unless it is required.
need_terminal() {
    ! "$PYTHON" -c 'import os; os.openpty()' 2>/dev/null || return 0
    [ "${ENSIGN_REQUIRE_TMUX:-0}" != 1 ] || fail "a terminal is required, and /dev/pts gives none"
    skip "/dev/pts gives no terminal"
}

# ---- running the program ----

# These functions run at each of thousands of runs of the program: each process that they do without counts.

# Every name, type, mode and content below the current directory, in no order.
picture() {
    find . -printf '%p %y %m %l\n' -type f -exec sha256sum {} +
}

# ens ARG...: runs ensign without a terminal, stdin from $STDIN or empty.
ens() {
    OUT=$BATS_TEST_TMPDIR/stdout
    ERR=$BATS_TEST_TMPDIR/stderr
    before=$(picture)
    status=0
    setsid --wait timeout -k 5 "${LIMIT:-60}" "$ENSIGN" "$@" <"${STDIN:-/dev/null}" \
        >"$OUT" 2>"$ERR" || status=$?
    tell "$@"
}

# What bats shows when the test fails.
tell() {
    local line lines others=0 words=nothing
    [ ! -s "$OUT" ] || words=something
    printf '$ ensign'
    printf ' %q' "$@"
    printf '\n  exit %s, %s on stdout\n' "$status" "$words"
    mapfile -t -n 1000 lines <"$ERR"
    for line in "${lines[@]}"; do
        # Of a review, which is long, the first lines will do.
        [[ $line = 'ensign: '* || $((others++)) -lt 4 ]] || continue
        printf '  %s\n' "${line//[![:print:]]/?}"
    done
}

# tty_ens [PATTERN REPLY]... -- ARG...: runs ensign on a terminal of its own. Waits for each PATTERN
# (regular expression, any case) and types the REPLY; ^C and ^D are typed as such. The whole
# conversation is in $OUT; $BATS_TEST_TMPDIR/echo says whether the terminal echoes at the end. $AHEAD is
# typed before the program begins, and Enter. $SIZE ("24 80") is what the terminal says of itself, else nothing.
tty_ens() {
    OUT=$BATS_TEST_TMPDIR/stdout
    ERR=$OUT
    before=$(picture)
    status=0
    rm -f "$OUT"
    "$PYTHON" - "$OUT" "$BATS_TEST_TMPDIR/echo" "$ENSIGN" "$@" <<'PY' || status=$?
import fcntl, os, pty, re, select, struct, sys, termios, time
out, echo, program, *rest = sys.argv[1:]
cut = rest.index("--")
talk, args = rest[:cut], [program] + rest[cut + 1:]
talk = list(zip(talk[::2], talk[1::2]))
# The slave stays open here, so that its settings can still be read when the program is gone.
fd, keep = pty.openpty()
if os.environ.get("SIZE"):
    rows, columns = map(int, os.environ["SIZE"].split())
    fcntl.ioctl(keep, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
if os.environ.get("AHEAD"):
    os.write(fd, os.environ["AHEAD"].encode() + b"\n")
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(keep, termios.TIOCSCTTY, 0)
    for n in (0, 1, 2):
        os.dup2(keep, n)
    os.execv(program, args)
seen, mark, end = b"", 0, time.time() + 120
ended = None
while time.time() < end:
    ready, _, _ = select.select([fd], [], [], 0.05)
    if ready:
        seen += os.read(fd, 65536)
        hit = talk and re.search(talk[0][0].encode(), seen[mark:], re.I)
        if hit:
            mark = len(seen)
            time.sleep(0.2)             # as a person would: the prompt is complete by then
            # What is typed before the echo is off is thrown away, as it is on a busy host.
            for _ in range(250 if re.search("pin|passphrase", talk[0][0], re.I) else 0):
                if not termios.tcgetattr(keep)[3] & termios.ECHO:
                    break
                time.sleep(0.02)
            reply = {"^C": b"\x03", "^D": b"\x04"}.get(talk[0][1], talk[0][1].encode() + b"\n")
            os.write(fd, reply)
            talk.pop(0)
        continue
    if ended is not None:
        break
    done, code = os.waitpid(pid, os.WNOHANG)
    if done:
        ended = os.waitstatus_to_exitcode(code)
if ended is None:
    os.kill(pid, 9)
    ended = 124
with open(out, "wb") as f:
    f.write(seen)
with open(echo, "w") as f:
    f.write("on" if termios.tcgetattr(keep)[3] & termios.ECHO else "off")
if talk:
    print("never asked:", talk[0][0])
    ended = ended or 125
sys.exit(ended if ended >= 0 else 128 - ended)
PY
    [ -e "$OUT" ] || need_terminal
    printf 'on a terminal: '
    tell "$@"
}

# ---- what must hold after a run ----

exits() {
    [ "$status" -eq "$1" ] || fail "exit status is $status, must be $1"
}

# The error lines, on stdout and in $ERRORS.
errors() {
    read_errors
    printf '%s' "$ERRORS"
}

read_errors() {
    local line
    ERRORS=
    while IFS= read -r line || [ -n "$line" ]; do
        [[ $line != 'ensign: '* || $line = 'ensign: warning: '* ]] || ERRORS+=$line$'\n'
    done <"$ERR"
}

# Nothing below the current directory was made, changed or removed.
unchanged() {
    local after
    after=$(picture)
    [ "$after" = "$before" ] || diff <(LC_ALL=C sort <<<"$before") <(LC_ALL=C sort <<<"$after") >&2 || fail "files changed"
}

# like REGEX LINE: in any case.
like() {
    local is=0
    shopt -s nocasematch
    [[ $2 =~ $1 ]] || is=1
    shopt -u nocasematch
    return "$is"
}

# Words on a terminal and in a log are words: no control characters but newline and tab.
plain() {
    local text
    # Success: a zero byte, or more than a test wants to hold.
    if IFS= read -r -d '' -n 60000 text <"$1"; then
        text=$(tr -d '\11\12\40-\176\200-\377' <"$1" | tr '\0' '\1')
    fi
    [[ ${text//[$'\n\t']/} != *[[:cntrl:]]* ]] || fail "control characters in $1:" "$(head -c 2000 "$1" | cat -v)"
}

# The same for what a terminal showed, whose lines end with CR LF: no C1 controls either.
plain_terminal() {
    local line
    if line=$(tr '\n' '~' <"$1" | LC_ALL=C grep -aoP '.{0,60}(\r(?!~)|[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]).{0,20}'); then
        fail "the terminal was driven:" "$(cat -v <<<"$line")"
    fi
}

# ok: done, and not a word of failure.
ok() {
    exits 0
    [ -s "$ERR" ] || return 0
    read_errors
    [ -z "$ERRORS" ] || fail "an error line, but exit 0"
    plain "$ERR"
}

# refused CODE REGEX...: this exit status, one error line that matches every REGEX (any case),
# nothing on stdout, no file made or changed.
refused() {
    local code=$1 line regex
    shift
    exits "$code"
    read_errors
    line=${ERRORS%$'\n'}
    [ -n "$line" ] || fail "no error line"
    [[ $line != *$'\n'* ]] || fail "more than one error line:" "$line"
    for regex in "$@"; do
        like "$regex" "$line" || fail "the error line does not say /$regex/: $line"
    done
    [ ! -s "$OUT" ] || fail "stdout is not empty"
    plain "$ERR"
    unchanged
}

# usage REGEX...: refused with 64, and that line is all there is.
usage() {
    refused 64 "$@"
    [ "$(wc -l <"$ERR")" -eq 1 ] || fail "more than one line on stderr"
}

warned() {
    grep '^ensign: warning: ' "$ERR" | grep -Eiq -- "$1" || fail "no warning says /$1/"
}

not_warned() {
    if grep -E '^(ensign: warning: | *! )' "$ERR" | grep -Ei -- "$1"; then
        fail "a warning says /$1/"
    fi
}

# danger REGEX: the review says it, among the dangers it opens with or as a warning of its own.
danger() {
    grep -E '^(ensign: warning: | *! )' "$ERR" | grep -Eiq -- "$1" || fail "no danger says /$1/"
}

# unusual_fields: a line for each kind of field that only --allow-unusual lets pass: its danger's name, then the
# fields for sign_data. Masks that demand nothing do not hide it.
unusual_fields() {
    cat <<'END'
VENDOR refused by EINIT|vendor=1
INIT set|attributes=5 attributes_mask=0xfffffffffffffffc
INIT set|attributes=5
MODE64BIT not demanded|attributes=0
reserved ATTRIBUTES|attributes=0xc
reserved ATTRIBUTES|attributes=0xc attributes_mask=4
KSS ids without KSS|isvfamilyid=000102030405060708090a0b0c0d0e0f
KSS ids without KSS|isvextprodid=000102030405060708090a0b0c0d0e0f attributes_mask=4
XFRM without x87 or SSE|xfrm=0 xfrm_mask=0xfffffffffffffffc
XFRM without x87 or SSE|xfrm=1 xfrm_mask=0xffffffffffffffff
half of MPX|xfrm=0xb xfrm_mask=0xfffffffffffffff4
half of MPX|xfrm=0x13
part of AVX-512|xfrm=0x27 xfrm_mask=0
AVX-512 without AVX|xfrm=0xe3 xfrm_mask=3
half of AMX|xfrm=0x20003 xfrm_mask=0
reserved XFRM|xfrm=0x403 xfrm_mask=3
reserved XFRM|xfrm=0x403
reserved XFRM|xfrm=0x8000000000000003 xfrm_mask=3
END
}

# says_hex HEX: stderr shows these bytes in hex, in one word or in groups.
says_hex() {
    tr -d ' \n' <"$ERR" | grep -q -- "$1" || fail "stderr does not show $1"
}

prints_hex() {
    tr -d ' \n' <"$OUT" | grep -q -- "$1" || fail "stdout does not show $1"
}

# refused_either CODE CODE REGEX...: refused with one code or the other.
refused_either() {
    [ "$status" -eq "$1" ] || exits "$2"
    refused "$status" "${@:3}"
}

says() {
    grep -Eiq -- "$1" "$ERR" || fail "stderr does not say /$1/"
}

prints() {
    grep -Eq -- "$1" "$OUT" || fail "stdout has no line like /$1/" "$(cat -v "$OUT" | head -60)"
}

# in_eights HEX: groups of eight digits, as people compare them.
in_eights() {
    sed 's/......../& /g; s/ $//' <<<"$1"
}

# short HEX: its first and last eight digits.
short() {
    echo "${1:0:8} ... ${1: -8}"
}

# shows: $OUT has the lines of stdin, nothing between them, and no line of more than 80 columns. A line "(words)"
# stands for four rows of eight words.
shows() {
    "$PYTHON" - "$OUT" 3<&0 <<'PY' || fail "$(cat -v "$OUT")"
import os, re, sys
have = open(sys.argv[1], encoding="utf-8", newline="").read().replace("\r", "").split("\n")
want = []
for line in os.fdopen(3).read().splitlines():
    if line == "(words)":
        want += [re.compile(rf"  {n}( [A-Za-z]+){{8}}") for n in range(1, 5)]
    else:
        want.append(re.compile(re.escape(line)))
wide = [line for line in have if len(line) > 80]
assert not wide, f"longer than 80 columns: {wide}"
def alike(at):
    return sum(bool(w.fullmatch(h)) for w, h in zip(want, have[at:]))
best = max(range(len(have)), key=alike)
for w, h in zip(want, have[best:] + [""] * len(want)):
    if not w.fullmatch(h):
        sys.exit(f"must be: {w.pattern}\nbut is:  {h}")
PY
}

size_is() {
    [ "$(stat -L -c %s "$1")" -eq "$2" ] || fail "$1 has $(stat -L -c %s "$1") bytes, must be $2"
}

mode_is() {
    [ "$(stat -L -c %a "$1")" = "$2" ] || fail "$1 has mode $(stat -L -c %a "$1"), must be $2"
}

sha256() {
    sha256sum "$1" | cut -d' ' -f1
}

# same A B: byte for byte.
same() {
    cmp "$1" "$2" || fail "$1 and $2 differ"
}

# files NAME...: the current directory holds exactly these.
files() {
    local have want
    have=$(find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort)
    want=$(printf '%s\n' "$@" | LC_ALL=C sort)
    [ "$have" = "$want" ] || fail "the directory holds:" "$have" "and must hold:" "$want"
}

# accepted bundle|sigstruct|signdata [OPTION...] FILE: the second implementation accepts it.
accepted() {
    "$PYTHON" "$INTEROP/check.py" "$@" || fail "check.py refuses: $*"
}

# bundle_holds FILE.orc MRENCLAVE MRSIGNER: it does, and it is written as ensign promises.
bundle_holds() {
    accepted bundle --written --mrenclave "$2" --mrsigner "$3" "$1"
}

# unpack FILE.orc ENTRY OUT: one entry, read by python's zipfile.
unpack() {
    "$PYTHON" -c '
import sys, zipfile
open(sys.argv[3], "wb").write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' "$@"
}

# ---- inputs ----

# enclave OUT.sgxs: the tests' own enclave, built once per file.
enclave() {
    if [ ! -e "$BATS_FILE_TMPDIR/own.sgxs" ]; then
        "$ROOT/tests/enclave/build.sh" "$BATS_FILE_TMPDIR/own.sgxs" >/dev/null
    fi
    cp "$BATS_FILE_TMPDIR/own.sgxs" "$1"
}

# other_enclave OUT.sgxs: the same with one other byte in the last measured chunk.
other_enclave() {
    enclave "$1"
    printf '\x5a' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") - 1)) conv=notrunc status=none
}

# bundle OUT.orc [OPTION...]: an unsigned bundle of the own enclave (mkbundle.py's options).
bundle() {
    local out=$1
    shift
    [ -e "$BATS_FILE_TMPDIR/own.sgxs" ] || enclave "$BATS_FILE_TMPDIR/own.sgxs.tmp"
    "$PYTHON" "$INTEROP/mkbundle.py" "$out" --sgxs "$BATS_FILE_TMPDIR/own.sgxs" "$@"
}

# sign_data OUT MRENCLAVE [FIELD=VALUE...]: sign-data as the second implementation builds it, with
# orc's defaults and DATE 2024-02-29.
sign_data() {
    "$PYTHON" - "$@" <<'PY'
import sys
import sgx
values = {"header": sgx.HEADER, "header2": sgx.HEADER2, "date": 0x20240229,
          "miscmask": 0xFFFFFFFF, "attributes": 4, "attributes_mask": 2 ** 64 - 3, "xfrm": 3,
          "xfrm_mask": 2 ** 64 - 4, "enclavehash": bytes.fromhex(sys.argv[2])}
for pair in sys.argv[3:]:
    name, _, value = pair.partition("=")
    values[name] = bytes.fromhex(value) if name in sgx.BYTE_FIELDS else int(value, 0)
with open(sys.argv[1], "wb") as f:
    f.write(sgx.sign_data(sgx.build(values)))
PY
}

# sigstruct OUT one|two MRENCLAVE [FIELD=VALUE...]: a finished SIGSTRUCT, signed with a test key.
sigstruct() {
    "$PYTHON" - "$@" <<'PY'
import sys
import sgx, testkey
fields = {}
for pair in sys.argv[4:]:
    name, _, value = pair.partition("=")
    fields[name] = bytes.fromhex(value) if name in sgx.BYTE_FIELDS else int(value, 0)
with open(sys.argv[1], "wb") as f:
    f.write(testkey.sigstruct(sys.argv[3], sys.argv[2], **fields))
PY
}

# field FILE NAME: one field of sign-data or a SIGSTRUCT, in hex (numbers with 0x).
field() {
    "$PYTHON" - "$@" <<'PY'
import sys
import sgx
data = open(sys.argv[1], "rb").read()
value = sgx.parse(data if len(data) == 1808 else sgx.from_sign_data(data))[sys.argv[2]]
print(value.hex() if isinstance(value, bytes) else hex(value))
PY
}

# poke FILE OFFSET HEX: overwrites bytes in place.
poke() {
    # shellcheck disable=SC2001
    printf '%b' "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# test_key one|two OUT.pem: a published test key as PKCS#1 PEM, and OUT.pub beside it.
test_key() {
    "$PYTHON" - "$1" <<'PY' | openssl rsa -inform DER -out "$2" 2>/dev/null
import sys
import testkey
def der(value):
    raw = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return tlv(2, raw)
def tlv(tag, raw):
    n = len(raw)
    size = bytes([n]) if n < 128 else bytes([0x82, n >> 8, n & 255])
    return bytes([tag]) + size + raw
p, q = (int(x, 16) for x in testkey.KEYS[sys.argv[1]])
d = pow(3, -1, (p - 1) * (q - 1))
sys.stdout.buffer.write(tlv(0x30, b"".join(map(der, (
    0, p * q, 3, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))))
PY
    openssl rsa -in "$2" -pubout -out "$2.pub" 2>/dev/null
}

# mrsigner PUB.pem: SHA-256 of the little-endian modulus, from openssl's own output.
mrsigner() {
    openssl rsa -pubin -in "$1" -noout -modulus | sed 's/Modulus=//' | "$PYTHON" -c '
import hashlib, sys
n = int(sys.stdin.read(), 16)
print(hashlib.sha256(n.to_bytes(384, "little")).hexdigest())'
}

# pem_sign KEY.pem SIGN-DATA OUT: what an HSM would return.
pem_sign() {
    openssl dgst -sha256 -sign "$1" -out "$3" "$2"
}

# policy FILE LINE...: a policy of these lines.
policy() {
    local file=$1
    shift
    printf '%s\n' 'policy 1' "$@" end >"$file"
}

# people FILE NAME KEY.pub...: an approvers file; each person with one key.
people() {
    local file=$1
    shift
    {
        echo 'approvers 1'
        while [ $# -gt 0 ]; do
            printf 'person %s\nkey %s\n' "$1" "$(cut -d' ' -f1,2 "$2")"
            shift 2
        done
        echo end
    } >"$file"
}

# ---- SoftHSM ----

# token LABEL...: initialised tokens below $BATS_FILE_TMPDIR; one configuration per test file.
token() {
    local label
    export SOFTHSM2_CONF=$BATS_FILE_TMPDIR/softhsm2.conf
    mkdir -p "$BATS_FILE_TMPDIR/tokens"
    printf '%s\n' "directories.tokendir = $BATS_FILE_TMPDIR/tokens" 'objectstore.backend = file' \
        'log.level = ERROR' 'slots.removable = false' >"$SOFTHSM2_CONF"
    for label in "$@"; do
        softhsm2-util --init-token --free --label "$label" --so-pin 87654321 --pin "$PIN" >/dev/null
    done
    pin_file
}

pin_file() {
    (umask 077 && printf '%s\n' "$PIN" >"$BATS_FILE_TMPDIR/pin")
}

# import KEY.pem LABEL ID [TOKEN]
import() {
    openssl pkcs8 -topk8 -nocrypt -in "$1" -out "$BATS_FILE_TMPDIR/import.p8"
    softhsm2-util --import "$BATS_FILE_TMPDIR/import.p8" --token "${4:-ensign}" --label "$2" \
        --id "$3" --pin "$PIN" >/dev/null
    rm "$BATS_FILE_TMPDIR/import.p8"
}

# signing_host [TOKEN...]: what nearly every file signs with: token "ensign" (and more tokens) with the key of the
# vectors as release, 01; the key itself is one.pem.
signing_host() {
    token ensign "$@"
    test_key one one.pem
    import one.pem release 01
}

# always_auth KEY.pem ID: a key in token "ensign" that asks for the PIN at every signature; its label is "asks".
always_auth() {
    pkcs11-tool --module "$SOFTHSM" --token-label ensign -l --pin "$PIN" --write-object "$1" \
        --type privkey --id "$2" --label asks --usage-sign --always-auth >/dev/null 2>&1
}

# ssh_keys NAME...: an Ed25519 key without passphrase or comment for each person.
ssh_keys() {
    local name
    for name in "$@"; do
        ssh-keygen -q -t ed25519 -N '' -C '' -f "$name"
    done
}

# sign ARG...: ensign sign with the release key, without questions.
sign() {
    ens sign --key "$RELEASE" --module "${MODULE:-$SOFTHSM}" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes "$@"
}

# calls NAME: how often the module's function was called.
calls() {
    local count
    count=$(grep -c "^$1\b" "$FAULT_LOG") || true
    echo "$count"
}

called() {
    [ "$(calls "$1")" -eq "$2" ] || fail "$1 was called $(calls "$1") times, must be $2"
}

# own_keygen <SCRIPT: from here on ensign runs the script on stdin instead of ssh-keygen; where it is empty,
# nothing is there.
own_keygen() {
    ENSIGN=$ROOT/build/$VARIANT/tests/cli/ensign
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    cat >"$BATS_TEST_TMPDIR/bin/ssh-keygen"
    [ -s "$BATS_TEST_TMPDIR/bin/ssh-keygen" ] || rm -f "$BATS_TEST_TMPDIR/bin/ssh-keygen"
    [ ! -e "$BATS_TEST_TMPDIR/bin/ssh-keygen" ] || chmod +x "$BATS_TEST_TMPDIR/bin/ssh-keygen"
}

# need_fault: the forwarding module, which make builds with the tests.
need_fault() {
    [ -r "$FAULT" ] || fail "$FAULT is not there: run make tests-build first"
}
