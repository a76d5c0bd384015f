/* --pubkey and --mrsigner. */
#include "signer/flow/signer_name.h"

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "signer/sgx/rsa3072.h"

bool signer_name_read(const char *pubkey, const char *text, uint8_t ret[static MRSIGNER_SIZE],
                      struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct pubkey key;

    if (pubkey != NULL && text != NULL)
        return ens_fail(err, ENS_USAGE, "--pubkey and --mrsigner both name the signer: give one");
    if (pubkey == NULL)
        return hex_decode_groups(text, "--mrsigner", ret, MRSIGNER_SIZE, err);
    return armour_read(pubkey, RSA3072_KEY_FILE_MAX, ARMOUR_ONLY(ARMOUR_PUBLIC_KEY), &file, err) &&
           rsa3072_read_pubkey(buf_view(&file), pubkey, &key, err) && rsa3072_mrsigner(&key, ret, err);
}
