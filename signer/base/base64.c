/* Base64 by libcrypto, which also takes what is not canonical: hence the way back. */
#include "signer/base/base64.h"

#include <limits.h>
#include <openssl/evp.h>

#include "signer/base/mem.h"

/* Larger than any file with base64 in it. */
#define TEXT_MAX (INT_MAX / 4)

bool base64_encode(struct view v, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *text = NULL;

    if (v.len == 0)
        return true;
    if (v.len > TEXT_MAX)
        return ens_fail(err, ENS_RESOURCE, "%zu bytes are too many for base64", v.len);
    text = mem_room((v.len + 2) / 3 * 4 + 1, err);
    if (text == NULL)
        return false;
    int len = EVP_EncodeBlock(text, v.data, (int)v.len);

    return buf_append(ret, view_of(text, (size_t)len), err);
}

bool base64_decode(struct view text, struct buf *ret, bool *ret_yes, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *bytes = NULL;
    ENS_CLEANUP(buf_free) struct buf again = {0};
    size_t padding = 0;

    *ret_yes = false;
    if (text.len == 0 || text.len % 4 != 0 || text.len > TEXT_MAX)
        return true;
    while (padding < 2 && text.data[text.len - 1 - padding] == '=')
        padding++;
    bytes = mem_room(text.len / 4 * 3, err);
    if (bytes == NULL)
        return false;
    /* It counts the bytes that padding stands for. */
    int len = EVP_DecodeBlock(bytes, text.data, (int)text.len);

    if (len < 0 || (size_t)len != text.len / 4 * 3)
        return true;
    struct view decoded = view_of(bytes, (size_t)len - padding);

    if (!base64_encode(decoded, &again, err))
        return false;
    *ret_yes = view_equal(buf_view(&again), text);
    return !*ret_yes || buf_append(ret, decoded, err);
}
