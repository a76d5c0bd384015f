/* What is said of a success: what was written, under which key, and what comes next. On stderr, silent with
 * --quiet; one line, which a terminal wraps. */
#pragma once

#include "signer/flow/request.h"
#include "signer/flow/signing_key.h"

/* sign. `head`: of the transcript, 32 bytes, after the record was appended; NULL: none is kept. `was_there`:
 * so many of them were signed before, verify, and stayed. With --dry-run nothing was written. */
void success_sign(const struct args *args, const struct requests *requests, const struct signing_key *signer,
                  size_t was_there, const uint8_t *head);

/* The name of a result: the file, or "stdout". */
const char *success_name(const char *output);
