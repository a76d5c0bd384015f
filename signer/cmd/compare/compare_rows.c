/* A Gramine manifest as rows, sorted by their names, and what differs between two. */
#include "signer/cmd/compare/compare_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "signer/base/mem.h"

/* Bytes of the texts of one manifest: a name has the keys above it, and a hostile file could repeat long ones. */
#define TEXT_MAX (4 * (size_t)TOML_SIZE_MAX)

struct flattening {
    const char *label;
    const struct toml_value *trusted, *entrypoint, *allowed, *mounts;
    struct buf path; /* of the table */
    struct compare_rows *ret;
    size_t cap;
    size_t ranks[COMPARE_GROUPS];
    struct ens_err *err;
};

/* ---- texts, each value its own: quotes and backslashes in strings are escaped ---- */

static bool row_put(struct flattening *f, struct buf *to, struct view v)
{
    if (f->ret->text.len + v.len + 1 > TEXT_MAX || to->len + v.len > TEXT_MAX)
        return ens_fail(f->err, ENS_DATA, "%s: its keys and values are too long to be compared: shorten them",
                        f->label);
    return buf_append(to, v, f->err);
}

static bool put_word(struct flattening *f, struct buf *to, const char *word)
{
    return row_put(f, to, view_of_string(word));
}

static bool put_text(struct flattening *f, struct buf *to, struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        const char *escape = c == '\0' ? "\\0" : c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;

        if (escape != NULL ? !put_word(f, to, escape) : !row_put(f, to, view_slice(text, i, 1)))
            return false;
    }
    return true;
}

static bool put_quoted(struct flattening *f, struct buf *to, struct view text)
{
    return put_word(f, to, "\"") && put_text(f, to, text) && put_word(f, to, "\"");
}

static bool put_key(struct flattening *f, struct buf *to, struct view key)
{
    static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    bool is_bare = key.len > 0;

    for (size_t i = 0; i < key.len; i++)
        is_bare = is_bare && key.data[i] != '\0' && strchr(bare, key.data[i]) != NULL;
    return is_bare ? row_put(f, to, key) : put_quoted(f, to, key);
}

struct member {
    const struct toml_value *v;
};

static int by_key(const void *a, const void *b)
{
    struct view x = ((const struct member *)a)->v->key;
    struct view y = ((const struct member *)b)->v->key;
    int order = x.len > 0 && y.len > 0 ? memcmp(x.data, y.data, x.len < y.len ? x.len : y.len) : 0;

    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

static bool row_value(struct flattening *f, struct buf *to, const struct toml_value *v);

/* The members of a table are sorted. */
static bool put_members(struct flattening *f, struct buf *to, const struct toml_value *v)
{
    size_t len = 0;

    for (const struct toml_value *m = toml_first(v); m != NULL; m = toml_next(m))
        len++;
    ENS_CLEANUP(mem_freep) struct member *members = mem_alloc(len + 1, sizeof *members, f->err);

    if (members == NULL)
        return false;
    len = 0;
    for (const struct toml_value *m = toml_first(v); m != NULL; m = toml_next(m))
        members[len++].v = m;
    if (v->type == TOML_TABLE)
        qsort(members, len, sizeof *members, by_key);
    for (size_t i = 0; i < len; i++) {
        if ((i > 0 && !put_word(f, to, ", ")) ||
            (v->type == TOML_TABLE && (!put_key(f, to, members[i].v->key) || !put_word(f, to, " = "))) ||
            !row_value(f, to, members[i].v))
            return false;
    }
    return true;
}

static bool row_value(struct flattening *f, struct buf *to, const struct toml_value *v)
{
    char number[24];

    switch (v->type) {
    case TOML_TABLE:
        return put_word(f, to, "{") && put_members(f, to, v) && put_word(f, to, "}");
    case TOML_ARRAY:
        return put_word(f, to, "[") && put_members(f, to, v) && put_word(f, to, "]");
    case TOML_STRING:
        return put_quoted(f, to, v->text);
    case TOML_INTEGER:
        (void)snprintf(number, sizeof number, "%" PRId64, v->number);
        return put_word(f, to, number);
    case TOML_FLOAT:
    case TOML_BOOLEAN:
    case TOML_DATE:
        break;
    }
    return row_put(f, to, v->text);
}

/* ---- rows ---- */

/* The name and the value follow: two texts, each with its end. */
static bool begin_row(struct flattening *f, enum compare_group group)
{
    struct compare_rows *r = f->ret;

    if (r->len == f->cap) {
        size_t cap = f->cap > 0 ? 2 * f->cap : 64;

        if (!mem_grow((void **)&r->items, cap, sizeof *r->items, f->err))
            return false;
        f->cap = cap;
    }
    r->items[r->len++] = (struct compare_row){.group = group, .rank = f->ranks[group]++, .at = r->text.len};
    return true;
}

static bool end_text(struct flattening *f)
{
    return row_put(f, &f->ret->text, view_of("", 1));
}

/* Of a list: by a name, or as a whole. */
static bool flatten_entry(struct flattening *f, enum compare_group group, const char *name_key,
                          const struct toml_value *v)
{
    const struct toml_value *name = v->type == TOML_TABLE ? toml_get(v, name_key) : v;
    const struct toml_value *hash = toml_get(v, "sha256");
    struct buf *text = &f->ret->text;
    bool has_name = name != NULL && name->type == TOML_STRING;
    /* The two keys of a pinned file are its name and its hash. */
    bool is_pinned =
        has_name && hash != NULL && hash->type == TOML_STRING && toml_next(toml_next(toml_first(v))) == NULL;

    if (!begin_row(f, group) || (has_name && !put_text(f, text, name->text)) || !end_text(f))
        return false;
    size_t from = text->len;

    if (is_pinned ? !put_text(f, text, hash->text) : !row_value(f, text, v))
        return false;
    for (size_t i = from; is_pinned && i < text->len; i++)
        text->data[i] |= text->data[i] >= 'A' && text->data[i] <= 'F' ? 0x20 : 0;
    return end_text(f);
}

static bool flatten_list(struct flattening *f, enum compare_group group, const char *name_key,
                         const struct toml_value *list)
{
    for (const struct toml_value *v = toml_first(list); v != NULL; v = toml_next(v)) {
        if (!flatten_entry(f, group, name_key, v))
            return false;
    }
    return true;
}

static bool flatten_table(struct flattening *f, const struct toml_value *table);

static bool flatten_member(struct flattening *f, const struct toml_value *v)
{
    size_t len = f->path.len;

    if (v == f->trusted || v == f->allowed)
        return flatten_list(f, v == f->trusted ? COMPARE_TRUSTED : COMPARE_ALLOWED, "uri", v);
    if (v == f->mounts)
        return flatten_list(f, COMPARE_MOUNT, "path", v);
    if (v == f->entrypoint)
        return flatten_entry(f, COMPARE_ENTRYPOINT, "uri", v);
    if ((len > 0 && !put_word(f, &f->path, ".")) || !put_key(f, &f->path, v->key))
        return false;
    bool ok = v->type == TOML_TABLE && toml_first(v) != NULL
                  ? flatten_table(f, v)
                  : begin_row(f, COMPARE_KEY) && row_put(f, &f->ret->text, buf_view(&f->path)) &&
                        end_text(f) && row_value(f, &f->ret->text, v) && end_text(f);

    f->path.len = len;
    return ok;
}

static bool flatten_table(struct flattening *f, const struct toml_value *table)
{
    for (const struct toml_value *v = toml_first(table); v != NULL; v = toml_next(v)) {
        if (!flatten_member(f, v))
            return false;
    }
    return true;
}

static int by_row_name(const struct compare_row *a, const struct compare_row *b)
{
    return a->group != b->group ? (a->group > b->group) - (a->group < b->group) : strcmp(a->name, b->name);
}

static int by_row_value(const struct compare_row *a, const struct compare_row *b)
{
    int order = by_row_name(a, b);

    return order != 0 ? order : strcmp(a->value, b->value);
}

static int by_row_rank(const void *a, const void *b)
{
    const struct compare_row *x = a;
    const struct compare_row *y = b;
    int order = by_row_value(x, y);

    return order != 0 ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

static const struct toml_value *of_type(const struct toml_value *v, enum toml_type type)
{
    return v != NULL && v->type == type ? v : NULL;
}

bool compare_rows_of(const struct toml *t, const char *label, struct compare_rows *ret, struct ens_err *err)
{
    const struct toml_value *root = toml_root(t);
    struct flattening f = {.label = label,
                           .trusted = of_type(toml_get(root, "sgx.trusted_files"), TOML_ARRAY),
                           .entrypoint = of_type(toml_get(root, "loader.entrypoint"), TOML_TABLE),
                           .allowed = of_type(toml_get(root, "sgx.allowed_files"), TOML_ARRAY),
                           .mounts = of_type(toml_get(root, "fs.mounts"), TOML_ARRAY),
                           .ret = ret,
                           .err = err};
    bool ok = flatten_table(&f, root);

    buf_free(&f.path);
    for (size_t i = 0; ok && i < ret->len; i++) {
        struct compare_row *row = &ret->items[i];

        row->name = (const char *)ret->text.data + row->at;
        row->value = row->name + strlen(row->name) + 1;
    }
    if (ok && ret->len > 0)
        qsort(ret->items, ret->len, sizeof *ret->items, by_row_rank);
    return ok;
}

/* ---- the difference ---- */

/* Both lists are sorted: equal rows go, and of one name the first left on either side is a pair, then the second. */
bool compare_rows_diff(const struct compare_rows *a, const struct compare_rows *b,
                       struct compare_changes *ret, struct ens_err *err)
{
    const struct compare_row *run = NULL;
    size_t start = 0;
    size_t left[2] = {0, 0};

    ret->len = 0;
    ret->items = mem_alloc(a->len + b->len + 1, sizeof *ret->items, err);
    for (size_t i = 0, j = 0; ret->items != NULL && (i < a->len || j < b->len);) {
        int order = i == a->len ? 1 : j == b->len ? -1 : by_row_value(&a->items[i], &b->items[j]);
        const struct compare_row *row = order <= 0 ? &a->items[i] : &b->items[j];

        i += order <= 0;
        j += order >= 0;
        if (run == NULL || by_row_name(run, row) != 0) {
            run = row;
            start = ret->len;
            left[0] = left[1] = 0;
        }
        if (order == 0)
            continue;
        struct compare_change *c = &ret->items[start + left[order > 0]++];

        c->group = row->group;
        c->name = row->name;
        *(order < 0 ? &c->a : &c->b) = row->value;
        ret->len = start + (left[0] > left[1] ? left[0] : left[1]);
    }
    return ret->items != NULL;
}

bool compare_rows_same_order(const struct compare_rows *a, const struct compare_rows *b,
                             enum compare_group group)
{
    for (size_t i = 0; i < a->len && i < b->len; i++) {
        if (a->items[i].group == group && a->items[i].rank != b->items[i].rank)
            return false;
    }
    return true;
}

void compare_rows_free(struct compare_rows *rows)
{
    mem_free(rows->items);
    buf_free(&rows->text);
}

void compare_changes_free(struct compare_changes *changes)
{
    mem_free(changes->items);
}
