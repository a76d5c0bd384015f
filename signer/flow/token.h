/* The token conversation of every command that needs a key: from the options to a logged-in token, and the
 * one place where a signature is asked for, because it is the place where it is verified. */
#pragma once

#include "hsm/hsm.h"
#include "signer/ui/options.h"

/* What commands that use a token take; a command with --token has a member for it. */
struct token_options {
    const char *key; /* URI; its row is the command's own */
    const char *module, *module_args;
    const char *pin_source;
    const char *hsm_timeout;
    bool allow_module_path, allow_final_try, module_unconfined;
    const char *sessions; /* --sessions; the row is the command's own */
};
extern const struct option token_rows[]; /* but for --key, --sessions */

#define TOKEN_SESSIONS_MAX 64

struct token_session {
    struct hsm *hsm;   /* session 0 */
    struct hsm **more; /* sessions 1 and up: processes of their own, logged in to the same token and key */
    unsigned more_len;
    struct hsm_uri *uri;
    const struct hsm_token *token; /* owned by `hsm` */
    const char *module;            /* as it was named; borrowed */
    const char *pin_source;        /* NULL: the terminal */
    bool is_unconfined;            /* --module-unconfined */
    bool pin_from_uri;             /* it stood in the URI: nothing of it is said */
    char prompt[96];
};

/* Longest CKA_ID that is taken, in bytes. */
#define TOKEN_ID_MAX 64
/* --id: hexadecimal digits; NULL gives none. `ret` has TOKEN_ID_MAX bytes. ENS_USAGE. */
bool token_parse_id(const char *text, uint8_t *ret, size_t *ret_len, struct ens_err *err) ENS_MUST_CHECK;

/* Are the options of the token and the URI `uri_text` right, as far as they say themselves? ENS_USAGE.
 * Nothing is opened. */
bool token_usage(const struct token_options *args, const char *option, const char *uri_text,
                 struct ens_err *err) ENS_MUST_CHECK;

/* ENS_USAGE without --key. */
bool token_require_key(const struct token_options *args, struct ens_err *err) ENS_MUST_CHECK;

/* Loads the module that --module (or ENSIGN_PKCS11_MODULE) names, or the URI where --allow-module-path is
 * given; `option` is the option that gave `uri_text`, for messages. Nothing is selected yet.
 * Release with token_close. */
bool token_load(const struct token_options *args, const char *option, const char *uri_text,
                struct token_session *ret, struct ens_err *err) ENS_MUST_CHECK;

/* token_load, selects the one token, reads the PIN and logs in once. */
bool token_open(const struct token_options *args, const char *option, const char *uri_text,
                struct token_session *ret, struct ens_err *err) ENS_MUST_CHECK;

/* token_open with --key, and selects its one private key. Then opens as many sessions as --sessions says, but no more
 * than there are `items` to sign: the first alone, so that a wrong PIN is tried once. If some of them cannot be had, a
 * warning says so and the run goes on with those that are there. */
bool token_open_key(const struct token_options *args, size_t items, struct token_session *ret,
                    const struct hsm_key **ret_key, struct ens_err *err) ENS_MUST_CHECK;

/* Logs in to the token that was selected through `s->hsm`. */
bool token_login(const struct token_options *args, struct token_session *s,
                 struct ens_err *err) ENS_MUST_CHECK;
void token_close(struct token_session *s);

/* Calls of C_Sign so far: those that were begun, and those that gave a signature. */
void token_calls(const struct token_session *s, uint64_t *ret_started, uint64_t *ret_completed);

/* The signature of `digest` under the selected key; `message` is what was hashed (empty: not known). Verified
 * under `key` before it is returned: ENS_BADSIG. True also if ensign was interrupted meanwhile. `session` is 0 to
 * `more_len`: one thread for each. */
bool token_sign(struct token_session *s, unsigned session, enum hsm_mechanism mechanism,
                const struct pubkey *key, const uint8_t digest[static 32], struct view message,
                uint8_t ret[static SIGNATURE_SIZE], struct ens_err *err) ENS_MUST_CHECK;

/* What was wrapped for the selected key (hsm_decrypt). The caller wipes `ret`. */
bool token_decrypt(struct token_session *s, enum hsm_oaep oaep, struct view wrapped, struct secret *ret,
                   struct ens_err *err) ENS_MUST_CHECK;
