/* Another program, run to its end: no shell, no temporary file, no descriptor of ensign's own but those that
 * are meant for it. What it reads is in memory that cannot change any more, so that it works on the very
 * bytes that were checked. */
#pragma once

#include "signer/base/bytes.h"

#define PROCESS_ARGS_MAX  32   /* argv and environment, each */
#define PROCESS_FILES_MAX 4    /* descriptors 3 to 6 */
#define PROCESS_WORDS_MAX 8192 /* kept of its error stream; the rest is dropped */

/* Texts, views and arrays are borrowed for the call. */
struct process {
    const char *program;      /* its path, with a slash; NULL: argv[0] is looked up in PATH */
    const char *const *argv;  /* NULL-terminated */
    const char *const *env;   /* its whole environment, NULL-terminated */
    const char *remedy;       /* what to do if it is not installed, for the error */
    struct view input;        /* what its descriptor 0 gives */
    bool terminal;            /* its descriptor 0 is the controlling terminal instead: it may ask there */
    const struct view *files; /* what it finds as /dev/fd/3, /dev/fd/4, ... */
    size_t files_len;
    size_t out_max;           /* most bytes on its descriptor 1 */
    const struct sink *words; /* is given its error stream as it comes; NULL: nobody is */
    unsigned seconds;         /* how long it may take; 0: no limit, a person is asked */
};

/* Zero-initialise; release with process_result_free. */
struct process_result {
    int status;       /* its exit status */
    struct buf out;   /* descriptor 1 */
    struct buf words; /* descriptor 2, at most PROCESS_WORDS_MAX bytes */
};

/* Runs it and waits for its end; a status other than 0 is a result and no error. ENS_RESOURCE if it cannot
 * be started (which the status 127 means as well), is ended by a signal or takes too long; ENS_DATA if it
 * says more than `out_max`; ENS_INTERRUPTED after it was asked to stop. On an error the program is gone. */
bool process_run(const struct process *p, struct process_result *ret, struct ens_err *err) ENS_MUST_CHECK;
void process_result_free(struct process_result *r);
