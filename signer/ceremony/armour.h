/* Armour: an artefact as text that a person can type, read aloud or scan (ceremony formats, section 5).
 * Base32 (RFC 4648, section 6, without padding) in numbered lines of 30 bytes, each with two check characters
 * (CRC-10), in a frame that names the kind. Reading tolerates what hands and scanners do to text; every wrong
 * character is found. */
#pragma once

#include "signer/base/bytes.h"

#define ARMOUR_BYTES_MAX 65536  /* of what is inside */
#define ARMOUR_TEXT_MAX  300000 /* of the text */

enum armour_kind {
    ARMOUR_SIGN_DATA,  /* 256 bytes */
    ARMOUR_DIGEST,     /* 32 */
    ARMOUR_SIGNATURE,  /* 384 */
    ARMOUR_PUBLIC_KEY, /* SubjectPublicKeyInfo, DER */
    ARMOUR_APPROVAL,
    ARMOUR_PARTIAL,
    ARMOUR_KINDS
};

/* A set of kinds, of which one is wished for. */
#define ARMOUR_ONLY(kind) (1U << (kind))
#define ARMOUR_EVERY      (ARMOUR_ONLY(ARMOUR_KINDS) - 1)

/* "SIGN-DATA", "PUBLIC KEY", ...: as in the frame. */
const char *armour_name(enum armour_kind kind);

/* Does `head`, the first bytes of a file, begin as armour does: its first line that is not blank is the
 * frame's, or line 1 of text without a frame? */
bool armour_is(struct view head);

/* Reads `text`. A frame of a kind outside `wishes` is refused; without a frame it is the one of them that
 * every check fits. ENS_DATA naming `name`, the line within the armour if one is at fault, and the rule:
 * too-large, not-ascii, empty, no-header, kind, no-end, after-end, line-number, line-order, line, alphabet,
 * line-length, unused-bits, check, lines-missing, size. */
bool armour_decode(struct view text, const char *name, unsigned wishes, enum armour_kind *ret_kind,
                   struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Takes a file's bytes: of armour of one of these kinds it appends what is inside to `ret`, of anything else of at most
 * `max` bytes those. ENS_DATA naming `name`. */
bool armour_take(struct view file, const char *name, size_t max, unsigned wishes, struct buf *ret,
                 struct ens_err *err) ENS_MUST_CHECK;

/* How much of a file may be read for armour_take. */
size_t armour_room(size_t max);

/* Reads a whole file for armour_take. ENS_NOINPUT, ENS_IO, ENS_DATA. */
bool armour_read(const char *path, size_t max, unsigned wishes, struct buf *ret,
                 struct ens_err *err) ENS_MUST_CHECK;

/* Appends the one text that stands for `bytes`, with the frame or without. */
bool armour_encode(enum armour_kind kind, struct view bytes, bool is_bare, struct buf *ret,
                   struct ens_err *err) ENS_MUST_CHECK;
