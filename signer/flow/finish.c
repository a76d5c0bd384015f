/* The last step before a SIGSTRUCT is attached: Q1 and Q2, and the judgement of the whole from its bytes. */
#include "signer/flow/finish.h"

#include "signer/base/mem.h"
#include "signer/flow/attach.h"
#include "signer/sgx/rsa3072.h"

bool finish_sigstruct(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                      struct sigstruct *css, struct ens_err *err)
{
    uint8_t q1[SIGNATURE_SIZE];
    uint8_t q2[SIGNATURE_SIZE];
    bool fit = false;

    if (!rsa3072_q1q2(key, signature, q1, q2, &fit, err))
        return false;
    if (!fit)
        return ens_fail(err, ENS_BUG, "Q1 and Q2 of a verified signature do not fit");
    sigstruct_finish(css, key, signature, q1, q2);
    return true;
}

bool finish_judge(const struct sigstruct *css, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *name = mem_printf(err, "SIGSTRUCT for %s", path);

    return name != NULL && attach_judge(css, name, err);
}
