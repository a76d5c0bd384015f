/* A Gramine manifest as rows of texts, and what differs between two: the order of tables, keys and entries, and how they are
 * written, do not count. */
#pragma once

#include "signer/base/toml.h"

enum compare_group {
    COMPARE_TRUSTED,    /* sgx.trusted_files */
    COMPARE_ENTRYPOINT, /* loader.entrypoint, if it pins a file */
    COMPARE_ALLOWED,    /* sgx.allowed_files */
    COMPARE_MOUNT,      /* fs.mounts */
    COMPARE_KEY,        /* any other key */
    COMPARE_GROUPS,
};

struct compare_row {
    enum compare_group group;
    const char *name;  /* a file's uri, a mount's path, "" if an entry has none; the whole key */
    const char *value; /* a pinned file's SHA-256; else as TOML writes it, members of tables sorted */
    size_t rank;       /* its place in the text, among those of its group */
    size_t at;         /* of its texts */
};

/* Sorted by group, name and value. */
struct compare_rows {
    struct compare_row *items;
    size_t len;
    struct buf text;
};

/* A name with other values, or on one side: its value on either, borrowed from the rows; NULL: it is not there. */
struct compare_change {
    enum compare_group group;
    const char *name, *a, *b;
};

struct compare_changes {
    struct compare_change *items;
    size_t len;
};

/* The rows of a manifest, which messages call `label`; zero-initialise `ret`. ENS_DATA if its keys are too long to be
 * repeated for each value; ENS_RESOURCE. Release with compare_rows_free, in failure as well. */
bool compare_rows_of(const struct toml *t, const char *label, struct compare_rows *ret,
                     struct ens_err *err) ENS_MUST_CHECK;
void compare_rows_free(struct compare_rows *rows);

/* ENS_RESOURCE. Release with compare_changes_free. */
bool compare_rows_diff(const struct compare_rows *a, const struct compare_rows *b,
                       struct compare_changes *ret, struct ens_err *err) ENS_MUST_CHECK;
void compare_changes_free(struct compare_changes *changes);

/* Of rows without a difference: do those of the group stand in one order? */
bool compare_rows_same_order(const struct compare_rows *a, const struct compare_rows *b,
                             enum compare_group group);
