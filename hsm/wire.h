/* The messages between ensign and ensign-token, a datagram each: 32 bits of type, 32 bits of sequence (a reply
 * repeats that of its request), then the fields of its type in the order of hsm/wire.c. Integers are
 * little-endian; texts and bytes are 32 bits of length, and then so many bytes; no text holds a zero byte.
 *
 * One request at a time. A list is one message for each item, and then WIRE_END. WIRE_ERROR may answer any
 * request. While it signs, ensign-token may ask for a PIN once (WIRE_NEED_PIN): WIRE_PIN or WIRE_NO_PIN, with
 * the sequence of the signature, is the answer to that. Both sides refuse what does not fit and end the
 * conversation: nothing is resynchronised. This codec is pure, and the same code writes and reads a message. */
#pragma once

#include "signer/base/bytes.h"

#define WIRE_PROTOCOL    2
#define WIRE_MAX         32768 /* bytes of a message: a key whose label and id have 2,048 bytes fits */
#define WIRE_TEXT_MAX    6     /* texts of one reply */
#define WIRE_CLAIMS      9
#define WIRE_ITEMS_MAX   4096 /* of a list */
#define WIRE_PIN_MAX     1024
#define WIRE_DIGEST      32
#define WIRE_SIGNATURE   384
#define WIRE_NUMBER_MAX  512 /* bytes of a modulus, or of what was wrapped under it */
#define WIRE_DATA_KEY    32
#define WIRE_VERSION_MAX 64

enum wire_type {
    WIRE_HELLO = 1,    /* integer: protocol */
    WIRE_OPEN,         /* flags 1: there are arguments; text: module; more: arguments */
    WIRE_LIST_TOKENS,  /* flags 1: there is a URI; text: URI */
    WIRE_SELECT_TOKEN, /* text: URI */
    WIRE_LOGIN,        /* flags 1: there is a PIN, 2: the final try is allowed; secret: PIN */
    WIRE_SELECT_KEY,   /* text: URI */
    WIRE_LIST_KEYS,
    WIRE_PUBLIC_KEY,
    WIRE_SIGN,       /* integer: mechanism; flags 1: a PIN can be asked for; digest; more: message */
    WIRE_PIN,        /* secret: PIN */
    WIRE_NO_PIN,     /* there is none */
    WIRE_GENERATE,   /* flags 1: a sealing key; text: label; more: id */
    WIRE_DESTROY,    /* the pair of WIRE_GENERATE; flags 1: of the selected key */
    WIRE_CANDIDATES, /* of the error before */
    WIRE_CLOSE,
    WIRE_DECRYPT,  /* integer: OAEP; flags 1: a PIN can be asked for; more: what was wrapped */
    WIRE_REQUESTS, /* the first that is none */

    WIRE_OK = 100,
    WIRE_VERSION, /* integer: protocol; flags: walls; text: version */
    WIRE_TOKEN,   /* texts: label, manufacturer, model, serial, URI; integer: slot; flags */
    WIRE_KEY,    /* texts: label, id, URI, why not; integers: bits, exponent; flags; claims; fixed: modulus */
    WIRE_PUBKEY, /* fixed: modulus */
    WIRE_SIGNATURE_IS, /* fixed: signature */
    WIRE_NEED_PIN,
    WIRE_CANDIDATE, /* text: URI */
    WIRE_END,
    WIRE_ERROR,     /* integer: code; flags 1: there are candidates, 2: ensign wanted no more calls; text */
    WIRE_UNWRAPPED, /* fixed: 32 bytes, a secret */
    WIRE_REPLIES
};

enum {
    WIRE_HAS_TEXT = 1,
    WIRE_HAS_PIN = 1,
    WIRE_FINAL_TRY = 2,
    WIRE_CAN_ASK = 1,
    WIRE_SEALING = 1,
    WIRE_SELECTED = 1,
    WIRE_HAS_CANDIDATES = 1,
    WIRE_WAS_STOPPED = 2
};
enum { WIRE_PIN_PAD = 1, WIRE_COUNT_LOW = 2, WIRE_LAST_TRY = 4, WIRE_LOCKED = 8, WIRE_LOGIN_REQUIRED = 16 };
enum { WIRE_IS_RSA = 1, WIRE_HAS_PUBKEY = 2, WIRE_RSA_PKCS = 4, WIRE_SHA256_RSA_PKCS = 8 };
enum { WIRE_WALL_SCOPE = 1, WIRE_WALL_CALLS = 2 };

/* The statuses with which ensign-token ends by itself; above 100, so that they are told from a module's. */
enum wire_status {
    WIRE_STATUS_CLOSED = 0,     /* as it was asked to */
    WIRE_STATUS_LOST = 101,     /* the socket is no more: the module closed it */
    WIRE_STATUS_NONSENSE = 102, /* a request that does not fit, or no ensign at the other end */
    WIRE_STATUS_HARDEN = 103,   /* core files cannot be forbidden, or the page cannot be had */
};

/* Views are borrowed: from the message that was read, or from the caller who writes one. */
struct wire_request {
    enum wire_type type;
    uint32_t sequence;
    uint64_t integer, flags;
    struct view text, more, digest;
    struct view secret; /* its length is written, its bytes are not: they are sent from where they are */
};

struct wire_reply {
    enum wire_type type;
    uint32_t sequence;
    uint64_t integer, more, flags;
    uint64_t claims[WIRE_CLAIMS]; /* 0 unknown, 1 no, 2 yes */
    struct view text[WIRE_TEXT_MAX];
    struct view
        fixed; /* of its type's length; of a key: its modulus, at most WIRE_NUMBER_MAX; empty: not known */
};

/* Writes a message to `ret`; false if a field is longer than its limit. */
bool wire_write_request(const struct wire_request *q, uint8_t ret[static WIRE_MAX],
                        size_t *ret_len) ENS_MUST_CHECK;
bool wire_write_reply(const struct wire_reply *r, uint8_t ret[static WIRE_MAX],
                      size_t *ret_len) ENS_MUST_CHECK;

/* Reads a message; false if anything in it does not fit: type, length, a zero byte in a text, an unknown flag,
 * bytes that are left over. */
bool wire_read_request(struct view message, struct wire_request *ret) ENS_MUST_CHECK;
bool wire_read_reply(struct view message, struct wire_reply *ret) ENS_MUST_CHECK;
