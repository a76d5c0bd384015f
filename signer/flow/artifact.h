/* A file that the user named, opened once, and its kind by content: for commands that take several kinds, and for
 * messages about a wrong one. Nobody can exchange the file between two looks. Judges nothing, opens no container:
 * both programs link it. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/err.h"

#define ARTIFACT_HEAD_MAX 4096

enum artifact_kind {
    ARTIFACT_UNKNOWN,
    ARTIFACT_BUNDLE,
    ARTIFACT_SGXS,
    ARTIFACT_ELF,       /* which SDK made it, bundle/open.h says */
    ARTIFACT_MANIFEST,  /* of Gramine */
    ARTIFACT_SIGSTRUCT, /* its HEADER; signed or not, and of any length */
    ARTIFACT_SIGNDATA,
    ARTIFACT_SIGNATURE, /* 384 bytes that are nothing else */
    ARTIFACT_PUBKEY,
    ARTIFACT_PRIVATE_KEY,
    ARTIFACT_APPROVAL,
    ARTIFACT_TRANSCRIPT,
    ARTIFACT_POLICY,
    ARTIFACT_QUORUM, /* one of seven (quorum/formats.h) */
};

struct artifact {
    const char *path; /* borrowed; messages name it */
    int fd;           /* owned; -1 before artifact_open, and once a container took it over */
    enum artifact_kind kind;
    size_t len; /* of `head`: all of the file if it is less than ARTIFACT_HEAD_MAX */
    uint8_t head[ARTIFACT_HEAD_MAX];
};

#define ARTIFACT_NONE ((struct artifact){.fd = -1})

/* Opens `path` and reads its first bytes. Nothing opens the path again: everything else about the file comes from
 * `ret`. An unknown kind is not an error. ENS_NOINPUT, ENS_IO, ENS_DATA as of file_open. Release with artifact_close. */
bool artifact_open(const char *path, struct artifact *ret, struct ens_err *err) ENS_MUST_CHECK;
void artifact_close(struct artifact *a);

/* Gives `a`, whose descriptor a container took over, one of its own again: `fd`, the same open file, is duplicated.
 * ENS_RESOURCE. */
bool artifact_keep(struct artifact *a, int fd, struct ens_err *err) ENS_MUST_CHECK;

struct view artifact_head(const struct artifact *a);

/* Does a reader of bundles, streams or ELF files open it? ensign-offline has none. */
bool artifact_holds_enclave(enum artifact_kind kind);

/* Appends the whole file, at most `max` bytes; ENS_DATA if it has more. Called once of a pipe, which is not read again. */
bool artifact_read(const struct artifact *a, size_t max, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
/* The same through armour_take. */
bool artifact_read_armour(const struct artifact *a, size_t max, unsigned wishes, struct buf *ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* "a bundle", with the article, for messages; NULL of ARTIFACT_UNKNOWN. Owned by the program. */
const char *artifact_kind_name(enum artifact_kind kind);

enum artifact_wanted { ARTIFACT_WANT_SIGNDATA, ARTIFACT_WANT_ENCLAVE };

/* Takes the error that `a` is not what was wanted. Replaces it by "PATH: is KIND, not WANTED: what to run",
 * if the file is of another kind and that is known. Returns false always. */
bool artifact_explain(const struct artifact *a, enum artifact_wanted wanted, struct ens_err *err);
