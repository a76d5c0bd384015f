/* Fuzz target: what ensign reads from the process of a module, which may say anything. A message that is accepted is
 * written again as the same bytes, and no text in it holds a zero byte. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[WIRE_MAX];
    struct wire_reply r;
    size_t len = 0;

    if (size > WIRE_MAX || !wire_read_reply(view_of(data, size), &r))
        return 0;
    if (r.type < WIRE_OK || r.type >= WIRE_REPLIES || !wire_write_reply(&r, again, &len) || len != size ||
        memcmp(again, data, len) != 0 || r.fixed.len > WIRE_NUMBER_MAX)
        abort();
    if ((r.type == WIRE_UNWRAPPED && r.fixed.len != WIRE_DATA_KEY) ||
        (r.type == WIRE_KEY && (r.flags & WIRE_HAS_PUBKEY) != 0 && r.fixed.len != WIRE_SIGNATURE))
        abort();
    for (size_t i = 0; i < WIRE_TEXT_MAX; i++) {
        if (r.text[i].len > 0 && memchr(r.text[i].data, '\0', r.text[i].len) != NULL)
            abort();
    }
    return 0;
}
