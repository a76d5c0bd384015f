/* The sealing key of a holder. */
#include "signer/flow/sealing_key.h"

#include <stdio.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/flow/pin.h"
#include "signer/flow/signing_key.h"
#include "signer/flow/swap.h"
#include "signer/quorum/card.h"
#include "signer/quorum/number.h"
#include "signer/ui/notice.h"

const struct option sealing_key_rows[] = {
    OPTION_TOPIC("Which key opens the share"),
    {"key", 0, OPTION(URI_SAID, struct sealing_key_options, token.key), "URI",
     "RFC 7512 URI of the sealing key"},
    {"identity", 0, OPTION(FILE_ONCE, struct sealing_key_options, identity), "FILE",
     "the sealing key, under a passphrase"},
    {0},
};

struct sealing_key {
    struct token_session token;
    const struct hsm_key *key; /* in the token; NULL: */
    struct seal_key *identity;
    struct quorum_card card; /* without a name */
};

bool sealing_key_is_given(const struct sealing_key_options *args)
{
    return args->token.key != NULL || args->identity != NULL;
}

bool sealing_key_usage(const struct sealing_key_options *args, struct ens_err *err)
{
    if (args->token.key != NULL && args->identity != NULL)
        return ens_fail(err, ENS_USAGE, "--key and --identity name two sealing keys: give one");
    return args->token.key == NULL || token_usage(&args->token, "--key", args->token.key, err);
}

bool sealing_key_require(const struct sealing_key_options *args, struct ens_err *err)
{
    return (sealing_key_is_given(args) ||
            ens_fail(err, ENS_USAGE,
                     "--key: is missing: name the sealing key, --key URI or --identity FILE")) &&
           sealing_key_usage(args, err);
}

bool sealing_key_read(const struct hsm_key *key, struct quorum_card *ret, struct ens_err *err)
{
    struct ens_err why = {0};

    *ret = (struct quorum_card){0};
    if (key->exponent != HSM_SEALING_EXPONENT || key->modulus.len == 0)
        return ens_fail(err, ENS_BADKEY,
                        "key '%s': is not a sealing key: the token shows no RSA key with e = 65537",
                        key->label);
    if (!card_set_key(ret, key->modulus, &why))
        return ens_fail(err, ENS_BADKEY, "key '%s': is not a sealing key: %s", key->label, why.msg);
    if (key->decrypt == HSM_NO)
        return ens_fail(err, ENS_BADKEY,
                        "key '%s': is not a sealing key: it may not decrypt (CKA_DECRYPT is false)",
                        key->label);
    return true;
}

static bool open_in_token(const struct sealing_key_options *args, struct sealing_key *k, struct ens_err *err)
{
    if (!token_open_key(&args->token, 1, &k->token, &k->key, err) || !sealing_key_read(k->key, &k->card, err))
        return false;
    if (signing_key_leaves(k->key) != NULL)
        notice_warn("key '%s': %s", k->key->uri, signing_key_leaves(k->key));
    return true;
}

void sealing_key_warn_of_swap(const char *identity)
{
    struct ens_err ignored = {0};
    bool is_used = true;

    if (!swap_is_used(&is_used, &ignored) || is_used)
        notice_warn(
            "%s: swap is in use here, and a part of what the passphrase is tried with may reach the disk",
            identity);
}

static bool open_identity(const struct sealing_key_options *args, struct sealing_key *k, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct quorum_identity *identity = mem_alloc(1, sizeof *identity, err);
    ENS_CLEANUP(secret_wipe) struct secret passphrase = {0};
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *path = args->identity;
    char prompt[96];

    (void)snprintf(prompt, sizeof prompt, "Passphrase of %.64s", path_name(path));
    if (identity == NULL || !number_lock_memory(err) || !file_read_all(path, QUORUM_FILE_MAX, &file, err) ||
        !quorum_read(buf_view(&file), path, identity, err))
        return false;
    sealing_key_warn_of_swap(path);
    if (!pin_read(args->token.pin_source, false, prompt, &passphrase, err))
        return false;
    if (!seal_identity_open(identity, &passphrase, &k->identity, err))
        return ens_wrap(err, "%s", path);
    k->card = *seal_key_card(k->identity);
    return true;
}

bool sealing_key_open(const struct sealing_key_options *args, struct sealing_key **ret, struct ens_err *err)
{
    ENS_CLEANUP(sealing_key_closep) struct sealing_key *k = mem_alloc(1, sizeof *k, err);

    if (k == NULL || !(args->identity != NULL ? open_identity(args, k, err) : open_in_token(args, k, err)))
        return false;
    *ret = ens_take(k);
    return true;
}

void sealing_key_closep(struct sealing_key **key)
{
    if (*key == NULL)
        return;
    token_close(&(*key)->token);
    seal_key_freep(&(*key)->identity);
    mem_freep(key);
}

const struct quorum_card *sealing_key_card(const struct sealing_key *k)
{
    return &k->card;
}

struct token_session *sealing_key_token(struct sealing_key *k)
{
    return k->key != NULL ? &k->token : NULL;
}

bool sealing_key_unwrap(struct sealing_key *k, const struct quorum_sealed *box, struct secret *ret,
                        struct ens_err *err)
{
    struct view wrapped = view_of(box->wrapped, box->wrapped_len);

    if (memcmp(box->key, k->card.key, QUORUM_ID) != 0 || box->bits != k->card.bits)
        return ens_fail(err, ENS_BADKEY, "sealed to another key, %s, and this one is %s: name the right key",
                        hex_of(view_of(box->key, QUORUM_ID)).text,
                        hex_of(view_of(k->card.key, QUORUM_ID)).text);
    if (k->key != NULL)
        return token_decrypt(&k->token, box->oaep == QUORUM_OAEP_SHA1 ? HSM_OAEP_SHA1 : HSM_OAEP_SHA256,
                             wrapped, ret, err);
    if (seal_key_unwrap(k->identity, box->oaep, wrapped, ret, err))
        return true;
    if (err->code == ENS_DATA)
        err->code = ENS_BADKEY;
    return false;
}
