/* hsm.h, said in messages to ensign-token (hsm/helper.c). What comes back is believed as little as a token is:
 * texts are made printable again, URIs must parse and name what was asked for, a key is one that SIGSTRUCT can
 * hold, and every signature is verified by the caller. */
#include "hsm/client.h"

#include <string.h>

#include "hsm/uri.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

/* ---- asking ---- */

/* Asks, and hears the first answer, which must be of type `wanted`, or `other`. A request is not made any more
 * once ensign was interrupted, but for those that clean up. */
static bool request(struct hsm *hsm, struct wire_request *q, enum wire_type wanted, enum wire_type other,
                    struct wire_reply *ret, struct ens_err *err)
{
    bool cleans_up = q->type == WIRE_DESTROY && (q->flags & WIRE_SELECTED) == 0;

    if (!cleans_up && !interrupt_check(err))
        return false;
    if (!helper_ask(hsm->helper, q, err) || !helper_hear(hsm->helper, ret, err))
        return false;
    return ret->type == wanted || ret->type == other || helper_refuse(hsm->helper, err);
}

/* ---- candidates ---- */

/* After an error: what it has no room for, a line each. */
static bool add_candidate(struct hsm *hsm, const struct wire_reply *r, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *text = mem_alloc(r->text[0].len + 1, 1, err);

    if (text == NULL)
        return false;
    (void)text_printable(text, r->text[0].len + 1, (const char *)r->text[0].data, r->text[0].len);
    if (!client_agrees(text, NULL))
        return helper_refuse(hsm->helper, err);
    return buf_append(&hsm->candidates, view_of_string("  '"), err) &&
           buf_append(&hsm->candidates, view_of_string(text), err) &&
           buf_append(&hsm->candidates, view_of_string("'\n"), err);
}

static bool fetch_candidates(struct hsm *hsm, struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_CANDIDATES};
    struct wire_reply r;

    buf_free(&hsm->candidates);
    if (!request(hsm, &q, WIRE_CANDIDATE, WIRE_END, &r, err))
        return false;
    for (size_t n = 0; r.type == WIRE_CANDIDATE; n++) {
        if (n == WIRE_ITEMS_MAX)
            return helper_refuse(hsm->helper, err);
        if (!add_candidate(hsm, &r, err) || !helper_hear(hsm->helper, &r, err))
            return false;
    }
    if (r.type != WIRE_END)
        return helper_refuse(hsm->helper, err);
    return hsm->candidates.len == 0 || buf_append(&hsm->candidates, view_of("", 1), err);
}

/* A selection that failed: the error stands, whether or not there are candidates. */
static bool not_selected(struct hsm *hsm, const struct wire_reply *r)
{
    struct ens_err ignored = {0};

    if (r->type == WIRE_ERROR && (r->flags & WIRE_HAS_CANDIDATES) != 0 && !fetch_candidates(hsm, &ignored))
        buf_free(&hsm->candidates);
    return false;
}

const char *hsm_candidates(const struct hsm *hsm)
{
    return hsm != NULL && hsm->candidates.len > 0 ? (const char *)hsm->candidates.data : NULL;
}

/* ---- module and token ---- */

bool hsm_start(const struct hsm_open_args *args, struct hsm **ret, struct ens_err *err)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = mem_alloc(1, sizeof *hsm, err);

    if (hsm == NULL || !helper_start(args, &hsm->helper, err))
        return false;
    *ret = ens_take(hsm);
    return true;
}

/* The remedy, if there is no such module. */
static bool add_installed(struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *installed = NULL;
    const struct ens_err before = *err;

    return hsm_installed_modules(&installed, err) &&
           ens_fail(err, before.code, "%s; installed here: %s", before.msg, installed);
}

bool hsm_load(struct hsm *hsm, const struct hsm_open_args *args, struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_OPEN,
                             .flags = args->module_args != NULL ? WIRE_HAS_TEXT : 0,
                             .text = view_of_string(args->module != NULL ? args->module : ""),
                             .more = view_of_string(args->module_args != NULL ? args->module_args : "")};
    struct wire_reply r = {0};

    if (!helper_greet(hsm->helper, err))
        return false;
    if (!request(hsm, &q, WIRE_OK, WIRE_OK, &r, err))
        return r.type == WIRE_ERROR && !helper_has_called(hsm->helper) ? add_installed(err) : false;
    helper_opened(hsm->helper);
    return true;
}

bool hsm_open(const struct hsm_open_args *args, struct hsm **ret, struct ens_err *err)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = NULL;

    if (!hsm_start(args, &hsm, err) || !hsm_load(hsm, args, err))
        return false;
    *ret = ens_take(hsm);
    return true;
}

const char *hsm_walls(const struct hsm *hsm)
{
    static const char *const words[] = {"", "signals", "calls", "signals,calls"};

    return words[helper_walls(hsm->helper) & (WIRE_WALL_SCOPE | WIRE_WALL_CALLS)];
}

void hsm_closep(struct hsm **hsm)
{
    struct hsm *h = *hsm;

    if (h == NULL)
        return;
    helper_endp(&h->helper);
    client_free_items(h);
    buf_free(&h->candidates);
    mem_free(h);
    *hsm = NULL;
}

static struct view uri_view(const struct hsm_uri *uri)
{
    return view_of_string(uri != NULL ? uri_path(uri) : "");
}

bool hsm_select_token(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_token **ret,
                      struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_SELECT_TOKEN, .text = uri_view(uri)};
    struct wire_reply r = {0};
    const struct hsm_token *token = NULL;

    if (!request(hsm, &q, WIRE_TOKEN, WIRE_TOKEN, &r, err))
        return not_selected(hsm, &r);
    if (!client_take_token(hsm, &r, uri, &token, err))
        return false;
    hsm->token = token;
    hsm->key = NULL;
    helper_set_pin_pad(hsm->helper, token->pin_pad);
    if (ret != NULL)
        *ret = token;
    return true;
}

bool hsm_login(struct hsm *hsm, const struct secret *pin, bool allow_final_try, struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_LOGIN, .flags = allow_final_try ? WIRE_FINAL_TRY : 0};
    struct wire_reply r;

    /* A PIN is typed at a PIN pad and nowhere else. */
    if (pin != NULL && hsm->token != NULL && !hsm->token->pin_pad) {
        q.flags |= WIRE_HAS_PIN;
        q.secret = view_of(pin->data, pin->len);
    }
    return request(hsm, &q, WIRE_OK, WIRE_OK, &r, err);
}

/* ---- keys ---- */

bool hsm_select_key(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_key **ret,
                    struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_SELECT_KEY, .text = uri_view(uri)};
    struct wire_reply r = {0};
    const struct hsm_key *key = NULL;

    if (!request(hsm, &q, WIRE_KEY, WIRE_KEY, &r, err))
        return not_selected(hsm, &r);
    if (!client_take_key(hsm, &r, uri, &key, err))
        return false;
    hsm->key = key;
    *ret = key;
    return true;
}

bool hsm_public_key(struct hsm *hsm, struct pubkey *ret, struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_PUBLIC_KEY};
    struct wire_reply r;

    if (!request(hsm, &q, WIRE_PUBKEY, WIRE_PUBKEY, &r, err))
        return false;
    if (hsm->key == NULL || !hsm->key->has_pubkey ||
        memcmp(r.fixed.data, hsm->key->pubkey.modulus, PUBKEY_SIZE) != 0)
        return helper_refuse(hsm->helper, err);
    *ret = hsm->key->pubkey;
    return true;
}

/* Asks for a list and takes all of it before anything of it is told, because whoever is told may ask. The last
 * one is `hsm->items`; `*ret_count` of them, newest first. */
static bool take_list(struct hsm *hsm, struct wire_request *q, enum wire_type type,
                      const struct hsm_uri *asked, size_t *ret_count, struct ens_err *err)
{
    const struct hsm_token *token = NULL;
    const struct hsm_key *key = NULL;
    struct wire_reply r;
    size_t count = 0;

    if (!request(hsm, q, type, WIRE_END, &r, err))
        return false;
    for (; r.type == type; count++) {
        if (count == WIRE_ITEMS_MAX)
            return helper_refuse(hsm->helper, err);
        if (type == WIRE_TOKEN ? !client_take_token(hsm, &r, asked, &token, err)
                               : !client_take_key(hsm, &r, asked, &key, err))
            return false;
        if (!helper_hear(hsm->helper, &r, err))
            return false;
    }
    *ret_count = count;
    return r.type == WIRE_END || helper_refuse(hsm->helper, err);
}

/* The `count` newest items, oldest first. Release with mem_free. */
static struct item **newest(const struct hsm *hsm, size_t count, struct ens_err *err)
{
    struct item **ret = mem_alloc(count + 1, sizeof(struct item *), err);
    struct item *item = hsm->items;

    for (size_t i = count; ret != NULL && i > 0; i--) {
        ret[i - 1] = item;
        item = item->next;
    }
    return ret;
}

bool hsm_list_keys(struct hsm *hsm, bool (*each)(void *ctx, const struct hsm_key *key, struct ens_err *err),
                   void *ctx, struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_LIST_KEYS};
    size_t count = 0;

    if (!take_list(hsm, &q, WIRE_KEY, NULL, &count, err))
        return false;
    ENS_CLEANUP(mem_freep) struct item **items = newest(hsm, count, err);

    for (size_t i = 0; items != NULL && i < count; i++) {
        if (!each(ctx, &items[i]->key, err))
            return false;
    }
    return items != NULL;
}

bool hsm_list_tokens(struct hsm *hsm, const struct hsm_uri *uri,
                     bool (*each)(void *ctx, const struct hsm_token *token, struct ens_err *err), void *ctx,
                     struct ens_err *err)
{
    struct wire_request q = {
        .type = WIRE_LIST_TOKENS, .flags = uri != NULL ? WIRE_HAS_TEXT : 0, .text = uri_view(uri)};
    size_t count = 0;

    if (!take_list(hsm, &q, WIRE_TOKEN, uri, &count, err))
        return false;
    ENS_CLEANUP(mem_freep) struct item **items = newest(hsm, count, err);

    for (size_t i = 0; items != NULL && i < count; i++) {
        if (!interrupt_check(err) || !each(ctx, &items[i]->token, err))
            return false;
    }
    return items != NULL;
}

/* ---- signature ---- */

/* Who is asked for the PIN of one use of a key. */
struct asked {
    bool (*pin)(void *ctx, struct secret *ret, struct ens_err *err);
    void *ctx;
};

/* Answers the one question that a use may have. Also if there is no PIN, what follows is heard. */
static bool give_pin(struct hsm *hsm, const struct asked *asked, struct wire_reply *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};
    struct wire_request q = {.type = WIRE_NO_PIN};
    struct ens_err ignored = {0};
    bool has_pin = asked->pin != NULL && asked->pin(asked->ctx, &pin, err);

    if (has_pin) {
        q.type = WIRE_PIN;
        q.secret = view_of(pin.data, pin.len);
        if (!helper_ask(hsm->helper, &q, err))
            return false;
        secret_wipe(&pin);
        return helper_hear(hsm->helper, ret, err);
    }
    if (helper_ask(hsm->helper, &q, &ignored) && helper_hear(hsm->helper, ret, &ignored))
        return helper_refuse(hsm->helper, err);
    return false;
}

/* Has the selected key do `q`, which is answered by `wanted`. */
static bool use_key(struct hsm *hsm, struct wire_request *q, const struct asked *asked, enum wire_type wanted,
                    struct wire_reply *ret, struct ens_err *err)
{
    bool wants_pin = hsm->key != NULL && hsm->key->always_authenticate == HSM_YES;
    bool can_ask = wants_pin && asked->pin != NULL && (hsm->token == NULL || !hsm->token->pin_pad);

    q->flags = can_ask ? WIRE_CAN_ASK : 0;
    if (!request(hsm, q, wanted, can_ask ? WIRE_NEED_PIN : wanted, ret, err) ||
        (ret->type == WIRE_NEED_PIN && !give_pin(hsm, asked, ret, err)))
        return false;
    /* A second question: nobody types a PIN twice. */
    return ret->type == wanted || helper_refuse(hsm->helper, err);
}

static bool ask_signature(struct hsm *hsm, const struct hsm_sign_args *args,
                          uint8_t ret[static SIGNATURE_SIZE], struct ens_err *err)
{
    const struct asked asked = {args->ask_pin, args->ask_ctx};
    struct wire_request q = {.type = WIRE_SIGN,
                             .integer = (uint64_t)args->mechanism,
                             .digest = view_of(args->digest, WIRE_DIGEST),
                             .more = args->message};
    struct wire_reply r;

    if (!use_key(hsm, &q, &asked, WIRE_SIGNATURE_IS, &r, err))
        return false;
    memcpy(ret, r.fixed.data, SIGNATURE_SIZE);
    return true;
}

bool hsm_sign(struct hsm *hsm, const struct hsm_sign_args *args, uint8_t ret[static SIGNATURE_SIZE],
              struct ens_err *err)
{
    hsm->signs++;
    bool ok = ask_signature(hsm, args, ret, err);

    hsm->signatures += ok;
    hsm->is_unanswered = !ok && helper_is_over(hsm->helper);
    return ok;
}

static uint64_t within(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The page is the module's word: no more than was asked for, and no less than was seen. */
void hsm_sign_calls(const struct hsm *hsm, uint64_t *ret_started, uint64_t *ret_completed)
{
    uint64_t started = 0;
    uint64_t completed = 0;

    helper_sign_calls(hsm->helper, &started, &completed);
    *ret_started = within(started, hsm->signatures + hsm->is_unanswered, hsm->signs);
    *ret_completed = within(completed, hsm->signatures, *ret_started);
}

/* ---- decryption ---- */

bool hsm_decrypt(struct hsm *hsm, const struct hsm_decrypt_args *args, struct secret *ret,
                 struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret key = {0};
    const struct asked asked = {args->ask_pin, args->ask_ctx};
    struct wire_request q = {.type = WIRE_DECRYPT, .integer = (uint64_t)args->oaep, .more = args->wrapped};
    struct wire_reply r;

    if (!secret_alloc(&key, err) || !use_key(hsm, &q, &asked, WIRE_UNWRAPPED, &r, err))
        return false;
    memcpy(key.data, r.fixed.data, r.fixed.len);
    key.len = r.fixed.len;
    helper_forget(hsm->helper);
    *ret = key;
    key = (struct secret){0};
    return true;
}

/* ---- key generation ---- */

bool hsm_generate(struct hsm *hsm, const struct hsm_generate_args *args, const struct hsm_key **ret,
                  struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_GENERATE,
                             .flags = args->is_sealing ? WIRE_SEALING : 0,
                             .text = view_of_string(args->label != NULL ? args->label : ""),
                             .more = args->id};
    struct wire_reply r;
    const struct hsm_key *key = NULL;

    if (!request(hsm, &q, WIRE_KEY, WIRE_KEY, &r, err) || !client_take_key(hsm, &r, NULL, &key, err))
        return false;
    hsm->key = key;
    *ret = key;
    return true;
}

static bool destroy(struct hsm *hsm, uint64_t flags, struct ens_err *err)
{
    struct wire_request q = {.type = WIRE_DESTROY, .flags = flags};
    struct wire_reply r;

    hsm->key = NULL;
    return request(hsm, &q, WIRE_OK, WIRE_OK, &r, err);
}

bool hsm_destroy_generated(struct hsm *hsm, struct ens_err *err)
{
    return destroy(hsm, 0, err);
}

bool hsm_destroy_key(struct hsm *hsm, struct ens_err *err)
{
    return destroy(hsm, WIRE_SELECTED, err);
}
