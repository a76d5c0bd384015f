/* sign's third step: have enough people said yes to each sign-data? */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/ceremony/transcript.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/request.h"

/* Judges the approvals that --approval names for every sign-data, shows who counted and who did not, records
 * it, and writes the outcome's row. Runs ssh-keygen: called before a PKCS#11 module is loaded. ENS_USAGE
 * where approvals are given and no policy counts them; ENS_REFUSED where too few count. */
bool consent_check(const struct args *args, const struct policy *p, struct requests *requests,
                   struct transcript *transcript, struct ens_err *err) ENS_MUST_CHECK;
