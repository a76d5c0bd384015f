/* The codec: each message is described once, and the description reads or writes it. */
#include "hsm/wire.h"

#include "signer/base/codec.h"

/* Limits of texts, in bytes. */
#define TEXT_MAX      4096 /* a URI, a path, arguments */
#define FIELD_MAX     63   /* of a token */
#define LABEL_MAX     2048 /* a CKA_LABEL; a CKA_ID in hexadecimal digits has twice as many */
#define KEY_URI_MAX   16384
#define WHY_NOT_MAX   159
#define MESSAGE_MAX   8192 /* what a signature is of: a certificate has some 600 bytes */
#define ID_MAX        255
#define ERROR_MAX     511
#define NEW_LABEL_MAX 1024

/* Stands at the end of its message. */
static void secret(struct codec *c, struct view *v)
{
    codec_length(c, v, WIRE_PIN_MAX);
    if (c->ok && c->out == NULL)
        codec_fixed(c, v, v->len);
}

/* ---- requests ---- */

static void request_fields(struct codec *c, struct wire_request *q)
{
    switch ((int)q->type) {
    case WIRE_HELLO:
        codec_integer(c, &q->integer, 4);
        return;
    case WIRE_OPEN:
        codec_flags(c, &q->flags, WIRE_HAS_TEXT);
        codec_text(c, &q->text, TEXT_MAX);
        codec_text(c, &q->more, TEXT_MAX);
        return;
    case WIRE_LIST_TOKENS:
        codec_flags(c, &q->flags, WIRE_HAS_TEXT);
        codec_text(c, &q->text, TEXT_MAX);
        return;
    case WIRE_SELECT_TOKEN:
    case WIRE_SELECT_KEY:
        codec_text(c, &q->text, TEXT_MAX);
        return;
    case WIRE_LOGIN:
        codec_flags(c, &q->flags, WIRE_HAS_PIN | WIRE_FINAL_TRY);
        secret(c, &q->secret);
        return;
    case WIRE_SIGN:
        codec_integer(c, &q->integer, 1);
        codec_flags(c, &q->flags, WIRE_CAN_ASK);
        codec_fixed(c, &q->digest, WIRE_DIGEST);
        codec_bytes(c, &q->more, MESSAGE_MAX);
        return;
    case WIRE_PIN:
        secret(c, &q->secret);
        return;
    case WIRE_GENERATE:
        codec_flags(c, &q->flags, WIRE_SEALING);
        codec_text(c, &q->text, NEW_LABEL_MAX);
        codec_bytes(c, &q->more, ID_MAX);
        return;
    case WIRE_DESTROY:
        codec_flags(c, &q->flags, WIRE_SELECTED);
        return;
    case WIRE_DECRYPT:
        codec_integer(c, &q->integer, 1);
        codec_flags(c, &q->flags, WIRE_CAN_ASK);
        codec_bytes(c, &q->more, WIRE_NUMBER_MAX);
        return;
    case WIRE_LIST_KEYS:
    case WIRE_PUBLIC_KEY:
    case WIRE_NO_PIN:
    case WIRE_CANDIDATES:
    case WIRE_CLOSE:
        return;
    default:
        c->ok = false;
    }
}

/* ---- replies ---- */

static void token_fields(struct codec *c, struct wire_reply *r)
{
    for (size_t i = 0; i < 4; i++)
        codec_text(c, &r->text[i], FIELD_MAX);
    codec_text(c, &r->text[4], TEXT_MAX);
    codec_integer(c, &r->integer, 8);
    codec_flags(c, &r->flags,
                WIRE_PIN_PAD | WIRE_COUNT_LOW | WIRE_LAST_TRY | WIRE_LOCKED | WIRE_LOGIN_REQUIRED);
}

static void key_fields(struct codec *c, struct wire_reply *r)
{
    codec_text(c, &r->text[0], LABEL_MAX);
    codec_text(c, &r->text[1], 2 * (size_t)LABEL_MAX);
    codec_text(c, &r->text[2], KEY_URI_MAX);
    codec_text(c, &r->text[3], WHY_NOT_MAX);
    codec_integer(c, &r->integer, 4);
    codec_integer(c, &r->more, 8);
    codec_flags(c, &r->flags, WIRE_IS_RSA | WIRE_HAS_PUBKEY | WIRE_RSA_PKCS | WIRE_SHA256_RSA_PKCS);
    for (size_t i = 0; i < WIRE_CLAIMS; i++) {
        codec_integer(c, &r->claims[i], 1);
        c->ok = c->ok && r->claims[i] <= 2;
    }
    codec_bytes(c, &r->fixed, WIRE_NUMBER_MAX);
    c->ok = c->ok && ((r->flags & WIRE_HAS_PUBKEY) == 0 || r->fixed.len == WIRE_SIGNATURE);
}

static void reply_fields(struct codec *c, struct wire_reply *r)
{
    switch ((int)r->type) {
    case WIRE_OK:
    case WIRE_NEED_PIN:
    case WIRE_END:
        return;
    case WIRE_VERSION:
        codec_integer(c, &r->integer, 4);
        codec_flags(c, &r->flags, WIRE_WALL_SCOPE | WIRE_WALL_CALLS);
        codec_text(c, &r->text[0], WIRE_VERSION_MAX);
        return;
    case WIRE_TOKEN:
        token_fields(c, r);
        return;
    case WIRE_KEY:
        key_fields(c, r);
        return;
    case WIRE_PUBKEY:
    case WIRE_SIGNATURE_IS:
        codec_fixed(c, &r->fixed, WIRE_SIGNATURE);
        return;
    case WIRE_UNWRAPPED:
        codec_fixed(c, &r->fixed, WIRE_DATA_KEY);
        return;
    case WIRE_CANDIDATE:
        codec_text(c, &r->text[0], KEY_URI_MAX);
        return;
    case WIRE_ERROR:
        codec_integer(c, &r->integer, 4);
        codec_flags(c, &r->flags, WIRE_HAS_CANDIDATES | WIRE_WAS_STOPPED);
        codec_text(c, &r->text[0], ERROR_MAX);
        return;
    default:
        c->ok = false;
    }
}

/* ---- both ---- */

static void head(struct codec *c, uint64_t *type, uint64_t *sequence)
{
    codec_integer(c, type, 4);
    codec_integer(c, sequence, 4);
}

bool wire_write_request(const struct wire_request *q, uint8_t ret[static WIRE_MAX], size_t *ret_len)
{
    struct codec c = codec_writing(ret, WIRE_MAX);
    struct wire_request copy = *q;
    uint64_t type = q->type;
    uint64_t sequence = q->sequence;

    head(&c, &type, &sequence);
    request_fields(&c, &copy);
    *ret_len = c.len;
    return c.ok;
}

bool wire_write_reply(const struct wire_reply *r, uint8_t ret[static WIRE_MAX], size_t *ret_len)
{
    struct codec c = codec_writing(ret, WIRE_MAX);
    struct wire_reply copy = *r;
    uint64_t type = r->type;
    uint64_t sequence = r->sequence;

    head(&c, &type, &sequence);
    reply_fields(&c, &copy);
    *ret_len = c.len;
    return c.ok;
}

bool wire_read_request(struct view message, struct wire_request *ret)
{
    struct codec c = codec_reading(message);
    struct wire_request q = {0};
    uint64_t type = 0;
    uint64_t sequence = 0;

    head(&c, &type, &sequence);
    c.ok = type < WIRE_REQUESTS;
    q.type = c.ok ? (enum wire_type)type : WIRE_REQUESTS;
    q.sequence = (uint32_t)sequence;
    request_fields(&c, &q);
    if (codec_is_read(&c))
        *ret = q;
    return codec_is_read(&c);
}

bool wire_read_reply(struct view message, struct wire_reply *ret)
{
    struct codec c = codec_reading(message);
    struct wire_reply r = {0};
    uint64_t type = 0;
    uint64_t sequence = 0;

    head(&c, &type, &sequence);
    c.ok = type < WIRE_REPLIES;
    r.type = c.ok ? (enum wire_type)type : WIRE_REPLIES;
    r.sequence = (uint32_t)sequence;
    reply_fields(&c, &r);
    if (codec_is_read(&c))
        *ret = r;
    return codec_is_read(&c);
}
