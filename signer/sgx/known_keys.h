/* Signing keys whose private half is published: a release signed with one is signed by everybody. */
#pragma once

#include <stdint.h>

#include "signer/base/pubkey.h"

/* Whose key it is, where MRSIGNER belongs to a published private key; else NULL. */
const char *known_key_owner(const uint8_t mrsigner[static MRSIGNER_SIZE]);
