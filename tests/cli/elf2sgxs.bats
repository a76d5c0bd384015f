#!/usr/bin/env bats
# elf2sgxs: the stream of an ELF file of x86_64-fortanix-unknown-sgx, as Fortanix' tool writes it; its numbers from options
# and from Cargo.toml; and the ELF file as an enclave of other commands. Bytes come from tests/interop/fortanix.py,
# tests/interop/test_fortanix.py compares many more.

load helpers

NUMBERS=(--heap-size 0x20000 --stack-size 0x4000)
TABLE=package.metadata.fortanix-sgx

fixtures() {
    "$PYTHON" "$INTEROP/mkfortanix.py" app
    "$PYTHON" "$INTEROP/mkfortanix.py" other --seed other
}

# elf [NAME]: a copy of the program.
elf() {
    cp "$BATS_FILE_TMPDIR/app" "${1:-app}"
}

# expected OUT NAME=VALUE...: what the reference writes; MEASURED is its SHA-256.
expected() {
    "$PYTHON" - "$BATS_FILE_TMPDIR/app" "$@" <<'PY'
import sys, fortanix
data = open(sys.argv[1], "rb").read()
options = {name: int(value, 0) for name, value in (word.split("=") for word in sys.argv[3:])}
open(sys.argv[2], "wb").write(fortanix.convert(data, **options))
PY
    MEASURED=$(sha256sum "$1" | cut -d' ' -f1)
}

# cargo_toml DIR NAME LINE...: a package with these lines in its table.
cargo_toml() {
    mkdir -p "$1"
    printf '%s\n' '[package]' "name = \"$2\"" 'version = "1.0.0"' "[$TABLE]" "${@:3}" >"$1/Cargo.toml"
}

@test "the stream is the reference's, on stdout and in a file, and MRENCLAVE its SHA-256" {
    elf
    expected want heap=0x20000 stack=0x4000 threads=3 debug=1
    ens elf2sgxs "${NUMBERS[@]}" -t 3 -d app
    ok
    same "$OUT" want
    says_hex "$MEASURED"
    ens elf2sgxs -H 131072 -S 0b100000000000000 --threads=0o3 --elf-debug -o app.sgxs app
    ok
    same app.sgxs want
    [ ! -s "$OUT" ]
    says_hex "$MEASURED"
    ens elf2sgxs "${NUMBERS[@]}" -o app.sgxs app
    refused 73 'app.sgxs: .*--force'
    ens elf2sgxs "${NUMBERS[@]}" --force -o app.sgxs app
    ok
    expected want heap=0x20000 stack=0x4000
    same app.sgxs want
}

@test "library, unsized and no SSA frame are written as they are, with a word about each" {
    elf
    expected want heap=0 stack=0x1000 threads=2 library=1
    ens elf2sgxs -H 0 -S 4096 -t 2 --library app
    ok
    same "$OUT" want
    expected want heap=0 stack=0x1000 sized=0
    ens elf2sgxs -H 0 -S 4096 --unsized app
    ok
    same "$OUT" want
    says 'no MRENCLAVE before sgxs-append'
    not grep -q "^MRENCLAVE" "$ERR"
    expected want heap=0 stack=0 ssaframesize=0
    ens elf2sgxs -H 0 -S 0 --ssaframesize 0 app
    ok
    same "$OUT" want
    warned 'SSAFRAMESIZE is 0'
}

@test "a number that is missing, none, not whole pages or ambiguous is a matter of usage" {
    elf
    ens elf2sgxs app
    usage '--heap-size: is missing' '--cargo DIR'
    ens elf2sgxs -H 4096 app
    usage '--stack-size: is missing'
    ens elf2sgxs -H 100 -S 4096 app
    usage '--heap-size: 100 bytes are not whole pages' 'multiple of 4096'
    ens elf2sgxs -H 4096 -S 4097 app
    usage '--stack-size: 4097 bytes'
    ens elf2sgxs -H 010000 -S 4096 app
    usage '--heap-size: .*ambiguous'
    ens elf2sgxs "${NUMBERS[@]}" -t many app
    usage "--threads: 'many' is not a number"
    ens elf2sgxs "${NUMBERS[@]}" --ssaframesize 0x100000000 app
    usage '--ssaframesize: .*too large'
    ens elf2sgxs "${NUMBERS[@]}" -H 0 app
    usage '--heap-size: is given twice'
    ens elf2sgxs "${NUMBERS[@]}"
    usage 'too few'
}

@test "a terminal gets no stream" {
    elf
    tty_ens -- elf2sgxs "${NUMBERS[@]}" app
    exits 64
    grep -q 'give -o FILE' "$OUT"
}

@test "what is no such ELF file is refused with what to do" {
    enclave made.sgxs
    ens elf2sgxs "${NUMBERS[@]}" made.sgxs
    refused_either 64 65 'made.sgxs: is not an ELF file of x86_64-fortanix-unknown-sgx'
    ens elf2sgxs "${NUMBERS[@]}" /bin/true
    refused 65 '/bin/true: .*without .note.x86_64-fortanix-unknown-sgx' 'cargo'
    ens elf2sgxs "${NUMBERS[@]}" missing
    refused 66 'missing'
    elf
    # Stripped of its section headers.
    "$PYTHON" - <<'PY'
data = bytearray(open("app", "rb").read())
data[40:48], data[60:64] = bytes(8), bytes(4)
open("bare", "wb").write(data)
PY
    ens elf2sgxs "${NUMBERS[@]}" bare
    refused 65 'bare: .*do not strip it'
}

@test "a heap of 1 TiB is refused before anything is written, unless it is meant" {
    elf
    ens elf2sgxs -H 0x10000000000 -S 4096 -o big.sgxs app
    refused 65 'app: lays out an enclave of which 163.. MiB are hashed' '--allow-large'
    ens elf2sgxs -H 0xfffffffffffff000 -S 4096 --allow-large app
    refused 65 'app: heap and threads end above 128 TiB'
    ens elf2sgxs -H 0 -S 4096 --threads 0xffffffffffffffff --allow-large app
    refused 65 'end above 128 TiB'
}

@test "--cargo: written values count, and an option before them" {
    elf
    cargo_toml . app 'heap-size = 0x20000' 'stack-size = 16_384' 'threads = 3' 'ssaframesize = 1' 'debug = false'
    expected want heap=0x20000 stack=0x4000 threads=3
    for args in '--cargo app' '--cargo . app' '--cargo=. app' 'app --cargo'; do
        # shellcheck disable=SC2086
        ens elf2sgxs $args
        ok
        same "$OUT" want
        not_warned .
        says './Cargo.toml: heap 0x20000, stack 0x4000, 3 threads, SSA frames of 1 pages, debug false'
    done
    expected want heap=0x20000 stack=0x8000 threads=1 debug=1
    ens elf2sgxs --cargo -S 0x8000 --threads 1 -d app
    ok
    same "$OUT" want
}

@test "--cargo: what nobody wrote is said, with the value that is used" {
    elf
    cargo_toml crate app 'heap_size = 0x1000' 'Threads = 4'
    expected want heap=0x2000000 stack=0x20000 threads=2 debug=1
    ens elf2sgxs --cargo crate app
    ok
    same "$OUT" want
    warned 'crate/Cargo.toml: heap_size has no effect there: is meant: heap-size'
    warned 'Threads has no effect there: is meant: threads'
    warned 'nobody wrote heap-size: 33554432 is used'
    warned 'nobody wrote stack-size: 131072 is used'
    warned "nobody wrote threads: 2 is used, as Oasis' .*build host's processors"
    warned 'nobody wrote ssaframesize: 1 is used'
    warned 'nobody wrote debug: true is used'
    # --quiet drops no warning, and a number that is given is not asked for.
    ens elf2sgxs --quiet --threads 2 --cargo crate app
    ok
    same "$OUT" want
    warned 'nobody wrote debug'
    not_warned 'nobody wrote threads'
}

@test "--cargo: a value that is not one is refused by the name of its key" {
    elf
    cargo_toml . app 'heap-size = "0x20000"'
    ens elf2sgxs --cargo app
    refused 65 "./Cargo.toml: $TABLE.heap-size is no number" 'without quotes'
    cargo_toml . app 'threads = -1'
    ens elf2sgxs "${NUMBERS[@]}" --cargo app
    refused 65 'threads is no number'
    cargo_toml . app 'debug = 0' 'threads = 1' 'ssaframesize = 1'
    ens elf2sgxs "${NUMBERS[@]}" --cargo app
    refused 65 'debug is no true or false'
    cargo_toml . app 'heap-size = 5000'
    ens elf2sgxs --cargo app
    refused 65 './Cargo.toml: 5000 bytes are not whole pages'
    printf '[package]\nname = "app"\nmetadata.fortanix-sgx = 5\n' >Cargo.toml
    ens elf2sgxs --cargo app
    refused 65 'is not a table'
    echo '[package' >Cargo.toml
    ens elf2sgxs --cargo app
    refused 65 './Cargo.toml'
    rm Cargo.toml
    ens elf2sgxs --cargo app
    refused 66 './Cargo.toml'
}

@test "--cargo: in a workspace the package is meant that the program is of" {
    elf
    elf app.elf
    elf tool
    mkdir 'w*'
    printf '%s\n' '[workspace]' 'members = ["one", "crates/*", "./one"]' >'w*/Cargo.toml'
    cargo_toml 'w*/one' app 'heap-size = 0x1000' 'stack-size = 0x1000' 'threads = 1' 'ssaframesize = 1' 'debug = false'
    cargo_toml 'w*/crates/two' two 'heap-size = 0x2000' 'stack-size = 0x1000' 'threads = 1' 'ssaframesize = 1' 'debug = false'
    printf '%s\n' '[[bin]]' 'name = "tool"' >>'w*/crates/two/Cargo.toml'
    cargo_toml 'w*/crates/three' three
    sed -i "/$TABLE/d" 'w*/crates/three/Cargo.toml'
    expected want heap=0x1000 stack=0x1000
    for program in app app.elf; do
        ens elf2sgxs --cargo 'w*' "$program"
        ok
        same "$OUT" want
    done
    expected want heap=0x2000 stack=0x1000
    ens elf2sgxs --cargo 'w*' tool
    ok
    same "$OUT" want
    elf nobody
    ens elf2sgxs --cargo 'w*' nobody
    refused 65 'nobody could be of several packages \((app, two|two, app)\)' '--cargo'
    printf '%s\n' '[package]' 'name = "app"' >'w*/one/Cargo.toml'
    # One of them has the table.
    ens elf2sgxs --cargo 'w*' nobody
    ok
    same "$OUT" want
    printf '%s\n' '[workspace]' >Cargo.toml
    ens elf2sgxs --cargo app
    refused 65 'has no package'
}

@test "--cargo: a pattern that names more paths than anyone waits for is refused, and so are members by the thousand" {
    elf
    mkdir -p many/{a,b,c,d}{0..9}
    cargo_toml many/one app 'heap-size = 0x1000' 'stack-size = 0x1000' 'threads = 1' 'ssaframesize = 1' 'debug = false'
    printf '%s\n' '[workspace]' 'members = ["*/../*/../*/../*/../*/../*/../one"]' >many/Cargo.toml
    ens elf2sgxs --cargo many app
    refused 65 'workspace.members: has more than 65536 names' 'give --cargo the directory of the package'
    # Links to a directory above are the same.
    ln -s .. many/a0/up
    for name in b c d; do ln -s ../a0/up "many/a0/$name"; done
    printf '%s\n' '[workspace]' "members = [\"$(printf 'a0/*/%.0s' {1..60})one\"]" >many/Cargo.toml
    ens elf2sgxs --cargo many app
    refused 65 'workspace.members: has more than'
    { printf '%s\n' '[workspace]' 'members = ['; yes '"one",' | head -70000; echo ']'; } >many/Cargo.toml
    head -c 1M /dev/zero | tr '\0' '#' >>many/one/Cargo.toml
    truncate -s 1M many/one/Cargo.toml
    ens elf2sgxs --cargo many app
    refused 65 'workspace.members: has more than .* 33554432 bytes of manifests'
    printf '%s\n' '[workspace]' 'members = ["o[mn]e", "/one/", "no/such", "*/no", "a0/../one", "*"]' >many/Cargo.toml
    expected want heap=0x1000 stack=0x1000
    ens elf2sgxs --cargo many app
    ok
    same "$OUT" want
}

# ---- the ELF file is an enclave ----

@test "without its numbers it is refused by every command, with what to give" {
    elf
    for command in show verify gen-sign-data; do
        ens "$command" app
        refused 65 'app: is an ELF file of x86_64-fortanix-unknown-sgx' '--cargo DIR' '--heap-size N'
    done
    enclave made.sgxs
    ens compare made.sgxs app
    refused 65 'app: is an ELF file of'
    ens gen-sign-data "${NUMBERS[@]}" made.sgxs
    refused 64 'made.sgxs: is not an ELF file of x86_64-fortanix-unknown-sgx: leave out --cargo'
}

@test "show and compare: a bundle's stream is traced to its ELF file, or the first page that differs is named" {
    elf
    cargo_toml . app 'heap-size = 0x20000' 'stack-size = 0x4000' 'threads = 2' 'ssaframesize = 1' 'debug = false'
    ens elf2sgxs --cargo -o app.sgxs app
    ok
    MEASURED=$(sha256sum app.sgxs | cut -d' ' -f1)
    ens show --cargo . app
    ok
    prints '^Fortanix EDP ELF app$'
    prints_hex "$MEASURED"
    prints 'heap 0x20000, stack 0x4000, 2 threads, SSA frames of 1, debug false'
    ens init --custom --runtime-name app --runtime-version 1.0.0 --runtime-id \
        8000000000000000000000000000000000000000000000000000000000000001 --sgx-executable app.sgxs app
    ok
    for pair in 'app.orc app' 'app app.orc' 'app.sgxs app'; do
        # shellcheck disable=SC2086
        ens compare $pair --cargo .
        ok
        prints '^same enclave'
    done
    ens compare app.orc app --cargo . --debug
    exits 1
    prints '^other enclave: 1 of .* pages differs, 1 byte, at 0x[0-9a-f]* in \.rodata'
    ens compare app.orc app --cargo . --threads 1
    exits 1
    prints '^other enclave.*thread'
    cp "$BATS_FILE_TMPDIR/other" app
    ens compare app.orc app --cargo .
    exits 1
    prints '^other enclave'
    prints '\.text'
}

@test "gen-sign-data, set-sig --to, verify and approve --rebuilt measure it" {
    elf
    ens elf2sgxs "${NUMBERS[@]}" -t 2 -o app.sgxs app
    ok
    ens gen-sign-data --date 20260105 --forbid-debug -o want app.sgxs
    ok
    ens gen-sign-data --date 20260105 --forbid-debug "${NUMBERS[@]}" -t 2 -o app.signdata app
    ok
    same app.signdata want
    ens verify --mrenclave "$(sha256sum app.sgxs | cut -d' ' -f1)" "${NUMBERS[@]}" -t 2 app
    ok
    ens verify --mrenclave "$(sha256sum app.sgxs | cut -d' ' -f1)" "${NUMBERS[@]}" app
    exits 1
    ens set-sig --ephemeral-key --to app.sig "${NUMBERS[@]}" -t 2 app
    ok
    accepted sigstruct --mrenclave "$(sha256sum app.sgxs | cut -d' ' -f1)" app.sig
    ens set-sig --ephemeral-key "${NUMBERS[@]}" -t 2 app
    refused_either 64 65 'app: .*no place for a signature: give --to FILE'
    ssh-keygen -q -t ed25519 -N '' -f alice
    test_key one one.pem
    openssl pkey -in one.pem -pubout -out one.pub
    ens approve --ssh-key alice --pubkey one.pub --yes --rebuilt app "${NUMBERS[@]}" -t 2 -o yes.approval app.signdata
    ok
    grep -q "$(sha256sum app | cut -d' ' -f1)" yes.approval
    ens approve --ssh-key alice --pubkey one.pub --yes --rebuilt app "${NUMBERS[@]}" -t 3 -o no.approval app.signdata
    refused 65 MRENCLAVE
}
