/* What is said on stderr: warnings, notices, reviews, and the one error line. Every text is made printable
 * once more, because it may quote a file or a token. */
#include "signer/cmd/cmd.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"

#define NOTICE_MAX 1024

/* Columns of a line that is taken away again. */
#define STATUS_WIDTH 78

static _Thread_local bool is_muted;
static pthread_mutex_t speaking = PTHREAD_MUTEX_INITIALIZER;
static bool has_status; /* under that lock */

void notice_mute(bool muted)
{
    is_muted = muted;
}

/* Writes what the threads say in one piece each, over the line that stands there. */
static void put(const char *text, size_t len)
{
    (void)pthread_mutex_lock(&speaking);
    if (has_status)
        (void)fprintf(stderr, "\r%*s\r", STATUS_WIDTH, "");
    has_status = false;
    (void)fwrite(text, 1, len, stderr);
    (void)pthread_mutex_unlock(&speaking);
}

void notice_status(const char *text)
{
    (void)pthread_mutex_lock(&speaking);
    if (text != NULL)
        (void)fprintf(stderr, "\r%-*.*s", STATUS_WIDTH, STATUS_WIDTH, text);
    else if (has_status)
        (void)fprintf(stderr, "\r%*s\r", STATUS_WIDTH, "");
    has_status = text != NULL;
    (void)pthread_mutex_unlock(&speaking);
}

static void print_line(const char *prefix, const char *fmt, va_list args) ENS_PRINTF(2, 0);

static void print_line(const char *prefix, const char *fmt, va_list args)
{
    char text[NOTICE_MAX];
    char line[NOTICE_MAX];
    char whole[2 * NOTICE_MAX];

    if (is_muted)
        return;
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    int len = snprintf(whole, sizeof whole, "%s%s\n", prefix,
                       text_printable(line, sizeof line, text, strlen(text)));

    if (len > 0)
        put(whole, (size_t)len);
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
        put((const char *)text.data, text.len);
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
        put((const char *)text.data, text.len);
}

void notice_error(const struct ens_err *err)
{
    char line[sizeof err->msg + sizeof "ensign: \n"];
    int len = snprintf(line, sizeof line, "ensign: %s\n", err->msg);

    if (len > 0)
        put(line, (size_t)len);
}
