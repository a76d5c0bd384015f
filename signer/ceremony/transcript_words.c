/* Entries, words and records of a transcript as text. A word has one spelling: the empty string is "-", the
 * bytes 21 to 7e stand for themselves but for the backslash, which is doubled, and a lone "-", which is \x2d
 * as every other byte is \xNN. */
#include "signer/ceremony/transcript_internal.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"

const char *transcript_kind_name(enum transcript_kind kind)
{
    static const char *const names[] = {[TRANSCRIPT_BEGIN] = "begin",
                                        [TRANSCRIPT_RUN] = "run",
                                        [TRANSCRIPT_INTENT] = "intent",
                                        [TRANSCRIPT_OUTCOME] = "outcome",
                                        [TRANSCRIPT_ACK] = "ack"};

    return names[kind];
}

/* ---- taking apart ---- */

bool transcript_is_hex(struct view v, size_t digits)
{
    for (size_t i = 0; i < v.len; i++) {
        if (!(v.data[i] >= '0' && v.data[i] <= '9') && !(v.data[i] >= 'a' && v.data[i] <= 'f'))
            return false;
    }
    return v.len == digits;
}

bool transcript_number(struct view v, size_t max, uint64_t *ret)
{
    uint64_t n = 0;

    if (v.len == 0 || v.len > max || (v.len > 1 && v.data[0] == '0'))
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(v.data[i] - '0');
    }
    *ret = n;
    return true;
}

bool transcript_entry(struct view *entries, struct view *ret_key, struct view *ret_value)
{
    const uint8_t *newline = entries->len > 0 ? memchr(entries->data, '\n', entries->len) : NULL;

    if (newline == NULL)
        return false;
    struct view line = view_slice(*entries, 0, (size_t)(newline - entries->data));
    const uint8_t *colon = memmem(line.data, line.len, ": ", 2);

    if (colon == NULL)
        return false;
    size_t len = (size_t)(colon - line.data);

    *ret_key = view_slice(line, 0, len);
    *ret_value = view_slice(line, len + 2, line.len - len - 2);
    *entries = view_slice(*entries, line.len + 1, entries->len - line.len - 1);
    return true;
}

bool transcript_word(struct view *value, struct view *ret_word)
{
    const uint8_t *blank = value->len > 0 ? memchr(value->data, ' ', value->len) : NULL;
    size_t len = blank != NULL ? (size_t)(blank - value->data) : value->len;

    if (value->len == 0)
        return false;
    *ret_word = view_slice(*value, 0, len);
    *value = blank != NULL ? view_slice(*value, len + 1, value->len - len - 1) : view_of(NULL, 0);
    return true;
}

bool transcript_find(struct view entries, const char *key, struct view *ret_value)
{
    struct view found;
    struct view value;

    while (transcript_entry(&entries, &found, &value)) {
        if (view_equal(found, view_of_string(key))) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Bytes at the start of `v` that stand for themselves. */
static size_t plain(struct view v)
{
    size_t n = 0;

    while (n < v.len && v.data[n] >= 0x21 && v.data[n] <= 0x7e && v.data[n] != '\\')
        n++;
    return n;
}

/* The byte at the start of `v` and how many characters stand for it; 0: none is spelt like this. */
static size_t take_byte(struct view v, uint8_t *ret)
{
    *ret = v.data[0];
    if (v.data[0] != '\\')
        return 1;
    if (v.len >= 2 && v.data[1] == '\\')
        return 2;
    if (v.len < 4 || v.data[1] != 'x' || !transcript_is_hex(view_slice(v, 2, 2), 2))
        return 0;
    *ret = (uint8_t)(hex_digit((char)v.data[2]) * 16 + hex_digit((char)v.data[3]));
    return 4;
}

bool transcript_unescape(struct view word, struct buf *ret, struct ens_err *err)
{
    uint8_t byte = 0;

    if (word.len == 1 && word.data[0] == '-')
        return true;
    while (word.len > 0) {
        size_t n = plain(word);
        struct view bytes = view_slice(word, 0, n);

        if (n == 0) {
            n = take_byte(word, &byte);
            bytes = view_of(&byte, 1);
        }
        if (n == 0)
            return ens_fail(err, ENS_DATA, "transcript: a word is not escaped as it must be");
        if (!buf_append(ret, bytes, err))
            return false;
        word = view_slice(word, n, word.len - n);
    }
    return true;
}

/* ---- putting together ---- */

bool transcript_key_valid(struct view key)
{
    if (key.len == 0 || key.len > TRANSCRIPT_KEY_MAX || key.data[0] < 'a' || key.data[0] > 'z')
        return false;
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

bool transcript_put_word(struct view word, struct buf *ret, struct ens_err *err)
{
    if (word.len == 0)
        return buf_append(ret, view_of("-", 1), err);
    if (word.len == 1 && word.data[0] == '-')
        return buf_printf(ret, err, "\\x2d");
    while (word.len > 0) {
        size_t n = plain(word);
        char escaped[5] = "\\x";

        hex_encode(escaped + 2, view_slice(word, 0, 1));
        bool ok = n > 0                  ? buf_append(ret, view_slice(word, 0, n), err)
                  : word.data[0] == '\\' ? buf_append(ret, view_of("\\\\", 2), err)
                                         : buf_append(ret, view_of(escaped, 4), err);

        if (!ok)
            return false;
        n += n == 0;
        word = view_slice(word, n, word.len - n);
    }
    return true;
}

static bool is_frame(struct view key)
{
    static const char *const frame[] = {"previous", "time", "kind", "exit", "sha256"};

    for (size_t i = 0; i < sizeof frame / sizeof frame[0]; i++) {
        if (view_equal(key, view_of_string(frame[i])))
            return true;
    }
    return false;
}

bool transcript_put_entry(const char *key, const struct view *words, size_t len, struct buf *ret,
                          struct ens_err *err)
{
    size_t from = ret->len;

    if (!transcript_key_valid(view_of_string(key)) || is_frame(view_of_string(key)) || len == 0)
        return ens_fail(err, ENS_BUG, "transcript: '%s' cannot be a key, or has no word", key);
    if (!buf_printf(ret, err, "%s:", key))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!buf_append(ret, view_of(" ", 1), err) || !transcript_put_word(words[i], ret, err))
            return false;
    }
    if (ret->len - from > TRANSCRIPT_LINE_MAX)
        return ens_fail(err, ENS_DATA, "transcript: %s: has %zu bytes, and %u can be recorded: shorten it",
                        key, ret->len - from, TRANSCRIPT_LINE_MAX);
    return buf_append(ret, view_of("\n", 1), err);
}

bool transcript_split(const char *text, struct view **ret, size_t *ret_len, struct ens_err *err)
{
    size_t len = 1;

    for (const char *at = text; *at != '\0'; at++)
        len += *at == ' ';
    struct view *words = mem_alloc(len, sizeof *words, err);

    if (words == NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        size_t n = strcspn(text, " ");

        words[i] = view_of(text, n);
        text += n + 1;
    }
    *ret = words;
    *ret_len = len;
    return true;
}

static bool put_time(int64_t now, struct buf *ret, struct ens_err *err)
{
    struct date d;

    if (!date_of_epoch(now, &d, err))
        return ens_wrap(err, "transcript: the clock");
    unsigned second = (unsigned)(now % 86400);

    return buf_printf(ret, err, "time: %04u-%02u-%02uT%02u:%02u:%02uZ\n", d.year, d.month, d.day,
                      second / 3600, second / 60 % 60, second % 60);
}

bool transcript_put_record(struct transcript_sum *sum, int64_t now, enum transcript_kind kind,
                           struct view entries, int exit_code, struct buf *ret, struct ens_err *err)
{
    uint8_t hash[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];
    size_t from = ret->len;

    hex_encode(hex, view_of(sum->head, sizeof sum->head));
    if (!buf_printf(ret, err, TRANSCRIPT_FIRST "%" PRIu64 "\nprevious: %s\n", sum->records + 1, hex) ||
        !put_time(now, ret, err) || !buf_printf(ret, err, "kind: %s\n", transcript_kind_name(kind)) ||
        !buf_append(ret, entries, err) ||
        (exit_code >= 0 && !buf_printf(ret, err, "exit: %d\n", exit_code)) ||
        !digest_of(DIGEST_SHA256, view_of(ret->data + from, ret->len - from), hash, err))
        return false;
    hex_encode(hex, view_of(hash, sizeof hash));
    if (!buf_printf(ret, err, "sha256: %s\n", hex))
        return false;
    struct view record = view_of(ret->data + from, ret->len - from);

    if (record.len > TRANSCRIPT_RECORD_MAX)
        return ens_fail(err, ENS_DATA,
                        "transcript: the record has %zu bytes, and %u fit: sign fewer files at once",
                        record.len, TRANSCRIPT_RECORD_MAX);
    if (!digest_of(DIGEST_SHA256, record, sum->head, err))
        return false;
    sum->records++;
    sum->size += record.len;
    return true;
}
