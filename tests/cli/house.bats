#!/usr/bin/env bats
# check-house.sh holds the tree to its bars: each is broken once in a copy of the sources and objects, in which
# every bound is the figure itself.

load helpers

setup_file() {
    local tree=$BATS_FILE_TMPDIR/tree
    mkdir -p "$tree/build/release"
    (cd "$ROOT" && tar -c signer hsm bundle scripts/check-house.sh scripts/check-walks.sh docs/design.md tests/unit tests/hsm) | tar -x -C "$tree"
    (cd "$ROOT/build/$VARIANT" && find signer hsm bundle -name '*.o' | tar -c -T - ensign ensign-offline ensign-token) |
        tar -x -C "$tree/build/release"
    cd "$tree" || return 1
    # The figures become the bounds.
    scripts/check-house.sh >figures 2>&1 || true
    "$PYTHON" - <<'PY'
import re
script = open("scripts/check-house.sh").read()
for line in open("figures"):
    if bar := re.match(r"(\S.*?) +(\d+) +\d+( |$)", line):
        script = re.sub(rf'(\n    "{re.escape(bar[1])}": \()\d+', rf"\g<1>{bar[2]}", script)
open("scripts/check-house.sh", "w").write(script)
PY
}

setup() {
    added=()
    cd "$BATS_FILE_TMPDIR/tree" || return 1
}

house() {
    status=0
    said=$(scripts/check-house.sh "$@" 2>&1) || status=$?
}

# adds FILE.c TEXT: a source file and its object.
adds() {
    mkdir -p "${1%/*}" "build/release/${1%/*}"
    printf '%s\n' "$2" >"$1"
    "${CC:-cc}" -I. -c -o "build/release/${1%.c}.o" "$1"
    added+=("$1" "build/release/${1%.c}.o")
}

# breaks TEXT: the check fails and says so; what was added is taken away.
breaks() {
    house
    [ ${#added[@]} -eq 0 ] || rm "${added[@]}"
    added=()

    [ "$status" -eq 1 ] || fail "check-house.sh exits $status, must be 1:" "$said"
    grep -Fq -- "house: $1" <<<"$said" || fail "check-house.sh does not say $1:" "$said"
}

# with FILE LINE TEXT: the check says TEXT of the file with one more line.
with() {
    cp "$1" "$BATS_TEST_TMPDIR/kept"
    echo "$2" >>"$1"
    house
    mv "$BATS_TEST_TMPDIR/kept" "$1"
    [ "$status" -eq 1 ] || fail "check-house.sh exits $status, must be 1:" "$said"
    grep -Fq -- "house: $3" <<<"$said" || fail "check-house.sh does not say $3:" "$said"
}

@test "house: the copy keeps its bars, and every figure is listed" {
    house
    [ "$status" -eq 0 ] || fail "$said"
    grep -Eq '^house: ok \([0-9]+ bars\)$' <<<"$said"
    grep -Eq '^ensign-offline: symbols that must not be there +0 +0 +0$' <<<"$said"
    house -v
    grep -Eq '^    signer/cmd/table: cmd_fail_option: signer/main$' <<<"$said"
}

@test "house: lines of the product, of a room, and of the signing host's program" {
    with signer/base/hex.h '' 'product: '
    with signer/base/hex.c '' 'signer/base: '
    with bundle/orc/archive.c '' 'bundle/orc: '
    with signer/cmd/sign/sign.c '' 'signer/cmd: '
    with signer/sgx/sigstruct.c '' 'ensign-offline: lines of .c: '
    adds signer/new/new.c 'static int new_one;'
    breaks 'signer/new: is a room of no bar'
}

@test "house: no reader of enclaves in the signing host's program" {
    cp build/release/ensign-offline "$BATS_TEST_TMPDIR/kept"
    for symbol in container_open elf_open sgxs_put bundle_open manifest_parse pages_read pagediff_compare rsa3072_sign_ephemeral; do
        objcopy --add-symbol "$symbol=.text:0,function,global" "$BATS_TEST_TMPDIR/kept" build/release/ensign-offline
        house
        [ "$status" -eq 1 ] || fail "$symbol passes"
        grep -Fq 'house: ensign-offline: symbols that must not be there: 1,' <<<"$said"
        grep -Fqx "    $symbol" <<<"$said"
    done
    echo 'int main(void) { return 0; }' >signer/base/stray.c
    "${CC:-cc}" -g -c -o build/release/signer/base/stray.o signer/base/stray.c
    "${CC:-cc}" -g -o build/release/ensign-offline signer/base/stray.c
    added=(signer/base/stray.c build/release/signer/base/stray.o)
    breaks 'ensign-offline: files that it does not need: 1,'
    cp "$BATS_TEST_TMPDIR/kept" build/release/ensign-offline
    house
    [ "$status" -eq 0 ]
}

@test "house: exports" {

    adds signer/base/stray.c 'int stray_one(void); int stray_one(void) { return 1; }'
    breaks 'exports without a user: '
    adds signer/base/stray.c 'int stray_one(void); int stray_one(void) { return 1; }'
    echo 'int (*f)(void) = stray_one;' >tests/unit/stray.c
    breaks 'exports for tests alone: '
    rm tests/unit/stray.c
    adds signer/base/stray.c 'int stray_one(void); int stray_one(void) { return 1; }'
    adds signer/base/user.c 'int stray_one(void); static int (*user)(void) = stray_one; void user_f(void); void user_f(void) { user(); }'
    breaks 'exports with one user: '
    inner='int stray_one(void); static int (*user)(void) = stray_one; void user_f(void); void user_f(void) { user(); }'
    adds signer/base/stray.c 'int stray_one(void); int stray_one(void) { return 1; }'
    adds signer/base/user.c "$inner"
    breaks 'exports with one user, in their room: '
    adds signer/base/stray.c 'int stray_one(void); int stray_one(void) { return 1; }'
    adds signer/base/user.c "$inner"
    breaks 'files that their one user, in their room, would hold: '
    # No fault of this kind: the user lives in another room, or the two would be a file of more than 400 lines.
    adds signer/base/stray.c 'int stray_one(void); int stray_one(void) { return 1; }'
    adds signer/sgx/user.c "$inner"
    house
    rm "${added[@]}"
    added=()
    grep -Fq 'house: exports with one user: ' <<<"$said"
    ! grep -Fq ', in their room' <<<"$(grep ^house: <<<"$said")" || fail "$said"
    adds signer/base/stray.c "$(printf '//%.0s\n' {1..390})"$'\n''int stray_one(void); int stray_one(void) { return 1; }'
    adds signer/base/user.c "$(printf '//%.0s\n' {1..10})"$'\n'"$inner"
    house
    rm "${added[@]}"
    added=()
    ! grep -Fq 'would hold:' <<<"$said" || fail "$said"
    for name in one ray_one strayone sgx_one; do
        adds signer/base/stray.c "int $name(void); int $name(void) { return 1; }"
        breaks 'exports without their prefix: '
    done
}

@test "house: names, circles, arrows" {

    adds signer/base/stray.c $'static int twice(void)\n{\n    return 1;\n}\nint stray_x(void); int stray_x(void) { return twice(); }'
    adds hsm/strayed.c $'static int twice(void)\n{\n    return 1;\n}\nint strayed_x(void); int strayed_x(void) { return twice(); }'
    breaks 'functions whose name stands in two files: '
    adds signer/base/left.c 'void right_f(void); void left_f(void); void left_f(void) { right_f(); }'
    adds signer/base/middle.c 'void left_f(void); void middle_f(void); void middle_f(void) { left_f(); }'
    adds signer/base/right.c 'void middle_f(void); void right_f(void); void right_f(void) { middle_f(); }'
    breaks 'circles among files: '
    adds signer/base/stray.c 'int cmd_find(void); int stray_x(void); int stray_x(void) { return cmd_find(); }'
    breaks 'arrows back up: '
    adds signer/cmd/sign/stray.c 'int cmd_verify(void); int stray_x(void); int stray_x(void) { return cmd_verify(); }'
    breaks 'arrows back up: '
}

@test "house: objects that were not built are missed" {
    echo >signer/base/stray.c
    house
    rm signer/base/stray.c
    [ "$status" -eq 1 ]
    grep -Fq 'signer/base/stray.o is not there: run make' <<<"$said"
}

# walks SED TEXT: with SED over design.md the walks fail and say TEXT.
walks() {
    local status=0
    cp docs/design.md "$BATS_TEST_TMPDIR/kept"
    sed -i "$1" docs/design.md
    ! cmp -s docs/design.md "$BATS_TEST_TMPDIR/kept" || fail "$1 changes nothing"
    said=$(scripts/check-walks.sh 2>&1) || status=$?
    mv "$BATS_TEST_TMPDIR/kept" docs/design.md
    [ "$status" -eq 1 ] || fail "check-walks.sh exits $status with $1:" "$said"
    grep -Fq -- "walks: $2" <<<"$said" || fail "check-walks.sh does not say $2:" "$said"
}

@test "house: the walks of design.md are those of the code" {
    scripts/check-walks.sh | grep -Fqx 'walks: ok (4 walks)'
    walks 's|3 `flow/request.c`|3 `flow/requests.c`|' 'sign: flow/requests.c names 0 files'
    walks 's|3 `flow/request.c`|3 `hsm/uri.c`|' 'sign: signer/cmd/sign/sign.c calls nothing in hsm/uri.c'
    walks 's|3 `flow/request.c`|4 `flow/request.c`|' 'sign: 4 `flow/request.c` is not hop 3'
    walks 's|→ 2 `cmd/set_sig.c`|2 `cmd/set_sig.c`|' 'set-sig: 2 `cmd/set_sig.c` is not hop 2, or stands behind no arrow'
    walks 's|2 → 4 `flow/enclave.c`|9 → 4 `flow/enclave.c`|' 'gen-sign-data: hop 4 is called by hop 9, which comes later'
    walks 's|2 → 4 `flow/enclave.c`|1 → 4 `flow/enclave.c`|' 'set-sig: signer/main.c calls nothing in signer/flow/enclave.c'
    walks 's|1 `signer/main.c` → 2 `cmd/resign|1 `cmd/resign|' 'resign: does not begin at signer/main.c'
    walks 's|^\*\*resign\*\*|resign|' 'resign: does not begin'
    walks 's|12 `sgx/sigstruct.c`|& → 13 `signer/base/hex.c`|' 'gen-sign-data: has 13 hops in a process, more than 12'
    walks 's|⇒ 12 `hsm/token/serve.c`|→ 12 `hsm/token/serve.c`|' 'sign: hsm/helper.c calls nothing in hsm/token/serve.c'
}
