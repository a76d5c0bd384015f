/* The zip archive of a bundle, through libzip. What libzip believes is held against listing.c, which
 * reads the same bytes without it; what it takes in and gives out passes through `struct pipe`, so that it
 * opens no file and makes no temporary one. */
#include "bundle/orc/archive.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "bundle/orc/pipe.h"
#include "bundle/orc/unpack.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"

#define REMEDY "get the file again, or rebuild it"

/* The time of each entry: 1980-01-01 00:00, the first time that zip can say (APPNOTE 4.4.6), and
 * a regular file that its owner may write and everybody read. */
#define WRITE_DOS_TIME   0
#define WRITE_DOS_DATE   0x21
#define WRITE_ATTRIBUTES ((S_IFREG | 0644u) << 16)

/* zlib's level for files that come in; fixed, so that two runs give the same bytes. */
#define DEFLATE_LEVEL 6

/* The bytes of an entry in the archive, as they were read. */
struct archive_sum {
    bool is_known;
    uint8_t sum[TIE_SIZE];
};

struct archive {
    struct pipe in;
    zip_t *zip;
    struct listing listing;
    struct archive_sum
        *sums; /* one for each entry of `listing`; each is written by whoever reads that entry */
};

/* ---- libzip's view of a file ---- */

static zip_int64_t pipe_seek(struct pipe *p, void *data, zip_uint64_t len)
{
    zip_error_t error;

    zip_error_init(&error);
    zip_int64_t at = zip_source_seek_compute_offset(p->at, p->size, data, len, &error);

    zip_error_fini(&error);
    if (at < 0)
        return -1;
    p->at = (uint64_t)at;
    return 0;
}

static zip_int64_t pipe_stat(const struct pipe *p, void *data, zip_uint64_t len)
{
    zip_stat_t *st = data;

    if (len < sizeof *st)
        return -1;
    zip_stat_init(st);
    st->valid = ZIP_STAT_SIZE;
    st->size = p->size;
    return (zip_int64_t)sizeof *st;
}

static zip_int64_t pipe_error(const struct pipe *p, void *data, zip_uint64_t len)
{
    const int codes[2] = {p->writing ? ZIP_ER_WRITE : ZIP_ER_READ, 0};

    if (len < sizeof codes)
        return -1;
    memcpy(data, codes, sizeof codes);
    return (zip_int64_t)sizeof codes;
}

/* libzip's source interface (zip_source_function): one call for everything. */
static zip_int64_t pipe_call(void *ctx, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
    struct pipe *p = ctx;

    switch (command) {
    case ZIP_SOURCE_OPEN:
    case ZIP_SOURCE_BEGIN_WRITE:
        p->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return pipe_read(p, data, len);
    case ZIP_SOURCE_WRITE:
        return pipe_write(p, data, len);
    case ZIP_SOURCE_SEEK:
    case ZIP_SOURCE_SEEK_WRITE:
        return pipe_seek(p, data, len);
    case ZIP_SOURCE_TELL:
    case ZIP_SOURCE_TELL_WRITE:
        return (zip_int64_t)p->at;
    case ZIP_SOURCE_STAT:
        return pipe_stat(p, data, len);
    case ZIP_SOURCE_ERROR:
        return pipe_error(p, data, len);
    case ZIP_SOURCE_SUPPORTS:
        return p->writing ? ZIP_SOURCE_SUPPORTS_WRITABLE : ZIP_SOURCE_SUPPORTS_SEEKABLE;
    case ZIP_SOURCE_COMMIT_WRITE:
        return pipe_flush(p);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        if (!p->writing)
            pipe_free(p);
        return 0;
    case ZIP_SOURCE_ROLLBACK_WRITE:
    case ZIP_SOURCE_REMOVE:
        return 0;
    case ZIP_SOURCE_RESERVED_1:
    case ZIP_SOURCE_BEGIN_WRITE_CLONING:
    case ZIP_SOURCE_ACCEPT_EMPTY:
    case ZIP_SOURCE_GET_FILE_ATTRIBUTES:
    default:
        return -1;
    }
}

/* ---- errors ---- */

/* libzip's error in words. Its cause goes before it: the pipe's own error, and an allocation that
 * failed, which libzip often reports as something else (the callers below clear errno first). */
static bool fail_from(const struct pipe *p, zip_error_t *error, struct ens_err *err)
{
    if (p != NULL && p->err.code != ENS_OK) {
        *err = p->err;
        return false;
    }
    if (errno == ENOMEM)
        return ens_fail(err, ENS_RESOURCE, "out of memory in libzip: give ensign more memory and repeat");
    switch (zip_error_code_zip(error)) {
    case ZIP_ER_MEMORY:
        return ens_fail(err, ENS_RESOURCE, "out of memory in libzip: give ensign more memory and repeat");
    case ZIP_ER_ZLIB:
    case ZIP_ER_COMPRESSED_DATA:
        return ens_fail_own(err, "its compressed data are damaged: " REMEDY);
    case ZIP_ER_EOF:
        return ens_fail_own(err, "its data end too early: " REMEDY);
    case ZIP_ER_CRC:
        return ens_fail_own(err, "its CRC is not that of its data: " REMEDY);
    case ZIP_ER_NOENT: /* what a local header's sizes contradict, libzip does not find */
    case ZIP_ER_INCONS:
        return ens_fail_own(err, "its headers contradict each other or the data: " REMEDY);
    case ZIP_ER_EXISTS:
        return ens_fail_own(err, "two of its entries have one name: rebuild it");
    default:
        return ens_fail_own(err, "libzip: %s: " REMEDY, zip_error_strerror(error));
    }
}

/* ---- opening ---- */

void archive_closep(struct archive **a)
{
    if (*a == NULL)
        return;
    if ((*a)->zip != NULL)
        zip_discard((*a)->zip);
    pipe_free(&(*a)->in);
    listing_free(&(*a)->listing);
    mem_free((*a)->sums);
    mem_free(*a);
    *a = NULL;
}

/* A zip_t over the pipe. */
static bool open_pipe(struct pipe *p, int flags, zip_t **ret, struct ens_err *err)
{
    zip_error_t error;

    zip_error_init(&error);
    zip_source_t *source = zip_source_function_create(pipe_call, p, &error);
    zip_t *zip = source == NULL ? NULL : zip_open_from_source(source, flags, &error);

    if (zip == NULL) {
        zip_source_free(source);
        (void)fail_from(p, &error, err);
        zip_error_fini(&error);
        return false;
    }
    zip_error_fini(&error);
    *ret = zip;
    return true;
}

/* libzip must have understood the entry as listing.c has: names and sizes can come from extra fields. */
static bool compare_entry(struct archive *a, const struct listing_entry *e, struct ens_err *err)
{
    const zip_uint64_t wanted =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    const char *name = zip_get_name(a->zip, e->index, ZIP_FL_ENC_RAW);
    zip_stat_t st;

    if (name == NULL || zip_stat_index(a->zip, e->index, 0, &st) != 0)
        return fail_from(&a->in, zip_get_error(a->zip), err);
    if ((st.valid & wanted) != wanted || strcmp(name, e->name) != 0 || st.size != e->size ||
        st.comp_size != e->packed || st.crc != e->crc ||
        st.comp_method != (e->deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE) ||
        st.encryption_method != ZIP_EM_NONE)
        return ens_fail_own(err, "entry %s: its extra fields give it another name, size or method: " REMEDY,
                            e->name);
    return true;
}

static bool compare_listing(struct archive *a, struct ens_err *err)
{
    int comment = 0;

    (void)zip_get_archive_comment(a->zip, &comment, ZIP_FL_ENC_RAW);
    if ((uint64_t)zip_get_num_entries(a->zip, 0) != a->listing.len || comment < 0 ||
        (uint64_t)comment != a->listing.directory.comment)
        return ens_fail_own(err, "has two directories that differ: " REMEDY);
    for (size_t i = 0; i < a->listing.len; i++) {
        if (!compare_entry(a, &a->listing.entries[i], err))
            return false;
    }
    return true;
}

static bool open_file(int fd, struct archive *a, struct ens_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "cannot be examined");
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_NOINPUT,
                        "is not a regular file, and a bundle is read by seeking: name a file");
    a->in = (struct pipe){.fd = fd, .size = (uint64_t)st.st_size};
    return true;
}

/* The archive is open; there is a place for each entry's sum. */
static bool finish_open(struct archive **a, struct archive **ret, struct ens_err *err)
{
    (*a)->sums = mem_alloc((*a)->listing.len, sizeof *(*a)->sums, err);
    if ((*a)->sums == NULL)
        return false;
    *ret = ens_take(*a);
    return true;
}

bool archive_open(int fd, struct archive **ret, struct ens_err *err)
{
    ENS_CLEANUP(archive_closep) struct archive *a = mem_alloc(1, sizeof *a, err);

    if (a == NULL || !open_file(fd, a, err))
        return false;
    errno = 0;
    return listing_read(fd, a->in.size, &a->listing, err) && open_pipe(&a->in, ZIP_RDONLY, &a->zip, err) &&
           compare_listing(a, err) && finish_open(&a, ret, err);
}

bool archive_open_as_core(int fd, struct archive **ret, struct ens_err *err)
{
    ENS_CLEANUP(archive_closep) struct archive *a = mem_alloc(1, sizeof *a, err);

    return a != NULL && open_file(fd, a, err) && listing_as_core(fd, a->in.size, &a->listing, err) &&
           finish_open(&a, ret, err);
}

const struct listing *archive_listing(const struct archive *a)
{
    return &a->listing;
}

uint64_t archive_size(const struct archive *a)
{
    return a->in.size;
}

/* ---- reading ---- */

bool archive_read_at(const struct archive *a, uint64_t offset, uint8_t *ret, size_t len, size_t *ret_len,
                     struct ens_err *err)
{
    return directory_read_at(a->in.fd, offset, ret, len, ret_len, err);
}

static struct archive_sum *find_sum(const struct archive *a, const struct listing_entry *e)
{
    return &a->sums[e - a->listing.entries];
}

bool archive_read(const struct archive *a, const struct listing_entry *e, const struct sink *sink,
                  struct ens_err *err)
{
    ENS_CLEANUP(tie_freep) struct tie *tie = NULL;
    struct archive_sum *known = find_sum(a, e);
    uint8_t sum[TIE_SIZE];

    if (!tie_new(&tie, err))
        return false;
    const struct unpack_source from = {.fd = a->in.fd,
                                       .offset = e->data,
                                       .packed = e->packed,
                                       .size = e->size,
                                       .crc = e->crc,
                                       .any_crc = e->any_crc,
                                       .deflated = e->deflated,
                                       .tie = tie};

    if (!unpack(&from, sink, err) || !tie_final(tie, sum, err))
        return false;
    if (known->is_known && memcmp(known->sum, sum, sizeof sum) != 0)
        return ens_fail(err, ENS_DATA, "was changed while it was worked on: repeat when it is complete");
    memcpy(known->sum, sum, sizeof sum);
    known->is_known = true;
    return true;
}

bool archive_sum_known(const struct archive *a, const struct listing_entry *e, uint8_t ret[static TIE_SIZE])
{
    const struct archive_sum *known = find_sum(a, e);

    memcpy(ret, known->sum, TIE_SIZE);
    return known->is_known;
}

/* ---- writing ---- */

static void discard(zip_t **zip)
{
    if (*zip != NULL)
        zip_discard(*zip);
}

/* Where the item's data come from; `input` is the pipe of an item that is a file. */
static zip_source_t *source_of(const struct archive *a, zip_t *zip, const struct archive_item *item,
                               struct pipe *input)
{
    if (item->entry != NULL)
        return zip_source_zip(zip, a->zip, item->entry->index, ZIP_FL_COMPRESSED, 0, -1);
    if (item->input == NULL)
        return zip_source_buffer(zip, item->bytes.data, item->bytes.len, 0);
    *input = (struct pipe){.fd = item->input->fd, .size = item->input->size};
    return zip_source_function(zip, pipe_call, input);
}

/* Adds one item. What is copied keeps its method and its compressed bytes. */
static bool add_zip_item(const struct archive *a, zip_t *zip, const struct archive_item *item,
                         struct pipe *input, struct ens_err *err)
{
    bool deflate = item->input != NULL && !item->store;
    bool deflated = deflate || (item->entry != NULL && item->entry->deflated);

    if (item->entry != NULL && (a == NULL || a->zip == NULL))
        return ens_fail(err, ENS_BUG, "comes from no archive: report this");
    zip_source_t *source = source_of(a, zip, item, input);
    zip_int64_t at = source == NULL ? -1 : zip_file_add(zip, item->name, source, ZIP_FL_ENC_UTF_8);

    if (at < 0) {
        zip_source_free(source);
        return fail_from(NULL, zip_get_error(zip), err);
    }
    zip_uint64_t index = (zip_uint64_t)at;

    if (zip_set_file_compression(zip, index, deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                                 deflate ? DEFLATE_LEVEL : 0) != 0 ||
        zip_file_set_dostime(zip, index, WRITE_DOS_TIME, WRITE_DOS_DATE, 0) != 0 ||
        zip_file_set_external_attributes(zip, index, 0, ZIP_OPSYS_UNIX, WRITE_ATTRIBUTES) != 0)
        return fail_from(NULL, zip_get_error(zip), err);
    return true;
}

/* The pipe that failed: where something could not be read, that is the cause. */
static const struct pipe *failed_pipe(const struct archive *a, const struct pipe *inputs, size_t inputs_len,
                                      const struct pipe *out)
{
    for (size_t i = 0; i < inputs_len; i++) {
        if (inputs[i].err.code != ENS_OK)
            return &inputs[i];
    }
    return a != NULL && a->in.err.code != ENS_OK ? &a->in : out;
}

static size_t count_inputs(const struct archive_item *items, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += items[i].input != NULL ? 1 : 0;
    return n;
}

bool archive_write(struct archive *a, int fd, const struct archive_item *items, size_t len,
                   struct ens_err *err)
{
    ENS_CLEANUP(pipe_free) struct pipe out = {.fd = fd, .writing = true};
    ENS_CLEANUP(mem_freep)
    struct pipe *inputs = mem_alloc(count_inputs(items, len), sizeof *inputs, err);
    ENS_CLEANUP(discard) zip_t *zip = NULL;
    size_t used = 0;

    if (inputs == NULL)
        return false;
    if (a != NULL)
        a->in.err = (struct ens_err){0};
    errno = 0;
    if (!open_pipe(&out, ZIP_CREATE | ZIP_TRUNCATE, &zip, err))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!add_zip_item(a, zip, &items[i], &inputs[used], err))
            return ens_wrap(err, "entry %s", items[i].name);
        used += items[i].input != NULL ? 1 : 0;
    }
    if (zip_close(zip) != 0)
        return fail_from(failed_pipe(a, inputs, used, &out), zip_get_error(zip), err);
    zip = NULL;
    return true;
}
