# bash completion for ensign, made by scripts/completion.py

# Words that begin as the one at the cursor does; what stands before the last : or = in it is there already.
_ensign_words()
{
    local typed= word
    [[ $COMP_WORDBREAKS != *:* || $cur != *:* ]] || typed=${cur%:*}:
    while IFS= read -r word; do
        COMPREPLY+=("${word#"$typed"}")
    done < <(compgen -W "$*" -- "$cur")
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[:.] ]] || compopt -o nospace 2>/dev/null
}

# Directories, and files whose name ends so; every file if none does.
_ensign_files()
{
    local word
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -d -- "$cur"; compgen -f -X "!*${1:+.$1}" -- "$cur" | while IFS= read -r word; do [[ -d $word ]] || printf '%s\n' "$word"; done)
    [[ $# -eq 0 || ${#COMPREPLY[@]} -gt 0 ]] || _ensign_files
}

_ensign()
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
        _ensign_words 'elf2sgxs init component-add gen-sign-data set-sig sign keygen destroy-key pubkey keys transcript quorum approve check show verify compare extract resign sgx-gen-sign-data sgx-set-sig help --help --version'
        return
    fi
    command=${words[1]}
    if [[ $command == help && ${#words[@]} -eq 3 ]]; then
        _ensign_words 'elf2sgxs init component-add gen-sign-data set-sig sign keygen destroy-key pubkey keys transcript quorum approve check show verify compare extract resign sgx-gen-sign-data sgx-set-sig'
        return
    fi
    [[ $command != help ]] || command=${words[2]}
    case $command in
        quorum)
            if [[ ${#words[@]} -eq 3 || (${words[1]} == help && ${#words[@]} -eq 4) ]]; then
                _ensign_words 'enroll deal check sign combine repair restore refresh apply destroy'
                return
            fi
            [[ ${words[1]} == help ]] || command+=" ${words[2]}"
            ;;
    esac
    case $command:$prev in
        elf2sgxs:--heap-size | elf2sgxs:-H | elf2sgxs:--stack-size | elf2sgxs:-S | elf2sgxs:--threads | elf2sgxs:-t | elf2sgxs:--ssaframesize | init:--runtime-name | init:--runtime-version | init:--runtime-id | gen-sign-data:--date | gen-sign-data:--swdefined | gen-sign-data:-s | gen-sign-data:--isvprodid | gen-sign-data:-p | gen-sign-data:--isvsvn | gen-sign-data:-v | gen-sign-data:--miscselect | gen-sign-data:-m | gen-sign-data:--attributes | gen-sign-data:-a | gen-sign-data:--xfrm | gen-sign-data:-x | gen-sign-data:--isvfamilyid | gen-sign-data:--isvextprodid | gen-sign-data:--cet-attributes | gen-sign-data:--gramine | gen-sign-data:--heap-size | gen-sign-data:-H | gen-sign-data:--stack-size | gen-sign-data:-S | gen-sign-data:--threads | gen-sign-data:-t | gen-sign-data:--ssaframesize | set-sig:--date | set-sig:--swdefined | set-sig:-s | set-sig:--isvprodid | set-sig:-p | set-sig:--isvsvn | set-sig:-v | set-sig:--miscselect | set-sig:-m | set-sig:--attributes | set-sig:-a | set-sig:--xfrm | set-sig:-x | set-sig:--isvfamilyid | set-sig:--isvextprodid | set-sig:--cet-attributes | set-sig:--gramine | set-sig:--heap-size | set-sig:-H | set-sig:--stack-size | set-sig:-S | set-sig:--threads | set-sig:-t | set-sig:--ssaframesize | sign:--mrsigner | sign:--sessions | sign:--module-args | sign:--hsm-timeout | sign:--note | sign:--acknowledge | keygen:--label | keygen:--id | keygen:--module-args | keygen:--hsm-timeout | keygen:--note | keygen:--acknowledge | destroy-key:--module-args | destroy-key:--hsm-timeout | destroy-key:--note | destroy-key:--acknowledge | pubkey:--module-args | pubkey:--hsm-timeout | pubkey:--note | pubkey:--acknowledge | keys:--module-args | keys:--hsm-timeout | transcript:--head | transcript:--since | 'quorum enroll':--name | 'quorum enroll':--label | 'quorum enroll':--id | 'quorum enroll':--module-args | 'quorum enroll':--hsm-timeout | 'quorum enroll':--note | 'quorum enroll':--acknowledge | 'quorum deal':--threshold | 'quorum deal':--mrsigner | 'quorum deal':--note | 'quorum deal':--acknowledge | 'quorum check':--module-args | 'quorum check':--hsm-timeout | 'quorum check':--note | 'quorum check':--acknowledge | 'quorum sign':--mrsigner | 'quorum sign':--module-args | 'quorum sign':--hsm-timeout | 'quorum sign':--note | 'quorum sign':--acknowledge | 'quorum combine':--mrsigner | 'quorum combine':--note | 'quorum combine':--acknowledge | 'quorum repair':--for | 'quorum repair':--module-args | 'quorum repair':--hsm-timeout | 'quorum repair':--note | 'quorum repair':--acknowledge | 'quorum restore':--module-args | 'quorum restore':--hsm-timeout | 'quorum restore':--note | 'quorum restore':--acknowledge | 'quorum refresh':--next | 'quorum refresh':--note | 'quorum refresh':--acknowledge | 'quorum apply':--module-args | 'quorum apply':--hsm-timeout | 'quorum apply':--note | 'quorum apply':--acknowledge | 'quorum destroy':--module-args | 'quorum destroy':--hsm-timeout | 'quorum destroy':--note | 'quorum destroy':--acknowledge | approve:--mrsigner | approve:--gramine | approve:--heap-size | approve:-H | approve:--stack-size | approve:-S | approve:--threads | approve:-t | approve:--ssaframesize | approve:--until | approve:--note | check:--mrsigner | show:--gramine | show:--heap-size | show:-H | show:--stack-size | show:-S | show:--threads | show:-t | show:--ssaframesize | verify:--mrsigner | verify:--mrenclave | verify:--isvprodid | verify:-p | verify:--min-isvsvn | verify:--gramine | verify:--heap-size | verify:-H | verify:--stack-size | verify:-S | verify:--threads | verify:-t | verify:--ssaframesize | compare:--gramine | compare:--heap-size | compare:-H | compare:--stack-size | compare:-S | compare:--threads | compare:-t | compare:--ssaframesize | resign:--mrsigner | resign:--sessions | resign:--module-args | resign:--hsm-timeout | resign:--date | resign:--swdefined | resign:-s | resign:--isvprodid | resign:-p | resign:--isvsvn | resign:-v | resign:--miscselect | resign:-m | resign:--attributes | resign:-a | resign:--xfrm | resign:-x | resign:--isvfamilyid | resign:--isvextprodid | resign:--cet-attributes | resign:--note | resign:--acknowledge | resign:--jobs | sgx-gen-sign-data:--date | sgx-gen-sign-data:--swdefined | sgx-gen-sign-data:-s | sgx-gen-sign-data:--isvprodid | sgx-gen-sign-data:-p | sgx-gen-sign-data:--isvsvn | sgx-gen-sign-data:-v | sgx-gen-sign-data:--miscselect | sgx-gen-sign-data:-m | sgx-gen-sign-data:--attributes | sgx-gen-sign-data:-a | sgx-gen-sign-data:--xfrm | sgx-gen-sign-data:-x | sgx-gen-sign-data:--isvfamilyid | sgx-gen-sign-data:--isvextprodid | sgx-gen-sign-data:--cet-attributes | sgx-gen-sign-data:--gramine | sgx-gen-sign-data:--heap-size | sgx-gen-sign-data:-H | sgx-gen-sign-data:--stack-size | sgx-gen-sign-data:-S | sgx-gen-sign-data:--threads | sgx-gen-sign-data:-t | sgx-gen-sign-data:--ssaframesize | sgx-set-sig:--date | sgx-set-sig:--swdefined | sgx-set-sig:-s | sgx-set-sig:--isvprodid | sgx-set-sig:-p | sgx-set-sig:--isvsvn | sgx-set-sig:-v | sgx-set-sig:--miscselect | sgx-set-sig:-m | sgx-set-sig:--attributes | sgx-set-sig:-a | sgx-set-sig:--xfrm | sgx-set-sig:-x | sgx-set-sig:--isvfamilyid | sgx-set-sig:--isvextprodid | sgx-set-sig:--cet-attributes | sgx-set-sig:--gramine | sgx-set-sig:--heap-size | sgx-set-sig:-H | sgx-set-sig:--stack-size | sgx-set-sig:-S | sgx-set-sig:--threads | sgx-set-sig:-t | sgx-set-sig:--ssaframesize) kind='nothing' ;;
        elf2sgxs:--cargo | gen-sign-data:--cargo | set-sig:--cargo | sign:--out-dir | 'quorum deal':--out-dir | 'quorum sign':--out-dir | 'quorum refresh':--out-dir | approve:--cargo | show:--cargo | verify:--cargo | compare:--cargo | resign:--out-dir | sgx-gen-sign-data:--cargo | sgx-set-sig:--cargo) kind='directories' ;;
        elf2sgxs:--output | elf2sgxs:-o | init:--output | init:-o | component-add:--output | component-add:-o | gen-sign-data:--from | gen-sign-data:--libpal | gen-sign-data:--digest | gen-sign-data:--output | gen-sign-data:-o | set-sig:--from | set-sig:--libpal | set-sig:--to | set-sig:--output | set-sig:-o | sign:--policy | sign:--approval | sign:--module | sign:--transcript | sign:--output | sign:-o | keygen:--module | keygen:--transcript | destroy-key:--module | destroy-key:--transcript | pubkey:--module | pubkey:--transcript | pubkey:--output | pubkey:-o | keys:--module | transcript:--signed-head | transcript:--witnesses | 'quorum enroll':--module | 'quorum enroll':--transcript | 'quorum enroll':--output | 'quorum enroll':-o | 'quorum deal':--from | 'quorum deal':--entropy | 'quorum deal':--transcript | 'quorum check':--module | 'quorum check':--transcript | 'quorum sign':--policy | 'quorum sign':--approval | 'quorum sign':--module | 'quorum sign':--transcript | 'quorum sign':--output | 'quorum sign':-o | 'quorum combine':--transcript | 'quorum combine':--output | 'quorum combine':-o | 'quorum repair':--module | 'quorum repair':--transcript | 'quorum repair':--output | 'quorum repair':-o | 'quorum restore':--module | 'quorum restore':--transcript | 'quorum restore':--output | 'quorum restore':-o | 'quorum refresh':--transcript | 'quorum apply':--delta-identity | 'quorum apply':--module | 'quorum apply':--transcript | 'quorum apply':--output | 'quorum apply':-o | 'quorum apply':--public-out | 'quorum destroy':--module | 'quorum destroy':--transcript | approve:--ssh-key | approve:--rebuilt | approve:--libpal | approve:--layout-from | approve:--replaces | approve:--output | approve:-o | check:--policy | check:--approval | check:--transcript | show:--libpal | show:--layout-from | verify:--policy | verify:--sigstruct | verify:--libpal | verify:--layout-from | compare:--libpal | compare:--layout-from | extract:--output | extract:-o | resign:--files-from | resign:--policy | resign:--module | resign:--from | resign:--transcript | sgx-gen-sign-data:--from | sgx-gen-sign-data:--libpal | sgx-gen-sign-data:--output | sgx-gen-sign-data:-o | sgx-set-sig:--from | sgx-set-sig:--libpal | sgx-set-sig:--to | sgx-set-sig:--output | sgx-set-sig:-o) kind='files' ;;
        init:--sgx-executable | component-add:--sgx-executable) kind='files sgxs' ;;
        init:--sgx-signature | component-add:--sgx-signature) kind='files sig' ;;
        gen-sign-data:--component | set-sig:--component | approve:--component | show:--component | verify:--component | compare:--component | extract:--component | resign:--component | sgx-gen-sign-data:--component | sgx-set-sig:--component) kind='words ronl rofl.' ;;
        set-sig:--sign-data | 'quorum combine':--sign-data | sgx-set-sig:--sign-data) kind='files signdata' ;;
        sign:--key | keygen:--token | destroy-key:--key | pubkey:--key | keys:--token | keys:--require | 'quorum enroll':--token | 'quorum check':--key | 'quorum sign':--key | 'quorum repair':--key | 'quorum restore':--key | 'quorum apply':--delta-key | 'quorum apply':--key | 'quorum destroy':--key | resign:--key) kind='words pkcs11:' ;;
        sign:--mechanism | resign:--mechanism) kind='words auto rsa-pkcs sha256-rsa-pkcs' ;;
        sign:--pin-source | keygen:--pin-source | destroy-key:--pin-source | pubkey:--pin-source | keys:--pin-source | 'quorum enroll':--pin-source | 'quorum deal':--pin-source | 'quorum check':--pin-source | 'quorum sign':--pin-source | 'quorum repair':--pin-source | 'quorum restore':--pin-source | 'quorum apply':--pin-source | 'quorum destroy':--pin-source | resign:--pin-source) kind='words tty file: fd:' ;;
        sign:--pubkey | keygen:--pubkey | 'quorum deal':--pubkey | 'quorum combine':--pubkey | approve:--pubkey | check:--pubkey | verify:--pubkey) kind='files pem' ;;
        'quorum enroll':--identity | 'quorum check':--identity | 'quorum sign':--identity | 'quorum repair':--identity | 'quorum restore':--identity | 'quorum apply':--identity) kind='files identity' ;;
        'quorum deal':--card | 'quorum repair':--card | 'quorum refresh':--card | 'quorum apply':--next) kind='files card' ;;
        'quorum check':--public | 'quorum combine':--public | 'quorum restore':--public | 'quorum refresh':--public) kind='files pub' ;;
        'quorum sign':--share | 'quorum repair':--share | 'quorum apply':--share | 'quorum destroy':--share) kind='files share' ;;
        verify:--profile) kind='words cpu core registry rofl-scheduler' ;;
    esac
    if [[ -z $kind && $cur == -* ]]; then
        case $command in
            'elf2sgxs') _ensign_words '--heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --debug --library --unsized --allow-large --json --output --force --quiet --verbose --help' ;;
            'init') _ensign_words '--runtime-name --runtime-version --runtime-id --custom --sgx-executable --sgx-signature --elf-metadata --allow-unusual --output --force --quiet --verbose --help' ;;
            'component-add') _ensign_words '--sgx-executable --sgx-signature --elf-metadata --allow-unusual --output --force --quiet --verbose --help' ;;
            'gen-sign-data') _ensign_words '--date --swdefined --isvprodid --isvsvn --miscselect --attributes --xfrm --32bit --debug --forbid-debug --isvfamilyid --isvextprodid --cet-attributes --from --component --allow-unusual --allow-large --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --digest --output --force --armor --json --quiet --verbose --help' ;;
            'set-sig') _ensign_words '--sign-data --ephemeral-key --date --swdefined --isvprodid --isvsvn --miscselect --attributes --xfrm --32bit --debug --forbid-debug --isvfamilyid --isvextprodid --cet-attributes --from --component --allow-unusual --allow-large --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --to --json --output --force --quiet --verbose --help' ;;
            'sign') _ensign_words '--key --mrsigner --mechanism --policy --approval --dry-run --yes --blind --allow-unusual --sessions --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --out-dir --pubkey --json --output --force --armor --quiet --verbose --help' ;;
            'keygen') _ensign_words '--token --label --id --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --pubkey --force --json --quiet --verbose --help' ;;
            'destroy-key') _ensign_words '--key --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --json --quiet --verbose --help' ;;
            'pubkey') _ensign_words '--key --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --x509 --json --output --force --armor --quiet --verbose --help' ;;
            'keys') _ensign_words '--token --login --require --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --json --quiet --verbose --help' ;;
            'transcript') _ensign_words '--head --signed-head --witnesses --head-statement --report --since --json --quiet --verbose --help' ;;
            'quorum enroll') _ensign_words '--name --token --label --id --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --force --quiet --verbose --help' ;;
            'quorum deal') _ensign_words '--threshold --card --from --pin-source --entropy --mrsigner --yes --allow-swap --transcript --note --acknowledge --out-dir --pubkey --force --quiet --verbose --help' ;;
            'quorum check') _ensign_words '--public --repaired --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --quiet --verbose --help' ;;
            'quorum sign') _ensign_words '--share --mrsigner --policy --approval --dry-run --yes --allow-unusual --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --out-dir --output --force --quiet --verbose --help' ;;
            'quorum combine') _ensign_words '--public --sign-data --mrsigner --strict --transcript --note --acknowledge --pubkey --output --force --quiet --verbose --help' ;;
            'quorum repair') _ensign_words '--share --for --card --yes --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --force --quiet --verbose --help' ;;
            'quorum restore') _ensign_words '--public --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --force --quiet --verbose --help' ;;
            'quorum refresh') _ensign_words '--public --card --next --yes --transcript --note --acknowledge --out-dir --quiet --verbose --help' ;;
            'quorum apply') _ensign_words '--share --next --yes --delta-key --delta-identity --key --identity --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --output --public-out --quiet --verbose --help' ;;
            'quorum destroy') _ensign_words '--share --key --yes --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --transcript --note --acknowledge --quiet --verbose --help' ;;
            'approve') _ensign_words '--ssh-key --pubkey --mrsigner --rebuilt --component --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --debug --layout-from --until --reject --replaces --note --yes --allow-unusual --allow-large --json --output --force --armor --quiet --verbose --help' ;;
            'check') _ensign_words '--policy --approval --mrsigner --pubkey --transcript --allow-unusual --json --quiet --verbose --help' ;;
            'show') _ensign_words '--allow-large --component --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --debug --layout-from --json --in-toto --quiet --verbose --help' ;;
            'verify') _ensign_words '--pubkey --mrsigner --mrenclave --isvprodid --min-isvsvn --forbid-debug --policy --profile --component --allow-public-key --allow-unusual --allow-large --sigstruct --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --debug --layout-from --json --quiet --verbose --help' ;;
            'compare') _ensign_words '--component --all --allow-large --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --debug --layout-from --json --quiet --verbose --help' ;;
            'extract') _ensign_words '--component --sign-data --allow-large --json --output --force --quiet --verbose --help' ;;
            'resign') _ensign_words '--key --mrsigner --mechanism --files-from --null --all-components --resume --policy --dry-run --yes --sessions --module --allow-module-path --module-args --module-unconfined --pin-source --allow-final-try --hsm-timeout --date --swdefined --isvprodid --isvsvn --miscselect --attributes --xfrm --32bit --debug --forbid-debug --isvfamilyid --isvextprodid --cet-attributes --from --component --allow-unusual --allow-large --transcript --note --acknowledge --jobs --out-dir --force --json --quiet --verbose --help' ;;
            'sgx-gen-sign-data') _ensign_words '--date --swdefined --isvprodid --isvsvn --miscselect --attributes --xfrm --32bit --debug --forbid-debug --isvfamilyid --isvextprodid --cet-attributes --from --component --allow-unusual --allow-large --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --output --force --json --quiet --verbose --help' ;;
            'sgx-set-sig') _ensign_words '--sign-data --ephemeral-key --date --swdefined --isvprodid --isvsvn --miscselect --attributes --xfrm --32bit --debug --forbid-debug --isvfamilyid --isvextprodid --cet-attributes --from --component --allow-unusual --allow-large --libpal --gramine --heap-size --stack-size --threads --ssaframesize --elf-debug --cargo --to --json --output --force --quiet --verbose --help' ;;
        esac
        return
    fi
    if [[ -z $kind ]]; then
        case $command in
            'elf2sgxs' | 'init' | 'component-add' | 'gen-sign-data' | 'set-sig' | 'transcript' | 'quorum check' | 'show' | 'verify' | 'compare' | 'extract' | 'resign' | 'sgx-gen-sign-data' | 'sgx-set-sig') kind='files' ;;
            'sign' | 'quorum sign' | 'approve' | 'check') kind='files signdata' ;;
            'keygen' | 'destroy-key' | 'pubkey' | 'keys' | 'quorum enroll' | 'quorum deal' | 'quorum repair' | 'quorum refresh' | 'quorum destroy') kind='nothing' ;;
            'quorum combine') kind='files partial' ;;
            'quorum restore') kind='files repair' ;;
            'quorum apply') kind='files delta' ;;
        esac
    fi
    case $kind in
        'words '*) _ensign_words "${kind#words }" ;;
        'files '*) _ensign_files "${kind#files }" ;;
        files) _ensign_files ;;
        directories)
            compopt -o filenames 2>/dev/null
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$cur")
            ;;
    esac
    # The PIN may be in a file.
    [[ $prev != --pin-source || $cur != file:* ]] || while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${cur#file:}")
}
complete -F _ensign ensign
