#!/usr/bin/env bats
# gen-sign-data and its orc spelling: the 256 bytes, every option that shapes them, and what is
# refused. The expected bytes are built by the second implementation.

load helpers

# shapes FIELD=VALUE... -- OPTION...: with these options the sign-data of the own enclave is the
# default one with these fields.
shapes() {
    local fields=()
    while [ "$1" != -- ]; do
        fields+=("$1")
        shift
    done
    shift
    enclave e.sgxs
    rm -f out expected
    ens gen-sign-data --date 20240229 "$@" -o out e.sgxs
    ok
    sign_data expected "$MRENCLAVE" "${fields[@]}"
    same out expected
}

# bad CODE REGEX OPTION...: refused, one line, nothing written.
bad() {
    local code=$1 regex=$2
    shift 2
    enclave e.sgxs
    ens gen-sign-data "$@" -o out e.sgxs
    refused "$code" "$regex"
}

@test "the default sign-data is orc's, and the second implementation accepts it" {
    shapes --
    accepted signdata --mrenclave "$MRENCLAVE" out
}

@test "a bundle and its bare stream give the same sign-data, and the bundle is not touched" {
    bundle b.orc
    enclave e.sgxs
    ens gen-sign-data --date 20240229 -o bare e.sgxs
    ok
    bundle untouched.orc
    ens gen-sign-data --date 20240229 -o bundled b.orc
    ok
    same bare bundled
    same b.orc untouched.orc
}

@test "a bundle gives the same sign-data in every form it can have" {
    sign_data expected "$MRENCLAVE"
    for form in --legacy '--compress store' --data-descriptor --zip64 --unknown-fields \
        '--sign one' '--component ronl' '--name x --version 0.0.0'; do
        # shellcheck disable=SC2086
        bundle b.orc $form
        ens gen-sign-data --date 20240229 --force -o out b.orc
        ok
        same out expected
    done
}

@test "every option sets its field and no other" {
    shapes swdefined=0x12345678 -- -s 0x12345678
    shapes swdefined=4294967295 -- --swdefined 4294967295
    shapes isvprodid=5 -- -p 5
    shapes isvprodid=65535 -- --isvprodid=65535
    shapes isvsvn=9 -- -v 9
    shapes isvsvn=65535 -- --isvsvn 0xffff
    shapes miscselect=1 miscmask=0xfffffffe -- -m 1/1
    shapes miscselect=0 miscmask=0 -- --miscselect 0/0xffffffff
    shapes attributes=0x14 attributes_mask=0xffffffffffffffff -- -a 0x14/0
    shapes attributes=4 attributes_mask=0xff00fffffffffffd -- --attributes 4/0x00ff000000000002
    shapes xfrm=0x7 xfrm_mask=0xffffffffffffffff -- -x 0x7/0
    shapes xfrm=3 xfrm_mask=0xffffffffffffff1b -- --xfrm 3/0xe4
    shapes attributes=0 attributes_mask=0xfffffffffffffffd -- --32bit
    shapes attributes=6 -- -d
    shapes attributes=6 -- --debug
    shapes attributes_mask=0xffffffffffffffff -- --forbid-debug
    shapes attributes=0x84 isvfamilyid=000102030405060708090a0b0c0d0e0f \
        isvextprodid=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff -- -a 0x84/0x2 \
        --isvfamilyid 000102030405060708090a0b0c0d0e0f \
        --isvextprodid F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF
    shapes attributes=0x44 cet_attributes=1 cet_attributes_mask=0x3f -- -a 0x44/2 \
        --cet-attributes 1/0xc0
}

@test "--debug and --32bit change the attributes given with -a" {
    shapes attributes=0x16 attributes_mask=0xfffffffffffffffd -- -a 0x14/0 --debug
    shapes attributes=0x10 attributes_mask=0xffffffffffffffff -- -a 0x14/0x4 --32bit
}

@test "numbers are decimal, 0x, 0o or 0b" {
    shapes isvsvn=10 -- -v 10
    shapes isvsvn=10 -- -v 0xA
    shapes isvsvn=10 -- -v 0o12
    shapes isvsvn=10 -- -v 0b1010
    shapes isvsvn=0 -- -v 0
    shapes xfrm=3 xfrm_mask=0xffffffffffffff1b -- -x 0b11/0o344
}

@test "a number that is none, too large or ambiguous is refused" {
    for n in '' ' ' x 1x 0x 0b2 0o8 -1 +1 1.0 ' 1' '1 ' 0x1g 1e3; do
        bad 64 isvsvn -v "$n"
    done
    for n in 07 00 010 007; do
        bad 64 isvsvn -v "$n"
    done
    bad 64 isvsvn -v 65536
    bad 64 isvprodid -p 65536
    bad 64 isvprodid -p 0x10000
    bad 64 swdefined -s 4294967296
    bad 64 swdefined -s 18446744073709551616
    bad 64 miscselect -m 0x100000000/0
    bad 64 miscselect -m 0/0x100000000
    bad 64 attributes -a 0x10000000000000000/0
    bad 64 xfrm -x 3/0x10000000000000000
    bad 64 cet-attributes --cet-attributes 0x100/0
}

@test "a value without its mask is refused" {
    bad 64 miscselect -m 0
    bad 64 attributes -a 0x4
    bad 64 xfrm -x 0x3
    bad 64 xfrm -x 0x3/
    bad 64 xfrm -x /0x3
    bad 64 xfrm -x 3/3/3
    bad 64 attributes -a 0x4/02
    bad 64 cet-attributes --cet-attributes 0
}

@test "a KSS identifier is 32 hex digits" {
    bad 64 isvfamilyid -a 0x84/2 --isvfamilyid 00
    bad 64 isvfamilyid -a 0x84/2 --isvfamilyid 000102030405060708090a0b0c0d0e0f00
    bad 64 isvextprodid -a 0x84/2 --isvextprodid 000102030405060708090a0b0c0d0e0g
}

@test "only real calendar dates are taken" {
    for day in 20240229 20000229 20161214 20991231; do
        enclave e.sgxs
        ens gen-sign-data --date "$day" --force -o out e.sgxs
        ok
        [ "$(field out date)" = "0x$day" ]
    done
    rm out
    for day in 20230229 21000229 20240230 20241301 20240001 20240100 20240431 00000000 2024022 \
        202402299 2024-02-29 20240229x 0x20240229 '2024 229' -20240229 today; do
        bad 64 date --date "$day"
    done
}

@test "SOURCE_DATE_EPOCH gives the date, in UTC wherever the host is" {
    enclave e.sgxs
    for zone in UTC Pacific/Kiritimati America/Los_Angeles Etc/GMT+12; do
        TZ=$zone SOURCE_DATE_EPOCH=1709164800 ens gen-sign-data --force -o out e.sgxs
        ok
        [ "$(field out date)" = 0x20240229 ]
        TZ=$zone SOURCE_DATE_EPOCH=1709251199 ens gen-sign-data --force -o out e.sgxs
        ok
        [ "$(field out date)" = 0x20240229 ]
        TZ=$zone SOURCE_DATE_EPOCH=1709164799 ens gen-sign-data --force -o out e.sgxs
        ok
        [ "$(field out date)" = 0x20240228 ]
    done
}

@test "--date goes before SOURCE_DATE_EPOCH" {
    enclave e.sgxs
    SOURCE_DATE_EPOCH=1709164800 ens gen-sign-data --date 20161214 -o out e.sgxs
    ok
    [ "$(field out date)" = 0x20161214 ]
}

@test "a SOURCE_DATE_EPOCH that is no time is refused" {
    for value in yesterday -1 1.5 99999999999999999999 '1709164800 '; do
        SOURCE_DATE_EPOCH=$value bad 64 SOURCE_DATE_EPOCH
    done
}

@test "without a date it is today, in UTC wherever the host is" {
    enclave e.sgxs
    for zone in Pacific/Kiritimati Etc/GMT+12; do
        first=0x$(date -u +%Y%m%d)
        TZ=$zone ens gen-sign-data --force -o out e.sgxs
        ok
        last=0x$(date -u +%Y%m%d)
        found=$(field out date)
        [ "$found" = "$first" ] || [ "$found" = "$last" ]
    done
}

# unusual REGEX OPTION...: refused with 65 and that name, taken with --allow-unusual and said so.
unusual() {
    local regex=$1
    shift
    bad 65 "$regex" "$@"
    ens gen-sign-data "$@" --allow-unusual --force -o out e.sgxs
    ok
    danger "$regex"
    size_is out 256
    rm out
}

@test "INIT is refused unless --allow-unusual" {
    unusual INIT -a 0x5/0x2
}

@test "MODE64BIT clear is refused unless --32bit or --allow-unusual" {
    unusual MODE64BIT -a 0/0x2
    shapes attributes=0 attributes_mask=0xfffffffffffffffd -- -a 0/0x2 --32bit
}

@test "XFRM without x87 or SSE is refused unless --allow-unusual" {
    unusual XFRM -x 0/0
    unusual XFRM -x 1/0
    unusual XFRM -x 2/0
    # Left open, the bits may be set after all: refused, but no danger once it is allowed.
    bad 65 XFRM -x 0/0x3
    shapes xfrm=0 -- -x 0/0x3 --allow-unusual
}

@test "XFRM with half of a feature is refused unless --allow-unusual" {
    unusual XFRM -x 0xb/0
    unusual XFRM -x 0x13/0
    unusual XFRM -x 0x27/0
    unusual XFRM -x 0x47/0
    unusual XFRM -x 0xe3/0
    unusual XFRM -x 0x20003/0
    unusual XFRM -x 0x40003/0
    unusual XFRM -x 0x8000000000000003/0
    shapes xfrm=0x1f xfrm_mask=0xffffffffffffffff -- -x 0x1f/0
    shapes xfrm=0xe7 xfrm_mask=0xffffffffffffffff -- -x 0xe7/0
    shapes xfrm=0x60003 xfrm_mask=0xffffffffffffffff -- -x 0x60003/0
}

@test "reserved attribute bits are refused unless --allow-unusual" {
    unusual 'ATTRIBUTES.*reserved|reserved.*ATTRIBUTES' -a 0xc/0x2
    unusual 'ATTRIBUTES.*reserved|reserved.*ATTRIBUTES' -a 0x104/0x2
    unusual 'ATTRIBUTES.*reserved|reserved.*ATTRIBUTES' -a 0x8000000000000004/0x2
}

@test "KSS identifiers without KSS are refused unless --allow-unusual" {
    unusual KSS --isvfamilyid 000102030405060708090a0b0c0d0e0f
    unusual KSS --isvextprodid 000102030405060708090a0b0c0d0e0f
}

@test "every review warns that debug is possible, unless --forbid-debug" {
    enclave e.sgxs
    ens gen-sign-data -o one e.sgxs
    ok
    danger debug
    ens gen-sign-data --debug -o two e.sgxs
    ok
    danger debug
    ens gen-sign-data --forbid-debug -o three e.sgxs
    ok
    not_warned debug
}

@test "the review shows what will be signed" {
    enclave e.sgxs
    ens gen-sign-data --date 20161214 -p 4711 -v 815 -o out e.sgxs
    ok
    says "$MRENCLAVE"
    says '2016-?12-?14'
    says '\b4711\b'
    says '\b815\b'
    says_hex "$(sha256 out)"
}

@test "--digest writes the 32 bytes that are signed" {
    enclave e.sgxs
    ens gen-sign-data --date 20240229 --digest d -o out e.sgxs
    ok
    size_is d 32
    [ "$(xxd -p -c 64 d)" = "$(sha256 out)" ]
    files d e.sgxs out
}

@test "neither output appears when one of them cannot" {
    enclave e.sgxs
    ens gen-sign-data --digest nosuch/d -o out e.sgxs
    refused 73
    ens gen-sign-data --digest d -o nosuch/out e.sgxs
    refused 73
}

@test "golden: the published parameters give the published digest" {
    # sig1 of rust-sgx, whose enclave is not published: its MRENCLAVE is put in place of ours.
    enclave e.sgxs
    ens gen-sign-data --date 20160109 -a 0x4/0x2 -x 0x3/0xe4 -m 0/0 -o out e.sgxs
    ok
    [ "$(field out enclavehash)" = "$MRENCLAVE" ]
    poke out 188 c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d
    [ "$(sha256 out)" = ea7ced3b8c78324bce65ad851152a125fd1989df324dc72b244ed5f44573ac95 ]
}

@test "golden: --from the published SIGSTRUCT gives its sign-data again" {
    need_shared
    cp "$DATA/keys/sig1.sigstruct.bin" css
    ens gen-sign-data --from css -o out css
    ok
    [ "$(sha256 out)" = ea7ced3b8c78324bce65ad851152a125fd1989df324dc72b244ed5f44573ac95 ]
    [ "$(field out enclavehash)" = c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d ]
}

@test "--from takes the fields of a SIGSTRUCT, of sign-data and of a signed bundle" {
    enclave e.sgxs
    fields=(date=0x20161214 isvprodid=7 isvsvn=3 swdefined=9 attributes_mask=0xffffffffffffffff
        xfrm=7 xfrm_mask=0xffffffffffffffe4 miscselect=1)
    sign_data expected "$MRENCLAVE" "${fields[@]}"
    sign_data from.signdata "${MRENCLAVE//[0-9]/a}" "${fields[@]}"
    sigstruct from.css two "${MRENCLAVE//[0-9]/a}" "${fields[@]}"
    sigstruct own.css two "$MRENCLAVE" "${fields[@]}"
    bundle from.orc --sig own.css
    for source in from.signdata from.css from.orc; do
        ens gen-sign-data --from "$source" --force -o out e.sgxs
        ok
        same out expected
    done
    ens gen-sign-data --from from.css --isvsvn 4 --date 20240229 --force -o out e.sgxs
    ok
    sign_data expected "$MRENCLAVE" "${fields[@]}" isvsvn=4 date=0x20240229
    same out expected
}

@test "--from a signed container again needs no other enclave" {
    sigstruct own.css two "$MRENCLAVE" isvsvn=3
    bundle b.orc --sig own.css
    sign_data expected "$MRENCLAVE" isvsvn=4
    ens gen-sign-data --from own.css --isvsvn 4 -o one own.css
    ok
    same one expected
    ens gen-sign-data --from b.orc --isvsvn 4 -o two b.orc
    ok
    same two expected
    ens gen-sign-data --isvsvn 4 -o three own.css
    usage 'own\.css' '--from'
}

@test "--from something unsigned is refused" {
    enclave e.sgxs
    bundle b.orc
    ens gen-sign-data --from b.orc -o out e.sgxs
    refused 65 'b\.orc'
    ens gen-sign-data --from e.sgxs -o out e.sgxs
    refused 65 'e\.sgxs'
}

# unmeasured IN OUT: the last EEXTEND record becomes UNMEASRD. Prints what the CPU measures.
unmeasured() {
    "$PYTHON" - "$1" "$2" <<'PY'
import sys
import sgxs
data = open(sys.argv[1], "rb").read()
data = data[:-320] + sgxs.UNMEASRD + data[-312:]
open(sys.argv[2], "wb").write(data)
print(sgxs.measure(data).mrenclave)
PY
}

@test "a bare stream with unmeasured chunks warns and has the CPU's MRENCLAVE" {
    enclave e.sgxs
    cpu=$(unmeasured e.sgxs u.sgxs)
    [ "$cpu" != "$(sha256 u.sgxs)" ]
    ens gen-sign-data --date 20240229 -o out u.sgxs
    ok
    warned 'measure|SHA-256'
    sign_data expected "$cpu"
    same out expected
}

@test "a bundle with unmeasured chunks is refused" {
    enclave e.sgxs
    unmeasured e.sgxs u.sgxs
    "$PYTHON" "$INTEROP/mkbundle.py" u.orc --sgxs u.sgxs
    ens gen-sign-data -o out u.orc
    refused 65 'measure|SHA-256'
    ens sgx-gen-sign-data u.orc
    refused 65 'measure|SHA-256'
}

@test "a broken stream is refused, bare and in a bundle" {
    enclave e.sgxs
    "$PYTHON" - <<'PY'
data = open("e.sgxs", "rb").read()
cases = {
    "empty": b"", "text": b"dummy\n", "zero": bytes(64), "no-ecreate": data[64:],
    "short": data[:-1], "half-header": data[:64 + 32], "trailing": data + b"x" * 10,
    "tag": data[:64] + b"EADE" + data[68:], "unsized": b"UNSIZED\0" + data[8:],
    "two-ecreate": data[:64] + data,
}
for name, content in cases.items():
    open(name + ".sgxs", "wb").write(content)
PY
    for name in empty text zero no-ecreate short half-header trailing tag unsized two-ecreate; do
        ens gen-sign-data -o out "$name.sgxs"
        refused 65 "$name"
        "$PYTHON" "$INTEROP/mkbundle.py" b.orc --sgxs "$name.sgxs"
        ens gen-sign-data -o out b.orc
        refused 65
        rm b.orc
    done
}

@test "the published streams have the MRENCLAVE their table says, or are refused" {
    need_shared
    "$PYTHON" -c '
import json, sys
for name, case in json.load(open(sys.argv[1])).items():
    kind = "none" if not case.get("mrenclave") else "odd" if case["problems"] else "good"
    print(name, kind, case.get("mrenclave") or "-")' "$DATA/sgxs/expected.json" >"$BATS_TEST_TMPDIR/cases"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/cases")" -ge 25 ]
    while read -r name kind measured; do
        rm -f out expected
        ens gen-sign-data --date 20240229 -o out "$DATA/sgxs/$name"
        # An odd stream, which no CPU can load or others hash differently: never in silence.
        if [ "$kind" = none ] || [ "$kind:$status" = odd:65 ]; then
            refused 65 "$name"
            continue
        fi
        ok
        [ "$kind" = good ] || warned 'stream|measure|page|chunk|SHA-256|TCS'
        sign_data expected "$measured"
        same out expected
    done <"$BATS_TEST_TMPDIR/cases"
}

@test "the published enclaves have their published MRENCLAVE" {
    need_shared
    ens gen-sign-data -o one "$DATA/enclaves/test_enclave.sgxs"
    ok
    field one enclavehash | grep -q '^784acfd7.*98fc$'
    ens gen-sign-data -o two "$DATA/enclaves/report.sgxs"
    ok
    field two enclavehash | grep -q '^a06a560b.*2290$'
}

# two_enclaves OUT.orc: ronl holds the own enclave, rofl.app the other one.
two_enclaves() {
    enclave e.sgxs
    other_enclave o.sgxs
    "$PYTHON" - "$1" <<'PY'
import sys
import mkbundle
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf(), open("e.sgxs", "rb").read())
b.add_component("rofl.app", mkbundle.tiny_elf(b"app"), open("o.sgxs", "rb").read())
b.add_component("rofl.plain", mkbundle.tiny_elf(b"plain"))
open(sys.argv[1], "wb").write(b.seal().pack())
PY
}

@test "--component chooses the enclave, ronl as in orc when nothing is said" {
    two_enclaves b.orc
    ens gen-sign-data --date 20240229 -o default b.orc
    ok
    ens gen-sign-data --date 20240229 --component ronl -o ronl b.orc
    ok
    ens gen-sign-data --date 20240229 --component rofl.app -o app b.orc
    ok
    sign_data expected-ronl "$(sha256 e.sgxs)"
    sign_data expected-app "$(sha256 o.sgxs)"
    same ronl expected-ronl
    same default expected-ronl
    same app expected-app
}

@test "a component that is not there, has no enclave or has no such name is refused" {
    two_enclaves b.orc
    ens gen-sign-data --component rofl.none -o out b.orc
    refused 65 'rofl\.none'
    ens gen-sign-data --component rofl.plain -o out b.orc
    refused 65 'rofl\.plain'
    for name in nonsense rofl rofl. rofl.a 'rofl.a b c' ronl.x RONL ''; do
        ens gen-sign-data --component "$name" -o out b.orc
        refused_either 64 65 component
    done
}

@test "--component for a bare stream is a usage error" {
    enclave e.sgxs
    ens gen-sign-data --component rofl.app -o out e.sgxs
    refused 64 component
}

@test "a file that is not an enclave is refused" {
    sign_data s.signdata "$MRENCLAVE"
    test_key one k.pem
    printf 'hello' >text
    : >empty
    for file in s.signdata k.pem.pub text empty; do
        ens gen-sign-data -o out "$file"
        refused 65 "$file"
    done
}

@test "sgx-gen-sign-data prints the raw digest of the same sign-data" {
    bundle b.orc
    ens gen-sign-data --date 20240229 -p 5 -v 12 -a 0x4/0 -o out b.orc
    ok
    ens sgx-gen-sign-data --date 20240229 -p 5 -v 12 -a 0x4/0 b.orc
    ok
    size_is "$OUT" 32
    [ "$(xxd -p -c 64 "$OUT")" = "$(sha256 out)" ]
    ens sgx-gen-sign-data --component ronl --date 20240229 --isvprodid=5 --isvsvn=12 \
        --attributes=0x4/0 b.orc
    ok
    [ "$(xxd -p -c 64 "$OUT")" = "$(sha256 out)" ]
}

@test "two runs give the same bytes" {
    bundle b.orc
    ens gen-sign-data --date 20240229 -o one b.orc
    ok
    ens gen-sign-data --date 20240229 -o two b.orc
    ok
    same one two
}

@test "a large stream is measured in constant memory" {
    # 64 MiB of pages, most of them not measured in full: no reader may keep them.
    "$PYTHON" - <<'PY'
import mkenclave, sgxs
pages = 1 << 14
with open("big.sgxs", "wb") as f:
    f.write(mkenclave.ecreate(1 << 27))
    for i in range(pages):
        f.write(mkenclave.page(i << 12, sgxs.PT_REG | sgxs.READ))
PY
    enclave e.sgxs
    sha=$(sha256 big.sgxs)
    (
        [ "$VARIANT" = asan ] || ulimit -v 200000
        "$ENSIGN" gen-sign-data -o out big.sgxs 2>"$BATS_TEST_TMPDIR/stderr"
    )
    [ "$(field out enclavehash)" = "$sha" ]
    rm big.sgxs
}

@test "fields and MRENCLAVE are not taken from a SIGSTRUCT whose signature does not verify" {
    sigstruct forged.sig one "$MRENCLAVE" isvsvn=3
    cp forged.sig good.sig
    poke forged.sig 1026 0900
    ens gen-sign-data --from good.sig -o good.signdata good.sig
    ok
    for enclave in forged.sig good.sig; do
        ens gen-sign-data --from forged.sig -o s.signdata "$enclave"
        refused 65 'forged.sig: the RSA signature of its SIGSTRUCT does not verify'
    done
    # The operand says MRENCLAVE where nothing can be measured.
    ens gen-sign-data --from good.sig -o s.signdata forged.sig
    refused 65 'forged.sig: the RSA signature'
    # What waits for its signature has none to verify; extract is for whoever examines.
    ens extract --sign-data -o u.signdata good.sig
    ok
    ens gen-sign-data --from u.signdata -o again.signdata good.sig
    ok
    ens extract -o x.sig forged.sig
    ok
    says '^ensign: warning: forged.sig: the RSA signature of its SIGSTRUCT does not verify'
    same x.sig forged.sig
}
