/* --armor: a result as text, for the way that no medium may take. */
#pragma once

#include "signer/ceremony/armour.h"
#include "signer/ui/options.h"

struct text_form_options {
    const char *armor; /* NULL: bytes; "": text in a frame; else text without */
};
extern const struct option text_form_rows[];

/* The result `bytes`, or if --armor is given its armour, which `room` holds. ENS_RESOURCE. */
bool text_form_of(const struct text_form_options *o, enum armour_kind kind, struct view bytes,
                  struct buf *room, struct view *ret, struct ens_err *err) ENS_MUST_CHECK;
