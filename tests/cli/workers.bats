#!/usr/bin/env bats
# resign's workers: hostile files are read in processes that have no token, no terminal and no descriptor but their
# own. One that is taken over, dies, hangs or lies fails its own file, and the run goes on.

load helpers
load containers

CAPTURED=$ROOT/build/$VARIANT/tests/cli/ensign-captured

fixtures() {
    token ensign
    test_key one one.pem
    import one.pem release 01
    bundle unsigned.orc
    "$ENSIGN" gen-sign-data --date 20240229 -v 7 -o want.signdata -q unsigned.orc
    openssl dgst -sha256 -sign one.pem -out want.sig want.signdata
    "$ENSIGN" set-sig --sign-data want.signdata -q -o want.orc unsigned.orc want.sig one.pem.pub
}

# The sanitizers' variants have no wall.
need_wall() {
    case $VARIANT in
    asan | valgrind | cov | fuzz) skip "the variant $VARIANT has no wall" ;;
    esac
}

# files NAME...: bundles that wait for their signature, ALL in order.
files() {
    local f
    for f in "$@"; do cp "$BATS_FILE_TMPDIR/unsigned.orc" "$f"; done
    ALL=("$@")
    WANT=$BATS_FILE_TMPDIR/want.orc
    need_fault
}

# resign ARG...: with workers that can be taken over.
resign() {
    : >"$FAULT_LOG"
    ENSIGN=$CAPTURED ens resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes \
        --date 20240229 -v 7 "$@"
}

# only_failed NAME REGEX: one line names the file and says why; it is as it was, and all others are signed.
only_failed() {
    local f
    [ "$(grep '^ensign: ' "$ERR" | grep -vc ' DEBUG is not enforced: ')" -eq 1 ] || fail "$(cat "$ERR")"
    grep -Eq "^ensign: $1: $2" "$ERR" || fail "$(cat "$ERR")"
    not grep -q 'reached it' "$ERR"
    for f in "${ALL[@]}"; do
        if [ "$f" = "${1##* }" ]; then same "$f" "$BATS_FILE_TMPDIR/unsigned.orc"; else same "$f" "$WANT"; fi
    done
    [ -z "$(find . -name '.ensign-*')" ] || fail "left: $(find . -name '.ensign-*')"
    called C_CloseSession "$(calls C_OpenSession)"
    [ ! -e ../elsewhere ]
}

# below PID: the processes below it but the token's, a line each: the one that forks, and the workers.
below() {
    local child
    cat /proc/"$1"/task/*/children 2>/dev/null | tr ' ' '\n' | while read -r child; do
        [[ $(readlink "/proc/$child/exe") != */ensign-token ]] || continue
        echo "$child"
        below "$child"
    done
}

# while_it FUNCTION ARG...: runs resign with ARG..., and FUNCTION with its process number beside it.
while_it() {
    local beside=$1
    shift
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    status=0
    : >"$FAULT_LOG"
    "${PROGRAM:-$CAPTURED}" resign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes \
        --date 20240229 -v 7 "$@" </dev/null >"$OUT" 2>"$ERR" &
    local pid=$!
    "$beside" "$pid"
    wait "$pid" || status=$?
}

# ---- what ends, hangs or lies ----

# A sanitizer turns a crash into an exit status.
CRASHED='was ended by signal 11 \(SEGV\)'
[ "$VARIANT" != asan ] || CRASHED='ended with status 1'

@test "a worker that crashes, ends or hangs fails its own file, whether others share it or not" {
    for jobs in 1 3; do
        for deed in crash exit hang latecrash latehang; do
            rm -rf ./*
            files f1.orc f2.orc "f3.$deed.orc" f4.orc f5.orc
            resign --jobs "$jobs" "${ALL[@]}"
            exits 70
            case $deed in
            *crash) only_failed "f3.$deed.orc" "the process that was at it $CRASHED: leave" ;;
            exit) only_failed "f3.$deed.orc" 'the process that was at it ended with status 0: leave' ;;
            *hang) only_failed "f3.$deed.orc" 'the process that was at it took more than 6 s: leave' ;;
            esac
            case $deed in late*) called C_Sign 5 ;; *) called C_Sign 4 ;; esac
        done
    done
}

@test "more files that crash than there are workers: the others are signed" {
    files a.crash.orc b.crash.orc c.crash.orc d.crash.orc e.orc
    resign --jobs 2 "${ALL[@]}"
    exits 70
    [ "$(grep -cE "$CRASHED" "$ERR")" -eq 4 ]
    same e.orc "$WANT"
    called C_Sign 1
}

kill_the_one_that_hangs() {
    local tree
    for _ in {1..1500}; do
        [ ! -e hung ] || break
        sleep 0.02
    done
    mapfile -t tree < <(below "$1")
    [ "${#tree[@]}" -eq 2 ] || fail "${tree[*]}"
    kill -KILL "${tree[1]}"
}

@test "a worker that is killed while it reads a file, or writes it" {
    for deed in hang latehang; do
        rm -rf ./*
        files f1.orc "f2.$deed.orc" f3.orc
        while_it kill_the_one_that_hangs --jobs 1 "${ALL[@]}"
        exits 70
        rm hung
        only_failed "f2.$deed.orc" 'the process that was at it was ended by signal 9 \(KILL\): leave'
    done
}

@test "a worker that lies about fields, files and messages signs nothing" {
    for deed in field file type short long none twice; do
        rm -rf ./*
        files f1.orc "f2.$deed.orc" f3.orc
        resign --jobs 1 --json "${ALL[@]}"
        exits 70
        only_failed "f2.$deed.orc" 'the process that was at it said what cannot be: leave'
        called C_Sign 2
    done
}

@test "what a worker calls MRENCLAVE is what is told and signed, and does not get into the file" {
    files f1.orc f2.hash.orc
    resign --jobs 1 --json --transcript ../t "${ALL[@]}"
    exits 65
    [ "$("$PYTHON" -c '
import json, sys
a, b = [json.loads(line)["mrenclave"] for line in list(open(sys.argv[1]))[:2]]
print(bin(int(a, 16) ^ int(b, 16)).count("1"))' "$OUT")" -eq 1 ]
    only_failed "SIGSTRUCT for f2.hash.orc" ''
    digest=$(sed -n 2p "$OUT" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
    grep -q "$digest" ../t
}

@test "a worker that says another MRENCLAVE when it is asked again gets no signature" {
    files f1.orc f2.swap.orc f3.orc
    resign --jobs 1 --transcript ../t "${ALL[@]}"
    exits 65
    [ -e asked ]
    only_failed f2.swap.orc 'has changed since it was confirmed: run the command again'
    called C_Sign 2
    [ "$(sed -n 's/^result: //p' ../t | cut -d' ' -f1,2 | xargs)" = '1 written 2 not-tried 3 written' ]
    ens transcript ../t
    ok
}

@test "fields that a worker calls those of a signed file are not taken, if that signature does not verify" {
    files f1.orc f3.orc
    cp "$WANT" f2.before.orc
    resign --jobs 1 "${ALL[@]}" f2.before.orc
    exits 70
    says 'f2\.before\.orc: the process that was at it said what cannot be: leave'
    called C_Sign 2
}

# ---- what it cannot reach ----

@test "a worker that was taken over opens no other file, no terminal, and makes nothing elsewhere" {
    need_wall
    for deed in passwd terminal elsewhere; do
        rm -rf ./*
        files f1.orc "f2.$deed.orc" f3.orc
        resign --jobs 2 "${ALL[@]}"
        exits 0
        not grep -q 'reached it' "$ERR"
        [ ! -e ../elsewhere ]
        for f in "${ALL[@]}"; do same "$f" "$WANT"; done
    done
}

@test "a worker that was taken over connects, starts and signals nothing: the call ends it" {
    need_wall
    for deed in connect exec fork kill; do
        rm -rf ./*
        files f1.orc "f2.$deed.orc" f3.orc
        resign --jobs 2 "${ALL[@]}"
        exits 70
        grep -Eq '^worker: ensign: system call [0-9]+: is forbidden' "$ERR" || fail "$(cat "$ERR")"
        only_failed "f2.$deed.orc" 'the process that was at it ended with status 70: leave'
    done
}

# Of each worker, while the token signs: its descriptors, its terminal, its filter.
look_at_workers() {
    local tree worker fd where
    for _ in {1..1500}; do
        [ "$(calls C_Sign)" -eq 0 ] || break
        sleep 0.02
    done
    for _ in {1..1500}; do
        mapfile -t tree < <(below "$1")
        [ "${#tree[@]}" -lt 3 ] || break
        sleep 0.02
    done
    for worker in "${tree[@]:1}"; do
        # It stands before the first file is asked for; one may just be there.
        for _ in {1..1500}; do
            ! grep -Eq '^Seccomp:.*2$' "/proc/$worker/status" || break
            sleep 0.02
        done
        # It serves many files: its time is limited for each of them, by the process that asks.
        grep -Eq '^Max cpu time +unlimited' "/proc/$worker/limits" || echo "$worker ends after some files"
        grep -Eq '^NoNewPrivs:.*1$' "/proc/$worker/status" && grep -Eq '^Seccomp:.*2$' "/proc/$worker/status" ||
            echo "$worker has no wall"
        # Field 7 of stat: the controlling terminal.
        [ "$(sed 's/.*) //' "/proc/$worker/stat" | cut -d' ' -f5)" -eq 0 ] || echo "$worker has a terminal"
        for fd in "/proc/$worker/fd"/*; do
            # A file may be closed meanwhile.
            where=$(readlink "$fd") || continue
            case ${fd##*/}:$where in
            0:/dev/null | 1:/dev/null | 2:pipe:* | 3:socket:*) ;;
            *":$PWD/"f?.orc | *":$PWD" | *":$PWD/.ensign-"*) ;;
            *) echo "$worker has ${fd##*/}: $where" ;;
            esac
        done
        echo looked
    done >"$BATS_TEST_TMPDIR/seen" 2>&1
}

@test "a worker has no descriptor but /dev/null, a pipe, its socket and its files; no terminal, a filter" {
    need_wall
    files f1.orc f2.orc f3.orc f4.orc
    # Of the test's own descriptors none gets there either, nor the transcript.
    exec 8<"$BATS_FILE_TMPDIR/pin"
    PROGRAM=$ENSIGN ENSIGN_FAULT=delay=400 while_it look_at_workers --jobs 2 --transcript ../t "${ALL[@]}"
    exec 8<&-
    exits 0
    [ "$(sort -u "$BATS_TEST_TMPDIR/seen")" = looked ] || fail "$(cat "$BATS_TEST_TMPDIR/seen")"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/seen")" -eq 2 ]
}

@test "no file is opened by the process that has the token: strace" {
    command -v strace >/dev/null || skip "strace is not installed"
    files f1.orc f2.orc f3.orc
    local trace=$BATS_TEST_TMPDIR/trace
    # A leak check cannot run under strace.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 \
        strace -f -qq -o "$trace" -e trace=openat,clone,clone3,fork,vfork,execve "$ENSIGN" resign --key "$RELEASE" \
        --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --date 20240229 -v 7 --jobs 2 "${ALL[@]}" \
        >/dev/null 2>&1
    for f in "${ALL[@]}"; do same "$f" "$WANT"; done
    "$PYTHON" - "$trace" <<'PY'
import re, sys
process = {}                            # of each thread
calls = []
unfinished = {}
for line in open(sys.argv[1]):
    tid, call = line.split(None, 1)
    if "<unfinished" in call:
        unfinished[tid] = call.split(" <unfinished")[0]
        continue
    m = re.match(r"<\.\.\. \w+ resumed>(.*)", call)
    if m:
        call = unfinished.pop(tid) + m.group(1)
    calls.append((tid, call))
parent = {}
for tid, call in calls:
    process.setdefault(tid, tid)
    m = re.match(r"(clone3?|v?fork)\(.*= (\d+)", call)
    if m:
        process[m.group(2)] = process[tid] if "CLONE_THREAD" in call else m.group(2)
        if process[m.group(2)] != process[tid]:
            parent[m.group(2)] = process[tid]
main = calls[0][0]
opens = [(process.get(tid, tid), call) for tid, call in calls if call.startswith("openat(")]
token = {p for p, call in opens if re.search(r'libsofthsm2\.so|softhsm2\.conf|/tokens/', call)} | {main}
readers = {p for p, call in opens if re.search(r'f\d\.orc"', call) and "O_PATH" not in call}
terminals = {p for p, call in opens if "/dev/tty" in call}
assert token and readers and not token & readers, (token, readers)
assert not readers & terminals
# They were there before the token was: no reader descends from who opened it after that.
first = min(i for i, (tid, call) in enumerate(calls) if re.match(r"openat\(.*libsofthsm2\.so", call) and "O_PATH" not in call)
forker = {parent[p] for p in readers}
assert len(forker) == 1 and main not in forker, forker
born = next(i for i, (tid, call) in enumerate(calls) if re.match(r"(clone3?|v?fork)\(.*= %s\b" % min(forker), call))
assert born < first
PY
}

# ---- many ----

@test "eight workers and 1,000 files: memory and descriptors stay as they are after a hundred" {
    case $VARIANT in asan | valgrind) skip "a sanitizer's memory is not the program's" ;; esac
    files f1.orc
    mkdir in out
    for n in {1..1000}; do ln f1.orc "in/b$n.orc"; done
    "$PYTHON" - "$ENSIGN" resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes -q \
        --date 20240229 -v 7 --jobs 8 --out-dir out in/*.orc <<'PY'
import glob, os, subprocess, sys, time

def below(pid):
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            for child in open(path).read().split():
                if not os.readlink(f"/proc/{child}/exe").endswith("/ensign-token"):
                    yield child
                    yield from below(child)
        except OSError:
            pass

def look(pid):
    with open(f"/proc/{pid}/status") as f:
        size = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    return size, len(os.listdir(f"/proc/{pid}/fd"))

run = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
early, late, most, done = {}, {}, 0, 0
while run.poll() is None:
    done = len(os.listdir("out"))
    for pid in list(below(run.pid))[1:]:
        try:
            size, fds = look(pid)
        except (OSError, StopIteration):
            continue
        late[pid], most = size, max(most, fds)
        if done <= 100:
            early[pid] = size
    time.sleep(0.02)
assert run.wait() == 0
assert len(late) == 8 and early, (early, late)
# What 128 open files take at most is there early; what each file leaves behind would add up.
assert max(late.values()) < max(early.values()) + 2048, (early, late)
assert most <= 4 + 4 * 128, most
PY
    [ "$(find out -name '*.orc' | wc -l)" -eq 1000 ]
    [ "$(sha256sum out/*.orc | cut -d' ' -f1 | sort -u)" = "$(sha256 "$WANT")" ]
}
