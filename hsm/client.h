/* What the two files of the client share. */
#pragma once

#include "hsm/helper.h"

/* Tokens and keys live as long as the session: callers keep pointers to them. */
struct item {
    struct item *next;
    struct hsm_token token;
    struct hsm_key key;
    char *texts[WIRE_TEXT_MAX];
    uint8_t modulus[WIRE_NUMBER_MAX];
};

struct hsm {
    struct helper *helper;
    struct item *items;
    const struct hsm_token *token; /* selected; NULL: none */
    const struct hsm_key *key;
    struct buf candidates; /* terminated; empty: none */
    uint64_t signs;        /* requests for a signature */
    uint64_t signatures;   /* that came */
    bool is_unanswered;    /* the last request: the process ended at it */
};

/* Does a URI that was given back say the same as the one that was asked for (NULL: none), as far as both say
 * something? */
bool client_agrees(const char *text, const struct hsm_uri *asked);
/* Take what was answered; it belongs to `hsm`. ENS_DEVICE if it does not fit. */
bool client_take_token(struct hsm *hsm, const struct wire_reply *r, const struct hsm_uri *asked,
                       const struct hsm_token **ret, struct ens_err *err) ENS_MUST_CHECK;
bool client_take_key(struct hsm *hsm, const struct wire_reply *r, const struct hsm_uri *asked,
                     const struct hsm_key **ret, struct ens_err *err) ENS_MUST_CHECK;
void client_free_items(struct hsm *hsm);
