/* What the files of the helper share: helper_end.c says how it ended, helper.c asks and hears, helper_start.c makes it
 * and ends it as it should be ended. */
#pragma once

#include <sys/types.h>

#include "hsm/helper.h"
#include "hsm/page.h"

#define HELPER_TICK_MS 200

struct helper {
    struct hsm_open_args args; /* no module: it is named later */
    char *path;
    pid_t pid; /* 0: it has ended */
    int status;
    int pidfd, socket; /* -1: none */
    struct words words;
    struct call_page *page;
    uint8_t *message; /* WIRE_MAX bytes */
    uint64_t walls;
    bool is_greeted, is_open, was_interrupted, has_pin_pad;

    /* The request that is under way. */
    uint32_t sequence;
    enum wire_type type;
    long begun, seen; /* in ms: when it was sent; when the clock was read last */
    uint64_t state;   /* of the page, as it was seen last */
    long call_begun;
    long told; /* seconds that were told of this call; 0: none */
};

/* The clock that deadlines are read from, in ms. */
long helper_now(void);

/* The call that is under way, or was when it ended. */
const char *helper_call(const struct helper *h);
/* Nobody is told any more that a call takes long. */
void helper_end_waiting(struct helper *h);

/* True if it has ended, at the latest after `ms`. */
bool helper_has_ended(struct helper *h, long ms);
/* "with exit status 0 in C_Sign" */
void helper_describe_end(const struct helper *h, char *ret, size_t cap);
/* Ends it by force. */
void helper_kill(struct helper *h);
/* It has ended, or closed the socket: waits for its end and says how it came. */
bool helper_fail_lost(struct helper *h, struct ens_err *err);
/* Ends it, because a call, or what a request needs of them, took more than `limit` seconds. ENS_DEVICE. */
bool helper_fail_late(struct helper *h, unsigned limit, struct ens_err *err);
