/* What the files of hsm/ share: the open module, the selected token, its session, the selected key. The
 * files, in the order in which they build on one another: uri, watch, ckr, p11; session, token, login, attr,
 * key, select; sign, keygen; module, which opens and closes. */
#pragma once

#include <p11-kit/pkcs11.h>

#include "hsm/hsm.h"
#include "hsm/uri.h"

/* Limits on what a module may claim; real ones stay far below. */
#define HSM_SLOTS_MAX      1024
#define HSM_KEYS_MAX       4096 /* private keys on one token */
#define HSM_MECHANISMS_MAX 4096
#define HSM_ATTR_MAX       2048 /* bytes of one attribute: the modulus of RSA-16384 */

/* ---- watch.c: a limit on how long a call may take ---- */

struct watch;

/* Starts the watchdog; `seconds` 0: no limit and no thread. ENS_RESOURCE. */
bool watch_start(const struct hsm_open_args *args, struct watch **ret, struct ens_err *err) ENS_MUST_CHECK;
void watch_stopp(struct watch **w);
/* Announces a call of the module by its name (a string literal), and its return. */
void watch_begin(struct watch *w, const char *call);
/* The same with `factor` times the limit; 0: no limit, because a person is at work. */
void watch_begin_slow(struct watch *w, const char *call, unsigned factor);
/* Gives `rv` back, so that it can stand around the call. */
CK_RV watch_end(struct watch *w, CK_RV rv);

/* Calls a function of the module under the watchdog and yields its CK_RV. */
#define HSM_CALL(h, name, ...)                                                                               \
    watch_end((h)->watch, (watch_begin((h)->watch, #name), (h)->f->name(__VA_ARGS__)))

/* ---- ckr.c: return values as errors ---- */

#define CKR_TEXT_MAX 64

/* "CKR_PIN_INCORRECT (0xa0)"; returns `ret`. */
const char *ckr_text(CK_RV rv, char ret[static CKR_TEXT_MAX]);
/* Sets the error that `rv` stands for, after the words of `fmt` (the object and the call). */
bool ckr_fail(struct ens_err *err, CK_RV rv, const char *fmt, ...) ENS_PRINTF(3, 4);
/* The exit status for `rv`, and what to do about it. */
enum ens_code ckr_code(CK_RV rv);
const char *ckr_remedy(CK_RV rv);

/* ---- p11.c: the only user of libp11 ---- */

struct p11;

/* Loads and initialises the module. ENS_MODULE. */
bool p11_load(const char *module, const char *module_args, struct watch *watch, struct p11 **ret,
              struct ens_err *err) ENS_MUST_CHECK;
/* Finalises and unloads it; every session must be closed. */
void p11_unloadp(struct p11 **p11);

/* ---- the open module ---- */

struct token {
    struct hsm_token public; /* its texts point into the arrays below, and to `uri` */
    char label[33], manufacturer[33], model[17], serial[17];
    char *uri;
    CK_TOKEN_INFO info;
    CK_SLOT_INFO slot;
    bool login_tried; /* there is one C_Login per token and run */
    bool has_mechanisms, rsa_pkcs, sha256_rsa_pkcs;
};

struct key {
    struct hsm_key public; /* its texts are the three below */
    char *label, *id_hex, *uri;
    struct buf raw_label, raw_id;
    struct buf modulus; /* big-endian, without leading zero bytes; empty: unknown */
    CK_OBJECT_HANDLE handle;
    bool is_restricted; /* CKA_ALLOWED_MECHANISMS leaves out a mechanism that signs enclaves */
};

struct hsm {
    struct watch *watch;
    struct p11 *p11;
    void *handle; /* of dlopen */
    const CK_FUNCTION_LIST *f;
    bool own_instance;                /* `f` was initialised here, and not by libp11 */
    const char *module, *module_args; /* of hsm_open_args; borrowed */
    CK_INFO info;

    struct token *tokens;
    size_t token_count;
    bool tokens_listed;
    struct ens_err bad_slot; /* why the first unreadable slot was left out; code 0: there was none */
    struct buf candidates;   /* text of hsm_candidates; empty: none */

    struct token *token; /* the selected one, in `tokens`; NULL: none */
    CK_SESSION_HANDLE session;
    bool has_session, session_is_rw, logged_in;
    uint64_t sign_started, sign_completed; /* calls of C_Sign */
    bool context_refused;                  /* a PIN for one signature was wrong: no other is tried */

    struct key *key; /* the selected one; NULL: none */
    CK_OBJECT_HANDLE generated_public, generated_private;
    bool has_generated;
};

/* ---- candidates.c: what a URI could have meant, for an error ---- */

/* What is gathered; release with candidates_free. */
struct candidates {
    struct buf lines; /* "  'URI'" each, with a newline */
    size_t count;
    const char *wanted;   /* a label that nothing has; NULL: not asked */
    const char *near_uri; /* of the first that has nearly that label */
};

void candidates_free(struct candidates *c);
/* Adds what has `label` (printable) and `uri`; both stay with the caller, as long as `c`. */
bool candidates_add(struct candidates *c, const char *label, const char *uri,
                    struct ens_err *err) ENS_MUST_CHECK;
/* Is there one label that is probably meant? */
bool candidates_has_near(const struct candidates *c);
/* Fails with `code` and "OBJECT: FACT", and behind it the URI of the nearest label ("did you mean"), or
 * `lead` and all candidates, or, where they do not fit into a message whole, how many
 * hsm_candidates now lists. */
bool candidates_fail(struct hsm *hsm, struct candidates *c, enum ens_code code, const char *lead,
                     struct ens_err *err, const char *fmt, ...) ENS_PRINTF(6, 7);

/* ---- token.c ---- */

/* Does the token have all that the path of `uri` (NULL: nothing) says of token, slot and library? */
bool token_matches(const struct hsm *hsm, const struct token *t, const struct hsm_uri *uri);
/* The same label and serial number, but for the padding? */
bool token_same_name(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b);
void token_free_all(struct hsm *hsm);

/* ---- module.c ---- */

/* C_Finalize and C_Initialize: some modules look for tokens only there. No session is open. ENS_MODULE. */
bool module_restart(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;

/* ---- session.c ---- */

/* The selected token must have a session (`rw`: one that may write). */
bool token_session(struct hsm *hsm, bool rw, struct ens_err *err) ENS_MUST_CHECK;
/* Logs out and closes the session, forgets the key. */
void token_leave(struct hsm *hsm);
/* public.pin_pad and the others, from info.flags. */
void token_set_flags(struct token *t);
/* Reads the flags of the selected token again: they change with every PIN that is tried. ENS_DEVICE where the
 * slot now has a token of another label or serial number. */
bool token_refresh(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;
/* Which mechanisms the selected token has; asked once. */
bool token_mechanisms(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;

/* ---- login.c ---- */

/* The PIN for the one signature that C_SignInit began (CKU_CONTEXT_SPECIFIC). NULL: PIN pad. */
bool login_context(struct hsm *hsm, const struct secret *pin, struct ens_err *err) ENS_MUST_CHECK;

/* ---- attr.c: search, and attributes one at a time ---- */

/* A template entry; `value` is only read by the module. */
CK_ATTRIBUTE attr_of(CK_ATTRIBUTE_TYPE type, const void *value, size_t len);

/* Finds at most `max` objects; `*ret` is released with mem_free. */
bool attr_find(struct hsm *hsm, CK_ATTRIBUTE *wanted, size_t count, size_t max, CK_OBJECT_HANDLE **ret,
               size_t *ret_count, struct ens_err *err) ENS_MUST_CHECK;

/* The value of one attribute into `ret`, which must be empty. An attribute that the token does not have or
 * does not show (CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE) leaves it so. */
bool attr_bytes(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *ret,
                struct ens_err *err) ENS_MUST_CHECK;
bool attr_claim(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, enum hsm_claim *ret,
                struct ens_err *err) ENS_MUST_CHECK;
/* A CK_ULONG. The buffer has exactly its size, because NSS refuses a larger one. */
bool attr_ulong(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *ret,
                bool *ret_known, struct ens_err *err) ENS_MUST_CHECK;
/* An unsigned big-endian number, without leading zero bytes. */
bool attr_number(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *ret,
                 struct ens_err *err) ENS_MUST_CHECK;

/* ---- key.c ---- */

/* Reads all that is known of a private key, but for `public.uri`, which key_set_uri sets: the token's URI and
 * the label, or the id of a key without label, if one alone is unique among the private keys; else both. */
bool key_load(struct hsm *hsm, CK_OBJECT_HANDLE handle, struct key **ret, struct ens_err *err) ENS_MUST_CHECK;
bool key_set_uri(struct hsm *hsm, struct key *k, bool label_is_unique, bool id_is_unique,
                 struct ens_err *err) ENS_MUST_CHECK;
void key_freep(struct key **key);
/* Makes `*key` the selected one, and gives it its URI where it has none yet; it then belongs to `hsm`. */
bool key_take(struct hsm *hsm, struct key **key, struct ens_err *err) ENS_MUST_CHECK;
