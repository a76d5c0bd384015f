# bash completion for ensign-offline, made by scripts/completion.py

# Words that begin as the one at the cursor does; what stands before the last : or = in it is there already.
_ensign_offline_words()
{
    local typed= word
    [[ $COMP_WORDBREAKS != *:* || $cur != *:* ]] || typed=${cur%:*}:
    while IFS= read -r word; do
        COMPREPLY+=("${word#"$typed"}")
    done < <(compgen -W "$*" -- "$cur")
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[:.] ]] || compopt -o nospace 2>/dev/null
}

# Directories, and files whose name ends so; every file if none does.
_ensign_offline_files()
{
    local word
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -d -- "$cur"; compgen -f -X "!*${1:+.$1}" -- "$cur" | while IFS= read -r word; do [[ -d $word ]] || printf '%s\n' "$word"; done)
    [[ $# -eq 0 || ${#COMPREPLY[@]} -gt 0 ]] || _ensign_offline_files
}

_ensign_offline()
{
    local line=${COMP_LINE:0:COMP_POINT} words cur prev command="" kind=""
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=("")
    cur=${words[-1]}
    prev=${words[-2]}
    if [[ $cur == --*=* ]]; then
        prev=${cur%%=*}
        cur=${cur#*=}
    fi
    if [[ ${#words[@]} -le 2 ]]; then
        _ensign_offline_words 'sign keygen destroy-key pubkey keys transcript quorum approve check show help --help --version'
        return
    fi
    command=${words[1]}
    if [[ $command == help && ${#words[@]} -eq 3 ]]; then
        _ensign_offline_words 'sign keygen destroy-key pubkey keys transcript quorum approve check show'
        return
    fi
    [[ $command != help ]] || command=${words[2]}
    case $command in
        quorum)
            if [[ ${#words[@]} -eq 3 || (${words[1]} == help && ${#words[@]} -eq 4) ]]; then
                _ensign_offline_words 'enroll deal check sign combine repair restore refresh apply destroy'
                return
            fi
            [[ ${words[1]} == help ]] || command+=" ${words[2]}"
            ;;
    esac
    case $command:$prev in
        sign:--key | keygen:--token | destroy-key:--key | pubkey:--key | keys:--token | keys:--require | 'quorum enroll':--token | 'quorum check':--key | 'quorum sign':--key | 'quorum repair':--key | 'quorum restore':--key | 'quorum apply':--delta-key | 'quorum apply':--key | 'quorum destroy':--key) kind='words pkcs11:' ;;
        sign:--mrsigner | sign:--sessions | sign:--module-args | sign:--hsm-timeout | sign:--note | sign:--acknowledge | keygen:--label | keygen:--id | keygen:--module-args | keygen:--hsm-timeout | keygen:--note | keygen:--acknowledge | destroy-key:--module-args | destroy-key:--hsm-timeout | destroy-key:--note | destroy-key:--acknowledge | pubkey:--module-args | pubkey:--hsm-timeout | pubkey:--note | pubkey:--acknowledge | keys:--module-args | keys:--hsm-timeout | transcript:--head | transcript:--since | 'quorum enroll':--name | 'quorum enroll':--label | 'quorum enroll':--id | 'quorum enroll':--module-args | 'quorum enroll':--hsm-timeout | 'quorum enroll':--note | 'quorum enroll':--acknowledge | 'quorum deal':--threshold | 'quorum deal':--mrsigner | 'quorum deal':--note | 'quorum deal':--acknowledge | 'quorum check':--module-args | 'quorum check':--hsm-timeout | 'quorum check':--note | 'quorum check':--acknowledge | 'quorum sign':--mrsigner | 'quorum sign':--module-args | 'quorum sign':--hsm-timeout | 'quorum sign':--note | 'quorum sign':--acknowledge | 'quorum combine':--mrsigner | 'quorum combine':--note | 'quorum combine':--acknowledge | 'quorum repair':--for | 'quorum repair':--module-args | 'quorum repair':--hsm-timeout | 'quorum repair':--note | 'quorum repair':--acknowledge | 'quorum restore':--module-args | 'quorum restore':--hsm-timeout | 'quorum restore':--note | 'quorum restore':--acknowledge | 'quorum refresh':--next | 'quorum refresh':--note | 'quorum refresh':--acknowledge | 'quorum apply':--module-args | 'quorum apply':--hsm-timeout | 'quorum apply':--note | 'quorum apply':--acknowledge | 'quorum destroy':--module-args | 'quorum destroy':--hsm-timeout | 'quorum destroy':--note | 'quorum destroy':--acknowledge | approve:--mrsigner | approve:--until | approve:--note | check:--mrsigner) kind='nothing' ;;
        sign:--mechanism) kind='words auto rsa-pkcs sha256-rsa-pkcs' ;;
        sign:--policy | sign:--approval | sign:--module | sign:--transcript | sign:--output | sign:-o | keygen:--module | keygen:--transcript | destroy-key:--module | destroy-key:--transcript | pubkey:--module | pubkey:--transcript | pubkey:--output | pubkey:-o | keys:--module | transcript:--signed-head | transcript:--witnesses | 'quorum enroll':--module | 'quorum enroll':--transcript | 'quorum enroll':--output | 'quorum enroll':-o | 'quorum deal':--from | 'quorum deal':--entropy | 'quorum deal':--transcript | 'quorum check':--module | 'quorum check':--transcript | 'quorum sign':--policy | 'quorum sign':--approval | 'quorum sign':--module | 'quorum sign':--transcript | 'quorum sign':--output | 'quorum sign':-o | 'quorum combine':--transcript | 'quorum combine':--output | 'quorum combine':-o | 'quorum repair':--module | 'quorum repair':--transcript | 'quorum repair':--output | 'quorum repair':-o | 'quorum restore':--module | 'quorum restore':--transcript | 'quorum restore':--output | 'quorum restore':-o | 'quorum refresh':--transcript | 'quorum apply':--delta-identity | 'quorum apply':--module | 'quorum apply':--transcript | 'quorum apply':--output | 'quorum apply':-o | 'quorum apply':--public-out | 'quorum destroy':--module | 'quorum destroy':--transcript | approve:--ssh-key | approve:--replaces | approve:--output | approve:-o | check:--policy | check:--approval | check:--transcript) kind='files' ;;
        sign:--pin-source | keygen:--pin-source | destroy-key:--pin-source | pubkey:--pin-source | keys:--pin-source | 'quorum enroll':--pin-source | 'quorum deal':--pin-source | 'quorum check':--pin-source | 'quorum sign':--pin-source | 'quorum repair':--pin-source | 'quorum restore':--pin-source | 'quorum apply':--pin-source | 'quorum destroy':--pin-source) kind='words tty file: fd:' ;;
        sign:--out-dir | 'quorum deal':--out-dir | 'quorum sign':--out-dir | 'quorum refresh':--out-dir) kind='directories' ;;
        sign:--pubkey | keygen:--pubkey | 'quorum deal':--pubkey | 'quorum combine':--pubkey | approve:--pubkey | check:--pubkey) kind='files pem' ;;
        'quorum enroll':--identity | 'quorum check':--identity | 'quorum sign':--identity | 'quorum repair':--identity | 'quorum restore':--identity | 'quorum apply':--identity) kind='files identity' ;;
        'quorum deal':--card | 'quorum repair':--card | 'quorum refresh':--card | 'quorum apply':--next) kind='files card' ;;
        'quorum check':--public | 'quorum combine':--public | 'quorum restore':--public | 'quorum refresh':--public) kind='files pub' ;;
        'quorum sign':--share | 'quorum repair':--share | 'quorum apply':--share | 'quorum destroy':--share) kind='files share' ;;
        'quorum combine':--sign-data) kind='files signdata' ;;
    esac
    if [[ -z $kind && $cur == -* ]]; then
        case $command in
            'sign') _ensign_offline_words '--key --mrsigner --mechanism --policy --approval --dry-run --yes --blind --allow-unusual --sessions --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --out-dir --pubkey --json --output --force --armor --quiet --verbose --help' ;;
            'keygen') _ensign_offline_words '--token --label --id --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --pubkey --force --json --quiet --verbose --help' ;;
            'destroy-key') _ensign_offline_words '--key --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --json --quiet --verbose --help' ;;
            'pubkey') _ensign_offline_words '--key --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --x509 --json --output --force --armor --quiet --verbose --help' ;;
            'keys') _ensign_offline_words '--token --login --require --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --json --quiet --verbose --help' ;;
            'transcript') _ensign_offline_words '--head --signed-head --witnesses --head-statement --report --since --json --quiet --verbose --help' ;;
            'quorum enroll') _ensign_offline_words '--name --token --label --id --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --force --quiet --verbose --help' ;;
            'quorum deal') _ensign_offline_words '--threshold --card --from --pin-source --entropy --mrsigner --yes --allow-swap --transcript --note --acknowledge --out-dir --pubkey --force --quiet --verbose --help' ;;
            'quorum check') _ensign_offline_words '--public --repaired --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --quiet --verbose --help' ;;
            'quorum sign') _ensign_offline_words '--share --mrsigner --policy --approval --dry-run --yes --allow-unusual --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --out-dir --output --force --quiet --verbose --help' ;;
            'quorum combine') _ensign_offline_words '--public --sign-data --mrsigner --strict --transcript --note --acknowledge --pubkey --output --force --quiet --verbose --help' ;;
            'quorum repair') _ensign_offline_words '--share --for --card --yes --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --force --quiet --verbose --help' ;;
            'quorum restore') _ensign_offline_words '--public --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --force --quiet --verbose --help' ;;
            'quorum refresh') _ensign_offline_words '--public --card --next --yes --transcript --note --acknowledge --out-dir --quiet --verbose --help' ;;
            'quorum apply') _ensign_offline_words '--share --next --yes --delta-key --delta-identity --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --public-out --quiet --verbose --help' ;;
            'quorum destroy') _ensign_offline_words '--share --key --yes --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --quiet --verbose --help' ;;
            'approve') _ensign_offline_words '--ssh-key --pubkey --mrsigner --until --reject --replaces --note --yes --allow-unusual --allow-large --json --output --force --armor --quiet --verbose --help' ;;
            'check') _ensign_offline_words '--policy --approval --mrsigner --pubkey --transcript --allow-unusual --json --quiet --verbose --help' ;;
            'show') _ensign_offline_words '--allow-large --json --quiet --verbose --help' ;;
        esac
        return
    fi
    if [[ -z $kind ]]; then
        case $command in
            'sign' | 'quorum sign' | 'approve' | 'check') kind='files signdata' ;;
            'keygen' | 'destroy-key' | 'pubkey' | 'keys' | 'quorum enroll' | 'quorum deal' | 'quorum repair' | 'quorum refresh' | 'quorum destroy') kind='nothing' ;;
            'transcript' | 'quorum check' | 'show') kind='files' ;;
            'quorum combine') kind='files partial' ;;
            'quorum restore') kind='files repair' ;;
            'quorum apply') kind='files delta' ;;
        esac
    fi
    case $kind in
        'words '*) _ensign_offline_words "${kind#words }" ;;
        'files '*) _ensign_offline_files "${kind#files }" ;;
        files) _ensign_offline_files ;;
        directories)
            compopt -o filenames 2>/dev/null
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$cur")
            ;;
    esac
    # The PIN may be in a file.
    [[ $prev != --pin-source || $cur != file:* ]] || while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${cur#file:}")
}
complete -F _ensign_offline ensign-offline
