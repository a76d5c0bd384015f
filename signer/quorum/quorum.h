/* What the seven files of a quorum hold (M of N holders sign together, none alone; RSA-3072 with e = 3), for
 * the arithmetic and for the formats. Numbers are big-endian. A struct owns no memory; the large ones (public,
 * share, partial, delta: up to 32 KiB) belong on the heap. What is read fits these bounds. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/base/secret.h"

#define QUORUM_THRESHOLD_MIN 2
#define QUORUM_HOLDERS_MAX   7
#define QUORUM_PIECES_MAX    35 /* of a quorum: C(7,3) */
#define QUORUM_SHARE_MAX     20 /* of a holder: C(6,3) */
#define QUORUM_EPOCH_MAX     255
#define QUORUM_NUMBER        384 /* bytes of the modulus and of each value */
#define QUORUM_PIECE         408 /* bytes of a piece */
#define QUORUM_NAME_MAX      63
#define QUORUM_ID            32 /* bytes of a quorum id, a fingerprint, a digest */
#define QUORUM_SERIAL        16
#define QUORUM_Z             472 /* bytes of the proof's response */
#define QUORUM_WRAPPED_MAX   512 /* RSA-4096 */
#define QUORUM_SPKI_MIN      200
#define QUORUM_SPKI_MAX      800 /* bytes of a card's key, DER */
#define QUORUM_PKCS8_MIN     600
#define QUORUM_PKCS8_MAX     4096 /* bytes of an identity's key, DER */
#define QUORUM_LOG2N_MIN     15
#define QUORUM_LOG2N_MAX     20
#define QUORUM_BITS_MIN      2048 /* of the modulus of a sealing key */
#define QUORUM_BITS_MAX      4096
#define QUORUM_TAG           16 /* AES-GCM */
#define QUORUM_FILE_MAX      65536

enum quorum_kind {
    QUORUM_PUBLIC,
    QUORUM_SHARE,
    QUORUM_PARTIAL,
    QUORUM_CARD,
    QUORUM_IDENTITY,
    QUORUM_REPAIR,
    QUORUM_DELTA,
    QUORUM_KINDS, /* their number */
};

/* The hash of RSAES-OAEP and of its MGF1. */
enum quorum_oaep {
    QUORUM_OAEP_SHA256,
    QUORUM_OAEP_SHA1,
};

/* What is said of a partial. */
enum quorum_verdict {
    QUORUM_OK,
    QUORUM_DUPLICATE, /* the same bytes again: not bad */
    QUORUM_MALFORMED,
    QUORUM_RANGE,
    QUORUM_OTHER_QUORUM, /* or another epoch of this one */
    QUORUM_OTHER_SIGN_DATA,
    QUORUM_BAD_PROOF,
};

/* Binomial coefficient of n and k, both at most QUORUM_HOLDERS_MAX; 0 if k > n. */
static inline unsigned quorum_choose(unsigned n, unsigned k)
{
    unsigned result = 1;

    for (unsigned i = 0; i < k; i++)
        result = i < n ? result * (n - i) / (i + 1) : 0;
    return result;
}

struct quorum_holder {
    char name[QUORUM_NAME_MAX + 1];
    uint8_t key[QUORUM_ID]; /* SHA-256 of the SPKI of the sealing key: the fingerprint */
};

/* Of holder 1 everything stands at [0]; of value a (piece a) at [a]. */
struct quorum_public {
    unsigned threshold, holders, epoch; /* 2 <= threshold <= holders <= 7 */
    uint8_t mrsigner[MRSIGNER_SIZE];    /* of `modulus` */
    struct quorum_holder holder[QUORUM_HOLDERS_MAX];
    uint8_t modulus[QUORUM_NUMBER];
    unsigned count; /* L, of values: quorum_choose(holders, threshold - 1) */
    uint8_t values[QUORUM_PIECES_MAX][QUORUM_NUMBER];
    uint8_t
        id[QUORUM_ID]; /* SHA-256 of the file without its last line: quorum_read and quorum_set_id set it */
};

/* The number of pieces of each holder. */
static inline unsigned quorum_pieces_of_one(const struct quorum_public *p)
{
    return quorum_choose(p->holders - 1, p->threshold - 1);
}

/* Pieces in the open, ascending, QUORUM_PIECE bytes each; bytes.len is count * QUORUM_PIECE. Locked memory:
 * secret_wipe(&bytes) releases. */
struct quorum_pieces {
    struct secret bytes;
    unsigned count;
};

/* Pieces sealed to one key (seal.h). */
struct quorum_sealed {
    uint8_t key[QUORUM_ID]; /* the recipient's fingerprint */
    unsigned bits;          /* of the recipient's modulus */
    enum quorum_oaep oaep;
    unsigned wrapped_len; /* (bits + 7) / 8 */
    uint8_t wrapped[QUORUM_WRAPPED_MAX];
    unsigned pieces;
    uint8_t sealed[QUORUM_SHARE_MAX * QUORUM_PIECE + QUORUM_TAG]; /* pieces * QUORUM_PIECE + QUORUM_TAG */
};

struct quorum_share {
    uint8_t quorum[QUORUM_ID]; /* the id of `public` */
    unsigned holder;           /* from 1 */
    struct quorum_sealed box;
    struct quorum_public public;
};

/* One value for each piece of the holder, ascending, and one proof for all. */
struct quorum_partial {
    uint8_t quorum[QUORUM_ID], mrsigner[MRSIGNER_SIZE];
    unsigned holder;           /* as the file says: a claim */
    uint8_t digest[QUORUM_ID]; /* SHA-256 of the sign-data */
    unsigned count;            /* of values */
    uint8_t values[QUORUM_SHARE_MAX][QUORUM_NUMBER];
    struct {
        uint8_t c[32], z[QUORUM_Z];
    } proof;
};

struct quorum_card {
    char name[QUORUM_NAME_MAX + 1];
    enum quorum_oaep oaep;
    unsigned size; /* bytes of `spki` */
    uint8_t spki[QUORUM_SPKI_MAX];
    unsigned bits;          /* of its modulus */
    uint8_t key[QUORUM_ID]; /* its fingerprint; both are set by reading */
};

struct quorum_identity {
    unsigned log2n; /* scrypt's cost, 15 to 20; r = 8, p = 1 */
    uint8_t salt[16];
    unsigned size; /* bytes of the PKCS#8 DER in `sealed` */
    uint8_t sealed[QUORUM_PKCS8_MAX + QUORUM_TAG];
};

/* What holder `from` gives holder `holder` who lost his share: the pieces that both have. */
struct quorum_repair {
    uint8_t quorum[QUORUM_ID];
    unsigned from, holder;
    struct quorum_sealed box;
};

/* What a contributor of a refresh gives one holder. */
struct quorum_delta {
    uint8_t quorum[QUORUM_ID]; /* before the refresh */
    uint8_t serial[QUORUM_SERIAL];
    unsigned holder;
    unsigned holders;                              /* of the list */
    struct quorum_holder list[QUORUM_HOLDERS_MAX]; /* names and keys from this refresh on */
    unsigned count;                                /* of commitments */
    uint8_t commitments[QUORUM_PIECES_MAX][QUORUM_NUMBER];
    struct quorum_sealed box;
};

/* Any of the seven. For the heap: the largest has 32 KiB. */
union quorum_document {
    struct quorum_public public;
    struct quorum_share share;
    struct quorum_partial partial;
    struct quorum_card card;
    struct quorum_identity identity;
    struct quorum_repair repair;
    struct quorum_delta delta;
};
