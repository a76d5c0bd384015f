/* What several commands of quorum do: the files that they read, and what they print of a quorum. */
#pragma once

#include "signer/ceremony/transcript.h"
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
    const char *answer;   /* what is typed; NULL: yes */
    const char *no;       /* "nothing was dealt" */
};
/* Shows and asks, or if `yes` only shows; records how. ENS_REFUSED, ENS_IO, ENS_INTERRUPTED. */
bool quorum_confirm(const struct quorum_question *q, bool yes, struct transcript *t,
                    struct ens_err *err) ENS_MUST_CHECK;

/* What all read aloud: MRSIGNER, and the quorum id with its words. On stderr. */
bool quorum_say_id(const struct quorum_public *q, struct ens_err *err) ENS_MUST_CHECK;

/* The entry `quorum` of a record: id, M of N, epoch. */
void quorum_record(struct transcript *t, const struct quorum_public *q);
