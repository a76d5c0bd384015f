/* Any bytes as deflate data: they are accepted exactly where zlib accepts them, and unpack to the same. The
 * first byte says what is declared about them: the truth, one byte less or more, or another CRC. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ZLIB_CONST
#include <zlib.h>

#include "bundle/orc/unpack.h"

/* Beyond that it is not about the decoder any more. */
#define CONTENT_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

struct content {
    uint8_t *bytes;
    size_t len;
};

static bool put(void *ctx, struct view piece, struct ens_err *err)
{
    struct content *c = ctx;

    (void)err;
    must(piece.len > 0 && piece.len <= CONTENT_MAX - c->len);
    memcpy(c->bytes + c->len, piece.data, piece.len);
    c->len += piece.len;
    return true;
}

/* What zlib makes of the data: Z_STREAM_END where they are whole, Z_BUF_ERROR where they end too early. */
static int inflate_all(struct view packed, struct content *ret)
{
    z_stream z = {.next_in = packed.data, .avail_in = (uInt)packed.len};

    must(inflateInit2(&z, -15) == Z_OK);
    z.next_out = ret->bytes;
    z.avail_out = CONTENT_MAX;
    int result = inflate(&z, Z_FINISH);

    ret->len = CONTENT_MAX - z.avail_out;
    must(inflateEnd(&z) == Z_OK);
    return result;
}

static bool unpack_all(struct view packed, uint64_t size, uint32_t crc, struct content *ret,
                       struct ens_err *err)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    const struct unpack_source from = {
        .fd = fd, .offset = 3, .packed = packed.len, .size = size, .crc = crc, .deflated = true};

    must(fd >= 0 && pwrite(fd, packed.data, packed.len, 3) == (ssize_t)packed.len);
    bool ok = unpack(&from, &(struct sink){put, ret}, err);

    (void)close(fd);
    return ok;
}

static void compare(struct view packed, uint8_t declare, struct content *theirs, struct content *ours)
{
    struct ens_err err = {0};
    int result = inflate_all(packed, theirs);

    if (theirs->len == CONTENT_MAX)
        return;
    uint64_t size = theirs->len + (declare == 1 ? 1 : 0) - (declare == 2 && theirs->len > 0 ? 1 : 0);
    uint32_t crc = (uint32_t)crc32(0, theirs->bytes, (uInt)theirs->len);
    bool truth = size == theirs->len && declare != 3;
    bool ok = unpack_all(packed, size, declare == 3 ? ~crc : crc, ours, &err);

    must(ok == (result == Z_STREAM_END && truth));
    must(ok || err.code == ENS_DATA);
    must(!ok || (ours->len == theirs->len && memcmp(ours->bytes, theirs->bytes, ours->len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct content theirs = {.bytes = malloc(CONTENT_MAX)};
    struct content ours = {.bytes = malloc(CONTENT_MAX)};

    must(theirs.bytes != NULL && ours.bytes != NULL);
    if (size > 0)
        compare(view_of(data + 1, size - 1), data[0] % 4, &theirs, &ours);
    free(theirs.bytes);
    free(ours.bytes);
    return 0;
}
