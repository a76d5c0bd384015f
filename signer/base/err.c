/* Error values: formatting, context, and the one place where hostile bytes are made printable. */
#include "signer/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/text.h"

/* Longer ones lose their end: a path has at most 4096 bytes. */
#define TEXT_ROOM 8192

static void set_message(struct ens_err *err, enum ens_code code, const char *fmt, va_list args)
    ENS_PRINTF(3, 0);

/* Where a message is longer than fits, its middle is cut: a long path must not push
 * the rule and the remedy out. */
static void cut_middle(char *text, size_t len, size_t room)
{
    static const char gap[] = "[...]";
    size_t head = room / 4;
    size_t tail = room - head - (sizeof gap - 1);

    if (len <= room)
        return;
    memcpy(text + head, gap, sizeof gap - 1);
    memmove(text + head + sizeof gap - 1, text + len - tail, tail + 1);
}

static void set_message(struct ens_err *err, enum ens_code code, const char *fmt, va_list args)
{
    char text[TEXT_ROOM];

    /* A message that cannot be formatted is still an error: the code stands. */
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    cut_middle(text, strlen(text), sizeof err->msg - 1);
    text_printable(err->msg, sizeof err->msg, text, strlen(text));
    err->code = code;
    err->own = false;
    err->hidden_at = 0;
    err->hidden_len = 0;
}

bool ens_fail(struct ens_err *err, enum ens_code code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set_message(err, code, fmt, args);
    va_end(args);
    return false;
}

bool ens_fail_own(struct ens_err *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set_message(err, ENS_DATA, fmt, args);
    va_end(args);
    err->own = true;
    return false;
}

bool ens_fail_errno(struct ens_err *err, enum ens_code code, int errnum, const char *fmt, ...)
{
    char what[TEXT_ROOM];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(what, sizeof what, fmt, args) < 0)
        what[0] = '\0';
    va_end(args);
    /* strerrordesc_np is not translated: the same message on every host. */
    const char *reason = strerrordesc_np(errnum);
    return ens_fail(err, code, "%s: %s", what, reason != NULL ? reason : "unknown system error");
}

bool ens_wrap(struct ens_err *err, const char *fmt, ...)
{
    char context[TEXT_ROOM];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(context, sizeof context, fmt, args) < 0)
        context[0] = '\0';
    va_end(args);
    const struct ens_err before = *err;

    (void)ens_fail(err, err->code, "%s: %s", context, before.msg);
    err->own = before.own;
    if (before.hidden_len == 0)
        return false;
    size_t len = strlen(err->msg);
    size_t inner = strlen(before.msg);

    /* Where it was cut, all of it is hidden. */
    err->hidden_len = (unsigned short)len;
    if (len > inner && strcmp(err->msg + len - inner, before.msg) == 0) {
        err->hidden_at = (unsigned short)(before.hidden_at + len - inner);
        err->hidden_len = before.hidden_len;
    }
    return false;
}

bool ens_hide(struct ens_err *err, const char *name)
{
    char printable[sizeof err->msg];

    (void)text_printable(printable, sizeof printable, name, strlen(name));
    size_t len = strlen(printable);
    bool begins = strncmp(err->msg, printable, len) == 0 && strncmp(err->msg + len, ": ", 2) == 0;

    err->hidden_at = 0;
    err->hidden_len = (unsigned short)(begins ? len : strlen(err->msg));
    return false;
}

void ens_recorded(const struct ens_err *err, const char *instead, char ret[static sizeof err->msg])
{
    (void)snprintf(ret, sizeof err->msg, "%.*s%s%s", (int)err->hidden_at, err->msg,
                   err->hidden_len > 0 ? instead : "", err->msg + err->hidden_at + err->hidden_len);
}
