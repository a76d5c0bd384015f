/* A list of everything that is wrong with, or remarkable about, one object: a judge adds, a printer reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "signer/base/err.h"

#define FINDINGS_MAX     32  /* kept, of each rule at least one; the others are only counted */
#define FINDING_TEXT_MAX 200 /* bytes of a text, with its terminator */

enum severity {
    SEVERITY_ERROR,   /* the CPU or the consumer refuses it */
    SEVERITY_WARNING, /* accepted, but somebody should know */
};

struct finding {
    enum severity severity;
    const char *rule; /* stable name of the rule, for --json */
    char text[FINDING_TEXT_MAX];
};

struct findings {
    struct finding items[FINDINGS_MAX];
    size_t len;
    size_t dropped; /* more than FINDINGS_MAX */
};

/* Adds to the list. One that is full gives up a finding whose rule it has more than once for one of a rule
 * that it does not have, so that nothing is hidden behind many of another kind. */
void findings_add(struct findings *list, enum severity severity, const char *rule, const char *fmt, ...)
    ENS_PRINTF(4, 5);

/* Is it an error of an enclave that loads, and whose code is not what its reader or MRENCLAVE says:
 * "unmeasured-code", "page-twice", "patched-code"? These are what --allow-unusual lifts. */
bool finding_is_danger(const struct finding *f);

/* Turns the dangers of the list into warnings: their reader has said yes to them. */
void findings_allow(struct findings *list);

/* The number of findings of this severity. */
size_t findings_count(const struct findings *list, enum severity severity);

/* The first of this severity, or NULL. */
const struct finding *findings_first(const struct findings *list, enum severity severity);
