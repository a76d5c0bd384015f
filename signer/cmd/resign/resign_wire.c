/* The codec: each message is described once, and the description reads or writes it. */
#include "signer/cmd/resign/resign_wire.h"

#include <string.h>

#define COMPONENT_MAX 255
#define FINDING_MAX   199
#define ERROR_MAX     511

/* One message while it is read (`out` NULL) or written. */
struct codec {
    struct reader in;
    uint8_t *out;
    size_t len;
    bool ok;
};

static void fixed(struct codec *c, struct view *v, size_t len)
{
    if (c->out == NULL) {
        *v = reader_take(&c->in, len);
        return;
    }
    c->ok = c->ok && v->len == len && len <= RESIGN_WIRE_MAX - c->len;
    if (!c->ok || len == 0)
        return;
    memcpy(c->out + c->len, v->data, len);
    c->len += len;
}

static void integer(struct codec *c, uint32_t *value)
{
    uint8_t bytes[4] = {0};
    struct view v = view_of(bytes, sizeof bytes);

    bytes_put_le(bytes, sizeof bytes, *value);
    fixed(c, &v, sizeof bytes);
    *value = (uint32_t)bytes_get_le(v);
}

static void flags(struct codec *c, uint32_t *value, uint32_t known)
{
    integer(c, value);
    c->ok = c->ok && (*value & ~known) == 0;
}

/* All that is left. */
static void text(struct codec *c, struct view *v, size_t max)
{
    fixed(c, v, c->out == NULL ? c->in.left.len : v->len);
    c->ok = c->ok && v->len <= max && (v->len == 0 || memchr(v->data, '\0', v->len) == NULL);
}

/* A name of lower-case letters, digits and dashes, and zero bytes behind it. */
static void rule(struct codec *c, struct view *v)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = 0;

    fixed(c, v, RESIGN_RULE_SIZE);
    if (v->len != RESIGN_RULE_SIZE)
        return;
    while (len < v->len && v->data[len] != 0 && strchr(allowed, v->data[len]) != NULL)
        len++;
    c->ok = c->ok && len > 0 && len < v->len && view_is_zero(view_slice(*v, len, v->len - len));
}

static void enclave(struct codec *c, struct resign_message *m)
{
    integer(c, &m->number);
    integer(c, &m->integer);
    flags(c, &m->flags, RESIGN_IS_COMPONENT | RESIGN_IS_SIGNED | RESIGN_IS_KEPT | RESIGN_HAS_FIELDS);
    fixed(c, &m->want, (m->flags & RESIGN_HAS_FIELDS) != 0 ? SIGNDATA_SIZE : 0);
    fixed(c, &m->before, (m->flags & RESIGN_IS_SIGNED) != 0 ? SIGSTRUCT_SIZE : 0);
    fixed(c, &m->kept, (m->flags & RESIGN_IS_KEPT) != 0 ? SIGSTRUCT_SIZE : 0);
    text(c, &m->text, COMPONENT_MAX);
    c->ok = c->ok && (m->text.len > 0) == ((m->flags & RESIGN_IS_COMPONENT) != 0);
}

static void fields(struct codec *c, struct resign_message *m)
{
    integer(c, &m->file);
    switch ((int)m->type) {
    case RESIGN_PREPARE:
        flags(c, &m->flags, RESIGN_LOOK);
        fixed(c, &m->key, SIGNATURE_SIZE);
        return;
    case RESIGN_FINISH:
        integer(c, &m->number);
        flags(c, &m->flags, RESIGN_MORE);
        fixed(c, &m->signature, SIGNATURE_SIZE);
        return;
    case RESIGN_COMMIT:
        flags(c, &m->flags, RESIGN_MORE);
        return;
    case RESIGN_CLOSE:
        return;
    case RESIGN_ENCLAVE:
        enclave(c, m);
        return;
    case RESIGN_FINDING:
        integer(c, &m->number);
        flags(c, &m->flags, RESIGN_IS_ERROR);
        rule(c, &m->rule);
        text(c, &m->text, FINDING_MAX);
        return;
    case RESIGN_NOTICE:
        flags(c, &m->flags, RESIGN_IS_WARNING);
        text(c, &m->text, RESIGN_NOTICE_MAX);
        return;
    case RESIGN_DONE:
        integer(c, &m->number);
        integer(c, &m->integer);
        fixed(c, &m->sum, RESIGN_SUM_SIZE);
        text(c, &m->text, ERROR_MAX);
        return;
    default:
        c->ok = false;
    }
}

bool resign_wire_write(const struct resign_message *m, uint8_t ret[static RESIGN_WIRE_MAX], size_t *ret_len)
{
    struct codec c = {.out = ret, .ok = true};
    struct resign_message copy = *m;
    uint32_t type = m->type;

    integer(&c, &type);
    fields(&c, &copy);
    *ret_len = c.len;
    return c.ok;
}

bool resign_wire_read(struct view message, struct resign_message *ret)
{
    struct codec c = {.in = reader_of(message), .ok = message.len <= RESIGN_WIRE_MAX};
    struct resign_message m = {0};
    uint32_t type = 0;

    integer(&c, &type);
    m.type = type < RESIGN_TYPES ? (enum resign_type)type : RESIGN_TYPES;
    fields(&c, &m);
    if (!c.ok || !c.in.ok || c.in.left.len != 0)
        return false;
    *ret = m;
    return true;
}
