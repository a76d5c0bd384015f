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
    mkdir -p "$code/${file%/*}"
    perl -0777 -pe '
        s{ (/\*.*?\*/) | //[^\n]* | (^[ \t]*\#[ \t]*include[^\n]*) | "(?:\\.|[^"\\\n])*" | (\x27(?:\\.|[^\x27\\\n])*\x27) }
         { defined $1 ? "\n" x ($1 =~ tr/\n//) : defined $2 ? $2 : defined $3 ? "0" : q("") }gsxme
    ' "$file" >"$code/$file"
done
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
mapfile -t lower < <(below signer/base signer/sgx signer/ceremony hsm bundle)

# ---- who includes whom ----
project='^[[:space:]]*#[[:space:]]*include[[:space:]]*"'
covered=0
may_include() { # MODULE PATHS: the project headers that its files may include, as a regular expression
    local files
    mapfile -t files < <(below "$1")
    covered=$((covered + ${#files[@]}))
    no "$project" "$1 may not include this" ":#include \"($2)\\.h\"\$" "${files[@]}"
}
# hsm shows one header to the outside, bundle two.
may_include signer/base 'signer/base/[a-z0-9_]+'
may_include signer/sgx 'signer/(base|sgx)/[a-z0-9_]+'
may_include signer/ceremony 'signer/(base|sgx|ceremony)/[a-z0-9_]+'
may_include hsm '(signer/base|hsm)/[a-z0-9_]+'
may_include bundle '(signer/base|bundle)/[a-z0-9_]+'
may_include signer/cmd 'signer/(base|sgx|ceremony|cmd)/[a-z0-9_]+|hsm/hsm|bundle/(bundle|container)'
may_include signer/offline 'signer/base/[a-z0-9_]+|bundle/bundle'
may_include signer/main.c 'signer/(base|cmd)/[a-z0-9_]+'
[ "$covered" -eq "${#all[@]}" ] || fail "a source file lies in a directory that no line of may_include names"

# ---- the lower layers are silent and know no process: no print, prompt, exit, environment ----
# hsm/watch.c is the one exception, and says why: it speaks when the thread that could return an error hangs.
no '\b(v?printf|puts|putchar|putc|perror|fputs|fputc|v?fprintf|v?dprintf|v?warnx?|v?errx?|v?syslog)[[:space:]]*\(' \
    'what lies below cmd never print' "$nowhere" "${lower[@]}"
no '\b(stdout|stderr|stdin|STDIN_FILENO|STDOUT_FILENO|STDERR_FILENO)\b' \
    'what lies below cmd never touch the standard streams' '^hsm/watch\.c:' "${lower[@]}"
no '\b(getpass|isatty|ttyname|ctermid|tcgetattr|tcsetattr)\b' \
    'what lies below cmd never prompt' "$nowhere" "${lower[@]}"
no '\b(exit|_exit|_Exit|quick_exit|abort|assert)[[:space:]]*\(' \
    'what lies below cmd never end the process' '^hsm/watch\.c:' "${lower[@]}"
no '\b((secure_)?getenv|setenv|putenv|unsetenv|environ)\b' \
    'what lies below cmd never read the environment' "$nowhere" "${lower[@]}"

# ---- who writes to a terminal: two files, which make every text printable line by line ----
no '\b(stderr|STDERR_FILENO)\b' 'only signer/cmd/notice.c writes to stderr: what files and tokens say is made printable there' \
    '^signer/cmd/notice\.c:|^hsm/watch\.c:' "${all[@]}"
# What is JSON is ASCII (doc.c), help and version hold no values (opts.c, main.c); results of bytes go where
# no terminal is (output.c, deliver.c).
no '\b(stdout|STDOUT_FILENO)\b|\b(v?printf|puts|putchar|putc|perror|fputs|fputc|fwrite|v?fprintf|v?dprintf)[[:space:]]*\(' \
    'only signer/cmd/notice.c prints text for people' \
    '^signer/cmd/(notice|doc|opts|output|deliver)\.c:|^signer/main\.c:|^signer/base/err\.h:' "${all[@]}"
while IFS= read -r hit; do
    fail "$hit: only signer/cmd/screen.c opens the terminal, and base/process.c for a child"
done < <(cd "$OLDPWD" && grep -n '"/dev/\(tty\|console\|std\)\|ctermid\|TIOCSTI' "${all[@]}" /dev/null | grep -vE '^signer/(cmd/screen|base/process)\.c:')

# ---- one home for each dependency ----
home() { # HEADER FILES RULE: only files like FILES include headers like HEADER
    no "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($1)" "$3" "^($2):" "${all[@]}"
}
home 'libp11\.h' 'hsm/[a-z0-9_]+\.c' 'libp11 belongs to hsm'
home 'p11-kit/' 'hsm/[a-z0-9_]+\.c|hsm/internal\.h' 'the PKCS#11 types belong to hsm'
home 'zlib\.h' 'bundle/unpack\.c' 'zlib belongs to bundle/unpack.c'
home 'isa-l' 'bundle/unpack\.c' 'ISA-L belongs to bundle/unpack.c'
home 'zip\.h' 'bundle/archive\.c' 'libzip belongs to bundle/archive.c'
# Cargo's answer is JSON and no manifest: bundle has no business with it.
home 'jansson\.h' 'bundle/manifest[a-z0-9_]*\.c|signer/cmd/cargo\.c' \
    'jansson belongs to bundle/manifest*.c and signer/cmd/cargo.c'
home 'openssl/(bn|rsa|pem|x509|x509v3|core_names|param_build|params|decoder|encoder)\.h' 'signer/sgx/rsa3072[a-z0-9_]*\.c' \
    'RSA and PEM belong to signer/sgx/rsa3072*.c'
home 'openssl/evp\.h' 'signer/base/(digest|base64|tie)\.c|signer/sgx/rsa3072[a-z0-9_]*\.c' \
    'digests belong to signer/base/digest.c, base64 to signer/base/base64.c, sums to tie.c, keys to signer/sgx/rsa3072*.c'
home 'openssl/err\.h' 'signer/base/ossl\.c' "OpenSSL's error queue belongs to signer/base/ossl.c"
home 'openssl/' 'signer/base/(base64|digest|ossl|tie)\.c|signer/sgx/rsa3072[a-z0-9_]*\.c' 'OpenSSL belongs to the files above'
homes=$(grep -lE '#[[:space:]]*include[[:space:]]*<libp11\.h>' "${all[@]}" | wc -l)
[ "$homes" -le 1 ] || fail "libp11.h is included by $homes files: one file of hsm is its home"
standard='(assert|ctype|endian|errno|fcntl|getopt|inttypes|limits|signal|stdalign|stdarg|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|time|unistd|sys/[a-z]+)'
# What hsm/internal.h includes stays inside hsm (may_include above).
no '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' "no library's header in a header" \
    ":#include <$standard\\.h>\$|^hsm/internal\\.h:[0-9]+:#include <p11-kit/pkcs11\\.h>\$" "${headers[@]}"
no '\b(malloc|calloc|realloc|reallocarray|free|strdup|strndup|v?asprintf|aligned_alloc|memalign|posix_memalign)[[:space:]]*\(' \
    'the malloc family belongs to signer/base/mem.c' '^signer/base/(mem\.c|banned\.h):' "${all[@]}"

# ---- no signature leaves unverified ----
no '\bhsm_sign\b' 'only signer/cmd/token.c, which verifies, may call hsm_sign' \
    '^signer/cmd/token\.c:|^hsm/[a-z0-9_]+\.[ch]:[0-9]+:bool hsm_sign\(' "${all[@]}"

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
