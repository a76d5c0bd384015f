/* The head of a transcript, signed by a witness: who was in the room says by a key of their own how long the
 * record was and with which bytes it ended.
 *
 *   ensign head 1
 *   id: 5b5b...          of the transcript's begin, 32 hexadecimal digits
 *   records: 8
 *   head: 620e6339...    SHA-256 of record 8
 *   -----BEGIN SSH SIGNATURE-----
 *   ...
 *
 * The witness signs the four lines with `ssh-keygen -Y sign -n ensign-head-v1`, never with the token. */
#pragma once

#include "signer/ceremony/people.h"
#include "signer/ceremony/sshsig.h"
#include "signer/ceremony/transcript.h"

#define HEAD_FILE_MAX 32768 /* bytes of a signed head */

/* Appends the four lines for a transcript that was verified. ENS_DATA for one of no records. */
bool head_statement(const struct transcript_sum *sum, struct view text, const char *name, struct buf *ret,
                    struct ens_err *err) ENS_MUST_CHECK;

/* Does the signed head `file` fit the transcript `text`, and who of `people` signed it? Record number
 * `records` must have that hash; later ones may follow. ENS_DATA naming `name` and the rule: statement,
 * sshsig, namespace, certificate, unknown-key, signature, no-touch, not-verified, id,
 * records, head. ENS_RESOURCE. */
bool head_check(const struct sshsig_tool *tool, const struct people *people, struct view file,
                const char *name, struct view text, const char **ret_person, uint64_t *ret_record,
                struct ens_err *err) ENS_MUST_CHECK;
