/* The key of a card: an RSA SubjectPublicKeyInfo with e = 65537, in the one DER that there is of it. */
#pragma once

#include "signer/quorum/quorum.h"

/* Judges spki[0..size) and sets `bits` and `key`. ENS_DATA: not RSA of 2048 to 4096 bits with e = 65537 and an
 * odd modulus, or not DER. */
bool card_read_key(struct quorum_card *c, struct ens_err *err) ENS_MUST_CHECK;

/* Makes `spki`, and with it `size`, `bits` and `key`, of a modulus (big-endian, no leading zero). ENS_DATA as above. */
bool card_set_key(struct quorum_card *c, struct view modulus, struct ens_err *err) ENS_MUST_CHECK;
