/* The wall: what a process gives up before it reads the first byte that somebody else wrote. From then on it opens no
 * file but those that were named before, makes files only beside its outputs, starts no program, opens no connection,
 * signals no other process, and calls the kernel by a short list only (no_new_privs, landlock(7), seccomp(2),
 * setrlimit(2)). A call that is not on the list ends the process with ENS_BUG and one line with its number.
 *
 *     struct wall wall;
 *     wall_begin(&wall);
 *     wall_keep(&wall, path, WALL_READ);    for every file that will be opened
 *     if (!wall_raise(&wall, WALL_WRITER, err)) ...
 *
 * There is no way back. Called before the process has a second thread. A kernel that lacks a part, or refuses it, is
 * taken as it is: the other parts stand, and wall_parts says which do. */
#pragma once

#include "signer/base/err.h"

/* The right that is kept to a path. */
enum wall_right {
    WALL_READ, /* a file; of a directory, all that lies below */
    WALL_WRITE, /* an output: its directory, after symbolic links, where files are made, read, replaced and removed */
    WALL_ASK, /* a terminal: it is read and written */
    WALL_RUN, /* a program, and all programs and libraries below a directory; for WALL_PARENT */
};

/* The kind of process, which decides on the calls. */
enum wall_role {
    WALL_READER, /* opens files to read them, and makes none */
    WALL_WRITER, /* makes files as well */
    WALL_WORKER, /* WALL_WRITER, and speaks over sockets that it inherited */
    WALL_PARENT, /* starts programs: every call is allowed, the rest of the wall stands */
};

/* The parts, as bits. */
enum wall_part {
    WALL_PRIVILEGES = 1, /* no program gives it new rights (no_new_privs) */
    WALL_FILES = 2,
    WALL_TCP = 4,
    WALL_SIGNALS = 8, /* and ptrace, /proc/PID/mem and abstract sockets of other processes */
    WALL_CALLS = 16,
    WALL_LIMITS = 32,
    WALL_ALL = 63,
};

/* Holds a descriptor until wall_raise. */
struct wall {
    int rules;      /* the Landlock ruleset; -1: none */
    int version;    /* of Landlock; 0: the kernel has none, or refuses it */
    unsigned parts; /* enum wall_part: those that stand; 0 before wall_raise */
};

/* Always succeeds: what the kernel lacks is left out. */
void wall_begin(struct wall *wall);

/* Keeps a right. A path that does not exist, or cannot be opened, is no error: who opens it says so. */
void wall_keep(struct wall *wall, const char *path, enum wall_right right);

/* Lifts the limits on memory and processor time, for input of any size (--allow-large). Before wall_raise. */
void wall_allow_large(void);

/* Gives up the rest, for good. ENS_RESOURCE if the kernel has a part and cannot make it (out of memory): nothing may
 * be read then. */
bool wall_raise(struct wall *wall, enum wall_role role, struct ens_err *err) ENS_MUST_CHECK;

/* For ENS_CLEANUP, if wall_raise is not reached. */
void wall_closep(struct wall *wall);

/* The names of the parts that stand, or of those that are missing: "files, TCP", "none". */
#define WALL_WORDS_MAX 96
const char *wall_parts(const struct wall *wall, bool stands, char ret[static WALL_WORDS_MAX]);
