/* Fuzz target: public key files. A key that is read is written as PEM, and read again it is the same key and
 * the same file; no file makes a key that SGX cannot use. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/sgx/rsa3072.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pubkey *key)
{
    ENS_CLEANUP(buf_free) struct buf first = {0};
    ENS_CLEANUP(buf_free) struct buf second = {0};
    struct pubkey again;
    struct ens_err err = {0};

    if ((key->modulus[0] & 0x80) == 0 || (key->modulus[PUBKEY_SIZE - 1] & 1) == 0)
        abort();
    if (!rsa3072_write_pubkey(key, &first, &err) || !rsa3072_recognise(buf_view(&first)) ||
        !rsa3072_read_pubkey(buf_view(&first), "again", &again, &err))
        abort();
    if (memcmp(&again, key, sizeof again) != 0 || !rsa3072_write_pubkey(&again, &second, &err) ||
        !view_equal(buf_view(&first), buf_view(&second)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pubkey key;
    struct ens_err err = {0};

    if (rsa3072_read_pubkey(view_of(data, size), "input", &key, &err))
        check(&key);
    else if (err.code != ENS_DATA || strchr(err.msg, '\n') != NULL)
        abort();
    (void)rsa3072_recognise(view_of(data, size));
    return 0;
}
