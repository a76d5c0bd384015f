/* Fuzz target: sign-data. What is parsed is extracted again byte for byte, passes through options without a
 * change where none is given, and its review is printable text that shows MRENCLAVE. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/sgx/params.h"
#include "signer/sgx/sigstruct.h"
#include "signer/sgx/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_review(const struct sigstruct *css)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    uint8_t digest[32];
    char mrenclave[65];
    const struct review_form form = {.verb = "signed"};
    struct review r = {.css = css, .digest = digest};
    struct ens_err err = {0};

    if (!signdata_digest(css, digest, &err) || !review_render(&r, &form, &text, &err))
        abort();
    hex_encode(mrenclave, sigstruct_get(css, CSS_ENCLAVEHASH));
    if (memmem(text.data, text.len, mrenclave, 64) == NULL)
        abort();
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\n' && (text.data[i] < ' ' || text.data[i] > '~'))
            abort();
    }
}

/* What params_check lets pass, the judge finds no error in, but for what only a mask can demand. */
static void check_rules(const struct sigstruct *css)
{
    struct findings found = {0};
    struct sigstruct enforced = *css;
    struct ens_err err = {0};

    if (!params_check(css, false, &err)) {
        if (err.code != ENS_DATA || strchr(err.msg, '\n') != NULL)
            abort();
        return;
    }
    sigstruct_put_int(&enforced, CSS_ATTRIBUTEMASK, UINT64_MAX);
    sigstruct_put_int(&enforced, CSS_XFRM_MASK, UINT64_MAX);
    verify_signed_fields(&enforced, &found);
    if (findings_count(&found, SEVERITY_ERROR) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct params none;
    struct sigstruct css;
    struct sigstruct same;
    struct signdata again;
    struct ens_err err = {0};

    if (!signdata_parse(view_of(data, size), "input", &css, &err)) {
        if (err.code != ENS_DATA || strchr(err.msg, '\n') != NULL)
            abort();
        return 0;
    }
    signdata_extract(&css, &again);
    if (size != SIGNDATA_SIZE || memcmp(again.bytes, data, size) != 0 || !sigstruct_is_unsigned(&css))
        abort();
    if (!params_build(&none, &css, 0, &same, &err) || memcmp(same.bytes, css.bytes, SIGSTRUCT_SIZE) != 0)
        abort();
    if (!sigstruct_parse(view_of(css.bytes, SIGSTRUCT_SIZE), "css", &same, &err))
        abort();
    check_review(&css);
    check_rules(&css);
    return 0;
}
