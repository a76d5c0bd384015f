/* The kinds of containers, and what is the same for all of them. */
#include "bundle/container.h"
#include "bundle/container_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define HEAD_MAX 512

/* EGo's file is an Open Enclave file with more in it, so that it is asked first. */
static const struct container_ops *const kinds[] = {
    &container_orc, &container_sgxs, &container_sigstruct, &elf_intel, &elf_ego, &elf_oe,
};

#define KINDS (sizeof kinds / sizeof kinds[0])

bool container_recognise(struct view head)
{
    const struct container none = {0};

    if (elf_recognise(head))
        return true;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->recognise(&none, head))
            return true;
    }
    return false;
}

/* ---- opening ---- */

static bool fail_unknown(const struct container *c, struct view head, struct ens_err *err)
{
    const char *other = container_other(head);

    if (other != NULL)
        return ens_fail(err, ENS_DATA, "%s: is no bundle, SGXS stream, SIGSTRUCT or enclave ELF file, but %s",
                        c->label, other);
    if (c->elf != NULL)
        return ens_fail(
            err, ENS_DATA,
            "%s: is an ELF file without .note.sgxmeta and .oeinfo, so that its enclave is not laid "
            "out yet: sign it once with its SDK's tool (sgx_sign, oesign) and any key, then with "
            "ensign",
            c->label);
    return ens_fail(err, ENS_DATA,
                    "%s: is no bundle, SGXS stream, SIGSTRUCT or enclave ELF file: give one of these",
                    c->label);
}

static bool find_kind(struct container *c, struct ens_err *err)
{
    uint8_t head[HEAD_MAX];
    size_t len = 0;

    if (!file_read_at(c->fd, c->label, 0, head, sizeof head, &len, err))
        return false;
    struct view v = view_of(head, len);

    if (elf_recognise(v) && container_other(v) == NULL && !elf_open(c->fd, c->label, c->size, &c->elf, err))
        return false;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->recognise(c, v)) {
            c->ops = kinds[i];
            return true;
        }
    }
    return fail_unknown(c, v, err);
}

static bool open_kind(struct container *c, const char *component, struct ens_err *err)
{
    struct stat st;

    if (fstat(c->fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be examined", c->label);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_NOINPUT,
                        "%s: is no regular file, and must be read more than once: name a file", c->label);
    c->size = (uint64_t)st.st_size;
    if (!find_kind(c, err))
        return false;
    if (component != NULL && c->ops->kind != CONTAINER_ORC)
        return ens_fail(err, ENS_USAGE, "%s: is no bundle and has no component %s: leave out --component",
                        c->label, component);
    return c->ops->open(c, component, err);
}

int container_fd(const struct container *c)
{
    return c->fd;
}

bool container_open_fd(int fd, const char *label, const char *component, struct container **ret,
                       struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = mem_alloc(1, sizeof *c, err);

    if (c == NULL)
        return false;
    c->fd = fd;
    c->label = mem_strdup(label, err);
    if (c->label == NULL || !open_kind(c, component, err))
        return false;
    *ret = ens_take(c);
    return true;
}

bool container_open(const char *path, const char *component, struct container **ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;

    if (!file_open(path, &fd, err) || !container_open_fd(fd, path, component, ret, err))
        return false;
    (*ret)->owns_fd = true;
    fd = -1;
    return true;
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
    mem_free(c->copies);
    mem_free(c->label);
    mem_free(c);
    *ret = NULL;
}

bool container_add_copy(struct container *c, struct container_copy **ret, struct ens_err *err)
{
    void *grown = c->copies;

    if (c->copies_len == CONTAINER_COPIES_MAX)
        return ens_fail(err, ENS_DATA, "%s: holds more than %d SIGSTRUCTs: it is damaged", c->label,
                        CONTAINER_COPIES_MAX);
    if (!mem_grow(&grown, c->copies_len + 1, sizeof *c->copies, err))
        return false;
    c->copies = grown;
    *ret = &c->copies[c->copies_len++];
    memset(*ret, 0, sizeof **ret);
    return true;
}

/* ---- what it is ---- */

enum container_kind container_kind(const struct container *c)
{
    return c->ops->kind;
}

const char *container_kind_name(enum container_kind kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->kind == kind)
            return kinds[i]->name;
    }
    return "unknown";
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

const struct bundle_component *container_component(const struct container *c)
{
    return c->component;
}

size_t container_copies_len(const struct container *c)
{
    return c->copies_len;
}

const struct container_copy *container_copy_at(const struct container *c, size_t index)
{
    return &c->copies[index];
}

size_t container_streams_len(const struct container *c)
{
    return c->streams_len;
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
    if (index >= c->streams_len)
        return ens_fail(err, ENS_BUG, "%s: has no enclave %zu", c->label, index);
    return check_work(c, err) && c->ops->stream(c, index, sink, err);
}

bool container_same_stream(const struct container *c, size_t a, size_t b)
{
    return c->ops->same != NULL && a < c->streams_len && b < c->streams_len && c->ops->same(c, a, b);
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

const struct container_oddity *container_oddities(const struct container *c, size_t *ret_len)
{
    *ret_len = c->oddities_len;
    return c->oddities;
}

void container_odd(struct container *c, size_t copy, const char *rule, const char *fmt, ...)
{
    size_t alike = 0;
    va_list args;

    for (size_t i = 0; i < c->oddities_len; i++)
        alike += c->oddities[i].copy == copy && strcmp(c->oddities[i].rule, rule) == 0;
    if (alike == CONTAINER_ODDITIES_RULE_MAX || c->oddities_len == CONTAINER_ODDITIES_MAX)
        return;
    struct container_oddity *o = &c->oddities[c->oddities_len++];

    o->copy = copy;
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

bool container_put(int fd, uint64_t offset, struct view bytes, struct ens_err *err)
{
    return file_write_at(fd, "the new file", offset, bytes, err);
}

/* Copies the whole file: the copies' places in it are overwritten afterwards. */
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
    for (size_t i = 0; i < c->copies_len; i++) {
        if (!container_put(file_out_fd(out), c->copies[i].offset, edit->sigstruct, err) ||
            (c->ops->patch != NULL && !c->ops->patch(c, i, edit, file_out_fd(out), err)))
            return false;
    }
    return true;
}

bool container_write(struct container *c, const struct container_edit *edit, struct file_out *out,
                     struct ens_err *err)
{
    if (edit->sigstruct.len != CONTAINER_SIGSTRUCT_SIZE)
        return ens_fail(err, ENS_BUG, "%s: a SIGSTRUCT of %zu bytes", c->label, edit->sigstruct.len);
    return c->ops->write != NULL ? c->ops->write(c, edit, out, err) : write_copy(c, edit, out, err);
}
