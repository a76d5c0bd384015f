/* TOML: a document as a tree of values, in the order of the text. Strict: what the version does not allow is an error with
 * its line and column, duplicate keys and tables among them. Size, nesting and the number of values are bounded, and the
 * memory with them: 80 bytes a value and once the size of the text. */
#pragma once

#include "signer/base/bytes.h"

/* Bytes of a document; values in it; tables and arrays in one another, parts of a dotted key among them. */
#define TOML_SIZE_MAX   (16u << 20)
#define TOML_VALUES_MAX (1u << 20)
#define TOML_DEPTH_MAX  64

/* 1.1.0 has lines, comments and a last comma in inline tables, \e and \xHH, and times without seconds. */
enum toml_version { TOML_1_0, TOML_1_1 };

enum toml_type {
    TOML_TABLE,
    TOML_ARRAY, /* of tables as well, in either form */
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_DATE, /* and times */
};

struct toml_value {
    enum toml_type type;
    bool is_plain;   /* a string without escapes, on one line */
    struct view key; /* in a table: UTF-8, may be empty */
    struct view
        text; /* of a string what it says: UTF-8, "\n" as the end of lines, NUL if an escape makes one; of tables
                         and arrays nothing; else the value as it is written */
    int64_t number; /* of an integer; of a boolean 0 or 1 */
    /* Of toml.c: indices of values, 0 for none. */
    uint32_t self, first, last, next;
    uint32_t members, side[2]; /* a table's members by their keys, in a balanced tree (AA) */
    uint8_t level, depth, made;
};

struct toml;

/* Reads a whole document; `name` stands for it in messages. `ret` owns all it needs of `text`: release it with
 * toml_freep. ENS_DATA, ENS_RESOURCE. */
bool toml_parse(struct view text, const char *name, enum toml_version version, struct toml **ret,
                struct ens_err *err) ENS_MUST_CHECK;
void toml_freep(struct toml **t);

/* The table of the document. */
const struct toml_value *toml_root(const struct toml *t);

/* The first value in a table or array, in the order of the text, and the one after another in the same; NULL: none, or
 * `v` is NULL or holds no values. */
const struct toml_value *toml_first(const struct toml_value *v);
const struct toml_value *toml_next(const struct toml_value *v);

/* The value of a table at a path of keys, "sgx.enclave_size"; NULL: it is not there, or a part is no table, or `table` is
 * NULL. A key with a dot in it is found by toml_first and toml_next only. */
const struct toml_value *toml_get(const struct toml_value *table, const char *path);
