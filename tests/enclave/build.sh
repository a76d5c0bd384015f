#!/bin/sh
# build.sh OUT.sgxs: assembles enclave.S, lays it out as an SGXS stream with mkenclave.py, measures
# the result with the tests' own implementation and compares it with the MRENCLAVE written down in
# README.md. Needs cc and objcopy for x86-64, and python3. stdout: MRENCLAVE. Nothing is left
# behind but OUT.sgxs, and not even that if the measurement is another.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: build.sh OUT.sgxs" >&2
    exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
out=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/enclave.XXXXXX")
trap 'rm -rf "$work"' EXIT

"${CC:-cc}" -c -o "$work/enclave.o" "$here/enclave.S"
"${OBJCOPY:-objcopy}" -O binary -j .text "$work/enclave.o" "$work/code.bin"
mrenclave=$(PYTHONDONTWRITEBYTECODE=1 python3 "$here/../interop/mkenclave.py" \
    "$work/code.bin" "$work/enclave.sgxs")

# shellcheck disable=SC2016  # the backticks are in README.md
written=$(sed -n 's/^MRENCLAVE: `\([0-9a-f]\{64\}\)`$/\1/p' "$here/README.md")
if [ "$mrenclave" != "$written" ]; then
    echo "build.sh: MRENCLAVE is $mrenclave, README.md says ${written:-nothing}" >&2
    exit 1
fi
# Beside the target first, so that OUT.sgxs is whole or absent.
cp "$work/enclave.sgxs" "$out.new"
mv "$out.new" "$out"
echo "$mrenclave"
