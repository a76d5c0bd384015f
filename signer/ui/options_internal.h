/* What the parser (options_parse.c) and the table of rows (options.c) share. */
#pragma once

#include "signer/ui/options.h"

/* Options that one command can have, all lists together. */
#define OPTIONS_MAX 64

/* A row, and the offset of its member in the structure of the command, or in the command line itself. */
struct option_place {
    const struct option *row;
    size_t offset;
    bool is_common;
    const char *topic; /* the question that it answers */
};

/* Row `index` of all that the command has; false: there are fewer. */
bool options_at(const struct command *c, size_t index, struct option_place *ret);
/* The row of the option `name`, of `len` bytes and without dashes; false: the command has none. */
bool options_find(const struct command *c, const char *name, size_t len, struct option_place *ret);
/* The value of a text; NULL: not given. */
const char *options_text(const struct command_line *line, const struct option_place *p);
