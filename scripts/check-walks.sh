#!/usr/bin/env bash
# check-walks.sh [BUILD]: the walks of docs/design.md, "The ways", are those of the code. Each hop is a file of the
# tree, numbered from 1; it is called by the hop before its arrow ("→"), or stands in another process ("⇒"): the object
# of the one needs a symbol of the other's. No process has more than 12 hops of a walk. BUILD (build/release) is what make
# has built.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 - "$@" <<'PY'
import functools
import os
import re
import subprocess
import sys

HOPS_MAX = 12
WALKS = ("sign", "gen-sign-data", "set-sig", "resign")
build = (sys.argv[1:] or ["build/release"])[0]
bad = []


@functools.cache
def symbols(unit):
    """What the object of a file defines, and what it wants."""
    defined, wanted = set(), set()
    for line in subprocess.run(["nm", f"{build}/{unit}.o"], check=True, capture_output=True, text=True).stdout.splitlines():
        *_, kind, name = line.split()
        if kind == "U":
            wanted.add(name)
        elif kind.isupper():
            defined.add(name)
    return defined, wanted


def calls(caller, callee):
    wanted = symbols(caller)[1]
    if caller == "signer/main":  # a command is called through its row
        wanted = wanted | symbols("signer/cmd/table")[1]
    return bool(wanted & symbols(callee)[0])


units = [os.path.join(at, name)[:-2] for top in ("signer", "hsm", "bundle") for at, _, names in os.walk(top)
         for name in names if name.endswith(".c")]


def unit_of(walk, path):
    found = [unit for unit in units if f"/{unit}.c".endswith(f"/{path}")]
    if len(found) != 1:
        bad.append(f"{walk}: {path} names {len(found)} files")
        return None
    if not os.path.exists(f"{build}/{found[0]}.o"):
        sys.exit(f"walks: {build}/{found[0]}.o is not there: run make")
    return found[0]


with open("docs/design.md", encoding="utf-8") as f:
    ways = f.read().split("\n## The ways\n")[1].split("\n## ")[0]
texts = dict(re.findall(r"^\*\*([a-z-]+)\*\*(.*?)(?=\n\n|\Z)", ways, re.M | re.S))
for walk in WALKS:
    hops, processes = [], []
    for caller, arrow, number, path in re.findall(r"(?:(\d+)\s+)?(→|⇒)?\s*\b(\d+)\s+`([^`]+\.c)`", texts.get(walk, "")):
        if int(number) != len(hops) + 1 or (hops and not arrow):
            bad.append(f"{walk}: {number} `{path}` is not hop {len(hops) + 1}, or stands behind no arrow")
            break
        hops.append(unit_of(walk, path))
        of = int(caller) if caller else len(hops) - 1
        if of >= len(hops):
            bad.append(f"{walk}: hop {number} is called by hop {of}, which comes later")
        processes.append(processes[of - 1] if arrow == "→" and of < len(hops) else len(set(processes)))
        if arrow == "→" and of < len(hops) and hops[-1] and hops[of - 1] and not calls(hops[of - 1], hops[-1]):
            bad.append(f"{walk}: {hops[of - 1]}.c calls nothing in {hops[-1]}.c")
    if not hops or hops[0] != "signer/main":
        bad.append(f"{walk}: does not begin at signer/main.c")
    most = max(map(processes.count, processes), default=0)
    if most > HOPS_MAX:
        bad.append(f"{walk}: has {most} hops in a process, more than {HOPS_MAX}")
for line in bad:
    print(f"walks: {line}", file=sys.stderr)
if bad:
    sys.exit(1)
print(f"walks: ok ({len(WALKS)} walks)")
PY
