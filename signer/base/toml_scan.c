/* Characters, strings, keys and words of TOML. */
#include "signer/base/toml_scan.h"

#include "signer/base/toml_word.h"

/* ---- characters ---- */

bool toml_scan_fail(const struct toml_scan *s, const char *fact)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < s->at; i++) {
        uint8_t c = s->text.data[i];

        line += c == '\n';
        column = c == '\n' ? 1 : column + ((c & 0xc0) != 0x80);
    }
    return ens_fail(s->err, ENS_DATA, "%s: line %zu, column %zu: %s: correct the TOML there", s->name, line,
                    column, fact);
}

int toml_scan_peek(const struct toml_scan *s)
{
    return s->at < s->text.len ? s->text.data[s->at] : -1;
}

static bool is_one_of(int c, const char *set)
{
    return c > 0 && strchr(set, c) != NULL;
}

/* Is it a character of comments and strings? */
static bool is_content(int c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool is_next(const struct toml_scan *s, const char *text)
{
    return view_begins(view_slice(s->text, s->at, s->text.len - s->at), view_of_string(text));
}

bool toml_scan_take(struct toml_scan *s, const char *text)
{
    bool is = is_next(s, text);

    s->at += is ? strlen(text) : 0;
    return is;
}

void toml_scan_blanks(struct toml_scan *s)
{
    while (is_one_of(toml_scan_peek(s), " \t"))
        s->at++;
}

void toml_scan_comment(struct toml_scan *s)
{
    toml_scan_blanks(s);
    if (toml_scan_peek(s) != '#')
        return;
    while (is_content(toml_scan_peek(s)))
        s->at++;
}

bool toml_scan_newline(struct toml_scan *s)
{
    return toml_scan_take(s, "\n") || toml_scan_take(s, "\r\n");
}

void toml_scan_lines(struct toml_scan *s)
{
    do {
        toml_scan_comment(s);
    } while (toml_scan_newline(s));
}

/* ---- strings ---- */

static void room_put(struct toml_scan *s, uint32_t byte)
{
    s->room[s->room_len++] = (uint8_t)byte;
}

/* In UTF-8. */
static void put_point(struct toml_scan *s, uint32_t point)
{
    static const uint32_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;

    room_put(s, lead[more] | point >> 6 * more);
    while (more-- > 0)
        room_put(s, 0x80 | (point >> 6 * more & 0x3f));
}

/* An escape by number names a character, and no surrogate. */
static bool take_number(struct toml_scan *s, unsigned digits)
{
    uint32_t point = 0;

    for (s->at++; digits > 0 && is_one_of(toml_scan_peek(s), "0123456789ABCDEFabcdef"); s->at++, digits--) {
        uint32_t c = (uint32_t)toml_scan_peek(s);

        point = point << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (digits > 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return toml_scan_fail(s, "an escape names no character");
    put_point(s, point);
    return true;
}

/* A backslash before the end of a line takes it away, and the blanks of the next. */
static bool skip_line_end(struct toml_scan *s)
{
    size_t from = s->at;

    toml_scan_blanks(s);
    if (!toml_scan_newline(s)) {
        s->at = from;
        return false;
    }
    do {
        toml_scan_blanks(s);
    } while (toml_scan_newline(s));
    return true;
}

static bool take_escape(struct toml_scan *s, bool lines)
{
    static const char codes[] = "btnfr\"\\e";
    static const char meant[] = "\b\t\n\f\r\"\\\x1b";

    s->at++;
    int c = toml_scan_peek(s);

    if (lines && skip_line_end(s))
        return true;
    if (!is_one_of(c, "btnfr\"\\uUex") || (s->version == TOML_1_0 && is_one_of(c, "ex")))
        return toml_scan_fail(s, "no such escape");
    if (is_one_of(c, "uUx"))
        return take_number(s, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    room_put(s, (uint8_t)meant[strchr(codes, c) - codes]);
    s->at++;
    return true;
}

/* Up to the quote that ends a string; `many`: that is written thrice, and two more may stand before it. */
static bool take_text(struct toml_scan *s, char quote, const char *many, bool *ret_plain)
{
    for (;;) {
        int c = toml_scan_peek(s);

        if (many != NULL ? is_next(s, many) : c == quote)
            break;
        if (c == '\\' && quote == '"') {
            *ret_plain = false;
            if (!take_escape(s, many != NULL))
                return false;
        } else if (many != NULL && toml_scan_newline(s)) {
            room_put(s, '\n');
        } else if (is_content(c)) {
            room_put(s, (uint32_t)c);
            s->at++;
        } else {
            return toml_scan_fail(s, c < 0 || c == '\n' ? "a string has no end"
                                                        : "a control character in a string");
        }
    }
    s->at += many != NULL ? 3 : 1;
    for (int i = 0; many != NULL && i < 2 && toml_scan_peek(s) == quote; i++, s->at++)
        room_put(s, (uint8_t)quote);
    return true;
}

static bool take_string(struct toml_scan *s, bool is_key, struct toml_value *ret)
{
    char quote = (char)toml_scan_peek(s);
    const char *thrice = quote == '"' ? "\"\"\"" : "\'\'\'";
    bool many = !is_key && toml_scan_take(s, thrice);
    size_t from = s->room_len;

    ret->is_plain = !many;
    if (many)
        (void)toml_scan_newline(s);
    else
        s->at++;
    if (!take_text(s, quote, many ? thrice : NULL, &ret->is_plain))
        return false;
    ret->text = view_of(s->room + from, s->room_len - from);
    return true;
}

/* The next characters of a set, as they are. */
static struct view take_span(struct toml_scan *s, const char *set)
{
    size_t from = s->room_len;

    for (; is_one_of(toml_scan_peek(s), set); s->at++)
        room_put(s, (uint32_t)toml_scan_peek(s));
    return view_of(s->room + from, s->room_len - from);
}

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

bool toml_scan_key(struct toml_scan *s, struct view *ret)
{
    struct toml_value v = {0};

    toml_scan_blanks(s);
    if (is_one_of(toml_scan_peek(s), "\"'")) {
        if (!take_string(s, true, &v))
            return false;
    } else {
        v.text = take_span(s, ALPHABET);
        if (v.text.len == 0)
            return toml_scan_fail(s, "a key is missing");
    }
    toml_scan_blanks(s);
    *ret = v.text;
    return true;
}

static bool take_bare(struct toml_scan *s, struct toml_value *ret)
{
    static const char set[] = ALPHABET "+.:";
    size_t from = s->at;

    ret->text = take_span(s, set);
    /* The blank between a day and a time. */
    if (ret->text.len == 10 && ret->text.data[4] == '-' && toml_scan_peek(s) == ' ' &&
        s->at + 1 < s->text.len && is_one_of(s->text.data[s->at + 1], "012")) {
        room_put(s, ' ');
        s->at++;
        ret->text.len += 1 + take_span(s, set).len;
    }
    if (toml_word(ret->text, s->version == TOML_1_1, ret))
        return true;
    s->at = from;
    return toml_scan_fail(s, "this is no value");
}

bool toml_scan_value(struct toml_scan *s, struct toml_value *ret)
{
    ret->type = TOML_STRING;
    return is_one_of(toml_scan_peek(s), "\"'") ? take_string(s, false, ret) : take_bare(s, ret);
}
