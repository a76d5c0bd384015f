/* Messages between two processes of ensign: a message is described once, field by field, and the description reads or
 * writes it. Integers are little-endian. A codec that met what does not fit stays `ok` false, and what was read by it
 * means nothing. */
#pragma once

#include "signer/base/bytes.h"

struct codec {
    struct reader in;
    uint8_t *out;     /* NULL: it reads */
    size_t room, len; /* of `out`, and written so far */
    bool ok;
};

/* `message` and `out` are borrowed as long as the codec; `room` is the size of `out`. */
struct codec codec_reading(struct view message);
struct codec codec_writing(uint8_t *out, size_t room);

/* Read to the end, and all of it did fit. */
bool codec_is_read(const struct codec *c);

/* An integer of `size` bytes, 1 to 8. */
void codec_integer(struct codec *c, uint64_t *value, size_t size);
/* An integer of one byte that has no other bits than those of `known`. */
void codec_flags(struct codec *c, uint64_t *value, uint64_t known);
/* `len` bytes; a view that was read lies in the message. */
void codec_fixed(struct codec *c, struct view *v, size_t len);
/* A length of four bytes, at most `max`, of what stands behind it. */
void codec_length(struct codec *c, struct view *v, size_t max);
/* At most `max` bytes, behind their length. */
void codec_bytes(struct codec *c, struct view *v, size_t max);
/* The same without a zero byte. */
void codec_text(struct codec *c, struct view *v, size_t max);
