/* Which lines of a long text stand on which page. */
#pragma once

#include "signer/ui/screen.h"

/* What was not shown yet. */
struct screen_pages {
    struct view top, header, rows;
    struct view early; /* the beginning of `last`, if all of it does not fit above the question */
    struct view last;  /* for the last page */
    size_t room;       /* lines of a page, without its question */
};

/* One page, in this order; each part may be empty. */
struct screen_page {
    struct view top, header, rows, early;
};

size_t screen_pages_lines(struct view text);

void screen_pages_begin(struct screen_pages *p, const struct screen_text *t, size_t room);

/* The next page before the last; false: `last` is all that is left. A page does not end after a line that begins a
 * block, such as a heading or an item of the list of dangers, nor within one, unless the block is larger than a page:
 * what is indented by six blanks belongs to the line above, and so does what follows a line without any. */
bool screen_pages_next(struct screen_pages *p, struct screen_page *ret);
