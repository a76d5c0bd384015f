/* Tokens: which ones the module has, which one a URI selects, and the flags that it shows. */
#include "hsm/token/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"

/* How often a list that grew between the two calls is asked for again. */
#define LIST_TRIES 3

/* ---- listing ---- */

/* C_GetSlotList: its two calls, for the slots that hold a token. */
static bool list_slots(struct hsm *hsm, CK_SLOT_ID **ret, size_t *ret_count, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_SLOT_ID *ids = NULL;
    CK_RV rv = CKR_BUFFER_TOO_SMALL;
    CK_ULONG count = 0;

    for (int i = 0; i < LIST_TRIES && rv == CKR_BUFFER_TOO_SMALL; i++) {
        rv = HSM_CALL(hsm, C_GetSlotList, CK_TRUE, NULL, &count);
        if (rv != CKR_OK)
            break;
        if (count > HSM_SLOTS_MAX)
            return ens_fail(err, ENS_DEVICE, "the module has %lu slots: ensign takes %d", count,
                            HSM_SLOTS_MAX);
        mem_freep(&ids);
        ids = mem_alloc(count, sizeof *ids, err);
        if (ids == NULL)
            return false;
        rv = HSM_CALL(hsm, C_GetSlotList, CK_TRUE, ids, &count);
    }
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "C_GetSlotList");
    *ret = ens_take(ids);
    *ret_count = count;
    return true;
}

static struct view field(const unsigned char *text, size_t size)
{
    return uri_trim(view_of(text, size));
}

static void print_field(char *ret, size_t cap, const unsigned char *text, size_t size)
{
    struct view v = field(text, size);

    text_printable(ret, cap, (const char *)v.data, v.len);
}

/* Fills `t` from slot `id`. `*ret_usable` is false for a slot without a token. */
static CK_RV read_slot(struct hsm *hsm, CK_SLOT_ID id, struct token *t, bool *ret_usable,
                       const char **ret_call)
{
    *ret_usable = false;
    *ret_call = "C_GetSlotInfo";
    CK_RV rv = HSM_CALL(hsm, C_GetSlotInfo, id, &t->slot);

    if (rv != CKR_OK)
        return rv;
    *ret_call = "C_GetTokenInfo";
    rv = HSM_CALL(hsm, C_GetTokenInfo, id, &t->info);
    if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_TOKEN_NOT_RECOGNIZED)
        return CKR_OK;
    if (rv != CKR_OK)
        return rv;
    t->public.slot_id = id;
    *ret_usable = true;
    return CKR_OK;
}

static void set_flags(struct token *t)
{
    CK_FLAGS flags = t->info.flags;

    t->public.pin_pad = (flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    t->public.count_low = (flags & CKF_USER_PIN_COUNT_LOW) != 0;
    t->public.final_try = (flags & CKF_USER_PIN_FINAL_TRY) != 0;
    t->public.locked = (flags & CKF_USER_PIN_LOCKED) != 0;
    t->public.login_required = (flags & CKF_LOGIN_REQUIRED) != 0;
}

static void set_texts(struct token *t)
{
    print_field(t->label, sizeof t->label, t->info.label, sizeof t->info.label);
    print_field(t->manufacturer, sizeof t->manufacturer, t->info.manufacturerID,
                sizeof t->info.manufacturerID);
    print_field(t->model, sizeof t->model, t->info.model, sizeof t->info.model);
    print_field(t->serial, sizeof t->serial, t->info.serialNumber, sizeof t->info.serialNumber);
    t->public.label = t->label;
    t->public.manufacturer = t->manufacturer;
    t->public.model = t->model;
    t->public.serial = t->serial;
    set_flags(t);
}

static bool same_name(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
    return view_equal(field(a->label, sizeof a->label), field(b->label, sizeof b->label)) &&
           view_equal(field(a->serialNumber, sizeof a->serialNumber),
                      field(b->serialNumber, sizeof b->serialNumber));
}

/* Label and serial number name a token, unless another one has the same. */
static bool set_uri(struct hsm *hsm, struct token *t, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    bool is_unique = true;

    for (size_t i = 0; i < hsm->token_count; i++)
        is_unique = is_unique && (&hsm->tokens[i] == t || !same_name(&hsm->tokens[i].info, &t->info));
    if (!buf_append(&b, view_of_string("pkcs11:"), err) ||
        !uri_put(&b, URI_TOKEN, field(t->info.label, sizeof t->info.label), err) ||
        !uri_put(&b, URI_SERIAL, field(t->info.serialNumber, sizeof t->info.serialNumber), err))
        return false;
    if (!is_unique && !buf_printf(&b, err, ";slot-id=%lu", t->public.slot_id))
        return false;
    t->uri = mem_strndup((const char *)b.data, b.len, err);
    t->public.uri = t->uri;
    return t->uri != NULL;
}

static int by_slot_id(const void *a, const void *b)
{
    unsigned long left = ((const struct token *)a)->public.slot_id;
    unsigned long right = ((const struct token *)b)->public.slot_id;

    return left < right ? -1 : left > right;
}

/* Reads every slot once; the list then stays as it is until the module is closed. A slot that cannot be read
 * (a reader without its driver) does not take the others away. */
static bool list_tokens(struct hsm *hsm, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_SLOT_ID *ids = NULL;
    size_t count = 0;

    if (hsm->tokens_listed)
        return true;
    if (!list_slots(hsm, &ids, &count, err))
        return false;
    hsm->tokens = mem_alloc(count, sizeof *hsm->tokens, err);
    if (hsm->tokens == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct token *t = &hsm->tokens[hsm->token_count];
        bool usable = false;
        const char *call = NULL;
        CK_RV rv = read_slot(hsm, ids[i], t, &usable, &call);

        if (rv != CKR_OK && hsm->bad_slot.code == ENS_OK)
            (void)ckr_fail(&hsm->bad_slot, rv, "slot %lu: %s", ids[i], call);
        if (rv == CKR_OK && usable)
            hsm->token_count++;
        else
            *t = (struct token){0};
    }
    qsort(hsm->tokens, hsm->token_count, sizeof *hsm->tokens, by_slot_id);
    for (size_t i = 0; i < hsm->token_count; i++) {
        set_texts(&hsm->tokens[i]);
        if (!set_uri(hsm, &hsm->tokens[i], err))
            return false;
    }
    hsm->tokens_listed = true;
    return true;
}

void token_free_all(struct hsm *hsm)
{
    for (size_t i = 0; i < hsm->token_count; i++)
        mem_free(hsm->tokens[i].uri);
    mem_free(hsm->tokens);
    hsm->tokens = NULL;
    hsm->token_count = 0;
    hsm->tokens_listed = false;
    hsm->bad_slot = (struct ens_err){0};
}

/* ---- matching ---- */

/* CKF_TOKEN_INITIALIZED is a hint: some tokens with keys lack it (nShield's accelerator slot). Without it a
 * token counts if it has a label. */
static bool is_usable(const struct token *t)
{
    return (t->info.flags & CKF_TOKEN_INITIALIZED) != 0 || field(t->info.label, sizeof t->info.label).len > 0;
}

bool token_matches(const struct hsm *hsm, const struct token *t, const struct hsm_uri *uri)
{
    const struct {
        enum uri_attr attr;
        struct view actual;
    } fields[] = {
        {URI_TOKEN, view_of(t->info.label, sizeof t->info.label)},
        {URI_MANUFACTURER, view_of(t->info.manufacturerID, sizeof t->info.manufacturerID)},
        {URI_MODEL, view_of(t->info.model, sizeof t->info.model)},
        {URI_SERIAL, view_of(t->info.serialNumber, sizeof t->info.serialNumber)},
        {URI_SLOT_DESCRIPTION, view_of(t->slot.slotDescription, sizeof t->slot.slotDescription)},
        {URI_SLOT_MANUFACTURER, view_of(t->slot.manufacturerID, sizeof t->slot.manufacturerID)},
        {URI_LIBRARY_DESCRIPTION, view_of(hsm->info.libraryDescription, sizeof hsm->info.libraryDescription)},
        {URI_LIBRARY_MANUFACTURER, view_of(hsm->info.manufacturerID, sizeof hsm->info.manufacturerID)},
    };

    if (!is_usable(t))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!uri_matches(uri, fields[i].attr, fields[i].actual))
            return false;
    }
    return uri_matches_slot(uri, t->public.slot_id) &&
           uri_matches_version(uri, hsm->info.libraryVersion.major, hsm->info.libraryVersion.minor);
}

/* ---- looking again ---- */

static size_t count_matching(const struct hsm *hsm, const struct hsm_uri *uri, struct token **ret)
{
    size_t count = 0;

    for (size_t i = 0; i < hsm->token_count; i++) {
        if (token_matches(hsm, &hsm->tokens[i], uri)) {
            *ret = &hsm->tokens[i];
            count++;
        }
    }
    return count;
}

/* While another process writes to a token, a module may see no token there, an error, or an empty token, for
 * a moment: the list is read again before that is said. SoftHSM looks for tokens only when it is initialised:
 * where it shows none at all, it is started again. No session is open yet, and nobody was asked for a PIN. */
static bool list_with_patience(struct hsm *hsm, const struct hsm_uri *uri, struct token **ret,
                               size_t *ret_count, struct ens_err *err)
{
    static const long waits_ms[] = {20, 80, 150, 250};
    struct token *any = NULL;

    if (!list_tokens(hsm, err))
        return false;
    *ret_count = count_matching(hsm, uri, ret);
    for (size_t i = 0; *ret_count == 0 && hsm->token == NULL && i < sizeof waits_ms / sizeof waits_ms[0];
         i++) {
        const struct timespec wait = {.tv_nsec = waits_ms[i] * 1000000};
        bool is_blind = count_matching(hsm, NULL, &any) == 0;

        (void)nanosleep(&wait, NULL);
        token_free_all(hsm);
        if (!call_allowed(hsm->page, err) || (i > 0 && is_blind && !p11_restart(hsm, err)) ||
            !list_tokens(hsm, err))
            return false;
        *ret_count = count_matching(hsm, uri, ret);
    }
    return true;
}

bool token_each(struct hsm *hsm, const struct hsm_uri *uri,
                bool (*each)(void *ctx, const struct hsm_token *token, struct ens_err *err), void *ctx,
                struct ens_err *err)
{
    struct token *found = NULL;
    size_t count = 0;

    if (!list_with_patience(hsm, NULL, &found, &count, err))
        return false;
    if (count == 0 && hsm->bad_slot.code != ENS_OK) {
        *err = hsm->bad_slot;
        return false;
    }
    for (size_t i = 0; i < hsm->token_count; i++) {
        if (!token_matches(hsm, &hsm->tokens[i], uri))
            continue;
        if (!call_allowed(hsm->page, err) || !each(ctx, &hsm->tokens[i].public, err))
            return false;
    }
    return true;
}

/* A token's URI, and what `wanted` says of the key: it is the key that is looked for. */
static bool keep_key(const char *token, const struct hsm_uri *wanted, char **ret, struct ens_err *err)
{
    static const enum uri_attr attrs[] = {URI_OBJECT, URI_ID, URI_TYPE};
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct view value;

    if (!buf_append(&b, view_of_string(token), err))
        return false;
    for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++) {
        if (wanted != NULL && uri_get(wanted, attrs[i], &value) && !uri_put(&b, attrs[i], value, err))
            return false;
    }
    *ret = mem_strndup((const char *)b.data, b.len, err);
    return *ret != NULL;
}

/* The tokens that match `among` (NULL: all), as candidates for `wanted`. */
static bool add_matching(const struct hsm *hsm, const struct hsm_uri *among, const struct hsm_uri *wanted,
                         struct candidates *c, struct ens_err *err)
{
    for (size_t i = 0; i < hsm->token_count; i++) {
        const struct token *t = &hsm->tokens[i];

        ENS_CLEANUP(mem_freep) char *text = NULL;

        if (token_matches(hsm, t, among) &&
            (!keep_key(t->uri, wanted, &text, err) || !candidates_add(c, t->label, text, err)))
            return false;
    }
    return true;
}

static bool none_matches(struct hsm *hsm, const struct hsm_uri *uri, struct ens_err *err)
{
    ENS_CLEANUP(candidates_free) struct candidates c = {0};
    struct view wanted;
    char name[64] = "";

    /* The slot that could not be read may be the one. */
    if (hsm->bad_slot.code != ENS_OK) {
        *err = hsm->bad_slot;
        return ens_wrap(err, "no token matches '%.160s', and a slot cannot be read", hsm_uri_text(uri));
    }
    if (uri_get(uri, URI_TOKEN, &wanted)) {
        text_printable(name, sizeof name, (const char *)wanted.data, wanted.len);
        c.wanted = name;
    }
    if (!add_matching(hsm, NULL, uri, &c, err))
        return false;
    if (c.count == 0)
        return ens_fail(err, ENS_NOTFOUND,
                        "no token matches '%.160s': the module has no initialised token: "
                        "connect it, or check the module's own configuration",
                        hsm_uri_text(uri));
    if (candidates_has_near(&c))
        return candidates_fail(hsm, &c, ENS_NOTFOUND, "", err, "no token has the label '%s'", name);
    return candidates_fail(hsm, &c, ENS_NOTFOUND, "the module has", err, "no token matches '%.160s'",
                           hsm_uri_text(uri));
}

/* ---- selecting ---- */

bool token_select(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_token **ret,
                  struct ens_err *err)
{
    ENS_CLEANUP(candidates_free) struct candidates c = {0};
    struct token *found = NULL;
    size_t count = 0;

    if (!list_with_patience(hsm, uri, &found, &count, err))
        return false;
    if (count == 0)
        return none_matches(hsm, uri, err);
    if (count > 1)
        return add_matching(hsm, uri, uri, &c, err) &&
               candidates_fail(hsm, &c, ENS_AMBIGUOUS, "name one of them:", err, "%zu tokens match '%.160s'",
                               count, hsm_uri_text(uri));
    if (found != hsm->token)
        session_leave(hsm);
    hsm->token = found;
    if (ret != NULL)
        *ret = &found->public;
    return true;
}

/* ---- the selected one again ---- */

/* While another process writes to the token, a module may fail or show an empty token for a moment. */
static CK_RV read_again(struct hsm *hsm, CK_TOKEN_INFO *ret, bool *ret_same)
{
    static const long waits_ms[] = {0, 20, 80, 150};
    CK_RV rv = CKR_OK;

    *ret_same = false;
    for (size_t i = 0; !*ret_same && i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        const struct timespec wait = {.tv_nsec = waits_ms[i] * 1000000};

        (void)nanosleep(&wait, NULL);
        rv = HSM_CALL(hsm, C_GetTokenInfo, hsm->token->public.slot_id, ret);
        *ret_same = rv == CKR_OK && same_name(ret, &hsm->token->info);
    }
    return rv;
}

bool token_refresh(struct hsm *hsm, struct ens_err *err)
{
    CK_TOKEN_INFO info = {0};
    bool is_same = false;
    CK_RV rv = read_again(hsm, &info, &is_same);

    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_GetTokenInfo", hsm->token->label);
    if (!is_same)
        return ens_fail(
            err, ENS_DEVICE,
            "token '%s': another token is in its place now, and got no PIN: put the right one there, then "
            "repeat",
            hsm->token->label);
    hsm->token->info.flags = info.flags;
    set_flags(hsm->token);
    return true;
}
