/* The lines of a quorum's files. */
#include "signer/quorum/lines.h"

#include <limits.h>
#include <stdio.h>
#include <strings.h>

#include "signer/base/base64.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"

#define BODY_LINE 64

static const char trailer[] = "sha256: ";

/* ---- lines ---- */

static void refuse(struct lines *l, const char *key, const char *fact)
{
    if (l->ok)
        l->ok = ens_fail(l->err, ENS_DATA, "%s: %s", key, fact);
}

/* Takes a line without its LF; false at the end. */
static bool take_line(struct view *in, struct view *ret)
{
    const uint8_t *end = in->len > 0 ? memchr(in->data, '\n', in->len) : NULL;

    if (end == NULL)
        return false;
    *ret = view_slice(*in, 0, (size_t)(end - in->data));
    *in = view_slice(*in, ret->len + 1, in->len - ret->len - 1);
    return true;
}

/* The value of the next line, which has this key. */
static bool take_keyed_line(struct lines *l, const char *key, struct view *ret)
{
    struct view line = {0};
    size_t len = strlen(key);

    if (!l->ok)
        return false;
    if (!take_line(&l->in, &line) || !view_begins(line, view_of_string(key)) || line.len < len + 2 ||
        line.data[len] != ':' || line.data[len + 1] != ' ') {
        refuse(l, key, "the line is not there: every line stands once, in order");
        return false;
    }
    *ret = view_slice(line, len + 2, line.len - len - 2);
    return true;
}

static void put_value(struct lines *l, const char *key, const char *value)
{
    l->ok = l->ok && buf_printf(l->out, l->err, "%s: %s\n", key, value);
}

/* At most five decimal digits; UINT_MAX if it is anything else. */
static unsigned count_of_text(struct view v)
{
    unsigned number = 0;

    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9' || v.len > 5)
            return UINT_MAX;
        number = 10 * number + v.data[i] - '0';
    }
    return v.len > 0 ? number : UINT_MAX;
}

void lines_number(struct lines *l, const char *key, unsigned *value, unsigned min, unsigned max)
{
    struct view v = {0};
    char text[12];

    if (l->out != NULL) {
        (void)snprintf(text, sizeof text, "%u", *value);
        put_value(l, key, text);
        return;
    }
    if (!take_keyed_line(l, key, &v))
        return;
    *value = count_of_text(v);
    if (*value < min || *value > max)
        l->ok = ens_fail(l->err, ENS_DATA, "%s: is not a number from %u to %u", key, min, max);
}

/* A value that is one of `words`; *value is its index. */
void lines_word(struct lines *l, const char *key, unsigned *value, const char *const *words, unsigned len)
{
    struct view v = {0};

    if (l->out != NULL) {
        put_value(l, key, words[*value]);
        return;
    }
    if (!take_keyed_line(l, key, &v))
        return;
    for (*value = 0; *value < len && !view_is(v, words[*value]);)
        ++*value;
    if (*value == len)
        refuse(l, key, "is a word that version 1 does not have");
}

void lines_hex(struct lines *l, const char *key, uint8_t *value, size_t len)
{
    struct view v = {0};
    char text[2 * HEX_OF_MAX + 1];
    struct ens_err ignored = {0};

    if (l->out != NULL) {
        hex_encode(text, view_of(value, len));
        put_value(l, key, text);
        return;
    }
    if (!take_keyed_line(l, key, &v))
        return;
    if (v.len == 2 * len) {
        memcpy(text, v.data, v.len);
        text[v.len] = '\0';
    }
    if (v.len != 2 * len || !hex_decode(text, key, value, len, &ignored))
        refuse(l, key, "is not hexadecimal of its length");
}

void lines_name(struct lines *l, const char *key, char value[static QUORUM_NAME_MAX + 1])
{
    struct view v = {0};

    if (l->out != NULL) {
        put_value(l, key, value);
        return;
    }
    if (!take_keyed_line(l, key, &v))
        return;
    if (!lines_name_valid(v)) {
        refuse(l, key, "is not a name: 1 to 63 of A-Z a-z 0-9 . _ ( ) @ ' - and single blanks");
        return;
    }
    memcpy(value, v.data, v.len);
    value[v.len] = '\0';
}

/* `holder-1`, `key-1`, and so on: as many as `*count` says, or as there are if that is 0. */
void lines_holders(struct lines *l, struct quorum_holder *holder, unsigned *count)
{
    static const char next[] = "holder-";
    unsigned n = 0;
    char key[16];

    while (l->ok && (l->out != NULL ? n < *count
                                    : n < QUORUM_HOLDERS_MAX && view_begins(l->in, view_of_string(next)))) {
        (void)snprintf(key, sizeof key, "holder-%u", n + 1);
        lines_name(l, key, holder[n].name);
        (void)snprintf(key, sizeof key, "key-%u", n + 1);
        lines_hex(l, key, holder[n].key, sizeof holder[n].key);
        for (unsigned i = 0; l->ok && i < n; i++) {
            if (strcasecmp(holder[i].name, holder[n].name) == 0)
                refuse(l, "holders", "two have one name");
            if (memcmp(holder[i].key, holder[n].key, sizeof holder[n].key) == 0)
                refuse(l, "holders", "two have one key");
        }
        n++;
    }
    if (n < QUORUM_THRESHOLD_MIN || (*count != 0 && *count != n))
        refuse(l, "holders", "are more or fewer than the quorum has");
    if (l->out == NULL)
        *count = n;
}

/* ---- bodies ---- */

static void put_body(struct lines *l, const char *key, struct view v)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    l->ok = l->ok && buf_printf(l->out, l->err, "%s:\n", key) && base64_encode(v, &text, l->err);
    for (size_t at = 0; l->ok && at < text.len; at += BODY_LINE) {
        size_t len = text.len - at < BODY_LINE ? text.len - at : BODY_LINE;

        l->ok = buf_printf(l->out, l->err, "%.*s\n", (int)len, (const char *)text.data + at);
    }
}

/* The lines of base64 until a line that has a ':'. */
static bool take_body(struct lines *l, const char *key, struct buf *ret)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct view line = {0};
    bool is_base64 = false;
    size_t len = strlen(key);

    if (!l->ok)
        return false;
    if (!take_line(&l->in, &line) || line.len != len + 1 || !view_begins(line, view_of_string(key)) ||
        line.data[len] != ':') {
        refuse(l, key, "the line is not there: every line stands once, in order");
        return false;
    }
    for (struct view rest = l->in;
         l->ok && take_line(&rest, &line) && memchr(line.data, ':', line.len) == NULL; l->in = rest)
        l->ok = buf_append(&text, line, l->err);
    l->ok = l->ok && base64_decode(buf_view(&text), ret, &is_base64, l->err);
    if (!is_base64)
        refuse(l, key, "is not base64");
    return l->ok;
}

void lines_body(struct lines *l, const char *key, struct parts p)
{
    ENS_CLEANUP(buf_free) struct buf body = {0};

    if (l->out != NULL) {
        put_body(l, key, view_of(p.data, (size_t)*p.count * p.size + p.more));
        return;
    }
    if (!take_body(l, key, &body))
        return;
    size_t count = body.len > p.more ? (body.len - p.more) / p.size : 0;

    if (count == 0 || count > p.max || count * p.size + p.more != body.len ||
        (*p.count != 0 && *p.count != count)) {
        refuse(l, key, "is longer or shorter than it must be");
        return;
    }
    memcpy(p.data, body.data, body.len);
    *p.count = (unsigned)count;
}

void lines_bytes(struct lines *l, const char *key, void *data, size_t len)
{
    unsigned one = 1;

    lines_body(l, key, (struct parts){data, (unsigned)len, 1, 0, &one});
}

/* ---- sealing ---- */

static const char *const oaep_names[] = {[QUORUM_OAEP_SHA256] = "sha256", [QUORUM_OAEP_SHA1] = "sha1"};

void lines_oaep(struct lines *l, const char *key, enum quorum_oaep *oaep)
{
    unsigned word = *oaep;

    lines_word(l, key, &word, oaep_names, 2);
    if (l->out == NULL)
        *oaep = word == 0 ? QUORUM_OAEP_SHA256 : QUORUM_OAEP_SHA1;
}

/* What is sealed to one key: the last four lines. */
void lines_box(struct lines *l, struct quorum_sealed *box)
{
    struct view v = {0};
    char text[32];

    lines_hex(l, "key", box->key, sizeof box->key);
    if (l->out != NULL) {
        (void)snprintf(text, sizeof text, "rsa%u-oaep-%s", box->bits, oaep_names[box->oaep]);
        put_value(l, "seal", text);
    } else if (take_keyed_line(l, "seal", &v)) {
        box->bits = count_of_text(view_slice(v, strlen("rsa"), 4));
        box->oaep = v.len > 0 && v.data[v.len - 1] == '1' ? QUORUM_OAEP_SHA1 : QUORUM_OAEP_SHA256;
        box->wrapped_len = (box->bits + 7) / 8;
        if (box->bits < QUORUM_BITS_MIN || box->bits > QUORUM_BITS_MAX)
            refuse(l, "seal", "is not rsaBITS-oaep-HASH with 2048 to 4096 bits");
    }
    lines_body(l, "wrapped", (struct parts){box->wrapped, 1, sizeof box->wrapped, 0, &box->wrapped_len});
    if (!l->is_head)
        lines_body(l, "sealed",
                   (struct parts){box->sealed, QUORUM_PIECE, QUORUM_SHARE_MAX, QUORUM_TAG, &box->pieces});
}

/* ---- the trailer ---- */

bool lines_split(struct view file, struct view *ret_body, struct view *ret_rest,
                 uint8_t ret_sum[static DIGEST_SIZE], struct ens_err *err)
{
    struct view left = file;
    struct view line = {0};

    while (!view_begins(line, view_of_string(trailer))) {
        if (!take_line(&left, &line))
            return ens_fail(err, ENS_DATA,
                            "sha256: no line has it: the file is cut, or was changed on its way");
    }
    *ret_body = view_slice(file, 0, file.len - left.len - line.len - 1);
    *ret_rest = left;
    if (!digest_of(DIGEST_SHA256, *ret_body, ret_sum, err))
        return false;
    struct hex sum = hex_of(view_of(ret_sum, DIGEST_SIZE));

    return view_is(view_slice(line, strlen(trailer), line.len - strlen(trailer)), sum.text) ||
           ens_fail(err, ENS_DATA, "sha256: does not fit: the file was changed or damaged on its way");
}

bool lines_end(struct buf *file, size_t begin, struct ens_err *err)
{
    uint8_t sum[DIGEST_SIZE];

    return digest_of(DIGEST_SHA256, view_of(file->data + begin, file->len - begin), sum, err) &&
           buf_printf(file, err, "%s%s\n", trailer, hex_of(view_of(sum, sizeof sum)).text);
}

/* ---- names ---- */

bool lines_name_valid(struct view name)
{
    static const char others[] = " ._()@'-";
    bool was_blank = false;

    if (name.len < 1 || name.len > QUORUM_NAME_MAX || name.data[name.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool is_word = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');

        if ((!is_word && (i == 0 || memchr(others, c, sizeof others - 1) == NULL)) || (c == ' ' && was_blank))
            return false;
        was_blank = c == ' ';
    }
    return true;
}
