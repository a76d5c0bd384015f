/* The inside of a bundle, for bundle.c, which opens and reads it, edit.c, and write.c. */
#pragma once

#include "bundle/orc/archive.h"
#include "bundle/orc/bundle.h"
#include "bundle/orc/state.h"

/* An archive, and a chain of states: the one that was opened or begun, and one more for each edit. The newest
 * is what callers see; the older ones are kept to the end, because callers may still hold texts of theirs. */
struct bundle {
    char *label;             /* what messages call the bundle */
    int own_fd;              /* -1: the caller's */
    struct archive *archive; /* NULL: the bundle is new */
    struct state *now;
};
