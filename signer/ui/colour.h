/* Colour on a terminal, three uses only: bold for the word that is a verdict, red for "no", "!" and "Dangers" if
 * there are any, yellow for "warning:". It never carries a fact alone: the word is there without it. */
#pragma once

#include "signer/base/bytes.h"

/* Where `fd` is a terminal that shows colours (NO_COLOR is not set, or empty; TERM is set, and not "dumb"): appends
 * the text to `ret`, printable, with colours at the beginnings of its lines. False: it does not, or memory ran out;
 * then the text is to be written as it is. */
bool colour_lines(int fd, struct view text, struct buf *ret);
