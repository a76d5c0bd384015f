/* Colour by what a line begins with: no value of a file or token begins one (text_line). */
#include "signer/ui/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"

/* Colours 1 and 3 of ANSI can be read on light and dark. */
#define BOLD     "\x1b[1m"
#define RED      "\x1b[31m"
#define BOLD_RED "\x1b[1;31m"
#define YELLOW   "\x1b[33m"
#define PLAIN    "\x1b[0m"

/* What is coloured: `word`, if the line begins with `before` and it, and does not go on with `unless`. */
static const struct rule {
    bool is_indented; /* blanks may stand before it */
    const char *before, *word, *colour, *unless;
} rules[] = {
    {false, "", "yes:", BOLD, NULL},         {false, "", "no:", BOLD_RED, NULL},
    {false, "", "same enclave", BOLD, NULL}, {false, "", "other enclave", BOLD, NULL},
    {false, "", "cannot tell", BOLD, NULL},  {false, "ensign: ", "warning:", YELLOW, NULL},
    {true, "", "warning:", YELLOW, NULL},    {true, "", "!", RED, NULL},
    {true, "", "Dangers", RED, "none"},
};

static bool is_wanted(int fd)
{
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");

    return isatty(fd) == 1 && (no_colour == NULL || no_colour[0] == '\0') && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static size_t blanks(struct view line, size_t at)
{
    while (at < line.len && line.data[at] == ' ')
        at++;
    return at;
}

static bool begins(struct view line, size_t at, const char *text)
{
    size_t len = strlen(text);

    return line.len - at >= len && memcmp(line.data + at, text, len) == 0;
}

/* The place of the rule's word in the line. Behind the word a blank follows, or the line ends. */
static bool applies(const struct rule *rule, struct view line, size_t *ret_at)
{
    size_t at = rule->is_indented ? blanks(line, 0) : 0;

    if (!begins(line, at, rule->before))
        return false;
    at += strlen(rule->before);
    if (!begins(line, at, rule->word))
        return false;
    size_t end = at + strlen(rule->word);

    if (end < line.len && line.data[end] != ' ' && line.data[end] != ';' && line.data[end] != ':')
        return false;
    *ret_at = at;
    return rule->unless == NULL || (end < line.len && !begins(line, blanks(line, end), rule->unless));
}

static bool paint_line(struct view line, struct buf *ret, struct ens_err *err)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t at = 0;

        if (applies(&rules[i], line, &at)) {
            size_t len = strlen(rules[i].word);

            return buf_append(ret, view_slice(line, 0, at), err) &&
                   buf_printf(ret, err, "%s%s" PLAIN, rules[i].colour, rules[i].word) &&
                   buf_append(ret, view_slice(line, at + len, line.len - at - len), err);
        }
    }
    return buf_append(ret, line, err);
}

static bool make_printable(struct view text, struct buf *ret, struct ens_err *err)
{
    while (text.len > 0) {
        char piece[1024];
        size_t len = 0;
        size_t took = text_lines(piece, sizeof piece, text, &len);

        if (!buf_append(ret, view_of(piece, len), err))
            return false;
        text = view_slice(text, took, text.len - took);
    }
    return true;
}

bool colour_lines(int fd, struct view text, struct buf *ret)
{
    ENS_CLEANUP(buf_free) struct buf plain = {0};
    struct ens_err ignored = {0};

    if (!is_wanted(fd) || !make_printable(text, &plain, &ignored))
        return false;
    text = buf_view(&plain);
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) + 1 : text.len;

        if (!paint_line(view_slice(text, 0, len), ret, &ignored))
            return false;
        text = view_slice(text, len, text.len - len);
    }
    return true;
}
