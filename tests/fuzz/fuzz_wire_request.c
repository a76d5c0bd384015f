/* Fuzz target: what ensign-token reads from its socket. A message that is accepted is written again as the same bytes,
 * and no text in it holds a zero byte. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[WIRE_MAX];
    struct wire_request q;
    size_t len = 0;

    if (size > WIRE_MAX || !wire_read_request(view_of(data, size), &q))
        return 0;
    /* The PIN is sent from where it is, behind what is written. */
    if (q.type < WIRE_HELLO || q.type >= WIRE_REQUESTS || !wire_write_request(&q, again, &len) ||
        len + q.secret.len != size || memcmp(again, data, len) != 0 ||
        (q.secret.len > 0 && memcmp(q.secret.data, data + len, q.secret.len) != 0) ||
        (q.text.len > 0 && memchr(q.text.data, '\0', q.text.len) != NULL))
        abort();
    return 0;
}
