#!/usr/bin/env bats
# Completion, tried in each shell that is installed; scripts/check-completion.sh holds the files to the table of options.

load helpers

COMPLETION=$ROOT/docs/completion

need_shell() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
}

files() {
    touch a.signdata b.signdata key.pem notes.txt pin
    mkdir dir
}

# in_bash LINE: what is offered with the cursor at the end of LINE, sorted, in one line; words are split as readline does
# it by the program's own function.
in_bash() {
    local program=${1%% *}
    PATH=/nonexistent "$BASH" --norc -c '
        source "$1"
        COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=$'"' \\t\\n\"\\'><=;|&(:'"'
        "$3"
        printf "%s\n" "${COMPREPLY[@]}"' - "$COMPLETION/$program.bash" "$1" "_${program//-/_}" | LC_ALL=C /usr/bin/sort | /usr/bin/tr '\n' ' '
}

# offers SHELL LINE WANT
offers() {
    local have
    have=$("in_$1" "$2")
    [ "${have% }" = "$3" ] || fail "$1: $2: offers '$have', not '$3 '"
}

@test "docs/completion is what the programs' help says" {
    "$ROOT/scripts/check-completion.sh" "build/$VARIANT"
}

@test "bash: commands, verbs, options, words and files" {
    files
    offers bash 'ensign ver' verify
    offers bash 'ensign help transc' transcript
    offers bash 'ensign quorum de' 'deal destroy'
    offers bash 'ensign help quorum comb' combine
    offers bash 'ensign sign --m' '--mechanism --module --module-args --module-unconfined --mrsigner'
    offers bash 'ensign quorum deal --thr' --threshold
    offers bash 'ensign sign --mechanism ' 'auto rsa-pkcs sha256-rsa-pkcs'
    offers bash 'ensign sign --mechanism=sh' sha256-rsa-pkcs
    offers bash 'ensign verify --profile r' 'registry rofl-scheduler'
    offers bash 'ensign sign --key p' pkcs11:
    offers bash 'ensign sign --pin-source f' 'fd: file:'
    offers bash 'ensign sign --pin-source file:p' pin
    offers bash 'ensign sign ' 'a.signdata b.signdata dir'
    offers bash 'ensign verify --pubkey ' 'dir key.pem'
    offers bash 'ensign sign --out-dir ' dir
    offers bash 'ensign show n' notes.txt
    offers bash 'ensign keygen ' ''
    offers bash 'ensign-offline ver' ''
    offers bash 'ensign-offline trans' transcript
    offers bash 'ensign quorum sign a' a.signdata
    # A directory in which no file has the ending that is looked for: all are offered.
    offers bash 'ensign quorum check --public n' notes.txt
}

in_fish() {
    HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR fish --no-config -c '
        source $argv[1]
        complete -C $argv[2]' "$COMPLETION/${1%% *}.fish" "$1" | cut -f1 | LC_ALL=C sort | tr '\n' ' '
}

@test "fish: commands, verbs, options, words and files" {
    need_shell fish
    files
    offers fish 'ensign ver' verify
    offers fish 'ensign quorum de' 'deal destroy'
    offers fish 'ensign quorum comb' combine
    offers fish 'ensign sign --mech' --mechanism
    offers fish 'ensign quorum deal --thr' --threshold
    offers fish 'ensign sign --mechanism ' 'auto rsa-pkcs sha256-rsa-pkcs'
    offers fish 'ensign verify --profile ro' rofl-scheduler
    offers fish 'ensign sign --key p' pkcs11:
    offers fish 'ensign sign --pin-source f' 'fd: file:'
    offers fish 'ensign sign a' a.signdata
    offers fish 'ensign verify --pubkey ke' key.pem
    offers fish 'ensign sign --out-dir d' dir/
    offers fish 'ensign-offline trans' transcript
    offers fish 'ensign-offline verif' ''
}

# in_zsh LINE: what the line is after one TAB, at a prompt of zsh in a pty.
in_zsh() {
    HOME=$BATS_TEST_TMPDIR ZDOTDIR=$BATS_TEST_TMPDIR zsh -f -c '
        zmodload zsh/zpty
        zpty -b z "env PS1=: zsh -f -i"
        zpty -w z "fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; bindkey \"^I\" complete-word; PS1=@@"
        zpty -w z "setopt no_always_to_end no_auto_menu no_list_beep; print re\"\"ady"
        zpty -r z text "*re""ady*"
        zpty -n -w z "$2"$'"'\\t'"'
        zpty -n -w z $'"' ##\\x15'"'"print -r -- d\"\"one\$(:)"$'"'\\n'"'
        zpty -r z text "*##*"
        print -r -- "$text"
        zpty -d z' - "$COMPLETION" "$1"
}

@test "zsh: commands, verbs, options and words" {
    need_shell zsh
    files
    local line want
    while IFS='|' read -r line want; do
        in_zsh "$line" >text
        sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g; s/.\x08//g' text | tr -d '\r' >plain
        grep -qF -- "$want" plain || fail "$line: not '$want' in:" "$(cat -v plain)"
    done <<'END'
ensign veri|ensign verify
ensign quorum dea|ensign quorum deal
ensign sign --mech|ensign sign --mechanism
ensign quorum deal --thr|ensign quorum deal --threshold
ensign keygen --lab|ensign keygen --label
ensign verify --profile reg|--profile registry
ensign sign --key p|--key pkcs11:
ensign sign a|ensign sign a.signdata
ensign-offline transc|ensign-offline transcript
END
}
