/* A rebuild that is laid out by the metadata of its release: every block of it, measured over the rebuild's own bytes;
 * what the blocks do that no sgx_sign does is told; and of neither file anything is believed. */
#include "tests/support/elf.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const versions[] = {"1.3",     "1.4", "1.5",       "2.4-2.1-1.4",  "3.1-1.4",
                                       "3.3-1.5", "3.3", "12.4-11.4", "3.3-1.5-fips", "13.3-11.5"};

#define VERSIONS (sizeof versions / sizeof versions[0])

static struct buf vector_of(const char *version, const char *more)
{
    char name[64];

    (void)snprintf(name, sizeof name, "%s%s", version, more);
    return intel_vector(name);
}

static int file_of(const struct buf *b)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, b->data, b->len), (ssize_t)b->len);
    return fd;
}

/* The container keeps nothing of the release. */
static bool open_rebuild(const struct buf *release, const struct buf *rebuild, struct opened *ret,
                         struct ens_err *err)
{
    const struct container_beside beside = {.release = {.fd = file_of(release), .label = "release"}};

    *ret = (struct opened){.fd = file_of(rebuild)};
    bool ok = container_open_fd(ret->fd, "rebuild", NULL, &beside, &ret->c, err);

    (void)close(beside.release.fd);
    return ok;
}

static size_t reasons(const struct container *c)
{
    size_t len = 0;
    size_t found = 0;
    const struct container_oddity *odd = container_oddities(c, &len);

    for (size_t i = 0; i < len; i++)
        found += strncmp(odd[i].rule, "note-", 5) != 0;
    return found;
}

static bool is_said(const struct container *c, const char *rule, const char *words)
{
    size_t len = 0;
    const struct container_oddity *odd = container_oddities(c, &len);

    for (size_t i = 0; i < len; i++) {
        if (strcmp(odd[i].rule, rule) == 0 && strstr(odd[i].text, words) != NULL)
            return true;
    }
    return false;
}

/* ---- the same file, before it was signed ---- */

static void every_version_measures_as_its_release(void **state)
{
    (void)state;
    for (size_t v = 0; v < VERSIONS; v++) {
        struct buf release = vector_of(versions[v], ".signed");
        struct buf rebuild = vector_of(versions[v], "");
        struct opened signed_one = {0};
        struct opened o = {0};
        struct ens_err err = {0};
        struct sgxs_report r;

        assert_ok(open_bytes(&release, &signed_one, &err), err);
        assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
        assert_int_equal(container_sites_len(o.c), container_sites_len(signed_one.c));
        assert_int_equal(reasons(o.c), 0);
        assert_int_equal(container_work(o.c), container_work(signed_one.c));
        for (size_t i = 0; i < container_sites_len(o.c); i++) {
            const struct site *site = container_site(o.c, i);
            const struct site *of = container_site(signed_one.c, i);

            assert_true(site->is_rebuild && !site->has_place && !site->has_launch && !site->has_fips);
            assert_true(view_is_zero(view_of(site->css.bytes, sizeof site->css.bytes)));
            assert_memory_equal(site->release.bytes, of->css.bytes, sizeof of->css.bytes);
            assert_string_equal(site->name, of->name);
            measure(o.c, i, &r);
            assert_memory_equal(r.mrenclave, of->css.bytes + ENCLAVEHASH, 32);
        }
        close_opened(&o);
        close_opened(&signed_one);
        buf_free(&release);
        buf_free(&rebuild);
    }
}

static void only_what_is_loaded_counts(void **state)
{
    struct buf release = intel_vector("1.4.signed");
    struct buf rebuild = intel_vector("1.4");
    struct opened o = {0};
    struct ens_err err = {0};
    struct sgxs_report before;
    struct sgxs_report after;

    (void)state;
    assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
    measure(o.c, 0, &before);
    close_opened(&o);
    memset(rebuild.data + DESC + 1, 0x5a, 0x2fff); /* its own note */
    set_le(&rebuild, E_SHOFF, 8, 0);               /* which a patch clears */
    set_le(&rebuild, E_SHNUM, 4, 0);
    assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
    measure(o.c, 0, &after);
    assert_memory_equal(before.mrenclave, after.mrenclave, 32);
    close_opened(&o);
    rebuild.data[0x1000] ^= 1;
    assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
    measure(o.c, 0, &after);
    assert_memory_not_equal(before.mrenclave, after.mrenclave, 32);
    close_opened(&o);
    buf_free(&release);
    buf_free(&rebuild);
}

/* ---- what no sgx_sign writes ---- */

#define ROW(i, field) (DESC + B_LAYOUT(i) + (field))
#define TEMPLATE      0x760 /* the block's first content; patch 1 takes its zeros from 0x7a8 */

static void every_doubt_is_told(void **state)
{
    /* `value` of `len` bytes stands at `at` of the release. */
    static const struct {
        size_t at, len;
        uint64_t value;
        const char *rule, *says;
    } changes[] = {
        {DESC + B_PATCH(0), 8, 0x1000, "patched-code", "patch 1 overwrites 0x8 bytes of code at 0x1000"},
        {DESC + B_PATCH(0), 8, 0x3200, "patched-data", "patch 1 overwrites 0x8 bytes of data at 0x4200"},
        {DESC + B_PATCH(0), 8, 0x2500, "sdk-tables", "patch 1 changes 0x8 bytes at 0x2500 of the file"},
        {DESC + B_PATCH(0), 8, 0x2500, "sdk-tables", "the patch table has 3 rows, where sgx_sign writes 3"},
        {DESC + 1876, 4, 0x40, "sdk-tables", "the patch table has 2 rows, where sgx_sign writes 3"},
        {ROW(0, 8), 8, 0x6000, "sdk-tables",
         "layout row 1 begins at 0x6000, and what is before it ends at 0x7000"},
        {ROW(0, 16), 4, 1, "sdk-tables", "layout row 1 fills pages at 0x7000 with 0x00000001"},
        {ROW(0, 24), 8, 0x207, "patched-code", "layout row 1: SECINFO 0x207 at 0x7000, not 0x203"},
        {ROW(0, 24), 8, 0x201, "sdk-tables", "layout row 1: SECINFO 0x201 at 0x7000, not 0x203"},
        {ROW(0, 20), 4, TEMPLATE, "layout-content", "layout row 1 brings 0x0 bytes of content"},
        {ROW(5, 16), 4, 71, "patched-code", "layout row 6: its TCS is not the 72 bytes"},
        {ROW(5, 20), 4, 0, "patched-code", "layout row 6: its TCS is not the 72 bytes"},
        {ROW(9, 8), 8, 0xa000, "sdk-tables", "layout row 10 repeats 0x9 pages at steps of 0xa000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct buf release = intel_vector("1.4.signed");
        struct buf rebuild = intel_vector("1.4");
        struct opened o = {0};
        struct ens_err err = {0};

        set_le(&release, changes[i].at, changes[i].len, changes[i].value);
        assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
        if (!is_said(o.c, changes[i].rule, changes[i].says))
            fail_msg("'%s' is not said", changes[i].says);
        close_opened(&o);
        /* Of the release by itself as well. */
        assert_ok(open_bytes(&release, &o, &err), err);
        assert_true(is_said(o.c, changes[i].rule, changes[i].says));
        close_opened(&o);
        buf_free(&release);
        buf_free(&rebuild);
    }
}

/* SDK 1.6 to 1.9: the same rows by other ids. */
static void the_ids_of_the_first_sdk_are_known(void **state)
{
    static const uint16_t ids[] = {1, 7, 7, 5, 7, 2, 4, 7, 3, 0x1006, 7};
    struct buf release = intel_vector("1.4.signed");
    struct buf rebuild = intel_vector("1.4");
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        set_le(&release, ROW(i, 0), 2, ids[i]);
    assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
    assert_int_equal(reasons(o.c), 0);
    close_opened(&o);
    assert_ok(open_bytes(&release, &o, &err), err);
    assert_int_equal(reasons(o.c), 0);
    close_opened(&o);
    set_le(&release, ROW(8, 2), 2, 1);
    assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
    assert_true(is_said(o.c, "patched-code",
                        "layout row 9: memory of a thread at 0x15000 is added and not measured"));
    close_opened(&o);
    buf_free(&release);
    buf_free(&rebuild);
}

static void memory_for_code_is_a_note(void **state)
{
    struct buf release = intel_vector("1.4.signed");
    struct buf rebuild = intel_vector("1.4");
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    set_le(&release, ROW(0, 0), 2, 20); /* RSRV_MIN */
    set_le(&release, ROW(0, 24), 8, 0x207);
    assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
    assert_int_equal(reasons(o.c), 0);
    assert_true(is_said(o.c, "note-reserved", "ReservedMemExecutable"));
    close_opened(&o);
    buf_free(&release);
    buf_free(&rebuild);
}

/* ---- files that do not fit, and that are none ---- */

static void a_rebuild_that_does_not_fit_is_told_when_it_is_poured(void **state)
{
    struct buf release = intel_vector("1.4.signed");
    struct buf rebuild = intel_vector("1.4");
    struct opened o = {0};
    struct ens_err err = {0};
    struct buf stream = {0};

    (void)state;
    set_le(&rebuild, PHDR(2) + P_MEMSZ, 8, UINT64_MAX - 0x4000);
    assert_ok(open_rebuild(&release, &rebuild, &o, &err), err);
    assert_true(
        is_said(o.c, "sdk-tables", "ends outside the enclave's 0x20000 bytes: it is another enclave"));
    assert_int_equal(container_work(o.c), 0);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err, ENS_DATA,
                 "rebuild: the segment at 0x4000");
    assert_int_equal(stream.len, 0);
    close_opened(&o);
    buf_free(&release);
    buf_free(&rebuild);
}

static void a_release_that_is_damaged_is_named(void **state)
{
    struct buf release = intel_vector("1.4.signed");
    struct buf rebuild = intel_vector("1.4");
    struct buf none = support_vector("containers/oe-0.19.signed");
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    assert_fails(open_rebuild(&rebuild, &rebuild, &o, &err), err, ENS_DATA,
                 "release: .note.sgxmeta is empty");
    (void)close(o.fd);
    assert_fails(open_rebuild(&none, &rebuild, &o, &err), err, ENS_DATA, "release: has no .note.sgxmeta");
    (void)close(o.fd);
    assert_fails(open_rebuild(&release, &release, &o, &err), err, ENS_USAGE, "rebuild: is laid out itself");
    (void)close(o.fd);
    set_le(&release, DESC + 24, 4, 0);
    assert_fails(open_rebuild(&release, &rebuild, &o, &err), err, ENS_DATA,
                 "release: .note.sgxmeta: metadata block 1");
    (void)close(o.fd);
    buf_free(&none);
    buf_free(&release);
    buf_free(&rebuild);
}

static void bare_files_are_told_from_others(void **state)
{
    static const struct {
        const char *name;
        bool is_bare;
    } files[] = {{"containers/intel-1.4.so", true},
                 {"containers/intel-1.4.signed.so", false},
                 {"containers/intel-bad-size.signed.so", false},
                 {"containers/oe-0.19.unsigned", false},
                 {"containers/ego.unsigned", false},
                 {"sigstruct/good.sig", false}};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct buf file = support_vector(files[i].name);
        int fd = file_of(&file);
        struct ens_err err = {0};
        bool is_bare = !files[i].is_bare;

        assert_ok(container_is_bare(fd, "file", &is_bare, &err), err);
        if (is_bare != files[i].is_bare)
            fail_msg("%s", files[i].name);
        (void)close(fd);
        buf_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_measures_as_its_release),
        cmocka_unit_test(only_what_is_loaded_counts),
        cmocka_unit_test(every_doubt_is_told),
        cmocka_unit_test(the_ids_of_the_first_sdk_are_known),
        cmocka_unit_test(memory_for_code_is_a_note),
        cmocka_unit_test(a_rebuild_that_does_not_fit_is_told_when_it_is_poured),
        cmocka_unit_test(a_release_that_is_damaged_is_named),
        cmocka_unit_test(bare_files_are_told_from_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
