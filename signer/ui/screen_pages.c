/* Pages. */
#include "signer/ui/screen_pages.h"

#include <string.h>

/* Blanks before a line that belongs to the one above. */
#define BELONGS 6

static size_t length_of_line(struct view text)
{
    const uint8_t *end = memchr(text.data, '\n', text.len);

    return end != NULL ? (size_t)(end - text.data) + 1 : text.len;
}

static struct view without_line(struct view text)
{
    size_t len = length_of_line(text);

    return view_slice(text, len, text.len - len);
}

size_t screen_pages_lines(struct view text)
{
    size_t n = 0;

    for (; text.len > 0; n++)
        text = without_line(text);
    return n;
}

static size_t blanks_before(struct view line)
{
    size_t n = 0;

    while (n < line.len && line.data[n] == ' ')
        n++;
    return n;
}

/* May a page end after the line that `text` begins with? */
static bool may_end(struct view text)
{
    struct view next = without_line(text);
    size_t depth = blanks_before(next);

    return next.len == 0 || (depth < BELONGS && (depth == 0 || blanks_before(text) > 0));
}

/* Takes as many lines as there is room for and as stay together; if not even the first block fits, none, or if `must`
 * a part of it. */
static struct view take_lines(struct view *text, size_t *room, bool must)
{
    struct view left = *text;
    size_t lines = 0;
    size_t best = 0;
    size_t len = 0;

    while (left.len > 0 && lines < *room) {
        bool is_end = may_end(left);

        left = without_line(left);
        lines++;
        if (is_end || (must && best == 0 && lines == *room)) {
            best = lines;
            len = text->len - left.len;
        }
    }
    struct view taken = view_slice(*text, 0, len);

    *text = view_slice(*text, len, text->len - len);
    *room -= best;
    return taken;
}

/* How many bytes of `last` stand on pages before: what does not fit, and the rest of the block that would be cut. */
static size_t length_of_early(struct view last, size_t room)
{
    size_t lines = screen_pages_lines(last);
    struct view left = last;
    bool is_end = true;

    for (; lines > room; lines--) {
        is_end = may_end(left);
        left = without_line(left);
    }
    struct view whole = left;

    while (!is_end && whole.len > 0) {
        is_end = may_end(whole);
        whole = without_line(whole);
    }
    return last.len - (whole.len > 0 ? whole.len : left.len);
}

void screen_pages_begin(struct screen_pages *p, const struct screen_text *t, size_t room)
{
    size_t early = length_of_early(t->last, room);

    /* A header without room for a row below it is left out. */
    *p = (struct screen_pages){.top = t->top,
                               .header = screen_pages_lines(t->header) < room ? t->header : view_of(NULL, 0),
                               .rows = t->rows,
                               .early = view_slice(t->last, 0, early),
                               .last = view_slice(t->last, early, t->last.len - early),
                               .room = room};
}

bool screen_pages_next(struct screen_pages *p, struct screen_page *ret)
{
    size_t header = screen_pages_lines(p->header);
    size_t room = p->room;

    if (p->top.len == 0 && p->rows.len == 0 && p->early.len == 0)
        return false;
    *ret = (struct screen_page){.top = take_lines(&p->top, &room, true)};
    bool is_empty = room == p->room;

    /* The header only if rows follow. */
    if (p->top.len == 0 && p->rows.len > 0 && room > header) {
        size_t below = room - header;

        ret->rows = take_lines(&p->rows, &below, is_empty);
        if (ret->rows.len > 0) {
            ret->header = p->header;
            room = below;
        }
    }
    if (p->top.len == 0 && p->rows.len == 0)
        ret->early = take_lines(&p->early, &room, room == p->room);
    return true;
}
