#!/usr/bin/env bats
# The policy file, as the person at the token meets it: each keyword with a value that holds and with one that
# does not. A policy that is not met is 77, names the check, writes nothing, and the token is not asked to sign.

load helpers

fixtures() {
    signing_host
    test_key two two.pem
    "$ENSIGN" keygen --quiet --token pkcs11:token=ensign --label fresh --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" >/dev/null
    always_auth two.pem 06
    sign_data good.signdata "$MRENCLAVE"
    ssh_keys alice bob
}

begin() {
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    KEY=$RELEASE
    PINFILE=$BATS_FILE_TMPDIR/pin
    ONE=$BATS_FILE_TMPDIR/one.pem
    OTHER=$(sha256 s.signdata)
    ARGS=()
}

# under LINE...: signs s.signdata with a policy of these lines, through the module that counts.
under() {
    policy "${POLICY:=p}" "$@"
    : >"$FAULT_LOG"
    rm -f out.sig
    ens sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" --yes --policy "$POLICY" -o out.sig \
        "${ARGS[@]}" s.signdata
}

# The check of that name is shown as one that held.
shows_pass() {
    grep -Eq "^  $1 +holds: " "$ERR" || fail "stderr does not show that $1 holds"
}

# holds CHECK LINE...: signed.
holds() {
    under "${@:2}"
    ok
    shows_pass "$1"
    size_is out.sig 384
    called C_Sign 1
}

# breaks CHECK REGEX LINE...: refused, by that check.
breaks() {
    under "${@:3}"
    refused 77 "policy: (.*; )?$1: " "$2"
    called C_Sign 0
    called C_SignInit 0
    called C_Finalize "$(calls C_Initialize)"
}

# early CHECK REGEX LINE...: and before the token was asked for anything.
early() {
    breaks "$@"
    [ ! -s "$FAULT_LOG" ] || fail "the module was called"
}

# wrong LINE-NUMBER REGEX LINE...: no policy at all; the first of these lines is line 2.
wrong() {
    under "${@:3}"
    refused 65 "\\bp: line $(($1 + 1)): " "$2"
    [ ! -s "$FAULT_LOG" ] || fail "the module was called"
}

# ---- fields ----

@test "mrenclave: one of a list, over several lines" {
    begin
    holds mrenclave "mrenclave $MRENCLAVE"
    holds mrenclave "mrenclave $OTHER $MRENCLAVE"
    holds mrenclave "mrenclave $OTHER" "mrenclave ${MRENCLAVE^^}"
    early mrenclave "$MRENCLAVE, which no line names" "mrenclave $OTHER"
    early mrenclave 'no line names' "mrenclave ${MRENCLAVE%?}$((16#${MRENCLAVE: -1} ^ 1))"
}

@test "isvprodid: equal, at least, at most" {
    begin
    sign_data s.signdata "$MRENCLAVE" isvprodid=5
    for value in 5 '= 5' '>= 5' '>= 4' '<= 5' '<= 6' 0x5 any 4..6 5..5 '4 5 6'; do
        holds isvprodid "isvprodid $value"
    done
    for value in 4 '= 6' '>= 6' '<= 4' 6..9 1..4 '4 6'; do
        early isvprodid "isvprodid: 5, wanted ${value#= }" "isvprodid $value"
    done
}

@test "isvsvn: equal, at least, at most" {
    begin
    sign_data s.signdata "$MRENCLAVE" isvsvn=12
    for value in 12 '= 12' '>= 12' '>= 0' '<= 12' '<= 65535'; do
        holds isvsvn "isvsvn $value"
    done
    for value in 11 '= 13' '>= 13' '<= 11'; do
        early isvsvn '12, wanted ' "isvsvn $value"
    done
}

@test "date: equal, at least, at most; a date that is none never holds" {
    begin
    for value in 20240229 '= 20240229' '>= 20240229' '>= 20231231' '<= 20240301' any \
        20240201..20240301 '20240228 20240229'; do
        holds date "date $value"
    done
    for value in 20240228 '= 20240301' '>= 20240301' '<= 20231231'; do
        early date '2024-02-29, wanted ' "date $value"
    done
    sign_data s.signdata "$MRENCLAVE" date=0x20230230
    early date '20230230, which is not a day' 'date >= 20000101'
    early date 'not a day' 'date any'
    early date 20230230 'date <= 20991231'
}

@test "attributes: value and mask, both exactly" {
    begin
    holds attributes 'attributes 0x4/0x2'
    early attributes 'attributes: 0x4/0x2, wanted 0x4/0x0:' 'attributes 0x4/0'
    early attributes 'wanted 0x6/0x2' 'attributes 0x6/0x2'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff
    holds attributes 'attributes 4/0'
    early attributes '0x4/0x0, wanted 0x4/0x2' 'attributes 4/2'
}

@test "xfrm: value and mask, both exactly" {
    begin
    holds xfrm 'xfrm 0x3/0x3'
    early xfrm 'xfrm: 0x3/0x3, wanted 0x3/0x0:' 'xfrm 0x3/0'
    early xfrm 'wanted 0x7/0x3' 'xfrm 0x7/0x3'
    sign_data s.signdata "$MRENCLAVE" xfrm=7 xfrm_mask=0xffffffffffffffff
    holds xfrm 'xfrm 7/0'
}

@test "debug: forbidden is clear and enforced by the mask" {
    begin
    early debug 'not enforced' 'debug forbid'
    holds debug 'debug allow'
    sign_data s.signdata "$MRENCLAVE" attributes=6
    early debug 'on, ' 'debug forbid'
    holds debug 'debug allow'
    sign_data s.signdata "$MRENCLAVE" attributes=6 attributes_mask=0xffffffffffffffff
    early debug 'on, ' 'debug forbid'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff
    holds debug 'debug forbid'
}

@test "provision-key: forbidden is clear and enforced by the mask" {
    begin
    holds provision-key 'provision-key forbid'
    sign_data s.signdata "$MRENCLAVE" attributes=0x14
    early provision-key 'on, ' 'provision-key forbid'
    holds provision-key 'provision-key allow'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffef
    early provision-key 'not enforced' 'provision-key forbid'
}

@test "einittoken-key: forbidden is clear and enforced by the mask" {
    begin
    holds einittoken-key 'einittoken-key forbid'
    sign_data s.signdata "$MRENCLAVE" attributes=0x24
    early einittoken-key 'on, ' 'einittoken-key forbid'
    holds einittoken-key 'einittoken-key allow'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffdf
    early einittoken-key 'not enforced' 'einittoken-key forbid'
}

@test "A13: every bit has a keyword that forbids, requires and allows it" {
    local bit
    begin
    for pair in debug:0x2 mode64:0x4 provision-key:0x10 einittoken-key:0x20 cet:0x40 kss:0x80 aex-notify:0x400; do
        bit=${pair#*:}
        sign_data s.signdata "$MRENCLAVE" "attributes=$((4 | bit))" attributes_mask=0xffffffffffffffff
        ARGS=(--allow-unusual)
        holds "${pair%:*}" "${pair%:*} require"
        holds "${pair%:*}" "${pair%:*} allow"
        early "${pair%:*}" 'on, enforced, wanted off' "${pair%:*} forbid"
        sign_data s.signdata "$MRENCLAVE" "attributes=$((4 & ~bit))" attributes_mask=0xffffffffffffffff
        holds "${pair%:*}" "${pair%:*} forbid"
        early "${pair%:*}" 'off, enforced, wanted on' "${pair%:*} require"
        sign_data s.signdata "$MRENCLAVE" "attributes=$((4 | bit))" "attributes_mask=$(printf '0x%x' $((~bit)))"
        early "${pair%:*}" 'on, not enforced' "${pair%:*} require"
        early "${pair%:*}" 'on, not enforced' "${pair%:*} forbid"
    done
}

@test "A13: the fields that nobody thinks of are as usual, or a line allows them" {
    begin
    # rare KEYWORD GOOD BAD FIELD=VALUE...: refused without a line and by BAD, signed with GOOD and any.
    rare() {
        sign_data s.signdata "$MRENCLAVE" "${@:4}"
        early "$1" 'no line allows that'
        early "$1" '' "$1 $3"
        holds "$1" "$1 $2"
        holds "$1" "$1 any"
    }
    ARGS=(--allow-unusual)
    rare swdefined 0xdeadbeef '<= 7' swdefined=0xdeadbeef
    rare vendor '1..9' 0x8086 vendor=7
    rare miscselect 1/0xffffffff 0/0 miscselect=1 miscmask=0
    rare cet-attributes 'within 1/0xfe' 0/0xff cet_attributes=1 cet_attributes_mask=1
    rare isvfamilyid 'AA000000000000000000000000000000 bb000000000000000000000000000000' \
        ab000000000000000000000000000000 isvfamilyid=aa000000000000000000000000000000
    rare isvextprodid 00000000000000000000000000000001 00000000000000000000000000000002 \
        isvextprodid=00000000000000000000000000000001
    # Intel's own VENDOR is usual.
    sign_data s.signdata "$MRENCLAVE" vendor=0x8086
    under
    ok
}

@test "A13: within enforces every bit that is 0 in the mask, and leaves the rest" {
    begin
    sign_data s.signdata "$MRENCLAVE" xfrm=7 xfrm_mask=0xffffffffffffffff
    holds xfrm 'xfrm within 7/0'
    holds xfrm 'xfrm within 3/4'
    early xfrm '0x7/0x0, wanted within 0x3/0x0' 'xfrm within 3/0'
    sign_data s.signdata "$MRENCLAVE" xfrm=7 xfrm_mask=3
    holds xfrm 'xfrm within 3/0xfffffffffffffffc'
    early xfrm 'wanted within' 'xfrm within 3/4'
}

# ---- what cannot be seen ----

@test "A13: a bare digest is refused unless the policy allows it, even with --blind" {
    begin
    holds blind 'blind forbid'
    openssl dgst -sha256 -binary -out d s.signdata
    mv d s.signdata
    ARGS=(--blind)
    early blind 'digest' 'blind forbid'
    early blind 'no line allows' 'max-items 1'
    early blind 'digest' 'isvsvn >= 0'
    holds blind 'blind allow'
    # What is not about fields can hold.
    holds mrsigner 'blind allow' "mrsigner $(mrsigner "$ONE.pub")" 'max-items 1'
    ARGS=()
    under 'blind allow'
    refused 77 '--blind'
    called C_Sign 0
}

@test "A13: a line about a field beside blind allow can never hold: 65" {
    begin
    for line in "mrenclave $MRENCLAVE" 'isvprodid >= 0' 'isvsvn >= 0' 'date >= 20000101' 'attributes 0x4/0x2' \
        'xfrm 0x3/0x3' 'debug forbid' 'provision-key allow' 'einittoken-key forbid' 'vendor any' 'isvfamilyid any'; do
        under 'blind allow' "$line"
        refused 65 '\bp: contradiction: ' "${line%% *}"
    done
}

# ---- the key ----

@test "mrsigner: only that key signs" {
    begin
    holds mrsigner "mrsigner $(mrsigner "$ONE.pub")"
    breaks mrsigner "$(mrsigner "$ONE.pub")" "mrsigner $(mrsigner "$BATS_FILE_TMPDIR/two.pem.pub")"
    called C_Login 1
}

@test "key: each claim of the token, made and not made" {
    begin
    KEY='pkcs11:token=ensign;object=fresh'
    holds key 'key sensitive always-sensitive not-extractable never-extractable local no-decrypt'
    # A key that was imported.
    KEY=$RELEASE
    holds key 'key sensitive not-extractable'
    for claim in always-sensitive never-extractable local always-authenticate; do
        breaks key "does not claim: $claim" "key $claim"
        breaks key "does not claim: $claim" "key sensitive $claim not-extractable"
    done
    KEY='pkcs11:token=ensign;object=asks'
    holds key 'key always-authenticate'
}

# told CLAIM ATTRIBUTE GOOD BAD: the claim holds where the token says GOOD of the private key, and breaks where
# it says BAD and where it says nothing.
told() {
    ENSIGN_FAULT=setattr=$2:$3:3 holds key "key $1"
    ENSIGN_FAULT=setattr=$2:$4:3 breaks key "claim: $1" "key $1"
    ENSIGN_FAULT=dropattr=$2:3 breaks key "claim: $1" "key $1"
}

@test "key: a claim that the token contradicts or does not make is not met" {
    begin
    told sensitive 0x103 01 00
    told always-sensitive 0x165 01 00
    told not-extractable 0x162 00 01
    told never-extractable 0x164 01 00
    told local 0x163 01 00
    told no-decrypt 0x105 00 01
    ENSIGN_FAULT=alwaysauth=$PIN holds key 'key always-authenticate'
    ENSIGN_FAULT=dropattr=0x202:3 breaks key "claim: always-authenticate" 'key always-authenticate'
}

# ---- people ----

# approve WHO: WHO.approval, over s.signdata as it is now.
approve() {
    ens approve --quiet --ssh-key "$BATS_FILE_TMPDIR/$1" --mrsigner "$(mrsigner "$ONE.pub")" --yes --force -o "$1.approval" s.signdata
    ok
}

# listed FILE NAME...: an approvers file of these.
listed() {
    local file=$1 name args=()
    for name in "${@:2}"; do
        args+=("$name@example.org" "$BATS_FILE_TMPDIR/$name.pub")
    done
    people "$file" "${args[@]}"
}

@test "approvals: as many as the policy says, of the people it names" {
    begin
    listed people alice bob
    approve alice
    approve bob
    early approvals '0, wanted 1' 'approvals 1' 'approvers people'
    ARGS=(--approval alice.approval)
    holds approvals 'approvals 1' 'approvers people'
    early approvals '1, wanted 2' 'approvals 2' 'approvers people'
    ARGS+=(--approval alice.approval)
    early approvals '1, wanted 2' 'approvals 2' 'approvers people'
    ARGS=(--approval alice.approval --approval bob.approval)
    holds approvals 'approvals 2' 'approvers people'
    listed people bob
    holds approvals 'approvals 1' 'approvers people'
}

@test "A2: what ssh-keygen would take for two people is not an approvers file, or one person" {
    local alice
    begin
    alice=$(cut -d' ' -f1,2 "$BATS_FILE_TMPDIR/alice.pub")
    approve alice
    ARGS=(--approval alice.approval)
    # no RULE LINE...: 65, by the rule.
    no() {
        printf '%s\n' 'approvers 1' "${@:2}" end >people
        under 'approvals 1' 'approvers people'
        refused 65 "\\bpeople: (line [0-9]+: )?$1: "
        [ ! -s "$FAULT_LOG" ]
    }
    no name 'person alice@example.org,al@example.org' "key $alice"
    no name 'person *@example.org' "key $alice"
    no name 'person Alice@example.org' "key $alice"
    no key-twice 'person alice@example.org' "key $alice" 'person al@example.org' "key $alice"
    no unknown-keyword "alice@example.org $alice"
    no unknown-keyword "cert-authority $alice"
    no option 'person alice@example.org' "key $alice alice@laptop"
    no no-key 'person alice@example.org'
    no no-person '# nobody'
    # Two keys of one person are one person.
    printf '%s\n' 'approvers 1' 'person alice@example.org' "key $alice" \
        "key $(cut -d' ' -f1,2 "$BATS_FILE_TMPDIR/bob.pub")" 'person carol' \
        'key ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' end >people
    approve bob
    ARGS+=(--approval bob.approval)
    early approvals '1, wanted 2' 'approvals 2' 'approvers people'
    holds approvals 'approvals 1' 'approvers people'
}

@test "revoked: a key, a person, and a file that is none" {
    begin
    listed people alice bob
    approve alice
    ARGS=(--approval alice.approval)
    printf '%s\n' 'revoked 1' end >gone
    holds revoked 'approvals 1' 'approvers people' 'revoked gone'
    printf '%s\n' 'revoked 1' "key $(ssh-keygen -lf "$BATS_FILE_TMPDIR/alice.pub" | cut -d' ' -f2)" end >gone
    early approvals '0, wanted 1' 'approvals 1' 'approvers people' 'revoked gone'
    printf '%s\n' 'revoked 1' 'person alice@example.org' end >gone
    early approvals '0, wanted 1' 'approvals 1' 'approvers people' 'revoked gone'
    # Then two cannot be found any more: said before anybody is asked.
    under 'approvals 2' 'approvers people' 'revoked gone'
    refused 65 '\bp: contradiction: ' 'approvals'
    under 'approvals 1' 'approvers people' 'revoked people'
    refused 65 '\bpeople: line 1: no-header: '
    under 'approvals 1' 'approvers people' 'revoked nosuch'
    refused 66 '\bnosuch: open: '
}

@test "approvers: the path is relative to the policy, wherever the run is started" {
    begin
    mkdir -p rules/lists elsewhere
    approve alice
    # Beside the run lies a list that does not know her.
    listed approvers bob
    listed rules/approvers alice
    ARGS=(--approval alice.approval)
    POLICY=rules/p holds approvals 'approvals 1' 'approvers approvers'
    mv rules/approvers rules/lists/people
    POLICY=rules/p holds approvals 'approvals 1' 'approvers lists/people'
    POLICY=$PWD/rules/p holds approvals 'approvals 1' 'approvers lists/people'
    POLICY=rules/p holds approvals 'approvals 1' "approvers $PWD/rules/lists/people"
    POLICY=rules/p early approvals '0, wanted 1' 'approvals 1' "approvers $PWD/approvers"
    POLICY=rules/p under 'approvals 1' 'approvers approvers'
    refused 66 'rules/approvers'
    [ ! -s "$FAULT_LOG" ]
    cd elsewhere
    cp ../s.signdata ../alice.approval .
    POLICY=../rules/p holds approvals 'approvals 1' 'approvers lists/people'
}

@test "A6: one id over policy, approvers and revoked; a sum in the policy pins a file" {
    begin
    listed people alice bob
    printf '%s\n' 'revoked 1' 'person carol@example.org' end >gone
    approve alice
    ARGS=(--approval alice.approval)
    under 'approvals 1' "approvers people sha256:$(sha256 people)" "revoked gone sha256:$(sha256 gone)"
    ok
    says "Policy p, id $(cat p people gone | sha256sum | cut -d' ' -f1)"
    one=$(grep '^Policy p, id' "$ERR")
    echo '# a word' | cat - people >t && sed -n '1{h;d};2{p;x};p' t >people
    under 'approvals 1' 'approvers people' 'revoked gone'
    ok
    not grep -qxF "$one" "$ERR"
    under 'approvals 1' "approvers people sha256:$OTHER" 'revoked gone'
    refused 65 '\bpeople: pin: '
    under 'approvals 1' 'approvers people' "revoked gone sha256:$OTHER"
    refused 65 '\bgone: pin: '
}

@test "A6, A13: the three files are regular, and nobody else can write them" {
    local file
    begin
    listed people alice bob
    printf '%s\n' 'revoked 1' end >gone
    approve alice
    policy p 'approvals 1' 'approvers people' 'revoked gone'
    try() {
        : >"$FAULT_LOG"
        rm -f out.sig
        ens sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" --yes --policy p -o out.sig \
            --approval alice.approval s.signdata
    }
    for file in p people gone; do
        for mode in 664 646 620; do
            chmod "$mode" "$file"
            try
            refused 65 "\\b$file: mode: "
            [ ! -s "$FAULT_LOG" ]
        done
        chmod 444 "$file"
        try
        ok
        # A link is followed, and its target is judged.
        mv "$file" real
        ln -s real "$file"
        try
        ok
        chmod 664 real
        try
        refused 65 "\\b$file: mode: "
        rm "$file"
        mkfifo "$file"
        try
        refused 65 "\\b$file: not-regular: "
        rm "$file"
        mkdir "$file"
        try
        refused 65 "\\b$file: not-regular: "
        rmdir "$file"
        try
        refused 66 "\\b$file: open: "
        chmod 644 real
        mv real "$file"
    done
    if [ "$(id -u)" -eq 0 ]; then
        chown 1 people
        try
        refused 65 '\bpeople: owner: '
    fi
}

@test "--approval without a policy that counts it is a usage error" {
    begin
    approve alice
    ARGS=(--approval alice.approval)
    under 'debug allow'
    refused 64 '--approval'
    sign --approval alice.approval -o out.sig s.signdata
    refused 64 '--approval'
}

@test "max-items: how many go through one run" {
    begin
    holds max-items 'max-items 1'
    cp s.signdata t.signdata
    mkdir out
    for n in 1 2 3; do
        policy p "max-items $n"
        : >"$FAULT_LOG"
        MODULE=$FAULT sign --policy p --out-dir out s.signdata t.signdata
        if [ "$n" -eq 1 ]; then
            refused 77 'policy: max-items: 2, wanted at most 1'
            [ ! -s "$FAULT_LOG" ]
        else
            ok
            shows_pass max-items
        fi
    done
}

# ---- the whole ----

@test "confirm: a person at a terminal, so --yes is refused; transcript: one must be kept" {
    begin
    early confirm 'leave --yes out' 'confirm yes'
    early confirm 'leave --yes out' 'confirm words'
    early transcript 'give --transcript' 'transcript require'
    ARGS=(--transcript room.transcript)
    under 'transcript require'
    ok
    shows_pass transcript
}

@test "quorum, threshold and share: one key of one token is not a quorum" {
    begin
    early quorum 'not a quorum' "quorum $OTHER"
    early threshold 'not a quorum' 'threshold >= 2'
    early share 'not a quorum' 'share token'
    for line in "quorum $OTHER" 'threshold 3' 'share token'; do
        under 'key local' "$line"
        refused 65 '\bp: contradiction: key: '
    done
}

@test "every line must hold: each that does not is named" {
    begin
    early isvprodid 'isvprodid: 0, wanted 9; isvsvn: 0, wanted 9: nothing was signed' 'isvprodid 9' 'isvsvn 9' \
        'xfrm 3/3'
    early mrenclave 'isvprodid: .*isvsvn: .*xfrm: .*debug: ' "mrenclave $OTHER" 'isvprodid 9' 'isvsvn 9' \
        'xfrm 3/0' 'debug forbid' 'blind forbid'
    early xfrm 'wanted' 'isvprodid 0' 'isvsvn 0' 'xfrm 3/0' 'debug allow'
    not grep -q 'isvprodid: \|isvsvn: ' <<<"$(errors)"
}

@test "what holds is shown, line by line, and what no line checks by name" {
    begin
    under 'isvprodid 0' 'debug allow' 'date >= 20240101' '# debug forbid' '' '   ' 'xfrm 3/3 # exactly'
    ok
    sed -n '/^Policy:$/,/no line checks/s/^  \([a-z0-9-]*\)  *\(holds\|fails\|not checked\): \(.*\)/\1 \2: \3/p' "$ERR" >rows
    cat >want <<'END'
isvprodid holds: 0, wanted 0
date holds: 2024-02-29, wanted >= 2024-01-01
xfrm holds: 0x3/0x3, wanted 0x3/0x3
debug holds: off, not enforced
END
    same rows want
    says '^  no line checks: mrenclave, isvsvn, attributes, debug, mode64, provision-key, einittoken-key, cet, kss, aex-notify$'
    under "mrenclave $MRENCLAVE" 'isvprodid 0' 'isvsvn 0' 'date any' 'attributes 4/2' 'xfrm 3/3'
    ok
    says '^  no line checks: date$'
    not grep -q 'not checked' "$ERR"
}

@test "the policy's id is that of the file, whether it holds or not" {
    begin
    under 'isvprodid 0'
    ok
    says "Policy p, id $(sha256 p)"
    one=$(sha256 p)
    under 'isvprodid 0 # the same rule in other bytes'
    ok
    [ "$(sha256 p)" != "$one" ]
    says "Policy p, id $(sha256 p)"
    under 'isvprodid 1'
    refused 77
    says "Policy p, id $(sha256 p)"
}

@test "A13: a policy without a line holds; a file without policy 1 and end is none" {
    begin
    under '# nothing yet'
    ok
    # file RULE PRINTF: refused by that rule.
    file() {
        # shellcheck disable=SC2059
        printf "$2" >p
        rm -f out.sig
        sign --policy p -o out.sig s.signdata
        refused 65 "\\bp: (line [0-9]+: )?$1: "
    }
    file empty ''
    file no-header 'isvprodid 0\nend\n'
    file no-header '# a policy\npolicy 1\nend\n'
    file no-header 'policy  1\nend\n'
    file no-header ' policy 1\nend\n'
    file no-header 'policy 1 # one\nend\n'
    file version 'policy 2\nend\n'
    file no-end 'policy 1\nisvprodid 0\n'
    file no-end 'policy 1\n'
    file value 'policy 1\n end\nend\n'
    file no-final-newline 'policy 1\nend'
    file after-end 'policy 1\nend\n\n'
    file after-end 'policy 1\nend\nisvprodid 1\nend\n'
    file cr 'policy 1\r\nisvprodid 1\r\nend\r\n'
    file bom '\xef\xbb\xbfpolicy 1\nend\n'
    file nul 'policy 1\nisvprodid\x00 1\nend\n'
    file not-ascii 'policy 1\nisvprodid \x1b[2J 0\nend\n'
    file not-ascii 'policy 1\n# caf\xc3\xa9\nend\n'
    file hash-in-word 'policy 1\nisvprodid 0# five\nend\n'
}

# ---- what is not a policy ----

@test "an unknown keyword is 65, with its line" {
    begin
    wrong 1 "'nonsense' is not a keyword" 'nonsense 5'
    wrong 3 "'isvsnv' is not a keyword" 'isvprodid 0' '' 'isvsnv 5'
    wrong 2 "'ISVSVN' is not a keyword" '# a comment' 'ISVSVN 0'
    wrong 1 "'isvsvn=5' has no value" 'isvsvn=5'
    wrong 1 'unknown-keyword: ' 'isvsvn=5 7'
}

@test "a keyword that is there twice is 65, with the second's line" {
    begin
    for line in "mrsigner $OTHER" 'isvprodid 0' 'isvsvn >= 0' 'date >= 20240101' 'attributes 4/2' 'xfrm 3/3' \
        'debug allow' 'provision-key allow' 'einittoken-key allow' 'blind allow' 'key sensitive' 'max-items 9' \
        'approvals 1' 'approvers people'; do
        wrong 3 "twice: ${line%% *}: is there twice" "$line" '# again:' "$line"
    done
}

@test "a value that cannot be read is 65, with its line and keyword" {
    begin
    for line in mrsigner 'mrsigner 00' "mrsigner ${OTHER}00" "mrsigner ${OTHER%?}g" "mrsigner $OTHER $OTHER" \
        mrenclave 'mrenclave 00' "mrenclave $OTHER 00" \
        mrenclave\ any isvprodid 'isvprodid -1' 'isvprodid 65536' 'isvprodid 07' 'isvprodid > 5' 'isvprodid => 5' \
        'isvprodid five' 'isvprodid any 5' 'isvprodid = 5 6' 'isvprodid 1...2' 'isvprodid ..' 'isvsvn 0x10000' 'isvsvn >=5' \
        date 'date 20230229' 'date 2024-02-29' 'date 20241301' 'date > 20240101' \
        attributes 'attributes 4' 'attributes 4/' 'attributes 4/2/1' 'attributes 4 2' 'xfrm 3' 'xfrm x/3' \
        debug 'debug no' 'debug Forbid' 'debug forbid allow' 'provision-key never' 'einittoken-key 0' \
        'blind maybe' key 'key secret' 'key sensitive,local' 'key local local' approvals 'approvals 0' 'approvals 65' \
        'approvals two' approvers 'approvers a b' max-items 'max-items 0' 'max-items -1' 'max-items many' \
        'threshold 1' 'threshold 8' 'share key' 'approval-days 3651' 'rebuilt 0' 'approver-keys u2f' 'confirm no' \
        'transcript yes' 'miscselect 0/0x100000000' 'cet-attributes 0x100/0' 'isvfamilyid 00' "revoked x sha256:00"; do
        wrong 2 "value: '?${line%% *}\\b" '# a policy' "$line"
    done
}

@test "what can never hold is 65" {
    begin
    # never REGEX LINE...
    never() {
        under "${@:2}"
        refused 65 '\bp: (line [0-9]+: )?contradiction: ' "$1"
        [ ! -s "$FAULT_LOG" ]
    }
    listed people alice bob
    never 'approvals and approvers' 'approvals 2'
    never 'approvals and approvers' 'approvers people'
    never revoked 'revoked people'
    never rebuilt 'rebuilt 1'
    never approval-days 'approval-days 9'
    never approver-keys 'approver-keys any'
    never rebuilt 'approvals 1' 'approvers people' 'rebuilt 2'
    never 'wants 3 persons, and only 2' 'approvals 3' 'approvers people'
    never 'only 0' 'approvals 1' 'approvers people' 'approver-keys fido'
    never empty 'isvsvn 5..4'
    never empty 'date 20260102..20260101'
    never debug 'attributes 6/0' 'debug forbid'
    never debug 'attributes 4/2' 'debug forbid'
    never debug 'attributes within 4/0' 'debug require'
    never kss 'kss forbid' 'isvfamilyid 01000000000000000000000000000000'
    holds attributes 'attributes within 4/2' 'debug allow'
}

@test "lines and files that are too long are 65" {
    begin
    under "isvprodid 0$(head -c 4086 /dev/zero | tr '\0' ' ')"
    refused 65 'p: line 2: long-line: '
    under "isvprodid 0$(head -c 4085 /dev/zero | tr '\0' ' ')"
    ok
    # shellcheck disable=SC2046
    under "mrenclave $(printf "%s " $(yes "$OTHER" | head -59)) 1 2 3 4 5"
    refused 65 'p: line 2: many-words: '
    yes '# much' | head -c 70000 >p
    sign --policy p -o out.sig s.signdata
    refused 65 '\bp: too-large: ' '65536'
    sign --policy nosuch -o out.sig s.signdata
    refused 66 nosuch
}

# ---- verify ----

@test "verify --policy: the lines about fields and the signer" {
    begin
    sigstruct good.css one "$MRENCLAVE" isvprodid=5 isvsvn=12
    held=("mrsigner $(mrsigner "$ONE.pub")" "mrenclave $MRENCLAVE" 'isvprodid 5' 'isvsvn >= 12')
    policy p "${held[@]}"
    ens verify --policy p good.css
    ok
    # What is about the signing, and not about the result, is nothing that verify could know: it opens no people file.
    policy p "${held[@]}" 'approvals 2' 'approvers nosuch' 'revoked nosuch' 'max-items 1' 'key local' \
        'blind forbid' 'confirm yes' 'transcript require'
    ens verify --policy p good.css
    ok
    policy p "mrsigner $OTHER" "mrenclave $OTHER" 'isvprodid 6' 'isvsvn >= 13' 'debug forbid'
    ens verify --policy p good.css
    exits 1
    for check in mrsigner mrenclave isvprodid isvsvn debug; do
        prints "^no: good\.css: policy: $check: .* \[$check\]\$"
    done
    ens verify --json --policy p good.css
    exits 1
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["verified"] is False
rules = [r["rule"] for r in d["reasons"]]
assert rules == ["mrsigner", "mrenclave", "isvprodid", "isvsvn", "debug"], rules
PY
    policy p 'isvprodid five'
    ens verify --policy p good.css
    refused 65 'p: line 2: value: ' 'isvprodid'
}

@test "A13: verify --policy: the fields that nobody thinks of must be as usual" {
    begin
    policy p 'isvsvn 0'
    sigstruct odd.css one "$MRENCLAVE" swdefined=0xdeadbeef miscselect=1
    ens verify --policy p odd.css
    exits 1
    prints '^no: odd\.css: policy: swdefined: 0xdeadbeef, and no line allows that \(usual: 0\) \[swdefined\]$'
    prints '^no: odd\.css: policy: miscselect: 0x1/0x0, and no line allows that \(usual: 0x0/0x0\) \[miscselect\]$'
    policy p 'isvsvn 0' 'swdefined any' 'miscselect any'
    ens verify --policy p odd.css
    ok
}
