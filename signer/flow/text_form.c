/* --armor. */
#include "signer/flow/text_form.h"

const struct option text_form_rows[] = {
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"armor", 0, OPTION(WORD, struct text_form_options, armor), "bare",
     "the result as text that can be typed (bare: without its frame)"},
    {0},
};

bool text_form_of(const struct text_form_options *o, enum armour_kind kind, struct view bytes,
                  struct buf *room, struct view *ret, struct ens_err *err)
{
    if (o->armor != NULL && !armour_encode(kind, bytes, o->armor[0] != '\0', room, err))
        return false;
    *ret = o->armor != NULL ? buf_view(room) : bytes;
    return true;
}
