/* Name, version and id of a runtime: from the options; what they do not say, from Cargo. */
#include "signer/flow/runtime.h"

#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/flow/cargo.h"
#include "signer/ui/notice.h"

/* The longest name: with ".orc" it is a file name. */
#define NAME_MAX_BYTES (BUNDLE_NAME_MAX - 4)

/* "65535.65535.65535" and its end. */
#define VERSION_TEXT 18

/* Where the three come from. */
struct source {
    const char *name, *version, *id;
    bool asked; /* Cargo */
    struct cargo_package cargo;
    const char *kind; /* of the id: RELEASE, TEST or GIVEN */
};

#define RUNTIME(KIND, member) OPTION(KIND, struct runtime_options, member)

const struct option runtime_rows[] = {
    OPTION_TOPIC("Whose bundle it is"),
    {"runtime-name", 0, RUNTIME(MAYBE, name), "NAME", "name (default: that in Cargo.toml)"},
    {"runtime-version", 0, RUNTIME(MAYBE, version), "V", "MAJOR.MINOR.PATCH (default: that in Cargo.toml)"},
    {"runtime-id", 0, RUNTIME(MAYBE, id), "ID", "64 hex digits (default: metadata.orc in Cargo.toml)"},
    {"custom", 0, RUNTIME(FLAG, custom), NULL, "do not read Cargo.toml: the three above must be given"},
    {0},
};

static void source_free(struct source *s)
{
    cargo_free(&s->cargo);
}

/* The options that are not given, for messages: "--runtime-name and --runtime-id", terminated; empty if
 * all are. */
static bool list_missing(const struct runtime_options *args, struct buf *ret, struct ens_err *err)
{
    const char *options[3];
    size_t len = 0;

    if (args->name == NULL)
        options[len++] = "--runtime-name";
    if (args->version == NULL)
        options[len++] = "--runtime-version";
    if (args->id == NULL)
        options[len++] = "--runtime-id";
    for (size_t i = 0; i < len; i++) {
        if (!buf_printf(ret, err, "%s%s", i == 0 ? "" : i + 1 == len ? " and " : ", ", options[i]))
            return false;
    }
    return len == 0 || buf_append(ret, view_of("", 1), err);
}

/* ---- rules ---- */

/* The name becomes a file name and a line on terminals. */
static bool check_runtime_name(const char *name, struct ens_err *err)
{
    char printable[BUNDLE_NAME_MAX + 1];
    size_t len = strlen(name);

    if (len == 0)
        return ens_fail(err, ENS_USAGE, "runtime name: is empty: give --runtime-name");
    if (len > NAME_MAX_BYTES)
        return ens_fail(err, ENS_USAGE, "runtime name: has %zu bytes, more than the limit of %d: shorten it",
                        len, NAME_MAX_BYTES);
    if (strcmp(text_printable(printable, sizeof printable, name, len), name) != 0)
        return ens_fail(err, ENS_USAGE,
                        "runtime name %s: is not UTF-8, or has control characters: leave them out", name);
    if (strchr(name, '/') != NULL || strchr(name, '\\') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return ens_fail(err, ENS_USAGE,
                        "runtime name %s: is a path, and files are named after it: give a plain name", name);
    return true;
}

/* Up to three numbers as orc reads them (oasis-core, version.FromString): what follows a blank, a - or +, or
 * one of the words rc, alpha and beta, is for people, and so is a fourth number; absent ones are 0. */
static bool parse_version(const char *text, struct bundle_version *ret)
{
    static const char *const words[] = {"rc", "alpha", "beta"};
    uint16_t *const numbers[] = {&ret->major, &ret->minor, &ret->patch};
    const char *end = text + strcspn(text, " -+");

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *word = strstr(text, words[i]);

        end = word != NULL && word < end ? word : end;
    }
    *ret = (struct bundle_version){0};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint32_t n = 0;
        size_t len = strspn(text, "0123456789");

        for (size_t j = 0; j < len && n <= UINT16_MAX; j++)
            n = 10 * n + (uint32_t)(text[j] - '0');
        if (len == 0 || n > UINT16_MAX || text + len > end)
            break;
        *numbers[i] = (uint16_t)n;
        text += len;
        if (text == end || (*text == '.' && i == 2))
            return true;
        if (*text++ != '.')
            break;
    }
    return false;
}

static bool read_runtime_version(const char *text, struct bundle_version *ret, struct ens_err *err)
{
    return parse_version(text, ret) ||
           ens_fail(err, ENS_USAGE,
                    "runtime version %s: must be MAJOR.MINOR.PATCH, each from 0 to 65535: give it so", text);
}

static void version_text(struct bundle_version v, char ret[static VERSION_TEXT])
{
    (void)snprintf(ret, VERSION_TEXT, "%u.%u.%u", v.major, v.minor, v.patch);
}

/* ---- sources ---- */

/* As orc chooses: the version is a release if it is Cargo's, and that is three numbers and nothing else. */
static bool id_of_cargo(struct source *s, struct bundle_version version, struct ens_err *err)
{
    char plain[VERSION_TEXT];

    version_text(version, plain);
    bool release = s->cargo.version != NULL && strcmp(plain, s->cargo.version) == 0;

    s->kind = release ? "RELEASE" : "TEST";
    s->id = release ? s->cargo.release_id : s->cargo.test_id;
    return s->id != NULL ||
           ens_fail(
               err, ENS_DATA,
               "%s: has no package.metadata.orc.%s.runtime-id, which version %s asks for: add it, or give "
               "--runtime-id",
               s->cargo.manifest_path, release ? "release" : "test", s->version);
}

static bool find_source(const struct runtime_options *args, struct source *s, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf missing = {0};

    *s = (struct source){.name = args->name, .version = args->version, .id = args->id, .kind = "GIVEN"};
    if (!list_missing(args, &missing, err))
        return false;
    if (missing.len == 0)
        return true;
    const char *text = (const char *)missing.data;

    if (args->custom)
        return ens_fail(err, ENS_USAGE, "--custom: Cargo is not asked: give %s", text);
    if (!cargo_find(text, &s->cargo, err))
        return false;
    s->asked = true;
    s->name = s->name != NULL ? s->name : s->cargo.name;
    s->version = s->version != NULL ? s->version : s->cargo.version;
    return true;
}

/* A rule that is broken in Cargo.toml is not a matter of usage. */
static bool blame_cargo(const struct source *s, const char *text, const char *option, struct ens_err *err)
{
    if (!s->asked || text == option)
        return false;
    err->code = ENS_DATA;
    return ens_wrap(err, "%s", s->cargo.manifest_path);
}

static void tell_runtime(const struct source *s, const struct runtime *r)
{
    char version[VERSION_TEXT];

    version_text(r->version, version);
    notice_say("Using runtime name: %s", r->name);
    notice_say("Using runtime version: %s", version);
    notice_say("Using %s runtime identifier: %s", s->kind, hex_of(view_of(r->id, sizeof r->id)).text);
}

bool runtime_find(const struct runtime_options *args, struct runtime *ret, struct ens_err *err)
{
    ENS_CLEANUP(source_free) struct source s = {0};
    ENS_CLEANUP(runtime_free) struct runtime r = {0};

    if (!find_source(args, &s, err))
        return false;
    if (!check_runtime_name(s.name, err))
        return blame_cargo(&s, s.name, args->name, err);
    if (!read_runtime_version(s.version, &r.version, err))
        return blame_cargo(&s, s.version, args->version, err);
    if (s.id == NULL && !id_of_cargo(&s, r.version, err))
        return false;
    if (!bundle_parse_id(s.id, r.id, err))
        return blame_cargo(&s, s.id, args->id, err);
    r.name = mem_strdup(s.name, err);
    if (r.name == NULL)
        return false;
    tell_runtime(&s, &r);
    *ret = r;
    r = (struct runtime){0};
    return true;
}

void runtime_free(struct runtime *r)
{
    mem_free(r->name);
    *r = (struct runtime){0};
}
