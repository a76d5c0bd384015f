/* hsm.h without ensign-token between: for the tests of the side that has the module, which are written in terms of
 * hsm.h. Include it before them. */
#pragma once

#include "hsm/token/internal.h"

static struct call_page inside_page;

static bool inside_open(const struct hsm_open_args *args, struct hsm **ret, struct ens_err *err)
{
    return module_open(args->module, args->module_args, &inside_page, ret, err);
}

#define INSIDE                1
#define hsm_open              inside_open
#define hsm_closep            module_closep
#define hsm_select_token      token_select
#define hsm_candidates        candidates_text
#define hsm_login             login_user
#define hsm_select_key        key_select
#define hsm_public_key        key_public
#define hsm_list_keys         key_each
#define hsm_list_tokens       token_each
#define hsm_sign              sign_digest
#define hsm_generate          keygen_make
#define hsm_destroy_generated keygen_destroy
#define hsm_destroy_key       keygen_destroy_key
#define hsm_decrypt           decrypt_unwrap
