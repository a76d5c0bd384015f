/* Two inputs in one: a release, whose metadata are foreign, and a rebuild that is laid out by them. The first four bytes
 * are the length of the release. Whatever the one says and the other is: nothing is read outside either, the work is
 * known before it begins, and what is poured is a whole sequence of records, the same for the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "bundle/stream/sgxs.h"

#define STREAM_MAX (1u << 20) /* bytes of an enclave that are looked at */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stream {
    struct sgxs *parser;
    uint64_t left;
    bool is_full;
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static int file_of(struct view v)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    must(fd >= 0 && write(fd, v.data, v.len) == (ssize_t)v.len);
    return fd;
}

static bool put(void *ctx, struct view piece, struct ens_err *err)
{
    struct stream *s = ctx;

    must(piece.len > 0);
    s->is_full = piece.len > s->left;
    if (s->is_full)
        return ens_fail(err, ENS_RESOURCE, "enough was seen");
    s->left -= piece.len;
    return sgxs_put(s->parser, piece, err);
}

/* A rebuild that does not fit is ENS_DATA, and so is one that asks for too much. */
static void pour(struct container *c, size_t index)
{
    struct stream s = {.left = STREAM_MAX};
    struct sgxs_report report;
    struct ens_err err = {0};

    must(sgxs_new(&s.parser, &err));
    if (container_stream(c, index, &(struct sink){put, &s}, &err))
        must(sgxs_finish(s.parser, &report, &err) || err.code == ENS_DATA);
    else
        must(s.is_full || err.code == ENS_DATA);
    sgxs_freep(&s.parser);
}

static void look(struct container *c)
{
    size_t len = 0;
    const struct container_oddity *odd = container_oddities(c, &len);

    must(container_kind(c) == CONTAINER_INTEL && container_sites_len(c) > 0);
    must(container_streams_len(c) == container_sites_len(c));
    for (size_t i = 0; i < container_sites_len(c); i++) {
        const struct site *site = container_site(c, i);

        must(site->is_rebuild && !site->has_place && !site->has_launch && !site->has_fips);
        must(view_is_zero(view_of(site->css.bytes, sizeof site->css.bytes)));
        pour(c, i);
    }
    for (size_t i = 0; i < len; i++)
        must(odd[i].site < container_sites_len(c) && memchr(odd[i].text, '\0', sizeof odd[i].text) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view all = view_of(data, size);
    uint64_t len = size < 4 ? 0 : bytes_get_le(view_slice(all, 0, 4));
    struct container *c = NULL;
    struct ens_err err = {0};
    bool is_bare = false;

    if (size < 4 || len > size - 4)
        return 0;
    int release = file_of(view_slice(all, 4, (size_t)len));
    int rebuild = file_of(view_slice(all, 4 + (size_t)len, size - 4 - (size_t)len));
    const struct container_beside beside = {.release = {.fd = release, .label = "release"}};

    must(container_is_bare(rebuild, "rebuild", &is_bare, &err));
    if (container_open_fd(rebuild, "rebuild", NULL, &beside, &c, &err))
        look(c);
    else
        must(err.msg[0] != '\0' && (err.code == ENS_DATA || err.code == ENS_USAGE));
    container_closep(&c);
    (void)close(release);
    (void)close(rebuild);
    return 0;
}
