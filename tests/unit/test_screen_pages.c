/* Pages: which lines stand on which, what is repeated, and what is never cut in two. */
#include <stdio.h>
#include <string.h>

#include "signer/ui/screen_pages.h"
#include "tests/support/support.h"

/* The pages of a text, each with its lines joined by '|', and the last one. */
static void check_pages(const struct screen_text *t, size_t room, const char *const *want)
{
    struct screen_pages pages;
    struct screen_page p;
    size_t n = 0;

    screen_pages_begin(&pages, t, room);
    for (;; n++) {
        bool more = screen_pages_next(&pages, &p);
        const struct view parts[] = {p.top, p.header, p.rows, p.early};
        char have[400] = "";
        size_t len = 0;

        for (size_t i = 0; more && i < 4; i++) {
            memcpy(have + len, parts[i].len > 0 ? parts[i].data : (const uint8_t *)"", parts[i].len);
            len += parts[i].len;
        }
        if (!more) {
            memcpy(have, pages.last.data, pages.last.len);
            len = pages.last.len;
        }
        have[len] = '\0';
        for (char *c = have; *c != '\0'; c++)
            *c = *c == '\n' ? '|' : *c;
        assert_non_null(want[n]);
        assert_string_equal(have, want[n]);
        if (!more)
            break;
    }
    assert_null(want[n + 1]);
}

#define PAGES(top_, header_, rows_, last_, room, ...)                                                        \
    check_pages(&(const struct screen_text){.top = view_of_string(top_),                                     \
                                            .header = view_of_string(header_),                               \
                                            .rows = view_of_string(rows_),                                   \
                                            .last = view_of_string(last_)},                                  \
                room, (const char *const[]){__VA_ARGS__, NULL})

static void every_page_of_rows_has_the_header_and_the_end_stands_alone(void **state)
{
    (void)state;
    PAGES("top\n", "  #\n", "  1\n  2\n  3\n  4\n", "end\n", 4, "top|  #|  1|  2|", "  #|  3|  4|", "end|");
    PAGES("a\nb\nc\n", "  #\n", "  1\n", "end\n", 3, "a|b|c|", "  #|  1|", "end|");
    PAGES("", "", "", "end\n", 3, "end|");
    /* A header that leaves no room for a row. */
    PAGES("", "  #\n  =\n", "  1\n  2\n  3\n", "end\n", 2, "  1|  2|", "  3|", "end|");
}

static void what_does_not_fit_above_the_question_comes_before(void **state)
{
    (void)state;
    PAGES("", "", "  1\n", "a\nb\nc\nd\n", 3, "  1|a|", "b|c|d|");
    PAGES("", "", "", "a\nb\nc\nd\ne\nf\ng\n", 3, "a|b|c|", "d|", "e|f|g|");
}

#define ITEM1 " ! 1 a\n      bad\n"
#define ITEM2 " ! 2 b\n      bad\n      worse\n        than that\n"

/* An item of the list of dangers and its dangers are read together, and the first one with the heading. */
static void an_item_is_not_parted_from_its_heading(void **state)
{
    (void)state;
    PAGES("", "", "  1\n", "Items\n" ITEM1 ITEM2 "  All\n  x\nFiles\n", 5, "  1|Items| ! 1 a|      bad|",
          " ! 2 b|      bad|      worse|        than that|", "  All|  x|Files|");
    /* All that was cut goes before, not only what does not fit. */
    PAGES("", "", "  1\n", "Items\n" ITEM1 ITEM2 "Files\n", 4, "  1|Items| ! 1 a|      bad|",
          " ! 2 b|      bad|      worse|        than that|", "Files|");
    /* Nor is the heading left alone at the end of a page. */
    PAGES("", "", "  1\n  2\n  3\n", "Items\n" ITEM1 "  All\n  x\nFiles\n", 4, "  1|  2|  3|",
          "Items| ! 1 a|      bad|", "  All|  x|Files|");
    /* A row that was broken. */
    PAGES("", "  #\n", "  1\n  2\n        more\n  3\n", "end\n", 3, "  #|  1|", "  #|  2|        more|",
          "  #|  3|", "end|");
}

static void a_block_that_is_larger_than_a_page_is_cut(void **state)
{
    (void)state;
    PAGES("", "", "", ITEM2 "Files\n", 2, " ! 2 b|      bad|", "      worse|        than that|", "Files|");
    PAGES("", "", "", ITEM2, 2, " ! 2 b|      bad|", "      worse|        than that|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_of_rows_has_the_header_and_the_end_stands_alone),
        cmocka_unit_test(what_does_not_fit_above_the_question_comes_before),
        cmocka_unit_test(an_item_is_not_parted_from_its_heading),
        cmocka_unit_test(a_block_that_is_larger_than_a_page_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
