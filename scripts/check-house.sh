#!/usr/bin/env bash
# check-house.sh [-v] [BUILD]: the bars that keep the house small, measured over the sources and over the objects of
# BUILD (build/release), which make has built. Prints each figure, its bound and the aim, and fails beyond a bound,
# with the list behind the figure; -v prints every list. A bound may only fall: whoever lowers a figure lowers it.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
exec python3 - "$@" <<'PY'
import collections
import os
import re
import subprocess
import sys

# Figure: bound, aim. Lines are those of files, .c and .h, unless another thing is said; the next hundred bounds them.
BARS = {
    "product": (68200, 31300),
    "bundle": (500, None),
    "bundle/container": (600, None),
    "bundle/elf": (700, None),
    "bundle/gramine": (800, None),
    "bundle/orc": (5700, None),
    "bundle/sdk": (4150, None),
    "bundle/stream": (2500, None),
    "hsm": (2900, None),
    "hsm/token": (3200, None),
    "signer": (200, None),
    "signer/base": (5800, None),
    "signer/ceremony": (9100, None),
    "signer/cmd": (15500, 6200),  # with the rooms of the verbs
    "signer/flow": (9100, None),
    "signer/quorum": (2900, None),
    "signer/sgx": (2800, None),
    "signer/ui": (2700, None),
    "ensign-offline: lines of .c": (30800, 11500),
    "ensign-offline: symbols that must not be there": (0, 0),
    "ensign-offline: files that it does not need": (0, 0),
    "ensign-token: lines of .c": (4500, 4500),
    "ensign-token: symbols that must not be there": (0, 0),
    "ensign-token: files that it does not need": (0, 0),
    "programs that load foreign code": (0, 0),
    "exports with one user": (515, 150),
    "exports with one user, in their room": (310, None),
    "files that their one user, in their room, would hold": (9, None),
    "exports without a user": (0, 0),
    "exports for tests alone": (7, 0),
    "exports without their prefix": (0, 0),
    "functions whose name stands in two files": (4, 20),
    "circles among files": (0, 0),
    "arrows back up": (0, 0),
}
# A file may use rooms that stand before its own, and its own. Rooms in one row do not know each other.
ROOMS = [["signer/base"], ["signer/sgx"], ["signer/quorum"], ["hsm", "bundle/elf", "bundle/stream", "bundle/orc"], ["hsm/token"], ["bundle/container"],
         ["bundle/sdk", "bundle/gramine"], ["bundle"], ["signer/ui"], ["signer/ceremony"], ["signer/flow"],
         ["signer/cmd/" + verb for verb in ("approve", "check", "compare", "quorum", "resign", "show", "sign", "verify")],
         ["signer/cmd"], ["signer"]]
# An export carries the name of its file, a part of it, that of its room, or one of these.
PREFIXES = {
    "bundle": "container", "bundle/orc": "bundle", "signer/cmd": "cmd", "signer/base/bytes": "buf reader view",
    "signer/base/err": "ens", "signer/ceremony/approval": "approvals", "signer/flow/request": "requests",
    "signer/sgx/findings": "finding", "signer/sgx/sigstruct": "signdata",
}
FILE_MAX = 400
COMMANDS = "signer/cmd/table"  # a row for each verb, and a file for each
# Readers of enclaves, and signatures that no token makes.
FORBIDDEN = re.compile(r"(container|elf|sgxs|bundle|manifest|archive|pages|pagediff|rsa3072_fips|rsa3072_sign)_")

verbose = sys.argv[1:2] == ["-v"]
build = (sys.argv[1 + verbose:] or ["build/release"])[0]
figures, lists = {}, {}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def lines(file):
    with open(file, "rb") as f:
        return f.read().count(b"\n")


def count(bar, items):
    figures[bar], lists[bar] = len(items), sorted(items)


def room(file):
    return os.path.dirname(file)


# ---- the sources ----
sources = sorted(os.path.join(at, name) for top in ("signer", "hsm", "bundle") for at, _, names in os.walk(top)
                 for name in names if name.endswith((".c", ".h")))
units = [file[:-2] for file in sources if file.endswith(".c")]
figures["product"] = sum(map(lines, sources))
for file in sources:
    where = "signer/cmd" if file.startswith("signer/cmd/") else room(file)
    figures[where] = figures.get(where, 0) + lines(file)

# A definition, as clang-format lays it out: its name before the parameters, "{" alone on the line after them.
definition = re.compile(r"^(?![#\s}/*])[^;{}=\n]*?\b(\w+)\([^;{}]*?\)\n\{", re.M)
where = collections.defaultdict(list)
for unit in units:
    with open(unit + ".c", encoding="utf-8") as f:
        for name in set(definition.findall(f.read())) - {"main"}:
            where[name].append(unit)
count("functions whose name stands in two files",
      [f"{name}: {' '.join(files)}" for name, files in where.items() if len(files) > 1])

# ---- the objects ----
missing = [unit for unit in units if not os.path.exists(f"{build}/{unit}.o")]
if missing:
    sys.exit(f"house: {build}/{missing[0]}.o is not there: run make")
home, exports, wanted = {}, [], collections.defaultdict(set)
for line in run("nm", "-o", *(f"{build}/{unit}.o" for unit in units), f"{build}/signer/cmd/table_offline.o"):
    file, _, rest = line.partition(":")
    unit, (*_, kind, symbol) = file[len(build) + 1:-2].replace("_offline", ""), rest.split()
    if kind == "U":
        wanted[unit].add(symbol)
    elif kind in "TDBRV" and symbol not in home:
        home[symbol] = unit
        if kind == "T" and symbol != "main":
            exports.append((symbol, unit))
users = collections.defaultdict(set)
uses = collections.defaultdict(set)
for unit, symbols in wanted.items():
    for symbol in symbols & home.keys():
        users[symbol].add(unit)
        uses[unit].add(home[symbol])
count("exports with one user", [f"{unit}: {symbol}: {min(users[symbol])}" for symbol, unit in exports
                                if len(users[symbol]) == 1])
# An interface of a room or of a file with one caller today is no fault. Such an export is looked at if the caller lives
# next door, and is one if the two files would be a single one of FILE_MAX lines: the split was by size, not by meaning.
count("exports with one user, in their room", [f"{unit}: {symbol}: {min(users[symbol])}" for symbol, unit in exports
                                               if {room(user) for user in users[symbol]} == {room(unit)}
                                               and len(users[symbol]) == 1 and users[symbol] != {COMMANDS}])
callers = collections.defaultdict(set)
for symbol, unit in home.items():
    callers[unit] |= users[symbol]
count("files that their one user, in their room, would hold",
      [f"{unit}: {user}: {lines(unit + '.c') + lines(user + '.c')} lines" for unit in units for user in callers[unit]
       if len(callers[unit]) == 1 and room(user) == room(unit) and user != COMMANDS
       and lines(unit + ".c") + lines(user + ".c") < FILE_MAX])
tests = {word for at, _, names in os.walk("tests") for name in names if name.endswith((".c", ".h"))
         for word in re.findall(r"\w+", open(os.path.join(at, name), encoding="utf-8").read())}
unused = [(unit, symbol) for symbol, unit in exports if not users[symbol]]
count("exports without a user", [f"{unit}: {symbol}" for unit, symbol in unused if symbol not in tests])
count("exports for tests alone", [f"{unit}: {symbol}" for unit, symbol in unused if symbol in tests])


def has_prefix(symbol, unit):
    parts = os.path.basename(unit).split("_")
    allowed = {"_".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, len(parts) + 1)}
    allowed.add(os.path.basename(room(unit)))
    for place, prefixes in PREFIXES.items():
        if unit == place or unit.startswith(place + "/"):
            allowed.update(prefixes.split())
    return any(symbol == prefix or symbol.startswith(prefix + "_") for prefix in allowed)


count("exports without their prefix", [f"{unit}: {symbol}" for symbol, unit in exports
                                       if not has_prefix(symbol, unit)])


def reach(unit, among):
    seen, left = set(), [unit]
    while left:
        for other in (uses[left.pop()] & among) - seen:
            seen.add(other)
            left.append(other)
    return seen


reached = {unit: reach(unit, set(units)) for unit in units}
count("circles among files", {" ".join(sorted(other for other in reached[unit] if unit in reached[other]))
                              for unit in units if unit in reached[unit]})

rank = {name: number for number, row in enumerate(ROOMS) for name in row}
count("arrows back up", [f"{unit} uses {other}" for unit in units for other in uses[unit] if room(unit) != room(other)
                         and rank.get(room(unit), -1) <= rank.get(room(other), len(ROOMS))])

# ---- the programs of the signing host, by their debug information ----
def linked_program(program, main):
    names = [line.split()[-1] for line in run("readelf", "--debug-dump=info", "--dwarf-depth=1", f"{build}/{program}")
             if "DW_AT_name" in line]
    linked = {name[:-2] for name in names if name.endswith(".c")}
    figures[f"{program}: lines of .c"] = sum(lines(unit + ".c") for unit in linked)
    count(f"{program}: files that it does not need", linked - reach(main, linked) - {main})
    count(f"{program}: symbols that must not be there",
          [line.split()[-1] for line in run("nm", f"{build}/{program}") if FORBIDDEN.match(line.split()[-1])])


linked_program("ensign-offline", "signer/main")
linked_program("ensign-token", "hsm/token/main")
# ensign-token alone maps what is not its own.
count("programs that load foreign code",
      [f"{program}: {line.split()[-1]}" for program in ("ensign", "ensign-offline")
       for line in run("nm", "-D", f"{build}/{program}") if re.match(r"dl(m?open|sym)|PKCS11_", line.split()[-1])])

# ---- the verdict ----
broken = [bar for bar in figures if bar not in BARS or figures[bar] > BARS[bar][0]]
print(f"{'house':45} figure  bound    aim")
for bar, (bound, aim) in BARS.items():
    figure = figures.get(bar, 0)
    print(f"{bar:45} {figure:6} {bound:6} {'' if aim is None else aim:>6}{'  BROKEN' if bar in broken else ''}")
    if verbose or bar in broken:
        for item in lists.get(bar, []):
            print(f"    {item}")
for bar in broken:
    print(f"house: {bar}: {figures[bar]}, beyond the bound of {BARS[bar][0]}" if bar in BARS else
          f"house: {bar}: is a room of no bar: give it one", file=sys.stderr)
if broken:
    sys.exit(1)
print(f"house: ok ({len(BARS)} bars)")
PY
