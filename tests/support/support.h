/* What unit tests share: cmocka with its prerequisites, and vectors read from files. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "signer/base/bytes.h"
#include "signer/base/secret.h"

/* Fails the test with the error's message where `ok` is false. */
#define assert_ok(ok, err)                                                                                   \
    do {                                                                                                     \
        if (!(ok))                                                                                           \
            fail_msg("%d: %s", (int)(err).code, (err).msg);                                                  \
    } while (0)

/* `call` must fail with `want`, and its message contain `text`. */
#define assert_fails(call, err, want, text)                                                                  \
    do {                                                                                                     \
        (err) = (struct ens_err){0};                                                                         \
        if (call)                                                                                            \
            fail_msg("accepted: %s", #call);                                                                 \
        assert_int_equal((err).code, want);                                                                  \
        if (strstr((err).msg, text) == NULL)                                                                 \
            fail_msg("'%s' does not say '%s'", (err).msg, text);                                             \
    } while (0)

/* Ends the test as skipped; the reason stands in the test's line (scripts/prove-one). */
#define support_skip(why)                                                                                    \
    do {                                                                                                     \
        print_message("# skipped: " why "\n");                                                               \
        skip();                                                                                              \
    } while (0)

/* The whole of tests/vectors/NAME; fails the test where it is missing. Release with buf_free. */
struct buf support_vector(const char *name);

/* The whole of the shared data file NAME, or an empty buffer where the data is absent: the caller then
 * calls support_skip(), unless ENSIGN_REQUIRE_SHARED is set, in which case the test has failed here. */
struct buf support_shared(const char *name);

/* A new private directory under TMPDIR or /tmp, removed (with what is in it) by support_rmdir. */
char *support_mkdir(void);
void support_rmdir(char *dir);

/* A secret of this text; more than SECRET_MAX bytes are ENS_DATA. Release with secret_wipe. */
bool support_secret(struct view text, struct secret *ret, struct ens_err *err) ENS_MUST_CHECK;
