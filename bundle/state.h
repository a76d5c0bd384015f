/* A bundle's content at one moment: its manifest, its files, and that the two fit together. The state of a
 * bundle that was opened comes from the archive; each edit makes a new state from the one before. */
#pragma once

#include "bundle/bundle.h"
#include "bundle/listing.h"
#include "bundle/manifest.h"

struct state_file {
    const char *name;
    const struct listing_entry *entry; /* in the archive, or NULL: `bytes` */
    struct view bytes;
    uint8_t digest[32]; /* as the manifest gives it */
};

struct state {
    struct state *previous; /* for the owner of the chain; not released with this one */
    struct bundle_info info;
    struct manifest *manifest;
    struct state_file *files; /* sorted by name */
    size_t files_len;
    const char **orphans; /* digests without a file */
    size_t orphans_len;
    char *added_name; /* the file that this state brings, or NULL */
    struct buf added_bytes;
};

/* The state of a bundle that was opened, which must outlive it. Takes `*manifest`. ENS_DATA: a file that a
 * component names is missing, or a file has no digest. */
bool state_open(const struct listing *l, struct manifest **manifest, struct state **ret,
                struct ens_err *err) ENS_MUST_CHECK;

/* The state after an edit of `from`, which must outlive it: another manifest and, where `*name` is not NULL,
 * one more file, or another file of that name. Takes `*manifest`, `*name` and `*bytes`. */
bool state_edit(const struct state *from, struct manifest **manifest, char **name, struct buf *bytes,
                struct state **ret, struct ens_err *err) ENS_MUST_CHECK;
void state_freep(struct state **s);

/* The file, or NULL. */
const struct state_file *state_find(const struct state *s, const char *name);

/* The file name that the component's signature gets (bundle_set_signature); the caller owns it. ENS_DATA. */
bool state_signature_name(const struct state *s, const struct bundle_component *c, char **ret,
                          struct ens_err *err) ENS_MUST_CHECK;
