#!/usr/bin/env bats
# The policy file, as the person at the token meets it: each keyword with a value that holds and with one that
# does not. A policy that is not met is 77, names the check, writes nothing, and the token is not asked to sign.

load helpers

setup_file() {
    token ensign
    cd "$BATS_FILE_TMPDIR" || return 1
    test_key one one.pem
    test_key two two.pem
    import one.pem release 01
    "$ENSIGN" keygen --quiet --token pkcs11:token=ensign --label fresh --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" >/dev/null
    pkcs11-tool --module "$SOFTHSM" --token-label ensign -l --pin "$PIN" --write-object two.pem \
        --type privkey --id 06 --label asks --usage-sign --always-auth >/dev/null 2>&1
    sign_data good.signdata "$MRENCLAVE"
    ssh-keygen -q -t ed25519 -N '' -C '' -f alice
    ssh-keygen -q -t ed25519 -N '' -C '' -f bob
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
    printf '%s\n' "$@" >"${POLICY:=p}"
    : >"$FAULT_LOG"
    rm -f out.sig
    ens sign --key "$KEY" --module "$FAULT" --pin-source "file:$PINFILE" --yes --policy "$POLICY" -o out.sig \
        "${ARGS[@]}" s.signdata
}

# The check of that name is shown as one that held.
shows_pass() {
    grep -Eq "^  $1 +pass: " "$ERR" || fail "stderr does not show $1 as pass"
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
    refused 77 "policy: $1: " "$2"
    called C_Sign 0
    called C_SignInit 0
    called C_Finalize "$(calls C_Initialize)"
}

# early CHECK REGEX LINE...: and before the token was asked for anything.
early() {
    breaks "$@"
    [ ! -s "$FAULT_LOG" ] || fail "the module was called"
}

# wrong LINE-NUMBER REGEX LINE...: no policy at all.
wrong() {
    under "${@:3}"
    refused 65 "\\bp: line $1: " "$2"
    [ ! -s "$FAULT_LOG" ] || fail "the module was called"
}

# ---- fields ----

@test "mrenclave: one of a list, over several lines" {
    begin
    holds mrenclave "mrenclave $MRENCLAVE"
    holds mrenclave "mrenclave $OTHER $MRENCLAVE"
    holds mrenclave "mrenclave $OTHER" "mrenclave ${MRENCLAVE^^}"
    early mrenclave "$MRENCLAVE is not on the list" "mrenclave $OTHER"
    early mrenclave 'not on the list' "mrenclave ${MRENCLAVE%?}$((16#${MRENCLAVE: -1} ^ 1))"
}

@test "isvprodid: equal, at least, at most" {
    begin
    sign_data s.signdata "$MRENCLAVE" isvprodid=5
    for value in 5 '= 5' '>= 5' '>= 4' '<= 5' '<= 6' 0x5; do
        holds isvprodid "isvprodid $value"
    done
    for value in 4 '= 6' '>= 6' '<= 4'; do
        early isvprodid 'ISVPRODID is 5' "isvprodid $value"
    done
}

@test "isvsvn: equal, at least, at most" {
    begin
    sign_data s.signdata "$MRENCLAVE" isvsvn=12
    for value in 12 '= 12' '>= 12' '>= 0' '<= 12' '<= 65535'; do
        holds isvsvn "isvsvn $value"
    done
    for value in 11 '= 13' '>= 13' '<= 11'; do
        early isvsvn 'ISVSVN is 12' "isvsvn $value"
    done
}

@test "date: equal, at least, at most; a date that is none never holds" {
    begin
    for value in 20240229 '= 20240229' '>= 20240229' '>= 20231231' '<= 20240301'; do
        holds date "date $value"
    done
    for value in 20240228 '= 20240301' '>= 20240301' '<= 20231231'; do
        early date 'DATE is 20240229' "date $value"
    done
    sign_data s.signdata "$MRENCLAVE" date=0x20230230
    early date 20230230 'date >= 20000101'
    early date 20230230 'date <= 20991231'
}

@test "attributes: value and mask, both exactly" {
    begin
    holds attributes 'attributes 0x4/0x2'
    early attributes 'ATTRIBUTES is 0x4/0x2, the policy wants 0x4/0x0:' 'attributes 0x4/0'
    early attributes 'the policy wants 0x6/0x2' 'attributes 0x6/0x2'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff
    holds attributes 'attributes 4/0'
    early attributes 'is 0x4/0x0, the policy wants 0x4/0x2' 'attributes 4/2'
}

@test "xfrm: value and mask, both exactly" {
    begin
    holds xfrm 'xfrm 0x3/0x3'
    early xfrm 'XFRM is 0x3/0x3, the policy wants 0x3/0x0:' 'xfrm 0x3/0'
    early xfrm 'wants 0x7/0x3' 'xfrm 0x7/0x3'
    sign_data s.signdata "$MRENCLAVE" xfrm=7 xfrm_mask=0xffffffffffffffff
    holds xfrm 'xfrm 7/0'
}

@test "debug: forbidden is clear and enforced by the mask" {
    begin
    early debug 'not enforced' 'debug forbid'
    holds debug 'debug allow'
    sign_data s.signdata "$MRENCLAVE" attributes=6
    early debug 'DEBUG is set' 'debug forbid'
    holds debug 'debug allow'
    sign_data s.signdata "$MRENCLAVE" attributes=6 attributes_mask=0xffffffffffffffff
    early debug 'DEBUG is set' 'debug forbid'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff
    holds debug 'debug forbid'
}

@test "provision-key: forbidden is clear and enforced by the mask" {
    begin
    holds provision-key 'provision-key forbid'
    sign_data s.signdata "$MRENCLAVE" attributes=0x14
    early provision-key 'PROVISIONKEY is set' 'provision-key forbid'
    holds provision-key 'provision-key allow'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffef
    early provision-key 'not enforced' 'provision-key forbid'
}

@test "einittoken-key: forbidden is clear and enforced by the mask" {
    begin
    holds einittoken-key 'einittoken-key forbid'
    sign_data s.signdata "$MRENCLAVE" attributes=0x24
    early einittoken-key 'EINITTOKENKEY is set' 'einittoken-key forbid'
    holds einittoken-key 'einittoken-key allow'
    sign_data s.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffdf
    early einittoken-key 'not enforced' 'einittoken-key forbid'
}

# ---- what cannot be seen ----

@test "blind forbid: a bare digest is refused even with --blind" {
    begin
    holds blind 'blind forbid'
    openssl dgst -sha256 -binary -out d s.signdata
    mv d s.signdata
    ARGS=(--blind)
    early blind 'digest' 'blind forbid'
    holds blind 'blind allow'
    ARGS=()
    under 'blind allow'
    refused 77 '--blind'
    called C_Sign 0
}

@test "a rule about a field forbids a bare digest, whatever the policy says of blind" {
    begin
    openssl dgst -sha256 -binary -out d s.signdata
    mv d s.signdata
    ARGS=(--blind)
    for line in "mrenclave $MRENCLAVE" 'isvprodid >= 0' 'isvsvn >= 0' 'date >= 20000101' 'attributes 0x4/0x2' \
        'xfrm 0x3/0x3' 'debug forbid' 'provision-key forbid' 'einittoken-key forbid'; do
        early "${line%% *}" 'bare digest' 'blind allow' "$line"
    done
    # What is not about fields can hold.
    holds mrsigner 'blind allow' "mrsigner $(mrsigner "$ONE.pub")" 'debug allow' 'max-items 1'
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
        breaks key "'$claim'" "key $claim"
        breaks key "'$claim'" "key sensitive $claim not-extractable"
    done
    KEY='pkcs11:token=ensign;object=asks'
    holds key 'key always-authenticate'
}

# told CLAIM ATTRIBUTE GOOD BAD: the claim holds where the token says GOOD of the private key, and breaks where
# it says BAD and where it says nothing.
told() {
    ENSIGN_FAULT=setattr=$2:$3:3 holds key "key $1"
    ENSIGN_FAULT=setattr=$2:$4:3 breaks key "'$1'" "key $1"
    ENSIGN_FAULT=dropattr=$2:3 breaks key "'$1'" "key $1"
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
    ENSIGN_FAULT=dropattr=0x202:3 breaks key "'always-authenticate'" 'key always-authenticate'
}

# ---- people ----

# approve WHO: WHO.approval, over s.signdata as it is now.
approve() {
    ens approve --quiet --ssh-key "$BATS_FILE_TMPDIR/$1" --yes --force -o "$1.approval" s.signdata
    ok
}

# person NAME [FILE]: adds somebody to the approvers.
person() {
    printf '%s@example.org %s\n' "$1" "$(cat "$BATS_FILE_TMPDIR/$1.pub")" >>"${2:-people}"
}

@test "approvals: as many as the policy says, of the people it names" {
    begin
    person alice
    person bob
    approve alice
    approve bob
    early approvals '0 count, the policy wants 1' 'approvals 1' 'approvers people'
    ARGS=(--approval alice.approval)
    holds approvals 'approvals 1' 'approvers people'
    early approvals '1 count, the policy wants 2' 'approvals 2' 'approvers people'
    ARGS+=(--approval alice.approval)
    early approvals '1 count, the policy wants 2' 'approvals 2' 'approvers people'
    ARGS=(--approval alice.approval --approval bob.approval)
    holds approvals 'approvals 2' 'approvers people'
    early approvals '2 count, the policy wants 3' 'approvals 3' 'approvers people'
    : >people
    person bob
    holds approvals 'approvals 1' 'approvers people'
    early approvals '1 count, the policy wants 2' 'approvals 2' 'approvers people'
}

@test "approvers: the path is relative to the policy, wherever the run is started" {
    begin
    mkdir -p rules/lists elsewhere
    approve alice
    # Beside the run lies a list that does not know her.
    person bob approvers
    person alice rules/approvers
    ARGS=(--approval alice.approval)
    POLICY=rules/p holds approvals 'approvals 1' 'approvers approvers'
    mv rules/approvers rules/lists/people
    POLICY=rules/p holds approvals 'approvals 1' 'approvers lists/people'
    POLICY=$PWD/rules/p holds approvals 'approvals 1' 'approvers lists/people'
    POLICY=rules/p holds approvals 'approvals 1' "approvers $PWD/rules/lists/people"
    POLICY=rules/p early approvals '0 count' 'approvals 1' "approvers $PWD/approvers"
    POLICY=rules/p under 'approvals 1' 'approvers approvers'
    refused 66 'rules/approvers'
    [ ! -s "$FAULT_LOG" ]
    cd elsewhere
    cp ../s.signdata ../alice.approval .
    POLICY=../rules/p holds approvals 'approvals 1' 'approvers lists/people'
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
        echo "max-items $n" >p
        : >"$FAULT_LOG"
        MODULE=$FAULT sign --policy p --out-dir out s.signdata t.signdata
        if [ "$n" -eq 1 ]; then
            refused 77 'policy: max-items: 2 are to be signed, the policy allows 1'
            [ ! -s "$FAULT_LOG" ]
        else
            ok
            shows_pass max-items
        fi
    done
}

# ---- the whole ----

@test "every line must hold: several failures are counted, the first is named" {
    begin
    early isvprodid '\(and 1 more checks? failed\)' 'isvprodid 9' 'isvsvn 9' 'xfrm 3/3'
    early mrenclave '\(and 4 more checks failed\)' "mrenclave $OTHER" 'isvprodid 9' 'isvsvn 9' 'xfrm 3/0' \
        'debug forbid' 'blind forbid'
    early xfrm 'wants' 'isvprodid 0' 'isvsvn 0' 'xfrm 3/0' 'debug allow'
    not grep -q 'more check' "$ERR"
}

@test "what holds is shown, check by check, and what is not in the policy as such" {
    begin
    under 'isvprodid 0' 'debug allow' 'date >= 20240101' '# debug forbid' '' '   ' 'xfrm 3/3 # exactly'
    ok
    sed -n '/^Policy:$/,/^[^ P]/s/^  \([a-z-]*\) .*\(pass\|FAIL\|not in the policy\).*/\1 \2/p' "$ERR" >rows
    cat >want <<'END'
mrsigner not in the policy
mrenclave not in the policy
isvprodid pass
isvsvn not in the policy
date pass
attributes not in the policy
xfrm pass
debug pass
provision-key not in the policy
einittoken-key not in the policy
blind not in the policy
key not in the policy
approvals not in the policy
max-items not in the policy
END
    same rows want
}

@test "the policy's SHA-256 is shown, and is that of the file, whether it holds or not" {
    begin
    under 'isvprodid 0'
    ok
    says "Policy p, SHA-256 $(sha256 p)"
    one=$(sha256 p)
    under 'isvprodid 0 # the same rule in other bytes'
    ok
    [ "$(sha256 p)" != "$one" ]
    says "Policy p, SHA-256 $(sha256 p)"
    under 'isvprodid 1'
    refused 77
    says "Policy p, SHA-256 $(sha256 p)"
}

@test "an empty policy holds" {
    begin
    under '# nothing yet'
    ok
    : >p
    rm out.sig
    sign --policy p -o out.sig s.signdata
    ok
}

@test "lines may end as on other systems, and be indented" {
    begin
    under $'  isvprodid\t0\r' $'\tdebug allow\r'
    ok
    under $'isvprodid 1\r'
    refused 77 'isvprodid'
}

# ---- what is no policy ----

@test "an unknown keyword is 65, with its line" {
    begin
    wrong 1 "'nonsense' is no keyword" 'nonsense 5'
    wrong 3 "'isvsnv' is no keyword" 'isvprodid 0' '' 'isvsnv 5'
    wrong 2 "'ISVSVN' is no keyword" '# a comment' 'ISVSVN 0'
    wrong 1 'is no keyword' 'isvsvn=5'
}

@test "a keyword that is there twice is 65, with the second's line" {
    begin
    for line in "mrsigner $OTHER" 'isvprodid 0' 'isvsvn >= 0' 'date >= 20240101' 'attributes 4/2' 'xfrm 3/3' \
        'debug allow' 'provision-key allow' 'einittoken-key allow' 'blind allow' 'key sensitive' 'max-items 9' \
        'approvals 1' 'approvers people'; do
        wrong 3 "${line%% *}: is there twice" "$line" '# again:' "$line"
    done
}

@test "a value that cannot be read is 65, with its line and keyword" {
    begin
    for line in mrsigner 'mrsigner 00' "mrsigner ${OTHER}00" "mrsigner ${OTHER%?}g" "mrsigner $OTHER $OTHER" \
        mrenclave 'mrenclave 00' "mrenclave $OTHER 00" \
        isvprodid 'isvprodid -1' 'isvprodid 65536' 'isvprodid 07' 'isvprodid > 5' 'isvprodid => 5' \
        'isvprodid five' 'isvprodid 5 6' 'isvprodid = 5 6' 'isvsvn 0x10000' 'isvsvn >=5' \
        date 'date 20230229' 'date 2024-02-29' 'date 20241301' 'date > 20240101' \
        attributes 'attributes 4' 'attributes 4/' 'attributes 4/2/1' 'attributes 4 2' 'xfrm 3' 'xfrm x/3' \
        debug 'debug no' 'debug Forbid' 'debug forbid allow' 'provision-key never' 'einittoken-key 0' \
        'blind maybe' key 'key secret' 'key sensitive,local' approvals 'approvals 0' 'approvals 65' \
        'approvals two' approvers 'approvers a b' max-items 'max-items 0' 'max-items -1' 'max-items many'; do
        wrong 2 "\\b${line%% *}: " '# a policy' "$line"
    done
}

@test "approvals without approvers are 65" {
    begin
    under 'approvals 2'
    refused 65 '\bp: ' 'approvers'
    [ ! -s "$FAULT_LOG" ]
}

@test "bytes that are no text, lines without end and a file without end are 65" {
    begin
    printf 'isvprodid 0\nisvsvn\0 0\n' >p
    sign --policy p -o out.sig s.signdata
    refused 65 'p: line 2: ' 'zero byte'
    (echo 'isvprodid 0' && head -c 5000 /dev/zero | tr '\0' ' ') >p
    sign --policy p -o out.sig s.signdata
    refused 65 'p: line 2: ' 'bytes'
    printf 'isvprodid \033[2J 0\n' >p
    sign --policy p -o out.sig s.signdata
    refused 65 'p: line 1: '
    yes '# much' | head -c 70000 >p
    sign --policy p -o out.sig s.signdata
    refused 65 '\bp\b' '65536'
    sign --policy nosuch -o out.sig s.signdata
    refused 66 nosuch
}

# ---- verify ----

@test "verify --policy: the lines about fields and the signer" {
    begin
    sigstruct good.css one "$MRENCLAVE" isvprodid=5 isvsvn=12
    printf '%s\n' "mrsigner $(mrsigner "$ONE.pub")" "mrenclave $MRENCLAVE" 'isvprodid 5' 'isvsvn >= 12' >p
    ens verify --policy p good.css
    ok
    # What is about the signing, and not about the result, is nothing that verify could know.
    printf '%s\n' 'approvals 2' 'approvers nosuch' 'max-items 1' 'key local' 'blind forbid' >>p
    ens verify --policy p good.css
    ok
    printf '%s\n' "mrsigner $OTHER" "mrenclave $OTHER" 'isvprodid 6' 'isvsvn >= 13' 'debug forbid' >p
    ens verify --policy p good.css
    exits 1
    for check in mrsigner mrenclave isvprodid isvsvn debug; do
        prints "^no: good\.css: policy: .* \[$check\]\$"
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
    echo 'isvprodid five' >p
    ens verify --policy p good.css
    refused 65 'p: line 1: ' 'isvprodid'
}
