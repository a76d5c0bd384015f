/* Files written by hand: the bytes are judged as a whole first (no byte that a person would not see), then
 * line by line. */
#include "signer/ceremony/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"

static const uint8_t bom[] = {0xef, 0xbb, 0xbf};

/* ---- the bytes ---- */

static bool has_byte(struct view text, uint8_t byte)
{
    return text.len > 0 && memchr(text.data, byte, text.len) != NULL;
}

static size_t line_number(struct view text, size_t at)
{
    size_t number = 1;

    for (size_t i = 0; i < at; i++)
        number += text.data[i] == '\n';
    return number;
}

static bool check_text_bytes(struct view text, struct ens_err *err)
{
    if (text.len == 0)
        return ens_fail(err, ENS_DATA, "empty: the file has no bytes: name the right file");
    if (view_begins(text, view_of(bom, sizeof bom)))
        return ens_fail(err, ENS_DATA, "bom: begins with a byte order mark: save it as plain ASCII");
    if (has_byte(text, '\0'))
        return ens_fail(err, ENS_DATA, "nul: holds a zero byte: save it as plain ASCII");
    if (has_byte(text, '\r'))
        return ens_fail(err, ENS_DATA, "cr: holds a carriage return: lines end in LF alone");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c != '\t' && c != '\n' && (c < 0x20 || c > 0x7e))
            return ens_fail(err, ENS_DATA, "line %zu: not-ascii: holds the byte %02x: write plain ASCII",
                            line_number(text, i), c);
    }
    if (text.data[text.len - 1] != '\n')
        return ens_fail(err, ENS_DATA, "no-final-newline: the last line has no end: is the file whole?");
    return true;
}

/* ---- the lines ---- */

/* Takes the next line, without its LF, off the front. */
static struct view take_hand_line(struct view *left)
{
    const uint8_t *newline = memchr(left->data, '\n', left->len);
    size_t len = newline != NULL ? (size_t)(newline - left->data) : left->len;
    struct view line = view_slice(*left, 0, len);

    *left = view_slice(*left, len + 1, left->len - len - (newline != NULL));
    return line;
}

static bool check_header(struct view line, const char *kind, struct ens_err *err)
{
    size_t len = strlen(kind);
    bool is_kind = hand_is(line, kind) && line.len > len + 1;

    if (is_kind && line.len == len + 2 && line.data[len + 1] == '1')
        return true;
    for (size_t i = len + 1; is_kind && i < line.len; i++)
        is_kind = line.data[i] >= '0' && line.data[i] <= '9';
    return is_kind ? ens_fail(err, ENS_DATA, "line 1: version: only version 1 is known: write '%s 1'", kind)
                   : ens_fail(err, ENS_DATA, "line 1: no-header: the first line must be '%s 1'", kind);
}

/* Lines that are too long, the first line and the last. */
static bool check_first_and_last(struct view text, const char *kind, struct ens_err *err)
{
    struct view left = text;
    bool has_end = false;

    for (size_t number = 1; left.len > 0; number++) {
        if (take_hand_line(&left).len > HAND_LINE_MAX)
            return ens_fail(err, ENS_DATA, "line %zu: long-line: has more than %d bytes: split it", number,
                            HAND_LINE_MAX);
    }
    left = text;
    if (!check_header(take_hand_line(&left), kind, err))
        return false;
    while (left.len > 0 && !has_end)
        has_end = view_equal(take_hand_line(&left), view_of_string("end"));
    if (!has_end)
        return ens_fail(err, ENS_DATA, "no-end: the last line must be 'end': is the file whole?");
    return left.len == 0 || ens_fail(err, ENS_DATA, "after-end: nothing may stand behind the line 'end'");
}

/* Cuts `text` (terminated) into words. */
static bool cut(char *text, struct hand_line *ret, struct ens_err *err)
{
    static const char blank[] = " \t";
    size_t len = 0;

    for (char *at = text + strspn(text, blank); *at != '\0' && *at != '#'; at += strspn(at, blank)) {
        char *word = at;

        at += strcspn(at, blank);
        if (memchr(word, '#', (size_t)(at - word)) != NULL)
            return ens_fail(err, ENS_DATA,
                            "hash-in-word: '%.*s': a comment begins with # behind a blank: add one",
                            (int)(at - word), word);
        if (*at != '\0')
            *at++ = '\0';
        if (len < HAND_WORDS_MAX)
            ret->words[len] = word;
        len++;
    }
    ret->len = len;
    return len <= HAND_WORDS_MAX ||
           ens_fail(err, ENS_DATA, "many-words: has more than %d words: split it", HAND_WORDS_MAX);
}

static bool parse_lines(struct view text, struct hand_sink sink, struct ens_err *err)
{
    struct hand_line line = {.number = 1};
    char copy[HAND_LINE_MAX + 1];

    (void)take_hand_line(&text);
    for (;;) {
        struct view raw = take_hand_line(&text);

        if (text.len == 0) /* it was `end` */
            return true;
        line.number++;
        if (raw.len > 0)
            memcpy(copy, raw.data, raw.len);
        copy[raw.len] = '\0';
        if (!cut(copy, &line, err) || (line.len > 0 && !sink.line(sink.ctx, &line, err)))
            return ens_wrap(err, "line %zu", line.number);
    }
}

bool hand_parse(struct view text, const char *kind, const char *name, struct hand_sink sink,
                struct ens_err *err)
{
    if (check_text_bytes(text, err) && check_first_and_last(text, kind, err) && parse_lines(text, sink, err))
        return true;
    return ens_wrap(err, "%s", name);
}

bool hand_is(struct view head, const char *kind)
{
    size_t len = strlen(kind);

    if (view_begins(head, view_of(bom, sizeof bom)))
        head = view_slice(head, sizeof bom, head.len - sizeof bom);
    return head.len > len && view_begins(head, view_of_string(kind)) && head.data[len] == ' ';
}

/* ---- the file ---- */

/* Refuses a file that others can write: it may not be what its owner said. */
static bool check_owner(const char *path, int fd, struct ens_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: open: cannot be examined", path);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: not-regular: is not a regular file: name a file", path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return ens_fail(err, ENS_DATA, "%s: mode: others can write it (mode %03o): chmod go-w", path,
                        (unsigned)st.st_mode & 07777);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return ens_fail(err, ENS_DATA, "%s: owner: belongs to user %u, who is neither root nor you: chown it",
                        path, (unsigned)st.st_uid);
    return true;
}

/* "PATH: cannot be opened" becomes "PATH: open: cannot be opened": the word of the rule behind the file, as
 * in every other refusal. */
static bool name_rule(const char *path, struct ens_err *err)
{
    char fact[sizeof err->msg];
    size_t len = strlen(path);
    bool has_path = strncmp(err->msg, path, len) == 0 && strncmp(err->msg + len, ": ", 2) == 0;

    (void)snprintf(fact, sizeof fact, "%s", err->msg + (has_path ? len + 2 : 0));
    return ens_fail(err, err->code, "%s: open: %s", path, fact);
}

bool hand_read(const char *path, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;

    if (!path_open(path, O_RDONLY, 0, ENS_NOINPUT, &fd, err))
        return name_rule(path, err);
    return file_add_input(fd, err) && hand_read_fd(fd, path, ret, err);
}

bool hand_read_fd(int fd, const char *path, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *bytes = NULL;
    size_t len = 0;

    if (!check_owner(path, fd, err))
        return false;
    bytes = mem_alloc(HAND_FILE_MAX + 1, 1, err);
    if (bytes == NULL || !file_read_at(fd, path, 0, bytes, HAND_FILE_MAX + 1, &len, err))
        return false;
    if (len > HAND_FILE_MAX)
        return ens_fail(err, ENS_DATA, "%s: too-large: has more than %d bytes: name the right file", path,
                        HAND_FILE_MAX);
    return buf_append(ret, view_of(bytes, len), err);
}
