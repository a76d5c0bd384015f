/* The generated test key, with its private half. */
#include "tests/support/testkey.h"

void testkey_need(bool ok)
{
    if (!ok)
        abort();
}

struct testkey testkey_read(const char *path)
{
    struct testkey k = {0};
    FILE *f = fopen(path, "rb");
    EVP_PKEY *pkey = f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

    if (pkey == NULL) {
        (void)fprintf(stderr, "%s: no private key\n", path);
        abort();
    }
    (void)fclose(f);
    testkey_need(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &k.n) == 1 &&
                 EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_D, &k.d) == 1 &&
                 BN_bn2binpad(k.n, k.pub.modulus, PUBKEY_SIZE) == PUBKEY_SIZE);
    EVP_PKEY_free(pkey);
    return k;
}

struct testkey testkey_load(void)
{
    return testkey_read("tests/vectors/keys/testkey.pem");
}

void testkey_free(struct testkey *k)
{
    BN_free(k->n);
    BN_clear_free(k->d);
    *k = (struct testkey){0};
}

void testkey_sign_block(const struct testkey *k, const uint8_t block[SIGNATURE_SIZE],
                        uint8_t ret[SIGNATURE_SIZE])
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *m = BN_bin2bn(block, SIGNATURE_SIZE, NULL);

    testkey_need(ctx != NULL && m != NULL && BN_cmp(m, k->n) < 0 && BN_mod_exp(m, m, k->d, k->n, ctx) == 1 &&
                 BN_bn2binpad(m, ret, SIGNATURE_SIZE) == SIGNATURE_SIZE);
    BN_free(m);
    BN_CTX_free(ctx);
}

void testkey_block(const uint8_t *payload, size_t len, uint8_t ret[SIGNATURE_SIZE])
{
    testkey_need(len <= SIGNATURE_SIZE - 11);
    memset(ret, 0xff, SIGNATURE_SIZE);
    ret[0] = 0;
    ret[1] = 1;
    ret[SIGNATURE_SIZE - len - 1] = 0;
    memcpy(ret + SIGNATURE_SIZE - len, payload, len);
}

void testkey_sign_payload(const struct testkey *k, const uint8_t *payload, size_t len,
                          uint8_t ret[SIGNATURE_SIZE])
{
    uint8_t block[SIGNATURE_SIZE];

    testkey_block(payload, len, block);
    testkey_sign_block(k, block, ret);
}

void testkey_payload(const uint8_t digest[32], uint8_t ret[TESTKEY_PAYLOAD_SIZE])
{
    static const uint8_t head[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                     0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

    memcpy(ret, head, sizeof head);
    memcpy(ret + sizeof head, digest, 32);
}

void testkey_sign_digest(const struct testkey *k, const uint8_t digest[32], uint8_t ret[SIGNATURE_SIZE])
{
    uint8_t payload[TESTKEY_PAYLOAD_SIZE];

    testkey_payload(digest, payload);
    testkey_sign_payload(k, payload, sizeof payload, ret);
}
