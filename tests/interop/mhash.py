"""The manifest hash, which a chain records for a bundle: SHA-512/256 over canonical CBOR.

Canonical CBOR is RFC 7049 section 3.9: definite lengths, smallest integers, shorter encoded keys
first. Only the fields that oasis-core knows go in, each left out where Go's omitempty leaves it.
"""

import base64
import hashlib

import manifest


def manifest_hash(m):
    """Takes the value of a manifest without errors, returns the hash in hex."""
    version = _pick(m.get("version"), manifest.VERSION)
    out = {"id": manifest.decode_binary(m.get("id") or "0" * 64, 32),
           "digests": m.get("digests") and {k: manifest.decode_binary(v, 32)
                                            for k, v in m["digests"].items()}}
    if m.get("digests") == {}:
        out["digests"] = {}
    out.update(_some(m, ("name", "executable")), **_nonempty("version", version))
    if m.get("sgx") is not None:
        out["sgx"] = _hashed_sgx(m["sgx"])
    if m.get("components"):
        out["components"] = [_hashed_component(c, bool(version)) for c in m["components"]]
    return hashlib.new("sha512_256", cbor(out)).hexdigest()


def _hashed_component(c, top_version):
    out = {"kind": c["kind"], **_some(c, ("name", "executable", "disabled"))}
    if not (c["kind"] == "ronl" and top_version):
        out.update(_nonempty("version", _pick(c.get("version"), manifest.VERSION)))
    if c.get("elf") is not None:
        out["elf"] = {"executable": c["elf"].get("executable") or ""}
    if c.get("sgx") is not None:
        out["sgx"] = _hashed_sgx(c["sgx"])
    if c.get("tdx") is not None:
        out["tdx"] = _hashed_tdx(c["tdx"])
    if c.get("identity"):
        out["identity"] = [_hashed_identity(i) for i in c["identity"]]
    return out


def _hashed_sgx(sgx):
    return {key: sgx.get(key) or "" for key in manifest.SGX}


def _hashed_tdx(tdx):
    r = tdx.get("resources") or {}
    resources = {"memory": r.get("memory") or 0, "cpus": r.get("cpus") or 0}
    if r.get("gpu") is not None:
        resources["gpu"] = {"count": r["gpu"].get("count") or 0, **_some(r["gpu"], ("model",))}
    return {"firmware": tdx.get("firmware") or "", "resources": resources,
            **_some(tdx, manifest.TDX[1:-1])}


def _hashed_identity(i):
    raw = base64.b64decode(i["enclave"])
    return {"enclave": {"mr_enclave": raw[:32], "mr_signer": raw[32:]},
            **_some(i, ("hypervisor",))}


def _pick(obj, keys):
    return _some(obj or {}, keys)


def _some(obj, keys):
    """The members that Go's omitempty keeps."""
    return {key: obj[key] for key in keys if obj.get(key)}


def _nonempty(key, value):
    return {key: value} if value else {}


def cbor(value):
    """Canonical CBOR of None, bool, int, bytes, str, list and dict."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(cbor(v) for v in value)
    pairs = sorted(((cbor(k), cbor(v)) for k, v in value.items()),
                   key=lambda pair: (len(pair[0]), pair[0]))
    return _head(5, len(pairs)) + b"".join(k + v for k, v in pairs)


def _head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    raise ValueError(f"{n} is too large for CBOR")
