/* What Cargo.toml says and, where it refers to a workspace, what Cargo says: it is run without a shell, its
 * JSON is read. Here and nowhere else another program decides what goes into a bundle. */
#include "signer/flow/cargo.h"

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/process.h"
#include "signer/base/toml.h"
#include "signer/flow/child_env.h"

/* Bytes of Cargo's answer, which without dependencies is some kilobytes for each package; how long it may
 * take, in seconds, and how much of what it complains of is quoted. */
#define CARGO_ANSWER_MAX (64u << 20)
#define CARGO_SECONDS    120
#define CARGO_QUOTE_MAX  200

/* Bytes of a Cargo.toml. */
#define MANIFEST_MAX (1u << 20)

/* ---- which Cargo ---- */

/* What Cargo needs to know of the environment. */
static const char *const passed_on[] = {"PATH",       "HOME", "USER", "TMPDIR", "LD_LIBRARY_PATH",
                                        "CARGO_HOME", NULL};

/* The program `cargo` in PATH. */
static bool find_in_path(char ret[static PATH_MAX])
{
    const char *path = getenv("PATH");

    while (path != NULL && *path != '\0') {
        const char *end = strchrnul(path, ':');

        (void)snprintf(ret, PATH_MAX, "%.*s/cargo", (int)(end - path), path);
        if (access(ret, X_OK) == 0)
            return true;
        path = *end == ':' ? end + 1 : end;
    }
    return false;
}

/* rustup puts itself into PATH under the name of cargo; it would download the toolchain that a
 * rust-toolchain.toml names before it starts Cargo. */
static bool is_rustup(const char *cargo)
{
    char path[PATH_MAX];
    struct stat a;
    struct stat b;

    if (realpath(cargo, path) == NULL)
        return false;
    if (strcmp(strrchr(path, '/'), "/rustup") == 0)
        return true;
    (void)snprintf(path, sizeof path, "%.*srustup", (int)(strrchr(cargo, '/') + 1 - cargo), cargo);
    return stat(cargo, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The Cargo of a toolchain that rustup has installed: which one does not matter for what is asked. */
static bool find_in_rustup(char ret[static PATH_MAX])
{
    const char *home = getenv("RUSTUP_HOME");
    const char *user = getenv("HOME");
    char pattern[PATH_MAX];
    glob_t found = {0};
    bool ok = false;

    if (home != NULL)
        (void)snprintf(pattern, sizeof pattern, "%s/toolchains/*/bin/cargo", home);
    else
        (void)snprintf(pattern, sizeof pattern, "%s/.rustup/toolchains/*/bin/cargo",
                       user != NULL ? user : "");
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = found.gl_pathc; i > 0 && !ok; i--) {
            (void)snprintf(ret, PATH_MAX, "%s", found.gl_pathv[i - 1]);
            ok = access(ret, X_OK) == 0;
        }
    }
    globfree(&found);
    return ok;
}

static bool find_cargo(const char *wanted, char ret[static PATH_MAX], struct ens_err *err)
{
    if (!find_in_path(ret))
        return ens_fail(
            err, ENS_USAGE,
            "cargo: is not installed, and Cargo.toml refers to a workspace: give %s, or install Cargo",
            wanted);
    if (is_rustup(ret) && !find_in_rustup(ret))
        return ens_fail(err, ENS_USAGE,
                        "cargo: is rustup, which has no toolchain, and none is downloaded: give %s", wanted);
    return true;
}

/* ---- running it ---- */

/* The first line of what Cargo complains of. */
static bool fail_cargo(const struct process_result *r, const char *wanted, struct ens_err *err)
{
    const char *words = r->words.len > 0 ? (const char *)r->words.data : "";
    const char *end = memchr(words, '\n', r->words.len);
    size_t len = end != NULL ? (size_t)(end - words) : r->words.len;

    return ens_fail(
        err, ENS_DATA,
        "cargo metadata: ended with status %d (%.*s): run ensign beside the runtime's Cargo.toml, or "
        "give %s",
        r->status, (int)(len < CARGO_QUOTE_MAX ? len : CARGO_QUOTE_MAX), words, wanted);
}

static bool run_cargo(const char *wanted, struct buf *ret, struct ens_err *err)
{
    static const char *const argv[] = {"cargo",     "metadata",  "--format-version", "1",
                                       "--no-deps", "--offline", "--frozen",         NULL};
    char cargo[PATH_MAX];
    ENS_CLEANUP(child_env_free) struct child_env env = {0};
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct process p = {.program = cargo,
                        .argv = argv,
                        .remedy = "give --runtime-name, --runtime-version and --runtime-id",
                        .out_max = CARGO_ANSWER_MAX,
                        .seconds = CARGO_SECONDS};

    if (!find_cargo(wanted, cargo, err) || !child_env_make(passed_on, &env, err))
        return false;
    p.env = child_env_list(&env);
    if (!process_run(&p, &r, err))
        return false;
    if (r.status != 0)
        return fail_cargo(&r, wanted, err);
    *ret = r.out;
    r.out = (struct buf){0};
    return true;
}

/* ---- finding the package ---- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool has_orc(const json_t *package)
{
    return json_is_object(json_object_get(json_object_get(package, "metadata"), "orc"));
}

/* The package whose Cargo.toml is in `directory`, or NULL. */
static const json_t *package_in(const json_t *packages, const char *directory, size_t len)
{
    for (size_t i = 0; i < json_array_size(packages); i++) {
        const json_t *package = json_array_get(packages, i);
        const char *path = text_of(package, "manifest_path");

        if (path != NULL && strncmp(path, directory, len) == 0 && strcmp(path + len, "/Cargo.toml") == 0)
            return package;
    }
    return NULL;
}

/* That of the current directory or the nearest above. */
static const json_t *nearest(const json_t *packages, const char *directory)
{
    for (size_t len = strlen(directory); len > 0; len--) {
        const json_t *found =
            directory[len] == '\0' || directory[len] == '/' ? package_in(packages, directory, len) : NULL;

        if (found != NULL)
            return found;
    }
    return package_in(packages, directory, 0);
}

/* The only package with metadata.orc or, if none has it, the only one. */
static bool only_one(const json_t *packages, const char *wanted, const json_t **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf names = {0};
    size_t count[2] = {0, json_array_size(packages)};

    for (size_t i = 0; i < count[1]; i++)
        count[0] += has_orc(json_array_get(packages, i)) ? 1 : 0;
    bool orc = count[0] > 0;

    for (size_t i = 0; i < count[1]; i++) {
        const json_t *package = json_array_get(packages, i);
        const char *name = text_of(package, "name");

        if (orc && !has_orc(package))
            continue;
        *ret = package;
        if (!buf_printf(&names, err, "%s%s", names.len > 0 ? ", " : "", name != NULL ? name : "?"))
            return false;
    }
    if (count[orc ? 0 : 1] == 1)
        return true;
    if (names.len == 0)
        return ens_fail(err, ENS_DATA, "cargo metadata: names no package: give %s", wanted);
    return ens_fail(
        err, ENS_USAGE,
        "cargo metadata: none of the workspace's packages is in this directory: run ensign in that "
        "of one, or give %s (packages: %.*s)",
        wanted, (int)(names.len < 200 ? names.len : 200), (const char *)names.data);
}

static bool pick(const json_t *packages, const char *wanted, const json_t **ret, struct ens_err *err)
{
    char here[PATH_MAX];

    if (getcwd(here, sizeof here) == NULL)
        return ens_fail_errno(err, ENS_IO, errno, "the current directory has no name");
    *ret = nearest(packages, here);
    return *ret != NULL || only_one(packages, wanted, ret, err);
}

/* ---- what it says ---- */

/* A copy of a text, or NULL if there is none. */
static bool copy(const char *text, char **ret, struct ens_err *err)
{
    if (text == NULL)
        return true;
    *ret = mem_strdup(text, err);
    return *ret != NULL;
}

static bool read_package(const json_t *package, struct cargo_package *p, struct ens_err *err)
{
    const json_t *orc = json_object_get(json_object_get(package, "metadata"), "orc");

    if (!copy(text_of(package, "name"), &p->name, err) ||
        !copy(text_of(package, "version"), &p->version, err) ||
        !copy(text_of(package, "manifest_path"), &p->manifest_path, err) ||
        !copy(text_of(json_object_get(orc, "release"), "runtime-id"), &p->release_id, err) ||
        !copy(text_of(json_object_get(orc, "test"), "runtime-id"), &p->test_id, err))
        return false;
    if (p->name == NULL || p->version == NULL || p->manifest_path == NULL)
        return ens_fail(err, ENS_DATA,
                        "cargo metadata: a package has no name, version or manifest_path: is it Cargo?");
    return true;
}

void cargo_free(struct cargo_package *p)
{
    mem_free(p->name);
    mem_free(p->version);
    mem_free(p->release_id);
    mem_free(p->test_id);
    mem_free(p->manifest_path);
    *p = (struct cargo_package){0};
}

static void json_free(json_t **value)
{
    json_decref(*value);
}

static bool ask_cargo(const char *wanted, struct cargo_package *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf answer = {0};
    ENS_CLEANUP(cargo_free) struct cargo_package p = {0};
    const json_t *package = NULL;
    json_error_t error = {0};

    if (!run_cargo(wanted, &answer, err))
        return false;
    ENS_CLEANUP(json_free)
    json_t *root = json_loadb((const char *)answer.data, answer.len, JSON_REJECT_DUPLICATES, &error);
    const json_t *packages = json_object_get(root, "packages");

    if (root == NULL && json_error_code(&error) == json_error_out_of_memory)
        return ens_fail(err, ENS_RESOURCE, "out of memory: give ensign more memory and repeat");
    if (!json_is_array(packages))
        return ens_fail(err, ENS_DATA, "cargo metadata: its answer is not that of format version 1: give %s",
                        wanted);
    if (!pick(packages, wanted, &package, err) || !read_package(package, &p, err))
        return false;
    *ret = p;
    p = (struct cargo_package){0};
    return true;
}

/* ---- Cargo.toml ---- */

/* That of the current directory or the nearest above; "" if there is none. */
static bool find_manifest(char ret[static PATH_MAX], struct ens_err *err)
{
    static const char name[] = "/Cargo.toml";
    size_t len = 0;

    if (getcwd(ret, PATH_MAX) == NULL)
        return ens_fail_errno(err, ENS_IO, errno, "the current directory has no name");
    len = strcmp(ret, "/") == 0 ? 0 : strlen(ret);
    while (len + sizeof name <= PATH_MAX) {
        memcpy(ret + len, name, sizeof name);
        if (access(ret, F_OK) == 0)
            return true;
        if (len == 0)
            break;
        ret[len] = '\0';
        len = (size_t)(strrchr(ret, '/') - ret);
    }
    ret[0] = '\0';
    return true;
}

/* The texts that are wanted of a Cargo.toml. */
static const struct {
    const char *path;
    size_t offset; /* in struct cargo_package */
} wanted_texts[] = {
    {"package.name", offsetof(struct cargo_package, name)},
    {"package.version", offsetof(struct cargo_package, version)},
    {"package.metadata.orc.release.runtime-id", offsetof(struct cargo_package, release_id)},
    {"package.metadata.orc.test.runtime-id", offsetof(struct cargo_package, test_id)},
};

/* Nobody writes these few texts with escapes, or on several lines: such a one is left to Cargo. */
static bool is_readable(const struct toml_value *v)
{
    return v->type == TOML_STRING && v->is_plain && memchr(v->text.data, '\0', v->text.len) == NULL;
}

/* Reads a Cargo.toml. `*ret_whole` false: there is no package in it, it takes its name or version from a workspace, or it
 * is no TOML, and only Cargo knows. */
static bool read_cargo_toml(struct view text, struct cargo_package *ret, bool *ret_whole, struct ens_err *err)
{
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    struct ens_err why = {0};

    /* Half of the end of a last line, which editors leave. */
    text.len -= text.len > 0 && text.data[text.len - 1] == '\r';
    *ret_whole = false;
    if (!toml_parse(text, "Cargo.toml", TOML_1_1, &t, &why)) {
        *err = why.code == ENS_DATA ? *err : why;
        return why.code == ENS_DATA;
    }
    for (size_t i = 0; i < sizeof wanted_texts / sizeof wanted_texts[0]; i++) {
        const struct toml_value *v = toml_get(toml_root(t), wanted_texts[i].path);
        char **at = (char **)((char *)ret + wanted_texts[i].offset);

        if (v == NULL)
            continue;
        if (!is_readable(v))
            return true;
        *at = mem_strndup((const char *)v->text.data, v->text.len, err);
        if (*at == NULL)
            return false;
    }
    *ret_whole = ret->name != NULL && ret->version != NULL;
    return true;
}

bool cargo_find(const char *wanted, struct cargo_package *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(cargo_free) struct cargo_package p = {0};
    char path[PATH_MAX];
    bool whole = false;

    if (!find_manifest(path, err))
        return false;
    if (path[0] == '\0')
        return ens_fail(
            err, ENS_USAGE,
            "Cargo.toml: is neither here nor in a directory above: run ensign beside it, or give %s", wanted);
    if (!file_read_all(path, MANIFEST_MAX, &text, err) || !read_cargo_toml(buf_view(&text), &p, &whole, err))
        return false;
    if (!whole)
        return ask_cargo(wanted, ret, err);
    p.manifest_path = mem_strdup(path, err);
    if (p.manifest_path == NULL)
        return false;
    *ret = p;
    p = (struct cargo_package){0};
    return true;
}
