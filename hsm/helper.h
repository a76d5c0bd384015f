/* ensign-token as a child of this process: started, asked, listened to, and ended. hsm/client.c says hsm.h in its
 * messages. */
#pragma once

#include "hsm/hsm.h"
#include "hsm/wire.h"

struct helper;

/* Starts the ensign-token that stands beside this program (if file and directory belong to root or to the owner of this
 * program, and nobody else may write there), else the one that is installed; no module is named yet. `args` is borrowed for the call, its functions and `env` for as long as it runs.
 * ENS_RESOURCE. */
bool helper_start(const struct hsm_open_args *args, struct helper **ret, struct ens_err *err) ENS_MUST_CHECK;
/* Learns that it is of this build. ENS_MODULE. */
bool helper_greet(struct helper *h, struct ens_err *err) ENS_MUST_CHECK;
/* WIRE_WALL_*, as it says. */
uint64_t helper_walls(const struct helper *h);

/* Sends a request (its sequence is set here). */
bool helper_ask(struct helper *h, struct wire_request *q, struct ens_err *err) ENS_MUST_CHECK;

/* Waits for the next message that answers it; its views are good until the next call. An error that it says is
 * one here, with `*ret` set. Any other error is the end of the process. */
bool helper_hear(struct helper *h, struct wire_reply *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Wipes what was heard last: views of it are no longer good. */
void helper_forget(struct helper *h);

/* From now on its end is that of a token, and no longer that of a module that cannot be loaded. */
void helper_opened(struct helper *h);

/* Ends it because of an answer that does not fit: ENS_DEVICE. */
bool helper_refuse(struct helper *h, struct ens_err *err);

/* Whether the token that is selected has a PIN pad: at one, and nowhere else, a login may take any time. */
void helper_set_pin_pad(struct helper *h, bool has_one);
/* Was a function of the module called, more than that it was loaded? */
bool helper_has_called(const struct helper *h);

/* Has its process ended? */
bool helper_is_over(const struct helper *h);

/* Calls of C_Sign, as the page has them. */
void helper_sign_calls(const struct helper *h, uint64_t *ret_started, uint64_t *ret_completed);

/* Asks it to close, waits for its end, or ends it. What goes wrong here is told, for the work is done. */
void helper_endp(struct helper **helper);

/* ---- words.c: what the module prints ---- */

#define WORDS_LINE 512

struct words {
    int fd; /* where it is read, without blocking; -1: at its end */
    void (*tell)(enum hsm_tell what, const char *text);
    char line[WORDS_LINE];
    size_t len, kept, lines;
    uint64_t dropped;
};

/* Takes what waits there. */
void words_take(struct words *w);
/* The same for the last time; then says how much was not said. */
void words_end(struct words *w);
