/* Public keys as SSH writes them (RFC 4253 section 6.6, RFC 5656, RFC 8709; OpenSSH's PROTOCOL.u2f): a row of
 * strings, the first of which names the type. Looked at for what decides who somebody is; the cryptography
 * stays with ssh-keygen. */
#pragma once

#include "signer/base/bytes.h"

/* "SHA256:" and 43 digits of base64, as ssh-keygen -l prints it, with the terminator. */
#define SSHKEY_FINGERPRINT_SIZE 51

/* RSA modulus, in bits. */
#define SSHKEY_RSA_MIN 2048
#define SSHKEY_RSA_MAX 8192

/* The type of a key blob. */
enum sshkey_verdict {
    SSHKEY_OK,
    SSHKEY_CUT,         /* not a row of whole strings */
    SSHKEY_CERTIFICATE, /* of any type */
    SSHKEY_REFUSED,     /* another type, another number of strings, an RSA key of another size or with
                           zeros in front of its numbers */
};

struct sshkey {
    const char *type; /* "ssh-ed25519", ...; static */
    bool is_sk;       /* a FIDO key: its signatures carry flags */
    bool is_rsa;
};

/* Takes one string (four bytes of length, big-endian, and the bytes) off the front of `left`; false if it
 * is not whole. */
bool sshkey_take(struct view *left, struct view *ret);

/* Judges a key blob; `ret` is set with SSHKEY_OK only. */
enum sshkey_verdict sshkey_read(struct view blob, struct sshkey *ret);

/* True if two key blobs that sshkey_read takes hold the same point, or modulus: one secret then makes the
 * signatures of both, whatever their types, exponents and FIDO applications. */
bool sshkey_same_secret(struct view a, struct view b);

/* Its fingerprint. ENS_RESOURCE only. */
bool sshkey_fingerprint(struct view blob, char ret[static SSHKEY_FINGERPRINT_SIZE],
                        struct ens_err *err) ENS_MUST_CHECK;

/* True if `text` is a fingerprint in the one spelling of ssh-keygen -l. */
bool sshkey_fingerprint_valid(const char *text, bool *ret_yes, struct ens_err *err) ENS_MUST_CHECK;
