/* An enclave on the build host: the file that holds it, opened, measured and judged, whichever kind it is. */
#pragma once

#include "bundle/container/container.h"
#include "bundle/stream/sgxs.h"
#include "signer/flow/artifact.h"
#include "signer/sgx/sigstruct.h"
#include "signer/ui/notice.h"

/* ---- bundles (enclave_bundle.c) ---- */

/* The sites of all SGX components of a bundle, in the order of the manifest. */
struct enclave_set {
    struct site *items;
    size_t len;
};

/* Reads every file of the bundle once: lengths, CRC and digests hold, streams are measured, and every
 * SIGSTRUCT is one that oasis-core accepts (RSA, Q1, Q2, a calendar DATE) over SHA-256 of its stream.
 * ENS_DATA. Release with enclave_set_free. */
bool enclave_check_bundle(const struct bundle *b, struct enclave_set *ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* The same of a bundle that was just written from `from`, in which enclave_check_bundle found `known` before
 * it was edited: files that were copied are compared with what was read of them then, everything else is
 * read. What somebody wrote to `from` in the meantime is therefore found. `known` NULL: all is read. */
bool enclave_check_written(const struct bundle *b, const struct bundle *from, const struct enclave_set *known,
                           struct enclave_set *ret, struct ens_err *err) ENS_MUST_CHECK;
void enclave_set_free(struct enclave_set *set);

/* What was found in the SGX component `id`; NULL: the bundle has no such component. */
const struct site *enclave_find(const struct enclave_set *set, const char *id);

/* ---- any container (enclave.c; what judges, in enclave_judge.c) ---- */

/* What a file is opened for. */
enum enclave_use {
    ENCLAVE_LOOK,   /* everything is measured */
    ENCLAVE_CHANGE, /* and what was read is remembered, for enclave_open_written */
    /* Only the SIGSTRUCTs are wanted: no enclave is measured, and of a bundle only the manifest and the
     * component's signature are read. What measuring would tell (an ENCLAVEHASH that is not the file's, a
     * malformed enclave) is not known then; the time does not depend on the size of the enclave. */
    ENCLAVE_FIELDS,
};

struct enclave {
    const char *path; /* borrowed */
    struct container *container;
    struct bundle *bundle;  /* of the container; NULL: it is none */
    struct enclave_set set; /* of a bundle: all its components */
    const struct site
        *sites; /* all of the file, or of a bundle the one that is meant; owned by `container` or `set` */
    size_t sites_len; /* at least one */
    enum enclave_use use;
};

/* --allow-large: takes the limit off what measuring an enclave may cost (container_work), in this process. */
void enclave_allow_large(bool is_allowed);

/* Takes over the descriptor of `a` once the file is known, checks all of a bundle, and measures the enclave at every
 * site, as `use` wants it. `id` names a bundle's component (NULL: ronl if it is SGX, else the only SGX one; or
 * container_any), `beside` what the file needs beside itself (beside.h; NULL: nothing). Does not judge the enclave; see enclave_require. Release with enclave_free. */
bool enclave_open(struct artifact *a, const char *id, const struct container_beside *beside,
                  enum enclave_use use, struct enclave *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Opens what was written from `before` (ENCLAVE_CHANGE, no bundle), an open file that messages call `label`;
 * both stay the caller's. What was read of `before` to measure it must stand there as well, but for what
 * container_write edits: ENS_DATA if a byte differs. Then `ret` has the measurements of `before`. */
bool enclave_open_written(int fd, const char *label, const struct enclave *before, struct enclave *ret,
                          struct ens_err *err) ENS_MUST_CHECK;
void enclave_free(struct enclave *e);

/* MRENCLAVE as it was measured or, if it was not, as the SIGSTRUCT of the site says. */
const uint8_t *enclave_mrenclave(const struct site *site);

/* Fails as the enclave of the site is none, ENS_DATA; true: it is well-formed, or was not measured. */
bool enclave_require_stream(const struct enclave *e, const struct site *site,
                            struct ens_err *err) ENS_MUST_CHECK;

/* The enclave is one that can be signed: well-formed, the same at every site, what its SIGSTRUCT says if it
 * has one; in a bundle MRENCLAVE is SHA-256 of the stream. ENS_DATA. Adds a warning for what is not canonical
 * to `ret`, also if it fails then; refuses what no CPU can load unless `allow_unusual`. A file that holds no
 * enclave (a raw SIGSTRUCT, EGo) must be signed. */
bool enclave_require(const struct enclave *e, bool allow_unusual, struct notices *ret,
                     struct ens_err *err) ENS_MUST_CHECK;

/* The file is not half of an enclave; ENS_USAGE names the other half. */
bool enclave_require_whole(const struct enclave *e, struct ens_err *err) ENS_MUST_CHECK;

/* Says what was used to measure it: the rules, the files beside. */
void enclave_say_facts(const struct enclave *e);

/* The one SIGSTRUCT of the file; ENS_DATA: it is not signed, or its sites hold different ones. */
bool enclave_sigstruct(const struct enclave *e, const struct sigstruct **ret,
                       struct ens_err *err) ENS_MUST_CHECK;

/* Adds what is wrong with a site beyond its SIGSTRUCT and its stream themselves: another SIGSTRUCT than at
 * the first site, an ENCLAVEHASH that is not what is measured, an enclave that is malformed, a loader that
 * asks for what the SIGSTRUCT refuses, a second signature that does not verify, a configuration that says
 * something else. */
bool enclave_judge_site(const struct enclave *e, size_t index, struct findings *ret,
                        struct ens_err *err) ENS_MUST_CHECK;

/* Adds what --allow-unusual let pass of the enclave: errors of what was measured, and tables that change what
 * the file shows, each text once. `site` is the one that is meant of a bundle, else any; NULL: there is
 * none. */
void enclave_let_pass(const struct enclave *e, const struct site *site, struct findings *ret);

/* The part of it about Open Enclave's configuration and loader, for a SIGSTRUCT that is to go there. */
void enclave_judge_config(enum container_kind kind, const struct site *site, const struct sigstruct *css,
                          struct findings *ret);

/* What messages call a site: "enclave.signed.so, metadata 2.4", or the file alone. */
#define ENCLAVE_NAME_MAX 512
const char *enclave_site_name(const struct enclave *e, size_t index, char ret[static ENCLAVE_NAME_MAX]);

/* ---- streams ---- */

/* Measures an SGXS stream by itself, an open file that messages call `path`; ENS_DATA if it is none. */
bool enclave_measure_stream(int fd, const char *path, struct sgxs_report *ret,
                            struct ens_err *err) ENS_MUST_CHECK;

/* Adds a warning for what is odd about a stream that is to be signed, or goes into a bundle, which `where`
 * names. ENS_DATA: no CPU can load it (unless `allow_unusual`), or, in a bundle, MRENCLAVE is not SHA-256 of
 * the stream. */
bool enclave_judge_stream(const char *where, const struct sgxs_report *report, bool in_bundle,
                          bool allow_unusual, struct notices *ret, struct ens_err *err) ENS_MUST_CHECK;
