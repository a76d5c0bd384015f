/* ssh-keygen as approvals need it: one function for each question that is put to it. OpenSSH's signatures
 * (SSHSIG) are made and verified by OpenSSH alone, so that agents, FIDO keys and certificates work as they do
 * elsewhere. What it is given is in memory; what it says beyond its exit status is only shown. */
#pragma once

#include "signer/base/bytes.h"

/* What a signature is made for, so that one made for another purpose is none (SSHSIG, "namespace"). */
#define SSHSIG_NAMESPACE "ensign-sign-data"

/* A file with a signature; RSA-16384 gives 6 KiB. */
#define SSHSIG_FILE_MAX 16384
/* "SHA256:" and 43 digits of base64. */
#define SSHSIG_KEY_MAX 64
#define SSHSIG_WHY_MAX 160

/* How ssh-keygen is run; everything is borrowed. */
struct sshsig_tool {
    const char *program;      /* the path of ssh-keygen, absolute: PATH is never searched for it */
    const char *const *env;   /* its whole environment, NULL-terminated */
    const char *tmpdir;       /* where a private directory can be made; for sshsig_make only */
    bool terminal;            /* it may ask for a passphrase or a touch at the terminal */
    const struct sink *words; /* is given what it says meanwhile; NULL: nobody is */
};

/* Each of the three: true with *ret_yes, and where that is false, `ret_why` in words. ENS_RESOURCE where
 * ssh-keygen is not installed or fails as a program. */

/* Is `sig` a signature over `data` in the namespace, by whatever key? Gives the key's fingerprint. */
bool sshsig_fits(const struct sshsig_tool *tool, struct view data, struct view sig, bool *ret_yes,
                 char ret_key[static SSHSIG_KEY_MAX], char ret_why[static SSHSIG_WHY_MAX],
                 struct ens_err *err) ENS_MUST_CHECK;

/* Whose key is it, by the allowed_signers file and today's date? Gives the principals, a line each. */
bool sshsig_principals(const struct sshsig_tool *tool, struct view sig, struct view allowed, bool *ret_yes,
                       struct buf *ret_lines, char ret_why[static SSHSIG_WHY_MAX],
                       struct ens_err *err) ENS_MUST_CHECK;

/* Is it the signature of `principal` with the key `key`, by the allowed_signers file? */
bool sshsig_is_by(const struct sshsig_tool *tool, struct view data, struct view sig, struct view allowed,
                  const char *principal, const char *key, bool *ret_yes, char ret_why[static SSHSIG_WHY_MAX],
                  struct ens_err *err) ENS_MUST_CHECK;

/* Signs `data` with the private key in the file `key`, or with the agent's key that the public key file `key`
 * names. ENS_NOINPUT where that cannot be read, ENS_DATA where it is no key, ENS_REFUSED where ssh-keygen
 * makes no signature (passphrase, touch, agent). Appends the signature's text. */
bool sshsig_make(const struct sshsig_tool *tool, const char *key, struct view data, struct buf *ret,
                 struct ens_err *err) ENS_MUST_CHECK;
