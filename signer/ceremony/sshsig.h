/* OpenSSH signatures (SSHSIG; OpenSSH's PROTOCOL.sshsig) as approvals carry them. The armour and the blob are
 * taken apart here, because who somebody is hangs on the key in it; whether the signature verifies says
 * ssh-keygen, which is shown exactly that key. Two readers that disagree end in "no". */
#pragma once

#include "signer/base/bytes.h"
#include "signer/ceremony/sshkey.h"

/* The purpose of a signature, so that one made for another purpose is none (PROTOCOL.sshsig, "namespace"):
 * an approval, or the head of a transcript. */
#define SSHSIG_NAMESPACE "ensign-approval-v1"
#define SSHSIG_HEAD      "ensign-head-v1"

#define SSHSIG_BEGIN "-----BEGIN SSH SIGNATURE-----\n"
#define SSHSIG_END   "-----END SSH SIGNATURE-----\n"

/* The text of a signature by RSA-8192 has some 3 KiB. */
#define SSHSIG_TEXT_MAX 16384

/* ---- taking one apart ---- */

enum sshsig_verdict {
    SSHSIG_OK,
    SSHSIG_MALFORMED,   /* frame, base64, version, bytes behind, hash, key or algorithm */
    SSHSIG_OTHER_USE,   /* another namespace */
    SSHSIG_CERTIFICATE, /* signed by a certificate: whose it is would say another */
};

/* Zero-initialise; release with sshsig_free. The views borrow from `blob`. */
struct sshsig {
    struct buf blob;
    const char *use; /* the namespace; borrowed */
    struct view key; /* the blob of the public key */
    struct sshkey type;
    struct view hash;      /* "sha256" or "sha512" */
    struct view algorithm; /* of the signature */
    struct view signature;
    struct view flags; /* FIDO keys: one byte of flags, four of a counter; else empty */
};

/* Flags of a FIDO signature (WebAuthn, section 6.1, authenticator data): bits 0 and 2. */
#define SSHSIG_TOUCHED  1u
#define SSHSIG_VERIFIED 4u

/* Reads `text` from BEGIN to END, with nothing behind, made for `use`. `ret` is set with SSHSIG_OK only.
 * ENS_RESOURCE only. */
bool sshsig_parse(struct view text, const char *use, struct sshsig *ret, enum sshsig_verdict *ret_verdict,
                  struct ens_err *err) ENS_MUST_CHECK;
void sshsig_free(struct sshsig *s);

/* ---- ssh-keygen ---- */

/* The environment of ssh-keygen; everything is borrowed. */
struct sshsig_tool {
    const char *program;      /* its path, absolute: PATH is never searched for it */
    const char *const *env;   /* its whole environment to sign, NULL-terminated; it verifies without one */
    const char *tmpdir;       /* where a private directory can be made, to sign */
    bool terminal;            /* it may ask for a passphrase or a touch at the terminal */
    const struct sink *words; /* is given what it says while it signs; NULL: nobody is */
};

/* Does `text`, of which `s` is what was read, verify over `data` under exactly the key of `s`? ENS_RESOURCE
 * if ssh-keygen is not installed or fails as a program. */
bool sshsig_verify(const struct sshsig_tool *tool, struct view data, struct view text, const struct sshsig *s,
                   bool *ret_yes, struct ens_err *err) ENS_MUST_CHECK;

/* From now on a process apart runs ssh-keygen for sshsig_verify, and for signatures made for `use` alone (base/apart.h):
 * this one may stand behind the wall. `tool` and `use` are borrowed for good. */
void sshsig_verify_apart(const struct sshsig_tool *tool, const char *use);

/* A key, as known before it signs. */
#define SSHSIG_COMMENT_MAX 128
struct sshsig_signer {
    char fingerprint[SSHKEY_FINGERPRINT_SIZE];
    char comment[SSHSIG_COMMENT_MAX]; /* what the file calls it, printable; empty: nothing */
};

/* Whose key is in the file `key`, private or public? ENS_NOINPUT if it cannot be read,
 * ENS_DATA if it is not a key. */
bool sshsig_look(const struct sshsig_tool *tool, const char *key, struct sshsig_signer *ret,
                 struct ens_err *err) ENS_MUST_CHECK;

/* Signs `data` with the private key in the file `key`, or with the agent's key that the public key file `key`
 * names; appends the signature's text. ENS_NOINPUT if it cannot be read, ENS_REFUSED if ssh-keygen makes no
 * signature (passphrase, touch, agent). */
bool sshsig_make(const struct sshsig_tool *tool, const char *key, struct view data, struct buf *ret,
                 struct ens_err *err) ENS_MUST_CHECK;
