/* The end of a zip file and its central directory, read here without a library, for one purpose: to be
 * sure that every reader finds the same entries in it. A zip file is found from its end by a search, and
 * its directory repeats what stands before each entry, so a file can be built in which two readers see two
 * archives; such a file is refused. PKWARE APPNOTE 4.3.7 to 4.3.16. */
#pragma once

#include "signer/base/bytes.h"

/* Bytes of a whole central directory: headers, names, extra fields and comments of its entries. */
#define DIRECTORY_MAX (64u << 20)

struct directory {
    uint64_t entries;
    uint64_t offset;  /* of the first header, from the begin of the file */
    uint64_t size;    /* of all headers, bytes */
    uint64_t comment; /* of the archive's comment, bytes */
};

/* One header of the directory; zip64 sizes are resolved. `name` lives until the visitor returns. */
struct directory_entry {
    uint64_t index;
    struct view name;
    uint16_t flags;
    uint16_t method;
    uint32_t attributes; /* external */
    uint32_t crc;        /* of the data, unpacked */
    uint64_t size;       /* unpacked, as declared */
    uint64_t packed;     /* bytes in the file */
    uint64_t offset;     /* of the local header */
    uint64_t data;       /* offset of the data, behind the local header */
};

struct directory_visitor {
    bool (*entry)(void *ctx, const struct directory_entry *e, struct ens_err *err);
    void *ctx;
};

/* Reads up to `len` bytes at `offset`, which may be any number; less only at the end of the file. ENS_IO. */
bool directory_read_at(int fd, uint64_t offset, uint8_t *ret, size_t len, size_t *ret_len,
                       struct ens_err *err) ENS_MUST_CHECK;
/* The same of exactly `len` bytes. ENS_DATA: the file ends before. */
bool directory_read_exact(int fd, uint64_t offset, uint8_t *ret, size_t len,
                          struct ens_err *err) ENS_MUST_CHECK;

/* Finds the directory of the file of `size` bytes; ENS_DATA naming the rule that its end breaks. */
bool directory_find(int fd, uint64_t size, struct directory *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Shows each header to `visitor`, in order, after checking that the local header names the same entry.
 * ENS_DATA: a header is malformed, two entries share bytes, or the headers do not fill the directory. */
bool directory_walk(int fd, const struct directory *d, struct directory_visitor visitor,
                    struct ens_err *err) ENS_MUST_CHECK;
