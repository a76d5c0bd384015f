/* The terminal of whoever is asked. */
#include "signer/ui/screen.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

static const char name[] = "/dev/tty";

/* Bytes of an answer that is understood: four words have less. */
#define ANSWER_MAX 128

/* The question is repeated so often after an answer that is none. */
#define ASKED_AGAIN 2

static int open_terminal(void)
{
    return open(name, O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool screen_is_there(void)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();

    return fd >= 0;
}

struct screen_size screen_size(void)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();
    struct winsize w = {0};

    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &w) != 0)
        return (struct screen_size){0};
    return (struct screen_size){.rows = w.ws_row, .columns = w.ws_col};
}

static bool open_to_ask(int *ret, struct ens_err *err)
{
    *ret = open_terminal();
    return *ret >= 0 ||
           ens_fail(err, ENS_REFUSED, "there is no terminal to ask at: give --yes to go on without asking");
}

/* Everything that goes to the terminal passes here. */
static bool put(int fd, struct view text, struct ens_err *err)
{
    while (text.len > 0) {
        char piece[1024];
        size_t len = 0;
        size_t took = text_lines(piece, sizeof piece, text, &len);

        if (!file_write(fd, name, view_of(piece, len), err))
            return false;
        text = view_slice(text, took, text.len - took);
    }
    return true;
}

/* A value in a question is on the question's line. */
static bool put_line(int fd, const char *text, struct ens_err *err)
{
    char line[1024];

    return put(fd, view_of_string(text_printable(line, sizeof line, text, strlen(text))), err);
}

/* ---- from what is shown to the answer ---- */

/* The former action of Ctrl-Z, while `is_held`. */
static struct sigaction before_hold;
static bool is_held;

/* A question that is put aside and taken up again stands below other text than its review, and a PIN is typed
 * where the shell has switched the echo on again: until it is answered, Ctrl-Z does nothing. */
static void hold(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};

    is_held = is_held || sigaction(SIGTSTP, &ignore, &before_hold) == 0;
}

static void release(void)
{
    if (is_held)
        (void)sigaction(SIGTSTP, &before_hold, NULL);
    is_held = false;
}

/* ---- answers ---- */

/* Reads up to a newline, which is dropped, or the end of input (*ret_end); then the cursor still stands
 * behind the question, and a newline is written. What is longer than `cap` is read and dropped, and *ret_len
 * is then `cap` + 1. */
static bool read_line(int fd, char *ret, size_t cap, size_t *ret_len, bool *ret_end, struct ens_err *err)
{
    size_t have = 0;

    *ret_end = false;
    for (;;) {
        char c = 0;
        ssize_t n = read(fd, &c, 1);

        if (n == 0)
            *ret_end = true;
        if (n == 0 && !put(fd, view_of_string("\n"), err))
            return false;
        if (n == 0 || (n == 1 && c == '\n'))
            break;
        if (n < 0 && errno == EINTR && !interrupt_check(err))
            return false;
        if (n < 0 && errno != EINTR)
            return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read", name);
        if (n < 0)
            continue;
        if (have < cap)
            ret[have] = c;
        have += have <= cap;
    }
    *ret_len = have;
    return true;
}

/* One question, put to whoever has seen what stands above it. An answer that is too long
 * is none that is known. */
static bool ask_once(int fd, const char *question, char ret[static ANSWER_MAX + 1], bool *ret_end,
                     struct ens_err *err)
{
    size_t len = 0;

    (void)tcflush(fd, TCIFLUSH);
    if (!put_line(fd, question, err))
        return false;
    bool ok = read_line(fd, ret, ANSWER_MAX, &len, ret_end, err);

    if (len > ANSWER_MAX || memchr(ret, '\0', len) != NULL)
        len = 0;
    ret[len] = '\0';
    /* Interrupted: what is said of it begins a line of its own. */
    return ok || (put(fd, view_of_string("\n"), &(struct ens_err){0}) && false);
}

/* The same words: blanks and case do not count. */
static bool same_words(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, " \t");
        b += strspn(b, " \t");
        size_t len = strcspn(a, " \t");

        if (len != strcspn(b, " \t") || strncasecmp(a, b, len) != 0)
            return false;
        if (len == 0)
            return true;
        a += len;
        b += len;
    }
}

static bool is_yes(const struct screen_question *q, const char *answer)
{
    return q->yes != NULL ? strcmp(answer, q->yes) == 0 : same_words(answer, q->words);
}

static bool is_no(const char *answer)
{
    return strcmp(answer, "no") == 0 || strcmp(answer, "q") == 0;
}

bool screen_ask(const struct screen_question *q, enum screen_answer *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    char answer[ANSWER_MAX + 1];
    bool end = false;
    const char *again = q->again != NULL ? q->again : "Please type yes or no: ";

    if (!open_to_ask(&fd, err))
        return false;
    *ret = SCREEN_UNCLEAR;
    hold();
    for (int i = 0; i <= ASKED_AGAIN && *ret == SCREEN_UNCLEAR; i++) {
        if (!ask_once(fd, i == 0 ? q->text : again, answer, &end, err))
            return false;
        if (end || is_no(answer))
            *ret = SCREEN_NO;
        else if (is_yes(q, answer))
            *ret = SCREEN_YES;
    }
    release();
    return true;
}

bool screen_confirm(const struct screen_question *q, const char *object, const char *not_done,
                    struct ens_err *err)
{
    enum screen_answer answer = SCREEN_NO;

    if (!screen_ask(q, &answer, err))
        return false;
    return answer == SCREEN_YES || ens_fail(err, ENS_REFUSED, "%s: %s: the answer was %s", object, not_done,
                                            answer == SCREEN_NO ? "no"
                                            : q->yes == NULL    ? "not these words"
                                                                : "not yes");
}

/* ---- pages ---- */

/* The first line of `text`, with its newline; what is left is in `text`. */
static struct view take_line(struct view *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->len);
    size_t len = end != NULL ? (size_t)(end - text->data) + 1 : text->len;
    struct view line = view_slice(*text, 0, len);

    *text = view_slice(*text, len, text->len - len);
    return line;
}

static size_t count_lines(struct view text)
{
    size_t n = 0;

    for (; text.len > 0; n++)
        take_line(&text);
    return n;
}

static bool put_lines(int fd, struct view *text, size_t n, struct ens_err *err)
{
    for (; n > 0 && text->len > 0; n--) {
        if (!put(fd, take_line(text), err))
            return false;
    }
    return true;
}

static bool turn_page(int fd, size_t page, size_t pages, bool *ret_go_on, struct ens_err *err)
{
    char question[64];
    char answer[ANSWER_MAX + 1];
    bool end = false;

    (void)snprintf(question, sizeof question, "-- %zu of %zu: press Enter --", page, pages);
    if (!ask_once(fd, question, answer, &end, err))
        return false;
    *ret_go_on = !end && strcmp(answer, "q") != 0 && strcmp(answer, "no") != 0;
    return true;
}

/* The text that was not shown yet, in lines. */
struct left {
    size_t top, rows, early;
};

static size_t at_most(size_t want, size_t *room)
{
    size_t n = want < *room ? want : *room;

    *room -= n;
    return n;
}

/* The content of the next page of `room` lines; the header only if rows follow. */
static struct left take_page(struct left *l, size_t header, size_t room)
{
    struct left page = {.top = at_most(l->top, &room)};

    if (l->rows > 0 && room > header) {
        room -= header;
        page.rows = at_most(l->rows, &room);
    }
    l->top -= page.top;
    l->rows -= page.rows;
    if (l->top == 0 && l->rows == 0)
        page.early = at_most(l->early, &room);
    l->early -= page.early;
    return page;
}

static bool is_empty(const struct left *l)
{
    return l->top == 0 && l->rows == 0 && l->early == 0;
}

/* A screen holds `room` lines and one more, the question. What does not fit on the last page goes to the page
 * before it. */
static bool show_pages(int fd, const struct screen_text *t, size_t room, bool *ret_go_on, struct ens_err *err)
{
    struct view top = t->top;
    struct view rows = t->rows;
    struct view last = t->last;
    size_t header = count_lines(t->header);
    size_t lines_last = count_lines(last);
    struct left l = {.top = count_lines(top),
                     .rows = count_lines(rows),
                     .early = lines_last > room ? lines_last - room : 0};
    size_t pages = 1;

    for (struct left all = l; !is_empty(&all); pages++)
        (void)take_page(&all, header, room);
    *ret_go_on = true;
    for (size_t page = 1; page < pages && *ret_go_on; page++) {
        struct left p = take_page(&l, header, room);

        if (!put_lines(fd, &top, p.top, err) || (p.rows > 0 && !put(fd, t->header, err)) ||
            !put_lines(fd, &rows, p.rows, err) || !put_lines(fd, &last, p.early, err) ||
            !turn_page(fd, page, pages, ret_go_on, err))
            return false;
    }
    return !*ret_go_on || put(fd, last, err);
}

/* Lines that stand above the question. */
static size_t room_above(const struct screen_size *size, size_t question)
{
    size_t asked =
        size->columns > 0 && question > size->columns ? (question + size->columns - 1) / size->columns : 1;

    return size->rows > asked ? size->rows - asked : 1;
}

bool screen_show(const struct screen_text *t, bool *ret_go_on, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    struct screen_size size = screen_size();
    size_t last = count_lines(t->last);
    size_t all = count_lines(t->top) + count_lines(t->header) + count_lines(t->rows) + last;
    size_t room = room_above(&size, t->question);
    bool is_long = (t->rows.len > 0 ? all : last) > room;

    if (!open_to_ask(&fd, err))
        return false;
    hold();
    *ret_go_on = true;
    /* A table whose header fills the terminal cannot be shown in pages. */
    if (size.rows > 0 && is_long && count_lines(t->header) + 2 < size.rows)
        return show_pages(fd, t, room, ret_go_on, err);
    return put(fd, t->top, err) && put(fd, t->header, err) && put(fd, t->rows, err) && put(fd, t->last, err);
}

/* ---- the PIN ---- */

static bool read_unechoed(int fd, struct secret *ret, struct ens_err *err)
{
    struct termios before;
    bool end = false;

    if (tcgetattr(fd, &before) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: is no terminal: give --pin-source", name);
    struct termios silent = before;

    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: echo cannot be switched off", name);
    hold();
    bool ok = read_line(fd, ret->data, SECRET_MAX, &ret->len, &end, err);

    (void)tcsetattr(fd, TCSAFLUSH, &before);
    release();
    if (ok && ret->len > SECRET_MAX) {
        ret->len = 0;
        ok = ens_fail(err, ENS_DATA, "%s: the line has more than %d bytes: give a shorter one", name,
                      SECRET_MAX);
    }
    return put(fd, view_of_string("\n"), err) && ok;
}

bool screen_read_secret(const char *what, struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();

    if (fd < 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno,
                              "PIN: there is no terminal to ask at: give --pin-source");
    return put_line(fd, what, err) && put(fd, view_of_string(": "), err) && read_unechoed(fd, ret, err);
}
