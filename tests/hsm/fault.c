/* A PKCS#11 module that forwards to a real one and breaks what it is told to break: for what no token does
 * on request. Loaded like any module; four variables of the environment, read at C_Initialize:
 *
 *   ENSIGN_FAULT_MODULE  the real module (required)
 *   ENSIGN_FAULT         comma-separated faults, as below; numbers are C numbers (10, 0x30)
 *   ENSIGN_FAULT_LOG     a file that gets one line per call, "C_Login", so that calls can be counted
 *   ENSIGN_FAULT_ARGS    the real module takes arguments (pReserved): those of the caller, or else this text,
 *                        so that programs which know no such arguments can use it too
 *
 *   C_NAME=RV[@N]        that function (only its N-th call) returns RV and does nothing else
 *   opensession=RV       short for C_OpenSession=RV;  login=RV, tokeninfo=RV likewise
 *   failat=N:RV          the N-th C_Sign returns RV
 *   delay=MS, delay=C_NAME:MS   C_Sign, or that function, sleeps first
 *   wantargs=TEXT        C_Initialize is CKR_ARGUMENTS_BAD unless pReserved is TEXT
 *   maxsess=N            C_OpenSession is CKR_SESSION_COUNT where N sessions are open
 *   needrw               C_OpenSession of a read-only session is CKR_SESSION_READ_ONLY
 *   pinpad=PIN           the token has a PIN pad on which PIN is typed; a PIN in C_Login is CKR_ARGUMENTS_BAD
 *   finaltry, countlow, pinlocked   the flag is set in the token's information
 *   nologin, noinit      CKF_LOGIN_REQUIRED, CKF_TOKEN_INITIALIZED is not set
 *   noro=RV              C_OpenSession of a read-only session returns RV
 *   noslots=N            the first N lists of C_GetSlotList are empty
 *   blind=N              all lists are empty before the N-th C_Initialize
 *   swap=N               from the N-th C_GetTokenInfo on, another token is in the slot
 *   labelnul             every CKA_LABEL is shown with a zero byte behind it
 *   dup                  C_FindObjects gives the first handle twice
 *   alwaysauth=PIN       private keys claim CKA_ALWAYS_AUTHENTICATE, and C_Sign and C_Decrypt want PIN each time
 *   dropattr=ATTR[:CLASS]       objects (of that class) do not have the attribute
 *   setattr=ATTR:HEX[:CLASS]    objects (of that class) have this value
 *   exactulong           CKA_KEY_TYPE is given only into a buffer of exactly its size, as by NSS
 *   nomech=M             the mechanism is not there
 *   flip, short, zero    the signature, or what was decrypted, has one bit flipped, is one byte short, is all zero
 *   longsig              C_Sign, C_Decrypt claim 513 bytes
 *   stays                C_DestroyObject of a private key says that it did, and did not
 *   weakkey              C_GenerateKeyPair makes a small key and shows it as one of 3072 bits: it is quick,
 *                        for tests of what comes after */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/hsm/forward.h"

#define FAULTS_MAX 16
#define ENTRY_MAX  128

static CK_FUNCTION_LIST broken;
static char faults[FAULTS_MAX][ENTRY_MAX]; /* "word=value", as given */
static size_t fault_count;
static unsigned long sessions;
static unsigned long starts; /* calls of C_Initialize */
static unsigned long signatures;
static bool context_login; /* alwaysauth: the PIN for the next C_Sign was right */
static struct calls {
    const char *name;
    unsigned long count;
} calls[80]; /* so far, for "@N" */

/* ---- reading the faults ---- */

static void read_faults(void)
{
    const char *list = getenv("ENSIGN_FAULT");

    fault_count = 0;
    while (list != NULL && *list != '\0' && fault_count < FAULTS_MAX) {
        size_t len = strcspn(list, ",");

        (void)snprintf(faults[fault_count], ENTRY_MAX, "%.*s", (int)len, list);
        fault_count++;
        list += len + (list[len] == ',');
    }
}

/* The value of the `index`-th fault called `word`: "" if it has none, NULL if there is no such fault. */
static const char *nth_value(const char *word, size_t index)
{
    size_t len = strlen(word);

    for (size_t i = 0; i < fault_count; i++) {
        if (strncmp(faults[i], word, len) != 0 || (faults[i][len] != '=' && faults[i][len] != '\0'))
            continue;
        if (index-- == 0)
            return faults[i][len] == '=' ? faults[i] + len + 1 : "";
    }
    return NULL;
}

static bool has(const char *word)
{
    return nth_value(word, 0) != NULL;
}

static unsigned long number(const char *text)
{
    return strtoul(text, NULL, 0);
}

/* ---- every call ---- */

static unsigned long count_call(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (calls[i].name == NULL)
            calls[i].name = name;
        if (strcmp(calls[i].name, name) == 0)
            return ++calls[i].count;
    }
    return 0;
}

static unsigned long calls_of(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0] && calls[i].name != NULL; i++) {
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].count;
    }
    return 0;
}

static void log_call(const char *name)
{
    const char *path = getenv("ENSIGN_FAULT_LOG");
    FILE *f = path != NULL ? fopen(path, "a") : NULL;

    if (f == NULL)
        return;
    (void)fprintf(f, "%s\n", name);
    (void)fclose(f);
}

static void sleep_ms(unsigned long ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

static void delay(const char *name)
{
    for (size_t i = 0; nth_value("delay", i) != NULL; i++) {
        const char *value = nth_value("delay", i);
        const char *colon = strchr(value, ':');

        if (colon == NULL && strcmp(name, "C_Sign") == 0)
            sleep_ms(number(value));
        if (colon != NULL && strlen(name) == (size_t)(colon - value) &&
            strncmp(value, name, strlen(name)) == 0)
            sleep_ms(number(colon + 1));
    }
}

static const char *short_name(const char *name)
{
    return strcmp(name, "C_OpenSession") == 0    ? "opensession"
           : strcmp(name, "C_Login") == 0        ? "login"
           : strcmp(name, "C_GetTokenInfo") == 0 ? "tokeninfo"
                                                 : "";
}

/* What the faults called `word` make of the `count`-th call. */
static CK_RV told(const char *word, unsigned long count)
{
    for (size_t i = 0; nth_value(word, i) != NULL; i++) {
        const char *value = nth_value(word, i);
        const char *at = strchr(value, '@');

        if (at == NULL || number(at + 1) == count)
            return number(value);
    }
    return CKR_OK;
}

/* Notes the call. CKR_OK: go on; else what to return at once. */
CK_RV forward_enter(const char *name)
{
    unsigned long count = count_call(name);

    log_call(name);
    delay(name);
    CK_RV rv = told(name, count);

    return rv == CKR_OK && short_name(name)[0] != '\0' ? told(short_name(name), count) : rv;
}

/* ---- the functions that lie ---- */

#define WEAK_BITS 1024

static CK_RV fault_C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public,
                                     CK_ULONG public_count, CK_ATTRIBUTE *private, CK_ULONG private_count,
                                     CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private)
{
    CK_RV rv = forward_enter("C_GenerateKeyPair");
    CK_ATTRIBUTE wanted[32];
    CK_ULONG weak_bits = WEAK_BITS;

    if (rv != CKR_OK)
        return rv;
    for (CK_ULONG i = 0; i < public_count && public_count <= 32; i++) {
        wanted[i] = public[i];
        if (has("weakkey") && public[i].type == CKA_MODULUS_BITS)
            wanted[i].pValue = &weak_bits;
    }
    return forward_real->C_GenerateKeyPair(session, mechanism, wanted, public_count, private, private_count,
                                           ret_public, ret_private);
}

/* weakkey: a modulus of WEAK_BITS becomes one of 3072, by bytes in front. */
static void widen(CK_ATTRIBUTE *a)
{
    CK_BYTE *value = a->pValue;
    size_t old_size = WEAK_BITS / 8;
    size_t new_size = 3072 / 8;

    if (!has("weakkey") || a->type != CKA_MODULUS || a->ulValueLen != old_size)
        return;
    memmove(value + new_size - old_size, value, old_size);
    memset(value, 0xff, new_size - old_size);
    a->ulValueLen = new_size;
}

static CK_RV fault_C_Initialize(void *args)
{
    read_faults();
    starts++;
    sessions = 0;
    signatures = 0;
    memset(calls, 0, sizeof calls);
    CK_RV rv = forward_enter("C_Initialize");

    CK_C_INITIALIZE_ARGS mine = {.flags = CKF_OS_LOCKING_OK};
    const char *wanted = nth_value("wantargs", 0);
    char *text = getenv("ENSIGN_FAULT_ARGS");

    if (args != NULL)
        mine = *(CK_C_INITIALIZE_ARGS *)args;

    if (rv == CKR_OK && wanted != NULL && (mine.pReserved == NULL || strcmp(mine.pReserved, wanted) != 0))
        rv = CKR_ARGUMENTS_BAD;
    if (text == NULL)
        mine.pReserved = NULL; /* SoftHSM takes none */
    else if (mine.pReserved == NULL)
        mine.pReserved = text;
    return rv != CKR_OK ? rv : forward_real->C_Initialize(&mine);
}

static CK_RV fault_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    static unsigned long lists;
    CK_RV rv = forward_enter("C_GetSlotList");

    if (rv == CKR_OK && has("blind") && starts < number(nth_value("blind", 0))) {
        *count = 0;
        return CKR_OK;
    }
    if (rv == CKR_OK && has("noslots") && lists < number(nth_value("noslots", 0))) {
        lists += list != NULL;
        *count = 0;
        return CKR_OK;
    }
    return rv == CKR_OK ? forward_real->C_GetSlotList(present, list, count) : rv;
}

static CK_RV fault_C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list, CK_ULONG max,
                                 CK_ULONG *count)
{
    CK_RV rv = forward_enter("C_FindObjects");

    if (rv == CKR_OK)
        rv = forward_real->C_FindObjects(session, list, max, count);
    if (rv == CKR_OK && has("dup") && *count > 0 && *count < max) {
        list[*count] = list[0];
        (*count)++;
    }
    return rv;
}

static CK_RV fault_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = forward_enter("C_GetTokenInfo");

    if (rv == CKR_OK)
        rv = forward_real->C_GetTokenInfo(slot, info);
    if (rv != CKR_OK)
        return rv;
    info->flags |= has("pinpad") ? CKF_PROTECTED_AUTHENTICATION_PATH : 0;
    info->flags |= has("countlow") ? CKF_USER_PIN_COUNT_LOW : 0;
    info->flags |= has("finaltry") ? CKF_USER_PIN_FINAL_TRY : 0;
    info->flags |= has("pinlocked") ? CKF_USER_PIN_LOCKED : 0;
    if (has("nologin"))
        info->flags &= ~CKF_LOGIN_REQUIRED;
    if (has("noinit"))
        info->flags &= ~CKF_TOKEN_INITIALIZED;
    if (has("swap") && calls_of("C_GetTokenInfo") >= number(nth_value("swap", 0)))
        info->serialNumber[0] ^= 1;
    return CKR_OK;
}

static CK_RV fault_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                                 CK_SESSION_HANDLE *ret)
{
    CK_RV rv = forward_enter("C_OpenSession");

    if (rv != CKR_OK)
        return rv;
    if (has("needrw") && (flags & CKF_RW_SESSION) == 0)
        return CKR_SESSION_READ_ONLY;
    if (has("noro") && (flags & CKF_RW_SESSION) == 0)
        return number(nth_value("noro", 0));
    if (has("maxsess") && sessions >= number(nth_value("maxsess", 0)))
        return CKR_SESSION_COUNT;
    rv = forward_real->C_OpenSession(slot, flags, app, notify, ret);
    sessions += rv == CKR_OK;
    return rv;
}

static CK_RV fault_C_CloseSession(CK_SESSION_HANDLE session)
{
    CK_RV rv = forward_enter("C_CloseSession");

    if (rv == CKR_OK)
        rv = forward_real->C_CloseSession(session);
    sessions -= rv == CKR_OK && sessions > 0;
    return rv;
}

static bool pin_equals(const CK_UTF8CHAR *pin, CK_ULONG len, const char *wanted)
{
    return pin != NULL && len == strlen(wanted) && memcmp(pin, wanted, len) == 0;
}

static CK_RV fault_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    static CK_UTF8CHAR typed[ENTRY_MAX];
    CK_RV rv = forward_enter("C_Login");
    const char *always = nth_value("alwaysauth", 0);

    if (rv != CKR_OK)
        return rv;
    if (has("pinpad")) {
        if (pin != NULL)
            return CKR_ARGUMENTS_BAD;
        len = (CK_ULONG)snprintf((char *)typed, sizeof typed, "%s", nth_value("pinpad", 0));
        pin = typed;
    }
    if (user == CKU_CONTEXT_SPECIFIC && always != NULL) {
        context_login = pin_equals(pin, len, always);
        return context_login ? CKR_OK : CKR_PIN_INCORRECT;
    }
    return forward_real->C_Login(session, user, pin, len);
}

static bool is_missing(const char *name, CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; nth_value(name, i) != NULL; i++) {
        if (number(nth_value(name, i)) == type)
            return true;
    }
    return false;
}

static CK_RV fault_C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    CK_RV rv = forward_enter("C_GetMechanismList");
    CK_ULONG kept = 0;

    if (rv == CKR_OK)
        rv = forward_real->C_GetMechanismList(slot, list, count);
    if (rv != CKR_OK || list == NULL)
        return rv;
    for (CK_ULONG i = 0; i < *count; i++) {
        if (!is_missing("nomech", list[i]))
            list[kept++] = list[i];
    }
    *count = kept;
    return CKR_OK;
}

static CK_RV fault_C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    CK_RV rv = forward_enter("C_GetMechanismInfo");

    if (rv != CKR_OK)
        return rv;
    return is_missing("nomech", type) ? CKR_MECHANISM_INVALID
                                      : forward_real->C_GetMechanismInfo(slot, type, info);
}

/* ---- attributes ---- */

/* Is the object of the class that the fault is limited to ("" or ":CLASS")? */
static bool is_of_class(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const char *limit)
{
    CK_OBJECT_CLASS class = 0;
    CK_ATTRIBUTE a = {.type = CKA_CLASS, .pValue = &class, .ulValueLen = sizeof class};

    return *limit != ':' || (forward_real->C_GetAttributeValue(session, object, &a, 1) == CKR_OK &&
                             class == number(limit + 1));
}

static bool is_dropped(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; nth_value("dropattr", i) != NULL; i++) {
        char *limit = NULL;

        if (strtoul(nth_value("dropattr", i), &limit, 0) == type && is_of_class(session, object, limit))
            return true;
    }
    return false;
}

/* Answers with the value of "setattr=ATTR:HEX[:CLASS]"; false where there is none. */
static bool is_set(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a)
{
    for (size_t i = 0; nth_value("setattr", i) != NULL; i++) {
        char *hex = NULL;
        unsigned long type = strtoul(nth_value("setattr", i), &hex, 0);
        size_t digits = *hex == ':' ? strcspn(hex + 1, ":") : 0;

        if (type != a->type || digits / 2 > a->ulValueLen || !is_of_class(session, object, hex + 1 + digits))
            continue;
        for (size_t at = 0; at < digits / 2; at++) {
            char byte[3] = {hex[1 + 2 * at], hex[2 + 2 * at], '\0'};

            ((CK_BYTE *)a->pValue)[at] = (CK_BYTE)strtoul(byte, NULL, 16);
        }
        a->ulValueLen = digits / 2;
        return true;
    }
    return false;
}

static bool is_always_auth(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a)
{
    if (!has("alwaysauth") || a->type != CKA_ALWAYS_AUTHENTICATE || a->ulValueLen < 1 ||
        !is_of_class(session, object, ":3"))
        return false;
    *(CK_BYTE *)a->pValue = CK_TRUE;
    a->ulValueLen = 1;
    return true;
}

static CK_RV fault_C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list,
                                       CK_ULONG count)
{
    CK_RV rv = forward_enter("C_GetAttributeValue");
    bool missing = false;

    if (rv != CKR_OK)
        return rv;
    /* ensign asks for one attribute at a time; several are forwarded, and then broken the same way. */
    for (CK_ULONG i = 0; i < count; i++) {
        if (list[i].pValue != NULL &&
            (is_always_auth(session, object, &list[i]) || is_set(session, object, &list[i])))
            continue;
        if (is_dropped(session, object, list[i].type)) {
            list[i].ulValueLen = (CK_ULONG)-1;
            missing = true;
            continue;
        }
        CK_ULONG room = list[i].ulValueLen;
        bool fits = !has("exactulong") || list[i].type != CKA_KEY_TYPE || room == sizeof(CK_ULONG);
        CK_RV one = fits ? forward_real->C_GetAttributeValue(session, object, &list[i], 1)
                         : (CK_RV)CKR_BUFFER_TOO_SMALL;

        rv = one != CKR_OK ? one : rv;
        if (one == CKR_OK && list[i].pValue != NULL && room >= 384)
            widen(&list[i]);
        if (one == CKR_OK && has("labelnul") && list[i].type == CKA_LABEL && list[i].pValue != NULL &&
            list[i].ulValueLen < room)
            ((CK_BYTE *)list[i].pValue)[list[i].ulValueLen++] = 0;
    }
    return missing ? CKR_ATTRIBUTE_TYPE_INVALID : rv;
}

/* ---- signing ---- */

static CK_RV fault_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv = forward_enter("C_SignInit");

    context_login = false;
    if (rv != CKR_OK)
        return rv;
    return is_missing("nomech", mechanism->mechanism) ? CKR_MECHANISM_INVALID
                                                      : forward_real->C_SignInit(session, mechanism, key);
}

static void spoil(CK_BYTE *signature, CK_ULONG *len)
{
    if (has("flip"))
        signature[*len / 2] ^= 0x10;
    if (has("zero"))
        memset(signature, 0, *len);
    if (has("short"))
        (*len)--;
    if (has("longsig"))
        *len = 513;
}

static CK_RV fault_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
                          CK_ULONG *len)
{
    const char *failat = nth_value("failat", 0);
    CK_RV rv = forward_enter("C_Sign");

    signatures++;
    if (rv == CKR_OK && failat != NULL && number(failat) == signatures && strchr(failat, ':') != NULL)
        rv = number(strchr(failat, ':') + 1);
    if (rv == CKR_OK && has("alwaysauth") && !context_login)
        rv = CKR_USER_NOT_LOGGED_IN;
    context_login = false;
    if (rv == CKR_OK)
        rv = forward_real->C_Sign(session, data, data_len, signature, len);
    if (rv == CKR_OK && signature != NULL)
        spoil(signature, len);
    return rv;
}

/* ---- decryption ---- */

static CK_RV fault_C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv = forward_enter("C_DecryptInit");

    context_login = false;
    if (rv != CKR_OK)
        return rv;
    return is_missing("nomech", mechanism->mechanism) ? CKR_MECHANISM_INVALID
                                                      : forward_real->C_DecryptInit(session, mechanism, key);
}

static CK_RV fault_C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *ret,
                             CK_ULONG *len)
{
    CK_RV rv = forward_enter("C_Decrypt");

    if (rv == CKR_OK && has("alwaysauth") && !context_login)
        rv = CKR_USER_NOT_LOGGED_IN;
    context_login = false;
    if (rv == CKR_OK)
        rv = forward_real->C_Decrypt(session, data, data_len, ret, len);
    if (rv == CKR_OK && ret != NULL)
        spoil(ret, len);
    return rv;
}

static CK_RV fault_C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    CK_RV rv = forward_enter("C_DestroyObject");

    return rv != CKR_OK || (has("stays") && is_of_class(session, object, ":3"))
               ? rv
               : forward_real->C_DestroyObject(session, object);
}

/* ---- loading ---- */

static void fill(void)
{
#define USE(name) broken.name = fault_##name;
    USE(C_Initialize)
    USE(C_GetSlotList)
    USE(C_GetTokenInfo)
    USE(C_GetMechanismList)
    USE(C_GetMechanismInfo)
    USE(C_OpenSession)
    USE(C_CloseSession)
    USE(C_DestroyObject)
    USE(C_Login)
    USE(C_GetAttributeValue)
    USE(C_FindObjects)
    USE(C_SignInit)
    USE(C_Sign)
    USE(C_DecryptInit)
    USE(C_Decrypt)
    USE(C_GenerateKeyPair)
#undef USE
    broken.C_GetFunctionList = C_GetFunctionList;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret)
{
    read_faults();
    log_call("C_GetFunctionList");
    if (has("C_GetFunctionList"))
        return number(nth_value("C_GetFunctionList", 0));
    CK_RV rv = forward_load(&broken);

    if (rv != CKR_OK)
        return rv;
    fill();
    *ret = &broken;
    return CKR_OK;
}
