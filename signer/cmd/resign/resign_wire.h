/* The messages between resign and the processes that read its files. A worker is told to prepare a file, and answers
 * with its enclaves in their order, each with its findings, with notices, and RESIGN_DONE; to finish it with one
 * signature for each enclave that waits for it, and answers with notices and RESIGN_DONE; to commit up to
 * BATCH_GROUP_MAX of those, and answers with RESIGN_DONE for each, in their order; to close it, without an answer.
 *
 * What does not fit in every byte is no message (signer/base/codec.h). Pure. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/sgx/sigstruct.h"

#define RESIGN_WIRE_MAX   4400 /* bytes of a message */
#define RESIGN_RULE_SIZE  32   /* the name of a rule, filled with zero bytes */
#define RESIGN_SUM_SIZE   16
#define RESIGN_NOTICE_MAX 2048

enum resign_type {
    RESIGN_PREPARE = 1, /* key */
    RESIGN_FINISH,      /* number: of the enclave; signature; RESIGN_MORE: of the next one */
    RESIGN_COMMIT,      /* RESIGN_MORE: a further file */
    RESIGN_CLOSE,       /* the file is given up */
    RESIGN_ENCLAVE,     /* number, want, before, kept; text: component; integer: findings that were dropped */
    RESIGN_FINDING,     /* number: of the enclave; rule; text */
    RESIGN_NOTICE,      /* text */
    RESIGN_DONE,        /* number: of enclaves; integer: enum ens_code; sum; text: of the error */
    RESIGN_TYPES
};

/* Flags, for the types that have them. */
enum {
    RESIGN_LOOK = 1,         /* PREPARE: the file is closed again, with the sum of its bytes taken (tie.h) */
    RESIGN_MORE = 1,         /* FINISH, COMMIT */
    RESIGN_IS_COMPONENT = 1, /* ENCLAVE: of a bundle */
    RESIGN_IS_SIGNED = 2,    /* `before` is there */
    RESIGN_HAS_FIELDS = 8,   /* `want` is there */
    RESIGN_IS_KEPT = 4,      /* it is signed already as it would be: `kept` is there */
    RESIGN_IS_ERROR = 1,     /* FINDING */
    RESIGN_IS_WARNING = 1,   /* NOTICE */
};

struct resign_message {
    enum resign_type type;
    uint64_t file; /* index in the run */
    uint64_t number, integer;
    uint64_t flags;
    /* Borrowed: from the message that was read, or from who writes one. */
    struct view key, signature; /* SIGNATURE_SIZE, big-endian */
    struct view want;           /* SIGNDATA_SIZE: the fields that it would be signed with */
    struct view before, kept;   /* SIGSTRUCT_SIZE: what is there; what --resume found */
    struct view rule, sum, text;
};

/* Writes a message to `ret`; false if a field has another length than it must. */
bool resign_wire_write(const struct resign_message *m, uint8_t ret[static RESIGN_WIRE_MAX],
                       size_t *ret_len) ENS_MUST_CHECK;

/* False if anything does not fit. */
bool resign_wire_read(struct view message, struct resign_message *ret) ENS_MUST_CHECK;
