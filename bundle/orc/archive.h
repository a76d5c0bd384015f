/* A zip archive, read through one open file and written to another. The only user of libzip, of which no
 * type is seen here. Knows nothing of what the files mean. */
#pragma once

#include "bundle/orc/listing.h"
#include "signer/base/tie.h"

struct archive;

/* Lists the entries (listing.h), and opens them with libzip, which must see the same; `fd` stays the
 * caller's, open for as long as the archive. Memory is that of the directory. ENS_DATA naming the entry and
 * the rule, ENS_IO, ENS_RESOURCE; ENS_NOINPUT: it is not a regular file. */
bool archive_open(int fd, struct archive **ret, struct ens_err *err) ENS_MUST_CHECK;
/* As oasis-core reads it (listing_as_core); nothing can be copied out of it. */
bool archive_open_as_core(int fd, struct archive **ret, struct ens_err *err) ENS_MUST_CHECK;
void archive_closep(struct archive **a);

/* Entry 0 is the manifest, the files follow, sorted by name. They live as long as the archive. */
const struct listing *archive_listing(const struct archive *a);

/* Bytes of the file at `offset`, up to `len`; less only at its end. ENS_IO. */
bool archive_read_at(const struct archive *a, uint64_t offset, uint8_t *ret, size_t len, size_t *ret_len,
                     struct ens_err *err) ENS_MUST_CHECK;

/* Bytes of the archive file. */
uint64_t archive_size(const struct archive *a);

/* Unpacks one entry into `sink`, UNPACK_PIECE bytes at a time; its length and its CRC must be as declared
 * (unpack.h). Several threads may read at once, each another entry. ENS_DATA if it was read before, and
 * has other bytes now. */
bool archive_read(const struct archive *a, const struct listing_entry *e, const struct sink *sink,
                  struct ens_err *err) ENS_MUST_CHECK;

/* The sum of an entry's bytes in the archive (tie.h), as archive_read read them; false: nobody has. */
bool archive_sum_known(const struct archive *a, const struct listing_entry *e, uint8_t ret[static TIE_SIZE]);

/* A file that goes into an archive: open for reading, as long as anything that knows it. */
struct archive_input {
    const char *path; /* for messages */
    int fd;
    uint64_t size;
};

/* One entry to write: copied as it is from an archive (`entry`), deflated from a file (`input`), or stored
 * from memory (`bytes`). */
struct archive_item {
    const char *name;
    const struct listing_entry *entry; /* or NULL */
    const struct archive_input *input; /* or NULL */
    struct view bytes;
    bool store; /* `input` is not deflated */
};

/* Writes `items` in their order into the empty file `fd`: fixed time and attributes, no extra fields but
 * zip64 where a size needs it, so that the same items give the same bytes. Entries come from `a`, which may
 * be NULL if there are none. */
bool archive_write(struct archive *a, int fd, const struct archive_item *items, size_t len,
                   struct ens_err *err) ENS_MUST_CHECK;
