/* The side of hsm.h that has the module, linked into ensign-token alone. Its files share the open module, the
 * selected token, its session, the selected key. In the order in which they build on one another: call, ckr,
 * p11; session, candidates, token, login; key_read, key; sign, decrypt, keygen; module, which opens and closes; serve,
 * which answers ensign; main. */
#pragma once

#include <p11-kit/pkcs11.h>

#include "hsm/hsm.h"
#include "hsm/page.h"
#include "hsm/uri.h"
#include "hsm/wire.h"

/* Limits on what a module may claim; real ones stay far below. */
#define HSM_SLOTS_MAX      1024
#define HSM_KEYS_MAX       4096 /* private keys on one token */
#define HSM_MECHANISMS_MAX 4096
#define HSM_ATTR_MAX       2048 /* bytes of one attribute: the modulus of RSA-16384 */

/* ---- call.c: what ensign sees of the calls ---- */

/* Announces a call of the module in `page`. */
void call_begin(struct call_page *page, enum page_call call);
/* The same of a call that may take `factor` times the limit; 0: no limit, because a person is at work. */
void call_begin_slow(struct call_page *page, enum page_call call, uint16_t factor);
/* Announces its return; gives `rv` back, so that it can stand around the call. */
CK_RV call_end(struct call_page *page, CK_RV rv);
/* ENS_INTERRUPTED once ensign wants no more calls for this request: asked between pieces of work. */
bool call_allowed(const struct call_page *page, struct ens_err *err) ENS_MUST_CHECK;

/* Calls a function of the module, and yields its CK_RV. */
#define HSM_CALL(h, name, ...)                                                                               \
    call_end((h)->page, (call_begin((h)->page, CALL_##name), (h)->f->name(__VA_ARGS__)))

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
bool p11_load(const char *module, const char *module_args, struct call_page *page, struct p11 **ret,
              struct ens_err *err) ENS_MUST_CHECK;
/* Finalises and unloads it; every session must be closed. */
void p11_unloadp(struct p11 **p11);

struct hsm;

/* C_Initialize of `hsm`'s own function list, without libp11. */
bool p11_initialise(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;
/* C_Finalize and C_Initialize: some modules look for tokens only there. No session is open. ENS_MODULE. */
bool p11_restart(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;

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
    struct call_page *page; /* borrowed */
    struct p11 *p11;
    void *handle; /* of dlopen */
    const CK_FUNCTION_LIST *f;
    bool own_instance;          /* `f` was initialised here, and not by libp11 */
    char *module, *module_args; /* the second may be NULL */
    CK_INFO info;

    struct token *tokens;
    size_t token_count;
    bool tokens_listed;
    struct ens_err bad_slot; /* why the first unreadable slot was left out; code 0: there was none */
    struct buf candidates;   /* text of candidates_text; empty: none */

    struct token *token; /* the selected one, in `tokens`; NULL: none */
    CK_SESSION_HANDLE session;
    bool has_session, session_is_rw, logged_in;
    bool context_refused; /* a PIN for one signature was wrong: no other is tried */

    struct key *key; /* the selected one; NULL: none */
    CK_OBJECT_HANDLE generated_public, generated_private;
    bool has_generated;
};

/* ---- candidates.c: what a URI could have meant, for an error ---- */

/* What is gathered; release with candidates_free. */
struct candidates {
    struct buf lines; /* "  'URI'" each, with a newline */
    size_t count;
    const char *wanted; /* a label that nothing has; NULL: not asked */
    char *near_uri;     /* of the first that has nearly that label */
};

void candidates_free(struct candidates *c);
/* Adds what has `label` (printable) and `uri`; both stay with the caller, as long as `c`. */
bool candidates_add(struct candidates *c, const char *label, const char *uri,
                    struct ens_err *err) ENS_MUST_CHECK;
/* Is there one label that is probably meant? */
bool candidates_has_near(const struct candidates *c);
/* Fails with `code` and "OBJECT: FACT", and behind it the URI of the nearest label ("did you mean"), or
 * `lead` and all candidates, or, if they do not fit into a message whole, how many
 * candidates_text now lists. */
bool candidates_fail(struct hsm *hsm, struct candidates *c, enum ens_code code, const char *lead,
                     struct ens_err *err, const char *fmt, ...) ENS_PRINTF(6, 7);

/* The functions of hsm.h, here with the names of their files; hsm.h says what they do. */
const char *candidates_text(const struct hsm *hsm);

/* ---- token.c ---- */

bool token_select(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_token **ret,
                  struct ens_err *err) ENS_MUST_CHECK;
bool token_each(struct hsm *hsm, const struct hsm_uri *uri,
                bool (*each)(void *ctx, const struct hsm_token *token, struct ens_err *err), void *ctx,
                struct ens_err *err) ENS_MUST_CHECK;

/* True if the token has all that the path of `uri` (NULL: nothing) says of token, slot and library. */
bool token_matches(const struct hsm *hsm, const struct token *t, const struct hsm_uri *uri);
/* Reads the flags of the selected token again: they change with every PIN that is tried. ENS_DEVICE if the
 * slot now has a token of another label or serial number. */
bool token_refresh(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;
void token_free_all(struct hsm *hsm);

/* ---- session.c ---- */

/* The selected token must have a session (`rw`: one that may write). */
bool session_require(struct hsm *hsm, bool rw, struct ens_err *err) ENS_MUST_CHECK;
/* Logs out and closes the session, forgets the key. */
void session_leave(struct hsm *hsm);
void key_freep(struct key **key);

/* ---- login.c ---- */

bool login_user(struct hsm *hsm, const struct secret *pin, bool allow_final_try,
                struct ens_err *err) ENS_MUST_CHECK;

/* Before a key with CKA_ALWAYS_AUTHENTICATE is used: its PIN, from `ask_pin` (NULL: ENS_PIN), unless it is typed at a
 * PIN pad or the key wants none. */
bool login_ask(struct hsm *hsm, bool (*ask_pin)(void *ctx, struct secret *ret, struct ens_err *err),
               void *ask_ctx, struct secret *ret, struct ens_err *err) ENS_MUST_CHECK;
/* That PIN for the one operation that C_SignInit or C_DecryptInit began (CKU_CONTEXT_SPECIFIC), if the key wants one. */
bool login_context(struct hsm *hsm, const struct secret *pin, struct ens_err *err) ENS_MUST_CHECK;

/* ---- key_read.c ---- */

/* A template entry; the module only reads `value`. */
CK_ATTRIBUTE key_attr(CK_ATTRIBUTE_TYPE type, const void *value, size_t len);

/* At most two objects of the class that have the modulus of `k`, or, if that is not known, its CKA_ID; release `*ret` with
 * mem_free. */
bool key_halves(struct hsm *hsm, const struct key *k, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE **ret,
                size_t *ret_count, struct ens_err *err) ENS_MUST_CHECK;

/* Finds at most `max` objects; release `*ret` with mem_free. */
bool key_find(struct hsm *hsm, CK_ATTRIBUTE *wanted, size_t count, size_t max, CK_OBJECT_HANDLE **ret,
              size_t *ret_count, struct ens_err *err) ENS_MUST_CHECK;

/* Reads all that is known of a private key, but for `public.uri`. Release with key_freep. */
bool key_load(struct hsm *hsm, CK_OBJECT_HANDLE handle, struct key **ret, struct ens_err *err) ENS_MUST_CHECK;

/* ---- key.c ---- */

bool key_select(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_key **ret,
                struct ens_err *err) ENS_MUST_CHECK;
bool key_public(struct hsm *hsm, struct pubkey *ret, struct ens_err *err) ENS_MUST_CHECK;
bool key_each(struct hsm *hsm, bool (*each)(void *ctx, const struct hsm_key *key, struct ens_err *err),
              void *ctx, struct ens_err *err) ENS_MUST_CHECK;

/* Makes `*key` the selected one, and gives it its URI if it has none yet; it then belongs to `hsm`. */
bool key_take(struct hsm *hsm, struct key **key, struct ens_err *err) ENS_MUST_CHECK;

/* ---- sign.c, decrypt.c, keygen.c, module.c ---- */

bool sign_digest(struct hsm *hsm, const struct hsm_sign_args *args, uint8_t ret[static SIGNATURE_SIZE],
                 struct ens_err *err) ENS_MUST_CHECK;

bool decrypt_unwrap(struct hsm *hsm, const struct hsm_decrypt_args *args, struct secret *ret,
                    struct ens_err *err) ENS_MUST_CHECK;

bool keygen_make(struct hsm *hsm, const struct hsm_generate_args *args, const struct hsm_key **ret,
                 struct ens_err *err) ENS_MUST_CHECK;
bool keygen_destroy(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;
bool keygen_destroy_key(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;

/* `page` is borrowed for as long as the module is open. */
bool module_open(const char *module, const char *module_args, struct call_page *page, struct hsm **ret,
                 struct ens_err *err) ENS_MUST_CHECK;
void module_closep(struct hsm **hsm);

/* ---- serve.c: ensign's requests ---- */

/* Forbids what no module needs: limits of other processes, and typing at a terminal (forbid.c). True if the kernel does
 * that. After no_new_privs, and before there is a second thread. */
bool forbid_calls(void);

/* Answers on the socket `fd` until it is told to close, or cannot go on; `walls` are WIRE_WALL_*. */
enum wire_status serve(int fd, unsigned walls, struct call_page *page);
