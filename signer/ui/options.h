/* The command line. Each command has a structure of options, made of parts: what several commands take is one part,
 * declared beside the flow that reads it, and a flow gets its part and never the command's structure. A row names an
 * option, its kind and its place. The same rows parse, print the help, are compared with the manual
 * (scripts/check-manual.sh), and say which files a command line names. */
#pragma once

#include <stddef.h>

#include "signer/base/err.h"

/* The values of an option that may be given several times. */
#define TEXT_LIST_MAX 64
struct text_list {
    const char *items[TEXT_LIST_MAX];
    size_t len;
};

/* ---- rows ---- */

/* The type of the member, and what else holds of the option. */
enum option_mark {
    OPTION_TEXT, /* const char *, borrowed from argv; NULL: not given */
    OPTION_FLAG, /* bool */
    OPTION_LIST, /* struct text_list */
    OPTION_TYPE = 3,
    OPTION_EMPTY = 1 << 2, /* an empty value counts as not given, as in orc */
    OPTION_SINGLE =
        1
        << 3, /* decides what is signed, what must hold or where it is recorded: of two, one would not count */
    OPTION_URI = 1 << 4,      /* a PKCS#11 URI; every other value that is one is refused: it may hold a PIN */
    OPTION_READ = 1 << 5,     /* names a file that is read */
    OPTION_KEY = 1 << 6,      /* ... and beside it an SSH key's .pub and -cert.pub */
    OPTION_WRITTEN = 1 << 7,  /* names a file that is written; "-" is stdout */
    OPTION_BESIDE = 1 << 8,   /* ... as a second result */
    OPTION_APPENDED = 1 << 9, /* ... at its end: no --force is needed for what is there */
    OPTION_DIR = 1 << 10,     /* names a directory for results */
    OPTION_WORD = 1 << 11,    /* takes nothing, which gives "", or =WORD, the one that `arg` is */
    OPTION_HERE =
        1 << 12, /* takes =DIR, or the next word if that is a directory, else nothing, which gives "." */
    OPTION_SAID =
        1 << 13, /* no variable of the environment stands for it: it ends a key, or is one of two ways */
};

/* The kinds of rows. */
enum option_kind {
    OPTION_KIND_TEXT = OPTION_TEXT,
    OPTION_KIND_FLAG = OPTION_FLAG,
    OPTION_KIND_MAYBE = OPTION_TEXT | OPTION_EMPTY,
    OPTION_KIND_ONCE = OPTION_TEXT | OPTION_SINGLE,
    OPTION_KIND_URI = OPTION_TEXT | OPTION_URI,
    OPTION_KIND_URI_SAID = OPTION_KIND_URI | OPTION_SAID,
    OPTION_KIND_FILE = OPTION_TEXT | OPTION_READ,
    OPTION_KIND_FILES = OPTION_LIST | OPTION_READ,
    OPTION_KIND_LIST = OPTION_LIST,
    OPTION_KIND_FILE_MAYBE = OPTION_KIND_FILE | OPTION_EMPTY,
    OPTION_KIND_FILE_ONCE = OPTION_KIND_FILE | OPTION_SINGLE,
    OPTION_KIND_SSH_KEY = OPTION_KIND_FILE | OPTION_KEY,
    OPTION_KIND_OUTPUT = OPTION_TEXT | OPTION_WRITTEN,
    OPTION_KIND_BESIDE = OPTION_KIND_OUTPUT | OPTION_BESIDE,
    OPTION_KIND_BESIDE_ONCE = OPTION_KIND_BESIDE | OPTION_SINGLE,
    OPTION_KIND_RECORD = OPTION_KIND_OUTPUT | OPTION_APPENDED | OPTION_SINGLE,
    OPTION_KIND_OUT_DIR = OPTION_TEXT | OPTION_DIR,
    OPTION_KIND_WORD = OPTION_TEXT | OPTION_WORD,
    OPTION_KIND_DIR_HERE = OPTION_TEXT | OPTION_READ | OPTION_SINGLE | OPTION_HERE,
};

struct option {
    const char *name; /* long name, without dashes; NULL ends a list */
    char letter;      /* short name, or 0 */
    unsigned marks;   /* enum option_mark */
    size_t offset;    /* of its member in its part */
    const char *arg;  /* what --help calls its argument; NULL for a flag */
    const char *help;
};

/* Marks and offset of a row, for the member `m` of the structure T. Does not compile if the member has another type than
 * the kind says. */
#define OPTION(KIND, T, m) OPTION_KIND_##KIND, offsetof(T, m) + OPTION_CHECK(OPTION_KIND_##KIND, ((T *)0)->m)
#define OPTION_CHECK(kind, member)                                                                           \
    0 * sizeof(char[((kind)&OPTION_TYPE) == _Generic((member),                                               \
                                                     const char *: OPTION_TEXT,                              \
                                                     bool: OPTION_FLAG,                                      \
                                                     struct text_list: OPTION_LIST)                          \
                        ? 1                                                                                  \
                        : -1])

/* A row that is no option: the question that the rows behind it answer, up to the next one or the end of their list. Rows
 * under one question are printed together, whatever list they are in. */
#define OPTION_TOPIC(question)                                                                               \
    {                                                                                                        \
        .name = "", .help = (question)                                                                       \
    }
/* Questions that several lists share. */
#define TOPIC_OUTPUT    "Output" /* the last one */
#define TOPIC_TOKEN     "The token and its PIN"
#define TOPIC_RECORD    "The record of the room"
#define TOPIC_KEY       "Which key"
#define TOPIC_LIFTED    "Which refusals are lifted"
#define TOPIC_COMPONENT "Which component of a bundle"
#define TOPIC_BESIDE    "What the file itself does not say"

/* Rows, and where their part lies in the structure of the command. */
struct option_group {
    const struct option *rows; /* ended by a row without name; NULL: no group */
    size_t at;
};

/* ---- commands ---- */

#define OPTION_GROUPS_MAX 9

struct command_line;

/* Where, or for whom, a command is. */
enum command_host {
    COMMAND_SIGNING, /* so are all of quorum */
    COMMAND_BUILD,
    COMMAND_REVIEW,
    COMMAND_EVERYONE,
    COMMAND_ONE_HOST, /* build host and token are one machine */
    COMMAND_AS_ORC,
};

struct command {
    const char *name;
    const char *operands; /* for the synopsis */
    const char *summary;
    enum command_host host;
    const char *
        examples; /* lines without the program's name; one that begins with a blank continues the one before */
    const char *see_also; /* other commands, and why */
    size_t size;          /* of its structure of options */
    struct option_group groups[OPTION_GROUPS_MAX];
    size_t min, max;      /* number of operands */
    const char *in_place; /* the option without which the first operand is changed; NULL: none is */
    bool wants_name;      /* stdin cannot be the first operand */
    bool wants_record;    /* the first operand is a transcript */
    const char *prints;   /* a result that stdout gets in any case; NULL: none */
    bool has_result;      /* that goes to stdout by itself, and with --json to a file, which must be named */
    /* Does the work; its error becomes the exit status. ENS_NO with an empty message is a silent "no". */
    bool (*run)(const struct command_line *line, struct ens_err *err);
};

/* True if the command has the option, `name` without dashes. */
bool options_has(const struct command *c, const char *name);

/* Prints the help of one command on stdout, in 80 columns. */
void options_help(const char *program, const struct command *c);
/* Prints words of `text`, broken within 80 columns: the cursor stands in column `at`, further lines begin there. */
void options_print_text(size_t at, const char *text);

/* ---- a command line ---- */

struct command_line {
    const char *program; /* "ensign" or "ensign-offline" */
    const struct command *command;
    void *options;         /* the command's own structure */
    struct text_list used; /* names of the options in use, each once, without dashes */
    char *const *operands;
    size_t operands_len;
    char *list,
        **listed; /* owned: the text of --files-from, and all operands with those of it; NULL: it is not given */
    bool quiet, verbose, help; /* what every command takes */
};

/* Reads argv after the command's name; ENS_USAGE. `argv` is reordered: operands come to its front. Texts stay those of
 * argv. Release with options_free. */
bool options_parse(const char *program, const struct command *c, int argc, char **argv,
                   struct command_line *ret, struct ens_err *err) ENS_MUST_CHECK;
void options_free(struct command_line *line);

/* True if the option is in use; `name` without dashes. */
bool options_uses(const struct command_line *line, const char *name);

/* A file that the command line names. */
struct option_file {
    const char *option; /* "policy"; NULL: an operand */
    const char *path;
    unsigned marks; /* of its row */
};

struct option_files {
    struct option_file *items;
    size_t len;
};

/* Every file that options name, in the order of the rows, then the operands, as files that are read. "-" is among them.
 * Release with options_files_free. */
bool options_files(const struct command_line *line, struct option_files *ret,
                   struct ens_err *err) ENS_MUST_CHECK;
void options_files_free(struct option_files *f);
