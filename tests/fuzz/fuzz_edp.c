/* Fuzz target: ELF files of x86_64-fortanix-unknown-sgx. The first four bytes are heap, stack and threads, and flags with
 * the SSA frame's pages; the rest is the file. What is taken pours to its end as a sound stream, with as many threads and
 * no page twice, and no more than its work said. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "bundle/stream/sgxs.h"

#define STREAM_MAX (4u << 20) /* bytes of an enclave that are looked at */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool find(const void *ctx, const char *label, struct container_edp *ret, struct ens_err *err)
{
    (void)label;
    (void)err;
    *ret = *(const struct container_edp *)ctx;
    return true;
}

struct stream {
    struct sgxs *parser;
    uint64_t len;
};

static bool put(void *ctx, struct view piece, struct ens_err *err)
{
    struct stream *s = ctx;

    s->len += piece.len;
    if (s->len > STREAM_MAX)
        return ens_fail(err, ENS_RESOURCE, "enough was seen");
    return sgxs_put(s->parser, piece, err);
}

static void pour(struct container *c, const struct container_edp *options)
{
    struct stream s = {0};
    struct sgxs_report r;
    struct ens_err err = {0};

    must(sgxs_new(&s.parser, &err));
    if (!container_stream(c, 0, &(struct sink){put, &s}, &err)) {
        must(err.msg[0] != '\0' && (s.len > STREAM_MAX || s.len == 0));
    } else {
        must(s.len <= container_work(c));
        if (sgxs_finish(s.parser, &r, &err)) {
            must(!options->is_unsized && r.equal && r.unmeasrd_chunks == 0 && r.tcs == options->threads);
            for (size_t i = 0; i < r.problems.len; i++)
                must(strcmp(r.problems.items[i].rule, "page-twice") != 0);
        } else {
            must(options->is_unsized);
        }
    }
    sgxs_freep(&s.parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ens_err err = {0};
    struct container *c = NULL;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (size >= 4) {
        const struct container_edp options = {.heap = 4096u * data[0],
                                              .stack = 4096u * data[1],
                                              .threads = data[2],
                                              .ssaframesize = data[3] & 15u,
                                              .debug = (data[3] & 16) != 0,
                                              .library = (data[3] & 32) != 0,
                                              .is_unsized = (data[3] & 64) != 0};
        const struct container_beside beside = {.find_edp = find, .edp = &options};

        must(fd >= 0 && write(fd, data + 4, size - 4) == (ssize_t)(size - 4));
        if (!container_open_fd(fd, "fuzz", NULL, &beside, &c, &err))
            must(err.msg[0] != '\0');
        else if (container_kind(c) == CONTAINER_EDP)
            pour(c, &options);
    }
    container_closep(&c);
    (void)close(fd);
    return 0;
}
