/* Fuzz target: armour. Whatever is accepted has one text: encoding gives it, and that reads back as the same
 * bytes of the same kind. And the input, taken as bytes, comes back from its text. The first byte is the set
 * of kinds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_canonical(enum armour_kind kind, struct view bytes, bool is_bare)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(buf_free) struct buf back = {0};
    ENS_CLEANUP(buf_free) struct buf again = {0};
    enum armour_kind same = ARMOUR_KINDS;
    struct ens_err err = {0};

    must(armour_encode(kind, bytes, is_bare, &text, &err));
    must(armour_is(buf_view(&text)));
    must(armour_decode(buf_view(&text), "t", ARMOUR_ONLY(kind), &same, &back, &err));
    must(same == kind && view_equal(buf_view(&back), bytes));
    must(armour_encode(kind, buf_view(&back), is_bare, &again, &err));
    must(view_equal(buf_view(&again), buf_view(&text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENS_CLEANUP(buf_free) struct buf bytes = {0};
    enum armour_kind kind = ARMOUR_KINDS;
    struct ens_err err = {0};

    if (size < 2)
        return 0;
    unsigned wishes = (data[0] & ARMOUR_EVERY) != 0 ? data[0] & ARMOUR_EVERY : ARMOUR_EVERY;
    struct view text = view_of(data + 1, size - 1);

    if (armour_decode(text, "t", wishes, &kind, &bytes, &err)) {
        must((wishes & ARMOUR_ONLY(kind)) != 0 && bytes.len > 0 && bytes.len <= ARMOUR_BYTES_MAX);
        check_canonical(kind, buf_view(&bytes), false);
        check_canonical(kind, buf_view(&bytes), true);
    } else {
        must(err.code == ENS_DATA && bytes.len == 0);
        must(strchr(err.msg, '\n') == NULL);
    }
    if (size <= 512)
        check_canonical((data[0] & 1) != 0 ? ARMOUR_APPROVAL : ARMOUR_PUBLIC_KEY, text, (data[0] & 2) != 0);
    return 0;
}
