/* Why a signature does not fit. The block signature^3 mod n shows what was really signed: padding, hash,
 * and over what. The usual slips of hand are tried one by one; the search for a changed field
 * is in diagnose_fields.c. */
#include "signer/sgx/diagnose.h"

#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/sgx/diagnose_fields.h"
#include "signer/sgx/rsa3072.h"

/* ---- reading ---- */

static bool all_in(struct view v, const char *alphabet)
{
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] == '\0' || strchr(alphabet, v.data[i]) == NULL)
            return false;
    }
    return v.len > 0;
}

bool diagnose_read_signature(struct view file, const char *name, uint8_t ret[static SIGNATURE_SIZE],
                             struct ens_err *err)
{
    if (file.len == 0)
        return ens_fail(err, ENS_DATA, "%s: is empty: the signing step wrote no signature, sign again", name);
    if (all_in(file, "0123456789abcdefABCDEF: \r\n"))
        return ens_fail(err, ENS_DATA, "%s: is hexadecimal text, not a raw signature: convert it (xxd -r -p)",
                        name);
    if (all_in(file, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n"))
        return ens_fail(err, ENS_DATA, "%s: is base64 text, not a raw signature: convert it (base64 -d)",
                        name);
    if (file.len > SIGNATURE_SIZE)
        return ens_fail(err, ENS_DATA, "%s: a signature is %d bytes, not %zu: %s", name, SIGNATURE_SIZE,
                        file.len,
                        file.len == 512 ? "it is of a 4096-bit key, sign with a 3072-bit one"
                                        : "give the raw output of the signing step");
    if (file.len == 256)
        return ens_fail(
            err, ENS_DATA,
            "%s: a signature is %d bytes, not 256: it is sign-data, which is to be signed first, or "
            "of a 2048-bit key, sign with a 3072-bit one",
            name, SIGNATURE_SIZE);
    memset(ret, 0, SIGNATURE_SIZE - file.len);
    memcpy(ret + SIGNATURE_SIZE - file.len, file.data, file.len);
    return true;
}

/* ---- what the block holds ---- */

/* The payload of a PKCS#1 v1.5 block of type 1 (RFC 8017, section 9.2); empty if it is none. */
static struct view payload_of(const uint8_t block[static SIGNATURE_SIZE])
{
    size_t at = 2;

    if (block[0] != 0 || block[1] != 1)
        return view_of(NULL, 0);
    while (at < SIGNATURE_SIZE && block[at] == 0xff)
        at++;
    if (at < 2 + 8 || at >= SIGNATURE_SIZE || block[at] != 0)
        return view_of(NULL, 0);
    return view_of(block + at + 1, SIGNATURE_SIZE - at - 1);
}

/* DigestInfo prefixes (RFC 8017, section 9.2, note 1; the OIDs of RFC 8702 for SHA-3). */
static const struct {
    const char *name;
    const char *prefix; /* hexadecimal */
    size_t digest;      /* bytes that follow */
} hashes[] = {
    {"SHA-256", "3031300d060960864801650304020105000420", 32},
    {"SHA-1", "3021300906052b0e03021a05000414", 20},
    {"MD5", "3020300c06082a864886f70d020505000410", 16},
    {"SHA-224", "302d300d06096086480165030402040500041c", 28},
    {"SHA-384", "3041300d060960864801650304020205000430", 48},
    {"SHA-512", "3051300d060960864801650304020305000440", 64},
    {"SHA-512/256", "3031300d060960864801650304020605000420", 32},
    {"SHA3-256", "3031300d060960864801650304020805000420", 32},
    {"SHA3-384", "3041300d060960864801650304020905000430", 48},
    {"SHA3-512", "3051300d060960864801650304020a05000440", 64},
};

/* Index in `hashes` of the DigestInfo that `payload` is, or -1; the digest goes to `ret_digest`. */
static int hash_of(struct view payload, struct view *ret_digest)
{
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        char hex[64];
        size_t prefix = strlen(hashes[i].prefix) / 2;

        if (payload.len != prefix + hashes[i].digest)
            continue;
        hex_encode(hex, view_slice(payload, 0, prefix));
        if (strcmp(hex, hashes[i].prefix) == 0) {
            *ret_digest = view_slice(payload, prefix, hashes[i].digest);
            return (int)i;
        }
    }
    return -1;
}

bool diagnose_signed_digest(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                            bool *ret_is, uint8_t ret_digest[static 32], struct ens_err *err)
{
    uint8_t block[SIGNATURE_SIZE];
    struct view digest = {0};

    if (!rsa3072_recover(key, signature, block, err))
        return false;
    *ret_is = memcmp(signature, key->modulus, SIGNATURE_SIZE) < 0 && hash_of(payload_of(block), &digest) == 0;
    if (*ret_is)
        memcpy(ret_digest, digest.data, 32);
    return true;
}

/* Is the block an EMSA-PSS encoding with SHA-256 and MGF1-SHA-256, of any salt length (RFC 8017,
 * section 9.1.2)? */
static bool is_pss(const uint8_t block[static SIGNATURE_SIZE], struct ens_err *err)
{
    const size_t db_len = SIGNATURE_SIZE - 32 - 1;
    uint8_t seed[36];
    uint8_t db[SIGNATURE_SIZE];

    if (block[SIGNATURE_SIZE - 1] != 0xbc || (block[0] & 0x80) != 0)
        return false;
    memcpy(seed, block + db_len, 32);
    for (size_t at = 0; at < db_len; at += 32) {
        uint8_t mask[32];

        for (int i = 0; i < 4; i++)
            seed[32 + i] = (uint8_t)(at / 32 >> (24 - 8 * i));
        if (!digest_of(DIGEST_SHA256, view_of(seed, sizeof seed), mask, err))
            return false;
        for (size_t i = 0; i < 32 && at + i < db_len; i++)
            db[at + i] = block[at + i] ^ mask[i];
    }
    db[0] &= 0x7f;
    size_t one = 0;

    while (one < db_len && db[one] == 0)
        one++;
    return one < db_len && db[one] == 1;
}

/* ---- the reasons ---- */

/* Digests that a tool signs instead of `digest` if it gets the wrong bytes or hashes once too often. */
static const char *slip_of(struct view signed_digest, const struct sigstruct *css,
                           const uint8_t digest[static 32])
{
    struct ens_err ignored = {0};
    struct signdata data;
    char text[2 * SIGNDATA_SIZE + 2];
    uint8_t h[32];

    signdata_extract(css, &data);
    hex_encode(text, view_of(digest, 32));
    const struct {
        struct view over;
        const char *why;
    } slips[] = {
        {view_of(digest, 32),
         "the digest was hashed once more: sign it as a digest (openssl pkeyutl -sign -pkeyopt "
         "digest:sha256), or hash the 256 bytes of sign-data"},
        {view_of(text, 64), "the digest was signed as hexadecimal text: sign its 32 bytes"},
        {view_of(css->bytes, SIGSTRUCT_SIZE),
         "the whole SIGSTRUCT was signed: sign the 256 bytes of sign-data"},
    };

    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        if (digest_of(DIGEST_SHA256, slips[i].over, h, &ignored) &&
            view_equal(signed_digest, view_of(h, sizeof h)))
            return slips[i].why;
    }
    text[64] = '\n';
    if (digest_of(DIGEST_SHA256, view_of(text, 65), h, &ignored) &&
        view_equal(signed_digest, view_of(h, sizeof h)))
        return slips[1].why;
    return NULL;
}

/* A proper SHA-256 signature, but over something else. */
static bool fail_other_data(struct view signed_digest, const struct sigstruct *css,
                            const uint8_t digest[static 32], const char *name, struct ens_err *err)
{
    const char *slip = slip_of(signed_digest, css, digest);
    char field[DIAGNOSE_TEXT_MAX];

    if (slip != NULL)
        return ens_fail(err, ENS_DATA, "%s: the signature does not fit: %s", name, slip);
    if (diagnose_find_field(css, signed_digest, field))
        return ens_fail(
            err, ENS_DATA,
            "%s: is a signature by this key over other sign-data: %s: sign the sign-data again, or "
            "give the same options to both steps",
            name, field);
    return ens_fail(err, ENS_DATA,
                    "%s: is a signature by this key over other sign-data, with SHA-256 %s: give the "
                    "sign-data that was signed",
                    name, hex_of(signed_digest).text);
}

/* The block is of the right type, but not SHA-256 in a DigestInfo. */
static bool fail_payload(struct view payload, const struct sigstruct *css, const uint8_t digest[static 32],
                         const char *name, struct ens_err *err)
{
    struct view signed_digest = {0};
    int hash = hash_of(payload, &signed_digest);
    struct signdata data;

    if (hash == 0)
        return fail_other_data(signed_digest, css, digest, name, err);
    if (hash > 0)
        return ens_fail(err, ENS_DATA, "%s: the signature uses %s: SGX demands SHA-256, sign with SHA-256",
                        name, hashes[hash].name);
    if (view_equal(payload, view_of(digest, 32)))
        return ens_fail(err, ENS_DATA,
                        "%s: the bare digest was signed, without DigestInfo: sign it with SHA-256 "
                        "padding (openssl pkeyutl -sign -pkeyopt digest:sha256, or CKM_SHA256_RSA_PKCS)",
                        name);
    signdata_extract(css, &data);
    if (view_equal(payload, view_of(data.bytes, sizeof data.bytes)))
        return ens_fail(err, ENS_DATA,
                        "%s: the sign-data was signed unhashed: sign its SHA-256 in a DigestInfo", name);
    return ens_fail(err, ENS_DATA,
                    "%s: the signature holds %zu bytes without DigestInfo, not this digest: sign the "
                    "sign-data with RSASSA-PKCS1-v1_5 and SHA-256",
                    name, payload.len);
}

bool diagnose_fail(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                   const struct sigstruct *css, const char *name, struct ens_err *err)
{
    uint8_t digest[32];
    uint8_t block[SIGNATURE_SIZE];
    uint8_t reversed[SIGNATURE_SIZE];

    if (!signdata_digest(css, digest, err) || !rsa3072_recover(key, signature, block, err))
        return false;
    if (view_is_zero(view_of(signature, SIGNATURE_SIZE)))
        return ens_fail(err, ENS_DATA, "%s: the signature is all zero: sign again", name);
    bool in_range = memcmp(signature, key->modulus, SIGNATURE_SIZE) < 0;

    if (in_range && payload_of(block).len > 0)
        return fail_payload(payload_of(block), css, digest, name, err);
    if (in_range && is_pss(block, err))
        return ens_fail(err, ENS_DATA,
                        "%s: the signature is RSASSA-PSS: SGX demands RSASSA-PKCS1-v1_5, sign with that",
                        name);
    bytes_reverse(reversed, signature, SIGNATURE_SIZE);
    if (!rsa3072_recover(key, reversed, block, err))
        return false;
    if (payload_of(block).len > 0)
        return ens_fail(err, ENS_DATA,
                        "%s: the signature is byte-reversed (little-endian): give it big-endian, as "
                        "openssl and PKCS#11 write it",
                        name);
    return ens_fail(err, ENS_DATA,
                    "%s: the signature is not of this public key, or damaged: give the public key of "
                    "the key that signed",
                    name);
}
