/* What several commands of quorum do: the files that they read, and what they print of a quorum. */
#pragma once

#include "signer/ceremony/transcript.h"
#include "signer/flow/sealing_key.h"
#include "signer/quorum/formats.h"

/* Reads the public file of a quorum and checks its numbers (CHECK-PUBLIC). ENS_DATA naming the file. On the heap:
 * mem_free. */
bool quorum_load_public(const char *path, struct quorum_public **ret, struct ens_err *err) ENS_MUST_CHECK;

/* Reads a card. */
bool quorum_load_card(const char *path, struct quorum_card *ret, struct ens_err *err) ENS_MUST_CHECK;

/* --mrsigner HEX, if it is given, is this one; ENS_REFUSED if not. */
bool quorum_pin(const char *hex, const uint8_t mrsigner[static MRSIGNER_SIZE],
                struct ens_err *err) ENS_MUST_CHECK;

/* What is shown before something that cannot be taken back, and its question. */
struct quorum_question {
    struct view text;     /* whole lines */
    const char *object;   /* for messages */
    const char *verb;     /* "deal" */
    const char *question; /* "Deal it? Type yes to deal: " */
    const char *answer;   /* what must be typed, whatever --yes says; NULL: yes */
    const char *no;       /* "nothing was dealt" */
};
/* Shows and asks, or if `yes` only shows; records how. ENS_REFUSED, ENS_IO, ENS_INTERRUPTED. */
bool quorum_confirm(const struct quorum_question *q, bool yes, struct transcript *t,
                    struct ens_err *err) ENS_MUST_CHECK;

/* Appends "Holder 2: NAME", and the fingerprint of his key with its words. */
bool quorum_add_holder(struct buf *ret, unsigned number, const char *name,
                       const uint8_t key[static QUORUM_ID], struct ens_err *err) ENS_MUST_CHECK;

/* Puts all of `outs` in place or none, at most QUORUM_HOLDERS_MAX + 1; `paths` are their names. */
struct file_out;
bool quorum_commit(struct file_out *const *outs, char *const *paths, size_t len,
                   struct ens_err *err) ENS_MUST_CHECK;

/* What all read aloud: MRSIGNER, and the quorum id with its words. On stderr. */
bool quorum_say_id(const struct quorum_public *q, struct ens_err *err) ENS_MUST_CHECK;

/* What is sealed in a repair or a delta (a share: share.h), opened with the holder's sealing key. ENS_DATA naming `path`:
 * damaged; ENS_BADKEY, and what a token may say. secret_wipe(&ret->bytes). */
#define quorum_open(doc, path, key, ret, err)                                                                \
    quorum_open_box(QUORUM_KIND_OF(doc), doc, &(doc)->box, path, key, ret, err)
bool quorum_open_box(enum quorum_kind kind, const void *doc, const struct quorum_sealed *box,
                     const char *path, struct sealing_key *key, struct quorum_pieces *ret,
                     struct ens_err *err) ENS_MUST_CHECK;

/* What is typed if a card is not the one that is named: the holder's name and the card's first four words. NULL:
 * ENS_RESOURCE; mem_free. */
char *quorum_name_and_words(const char *name, const uint8_t key[static QUORUM_ID],
                            struct ens_err *err) ENS_MUST_CHECK;

/* The entry `quorum` of a record: id, M of N, epoch. */
void quorum_record(struct transcript *t, const struct quorum_public *q);

/* The entry `card`: holder (0: of no quorum yet, and empty), name, SHA-256 of the file. ENS_RESOURCE. */
bool quorum_record_card(struct transcript *t, unsigned holder, const struct quorum_card *c,
                        struct ens_err *err) ENS_MUST_CHECK;
