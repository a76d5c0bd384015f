/* Unpacking one entry: from its bytes in the archive to its content, whose length and CRC must be as
 * declared, and whose deflate data must come to their end. libzip stops when the declared size is out and
 * does not look whether the data end there; other readers do, and refuse such an entry. */
#pragma once

#include <stdint.h>

#include "signer/base/bytes.h"

struct unpack;

/* Starts; the content goes to `sink`. Release with unpack_freep. */
bool unpack_new(bool deflated, uint64_t size, uint32_t crc, const struct sink *sink, struct unpack **ret,
                struct ens_err *err) ENS_MUST_CHECK;
/* Takes the next bytes of the archive. ENS_DATA where they are damaged, or unpack to more than `size`. */
bool unpack_put(struct unpack *u, struct view packed, struct ens_err *err) ENS_MUST_CHECK;
/* Ends; ENS_DATA where the data do not end here, or the content is not as declared. */
bool unpack_end(struct unpack *u, struct ens_err *err) ENS_MUST_CHECK;
void unpack_freep(struct unpack **u);
