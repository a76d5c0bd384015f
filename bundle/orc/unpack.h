/* Unpacking one entry: from its bytes in the archive to its content, whose length and CRC must be as
 * declared, and whose deflate data must come to their end, by the rules of zlib: what other readers refuse
 * must not leave here. Moves no file position and keeps nothing, so that entries of one descriptor can be
 * read by several threads. */
#pragma once

#include <stdint.h>

#include "signer/base/bytes.h"
#include "signer/base/tie.h"

/* Bytes of content that a sink gets at a time, at most. */
#define UNPACK_PIECE 65536

/* Where the data are, and what they must be. */
struct unpack_source {
    int fd;
    uint64_t offset; /* of the first byte, in the file */
    uint64_t packed; /* bytes there */
    uint64_t size;   /* bytes of content, as declared */
    uint32_t crc;    /* of the content, as declared */
    bool any_crc;    /* it is not declared */
    bool deflated;   /* else stored */
    struct tie *tie; /* takes all `packed` bytes, as they were read; NULL: none does */
};

/* Pours the content into `sink`. ENS_DATA: the data are damaged, end too early, or are not what is declared;
 * bytes behind the last deflate block are not looked at, as in other readers, but for `tie`. ENS_IO,
 * ENS_RESOURCE, ENS_INTERRUPTED, and what `sink` says. */
bool unpack(const struct unpack_source *from, const struct sink *sink, struct ens_err *err) ENS_MUST_CHECK;
