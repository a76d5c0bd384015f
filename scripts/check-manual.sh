#!/usr/bin/env bash
# check-manual.sh [PROGRAM]: the program's help and docs/ensign.1 name the same commands and, for each
# command, the same options with the same letters. Help is printed from the table that the parser uses,
# so the manual is held to what the program accepts.
# The keys of --json are those of the manual's section JSON, written there with ".Li".
# How the manual is read: a command is a ".Ss NAME" (of one or two words) below ".Sh COMMANDS"; its options are the ".It Fl"
# lines up to the next section, and those of every section "... OPTIONS" to which it refers with ".Sx".
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

program=${1:-build/release/ensign}
manual=docs/ensign.1
if [ ! -x "$program" ]; then
    echo "manual: $program is not there: run make" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The rows of help, and for a command with verbs, which says so in its help, those of its own.
rows() { # [COMMAND]
    "$program" help "$@" | sed -n 's/^  \([a-z0-9]\S*\( [a-z0-9]\S*\)\?\)  .*/\1/p'
}
rows | while IFS= read -r command; do
    if "$program" help "$command" | grep -q '^Verbs$'; then rows "$command"; else printf '%s\n' "$command"; fi
done | sort >"$work/commands"
while IFS= read -r command; do
    read -ra words <<<"$command"
    "$program" help "${words[@]}" | awk -v command="$command" '
        /^Examples$/ { exit }
        match($0, /^  (-[A-Za-z0-9], |    )--[a-z0-9-]+/) {
            option = substr($0, 1, RLENGTH); gsub(/[ ,]+/, " ", option); sub(/^ /, "", option)
            print command " " option
        }'
done <"$work/commands" | sort >"$work/options"

# Two passes over the manual: first the sections of shared options, then the commands.
awk '
    /^\.S[hs] / { section = substr($0, 5); if (/^\.Sh/) chapter = section }
    /^\.It Fl / {
        line = $0; sub(/ (Ar|Ns|Cm) .*/, "", line); option = ""
        n = split(line, word, " ")
        for (i = 3; i <= n; i++)
            if (word[i] != "," && word[i] != "Fl")
                option = option (option == "" ? "" : " ") "-" word[i]
        if (NR == FNR) shared[section] = shared[section] option "\n"
        else if (chapter == "COMMANDS") print section " " option
    }
    NR != FNR && chapter == "COMMANDS" && /^\.Sx .*OPTIONS/ {
        name = substr($0, 5); sub(/ [.,]$/, "", name)
        if (!(name in shared)) { print "no section " name; next }
        n = split(shared[name], row, "\n")
        for (i = 1; i < n; i++) print section " " row[i]
    }
' "$manual" "$manual" | sort -u >"$work/manual-options"
awk '/^\.Sh / { on = ($0 == ".Sh COMMANDS") } on && /^\.Ss / { print substr($0, 5) }' "$manual" | sort >"$work/manual-commands"

broken=0
compare() { # WHAT PROGRAM MANUAL
    [ -s "$2" ] || { echo "manual: the program names no $1" >&2; broken=1; }
    comm -23 "$2" "$3" | sed "s|^|manual: $1 in the program, not in $manual: |" >"$work/difference"
    comm -13 "$2" "$3" | sed "s|^|manual: $1 in $manual, not in the program: |" >>"$work/difference"
    if [ -s "$work/difference" ]; then
        cat "$work/difference" >&2
        broken=1
    fi
}
compare command "$work/commands" "$work/manual-commands"
compare option "$work/options" "$work/manual-options"

# A key is the literal after the first argument of report_... or add_..., and a second one of such a form behind it
# or beside it. The literal of report_kind is a value.
{
    find signer/cmd signer/flow signer/ceremony -name '*.c' -exec cat {} + | tr -s '\n ' ' ' |
        grep -oE '\b(report|add)_[a-z]+\([^,()]+(\([^()]*\))?, ([a-z_]+ \? )?"[a-z0-9_]+"(( :|,) "[a-z0-9_]+")?' |
        grep -v '^report_kind' | grep -oE '"[a-z0-9_]+"' | tr -d '"'
} | sort -u >"$work/keys"
awk '/^\.Sh / { on = ($0 == ".Sh JSON") } on && /^\.(Pq )?Li /' "$manual" | grep -oE '\b[a-z][a-z0-9_]*\b' |
    sort -u >"$work/manual-keys"
compare 'key of --json' "$work/keys" "$work/manual-keys"
[ "$broken" -eq 0 ] || exit 1
echo "manual: ok ($(wc -l <"$work/commands") commands, $(wc -l <"$work/options") options, $(wc -l <"$work/keys") keys)"
