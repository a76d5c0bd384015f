/* What the reader of TOML makes of documents, for test_toml.py: on stdin each as its length (4 bytes, little-endian) and
 * its bytes, behind one byte for the version (0 or 1); on stdout a line for each: a value as JSON, or the error. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "signer/base/mem.h"
#include "signer/base/toml.h"

static void print_bytes(struct view v)
{
    putchar('"');
    for (size_t i = 0; i < v.len; i++)
        printf("%02x", v.data[i]);
    putchar('"');
}

static void print_value(const struct toml_value *v)
{
    static const char *const names[] = {"table", "array", "string", "integer", "float", "boolean", "date"};
    const char *comma = "";

    printf("[\"%s\", ", names[v->type]);
    if (v->type == TOML_INTEGER || v->type == TOML_BOOLEAN) {
        printf("%" PRId64 "]", v->number);
        return;
    }
    if (v->type != TOML_TABLE && v->type != TOML_ARRAY) {
        print_bytes(v->text);
        putchar(']');
        return;
    }
    putchar('[');
    for (const struct toml_value *m = toml_first(v); m != NULL; m = toml_next(m)) {
        printf("%s[", comma);
        print_bytes(m->key);
        printf(", ");
        print_value(m);
        putchar(']');
        comma = ", ";
    }
    printf("]]");
}

static void print_error(const char *text)
{
    printf("[\"error\", \"");
    for (; *text != '\0'; text++)
        printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    printf("\"]");
}

int main(void)
{
    uint8_t head[5];

    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        struct ens_err err = {0};
        ENS_CLEANUP(toml_freep) struct toml *t = NULL;
        size_t len = (size_t)bytes_get_le(view_of(head + 1, 4));
        /* No byte more than the document: whoever reads behind it is seen. */
        ENS_CLEANUP(mem_freep) uint8_t *text = mem_room(len > 0 ? len : 1, &err);

        if (text == NULL || fread(text, 1, len, stdin) != len)
            return EXIT_FAILURE;
        if (toml_parse(view_of(text, len), "x", head[0] == 0 ? TOML_1_0 : TOML_1_1, &t, &err))
            print_value(toml_root(t));
        else
            print_error(err.msg);
        putchar('\n');
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}
