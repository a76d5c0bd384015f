/* Any bytes as a container that gets another SIGSTRUCT. The first byte says what is edited beside it. Of what
 * is written, every byte is as it was but for the SIGSTRUCTs, what their loader asks for where that was to
 * change, and the second signatures; it opens again as the same kind, with the same oddities,
 * and pours as before. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"

#define SIZE_MOST   (1u << 17)
#define STREAM_MOST (1u << 15) /* bytes of an enclave that are looked at */
#define ENCLAVEHASH 960        /* offset in the SIGSTRUCT; 32 bytes */

/* Offsets from a SIGSTRUCT of Intel's back to what its loader asks for. */
#define BACK_MISCSELECT 32
#define BACK_ATTRIBUTES 16
#define BACK_XFRM       8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static char scratch[256]; /* a directory, removed at the end of the process */

static void remove_scratch(void)
{
    (void)rmdir(scratch);
}

static void make_scratch(void)
{
    static const char memory[] = "/dev/shm";

    if (scratch[0] != '\0')
        return;
    (void)snprintf(scratch, sizeof scratch, "%s/ensign-fuzz-XXXXXX",
                   access(memory, W_OK) == 0  ? memory
                   : getenv("TMPDIR") != NULL ? getenv("TMPDIR")
                                              : "/tmp");
    must(mkdtemp(scratch) != NULL && atexit(remove_scratch) == 0);
}

/* ---- the bytes ---- */

/* Marks bytes that may differ; they lie in the file. */
static void free_bytes(uint8_t *may, size_t size, uint64_t at, size_t len)
{
    must(at <= size && len <= size - at);
    memset(may + at, 1, len);
}

static void check_bytes(const struct container *c, const struct container_edit *edit, struct view before,
                        const uint8_t *after)
{
    static uint8_t may[SIZE_MOST];

    memset(may, 0, before.len);
    for (size_t i = 0; i < container_sites_len(c); i++) {
        const struct site *site = container_site(c, i);

        free_bytes(may, before.len, site->offset, sizeof site->css.bytes);
        if (site->has_launch && edit->launch[i].miscselect != site->launch.miscselect)
            free_bytes(may, before.len, site->offset - BACK_MISCSELECT, 4);
        if (site->has_launch && edit->launch[i].attributes != site->launch.attributes)
            free_bytes(may, before.len, site->offset - BACK_ATTRIBUTES, 8);
        if (site->has_launch && edit->launch[i].xfrm != site->launch.xfrm)
            free_bytes(may, before.len, site->offset - BACK_XFRM, 8);
        for (size_t at = 0; site->has_fips && at + FIPS_SIZE <= before.len; at++) {
            if (memcmp(before.data + at, site->fips, FIPS_SIZE) == 0 &&
                memcmp(after + at, edit->fips.data, FIPS_SIZE) == 0)
                free_bytes(may, before.len, at, FIPS_SIZE);
        }
    }
    for (size_t i = 0; i < before.len; i++)
        must(may[i] != 0 || before.data[i] == after[i]);
}

/* ---- what is in them ---- */

struct stream {
    struct digest *digest;
    uint64_t left;
};

static bool put(void *ctx, struct view piece, struct ens_err *err)
{
    struct stream *s = ctx;

    if (piece.len > s->left)
        return ens_fail(err, ENS_RESOURCE, "enough was seen");
    s->left -= piece.len;
    return digest_update(s->digest, piece, err);
}

static void pour(struct container *c, size_t index, uint8_t ret[32])
{
    struct stream s = {.left = STREAM_MOST};
    struct ens_err err = {0};

    must(digest_new(DIGEST_SHA256, &s.digest, &err));
    bool whole = container_stream(c, index, &(struct sink){put, &s}, &err);

    must(whole || err.code == ENS_DATA || err.code == ENS_RESOURCE);
    must(digest_final(s.digest, ret, &err));
    digest_freep(&s.digest);
}

static void check_same(struct container *a, struct container *b)
{
    size_t odd_a = 0, odd_b = 0;
    const struct container_oddity *x = container_oddities(a, &odd_a);
    const struct container_oddity *y = container_oddities(b, &odd_b);

    must(container_kind(a) == container_kind(b) && container_streams_len(a) == container_streams_len(b) &&
         container_work(a) == container_work(b) && odd_a == odd_b);
    for (size_t i = 0; i < odd_a; i++)
        must(strcmp(x[i].text, y[i].text) == 0);
    for (size_t i = 0; i < container_streams_len(a); i++) {
        uint8_t before[32];
        uint8_t after[32];

        pour(a, i, before);
        pour(b, i, after);
        must(memcmp(before, after, sizeof before) == 0);
    }
}

/* ---- one input ---- */

static void attach(struct container *c, uint8_t what, struct view before)
{
    /* Begins as a SIGSTRUCT does, so that a bare one is known again. */
    static uint8_t css[SIGSTRUCT_SIZE] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1};
    static uint8_t fips[FIPS_SIZE];
    struct launch launch[CONTAINER_SITES_MAX];
    const struct container_edit edit = {
        .sigstruct = view_of(css, sizeof css), .launch = launch, .fips = view_of(fips, sizeof fips)};
    static uint8_t after[SIZE_MOST];
    struct container *again = NULL;
    struct file_out *out = NULL;
    struct ens_err err = {0};
    char path[sizeof scratch + 8];

    memset(css + 100, 0x5a, sizeof css - 100);
    memset(fips, 0xa5, sizeof fips);
    for (size_t i = 0; i < container_sites_len(c); i++) {
        launch[i] = container_site(c, i)->launch;
        if ((what & 1) != 0)
            launch[i].attributes = 0x1122334455667788;
        if ((what & 2) != 0)
            launch[i].xfrm = 0x99aabbccddeeff00;
        if ((what & 4) != 0)
            launch[i].miscselect = 0x31415926;
    }
    /* Open Enclave's layout is chosen by it. */
    memcpy(css + ENCLAVEHASH, container_site(c, 0)->css.bytes + ENCLAVEHASH, 32);
    (void)snprintf(path, sizeof path, "%s/out", scratch);
    must(file_out_open(path, FILE_OUT_NEW, &out, &err) && container_write(c, &edit, out, &err));
    must(pread(file_out_fd(out), after, sizeof after, 0) == (ssize_t)before.len);
    check_bytes(c, &edit, before, after);
    must(container_open_fd(file_out_fd(out), "file", NULL, NULL, &again, &err));
    check_same(c, again);
    container_closep(&again);
    file_out_closep(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct container *c = NULL;
    struct ens_err err = {0};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    make_scratch();
    must(fd >= 0);
    if (size > 1 && size <= SIZE_MOST) {
        struct view file = view_of(data + 1, size - 1);

        must(write(fd, file.data, file.len) == (ssize_t)file.len);
        /* Bundles are edited by other code: fuzz_archive, fuzz_manifest. */
        if (file.data[0] != 'P' && container_open_fd(fd, "file", NULL, NULL, &c, &err) &&
            container_site(c, 0)->has_place)
            attach(c, data[0], file);
    }
    container_closep(&c);
    (void)close(fd);
    return 0;
}
