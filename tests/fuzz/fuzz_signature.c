/* Fuzz target: signature files and their diagnosis. The first byte says what the rest is: a file, a whole
 * block of 384 bytes, or the payload of a PKCS#1 block; the last two are signed with a key of its own, so
 * that the diagnosis sees them. It always refuses, in one line, and never says that a signature fits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/sgx/diagnose.h"
#include "signer/sgx/diagnose_fields.h"
#include "signer/sgx/params.h"
#include "signer/sgx/rsa3072.h"
#include "tests/support/fuzzkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fuzzkey key;
static struct sigstruct css;

/* The field that differs is searched for by hashing 200,000 values: at the first inputs, so that a replay
 * does it, and then at one in SEARCH_EVERY. */
#define SEARCH_EVERY 2048

bool __real_diagnose_find_field(const struct sigstruct *fields, struct view signed_digest,
                                char ret[static DIAGNOSE_TEXT_MAX]);
bool __wrap_diagnose_find_field(const struct sigstruct *fields, struct view signed_digest,
                                char ret[static DIAGNOSE_TEXT_MAX]);

bool __wrap_diagnose_find_field(const struct sigstruct *fields, struct view signed_digest,
                                char ret[static DIAGNOSE_TEXT_MAX])
{
    static unsigned calls;

    return calls++ % SEARCH_EVERY == 0 && __real_diagnose_find_field(fields, signed_digest, ret);
}

static void prepare(void)
{
    static const struct params none;
    struct ens_err err = {0};

    if (key.n != NULL)
        return;
    key = fuzzkey_make();
    if (!params_build(&none, NULL, 0x20260131, &css, &err))
        abort();
    memset(css.bytes + css_table[CSS_ENCLAVEHASH].offset, 0x5a, 32);
}

static void diagnose(const uint8_t signature[384])
{
    uint8_t digest[32];
    uint8_t signed_digest[32];
    bool fits = false;
    bool is = false;
    struct ens_err err = {0};

    if (!signdata_digest(&css, digest, &err) || !rsa3072_verify(&key.pub, digest, signature, &fits, &err) ||
        !diagnose_signed_digest(&key.pub, signature, &is, signed_digest, &err))
        abort();
    if (fits) {
        if (!is || memcmp(digest, signed_digest, 32) != 0)
            abort();
        return;
    }
    if (is && memcmp(digest, signed_digest, 32) == 0)
        abort();
    if (diagnose_fail(&key.pub, signature, &css, "file", &err) || err.code != ENS_DATA ||
        strncmp(err.msg, "file: ", 6) != 0 || strchr(err.msg, '\n') != NULL)
        abort();
    /* A signature over another digest is told from one that is none. */
    if (is != (strstr(err.msg, "over other sign-data") != NULL || strstr(err.msg, "does not fit") != NULL))
        abort();
}

static void read_file(struct view file)
{
    uint8_t signature[384];
    struct ens_err err = {0};

    if (!diagnose_read_signature(file, "file", signature, &err)) {
        if (err.code != ENS_DATA || strchr(err.msg, '\n') != NULL)
            abort();
        return;
    }
    if (file.len > 384 || !view_is_zero(view_of(signature, 384 - file.len)) ||
        !view_equal(view_of(signature + 384 - file.len, file.len), file))
        abort();
    diagnose(signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t signature[384];

    prepare();
    if (size == 0)
        return 0;
    struct view rest = view_of(data + 1, size - 1);

    if (data[0] % 3 == 0) {
        read_file(rest);
    } else if (data[0] % 3 == 1 && rest.len == 384 && rest.data[0] < 0x80) {
        fuzzkey_sign_block(&key, rest.data, signature);
        diagnose(signature);
    } else if (data[0] % 3 == 2 && rest.len <= 373) {
        fuzzkey_sign_payload(&key, rest.data, rest.len, signature);
        diagnose(signature);
    }
    return 0;
}
