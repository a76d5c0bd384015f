/* Published signing keys, by the first four and last two bytes of MRSIGNER: 48 bits are plenty for a
 * warning, and a release key that collides would have to be searched for. */
#include "signer/sgx/known_keys.h"

#include <stddef.h>
#include <string.h>

static const struct {
    uint8_t head[4];
    uint8_t tail[2];
    const char *owner;
} known[] = {
    {{0x83, 0xd7, 0x19, 0xe7},
     {0xce, 0x9e},
     "Intel's SDK samples (also SecretNetwork's Enclave_private.pem)"},
    {{0x9a, 0xff, 0xcf, 0xae}, {0x8d, 0x1a}, "Fortanix's dummy key"},
    {{0x96, 0x64, 0xd9, 0x07}, {0x1d, 0x4e}, "Intel's reference launch enclave"},
    {{0xfb, 0xbf, 0x17, 0xd6}, {0x03, 0xbc}, "Intel's reference launch enclave"},
    {{0x6c, 0x1c, 0x59, 0xc8}, {0x78, 0x4d}, "Open Enclave's samples"},
    {{0x9f, 0xa4, 0x8b, 0x16}, {0x78, 0xba}, "Open Enclave's samples"},
    {{0xc8, 0x7c, 0x2f, 0x01}, {0x49, 0x94}, "the DCAP quote verification enclave"},
};

const char *known_key_owner(const uint8_t mrsigner[static MRSIGNER_SIZE])
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (memcmp(mrsigner, known[i].head, sizeof known[i].head) == 0 &&
            memcmp(mrsigner + MRSIGNER_SIZE - sizeof known[i].tail, known[i].tail, sizeof known[i].tail) == 0)
            return known[i].owner;
    }
    return NULL;
}
