/* Text on stderr, and text for people on stdout: warnings, notices, reviews, results, and the one
 * error line. With screen.c this is the only writer to a terminal: every text may quote a file or a token,
 * and is made printable here, line by line. */
#include "signer/ui/notice.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ui/colour.h"

/* Columns of a line that is taken away again. */
#define STATUS_WIDTH 78

/* Columns that every screen fits. */
#define SCREEN_COLUMNS 80

/* Continuation of a line that is wrapped. */
#define INDENT 4

static pthread_mutex_t speaking = PTHREAD_MUTEX_INITIALIZER;
static bool has_status; /* under that lock */
static bool is_quiet;   /* set before there are threads */

void notice_be_quiet(void)
{
    is_quiet = true;
}

bool notice_is_quiet(void)
{
    return is_quiet;
}

bool notice_is_watched(void)
{
    return isatty(STDERR_FILENO) == 1;
}

bool notice_result_is_watched(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

unsigned notice_result_columns(void)
{
    struct winsize w = {0};

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 && w.ws_col < SCREEN_COLUMNS
               ? w.ws_col
               : SCREEN_COLUMNS;
}

/* ---- the writers ---- */

/* Under the lock. What cannot be written to stderr cannot be said anywhere. */
static void put_stderr(struct view text)
{
    ENS_CLEANUP(buf_free) struct buf coloured = {0};

    if (colour_lines(STDERR_FILENO, text, &coloured)) {
        (void)fwrite(coloured.data, 1, coloured.len, stderr);
        return;
    }
    while (text.len > 0) {
        char piece[1024];
        size_t len = 0;
        size_t took = text_lines(piece, sizeof piece, text, &len);

        (void)fwrite(piece, 1, len, stderr);
        text = view_slice(text, took, text.len - took);
    }
}

static void clear_status(void)
{
    if (has_status)
        (void)fprintf(stderr, "\r%*s\r", STATUS_WIDTH, "");
    has_status = false;
}

/* Writes a message in one piece over the status line; wrapped for a terminal. */
static void say_text(struct view text)
{
    ENS_CLEANUP(buf_free) struct buf wrapped = {0};
    struct ens_err ignored = {0};
    struct winsize w = {0};

    if (notice_is_watched() && ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 &&
        text_wrap(text, w.ws_col, INDENT, &wrapped, &ignored))
        text = buf_view(&wrapped);
    (void)pthread_mutex_lock(&speaking);
    clear_status();
    put_stderr(text);
    (void)pthread_mutex_unlock(&speaking);
}

void notice_status(const char *text)
{
    char line[STATUS_WIDTH + 1];

    (void)pthread_mutex_lock(&speaking);
    if (text != NULL)
        (void)fprintf(stderr, "\r%-*s", STATUS_WIDTH, text_printable(line, sizeof line, text, strlen(text)));
    else
        clear_status();
    has_status = text != NULL;
    (void)pthread_mutex_unlock(&speaking);
}

bool notice_result(struct view text, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf coloured = {0};

    if (colour_lines(STDOUT_FILENO, text, &coloured))
        return file_write(STDOUT_FILENO, "stdout", buf_view(&coloured), err);
    while (text.len > 0) {
        char piece[4096];
        size_t len = 0;
        size_t took = text_lines(piece, sizeof piece, text, &len);

        if (!file_write(STDOUT_FILENO, "stdout", view_of(piece, len), err))
            return false;
        text = view_slice(text, took, text.len - took);
    }
    return true;
}

/* ---- what is said ---- */

#define WARNING "ensign: warning: "

/* One line, whatever newlines its values have. */
static void say_one(const char *prefix, struct view text)
{
    ENS_CLEANUP(buf_free) struct buf line = {0};
    struct ens_err ignored = {0};

    if (text_line(&line, &ignored, "%s%.*s", prefix, (int)text.len, (const char *)text.data))
        say_text(buf_view(&line));
}

static void say_line(const char *prefix, const char *fmt, va_list args) ENS_PRINTF(2, 0);

static void say_line(const char *prefix, const char *fmt, va_list args)
{
    ENS_CLEANUP(buf_free) struct buf raw = {0};
    struct ens_err ignored = {0};

    if (buf_vprintf(&raw, &ignored, fmt, args))
        say_one(prefix, buf_view(&raw));
}

void notice_warn(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say_line(WARNING, fmt, args);
    va_end(args);
}

void notice_module(const char *line)
{
    say_one("ensign: module: ", view_of_string(line));
}

void notice_say(const char *fmt, ...)
{
    va_list list;

    if (is_quiet)
        return;
    va_start(list, fmt);
    say_line("", fmt, list);
    va_end(list);
}

void notice_hash(struct view hash, const char *fmt, ...)
{
    ENS_CLEANUP(buf_free) struct buf label = {0};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    bool grouped = notice_is_watched();
    struct ens_err ignored = {0};
    va_list list;

    va_start(list, fmt);
    bool ok = buf_vprintf(&label, &ignored, fmt, list);
    va_end(list);
    if (is_quiet || !ok ||
        !(grouped ? text_line(&text, &ignored, "%.*s", (int)label.len, (const char *)label.data) &&
                        text_line(&text, &ignored, "  %s", hex_for(hash, true).text)
                  : text_line(&text, &ignored, "%.*s %s", (int)label.len, (const char *)label.data,
                              hex_for(hash, false).text)))
        return;
    say_text(buf_view(&text));
}

bool notice_add(struct notices *list, enum notice_kind kind, struct ens_err *err, const char *fmt, ...)
{
    const uint8_t first = (uint8_t)kind;
    size_t before = list->lines.len;
    va_list args;

    va_start(args, fmt);
    bool ok = buf_append(&list->lines, view_of(&first, 1), err) &&
              buf_vprintf(&list->lines, err, fmt, args) && buf_append(&list->lines, view_of("", 1), err);

    va_end(args);
    if (!ok)
        list->lines.len = before;
    return ok;
}

bool notice_next(const struct notices *list, size_t *at, bool *ret_is_warning, struct view *ret)
{
    if (*at >= list->lines.len)
        return false;
    *ret_is_warning = list->lines.data[*at] == NOTICE_WARNING;
    *ret = view_of_string((const char *)list->lines.data + *at + 1);
    *at += 1 + ret->len + 1;
    return true;
}

static void say_list(struct notices *list, bool warnings_only)
{
    bool is_warning = false;
    struct view text;

    for (size_t at = 0; notice_next(list, &at, &is_warning, &text);) {
        if (is_warning || !warnings_only)
            say_one(is_warning ? WARNING : "", text);
    }
    notice_free(list);
}

void notice_all(struct notices *list)
{
    say_list(list, is_quiet);
}

void notice_warnings(struct notices *list)
{
    say_list(list, true);
}

void notice_free(struct notices *list)
{
    buf_free(&list->lines);
}

void notice_text(struct view text)
{
    if (!is_quiet)
        say_text(text);
}

void notice_details(struct view text)
{
    say_text(text);
}

void notice_child(const char *program, struct view words)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct ens_err ignored = {0};

    for (size_t at = 0; at < words.len;) {
        const uint8_t *end = memchr(words.data + at, '\n', words.len - at);
        size_t len = end != NULL ? (size_t)(end - words.data) - at : words.len - at;
        bool has_return = len > 0 && words.data[at + len - 1] == '\r';

        if (!text_line(&text, &ignored, "%s: %.*s", program, (int)len - has_return,
                       (const char *)words.data + at))
            return;
        at += len + 1;
    }
    say_text(buf_view(&text));
}

void notice_error(const struct ens_err *err)
{
    char line[sizeof err->msg + sizeof "ensign: \n"];
    int len = snprintf(line, sizeof line, "ensign: %s\n", err->msg);

    if (len > 0)
        say_text(view_of(line, (size_t)len));
}
