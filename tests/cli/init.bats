#!/usr/bin/env bats
# init: a new bundle has exactly the manifest, the names and the bytes that it should, whatever says what the
# runtime is called; and no input that could not be used later gets into one.

load helpers
load make

fixtures() {
    enclave own-copy.sgxs
}

# begin: an executable, the enclave, and a SIGSTRUCT over it.
begin() {
    app a.elf
    enclave e.sgxs
    sigstruct fits.css one "$MRENCLAVE"
}

# made FILE.orc: accepted by the second implementation, and as ensign promises to write.
made() {
    accepted bundle --written "$1"
    hash_agrees "$1"
}

# ---- the bundle ----

@test "an executable alone: the manifest of orc, byte for byte" {
    app a.elf
    custom a.elf
    ok
    [ ! -s "$OUT" ]
    files a.elf app.orc
    made app.orc
    manifest_is app.orc '{"name":"app","id":"'"$ID"'","version":{"major":1,"minor":2,"patch":3},"components":[{"kind":"ronl","version":{},"executable":"ronl.elf"}],"digests":{"ronl.elf":"@a.elf@"}}'
    unpack app.orc ronl.elf back
    same back a.elf
}

@test "executable, stream and signature: the files are named after the component" {
    begin
    custom --sgx-executable e.sgxs --sgx-signature fits.css a.elf
    ok
    says "$MRENCLAVE"
    bundle_holds app.orc "$MRENCLAVE" "$("$PYTHON" -c 'import sgx; print(sgx.mrsigner(open("fits.css", "rb").read()))')"
    made app.orc
    manifest_is app.orc '{"name":"app","id":"'"$ID"'","version":{"major":1,"minor":2,"patch":3},"components":[{"kind":"ronl","version":{},"executable":"ronl.elf","sgx":{"executable":"ronl.sgx","signature":"ronl.sgx.sig"}}],"digests":{"ronl.elf":"@a.elf@","ronl.sgx":"@e.sgxs@","ronl.sgx.sig":"@fits.css@"}}'
    for pair in ronl.elf=a.elf ronl.sgx=e.sgxs ronl.sgx.sig=fits.css; do
        unpack app.orc "${pair%=*}" back
        same back "${pair#*=}"
    done
}

@test "a stream without a signature: gen-sign-data and set-sig take the bundle" {
    begin
    custom --sgx-executable e.sgxs a.elf
    ok
    manifest app.orc | grep -q '"sgx":{"executable":"ronl.sgx","signature":""}'
    made app.orc
    ens gen-sign-data --date 20240229 -o s app.orc
    ok
    [ "$(field s enclavehash)" = "$MRENCLAVE" ]
    ens set-sig app.orc fits.css
    ok
    made app.orc
}

@test "D3: without an ELF, the bundle of orc, byte for byte, for rofl components" {
    custom
    ok
    says 'app\.orc has no component yet'
    made app.orc
    manifest_is app.orc '{"name":"app","id":"'"$ID"'","version":{"major":1,"minor":2,"patch":3},"digests":null}'
    ens verify --profile core app.orc
    ok
    custom -o -
    ok
    same "$OUT" app.orc
    custom
    refused 73 'app\.orc'
    enclave e.sgxs
    app a.elf
    ens component-add --sgx-executable e.sgxs app.orc rofl.first a.elf
    ok
    made app.orc
    manifest app.orc | grep -q '^{"name":"app",.*"version":{.*},"components":\[{"kind":"rofl","name":"first",.*}\],"digests":{'
    ens show app.orc
    ok
    prints '^- rofl \(first\)$'
}

@test "D3: an empty value is none, as in orc" {
    begin
    ens init --custom --runtime-name app --runtime-version 1.2.3 --runtime-id "$ID" --sgx-executable '' --sgx-signature= a.elf
    ok
    not grep -q sgx <(manifest app.orc)
    ens init --custom --runtime-name '' --runtime-version= --runtime-id "$ID" a.elf
    usage 'give --runtime-name and --runtime-version$'
    custom --force --sgx-executable e.sgxs a.elf
    ok
    SOURCE_DATE_EPOCH=1709164800 ens sgx-gen-sign-data --date '' app.orc
    ok
    cp "$OUT" none
    ens sgx-gen-sign-data --date 20240229 app.orc
    ok
    same "$OUT" none
}

@test "--elf-metadata: the newer form" {
    begin
    custom --elf-metadata --sgx-executable e.sgxs a.elf
    ok
    manifest_is app.orc '{"name":"app","id":"'"$ID"'","version":{"major":1,"minor":2,"patch":3},"components":[{"kind":"ronl","version":{},"elf":{"executable":"ronl.elf"},"sgx":{"executable":"ronl.sgx","signature":""}}],"digests":{"ronl.elf":"@a.elf@","ronl.sgx":"@e.sgxs@"}}'
    made app.orc
}

@test "W17 two runs give the same bytes, wherever and whenever" {
    begin
    custom --sgx-executable e.sgxs --sgx-signature fits.css a.elf
    ok
    mkdir other
    cp a.elf other/b.elf
    touch -d 2001-01-01 other/b.elf
    TZ=Asia/Tokyo custom --sgx-executable e.sgxs --sgx-signature fits.css -o other/x.orc other/b.elf
    ok
    same app.orc other/x.orc
}

@test "oasis-core's synthetic bundle: eaf1a8c7...5eef, from a bundle that init made" {
    need_shared
    "$PYTHON" - <<'PY'
for name, seed in (("runtime.bin", 3252), ("runtime.sgx", 6541)):
    open(name, "wb").write(bytes((((seed + i) * 0x3C5C5) ^ 0xDEADBEEF) & 255 for i in range(262144)))
PY
    ens init --elf-metadata --custom --runtime-name test-runtime --runtime-version 0.0.0 \
        --runtime-id c000000000000000ffffffffffffffffffffffffffffffffffffffffffffffff -o made.orc runtime.bin
    ok
    made made.orc
    # What init does not make: other names of the files, random bytes for a stream, an identity.
    "$PYTHON" - "$DATA/manifest/synthetic.json" <<'PY'
import json, sys, zipfile
import mkbundle
made = zipfile.ZipFile("made.orc")
m = json.loads(made.read("META-INF/MANIFEST.MF"))
b = mkbundle.Bundle()
b.manifest = m
b.files = {"runtime.bin": made.read(m["components"][0]["elf"]["executable"]),
           "runtime.sgx": open("runtime.sgx", "rb").read()}
assert b.files["runtime.bin"] == open("runtime.bin", "rb").read()
ronl = m["components"][0]
ronl["elf"]["executable"] = "runtime.bin"
ronl["sgx"] = {"executable": "runtime.sgx", "signature": ""}
ronl["identity"] = json.load(open(sys.argv[1]))["components"][0]["identity"]
b.seal()
assert m == json.load(open(sys.argv[1])), m
open("synthetic.orc", "wb").write(b.pack())
PY
    ens show synthetic.orc
    ok
    prints '^Manifest hash: *eaf1a8c7362dfd3381b2a0e6c63c1ec25732563a4ab180751acb9717435c5eef$'
    # As a stream, the random bytes are refused.
    custom --sgx-executable runtime.sgx -o no.orc runtime.bin
    refused 65 'runtime\.sgx'
}

# ---- where it goes ----

@test "W16 a new bundle follows the umask" {
    app a.elf
    custom a.elf
    ok
    mode_is app.orc 644
    umask 077
    custom -o private.orc a.elf
    ok
    mode_is private.orc 600
}

@test "an existing output is kept, unless --force" {
    app a.elf
    echo mine >app.orc
    chmod 640 app.orc
    custom a.elf
    refused 73 'app\.orc'
    custom -o app.orc a.elf
    refused 73 'app\.orc'
    custom --force a.elf
    ok
    made app.orc
    mode_is app.orc 640
}

@test "-o FILE, --output FILE, and stdout" {
    app a.elf
    custom --output one.orc a.elf
    ok
    custom -o two.orc a.elf
    ok
    same one.orc two.orc
    custom -o - a.elf
    ok
    unchanged
    same "$OUT" one.orc
    files a.elf one.orc two.orc
}

@test "stdout that is a terminal is refused" {
    app a.elf
    tty_ens -- init --custom --runtime-name app --runtime-version 1.2.3 --runtime-id "$ID" -o - a.elf
    exits 64
    says 'stdout: is a terminal'
    unchanged
}

@test "a place that cannot be written to" {
    app a.elf
    custom -o none/x.orc a.elf
    refused 73 'none/x\.orc'
}

@test "killed in front of any call that changes a file: the bundle is whole or absent" {
    begin
    killed_anywhere app.orc - -- init --custom --runtime-name app --runtime-version 1.2.3 --runtime-id "$ID" \
        --sgx-executable e.sgxs a.elf
}

# ---- Cargo ----

@test "D3: Cargo.toml is read; no Cargo, and no network, is started" {
    app a.elf
    cargo_says '' 1
    cargo_toml >Cargo.toml
    printf '[toolchain]\nchannel = "0.0.1"\n' >rust-toolchain.toml
    mkdir -p src/deeper
    for directory in . src src/deeper; do
        (cd "$directory" && ens init --force -o "$BATS_TEST_TMPDIR/work/x.orc" "$BATS_TEST_TMPDIR/work/a.elf" &&
            ok && says 'name: my-runtime$' && says 'version: 0\.4\.17$' && says "RELEASE runtime identifier: $RELEASE_ID")
    done
    made x.orc
    cargo_toml 1.2.3-alpha.1 >Cargo.toml
    ens init a.elf
    ok
    says "TEST runtime identifier: $TEST_ID"
    [ ! -e "$BATS_TEST_TMPDIR/cargo.calls" ]
}

# toml: the lines of stdin become Cargo.toml; R stands for the id of a release.
toml() {
    sed "s/\"R\"/\"$RELEASE_ID\"/" >Cargo.toml
}

# reads: Cargo.toml has a name, a version and an id, and no Cargo is asked.
reads() {
    ens init --force a.elf
    ok
    says 'name: my-runtime$'
    says 'version: 1\.0\.0$'
    says "RELEASE runtime identifier: $RELEASE_ID"
    [ ! -e "$BATS_TEST_TMPDIR/cargo.calls" ] || fail "Cargo was asked"
}

@test "D3: every way in which TOML writes the five texts, or something like them" {
    app a.elf
    cargo_says '' 1
    toml <<'END'
[package]
name='my-runtime'
version = '1.0.0' # the first
[package.metadata.orc]
release.runtime-id="R"
END
    reads
    toml <<'END'
package.name = "my-runtime"
package . "version" = "1.0.0"
package.'metadata'.orc.release = { runtime-id = "R", other = [1, {a = ']'}], }
END
    reads
    sed -i 's/$/\r/' Cargo.toml
    reads
    printf '%s' "$(cat Cargo.toml)" >Cargo.toml # no line end at the end
    reads
    toml <<'END'
package = { name = "my-runtime", version = "1.0.0", metadata = { orc = { release = { runtime-id = "R" } } } }
END
    reads
    toml <<'END'
[[bin]]
name = "a"
[package]
description = """
[package]
name = "no"
\\\""" """"
name = "my-runtime"
authors = [ # who
  "a, ]", '''b
name = "no"''',
]
version = "1.0.0"
edition = 2021-01-01T00:00:00Z
[package.metadata.orc.release] # id
runtime-id = "R"
[dependencies.package]
name = "no"
version = "9"
[[package.metadata.orc.test]]
runtime-id = "no"
END
    reads
}

# asks: Cargo.toml does not say it, and Cargo is asked.
asks() {
    rm -f "$BATS_TEST_TMPDIR/cargo.calls"
    ens init --force a.elf
    ok
    says 'name: of-cargo$'
    [ "$(wc -l <"$BATS_TEST_TMPDIR/cargo.calls")" -eq 1 ] || fail "Cargo was not asked"
}

@test "D3: what only Cargo knows, or nobody, is asked of Cargo" {
    app a.elf
    cargo_says "$(packages "$(package of-cargo 1.0.0 "$PWD" "$(orc_metadata)")")"
    asks
    # Values that a workspace gives, that are not there, or that are not texts.
    for name in 'name = "x"' 'name = "\u0078"' 'name = """x"""' 'name = 1' 'name = ["x"]' 'name = "x" "y"' 'name = "x' \
        $'name = "x"\nname = "y"' 'other = "x"' $'name = "x"\nmetadata.orc.release.runtime-id = 1'; do
        for version in 'version.workspace = true' 'version = { workspace = true }' '' 'version = "1.0.0"'; do
            [ "$name/$version" != 'name = "x"/version = "1.0.0"' ] || continue
            printf '[package]\n%s\n%s\n' "$name" "$version" >Cargo.toml
            asks
        done
    done
    # Tables that are none, or others.
    for table in '[package' '[[package]]' '' '[project]' $'\xef\xbb\xbf[package]' '[package].x' '= 1'; do
        printf '%s\nname = "x"\nversion = "1.0.0"\n' "$table" >Cargo.toml
        asks
    done
    # Deep nesting, a long path, and bytes that are no text.
    "$PYTHON" -c 'print("x = " + "[" * 100000)' >Cargo.toml
    asks
    "$PYTHON" -c 'print("[" + "a." * 1000 + "b]\n")' >Cargo.toml
    asks
    head -c 3000 "$ENSIGN" >Cargo.toml
    asks
    head -c 1100000 /dev/zero >Cargo.toml
    ens init --force a.elf
    refused 65 'Cargo\.toml: '
}

@test "D3: never through a rustup, which would download a toolchain" {
    app a.elf
    cargo_says "$(packages "$(package of-cargo 1.0.0 "$PWD" "$(orc_metadata)")")"
    local home=$BATS_TEST_TMPDIR/home
    mkdir -p "$home/.rustup/toolchains" "$BATS_TEST_TMPDIR/bin"
    # A rustup that calls itself cargo, by a link of either kind, and notes that it ran.
    mv "$BATS_TEST_TMPDIR/bin/cargo" "$BATS_TEST_TMPDIR/real"
    printf '%s\n' '#!/bin/sh' "echo ran >>'$BATS_TEST_TMPDIR/rustup.ran'" 'exit 1' >"$BATS_TEST_TMPDIR/bin/rustup"
    chmod +x "$BATS_TEST_TMPDIR/bin/rustup"
    for link in -s -f; do
        ln "$link" "$BATS_TEST_TMPDIR/bin/rustup" "$BATS_TEST_TMPDIR/bin/cargo"
        rm -rf "$home/.rustup/toolchains/stable"
        HOME=/nowhere RUSTUP_HOME=$home/.rustup ens init --force a.elf
        usage 'cargo: is rustup, which has no toolchain'
        mkdir -p "$home/.rustup/toolchains/stable/bin"
        cp "$BATS_TEST_TMPDIR/real" "$home/.rustup/toolchains/stable/bin/cargo"
        HOME=/nowhere RUSTUP_HOME=$home/.rustup ens init --force a.elf
        ok
        says 'name: of-cargo$'
        (unset RUSTUP_HOME && HOME=$home ens init --force a.elf && ok && says 'name: of-cargo$')
        rm "$BATS_TEST_TMPDIR/bin/cargo"
    done
    [ ! -e "$BATS_TEST_TMPDIR/rustup.ran" ]
}

@test "Cargo's package: name, version, and the id of a release" {
    app a.elf
    cargo_says "$(packages "$(package my-runtime 0.4.17 "$PWD" "$(orc_metadata)")")"
    ens init a.elf
    ok
    says 'name: my-runtime$'
    says 'version: 0\.4\.17$'
    says "RELEASE runtime identifier: $RELEASE_ID"
    made my-runtime.orc
    manifest my-runtime.orc | grep -q '^{"name":"my-runtime","id":"'"$RELEASE_ID"'","version":{"minor":4,"patch":17},'
    [ "$(cat "$BATS_TEST_TMPDIR/cargo.calls")" = 'metadata --format-version 1 --no-deps --offline --frozen' ]
}

@test "a version with a pre-release or build part: the id of a test" {
    app a.elf
    for version in 1.2.3-alpha 1.2.3+build 1.2.3-rc.1+x; do
        cargo_says "$(packages "$(package r "$version" "$PWD" "$(orc_metadata)")")"
        ens init --force a.elf
        ok
        says "TEST runtime identifier: $TEST_ID"
        manifest r.orc | grep -q '"id":"'"$TEST_ID"'","version":{"major":1,"minor":2,"patch":3},'
    done
}

@test "options go before Cargo; with all three, or --custom, it is not asked" {
    app a.elf
    cargo_says "$(packages "$(package r 1.0.0 "$PWD" "$(orc_metadata)")")"
    ens init --runtime-name other a.elf
    ok
    ens init --runtime-id "$ID" -o id.orc a.elf
    ok
    says "GIVEN runtime identifier: $ID"
    ens init --runtime-version 2.0.0 -o version.orc a.elf
    ok
    says "TEST runtime identifier: $TEST_ID" # as orc: it is not the version of Cargo.toml
    manifest version.orc | grep -q '"version":{"major":2},'
    [ "$(wc -l <"$BATS_TEST_TMPDIR/cargo.calls")" -eq 3 ]
    ens init --runtime-name all --runtime-version 1.0.0 --runtime-id "$ID" a.elf
    ok
    custom -o custom.orc a.elf
    ok
    [ "$(wc -l <"$BATS_TEST_TMPDIR/cargo.calls")" -eq 3 ]
    files Cargo.toml a.elf other.orc id.orc version.orc all.orc custom.orc
}

@test "Cargo gets a few variables of the environment, and nothing to read" {
    app a.elf
    cargo_says "$(packages "$(package r 1.0.0 "$PWD" "$(orc_metadata)")")"
    sed -i '2i cat >>"$CARGO_HOME/read"' "$BATS_TEST_TMPDIR/bin/cargo"
    echo words >"$BATS_TEST_TMPDIR/input"
    mkdir "$BATS_TEST_TMPDIR/home"
    STDIN=$BATS_TEST_TMPDIR/input ENSIGN_SECRET=1 CARGO_HOME=$BATS_TEST_TMPDIR/home ens init a.elf
    ok
    [ ! -s "$BATS_TEST_TMPDIR/home/read" ]
    grep -q '^CARGO_HOME=' "$BATS_TEST_TMPDIR/cargo.env"
    not grep -q 'ENSIGN' "$BATS_TEST_TMPDIR/cargo.env"
}

@test "a workspace: the package of this directory, or the nearest above" {
    app a.elf
    mkdir -p one/src two
    cargo_says "$(packages "$(package root 1.0.0 "$PWD" "$(orc_metadata)")" \
        "$(package one 1.0.1 "$PWD/one" "$(orc_metadata)")" "$(package two 1.0.2 "$PWD/two" "$(orc_metadata)")")"
    for pair in .=root one=one one/src=one two=two; do
        (cd "${pair%=*}" && ens init -o "$BATS_TEST_TMPDIR/x.orc" --force "$OLDPWD/a.elf" && ok && says "name: ${pair#*=}\$")
    done
}

@test "the root of a workspace that is not a package: the only one with metadata.orc, or the only one" {
    app a.elf
    cargo_says "$(packages "$(package plain 1.0.0 "$PWD/plain")" \
        "$(package chosen 1.0.1 "$PWD/chosen" "$(orc_metadata)")")"
    ens init a.elf
    ok
    says 'name: chosen$'
    cargo_says "$(packages "$(package single 1.0.1 "$PWD/single")")"
    ens init --runtime-id "$ID" a.elf
    ok
    says 'name: single$'
    # A directory whose name only begins alike is not a package's.
    cargo_says "$(packages "$(package x 1.0.0 "${PWD%?}" "$(orc_metadata)")" \
        "$(package y 1.0.0 "$PWD/y" "$(orc_metadata)")")"
    ens init a.elf
    refused 64 'packages: x, y' '--runtime-name'
    cargo_says "$(packages "$(package v 1.0.0 "$PWD/v")" "$(package w 1.0.0 "$PWD/w")")"
    ens init a.elf
    refused 64 'packages: v, w'
}

@test "no id in Cargo.toml: the key and the option are named" {
    app a.elf
    cargo_says "$(packages "$(package r 1.0.0 "$PWD" '{"orc":{"test":{"runtime-id":"'"$ID"'"}}}')")"
    ens init a.elf
    refused 65 'Cargo\.toml: ' 'package\.metadata\.orc\.release\.runtime-id' '--runtime-id'
    cargo_says "$(packages "$(package r 1.0.0-x "$PWD")")"
    ens init a.elf
    refused 65 'package\.metadata\.orc\.test\.runtime-id'
}

@test "what Cargo.toml has is held to the same rules, and it is named" {
    app a.elf
    cargo_says "$(packages "$(package r 1.0.0 "$PWD" '{"orc":{"release":{"runtime-id":"00"}}}')")"
    ens init a.elf
    refused 65 'Cargo\.toml: runtime id 00'
    cargo_says "$(packages "$(package r 1.0.70000 "$PWD" "$(orc_metadata)")")"
    ens init a.elf
    refused 65 'Cargo\.toml: runtime version 1\.0\.70000'
    cargo_says "$(packages "$(package ../../x 1.0.0 "$PWD" "$(orc_metadata)")")"
    ens init a.elf
    refused 65 'Cargo\.toml: runtime name \.\./\.\./x'
}

@test "no Cargo, and a value is missing: the option is named" {
    app a.elf
    without_cargo
    ens init a.elf
    usage '^ensign: Cargo\.toml: is neither here nor in a directory above' '--runtime-name, --runtime-version and --runtime-id$'
    ens init --runtime-name x --runtime-version 1.0.0 a.elf
    usage 'give --runtime-id$'
    echo '[workspace]' >Cargo.toml
    ens init --runtime-name x --runtime-version 1.0.0 a.elf
    usage 'cargo: is not installed' 'give --runtime-id, or install Cargo'
    custom a.elf
    ok
}

@test "a Cargo that fails, or says something else" {
    app a.elf
    cargo_says '' 101
    ens init a.elf
    refused 65 'cargo metadata: ended with status 101 \(error: no Cargo\.toml here\)' '--runtime-name'
    for answer in '' '[]' '{}' '{"packages":1}' '{"packages":[' '{"packages":[]}' '{"packages":[1]}' \
        '{"packages":[{"name":"x"}]}' '{"packages":[{"name":1,"version":"1.0.0","manifest_path":"/x"}]}' \
        '{"packages":[],"packages":[]}'; do
        cargo_says "$answer"
        ens init a.elf
        refused 65 'cargo metadata: '
    done
}

@test "the real cargo, in a workspace" {
    command -v cargo >/dev/null || skip "cargo is not installed"
    mkdir -p ws/one/src ws/two/src
    printf '[workspace]\nmembers = ["one", "two"]\n' >ws/Cargo.toml
    for name in one two; do
        printf '[package]\nname = "%s"\nversion = "1.2.3"\nedition = "2018"\n' "$name" >"ws/$name/Cargo.toml"
        echo >"ws/$name/src/lib.rs"
    done
    printf '%s\n' '[package.metadata.orc.release]' "runtime-id = \"$RELEASE_ID\"" >>ws/two/Cargo.toml
    app a.elf
    for directory in ws ws/two ws/two/src; do
        (cd "$directory" && CARGO_NET_OFFLINE=true ens init -o "$BATS_TEST_TMPDIR/real.orc" --force \
            "$BATS_TEST_TMPDIR/work/a.elf" && ok && says 'name: two$' && says "RELEASE.*$RELEASE_ID")
    done
    made "$BATS_TEST_TMPDIR/real.orc"
    (cd ws/one && ens init ../../a.elf && refused 65 'ws/one/Cargo\.toml: has no package\.metadata\.orc')
    (cd ws && sed -i 's/"two"/"gone"/' Cargo.toml && ens init ../a.elf && refused 65 'cargo metadata: ended with status 101 \(error: ')
}

# ---- the command line ----

@test "D3: several ELFs, a signature without its stream, an enclave without an ELF" {
    begin
    custom --sgx-executable e.sgxs
    usage 'no ELF is given'
    custom --elf-metadata
    usage 'no ELF is given'
    custom a.elf a.elf
    usage 'too many'
    custom --sgx-signature fits.css a.elf
    usage '--sgx-signature' '--sgx-executable'
}

@test "--custom names what is missing" {
    app a.elf
    ens init --custom a.elf
    usage '--custom' 'give --runtime-name, --runtime-version and --runtime-id$'
    ens init --custom --runtime-name x --runtime-version 1.2.3 a.elf
    usage 'give --runtime-id$'
    ens init --custom --runtime-id "$ID" a.elf
    usage 'give --runtime-name and --runtime-version$'
}

@test "W14 names that would leave the directory, or break a line, are refused" {
    app a.elf
    mkdir deep
    for name in . .. ../x a/b /tmp/x 'a\b' $'a\nb' $'a\033[1mb' $'\xff' $'a\u202eb' "$(printf 'n%.0s' {1..252})"; do
        ens init --custom --runtime-name "$name" --runtime-version 1.2.3 --runtime-id "$ID" a.elf
        usage '^ensign: runtime name'
    done
    for name in x.y '..x' 'with space' 'ünïcode' "$(printf 'n%.0s' {1..251})"; do
        ens init --custom --runtime-name "$name" --runtime-version 1.2.3 --runtime-id "$ID" a.elf
        ok
        [ -f "./$name.orc" ]
        accepted bundle --written "./$name.orc"
    done
}

@test "versions" {
    app a.elf
    for version in v1.2.3 1.2.x 1..3 .1.2 1.2. -1.2.3 65536.0.0 1.2.100000 0x1.2.3 1.2.3x 1_0 rc1 ' 1.2.3' 1.2.3,4 1,2 1.rc; do
        ens init --custom --runtime-name x --runtime-version="$version" --runtime-id "$ID" a.elf
        usage '^ensign: runtime version .*MAJOR\.MINOR\.PATCH'
    done
    ens init --custom --runtime-name x --runtime-version 65535.0.65535 --runtime-id "$ID" a.elf
    ok
    manifest x.orc | grep -q '"version":{"major":65535,"patch":65535},'
    # D3: as orc reads them; _ stands for a blank.
    while read -r version want; do
        ens init --force --custom --runtime-name x --runtime-version="${version//_/ }" --runtime-id "$ID" a.elf
        ok
        says "version: $want\$"
    done <<'END'
1 1.0.0
1.2 1.2.0
1.2.3rc1 1.2.3
1.2rc1 1.2.0
1.2.3alpha 1.2.3
1.2.3-beta.4 1.2.3
1.2.3beta-1 1.2.3
1.2.3+git 1.2.3
1.2.3_(a_remark) 1.2.3
1.2.3.4 1.2.3
1.2.3.x 1.2.3
1.2.3. 1.2.3
01.002.0003 1.2.3
1.2.000065535 1.2.65535
END
    ens init --custom --runtime-name y --runtime-version 0.0.0-dev.1+g1 --runtime-id "$ID" a.elf
    ok
    manifest y.orc | grep -q '"version":{},'
    made y.orc
}

@test "ids" {
    app a.elf
    for id in 00 "${ID}00" "${ID%?}" "${ID%?}g" "2${ID#?}" "${ID:0:15}1${ID:16}"; do
        ens init --custom --runtime-name x --runtime-version 1.2.3 --runtime-id "$id" a.elf
        usage '^ensign: runtime id '
    done
    ens init --custom --runtime-name x --runtime-version 1.2.3 \
        --runtime-id gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE= a.elf
    ok
    manifest x.orc | grep -q '"id":"'"$ID"'",'
}

# ---- the files ----

@test "W15 an input that is missing, empty or no file is named" {
    begin
    mkdir directory
    : >empty
    mkfifo fifo
    custom none.elf
    refused 66 'none\.elf: cannot be opened'
    custom directory
    refused 66 'directory: is a directory'
    custom empty
    refused 65 'empty: is empty'
    custom --sgx-executable none.sgxs a.elf
    refused 66 'none\.sgxs: cannot be opened'
    custom --sgx-executable empty a.elf
    refused 65 'empty: '
    custom --sgx-executable e.sgxs --sgx-signature none.css a.elf
    refused 66 'none\.css: cannot be opened'
    custom fifo
    refused 65 'fifo: is a named pipe'
}

@test "an executable that is not an ELF file warns, and is taken" {
    echo '#!/bin/sh' >script
    custom script
    ok
    warned 'script: is not an ELF file'
    made app.orc
    printf '\x7fEL' >short
    custom -o short.orc short
    ok
    warned 'short: is not an ELF file'
    app a.elf
    custom -o elf.orc a.elf
    ok
    not_warned 'ELF'
}

@test "a stream that is none, or that no signature could satisfy, is refused" {
    app a.elf
    for name in bad-tag trailing truncated-header unsized no-ecreate unmeasured-chunk ecreate-padding tcs-reserved; do
        cp "$ROOT/tests/vectors/sgxs/$name.sgxs" x.sgxs
        custom --sgx-executable x.sgxs a.elf
        refused 65 'x\.sgxs: '
    done
}

@test "a signature that is none, is not valid, or is over another enclave is refused" {
    begin
    other_enclave other.sgxs
    head -c 1807 fits.css >short.css
    cp fits.css flip.css
    poke flip.css 600 00
    custom --sgx-executable e.sgxs --sgx-signature short.css a.elf
    refused 65 'short\.css'
    custom --sgx-executable e.sgxs --sgx-signature a.elf a.elf
    refused 65 'a\.elf'
    custom --sgx-executable e.sgxs --sgx-signature flip.css a.elf
    refused 65 'flip\.css: '
    custom --sgx-executable other.sgxs --sgx-signature fits.css a.elf
    refused 65 'fits\.css: its ENCLAVEHASH is not the MRENCLAVE of other\.sgxs'
    sigstruct day.css one "$MRENCLAVE" date=0
    custom --sgx-executable e.sgxs --sgx-signature day.css a.elf
    refused 65 'DATE'
}

@test "a signature is reviewed as set-sig does; --quiet leaves the warnings" {
    begin
    custom --sgx-executable e.sgxs --sgx-signature fits.css a.elf
    ok
    danger 'debug'
    custom --quiet -o quiet.orc --sgx-executable e.sgxs --sgx-signature fits.css a.elf
    ok
    not grep -v '^ensign: warning: ' "$ERR"
    danger 'debug'
    same quiet.orc app.orc
}

@test "a file of 300 MiB in less memory than that" {
    [ "$VARIANT" != asan ] || skip "a sanitizer reserves address space without limit"
    "$PYTHON" - <<'PY'
import random
block = random.Random(1).randbytes(1 << 20)
with open("big.elf", "wb") as f:
    f.write(b"\x7fELF")
    for _ in range(300):
        f.write(block)
PY
    (
        ulimit -v 102400
        custom big.elf
        ok
    )
    "$PYTHON" -c '
import zipfile
z = zipfile.ZipFile("app.orc")
assert z.testzip() is None and z.getinfo("ronl.elf").file_size == 300 * 2 ** 20 + 4'
    rm big.elf app.orc
}
