/* The selected token at work: its session, the flags and the mechanisms that it claims. */
#include "hsm/internal.h"

#include <time.h>

#include "signer/base/mem.h"

void token_set_flags(struct token *t)
{
    CK_FLAGS flags = t->info.flags;

    t->public.pin_pad = (flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    t->public.count_low = (flags & CKF_USER_PIN_COUNT_LOW) != 0;
    t->public.final_try = (flags & CKF_USER_PIN_FINAL_TRY) != 0;
    t->public.locked = (flags & CKF_USER_PIN_LOCKED) != 0;
    t->public.login_required = (flags & CKF_LOGIN_REQUIRED) != 0;
}

/* While another process writes to the token, a module may fail or show an empty token for a moment. */
static CK_RV read_again(struct hsm *hsm, CK_TOKEN_INFO *ret, bool *ret_same)
{
    static const long waits_ms[] = {0, 20, 80, 150};
    CK_RV rv = CKR_OK;

    *ret_same = false;
    for (size_t i = 0; !*ret_same && i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        const struct timespec wait = {.tv_nsec = waits_ms[i] * 1000000};

        (void)nanosleep(&wait, NULL);
        rv = HSM_CALL(hsm, C_GetTokenInfo, hsm->token->public.slot_id, ret);
        *ret_same = rv == CKR_OK && token_same_name(ret, &hsm->token->info);
    }
    return rv;
}

bool token_refresh(struct hsm *hsm, struct ens_err *err)
{
    CK_TOKEN_INFO info = {0};
    bool is_same = false;
    CK_RV rv = read_again(hsm, &info, &is_same);

    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_GetTokenInfo", hsm->token->label);
    if (!is_same)
        return ens_fail(
            err, ENS_DEVICE,
            "token '%s': another token is in its place now, and got no PIN: put the right one there, then "
            "repeat",
            hsm->token->label);
    hsm->token->info.flags = info.flags;
    token_set_flags(hsm->token);
    return true;
}

/* ---- session ---- */

static CK_RV open_session(struct hsm *hsm, bool rw, CK_SESSION_HANDLE *ret)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (rw ? CKF_RW_SESSION : 0);

    return HSM_CALL(hsm, C_OpenSession, hsm->token->public.slot_id, flags, NULL, NULL, ret);
}

bool token_session(struct hsm *hsm, bool rw, struct ens_err *err)
{
    CK_SESSION_HANDLE session = 0;

    if (hsm->token == NULL)
        return ens_fail(err, ENS_BUG, "no token is selected");
    if (hsm->has_session && (hsm->session_is_rw || !rw))
        return true;
    CK_RV rv = open_session(hsm, rw, &session);

    /* Tokens without read-only sessions (AWS CloudHSM) refuse them with any code. Where both are
     * refused, the first answer is the one that is said. */
    if (!rw && rv != CKR_OK && open_session(hsm, true, &session) == CKR_OK) {
        rw = true;
        rv = CKR_OK;
    }
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_OpenSession", hsm->token->label);
    /* The login holds as long as one session is open: the new one comes before the old one goes. */
    if (hsm->has_session)
        (void)HSM_CALL(hsm, C_CloseSession, hsm->session);
    hsm->session = session;
    hsm->has_session = true;
    hsm->session_is_rw = rw;
    return true;
}

void token_leave(struct hsm *hsm)
{
    /* Nobody could act on an error here; the token ends a session of a process that has gone anyway. */
    if (hsm->logged_in)
        (void)HSM_CALL(hsm, C_Logout, hsm->session);
    if (hsm->has_session)
        (void)HSM_CALL(hsm, C_CloseSession, hsm->session);
    key_freep(&hsm->key);
    hsm->logged_in = false;
    hsm->has_session = false;
    hsm->session_is_rw = false;
    hsm->context_refused = false;
    hsm->has_generated = false;
    hsm->token = NULL;
}

/* ---- mechanisms ---- */

static bool can_sign(struct hsm *hsm, CK_MECHANISM_TYPE type, const CK_MECHANISM_TYPE *list, CK_ULONG count,
                     bool *ret, struct ens_err *err)
{
    CK_MECHANISM_INFO info = {0};
    bool is_listed = false;

    for (CK_ULONG i = 0; i < count; i++)
        is_listed = is_listed || list[i] == type;
    *ret = false;
    if (!is_listed)
        return true;
    CK_RV rv = HSM_CALL(hsm, C_GetMechanismInfo, hsm->token->public.slot_id, type, &info);

    if (rv == CKR_MECHANISM_INVALID)
        return true;
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_GetMechanismInfo", hsm->token->label);
    *ret = (info.flags & CKF_SIGN) != 0;
    return true;
}

bool token_mechanisms(struct hsm *hsm, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_MECHANISM_TYPE *list = NULL;
    struct token *t = hsm->token;
    CK_ULONG count = 0;

    if (t->has_mechanisms)
        return true;
    CK_RV rv = HSM_CALL(hsm, C_GetMechanismList, t->public.slot_id, NULL, &count);

    if (rv == CKR_OK && count > HSM_MECHANISMS_MAX)
        return ens_fail(err, ENS_DEVICE, "token '%s' has %lu mechanisms: ensign takes %d", t->label, count,
                        HSM_MECHANISMS_MAX);
    if (rv == CKR_OK) {
        /* One more: p11-kit 0.24's client reads an entry too many if it leaves out what it cannot pass on. */
        list = mem_alloc(count + 1, sizeof *list, err);
        if (list == NULL)
            return false;
        rv = HSM_CALL(hsm, C_GetMechanismList, t->public.slot_id, list, &count);
    }
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_GetMechanismList", t->label);
    if (!can_sign(hsm, CKM_RSA_PKCS, list, count, &t->rsa_pkcs, err) ||
        !can_sign(hsm, CKM_SHA256_RSA_PKCS, list, count, &t->sha256_rsa_pkcs, err))
        return false;
    t->has_mechanisms = true;
    return true;
}
