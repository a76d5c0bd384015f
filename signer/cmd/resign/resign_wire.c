/* The codec: each message is described once, and the description reads or writes it. */
#include "signer/cmd/resign/resign_wire.h"

#include <string.h>

#include "signer/base/codec.h"

#define COMPONENT_MAX 255
#define FINDING_MAX   199
#define ERROR_MAX     511

/* A name of lower-case letters, digits and dashes, and zero bytes behind it. */
static void rule(struct codec *c, struct view *v)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = 0;

    codec_fixed(c, v, RESIGN_RULE_SIZE);
    if (v->len != RESIGN_RULE_SIZE)
        return;
    while (len < v->len && v->data[len] != 0 && strchr(allowed, v->data[len]) != NULL)
        len++;
    c->ok = c->ok && len > 0 && len < v->len && view_is_zero(view_slice(*v, len, v->len - len));
}

static void enclave(struct codec *c, struct resign_message *m)
{
    codec_integer(c, &m->number, 4);
    codec_integer(c, &m->integer, 4);
    codec_flags(c, &m->flags, RESIGN_IS_COMPONENT | RESIGN_IS_SIGNED | RESIGN_IS_KEPT | RESIGN_HAS_FIELDS);
    codec_fixed(c, &m->want, (m->flags & RESIGN_HAS_FIELDS) != 0 ? SIGNDATA_SIZE : 0);
    codec_fixed(c, &m->before, (m->flags & RESIGN_IS_SIGNED) != 0 ? SIGSTRUCT_SIZE : 0);
    codec_fixed(c, &m->kept, (m->flags & RESIGN_IS_KEPT) != 0 ? SIGSTRUCT_SIZE : 0);
    codec_text(c, &m->text, COMPONENT_MAX);
    c->ok = c->ok && (m->text.len > 0) == ((m->flags & RESIGN_IS_COMPONENT) != 0);
}

static void fields(struct codec *c, struct resign_message *m)
{
    codec_integer(c, &m->file, 4);
    switch ((int)m->type) {
    case RESIGN_PREPARE:
        codec_flags(c, &m->flags, RESIGN_LOOK);
        codec_fixed(c, &m->key, SIGNATURE_SIZE);
        return;
    case RESIGN_FINISH:
        codec_integer(c, &m->number, 4);
        codec_flags(c, &m->flags, RESIGN_MORE);
        codec_fixed(c, &m->signature, SIGNATURE_SIZE);
        return;
    case RESIGN_COMMIT:
        codec_flags(c, &m->flags, RESIGN_MORE);
        return;
    case RESIGN_CLOSE:
        return;
    case RESIGN_ENCLAVE:
        enclave(c, m);
        return;
    case RESIGN_FINDING:
        codec_integer(c, &m->number, 4);
        codec_flags(c, &m->flags, RESIGN_IS_ERROR);
        rule(c, &m->rule);
        codec_text(c, &m->text, FINDING_MAX);
        return;
    case RESIGN_NOTICE:
        codec_flags(c, &m->flags, RESIGN_IS_WARNING);
        codec_text(c, &m->text, RESIGN_NOTICE_MAX);
        return;
    case RESIGN_DONE:
        codec_integer(c, &m->number, 4);
        codec_integer(c, &m->integer, 4);
        codec_fixed(c, &m->sum, RESIGN_SUM_SIZE);
        codec_text(c, &m->text, ERROR_MAX);
        return;
    default:
        c->ok = false;
    }
}

bool resign_wire_write(const struct resign_message *m, uint8_t ret[static RESIGN_WIRE_MAX], size_t *ret_len)
{
    struct codec c = codec_writing(ret, RESIGN_WIRE_MAX);
    struct resign_message copy = *m;
    uint64_t type = m->type;

    codec_integer(&c, &type, 4);
    fields(&c, &copy);
    *ret_len = c.len;
    return c.ok;
}

bool resign_wire_read(struct view message, struct resign_message *ret)
{
    struct codec c = codec_reading(message);
    struct resign_message m = {0};
    uint64_t type = 0;

    codec_integer(&c, &type, 4);
    m.type = type < RESIGN_TYPES ? (enum resign_type)type : RESIGN_TYPES;
    fields(&c, &m);
    if (message.len > RESIGN_WIRE_MAX || !codec_is_read(&c))
        return false;
    *ret = m;
    return true;
}
