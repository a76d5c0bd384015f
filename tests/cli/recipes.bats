#!/usr/bin/env bats
# docs/recipes: each file is what its system reads, as far as Debian's packages tell; its commands are shell, with options that
# ensign has; and they are run as they stand, in the directories of the test, over a train of enclaves with a token in software.

load helpers

RECIPES=$ROOT/docs/recipes
FILES=(github-actions.yml gitlab-ci.yml ensign-nightly.service kubernetes-job.yaml)

fixtures() {
    local name
    token hsm
    test_key one one.pem
    import one.pem release 01 hsm
    for name in a b; do
        other_enclave "$name.sgxs"
        [ $name = a ] || poke b.sgxs $(($(stat -c %s b.sgxs) - 1)) e1
        "$PYTHON" "$INTEROP/mkbundle.py" "$name.orc" --sgxs "$name.sgxs"
    done
}

need_yaml() {
    "$PYTHON" -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed: recipes are not read"
}

# commands: each script of every recipe, into FILE.N with its shell in the first line; the variables that a recipe sets into FILE.env.
commands() {
    "$PYTHON" - "$RECIPES" <<'PY'
import re, sys, yaml
directory = sys.argv[1]
read = lambda name: open("%s/%s" % (directory, name), encoding="utf-8").read()
def put(name, shell, scripts, variables):
    for number, text in enumerate(scripts):
        open("%s.%d" % (name, number), "w").write("#!%s\n%s\n" % (shell, text))
    open(name + ".env", "w").write("".join("%s=%s\n" % pair for pair in variables.items() if "$" not in pair[1]))
name = "github-actions.yml"
jobs = yaml.safe_load(read(name))["jobs"]
put(name, "/bin/bash", [s["run"] for j in jobs.values() for s in j["steps"] if "run" in s],
    {k: v for j in jobs.values() for k, v in j.get("env", {}).items()})
name = "gitlab-ci.yml"
jobs = [j for j in yaml.safe_load(read(name)).values() if isinstance(j, dict)]
put(name, "/bin/bash", ["\n".join(j["script"]) for j in jobs], {k: v for j in jobs for k, v in j.get("variables", {}).items()})
name = "kubernetes-job.yaml"
job = yaml.safe_load(read(name))
pod = job["spec"]["template"]["spec"]
assert job["kind"] == "Job" and pod["restartPolicy"] == "Never"
container, = pod["containers"]
assert container["command"] == ["/bin/sh", "-c"]
assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
put(name, "/bin/sh", container["args"], {e["name"]: e["value"] for e in container["env"] if "value" in e})
name = "ensign-nightly.service"
unit = read(name)
put(name, "/bin/sh", re.findall(r"^ExecStart=/bin/sh -c '([^']*)'$", unit, re.M),
    dict(re.findall(r"^Environment=([A-Z0-9_]+)=(.*)$", unit, re.M)))
PY
}

@test "every recipe is linked from the page, and no other file is there" {
    [ "$(ls "$RECIPES")" = "$(printf '%s\n' "${FILES[@]}" | sort)" ]
    for file in "${FILES[@]}"; do
        grep -q "](recipes/$file)" "$ROOT/docs/pipelines.md" || fail "docs/pipelines.md does not link to $file"
    done
}

@test "the commands of the recipes are shell, and ensign has each of their options" {
    local script words word command options found=0
    need_yaml
    cd "$BATS_TEST_TMPDIR"
    commands
    for script in *.[0-9]; do
        bash -n "$script"
        ! command -v shellcheck >/dev/null || shellcheck "$script" || fail "$(cat "$script")"
        while read -ra words; do
            command=
            for word in "${words[@]}"; do
                case $word in
                ensign) command=next ;;
                --*)
                    [ -n "$command" ] || continue
                    grep -q -- "  ${word%%=*}\b" <<<"$options" || fail "$script: ensign $command has no $word"
                    found=$((found + 1))
                    ;;
                *)
                    [ "$command" = next ] || continue
                    command=$word
                    options=$("$ENSIGN" help "$command") || fail "$script: ensign has no $command"
                    ;;
                esac
            done
        done < <(sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$script" | tr ';' '\n')
    done
    [ "$found" -ge 30 ] || fail "only $found options were found"
}

# run_recipe FILE: its scripts one after the other, in the test's directories.
run_recipe() {
    local script
    for script in "$1".[0-9]; do
        sed -i -e "s|/srv/train|$PWD/train|g; s|/in/|$PWD/train/|g; s|--out-dir /out|--out-dir $PWD/signed|g" \
            -e "s|/run/pin/pin|$PWD/pin|g; s|/etc/ensign/[a-z]*\.policy|$PWD/release.policy|g" "$script"
        # As GitHub and GitLab do, and "sh -c" of the others, which have one command.
        bash -eo pipefail "$script" >"$1.out" 2>"$1.err" || return
    done
}

@test "each recipe signs the train, with the PIN from a file that everybody can read, and none with another key" {
    local name file
    need_yaml
    commands
    policy release.policy 'debug forbid'
    printf '%s\n' "$PIN" >pin
    chmod 444 pin
    mkdir bin train
    printf '#!/bin/sh\nexec %q "$@"\n' "$ENSIGN" >bin/ensign
    printf '#!/bin/sh\nmkdir -p "$1"\ncp %q/[ab].orc "$1"\n' "$BATS_FILE_TMPDIR" >build.sh
    chmod 755 bin/ensign build.sh
    cp "$BATS_FILE_TMPDIR"/[ab].orc train
    export PATH=$PWD/bin:$PATH HSM_PIN CREDENTIALS_DIRECTORY=$PWD STATE_DIRECTORY=$PWD/signed MRSIGNER
    for file in "${FILES[@]}"; do
        [ "$file" = gitlab-ci.yml ] && HSM_PIN=$PWD/pin || HSM_PIN=$PIN
        mkdir -p signed
        set -a
        # shellcheck disable=SC1090 # what the recipe sets, but for names with a blank or a semicolon
        . <(sed "s/=\(.*\)/='\1'/" "$file.env")
        set +a
        export ENSIGN_PKCS11_MODULE=$SOFTHSM
        MRSIGNER=$(printf '0%.0s' {1..64})
        not run_recipe "$file"
        grep -q 'MRSIGNER' "$file.err" || fail "$file: $(cat "$file.err")"
        [ -z "$(ls signed)" ]
        MRSIGNER=$(mrsigner "$BATS_FILE_TMPDIR/one.pem.pub")
        run_recipe "$file" || fail "$file: $(cat "$file.err")"
        [ "$(ls signed)" = $'a.orc\nb.orc' ]
        for name in a b; do
            "$ENSIGN" verify --mrsigner "$MRSIGNER" "signed/$name.orc" >/dev/null || fail "$file: $name.orc"
        done
        # Again: what is done is kept.
        run_recipe "$file"
        cat report.jsonl "$file.out" 2>/dev/null | grep -q '"signed": 0, "skipped": 2'
        rm -rf signed report.jsonl
    done
}

@test "systemd takes the unit" {
    command -v systemd-analyze >/dev/null || skip "systemd is not installed: the unit is not verified"
    systemd-analyze verify "$RECIPES/ensign-nightly.service" >said 2>&1 || fail "$(cat said)"
    # What it reads and does not know is a line, not a failure.
    [ ! -s said ] || fail "$(cat said)"
}
