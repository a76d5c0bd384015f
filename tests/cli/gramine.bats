#!/usr/bin/env bats
# Gramine: a manifest and libpal.so are an enclave, which no SDK has signed yet. Expected bytes come from
# tests/interop/gramine.py, the second implementation.
load helpers

# manifest FILE [LINE...]: an expanded manifest of 1.5 or later; the lines go into its table sgx.
manifest() {
    local file=$1
    shift
    {
        printf '%s\n' '[loader]' 'log_level = "error"' '[sgx]' 'enclave_size = "16M"' 'max_threads = 2' "$@"
        printf '%s\n' '[[sgx.trusted_files]]' 'uri = "file:app"' "sha256 = \"$MRENCLAVE\""
    } >"$file"
}

# libpal: libpal.so, such as Gramine's.
libpal() {
    "$PYTHON" -c 'import gramine; open("libpal.so", "wb").write(gramine.LIBPAL)'
}

# measured MANIFEST [RELEASE]: MRENCLAVE, by the second implementation.
measured() {
    "$PYTHON" - "$1" "${2:-1.9}" <<'PY'
import sys
import gramine
release = tuple(map(int, sys.argv[2].split(".")))
print(gramine.Enclave(open(sys.argv[1], "rb").read(), gramine.LIBPAL, release).mrenclave().hex())
PY
}

# bad CODE REGEX ARG...: refused, one line, nothing written.
bad() {
    local code=$1 regex=$2
    shift 2
    ens "$@"
    refused "$code" "$regex"
}

# no_manifest REGEX: app.manifest.sgx is refused.
no_manifest() {
    libpal
    bad 65 "$1" show --libpal libpal.so app.manifest.sgx
    bad 65 "$1" gen-sign-data --libpal libpal.so -o x app.manifest.sgx
    bad 65 "$1" verify --libpal libpal.so --mrenclave "$MRENCLAVE" app.manifest.sgx
}

# sign_with_testkey DATA OUT: the signature of tests/vectors/keys.
sign_with_testkey() {
    openssl dgst -sha256 -sign "$ROOT/tests/vectors/keys/testkey.pem" -out "$2" "$1"
}

@test "--libpal and --gramine are for a Gramine manifest" {
    enclave app.sgxs
    : >libpal.so
    bad 64 'is not a Gramine manifest: leave out --libpal' gen-sign-data --libpal libpal.so -o x app.sgxs
    bad 64 'is not a Gramine manifest: leave out --gramine' gen-sign-data --gramine 1.9 -o x app.sgxs
    bad 64 'neither app.sgxs nor app.sgxs is a Gramine manifest' compare --libpal libpal.so app.sgxs app.sgxs
    bundle b.orc
    for command in show verify; do
        bad 64 'b.orc: is a whole enclave: leave out --libpal' "$command" --libpal libpal.so b.orc
    done
    bad 64 'app.sgxs: is a whole enclave: leave out --gramine' show --gramine 1.9 app.sgxs
    bad 66 'gone.so' gen-sign-data --libpal gone.so -o x app.sgxs
}

@test "from the manifest to app.sig, and what is measured is what was signed" {
    local key=$ROOT/tests/vectors/keys/testkey.pub.pem
    manifest app.manifest.sgx 'isvprodid = 3' 'isvsvn = 4'
    libpal
    ens gen-sign-data --libpal libpal.so -o app.signdata app.manifest.sgx
    ok
    grep -q 'rules of 1\.5 and later (no sgx\.nonpie_binary)' "$ERR"
    grep -q "$(sha256sum <libpal.so | cut -d' ' -f1)" "$ERR"
    grep -q 'DEBUG  *off, enforced' "$ERR"
    sign_with_testkey app.signdata app.signature
    ens set-sig --libpal libpal.so --sign-data app.signdata --to app.sig app.manifest.sgx app.signature "$key"
    ok
    [ "$(stat -c %s app.sig)" = 1808 ]
    # Without the sign-data the manifest says the fields again.
    ens set-sig --libpal libpal.so --to again.sig app.manifest.sgx app.signature "$key"
    ok
    same again.sig app.sig
    ens verify --libpal libpal.so --sigstruct app.sig --pubkey "$key" --isvprodid 3 --min-isvsvn 4 \
        --forbid-debug --allow-public-key app.manifest.sgx
    ok
    grep -q 'checked: .*MRENCLAVE (measured)' "$OUT"
    ens compare --libpal libpal.so app.sig app.manifest.sgx
    ok
    grep -q '^same enclave; only A is signed' "$OUT"
    ens show app.sig
    ok
    grep -q "MRENCLAVE  *$(measured app.manifest.sgx)" "$OUT"
}

@test "app.sig of another manifest, of another libpal.so, or cut, is a no" {
    local key=$ROOT/tests/vectors/keys/testkey.pub.pem
    manifest app.manifest.sgx
    libpal
    ens set-sig --libpal libpal.so --ephemeral-key --to app.sig app.manifest.sgx
    ok
    manifest other.manifest.sgx '# one comment more'
    ens verify --libpal libpal.so --sigstruct app.sig other.manifest.sgx
    [ "$status" -eq 1 ]
    grep -q 'ENCLAVEHASH is .* but the file measures to .*\[mrenclave\]' "$OUT"
    cp libpal.so other.so
    printf '\x5a' | dd of=other.so bs=1 seek=4500 conv=notrunc status=none
    ens verify --libpal other.so --sigstruct app.sig app.manifest.sgx
    [ "$status" -eq 1 ]
    ens compare --libpal other.so app.sig app.manifest.sgx
    [ "$status" -eq 1 ]
    grep -q '^other enclave' "$OUT"
    head -c 1807 app.sig >cut.sig
    bad 65 'cut.sig: a SIGSTRUCT is 1808 bytes, not 1807' verify --libpal libpal.so --sigstruct cut.sig app.manifest.sgx
    bad 65 'is not over|ENCLAVEHASH' set-sig --libpal libpal.so --to x other.manifest.sgx app.sig
    bad 64 'holds its own SIGSTRUCT' verify --sigstruct app.sig app.sig
}

@test "a manifest alone is half of an enclave, and no place for a signature" {
    manifest app.manifest.sgx
    libpal
    ens show app.manifest.sgx
    ok
    grep -q 'not measured: .*give --libpal FILE' "$OUT"
    bad 64 'give --libpal FILE' gen-sign-data -o x app.manifest.sgx
    bad 64 'give --libpal FILE' verify app.manifest.sgx
    bad 64 'give --libpal FILE' set-sig --ephemeral-key --to x app.manifest.sgx
    bad 64 'no place for a signature: give --to FILE' set-sig --libpal libpal.so --ephemeral-key app.manifest.sgx
    bad 65 'is never signed: give --mrenclave' verify --libpal libpal.so app.manifest.sgx
    ens verify --libpal libpal.so --mrenclave "$(measured app.manifest.sgx)" app.manifest.sgx
    ok
    ens verify --libpal libpal.so --mrenclave "$MRENCLAVE" app.manifest.sgx
    [ "$status" -eq 1 ]
    bad 65 'is a Gramine manifest, not sign-data: run ensign gen-sign-data --libpal FILE' approve --yes --ssh-key id \
        --mrsigner "$MRENCLAVE" -o x app.manifest.sgx
}

@test "the class is told by the file, forced by --gramine, and said" {
    libpal
    manifest new.manifest.sgx 'edmm_enable = false'
    manifest old.manifest.sgx 'nonpie_binary = false' 'require_exinfo = false' 'thread_num = 5'
    manifest first.manifest.sgx 'nonpie_binary = false' 'support_exinfo = false' 'thread_num = 5'
    while read -r name release rules; do
        ens show --libpal libpal.so "$name.manifest.sgx"
        ok
        grep -q "^Gramine  *rules of $rules" "$OUT"
        grep -q "^MRENCLAVE  *$(measured "$name.manifest.sgx" "$release")" "$OUT"
    done <<<'new 1.9 1.5 and later (no sgx.nonpie_binary)
old 1.4 1.4 (sgx.nonpie_binary, and keys of 1.4)
first 1.2 1.0 to 1.3 (sgx.nonpie_binary'
    for release in 1.0 1.1 1.2 1.3 1.3.1 1.4 1.5 1.6 1.6.2 1.7 1.8 1.9; do
        ens show --json --gramine $release --libpal libpal.so old.manifest.sgx
        ok
        grep -q "(--gramine $release)" "$OUT"
        grep -q "\"mrenclave\": \"$(measured old.manifest.sgx $release)\"" "$OUT"
    done
    for release in 0.9 1 1. 1.10 1.9. 1.9.x 2.0 v1.9 1.4a master; do
        bad 64 'give 1\.0, 1\.1, .* 1\.8 or 1\.9' show --gramine $release --libpal libpal.so old.manifest.sgx
    done
}

@test "a template, and a manifest that was not expanded, are refused with the reason" {
    manifest app.manifest.sgx 'x = "{{ arch }}"'
    no_manifest 'holds \{\{ or \{%: it is a template: give the \.manifest\.sgx'
    printf '%s\n' '[sgx]' 'trusted_files = ["file:lib/"]' >app.manifest.sgx
    no_manifest 'a trusted file has no sha256: the manifest is not expanded: give the \.manifest\.sgx'
    printf '%s\n' '[sgx]' 'trusted_files = [{ uri = "file:lib/" }]' >app.manifest.sgx
    no_manifest 'a trusted file has no sha256'
    printf '%s\n' '[sgx]' 'trusted_files = [{ uri = "file:a", sha256 = "12" }]' >app.manifest.sgx
    no_manifest 'a trusted file has no sha256'
    printf '%s\n' '[sgx.trusted_files]' 'a = "file:a"' >app.manifest.sgx
    no_manifest 'is no list: the manifest is not expanded'
    printf '%s\n' '[loader.entrypoint]' 'uri = "file:a"' '[sgx]' >app.manifest.sgx
    no_manifest 'loader\.entrypoint has no sha256'
    printf '%s\n' '[loader]' >app.manifest.sgx
    no_manifest 'has no table sgx'
    printf '%s\n' '[sgx]' 'a = ' >app.manifest.sgx
    no_manifest 'app\.manifest\.sgx: .*line 2'
}

@test "what Gramine's loader refuses is refused, and a value of another type" {
    libpal
    while IFS='|' read -r line rule; do
        printf '%s\n' '[sgx]' "$line" >app.manifest.sgx
        bad 65 "$rule" gen-sign-data --libpal libpal.so -o x app.manifest.sgx
    done <<'LINES'
enclave_size = "48M"|sgx\.enclave_size: is not a power of two
enclave_size = "0"|sgx\.enclave_size: is not a power of two
enclave_size = "256m"|sgx\.enclave_size: is not a size such as
enclave_size = ""|sgx\.enclave_size: is not a size such as
enclave_size = "_1M"|sgx\.enclave_size: is not a size such as
enclave_size = "99999999999G"|sgx\.enclave_size: is not a size such as
enclave_size = "262144G"|sgx\.enclave_size: is larger than any enclave
enclave_size = 268435456|sgx\.enclave_size: is not a size such as
enclave_size = "1M"|0x100000 bytes have no room for 4 threads
enclave_size = "4096"|no room|ends beyond an enclave
max_threads = 0|sgx\.max_threads: is 0
max_threads = -1|sgx\.max_threads: is not a number in its range
max_threads = 4294967295|no room for 4294967295 threads
max_threads = "4"|sgx\.max_threads: is not a number
debug = "yes"|sgx\.debug: is not true or false
edmm_enable = 1|sgx\.edmm_enable: is not true or false
isvsvn = 65536|sgx\.isvsvn: is not a number in its range
cpu_features.avx = "on"|sgx\.cpu_features\.avx: is not "required"
LINES
}

@test "a libpal.so that is none" {
    manifest app.manifest.sgx
    : >libpal.so
    bad 65 'libpal\.so' show --libpal libpal.so app.manifest.sgx
    bad 65 'is not an x86-64 shared object' show --libpal app.manifest.sgx app.manifest.sgx
    "$PYTHON" - <<'PY'
import gramine
make = gramine.make_libpal
open("high.so", "wb").write(make([(0x1000, 64, 64, 5)], 0x1010))
open("out.so", "wb").write(make([(0, 64, 64, 5)], 0x1000))
open("heap.so", "wb").write(make([(0, 64, 64, 5)], 2 ** 64 - 0x1000))
open("large.so", "wb").write(make([(0, 64, 1 << 40, 5)]))
open("wrap.so", "wb").write(make([(0, 64, 64, 5), (2 ** 64 - 4096, 0, 8192, 5)]))
PY
    for file in high out heap; do
        bad 65 'not at address 0, or its entry not in it' show --libpal $file.so app.manifest.sgx
    done
    bad 65 'ends beyond an enclave' show --libpal large.so app.manifest.sgx
    bad 65 'it is damaged' show --libpal wrap.so app.manifest.sgx
}

@test "a heap of 1 TiB is refused before it is measured, unless --allow-large or EDMM" {
    printf '%s\n' '[sgx]' 'enclave_size = "1024G"' >app.manifest.sgx
    libpal
    LIMIT=10 bad 65 'of which 16385 MiB are hashed.*--allow-large' gen-sign-data --libpal libpal.so -o x app.manifest.sgx
    printf '%s\n' '[sgx]' 'edmm_enable = true' >app.manifest.sgx
    ens show --libpal libpal.so app.manifest.sgx
    ok
    grep -q "^MRENCLAVE  *$(measured app.manifest.sgx)" "$OUT"
}

@test "DATE of 1.4 and before is binary, and is recovered in that form" {
    manifest app.manifest.sgx 'nonpie_binary = true' 'require_exinfo = true'
    libpal
    SOURCE_DATE_EPOCH=1700000000 ens gen-sign-data --libpal libpal.so -o app.signdata app.manifest.sgx
    ok
    [ "$(dd if=app.signdata bs=1 skip=20 count=4 status=none | od -An -tx1 | tr -d ' ')" = e7070b0e ]
    sign_with_testkey app.signdata app.signature
    ens set-sig --libpal libpal.so --to app.sig app.manifest.sgx app.signature "$ROOT/tests/vectors/keys/testkey.pub.pem"
    ok
    grep -q 'recovered from the signature' "$ERR"
    ens extract --sign-data -o again.signdata app.sig
    ok
    same again.signdata app.signdata
}

@test "approve --rebuilt measures a manifest; a manifest that changed is not approved" {
    manifest app.manifest.sgx
    libpal
    ssh-keygen -q -t ed25519 -N '' -f id
    ens gen-sign-data --libpal libpal.so -o app.signdata app.manifest.sgx
    ok
    ens approve --yes --ssh-key id --mrsigner "$MRENCLAVE" --rebuilt app.manifest.sgx --libpal libpal.so \
        -o app.approval app.signdata
    ok
    grep -q 'rules of 1\.5 and later' "$ERR"
    manifest app.manifest.sgx '# other'
    bad 65 'app.signdata.* is not .*app.manifest.sgx|app.manifest.sgx' approve --yes --ssh-key id --mrsigner "$MRENCLAVE" \
        --rebuilt app.manifest.sgx --libpal libpal.so -o x app.signdata
}

@test "recognised by content, and ensign-offline refuses it as it refuses other enclaves" {
    manifest app.manifest.sgx
    mv app.manifest.sgx anything
    ens show anything
    ok
    grep -q '^Gramine manifest anything' "$OUT"
    ENSIGN=$ENSIGN-offline bad 65 'is a Gramine manifest, and ensign-offline opens no enclave' show anything
    # Other texts that name such words are none.
    printf '%s\n' '# [sgx]' 'x = "[sgx]"' 'sgx = 1' '[sgxs]' 'loaders.x = 1' >text
    bad 65 'no-header' show text
}
