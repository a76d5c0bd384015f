"""A signed ELF enclave as a whole: every copy of its SIGSTRUCT, what each must be good for, and
which bytes may change when it is signed again.
"""

import elf
import intel
import oe
import sgx

CHUNK = 1 << 20                         # bytes compared at a time


class Copy:
    """One SIGSTRUCT in the file. name; at: file offset; sigstruct: 1808 bytes; launch and fips:
    [(offset, length)] of what follows the SIGSTRUCT without being measured."""

    def __init__(self, name, at, sigstruct, measure, launch=(), fips=()):
        self.name, self.at, self.sigstruct, self._measure = name, at, bytes(sigstruct), measure
        self.launch, self.fips = list(launch), list(fips)

    def signed(self):
        return any(self.sigstruct)

    def mrenclaves(self):
        """{layout: MRENCLAVE}; one entry, unless the file does not say how it is laid out."""
        return self._measure()


class Container:
    """kind: "intel", "oe" or "ego"; file: an Elf; copies; errors, warnings beside the
    SIGSTRUCTs."""

    def __init__(self, data):
        self.file, self.errors, self.warnings = elf.Elf(data), [], []
        if self.file.section(oe.SECTION) is None:
            self.kind, self.copies = "intel", [self._block(b) for b in intel.blocks(self.file)]
        else:
            self._open_enclave()

    def _block(self, block):
        fips = block.fips()
        if any(block.sigstruct):
            errors, warnings = intel.judge_launch(block)
            self.errors += errors
            self.warnings += warnings
            if fips:
                self.errors += [f"metadata {block.version}: {text}"
                                for text in intel.judge_fips(block.sigstruct, fips[1])]
        return Copy(f"metadata {block.version}", block.sigstruct_at, block.sigstruct,
                    lambda: {block.version: block.measure()},
                    [(block.at + at, length) for at, length in intel.LAUNCH],
                    [(fips[0], intel.FIPS_LEN)] if fips else [])

    def _open_enclave(self):
        properties = oe.Properties(self.file)
        self.kind = "ego" if properties.ego else "oe"
        if any(properties.sigstruct):
            self.warnings += oe.judge_config(properties)
        self.copies = [Copy(oe.SECTION, properties.sigstruct_at, properties.sigstruct,
                            lambda: oe.candidates(self.file))]


def judge(data):
    """(errors, warnings, Container or None): every copy is the same, is signed, and is for what
    the file measures to."""
    try:
        found = Container(data)
    except elf.Malformed as e:
        return [str(e)], [], None
    errors, warnings = list(found.errors), list(found.warnings)
    if not found.copies or not all(copy.signed() for copy in found.copies):
        return errors + ["the enclave is not signed"], warnings, found
    if len({copy.sigstruct for copy in found.copies}) > 1:
        errors.append("the SIGSTRUCTs in the file are not the same")
    judged = set()
    for copy in found.copies:
        if copy.sigstruct not in judged:        # the same words once
            bad, odd = sgx.judge(copy.sigstruct)
            errors += [f"{copy.name}: {text}" for text in bad]
            warnings += [f"{copy.name}: {text}" for text in odd]
            judged.add(copy.sigstruct)
        _judge_hash(found, copy, errors, warnings)
    return errors, warnings, found


def _judge_hash(found, copy, errors, warnings):
    said = sgx.parse(copy.sigstruct)["enclavehash"].hex()
    try:
        measured = copy.mrenclaves()
    except elf.Malformed as e:
        # EGo and Open Enclave 0.4 are well-formed, but cannot be measured from the file alone.
        unknown = found.kind == "ego" or found.kind == "oe" and "0.4" in str(e)
        (warnings if unknown else errors).append(f"{copy.name}: {e}")
        return
    if said not in measured.values():
        errors.append(f"{copy.name}: ENCLAVEHASH is {said}, the file measures to "
                      + " or ".join(sorted(set(measured.values()))))


def judge_signer(found, n, e):
    """Whether every copy is signed by this public key: errors."""
    if e != sgx.EXPONENT:
        return [f"the public key's exponent is {e}"]
    return [f"{copy.name}: signed by another key" for copy in found.copies
            if sgx.parse(copy.sigstruct)["modulus"] != n]


def judge_change(before, after, allow=()):
    """Which bytes of a re-signed file may not have changed and did: errors. before, after:
    bytes-like; allow: "launch", "fips" for what may follow the SIGSTRUCT."""
    if len(before) != len(after):
        return [f"the file has {len(after)} bytes, not {len(before)} as before"]
    try:
        found = Container(before)
    except elf.Malformed as e:
        return [f"before: {e}"]
    free = []
    for copy in found.copies:
        free.append((copy.at, sgx.SIGSTRUCT_LEN))
        free += copy.launch if "launch" in allow else []
        free += copy.fips if "fips" in allow else []
    errors, at = [], 0
    for start, length in sorted(free) + [(len(before), 0)]:
        errors += _differing(before, after, at, start)
        at = start + length
    return errors


def _differing(before, after, start, end):
    """The first and the last byte that differ in a range, as at most one text."""
    places = []
    for at in range(start, end, CHUNK):
        one, other = (bytes(data[at:min(at + CHUNK, end)]) for data in (before, after))
        if one != other:
            places += [at + i for i, (x, y) in enumerate(zip(one, other)) if x != y]
    if not places:
        return []
    return [f"{len(places)} bytes from {places[0]:#x} to {places[-1]:#x} are not as before"]
