/* What resign leaves in a transcript: the files in chunks, each with one intent before it is signed and one
 * outcome after it. */
#pragma once

#include "signer/ceremony/transcript.h"
#include "signer/cmd/resign/resign.h"

/* Files from `first` on whose enclaves fit into one intent. */
struct resign_chunk {
    size_t first, files;
    size_t waiting; /* enclaves that wait for a signature; 0: there is nothing to announce */
    struct transcript_item *items;
    struct resign_place *places; /* of each item */
    size_t len;
    uint64_t started, completed; /* calls of the token before it */
};

/* Takes the files from `first` on that were prepared, as many as one intent can announce. Release with
 * resign_chunk_free. ENS_DATA for a file that has more enclaves than that. */
bool resign_chunk_make(const struct resign *r, size_t first, struct resign_chunk *ret,
                       struct ens_err *err) ENS_MUST_CHECK;
void resign_chunk_free(struct resign_chunk *c);

/* Makes the intent durable. ENS_IO: nothing may be signed. */
bool resign_chunk_begin(struct transcript *t, const struct resign *r, struct resign_chunk *c,
                        struct ens_err *err) ENS_MUST_CHECK;

/* Appends the outcome. `stopped` is why no more is signed (ENS_OK: it is not so). */
bool resign_chunk_end(struct transcript *t, const struct resign *r, const struct resign_chunk *c,
                      enum ens_code stopped, struct ens_err *err) ENS_MUST_CHECK;

/* The record of a command that announced nothing. */
bool resign_record_run(struct transcript *t, const struct resign *r, bool ok,
                       struct ens_err *err) ENS_MUST_CHECK;
