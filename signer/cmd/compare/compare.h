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
    struct buf manifest;             /* the text of a Gramine manifest; else empty */
    struct findings *reasons;        /* of a rebuild: the errors are why it is not the release; else NULL */
    const char *layout_from;         /* the release as which it is laid out, and its name in lines */
    const char *layout_name;
};

bool compare_same_enclave(const struct compare_side *a, const struct compare_side *b);

/* Fills `reasons` of a rebuild, and warns of what is none. `release` NULL: it is not compared. ENS_RESOURCE. */
bool compare_judge_rebuild(struct compare_side *side, const struct compare_side *release,
                           struct ens_err *err) ENS_MUST_CHECK;
/* How many; 0 of any other side. */
size_t compare_reasons(const struct compare_side *side);
/* A release has several places, which must all be the same as a rebuild's: lets both sides be about the first that is
 * not. */
void compare_choose_sites(struct compare_side *rebuild, struct compare_side *other);
/* If the side is a rebuild: what the release's metadata are, in JSON as elements of an array, and what of the rebuild is
 * not measured. */
void compare_report_rebuild(struct report *r, const struct compare_side *side);

/* The whole report. `d` NULL: the pages are the same bytes, or a side has none. ENS_RESOURCE. */
bool compare_report(struct report *r, const struct compare_side *a, const struct compare_side *b,
                    const struct pagediff *d, bool all, struct ens_err *err) ENS_MUST_CHECK;

/* Of two Gramine manifests: are they the same bytes, and the whole report. ENS_DATA, ENS_RESOURCE. */
bool compare_same_manifest(const struct compare_side *a, const struct compare_side *b);
bool compare_report_manifests(struct report *r, const struct compare_side *a, const struct compare_side *b,
                              bool all, struct ens_err *err) ENS_MUST_CHECK;

/* The first line has as many columns at most. */
#define COMPARE_LINE 80

/* What differs between two enclaves, in so many columns at most: "1 of 11 pages differs, 1 byte, at 0x1411 in code". The
 * fullest wording that fits. */
const char *compare_summary(const struct pagediff *d, const struct compare_side *a,
                            const struct compare_side *b, size_t columns, char ret[static COMPARE_LINE + 1]);

/* "threads (TCS) moved by 0x1000 more each, as with another stack", if that lies behind the differences and no setting
 * tells; "" if not. */
const char *compare_threads_moved(const struct pagediff *d, char ret[static COMPARE_LINE + 1]);

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

/* "another heap size (4 / 20 pages)" */
#define COMPARE_CAUSE_MAX 128
const char *compare_cause_text(const struct compare_cause *c, char ret[static COMPARE_CAUSE_MAX]);

/* Names what lies at an offset of the enclaves, by either file; false if neither tells. */
bool compare_locate(const struct compare_side *a, const struct compare_side *b, uint64_t at,
                    char ret[static CONTAINER_NAME_MAX]);

/* The address of the first difference of a row. */
uint64_t compare_row_address(const struct pagediff_row *r);

/* What lines about pages of a kind say they do ("with other content"), "s" where there are several, and what
 * a row adds about itself. */
const char *compare_kind_words(enum pagediff_kind kind);
const char *compare_plural(uint64_t n);
#define COMPARE_DETAIL_MAX 512
void compare_row_detail(const struct pagediff_row *r, char ret[static COMPARE_DETAIL_MAX]);

/* "REG", "r-x": the type of pages and their permissions, "" if the type has none; "SECINFO 0x..." and "" of flags that
 * no type has. */
struct compare_flags {
    char type[32], permissions[4];
};
struct compare_flags compare_flags_of(uint64_t flags);

/* Every row of the difference, for JSON. */
void compare_report_rows(struct report *r, const struct pagediff *d, const struct compare_side *a,
                         const struct compare_side *b);

/* The numbers of pages, and the ranges that differ: rows that differ in the same way are one, across small gaps too, unless
 * `all`. Text has a table of the first ones, each kind among them, and of few ranges the bytes. ENS_RESOURCE. */
bool compare_report_ranges(struct report *r, const struct pagediff *d, const struct compare_side *a,
                           const struct compare_side *b, bool all, struct ens_err *err) ENS_MUST_CHECK;
