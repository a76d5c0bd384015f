/* The session with the selected token. */
#include "hsm/token/internal.h"

static CK_RV open_session(struct hsm *hsm, bool rw, CK_SESSION_HANDLE *ret)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (rw ? CKF_RW_SESSION : 0);

    return HSM_CALL(hsm, C_OpenSession, hsm->token->public.slot_id, flags, NULL, NULL, ret);
}

bool session_require(struct hsm *hsm, bool rw, struct ens_err *err)
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

void session_leave(struct hsm *hsm)
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
