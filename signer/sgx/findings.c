/* A list of findings of bounded size. */
#include "signer/sgx/findings.h"

#include <stdarg.h>
#include <stdio.h>

void findings_add(struct findings *list, enum severity severity, const char *rule, const char *fmt, ...)
{
    va_list args;

    if (list->len == FINDINGS_MAX) {
        list->dropped++;
        return;
    }
    struct finding *f = &list->items[list->len++];

    f->severity = severity;
    f->rule = rule;
    va_start(args, fmt);
    if (vsnprintf(f->text, sizeof f->text, fmt, args) < 0)
        f->text[0] = '\0';
    va_end(args);
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
