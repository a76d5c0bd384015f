/* An open file that is read or written at a place of its own, so that several readers share a descriptor.
 * What goes wrong is kept, for the library in between would make a number of it; and the library asks for
 * some 8 KiB at a time, so that larger pieces are kept in a buffer. */
#pragma once

#include "signer/base/bytes.h"

struct pipe {
    int fd; /* the caller's */
    bool writing;
    uint64_t size; /* of the file; reading ends there */
    uint64_t at;   /* for reading, or for writing */
    struct ens_err err;
    uint8_t *buffer; /* NULL until it is needed; owned: pipe_free */
    uint64_t begin;  /* where its bytes are in the file */
    size_t len;      /* how many there are; of a pipe that is written: that are not in the file yet */
};

void pipe_free(struct pipe *p);

/* Reads up to `len` bytes, writes all of them; how many, or -1 with `err` of the pipe
 * set: ENS_IO, ENS_INTERRUPTED. */
int64_t pipe_read(struct pipe *p, void *ret, uint64_t len);
int64_t pipe_write(struct pipe *p, const void *data, uint64_t len);
/* Writes what is not in the file yet; 0, or -1 as above. */
int64_t pipe_flush(struct pipe *p);

/* Pours `size` bytes of `fd`, from its beginning, into `sink`. ENS_DATA if the file ends before. */
bool pipe_pour(int fd, uint64_t size, const struct sink *sink, struct ens_err *err) ENS_MUST_CHECK;
