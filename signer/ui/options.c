/* The rows of a command: found, and read for the files that they name. */
#include "signer/ui/options.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/ui/options_internal.h"

/* ---- the rows of a command ---- */

static const struct option common_rows[] = {
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"quiet", 'q', OPTION(FLAG, struct command_line, quiet), NULL, "no review and no notices; warnings stay"},
    {"verbose", 0, OPTION(FLAG, struct command_line, verbose), NULL,
     "say which parts of the wall are missing here"},
    {"help", 'h', OPTION(FLAG, struct command_line, help), NULL, "print this help"},
    {0},
};

bool options_at(const struct command *c, size_t index, struct option_place *ret)
{
    for (size_t g = 0; g <= OPTION_GROUPS_MAX; g++) {
        bool is_common = g == OPTION_GROUPS_MAX || c->groups[g].rows == NULL;
        const struct option *rows = is_common ? common_rows : c->groups[g].rows;
        size_t at = is_common ? 0 : c->groups[g].at;
        const char *topic = "Options";

        for (const struct option *o = rows; o->name != NULL; o++) {
            if (o->name[0] == '\0') {
                topic = o->help;
            } else if (index-- == 0) {
                *ret = (struct option_place){
                    .row = o, .offset = at + o->offset, .is_common = is_common, .topic = topic};
                return true;
            }
        }
        if (is_common)
            break;
    }
    return false;
}

bool options_find(const struct command *c, const char *name, size_t len, struct option_place *ret)
{
    for (size_t i = 0; options_at(c, i, ret); i++) {
        if (strlen(ret->row->name) == len && strncmp(ret->row->name, name, len) == 0)
            return true;
    }
    return false;
}

bool options_has(const struct command *c, const char *name)
{
    struct option_place ignored;

    return options_find(c, name, strlen(name), &ignored);
}

bool options_uses(const struct command_line *line, const char *name)
{
    for (size_t i = 0; i < line->used.len; i++) {
        if (strcmp(line->used.items[i], name) == 0)
            return true;
    }
    return false;
}

const char *options_text(const struct command_line *line, const struct option_place *p)
{
    const char *text = NULL;

    memcpy(&text, (const char *)line->options + p->offset, sizeof text);
    return text;
}

/* ---- the files that are named ---- */

static void add_option_files(const struct command_line *line, const struct option_place *p,
                             struct option_files *ret)
{
    struct option_file file = {.option = p->row->name, .marks = p->row->marks};

    if ((file.marks & OPTION_TYPE) == OPTION_LIST) {
        const struct text_list *list = (const void *)((const char *)line->options + p->offset);

        for (size_t i = 0; i < list->len; i++) {
            file.path = list->items[i];
            ret->items[ret->len++] = file;
        }
        return;
    }
    file.path = options_text(line, p);
    if (file.path != NULL)
        ret->items[ret->len++] = file;
}

bool options_files(const struct command_line *line, struct option_files *ret, struct ens_err *err)
{
    /* A list is full with TEXT_LIST_MAX. */
    size_t room = line->operands_len + (size_t)OPTIONS_MAX * TEXT_LIST_MAX;
    struct option_files files = {.items = mem_alloc(room, sizeof *files.items, err)};
    struct option_place p;

    if (files.items == NULL)
        return false;
    for (size_t i = 0; options_at(line->command, i, &p); i++) {
        if ((p.row->marks & (OPTION_READ | OPTION_WRITTEN | OPTION_DIR)) != 0)
            add_option_files(line, &p, &files);
    }
    for (size_t i = 0; i < line->operands_len; i++)
        files.items[files.len++] = (struct option_file){.path = line->operands[i], .marks = OPTION_READ};
    *ret = files;
    return true;
}

void options_files_free(struct option_files *f)
{
    mem_free(f->items);
    *f = (struct option_files){0};
}
