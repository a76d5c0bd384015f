/* Bundles as a whole: the rules that need both manifest and archive, streams, edits, writing. */
#include "tests/support/zip.h"

#include "bundle/orc/bundle.h"
#include "signer/base/magic.h"

static bool is_archive(struct view head)
{
    return magic_of(head) == MAGIC_ZIP;
}

#define COMPONENT(kind, file, more)                                                                          \
    "{\"kind\":\"" kind "\",\"executable\":\"" file ".elf\",\"sgx\":{\"executable\":\"" file ".sgx\"" more   \
    "}}"

static const struct bundle_part unsigned_parts[] = {
    {"ronl.elf", "elf"}, {"ronl.sgx", "stream"}, {NULL, NULL}};
static const struct bundle_part signed_parts[] = {
    {"app.sig", "old signature"}, {"ronl.elf", "elf"}, {"ronl.sgx", "stream"}, {NULL, NULL}};

static const char unsigned_ronl[] = "{\"components\":[" COMPONENT("ronl", "ronl", "") "],";
static const char signed_ronl[] =
    "{\"components\":[" COMPONENT("ronl", "ronl", ",\"signature\":\"app.sig\"") "],";

/* A bundle whose manifest is `before` and the digests of its parts. */
static struct buf build(const char *before, const struct bundle_part *parts)
{
    struct buf manifest = manifest_with(before, parts, "}");
    struct buf b = bundle_with(buf_view(&manifest), parts);

    buf_free(&manifest);
    return b;
}

static bool open_view(struct view v, int *ret_fd, struct bundle **ret, struct ens_err *err)
{
    *ret_fd = memory_file(v);
    return bundle_open_fd(*ret_fd, "x.orc", ret, err);
}

static struct bundle *opened(const char *before, const struct bundle_part *parts, int *ret_fd)
{
    struct buf b = build(before, parts);
    struct bundle *ret = NULL;
    struct ens_err err = {0};

    assert_ok(open_view(buf_view(&b), ret_fd, &ret, &err), err);
    buf_free(&b);
    return ret;
}

static void close_all(struct bundle **b, int fd)
{
    bundle_closep(b);
    (void)close(fd);
}

static bool put_into_buf(void *ctx, struct view piece, struct ens_err *err)
{
    return buf_append(ctx, piece, err);
}

static void has_file(struct bundle *b, const char *name, const char *data)
{
    struct buf found = {0};
    struct ens_err err = {0};

    assert_ok(bundle_stream(b, name, &(struct sink){put_into_buf, &found}, &err), err);
    assert_ok(bundle_stream(b, name, NULL, &err), err);
    assert_true(view_equal(buf_view(&found), view_of_string(data)));
    buf_free(&found);
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

    assert_true(is_archive(buf_view(&bytes)));
    file_out_closep(&out);
    support_rmdir(dir);
    return bytes;
}

/* The manifest of a written bundle, which is its first entry, stored. */
static void has_manifest(struct view v, const char *want)
{
    size_t len = (size_t)bytes_get_le(view_slice(v, 22, 4));
    struct view text = view_slice(v, 30 + strlen(MANIFEST), len);

    if (!view_equal(text, view_of_string(want)))
        fail_msg("%.*s, not %s", (int)text.len, (const char *)text.data, want);
}

static void refused(const char *before, const struct bundle_part *digests, const struct bundle_part *parts,
                    const char *says)
{
    struct buf manifest = manifest_with(before, digests, "}");
    struct buf b = bundle_with(buf_view(&manifest), parts);
    struct bundle *ret = NULL;
    struct ens_err err = {0};
    int fd = -1;

    assert_fails(open_view(buf_view(&b), &fd, &ret, &err), err, ENS_DATA, says);
    assert_memory_equal(err.msg, "x.orc: ", 7);
    (void)close(fd);
    buf_free(&manifest);
    buf_free(&b);
}

/* ---- opening ---- */

static void test_open(void **state)
{
    int fd = -1;
    struct bundle *b = opened(signed_ronl, signed_parts, &fd);
    const struct bundle_info *info = bundle_info(b);

    (void)state;
    assert_int_equal(info->components_len, 1);
    assert_string_equal(info->components[0].id, "ronl");
    assert_int_equal(info->components[0].tee, BUNDLE_TEE_SGX);
    assert_string_equal(info->components[0].sgx_signature, "app.sig");
    assert_int_equal(bundle_digests_len(b), bundle_files_len(b));
    assert_int_equal(bundle_files_len(b), 3);
    assert_string_equal(bundle_file_at(b, 0).name, "app.sig");
    assert_int_equal(bundle_file_at(b, 0).size, 13);
    assert_int_equal(bundle_file_at(b, 0).packed_size, 13);
    assert_string_equal(bundle_file_at(b, 2).name, "ronl.sgx");
    has_file(b, "ronl.elf", "elf");
    has_file(b, "ronl.sgx", "stream");
    close_all(&b, fd);
    bundle_closep(&b); /* nothing is fine */
}

static void test_open_path(void **state)
{
    char *dir = support_mkdir();
    struct buf bytes = build(unsigned_ronl, unsigned_parts);
    struct bundle *b = NULL;
    struct ens_err err = {0};
    char path[512];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/a.orc", dir);
    assert_fails(bundle_open(path, &b, &err), err, ENS_NOINPUT, "a.orc");
    assert_fails(bundle_open(dir, &b, &err), err, ENS_NOINPUT, "directory");
    assert_ok(file_write_atomic(path, FILE_OUT_NEW, buf_view(&bytes), &err), err);
    assert_ok(bundle_open(path, &b, &err), err);
    /* What is read is the file that was opened, whatever its name means by now. */
    assert_ok(file_write_atomic(path, FILE_OUT_REPLACE, view_of_string("other"), &err), err);
    has_file(b, "ronl.sgx", "stream");
    bundle_closep(&b);
    assert_fails(bundle_open(path, &b, &err), err, ENS_DATA, "a.orc: is too short");
    buf_free(&bytes);
    support_rmdir(dir);
}

static void test_recognise(void **state)
{
    (void)state;
    assert_true(is_archive(view_of("PK\3\4...", 7)));
    assert_false(is_archive(view_of("PK\3", 3)));
    assert_false(is_archive(view_of("PK\5\6", 4)));
    assert_false(is_archive(view_of("\x7f"
                                    "ELF",
                                    4)));
    assert_false(is_archive(view_of(NULL, 0)));
}

static void test_files_and_digests(void **state)
{
    const struct bundle_part no_parts[] = {{NULL, NULL}};
    const struct bundle_part more[] = {
        {"ronl.elf", "elf"}, {"extra", "x"}, {"ronl.sgx", "stream"}, {NULL, NULL}};

    (void)state;
    refused(signed_ronl, signed_parts, unsigned_parts,
            "component ronl: names the file app.sig, which is not");
    refused(unsigned_ronl, unsigned_parts, more, "file extra: has no digest");
    refused(unsigned_ronl, no_parts, unsigned_parts, "file ronl.elf: has no digest");
    refused("{\"executable\":\"META-INF/MANIFEST.MF\",", no_parts, no_parts, "which is not in the bundle");
    refused("{\"components\":[null],", no_parts, no_parts, "manifest: components[0]: must be an object");
    refused("{\"components\":[{\"kind\":\"rofl\",\"name\":\"tdx\",\"tdx\":{\"firmware\":\"f\",\"kernel\":"
            "\"gone\","
            "\"resources\":{\"memory\":16,\"cpus\":1}}}],",
            no_parts, (const struct bundle_part[]){{"f", ""}, {NULL, NULL}},
            "component rofl.tdx: names the file gone");

    /* A file that nobody names is fine, and so is an empty bundle. */
    int fd = -1;
    struct bundle *b = opened(unsigned_ronl, more, &fd);

    has_file(b, "extra", "x");
    close_all(&b, fd);
    b = opened("{", no_parts, &fd);
    assert_int_equal(bundle_files_len(b), 0);
    close_all(&b, fd);
}

static void test_wrong_digest(void **state)
{
    const struct bundle_part other[] = {{"ronl.elf", "elf"}, {"ronl.sgx", "Stream"}, {NULL, NULL}};
    struct buf manifest = manifest_with(unsigned_ronl, other, "}");
    struct buf bytes = bundle_with(buf_view(&manifest), unsigned_parts);
    struct bundle *b = NULL;
    struct ens_err err = {0};
    int fd = -1;

    (void)state;
    assert_ok(open_view(buf_view(&bytes), &fd, &b, &err), err);
    has_file(b, "ronl.elf", "elf");
    assert_fails(bundle_stream(b, "ronl.sgx", NULL, &err), err, ENS_DATA,
                 "x.orc: file ronl.sgx: its SHA-512/256 is not the one");
    assert_fails(bundle_stream(b, "gone", NULL, &err), err, ENS_DATA, "has no file gone");
    assert_fails(bundle_stream(b, MANIFEST, NULL, &err), err, ENS_DATA, "has no file META-INF");
    close_all(&b, fd);
    buf_free(&manifest);
    buf_free(&bytes);
}

static void test_orphan_digests(void **state)
{
    const struct bundle_part digests[] = {
        {"a.gone", "x"}, {"ronl.elf", "elf"}, {"ronl.sgx", "stream"}, {"z.gone", "x"}, {NULL, NULL}};
    struct buf manifest = manifest_with(unsigned_ronl, digests, "}");
    struct buf bytes = bundle_with(buf_view(&manifest), unsigned_parts);
    struct buf clean = manifest_with(unsigned_ronl, unsigned_parts, "}");
    struct bundle *b = NULL;
    struct ens_err err = {0};
    int fd = -1;

    (void)state;
    assert_ok(open_view(buf_view(&bytes), &fd, &b, &err), err);
    assert_int_equal(bundle_digests_len(b), 4);
    assert_string_equal(bundle_digest_at(b, 0).name, "a.gone");
    assert_string_equal(bundle_digest_at(b, 3).name, "z.gone");
    for (size_t i = 0; i < 4; i++)
        assert_true(bundle_digest_at(b, i).has_file == (i == 1 || i == 2));
    struct buf out = written(b);

    put(&clean, "", 1);
    has_manifest(buf_view(&out), (const char *)clean.data);
    close_all(&b, fd);
    buf_free(&out);
    buf_free(&clean);
    buf_free(&manifest);
    buf_free(&bytes);
}

static void test_find_sgx(void **state)
{
    const char *two = "{\"components\":[" COMPONENT(
        "ronl", "ronl", "") ",{\"kind\":\"rofl\",\"name\":\"abc\",\"sgx\":{"
                            "\"executable\":\"ronl.sgx\"}},{\"kind\":\"rofl\",\"name\":\"plain\"}],";
    const struct bundle_part none[] = {{NULL, NULL}};
    const struct bundle_component *c = NULL;
    struct ens_err err = {0};
    int fd = -1;
    struct bundle *b = opened(unsigned_ronl, unsigned_parts, &fd);

    (void)state;
    assert_ok(bundle_find_sgx(b, NULL, &c, &err), err);
    assert_string_equal(c->id, "ronl");
    assert_ok(bundle_find_sgx(b, "ronl", &c, &err), err);
    assert_fails(bundle_find_sgx(b, "rofl.abc", &c, &err), err, ENS_DATA, "no component rofl.abc with SGX");
    close_all(&b, fd);
    b = opened(two, unsigned_parts, &fd);
    assert_fails(bundle_find_sgx(b, NULL, &c, &err), err, ENS_DATA,
                 "2 SGX components: name one with --component: "
                 "ronl, rofl.abc");
    assert_fails(bundle_find_sgx(b, "rofl.plain", &c, &err), err, ENS_DATA,
                 "no component rofl.plain with SGX");
    assert_ok(bundle_find_sgx(b, "rofl.abc", &c, &err), err);
    assert_string_equal(c->name, "abc");
    close_all(&b, fd);
    b = opened("{", none, &fd);
    assert_fails(bundle_find_sgx(b, NULL, &c, &err), err, ENS_DATA, "no SGX component");
    close_all(&b, fd);
}

/* ---- edits and writing ---- */

/* Writes, opens what was written, and writes that again: it must be the same. */
static struct bundle *reopened(struct bundle **b, int *fd)
{
    struct buf one = written(*b);
    struct buf two = written(*b);
    struct bundle *ret = NULL;
    struct ens_err err = {0};

    assert_true(view_equal(buf_view(&one), buf_view(&two)));
    close_all(b, *fd);
    assert_ok(open_view(buf_view(&one), fd, &ret, &err), err);
    buf_free(&two);
    two = written(ret);
    assert_true(view_equal(buf_view(&one), buf_view(&two)));
    assert_int_equal(bundle_digests_len(ret), bundle_files_len(ret));
    buf_free(&one);
    buf_free(&two);
    return ret;
}

static void test_sign(void **state)
{
    int fd = -1;
    struct bundle *b = opened(unsigned_ronl, unsigned_parts, &fd);
    const struct bundle_component *before = bundle_info(b)->components;
    struct ens_err err = {0};

    (void)state;
    assert_ok(bundle_set_signature(b, "ronl", view_of_string("sigstruct"), &err), err);
    assert_string_equal(bundle_info(b)->components[0].sgx_signature, "ronl.sgx.sig");
    assert_null(before->sgx_signature); /* still there, still the old */
    assert_int_equal(bundle_files_len(b), 3);
    assert_string_equal(bundle_file_at(b, 2).name, "ronl.sgx.sig");
    assert_int_equal(bundle_file_at(b, 2).size, 9);
    has_file(b, "ronl.sgx.sig", "sigstruct");
    b = reopened(&b, &fd);
    assert_string_equal(bundle_info(b)->components[0].sgx_signature, "ronl.sgx.sig");
    has_file(b, "ronl.sgx.sig", "sigstruct");
    has_file(b, "ronl.sgx", "stream");
    close_all(&b, fd);
}

static void test_sign_again(void **state)
{
    int fd = -1;
    struct bundle *b = opened(signed_ronl, signed_parts, &fd);
    struct ens_err err = {0};

    (void)state;
    assert_ok(bundle_set_signature(b, NULL, view_of_string("first"), &err), err);
    assert_ok(bundle_set_signature(b, NULL, view_of_string("second"), &err), err);
    assert_string_equal(bundle_info(b)->components[0].sgx_signature, "app.sig");
    assert_int_equal(bundle_files_len(b), 3);
    b = reopened(&b, &fd);
    assert_int_equal(bundle_files_len(b), 3);
    has_file(b, "app.sig", "second");
    assert_fails(bundle_set_signature(b, "rofl.abc", view_of_string("x"), &err), err, ENS_DATA,
                 "no component");
    assert_int_equal(bundle_files_len(b), 3);
    close_all(&b, fd);
}

static void test_sign_legacy(void **state)
{
    const struct bundle_part parts[] = {{"runtime.elf", "elf"}, {"runtime.sgx", "stream"}, {NULL, NULL}};
    int fd = -1;
    struct bundle *b =
        opened("{\"executable\":\"runtime.elf\",\"sgx\":{\"executable\":\"runtime.sgx\",\"signature\":\"\"},",
               parts, &fd);
    struct ens_err err = {0};

    (void)state;
    assert_ok(bundle_set_signature(b, "ronl", view_of_string("sig"), &err), err);
    b = reopened(&b, &fd);
    assert_true(bundle_info(b)->components[0].legacy);
    assert_string_equal(bundle_info(b)->components[0].sgx_signature, "runtime.sgx.sig");
    has_file(b, "runtime.sgx.sig", "sig");
    close_all(&b, fd);
}

/* A signature file that another component uses as well is not taken from it. */
static void test_sign_shared_name(void **state)
{
    const char *shared = "{\"components\":[" COMPONENT(
        "ronl", "ronl", ",\"signature\":\"app.sig\"") ",{\"kind\":\"rofl\","
                                                      "\"name\":\"abc\",\"sgx\":{\"executable\":\"ronl.sgx\","
                                                      "\"signature\":\"app.sig\"}}],";
    const char *taken = "{\"components\":[" COMPONENT(
        "ronl", "ronl", "") ",{\"kind\":\"rofl\","
                            "\"name\":\"abc\",\"executable\":\"ronl.sgx.sig\"}],";
    const struct bundle_part parts[] = {
        {"ronl.elf", "elf"}, {"ronl.sgx", "stream"}, {"ronl.sgx.sig", "an ELF"}, {NULL, NULL}};
    int fd = -1;
    struct bundle *b = opened(shared, signed_parts, &fd);
    struct ens_err err = {0};

    (void)state;
    assert_ok(bundle_set_signature(b, "rofl.abc", view_of_string("new"), &err), err);
    b = reopened(&b, &fd);
    assert_string_equal(bundle_info(b)->components[0].sgx_signature, "app.sig");
    assert_string_equal(bundle_info(b)->components[1].sgx_signature, "rofl.abc.sgx.sig");
    has_file(b, "app.sig", "old signature");
    has_file(b, "rofl.abc.sgx.sig", "new");
    close_all(&b, fd);

    b = opened(taken, parts, &fd);
    assert_fails(bundle_set_signature(b, "ronl", view_of_string("new"), &err), err, ENS_DATA,
                 "ronl.sgx.sig, which the manifest uses for something else");
    has_file(b, "ronl.sgx.sig", "an ELF");
    close_all(&b, fd);
    /* The same file, which nobody names, is an old signature. */
    b = opened(unsigned_ronl, parts, &fd);
    assert_ok(bundle_set_signature(b, "ronl", view_of_string("new"), &err), err);
    has_file(b, "ronl.sgx.sig", "new");
    close_all(&b, fd);
}

static void test_unknown_fields(void **state)
{
    const char *before =
        "{\"z\":{\"b\":1.5,\"a\":[null]},\"components\":[{\"x\":9007199254740993,\"kind\":\"ronl\","
        "\"sgx\":{\"note\":\"\\u003c\",\"executable\":\"ronl.sgx\",\"signature\":\"app.sig\"},"
        "\"executable\":\"ronl.elf\"}],";
    struct buf manifest = manifest_with(before, signed_parts, ",\"last\":\"\"}");
    struct buf bytes = bundle_with(buf_view(&manifest), signed_parts);
    struct bundle_part changed[] = {{"app.sig", "new"}, signed_parts[1], signed_parts[2], {NULL, NULL}};
    struct buf want = manifest_with(before, changed, ",\"last\":\"\"}");
    struct bundle *b = NULL;
    struct ens_err err = {0};
    int fd = -1;

    (void)state;
    assert_ok(open_view(buf_view(&bytes), &fd, &b, &err), err);
    assert_ok(bundle_set_signature(b, "ronl", view_of_string("new"), &err), err);
    struct buf out = written(b);

    put(&want, "", 1);
    has_manifest(buf_view(&out), (const char *)want.data);
    close_all(&b, fd);
    buf_free(&out);
    buf_free(&want);
    buf_free(&manifest);
    buf_free(&bytes);
}

static void test_identity(void **state)
{
    const char *before =
        "{\"components\":[{\"kind\":\"ronl\",\"executable\":\"ronl.elf\",\"sgx\":{\"executable\":\"ronl."
        "sgx\"},"
        "\"identity\":[{\"enclave\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\"},"
        "{\"hypervisor\":\"h\",\"enclave\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\"}]}],";
    uint8_t enclave[64];
    int fd = -1;
    struct bundle *b = opened(before, unsigned_parts, &fd);
    struct ens_err err = {0};

    (void)state;
    memset(enclave, 0xa5, sizeof enclave);
    assert_ok(bundle_set_signature(b, "ronl", view_of_string("new"), &err), err);
    const enum bundle_identity_edit edits[] = {BUNDLE_IDENTITY_DROP, BUNDLE_IDENTITY_SET};

    assert_ok(bundle_edit_identities(b, "ronl", edits, enclave, &err), err);
    assert_fails(bundle_edit_identities(b, "rofl.abc", edits, enclave, &err), err, ENS_DATA, "rofl.abc");
    b = reopened(&b, &fd);
    assert_int_equal(bundle_info(b)->components[0].identities_len, 1);
    assert_string_equal(bundle_info(b)->components[0].identities[0].hypervisor, "h");
    assert_memory_equal(bundle_info(b)->components[0].identities[0].enclave, enclave, 64);
    has_file(b, "ronl.sgx.sig", "new");
    close_all(&b, fd);
}

/* Characters that are written as escapes make the text longer; what would not be read
 * again is not written. */
static void test_manifest_too_long(void **state)
{
    const struct bundle_part none[] = {{NULL, NULL}};
    struct buf manifest = {0};
    struct bundle *b = NULL;
    struct ens_err err = {0};
    char *dir = support_mkdir();
    struct file_out *out = NULL;
    char path[512];
    int fd = -1;

    (void)state;
    put(&manifest, "{\"name\":\"", 9);
    for (unsigned i = 0; i < BUNDLE_MANIFEST_MAX / 6; i++)
        put(&manifest, "<", 1);
    put(&manifest, "\"}", 2);
    struct buf bytes = bundle_with(buf_view(&manifest), none);

    assert_ok(open_view(buf_view(&bytes), &fd, &b, &err), err);
    (void)snprintf(path, sizeof path, "%s/out.orc", dir);
    assert_ok(file_out_open(path, FILE_OUT_NEW, &out, &err), err);
    assert_fails(bundle_write(b, out, &err), err, ENS_DATA, "more than the limit of 16777216");
    file_out_closep(&out);
    assert_int_equal(access(path, F_OK), -1);
    support_rmdir(dir);
    close_all(&b, fd);
    buf_free(&manifest);
    buf_free(&bytes);
}

static void test_damaged_manifest(void **state)
{
    struct zip_build z = {0};
    struct zip_item item = stored(MANIFEST, view_of_string("{}"));
    struct bundle *b = NULL;
    struct ens_err err = {0};
    int fd = -1;

    (void)state;
    item.local.crc++;
    item.central.crc++;
    zip_put(&z, &item);
    zip_end(&z);
    assert_fails(open_view(buf_view(&z.bytes), &fd, &b, &err), err, ENS_DATA, "x.orc: manifest: its CRC");
    (void)close(fd);
    zip_free(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_open_path),
        cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_files_and_digests),
        cmocka_unit_test(test_wrong_digest),
        cmocka_unit_test(test_orphan_digests),
        cmocka_unit_test(test_find_sgx),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_sign_again),
        cmocka_unit_test(test_sign_legacy),
        cmocka_unit_test(test_sign_shared_name),
        cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_manifest_too_long),
        cmocka_unit_test(test_damaged_manifest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
