#!/usr/bin/env bats
# The wall: a reader of hostile files that was taken over gets nowhere, in any command that holds no token; and a
# kernel without the wall is taken as it is.
load helpers

EVIL_DIR=$ROOT/build/$VARIANT/tests/cli
QUORUM=$ROOT/tests/vectors/quorum

# Sanitizers and coverage are built without it (Makefile): the release is tested.
need_wall() {
    case $VARIANT in
    asan | valgrind | cov | fuzz) skip "the variant $VARIANT has no wall" ;;
    esac
}

# Every command that stands behind the wall, with operands that are there; those that write come last.
readers=('show x' 'verify x' 'compare x y' 'check --policy x' 'check --policy p --approval a x' 'transcript x'
    'transcript --witnesses x --signed-head y x' 'show --json d/x' 'verify --pubkey y x' 'verify --policy p x'
    'quorum check x')
writers=('elf2sgxs -H 0 -S 0 -o out x' 'gen-sign-data -o out x' 'sgx-gen-sign-data x' 'extract -o out x' 'set-sig x y p' 'set-sig --to out x y p'
    'sgx-set-sig x y p' 'component-add x ronl y'
    'quorum combine --public x --sign-data y -o out p' 'quorum refresh --public x --card y --card p --yes --out-dir d'
    'quorum refresh --public x --card y --card p --out-dir d'
    'init -q --runtime-name n --runtime-version 1.0.0 --runtime-id 8000000000000000000000000000000000000000000000000000000000000000 x')

# evil DEED STATUS [PROGRAM] COMMAND: the command ends with this status, and has made nothing.
evil() {
    local words
    read -ra words <<<"${*:3}"
    ENSIGN=$EVIL_DIR/${PROGRAM:-ensign-evil} EVIL=$1 ens "${words[@]}"
    exits "$2"
    unchanged
    [ -e ../victim ] || fail "$1: ../victim is gone"
    [ ! -e ../elsewhere ] || fail "$1: ../elsewhere was made"
}

operands() {
    mkdir d
    touch x y p a d/x ../victim
}

# Calls that are on no list: the process ends, and one line names the call.
stopped() {
    [ "$(wc -l <"$ERR")" -eq 1 ] || fail "more than one line"
    grep -Eq '^ensign: system call [0-9]+: is forbidden' "$ERR" || fail "no line names the call"
}

@test "a reader that was taken over opens, lists and changes no other file, in any command" {
    need_wall
    operands
    for command in "${readers[@]}" "${writers[@]}"; do
        for deed in read list environ; do
            evil "$deed" 43 "$command"
        done
    done
    for command in "${readers[@]}"; do
        for deed in write remove rename overwrite; do
            evil "$deed" 70 "$command"
            stopped
        done
    done
}

@test "a writer that was taken over writes and removes nothing but beside its outputs" {
    need_wall
    operands
    for command in "${writers[@]}"; do
        # rename(2) and unlink(2) are not what file_out.c calls.
        for deed in remove rename; do
            evil "$deed" 70 "$command"
        done
        evil write 43 "$command"
    done
    # The directory of an output is open to it, an operand elsewhere is not.
    mkdir out
    evil overwrite 43 gen-sign-data -o out/s x
    evil overwrite 43 extract -o out/s x
    evil overwrite 43 set-sig --to out/s x y p
    evil overwrite 42 extract -o s x
    evil overwrite 43 quorum combine --public x --sign-data y -o out/s p
    evil overwrite 43 quorum refresh --public x --card y --card p --yes --out-dir d
}

@test "a reader that was taken over connects to nothing, starts nothing and signals nobody, in any command" {
    need_wall
    operands
    for command in "${readers[@]}" "${writers[@]}"; do
        for deed in connect socket exec fork kill ptrace code; do
            evil "$deed" 70 "$command"
            stopped
        done
    done
}

@test "the program of the signing host stands behind the wall as well" {
    need_wall
    operands
    PROGRAM=ensign-offline-evil
    for command in 'show x' 'check --policy x' 'transcript x' 'quorum check x'; do
        evil read 43 "$command"
        for deed in write connect exec kill; do
            evil "$deed" 70 "$command"
            stopped
        done
    done
}

@test "the deeds are deeds: a command without the wall lets each have its way" {
    operands
    for deed in read list environ socket exec fork kill code; do
        ENSIGN=$EVIL_DIR/ensign-evil EVIL=$deed ens sign --key "$RELEASE" --module /no/module --yes -o s x
        exits 42
    done
}

@test "a path through another process is closed behind the wall, and one line says so" {
    need_wall
    operands
    enclave e.sgxs
    for path in "/proc/$BASHPID/cwd/e.sgxs" "/proc/$BASHPID/root$PWD/e.sgxs"; do
        ens gen-sign-data -o - "$path"
        # Without Landlock it is a path like any other.
        [ "$status" -eq 0 ] || refused 66 "^ensign: $path: .*: ensign reads nothing through another process: name the file itself"
    done
    # Its own directory is no other process.
    ens gen-sign-data -o - /proc/self/cwd/e.sgxs
    ok
}

@test "a kernel without the wall, or one that refuses it, is taken as it is" {
    need_wall
    operands
    sign_data s.signdata "$MRENCLAVE"
    enclave e.sgxs
    ens show s.signdata
    ok
    cp "$OUT" with
    real=$ENSIGN
    for error in ENOSYS EPERM; do
        for deed in read connect exec; do
            status=0
            EVIL=$deed "$EVIL_DIR/refuse" $error "$EVIL_DIR/ensign-evil" show x || status=$?
            exits 42
        done
        ENSIGN=$EVIL_DIR/refuse ens $error "$real" show s.signdata
        ok
        same "$OUT" with
        [ ! -s "$ERR" ] || fail "words on stderr:" "$(cat "$ERR")"
        ENSIGN=$EVIL_DIR/refuse ens $error "$real" show --verbose s.signdata
        ok
        same "$OUT" with
        [ "$(cat "$ERR")" = 'The wall around this command lacks here: privileges, files, TCP, signals, system calls, limits.' ]
        ENSIGN=$EVIL_DIR/refuse ens $error "$real" --version --verbose
        ok
        prints '^wall: none$'
        prints '^missing: privileges, files, TCP, signals, system calls, limits$'
        prints '^Landlock: version 0$'
        ENSIGN=$EVIL_DIR/refuse ens $error "$real" gen-sign-data -q --date 20240229 -o out.signdata e.sgxs
        ok
        rm out.signdata
    done
}

@test "what stands is said; every command that help lists has its place here" {
    need_wall
    sign_data s.signdata "$MRENCLAVE"
    ens --version --verbose
    ok
    prints '^wall: privileges,.* system calls, limits$'
    ens show --verbose s.signdata
    ok
    # No word if nothing is missing, which takes Linux 6.12.
    [ "$(sed -n 's/^Landlock: version //p' <("$ENSIGN" --version --verbose))" -lt 6 ] || [ ! -s "$ERR" ]
    "$ENSIGN" help | sed -n 's/^  \([a-z0-9-]*\) .*/\1/p' >commands
    "$ENSIGN" help quorum | sed -n 's/^  \(quorum [a-z]*\) .*/\1/p' >>commands
    grep -qx 'quorum combine' commands
    while read -r command; do
        case $command in sign | approve | keygen | destroy-key | pubkey | keys | quorum | resign) continue ;; esac
        # A key, a token or a share is opened.
        case $command in *\ enroll | *\ deal | *\ sign | *\ repair | *\ restore | *\ apply | *\ destroy) continue ;; esac
        printf '%s\n' "${readers[@]}" "${writers[@]}" | grep -q "^$command " || fail "$command: is in no list above"
    done <commands
}

@test "what a command opens without its name on the command line: people files, and links in a directory of approvals" {
    unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    mkdir house room in far
    ssh-keygen -q -t ed25519 -N '' -C alice -f key
    people far/people alice key.pub
    printf 'revoked 1\nend\n' >room/gone
    policy house/p 'approvals 1' "approvers ../far/people" "revoked $PWD/room/gone"
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff
    ens approve -q --yes --ssh-key key --mrsigner "$(printf '%064d' 1)" -o far/a.approval s.signdata
    ok
    ln -s ../far/a.approval in/link.approval
    ens check --policy house/p --mrsigner "$(printf '%064d' 1)" --approval in s.signdata
    ok
    prints '^yes: '
    ens show house/p
    ok
    prints alice
    ens show - <house/p
    ens show in/link.approval
    ok
    prints 'verifies under this key'
    # Only a name in a policy opens a file.
    printf 'approvers 1\napprovers far/people\nend\n' >p
    ens show p
    refused 65 p
}

@test "descriptors and links are files as well: stdin, /dev/fd, a pipe, an output behind a link" {
    sign_data s.signdata "$MRENCLAVE"
    enclave e.sgxs
    mkdir real
    ens show s.signdata
    cp "$OUT" want
    STDIN=s.signdata ens show -
    ok
    STDIN=s.signdata ens show /dev/stdin
    ok
    "$ENSIGN" show <(cat s.signdata) >got
    [ "$(sed 1,2d got)" = "$(sed 1,2d want)" ]
    "$ENSIGN" show /proc/self/fd/7 7<s.signdata >got
    [ "$(sed 1,2d got)" = "$(sed 1,2d want)" ]
    ln -s real/out.signdata link
    ens gen-sign-data --date 20240229 -o link e.sgxs
    ok
    same real/out.signdata s.signdata
    ens show nothing
    refused 66 'nothing: .*No such file'
    ens verify nowhere/nothing
    refused 66 'nowhere/nothing: .*No such file'
    ens show real
    refused 66 'real: is a directory'
    chmod 0 s.signdata
    [ "$(id -u)" -eq 0 ] || { ens show s.signdata; refused 66 'Permission denied'; }
}

@test "nothing that a command needs is refused: no call on a bundle ends with EACCES or EPERM behind the wall" {
    need_wall
    bundle b.orc
    sign_data s.signdata "$MRENCLAVE"
    test_key one one.pem
    pem_sign one.pem s.signdata s.sig
    mkdir q d
    printf 'correct horse battery\n' >pass
    chmod 600 pass
    "$ENSIGN" quorum deal --threshold 2 --card "$QUORUM/1.card" --card "$QUORUM/2.card" --from one.pem --allow-swap --yes --quiet --out-dir q
    for i in 1 2; do
        "$ENSIGN" quorum sign --share q/$i.share --identity "$QUORUM/$i.identity" --pin-source file:pass --yes --quiet -o $i.partial s.signdata
    done
    for command in 'quorum check q/quorum.pub' 'quorum check --transcript room q/1.share' \
        'quorum combine --public q/quorum.pub --sign-data s.signdata --transcript room -o q.sig --pubkey q.pem 2.partial 1.partial' \
        "quorum refresh --public q/quorum.pub --card $QUORUM/1.card --card $QUORUM/2.card --next 2=$QUORUM/3.card --transcript room --yes --out-dir d" \
        'show b.orc' 'verify b.orc' 'compare b.orc b.orc' 'gen-sign-data -o out b.orc' 'set-sig --sign-data s.signdata b.orc s.sig one.pem.pub' \
        'extract -o css b.orc' 'component-add b.orc rofl.x /bin/true --sgx-executable b.orc'; do
        # shellcheck disable=SC2086
        strace -f -qq -o "$BATS_TEST_TMPDIR/trace" "$ENSIGN" $command >/dev/null 2>&1 || true
        grep -q 'landlock_restrict_self.* = 0' "$BATS_TEST_TMPDIR/trace" || fail "$command: no wall"
        not grep -E '= -1 (EACCES|EPERM)' "$BATS_TEST_TMPDIR/trace"
        # The seed of jansson's tables, which a file must not know.
        [ "$command" != 'verify b.orc' ] || grep -q 'openat.*/dev/urandom.* = [0-9]' "$BATS_TEST_TMPDIR/trace"
    done
    same q.sig s.sig
    [ -e d/2.delta ]
    [ "$(grep -c "^program: .* $(sha256 "$ENSIGN")$" room)" -eq 3 ] || fail "the records do not name the program"
}

@test "chains of links, a directory that cannot be listed or is gone, another file system: legal behind the wall" {
    local here place other=/dev/shm
    bundle b.orc
    enclave e.sgxs
    # Each link leads on from where it stands; the last one to what is not there yet.
    mkdir one two three
    ln -s ../two/second one/first
    ln -s ../three/third two/second
    ens gen-sign-data --date 20240229 -o one/first e.sgxs
    ok
    size_is three/third 256
    [ -L one/first ] && [ -L two/second ]
    # Two outputs, in two directories, neither of them the current one.
    ens gen-sign-data --date 20240229 -o two/../three/s --digest one/d b.orc
    ok
    [ "$(sha256 three/s)" = "$(xxd -p -c 64 one/d)" ]
    # A directory above need not be one that can be listed.
    mkdir -p shut/in
    cp b.orc shut/in
    chmod 111 shut
    ens gen-sign-data --date 20240229 -o shut/in/s shut/in/b.orc
    chmod 755 shut
    ok
    same shut/in/s three/s
    # A current directory that was removed keeps no absolute path away.
    mkdir gone
    here=$PWD
    (cd gone && rmdir ../gone && "$ENSIGN" gen-sign-data -q --date 20240229 -o "$here/s" "$here/b.orc")
    same s three/s
    [ -d "$other" ] && [ -w "$other" ] || skip "no other file system here"
    place=$(mktemp -d "$other/ensign-XXXXXX")
    cp b.orc "$place"
    ens compare "$place/b.orc" b.orc
    exits 0
    ln -s "$place/new" over
    ens gen-sign-data --date 20240229 -o over "$place/b.orc"
    ok
    same "$place/new" three/s
    rm -r "$place"
}
