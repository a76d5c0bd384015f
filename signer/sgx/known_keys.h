/* Signing keys whose private half is published: a release signed with one is signed by everybody. */
#pragma once

#include <stdint.h>

#include "signer/base/pubkey.h"

/* The owner of the published private key that has this MRSIGNER, or NULL. */
const char *known_key_owner(const uint8_t mrsigner[static MRSIGNER_SIZE]);
