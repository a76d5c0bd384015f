/* The file of a transcript: who may write it, one writer at a time, an intent that is durable before and an
 * outcome that follows, what a killed run leaves and how the next one goes on. The text itself is in
 * test_transcript.c.
 *
 * `test_transcript_file append FILE COUNT` is a writer for other tests: COUNT runs, one opening for each.
 * `test_transcript_file sign FILE OUTPUT` announces, writes OUTPUT and says so, as sign does;
 * `test_transcript_file acknowledge FILE N` goes on after record N. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/ceremony/transcript_internal.h"
#include "tests/support/support.h"

#define NOON 1767607200 /* 2026-01-05T10:00:00Z */

static const struct transcript_ack no_ack = {0};

/* ---- every test runs inside a directory of its own ---- */

struct here {
    char *dir;
    int before;
    mode_t mask;
};

static int set_up(void **state)
{
    struct here *h = calloc(1, sizeof *h);

    if (h == NULL)
        return -1;
    h->dir = support_mkdir();
    h->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    h->mask = umask(022);
    *state = h;
    return h->before < 0 || chdir(h->dir) != 0;
}

static int tear_down(void **state)
{
    struct here *h = *state;

    (void)umask(h->mask);
    if (fchdir(h->before) != 0)
        return -1;
    (void)close(h->before);
    support_rmdir(h->dir);
    free(h);
    return 0;
}

static struct buf get(const char *path)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(file_read_all(path, TRANSCRIPT_FILE_MAX, &b, &err), err);
    return b;
}

static void put(const char *path, struct view v)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(v.data, 1, v.len, f), v.len);
    assert_int_equal(fclose(f), 0);
}

static void assert_holds(const char *path, struct view want)
{
    ENS_CLEANUP(buf_free) struct buf b = get(path);

    assert_int_equal(b.len, want.len);
    assert_true(view_equal(buf_view(&b), want));
}

/* ---- writing ---- */

static bool append_one(const char *path, unsigned i, struct ens_err *err)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    char file[32];

    if (!transcript_open(path, &no_ack, &t, err))
        return false;
    (void)snprintf(file, sizeof file, "app %u.signdata", i);
    transcript_put(t, "command", "sign", "--key");
    transcript_put(t, "input", file);
    transcript_text(t, "note", "A. Adams");
    return transcript_run(t, NOON + i, i % 2 == 0 ? 0 : 65, err);
}

static void append_some(const char *path, unsigned from, unsigned to)
{
    struct ens_err err = {0};

    for (unsigned i = from; i < to; i++)
        assert_ok(append_one(path, i, &err), err);
}

static const struct transcript_item item = {
    .what = "sign-data", .digest = {0xd1}, .file = "app.signdata", .output = "app.sig"};

static bool announce(const char *path, struct transcript **ret, struct ens_err *err)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;

    if (!transcript_open(path, &no_ack, &t, err))
        return false;
    transcript_put(t, "command", "sign");
    if (!transcript_intent(t, NOON, &item, 1, err))
        return false;
    *ret = ens_take(t);
    return true;
}

/* An intent that nobody ends. */
static void leave_open(const char *path)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct ens_err err = {0};

    assert_ok(announce(path, &t, &err), err);
}

static bool acknowledge(const char *path, uint64_t number, struct ens_err *err)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    const struct transcript_ack ack = {
        .given = true, .number = number, .note = "power  failed, A. Adams", .now = NOON};

    return transcript_open(path, &ack, &t, err);
}

static struct transcript_sum sum_of(const char *path)
{
    ENS_CLEANUP(buf_free) struct buf text = get(path);
    struct transcript_sum sum;
    struct ens_err err = {0};

    assert_ok(transcript_verify(buf_view(&text), path, NULL, &sum, &err), err);
    return sum;
}

static bool holds(const char *path, const char *line)
{
    ENS_CLEANUP(buf_free) struct buf text = get(path);

    return memmem(text.data, text.len, line, strlen(line)) != NULL;
}

static void assert_line(const char *path, const char *line)
{
    if (!holds(path, line))
        fail_msg("%s has no line '%s'", path, line);
}

static void shorten(const char *path, size_t by)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - (off_t)by), 0);
}

/* ---- records ---- */

static void a_new_file_begins_with_a_name_of_its_own(void **state)
{
    struct stat st;

    (void)state;
    (void)umask(0);
    append_some("t", 0, 2);
    append_some("u", 0, 1);
    assert_int_equal(sum_of("t").records, 3);
    assert_int_equal(stat("t", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ENS_CLEANUP(buf_free) struct buf t = get("t");
    ENS_CLEANUP(buf_free) struct buf u = get("u");
    const uint8_t *id = memmem(t.data, t.len, "\nid: ", 5);
    const uint8_t *other = memmem(u.data, u.len, "\nid: ", 5);

    assert_true(id != NULL && other != NULL && memcmp(id, other, 37) != 0);
    assert_non_null(memmem(t.data, t.len, "\ncontinues: -\n", 14));
    assert_non_null(memmem(t.data, t.len, "\ninput: app\\x200.signdata\nnote: A. Adams\nexit: 0\n", 46));
}

static void an_intent_is_in_the_file_before_its_outcome(void **state)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct transcript_result result = {.end = TRANSCRIPT_WRITTEN, .sha256 = {0x5e}};
    struct ens_err err = {0};

    (void)state;
    assert_ok(announce("t", &t, &err), err);
    assert_true(transcript_has_intent(t));
    assert_int_equal(sum_of("t").open, 2);
    assert_line("t", "\nitems: 1\nitem: 1 sign-data d1000000");
    transcript_text(t, "error", "the disk is full");
    assert_ok(transcript_outcome(t, NOON + 1, &result, 1, 1, 74, &err), err);
    assert_false(transcript_has_intent(t));
    assert_int_equal(sum_of("t").open, 0);
    assert_memory_equal(transcript_head(t), sum_of("t").head, DIGEST_SIZE);
    assert_line("t", "\nerror: the disk is full\nintent: 2\ncalls: 1 1\nresult: 1 written 5e000000");
    /* The next one of the same run. */
    assert_ok(transcript_intent(t, NOON + 2, &item, 1, &err), err);
    result.end = TRANSCRIPT_NOT_TRIED;
    assert_ok(transcript_outcome(t, NOON + 3, &result, 0, 0, 130, &err), err);
    assert_line("t", "\nresult: 1 not-tried\nexit: 130\n");
    assert_int_equal(sum_of("t").records, 5);
}

static void no_transcript_records_nothing(void **state)
{
    struct ens_err err = {0};

    (void)state;
    transcript_put(NULL, "not a key", "x");
    assert_true(transcript_run(NULL, -1, 0, &err));
    assert_true(transcript_intent(NULL, -1, NULL, 0, &err));
    assert_true(transcript_outcome(NULL, -1, NULL, 0, 0, 0, &err));
    assert_null(transcript_rejections(NULL));
}

/* A command that was wrong leaves no file behind. */
static void a_file_that_was_made_and_not_used_goes(void **state)
{
    struct transcript *t = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(transcript_open("t", &no_ack, &t, &err), err);
    assert_int_equal(access("t", F_OK), 0);
    transcript_closep(&t);
    assert_int_equal(access("t", F_OK), -1);
    put("t", view_of("", 0));
    assert_ok(transcript_open("t", &no_ack, &t, &err), err);
    transcript_closep(&t);
    assert_int_equal(access("t", F_OK), 0);
}

static void what_cannot_be_recorded_is_said(void **state)
{
    static const char *const bad_keys[] = {
        "",     "Key",      "a b",  "a:",     "time",
        "kind", "previous", "exit", "sha256", "a-key-of-more-than-31-bytes-long"};
    char *word = malloc(TRANSCRIPT_LINE_MAX + 2);
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_non_null(word);
    memset(word, 'x', TRANSCRIPT_LINE_MAX + 1);
    word[TRANSCRIPT_LINE_MAX + 1] = '\0';
    for (size_t i = 0; i < sizeof bad_keys / sizeof bad_keys[0]; i++) {
        ENS_CLEANUP(transcript_closep) struct transcript *u = NULL;

        assert_ok(transcript_open("u", &no_ack, &u, &err), err);
        transcript_put(u, bad_keys[i], "v");
        transcript_put(u, "last", "fine");
        assert_fails(transcript_run(u, NOON, 0, &err), err, ENS_BUG, "u: transcript: ");
    }
    assert_ok(transcript_open("t", &no_ack, &t, &err), err);
    transcript_put(t, "k", word);
    assert_fails(transcript_run(t, NOON, 0, &err), err, ENS_DATA, "t: transcript: k: has 65540 bytes");
    transcript_closep(&t);
    /* That the run ended is recorded all the same, and why. */
    assert_line("t", "\nkind: run\nerror: transcript: k: has 65540 bytes");
    assert_line("t", "\nexit: 65\n");
    assert_int_equal(unlink("t"), 0);
    /* More than one record takes; an intent is not made then, an outcome is, with the reason. */
    word[60000] = '\0';
    assert_ok(transcript_open("t", &no_ack, &t, &err), err);
    for (int i = 0; i < 80; i++)
        transcript_put(t, "k", word);
    assert_fails(transcript_intent(t, NOON, &item, 1, &err), err, ENS_DATA, "sign fewer files at once");
    transcript_closep(&t);
    assert_int_equal(access("t", F_OK), -1);
    assert_ok(announce("t", &t, &err), err);
    for (int i = 0; i < 80; i++)
        transcript_put(t, "k", word);
    assert_ok(
        transcript_outcome(t, NOON, &(struct transcript_result){.end = TRANSCRIPT_FAILED}, 1, 0, 85, &err),
        err);
    assert_line("t", "\nerror: transcript: the record has more");
    assert_int_equal(sum_of("t").open, 0);
    free(word);
}

static void the_calls_out_of_order_are_bugs(void **state)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    struct transcript_result result = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(transcript_open("t", &no_ack, &t, &err), err);
    assert_fails(transcript_outcome(t, NOON, &result, 0, 0, 0, &err), err, ENS_BUG, "without an intent");
    assert_ok(transcript_intent(t, NOON, &item, 1, &err), err);
    assert_fails(transcript_intent(t, NOON, &item, 1, &err), err, ENS_BUG, "over an open one");
}

/* ---- what a killed run leaves ---- */

static void an_open_intent_stops_until_it_is_acknowledged(void **state)
{
    struct ens_err err = {0};

    (void)state;
    leave_open("t");
    ENS_CLEANUP(buf_free) struct buf before = get("t");

    for (uint64_t wrong = 0; wrong < 4; wrong++) {
        assert_fails(
            wrong == 2 ? append_one("t", 0, &err) : acknowledge("t", wrong, &err), err, ENS_REFUSED,
            "t: record 2 began to sign app.signdata and says no end: look for app.sig, then run again "
            "with --acknowledge 2 --note '...'");
        assert_holds("t", buf_view(&before));
    }
    assert_ok(acknowledge("t", 2, &err), err);
    assert_line("t", "\nkind: ack\nintent: 2\nfound: 1 absent\nnote: power - failed, A. Adams\nexit: 0\n");
    append_some("t", 0, 1);
    assert_int_equal(sum_of("t").records, 4);
    assert_fails(acknowledge("t", 2, &err), err, ENS_REFUSED, "no record is open");
}

static void an_acknowledgement_says_what_is_there(void **state)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    const struct transcript_item items[] = {
        {.what = "sign-data", .file = "a", .output = "a b.sig"},
        {.what = "sign-data", .file = "b", .output = "-"},
        {.what = "test", .file = "", .output = ""},
        {.what = "sign-data", .file = "c", .output = "pipe"},
        {.what = "sign-data", .file = "d", .output = "sub/d.sig"},
    };
    char here[4096];
    struct ens_err err = {0};

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_ok(transcript_open("t", &no_ack, &t, &err), err);
    transcript_put(t, "directory", here);
    assert_ok(transcript_intent(t, NOON, items, 5, &err), err);
    transcript_closep(&t);
    put("a b.sig", view_of_string("abc"));
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(mkdir("sub", 0700), 0);
    put("sub/d.sig", view_of("", 0));
    /* From wherever: outputs are where the intent meant them. */
    assert_int_equal(chdir("sub"), 0);
    assert_ok(acknowledge("../t", 2, &err), err);
    assert_int_equal(chdir(".."), 0);
    assert_line("t", "\nfound: 1 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
                     "found: 2 absent\nfound: 3 absent\nfound: 4 absent\n"
                     "found: 5 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n");
    assert_int_equal(sum_of("t").calls_high, 5);
}

static void a_tail_is_moved_to_a_file(void **state)
{
    struct ens_err err = {0};
    struct stat st;

    (void)state;
    append_some("t", 0, 2);
    ENS_CLEANUP(buf_free) struct buf whole = get("t");
    shorten("t", 5);
    ENS_CLEANUP(buf_free) struct buf cut = get("t");

    for (uint64_t wrong = 1; wrong < 4; wrong++) {
        assert_fails(wrong == 1 ? append_one("t", 0, &err) : acknowledge("t", wrong, &err), err, ENS_DATA,
                     "t: cut: record 3, from byte ");
        assert_non_null(strstr(err.msg, "--acknowledge 0 --note"));
        assert_non_null(strstr(err.msg, "to t.torn-3"));
        assert_holds("t", buf_view(&cut));
    }
    assert_ok(acknowledge("t", 0, &err), err);
    assert_line("t", "\nkind: ack\nintent: -\nnote: power - failed, A. Adams\ntorn: ");
    assert_line("t", " t.torn-3\nexit: 0\n");
    assert_int_equal(sum_of("t").records, 3);
    assert_int_equal(stat("t.torn-3", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ENS_CLEANUP(buf_free) struct buf torn = get("t.torn-3");
    size_t kept = whole.len - 5 - torn.len;

    assert_memory_equal(whole.data + kept, torn.data, torn.len);
    append_some("t", 2, 3);
}

/* Killed while the very first records were written, or while an outcome was. */
static void a_tail_of_the_first_record_and_one_behind_an_intent(void **state)
{
    struct ens_err err = {0};

    (void)state;
    put("t", view_of_string("ensign transcript 1, re"));
    assert_ok(acknowledge("t", 0, &err), err);
    assert_int_equal(sum_of("t").records, 2);
    assert_line("t", "\ntorn: 23 ");
    leave_open("u");
    ENS_CLEANUP(buf_free) struct buf open = get("u");
    struct buf torn = open;

    open = (struct buf){0};
    assert_ok(buf_append(&torn, view_of("\0\0\0", 3), &err), err);
    put("u", buf_view(&torn));
    buf_free(&torn);
    assert_fails(acknowledge("u", 0, &err), err, ENS_DATA, "--acknowledge 2 --note");
    assert_ok(acknowledge("u", 2, &err), err);
    assert_line("u", "\nintent: 2\nfound: 1 absent\n");
    assert_line("u", "\ntorn: 3 ");
    assert_int_equal(sum_of("u").open, 0);
}

static void a_file_in_the_place_of_the_tail_is_kept(void **state)
{
    struct ens_err err = {0};

    (void)state;
    append_some("t", 0, 1);
    shorten("t", 5);
    ENS_CLEANUP(buf_free) struct buf cut = get("t");

    put("t.torn-2", view_of_string("other"));
    assert_fails(acknowledge("t", 0, &err), err, ENS_CANTCREAT, "t.torn-2: exists");
    assert_holds("t", buf_view(&cut));
    assert_holds("t.torn-2", view_of_string("other"));
    /* What an earlier try saved is the same. */
    const uint8_t *second = memmem(cut.data, cut.len, "ensign transcript 1, record 2", 29);

    assert_non_null(second);
    put("t.torn-2", view_of(second, cut.len - (size_t)(second - cut.data)));
    assert_ok(acknowledge("t", 0, &err), err);
    /* A link that somebody put there is not followed. */
    shorten("t", 5);
    assert_int_equal(symlink("elsewhere", "t.torn-3"), 0);
    (void)unlink("t.torn-2");
    assert_int_equal(symlink("elsewhere", "t.torn-2"), 0);
    assert_fails(acknowledge("t", 0, &err), err, ENS_CANTCREAT, "exists");
    assert_int_equal(access("elsewhere", F_OK), -1);
}

static void what_was_edited_is_never_extended(void **state)
{
    struct ens_err err = {0};

    (void)state;
    append_some("t", 0, 3);
    ENS_CLEANUP(buf_free) struct buf text = get("t");

    text.data[text.len / 2] ^= 1;
    put("t", buf_view(&text));
    assert_fails(append_one("t", 3, &err), err, ENS_DATA, "t: ");
    assert_fails(acknowledge("t", 0, &err), err, ENS_DATA, "t: ");
    assert_holds("t", buf_view(&text));
}

/* ---- whose file it is ---- */

static void what_cannot_be_a_transcript_is_refused(void **state)
{
    struct ens_err err = {0};

    (void)state;
    assert_fails(append_one("missing/t", 0, &err), err, ENS_CANTCREAT,
                 "missing/t: its directory cannot be opened");
    assert_fails(append_one(".", 0, &err), err, ENS_DATA, ".: is a directory");
    assert_fails(append_one("/dev/null", 0, &err), err, ENS_DATA, "is not a regular file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_fails(append_one("fifo", 0, &err), err, ENS_DATA, "is not a regular file");
    append_some("t", 0, 1);
    ENS_CLEANUP(buf_free) struct buf before = get("t");

    assert_int_equal(link("t", "second"), 0);
    assert_fails(append_one("t", 1, &err), err, ENS_DATA, "t: has 2 names");
    assert_int_equal(unlink("second"), 0);
    for (mode_t mode = 0602; mode != 0; mode = mode == 0602 ? 0620 : 0) {
        assert_int_equal(chmod("t", mode), 0);
        assert_fails(append_one("t", 1, &err), err, ENS_DATA, "t: others can write it");
    }
    assert_holds("t", buf_view(&before));
    assert_int_equal(chmod("t", 0644), 0);
    append_some("t", 1, 2);
    if (geteuid() != 0)
        return;
    assert_int_equal(chown("t", 65534, (gid_t)-1), 0);
    assert_fails(append_one("t", 2, &err), err, ENS_DATA, "t: belongs to user 65534");
}

/* A program that does not ask for the lock. */
static void a_file_that_changes_under_the_lock_is_left_alone(void **state)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    ENS_CLEANUP(transcript_closep) struct transcript *moved = NULL;
    struct ens_err err = {0};

    (void)state;
    append_some("t", 0, 1);
    assert_ok(transcript_open("t", &no_ack, &t, &err), err);
    FILE *f = fopen("t", "ab");

    assert_non_null(f);
    assert_true(fputs("intruder\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    ENS_CLEANUP(buf_free) struct buf text = get("t");
    assert_fails(transcript_intent(t, NOON, &item, 1, &err), err, ENS_DATA, "was changed or moved away");
    assert_holds("t", buf_view(&text));

    append_some("u", 0, 1);
    assert_ok(transcript_open("u", &no_ack, &moved, &err), err);
    assert_int_equal(rename("u", "elsewhere"), 0);
    assert_fails(transcript_run(moved, NOON, 0, &err), err, ENS_DATA, "was changed or moved away");
    assert_int_equal(access("u", F_OK), -1);
}

static void a_full_transcript_is_not_extended(void **state)
{
    struct ens_err err = {0};

    (void)state;
    append_some("t", 0, 1);
    assert_int_equal(truncate("t", (off_t)TRANSCRIPT_FILE_MAX + 1), 0);
    assert_fails(append_one("t", 0, &err), err, ENS_DATA, "t: too-large: ");
}

/* ---- several writers ---- */

static void writers_at_the_same_time_are_all_recorded(void **state)
{
    enum { WRITERS = 4, EACH = 10 };
    pid_t pids[WRITERS];
    struct ens_err err = {0};

    (void)state;
    for (int w = 0; w < WRITERS; w++) {
        pids[w] = fork();
        assert_true(pids[w] >= 0);
        if (pids[w] == 0) {
            bool ok = true;

            for (unsigned i = 0; ok && i < EACH; i++)
                ok = append_one("t", 100 * (unsigned)w + i, &err);
            _exit(ok ? 0 : 1);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = -1;

        assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(sum_of("t").records, 1 + WRITERS * EACH);
    for (int w = 0; w < WRITERS; w++) {
        for (int i = 0; i < EACH; i++) {
            char line[64];

            (void)snprintf(line, sizeof line, "input: app\\x20%d.signdata\n", 100 * w + i);
            assert_line("t", line);
        }
    }
}

/* A11: the wait has an end, and names who is waited for; a signal ends it earlier. */
static void a_lock_that_stays_names_its_holder(void **state)
{
    struct ens_err err = {0};
    char holder[64];

    (void)state;
    append_some("t", 0, 1);
    int fd = open("t", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    (void)snprintf(holder, sizeof holder, "t: locked by process %d", (int)getpid());
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        bool ok = !append_one("t", 1, &err) && err.code == ENS_CANTCREAT &&
                  (strncmp(err.msg, holder, strlen(holder)) == 0 ||
                   /* The kernel may not show the processes of others here. */
                   strncmp(err.msg, "t: locked by another process", 28) == 0);

        _exit(ok ? 0 : 1);
    }
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(fd);
}

static void a_signal_ends_the_wait_but_not_the_record(void **state)
{
    struct ens_err err = {0};
    int ready[2];
    char byte;

    (void)state;
    append_some("t", 0, 1);
    int fd = open("t", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct transcript *free_one = NULL;
        struct transcript *held = NULL;

        interrupt_install();
        (void)alarm(60);
        bool ok = announce("u", &free_one, &err) && write(ready[1], "x", 1) == 1 &&
                  !transcript_open("t", &no_ack, &held, &err) && err.code == ENS_INTERRUPTED;

        ok =
            ok && transcript_outcome(free_one, NOON, &(struct transcript_result){.end = TRANSCRIPT_NOT_TRIED},
                                     0, 0, 130, &err);
        transcript_closep(&free_one);
        _exit(ok ? 0 : 1);
    }
    int status = -1;

    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)usleep(500000);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_line("u", "\nresult: 1 not-tried\nexit: 130\n");
    (void)close(fd);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* ---- the writers for other tests ---- */

static int report(bool ok, const struct ens_err *err)
{
    if (!ok)
        (void)fprintf(stderr, "ensign: %s\n", err->msg);
    return ok ? 0 : (int)err->code;
}

static int append_main(const char *path, const char *count)
{
    struct ens_err err = {0};
    unsigned long n = strtoul(count, NULL, 10);
    bool ok = true;

    for (unsigned i = 0; ok && i < n; i++)
        ok = append_one(path, i, &err);
    return report(ok, &err);
}

/* What sign does around the token. */
static int sign_main(const char *path, const char *output)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = NULL;
    const struct transcript_item own = {
        .what = "sign-data", .digest = {0xd1}, .file = "app.signdata", .output = output};
    struct transcript_result result = {0};
    struct ens_err err = {0};
    struct ens_err why = {0};

    if (!transcript_open(path, &no_ack, &t, &err))
        return report(false, &err);
    transcript_put(t, "command", "sign");
    if (!transcript_intent(t, NOON, &own, 1, &err))
        return report(false, &err);
    bool ok = file_write_atomic(output, FILE_OUT_REPLACE, view_of_string("signature"), &err);

    result.end = ok ? TRANSCRIPT_WRITTEN : TRANSCRIPT_UNWRITTEN;
    if (!transcript_outcome(t, NOON, &result, 1, 1, ok ? 0 : (int)err.code, &why))
        return report(false, ok ? &why : &err);
    return report(ok, &err);
}

static int acknowledge_main(const char *path, const char *number)
{
    struct ens_err err = {0};

    return report(acknowledge(path, strtoul(number, NULL, 10), &err), &err);
}

int main(int argc, char **argv)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_begins_with_a_name_of_its_own),
        TEST(an_intent_is_in_the_file_before_its_outcome),
        TEST(no_transcript_records_nothing),
        TEST(a_file_that_was_made_and_not_used_goes),
        TEST(what_cannot_be_recorded_is_said),
        TEST(the_calls_out_of_order_are_bugs),
        TEST(an_open_intent_stops_until_it_is_acknowledged),
        TEST(an_acknowledgement_says_what_is_there),
        TEST(a_tail_is_moved_to_a_file),
        TEST(a_tail_of_the_first_record_and_one_behind_an_intent),
        TEST(a_file_in_the_place_of_the_tail_is_kept),
        TEST(what_was_edited_is_never_extended),
        TEST(what_cannot_be_a_transcript_is_refused),
        TEST(a_file_that_changes_under_the_lock_is_left_alone),
        TEST(a_full_transcript_is_not_extended),
        TEST(writers_at_the_same_time_are_all_recorded),
        TEST(a_lock_that_stays_names_its_holder),
        TEST(a_signal_ends_the_wait_but_not_the_record),
    };

    if (argc == 4 && strcmp(argv[1], "append") == 0)
        return append_main(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "sign") == 0)
        return sign_main(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "acknowledge") == 0)
        return acknowledge_main(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
