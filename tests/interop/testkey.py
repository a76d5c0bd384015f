"""Two published RSA-3072 keys with e = 3, and SIGSTRUCTs signed with them in plain integers.

The tests need enclaves that are signed rightly, signed by somebody else and signed wrongly, with
no token and no OpenSSL in the way. Both keys are public knowledge and worth nothing: whatever
they sign was signed by everybody.
"""

import functools
import hashlib

import sgx

# The two primes of each key, hexadecimal.
_KEY1 = ((
    "f120fe3bebc5a50ff625f3a3a2aa73210e6af252542cae54a0df11f859aa67eaedfcf08d20d3fb53"
    "6466ba69d8e7e36c226dd30957ed1d38a35262173ec526228232daff7120331dc98b4bacec1b2f9f"
    "679b6601d4893bfa726d5372f8afdf3b908898098d643da7d7ed9f2e9dade628f79fa517e33f0ffa"
    "66f9d80b6f645e9938e2d80cee1c1564b88a811e67821d4f61862ae61f8042410300fb4fbb99b4eb"
    "b871eae6bbbb98c51e7c6b8e220419a586ea3156cc085664ada92248d03a16ef"), (
    "cfc349e1877e3a05ccb81d4a58e610db13ae517addc825b62de4f1df477d5b15e4298bfdca001b27"
    "48ea225863d33e0fedaa29f550cb006879cbea33cd268a30260545ebac90945d086da2c2f3fb23f4"
    "db5bbc4c966599e227042a099fb51a50bd1238941d7037f220c0f55d64eef2aa2669992f4f286d93"
    "9ee1b7d839bc395e91b44cb902e0b4702e188361c9e37e0e443a152c7f16b8f9090f1a4f568ee0e4"
    "fce5ed9e02c87bdf79564cb764616aa384858e70bdab972eafd13d8d0ae259a9"))
_KEY2 = ((
    "edd23be3d71b5fc5c50740309260174495560e5d91cfa2f69cca447bf4fce5c3bb738f72d6f78f62"
    "34aff53a8f5851a0ded1e44ad3c0fe77519337734fa9dc2bfddd74c50ffeda34d2459425b235f61f"
    "796724ab5c0c535ff0ea765e763ab8f2a4e82d766a5e043358c6cd0708446bea1f05a4dd7643309c"
    "bec1480d30a06af0a9d88400d346857196ea67a75a70f5c9ad1b87ba48288e91b71b471ea88569bb"
    "40d22ceb141503f3297b08859749cfd4d422bb7ab743bb680ffdd00814acb2e9"), (
    "d8176b9a7982bfff50fdfe3879d26a76beeb2d57fc0342229c064cbcb2ed7b8a5bd739fa84b085aa"
    "0f82215de63bb71fa423a04a1b0ce9a85cda05f040c74f4a292819fac9dbf3c49bf8b8c756c2c355"
    "dda9ee0c92969a13b08ba6ebe963a1a41664e344be4d36491637524f02813a885b5024b787809553"
    "688432f85ccb1c89ecbe3ef49e430a254fd119c9302264101990aceb0fb329ba8f360f819140cad2"
    "2bae0739ca204c3c7de08e6df9e130677e7e395f405f472d40e4cf503a595c8f"))

KEYS = {"one": _KEY1, "two": _KEY2}


def modulus(key="one"):
    """The modulus of a key as an integer."""
    p, q = (int(prime, 16) for prime in KEYS[key])
    return p * q


@functools.lru_cache(maxsize=None)
def sign(message, key="one"):
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2) over bytes. Returns the integer s."""
    p, q = (int(prime, 16) for prime in KEYS[key])
    d = pow(sgx.EXPONENT, -1, (p - 1) * (q - 1))
    block = sgx.emsa(hashlib.sha256(message).digest())
    # CRT: two powers of half the size.
    sp, sq = pow(block, d % (p - 1), p), pow(block, d % (q - 1), q)
    return sq + (sp - sq) * pow(q, -1, p) % p * q


def sigstruct(mrenclave, key="one", **fields):
    """A finished SIGSTRUCT (1808 bytes) for an MRENCLAVE given in hex, with orc's default values
    and a fixed date unless `fields` (names of sgx.FIELDS) say otherwise."""
    values = {"header": sgx.HEADER, "header2": sgx.HEADER2, "date": 0x20240229,
              "modulus": modulus(key), "exponent": sgx.EXPONENT, "miscmask": 0xFFFFFFFF,
              "attributes": 4, "attributes_mask": 2 ** 64 - 3, "xfrm": 3,
              "xfrm_mask": 2 ** 64 - 4, "enclavehash": bytes.fromhex(mrenclave)}
    values.update(fields)
    s = sign(sgx.sign_data(sgx.build(values)), key)
    q1, q2 = sgx.quotients(s, values["modulus"])
    values.update(signature=s, q1=q1, q2=q2)
    return sgx.build(values)
