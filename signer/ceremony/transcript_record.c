/* The record of a transcript as text: keys, escaped values, and the frame of hashes around them. No file is
 * touched here. */
#include "signer/ceremony/transcript_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/text.h"

size_t transcript_plain(struct view text)
{
    uint8_t first = text.data[0];
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    char copy[8];

    if (n > text.len)
        return 0;
    text_printable(copy, sizeof copy, (const char *)text.data, n);
    return strlen(copy) == n && memcmp(copy, text.data, n) == 0 ? n : 0;
}

/* The keys of the frame cannot be entries. */
static bool is_reserved(struct view key)
{
    static const char *const reserved[] = {"previous", "time", "exit", "sha256"};

    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (view_equal(key, view_of_string(reserved[i])))
            return true;
    }
    return false;
}

bool transcript_key_valid(struct view key)
{
    if (key.len == 0 || key.len > TRANSCRIPT_KEY_MAX || is_reserved(key))
        return false;
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

static bool put_value(struct view value, struct buf *ret, struct ens_err *err)
{
    while (value.len > 0) {
        size_t n = transcript_plain(value);
        bool ok = value.data[0] == '\\' ? buf_append(ret, view_of("\\\\", 2), err)
                  : n > 0               ? buf_append(ret, view_slice(value, 0, n), err)
                                        : buf_printf(ret, err, "\\x%02x", value.data[0]);

        if (!ok)
            return false;
        n += n == 0;
        value = view_slice(value, n, value.len - n);
    }
    return true;
}

bool transcript_put_entry(const char *key, struct view value, struct buf *ret, struct ens_err *err)
{
    if (!transcript_key_valid(view_of_string(key)))
        return ens_fail(err, ENS_BUG, "transcript: '%s' cannot be a key", key);
    if (value.len > TRANSCRIPT_VALUE_MAX)
        return ens_fail(err, ENS_DATA, "transcript: %s: has %zu bytes, and %u can be recorded: shorten it",
                        key, value.len, TRANSCRIPT_VALUE_MAX);
    return buf_printf(ret, err, "%s: ", key) && put_value(value, ret, err) &&
           buf_append(ret, view_of("\n", 1), err);
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

bool transcript_put_record(const struct transcript_head *head, int64_t now, struct view entries,
                           int exit_code, struct buf *ret, struct ens_err *err)
{
    uint8_t hash[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];

    hex_encode(hex, view_of(head->hash, sizeof head->hash));
    if (!buf_printf(ret, err, TRANSCRIPT_FIRST "%" PRIu64 "\nprevious: %s\n", head->records + 1, hex) ||
        !put_time(now, ret, err) || !buf_append(ret, entries, err) ||
        !buf_printf(ret, err, "exit: %d\n", exit_code) || !digest_of(DIGEST_SHA256, buf_view(ret), hash, err))
        return false;
    hex_encode(hex, view_of(hash, sizeof hash));
    if (!buf_printf(ret, err, "sha256: %s\n", hex))
        return false;
    return ret->len <= TRANSCRIPT_RECORD_MAX ||
           ens_fail(err, ENS_DATA,
                    "transcript: the record has %zu bytes, and %u fit: sign fewer files at once", ret->len,
                    TRANSCRIPT_RECORD_MAX);
}
