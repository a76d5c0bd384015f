/* Which PKCS#11 modules this host has, for the message that says that none was named, or that the one that
 * was named cannot be loaded. ensign never chooses one by itself. */
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "hsm/hsm.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"

/* Where Debian, Fedora and SoftHSM install modules, and where p11-kit registers them. */
static const char *const patterns[] = {"/usr/share/p11-kit/modules/*.module",
                                       "/etc/pkcs11/modules/*.module",
                                       "/usr/lib/*/pkcs11/*.so",
                                       "/usr/lib/pkcs11/*.so",
                                       "/usr/lib64/pkcs11/*.so",
                                       "/usr/lib/softhsm/*.so",
                                       "/usr/lib/*/softhsm/*.so",
                                       "/usr/local/lib/softhsm/*.so",
                                       "/usr/local/lib/pkcs11/*.so"};

#define MODULES_MAX      16   /* named in a message */
#define REGISTRATION_MAX 4096 /* bytes of a .module file */

struct found {
    struct buf text; /* "PATH, PATH" */
    size_t count;
    struct {
        dev_t dev;
        ino_t ino;
    } seen[MODULES_MAX];
};

static void found_free(struct found *f)
{
    buf_free(&f->text);
}

/* Found with every p11-kit or OpenSC, but not the driver of any token. */
static bool is_helper(const char *path)
{
    static const char *const helpers[] = {"p11-kit-", "pkcs11-spy", "onepin-", "gnome-keyring"};
    const char *name = path_name(path);

    for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++) {
        if (strncmp(name, helpers[i], strlen(helpers[i])) == 0)
            return true;
    }
    return false;
}

/* Takes `path` unless it is a helper, or a second name of a file that is there already. */
static bool add_file(struct found *f, const char *path, struct ens_err *err)
{
    struct stat st;

    if (f->count >= MODULES_MAX || is_helper(path) || stat(path, &st) != 0)
        return true;
    for (size_t i = 0; i < f->count; i++) {
        if (f->seen[i].dev == st.st_dev && f->seen[i].ino == st.st_ino)
            return true;
    }
    f->seen[f->count].dev = st.st_dev;
    f->seen[f->count].ino = st.st_ino;
    f->count++;
    return buf_append(&f->text, view_of_string(f->count > 1 ? ", " : ""), err) &&
           buf_append(&f->text, view_of_string(path), err);
}

/* The "module: /PATH" line of a registration (pkcs11.conf(5)). A name without a path is in a directory that
 * is looked through anyway. */
static bool add_registered(struct found *f, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf content = {0};
    struct ens_err ignored = {0};
    char *rest = NULL;

    if (!file_read_all(path, REGISTRATION_MAX, &content, &ignored))
        return true;
    if (!buf_append(&content, view_of("", 1), err))
        return false;
    for (char *line = strtok_r((char *)content.data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "module:", 7) != 0)
            continue;
        line += 7 + strspn(line + 7, " \t");
        line[strcspn(line, " \t\r")] = '\0';
        return line[0] != '/' || add_file(f, line, err);
    }
    return true;
}

static bool add_pattern(struct found *f, const char *pattern, struct ens_err *err)
{
    bool registered = strstr(pattern, ".module") != NULL;
    glob_t paths = {0};
    bool ok = true;

    if (glob(pattern, 0, NULL, &paths) == 0) {
        for (size_t i = 0; ok && i < paths.gl_pathc; i++)
            ok = registered ? add_registered(f, paths.gl_pathv[i], err) : add_file(f, paths.gl_pathv[i], err);
    }
    globfree(&paths);
    return ok;
}

bool hsm_installed_modules(char **ret, struct ens_err *err)
{
    ENS_CLEANUP(found_free) struct found f = {0};

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (!add_pattern(&f, patterns[i], err))
            return false;
    }
    char *text =
        f.count > 0 ? mem_strndup((const char *)f.text.data, f.text.len, err) : mem_strdup("none", err);

    if (text == NULL)
        return false;
    *ret = text;
    return true;
}
