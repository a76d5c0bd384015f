/* ensign's requests, one after the other: each is a call of a function of this directory. What does not fit ends
 * the process: whoever sends such a thing is no ensign of this build. */
#include "hsm/token/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "signer/base/mem.h"
#include "signer/base/version.h"

struct server {
    int fd;
    unsigned walls;
    struct call_page *page;
    struct hsm *hsm; /* NULL: not open */
    enum wire_status status;
    bool is_over;
    uint32_t sequence;        /* of the request that is answered */
    uint8_t *request, *reply; /* WIRE_MAX bytes each; a request may hold a PIN */
    uint8_t *answer;          /* WIRE_MAX bytes, for the PIN of one signature */
    char text[WIRE_MAX + 1];  /* of a request, terminated */
    char more[WIRE_MAX + 1];
};

/* ---- the socket ---- */

static bool give_up(struct server *s, enum wire_status status)
{
    if (!s->is_over)
        s->status = status;
    s->is_over = true;
    return false;
}

static bool receive(struct server *s, uint8_t *buffer, struct wire_request *ret)
{
    ssize_t len = -1;

    do {
        len = recv(s->fd, buffer, WIRE_MAX, MSG_TRUNC);
    } while (len < 0 && errno == EINTR);
    if (len < 0)
        return give_up(s, WIRE_STATUS_LOST);
    if (len == 0) /* ensign has gone */
        return give_up(s, WIRE_STATUS_CLOSED);
    return (len <= WIRE_MAX && wire_read_request(view_of(buffer, (size_t)len), ret)) ||
           give_up(s, WIRE_STATUS_NONSENSE);
}

static bool answer(struct server *s, struct wire_reply *r)
{
    size_t len = 0;

    r->sequence = s->sequence;
    if (!wire_write_reply(r, s->reply, &len))
        return give_up(s, WIRE_STATUS_NONSENSE);
    while (send(s->fd, s->reply, len, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return give_up(s, WIRE_STATUS_LOST);
    }
    return true;
}

static bool answer_type(struct server *s, enum wire_type type)
{
    return answer(s, &(struct wire_reply){.type = type});
}

static bool answer_error(struct server *s, const struct ens_err *err)
{
    bool is_stopped = err->code == ENS_INTERRUPTED;
    bool has_candidates = s->hsm != NULL && candidates_text(s->hsm) != NULL;

    return answer(s, &(struct wire_reply){.type = WIRE_ERROR,
                                          .integer = is_stopped ? ENS_DEVICE : (uint64_t)err->code,
                                          .flags = (is_stopped ? WIRE_WAS_STOPPED : 0U) |
                                                   (has_candidates ? WIRE_HAS_CANDIDATES : 0U),
                                          .text = {view_of_string(err->msg)}});
}

static bool answer_token(struct server *s, const struct hsm_token *t)
{
    const unsigned flags = (t->pin_pad ? WIRE_PIN_PAD : 0U) | (t->count_low ? WIRE_COUNT_LOW : 0U) |
                           (t->final_try ? WIRE_LAST_TRY : 0U) | (t->locked ? WIRE_LOCKED : 0U) |
                           (t->login_required ? WIRE_LOGIN_REQUIRED : 0U);

    return answer(s, &(struct wire_reply){.type = WIRE_TOKEN,
                                          .integer = t->slot_id,
                                          .flags = flags,
                                          .text = {view_of_string(t->label), view_of_string(t->manufacturer),
                                                   view_of_string(t->model), view_of_string(t->serial),
                                                   view_of_string(t->uri)}});
}

static bool answer_key(struct server *s, const struct hsm_key *k)
{
    const enum hsm_claim claims[WIRE_CLAIMS] = {
        k->sign,  k->sensitive, k->extractable, k->always_sensitive,   k->never_extractable,
        k->local, k->decrypt,   k->unwrap,      k->always_authenticate};
    struct wire_reply r = {.type = WIRE_KEY,
                           .integer = k->modulus_bits,
                           .more = k->exponent,
                           .flags = (k->is_rsa ? WIRE_IS_RSA : 0U) | (k->has_pubkey ? WIRE_HAS_PUBKEY : 0U) |
                                    (k->has_rsa_pkcs ? WIRE_RSA_PKCS : 0U) |
                                    (k->has_sha256_rsa_pkcs ? WIRE_SHA256_RSA_PKCS : 0U),
                           .text = {view_of_string(k->label), view_of_string(k->id_hex),
                                    view_of_string(k->uri), view_of_string(k->why_not)},
                           .fixed = k->modulus};

    for (size_t i = 0; i < WIRE_CLAIMS; i++)
        r.claims[i] = claims[i] == HSM_YES ? 2 : claims[i] == HSM_NO ? 1 : 0;
    return answer(s, &r);
}

/* ---- what a request holds ---- */

static const char *terminated(char *ret, struct view v)
{
    if (v.len > 0)
        memcpy(ret, v.data, v.len);
    ret[v.len] = '\0';
    return ret;
}

/* The PIN of a message, in a locked page; the message is wiped. */
static bool take_pin(uint8_t *message, struct view pin, struct secret *ret, struct ens_err *err)
{
    bool ok = secret_alloc(ret, err);

    if (ok && pin.len > 0)
        memcpy(ret->data, pin.data, pin.len);
    if (ok)
        ret->len = pin.len;
    explicit_bzero(message, WIRE_MAX);
    return ok;
}

/* ---- requests ---- */

static bool on_hello(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    char version[WIRE_VERSION_MAX];

    (void)q;
    (void)err;
    (void)snprintf(version, sizeof version, "%s %s", ENSIGN_VERSION, version_commit);
    return answer(s, &(struct wire_reply){.type = WIRE_VERSION,
                                          .integer = WIRE_PROTOCOL,
                                          .flags = s->walls,
                                          .text = {view_of_string(version)}});
}

static bool on_open(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    const char *args = (q->flags & WIRE_HAS_TEXT) != 0 ? terminated(s->more, q->more) : NULL;

    if (s->hsm != NULL)
        return give_up(s, WIRE_STATUS_NONSENSE);
    return module_open(terminated(s->text, q->text), args, s->page, &s->hsm, err) && answer_type(s, WIRE_OK);
}

static bool parse_uri(struct server *s, const struct wire_request *q, struct hsm_uri **ret,
                      struct ens_err *err)
{
    return hsm_uri_parse(terminated(s->text, q->text), ret, err);
}

static bool send_token(void *ctx, const struct hsm_token *token, struct ens_err *err)
{
    (void)err;
    return answer_token(ctx, token);
}

static bool on_list_tokens(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;

    return ((q->flags & WIRE_HAS_TEXT) == 0 || parse_uri(s, q, &uri, err)) &&
           token_each(s->hsm, uri, send_token, s, err) && answer_type(s, WIRE_END);
}

static bool on_select_token(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    const struct hsm_token *token = NULL;

    return parse_uri(s, q, &uri, err) && token_select(s->hsm, uri, &token, err) && answer_token(s, token);
}

static bool on_login(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};
    bool has_pin = (q->flags & WIRE_HAS_PIN) != 0;
    bool may_be_last = (q->flags & WIRE_FINAL_TRY) != 0;

    return (!has_pin || take_pin(s->request, q->secret, &pin, err)) &&
           login_user(s->hsm, has_pin ? &pin : NULL, may_be_last, err) && answer_type(s, WIRE_OK);
}

static bool on_select_key(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    const struct hsm_key *key = NULL;

    return parse_uri(s, q, &uri, err) && key_select(s->hsm, uri, &key, err) && answer_key(s, key);
}

static bool send_key(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    (void)err;
    return answer_key(ctx, key);
}

static bool on_list_keys(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    (void)q;
    return key_each(s->hsm, send_key, s, err) && answer_type(s, WIRE_END);
}

static bool on_public_key(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    struct pubkey key;

    (void)q;
    return key_public(s->hsm, &key, err) &&
           answer(s, &(struct wire_reply){.type = WIRE_PUBKEY, .fixed = view_of(key.modulus, PUBKEY_SIZE)});
}

static bool ask_pin(void *ctx, struct secret *ret, struct ens_err *err)
{
    struct server *s = ctx;
    struct wire_request q;

    if (!answer_type(s, WIRE_NEED_PIN) || !receive(s, s->answer, &q))
        return ens_fail(err, ENS_BUG, "no answer"); /* nobody hears it */
    if (q.sequence != s->sequence || (q.type != WIRE_PIN && q.type != WIRE_NO_PIN)) {
        (void)give_up(s, WIRE_STATUS_NONSENSE);
        return ens_fail(err, ENS_BUG, "another answer");
    }
    if (q.type == WIRE_NO_PIN)
        return ens_fail(err, ENS_PIN, "there is no PIN for this signature");
    return take_pin(s->answer, q.secret, ret, err);
}

static bool on_sign(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    const struct hsm_sign_args args = {.mechanism = (enum hsm_mechanism)q->integer,
                                       .digest = q->digest.data,
                                       .message = q->more,
                                       .ask_pin = (q->flags & WIRE_CAN_ASK) != 0 ? ask_pin : NULL,
                                       .ask_ctx = s};
    uint8_t signature[SIGNATURE_SIZE];

    if (q->integer > HSM_SHA256_RSA_PKCS)
        return give_up(s, WIRE_STATUS_NONSENSE);
    return sign_digest(s->hsm, &args, signature, err) &&
           answer(s, &(struct wire_reply){.type = WIRE_SIGNATURE_IS,
                                          .fixed = view_of(signature, sizeof signature)});
}

static bool on_generate(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    const struct hsm_generate_args args = {
        .is_sealing = (q->flags & WIRE_SEALING) != 0, .label = terminated(s->text, q->text), .id = q->more};
    const struct hsm_key *key = NULL;

    return keygen_make(s->hsm, &args, &key, err) && answer_key(s, key);
}

static bool on_destroy(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    bool ok = (q->flags & WIRE_SELECTED) != 0 ? keygen_destroy_key(s->hsm, err) : keygen_destroy(s->hsm, err);

    return ok && answer_type(s, WIRE_OK);
}

static bool on_decrypt(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    const struct hsm_decrypt_args args = {.oaep = (enum hsm_oaep)q->integer,
                                          .wrapped = q->more,
                                          .ask_pin = (q->flags & WIRE_CAN_ASK) != 0 ? ask_pin : NULL,
                                          .ask_ctx = s};
    ENS_CLEANUP(secret_wipe) struct secret key = {0};

    if (q->integer > HSM_OAEP_SHA1)
        return give_up(s, WIRE_STATUS_NONSENSE);
    if (!decrypt_unwrap(s->hsm, &args, &key, err))
        return false;
    bool ok = answer(s, &(struct wire_reply){.type = WIRE_UNWRAPPED, .fixed = view_of(key.data, key.len)});

    explicit_bzero(s->reply, WIRE_MAX);
    return ok;
}

/* The lines "  'URI'" of the error before. */
static bool on_candidates(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    const char *text = candidates_text(s->hsm);

    (void)q;
    (void)err;
    for (size_t n = 0; text != NULL && *text != '\0' && n < WIRE_ITEMS_MAX; n++) {
        size_t len = strcspn(text, "\n");
        struct view line = view_of(text, len);

        if (len > 4 &&
            !answer(s, &(struct wire_reply){.type = WIRE_CANDIDATE, .text = {view_slice(line, 3, len - 4)}}))
            return false;
        text += len + (text[len] == '\n');
    }
    return answer_type(s, WIRE_END);
}

static bool on_close(struct server *s, const struct wire_request *q, struct ens_err *err)
{
    (void)q;
    (void)err;
    module_closep(&s->hsm);
    (void)answer_type(s, WIRE_OK);
    return give_up(s, WIRE_STATUS_CLOSED);
}

static const struct {
    bool (*run)(struct server *s, const struct wire_request *q, struct ens_err *err);
    bool before_open; /* makes sense without a module */
} handlers[WIRE_REQUESTS] = {
    [WIRE_HELLO] = {on_hello, true},
    [WIRE_OPEN] = {on_open, true},
    [WIRE_LIST_TOKENS] = {on_list_tokens, false},
    [WIRE_SELECT_TOKEN] = {on_select_token, false},
    [WIRE_LOGIN] = {on_login, false},
    [WIRE_SELECT_KEY] = {on_select_key, false},
    [WIRE_LIST_KEYS] = {on_list_keys, false},
    [WIRE_PUBLIC_KEY] = {on_public_key, false},
    [WIRE_SIGN] = {on_sign, false},
    [WIRE_GENERATE] = {on_generate, false},
    [WIRE_DESTROY] = {on_destroy, false},
    [WIRE_CANDIDATES] = {on_candidates, false},
    [WIRE_CLOSE] = {on_close, true},
    [WIRE_DECRYPT] = {on_decrypt, false},
};

/* ---- the conversation ---- */

static void converse(struct server *s)
{
    while (!s->is_over) {
        struct wire_request q;
        struct ens_err err = {0};

        if (!receive(s, s->request, &q))
            return;
        s->sequence = q.sequence;
        if (handlers[q.type].run == NULL || (s->hsm == NULL && !handlers[q.type].before_open))
            (void)give_up(s, WIRE_STATUS_NONSENSE);
        else if (!handlers[q.type].run(s, &q, &err) && !s->is_over)
            (void)answer_error(s, &err);
    }
}

enum wire_status serve(int fd, unsigned walls, struct call_page *page)
{
    struct ens_err err = {0};
    ENS_CLEANUP(mem_freep) struct server *s = mem_alloc(1, sizeof *s, &err);
    ENS_CLEANUP(mem_freep) uint8_t *buffers = mem_alloc(3, WIRE_MAX, &err);

    if (s == NULL || buffers == NULL)
        return WIRE_STATUS_HARDEN;
    /* Where that is refused, a page for a PIN is refused as well, with an error that says it. */
    (void)mlock(buffers, 3 * (size_t)WIRE_MAX);
    s->fd = fd;
    s->walls = walls;
    s->page = page;
    s->request = buffers;
    s->answer = buffers + WIRE_MAX;
    s->reply = buffers + 2 * (size_t)WIRE_MAX;
    converse(s);
    module_closep(&s->hsm);
    explicit_bzero(buffers, 3 * (size_t)WIRE_MAX);
    return s->status;
}
