/* Fuzz target: transcripts. The input is verified as it is: what is refused is refused with one line; what is
 * accepted encodes again to the same bytes, word by word, with sums and numbers of its own; no byte of it can
 * change, and its end cannot be cut off but between records. No fuzzer finds a SHA-256: so the input is taken
 * as the entries of records as well, parted by lines of "%", whose frames are made around them. And its lines
 * are taken as the values of a record: they are read back as they were, whatever a hostile value tries. */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/transcript_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void append(struct buf *b, struct view v)
{
    struct ens_err err = {0};

    must(buf_append(b, v, &err));
}

/* What a sink has seen: the file once more, and the values that were put. */
struct seen {
    struct view text;
    struct transcript_sum sum;
    struct buf again;
    struct buf values;
};

/* A line of key and words, taken apart to bytes and put together again. */
static void encode_line(struct seen *s, struct view key, struct view value)
{
    ENS_CLEANUP(buf_free) struct buf bytes = {0};
    struct ens_err err = {0};
    struct view word;
    size_t n = 0;

    append(&s->again, key);
    append(&s->again, view_of_string(":"));
    for (; transcript_word(&value, &word); n++) {
        bytes.len = 0;
        must(transcript_unescape(word, &bytes, &err));
        append(&s->again, view_of_string(" "));
        must(transcript_put_word(buf_view(&bytes), &s->again, &err));
        if (view_equal(key, view_of_string("value"))) {
            append(&s->values, buf_view(&bytes));
            append(&s->values, view_of_string("\n"));
        }
    }
    must(n > 0);
    append(&s->again, view_of_string("\n"));
}

static bool see(void *ctx, const struct transcript_record *r, struct ens_err *err)
{
    struct seen *s = ctx;
    struct view left = view_slice(s->text, r->at, s->text.len - r->at);
    size_t from = s->again.len;
    char hex[2 * DIGEST_SIZE + 1];
    uint8_t hash[DIGEST_SIZE];
    struct view key;
    struct view value;
    size_t lines = 0;

    must(r->number == s->sum.records + 1 && r->at == from);
    must(buf_printf(&s->again, err, TRANSCRIPT_FIRST "%" PRIu64 "\n", r->number));
    left = view_slice(left, s->again.len - from, left.len - (s->again.len - from));
    hex_encode(hex, view_of(s->sum.head, DIGEST_SIZE));
    must(view_equal(r->previous, view_of_string(hex)) && r->time.len == 20);
    while (transcript_entry(&left, &key, &value)) {
        if (view_equal(key, view_of_string("sha256")))
            break;
        encode_line(s, key, value);
        lines++;
    }
    must(lines >= 3 &&
         digest_of(DIGEST_SHA256, view_of(s->again.data + from, s->again.len - from), hash, err));
    hex_encode(hex, view_of(hash, sizeof hash));
    must(buf_printf(&s->again, err, "sha256: %s\n", hex));
    must(digest_of(DIGEST_SHA256, view_of(s->again.data + from, s->again.len - from), s->sum.head, err));
    must(memcmp(s->sum.head, r->hash, DIGEST_SIZE) == 0);
    s->sum.records++;
    return true;
}

static void check_accepted(struct view text, const struct transcript_sum *sum)
{
    ENS_CLEANUP(buf_free) struct buf copy = {0};
    struct transcript_sum other;
    struct ens_err err = {0};

    must(sum->size == text.len);
    append(&copy, text);
    for (size_t i = 0; i < copy.len; i += 1 + copy.len / 2) {
        copy.data[i] ^= 1;
        must(!transcript_verify(buf_view(&copy), "input", NULL, &other, &err) && err.code == ENS_DATA);
        copy.data[i] ^= 1;
    }
    must(!transcript_verify(view_of(copy.data, copy.len - 1), "input", NULL, &other, &err));
    if (sum->open != 0)
        must(!transcript_fail_open(sum, "input", ENS_NO, &err) && err.code == ENS_NO);
}

static void check_as_text(struct view text)
{
    struct seen seen = {.text = text};
    const struct transcript_sink sink = {.put = see, .ctx = &seen};
    ENS_CLEANUP(transcript_rejections_free) struct transcript_rejections no = {0};
    struct transcript_sum sum;
    struct ens_err err = {0};

    if (!transcript_verify(text, "input", &sink, &sum, &err)) {
        must(err.code == ENS_DATA && strchr(err.msg, '\n') == NULL && strncmp(err.msg, "input: ", 7) == 0);
    } else if (text.len > 0) {
        must(view_equal(buf_view(&seen.again), text));
        check_accepted(text, &sum);
        must(transcript_collect_rejections(text, "input", &no, &err));
    }
    buf_free(&seen.again);
    buf_free(&seen.values);
}

/* The next line that is "%", or the end. */
static size_t part(struct view text)
{
    for (size_t i = 0; i + 2 < text.len; i++) {
        if (memcmp(text.data + i, "\n%\n", 3) == 0)
            return i + 1;
    }
    return text.len;
}

/* Entries as they are, the first byte of which says the kind: b, r, i, o, a; in upper case with an exit if it
 * has none, and without it if it has one. */
static void check_as_records(struct view text)
{
    static const char kinds[] = "brioaBRIOA";
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct transcript_sum sum = {0};
    struct ens_err err = {0};

    while (text.len > 1) {
        size_t len = part(text);
        const char *kind = memchr(kinds, text.data[0], sizeof kinds - 1);
        size_t k = kind != NULL ? (size_t)(kind - kinds) : 1;
        bool has_exit = k % 5 == 1 || k % 5 == 3 || k % 5 == 4;

        if (k >= 5)
            has_exit = !has_exit;
        if (!transcript_put_record(&sum, 0, (enum transcript_kind)(k % 5), view_slice(text, 1, len - 1),
                                   has_exit ? 0 : -1, &file, &err))
            return;
        len = len + 2 < text.len ? len + 2 : text.len;
        text = view_slice(text, len, text.len - len);
    }
    check_as_text(buf_view(&file));
}

/* Lines of the input as words of one entry each, in a run behind a begin. */
static void check_as_values(struct view text)
{
    static const char begin[] = "id: 000102030405060708090a0b0c0d0e0f\n";
    ENS_CLEANUP(buf_free) struct buf entries = {0};
    ENS_CLEANUP(buf_free) struct buf want = {0};
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct seen seen = {0};
    const struct transcript_sink sink = {.put = see, .ctx = &seen};
    struct transcript_sum sum = {0};
    struct ens_err err = {0};

    while (text.len > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.data) : text.len;
        struct view value = view_slice(text, 0, len);

        if (len < TRANSCRIPT_LINE_MAX / 8) {
            must(transcript_put_entry("value", &value, 1, &entries, &err));
            append(&want, value);
            append(&want, view_of_string("\n"));
        }
        len += newline != NULL;
        text = view_slice(text, len, text.len - len);
    }
    must(transcript_put_record(&sum, 0, TRANSCRIPT_BEGIN, view_of_string(begin), -1, &file, &err));
    if (!transcript_put_record(&sum, (int64_t)want.len, TRANSCRIPT_RUN, buf_view(&entries),
                               (int)(want.len % 256), &file, &err)) {
        must(file.len > TRANSCRIPT_RECORD_MAX);
        return;
    }
    seen.text = buf_view(&file);
    must(transcript_verify(buf_view(&file), "record", &sink, &sum, &err) && sum.records == 2);
    must(view_equal(buf_view(&seen.values), buf_view(&want)));
    must(view_equal(buf_view(&seen.again), buf_view(&file)));
    buf_free(&seen.again);
    buf_free(&seen.values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_as_text(view_of(data, size));
    check_as_records(view_of(data, size));
    check_as_values(view_of(data, size));
    return 0;
}
