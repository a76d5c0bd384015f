/* Key blobs: a table of the types that may approve, and the few rules that hold of all. */
#include "signer/ceremony/sshkey.h"

#include <stdio.h>

#include "signer/base/base64.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

static const struct {
    struct sshkey key;
    size_t strings;
    size_t point; /* the index of the public point, or of the modulus */
} types[] = {
    {{"ssh-ed25519", false, false}, 2, 1},
    {{"sk-ssh-ed25519@openssh.com", true, false}, 3, 1},
    {{"ecdsa-sha2-nistp256", false, false}, 3, 2},
    {{"ecdsa-sha2-nistp384", false, false}, 3, 2},
    {{"ecdsa-sha2-nistp521", false, false}, 3, 2},
    {{"sk-ecdsa-sha2-nistp256@openssh.com", true, false}, 4, 2},
    {{"ssh-rsa", false, true}, 3, 2},
};

bool sshkey_take(struct view *left, struct view *ret)
{
    if (left->len < 4)
        return false;
    size_t len = (size_t)left->data[0] << 24 | (size_t)left->data[1] << 16 | (size_t)left->data[2] << 8 |
                 (size_t)left->data[3];

    if (len > left->len - 4)
        return false;
    *ret = view_slice(*left, 4, len);
    *left = view_slice(*left, 4 + len, left->len - 4 - len);
    return true;
}

static bool contains(struct view v, const char *word)
{
    return v.len > 0 && memmem(v.data, v.len, word, strlen(word)) != NULL;
}

/* Of a number as SSH writes it (big-endian, with a zero in front where the top bit is set). */
static size_t bit_length(struct view number)
{
    while (number.len > 0 && number.data[0] == 0)
        number = view_slice(number, 1, number.len - 1);
    if (number.len == 0)
        return 0;
    return number.len * 8 - (size_t)(__builtin_clz(number.data[0]) - 24);
}

/* A number with more zeros in front than it needs: ssh-keygen takes it for the same key and prints another
 * fingerprint than that of these bytes, so that one key would have two names. */
static bool has_idle_zero(struct view number)
{
    return number.len > 0 && number.data[0] == 0 && (number.len == 1 || number.data[1] < 0x80);
}

enum sshkey_verdict sshkey_read(struct view blob, struct sshkey *ret)
{
    struct view type = {0};
    struct view last = {0};
    size_t strings = 1;
    bool is_padded = false;

    if (!sshkey_take(&blob, &type))
        return SSHKEY_CUT;
    if (contains(type, "-cert-v"))
        return SSHKEY_CERTIFICATE;
    for (; blob.len > 0; strings++) {
        if (!sshkey_take(&blob, &last))
            return SSHKEY_CUT;
        is_padded = is_padded || has_idle_zero(last);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!view_equal(type, view_of_string(types[i].key.type)))
            continue;
        if (strings != types[i].strings)
            return SSHKEY_REFUSED;
        /* An RSA key is type, exponent, modulus. */
        if (types[i].key.is_rsa &&
            (is_padded || bit_length(last) < SSHKEY_RSA_MIN || bit_length(last) > SSHKEY_RSA_MAX))
            return SSHKEY_REFUSED;
        *ret = types[i].key;
        return SSHKEY_OK;
    }
    return SSHKEY_REFUSED;
}

static bool take_point(struct view blob, struct view *ret)
{
    struct view type = {0};

    if (!sshkey_take(&blob, &type))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool ok = view_equal(type, view_of_string(types[i].key.type));

        for (size_t n = 0; ok && n < types[i].point; n++)
            ok = sshkey_take(&blob, ret);
        if (ok)
            return true;
    }
    return false;
}

bool sshkey_same_secret(struct view a, struct view b)
{
    struct view x = {0};
    struct view y = {0};

    return take_point(a, &x) && take_point(b, &y) && view_equal(x, y);
}

bool sshkey_fingerprint(struct view blob, char ret[static SSHKEY_FINGERPRINT_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    uint8_t digest[DIGEST_SIZE];

    if (!digest_of(DIGEST_SHA256, blob, digest, err) ||
        !base64_encode(view_of(digest, sizeof digest), &text, err))
        return false;
    /* 32 bytes are 43 digits and one of padding, which is left out. */
    (void)snprintf(ret, SSHKEY_FINGERPRINT_SIZE, "SHA256:%.43s", (const char *)text.data);
    return true;
}

bool sshkey_fingerprint_valid(const char *text, bool *ret_yes, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf digest = {0};
    char padded[44 + 1];

    *ret_yes = false;
    if (strlen(text) != SSHKEY_FINGERPRINT_SIZE - 1 || strncmp(text, "SHA256:", 7) != 0)
        return true;
    (void)snprintf(padded, sizeof padded, "%s=", text + 7);
    return base64_decode(view_of_string(padded), &digest, ret_yes, err);
}
