/* The transcript as text: what is added is what is read back, every word has one spelling, every edit, cut
 * and change of order is found in the record where it was made, and each kind of record has what it must
 * have. How files are written is in test_transcript_file.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/transcript_internal.h"
#include "tests/support/support.h"

#define NOON 1767607200 /* 2026-01-05T10:00:00Z */

/* ---- making ---- */

static const char begin_entries[] = "id: 000102030405060708090a0b0c0d0e0f\ncontinues: -\n";
static const char intent_entries[] = "command: sign\nitems: 1\nitem: 1 sign-data aa app.signdata app.sig\n";
#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
static const char outcome_entries[] = "intent: 3\ncalls: 1 1\nresult: 1 written " HEX64 "\n";

/* A file in the making. */
struct made {
    struct buf text;
    struct transcript_sum sum;
    size_t starts[16]; /* of the records; starts[records] is the end */
};

static void made_free(struct made *m)
{
    buf_free(&m->text);
}

static void put(struct made *m, enum transcript_kind kind, const char *entries, int exit_code)
{
    struct ens_err err = {0};

    m->starts[m->sum.records] = m->text.len;
    assert_ok(transcript_put_record(&m->sum, NOON + (int64_t)m->sum.records, kind, view_of_string(entries),
                                    exit_code, &m->text, &err),
              err);
    assert_true(m->sum.records < 16);
    m->starts[m->sum.records] = m->text.len;
}

static struct made begun(void)
{
    struct made m = {0};

    put(&m, TRANSCRIPT_BEGIN, begin_entries, -1);
    return m;
}

/* A begin, a rehearsal, an intent and its outcome. */
static struct made four(void)
{
    struct made m = begun();

    put(&m, TRANSCRIPT_RUN, "command: sign --dry-run\n", 0);
    put(&m, TRANSCRIPT_INTENT, intent_entries, -1);
    put(&m, TRANSCRIPT_OUTCOME, outcome_entries, 0);
    return m;
}

static bool verify(struct view v, struct transcript_sum *ret, struct ens_err *err)
{
    return transcript_verify(v, "t", NULL, ret, err);
}

/* Refused with this word, naming the record and the byte at which it begins. */
static void assert_broken(struct view v, const char *word, size_t record, size_t at)
{
    struct transcript_sum sum;
    struct ens_err err = {0};
    char where[96];

    (void)snprintf(where, sizeof where, "t: %s: record %zu, from byte %zu on, ", word, record, at);
    assert_fails(verify(v, &sum, &err), err, ENS_DATA, where);
    assert_true(strlen(err.msg) < sizeof err.msg - 1);
}

/* ---- words ---- */

static void every_string_has_one_spelling(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } cases[] = {
        {"", 0, "-"},
        {"-", 1, "\\x2d"},
        {"--", 2, "--"},
        {"-x", 2, "-x"},
        {"\\", 1, "\\\\"},
        {"a b", 3, "a\\x20b"},
        {"\n", 1, "\\x0a"},
        {"\x1b[2J", 4, "\\x1b[2J"},
        {"\xff", 1, "\\xff"},
        {"\0", 1, "\\x00"},
        {"\x7f", 1, "\\x7f"},
        {"~!", 2, "~!"},
        {"\\x41", 4, "\\\\x41"},
        {"J\xc3\xbc", 3, "J\\xc3\\xbc"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf text = {0};
        ENS_CLEANUP(buf_free) struct buf back = {0};
        struct ens_err err = {0};

        assert_ok(transcript_put_word(view_of(cases[i].bytes, cases[i].len), &text, &err), err);
        assert_true(view_equal(buf_view(&text), view_of_string(cases[i].text)));
        assert_ok(transcript_unescape(buf_view(&text), &back, &err), err);
        assert_true(view_equal(buf_view(&back), view_of(cases[i].bytes, cases[i].len)));
    }
}

static void another_spelling_is_refused(void **state)
{
    static const struct {
        const char *line;
        const char *word;
    } cases[] = {
        {"k: \\x41\n", "escape"},
        {"k: \\x5c\n", "escape"},
        {"k: \\x1B\n", "escape"},
        {"k: \\\n", "escape"},
        {"k: \\x4\n", "escape"},
        {"k: \\x0g\n", "escape"},
        {"k: \\n\n", "escape"},
        {"k: \\x2d-\n", "escape"},
        {"k: a  b\n", "entry"},
        {"k:  a\n", "entry"},
        {"k: a \n", "entry"},
        {"k: \n", "entry"},
        {"k:\n", "entry"},
        {"k\n", "entry"},
        {"K: a\n", "entry"},
        {": a\n", "entry"},
        {"1k: a\n", "entry"},
        {"-k: a\n", "entry"},
        {"k_: a\n", "entry"},
        {"\n", "entry"},
        {"a-key-that-has-more-than-31-chars: a\n", "entry"},
        {"time: x\n", "entry"},
        {"previous: x\n", "entry"},
        {"kind: run\n", "entry"},
        {"sha256: x\n", "entry"},
        {"exit: 0\n", "entry"},
        {"k: \x1b[2J\n", "edited"},
        {"k: \xc3\xbc\n", "edited"},
        {"k: a\r\n", "edited"},
        {"k: \t\n", "edited"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(made_free) struct made m = begun();

        put(&m, TRANSCRIPT_RUN, cases[i].line, 0);
        assert_broken(buf_view(&m.text), cases[i].word, 2, m.starts[1]);
    }
    /* Beside them: what looks like it and is right. */
    ENS_CLEANUP(made_free) struct made m = begun();
    struct transcript_sum sum;
    struct ens_err err = {0};

    put(&m, TRANSCRIPT_RUN,
        "k: \\x2d \\\\ \\x20 \\x00 -- a-key-of-31-chars\na-key-of-31-chars-a-key-of-31-c: - -\n", 255);
    assert_ok(verify(buf_view(&m.text), &sum, &err), err);
}

static void free_text_is_split_at_its_blanks(void **state)
{
    static const struct {
        const char *text;
        const char *line;
    } cases[] = {{"", "note: -\n"},
                 {"a", "note: a\n"},
                 {"a b", "note: a b\n"},
                 {" a  b ", "note: - a - b -\n"},
                 {"-", "note: \\x2d\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf b = {0};
        ENS_CLEANUP(mem_freep) struct view *words = NULL;
        struct ens_err err = {0};
        size_t len = 0;

        assert_ok(transcript_split(cases[i].text, &words, &len, &err), err);
        assert_ok(transcript_put_entry("note", words, len, &b, &err), err);
        assert_true(view_equal(buf_view(&b), view_of_string(cases[i].line)));
    }
}

static void a_line_has_a_limit(void **state)
{
    ENS_CLEANUP(made_free) struct made m = begun();
    ENS_CLEANUP(buf_free) struct buf line = {0};
    char *text = malloc(TRANSCRIPT_LINE_MAX + 2);
    struct transcript_sum sum;
    struct ens_err err = {0};

    (void)state;
    assert_non_null(text);
    memset(text, 'x', TRANSCRIPT_LINE_MAX + 1);
    text[TRANSCRIPT_LINE_MAX + 1] = '\0';
    struct view word = view_of(text, TRANSCRIPT_LINE_MAX - 3);

    assert_ok(transcript_put_entry("k", &word, 1, &line, &err), err);
    assert_int_equal(line.len, TRANSCRIPT_LINE_MAX + 1);
    word.len++;
    assert_fails(transcript_put_entry("k", &word, 1, &line, &err), err, ENS_DATA, "shorten it");
    memcpy(text, "k: ", 3);
    text[TRANSCRIPT_LINE_MAX] = '\n';
    text[TRANSCRIPT_LINE_MAX + 1] = '\0';
    put(&m, TRANSCRIPT_RUN, text, 0);
    assert_ok(verify(buf_view(&m.text), &sum, &err), err);
    text[TRANSCRIPT_LINE_MAX] = 'x';
    text[TRANSCRIPT_LINE_MAX + 1] = '\0';
    ENS_CLEANUP(mem_freep) char *longer = mem_printf(&err, "%s\n", text);

    assert_non_null(longer);
    put(&m, TRANSCRIPT_RUN, longer, 0);
    assert_broken(buf_view(&m.text), "entry", 3, m.starts[2]);
    free(text);
}

/* ---- what each kind must have ---- */

static void each_kind_has_what_it_must_have(void **state)
{
    static const struct {
        enum transcript_kind kind;
        const char *entries;
        int exit_code;
        const char *word; /* NULL: fine */
        bool open;        /* an intent of one item, record 2, is open before it */
    } cases[] = {
        {TRANSCRIPT_RUN, "command: sign\n", 0, NULL, false},
        {TRANSCRIPT_RUN, "item: 9 whatever\n", 0, NULL, false},
        {TRANSCRIPT_RUN, "", 999, NULL, false},
        {TRANSCRIPT_RUN, "", -1, "entry", false},
        {TRANSCRIPT_RUN, "exit: 0\n", 0, "entry", false},
        {TRANSCRIPT_RUN, "", 0, "order", true},
        {TRANSCRIPT_BEGIN, "id: 000102030405060708090a0b0c0d0e0f\n", -1, "kind", false},
        {TRANSCRIPT_INTENT, intent_entries, -1, NULL, false},
        {TRANSCRIPT_INTENT, intent_entries, 0, "entry", false},
        {TRANSCRIPT_INTENT, intent_entries, -1, "order", true},
        {TRANSCRIPT_INTENT, "items: 0\n", -1, NULL, false},
        {TRANSCRIPT_INTENT, "", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 0\nitems: 0\n", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 2\nitem: 1 a b c d\n", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 1\nitem: 2 a b c d\n", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 1\nitem: 01 a b c d\n", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 1\nitem: 1 a b c\n", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 1\nitem: 1 a b c d e\n", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 00\n", -1, "entry", false},
        {TRANSCRIPT_INTENT, "items: 4097\n", -1, "entry", false},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 written " HEX64 "\n", 0, NULL, true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 unwritten " HEX64 "\n", 74, NULL, true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 0 0\nresult: 1 kept " HEX64 "\n", 0, NULL, true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 5 0\nresult: 1 failed\n", 85, NULL, true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 0 0\nresult: 1 not-tried\n", 130, NULL, true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 written " HEX64 "\n", -1, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 written " HEX64 "\n", 0, "order", false},
        {TRANSCRIPT_OUTCOME, "intent: 1\ncalls: 1 1\nresult: 1 written " HEX64 "\n", 0, "order", true},
        {TRANSCRIPT_OUTCOME, "intent: x\ncalls: 1 1\nresult: 1 written " HEX64 "\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "calls: 1 1\nresult: 1 written " HEX64 "\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\nresult: 1 written " HEX64 "\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 2\nresult: 1 failed\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1 1\nresult: 1 failed\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1\nresult: 1 failed\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 0 0\nresult: 1 written " HEX64 "\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 0\nresult: 1 unwritten " HEX64 "\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 failed\nresult: 2 failed\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 written\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 written ab\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 failed " HEX64 "\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 lost\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1\n", 0, "entry", true},
        {TRANSCRIPT_OUTCOME, "intent: 2\ncalls: 1 1\nresult: 1 failed\nitem: 1 a b c d\n", 0, "entry", true},
        {TRANSCRIPT_ACK, "intent: 2\nfound: 1 absent\nnote: x\n", 0, NULL, true},
        {TRANSCRIPT_ACK, "intent: -\ntorn: 1 aa t.torn-2\nnote: x\n", 0, NULL, false},
        {TRANSCRIPT_ACK, "intent: -\nnote: x\n", 0, "order", false},
        {TRANSCRIPT_ACK, "intent: -\ntorn: 1 aa t.torn-2\nnote: x\n", 0, "order", true},
        {TRANSCRIPT_ACK, "intent: 1\nnote: x\n", 0, "order", false},
        {TRANSCRIPT_ACK, "intent: 3\nfound: 1 absent\nnote: x\n", 0, "order", true},
        {TRANSCRIPT_ACK, "intent: 2\nfound: 1 absent\n", 0, "entry", true},
        {TRANSCRIPT_ACK, "intent: 2\nnote: x\n", 0, "entry", true},
        {TRANSCRIPT_ACK, "intent: 2\nfound: 2 absent\nnote: x\n", 0, "entry", true},
        {TRANSCRIPT_ACK, "found: 1 absent\nnote: x\n", 0, "entry", true},
        {TRANSCRIPT_ACK, "intent: 2\nfound: 1 absent\nnote: x\n", -1, "entry", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(made_free) struct made m = begun();
        struct transcript_sum sum;
        struct ens_err err = {0};

        if (cases[i].open)
            put(&m, TRANSCRIPT_INTENT, intent_entries, -1);
        size_t at = m.text.len;
        size_t number = (size_t)m.sum.records + 1;

        put(&m, cases[i].kind, cases[i].entries, cases[i].exit_code);
        if (cases[i].word != NULL)
            assert_broken(buf_view(&m.text), cases[i].word, number, at);
        else
            assert_ok(verify(buf_view(&m.text), &sum, &err), err);
    }
}

static void the_first_record_is_a_begin(void **state)
{
    static const struct {
        enum transcript_kind kind;
        const char *entries;
        const char *word;
    } cases[] = {
        {TRANSCRIPT_RUN, "", "kind"},
        {TRANSCRIPT_BEGIN, "", "entry"},
        {TRANSCRIPT_BEGIN, "id: 000102030405060708090a0b0c0d0e0\n", "entry"},
        {TRANSCRIPT_BEGIN, "id: 000102030405060708090a0b0c0d0e0F\n", "entry"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(made_free) struct made m = {0};

        put(&m, cases[i].kind, cases[i].entries, cases[i].kind == TRANSCRIPT_RUN ? 0 : -1);
        assert_broken(buf_view(&m.text), cases[i].word, 1, 0);
    }
}

/* What a chain comes to: an open intent, and the calls between two heads. */
static void the_sum_counts_calls_and_what_is_open(void **state)
{
    ENS_CLEANUP(made_free) struct made m = four();
    struct transcript_sum sum;
    struct ens_err err = {0};

    (void)state;
    assert_ok(verify(buf_view(&m.text), &sum, &err), err);
    assert_int_equal(sum.records, 4);
    assert_int_equal(sum.open, 0);
    assert_int_equal(sum.calls_low, 1);
    assert_int_equal(sum.calls_high, 1);
    assert_int_equal(sum.size, m.text.len);
    assert_memory_equal(sum.head, m.sum.head, DIGEST_SIZE);
    put(&m, TRANSCRIPT_INTENT, intent_entries, -1);
    assert_ok(verify(buf_view(&m.text), &sum, &err), err);
    assert_int_equal(sum.open, 5);
    assert_int_equal(sum.open_items, 1);
    assert_true(view_equal(sum.open_entries, view_of_string(intent_entries)));
    assert_int_equal(sum.calls_high, 2);
    assert_false(transcript_fail_open(&sum, "t", ENS_REFUSED, &err));
    assert_string_equal(err.msg,
                        "t: record 5 began to sign app.signdata and says no end: look for app.sig, then "
                        "run again with --acknowledge 5 --note '...'");
    put(&m, TRANSCRIPT_ACK, "intent: 5\nfound: 1 absent\nnote: x\n", 0);
    assert_ok(verify(buf_view(&m.text), &sum, &err), err);
    assert_int_equal(sum.open, 0);
    assert_int_equal(sum.calls_low, 1);
    assert_int_equal(sum.calls_high, 2);
    assert_int_equal(sum.back, 0);
}

/* ---- reading ---- */

struct seen {
    size_t records;
    struct buf lines;
};

static bool see(void *ctx, const struct transcript_record *r, struct ens_err *err)
{
    struct seen *s = ctx;
    struct view rest = r->entries;
    struct view key;
    struct view value;
    struct view word;

    assert_int_equal(r->number, ++s->records);
    while (transcript_entry(&rest, &key, &value)) {
        if (!buf_append(&s->lines, key, err))
            return false;
        while (transcript_word(&value, &word)) {
            if (!buf_append(&s->lines, view_of("|", 1), err) || !buf_append(&s->lines, word, err))
                return false;
        }
        if (!buf_append(&s->lines, view_of("\n", 1), err))
            return false;
    }
    assert_int_equal(rest.len, 0);
    assert_true((r->exit.len > 0) == (r->kind == TRANSCRIPT_RUN || r->kind == TRANSCRIPT_OUTCOME));
    return true;
}

static void what_was_put_is_read_back(void **state)
{
    ENS_CLEANUP(made_free) struct made m = four();
    struct seen seen = {0};
    const struct transcript_sink sink = {.put = see, .ctx = &seen};
    struct transcript_sum sum;
    struct ens_err err = {0};

    (void)state;
    assert_ok(transcript_verify(buf_view(&m.text), "t", &sink, &sum, &err), err);
    assert_true(view_equal(buf_view(&seen.lines),
                           view_of_string("id|000102030405060708090a0b0c0d0e0f\ncontinues|-\n"
                                          "command|sign|--dry-run\ncommand|sign\nitems|1\n"
                                          "item|1|sign-data|aa|app.signdata|app.sig\n"
                                          "intent|3\ncalls|1|1\nresult|1|written|" HEX64 "\n")));
    buf_free(&seen.lines);
}

/* The bytes of a first record, spelt out; its SHA-256 was computed with sha256sum. */
static void the_format_is_as_documented(void **state)
{
    static const char want[] = "ensign transcript 1, record 1\n"
                               "previous: 0000000000000000000000000000000000000000000000000000000000000000\n"
                               "time: 2026-01-05T10:00:00Z\n"
                               "kind: begin\n"
                               "id: 000102030405060708090a0b0c0d0e0f\n"
                               "continues: -\n"
                               "sha256: dbc25cca249cadb77530be390120384aaa9c3f091b6ccc3fe36b1f2343869437\n";
    ENS_CLEANUP(made_free) struct made m = begun();

    (void)state;
    assert_int_equal(m.text.len, sizeof want - 1);
    assert_memory_equal(m.text.data, want, m.text.len);
}

static void times_are_utc(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } times[] = {{0, "1970-01-01T00:00:00Z"},
                 {951782399, "2000-02-28T23:59:59Z"},
                 {951868799, "2000-02-29T23:59:59Z"},
                 {253402300799, "9999-12-31T23:59:59Z"}};
    struct transcript_sum sum = {0};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf b = {0};

        sum = (struct transcript_sum){0};
        assert_ok(transcript_put_record(&sum, times[i].seconds, TRANSCRIPT_BEGIN,
                                        view_of_string(begin_entries), -1, &b, &err),
                  err);
        assert_non_null(memmem(b.data, b.len, times[i].text, 20));
        assert_ok(verify(buf_view(&b), &sum, &err), err);
    }
    for (int i = 0; i < 2; i++) {
        ENS_CLEANUP(buf_free) struct buf b = {0};

        assert_fails(transcript_put_record(&sum, i == 0 ? -1 : 253402300800, TRANSCRIPT_RUN, view_of("", 0),
                                           0, &b, &err),
                     err, ENS_DATA, "the clock");
    }
}

static void time_that_goes_back_is_noticed(void **state)
{
    ENS_CLEANUP(made_free) struct made m = begun();
    struct transcript_sum sum;
    struct ens_err err = {0};

    (void)state;
    put(&m, TRANSCRIPT_RUN, "", 0);
    assert_ok(transcript_put_record(&m.sum, NOON - 1, TRANSCRIPT_RUN, view_of("", 0), 0, &m.text, &err), err);
    assert_ok(verify(buf_view(&m.text), &sum, &err), err);
    assert_int_equal(sum.back, 3);
}

static void rejections_are_remembered(void **state)
{
    ENS_CLEANUP(made_free) struct made m = begun();
    ENS_CLEANUP(transcript_rejections_free) struct transcript_rejections r = {0};
    struct ens_err err = {0};

    (void)state;
    put(&m, TRANSCRIPT_RUN, "rejection: d1 m1 alice@example.org i1 SHA256:k1\nrejection: short\n", 77);
    put(&m, TRANSCRIPT_RUN, "rejection: d2 m2 bob@example.org i2 SHA256:k2 more\n", 0);
    assert_ok(transcript_collect_rejections(buf_view(&m.text), "t", &r, &err), err);
    assert_int_equal(r.len, 2);
    assert_string_equal(r.items[0].digest, "d1");
    assert_string_equal(r.items[0].person, "alice@example.org");
    assert_int_equal(r.items[0].record, 2);
    assert_string_equal(r.items[1].mrsigner, "m2");
    assert_string_equal(r.items[1].id, "i2");
    assert_string_equal(r.items[1].key, "SHA256:k2");
}

/* ---- tampering ---- */

static void every_changed_bit_is_refused(void **state)
{
    ENS_CLEANUP(made_free) struct made m = four();
    struct transcript_sum sum;

    (void)state;
    for (size_t bit = 0; bit < 8 * m.text.len; bit++) {
        struct ens_err err = {0};

        m.text.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (verify(buf_view(&m.text), &sum, &err))
            fail_msg("bit %zu may be changed", bit);
        assert_int_equal(err.code, ENS_DATA);
        m.text.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct ens_err err = {0};

    assert_ok(verify(buf_view(&m.text), &sum, &err), err);
}

static void every_byte_removed_or_doubled_is_refused(void **state)
{
    ENS_CLEANUP(made_free) struct made m = four();
    uint8_t edited[4096];
    struct transcript_sum sum;
    struct ens_err err = {0};

    (void)state;
    assert_true(m.text.len < sizeof edited);
    for (size_t at = 0; at < m.text.len; at++) {
        memcpy(edited, m.text.data, at);
        memcpy(edited + at, m.text.data + at + 1, m.text.len - at - 1);
        assert_fails(verify(view_of(edited, m.text.len - 1), &sum, &err), err, ENS_DATA, "t: ");
        memcpy(edited + at, m.text.data + at, 1);
        memcpy(edited + at + 1, m.text.data + at, m.text.len - at);
        assert_fails(verify(view_of(edited, m.text.len + 1), &sum, &err), err, ENS_DATA, "t: ");
    }
}

/* Inside a record the cut is named; between records only a head tells, and an open intent. */
static void every_cut_is_found(void **state)
{
    ENS_CLEANUP(made_free) struct made m = four();
    struct transcript_sum sum;
    struct ens_err err = {0};
    size_t whole = 0;

    (void)state;
    for (size_t len = 0; len < m.text.len; len++) {
        struct view cut = view_of(m.text.data, len);

        if (len == m.starts[whole]) {
            assert_ok(verify(cut, &sum, &err), err);
            assert_int_equal(sum.records, whole);
            assert_int_equal(sum.open, whole == 3 ? 3 : 0);
            assert_memory_not_equal(sum.head, m.sum.head, DIGEST_SIZE);
            whole++;
            continue;
        }
        assert_broken(cut, "cut", whole, m.starts[whole - 1]);
    }
    assert_int_equal(whole, 4);
}

/* What a power failure leaves of a record whose bytes did not all reach the disk. */
static void zeros_are_a_tail_and_other_text_is_not(void **state)
{
    ENS_CLEANUP(made_free) struct made m = four();
    struct transcript_sum sum;
    struct ens_err err = {0};
    uint8_t zeros[512] = {0};

    (void)state;
    assert_ok(buf_append(&m.text, view_of(zeros, sizeof zeros), &err), err);
    assert_broken(buf_view(&m.text), "cut", 5, m.starts[4]);
    m.text.data[m.text.len - 1] = 'x';
    assert_broken(buf_view(&m.text), "edited", 5, m.starts[4]);
    m.text.len = m.starts[4];
    assert_ok(buf_append(&m.text, view_of_string("approved\n"), &err), err);
    assert_broken(buf_view(&m.text), "edited", 5, m.starts[4]);
    m.text.len = m.starts[4];
    assert_ok(buf_append(&m.text, view_of_string("ensign transcript 1, record 6"), &err), err);
    assert_broken(buf_view(&m.text), "edited", 5, m.starts[4]);
    m.text.len = m.starts[4];
    assert_ok(buf_append(&m.text, view_of_string("ensign transcript 1, record 5\nprevious"), &err), err);
    assert_broken(buf_view(&m.text), "cut", 5, m.starts[4]);
    assert_fails(verify(view_of(zeros, 9), &sum, &err), err, ENS_DATA, "t: cut: record 1, from byte 0 on");
}

/* Records of `m` in another order; `order` ends with 0. */
static struct buf arrange(const struct made *m, const size_t *order)
{
    struct buf b = {0};
    struct ens_err err = {0};

    for (; *order != 0; order++)
        assert_ok(buf_append(&b,
                             view_slice(buf_view(&m->text), m->starts[*order - 1],
                                        m->starts[*order] - m->starts[*order - 1]),
                             &err),
                  err);
    return b;
}

static void records_out_of_order_are_found(void **state)
{
    static const struct {
        size_t order[8];
        const char *word;
        size_t where;
    } cases[] = {
        {{2, 3, 4}, "version", 1},     {{1, 3, 4}, "order", 2},       {{1, 3, 2, 4}, "order", 2},
        {{1, 2, 4}, "order", 3},       {{1, 1, 2, 3}, "order", 2},    {{1, 2, 2, 3, 4}, "order", 3},
        {{1, 2, 3, 3, 4}, "order", 4}, {{1, 2, 3, 4, 4}, "order", 5},
    };
    ENS_CLEANUP(made_free) struct made m = four();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf b = arrange(&m, cases[i].order);
        struct transcript_sum sum;
        struct ens_err err = {0};
        char where[64];

        (void)snprintf(where, sizeof where, "t: %s: record %zu, ", cases[i].word, cases[i].where);
        assert_fails(verify(buf_view(&b), &sum, &err), err, ENS_DATA, where);
    }
}

/* An edit by one who computes the record's own SHA-256 anew breaks the link to the next record. */
static void a_record_that_was_made_anew_is_found_in_the_next(void **state)
{
    ENS_CLEANUP(made_free) struct made m = four();
    ENS_CLEANUP(made_free) struct made other = begun();
    struct transcript_sum sum;
    struct ens_err err = {0};

    (void)state;
    put(&other, TRANSCRIPT_RUN, "command: sign\n", 0);
    assert_ok(verify(buf_view(&other.text), &sum, &err), err);
    assert_ok(buf_append(&other.text, view_of(m.text.data + m.starts[2], m.text.len - m.starts[2]), &err),
              err);
    assert_broken(buf_view(&other.text), "chain", 3, other.starts[2]);
}

static void other_frames_are_refused(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *word;
    } cases[] = {
        {"transcript 1,", "transcript 2,", "version"},
        {"ensign t", "Ensign t", "no-header"},
        {"record 1\n", "record x\n", "version"},
        {"T10:00:00Z", "T24:00:00Z", "entry"},
        {"T10:00:00Z", "T10:60:00Z", "entry"},
        {"T10:00:00Z", "T10:00:60Z", "entry"},
        {"2026-01-05", "2026-02-30", "entry"},
        {"2026-01-05", "0000-01-05", "entry"},
        {"2026-01-05", "2026/01/05", "entry"},
        {"previous: 0", "previous: 1", "chain"},
        {"kind: begin", "kind: bogus", "kind"},
        {"kind: begin", "kind: Begin", "kind"},
        {"kind: ", "kinb: ", "entry"},
        {"time: ", "tame: ", "entry"},
        {"previous: ", "previoux: ", "entry"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(made_free) struct made m = begun();
        uint8_t hash[DIGEST_SIZE];
        char hex[2 * DIGEST_SIZE + 1];
        struct ens_err err = {0};
        uint8_t *at = memmem(m.text.data, m.text.len, cases[i].from, strlen(cases[i].from));

        assert_non_null(at);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        assert_ok(
            digest_of(DIGEST_SHA256, view_of(m.text.data, m.text.len - TRANSCRIPT_SUM_LINE), hash, &err),
            err);
        hex_encode(hex, view_of(hash, sizeof hash));
        memcpy(m.text.data + m.text.len - 65, hex, 64);
        assert_broken(buf_view(&m.text), cases[i].word, 1, 0);
    }
}

static void a_file_of_another_kind_is_no_transcript(void **state)
{
    static const char *const texts[] = {"hello", "hello\n", "\n", "ensign-transcript", "\x1b[2J\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_broken(view_of_string(texts[i]), "no-header", 1, 0);
}

static void what_is_too_large_is_refused(void **state)
{
    ENS_CLEANUP(made_free) struct made m = begun();
    ENS_CLEANUP(buf_free) struct buf many = {0};
    struct ens_err err = {0};
    char *line = malloc(60002);

    (void)state;
    assert_non_null(line);
    memset(line, 'x', 60000);
    memcpy(line, "k: ", 3);
    line[60000] = '\n';
    line[60001] = '\0';
    while (many.len <= TRANSCRIPT_RECORD_MAX)
        assert_ok(buf_append(&many, view_of_string(line), &err), err);
    assert_fails(transcript_put_record(&m.sum, NOON, TRANSCRIPT_RUN, buf_view(&many), 0, &m.text, &err), err,
                 ENS_DATA, "sign fewer files at once");
    /* It was made all the same; a file that holds it is refused as well. */
    assert_broken(buf_view(&m.text), "too-large", 2, m.starts[1]);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_string_has_one_spelling),
        cmocka_unit_test(another_spelling_is_refused),
        cmocka_unit_test(free_text_is_split_at_its_blanks),
        cmocka_unit_test(a_line_has_a_limit),
        cmocka_unit_test(each_kind_has_what_it_must_have),
        cmocka_unit_test(the_first_record_is_a_begin),
        cmocka_unit_test(the_sum_counts_calls_and_what_is_open),
        cmocka_unit_test(what_was_put_is_read_back),
        cmocka_unit_test(the_format_is_as_documented),
        cmocka_unit_test(times_are_utc),
        cmocka_unit_test(time_that_goes_back_is_noticed),
        cmocka_unit_test(rejections_are_remembered),
        cmocka_unit_test(every_changed_bit_is_refused),
        cmocka_unit_test(every_byte_removed_or_doubled_is_refused),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(zeros_are_a_tail_and_other_text_is_not),
        cmocka_unit_test(records_out_of_order_are_found),
        cmocka_unit_test(a_record_that_was_made_anew_is_found_in_the_next),
        cmocka_unit_test(other_frames_are_refused),
        cmocka_unit_test(a_file_of_another_kind_is_no_transcript),
        cmocka_unit_test(what_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
