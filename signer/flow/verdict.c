/* A verdict in the making. */
#include "signer/flow/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"

#define VERDICT_TEXT_MAX 1024

/* An error's message names its object already; the line does so before it. */
static const char *without_object(const char *text, const char *object)
{
    size_t len = strlen(object);

    return strncmp(text, object, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2 : text;
}

static bool add(struct verdict *v, bool is_no, const char *object, const char *rule, const char *fmt,
                va_list args, struct ens_err *err) ENS_PRINTF(5, 0);

static bool add(struct verdict *v, bool is_no, const char *object, const char *rule, const char *fmt,
                va_list args, struct ens_err *err)
{
    char whole[VERDICT_TEXT_MAX];
    void *rows = v->rows;

    if (vsnprintf(whole, sizeof whole, fmt, args) < 0)
        whole[0] = '\0';
    if (!mem_grow(&rows, v->len + 1, sizeof *v->rows, err))
        return false;
    v->rows = rows;
    struct verdict_row *row = &v->rows[v->len++];

    *row = (struct verdict_row){.is_no = is_no, .rule = rule};
    row->object = mem_strdup(object, err);
    row->text = row->object != NULL ? mem_strdup(without_object(whole, object), err) : NULL;
    v->refusals += is_no;
    return row->text != NULL;
}

void verdict_free(struct verdict *v)
{
    for (size_t i = 0; i < v->len; i++) {
        mem_free(v->rows[i].object);
        mem_free(v->rows[i].text);
    }
    mem_free(v->rows);
}

bool verdict_no(struct verdict *v, const char *object, const char *rule, struct ens_err *err, const char *fmt,
                ...)
{
    va_list args;

    va_start(args, fmt);
    bool ok = add(v, true, object, rule, fmt, args, err);
    va_end(args);
    return ok;
}

bool verdict_warn(struct verdict *v, const char *object, const char *rule, struct ens_err *err,
                  const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    bool ok = add(v, false, object, rule, fmt, args, err);
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

void verdict_report_lines(const struct verdict *v, size_t first, struct report *r)
{
    for (size_t i = first; i < v->len; i++)
        report_line(r, "%s: %s: %s [%s]", v->rows[i].is_no ? "no" : "warning", v->rows[i].object,
                    v->rows[i].text, v->rows[i].rule);
}

void verdict_report_array(const struct verdict *v, bool is_no, struct report *r)
{
    report_array(r, is_no ? "reasons" : "warnings", NULL, 0);
    for (size_t i = 0; i < v->len; i++) {
        if (v->rows[i].is_no != is_no)
            continue;
        report_object(r, NULL, NULL, 0);
        report_text(r, "object", NULL, v->rows[i].object);
        report_text(r, "rule", NULL, v->rows[i].rule);
        report_text(r, "text", NULL, v->rows[i].text);
        report_close(r);
    }
    report_close(r);
}
