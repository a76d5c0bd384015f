#!/usr/bin/env bats
# component-add: the bundle has one component more, and everything else is what it was; a bundle that could
# not take it, or files that could not be used, change nothing.

load helpers
load make

fixtures() {
    enclave own-copy.sgxs
}

# begin [OPTION...]: a bundle b.orc and its copy, an executable, the enclave, and a SIGSTRUCT over it.
begin() {
    bundle b.orc "$@"
    cp b.orc old.orc
    app a.elf new
    enclave e.sgxs
    sigstruct fits.css one "$MRENCLAVE"
}

# made FILE.orc: accepted by the second implementation, and as ensign promises to write.
made() {
    accepted bundle --written "$1"
    hash_agrees "$1"
}

# kept OLD NEW: every field of the manifest but the new component and its digests, and every file, are
# as they were, in their order.
kept() {
    "$PYTHON" - "$@" <<'PY' || fail "$2 is not $1 and one component more"
import json, sys, zipfile
old, new = (zipfile.ZipFile(f) for f in sys.argv[1:])
pairs = lambda z: json.loads(z.read("META-INF/MANIFEST.MF"), object_pairs_hook=lambda p: p)
def raw(z, name):
    info = z.getinfo(name)
    with open(z.filename, "rb") as f:
        f.seek(info.header_offset + 26)
        n = f.read(4)
        f.seek(int.from_bytes(n[:2], "little") + int.from_bytes(n[2:], "little"), 1)
        return f.read(info.compress_size), info.compress_type
a, b = pairs(old), pairs(new)
keys = [k for k, _ in a]
assert [k for k, _ in b if k in keys] == keys and len(b) - len(a) == (("components" not in keys) + ("digests" not in keys))
for key, value in a:
    after = dict(b)[key]
    if key == "components":
        assert after[:-1] == (value or []), (value, after)
    elif key == "digests":
        assert [p for p in after if p[0] in dict(value)] == sorted(value)
    else:
        assert after == value, key
for name in old.namelist()[1:]:
    assert raw(old, name) == raw(new, name), name
PY
}

@test "a rofl component: behind the others, under its own names" {
    begin
    ens component-add b.orc rofl.second a.elf --sgx-executable e.sgxs --sgx-signature fits.css
    ok
    [ ! -s "$OUT" ]
    says "$MRENCLAVE"
    made b.orc
    kept old.orc b.orc
    manifest b.orc | grep -q ',{"kind":"rofl","name":"second","version":{},"executable":"rofl.second.elf","sgx":{"executable":"rofl.second.sgx","signature":"rofl.second.sgx.sig"}}\],"digests":'
    for pair in rofl.second.elf=a.elf rofl.second.sgx=e.sgxs rofl.second.sgx.sig=fits.css; do
        unpack b.orc "${pair%=*}" back
        same back "${pair#*=}"
    done
    ens extract --component rofl.second -o back.css b.orc
    ok
    same back.css fits.css
}

@test "--elf-metadata, and an executable without SGX" {
    begin
    ens component-add --elf-metadata b.orc rofl.second a.elf
    ok
    made b.orc
    kept old.orc b.orc
    manifest b.orc | grep -q ',{"kind":"rofl","name":"second","version":{},"elf":{"executable":"rofl.second.elf"}}\],'
}

@test "init and component-add together: the bundle of one by one" {
    begin
    custom --sgx-executable e.sgxs a.elf
    ok
    for name in one two three; do
        ens component-add app.orc "rofl.$name" a.elf --sgx-executable e.sgxs
        ok
    done
    made app.orc
    ens show app.orc
    ok
    [ "$(grep -c "MRENCLAVE: *$MRENCLAVE" "$OUT")" -eq 4 ]
    ens set-sig --component rofl.two app.orc fits.css
    ok
    made app.orc
}

@test "ronl, where there is none" {
    begin --component rofl.first
    ens component-add b.orc ronl a.elf
    ok
    made b.orc
    kept old.orc b.orc
}

# ---- where it goes ----

@test "W14 the bundle is changed where it is, whatever its manifest calls it" {
    mkdir -p deep/er
    cd deep/er
    begin --name ../../x
    ens component-add b.orc rofl.second a.elf
    ok
    kept old.orc b.orc
    files a.elf b.orc e.sgxs fits.css old.orc
    [ "$(cd ../.. && find . -type f | wc -l)" -eq 5 ]
}

@test "W16 in place: mode and link stay, and the file is another" {
    begin
    chmod 604 b.orc
    ln -s b.orc link.orc
    inode=$(stat -c %i b.orc)
    ens component-add link.orc rofl.second a.elf
    ok
    mode_is b.orc 604
    [ -L link.orc ]
    [ "$(stat -c %i b.orc)" -ne "$inode" ]
    kept old.orc b.orc
}

@test "-o: the bundle stays as it is, and an existing output too" {
    begin
    ens component-add -o out.orc b.orc rofl.second a.elf
    ok
    same b.orc old.orc
    made out.orc
    kept old.orc out.orc
    ens component-add -o out.orc b.orc rofl.third a.elf
    refused 73 'out\.orc'
    ens component-add -o b.orc b.orc rofl.third a.elf
    refused 73 'b\.orc'
    ens component-add --force -o out.orc b.orc rofl.third a.elf
    ok
    kept b.orc out.orc
    ens component-add -o - b.orc rofl.third a.elf
    ok
    unchanged
    same "$OUT" out.orc
}

@test "W17 two runs give the same bytes" {
    begin
    ens component-add -o one.orc b.orc rofl.second a.elf --sgx-executable e.sgxs
    ok
    ens component-add -o two.orc b.orc rofl.second a.elf --sgx-executable e.sgxs
    ok
    same one.orc two.orc
}

@test "killed in front of any call that changes a file: the bundle is the old one or the new one" {
    begin
    killed_anywhere b.orc old.orc -- component-add b.orc rofl.second a.elf --sgx-executable e.sgxs
}

# ---- what was there ----

@test "W20 fields that nobody knows survive, in their order" {
    begin --unknown-fields --component ronl --component rofl.first
    ens component-add b.orc rofl.second a.elf
    ok
    kept old.orc b.orc
    accepted bundle b.orc
}

@test "the entries' compressed bytes stay, whatever form the archive has" {
    for option in '--compress=store' '--data-descriptor' '--zip64'; do
        begin "$option"
        ens component-add b.orc rofl.second a.elf
        ok
        made b.orc
        kept old.orc b.orc
        rm -f ./*
    done
}

@test "W28 a legacy bundle stays legacy, and takes no second ronl" {
    begin --legacy
    ens component-add b.orc ronl a.elf
    refused 65 'b\.orc: has a component ronl already' 'older executable'
    ens component-add b.orc rofl.second a.elf
    ok
    made b.orc
    kept old.orc b.orc
    manifest b.orc | grep -q '"executable":"runtime.elf","sgx":{.*},"components":\[{"kind":"rofl"'
}

@test "a bundle of 5000 files" {
    "$PYTHON" - <<'PY'
import mkbundle
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf())
for i in range(5000):
    b.files[f"file-{i:04}"] = b"%d" % i
open("b.orc", "wb").write(b.seal().pack())
PY
    cp b.orc old.orc
    app a.elf
    ens component-add b.orc rofl.second a.elf
    ok
    kept old.orc b.orc
    accepted bundle --written b.orc
}

# ---- what is refused ----

@test "a component that is there already, or a file of its name" {
    begin --component ronl --component rofl.first --extra-file rofl.second.sgx=/dev/null
    ens component-add b.orc ronl a.elf
    refused 65 'b\.orc: has a component ronl already'
    ens component-add b.orc rofl.first a.elf
    refused 65 'b\.orc: has a component rofl\.first already'
    ens component-add b.orc rofl.second a.elf --sgx-executable e.sgxs
    refused 65 'b\.orc: has a file rofl\.second\.sgx already'
    ens component-add b.orc rofl.second a.elf
    ok
}

@test "W14 a component's name is a plain name" {
    begin
    for id in '' rofl rofl. rofl.ab rofl.../x rofl./tmp/x rofl.a.b ronl.abc tdx.abc 'rofl.a b' ROFL.abc $'rofl.ab\nc' \
        "rofl.$(printf 'n%.0s' {1..129})"; do
        ens component-add b.orc "$id" a.elf
        usage 'a component is ronl, or rofl\.NAME'
    done
    ens component-add b.orc "rofl.$(printf 'n%.0s' {1..128})" a.elf
    ok
}

@test "a bundle that does not hold is not made to look as if it did" {
    begin
    "$PYTHON" - <<'PY'
import mkbundle
b = mkbundle.Bundle()
b.add_component("ronl", mkbundle.tiny_elf())
b.seal()
b.files["ronl.elf"] += b"x"
open("b.orc", "wb").write(b.pack())
PY
    ens component-add b.orc rofl.second a.elf
    refused 65 'b\.orc' 'ronl\.elf' 'SHA-512/256'
    ens component-add a.elf rofl.second a.elf
    refused 65 'a\.elf'
    ens component-add none.orc rofl.second a.elf
    refused 66 'none\.orc'
}

@test "the files of the component are held to the rules of init" {
    begin
    other_enclave other.sgxs
    : >empty
    ens component-add b.orc rofl.second none.elf
    refused 66 'none\.elf'
    ens component-add b.orc rofl.second empty
    refused 65 'empty: is empty'
    ens component-add b.orc rofl.second a.elf --sgx-executable a.elf
    refused 65 'a\.elf: '
    ens component-add b.orc rofl.second a.elf --sgx-executable other.sgxs --sgx-signature fits.css
    refused 65 'fits\.css: its ENCLAVEHASH'
    ens component-add b.orc rofl.second a.elf --sgx-signature fits.css
    usage '--sgx-signature' '--sgx-executable'
}

@test "operands" {
    begin
    ens component-add b.orc rofl.second
    usage 'component-add' 'too few'
    ens component-add b.orc rofl.second a.elf a.elf
    usage 'component-add' 'too many'
    ens component-add b.orc rofl.second a.elf --runtime-name x
    usage '--runtime-name: unknown option of component-add'
}
