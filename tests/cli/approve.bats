#!/usr/bin/env bats
# approve: a reviewer's yes or no. What ensign writes is taken apart by hand, and judged by ssh-keygen itself.

load helpers

fixtures() {
    unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    ssh_keys alice
    ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f bob
    ssh-keygen -q -t ed25519 -N 'a passphrase' -C '' -f locked
    local key
    for key in alice bob locked; do
        echo "$key $(cat $key.pub)" >>allowed
    done
    sign_data good.signdata "$MRENCLAVE"
}

# The enclave key that everything here is for.
SIGNER=9affcfae47b848ec2caf1c49b4b283531e1cc425f93582b36806e52a43d78d1a

# Each test has the sign-data as s.signdata, and a TMPDIR of its own that must be empty at the end.
begin() {
    unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    KEYS=$BATS_FILE_TMPDIR
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
}

nothing_left() {
    [ -z "$(ls -A "$TMPDIR")" ] || fail "left behind:" "$(ls -lA "$TMPDIR")"
}

# approve ARG...: without questions.
approve() {
    ens approve --mrsigner "$SIGNER" --yes "$@"
    nothing_left
}

# statement FILE: what is signed.
statement() {
    sed '/^-----BEGIN/,$d' "$1"
}

# value FILE KEY: what its statement says.
value() {
    statement "$1" | sed -n "s/^$2: //p"
}

# answered_by NAME FILE ANSWER SIGN-DATA...: the statement says so of these, by that key, and ssh-keygen accepts
# it as this person's.
answered_by() {
    local name=$1 file=$2 answer=$3 signature=$BATS_TEST_TMPDIR/signature
    shift 3
    sed -n '/^-----BEGIN/,$p' "$file" >"$signature"
    statement "$file" | ssh-keygen -Y verify -f "$BATS_FILE_TMPDIR/allowed" -I "$name" -n ensign-approval-v1 \
        -s "$signature" || fail "ssh-keygen does not accept $file as $name's"
    [ "$(statement "$file" | head -1)" = 'ensign approval 1' ]
    [ "$(value "$file" answer)" = "$answer" ]
    [ "$(value "$file" by)" = "$(fingerprint "$BATS_FILE_TMPDIR/$name.pub")" ]
    [ "$(value "$file" mrsigner)" = "$SIGNER" ]
    [ "$(value "$file" items)" = $# ]
    [ "$(value "$file" item | cut -d' ' -f1)" = "$(sha256sum "$@" | cut -d' ' -f1 | LC_ALL=C sort)" ]
}

# approved_by NAME FILE [SIGN-DATA...]
approved_by() {
    [ $# -gt 2 ] || set -- "$@" s.signdata
    answered_by "$1" "$2" yes "${@:3}"
}

fingerprint() {
    ssh-keygen -l -f "$1" | cut -d' ' -f2
}

@test "an approval is one that ssh-keygen accepts, over exactly the 256 bytes" {
    begin
    for who in alice bob; do
        approve --ssh-key "$KEYS/$who" -o "$who.approval" s.signdata
        ok
        approved_by "$who" "$who.approval"
        grep -qF "$(fingerprint "$KEYS/$who.pub")" "$ERR"
    done
    [ "$(value alice.approval until)" = "$(date -u -d '+30 days' +%Y%m%d)" ]
    [ "$(value alice.approval replaces)" = - ]
    [ "$(value alice.approval note)" = - ]
    [ "$(value alice.approval item)" = "$(sha256 s.signdata) not-rebuilt" ]
    poke s.signdata 200 01
    not approved_by alice alice.approval
    files s.signdata alice.approval bob.approval
}

@test "by hand, as ensign(5) says: the same statement, signed by ssh-keygen, is the same approval" {
    begin
    approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    ok
    statement a.approval >./statement
    ssh-keygen -q -Y sign -n ensign-approval-v1 -f "$KEYS/alice" statement
    cat statement statement.sig >by-hand.approval
    same a.approval by-hand.approval
}

@test "several sign-data in one file, in order of their digests, by one touch" {
    begin
    for n in 1 2 3; do sign_data $n.signdata "$MRENCLAVE" isvsvn=$n; done
    approve --ssh-key "$KEYS/alice" -o a.approval 3.signdata 1.signdata 2.signdata
    ok
    approved_by alice a.approval 1.signdata 2.signdata 3.signdata
    approve --ssh-key "$KEYS/alice" -o b.approval 1.signdata 2.signdata 1.signdata
    refused 65 'twice'
}

@test "--pubkey or --mrsigner: one is needed, and both name the same" {
    begin
    ens approve --yes --ssh-key "$KEYS/alice" -o a.approval s.signdata
    usage -- '--pubkey' '--mrsigner'
    openssl genrsa -3 -out key.pem 3072 2>/dev/null
    openssl rsa -in key.pem -pubout -out release.pem 2>/dev/null
    ens approve --yes --ssh-key "$KEYS/alice" --pubkey release.pem -o a.approval s.signdata
    ok
    [ "$(value a.approval mrsigner)" = "$(mrsigner release.pem)" ]
    approve --pubkey release.pem --ssh-key "$KEYS/alice" -o b.approval s.signdata
    usage 'give one'
    ens approve --yes --ssh-key "$KEYS/alice" --mrsigner "${SIGNER:1}" -o b.approval s.signdata
    usage -- '--mrsigner' '64'
    ens approve --yes --ssh-key "$KEYS/alice" --pubkey s.signdata -o b.approval s.signdata
    refused 65 's\.signdata'
}

@test "--until, --note: what the room reads" {
    begin
    until=$(date -u -d '+3 days' +%Y%m%d)
    approve --ssh-key "$KEYS/alice" --until "$until" --note 'built from 3f2a, one box' -o a.approval s.signdata
    ok
    approved_by alice a.approval
    [ "$(value a.approval until)" = "$until" ]
    [ "$(value a.approval note)" = 'built from 3f2a, one box' ]
    approve --ssh-key "$KEYS/alice" --until "$(date -u +%Y%m%d)" -o b.approval s.signdata
    ok
    for wrong in "$(date -u -d yesterday +%Y%m%d)" 20270230 tomorrow 2099-01-01 ''; do
        approve --ssh-key "$KEYS/alice" --until "$wrong" -o c.approval s.signdata
        usage -- '--until'
    done
    for wrong in '' ' x' 'x ' - $'a\nb' 'café' "$(printf '%0201d' 0)"; do
        approve --ssh-key "$KEYS/alice" --note "$wrong" -o c.approval s.signdata
        usage -- '--note'
    done
}

@test "--until: the clock of the host says which day it is, and not SOURCE_DATE_EPOCH" {
    begin
    SOURCE_DATE_EPOCH=946684800 approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    ok
    [ "$(value a.approval until)" = "$(date -u -d '+30 days' +%Y%m%d)" ]
    SOURCE_DATE_EPOCH=946684800 approve --ssh-key "$KEYS/alice" --until 20000102 -o b.approval s.signdata
    usage -- '--until'
}

@test "A14: --reject: a no, without an end" {
    begin
    approve --ssh-key "$KEYS/alice" --reject --note 'the linker is not ours' -o a.approval s.signdata
    ok
    says 'a\.approval: NO to s\.signdata'
    answered_by alice a.approval no s.signdata
    [ "$(value a.approval until)" = - ]
    [ "$(value a.approval note)" = 'the linker is not ours' ]
    enclave own.sgxs
    for more in --until=20991231 --rebuilt=own.sgxs; do
        approve --ssh-key "$KEYS/alice" --reject "$more" -o b.approval s.signdata
        usage -- '--reject'
    done
}

@test "A14: --replaces: an earlier answer is taken back by its id" {
    begin
    approve --ssh-key "$KEYS/alice" --reject -o no.approval s.signdata
    ok
    approve --ssh-key "$KEYS/alice" --replaces no.approval -o a.approval s.signdata
    ok
    approved_by alice a.approval
    [ "$(value a.approval replaces)" = "$(statement no.approval | sha256sum | cut -d' ' -f1)" ]
    not_warned 'another key'
    # Another key of the same person may be meant, or somebody else's answer by mistake.
    approve --ssh-key "$KEYS/bob" --replaces no.approval -o b.approval s.signdata
    ok
    warned 'no\.approval: is by another key'
    for wrong in s.signdata "$KEYS/alice.pub"; do
        approve --ssh-key "$KEYS/alice" --replaces "$wrong" -o c.approval s.signdata
        refused 65 'is not an approval \[statement\]'
    done
    sed 's/^answer: no/answer: yes/' no.approval >edited.approval
    approve --ssh-key "$KEYS/alice" --replaces edited.approval -o c.approval s.signdata
    refused 65 'is not an approval \[statement\]'
    approve --ssh-key "$KEYS/alice" --replaces nosuch -o c.approval s.signdata
    refused 66 nosuch
}

@test "the review is shown, and the approval goes to stdout without -o" {
    begin
    approve --ssh-key "$KEYS/alice" s.signdata
    ok
    says "$MRENCLAVE"
    says_hex "$(sha256 s.signdata)"
    danger DEBUG
    cp "$OUT" "$BATS_TEST_TMPDIR/a.approval"
    [ "$(head -1 "$OUT")" = 'ensign approval 1' ]
    [ "$(tail -1 "$OUT")" = '-----END SSH SIGNATURE-----' ]
    approved_by alice "$BATS_TEST_TMPDIR/a.approval"
    approve --quiet --ssh-key "$KEYS/alice" s.signdata
    ok
    warned DEBUG
    not grep -q "$MRENCLAVE" "$ERR"
    same "$OUT" "$BATS_TEST_TMPDIR/a.approval"
}

@test "a key in ssh-agent, named by its public half" {
    begin
    cp "$KEYS/alice.pub" agent.pub
    approve --ssh-key agent.pub -o a.approval s.signdata
    refused 77 'agent\.pub: ssh-keygen made no signature'
    # -D keeps it in the foreground, so that its process is known.
    ssh-agent -D -a "$BATS_TEST_TMPDIR/agent" >/dev/null 3>&- &
    agent=$!
    export SSH_AUTH_SOCK=$BATS_TEST_TMPDIR/agent
    for _ in $(seq 100); do
        [ ! -S "$SSH_AUTH_SOCK" ] || break
        sleep 0.1
    done
    ssh-add -q "$KEYS/alice"
    ens approve --mrsigner "$SIGNER" --yes --ssh-key agent.pub -o a.approval s.signdata
    kill "$agent"
    wait "$agent" || true
    ok
    nothing_left
    approved_by alice a.approval
}

@test "--rebuilt: the reviewer's own build, a stream or a bundle, has this MRENCLAVE" {
    begin
    enclave own.sgxs
    bundle own.orc
    for own in own.sgxs own.orc; do
        approve --ssh-key "$KEYS/alice" --rebuilt $own -o "$own.approval" s.signdata
        ok
        says "as rebuilt from $own"
        approved_by alice "$own.approval"
        [ "$(value "$own.approval" item)" = "$(sha256 s.signdata) rebuilt $(sha256 "$own")" ]
    done
    approve --ssh-key "$KEYS/alice" --rebuilt own.orc --component ronl --force -o own.orc.approval s.signdata
    ok
    approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    ok
    says 'NOT rebuilt by you'
}

@test "--rebuilt: several builds for several sign-data, and no sign-data without one" {
    begin
    enclave own.sgxs
    other_enclave other.sgxs
    sign_data other.signdata "$(sha256 other.sgxs)"
    approve --ssh-key "$KEYS/alice" --rebuilt own.sgxs --rebuilt other.sgxs -o a.approval s.signdata other.signdata
    ok
    approved_by alice a.approval s.signdata other.signdata
    value a.approval item | grep -qx "$(sha256 s.signdata) rebuilt $(sha256 own.sgxs)"
    value a.approval item | grep -qx "$(sha256 other.signdata) rebuilt $(sha256 other.sgxs)"
    approve --ssh-key "$KEYS/alice" --rebuilt own.sgxs -o b.approval s.signdata other.signdata
    refused 65 'other\.signdata' "$(sha256 other.sgxs)" 'do not approve'
    sign_data third.signdata "$(sha256 s.signdata)"
    approve --ssh-key "$KEYS/alice" --rebuilt own.sgxs --rebuilt other.sgxs -o b.approval s.signdata third.signdata
    refused 65 'third\.signdata' 'none of the 2 builds'
}

@test "--rebuilt: the file is opened once, so that what is hashed is what is measured" {
    begin
    enclave own.sgxs
    command -v strace >/dev/null || fail "strace is not installed"
    # A leak check cannot run under strace.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -qq -o trace -e trace=open,openat,openat2 "$ENSIGN" approve \
        --mrsigner "$SIGNER" --yes --ssh-key "$KEYS/alice" --rebuilt own.sgxs -o a.approval s.signdata
    [ "$(value a.approval item)" = "$(sha256 s.signdata) rebuilt $(sha256 own.sgxs)" ]
    [ "$(grep '"own\.sgxs"' trace | grep -vc O_PATH)" -eq 1 ] || fail "$(grep 'own\.sgxs' trace)"
}

@test "--rebuilt: another build stops, and both values are named" {
    begin
    other_enclave other.sgxs
    other=$(sha256 other.sgxs)
    approve --ssh-key "$KEYS/alice" --rebuilt other.sgxs -o a.approval s.signdata
    refused 65 "$MRENCLAVE" "$other" 'other\.sgxs'
    [ "$other" != "$MRENCLAVE" ]
    not grep -q 'SHA-256 to be signed' "$ERR"
    approve --ssh-key "$KEYS/alice" --rebuilt nosuch.sgxs -o a.approval s.signdata
    refused 66 nosuch
    bundle own.orc
    approve --ssh-key "$KEYS/alice" --rebuilt own.orc --component rofl.none -o a.approval s.signdata
    refused 65 rofl.none
    approve --ssh-key "$KEYS/alice" --rebuilt s.signdata -o a.approval s.signdata
    refused 65
}

@test "how it is called" {
    begin
    ens approve s.signdata
    usage -- '--ssh-key'
    ens approve --ssh-key "$KEYS/alice"
    usage operand
    approve --ssh-key "$KEYS/alice" --component ronl s.signdata
    usage -- '--rebuilt'
}

@test "only 256 bytes of strict sign-data are approved" {
    begin
    head -c 255 s.signdata >short
    (cat s.signdata && printf x) >long
    sha256sum s.signdata | xxd -r -p | head -c 32 >digest
    for file in short long digest; do
        approve --ssh-key "$KEYS/alice" -o a.approval $file
        refused 65 "$file" '256'
    done
    cp s.signdata reserved
    poke reserved 60 01
    approve --ssh-key "$KEYS/alice" -o a.approval reserved
    refused 65 reserved
    sigstruct whole one "$MRENCLAVE"
    approve --ssh-key "$KEYS/alice" -o a.approval whole
    refused 65 whole
    approve --ssh-key "$KEYS/alice" -o a.approval s.signdata digest
    refused 65 digest
    approve --ssh-key "$KEYS/alice" -o a.approval nosuch
    refused 66 nosuch
}

@test "unusual fields are refused as sign refuses them" {
    begin
    sign_data unusual "$MRENCLAVE" attributes=5
    approve --ssh-key "$KEYS/alice" -o a.approval unusual
    refused 65 unusual INIT -- '--allow-unusual'
    approve --ssh-key "$KEYS/alice" --allow-unusual -o a.approval unusual
    ok
    approved_by alice a.approval unusual
}

@test "what --allow-unusual lets pass is a danger here too, and so is a key that everybody has" {
    begin
    approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    ok
    says '^! PUBLIC KEY: everybody can sign with it'
    says '^Dangers .*public sample key'
    not grep -q '^  MRSIGNER' "$ERR"
    unusual_fields | while IFS='|' read -r name fields; do
        # shellcheck disable=SC2086
        sign_data odd "$MRENCLAVE" attributes_mask=0xffffffffffffffff $fields
        approve --ssh-key "$KEYS/alice" --allow-unusual --force -o a.approval odd
        ok
        grep -q "^Dangers .*$name (--allow-unusual)" "$ERR" || fail "$fields: no danger has the name $name"
    done
}

@test "on a terminal: the question about many with dangers fits a line" {
    begin
    for n in {1..12}; do
        sign_data "a$n.signdata" "$MRENCLAVE" "isvsvn=$n"
        [ "$n" -gt 11 ] || continue
        sign_data "a$n.signdata" "$MRENCLAVE" "isvsvn=$n" attributes_mask=0xffffffffffffffff
    done
    tty_ens 'or no to reject: ' no 'rejection. Type yes: ' no -- approve --ssh-key "$KEYS/alice" --mrsigner "$(printf '%064d' 7)" \
        -o a.approval a{1..12}.signdata
    exits 77
    grep -aq '^Approve these 12, 11 with dangers? Type yes to approve, or no to reject: ' "$OUT"
}

@test "keys that are none" {
    begin
    approve --ssh-key nosuch -o a.approval s.signdata
    refused 66 nosuch
    approve --ssh-key s.signdata -o a.approval s.signdata
    refused 65 's\.signdata: ssh-keygen finds no key in it'
    approve --ssh-key "$KEYS/locked" -o a.approval s.signdata
    refused 77 'locked: ssh-keygen made no signature' passphrase
    cp "$KEYS/alice" open
    chmod 644 open
    cp "$KEYS/alice.pub" open.pub
    approve --ssh-key open -o a.approval s.signdata
    refused 77 'open: ssh-keygen made no signature'
}

@test "A2: a certificate signs for nobody: the key alone does" {
    begin
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/ca"
    cp "$KEYS/alice.pub" certified.pub
    ssh-keygen -q -s "$BATS_TEST_TMPDIR/ca" -I alice -n alice@example.org,al@example.org certified.pub
    cp "$KEYS/alice" certified
    mv certified-cert.pub certified.pub
    approve --ssh-key certified -o a.approval s.signdata
    refused 65 'certified: is a certificate'
}

@test "what ssh-keygen makes is looked at before it is written" {
    begin
    printf '%s\n' '-----BEGIN SSH SIGNATURE-----' AAAA '-----END SSH SIGNATURE-----' >"$BATS_TEST_TMPDIR/none"
    own_keygen <<SH
#!/bin/sh
[ "\$3" != sign ] || exec cp "$BATS_TEST_TMPDIR/\$(cat "$BATS_TEST_TMPDIR/which")" "\$(eval echo \\\$\$#).sig"
[ "\$2" != verify ] || exit 255
exec /usr/bin/ssh-keygen "\$@"
SH
    echo none >"$BATS_TEST_TMPDIR/which"
    approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    refused 86 'is not an approval \[sshsig\]: nothing was written'
}

@test "without ssh-keygen the package is named" {
    begin
    own_keygen </dev/null
    approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    refused 71 'bin/ssh-keygen' 'install openssh-client'
    nothing_left
}

@test "A10: ssh-keygen is the one of the build, whatever PATH says" {
    begin
    mkdir "$BATS_TEST_TMPDIR/path"
    printf '%s\n' '#!/bin/sh' "touch '$BATS_TEST_TMPDIR/planted'" 'exit 1' >"$BATS_TEST_TMPDIR/path/ssh-keygen"
    chmod +x "$BATS_TEST_TMPDIR/path/ssh-keygen"
    PATH=$BATS_TEST_TMPDIR/path:$PATH approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    ok
    [ ! -e "$BATS_TEST_TMPDIR/planted" ]
    approved_by alice a.approval
}

@test "ssh-keygen sees a handful of variables, and no descriptor of the caller" {
    begin
    own_keygen <<SH
#!/bin/sh
env >>"$BATS_TEST_TMPDIR/env"
for n in 3 4 5 6 7 8 9; do [ ! -e /proc/\$\$/fd/\$n ] || echo \$n >>"$BATS_TEST_TMPDIR/fds"; done
exec $(command -v ssh-keygen) "\$@"
SH
    SECRET=x LD_LIBRARY_PATH=/nosuch ENSIGN_PKCS11_MODULE=m \
        approve --ssh-key "$KEYS/alice" -o a.approval s.signdata 7</dev/null 9</dev/null
    ok
    not grep -Ev '^(HOME|SSH_[A-Z_]*|DISPLAY|TERM|TZ|LC_ALL|PWD|SHLVL|OLDPWD|_)=' "$BATS_TEST_TMPDIR/env"
    grep -q '^LC_ALL=C$' "$BATS_TEST_TMPDIR/env"
    # Signing gets none; verifying gets the signature and the key; the shell reads the script with one of its own.
    not grep -qE '^[5-9]$' "$BATS_TEST_TMPDIR/fds"
}

@test "an approval is not written over a file, and not where nothing can be" {
    begin
    echo precious >a.approval
    approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    refused 73 -- '--force'
    approve --ssh-key "$KEYS/alice" -o nosuch/a.approval s.signdata
    refused 73
    approve --ssh-key "$KEYS/alice" --force -o a.approval s.signdata
    ok
    approved_by alice a.approval
}

@test "without a terminal and without --yes nothing is approved" {
    begin
    ens approve --mrsigner "$SIGNER" --ssh-key "$KEYS/alice" -o a.approval s.signdata
    refused 77 terminal -- '--yes'
}

@test "on a terminal: yes approves, no rejects if that is wanted, and everything else does nothing" {
    begin
    A=(approve --mrsigner "$SIGNER" --ssh-key "$KEYS/alice" -o a.approval s.signdata)
    tty_ens 'approve, or no to reject: ' yes -- "${A[@]}"
    exits 0
    approved_by alice a.approval
    prints_hex "$MRENCLAVE"
    rm a.approval
    tty_ens 'reject: ' no 'Write a rejection\? Type yes: ' yes -- "${A[@]}"
    exits 0
    answered_by alice a.approval no s.signdata
    rm a.approval
    tty_ens 'reject: ' no 'Write a rejection\? Type yes: ' no -- "${A[@]}"
    exits 77
    unchanged
    # The end of the input is a no to both questions, and what is neither is asked for again.
    tty_ens 'reject: ' '^D' 'Type yes: ' '^D' -- "${A[@]}"
    exits 77
    unchanged
    tty_ens 'reject: ' '' 'yes or no: ' y 'yes or no: ' YES -- "${A[@]}"
    exits 77
    unchanged
    tty_ens 'reject: ' '^C' -- "${A[@]}"
    exits 130
    unchanged
    tty_ens 'Type yes to reject: ' yes -- "${A[@]}" --reject
    exits 0
    answered_by alice a.approval no s.signdata
    nothing_left
}

@test "B1: on a terminal whoever is asked sees the review, whatever --quiet says" {
    begin
    tty_ens 'reject: ' yes -- approve --quiet --mrsigner "$SIGNER" --ssh-key "$KEYS/alice" -o a.approval s.signdata
    exits 0
    tr -d ' ' <"$OUT" | grep -q "$MRENCLAVE"
    tr -d ' \r\n' <"$OUT" | grep -q "$(sha256 s.signdata)"
    grep -q '^Signer  *MRSIGNER 9affcfae \.\.\. 43d78d1a' "$OUT"
    grep -q "^Valid  *until $(date -u -d '+30 days' +%Y-%m-%d)" "$OUT"
    # Nobody is asked: nobody reads.
    approve --quiet --ssh-key "$KEYS/alice" -o b.approval s.signdata
    ok
    not grep -q "$MRENCLAVE" "$ERR"
}

@test "on a terminal: ssh-keygen asks for the passphrase itself" {
    begin
    tty_ens 'reject: ' yes 'passphrase' 'a passphrase' -- \
        approve --mrsigner "$SIGNER" --ssh-key "$KEYS/locked" -o a.approval s.signdata
    exits 0
    approved_by locked a.approval
    not grep -q 'a passphrase' "$OUT"
    [ "$(cat "$BATS_TEST_TMPDIR/echo")" = on ]
    nothing_left
    tty_ens 'passphrase' 'a wrong one' -- approve --mrsigner "$SIGNER" --yes --ssh-key "$KEYS/locked" -o b.approval s.signdata
    exits 77
    unchanged
    nothing_left
}

@test "on a terminal: interrupted at the passphrase, nothing is left and the terminal echoes" {
    begin
    tty_ens 'passphrase' '^C' -- approve --mrsigner "$SIGNER" --yes --ssh-key "$KEYS/locked" -o a.approval s.signdata
    exits 130
    unchanged
    nothing_left
    [ "$(cat "$BATS_TEST_TMPDIR/echo")" = on ]
}

@test "what ssh-keygen says while it waits reaches the person, printable" {
    begin
    own_keygen <<SH
#!/bin/sh
[ "\$3" != sign ] || printf 'Confirm user presence\\033[2J\\n' >&2
[ "\$3" != sign ] || test -t 0 || exit 9
exec $(command -v ssh-keygen) "\$@"
SH
    tty_ens -- \
        approve --mrsigner "$SIGNER" --yes --quiet --ssh-key "$KEYS/alice" -o a.approval s.signdata
    exits 0
    grep -q 'ssh-keygen: Confirm user presence?\[2J' "$OUT"
    approved_by alice a.approval
}

@test "an RSA key that no approvers file takes is refused before it signs" {
    ssh-keygen -q -t rsa -b 1024 -N '' -C '' -f small
    sign_data s.signdata "$MRENCLAVE"
    ens approve --yes --ssh-key small --mrsigner "$(printf '%064d' 1)" -o a.approval s.signdata
    exits 65
    says 'small: is an RSA key of 1024 bits: approvers have RSA keys of 2048 bits or more'
    [ ! -e a.approval ]
}
