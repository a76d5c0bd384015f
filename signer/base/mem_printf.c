/* Text in memory of its own. */
#include <stdarg.h>
#include <stdio.h>

#include "signer/base/mem.h"

char *mem_printf(struct ens_err *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = len < 0 ? NULL : mem_alloc((size_t)len + 1, 1, err);

    if (text == NULL) {
        if (len < 0)
            (void)ens_fail(err, ENS_BUG, "a format of ensign's own is invalid");
        return NULL;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}
