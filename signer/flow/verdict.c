/* A verdict in the making. */
#include "signer/flow/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/text.h"

#define VERDICT_TEXT_MAX 1024

static bool add(struct verdict *v, struct doc *list, const char *kind, const char *object, const char *rule,
                const char *fmt, va_list args, struct ens_err *err) ENS_PRINTF(6, 0);

/* An error's message names its object already; the line does so before it. */
static const char *without_object(const char *text, const char *object)
{
    size_t len = strlen(object);

    return strncmp(text, object, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2 : text;
}

static bool add(struct verdict *v, struct doc *list, const char *kind, const char *object, const char *rule,
                const char *fmt, va_list args, struct ens_err *err)
{
    char whole[VERDICT_TEXT_MAX];
    char raw[2 * VERDICT_TEXT_MAX];
    char line[2 * VERDICT_TEXT_MAX];

    if (vsnprintf(whole, sizeof whole, fmt, args) < 0)
        whole[0] = '\0';
    const char *text = without_object(whole, object);

    if (list != NULL) {
        struct doc *at = doc_object(list, NULL);

        doc_text(at, "object", object);
        doc_text(at, "rule", rule);
        doc_text(at, "text", text);
        return true;
    }
    (void)snprintf(raw, sizeof raw, "%s: %s: %s [%s]", kind, object, text, rule);
    text_printable(line, sizeof line, raw, strlen(raw));
    return buf_append(&v->text, view_of_string(line), err) && buf_append(&v->text, view_of_string("\n"), err);
}

bool verdict_no(struct verdict *v, const char *object, const char *rule, struct ens_err *err, const char *fmt,
                ...)
{
    va_list args;

    v->refusals++;
    va_start(args, fmt);
    bool ok = add(v, v->reasons, "no", object, rule, fmt, args, err);
    va_end(args);
    return ok;
}

bool verdict_warn(struct verdict *v, const char *object, const char *rule, struct ens_err *err,
                  const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    bool ok = add(v, v->warnings, "warning", object, rule, fmt, args, err);
    va_end(args);
    return ok;
}

bool verdict_findings(struct verdict *v, const char *object, const struct findings *found,
                      struct ens_err *err)
{
    for (size_t i = 0; i < found->len; i++) {
        const struct finding *f = &found->items[i];
        bool ok = f->severity == SEVERITY_ERROR ? verdict_no(v, object, f->rule, err, "%s", f->text)
                                                : verdict_warn(v, object, f->rule, err, "%s", f->text);

        if (!ok)
            return false;
    }
    return true;
}
