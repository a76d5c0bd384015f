/* The sessions of --sessions beside the first: processes that have each their own module, session and login. */
#pragma once

#include "signer/flow/token.h"

/* What the first session was opened with, and what it found; borrowed. */
struct token_sessions {
    const struct hsm_open_args *open;
    const struct hsm_token *token;
    const struct hsm_key *key;
    const struct hsm_uri *uri;
    const struct secret *pin; /* NULL: there is none */
    bool allow_final_try;
};

/* Opens `wanted` - 1 sessions and adds them to `s`. Each must find the same token and the same key. One that fails is
 * left out, with a warning; if a login fails, no other is tried. A key or a token that asks for the PIN itself has one
 * session. ENS_RESOURCE. */
bool token_sessions_open(const struct token_sessions *more, unsigned wanted, struct token_session *s,
                         struct ens_err *err) ENS_MUST_CHECK;
void token_sessions_close(struct token_session *s);
