/* Replays a corpus: feeds every file named on the command line, or lying in a directory that is
 * named, once to the fuzz target that this is linked with, and reports in TAP. So every input that
 * ever mattered is run by `make test` with any compiler; finding new ones is libFuzzer's part.
 * Each input has a process of its own, so that a crash or a hang is reported with the input's name. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUTS_LIMIT  65536        /* files in one run */
#define INPUT_LIMIT   (16u << 20u) /* bytes in one file */
#define SECONDS_LIMIT 30u          /* seconds for one input */

struct inputs {
    char *path[INPUTS_LIMIT];
    size_t n;
};

static void add_file(struct inputs *in, const char *dir, const char *name)
{
    if (in->n == INPUTS_LIMIT ||
        asprintf(&in->path[in->n], "%s%s%s", dir, *dir != '\0' ? "/" : "", name) < 0) {
        printf("Bail out! more inputs than fit\n");
        exit(1);
    }
    in->n++;
}

static int no_dot(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Takes a file, or the files of a directory in the order of their names. */
static bool add(struct inputs *in, const char *path)
{
    struct stat st;
    struct dirent **entry = NULL;
    int n = 0;

    if (stat(path, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode)) {
        add_file(in, "", path);
        return true;
    }
    n = scandir(path, &entry, no_dot, alphasort);
    for (int i = 0; i < n; i++) {
        add_file(in, path, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return n >= 0;
}

/* The target gets a copy of exactly the file's size, so that a read past its end is seen. */
static bool feed(const char *path)
{
    uint8_t *data = NULL;
    FILE *f = fopen(path, "rb");
    struct stat st;
    bool ok = false;

    if (f == NULL)
        return false;
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)INPUT_LIMIT) {
        size_t size = (size_t)st.st_size;

        data = malloc(size + (size == 0));
        ok = data != NULL && fread(data, 1, size, f) == size;
        if (ok)
            (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    (void)fclose(f);
    return ok;
}

/* Returns whether a child process fed the file to the target and ended well. */
static bool feed_apart(const char *path)
{
    int status = 0;
    pid_t pid = 0;

    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        (void)alarm(SECONDS_LIMIT);
        exit(feed(path) ? 0 : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    if (WIFSIGNALED(status))
        printf("# %s: signal %d\n", path, WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    static struct inputs in;
    int bad = 0;

    for (int i = 1; i < argc; i++) {
        if (!add(&in, argv[i])) {
            printf("Bail out! %s: cannot be opened\n", argv[i]);
            return 1;
        }
    }
    if (in.n == 0) {
        printf("Bail out! no input to replay\n");
        return 1;
    }
    printf("1..%zu\n", in.n);
    for (size_t i = 0; i < in.n; i++) {
        bool ok = feed_apart(in.path[i]);

        bad += !ok;
        printf("%sok %zu - %s\n", ok ? "" : "not ", i + 1, in.path[i]);
        free(in.path[i]);
    }
    return bad != 0;
}
