/* The parsed policy, shared by its readers and its checks. */
#pragma once

#include "signer/ceremony/policy.h"

#define POLICY_LIST_MAX      16 /* numbers of which one is wanted */
#define POLICY_UNCHECKED_MAX 256
#define POLICY_HEX_MAX       32 /* bytes */

/* The shape of the value behind a keyword. */
enum policy_shape {
    SHAPE_NUMBERS, /* any, or a limit, a range, a list */
    SHAPE_DATES,   /* the same of days, kept as BCD, which orders as the calendar does */
    SHAPE_PAIR,    /* any, or value and inverse mask */
    SHAPE_BIT,     /* forbid, require, allow: one bit of ATTRIBUTES */
    SHAPE_HEX,     /* any, or bytes of which one is wanted */
    SHAPE_COUNT,   /* a number from 1 */
    SHAPE_WORD,    /* one of a few */
    SHAPE_CLAIMS,
    SHAPE_FILE,
};

/* Words of SHAPE_BIT, in the order of policy_bit_words. */
enum policy_bit { BIT_FORBID, BIT_REQUIRE, BIT_ALLOW };
#define BLIND_ALLOW 1 /* of `blind forbid|allow` */

struct policy_keyword {
    const char *name;
    enum policy_shape shape;
    uint64_t min, max;        /* numbers and counts; max is all bits of a pair */
    uint64_t bit;             /* SHAPE_BIT */
    size_t size;              /* SHAPE_HEX: bytes of one */
    const char *const *words; /* SHAPE_WORD, SHAPE_BIT: NULL-terminated */
    const char *takes;        /* for messages: what may stand behind it */
    const char *unchecked;    /* what would check it, where nothing did */
    enum css_field field, mask;
    bool is_field;   /* speaks of a signed field */
    bool is_list;    /* SHAPE_HEX: several may be given */
    bool may_be_any; /* SHAPE_HEX */
};
extern const struct policy_keyword policy_keywords[POLICY_KEYWORDS];

enum policy_op { OP_ONE_OF, OP_AT_LEAST, OP_AT_MOST, OP_RANGE };

/* The value of a line; the shape tells which members. */
struct policy_line {
    bool is_present;
    bool is_any;
    enum policy_op op;
    uint64_t numbers[POLICY_LIST_MAX]; /* a range has two, a count one */
    size_t numbers_len;
    bool is_within;       /* pair: at least as strict */
    uint64_t value, open; /* pair: `open` is the inverse mask as written */
    int word;
    uint8_t (*hex)[POLICY_HEX_MAX];
    size_t hex_len;
    char *file;
    bool has_pin;
    uint8_t pin[32];
};

/* Claims that a `key` line can demand, in the order of policy_claim_names. */
enum policy_claim {
    CLAIM_SENSITIVE,
    CLAIM_ALWAYS_SENSITIVE,
    CLAIM_NOT_EXTRACTABLE,
    CLAIM_NEVER_EXTRACTABLE,
    CLAIM_LOCAL,
    CLAIM_NO_DECRYPT,
    CLAIM_ALWAYS_AUTHENTICATE,
    POLICY_CLAIMS
};
extern const char *const policy_claim_names[POLICY_CLAIMS];

struct policy {
    uint8_t id[32];
    struct policy_line lines[POLICY_KEYWORDS];
    bool claims[POLICY_CLAIMS];
    char unchecked[POLICY_UNCHECKED_MAX];
    struct people *people;
    struct revoked *revoked;
    char *paths[2];              /* approvers, revoked, as they were opened */
    struct policy_file files[2]; /* the same, for those who ask */
};

/* Reads the value of one line into `ret` (policy_values.c); ENS_DATA with the rule. */
struct hand_line;
bool policy_read_value(enum policy_check check, const struct hand_line *l, struct policy *ret,
                       struct ens_err *err) ENS_MUST_CHECK;

/* True if a number holds against a line of SHAPE_NUMBERS or SHAPE_DATES (policy_values.c). */
bool policy_number_holds(const struct policy_line *l, uint64_t value);

/* Writes the demand of a line, for the text of a row (policy_text.c). */
#define POLICY_WANTED_MAX 80
void policy_wanted(const struct policy *p, enum policy_check check, char ret[static POLICY_WANTED_MAX]);

/* Writes a row (policy_check.c). */
void policy_put(struct policy_outcome *o, enum policy_check check, bool holds, const char *fmt, ...)
    ENS_PRINTF(4, 5);
