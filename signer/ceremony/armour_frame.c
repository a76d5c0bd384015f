/* Armour's frame, and its lines and words: cut without being copied. */
#include <stdio.h>

#include "signer/ceremony/armour_internal.h"

static const char begin[] = "-----BEGIN ENSIGN ";
static const char end[] = "-----END";
static const char dashes[] = "-----";

static const char *const names[ARMOUR_KINDS] = {
    [ARMOUR_SIGN_DATA] = "SIGN-DATA",   [ARMOUR_DIGEST] = "DIGEST",     [ARMOUR_SIGNATURE] = "SIGNATURE",
    [ARMOUR_PUBLIC_KEY] = "PUBLIC KEY", [ARMOUR_APPROVAL] = "APPROVAL", [ARMOUR_PARTIAL] = "PARTIAL",
};

const char *armour_name(enum armour_kind kind)
{
    return names[kind];
}

/* ---- reading: lines and words ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

/* Takes the next line that is not blank off the front, without blanks and carriage returns around it; an
 * empty view at the end. */
struct view armour_next_line(struct view *left)
{
    while (left->len > 0) {
        const uint8_t *newline = memchr(left->data, '\n', left->len);
        size_t len = newline != NULL ? (size_t)(newline - left->data) : left->len;
        struct view line = view_slice(*left, 0, len);

        *left = view_slice(*left, len + (newline != NULL), left->len - len - (newline != NULL));
        while (line.len > 0 && (is_blank(line.data[0]) || line.data[0] == '\r'))
            line = view_slice(line, 1, line.len - 1);
        while (line.len > 0 && (is_blank(line.data[line.len - 1]) || line.data[line.len - 1] == '\r'))
            line.len--;
        if (line.len > 0)
            return line;
    }
    return view_of(NULL, 0);
}

struct view armour_next_word(struct view *left)
{
    size_t len = 0;
    struct view word;

    while (len < left->len && !is_blank(left->data[len]))
        len++;
    word = view_slice(*left, 0, len);
    while (len < left->len && is_blank(left->data[len]))
        len++;
    *left = view_slice(*left, len, left->len - len);
    return word;
}

/* In whatever case. */
static bool begins_with(struct view line, const char *with)
{
    size_t len = strlen(with);

    if (line.len < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (upper(line.data[i]) != (uint8_t)with[i])
            return false;
    }
    return true;
}

static bool equals(struct view line, const char *text)
{
    return line.len == strlen(text) && begins_with(line, text);
}

/* ---- reading: the frame ---- */

static bool is_begin(struct view line)
{
    return begins_with(line, begin) && line.len >= sizeof begin - 1 + sizeof dashes - 1 &&
           equals(view_slice(line, line.len - (sizeof dashes - 1), sizeof dashes - 1), dashes);
}

bool armour_is_meant(struct view line)
{
    for (; line.len > 0; line = view_slice(line, 1, line.len - 1)) {
        if (begins_with(line, "BEGIN ENSIGN "))
            return true;
    }
    return false;
}

bool armour_is_bare_line(struct view line)
{
    return line.len >= 2 && (line.data[0] == '1' || upper(line.data[0]) == 'I') && line.data[1] == ' ';
}

static bool read_kind(struct view line, unsigned wishes, enum armour_kind *ret, struct ens_err *err)
{
    size_t around = sizeof begin - 1 + sizeof dashes - 1;
    struct view name = view_slice(line, sizeof begin - 1, line.len - around);
    enum armour_kind kind = ARMOUR_SIGN_DATA;

    while (kind < ARMOUR_KINDS && !equals(name, armour_name(kind)))
        kind++;
    if (kind == ARMOUR_KINDS)
        return ens_fail(err, ENS_DATA, "kind: '%.*s' is no kind that is known", (int)name.len,
                        (const char *)name.data);
    *ret = kind;
    return (wishes & ARMOUR_ONLY(kind)) != 0 ||
           ens_fail(err, ENS_DATA, "kind: is %s, which is not wanted here: name the right file",
                    armour_name(kind));
}

/* Finds the END of a frame whose BEGIN was taken off `left`. */
static bool find_end(struct view left, enum armour_kind kind, struct armour_frame *ret, struct ens_err *err)
{
    char wanted[64];

    (void)snprintf(wanted, sizeof wanted, "%s ENSIGN %s%s", end, armour_name(kind), dashes);
    ret->kinds = ARMOUR_ONLY(kind);
    ret->lines = left;
    for (ret->len = 0;; ret->len++) {
        const uint8_t *at = left.data;
        struct view line = armour_next_line(&left);

        if (line.len == 0)
            return ens_fail(err, ENS_DATA, "no-end: the line %s is missing: is it whole?", wanted);
        if (!begins_with(line, end))
            continue;
        if (!equals(line, wanted))
            return ens_fail(err, ENS_DATA, "kind: the last line must be %s", wanted);
        ret->lines.len = (size_t)(at - ret->lines.data);
        return armour_next_line(&left).len == 0 ||
               ens_fail(err, ENS_DATA, "after-end: nothing may stand behind %s", wanted);
    }
}

bool armour_read_frame(struct view text, unsigned wishes, struct armour_frame *ret, struct ens_err *err)
{
    struct view left = text;
    struct view first = armour_next_line(&left);
    enum armour_kind kind = ARMOUR_KINDS;

    if (first.len == 0)
        return ens_fail(err, ENS_DATA, "empty: there is nothing in it: name the right file");
    if (is_begin(first))
        return read_kind(first, wishes, &kind, err) && find_end(left, kind, ret, err);
    if (!armour_is_bare_line(first))
        return ens_fail(err, ENS_DATA, "no-header: the first line must be %sKIND%s", begin, dashes);
    *ret = (struct armour_frame){.kinds = wishes, .lines = text};
    while (armour_next_line(&text).len > 0)
        ret->len++;
    return true;
}
