/* The parsed policy, shared by its parser and its checks. */
#pragma once

#include "signer/ceremony/policy.h"

/* As `max` of a limit: the value is a date. */
#define POLICY_DATE_VALUE 0

enum policy_op { POLICY_EQUAL, POLICY_AT_LEAST, POLICY_AT_MOST };

struct policy_limit {
    enum policy_op op;
    uint64_t value; /* a date is BCD, which orders as the calendar does */
};

struct policy_pair {
    uint64_t value, mask;
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
    uint8_t digest[32];
    bool present[POLICY_CHECKS];
    uint8_t mrsigner[MRSIGNER_SIZE];
    uint8_t (*mrenclaves)[MRENCLAVE_SIZE];
    size_t mrenclaves_len;
    struct policy_limit isvprodid, isvsvn, date;
    struct policy_pair attributes, xfrm;
    bool forbids_debug, forbids_provision_key, forbids_einittoken_key, forbids_blind;
    bool claims[POLICY_CLAIMS];
    uint64_t approvals;
    uint64_t max_items;
    char *approvers;
};
