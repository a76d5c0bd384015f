/* What ensign-token says of tokens and keys, looked at before it is believed. */
#include <string.h>

#include "hsm/client.h"
#include "hsm/uri.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

static void item_free(struct item *item)
{
    for (size_t i = 0; i < WIRE_TEXT_MAX; i++)
        mem_free(item->texts[i]);
    mem_free(item);
}

/* An item with printable copies of the texts. */
static struct item *new_item(const struct wire_reply *r, struct ens_err *err)
{
    struct item *item = mem_alloc(1, sizeof *item, err);

    for (size_t i = 0; item != NULL && i < WIRE_TEXT_MAX; i++) {
        item->texts[i] = mem_alloc(r->text[i].len + 1, 1, err);
        if (item->texts[i] == NULL) {
            item_free(item);
            return NULL;
        }
        if (r->text[i].len > 0)
            (void)text_printable(item->texts[i], r->text[i].len + 1, (const char *)r->text[i].data,
                                 r->text[i].len);
    }
    return item;
}

/* A label may end with blanks or zero bytes. One that is too long for a URI says nothing: it only names. */
bool client_agrees(const char *text, const struct hsm_uri *asked)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    struct ens_err ignored = {0};
    struct view a;
    struct view b;

    if (strlen(text) > URI_MAX)
        return true;
    if (!hsm_uri_parse(text, &uri, &ignored))
        return false;
    for (int i = 0; asked != NULL && i < URI_PIN_SOURCE; i++) {
        if (uri_get(uri, (enum uri_attr)i, &a) && uri_get(asked, (enum uri_attr)i, &b) && i != URI_TYPE &&
            !view_equal(uri_trim(a), uri_trim(b)))
            return false;
    }
    return true;
}

bool client_take_token(struct hsm *hsm, const struct wire_reply *r, const struct hsm_uri *asked,
                       const struct hsm_token **ret, struct ens_err *err)
{
    struct item *item = new_item(r, err);

    if (item == NULL)
        return false;
    item->token = (struct hsm_token){
        .label = item->texts[0],
        .manufacturer = item->texts[1],
        .model = item->texts[2],
        .serial = item->texts[3],
        .uri = item->texts[4],
        .slot_id = (unsigned long)r->integer,
        .pin_pad = (r->flags & WIRE_PIN_PAD) != 0,
        .count_low = (r->flags & WIRE_COUNT_LOW) != 0,
        .final_try = (r->flags & WIRE_LAST_TRY) != 0,
        .locked = (r->flags & WIRE_LOCKED) != 0,
        .login_required = (r->flags & WIRE_LOGIN_REQUIRED) != 0,
    };
    item->next = hsm->items;
    hsm->items = item;
    *ret = &item->token;
    return client_agrees(item->token.uri, asked) || helper_refuse(hsm->helper, err);
}

static enum hsm_claim claim(uint64_t value)
{
    return value == 2 ? HSM_YES : value == 1 ? HSM_NO : HSM_UNKNOWN;
}

/* A modulus, if it is known, of as many bits as the key says; one of 3072 bits for SIGSTRUCT is odd. */
static bool take_modulus(struct view v, struct item *item)
{
    struct hsm_key *k = &item->key;
    unsigned bits = k->modulus_bits;

    if (v.len == 0)
        return !k->has_pubkey;
    if (v.len != (bits + 7) / 8 || v.data[0] >> ((bits - 1) % 8) != 1)
        return false;
    memcpy(item->modulus, v.data, v.len);
    if (!k->has_pubkey)
        return true;
    memcpy(k->pubkey.modulus, v.data, PUBKEY_SIZE);
    return bits == PUBKEY_BITS && (v.data[v.len - 1] & 1) != 0;
}

bool client_take_key(struct hsm *hsm, const struct wire_reply *r, const struct hsm_uri *asked,
                     const struct hsm_key **ret, struct ens_err *err)
{
    struct item *item = new_item(r, err);

    if (item == NULL)
        return false;
    struct hsm_key *k = &item->key;

    *k = (struct hsm_key){
        .label = item->texts[0],
        .id_hex = item->texts[1],
        .uri = item->texts[2],
        .is_rsa = (r->flags & WIRE_IS_RSA) != 0,
        .modulus_bits = (unsigned)r->integer,
        .exponent = r->more,
        .has_pubkey = (r->flags & WIRE_HAS_PUBKEY) != 0,
        .modulus = {item->modulus, r->fixed.len},
        .has_rsa_pkcs = (r->flags & WIRE_RSA_PKCS) != 0,
        .has_sha256_rsa_pkcs = (r->flags & WIRE_SHA256_RSA_PKCS) != 0,
        .sign = claim(r->claims[0]),
        .sensitive = claim(r->claims[1]),
        .extractable = claim(r->claims[2]),
        .always_sensitive = claim(r->claims[3]),
        .never_extractable = claim(r->claims[4]),
        .local = claim(r->claims[5]),
        .decrypt = claim(r->claims[6]),
        .unwrap = claim(r->claims[7]),
        .always_authenticate = claim(r->claims[8]),
    };
    (void)text_printable(k->why_not, sizeof k->why_not, item->texts[3], strlen(item->texts[3]));
    item->next = hsm->items;
    hsm->items = item;
    *ret = k;
    if (!take_modulus(r->fixed, item))
        return helper_refuse(hsm->helper, err);
    return client_agrees(k->uri, asked) || helper_refuse(hsm->helper, err);
}

void client_free_items(struct hsm *hsm)
{
    while (hsm->items != NULL) {
        struct item *next = hsm->items->next;

        item_free(hsm->items);
        hsm->items = next;
    }
}
