#!/usr/bin/env bats
# verify: every demand and every profile, what holds beside what does not. All reasons are given at
# once, one a line, with the name of the rule; exit 0 or 1, and 65 for what is nothing to verify.

load helpers

fixtures() {
    test_key one one.pem
    test_key two two.pem
    enclave own.sgxs.tmp
}

# craft OUT.orc [COMPONENT [SIGSTRUCT-FIELD=VALUE...]]: a signed bundle of the own enclave, which the
# Python code on stdin may change before it is packed: b the bundle, m its manifest, c its component,
# z the arguments of pack(). The digests are made afterwards.
craft() {
    "$PYTHON" - "$BATS_FILE_TMPDIR/own.sgxs" "$@" 3<&0 <<'PY'
import os, sys
import base64, hashlib, json
import mkbundle, sgx, testkey, zipmake
code = os.fdopen(3).read()
stream = open(sys.argv[1], "rb").read()
out, component, *fields = sys.argv[2:] + (["ronl"] if len(sys.argv) == 3 else [])
fields = {k: int(v, 0) for k, _, v in (f.partition("=") for f in fields)}
sig = testkey.sigstruct(hashlib.sha256(stream).hexdigest(), **fields)
b = mkbundle.Bundle()
c = b.add_component(component, mkbundle.tiny_elf(), stream, sig)
if component != "ronl":                         # as the scheduler wants it
    c["elf"] = {"executable": c.pop("executable")}
    c["identity"] = [{"enclave": base64.b64encode(
        hashlib.sha256(stream).digest() + bytes.fromhex(sgx.mrsigner(sig))).decode()}]
m, z = b.manifest, {}
exec(code)
open(out, "wb").write(b.seal().pack(**z))
PY
}

# Whose rules the line of what was checked must name.
rules() {
    case $1 in
    cpu) echo 'CPU rules' ;;
    core) echo 'rules of oasis-core' ;;
    registry) echo 'rules of the registry' ;;
    rofl-scheduler) echo 'rules of the ROFL scheduler' ;;
    esac
}

# yes PROFILE: exit 0, nothing on stderr, the verdict in the first line, whose rules were checked; not a reason.
yes() {
    ok
    [ ! -s "$ERR" ] || fail "stderr is not empty"
    head -n 1 "$OUT" | grep -q '^yes: ' || fail "the verdict is: $(head -n 1 "$OUT")"
    prints "^  checked: (.*, )?$(rules "$1")(,|\$)"
    not grep -qE '^(no: |refused|undecided)' "$OUT"
    unchanged
}

# no PROFILE RULE...: exit 1 for exactly these rules, in any order, and the count is right.
no() {
    local profile=$1 want have
    shift
    exits 1
    [ -z "$(errors)" ] || fail "an error line beside the verdict"
    want=$(printf '%s\n' "$@" | LC_ALL=C sort)
    have=$(sed -n 's/^no: .* \[\([a-z0-9-]*\)\]$/\1/p' "$OUT" | LC_ALL=C sort)
    [ "$have" = "$want" ] || fail "the rules that it breaks are:" "$have" "and must be:" "$want"
    [ "$(tail -n 1 "$OUT")" = "refused ($profile): $# reason$([ $# -eq 1 ] || echo s)" ] ||
        fail "the verdict is: $(tail -n 1 "$OUT")"
    [ "$(grep -c '^no: ' "$OUT")" -eq $# ] || fail "lines: $(cat "$OUT")"
    [ "$(head -n 1 "$OUT" | cut -c 1-4)" = 'no: ' ] || fail "the first line is: $(head -n 1 "$OUT")"
    not grep -qE '^(yes: |  checked|  not checked)' "$OUT"
    plain "$OUT"
    unchanged
}

# says_no REGEX: one of the reasons reads like this.
says_no() {
    grep '^no: ' "$OUT" | grep -Eq -- "$1" || fail "no reason says /$1/:" "$(cat "$OUT")"
}

# ---- the demands ----

@test "without options the rules are the processor's" {
    craft good.orc </dev/null
    ens verify good.orc
    yes cpu
    [ "$(wc -l <"$OUT")" -eq 4 ]
    prints '^warning: good\.orc: ronl: .*DEBUG.* \[debug-open\]$'
    craft closed.orc ronl attributes_mask=0xffffffffffffffff </dev/null
    ens verify closed.orc
    yes cpu
    printf '%s\n' 'yes: closed.orc: ronl: verifies' '  checked: signature, Q1, Q2, CPU rules, MRENCLAVE (measured)' \
        '  not checked: ISVPRODID, MRENCLAVE against a value of yours, signer, ISVSVN, DEBUG' >want
    cmp want "$OUT" || fail "$(cat "$OUT")"
    rm want
    bundle unsigned.orc
    ens verify unsigned.orc
    no cpu unsigned
    ens verify --profile cpu unsigned.orc
    no cpu unsigned
}

@test "--mrenclave" {
    craft good.orc </dev/null
    bundle unsigned.orc
    ens verify --mrenclave "$MRENCLAVE" good.orc
    yes cpu
    ens verify --mrenclave "${MRENCLAVE^^}" good.orc
    yes cpu
    other=$(tr 0-9a-f 1-9a-f0 <<<"$MRENCLAVE")
    ens verify --mrenclave "$other" good.orc
    no cpu mrenclave
    says_no "MRENCLAVE is $MRENCLAVE, not $other"
    # What is not signed has an MRENCLAVE all the same.
    ens verify --profile core --mrenclave "$MRENCLAVE" unsigned.orc
    yes core
    ens verify --profile core --mrenclave "$other" unsigned.orc
    no core mrenclave
    for value in "${MRENCLAVE:1}" "${MRENCLAVE}00" "0x$MRENCLAVE" '' "${MRENCLAVE%?}g"; do
        ens verify --mrenclave "$value" good.orc
        refused 64 mrenclave
    done
}

@test "--mrsigner and --pubkey name the signer" {
    craft good.orc </dev/null
    bundle unsigned.orc
    one=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    two=$(mrsigner "$BATS_FILE_TMPDIR/two.pem.pub")
    ens verify --mrsigner "$one" good.orc
    yes cpu
    ens verify --mrsigner "$two" good.orc
    no cpu mrsigner
    says_no "MRSIGNER is $one, not $two"
    ens verify --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" good.orc
    yes cpu
    ens verify --pubkey "$BATS_FILE_TMPDIR/two.pem.pub" good.orc
    no cpu mrsigner
    says_no "MRSIGNER is $one, not $two"
    ens verify --profile core --mrsigner "$one" unsigned.orc
    no core unsigned
    ens verify --mrsigner "$one" --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" good.orc
    usage 'mrsigner.*pubkey|pubkey.*mrsigner'
    ens verify --pubkey gone.pem good.orc
    refused 66 gone.pem
    echo text >text.pem
    ens verify --pubkey text.pem good.orc
    refused 65 text.pem
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | openssl pkey -pubout -out small.pem
    ens verify --pubkey small.pem good.orc
    refused 65 small.pem 2048
}

@test "--min-isvsvn, --isvprodid and --forbid-debug" {
    craft a.orc ronl isvsvn=12 isvprodid=5 </dev/null
    craft b.orc ronl isvsvn=12 isvprodid=5 attributes_mask=0xffffffffffffffff </dev/null
    craft c.orc ronl attributes=6 attributes_mask=0xffffffffffffffff </dev/null
    bundle unsigned.orc
    for n in 0 11 12 0xc; do
        ens verify --min-isvsvn "$n" a.orc
        yes cpu
    done
    ens verify --min-isvsvn 13 a.orc
    no cpu min-isvsvn
    says_no 'ISVSVN is 12, below 13'
    ens verify --isvprodid 5 a.orc
    yes cpu
    for n in 0 4 65535; do
        ens verify -p "$n" a.orc
        no cpu isvprodid
        says_no "ISVPRODID is 5, not $n"
    done
    ens verify --forbid-debug b.orc
    yes cpu
    ens verify --forbid-debug a.orc
    no cpu forbid-debug
    # DEBUG set and enforced can only be debugged.
    ens verify --forbid-debug c.orc
    no cpu forbid-debug
    for option in '--min-isvsvn 1' '--isvprodid 0' --forbid-debug; do
        # shellcheck disable=SC2086
        ens verify --profile core $option unsigned.orc
        no core unsigned
    done
    ens verify --profile core --min-isvsvn 0 unsigned.orc
    yes core
    for n in 65536 -1 012 x ''; do
        ens verify --min-isvsvn "$n" a.orc
        usage min-isvsvn
        ens verify --isvprodid "$n" a.orc
        usage isvprodid
    done
}

@test "every reason at once" {
    craft bad.orc ronl isvsvn=3 isvprodid=7 attributes=5 attributes_mask=0xfffffffffffffffd </dev/null
    ens verify --mrenclave "${MRENCLAVE//[0-9]/a}" --mrsigner "${MRENCLAVE//[0-9]/b}" --min-isvsvn 4 \
        --isvprodid 6 --forbid-debug bad.orc
    no cpu init mrenclave mrsigner min-isvsvn isvprodid forbid-debug
    ens verify --mrenclave "${MRENCLAVE//[0-9]/a}" --min-isvsvn 4 bad.orc
    no cpu init mrenclave min-isvsvn
    # oasis-core does not look at INIT.
    ens verify --profile core --min-isvsvn 4 bad.orc
    no core min-isvsvn
    prints '^warning: bad\.orc: ronl: INIT .*the CPU refuses it, oasis-core does not look'
}

@test "--component: only that one is looked at" {
    enclave e.sgxs
    sigstruct one.css one "$MRENCLAVE" isvsvn=3
    sigstruct two.css two "$MRENCLAVE" isvsvn=9
    "$PYTHON" - <<'PY'
import mkbundle
stream, elf = open("e.sgxs", "rb").read(), mkbundle.tiny_elf()
b = mkbundle.Bundle()
b.add_component("ronl", elf, stream, open("one.css", "rb").read())
b.add_component("rofl.app", elf, stream, open("two.css", "rb").read())
b.add_component("rofl.elf", elf)
open("b.orc", "wb").write(b.seal().pack())
PY
    ens verify --component ronl --min-isvsvn 5 b.orc
    no cpu min-isvsvn
    ens verify --component rofl.app --min-isvsvn 5 b.orc
    yes cpu
    ens verify --min-isvsvn 5 b.orc
    no cpu min-isvsvn
    ens verify --min-isvsvn 10 b.orc
    no cpu min-isvsvn min-isvsvn
    says_no '^no: b\.orc: ronl: '
    says_no '^no: b\.orc: rofl\.app: '
    for id in rofl.elf rofl.gone ''; do
        ens verify --component "$id" b.orc
        exits 1
        says_no '\[component\]$'
    done
    ens verify --component ronl two.css
    usage component
}

@test "a SIGSTRUCT file is verified as well" {
    sigstruct one.css one "$MRENCLAVE" isvsvn=3
    one=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    for profile in cpu core; do
        ens verify --profile "$profile" --mrenclave "$MRENCLAVE" --mrsigner "$one" --min-isvsvn 3 \
            --isvprodid 0 one.css
        yes "$profile"
    done
    poke one.css 1026 04
    for profile in cpu core; do
        ens verify --profile "$profile" one.css
        no "$profile" signature
    done
    for profile in registry rofl-scheduler; do
        ens verify --profile "$profile" one.css
        refused 65 one.css bundle
    done
}

@test "exit 65: what is nothing to verify; 66: what cannot be opened; 64: usage" {
    echo text >text
    : >empty
    enclave e.sgxs
    sign_data s.signdata "$MRENCLAVE"
    head -c 1807 /dev/zero >short
    head -c 1808 /dev/zero >zero
    for file in text empty e.sgxs s.signdata short zero; do
        ens verify "$file"
        refused 65 "$file"
    done
    ens verify gone.orc
    refused 66 gone.orc
    mkdir directory
    ens verify directory
    refused 66 directory
    ens verify
    usage 'file|argument'
    ens verify text empty
    usage 'argument|file'
    for profile in CPU none '' cores; do
        ens verify --profile "$profile" text
        usage 'profile.*core, registry, rofl-scheduler'
    done
    ens verify --profil cpu text
    usage profile
}

@test "a bundle that does not open is a no for every profile, with the reason" {
    craft bad.orc <<'PY'
z["manifest"] = b"{}"
PY
    craft broken.orc <<'PY'
c["sgx"]["signature"] = c["sgx"]["executable"]
PY
    for profile in cpu core registry rofl-scheduler; do
        ens verify --profile "$profile" bad.orc
        no "$profile" open
        says_no '^no: bad\.orc: .*has no digest'
        ens verify --profile "$profile" broken.orc
        no "$profile" open
        says_no '1808'
    done
}

# ---- known public keys ----

@test "a published key is refused, unless --allow-public-key makes a warning of it" {
    need_shared
    cp "$DATA/keys/sig1.sigstruct.bin" sig1.css
    ens verify sig1.css
    no cpu public-key
    says_no "Intel's SDK samples"
    ens verify --profile core sig1.css
    no core public-key
    ens verify --allow-public-key sig1.css
    yes cpu
    prints "^warning: sig1.css: .*Intel's SDK samples.*\[public-key\]$"
    # The dummy key of Fortanix, over an enclave of ours.
    bundle b.orc
    openssl rsa -inform DER -in "$DATA/keys/fortanix-dummy.priv.der" -out dummy.pem 2>/dev/null
    openssl rsa -in dummy.pem -pubout -out dummy.pub 2>/dev/null
    sign_data s.signdata "$MRENCLAVE"
    pem_sign dummy.pem s.signdata s.sig
    ens set-sig --sign-data s.signdata b.orc s.sig dummy.pub
    ok
    for profile in cpu core registry; do
        ens verify --profile "$profile" b.orc
        no "$profile" public-key
        says_no "Fortanix's dummy key"
        ens verify --profile "$profile" --allow-public-key b.orc
        yes "$profile"
    done
    # That a key is known does not excuse another one that was asked for.
    ens verify --allow-public-key --mrsigner "$MRENCLAVE" b.orc
    no cpu mrsigner
    craft good.orc </dev/null
    ens verify --allow-public-key good.orc
    yes cpu
    not grep -q public-key "$OUT"
}

# ---- cpu ----

@test "cpu: every vector of data/sigstruct, with every reason and every warning" {
    need_shared
    "$PYTHON" - "$ENSIGN" "$DATA/sigstruct" <<'PY'
import json, pathlib, subprocess, sys
ensign, folder = sys.argv[1], pathlib.Path(sys.argv[2])
cases = json.loads((folder / "expected.json").read_text())
assert len(cases) == 53, len(cases)
for name, case in cases.items():
    path = folder / f"{name}.sig"
    run = subprocess.run([ensign, "verify", "--profile", "cpu", path], capture_output=True, text=True)
    if path.stat().st_size != 1808:             # no SIGSTRUCT at all
        assert run.returncode == 65 and case["errors"][0] in run.stderr, (name, run)
        continue
    assert run.returncode == (1 if case["errors"] else 0), (name, run)
    lines = [line for line in run.stdout.splitlines() if not line.startswith(("yes: ", "  ", "refused "))]
    for word, texts in (("no", case["errors"]), ("warning", case["warnings"])):
        said = [line for line in lines if line.startswith(f"{word}: {path}: ")]
        assert len(said) == len(texts), (name, said, texts)
        for text in texts:
            assert any(f": {text} [" in line for line in said), (name, text, said)
    assert len(lines) == len(case["errors"]) + len(case["warnings"]), (name, lines)
PY
}

@test "cpu: an enclave whose stream no CPU loads, or measures to something else" {
    need_shared
    for name in base:0 tcs-reserved:1 unsized:1 trailing:1 tcs-dbgoptin:1 unmeasured-chunk:1; do
        "$PYTHON" "$INTEROP/mkbundle.py" b.orc --sgxs "$DATA/sgxs/${name%:*}.sgxs" --sign one
        ens verify b.orc
        exits "${name#*:}"
        # oasis-core hashes the file, whatever is in it.
        ens verify --profile core b.orc
        yes core
    done
    "$PYTHON" "$INTEROP/mkbundle.py" b.orc --sgxs "$DATA/sgxs/unmeasured-chunk.sgxs" --sign one
    ens verify b.orc
    no cpu mrenclave
    printf 'dummy\n' >dummy
    "$PYTHON" "$INTEROP/mkbundle.py" b.orc --sgxs dummy --sign one
    ens verify b.orc
    no cpu sgxs
    ens verify --profile core b.orc
    yes core
}

# ---- core ----

@test "core: DATE must be a calendar date, which no CPU asks for" {
    for date in 0x20240229 0x20000101 0x99991231; do
        sigstruct s.css one "$MRENCLAVE" "date=$date"
        ens verify --profile core s.css
        yes core
        ens verify s.css
        yes cpu
    done
    for date in 0 0x20230229 0x20230230 0x20241301 0x20240001 0x20240100 0x07e7040e 0x0e0407e7 0x2024021a; do
        sigstruct s.css one "$MRENCLAVE" "date=$date"
        ens verify --profile core s.css
        no core date
        says_no "DATE $(printf %08x "$date") is no date"
        ens verify s.css
        yes cpu
        prints '^warning: s\.css: DATE .*\[date\]$'
        craft b.orc ronl "date=$date" </dev/null
        ens verify --profile core b.orc
        no core open
        says_no 'DATE'
    done
}

@test "core: the vectors with a DATE that is none" {
    need_shared
    for name in date-gramine-1.4 date-binary date-zero date-feb30; do
        ens verify --profile core "$DATA/sigstruct/$name.sig"
        no core date
        ens verify --profile cpu "$DATA/sigstruct/$name.sig"
        yes cpu
    done
    ens verify --profile core "$DATA/sigstruct/good.sig"
    yes core
}

@test "core: what only the CPU refuses is a warning; what both refuse is a no" {
    need_shared
    for name in header2 reserved1 reserved2 reserved3 reserved4 vendor-other init xfrm-no-sse \
        kss-family-without type-debug; do
        ens verify --profile core "$DATA/sigstruct/$name.sig"
        yes core
        prints '^warning: .*the CPU refuses it, oasis-core does not look'
    done
    for name in sig-flip q1-flip q2-flip q-swapped hash-flip svn-changed exponent all-zero-key sig-big-endian \
        sig-plus-n modulus-big-endian; do
        ens verify --profile core "$DATA/sigstruct/$name.sig"
        exits 1
    done
}

@test "core: no signature is fine for the bundle" {
    bundle unsigned.orc
    ens verify --profile core unsigned.orc
    yes core
    craft disabled.orc rofl.app <<'PY'
c["disabled"] = True
m["unknown"] = {"x": 1}
PY
    ens verify --profile core disabled.orc
    yes core
}

# ---- registry ----

@test "registry: every SGX component is signed" {
    craft good.orc </dev/null
    ens verify --profile registry good.orc
    yes registry
    bundle unsigned.orc
    ens verify --profile registry unsigned.orc
    no registry unsigned
    ens verify --profile registry --min-isvsvn 1 --forbid-debug unsigned.orc
    no registry unsigned
    craft half.orc <<'PY'
b.add_component("rofl.app", mkbundle.tiny_elf(b"2"), stream)
b.add_component("rofl.two", mkbundle.tiny_elf(b"3"), stream)
PY
    ens verify --profile registry half.orc
    no registry unsigned unsigned
    says_no '^no: half\.orc: rofl\.app: '
    says_no '^no: half\.orc: rofl\.two: '
    craft elf.orc <<'PY'
b.add_component("rofl.app", mkbundle.tiny_elf(b"2"))
PY
    ens verify --profile registry elf.orc
    yes registry
}

@test "registry: the whole file is strictly under 20 MiB" {
    # Stored bytes as many as it takes.
    for size in 20971519 20971520 20971521; do
        SIZE=$size craft b.orc <<'PY'
want = int(os.environ["SIZE"])
b.files["z"] = bytes(want - 100000)
z["method"] = zipmake.STORE
b.files["z"] = bytes(len(b.files["z"]) + want - len(b.seal().pack(**z)))
PY
        size_is b.orc "$size"
        ens verify --profile registry b.orc
        if [ "$size" -lt 20971520 ]; then
            yes registry
        else
            no registry size
            says_no "has $size bytes"
        fi
        ens verify --profile core b.orc
        yes core
    done
}

@test "registry: another file name than the manifest hash is a warning" {
    craft b.orc </dev/null
    hash=$("$PYTHON" -c '
import sys, orc
print(orc.check(open("b.orc", "rb").read()).manifest_hash)')
    ens verify --profile registry b.orc
    yes registry
    prints "^warning: b\.orc: .*$hash\.orc \[name\]$"
    mkdir "$hash"
    cp b.orc "$hash/$hash.orc"
    ens verify --profile registry "$hash/$hash.orc"
    yes registry
    not grep -q '\[name\]' "$OUT"
    cp b.orc "$hash.ORC"
    ens verify --profile registry "$hash.ORC"
    prints '\[name\]$'
    ens verify --profile core b.orc
    not grep -q '\[name\]' "$OUT"
}

# ---- rofl-scheduler ----

# scheduler NAME CODE: a good bundle that CODE changes, verified.
scheduler() {
    craft "$1.orc" rofl.app <<<"$2"
    ens verify --profile core "$1.orc"
    yes core
    ens verify --profile rofl-scheduler "$1.orc"
}

@test "rofl-scheduler: a bundle that it takes" {
    scheduler good ''
    yes rofl-scheduler
    scheduler enabled 'c["disabled"] = False'
    yes rofl-scheduler
    scheduler bare 'del m["version"], m["name"]'
    yes rofl-scheduler
}

@test "rofl-scheduler: unknown fields at every level" {
    i=0
    for at in 'm' 'm["version"]' 'c' 'c["version"]' 'c["elf"]' 'c["sgx"]' 'c["identity"][0]'; do
        i=$((i + 1))
        scheduler "u$i" "${at}[\"x-unknown\"] = None"
        no rofl-scheduler manifest
        says_no 'x-unknown: the scheduler does not know this field'
    done
    scheduler all 'm["a"] = c["b"] = c["sgx"]["d"] = 1'
    no rofl-scheduler manifest manifest manifest
}

@test "rofl-scheduler: the older forms" {
    scheduler executable 'c["executable"] = c.pop("elf")["executable"]'
    no rofl-scheduler manifest
    says_no 'components\[0\]\.executable'
    scheduler legacy 'm["executable"] = b._put("runtime.elf", mkbundle.tiny_elf())'
    no rofl-scheduler manifest
    says_no ' executable: '
    scheduler legacy-sgx 'b.add_legacy(mkbundle.tiny_elf(), stream, sig)'
    no rofl-scheduler manifest manifest
    says_no ' sgx: '
}

@test "rofl-scheduler: required fields" {
    for code in 'version:del c["version"]' 'identity:del c["identity"]' 'signature:del c["sgx"]["signature"]' \
        'signature:c["sgx"]["signature"] = ""' 'version:c["version"] = None' 'identity:c["identity"] = None'; do
        scheduler r "${code#*:}"
        exits 1
        says_no "components\[0\].*${code%%:*}"
        [ "$(grep -c '^no: ' "$OUT")" -eq 1 ]
    done
    scheduler id 'del m["id"]'
    no rofl-scheduler manifest
    says_no ' id: is missing'
    scheduler components 'del m["components"]; b.files = {}'
    no rofl-scheduler manifest
    says_no ' components: is missing'
}

@test "rofl-scheduler: rofl components only, none disabled" {
    scheduler disabled 'c["disabled"] = True'
    no rofl-scheduler manifest
    says_no 'disabled'
    scheduler ronl 'c["kind"] = "ronl"; del c["name"]'
    exits 1
    says_no 'kind: the scheduler runs rofl components only'
    # A ronl component has no name, which the scheduler requires.
    says_no 'name: is missing'
    scheduler second 'b.add_component("rofl.two", mkbundle.tiny_elf(b"2"))'
    exits 1
    says_no 'components\[1\]\.executable'
    says_no 'components\[1\]\.identity'
    not grep -q 'components\[0\]' "$OUT"
}

# tdx CODE: a good TDX component, changed by CODE, verified.
tdx() {
    scheduler tdx "
del c['sgx'], c['elf']
b.files = {n: n.encode() for n in ('fw', 'kernel', 'initrd', 'disk')}
c['tdx'] = t = {'firmware': 'fw', 'kernel': 'kernel', 'initrd': 'initrd', 'extra_kernel_options': ['quiet'],
    'stage2_image': 'disk', 'stage2_format': 'qcow2', 'stage2_persist': True,
    'resources': {'memory': 512, 'cpus': 2, 'gpu': {'model': 'h100', 'count': 1}}}
r = t['resources']
$1"
}

@test "rofl-scheduler: TDX components" {
    tdx ''
    yes rofl-scheduler
    tdx 'del t["initrd"], t["extra_kernel_options"], t["stage2_persist"], r["gpu"]'
    yes rofl-scheduler
    tdx 't["extra_kernel_options"] = ["x"] * 32; r["cpus"] = 255; r["gpu"]["count"] = 255'
    yes rofl-scheduler
    tdx 't["stage2_format"] = "raw"'
    no rofl-scheduler manifest
    says_no 'stage2_format: must be qcow2'
    tdx 'del t["stage2_format"]'
    no rofl-scheduler manifest
    says_no 'stage2_format: must be qcow2'
    tdx 't["extra_kernel_options"] = ["x"] * 33'
    no rofl-scheduler manifest
    says_no 'extra_kernel_options: are 33, more than 32'
    tdx 'del t["kernel"], t["initrd"], t["stage2_image"], t["extra_kernel_options"]'
    no rofl-scheduler manifest
    says_no 'kernel'
    tdx 't["x"] = r["y"] = r["gpu"]["z"] = 0'
    no rofl-scheduler manifest manifest manifest
}

@test "D2: numbers beyond oasis-core's types: no node opens it, so no profile does, and nothing is signed beside it" {
    for code in 'cpus:r["cpus"] = 256' 'cpus:r["cpus"] = 65536' 'cpus:r["cpus"] = 1 << 63' 'cpus:r["cpus"] = -1' \
        'count:r["gpu"]["count"] = 256' 'memory:r["memory"] = -1' 'memory:r["memory"] = 1 << 64' \
        'major:m["version"] = {"major": 65536}' 'patch:c["version"] = {"patch": 65536}'; do
        craft tdx.orc <<PY
b.files['fw'] = b'fw'
r = {'memory': 512, 'cpus': 255, 'gpu': {'count': 255}}
m['components'].append({'kind': 'rofl', 'name': 'app', 'tdx': {'firmware': 'fw', 'resources': r}})
open('good.orc', 'wb').write(b.seal().pack())
${code#*:}
PY
        for profile in core registry rofl-scheduler; do
            ens verify --profile "$profile" tdx.orc
            case $code in
            # More than the JSON library reads, in whatever field.
            *'1 << 6'*) exits 1 && prints "^undecided \($profile\): ensign itself refuses it\$" ;;
            *) no "$profile" open ;;
            esac
        done
        for command in show sgx-gen-sign-data; do
            ens "$command" tdx.orc
            refused 65
        done
        # Two of the numbers are larger than anything that the JSON library reads.
        case $code in *'1 << 6'*) says 'more than 63 bits' ;; *) says "${code%%:*}" ;; esac
    done
    ens verify --profile core good.orc
    ok
    ens sgx-gen-sign-data good.orc
    ok
}

@test "D2: the shared bundles that no node opens" {
    need_shared
    for name in accepts-cpus-256 accepts-cpus-65536 accepts-gpu-count-256 accepts-signed-ronl-beside-cpus-256; do
        ens verify --profile core "${DATA%/data}/cases/orc/$name.orc"
        no core open
        ens sgx-gen-sign-data "${DATA%/data}/cases/orc/$name.orc"
        refused 65 'must be from 0 to 255'
    done
}

# taken FILE.orc: oasis-core opens it, ensign signs it, and what comes out is an archive as ensign writes it.
taken() {
    ens verify --profile core "$1"
    ok
    cp "$1" taken.orc
    ens gen-sign-data --date 20240229 -o taken.signdata taken.orc
    ok
    ens set-sig --force --ephemeral-key --date 20240229 taken.orc
    ok
    accepted bundle --written taken.orc
    rm taken.orc taken.signdata
}

@test "D4: archives by programs that write into a pipe, and with a zip64 end record that nothing needs" {
    "$PYTHON" - <<'PY'
import mutate
made = dict(mutate._streams(None))
for name in made:
    open(f"{name}.orc", "wb").write(made[name])
PY
    # Go, bsdtar, and two that nobody is known to write; bsdtar with zip64.
    for name in streamed-{0..5} streamed-zip64 zip64-end-unreferred; do
        taken "$name.orc"
    done
    for name in streamed-lie-{0..5} zip64-end-unreferred-other; do
        ens show "$name.orc"
        refused 65 'contradict'
    done
}

@test "D4: the zip program, through a pipe" {
    command -v zip >/dev/null || skip "zip is not installed"
    craft plain.orc </dev/null
    mkdir files
    "$PYTHON" -m zipfile -e plain.orc files
    (cd files && zip -q -D - META-INF/MANIFEST.MF ronl.elf ronl.sgx ronl.sgx.sig) | cat >piped.orc
    rm -r files
    taken piped.orc
}

@test "D4: an older executable beside elf, which nobody opens, need not be there" {
    craft dangling.orc rofl.app <<'PY'
c["executable"] = "gone"
PY
    taken dangling.orc
    ens show dangling.orc
    ok
    prints 'warning: .*gone, which is not in the bundle: .*elf'
    # Alone, it must be.
    craft gone.orc rofl.app <<'PY'
c["executable"] = "gone"
del c["elf"]
PY
    ens verify --profile core gone.orc
    no core open
    # And so must the newer one, whatever the older one names.
    craft elf.orc rofl.app <<'PY'
c["executable"], c["elf"] = c["elf"]["executable"], {"executable": "gone"}
PY
    ens verify --profile core elf.orc
    no core open
}

@test "D4: the shared archives that oasis-core opens" {
    need_shared
    for name in bsdtar bsdtar-zip64 infozip-stream zip64-end-unreferred dangling-executable-beside-elf; do
        taken "${DATA%/data}/cases/orc/refuses-$name.orc"
    done
}

@test "D4: what ensign alone refuses is not called refused by core, and two sentences say so" {
    "$PYTHON" - <<'PY'
import mutate
made = dict(mutate.mutations())
for name in ("prepend-page", "append-page", "entry-twice-other-first-4", "local-sig-crc-0", "name-3", "fields-6", "gap-before-end-20",
             "data-note-crc-zero", "key-name-0", "key-name-twice-0", "append-64k", "central-sig-crc-0"):
    open(f"{name}.orc", "wb").write(made[name])
PY
    # The archive: oasis-core opens it, and ensign does not.
    for name in prepend-page append-page entry-twice-other-first-4 local-sig-crc-0 name-3 fields-6 gap-before-end-20 data-note-crc-zero; do
        ens verify --profile core "$name.orc"
        ok
        prints '^warning: .*: oasis-core opens it; ensign does not, and signs nothing in it: .* \[own\]$'
        prints "^yes: $name\.orc: ronl: verifies\$"
        for profile in cpu rofl-scheduler; do
            ens verify --profile "$profile" "$name.orc"
            [ "$status" -ne 0 ] || fail "$profile takes it"
        done
        for command in show sgx-gen-sign-data; do
            ens "$command" "$name.orc"
            refused 65
        done
        ens verify --profile core --json "$name.orc"
        ok
        "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert d["verified"] is True and d["undecided"] is False and "own" in [w["rule"] for w in d["warnings"]], d' "$OUT"
        # What is demanded of the enclave is held against what oasis-core would load.
        ens verify --profile core --min-isvsvn 9 "$name.orc"
        exits 1
        prints '\[min-isvsvn\]$'
    done
    # The manifest's text: what other readers make of it is not known here.
    for name in key-name-0 key-name-twice-0; do
        ens verify --profile core "$name.orc"
        exits 1
        prints '^no: .* \[own\]$'
        [ "$(tail -n 1 "$OUT")" = 'undecided (core): ensign itself refuses it' ] || fail "$(tail -n 1 "$OUT")"
        ens verify --profile core --json "$name.orc"
        exits 1
        grep -q '"undecided": *true' "$OUT"
    done
    # And what both refuse.
    for name in append-64k central-sig-crc-0; do
        ens verify --profile core "$name.orc"
        no core open
    done
}

@test "rofl-scheduler: a manifest of at most 16 KiB" {
    for size in 16384 16385; do
        SIZE=$size scheduler "m$size" '
m["name"] = ""
m["name"] = "n" * (int(os.environ["SIZE"]) - len(mkbundle.encode(b.seal().manifest)))'
        if [ "$size" -eq 16384 ]; then
            yes rofl-scheduler
        else
            no rofl-scheduler manifest-size
            says_no 'has 16385 bytes'
        fi
    done
}

@test "rofl-scheduler: 128 MiB for each file, and for all together" {
    # Stored, since so many zeros would be taken for a bomb.
    for over in 0 1; do
        OVER=$over scheduler "total" '
z["method"] = zipmake.STORE
rest = (128 << 20) + int(os.environ["OVER"]) - sum(map(len, b.files.values()))
b.files["z1"], b.files["z2"] = bytes(rest // 2), bytes(rest - rest // 2)'
        if [ "$over" -eq 0 ]; then
            yes rofl-scheduler
        else
            no rofl-scheduler total-size
            says_no "$(((128 << 20) + 1)) bytes"
        fi
        OVER=$over scheduler "file" '
z["method"] = zipmake.STORE
b.files["z"] = bytes((128 << 20) + int(os.environ["OVER"]))'
        if [ "$over" -eq 0 ]; then
            no rofl-scheduler total-size
        else
            no rofl-scheduler file-size total-size
            says_no '^no: file\.orc: z: has'
        fi
    done
}

@test "rofl-scheduler: all its reasons at once, with those of the demands" {
    scheduler many '
c["disabled"] = True
c["executable"] = c.pop("elf")["executable"]
m["x"] = 1
del c["version"], c["identity"]
m["name"] = "n" * 17000'
    no rofl-scheduler manifest manifest manifest manifest manifest manifest-size
    ens verify --profile rofl-scheduler --min-isvsvn 2 --isvprodid 3 many.orc
    no rofl-scheduler manifest manifest manifest manifest manifest manifest-size min-isvsvn isvprodid
}

# ---- what is printed ----

@test "the screens: yes, what was checked and what was not; no, every reason, and how many" {
    craft app.orc ronl isvsvn=12 attributes_mask=0xffffffffffffffff </dev/null
    cp "$BATS_FILE_TMPDIR/one.pem.pub" release.pem
    export NO_COLOR=1
    tty_ens -- verify --pubkey release.pem --min-isvsvn 12 --forbid-debug app.orc
    exits 0
    diff - <(tr -d '\r' <"$OUT") <<'EOF' || fail "another screen"
yes: app.orc: ronl: verifies
  checked: signature, Q1, Q2, CPU rules, MRENCLAVE (measured), signer,
           ISVSVN >= 12, DEBUG
  not checked: ISVPRODID, MRENCLAVE against a value of yours
EOF
    # One line for one message in a pipe.
    ens verify --pubkey release.pem --min-isvsvn 12 --forbid-debug app.orc
    yes cpu
    prints '^  checked: signature, Q1, Q2, CPU rules, MRENCLAVE \(measured\), signer, ISVSVN >= 12, DEBUG$'
    tty_ens -- verify --min-isvsvn 13 --isvprodid 5 --profile core app.orc
    exits 1
    diff - <(tr -d '\r' <"$OUT") <<'EOF' || fail "another screen"
no: app.orc: ronl: ISVSVN is 12, below 13 [min-isvsvn]
no: app.orc: ronl: ISVPRODID is 0, not 5 [isvprodid]
refused (core): 2 reasons
EOF
    # A warning is no verdict: it stands below it, broken at blanks.
    craft open.orc </dev/null
    tty_ens -- verify --component ronl open.orc
    exits 0
    diff - <(tr -d '\r' <"$OUT") <<'EOF' || fail "another screen"
yes: open.orc: ronl: verifies
  checked: signature, Q1, Q2, CPU rules, MRENCLAVE (measured)
  not checked: ISVPRODID, MRENCLAVE against a value of yours, signer, ISVSVN,
               DEBUG
warning: open.orc: ronl: DEBUG is not enforced: the enclave may be started in
    debug mode [debug-open]
EOF
}

# lists CHECKED NOT-CHECKED: the names of --json, with blanks between them.
lists() {
    "$PYTHON" - "$OUT" "$@" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert [" ".join(d[k]) for k in ("checked", "not_checked")] == sys.argv[2:], d
PY
}

@test "what was checked: never more than it was" {
    craft a.orc </dev/null
    sigstruct one.css one "$MRENCLAVE"
    enclave e.sgxs
    bundle unsigned.orc
    # Without the enclave nothing was measured, without a SIGSTRUCT no signature was checked.
    ens verify --json one.css
    ok
    lists 'signature q1 q2 cpu-rules' 'measured isvprodid mrenclave mrsigner min-isvsvn forbid-debug'
    ens verify --json --mrenclave "$MRENCLAVE" e.sgxs
    ok
    lists 'cpu-rules mrenclave' 'signature measured isvprodid mrsigner min-isvsvn forbid-debug'
    ens verify --profile core unsigned.orc
    yes core
    [ "$(head -n 1 "$OUT")" = 'yes: unsigned.orc: ronl: is not signed, and nothing else is wrong' ]
    prints '^  not checked: signature, MRENCLAVE by measuring, '
    # A bundle is measured for the processor; oasis-core hashes the stream.
    ens verify --json --profile core a.orc
    ok
    lists 'signature q1 q2 core-rules stream-hash' 'measured isvprodid mrenclave mrsigner min-isvsvn forbid-debug'
    # A policy that names no signer checks none, and does not say so.
    printf '%s\n' 'policy 1' 'isvprodid 0' end >p
    ens verify --policy p a.orc
    exits 0
    prints '^  checked: signature, Q1, Q2, CPU rules, MRENCLAVE \(measured\), ISVPRODID, policy \(its lines about fields\)$'
    prints '^  not checked: MRENCLAVE against a value of yours, signer, ISVSVN, DEBUG$'
    # A line of the policy checks as an option does.
    printf '%s\n' 'policy 1' 'isvprodid 0' 'debug allow' end >p
    ens verify --json --policy p a.orc
    ok
    lists 'signature q1 q2 cpu-rules measured isvprodid policy' 'mrenclave mrsigner min-isvsvn forbid-debug'
    # A bundle without SGX has nothing to check.
    "$PYTHON" -c 'import mkbundle
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf())
open("elf.orc", "wb").write(b.seal().pack())'
    ens verify --profile core elf.orc
    yes core
    [ "$(head -n 1 "$OUT")" = 'yes: elf.orc: has no SGX component, and nothing is wrong' ]
}

@test "--json: the same verdict as one document" {
    craft good.orc ronl isvsvn=3 </dev/null
    ens verify --json --profile registry good.orc
    ok
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert list(d)[:2] == ["kind", "format"] and d["kind"] == "verify" and d["format"] == 1, d
assert list(d) == ["kind", "format", "file", "profile", "verified", "undecided", "objects", "reasons", "checked",
                   "not_checked", "warnings"], d
assert d["objects"] == [{"object": "ronl", "signed": True}], d
assert d["checked"] == ["signature", "q1", "q2", "registry-rules", "stream-hash"], d
assert d["not_checked"] == ["measured", "isvprodid", "mrenclave", "mrsigner", "min-isvsvn", "forbid-debug"], d
assert d["verified"] is True and d["undecided"] is False and d["profile"] == "registry" and d["file"] == "good.orc", d
assert d["reasons"] == [], d
assert {w["rule"] for w in d["warnings"]} == {"debug-open", "name"}, d
assert all(set(w) == {"object", "rule", "text"} for w in d["warnings"]), d
PY
    ens verify --json --min-isvsvn 4 --isvprodid 9 --forbid-debug good.orc
    exits 1
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["verified"] is False and d["profile"] == "cpu", d
assert [r["rule"] for r in d["reasons"]] == ["min-isvsvn", "isvprodid", "forbid-debug"], d
assert {r["object"] for r in d["reasons"]} == {"ronl"}, d
assert d["checked"] == ["signature", "q1", "q2", "cpu-rules", "measured", "isvprodid", "min-isvsvn", "forbid-debug"], d
assert d["not_checked"] == ["mrenclave", "mrsigner"], d
assert d["reasons"][0]["text"] == "ISVSVN is 3, below 4", d
PY
    [ ! -s "$ERR" ] || fail "words beside the document"
    # Not a document for what is not verified at all.
    echo text >text
    ens verify --json text
    refused 65 text
}

@test "--json and text say the same of a bundle that does not open, and of hostile names" {
    name=$(printf 'b\033[2J\n.orc')
    craft "$name" <<'PY'
z["manifest"] = b"{}"
PY
    ens verify "$name"
    no cpu open
    ens verify --json "$name"
    exits 1
    plain "$OUT"
    "$PYTHON" - "$OUT" "$name" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert [r["rule"] for r in d["reasons"]] == ["open"], d
assert d["file"] == sys.argv[2] and d["verified"] is False, d
PY
}

@test "--quiet leaves the verdict and its reasons" {
    craft good.orc </dev/null
    ens verify --quiet --min-isvsvn 1 good.orc
    no cpu min-isvsvn
    ens verify -q good.orc
    yes cpu
}

@test "a reason names its object once" {
    bundle a.orc
    truncate -s -1 a.orc
    ens verify a.orc
    exits 1
    [ "$(grep -c '^no: ' "$OUT")" -eq 1 ]
    not grep -q 'a\.orc.*a\.orc' "$OUT"
}
