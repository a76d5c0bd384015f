# make.bash: what the tests of init and component-add share: executables, a Cargo that says what a test
# wants, and runs that are killed.
# shellcheck shell=bash disable=SC2154

ID=8000000000000000000000000000000000000000000000000000000000000001
RELEASE_ID=0000000000000000000000000000000000000000000000000000000000000abc
TEST_ID=8000000000000000000000000000000000000000000000000000000000000def

# app FILE [TEXT]: an executable; TEXT tells two of them apart.
app() {
    "$PYTHON" -c '
import sys, mkbundle
open(sys.argv[1], "wb").write(mkbundle.tiny_elf(sys.argv[2].encode()))' "$1" "${2:-}"
}

# custom ARG...: ensign init with name, version and id, as most tests need it.
custom() {
    ens init --custom --runtime-name app --runtime-version 1.2.3 --runtime-id "$ID" "$@"
}

# cargo_says JSON [STATUS]: a cargo first in PATH that prints this and notes how it was called; the Cargo.toml here,
# if there is none, is that of a workspace, so that it is asked.
cargo_says() {
    [ -e Cargo.toml ] || echo '[workspace]' >Cargo.toml
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/answer"
    printf '%s\n' '#!/bin/sh' "echo \"\$*\" >>'$BATS_TEST_TMPDIR/cargo.calls'" \
        "env >'$BATS_TEST_TMPDIR/cargo.env'" "cat '$BATS_TEST_TMPDIR/answer'" \
        "[ ${2:-0} -eq 0 ] || echo 'error: no Cargo.toml here' >&2" "exit ${2:-0}" >"$BATS_TEST_TMPDIR/bin/cargo"
    chmod +x "$BATS_TEST_TMPDIR/bin/cargo"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# cargo_toml [VERSION]: a package my-runtime with both ids, on stdout.
cargo_toml() {
    printf '%s\n' '[package]' 'name = "my-runtime"' "version = \"${1:-0.4.17}\"" '' \
        '[package.metadata.orc.release]' "runtime-id = \"$RELEASE_ID\"" \
        '[package.metadata.orc.test]' "runtime-id = \"$TEST_ID\""
}

# package NAME VERSION DIRECTORY [METADATA]: one package as `cargo metadata` lists it.
package() {
    printf '{"name":"%s","version":"%s","manifest_path":"%s/Cargo.toml","metadata":%s,"license":null}' \
        "$1" "$2" "$3" "${4:-null}"
}

# orc_metadata: what belongs under metadata, with both ids.
orc_metadata() {
    printf '{"orc":{"release":{"runtime-id":"%s"},"test":{"runtime-id":"%s"}}}' "$RELEASE_ID" "$TEST_ID"
}

# packages PACKAGE...: the whole answer.
packages() {
    local IFS=,
    printf '{"packages":[%s],"workspace_members":[],"version":1}' "$*"
}

# without_cargo: from here on, ens runs the program with a PATH that has no cargo.
without_cargo() {
    printf '%s\n' '#!/bin/sh' "PATH=$BATS_TEST_TMPDIR/nothing exec '$ENSIGN' \"\$@\"" >"$BATS_TEST_TMPDIR/ensign"
    chmod +x "$BATS_TEST_TMPDIR/ensign"
    ENSIGN=$BATS_TEST_TMPDIR/ensign
}

# manifest FILE.orc: the manifest, as it is.
manifest() {
    unpack "$1" META-INF/MANIFEST.MF "$BATS_TEST_TMPDIR/manifest"
    cat "$BATS_TEST_TMPDIR/manifest"
}

# manifest_is FILE.orc JSON: byte for byte; @FILE@ stands for that file's SHA-512/256.
manifest_is() {
    manifest "$1" >/dev/null
    "$PYTHON" - "$BATS_TEST_TMPDIR/manifest" "$2" <<'PY' || fail "the manifest of $1 is another"
import re, sys
import mkbundle
want = re.sub("@([^@]*)@", lambda m: mkbundle.digest(open(m.group(1), "rb").read()), sys.argv[2])
have = open(sys.argv[1]).read()
sys.exit(None if have == want else f"have {have}\nwant {want}")
PY
}

# hash_agrees FILE.orc: show and the second implementation give one manifest hash.
hash_agrees() {
    local reference
    reference=$("$PYTHON" "$INTEROP/check.py" bundle --json "$1" 2>/dev/null |
        sed -n 's/.*"manifest_hash": "\([0-9a-f]*\)".*/\1/p')
    [ ${#reference} -eq 64 ] || fail "check.py gives no manifest hash for $1"
    ens show "$1"
    ok
    prints "^Manifest hash: *$reference\$"
}

# killed_anywhere OUT OLD -- ARG...: runs ensign ARG... once for each of its system calls that change a
# file, killed in front of it. After each run OUT is what it was (OLD, or absent where OLD is -) or what a
# whole run makes, and at most one .ensign- file is left over.
killed_anywhere() {
    command -v strace >/dev/null || fail "strace is not installed"
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    "$PYTHON" - "$BATS_TEST_TMPDIR" "$ENSIGN" "$@" <<'PY'
import collections, os, re, shutil, subprocess, sys
tmp, program, out, old, dashes, *args = sys.argv[1:]
assert dashes == "--"
before = None if old == "-" else open(old, "rb").read()
inputs = set(os.listdir("."))
def read():
    return open(out, "rb").read() if os.path.exists(out) else None
def start():
    for name in set(os.listdir(".")) - inputs:
        os.remove(name)
    if before is not None:
        shutil.copy(old, out)
def strace(*options):
    return subprocess.run(["strace", "-f", "-qq", "-o", f"{tmp}/trace", *options, program, *args],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, start_new_session=True)
start()
p = strace()
assert p.returncode == 0, p.stderr
after = read()
assert after is not None and after != before
calls = collections.Counter(re.findall(r"^(?:\d+ +)?([a-z_0-9]+)\(", open(f"{tmp}/trace").read(), re.M))
runs, seen = 0, collections.Counter()
for call in ("openat", "pwrite64", "write", "ftruncate", "fchmod", "fchown", "fsync", "rename", "renameat2"):
    for i in range(1, calls[call] + 1):
        start()
        strace("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={i}")
        where, found, runs = f"killed at {call} {i}", read(), runs + 1
        assert found in (before, after), f"{where}: torn"
        seen[found == after] += 1
        strays = set(os.listdir(".")) - inputs - {out}
        assert len(strays) <= 1 and all(s.startswith(".ensign-") for s in strays), f"{where}: left {strays}"
start()
print(f"{runs} runs, new file in {seen[True]}")
assert seen[False] > 5 and seen[True] > 0, "the walk saw only one of the two"
PY
}
