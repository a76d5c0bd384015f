/* The moment of yes. */
#include "signer/flow/moment.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/base/text.h"
#include "signer/flow/dangers.h"

/* A question with names in it is not longer than this. */
#define QUESTION_COLUMNS 79

/* Continuation of lines that are wrapped. */
#define INDENT 4
/* And of rows of the table, which begin with four blanks or fewer: a name cannot look like one. */
#define ROW_INDENT 8

/* Where a terminal does not say how wide it is, as serial lines do not, it breaks lines all the same. */
#define USUAL_COLUMNS 80

void moment_free(struct moment *m)
{
    for (size_t i = 0; i < m->lines_len; i++)
        buf_free(&m->lines[i].value);
    m->lines_len = 0;
}

bool moment_line(struct moment *m, const char *label, struct ens_err *err, const char *fmt, ...)
{
    va_list args;

    m->lines[m->lines_len].label = label;
    va_start(args, fmt);
    bool ok = buf_vprintf(&m->lines[m->lines_len++].value, err, fmt, args);
    va_end(args);
    return ok;
}

static struct review_table table_of(const struct moment *m, bool grouped)
{
    return (struct review_table){.items = m->items,
                                 .len = m->len,
                                 .files = m->files,
                                 .mrsigner = m->mrsigner,
                                 .resigns = m->resigns,
                                 .grouped = grouped};
}

/* ---- the summary ---- */

static bool add_danger_rows(const struct moment *m, struct buf *ret, size_t *ret_count, struct ens_err *err)
{
    struct findings found = {0};

    if (m->len > 1)
        return review_dangerous(m->items, m->len, ret, ret_count, err);
    review_dangers(&m->items[0].review, &found);
    *ret_count = found.len;
    if (found.len == 0)
        return buf_printf(ret, err, "none");
    return buf_printf(ret, err, "%zu: ", found.len) && review_danger_names(&found, ret, err);
}

static bool add_summary(const struct moment *m, unsigned columns, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf dangers = {0};
    size_t count = 0;

    for (size_t i = 0; i < m->lines_len; i++) {
        if (!review_summary_line(m->lines[i].label, buf_view(&m->lines[i].value), columns, ret, err))
            return false;
    }
    return add_danger_rows(m, &dangers, &count, err) &&
           review_summary_line("Dangers", buf_view(&dangers), columns, ret, err);
}

/* ---- the question ---- */

/* A file's name as it is spoken of: without directory and ending. */
static bool add_nickname(const struct review_item *x, bool first, struct buf *ret, struct ens_err *err)
{
    const char *name = path_name(x->name);
    const char *end = strstr(name, ".signdata");

    return buf_printf(ret, err, "%s%.*s", first ? "" : ", ",
                      (int)(end != NULL && end[9] == '\0' ? (size_t)(end - name) : strlen(name)), name);
}

/* "(app002, app004)" */
static bool add_nicknames(const struct moment *m, struct buf *ret, struct ens_err *err)
{
    bool first = true;

    for (size_t i = 0; i < m->len; i++) {
        struct findings found = {0};

        review_dangers(&m->items[i].review, &found);
        if (found.len == 0)
            continue;
        if (!add_nickname(&m->items[i], first, ret, err))
            return false;
        first = false;
    }
    return true;
}

/* Has a name nothing in it that could end the list, or the question? */
static bool are_plain(struct view names)
{
    for (size_t i = 0; i < names.len; i++) {
        if (names.data[i] < ' ' || names.data[i] > '~' || strchr("()?:;", names.data[i]) != NULL)
            return false;
    }
    return true;
}

/* "Sign these 5, of which 1 has dangers (app002)? ", without the names if they are too many for a line, or read
 * as something else. */
static bool add_question_many(const struct moment *m, size_t dangers, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf names = {0};
    ENS_CLEANUP(buf_free) struct buf with = {0};

    if (!buf_printf(ret, err, "%s these %zu", m->verb, m->open))
        return false;
    if (dangers == 0)
        return buf_printf(ret, err, "? ");
    if (!buf_printf(&with, err, ", of which %zu %s dangers", dangers, dangers == 1 ? "has" : "have") ||
        !add_nicknames(m, &names, err))
        return false;
    if (ret->len + with.len + strlen("? ") + strlen(m->answers) > QUESTION_COLUMNS)
        return buf_printf(ret, err, ", %zu with dangers? ", dangers);
    if (!buf_append(ret, buf_view(&with), err))
        return false;
    if (ret->len + names.len + strlen(" ()? ") + strlen(m->answers) > QUESTION_COLUMNS ||
        !are_plain(buf_view(&names)))
        return buf_printf(ret, err, "? ");
    return buf_printf(ret, err, " (%.*s)? ", (int)names.len, (const char *)names.data);
}

/* "Sign this, with 2 dangers? Type yes to sign: " */
static bool add_question(const struct moment *m, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf ignored = {0};
    size_t dangers = 0;

    if (m->wants_words)
        return buf_printf(ret, err, "Type the first word of each row: ");
    if (!add_danger_rows(m, &ignored, &dangers, err))
        return false;
    if (m->len > 1)
        return add_question_many(m, dangers, ret, err) && buf_printf(ret, err, "%s", m->answers);
    if (dangers == 0)
        return buf_printf(ret, err, "%s this? %s", m->verb, m->answers);
    return buf_printf(ret, err, "%s this, with %zu danger%s? %s", m->verb, dangers, dangers == 1 ? "" : "s",
                      m->answers);
}

/* ---- what is shown ---- */

struct parts {
    struct buf top, header, rows, dangers, set, summary;
    size_t details; /* lines of `top` that may scroll away */
};

static void parts_free(struct parts *p)
{
    buf_free(&p->top);
    buf_free(&p->header);
    buf_free(&p->rows);
    buf_free(&p->dangers);
    buf_free(&p->set);
    buf_free(&p->summary);
}

/* Lines that are too long for the terminal are broken here, so that they can be counted. */
static bool wrap_rows(struct buf *b, unsigned columns, unsigned indent, struct ens_err *err)
{
    struct buf wrapped = {0};

    if (!text_fold(buf_view(b), columns, indent, &wrapped, err)) {
        buf_free(&wrapped);
        return false;
    }
    buf_free(b);
    *b = wrapped;
    return true;
}

static size_t lines_of(const struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

static bool render(const struct moment *m, bool grouped, unsigned columns, struct parts *ret,
                   struct ens_err *err)
{
    const struct review_form form = {
        .verb = m->done, .grouped = grouped, .note = m->note, .no_mrsigner = m->mrsigner == NULL};
    const struct review_table t = table_of(m, grouped);

    /* What others wrote stands in the details: it must not look like a row of them either. */
    if (!text_fold(m->details, columns, ROW_INDENT, &ret->top, err))
        return false;
    ret->details = lines_of(&ret->top);
    if (m->len == 1
            ? !review_render(&m->items[0].review, &form, &ret->top, err)
            : (!review_table_top(&t, &ret->top, err) || !review_table_header(&t, &ret->header, err) ||
               !review_table_rows(&t, &ret->rows, err) || !review_table_dangers(&t, &ret->dangers, err) ||
               !review_table_set(&t, &ret->set, err)))
        return false;
    return wrap_rows(&ret->top, columns, INDENT, err) && wrap_rows(&ret->header, columns, INDENT, err) &&
           wrap_rows(&ret->rows, columns, ROW_INDENT, err) &&
           wrap_rows(&ret->dangers, columns, ROW_INDENT, err) && wrap_rows(&ret->set, columns, INDENT, err) &&
           add_summary(m, columns, &ret->summary, err);
}

/* Pages repeat what they scroll away; and the rule of dashes is the first to go where a line is short. */
static bool show_at_terminal(const struct moment *m, bool *ret_go_on, struct ens_err *err)
{
    ENS_CLEANUP(parts_free) struct parts p = {0};
    ENS_CLEANUP(buf_free) struct buf last = {0};
    ENS_CLEANUP(buf_free) struct buf question = {0};
    const struct screen_size size = screen_size();
    unsigned columns = size.columns > 0 ? size.columns : USUAL_COLUMNS;

    if (!render(m, true, columns, &p, err) || !add_question(m, &question, err))
        return false;
    /* A header that would fill much of the terminal is not repeated on each page. */
    if (size.rows > 0 && 3 * lines_of(&p.header) > size.rows) {
        if (!buf_append(&p.top, buf_view(&p.header), err))
            return false;
        buf_free(&p.header);
    }
    size_t rest = lines_of(&p.top) + lines_of(&p.header) + lines_of(&p.rows) + lines_of(&p.set) +
                  lines_of(&p.summary) + 1;
    bool has_pages = p.rows.len > 0 && size.rows > 0 && rest > size.rows;
    bool has_rule = size.rows == 0 || has_pages || rest - p.details < size.rows;

    if ((has_pages && !buf_append(&last, buf_view(&p.dangers), err)) ||
        !buf_append(&last, buf_view(&p.set), err) || (has_rule && !review_rule(&last, err)) ||
        !buf_append(&last, buf_view(&p.summary), err))
        return false;
    return screen_show(&(struct screen_text){.top = buf_view(&p.top),
                                             .header = buf_view(&p.header),
                                             .rows = buf_view(&p.rows),
                                             .last = buf_view(&last),
                                             .question = question.len,
                                             .size = size},
                       ret_go_on, err);
}

static bool show_on_stderr(const struct moment *m, struct ens_err *err)
{
    ENS_CLEANUP(parts_free) struct parts p = {0};
    ENS_CLEANUP(buf_free) struct buf all = {0};

    if (!render(m, notice_is_watched(), 0, &p, err) || !buf_append(&all, buf_view(&p.top), err) ||
        !buf_append(&all, buf_view(&p.header), err) || !buf_append(&all, buf_view(&p.rows), err) ||
        !buf_append(&all, buf_view(&p.dangers), err) || !buf_append(&all, buf_view(&p.set), err) ||
        !review_rule(&all, err) || !buf_append(&all, buf_view(&p.summary), err))
        return false;
    notice_text(buf_view(&all));
    return true;
}

/* What --quiet leaves. */
static void say_dangers(const struct moment *m)
{
    struct dangers dangers = {0};

    for (size_t i = 0; i < m->len; i++)
        dangers_count(&dangers, &m->items[i].review, m->items[i].name);
    dangers_say(&dangers);
}

bool moment_show(const struct moment *m, struct ens_err *err)
{
    bool go_on = true;

    if (!m->asks && notice_is_quiet()) {
        say_dangers(m);
        return true;
    }
    /* A log has it as well. */
    if ((!m->asks || !notice_is_watched()) && !show_on_stderr(m, err))
        return false;
    if (m->asks && !show_at_terminal(m, &go_on, err))
        return false;
    return go_on || ens_fail(err, ENS_REFUSED, "%s: not %s: the answer was no", m->items[0].name, m->done);
}

/* ---- the answer ---- */

bool moment_answer(const struct moment *m, enum screen_answer *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    char words[REVIEW_WORDS_MAX];
    uint8_t digest[32];

    memcpy(digest, m->items[0].review.digest, sizeof digest);
    if ((m->len > 1 && !review_set_digest(m->items, m->len, digest, err)) || !add_question(m, &text, err) ||
        !buf_append(&text, view_of("", 1), err))
        return false;
    const struct screen_question q = {
        .text = (const char *)text.data,
        .yes = m->wants_words ? NULL : "yes",
        .words = review_first_words(digest, words),
        .again = m->wants_words ? "Please type the first word of each row, or no: " : NULL};

    do {
        if (!screen_ask(&q, ret, err))
            return false;
        if (*ret != SCREEN_YES || screen_is_as_shown())
            return true;
    } while (moment_show(m, err));
    return false;
}

bool moment_ask(const struct moment *m, struct ens_err *err)
{
    enum screen_answer answer = SCREEN_NO;

    if (!moment_answer(m, &answer, err))
        return false;
    return answer == SCREEN_YES ||
           ens_fail(err, ENS_REFUSED, "%s: not %s: the answer was %s", m->items[0].name, m->done,
                    answer == SCREEN_NO ? "no"
                    : m->wants_words    ? "not these words"
                                        : "not yes");
}
