/* The part that all kinds of containers share. */
#include "bundle/container/container.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bundle/container/internal.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define CONTAINER_EDITS_ALL (CONTAINER_SITES_MAX + CONTAINER_EDITS_MAX)

int container_fd(const struct container *c)
{
    return c->fd;
}

void container_closep(struct container **ret)
{
    struct container *c = *ret;

    if (c == NULL)
        return;
    if (c->ops != NULL && c->ops->close != NULL)
        c->ops->close(c);
    bundle_closep(&c->bundle);
    elf_freep(&c->elf);
    if (c->owns_fd)
        file_closep(&c->fd);
    mem_free(c->sites);
    mem_free(c->label);
    mem_free(c);
    *ret = NULL;
}

bool container_add_site(struct container *c, struct site **ret, struct ens_err *err)
{
    void *grown = c->sites;

    if (c->sites_len == CONTAINER_SITES_MAX)
        return ens_fail(err, ENS_DATA, "%s: holds more than %d SIGSTRUCTs: it is damaged", c->label,
                        CONTAINER_SITES_MAX);
    if (!mem_grow(&grown, c->sites_len + 1, sizeof *c->sites, err))
        return false;
    c->sites = grown;
    *ret = &c->sites[c->sites_len++];
    **ret = (struct site){.has_place = true};
    return true;
}

/* ---- what it is ---- */

enum container_kind container_kind(const struct container *c)
{
    return c->ops->kind;
}

uint64_t container_size(const struct container *c)
{
    return c->size;
}

const char *container_label(const struct container *c)
{
    return c->label;
}

struct bundle *container_bundle(const struct container *c)
{
    return c->bundle;
}

size_t container_sites_len(const struct container *c)
{
    return c->sites_len;
}

struct site *container_site(const struct container *c, size_t index)
{
    return &c->sites[index];
}

size_t container_streams_len(const struct container *c)
{
    return c->why_no_stream == NULL ? c->sites_len : 0;
}

const char *container_why_no_stream(const struct container *c)
{
    return c->why_no_stream;
}

/* ---- how much work it is ---- */

static bool allow_large; /* set before there are threads */

void container_allow_large(void)
{
    allow_large = true;
}

uint64_t container_work(const struct container *c)
{
    return c->work;
}

void container_work_add(uint64_t *work, uint64_t count, uint64_t each)
{
    uint64_t product = 0;

    if (__builtin_mul_overflow(count, each, &product) || __builtin_add_overflow(*work, product, work))
        *work = UINT64_MAX;
}

static bool check_work(const struct container *c, struct ens_err *err)
{
    uint64_t limit = CONTAINER_WORK_MAX;

    container_work_add(&limit, c->size, CONTAINER_WORK_PER_BYTE);
    if (allow_large || c->work <= limit)
        return true;
    return ens_fail(err, ENS_DATA,
                    "%s: lays out an enclave of which %" PRIu64 " MiB are hashed, from a file of %" PRIu64
                    " KiB (limit %" PRIu64 " MiB): --allow-large, if it is meant to be so large",
                    c->label, c->work >> 20, c->size >> 10, limit >> 20);
}

bool container_stream(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    if (index >= container_streams_len(c))
        return ens_fail(err, ENS_BUG, "%s: has no enclave %zu", c->label, index);
    return check_work(c, err) && c->ops->stream(c, index, sink, err);
}

bool container_same_stream(const struct container *c, size_t a, size_t b)
{
    return c->ops->same != NULL && c->why_no_stream == NULL && c->ops->same(c, a, b);
}

const struct container_setting *container_settings(const struct container *c, size_t *ret_len)
{
    *ret_len = c != NULL ? c->settings_len : 0;
    return c != NULL ? c->settings : NULL;
}

void container_set(struct container *c, const char *name, uint64_t value)
{
    if (c->settings_len < CONTAINER_SETTINGS_MAX)
        c->settings[c->settings_len++] = (struct container_setting){.name = name, .value = value};
}

const struct container_fact *container_facts(const struct container *c, size_t *ret_len)
{
    *ret_len = c->facts_len;
    return c->facts;
}

void container_tell(struct container *c, const char *key, const char *label, const char *fmt, ...)
{
    va_list args;

    if (c->facts_len == CONTAINER_FACTS_MAX)
        return;
    struct container_fact *f = &c->facts[c->facts_len++];

    f->key = key;
    f->label = label;
    va_start(args, fmt);
    if (vsnprintf(f->text, sizeof f->text, fmt, args) < 0)
        f->text[0] = '\0';
    va_end(args);
}

const struct container_oddity *container_oddities(const struct container *c, size_t *ret_len)
{
    *ret_len = c->oddities_len;
    return c->oddities;
}

void container_odd(struct container *c, size_t site, const char *rule, const char *fmt, ...)
{
    size_t alike = 0;
    va_list args;

    for (size_t i = 0; i < c->oddities_len; i++)
        alike += c->oddities[i].site == site && strcmp(c->oddities[i].rule, rule) == 0;
    if (alike == CONTAINER_ODDITIES_RULE_MAX || c->oddities_len == CONTAINER_ODDITIES_MAX)
        return;
    struct container_oddity *o = &c->oddities[c->oddities_len++];

    o->site = site;
    o->rule = rule;
    va_start(args, fmt);
    if (vsnprintf(o->text, sizeof o->text, fmt, args) < 0)
        o->text[0] = '\0';
    va_end(args);
}

bool container_locate(const struct container *c, uint64_t offset, char ret[static CONTAINER_NAME_MAX])
{
    const struct elf_section *s = NULL;

    if (c != NULL && c->elf != NULL && offset >= c->shift)
        s = elf_section_at(c->elf, offset - c->shift);

    if (s == NULL || s->name[0] == '\0')
        return false;
    (void)snprintf(ret, CONTAINER_NAME_MAX, "%s", s->name);
    return true;
}

/* ---- writing ---- */

void container_may_edit(struct container *c, uint64_t offset, size_t len)
{
    if (c->edits_len < CONTAINER_EDITS_MAX)
        c->edits[c->edits_len++] = (struct elf_span){offset, len};
}

/* The places of the SIGSTRUCTs, and what container_may_edit named. */
static size_t edits_of(const struct container *c, struct elf_span ret[static CONTAINER_EDITS_ALL])
{
    for (size_t i = 0; i < c->sites_len; i++)
        ret[i] = (struct elf_span){c->sites[i].offset, SIGSTRUCT_SIZE};
    memcpy(ret + c->sites_len, c->edits, c->edits_len * sizeof *ret);
    return c->sites_len + c->edits_len;
}

bool container_put(const struct container *c, int fd, uint64_t offset, struct view bytes, struct ens_err *err)
{
    struct elf_span edits[CONTAINER_EDITS_ALL];
    size_t len = edits_of(c, edits);

    for (size_t i = 0; i < len; i++) {
        uint64_t into = offset - edits[i].offset; /* wraps in front of the place, beyond its length */

        if (into <= edits[i].len && bytes.len <= edits[i].len - into)
            return file_write_at(fd, "the new file", offset, bytes, err);
    }
    return ens_fail(err, ENS_BUG, "%s: %zu bytes at %" PRIu64 " are not to be edited", c->label, bytes.len,
                    offset);
}

bool container_same_reads(struct container *c, int fd, const char *label, bool *ret, struct ens_err *err)
{
    struct elf_span edits[CONTAINER_EDITS_ALL];

    if (c->elf == NULL || c->elf->reads == NULL)
        return ens_fail(err, ENS_BUG, "%s: nothing is remembered of it", c->label);
    return elf_reads_same(c->elf, fd, label, edits, edits_of(c, edits), ret, err);
}

/* Copies the whole file: the sites in it are overwritten afterwards. */
static bool copy_file(const struct container *c, struct file_out *out, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t len = FILE_PIECE;

    if (piece == NULL)
        return false;
    for (uint64_t at = 0; len == FILE_PIECE; at += len) {
        if (!interrupt_check(err) || !file_read_at(c->fd, c->label, at, piece, FILE_PIECE, &len, err) ||
            !file_out_write(out, view_of(piece, len), err))
            return false;
    }
    return true;
}

/* An edited copy of the file. */
static bool write_copy(const struct container *c, const struct container_edit *edit, struct file_out *out,
                       struct ens_err *err)
{
    if (!file_out_create(out, err) || !copy_file(c, out, err))
        return false;
    for (size_t i = 0; i < c->sites_len; i++) {
        if (!container_put(c, file_out_fd(out), c->sites[i].offset, edit->sigstruct, err) ||
            (c->ops->patch != NULL && !c->ops->patch(c, i, edit, file_out_fd(out), err)))
            return false;
    }
    return true;
}

bool container_write(struct container *c, const struct container_edit *edit, struct file_out *out,
                     struct ens_err *err)
{
    if (edit->sigstruct.len != SIGSTRUCT_SIZE)
        return ens_fail(err, ENS_BUG, "%s: a SIGSTRUCT of %zu bytes", c->label, edit->sigstruct.len);
    return c->ops->write != NULL ? c->ops->write(c, edit, out, err) : write_copy(c, edit, out, err);
}
