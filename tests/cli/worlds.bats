#!/usr/bin/env bats
# The pages of docs/worlds, typed as they stand: the blocks "sh" of a page run in their order, in one shell on a terminal,
# beside a token in software. A block "sh needs=TOOL" is of another program: it runs where that is installed and the
# tests have what it starts from (sgxs-sign), else it is named and skipped; what it would have made is there before.
# Then interchange: what travels between ensign and those programs, byte for byte.

load helpers

WORLDS=$ROOT/docs/worlds
OFFLINE=$ROOT/build/$VARIANT/ensign-offline
# Tools that a block may run.
TOOLS='sgxs-sign ftxsgx-elf2sgxs'

fixtures() {
    token hsm
    openssl genrsa -3 -out own.pem 3072 2>/dev/null
    openssl rsa -in own.pem -pubout -out own.pem.pub 2>/dev/null
    import own.pem release 01 hsm
}

# The two programs under their names, and nothing else of the tree.
begin() {
    [ -x "$OFFLINE" ] || fail "$OFFLINE is not there: run make first"
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$ENSIGN" "$BATS_TEST_TMPDIR/bin/ensign"
    ln -s "$OFFLINE" "$BATS_TEST_TMPDIR/bin/ensign-offline"
    OWN=$(mrsigner "$BATS_FILE_TMPDIR/own.pem.pub")
}

# script PAGE: the commands of a page as one shell script; what is left out is named in "skipped".
script() {
    "$PYTHON" - "$WORLDS/$1.md" "$TOOLS" <<'PY'
import re, shutil, sys
name = sys.argv[1].rpartition("/")[2]
print("set -eu")
print("trap 'echo \"-- fails: $BASH_COMMAND\"' ERR")
fence, run, blocks = None, False, 0
for number, line in enumerate(open(sys.argv[1], encoding="utf-8"), 1):
    line = line.rstrip("\n")
    if fence is None and line.startswith("```"):
        fence = line[3:]
        words = fence.split()
        assert words and words[0] == "sh", "%s:%d: a block of no known kind" % (name, number)
        needs = [w[len("needs="):] for w in words[1:]]
        assert all(w.startswith("needs=") for w in words[1:]), "%s:%d: %s" % (name, number, fence)
        run = all(tool in sys.argv[2].split() and shutil.which(tool) for tool in needs)
        blocks += 1
        if run:
            print("echo '== %s:%d'" % (name, number))
        else:
            print("%s:%d: not run, needs %s" % (name, number, needs), file=sys.stderr)
    elif line == "```":
        fence = None
    elif fence is not None and run:
        print(line)
assert fence is None and blocks >= 5, (name, fence, blocks)
print("echo '== end'")
PY
}

# page PAGE: runs it in the current directory; whoever asks for the PIN or for a yes gets it.
page() {
    need_terminal
    script "$1" >"$BATS_TEST_TMPDIR/script"
    env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$PYTHON" - "$BATS_TEST_TMPDIR/script" "$PIN" <<'PY'
import os, pty, re, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", sys.argv[1]])
answers = [(rb"PIN[^\n]*: *$", sys.argv[2]), (rb"Type yes[^\n]*: *$", "yes")]
seen, answered, end = b"", 0, time.time() + 120
while time.time() < end:
    if not select.select([fd], [], [], 0.2)[0]:
        continue
    try:
        piece = os.read(fd, 65536)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    for pattern, answer in answers:
        if re.search(pattern, seen[answered:]):
            answered = len(seen)
            time.sleep(0.15)
            os.write(fd, answer.encode() + b"\n")
else:
    os.kill(pid, 9)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
text = seen.decode("utf-8", "replace").replace("\r", "")
print(text)
assert "\n== end\n" in "\n" + text, "the page was not run to its end"
assert sys.argv[2] not in text, "the PIN was echoed"
sys.exit(status)
PY
}

# signed_by_us FILE: the SIGSTRUCT in it, whatever the container, is sound and ours.
signed_by_us() {
    ens extract --force -o "$BATS_TEST_TMPDIR/css" "$1"
    ok
    accepted sigstruct --mrsigner "$OWN" "${@:2}" "$BATS_TEST_TMPDIR/css"
}

# container NAME OUT: one of the generated ELF enclaves.
container() {
    local found
    for found in "$ROOT/tests/vectors/containers/$1" "$DATA/containers/$1"; do
        if [ -r "$found" ]; then
            install -m 644 "$found" "$2"
            return
        fi
    done
    need_shared
    fail "$1 is not there"
}

# built THREADS: a program of Fortanix' target and its Cargo.toml, and what its page makes of them, as the reference lays
# it out, in rebuilt.sgxs; LAID_OUT is its MRENCLAVE.
built() {
    "$PYTHON" "$INTEROP/mkfortanix.py" app
    printf '[package]\nname = "app"\nversion = "1.0.0"\n' >Cargo.toml
    "$PYTHON" -c '
import sys, fortanix
stream = fortanix.convert(open("app", "rb").read(), 0x40000, 0x20000, int(sys.argv[1]))
open("rebuilt.sgxs", "wb").write(stream)' "$1"
    LAID_OUT=$(sha256sum rebuilt.sgxs | cut -d" " -f1)
}

@test "Oasis: the page runs from build to release" {
    begin
    built 2
    # As the oasis CLI leaves it: a component, signed with a key that is gone.
    bundle rofl.orc --component rofl.app --sign one
    page oasis
    bundle_holds app.orc "$LAID_OUT" "$OWN"
    signed_by_us app.orc
    accepted bundle --written --mrenclave "$MRENCLAVE" --mrsigner "$OWN" rofl.orc
}

@test "Fortanix: the page runs from build to release" {
    begin
    built 8
    page fortanix >shown
    cat shown
    [ "$(grep -c '^same enclave' shown)" -eq 4 ]
    same app.sgxs rebuilt.sgxs
    size_is app.sig 1808
    accepted sigstruct --mrenclave "$LAID_OUT" --mrsigner "$OWN" app.sig
    [ "$(field app.sig isvprodid)" = 0x1 ]
    [ "$(field app.sig attributes_mask)" = 0xffffffffffffffff ]
}

# gramine MANIFEST: the MRENCLAVE of a manifest with libpal.so, by the second implementation.
gramine() {
    "$PYTHON" - "$1" <<'PY'
import sys
import gramine
print(gramine.Enclave(open(sys.argv[1], "rb").read(), open("libpal.so", "rb").read(), (1, 9)).mrenclave().hex())
PY
}

@test "Gramine: the page runs from a manifest to app.sig, names the file that moved MRENCLAVE, and signs app.sig again" {
    begin
    # As Gramine's Python expands a template, and the same after one package was updated.
    "$PYTHON" -c 'import gramine; open("libpal.so", "wb").write(gramine.LIBPAL)'
    for sum in a b; do
        printf '%s\n' '[loader]' 'log_level = "error"' '[sgx]' 'enclave_size = "16M"' 'max_threads = 2' 'isvprodid = 7' \
            'isvsvn = 2' '[[sgx.trusted_files]]' 'uri = "file:usr/lib/libcurl-gnutls.so.4"' \
            "sha256 = \"$(printf "$sum%.0s" {1..64})\"" >"$sum"
    done
    mv a app.manifest.sgx
    mv b rebuilt.manifest.sgx
    # As gramine-sgx-sign leaves it: its masks, and another key.
    sigstruct signed.sig one "$MRENCLAVE" isvprodid=7 isvsvn=2 attributes_mask=0xffffffffffffffff \
        xfrm_mask=0xfffffffffff9ff1b
    cp signed.sig rebuilt.sig
    page gramine >said
    cat said
    grep -q '^other enclave: 1 trusted file changed: file:usr/lib/libcurl-gnutls\.so\.4$' said
    [ "$(grep -c '^same enclave' said)" -eq 2 ]
    [ "$(grep -c '^other enclave' said)" -eq 2 ]
    grep -qx "$(sha256sum <libpal.so | cut -d' ' -f1)" said
    for file in app.sig signed.sig; do
        size_is "$file" 1808
        [ "$(field "$file" date)" = 0x20260105 ]
        [ "$(field "$file" isvprodid)" = 0x7 ]
        [ "$(field "$file" isvsvn)" = 0x2 ]
        [ "$(field "$file" xfrm_mask)" = 0xfffffffffff9ff1b ]
    done
    accepted sigstruct --mrenclave "$(gramine app.manifest.sgx)" --mrsigner "$OWN" app.sig
    accepted sigstruct --mrenclave "$MRENCLAVE" --mrsigner "$OWN" signed.sig
}

@test "Intel SDK: the page runs from build to release, and with Intel's two steps" {
    begin
    container intel-2.4-2.1-1.4.signed.so enclave.signed.so
    cp enclave.signed.so rebuilt.signed.so
    # As the compiler leaves it, and one that was built elsewhere.
    container intel-2.4-2.1-1.4.so enclave.so
    cp enclave.so mine.so
    printf elsewhere | dd of=mine.so bs=1 seek=4608 conv=notrunc status=none
    # What sgx_sign gendata would write: the signed bytes of its own SIGSTRUCT.
    ens extract --sign-data -o gendata enclave.signed.so
    ok
    page intel-sdk
    ens extract -o before.css rebuilt.signed.so
    ok
    signed_by_us enclave.signed.so --mrenclave "$(field before.css enclavehash)"
    [ "$(field "$BATS_TEST_TMPDIR/css" isvsvn)" = 0x3 ]
    accepted container --before rebuilt.signed.so --pubkey release.pem enclave.signed.so
    # catsig wants 384 bytes big-endian, over exactly the 256 bytes of gendata.
    openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/own.pem.pub" -signature gendata.signature gendata
    # And an SPKI key.
    [ "$(head -1 release.pem)" = '-----BEGIN PUBLIC KEY-----' ]
    same release.pem "$BATS_FILE_TMPDIR/own.pem.pub"
}

@test "Open Enclave: the page runs from build to release, and with oesign's two steps" {
    begin
    container oe-0.19.signed enclave.signed
    cp enclave.signed rebuilt.signed
    ens extract -o before.css rebuilt.signed
    ok
    # What oesign digest would write on this host on the day of that signature.
    ens extract --sign-data -o oe.signdata enclave.signed
    ok
    openssl dgst -sha256 -binary -out enclave.digest oe.signdata
    page open-enclave
    unchanged=$(field before.css enclavehash)
    signed_by_us enclave.signed --mrenclave "$unchanged"
    signed_by_us enclave.again --mrenclave "$unchanged"
    for file in enclave.signed enclave.again; do
        accepted container --before rebuilt.signed --pubkey release.pem "$file"
    done
    openssl verify -CAfile release.crt release.crt
    openssl x509 -in release.crt -noout -pubkey >crt.pub
    openssl dgst -sha256 -verify crt.pub -signature digest.signature oe.signdata
}

# ---- the pages themselves ----

@test "README names every page, and every page is tested" {
    begin
    for page in "$WORLDS"/*.md; do
        name=$(basename "$page" .md)
        grep -q "docs/worlds/$name\.md" "$ROOT/README.md" || fail "README.md does not name $name.md"
        grep -Eq "^    page $name( |\$)" "$BATS_TEST_FILENAME" || fail "$name.md is not run"
        # What is linked is there.
        grep -oE '\]\([^)#]+' "$page" | sed 's/](//' | while read -r link; do
            [ -e "$WORLDS/$link" ] || fail "$name.md links to $link, which is not there"
        done
    done
}

@test "a block that fails ends its page" {
    begin
    WORLDS=$BATS_TEST_TMPDIR
    for wrong in 'false' 'ensign show nosuch' 'sleep 0; exit 3'; do
        printf '```sh\ntrue\n```\n%.0s' 1 2 3 4 >"$WORLDS/wrong.md"
        printf '```sh\n%s\n```\n' "$wrong" >>"$WORLDS/wrong.md"
        not page wrong
    done
}

# ---- interchange ----

# key_signs SIGN-DATA OUT: what any other holder of the same key would make.
key_signs() {
    openssl dgst -sha256 -sign "$BATS_FILE_TMPDIR/own.pem" -out "$2" "$1"
}

hsm_sign() {
    ens sign --key 'pkcs11:token=hsm;object=release' --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes "$@"
}

@test "the 256 bytes of another tool are signed as they are, and the signature is the one that openssl makes" {
    begin
    for css in good sgx_sign-style oe-style gramine-style fortanix-default; do
        ens extract --sign-data -o "$css.data" "$ROOT/tests/vectors/sigstruct/$css.sig"
        ok
        size_is "$css.data" 256
        hsm_sign -o "$css.signature" "$css.data"
        ok
        size_is "$css.signature" 384
        key_signs "$css.data" "$css.openssl"
        same "$css.signature" "$css.openssl"
    done
}

@test "a digest signed blind has the signature of its 256 bytes, and only with --blind" {
    begin
    sign_data app.signdata "$MRENCLAVE"
    openssl dgst -sha256 -binary -out app.digest app.signdata
    size_is app.digest 32
    hsm_sign -o app.signature app.digest
    refused 77 blind
    hsm_sign --blind -o app.signature app.digest
    ok
    warned blind
    hsm_sign -o full.signature app.signdata
    ok
    same app.signature full.signature
    key_signs app.signdata openssl.signature
    same app.signature openssl.signature
}

@test "a signature over a digest of another day is attached on any day" {
    begin
    enclave app.sgxs
    sign_data app.signdata "$MRENCLAVE" date=0x20251231
    openssl dgst -sha256 -binary -out app.digest app.signdata
    hsm_sign --blind -o app.signature app.digest
    ok
    ens set-sig --to app.sig app.sgxs app.signature "$BATS_FILE_TMPDIR/own.pem.pub"
    ok
    says '20(25-12-31|251231)'
    [ "$(field app.sig date)" = 0x20251231 ]
    accepted sigstruct --mrenclave "$MRENCLAVE" --mrsigner "$OWN" app.sig
}

@test "a signature made with openssl over ensign's sign-data is attached" {
    begin
    enclave app.sgxs
    ens gen-sign-data --date 20240229 --forbid-debug -o app.signdata app.sgxs
    ok
    key_signs app.signdata app.signature
    ens set-sig --sign-data app.signdata --to app.sig app.sgxs app.signature "$BATS_FILE_TMPDIR/own.pem.pub"
    ok
    accepted sigstruct --mrenclave "$MRENCLAVE" --mrsigner "$OWN" app.sig
}
