/* The rules of a bundle's archive that its directory alone can break. */
#include "bundle/orc/listing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle/orc/bundle.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

#define REMEDY "get the file again, or rebuild it"

/* Below this an unpacked size is harmless whatever its ratio. */
#define RATIO_FROM (1u << 20)

/* Chains of a table with as many as there can be entries, and names in one of them. */
#define CHAINS    BUNDLE_ENTRIES_MAX
#define CHAIN_MAX 256

/* APPNOTE 4.4.4, 4.4.5, and the directory bit of DOS attributes. */
#define FLAGS_ENCRYPTED 0x2041u
#define METHOD_STORE    0
#define METHOD_DEFLATE  8
#define DOS_DIRECTORY   0x10u

void listing_free(struct listing *l)
{
    for (size_t i = 0; i < l->len; i++)
        mem_free(l->entries[i].name);
    mem_free(l->entries);
    *l = (struct listing){0};
}

/* A flat name of printable UTF-8: no path, and nothing that a terminal or a file system could take for
 * something else. */
static bool check_entry_name(struct view name, struct ens_err *err)
{
    char printable[BUNDLE_NAME_MAX + 1];
    const char *text = (const char *)name.data;

    if (name.len == 0)
        return ens_fail_own(err, "an entry has no name: rebuild the bundle");
    (void)text_printable(printable, sizeof printable, text, name.len);
    if (memchr(text, '\0', name.len) != NULL || strlen(printable) != name.len ||
        memcmp(printable, text, name.len) != 0)
        return ens_fail_own(
            err, "entry %s: its name is not UTF-8, or has control characters: rename the file", printable);
    if (memchr(text, '/', name.len) != NULL || memchr(text, '\\', name.len) != NULL ||
        strcmp(printable, ".") == 0 || strcmp(printable, "..") == 0)
        return ens_fail_own(
            err, "entry %s: its name is a path, and a bundle has no directories: rename the file", printable);
    return true;
}

/* The rules for the manifest's name and place, and for all other names. */
static bool check_entry_place(const struct directory_entry *e, struct ens_err *err)
{
    bool is_manifest = view_equal(e->name, view_of_string(LISTING_MANIFEST));

    if (e->index == 0 && !is_manifest)
        return ens_fail_own(err, "its first entry is not " LISTING_MANIFEST
                                 ": it is not a bundle, or must be rebuilt");
    if (e->index > 0 && is_manifest)
        return ens_fail_own(err, "entry " LISTING_MANIFEST ": is there twice: rebuild the bundle");
    return is_manifest || check_entry_name(e->name, err);
}

/* Only regular files, which are stored or deflated. Which system made the archive does not say reliably
 * how its attributes are meant. */
static bool check_entry_kind(const struct directory_entry *e, struct ens_err *err)
{
    uint32_t kind = (e->attributes >> 16) & S_IFMT;

    if ((kind != 0 && kind != S_IFREG) || (e->attributes & DOS_DIRECTORY) != 0)
        return ens_fail_own(
            err, "is not a regular file: a bundle has no directories, links or devices, rebuild it");
    if ((e->flags & FLAGS_ENCRYPTED) != 0)
        return ens_fail_own(err, "is encrypted: rebuild the bundle without encryption");
    if (e->method != METHOD_STORE && e->method != METHOD_DEFLATE)
        return ens_fail_own(err, "is compressed by method %u: only Store and Deflate are read, rebuild it",
                            (unsigned)e->method);
    return true;
}

bool listing_ratio_fits(uint64_t size, uint64_t packed)
{
    return size <= RATIO_FROM || size / BUNDLE_RATIO_MAX < packed;
}

static bool check_sizes(const struct directory_entry *e, struct ens_err *err)
{
    if (e->method == METHOD_STORE && e->size != e->packed)
        return ens_fail_own(err, "is stored, and has two sizes: " REMEDY);
    if (e->size > BUNDLE_ENTRY_MAX)
        return ens_fail_own(err, "declares %llu bytes, more than the limit of %llu: make a smaller file",
                            (unsigned long long)e->size, BUNDLE_ENTRY_MAX);
    if (e->method == METHOD_DEFLATE && !listing_ratio_fits(e->size, e->packed))
        return ens_fail_own(
            err, "declares %llu bytes out of %llu, more than the limit of %d to 1: store it uncompressed",
            (unsigned long long)e->size, (unsigned long long)e->packed, BUNDLE_RATIO_MAX);
    return true;
}

static bool take_entry(void *ctx, const struct directory_entry *e, struct ens_err *err)
{
    struct listing *l = ctx;
    const char *name = (const char *)e->name.data;

    if (!check_entry_place(e, err))
        return false;
    if (!check_entry_kind(e, err) || !check_sizes(e, err))
        return ens_wrap(err, "entry %.*s", (int)e->name.len, name);
    l->entries[l->len] = (struct listing_entry){.name = mem_strndup(name, e->name.len, err),
                                                .size = e->size,
                                                .packed = e->packed,
                                                .index = e->index,
                                                .data = e->data,
                                                .crc = e->crc,
                                                .deflated = e->method == METHOD_DEFLATE};
    return l->entries[l->len++].name != NULL;
}

/* libzip keeps names in a table of chains, under a hash without a secret (djb2) modulo a power of two. Names
 * made to share a chain would cost the square of their number; names that were not never come near. */
static bool check_chains(const struct listing *l, struct ens_err *err)
{
    if (l->len <= CHAIN_MAX)
        return true;
    ENS_CLEANUP(mem_freep) uint16_t *chains = mem_alloc(CHAINS, sizeof *chains, err);

    if (chains == NULL)
        return false;
    for (size_t i = 0; i < l->len; i++) {
        uint32_t hash = 5381;

        for (const char *c = l->entries[i].name; *c != '\0'; c++)
            hash = hash * 33 + (uint8_t)*c;
        if (++chains[hash % CHAINS] > CHAIN_MAX)
            return ens_fail_own(err,
                                "more than %d of its names are built to collide in a table: rename the files",
                                CHAIN_MAX);
    }
    return true;
}

static int compare_names(const void *x, const void *y)
{
    const struct listing_entry *a = x;
    const struct listing_entry *b = y;

    return strcmp(a->name, b->name);
}

bool listing_read(int fd, uint64_t size, struct listing *ret, struct ens_err *err)
{
    struct directory *d = &ret->directory;

    if (!directory_find(fd, size, d, err))
        return false;
    if (d->entries == 0)
        return ens_fail_own(err, "is an empty archive: its first entry must be " LISTING_MANIFEST);
    ret->entries = mem_alloc(d->entries, sizeof *ret->entries, err);
    if (ret->entries == NULL || !directory_walk(fd, d, (struct directory_visitor){take_entry, ret}, err))
        return false;
    if (!check_chains(ret, err))
        return false;
    qsort(ret->entries + 1, ret->len - 1, sizeof *ret->entries, compare_names);
    for (size_t i = 2; i < ret->len; i++) {
        if (strcmp(ret->entries[i - 1].name, ret->entries[i].name) == 0)
            return ens_fail_own(err, "entry %s: is there twice: rebuild the bundle", ret->entries[i].name);
    }
    return true;
}
