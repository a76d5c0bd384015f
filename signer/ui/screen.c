/* The terminal of whoever is asked. */
#include "signer/ui/screen.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ui/colour.h"
#include "signer/ui/screen_pages.h"

const char screen_name[] = "/dev/tty";

/* Bytes of an answer that is understood: four words have less. */
#define ANSWER_MAX 128

/* The question is repeated so often after an answer that is none. */
#define ASKED_AGAIN 2

/* With fewer columns the lines of a review cannot be broken so that each is a row. */
#define COLUMNS_MIN 20

#define NO_TERMINAL "there is no terminal to ask at"

static int open_terminal(void)
{
    return open(screen_name, O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool screen_is_there(void)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();

    return fd >= 0;
}

bool screen_require(const char *object, const char *verb, struct ens_err *err)
{
    return screen_is_there() ||
           ens_fail(err, ENS_REFUSED, "%s: " NO_TERMINAL ": give --yes to %s without asking", object, verb);
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
    return *ret >= 0 || ens_fail(err, ENS_REFUSED, NO_TERMINAL ": give --yes to go on without asking");
}

/* Everything that goes to the terminal passes here. */
static bool put_terminal_text(int fd, struct view text, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf coloured = {0};

    if (colour_lines(fd, text, &coloured))
        return file_write(fd, screen_name, buf_view(&coloured), err);
    while (text.len > 0) {
        char piece[1024];
        size_t len = 0;
        size_t took = text_lines(piece, sizeof piece, text, &len);

        if (!file_write(fd, screen_name, view_of(piece, len), err))
            return false;
        text = view_slice(text, took, text.len - took);
    }
    return true;
}

/* A value in a question is on the question's line. */
static bool put_terminal_line(int fd, const char *text, struct ens_err *err)
{
    char line[1024];

    return put_terminal_text(fd, view_of_string(text_printable(line, sizeof line, text, strlen(text))), err);
}

/* ---- from what is shown to the answer ---- */

/* The former actions of Ctrl-Z and of going on, while `is_held`. */
static struct sigaction before_hold[2];
static bool is_held;

static struct screen_size shown;
static volatile sig_atomic_t was_stopped;

static void on_continue(int number)
{
    (void)number;
    was_stopped = 1;
}

/* A question that is put aside and taken up again stands below other text than its review, and a PIN is typed
 * where the shell has switched the echo on again: until it is answered, Ctrl-Z does nothing, and what stops a
 * program all the same is noticed. */
static void hold_terminal(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    const struct sigaction notice = {.sa_handler = on_continue};

    if (!is_held)
        is_held = sigaction(SIGTSTP, &ignore, &before_hold[0]) == 0 &&
                  sigaction(SIGCONT, &notice, &before_hold[1]) == 0;
}

static void release_terminal(void)
{
    if (is_held) {
        (void)sigaction(SIGTSTP, &before_hold[0], NULL);
        (void)sigaction(SIGCONT, &before_hold[1], NULL);
    }
    is_held = false;
}

bool screen_is_as_shown(void)
{
    struct screen_size now = screen_size();

    return was_stopped == 0 && now.rows == shown.rows && now.columns == shown.columns;
}

/* ---- answers ---- */

/* A PIN that is being asked for. */
struct unechoed {
    const char *what;
    struct termios silent;
};

/* Whoever stopped the program may have switched the echo on: it is switched off, and the PIN begins anew. */
static bool ask_anew(int fd, const struct unechoed *pin, struct ens_err *err)
{
    was_stopped = 0;
    (void)tcsetattr(fd, TCSAFLUSH, &pin->silent);
    return put_terminal_line(fd, pin->what, err) && put_terminal_text(fd, view_of_string(": "), err);
}

/* Reads up to a newline, which is dropped, or the end of input (*ret_end); then the cursor still stands
 * behind the question, and a newline is written. What is longer than `cap` is read and dropped, and *ret_len
 * is then `cap` + 1. `pin` NULL: it is an answer, and is echoed. */
static bool read_answer_line(int fd, const struct unechoed *pin, char *ret, size_t cap, size_t *ret_len,
                             bool *ret_end, struct ens_err *err)
{
    size_t have = 0;

    *ret_end = false;
    for (;;) {
        char c = 0;
        ssize_t n = read(fd, &c, 1);

        if (n == 0)
            *ret_end = true;
        if (n == 0 && !put_terminal_text(fd, view_of_string("\n"), err))
            return false;
        if (n == 0 || (n == 1 && c == '\n'))
            break;
        if (n < 0 && errno != EINTR)
            return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read", screen_name);
        if (n < 0 && !interrupt_check(err))
            return false;
        if (n < 0 && pin != NULL && was_stopped != 0) {
            have = 0;
            if (!ask_anew(fd, pin, err))
                return false;
        }
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
    struct ens_err ignored = {0};
    size_t len = 0;

    (void)tcflush(fd, TCIFLUSH);
    if (!put_terminal_line(fd, question, err))
        return false;
    bool ok = read_answer_line(fd, NULL, ret, ANSWER_MAX, &len, ret_end, err);

    if (len > ANSWER_MAX || memchr(ret, '\0', len) != NULL)
        len = 0;
    ret[len] = '\0';
    /* Interrupted: what is said of it begins a line of its own. */
    return ok || (!put_terminal_text(fd, view_of_string("\n"), &ignored) && ok);
}

static bool is_yes(const struct screen_question *q, const char *answer)
{
    return q->yes != NULL ? strcmp(answer, q->yes) == 0 : text_same_words(answer, q->words);
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
    hold_terminal();
    for (int i = 0; i <= ASKED_AGAIN && *ret == SCREEN_UNCLEAR; i++) {
        if (!ask_once(fd, i == 0 ? q->text : again, answer, &end, err))
            return false;
        if (end || is_no(answer))
            *ret = SCREEN_NO;
        else if (is_yes(q, answer))
            *ret = SCREEN_YES;
    }
    release_terminal();
    return true;
}

/* ---- pages ---- */

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

static bool show_paged(int fd, const struct screen_text *t, size_t room, bool *ret_go_on, struct ens_err *err)
{
    struct screen_pages left;
    struct screen_page p;
    size_t pages = 1;

    screen_pages_begin(&left, t, room);
    struct screen_pages all = left;

    while (screen_pages_next(&all, &p))
        pages++;
    *ret_go_on = true;
    for (size_t page = 1; *ret_go_on && screen_pages_next(&left, &p); page++) {
        if (!put_terminal_text(fd, p.top, err) || !put_terminal_text(fd, p.header, err) ||
            !put_terminal_text(fd, p.rows, err) || !put_terminal_text(fd, p.early, err) ||
            !turn_page(fd, page, pages, ret_go_on, err))
            return false;
    }
    return !*ret_go_on || put_terminal_text(fd, left.last, err);
}

/* Rows that the question takes. */
static size_t question_rows(const struct screen_size *size, size_t question)
{
    return size->columns > 0 && question > size->columns ? (question + size->columns - 1) / size->columns : 1;
}

/* More rows for what is asked about than for the question; a header of the table takes a third at most. */
static bool check_size(const struct screen_size *size, size_t question, struct ens_err *err)
{
    bool fits = (size->rows == 0 || size->rows > 2 * question_rows(size, question)) &&
                (size->columns == 0 || size->columns >= COLUMNS_MIN);

    return fits ||
           ens_fail(err, ENS_REFUSED,
                    "%s: %u columns and %u rows are too few to show what is asked about: make the terminal "
                    "larger",
                    screen_name, size->columns, size->rows);
}

bool screen_show(const struct screen_text *t, bool *ret_go_on, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    size_t last = screen_pages_lines(t->last);
    size_t all =
        screen_pages_lines(t->top) + screen_pages_lines(t->header) + screen_pages_lines(t->rows) + last;

    if (!open_to_ask(&fd, err) || !check_size(&t->size, t->question, err))
        return false;
    size_t room = t->size.rows > 0 ? t->size.rows - question_rows(&t->size, t->question) : SIZE_MAX;
    bool is_long = (t->rows.len > 0 ? all : last) > room;

    hold_terminal();
    /* In the background this waits for the foreground: what is shown and what is asked stand together. */
    (void)tcflush(fd, TCIFLUSH);
    shown = t->size;
    was_stopped = 0;
    *ret_go_on = true;
    if (is_long)
        return show_paged(fd, t, room, ret_go_on, err);
    return put_terminal_text(fd, t->top, err) && put_terminal_text(fd, t->header, err) &&
           put_terminal_text(fd, t->rows, err) && put_terminal_text(fd, t->last, err);
}

/* ---- the PIN ---- */

static bool read_unechoed(int fd, const char *what, struct secret *ret, struct ens_err *err)
{
    struct unechoed pin = {.what = what};
    struct termios before;
    bool end = false;

    if (tcgetattr(fd, &before) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: is not a terminal: give --pin-source",
                              screen_name);
    pin.silent = before;
    pin.silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    if (tcsetattr(fd, TCSAFLUSH, &pin.silent) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: echo cannot be switched off", screen_name);
    hold_terminal();
    was_stopped = 0;
    bool ok = read_answer_line(fd, &pin, ret->data, SECRET_MAX, &ret->len, &end, err);

    (void)tcsetattr(fd, TCSAFLUSH, &before);
    release_terminal();
    if (ok && ret->len > SECRET_MAX) {
        ret->len = 0;
        ok = ens_fail(err, ENS_DATA, "%s: the line has more than %d bytes: give a shorter one", screen_name,
                      SECRET_MAX);
    }
    return put_terminal_text(fd, view_of_string("\n"), err) && ok;
}

bool screen_read_secret(const char *what, struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();

    if (fd < 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "PIN: " NO_TERMINAL ": give --pin-source");
    return put_terminal_line(fd, what, err) && put_terminal_text(fd, view_of_string(": "), err) &&
           read_unechoed(fd, what, ret, err);
}
