/* A private key in a file, for the one command that takes it apart (quorum deal --from). */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/base/secret.h"

/* Does the PEM say that it is encrypted? */
bool rsa3072_private_is_encrypted(struct view file);

/* Reads PEM (PKCS#8 or RSA PRIVATE KEY), decrypted with `passphrase` if that is not NULL. ENS_DATA naming `name` unless it
 * is an RSA key with e = 3 of two primes of exactly 1536 bits, far apart, both 2 mod 3, whose parts fit one another.
 * `ret_primes` gets 2 * 192 bytes, big-endian: secret_wipe. ENS_PIN: the passphrase does not open it. */
bool rsa3072_private_read(struct view file, const char *name, const struct secret *passphrase,
                          struct secret *ret_primes, struct pubkey *ret_key,
                          struct ens_err *err) ENS_MUST_CHECK;
