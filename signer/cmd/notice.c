/* What is said on stderr: warnings, notices, reviews, and the one error line. Every text is made printable
 * once more, because it may quote a file or a token. */
#include "signer/cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"

#define NOTICE_MAX 1024

static void print_line(const char *prefix, const char *fmt, va_list args) ENS_PRINTF(2, 0);

static void print_line(const char *prefix, const char *fmt, va_list args)
{
    char text[NOTICE_MAX];
    char line[NOTICE_MAX];

    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    (void)fprintf(stderr, "%s%s\n", prefix, text_printable(line, sizeof line, text, strlen(text)));
}

void notice_warn(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_line("ensign: warning: ", fmt, args);
    va_end(args);
}

void notice_say(const struct args *args, const char *fmt, ...)
{
    va_list list;

    if (args->quiet)
        return;
    va_start(list, fmt);
    print_line("", fmt, list);
    va_end(list);
}

bool notice_review(const struct args *args, const struct review *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct findings dangers = {0};

    if (!args->quiet) {
        if (!review_render(r, &text, err))
            return false;
        (void)fwrite(text.data, 1, text.len, stderr);
        return true;
    }
    review_dangers(r, &dangers);
    for (size_t i = 0; i < dangers.len; i++)
        notice_warn("%s", dangers.items[i].text);
    return true;
}

void notice_text(const struct args *args, struct view text)
{
    if (!args->quiet)
        (void)fwrite(text.data, 1, text.len, stderr);
}

void notice_error(const struct ens_err *err)
{
    (void)fprintf(stderr, "ensign: %s\n", err->msg);
}
