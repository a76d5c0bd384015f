/* What sign is asked to sign: one or many sign-data, each read and checked before the token is woken. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/sgx/sigstruct.h"

/* Sign-data in one run. */
#define REQUESTS_MAX 4096

struct request {
    const char *path; /* as given */
    char *out_path;   /* --out-dir: DIR/NAME.sig; else NULL */
    bool is_blind;    /* a bare digest: `css` and `data` are empty */
    bool is_done;     /* --out-dir: a signature that verifies is there already */
    bool is_tried;    /* the token was asked by this run */
    bool is_signed;   /* by this run; `signature` is set, as with `is_done` */
    bool is_written;  /* and on the disk */
    struct sigstruct css;
    struct signdata data;
    uint8_t digest[32];
    uint8_t signature[SIGNATURE_SIZE]; /* once signed */
    struct policy_outcome outcome;
};

/* What is read, and what may be in it. */
struct requests_wanted {
    char *const *paths;
    size_t len;
    const char *out_dir; /* for signatures; NULL: they get no name */
    const char *beside;  /* what is written as well, which no signature may replace; NULL: nothing */
    bool blind;          /* a bare digest is taken */
    bool allow_unusual;  /* fields that are refused as unusual, too */
};

struct requests {
    struct request *items;
    size_t len;
};

/* Reads every file: 256 bytes of sign-data, an unsigned SIGSTRUCT, or a 32-byte digest; parses strictly. ENS_DATA, ENS_REFUSED naming the file. */
bool requests_read(const struct requests_wanted *w, struct requests *ret, struct ens_err *err) ENS_MUST_CHECK;
/* Names the results DIR/NAME.SUFFIX, after the sign-data, if requests_read was given no `out_dir`. ENS_USAGE: two have one
 * name, or it is that of an input. */
bool requests_name(const struct requests_wanted *w, const char *suffix, struct requests *r,
                   struct ens_err *err) ENS_MUST_CHECK;
void requests_free(struct requests *r);

/* The message that a token hashes itself; empty for a bare digest. */
struct view request_message(const struct request *r);

/* Is any of them a bare digest? */
bool requests_any_blind(const struct requests *r);

/* How many have no signature yet. */
size_t requests_waiting(const struct requests *r);
