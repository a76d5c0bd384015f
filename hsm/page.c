/* The shared page: how a state is put together. */
#include "hsm/page.h"

uint64_t page_state(uint32_t counter, uint16_t factor, enum page_call call, bool has_returned)
{
    return (uint64_t)counter << 32 | (uint64_t)factor << 16 | (has_returned ? PAGE_RETURNED : 0) |
           (uint64_t)call;
}

enum page_call page_call_of(uint64_t state)
{
    unsigned call = (unsigned)state & 0x7fffU;

    return call < CALLS ? (enum page_call)call : CALL_NONE;
}
