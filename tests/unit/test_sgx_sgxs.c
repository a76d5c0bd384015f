/* SGXS streams against every case of tests/vectors/sgxs/expected.json, in pieces of any size, and each rule
 * of the structure on a small stream that is built here. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bundle/stream/sgxs.h"
#include "bundle/stream/sgxs_read.h"
#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"
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
    assert_int_equal(whole.unmeasrd_chunks, 16);
    assert_true(whole.tcs >= 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct sgxs_report report;

        memset(&report, 0, sizeof report);
        assert_ok(read_stream(buf_view(&stream), steps[i], &report, &err), err);
        assert_int_equal(report.pages, whole.pages);
        assert_int_equal(report.tcs, whole.tcs);
        assert_int_equal(report.measured_chunks, whole.measured_chunks);
        assert_int_equal(report.unmeasrd_chunks, whole.unmeasrd_chunks);
        assert_int_equal(report.ssaframesize, whole.ssaframesize);
        assert_true(report.size == whole.size);
        assert_memory_equal(report.mrenclave, whole.mrenclave, 32);
    }
}

/* ---- streams that are built here ---- */

#define FLAGS_REG UINT64_C(0x200) /* nobody can get at it: that it is not measured counts for nothing */
#define FLAGS_RW  UINT64_C(0x203)
#define FLAGS_RX  UINT64_C(0x205)
#define FLAGS_TCS UINT64_C(0x100)

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

/* EEXTEND of zeros for each chunk whose bit is set, in the page at `page`; of a TCS with one SSA frame. */
static void add_page_chunks(struct buf *b, uint64_t page, unsigned chunks)
{
    uint8_t tcs[256] = {0};

    tcs[28] = 1;
    for (unsigned i = 0; i < 16; i++) {
        if ((chunks >> i & 1) != 0)
            add_chunk(b, "EEXTEND", page + i * 256, i == 0 ? tcs : NULL);
    }
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
        add_header(&b, "EADD", cases[i].first, FLAGS_REG);
        add_header(&b, "EADD", cases[i].second, FLAGS_REG);
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
        add_page_chunks(&b, 0, 0xffff);
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
        add_header(&b, "EADD", 0x2000, FLAGS_REG);
        add_chunk(&b, tags[i % 2], cases[i / 2].offset, NULL);
        if (cases[i / 2].ok)
            (void)assert_problem(&b, SEVERITY_WARNING, i % 2 == 0 ? NULL : "unmeasured");
        else
            assert_broken(&b, "is not a chunk of the page before it");
    }
    add_ecreate(&b, 1, 0x10000);
    add_chunk(&b, "EEXTEND", 0, NULL);
    assert_broken(&b, "EEXTEND 0x0 at 0x40 is not a chunk of the page before it");
}

static void any_chunk_that_comes_twice_is_found(void **state)
{
    struct buf b = {0};

    (void)state;
    for (unsigned chunk = 0; chunk < 16; chunk++) {
        add_ecreate(&b, 1, 0x10000);
        add_header(&b, "EADD", 0, FLAGS_REG);
        for (unsigned i = 0; i < 16; i++)
            add_chunk(&b, "EEXTEND", i * 256, NULL);
        /* The same chunk of another page is another chunk. */
        add_header(&b, "EADD", 0x1000, FLAGS_REG);
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
    add_header(&clean, "EADD", 0x1000, FLAGS_REG);
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
    /* Padding of ECREATE, EADD and EEXTEND, and an unmeasured chunk; its padding is nobody's. */
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
    add_header(&b, "EADD", 0, FLAGS_REG);
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
    add_header(&b, "EADD", 0, FLAGS_REG);
    add_ecreate(&b, 1, 0x10000);
    assert_broken(&b, "does not start with ECREATE");
    add_ecreate(&b, 1, 0x10000);
    add_header(&b, "UNSIZED", 1, 0);
    assert_broken(&b, "UNSIZED stream has no MRENCLAVE");
    add_ecreate(&b, 1, 0x10000);
    add_ecreate(&b, 1, 0x10000);
    assert_broken(&b, "a second ECREATE at 0x40");
}

/* ---- one digest until the stream diverges ---- */

#define PIECES 700 /* more than a record with its chunk */

/* The records of a stream that are set apart, each in turn, by what the CPU does not measure. */
enum divergence { CLEAN, ECREATE_PADDING, EADD_PADDING, EEXTEND_PADDING, UNMEASURED, DIVERGENCES };

/* ECREATE, and three pages with chunks; the `which`-th record that can diverge this way does. */
static struct buf diverging(enum divergence how, unsigned which)
{
    struct buf b = {0};
    unsigned chunks = 0;

    add_ecreate(&b, 1, 0x10000);
    if (how == ECREATE_PADDING)
        b.data[20 + which * 43] = 1; /* the first byte of the padding, or the last */
    for (unsigned page = 0; page < 3; page++) {
        add_header(&b, "EADD", page * 0x1000, FLAGS_REG);
        if (how == EADD_PADDING && which == page)
            b.data[b.len - 1 - 39 * (page % 2)] = 0x80;
        for (unsigned i = 0; i < page; i++, chunks++) {
            uint8_t content[256];

            memset(content, (int)(0x31 + chunks), sizeof content);
            add_chunk(&b, how == UNMEASURED && which == chunks ? "UNMEASRD" : "EEXTEND",
                      page * 0x1000 + i * 0x100, content);
            if (how == EEXTEND_PADDING && which == chunks)
                b.data[b.len - 256 - 1 - 47 * (chunks % 2)] = 1;
        }
    }
    return b;
}

/* What the CPU measures, told without the product: the records, with zeros where they are padded. */
static void measure_plainly(struct view stream, uint8_t ret[static 32])
{
    ENS_CLEANUP(buf_free) struct buf measured = {0};
    struct ens_err err = {0};

    for (size_t at = 0; at < stream.len;) {
        const char *tag = (const char *)stream.data + at;
        bool chunk = strcmp(tag, "EEXTEND") == 0 || memcmp(tag, "UNMEASRD", 8) == 0;
        size_t used = chunk ? 16 : strcmp(tag, "EADD") == 0 ? 24 : 20;
        static const uint8_t zeros[64];

        if (memcmp(tag, "UNMEASRD", 8) != 0) {
            assert_ok(buf_append(&measured, view_slice(stream, at, used), &err), err);
            assert_ok(buf_append(&measured, view_of(zeros, 64 - used), &err), err);
            if (chunk)
                assert_ok(buf_append(&measured, view_slice(stream, at + 64, 256), &err), err);
        }
        at += chunk ? 320 : 64;
    }
    assert_ok(digest_of(DIGEST_SHA256, buf_view(&measured), ret, &err), err);
}

static void assert_report(const struct sgxs_report *got, const struct sgxs_report *want)
{
    assert_memory_equal(got->mrenclave, want->mrenclave, 32);
    assert_memory_equal(got->sha256, want->sha256, 32);
    assert_int_equal(got->equal, want->equal);
    assert_int_equal(got->pages, want->pages);
    assert_int_equal(got->measured_chunks, want->measured_chunks);
    assert_int_equal(got->unmeasrd_chunks, want->unmeasrd_chunks);
    assert_int_equal(got->problems.len, want->problems.len);
    for (size_t i = 0; i < got->problems.len; i++)
        assert_string_equal(got->problems.items[i].text, want->problems.items[i].text);
}

static void assert_measured(struct view stream, bool equal)
{
    struct sgxs_report whole = {0};
    uint8_t mrenclave[32];
    uint8_t sha256[32];
    struct ens_err err = {0};

    measure_plainly(stream, mrenclave);
    assert_ok(digest_of(DIGEST_SHA256, stream, sha256, &err), err);
    assert_ok(read_stream(stream, SIZE_MAX, &whole, &err), err);
    assert_memory_equal(whole.mrenclave, mrenclave, 32);
    assert_memory_equal(whole.sha256, sha256, 32);
    assert_int_equal(whole.equal, equal);
    assert_int_equal(whole.problems.len == 0, equal);
    for (size_t step = 1; step <= PIECES; step++) {
        struct sgxs_report report = {0};

        assert_ok(read_stream(stream, step, &report, &err), err);
        assert_report(&report, &whole);
    }
}

static void any_record_may_be_the_first_that_diverges(void **state)
{
    static const unsigned places[DIVERGENCES] = {1, 2, 3, 3, 3};

    (void)state;
    for (enum divergence how = CLEAN; how < DIVERGENCES; how++) {
        for (unsigned which = 0; which < places[how]; which++) {
            struct buf b = diverging(how, which);

            assert_measured(buf_view(&b), how == CLEAN);
            buf_free(&b);
        }
    }
}

/* Diverges at every record, one after another; and not at all in what follows the first. */
static void a_stream_diverges_once_and_again(void **state)
{
    struct buf b = {0};

    (void)state;
    for (enum divergence how = ECREATE_PADDING; how < DIVERGENCES; how++) {
        for (enum divergence then = ECREATE_PADDING; then < DIVERGENCES; then++) {
            struct buf more = diverging(then, 1);
            struct ens_err err = {0};

            b = diverging(how, 0);
            /* The records after ECREATE, as pages that come again. */
            assert_ok(buf_append(&b, view_slice(buf_view(&more), 64, more.len - 64), &err), err);
            assert_measured(buf_view(&b), false);
            buf_free(&more);
            buf_free(&b);
        }
    }
}

/* Pieces of sizes that do not repeat, with empty ones between them. */
static void pieces_of_changing_sizes_give_the_same(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct buf b = diverging(seed % DIVERGENCES, seed % 2);
        ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;
        struct sgxs_report report = {0};
        struct sgxs_report whole = {0};
        uint32_t random = seed * 2654435761u;
        struct ens_err err = {0};

        assert_ok(read_stream(buf_view(&b), SIZE_MAX, &whole, &err), err);
        assert_ok(sgxs_new(&s, &err), err);
        for (size_t at = 0; at < b.len;) {
            random = random * 1664525u + 1013904223u;
            size_t len = (random >> 16) % (seed % 3 == 0 ? 5 : 400);

            len = len < b.len - at ? len : b.len - at;
            assert_ok(sgxs_put(s, view_of(b.data + at, len), &err), err);
            at += len;
        }
        assert_ok(sgxs_finish(s, &report, &err), err);
        assert_report(&report, &whole);
        buf_free(&b);
    }
}

/* A piece belongs to its giver, who uses the room for the next one. */
static void nothing_of_a_piece_is_kept(void **state)
{
    (void)state;
    for (enum divergence how = CLEAN; how < DIVERGENCES; how++) {
        struct buf b = diverging(how, 0);
        ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;
        struct sgxs_report report = {0};
        uint8_t mrenclave[32];
        uint8_t room[100];
        struct ens_err err = {0};

        measure_plainly(buf_view(&b), mrenclave);
        assert_ok(sgxs_new(&s, &err), err);
        for (size_t at = 0; at < b.len; at += sizeof room) {
            size_t len = b.len - at < sizeof room ? b.len - at : sizeof room;

            memcpy(room, b.data + at, len);
            assert_ok(sgxs_put(s, view_of(room, len), &err), err);
            memset(room, 0xee, sizeof room);
        }
        assert_ok(sgxs_finish(s, &report, &err), err);
        assert_memory_equal(report.mrenclave, mrenclave, 32);
        buf_free(&b);
    }
}

/* ---- streams that break ---- */

/* The stream is refused the same way in pieces of any size, and its SHA-256 is known. */
static void assert_broken_in_pieces(struct view stream, const char *why)
{
    uint8_t sha256[32];
    struct ens_err err = {0};

    assert_ok(digest_of(DIGEST_SHA256, stream, sha256, &err), err);
    for (size_t step = 1; step <= PIECES; step++) {
        struct sgxs_report report = {0};

        assert_fails(read_stream(stream, step, &report, &err), err, ENS_DATA, why);
        assert_memory_equal(report.sha256, sha256, 32);
    }
}

/* Another record behind three pages, with more behind it: by then the stream may have diverged or not. */
static void a_stream_that_breaks_is_hashed_to_its_end(void **state)
{
    static const struct {
        const char *tag;
        uint64_t value;
        const char *why;
    } cases[] = {
        {"ECREATE", 1, "a second ECREATE at 0x4c0: one stream is one enclave"},
        {"UNSIZED", 1, "an UNSIZED stream has no MRENCLAVE yet: give it its size first"},
        {"NOTHING", 0, "unknown record tag 4e4f5448494e4700 at 0x4c0: the stream is damaged"},
        {"EEXTEND", 0x3000, "EEXTEND 0x3000 at 0x4c0 is not a chunk of the page before it"},
        {"UNMEASRD", 0x2010, "UNMEASRD 0x2010 at 0x4c0 is not a chunk of the page before it"},
    };
    static const uint8_t tail[130] = {'E', 'A', 'D', 'D'};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (enum divergence how = CLEAN; how < DIVERGENCES; how++) {
            struct buf b = diverging(how, 0);
            struct ens_err err = {0};

            assert_int_equal(b.len, 0x4c0);
            add_header(&b, cases[i].tag, cases[i].value, 0);
            assert_broken_in_pieces(buf_view(&b), cases[i].why);
            assert_ok(buf_append(&b, view_of(tail, sizeof tail), &err), err);
            assert_broken_in_pieces(buf_view(&b), cases[i].why);
            buf_free(&b);
        }
    }
}

static void the_first_record_may_break_it(void **state)
{
    static const char *const tags[] = {"EADD", "EEXTEND", "UNMEASRD", "NOTHING"};

    (void)state;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        struct buf b = {0};

        add_header(&b, tags[i], 0, 0);
        add_ecreate(&b, 1, 0x10000);
        assert_broken_in_pieces(buf_view(&b), "the stream does not start with ECREATE: give an SGXS stream");
        buf_free(&b);
    }
}

/* Cut at every byte, diverged or not, in pieces of some sizes. */
static void a_cut_stream_is_hashed_to_its_end(void **state)
{
    static const size_t some[] = {1, 63, 64, 65, 256, 300, SIZE_MAX};
    static const char *const why[] = {"the stream ends inside a record header at 0x",
                                      "the stream ends inside a chunk at 0x"};

    (void)state;
    for (enum divergence how = CLEAN; how < DIVERGENCES; how++) {
        struct buf b = diverging(how, 0);

        for (size_t len = 1; len < b.len; len++) {
            struct view cut = view_of(b.data, len);
            uint8_t sha256[32];
            struct ens_err err = {0};

            assert_ok(digest_of(DIGEST_SHA256, cut, sha256, &err), err);
            for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
                struct sgxs_report report = {0};

                err = (struct ens_err){0};
                if (!read_stream(cut, some[i], &report, &err)) {
                    assert_int_equal(err.code, ENS_DATA);
                    assert_true(strncmp(err.msg, why[0], strlen(why[0])) == 0 ||
                                strncmp(err.msg, why[1], strlen(why[1])) == 0);
                } else {
                    uint8_t mrenclave[32];

                    assert_int_equal(len % 64, 0);
                    measure_plainly(cut, mrenclave);
                    assert_memory_equal(report.mrenclave, mrenclave, 32);
                }
                assert_memory_equal(report.sha256, sha256, 32);
            }
        }
        buf_free(&b);
    }
}

/* However many there are of one rule, none of another is lost behind them. */
static void many_problems_are_counted_when_they_do_not_fit(void **state)
{
    struct buf b = {0};
    struct sgxs_report report = {0};
    struct ens_err err = {0};
    size_t twice = 0;

    (void)state;
    add_ecreate(&b, 1, 0x10000);
    for (int i = 0; i < 100; i++)
        add_header(&b, "EADD", 0x1000, 0x300);
    assert_ok(read_stream(buf_view(&b), SIZE_MAX, &report, &err), err);
    assert_int_equal(report.problems.len, FINDINGS_MAX);
    assert_int_equal(report.problems.len + report.problems.dropped, 101);
    for (size_t i = 0; i < report.problems.len; i++)
        twice += strcmp(report.problems.items[i].rule, "page-twice") == 0;
    assert_int_equal(twice, 1);
    assert_int_equal(report.pages, 100);
    buf_free(&b);
}

static void a_danger_is_not_hidden_behind_warnings(void **state)
{
    struct buf b = {0};
    struct sgxs_report report = {0};
    struct ens_err err = {0};

    (void)state;
    add_ecreate(&b, 1, 0x100000);
    for (uint64_t i = 60; i > 0; i--)
        add_header(&b, "EADD", i * 0x1000, FLAGS_RW);
    add_header(&b, "EADD", 0, FLAGS_RX);
    assert_ok(read_stream(buf_view(&b), SIZE_MAX, &report, &err), err);
    const struct finding *f = findings_first(&report.problems, SEVERITY_ERROR);

    assert_non_null(f);
    assert_string_equal(f->rule, "unmeasured-code");
    assert_true(finding_is_danger(f));
    findings_allow(&report.problems);
    assert_null(findings_first(&report.problems, SEVERITY_ERROR));
    buf_free(&b);
}

/* A8: what no EEXTEND covers, the host chooses. */
static void code_that_is_not_measured_is_found(void **state)
{
    static const struct {
        uint64_t flags;
        unsigned chunks; /* measured, one bit each */
        enum severity severity;
        const char *rule;
    } cases[] = {
        {FLAGS_RX, 0, SEVERITY_ERROR, "unmeasured-code"},
        {FLAGS_RX, 0x7fff, SEVERITY_ERROR, "unmeasured-code"},
        {FLAGS_RX, 0xfffe, SEVERITY_ERROR, "unmeasured-code"},
        {FLAGS_RX, 0xffff, SEVERITY_ERROR, NULL},
        {0x207, 0xffef, SEVERITY_ERROR, "unmeasured-code"},
        {0x207, 0xffff, SEVERITY_ERROR, NULL},
        {0x204, 0, SEVERITY_ERROR, "unmeasured-code"},
        {FLAGS_TCS, 0, SEVERITY_ERROR, "unmeasured-code"},
        {FLAGS_TCS, 0xfffe, SEVERITY_ERROR, "unmeasured-code"},
        {FLAGS_TCS, 1, SEVERITY_ERROR, NULL},
        {FLAGS_RW, 0, SEVERITY_WARNING, NULL}, /* heap */
        {FLAGS_RW, 0xffff, SEVERITY_WARNING, NULL},
        {FLAGS_RW, 1, SEVERITY_WARNING, "unmeasured-data"},
        {0x201, 0, SEVERITY_WARNING, "unmeasured-data"},
        {0x201, 0xfffe, SEVERITY_WARNING, "unmeasured-data"},
        {0x201, 0xffff, SEVERITY_WARNING, NULL},
        {FLAGS_REG, 0, SEVERITY_WARNING, NULL},
    };
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        add_ecreate(&b, 1, 0x10000);
        add_header(&b, "EADD", 0, cases[i / 2].flags);
        add_page_chunks(&b, 0, cases[i / 2].chunks);
        /* The last page, and one that another follows. */
        if (i % 2 == 1)
            add_header(&b, "EADD", 0x1000, FLAGS_RW);
        uint64_t left = 16 * (1 + i % 2) - (unsigned)__builtin_popcount(cases[i / 2].chunks);

        assert_int_equal(assert_problem(&b, cases[i / 2].severity, cases[i / 2].rule).unmeasured_chunks,
                         left);
    }
}

/* A chunk that is given but not measured does not count as measured, one measured twice counts once. */
static void chunks_of_code_are_counted_by_eextend(void **state)
{
    struct buf b = {0};
    struct sgxs_report report = {0};
    struct ens_err err = {0};

    (void)state;
    add_ecreate(&b, 1, 0x10000);
    add_header(&b, "EADD", 0, FLAGS_RX);
    add_page_chunks(&b, 0, 0xfffe);
    add_chunk(&b, "EEXTEND", 0x100, NULL);
    add_chunk(&b, "UNMEASRD", 0, NULL);
    assert_ok(read_stream(buf_view(&b), SIZE_MAX, &report, &err), err);
    assert_int_equal(report.unmeasured_chunks, 1);
    assert_int_equal(report.unmeasrd_chunks, 1);
    assert_int_equal(report.measured_chunks, 16);
    assert_string_equal(findings_first(&report.problems, SEVERITY_ERROR)->rule, "unmeasured-code");
    buf_free(&b);
}

/* A8: a page that comes again, wherever in the stream. */
static void a_page_that_comes_again_is_found(void **state)
{
    static const struct {
        uint64_t pages[6]; /* numbers, up to 0 */
        const char *says;  /* NULL: none is twice */
    } cases[] = {
        {{1, 2, 3}, NULL},
        {{3, 2, 1}, NULL},
        {{1, 3, 2}, NULL},
        {{1, 1}, "page 0x1000 is added twice: "},
        {{1, 2, 1}, "page 0x1000 is added twice: "},
        {{1, 2, 3, 2}, "page 0x2000 is added twice: "},
        {{4, 1, 2, 3, 4}, "page 0x4000 is added twice: "},
        {{1, 2, 3, 1, 2}, "page 0x1000 is added twice, and 1 more: "},
        {{2, 2, 2}, "page 0x2000 is added twice, and 1 more: "},
        {{5, 1, 5, 1}, "page 0x1000 is added twice, and 1 more: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b = {0};
        struct sgxs_report report = {0};
        struct ens_err err = {0};

        add_ecreate(&b, 1, 0x10000);
        for (size_t n = 0; cases[i].pages[n] != 0; n++)
            add_header(&b, "EADD", cases[i].pages[n] * 0x1000, FLAGS_RW);
        assert_ok(read_stream(buf_view(&b), SIZE_MAX, &report, &err), err);
        const struct finding *f = findings_first(&report.problems, SEVERITY_ERROR);

        assert_int_equal(f == NULL, cases[i].says == NULL);
        if (f != NULL) {
            assert_string_equal(f->rule, "page-twice");
            assert_int_equal(strncmp(f->text, cases[i].says, strlen(cases[i].says)), 0);
        }
        buf_free(&b);
    }
}

static void a_stream_is_known_by_its_first_tag(void **state)
{
    static const char *const good[] = {"ECREATE\0", "UNSIZED\0", "EADD\0\0\0\0", "EEXTEND\0", "UNMEASRD"};
    static const char *const bad[] = {"ECREATE1", "EADD\0\0\0\1", "PK\3\4\0\0\0\0", "\0\0\0\0\0\0\0\0",
                                      "ecreate\0"};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(magic_of(view_of(good[i], 8)), MAGIC_SGXS);
        assert_int_not_equal(magic_of(view_of(good[i], 7)), MAGIC_SGXS);
        assert_int_not_equal(magic_of(view_of(bad[i], 8)), MAGIC_SGXS);
    }
    assert_int_not_equal(magic_of(view_of(NULL, 0)), MAGIC_SGXS);
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
        support_skip("shared data is not here");
    assert_ok(read_stream(buf_view(&b), 1000, &report, &err), err);
    assert_true(report.equal);
    assert_ok(hex_decode("784acfd7", "x", ends, 4, &err), err);
    assert_memory_equal(report.mrenclave, ends, 4);
    assert_memory_equal(report.mrenclave, css.data + 960, 32);
}

/* The same records, whatever the pieces; the rest is what a cut leaves. */
static void the_reader_gives_whole_records_of_pieces_of_any_size(void **state)
{
    static const uint64_t tags[] = {SGXS_ECREATE, SGXS_EADD, SGXS_EEXTEND, SGXS_UNMEASRD, 7, SGXS_EEXTEND};
    static const size_t ends[] = {64, 128, 448, 768, 832, 1152};
    enum { RECORDS = 6, CUT = 70 };
    uint8_t stream[1152 + CUT];

    (void)state;
    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < RECORDS; i++)
        bytes_put_le64(stream + (i > 0 ? ends[i - 1] : 0), tags[i]);
    bytes_put_le64(stream + 1152, SGXS_EEXTEND);
    for (size_t step = 1; step <= sizeof stream; step++) {
        struct sgxs_reader reader = {0};
        struct sgxs_record r;
        size_t n = 0;

        for (size_t at = 0; at < sizeof stream; at += step) {
            size_t len = sizeof stream - at < step ? sizeof stream - at : step;

            sgxs_feed(&reader, view_of(stream + at, len));
            for (; sgxs_next(&reader, &r); n++) {
                size_t begin = n > 0 ? ends[n - 1] : 0;

                assert_true(n < RECORDS);
                assert_int_equal(r.tag, tags[n]);
                assert_int_equal(r.at, begin);
                assert_int_equal(r.len, ends[n] - begin);
                assert_int_equal(r.joined, r.header != stream + begin);
                assert_memory_equal(r.header, stream + begin, r.len);
                assert_ptr_equal(r.chunk, r.len > SGXS_HEADER_SIZE ? r.header + SGXS_HEADER_SIZE : NULL);
            }
        }
        assert_int_equal(n, RECORDS);
        assert_int_equal(sgxs_rest(&reader).len, CUT);
        assert_memory_equal(sgxs_rest(&reader).data, stream + 1152, CUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reader_gives_whole_records_of_pieces_of_any_size),
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
        cmocka_unit_test(any_record_may_be_the_first_that_diverges),
        cmocka_unit_test(a_stream_diverges_once_and_again),
        cmocka_unit_test(pieces_of_changing_sizes_give_the_same),
        cmocka_unit_test(nothing_of_a_piece_is_kept),
        cmocka_unit_test(a_stream_that_breaks_is_hashed_to_its_end),
        cmocka_unit_test(the_first_record_may_break_it),
        cmocka_unit_test(a_cut_stream_is_hashed_to_its_end),
        cmocka_unit_test(many_problems_are_counted_when_they_do_not_fit),
        cmocka_unit_test(a_danger_is_not_hidden_behind_warnings),
        cmocka_unit_test(code_that_is_not_measured_is_found),
        cmocka_unit_test(chunks_of_code_are_counted_by_eextend),
        cmocka_unit_test(a_page_that_comes_again_is_found),
        cmocka_unit_test(a_stream_is_known_by_its_first_tag),
        cmocka_unit_test(the_published_enclaves_have_their_published_measurement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
