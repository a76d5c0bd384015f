/* SGXS streams against every case of tests/vectors/sgxs/expected.json, in pieces of any size, and each rule
 * of the structure on a small stream that is built here. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/sgxs.h"
#include "tests/support/support.h"

static const size_t steps[] = {1, 7, 63, 64, 255, 256, 320, 4096, SIZE_MAX};

static bool read_stream(struct view stream, size_t step, struct sgxs_report *ret, struct ens_err *err)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;

    if (!sgxs_new(&s, err))
        return false;
    for (size_t at = 0; at < stream.len;) {
        size_t n = step < stream.len - at ? step : stream.len - at;

        if (!sgxs_put(s, view_slice(stream, at, n), err))
            fail_msg("put: %s", err->msg);
        at += n;
    }
    return sgxs_finish(s, ret, err);
}

static void assert_hex(const uint8_t digest[static 32], const json_t *want)
{
    char hex[65];

    hex_encode(hex, view_of(digest, 32));
    assert_string_equal(hex, json_string_value(want));
}

/* The problems, and a JSON list of texts: the same set, each text once. */
static void assert_problems(const char *name, const struct findings *found, const json_t *want)
{
    size_t i = 0;
    json_t *text = NULL;

    json_array_foreach(want, i, text)
    {
        size_t hits = 0;

        for (size_t j = 0; j < found->len; j++)
            hits += strcmp(found->items[j].text, json_string_value(text)) == 0;
        if (hits != 1)
            fail_msg("%s: '%s' is said %zu times", name, json_string_value(text), hits);
    }
    if (found->len != json_array_size(want))
        fail_msg("%s: %zu problems, the last is '%s'", name, found->len, found->items[found->len - 1].text);
}

static void assert_vector(const char *name, const json_t *want, struct view stream, size_t step)
{
    struct sgxs_report report = {0};
    struct ens_err err = {0};
    const char *error = json_string_value(json_object_get(want, "error"));
    bool ok = read_stream(stream, step, &report, &err);

    assert_hex(report.sha256, json_object_get(want, "sha256"));
    if (error != NULL) {
        assert_false(ok);
        assert_int_equal(err.code, ENS_DATA);
        if (strncmp(err.msg, error, strlen(error)) != 0)
            fail_msg("%s: '%s' does not begin with '%s'", name, err.msg, error);
        return;
    }
    assert_ok(ok, err);
    assert_hex(report.mrenclave, json_object_get(want, "mrenclave"));
    assert_int_equal(report.equal, json_is_true(json_object_get(want, "equal_to_sha256")));
    assert_int_equal(report.problems.dropped, 0);
    assert_problems(name, &report.problems, json_object_get(want, "problems"));
}

static void every_vector_is_read_as_expected_in_pieces_of_any_size(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector("sgxs/expected.json");
    json_error_t where;
    json_t *all = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, &where);
    const char *name = NULL;
    json_t *want = NULL;

    (void)state;
    assert_non_null(all);
    assert_int_equal(json_object_size(all), 25);
    json_object_foreach(all, name, want)
    {
        ENS_CLEANUP(buf_free) struct buf stream = {0};
        char path[128];

        (void)snprintf(path, sizeof path, "sgxs/%s", name);
        stream = support_vector(path);
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
            assert_vector(name, want, buf_view(&stream), steps[i]);
    }
    json_decref(all);
}

static void the_whole_report_is_the_same_in_pieces_of_any_size(void **state)
{
    ENS_CLEANUP(buf_free) struct buf stream = support_vector("sgxs/unmeasured-page.sgxs");
    struct sgxs_report whole = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(read_stream(buf_view(&stream), SIZE_MAX, &whole, &err), err);
    assert_int_equal(whole.pages, 11);
    assert_int_equal(whole.unmeasured_chunks, 16);
    assert_true(whole.tcs >= 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct sgxs_report report;

        memset(&report, 0, sizeof report);
        assert_ok(read_stream(buf_view(&stream), steps[i], &report, &err), err);
        assert_int_equal(report.pages, whole.pages);
        assert_int_equal(report.tcs, whole.tcs);
        assert_int_equal(report.measured_chunks, whole.measured_chunks);
        assert_int_equal(report.unmeasured_chunks, whole.unmeasured_chunks);
        assert_int_equal(report.ssaframesize, whole.ssaframesize);
        assert_true(report.size == whole.size);
        assert_memory_equal(report.mrenclave, whole.mrenclave, 32);
    }
}

/* ---- streams that are built here ---- */

#define FLAGS_REG_RX UINT64_C(0x205)
#define FLAGS_TCS    UINT64_C(0x100)

static void add_header(struct buf *b, const char *tag, uint64_t a, uint64_t flags)
{
    uint8_t record[64] = {0};
    struct ens_err err = {0};

    memcpy(record, tag, strnlen(tag, 8));
    bytes_put_le(record + 8, 8, a);
    bytes_put_le(record + 16, 8, flags);
    assert_ok(buf_append(b, view_of(record, sizeof record), &err), err);
}

static void add_ecreate(struct buf *b, uint32_t ssaframesize, uint64_t size)
{
    uint8_t record[64] = "ECREATE";
    struct ens_err err = {0};

    bytes_put_le(record + 8, 4, ssaframesize);
    bytes_put_le(record + 12, 8, size);
    assert_ok(buf_append(b, view_of(record, sizeof record), &err), err);
}

static void add_chunk(struct buf *b, const char *tag, uint64_t offset, const uint8_t content[256])
{
    static const uint8_t zero[256];
    struct ens_err err = {0};

    add_header(b, tag, offset, 0);
    assert_ok(buf_append(b, view_of(content != NULL ? content : zero, 256), &err), err);
}

/* Reads the stream: there is exactly the problem `rule` (NULL: none). Empties the buffer. */
static struct sgxs_report assert_problem(struct buf *b, enum severity severity, const char *rule)
{
    struct sgxs_report report = {0};
    struct ens_err err = {0};

    assert_ok(read_stream(buf_view(b), SIZE_MAX, &report, &err), err);
    if (rule == NULL) {
        if (report.problems.len != 0)
            fail_msg("'%s'", report.problems.items[0].text);
    } else {
        if (report.problems.len != 1)
            fail_msg("%s: %zu problems", rule, report.problems.len);
        assert_string_equal(report.problems.items[0].rule, rule);
        assert_int_equal(report.problems.items[0].severity, severity);
    }
    buf_free(b);
    return report;
}

static void assert_broken(struct buf *b, const char *why)
{
    struct sgxs_report report = {0};
    uint8_t sha256[32];
    struct ens_err err = {0};

    assert_ok(digest_of(DIGEST_SHA256, buf_view(b), sha256, &err), err);
    assert_fails(read_stream(buf_view(b), SIZE_MAX, &report, &err), err, ENS_DATA, why);
    assert_memory_equal(report.sha256, sha256, 32);
    buf_free(b);
}

static void the_size_of_an_enclave_is_a_power_of_two(void **state)
{
    struct buf b = {0};

    (void)state;
    for (unsigned bit = 12; bit < 64; bit++) {
        add_ecreate(&b, 1, UINT64_C(1) << bit);
        (void)assert_problem(&b, SEVERITY_ERROR, NULL);
    }
    add_ecreate(&b, 1, 0x800);
    (void)assert_problem(&b, SEVERITY_ERROR, "ecreate-size");
    add_ecreate(&b, 1, 0);
    (void)assert_problem(&b, SEVERITY_ERROR, "ecreate-size");
    add_ecreate(&b, 1, 0x3000);
    (void)assert_problem(&b, SEVERITY_ERROR, "ecreate-size");
    add_ecreate(&b, 0, 0x2000);
    (void)assert_problem(&b, SEVERITY_ERROR, "ecreate-ssaframesize");
}

static void pages_lie_inside_in_order_and_once(void **state)
{
    static const struct {
        uint64_t first, second;
        enum severity severity;
        const char *rule;
    } cases[] = {
        {0x0000, 0x1000, SEVERITY_ERROR, NULL},
        {0x0000, 0xf000, SEVERITY_ERROR, NULL},
        {0x0000, 0x10000, SEVERITY_ERROR, "page-outside"},
        {0x0000, UINT64_C(0xfffffffffffff000), SEVERITY_ERROR, "page-outside"},
        {0x0000, 0x0800, SEVERITY_ERROR, "page-aligned"},
        {0x1000, 0x1000, SEVERITY_ERROR, "page-twice"},
        {0x0000, 0x0000, SEVERITY_ERROR, "page-twice"},
        {0x2000, 0x1000, SEVERITY_WARNING, "page-order"},
        {0x2000, 0x0000, SEVERITY_WARNING, "page-order"},
    };
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        add_ecreate(&b, 1, 0x10000);
        add_header(&b, "EADD", cases[i].first, FLAGS_REG_RX);
        add_header(&b, "EADD", cases[i].second, FLAGS_REG_RX);
        assert_int_equal(assert_problem(&b, cases[i].severity, cases[i].rule).pages, 2);
    }
}

static void page_types_and_permissions_are_those_of_eadd(void **state)
{
    static const struct {
        uint64_t flags;
        enum severity severity;
        const char *rule;
    } cases[] = {
        {0x200, SEVERITY_ERROR, NULL},
        {0x201, SEVERITY_ERROR, NULL},
        {0x203, SEVERITY_ERROR, NULL},
        {0x205, SEVERITY_ERROR, NULL},
        {0x207, SEVERITY_ERROR, NULL},
        {0x204, SEVERITY_ERROR, NULL},
        {0x202, SEVERITY_ERROR, "write-without-read"},
        {0x206, SEVERITY_ERROR, "write-without-read"},
        {0x100, SEVERITY_ERROR, NULL},
        {0x103, SEVERITY_WARNING, "tcs-permissions"},
        {0x003, SEVERITY_ERROR, "page-type"},
        {0x303, SEVERITY_ERROR, "page-type"},
        {0x403, SEVERITY_ERROR, "page-type"},
        {0x245, SEVERITY_ERROR, "secinfo-flags"},
        {0x10205, SEVERITY_ERROR, "secinfo-flags"},
        {0x8000000000000205, SEVERITY_ERROR, "secinfo-flags"},
    };
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        add_ecreate(&b, 1, 0x10000);
        add_header(&b, "EADD", 0, cases[i].flags);
        struct sgxs_report report = assert_problem(&b, cases[i].severity, cases[i].rule);

        assert_int_equal(report.tcs, (cases[i].flags & 0xff00) == 0x100);
    }
}

static void chunks_belong_to_the_page_before_them(void **state)
{
    static const struct {
        uint64_t offset;
        bool ok;
    } cases[] = {{0x2000, true},      {0x2100, true},
                 {0x2f00, true},      {0x3000, false},
                 {0x1f00, false},     {0x2010, false},
                 {0x20ff, false},     {0x0000, false},
                 {UINT64_MAX, false}, {UINT64_C(0xffffffffffffff00), false}};
    static const char *const tags[] = {"EEXTEND", "UNMEASRD"};
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        add_ecreate(&b, 1, 0x10000);
        add_header(&b, "EADD", 0x2000, FLAGS_REG_RX);
        add_chunk(&b, tags[i % 2], cases[i / 2].offset, NULL);
        if (cases[i / 2].ok)
            (void)assert_problem(&b, SEVERITY_WARNING, i % 2 == 0 ? NULL : "unmeasured");
        else
            assert_broken(&b, "is no chunk of the page before it");
    }
    add_ecreate(&b, 1, 0x10000);
    add_chunk(&b, "EEXTEND", 0, NULL);
    assert_broken(&b, "EEXTEND 0x0 at 0x40 is no chunk of the page before it");
}

static void any_chunk_that_comes_twice_is_found(void **state)
{
    struct buf b = {0};

    (void)state;
    for (unsigned chunk = 0; chunk < 16; chunk++) {
        add_ecreate(&b, 1, 0x10000);
        add_header(&b, "EADD", 0, FLAGS_REG_RX);
        for (unsigned i = 0; i < 16; i++)
            add_chunk(&b, "EEXTEND", i * 256, NULL);
        /* The same chunk of another page is another chunk. */
        add_header(&b, "EADD", 0x1000, FLAGS_REG_RX);
        add_chunk(&b, "EEXTEND", 0x1000 + chunk * 256, NULL);
        struct buf twice = {0};
        struct ens_err err = {0};

        assert_ok(buf_append(&twice, buf_view(&b), &err), err);
        (void)assert_problem(&b, SEVERITY_WARNING, NULL);
        add_chunk(&twice, "EEXTEND", 0x1000 + chunk * 256, NULL);
        assert_int_equal(assert_problem(&twice, SEVERITY_WARNING, "chunk-twice").measured_chunks, 18);
    }
}

/* A stream with one TCS page, whose chunk number `chunk` has `value` at `at`. */
static void tcs_stream(struct buf *b, unsigned chunk, size_t at, uint8_t value)
{
    uint8_t content[256] = {0};

    add_ecreate(b, 1, 0x10000);
    add_header(b, "EADD", 0x3000, FLAGS_TCS);
    for (unsigned i = 0; i < 16; i++) {
        memset(content, 0, sizeof content);
        if (i == 0)
            content[28] = 2; /* NSSA */
        if (i == chunk)
            content[at] = value;
        add_chunk(b, "EEXTEND", 0x3000 + 256 * i, content);
    }
}

static void a_tcs_holds_what_eadd_leaves_alone(void **state)
{
    static const struct {
        size_t from, to; /* bytes of the page, `to` excluded */
        const char *rule;
        enum severity severity;
    } parts[] = {
        {0, 8, "tcs-cleared", SEVERITY_ERROR},     /* STATE */
        {9, 16, "tcs-reserved", SEVERITY_ERROR},   /* FLAGS, but for its first byte */
        {16, 24, NULL, SEVERITY_ERROR},            /* OSSA */
        {24, 28, "tcs-cleared", SEVERITY_ERROR},   /* CSSA */
        {28, 40, NULL, SEVERITY_ERROR},            /* NSSA, OENTRY */
        {40, 48, "tcs-cleared", SEVERITY_ERROR},   /* AEP */
        {48, 72, NULL, SEVERITY_ERROR},            /* OFSBASE, OGSBASE, FSLIMIT, GSLIMIT */
        {72, 4096, "tcs-reserved", SEVERITY_ERROR} /* reserved */
    };
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t at = parts[i].from; at < parts[i].to; at += at < 80 ? 1 : 61) {
            tcs_stream(&b, (unsigned)(at / 256), at % 256, 0x40);
            (void)assert_problem(&b, parts[i].severity, parts[i].rule);
        }
    }
    tcs_stream(&b, 15, 255, 1);
    (void)assert_problem(&b, SEVERITY_ERROR, "tcs-reserved");
    tcs_stream(&b, 0, 8, 1);
    (void)assert_problem(&b, SEVERITY_ERROR, "tcs-cleared"); /* DBGOPTIN */
    tcs_stream(&b, 0, 8, 2);
    (void)assert_problem(&b, SEVERITY_ERROR, NULL); /* AEXNOTIFY */
    tcs_stream(&b, 0, 8, 4);
    (void)assert_problem(&b, SEVERITY_ERROR, "tcs-reserved");
    tcs_stream(&b, 0, 28, 0);
    (void)assert_problem(&b, SEVERITY_WARNING, "tcs-nssa");
}

static void the_cpu_measures_headers_without_padding(void **state)
{
    struct buf clean = {0};
    struct buf dirty = {0};
    struct buf measured = {0};
    uint8_t content[256];
    uint8_t want[32];
    struct ens_err err = {0};

    (void)state;
    memset(content, 0xab, sizeof content);
    add_ecreate(&clean, 1, 0x10000);
    add_header(&clean, "EADD", 0x1000, FLAGS_REG_RX);
    add_chunk(&clean, "EEXTEND", 0x1100, content);
    assert_ok(buf_append(&measured, buf_view(&clean), &err), err);
    add_chunk(&clean, "UNMEASRD", 0x1200, content);
    assert_ok(buf_append(&dirty, buf_view(&clean), &err), err);
    dirty.data[63] = 1;
    dirty.data[64 + 24] = 1;
    dirty.data[128 + 16] = 1;
    dirty.data[128 + 64 + 256 + 16] = 1;
    assert_ok(digest_of(DIGEST_SHA256, buf_view(&measured), want, &err), err);
    struct sgxs_report report = {0};

    assert_ok(read_stream(buf_view(&dirty), 100, &report, &err), err);
    assert_memory_equal(report.mrenclave, want, 32);
    assert_false(report.equal);
    /* Padding of ECREATE, EADD and EEXTEND, and that there is an unmeasured chunk; its padding is nobody's.
     */
    assert_int_equal(report.problems.len, 4);
    report = assert_problem(&clean, SEVERITY_WARNING, "unmeasured");
    assert_memory_equal(report.mrenclave, want, 32);
    report = assert_problem(&measured, SEVERITY_WARNING, NULL);
    assert_memory_equal(report.mrenclave, want, 32);
    assert_true(report.equal);
    buf_free(&dirty);
}

static void a_stream_that_is_cut_anywhere_but_between_records_is_refused(void **state)
{
    struct buf b = {0};

    (void)state;
    add_ecreate(&b, 1, 0x10000);
    add_header(&b, "EADD", 0, FLAGS_REG_RX);
    add_chunk(&b, "EEXTEND", 0, NULL);
    for (size_t len = 0; len <= b.len; len++) {
        struct sgxs_report report;
        struct ens_err err = {0};
        bool ok = read_stream(view_of(b.data, len), 50, &report, &err);

        if (ok != (len == 64 || len == 128 || len == b.len))
            fail_msg("%zu bytes: %s", len, err.msg);
        if (!ok)
            assert_non_null(strstr(err.msg, len == 0    ? "empty stream"
                                            : len < 192 ? "ends inside a record header"
                                                        : "ends inside a chunk at 0xc0"));
    }
    buf_free(&b);
}

static void what_follows_a_broken_record_is_hashed_but_not_read(void **state)
{
    struct buf b = {0};

    (void)state;
    add_ecreate(&b, 1, 0x10000);
    add_header(&b, "NOTHING", 0, 0);
    add_ecreate(&b, 1, 0x10000);
    assert_broken(&b, "unknown record tag 4e4f5448494e4700 at 0x40");
    add_header(&b, "EADD", 0, FLAGS_REG_RX);
    add_ecreate(&b, 1, 0x10000);
    assert_broken(&b, "does not start with ECREATE");
    add_ecreate(&b, 1, 0x10000);
    add_header(&b, "UNSIZED", 1, 0);
    assert_broken(&b, "UNSIZED stream has no MRENCLAVE");
    add_ecreate(&b, 1, 0x10000);
    add_ecreate(&b, 1, 0x10000);
    assert_broken(&b, "a second ECREATE at 0x40");
}

static void many_problems_are_counted_when_they_do_not_fit(void **state)
{
    struct buf b = {0};
    struct sgxs_report report = {0};
    struct ens_err err = {0};

    (void)state;
    add_ecreate(&b, 1, 0x10000);
    for (int i = 0; i < 100; i++)
        add_header(&b, "EADD", 0x1000, FLAGS_REG_RX);
    assert_ok(read_stream(buf_view(&b), SIZE_MAX, &report, &err), err);
    assert_int_equal(report.problems.len, FINDINGS_MAX);
    assert_int_equal(report.problems.len + report.problems.dropped, 99);
    assert_int_equal(report.pages, 100);
    buf_free(&b);
}

static void a_stream_is_known_by_its_first_tag(void **state)
{
    static const char *const good[] = {"ECREATE\0", "UNSIZED\0", "EADD\0\0\0\0", "EEXTEND\0", "UNMEASRD"};
    static const char *const bad[] = {"ECREATE1", "EADD\0\0\0\1", "PK\3\4\0\0\0\0", "\0\0\0\0\0\0\0\0",
                                      "ecreate\0"};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_true(sgxs_recognise(view_of(good[i], 8)));
        assert_false(sgxs_recognise(view_of(good[i], 7)));
        assert_false(sgxs_recognise(view_of(bad[i], 8)));
    }
    assert_false(sgxs_recognise(view_of(NULL, 0)));
}

static void the_published_enclaves_have_their_published_measurement(void **state)
{
    ENS_CLEANUP(buf_free) struct buf b = support_shared("enclaves/test_enclave.sgxs");
    ENS_CLEANUP(buf_free) struct buf css = support_shared("enclaves/test_enclave.sig");
    struct sgxs_report report = {0};
    struct ens_err err = {0};
    uint8_t ends[4] = {0};

    (void)state;
    if (b.len == 0 || css.len == 0)
        skip();
    assert_ok(read_stream(buf_view(&b), 1000, &report, &err), err);
    assert_true(report.equal);
    assert_ok(hex_decode("784acfd7", "x", ends, 4, &err), err);
    assert_memory_equal(report.mrenclave, ends, 4);
    assert_memory_equal(report.mrenclave, css.data + 960, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_is_read_as_expected_in_pieces_of_any_size),
        cmocka_unit_test(the_whole_report_is_the_same_in_pieces_of_any_size),
        cmocka_unit_test(the_size_of_an_enclave_is_a_power_of_two),
        cmocka_unit_test(pages_lie_inside_in_order_and_once),
        cmocka_unit_test(page_types_and_permissions_are_those_of_eadd),
        cmocka_unit_test(chunks_belong_to_the_page_before_them),
        cmocka_unit_test(any_chunk_that_comes_twice_is_found),
        cmocka_unit_test(a_tcs_holds_what_eadd_leaves_alone),
        cmocka_unit_test(the_cpu_measures_headers_without_padding),
        cmocka_unit_test(a_stream_that_is_cut_anywhere_but_between_records_is_refused),
        cmocka_unit_test(what_follows_a_broken_record_is_hashed_but_not_read),
        cmocka_unit_test(many_problems_are_counted_when_they_do_not_fit),
        cmocka_unit_test(a_stream_is_known_by_its_first_tag),
        cmocka_unit_test(the_published_enclaves_have_their_published_measurement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
