/* Fuzz target: the judge of a SIGSTRUCT. It answers for any bytes; what it finds no error in is signed, by
 * every other way to ask. The signed fields of the input, signed anew with a key of its own, have no fault of
 * signature, key or quotient. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/sgx/diagnose.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"
#include "tests/support/fuzzkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct findings judge(const struct sigstruct *css)
{
    struct findings found = {0};
    struct ens_err err = {0};

    if (!verify_sigstruct(view_of(css->bytes, SIGSTRUCT_SIZE), &found, &err))
        abort();
    for (size_t i = 0; i < found.len; i++) {
        if (found.items[i].text[0] == '\0' || strchr(found.items[i].text, '\n') != NULL)
            abort();
    }
    return found;
}

/* Is there a finding of a rule that begins with `rule`? */
static bool has(const struct findings *found, const char *rule)
{
    for (size_t i = 0; i < found->len; i++) {
        if (strncmp(found->items[i].rule, rule, strlen(rule)) == 0)
            return true;
    }
    return false;
}

/* Signature, quotients and digest, asked one by one. */
static bool is_signed(const struct sigstruct *css)
{
    struct pubkey key;
    struct sigstruct again = *css;
    uint8_t digest[32];
    uint8_t signed_digest[32];
    uint8_t signature[384];
    uint8_t q1[384];
    uint8_t q2[384];
    bool ok = false;
    bool fit = false;
    bool is = false;
    struct ens_err err = {0};

    verify_key_of(css, &key);
    bytes_reverse(signature, sigstruct_get(css, CSS_SIGNATURE).data, 384);
    if (!signdata_digest(css, digest, &err) || !rsa3072_verify(&key, digest, signature, &ok, &err) ||
        !rsa3072_q1q2(&key, signature, q1, q2, &fit, &err) ||
        !diagnose_signed_digest(&key, signature, &is, signed_digest, &err))
        abort();
    if (ok && (!is || memcmp(digest, signed_digest, 32) != 0))
        abort();
    sigstruct_finish(&again, &key, signature, q1, q2);
    return ok && fit && memcmp(again.bytes, css->bytes, SIGSTRUCT_SIZE) == 0;
}

static void check_signed_anew(const struct sigstruct *input)
{
    static struct fuzzkey key;
    struct sigstruct css = *input;
    uint8_t digest[32];
    uint8_t signature[384];
    uint8_t q1[384];
    uint8_t q2[384];
    bool fit = false;
    struct ens_err err = {0};

    if (key.n == NULL)
        key = fuzzkey_make();
    if (!signdata_digest(&css, digest, &err))
        abort();
    fuzzkey_sign_digest(&key, digest, signature);
    if (!rsa3072_q1q2(&key.pub, signature, q1, q2, &fit, &err) || !fit)
        abort();
    sigstruct_finish(&css, &key.pub, signature, q1, q2);
    struct findings found = judge(&css);

    if (!is_signed(&css) || has(&found, "signature") || has(&found, "q1") || has(&found, "q2") ||
        has(&found, "modulus") || has(&found, "exponent"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sigstruct css;
    struct sigstruct parsed;
    struct ens_err err = {0};

    if (size != SIGSTRUCT_SIZE) {
        struct findings found = {0};

        if (!verify_sigstruct(view_of(data, size), &found, &err) || found.len != 1 || !has(&found, "size") ||
            sigstruct_parse(view_of(data, size), "input", &parsed, &err))
            abort();
        return 0;
    }
    memcpy(css.bytes, data, size);
    struct findings found = judge(&css);

    if (findings_count(&found, SEVERITY_ERROR) == 0 && (found.dropped != 0 || !is_signed(&css)))
        abort();
    if (sigstruct_parse(view_of(data, size), "input", &parsed, &err) !=
        sigstruct_recognise(view_of(data, size)))
        abort();
    if (sigstruct_recognise(view_of(data, size)))
        check_signed_anew(&css);
    return 0;
}
