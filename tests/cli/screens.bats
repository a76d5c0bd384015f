#!/usr/bin/env bats
# What people see at a terminal: that nobody else paints on it, that whoever is asked has seen what is signed,
# and what stands on the last screen, line by line.

load helpers
load tmux

# Its bytes clear a screen, and begin a line that looks like ensign's own.
EVIL=$'e\e[2J\e]0;x\a\nMRENCLAVE  0000\r\x9b31m\xc2\x9b1A\xe2\x80\xae'

fixtures() {
    signing_host
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata good.sig
    sigstruct good.css one "$MRENCLAVE"
    ssh_keys alice
}

# Nothing that was seen drives a terminal, and the name began no line.
harmless() {
    plain_terminal "$OUT"
    not grep -a '^ *MRENCLAVE  0000' "$OUT"
}

# in_groups LABEL HASH: the terminal had this label, and the hash below it in groups of eight, nowhere in one run.
in_groups() {
    [ "$(tr -d '\r' <"$OUT" | grep -aA1 -- "^ *$1\$" | sed -n '2s/^ *//p')" = "$(in_eights "$2")" ] ||
        fail "no $1 in groups"
    not grep -aE '[0-9a-f]{64}' "$OUT"
}

@test "on a terminal hashes stand in groups of eight, in whatever command" {
    local key=(--key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin") signer id
    signer=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    enclave e.sgxs
    bundle b.orc
    tty_ens -- pubkey "${key[@]}" -o k.pem
    in_groups MRSIGNER "$signer"
    tty_ens -- pubkey "${key[@]}" --x509 -o k.crt
    in_groups MRSIGNER "$signer"
    tty_ens -- resign "${key[@]}" --yes b.orc
    exits 0
    in_groups MRSIGNER "$signer"
    policy p 'isvsvn any'
    id=$(sha256 p)
    tty_ens -- check --policy p s.signdata
    exits 0
    in_groups 'policy p' "$id"
    tty_ens -- sign "${key[@]}" --yes --policy p --transcript t -o s.sig s.signdata
    exits 0
    in_groups 'Policy p, id' "$id"
    ens transcript t
    id=$(sed -n 's/^Head: *//p' "$OUT")
    [ "${#id}" -eq 64 ]
    tty_ens -- transcript t
    tr -d '\r' <"$OUT" | grep -aA1 '^Head:$' | sed -n '2s/^ *//p' | tr -d ' ' | grep -qx "$id"
    tty_ens -- init --custom --runtime-name a --runtime-id "$(printf '%064d' 7)" --runtime-version 1.2.3 --sgx-executable e.sgxs -o i.orc "$BATS_FILE_TMPDIR/one.pem"
    tr -d '\r\n ' <"$OUT" | grep -q "MRENCLAVE$(sha256 e.sgxs)"
    not grep -aE "$(sha256 e.sgxs)" "$OUT"
    tty_ens -- show s.signdata
    in_groups MRENCLAVE "$MRENCLAVE"
    tty_ens -- keygen --token pkcs11:token=ensign --label fresh --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --pubkey f.pem
    exits 0
    in_groups 'MRSIGNER, the identity of everything that this key signs:' "$(mrsigner f.pem)"
}

@test "progress names the file and how much of it is done, ten times a second at most; a pipe has none" {
    local begun
    "$PYTHON" - <<'PY'
import struct
with open("big.sgxs", "wb") as out:
    out.write(b"ECREATE\0" + struct.pack("<IQ", 1, 1 << 27) + bytes(44))
    for at in range(0, 60 << 20, 4096):
        out.write(b"EADD\0\0\0\0" + struct.pack("<QQ", at, 0x203) + bytes(40))
        for k in range(16):
            out.write(b"EEXTEND\0" + struct.pack("<Q", at + 256 * k) + bytes(48) + bytes(256))
PY
    begun=$(date +%s%3N)
    tty_ens -- show big.sgxs
    begun=$(($(date +%s%3N) - begun))
    tr '\r' '\n' <"$OUT" | grep -a ' MiB, ' >seen
    grep -q '^measuring big\.sgxs: [0-9]* of 75 MiB, [0-9]* % *$' seen
    [ "$(wc -l <seen)" -le $((begun / 100 + 2)) ] || fail "$(wc -l <seen) lines in $begun ms"
    ens show big.sgxs
    not grep -q MiB "$ERR"
    rm big.sgxs
}

@test "A3: a file name drives no terminal and begins no line, in no command" {
    local n=$BATS_FILE_TMPDIR key=(--key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin")
    mkdir "$EVIL"
    cp "$n/good.signdata" "$EVIL/$EVIL.signdata"
    cp "$n/good.sig" "$EVIL/$EVIL.sig"
    cp "$n/good.css" "$EVIL/$EVIL.css"
    cp "$n/alice" "$EVIL/key"
    cp "$n/alice.pub" "$EVIL/key.pub"
    enclave "$EVIL/$EVIL.sgxs"
    bundle "$EVIL/$EVIL.orc"
    cd "$EVIL"
    tty_ens 'to sign: ' yes -- sign "${key[@]}" -o "$EVIL.out" "$EVIL.signdata"
    exits 0
    harmless
    mkdir "out$EVIL"
    cp "$EVIL.signdata" "two$EVIL.signdata"
    tty_ens 'to sign: ' no -- sign "${key[@]}" --out-dir "out$EVIL" "$EVIL.signdata" "two$EVIL.signdata"
    exits 77
    harmless
    people "people$EVIL" alice key.pub
    policy "p$EVIL" 'approvals 1' "approvers people" 'debug allow'
    cp "people$EVIL" people
    tty_ens -- approve --pubkey "$n/one.pem.pub" --ssh-key key --yes -o "a$EVIL" "$EVIL.signdata"
    exits 0
    harmless
    tty_ens 'to sign: ' no -- sign "${key[@]}" --policy "p$EVIL" --approval "a$EVIL" -o x "$EVIL.signdata"
    exits 77
    harmless
    tty_ens -- check --policy "p$EVIL" --approval "a$EVIL" "$EVIL.signdata"
    exits 0
    harmless
    tty_ens -- sign "${key[@]}" --yes --policy "$EVIL.orc" -o x "$EVIL.signdata"
    exits 65
    harmless
    tty_ens -- sign "${key[@]}" --yes -o "$EVIL.out" "$EVIL.signdata"
    exits 73
    harmless
    tty_ens -- sign --key "$EVIL" --module "$SOFTHSM" --yes -o x "$EVIL.signdata"
    exits 64
    harmless
    tty_ens -- sign --key "$RELEASE" --module "$EVIL" --yes -o x "$EVIL.signdata"
    exits 69
    harmless
    tty_ens 'reject: ' no 'rejection. Type yes: ' no -- approve --pubkey "$n/one.pem.pub" --ssh-key key --rebuilt "$EVIL.sgxs" -o x "$EVIL.signdata"
    exits 77
    harmless
    tty_ens -- approve --pubkey "$EVIL.orc" --ssh-key "$EVIL" --yes -o x "$EVIL.signdata"
    harmless
    for file in "$EVIL".{signdata,sig,css,sgxs,orc} "$EVIL" key; do
        tty_ens -- show "$file"
        harmless
        tty_ens -- verify "$file"
        harmless
        tty_ens -- compare "$EVIL.sgxs" "$file"
        harmless
        tty_ens -- extract -o "x$EVIL" "$file"
        harmless
        tty_ens -- transcript "$file"
        harmless
    done
    tty_ens -- gen-sign-data -o "y$EVIL" "$EVIL.orc"
    exits 0
    harmless
    tty_ens -- set-sig --date 20240229 --pubkey "$n/one.pem.pub" --signature "$EVIL.sig" "$EVIL.orc"
    harmless
    tty_ens 'to sign: ' no -- resign "${key[@]}" "$EVIL.orc"
    exits 77
    harmless
    tty_ens -- resign "${key[@]}" --yes "$EVIL.orc" "$EVIL.sgxs" "$EVIL"
    # The line of progress is rewritten by CR; the name in it is in one line, and plain.
    LC_ALL=C sed -Ei 's/\r(signing [0-9]+ of [0-9]+: [ -~]* *)\r *\r/\1\n/g' "$OUT"
    harmless
    tty_ens -- "$EVIL"
    exits 64
    harmless
    tty_ens -- help "$EVIL"
    exits 64
    harmless
    tty_ens -- sign "--$EVIL"
    exits 64
    harmless
}

@test "A3: what a token says drives no terminal" {
    local evil=$'ev\e[2J\xc2\x9b1Ail'
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/softhsm2.conf
    mkdir "$BATS_TEST_TMPDIR/tokens"
    sed "s|^directories.tokendir.*|directories.tokendir = $BATS_TEST_TMPDIR/tokens|" \
        "$BATS_FILE_TMPDIR/softhsm2.conf" >"$SOFTHSM2_CONF"
    softhsm2-util --init-token --free --label "$evil" --so-pin 87654321 --pin "$PIN" >/dev/null
    openssl pkcs8 -topk8 -nocrypt -in "$BATS_FILE_TMPDIR/one.pem" -out "$BATS_TEST_TMPDIR/p8"
    softhsm2-util --import "$BATS_TEST_TMPDIR/p8" --token "$evil" --label "$evil"$'\n'key --id 01 --pin "$PIN" >/dev/null
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    tty_ens -- keys --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin"
    exits 0
    plain_terminal "$OUT"
    tty_ens 'PIN of token ev.*: ' "$PIN" 'to sign: ' yes -- sign --key pkcs11:id=%01 --module "$SOFTHSM" -o out.sig s.signdata
    exits 0
    plain_terminal "$OUT"
    tty_ens -- sign --key pkcs11:object=none --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes -o x s.signdata
    exits 80
    plain_terminal "$OUT"
}

@test "A9: what is typed before the review answers nothing: sign, approve, resign" {
    local key=(--key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_FILE_TMPDIR/pin")
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    bundle f.orc
    AHEAD=yes tty_ens 'to sign: ' no -- sign "${key[@]}" -o out.sig s.signdata
    exits 77
    unchanged
    AHEAD=yes tty_ens 'to reject: ' no 'rejection. Type yes: ' no -- approve --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --ssh-key "$BATS_FILE_TMPDIR/alice" -o a s.signdata
    exits 77
    unchanged
    AHEAD=yes tty_ens 'to sign: ' no -- resign "${key[@]}" f.orc
    exits 77
    unchanged
    # Nor what is typed on top of an answer that is none.
    AHEAD=y tty_ens 'to sign: ' $'Y\nyes' 'yes or no: ' no -- sign "${key[@]}" -o out.sig s.signdata
    exits 77
    unchanged
    called C_Sign 0
}

# ---- what stands on the last screen ----

# on_screen LINE...: the whole screen, from its first line. A line that begins with ~ is a regular expression.
on_screen() {
    local line n=0
    mapfile -t have < <(look)
    for line in "$@"; do
        if [[ $line = '~'* ]]; then
            [[ ${have[n]} =~ ^${line#\~}$ ]] || fail "line $((n + 1)) is '${have[n]}', not like '$line'" "$(look)"
        else
            [ "${have[n]}" = "$line" ] || fail "line $((n + 1)) is '${have[n]}', not '$line'" "$(look)"
        fi
        n=$((n + 1))
    done
    [ "$n" -eq "${#have[@]}" ] || fail "the screen has ${#have[@]} lines, not $n" "$(look)"
}

groups() { sed 's/\(........\)/\1 /g; s/ $//' <<<"$1"; }
short() { echo "${1:0:8} ... ${1:56}"; }
tiny() { echo "${1:0:8}..${1:60}"; }

# signs ARG...: types a sign command at the terminal.
signs() {
    # shellcheck disable=SC2016
    types 'S() { ensign sign --key "$K" --pin-source "file:$PINFILE" "$@"; }'
    types "clear; S $*"
}

# shellcheck disable=SC2016
KEYLINE='~Key         release, token ensign, serial [0-9a-f]{16}'
WORDS='~  [1-4]( [A-Za-z]+){8}'
RULE=$(printf -- '-%.0s' {1..76})

# enforced OUT FIELD=VALUE...: sign-data that has no dangers.
enforced() {
    sign_data "$1" "$MRENCLAVE" attributes_mask=0xffffffffffffffff "${@:2}"
}

@test "B2, B4: one sign-data: the last 24 lines hold all that decides" {
    begin
    enforced s.signdata isvprodid=5 isvsvn=12
    local digest signer
    digest=$(sha256 s.signdata)
    signer=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    signs -o out.sig s.signdata
    sees 'to sign:$'
    on_screen 'Review of the 256 bytes that will be signed' \
        '  MRENCLAVE' "  $(groups "$MRENCLAVE")" '  MRSIGNER' "  $(groups "$signer")" \
        '  ISVPRODID   5           ISVSVN 12           DATE 2024-02-29' \
        '  ATTRIBUTES  0000000000000004  MODE64BIT     every bit enforced' \
        '  XFRM        0000000000000003  x87 SSE       other features off, as usual' \
        '  MISCSELECT  00000000          none          every bit enforced' \
        '  DEBUG       off, enforced' \
        '  SHA-256 to be signed' "  $(groups "$digest")" "$WORDS" "$WORDS" "$WORDS" "$WORDS" "$RULE" \
        'File        s.signdata' "MRENCLAVE   $(short "$MRENCLAVE")" "$KEYLINE" \
        'Approvals   none asked for' 'Policy      none' 'Dangers     none' 'Sign this? Type yes to sign:'
    types no
    ended 77
}

@test "B1: --quiet at a terminal shows the review all the same, and asks" {
    begin
    enforced s.signdata
    signs -q -o out.sig s.signdata
    sees '^Sign this\? Type yes to sign:$'
    look >"$BATS_TEST_TMPDIR/quiet"
    tr -d ' \n' <"$BATS_TEST_TMPDIR/quiet" | grep -q "$MRENCLAVE"
    grep -qx 'Dangers     none' "$BATS_TEST_TMPDIR/quiet"
    types no
    # Nor does it help to send stderr away: who is asked sees.
    signs -q -o out.sig s.signdata '2>/dev/null'
    sees '^Sign this\? Type yes to sign:$'
    look | grep -qx "MRENCLAVE   $(short "$MRENCLAVE")"
    types no
    ended 77
}

@test "B2, B5: with policy, approvals and dangers the summary has them, whatever has scrolled" {
    begin
    sign_data s.signdata "$MRENCLAVE" isvsvn=3 date=0x20991231
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/bob"
    people people alice@example.org "$BATS_FILE_TMPDIR/alice.pub" bob@example.org "$BATS_TEST_TMPDIR/bob.pub"
    policy p 'approvals 2' 'approvers people' 'isvsvn >= 3' 'debug allow'
    for name in "$BATS_FILE_TMPDIR/alice" "$BATS_TEST_TMPDIR/bob"; do
        ens approve --ssh-key "$name" --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --yes -o "${name##*/}.approval" s.signdata
        ok
    done
    signs --policy p --approval alice.approval --approval bob.approval -o out.sig s.signdata
    sees '^Sign this, with 2 dangers\? Type yes to sign:$'
    look | tail -n 7 >"$BATS_TEST_TMPDIR/last"
    sed -n 1p "$BATS_TEST_TMPDIR/last" | grep -qx 'File        s.signdata'
    sed -n 2p "$BATS_TEST_TMPDIR/last" | grep -qx "MRENCLAVE   $(short "$MRENCLAVE")"
    sed -n 3p "$BATS_TEST_TMPDIR/last" | grep -Eqx "${KEYLINE#\~}"
    sed -n 4p "$BATS_TEST_TMPDIR/last" | grep -qx 'Approvals   2 of 2: alice@example.org, bob@example.org'
    sed -n 5p "$BATS_TEST_TMPDIR/last" | grep -Eqx 'Policy      p [0-9a-f]{8} \.\.\. [0-9a-f]{8}: 4 of 4 lines hold'
    sed -n 6p "$BATS_TEST_TMPDIR/last" | grep -qx 'Dangers     2: DEBUG not enforced; DATE in the future'
    types no
    ended 77
    grep -qx '! DATE 2099-12-31 is in the future' "$BATS_TEST_TMPDIR/session"
    grep -qx '! DEBUG is not enforced: a host may start this enclave with its memory open' "$BATS_TEST_TMPDIR/session"
}

@test "B3: five sign-data are one table, and what has dangers is named beside the question" {
    begin
    mkdir signed
    local n signer all rows=()
    for n in 1 2 3 4 5; do
        enforced "app00$n.signdata" isvprodid=$n isvsvn=12
    done
    sign_data app002.signdata "$MRENCLAVE" isvprodid=2 isvsvn=12
    for n in 1 2 3 4 5; do
        rows+=("    $n app00$n.signdata    $(tiny "$MRENCLAVE")       $n  $(tiny "$(sha256 "app00$n.signdata")")")
    done
    rows[1]="  ! ${rows[1]#    }  DEBUG open"
    signer=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    # SHA-256 of the five digests, sorted: as a reviewer computes it.
    all=$(sha256sum app*.signdata | cut -c1-64 | LC_ALL=C sort | tr -d '\n' | xxd -r -p | sha256sum | cut -c1-64)
    signs --out-dir signed 'app*.signdata'
    sees 'to sign:$'
    on_screen '5 sign-data, all with' '  MRSIGNER' "  $(groups "$signer")" \
        '  ISVSVN 12   DATE 2024-02-29   ATTRIBUTES MODE64BIT   XFRM x87 SSE' \
        '    # file               MRENCLAVE       PRODID  SHA-256 to be signed' \
        "${rows[@]}" '  All 5 together' "  $(groups "$all")" "$WORDS" "$WORDS" "$WORDS" "$WORDS" "$RULE" \
        'Files       5, to signed/' "$KEYLINE" 'Approvals   none asked for' 'Policy      none' \
        'Dangers     1 of 5: app002.signdata (DEBUG not enforced)' \
        'Sign these 5, of which 1 has dangers (app002)? Type yes to sign:' ''
    types yes
    ended 0
    [ "$(find signed -mindepth 1 | wc -l)" -eq 5 ]
}

# thirtyone: that many sign-data; one of them has a danger.
thirtyone() {
    local n
    mkdir signed
    "$PYTHON" - "$MRENCLAVE" <<'PY'
import sys
import sgx
for n in range(1, 32):
    values = {"header": sgx.HEADER, "header2": sgx.HEADER2, "date": 0x20240229, "miscmask": 0xFFFFFFFF,
              "attributes": 4, "attributes_mask": 2 ** 64 - (3 if n == 23 else 1), "xfrm": 3,
              "xfrm_mask": 2 ** 64 - 4, "isvsvn": 12, "enclavehash": bytes([n]) + bytes.fromhex(sys.argv[1])[1:]}
    open("app%03d.signdata" % n, "wb").write(sgx.sign_data(sgx.build(values)))
PY
}

@test "B3: thirty-one are shown in pages; the last one has the dangers again, the words, the summary" {
    begin
    thirtyone
    local all name=app023.signdata
    all=$(sha256sum app*.signdata | cut -c1-64 | LC_ALL=C sort | tr -d '\n' | xxd -r -p | sha256sum | cut -c1-64)
    signs --out-dir signed 'app*.signdata'
    sees '^-- 1 of 3: press Enter --$'
    look | sed -n 1p | grep -qx '31 sign-data, all with'
    look | grep -q '^   18 app018\.signdata  '
    types ''
    sees '^-- 2 of 3: press Enter --$'
    look | sed -n '/^-- 1 of 3/{n;p;}' | grep -qx '    # file               MRENCLAVE       SHA-256 to be signed'
    look | grep -q "^ ! 23 $name    17[0-9a-f]*\.\.${MRENCLAVE:60}  $(tiny "$(sha256 $name)")  DEBUG open\$"
    look | grep -q '^   31 app031\.signdata  '
    types ''
    sees 'to sign:$'
    look >"$BATS_TEST_TMPDIR/screen"
    sed -n '/^Items/,$p' "$BATS_TEST_TMPDIR/screen" >"$BATS_TEST_TMPDIR/last"
    mapfile -t last <"$BATS_TEST_TMPDIR/last"
    [ "${last[0]}" = 'Items with dangers: 1 of 31' ]
    [ "${last[1]}" = " ! 23 $name    17${MRENCLAVE:2:6}..${MRENCLAVE:60}  $(tiny "$(sha256 $name)")" ]
    [ "${last[2]}" = '      DEBUG is not enforced: a host may start this enclave with its memory open' ]
    [ "${last[3]}" = '  All 31 together' ]
    [ "${last[4]}" = "  $(groups "$all")" ]
    [ "${last[9]}" = "$RULE" ]
    [ "${last[10]}" = 'Files       31, to signed/' ]
    [[ ${last[11]} =~ ^${KEYLINE#\~}$ ]]
    [ "${last[12]}" = 'Approvals   none asked for' ]
    [ "${last[13]}" = 'Policy      none' ]
    [ "${last[14]}" = "Dangers     1 of 31: $name (DEBUG not enforced)" ]
    [ "${last[15]}" = 'Sign these 31, of which 1 has dangers (app023)? Type yes to sign:' ]
    types yes
    ended 0
    [ "$(find signed -mindepth 1 | wc -l)" -eq 31 ]
    fits
}

@test "B3: q and Ctrl-D at a page refuse, and what is typed ahead turns none" {
    begin
    thirtyone
    for key in q C-d; do
        signs --out-dir signed 'app*.signdata'
        sees '^-- 1 of 3: press Enter --$'
        types "$key"
        ended 77
        grep -q '^ensign: app001\.signdata: not signed: the answer was no$' "$BATS_TEST_TMPDIR/session"
    done
    # Four lines ahead, the last one a yes: the first page waits all the same.
    signs --out-dir signed 'app*.signdata' "$(printf '\n\n\nyes')"
    sees '^-- 1 of 3: press Enter --$'
    types q
    ended 77
    [ -z "$(ls signed)" ]
    called C_Sign 0
}

@test "a terminal that does not say how large it is gets one stream" {
    thirtyone
    need_fault
    tty_ens 'to sign: ' no -- sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_FILE_TMPDIR/pin" \
        --out-dir signed app*.signdata
    exits 77
    not grep -q 'press Enter' "$OUT"
}

@test "confirm words: the first word of each row is the answer, and yes is none" {
    begin
    enforced s.signdata
    policy p 'confirm words' 'debug forbid'
    local words
    signs --policy p -o out.sig s.signdata
    sees '^Type the first word of each row:$'
    words=$(look | sed -n 's/^  [1-4] \([A-Za-z]*\) .*/\1/p' | tr '\n' ' ')
    [ "$(wc -w <<<"$words")" -eq 4 ]
    types yes
    sees '^Please type the first word of each row, or no:$'
    types "${words% * }"
    sees '^Please type the first word of each row, or no:$'
    types yes
    ended 77
    called C_Sign 0
    signs --policy p -o out.sig s.signdata
    sees '^Type the first word of each row:$'
    types "  ${words^^}"
    ended 0
    [ -e out.sig ]
    sign --policy p -o other.sig s.signdata
    refused 77 confirm
}

@test "long names of people and policies wrap below themselves, and are never cut" {
    begin
    enforced s.signdata
    local long
    long=$(printf 'p%.0s' {1..90})
    policy "$long" 'debug forbid'
    signs --policy "$long" -o out.sig s.signdata
    sees 'to sign:$'
    # What does not fit goes on below, in the same column: nothing of a name begins a row.
    look all | tr -d ' \n' | grep -q "Policy$long"
    not grep -q '^p' <<<"$(look all)"
    types no
    ended 77
}

@test "approve: the summary says whose enclave, which signer, who says yes, until when" {
    begin
    enforced s.signdata
    enclave app.sgxs
    local signer
    signer=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    cp "$BATS_FILE_TMPDIR/one.pem.pub" release.pem
    cp "$BATS_FILE_TMPDIR/alice" "$BATS_FILE_TMPDIR/alice.pub" .
    types 'clear; ensign approve -q --ssh-key alice --pubkey release.pem --rebuilt app.sgxs -o a s.signdata'
    sees 'reject:$'
    look | grep -qx '  MRENCLAVE                               the same in your build of app.sgxs'
    look | sed '/^$/d' | tail -n 8 >"$BATS_TEST_TMPDIR/last"
    mapfile -t last <"$BATS_TEST_TMPDIR/last"
    [ "${last[0]}" = "$RULE" ]
    [ "${last[1]}" = 'File        s.signdata' ]
    [ "${last[2]}" = "MRENCLAVE   $(short "$MRENCLAVE"), as rebuilt from app.sgxs" ]
    [ "${last[3]}" = "Signer      MRSIGNER $(short "$signer"), from release.pem" ]
    [[ ${last[4]} =~ ^You\ +alice\.pub,\ SHA256:[A-Za-z0-9+/]{43}$ ]]
    [[ ${last[5]} =~ ^Valid\ +until\ [0-9]{4}-[0-9]{2}-[0-9]{2}$ ]]
    [ "${last[6]}" = 'Dangers     none' ]
    [ "${last[7]}" = 'Approve this? Type yes to approve, or no to reject:' ]
    types no
    sees '^Write a rejection\? Type yes:$'
    types no
    ended 77
    types 'clear; ensign approve --ssh-key alice --pubkey release.pem -o a s.signdata'
    sees 'reject:$'
    look | grep -qx "MRENCLAVE   $(short "$MRENCLAVE"), NOT rebuilt by you"
    types yes
    ended 0
}

@test "resign: what changes stands first, and an ISVSVN that falls is a danger" {
    begin
    bundle a.orc
    bundle b.orc
    local key=(--key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --forbid-debug)
    ens resign "${key[@]}" --yes -v 8 b.orc
    ok
    types 'R() { ensign resign --key "$K" --pin-source "file:$PINFILE" "$@"; }'
    types 'clear; R --date 20240229 --forbid-debug -v 2 a.orc b.orc'
    sees 'to sign:$'
    look >"$BATS_TEST_TMPDIR/screen"
    grep -qx '2 files, all with' "$BATS_TEST_TMPDIR/screen"
    grep -qx '  DATE 2024-02-29   ATTRIBUTES MODE64BIT, DEBUG off, enforced   XFRM x87 SSE' "$BATS_TEST_TMPDIR/screen"
    grep -qx '    # file               MRENCLAVE       PRODID  ISVSVN       signer now' "$BATS_TEST_TMPDIR/screen"
    grep -Eqx "    1 a.orc ronl         $(tiny "$MRENCLAVE")       0      -> 2    nobody" "$BATS_TEST_TMPDIR/screen"
    grep -Eqx "  ! 2 b.orc ronl         $(tiny "$MRENCLAVE")       0    8 -> 2    the same" "$BATS_TEST_TMPDIR/screen"
    grep -qx 'Files       2, in place' "$BATS_TEST_TMPDIR/screen"
    grep -qx 'Approvals   none: resign never takes approvals' "$BATS_TEST_TMPDIR/screen"
    grep -qx 'Dangers     1 of 2: b.orc ronl (ISVSVN falls)' "$BATS_TEST_TMPDIR/screen"
    grep -qx 'Sign these 2, of which 1 has dangers (b.orc ronl)? Type yes to sign:' "$BATS_TEST_TMPDIR/screen"
    types no
    types 'clear; R -q --date 20240229 --forbid-debug -v 2 b.orc'
    sees '^Sign this, with 1 danger\? Type yes to sign:$'
    look | grep -qx "MRENCLAVE   $(short "$MRENCLAVE"), ISVSVN 8 -> 2, signer now: the same"
    look | grep -qx '! ISVSVN falls from 8 to 2: verifiers that want 8 refuse it'
    types no
    ended 77
    ens gen-sign-data --from b.orc -v 2 -o x.signdata a.orc
    ok
    danger 'ISVSVN falls from 8 to 2'
    ens gen-sign-data --from b.orc -v 8 -o y.signdata a.orc
    not_warned 'ISVSVN falls'
    ens gen-sign-data --date 20991231 -o z.signdata a.orc
    danger 'DATE 2099-12-31 is in the future'
}

@test "B5: a success says what was written, by which key, and what comes next" {
    local signer key=(--key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes)
    signer=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
    cp "$BATS_FILE_TMPDIR/one.pem.pub" release.pem
    bundle app.orc
    ens gen-sign-data --date 20240229 -o app.signdata app.orc
    ok
    says "^app\.signdata: 256 bytes for MRENCLAVE $(short "$MRENCLAVE")\.\$"
    says '^Next: carry it to the signing host and to the reviewers\.$'
    ens sign "${key[@]}" --dry-run -o app.sig app.signdata
    ok
    says '^dry run: app\.signdata would be signed by release; nothing was signed\.$'
    [ ! -e app.sig ]
    ens sign "${key[@]}" -o app.sig app.signdata
    ok
    says "^app\.sig: 384 bytes, signed by release \(MRSIGNER $(short "$signer")\), verified\.\$"
    says '^Next: carry app\.sig to the build host\.$'
    ens sign "${key[@]}" --transcript room.transcript --force -o app.sig app.signdata
    ok
    says "^Head of room\.transcript: $("$ENSIGN" transcript room.transcript | sed -n 's/^Head: *//p')\.\$"
    says '^Next: write the head into the minutes, carry app\.sig to the build host\.$'
    mkdir signed
    cp app.sig signed
    sign_data two.signdata "$MRENCLAVE" isvsvn=2
    ens sign "${key[@]}" --dry-run --out-dir signed app.signdata two.signdata
    ok
    says '^dry run: 1 sign-data would be signed by release, and 1 are signed already; nothing was signed\.$'
    ens sign "${key[@]}" --out-dir signed app.signdata two.signdata
    ok
    says '^signed/: 1 signature by release, verified\. 1 was signed already, and stays\.$'
    ens set-sig --date 20240229 app.orc app.sig release.pem
    ok
    says '^app\.orc: signed, SIGSTRUCT verified from the file\.$'
    says '^Next: ensign verify --pubkey release\.pem app\.orc$'
    ens verify --pubkey release.pem app.orc
    ok
    ens resign "${key[@]}" --date 20240301 -v 3 app.orc
    ok
    says '^app\.orc: component ronl: signed, ISVPRODID 0, ISVSVN 0 -> 3, DATE 2024-03-01, written in place\.$'
    # With --quiet nothing but dangers is said.
    ens sign -q "${key[@]}" --force -o app.sig app.signdata
    ok
    [ "$(grep -vc '^ensign: warning: ' "$ERR")" -eq 0 ] || fail "$(cat "$ERR")"
    ens gen-sign-data -q --force -o app.signdata app.orc
    [ "$(grep -vc '^ensign: warning: ' "$ERR")" -eq 0 ] || fail "$(cat "$ERR")"
}

# split_ens tty|pipe tty|pipe ARG...: stdout and stderr each a terminal or none; what they had is in $OUT and $ERR.
split_ens() {
    need_terminal
    OUT=$BATS_TEST_TMPDIR/stdout
    ERR=$BATS_TEST_TMPDIR/stderr
    "$PYTHON" - "$OUT" "$ERR" "$1" "$2" "$ENSIGN" "${@:3}" <<'PY'
import os, pty, subprocess, sys
out, err, *kinds = sys.argv[1:5]
ends = [pty.openpty() if kind == "tty" else os.pipe() for kind in kinds]
child = subprocess.Popen(sys.argv[5:], stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1])
child.wait(60)
for path, (fd, inner) in zip((out, err), ends):
    os.write(inner, b"\0")
    seen = b""
    while not seen.endswith(b"\0"):
        seen += os.read(fd, 65536)
    open(path, "wb").write(seen[:-1])
PY
}

@test "screen 11: colour has three uses, carries no fact alone, and stdout and stderr decide separately" {
    local esc=$'\033' term
    sigstruct s.css one "$MRENCLAVE"
    sigstruct t.css one "$MRENCLAVE" attributes_mask=0xffffffffffffffff
    enclave e.sgxs
    export TERM=xterm
    split_ens tty tty verify s.css
    grep -q "^$esc\[1myes:$esc\[0m s.css" "$OUT"
    grep -q "^$esc\[33mwarning:$esc\[0m s.css" "$OUT"
    split_ens tty tty verify --min-isvsvn 1 t.css
    grep -q "^$esc\[1;31mno:$esc\[0m t.css" "$OUT"
    split_ens tty tty show s.css
    grep -q "^$esc\[31mDangers$esc\[0m  *1: DEBUG not enforced" "$OUT"
    split_ens tty tty show t.css
    not grep -q "$esc" "$OUT"
    split_ens tty tty compare s.css t.css
    grep -q "^$esc\[1msame enclave$esc\[0m" "$OUT"
    split_ens tty tty gen-sign-data --quiet --date 20240229 --force -o out e.sgxs
    grep -q "^ensign: $esc\[33mwarning:$esc\[0m DEBUG" "$ERR"
    split_ens tty tty gen-sign-data --date 20240229 --force -o out e.sgxs
    grep -q "^$esc\[31m!$esc\[0m DEBUG" "$ERR"
    # No green, no background, no digest in colour.
    not grep -qE "$esc\[(3[0245-9]|[4-9])|$esc\[[0-9;]+m[0-9a-f]{8} " "$OUT" "$ERR"
    # Each stream by itself.
    split_ens pipe tty verify s.css
    not grep -q "$esc" "$OUT"
    split_ens tty pipe gen-sign-data --quiet --date 20240229 --force -o out e.sgxs
    not grep -q "$esc" "$ERR"
    split_ens pipe tty gen-sign-data --quiet --date 20240229 --force -o out e.sgxs
    grep -q "$esc" "$ERR"
    for term in dumb ''; do
        TERM=$term split_ens tty tty verify s.css
        not grep -q "$esc" "$OUT"
    done
    NO_COLOR=1 split_ens tty tty verify s.css
    not grep -q "$esc" "$OUT"
    prints '^yes: s.css'
}

@test "screen 11: what a file is called takes no colour and gives none" {
    cp "$BATS_FILE_TMPDIR/good.signdata" $'e\033[31mvil'
    cp "$BATS_FILE_TMPDIR/good.signdata" 'no: x'
    export TERM=xterm
    split_ens tty tty show $'e\033[31mvil'
    grep -q '^Sign-data       e?\[31mvil, ' "$OUT"
    split_ens tty tty show nosuch$'\nno: forged'
    not grep -q $'^\033' "$ERR"
    TERM=xterm tty_ens 'to sign: ' no -- sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" \
        -o x 'no: x'
    exits 77
    grep -q $'^\033\\[31mDangers\033\\[0m ' "$OUT"
    grep -q '^File        no: x' "$OUT"
}
