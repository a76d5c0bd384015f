"""What oasis-core opens: a model of its bundle.Open, so lenient and so strict as the Go below it.

orc.py says what a careful reader accepts; this file says what the real reader accepts, quirks
included. archive/zip believes the central directory, takes a name for a flat one if its cleaned
directory is ".", and lets the last of two equal names win; encoding/json folds the case of keys,
ignores those it does not know, lets the last of two equal keys win and takes null for nothing;
oasis-core then demands what section 6 of the formats says. Whatever this model refuses, no signing
tool may accept; what it accepts may still be refused, for a reason that has a name.
"""

import base64
import binascii
import datetime
import hashlib
import json
import posixpath
import re
import struct
import sys
import zlib

import sgx

MANIFEST = b"META-INF/MANIFEST.MF"
MAX16, MAX32, MAX63 = 0xFFFF, 0xFFFFFFFF, (1 << 63) - 1
MAX_READ = 1 << 30                      # bytes of one file, unpacked; no mutation has so many
MAX_DEPTH = 10000                       # encoding/json's own limit
END_LEN, LOCATOR_LEN, END64_LEN = 22, 20, 56
DESCRIPTOR = 1 << 3
KINDS = ("ronl", "rofl")
ROFL_NAME = re.compile(r"[a-zA-Z0-9_-]{3,128}\Z")
ID_FLAGS = 3 << 62


class Refused(Exception):
    """oasis-core answers with an error, or crashes."""


def accepts(data):
    """None if oasis-core opens the bundle, else why not."""
    try:
        _open(data)
    except Refused as e:
        return str(e)
    return None


def _open(data):
    entries = _directory(data)
    files = {}
    for i, entry in enumerate(entries):
        if i == 0 and entry.name != MANIFEST:
            raise Refused(f"the first entry is {entry.name!r}")
        if i > 0 and _go_dir(entry.name) != b".":
            raise Refused(f"the name {entry.name!r} has a directory")
        files[entry.name] = entry
    if MANIFEST not in files:
        raise Refused("no manifest")
    manifest = _unmarshal(_read(data, files[MANIFEST]))
    components = _validate(manifest)
    _check_present(components, files)
    content = {}
    for name, entry in files.items():
        content[name] = _read(data, entry)
        digest = manifest["digests"].get(name)
        if digest is None:
            if name != MANIFEST:
                raise Refused(f"{name!r}: no digest")
        elif digest != hashlib.new("sha512_256", content[name]).digest():
            raise Refused(f"{name!r}: wrong digest")
    for component in components:
        metadata = component["sgx"]
        if metadata is not None and metadata["signature"]:
            _check_sigstruct(content[metadata["signature"].encode()],
                             content[metadata["executable"].encode()])


# -- archive/zip -------------------------------------------------------------------------------------

class _Entry:
    def __init__(self, name, flags, method, crc, csize, size, at):
        self.name, self.flags, self.method = name, flags, method
        self.crc, self.csize, self.size, self.at = crc, csize, size, at


def _find_end(data):
    """The last end mark whose comment fits into the file, within the last 1 KiB, then 65 KiB."""
    for length in (1024, 65 * 1024):
        tail = data[-length:]
        for i in range(len(tail) - END_LEN, -1, -1):
            if tail.startswith(b"PK\5\6", i):
                if i + END_LEN + struct.unpack_from("<H", tail, i + 20)[0] > len(tail):
                    break
                return len(data) - len(tail) + i
        if length >= len(data):
            break
    raise Refused("zip: no end record")


def _end64(data, at):
    """Where the zip64 locator before `at` points to, or None."""
    if at < LOCATOR_LEN:
        return None
    magic, disk, where, disks = struct.unpack_from("<IIQI", data, at - LOCATOR_LEN)
    return where if (magic, disk, disks) == (0x07064B50, 0, 1) else None


def _directory(data):
    end = _find_end(data)
    number, size, offset = struct.unpack_from("<HII", data, end + 10)
    # A 16-bit value compared with a 32-bit field: so Go has it.
    if number == MAX16 or size == MAX16 or offset == MAX32:
        where = _end64(data, end)
        if where is not None:
            end = where
            if end + END64_LEN > len(data) or not data.startswith(b"PK\6\6", end):
                raise Refused("zip: no zip64 end record where the locator points to")
            number, size, offset = struct.unpack_from("<QQQ", data, end + 32)
    if size > MAX63 or offset > MAX63:
        raise Refused("zip: directory beyond 63 bits")
    base = end - size - offset
    if not 0 <= base + offset < len(data):
        raise Refused("zip: directory outside of the file")
    # A base that is not needed is not used.
    if base > 0 and offset < len(data) and _header(data, offset) is not None:
        base = 0
    return _headers(data, base, offset, number)


def _headers(data, base, offset, number):
    """Go reads headers until one is none, and compares the count modulo 65536."""
    entries, at = [], base + offset
    while True:
        # Where the file ends between two parts of a header, that is another error than a bad header.
        if at == len(data) or at + 46 == len(data) and any(data[at + 28:at + 34]):
            raise Refused("zip: the headers run to the end of the file")
        found = _header(data, at)
        if found is None:
            break
        entry, at = found
        entry.at += base
        entries.append(entry)
    if len(entries) & MAX16 != number & MAX16:
        raise Refused("zip: another number of headers")
    return entries


def _header(data, at):
    """(entry, where the next one begins), or None for what is no header."""
    if at < 0 or at + 46 > len(data) or not data.startswith(b"PK\1\2", at):
        return None
    (_, _, flags, method, _, _, crc, csize, size, name_len, extra_len, comment_len, _, _, _,
     offset) = struct.unpack_from("<HHHHHHIIIHHHHHII", data, at + 4)
    name_at = at + 46
    extra_at = name_at + name_len
    end = extra_at + extra_len + comment_len
    if end > len(data):
        return None
    values = {"size": size, "csize": csize, "at": offset}
    if not _zip64(data[extra_at:extra_at + extra_len], values):
        return None
    return _Entry(data[name_at:extra_at], flags, method, crc, values["csize"], values["size"],
                  values["at"]), end


def _zip64(extra, values):
    """Resolves saturated values in place; False where that is impossible."""
    need = [key for key in ("size", "csize", "at") if values[key] == MAX32]
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4:at + 4 + length]
        if len(field) < length:
            break
        at += 4 + length
        while kind == 1 and need:
            if len(field) < 8:
                return False
            values[need.pop(0)] = struct.unpack_from("<Q", field)[0]
            field = field[8:]
    return not {"csize", "at"} & set(need)


def _read(data, e):
    if not 0 <= e.at <= len(data) - 30 or not data.startswith(b"PK\3\4", e.at):
        raise Refused(f"{e.name!r}: no local header")
    name_len, extra_len = struct.unpack_from("<HH", data, e.at + 26)
    start = e.at + 30 + name_len + extra_len
    if e.name.endswith(b"/"):
        if e.size:
            raise Refused(f"{e.name!r}: a directory with content")
        return b""
    raw = data[start:start + e.csize]
    if e.method == 8:
        raw = _inflate(e, raw)
    elif e.method != 0:
        raise Refused(f"{e.name!r}: method {e.method}")
    if len(raw) != e.size:
        raise Refused(f"{e.name!r}: {len(raw)} bytes, not {e.size}")
    crc = zlib.crc32(raw)
    if e.flags & DESCRIPTOR:
        _check_descriptor(data, e, start + e.csize)
        if crc != e.crc:
            raise Refused(f"{e.name!r}: CRC")
    elif e.crc not in (0, crc):
        raise Refused(f"{e.name!r}: CRC")
    return raw


def _inflate(e, raw):
    unpack = zlib.decompressobj(-15)
    try:
        out = unpack.decompress(raw, min(e.size, MAX_READ) + 1)
    except zlib.error as error:
        raise Refused(f"{e.name!r}: {error}") from None
    if len(out) <= e.size and not unpack.eof:
        raise Refused(f"{e.name!r}: the deflated data are cut off")
    return out                              # what follows the last block is not looked at


def _check_descriptor(data, e, at):
    """The descriptor may lack its mark; only its CRC is compared, and its length may be cut off."""
    if data.startswith(b"PK\7\x08", at):
        at += 4
    if at + 12 > len(data) or struct.unpack_from("<I", data, at)[0] != e.crc:
        raise Refused(f"{e.name!r}: data descriptor")


def _go_dir(name):
    """filepath.Dir on Unix."""
    return posixpath.normpath(name[:name.rfind(b"/") + 1] or b".")


# -- encoding/json -----------------------------------------------------------------------------------

class _Object(list):
    """The members of a JSON object as (key, value), duplicates included."""


class _Number(str):
    """A JSON number as it is written."""


# The structures that oasis-core decodes a manifest into, by their Go names and types (go/runtime/bundle:
# Manifest, Component, ELFMetadata, SGXMetadata, TDXMetadata, TDXResources, GPUResource, Identity;
# go/common/version: Version), under the keys of their json tags. A number is the largest value of an
# unsigned type, a dict a struct, a list of one a slice; the others are named.
UINT8, UINT16, UINT64 = (1 << 8) - 1, (1 << 16) - 1, (1 << 64) - 1
VERSION = {"major": UINT16, "minor": UINT16, "patch": UINT16}
ELF_METADATA = {"executable": str}
SGX_METADATA = {"executable": str, "signature": str}
GPU_RESOURCE = {"model": str, "count": UINT8}
TDX_RESOURCES = {"memory": UINT64, "cpus": UINT8, "gpu": ("pointer", GPU_RESOURCE)}
TDX_METADATA = {
    "firmware": str, "kernel": str, "initrd": str, "extra_kernel_options": [str],
    "stage2_image": str, "stage2_format": str, "stage2_persist": bool, "resources": TDX_RESOURCES}
IDENTITY = {"hypervisor": str, "enclave": ("binary", 64)}
COMPONENT = {
    "kind": str, "name": str, "version": VERSION, "executable": str,
    "elf": ("pointer", ELF_METADATA), "sgx": ("pointer", SGX_METADATA),
    "tdx": ("pointer", TDX_METADATA), "identity": [IDENTITY], "disabled": bool}
MANIFEST_TYPE = {
    "name": str, "id": ("binary", 32), "version": VERSION, "executable": str,
    "sgx": ("pointer", SGX_METADATA), "components": [("pointer", COMPONENT)],
    "digests": ("map", 32)}


def _unmarshal(raw):
    text = raw.decode("utf-8", "replace")   # bytes that are no UTF-8 become U+FFFD in Go, too
    if text.startswith("\ufeff"):
        raise Refused("json: byte order mark")
    _check_depth(text)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(4 * MAX_DEPTH)
    try:
        value = json.loads(text, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number,
                           parse_constant=_constant)
    except ValueError as e:
        raise Refused(f"json: {e}") from None
    finally:
        sys.setrecursionlimit(limit)
    return _decode(MANIFEST_TYPE, value, _zero(MANIFEST_TYPE), "manifest")


def _constant(name):
    raise ValueError(f"{name} is no JSON")


def _check_depth(text):
    depth = 0
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.S):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark, 0)
        if depth > MAX_DEPTH:
            raise Refused("json: nested too deeply")


def _zero(kind):
    """Go's zero value."""
    if isinstance(kind, dict):
        return {key: _zero(one) for key, one in kind.items()}
    if isinstance(kind, list):
        return []
    if isinstance(kind, tuple):
        return {"pointer": None, "binary": bytes(kind[1]) if kind[0] == "binary" else None,
                "map": {}}[kind[0]]
    return {str: "", bool: False}.get(kind, 0)


def _decode(kind, value, old, where):
    """`value` as `kind`, over the old value as Go decodes over it."""
    if value is None:
        return None if isinstance(kind, tuple) and kind[0] == "pointer" else \
            {} if isinstance(kind, tuple) and kind[0] == "map" else \
            [] if isinstance(kind, list) else old
    if isinstance(kind, dict):
        return _struct(kind, value, old, where)
    if isinstance(kind, list):
        if isinstance(value, _Object) or not isinstance(value, list):
            raise Refused(f"json: {where} is no array")
        return [_decode(kind[0], one, _zero(kind[0]), where) for one in value]
    if isinstance(kind, tuple):
        if kind[0] == "pointer":
            return _decode(kind[1], value, _zero(kind[1]) if old is None else old, where)
        return _map(kind[1], value, old, where) if kind[0] == "map" else \
            _binary(value, kind[1], where)
    if kind in (str, bool):
        if not isinstance(value, kind) or isinstance(value, _Number):
            raise Refused(f"json: {where} is no {kind.__name__}")
        return value if kind is bool else _surrogates(value)
    if not isinstance(value, _Number) or not value.isdigit() or int(value) > kind:
        raise Refused(f"json: {where} is no number of its type")
    return int(value)


def _surrogates(text):
    """Half a pair becomes U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _struct(kind, value, old, where):
    if not isinstance(value, _Object):
        raise Refused(f"json: {where} is no object")
    for key, member in value:
        key = _surrogates(key)
        if key not in kind:
            key = key.replace("\u017f", "s").replace("\u212a", "k").lower()
        if key in kind:
            old[key] = _decode(kind[key], member, old[key], f"{where}.{key}")
    return old


def _map(length, value, old, where):
    if not isinstance(value, _Object):
        raise Refused(f"json: {where} is no object")
    for key, member in value:
        old[_surrogates(key).encode()] = \
            bytes(length) if member is None else _binary(member, length, where)
    return old


def _binary(value, length, where):
    """Hexadecimal, or base64 as Go reads it: line breaks and surplus bits do not matter."""
    if not isinstance(value, str) or isinstance(value, _Number):
        raise Refused(f"json: {where} is no text")
    if length == 32 and re.fullmatch(r"[0-9a-fA-F]{64}", value):
        return bytes.fromhex(value)
    try:
        raw = base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"json: {where} is neither hex nor base64") from None
    if len(raw) != length:
        raise Refused(f"json: {where} is not {length} bytes")
    return raw


# -- oasis-core --------------------------------------------------------------------------------------

def _validate(m):
    """The rules for the manifest. Returns the components, the legacy one among them."""
    if int.from_bytes(m["id"][:8], "big") & ~ID_FLAGS:
        raise Refused("id: flags")
    ids = set()
    for component in m["components"]:
        if component is None:
            raise Refused("components: a null crashes")
        one = (component["kind"], component["name"])
        if one in ids:
            raise Refused(f"component {one}: twice")
        ids.add(one)
        _validate_component(component)
    legacy = m["executable"] != "" or m["sgx"] is not None
    if not legacy:
        return m["components"]
    if ("ronl", "") in ids:
        raise Refused("a legacy manifest with a ronl component")
    if m["sgx"] is not None and not m["sgx"]["executable"]:
        raise Refused("sgx.executable: empty")
    # What is at the top level is taken for the newer elf: {executable}, which must name a file.
    if not m["executable"]:
        raise Refused("executable: empty in a legacy manifest")
    return m["components"] + [{"executable": "", "elf": {"executable": m["executable"]},
                               "sgx": m["sgx"], "tdx": None}]


def _validate_component(c):
    if c["sgx"] is not None and c["tdx"] is not None:
        raise Refused("sgx and tdx")
    for key in ("elf", "sgx"):
        if c[key] is not None and not c[key]["executable"]:
            raise Refused(f"{key}.executable: empty")
    if c["tdx"] is not None:
        _validate_tdx(c["tdx"])
    if c["kind"] not in KINDS:
        raise Refused(f"kind {c['kind']!r}")
    if c["kind"] == "rofl":
        if not ROFL_NAME.match(c["name"]):
            raise Refused(f"name {c['name']!r}")
    elif c["name"] or c["disabled"] or not (c["executable"] or c["elf"]):
        raise Refused("ronl: name, disabled, or no executable")


def _validate_tdx(t):
    if not t["firmware"] or (t["initrd"] or t["stage2_image"]) and not t["kernel"]:
        raise Refused("tdx: firmware or kernel missing")
    r = t["resources"]
    if r["memory"] < 16 or r["cpus"] < 1 or r["gpu"] is not None and r["gpu"]["count"] < 1:
        raise Refused("tdx: resources")


def _check_present(components, files):
    for c in components:
        # An older executable beside elf is not looked at.
        names = [c["executable"] if c["elf"] is None else c["elf"]["executable"]]
        if c["sgx"] is not None:
            names += [c["sgx"]["executable"], c["sgx"]["signature"]]
        if c["tdx"] is not None:
            names += [c["tdx"][key] for key in ("firmware", "kernel", "initrd", "stage2_image")]
        for name in names:
            if name and name.encode() not in files:
                raise Refused(f"{name!r}: not in the bundle")


def _check_sigstruct(raw, stream):
    """Size, key, signature, Q1, Q2, DATE and ENCLAVEHASH; nothing else is looked at."""
    if len(raw) != sgx.SIGSTRUCT_LEN:
        raise Refused("sigstruct: size")
    number = [int.from_bytes(raw[at:at + 384], "little") for at in (128, 516, 1040, 1424)]
    n, s, q1, q2 = number
    if n.bit_length() != 3072 or n % 2 == 0 or raw[512:516] != b"\3\0\0\0":
        raise Refused("sigstruct: key")
    block = b"\0\1" + b"\xff" * 330 + b"\0" + \
        bytes.fromhex("3031300d060960864801650304020105000420") + \
        hashlib.sha256(raw[:128] + raw[900:1028]).digest()
    if s >= n or pow(s, 3, n) != int.from_bytes(block, "big"):
        raise Refused("sigstruct: signature")
    if q1 != s * s // n or q2 != s * (s * s % n) // n:
        raise Refused("sigstruct: Q1 or Q2")
    day = raw[20:24][::-1].hex()
    try:
        # Go knows a year 0, which is a leap year; Python begins with 1.
        datetime.date(int(day[:4]) or 2000, int(day[4:6]), int(day[6:]))
    except ValueError:
        raise Refused(f"sigstruct: date {day}") from None
    if raw[960:992] != hashlib.sha256(stream).digest():
        raise Refused("sigstruct: ENCLAVEHASH")
