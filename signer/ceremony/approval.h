/* Approvals: a statement and its signature, held against the people of a policy. Each file gets one verdict;
 * then the answers to each sign-data are counted, by persons. A file that does not count changes nothing but
 * its own row: a carrier's junk must not stop a room, nor hide a "no" that is there. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/ceremony/sshsig.h"
#include "signer/ceremony/statement.h"
#include "signer/ceremony/transcript.h"

#define APPROVAL_FILE_MAX 262144 /* bytes */
#define APPROVAL_WHY_MAX  160

/* The verdict on a file, in the order in which it is judged: the first that applies. Only the last and
 * APPROVAL_NO count. */
enum approval_verdict {
    APPROVAL_STATEMENT,    /* too large, no statement, or not in its one spelling */
    APPROVAL_SSHSIG,       /* the signature is none, or something stands behind it */
    APPROVAL_NAMESPACE,    /* made for another purpose */
    APPROVAL_CERTIFICATE,  /* signed by a certificate */
    APPROVAL_SIGNER,       /* the statement says it is by another key */
    APPROVAL_UNKNOWN_KEY,  /* nobody's */
    APPROVAL_SIGNATURE,    /* ssh-keygen says that it does not verify */
    APPROVAL_REVOKED,      /* the key or the person */
    APPROVAL_WITHDRAWN,    /* this statement */
    APPROVAL_OTHER_KEY,    /* for another enclave key */
    APPROVAL_NO,           /* counts against */
    APPROVAL_KEY_EXPIRED,  /* the key's `until` is over */
    APPROVAL_NOT_FIDO,     /* the policy wants a FIDO key */
    APPROVAL_NO_TOUCH,     /* the FIDO key was not touched */
    APPROVAL_NOT_VERIFIED, /* and asked for neither PIN nor finger */
    APPROVAL_EXPIRED,      /* the statement's `until` is over */
    APPROVAL_TOO_LONG,     /* its `until` is farther away than the policy allows */
    APPROVAL_YES,
    APPROVAL_VERDICTS
};

/* "statement", "sshsig", ...: the word in the record and in JSON. */
const char *approval_word(enum approval_verdict verdict);

/* ---- one file ---- */

/* Zero-initialise; release with approval_free. */
struct approval {
    bool has_statement; /* `statement` and `id` are set */
    struct statement statement;
    uint8_t id[DIGEST_SIZE];
    struct view signed_text; /* the statement's bytes and the signature's text, borrowed from the file */
    struct view signature_text;
    struct sshsig signature;           /* the key empty: not read */
    char key[SSHKEY_FINGERPRINT_SIZE]; /* of the signature; empty: not read */
    char why[APPROVAL_WHY_MAX];        /* more about a statement that is none; printable */
};

/* Takes `file` apart: APPROVAL_YES with everything set, or the verdict up to APPROVAL_SIGNER that it fails
 * with. The views of `ret` borrow from `file`. ENS_RESOURCE only. */
bool approval_read(struct view file, struct approval *ret, enum approval_verdict *ret_verdict,
                   struct ens_err *err) ENS_MUST_CHECK;
void approval_free(struct approval *a);

/* True if the first bytes are those of an approval of any version. */
bool approval_recognise(struct view head);

/* Where the signature begins; the length of `file` if it has none. */
size_t approval_split(struct view file);

/* ---- judging ---- */

/* The facts that approvals are held against; borrowed. */
struct approval_ground {
    const struct sshsig_tool *tool;
    const struct policy *policy; /* has people */
    const uint8_t *mrsigner;     /* of the key that will sign; NULL: not known yet, and not checked */
    uint32_t today;              /* UTC, BCD */
};

struct approval_row {
    char *path;
    enum approval_verdict verdict;
    struct approval approval; /* its views are empty: the file is gone */
    const char *person;       /* the policy's; NULL: the signature does not verify as anybody's */
    size_t person_index;
};

/* Zero-initialise; release with approvals_free. */
struct approvals {
    struct approval_row *rows;
    size_t len;
};

/* Judges the files in the order given, each opened and read once. ENS_NOINPUT if one cannot be opened,
 * ENS_DATA if one is not a regular file, ENS_RESOURCE. */
bool approvals_judge(const struct approval_ground *g, const char *const *paths, size_t len,
                     struct approvals *ret, struct ens_err *err) ENS_MUST_CHECK;
void approvals_free(struct approvals *a);

/* The key that signs is known now: what is for another one becomes APPROVAL_OTHER_KEY. */
void approvals_bind(struct approvals *a, const uint8_t mrsigner[static MRSIGNER_SIZE]);

/* ---- counting ---- */

/* The answers of the people about one sign-data. Persons by their index in the policy's people. */
struct approval_tally {
    bool yes[PEOPLE_MAX];
    bool rebuilt[PEOPLE_MAX];       /* of those */
    bool no[PEOPLE_MAX];            /* now or on record */
    uint64_t no_record[PEOPLE_MAX]; /* of a no that only the transcript has: the number of its record */
    size_t counted, rebuilt_counted, rejected;
};

/* Counts the rows, and what the transcript remembers (`past` may be NULL), for
 * the sign-data with this SHA-256. */
void approval_count(const struct approvals *a, const struct approval_ground *g,
                    const struct transcript_rejections *past, const uint8_t digest[static DIGEST_SIZE],
                    struct approval_tally *ret);

/* If there is nobody whose answers count, a no on record stands: ENS_REFUSED if there is one (`past` NULL: no
 * transcript) to the sign-data with this SHA-256 under this key (NULL: it is not known yet). */
bool approval_no_past(const struct transcript_rejections *past, const uint8_t digest[static DIGEST_SIZE],
                      const uint8_t *mrsigner, struct ens_err *err) ENS_MUST_CHECK;

/* Did the author of a row that counts take it back, for the sign-data with this SHA-256? */
bool approval_is_replaced(const struct approvals *a, const struct approval_row *row,
                          const uint8_t digest[static DIGEST_SIZE]);

/* The persons of a list, "alice@example.org, bob@example.org"; a no that only the transcript has with its
 * record. Appends to `ret`. */
bool approval_names(const struct policy *p, const bool persons[static PEOPLE_MAX], const uint64_t *records,
                    struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
