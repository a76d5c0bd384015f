#!/usr/bin/env bats
# The room around the work: what an audit of ensign found, a test for each kind. The tests of a row have its name
# in theirs ("A4: ..."), here or in the file of the command that it is about:
#
#   A1  nothing of a URI's query is said or recorded          tokens.bats, record.bats
#   A2  two people are two people                             check.bats, policy.bats, approve.bats
#   A3  what is shown drives no terminal                      screens.bats, checks.bats
#   A4  descriptors 0 to 2                                    here, record.bats
#   A5  an intent before C_Sign, its outcome after it         record.bats, transcript.bats
#   A6  policy and people are read once                       policy.bats
#   A7  what was checked is what is written                   here, tests/unit/test_deliver.c
#   A8  what is not measured is said                          judge.bats
#   A9  what is typed ahead answers nothing                   screens.bats
#   A10 the environment does not decide                       here, approve.bats, tests/unit/test_base_ossl.c
#   A11 other users hold nothing up                           here, record.bats, tests/unit/test_base_lock.c
#   A12 links of others are not followed                      here, tests/unit/test_base_path.c
#   A13 a policy fails closed and reaches every field         policy.bats
#   A14 an approval is for one key, ends, and may be a no     check.bats, approve.bats
#   A15 nothing blocks in open; work is bounded               here (open), judge.bats (work)
#   A16 the token that was selected gets the PIN              tokens.bats
#   B1 to B5  the moment of yes                               screens.bats, approve.bats, check.bats
#   B6  JSON and exit status after a failure                  operands.bats
#   B7  keygen, pubkey and resign leave a record              record.bats
#   B8  operands that are something else                      operands.bats, check.bats, tokens.bats
#   C2 to C6  tokens                                          tokens.bats
#   C7  file systems that lack something                      here

load helpers

fixtures() {
    signing_host
    enclave own-copy.sgxs
    bundle good.orc
    "$ENSIGN" gen-sign-data -q --date 20260101 --forbid-debug -o good.signdata own-copy.sgxs 2>/dev/null
    pem_sign one.pem good.signdata expected.sig
    sigstruct good.css one "$MRENCLAVE"
}

begin() {
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    EXPECTED=$BATS_FILE_TMPDIR/expected.sig
    PUB=$BATS_FILE_TMPDIR/one.pem.pub
    # shellcheck disable=SC2034
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
}

# traced OPTION... -- ARG...: ensign under strace, where calls fail as the options say.
traced() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    command -v strace >/dev/null || fail "strace is not installed"
    [ "$VARIANT" != asan ] || export ASAN_OPTIONS=detect_leaks=0
    # shellcheck disable=SC2034  # helpers.bash compares with it
    before=$(picture)
    status=0
    setsid --wait timeout -k 5 60 strace -f -qq -o "$BATS_TEST_TMPDIR/trace" "${options[@]}" "$ENSIGN" "$@" \
        </dev/null >"$OUT" 2>"$ERR" || status=$?
    tell "$@"
}

# need_root: tests with files of other users.
need_root() {
    [ "$(id -u)" = 0 ] || skip "root only: files of other users cannot be made"
}

# ---- A4: descriptors 0 to 2 ----

# closed ARG...: sign with a transcript, under whatever redirections the caller gave.
closed() {
    status=0
    setsid --wait timeout -k 5 60 "$ENSIGN" sign --key "$RELEASE" --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --transcript t "$@" s.signdata || status=$?
}

# whole: the transcript holds together, and neither review nor signature is in it.
whole() {
    ens transcript t
    ok
    not grep -qaE 'MRENCLAVE +[0-9a-f]{8} ' t
    not grep -qaF "$(head -c 40 "$EXPECTED" | tr -d '\0\n')" t
}

@test "A4: stdin is closed: the signature is made, the transcript is whole" {
    begin
    closed -o x.sig <&- >"$OUT" 2>"$ERR"
    exits 0
    same x.sig "$EXPECTED"
    whole
}

@test "A4: stderr is closed: the signature is made, the review goes nowhere" {
    begin
    closed -o x.sig </dev/null >"$OUT" 2>&-
    exits 0
    same x.sig "$EXPECTED"
    whole
}

@test "A4: stdout is closed: a result that goes there is refused before a PIN is asked for, 74" {
    begin
    # The module behind it is ENSIGN_FAULT_MODULE, see helpers.bash.
    SOFTHSM=$FAULT closed </dev/null 2>"$ERR" >&-
    exits 74
    grep -q '^ensign: stdout: is closed' "$ERR"
    called C_Login 0
    # One that goes elsewhere is none of its business.
    rm -f t
    closed -o x.sig </dev/null 2>"$ERR" >&-
    exits 0
    same x.sig "$EXPECTED"
    whole
    # Open, but not for writing, is closed for a result.
    closed </dev/null 2>"$ERR" 1</dev/null
    exits 74
}

@test "A4: stdout is closed: every command that has a result says so" {
    local args
    begin
    cp "$BATS_FILE_TMPDIR/good.orc" b.orc
    enclave e.sgxs
    for args in 'show s.signdata' 'show --json s.signdata' 'gen-sign-data e.sgxs' 'verify b.orc' '--version' help \
        'compare e.sgxs e.sgxs' 'sgx-gen-sign-data e.sgxs' "set-sig -o - b.orc $BATS_FILE_TMPDIR/good.css"; do
        status=0
        # shellcheck disable=SC2086
        "$ENSIGN" $args </dev/null 2>"$ERR" >&- || status=$?
        [ "$status" = 74 ] || fail "$args: $status" "$(cat "$ERR")"
    done
}

@test "A4: all three are closed" {
    begin
    closed -o x.sig <&- >&- 2>&-
    exits 0
    same x.sig "$EXPECTED"
    whole
}

# ---- A11: nobody else can hold ensign up ----

# race SECONDS: takes the lock of every temporary file that appears in d, as another user where this is root.
race() {
    local as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --clear-groups)
    "${as[@]}" "$PYTHON" - "$1" >"$BATS_TEST_TMPDIR/race" 3>&- <<'PY' &
import ctypes, fcntl, os, select, struct, sys, time
libc = ctypes.CDLL("libc.so.6", use_errno=True)
watch = libc.inotify_init1(0)
assert libc.inotify_add_watch(watch, b"d", 0x100) >= 0  # IN_CREATE
print("ready", flush=True)
end = time.time() + float(sys.argv[1])
while time.time() < end:
    if not select.select([watch], [], [], 0.1)[0]:
        continue
    data = os.read(watch, 4096)
    at = 0
    while at < len(data):
        size, = struct.unpack_from("I", data, at + 12)
        name = data[at + 16:at + 16 + size].rstrip(b"\0").decode()
        at += 16 + size
        try:
            fd = os.open("d/" + name, os.O_RDONLY)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            print("holding", name, flush=True)
            time.sleep(max(0, end - time.time()))
        except OSError as e:
            print("lost", e, flush=True)
PY
    RACER=$!
    until grep -q ready "$BATS_TEST_TMPDIR/race"; do
        kill -0 "$RACER" || fail "the racer ended"
        sleep 0.05
    done
}

@test "A11: another user cannot take the lock of a temporary file" {
    begin
    need_root
    # Others can reach it, and see what is made in it.
    PLACE=$(mktemp -d /tmp/ensign-a11-XXXXXX)
    chmod 755 "$PLACE"
    cp s.signdata "$PLACE/"
    enclave "$PLACE/e.sgxs"
    cd "$PLACE"
    mkdir d
    race 600
    for _ in 1 2 3 4 5 6 7 8; do
        ens gen-sign-data --force --date 20260101 -o d/out e.sgxs
        ok
        mode_is d/out 644
    done
    kill "$RACER"
    wait "$RACER" || true
    not grep -q holding "$BATS_TEST_TMPDIR/race"
    cd /
    rm -rf "$PLACE"
}

@test "A11: a temporary file is private from the first call on" {
    begin
    enclave e.sgxs
    umask 000
    traced -e trace=openat -- gen-sign-data --date 20260101 -o out e.sgxs
    ok
    mode_is out 666
    [ "$(grep -c '"\.ensign-.*O_CREAT' "$BATS_TEST_TMPDIR/trace")" -eq "$(grep -c '"\.ensign-.*, 0600)' "$BATS_TEST_TMPDIR/trace")" ]
    grep -q '"\.ensign-.*, 0600)' "$BATS_TEST_TMPDIR/trace"
    umask 022
}

# ---- A12: links of others ----

@test "A12: a link of another user in a sticky directory is not followed, neither for an output nor for an input" {
    local place=$BATS_TEST_TMPDIR/work/tmp
    begin
    need_root
    enclave e.sgxs
    mkdir "$place" real
    chmod 1777 "$place"
    echo precious >real/victim
    ln -s ../real/victim "$place/out"
    ln -s ../real "$place/dir"
    ln -s ../s.signdata "$place/in"
    ln -s ../e.sgxs "$place/e"
    chown -h 12345 "$place"/*
    for out in tmp/out tmp/dir/out "$place/out" tmp/../tmp/out tmp/dir/../real/victim; do
        ens gen-sign-data --force --date 20260101 -o "$out" e.sgxs
        refused 73 "${out##*/}: a symbolic link of user 12345"
    done
    ens show tmp/in
    refused 66 'tmp/in: a symbolic link of user 12345'
    ens gen-sign-data -o o tmp/e
    refused 66 'tmp/e: a symbolic link'
    ens set-sig --force -o tmp/out "$BATS_FILE_TMPDIR/good.orc" "$BATS_FILE_TMPDIR/good.css"
    refused 73 'tmp/out: a symbolic link'
    sign --policy tmp/in -o x s.signdata
    refused 66 'tmp/in: (open: )?a symbolic link'
    sign --pubkey tmp/out --force -o x s.signdata
    refused 73 'tmp/out: a symbolic link'
    sign --pin-source file:tmp/in -o x s.signdata
    refused 66 'tmp/in: (open: )?a symbolic link'
    sign --transcript tmp/out -o x s.signdata
    refused 73 'tmp/out: a symbolic link'
    ens transcript tmp/in
    refused 66 'tmp/in: (open: )?a symbolic link'
    # One's own, and one of the directory's owner, are followed.
    chown -h 0 "$place"/*
    ens show tmp/in
    ok
    chown 12345 "$place"
    chown -h 12345 "$place/in" "$place/out"
    ens show tmp/in
    ok
    ens gen-sign-data --force --date 20260101 -o tmp/out e.sgxs
    ok
    size_is real/victim 256
}

# ---- A15: no operand blocks ----

# blocked CODES COMMAND...: ends at once with one of the codes, although "fifo" has no writer.
blocked() {
    local codes=$1
    shift
    ens "$@"
    [[ " $codes " = *" $status "* ]] || fail "$*: exit status $status, must be one of $codes"
    [ -n "$(errors)" ] || fail "no error line"
}

@test "A15: a named pipe as an operand, or as an option's file, ends at once" {
    local k=(--key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes)
    begin
    mkfifo fifo
    enclave e.sgxs
    cp "$BATS_FILE_TMPDIR/good.orc" b.orc
    cp "$BATS_FILE_TMPDIR/good.css" s.css
    cp "$EXPECTED" s.sig
    printf '\177ELF' >a.elf
    echo 'policy 1' >policy
    ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/alice"
    for command in show verify extract 'verify --json' transcript gen-sign-data sgx-gen-sign-data; do
        # shellcheck disable=SC2086
        blocked '65 66' $command fifo
    done
    blocked '65 66' compare fifo e.sgxs
    blocked '65 66' compare e.sgxs fifo
    blocked '65 66' gen-sign-data --from fifo -o o e.sgxs
    blocked '65 66' set-sig fifo s.css
    blocked '65 66' set-sig b.orc fifo
    blocked '65 66' set-sig b.orc s.sig fifo
    blocked '65 66' set-sig --sign-data fifo b.orc s.sig "$PUB"
    blocked '65 66' verify --pubkey fifo b.orc
    blocked '65 66' verify --policy fifo b.orc
    blocked '65 66' init --runtime-name n --runtime-version 1.0.0 -o n.orc \
        --runtime-id 0000000000000000000000000000000000000000000000000000000000000000 fifo
    blocked '65 66' init --runtime-name n --runtime-version 1.0.0 -o n.orc --sgx-executable fifo \
        --runtime-id 0000000000000000000000000000000000000000000000000000000000000000 a.elf
    blocked '65 66' component-add fifo rofl.name a.elf
    blocked '65 66' component-add b.orc rofl.name fifo
    blocked '65 66' component-add --sgx-executable fifo b.orc rofl.name a.elf
    blocked '65 66' component-add --sgx-executable e.sgxs --sgx-signature fifo b.orc rofl.name a.elf
    blocked '65 66' sign "${k[@]}" -o o fifo
    blocked '65 66' sign "${k[@]}" --policy fifo -o o s.signdata
    blocked '65 66' sign "${k[@]}" --pin-source file:fifo -o o s.signdata
    blocked '69' sign "${k[@]}" --module "$PWD/fifo" -o o s.signdata
    blocked '65 73' sign "${k[@]}" --transcript fifo -o o s.signdata
    blocked '73' sign "${k[@]}" --force -o fifo s.signdata
    blocked '65 66' resign "${k[@]}" fifo
    blocked '65 66' approve --yes --pubkey "$PUB" --ssh-key fifo -o o s.signdata
    blocked '65 66' approve --yes --pubkey "$PUB" --ssh-key "$BATS_TEST_TMPDIR/alice" -o o fifo
    blocked '65 66' approve --yes --pubkey "$PUB" --ssh-key "$BATS_TEST_TMPDIR/alice" --rebuilt fifo -o o s.signdata
}

@test "A15: a pipe that the shell opened is read as ever" {
    begin
    ens show <(cat s.signdata)
    ok
    prints "$(head -c 8 <<<"$MRENCLAVE")"
    STDIN=<(sleep 0.3; cat s.signdata) ens show /dev/stdin
    ok
    STDIN=s.signdata ens show /dev/stdin
    ok
}

# ---- C7: file systems that lack something ----

@test "C7: neither renaming that keeps what is there nor hard links: said, with the remedy" {
    begin
    enclave e.sgxs
    for reason in EINVAL ENOSYS EOPNOTSUPP; do
        rm -f o
        # Hard links do as well.
        traced -e "inject=renameat2:error=$reason" -- gen-sign-data --date 20260101 -o o e.sgxs
        ok
        size_is o 256
        rm o
        for link in EPERM ENOSYS EOPNOTSUPP; do
            traced -e "inject=renameat2:error=$reason" -e "inject=linkat:error=$link" -- \
                gen-sign-data --date 20260101 -o o e.sgxs
            refused 73 '^ensign: o: its file system' 'nothing was put in place' -- '--force'
        done
    done
}

@test "C7: a directory that cannot be flushed is taken as it is; one that fails is said, with what is in place" {
    begin
    enclave e.sgxs
    # The second fsync is the directory's.
    for reason in EINVAL ENOSYS EBADF; do
        rm -f o
        traced -e "inject=fsync:error=$reason:when=2" -- gen-sign-data --date 20260101 -o o e.sgxs
        ok
        size_is o 256
    done
    rm o
    traced -e inject=fsync:error=EIO:when=2 -- gen-sign-data --date 20260101 -o o e.sgxs
    exits 74
    grep -Eq '^ensign: o: is in place, but its directory' "$ERR"
    size_is o 256
    rm o
    traced -e inject=fsync:error=EINVAL:when=1 -- gen-sign-data --date 20260101 -o o e.sgxs
    refused 74 'o: its file system cannot flush' 'nothing was put in place'
}

@test "C7: a file system that has one mode for all files" {
    begin
    enclave e.sgxs
    traced -e inject=fchmod:error=EPERM -- gen-sign-data --date 20260101 -o o e.sgxs
    ok
    size_is o 256
    traced -e inject=flock:error=ENOLCK -- gen-sign-data --force --date 20260101 -o o e.sgxs
    ok
}

# ---- A10: the environment does not decide ----

# hostile: variables that lead OpenSSL to code of others; that it ran is seen by the file "$RAN".
hostile() {
    RAN=$BATS_TEST_TMPDIR/ran
    cat >"$BATS_TEST_TMPDIR/evil.c" <<C
#include <fcntl.h>
__attribute__((constructor)) static void run(void) { open("$RAN", O_CREAT | O_WRONLY, 0600); }
int OSSL_provider_init(void *a, void *b, void **c, void **d) { (void)a; (void)b; (void)c; (void)d; return 0; }
int gconv(void) { return 0; }
C
    mkdir -p "$BATS_TEST_TMPDIR/evil"
    cc -w -shared -fPIC -o "$BATS_TEST_TMPDIR/evil/evil.so" "$BATS_TEST_TMPDIR/evil.c"
    for name in default legacy fips base rdrand padlock; do
        cp "$BATS_TEST_TMPDIR/evil/evil.so" "$BATS_TEST_TMPDIR/evil/$name.so"
    done
    printf '%s\n' 'openssl_conf = i' '[i]' 'providers = p' 'engines = g' '[p]' 'evil = e' '[e]' \
        "module = $BATS_TEST_TMPDIR/evil/evil.so" 'activate = 1' '[g]' 'evil = h' '[h]' \
        "dynamic_path = $BATS_TEST_TMPDIR/evil/evil.so" 'init = 1' >"$BATS_TEST_TMPDIR/evil.cnf"
    export OPENSSL_CONF=$BATS_TEST_TMPDIR/evil.cnf OPENSSL_MODULES=$BATS_TEST_TMPDIR/evil \
        OPENSSL_ENGINES=$BATS_TEST_TMPDIR/evil GCONV_PATH=$BATS_TEST_TMPDIR/evil
}

# untouched: no configuration was read, and no code of others ran.
untouched() {
    not grep -E 'openssl\.cnf|evil' "$BATS_TEST_TMPDIR/trace"
    [ ! -e "$RAN" ] || fail "code of others ran"
}

@test "A10: what the environment names for OpenSSL is neither read nor run, by any command" {
    local k=(--module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin") args
    begin
    enclave e.sgxs
    cp "$BATS_FILE_TMPDIR/good.orc" b.orc
    cp "$BATS_FILE_TMPDIR/good.css" s.css
    cp "$EXPECTED" s.sig
    hostile
    # The trap works: openssl itself runs into it.
    openssl version -d >/dev/null 2>&1 || true
    openssl dgst -sha256 s.signdata >/dev/null 2>&1 || true
    [ -e "$RAN" ] || fail "the configuration does not lead openssl to the code"
    rm "$RAN"
    for args in 'show s.signdata' 'gen-sign-data e.sgxs' 'verify s.css' 'set-sig b.orc s.css' \
        "set-sig --to x.css e.sgxs s.css" 'extract s.css' 'compare e.sgxs b.orc' "show $PUB" \
        'set-sig --ephemeral-key --to y.css --date 20260101 e.sgxs'; do
        # shellcheck disable=SC2086
        traced -e trace=openat,open,stat,access,execve -- $args
        exits 0
        untouched
    done
    traced -e trace=openat,open,stat,access -- sign --key "$RELEASE" "${k[@]}" --yes -o x.sig s.signdata
    exits 0
    same x.sig "$EXPECTED"
    untouched
    traced -e trace=openat,open,stat,access -- keygen --token pkcs11:token=ensign --label a10 "${k[@]}" --pubkey a10.pem
    exits 0
    untouched
    traced -e trace=openat,open,stat,access -- pubkey --key "$RELEASE" --x509 "${k[@]}" -o a10.crt
    exits 0
    untouched
    traced -e trace=openat,open,stat,access -- resign --key "$RELEASE" "${k[@]}" --yes b.orc
    exits 0
    untouched
}

@test "A10: a module still finds its own variables, and no foreign ones of OpenSSL and glibc" {
    begin
    cat >"$BATS_TEST_TMPDIR/look.c" <<C
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
extern char **environ;
int C_GetFunctionList(void *list)
{
    int fd = open("$BATS_TEST_TMPDIR/seen", O_CREAT | O_WRONLY | O_TRUNC, 0600);
    (void)list;
    for (char **e = environ; *e; e++)
        dprintf(fd, "%s\n", *e);
    return 5;
}
C
    cc -w -shared -fPIC -o "$BATS_TEST_TMPDIR/look.so" "$BATS_TEST_TMPDIR/look.c"
    OPENSSL_CONF=/x OPENSSL_MODULES=/x GCONV_PATH=/x LOCPATH=/x GLIBC_TUNABLES=x=y TZDIR=/x \
        VENDOR_CONFIG=/kept OPENSSLX=kept ens pubkey --key "$RELEASE" --module "$BATS_TEST_TMPDIR/look.so" -o x
    [ "$status" != 0 ]
    grep -q '^VENDOR_CONFIG=/kept$' "$BATS_TEST_TMPDIR/seen"
    grep -q '^OPENSSLX=kept$' "$BATS_TEST_TMPDIR/seen"
    grep -q '^SOFTHSM2_CONF=' "$BATS_TEST_TMPDIR/seen"
    not grep -E '^(OPENSSL_|GCONV_PATH|LOCPATH|GLIBC_TUNABLES|TZDIR)' "$BATS_TEST_TMPDIR/seen"
}

# ---- A7: what was checked is what is written ----

# store FILE: changes a byte in the middle through a shared mapping, which moves no time of the file.
store() {
    "$PYTHON" - "$1" <<'PY'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
times = os.fstat(fd)
m = mmap.mmap(fd, 0)
m[len(m) // 2] ^= 1
m.flush()
os.utime(fd, ns=(times.st_atime_ns, times.st_mtime_ns))
PY
}

@test "A7: what is changed through a mapping after it was checked is not written by resign" {
    begin
    head -c 600000 /dev/urandom >noise
    bundle b.orc --extra-file noise.bin=noise
    mkdir d
    # The token takes its time with the signature: what is signed was checked by then.
    ENSIGN_FAULT=delay=3000 "$ENSIGN" resign --yes --key "$RELEASE" --module "$FAULT" --date 20260101 \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --out-dir d b.orc </dev/null >"$OUT" 2>"$ERR" 3>&- &
    local pid=$! i
    for ((i = 0; i < 1200; i++)); do
        ! grep -q '^C_Sign\b' "$FAULT_LOG" || break
        sleep 0.05
    done
    store b.orc
    status=0
    wait "$pid" || status=$?
    exits 65
    grep -q 'is not what was checked' "$ERR"
    [ -z "$(ls -A d)" ]
    # Without that, it is written, and holds.
    store b.orc
    ens resign --yes --key "$RELEASE" --module "$FAULT" --date 20260101 \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" --out-dir d b.orc
    ok
    accepted bundle --written d/b.orc
}

# ---- mutants that no test saw ----

@test "PIN: no core file, and nobody of the same user looks into the process" {
    local as=() pid owner
    begin
    # For root everything belongs to root: another user then.
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    "${as[@]}" sh -c 'true' || fail "setpriv does not work here"
    PLACE=$(mktemp -d /tmp/ensign-core-XXXXXX)
    chmod 755 "$PLACE"
    cp "$ENSIGN" "$PLACE/ensign"
    chmod 755 "$PLACE/ensign"
    # Waits for its stdin.
    "${as[@]}" sh -c 'sleep 30 | exec "$1" show /dev/stdin' sh "$PLACE/ensign" 3>&- &
    local outer=$! i
    for ((i = 0; i < 400; i++)); do
        pid=$(pgrep -P "$outer" -x ensign || pgrep -x -f "$PLACE/ensign show /dev/stdin" || true)
        [ -z "$pid" ] || ! grep -q '^State:.S' "/proc/$pid/status" || break
        sleep 0.05
    done
    [ -n "$pid" ] || fail "ensign did not start"
    sleep 0.2
    owner=$(stat -c %u "/proc/$pid/mem")
    grep -q '^Max core file size  *0  *0 ' "/proc/$pid/limits"
    kill "$pid" "$outer" 2>/dev/null || true
    wait "$outer" || true
    rm -rf "$PLACE"
    # proc(5): the files of a process that is not dumpable belong to root.
    [ "$owner" = 0 ] || fail "/proc/PID/mem belongs to user $owner"
}

@test "sign: a SIGSTRUCT that is signed is not what is signed" {
    begin
    cp "$BATS_FILE_TMPDIR/good.css" s.css
    sign -o x.sig s.css
    refused 65 's\.css: is a signed SIGSTRUCT' 'extract --sign-data'
    # One byte of what is not signed is enough; without any it is taken.
    ens extract --sign-data -o s2.signdata s.css
    ok
    "$PYTHON" - <<'PY'
import sgx
data = open("s2.signdata", "rb").read()
css = bytearray(1808)
css[0:128], css[900:1028] = data[:128], data[128:]
open("unsigned.css", "wb").write(css)
css[1100] = 1
open("q1.css", "wb").write(css)
PY
    sign -o x.sig q1.css
    refused 65 'q1\.css: is a signed SIGSTRUCT'
    sign -o x.sig unsigned.css
    ok
    openssl dgst -sha256 -verify "$PUB" -signature x.sig s2.signdata
}

@test "sign --blind: an approval counts for the digest that it is over, and for no other" {
    local mrsigner
    begin
    mrsigner=$(mrsigner "$PUB")
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/alice"
    people people alice "$BATS_TEST_TMPDIR/alice.pub"
    policy p 'blind allow' 'approvals 1' 'approvers people'
    head -c 256 /dev/zero >zero.signdata
    openssl dgst -sha256 -binary zero.signdata >zero.digest
    head -c 32 /dev/zero >zeros.digest
    openssl dgst -sha256 -binary s.signdata >s.digest
    ens approve -q --yes --ssh-key "$BATS_TEST_TMPDIR/alice" --mrsigner "$mrsigner" -o a.approval s.signdata
    ok
    for digest in zero.digest zeros.digest; do
        sign --blind --policy p --approval a.approval -o x.sig "$digest"
        refused 77 'approvals'
    done
    sign --blind --policy p --approval a.approval -o x.sig s.digest
    ok
    same x.sig "$EXPECTED"
}
