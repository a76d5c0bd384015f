/* The transcript: what is added is what is read back; every edit, cut and change of order is found in the
 * record where it was made; two writers at once are both recorded; what is broken is never extended.
 * `test_transcript append FILE COUNT` is a writer for other tests: COUNT records, one opening for each. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/ceremony/transcript_internal.h"
#include "tests/support/support.h"

#define NOON 1767607200 /* 2026-01-05T10:00:00Z */

/* ---- every test runs inside a directory of its own ---- */

struct here {
    char *dir;
    int before;
    mode_t mask;
};

static int set_up(void **state)
{
    struct here *h = calloc(1, sizeof *h);

    if (h == NULL)
        return -1;
    h->dir = support_mkdir();
    h->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    h->mask = umask(022);
    *state = h;
    return h->before < 0 || chdir(h->dir) != 0;
}

static int tear_down(void **state)
{
    struct here *h = *state;

    (void)umask(h->mask);
    if (fchdir(h->before) != 0)
        return -1;
    (void)close(h->before);
    support_rmdir(h->dir);
    free(h);
    return 0;
}

static struct buf get(const char *path)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(file_read_all(path, TRANSCRIPT_FILE_MAX, &b, &err), err);
    return b;
}

static void put(const char *path, struct view v)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(v.data, 1, v.len, f), v.len);
    assert_int_equal(fclose(f), 0);
}

static void assert_holds(const char *path, struct view want)
{
    ENS_CLEANUP(buf_free) struct buf b = get(path);

    assert_int_equal(b.len, want.len);
    assert_true(view_equal(buf_view(&b), want));
}

/* ---- writing ---- */

static bool append_one(const char *path, unsigned i, struct ens_err *err)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;

    if (!transcript_open(path, NULL, &t, err))
        return false;
    transcript_add(t, "command", "sign");
    transcript_add(t, "argument", "--key");
    transcript_add(t, "argument", "pkcs11:token=hsm;object=release-%u", i);
    transcript_add(t, "input", "app \"%u\".signdata", i);
    return transcript_commit(t, NOON + i, i % 2 == 0 ? 0 : 65, err);
}

static void append_some(const char *path, unsigned from, unsigned to)
{
    struct ens_err err = {0};

    for (unsigned i = from; i < to; i++)
        assert_ok(append_one(path, i, &err), err);
}

/* ---- reading ---- */

/* Where the records of a transcript begin; starts[records] is its end. */
#define RECORDS_MAX 8
struct layout {
    struct buf text;
    size_t starts[RECORDS_MAX + 1];
    size_t records;
};

static void layout_free(struct layout *l)
{
    buf_free(&l->text);
}

static struct layout layout_of(const char *path)
{
    struct layout l = {.text = get(path)};
    const char *first = "ensign transcript 1, record ";

    for (size_t at = 0; at < l.text.len; at++) {
        if ((at == 0 || l.text.data[at - 1] == '\n') && l.text.len - at > strlen(first) &&
            memcmp(l.text.data + at, first, strlen(first)) == 0)
            l.starts[l.records++] = at;
        assert_true(l.records <= RECORDS_MAX);
    }
    l.starts[l.records] = l.text.len;
    return l;
}

static struct layout three(void)
{
    append_some("t", 0, 3);
    struct layout l = layout_of("t");

    assert_int_equal(l.records, 3);
    return l;
}

/* The record (from 1) that holds the byte. */
static size_t record_at(const struct layout *l, size_t offset)
{
    size_t r = 1;

    while (l->starts[r] <= offset)
        r++;
    return r;
}

static struct view record_of(const struct layout *l, size_t number)
{
    return view_slice(buf_view(&l->text), l->starts[number - 1], l->starts[number] - l->starts[number - 1]);
}

static bool verify(struct view v, struct transcript_head *ret, struct ens_err *err)
{
    return transcript_verify(v, "t", NULL, ret, err);
}

/* The text is refused, and the message names record `number` and says `text`. */
static void assert_broken(struct view v, size_t number, const char *text)
{
    struct transcript_head head;
    struct ens_err err = {0};
    char where[48];

    (void)snprintf(where, sizeof where, "t: record %zu: ", number);
    assert_fails(verify(v, &head, &err), err, ENS_DATA, where);
    if (strstr(err.msg, text) == NULL)
        fail_msg("'%s' does not say '%s'", err.msg, text);
    assert_true(strlen(err.msg) < sizeof err.msg - 1);
}

/* ---- what is added is read back ---- */

/* Undoes the escapes, as ensign(5) describes them. */
static struct buf unescape(struct view v)
{
    struct buf b = {0};
    struct ens_err err = {0};

    for (size_t i = 0; i < v.len; i++) {
        uint8_t byte = v.data[i];

        if (byte == '\\' && v.data[i + 1] == '\\') {
            i++;
        } else if (byte == '\\') {
            assert_int_equal(v.data[i + 1], 'x');
            byte = (uint8_t)(hex_digit((char)v.data[i + 2]) << 4 | hex_digit((char)v.data[i + 3]));
            i += 3;
        }
        assert_ok(buf_append(&b, view_of(&byte, 1), &err), err);
    }
    return b;
}

static const char *const hostile[] = {
    "",
    " ",
    "plain",
    ": ",
    "a\nexit: 0\nsha256: 00",
    "back\\slash \\x41 \\\\",
    "\x1b]0;title\x07\x1b[31m",
    "J\xc3\xbcrgen \xe2\x82\xac", /* printable UTF-8 stays */
    "\xe2\x80\xae\x65vil",        /* a bidirectional override does not */
    "\xc3",                       /* cut UTF-8 */
    "\xff\xfe\x80",
    "\x7f\xc2\x9b\r\t",
    "ensign transcript 1, record 2",
};
#define HOSTILE (sizeof hostile / sizeof hostile[0])

struct seen {
    size_t records;
    size_t entries;
    uint8_t hash[DIGEST_SIZE];
};

static bool see(void *ctx, const struct transcript_record *r, struct ens_err *err)
{
    struct seen *s = ctx;
    struct view rest = r->entries;
    struct view key;
    struct view value;

    (void)err;
    assert_int_equal(r->number, ++s->records);
    for (size_t i = 0; transcript_entry(&rest, &key, &value); i++, s->entries++) {
        ENS_CLEANUP(buf_free) struct buf raw = unescape(value);

        assert_true(view_equal(key, view_of_string(i == 0 ? "key-1" : "k")));
        assert_true(view_equal(buf_view(&raw), view_of_string(hostile[i])));
        for (size_t j = 0; j < value.len; j++)
            assert_true(value.data[j] >= ' ' && value.data[j] != 0x7f);
    }
    assert_int_equal(rest.len, 0);
    memcpy(s->hash, r->hash, sizeof s->hash);
    return true;
}

static void what_is_added_is_read_back(void **state)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct transcript_head head;
    struct seen seen = {0};
    const struct transcript_sink sink = {.put = see, .ctx = &seen};
    struct ens_err err = {0};

    (void)state;
    assert_ok(transcript_open("t", NULL, &t, &err), err);
    for (int record = 0; record < 2; record++) {
        for (size_t i = 0; i < HOSTILE; i++)
            transcript_add(t, i == 0 ? "key-1" : "k", "%s", hostile[i]);
        assert_ok(transcript_ready(t, &err), err);
        assert_ok(transcript_commit(t, NOON, 0, &err), err);
    }
    ENS_CLEANUP(buf_free) struct buf text = get("t");

    assert_ok(transcript_verify(buf_view(&text), "t", &sink, &head, &err), err);
    assert_int_equal(seen.records, 2);
    assert_int_equal(seen.entries, 2 * HOSTILE);
    assert_int_equal(head.records, 2);
    assert_int_equal(head.size, text.len);
    assert_memory_equal(head.hash, seen.hash, sizeof seen.hash);
    assert_non_null(memmem(text.data, text.len, "J\xc3\xbcrgen \xe2\x82\xac\n", 12));
    assert_non_null(memmem(text.data, text.len, "\\xe2\\x80\\xaeevil\n", 17));
}

/* The bytes of a first record, spelt out; its hash was computed with sha256sum. */
static void the_format_is_as_documented(void **state)
{
    static const char want[] = "ensign transcript 1, record 1\n"
                               "previous: 0000000000000000000000000000000000000000000000000000000000000000\n"
                               "time: 2026-01-05T10:00:01Z\n"
                               "command: sign\n"
                               "argument: --key\n"
                               "argument: pkcs11:token=hsm;object=release-1\n"
                               "input: app \"1\".signdata\n"
                               "exit: 65\n"
                               "sha256: f2e14ad419771dd5df50a4b462331b45851f4318bacf659a4d00b8914c55cc3a\n";

    (void)state;
    append_some("t", 1, 2);
    assert_holds("t", view_of_string(want));
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
    const struct transcript_head none = {0};
    struct transcript_head head;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf b = {0};

        assert_ok(transcript_put_record(&none, times[i].seconds, view_of("", 0), 0, &b, &err), err);
        assert_non_null(memmem(b.data, b.len, times[i].text, 20));
        assert_ok(verify(buf_view(&b), &head, &err), err);
    }
    for (int i = 0; i < 2; i++) {
        ENS_CLEANUP(buf_free) struct buf b = {0};

        assert_fails(transcript_put_record(&none, i == 0 ? -1 : 253402300800, view_of("", 0), 0, &b, &err),
                     err, ENS_DATA, "the clock");
    }
}

static void no_transcript_records_nothing(void **state)
{
    struct ens_err err = {0};

    (void)state;
    transcript_add(NULL, "not a key", "%d", 1);
    assert_true(transcript_ready(NULL, &err));
    assert_true(transcript_commit(NULL, -1, 0, &err));
}

/* ---- tampering ---- */

static void every_changed_byte_is_found_in_its_record(void **state)
{
    static const uint8_t masks[] = {0x01, 0x02, 0x08, 0x20, 0x80, 0xff};
    ENS_CLEANUP(layout_free) struct layout l = three();
    struct transcript_head head;
    struct ens_err err = {0};

    (void)state;
    for (size_t at = 0; at < l.text.len; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            l.text.data[at] ^= masks[m];
            if (at < strlen(TRANSCRIPT_FIRST))
                assert_fails(verify(buf_view(&l.text), &head, &err), err, ENS_DATA, "is no transcript");
            else
                assert_broken(buf_view(&l.text), record_at(&l, at), "line");
            l.text.data[at] ^= masks[m];
        }
    }
    assert_ok(verify(buf_view(&l.text), &head, &err), err);
}

static void every_byte_removed_or_doubled_is_found(void **state)
{
    ENS_CLEANUP(layout_free) struct layout l = three();
    uint8_t edited[4096];
    struct transcript_head head;
    struct ens_err err = {0};

    (void)state;
    assert_true(l.text.len < sizeof edited);
    for (size_t at = 0; at < l.text.len; at++) {
        memcpy(edited, l.text.data, at);
        memcpy(edited + at, l.text.data + at + 1, l.text.len - at - 1);
        assert_fails(verify(view_of(edited, l.text.len - 1), &head, &err), err, ENS_DATA, "t: ");
        memcpy(edited + at, l.text.data + at, 1);
        memcpy(edited + at + 1, l.text.data + at, l.text.len - at);
        assert_fails(verify(view_of(edited, l.text.len + 1), &head, &err), err, ENS_DATA, "t: ");
    }
}

/* Inside a record the cut is named, with the offset to go back to; between records only a head tells. */
static void every_cut_is_found(void **state)
{
    ENS_CLEANUP(layout_free) struct layout l = three();
    struct transcript_head whole;
    struct transcript_head head;
    struct ens_err err = {0};
    char remedy[48];

    (void)state;
    assert_ok(verify(buf_view(&l.text), &whole, &err), err);
    for (size_t len = 0; len < l.text.len; len++) {
        struct view cut = view_of(l.text.data, len);
        size_t r = record_at(&l, len);

        if (len == l.starts[r - 1]) {
            assert_ok(verify(cut, &head, &err), err);
            assert_int_equal(head.records, r - 1);
            assert_memory_not_equal(head.hash, whole.hash, sizeof head.hash);
            continue;
        }
        (void)snprintf(remedy, sizeof remedy, "truncate -s %zu removes", l.starts[r - 1]);
        assert_broken(cut, r, "is cut off in line");
        assert_broken(cut, r, remedy);
    }
}

/* What a power cut leaves of a record whose bytes did not all reach the disk. */
static void zeros_at_the_end_are_a_cut(void **state)
{
    ENS_CLEANUP(layout_free) struct layout l = three();

    (void)state;
    for (size_t at = l.starts[2]; at < l.text.len - 1; at += 7) {
        memset(l.text.data + at, 0, l.text.len - at);
        assert_broken(buf_view(&l.text), 3, "is cut off");
        buf_free(&l.text);
        l.text = get("t");
    }
}

/* Records of `l` in another order; `order` ends with 0. */
static struct buf arrange(const struct layout *l, const size_t *order)
{
    struct buf b = {0};
    struct ens_err err = {0};

    for (; *order != 0; order++)
        assert_ok(buf_append(&b, record_of(l, *order), &err), err);
    return b;
}

static void records_out_of_order_are_found(void **state)
{
    static const struct {
        size_t order[6];
        size_t where;
        const char *says;
    } cases[] = {
        {{2, 3}, 1, "says record 2"},       {{3}, 1, "says record 3"},
        {{1, 3}, 2, "says record 3"},       {{1, 3, 2}, 2, "says record 3"},
        {{2, 1, 3}, 1, "says record 2"},    {{1, 1, 2, 3}, 2, "says record 1"},
        {{1, 2, 2, 3}, 3, "says record 2"}, {{1, 2, 3, 3}, 4, "says record 3"},
        {{1, 2, 3, 1}, 4, "says record 1"},
    };
    ENS_CLEANUP(layout_free) struct layout l = three();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf b = arrange(&l, cases[i].order);

        assert_broken(buf_view(&b), cases[i].where, cases[i].says);
    }
}

static void records_of_another_transcript_are_found(void **state)
{
    ENS_CLEANUP(layout_free) struct layout l = three();
    ENS_CLEANUP(buf_free) struct buf mixed = {0};
    struct ens_err err = {0};

    (void)state;
    append_some("other", 4, 7);
    ENS_CLEANUP(layout_free) struct layout o = layout_of("other");

    assert_ok(buf_append(&mixed, record_of(&l, 1), &err), err);
    assert_ok(buf_append(&mixed, record_of(&o, 2), &err), err);
    assert_ok(buf_append(&mixed, record_of(&l, 3), &err), err);
    assert_broken(buf_view(&mixed), 2, "is not the SHA-256 of record 1");
}

/* An edit by one who recomputes the record's own hash breaks the link to the next record. */
static void a_record_that_was_made_anew_is_found_in_the_next(void **state)
{
    ENS_CLEANUP(layout_free) struct layout l = three();
    ENS_CLEANUP(buf_free) struct buf forged = {0};
    struct transcript_head head;
    struct ens_err err = {0};

    (void)state;
    assert_ok(verify(record_of(&l, 1), &head, &err), err);
    assert_ok(buf_append(&forged, record_of(&l, 1), &err), err);
    ENS_CLEANUP(buf_free) struct buf anew = {0};
    assert_ok(transcript_put_record(&head, NOON + 1, view_of_string("command: keygen\n"), 0, &anew, &err),
              err);
    assert_ok(buf_append(&forged, buf_view(&anew), &err), err);
    assert_ok(verify(buf_view(&forged), &head, &err), err);
    assert_ok(buf_append(&forged, record_of(&l, 3), &err), err);
    assert_broken(buf_view(&forged), 3, "is not the SHA-256 of record 2: one of the two was replaced");
}

/* Where the hashes are right and the form is not: what no ensign has written. */
static void a_record_of_another_form_is_refused(void **state)
{
    static const struct {
        const char *entries;
        size_t line;
    } cases[] = {
        {"no colon\n", 4},
        {"key:value\n", 4},
        {"Key: value\n", 4},
        {": value\n", 4},
        {"k: \x1b[2J\n", 4},
        {"k: ok\nk: a\rb\n", 5},
        {"k: \\q\n", 4},
        {"k: \\x4\n", 4},
        {"k: \\x4G\n", 4},
        {"k: \\\n", 4},
        {"k: \xe2\x80\xae\n", 4},
        {"sha256: 00\n", 4},
        {"previous: 1\n", 4},
        {"time: 1\n", 4},
        {"\n", 4},
        {"exit: 1234\n", 4},
        {"exit: \n", 4},
        {"exit: 0\nk: late\n", 5},
        {"exit: 0\nexit: 0\n", 5},
        {"a-key-that-is-longer-than-31-bytes: v\n", 4},
    };
    const struct transcript_head none = {0};
    char where[32];
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf b = {0};

        assert_ok(transcript_put_record(&none, NOON, view_of_string(cases[i].entries), 0, &b, &err), err);
        (void)snprintf(where, sizeof where, "line %zu is not", cases[i].line);
        assert_broken(buf_view(&b), 1, where);
    }
}

static void other_frames_are_refused(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *says;
    } cases[] = {
        {"transcript 1,", "transcript 2,", "is no transcript"},
        {"record 1\n", "record x\n", "line 1 is not"},
        {"T10:00:00Z", "T24:00:00Z", "line 3 is not a time"},
        {"T10:00:00Z", "T10:60:00Z", "line 3"},
        {"T10:00:00Z", "T10:00:60Z", "line 3"},
        {"2026-01-05", "2026-02-30", "line 3"},
        {"2026-01-05", "2026/01/05", "line 3"},
        {"previous: 0", "previous: F", "line 2"},
        {"\nexit: 0", "\nexit: A", "line 4"},
    };
    const struct transcript_head none = {0};
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct transcript_head head;
    struct ens_err err = {0};

    (void)state;
    assert_ok(transcript_put_record(&none, NOON, view_of("", 0), 0, &b, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *at = memmem(b.data, b.len, cases[i].from, strlen(cases[i].from));

        assert_non_null(at);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        assert_fails(verify(buf_view(&b), &head, &err), err, ENS_DATA, cases[i].says);
        memcpy(at, cases[i].from, strlen(cases[i].from));
    }
    assert_ok(verify(buf_view(&b), &head, &err), err);
}

static void a_file_of_another_kind_is_no_transcript(void **state)
{
    static const char *const texts[] = {"hello", "hello\n", "\n", "\0", "ensign-transcript", "\x1b[2J\n"};
    struct transcript_head head;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = texts[i][0] == '\0' ? 1 : strlen(texts[i]);

        assert_fails(verify(view_of(texts[i], len), &head, &err), err, ENS_DATA, "t: is no transcript");
        put("t", view_of(texts[i], len));
        assert_fails(append_one("t", 0, &err), err, ENS_DATA, "t: is no transcript");
        assert_holds("t", view_of(texts[i], len));
    }
}

/* ---- appending ---- */

static void what_is_broken_is_not_extended(void **state)
{
    ENS_CLEANUP(layout_free) struct layout l = three();
    struct ens_err err = {0};

    (void)state;
    put("t", view_of(l.text.data, l.text.len - 5));
    assert_fails(append_one("t", 3, &err), err, ENS_DATA, "record 3: is cut off");
    assert_holds("t", view_of(l.text.data, l.text.len - 5));
    /* The remedy that the message names. */
    assert_int_equal(truncate("t", (off_t)l.starts[2]), 0);
    append_some("t", 2, 3);
    assert_holds("t", buf_view(&l.text));
    l.text.data[l.starts[1] + 150] ^= 1;
    put("t", buf_view(&l.text));
    assert_fails(append_one("t", 3, &err), err, ENS_DATA, "record 2: ");
    assert_holds("t", buf_view(&l.text));
}

static void a_record_appears_at_the_commit_only(void **state)
{
    struct transcript *t = NULL;
    struct ens_err err = {0};

    (void)state;
    append_some("t", 0, 1);
    ENS_CLEANUP(buf_free) struct buf before = get("t");

    assert_ok(transcript_open("t", NULL, &t, &err), err);
    transcript_add(t, "k", "v");
    assert_holds("t", buf_view(&before));
    transcript_closep(&t);
    assert_null(t);
    assert_holds("t", buf_view(&before));
}

static void a_new_file_has_the_mode_of_the_umask(void **state)
{
    struct stat st;

    (void)state;
    (void)umask(027);
    append_some("new", 0, 2);
    assert_int_equal(stat("new", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    /* A link is followed. */
    assert_int_equal(symlink("target", "link"), 0);
    append_some("link", 0, 1);
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat("target", &st), 0);
}

static void what_cannot_be_a_transcript_is_refused(void **state)
{
    struct ens_err err = {0};

    (void)state;
    assert_fails(append_one("missing/t", 0, &err), err, ENS_CANTCREAT, "missing/t: cannot be opened");
    assert_fails(append_one(".", 0, &err), err, ENS_CANTCREAT, ".: cannot be opened");
    assert_fails(append_one("/dev/null", 0, &err), err, ENS_CANTCREAT, "is no regular file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_fails(append_one("fifo", 0, &err), err, ENS_CANTCREAT, "is no regular file");
}

/* Adds one entry to a fresh record, which must then be refused, and nothing is written. */
static void assert_unrecordable(const char *key, const char *value, enum ens_code code, const char *says)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct ens_err err = {0};

    assert_ok(transcript_open("u", NULL, &t, &err), err);
    transcript_add(t, "first", "fine");
    transcript_add(t, key, "%s", value);
    transcript_add(t, "last", "fine");
    assert_fails(transcript_ready(t, &err), err, code, says);
    assert_fails(transcript_commit(t, NOON, 0, &err), err, code, says);
    assert_true(strncmp(err.msg, "u: ", 3) == 0);
    assert_holds("u", view_of("", 0));
}

static void limits_and_bad_keys_are_reported(void **state)
{
    static const char *const bad_keys[] = {
        "",     "Key",      "a b",  "a:",     "a\n",
        "time", "previous", "exit", "sha256", "a-key-of-more-than-31-bytes-long"};
    char *value = malloc(TRANSCRIPT_VALUE_MAX + 2);
    struct transcript_head head;
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_non_null(value);
    for (size_t i = 0; i < sizeof bad_keys / sizeof bad_keys[0]; i++)
        assert_unrecordable(bad_keys[i], "v", ENS_BUG, "cannot be a key");
    /* The longest value, all of it escaped, is a line that is read again; one byte more is refused. */
    memset(value, '\x1b', TRANSCRIPT_VALUE_MAX + 1);
    value[TRANSCRIPT_VALUE_MAX + 1] = '\0';
    assert_unrecordable("k", value, ENS_DATA, "shorten it");
    assert_ok(transcript_open("t", NULL, &t, &err), err);
    transcript_add(t, "a-key-of-31-bytes-a-key-of-31-b", "%s", value + 1);
    assert_ok(transcript_commit(t, NOON, 255, &err), err);
    /* As many as fit into one record, and one that does not. */
    while (transcript_ready(t, &err))
        transcript_add(t, "k", "%s", value + 1);
    assert_fails(transcript_commit(t, NOON, 0, &err), err, ENS_DATA, "sign fewer files");
    free(value);
    ENS_CLEANUP(buf_free) struct buf text = get("t");

    assert_ok(verify(buf_view(&text), &head, &err), err);
    assert_int_equal(head.records, 1);
}

static void a_full_transcript_is_not_extended(void **state)
{
    struct stat st;
    struct ens_err err = {0};

    (void)state;
    append_some("t", 0, 1);
    assert_int_equal(truncate("t", (off_t)TRANSCRIPT_FILE_MAX - TRANSCRIPT_RECORD_MAX + 1), 0);
    assert_fails(append_one("t", 0, &err), err, ENS_DATA, "begin a new transcript");
    assert_int_equal(stat("t", &st), 0);
    assert_int_equal(st.st_size, TRANSCRIPT_FILE_MAX - TRANSCRIPT_RECORD_MAX + 1);
}

/* A program that does not ask for the lock. */
static void a_file_that_changes_under_the_lock_is_left_alone(void **state)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    ENS_CLEANUP(transcript_closep) struct transcript *moved = NULL;
    struct ens_err err = {0};

    (void)state;
    append_some("t", 0, 1);
    assert_ok(transcript_open("t", NULL, &t, &err), err);
    FILE *f = fopen("t", "ab");

    assert_non_null(f);
    assert_true(fputs("intruder\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    ENS_CLEANUP(buf_free) struct buf text = get("t");
    assert_fails(transcript_commit(t, NOON, 0, &err), err, ENS_DATA, "was changed or moved away");
    assert_holds("t", buf_view(&text));

    append_some("u", 0, 1);
    assert_ok(transcript_open("u", NULL, &moved, &err), err);
    assert_int_equal(rename("u", "elsewhere"), 0);
    assert_fails(transcript_commit(moved, NOON, 0, &err), err, ENS_DATA, "was changed or moved away");
    assert_int_equal(access("u", F_OK), -1);
}

/* ---- several writers ---- */

static void two_writers_are_both_recorded(void **state)
{
    enum { WRITERS = 4, EACH = 10 };
    pid_t pids[WRITERS];
    struct transcript_head head;
    struct ens_err err = {0};

    (void)state;
    for (int w = 0; w < WRITERS; w++) {
        pids[w] = fork();
        assert_true(pids[w] >= 0);
        if (pids[w] == 0) {
            bool ok = true;

            for (unsigned i = 0; ok && i < EACH; i++)
                ok = append_one("t", 100 * (unsigned)w + i, &err);
            _exit(ok ? 0 : 1);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = -1;

        assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
        assert_int_equal(status, 0);
    }
    ENS_CLEANUP(buf_free) struct buf text = get("t");

    assert_ok(verify(buf_view(&text), &head, &err), err);
    assert_int_equal(head.records, WRITERS * EACH);
    for (int w = 0; w < WRITERS; w++) {
        for (int i = 0; i < EACH; i++) {
            char line[64];

            (void)snprintf(line, sizeof line, "input: app \"%d\".signdata\n", 100 * w + i);
            assert_non_null(memmem(text.data, text.len, line, strlen(line)));
        }
    }
}

static const char *waited_for;

/* The one who waits lets the holder go on. */
static int go_on = -1;
static void on_wait(const char *path)
{
    waited_for = path;
    assert_int_equal(write(go_on, "x", 1), 1);
}

/* A second run waits, says so once, and its record follows that of the first. */
static void a_second_writer_waits_for_the_first(void **state)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct transcript_head head;
    struct ens_err err = {0};
    int held[2];
    int wait[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(held), 0);
    assert_int_equal(pipe(wait), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        bool ok = transcript_open("t", NULL, &t, &err) && write(held[1], "x", 1) == 1 &&
                  read(wait[0], &byte, 1) == 1 && usleep(50000) == 0;

        transcript_add(t, "who", "first");
        ok = ok && transcript_commit(t, NOON, 0, &err);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(read(held[0], &byte, 1), 1);
    go_on = wait[1];
    waited_for = NULL;
    assert_ok(transcript_open("t", on_wait, &t, &err), err);
    assert_string_equal(waited_for, "t");
    transcript_add(t, "who", "second");
    assert_ok(transcript_commit(t, NOON, 0, &err), err);
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    ENS_CLEANUP(buf_free) struct buf text = get("t");

    assert_ok(verify(buf_view(&text), &head, &err), err);
    assert_int_equal(head.records, 2);
    const char *first = memmem(text.data, text.len, "who: first", 10);
    const char *second = memmem(text.data, text.len, "who: second", 11);

    assert_true(first != NULL && second != NULL && first < second);
    for (int i = 0; i < 2; i++) {
        (void)close(held[i]);
        (void)close(wait[i]);
    }
}

/* Waiting for a lock can be interrupted, and an interrupted run is recorded. */
static void a_signal_ends_the_wait_but_not_the_record(void **state)
{
    struct ens_err err = {0};
    int ready[2];
    char byte;

    (void)state;
    append_some("t", 0, 1);
    int fd = open("t", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct transcript *free_one = NULL;
        struct transcript *held = NULL;

        interrupt_install();
        go_on = ready[1];
        (void)alarm(60);
        bool ok = transcript_open("u", NULL, &free_one, &err) && !transcript_open("t", on_wait, &held, &err);

        ok = ok && err.code == ENS_INTERRUPTED && transcript_commit(free_one, NOON, 130, &err);
        transcript_closep(&free_one);
        _exit(ok ? 0 : 1);
    }
    int status = -1;

    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)usleep(500000);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    ENS_CLEANUP(buf_free) struct buf text = get("u");

    assert_non_null(memmem(text.data, text.len, "exit: 130\n", 10));
    (void)close(fd);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* ---- the writer for other tests ---- */

static int append_main(const char *path, const char *count)
{
    struct ens_err err = {0};
    char *end = NULL;
    unsigned long n = strtoul(count, &end, 10);

    for (unsigned i = 0; i < n; i++) {
        if (!append_one(path, i, &err)) {
            (void)fprintf(stderr, "ensign: %s\n", err.msg);
            return (int)err.code;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_added_is_read_back),
        TEST(the_format_is_as_documented),
        TEST(times_are_utc),
        TEST(no_transcript_records_nothing),
        TEST(every_changed_byte_is_found_in_its_record),
        TEST(every_byte_removed_or_doubled_is_found),
        TEST(every_cut_is_found),
        TEST(zeros_at_the_end_are_a_cut),
        TEST(records_out_of_order_are_found),
        TEST(records_of_another_transcript_are_found),
        TEST(a_record_that_was_made_anew_is_found_in_the_next),
        TEST(a_record_of_another_form_is_refused),
        TEST(other_frames_are_refused),
        TEST(a_file_of_another_kind_is_no_transcript),
        TEST(what_is_broken_is_not_extended),
        TEST(a_record_appears_at_the_commit_only),
        TEST(a_new_file_has_the_mode_of_the_umask),
        TEST(what_cannot_be_a_transcript_is_refused),
        TEST(limits_and_bad_keys_are_reported),
        TEST(a_full_transcript_is_not_extended),
        TEST(a_file_that_changes_under_the_lock_is_left_alone),
        TEST(two_writers_are_both_recorded),
        TEST(a_second_writer_waits_for_the_first),
        TEST(a_signal_ends_the_wait_but_not_the_record),
    };

    if (argc == 4 && strcmp(argv[1], "append") == 0)
        return append_main(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
