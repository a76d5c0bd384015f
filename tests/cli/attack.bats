#!/usr/bin/env bats
# One signature too many: what an operator, a carrier or a reviewer tried against sign, and what must hold.

load helpers
load tmux

fixtures() {
    signing_host
    mrsigner one.pem.pub >./mrsigner
    ssh_keys alice bob
    sign_data good.signdata "$MRENCLAVE" attributes_mask=0xffffffffffffffff
}

good() {
    cp "$BATS_FILE_TMPDIR/good.signdata" app.signdata
}

# says WHO yes|no [KEY=VALUE...]: a statement to app.signdata, by hand; WHO.approval.
says_so() {
    "$PYTHON" - "$BATS_FILE_TMPDIR/$1" "$(cat "$BATS_FILE_TMPDIR/mrsigner")" "${@:2}" <<'PY' >"$1.statement"
import base64, hashlib, sys
key, mrsigner, answer, *pairs = sys.argv[1:]
more = dict(pair.split("=", 1) for pair in pairs)
def print_of(blob):
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
blob = base64.b64decode(open(more.get("pub", key + ".pub")).read().split()[1])
digest = hashlib.sha256(open("app.signdata", "rb").read()).hexdigest()
print("ensign approval 1", f"answer: {answer}", f"by: {print_of(blob)}", f"mrsigner: {more.get('mrsigner', mrsigner)}",
      "until: " + (more.get("until", "20991231") if answer == "yes" else "-"), f"replaces: {more.get('replaces', '-')}",
      f"note: {more.get('note', '-')}", "items: 1", f"item: {digest} not-rebuilt", sep="\n")
PY
    ssh-keygen -q -Y sign -n ensign-approval-v1 -f "$BATS_FILE_TMPDIR/$1" <"$1.statement" >"$1.sig"
    cat "$1.statement" "$1.sig" >"$1.approval"
}

# refused_run REGEX: 77, and nothing but the transcript grew.
refused_run() {
    exits 77
    errors | grep -Eq -- "$1" || fail "the error line does not say /$1/: $(errors)"
    [ ! -e app.sig ]
}

# ---- the carrier ----

@test "a file whose name is an option decides nothing" {
    good
    policy strict 'isvsvn >= 99'
    printf 'policy 1\nend\n' >.lax.signdata
    : >'--policy=.lax.signdata'
    # shellcheck disable=SC2035  # a name that reads as an option is the attack
    sign --policy strict --out-dir . *.signdata
    usage '^ensign: --policy: is an option, and a file here has this name: '
    # Nor one that is short, nor one that would name a module or say a PIN.
    for name in -q.signdata --module=.lax.signdata "--pin-source=file:$PIN.signdata"; do
        : >"$name"
        sign --out-dir . "$name"
        usage 'is an option, and a file here'
        not grep -F "$PIN" "$ERR"
        rm -- "$name"
    done
    rm -- --policy=*
    sign --policy strict --out-dir . -- *.signdata
    exits 77
}

@test "of two policies, transcripts or keys none is taken in silence" {
    good
    policy strict 'isvsvn >= 99'
    policy lax 'isvsvn 0'
    for option in "--policy strict --policy lax" "--transcript a --transcript=b" "--mrsigner 00 --mrsigner $(cat "$BATS_FILE_TMPDIR/mrsigner")"; do
        # shellcheck disable=SC2086  # an option given twice
        sign $option -o app.sig app.signdata
        usage 'is given twice'
    done
    for option in --mrenclave --mrsigner --min-isvsvn --policy --pubkey; do
        ens verify "$option" 0 "$option" 1 app.signdata
        usage "^ensign: $option: is given twice"
    done
    ens transcript --witnesses w --signed-head a --signed-head b t
    usage 'signed-head: is given twice'
}

# ---- reviewers ----

@test "a revoked key does not come back in another spelling" {
    good
    ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f mallory
    # The same key with zeros before its modulus: another blob, and for ssh-keygen the same fingerprint.
    "$PYTHON" - <<'PY' >padded.pub
import base64, struct
kind, text = open("mallory.pub").read().split()[:2]
raw, parts = base64.b64decode(text), []
while raw:
    n = 4 + struct.unpack(">I", raw[:4])[0]
    parts.append(raw[4:n])
    raw = raw[n:]
parts[2] = bytes(3) + parts[2]
print(kind, base64.b64encode(b"".join(struct.pack(">I", len(p)) + p for p in parts)).decode())
PY
    [ "$(ssh-keygen -lf mallory.pub)" = "$(ssh-keygen -lf padded.pub)" ]
    people approvers mallory padded.pub
    policy policy 'approvals 1' 'approvers approvers'
    ens check --policy policy app.signdata
    refused 65 'approvers: line 3: key: .* not as ssh-keygen writes it'
    # Two persons of one key neither.
    people approvers mallory mallory.pub mallory2 padded.pub
    policy policy 'approvals 2' 'approvers approvers'
    ens check --policy policy app.signdata
    refused 65 'key: '
}

@test "a no is remembered, whoever says yes to another key or in another name" {
    good
    people approvers alice "$BATS_FILE_TMPDIR/alice.pub" bob "$BATS_FILE_TMPDIR/bob.pub"
    policy two 'approvals 2' 'approvers approvers'
    policy one 'approvals 1' 'approvers approvers'
    says_so bob no
    mv bob.approval no.approval
    id=$(sha256 bob.statement)
    says_so bob yes "replaces=$id" "mrsigner=$(printf '0%.0s' {1..64})"
    says_so alice yes "replaces=$id"
    # Which key signs is not known when this is refused; that there was a no is recorded all the same.
    sign --policy two --transcript t --approval no.approval --approval bob.approval -o app.sig app.signdata
    exits 77
    grep -q '^rejection: ' t
    sign --policy one --transcript t --approval alice.approval --approval bob.approval -o app.sig app.signdata
    refused_run 'rejected: by bob \(record 2\)'
    # Who said it may take it back, for this key.
    says_so bob yes "replaces=$id"
    sign --policy one --transcript t --approval bob.approval -o app.sig app.signdata
    ok
}

@test "a no on record is not left at home with the policy, nor passed over by resign" {
    bundle app.orc
    ens gen-sign-data --date 20240229 -o app.signdata app.orc
    people approvers bob "$BATS_FILE_TMPDIR/bob.pub"
    policy policy 'approvals 1' 'approvers approvers'
    policy fields 'isvsvn 0'
    says_so bob no
    sign --policy policy --transcript t --approval bob.approval -o app.sig app.signdata
    exits 77
    sign --transcript t -o app.sig app.signdata
    refused_run 'app.signdata: rejected by bob \(record 2 of the transcript\)'
    sign --policy fields --transcript t -o app.sig app.signdata
    refused_run 'app.signdata: rejected by bob \(record 2 of the transcript\)'
    ens check --policy fields --transcript t app.signdata
    refused 77 'app.signdata: rejected by bob \(record 2 of the transcript\)'
    sha=$(sha256 app.orc)
    ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --transcript t \
        --date 20240229 app.orc
    exits 77
    errors | grep -q 'rejected by bob (record 2 of the transcript)'
    [ "$(sha256 app.orc)" = "$sha" ]
    # It was about these bytes, and about this key.
    ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --transcript t \
        --date 20240301 app.orc
    ok
}

@test "a clock that was set back is said beside the question" {
    good
    people approvers alice "$BATS_FILE_TMPDIR/alice.pub"
    policy policy 'approvals 1' 'approvers approvers'
    says_so alice yes until=20240310
    local when
    for when in 2024-03-01 2024-03-11 2024-03-09; do
        # A sanitizer wants to be loaded first, which a clock need not wait for.
        ASAN_OPTIONS=verify_asan_link_order=0 ENSIGN_TEST_TIME=$(date -u -d "$when" +%s) \
            LD_PRELOAD=$ROOT/build/$VARIANT/tests/support/clock.so sign --dry-run --policy policy --transcript t --approval alice.approval -o app.sig app.signdata
        exits "$([ "$when" = 2024-03-11 ] && echo 77 || echo 0)"
        [ "$when" = 2024-03-09 ] || not_warned clock
    done
    warned '^ensign: warning: t: has a record of 20240311, and today is 20240309 by the clock of this host'
    says '^Approvals   1 of 1: alice; the clock was set back$'
}

@test "what an approver notes is not a row about somebody else" {
    begin
    people approvers alice "$BATS_FILE_TMPDIR/alice.pub" bob "$BATS_FILE_TMPDIR/bob.pub"
    policy policy 'approvals 1' 'approvers approvers'
    cp s.signdata app.signdata
    note="ok\"$(printf '%20s' '')yes             bob: rebuilt it, until 2099-12-30$(printf '%60s' '')SHA256: bob.approval"
    says_so alice yes "note=$note"
    mv alice.approval "alice$(printf '%38s' '')yes             bob: rebuilt it, until 2099-12-30.approval"
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --policy policy --approval . -o out.sig s.signdata'
    sees '^Sign this\? Type yes to sign:$'
    look all >"$BATS_TEST_TMPDIR/session"
    grep -q '^  yes             alice: did not rebuild it' "$BATS_TEST_TMPDIR/session"
    grep -Eq '^        .*bob: ' "$BATS_TEST_TMPDIR/session"
    not grep -Eq '^ {0,7}yes +bob: ' "$BATS_TEST_TMPDIR/session"
    not grep -q 'ok"' "$BATS_TEST_TMPDIR/session"
    look | grep -q '^Approvals   1 of 1: alice$'
    types no
    ended 77
}

@test "a no that a carrier damages is seen beside the question, in a batch as well" {
    good
    people approvers alice "$BATS_FILE_TMPDIR/alice.pub" bob "$BATS_FILE_TMPDIR/bob.pub"
    policy policy 'approvals 1' 'approvers approvers'
    says_so alice yes
    says_so bob no
    sed -i 's/$/\r/' bob.approval
    sign --dry-run --policy policy --approval . app.signdata
    ok
    says '^Approvals   1 of 1: alice; 1 file is damaged$'
    sed -i 's/^answer: no/answer: on/' bob.approval
    cp app.signdata again.signdata
    sign --dry-run --policy policy --approval . --out-dir . app.signdata again.signdata
    ok
    says '^Approvals   1 of 1 for each: alice; 1 file is damaged$'
}

@test "one secret is one person, as whatever type of key it comes" {
    good
    "$PYTHON" - "$BATS_FILE_TMPDIR/alice.pub" <<'PY'
import base64, struct, sys
point = base64.b64decode(open(sys.argv[1]).read().split()[1])[-32:]
def pub(name, *strings):
    blob = b"".join(struct.pack(">I", len(s)) + s for s in strings)
    open(name, "w").write(strings[0].decode() + " " + base64.b64encode(blob).decode() + "\n")
kind = b"sk-ssh-ed25519@openssh.com"
pub("touched.pub", kind, point, b"ssh:")
pub("elsewhere.pub", kind, point, b"ssh:elsewhere")
PY
    for pair in "$BATS_FILE_TMPDIR/alice.pub touched.pub" "touched.pub elsewhere.pub"; do
        people approvers alice "${pair% *}" alicia "${pair#* }"
        policy policy 'approvals 2' 'approvers approvers'
        ens check --policy policy app.signdata
        refused 65 'approvers: line 5: key-twice: '
    done
    ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f mallory
    "$PYTHON" - <<'PY'
import base64, struct
blob = base64.b64decode(open("mallory.pub").read().split()[1])
modulus = blob[4 + 7 + 4 + 3:]
other = b"".join(struct.pack(">I", len(s)) + s for s in (b"ssh-rsa", b"\x23")) + modulus
open("other.pub", "w").write("ssh-rsa " + base64.b64encode(other).decode() + "\n")
PY
    people approvers mallory mallory.pub marley other.pub
    ens check --policy policy app.signdata
    refused 65 'approvers: line 5: key-twice: '
}

# touched FLAGS SHOWN: a FIDO key of software says yes to app.signdata: its device signs with the first flags and
# the second are shown; fido.pub, fido.approval.
touched() {
    [ -e fido.pem ] || openssl genpkey -algorithm ed25519 -out fido.pem 2>/dev/null
    "$PYTHON" - "$1" "$2" "$(cat "$BATS_FILE_TMPDIR/mrsigner")" <<'PY'
import base64, hashlib, struct, subprocess, sys
signed, shown = (bytes([int(x, 0)]) for x in sys.argv[1:3])
def string(b):
    return struct.pack(">I", len(b)) + b
def sha(b, name="sha256"):
    return hashlib.new(name, b).digest()
kind, use, app, count = b"sk-ssh-ed25519@openssh.com", b"ensign-approval-v1", b"ssh:", struct.pack(">I", 7)
der = subprocess.run(["openssl", "pkey", "-in", "fido.pem", "-pubout", "-outform", "DER"], capture_output=True, check=True)
key = string(kind) + string(der.stdout[-32:]) + string(app)
name = "SHA256:" + base64.b64encode(sha(key)).decode().rstrip("=")
digest = sha(open("app.signdata", "rb").read()).hex()
text = "\n".join(["ensign approval 1", "answer: yes", "by: " + name, "mrsigner: " + sys.argv[3], "until: 20991231",
                  "replaces: -", "note: -", "items: 1", f"item: {digest} not-rebuilt", ""]).encode()
inner = b"SSHSIG" + string(use) + string(b"") + string(b"sha512") + string(sha(text, "sha512"))
open("message", "wb").write(sha(app) + signed + count + sha(inner))
made = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", "fido.pem", "-rawin", "-in", "message"],
                      capture_output=True, check=True)
blob = (b"SSHSIG\0\0\0\1" + string(key) + string(use) + string(b"") + string(b"sha512") +
        string(string(kind) + string(made.stdout) + shown + count))
lines = base64.b64encode(blob).decode()
with open("fido.approval", "wb") as f:
    f.write(text + b"-----BEGIN SSH SIGNATURE-----\n")
    f.writelines(lines[i:i + 70].encode() + b"\n" for i in range(0, len(lines), 70))
    f.write(b"-----END SSH SIGNATURE-----\n")
open("fido.pub", "w").write(kind.decode() + " " + base64.b64encode(key).decode() + "\n")
PY
}

@test "a FIDO key was touched, and knew its owner, if its device says so under its signature" {
    good
    touched 0 0
    people approvers fay fido.pub
    policy policy 'approvals 1' 'approvers approvers'
    policy verified 'approvals 1' 'approvers approvers' 'approver-keys fido-verified'
    # Signed flags, shown flags, and what becomes of them under either policy.
    for row in '0 0 no-touch no-touch' '4 4 no-touch no-touch' '0xfe 0xfe no-touch no-touch' '1 1 yes not-verified' \
        '5 5 yes yes' '0xff 0xff yes yes' '0 1 signature signature' '1 5 signature signature' '5 1 signature signature'; do
        # shellcheck disable=SC2086  # four words
        set -- $row
        touched "$1" "$2"
        for rules in "policy $3" "verified $4"; do
            ens check --policy "${rules% *}" --mrsigner "$(cat "$BATS_FILE_TMPDIR/mrsigner")" --approval fido.approval app.signdata
            exits "$([ "${rules#* }" = yes ] && echo 0 || echo 77)"
            prints "^  ${rules#* } "
        done
        # show says what decides it, to whoever has no policy.
        ens show fido.approval
        exits 0
        case $3 in
        no-touch) prints '^  Signature +verifies, but the FIDO key was not touched: a yes does not count$' ;;
        signature) prints '^  Signature +INVALID' ;;
        *) prints "^  Signature +verifies under this FIDO key, touched, with$([ "$4" = yes ] || echo out) PIN or finger$" ;;
        esac
    done
    touched 4 4
    ens show --json fido.approval
    prints '^  "touched": false,$'
    prints '^  "user_verified": true,$'
}

@test "nobody else can exchange the statement that a reviewer signs" {
    good
    mkdir tmp
    for mode in 777 775 1777 700; do
        chmod "$mode" tmp
        TMPDIR=$PWD/tmp ens approve --ssh-key "$BATS_FILE_TMPDIR/alice" --pubkey "$BATS_FILE_TMPDIR/one.pem.pub" --yes \
            -o "$mode.approval" app.signdata
        case $mode in
        77?) refused 73 'others could exchange what is signed in it .*: set TMPDIR' ;;
        *) ok ;;
        esac
    done
    [ -z "$(ls -A tmp)" ]
}

# ---- what is seen right above the question ----

# asks NAME: to sign a file of this name.
asks() {
    cp "$BATS_FILE_TMPDIR/good.signdata" "$1"
    mux set-environment F "$1"
    types 'eval "$(tmux -S '"$SOCKET"' show-environment -s F)"; clear'
    types 'ensign sign --key "$K" --pin-source "file:$PINFILE" -o out.sig -- "$F"'
}

@test "a file's name begins no row of its own, be it long, wide or full of blanks" {
    begin
    local nbsp=$'\xc2\xa0' wide=$'\xe3\x80\x80' lie
    lie="MRENCLAVE$nbsp$nbsp${nbsp}deadbeef$nbsp...${nbsp}deadbeef"
    for name in "$(printf 'x%.0s' {1..68})$lie" "w $(printf "$wide%.0s" {1..34})$lie" "a$(printf ' %.0s' {1..67})$lie"; do
        asks "$name"
        sees '^Sign this\? Type yes to sign:$'
        look all | grep -q "^             *$lie"
        not grep -q "^$lie" <<<"$(mux capture-pane -p)"
        types no
        sees '^>$'
    done
    called C_Sign 0
}

@test "a terminal that says no width is one of 80 columns" {
    local name
    name=$(printf 'x%.0s' {1..68})MRENCLAVE
    cp "$BATS_FILE_TMPDIR/good.signdata" "$name"
    tty_ens 'type yes to sign:' no -- sign --key "$RELEASE" --module "$SOFTHSM" \
        --pin-source "file:$BATS_FILE_TMPDIR/pin" -o app.sig "$name"
    exits 77
    tr -d '\r' <"$OUT" | sed '/^File/,/^Key/!d' | grep -q '^            MRENCLAVE$'
}

@test "the name of a file in a batch makes no row of the table" {
    begin
    row='2 b.signdata         deadbeef..beef  deadbeef..beef.signdata'
    cp s.signdata "abc$(printf 'x%.0s' {1..70}) $row"
    sign_data abcyyyyyyyyyyyyyyyyy.beef.signdata "$MRENCLAVE" isvsvn=2 attributes_mask=0xffffffffffffffff
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --out-dir . abc*'
    sees '^Sign these 2\? Type yes to sign:$'
    look all | grep -q "^        $row"
    not grep -q "^    2 b.signdata" <<<"$(look all)"
    types no
    ended 77
}

@test "a file's name is not the end of the question" {
    begin
    for name in 'none)? No (x' 'ok: all' $'\xd7\x90'; do
        sign_data "$name.signdata" "$MRENCLAVE" attributes=6
        types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --out-dir . *.signdata'
        sees '^Sign these 2, of which 1 has dangers\? Type yes to sign:$'
        types no
        ended 77
        rm "$name.signdata"
    done
    sign_data plain.signdata "$MRENCLAVE" attributes=6
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --out-dir . *.signdata'
    sees '^Sign these 2, of which 1 has dangers \(plain\)\? Type yes to sign:$'
    types no
    ended 77
}

@test "on a terminal that is too small the summary is read page by page" {
    begin
    mux resize-window -x 40 -y 5
    asks app.signdata
    sees '^-- 1 of [0-9]+: press Enter --$'
    for ((n = 0; n < 20; n++)); do
        mux capture-pane -p >>"$BATS_TEST_TMPDIR/pages"
        ! look | grep -q '^Sign this?' || break
        types ''
    done
    # Each line of it was there to be read while something was asked.
    for line in 'File        app.signdata' 'MRENCLAVE   ' 'Key         release' 'Policy      none' 'Dangers     none'; do
        grep -q "^$line" "$BATS_TEST_TMPDIR/pages" || fail "never seen: $line"
    done
    types yes
    ended 0
}

@test "a question cannot be put aside, and other text be put above it" {
    begin
    asks app.signdata
    sees '^Sign this\? Type yes to sign:$'
    types C-z
    sees '^Sign this\? Type yes to sign: '
    types 'fg'
    sees '^Please type yes or no:$'
    look | grep -q '^MRENCLAVE   '
    types no
    ended 77
    not grep -qi stopped "$BATS_TEST_TMPDIR/session"
}

@test "a PIN that is put aside with Ctrl-Z is not echoed when it is taken up again" {
    begin
    types 'ensign sign --key "$K" -o out.sig s.signdata'
    sees '^PIN of token ensign:'
    types C-z
    types "$PIN"
    sees '^Sign this\? Type yes to sign:$'
    types no
    ended 77
    secret
}

@test "what is exchanged while the question waits is not what is signed, counted or recorded" {
    begin
    people approvers alice "$BATS_FILE_TMPDIR/alice.pub"
    printf 'revoked 1\nend\n' >revoked
    policy policy 'approvals 1' 'approvers approvers' 'revoked revoked'
    cp s.signdata app.signdata
    says_so alice yes
    digest=$(sha256 s.signdata)
    id=$(cat policy approvers revoked | sha256sum | cut -d' ' -f1)
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --policy policy --approval . --transcript t -o out.sig s.signdata'
    sees '^Sign this\? Type yes to sign:$'
    sign_data s.signdata "$MRENCLAVE" attributes=6 isvsvn=9
    policy policy 'isvsvn 9'
    rm approvers alice.approval
    ln -sf /dev/null revoked
    types yes
    ended 0
    openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/one.pem.pub" -signature out.sig app.signdata
    ens transcript t
    ok
    prints "item: 1 sign-data $digest s.signdata out.sig$"
    prints "policy: policy $id 3 3$"
    # What is already there when the answer comes is left alone; a transcript that is not there any more is none.
    cp app.signdata s.signdata
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --transcript t -o other.sig s.signdata'
    sees '^Sign this\? Type yes to sign:$'
    echo mine >other.sig
    types yes
    ended 73
    [ "$(cat other.sig)" = mine ]
    grep -q '^result: 1 unwritten ' t
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --transcript t -o last.sig s.signdata'
    sees '^Sign this\? Type yes to sign:$'
    cp t t.new
    mv t.new t
    types yes
    ended 65
    [ ! -e last.sig ]
    called C_Sign 2
}

@test "the words that are asked for are these four words" {
    begin
    policy words 'confirm words'
    words=$(ens show s.signdata >/dev/null; sed -n 's/^ *[1-4] \([A-Za-z]*\) .*/\1/p' "$OUT" | tr '\n' ' ')
    [ "$(wc -w <<<"$words")" -eq 4 ]
    nbsp=$'\xc2\xa0'
    for answer in "${words% * }" "${words%?? }" "$words${words%% *}" "${words// /$nbsp}" "${words// /, }" "$(rev <<<"$words")" yes; do
        types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --policy words -o out.sig s.signdata'
        sees '^Type the first word of each row:$'
        types "$answer"
        sees '^Please type the first word of each row, or no:$'
        types no
        ended 77
    done
    called C_Sign 0
    # Those of a batch are of all of it: one other file, and they are others.
    cp s.signdata a.signdata
    sign_data b.signdata "$MRENCLAVE" isvsvn=1 attributes_mask=0xffffffffffffffff
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --policy words --out-dir . a.signdata b.signdata'
    sees '^Type the first word of each row:$'
    batch=$(look all | sed -n 's/^ *[1-4] \([A-Za-z]*\)\( [A-Za-z]*\)\{7\}$/\1/p' | tail -n 4 | tr '\n' ' ')
    types C-c
    ended 130
    sign_data b.signdata "$MRENCLAVE" isvsvn=2 attributes_mask=0xffffffffffffffff
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --policy words --out-dir . a.signdata b.signdata'
    sees '^Type the first word of each row:$'
    types "$batch"
    sees '^Please type the first word of each row, or no:$'
    batch=$(look all | sed -n 's/^ *[1-4] \([A-Za-z]*\)\( [A-Za-z]*\)\{7\}$/\1/p' | tail -n 4 | tr '\n' ' ')
    types "${batch^^}"
    ended 0
    called C_Sign 2
}

# ---- what is recorded ----

@test "a URI where a file is meant is neither taken, said nor recorded" {
    good
    for option in --output --policy --approval --transcript --pubkey --pin-source --note --module; do
        for uri in "$RELEASE?pin-value=s3cret" 'PKCS11:token=x?pin-value=s3cret' ' token=x?PIN-VALUE=s3cret'; do
            sign --transcript t --note n "$option" "$uri" app.signdata
            usage "^ensign: $option is a PKCS#11 URI, not a file"
            not grep -q s3cret "$ERR"
        done
    done
}

@test "a refused resign does not record that every line of the policy holds" {
    bundle app.orc
    policy policy 'isvsvn >= 99' 'swdefined 0'
    ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --policy policy \
        --transcript t app.orc
    exits 77
    grep -q '^policy: policy [0-9a-f]* 2 1$' t
    # What is announced holds.
    ens resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --policy policy \
        --isvsvn 99 --transcript t app.orc
    ok
    grep -A 20 '^kind: intent$' t | grep -q '^policy: policy [0-9a-f]* 2 2$'
}

@test "a new key that could not be destroyed is not recorded as gone" {
    cp -r "$BATS_FILE_TMPDIR/tokens" tokens
    printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$PWD/tokens" >conf
    for code in 0 0x30; do
        SOFTHSM2_CONF=conf ENSIGN_FAULT=flip,weakkey$([ "$code" = 0 ] || echo ",C_DestroyObject=$code") \
            ens keygen --token pkcs11:token=ensign --label "new$code" --module "$FAULT" \
            --pin-source "file:$BATS_FILE_TMPDIR/pin" --transcript t
        exits 86
        if [ "$code" = 0 ]; then
            grep -q '^error: .*, the key was destroyed again: ' t
        else
            not grep -q '^error: .*destroyed again' <(tail -n 8 t)
            tail -n 8 t | grep -q '^error: .*the new key pair is still there'
        fi
    done
}

@test "an answer is recorded if somebody was asked" {
    bundle app.orc
    again=(resign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --date 20240229 --resume --transcript t)
    tty_ens 'type yes to sign: ' yes -- "${again[@]}" app.orc
    exits 0
    [ "$(grep -c '^confirmation: terminal yes$' t)" -eq 1 ]
    tty_ens -- "${again[@]}" app.orc
    exits 0
    [ "$(grep -c '^confirmation: ' t)" -eq 1 ]
    # Nor by sign, which keeps what is there.
    good
    mkdir out
    sign --out-dir out app.signdata
    tty_ens -- sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --transcript t --out-dir out app.signdata
    exits 0
    [ "$(grep -c '^confirmation: ' t)" -eq 1 ]
    grep -q '^result: 1 kept ' t
}

@test "an option that is written and is off is not recorded as in use" {
    good
    sign --dry-run=false --transcript t -o app.sig app.signdata
    ok
    size_is app.sig 384
    not grep -q '^command: .*--dry-run' t
    sign --force --force=false --transcript t --dry-run -o other.sig app.signdata
    ok
    grep -q '^command: .*--dry-run' t
    not grep -q '^command: .*--force' t
}

@test "what the shell sends into the transcript does not break it" {
    good
    ERR=$BATS_TEST_TMPDIR/stderr
    run_as() {
        "$ENSIGN" "$@" --module "$SOFTHSM" --pin-source "file:$BATS_FILE_TMPDIR/pin" --key "$RELEASE" --transcript t
    }
    for begin in none one; do
        rm -f t
        [ "$begin" = none ] && : >t || sign --transcript t -o "$begin.sig" app.signdata
        cp t before
        status=0
        run_as sign --yes app.signdata >>t 2>"$ERR" || status=$?
        exits 64
        errors | grep -q '^ensign: t: is a transcript, and standard output goes there'
        for command in 'sign --yes -o app.sig app.signdata' 'pubkey' 'sign --yes app.signdata'; do
            status=0
            # shellcheck disable=SC2086  # a command and its operands
            run_as $command >>t 2>&1 || status=$?
            exits 64
        done
        same t before
        status=0
        # shellcheck disable=SC2094
        "$ENSIGN" transcript t >>t 2>"$ERR" || status=$?
        exits 64
        same t before
    done
}

@test "what could not be recorded of a run is refused before it, or its end is recorded all the same" {
    good
    policy strict 'isvsvn >= 99'
    note=$(printf 'x%.0s' {1..70000})
    for arguments in '--dry-run' '--policy strict' ''; do
        # shellcheck disable=SC2086  # options
        sign --transcript t --note "$note" $arguments -o app.sig app.signdata
        refused 65 't: transcript: note: has 70006 bytes, and 65536 can be recorded'
    done
    # More than a record takes: names of 1,200 bytes, four times as long when they are recorded.
    local directory list=() n
    directory=$(printf '\1%.0s' {1..200})
    directory=$(printf "$directory/%.0s" {1..6})
    mkdir -p "$directory" out
    cp app.signdata "${directory}0.signdata"
    for ((n = 0; n < 1000; n++)); do
        list+=("${directory}$n.signdata")
        [ "$n" -eq 0 ] || ln "${directory}0.signdata" "${directory}$n.signdata"
    done
    for arguments in '--dry-run 65' '--policy=strict 77' '--yes 65'; do
        sign --transcript t "${arguments% *}" --out-dir out "${list[@]}" >/dev/null
        exits "${arguments#* }"
        [ "$(sed -n 's/^exit: //p' t | tail -n 1)" = "${arguments#* }" ]
    done
    [ -z "$(ls out)" ]
}

@test "a signature that cannot be looked at is not absent" {
    good
    ENSIGN_FAULT=delay=60000 "$ENSIGN" sign --key "$RELEASE" --module "$FAULT" --pin-source "file:$BATS_FILE_TMPDIR/pin" \
        --yes --transcript t -o app.sig app.signdata >o 2>e 3>&- &
    for _ in {1..1500}; do
        [ "$(calls C_Sign)" -eq 0 ] || break
        sleep 0.05
    done
    kill -KILL $!
    wait $! || true
    ln -s app.sig app.sig
    cp t before
    sign --transcript t --acknowledge 2 --note looked --dry-run -o other.sig app.signdata
    refused 66 'app.sig'
    same t before
    rm app.sig
    mkfifo app.sig
    sign --transcript t --acknowledge 2 --note looked --dry-run -o other.sig app.signdata
    ok
    grep -q '^found: 1 absent$' t
}

@test "where the outcome could not be recorded, nothing is signed" {
    good
    sign --transcript whole -o whole.sig app.signdata
    local size
    size=$(stat -c %s whole)
    for limit in 100 $((size - 400)) $((size - 1)); do
        ENSIGN_LIMIT=$limit
        status=0
        cp -r "$BATS_FILE_TMPDIR/tokens" tokens
        printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$PWD/tokens" >conf
        SOFTHSM2_CONF=conf prlimit --fsize="$ENSIGN_LIMIT" "$ENSIGN" sign --key "$RELEASE" --module "$FAULT" \
            --pin-source "file:$BATS_FILE_TMPDIR/pin" --yes --transcript t -o app.sig app.signdata 2>/dev/null || status=$?
        exits 74
        [ ! -e app.sig ]
        [ ! -e t ]
        rm -r tokens
    done
    called C_Sign 0
}

# ---- a question that stands without its review ----

# reads_pages: Enter until something is asked for; all that was seen is in the file "pages" of the test.
reads_pages() {
    local n
    for ((n = 1; n < 80; n++)); do
        # A page is whole once its last line stands there.
        sees "^(-- $n of [0-9]+: press Enter --$|Sign th)"
        mux capture-pane -p >>"$BATS_TEST_TMPDIR/pages"
        ! look | grep -q '^Sign th' || return 0
        types ''
    done
    fail "page after page, and no question"
}

@test "on a terminal that is too small for a table it is read page by page, and on a smaller one nothing is asked" {
    begin
    sign_data open.signdata "$MRENCLAVE" attributes=6 isvsvn=7
    mux resize-window -x 80 -y 4
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --out-dir . open.signdata s.signdata'
    sees '^-- 1 of [0-9]+: press Enter --$'
    reads_pages
    for line in '  ! 1 open.signdata ' '    2 s.signdata ' 'Items with dangers: 1 of 2' '      DEBUG is not enforced' \
        '  All 2 together' 'Key         release' 'Dangers     1 of 2: open.signdata'; do
        grep -q "^$line" "$BATS_TEST_TMPDIR/pages" || fail "never seen: $line"
    done
    types no
    # Where one row of the table is longer than the screen, no counting of lines helps.
    mux resize-window -x 13 -y 10
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --out-dir . *.signdata'
    sees '^>$'
    look all | tr -d '\n ' | grep -q '13columnsand10rowsaretoofew'
    mux resize-window -x 80 -y 24
    ended 77
    called C_Sign 0
}

@test "an answer counts for what stands above it: after another size, and after a stop, it is shown again" {
    begin
    asks app.signdata
    sees '^Sign this\? Type yes to sign:$'
    mux resize-window -x 80 -y 12
    types 'yes'
    sees '^Sign this\? Type yes to sign:$'
    look | grep -q '^Key         release'
    pkill -STOP -P "$(mux display-message -p '#{pane_pid}')"
    sees '^>$'
    types 'clear; echo File and Key are others'
    types 'fg'
    types 'yes'
    sees '^Sign this\? Type yes to sign:$'
    look | grep -q '^Key         release'
    called C_Sign 0
    types 'yes'
    ended 0
    called C_Sign 1
}

@test "what is asked for from the background is shown when it comes to the front" {
    begin
    types 'ensign sign --key "$K" --pin-source "file:$PINFILE" -o out.sig s.signdata &'
    sleep 1
    types 'clear; echo other text'
    sees '^>$'
    types 'clear; fg'
    sees '^Sign this\? Type yes to sign:$'
    look | grep -q '^MRENCLAVE   '
    types no
    ended 77
}

@test "a PIN that was stopped is not echoed when it goes on" {
    begin
    types 'ensign sign --key "$K" -o out.sig s.signdata'
    sees '^PIN of token ensign:'
    pkill -STOP -P "$(mux display-message -p '#{pane_pid}')"
    sees '^>$'
    types 'clear'
    types 'fg'
    sees '^PIN of token ensign:'
    types "$PIN"
    sees '^Sign this\? Type yes to sign:$'
    types no
    ended 77
    secret
}

@test "Ctrl-\\ and a hangup are recorded, and leave a terminal that echoes" {
    begin
    types 'ensign sign --key "$K" --transcript t -o out.sig s.signdata'
    sees '^PIN of token ensign:'
    # shellcheck disable=SC1003
    types 'C-\'
    ended 131
    types 'clear; ensign sign --key "$K" --pin-source "file:$PINFILE" --transcript t -o out.sig s.signdata'
    sees '^Sign this\? Type yes to sign:$'
    # shellcheck disable=SC1003
    types 'C-\'
    ended 131
    types 'clear; ensign sign --key "$K" --transcript t -o out.sig s.signdata'
    sees '^PIN of token ensign:'
    pkill -HUP -P "$(mux display-message -p '#{pane_pid}')"
    ended 129
    [ "$(grep -c '^exit: 131$' t)" -eq 2 ]
    [ "$(grep -c '^exit: 129$' t)" -eq 1 ]
    ens transcript t
    ok
}

# ---- a token that lies ----

# quirk CODE: ./quirk.so, a module whose C_Sign runs this code when it has signed.
quirk() {
    cat >quirk.c <<C
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <p11-kit/pkcs11.h>
static CK_FUNCTION_LIST f, *real;
static CK_RV sign(CK_SESSION_HANDLE h, CK_BYTE_PTR a, CK_ULONG n, CK_BYTE_PTR b, CK_ULONG_PTR m)
{
    CK_RV rv = real->C_Sign(h, a, n, b, m);
    $1
    return rv;
}
CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret)
{
    void *d = dlopen(getenv("ENSIGN_FAULT_MODULE"), RTLD_NOW);
    CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(d, "C_GetFunctionList");
    get(&real);
    f = *real;
    f.C_Sign = sign;
    *ret = &f;
    return CKR_OK;
}
C
    # shellcheck disable=SC2046
    cc -shared -fPIC -o quirk.so quirk.c $(pkg-config --cflags p11-kit-1) -ldl
}

@test "a module that ends the program with 0 does not end it well" {
    good
    for call in exit quick_exit; do
        quirk "$call(0);"
        MODULE=./quirk.so sign --transcript "$call" -o app.sig app.signdata
        exits 85
        errors | grep -q 'the PKCS#11 module ended its process with exit status 0 in C_Sign'
        [ ! -e app.sig ]
        # The run goes on to its end: no intent is left open.
        ens transcript "$call"
        ok
        grep -q '^exit: 85$' "$call"
    done
}

@test "a transcript that is emptied, moved or written to while the token signs is not what ensign says it is" {
    good
    for code in 'if (truncate("t", 0)) abort();' 'if (rename("t", "moved")) abort();'; do
        rm -f t moved app.sig
        quirk "$code"
        # Without the descriptor of the tests themselves.
        MODULE=./quirk.so sign --transcript t -o app.sig app.signdata 3>&-
        [ "$status" -ne 0 ]
        grep -q 't: was changed or moved away while this run had its lock' "$ERR"
        # What is left of it is left: ensign removes only what it never wrote to.
        [ -e t ] || [ -e moved ]
        [ ! -e moved ] || mv moved t
        ens transcript t
        [ "$status" -ne 0 ] || [ ! -s t ]
    done
}

@test "descriptors that a module writes to or closes are not those of ensign: 85, and the record is whole" {
    good
    for code in 'for (int fd = 3; fd < 30; fd++) if (write(fd, "garbage\n", 8)) continue;' \
        'for (int fd = 3; fd < 30; fd++) close(fd);'; do
        rm -f t app.sig
        quirk "$code"
        MODULE=./quirk.so sign --transcript t -o app.sig app.signdata
        exits 85
        errors | grep -qE 'an answer that does not fit|lost the connection'
        [ ! -e app.sig ]
        ens transcript t
        ok
        grep -q '^exit: 85$' t
    done
}
