#!/usr/bin/env bats
# The pages of the manual that scripts/manual-pages.sh cuts out of docs/ensign.1, as they are installed.

load helpers

pages() {
    "$ROOT/scripts/manual-pages.sh" ensign ensign-pages
    "$ROOT/scripts/manual-pages.sh" ensign-offline offline-pages
}

@test "no page has a warning of mandoc, or a line of more than 80 columns" {
    command -v mandoc >/dev/null || skip "mandoc is not installed"
    pages
    mandoc -T lint -W warning ./*-pages/* || fail "mandoc warns"
    local page
    for page in ./*-pages/*; do
        mandoc -T utf8 -O width=80 "$page" | sed 's/.\x08//g' >text
        not grep -E '.{81}' text
        [ "$(wc -l <text)" -gt 40 ]
    done
}

@test "all text of docs/ensign.1 is in a page, each command in one, and options beside every command that has them" {
    pages
    # What names a page or the program is written in another way; the rest is there as it was.
    grep -vE '^\.(Xr|Sx|Nm|D1|Sh (COMMANDS|JSON)|\\")' "$ROOT/docs/ensign.1" | LC_ALL=C sort -u >want
    LC_ALL=C sort -u ensign-pages/* >have
    LC_ALL=C comm -23 want have >lost
    [ ! -s lost ] || fail "lost:" "$(cat lost)"
    grep -h '^\.Ss ' ensign-pages/*.1 | sort >have
    grep '^\.Ss ' "$ROOT/docs/ensign.1" | sort >want
    same have want
    local page section
    for page in ./*-pages/*; do
        sed -n 's/^\.Sx \([A-Z ]*[A-Z]\).*/\1/p' "$page" | sort -u >wanted
        while read -r section; do
            grep -qx "\.Sh $section" "$page" || fail "$page: $section is not there"
        done <wanted
    done
}

@test "the pages of ensign-offline are about its commands, by its name, and each page that is named is installed" {
    pages
    "$ROOT/build/$VARIANT/ensign-offline" help | sed -n 's/^  \([a-z0-9-]*\) .*/\1/p' | grep -vx quorum | sort >want
    sed -n 's/^\.Ss \([a-z0-9-]*\)$/\1/p' offline-pages/*.1 | sort >have
    same have want
    not grep -rE '^\.(D1 )?Nm ensign( |$)' offline-pages
    local program directory
    for directory in ensign:ensign-pages ensign-offline:offline-pages; do
        program=${directory%:*}
        MAKEFLAGS='' make -s -C "$ROOT" VARIANT="$VARIANT" "${program/ensign/install}" DESTDIR="$PWD/root" PREFIX=/usr \
            LIBEXECDIR=/usr/local/libexec >/dev/null
        sed -n "s/^\.\(It \)\?Xr \(${program}[a-z-]*\) \([0-9]\).*/\2.\3/p" "${directory#*:}"/* | sort -u >named
        [ "$(wc -l <named)" -ge 8 ]
        while read -r page; do
            [ -e "root/usr/share/man/man${page##*.}/$page" ] || fail "$page is named, and not installed"
        done <named
        for page in "${directory#*:}"/*; do
            same "root/usr/share/man/man${page##*.}/${page##*/}" "$page"
        done
        rm -r root
    done
}
