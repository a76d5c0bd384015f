#!/usr/bin/env python3
"""bundle-status.py [FILE]: the dpkg status of the host that a bundle is for, so that apt can tell what it lacks.

With FILE, that file. Without it, what `debootstrap --variant=minbase` installs: the packages that the archive calls required,
apt, and what those depend on. (A package itself may claim another priority than the archive gives it.)"""
import re
import subprocess
import sys

if len(sys.argv) > 1:
    sys.stdout.write(open(sys.argv[1], encoding="utf-8").read())
    sys.exit()

stanzas = {}
for text in open("/var/lib/dpkg/status", encoding="utf-8").read().split("\n\n"):
    fields = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", text, re.M))
    if fields.get("Status") == "install ok installed":
        stanzas[fields["Package"]] = (fields, text)

provided = {}
for name, (fields, _) in stanzas.items():
    for other in re.split(r",\s*", fields.get("Provides", "")):
        provided.setdefault(other.split(" ")[0], []).append(name)

archive = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
required = set(re.findall(r"^Package: (\S+)$(?:\n.+)*?\nPriority: required$", archive, re.M))
wanted = [n for n, (f, _) in stanzas.items() if n in required or f.get("Essential") == "yes" or n == "apt"]
have = set()
while wanted:
    name = wanted.pop()
    if name in have or name not in stanzas:
        continue
    have.add(name)
    fields = stanzas[name][0]
    for clause in re.split(r",\s*", fields.get("Depends", "") + ", " + fields.get("Pre-Depends", "")):
        names = [a.split(" ")[0].split(":")[0] for a in clause.split(" | ") if a]
        here = [n for n in names if n in stanzas] or [p for n in names for p in provided.get(n, [])]
        wanted += here[:1]
print("\n\n".join(stanzas[n][1] for n in sorted(have)) + "\n")
