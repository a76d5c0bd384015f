#!/usr/bin/env bats
# compare of two Gramine manifests, without libpal.so: the first line names the culprit, the rest says all of it.
load helpers

VECTORS=$DATA/../measure/gramine/vectors

# hash N: a SHA-256 of its own.
hash() {
    printf '%064x' "$1"
}

# manifest OUT [SED...]: an expanded manifest as gramine-sgx-sign writes it, edited.
manifest() {
    local out=$1 i
    shift
    {
        printf '[loader]\nlog_level = "error"\n\n[loader.entrypoint]\nuri = "file:libsysdb.so"\nsha256 = "%s"\n\n' "$(hash 1)"
        printf '[loader.env]\nLD_LIBRARY_PATH = "/lib"\n\n[fs]\nmounts = [\n'
        printf '    { path = "/lib", uri = "file:/gramine/lib" },\n    { type = "tmpfs", path = "/tmp" },\n]\n\n'
        printf '[sgx]\nenclave_size = "32M"\nmax_threads = 4\ndebug = false\n\n'
        for i in 2 3 4; do
            printf '[[sgx.trusted_files]]\nuri = "file:lib/%s.so"\nsha256 = "%s"\n\n' "$i" "$(hash "$i")"
        done
        printf '[[sgx.allowed_files]]\nuri = "file:log"\n'
    } | sed -e '' "${@/#/-e}" >"$out"
}

# differ FIRST-LINE [SED...]: a.m against the edited b.m.
differ() {
    local first=$1
    shift
    manifest b.m "$@"
    compared "$first" a.m b.m
}

# compared FIRST-LINE A B: other enclave.
compared() {
    A=$2 B=$3
    ens compare "$A" "$B"
    exits 1
    [ "$(head -1 "$OUT")" = "other enclave: $1" ] || fail "the first line is $(head -1 "$OUT")"
    [ "$(head -1 "$OUT" | wc -m)" -le 81 ]
    FIRST=$1
    unchanged
}

# json FILTER: of the same two in JSON, which has the same first line.
json() {
    "$ENSIGN" compare --json "$A" "$B" >"$BATS_TEST_TMPDIR/json" && fail "exit 0"
    [ "$(jq -c '[.kind, .verdict, .same_enclave]' "$BATS_TEST_TMPDIR/json")" = '["compare","other enclave",false]' ]
    [ "$(jq -r .summary "$BATS_TEST_TMPDIR/json")" = "$FIRST" ]
    jq -c "$1" "$BATS_TEST_TMPDIR/json"
}

has() {
    grep -qxF -- "$1" "$OUT" || fail "no line '$1' in:" "$(cat "$OUT")"
}

# change WHAT CHANGE NAME A B: JSON has it, null as it is.
change() {
    local want
    want=$(jq -nc --arg what "$1" --arg change "$2" --arg name "$3" --arg a "$4" --arg b "$5" \
        '[$what, $change, $name, (if $a == "null" then null else $a end), (if $b == "null" then null else $b end)]')
    [ "$(json ".changes[] | [.what, .change, .name, .a, .b] | select(. == $want)")" = "$want" ] ||
        fail "JSON does not say $want:" "$(cat "$BATS_TEST_TMPDIR/json")"
}

@test "the libcurl story: the first line names the library, and nothing else differs" {
    [ -d "$VECTORS" ] || need_shared
    cp "$VECTORS"/drift-[ab].manifest.sgx .
    compared '1 trusted file changed: file:usr/lib/libcurl-gnutls.so.4' drift-a.manifest.sgx drift-b.manifest.sgx
    has '  A 8517ee82e779c8c40fb8003d241162917f50ecc5a6feb9efc94ae00af1beec2a'
    has '  B a4110cb1a9885b4ac1d2eaf027c996f3ddf29a70f9ae68a05d5004c97bef9e30'
    has 'Other keys      none differs'
    grep -q 'not known without --libpal FILE$' "$OUT"
    [ "$(json '.changes | length')" = 1 ]
}

@test "the same bytes: the same enclave, as far as manifests go" {
    manifest a.m
    cp a.m b.m
    ens compare a.m b.m
    ok
    [ "$(head -1 "$OUT")" = 'same enclave; the manifests are the same bytes' ]
    grep -q '^MRENCLAVE  .*the same with the same libpal.so' "$OUT"
    ens compare --json a.m b.m
    ok
    [ "$(jq -c '[.same_enclave, .same_meaning, .changes, .a.mrenclave]' "$OUT")" = '[true,true,[],null]' ]
}

@test "with libpal.so both have an MRENCLAVE, which the second implementation gives as well" {
    manifest a.m
    manifest b.m 's/debug = false/debug = true/'
    "$PYTHON" - a.m b.m >want <<'PY'
import sys
import gramine
open("libpal.so", "wb").write(gramine.LIBPAL)
for name in sys.argv[1:]:
    print(gramine.Enclave(open(name, "rb").read(), gramine.LIBPAL, (1, 9)).mrenclave().hex())
PY
    ens compare --libpal libpal.so a.m b.m
    exits 1
    [ "$(head -1 "$OUT")" = 'other enclave: 1 key changed: sgx.debug' ]
    [ "$(grep -xE '  [0-9a-f]{64}' "$OUT" | tr -d ' ')" = "$(cat want)" ]
    ens compare --json --libpal libpal.so a.m b.m
    exits 1
    [ "$(jq -r '.a.mrenclave, .b.mrenclave' "$OUT")" = "$(cat want)" ]
    ens compare --libpal libpal.so a.m a.m
    ok
    grep -q "^MRENCLAVE of both *$(head -1 want)$" "$OUT"
}

@test "trusted files: changed, gone, new, several, and many" {
    manifest a.m
    differ '1 trusted file changed: file:lib/3.so' "s/$(hash 3)/$(hash 9)/"
    change trusted_file changed file:lib/3.so "$(hash 3)" "$(hash 9)"
    has 'Trusted files   1 changed, 0 only in A, 0 only in B'
    differ '1 trusted file only in A: file:lib/4.so' '/trusted/{N;/4.so/{N;d}}'
    change trusted_file only_a file:lib/4.so "$(hash 4)" null
    has '  B is not there'
    differ '1 trusted file only in A: file:lib/4.so; 1 trusted file only in B' 's/4\.so/5.so/'
    change trusted_file only_b file:lib/5.so null "$(hash 4)"
    differ '3 trusted files changed, first file:lib/2.so' '/trusted/,$s/"00/"ff/'
    [ "$(json '.changes | length')" = 3 ]
    differ '1 trusted file changed: file:lib/2.so; 1 key changed' "s/$(hash 2)/$(hash 9)/" 's/threads = 4/threads = 8/'
    # More than a screen has: twenty of them, and a way to all.
    for i in {100..130}; do
        printf '\n[[sgx.trusted_files]]\nuri = "file:many/%s"\nsha256 = "%s"\n' "$i" "$(hash "$i")"
    done | cat a.m - >many.m
    compared '31 trusted files only in B, first file:many/100' a.m many.m
    has '  file:many/119'
    not grep -q 'many/120' "$OUT"
    has '  and 11 more: --all or --json'
    ens compare --all a.m many.m
    exits 1
    has '  file:many/130'
    # What is more than a name and a hash counts.
    differ '1 trusted file changed: file:lib/3.so' "/$(hash 3)/a extra = true"
    # A hash has one value in either case.
    local hex
    hex=$(hash 3 | sed 's/000/aBc/')
    manifest b.m "s/$(hash 3)/$hex/"
    manifest c.m "s/$(hash 3)/${hex^^}/"
    compared 'only order and spelling differ, and are measured too' b.m c.m
}

@test "the pinned entrypoint, allowed files, mounts and other keys, each by its name" {
    manifest a.m
    differ '1 pinned loader.entrypoint changed: file:libsysdb.so' "s/$(hash 1)/$(hash 9)/"
    change entrypoint changed file:libsysdb.so "$(hash 1)" "$(hash 9)"
    grep -q '^Next: another build of Gramine' "$OUT"
    differ '1 allowed file only in A: file:log; 1 allowed file only in B' 's/file:log/file:other/'
    differ '1 mount changed: /lib' 's,/gramine/lib,/usr/lib,'
    change mount changed /lib '{path = "/lib", uri = "file:/gramine/lib"}' '{path = "/lib", uri = "file:/usr/lib"}'
    differ '1 mount only in A: /tmp' '/tmpfs/d'
    differ '1 key changed: sgx.debug' 's/debug = false/debug = true/'
    has '  sgx.debug  false / true'
    has 'Trusted files   none differs'
    differ '1 key only in B: loader.env."A.B"' 's/^LD_L.*/&\n"A.B" = 1/'
    change key only_b 'loader.env."A.B"' null 1
    differ '1 key changed: loader.log_level' 's/"error"/["error"]/'
    differ '1 key only in B: sgx.cpu_features' 's/^debug.*/&\ncpu_features = {}/'
    differ '1 key changed: loader.log_level' 's/"error"/"'"$(printf 'x%.0s' {1..300})"'"/'
    grep -q '^  B "x\{199\} \.\.\.$' "$OUT"
    # A value is its own: no text looks like a list.
    manifest a.m 's/^debug.*/&\nargv = ["a", "b"]/'
    differ '1 key changed: sgx.argv' 's/^debug.*/&\nargv = ["a\\", \\"b"]/'
}

@test "only order and spelling: the same meaning, another MRENCLAVE, and the reason" {
    local same='only order and spelling differ, and are measured too'
    manifest a.m
    differ "$same" 's/threads = 4/threads = 0x4/'
    has '  A max_threads = 4'
    has '  B max_threads = 0x4'
    [ "$(json '[.same_meaning, .first_line, .other_order]')" = "[true,$(sed -n '/^max_threads/=' a.m),[]]" ]
    differ "$same" '1s/^/# made on Monday\n/'
    differ "$same" 's/$/\r/'
    differ "$same" "s/\"error\"/'error'/"
    # Keys, and the two writers of tables: inline or [[]].
    differ "$same" '/^enclave_size/{h;d};/^debug/G'
    has 'Order           the keys stand in another order'
    differ "$same" 's/{ type = "tmpfs", path = "\/tmp" }/{ path = "\/tmp", type = "tmpfs" }/'
    differ "$same" '/^mounts/d' '/gramine\/lib/c [[fs.mounts]]\npath = "/lib"\nuri = "file:/gramine/lib"' \
        '/tmpfs/c [[fs.mounts]]\ntype = "tmpfs"\npath = "/tmp"' '/^]$/d'
    # Entries.
    sed "s/lib\/2/lib\/x/;s/lib\/3/lib\/2/;s/lib\/x/lib\/3/;s/$(hash 2)/x/;s/$(hash 3)/$(hash 2)/;s/\"x\"/\"$(hash 3)\"/" a.m >b.m
    compared "$same" a.m b.m
    has 'Order           the trusted files stand in another order'
    [ "$(json .other_order)" = '["trusted_file"]' ]
    differ "$same" '/gramine\/lib/{h;d};/tmpfs/G'
    has 'Order           the mounts stand in another order, which Gramine follows'
}

@test "one file with two hashes in one manifest is said" {
    manifest a.m
    differ '1 trusted file only in A: file:lib/4.so; 1 trusted file only in B' 's,lib/4.so,lib/3.so,'
    has 'Two hashes      B has two of file:lib/3.so: Gramine 1.6 and later refuse it'
    [ "$(json .two_hashes)" = '["file:lib/3.so"]' ]
    # Twice the same is another matter.
    differ '1 trusted file only in B: file:lib/3.so' '0,/trusted/s/^\[\[sgx.trusted.*/&\nuri = "file:lib\/3.so"\nsha256 = "'"$(hash 3)"'"\n\n&/'
    [ "$(json .two_hashes)" = '[]' ]
}

@test "a template, a manifest that is not expanded, and text that is no TOML are refused with the reason" {
    manifest a.m
    manifest b.m 's/"error"/"{{ log_level }}"/'
    ens compare a.m b.m
    refused 65 'b\.m: .*template'
    manifest b.m "/$(hash 3)/d"
    ens compare b.m a.m
    refused 65 'b\.m: .*not expanded'
    manifest b.m 's/^\[loader.env\]/[loader]/'
    ens compare a.m b.m
    refused 65 'b\.m: line 8, column 9: the table is there twice'
    # Something else is measured, which a manifest alone is not.
    enclave app.sgxs
    ens compare a.m app.sgxs
    refused 65 'a\.m: .*--libpal'
    ens compare app.sgxs a.m
    refused 65 'a\.m: .*--libpal'
}

@test "hostile names and values: printable, short, and never two lines" {
    manifest a.m
    manifest b.m '$a [[sgx.trusted_files]]\nuri = "file:\\u001b[31mred\\n\\u202e"\nsha256 = "'"$(hash 7)"'"'
    ens compare a.m b.m
    exits 1
    plain "$OUT"
    [ "$(head -1 "$OUT")" = 'other enclave: 1 trusted file only in B: file:?[31mred??' ]
    long=$(printf 'dir/%.0s' {1..60})
    manifest b.m "s,lib/3.so,${long}3.so,"
    ens compare a.m b.m
    exits 1
    [ "$(head -1 "$OUT" | wc -m)" -le 81 ]
    head -1 "$OUT" | grep -q '^other enclave: 1 trusted file only in A: file:lib/3.so; 1 trusted file only in B$'
    ens compare b.m a.m
    exits 1
    [ "$(head -1 "$OUT" | wc -m)" = 81 ]
    head -1 "$OUT" | grep -q '^other enclave: 1 trusted file only in A: \.\.\..*dir/3\.so; and more$'
    # Long names above many keys would be repeated for each of them.
    "$PYTHON" -c 'print("[sgx]\n[" + "a" * 1000000 + "]"); [print("k%d = 1" % i) for i in range(1000)]' >b.m
    ens compare b.m b.m
    refused 65 'too long to be compared'
}
