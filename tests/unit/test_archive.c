/* The zip rules of a bundle: what its directory may say, what is streamed out of it, what is written. */
#include "tests/support/zip.h"

#include "bundle/orc/archive.h"
#include "bundle/orc/bundle.h"

static const uint8_t text[] = "some bytes of a file, some bytes of a file";

static struct view file_data(void)
{
    return view_of(text, sizeof text - 1);
}

/* A manifest and, after it, `item`. */
static void two_entries(struct zip_build *z, const struct zip_item *item)
{
    struct zip_item manifest = stored(MANIFEST, view_of_string("{}"));

    zip_put(z, &manifest);
    zip_put(z, item);
}

/* Opens the bytes; `*ret_fd` is the caller's. */
static bool open_bytes(struct view v, int *ret_fd, struct archive **ret, struct ens_err *err)
{
    *ret_fd = memory_file(v);
    return archive_open(*ret_fd, ret, err);
}

static void refused(struct view v, const char *says)
{
    struct archive *a = NULL;
    struct ens_err err = {0};
    int fd = -1;

    assert_fails(open_bytes(v, &fd, &a, &err), err, ENS_DATA, says);
    assert_null(a);
    (void)close(fd);
}

static void refused_build(struct zip_build *z, const char *says)
{
    zip_end(z);
    refused(buf_view(&z->bytes), says);
    zip_free(z);
}

static void refused_item(const struct zip_item *item, const char *says)
{
    struct zip_build z = {0};

    two_entries(&z, item);
    refused_build(&z, says);
}

static bool put_into_buf(void *ctx, struct view piece, struct ens_err *err)
{
    assert_true(piece.len <= FILE_PIECE);
    return buf_append(ctx, piece, err);
}

static bool read_entry(struct archive *a, size_t i, struct buf *ret, struct ens_err *err)
{
    return archive_read(a, &archive_listing(a)->entries[i], &(struct sink){put_into_buf, ret}, err);
}

/* Opens the archive, whose entry 1 must hold file_data. */
static void accepted(struct view v)
{
    struct archive *a = NULL;
    struct ens_err err = {0};
    struct buf data = {0};
    int fd = -1;

    assert_ok(open_bytes(v, &fd, &a, &err), err);
    assert_string_equal(archive_listing(a)->entries[0].name, MANIFEST);
    assert_ok(read_entry(a, 1, &data, &err), err);
    assert_true(view_equal(buf_view(&data), file_data()));
    buf_free(&data);
    archive_closep(&a);
    (void)close(fd);
}

static void accepted_item(const struct zip_item *item)
{
    struct zip_build z = {0};

    two_entries(&z, item);
    zip_end(&z);
    accepted(buf_view(&z.bytes));
    zip_free(&z);
}

/* The archive opens, and reading entry 1 fails. */
static void unreadable(const struct zip_item *item, const char *says)
{
    struct zip_build z = {0};
    struct archive *a = NULL;
    struct ens_err err = {0};
    struct buf data = {0};
    int fd = -1;

    two_entries(&z, item);
    zip_end(&z);
    assert_ok(open_bytes(buf_view(&z.bytes), &fd, &a, &err), err);
    assert_fails(read_entry(a, 1, &data, &err), err, ENS_DATA, says);
    buf_free(&data);
    archive_closep(&a);
    (void)close(fd);
    zip_free(&z);
}

/* ---- forms that are read ---- */

static void test_forms(void **state)
{
    struct buf space = {0};
    struct zip_item item = stored("a", file_data());

    (void)state;
    accepted_item(&item);
    item = deflated("a", file_data(), &space);
    accepted_item(&item);

    /* As Go's archive/zip writes: sizes after the data, no time. */
    uint64_t packed = space.len;

    put_le(&space, 4, 0x08074b50);
    put_le(&space, 4, item.central.crc);
    put_le(&space, 4, packed);
    put_le(&space, 4, item.central.size);
    item.data = buf_view(&space);
    item.local.flags = item.central.flags = 8;
    item.local.crc = item.local.packed = item.local.size = 0;
    accepted_item(&item);
    buf_free(&space);

    item = stored("a", file_data());
    item.central.attributes = 0100644u << 16;
    accepted_item(&item);
    item.local.extra = view_of("\x55\x54\x05\x00\x01\x00\x00\x00\x00", 9);
    accepted_item(&item);
    item = stored("na\xc3\xafve \xe2\x9c\x93", file_data());
    accepted_item(&item);
    item.local.flags = item.central.flags = 0x800;
    accepted_item(&item);
    item = stored("..x", file_data());
    accepted_item(&item);
}

static void test_zip64(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", file_data());
    uint8_t sizes[4 + 24] = {1, 0, 24, 0};
    uint8_t local[4 + 16] = {1, 0, 16, 0};

    (void)state;
    two_entries(&z, &item);
    size_t at = z.bytes.len;

    zip_put_directory(&z);
    put_end64(&z.bytes, 2, z.directory.len, at, at + z.directory.len);
    put_end(&z.bytes, 0xffff, 0xffffffff, 0xffffffff, 0);
    accepted(buf_view(&z.bytes));
    zip_free(&z);

    /* Sizes and offset in the extra field. */
    bytes_put_le(sizes + 4, 8, file_data().len);
    bytes_put_le(sizes + 12, 8, file_data().len);
    bytes_put_le(sizes + 20, 8, 30 + strlen(MANIFEST) + 2);
    memcpy(local + 4, sizes + 4, 16);
    item.local.size = item.local.packed = item.central.size = item.central.packed = 0xffffffff;
    item.central.offset = 0xffffffff - (30 + (uint32_t)strlen(MANIFEST) + 2);
    item.central.extra = view_of(sizes, sizeof sizes);
    item.local.extra = view_of(local, sizeof local);
    accepted_item(&item);
    sizes[2] = 16;
    item.central.extra = view_of(sizes, sizeof sizes - 8);
    refused_item(&item, "zip64 field is too short");
}

static void test_order(void **state)
{
    struct zip_build z = {0};
    struct archive *a = NULL;
    struct ens_err err = {0};
    const char *const names[] = {"b", "a", "B", "\xc3\xa9"};
    const char *const sorted[] = {MANIFEST, "B", "a", "b", "\xc3\xa9"};
    struct zip_item item = stored(MANIFEST, view_of_string("{}"));
    int fd = -1;

    (void)state;
    zip_put(&z, &item);
    for (size_t i = 0; i < 4; i++) {
        item = stored(names[i], file_data());
        zip_put(&z, &item);
    }
    zip_end(&z);
    assert_ok(open_bytes(buf_view(&z.bytes), &fd, &a, &err), err);
    assert_int_equal(archive_listing(a)->len, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(archive_listing(a)->entries[i].name, sorted[i]);
    archive_closep(&a);
    (void)close(fd);
    zip_free(&z);
}

/* ---- names, kinds, limits ---- */

static void test_names(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        const char *says;
    } bad[] = {
        {"", 0, "has no name"},
        {".", 1, "is a path"},
        {"..", 2, "is a path"},
        {"../x", 4, "is a path"},
        {"/x", 2, "is a path"},
        {"x/", 2, "is a path"},
        {"a\\b", 3, "is a path"},
        {"META-INF/x", 10, "is a path"},
        {"a\nb", 3, "control characters"},
        {"a\x1b[2J", 5, "control characters"},
        {"a\x7f", 2, "control characters"},
        {"a\0b", 3, "control characters"},
        {"\xff\xfe", 2, "not UTF-8"},
        {"\xc0\xaf", 2, "not UTF-8"},
        {"a\xe2\x80\xae", 4, "control characters"}, /* right-to-left override */
        {MANIFEST, sizeof MANIFEST - 1, "there twice"},
        {"meta-inf/manifest.mf", 20, "is a path"},
    };
    char name[BUNDLE_NAME_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct zip_item item = stored("x", file_data());

        item.local.name = item.central.name = bad[i].name;
        item.local.name_len = item.central.name_len = bad[i].len;
        refused_item(&item, bad[i].says);
    }
    memset(name, 'n', sizeof name);
    name[BUNDLE_NAME_MAX] = '\0';
    struct zip_item item = stored(name, file_data());

    accepted_item(&item);
    item.local.name_len = item.central.name_len = BUNDLE_NAME_MAX + 1;
    refused_item(&item, "more than the limit of 255");
}

static void test_first_entry(void **state)
{
    struct zip_build z = {0};
    struct zip_item manifest = stored(MANIFEST, view_of_string("{}"));
    struct zip_item item = stored("a", file_data());

    (void)state;
    zip_put(&z, &item);
    zip_put(&z, &manifest);
    refused_build(&z, "first entry is not");
    z = (struct zip_build){0};
    refused_build(&z, "empty archive");
    z = (struct zip_build){0};
    manifest.local.name = manifest.central.name = "META-INF/manifest.mf";
    zip_put(&z, &manifest);
    refused_build(&z, "first entry is not");
    z = (struct zip_build){0};
    manifest = stored(MANIFEST, view_of_string("{}"));
    zip_put(&z, &manifest);
    zip_put(&z, &item);
    zip_put(&z, &item);
    refused_build(&z, "entry a: is there twice");
}

static void test_kinds(void **state)
{
    static const uint32_t attributes[] = {0120777u << 16, 0040755u << 16, 0020600u << 16, 0010600u << 16,
                                          0x10};
    struct zip_item item;

    (void)state;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        item = stored("a", file_data());
        item.central.attributes = attributes[i];
        refused_item(&item, "is not a regular file");
    }
    for (unsigned method = 1; method < 100; method++) {
        item = stored("a", file_data());
        item.local.method = item.central.method = (uint16_t)method;
        if (method != 8)
            refused_item(&item, "only Store and Deflate");
    }
    item = stored("a", file_data());
    item.local.flags = item.central.flags = 1;
    refused_item(&item, "is encrypted");
    item.local.flags = item.central.flags = 0x40;
    refused_item(&item, "is encrypted");
}

static void test_limits(void **state)
{
    struct buf space = {0};
    struct zip_item item = stored("a", file_data());

    (void)state;
    item.local.size = item.central.size = 1;
    refused_item(&item, "has two sizes");
    item = deflated("a", file_data(), &space);
    item.local.size = item.central.size = (1u << 20);
    unreadable(&item, "declares"); /* not a bomb, only a lie */
    item.local.size = item.central.size = (1u << 20) + 1;
    refused_item(&item, "limit of 1000 to 1");
    uint8_t sizes[4 + 8] = {1, 0, 8, 0};

    bytes_put_le(sizes + 4, 8, BUNDLE_ENTRY_MAX + 1);
    item.local.size = item.central.size = 0xffffffff;
    item.local.extra = item.central.extra = view_of(sizes, sizeof sizes);
    refused_item(&item, "more than the limit of 68719476736");
    buf_free(&space);
}

static void test_many_entries(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored(MANIFEST, view_of_string("{}"));
    struct archive *a = NULL;
    struct ens_err err = {0};
    char name[16];
    int fd = -1;

    (void)state;
    for (unsigned i = 0; i < 65535; i++) {
        if (i > 0) {
            (void)snprintf(name, sizeof name, "f%u", i);
            item = stored(name, view_of("", 0));
        }
        zip_put(&z, &item);
    }
    size_t entries_end = z.bytes.len;

    zip_end(&z);
    assert_ok(open_bytes(buf_view(&z.bytes), &fd, &a, &err), err);
    assert_int_equal(archive_listing(a)->len, 65535);
    archive_closep(&a);
    (void)close(fd);

    /* One beyond the limit is refused by its number, before anything is made of it. */
    z.bytes.len = entries_end;
    put_end64(&z.bytes, BUNDLE_ENTRIES_MAX + 1, 0, entries_end, entries_end);
    put_end(&z.bytes, 0xffff, 0xffffffff, 0xffffffff, 0);
    refused(buf_view(&z.bytes), "more than the limit of 65536");
    zip_free(&z);
}

/* Names of 2 * 9 letters from two pairs that have one djb2 hash. */
static void test_colliding_names(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored(MANIFEST, view_of_string("{}"));
    char name[19] = {0};

    (void)state;
    zip_put(&z, &item);
    for (unsigned i = 0; i < 300; i++) {
        for (unsigned j = 0; j < 9; j++)
            memcpy(name + 2 * j, (i >> j & 1) != 0 ? "Ab" : "BA", 2);
        item = stored(name, view_of("", 0));
        zip_put(&z, &item);
    }
    refused_build(&z, "built to collide");
}

/* ---- headers against each other ---- */

static void test_contradictions(void **state)
{
    struct zip_item item = stored("ab", file_data());

    (void)state;
    item.local.name = "ba";
    refused_item(&item, "two names");
    item = stored("ab", file_data());
    item.local.name_len = 1;
    refused_item(&item, "contradict each other");
    item = stored("ab", file_data());
    item.local.method = 8;
    refused_item(&item, "contradict each other");
    item = stored("ab", file_data());
    item.local.flags = 1;
    refused_item(&item, "contradict each other");
    item = stored("ab", file_data());
    item.local.crc++;
    refused_item(&item, "contradict each other");
    item = stored("ab", file_data());
    item.local.size++;
    refused_item(&item, "contradict each other");
    item = stored("ab", file_data());
    item.central.offset = 1;
    refused_item(&item, "contradict each other");
    item.central.offset = 0x7fffffff;
    refused_item(&item, "outside the archive");
    item = stored("ab", file_data());
    item.local.packed = item.central.packed = item.local.size = item.central.size = 1u << 19;
    refused_item(&item, "run into the directory");
}

/* file_data and its data descriptor: with a mark or without, sizes of `width` bytes, and so much added to CRC
 * and sizes. */
static struct view described(struct buf *space, bool mark, size_t width, const uint32_t add[static 3])
{
    space->len = 0;
    put(space, file_data().data, file_data().len);
    if (mark)
        put_le(space, 4, 0x08074b50);
    put_le(space, 4, crc_of(file_data()) + add[0]);
    put_le(space, width, file_data().len + add[1]);
    put_le(space, width, file_data().len + add[2]);
    return buf_view(space);
}

/* What programs write that do not seek back: bsdtar knows sizes before it begins, Go nothing, Info-ZIP the
 * size of a file; each leaves the rest 0 and says it in a descriptor. */
static void test_streamed(void **state)
{
    static const uint32_t right[3] = {0};
    struct buf space = {0};
    struct zip_item item = stored("ab", file_data());

    (void)state;
    item.local.flags = item.central.flags = 8;
    for (unsigned zeros = 0; zeros < 8; zeros++) {
        item.local.crc = zeros & 1 ? 0 : item.central.crc;
        item.local.packed = zeros & 2 ? 0 : item.central.packed;
        item.local.size = zeros & 4 ? 0 : item.central.size;
        for (unsigned form = 0; form < 4; form++) {
            item.data = described(&space, form & 1, form & 2 ? 8 : 4, right);
            accepted_item(&item);
            for (unsigned lie = 0; lie < 3; lie++) {
                const uint32_t wrong[3] = {lie == 0, lie == 1, lie == 2};

                item.data = described(&space, form & 1, form & 2 ? 8 : 4, wrong);
                refused_item(&item, "data descriptor");
            }
        }
        item.data = file_data();
        refused_item(&item, "data descriptor");
    }
    /* Any other number than 0 or the right one is a contradiction; and 0 is one where nothing follows. */
    item.data = described(&space, true, 4, right);
    item.local = item.central;
    item.local.size = 1;
    refused_item(&item, "contradict each other");
    item.local.size = 0;
    item.local.flags = item.central.flags = 0;
    refused_item(&item, "contradict each other");
    buf_free(&space);
}

/* bsdtar's zip64: the local header refers to an extra field, which says the size, or 0. */
static void test_streamed_zip64(void **state)
{
    static const uint32_t right[3] = {0};
    struct buf space = {0};
    struct zip_item item = stored("ab", file_data());
    uint8_t extra[4 + 16] = {1, 0, 16, 0};

    (void)state;
    item.local.flags = item.central.flags = 8;
    item.local.crc = 0;
    item.local.packed = item.local.size = 0xffffffff;
    item.local.extra = view_of(extra, sizeof extra);
    item.data = described(&space, true, 8, right);
    accepted_item(&item);
    bytes_put_le(extra + 4, 8, file_data().len);
    accepted_item(&item);
    bytes_put_le(extra + 4, 8, file_data().len + 1);
    refused_item(&item, "contradict each other");
    bytes_put_le(extra + 4, 8, file_data().len);
    item.local.extra.len = 4 + 8;
    extra[2] = 8;
    refused_item(&item, "zip64 field is too short");
    item.local.extra.len = 0;
    refused_item(&item, "contradict each other");
    buf_free(&space);
}

/* Info-ZIP's Unicode path field gives an entry a second name, which libzip believes and Go does not. */
static void test_second_name(void **state)
{
    struct buf extra = {0};
    struct zip_item item = stored("a", file_data());

    (void)state;
    put_le(&extra, 2, 0x7075);
    put_le(&extra, 2, 6);
    put_le(&extra, 1, 1);
    put_le(&extra, 4, crc_of(view_of_string("a")));
    put(&extra, "b", 1);
    item.local.extra = item.central.extra = buf_view(&extra);
    refused_item(&item, "another name");
    buf_free(&extra);
}

static void test_shared_bytes(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", file_data());
    struct zip_item next = stored("b", file_data());

    (void)state;
    item.local.packed = item.central.packed = item.local.size = item.central.size =
        (uint32_t)file_data().len + 10;
    two_entries(&z, &item);
    zip_put(&z, &next);
    refused_build(&z, "share bytes");
}

static void test_ends(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", file_data());
    struct buf other = {0};

    (void)state;
    two_entries(&z, &item);
    size_t at = z.bytes.len;
    size_t size = z.directory.len;

    zip_put_directory(&z);
    size_t end = z.bytes.len;

    put_end(&z.bytes, 2, size, at, 0);
    accepted(buf_view(&z.bytes));
    for (size_t cut = 0; cut < z.bytes.len; cut++)
        refused(view_slice(buf_view(&z.bytes), 0, cut), cut < 22 ? "too short" : "no end record");

    put(&z.bytes, "x", 1);
    refused(buf_view(&z.bytes), "not as long as its end record says");
    z.bytes.len = end;
    put_end(&z.bytes, 2, size, at, 4);
    put(&z.bytes, "text", 4);
    accepted(buf_view(&z.bytes));

    /* An end record within the comment of another: readers differ in which one they find. */
    z.bytes.len = end;
    put_end(&z.bytes, 2, size, at, 22);
    put_end(&z.bytes, 2, size, at, 0);
    refused(buf_view(&z.bytes), "does not end where");
    z.bytes.len = end;
    put_end(&z.bytes, 1, size, at, 0);
    refused(buf_view(&z.bytes), "longer than its entries");
    z.bytes.len = end;
    put_end(&z.bytes, 2, size, at - 1, 0);
    refused(buf_view(&z.bytes), "does not end where");
    z.bytes.len = end;
    put_end(&z.bytes, 2, size - 1, at + 1, 0);
    refused(buf_view(&z.bytes), "malformed");

    /* Something before the archive, with offsets that know of it. */
    put(&other, "#!/bin/sh\n", 10);
    z.directory.len = 0;
    z.bytes.len = 0;
    z.entries = 0;
    put(&z.bytes, other.data, other.len);
    two_entries(&z, &item);
    refused_build(&z, "does not begin with an entry");
    buf_free(&other);
}

/* Two whole directories over the same manifest, each with another file "a" of the same size; the first one
 * takes all that follows for its comment. Whichever libzip prefers, what is read is what the last end record
 * leads to, as every other reader has it. */
static void test_two_directories(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", view_of_string("first"));
    struct archive *a = NULL;
    struct ens_err err = {0};
    struct buf data = {0};
    int fd = -1;

    (void)state;
    two_entries(&z, &item);
    size_t at = z.bytes.len;
    size_t second = 46 + strlen(MANIFEST); /* of the manifest's header in the directory */

    zip_put_directory(&z);
    put_end(&z.bytes, 2, z.directory.len, at, 0);
    size_t comment = z.bytes.len - 2;

    item = stored("a", view_of_string("other"));
    z.directory.len = second;
    zip_put(&z, &item);
    at = z.bytes.len;
    zip_put_directory(&z);
    put_end(&z.bytes, 2, z.directory.len, at, 0);
    bytes_put_le(z.bytes.data + comment, 2, z.bytes.len - comment - 2);
    if (open_bytes(buf_view(&z.bytes), &fd, &a, &err)) {
        assert_ok(read_entry(a, 1, &data, &err), err);
        assert_true(view_equal(buf_view(&data), view_of_string("other")));
    } else {
        assert_int_equal(err.code, ENS_DATA);
    }
    buf_free(&data);
    archive_closep(&a);
    (void)close(fd);
    zip_free(&z);
}

static void test_ends64(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", file_data());

    (void)state;
    two_entries(&z, &item);
    size_t at = z.bytes.len;
    size_t size = z.directory.len;

    zip_put_directory(&z);
    size_t end = z.bytes.len;

    put_end64(&z.bytes, 2, size, at, end);
    size_t end64 = z.bytes.len;

    put_end(&z.bytes, 2, size, 0xffffffff, 0);
    accepted(buf_view(&z.bytes));
    z.bytes.len = end64;
    put_end(&z.bytes, 2, size, at, 0); /* not referred to, and the same */
    accepted(buf_view(&z.bytes));
    z.bytes.len = end64;
    put_end(&z.bytes, 2, size, at + 1, 0);
    refused(buf_view(&z.bytes), "contradicts its end record");
    z.bytes.len = end64;
    put_end(&z.bytes, 2, size - 1, at, 0);
    refused(buf_view(&z.bytes), "contradicts its end record");
    z.bytes.len = end64;
    put_end(&z.bytes, 1, size, 0xffffffff, 0);
    refused(buf_view(&z.bytes), "contradicts its end record");
    z.bytes.len = end;
    put_end64(&z.bytes, 2, size, at, end + 1);
    put_end(&z.bytes, 2, size, 0xffffffff, 0);
    refused(buf_view(&z.bytes), "contradicts its end record");
    z.bytes.len = end;
    put_end64(&z.bytes, 2, (uint64_t)DIRECTORY_MAX + 1, at, end);
    put_end(&z.bytes, 2, 0xffffffff, 0xffffffff, 0);
    refused(buf_view(&z.bytes), "more than the limit of 67108864");
    zip_free(&z);
}

/* Files that do not exist to be read by seeking. */
static void test_no_file(void **state)
{
    struct archive *a = NULL;
    struct ens_err err = {0};
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_fails(archive_open(fds[0], &a, &err), err, ENS_NOINPUT, "not a regular file");
    (void)close(fds[0]);
    (void)close(fds[1]);
    refused(view_of("", 0), "too short");
}

/* ---- streams ---- */

static void test_damaged_data(void **state)
{
    struct buf space = {0};
    struct zip_item item = stored("a", file_data());

    (void)state;
    item.local.crc++;
    item.central.crc++;
    unreadable(&item, "CRC");
    item = deflated("a", file_data(), &space);
    item.local.crc++;
    item.central.crc++;
    unreadable(&item, "CRC");
    item = deflated("a", file_data(), &space);
    buf_free(&space);
    item = deflated("a", file_data(), &space);
    item.local.size--;
    item.central.size--;
    unreadable(&item, "more than the");
    item.local.size += 2;
    item.central.size += 2;
    unreadable(&item, "declares");
    item.local.size = item.central.size = 0;
    unreadable(&item, "more than the 0 bytes");
    item = deflated("a", file_data(), &space);
    space.data[0] = 7; /* a block type that does not exist (RFC 1951, 3.2.3) */
    item.data = buf_view(&space);
    unreadable(&item, "damaged");
    buf_free(&space);
    item = deflated("a", file_data(), &space);
    item.data = view_slice(buf_view(&space), 0, space.len - 1); /* the block is cut */
    item.local.packed = item.central.packed = (uint32_t)space.len - 1;
    unreadable(&item, "end too early");
    buf_free(&space);
}

static bool stop(void *ctx, struct view piece, struct ens_err *err)
{
    (void)ctx;
    (void)piece;
    return ens_fail(err, ENS_REFUSED, "enough");
}

static void test_sink_stops(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", file_data());
    struct archive *a = NULL;
    struct ens_err err = {0};
    int fd = -1;

    (void)state;
    two_entries(&z, &item);
    zip_end(&z);
    assert_ok(open_bytes(buf_view(&z.bytes), &fd, &a, &err), err);
    assert_fails(archive_read(a, &archive_listing(a)->entries[1], &(struct sink){stop, NULL}, &err), err,
                 ENS_REFUSED, "enough");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), (off_t)z.bytes.len); /* the caller's position is its own */
    archive_closep(&a);
    (void)close(fd);
    zip_free(&z);
}

/* The file shrinks after it was opened. */
static void test_file_shrinks(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", file_data());
    struct archive *a = NULL;
    struct ens_err err = {0};
    struct buf data = {0};
    int fd = -1;

    (void)state;
    two_entries(&z, &item);
    zip_end(&z);
    assert_ok(open_bytes(buf_view(&z.bytes), &fd, &a, &err), err);
    assert_int_equal(ftruncate(fd, 90), 0);
    if (read_entry(a, 1, &data, &err))
        fail_msg("accepted");
    assert_true(err.code == ENS_DATA || err.code == ENS_IO);
    buf_free(&data);
    archive_closep(&a);
    (void)close(fd);
    zip_free(&z);
}

/* ---- writing ---- */

/* Writes all entries of `a` again, with `extra` stored as a new file "new". */
static struct buf written(struct archive *a, struct view extra)
{
    const struct listing *l = archive_listing(a);
    struct archive_item items[16];
    struct ens_err err = {0};
    int fd = memory_file(view_of("", 0));

    for (size_t i = 0; i < l->len; i++)
        items[i] = (struct archive_item){.name = l->entries[i].name, .entry = &l->entries[i]};
    items[l->len] = (struct archive_item){.name = "new", .bytes = extra};
    assert_ok(archive_write(a, fd, items, l->len + 1, &err), err);
    struct buf b = read_back(fd);

    (void)close(fd);
    return b;
}

static void check_header(struct view v, size_t at, uint64_t method, struct view data)
{
    assert_int_equal(bytes_get_le(view_slice(v, at, 4)), 0x04034b50);
    assert_int_equal(bytes_get_le(view_slice(v, at + 8, 2)), method);
    assert_int_equal(bytes_get_le(view_slice(v, at + 10, 2)), 0);    /* 00:00 */
    assert_int_equal(bytes_get_le(view_slice(v, at + 12, 2)), 0x21); /* 1980-01-01 */
    assert_int_equal(bytes_get_le(view_slice(v, at + 28, 2)), 0);    /* no extra fields */
    size_t name = (size_t)bytes_get_le(view_slice(v, at + 26, 2));

    assert_true(view_equal(view_slice(v, at + 30 + name, data.len), data));
}

static void test_write(void **state)
{
    struct zip_build z = {0};
    struct buf space = {0};
    struct zip_item item = deflated("a", file_data(), &space);
    struct archive *a = NULL;
    struct ens_err err = {0};
    int fd = -1;

    (void)state;
    item.local.time = item.central.time = 0x6000;
    item.local.date = item.central.date = 0x5821;
    item.local.extra = item.central.extra = view_of("\x55\x54\x05\x00\x01\x00\x00\x00\x00", 9);
    two_entries(&z, &item);
    zip_end(&z);
    assert_ok(open_bytes(buf_view(&z.bytes), &fd, &a, &err), err);
    struct buf one = written(a, view_of_string("n"));
    struct buf two = written(a, view_of_string("n"));

    assert_true(view_equal(buf_view(&one), buf_view(&two)));
    accepted(buf_view(&one));
    size_t second = 30 + strlen(MANIFEST) + 2;
    size_t third = second + 30 + 1 + space.len;

    check_header(buf_view(&one), 0, 0, view_of_string("{}"));
    check_header(buf_view(&one), second, 8, buf_view(&space)); /* the compressed bytes as they were */
    check_header(buf_view(&one), third, 0, view_of_string("n"));
    size_t directory = third + 30 + 3 + 1;

    assert_int_equal(bytes_get_le(view_slice(buf_view(&one), directory + 38, 4)), 0100644u << 16);
    assert_int_equal(bytes_get_le(view_slice(buf_view(&one), directory + 30, 2)), 0); /* extra */
    archive_closep(&a);
    (void)close(fd);
    buf_free(&one);
    buf_free(&two);
    buf_free(&space);
    zip_free(&z);
}

static void test_write_fails(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored("a", file_data());
    struct archive *a = NULL;
    struct ens_err err = {0};
    int fd = -1;
    int full = -1;

    (void)state;
    two_entries(&z, &item);
    zip_end(&z);
    assert_ok(open_bytes(buf_view(&z.bytes), &fd, &a, &err), err);
    const struct listing_entry *e = archive_listing(a)->entries;
    struct archive_item items[2] = {{.name = e[0].name, .entry = &e[0]}, {.name = e[1].name, .entry = &e[1]}};

    full = dup(STDIN_FILENO);
    (void)close(full); /* a descriptor that is not open */
    assert_fails(archive_write(a, full, items, 2, &err), err, ENS_IO, "cannot be written");
    items[1].name = e[0].name;
    assert_fails(archive_write(a, fd, items, 2, &err), err, ENS_DATA, "one name");
    archive_closep(&a);
    (void)close(fd);
    zip_free(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_zip64),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_first_entry),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_entries),
        cmocka_unit_test(test_colliding_names),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_streamed_zip64),
        cmocka_unit_test(test_second_name),
        cmocka_unit_test(test_shared_bytes),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_two_directories),
        cmocka_unit_test(test_ends64),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_damaged_data),
        cmocka_unit_test(test_sink_stops),
        cmocka_unit_test(test_file_shrinks),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
