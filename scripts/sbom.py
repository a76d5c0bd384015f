#!/usr/bin/env python3
"""sbom.py ROOT PROGRAM VERSION: CycloneDX 1.5 of an unpacked package: its programs, and the Debian packages of the libraries
that they load on this host. The same bytes for the same packages: the time is SOURCE_DATE_EPOCH."""
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import uuid


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def owner(path):
    """The package of a file; /lib is a link to /usr/lib, and dpkg knows one of both names."""
    for name in (path, os.path.realpath(path), re.sub("^/usr", "", path), "/usr" + path):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    sys.exit(f"sbom: {path}: belongs to no package")


def licences(package):
    text = open(f"/usr/share/doc/{package}/copyright", encoding="utf-8", errors="replace").read()
    return [{"license": {"name": n}} for n in sorted(set(re.findall(r"^License: *(\S[^\n]*)$", text, re.M)))]


def library(package, architecture, release):
    version, source, maintainer = run(
        "dpkg-query", "-W", "-f", "${Version}\t${source:Package} ${source:Version}\t${Maintainer}", f"{package}:{architecture}"
    ).split("\t")
    quoted = version.replace("+", "%2B").replace(":", "%3A")
    return {
        "type": "library", "bom-ref": package, "name": package, "version": version, "supplier": {"name": maintainer},
        "purl": f"pkg:deb/debian/{package}@{quoted}?arch={architecture}&distro=debian-{release}",
        "licenses": licences(package), "properties": [{"name": "debian:source", "value": source}],
    }


root, program, version = sys.argv[1:4]
architecture = run("dpkg", "--print-architecture").strip()
release = re.search(r'^VERSION_ID="?([^"\n]*)', open("/etc/os-release", encoding="utf-8").read(), re.M)[1]
files = sorted(
    os.path.join(d, f) for d, _, names in os.walk(root) for f in names
    if open(os.path.join(d, f), "rb").read(4) == b"\x7fELF"
)
parts, needs = [], set()
for path in files:
    data = open(path, "rb").read()
    libraries = sorted({owner(p) for p in re.findall(r" => (/\S+)", run("ldd", path))})
    parts.append({
        "type": "application", "bom-ref": os.path.relpath(path, root), "name": os.path.basename(path), "version": version,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}],
    })
    needs |= set(libraries)
    parts[-1]["properties"] = [{"name": "loads", "value": " ".join(libraries)}]
digest = hashlib.sha256("".join(p["hashes"][0]["content"] for p in parts).encode()).hexdigest()
when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
json.dump({
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
    "metadata": {"timestamp": when, "component": {
        "type": "application", "bom-ref": program, "name": program, "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}]}},
    "components": parts + [library(p, architecture, release) for p in sorted(needs)],
    "dependencies": [{"ref": program, "dependsOn": [p["bom-ref"] for p in parts]}] +
                    [{"ref": p["bom-ref"], "dependsOn": p["properties"][0]["value"].split()} for p in parts],
}, sys.stdout, indent=1, sort_keys=True)
print()
