/* The parts of the reader of armour: its frame, its lines. */
#pragma once

#include "signer/ceremony/armour.h"

#define ARMOUR_LINE_BYTES  30
#define ARMOUR_LINE_DIGITS 48 /* base32 digits of a full line */

/* Facts from the frame, before the lines are read. */
struct armour_frame {
    unsigned kinds;    /* that it may be: one, if there is a frame */
    struct view lines; /* those between BEGIN and END */
    size_t len;        /* their number */
};

/* One line, decoded. */
struct armour_row {
    uint8_t bytes[ARMOUR_LINE_BYTES];
    size_t len;
    unsigned check;
};

/* Takes the next line that is not blank off the front, without blanks and carriage returns around it; an
 * empty view at the end. */
struct view armour_next_line(struct view *left);

/* Does it hold the beginning of a frame, in whatever shape? And could it be the first line
 * if there is no frame? */
bool armour_is_meant(struct view line);
bool armour_is_bare_line(struct view line);

/* Finds the lines; ENS_DATA (armour_frame.c). */
bool armour_read_frame(struct view text, unsigned wishes, struct armour_frame *ret,
                       struct ens_err *err) ENS_MUST_CHECK;

/* Decodes a line: number, data words, and a last word of two check digits; ENS_DATA (armour_frame.c). */
bool armour_read_row(struct view line, size_t number, bool is_last, struct armour_row *ret,
                     struct ens_err *err) ENS_MUST_CHECK;
