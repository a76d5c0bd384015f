/* Operands that a file names, and inputs and outputs of a command line that are the same file. */
#include "signer/flow/operands.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/ui/output.h"

/* Of --files-from. */
#define LIST_MAX       (16u << 20) /* bytes */
#define LIST_NAMES_MAX 65536

/* ---- --files-from ---- */

static const char *find_list(const struct command_line *line, const struct option_files *files)
{
    for (size_t i = 0; i < files->len && options_uses(line, "files-from"); i++) {
        const char *option = files->items[i].option;

        if (option != NULL && strcmp(option, "files-from") == 0)
            return files->items[i].path;
    }
    return NULL;
}

/* Splits the text in place. */
static bool split_list(const char *path, char *text, size_t len, char end, struct command_line *line,
                       struct ens_err *err)
{
    for (char *at = text, *stop = NULL; at < text + len; at = stop + 1) {
        stop = memchr(at, end, (size_t)(text + len - at));
        stop = stop != NULL ? stop : text + len;
        *stop = '\0';
        if (at == stop)
            continue;
        if (strcmp(path, "-") == 0 && strcmp(at, "-") == 0)
            return ens_fail(err, ENS_USAGE, "-: stdin is read once: name it once");
        if (line->operands_len == LIST_NAMES_MAX)
            return ens_fail(err, ENS_USAGE, "--files-from: %s: names more than %d files: divide it", path,
                            LIST_NAMES_MAX);
        line->listed[line->operands_len++] = at;
    }
    return true;
}

static bool expand_from(const char *path, struct command_line *line, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    char end = options_uses(line, "null") ? '\0' : '\n';

    if (strcmp(path, "-") == 0)
        file_take_stdin(STDIN_FILENO);
    if (line->operands_len > LIST_NAMES_MAX)
        return ens_fail(err, ENS_USAGE, "%zu files are given: at most %d", line->operands_len,
                        LIST_NAMES_MAX);
    if (!file_read_all(path, LIST_MAX, &text, err))
        return ens_wrap(err, "--files-from");
    if (text.len > 0 && end != '\0' && memchr(text.data, '\0', text.len) != NULL)
        return ens_fail(err, ENS_DATA, "--files-from: %s: has zero bytes: give -0 as well", path);
    line->list = mem_strndup((const char *)text.data, text.len, err);
    line->listed = mem_alloc(LIST_NAMES_MAX, sizeof *line->listed, err);
    if (line->list == NULL || line->listed == NULL)
        return false;
    memcpy(line->listed, line->operands, line->operands_len * sizeof *line->listed);
    line->operands = line->listed;
    return split_list(path, line->list, text.len, end, line, err);
}

bool operands_expand(struct command_line *line, struct ens_err *err)
{
    ENS_CLEANUP(options_files_free) struct option_files files = {0};

    if (!options_has(line->command, "files-from"))
        return true;
    if (!options_files(line, &files, err))
        return false;
    const char *path = find_list(line, &files);

    if (path == NULL && options_uses(line, "null"))
        return ens_fail(err, ENS_USAGE, "--null: is about --files-from, which is missing: give both");
    if (path != NULL && !expand_from(path, line, err))
        return false;
    return line->operands_len > 0 ||
           ens_fail(err, ENS_USAGE,
                    "%s: 0 operands are given, too few: name files, or give --files-from FILE",
                    line->command->name);
}

/* ---- inputs and outputs ---- */

/* The command line and what it names. */
struct names {
    const struct command_line *line;
    struct option_files files;
};

static void names_free(struct names *n)
{
    options_files_free(&n->files);
}

static bool is_written(const struct option_file *f)
{
    return (f->marks & OPTION_WRITTEN) != 0;
}

static bool reads(const struct option_file *f)
{
    return (f->marks & OPTION_READ) != 0;
}

static bool is_stdio(const struct option_file *f)
{
    return strcmp(f->path, "-") == 0;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;

    return strcmp(a, "-") != 0 && strcmp(b, "-") != 0 && stat(a, &x) == 0 && stat(b, &y) == 0 &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

/* An operand is called by its name, as is each of a list. */
static bool fail_same(const struct option_file *output, const struct option_file *input, struct ens_err *err)
{
    bool has_option = input->option != NULL && (input->marks & OPTION_TYPE) != OPTION_LIST;

    return ens_fail(err, ENS_USAGE, "--%s: %s is the same file as %s%s, which is read: name another output",
                    output->option, output->path, has_option ? "--" : "",
                    has_option ? input->option : input->path);
}

/* Is it the operand that the command changes if the option `output` is not given? */
static bool is_place_of(const struct names *n, size_t file, const struct option_file *output)
{
    const char *option = n->line->command->in_place;

    return option != NULL && file == n->files.len - n->line->operands_len &&
           strcmp(output->option, option) == 0;
}

static bool check_output(const struct names *n, const struct option_file *output, struct ens_err *err)
{
    for (size_t i = 0; i < n->files.len; i++) {
        const struct option_file *input = &n->files.items[i];

        if (reads(input) && !is_place_of(n, i, output) && is_same_file(output->path, input->path))
            return fail_same(output, input, err);
    }
    return true;
}

/* Two names for one place: the second would replace the first. */
static bool check_two(const struct option_file *a, const struct option_file *b, struct ens_err *err)
{
    bool is_same = strcmp(a->path, b->path) == 0 ||
                   (!is_stdio(b) && (is_same_file(a->path, b->path) || path_is_same(a->path, b->path)));

    if (is_stdio(a) || !is_same)
        return true;
    return ens_fail(err, ENS_USAGE, "--%s and --%s name the same file: name two", a->option, b->option);
}

static bool check_outputs(const struct names *n, struct ens_err *err)
{
    const struct option_file *items = n->files.items;

    for (size_t i = n->files.len; i-- > 0;) {
        if (!is_written(&items[i]))
            continue;
        for (size_t j = n->files.len - 1; j > i; j--) {
            if (is_written(&items[j]) && !check_two(&items[j], &items[i], err))
                return false;
        }
        /* Without --force nothing that is there is replaced; a transcript is written to all the same. */
        if ((options_uses(n->line, "force") || (items[i].marks & OPTION_APPENDED) != 0) &&
            !check_output(n, &items[i], err))
            return false;
    }
    return true;
}

/* The first option that has exactly these of the marks that are about outputs; NULL: none is given. */
static const struct option_file *find_output(const struct names *n, unsigned marks)
{
    const unsigned all = OPTION_WRITTEN | OPTION_BESIDE | OPTION_APPENDED | OPTION_DIR;

    for (size_t i = 0; i < n->files.len; i++) {
        if ((n->files.items[i].marks & all) == marks)
            return &n->files.items[i];
    }
    return NULL;
}

/* A result that goes to stdout by itself: the URI of keygen, and what has no -o. */
static const char *first_result(const struct names *n)
{
    const struct option_file *output = find_output(n, OPTION_WRITTEN);

    if (n->line->command->prints != NULL)
        return n->line->command->prints;
    return find_output(n, OPTION_DIR) == NULL && (output == NULL || is_stdio(output)) ? "the result" : NULL;
}

/* The document of --json has stdout for itself, and is not lost after the work. */
static bool check_json(const struct names *n, struct ens_err *err)
{
    const struct command *c = n->line->command;
    struct ens_err ignored = {0};

    if (!options_uses(n->line, "json") || (!c->has_result && c->in_place == NULL))
        return true;
    if (c->has_result && !options_uses(n->line, "dry-run") && find_output(n, OPTION_WRITTEN) == NULL &&
        find_output(n, OPTION_DIR) == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--json: stdout is taken by the JSON document: give %s for the result",
                        options_has(c, "out-dir") ? "-o FILE or --out-dir DIR" : "-o FILE");
    return output_stdout_is_open(&ignored) ||
           ens_fail(err, ENS_IO, "stdout: is closed, and the JSON document goes there: open it");
}

/* Two results in one stream could not be told apart. */
static bool check_stdout(const struct names *n, struct ens_err *err)
{
    for (size_t i = 0; i < n->files.len; i++) {
        const struct option_file *f = &n->files.items[i];
        bool is_result = (f->marks & (OPTION_WRITTEN | OPTION_APPENDED)) == OPTION_WRITTEN;
        const char *taken = is_result && options_uses(n->line, "json") ? "the JSON document"
                            : (f->marks & OPTION_BESIDE) != 0          ? first_result(n)
                                                                       : NULL;

        if (is_stdio(f) && taken != NULL)
            return ens_fail(err, ENS_USAGE, "--%s: stdout is taken by %s: name a file", f->option, taken);
    }
    return check_json(n, err);
}

static bool check_stdin(const struct names *n, struct ens_err *err)
{
    const struct command_line *line = n->line;
    const struct command *c = line->command;
    bool changes_first = c->wants_name || (c->in_place != NULL && find_output(n, OPTION_WRITTEN) == NULL);
    size_t count = 0;

    for (size_t i = 0; i < line->operands_len; i++) {
        if (strcmp(line->operands[i], "-") != 0)
            continue;
        if (++count > 1)
            return ens_fail(err, ENS_USAGE, "-: stdin is read once: name it once");
        if (i == 0 && changes_first)
            return ens_fail(err, ENS_USAGE, "-: stdin is not a file that %s could change: name a file",
                            c->name);
    }
    if (count > 0)
        file_take_stdin(STDIN_FILENO);
    if (count > 0 && find_output(n, OPTION_DIR) != NULL)
        return ens_fail(err, ENS_USAGE, "-: stdin has no name for a file in --out-dir: give -o FILE");
    return true;
}

/* The public half and the certificate beside an SSH key, which ssh-keygen reads. */
static bool know_ssh_files(const char *key, struct ens_err *err)
{
    static const char *const ends[] = {".pub", "-cert.pub"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        ENS_CLEANUP(mem_freep) char *path = mem_printf(err, "%s%s", key, ends[i]);

        if (path == NULL || !file_add_input_named(path, err))
            return false;
    }
    return true;
}

/* From here on no output replaces what is read; what the command line names is known at once, but for what
 * a list names, in which there are directories. */
static bool know_inputs(const struct names *n, struct ens_err *err)
{
    file_watch_inputs();
    for (size_t i = 0; i < n->files.len; i++) {
        const struct option_file *f = &n->files.items[i];
        bool is_one = reads(f) && (f->marks & OPTION_TYPE) != OPTION_LIST;

        if ((is_one && !file_add_input_named(f->path, err)) ||
            ((f->marks & OPTION_KEY) != 0 && !know_ssh_files(f->path, err)))
            return false;
    }
    return true;
}

/* Does the output `fd` of this process go into the file? */
static bool goes_to(int fd, const char *path)
{
    struct stat x;
    struct stat y;

    return path != NULL && fstat(fd, &x) == 0 && stat(path, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

/* It would break the transcript. Where errors go there, not even this one does. */
static bool check_streams(const char *transcript, struct ens_err *err)
{
    static const int result = 1, words = 2;
    ENS_CLEANUP(file_closep) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool is_mute = goes_to(words, transcript) && dup2(null, words) == words;

    return (!is_mute && !goes_to(result, transcript)) ||
           ens_fail(err, ENS_USAGE, "%s: is a transcript, and %s goes there: send it elsewhere", transcript,
                    is_mute ? "standard error" : "standard output");
}

/* The transcript that is written, and one that is read. */
static bool check_transcripts(const struct names *n, struct ens_err *err)
{
    const struct option_file *written = find_output(n, OPTION_WRITTEN | OPTION_APPENDED);
    const struct command_line *line = n->line;

    return check_streams(written != NULL ? written->path : NULL, err) &&
           (!line->command->wants_record || check_streams(line->operands[0], err));
}

bool operands_check(const struct command_line *line, struct ens_err *err)
{
    ENS_CLEANUP(names_free) struct names n = {.line = line};

    return options_files(line, &n.files, err) && check_transcripts(&n, err) && check_outputs(&n, err) &&
           check_stdout(&n, err) && check_stdin(&n, err) && know_inputs(&n, err);
}
