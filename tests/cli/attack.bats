#!/usr/bin/env bats
# One signature too many: what an operator, a carrier or a reviewer tried against sign, and what must hold.

load helpers

setup_file() {
    token ensign
    cd "$BATS_FILE_TMPDIR" || return 1
    test_key one one.pem
    import one.pem release 01
    mrsigner one.pem.pub >mrsigner
    for who in alice bob; do
        ssh-keygen -q -t ed25519 -N '' -C '' -f "$who"
    done
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
      "note: -", "items: 1", f"item: {digest} not-rebuilt", sep="\n")
PY
    ssh-keygen -q -Y sign -n ensign-approval-v1 -f "$BATS_FILE_TMPDIR/$1" <"$1.statement" >"$1.sig"
    cat "$1.statement" "$1.sig" >"$1.approval"
}

# ---- the carrier ----

@test "a file whose name is an option decides nothing" {
    good
    policy strict 'isvsvn >= 99'
    printf 'policy 1\nend\n' >.lax.signdata
    : >'--policy=.lax.signdata'
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
