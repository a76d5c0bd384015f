/* What is said on stderr: warnings, notices, reviews, and the one error line. Every text is made printable
 * once more, because it may quote a file or a token. */
#include "signer/cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/text.h"

#define NOTICE_MAX 1024

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

void notice_text(const struct args *args, struct view text)
{
    if (!args->quiet)
        (void)fwrite(text.data, 1, text.len, stderr);
}

void notice_error(const struct ens_err *err)
{
    (void)fprintf(stderr, "ensign: %s\n", err->msg);
}
