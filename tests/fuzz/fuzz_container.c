/* Any bytes as a container: opened, every site looked at, every enclave poured (up to a limit). What the ELF
 * kinds pour is a whole and sound sequence of records. What can be written with another SIGSTRUCT opens
 * again, has it at every site, and pours the same enclaves: no signature is part of what it signs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "bundle/stream/sgxs.h"
#include "signer/base/file.h"

#define STREAM_MAX  (1u << 20) /* bytes of an enclave that are looked at */
#define ENCLAVEHASH 960        /* offset in the SIGSTRUCT; 32 bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stream {
    struct sgxs *parser;
    uint64_t left;
    bool full;
};

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
    const char *tmp = getenv("TMPDIR");

    if (scratch[0] != '\0')
        return;
    (void)snprintf(scratch, sizeof scratch, "%s/ensign-fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
    must(mkdtemp(scratch) != NULL && atexit(remove_scratch) == 0);
}

static bool put(void *ctx, struct view piece, struct ens_err *err)
{
    struct stream *s = ctx;

    must(piece.len > 0);
    s->full = piece.len > s->left;
    if (s->full)
        return ens_fail(err, ENS_RESOURCE, "enough was seen");
    s->left -= piece.len;
    return sgxs_put(s->parser, piece, err);
}

static bool is_elf(const struct container *c)
{
    return container_kind(c) == CONTAINER_INTEL || container_kind(c) == CONTAINER_OPEN_ENCLAVE;
}

/* Pours an enclave; what was seen of it is told by its SHA-256. */
static void pour(struct container *c, size_t index, uint8_t ret_sha256[32])
{
    struct stream s = {.left = STREAM_MAX};
    struct sgxs_report r;
    struct ens_err err = {0};

    memset(&r, 0, sizeof r);
    must(sgxs_new(&s.parser, &err));
    bool poured = container_stream(c, index, &(struct sink){put, &s}, &err);

    must(poured || s.full || (err.code == ENS_DATA && err.msg[0] != '\0'));
    struct ens_err why = {0};
    bool sound = sgxs_finish(s.parser, &r, &why);

    if (poured && is_elf(c))
        must(sound && r.equal && r.unmeasrd_chunks == 0);
    memcpy(ret_sha256, r.sha256, 32);
    sgxs_freep(&s.parser);
}

static void look(const struct container *c, uint64_t size)
{
    char name[CONTAINER_NAME_MAX];

    must(container_sites_len(c) <= CONTAINER_SITES_MAX);
    must((container_streams_len(c) == 0) == (container_why_no_stream(c) != NULL));
    for (size_t i = 0; i < container_sites_len(c); i++) {
        const struct site *site = container_site(c, i);

        must(memchr(site->name, '\0', sizeof site->name) != NULL);
        must(site->offset <= size &&
             size - site->offset >=
                 (container_bundle(c) == NULL && site->has_place ? sizeof site->css.bytes : 0));
    }
    for (uint64_t at = 0; at < 0x10000; at += 0xff8)
        must(!container_locate(c, at, name) || memchr(name, '\0', sizeof name) != NULL);
}

/* What was written, opened again beside the container from which it was made. */
static void check_written(struct container *c, const struct container_edit *edit, int fd)
{
    struct container *again = NULL;
    struct ens_err err = {0};

    must(container_open_fd(fd, "written", NULL, NULL, &again, &err));
    must(container_kind(again) == container_kind(c));
    must(container_streams_len(again) == container_streams_len(c));
    for (size_t i = 0; i < container_sites_len(again); i++) {
        const struct site *site = container_site(again, i);

        must(memcmp(site->css.bytes, edit->sigstruct.data, edit->sigstruct.len) == 0);
        must(!site->has_launch || (site->launch.attributes == edit->launch[i].attributes &&
                                   site->launch.xfrm == edit->launch[i].xfrm &&
                                   site->launch.miscselect == edit->launch[i].miscselect));
        must(!site->has_fips || memcmp(site->fips, edit->fips.data, edit->fips.len) == 0);
    }
    for (size_t i = 0; i < container_streams_len(c); i++) {
        uint8_t before[32];
        uint8_t after[32];

        pour(c, i, before);
        pour(again, i, after);
        must(memcmp(before, after, sizeof before) == 0);
    }
    container_closep(&again);
}

static void write_again(struct container *c)
{
    /* Begins as a SIGSTRUCT does, so that a bare one is known again. */
    static uint8_t css[SIGSTRUCT_SIZE] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1};
    static uint8_t fips[FIPS_SIZE];
    struct launch launch[CONTAINER_SITES_MAX];
    const struct container_edit edit = {
        .sigstruct = view_of(css, sizeof css), .launch = launch, .fips = view_of(fips, sizeof fips)};
    struct file_out *out = NULL;
    struct ens_err err = {0};
    char path[sizeof scratch + 8];

    memset(css + 100, 0x5a, sizeof css - 100);
    memcpy(css + ENCLAVEHASH, container_site(c, 0)->css.bytes + ENCLAVEHASH, 32);
    for (size_t i = 0; i < CONTAINER_SITES_MAX; i++)
        launch[i] = (struct launch){0x1122334455667788, 0x99aabbccddeeff00, 0x31415926, 1};
    memset(fips, 0xa5, sizeof fips);
    (void)snprintf(path, sizeof path, "%s/out", scratch);
    must(file_out_open(path, FILE_OUT_NEW, &out, &err));
    if (container_write(c, &edit, out, &err))
        check_written(c, &edit, file_out_fd(out));
    else
        must(err.code == ENS_DATA && !is_elf(c));
    file_out_closep(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ens_err err = {0};
    struct container *c = NULL;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    make_scratch();
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    if (container_open_fd(fd, "fuzz", NULL, NULL, &c, &err)) {
        look(c, size);
        for (size_t i = 0; i < container_streams_len(c); i++) {
            uint8_t sha256[32];

            pour(c, i, sha256);
        }
        write_again(c);
    } else {
        must(err.msg[0] != '\0');
        must(err.code == ENS_DATA || (size > 0 && data[0] == 'P')); /* a bundle may have several components */
    }
    container_closep(&c);
    (void)close(fd);
    return 0;
}
