#!/usr/bin/env bats
# approve: a reviewer's yes. What ensign writes is judged by ssh-keygen itself.

load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
    ssh-keygen -q -t ed25519 -N '' -C '' -f alice
    ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f bob
    ssh-keygen -q -t ed25519 -N 'a passphrase' -C '' -f locked
    local key
    for key in alice bob locked; do
        echo "$key $(cat $key.pub)" >>allowed
    done
    sign_data good.signdata "$MRENCLAVE"
}

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
    ens approve --yes "$@"
    nothing_left
}

# approved_by NAME FILE [SIGN-DATA]: ssh-keygen counts it for this person.
approved_by() {
    ssh-keygen -Y verify -f "$BATS_FILE_TMPDIR/allowed" -I "$1" -n ensign-sign-data -s "$2" \
        <"${3:-s.signdata}" || fail "ssh-keygen does not accept $2 as $1's"
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
    poke s.signdata 200 01
    not approved_by alice alice.approval
    files s.signdata alice.approval bob.approval
}

@test "the review is shown, and the approval goes to stdout without -o" {
    begin
    approve --ssh-key "$KEYS/alice" s.signdata
    ok
    says "$MRENCLAVE"
    says_hex "$(sha256 s.signdata)"
    danger DEBUG
    cp "$OUT" "$BATS_TEST_TMPDIR/a.approval"
    [ "$(head -1 "$OUT")" = '-----BEGIN SSH SIGNATURE-----' ]
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
    refused 77 'No private key found'
    # -D keeps it in the foreground, so that its process is known.
    ssh-agent -D -a "$BATS_TEST_TMPDIR/agent" >/dev/null 3>&- &
    agent=$!
    export SSH_AUTH_SOCK=$BATS_TEST_TMPDIR/agent
    for _ in $(seq 100); do
        [ ! -S "$SSH_AUTH_SOCK" ] || break
        sleep 0.1
    done
    ssh-add -q "$KEYS/alice"
    ens approve --yes --ssh-key agent.pub -o a.approval s.signdata
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
        says "MRENCLAVE of $own is $MRENCLAVE"
        approved_by alice "$own.approval"
    done
    approve --ssh-key "$KEYS/alice" --rebuilt own.orc --component ronl --force -o own.orc.approval s.signdata
    ok
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
    ens approve --ssh-key "$KEYS/alice" s.signdata s.signdata
    usage operand
    ens approve --ssh-key "$KEYS/alice" --component ronl --yes s.signdata
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

@test "keys that are none" {
    begin
    approve --ssh-key nosuch -o a.approval s.signdata
    refused 66 nosuch
    approve --ssh-key s.signdata -o a.approval s.signdata
    refused 65 's\.signdata: ssh-keygen made no signature'
    approve --ssh-key "$KEYS/locked" -o a.approval s.signdata
    refused 77 'locked: ssh-keygen made no signature' passphrase
    cp "$KEYS/alice" open
    chmod 644 open
    cp "$KEYS/alice.pub" open.pub
    approve --ssh-key open -o a.approval s.signdata
    refused 77 'open: ssh-keygen made no signature' permissions
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
    # Signing gets none; verifying gets the signature; the shell reads the script with one of its own.
    not grep -qE '^[4-9]$' "$BATS_TEST_TMPDIR/fds"
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
    ens approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    refused 77 terminal -- '--yes'
}

@test "on a terminal: yes approves, everything else does not" {
    begin
    tty_ens 'approve: ' yes -- approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    exits 0
    approved_by alice a.approval
    grep -q "$MRENCLAVE" "$OUT"
    rm a.approval
    for answer in no q '^D'; do
        tty_ens 'approve: ' "$answer" -- approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
        exits 77
        unchanged
    done
    tty_ens 'approve: ' '' 'yes or no: ' y 'yes or no: ' YES -- \
        approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    exits 77
    unchanged
    tty_ens 'approve: ' '^C' -- approve --ssh-key "$KEYS/alice" -o a.approval s.signdata
    exits 130
    unchanged
    nothing_left
}

@test "on a terminal: ssh-keygen asks for the passphrase itself" {
    begin
    tty_ens 'approve: ' yes 'passphrase' 'a passphrase' -- \
        approve --ssh-key "$KEYS/locked" -o a.approval s.signdata
    exits 0
    approved_by locked a.approval
    not grep -q 'a passphrase' "$OUT"
    [ "$(cat "$BATS_TEST_TMPDIR/echo")" = on ]
    nothing_left
    tty_ens 'passphrase' 'a wrong one' -- approve --yes --ssh-key "$KEYS/locked" -o b.approval s.signdata
    exits 77
    unchanged
    nothing_left
}

@test "on a terminal: interrupted at the passphrase, nothing is left and the terminal echoes" {
    begin
    tty_ens 'passphrase' '^C' -- approve --yes --ssh-key "$KEYS/locked" -o a.approval s.signdata
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
        approve --yes --quiet --ssh-key "$KEYS/alice" -o a.approval s.signdata
    exits 0
    grep -q 'ssh-keygen: Confirm user presence?\[2J' "$OUT"
    approved_by alice a.approval
}
