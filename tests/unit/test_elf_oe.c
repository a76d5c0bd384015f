/* Open Enclave and EGo ELF files as their tools wrote them: the SIGSTRUCT is found, what the loader of each
 * release would build measures to the ENCLAVEHASH that mkoe.py computed without ensign, what is written
 * differs in the SIGSTRUCT only. */
#include <stdio.h>
#include <string.h>

#include "tests/support/elf.h"

#include "signer/base/file.h"
#include "signer/base/hex.h"

#define INFO_OFFSET 0x2200 /* of .oeinfo in oe-0.* and ego.* */

struct known {
    const char *file;
    enum container_kind kind;
    size_t sigstruct; /* offset in .oeinfo */
    bool is_signed;
};

static const struct known known[] = {
    {"oe-0.4.signed", CONTAINER_OPEN_ENCLAVE, 48, true},
    {"oe-0.5.signed", CONTAINER_OPEN_ENCLAVE, 104, true},
    {"oe-0.13.signed", CONTAINER_OPEN_ENCLAVE, 136, true},
    {"oe-0.19.signed", CONTAINER_OPEN_ENCLAVE, 144, true},
    {"ego.signed", CONTAINER_EGO, 144, true},
    {"oe-0.4.unsigned", CONTAINER_OPEN_ENCLAVE, 48, false},
    {"oe-0.5.unsigned", CONTAINER_OPEN_ENCLAVE, 104, false},
    {"oe-0.13.unsigned", CONTAINER_OPEN_ENCLAVE, 136, false},
    {"oe-0.19.unsigned", CONTAINER_OPEN_ENCLAVE, 144, false},
    {"ego.unsigned", CONTAINER_EGO, 144, false},
};

#define KNOWN (sizeof known / sizeof known[0])

static const char *const rich[] = {
    "0.7", "0.9", "0.10", "0.11", "0.12", "0.15", "0.16", "0.19", "zero-base",
};

#define RICH (sizeof rich / sizeof rich[0])

static struct buf rich_vector(const char *release)
{
    char name[64];

    (void)snprintf(name, sizeof name, "oe-rich-%s.signed", release);
    return oe_vector(name);
}

static void check_known(const struct known *k)
{
    static const uint8_t header[] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0};
    struct buf file = oe_vector(k->file);
    struct opened o = {0};
    struct ens_err err = {0};

    assert_ok(open_bytes(&file, &o, &err), err);
    assert_int_equal(container_kind(o.c), k->kind);
    assert_int_equal(container_sites_len(o.c), 1);
    const struct site *site = container_site(o.c, 0);

    assert_string_equal(site->name, "");
    assert_int_equal(site->offset, INFO_OFFSET + k->sigstruct);
    assert_memory_equal(site->css.bytes, file.data + site->offset, SIGSTRUCT_SIZE);
    assert_int_equal(view_is_zero(view_of(site->css.bytes, SIGSTRUCT_SIZE)), !k->is_signed);
    assert_int_equal(memcmp(site->css.bytes, header, sizeof header) == 0, k->is_signed);
    assert_true(site->has_config);
    assert_int_equal(site->config.isvprodid, 1);
    assert_int_equal(site->config.isvsvn, 2);
    assert_false(site->has_launch);
    assert_false(site->has_fips);
    close_opened(&o);
    buf_free(&file);
}

static void test_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++)
        check_known(&known[i]);
    assert_string_equal(container_kind_name(CONTAINER_OPEN_ENCLAVE), "Open Enclave ELF");
    assert_string_equal(container_kind_name(CONTAINER_EGO), "EGo ELF");
}

static void test_ids(void **state)
{
    struct buf file = rich_vector("0.15");
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(open_bytes(&file, &o, &err), err);
    const struct site *site = container_site(o.c, 0);

    assert_int_equal(site->config.isvprodid, 7);
    assert_int_equal(site->config.isvsvn, 3);
    for (uint8_t i = 0; i < 16; i++) {
        assert_int_equal(site->config.isvfamilyid[i], i);
        assert_int_equal(site->config.isvextprodid[i], 16 + i);
    }
    close_opened(&o);
    buf_free(&file);
}

/* ---- measured ---- */

static void check_hash(const struct buf *file, const char *hex)
{
    uint8_t want[32];
    struct sgxs_report r;
    struct ens_err err = {0};

    assert_ok(hex_decode(hex, "MRENCLAVE", want, sizeof want, &err), err);
    measure_file(file, &r);
    assert_memory_equal(r.mrenclave, want, sizeof want);
}

/* The values were computed in Python from the rules of mkoe.py. ENCLAVEHASH of the files of 0.5 and 0.13 is
 * no measurement (README.md), so that they are taken for what is likeliest: 0.10, and 0.16 or 0.17.0. */
static void test_plain(void **state)
{
    static const char *const rows[][2] = {
        {"oe-0.5.signed", "665d760c782cb94e588e22213e00283ee5e96d0927d2e900428ede685bb77ccc"},
        {"oe-0.13.signed", "7a92c1ef3820551416c3c22f379e4a0721c614e79ad5e0b8e3a7a6bc7eab2d15"},
        {"oe-0.19.signed", "d08ebe7856340ed04d1baee6f964f3199c121f218ebbfde2315a3814d16b9681"},
        {"oe-0.19.unsigned", "d08ebe7856340ed04d1baee6f964f3199c121f218ebbfde2315a3814d16b9681"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf file = oe_vector(rows[i][0]);

        check_hash(&file, rows[i][1]);
        buf_free(&file);
    }
}

static void test_rich(void **state)
{
    (void)state;
    for (size_t i = 0; i < RICH; i++) {
        struct buf file = rich_vector(rich[i]);
        struct opened o = {0};
        struct ens_err err = {0};
        struct sgxs_report r;

        assert_ok(open_bytes(&file, &o, &err), err);
        for (int again = 0; again < 2; again++) {
            measure_only(o.c, &r);
            assert_memory_equal(r.mrenclave, container_site(o.c, 0)->css.bytes + ENCLAVEHASH, 32);
            assert_int_equal(r.ssaframesize, 1);
            assert_int_equal(r.tcs, 3);
        }
        close_opened(&o);
        buf_free(&file);
    }
}

/* ENCLAVEHASH decides between releases, and nothing else: where no layout measures to it, the last one is
 * taken, which is the right one of 0.10 and the wrong one of 0.15. */
static void test_chosen_by_hash(void **state)
{
    struct sgxs_report before, after;

    (void)state;
    for (size_t i = 0; i < RICH; i++) {
        struct buf file = rich_vector(rich[i]);
        size_t size = (size_t)get_le(&file, RICH_INFO, 4);
        bool other = strcmp(rich[i], "0.7") == 0 || strcmp(rich[i], "0.9") == 0 ||
                     strcmp(rich[i], "0.11") == 0 || strcmp(rich[i], "0.15") == 0;

        measure_file(&file, &before);
        file.data[RICH_INFO + size - 8 - SIGSTRUCT_SIZE + ENCLAVEHASH] ^= 1;
        measure_file(&file, &after);
        assert_int_equal(memcmp(before.mrenclave, after.mrenclave, 32) != 0, other);
        buf_free(&file);
    }
}

/* A segment that is read in several pieces: its pages are the bytes of the file, but for what is patched. */
static void test_pieces(void **state)
{
    const size_t len = 0x31234;
    struct buf file = rich_vector("0.19"), stream = {0};
    struct opened o = {0};
    struct ens_err err = {0};
    uint8_t page[PAGE], want[PAGE];

    (void)state;
    while (file.len < RICH_INFO + len)
        assert_ok(buf_append(&file, view_of(&(uint8_t){(uint8_t)(file.len * 7 + file.len / 255)}, 1), &err),
                  err);
    set_le(&file, PHDR(3) + P_FILESZ, 8, len);
    set_le(&file, PHDR(3) + P_MEMSZ, 8, len + 0x2000);
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_ok(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err);
    for (uint64_t at = 0xa000; at < RICH_INFO_AT + len + 0x2000; at += PAGE) {
        assert_int_equal(page_of(&stream, at, page, &(size_t){0}), 0x201);
        memset(want, 0, sizeof want);
        for (size_t i = 0; i < PAGE && at + i < RICH_INFO_AT + len; i++)
            want[i] = file.data[RICH_INFO + (at + i - RICH_INFO_AT)];
        assert_memory_equal(page, want, PAGE);
    }
    close_opened(&o);
    buf_free(&stream);
    buf_free(&file);
}

/* The loader adds no page of a segment without permissions. */
static void test_bare_segment(void **state)
{
    struct buf file = rich_vector("0.19"), stream = {0};
    struct opened o = {0};
    struct ens_err err = {0};
    uint8_t page[PAGE];

    (void)state;
    set_le(&file, PHDR(1) + P_FLAGS, 4, 0);
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_ok(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err);
    assert_int_equal(page_of(&stream, 0x1000, page, &(size_t){0}), 0x201);
    assert_int_equal(page_of(&stream, 0x2000, page, &(size_t){0}), 0);
    assert_int_equal(page_of(&stream, 0x5000, page, &(size_t){0}), 0x203);
    close_opened(&o);
    buf_free(&stream);
    buf_free(&file);
}

/* ---- not measured ---- */

static void test_why_no_stream(void **state)
{
    static const char *const rows[][2] = {
        {"oe-0.4.signed", "0.4 cannot be measured"},
        {"oe-0.4.unsigned", "0.4 cannot be measured"},
        {"ego.signed", "ego-enclave"},
        {"ego.unsigned", "ego-enclave"},
        {"oe-0.5.unsigned", "sign it once with its"},
        {"oe-0.13.unsigned", "sign it once with its"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf file = oe_vector(rows[i][0]);

        check_no_stream(&file, rows[i][1]);
        buf_free(&file);
    }
}

/* A library in .dynamic counts since 0.16, and not before; a flag that is not known, always. */
static void test_more_than_the_file(void **state)
{
    struct buf file = rich_vector("0.19"), old = rich_vector("0.15");
    struct sgxs_report r;

    (void)state;
    set_le(&file, RICH_DYNAMIC + 16, 8, 1);
    set_le(&file, RICH_DYNAMIC + 24, 8, 1);
    check_no_stream(&file, "a module");
    set_le(&file, RICH_DYNAMIC + 24, 8, 0);
    measure_file(&file, &r);
    set_le(&file, RICH_INFO + I_FLAGS, 4, 5);
    check_no_stream(&file, "more than Open Enclave's loader knows");
    set_le(&old, RICH_DYNAMIC + 16, 8, 1);
    set_le(&old, RICH_DYNAMIC + 24, 8, 1);
    measure_file(&old, &r);
    buf_free(&file);
    buf_free(&old);
}

/* ---- written ---- */

/* Writes the file with another SIGSTRUCT for the same enclave, and gives what was written. */
static struct buf write_file(const char *name, struct container *c, const char *dir)
{
    uint8_t css[SIGSTRUCT_SIZE];
    struct container_edit edit = {.sigstruct = view_of(css, sizeof css)};
    struct file_out *out = NULL;
    struct buf written = {0};
    struct ens_err err = {0};
    uint8_t piece[4096];
    size_t len = sizeof piece;
    char path[512];

    memset(css, 0x5a, sizeof css);
    memcpy(css + ENCLAVEHASH, container_site(c, 0)->css.bytes + ENCLAVEHASH, 32);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(file_out_open(path, FILE_OUT_NEW, &out, &err), err);
    assert_ok(container_write(c, &edit, out, &err), err);
    while (len == sizeof piece) {
        assert_ok(file_read_at(file_out_fd(out), path, written.len, piece, sizeof piece, &len, &err), err);
        assert_ok(buf_append(&written, view_of(piece, len), &err), err);
    }
    file_out_closep(&out);
    return written;
}

static void check_write(const char *name, const char *dir)
{
    struct buf file = oe_vector(name), written;
    struct opened o = {0};
    struct ens_err err = {0};
    struct sgxs_report before, after;

    assert_ok(open_bytes(&file, &o, &err), err);
    size_t at = (size_t)container_site(o.c, 0)->offset;

    written = write_file(name, o.c, dir);
    assert_int_equal(written.len, file.len);
    for (size_t i = 0; i < file.len; i++) {
        bool hash = i >= at + ENCLAVEHASH && i < at + ENCLAVEHASH + 32;

        if (i >= at && i < at + SIGSTRUCT_SIZE && !hash)
            assert_int_equal(written.data[i], 0x5a);
        else
            assert_int_equal(written.data[i], file.data[i]);
    }
    if (container_streams_len(o.c) > 0) {
        measure_only(o.c, &before);
        measure_file(&written, &after);
        assert_memory_equal(before.mrenclave, after.mrenclave, 32);
    }
    close_opened(&o);
    buf_free(&written);
    buf_free(&file);
}

static void test_write(void **state)
{
    char *dir = support_mkdir();
    char name[64];

    (void)state;
    for (size_t i = 0; i < KNOWN; i++)
        check_write(known[i].file, dir);
    for (size_t i = 0; i < RICH; i++) {
        (void)snprintf(name, sizeof name, "oe-rich-%s.signed", rich[i]);
        check_write(name, dir);
    }
    support_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),          cmocka_unit_test(test_ids),
        cmocka_unit_test(test_plain),          cmocka_unit_test(test_rich),
        cmocka_unit_test(test_chosen_by_hash), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_bare_segment),   cmocka_unit_test(test_why_no_stream),
        cmocka_unit_test(test_write),          cmocka_unit_test(test_more_than_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
