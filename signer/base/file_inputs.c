/* The files that a run reads, by device and inode, however they were named: no output replaces one. */
#include <pthread.h>
#include <sys/stat.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"

struct input {
    dev_t dev;
    ino_t ino;
    size_t times; /* that it was opened; 0: it is an output that was looked at, or the row is free */
    bool is_used;
};

/* At most half of the rows are used; a file is looked for from the row of its inode on. */
static struct {
    pthread_mutex_t lock;
    struct input *rows;
    size_t room;
    size_t len;
    bool is_on;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

void file_watch_inputs(void)
{
    known.is_on = true;
}

/* The row of this file, or the free one for it. */
static struct input *find_row(const struct stat *st)
{
    size_t at = (size_t)(st->st_ino * 0x9e3779b97f4a7c15u ^ st->st_dev) % known.room;

    while (known.rows[at].is_used && (known.rows[at].ino != st->st_ino || known.rows[at].dev != st->st_dev))
        at = (at + 1) % known.room;
    return &known.rows[at];
}

static bool make_room(struct ens_err *err)
{
    size_t room = known.room;
    struct input *old = known.rows;

    if (2 * known.len < room)
        return true;
    struct input *rows = mem_alloc(2 * room + 32, sizeof *rows, err);

    if (rows == NULL)
        return false;
    known.rows = rows;
    known.room = 2 * room + 32;
    for (size_t i = 0; i < room; i++) {
        const struct stat st = {.st_dev = old[i].dev, .st_ino = old[i].ino};

        if (old[i].is_used)
            *find_row(&st) = old[i];
    }
    mem_free(old);
    return true;
}

/* Counts `st` as opened once more. */
static bool count_opening(const struct stat *st, struct ens_err *err)
{
    if (!known.is_on || !S_ISREG(st->st_mode))
        return true;
    (void)pthread_mutex_lock(&known.lock);
    bool ok = make_room(err);

    if (ok) {
        struct input *row = find_row(st);

        known.len += !row->is_used;
        *row = (struct input){st->st_dev, st->st_ino, row->times + 1, true};
    }
    (void)pthread_mutex_unlock(&known.lock);
    return ok;
}

bool file_add_input(int fd, struct ens_err *err)
{
    struct stat st;

    return fstat(fd, &st) != 0 || count_opening(&st, err);
}

bool file_add_input_named(const char *path, struct ens_err *err)
{
    struct stat st;

    return stat(path, &st) != 0 || count_opening(&st, err);
}

size_t file_input_times(const char *path)
{
    struct stat st;

    if (!known.is_on || stat(path, &st) != 0)
        return 0;
    (void)pthread_mutex_lock(&known.lock);
    size_t times = known.room > 0 ? find_row(&st)->times : 0;

    (void)pthread_mutex_unlock(&known.lock);
    return times;
}

void file_drop_input(const char *path, size_t times)
{
    struct stat st;

    if (!known.is_on || stat(path, &st) != 0)
        return;
    (void)pthread_mutex_lock(&known.lock);
    struct input *row = known.room > 0 ? find_row(&st) : NULL;

    if (row != NULL && row->times > times)
        row->times = times;
    (void)pthread_mutex_unlock(&known.lock);
}

bool file_is_input(const struct stat *st)
{
    (void)pthread_mutex_lock(&known.lock);
    bool is = known.room > 0 && find_row(st)->times > 0;

    (void)pthread_mutex_unlock(&known.lock);
    return is;
}
