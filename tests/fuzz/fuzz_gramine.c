/* Any bytes as a manifest, a NUL, and a libpal.so behind it, by the rules that the manifest tells and by those of an old
 * release. What is opened can be poured within its work, page by page below the enclave's end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "bundle/stream/sgxs_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORK_MAX (8u << 20) /* of one input: more is only opened */

static void must(bool ok)
{
    if (!ok)
        abort();
}

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    return fd;
}

struct counted {
    uint64_t bytes, size;
};

static bool count(void *ctx, struct view piece, struct ens_err *err)
{
    struct counted *n = ctx;

    (void)err;
    if (n->bytes == 0)
        n->size = bytes_get_le(view_slice(piece, 12, 8));
    else
        must(bytes_get_le(view_slice(piece, 8, 8)) < n->size);
    n->bytes += piece.len;
    return true;
}

static void look(int manifest, const struct container_beside *beside)
{
    struct container *c = NULL;
    struct ens_err err = {0};
    struct counted n = {0};

    if (!container_open_fd(manifest, "manifest", NULL, beside, &c, &err)) {
        must(err.msg[0] != '\0' && (err.code == ENS_DATA || err.code == ENS_USAGE));
        return;
    }
    if (container_kind(c) == CONTAINER_GRAMINE && container_work(c) <= WORK_MAX &&
        container_stream(c, 0, &(struct sink){count, &n}, &err))
        must(n.bytes <= container_work(c) && (n.size & (n.size - 1)) == 0);
    must(err.code == ENS_OK || err.code == ENS_DATA);
    container_closep(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t len = end != NULL ? (size_t)(end - data) : size;
    int manifest = file_of(data, len);
    int libpal = file_of(data + len, 0);

    if (end != NULL)
        must(write(libpal, end + 1, size - len - 1) == (ssize_t)(size - len - 1));
    struct container_beside beside = {.libpal = {.fd = libpal, .label = "libpal"}};

    look(manifest, &beside);
    beside.gramine = "1.2";
    look(manifest, &beside);
    (void)close(libpal);
    (void)close(manifest);
    return 0;
}
