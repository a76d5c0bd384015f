#!/usr/bin/env bats
# The checks of scripts/ are worth what they refuse: each rule is broken once in a copy of the tree, and
# the check must say so; the copy as it is must pass.

load helpers

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/tree"
    (cd "$BATS_TEST_DIRNAME/../.." && tar -c .ci signer hsm bundle scripts tests docs Makefile README.md) |
        tar -x -C "$BATS_FILE_TMPDIR/tree"
}

# check NAME: runs scripts/check-NAME.sh in the copy.
check() {
    status=0
    said=$("$BATS_FILE_TMPDIR/tree/scripts/check-$1.sh" "${@:2}" 2>&1) || status=$?
}

# finds NAME REGEX: the check fails and says so.
finds() {
    check "$@"
    [ "$status" -eq 1 ] || fail "check-$1.sh exits $status, must be 1:" "$said"
}

# broken NAME FILE LINE REGEX: with LINE at the end of FILE (made if need be) the check fails in words like REGEX.
broken() {
    local file=$BATS_FILE_TMPDIR/tree/$2
    [ ! -e "$file" ] || cp "$file" "$BATS_TEST_TMPDIR/kept"
    printf '%s\n' "$3" >>"$file"
    check "$1"
    rm "$file"
    [ ! -e "$BATS_TEST_TMPDIR/kept" ] || mv "$BATS_TEST_TMPDIR/kept" "$file"
    [ "$status" -eq 1 ] || fail "check-$1.sh exits $status with $3 in $2:" "$said"
    grep -Eq -- "$4" <<<"$said" || fail "check-$1.sh does not say /$4/ of $3 in $2:" "$said"
}

# breaks FILE LINE REGEX: with LINE at the end of FILE check-layers.sh fails; all_said looks for what it says of that very
# line. A run of it takes two seconds, so that those of a test are one.
breaks() {
    local file=$BATS_FILE_TMPDIR/tree/$1
    [ -e "$BATS_TEST_TMPDIR/before/$1" ] || {
        mkdir -p "$BATS_TEST_TMPDIR/before/${1%/*}"
        cp "$file" "$BATS_TEST_TMPDIR/before/$1"
    }
    printf '%s\n' "$2" >>"$file"
    BROKEN+=("layers: $1:$(wc -l <"$file"):" "$3")
}

all_said() {
    local i line
    check layers
    cp -r "$BATS_TEST_TMPDIR/before/." "$BATS_FILE_TMPDIR/tree"
    [ "$status" -eq 1 ] || fail "check-layers.sh exits $status:" "$said"
    [ "${#BROKEN[@]}" -gt 2 ]
    for ((i = 0; i < ${#BROKEN[@]}; i += 2)); do
        line=$(grep -F -- "${BROKEN[i]}" <<<"$said") || fail "nothing is said of ${BROKEN[i]}" "$said"
        grep -Eq -- "${BROKEN[i + 1]}" <<<"$line" || fail "not /${BROKEN[i + 1]}/: $line"
    done
}

@test "layers: the tree passes" {
    check layers
    [ "$status" -eq 0 ] || fail "$said"
    grep -Eq '^layers: ok \([1-9][0-9]* files\)$' <<<"$said"
}

@test "layers: each module includes what is below it and nothing else" {
    breaks signer/base/hex.c '#include "signer/sgx/layout.h"' 'hex\.c:.*signer/base may not include'
    breaks signer/sgx/layout.h '#include "hsm/hsm.h"' 'layout\.h:.*signer/sgx may not include'
    breaks bundle/stream/sgxs.c '#include "bundle/orc/bundle.h"' 'bundle/stream may not include'
    breaks signer/ceremony/review.c '#include "signer/cmd/cmd.h"' 'signer/ceremony may not include'
    breaks bundle/stream/sgxs.c '#include "signer/ceremony/review.h"' 'bundle/stream may not include'
    breaks bundle/elf/elf.c '#include "bundle/container/container.h"' 'bundle/elf may not include'
    breaks bundle/container/container.c '#include "bundle/open.h"' 'bundle/container may not include'
    breaks bundle/sdk/elf_oe.c '#include "bundle/orc/bundle.h"' 'bundle/sdk may not include'
    breaks bundle/open.c '#include "signer/flow/enclave.h"' 'bundle may not include'
    breaks signer/ui/screen.c '#include "signer/ceremony/review.h"' 'signer/ui may not include'
    breaks signer/flow/pin.c '#include "signer/cmd/cmd.h"' 'signer/flow may not include'
    breaks signer/flow/pin.c '#include "bundle/elf/elf.h"' 'signer/flow may not include'
    breaks signer/cmd/verify/verify.c '#include "signer/cmd/show/show.h"' 'signer/cmd/verify may not include'
    breaks signer/cmd/keys.c '#include "signer/cmd/show/show.h"' 'signer/cmd may not include'
    breaks hsm/uri.c '#include "signer/sgx/layout.h"' 'hsm may not include'
    breaks bundle/orc/archive.c '#include "hsm/hsm.h"' 'bundle/orc may not include'
    breaks hsm/uri.c '#include "signer/cmd/cmd.h"' 'hsm may not include'
    breaks signer/ui/options.c '#include "hsm/token/internal.h"' 'signer/ui may not include'
    breaks signer/ui/options.c '#include "options.h"' 'signer/ui may not include'
    breaks signer/main.c '#include "signer/sgx/layout.h"' 'signer may not include'
    all_said
    broken layers signer/stray.c 'int stray;' 'lies in a directory that no line'
}

@test "layers: the lower modules do not print, prompt, exit or read the environment" {
    for file in signer/base/hex.c bundle/stream/sgxs.c hsm/uri.c bundle/orc/archive.c; do
        breaks "$file" 'void f(void) { puts("x"); }' 'never print'
        breaks "$file" 'void f(void) { exit(1); }' 'never end the process'
        breaks "$file" 'void f(void) { g(getenv("HOME")); }' 'never read the environment'
    done
    breaks hsm/token/login.c 'void f(void) { fprintf(g, "x"); }' 'never print'
    breaks hsm/token/login.c 'void f(void) { write(STDOUT_FILENO, "x", 1); }' 'standard streams'
    breaks hsm/token/login.c 'int f(void) { return isatty(0); }' 'never prompt'
    breaks hsm/token/login.c 'void f(void) { abort(); }' 'never end the process'
    breaks hsm/helper.c 'void f(void) { g(getenv("HOME")); }' 'never read the environment'
    all_said
}

@test "layers: what reads a file calls no judge" {
    for file in bundle/open.c bundle/container/container.c bundle/sdk/elf_oe.c bundle/elf/elf.c bundle/orc/state.c; do
        breaks "$file" 'bool f(void) { return sgxs_put(s, piece, err); }' 'shares no code with its judges'
        breaks "$file" 'void f(void) { launch_judge(css, launch, found); }' 'shares no code with its judges'
        breaks "$file" 'bool f(void) { return verify_signature(css, ok, err); }' 'shares no code with its judges'
    done
    all_said
}

@test "A3: layers: two files write to a terminal, and no other" {
    local file
    for file in cmd/sign/sign ui/screen flow/record cmd/table; do
        breaks "signer/$file.c" 'void f(void) { fprintf(stderr, "%s", path); }' 'writes to stderr'
        breaks "signer/$file.c" 'void f(void) { write(STDERR_FILENO, p, 1); }' 'writes to stderr'
        breaks "signer/$file.c" 'void f(void) { puts(path); }' 'prints text for people'
        breaks "signer/$file.c" 'bool f(void) { return file_write(STDOUT_FILENO, n, v, e); }' \
            'prints text for people'
    done
    breaks signer/main.c 'void f(void) { fputs(path, stderr); }' 'writes to stderr'
    for file in ui/notice cmd/sign/sign ceremony/policy base/file; do
        breaks "signer/$file.c" 'int f(void) { return open("/dev/tty", O_RDWR); }' 'opens the terminal'
    done
    all_said
}

@test "layers: each dependency has one home" {
    breaks signer/ui/options.c '#include <libp11.h>' 'libp11 belongs to hsm'
    breaks signer/ui/options.c '#include <p11-kit/pkcs11.h>' 'PKCS#11 types belong to hsm'
    breaks bundle/orc/directory.c '#include <zip.h>' 'libzip belongs'
    breaks bundle/orc/archive.c '#include <jansson.h>' 'jansson belongs'
    breaks signer/sgx/verify.c '#include <openssl/bn.h>' 'plain integers belong'
    breaks signer/sgx/verify.c '#include <openssl/pem.h>' 'RSA and PEM belong'
    breaks bundle/stream/sgxs.c '#include <openssl/evp.h>' 'digests belong'
    breaks signer/sgx/rsa3072.c '#include <openssl/err.h>' 'error queue belongs'
    breaks signer/ui/options.c '#include <openssl/cms.h>' 'OpenSSL belongs'
    breaks signer/sgx/layout.h '#include <gmp.h>' "no library's header in a header"
    breaks hsm/client.c 'void *f(void) { return dlopen(0, 1); }' 'foreign code is loaded below hsm/token only'
    breaks signer/flow/token.c 'CK_RV f(void) { return 0; }' 'foreign code is loaded below hsm/token only'
    breaks hsm/uri.h '#include <p11-kit/pkcs11.h>' "no library's header in a header|PKCS#11 types"
    breaks hsm/uri.c 'void *f(void) { return malloc(1); }' 'malloc family'
    breaks hsm/uri.c 'void f(void *p) { free (p); }' 'malloc family'
    all_said
    broken layers hsm/token/sign.c '#include <libp11.h>' 'included by 2 files'
}

@test "layers: hsm_sign is called where its result is verified" {
    breaks signer/ui/options.c 'bool f(void) { return hsm_sign(h, a, r, e); }' 'only signer/flow/token\.c'
    breaks hsm/wire.c 'bool (*f)(void) = hsm_sign;' 'only signer/flow/token\.c'
    all_said
}

@test "layers: house style" {
    broken layers hsm/uri.c 'int f(void) { goto out; out: return 1; }' 'no jumps'
    broken layers hsm/stray.h 'int stray;' 'one #pragma once'
    broken layers hsm/uri.h '#pragma once' 'one #pragma once'
    tree=$BATS_FILE_TMPDIR/tree
    cp "$tree/hsm/uri.c" kept
    sed -i '0,/^#include/s//#include <stdio.h>\n#include/' "$tree/hsm/uri.c"
    check layers
    cp kept "$tree/hsm/uri.c"
    [ "$status" -eq 1 ] || fail "$said"
    grep -q 'hsm/uri.c: its own header comes first' <<<"$said" || fail "$said"
}

@test "layers: comments and text are not code" {
    local file=$BATS_FILE_TMPDIR/tree/hsm/uri.c
    cp "$file" kept
    printf '%s\n' '/* goto malloc( getenv' ' exit(1) */' '// puts("x")' \
        'static const char *const text = "goto \" exit(1) /* "; /* */' >>"$file"
    check layers
    cp kept "$file"
    [ "$status" -eq 0 ] || fail "$said"
}

@test "headers: the tree passes, and a header that needs another one does not" {
    check headers
    [ "$status" -eq 0 ] || fail "$said"
    broken headers hsm/uri.h 'uint32_t needs_another(FILE *f);' 'hsm/uri\.h does not compile alone'
    broken headers signer/sgx/stray.h 'struct twice { int a; };' 'stray\.h does not compile alone'
}

@test "words: the tree passes, and what nobody else can use does not" {
    check words
    [ "$status" -eq 0 ] || fail "$said"
    # Put together here, so that this file passes too.
    for word in /wo""rk/x /ro""ot/x /ho""me/x; do
        broken words docs/note "see $word" 'a path of a machine'
    done
    for word in TO""DO FIX""ME X""XX; do
        broken words hsm/uri.c "/* $word: later */" 'unfinished work'
    done
    for host in deb.debi""an.org proxy.gol""ang.org py""pi.org registry.npm""js.org crat""es.io; do
        broken words scripts/setup "# from https://$host/x" 'host of a package registry'
    done
    broken words hsm/uri.c "/* FORMAT""S section 6 */" 'not in this tree'
    broken words hsm/uri.c $'/* Words.\n */' 'last line of words'
    broken words docs/design.md 'As `hsm/stray.c` does.' 'name hsm/stray\.c, which is not in the tree'
    broken words docs/security.md 'As `stray_*.c` do.' 'name stray_\*\.c, which is not in the tree'
    broken words docs/design.md "$(printf '%0121d' 0)" 'more than 150 lines, or 120 columns'
    broken words docs/design.md "$(printf '\n%.0s' {1..150}; echo x)" 'more than 150 lines, or 120 columns'
}

@test "make: help has a word on every target, and dist outside git fails and leaves nothing" {
    local tree=$BATS_FILE_TMPDIR/tree target
    make -s -C "$tree" help >words
    while read -r target; do
        [ "$target" = FORCE ] || grep -Eq "^$target +[a-z]" words || fail "make help has no word on $target:" "$(cat words)"
    done < <(sed -n 's/^\.PHONY: //p' "$tree/Makefile" | tr ' ' '\n')
    status=0
    said=$(make -s -C "$tree" dist 2>&1) || status=$?
    [ "$status" -ne 0 ] || fail "make dist outside git exits 0:" "$said"
    grep -q 'dist: .git: is not here' <<<"$said" || fail "$said"
    [ -z "$(find "$tree/build" -name '*.tar*' 2>/dev/null)" ] || fail "make dist left $(find "$tree/build" -name '*.tar*')"
}

@test "manual: it names what the program takes, and a difference either way is found" {
    local manual=$BATS_FILE_TMPDIR/tree/docs/ensign.1
    check manual "$ENSIGN"
    [ "$status" -eq 0 ] || fail "$said"
    cp "$manual" kept

    sed -i '/^\.It Fl -blind$/d' "$manual"
    finds manual "$ENSIGN"
    grep -q 'option in the program, not in docs/ensign.1: sign --blind$' <<<"$said" || fail "$said"

    sed 's/^\.It Fl -blind$/&\n.It Fl -blinder/' kept >"$manual"
    finds manual "$ENSIGN"
    grep -q 'option in docs/ensign.1, not in the program: sign --blinder$' <<<"$said" || fail "$said"

    sed 's/^\.It Fl v , Fl -isvsvn/.It Fl -isvsvn/' kept >"$manual"
    finds manual "$ENSIGN"
    grep -q 'in the program, not in docs/ensign.1: set-sig -v --isvsvn$' <<<"$said" || fail "$said"

    sed 's/^\.Ss extract$/.Ss dump/' kept >"$manual"
    finds manual "$ENSIGN"
    grep -q 'command in the program, not in docs/ensign.1: extract$' <<<"$said" || fail "$said"
    grep -q 'command in docs/ensign.1, not in the program: dump$' <<<"$said" || fail "$said"

    sed 's/ssaframesize ,/frames ,/' kept >"$manual"
    finds manual "$ENSIGN"
    grep -q 'key of --json in the program, not in docs/ensign.1: ssaframesize$' <<<"$said" || fail "$said"
    grep -q 'key of --json in docs/ensign.1, not in the program: frames$' <<<"$said" || fail "$said"
    cp kept "$manual"
}

# compiles KIND MEMBER: does a row of this kind for this member?
compiles() {
    printf '%s\n' '#include "signer/ui/options.h"' 'struct o { const char *text; bool flag; struct text_list list; };' \
        "const struct option row = {\"x\", 0, OPTION($1, struct o, $2), NULL, \"\"};" |
        "${CC:-cc}" -std=gnu17 -I "$BATS_TEST_DIRNAME/../.." -x c -c -o /dev/null - 2>"$BATS_TEST_TMPDIR/words"
}

@test "options: a row compiles only if its member has the type of its kind" {
    local kind member
    for kind in TEXT ONCE FILE OUTPUT URI; do
        compiles "$kind" text || fail "$kind text:" "$(cat "$BATS_TEST_TMPDIR/words")"
    done
    compiles FLAG flag || fail "$(cat "$BATS_TEST_TMPDIR/words")"
    compiles FILES list || fail "$(cat "$BATS_TEST_TMPDIR/words")"
    for kind in 'TEXT flag' 'TEXT list' 'FLAG text' 'FLAG list' 'FILES text' 'FILES flag' 'RECORD flag' 'TEXT none'; do
        read -r kind member <<<"$kind"
        not compiles "$kind" "$member"
    done
}
