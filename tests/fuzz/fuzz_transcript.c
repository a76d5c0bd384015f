/* Fuzz target: transcripts. The input is verified as it is: what is refused is refused with one line; what is
 * accepted is printable, its records make up the file, and no byte of it can change. And the input is taken
 * as the values of a record: they are read back as they were, after what a hostile value can try. */
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

static void check_printable(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        must(v.data[i] >= ' ' && v.data[i] != 0x7f);
}

struct seen {
    uint64_t records;
    struct buf raw; /* the values, unescaped, a newline after each */
};

static void append(struct buf *b, const void *data, size_t len)
{
    struct ens_err err = {0};

    must(buf_append(b, view_of(data, len), &err));
}

static void unescape(struct buf *b, struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        uint8_t byte = v.data[i];

        if (byte == '\\') {
            must(i + 1 < v.len);
            if (v.data[++i] == 'x') {
                must(i + 2 < v.len);
                byte = (uint8_t)(hex_digit((char)v.data[i + 1]) * 16 + hex_digit((char)v.data[i + 2]));
                i += 2;
            }
        }
        append(b, &byte, 1);
    }
    append(b, "\n", 1);
}

static bool see(void *ctx, const struct transcript_record *r, struct ens_err *err)
{
    struct seen *s = ctx;
    struct view rest = r->entries;
    struct view key;
    struct view value;

    (void)err;
    must(r->number == ++s->records && r->previous.len == 64 && r->time.len == 20 && r->exit.len > 0);
    while (transcript_entry(&rest, &key, &value)) {
        must(transcript_key_valid(key));
        check_printable(value);
        unescape(&s->raw, value);
    }
    must(rest.len == 0);
    return true;
}

static void check_accepted(struct view text, const struct transcript_head *head)
{
    ENS_CLEANUP(buf_free) struct buf copy = {0};
    struct transcript_head other;
    struct ens_err err = {0};

    must(head->size == text.len);
    append(&copy, text.data, text.len);
    for (size_t i = 0; i < copy.len; i += 1 + copy.len / 4) {
        copy.data[i] ^= 1;
        must(!transcript_verify(buf_view(&copy), "input", NULL, &other, &err) && err.code == ENS_DATA);
        copy.data[i] ^= 1;
    }
    must(!transcript_verify(view_of(copy.data, copy.len - 1), "input", NULL, &other, &err));
}

static void check_as_text(struct view text)
{
    struct seen seen = {0};
    const struct transcript_sink sink = {.put = see, .ctx = &seen};
    struct transcript_head head;
    struct ens_err err = {0};

    if (!transcript_verify(text, "input", &sink, &head, &err))
        must(err.code == ENS_DATA && strchr(err.msg, '\n') == NULL);
    else if (text.len > 0)
        check_accepted(text, &head);
    buf_free(&seen.raw);
}

/* Lines of the input, but for those that are too long, as entries; then a second record after it. */
static void check_as_values(struct view text)
{
    ENS_CLEANUP(buf_free) struct buf entries = {0};
    ENS_CLEANUP(buf_free) struct buf want = {0};
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct seen seen = {0};
    const struct transcript_sink sink = {.put = see, .ctx = &seen};
    const struct transcript_head none = {0};
    struct transcript_head head;
    struct ens_err err = {0};

    while (text.len > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.data) : text.len;
        struct view value = view_slice(text, 0, len);

        if (len <= TRANSCRIPT_VALUE_MAX) {
            must(transcript_put_entry("value", value, &entries, &err));
            append(&want, value.data, value.len);
            append(&want, "\n", 1);
        }
        len += newline != NULL;
        text = view_slice(text, len, text.len - len);
    }
    if (!transcript_put_record(&none, (int64_t)want.len, buf_view(&entries), (int)(want.len % 256), &file,
                               &err)) {
        must(file.len > TRANSCRIPT_RECORD_MAX);
        return;
    }
    must(transcript_verify(buf_view(&file), "record", NULL, &head, &err) && head.records == 1);
    ENS_CLEANUP(buf_free) struct buf second = {0};
    must(transcript_put_record(&head, 0, view_of("", 0), 0, &second, &err));
    append(&file, second.data, second.len);
    must(transcript_verify(buf_view(&file), "record", &sink, &head, &err) && head.records == 2);
    must(view_equal(buf_view(&seen.raw), buf_view(&want)));
    check_accepted(buf_view(&file), &head);
    buf_free(&seen.raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_as_text(view_of(data, size));
    check_as_values(view_of(data, size));
    return 0;
}
