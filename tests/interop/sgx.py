"""The second implementation of what SGX defines, in plain Python integers.

ensign computes these values in C with OpenSSL; this module computes them again from the
published layouts with nothing but int, pow() and hashlib, so that a mistake would have to be made
twice to pass. It holds its own field offsets and shares no table with the program.

Sources: Intel SDM volume 3D, "Enclave Signature Structure (SIGSTRUCT)", the EINIT, ECREATE, EADD
and EEXTEND leaf descriptions, "Thread Control Structure (TCS)"; RFC 8017 section 9.2
(EMSA-PKCS1-v1_5); the SGXS stream description of Fortanix' rust-sgx.
"""

import datetime
import hashlib

# ------------------------------------------------------------------------------------------------
# SIGSTRUCT: offsets and lengths in bytes, little-endian throughout.

SIGSTRUCT_LEN = 1808
SIGN_DATA_LEN = 256
KEY_LEN = 384
EXPONENT = 3

FIELDS = {
    "header": (0, 16), "vendor": (16, 4), "date": (20, 4), "header2": (24, 16),
    "swdefined": (40, 4), "reserved1": (44, 84),
    "modulus": (128, 384), "exponent": (512, 4), "signature": (516, 384),
    "miscselect": (900, 4), "miscmask": (904, 4),
    "cet_attributes": (908, 1), "cet_attributes_mask": (909, 1), "reserved2": (910, 2),
    "isvfamilyid": (912, 16),
    "attributes": (928, 8), "xfrm": (936, 8), "attributes_mask": (944, 8), "xfrm_mask": (952, 8),
    "enclavehash": (960, 32), "reserved3": (992, 16), "isvextprodid": (1008, 16),
    "isvprodid": (1024, 2), "isvsvn": (1026, 2), "reserved4": (1028, 12),
    "q1": (1040, 384), "q2": (1424, 384),
}
BYTE_FIELDS = {"header", "header2", "reserved1", "reserved2", "reserved3", "reserved4",
               "isvfamilyid", "isvextprodid", "enclavehash"}
KEY_FIELDS = ("modulus", "exponent", "signature", "q1", "q2")

HEADER = bytes.fromhex("06000000e10000000000010000000000")
HEADER2 = bytes.fromhex("01010000600000006000000001000000")
VENDORS = (0, 0x8086)

# DER of DigestInfo{sha256} up to the digest itself, RFC 8017 section 9.2 note 1.
SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

ATTRIBUTE_NAMES = {0: "INIT", 1: "DEBUG", 2: "MODE64BIT", 4: "PROVISIONKEY", 5: "EINITTOKENKEY",
                   6: "CET", 7: "KSS", 10: "AEXNOTIFY"}
ATTR_INIT, ATTR_DEBUG, ATTR_MODE64BIT = 1 << 0, 1 << 1, 1 << 2
ATTR_EINITTOKENKEY, ATTR_CET, ATTR_KSS = 1 << 5, 1 << 6, 1 << 7
ATTR_KNOWN = sum(1 << bit for bit in ATTRIBUTE_NAMES)

XFRM_LEGACY, XFRM_AVX, XFRM_MPX, XFRM_AVX512, XFRM_AMX = 0x3, 0x4, 0x18, 0xE0, 0x60000
XFRM_KNOWN = 0xFF | 1 << 9 | 3 << 11 | XFRM_AMX | 1 << 19
MISC_KNOWN = 0x3


class Malformed(Exception):
    """The bytes are not what they claim to be; the message is the whole reason."""


def parse(data):
    """Takes the 1808 bytes of a SIGSTRUCT, returns {field: int or bytes}. Raises Malformed on
    another length; judges nothing else."""
    if len(data) != SIGSTRUCT_LEN:
        raise Malformed(f"a SIGSTRUCT is {SIGSTRUCT_LEN} bytes, not {len(data)}")
    out = {}
    for name, (at, length) in FIELDS.items():
        raw = bytes(data[at:at + length])
        out[name] = raw if name in BYTE_FIELDS else int.from_bytes(raw, "little")
    return out


def build(fields):
    """The inverse of parse(): fields left out are zero. Returns 1808 bytes."""
    out = bytearray(SIGSTRUCT_LEN)
    for name, value in fields.items():
        at, length = FIELDS[name]
        raw = value if name in BYTE_FIELDS else value.to_bytes(length, "little")
        if len(raw) != length:
            raise ValueError(f"{name} is {length} bytes, not {len(raw)}")
        out[at:at + length] = raw
    return bytes(out)


def sign_data(sigstruct):
    """The 256 bytes that are hashed and signed: SIGSTRUCT bytes 0..127 and 900..1027."""
    if len(sigstruct) != SIGSTRUCT_LEN:
        raise Malformed(f"a SIGSTRUCT is {SIGSTRUCT_LEN} bytes, not {len(sigstruct)}")
    return bytes(sigstruct[0:128] + sigstruct[900:1028])


def from_sign_data(data):
    """256 bytes of sign-data put back where they came from; key and signature are zero."""
    if len(data) != SIGN_DATA_LEN:
        raise Malformed(f"sign-data is {SIGN_DATA_LEN} bytes, not {len(data)}")
    return data[:128] + bytes(900 - 128) + data[128:] + bytes(SIGSTRUCT_LEN - 1028)


def emsa(digest):
    """EMSA-PKCS1-v1_5 of a SHA-256 digest for a 3072-bit key, as one integer."""
    tail = b"\x00" + SHA256_DIGEST_INFO + digest
    block = b"\x00\x01" + b"\xff" * (KEY_LEN - 2 - len(tail)) + tail
    return int.from_bytes(block, "big")


def quotients(s, n):
    """Q1 = floor(s^2 / n) and Q2 = floor((s^3 - Q1*s*n) / n), the SDM's helpers for EINIT."""
    q1 = s * s // n
    return q1, (s ** 3 - q1 * s * n) // n


def mrsigner(sigstruct):
    """SHA-256 of the 384 MODULUS bytes as they are stored, little-endian. Returns hex."""
    at, length = FIELDS["modulus"]
    return hashlib.sha256(sigstruct[at:at + length]).hexdigest()


# ------------------------------------------------------------------------------------------------
# Judging a SIGSTRUCT as EINIT does, and saying what EINIT never could accept.

def is_date(value):
    """Whether a 32-bit value is a calendar date in BCD, 0xYYYYMMDD."""
    text = f"{value:08x}"
    if not text.isdigit():
        return False
    try:
        datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def judge(data):
    """Everything that is wrong with 1808 bytes: (errors, warnings), lists of one-line texts.
    No error means that EINIT can accept them for a fitting enclave."""
    try:
        f = parse(data)
    except Malformed as e:
        return [str(e)], []
    errors, warnings = _judge_signed(f)
    layout = _judge_layout(f)
    return layout + _judge_key(f, sign_data(data)) + errors, warnings


def judge_key(data):
    """Only whether 1808 bytes are signed at all, which is what oasis-core looks at: errors."""
    try:
        f = parse(data)
    except Malformed as e:
        return [str(e)]
    exponent = [] if f["exponent"] == EXPONENT else [f"EXPONENT is {f['exponent']}"]
    return exponent + _judge_key(f, sign_data(data))


def judge_sign_data(data):
    """The same for 256 bytes of sign-data, which have no key and no signature yet."""
    try:
        f = parse(from_sign_data(data))
    except Malformed as e:
        return [str(e)], []
    f["exponent"] = EXPONENT
    errors, warnings = _judge_signed(f)
    return _judge_layout(f) + errors, warnings


def _judge_layout(f):
    """Step 1 of EINIT: constants and reserved bytes."""
    out = []
    if f["header"] != HEADER:
        out.append(f"HEADER is {f['header'].hex()}")
    if f["vendor"] not in VENDORS:
        out.append(f"VENDOR is {f['vendor']:#x}")
    if f["header2"] != HEADER2:
        out.append(f"HEADER2 is {f['header2'].hex()}")
    if f["exponent"] != EXPONENT:
        out.append(f"EXPONENT is {f['exponent']}")
    out += [f"{name} is not zero" for name in ("reserved1", "reserved2", "reserved3", "reserved4")
            if any(f[name])]
    return out


def _judge_key(f, message):
    """Step 2: the RSA signature. The whole block is compared, because EINIT keeps its top 352
    bytes for key derivation: nothing but the exact padding will do."""
    n, s = f["modulus"], f["signature"]
    if n.bit_length() != 8 * KEY_LEN:
        return [f"the modulus has {n.bit_length()} bits"]
    out = []
    if n % 2 == 0:
        out.append("the modulus is even")
    if s >= n:
        out.append("SIGNATURE is not below MODULUS")
    if pow(s, EXPONENT, n) != emsa(hashlib.sha256(message).digest()):
        out.append("the RSA signature does not verify")
    q1, q2 = quotients(s, n)
    if f["q1"] != q1:
        out.append("Q1 is wrong")
    if f["q2"] != q2:
        out.append("Q2 is wrong")
    return out


def _judge_signed(f):
    """Steps 3 to 8: what the signed values demand of the enclave's SECS."""
    errors, warnings = [], []
    if not is_date(f["date"]):
        warnings.append(f"DATE {f['date']:08x} is no date (the CPU does not look)")
    _judge_attributes(f, errors, warnings)
    _judge_kss_cet(f, errors, warnings)
    errors += _judge_xfrm(f["xfrm"] & f["xfrm_mask"], ~f["xfrm"] & f["xfrm_mask"])
    reserved = f["miscselect"] & f["miscmask"] & ~MISC_KNOWN
    if reserved:
        warnings.append(f"reserved MISCSELECT bits are demanded: {reserved:#x}")
    reserved = f["xfrm"] & f["xfrm_mask"] & ~XFRM_KNOWN & ~(1 << 63)
    if reserved:
        warnings.append(f"reserved XFRM bits are demanded: {reserved:#x}")
    return errors, warnings


def _judge_attributes(f, errors, warnings):
    flags, mask = f["attributes"], f["attributes_mask"]
    demanded = flags & mask
    if demanded & ATTR_INIT:
        errors.append("INIT is demanded, but SECS.ATTRIBUTES.INIT is 0 at EINIT")
    if flags & ~mask:
        names = [ATTRIBUTE_NAMES.get(bit, f"bit {bit}") for bit in range(64)
                 if (flags & ~mask) >> bit & 1]
        warnings.append("ATTRIBUTES bits outside the mask mean nothing: " + ", ".join(names))
    if not demanded & ATTR_MODE64BIT:
        warnings.append("MODE64BIT is not demanded")
    if demanded & ATTR_DEBUG:
        warnings.append("DEBUG is demanded: a debug-only enclave")
    elif not mask & ATTR_DEBUG:
        warnings.append("DEBUG is not enforced: the enclave may be started in debug mode")
    if demanded & ATTR_EINITTOKENKEY:
        warnings.append("EINITTOKENKEY: only a signer in IA32_SGXLEPUBKEYHASH may use it")
    if demanded & ~ATTR_KNOWN:
        warnings.append(f"reserved ATTRIBUTES bits are demanded: {demanded & ~ATTR_KNOWN:#x}")


def _judge_kss_cet(f, errors, warnings):
    flags, mask = f["attributes"], f["attributes_mask"]
    if any(f["isvfamilyid"]) or any(f["isvextprodid"]):
        if not mask & ATTR_KSS:
            warnings.append("ISVFAMILYID/ISVEXTPRODID set, but KSS is not demanded")
        elif not flags & ATTR_KSS:
            errors.append("ISVFAMILYID/ISVEXTPRODID set, but KSS is demanded to be 0")
    if f["cet_attributes"] | f["cet_attributes_mask"] and not flags & mask & ATTR_CET:
        warnings.append("CET_ATTRIBUTES set without ATTRIBUTES.CET (reserved before CET)")


def _judge_xfrm(ones, zeros):
    """XCR0's own rules (SDM volume 1, 13.3): no SECS.XFRM can break them. `ones` and `zeros` are
    the bits demanded to be 1 and to be 0; a bit left open breaks nothing."""
    out = []
    if zeros & XFRM_LEGACY:
        out.append("XFRM demands x87/SSE to be 0, which no SECS can have")
    for bits, name in ((XFRM_MPX, "MPX (bits 3 and 4)"), (XFRM_AVX512, "AVX-512 (bits 5 to 7)"),
                       (XFRM_AMX, "AMX (bits 17 and 18)")):
        if ones & bits and zeros & bits:
            out.append(f"XFRM demands half of {name}")
    if ones & XFRM_AVX512 and zeros & XFRM_AVX:
        out.append("XFRM demands AVX-512 without AVX")
    if ones >> 63:
        out.append("XFRM demands bit 63, which no SECS can have")
    return out
