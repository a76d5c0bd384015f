/* From a manifest's text to a JSON tree, with jansson.
 *
 * jansson's lexer does not notice when the buffer of the token it reads could not grow, and would go on
 * with a token cut short. So while it parses, memory comes with a reserve: once the heap says no, the rest
 * is served from the reserve, the text ends at the next piece, and the tree is thrown away. The reserve is
 * larger than what one piece of text can ask for. */
#include "bundle/orc/manifest_load.h"

#include <jansson.h>
#include <string.h>

#include "bundle/orc/bundle.h"
#include "bundle/orc/manifest_scan.h"
#include "signer/base/mem.h"

/* Per piece: at most PIECE values of less than VALUE_COST bytes each (an empty object is the dearest), and
 * what grows by doubling with all that came before: the token, arrays and tables of keys. */
#define PIECE       1024u
#define VALUE_COST  512u
#define TOKEN_COST  4u  /* per byte of text */
#define MEMBER_COST 32u /* per value */

struct reserve {
    uint8_t *block;
    size_t size;
    size_t used;
    bool tapped; /* the heap failed: what is parsed now is worthless */
};

/* jansson's allocator has no context; the reserve of the parse that runs, on this thread. */
static _Thread_local struct reserve *reserve;

static void *take_memory(size_t size)
{
    struct ens_err ignored = {0};
    struct reserve *r = reserve;
    void *block = r != NULL && r->tapped ? NULL : mem_room(size, &ignored);

    if (block != NULL || r == NULL)
        return block;
    r->tapped = true;
    size_t aligned = (size + 15) & ~(size_t)15;

    if (aligned > r->size - r->used)
        return NULL;
    block = r->block + r->used;
    r->used += aligned;
    return block;
}

static void give_memory(void *block)
{
    const struct reserve *r = reserve;

    if (r == NULL || (uintptr_t)block - (uintptr_t)r->block >= r->size)
        mem_free(block);
}

/* Gives jansson the text piece by piece. */
struct text_source {
    struct view left;
    const struct reserve *reserve;
};

static size_t next_piece(void *buffer, size_t len, void *ctx)
{
    struct text_source *t = ctx;
    size_t n = t->left.len;

    n = n < len ? n : len;
    n = n < PIECE ? n : PIECE;
    if (t->left.len == 0 || t->reserve->tapped)
        return 0;
    memcpy(buffer, t->left.data, n);
    t->left = view_slice(t->left, n, t->left.len - n);
    return n;
}

static bool fail_parse(const json_error_t *e, struct ens_err *err)
{
    /* Other readers put U+FFFD in the place of what is not UTF-8, or half a pair. */
    bool own = strncmp(e->text, "invalid Unicode", 15) == 0 || strncmp(e->text, "unable to decode", 16) == 0;
    const char *rule = e->text;

    switch (json_error_code(e)) {
    case json_error_out_of_memory:
        return ens_fail(err, ENS_RESOURCE, "out of memory: give ensign more memory and repeat");
    case json_error_numeric_overflow:
        own = true;
        rule = "a number has more than 63 bits, or is beyond every double; write it as a text";
        break;
    case json_error_duplicate_key:
        own = true;
        rule = "a key is twice in one object, and readers differ in which one counts";
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        own = true;
        rule = "a text holds U+0000, where many readers end it";
        break;
    case json_error_stack_overflow:
        own = true;
        break;
    case json_error_unknown:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_utf8:
    case json_error_premature_end_of_input:
    case json_error_end_of_input_expected:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
    default:
        break;
    }
    (void)ens_fail(err, ENS_DATA, "line %d, column %d: %s: correct the manifest and rebuild the bundle",
                   e->line, e->column, rule);
    err->own = own;
    return false;
}

/* The parse, with memory from the heap and `r`. The tree is NULL if the text is wrong. */
static json_t *parse(struct view text, struct reserve *r, json_error_t *ret_error)
{
    struct text_source source = {.left = text, .reserve = r};

    json_set_alloc_funcs(take_memory, give_memory);
    reserve = r;
    json_t *root =
        json_load_callback(next_piece, &source, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, ret_error);

    if (r->tapped) {
        json_decref(root);
        root = NULL;
    }
    reserve = NULL;
    return root;
}

bool manifest_load(struct view text, void **ret_root, struct ens_err *err)
{
    size_t values = text.len < MANIFEST_VALUES_MAX ? text.len : MANIFEST_VALUES_MAX;
    struct reserve r = {.size = PIECE * VALUE_COST + TOKEN_COST * text.len + MEMBER_COST * values};
    json_error_t error = {0};

    if (text.len > BUNDLE_MANIFEST_MAX)
        return ens_fail_own(err, "has %zu bytes, more than the limit of %u: make a smaller bundle", text.len,
                            BUNDLE_MANIFEST_MAX);
    if (!manifest_scan(text, err))
        return false;
    ENS_CLEANUP(mem_freep) uint8_t *block = mem_room(r.size, err);

    if (block == NULL)
        return false;
    r.block = block;
    json_t *root = parse(text, &r, &error);

    if (r.tapped)
        return ens_fail(err, ENS_RESOURCE, "out of memory: give ensign more memory and repeat");
    if (root == NULL)
        return fail_parse(&error, err);
    if (!json_is_object(root)) {
        (void)ens_fail(err, ENS_DATA, "is not a JSON object: correct it and rebuild the bundle");
        err->own = json_is_null(root); /* others take it for an empty object */
        json_decref(root);
        return false;
    }
    *ret_root = root;
    return true;
}

void manifest_load_free(void *root)
{
    json_decref(root);
}
