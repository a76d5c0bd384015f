/* Which commands work behind the wall, and what each keeps. sign, keygen, pubkey, keys, resign and those of quorum that
 * open a share hold a token or a key, approve signs with ssh-keygen: they have none. */
#include "signer/flow/confine.h"

#include <dirent.h>
#include <link.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/base/text.h"
#include "signer/base/wall.h"
#include "signer/ceremony/policy.h"
#include "signer/ceremony/sshsig.h"
#include "signer/flow/child_env.h"
#include "signer/ui/notice.h"
#include "signer/ui/screen.h"

static const struct confined {
    const char *command;
    const char *use;       /* of the SSH signatures that it has verified; NULL: it starts no program */
    const char *signed_by; /* the option that names such a signature; NULL: an operand may be one */
    enum wall_role role;
    bool has_people; /* it opens the files that a policy names */
    bool has_record; /* its --transcript is appended to, and not read */
    bool asks;       /* at the terminal */
} rows[] = {
    {"show", SSHSIG_NAMESPACE, NULL, WALL_READER, true, false, false},
    {"check", SSHSIG_NAMESPACE, "approval", WALL_READER, true, false, false},
    {"transcript", SSHSIG_HEAD, "signed-head", WALL_READER, false, false, false},
    {"verify", NULL, NULL, WALL_READER, false, false, false},
    {"compare", NULL, NULL, WALL_READER, false, false, false},
    {"extract", NULL, NULL, WALL_WRITER, false, false, false},
    {"gen-sign-data", NULL, NULL, WALL_WRITER, false, false, false},
    {"sgx-gen-sign-data", NULL, NULL, WALL_WRITER, false, false, false},
    {"set-sig", NULL, NULL, WALL_WRITER, false, false, false},
    {"sgx-set-sig", NULL, NULL, WALL_WRITER, false, false, false},
    {"component-add", NULL, NULL, WALL_WRITER, false, false, false},
    {"elf2sgxs", NULL, NULL, WALL_WRITER, false, false, false},
    {"init", NULL, NULL, WALL_WRITER, false, false, false},
    {"quorum check", NULL, NULL, WALL_READER, false, true, false},
    {"quorum combine", NULL, NULL, WALL_WRITER, false, true, false},
    {"quorum refresh", NULL, NULL, WALL_WRITER, false, true, true},
};

static const struct confined *find_confined(const char *command)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].command, command) == 0)
            return &rows[i];
    }
    return NULL;
}

static void close_listed(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

/* stdin and stdout are open already. */
static void keep_right(struct wall *wall, const char *path, enum wall_right right)
{
    if (path != NULL && strcmp(path, "-") != 0)
        wall_keep(wall, path, right);
}

/* The links in a directory lead elsewhere; all else in it is kept with it. */
static void keep_links(struct wall *wall, const char *directory)
{
    ENS_CLEANUP(close_listed) DIR *dir = opendir(directory);
    struct ens_err ignored = {0};

    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        ENS_CLEANUP(mem_freep) char *path = NULL;

        if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN)
            continue;
        path = mem_printf(&ignored, "%s/%s", directory, e->d_name);
        if (path != NULL && strcmp(e->d_name, "..") != 0)
            wall_keep(wall, path, WALL_READ);
    }
}

static void keep_person_file(void *ctx, const char *path)
{
    keep_right(ctx, path, WALL_READ);
}

/* A policy may come from stdin, which is kept in memory at the first reading: what goes wrong then is said now. */
static bool keep_people(struct wall *wall, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;

    if (file_is_stdin(path) && !file_open_stdin(&fd, err))
        return false;
    policy_list_files(path, keep_person_file, wall);
    return true;
}

static bool keep_input(struct wall *wall, const struct confined *c, const struct option_file *f,
                       struct ens_err *err)
{
    bool is_shown = strcmp(c->command, "show") == 0;
    bool may_be_policy = is_shown ? f->option == NULL : f->option != NULL && strcmp(f->option, "policy") == 0;
    bool is_next = f->option != NULL && strcmp(f->option, "next") == 0;
    const char *path = is_next ? strchr(f->path, '=') : NULL; /* I=CARD */

    keep_right(wall, path != NULL ? path + 1 : f->path, WALL_READ);
    if ((f->marks & OPTION_TYPE) == OPTION_LIST)
        keep_links(wall, f->path);
    return !c->has_people || !may_be_policy || keep_people(wall, f->path, err);
}

static bool is_record(const struct confined *c, const struct option_file *f)
{
    return c->has_record && (f->marks & OPTION_APPENDED) != 0;
}

static bool writes_result(const struct confined *c, const struct option_file *f)
{
    return c->role == WALL_WRITER && (f->marks & OPTION_WRITTEN) != 0;
}

/* Results go into it, under names of their own. */
static void keep_directory(struct wall *wall, const char *directory)
{
    ENS_CLEANUP(mem_freep) char *path = NULL;
    struct ens_err ignored = {0};

    path = mem_printf(&ignored, "%s/.", directory);
    if (path != NULL)
        wall_keep(wall, path, WALL_WRITE);
}

/* What a record tells of the program is its own SHA-256. */
static void keep_record(struct wall *wall, const char *path)
{
    wall_keep(wall, path, WALL_WRITE);
    wall_keep(wall, "/proc/self/exe", WALL_READ);
}

/* `own` is written if no option names the result, and the result is made beside it if that goes to stdout. */
static bool keep_files(struct wall *wall, const struct confined *c, const struct command_line *line,
                       const char *own, struct ens_err *err)
{
    ENS_CLEANUP(options_files_free) struct option_files files = {0};
    bool has_result = false;
    bool ok = true;

    if (!options_files(line, &files, err))
        return false;
    for (size_t i = 0; i < files.len && ok; i++) {
        const struct option_file *f = &files.items[i];

        has_result |= writes_result(c, f) && (f->marks & OPTION_BESIDE) == 0 && strcmp(f->path, "-") != 0;
        if (is_record(c, f))
            keep_record(wall, f->path);
        else if ((f->marks & OPTION_DIR) != 0)
            keep_directory(wall, f->path);
        else if (writes_result(c, f))
            keep_right(wall, f->path, WALL_WRITE);
        else
            ok = keep_input(wall, c, f, err);
    }
    if (!has_result)
        keep_right(wall, own, WALL_WRITE);
    return ok;
}

/* Who appends to a record writes. */
static enum wall_role role_of(const struct confined *c, const struct command_line *line)
{
    return c->has_record && options_uses(line, "transcript") ? WALL_WRITER : c->role;
}

static bool confine(const struct command_line *line, const char *own, struct ens_err *err)
{
    static const struct sshsig_tool tool = {.program = child_env_ssh_keygen};
    const struct confined *c = find_confined(line->command->name);
    ENS_CLEANUP(wall_closep) struct wall wall = {.rules = -1};
    char words[WALL_WORDS_MAX];

    if (c->use != NULL && (c->signed_by == NULL || options_uses(line, c->signed_by)))
        sshsig_verify_apart(&tool, c->use);
    wall_begin(&wall);
    if (options_uses(line, "allow-large"))
        wall_allow_large();
    if (c->asks)
        wall_keep(&wall, screen_name, WALL_ASK);
    if (!keep_files(&wall, c, line, own, err) || !wall_raise(&wall, role_of(c, line), err))
        return false;
    if (line->verbose && wall.parts != WALL_ALL)
        notice_say("The wall around this command lacks here: %s.", wall_parts(&wall, false, words));
    return true;
}

/* quorum check may be asked to open a share. */
static bool holds_key(const struct command_line *line)
{
    return options_uses(line, "key") || options_uses(line, "identity");
}

bool confine_command(const struct command_line *line, struct ens_err *err)
{
    bool is_late = strcmp(line->command->name, "init") == 0;

    return is_late || holds_key(line) || find_confined(line->command->name) == NULL ||
           confine(line, line->command->in_place != NULL ? line->operands[0] : NULL, err);
}

bool confine_init(const struct command_line *line, const char *own, struct ens_err *err)
{
    return confine(line, own, err);
}

/* The program itself has no name there, and the kernel's part of it no slash. */
static int add_library(struct dl_phdr_info *info, size_t size, void *list)
{
    struct ens_err ignored = {0};

    (void)size;
    return strchr(info->dlpi_name, '/') == NULL ||
                   buf_printf(list, &ignored, " %s", path_name(info->dlpi_name))
               ? 0
               : 1;
}

bool confine_print(struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf libraries = {0};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct wall wall;
    char stands[WALL_WORDS_MAX];
    char missing[WALL_WORDS_MAX];

    (void)dl_iterate_phdr(add_library, &libraries);
    wall_begin(&wall);
    return wall_raise(&wall, WALL_READER, err) &&
           text_line(&text, err, "libraries:%.*s", (int)libraries.len, (const char *)libraries.data) &&
           text_line(&text, err, "wall: %s", wall_parts(&wall, true, stands)) &&
           text_line(&text, err, "missing: %s", wall_parts(&wall, false, missing)) &&
           text_line(&text, err, "Landlock: version %d", wall.version) && notice_result(buf_view(&text), err);
}
