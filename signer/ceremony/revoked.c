/* Revoked keys, persons and statements: a list that is looked through. */
#include <stdio.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/hand.h"
#include "signer/ceremony/people.h"

#define ID_DIGITS 64 /* of a statement */

enum revoked_kind { REVOKED_KEY, REVOKED_PERSON, REVOKED_STATEMENT, REVOKED_KINDS };

static const char *const keywords[REVOKED_KINDS] = {"key", "person", "statement"};

struct entry {
    enum revoked_kind kind;
    char value[ID_DIGITS + 1]; /* the longest of the three */
};

struct revoked {
    struct entry *entries;
    size_t len;
};

void revoked_freep(struct revoked **r)
{
    if (*r == NULL)
        return;
    mem_free((*r)->entries);
    mem_free(*r);
    *r = NULL;
}

static bool has(const struct revoked *r, enum revoked_kind kind, const char *value)
{
    for (size_t i = 0; r != NULL && i < r->len; i++) {
        if (r->entries[i].kind == kind && strcmp(r->entries[i].value, value) == 0)
            return true;
    }
    return false;
}

bool revoked_has_key(const struct revoked *r, const char *fingerprint)
{
    return has(r, REVOKED_KEY, fingerprint);
}

bool revoked_has_person(const struct revoked *r, const char *name)
{
    return has(r, REVOKED_PERSON, name);
}

bool revoked_has_statement(const struct revoked *r, const char *id)
{
    return has(r, REVOKED_STATEMENT, id);
}

size_t revoked_len(const struct revoked *r)
{
    return r->len;
}

void revoked_entry(const struct revoked *r, size_t index, const char **ret_keyword, const char **ret_value)
{
    *ret_keyword = keywords[r->entries[index].kind];
    *ret_value = r->entries[index].value;
}

static bool is_value_of(enum revoked_kind kind, const char *value, bool *ret_yes, struct ens_err *err)
{
    *ret_yes = kind == REVOKED_PERSON
                   ? people_name_valid(value)
                   : strlen(value) == ID_DIGITS && strspn(value, "0123456789abcdef") == ID_DIGITS;
    return kind != REVOKED_KEY || sshkey_fingerprint_valid(value, ret_yes, err);
}

static bool add_revoked(struct revoked *r, enum revoked_kind kind, const char *value, struct ens_err *err)
{
    void *grown = r->entries;

    if (!mem_grow(&grown, r->len + 1, sizeof *r->entries, err))
        return false;
    r->entries = grown;
    r->entries[r->len].kind = kind;
    (void)snprintf(r->entries[r->len].value, sizeof r->entries[r->len].value, "%s", value);
    r->len++;
    return true;
}

static bool read_revoked_line(void *ctx, const struct hand_line *l, struct ens_err *err)
{
    struct revoked *r = ctx;
    bool yes = false;
    int kind = 0;

    while (kind < REVOKED_KINDS && strcmp(keywords[kind], l->words[0]) != 0)
        kind++;
    if (kind == REVOKED_KINDS)
        return ens_fail(err, ENS_DATA, "unknown-keyword: '%s': write key, person or statement", l->words[0]);
    if (l->len == 2 && !is_value_of((enum revoked_kind)kind, l->words[1], &yes, err))
        return false;
    if (!yes)
        return ens_fail(err, ENS_DATA, "value: %s takes one %s", l->words[0],
                        kind == REVOKED_KEY      ? "fingerprint, SHA256:... as ssh-keygen -l prints it"
                        : kind == REVOKED_PERSON ? "name of the approvers file"
                                                 : "id of 64 lower-case hexadecimal digits");
    if (has(r, (enum revoked_kind)kind, l->words[1]))
        return ens_fail(err, ENS_DATA, "twice: %s is there twice: leave one line", l->words[1]);
    return add_revoked(r, (enum revoked_kind)kind, l->words[1], err);
}

bool revoked_parse(struct view text, const char *name, struct revoked **ret, struct ens_err *err)
{
    ENS_CLEANUP(revoked_freep) struct revoked *r = mem_alloc(1, sizeof *r, err);

    if (r == NULL ||
        !hand_parse(text, "revoked", name, (struct hand_sink){.line = read_revoked_line, .ctx = r}, err))
        return false;
    *ret = ens_take(r);
    return true;
}
