/* The help of a command: its options by the question that they answer, its examples, and where else to look. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "signer/ui/options_internal.h"

#define COLUMNS  80
#define LEFT_MAX 30 /* an option with its argument; the texts begin behind the longest */

void options_print_text(size_t at, const char *text)
{
    size_t column = at;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column > at && column + 1 + len > COLUMNS) {
            printf("\n%*s", (int)at, "");
            column = at;
        }
        printf("%s%.*s", column > at ? " " : "", (int)len, text);
        column += (column > at ? 1 : 0) + len;
        text += len + (text[len] != '\0' ? 1 : 0);
    }
    putchar('\n');
}

/* "-o, --output FILE", in `ret` of `size` bytes. */
static size_t write_left(const struct option *o, char *ret, size_t size)
{
    char letter[5] = "    ";

    if (o->letter != 0)
        (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
    const char *gap = o->arg == NULL ? "" : (o->marks & OPTION_WORD) != 0 ? "[=" : " ";
    int len = snprintf(ret, size, "  %s--%s%s%s%s", letter, o->name, gap, o->arg != NULL ? o->arg : "",
                       gap[0] == '[' ? "]" : "");

    return len < 0 ? 0 : (size_t)len;
}

static void print_topic(const struct command *c, const char *topic, size_t column)
{
    struct option_place p;

    printf("%s\n", topic);
    for (size_t i = 0; options_at(c, i, &p); i++) {
        char left[80];

        if (strcmp(p.topic, topic) != 0)
            continue;
        size_t len = write_left(p.row, left, sizeof left);

        printf("%-*s", (int)column, left);
        if (len + 1 > column)
            printf("\n%*s", (int)column, "");
        options_print_text(column, p.row->help);
    }
}

/* Is it the first option of the command that has this topic? */
static bool is_first(const struct command *c, size_t index, const char *topic)
{
    struct option_place p;

    for (size_t i = 0; i < index && options_at(c, i, &p); i++) {
        if (strcmp(p.topic, topic) == 0)
            return false;
    }
    return true;
}

static void print_options(const struct command *c)
{
    struct option_place p;
    size_t column = 0;

    for (size_t i = 0; options_at(c, i, &p); i++) {
        char left[80];
        size_t len = write_left(p.row, left, sizeof left);

        if (len <= LEFT_MAX && len + 2 > column)
            column = len + 2;
    }
    for (size_t i = 0; options_at(c, i, &p); i++) {
        if (strcmp(p.topic, TOPIC_OUTPUT) != 0 && is_first(c, i, p.topic))
            print_topic(c, p.topic, column);
    }
    print_topic(c, TOPIC_OUTPUT, column);
}

static void print_examples(const char *program, const char *lines)
{
    printf("\nExamples\n");
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");

        printf("  %s%s%.*s\n", lines[0] == ' ' ? "" : program, lines[0] == ' ' ? "" : " ", (int)len, lines);
        lines += len + (lines[len] != '\0' ? 1 : 0);
    }
}

void options_help(const char *program, const struct command *c)
{
    size_t len = strlen(c->summary);

    printf("Usage: %s %s [OPTIONS]%s%s\n%c%s%s\n\n", program, c->name, c->operands[0] != '\0' ? " " : "",
           c->operands, toupper((unsigned char)c->summary[0]), c->summary + 1,
           c->summary[len - 1] == '?' ? "" : ".");
    print_options(c);
    if (c->examples != NULL)
        print_examples(program, c->examples);
    if (c->see_also != NULL) {
        printf("See also: ");
        options_print_text(10, c->see_also);
    }
}
