/* The two sides of a comparison, and the report on their pages. */
#pragma once

#include "bundle/stream/pagediff.h"
#include "signer/flow/enclave.h"
#include "signer/ui/report.h"

/* One side: a container, or sign-data alone. */
struct compare_side {
    const char *path;
    struct enclave e;                /* `container` NULL: sign-data */
    const struct site *site;         /* the first of `e`, or `data` */
    struct site *data;               /* sign-data: its fields in `css`; else NULL */
    bool has_fields;                 /* the site has a SIGSTRUCT or sign-data */
    bool signature_holds;            /* if the site is signed: by the key that it holds */
    uint8_t mrsigner[MRSIGNER_SIZE]; /* if it is signed */
};

/* The first line about two enclaves that differ: "differs in 3 pages of .rodata, first at 0x41c20". */
#define COMPARE_VERDICT_MAX 512
const char *compare_verdict(const struct pagediff *d, const struct compare_side *a,
                            const struct compare_side *b, char ret[static COMPARE_VERDICT_MAX]);

/* What the authors chose otherwise, and so moved pages: "heap", "stack", "reserved", "threads". */
struct compare_cause {
    const char *name;
    uint64_t a, b;
};

struct compare_causes {
    struct compare_cause items[CONTAINER_SETTINGS_MAX];
    size_t len;
};

void compare_find_causes(const struct pagediff *d, const struct compare_side *a, const struct compare_side *b,
                         struct compare_causes *ret);

/* "another heap size (4 / 20 pages)"; "" if there is no cause. */
const char *compare_cause_text(const struct compare_causes *causes, char ret[static COMPARE_VERDICT_MAX]);

/* Names what lies at an offset of the enclaves, by either file; false if neither tells. */
bool compare_locate(const struct compare_side *a, const struct compare_side *b, uint64_t at,
                    char ret[static CONTAINER_NAME_MAX]);

/* The difference of the images beside a cause, so that a cause, which moves heap and threads only, never
 * hides it: ", also in .rodata, first at 0x41c20"; "" if there is none. */
#define COMPARE_IMAGE_MAX 128
const char *compare_image_text(const struct pagediff *d, const struct compare_side *a,
                               const struct compare_side *b, char ret[static COMPARE_IMAGE_MAX]);

/* What lines about pages of a kind say they do ("with other content"), "s" where there are several, and what
 * a row adds about itself. */
const char *compare_kind_words(enum pagediff_kind kind);
const char *compare_plural(uint64_t n);
#define COMPARE_DETAIL_MAX 512
void compare_row_detail(const struct pagediff_row *r, char ret[static COMPARE_DETAIL_MAX]);

/* Every row of the difference. */
void compare_report_pages(struct report *r, const struct pagediff *d, const struct compare_side *a,
                          const struct compare_side *b);
