#!/usr/bin/env bats
# docs/pipelines.md, typed as it stands: the blocks of a recipe in their order, in one shell on a terminal (recipe.py), over six
# enclaves of which one is cut short, beside a token in software that counts and can be slow. What an hour or a line does in life
# is done here by three programs in the recipe's PATH: see begin. Then what the recipe has left is judged by the second implementation.

load helpers

PAGE=$ROOT/docs/pipelines.md
OFFLINE=$ROOT/build/$VARIANT/ensign-offline
P11_CLIENT=/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so

setup_file() {
    local n=0 name
    token hsm
    cd "$BATS_FILE_TMPDIR" || return 1
    test_key one one.pem
    test_key two two.pem
    import one.pem release 01 hsm
    import two.pem release-2 02 hsm
    enclave own.sgxs
    # Seven enclaves, the last of which is what b becomes; each differs from all others in its last measured byte.
    for name in a b c d e f b2; do
        cp own.sgxs "$name.sgxs"
        poke "$name.sgxs" $(($(stat -c %s own.sgxs) - 1)) "e$((n += 1))"
        "$PYTHON" "$INTEROP/mkbundle.py" "$name.orc" --sgxs "$name.sgxs"
    done
}

# program NAME: what stands on stdin, under that name in the recipe's PATH.
program() {
    cat >"$BATS_TEST_TMPDIR/bin/$1"
    chmod 755 "$BATS_TEST_TMPDIR/bin/$1"
}

# begin DIRECTORY: there the files of a train, c.orc cut short, and whole again in rebuilt; b.orc as it will be.
begin() {
    local made=$BATS_FILE_TMPDIR name
    need_fault
    [ -x "$OFFLINE" ] || fail "$OFFLINE is not there: run make first"
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -m 700 "$HOME" "$BATS_TEST_TMPDIR/bin"
    mkdir "$1" rebuilt
    for name in a b d e f; do cp "$made/$name.orc" "$1"; done
    head -c 500 "$made/c.orc" >"$1/c.orc"
    cp "$made/c.orc" rebuilt/c.orc
    cp "$made/b2.orc" rebuilt/b.orc
    cp "$made/two.pem.pub" release-2.pem
    (umask 077 && cp "$made/pin" pin)
    ONE=$(mrsigner "$made/one.pem.pub")
    TWO=$(mrsigner "$made/two.pem.pub")
    programs
}

# The two programs, whose token in software counts its calls; and the two hours of a window: three signatures of a slow token.
programs() {
    local name
    for name in ensign ensign-offline; do
        program "$name" <<END
#!/bin/sh
case \${ENSIGN_PKCS11_MODULE-} in *libsofthsm2.so) ENSIGN_PKCS11_MODULE=$FAULT ;; esac
exec "$ROOT/build/$VARIANT/$name" "\$@"
END
    done
    program timeout <<END
#!$PYTHON
import os, signal, subprocess, sys, time
assert sys.argv[1:4] == ["--preserve-status", "--signal=INT", "2h"], sys.argv
def signatures():
    return open("$FAULT_LOG").read().split().count("C_Sign")
before, end = signatures(), time.time() + 60
run = subprocess.Popen(sys.argv[4:], env=dict(os.environ, ENSIGN_FAULT="delay=400"))
while run.poll() is None and time.time() < end and signatures() < before + 3:
    time.sleep(0.02)
run.send_signal(signal.SIGINT)
sys.exit(run.wait() if run.returncode is None or run.returncode >= 0 else 128 - run.returncode)
END
}

# recipe NUMBER TOOL...: runs it; what was not run, and why, is in "skipped".
recipe() {
    "$PYTHON" "$BATS_TEST_DIRNAME/recipe.py" script "$PAGE" "$@" >"$BATS_TEST_TMPDIR/script" 2>"$BATS_TEST_TMPDIR/skipped" ||
        fail "$(cat "$BATS_TEST_TMPDIR/skipped")"
    cat "$BATS_TEST_TMPDIR/skipped"
    env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$PYTHON" "$BATS_TEST_DIRNAME/recipe.py" run "$BATS_TEST_TMPDIR/script" "$PIN"
}

# need TOOL: skipped by name without it; where the tools of scripts/setup are required that is a failure.
need() {
    ! command -v "$1" >/dev/null || return 0
    [ "${ENSIGN_REQUIRE_TOKENS:-0}" != 1 ] || fail "required, but $1 is not installed: run scripts/setup test tokens"
    skip "$1 is not installed: the blocks that need it are not run"
}

# holds MRSIGNER DIRECTORY [b=NAME]: six bundles, whole, each with the enclave that it had, signed by that key over the recipe's fields.
holds() {
    local name mrenclave
    [ "$(find "$2" -type f -name '*.orc' -printf '%f\n' | sort | tr -d '\n')" = a.orcb.orcc.orcd.orce.orcf.orc ] ||
        fail "$2 holds:" "$(ls -A "$2")"
    [ -z "$(find . -name '.ensign-*')" ] || fail "left behind:" "$(find . -name '.ensign-*')"
    for name in a b c d e f; do
        mrenclave=$(sha256 "$BATS_FILE_TMPDIR/$([ "${3-}" = "b=b2" ] && [ $name = b ] && echo b2 || echo $name).sgxs")
        bundle_holds "$2/$name.orc" "$mrenclave" "$1"
        ens extract --force -o css "$2/$name.orc"
        ok
        [ "$(field css isvsvn)" = 0x8 ]
        [ "$(field css date)" = 0x20260105 ]
        rm css
    done
}

# ---- the recipes ----

@test "1: a train that is interrupted and has a broken file, and then a new key" {
    begin train
    mkdir checked
    recipe 1
    holds "$TWO" signed
    # The window, the broken file, the last run; and the new key: each signed what the others had left.
    called C_Login 5
    [ "$(calls C_Sign)" -ge 12 ] && [ "$(calls C_Sign)" -le 13 ] || fail "$(calls C_Sign) signatures"
    # The report of the last run is whole.
    [ "$(wc -l <report.jsonl)" -eq 7 ]
    tail -1 report.jsonl | grep -q '"signed": 1, "skipped": 5, "failed": 0, "not_done": 0'
    # What the check is for: a report that breaks off, and one with another SVN.
    for wrong in 'head -n -1' 'head -c 300' 'sed s/"isvsvn":.8/"isvsvn":\ 7/' 'true'; do
        not eval "$wrong report.jsonl 2>/dev/null | $PYTHON check.py 2>/dev/null"
    done
}

@test "2: make signs what changed; a broken bundle holds the batch, and a full disk leaves nothing half written" {
    begin build
    recipe 2
    holds "$ONE" attached b=b2
    [ -z "$(find . -name '.ensign-*')" ]
    # One login and six signatures for the stages, one and six for resign, one and one for what changed, and pubkey's.
    called C_Sign 13
    called C_Login 4
}

@test "3: parallel prepares and attaches, one login signs; xargs does the same" {
    begin build
    mkdir train
    cp build/* train
    if command -v parallel >/dev/null; then
        recipe 3 parallel
        holds "$ONE" signed
        called C_Login 3
        [ "$(calls C_Sign)" -le 7 ] || fail "$(calls C_Sign) signatures"
        [ "$(grep -vc Seq prepare.log)" -ge 7 ]
    else
        recipe 3
    fi
    # By xargs: all that could be prepared, the same bytes.
    [ "$(ls -A data2)" = $'a.signdata\nb.signdata\nd.signdata\ne.signdata\nf.signdata' ]
    for name in a b d e f; do
        [ ! -e data ] || same "data/$name.signdata" "data2/$name.signdata"
        [ "$(field "data2/$name.signdata" enclavehash)" = "$(sha256 "$BATS_FILE_TMPDIR/$name.sgxs")" ]
    done
    need parallel
}

@test "4: CI prepares and attaches, a reviewer approves, a person signs in between" {
    begin train
    local made=$BATS_FILE_TMPDIR
    cp "$made/a.orc" mine.orc
    cp "$made/b.orc" other.orc
    printf '#!/bin/sh\ncp %q "$1"\n' "$made/a.orc" >build.sh
    chmod 755 build.sh
    ssh-keygen -q -t ed25519 -N '' -C alice -f alice
    echo "alice@example.org namespaces=\"ensign-sign-data\" $(cat alice.pub)" >approvers
    CI_COMMIT_TIMESTAMP=2026-01-05T23:30:00+00:00 recipe 4
    bundle_holds app.signed.orc "$(sha256 "$made/a.sgxs")" "$ONE"
    [ "$(field app.signdata date)" = 0x20260105 ]
    same app.orc "$made/a.orc"
    called C_Sign 1
    # The refusal and the signature are both in the record.
    ens transcript room.transcript
    ok
    [ "$(grep -c '^exit: ' room.transcript)" -eq 2 ]
    # A commit of another day is other sign-data: the second job ends at cmp.
    rm again.signdata app.signed.orc
    "$PYTHON" "$BATS_TEST_DIRNAME/recipe.py" script "$PAGE" 4 >"$BATS_TEST_TMPDIR/script" 2>/dev/null
    sed -n '/CI_COMMIT_TIMESTAMP/,/^)/p' "$BATS_TEST_TMPDIR/script" | sed '1,/^)/d; 1i set -e' | sed '$d' >attach
    grep -q 'cmp again' attach
    rm rebuilt.orc
    not env CI_COMMIT_TIMESTAMP=2026-01-06T00:30:00+00:00 PATH="$BATS_TEST_TMPDIR/bin:$PATH" bash attach
    [ -e again.signdata ] && [ ! -e app.signed.orc ]
}

# The server's own token is the slow one; what it says of itself is kept.
p11_kit() {
    program p11-kit <<END
#!/bin/sh
[ "\$1 \$2" = 'server --name' ] && [ "\$4 \$5" = '--provider $SOFTHSM' ] || exit 64
ENSIGN_FAULT=delay=300 $(command -v p11-kit) server --name "\$3" --provider '$FAULT' "\$6" >'$BATS_TEST_TMPDIR/server' 3>&- || exit
cat '$BATS_TEST_TMPDIR/server'
END
}

# As soon as two results are there, the server's process for the connection dies.
break_line() {
    for _ in {1..1200}; do
        [ "$(find signed -name '*.orc' 2>/dev/null | wc -l)" -lt 2 ] || break
        sleep 0.05
    done
    pkill -KILL -P "$(server)"
}

server() {
    sed -n 's/^P11_KIT_SERVER_PID=\([0-9]*\);.*/\1/p' "$BATS_TEST_TMPDIR/server"
}

@test "5: a token behind p11-kit's server, and a line that breaks" {
    begin train
    need p11-kit
    [ -r "$P11_CLIENT" ] || need p11-kit-modules
    p11_kit
    break_line 3>&- &
    recipe 5 p11-kit
    wait $!
    [ "$(cat "$BATS_TEST_TMPDIR/skipped" | wc -l)" -eq 1 ]
    grep -q 'another-host' "$BATS_TEST_TMPDIR/skipped"
    holds "$ONE" signed
    # Six are needed; what the token was at when the line broke is made again.
    [ "$(calls C_Sign)" -ge 6 ] && [ "$(calls C_Sign)" -le 8 ] || fail "$(calls C_Sign) signatures"
    not kill -0 "$(server)"
}

# No server of a test that failed stays.
teardown() {
    [ ! -s "$BATS_TEST_TMPDIR/server" ] || kill "$(server)" 2>/dev/null || true
}

@test "6: two workers with lists of their own; the one that failed is started again" {
    begin train
    recipe 6
    holds "$ONE" signed
    called C_Sign 6
}

# ---- the page itself ----

@test "every recipe is run here, and what the page links to is there" {
    grep -q 'docs/pipelines\.md' "$ROOT/README.md" || fail "README.md does not name the page"
    grep -oE '^## [0-9]+' "$PAGE" | tr -dc '0-9\n' | while read -r number; do
        grep -Eq "^ +(CI_[^ ]+ )?recipe $number( |\$)" "$BATS_TEST_FILENAME" || fail "recipe $number is not run"
    done
    grep -oE '\]\([^)#]+' "$PAGE" | sed 's/](//' | while read -r link; do
        [ -e "$ROOT/docs/$link" ] || fail "the page links to $link, which is not there"
    done
}

@test "a block that does not end as it should ends its recipe" {
    begin train
    PAGE=$BATS_TEST_TMPDIR/wrong.md
    for wrong in 'sh:false' 'sh exit=1:true' 'sh exit=2:exit 3' 'sh:ensign show nosuch' 'yaml job=x:x:'; do
        printf '```sh\ntrue\n```\n## 1. Wrong\n```%s\n%s\n```\n' "${wrong%%:*}" "${wrong#*:}" >"$PAGE"
        not recipe 1
    done
    printf '```sh\ntrue\n```\n## 1. Right\n```sh exit=3\nexit 3\n```\n' >"$PAGE"
    recipe 1
}
