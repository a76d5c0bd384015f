#!/usr/bin/env bats
# A ceremony across hosts. Each is a directory with its own HOME and its own programs; nothing goes from one to
# another but the files that are carried. Then the same as ensign(7) tells it, typed from the manual.

load helpers
load make

OFFLINE=$ROOT/build/$VARIANT/ensign-offline
# Not a number that could be part of a hash by chance.
PIN=correct-horse-9

setup_file() {
    enclave "$BATS_FILE_TMPDIR/own-copy.sgxs"
}

teardown() {
    [ -z "${SSH_AGENT_PID:-}" ] || kill "$SSH_AGENT_PID"
}

# ---- hosts ----

# at HOST: what follows happens there. The signing host has the token and ensign-offline, the others ensign.
at() {
    cd "$HOSTS/$1" || return 1
    export HOME=$HOSTS/$1/home
    unset SOFTHSM2_CONF SSH_AUTH_SOCK ENSIGN_PKCS11_MODULE
    ENSIGN=$ROOT/build/$VARIANT/ensign
    case $1 in
    room)
        export SOFTHSM2_CONF=$HOSTS/room/softhsm2.conf
        ENSIGN=$OFFLINE
        ;;
    bob) [ -z "${SSH_AGENT_PID:-}" ] || export SSH_AUTH_SOCK=$HOSTS/bob/agent ;;
    esac
}

# carry FROM TO FILE...: and nothing else.
carry() {
    local from=$1 to=$2
    shift 2
    (cd "$HOSTS/$from" && cp "$@" "$HOSTS/$to/")
}

hosts() {
    local host
    [ -x "$OFFLINE" ] || fail "$OFFLINE is not there: run make first"
    need_fault
    HOSTS=$BATS_TEST_TMPDIR/hosts
    for host in build alice bob carol room; do
        mkdir -p "$HOSTS/$host/home"
    done
    # The source is public: everybody builds for themselves.
    for host in build alice bob carol; do
        cp "$BATS_FILE_TMPDIR/own.sgxs" "$HOSTS/$host/app.sgxs"
    done
}

# ---- once ----

room_has_a_key() {
    at room
    mkdir tokens
    printf '%s\n' "directories.tokendir = $PWD/tokens" 'objectstore.backend = file' 'log.level = ERROR' \
        >softhsm2.conf
    softhsm2-util --init-token --free --label hsm --so-pin 87654321 --pin "$PIN" >/dev/null
    (umask 077 && echo "$PIN" >pin)
    ens keygen --token pkcs11:token=hsm --label release --pubkey release.pem --module "$SOFTHSM" \
        --pin-source file:pin
    ok
    MRSIGNER=$(mrsigner release.pem)
}

# Alice and Carol have their keys in files, Bob's is only in his agent.
people_have_keys() {
    at alice
    ssh_keys alice
    at carol
    ssh-keygen -q -t ecdsa -N '' -C '' -f carol
    at bob
    ssh_keys bob
    ssh-agent -a "$PWD/agent" >agent.env 2>/dev/null 3>&-
    SSH_AGENT_PID=$(sed -n 's/^SSH_AGENT_PID=\([0-9]*\);.*/\1/p' agent.env)
    at bob
    ssh-add -q bob 2>/dev/null
    rm bob
}

# Carol is nobody whom the room would ask.
room_has_rules() {
    carry alice room alice.pub
    carry bob room bob.pub
    at room
    people approvers alice@example.org alice.pub bob@example.org bob.pub
    policy policy "mrsigner $MRSIGNER" 'isvprodid 5' 'isvsvn >= 12' 'debug forbid' 'blind forbid' \
        'key sensitive never-extractable local' 'approvals 2' 'approvers approvers'
}

# ---- each time ----

sign_data_is_made() {
    at build
    bundle app.orc
    ens gen-sign-data --date 20260105 --isvprodid 5 --isvsvn 12 --forbid-debug -o app.signdata app.orc
    ok
    local host
    for host in alice bob carol room; do
        carry build "$host" app.signdata
    done
}

# approves WHO [KEY]
approves() {
    at "$1"
    ens approve --ssh-key "${2:-$1}" --mrsigner "$MRSIGNER" --rebuilt app.sgxs --yes -o "$1.approval" app.signdata
    ok
    says_hex "$MRENCLAVE"
    carry "$1" room "$1.approval"
}

# asked ARG...: in the room, sign with policy and transcript.
asked() {
    at room
    ens sign --key 'pkcs11:token=hsm;object=release' --module "$FAULT" --pin-source file:pin --yes \
        --policy policy --transcript room.transcript "$@"
}

# Refused with 77, no signature, though the transcript has grown.
not_signed() {
    exits 77
    errors | grep -Eq "policy: approvals: $1, wanted 2"
    [ "$(errors | wc -l)" -eq 1 ]
    [ ! -s "$OUT" ]
    [ ! -e app.sig ]
    called C_Sign 0
    called C_Login 0
}

@test "two reviewers, a signing host with rules, and a build host: the whole ceremony" {
    hosts
    room_has_a_key
    people_have_keys
    room_has_rules
    sign_data_is_made
    : >"$FAULT_LOG"

    # Bob's first build is of another source: he stops, and nothing is approved.
    at bob
    other_enclave app.sgxs
    ens approve --ssh-key bob.pub --mrsigner "$MRSIGNER" --rebuilt app.sgxs --yes -o bob.approval app.signdata
    refused 65 "$MRENCLAVE"
    cp "$BATS_FILE_TMPDIR/own.sgxs" app.sgxs

    approves alice
    approves carol
    [ ! -e "$HOSTS/bob/bob" ]
    approves bob bob.pub

    # One is not enough, neither once nor twice.
    asked -o app.sig --approval alice.approval app.signdata
    not_signed 1
    asked -o app.sig --approval alice.approval --approval alice.approval app.signdata
    not_signed 1
    # A third person does not count.
    asked -o app.sig --approval alice.approval --approval carol.approval app.signdata
    not_signed 1
    # Sign-data that was edited on the way is other sign-data, which nobody approved.
    cp app.signdata right.signdata
    poke app.signdata 254 0d
    asked -o app.sig --approval alice.approval --approval bob.approval app.signdata
    not_signed 0
    edited=$(sha256 app.signdata)
    mv right.signdata app.signdata
    # Another key than the one that the policy pins, though both approved.
    ens keygen --token pkcs11:token=hsm --label other --module "$SOFTHSM" --pin-source file:pin
    ok
    ens sign --key 'pkcs11:token=hsm;object=other' --module "$FAULT" --pin-source file:pin --yes \
        --policy policy --transcript room.transcript --approval alice.approval --approval bob.approval \
        -o app.sig app.signdata
    exits 77
    errors | grep 'policy: mrsigner: '
    called C_Sign 0

    : >"$FAULT_LOG"
    asked -o app.sig --approval alice.approval --approval bob.approval app.signdata
    ok
    called C_Login 1
    called C_Sign 1
    says 'Approvals +2 of 2: alice@example\.org, bob@example\.org'
    POLICY_ID=$(cat policy approvers | sha256sum | cut -d' ' -f1)
    says "Policy policy, id $POLICY_ID"
    openssl dgst -sha256 -verify release.pem -signature app.sig app.signdata

    # Home with it.
    carry room build app.sig release.pem
    at build
    ens set-sig --sign-data app.signdata app.orc app.sig release.pem
    ok
    bundle_holds app.orc "$MRENCLAVE" "$MRSIGNER"
    carry build alice app.orc
    carry room alice release.pem room.transcript policy app.sig
    at alice
    ens verify --pubkey release.pem --mrenclave "$MRENCLAVE" --min-isvsvn 12 --forbid-debug app.orc
    ok

    the_transcript_tells_the_story
    a_changed_byte_is_found
}

# On another host than the one that wrote it; ensign-offline says the same in the room.
the_transcript_tells_the_story() {
    at room
    ens transcript room.transcript
    ok
    cp "$OUT" "$BATS_TEST_TMPDIR/in-the-room"
    at alice
    ens transcript room.transcript
    ok
    same "$OUT" "$BATS_TEST_TMPDIR/in-the-room"
    prints '^Records: +8, and the chain holds$'
    not grep -q "$PIN" room.transcript
    ens transcript --json room.transcript
    ok
    "$PYTHON" - "$OUT" "$(sha256 app.signdata)" "$edited" "$(sha256 app.sig)" "$POLICY_ID" "$MRSIGNER" \
        "$MRENCLAVE" "$(sha256 "$FAULT")" "$FAULT" <<'PY'
import json, sys
doc, right, edited, signature, policy, mrsigner, mrenclave, module, fault = sys.argv[1:]
doc = json.load(open(doc))
records = doc["records"]
assert [r["kind"] for r in records] == ["begin", *5 * ["run"], "intent", "outcome"]
assert [r["exit"] for r in records] == [None, 77, 77, 77, 77, 77, None, 0]
assert doc["calls"] == [1, 1] and doc["open"] is None
times = [r["time"] for r in records]
assert times == sorted(times)

def all_of(n, key):
    return [e["words"] for e in records[n - 1]["entries"] if e["key"] == key]

def counted(n):
    return [tuple(v[:3]) for v in all_of(n, "approval")]

for n in range(2, 8):
    assert all_of(n, "command")[0][:2] == ["sign", "--key"]
    assert all_of(n, "item") == [["1", "sign-data", edited if n == 5 else right, "app.signdata", "app.sig"]], n
    assert "ENCLAVEHASH=" + mrenclave in all_of(n, "fields")[0]
    assert all_of(n, "policy")[0][:2] == ["policy", policy]
    # Each check that the policy has, once.
    names = [c[1] for c in all_of(n, "check")]
    assert "isvsvn" in names and "approvals" in names and len(names) == len(set(names)), names
    assert len(all_of(n, "error")) == (0 if n == 7 else 1)
alice, bob = ("alice.approval", "yes", "alice@example.org"), ("bob.approval", "yes", "bob@example.org")
assert counted(2) == [alice]
assert counted(3) == [alice, alice]
assert counted(4) == [alice, ("carol.approval", "unknown-key", "-")]
assert counted(5) == counted(7) == [alice, bob]
# Under another key than they are for.
assert counted(6) == [(f, "other-key", who) for f, _, who in (alice, bob)]

def check(n, name):
    return [c[2] for c in all_of(n, "check") if c[1] == name]

for n in range(2, 6):
    assert check(n, "approvals") == ["fails"]
    assert not all_of(n, "module") and not all_of(n, "token")
assert check(6, "mrsigner") == ["fails"]
command = all_of(7, "command")[0]
assert "--approval" in command and "--policy" in command and "--yes" in command and len(command) == len(set(command))
assert all_of(7, "module") == [[fault, module]]
assert all_of(7, "ssh-keygen")[0][0].endswith("/ssh-keygen") and len(all_of(7, "ssh-keygen")[0][1]) == 64
assert all_of(7, "token")[0][3] == "hsm"
assert all_of(7, "key")[0][0] == mrsigner and all_of(7, "key")[0][2] == "release"
assert "never-extractable" in all_of(7, "claims")[0]
assert all_of(7, "confirmation") == [["option", "--yes"]]
assert all_of(8, "result") == [["1", "written", signature]]
assert all(c[2] == "holds" for c in all_of(7, "check"))
PY
}

a_changed_byte_is_found() {
    local size at
    size=$(stat -c %s room.transcript)
    for at in $(seq 7 $((size / 23)) "$size"); do
        "$PYTHON" - room.transcript changed "$at" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3]) - 1] ^= 1
open(sys.argv[2], "wb").write(data)
PY
        ens transcript changed
        refused 65 'changed: (edited|order|chain|cut|version|no-header): record [1-8], '
    done
    # A whole record less, in the middle.
    "$PYTHON" - room.transcript changed <<'PY'
import sys
first = b"ensign transcript 1, record "
records = open(sys.argv[1], "rb").read().split(first)
del records[3]
open(sys.argv[2], "wb").write(first.join(records))
PY
    ens transcript changed
    refused 65 'changed: order: record 3'
}

@test "A2: an approval of the same person with another key counts once, and a key stands for one person" {
    hosts
    room_has_a_key
    people_have_keys
    sign_data_is_made
    approves alice
    approves bob bob.pub
    approves carol
    room_has_rules
    at room
    carry carol room carol.pub
    # Alice has two keys now.
    sed -i "/^person alice/a key $(cut -d' ' -f1,2 carol.pub)" approvers
    : >"$FAULT_LOG"
    asked -o app.sig --approval alice.approval --approval carol.approval app.signdata
    not_signed 1
    # And somebody else has hers: then nobody counts.
    cp approvers right
    sed -i "/^end$/i person mallory\nkey $(cut -d' ' -f1,2 alice.pub)" approvers
    asked -o app.sig --approval alice.approval --approval carol.approval app.signdata
    exits 65
    errors | grep -q 'approvers: line [0-9]*: key-twice: '
    called C_Sign 0
    cp right approvers
    asked -o app.sig --approval alice.approval --approval carol.approval --approval bob.approval app.signdata
    ok
    says 'Approvals +2 of 2: alice@example\.org, bob@example\.org'
}

@test "A14: a no is on record, and stops a later run although its file stays at home" {
    hosts
    room_has_a_key
    people_have_keys
    room_has_rules
    sign_data_is_made
    approves alice
    approves bob bob.pub
    at alice
    ens approve --ssh-key alice --mrsigner "$MRSIGNER" --reject --note 'not this one' -o no.approval app.signdata
    refused 77 terminal
    ens approve --ssh-key alice --mrsigner "$MRSIGNER" --reject --yes --note 'not this one' -o no.approval app.signdata
    ok
    carry alice room no.approval
    : >"$FAULT_LOG"
    asked -o app.sig --approval . app.signdata
    exits 77
    errors | grep -q 'rejected: .*alice@example\.org'
    rm no.approval
    # Whoever carries the files leaves it at home: it is in the transcript.
    asked -o app.sig --approval . app.signdata
    exits 77
    errors | grep -q 'rejected: .*alice@example\.org (record 2)'
    ens check --policy policy --approval . --transcript room.transcript app.signdata
    exits 77
    prints 'rejected.*alice@example\.org \(record 2\)'
    ens check --policy policy --approval . app.signdata
    exits 0
    called C_Login 0
    called C_Sign 0
    # Bob cannot lift it; she can, and it has to be there in each run.
    at bob
    ens approve --ssh-key bob.pub --mrsigner "$MRSIGNER" --replaces "$HOSTS/alice/no.approval" --yes -o lift.approval app.signdata
    ok
    carry bob room lift.approval
    asked -o app.sig --approval . app.signdata
    exits 77
    at alice
    ens approve --ssh-key alice --mrsigner "$MRSIGNER" --replaces no.approval --yes -o lift.approval app.signdata
    ok
    carry alice room lift.approval
    asked -o app.sig --approval . app.signdata
    ok
    called C_Sign 1
}

@test "A14: without a pinned key an approval for another key does not count once the key is known" {
    hosts
    room_has_a_key
    people_have_keys
    room_has_rules
    sign_data_is_made
    approves alice
    approves bob bob.pub
    at room
    sed -i '/^mrsigner /d' policy
    ens keygen --token pkcs11:token=hsm --label other --module "$SOFTHSM" --pin-source file:pin
    ok
    : >"$FAULT_LOG"
    ens sign --key 'pkcs11:token=hsm;object=other' --module "$FAULT" --pin-source file:pin --yes --policy policy \
        --approval . -o app.sig app.signdata
    exits 77
    errors | grep -q 'policy: approvals: 0, wanted 2'
    [ ! -e app.sig ]
    called C_Sign 0
    # Too few for whatever key: the token is not woken.
    : >"$FAULT_LOG"
    ens sign --key 'pkcs11:token=hsm;object=release' --module "$FAULT" --pin-source file:pin --yes --policy policy \
        --approval alice.approval -o app.sig app.signdata
    exits 77
    errors | grep -q 'policy: approvals: 1, wanted 2'
    called C_Login 0
    asked -o app.sig --approval . app.signdata
    ok
    called C_Sign 1
}

@test "what the room does not have: an archive reader, a second HOME, the reviewers' keys" {
    hosts
    room_has_a_key
    people_have_keys
    room_has_rules
    sign_data_is_made
    carry build room app.orc
    at room
    ens show app.orc
    refused 65 'is a bundle'
    rm app.orc
    # Nothing private of the others is here, and nothing of the token is elsewhere.
    not grep -rlq 'PRIVATE KEY' .
    for host in build alice bob carol; do
        not grep -rlFq "$PIN" "$HOSTS/$host"
    done
    [ ! -e "$HOSTS/bob/bob" ]
}

# ---- the manual ----

# typed MANUAL: the commands of ensign.7, a JSON list of [HOST, COMMAND]; those of a release twice, for two of them.
typed() {
    "$PYTHON" - "$1" <<'PY'
import json, re, sys
commands, literal, section = [], False, ""
for line in open(sys.argv[1], encoding="utf-8"):
    line = line.rstrip("\n")
    if line.startswith("."):
        section = line[4:] if line.startswith(".Sh ") else section
        literal = line.startswith(".Bd -literal")
        continue
    if not literal:
        continue
    line = line.replace(r"\e", "\\")
    new = re.match(r"([a-z]+)\$ (.*)", line)
    if new:
        commands.append([section, new[1], new[2]])
    else:
        assert line.startswith("> "), "neither a command nor the rest of one: " + line
        commands[-1][2] += "\n" + line[2:]
release = [c for c in commands if c[0] == "EACH RELEASE"]
end = commands.index(release[-1]) + 1
assert [c[2] for c in release].count("RELEASE=1.0.0") == 4 and len(release) > 20, release
again = [[s, host, line.replace("RELEASE=1.0.0", "RELEASE=1.1.0")] for s, host, line in release]
json.dump([c[1:] for c in commands[:end] + again + commands[end:]], sys.stdout)
PY
}

@test "the ceremony of ensign(7), typed from the manual, command for command" {
    [ -r "$SOFTHSM" ] || fail "$SOFTHSM is not there: scripts/setup demo"
    need_terminal
    hosts
    typed "$ROOT/docs/ensign.7" >commands.json
    mkdir carry "$HOSTS"/{build,alice,bob,room}/bin
    app "$HOSTS/build/app"
    for host in build alice bob; do
        ln -s "$ENSIGN" "$HOSTS/$host/bin/ensign"
    done
    ln -s "$OFFLINE" "$HOSTS/room/bin/ensign-offline"
    "$PYTHON" - commands.json "$HOSTS" "$PWD/carry" "$PIN" <<'PY'
# One shell for each host, on a terminal of its own; questions are answered as they are asked.
import fcntl, json, os, pty, re, select, sys, termios, time
commands, hosts, carry, pin = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3], sys.argv[4]
LOOP = 'while IFS= read -r -d "" -u 9 c; do eval "$c" 8>&- 9<&-; echo $? >&8; done'
# The minutes: head of the room's transcript, and how many records it had when this ceremony began.
minutes = {"head": "", "before": "0"}

def witness(command, seen):
    found = re.search(rb"Records: +(\d+), .*Head:\s+((?:[0-9a-f]{8} ?){8})", seen, re.S)
    if "ensign-offline transcript " in command and found:
        minutes["head"] = found[2].decode().strip()
        if "--head" in command:
            minutes["before"] = found[1].decode()

ANSWERS = [(rb"PIN[^\n]*: *$", lambda: pin), (rb"passphrase[^\n]*: *$", lambda: "a long passphrase"),
           (rb"Type yes[^\n]*: *$", lambda: "yes"), (rb"Type its name[^\n]*: *$", lambda: "release"),
           (rb"Head in the last minutes: *$", lambda: minutes["head"]),
           (rb"Records before this ceremony: *$", lambda: minutes["before"])]

class Host:
    def __init__(self, name):
        home = os.path.join(hosts, name)
        self.tty, slave = pty.openpty()
        to_read, self.send = os.pipe()
        self.status, to_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            keep = {n: fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for n, fd in
                    ((0, slave), (1, slave), (2, slave), (8, to_write), (9, to_read))}
            os.closerange(3, 20)
            for n, fd in keep.items():
                os.dup2(fd, n)
            os.closerange(10, 64)
            os.chdir(home)
            env = {"HOME": home + "/home", "PATH": home + "/bin:" + os.environ["PATH"], "CARRY": carry,
                   "LC_ALL": "C.UTF-8", "TERM": "dumb"}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-c", LOOP], env)
        for fd in (slave, to_read, to_write):
            os.close(fd)

    def run(self, command):
        os.write(self.send, command.encode() + b"\0")
        seen, answered, end = b"", 0, time.time() + 60
        while time.time() < end:
            ready, _, _ = select.select([self.tty, self.status], [], [], 0.1)
            if self.tty in ready:
                seen += os.read(self.tty, 65536)
                for pattern, answer in ANSWERS:
                    if re.search(pattern, seen[answered:]):
                        answered = len(seen)
                        time.sleep(0.15)
                        os.write(self.tty, answer().encode() + b"\n")
            elif self.status in ready:
                return int(os.read(self.status, 16)), seen
        return 124, seen

    def end(self):
        os.close(self.send)
        os.close(self.status)
        os.close(self.tty)
        os.waitpid(self.pid, 0)

assert len(commands) > 40, len(commands)
shells, bad = {}, 0
for name, command in commands:
    if name not in shells:
        shells[name] = Host(name)
    status, seen = shells[name].run(command)
    print("%s$ %s" % (name, command))
    if name == "room":
        witness(command, seen)
    if status != 0:
        print(seen.decode("utf-8", "replace").replace("\r", ""), "-- exit", status)
        bad = 1
        break
    if pin.encode() in seen or b"a long passphrase" in seen:
        print(seen.decode("utf-8", "replace"), "-- a secret was echoed")
        bad = 1
for shell in shells.values():
    shell.end()
sys.exit(bad)
PY
    # What the manual promises of its end.
    for release in 1.0.0 1.1.0; do
        bundle_holds "$HOSTS/build/$release/app.orc" "$MRENCLAVE" "$(mrsigner "$HOSTS/room/ceremony/release.pem")"
    done
    # The minutes of each ceremony tell of its own records, and of no other.
    grep -q '^REPORT OF .*, records 4 to 6 of 6 ' "$HOSTS/build/1.0.0/minutes.txt"
    grep -q '^REPORT OF .*, records 7 to 9 of 9 ' "$HOSTS/build/1.1.0/minutes.txt"
    grep -q '\[x\] release ' "$HOSTS/build/1.1.0/minutes.txt"
    grep -q '^REPORT OF .*, records 13 to 14 of 14 ' "$HOSTS/build/destruction.txt"
    grep -q '\[x\] key destruction ' "$HOSTS/build/destruction.txt"
    grep -q '^  read back  gone: yes$' "$HOSTS/build/destruction.txt"
    grep -qF '  note       paper 12; operator: A. Adams; witness: W. West' "$HOSTS/build/destruction.txt"
    ens transcript --json "$HOSTS/room/ceremony/room.transcript"
    ok
    "$PYTHON" - "$OUT" <<'PY'
import json, sys
records = json.load(open(sys.argv[1]))["records"]
kinds = [(r["kind"], r["exit"]) for r in records]
made = [("intent", None), ("outcome", 0)]
release = [("run", 0), *made]
assert kinds == [("begin", None), *made, *release, *release, *made, ("run", 0), *made], kinds
answers = [e["words"] for r in records for e in r["entries"] if e["key"] == "confirmation"]
assert answers == [*2 * [["terminal", "yes"]], ["terminal", "label"]], answers
PY
}
