/* Bytes: views that borrow, buffers that own, readers and writers with a sticky `ok` that is tested
 * once at the end, and sinks that a stream is poured into. */
#pragma once

#include <endian.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "signer/base/err.h"

/* Borrowed bytes. `data` may be NULL if `len` is 0. */
struct view {
    const uint8_t *data;
    size_t len;
};

/* Owned bytes, grown as needed; zero-initialise, release with buf_free. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

/* Reads forward through a view. After a read past the end `ok` is false, and every result is zero. */
struct reader {
    struct view left;
    bool ok;
};

/* Receives a stream piece by piece, in order; a false return ends it with `err` set. */
struct sink {
    bool (*put)(void *ctx, struct view piece, struct ens_err *err);
    void *ctx;
};

struct view view_of(const void *data, size_t len);
struct view view_of_string(const char *text);
/* Bytes `offset`..`offset + len` of `v`; the empty view if that is outside. */
struct view view_slice(struct view v, size_t offset, size_t len);
bool view_equal(struct view a, struct view b);
/* Does it begin with these bytes? Is it this text? */
bool view_begins(struct view v, struct view with);
bool view_is(struct view v, const char *text);
bool view_is_zero(struct view v);

bool buf_append(struct buf *b, struct view v, struct ens_err *err) ENS_MUST_CHECK;
bool buf_printf(struct buf *b, struct ens_err *err, const char *fmt, ...) ENS_PRINTF(3, 4) ENS_MUST_CHECK;
bool buf_vprintf(struct buf *b, struct ens_err *err, const char *fmt, va_list args)
    ENS_PRINTF(3, 0) ENS_MUST_CHECK;
struct view buf_view(const struct buf *b);
void buf_free(struct buf *b);

struct reader reader_of(struct view v);
struct view reader_take(struct reader *r, size_t len);
uint16_t reader_le16(struct reader *r);
uint32_t reader_le32(struct reader *r);
uint64_t reader_le64(struct reader *r);

/* Little-endian integers of 1 to 8 bytes, as every integer of SGX is stored. */
uint64_t bytes_get_le(struct view v);
void bytes_put_le(uint8_t *ret, size_t len, uint64_t value);

/* The same for 8 bytes, where they are read and written by the million. */
static inline uint64_t bytes_get_le64(const uint8_t at[static 8])
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static inline void bytes_put_le64(uint8_t ret[static 8], uint64_t value)
{
    value = htole64(value);
    memcpy(ret, &value, sizeof value);
}

/* `ret` gets the `len` bytes of `in` in reverse order; `ret` and `in` do not overlap. */
void bytes_reverse(uint8_t *ret, const uint8_t *in, size_t len);
