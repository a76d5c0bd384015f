/* The grammar, by recursive descent, which TOML_DEPTH_MAX bounds, and the tree. */
#include "signer/base/toml.h"

#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/base/toml_scan.h"

/* Says of a table or array what may still be added to it. */
enum made {
    MADE_CLOSED, /* a value: nothing */
    MADE_HEADER, /* [a.b], [[a.b]]: tables, by further headers */
    MADE_ON_WAY, /* a of [a.b]: its own header too */
    MADE_DOTTED, /* a of a.b = 1: values, by dotted keys, which stand below one header; tables, by headers */
};

struct toml {
    struct toml_value *values; /* [0] ends each balanced tree and each list */
    size_t len, cap;
    uint8_t *room;
};

#define ROOT 1

struct parser {
    struct toml_scan s;
    struct toml *t;
};

/* ---- the tree ---- */

static int order(struct view a, struct view b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int by_text = len > 0 ? memcmp(a.data, b.data, len) : 0;

    return by_text != 0 ? by_text : (a.len > b.len) - (a.len < b.len);
}

static uint32_t find_member(const struct toml_value *values, uint32_t table, struct view key)
{
    uint32_t i = values[table].members;
    int o = 0;

    while (i != 0 && (o = order(key, values[i].key)) != 0)
        i = values[i].side[o > 0];
    return i;
}

/* AA trees: a member of a level has one of the same level on its right side at most, and none on its left. */
static uint32_t balance(struct toml_value *values, uint32_t root)
{
    uint32_t left = values[root].side[0];

    if (values[left].level == values[root].level) {
        values[root].side[0] = values[left].side[1];
        values[left].side[1] = root;
        root = left;
    }
    uint32_t right = values[root].side[1];

    if (values[values[right].side[1]].level == values[root].level) {
        values[root].side[1] = values[right].side[0];
        values[right].side[0] = root;
        values[right].level++;
        root = right;
    }
    return root;
}

static uint32_t insert(struct toml_value *values, uint32_t root, uint32_t i)
{
    if (root == 0)
        return i;
    uint32_t *side = &values[root].side[order(values[i].key, values[root].key) > 0];

    *side = insert(values, *side, i);
    return balance(values, root);
}

/* Appends a value to a table, in which its key is new, or to an array. */
static bool append_value(struct parser *p, uint32_t to, struct toml_value v, uint32_t *ret)
{
    struct toml *t = p->t;

    if (t->len > TOML_VALUES_MAX)
        return toml_scan_fail(&p->s, "there are too many values");
    if (t->values[to].depth == TOML_DEPTH_MAX)
        return toml_scan_fail(&p->s, "it is nested too deeply");
    if (t->len == t->cap) {
        if (!mem_grow((void **)&t->values, t->cap * 2, sizeof *t->values, p->s.err))
            return false;
        t->cap *= 2;
    }
    struct toml_value *parent = &t->values[to];
    uint32_t i = (uint32_t)t->len++;

    v.self = i;
    v.level = 1;
    v.depth = (uint8_t)(parent->depth + 1);
    t->values[i] = v;
    *(parent->last != 0 ? &t->values[parent->last].next : &parent->first) = i;
    parent->last = i;
    if (parent->type == TOML_TABLE)
        parent->members = insert(t->values, parent->members, i);
    *ret = i;
    return true;
}

static bool add_table(struct parser *p, uint32_t to, struct view key, enum made made, uint32_t *ret)
{
    return append_value(p, to, (struct toml_value){.type = TOML_TABLE, .key = key, .made = (uint8_t)made},
                        ret);
}

/* ---- values ---- */

static bool take_pair(struct parser *p, uint32_t table);
static bool take_value(struct parser *p, uint32_t to, struct view key);

/* The comma or the end behind a member: false if it is neither. */
static bool take_comma(struct toml_scan *s, const char *end, bool *ret_end)
{
    bool comma = toml_scan_take(s, ",");

    *ret_end = !comma && toml_scan_take(s, end);
    return comma || *ret_end || toml_scan_fail(s, "a comma or the end is missing");
}

static bool take_array(struct parser *p, uint32_t array)
{
    bool end = false;

    for (;;) {
        toml_scan_lines(&p->s);
        if (toml_scan_take(&p->s, "]"))
            return true;
        if (!take_value(p, array, (struct view){0}))
            return false;
        toml_scan_lines(&p->s);
        if (!take_comma(&p->s, "]", &end) || end)
            return end;
    }
}

static bool take_inline(struct parser *p, uint32_t table)
{
    void (*const skip)(struct toml_scan *) = p->s.version == TOML_1_1 ? toml_scan_lines : toml_scan_blanks;
    bool end = false;

    for (bool first = true;; first = false) {
        skip(&p->s);
        if ((first || p->s.version == TOML_1_1) && toml_scan_take(&p->s, "}"))
            return true;
        if (!take_pair(p, table))
            return false;
        skip(&p->s);
        if (!take_comma(&p->s, "}", &end) || end)
            return end;
    }
}

static bool take_value(struct parser *p, uint32_t to, struct view key)
{
    struct toml_value v = {.type = TOML_ARRAY, .key = key, .made = MADE_CLOSED};
    uint32_t i = 0;

    if (toml_scan_take(&p->s, "["))
        return append_value(p, to, v, &i) && take_array(p, i);
    if (toml_scan_take(&p->s, "{"))
        return add_table(p, to, key, MADE_CLOSED, &i) && take_inline(p, i);
    return toml_scan_value(&p->s, &v) && append_value(p, to, v, &i);
}

/* The table that a part of a dotted key names. */
static bool enter_dotted(struct parser *p, uint32_t in, struct view key, uint32_t *ret)
{
    uint32_t i = find_member(p->t->values, in, key);
    struct toml_value *v = &p->t->values[i];

    if (i == 0)
        return add_table(p, in, key, MADE_DOTTED, ret);
    if (v->made != MADE_ON_WAY && v->made != MADE_DOTTED)
        return toml_scan_fail(&p->s, "a dotted key adds to what is defined elsewhere");
    v->made = MADE_DOTTED;
    *ret = i;
    return true;
}

/* KEY = VALUE, A.B = VALUE */
static bool take_pair(struct parser *p, uint32_t table)
{
    struct view key;

    if (!toml_scan_key(&p->s, &key))
        return false;
    while (toml_scan_take(&p->s, ".")) {
        if (!enter_dotted(p, table, key, &table) || !toml_scan_key(&p->s, &key))
            return false;
    }
    if (find_member(p->t->values, table, key) != 0)
        return toml_scan_fail(&p->s, "the key is there twice");
    if (!toml_scan_take(&p->s, "="))
        return toml_scan_fail(&p->s, "a = is missing");
    toml_scan_blanks(&p->s);
    return take_value(p, table, key);
}

/* ---- the document ---- */

/* The table that a part of a header but the last names: of an array the last one. */
static bool pass(struct parser *p, uint32_t in, struct view key, uint32_t *ret)
{
    uint32_t i = find_member(p->t->values, in, key);
    const struct toml_value *v = &p->t->values[i];

    if (i == 0)
        return add_table(p, in, key, MADE_ON_WAY, ret);
    if (v->made == MADE_CLOSED)
        return toml_scan_fail(&p->s, "a header adds to a value");
    *ret = v->type == TOML_ARRAY ? v->last : i;
    return true;
}

/* The last part of a header. */
static bool define(struct parser *p, uint32_t in, struct view key, bool many, uint32_t *ret)
{
    uint32_t i = find_member(p->t->values, in, key);
    struct toml_value *v = &p->t->values[i];

    if (i == 0 && !many)
        return add_table(p, in, key, MADE_HEADER, ret);
    if (i != 0 && (many ? v->type != TOML_ARRAY || v->made != MADE_HEADER : v->made != MADE_ON_WAY))
        return toml_scan_fail(&p->s, "the table is there twice");
    if (many)
        return (i != 0 ||
                append_value(p, in, (struct toml_value){.type = TOML_ARRAY, .key = key, .made = MADE_HEADER},
                             &i)) &&
               add_table(p, i, (struct view){0}, MADE_HEADER, ret);
    v->made = MADE_HEADER;
    *ret = i;
    return true;
}

/* [A.B] or [[A.B]]: the table to which the pairs below belong. */
static bool take_header(struct parser *p, uint32_t *ret)
{
    bool many = toml_scan_take(&p->s, "[[");
    struct view key;
    uint32_t table = ROOT;

    if ((!many && !toml_scan_take(&p->s, "[")) || !toml_scan_key(&p->s, &key))
        return false;
    while (toml_scan_take(&p->s, ".")) {
        if (!pass(p, table, key, &table) || !toml_scan_key(&p->s, &key))
            return false;
    }
    if (!toml_scan_take(&p->s, many ? "]]" : "]"))
        return toml_scan_fail(&p->s, "a header has no end");
    return define(p, table, key, many, ret);
}

static bool take_document(struct parser *p)
{
    uint32_t table = ROOT;

    for (toml_scan_lines(&p->s); toml_scan_peek(&p->s) >= 0; toml_scan_lines(&p->s)) {
        if (toml_scan_peek(&p->s) == '[' ? !take_header(p, &table) : !take_pair(p, table))
            return false;
        toml_scan_comment(&p->s);
        if (!toml_scan_newline(&p->s) && toml_scan_peek(&p->s) >= 0)
            return toml_scan_fail(&p->s, "the line should end here");
    }
    return true;
}

static bool check_bytes(struct toml_scan *s)
{
    uint32_t ignored = 0;

    if (s->text.len > TOML_SIZE_MAX)
        return ens_fail(s->err, ENS_DATA, "%s: has more than %u MiB of TOML: give the right file", s->name,
                        TOML_SIZE_MAX >> 20);
    for (size_t n = 1; s->at < s->text.len; s->at += n) {
        n = text_decode(s->text.data + s->at, s->text.len - s->at, &ignored);
        if (n == 0)
            return toml_scan_fail(s, "this is not UTF-8");
    }
    s->at = 0;
    return true;
}

bool toml_parse(struct view text, const char *name, enum toml_version version, struct toml **ret,
                struct ens_err *err)
{
    ENS_CLEANUP(toml_freep) struct toml *t = mem_alloc(1, sizeof *t, err);
    struct parser p = {.s = {.text = text, .name = name, .version = version, .err = err}, .t = t};

    if (t == NULL || !check_bytes(&p.s))
        return false;
    t->len = ROOT + 1;
    t->cap = 64;
    t->values = mem_alloc(t->cap, sizeof *t->values, err);
    p.s.room = t->room = mem_room(text.len + 1, err);
    if (t->values == NULL || t->room == NULL)
        return false;
    t->values[ROOT] = (struct toml_value){.self = ROOT, .made = MADE_HEADER};
    if (!take_document(&p))
        return false;
    *ret = ens_take(t);
    return true;
}

void toml_freep(struct toml **t)
{
    if (*t == NULL)
        return;
    mem_free((*t)->values);
    mem_free((*t)->room);
    mem_free(*t);
    *t = NULL;
}

/* ---- reading it ---- */

const struct toml_value *toml_root(const struct toml *t)
{
    return &t->values[ROOT];
}

const struct toml_value *toml_first(const struct toml_value *v)
{
    return v == NULL || v->first == 0 ? NULL : v - v->self + v->first;
}

const struct toml_value *toml_next(const struct toml_value *v)
{
    return v == NULL || v->next == 0 ? NULL : v - v->self + v->next;
}

const struct toml_value *toml_get(const struct toml_value *table, const char *path)
{
    while (table != NULL) {
        size_t len = strcspn(path, ".");
        uint32_t i = find_member(table - table->self, table->self, view_of(path, len));

        table = i != 0 ? table - table->self + i : NULL;
        if (path[len] == '\0')
            break;
        path += len + 1;
    }
    return table;
}
