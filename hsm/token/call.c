/* Each call of the module is announced in the page that ensign sees, by a store and no message. */
#include "hsm/token/internal.h"

static uint32_t next(const struct call_page *page)
{
    return (uint32_t)(page->state >> 32) + 1;
}

void call_begin_slow(struct call_page *page, enum page_call call, uint16_t factor)
{
    page->state = page_state(next(page), factor, call, false);
}

void call_begin(struct call_page *page, enum page_call call)
{
    call_begin_slow(page, call, 1);
}

CK_RV call_end(struct call_page *page, CK_RV rv)
{
    page->state = page_state(next(page), 1, page_call_of(page->state), true);
    return rv;
}

bool call_allowed(const struct call_page *page, struct ens_err *err)
{
    return page->stop == 0 || ens_fail(err, ENS_INTERRUPTED, "interrupted");
}
