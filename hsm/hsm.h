/* PKCS#11: one token, one key, one signature. The caller walks: hsm_uri_parse, hsm_open, hsm_select_token,
 * hsm_login, hsm_select_key, hsm_public_key, hsm_sign, hsm_close; or hsm_generate instead of the key
 * steps, or hsm_list. Nothing here prints, prompts or verifies: a signature from hsm_sign is a claim of
 * the token, and only signer/flow/token.c, which verifies it, may call it (scripts/check-layers.sh).
 *
 * Errors, everywhere: ENS_MODULE the module; ENS_NOTFOUND, ENS_AMBIGUOUS token or key; ENS_BADKEY the key
 * cannot sign enclaves; ENS_PIN, ENS_PINLOCKED the PIN; ENS_DEVICE the token failed, was lost or did not
 * answer in time; ENS_BADSIG a signature of another length; ENS_REFUSED cancelled at the token's PIN pad;
 * ENS_RESOURCE memory; ENS_USAGE a URI that is wrong; ENS_INTERRUPTED a signal came between two calls.
 *
 * The module is loaded, and called, in a process of its own (ensign-token, hsm/token), which ends with hsm_closep
 * and with this process. What the module does there is an error here: if it ends its process, that is ENS_MODULE
 * until it is open, and ENS_DEVICE later; a call that does not return in time is ENS_DEVICE, and the process is
 * ended. Both name the call. One handle, one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signer/base/bytes.h"
#include "signer/base/err.h"
#include "signer/base/pubkey.h"
#include "signer/base/secret.h"

struct hsm;
struct hsm_uri; /* a parsed RFC 7512 URI */

/* ---- URIs (RFC 7512; hsm/uri.c) ---- */

/* Parses `text`; ENS_USAGE with the attribute and the rule. `pin-value` is refused.
 * Release with hsm_uri_freep. */
bool hsm_uri_parse(const char *text, struct hsm_uri **ret, struct ens_err *err) ENS_MUST_CHECK;
void hsm_uri_freep(struct hsm_uri **uri);

/* What may be printed and recorded of a URI, right or wrong: the known attributes of its path, and nothing of
 * its query, which may hold a PIN. Release with mem_free. ENS_RESOURCE. */
bool hsm_uri_shown(const char *text, char **ret, struct ens_err *err) ENS_MUST_CHECK;
/* The same of a parsed one; owned by `uri`. "pkcs11:", which matches all, for NULL. */
const char *hsm_uri_text(const struct hsm_uri *uri);

/* The query attributes, or NULL if absent; owned by `uri`. Never to be printed or recorded as they are.
 * Nothing uses module-name, which is a hint. */
const char *hsm_uri_module_path(const struct hsm_uri *uri);
const char *hsm_uri_pin_source(const struct hsm_uri *uri);

/* ---- module ---- */

/* What is told on the way. */
enum hsm_tell {
    HSM_TELL_MODULE,      /* a line that the module printed */
    HSM_TELL_WARNING,     /* what went wrong at the end, when the work was done */
    HSM_TELL_INTERRUPTED, /* a signal came, and this call is waited for */
};

struct hsm_open_args {
    const char *module;      /* absolute path, or a name that dlopen finds; NULL is ENS_USAGE */
    const char *module_args; /* for C_Initialize (pReserved), or NULL */
    unsigned timeout_s;      /* each PKCS#11 call may take this long (making a key: ten times as long; a
                              * login at a PIN pad: for ever, a person is at work); 0: no limit */
    char *const *env;        /* the environment that the module sees */
    bool is_unconfined;      /* no walls around the module */
    /* Says that a call takes long, once a second: its name, for how many seconds it has taken, and its limit
     * (0: none). A NULL call: it has ended. NULL: nobody is told. */
    void (*waiting)(const char *call, unsigned seconds, unsigned limit);
    /* Says one line: printable. NULL: nobody is told. */
    void (*tell)(enum hsm_tell what, const char *text);
};

/* The PKCS#11 modules found on this host, "PATH, PATH", or "none": for messages. Release with mem_free. */
bool hsm_installed_modules(char **ret, struct ens_err *err) ENS_MUST_CHECK;

/* Starts ensign-token; no module is named yet. ENS_RESOURCE if it cannot be started. Only the main thread may call it:
 * the process ends with the thread that started it. The functions and `env` of `args` are borrowed until hsm_closep,
 * which closes the session, logs out and finalises on every path. */
bool hsm_start(const struct hsm_open_args *args, struct hsm **ret, struct ens_err *err) ENS_MUST_CHECK;
/* Has it load and initialise the module: any thread may. ENS_MODULE names the modules that are installed, or says that
 * ensign-token is not that of this build. */
bool hsm_load(struct hsm *hsm, const struct hsm_open_args *args, struct ens_err *err) ENS_MUST_CHECK;
/* Both. */
bool hsm_open(const struct hsm_open_args *args, struct hsm **ret, struct ens_err *err) ENS_MUST_CHECK;
/* The walls around the module that hold, in words, "" for none; owned by nobody. */
const char *hsm_walls(const struct hsm *hsm);
void hsm_closep(struct hsm **hsm);

/* ---- token ---- */

/* Every text is printable, trimmed, and owned by `hsm`. */
struct hsm_token {
    const char *label, *manufacturer, *model, *serial;
    const char *uri; /* names this token and no other one on the module; can be pasted */
    unsigned long slot_id;
    bool pin_pad; /* CKF_PROTECTED_AUTHENTICATION_PATH: the PIN is entered on the token */
    bool count_low, final_try, locked; /* CKF_USER_PIN_*: what the token says of earlier wrong PINs */
    bool login_required;
};

/* Selects the one token that matches the path attributes of `uri`; none: ENS_NOTFOUND, several:
 * ENS_AMBIGUOUS, both listing the candidates as URIs. A list without it is read again for half a second:
 * while another process writes to a token, some modules do not see it. A token that is not flagged as
 * initialised (CKF_TOKEN_INITIALIZED) counts if it has a label, or if slot-id names
 * it. `ret` may be NULL. */
bool hsm_select_token(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_token **ret,
                      struct ens_err *err) ENS_MUST_CHECK;

/* After ENS_NOTFOUND or ENS_AMBIGUOUS: the candidates that had no room in the message, a line "  'URI'" each,
 * for the caller to print; NULL: there are none. Owned by `hsm`. */
const char *hsm_candidates(const struct hsm *hsm);

/* One C_Login per token, never a second one: ENS_PIN on a wrong PIN. `pin` is NULL for a token with a PIN pad
 * (another is ignored there), and may be NULL if !login_required: then there is no login. Right before the
 * PIN goes to the token, its label and serial number are read again: ENS_DEVICE if another one is in its
 * place. Refuses an empty PIN, a locked one (ENS_PINLOCKED), and the last try unless `allow_final_try`. Wipe
 * `pin` as soon as this returns. */
bool hsm_login(struct hsm *hsm, const struct secret *pin, bool allow_final_try,
               struct ens_err *err) ENS_MUST_CHECK;

/* ---- key ---- */

enum hsm_claim { HSM_UNKNOWN = -1, HSM_NO = 0, HSM_YES = 1 }; /* what the token claims of an attribute */

struct hsm_key {
    const char *label;  /* CKA_LABEL, printable */
    const char *id_hex; /* CKA_ID */
    const char *uri;    /* token and key, can be pasted */
    bool is_rsa;
    unsigned modulus_bits; /* 0: unknown */
    uint64_t exponent;     /* 0: unknown, or more than 64 bits */
    bool has_pubkey;       /* an RSA key of 3072 bits with e = 3: `pubkey` is set */
    struct pubkey pubkey;
    struct view
        modulus; /* of an RSA key of at most 4096 bits, big-endian, no zero byte first; empty: unknown */
    enum hsm_claim sign, sensitive, extractable, always_sensitive, never_extractable, local, decrypt, unwrap,
        always_authenticate;
    bool has_rsa_pkcs, has_sha256_rsa_pkcs; /* mechanisms of the token, with CKF_SIGN, that the key allows */
    char why_not[160]; /* empty: it can sign enclaves; else the first reason why it cannot */
};

/* Selects the one private key of the selected token that matches `uri`: none ENS_NOTFOUND, several
 * ENS_AMBIGUOUS, with the candidates. Label and id are compared byte by byte; where no label is equal, zero
 * bytes and blanks at the end make no difference. A `uri` of another token matches none. */
bool hsm_select_key(struct hsm *hsm, const struct hsm_uri *uri, const struct hsm_key **ret,
                    struct ens_err *err) ENS_MUST_CHECK;

/* Can the selected key sign enclaves: RSA, 3072 bits, e = 3, CKA_SIGN not refused, a mechanism? ENS_BADKEY
 * says why not and what to do. Gives its public key. */
bool hsm_public_key(struct hsm *hsm, struct pubkey *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Calls `each` for every private key of the selected token (in a stable order: label, then id). */
bool hsm_list_keys(struct hsm *hsm, bool (*each)(void *ctx, const struct hsm_key *key, struct ens_err *err),
                   void *ctx, struct ens_err *err) ENS_MUST_CHECK;
/* Calls `each` for every token on the module that matches `uri` (NULL: all), by slot id. */
bool hsm_list_tokens(struct hsm *hsm, const struct hsm_uri *uri,
                     bool (*each)(void *ctx, const struct hsm_token *token, struct ens_err *err), void *ctx,
                     struct ens_err *err) ENS_MUST_CHECK;

/* ---- signature ---- */

enum hsm_mechanism { HSM_AUTO, HSM_RSA_PKCS, HSM_SHA256_RSA_PKCS };

/* What is signed: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2). `message` is needed for
 * HSM_SHA256_RSA_PKCS only and may be empty otherwise (ENS_USAGE if it is missing). */
struct hsm_sign_args {
    enum hsm_mechanism mechanism;
    const uint8_t *digest; /* 32 bytes: SHA-256 of the message */
    struct view message;
    /* Asked once for a key with CKA_ALWAYS_AUTHENTICATE (not for a PIN pad). May be NULL: then
     * such a key is ENS_PIN. */
    bool (*ask_pin)(void *ctx, struct secret *ret, struct ens_err *err);
    void *ask_ctx;
};

/* One signature, as the token gave it: 384 bytes big-endian (another length is ENS_BADSIG), NOT verified.
 * Also if ensign was interrupted meanwhile, as the call cannot be cut short. */
bool hsm_sign(struct hsm *hsm, const struct hsm_sign_args *args, uint8_t ret[static SIGNATURE_SIZE],
              struct ens_err *err) ENS_MUST_CHECK;

/* Calls of C_Sign so far: those that were begun, and those that returned a signature, right or wrong. */
void hsm_sign_calls(const struct hsm *hsm, uint64_t *ret_started, uint64_t *ret_completed);

/* ---- decryption ---- */

enum hsm_oaep { HSM_OAEP_SHA256, HSM_OAEP_SHA1 }; /* the hash, also that of MGF1; an empty label */

#define HSM_DATA_KEY_SIZE    32
#define HSM_SEALING_EXPONENT 65537

/* What was wrapped for the selected key (RSAES-OAEP, RFC 8017, section 7.1). */
struct hsm_decrypt_args {
    enum hsm_oaep oaep;
    struct view wrapped;                                                 /* at most 512 bytes */
    bool (*ask_pin)(void *ctx, struct secret *ret, struct ens_err *err); /* as for hsm_sign */
    void *ask_ctx;
};

/* Opens it: exactly HSM_DATA_KEY_SIZE bytes, which say nothing of who wrapped them. ENS_BADKEY: the key or the token
 * cannot, or it was not wrapped for this key. The caller wipes `ret`. */
bool hsm_decrypt(struct hsm *hsm, const struct hsm_decrypt_args *args, struct secret *ret,
                 struct ens_err *err) ENS_MUST_CHECK;

/* ---- key generation (hsm/keygen.c) ---- */

struct hsm_generate_args {
    bool is_sealing; /* e = 65537, and it decrypts instead */
    const char *label;
    struct view id; /* empty: the first 20 bytes of SHA-256 of the little-endian modulus (MRSIGNER) */
};

/* C_GenerateKeyPair on the selected token: RSA-3072, e = 3, CKA_SENSITIVE, not CKA_EXTRACTABLE, CKA_SIGN
 * only. Refuses a label or an id in use (ENS_AMBIGUOUS), and a token that refuses e = 3 (ENS_BADKEY, with
 * what to do). Reads the attributes back (ENS_BADKEY if the token did something else; the pair is
 * destroyed again). The new key is the selected one. */
bool hsm_generate(struct hsm *hsm, const struct hsm_generate_args *args, const struct hsm_key **ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Destroys the pair that hsm_generate of this session made (its test signature failed); the selected key goes
 * with it. The error says which half is still there. */
bool hsm_destroy_generated(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;
/* Destroys both halves of the selected key and looks whether the token still has one: ENS_DEVICE if so. */
bool hsm_destroy_key(struct hsm *hsm, struct ens_err *err) ENS_MUST_CHECK;
