/* /proc/swaps: a line for the heading, and one for each swap. */
#include "signer/flow/swap.h"

#include <fcntl.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"

bool swap_is_used(bool *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);
    uint8_t text[512];
    size_t len = 0;

    if (fd < 0 || !file_read(fd, "/proc/swaps", text, sizeof text, &len, err))
        return ens_fail(err, ENS_IO, "/proc/swaps: cannot be read: give --allow-swap if there is no swap");
    const uint8_t *end = memchr(text, '\n', len);

    *ret = end != NULL && end + 1 < text + len;
    return true;
}
