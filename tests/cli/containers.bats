#!/usr/bin/env bats
# Every container an enclave comes in: what show, verify and extract say of it, and what signing it again
# changes. Good, unsigned, broken, contradicting itself; Intel SDK, Open Enclave, EGo, raw SIGSTRUCT, stream.
# Where the SIGSTRUCTs lie is found here by their header alone.

load helpers
load containers

fixtures() {
    signing_host
    test_key two two.pem
    enclave own-copy.sgxs
}

# begin: the key that signs here: $KEY, $PUB, $SIGNER.
begin() {
    KEY=$BATS_FILE_TMPDIR/one.pem
    PUB=$KEY.pub
    SIGNER=$(mrsigner "$PUB")
}

# shown NAME...: what show --json says ($OUT) of the places is what the file ($1) holds: as many as there are
# headers, at those offsets, under these names, each measured to its own ENCLAVEHASH.
shown() {
    found "$1" >"$BATS_TEST_TMPDIR/places"
    "$PYTHON" - "$OUT" "$BATS_TEST_TMPDIR/places" "$@" <<'PY'
import json, sys
doc, places, path, *names = json.load(open(sys.argv[1])), *sys.argv[2:]
data = open(path, "rb").read()
at = [int(line) for line in open(places)]
assert len(at) == len(names), (at, names)
assert [p["offset"] for p in doc["places"]] == at, (doc["places"], at)
assert [p["name"] for p in doc["places"]] == names, names
for place in doc["places"]:
    want = data[place["offset"] + 960:place["offset"] + 992].hex()
    assert place["sigstruct"]["mrenclave"] == want
    assert place["sigstruct"]["valid"] is True
    assert place["stream"]["mrenclave"] == want, (place["stream"]["mrenclave"], want)
    assert place["errors"] == [], place["errors"]
PY
}

# read_well FILE NAME...: all that is read from a good container.
read_well() {
    local file=$1
    shift
    ens show --json "$file"
    ok
    shown "$file" "$@"
    unchanged
    ens show "$file"
    ok
    first "$file" want.css
    prints "$(field want.css enclavehash)"
    prints "$(mrsigner "$TESTKEY")"
    ens verify --pubkey "$TESTKEY" "$file"
    ok
    ens extract -o css "$file"
    ok
    same css want.css
    accepted sigstruct css
    ens extract --sign-data -o signdata "$file"
    ok
    cmp signdata <(head -c 128 want.css && tail -c +901 want.css | head -c 128)
    rm css signdata want.css
}

# ---- good files ----

@test "Intel SDK, every metadata version: each SIGSTRUCT is found, and the file measures to it" {
    begin
    for versions in $INTEL; do
        vector "intel-$versions.signed.so"
        names=()
        for version in ${versions//-/ }; do
            [ "$version" = fips ] || names+=("metadata $version")
        done
        read_well "intel-$versions.signed.so" "${names[@]}"
    done
}

@test "Open Enclave, every layout: the SIGSTRUCT is found, and the file measures to it" {
    begin
    vector oe-0.19.signed
    read_well oe-0.19.signed ''
    for release in 0.7 0.9 0.10 0.11 0.12 0.15 0.16 0.19; do
        file=oe-rich-$release.signed
        vector "$file"
        ens show --json "$file"
        ok
        shown "$file" ''
        ens verify "$file"
        ok
        first "$file" want.css
        ens extract -o css "$file"
        ok
        same css want.css
        rm css want.css
    done
}

@test "enclaves that nobody chose: Intel SDK and Open Enclave files of random layout measure to what they say" {
    begin
    for seed in 1 2 3 4 5 6; do
        make_container intel --random "$seed" --out "intel-$seed"
        make_container oe --random "$seed" --out "oe-$seed"
        for file in intel-$seed oe-$seed; do
            # Nobody chose where patches go, and what the layout brings.
            ens verify --allow-unusual --pubkey "$TESTKEY" "$file"
            ok
            accepted container "$file"
            ens show --json "$file"
            ok
            "$PYTHON" - "$OUT" <<'PY'
import json, sys
for place in json.load(open(sys.argv[1]))["places"]:
    assert place["stream"]["mrenclave"] == place["sigstruct"]["mrenclave"], place
PY
        done
    done
}

@test "a real Intel SDK enclave: three SIGSTRUCTs, MRENCLAVE 8bbb10b2, signed with Intel's sample key" {
    need_shared
    begin
    install -m 644 "$DATA/intel-sdk-sample/enclave.signed.so" sample.so
    ens show --json sample.so
    ok
    shown sample.so 'metadata 2.4' 'metadata 2.1' 'metadata 1.4'
    first sample.so want.css
    grep -q '^8bbb10b22ea0' <<<"$(field want.css enclavehash)"
    ens show sample.so
    ok
    prints '83d719e7[0-9a-f]*ce9e'
    prints 'everybody can sign'
    ens verify sample.so
    exits 1
    prints 'everybody can sign'
    ens verify --allow-public-key sample.so
    ok
    prints 'everybody can sign'
    ens extract -o css sample.so
    ok
    same css want.css
    install -m 644 "$DATA/intel-sdk-sample/enclave.so" bare.so
    for command in show verify 'gen-sign-data --from bare.so'; do
        # shellcheck disable=SC2086
        ens $command bare.so
        refused 65 '^ensign: bare\.so|^ensign: --from' sgx_sign
    done
}

@test "what cannot be measured is said, and the rest is as everywhere: EGo, Open Enclave 0.4" {
    begin
    vector ego.signed ego
    vector oe-0.4.signed old
    for row in 'ego:ego-enclave' 'old:0\.4'; do
        file=${row%%:*}
        why=${row#*:}
        first "$file" want.css
        ens show "$file"
        ok
        prints "not measured.*$why"
        prints "$(field want.css enclavehash)"
        ens show --json "$file"
        ok
        "$PYTHON" - "$OUT" "$(found "$file")" <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
assert doc["not_measured"], doc
assert [p["offset"] for p in doc["places"]] == [int(sys.argv[2])], doc
assert "stream" not in doc["places"][0] or doc["places"][0]["stream"] is None
PY
        ens verify --pubkey "$TESTKEY" "$file"
        ok
        prints "^warning: .*MRENCLAVE was not measured.*$why"
        ens verify --mrenclave "$(field want.css enclavehash)" "$file"
        ok
        ens verify --mrenclave "$MRENCLAVE" "$file"
        exits 1
        ens extract -o css "$file"
        ok
        same css want.css
        rm css want.css
    done
}

@test "a kind is told by its content, not by its name" {
    begin
    vector intel-3.3.signed.so enclave.orc
    vector oe-0.19.signed enclave.sgxs
    install -m 644 "$VECTORS/sigstruct/good.sig" enclave.so
    enclave enclave.signed
    ens show enclave.orc
    ok
    prints '^Intel SDK'
    ens show enclave.sgxs
    ok
    prints '^Open Enclave'
    ens show enclave.so
    ok
    prints "$(field enclave.so enclavehash)"
    ens show enclave.signed
    ok
    prints "$MRENCLAVE"
    for file in enclave.orc enclave.sgxs enclave.so; do
        ens verify "$file"
        ok
    done
    # A stream is never signed: there is only its measurement to hold it to.
    ens verify enclave.signed
    refused 65 'SGXS stream' '--mrenclave'
    ens verify --mrenclave "$MRENCLAVE" enclave.signed
    ok
    ens verify --mrenclave "00${MRENCLAVE#??}" enclave.signed
    exits 1
    prints '^no: .*MRENCLAVE is '
    ens verify --mrsigner "$SIGNER" enclave.signed
    exits 1
    prints '^no: .*not signed'
}

# ---- files that are not what they should be ----

# refused_alone FILE REGEX...: no command takes it, for this reason.
refused_alone() {
    local file=$1
    shift
    ens show "$file"
    refused 65 "$@"
    ens show --json "$file"
    refused 65 "$@"
    ens verify "$file"
    refused 65 "$@"
    ens extract "$file"
    refused 65 "$@"
    ens extract --sign-data "$file"
    refused 65 "$@"
    ens gen-sign-data --from "$file" "$file"
    refused 65 "$@"
    ens set-sig --ephemeral-key --from "$file" "$file"
    refused 65 "$@"
}

# refused_everywhere FILE REGEX...: nor is it a side of a comparison.
refused_everywhere() {
    local file=$1
    refused_alone "$@"
    shift
    ens compare "$file" good.so
    refused 65 "$@"
    ens compare good.so "$file"
    refused 65 "$@"
}

@test "broken files are refused with the reason, by every command, and nothing is written" {
    begin
    vector intel-3.3.signed.so good.so
    while read -r file reason; do
        vector "$file" bad
        refused_everywhere bad '^ensign: .*bad: ' "$reason"
    done <<'END'
intel-bad-size.signed.so size 0x7fffffff
intel-size-zero.signed.so size 0x0
intel-truncated.signed.so outside the file.* cut
intel-wrong-magic.signed.so magic
intel-wrong-name.signed.so name is not "sgx_metadata"
oe-bad-size.signed 1912 bytes
END
    # The file beside them is fine.
    ens verify good.so
    ok
}

@test "an Intel file without metadata is explained: sgx_sign lays it out" {
    begin
    vector intel-3.3.signed.so good.so
    for versions in $INTEL; do
        vector "intel-$versions.so" bad
        refused_alone bad 'not laid out' sgx_sign --layout-from
        # Beside a signed file it is a rebuild (rebuild.bats).
        ens compare bad bad
        refused 65 'neither is laid out' '--layout-from'
    done
    cp /bin/true bad
    refused_everywhere bad 'ELF file without .note.sgxmeta and .oeinfo' 'sgx_sign, oesign'
}

@test "an Open Enclave file that is not signed is shown, and not signed without oesign" {
    begin
    for name in oe-0.5 oe-0.13 oe-0.19 oe-0.4 ego; do
        vector "$name.unsigned" plain
        ens show plain
        ok
        prints 'not signed'
        ens verify plain
        exits 1
        prints '^no: .*not signed'
        for command in extract 'gen-sign-data --from plain' 'set-sig --ephemeral-key --from plain'; do
            # shellcheck disable=SC2086
            ens $command plain
            refused 65 'not signed' oesign
        done
    done
    vector oe-0.19.unsigned plain
    ens show plain
    vector oe-0.19.signed signed
    first signed want.css
    ens show plain
    prints "$(field want.css enclavehash)"
}

@test "blocks that disagree: show says it, verify refuses, and nothing is taken from them" {
    begin
    vector intel-disagree.signed.so bad
    ens show bad
    ok
    prints 'error: metadata 1\.4 holds another SIGSTRUCT than metadata 2\.4'
    ens show --json bad
    ok
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
places = json.load(open(sys.argv[1]))["places"]
assert [p["sigstruct"]["isvsvn"] for p in places] == [2, 2, 3], places
assert [bool(p["errors"]) for p in places] == [False, False, True], places
PY
    ens verify bad
    exits 1
    prints '^no: .*metadata 1\.4 holds another SIGSTRUCT than metadata 2\.4'
    ens verify --json bad
    exits 1
    "$PYTHON" -c '
import json, sys
doc = json.load(open(sys.argv[1]))
assert doc["verified"] is False and "another SIGSTRUCT" in doc["reasons"][0]["text"], doc' "$OUT"
    # What is demanded is demanded of each: one of them has 2.
    ens verify --min-isvsvn 3 bad
    exits 1
    prints '^no: .*ISVSVN is 2'
    sigstruct fits.css one "$MRENCLAVE"
    for command in extract 'gen-sign-data --from bad' 'set-sig --ephemeral-key --from bad'; do
        # shellcheck disable=SC2086
        ens $command bad
        refused 65 'another SIGSTRUCT'
    done
    ens set-sig bad fits.css
    refused_either 65 64 .
}

@test "one byte of one SIGSTRUCT: the copies disagree, wherever it is" {
    begin
    vector intel-2.4-2.1-1.4.signed.so good
    for copy in 1 2 3; do
        # DATE, ISVSVN, the last byte of Q2: signed or not, in any copy.
        for field in 20 1026 1807; do
            cp good bad
            poke bad $(($(found bad | sed -n ${copy}p) + field)) 11
            ens verify bad
            exits 1
            prints '^no: .*another SIGSTRUCT'
            ens extract bad
            refused 65 'another SIGSTRUCT'
        done
    done
    # All alike, but wrong: the signature says so.
    for at in $(found good); do
        poke good $((at + 1026)) 11
    done
    ens verify good
    exits 1
    prints '^no: .*signature'
    not grep -q 'another SIGSTRUCT' "$OUT"
}

@test "an enclave that was changed after it was signed: verify says no, and it is not signed again" {
    begin
    vector intel-2.4-2.1-1.4.signed.so intel
    vector oe-0.19.signed oe
    make_container oe --version 0.13 --out old
    for file in intel oe old; do
        cp "$file" "$file.good"
        first "$file" css
        # In the first page, behind the headers and tables that are not measured as they stand.
        "$PYTHON" - "$file" <<'PY'
import sys
import elf
data = bytearray(open(sys.argv[1], "rb").read())
s = elf.Elf(bytes(data)).section(".text")
data[s.offset + 5] ^= 1
open(sys.argv[1], "wb").write(data)
PY
        ens verify "$file"
        exits 1
        prints "^no: .*ENCLAVEHASH is $(field css enclavehash), but the file measures to [0-9a-f]{64}"
        ens show "$file"
        ok
        prints 'error: ENCLAVEHASH is .*, but the file measures to'
        for command in "gen-sign-data --from $file" "set-sig --ephemeral-key --from $file"; do
            # shellcheck disable=SC2086
            ens $command "$file"
            refused 65 'measures to' 'changed'
        done
        # Its SIGSTRUCT fits the file as it was, and no other.
        ens set-sig "$file" css
        refused 65 .
        ens set-sig --force -o out "$file.good" css
        ok
        same out "$file.good"
        ens verify "$file.good"
        ok
    done
}

@test "every block is measured by its own values: one that differs is found, whichever it is" {
    begin
    vector intel-2.4-2.1-1.4.signed.so good
    for copy in 1 2 3; do
        at=$(found good | sed -n ${copy}p)
        # ssa_frame_size and enclave_size, 40 and 24 bytes before the SIGSTRUCT; the first word of the tables.
        for field in 40:02 22:04; do
            cp good bad
            poke bad $((at - ${field%:*})) "${field#*:}"
            ens verify bad
            exits 1
            [ "$(grep -c '^no: .*the file measures to' "$OUT")" -eq 1 ]
            prints '^no: bad, metadata '
            ens gen-sign-data --from bad bad
            refused 65 .
        done
        # A stack word of the layout table.
        "$PYTHON" - "$at" <<'PY'
import sys
data, at = bytearray(open("good", "rb").read()), int(sys.argv[1])
block = at - 64
offset, size = (int.from_bytes(data[block + n:block + n + 4], "little") for n in (1880, 1884))
for row in range(block + offset, block + offset + size, 32):
    if data[row + 16:row + 20] == b"\xcc" * 4 or data[row + 16:row + 24].count(0xcc) >= 4:
        where = data.index(b"\xcc\xcc\xcc\xcc", row, row + 32)
        data[where] = 0xCD
        break
else:
    sys.exit("no stack in the layout table")
open("bad", "wb").write(data)
PY
        ens verify bad
        exits 1
        [ "$(grep -c '^no: .*the file measures to' "$OUT")" -eq 1 ]
    done
    ens verify good
    ok
}

@test "a file that is cut anywhere is refused, and never read beyond its end" {
    begin
    for name in intel-2.4-2.1-1.4.signed.so oe-rich-0.19.signed ego.signed intel-3.3-1.5-fips.signed.so; do
        vector "$name" good
        size=$(stat -c %s good)
        for part in 0 1 4 16 63 64 65 $((size / 7)) $((size / 3)) $((size / 2)) $((size - 4000)) $((size - 64)) $((size - 1)); do
            head -c "$part" good >short
            ens show short
            refused 65 .
            ens extract short
            refused 65 .
        done
    done
}

# ---- signing again ----

# signed_again BEFORE AFTER [what may follow]: ours, nothing else changed, as two judges see it.
signed_again() {
    changed "$@"
    ens verify --pubkey "$PUB" "$2"
    ok
    local allow=()
    [ $# -eq 2 ] || allow=(--allow "$(tr ' ' ',' <<<"${*:3}")")
    accepted container --before "$1" "${allow[@]}" --pubkey "$PUB" "$2"
}

# again NAME [what may follow]: three stages over one of the files, in place.
again() {
    local file=$1
    cp "$file" before
    chmod 750 "$file"
    stages "$file" -v 12 --date 20260105
    ens set-sig --sign-data "$file.signdata" "$file" "$file.sig" "$PUB"
    ok
    says "$SIGNER"
    [ ! -s "$OUT" ]
    mode_is "$file" 750
    signed_again before "$@"
    first before old.css
    first "$file" new.css
    [ "$(field new.css enclavehash)" = "$(field old.css enclavehash)" ]
    [ "$(field new.css isvsvn)" = 0xc ]
    [ "$(field new.css date)" = 0x20260105 ]
    [ "$(field new.css isvprodid)" = "$(field old.css isvprodid)" ]
    [ "$(field new.css xfrm_mask)" = "$(field old.css xfrm_mask)" ]
    accepted sigstruct --mrsigner "$SIGNER" new.css
}

@test "Intel SDK, every metadata version: signed again in place, every copy, and no other byte" {
    begin
    for versions in $INTEL; do
        vector "intel-$versions.signed.so" enclave.so
        case $versions in
            *fips) again enclave.so fips ;;
            *) again enclave.so ;;
        esac
        first enclave.so one.css
        for at in $(found enclave.so); do
            cmp <(tail -c +$((at + 1)) enclave.so | head -c 1808) one.css
        done
        rm -f enclave.so* ./*.css
    done
}

@test "a real Intel SDK enclave is signed again: MRENCLAVE stays, nothing but its three SIGSTRUCTs changes" {
    need_shared
    begin
    install -m 644 "$DATA/intel-sdk-sample/enclave.signed.so" sample.so
    cp sample.so before
    stages sample.so -v 1 --date 20260105 --forbid-debug
    ens set-sig --sign-data sample.so.signdata sample.so sample.so.sig "$PUB"
    ok
    signed_again before sample.so
    ens show --json sample.so
    ok
    shown sample.so 'metadata 2.4' 'metadata 2.1' 'metadata 1.4'
    ens verify --forbid-debug --mrenclave 8bbb10b22ea000d86c108692025aebba18c69b3361a1c2d9a127be037e1f6d16 \
        --mrsigner "$SIGNER" --min-isvsvn 1 sample.so
    ok
}

@test "Open Enclave and EGo are signed again in place, and no other byte changes" {
    begin
    for name in oe-0.19.signed oe-rich-0.7.signed oe-rich-0.12.signed oe-rich-0.16.signed oe-0.4.signed \
        ego.signed; do
        vector "$name" enclave
        again enclave
        rm -f enclave* ./*.css
    done
}

@test "EGo and Open Enclave 0.4: gen-sign-data says that MRENCLAVE was not measured" {
    begin
    for name in ego.signed oe-0.4.signed; do
        vector "$name" enclave
        ens gen-sign-data --from enclave -o s.signdata enclave
        ok
        says 'not measured'
        first enclave css
        [ "$(field s.signdata enclavehash)" = "$(field css enclavehash)" ]
        rm s.signdata
    done
}

@test "a raw SIGSTRUCT is signed again in itself: every field stays but those that are named" {
    begin
    for name in good gramine-style sgx_sign-style oe-style fortanix-default kss; do
        install -m 640 "$VECTORS/sigstruct/$name.sig" app.sig
        cp app.sig before
        stages app.sig -v 12
        says 'not measured'
        ens set-sig --sign-data app.sig.signdata app.sig app.sig.sig "$PUB"
        ok
        size_is app.sig 1808
        mode_is app.sig 640
        accepted sigstruct --mrsigner "$SIGNER" app.sig
        "$PYTHON" - before app.sig <<'PY'
import sys
import sgx
a, b = (sgx.parse(open(name, "rb").read()) for name in sys.argv[1:])
differ = {name for name in a if a[name] != b[name]}
assert differ <= {"isvsvn", "modulus", "signature", "q1", "q2"} and "isvsvn" in differ, differ
PY
        rm app.sig*
    done
}

@test "-o leaves the input, - is stdout, --to takes the SIGSTRUCT alone, an existing file is kept" {
    begin
    vector intel-2.4-2.1-1.4.signed.so in.so
    cp in.so before
    stages in.so -v 3
    set -- --sign-data in.so.signdata
    ens set-sig "$@" -o out.so in.so in.so.sig "$PUB"
    ok
    same in.so before
    signed_again in.so out.so
    ens set-sig "$@" -o - in.so in.so.sig "$PUB"
    ok
    same "$OUT" out.so
    ens set-sig "$@" --to css in.so in.so.sig "$PUB"
    ok
    size_is css 1808
    first out.so want.css
    same css want.css
    same in.so before
    ens set-sig "$@" -o out.so in.so in.so.sig "$PUB"
    refused 73 'out\.so'
    ens set-sig "$@" --force -o out.so in.so in.so.sig "$PUB"
    ok
    # The finished SIGSTRUCT alone gives the same file.
    ens set-sig in.so css
    ok
    same in.so out.so
    # And once more is not a change.
    ens set-sig in.so css
    ok
    same in.so out.so
}

@test "a symbolic link is followed: its target is replaced, the link stays" {
    begin
    mkdir real
    vector oe-0.19.signed real/enclave
    chmod 604 real/enclave
    cp real/enclave before
    ln -s real/enclave link
    stages link
    ens set-sig --sign-data link.signdata link link.sig "$PUB"
    ok
    [ -L link ]
    mode_is real/enclave 604
    signed_again before real/enclave
    [ "$(ls real)" = enclave ]
}

@test "without sign-data the fields come from --from, and the day from the signature" {
    begin
    vector intel-3.3-1.5.signed.so in.so
    stages in.so -v 4 --date 20251231
    ens set-sig --from in.so -v 4 -o out.so in.so in.so.sig "$PUB"
    ok
    says '20(25-12-31|251231)'
    ens set-sig --sign-data in.so.signdata -o other.so in.so in.so.sig "$PUB"
    ok
    same out.so other.so
    # Another option is another signature.
    ens set-sig --from in.so -v 5 --date 20251231 -o no.so in.so in.so.sig "$PUB"
    refused 65 'ISVSVN'
}

@test "--ephemeral-key: a signature that verifies, and a warning" {
    begin
    for name in intel-3.3-1.5-fips.signed.so oe-0.19.signed; do
        vector "$name" enclave
        cp enclave before
        ens set-sig --ephemeral-key --from enclave enclave
        ok
        warned 'thrown away'
        changed before enclave fips
        ens verify enclave
        ok
        ens verify --pubkey "$TESTKEY" enclave
        exits 1
        rm enclave before
    done
}

@test "usage: an ELF or a SIGSTRUCT says where its fields come from, and a signature is not made up" {
    begin
    vector intel-3.3.signed.so intel.so
    vector oe-0.19.signed oe
    vector ego.signed ego
    install -m 644 "$VECTORS/sigstruct/good.sig" css
    for file in intel.so oe ego css; do
        ens gen-sign-data "$file"
        usage -- '--from'
        ens gen-sign-data --from "$file" -o "$file.signdata" "$file"
        ok
        pem_sign "$KEY" "$file.signdata" "$file.sig"
        ens set-sig "$file" "$file.sig" "$PUB"
        usage -- '--from'
        ens set-sig -v 3 "$file" "$file.sig" "$PUB"
        usage -- '--from'
        ens set-sig --sign-data "$file.signdata" --from "$file" "$file" "$file.sig" "$PUB"
        usage -- '--sign-data'
        ens set-sig --from "$file" "$file"
        usage 'signature'
        ens set-sig --from "$file" --component ronl "$file" "$file.sig" "$PUB"
        usage -- '--component|no component'
        ens show "$file"
        ok
    done
}

@test "the wrong pair is refused: sign-data of another enclave, another key, a signature over something else" {
    begin
    vector intel-3.3.signed.so intel.so
    vector oe-0.19.signed oe
    for file in intel.so oe; do
        stages "$file" -v 6
    done
    ens set-sig --sign-data oe.signdata intel.so oe.sig "$PUB"
    refused 65 'ENCLAVEHASH' 'MRENCLAVE'
    ens set-sig --sign-data intel.so.signdata intel.so oe.sig "$PUB"
    refused 65 .
    ens set-sig --sign-data intel.so.signdata intel.so intel.so.sig "$BATS_FILE_TMPDIR/two.pem.pub"
    refused 65 'not of this public key'
    sigstruct other.css one "$MRENCLAVE"
    ens set-sig intel.so other.css
    refused 65 'ENCLAVEHASH'
    ens set-sig --sign-data intel.so.signdata intel.so intel.so.sig "$PUB"
    ok
}

# ---- what must follow the SIGSTRUCT, and what cannot ----

# attach OUT FILE OPTION...: the three stages with these options.
attach() {
    local out=$1 file=$2
    shift 2
    rm -f "$file.signdata" "$file.sig" "$out"
    stages "$file" "$@"
    ens set-sig --sign-data "$file.signdata" -o "$out" "$file" "$file.sig" "$PUB"
    ok
}

@test "FIPS: the second signature in each block is renewed, and always the same" {
    begin
    vector intel-3.3-1.5-fips.signed.so in.so
    attach out.so in.so -v 12
    signed_again in.so out.so fips
    accepted container out.so
    ens set-sig --sign-data in.so.signdata -o twice.so in.so in.so.sig "$PUB"
    ok
    same twice.so out.so
    # A SIGSTRUCT that is put in by hand has a signature of the past beside it.
    cp in.so bad.so
    first out.so new.css
    for at in $(found bad.so); do
        dd if=new.css of=bad.so bs=1 seek="$at" conv=notrunc status=none
    done
    ens verify bad.so
    exits 1
    prints '^no: .*(FIPS|second signature)'
    ens show bad.so
    ok
    prints 'error: .*(FIPS|second signature)'
    # Without one, none is made.
    vector intel-3.3-1.5.signed.so plain.so
    attach plain.out plain.so -v 12
    signed_again plain.so plain.out
}

@test "ATTRIBUTES: what the loader asks for follows in every block, and nothing else" {
    begin
    for versions in 2.4-2.1-1.4 3.3-1.5 13.3-11.5; do
        vector "intel-$versions.signed.so" in.so
        blocks=$(found in.so | wc -l)
        [ "$(asked in.so | grep -c '^0x4 ')" -eq "$blocks" ]
        attach out.so in.so --attributes 0x14/0x2
        signed_again in.so out.so launch
        [ "$(asked out.so | grep -c '^0x14 ')" -eq "$blocks" ]
        [ "$(asked out.so | cut -d' ' -f2-)" = "$(asked in.so | cut -d' ' -f2-)" ]
        ens show out.so
        ok
        prints 'ATTRIBUTES 0x14'
        # KSS, and the ids that need it.
        attach kss.so in.so --attributes 0x84/0x2 --isvfamilyid 000102030405060708090a0b0c0d0e0f
        signed_again in.so kss.so launch
        [ "$(asked kss.so | grep -c '^0x84 ')" -eq "$blocks" ]
        # And back again: the file as it was, but for key and signature.
        attach back.so out.so --attributes 0x4/0x0
        [ "$(asked back.so)" = "$(asked in.so)" ]
        signed_again in.so back.so
        rm ./*.so*
    done
}

@test "values that do not fit the SIGSTRUCT are found: the loader would ask for what EINIT refuses" {
    begin
    vector intel-2.4-2.1-1.4.signed.so good.so
    for at in $(found good.so | sed -n 2p); do
        cp good.so bad.so
        poke bad.so $((at - 16)) 14
        ens verify bad.so
        exits 1
        prints '^no: .*metadata 2\.1.*ATTRIBUTES 0x14'
        cp good.so bad.so
        # PKRU, which these SIGSTRUCTs demand to be clear.
        poke bad.so $((at - 7)) 02
        ens verify bad.so
        exits 1
        prints '^no: .*metadata 2\.1.*XFRM'
    done
    ens verify good.so
    ok
}

@test "XFRM and MISCSELECT follow where the enclave was built for them" {
    begin
    vector intel-3.3-1.5.signed.so in.so
    # The mask opens AVX and AVX-512 in these files; here they are demanded to be clear.
    attach out.so in.so --xfrm 0x3/0x3
    signed_again in.so out.so launch
    [ "$(asked out.so | sort -u)" = '0x4 0x3 0x0' ]
    attach avx.so in.so --xfrm 0x7/0x4
    signed_again in.so avx.so launch
    [ "$(asked avx.so | sort -u)" = '0x4 0x7 0x0' ]
    attach misc.so in.so --miscselect 0x1/0x0
    signed_again in.so misc.so launch
    [ "$(asked misc.so | sort -u)" = '0x4 0xe7 0x1' ]
    # Three pages for the state of AMX: then it may be asked for.
    make_container intel --ssaframesize 3 --out big.so
    attach amx.so big.so --xfrm 0x60007/0xe4
    signed_again big.so amx.so launch
    asked amx.so | grep -q '0x600e7'
}

@test "what would alter MRENCLAVE is refused when it is chosen and when it is attached: AEXNOTIFY, AMX" {
    begin
    for name in intel-3.3-1.5.signed.so intel-2.4-2.1-1.4.signed.so intel-1.3.signed.so; do
        vector "$name" in.so
        first in.so css
        hash=$(field css enclavehash)
        ens gen-sign-data --from in.so --attributes 0x404/0x2 in.so
        refused 65 'AEXNOTIFY' 'measured' 'build'
        ens gen-sign-data --from in.so --attributes 0x404/0x2 --allow-unusual in.so
        refused 65 'AEXNOTIFY' 'measured'
        ens gen-sign-data --from in.so --xfrm 0x60003/0xe4 in.so
        refused 65 'XFRM' 'SSA' 'build'
        # Sign-data and signatures that others made.
        sign_data aex.signdata "$hash" attributes=0x404
        sign_data amx.signdata "$hash" xfrm=0x60003 xfrm_mask=0xffffffffffffff1b
        for kind in aex amx; do
            pem_sign "$KEY" $kind.signdata $kind.sig
            ens set-sig --sign-data $kind.signdata in.so $kind.sig "$PUB"
            refused 65 'AEXNOTIFY|XFRM' 'measured' 'build'
        done
        sigstruct aex.css one "$hash" attributes=0x404
        ens set-sig in.so aex.css
        refused 65 'AEXNOTIFY'
        rm ./*.signdata ./*.sig ./*.css in.so
    done
}

@test "Open Enclave: values that contradict what is measured warn, and those that agree do not" {
    begin
    vector oe-0.19.signed in
    stages in -v 7
    warned 'security_version 2'
    ens set-sig --sign-data in.signdata -o svn in in.sig "$PUB"
    ok
    warned 'security_version 2'
    signed_again in svn
    ens show svn
    ok
    prints 'warning: ISVSVN 7 is not security_version 2'
    ens verify svn
    ok
    prints '^warning: .*ISVSVN 7 is not security_version 2'
    rm in.signdata in.sig
    stages in -p 9
    warned 'product_id 1'
    rm in.signdata in.sig
    stages in --date 20260105
    not_warned 'security_version|product_id'
    ens set-sig --sign-data in.signdata in in.sig "$PUB"
    ok
    not_warned 'security_version|product_id'
    ens verify in
    ok
    not grep -Eq 'security_version|product_id' "$OUT"
}

@test "Open Enclave: what its loader never asks for is refused when it is chosen" {
    begin
    vector oe-0.19.signed in
    ens gen-sign-data --from in --attributes 0x14/0x2 -o out in
    refused 65 'PROVISIONKEY' 'Open Enclave'
    ens gen-sign-data --from in --xfrm 0x60007/0x0 -o out in
    refused 65 'XFRM' 'SSA frames of 3 pages'
    ens gen-sign-data --from in --attributes 0x6/0x0 --xfrm 0x7/0x0 -o out in
    ok
}

@test "an approval over a rebuilt ELF: the right one, the wrong one, and files that hold no enclave" {
    begin
    unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    ssh_keys alice
    make_container intel --out release.so
    # Somebody else's key, another day: the same enclave.
    make_container intel --key "$KEY" --date 20250101 --isvsvn 1 --out mine.so
    make_container intel --flip-rodata 77 --out evil.so
    make_container oe --out oe
    ens gen-sign-data --from release.so -o s.signdata release.so
    ok
    ens approve --yes --mrsigner "$(sha256 release.so)" --ssh-key alice --rebuilt mine.so -o s.approval s.signdata
    ok
    says 'as rebuilt from mine\.so'
    grep -qx "item: $(sha256 s.signdata) rebuilt $(sha256 mine.so)" s.approval
    for wrong in evil.so oe; do
        ens approve --yes --mrsigner "$(sha256 release.so)" --ssh-key alice --rebuilt "$wrong" -o no.approval s.signdata
        refused 65 "$(field s.signdata enclavehash)" 'do not approve'
    done
    # Its SIGSTRUCT says the right thing, but the file is another one.
    first release.so css
    for at in $(found evil.so); do
        dd if=css of=evil.so bs=1 seek="$at" conv=notrunc status=none
    done
    ens approve --yes --mrsigner "$(sha256 release.so)" --ssh-key alice --rebuilt evil.so -o no.approval s.signdata
    refused 65 .
    ens approve --yes --mrsigner "$(sha256 release.so)" --ssh-key alice --rebuilt css -o no.approval s.signdata
    refused 65 'no enclave'
    vector ego.signed ego
    ens approve --yes --mrsigner "$(sha256 release.so)" --ssh-key alice --rebuilt ego -o no.approval s.signdata
    refused 65 'ego-enclave'
}

# ---- verify: what is demanded ----

@test "verify: each demand holds or is refused by name, in every container" {
    begin
    vector intel-2.4-2.1-1.4.signed.so intel
    vector oe-0.19.signed oe
    vector ego.signed ego
    install -m 644 "$VECTORS/sigstruct/good.sig" css
    policy holds 'isvsvn >= 2'
    policy fails 'isvsvn >= 9' "mrsigner $SIGNER"
    tester=$(mrsigner "$TESTKEY")
    for file in intel oe ego css; do
        first "$file" want
        hash=$(field want enclavehash)
        svn=$(($(field want isvsvn)))
        prodid=$(($(field want isvprodid)))
        ens verify --mrenclave "$hash" --mrsigner "$tester" --min-isvsvn "$svn" --isvprodid "$prodid" \
            --forbid-debug "$file"
        ok
        prints '^yes: '
        while read -r -a demand; do
            ens verify "${demand[@]}" "$file"
            exits 1
            prints "^no: .*\\[${demand[0]#--}\\]|^no: .*\\[mrsigner\\]"
            [ "$(grep -c '^no: ' "$OUT")" -eq 1 ]
            [ -z "$(errors)" ]
        done <<END
--mrenclave $MRENCLAVE
--mrsigner $SIGNER
--pubkey $PUB
--min-isvsvn $((svn + 1))
--isvprodid $((prodid + 1))
END
        # Every reason, not the first.
        ens verify --mrenclave "$MRENCLAVE" --mrsigner "$SIGNER" --min-isvsvn $((svn + 1)) \
            --isvprodid $((prodid + 1)) "$file"
        exits 1
        [ "$(grep -c '^no: ' "$OUT")" -eq 4 ]
        prints 'refused .*4 reasons'
        rm want
    done
    for file in intel oe ego; do
        ens verify --policy holds "$file"
        ok
        ens verify --policy fails "$file"
        exits 1
        prints '^no: .*policy: isvsvn: '
        prints '^no: .*policy: mrsigner: '
    done
}

@test "verify --forbid-debug and --json: an enclave that a host may debug" {
    begin
    vector intel-3.3.signed.so in.so
    attach out.so in.so --attributes 0x4/0x2
    ens verify out.so
    ok
    prints '^warning: .*debug'
    ens verify --forbid-debug out.so
    exits 1
    prints '^no: .*debug'
    ens verify --json --forbid-debug --min-isvsvn 9 out.so
    exits 1
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
assert set(doc) == {"kind", "format", "file", "profile", "verified", "undecided", "objects", "reasons", "checked",
                    "not_checked", "warnings"}, doc
assert doc["verified"] is False and doc["file"] == "out.so" and doc["profile"] == "cpu"
assert sorted(r["rule"] for r in doc["reasons"]) == ["forbid-debug", "min-isvsvn"], doc
for row in doc["reasons"] + doc["warnings"]:
    assert set(row) == {"object", "rule", "text"} and row["object"].startswith("out.so"), row
PY
    ens verify --json --forbid-debug in.so
    ok
    "$PYTHON" -c '
import json, sys
doc = json.load(open(sys.argv[1]))
assert doc["verified"] is True and doc["reasons"] == [], doc' "$OUT"
}

@test "verify --profile: cpu judges any container, core what may be in a bundle, and the others take no other file" {
    begin
    vector intel-2.4-2.1-1.4.signed.so intel
    vector oe-0.19.signed oe
    install -m 644 "$VECTORS/sigstruct/good.sig" css
    install -m 644 "$VECTORS/sigstruct/date-zero.sig" undated
    for file in intel oe css; do
        ens verify --profile cpu "$file"
        ok
        prints '^yes: '
        prints '^  checked: .*CPU rules'
        for profile in core registry rofl-scheduler; do
            ens verify --profile "$profile" "$file"
            if [ "$file $profile" = 'css core' ]; then
                ok
                prints '^  checked: .*rules of oasis-core'
            else
                refused_either 65 1 'not a bundle'
            fi
        done
        ens verify --component ronl "$file"
        usage 'component'
    done
    # The CPU does not look at DATE, oasis-core does.
    ens verify --profile cpu undated
    ok
    ens verify --profile core undated
    exits 1
    prints '^no: .*DATE'
    ens verify --profile nosuch intel
    usage 'profile'
}

# ---- power cuts ----

# traced: a leak check cannot run under strace.
traced() {
    command -v strace >/dev/null || fail "strace is not installed"
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
}

# walk FILE SIGSTRUCT NEW [-o]: set-sig, killed in front of every system call it makes, one run per call: FILE
# is as before or as NEW, with its mode, and a temporary file at most remains.
walk() {
    "$PYTHON" - "$ENSIGN" "$@" <<'PY'
import collections, os, re, shutil, subprocess, sys
program, old, css, new, *to = sys.argv[1:]
states = {open(f, "rb").read(): n for f, n in ((old, "old"), (new, "new"))}
assert len(states) == 2
os.mkdir("walk")
os.chdir("walk")
command = [program, "set-sig", *(["-o", "out"] if to else []), "enclave", css]
trace = os.environ["BATS_TEST_TMPDIR"] + "/trace"
def run(*options):
    for name in os.listdir("."):
        os.remove(name)
    shutil.copy(old, "enclave")
    os.chmod("enclave", 0o640)
    return subprocess.run(["strace", "-f", "-qq", "-o", trace, *options, *command], timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
p = run()
assert p.returncode == 0, p.stderr
counts = collections.Counter(m[1] for m in (re.match(r"(?:\d+ +)?([a-z_0-9]+)\(", line)
                                            for line in open(trace)) if m)
counts.pop("execve", None)
assert counts["fsync"] >= 2 and any(c.startswith("rename") for c in counts), counts
seen, runs = collections.Counter(), 0
for call, n in sorted(counts.items()):
    for i in range(1, n + 1):
        p = run("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={i}")
        runs += 1
        where = f"{call} {i}"
        state = states.get(open("enclave", "rb").read(), "torn")
        if to:
            assert state == "old", f"{where}: the input is {state}"
            state = states.get(open("out", "rb").read(), "torn") if os.path.exists("out") else "old"
        assert state != "torn", f"{where}: torn"
        assert os.stat("enclave").st_mode & 0o7777 == 0o640, where
        strays = [name for name in os.listdir(".") if name not in ("enclave", "out")]
        assert len(strays) <= 1 and all(s.startswith(".ensign-") for s in strays), (where, strays)
        assert p.returncode in (-9, 137, 0), (where, p.returncode)
        seen[state] += 1
print(f"{runs} runs: {dict(seen)}")
assert seen["old"] and seen["new"], seen
PY
}

@test "killed in front of any system call: an ELF is as it was or wholly signed again, and so is its output" {
    begin
    traced
    vector intel-3.3-1.5-fips.signed.so old
    first old css
    sigstruct fits.css one "$(field css enclavehash)"
    ens set-sig -o new old fits.css
    ok
    walk "$PWD/old" "$PWD/fits.css" "$PWD/new"
    rm -r walk
    walk "$PWD/old" "$PWD/fits.css" "$PWD/new" -o
}

@test "a disk that is full or fails: the ELF stays as it was, and nothing is left beside it" {
    begin
    vector intel-3.3-1.5-fips.signed.so old
    first old css
    sigstruct fits.css one "$(field css enclavehash)"
    traced
    cp old in
    injected=0
    for fault in write:ENOSPC pwrite64:EIO fsync:EIO rename:EIO renameat:EIO renameat2:EIO; do
        status=0
        strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=${fault%:*}" -e "inject=${fault%:*}:error=${fault#*:}:when=1+" \
            "$ENSIGN" set-sig in fits.css </dev/null >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
        if grep -q INJECTED "$BATS_TEST_TMPDIR/trace"; then
            [ "$status" -ne 0 ] || fail "$fault, and exit 0"
            same in old
            injected=$((injected + 1))
        fi
        files css fits.css in old
        cp old in
    done
    [ "$injected" -ge 3 ]
    ens set-sig in fits.css
    ok
    not cmp -s in old
}

@test "verify --profile core is about bundles and their parts, not about ELF files" {
    vector intel-3.3.signed.so a.so
    ens verify --profile core a.so
    refused 65 'a.so: is not a bundle, and its profile is about bundles: give the bundle, or --profile cpu'
    ens verify --profile cpu a.so
    exits 0
}

@test "EGo's loader is Open Enclave's: what that never asks for is refused" {
    vector ego.signed ego
    for option in '-a 0x404/0' '-a 0x14/0' '-x 0x600e7/0'; do
        # shellcheck disable=SC2086  # two words
        ens gen-sign-data --from ego $option -o s.signdata ego
        refused 65 "ego: .*(Open Enclave's loader never asks for|Open Enclave's have one)"
    done
}

@test "MRENCLAVE that cannot be measured is not taken from a SIGSTRUCT that does not verify" {
    vector ego.signed ego
    poke ego "$(($(found ego | head -1) + 960))" 00
    ens gen-sign-data --from ego -o s.signdata ego
    refused 65 'ego: the RSA signature of its SIGSTRUCT does not verify'
}
