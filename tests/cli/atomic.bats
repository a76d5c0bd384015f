#!/usr/bin/env bats
# set-sig and power cuts: strace kills the program in front of every system call it makes, one run
# per call, or lets one fail. After each run the bundle is the old one or the new one, whole, and a
# stray temporary file is the worst that remains.

load helpers

fixtures() {
    enclave e.sgxs
    bundle old.orc
    sigstruct fits.css one "$MRENCLAVE"
    # A mode and a file of some size, so that there is something to keep and more than one write.
    head -c 300000 /dev/urandom >noise
    bundle old.orc --extra-file noise.bin=noise
    cp old.orc new.orc
    "$ENSIGN" set-sig new.orc fits.css 2>/dev/null || true
}

begin() {
    command -v strace >/dev/null || fail "strace is not installed"
    # A leak check cannot run under strace.
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    OLD=$BATS_FILE_TMPDIR/old.orc
    NEW=$BATS_FILE_TMPDIR/new.orc
    CSS=$BATS_FILE_TMPDIR/fits.css
    accepted bundle --written --mrenclave "$MRENCLAVE" "$NEW"
    not cmp -s "$OLD" "$NEW"
}

# walk MODE [-o]: every system call of one run, one run per call. MODE is kill, or a list of
# call:ERROR pairs that fail at each of their calls. $walked says how many runs there were.
walk() {
    "$PYTHON" - "$ENSIGN" "$OLD" "$NEW" "$CSS" "$@" <<'PY'
import collections, hashlib, os, re, shutil, subprocess, sys
program, old, new, css, mode, *to = sys.argv[1:]
sums = {hashlib.sha256(open(f, "rb").read()).hexdigest(): n for f, n in ((old, "old"), (new, "new"))}
command = [program, "set-sig", *(["-o", "out.orc"] if to else []), "b.orc", css]
def start():
    for name in os.listdir("."):
        os.remove(name)
    shutil.copy(old, "b.orc")
    os.chmod("b.orc", 0o640)
def strace(*options):
    return subprocess.run(["strace", "-f", "-qq", "-o", os.environ["TRACE"], *options, *command],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          start_new_session=True)
start()
p = strace()
assert p.returncode == 0, p.stderr
counts = collections.Counter()
for line in open(os.environ["TRACE"]):
    call = re.match(r"(?:\d+ +)?([a-z_0-9]+)\(", line)
    if call:
        counts[call.group(1)] += 1
# execve is the run itself, and exit_group is no more of a place than what comes before it.
counts.pop("execve", None)
print(dict(counts))
for needed in ("openat", "write", "fsync", "rename"):
    assert any(c.startswith(needed) for c in counts) or needed == "write", f"no {needed} in {counts}"
def plan():
    if mode == "kill":
        for call, n in sorted(counts.items()):
            for i in range(1, n + 1):
                yield call, i, ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={i}"]
    else:
        for pair in mode.split(","):
            call, error = pair.split(":")
            for i in range(1, counts[call] + 1):
                yield call, i, ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={i}"]
outcome, failures, runs = collections.Counter(), [], 0
def check(call, i, p):
    where = f"{mode} at {call} {i}"
    state = sums.get(hashlib.sha256(open("b.orc", "rb").read()).hexdigest(), "torn")
    if to:
        if state != "old":
            return f"{where}: the input is {state}"
        state = "old"
        if os.path.exists("out.orc"):
            state = sums.get(hashlib.sha256(open("out.orc", "rb").read()).hexdigest(), "torn")
    if state == "torn":
        return f"{where}: torn"
    outcome[state] += 1
    mask = os.stat("b.orc").st_mode & 0o7777
    if mask != 0o640:
        return f"{where}: the mode became {mask:o}"
    strays = [n for n in os.listdir(".") if n not in ("b.orc", "out.orc")]
    if any(not n.startswith(".ensign-") for n in strays) or len(strays) > 1:
        return f"{where}: left {strays}"
    if mode == "kill":
        return None if p.returncode in (-9, 137, 0) else f"{where}: exit {p.returncode}"
    # A call that failed: either it did not matter, or it is one clear line and nothing remains.
    if p.returncode == 0:
        return None if state == "new" else f"{where}: exit 0, but the file is {state}"
    if p.returncode == 127 and b"shared librar" in p.stderr:
        return None if state == "old" else f"{where}: never started, but the file is {state}"
    if b"LeakSanitizer does not work under ptrace" in p.stderr:
        return None         # it could not read its options, so it did not learn that it is off
    if p.returncode not in (65, 66, 71, 73, 74):
        return f"{where}: exit {p.returncode}: {p.stderr.decode()}"
    lines = [l for l in p.stderr.decode().split("\n")
             if l.startswith("ensign: ") and not l.startswith("ensign: warning: ")]
    if len(lines) != 1:
        return f"{where}: {lines}"
    if strays and not call.startswith("unlink"):
        return f"{where}: exit {p.returncode}, but left {strays}"
    return None
for call, i, options in plan():
    start()
    trouble = check(call, i, strace(*options))
    runs += 1
    if trouble:
        failures.append(trouble)
start()
os.remove("b.orc")
print(f"{runs} runs: {dict(outcome)}")
for line in failures[:40]:
    print("-", line)
if not runs:
    sys.exit("nothing was walked")
if mode == "kill" and (not outcome["old"] or not outcome["new"]):
    sys.exit("the walk saw only one of the two files")
sys.exit(bool(failures))
PY
}

@test "killed in front of any system call: the bundle is the old one or the new one" {
    begin
    TRACE=$BATS_TEST_TMPDIR/trace walk kill
}

@test "killed in front of any system call with -o: the output is whole or absent" {
    begin
    TRACE=$BATS_TEST_TMPDIR/trace walk kill -o
}

@test "a full disk: the bundle stays, and nothing is left behind" {
    begin
    TRACE=$BATS_TEST_TMPDIR/trace walk write:ENOSPC,pwrite64:ENOSPC,writev:ENOSPC,copy_file_range:ENOSPC,sendfile:ENOSPC,fallocate:ENOSPC,ftruncate:ENOSPC
}

@test "a disk quota and an I/O error while writing: the bundle stays" {
    begin
    TRACE=$BATS_TEST_TMPDIR/trace walk write:EIO,pwrite64:EIO,fsync:EIO,fdatasync:EIO,close:EIO
}

@test "a rename, a seek, a mode or an owner that fails: the bundle stays" {
    begin
    TRACE=$BATS_TEST_TMPDIR/trace walk rename:EIO,renameat:EIO,renameat2:EIO,lseek:EIO,fchmod:EPERM,fchown:EIO,linkat:EIO,unlink:EIO,unlinkat:EIO
}

@test "an input that cannot be read to its end: the bundle stays" {
    begin
    TRACE=$BATS_TEST_TMPDIR/trace walk pread64:EIO,read:EIO
}

@test "a limit on the size of files: the bundle stays" {
    begin
    cp "$OLD" b.orc
    status=0
    (ulimit -f 64 && exec "$ENSIGN" set-sig b.orc "$CSS") >/dev/null 2>&1 || status=$?
    [ "$status" -eq 74 ] || fail "exit $status"
    same b.orc "$OLD"
    [ "$(find . -mindepth 1 | sort)" = ./b.orc ]
}

@test "two at once on one bundle: one signature or the other, whole" {
    begin
    sigstruct two.css two "$MRENCLAVE"
    cp "$OLD" a.orc
    "$ENSIGN" set-sig a.orc two.css 2>/dev/null
    for _ in 1 2 3 4 5; do
        cp "$OLD" b.orc
        "$ENSIGN" set-sig b.orc "$CSS" 2>/dev/null &
        first=$!
        "$ENSIGN" set-sig b.orc two.css 2>/dev/null &
        second=$!
        wait "$first" || true
        wait "$second" || true
        cmp -s b.orc "$NEW" || cmp b.orc a.orc
        files a.orc b.orc two.css
    done
}
