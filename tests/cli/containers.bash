# containers.bash: what the tests of containers and compare share: the generated files, where a SIGSTRUCT lies
# in any file by its header alone, and the three stages over a file that is not a bundle.
# shellcheck shell=bash disable=SC2154

VECTORS=$ROOT/tests/vectors
# Every Intel file that is good, by the versions of its metadata blocks.
# shellcheck disable=SC2034
INTEL='1.3 1.4 1.5 2.4-2.1-1.4 3.1-1.4 3.3 3.3-1.5 3.3-1.5-fips 12.4-11.4 13.3-11.5'
# The key of the generated files.
# shellcheck disable=SC2034
TESTKEY=$VECTORS/keys/testkey.pub.pem

# vector NAME [OUT]: one of the generated containers, writable, in the current directory.
vector() {
    local found
    for found in "$VECTORS/containers/$1" "$DATA/containers/$1"; do
        if [ -r "$found" ]; then
            install -m 644 "$found" "${2:-$1}"
            return
        fi
    done
    need_shared
    fail "$1 is not there"
}

# make_container intel|oe OPTION...: mkcontainer.py, whose --out is the last word here too.
make_container() {
    "$PYTHON" "$INTEROP/mkcontainer.py" "$@" >/dev/null
}

# found FILE: the offsets at which a SIGSTRUCT begins, by its first 16 bytes.
found() {
    "$PYTHON" - "$1" <<'PY'
import sys
data, at = open(sys.argv[1], "rb").read(), -1
header = bytes.fromhex("06000000e10000000000010000000000")
while (at := data.find(header, at + 1)) >= 0:
    print(at)
PY
}

# first FILE OUT: the 1808 bytes at the first of them.
first() {
    dd if="$1" of="$2" bs=1 skip="$(found "$1" | head -1)" count=1808 status=none
}

# changed BEFORE AFTER [launch] [fips]: every byte outside the SIGSTRUCTs is as before; the values that Intel's
# loader asks for (32 bytes before a SIGSTRUCT on) and the FIPS signatures may follow where it is said.
changed() {
    "$PYTHON" - "$@" <<'PY'
import sys
before, after = (open(name, "rb").read() for name in sys.argv[1:3])
assert len(before) == len(after), (len(before), len(after))
header, free, at = bytes.fromhex("06000000e10000000000010000000000"), set(), -1
copies = 0
while (at := before.find(header, at + 1)) >= 0:
    copies += 1
    assert after[at:at + 16] == header, f"no SIGSTRUCT at {at:#x} any more"
    free |= set(range(at, at + 1808))
    if "launch" in sys.argv[3:]:
        free |= set(range(at - 32, at - 28)) | set(range(at - 16, at))
    if "fips" in sys.argv[3:]:
        block = at - 64
        offset, size = (int.from_bytes(before[block + n:block + n + 4], "little") for n in (1896, 1900))
        for entry in range(block + offset, block + offset + size, 16):
            kind, length, place, _ = (int.from_bytes(before[entry + n:entry + n + 4], "little")
                                      for n in (0, 4, 8, 12))
            if kind == 0x1001:
                assert length == 772
                free |= set(range(block + place, block + place + 772))
assert copies, "no SIGSTRUCT in the file before"
other = [i for i in range(len(before)) if before[i] != after[i] and i not in free]
assert not other, f"{len(other)} bytes changed, first at {other[0]:#x}"
assert before != after, "nothing changed"
PY
}

# asked FILE: what Intel's loader asks for in each block: ATTRIBUTES, XFRM, MISCSELECT in hex.
asked() {
    "$PYTHON" - "$1" <<'PY'
import sys
data, at = open(sys.argv[1], "rb").read(), -1
header = bytes.fromhex("06000000e10000000000010000000000")
number = lambda start, size: hex(int.from_bytes(data[start:start + size], "little"))
while (at := data.find(header, at + 1)) >= 0:
    print(number(at - 16, 8), number(at - 8, 8), number(at - 32, 4))
PY
}

# stages FILE [OPTION...]: gen-sign-data and sign for a signed container; leaves FILE.signdata and FILE.sig, and
# in $ERR what gen-sign-data said.
stages() {
    local file=$1
    shift
    ens gen-sign-data --from "$file" "$@" -o "$file.signdata" "$file"
    ok
    cp "$ERR" "$BATS_TEST_TMPDIR/said"
    sign -o "$file.sig" "$file.signdata"
    ok
    cp "$BATS_TEST_TMPDIR/said" "$ERR"
}
