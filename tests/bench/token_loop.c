/* token_loop: how fast a token signs when nothing else is done. `token_loop MODULE TOKEN-LABEL KEY-LABEL PIN
 * COUNT` logs in once, finds the key, and calls C_SignInit and C_Sign COUNT times in one session, with the
 * mechanism that ensign uses (CKM_RSA_PKCS over the 51 bytes of DigestInfo), each time over another digest.
 * stdout: the seconds that the loop took, without loading, login and search. `make bench` holds ensign sign
 * and ensign resign to this rate. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <p11-kit/pkcs11.h>

#define SLOTS_MAX 64

static const CK_BYTE digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
static CK_FUNCTION_LIST *p11;

static void must(CK_RV rv, const char *what)
{
    if (rv == CKR_OK)
        return;
    (void)fprintf(stderr, "token_loop: %s: 0x%lx\n", what, rv);
    exit(1);
}

static void load(const char *path)
{
    void *module = dlopen(path, RTLD_NOW);
    CK_RV (*list)(CK_FUNCTION_LIST **) = NULL;

    must(module == NULL, path);
    *(void **)&list = dlsym(module, "C_GetFunctionList");
    must(list == NULL || list(&p11) != CKR_OK, "C_GetFunctionList");
    must(p11->C_Initialize(NULL), "C_Initialize");
}

/* A label of a token is padded with blanks. */
static CK_SLOT_ID slot_of(const char *label)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG len = SLOTS_MAX;
    CK_TOKEN_INFO info;
    char padded[33];

    must(p11->C_GetSlotList(CK_TRUE, slots, &len), "C_GetSlotList");
    (void)snprintf(padded, sizeof padded, "%-32s", label);
    for (CK_ULONG i = 0; i < len; i++) {
        if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            memcmp(info.label, padded, sizeof info.label) == 0)
            return slots[i];
    }
    must(CKR_TOKEN_NOT_PRESENT, label);
    return 0;
}

static CK_OBJECT_HANDLE key_of(CK_SESSION_HANDLE session, char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label, strlen(label)}};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG found = 0;

    must(p11->C_FindObjectsInit(session, wanted, 2), "C_FindObjectsInit");
    must(p11->C_FindObjects(session, &key, 1, &found), "C_FindObjects");
    must(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    must(found == 1 ? CKR_OK : CKR_KEY_HANDLE_INVALID, label);
    return key;
}

static double sign_all(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned long count)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE message[sizeof digest_info + 32] = {0};
    CK_BYTE signature[512];
    struct timespec before, after;

    memcpy(message, digest_info, sizeof digest_info);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    for (unsigned long i = 0; i < count; i++) {
        CK_ULONG len = sizeof signature;

        memcpy(message + sizeof digest_info, &i, sizeof i);
        must(p11->C_SignInit(session, &mechanism, key), "C_SignInit");
        must(p11->C_Sign(session, message, sizeof message, signature, &len), "C_Sign");
        must(len == 384 ? CKR_OK : CKR_DATA_LEN_RANGE, "the signature's size");
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    return (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
}

int main(int argc, char **argv)
{
    CK_SESSION_HANDLE session = 0;

    if (argc != 6) {
        (void)fprintf(stderr, "usage: token_loop MODULE TOKEN-LABEL KEY-LABEL PIN COUNT\n");
        return 64;
    }
    load(argv[1]);
    must(p11->C_OpenSession(slot_of(argv[2]), CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    must(p11->C_Login(session, CKU_USER, (CK_BYTE *)argv[4], strlen(argv[4])), "C_Login");
    (void)printf("%.6f\n", sign_all(session, key_of(session, argv[3]), strtoul(argv[5], NULL, 10)));
    must(p11->C_CloseSession(session), "C_CloseSession");
    must(p11->C_Finalize(NULL), "C_Finalize");
    return 0;
}
