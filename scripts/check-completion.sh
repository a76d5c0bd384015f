#!/usr/bin/env bash
# check-completion.sh [--write] [BUILD]: docs/completion/ is what scripts/completion.py prints of both programs in BUILD
# (build/release), which make has built; --write makes it so.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

write=0
if [ "${1:-}" = --write ]; then
    write=1
    shift
fi
build=${1:-build/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for program in ensign ensign-offline; do
    scripts/completion.py "$build/$program" bash >"$work/$program.bash"
    scripts/completion.py "$build/$program" zsh >"$work/_$program"
    scripts/completion.py "$build/$program" fish >"$work/$program.fish"
done
if [ "$write" -eq 1 ]; then
    mkdir -p docs/completion
    cp "$work"/* docs/completion
elif ! diff -r docs/completion "$work" >"$work.diff"; then
    head -20 "$work.diff" >&2
    rm "$work.diff"
    echo 'completion: docs/completion is not of this table: run scripts/check-completion.sh --write' >&2
    exit 1
fi
rm -f "$work.diff"
echo "completion: ok ($(find docs/completion -type f | wc -l) files)"
