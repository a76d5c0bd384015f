/* Making bundles: new ones, components from files, names and ids, and that what is written is the same again
 * and again. The bytes of the manifest are those that orc writes. */
#include "tests/support/zip.h"

#include <sys/stat.h>

#include "bundle/orc/bundle.h"

#define MIB (1u << 20)

static const uint8_t test_id[32] = {0x80, [31] = 1};
#define TEST_ID_HEX "8000000000000000000000000000000000000000000000000000000000000001"

static struct bundle *begun(const char *name, struct bundle_version v)
{
    struct bundle *b = NULL;
    struct ens_err err = {0};

    assert_ok(bundle_new("new.orc", name, test_id, v, &b, &err), err);
    return b;
}

static struct bundle_input input_of(const char *name, const char *data)
{
    return (struct bundle_input){name, memory_file(view_of_string(data))};
}

static void close_inputs(struct bundle_input *inputs, size_t len)
{
    for (size_t i = 0; i < len; i++)
        (void)close(inputs[i].fd);
}

/* What bundle_write writes. */
static struct buf written(struct bundle *b)
{
    char *dir = support_mkdir();
    char path[512];
    struct file_out *out = NULL;
    struct ens_err err = {0};

    (void)snprintf(path, sizeof path, "%s/out.orc", dir);
    assert_ok(file_out_open(path, FILE_OUT_NEW, &out, &err), err);
    assert_ok(bundle_write(b, out, &err), err);
    struct buf bytes = read_back(file_out_fd(out));

    file_out_closep(&out);
    support_rmdir(dir);
    return bytes;
}

static struct bundle *reopened(struct view bytes, int *ret_fd)
{
    struct bundle *b = NULL;
    struct ens_err err = {0};

    *ret_fd = memory_file(bytes);
    assert_ok(bundle_open_fd(*ret_fd, "again.orc", &b, &err), err);
    for (size_t i = 0; i < bundle_files_len(b); i++)
        assert_ok(bundle_stream(b, bundle_file_at(b, i).name, NULL, &err), err);
    return b;
}

static void close_all(struct bundle **b, int fd)
{
    bundle_closep(b);
    (void)close(fd);
}

static void holds_text(struct view bytes, const char *text)
{
    if (memmem(bytes.data, bytes.len, text, strlen(text)) == NULL)
        fail_msg("the bundle does not hold %s", text);
}

static void hex_digest(const char *data, char ret[static 65])
{
    uint8_t digest[32];
    struct ens_err err = {0};

    assert_ok(digest_of(DIGEST_SHA512_256, view_of_string(data), digest, &err), err);
    hex_encode(ret, view_of(digest, 32));
}

/* ---- new bundles ---- */

static void test_new_manifest(void **state)
{
    struct bundle *b = begun("runtime", (struct bundle_version){1, 0, 3});
    struct bundle_input in[] = {input_of("app", "elf"), input_of("app.sgxs", "stream")};
    struct bundle_addition add = {
        .id = "ronl", .elf = in[0], .sgxs = &in[1], .sigstruct = view_of_string("s")};
    struct ens_err err = {0};
    char digests[3][65];
    char wanted[1024];

    (void)state;
    assert_ok(bundle_add_component(b, &add, &err), err);
    struct buf bytes = written(b);

    hex_digest("elf", digests[0]);
    hex_digest("stream", digests[1]);
    hex_digest("s", digests[2]);
    (void)snprintf(wanted, sizeof wanted,
                   "{\"name\":\"runtime\",\"id\":\"" TEST_ID_HEX "\",\"version\":{\"major\":1,\"patch\":3},"
                   "\"components\":[{\"kind\":\"ronl\",\"version\":{},\"executable\":\"ronl.elf\","
                   "\"sgx\":{\"executable\":\"ronl.sgx\",\"signature\":\"ronl.sgx.sig\"}}],"
                   "\"digests\":{\"ronl.elf\":\"%s\",\"ronl.sgx\":\"%s\",\"ronl.sgx.sig\":\"%s\"}}PK",
                   digests[0], digests[1], digests[2]);
    holds_text(buf_view(&bytes), wanted);
    int fd = -1;
    struct bundle *again = reopened(buf_view(&bytes), &fd);

    assert_int_equal(bundle_files_len(again), 3);
    assert_int_equal(bundle_digests_len(again), bundle_files_len(again));
    assert_memory_equal(bundle_info(again)->id, test_id, 32);
    close_all(&again, fd);
    bundle_closep(&b);
    close_inputs(in, 2);
    buf_free(&bytes);
}

static void test_elf_metadata_and_rofl(void **state)
{
    struct bundle *b = begun("a<b", (struct bundle_version){0, 0, 0});
    struct bundle_input in[] = {input_of("app", "elf"), input_of("app.sgxs", "stream")};
    struct bundle_addition add = {.id = "rofl.one-two_3", .elf = in[0], .elf_metadata = true, .sgxs = &in[1]};
    struct ens_err err = {0};

    (void)state;
    assert_ok(bundle_add_component(b, &add, &err), err);
    /* A bundle that is not written yet shows what it will be. */
    assert_int_equal(bundle_info(b)->components_len, 1);
    assert_string_equal(bundle_info(b)->components[0].elf_executable, "rofl.one-two_3.elf");
    assert_int_equal(bundle_file_at(b, 1).size, 6);
    assert_ok(bundle_stream(b, "rofl.one-two_3.sgx", NULL, &err), err);
    struct buf bytes = written(b);

    holds_text(buf_view(&bytes),
               "{\"name\":\"a\\u003cb\",\"id\":\"" TEST_ID_HEX
               "\",\"version\":{},\"components\":[{\"kind\":\"rofl\",\"name\":\"one-two_3\","
               "\"version\":{},\"elf\":{\"executable\":\"rofl.one-two_3.elf\"},"
               "\"sgx\":{\"executable\":\"rofl.one-two_3.sgx\",\"signature\":\"\"}}],");
    bundle_closep(&b);
    close_inputs(in, 2);
    buf_free(&bytes);
}

static void test_same_bytes(void **state)
{
    struct buf runs[2] = {{0}};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bundle *b = begun("x", (struct bundle_version){1, 2, 3});
        struct bundle_input in = input_of(i == 0 ? "here" : "elsewhere", "the same executable");

        assert_ok(bundle_add_component(b, &(struct bundle_addition){.id = "ronl", .elf = in}, &err), err);
        runs[i] = written(b);
        bundle_closep(&b);
        close_inputs(&in, 1);
    }
    assert_true(view_equal(buf_view(&runs[0]), buf_view(&runs[1])));
    buf_free(&runs[0]);
    buf_free(&runs[1]);
}

/* ---- bundles that exist ---- */

static const struct bundle_part old_parts[] = {{"a.elf", "old"}, {"z", "rest"}, {NULL, NULL}};

static struct bundle *opened(const char *before, const char *after, int *ret_fd)
{
    struct buf manifest = manifest_with(before, old_parts, after);
    struct buf bytes = bundle_with(buf_view(&manifest), old_parts);
    struct bundle *b = NULL;
    struct ens_err err = {0};

    *ret_fd = memory_file(buf_view(&bytes));
    assert_ok(bundle_open_fd(*ret_fd, "old.orc", &b, &err), err);
    buf_free(&manifest);
    buf_free(&bytes);
    return b;
}

/* The manifest, once rofl.new was added, begins with `begin` and ends with `end`. */
static void check_added(const char *before, const char *after, const char *begin, const char *end)
{
    int fd = -1;
    int again_fd = -1;
    struct bundle *b = opened(before, after, &fd);
    struct bundle_input in = input_of("app", "elf");
    struct ens_err err = {0};

    assert_ok(bundle_add_component(b, &(struct bundle_addition){.id = "rofl.new", .elf = in}, &err), err);
    struct buf bytes = written(b);
    struct bundle *again = reopened(buf_view(&bytes), &again_fd);

    holds_text(buf_view(&bytes), begin);
    holds_text(buf_view(&bytes), end);
    assert_int_equal(bundle_files_len(again), 3);
    close_all(&again, again_fd);
    close_all(&b, fd);
    close_inputs(&in, 1);
    buf_free(&bytes);
}

#define NEW "{\"kind\":\"rofl\",\"name\":\"new\",\"version\":{},\"executable\":\"rofl.new.elf\"}"

static void test_add_keeps_order(void **state)
{
    (void)state;
    check_added("{\"y\":[1],\"components\":[{\"kind\":\"ronl\",\"q\":0,\"executable\":\"a.elf\"}],\"x\":{},",
                ",\"w\":\"last\"}",
                "{\"y\":[1],\"components\":[{\"kind\":\"ronl\",\"q\":0,\"executable\":\"a.elf\"}," NEW
                "],\"x\":{},\"digests\":{\"a.elf\":",
                "\"},\"w\":\"last\"}PK");
}

static void test_add_makes_the_array(void **state)
{
    (void)state;
    check_added("{\"executable\":\"a.elf\",\"x\":0,", ",\"w\":1}",
                "{\"executable\":\"a.elf\",\"x\":0,\"components\":[" NEW "],\"digests\":{", "\"},\"w\":1}PK");
    check_added("{\"components\":null,\"x\":0,", "}", "{\"components\":[" NEW "],\"x\":0,\"digests\":{",
                "\"}}PK");
}

/* An archive of the manifest alone may have no digests at all. */
static void test_add_makes_the_digests(void **state)
{
    static const struct bundle_part none[] = {{NULL, NULL}};
    struct buf empty = bundle_with(view_of_string("{\"name\":\"n\",\"digests\":null}"), none);
    struct buf absent = bundle_with(view_of_string("{\"name\":\"n\"}"), none);
    const struct view both[] = {buf_view(&empty), buf_view(&absent)};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = -1;
        int again_fd = -1;
        struct bundle *b = reopened(both[i], &fd);
        struct bundle_input in = input_of("app", "elf");

        assert_ok(bundle_add_component(b, &(struct bundle_addition){.id = "ronl", .elf = in}, &err), err);
        struct buf bytes = written(b);
        struct bundle *again = reopened(buf_view(&bytes), &again_fd);

        holds_text(buf_view(&bytes), "{\"name\":\"n\",\"components\":[{");
        holds_text(buf_view(&bytes), "}],\"digests\":{\"ronl.elf\":\"");
        close_all(&again, again_fd);
        close_all(&b, fd);
        close_inputs(&in, 1);
        buf_free(&bytes);
    }
    buf_free(&empty);
    buf_free(&absent);
}

/* ---- what is refused, and changes nothing ---- */

static void refuse(struct bundle *b, const char *id, struct bundle_input elf, enum ens_code code,
                   const char *text)
{
    const struct bundle_info before = *bundle_info(b);
    size_t files = bundle_files_len(b);
    struct ens_err err = {0};

    assert_fails(bundle_add_component(b, &(struct bundle_addition){.id = id, .elf = elf}, &err), err, code,
                 text);
    assert_memory_equal(bundle_info(b), &before, sizeof before);
    assert_int_equal(bundle_files_len(b), files);
}

static void test_refused(void **state)
{
    int fd = -1;
    struct bundle *b = opened("{\"components\":[{\"kind\":\"rofl\",\"name\":\"old\"}],", "}", &fd);
    struct bundle_input in[] = {input_of("app", "elf"), input_of("none", "")};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    refuse(b, "rofl.old", in[0], ENS_DATA, "old.orc: has a component rofl.old already");
    refuse(b, "rofl.x", in[0], ENS_USAGE, "rofl.x: a component is");
    refuse(b, "ronl", in[1], ENS_DATA, "none: is empty");
    refuse(b, "ronl", (struct bundle_input){"fifo", ends[0]}, ENS_NOINPUT, "fifo: is not a regular file");
    (void)close(ends[0]);
    (void)close(ends[1]);
    close_all(&b, fd);
    b = opened("{\"executable\":\"a.elf\",", "}", &fd);
    refuse(b, "ronl", in[0], ENS_DATA, "the older executable or sgx at the top level");
    close_all(&b, fd);
    close_inputs(in, 2);
}

/* A file that nothing names is not overwritten; the second file of a component is looked at as well. */
static void test_name_in_use(void **state)
{
    static const struct bundle_part parts[] = {{"rofl.new.sgx", "x"}, {NULL, NULL}};
    struct buf manifest = manifest_with("{", parts, "}");
    struct buf bytes = bundle_with(buf_view(&manifest), parts);
    struct bundle_input in[] = {input_of("app", "elf"), input_of("app.sgxs", "stream")};
    struct bundle_addition add = {.id = "rofl.new", .elf = in[0], .sgxs = &in[1]};
    struct ens_err err = {0};
    int fd = -1;
    struct bundle *b = reopened(buf_view(&bytes), &fd);

    (void)state;
    assert_fails(bundle_add_component(b, &add, &err), err, ENS_DATA, "has a file rofl.new.sgx already");
    assert_int_equal(bundle_files_len(b), 1);
    assert_int_equal(bundle_info(b)->components_len, 0);
    close_all(&b, fd);
    close_inputs(in, 2);
    buf_free(&manifest);
    buf_free(&bytes);
}

/* A file that changes between its digest and the writing gives a bundle that does not hold, and is found. */
static void test_changed_file(void **state)
{
    struct bundle *b = begun("x", (struct bundle_version){1, 2, 3});
    struct bundle_input in = input_of("app", "one");
    struct bundle *again = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(bundle_add_component(b, &(struct bundle_addition){.id = "ronl", .elf = in}, &err), err);
    assert_int_equal(pwrite(in.fd, "two", 3, 0), 3);
    assert_fails(bundle_stream(b, "ronl.elf", NULL, &err), err, ENS_DATA, "SHA-512/256");
    struct buf bytes = written(b);
    int fd = memory_file(buf_view(&bytes));

    assert_ok(bundle_open_fd(fd, "x", &again, &err), err);
    assert_fails(bundle_stream(again, "ronl.elf", NULL, &err), err, ENS_DATA, "SHA-512/256");
    close_all(&again, fd);
    assert_int_equal(ftruncate(in.fd, 1), 0);
    assert_fails(bundle_stream(b, "ronl.elf", NULL, &err), err, ENS_DATA, "became shorter");
    bundle_closep(&b);
    close_inputs(&in, 1);
    buf_free(&bytes);
}

/* ---- large files ---- */

/* Zeros deflate to less than a reader takes (BUNDLE_RATIO_MAX), so that they are stored. */
static void test_zeros_are_stored(void **state)
{
    struct bundle *b = begun("x", (struct bundle_version){1, 2, 3});
    struct bundle_input in[] = {input_of("zeros", "z"), input_of("app", "elf elf elf elf elf elf elf elf")};
    struct bundle_addition add = {.id = "rofl.small", .elf = in[1]};
    struct ens_err err = {0};
    int fd = -1;

    (void)state;
    assert_int_equal(ftruncate(in[0].fd, 8 * MIB), 0);
    assert_ok(bundle_add_component(b, &add, &err), err);
    add = (struct bundle_addition){.id = "ronl", .elf = in[0]};
    assert_ok(bundle_add_component(b, &add, &err), err);
    struct buf bytes = written(b);
    struct bundle *again = reopened(buf_view(&bytes), &fd);

    assert_true(bundle_file_at(again, 0).packed_size < bundle_file_at(again, 0).size);
    assert_int_equal(bundle_file_at(again, 1).packed_size, 8 * MIB);
    close_all(&again, fd);
    bundle_closep(&b);
    close_inputs(in, 2);
    buf_free(&bytes);
}

/* ---- texts of the command line ---- */

static void test_ids(void **state)
{
    uint8_t id[32] = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(bundle_parse_id(TEST_ID_HEX, id, &err), err);
    assert_memory_equal(id, test_id, 32);
    memset(id, 0, sizeof id);
    assert_ok(bundle_parse_id("gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=", id, &err), err);
    assert_memory_equal(id, test_id, 32);
    assert_ok(bundle_parse_id("C0000000000000000000000000000000000000000000000000000000000000Ff", id, &err),
              err);
    assert_int_equal(id[31], 0xff);
    const char *const bad[] = {"", "00", ZEROS "0", "g" ZEROS, "20000000" ZEROS};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(bundle_parse_id(bad[i], id, &err), err, ENS_USAGE, "must be 32 bytes in hex or base64");
    assert_fails(
        bundle_parse_id("2000000000000000000000000000000000000000000000000000000000000000", id, &err), err,
        ENS_USAGE, "no flags but");
    assert_fails(
        bundle_parse_id("8000000000000001000000000000000000000000000000000000000000000000", id, &err), err,
        ENS_USAGE, "no flags but");
    assert_int_equal(id[31], 0xff);
}

static void test_component_ids(void **state)
{
    static const char *const good[] = {"ronl", "rofl.abc", "rofl.A-z_0-9"};
    static const char *const bad[] = {"",           "rofl",    "rofl.",     "rofl.ab",
                                      "ronl.abc",   "RONL",    "rofl.a.b",  "rofl.../x",
                                      "rofl.a/b/c", "tdx.abc", "rofl.abc ", "rofl.abc\n"};
    char longest[5 + 129 + 1] = "rofl.";
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_ok(bundle_check_component_id(good[i], &err), err);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(bundle_check_component_id(bad[i], &err), err, ENS_USAGE, "a component is ronl, or");
    memset(longest + 5, 'a', 128);
    assert_ok(bundle_check_component_id(longest, &err), err);
    longest[5 + 128] = 'a';
    assert_fails(bundle_check_component_id(longest, &err), err, ENS_USAGE, "3 to 128");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_manifest),
        cmocka_unit_test(test_elf_metadata_and_rofl),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_add_keeps_order),
        cmocka_unit_test(test_add_makes_the_array),
        cmocka_unit_test(test_add_makes_the_digests),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_name_in_use),
        cmocka_unit_test(test_changed_file),
        cmocka_unit_test(test_zeros_are_stored),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_component_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
