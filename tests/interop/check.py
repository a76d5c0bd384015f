#!/usr/bin/env python3
"""check.py sigstruct|signdata|sgxs|bundle|container FILE...: the independent judge, as a command.

exit 0: every file is accepted; 1: at least one is refused, every reason on stderr; 64: usage;
66: a file cannot be read. Warnings are printed too and refuse nothing. With --json there is one
document on stdout, a list with one object per file.
"""

import argparse
import hashlib
import json
import mmap
import sys

import container
import orc
import pem
import sgx
import sgxs

EX_OK, EX_REFUSED, EX_USAGE, EX_NOINPUT = 0, 1, 64, 66


def check_sigstruct(data, options):
    """1808 bytes, as EINIT would judge them."""
    errors, warnings = sgx.judge(data)
    found = {}
    if len(data) == sgx.SIGSTRUCT_LEN:
        fields = sgx.parse(data)
        found = {"mrenclave": fields["enclavehash"].hex(), "mrsigner": sgx.mrsigner(data),
                 "fields": _plain(fields)}
    return errors, warnings, [found], found


def check_signdata(data, options):
    """256 bytes: the same rules, as far as there are bytes for them."""
    errors, warnings = sgx.judge_sign_data(data)
    found = {}
    if len(data) == sgx.SIGN_DATA_LEN:
        fields = sgx.parse(sgx.from_sign_data(data))
        for name in sgx.KEY_FIELDS + ("reserved4",):
            del fields[name]
        found = {"mrenclave": fields["enclavehash"].hex(), "fields": _plain(fields),
                 "digest": hashlib.sha256(data).hexdigest()}
    return errors, warnings, [found], found


def check_sgxs(data, options):
    """A stream that has an MRENCLAVE; what is odd about it only warns, or refuses with --strict."""
    try:
        m = sgxs.measure(data)
    except sgxs.Malformed as e:
        return [str(e)], [], [], {}
    found = {"mrenclave": m.mrenclave, "sha256": m.sha256, "size": m.size,
             "ssaframesize": m.ssaframesize, "pages": len(m.pages), "unmeasured": m.unmeasured}
    errors, warnings = (m.problems, []) if options.strict else ([], m.problems)
    return errors, warnings, [found], found


def check_bundle(data, options):
    """A bundle; what --mrenclave and --mrsigner ask for must hold for every enclave in it."""
    report = orc.check(data, options.written, options.core)
    found = {"manifest_hash": report.manifest_hash, "enclaves": report.enclaves}
    return report.errors, report.warnings, report.enclaves, found


def check_container(data, options):
    """An ELF enclave of the Intel SDK or Open Enclave: each SIGSTRUCT in it is the same, verifies,
    and is for what the file measures to. With --before nothing else may have changed."""
    errors, warnings, found = container.judge(data)
    if found is None:
        return errors, warnings, [], {}
    if options.before is not None:
        errors += container.judge_change(options.before, data, options.allow)
    if options.key is not None:
        errors += container.judge_signer(found, *options.key)
    copies = [{"name": copy.name, "offset": copy.at,
               "mrenclave": copy.sigstruct[960:992].hex(), "mrsigner": sgx.mrsigner(copy.sigstruct)}
              for copy in found.copies]
    return errors, warnings, copies, {"kind": found.kind, "copies": copies}


CHECKS = {"sigstruct": check_sigstruct, "signdata": check_signdata, "sgxs": check_sgxs,
          "bundle": check_bundle, "container": check_container}


def _plain(fields):
    return {k: v.hex() if isinstance(v, bytes) else f"{v:x}" if k in sgx.KEY_FIELDS else v
            for k, v in fields.items()}


def _expect(enclaves, options):
    """What was asked for and is not there."""
    errors = []
    for name in ("mrenclave", "mrsigner"):
        wanted = getattr(options, name)
        if wanted is None:
            continue
        if not enclaves:
            errors.append(f"there is no enclave to have {name} {wanted}")
        for found in enclaves:
            if found.get(name) != wanted.lower():
                errors.append(f"{name} is {found.get(name, 'absent')}, not {wanted}")
    return errors


def _options(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(dest="kind", required=True)
    for kind, function in CHECKS.items():
        p = sub.add_parser(kind, help=function.__doc__.splitlines()[0])
        p.add_argument("files", nargs="+", metavar="FILE")
        p.add_argument("--json", action="store_true", help="a JSON document on stdout")
        p.add_argument("--mrenclave", metavar="HEX")
        p.add_argument("--mrsigner", metavar="HEX")
        p.set_defaults(written=False, core=False, strict=False)
        if kind == "sgxs":
            p.add_argument("--strict", action="store_true", help="refuse whatever is odd")
        if kind == "bundle":
            p.add_argument("--written", action="store_true", help="as ensign promises to write it")
            p.add_argument("--core", action="store_true", help="SIGSTRUCTs as oasis-core does")
        if kind == "container":
            p.add_argument("--before", metavar="FILE", help="only SIGSTRUCTs may differ from FILE")
            p.add_argument("--allow", metavar="launch,fips", type=_allowed, default=(),
                           help="what may differ from --before too")
            p.add_argument("--pubkey", metavar="PEM", help="whose signature it must be")
    try:
        options = parser.parse_args(argv)
    except SystemExit as e:
        sys.exit(EX_USAGE if e.code else EX_OK)
    if options.mrsigner and options.kind in ("sgxs", "signdata"):
        print(f"check.py: {options.kind} has no signer for --mrsigner", file=sys.stderr)
        sys.exit(EX_USAGE)
    return options


def _allowed(text):
    names = tuple(text.split(","))
    if not set(names) <= {"launch", "fips"}:
        raise argparse.ArgumentTypeError(f"{text!r} is not of launch, fips")
    return names


def _mapped(path):
    """A file as something like bytes that does not fill the memory."""
    with open(path, "rb") as f:
        if f.seek(0, 2) == 0:
            return b""
        return mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)


def _read(path, options):
    """The file to check; what is compared with it goes to the options."""
    if options.kind != "container":
        with open(path, "rb") as f:
            return f.read()
    if isinstance(options.before, str):
        options.before = _mapped(options.before)
    options.key = None
    if options.pubkey is not None:
        with open(options.pubkey, encoding="ascii") as f:
            options.key = pem.public_key(f.read())
    return _mapped(path)


def main(argv):
    options = _options(argv)
    documents, status = [], EX_OK
    for path in options.files:
        try:
            data = _read(path, options)
        except OSError as e:
            print(f"check.py: {e.filename or path}: {e.strerror}", file=sys.stderr)
            return EX_NOINPUT
        except (pem.Malformed, UnicodeDecodeError) as e:
            print(f"check.py: {options.pubkey}: {e}", file=sys.stderr)
            return EX_NOINPUT
        errors, warnings, enclaves, found = CHECKS[options.kind](data, options)
        errors = errors + _expect(enclaves, options)
        for text in warnings:
            print(f"check.py: warning: {path}: {text}", file=sys.stderr)
        for text in errors:
            print(f"check.py: {path}: {text}", file=sys.stderr)
        if errors:
            status = EX_REFUSED
        documents.append({"file": path, "accepted": not errors, "errors": errors,
                          "warnings": warnings, **found})
    if options.json:
        print(json.dumps(documents, indent=1))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
