#!/usr/bin/env bats
# The help: the list of commands by host, a page for each command, its examples, and what is suggested for a slip.

load helpers
load make

OFFLINE=$ROOT/build/$VARIANT/ensign-offline

# Everything that the examples name.
fixtures() {
    local name
    signing_host
    test_key two two.pem
    import two.pem old 02
    mkdir ground ground/.ssh ground/approvals ground/partials
    cd ground || return 1
    enclave app.sgxs
    cp app.sgxs worker.sgxs
    app app.elf
    "$PYTHON" "$INTEROP/mkfortanix.py" worker.elf
    cargo_toml >Cargo.toml
    for name in app rebuilt one two; do bundle "$name.orc"; done
    "$ENSIGN" gen-sign-data -q --isvprodid 1 --isvsvn 7 --forbid-debug -o app.signdata app.orc
    pem_sign ../one.pem app.signdata app.sig
    cp ../one.pem.pub release.pem
    "$ENSIGN" set-sig -q --sign-data app.signdata -o release.orc app.orc app.sig release.pem
    "$ENSIGN" sgx-gen-sign-data -q -v 7 -o app.digest app.orc
    ssh-keygen -q -t ed25519 -N '' -C '' -f .ssh/id_ed25519
    people people alice .ssh/id_ed25519.pub
    policy release.policy 'approvals 1' 'approvers people'
    "$ENSIGN" approve -q --yes --ssh-key .ssh/id_ed25519 --pubkey release.pem -o approvals/alice.approval app.signdata
    "$ENSIGN" sign -q --yes --key "$RELEASE" --module "$SOFTHSM" --pin-source file:../pin --transcript room.log \
        -o ../room.sig app.signdata
    (umask 077 && echo 'correct horse battery' >pass)
    cp "$ROOT"/tests/vectors/quorum/[123].* .
    for name in alice.1 bob.2 carol.3; do
        mv "${name#*.}.card" "${name%.*}.card"
        mv "${name#*.}.identity" "${name%.*}.identity"
    done
    mkdir quorum signed deltas repairs
    "$ENSIGN" quorum deal -q --threshold 2 --card alice.card --card bob.card --card carol.card --from ../one.pem --allow-swap \
        --yes --out-dir quorum
    cp quorum/1.share alice.share
    "$ENSIGN" quorum refresh -q --yes --public quorum/quorum.pub --card alice.card --card bob.card --card carol.card \
        --out-dir deltas
    for name in 1.alice 3.carol; do
        "$ENSIGN" quorum sign -q --yes --share "quorum/${name%.*}.share" --identity "${name#*.}.identity" --pin-source file:pass \
            -o "partials/${name#*.}.partial" app.signdata
        "$ENSIGN" quorum repair -q --yes --share "quorum/${name%.*}.share" --identity "${name#*.}.identity" --pin-source file:pass \
            --for 2 --card bob.card -o "repairs/${name#*.}.repair"
    done
}

# rows PROGRAM [COMMAND]: the names that its help lists.
rows() {
    "$1" help "${@:2}" | sed -n 's/^  \([a-z0-9]\S*\( [a-z0-9]\S*\)\?\)  .*/\1/p'
}

# all_commands PROGRAM: with each verb of quorum for itself.
all_commands() {
    rows "$1" | grep -vx quorum
    rows "$1" quorum
}

@test "the list: each command once, by the host that it is for, in 80 columns" {
    local program title
    for program in "$ENSIGN" "$OFFLINE"; do
        "$program" --help >list
        not grep -E '.{81}' list
        not grep -P '[^\x20-\x7e]' list
        for title in 'On the signing host' 'For reviewers' 'For everyone'; do grep -q "^$title" list; done
        [ "$(rows "$program" | sort | uniq -d)" = '' ]
        [ "$(rows "$program" | grep -c quorum)" -eq 1 ]
        [ "$(rows "$program" quorum | grep -vc '^quorum ')" -eq 0 ]
        [ "$(rows "$program" quorum | wc -l)" -ge 4 ]
    done
    "$ENSIGN" --help | sed -n '/^On the build host$/,/^[A-Z]*[a-z ]*$/p' | grep -q '^  gen-sign-data '
    not grep -E '^(On the build host|As orc|With the token)' list
    # The last words of ensign-offline name exactly what it does not have.
    sed -n '/^ensign-offline help/,$p' list | tail -n +3 | tr '\n' ' ' >words
    grep -q ' are commands of ensign, on the build host\. $' words
    sed 's/ are commands of .*//; s/, /\n/g' words | sort >have
    comm -23 <(rows "$ENSIGN" | sort) <(rows "$OFFLINE" | sort) >want
    same have want
    [ -s want ]
}

@test "the page of each command: 80 columns, every option below a question, examples, and commands that there are" {
    local program command name
    for program in "$ENSIGN" "$OFFLINE"; do
        all_commands "$program" >commands
        while read -r command; do
            # shellcheck disable=SC2086
            "$program" help $command >page
            not grep -E '.{81}' page
            not grep -x Options page
            sed -n 4p page | grep -Eq '^[A-Z].*[^.]$' || fail "$command: line 4 asks nothing:" "$(cat page)"
            [ "$(sed -n '/^[A-Z]/p' page | sort | uniq -d)" = '' ] || fail "$command: a question twice"
            grep -qx 'Output' page
            grep -q '^See also: ' page || fail "$command: no See also"
            sed -n '/^Examples$/,/^See also/p' page | grep -q "^  ${program##*/} $command " ||
                [ "$command" = keys ] || fail "$command: no example of it"
            sed -n '/^See also/,$p' page | sed 's/([^)]*)//g; s/^See also://' | grep -oE '[a-z]+-[a-z]+(-[a-z]+)*' >names || true
            while read -r name; do
                rows "$ENSIGN" | grep -qx -- "$name" || fail "$command: see also $name"
            done <names
        done <commands
    done
}

# examples COMMAND: those in its help, each in one line.
examples() {
    # shellcheck disable=SC2086
    "$ENSIGN" help $1 | sed -n '/^Examples$/,/^See also/p' | sed '1d;$d' |
        awk '/^  ensign/ && NR > 1 { print "" } { sub(/ \\$/, ""); sub(/^ +/, NR > 1 && !/^  ensign/ ? " " : ""); printf "%s", $0 } END { print "" }'
}

# run_example COMMAND EXAMPLE: runs it in a copy of the ground, where its output is not there yet. What a person answers is
# answered by options.
run_example() {
    local more='' out
    rm -rf case
    cp -a "$BATS_FILE_TMPDIR/ground" case
    cd case || return 1
    while read -r _ out; do
        if [ -d "$out" ]; then rm -f "$out"/*; else rm -f "$out"; fi
    done < <(grep -oE -- '(-o|--out-dir) [^ ]+' <<<"$2")
    case $1 in
        sign | resign) more="--yes --pin-source file:$BATS_FILE_TMPDIR/pin" ;;
        keygen | pubkey | keys) more="--pin-source file:$BATS_FILE_TMPDIR/pin" ;;
        approve | 'quorum destroy' | 'quorum refresh') more=--yes ;;
        'quorum deal') more="--yes --allow-swap --from $BATS_FILE_TMPDIR/one.pem" ;;
        sgx-set-sig) # the numbers of its own line were signed
            "$ENSIGN" gen-sign-data -q -v 7 -o orc.signdata app.orc
            pem_sign "$BATS_FILE_TMPDIR/one.pem" orc.signdata app.sig
            ;;
        'quorum restore') more='--pin-source file:pass' ;;
        'quorum check') [[ $2 != *identity* ]] || more='--pin-source file:pass' ;;
        'quorum sign' | 'quorum apply' | 'quorum repair') more='--yes --pin-source file:pass' ;;
        'quorum enroll')
            more='--pin-source file:pass'
            rm alice.identity
            ;;
    esac
    status=0
    if [ "$1" = destroy-key ]; then
        eval "tty_ens 'Type its name' old -- ${2#ensign } --pin-source 'file:$BATS_FILE_TMPDIR/pin'"
    else
        RUNTIME_ID=$ID HOME=$PWD PATH=${ENSIGN%/*}:$PATH bash -c "$2 $more" </dev/null >../said 2>&1 || status=$?
    fi
    cd ..
}

@test "the examples: each runs, and does what its command does" {
    export ENSIGN_PKCS11_MODULE=$SOFTHSM
    unset ENSIGN_KEY ENSIGN_TOKEN SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    local command example n=0
    all_commands "$ENSIGN" >commands
    while read -r command <&3; do
        examples "$command" >lines
        while read -r example <&4; do
            run_example "$command" "$example"
            n=$((n + 1))
            [ "$status" -eq 0 ] || fail "$example: $status" "$(tail -5 said)"
        done 4<lines
    done 3<commands
    [ "$n" -ge 30 ]
}

@test "a slip: the nearest name if it is near, the beginning of one, and else none" {
    local typed want
    while read -r typed want; do
        ens "$typed"
        usage "$typed: unknown command: did you mean $want\?"
    done <<'END'
sing sign
sgin sign
verfy verify
resing resign
gen gen-sign-data
transcirpt transcript
quorun quorum
END
    for typed in key-sign xyz comparison sgx; do
        ens "$typed"
        usage "$typed: unknown command: see ensign help"
    done
    ens show --jsno x
    usage 'jsno: unknown option of show: did you mean --json\?'
    ens show --key x
    usage 'key: unknown option of show: see ensign show --help'
    ens verify --min 7 x
    usage 'min: unknown option of verify: did you mean --min-isvsvn\?'
}

@test "an option without a command, a file in the place of one, and a command of the other program" {
    ens --key pkcs11:object=release
    usage -- '--key: unknown option: no command is before it: write one first, as in ensign sign --key'
    ens --key='pkcs11:object=release?pin-value=4711'
    usage -- '--key: unknown option: no command'
    not grep 4711 "$ERR"
    ens --verison
    usage 'did you mean --version\?'
    ens --frobnicate
    usage -- '--frobnicate: unknown option: see ensign --help'
    sign_data app.signdata "$MRENCLAVE"
    ens app.signdata
    usage 'app\.signdata: unknown command: it is a file: write a command before it, as in ensign show FILE'
    ens none.signdata
    usage 'none\.signdata: unknown command: see ensign help'
    ENSIGN=$OFFLINE ens gen-sign-data app.signdata
    usage 'gen-sign-data: unknown command of ensign-offline: it is a command of ensign, on the build host'
    ENSIGN=$OFFLINE ens help verify
    usage 'it is a command of ensign, on the build host'
    ENSIGN=$OFFLINE ens frobnicate
    usage 'see ensign-offline help'
}
