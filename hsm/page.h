/* The page of memory that ensign and ensign-token share: which call of the module is under way, so that ensign
 * knows what hangs and what ended the process, without a message for each call. ensign-token writes `state`
 * and the counts, ensign writes `stop`; neither believes the other. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE     4096
#define PAGE_RETURNED 0x8000U /* in `state`, beside the number of a call */

/* The calls by their numbers in `state`; CALL_NONE before the first. */
enum page_call {
    CALL_NONE,
    CALL_dlopen,
    CALL_LOAD, /* libp11 initialises and asks for the module's information in one step */
    CALL_C_Initialize,
    CALL_C_Finalize,
    CALL_C_GetFunctionList,
    CALL_C_GetInfo,
    CALL_C_GetSlotList,
    CALL_C_GetSlotInfo,
    CALL_C_GetTokenInfo,
    CALL_C_GetMechanismList,
    CALL_C_GetMechanismInfo,
    CALL_C_OpenSession,
    CALL_C_CloseSession,
    CALL_C_Login,
    CALL_C_Logout,
    CALL_C_FindObjectsInit,
    CALL_C_FindObjects,
    CALL_C_FindObjectsFinal,
    CALL_C_GetAttributeValue,
    CALL_C_SetAttributeValue,
    CALL_C_SignInit,
    CALL_C_Sign,
    CALL_C_DecryptInit,
    CALL_C_Decrypt,
    CALL_C_GenerateKeyPair,
    CALL_C_DestroyObject,
    CALLS /* their number */
};

struct call_page {
    _Atomic uint64_t state;              /* page_state */
    _Atomic uint32_t started, completed; /* calls of C_Sign: begun, and returned with a signature */
    _Atomic uint32_t stop;               /* not 0: no more calls for this request */
};

_Static_assert(sizeof(struct call_page) <= PAGE_SIZE, "the page is one page");

/* A counter that moves with every call and every return, how many times the limit the call may take (0: no limit,
 * a person is at work), which it is, and whether it has returned. */
uint64_t page_state(uint32_t counter, uint16_t factor, enum page_call call, bool has_returned);
/* The last call, of a state that may be anything: one that is none of them is CALL_NONE. */
enum page_call page_call_of(uint64_t state);
bool page_is_calling(uint64_t state);
unsigned page_factor_of(uint64_t state);
/* "C_Sign"; CALL_NONE has no name: NULL. */
const char *page_call_name(enum page_call call);
