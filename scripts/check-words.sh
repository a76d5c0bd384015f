#!/usr/bin/env bash
# check-words.sh: what no file of this tree may contain: a path of somebody's machine, a mark of
# unfinished work, the host of a package registry (packages come by name, from wherever the host is
# set up to fetch them), a page or file that is elsewhere, a comment that a formatter damaged. Looks at the
# files git knows or would add; without git, at all but build/.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

list=$(mktemp)
trap 'rm -f "$list"' EXIT
if [ -e .git ] && command -v git >/dev/null; then
    git ls-files -z --cached --others --exclude-standard
else
    find . -path ./build -prune -o -type f -print0
fi >"$list"

broken=0
# Letters in brackets keep the patterns from matching this file.
no() { # PATTERN RULE
    local hits
    hits=$(xargs -0 -a "$list" -r grep -nEIH -e "$1" -- 2>/dev/null || true)
    if [ -n "$hits" ]; then
        printf '%s\nwords: %s\n' "$hits" "$2" >&2
        broken=1
    fi
}
no '(^|[^[:alnum:]_.])/(wor[k]|roo[t]|hom[e]|User[s])/' 'a path of a machine'
no '\b(TOD[O]|FIXM[E]|XX[X])\b' 'unfinished work'
no '\b((deb|snapshot|security)\.debia[n]\.org|proxy\.golan[g]\.org|sum\.golan[g]\.org|pyp[i]\.org|pythonhoste[d]\.org|crate[s]\.io|npmj[s]\.org|mave[n]\.org|mave[n]\.apache\.org)' \
    'the host of a package registry'
no '\bFORMAT[S] section' 'a page that is not in this tree'
# Where a formatter broke a line that was full.
no '^[[:space:]]*\*/$' 'a comment ends on its last line of words'

# Each file that these pages name is there: in backquotes, as the end of a path. docs/design.md is read in one go.
page=docs/design.md
pages=("$page" docs/contributing.md docs/security.md)
# shellcheck disable=SC2016
mapfile -t named < <(grep -oh '`[^` ]*`' "${pages[@]}" | tr -d '`' | grep -E '/|\.(c|h|sh|md|bats)$' | grep -vE '^(/|build/)' | sort -u)
for name in "${named[@]}"; do
    pattern=${name//./\\.}
    if ! grep -zqE "(^|/)${pattern//\*/[^/]*}(/|\$)" "$list"; then
        echo "words: ${pages[*]} name $name, which is not in the tree" >&2
        broken=1
    fi
done
if [ "$(wc -l <"$page")" -gt 150 ] || [ "$(LC_ALL=C.UTF-8 wc -L <"$page")" -gt 120 ]; then
    echo "words: $page has more than 150 lines, or 120 columns" >&2
    broken=1
fi
# A macro of mdoc that is joined to the text before it is printed as it stands, and no checker says so.
if grep -nE '^[^.].*[[:alnum:];:,)]\.(Ar|Cm|Dv|Ev|Fl|Ic|Li|Nm|Pa|Pq|Ql|Sx|Xr)( |$)' docs/*.[57] >&2; then
    echo "words: a macro stands at the end of a line of text" >&2
    broken=1
fi
[ "$broken" -eq 0 ] || exit 1
echo "words: ok ($(tr -cd '\0' <"$list" | wc -c) files)"
