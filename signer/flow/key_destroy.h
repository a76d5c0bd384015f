/* A key of a token that must end: shown, its name typed at the terminal, then destroyed. */
#pragma once

#include "signer/ceremony/transcript.h"
#include "signer/flow/token.h"

/* Is there somebody to ask? ENS_REFUSED: no option stands for a name that is typed. Called before a PIN is asked for. */
bool key_destroy_usage(const char *uri, struct ens_err *err) ENS_MUST_CHECK;

/* Shows `about` (whole lines) and has `name` typed, as it is: ENS_REFUSED. */
bool key_destroy_ask(struct view about, const char *name, struct ens_err *err) ENS_MUST_CHECK;

/* Destroys both halves of the key that is selected in session 0 of `s`; the token is asked whether they are gone, which
 * goes into the record `t`. The intent is durable already. */
bool key_destroy(struct token_session *s, struct transcript *t, struct ens_err *err) ENS_MUST_CHECK;
