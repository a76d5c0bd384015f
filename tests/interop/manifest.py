"""The manifest of an ORC bundle: strict JSON, and oasis-core's rules for its fields.

oasis-core reads META-INF/MANIFEST.MF with Go's encoding/json, which takes keys in any case, lets
the last duplicate win and ignores what it does not know. A manifest that two readers may
understand differently has no place in a signing tool, so everything of that kind is refused here,
and what is left is held to the rules of oasis-core's bundle.Manifest.
"""

import base64
import binascii
import json
import re

FILE_NAME = "META-INF/MANIFEST.MF"
MAX_SIZE = 8 << 20                          # bytes of JSON
MAX_UINT8, MAX_UINT16, MAX_UINT64 = 0xFF, 0xFFFF, 0xFFFFFFFFFFFFFFFF
ROFL_NAME = re.compile(r"[a-zA-Z0-9_-]{3,128}\Z")
ID_FLAGS_ALLOWED = 3 << 62                  # bit 63 test, bit 62 key manager
MIN_TDX_MEMORY, MIN_TDX_CPUS, MIN_GPUS = 16, 1, 1

TOP = ("name", "id", "version", "executable", "sgx", "components", "digests")
VERSION = ("major", "minor", "patch")
COMPONENT = ("kind", "name", "version", "executable", "elf", "sgx", "tdx", "identity", "disabled")
ELF, SGX, IDENTITY = ("executable",), ("executable", "signature"), ("hypervisor", "enclave")
TDX = ("firmware", "kernel", "initrd", "extra_kernel_options", "stage2_image", "stage2_format",
       "stage2_persist", "resources")
RESOURCES, GPU = ("memory", "cpus", "gpu"), ("model", "count")


class Refused(Exception):
    """The manifest cannot be read at all, or only in more than one way."""


class _Inexact:
    """A JSON number with a fraction or an exponent: fine where nobody looks, no integer."""

    def __init__(self, text):
        self.text = text


def parse(raw):
    """Takes the manifest's bytes, returns its value with objects as dicts in their order. Raises
    Refused for what is not exactly one JSON text in UTF-8 with unique keys."""
    if len(raw) > MAX_SIZE:
        raise Refused(f"the manifest is {len(raw)} bytes, more than {MAX_SIZE}")
    try:
        text = raw.decode("utf-8")
        if text.startswith("\ufeff"):
            raise Refused("the manifest starts with a byte order mark")
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_Inexact,
                           parse_constant=_constant)
        json.dumps(value, default=lambda x: x.text, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise Refused("the manifest is not UTF-8") from None
    except UnicodeEncodeError:
        raise Refused("the manifest holds half a surrogate pair") from None
    except RecursionError:
        raise Refused("the manifest is nested too deeply") from None
    except ValueError as e:
        raise Refused(f"the manifest is no JSON: {e}") from None
    if not isinstance(value, dict):
        raise Refused("the manifest is no JSON object")
    return value


def _unique(pairs):
    out = {}
    for key, value in pairs:
        if key in out:
            raise Refused(f"the manifest has the key {key!r} twice in one object")
        out[key] = value
    return out


def _constant(name):
    raise Refused(f"the manifest holds {name}, which is no JSON")


def go_fold(key):
    """A key as Go compares it: without case, U+017F being an s and U+212A a k."""
    return key.replace("\u017f", "s").replace("\u212a", "k").lower()


def decode_binary(text, length):
    """Hexadecimal or standard base64, as oasis-core reads identifiers and hashes. None if neither
    gives exactly `length` bytes."""
    if re.fullmatch(r"[0-9a-fA-F]*", text) and len(text) == 2 * length:
        return bytes.fromhex(text)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == length else None


class Manifest:
    """A manifest that was checked. errors: texts, empty if all rules hold; files: {name: role},
    every file that is named; enclaves: [(component id, stream, signature or "")]; digests:
    {name: 32 bytes}; value: the parsed JSON; raw: its bytes."""

    def __init__(self, raw):
        self.raw, self.value = raw, parse(raw)
        self.errors, self.files, self.enclaves, self.digests = [], {}, [], {}
        self._top(self.value)

    # -- small helpers: each says what is wrong, and returns a usable value all the same ----------

    def _bad(self, where, text):
        self.errors.append(f"{where}: {text}")

    def _keys(self, obj, known, where):
        for key in obj:
            if key not in known and go_fold(key) in known:
                self._bad(where, f"{key!r} differs from {go_fold(key)!r} only in case")

    def _get(self, obj, key, kind, where):
        """obj[key] if it is of that type; None if absent, null (Go takes it for absent) or wrong.
        bool is no int here."""
        value = obj.get(key)
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool) and kind is not bool:
            self._bad(where, f"{key} is no {kind.__name__}")
            return None
        return value

    def _int(self, obj, key, most, where):
        value = self._get(obj, key, int, where)
        if value is not None and not 0 <= value <= most:
            self._bad(where, f"{key} {value} is not in 0..{most}")
        return value or 0

    def _file(self, obj, key, role, where):
        """A file name; "" if there is none."""
        name = self._get(obj, key, str, where) or ""
        if name:
            self.files.setdefault(name, f"{where} {role}")
        return name

    # -- the rules ---------------------------------------------------------------------------------

    def _top(self, m):
        self._keys(m, TOP, "manifest")
        self._get(m, "name", str, "manifest")
        self._id(m)
        self._version(m, "manifest")
        legacy = self._file(m, "executable", "executable", "manifest") != ""
        sgx = self._get(m, "sgx", dict, "manifest")
        if sgx is not None:
            legacy = True
            self._sgx(sgx, "ronl", "manifest")
        seen = set()
        for i, c in enumerate(self._get(m, "components", list, "manifest") or []):
            if not isinstance(c, dict):
                self._bad(f"component {i}", "is no object")
                continue
            where = self._component(c, i)
            if where in seen:
                self._bad(where, "the component is there twice")
            seen.add(where)
        if legacy and "ronl" in seen:
            self._bad("manifest", "the legacy top level and a ronl component are both there")
        for name, text in (self._get(m, "digests", dict, "manifest") or {}).items():
            raw = decode_binary(text, 32) if isinstance(text, str) else None
            if raw is None:
                self._bad("digests", f"the digest of {name!r} is no SHA-512/256 value")
            self.digests[name] = raw

    def _id(self, m):
        text = self._get(m, "id", str, "manifest")
        if text is None:
            return
        raw = decode_binary(text, 32)
        if raw is None:
            self._bad("manifest", "id is not 32 bytes in hex or base64")
        elif int.from_bytes(raw[:8], "big") & ~ID_FLAGS_ALLOWED:
            self._bad("manifest", "id has flag bits other than test and key manager")

    def _version(self, obj, where):
        v = self._get(obj, "version", dict, where) or {}
        self._keys(v, VERSION, f"{where} version")
        for key in VERSION:
            self._int(v, key, MAX_UINT16, f"{where} version")

    def _component(self, c, i):
        """Returns the component's id as text."""
        kind, name = self._kind_and_name(c, f"component {i}")
        where = f"{kind}.{name}" if name else kind
        self._keys(c, COMPONENT, where)
        self._version(c, where)
        elf = self._get(c, "elf", dict, where)
        # Beside elf nobody opens what the older executable names.
        old = self._get(c, "executable", str, where) if elf is not None else \
            self._file(c, "executable", "executable", where)
        runs = bool(old)
        if elf is not None:
            runs = True
            self._keys(elf, ELF, f"{where} elf")
            if not self._file(elf, "executable", "executable", f"{where} elf"):
                self._bad(where, "elf has no executable")
        sgx, tdx = self._get(c, "sgx", dict, where), self._get(c, "tdx", dict, where)
        if sgx is not None and tdx is not None:
            self._bad(where, "sgx and tdx are both there")
        if sgx is not None:
            self._sgx(sgx, where, where)
        if tdx is not None:
            self._tdx(tdx, where)
        disabled = self._get(c, "disabled", bool, where)
        self._identity(c, where)
        if kind == "ronl" and not runs:
            self._bad(where, "a ronl component needs an executable")
        if kind == "ronl" and disabled:
            self._bad(where, "a ronl component cannot be disabled")
        return where

    def _kind_and_name(self, c, where):
        kind = self._get(c, "kind", str, where) or ""
        name = self._get(c, "name", str, where) or ""
        if kind not in ("ronl", "rofl"):
            self._bad(where, f"kind {kind!r} is neither ronl nor rofl")
        elif kind == "ronl" and name:
            self._bad(where, "a ronl component has no name")
        elif kind == "rofl" and not ROFL_NAME.match(name):
            self._bad(where, f"name {name!r} is not 3 to 128 of a-z A-Z 0-9 _ -")
        return kind, name

    def _sgx(self, sgx, component, where):
        self._keys(sgx, SGX, f"{where} sgx")
        stream = self._file(sgx, "executable", "sgx executable", where)
        signature = self._file(sgx, "signature", "sgx signature", where)
        if not stream:
            self._bad(where, "sgx has no executable")
        else:
            self.enclaves.append((component, stream, signature))

    def _tdx(self, tdx, where):
        where = f"{where} tdx"
        self._keys(tdx, TDX, where)
        firmware, kernel, initrd, stage2 = (
            self._file(tdx, key, key, where)
            for key in ("firmware", "kernel", "initrd", "stage2_image"))
        if not firmware:
            self._bad(where, "there is no firmware")
        if (initrd or stage2) and not kernel:
            self._bad(where, "an initrd or a stage 2 image needs a kernel")
        for option in self._get(tdx, "extra_kernel_options", list, where) or []:
            if not isinstance(option, str):
                self._bad(where, "extra_kernel_options holds something that is no string")
        self._get(tdx, "stage2_format", str, where)
        self._get(tdx, "stage2_persist", bool, where)
        r = self._get(tdx, "resources", dict, where) or {}
        self._keys(r, RESOURCES, f"{where} resources")
        if self._int(r, "memory", MAX_UINT64, where) < MIN_TDX_MEMORY:
            self._bad(where, f"memory is below {MIN_TDX_MEMORY}")
        if self._int(r, "cpus", MAX_UINT8, where) < MIN_TDX_CPUS:
            self._bad(where, f"cpus is below {MIN_TDX_CPUS}")
        gpu = self._get(r, "gpu", dict, where)
        if gpu is not None:
            self._keys(gpu, GPU, f"{where} gpu")
            self._get(gpu, "model", str, where)
            if self._int(gpu, "count", MAX_UINT8, where) < MIN_GPUS:
                self._bad(where, f"gpu count is below {MIN_GPUS}")

    def _identity(self, c, where):
        for one in self._get(c, "identity", list, where) or []:
            if not isinstance(one, dict):
                self._bad(where, "identity holds something that is no object")
                continue
            self._keys(one, IDENTITY, f"{where} identity")
            self._get(one, "hypervisor", str, where)
            text = self._get(one, "enclave", str, where) or ""
            try:
                raw = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raw = b""
            if len(raw) != 64:
                self._bad(where, "identity enclave is not 64 bytes in base64")
