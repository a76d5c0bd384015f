/* A holder's own share: read, judged, and opened by his sealing key. */
#pragma once

#include "signer/ceremony/transcript.h"
#include "signer/flow/sealing_key.h"

/* Zero-initialise; release with share_free. */
struct own_share {
    const char *path;            /* borrowed */
    struct quorum_share *file;   /* with the public file behind it */
    struct quorum_pieces pieces; /* once it was opened */
};
void share_free(struct own_share *s);

/* Reads it, and CHECK-PUBLIC; records quorum, holder and share. ENS_DATA naming the file. */
bool share_load(const char *path, struct transcript *t, struct own_share *ret,
                struct ens_err *err) ENS_MUST_CHECK;

/* Its holder, as the public file names him. */
const struct quorum_holder *share_holder(const struct own_share *s);

/* Is it sealed to the key that the public file names for its holder? Says so on stderr if not. */
bool share_is_named(const struct own_share *s);

/* Is it sealed to this key? ENS_BADKEY. */
bool share_fits(const struct own_share *s, const struct sealing_key *k, struct ens_err *err) ENS_MUST_CHECK;

/* Opens it with a key that fits, and CHECK-SHARE. ENS_DATA; ENS_BADKEY: the key cannot. */
bool share_open(struct own_share *s, struct sealing_key *k, struct ens_err *err) ENS_MUST_CHECK;
