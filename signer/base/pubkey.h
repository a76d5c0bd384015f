/* The public key of an enclave's signer. Its exponent is 3 and its modulus has 3072 bits (Intel SDM,
 * SIGSTRUCT): a key that does not fit is refused where it is read, so no other kind is ever carried. */
#pragma once

#include <stdint.h>

#define PUBKEY_SIZE     384 /* bytes of MODULUS, of SIGNATURE, of Q1 and of Q2 */
#define PUBKEY_BITS     3072
#define PUBKEY_EXPONENT 3
#define MRSIGNER_SIZE   32
#define MRENCLAVE_SIZE  32
#define SIGNATURE_SIZE  PUBKEY_SIZE

/* Big-endian, as PKCS#11 and PEM hold it; SIGSTRUCT stores the same bytes reversed. */
struct pubkey {
    uint8_t modulus[PUBKEY_SIZE];
};
