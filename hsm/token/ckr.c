/* Return values of PKCS#11 (2.40, section 5.1) as errors: the name that the vendor's manual explains, the
 * exit status, and what to do. */
#include "hsm/token/internal.h"

#include <stdarg.h>
#include <stdio.h>

#define DEVICE_REMEDY  "check that the token is connected and its service runs, then repeat"
#define SESSION_REMEDY "the token was reset or taken out: repeat the command"

/* A value without a remedy of its own has the general one of its exit status. */
static const struct ckr {
    CK_RV rv;
    const char *name;
    enum ens_code code;
    const char *remedy;
} table[] = {
    {CKR_CANCEL, "CKR_CANCEL", ENS_REFUSED, "it was cancelled: repeat the command"},
    {CKR_HOST_MEMORY, "CKR_HOST_MEMORY", ENS_DEVICE,
     "modules that need a service (pkcsslotd, pcscd) say this when it does not run: start it, then repeat"},
    {CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID", ENS_DEVICE, SESSION_REMEDY},
    {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", ENS_DEVICE, NULL},
    {CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", ENS_DEVICE, NULL},
    {CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD", ENS_DEVICE, NULL},
    {CKR_NEED_TO_CREATE_THREADS, "CKR_NEED_TO_CREATE_THREADS", ENS_DEVICE, NULL},
    {CKR_CANT_LOCK, "CKR_CANT_LOCK", ENS_DEVICE, NULL},
    {CKR_ATTRIBUTE_READ_ONLY, "CKR_ATTRIBUTE_READ_ONLY", ENS_DEVICE, NULL},
    {CKR_ATTRIBUTE_SENSITIVE, "CKR_ATTRIBUTE_SENSITIVE", ENS_DEVICE, NULL},
    {CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID", ENS_DEVICE, NULL},
    {CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID", ENS_DEVICE, NULL},
    {CKR_ACTION_PROHIBITED, "CKR_ACTION_PROHIBITED", ENS_DEVICE, NULL},
    {CKR_DATA_INVALID, "CKR_DATA_INVALID", ENS_DEVICE, NULL},
    {CKR_DATA_LEN_RANGE, "CKR_DATA_LEN_RANGE", ENS_DEVICE, NULL},
    {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", ENS_DEVICE, NULL},
    {CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", ENS_DEVICE, "the token is full: delete what it no longer needs"},
    {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", ENS_DEVICE, NULL},
    {CKR_FUNCTION_CANCELED, "CKR_FUNCTION_CANCELED", ENS_DEVICE, NULL},
    {CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED", ENS_DEVICE,
     "the module cannot do this: use another module or token"},
    {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", ENS_DEVICE, SESSION_REMEDY},
    {CKR_KEY_SIZE_RANGE, "CKR_KEY_SIZE_RANGE", ENS_BADKEY, NULL},
    {CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT", ENS_BADKEY, NULL},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED", ENS_BADKEY,
     "the key may not sign: use a key with CKA_SIGN"},
    {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", ENS_BADKEY,
     "the token or its configuration (FIPS mode) does not allow this mechanism: give sign another with "
     "--mechanism"},
    {CKR_MECHANISM_PARAM_INVALID, "CKR_MECHANISM_PARAM_INVALID", ENS_BADKEY, NULL},
    {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", ENS_DEVICE, SESSION_REMEDY},
    {CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE", ENS_DEVICE, NULL},
    {CKR_OPERATION_NOT_INITIALIZED, "CKR_OPERATION_NOT_INITIALIZED", ENS_DEVICE, NULL},
    {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", ENS_PIN, NULL},
    {CKR_PIN_INVALID, "CKR_PIN_INVALID", ENS_PIN, NULL},
    {CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE", ENS_PIN, NULL},
    {CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED", ENS_PIN, "set a new PIN with the vendor's tool, then repeat"},
    {CKR_PIN_LOCKED, "CKR_PIN_LOCKED", ENS_PINLOCKED, NULL},
    {CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED", ENS_DEVICE, SESSION_REMEDY},
    {CKR_SESSION_COUNT, "CKR_SESSION_COUNT", ENS_DEVICE,
     "the token has no free session: end the programs that use it, then repeat"},
    {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", ENS_DEVICE, SESSION_REMEDY},
    {CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKR_SESSION_PARALLEL_NOT_SUPPORTED", ENS_DEVICE, NULL},
    {CKR_SESSION_READ_ONLY, "CKR_SESSION_READ_ONLY", ENS_DEVICE, NULL},
    {CKR_SESSION_EXISTS, "CKR_SESSION_EXISTS", ENS_DEVICE, NULL},
    {CKR_SESSION_READ_ONLY_EXISTS, "CKR_SESSION_READ_ONLY_EXISTS", ENS_DEVICE, NULL},
    {CKR_SESSION_READ_WRITE_SO_EXISTS, "CKR_SESSION_READ_WRITE_SO_EXISTS", ENS_DEVICE, NULL},
    {CKR_TEMPLATE_INCOMPLETE, "CKR_TEMPLATE_INCOMPLETE", ENS_DEVICE, NULL},
    {CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT", ENS_DEVICE, NULL},
    {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", ENS_DEVICE, NULL},
    {CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED", ENS_DEVICE, NULL},
    {CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED", ENS_DEVICE,
     "the token is write-protected: unlock it with the vendor's tool"},
    {CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN", ENS_DEVICE, NULL},
    {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", ENS_PIN,
     "the token wants a PIN first: see --pin-source"},
    {CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED", ENS_PIN,
     "set the user's PIN with the vendor's tool, then repeat"},
    {CKR_USER_TYPE_INVALID, "CKR_USER_TYPE_INVALID", ENS_DEVICE, NULL},
    {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", ENS_DEVICE, NULL},
    {CKR_USER_TOO_MANY_TYPES, "CKR_USER_TOO_MANY_TYPES", ENS_DEVICE, NULL},
    {CKR_RANDOM_NO_RNG, "CKR_RANDOM_NO_RNG", ENS_DEVICE, NULL},
    {CKR_DOMAIN_PARAMS_INVALID, "CKR_DOMAIN_PARAMS_INVALID", ENS_BADKEY, NULL},
    {CKR_BUFFER_TOO_SMALL, "CKR_BUFFER_TOO_SMALL", ENS_DEVICE, NULL},
    {CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", ENS_DEVICE, NULL},
    {CKR_CRYPTOKI_ALREADY_INITIALIZED, "CKR_CRYPTOKI_ALREADY_INITIALIZED", ENS_DEVICE, NULL},
    {CKR_MUTEX_BAD, "CKR_MUTEX_BAD", ENS_DEVICE, NULL},
    {CKR_MUTEX_NOT_LOCKED, "CKR_MUTEX_NOT_LOCKED", ENS_DEVICE, NULL},
    {CKR_FIPS_SELF_TEST_FAILED, "CKR_FIPS_SELF_TEST_FAILED", ENS_DEVICE, NULL},
    {CKR_LIBRARY_LOAD_FAILED, "CKR_LIBRARY_LOAD_FAILED", ENS_DEVICE, NULL},
    {CKR_PIN_TOO_WEAK, "CKR_PIN_TOO_WEAK", ENS_PIN, NULL},
    {CKR_PUBLIC_KEY_INVALID, "CKR_PUBLIC_KEY_INVALID", ENS_BADKEY, NULL},
    {CKR_FUNCTION_REJECTED, "CKR_FUNCTION_REJECTED", ENS_REFUSED, "the token's own confirmation was refused"},
};

static const struct ckr *look_up(CK_RV rv)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].rv == rv)
            return &table[i];
    }
    return NULL;
}

const char *ckr_text(CK_RV rv, char ret[static CKR_TEXT_MAX])
{
    const struct ckr *known = look_up(rv);
    const char *other = rv >= CKR_VENDOR_DEFINED ? "CKR_VENDOR_DEFINED" : "an unknown CKR";

    (void)snprintf(ret, CKR_TEXT_MAX, "%s (0x%lx)", known != NULL ? known->name : other, rv);
    return ret;
}

enum ens_code ckr_code(CK_RV rv)
{
    const struct ckr *known = look_up(rv);

    return known != NULL ? known->code : ENS_DEVICE;
}

const char *ckr_remedy(CK_RV rv)
{
    const struct ckr *known = look_up(rv);

    if (known != NULL && known->remedy != NULL)
        return known->remedy;
    if (known != NULL && known->code == ENS_BADKEY)
        return "SGX takes RSA-3072 keys with public exponent 3 only: 'ensign keys' lists what the token has";
    if (known != NULL && known->code == ENS_PIN)
        return "check the PIN: ensign does not try it again";
    if (known != NULL && known->code == ENS_PINLOCKED)
        return "unlock the PIN with the vendor's tool";
    return known != NULL ? DEVICE_REMEDY : "the manual of the token explains it";
}

bool ckr_fail(struct ens_err *err, CK_RV rv, const char *fmt, ...)
{
    char what[256];
    char text[CKR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(what, sizeof what, fmt, args) < 0)
        what[0] = '\0';
    va_end(args);
    return ens_fail(err, ckr_code(rv), "%s failed with %s: %s", what, ckr_text(rv, text), ckr_remedy(rv));
}
