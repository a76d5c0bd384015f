/* run: one command, and what it cost. `run RESULT COMMAND [ARG]...` writes one line to RESULT: exit status
 * (128 + signal), wall, user and system seconds, and the most memory that it held in KiB. It is a program of
 * its own because the kernel counts the memory of the process that starts a command as the command's: this
 * one has next to none. */
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct timespec before, after;
    struct rusage used;
    int status = 0;
    pid_t pid = 0;
    FILE *result = argc > 2 ? fopen(argv[1], "we") : NULL;

    if (result == NULL) {
        (void)fprintf(stderr, "usage: run RESULT COMMAND [ARG]...\n");
        return 64;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    if (posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0 ||
        wait4(pid, &status, 0, &used) != pid) {
        (void)fprintf(stderr, "run: %s cannot be started\n", argv[2]);
        return 66;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    (void)fprintf(result, "%d %.6f %.6f %.6f %ld\n",
                  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                  (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9,
                  seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss);
    return fclose(result) == 0 ? 0 : 74;
}
