/* What a module prints on its descriptors 1 and 2: it is said line by line, as its own words, and only so much
 * of it that nobody is flooded. It never reaches stdout, and no record: it may hold a PIN. */
#include "hsm/helper.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/text.h"

/* Of a run. */
#define KEPT_MAX  8192
#define LINES_MAX 100
#define PIECE     4096
#define AT_ONCE   16 /* pieces, so that a flood does not keep ensign from anything else */

static void tell_line(struct words *w)
{
    char text[WORDS_LINE];

    if (w->tell != NULL && w->len > 0)
        w->tell(HSM_TELL_MODULE, text_printable(text, sizeof text, w->line, w->len));
    w->lines++;
    w->len = 0;
}

static void keep_byte(struct words *w, char c)
{
    if (w->kept >= KEPT_MAX || w->lines >= LINES_MAX) {
        w->dropped++;
        return;
    }
    w->kept++;
    if (c != '\n')
        w->line[w->len++] = c;
    if (c == '\n' || w->len == sizeof w->line - 1 || w->kept == KEPT_MAX)
        tell_line(w);
}

void words_take(struct words *w)
{
    char piece[PIECE];

    for (size_t n = 0; w->fd >= 0 && n < AT_ONCE; n++) {
        ssize_t len = read(w->fd, piece, sizeof piece);

        if (len == 0 || (len < 0 && errno != EINTR && errno != EAGAIN))
            file_closep(&w->fd);
        if (len < 0 && errno == EAGAIN)
            return;
        for (ssize_t i = 0; i < len; i++)
            keep_byte(w, piece[i]);
    }
}

void words_end(struct words *w)
{
    char text[64];

    words_take(w);
    file_closep(&w->fd);
    if (w->len > 0)
        tell_line(w);
    if (w->dropped > 0 && w->tell != NULL) {
        (void)snprintf(text, sizeof text, "and %llu bytes more", (unsigned long long)w->dropped);
        w->tell(HSM_TELL_MODULE, text);
    }
    w->dropped = 0;
}
