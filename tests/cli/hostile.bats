#!/usr/bin/env bats
# Hostile bundles: each is refused by every command that opens one, with 65, in one line, with
# nothing written and in little memory. The good ones beside them are accepted.

load helpers

# A sanitizer's shadow and quarantine are not the program's memory.
LIMIT_MB=200
[ "$VARIANT" != asan ] || LIMIT_MB=1200

fixtures() {
    "$PYTHON" "$INTEROP/mkhostile.py" cases >/dev/null
    "$PYTHON" - <<'PY'
import hostile_manifest, sgx, testkey
css = testkey.sigstruct(hostile_manifest.MRENCLAVE)
open("fits.css", "wb").write(css)
open("fits.signdata", "wb").write(sgx.sign_data(css))
PY
}

# all refused|exact|accepted COMMAND...: runs the command on every hostile (or good) bundle, in which @BUNDLE is
# the bundle and @OUT an output. Names every bundle for which it does not hold. exact: refused, or the output is
# a file that the manifest names by its digest.
all() {
    "$PYTHON" - "$ENSIGN" "$BATS_FILE_TMPDIR" "$LIMIT_MB" "$@" <<'PY'
import hashlib, json, os, re, resource, subprocess, sys, zipfile
program, base, limit, want, *command = sys.argv[1:]
folder = os.path.join(base, "cases", "good" if want == "accepted" else "")
expected = json.load(open(os.path.join(folder, "expected.json")))
assert len(expected) >= 30, len(expected)
failures, reasons, accepted = [], set(), []
def json_of(path):
    with zipfile.ZipFile(path) as z:
        return z.read("META-INF/MANIFEST.MF")
def sha(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()
def run(name):
    path = os.path.join(folder, name)
    before = sha(path)
    words = [w.replace("@BUNDLE", path).replace("@OUT", "out").replace("@BASE", base) for w in command]
    p = subprocess.run([program] + words, stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=60, start_new_session=True)
    errors = [l for l in p.stderr.decode("utf-8", "surrogateescape").split("\n")
              if l.startswith("ensign: ") and not l.startswith("ensign: warning: ")]
    if sha(path) != before:
        return "the bundle changed"
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", p.stderr):
        return f"control characters on stderr: {p.stderr!r}"
    # What reads one file of the bundle needs no other: then it is the one that the manifest names by its digest.
    if want == "exact" and p.returncode == 0:
        digest = hashlib.new("sha512_256", open("out", "rb").read()).hexdigest()
        accepted.append(name)
        return digest.encode() not in json_of(path) and "the output is not in the manifest"
    if want == "accepted":
        return p.returncode and f"exit {p.returncode}: {errors or p.stderr}"
    if p.returncode != 65:
        return f"exit {p.returncode}: {p.stderr[-300:]}"
    if len(errors) != 1:
        return f"errors: {errors}"
    # The object, then the rule: the file is named, and the reason is one of many.
    if name not in errors[0]:
        return f"the bundle is not named: {errors[0]}"
    reasons.add(re.sub(r"[0-9]+", "N", errors[0].replace(path, "").replace(name, "")))
    if p.stdout:
        return "something on stdout"
    if os.listdir("."):
        return f"written: {os.listdir('.')}"
for name in sorted(expected):
    trouble = run(name)
    if trouble:
        failures.append(f"{name} ({expected[name]['why']}): {trouble}")
    for left in os.listdir("."):
        os.remove(left)
beside = [f for f in os.listdir(folder) if not f.endswith((".orc", ".json")) and f != "good"]
if beside:
    failures.append(f"left beside the bundles: {beside}")
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
if used > int(limit):
    failures.append(f"{used} MiB of memory were used, the limit is {limit}")
if len(accepted) > len(expected) // 10:
    failures.append(f"too many are accepted: {accepted}")
if want != "accepted" and len(reasons) < 60:
    failures.append(f"only {len(reasons)} reasons for {len(expected)} faults: {sorted(reasons)}")
print(f"{len(expected)} bundles, {len(reasons)} reasons, at most {used} MiB")
for line in failures:
    print("-", line)
sys.exit(bool(failures))
PY
}

@test "show refuses every hostile bundle" {
    all refused show @BUNDLE
}

@test "show --json refuses every hostile bundle" {
    all refused show --json @BUNDLE
}

@test "gen-sign-data refuses every hostile bundle" {
    all refused gen-sign-data -o @OUT @BUNDLE
}

@test "set-sig in place refuses every hostile bundle" {
    all refused set-sig @BUNDLE @BASE/fits.css
}

@test "set-sig -o and --to refuse every hostile bundle" {
    all refused set-sig -o @OUT @BUNDLE @BASE/fits.css
    all refused set-sig --to @OUT @BUNDLE @BASE/fits.css
}

@test "extract refuses every hostile bundle, unless all that is hostile is in files that it does not read" {
    all exact extract -o @OUT @BUNDLE
}

@test "show accepts every good bundle" {
    all accepted show @BUNDLE
    all accepted show --json @BUNDLE
}

@test "gen-sign-data and set-sig accept the good bundles that hold one enclave" {
    done=0
    for bundle in "$BATS_FILE_TMPDIR"/cases/good/*.orc; do
        "$PYTHON" "$INTEROP/check.py" bundle --json "$bundle" >check.json 2>/dev/null
        component=$("$PYTHON" -c '
import json
found = json.load(open("check.json"))[0]["enclaves"]
print(found[0]["component"] if len(found) == 1 else "")')
        rm check.json
        [ -n "$component" ] || continue
        ens gen-sign-data --date 20240229 --component "$component" -o out.signdata "$bundle"
        ok
        same out.signdata "$BATS_FILE_TMPDIR/fits.signdata"
        ens set-sig --component "$component" -o out.orc "$bundle" "$BATS_FILE_TMPDIR/fits.css"
        ok
        # The order of keys is kept as it was found, which is not always orc's.
        order=--written
        [[ $bundle != */keys-reversed.orc ]] || order=
        accepted bundle $order out.orc
        rm out.signdata out.orc
        done=$((done + 1))
    done
    [ "$done" -ge 20 ]
}

@test "a bundle cut short anywhere is refused" {
    bundle b.orc --sign one
    size=$(stat -c %s b.orc)
    for ((cut = 0; cut < size; cut += 97)); do
        head -c "$cut" b.orc >cut.orc
        ens show cut.orc
        refused 65 'cut\.orc'
    done
    head -c $((size - 1)) b.orc >cut.orc
    ens show cut.orc
    refused 65
    ens show b.orc
    ok
}

@test "a declared size of gigabytes is refused in an address space of 200 MB" {
    [ "$VARIANT" != asan ] || skip "a sanitizer needs more address space"
    bombs=0
    for bundle in "$BATS_FILE_TMPDIR"/cases/*{bomb,size,large,limit,many,ratio}*.orc; do
        [ -e "$bundle" ] || continue
        status=0
        OUT=$BATS_TEST_TMPDIR/stdout
        ERR=$BATS_TEST_TMPDIR/stderr
        # shellcheck disable=SC2034
        before=$(picture)
        (ulimit -v 200000 && exec timeout 60 "$ENSIGN" show "$bundle") >"$OUT" 2>"$ERR" || status=$?
        tell show "$bundle"
        refused 65
        bombs=$((bombs + 1))
    done
    [ "$bombs" -ge 3 ]
}
