/* What resign is to do, from the command line alone: options that fit together, one place for each result, no
 * file twice. Everything here is said before a token is woken. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/path.h"
#include "signer/cmd/resign/resign.h"
#include "signer/flow/fields.h"
#include "signer/flow/batch.h"
#include "signer/ui/clock.h"

/* Workers for each processor: while one waits for the disk, another computes. */
#define JOBS_PER_CPU 4

/* ---- options ---- */

static bool choose_jobs(struct resign *r, struct ens_err *err)
{
    cpu_set_t set;
    uint64_t jobs = 0;

    if (r->args->jobs != NULL) {
        if (!num_parse(r->args->jobs, "--jobs", BATCH_WORKERS_MAX, &jobs, err))
            return false;
        if (jobs == 0)
            return ens_fail(err, ENS_USAGE, "--jobs: 0 workers do nothing: give 1 to %d", BATCH_WORKERS_MAX);
    } else {
        int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

        jobs = (uint64_t)cpus * JOBS_PER_CPU;
    }
    r->jobs = (unsigned)(jobs < BATCH_WORKERS_MAX ? jobs : BATCH_WORKERS_MAX);
    return true;
}

/* The fields that every file starts from or gets: options that cannot be read are said once. */
static bool read_fields(struct resign *r, struct ens_err *err)
{
    struct notices notices = {0};
    struct sigstruct css;

    r->day = clock_danger_day();
    if (!clock_today(&r->today, err))
        return false;
    r->today_is_free = r->args->fields.params.date == NULL && !clock_is_given();
    r->has_from = r->args->fields.from != NULL;
    struct artifact first = {.path = r->line->operands[0], .fd = -1};
    bool ok = !r->has_from || fields_of_from(&r->args->fields, &first, &r->from, &notices, err);

    notice_all(&notices);
    return ok && params_build(&r->args->fields.params, r->has_from ? &r->from : NULL, r->today, &css, err);
}

static bool check_options(struct resign *r, struct ens_err *err)
{
    const struct resign_options *a = r->args;
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (!token_require_key(&a->key.token, err))
        return false;
    if (a->all_components && a->fields.component != NULL)
        return ens_fail(err, ENS_USAGE, "--component names one and --all-components all: give one of them");
    if (r->line->operands_len > RESIGN_FILES_MAX)
        return ens_fail(err, ENS_USAGE, "%zu files are given: at most %d go through one run",
                        r->line->operands_len, RESIGN_FILES_MAX);
    if (a->key.mrsigner != NULL &&
        !hex_decode_groups(a->key.mrsigner, "--mrsigner", mrsigner, sizeof mrsigner, err))
        return false;
    r->open_max = file_room(RESIGN_FILE_FDS, RESIGN_OPEN_MAX);
    return signing_key_mechanism(a->key.mechanism, &r->mechanism, err) && choose_jobs(r, err);
}

/* ---- places ---- */

static int by_name(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;

    return strcmp(path_name(*x), path_name(*y));
}

/* DIR/NAME each; two files of one name would be one. */
static bool name_outputs(struct resign *r, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) const char **sorted = mem_alloc(r->len, sizeof *sorted, err);
    struct stat st;

    if (sorted == NULL)
        return false;
    if (stat(r->args->out_dir, &st) != 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be examined", r->args->out_dir);
    if (!S_ISDIR(st.st_mode))
        return ens_fail(err, ENS_CANTCREAT, "%s: is not a directory: name one for --out-dir",
                        r->args->out_dir);
    for (size_t i = 0; i < r->len; i++) {
        sorted[i] = r->files[i].path;
        r->files[i].out_path = mem_printf(err, "%s/%s", r->args->out_dir, path_name(r->files[i].path));
        if (r->files[i].out_path == NULL)
            return false;
    }
    qsort(sorted, r->len, sizeof *sorted, by_name);
    for (size_t i = 1; i < r->len; i++) {
        if (by_name(&sorted[i - 1], &sorted[i]) == 0)
            return ens_fail(err, ENS_USAGE, "%s: its output would have the name of that of %s: rename one",
                            sorted[i], sorted[i - 1]);
    }
    return true;
}

struct identity {
    dev_t device;
    ino_t inode;
    const char *path;
};

static int by_identity(const void *a, const void *b)
{
    const struct identity *x = a;
    const struct identity *y = b;

    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->inode == y->inode ? 0 : x->inode < y->inode ? -1 : 1;
}

/* In place: two workers must not be at one file. Whatever name it has: what is not there is said later. */
static bool check_distinct(const struct resign *r, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct identity *list = mem_alloc(r->len, sizeof *list, err);
    struct stat st;
    size_t len = 0;

    if (list == NULL)
        return false;
    for (size_t i = 0; i < r->len; i++) {
        if (stat(r->files[i].path, &st) == 0)
            list[len++] =
                (struct identity){.device = st.st_dev, .inode = st.st_ino, .path = r->files[i].path};
    }
    qsort(list, len, sizeof *list, by_identity);
    for (size_t i = 1; i < len; i++) {
        if (by_identity(&list[i - 1], &list[i]) == 0)
            return ens_fail(err, ENS_USAGE, "%s: is the same file as %s: name it once", list[i].path,
                            list[i - 1].path);
    }
    return true;
}

bool resign_plan(struct resign *r, struct ens_err *err)
{
    if (!check_options(r, err))
        return false;
    r->files = mem_alloc(r->line->operands_len, sizeof *r->files, err);
    if (r->files == NULL)
        return false;
    for (; r->len < r->line->operands_len; r->len++)
        r->files[r->len].path = r->line->operands[r->len];
    if (!(r->args->out_dir != NULL ? name_outputs(r, err) : check_distinct(r, err)))
        return false;
    return read_fields(r, err);
}

/* ---- what a killed run left ---- */

/* The directory in which the temporary file of a result lies: beside the file itself, where links end. */
static bool directory_of(const char *path, char **ret, struct ens_err *err)
{
    char real[PATH_MAX];

    *ret = NULL;
    if (realpath(path, real) == NULL)
        return true;
    char *slash = strrchr(real, '/');

    *ret = mem_strndup(real, slash == real ? 1 : (size_t)(slash - real), err);
    return *ret != NULL;
}

bool resign_sweep(const struct resign *r, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *last = NULL;
    size_t swept = 0;

    if (r->args->out_dir != NULL)
        return file_sweep(r->args->out_dir, &swept, err);
    for (size_t i = 0; i < r->len; i++) {
        ENS_CLEANUP(mem_freep) char *dir = NULL;
        struct ens_err why = {0};

        if (!directory_of(r->files[i].path, &dir, err))
            return false;
        if (dir == NULL || (last != NULL && strcmp(dir, last) == 0))
            continue;
        /* A directory that cannot be read cannot be swept; the file in it may be fine. */
        if (!file_sweep(dir, &swept, &why) && why.code != ENS_CANTCREAT) {
            *err = why;
            return false;
        }
        mem_free(last);
        last = ens_take(dir);
    }
    return true;
}

/* ---- files ---- */

size_t resign_waiting(const struct resign_file *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->len; i++)
        n += f->enclaves[i].status == RESIGN_NOT_DONE;
    return n;
}

bool resign_sum(const struct resign_enclave *x, uint8_t ret[static DIGEST_SIZE])
{
    uint8_t big_endian[SIGNATURE_SIZE];
    struct view v = view_of(x->signature, sizeof x->signature);
    struct ens_err why = {0};

    /* What is kept was read from a SIGSTRUCT. */
    if (x->status == RESIGN_SKIPPED) {
        bytes_reverse(big_endian, sigstruct_get(&x->css, CSS_SIGNATURE).data, SIGNATURE_SIZE);
        v.data = big_endian;
    }
    return digest_of(DIGEST_SHA256, v, ret, &why);
}

void resign_enclaves_free(struct resign_enclave *list, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        mem_free(list[i].component);
        mem_free(list[i].measured);
        mem_free(list[i].kept);
    }
    mem_free(list);
}

void resign_forget(struct resign_file *f)
{
    if (f->is_open)
        enclave_free(&f->opened);
    f->is_open = false;
    file_out_closep(&f->written);
    resign_enclaves_free(f->enclaves, f->len);
    f->enclaves = NULL;
    f->len = 0;
}
