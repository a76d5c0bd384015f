#!/usr/bin/env bash
# check-headers.sh: every header compiles alone, and twice in one file, without a warning.
set -euo pipefail
cd "$(dirname "$0")/.."

read -ra cppflags < <(pkg-config --cflags p11-kit-1)
mapfile -t headers < <(find signer hsm bundle tests -name '*.h' | sort)
broken=0
for header in "${headers[@]}"; do
    if ! printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        "${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -I. "${cppflags[@]}" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c -; then
        echo "headers: $header does not compile alone" >&2
        broken=1
    fi
done
[ "$broken" -eq 0 ] || exit 1
echo "headers: ok (${#headers[@]} files)"
