/* The key of a card. The DER is made, never parsed: what is not what the modulus makes is refused. */
#include "signer/quorum/card.h"

#include "signer/base/digest.h"

/* Every length of a key of 2048 to 4096 bits has two bytes (30 82 hi lo). */
#define SPKI_BEFORE 33 /* bytes before the modulus; its first byte is 0 */
#define SPKI_BEHIND 5  /* the exponent */

static uint8_t *put_tlv(uint8_t *at, uint8_t tag, size_t len)
{
    const uint8_t header[] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};

    memcpy(at, header, sizeof header);
    return at + sizeof header;
}

static unsigned modulus_bits(struct view modulus)
{
    unsigned bits = (unsigned)modulus.len * 8;

    for (unsigned mask = 0x80; modulus.len > 0 && mask > 0 && (modulus.data[0] & mask) == 0; mask >>= 1)
        bits--;
    return bits;
}

/* RFC 8017, appendix A.1, in RFC 5280, section 4.1; an INTEGER with its top bit set has a zero byte before it. */
static size_t make_spki(struct view modulus, uint8_t ret[static QUORUM_SPKI_MAX])
{
    static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    static const uint8_t exponent[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    size_t zero = modulus.data[0] >> 7;
    size_t integer = zero + modulus.len;
    size_t key = 4 + integer + sizeof exponent;
    uint8_t *at = put_tlv(ret, 0x30, sizeof algorithm + 4 + 1 + 4 + key);

    memcpy(at, algorithm, sizeof algorithm);
    at = put_tlv(at + sizeof algorithm, 0x03, 1 + 4 + key);
    *at++ = 0; /* no unused bits */
    at = put_tlv(at, 0x30, key);
    at = put_tlv(at, 0x02, integer);
    if (zero > 0)
        *at++ = 0;
    memcpy(at, modulus.data, modulus.len);
    memcpy(at + modulus.len, exponent, sizeof exponent);
    return (size_t)(at - ret) + modulus.len + sizeof exponent;
}

bool card_set_key(struct quorum_card *c, struct view modulus, struct ens_err *err)
{
    unsigned bits = modulus_bits(modulus);

    if (modulus.len > QUORUM_BITS_MAX / 8 || bits < QUORUM_BITS_MIN ||
        (modulus.data[modulus.len - 1] & 1) == 0)
        return ens_fail(err, ENS_DATA,
                        "key: is not RSA of %d to %d bits with an odd modulus and e = 65537, as DER",
                        QUORUM_BITS_MIN, QUORUM_BITS_MAX);
    c->bits = bits;
    c->size = (unsigned)make_spki(modulus, c->spki);
    return digest_of(DIGEST_SHA256, view_of(c->spki, c->size), c->key, err);
}

bool card_read_key(struct quorum_card *c, struct ens_err *err)
{
    struct quorum_card made = {0};
    struct view spki = view_of(c->spki, c->size);
    /* The byte at its end is 0 if the modulus fills whole bytes, else the modulus begins with it. */
    size_t begin = c->size > SPKI_BEFORE && c->spki[SPKI_BEFORE - 1] == 0 ? SPKI_BEFORE : SPKI_BEFORE - 1;

    if (!card_set_key(&made, view_slice(spki, begin, c->size - begin - SPKI_BEHIND), err))
        return false;
    if (!view_equal(view_of(made.spki, made.size), spki))
        return ens_fail(err, ENS_DATA, "key: is not the DER of RSA with e = 65537");
    c->bits = made.bits;
    memcpy(c->key, made.key, sizeof c->key);
    return true;
}
