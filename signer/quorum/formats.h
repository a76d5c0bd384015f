/* The seven files of a quorum as text: reading and writing. ASCII lines "key: value" in one order, bodies in
 * base64, and last "sha256: " over all bytes before it. A document has one spelling: what is read is written again
 * and must be the same bytes. */
#pragma once

#include "signer/quorum/quorum.h"

/* The kind of the struct that `doc` points to; cppcheck stumbles over the choice. */
#ifdef __cppcheck__
#define QUORUM_KIND_OF(doc) QUORUM_PUBLIC
#else
#define QUORUM_KIND_OF(doc)                                                                                  \
    _Generic(*(doc), struct quorum_public                                                                    \
             : QUORUM_PUBLIC, struct quorum_share                                                            \
             : QUORUM_SHARE, struct quorum_partial                                                           \
             : QUORUM_PARTIAL, struct quorum_card                                                            \
             : QUORUM_CARD, struct quorum_identity                                                           \
             : QUORUM_IDENTITY, struct quorum_repair                                                         \
             : QUORUM_REPAIR, struct quorum_delta                                                            \
             : QUORUM_DELTA)
#endif

/* Reads a whole file of the kind that `ret` has. Its trailer is judged before any other line. Everything is
 * checked that can be without another file: bounds, names and keys that are distinct, mrsigner that is the
 * modulus's, counts that fit one another; no arithmetic. Whether a partial, a repair or a delta fits its quorum
 * (id, holder, counts) is for whoever has the public file. ENS_DATA naming `name`; ENS_RESOURCE. */
#define quorum_read(file, name, ret, err) formats_read(QUORUM_KIND_OF(ret), file, name, ret, err)
bool formats_read(enum quorum_kind kind, struct view file, const char *name, void *ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Appends the file. What is written must be within the bounds of reading. ENS_RESOURCE. */
#define quorum_write(doc, ret, err) formats_write(QUORUM_KIND_OF(doc), doc, ret, err)
bool formats_write(enum quorum_kind kind, const void *doc, struct buf *ret,
                   struct ens_err *err) ENS_MUST_CHECK;

/* Appends all bytes before the line `sealed:` of a share, an identity, a repair or a delta: what the seal
 * authenticates. */
#define quorum_head(doc, ret, err) formats_head(QUORUM_KIND_OF(doc), doc, ret, err)
bool formats_head(enum quorum_kind kind, const void *doc, struct buf *ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Sets `id`, once all the rest is there. */
bool quorum_set_id(struct quorum_public *p, struct ens_err *err) ENS_MUST_CHECK;

/* Does the file begin as one of these, of any version? `ret` is its kind. */
bool quorum_recognise(struct view head, enum quorum_kind *ret);

/* "public", "share", ... as in the first line. */
const char *quorum_kind_name(enum quorum_kind kind);
