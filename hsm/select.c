/* Keys: listing them, and selecting exactly one. Where a URI matches none or several, the error lists what
 * could be meant, as URIs that can be pasted. */
#include "hsm/internal.h"

#include <stdlib.h>
#include <string.h>

#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

static const CK_OBJECT_CLASS class_private = CKO_PRIVATE_KEY;

/* ---- all keys ---- */

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

static bool same_label(const struct key_list *list, size_t a, size_t b)
{
    return compare_bytes(&list->keys[a]->raw_label, &list->keys[b]->raw_label) == 0;
}

/* Every private key of the selected token, sorted by label and id. */
static bool load_all(struct hsm *hsm, struct key_list *list, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;
    CK_ATTRIBUTE wanted[] = {attr_of(CKA_CLASS, &class_private, sizeof class_private)};

    if (!attr_find(hsm, wanted, 1, HSM_KEYS_MAX + 1, &found, &count, err))
        return false;
    if (count > HSM_KEYS_MAX)
        return ens_fail(err, ENS_DEVICE, "token '%s' has more than %d private keys: ensign lists no more",
                        hsm->token->label, HSM_KEYS_MAX);
    list->keys = mem_alloc(count, sizeof(struct key *), err);
    if (list->keys == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!interrupt_check(err) || !key_load(hsm, found[i], &list->keys[i], err))
            return false;
        list->count++;
    }
    if (count > 0)
        qsort(list->keys, count, sizeof(struct key *), by_label_and_id);
    for (size_t i = 0; i < count; i++) {
        bool is_unique =
            (i == 0 || !same_label(list, i - 1, i)) && (i + 1 == count || !same_label(list, i, i + 1));

        if (!key_set_uri(hsm, list->keys[i], is_unique, err))
            return false;
    }
    return true;
}

bool hsm_list_keys(struct hsm *hsm, bool (*each)(void *ctx, const struct hsm_key *key, struct ens_err *err),
                   void *ctx, struct ens_err *err)
{
    ENS_CLEANUP(key_list_free) struct key_list list = {0};

    if (!token_session(hsm, false, err) || !load_all(hsm, &list, err))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        if (!each(ctx, &list.keys[i]->public, err))
            return false;
    }
    return true;
}

/* ---- selecting one ---- */

static bool key_matches(const struct key *k, const struct hsm_uri *uri)
{
    return uri_matches(uri, URI_OBJECT, buf_view(&k->raw_label)) &&
           uri_matches(uri, URI_ID, buf_view(&k->raw_id));
}

/* " 'URI' 'URI'" of the keys that match `uri` (NULL: all). `*ret_same` counts those that no URI can tell
 * apart, because another key has the same label and id. */
static bool candidates(const struct key_list *list, const struct hsm_uri *uri, struct buf *ret,
                       size_t *ret_same, struct ens_err *err)
{
    *ret_same = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct key *k = list->keys[i];

        if (!key_matches(k, uri))
            continue;
        if (i > 0 && by_label_and_id(&list->keys[i - 1], &list->keys[i]) == 0) {
            (*ret_same)++;
            continue;
        }
        if (!buf_append(ret, view_of_string(" '"), err) || !buf_append(ret, view_of_string(k->uri), err) ||
            !buf_append(ret, view_of_string("'"), err))
            return false;
    }
    return buf_append(ret, view_of("", 1), err);
}

static bool not_one_key(struct hsm *hsm, const struct hsm_uri *uri, bool is_ambiguous, struct ens_err *err)
{
    ENS_CLEANUP(key_list_free) struct key_list list = {0};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    const char *label = hsm->token->label;
    size_t same = 0;

    if (!load_all(hsm, &list, err) || !candidates(&list, is_ambiguous ? uri : NULL, &text, &same, err))
        return false;
    if (!is_ambiguous && list.count == 0)
        return ens_fail(err, ENS_NOTFOUND, "token '%s' has no private key%s: make one with 'ensign keygen'",
                        label, hsm->logged_in ? "" : " that it shows without a PIN");
    if (!is_ambiguous)
        return ens_fail(err, ENS_NOTFOUND, "no private key on token '%s' matches '%.160s': it has%s", label,
                        uri_text(uri), (const char *)text.data);
    if (same > 0)
        return ens_fail(
            err, ENS_AMBIGUOUS,
            "several private keys on token '%s' match '%.160s', and some have the same label and the "
            "same id: give one another CKA_ID:%s",
            label, uri_text(uri), (const char *)text.data);
    return ens_fail(err, ENS_AMBIGUOUS,
                    "several private keys on token '%s' match '%.160s': name one of them:%s", label,
                    uri_text(uri), (const char *)text.data);
}

static bool check_type(const struct hsm_uri *uri, struct ens_err *err)
{
    struct view type;

    if (uri_get(uri, URI_TYPE, &type) && !view_equal(type, view_of_string("private")))
        return ens_fail(err, ENS_USAGE,
                        "'%.160s' does not name a private key: write type=private, or leave type out",
                        uri_text(uri));
    return true;
}

/* Finds up to `max` private keys by what `uri` says of label and id. */
static bool find_private(struct hsm *hsm, const struct hsm_uri *uri, CK_OBJECT_HANDLE **ret,
                         size_t *ret_count, struct ens_err *err)
{
    CK_ATTRIBUTE wanted[3] = {attr_of(CKA_CLASS, &class_private, sizeof class_private)};
    size_t count = 1;
    struct view v;

    if (uri_get(uri, URI_ID, &v))
        wanted[count++] = attr_of(CKA_ID, v.data, v.len);
    if (uri_get(uri, URI_OBJECT, &v))
        wanted[count++] = attr_of(CKA_LABEL, v.data, v.len);
    return attr_find(hsm, wanted, count, 2, ret, ret_count, err);
}

bool hsm_select_key(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_key **ret,
                    struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    ENS_CLEANUP(key_freep) struct key *k = NULL;
    size_t count = 0;

    if (!check_type(uri, err) || !token_session(hsm, false, err) ||
        !find_private(hsm, uri, &found, &count, err))
        return false;
    if (count != 1)
        return not_one_key(hsm, uri, count > 1, err);
    if (!key_load(hsm, found[0], &k, err))
        return false;
    /* A module that ignores part of the search must not choose the key. */
    if (!key_matches(k, uri))
        return ens_fail(err, ENS_DEVICE,
                        "token '%s' gave key '%s' for '%.160s': the module's search is broken",
                        hsm->token->label, k->label, uri_text(uri));
    if (!key_take(hsm, &k, err))
        return false;
    *ret = &hsm->key->public;
    return true;
}
