/* The token conversation. The only caller of hsm_sign: no unverified signature leaves this file. */
#include "signer/flow/token.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/flow/pin.h"
#include "signer/flow/token_sessions.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/notice.h"

/* Seconds that one call of the module may take, unless --hsm-timeout says otherwise. */
#define TIMEOUT_DEFAULT 120
#define TIMEOUT_MAX     86400

#define TOKEN(KIND, member) OPTION(KIND, struct token_options, member)

const struct option token_rows[] = {
    OPTION_TOPIC(TOPIC_TOKEN),
    {"module", 0, TOKEN(TEXT, module), "PATH", "PKCS#11 module (else ENSIGN_PKCS11_MODULE)"},
    {"allow-module-path", 0, TOKEN(FLAG, allow_module_path), NULL, "load what module-path in the URI names"},
    {"module-args", 0, TOKEN(TEXT, module_args), "STRING", "argument string for C_Initialize"},
    {"module-unconfined", 0, TOKEN(FLAG, module_unconfined), NULL, "no walls around the module"},
    {"pin-source", 0, TOKEN(TEXT, pin_source), "SRC", "tty (default), file:PATH or fd:N"},
    {"allow-final-try", 0, TOKEN(FLAG, allow_final_try), NULL,
     "try the PIN although one more wrong one locks it"},
    {"hsm-timeout", 0, TOKEN(TEXT, hsm_timeout), "SEC",
     "how long one call into the module may take (120; 0: no limit)"},
    {0},
};

/* --pin-source, else pin-source of the URI: a plain path or a file: URI (RFC 7512, section 2.4). */
static bool choose_pin_source(const struct token_options *args, struct token_session *s, struct ens_err *err)
{
    const char *from_uri = hsm_uri_pin_source(s->uri);

    s->pin_from_uri = args->pin_source == NULL && from_uri != NULL;
    s->pin_source = s->pin_from_uri ? from_uri : args->pin_source;
    if (s->pin_from_uri && from_uri[0] != '/' && strncmp(from_uri, "file:", 5) != 0)
        return ens_fail(err, ENS_USAGE,
                        "URI: pin-source is not a file: write pin-source=file:PATH, or give --pin-source");
    /* It is opened long after the outputs. */
    return s->pin_source == NULL ||
           file_add_input_named(s->pin_source + (strncmp(s->pin_source, "file:", 5) == 0 ? 5 : 0), err);
}

/* There is no default module: the p11-kit proxy would wake every driver of the host. */
static bool choose_module(const struct token_options *args, const struct hsm_uri *uri,
                          struct hsm_open_args *ret, struct ens_err *err)
{
    const char *from_uri = hsm_uri_module_path(uri);
    uint64_t seconds = TIMEOUT_DEFAULT;

    if (args->hsm_timeout != NULL &&
        !num_parse(args->hsm_timeout, "--hsm-timeout", TIMEOUT_MAX, &seconds, err))
        return false;
    ret->timeout_s = (unsigned)seconds;
    ret->is_unconfined = args->module_unconfined;
    ret->module_args = args->module_args;
    if (args->module == NULL && from_uri != NULL && !args->allow_module_path)
        return ens_fail(err, ENS_USAGE,
                        "URI: module-path is not loaded, because a URI may come from anywhere: give --module "
                        "PATH, or --allow-module-path");
    ret->module = args->module != NULL ? args->module : from_uri;
    if (ret->module == NULL)
        ret->module = getenv("ENSIGN_PKCS11_MODULE");
    return ret->module == NULL || file_add_input_named(ret->module, err);
}

bool token_require_key(const struct token_options *args, struct ens_err *err)
{
    return args->key != NULL ||
           ens_fail(err, ENS_USAGE,
                    "--key: is missing: name the private key with its URI (ensign keys lists them)");
}

/* --sessions: 1 to 64. */
static bool choose_sessions(const struct token_options *args, unsigned *ret, struct ens_err *err)
{
    uint64_t sessions = 1;

    if (args->sessions != NULL &&
        !num_parse(args->sessions, "--sessions", TOKEN_SESSIONS_MAX, &sessions, err))
        return false;
    if (sessions == 0)
        return ens_fail(err, ENS_USAGE, "--sessions: '0' is out of range: give 1 to %d", TOKEN_SESSIONS_MAX);
    *ret = (unsigned)sessions;
    return true;
}

bool token_usage(const struct token_options *args, const char *option, const char *uri_text,
                 struct ens_err *err)
{
    ENS_CLEANUP(token_close) struct token_session s = {0};
    struct hsm_open_args open = {0};
    unsigned sessions = 0;

    if (!hsm_uri_parse(uri_text, &s.uri, err))
        return ens_wrap(err, "%s", option);
    return choose_sessions(args, &sessions, err) && choose_pin_source(args, &s, err) &&
           choose_module(args, s.uri, &open, err);
}

bool token_parse_id(const char *text, uint8_t *ret, size_t *ret_len, struct ens_err *err)
{
    size_t len = text != NULL ? strlen(text) : 0;

    if (len % 2 != 0 || len > 2 * TOKEN_ID_MAX || (text != NULL && len == 0))
        return ens_fail(err, ENS_USAGE,
                        "--id: '%s' is not a CKA_ID: give 1 to %d bytes as hexadecimal digits", text,
                        TOKEN_ID_MAX);
    if (len > 0 && !hex_decode(text, "--id", ret, len / 2, err))
        return false;
    *ret_len = len / 2;
    return true;
}

/* Without this a token that wants a touch or a card looks like a program that hangs. */
static void say_waiting(const char *call, unsigned seconds, unsigned limit)
{
    char line[96];
    char end[40] = "";

    if (limit > 0)
        (void)snprintf(end, sizeof end, "; gives up after %u s", limit);
    (void)snprintf(line, sizeof line, "waiting for the token: %u s (%s%s)", seconds, call != NULL ? call : "",
                   end);
    notice_status(call != NULL ? line : NULL);
}

/* What the module's process says. */
static void tell(enum hsm_tell what, const char *text)
{
    static atomic_bool is_told;

    switch (what) {
    case HSM_TELL_MODULE:
        notice_module(text);
        return;
    case HSM_TELL_WARNING:
        notice_warn("%s", text);
        return;
    case HSM_TELL_INTERRUPTED:
        if (atomic_exchange(&is_told, true)) /* once for all sessions */
            return;
        notice_say("interrupted: waiting for %s; Ctrl-C again ends at once", text);
        return;
    }
}

static bool fill_open_args(const struct token_options *args, struct token_session *s,
                           struct hsm_open_args *ret, struct ens_err *err)
{
    ret->env = environ;
    ret->tell = tell;
    ret->waiting = notice_is_quiet() || !notice_is_watched() ? NULL : say_waiting;
    return choose_pin_source(args, s, err) && choose_module(args, s->uri, ret, err);
}

bool token_load(const struct token_options *args, const char *option, const char *uri_text,
                struct token_session *ret, struct ens_err *err)
{
    ENS_CLEANUP(token_close) struct token_session s = {0};
    struct hsm_open_args open = {0};

    if (!hsm_uri_parse(uri_text, &s.uri, err))
        return ens_wrap(err, "%s", option);
    if (!fill_open_args(args, &s, &open, err) || !hsm_open(&open, &s.hsm, err))
        return false;
    s.module = open.module;
    s.is_unconfined = open.is_unconfined;
    *ret = s;
    s = (struct token_session){0};
    return true;
}

/* After a URI that did not name one token or key: what it could have meant, where
 * the error has no room for it. */
static void say_candidates(const struct hsm *hsm)
{
    const char *text = hsm_candidates(hsm);

    if (text != NULL)
        notice_details(view_of_string(text));
}

void token_close(struct token_session *s)
{
    say_candidates(s->hsm);
    token_sessions_close(s);
    hsm_closep(&s->hsm);
    hsm_uri_freep(&s->uri);
}

/* Logs in; the PIN, if one was read, is left in `pin`. */
static bool login(const struct token_options *args, struct token_session *s, struct secret *pin,
                  struct ens_err *err)
{
    const struct hsm_token *t = s->token;

    if (t->pin_pad) {
        notice_say("Token %s: enter the PIN on its PIN pad.", t->label);
        return hsm_login(s->hsm, NULL, args->allow_final_try, err);
    }
    /* Flags are hints: a PIN that was given is used, because a key may want it all the same. */
    if (!t->login_required && (s->pin_source == NULL || strcmp(s->pin_source, "tty") == 0))
        return hsm_login(s->hsm, NULL, args->allow_final_try, err);
    /* What the token says of earlier wrong PINs is refused before anybody types one. */
    if (t->locked || (t->final_try && !args->allow_final_try))
        return hsm_login(s->hsm, pin, args->allow_final_try, err);
    if (t->count_low)
        notice_warn("token %s: a wrong PIN was entered before", t->label);
    (void)snprintf(s->prompt, sizeof s->prompt, "PIN of token %.64s", t->label);
    if (!pin_read(s->pin_source, s->pin_from_uri, s->prompt, pin, err))
        return false;
    return hsm_login(s->hsm, pin, args->allow_final_try, err);
}

bool token_login(const struct token_options *args, struct token_session *s, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};

    return login(args, s, &pin, err);
}

/* token_open, with the PIN. */
static bool open_token(const struct token_options *args, const char *option, const char *uri_text,
                       struct token_session *s, struct secret *pin, struct ens_err *err)
{
    if (!token_load(args, option, uri_text, s, err))
        return false;
    if (!hsm_select_token(s->hsm, s->uri, &s->token, err))
        return ens_wrap(err, "%s", option);
    return login(args, s, pin, err);
}

bool token_open(const struct token_options *args, const char *option, const char *uri_text,
                struct token_session *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};
    ENS_CLEANUP(token_close) struct token_session s = {0};

    if (!open_token(args, option, uri_text, &s, &pin, err))
        return false;
    *ret = s;
    s = (struct token_session){0};
    return true;
}

/* The sessions beside the first. The PIN lives until they are logged in. */
static bool open_more(const struct token_options *args, size_t items, const struct hsm_key *key,
                      const struct secret *pin, struct token_session *s, struct ens_err *err)
{
    struct hsm_open_args open = {0};
    unsigned wanted = 1;

    if (!choose_sessions(args, &wanted, err) || !fill_open_args(args, s, &open, err))
        return false;
    if (items < wanted)
        wanted = items > 0 ? (unsigned)items : 1;
    open.waiting = NULL; /* of many that wait one is told */
    const struct token_sessions more = {
        .open = &open,
        .token = s->token,
        .key = key,
        .uri = s->uri,
        .pin = pin->data != NULL ? pin : NULL,
        .allow_final_try = args->allow_final_try,
    };

    return wanted == 1 || token_sessions_open(&more, wanted, s, err);
}

bool token_open_key(const struct token_options *args, size_t items, struct token_session *ret,
                    const struct hsm_key **ret_key, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};
    ENS_CLEANUP(token_close) struct token_session s = {0};

    if (!open_token(args, "--key", args->key, &s, &pin, err))
        return false;
    if (!hsm_select_key(s.hsm, s.uri, ret_key, err))
        return ens_wrap(err, "--key");
    if (!open_more(args, items, *ret_key, &pin, &s, err))
        return false;
    *ret = s;
    s = (struct token_session){0};
    return true;
}

void token_calls(const struct token_session *s, uint64_t *ret_started, uint64_t *ret_completed)
{
    *ret_started = 0;
    *ret_completed = 0;
    for (unsigned i = 0; s->hsm != NULL && i <= s->more_len; i++) {
        uint64_t started = 0;
        uint64_t completed = 0;

        hsm_sign_calls(i == 0 ? s->hsm : s->more[i - 1], &started, &completed);
        *ret_started += started;
        *ret_completed += completed;
    }
}

/* For a key with CKA_ALWAYS_AUTHENTICATE: the PIN once more. A descriptor has been read to its end. */
static bool ask_again(void *ctx, struct secret *ret, struct ens_err *err)
{
    struct token_session *s = ctx;

    if (s->pin_source != NULL && strncmp(s->pin_source, "fd:", 3) == 0)
        return ens_fail(err, ENS_PIN,
                        "--pin-source: the key wants the PIN again for each use, and a descriptor gives it "
                        "once: give file:PATH or tty");
    (void)snprintf(s->prompt, sizeof s->prompt, "PIN of token %.40s again, for this key", s->token->label);
    return pin_read(s->pin_source, s->pin_from_uri, s->prompt, ret, err);
}

bool token_sign(struct token_session *s, unsigned session, enum hsm_mechanism mechanism,
                const struct pubkey *key, const uint8_t digest[static 32], struct view message,
                uint8_t ret[static SIGNATURE_SIZE], struct ens_err *err)
{
    const struct hsm_sign_args args = {
        .mechanism = mechanism, .digest = digest, .message = message, .ask_pin = ask_again, .ask_ctx = s};
    struct hsm *hsm = session == 0 ? s->hsm : s->more[session - 1];
    uint8_t signature[SIGNATURE_SIZE];
    bool verified = false;

    if (!hsm_sign(hsm, &args, signature, err) || !rsa3072_verify(key, digest, signature, &verified, err))
        return false;
    if (!verified)
        return ens_fail(err, ENS_BADSIG,
                        "token %s: its signature does not verify under its own public key: nothing was "
                        "written, do not trust this token",
                        s->token->label);
    memcpy(ret, signature, SIGNATURE_SIZE);
    return true;
}

bool token_decrypt(struct token_session *s, enum hsm_oaep oaep, struct view wrapped, struct secret *ret,
                   struct ens_err *err)
{
    const struct hsm_decrypt_args args = {
        .oaep = oaep, .wrapped = wrapped, .ask_pin = ask_again, .ask_ctx = s};

    return hsm_decrypt(s->hsm, &args, ret, err);
}
