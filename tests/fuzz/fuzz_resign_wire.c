/* Fuzz target: a message between resign and a worker. What is read is written again byte for byte, and its texts are
 * as long as they may be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/cmd/resign/resign_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[RESIGN_WIRE_MAX];
    struct resign_message m;
    size_t len = 0;

    if (!resign_wire_read(view_of(data, size), &m))
        return 0;
    if (m.type < RESIGN_PREPARE || m.type >= RESIGN_TYPES)
        abort();
    if (!resign_wire_write(&m, again, &len) || len != size || memcmp(again, data, size) != 0)
        abort();
    if (m.text.len > 0 && memchr(m.text.data, '\0', m.text.len) != NULL)
        abort();
    return 0;
}
