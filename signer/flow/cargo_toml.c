/* As much of TOML as tells where each value stands. What is not a TOML, and what TOML can say in ways that
 * nobody uses for these few texts (escapes, several lines), is left to Cargo. */
#include "signer/flow/cargo_toml.h"

#include <stddef.h>
#include <string.h>

#include "signer/base/mem.h"

/* Keys on the way to a value, joined by a character that none of them can have, and how deep values nest. */
#define PATH_ROOM 256
#define PART      "\x1f"
#define DEPTH_MAX 32

struct toml {
    struct view left;
    char path[PATH_ROOM]; /* of the value that is read; terminated */
    unsigned depth;
    struct cargo_package *ret;
    bool whole; /* nothing that is wanted was found in a form that is not read */
    struct ens_err *err;
};

static const struct {
    const char *path;
    size_t offset; /* in struct cargo_package */
} wanted[] = {
    {"package" PART "name", offsetof(struct cargo_package, name)},
    {"package" PART "version", offsetof(struct cargo_package, version)},
    {"package" PART "metadata" PART "orc" PART "release" PART "runtime-id",
     offsetof(struct cargo_package, release_id)},
    {"package" PART "metadata" PART "orc" PART "test" PART "runtime-id",
     offsetof(struct cargo_package, test_id)},
};

/* ---- characters ---- */

static int peek(const struct toml *t)
{
    return t->left.len > 0 ? t->left.data[0] : -1;
}

static void drop(struct toml *t, size_t len)
{
    t->left = view_slice(t->left, len, t->left.len - len);
}

static bool take_next(struct toml *t, const char *text)
{
    size_t len = strlen(text);

    if (t->left.len < len || memcmp(t->left.data, text, len) != 0)
        return false;
    drop(t, len);
    return true;
}

/* How many of the next bytes are in `set`, or (`not`) are not. */
static size_t span(const struct toml *t, const char *set, bool not )
{
    size_t n = 0;

    while (n < t->left.len && (t->left.data[n] != '\0' && strchr(set, t->left.data[n]) != NULL) != not )
        n++;
    return n;
}

static void skip_blanks(struct toml *t)
{
    drop(t, span(t, " \t", false));
}

/* Blanks, line ends and comments. */
static void skip_lines(struct toml *t)
{
    do {
        drop(t, span(t, " \t\r\n", false));
        if (peek(t) == '#')
            drop(t, span(t, "\n", true));
    } while (peek(t) == '\n');
}

/* ---- keys ---- */

static bool push(struct toml *t, struct view key)
{
    size_t len = strlen(t->path);

    if (key.len + 2 > sizeof t->path - len || memchr(key.data, PART[0], key.len) != NULL ||
        memchr(key.data, '\0', key.len) != NULL)
        return false;
    if (len > 0)
        t->path[len++] = PART[0];
    memcpy(t->path + len, key.data, key.len);
    t->path[len + key.len] = '\0';
    return true;
}

/* A bare key, or a quoted one without escapes. */
static bool take_key(struct toml *t)
{
    int quote = peek(t);
    const char *stop = quote == '"' ? "\"\\\n" : "'\n";
    bool quoted = quote == '"' || quote == '\'';

    if (quoted)
        drop(t, 1);
    size_t len = quoted ? span(t, stop, true)
                        : span(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", false);
    struct view key = view_slice(t->left, 0, len);

    drop(t, len);
    if (quoted ? peek(t) != quote : len == 0)
        return false;
    drop(t, quoted ? 1 : 0);
    return push(t, key);
}

static bool take_keys(struct toml *t)
{
    do {
        skip_blanks(t);
        if (!take_key(t))
            return false;
        skip_blanks(t);
    } while (take_next(t, "."));
    return true;
}

/* ---- values ---- */

/* The value at the path is `text`; NULL: it is none, or one that is not read here. */
static bool found(struct toml *t, const struct view *text)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        size_t len = strlen(wanted[i].path);
        char **at = (char **)((char *)t->ret + wanted[i].offset);

        if (strncmp(t->path, wanted[i].path, len) != 0 || (t->path[len] != '\0' && t->path[len] != PART[0]))
            continue;
        if (t->path[len] != '\0' || text == NULL || *at != NULL ||
            memchr(text->data, '\0', text->len) != NULL) {
            t->whole = false;
            continue;
        }
        *at = mem_strndup((const char *)text->data, text->len, t->err);
        if (*at == NULL)
            return false;
    }
    return true;
}

/* A text that begins at the next byte. */
static bool take_text(struct toml *t)
{
    bool literal = peek(t) == '\'';
    const char *quote = literal ? "'" : "\"";
    const char *many = literal ? "'''" : "\"\"\"";
    bool lines = take_next(t, many);
    bool plain = !lines;

    if (!lines)
        drop(t, 1);
    struct view text = t->left;

    for (;; drop(t, 1)) {
        if (peek(t) < 0 || (peek(t) == '\n' && !lines))
            return false;
        if (lines ? t->left.len >= 3 && memcmp(t->left.data, many, 3) == 0 : peek(t) == quote[0])
            break;
        if (peek(t) == '\\' && !literal) {
            plain = false;
            if (t->left.len < 2)
                return false;
            drop(t, 1);
        }
    }
    text.len -= t->left.len;
    drop(t, lines ? 3 : 1);
    /* One or two more quotes belong to a text of several lines. */
    while (lines && peek(t) == quote[0])
        drop(t, 1);
    return found(t, plain ? &text : NULL);
}

static bool take_any_value(struct toml *t);

/* [VALUE, ...]: none of them is wanted. */
static bool take_array(struct toml *t)
{
    size_t len = strlen(t->path);

    drop(t, 1);
    if (!push(t, view_of_string("[]")))
        return false;
    for (skip_lines(t); peek(t) != ']'; skip_lines(t)) {
        if (!take_any_value(t))
            return false;
        skip_lines(t);
        if (!take_next(t, ",") && peek(t) != ']')
            return false;
    }
    drop(t, 1);
    t->path[len] = '\0';
    return found(t, NULL);
}

/* {KEY = VALUE, ...} */
static bool take_table(struct toml *t)
{
    size_t len = strlen(t->path);

    drop(t, 1);
    for (skip_lines(t); peek(t) != '}'; skip_lines(t)) {
        if (!take_keys(t) || !take_next(t, "="))
            return false;
        skip_blanks(t);
        if (!take_any_value(t))
            return false;
        t->path[len] = '\0';
        skip_lines(t);
        if (!take_next(t, ",") && peek(t) != '}')
            return false;
    }
    drop(t, 1);
    return true;
}

/* The value that begins at the next byte; what it is does not matter but for texts. */
static bool take_any_value(struct toml *t)
{
    bool ok = false;

    if (++t->depth > DEPTH_MAX)
        return false;
    switch (peek(t)) {
    case '"':
    case '\'':
        ok = take_text(t);
        break;
    case '[':
        ok = take_array(t);
        break;
    case '{':
        ok = take_table(t);
        break;
    default:
        ok = span(t, ",]}#\r\n", true) > 0 && found(t, NULL);
        drop(t, span(t, ",]}#\r\n", true));
    }
    t->depth--;
    return ok;
}

/* ---- the document ---- */

/* [KEYS] or [[KEYS]]: where the values that follow belong. */
static bool take_table_header(struct toml *t)
{
    bool array = take_next(t, "[[");

    if (!array)
        drop(t, 1);
    t->path[0] = '\0';
    if (!take_keys(t) || !take_next(t, array ? "]]" : "]"))
        return false;
    return !array || push(t, view_of_string("[]"));
}

static bool take_document(struct toml *t)
{
    size_t table = 0; /* how much of the path the last header gave */

    for (skip_lines(t); peek(t) >= 0; skip_lines(t)) {
        if (peek(t) == '[') {
            if (!take_table_header(t))
                return false;
            table = strlen(t->path);
        } else {
            if (!take_keys(t) || !take_next(t, "="))
                return false;
            skip_blanks(t);
            if (!take_any_value(t))
                return false;
            t->path[table] = '\0';
        }
        skip_blanks(t);
        if (peek(t) >= 0 && strchr("#\r\n", peek(t)) == NULL)
            return false;
    }
    return true;
}

bool cargo_toml_read(struct view text, struct cargo_package *ret, bool *ret_whole, struct ens_err *err)
{
    struct ens_err none = {0};
    struct toml t = {.left = text, .ret = ret, .whole = true, .err = &none};
    bool ok = take_document(&t);

    if (none.code != ENS_OK) {
        *err = none;
        return false;
    }
    *ret_whole = ok && t.whole && ret->name != NULL && ret->version != NULL;
    return true;
}
