/* The entries of a bundle's archive, as its directory lists them, held to the rules of bundles: the
 * manifest comes first, every other name is a plain file name, no name is there twice, sizes are within the
 * limits of bundle.h. Reads no data of entries, and needs no library. */
#pragma once

#include "bundle/orc/directory.h"

#define LISTING_MANIFEST "META-INF/MANIFEST.MF"

struct listing_entry {
    char *name;      /* owned by the listing */
    uint64_t size;   /* unpacked, as declared */
    uint64_t packed; /* bytes in the archive */
    uint64_t index;  /* in the directory */
    uint64_t data;   /* where its bytes begin in the archive */
    uint32_t crc;    /* of its content, as declared */
    bool any_crc;    /* it declares none: in listings of listing_as_core only */
    bool deflated;   /* else stored */
};

struct listing {
    struct directory directory;
    struct listing_entry *entries; /* the manifest, then the files sorted by name, bytewise */
    size_t len;
};

/* Lists the file of `size` bytes. ENS_DATA naming the entry and the rule, ENS_IO, ENS_RESOURCE. Release with
 * listing_free, in failure as well. */
bool listing_read(int fd, uint64_t size, struct listing *ret, struct ens_err *err) ENS_MUST_CHECK;
void listing_free(struct listing *l);

/* The same as Go's archive/zip reads the file for oasis-core: the directory is believed, and of two entries
 * of one name the last counts (listing_core.c). For what oasis-core makes of a file that listing_read
 * refuses. ENS_DATA: it refuses the file, or, if `own`, it may not. */
bool listing_as_core(int fd, uint64_t size, struct listing *ret, struct ens_err *err) ENS_MUST_CHECK;

/* True if a deflated entry of `size` bytes may have `packed` ones in the archive (BUNDLE_RATIO_MAX). */
bool listing_ratio_fits(uint64_t size, uint64_t packed);
