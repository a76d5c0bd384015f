/* A file that the user named, and its kind by content: for commands that take several kinds, and for messages
 * about a wrong one. Reads the head only, judges nothing, opens no container: both programs link it. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/err.h"

#define ARTIFACT_HEAD_MAX 4096

enum artifact_kind {
    ARTIFACT_UNKNOWN,
    ARTIFACT_BUNDLE,
    ARTIFACT_SGXS,
    ARTIFACT_ELF,       /* which SDK made it, bundle/open.h says */
    ARTIFACT_SIGSTRUCT, /* its HEADER; signed or not, and of any length */
    ARTIFACT_SIGNDATA,
    ARTIFACT_SIGNATURE, /* 384 bytes that are nothing else */
    ARTIFACT_PUBKEY,
    ARTIFACT_PRIVATE_KEY,
    ARTIFACT_APPROVAL,
    ARTIFACT_TRANSCRIPT,
    ARTIFACT_POLICY,
};

/* Reads the first bytes of `path`. ENS_NOINPUT, ENS_IO, ENS_DATA as of file_open. */
bool artifact_read_head(const char *path, uint8_t ret[static ARTIFACT_HEAD_MAX], size_t *ret_len,
                        struct ens_err *err) ENS_MUST_CHECK;

/* The kind of a file that begins with `head`: all of the file if that is shorter than ARTIFACT_HEAD_MAX. */
enum artifact_kind artifact_recognise(struct view head);

/* "a bundle", with the article, for messages; NULL of ARTIFACT_UNKNOWN. Owned by the program. */
const char *artifact_kind_name(enum artifact_kind kind);

enum artifact_wanted { ARTIFACT_WANT_SIGNDATA, ARTIFACT_WANT_ENCLAVE };

/* Takes the error that `path` is not what was wanted. Replaces it by "PATH: is KIND, not WANTED: what to run",
 * if the file is of another kind and that is known. Returns false always. */
bool artifact_explain(const char *path, enum artifact_wanted wanted, struct ens_err *err);
