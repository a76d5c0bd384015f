#!/usr/bin/env bats
# What holds for every command: how it is called, what goes where, how files appear.

load helpers

COMMANDS=(gen-sign-data sgx-gen-sign-data sign set-sig sgx-set-sig keygen pubkey keys extract show)

@test "ensign alone is a usage error" {
    ens
    usage
}

@test "--version prints one line on stdout" {
    ens --version
    ok
    [ "$(wc -l <"$OUT")" -eq 1 ]
    prints '^ensign [0-9]+\.[0-9]+'
    [ ! -s "$ERR" ]
}

@test "--version --verbose: the libraries, and the parts of the wall" {
    ens --version --verbose
    ok
    [ "$(wc -l <"$OUT")" -eq 5 ]
    [ "$(head -1 "$OUT")" = "$("$ENSIGN" --version)" ]
    prints '^libraries: .*libcrypto\.so\.3'
    prints '^wall: '
    prints '^missing: '
    prints '^Landlock: version [0-9]+$'
    for args in '--version --verbose x' '--version -v'; do
        # shellcheck disable=SC2086
        ens $args
        usage 'takes nothing'
    done
}

@test "help and --help print every command on stdout and exit 0" {
    ens --help
    ok
    [ ! -s "$ERR" ]
    for command in "${COMMANDS[@]}"; do
        prints "(^|[[:space:]])$command([[:space:]]|$)"
    done
    cp "$OUT" all
    ens help
    ok
    same "$OUT" all
}

@test "COMMAND --help and help COMMAND print the same on stdout, for each command" {
    for command in "${COMMANDS[@]}"; do
        ens "$command" --help
        ok
        [ ! -s "$ERR" ]
        prints "$command"
        prints '(^|[ ,])--help'
        cp "$OUT" text
        ens help "$command"
        ok
        same "$OUT" text
        plain text
    done
}

# help_names COMMAND OPTION...: the help of the command names each option.
help_names() {
    local option
    ens "$1" --help
    ok
    for option in "${@:2}"; do
        prints "(^|[^[:alnum:]-])$option([^[:alnum:]-]|$)"
    done
}

SIGSTRUCT=(--date -s --swdefined -p --isvprodid -v --isvsvn -m --miscselect -a --attributes -x
    --xfrm --32bit -d --debug --forbid-debug --isvfamilyid --isvextprodid --cet-attributes --from
    --allow-unusual)

@test "the help of each command names its options" {
    help_names gen-sign-data "${SIGSTRUCT[@]}" --component --digest -o --output --force --quiet
    help_names sgx-gen-sign-data "${SIGSTRUCT[@]}" --component
    help_names set-sig "${SIGSTRUCT[@]}" --sign-data --component --to -o --output --force \
        --ephemeral-key
    help_names sgx-set-sig "${SIGSTRUCT[@]}" --component
    help_names sign --key --module --module-args --pin-source --mrsigner --mechanism \
        --hsm-timeout --dry-run --yes --blind --allow-unusual --allow-final-try -o --output --force
    help_names keygen --token --label --id --pubkey --module --pin-source
    help_names pubkey --key --module -o --output
    help_names keys --token --json --require --module
    help_names extract --component --sign-data -o --output
    help_names show --json
}

@test "help for an unknown command is a usage error" {
    ens help sing
    usage sing sign
}

@test "an unknown command names the nearest one" {
    ens gen-sign-dta x
    usage gen-sign-dta 'gen-sign-data'
    ens sgin x
    usage sgin '\bsign\b'
    ens set-sg a b c
    usage set-sg 'set-sig'
    ens extrat a
    usage extrat 'extract'
    ens key-gen
    usage key-gen keygen
}

@test "an unknown option names the nearest one" {
    enclave e.sgxs
    ens gen-sign-data --isvsnv 1 e.sgxs
    usage isvsnv '--isvsvn'
    ens gen-sign-data e.sgxs --ouput o
    usage ouput '--output'
    ens show --jsno e.sgxs
    usage jsno '--json'
    ens sign --mechansim auto e.sgxs
    usage mechansim '--mechanism'
    ens gen-sign-data -Z e.sgxs
    usage Z
}

@test "an option that is not the command's own is refused" {
    enclave e.sgxs
    ens show --isvsvn 1 e.sgxs
    usage isvsvn
    ens extract --key pkcs11:token=a e.sgxs
    usage key
    ens gen-sign-data --blind e.sgxs
    usage blind
}

@test "an option without its argument is refused" {
    enclave e.sgxs
    ens gen-sign-data e.sgxs --isvsvn
    usage isvsvn
    ens gen-sign-data e.sgxs -o
    usage
    ens sign e.sgxs --key
    usage key
}

@test "an argument to an option that takes none is refused" {
    enclave e.sgxs
    ens show --json=yes e.sgxs
    usage json
    # Of orc's flags a word is taken, as Go reads one, and nothing else.
    ens gen-sign-data --debug=perhaps e.sgxs
    usage debug
}

@test "a wrong number of arguments is refused by each command" {
    enclave e.sgxs
    bundle b.orc
    for line in gen-sign-data 'gen-sign-data e.sgxs e.sgxs' sgx-gen-sign-data \
        'sgx-gen-sign-data e.sgxs e.sgxs' set-sig 'set-sig b.orc' \
        'set-sig b.orc e.sgxs e.sgxs e.sgxs' sgx-set-sig 'sgx-set-sig b.orc' \
        extract 'extract b.orc b.orc' show 'show b.orc b.orc' \
        'keygen --token pkcs11:token=a --label l x' 'pubkey --key pkcs11:object=a x' 'keys x' \
        'sign --key pkcs11:object=a --yes'; do
        # shellcheck disable=SC2086
        ens $line
        usage
    done
}

@test "what a command cannot do without is asked for" {
    enclave e.sgxs
    ens sign --yes e.sgxs
    usage '--key'
    ens pubkey
    usage '--key'
    ens keygen --label l
    usage '--token'
    ens keygen --token pkcs11:token=a
    usage '--label'
}

@test "options are taken in any order, as --opt value and as --opt=value" {
    enclave e.sgxs
    ens gen-sign-data --date 20240229 --isvsvn 7 --output one e.sgxs
    ok
    ens gen-sign-data e.sgxs --output=two --isvsvn=7 --date=20240229
    ok
    ens gen-sign-data -v7 e.sgxs -otwo2 --date=20240229
    ok
    same one two
    same one two2
    [ "$(field one isvsvn)" = 0x7 ]
}

@test "-- ends the options" {
    enclave ./--json
    ens show -- --json
    ok
    prints "$MRENCLAVE"
    ens gen-sign-data --date 20240229 -o out -- --json
    ok
    size_is out 256
    ens gen-sign-data -- --json -o
    usage
}

@test "an input that is not there is 66" {
    bundle b.orc
    test_key one k.pem
    sign_data s.signdata "$MRENCLAVE"
    pem_sign k.pem s.signdata s.sig
    for line in 'gen-sign-data -o out nosuch' 'sgx-gen-sign-data nosuch' 'show nosuch' \
        'extract nosuch' 'set-sig b.orc nosuch k.pem.pub' 'set-sig b.orc s.sig nosuch' 'set-sig b.orc nosuch' \
        'set-sig nosuch s.sig k.pem.pub' 'set-sig --sign-data nosuch b.orc s.sig k.pem.pub' \
        'gen-sign-data --from nosuch -o out b.orc'; do
        # shellcheck disable=SC2086
        ens $line
        refused 66 nosuch
    done
}

@test "a directory is not an input" {
    mkdir d
    ens show d
    refused_either 65 66 '\bd\b'
}

@test "an error stays one line, whatever the file is called" {
    name=$'x\nensign: all is well\033[2J'
    ens show "$name"
    refused 66
    printf 'no artifact' >"$name"
    ens show "$name"
    refused 65
}

@test "without -o a binary result goes to stdout" {
    enclave e.sgxs
    ens gen-sign-data --date 20240229 e.sgxs
    ok
    size_is "$OUT" 256
    cp "$OUT" piped
    ens gen-sign-data --date 20240229 -o - e.sgxs
    ok
    same "$OUT" piped
    ens gen-sign-data --date 20240229 -o file e.sgxs
    ok
    [ ! -s "$OUT" ]
    same file piped
    files e.sgxs file piped
}

@test "a binary result is not written to a terminal" {
    enclave e.sgxs
    tty_ens -- gen-sign-data --date 20240229 e.sgxs
    exits 64
    [ "$(grep -c '^ensign: ' "$OUT")" -eq 1 ]
    unchanged
    sigstruct s.css one "$MRENCLAVE"
    tty_ens -- extract s.css
    exits 64
    tty_ens -- sgx-gen-sign-data e.sgxs
    exits 64
    sign_data s.signdata "$MRENCLAVE"
    tty_ens -- extract --sign-data s.css
    exits 64
    tty_ens -- gen-sign-data -o out e.sgxs
    exits 0
    size_is out 256
}

@test "a write to stdout that fails is an error" {
    enclave e.sgxs
    status=0
    ERR=$BATS_TEST_TMPDIR/stderr
    OUT=/dev/null
    # shellcheck disable=SC2034
    before=$(picture)
    "$ENSIGN" gen-sign-data e.sgxs >/dev/full 2>"$ERR" || status=$?
    refused 74
    status=0
    "$ENSIGN" show e.sgxs >/dev/full 2>"$ERR" || status=$?
    refused 74
}

@test "an existing output is kept with 73, and replaced with --force" {
    enclave e.sgxs
    sigstruct s.css one "$MRENCLAVE"
    echo precious >out
    for line in 'gen-sign-data -o out e.sgxs' 'extract -o out s.css' \
        'extract --sign-data -o out s.css' 'gen-sign-data --digest out -o new e.sgxs'; do
        # shellcheck disable=SC2086
        ens $line
        refused 73 '\bout\b' '--force'
    done
    ens gen-sign-data --date 20240229 --force -o out e.sgxs
    ok
    sign_data expected "$MRENCLAVE"
    same out expected
    files e.sgxs s.css out expected
}

@test "an output is never the input" {
    enclave e.sgxs
    ens gen-sign-data -o e.sgxs e.sgxs
    refused 73
}

@test "an output that cannot be created is 73" {
    enclave e.sgxs
    mkdir dir
    ens gen-sign-data -o nosuch/out e.sgxs
    refused 73 nosuch
    ens gen-sign-data -o dir e.sgxs
    refused 73 dir
    ens gen-sign-data --force -o dir e.sgxs
    refused 73 dir
    ens gen-sign-data -o e.sgxs/out e.sgxs
    refused 73
}

@test "a new output follows the umask" {
    enclave e.sgxs
    for pair in 022:644 027:640 077:600 000:666; do
        umask "${pair%:*}"
        ens gen-sign-data -o "out.$pair" e.sgxs
        umask 022
        ok
        mode_is "out.$pair" "${pair#*:}"
    done
}

@test "a replaced output keeps its mode" {
    enclave e.sgxs
    for mode in 600 640 444; do
        echo old >out
        chmod "$mode" out
        ens gen-sign-data --force -o out e.sgxs
        ok
        size_is out 256
        mode_is out "$mode"
        rm -f out
    done
}

@test "a bundle changed in place keeps its mode and owner" {
    bundle b.orc
    sigstruct s.css one "$MRENCLAVE"
    chmod 640 b.orc
    [ "$(id -u)" -ne 0 ] || chown 12345:54321 b.orc
    owner=$(stat -c %u:%g b.orc)
    ens set-sig b.orc s.css
    ok
    mode_is b.orc 640
    [ "$(stat -c %u:%g b.orc)" = "$owner" ]
    accepted bundle --written --mrenclave "$MRENCLAVE" b.orc
    files b.orc s.css
}

@test "a symbolic link is followed, and its target replaced" {
    enclave e.sgxs
    mkdir elsewhere
    echo old >elsewhere/target
    ln -s elsewhere/target link
    ens gen-sign-data -o link e.sgxs
    refused 73
    ens gen-sign-data --force -o link e.sgxs
    ok
    [ "$(readlink link)" = elsewhere/target ]
    size_is elsewhere/target 256
    files e.sgxs elsewhere elsewhere/target link
}

@test "a bundle behind a symbolic link is changed at its target" {
    mkdir elsewhere
    bundle elsewhere/b.orc
    sigstruct s.css one "$MRENCLAVE"
    ln -s elsewhere/b.orc hop
    ln -s hop link.orc
    ens set-sig link.orc s.css
    ok
    [ "$(readlink link.orc)" = hop ]
    [ "$(readlink hop)" = elsewhere/b.orc ]
    [ ! -L elsewhere/b.orc ]
    accepted bundle --written --mrenclave "$MRENCLAVE" elsewhere/b.orc
    files elsewhere elsewhere/b.orc hop link.orc s.css
}

@test "symbolic links that go in a circle end with 73 or 66" {
    enclave e.sgxs
    ln -s b a
    ln -s a b
    ens gen-sign-data --force -o a e.sgxs
    refused 73
    ens show a
    refused 66
}

@test "--quiet drops the review, not the warnings" {
    enclave e.sgxs
    ens gen-sign-data --date 20240229 -o out e.sgxs
    ok
    says "$MRENCLAVE"
    danger debug
    ens gen-sign-data --date 20240229 --quiet -o quiet e.sgxs
    ok
    warned debug
    not grep -v '^ensign: warning: ' "$ERR"
    same out quiet
    ens gen-sign-data --forbid-debug --quiet -o silent e.sgxs
    ok
    [ ! -s "$ERR" ]
    ens gen-sign-data --quiet --allow-unusual -a 0x5/0 -o unusual e.sgxs
    ok
    warned INIT
}

@test "there is no colour where there is no terminal, and none with NO_COLOR" {
    enclave e.sgxs
    ens show e.sgxs
    ok
    plain "$OUT"
    prints "$MRENCLAVE"
    export NO_COLOR=1
    tty_ens -- show e.sgxs
    exits 0
    prints "$MRENCLAVE"
    not grep -q $'\033' "$OUT"
    tty_ens -- gen-sign-data -o out e.sgxs
    exits 0
    not grep -q $'\033' "$OUT"
}

@test "a result goes to stdout, words go to stderr" {
    enclave e.sgxs
    ens show e.sgxs
    ok
    [ -s "$OUT" ]
    [ ! -s "$ERR" ] || not grep -qv '^ensign: warning: ' "$ERR"
    ens gen-sign-data --digest d -o out e.sgxs
    ok
    [ ! -s "$OUT" ]
    size_is d 32
}

@test "help takes one command, --version nothing" {
    for args in 'help sign show' '--help sign show' '--version x'; do
        # shellcheck disable=SC2086
        ens $args
        usage 'takes'
    done
    ens help sign
    ok
    ens --help
    ok
}

@test "a second mask is said to be one; a grouped MRSIGNER is taken" {
    enclave own.sgxs
    ens gen-sign-data -m 0/0/0 own.sgxs
    usage "is not a number and one mask"
    printf x >x
    local hex=00000000111111112222222233333333444444445555555566666666777777aa
    for option in --mrsigner --mrenclave; do
        ens verify $option "$(sed 's/......../& /g; s/ $//' <<<"$hex")" x
        exits 65
        ens verify $option "$(sed 's/....../& /g; s/ $//' <<<"$hex")" x
        usage 'hexadecimal digits'
    done
}

@test "a command of two words: its help, its list, what is missing and what is misspelt" {
    for args in 'help quorum' 'quorum help' 'quorum --help' 'quorum -h'; do
        # shellcheck disable=SC2086
        ens $args
        ok
        [ ! -s "$ERR" ]
        prints '^Usage: ensign quorum VERB'
        prints '^  quorum destroy '
        not grep '^  sign ' "$OUT"
    done
    ens quorum destroy --help
    ok
    prints '^Usage: ensign quorum destroy \[OPTIONS\]'
    cp "$OUT" text
    for args in 'help quorum destroy' 'quorum help destroy' 'quorum destroy -h'; do
        # shellcheck disable=SC2086
        ens $args
        ok
        same "$OUT" text
    done
    rm text
    ens help
    prints '^  quorum '
    not grep '^  quorum ' <(sed '/^  quorum  /d' "$OUT")
    ens quorum
    usage 'quorum: wants a second word: see ensign quorum help'
    ens quorum destroi --share x
    usage 'quorum destroi: unknown command: did you mean quorum destroy\?'
    ens help quorum destroi
    usage 'did you mean quorum destroy'
    ens quorun destroy
    usage 'quorun: unknown command: did you mean quorum\?'
    ens help quorum destroy sign
    usage 'takes one command'
    ens quorum destroy --shar x
    usage '.*unknown option of quorum destroy: did you mean --share'
}
