/* The numbers by which an ELF file of Fortanix' target becomes an enclave. Two tools read the same table of Cargo.toml
 * and fill in what it leaves out differently: cargo run (ftxsgx-runner-cargo) and Oasis' cargo elf2sgxs. */
#include "signer/flow/edp.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/path.h"
#include "signer/base/text.h"
#include "signer/base/toml.h"
#include "signer/ui/notice.h"

#define PAGE         UINT64_C(4096)
#define PATTERN_MAX  512        /* bytes of a member of a workspace */
#define MANIFEST_MAX (1u << 20) /* bytes of a Cargo.toml */
/* Of a workspace: names of files that are looked at, and bytes of its members' manifests. */
#define NAMES_MAX     65536
#define MEMBERS_BYTES (32u << 20)
#define TABLE         "package.metadata.fortanix-sgx"
#define MANIFEST_NAME "/Cargo.toml"

#define EDP(KIND, member) OPTION(KIND, struct edp_options, member)

const struct option edp_rows[] = {
    OPTION_TOPIC(TOPIC_BESIDE),
    {"heap-size", 'H', EDP(ONCE, heap), "N", "bytes of heap of a Fortanix ELF file, whole pages"},
    {"stack-size", 'S', EDP(ONCE, stack), "N", "bytes of stack of each of its threads, whole pages"},
    {"threads", 't', EDP(ONCE, threads), "N", "its threads (default: 1)"},
    {"ssaframesize", 0, EDP(ONCE, ssaframesize), "N", "pages of its SSA frames (default: 1)"},
    {"elf-debug", 0, EDP(FLAG, debug), NULL, "its image says DEBUG"},
    {"cargo", 0, EDP(DIR_HERE, cargo), "[DIR]", "take what is not given from DIR/Cargo.toml (default: .)"},
    {0},
};
const struct option edp_debug_rows[] = {
    OPTION_TOPIC(TOPIC_BESIDE),
    {"debug", 'd', EDP(FLAG, debug), NULL, "the same as --elf-debug"},
    {0},
};

/* The keys of the table: what both tools take if nobody wrote it, and what to know then. */
static const struct key {
    const char *name;
    uint64_t max, page, without, with_cargo;
    const char *why;
} keys[] = {
    {"heap-size", UINT64_MAX, PAGE, 0, 0x2000000, "as the tools do"},
    {"stack-size", UINT64_MAX, PAGE, 0, 0x20000, "as the tools do"},
    {"threads", UINT64_MAX, 1, 1, 2,
     "as Oasis' cargo elf2sgxs does; Fortanix' cargo run takes the build host's processors"},
    {"ssaframesize", UINT32_MAX, 1, 1, 1, "as the tools do"},
    {"debug", 1, 1, 0, 1, "as the tools do, so the image says DEBUG: a release writes debug = false"},
};

enum { HEAP, STACK, THREADS, SSAFRAMESIZE, DEBUG, KEYS };

bool edp_is_given(const struct edp_options *o)
{
    return o->heap != NULL || o->stack != NULL || o->threads != NULL || o->ssaframesize != NULL ||
           o->cargo != NULL || o->debug;
}

/* ---- Cargo.toml ---- */

/* A Cargo.toml; all but `path` and `toml` is borrowed of `toml`. */
struct manifest {
    char *path;
    struct toml *toml;
    size_t size;                      /* bytes of the file */
    const struct toml_value *package; /* NULL: of a workspace alone */
    const struct toml_value *table;   /* NULL: nobody wrote one */
};

static void manifest_free(struct manifest *m)
{
    toml_freep(&m->toml);
    mem_free(m->path);
    *m = (struct manifest){0};
}

/* `dir` and `rest` are the two parts of its path. */
static bool read_cargo(const char *dir, const char *rest, struct manifest *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(manifest_free) struct manifest m = {.path = mem_printf(err, "%s%s", dir, rest)};

    if (m.path == NULL || !file_read_all(m.path, MANIFEST_MAX, &text, err) ||
        !toml_parse(buf_view(&text), m.path, TOML_1_1, &m.toml, err))
        return false;
    m.size = text.len;
    m.package = toml_get(toml_root(m.toml), "package");
    m.table = toml_get(toml_root(m.toml), TABLE);
    if (m.table != NULL && m.table->type != TOML_TABLE)
        return ens_fail(err, ENS_DATA, "%s: " TABLE " is not a table: write [" TABLE "]", m.path);
    *ret = m;
    m = (struct manifest){0};
    return true;
}

/* The package that is meant: whose program has the name of the ELF file, else the only one that has the table, else the
 * only one. */
struct pick {
    struct view elf; /* the name, without directory and extension */
    struct manifest best;
    unsigned rank;
    size_t count;     /* of packages of this rank */
    size_t seen;      /* names of files in the workspace */
    size_t bytes;     /* of its members' manifests */
    struct buf names; /* of them */
};

static void pick_free(struct pick *p)
{
    manifest_free(&p->best);
    buf_free(&p->names);
}

static bool is_string(const struct toml_value *v, struct view text)
{
    return v != NULL && v->type == TOML_STRING && view_equal(v->text, text);
}

static unsigned rank_of(const struct manifest *m, struct view elf)
{
    const struct toml_value *bin = toml_first(toml_get(toml_root(m->toml), "bin"));

    if (is_string(toml_get(m->package, "name"), elf))
        return 3;
    for (; bin != NULL; bin = toml_next(bin)) {
        if (is_string(toml_get(bin, "name"), elf))
            return 3;
    }
    return m->table != NULL ? 2 : 1;
}

/* Takes `*m` if it is the best so far. */
static bool consider(struct pick *p, struct manifest *m, struct ens_err *err)
{
    const struct toml_value *name = toml_get(m->package, "name");
    unsigned rank = m->package != NULL ? rank_of(m, p->elf) : 0;

    if (rank == 0 || rank < p->rank)
        return true;
    if (rank > p->rank) {
        p->count = 0;
        p->names.len = 0;
    }
    if (p->count > 0 && path_is_same(p->best.path, m->path)) /* named by two entries of the workspace */
        return true;
    p->rank = rank;
    p->count++;
    if (name != NULL &&
        !buf_printf(&p->names, err, "%s%.*s", p->names.len > 0 ? ", " : "",
                    (int)(name->text.len < 64 ? name->text.len : 64), (const char *)name->text.data))
        return false;
    if (p->count == 1) {
        manifest_free(&p->best);
        p->best = *m;
        *m = (struct manifest){0};
    }
    return true;
}

/* A pattern of few bytes can name more paths than anyone waits for ("*" and ".." in turn, links to a directory above). */
static bool check_bounds(const struct pick *p, const char *at, struct ens_err *err)
{
    if (!interrupt_check(err))
        return false;
    return (p->seen <= NAMES_MAX && p->bytes <= MEMBERS_BYTES) ||
           ens_fail(
               err, ENS_DATA,
               "%s: workspace.members: has more than %u names, or %u bytes of manifests, up to here: give "
               "--cargo the directory of the package",
               at, NAMES_MAX, MEMBERS_BYTES);
}

static bool consider_member(struct pick *p, const char *dir, struct ens_err *err)
{
    ENS_CLEANUP(manifest_free) struct manifest m = {0};
    ENS_CLEANUP(mem_freep) char *path = mem_printf(err, "%s" MANIFEST_NAME, dir);
    struct stat st;

    if (path == NULL)
        return false;
    if (stat(path, &st) != 0)
        return true;
    if (!read_cargo(dir, MANIFEST_NAME, &m, err))
        return false;
    p->seen++;
    p->bytes += m.size;
    return check_bounds(p, dir, err) && consider(p, &m, err);
}

static bool consider_members(struct pick *p, const char *dir, const char *pattern, struct ens_err *err);

/* Those below the members of `dir` whose name fits the first part of the pattern, which goes on at `rest`. */
static bool consider_matches(struct pick *p, const char *dir, const char *part, const char *rest,
                             struct ens_err *err)
{
    DIR *d = opendir(dir);
    const struct dirent *entry = NULL;
    bool ok = true;

    while (ok && d != NULL && (entry = readdir(d)) != NULL) {
        p->seen++;
        if (fnmatch(part, entry->d_name, FNM_PERIOD) != 0)
            continue;
        ENS_CLEANUP(mem_freep) char *path = mem_printf(err, "%s/%s", dir, entry->d_name);

        ok = path != NULL && check_bounds(p, path, err) && consider_members(p, path, rest, err);
    }
    if (d != NULL)
        (void)closedir(d);
    return ok;
}

/* Cargo.toml of each directory below `dir` that the pattern names, an entry of workspace.members. */
static bool consider_members(struct pick *p, const char *dir, const char *pattern, struct ens_err *err)
{
    pattern += strspn(pattern, "/");
    size_t len = strcspn(pattern, "/");
    ENS_CLEANUP(mem_freep) char *part = mem_printf(err, "%.*s", (int)len, pattern);
    ENS_CLEANUP(mem_freep) char *path = mem_printf(err, "%s/%.*s", dir, (int)len, pattern);

    if (part == NULL || path == NULL)
        return false;
    if (len == 0)
        return consider_member(p, dir, err);
    if (strpbrk(part, "*?[\\") != NULL)
        return consider_matches(p, dir, part, pattern + len, err);
    return consider_members(p, path, pattern + len, err);
}

/* Its depth is bounded, and so is the recursion. */
static bool consider_entry(struct pick *p, const char *dir, struct view member, struct ens_err *err)
{
    char pattern[PATTERN_MAX];

    if (member.len >= sizeof pattern || memchr(member.data, '\0', member.len) != NULL)
        return true; /* no path */
    memcpy(pattern, member.data, member.len);
    pattern[member.len] = '\0';
    return check_bounds(p, dir, err) && consider_members(p, dir, pattern, err);
}

static struct view program_of(const char *label)
{
    const char *name = path_name(label);
    const char *dot = strrchr(name, '.');

    return view_of(name, dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
}

static bool find_package(const char *dir, const char *label, struct manifest *ret, struct ens_err *err)
{
    ENS_CLEANUP(pick_free) struct pick p = {.elf = program_of(label)};
    ENS_CLEANUP(manifest_free) struct manifest root = {0};

    if (!read_cargo(dir, MANIFEST_NAME, &root, err))
        return false;
    const struct toml_value *member = toml_first(toml_get(toml_root(root.toml), "workspace.members"));

    for (; member != NULL; member = toml_next(member)) {
        if (member->type == TOML_STRING && !consider_entry(&p, dir, member->text, err))
            return false;
    }
    if (!consider(&p, &root, err))
        return false;
    if (p.count == 0)
        return ens_fail(err, ENS_DATA,
                        "%s" MANIFEST_NAME ": has no package: give --cargo the directory of one", dir);
    if (p.count > 1)
        return ens_fail(err, ENS_DATA,
                        "%s" MANIFEST_NAME
                        ": %s could be of several packages (%.*s): give --cargo the directory of one",
                        dir, label, (int)(p.names.len < 200 ? p.names.len : 200), (const char *)p.names.data);
    *ret = p.best;
    p.best = (struct manifest){0};
    return true;
}

/* ---- the values ---- */

/* The tools ignore what they do not know without a word. */
static void warn_of_keys(const struct manifest *m)
{
    const char *names[KEYS + 1] = {0};
    char text[64];

    for (size_t i = 0; i < KEYS; i++)
        names[i] = keys[i].name;
    for (const struct toml_value *v = toml_first(m->table); v != NULL; v = toml_next(v)) {
        size_t i = 0;

        while (i < KEYS && !view_equal(v->key, view_of_string(keys[i].name)))
            i++;
        if (i < KEYS || view_equal(v->key, view_of_string("runner")))
            continue;
        (void)snprintf(text, sizeof text, "%.*s", (int)(v->key.len < 60 ? v->key.len : 60),
                       (const char *)v->key.data);
        const char *near = text_nearest(text, names);

        notice_warn("%s: %s has no effect there%s%s", m->path, text, near != NULL ? ": is meant: " : "",
                    near != NULL ? near : "");
    }
}

/* What Cargo.toml says of a key or, with a warning, what is used as nobody wrote it. */
static bool take_written(const struct manifest *m, const struct key *k, uint64_t *ret, struct ens_err *err)
{
    const struct toml_value *v = toml_get(m->table, k->name);
    bool is_flag = k == &keys[DEBUG];

    if (v == NULL) {
        *ret = k->with_cargo;
        if (is_flag)
            notice_warn("%s: nobody wrote debug: true is used, %s", m->path, k->why);
        else
            notice_warn("%s: nobody wrote %s: %llu is used, %s", m->path, k->name, (unsigned long long)*ret,
                        k->why);
        return true;
    }
    if (v->type != (is_flag ? TOML_BOOLEAN : TOML_INTEGER) || v->number < 0 || (uint64_t)v->number > k->max)
        return ens_fail(err, ENS_DATA, "%s: " TABLE ".%s is no %s: write it without quotes", m->path, k->name,
                        is_flag ? "true or false" : "number from 0 on");
    *ret = (uint64_t)v->number;
    return true;
}

static bool find_number(const struct edp_options *o, const struct manifest *m, size_t i, uint64_t *ret,
                        struct ens_err *err)
{
    const char *const given[KEYS] = {o->heap, o->stack, o->threads, o->ssaframesize, o->debug ? "1" : NULL};
    char option[32];

    (void)snprintf(option, sizeof option, "--%s", keys[i].name);
    if (given[i] != NULL ? !num_parse(given[i], option, keys[i].max, ret, err)
                         : m->path != NULL && !take_written(m, &keys[i], ret, err))
        return false;
    if (given[i] == NULL && m->path == NULL) {
        if (keys[i].page != 1)
            return ens_fail(err, ENS_USAGE,
                            "%s: is missing, and an ELF file does not say it: give it, or --cargo DIR",
                            option);
        *ret = keys[i].without;
    }
    return *ret % keys[i].page == 0 ||
           ens_fail(err, given[i] != NULL ? ENS_USAGE : ENS_DATA,
                    "%s: %llu bytes are not whole pages: give a multiple of 4096",
                    given[i] != NULL ? option : m->path, (unsigned long long)*ret);
}

bool edp_find(const void *ctx, const char *label, struct container_edp *ret, struct ens_err *err)
{
    const struct edp_options *o = ctx;
    ENS_CLEANUP(manifest_free) struct manifest m = {0};
    uint64_t values[KEYS] = {0};

    if (o->cargo != NULL && !find_package(o->cargo, label, &m, err))
        return false;
    warn_of_keys(&m);
    for (size_t i = 0; i < KEYS; i++) {
        if (!find_number(o, &m, i, &values[i], err))
            return false;
    }
    if (m.path != NULL)
        notice_say("%s: heap %#llx, stack %#llx, %llu threads, SSA frames of %llu pages, debug %s.", m.path,
                   (unsigned long long)values[HEAP], (unsigned long long)values[STACK],
                   (unsigned long long)values[THREADS], (unsigned long long)values[SSAFRAMESIZE],
                   values[DEBUG] != 0 ? "true" : "false");
    *ret = (struct container_edp){.heap = values[HEAP],
                                  .stack = values[STACK],
                                  .threads = values[THREADS],
                                  .ssaframesize = (uint32_t)values[SSAFRAMESIZE],
                                  .debug = values[DEBUG] != 0,
                                  .library = o->library,
                                  .is_unsized = o->is_unsized};
    return true;
}
