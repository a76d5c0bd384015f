"""A second reader of ORC bundles: says whether oasis-core would take a bundle, and more strictly
than oasis-core whether every reader would see the same thing in it.

The zip layer is archive.py, the manifest manifest.py; here they meet: files against digests,
files against names, SIGSTRUCTs against enclaves. For bundles that ensign wrote there is a second
list of demands, its promises about the bytes.
"""

import hashlib
import json
import re

import archive
import manifest
import mhash
import sgx
import sgxs

WRITTEN_DATE = (1980, 1, 1, 0, 0, 0)        # what zipfile makes of DOS date 0x0021, time 0
KEY_ORDER = manifest.TOP                    # the order in which orc writes the known keys


class Report:
    """What was found. errors refuse the bundle, warnings do not; enclaves: one dict per enclave
    with component, mrenclave, sha256 and (if signed) mrsigner; manifest_hash: hex."""

    def __init__(self):
        self.errors, self.warnings, self.enclaves = [], [], []
        self.manifest_hash = None


def check(data, written=False, core=False):
    """Takes a whole bundle as bytes, returns a Report; never raises on bad input. `written` adds
    what ensign promises of its own output. `core` holds SIGSTRUCTs to what oasis-core looks at
    (signature, Q1, Q2, ENCLAVEHASH) and makes warnings of what only the CPU would refuse."""
    report = Report()
    try:
        zipped = archive.Archive(data)
        entries = zipped.entries
        if not entries or entries[0].name != manifest.FILE_NAME:
            raise archive.Refused(f"the first entry is not {manifest.FILE_NAME}")
        _check_names(entries[1:])
        if entries[0].info.file_size > manifest.MAX_SIZE:
            raise archive.Refused(f"the manifest is larger than {manifest.MAX_SIZE} bytes")
        m = manifest.Manifest(zipped.read(entries[0]))
        report.errors += m.errors
        files = _check_files(zipped, m, report)
        _check_enclaves(files, m, report, core)
        if not report.errors:
            report.manifest_hash = mhash.manifest_hash(m.value)
        if written:
            _check_written(zipped, m, files, report)
    except (archive.Refused, manifest.Refused) as e:
        report.errors.append(str(e))
    return report


def _check_names(entries):
    """Every file but the manifest lies flat: its name can be no path on any system."""
    for entry in entries:
        name = entry.name
        if name in ("", ".", "..") or "/" in name or "\\" in name:
            raise archive.Refused(f"the entry name {name!r} is a path, not a plain file name")


def _check_files(zipped, m, report):
    """Digests both ways, and the files the manifest names. Returns {name: content} of the files
    that an enclave needs; the others are read, checked and let go."""
    wanted = {name for one in m.enclaves for name in one[1:]}
    kept, present = {}, {entry.name for entry in zipped.entries[1:]}
    for entry in zipped.entries[1:]:
        content = zipped.read(entry)
        found = hashlib.new("sha512_256", content).digest()
        if entry.name not in m.digests:
            report.errors.append(f"{entry.name}: the file has no digest")
        elif m.digests[entry.name] not in (None, found):
            report.errors.append(f"{entry.name}: the digest is wrong")
        if entry.name in wanted or entry.name not in m.files:
            kept[entry.name] = content
    for name, role in m.files.items():
        if name not in present:
            report.errors.append(f"{role}: the file {name} is not in the bundle")
    for name in m.digests:
        if name not in present and name != manifest.FILE_NAME:
            report.warnings.append(f"{name}: a digest without a file")
    return kept


def _check_enclaves(files, m, report, core):
    for component, stream_name, sig_name in m.enclaves:
        if stream_name not in files:
            continue                            # said by _check_files
        stream = files[stream_name]
        found = {"component": component, "sha256": hashlib.sha256(stream).hexdigest()}
        report.enclaves.append(found)
        try:
            measured = sgxs.measure(stream)
            found["mrenclave"] = measured.mrenclave
            report.warnings += [f"{component}: {p}" for p in measured.problems]
        except sgxs.Malformed as e:
            report.warnings.append(f"{component}: {e}")
        if not sig_name:
            report.warnings.append(f"{component}: the enclave is not signed")
        elif sig_name in files:
            _check_sigstruct(component, files[sig_name], found, report, core)


def _check_sigstruct(component, sigstruct, found, report, core):
    errors, warnings = sgx.judge(sigstruct)
    report.warnings += [f"{component}: {w}" for w in warnings]
    if core:
        needed = sgx.judge_key(sigstruct)
        report.warnings += [f"{component}: {e}" for e in errors if e not in needed]
        errors = needed
    report.errors += [f"{component}: {e}" for e in errors]
    if len(sigstruct) != sgx.SIGSTRUCT_LEN:
        return
    found["mrsigner"] = sgx.mrsigner(sigstruct)
    if sgx.parse(sigstruct)["enclavehash"].hex() != found["sha256"]:
        report.errors.append(f"{component}: ENCLAVEHASH is not SHA-256 of the stream")


# ------------------------------------------------------------------------------------------------
# What ensign promises of the bundles it writes.

def _check_written(zipped, m, files, report):
    entries = zipped.entries
    names = [entry.name.encode() for entry in entries[1:]]
    if names != sorted(names):
        report.errors.append("written: the names after the manifest are not sorted")
    at = 0
    for entry in entries:
        if entry.at < at:
            report.errors.append(f"written: {entry.name} is not where its turn is in the file")
        at = entry.at
        if entry.info.date_time != WRITTEN_DATE:
            report.errors.append(f"written: {entry.name} has the time {entry.info.date_time}")
    if entries[0].at != 0:
        report.errors.append("written: there is something before the first entry")
    if zipped.comment:
        report.errors.append("written: the archive has a comment")
    report.errors += [f"written: {w}" for w in report.warnings if "digest without a file" in w]
    for name, content in files.items():
        if name not in m.files and len(content) == sgx.SIGSTRUCT_LEN \
                and content.startswith(sgx.HEADER[:12]):
            report.errors.append(f"written: {name} is a SIGSTRUCT that no component names")
    _check_written_manifest(m, report)


def _check_written_manifest(m, report):
    text = m.raw.decode()
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    if re.search(r"\s", bare):
        report.errors.append("written: the manifest is not compact JSON")
    known = [key for key in m.value if key in KEY_ORDER]
    if known != sorted(known, key=KEY_ORDER.index):
        report.errors.append(f"written: the manifest's keys are in the order {json.dumps(known)}")
    digests = [name.encode() for name in m.digests]
    if digests != sorted(digests):
        report.errors.append("written: the digests are not sorted")
