/* Shared by the kinds of containers; only for the kinds: bundle/open.c, sdk/. */
#pragma once

#include "bundle/container/container.h"
#include "bundle/elf/elf.h"
#include "bundle/elf/elf_reads.h"

#define CONTAINER_EDITS_MAX (4 * CONTAINER_SITES_MAX)

struct container {
    const struct container_ops *ops;
    char *label;
    int fd;
    bool owns_fd;
    uint64_t size;   /* of the file */
    struct elf *elf; /* NULL: no ELF file */
    struct bundle *bundle;
    struct site *sites;
    size_t sites_len;
    uint64_t work;             /* container_work */
    const char *why_no_stream; /* static; NULL: each site has an enclave */
    uint64_t shift;            /* of the image in the enclave: address of the file's address 0 */
    struct container_setting settings[CONTAINER_SETTINGS_MAX];
    size_t settings_len;
    struct container_fact facts[CONTAINER_FACTS_MAX];
    size_t facts_len;
    struct elf_span edits[CONTAINER_EDITS_MAX]; /* what container_write may change */
    size_t edits_len;
    struct container_oddity oddities[CONTAINER_ODDITIES_MAX];
    size_t oddities_len;
    const struct container_beside *beside; /* borrowed; not NULL while `open` runs, NULL afterwards */
    void *own;                             /* the kind's, released by its close */
};

/* A kind of container: a row of the table in open.c. */
struct container_ops {
    enum container_kind kind;
    const char *name;
    /* True if it is this kind. `head` is the beginning of the file; for ELF files `c->elf` is open as well. */
    bool (*recognise)(const struct container *c, struct view head);
    /* Fills `sites`, `why_no_stream` and `own`. */
    bool (*open)(struct container *c, const char *component, struct ens_err *err);
    void (*close)(struct container *c); /* NULL: nothing of its own */
    bool (*stream)(struct container *c, size_t index, const struct sink *sink, struct ens_err *err);
    bool (*same)(const struct container *c, size_t a, size_t b); /* NULL: not known */
    /* NULL: a copy of the file in which the SIGSTRUCTs are replaced, and what `patch` says. */
    bool (*write)(struct container *c, const struct container_edit *edit, struct file_out *out,
                  struct ens_err *err);
    /* Edits one site beyond its SIGSTRUCT, through container_put; NULL: nothing. */
    bool (*patch)(const struct container *c, size_t site, const struct container_edit *edit, int fd,
                  struct ens_err *err);
};

/* Makes room for one more site, zeroed but for `has_place`; owned by the container. ENS_DATA above CONTAINER_SITES_MAX. */
bool container_add_site(struct container *c, struct site **ret, struct ens_err *err) ENS_MUST_CHECK;

/* Work of a page of which nothing is measured but that it is added, and of one that is measured whole. */
#define CONTAINER_WORK_PAGE     64u
#define CONTAINER_WORK_MEASURED (64u + 16u * 320u)

/* Adds `count` times `each` to the work; sticks at UINT64_MAX. */
void container_work_add(uint64_t *work, uint64_t count, uint64_t each);

/* Adds to `settings`; at most CONTAINER_SETTINGS_MAX are kept. */
void container_set(struct container *c, const char *name, uint64_t value);

/* Adds to `facts`; at most CONTAINER_FACTS_MAX are kept. */
void container_tell(struct container *c, const char *key, const char *label, const char *fmt, ...)
    ENS_PRINTF(4, 5);

/* Adds to `oddities`, of which CONTAINER_ODDITIES_RULE_MAX of one rule and site are kept. */
void container_odd(struct container *c, size_t site, const char *rule, const char *fmt, ...) ENS_PRINTF(4, 5);

/* container_put may write here, from `offset` on. A site's SIGSTRUCT is such a place without it. */
void container_may_edit(struct container *c, uint64_t offset, size_t len);

/* Overwrites bytes of the new file at `offset`; ENS_IO. ENS_BUG: it is not a place of container_may_edit. */
bool container_put(const struct container *c, int fd, uint64_t offset, struct view bytes,
                   struct ens_err *err) ENS_MUST_CHECK;
