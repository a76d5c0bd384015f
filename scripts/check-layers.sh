#!/usr/bin/env bash
# check-layers.sh: holds the code to the layers that docs/design.md describes, by reading includes and
# calls. A rule is a line below; a break prints file, line and rule, and ends the check with status 1.
# Comments are removed and string literals emptied first, so that only code is judged.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

code=$(mktemp -d)
trap 'rm -rf "$code"' EXIT
mapfile -t files < <(find signer hsm bundle -name '*.[ch]' | sort)
for file in "${files[@]}"; do
    echo "$code/${file%/*}"
done | sort -u | xargs mkdir -p
perl -0777 -e '
    my $to = shift;
    for my $file (@ARGV) {
        open my $in, "<", $file or die "$file: $!";
        my $text = <$in>;
        $text =~ s{ (/\*.*?\*/) | //[^\n]* | (^[ \t]*\#[ \t]*include[^\n]*) | "(?:\\.|[^"\\\n])*" | (\x27(?:\\.|[^\x27\\\n])*\x27) }
                  { defined $1 ? "\n" x ($1 =~ tr/\n//) : defined $2 ? $2 : defined $3 ? "0" : q("") }gsxme;
        open my $out, ">", "$to/$file" or die "$to/$file: $!";
        print $out $text;
        close $out or die "$to/$file: $!";
    }' "$code" "${files[@]}"
cd "$code"

broken=0
fail() {
    printf 'layers: %s\n' "$1" >&2
    broken=1
}

# no PATTERN RULE ALLOWED FILE...: no line of the files matches PATTERN, unless "file:line:text" matches ALLOWED.
no() {
    local pattern=$1 rule=$2 allowed=$3 hit
    shift 3
    while IFS= read -r hit; do
        fail "$hit: $rule"
    done < <(grep -nE -- "$pattern" "$@" /dev/null | grep -vE -- "$allowed")
}
nowhere='^$'

# The sources and headers below the directories that are named.
below() {
    find "$@" -name '*.[ch]' | sort
}
mapfile -t all < <(below signer hsm bundle)
mapfile -t headers < <(find signer hsm bundle -name '*.h' | sort)
mapfile -t lower < <(below signer/base signer/sgx signer/quorum signer/ceremony hsm bundle)

# ---- who includes whom: a line for each room; arrows run down only ----
project='^[[:space:]]*#[[:space:]]*include[[:space:]]*"'
covered=0
room() { # DIRECTORY PATHS [NAME]: the project headers that its files may include, as a regular expression
    local files
    mapfile -t files < <(find "$1" -maxdepth 1 -name "${3:-*.[ch]}" | sort)
    [ ${#files[@]} -gt 0 ] || { fail "$1 is a room of this script, and holds no source file"; return; }
    covered=$((covered + ${#files[@]}))
    no "$project" "$1 may not include this" ":#include \"($2)\\.h\"\$" "${files[@]}"
}
name='[a-z0-9_]+'
base="signer/base/$name"
sgx="$base|signer/sgx/$name"
quorum="$base|signer/sgx/rsa3072|signer/quorum/$name"
ceremony="$sgx|signer/ceremony/$name"
# What a flow and a command see of the rooms below them: of hsm one header, of bundle five.
flow="$ceremony|signer/quorum/$name|signer/ui/$name|signer/flow/$name|hsm/hsm|bundle/(open|container/container|orc/bundle|stream/(sgxs|pagediff))"
room signer/base "$base"
room signer/sgx "$sgx"
room signer/quorum "$quorum"
room signer/ui "$base|signer/ui/$name"
room signer/ceremony "$ceremony|signer/ui/report"
room hsm "$base|hsm/$name"
room hsm/token "$base|hsm/$name|hsm/token/$name"
room bundle/stream "$base|bundle/stream/$name|signer/sgx/(findings|layout)"
room bundle/elf "$base|bundle/elf/$name"
room bundle/orc "$base|bundle/orc/$name"
room bundle/container "$base|bundle/(container/$name|orc/bundle|elf/elf(_reads)?|stream/sgxs)|signer/sgx/(launch|sigstruct)"
room bundle/sdk "$base|bundle/(sdk|container|elf|stream)/$name"
room bundle/gramine "$base|bundle/(gramine|container|elf|stream)/$name"
room bundle "$base|bundle/$name|bundle/(container|gramine|sdk)/$name|bundle/(orc/bundle|elf/elf)"
room signer/flow "$flow"
room signer/cmd "$flow|signer/cmd/$name"
for verb in approve check compare quorum resign show sign verify; do
    room "signer/cmd/$verb" "$flow|signer/cmd/cmd|signer/cmd/$verb/$name"
done
room signer "$base|signer/(ui|flow|cmd)/$name" main.c
[ "$covered" -eq "${#all[@]}" ] || fail "a source file lies in a directory that no line above names"

# ---- the lower layers are silent and know no process: no print, prompt, exit, environment ----
# The exception is the handler of a forbidden system call.
no '\b(v?printf|puts|putchar|putc|perror|fputs|fputc|v?fprintf|v?dprintf|v?warnx?|v?errx?|v?syslog)[[:space:]]*\(' \
    'what lies below cmd never print' "$nowhere" "${lower[@]}"
no '\b(stdout|stderr|stdin|STDIN_FILENO|STDOUT_FILENO|STDERR_FILENO)\b' \
    'what lies below cmd never touch the standard streams' "$nowhere" "${lower[@]}"
no '\b(getpass|isatty|ttyname|ctermid|tcgetattr|tcsetattr)\b' \
    'what lies below cmd never prompt' "$nowhere" "${lower[@]}"
no '\b(exit|_exit|_Exit|quick_exit|abort|assert)[[:space:]]*\(' \
    'what lies below cmd never end the process' '^signer/base/(wall_calls|apart)\.c:' "${lower[@]}"
no '\b((secure_)?getenv|setenv|putenv|unsetenv|environ)\b' \
    'what lies below cmd never read the environment' "$nowhere" "${lower[@]}"

# ---- who writes to a terminal: two files, which make every text printable line by line ----
no '\b(stderr|STDERR_FILENO)\b' 'only signer/ui/notice.c writes to stderr: what files and tokens say is made printable there' \
    '^signer/ui/notice\.c:' "${all[@]}"
# Help and version hold no values (options_help.c, help.c, main.c); results of bytes go where no terminal is (output.c, install.c).
no '\b(stdout|STDOUT_FILENO)\b|\b(v?printf|puts|putchar|putc|perror|fputs|fputc|fwrite|v?fprintf|v?dprintf)[[:space:]]*\(' \
    'only signer/ui/notice.c prints text for people' \
    '^signer/ui/(notice|options_help|output)\.c:|^signer/cmd/help\.c:|^signer/flow/install\.c:|^signer/main\.c:|^signer/base/err\.h:' "${all[@]}"
while IFS= read -r hit; do
    fail "$hit: only signer/ui/screen.c opens the terminal, and base/spawn.c for a child; hsm/token/forbid.c keeps modules from typing"
done < <(cd "$OLDPWD" && grep -n '"/dev/\(tty\|console\|std\)\|ctermid\|TIOCSTI' "${all[@]}" /dev/null | grep -vE '^(signer/(ui/screen|base/spawn)|hsm/token/forbid)\.c:')

# ---- one home for each dependency ----
home() { # HEADER FILES RULE: only files like FILES include headers like HEADER
    no "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($1)" "$3" "^($2):" "${all[@]}"
}
home 'libp11\.h' 'hsm/token/[a-z0-9_]+\.c' 'libp11 belongs to hsm/token'
home 'p11-kit/' 'hsm/token/internal\.h' 'the PKCS#11 types belong to hsm/token'
home 'seccomp\.h' 'signer/base/wall_calls\.c' 'libseccomp belongs to signer/base/wall_calls.c'
home 'hsm/token/' 'hsm/token/[a-z0-9_]+\.[ch]' 'what has the module is linked into ensign-token alone'
# Foreign code is loaded, and spoken to, below hsm/token alone. The names of calls stand in hsm/page.*, for words.
mapfile -t outside < <(printf '%s\n' "${all[@]}" | grep -v '^hsm/token/')
no '\b(dlopen|dlsym|dlmopen|CK_[A-Z_]+|CKR_[A-Z_]+|CKA_[A-Z_]+|CKM_[A-Z_]+)\b' 'foreign code is loaded below hsm/token only' \
    '^hsm/page\.[ch]:' "${outside[@]}"
home 'zlib\.h' 'bundle/orc/unpack\.c' 'zlib belongs to bundle/orc/unpack.c'
home 'isa-l' 'bundle/orc/unpack\.c' 'ISA-L belongs to bundle/orc/unpack.c'
home 'zip\.h' 'bundle/orc/archive\.c' 'libzip belongs to bundle/orc/archive.c'
# Cargo's answer is JSON and no manifest: bundle has no business with it.
home 'jansson\.h' 'bundle/orc/manifest[a-z0-9_]*\.c|signer/flow/cargo\.c' \
    'jansson belongs to bundle/orc/manifest*.c and signer/flow/cargo.c'
home 'openssl/(bn|rand)\.h' 'signer/sgx/rsa3072[a-z0-9_]*\.c|signer/quorum/(number|seal)\.c' \
    'plain integers belong to signer/sgx/rsa3072*.c and signer/quorum/number.c'
home 'openssl/(rsa|pem|x509|x509v3|core_names|param_build|params|decoder|encoder)\.h' 'signer/sgx/rsa3072[a-z0-9_]*\.c|signer/quorum/seal\.c' \
    'RSA and PEM belong to signer/sgx/rsa3072*.c, OAEP to signer/quorum/seal.c'
home 'openssl/evp\.h' 'signer/base/(digest|xof|base64|tie)\.c|signer/sgx/rsa3072[a-z0-9_]*\.c|signer/quorum/seal\.c' \
    'digests belong to signer/base/digest.c and xof.c, base64 to signer/base/base64.c, sums to tie.c, keys to signer/sgx/rsa3072*.c, seals to signer/quorum/seal.c'
home 'openssl/err\.h' 'signer/base/ossl\.c' "OpenSSL's error queue belongs to signer/base/ossl.c"
home 'openssl/' 'signer/base/(base64|digest|ossl|tie|xof)\.c|signer/sgx/rsa3072[a-z0-9_]*\.c|signer/quorum/(number|seal)\.c' 'OpenSSL belongs to the files above'
homes=$(grep -lE '#[[:space:]]*include[[:space:]]*<libp11\.h>' "${all[@]}" | wc -l)
[ "$homes" -le 1 ] || fail "libp11.h is included by $homes files: one file of hsm is its home"
standard='(assert|stdatomic|ctype|endian|errno|fcntl|getopt|inttypes|limits|signal|stdalign|stdarg|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|time|unistd|sys/[a-z]+)'
# What hsm/token/internal.h includes stays inside hsm/token.
no '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' "no library's header in a header" \
    ":#include <$standard\\.h>\$|^hsm/token/internal\\.h:[0-9]+:#include <p11-kit/pkcs11\\.h>\$" "${headers[@]}"
no '\b(malloc|calloc|realloc|reallocarray|free|strdup|strndup|v?asprintf|aligned_alloc|memalign|posix_memalign)[[:space:]]*\(' \
    'the malloc family belongs to signer/base/mem.c' '^signer/base/(mem\.c|banned\.h):' "${all[@]}"

# ---- what reads a file does not judge it: container.h has the types of the judges, for struct site ----
mapfile -t readers < <(below bundle/elf bundle/container bundle/gramine bundle/sdk bundle/orc; find bundle -maxdepth 1 -name '*.[ch]' | sort)
no '\b(sgxs_(new|put|finish)|launch_[a-z_]+|(verify|findings|params|rsa3072)_[a-z0-9_]+)[[:space:]]*\(' \
    'what lays out an enclave shares no code with its judges' "$nowhere" "${readers[@]}"

# ---- no signature leaves unverified ----
no '\bhsm_sign\b' 'only signer/flow/token.c, which verifies, may call hsm_sign' \
    '^signer/flow/token\.c:|^hsm/(hsm\.h|client\.c):[0-9]+:bool hsm_sign\(' "${all[@]}"

# ---- house style ----
no '\b(goto|setjmp|longjmp)\b' 'no jumps: ENS_CLEANUP releases' "$nowhere" "${all[@]}"
for file in "${headers[@]}"; do
    [ "$(grep -c '^#pragma once$' "$file")" -eq 1 ] || fail "$file: a header has one #pragma once"
done
for file in "${all[@]}"; do
    own=${file%.c}.h
    [ -f "$own" ] || continue
    first=$(grep -m 1 -E '^[[:space:]]*#[[:space:]]*include' "$file" || true)
    [ "$first" = "#include \"$own\"" ] || fail "$file: its own header comes first, found ${first:-none}"
done

[ "$broken" -eq 0 ] || exit 1
echo "layers: ok (${#all[@]} files)"
