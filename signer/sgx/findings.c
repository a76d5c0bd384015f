/* A list of findings of bounded size. */
#include "signer/sgx/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The number of findings of this rule and severity. */
static size_t count_rule(const struct findings *list, enum severity severity, const char *rule)
{
    size_t n = 0;

    for (size_t i = 0; i < list->len; i++)
        n += list->items[i].severity == severity && strcmp(list->items[i].rule, rule) == 0;
    return n;
}

/* A place for the finding; NULL: there is none. */
static struct finding *find_place(struct findings *list, enum severity severity, const char *rule)
{
    if (list->len < FINDINGS_MAX)
        return &list->items[list->len++];
    list->dropped++;
    if (count_rule(list, severity, rule) > 0)
        return NULL;
    for (size_t i = list->len; i > 0; i--) {
        struct finding *f = &list->items[i - 1];

        if (count_rule(list, f->severity, f->rule) > 1)
            return f;
    }
    return NULL;
}

void findings_add(struct findings *list, enum severity severity, const char *rule, const char *fmt, ...)
{
    va_list args;

    struct finding *f = find_place(list, severity, rule);

    if (f == NULL)
        return;
    f->severity = severity;
    f->rule = rule;
    va_start(args, fmt);
    if (vsnprintf(f->text, sizeof f->text, fmt, args) < 0)
        f->text[0] = '\0';
    va_end(args);
}

bool finding_is_danger(const struct finding *f)
{
    static const char *const rules[] = {"unmeasured-code", "page-twice", "patched-code"};

    for (size_t i = 0; f->severity == SEVERITY_ERROR && i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(f->rule, rules[i]) == 0)
            return true;
    }
    return false;
}

void findings_allow(struct findings *list)
{
    for (size_t i = 0; i < list->len; i++) {
        if (finding_is_danger(&list->items[i]))
            list->items[i].severity = SEVERITY_WARNING;
    }
}

size_t findings_count(const struct findings *list, enum severity severity)
{
    size_t n = 0;

    for (size_t i = 0; i < list->len; i++)
        n += list->items[i].severity == severity;
    return n;
}

const struct finding *findings_first(const struct findings *list, enum severity severity)
{
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].severity == severity)
            return &list->items[i];
    }
    return NULL;
}
