/* Manifest and files together: every file that a component names is there, and every file has a digest. */
#include "bundle/orc/state.h"

#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"

#define REMEDY "rebuild the bundle"

/* The most files that one component names. */
#define COMPONENT_FILES 8

void state_added_free(struct state_added *added)
{
    mem_free(added->name);
    buf_free(&added->bytes);
    *added = (struct state_added){0};
}

void state_freep(struct state **s)
{
    if (*s == NULL)
        return;
    manifest_freep(&(*s)->manifest);
    mem_free((*s)->files);
    for (size_t i = 0; i < (*s)->added_len; i++)
        state_added_free(&(*s)->added[i]);
    mem_free(*s);
    *s = NULL;
}

static int compare_to_file(const void *name, const void *file)
{
    const struct state_file *f = file;

    return strcmp(name, f->name);
}

const struct state_file *state_find(const struct state *s, const char *name)
{
    if (s->files_len == 0)
        return NULL;
    return bsearch(name, s->files, s->files_len, sizeof *s->files, compare_to_file);
}

/* The files that a component names; returns how many of the COMPONENT_FILES. */
static size_t files_of(const struct bundle_component *c, const char *ret[static COMPONENT_FILES])
{
    const char *const all[COMPONENT_FILES] = {
        c->executable,   c->elf_executable, c->sgx_executable, c->sgx_signature,
        c->tdx.firmware, c->tdx.kernel,     c->tdx.initrd,     c->tdx.stage2_image,
    };
    size_t len = 0;

    for (size_t i = 0; i < COMPONENT_FILES; i++) {
        if (all[i] != NULL)
            ret[len++] = all[i];
    }
    return len;
}

/* ---- the rules ---- */

/* Every file that a reader of the component opens is there. Where it has the newer elf, nobody opens what the
 * older `executable` names (oasis-core, Bundle.Validate). */
static bool check_present(const struct state *s, struct ens_err *err)
{
    for (size_t i = 0; i < s->info.components_len; i++) {
        const struct bundle_component *c = &s->info.components[i];
        const char *names[COMPONENT_FILES];
        size_t len = files_of(c, names);

        for (size_t j = 0; j < len; j++) {
            bool opened = c->elf_executable == NULL || names[j] != c->executable;

            if (!opened || state_find(s, names[j]) != NULL)
                continue;
            (void)ens_fail(err, ENS_DATA,
                           "component %s: names the file %s, which is not in the bundle: " REMEDY, c->id,
                           names[j]);
            err->own = strcmp(names[j], LISTING_MANIFEST) == 0; /* which others count among the files */
            return false;
        }
    }
    return true;
}

/* Gives each file its digest. Some digests may be of no file. */
static bool match_digests(struct state *s, struct ens_err *err)
{
    for (size_t i = 0; i < s->files_len; i++) {
        const struct manifest_digest *d = manifest_digest(s->manifest, s->files[i].name);

        if (d == NULL)
            return ens_fail(err, ENS_DATA, "file %s: has no digest in the manifest: " REMEDY,
                            s->files[i].name);
        memcpy(s->files[i].digest, d->digest, sizeof s->files[i].digest);
    }
    if (manifest_digest(s->manifest, LISTING_MANIFEST) != NULL)
        return ens_fail(err, ENS_DATA,
                        "digests: " LISTING_MANIFEST ": no manifest can hold its own digest: " REMEDY);
    return true;
}

/* Completes a state whose manifest and files are there. Takes `*s`. */
static bool finish(struct state **s, struct state **ret, struct ens_err *err)
{
    (*s)->info = *manifest_info((*s)->manifest);
    if (!check_present(*s, err) || !match_digests(*s, err))
        return false;
    *ret = ens_take(*s);
    return true;
}

/* ---- making states ---- */

bool state_open(const struct listing *l, struct manifest **manifest, struct state **ret, struct ens_err *err)
{
    ENS_CLEANUP(state_freep) struct state *s = mem_alloc(1, sizeof *s, err);

    if (s == NULL)
        return false;
    s->manifest = ens_take(*manifest);
    s->files_len = l->len - 1;
    s->files = mem_alloc(s->files_len, sizeof *s->files, err);
    if (s->files == NULL)
        return false;
    for (size_t i = 0; i < s->files_len; i++)
        s->files[i] = (struct state_file){.name = l->entries[i + 1].name, .entry = &l->entries[i + 1]};
    return finish(&s, ret, err);
}

static int compare_files(const void *x, const void *y)
{
    const struct state_file *a = x;
    const struct state_file *b = y;

    return strcmp(a->name, b->name);
}

static bool brings(const struct state *s, const char *name)
{
    for (size_t i = 0; i < s->added_len; i++) {
        if (strcmp(s->added[i].name, name) == 0)
            return true;
    }
    return false;
}

/* The files of `from`, with those that `s` brings. */
static bool copy_files(const struct state *from, struct state *s, struct ens_err *err)
{
    s->files = mem_alloc(from->files_len + s->added_len, sizeof *s->files, err);
    if (s->files == NULL)
        return false;
    for (size_t i = 0; i < from->files_len; i++) {
        if (!brings(s, from->files[i].name))
            s->files[s->files_len++] = from->files[i];
    }
    for (size_t i = 0; i < s->added_len; i++) {
        const struct state_added *a = &s->added[i];

        s->files[s->files_len++] = (struct state_file){
            .name = a->name, .input = a->input.path != NULL ? &a->input : NULL, .bytes = buf_view(&a->bytes)};
    }
    qsort(s->files, s->files_len, sizeof *s->files, compare_files);
    return true;
}

static void take_added(struct state *s, struct state_added *added, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        s->added[s->added_len++] = added[i];
        added[i] = (struct state_added){0};
    }
}

bool state_edit(const struct state *from, struct manifest **manifest, struct state_added *added, size_t len,
                struct state **ret, struct ens_err *err)
{
    ENS_CLEANUP(state_freep) struct state *s = mem_alloc(1, sizeof *s, err);

    if (s == NULL)
        return false;
    s->manifest = ens_take(*manifest);
    take_added(s, added, len);
    return copy_files(from, s, err) && finish(&s, ret, err);
}

/* ---- names ---- */

/* The number of times that the manifest names the file. */
static size_t count_uses(const struct bundle_info *info, const char *file)
{
    size_t uses = 0;

    for (size_t i = 0; i < info->components_len; i++) {
        const char *names[COMPONENT_FILES];
        size_t len = files_of(&info->components[i], names);

        for (size_t j = 0; j < len; j++)
            uses += strcmp(names[j], file) == 0 ? 1 : 0;
    }
    return uses;
}

bool state_signature_name(const struct state *s, const struct bundle_component *c, char **ret,
                          struct ens_err *err)
{
    bool own = c->sgx_signature != NULL && count_uses(&s->info, c->sgx_signature) == 1;
    ENS_CLEANUP(mem_freep)
    char *name = own ? mem_strdup(c->sgx_signature, err)
                     : mem_printf(err, "%s.sgx.sig", c->legacy ? "runtime" : c->id);

    if (name == NULL)
        return false;
    if (!own && count_uses(&s->info, name) > 0)
        return ens_fail(
            err, ENS_DATA,
            "component %s: its signature would be the file %s, which the manifest uses for something "
            "else: give sgx.signature a name of its own",
            c->id, name);
    *ret = ens_take(name);
    return true;
}
