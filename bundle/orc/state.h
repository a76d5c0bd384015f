/* A bundle's content at one moment: its manifest, its files, and that the two fit together. The state of a
 * bundle that was opened comes from the archive; each edit makes a new state from the one before. */
#pragma once

#include "bundle/orc/archive.h"
#include "bundle/orc/bundle.h"
#include "bundle/orc/manifest.h"

/* In the archive (`entry`), to come from a file (`input`), or in memory (`bytes`). */
struct state_file {
    const char *name;
    const struct listing_entry *entry; /* or NULL */
    const struct archive_input *input; /* or NULL */
    struct view bytes;
    uint8_t digest[32]; /* as the manifest gives it */
};

/* A file that an edit brings; owned. */
struct state_added {
    char *name;
    struct buf bytes;
    struct archive_input input; /* `input.path` NULL: it is `bytes` */
};

/* The most files that one edit brings. */
#define STATE_ADDED_MAX 3

struct state {
    struct state *previous; /* for the owner of the chain; not released with this one */
    struct bundle_info info;
    struct manifest *manifest;
    struct state_file *files; /* sorted by name */
    size_t files_len;
    struct state_added added[STATE_ADDED_MAX]; /* the files that this state brings */
    size_t added_len;
};

/* The state of a bundle that was opened, which must outlive it. Takes `*manifest`. ENS_DATA: a file that a
 * component names is missing, or a file has no digest. */
bool state_open(const struct listing *l, struct manifest **manifest, struct state **ret,
                struct ens_err *err) ENS_MUST_CHECK;

/* The state after an edit of `from`, which must outlive it: another manifest, and `len` more files, or other
 * files of their names. Takes `*manifest` and what is in `added`, in failure as well. */
bool state_edit(const struct state *from, struct manifest **manifest, struct state_added *added, size_t len,
                struct state **ret, struct ens_err *err) ENS_MUST_CHECK;
void state_freep(struct state **s);
void state_added_free(struct state_added *added);

/* The file, or NULL. */
const struct state_file *state_find(const struct state *s, const char *name);

/* The file name that the component's signature gets (bundle_set_signature); the caller owns it. ENS_DATA. */
bool state_signature_name(const struct state *s, const struct bundle_component *c, char **ret,
                          struct ens_err *err) ENS_MUST_CHECK;
