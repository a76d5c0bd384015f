/* The PIN. There is one C_Login per token and run, and it is never repeated: tokens lock after three wrong
 * PINs, and some lock more than the token. The PIN goes from its locked page straight to the module. */
#include "hsm/token/internal.h"

#include "signer/base/mem.h"

/* May the PIN be tried at all? What the token says of earlier wrong ones is read first, but not every
 * token says it. */
static bool check_state(const struct token *t, bool allow_final_try, struct ens_err *err)
{
    if (t->public.locked)
        return ens_fail(
            err, ENS_PINLOCKED,
            "token '%s': the PIN is locked (CKF_USER_PIN_LOCKED): unlock it with the vendor's tool",
            t->label);
    if (t->public.final_try && !allow_final_try)
        return ens_fail(
            err, ENS_PINLOCKED,
            "token '%s': one more wrong PIN locks it (CKF_USER_PIN_FINAL_TRY), so none was tried: "
            "make sure of the PIN and give --allow-final-try",
            t->label);
    return true;
}

static bool check_pin(const struct token *t, const struct secret *pin, struct ens_err *err)
{
    if (t->public.pin_pad)
        return true;
    if (pin == NULL)
        return ens_fail(err, ENS_PIN, "token '%s' needs a PIN: give --pin-source", t->label);
    if (pin->len == 0)
        return ens_fail(
            err, ENS_PIN,
            "token '%s': the PIN is empty: the token would count it as a wrong one, so it was not "
            "tried",
            t->label);
    return true;
}

/* C_Login as the user, or for one signature. A PIN pad takes no PIN and waits for a person. */
static CK_RV call_login(struct hsm *hsm, CK_USER_TYPE user, const struct secret *pin)
{
    bool pin_pad = hsm->token->public.pin_pad;
    CK_UTF8CHAR_PTR data = pin_pad ? NULL : (CK_UTF8CHAR_PTR)pin->data;
    CK_ULONG len = pin_pad ? 0 : pin->len;

    call_begin_slow(hsm->page, CALL_C_Login, pin_pad ? 0 : 1);
    return call_end(hsm->page, hsm->f->C_Login(hsm->session, user, data, len));
}

/* What the token says after a wrong PIN, as the remedy. */
static const char *wrong_pin_remedy(struct hsm *hsm)
{
    struct ens_err ignored = {0};

    if (!token_refresh(hsm, &ignored))
        return "one attempt was made and is not repeated: check the PIN";
    if (hsm->token->public.locked)
        return "the PIN is now locked: unlock it with the vendor's tool";
    if (hsm->token->public.final_try)
        return "the next wrong PIN locks it: make sure of the PIN and give --allow-final-try";
    return "one attempt was made and is not repeated: check the PIN";
}

/* Did the token say why, so that it is known whether it counted the try? Some cards say CKR_GENERAL_ERROR to
 * a wrong PIN. */
static bool is_cause_known(CK_RV rv)
{
    return rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED || rv == CKR_USER_PIN_NOT_INITIALIZED ||
           rv == CKR_CANCEL || rv == CKR_FUNCTION_REJECTED;
}

/* Nobody is told to try again: three such tries lock the PIN. */
static const char *unknown_cause_remedy(struct hsm *hsm)
{
    struct ens_err ignored = {0};

    if (!token_refresh(hsm, &ignored))
        return "it may have counted as a wrong PIN: look at the token with the vendor's tool before the PIN "
               "is "
               "tried again";
    if (hsm->token->public.locked)
        return "the PIN is now locked: unlock it with the vendor's tool";
    if (hsm->token->public.final_try || hsm->token->public.count_low)
        return "it counted as a wrong PIN: make sure of the PIN";
    return "it may have counted as a wrong PIN: make sure of the PIN, and look at the token with the "
           "vendor's tool "
           "before it is tried again";
}

static bool login_failed(struct hsm *hsm, CK_RV rv, struct ens_err *err)
{
    const char *label = hsm->token->label;
    char text[CKR_TEXT_MAX];

    (void)ckr_text(rv, text);
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE)
        return ens_fail(err, ENS_PIN, "token '%s': wrong PIN, C_Login failed with %s: %s", label, text,
                        wrong_pin_remedy(hsm));
    /* On a PIN pad this is the operator who said no, or walked away: not a wrong PIN. */
    if (hsm->token->public.pin_pad && rv == CKR_FUNCTION_CANCELED)
        return ens_fail(err, ENS_REFUSED,
                        "token '%s': cancelled at the PIN pad, C_Login failed with %s: repeat the command",
                        label, text);
    if (!is_cause_known(rv))
        return ens_fail(err, ckr_code(rv), "token '%s': C_Login failed with %s: %s", label, text,
                        unknown_cause_remedy(hsm));
    return ckr_fail(err, rv, "token '%s': C_Login", label);
}

/* Opens the session and asks once more which token is there: one that took the place of the selected token
 * while the PIN was typed must not get it. */
static bool check_same_token(struct hsm *hsm, struct ens_err *err)
{
    return session_require(hsm, false, err) && token_refresh(hsm, err);
}

bool login_user(struct hsm *hsm, const struct secret *pin, bool allow_final_try, struct ens_err *err)
{
    if (hsm->token == NULL)
        return ens_fail(err, ENS_BUG, "login_user: no token is selected");
    struct token *t = hsm->token;

    if (t->login_tried)
        return ens_fail(err, ENS_BUG, "login_user: token '%s' had its one login of this run", t->label);
    if (!token_refresh(hsm, err))
        return false;
    if (!t->public.login_required && !t->public.pin_pad && pin == NULL)
        return session_require(hsm, false, err);
    if (!check_state(t, allow_final_try, err) || !check_pin(t, pin, err) || !check_same_token(hsm, err) ||
        !check_state(t, allow_final_try, err))
        return false;
    t->login_tried = true;
    CK_RV rv = call_login(hsm, CKU_USER, pin);

    /* A token that says that it wants no login, and knows none: then the PIN was given for nothing. */
    if (!t->public.login_required && (rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_USER_TYPE_INVALID ||
                                      rv == CKR_USER_PIN_NOT_INITIALIZED))
        return true;
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        return login_failed(hsm, rv, err);
    hsm->logged_in = true;
    return true;
}

bool login_ask(struct hsm *hsm, bool (*ask_pin)(void *ctx, struct secret *ret, struct ens_err *err),
               void *ask_ctx, struct secret *ret, struct ens_err *err)
{
    const char *label = hsm->key->label;

    if (hsm->key->public.always_authenticate != HSM_YES)
        return true;
    if (hsm->context_refused)
        return ens_fail(err, ENS_PIN,
                        "key '%s': an earlier PIN was refused, and no other is tried: make sure of the PIN",
                        label);
    if (hsm->token->public.pin_pad)
        return true;
    if (ask_pin == NULL)
        return ens_fail(err, ENS_PIN,
                        "key '%s' wants the PIN for every signature (CKA_ALWAYS_AUTHENTICATE): give it with "
                        "--pin-source",
                        label);
    if (!ask_pin(ask_ctx, ret, err))
        return false;
    return ret->len > 0 || ens_fail(err, ENS_PIN, "key '%s': the PIN is empty, so it was not tried", label);
}

bool login_context(struct hsm *hsm, const struct secret *pin, struct ens_err *err)
{
    if (hsm->key->public.always_authenticate != HSM_YES)
        return true;
    if (!check_pin(hsm->token, pin, err) || !token_refresh(hsm, err))
        return false;
    CK_RV rv = call_login(hsm, CKU_CONTEXT_SPECIFIC, pin);

    /* A token that keeps CKA_ALWAYS_AUTHENTICATE without acting on it (opencryptoki) knows no such user, and
     * C_Sign will say whether it wants one. */
    if (rv == CKR_OK || rv == CKR_USER_TYPE_INVALID)
        return true;
    hsm->context_refused = true;
    return login_failed(hsm, rv, err);
}
