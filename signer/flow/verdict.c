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
    for (size_t i = 0; i < v->objects_len; i++)
        mem_free(v->objects[i].name);
    mem_free(v->rows);
    mem_free(v->objects);
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

bool verdict_about(struct verdict *v, const char *name, bool is_signed, enum verdict_mrenclave mrenclave,
                   struct ens_err *err)
{
    void *objects = v->objects;

    if (!mem_grow(&objects, v->objects_len + 1, sizeof *v->objects, err))
        return false;
    v->objects = objects;
    struct verdict_object *o = &v->objects[v->objects_len++];

    *o = (struct verdict_object){
        .name = mem_strdup(name, err), .is_signed = is_signed, .mrenclave = mrenclave};
    return o->name != NULL;
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

/* "app.orc: ": an object inside the file; "" of the file itself, and of its metadata. */
static const char *before_object(const struct verdict *v, const char *object, const char **ret_gap)
{
    bool is_apart = v->file != NULL && strncmp(object, v->file, strlen(v->file)) != 0;

    *ret_gap = is_apart ? ": " : "";
    return is_apart ? v->file : "";
}

static void report_verdict_line(const struct verdict *v, const struct verdict_row *row, struct report *r)
{
    const char *gap = NULL;
    const char *file = before_object(v, row->object, &gap);

    report_line(r, "%s: %s%s%s: %s [%s]", row->is_no ? "no" : "warning", file, gap, row->object, row->text,
                row->rule);
}

void verdict_report_lines(const struct verdict *v, size_t first, struct report *r)
{
    for (size_t i = first; i < v->len; i++)
        report_verdict_line(v, &v->rows[i], r);
}

void verdict_report_array(const struct verdict *v, bool is_no, bool with_lines, struct report *r)
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
        if (with_lines)
            report_verdict_line(v, &v->rows[i], r);
    }
    report_close(r);
}

void verdict_report_objects(const struct verdict *v, struct report *r)
{
    const char *gap = NULL;

    report_array(r, "objects", NULL, 0);
    for (size_t i = 0; i < v->objects_len; i++) {
        const struct verdict_object *o = &v->objects[i];
        const char *file = before_object(v, o->name, &gap);

        report_object(r, NULL, NULL, 0);
        report_text(r, "object", NULL, o->name);
        report_bool(r, "signed", o->is_signed);
        report_close(r);
        if (v->refusals == 0)
            report_line(r, "yes: %s%s%s: %s", file, gap, o->name,
                        o->is_signed                      ? "verifies"
                        : o->mrenclave == VERDICT_REBUILT ? "measures to the MRENCLAVE of its release"
                                                          : "is not signed, and nothing else is wrong");
    }
    report_close(r);
    if (v->refusals == 0 && v->objects_len == 0)
        report_line(r, "yes: %s: has no SGX component, and nothing is wrong", v->file);
}
