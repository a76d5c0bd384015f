/* The time of this host. */
#include "signer/ui/clock.h"

#include <stdlib.h>
#include <time.h>

#include "signer/base/date.h"
#include "signer/base/num.h"

int64_t clock_now(void)
{
    return (int64_t)time(NULL);
}

bool clock_is_given(void)
{
    return getenv("SOURCE_DATE_EPOCH") != NULL;
}

bool clock_day(uint32_t *ret_bcd, struct ens_err *err)
{
    struct date d;

    if (!date_of_epoch(clock_now(), &d, err))
        return ens_wrap(err, "the clock of this host");
    *ret_bcd = date_to_bcd(d);
    return true;
}

uint32_t clock_danger_day(void)
{
    struct ens_err ignored = {0};
    uint32_t day = 0;

    return clock_day(&day, &ignored) ? day : 0;
}

bool clock_today(uint32_t *ret_bcd, struct ens_err *err)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t seconds = (uint64_t)clock_now();
    struct date d;

    if (epoch != NULL && !num_parse(epoch, "SOURCE_DATE_EPOCH", INT64_MAX, &seconds, err))
        return false;
    if (!date_of_epoch((int64_t)seconds, &d, err))
        return ens_wrap(err, "%s", epoch != NULL ? "SOURCE_DATE_EPOCH" : "the clock of this host");
    *ret_bcd = date_to_bcd(d);
    return true;
}
