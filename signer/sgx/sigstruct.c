/* SIGSTRUCT and sign-data as bytes. Everything here runs over the table of layout.h. */
#include "signer/sgx/sigstruct.h"

#include <string.h>

#include "signer/base/digest.h"

#define CSS_ROW(id, name, offset, size, is_signed, kind, meaning)                                            \
    [CSS_##id] = {name, offset, size, is_signed, kind, meaning},
const struct css_row css_table[CSS_FIELDS] = {CSS_TABLE(CSS_ROW)};
#undef CSS_ROW

/* Intel SDM, SIGSTRUCT: HEADER and HEADER2. */
static const uint8_t header[16] = {0x06, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0};
static const uint8_t header2[16] = {0x01, 0x01, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 0x01, 0, 0, 0};

/* Bytes of HEADER before the release type. */
#define HEADER_MAGIC_SIZE 12

struct view sigstruct_get(const struct sigstruct *css, enum css_field field)
{
    return view_of(css->bytes + css_table[field].offset, css_table[field].size);
}

uint64_t sigstruct_get_int(const struct sigstruct *css, enum css_field field)
{
    return bytes_get_le(sigstruct_get(css, field));
}

void sigstruct_put(struct sigstruct *css, enum css_field field, struct view v)
{
    memcpy(css->bytes + css_table[field].offset, v.data, css_table[field].size);
}

void sigstruct_put_int(struct sigstruct *css, enum css_field field, uint64_t value)
{
    bytes_put_le(css->bytes + css_table[field].offset, css_table[field].size, value);
}

void sigstruct_init(struct sigstruct *ret)
{
    memset(ret, 0, sizeof *ret);
    sigstruct_put(ret, CSS_HEADER, view_of(header, sizeof header));
    sigstruct_put(ret, CSS_HEADER2, view_of(header2, sizeof header2));
}

bool sigstruct_is_as_fixed(const struct sigstruct *css, enum css_field field)
{
    struct view v = sigstruct_get(css, field);

    if (css_table[field].kind == CSS_RESERVED)
        return view_is_zero(v);
    if (field == CSS_HEADER)
        return view_equal(v, view_of(header, sizeof header));
    if (field == CSS_HEADER2)
        return view_equal(v, view_of(header2, sizeof header2));
    return true;
}

bool sigstruct_begins(struct view head)
{
    return view_begins(head, view_of(header, HEADER_MAGIC_SIZE));
}

bool sigstruct_recognise(struct view bytes)
{
    return bytes.len == SIGSTRUCT_SIZE && sigstruct_begins(bytes);
}

bool sigstruct_parse(struct view bytes, const char *name, struct sigstruct *ret, struct ens_err *err)
{
    if (bytes.len != SIGSTRUCT_SIZE)
        return ens_fail(err, ENS_DATA, "%s: a SIGSTRUCT is %d bytes, not %zu: give the whole structure", name,
                        SIGSTRUCT_SIZE, bytes.len);
    if (!sigstruct_recognise(bytes))
        return ens_fail(err, ENS_DATA, "%s: HEADER is not that of a SIGSTRUCT: give the right file", name);
    memcpy(ret->bytes, bytes.data, SIGSTRUCT_SIZE);
    return true;
}

static void put_reversed(struct sigstruct *css, enum css_field field, const uint8_t *big_endian)
{
    bytes_reverse(css->bytes + css_table[field].offset, big_endian, css_table[field].size);
}

void sigstruct_put_key(struct sigstruct *css, const struct pubkey *key)
{
    put_reversed(css, CSS_MODULUS, key->modulus);
    sigstruct_put_int(css, CSS_EXPONENT, PUBKEY_EXPONENT);
}

void sigstruct_finish(struct sigstruct *css, const struct pubkey *key,
                      const uint8_t signature[static SIGNATURE_SIZE], const uint8_t q1[static SIGNATURE_SIZE],
                      const uint8_t q2[static SIGNATURE_SIZE])
{
    sigstruct_put_key(css, key);
    put_reversed(css, CSS_SIGNATURE, signature);
    put_reversed(css, CSS_Q1, q1);
    put_reversed(css, CSS_Q2, q2);
}

bool sigstruct_is_unsigned(const struct sigstruct *css)
{
    for (int f = 0; f < CSS_FIELDS; f++) {
        if (!css_table[f].is_signed && !view_is_zero(sigstruct_get(css, (enum css_field)f)))
            return false;
    }
    return true;
}

void signdata_extract(const struct sigstruct *css, struct signdata *ret)
{
    size_t at = 0;

    for (int f = 0; f < CSS_FIELDS; f++) {
        if (!css_table[f].is_signed)
            continue;
        memcpy(ret->bytes + at, css->bytes + css_table[f].offset, css_table[f].size);
        at += css_table[f].size;
    }
}

bool signdata_parse(struct view bytes, const char *name, struct sigstruct *ret, struct ens_err *err)
{
    struct sigstruct css = {0};
    struct reader r = reader_of(bytes);

    if (bytes.len != SIGNDATA_SIZE)
        return ens_fail(err, ENS_DATA,
                        "%s: sign-data: has %zu bytes, not %d: give the output of gen-sign-data", name,
                        bytes.len, SIGNDATA_SIZE);
    for (int f = 0; f < CSS_FIELDS; f++) {
        if (css_table[f].is_signed)
            sigstruct_put(&css, (enum css_field)f, reader_take(&r, css_table[f].size));
    }
    for (int f = 0; f < CSS_FIELDS; f++) {
        if (!sigstruct_is_as_fixed(&css, (enum css_field)f))
            return ens_fail(err, ENS_DATA, "%s: %s must be %s: this is not sign-data that a CPU accepts",
                            name, css_table[f].name, css_table[f].meaning);
    }
    *ret = css;
    return true;
}

bool signdata_digest(const struct sigstruct *css, uint8_t ret[static 32], struct ens_err *err)
{
    struct signdata data;

    signdata_extract(css, &data);
    return digest_of(DIGEST_SHA256, view_of(data.bytes, sizeof data.bytes), ret, err);
}
