/* Keys: listing them, and selecting exactly one. If a URI matches none or several, the error lists what could
 * be meant, as URIs that can be pasted. */
#include "hsm/token/internal.h"

#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"

static const CK_OBJECT_CLASS class_private = CKO_PRIVATE_KEY;

/* ---- all keys ---- */

/* The token's URI, and what tells the key from the others: label, or id, or both, an empty one included. */
static bool name_key(struct hsm *hsm, struct key *k, bool label_is_unique, bool id_is_unique,
                     struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    bool by_label = k->raw_label.len > 0 && label_is_unique;
    bool by_id = !by_label && k->raw_id.len > 0 && id_is_unique && k->raw_label.len == 0;

    if (!buf_append(&b, view_of_string(hsm->token->uri), err))
        return false;
    if (!by_id && !uri_put(&b, URI_OBJECT, buf_view(&k->raw_label), err))
        return false;
    if (!by_label && !uri_put(&b, URI_ID, buf_view(&k->raw_id), err))
        return false;
    mem_freep(&k->uri);
    k->uri = mem_strndup((const char *)b.data, b.len, err);
    k->public.uri = k->uri;
    return k->uri != NULL;
}

struct key_list {
    struct key **keys;
    size_t count;
};

static void key_list_free(struct key_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        key_freep(&list->keys[i]);
    mem_free(list->keys);
    *list = (struct key_list){0};
}

static int compare_bytes(const struct buf *a, const struct buf *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len > 0 ? memcmp(a->data, b->data, len) : 0;

    return order != 0 ? order : a->len < b->len ? -1 : a->len > b->len;
}

static int by_label_and_id(const void *a, const void *b)
{
    const struct key *left = *(struct key *const *)a;
    const struct key *right = *(struct key *const *)b;
    int order = compare_bytes(&left->raw_label, &right->raw_label);

    return order != 0 ? order : compare_bytes(&left->raw_id, &right->raw_id);
}

/* Has no other key of the list this label (or this id)? */
static bool is_alone(const struct key_list *list, size_t index, bool by_id)
{
    const struct key *k = list->keys[index];

    for (size_t i = 0; i < list->count; i++) {
        const struct key *other = list->keys[i];

        if (i != index && compare_bytes(by_id ? &k->raw_id : &k->raw_label,
                                        by_id ? &other->raw_id : &other->raw_label) == 0)
            return false;
    }
    return true;
}

static int by_handle(const void *a, const void *b)
{
    CK_OBJECT_HANDLE left = *(const CK_OBJECT_HANDLE *)a;
    CK_OBJECT_HANDLE right = *(const CK_OBJECT_HANDLE *)b;

    return left < right ? -1 : left > right;
}

/* Every private key once: some modules give a handle twice. */
static bool find_all(struct hsm *hsm, CK_OBJECT_HANDLE **ret, size_t *ret_count, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;
    size_t kept = 0;
    CK_ATTRIBUTE wanted[] = {key_attr(CKA_CLASS, &class_private, sizeof class_private)};

    if (!key_find(hsm, wanted, 1, HSM_KEYS_MAX + 1, &found, &count, err))
        return false;
    if (count > HSM_KEYS_MAX)
        return ens_fail(err, ENS_DEVICE, "token '%s' has more than %d private keys: ensign lists no more",
                        hsm->token->label, HSM_KEYS_MAX);
    if (count > 0)
        qsort(found, count, sizeof *found, by_handle);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || found[i] != found[i - 1])
            found[kept++] = found[i];
    }
    *ret = ens_take(found);
    *ret_count = kept;
    return true;
}

/* Every private key of the selected token, sorted by label and id. */
static bool load_all(struct hsm *hsm, struct key_list *list, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;

    if (!find_all(hsm, &found, &count, err))
        return false;
    list->keys = mem_alloc(count, sizeof(struct key *), err);
    if (list->keys == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!call_allowed(hsm->page, err) || !key_load(hsm, found[i], &list->keys[i], err))
            return false;
        list->count++;
    }
    if (count > 0)
        qsort(list->keys, count, sizeof(struct key *), by_label_and_id);
    for (size_t i = 0; i < count; i++) {
        if (!name_key(hsm, list->keys[i], is_alone(list, i, false), is_alone(list, i, true), err))
            return false;
    }
    return true;
}

bool key_each(struct hsm *hsm, bool (*each)(void *ctx, const struct hsm_key *key, struct ens_err *err),
              void *ctx, struct ens_err *err)
{
    ENS_CLEANUP(key_list_free) struct key_list list = {0};

    if (!session_require(hsm, false, err) || !load_all(hsm, &list, err))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        if (!each(ctx, &list.keys[i]->public, err))
            return false;
    }
    return true;
}

/* ---- selecting one ---- */

/* `loosely`: zero bytes and blanks at the end of a label make no difference. */
static bool key_matches(const struct key *k, const struct hsm_uri *uri, bool loosely)
{
    struct view label = buf_view(&k->raw_label);
    struct view wanted;

    if (!uri_matches(uri, URI_ID, buf_view(&k->raw_id)))
        return false;
    return uri_matches(uri, URI_OBJECT, label) ||
           (loosely && uri_get(uri, URI_OBJECT, &wanted) && view_equal(uri_trim(wanted), uri_trim(label)));
}

static size_t count_matches(const struct key_list *list, const struct hsm_uri *uri, bool loosely, size_t *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (key_matches(list->keys[i], uri, loosely)) {
            *ret = i;
            count++;
        }
    }
    return count;
}

static bool no_key(struct hsm *hsm, const struct key_list *list, const struct hsm_uri *uri,
                   struct ens_err *err)
{
    ENS_CLEANUP(candidates_free) struct candidates c = {0};
    struct view wanted;
    char name[64] = "";

    if (list->count == 0)
        return ens_fail(err, ENS_NOTFOUND, "token '%s' has no private key%s", hsm->token->label,
                        hsm->logged_in ? ": make one with 'ensign keygen'"
                                       : " that it shows without a PIN: give --pin-source");
    if (uri_get(uri, URI_OBJECT, &wanted)) {
        text_printable(name, sizeof name, (const char *)wanted.data, wanted.len);
        c.wanted = name;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!candidates_add(&c, list->keys[i]->label, list->keys[i]->uri, err))
            return false;
    }
    if (candidates_has_near(&c))
        return candidates_fail(hsm, &c, ENS_NOTFOUND, "", err,
                               "no private key on token '%s' has the label '%s'", hsm->token->label, name);
    return candidates_fail(hsm, &c, ENS_NOTFOUND, "it has", err,
                           "no private key on token '%s' matches '%.160s'", hsm->token->label,
                           hsm_uri_text(uri));
}

/* Several match; names those that no URI can tell apart, because another key has the same label and id. */
static bool several_keys(struct hsm *hsm, const struct key_list *list, const struct hsm_uri *uri,
                         bool loosely, struct ens_err *err)
{
    ENS_CLEANUP(candidates_free) struct candidates c = {0};
    bool same = false;

    for (size_t i = 0; i < list->count; i++) {
        const struct key *k = list->keys[i];

        if (!key_matches(k, uri, loosely))
            continue;
        if (i > 0 && by_label_and_id(&list->keys[i - 1], &list->keys[i]) == 0)
            same = true;
        else if (!candidates_add(&c, k->label, k->uri, err))
            return false;
    }
    return candidates_fail(
        hsm, &c, ENS_AMBIGUOUS,
        same ? "some have the same label and the same id: give one another CKA_ID:" : "name one of them:",
        err, "several private keys on token '%s' match '%.160s'", hsm->token->label, hsm_uri_text(uri));
}

/* The one key among all that matches exactly, else the one that matches loosely. `was_found`: the module's
 * own search gave one. */
static bool scan(struct hsm *hsm, const struct hsm_uri *uri, bool was_found, struct key **ret,
                 struct ens_err *err)
{
    ENS_CLEANUP(key_list_free) struct key_list list = {0};
    size_t at = 0;

    if (!load_all(hsm, &list, err))
        return false;
    size_t count = count_matches(&list, uri, false, &at);
    bool loosely = count == 0;

    if (loosely)
        count = count_matches(&list, uri, true, &at);
    if (count == 0 && was_found)
        return ens_fail(
            err, ENS_DEVICE,
            "token '%s' gave a key for '%.160s' that has another label or id: the module's search is broken",
            hsm->token->label, hsm_uri_text(uri));
    if (count == 0)
        return no_key(hsm, &list, uri, err);
    if (count > 1)
        return several_keys(hsm, &list, uri, loosely, err);
    *ret = list.keys[at];
    list.keys[at] = NULL;
    return true;
}

static bool check_type(const struct hsm_uri *uri, struct ens_err *err)
{
    struct view type;

    if (uri_get(uri, URI_TYPE, &type) && !view_equal(type, view_of_string("private")))
        return ens_fail(err, ENS_USAGE,
                        "'%.160s' does not name a private key: write type=private, or leave type out",
                        hsm_uri_text(uri));
    return true;
}

/* Does the URI ask for a label or an id that can be searched for? */
static bool is_asked(const struct hsm_uri *uri)
{
    struct view v;

    return (uri_get(uri, URI_ID, &v) && v.len > 0) || (uri_get(uri, URI_OBJECT, &v) && v.len > 0);
}

/* The URI may name the token as well, and then it must be the selected one. */
static bool check_token(const struct hsm *hsm, const struct hsm_uri *uri, struct ens_err *err)
{
    return token_matches(hsm, hsm->token, uri) ||
           ens_fail(err, ENS_NOTFOUND,
                    "'%.160s' names another token than '%s', which was selected: name one token",
                    hsm_uri_text(uri), hsm->token->uri);
}

/* Finds up to two private keys by what `uri` says of label and id; an empty value cannot be searched for. */
static bool find_private(struct hsm *hsm, const struct hsm_uri *uri, CK_OBJECT_HANDLE **ret,
                         size_t *ret_count, struct ens_err *err)
{
    CK_ATTRIBUTE wanted[3] = {key_attr(CKA_CLASS, &class_private, sizeof class_private)};
    size_t count = 1;
    struct view v;

    if (uri_get(uri, URI_ID, &v) && v.len > 0)
        wanted[count++] = key_attr(CKA_ID, v.data, v.len);
    if (uri_get(uri, URI_OBJECT, &v) && v.len > 0)
        wanted[count++] = key_attr(CKA_LABEL, v.data, v.len);
    return key_find(hsm, wanted, count, 2, ret, ret_count, err);
}

/* Is there one private key at most with this attribute? An empty value cannot be searched for. */
static bool is_unique(struct hsm *hsm, CK_ATTRIBUTE_TYPE type, const struct buf *value, bool *ret,
                      struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;
    CK_ATTRIBUTE wanted[] = {key_attr(CKA_CLASS, &class_private, sizeof class_private),
                             key_attr(type, value->data, value->len)};

    *ret = false;
    if (value->len == 0)
        return true;
    if (!key_find(hsm, wanted, 2, 2, &found, &count, err))
        return false;
    *ret = count == 1;
    return true;
}

bool key_take(struct hsm *hsm, struct key **key, struct ens_err *err)
{
    bool label = false;
    bool id = false;

    if ((*key)->uri == NULL &&
        (!is_unique(hsm, CKA_LABEL, &(*key)->raw_label, &label, err) ||
         !is_unique(hsm, CKA_ID, &(*key)->raw_id, &id, err) || !name_key(hsm, *key, label, id, err)))
        return false;
    key_freep(&hsm->key);
    hsm->key = ens_take(*key);
    return true;
}

bool key_select(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_key **ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    ENS_CLEANUP(key_freep) struct key *k = NULL;
    size_t count = 0;

    if (!check_type(uri, err) || !session_require(hsm, false, err) || !check_token(hsm, uri, err) ||
        !find_private(hsm, uri, &found, &count, err))
        return false;
    if (count == 1 && !key_load(hsm, found[0], &k, err))
        return false;
    /* A module that ignores part of the search, gives a handle twice or pads labels does not choose the key:
     * then all are looked at. */
    if (k == NULL || !key_matches(k, uri, false)) {
        key_freep(&k);
        if (!scan(hsm, uri, count == 1 && is_asked(uri), &k, err))
            return false;
    }
    if (!key_take(hsm, &k, err))
        return false;
    *ret = &hsm->key->public;
    return true;
}

bool key_public(struct hsm *hsm, struct pubkey *ret, struct ens_err *err)
{
    if (hsm->key == NULL)
        return ens_fail(err, ENS_BUG, "key_public: no key is selected");
    const struct hsm_key *key = &hsm->key->public;

    if (key->why_not[0] != '\0' || !key->has_pubkey)
        return ens_fail(
            err, ENS_BADKEY,
            "key '%s' cannot sign enclaves: %s: choose another ('ensign keys' lists them), or make one "
            "with 'ensign keygen'",
            key->label, key->why_not);
    *ret = key->pubkey;
    return true;
}
