#!/usr/bin/env bats
# docs/pipelines.md, typed as it stands: the blocks of a recipe in their order, in one shell on a terminal (recipe.py, and
# recipes.txt, which says what each block is), over six
# enclaves of which one is cut short, beside a token in software that counts and can be slow. What an hour or a line does in life
# is done here by three programs in the recipe's PATH: see begin. Then what the recipe has left is judged by the second implementation.

load helpers

PAGE=$ROOT/docs/pipelines.md
OFFLINE=$ROOT/build/$VARIANT/ensign-offline
P11_CLIENT=/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so

fixtures() {
    local n=0 name
    token hsm
    test_key one one.pem
    test_key two two.pem
    import one.pem release 01 hsm
    import two.pem release-2 02 hsm
    enclave base.sgxs
    # More than a file may have where the recipe sets a limit, however it is packed.
    head -c 65536 /dev/urandom >elf
    # Seven enclaves, the last of which is what b becomes; each differs from all others in its last measured byte.
    for name in a b c d e f b2; do
        cp base.sgxs "$name.sgxs"
        poke "$name.sgxs" $(($(stat -c %s base.sgxs) - 1)) "e$((n += 1))"
        "$PYTHON" "$INTEROP/mkbundle.py" "$name.orc" --sgxs "$name.sgxs" --elf elf
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

# The two programs, whose token in software counts its calls; and the two hours of a window: until a slow token is at its second signature.
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
*options, window = sys.argv[1:sys.argv.index("2h") + 1]
stop = {"--signal=INT": signal.SIGINT, "--signal=KILL": signal.SIGKILL}[options.pop()]
assert options == ["--preserve-status"][:stop == signal.SIGINT], sys.argv
def signatures():
    return open("$FAULT_LOG").read().split().count("C_Sign")
before, end = signatures(), time.time() + 60
run = subprocess.Popen(sys.argv[sys.argv.index("2h") + 1:], env=dict(os.environ, ENSIGN_FAULT="delay=400"),
                       preexec_fn=os.setpgrp)
while run.poll() is None and time.time() < end and signatures() < before + 2:
    time.sleep(0.02)
os.killpg(run.pid, stop)
run.wait()
sys.exit(run.returncode if run.returncode >= 0 else 128 - run.returncode)
END
}

# recipe NUMBER TOOL...: runs it; what was not run, and why, is in "skipped".
recipe() {
    need_terminal
    "$PYTHON" "$BATS_TEST_DIRNAME/recipe.py" script "$PAGE" "$@" >"$BATS_TEST_TMPDIR/script" 2>"$BATS_TEST_TMPDIR/skipped" ||
        fail "$(cat "$BATS_TEST_TMPDIR/skipped")"
    cat "$BATS_TEST_TMPDIR/skipped"
    env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$PYTHON" "$BATS_TEST_DIRNAME/recipe.py" run "$BATS_TEST_TMPDIR/script" "$PIN"
}

# job NAME: its commands, as a runner would run them.
job() {
    "$PYTHON" "$BATS_TEST_DIRNAME/recipe.py" job "$PAGE" "$1"
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
    recipe 1
    holds "$TWO" signed
    # The public key; the window, the broken file, the last run, each of which signed what was left; the new key.
    called C_Login 5
    [ "$(calls C_Sign)" -ge 12 ] && [ "$(calls C_Sign)" -le 13 ] || fail "$(calls C_Sign) signatures"
    # The report of the last run is whole.
    [ "$(wc -l <report.jsonl)" -eq 7 ]
    tail -1 report.jsonl | grep -q '"signed": 1, "skipped": 5, "failed": 0, "not_done": 0'
    # What the check is for: a report that breaks off, and one with another SVN.
    head -n -1 report.jsonl >no.end
    head -c 300 report.jsonl >cut.short
    sed 's/"isvsvn": 8/"isvsvn": 7/' report.jsonl >other.svn
    : >empty
    for wrong in no.end cut.short other.svn empty; do
        not "$PYTHON" check.py <$wrong
    done
    "$PYTHON" check.py <report.jsonl
}

@test "2: make signs what changed; a broken bundle holds the batch, and one that is stopped leaves nothing half written" {
    begin build
    recipe 2
    holds "$ONE" attached b=b2
    [ -z "$(find . -name '.ensign-*')" ]
    # The public key; one login and six signatures for the stages, as many for resign, one for what changed.
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
    people approvers alice@example.org alice.pub
    CI_COMMIT_TIMESTAMP=2026-01-05T23:30:00+00:00 recipe 4
    bundle_holds app.signed.orc "$(sha256 "$made/a.sgxs")" "$ONE"
    [ "$(field app.signdata date)" = 0x20260105 ]
    same app.orc "$made/a.orc"
    called C_Sign 1
    # The refusal and the signature are both in the record.
    ens transcript room.transcript
    ok
    [ "$(grep -c '^exit: ' room.transcript)" -eq 2 ]
    # The second job again, from its beginning: with a commit of another day it ends at cmp; stopped in the middle of
    # writing it leaves no result; and then it makes the same file.
    mv app.signed.orc first.orc
    job attach >attach.sh
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    rm again.signdata rebuilt.orc
    not env CI_COMMIT_TIMESTAMP=2026-01-06T00:30:00+00:00 bash attach.sh
    [ -e again.signdata ] && [ ! -e app.signed.orc ]
    export CI_COMMIT_TIMESTAMP=2026-01-05T00:00:01+00:00
    rm again.signdata rebuilt.orc
    printf '#!/bin/sh\nln %q "$1"\n' "$made/a.orc" >build.sh
    (ulimit -f 8 && not bash attach.sh 2>"$BATS_TEST_TMPDIR/full")
    grep -Eq 'File (too large|size limit)' "$BATS_TEST_TMPDIR/full"
    [ -e again.signdata ] && [ ! -e app.signed.orc ]
    rm again.signdata rebuilt.orc
    bash attach.sh
    same app.signed.orc first.orc
    # The first job, cut off and then run again: the same sign-data.
    rm app.orc
    mv app.signdata first.signdata
    job prepare | sed '/gen-sign-data/s/^/exit 9; /' >prepare.sh
    not bash prepare.sh
    rm app.orc
    job prepare >prepare.sh
    bash prepare.sh
    same app.signdata first.signdata
}

# The server's own token is the slow one; what it says of itself is kept.
p11_kit() {
    program p11-kit <<END
#!/bin/sh
[ "\$1 \$2" = 'server --name' ] && [ "\$4 \$5" = '--provider $SOFTHSM' ] || exit 64
ENSIGN_FAULT=delay=300 $(command -v p11-kit) server --name "\$3" --provider '$FAULT' "\$6" >'$BATS_TEST_TMPDIR/server' 3>&- || exit
# The server listens some time after that.
until grep -q "00010000 .* \$3\$" /proc/net/unix; do sleep 0.02; done
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
    [ "$(wc -l <"$BATS_TEST_TMPDIR/skipped")" -eq 1 ]
    grep -q 'another-host' "$BATS_TEST_TMPDIR/skipped"
    holds "$ONE" signed
    # Six are needed; what the token was at when the line broke is made again.
    [ "$(calls C_Sign)" -ge 6 ] && [ "$(calls C_Sign)" -le 8 ] || fail "$(calls C_Sign) signatures"
    # The recipe ended its server, which then removes its socket.
    for _ in {1..1500}; do
        [ -e "$HOME/hsm.sock" ] || break
        sleep 0.05
    done
    [ ! -e "$HOME/hsm.sock" ]
}

# No server of a test that failed stays.
teardown() {
    [ ! -s "$BATS_TEST_TMPDIR/server" ] || kill "$(server)" 2>/dev/null || true
}

@test "6: two workers with lists of their own; one is killed, one has a broken file, both are started again" {
    begin train
    recipe 6
    holds "$ONE" signed
    # Killed in its second signature, which is made again; then the broken file's.
    [ "$(calls C_Sign)" -ge 6 ] && [ "$(calls C_Sign)" -le 8 ] || fail "$(calls C_Sign) signatures"
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
    export RECIPES=$BATS_TEST_TMPDIR/recipes
    # page KIND:BLOCK [ROW]: with the table that says so, or another row.
    page() {
        local language=${1%%[ :]*}
        printf '```sh\ntrue\n```\n## 1. Heading\n```%s\n%s\n```\n' "$language" "${1#*:}" >"$PAGE"
        printf '%s\n' '0 sh: true' "${2-1 ${1%%:*}: ${1#*:}}" >"$RECIPES"
    }
    for wrong in 'sh:false' 'sh exit=1:true' 'sh exit=2:exit 3' 'sh:ensign show nosuch' 'yaml job=x:x:'; do
        page "$wrong"
        not recipe 1
    done
    page 'sh exit=3:exit 3'
    recipe 1
    # A block that the table does not know, and one that it has at another place.
    for row in '1 sh: false' '2 sh: true' '1 text file=x: true' $'1 sh: true\n1 sh: true' '# none'; do
        page 'sh:true' "$row"
        not recipe 1
    done
    page 'sh:true'
    recipe 1
}
