/* Containers: each kind is recognised and no other, opened, poured, and written with another SIGSTRUCT and
 * nothing else changed; what is not a container is told what it lacks. The ELF kinds' own rules are in
 * test_elf_intel*.c and test_elf_oe.c. */
#include "tests/support/zip.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bundle/container/internal.h"
#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/flow/artifact.h"
#include "tests/support/container.h"

#define CSS SIGSTRUCT_SIZE

/* Does the one place that knows kinds take a file of these bytes for a container? */
static bool is_known(struct view bytes)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(file_closep) int fd = memfd_create("file", MFD_CLOEXEC);
    struct ens_err err = {0};
    char path[32];

    assert_true(fd >= 0);
    assert_ok(file_write(fd, "file", bytes, &err), err);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_ok(artifact_open(path, &a, &err), err);
    return artifact_holds_enclave(a.kind) || a.kind == ARTIFACT_SIGSTRUCT;
}

static bool put_into_buf(void *ctx, struct view piece, struct ens_err *err)
{
    return buf_append(ctx, piece, err);
}

static bool refuse_piece(void *ctx, struct view piece, struct ens_err *err)
{
    (void)piece;
    ++*(size_t *)ctx;
    return ens_fail(err, ENS_IO, "the sink is full");
}

/* Opens these bytes; both outputs are the caller's. */
static bool open_bytes(struct view v, const char *component, int *ret_fd, struct container **ret,
                       struct ens_err *err)
{
    *ret_fd = memory_file(v);
    *ret = NULL;
    return container_open_fd(*ret_fd, "file", component, NULL, ret, err);
}

static struct container *opened(struct view v, const char *component, int *ret_fd)
{
    struct container *c = NULL;
    struct ens_err err = {0};

    assert_ok(open_bytes(v, component, ret_fd, &c, &err), err);
    return c;
}

static void close_all(struct container **c, int fd)
{
    container_closep(c);
    assert_null(*c);
    (void)close(fd);
}

static void refused(struct view v, const char *component, enum ens_code code, const char *says)
{
    struct container *c = NULL;
    int fd = -1;
    struct ens_err err;

    assert_fails(open_bytes(v, component, &fd, &c, &err), err, code, says);
    assert_memory_equal(err.msg, "file: ", 6);
    assert_null(strchr(err.msg, '\n'));
    assert_null(c);
    /* The file stays the caller's. */
    assert_int_equal(close(fd), 0);
}

static struct buf poured(struct container *c, size_t index)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(container_stream(c, index, &(struct sink){put_into_buf, &b}, &err), err);
    return b;
}

/* What container_write writes. */
static bool written(struct container *c, const struct container_edit *edit, struct buf *ret,
                    struct ens_err *err)
{
    char *dir = support_mkdir();
    char path[512];
    struct file_out *out = NULL;
    struct ens_err open_err = {0};

    (void)snprintf(path, sizeof path, "%s/out", dir);
    assert_ok(file_out_open(path, FILE_OUT_NEW, &out, &open_err), open_err);
    bool ok = container_write(c, edit, out, err);

    if (ok)
        *ret = read_back(file_out_fd(out));
    file_out_closep(&out);
    /* Without a commit nothing is there. */
    assert_int_equal(access(path, F_OK), -1);
    support_rmdir(dir);
    return ok;
}

/* ---- bundles that are built here: a SIGSTRUCT is text in them, for nobody judges it yet ---- */

static char css_text[CSS + 2];

#define COMPONENT(kind, name, file, sgx)                                                                     \
    "{\"kind\":\"" kind "\"," name "\"executable\":\"" file ".elf\"" sgx "}"
#define SGX(file, more) ",\"sgx\":{\"executable\":\"" file ".sgx\"" more "}"
#define SIGNED(file)    SGX(file, ",\"signature\":\"" file ".sig\"")
#define ROFL(n, sgx)    COMPONENT("rofl", "\"name\":\"" #n "\",", #n, sgx)

static const struct bundle_part all_parts[] = {
    {"app.elf", "elf of a"},    {"app.sgx", "stream of a"}, {"app.sig", css_text},  {"bot.elf", "elf of b"},
    {"bot.sgx", "stream of b"}, {"ronl.elf", "elf"},        {"ronl.sgx", "stream"}, {NULL, NULL},
};

/* A bundle with these components; the SIGSTRUCT of component app is `css_len` letters. */
static struct buf bundle(const char *components, size_t css_len)
{
    struct buf before = {0};
    struct ens_err err = {0};

    memset(css_text, 's', css_len);
    css_text[css_len] = '\0';
    assert_ok(buf_printf(&before, &err, "{\"components\":[%s],%c", components, 0), err);
    struct buf manifest = manifest_with((const char *)before.data, all_parts, "}");
    struct buf b = bundle_with(buf_view(&manifest), all_parts);

    buf_free(&before);
    buf_free(&manifest);
    return b;
}

static const char ronl_and_a[] = COMPONENT("ronl", "", "ronl", SGX("ronl", "")) "," ROFL(app, SIGNED("app"));
static const char a_and_b[] =
    COMPONENT("ronl", "", "ronl", "") "," ROFL(app, SIGNED("app")) "," ROFL(bot, SGX("bot", ""));
static const char only_a[] = COMPONENT("ronl", "", "ronl", "") "," ROFL(app, SIGNED("app"));
static const char none[] = COMPONENT("ronl", "", "ronl", "");

/* ---- recognising ---- */

static const struct kind_case {
    const char *file; /* NULL: a bundle */
    enum container_kind kind;
    const char *name;
    size_t sites, streams;
    bool has_place;
} kinds[] = {
    {NULL, CONTAINER_ORC, "Oasis bundle", 1, 1, true},
    {"sgxs/minimal.sgxs", CONTAINER_SGXS, "SGXS stream", 1, 1, false},
    {"sgxs/unsized.sgxs", CONTAINER_SGXS, "SGXS stream", 1, 1, false},
    {"sgxs/no-ecreate.sgxs", CONTAINER_SGXS, "SGXS stream", 1, 1, false},
    {"sigstruct/good.sig", CONTAINER_SIGSTRUCT, "SIGSTRUCT", 1, 0, true},
    {"sigstruct/type-debug.sig", CONTAINER_SIGSTRUCT, "SIGSTRUCT", 1, 0, true},
    {"sigstruct/header2.sig", CONTAINER_SIGSTRUCT, "SIGSTRUCT", 1, 0, true},
    {"containers/intel-1.3.signed.so", CONTAINER_INTEL, "Intel SDK ELF", 1, 1, true},
    {"containers/intel-2.4-2.1-1.4.signed.so", CONTAINER_INTEL, "Intel SDK ELF", 3, 3, true},
    {"containers/oe-0.19.signed", CONTAINER_OPEN_ENCLAVE, "Open Enclave ELF", 1, 1, true},
    {"containers/ego.signed", CONTAINER_EGO, "EGo ELF", 1, 0, true},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static struct buf bytes_of(const struct kind_case *k)
{
    return k->file != NULL ? support_vector(k->file) : bundle(only_a, CSS);
}

static void each_kind_is_recognised_and_opened(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct buf b = bytes_of(&kinds[i]);
        int fd = -1;
        struct container *c = opened(buf_view(&b), NULL, &fd);

        assert_true(is_known(buf_view(&b)));
        if (container_kind(c) != kinds[i].kind)
            fail_msg("%s: %s", kinds[i].file, container_kind_name(container_kind(c)));
        assert_string_equal(container_kind_name(kinds[i].kind), kinds[i].name);
        assert_true(container_size(c) == b.len);
        assert_string_equal(container_label(c), "file");
        assert_int_equal(container_sites_len(c), kinds[i].sites);
        assert_int_equal(container_site(c, 0)->has_place, kinds[i].has_place);
        assert_int_equal(container_streams_len(c), kinds[i].streams);
        /* Why there is none is said where there is none. */
        assert_int_equal(container_why_no_stream(c) != NULL, kinds[i].streams == 0);
        assert_int_equal(container_bundle(c) != NULL, kinds[i].kind == CONTAINER_ORC);
        assert_int_equal(container_site(c, 0)->component != NULL, kinds[i].kind == CONTAINER_ORC);
        close_all(&c, fd);
        buf_free(&b);
    }
    assert_string_equal(container_kind_name((enum container_kind)99), "unknown");
}

/* A head that is too short for its kind is nothing; no kind is seen in zeros or text. */
static void a_head_is_recognised_whole(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } heads[] = {
        {"PK\3\4", 4},     {"\177ELF", 4}, {"ECREATE", 8},  {"UNSIZED", 8},
        {"EADD\0\0\0", 8}, {"EEXTEND", 8}, {"UNMEASRD", 8}, {"\6\0\0\0\xe1\0\0\0\0\0\1", 12},
    };
    static const uint8_t zeros[64];

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        for (size_t len = 0; len <= heads[i].len; len++)
            assert_int_equal(is_known(view_of(heads[i].bytes, len)), len == heads[i].len);
        for (size_t at = 0; at < heads[i].len; at++) {
            uint8_t head[16] = {0};

            memcpy(head, heads[i].bytes, heads[i].len);
            head[at] ^= 0x20;
            assert_false(is_known(view_of(head, sizeof head)));
        }
    }
    assert_false(is_known(view_of(NULL, 0)));
    assert_false(is_known(view_of(zeros, sizeof zeros)));
    assert_false(is_known(view_of_string("-----BEGIN PUBLIC KEY-----")));
}

static void what_is_no_container_is_told_what_to_give(void **state)
{
    static const char unknown[] =
        "file: is not a bundle, SGXS stream, SIGSTRUCT or enclave ELF file: give one of these";
    struct buf css = support_vector("sigstruct/good.sig");

    (void)state;
    refused(view_of("", 0), NULL, ENS_DATA, unknown);
    refused(view_of("x", 1), NULL, ENS_DATA, unknown);
    refused(view_of_string("-----BEGIN PUBLIC KEY-----\n"), NULL, ENS_DATA,
            "file: is not a bundle, SGXS stream, SIGSTRUCT or enclave ELF file, but a PEM file, with a key");
    refused(view_of("\177EL", 3), NULL, ENS_DATA, unknown);
    refused(view_of("ECREATE", 7), NULL, ENS_DATA, unknown);
    refused(view_of(css.data, 11), NULL, ENS_DATA, unknown);
    /* Sign-data and the end of a SIGSTRUCT are none. */
    refused(view_of(css.data + 1, CSS - 1), NULL, ENS_DATA, unknown);
    buf_free(&css);
}

/* An ELF file of which nothing is laid out. */
static void an_elf_file_without_metadata_is_told_which_tools_lay_it_out(void **state)
{
    static const struct {
        const char *file, *section;
    } cases[] = {{"containers/intel-1.3.signed.so", ".note.sgxmeta"},
                 {"containers/oe-0.19.signed", ".oeinfo"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf b = support_vector(cases[i].file);
        uint8_t *name = memmem(b.data, b.len, cases[i].section, strlen(cases[i].section) + 1);

        assert_non_null(name);
        name[1] = 'x';
        refused(buf_view(&b), NULL, ENS_DATA, "is an ELF file without .note.sgxmeta and .oeinfo");
        refused(buf_view(&b), NULL, ENS_DATA, "sign it once with its SDK's tool (sgx_sign, oesign)");
        buf_free(&b);
    }
}

/* What is wrong with the ELF headers is said, and not that it is unknown. */
static void a_damaged_elf_file_is_told_what_is_damaged(void **state)
{
    struct buf b = support_vector("containers/intel-1.3.signed.so");

    (void)state;
    refused(view_of(b.data, 4), NULL, ENS_DATA, "ELF header: 0x40 bytes at 0x0 lie outside the file");
    refused(view_of(b.data, b.len - 1), NULL, ENS_DATA, "lie");
    b.data[4] = 1;
    refused(buf_view(&b), NULL, ENS_DATA, "is not an x86-64 shared object");
    buf_free(&b);
}

/* ---- opening by path ---- */

static void only_regular_files_are_opened(void **state)
{
    char *dir = support_mkdir();
    char path[512];
    struct container *c = NULL;
    struct ens_err err;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/x", dir);
    assert_fails(container_of_path(dir, &c, &err), err, ENS_NOINPUT, "is a directory: name a file");
    assert_fails(container_of_path(path, &c, &err), err, ENS_NOINPUT, "cannot be opened: No such file");
    assert_memory_equal(err.msg, path, strlen(path));
    assert_int_equal(mkfifo(path, 0600), 0);
    /* A writer that is there already: what is opened does not wait. */
    int writer = open(path, O_RDWR | O_CLOEXEC);

    assert_true(writer >= 0);
    assert_fails(container_of_path(path, &c, &err), err, ENS_DATA, "is a named pipe");
    (void)close(writer);
    assert_fails(container_of_path("/dev/null", &c, &err), err, ENS_DATA, "is a device");
    assert_null(c);
    assert_int_equal(unlink(path), 0);
    writer = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_fails(container_of_path(path, &c, &err), err, ENS_DATA, "is not a bundle, SGXS stream");
    assert_null(c);
    (void)close(writer);
    assert_fails(container_open_fd(-1, "gone", NULL, NULL, &c, &err), err, ENS_NOINPUT,
                 "gone: cannot be examined: Bad file descriptor");
    support_rmdir(dir);
}

static void a_path_is_the_label_and_is_copied(void **state)
{
    char path[] = "tests/vectors/sgxs/minimal.sgxs";
    struct container *c = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(container_of_path(path, &c, &err), err);
    path[0] = 'X';
    assert_string_equal(container_label(c), "tests/vectors/sgxs/minimal.sgxs");
    int fd = c->fd;

    container_closep(&c);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    container_closep(&c);
}

static void a_descriptor_stays_the_callers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct buf b = bytes_of(&kinds[i]);
        int fd = -1;
        struct container *c = opened(buf_view(&b), NULL, &fd);

        container_closep(&c);
        assert_int_not_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(lseek(fd, 0, SEEK_CUR) >= 0, 1);
        (void)close(fd);
        buf_free(&b);
    }
}

static void only_a_bundle_has_components(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct buf b = bytes_of(&kinds[i]);

        if (kinds[i].kind != CONTAINER_ORC)
            refused(buf_view(&b), "ronl", ENS_USAGE,
                    "is not a bundle and has no component ronl: leave out --component");
        buf_free(&b);
    }
}

/* ---- bundles ---- */

static void assert_component(const char *components, const char *asked, const char *want, const char *stream)
{
    struct buf b = bundle(components, CSS);
    int fd = -1;
    struct container *c = opened(buf_view(&b), asked, &fd);
    struct buf got = poured(c, 0);

    assert_string_equal(container_site(c, 0)->component->id, want);
    assert_true(view_equal(buf_view(&got), view_of_string(stream)));
    buf_free(&got);
    close_all(&c, fd);
    buf_free(&b);
}

static void the_component_that_is_meant_is_opened(void **state)
{
    struct buf b = bundle(a_and_b, CSS);
    struct buf without = bundle(none, CSS);

    (void)state;
    assert_component(ronl_and_a, NULL, "ronl", "stream"); /* ronl where it is SGX */
    assert_component(ronl_and_a, "rofl.app", "rofl.app", "stream of a");
    assert_component(only_a, NULL, "rofl.app", "stream of a"); /* the only one */
    assert_component(a_and_b, "rofl.bot", "rofl.bot", "stream of b");
    refused(buf_view(&b), NULL, ENS_DATA,
            "has 2 SGX components: name one with --component: rofl.app, rofl.bot");
    refused(buf_view(&b), "rofl.cat", ENS_DATA,
            "has no component rofl.cat with SGX: name one of its components");
    refused(buf_view(&b), "ronl", ENS_DATA, "has no component ronl with SGX");
    refused(buf_view(&b), "", ENS_DATA, "has no component  with SGX");
    refused(buf_view(&without), NULL, ENS_DATA, "has no SGX component: name another bundle");
    buf_free(&b);
    buf_free(&without);
}

static void a_component_is_signed_or_not(void **state)
{
    struct buf b = bundle(ronl_and_a, CSS);
    int fd = -1;
    struct container *c = opened(buf_view(&b), NULL, &fd);

    (void)state;
    assert_int_equal(container_sites_len(c), 1);
    assert_false(container_site(c, 0)->has_place);
    close_all(&c, fd);
    c = opened(buf_view(&b), "rofl.app", &fd);
    assert_int_equal(container_sites_len(c), 1);
    assert_true(container_site(c, 0)->has_place);
    const struct site *site = container_site(c, 0);

    assert_memory_equal(site->css.bytes, css_text, CSS);
    assert_string_equal(site->name, "");
    assert_int_equal(site->offset, 0);
    assert_false(site->has_launch || site->has_fips || site->has_config);
    close_all(&c, fd);
    buf_free(&b);
}

static void a_sigstruct_of_a_bundle_has_its_size(void **state)
{
    static const size_t sizes[] = {1, CSS - 1, CSS + 1};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buf b = bundle(only_a, sizes[i]);

        refused(buf_view(&b), NULL, ENS_DATA,
                "app.sig: is not a SIGSTRUCT of 1808 bytes: sign the component again");
        buf_free(&b);
    }
}

static void has_file(struct container *c, const char *name, const void *data, size_t len)
{
    struct buf found = {0};
    struct ens_err err = {0};

    assert_ok(bundle_stream(container_bundle(c), name, &(struct sink){put_into_buf, &found}, &err), err);
    if (!view_equal(buf_view(&found), view_of(data, len)))
        fail_msg("%s has %zu other bytes", name, found.len);
    buf_free(&found);
}

/* The new SIGSTRUCT is in the component that was opened, and every other file as it was. */
static void assert_bundle_written(const char *component, const char *file, uint8_t fill)
{
    struct buf b = bundle(ronl_and_a, CSS);
    uint8_t css[CSS];
    struct buf out = {0};
    struct ens_err err = {0};
    int fd = -1;
    struct container *c = opened(buf_view(&b), component, &fd);

    memset(css, fill, sizeof css);
    assert_ok(written(c, &(struct container_edit){.sigstruct = view_of(css, sizeof css)}, &out, &err), err);
    close_all(&c, fd);
    c = opened(buf_view(&out), component, &fd);
    assert_int_equal(container_sites_len(c), 1);
    assert_memory_equal(container_site(c, 0)->css.bytes, css, CSS);
    has_file(c, file, css, CSS);
    for (size_t i = 0; all_parts[i].name != NULL; i++) {
        if (strcmp(all_parts[i].name, file) != 0)
            has_file(c, all_parts[i].name, all_parts[i].data, strlen(all_parts[i].data));
    }
    close_all(&c, fd);
    buf_free(&out);
    buf_free(&b);
}

static void a_component_is_written(void **state)
{
    (void)state;
    assert_bundle_written("rofl.app", "app.sig", 0);
    assert_bundle_written(NULL, "ronl.sgx.sig", 0xa5); /* it had none */
}

/* ---- streams ---- */

static void a_stream_is_poured_as_it_is(void **state)
{
    static const size_t sizes[] = {8, 64, FILE_PIECE - 1, FILE_PIECE, FILE_PIECE + 1, 2 * FILE_PIECE};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *bytes = calloc(sizes[i], 1);
        int fd = -1;

        assert_non_null(bytes);
        for (size_t k = 8; k < sizes[i]; k++)
            bytes[k] = (uint8_t)(k % 251);
        memcpy(bytes, "ECREATE", 8);
        struct container *c = opened(view_of(bytes, sizes[i]), NULL, &fd);

        for (int again = 0; again < 2; again++) {
            struct buf got = poured(c, 0);

            assert_true(view_equal(buf_view(&got), view_of(bytes, sizes[i])));
            buf_free(&got);
        }
        close_all(&c, fd);
        free(bytes);
    }
}

static void a_bare_stream_has_no_place_for_a_signature(void **state)
{
    struct buf b = support_vector("sgxs/minimal.sgxs");
    static const uint8_t css[CSS];
    char name[CONTAINER_NAME_MAX];
    struct buf out = {0};
    struct ens_err err;
    int fd = -1;
    struct container *c = opened(buf_view(&b), NULL, &fd);

    (void)state;
    assert_fails(written(c, &(struct container_edit){.sigstruct = view_of(css, CSS)}, &out, &err), err,
                 ENS_DATA, "file: is a bare stream, which has no place for a signature: give --to FILE");
    assert_false(container_locate(c, 0, name));
    close_all(&c, fd);
    buf_free(&b);
}

static void a_sink_that_fails_ends_the_stream(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct buf b = bytes_of(&kinds[i]);
        int fd = -1;
        size_t calls = 0;
        struct ens_err err;
        struct container *c = opened(buf_view(&b), NULL, &fd);

        if (kinds[i].streams > 0) {
            assert_fails(container_stream(c, 0, &(struct sink){refuse_piece, &calls}, &err), err, ENS_IO,
                         "the sink is full");
            assert_int_equal(calls, 1);
        }
        assert_fails(container_stream(c, kinds[i].streams, &(struct sink){refuse_piece, &calls}, &err), err,
                     ENS_BUG, "file: has no enclave");
        close_all(&c, fd);
        buf_free(&b);
    }
}

/* ---- SIGSTRUCTs, and everything that has one at a place in the file ---- */

static void a_raw_sigstruct_has_its_size(void **state)
{
    struct buf b = support_vector("sigstruct/good.sig");
    struct ens_err err = {0};

    (void)state;
    refused(view_of(b.data, CSS - 1), NULL, ENS_DATA,
            "a SIGSTRUCT is 1808 bytes, not 1807: give the whole structure");
    refused(view_of(b.data, 12), NULL, ENS_DATA, "a SIGSTRUCT is 1808 bytes, not 12");
    assert_ok(buf_append(&b, view_of("", 1), &err), err);
    refused(buf_view(&b), NULL, ENS_DATA, "a SIGSTRUCT is 1808 bytes, not 1809");
    buf_free(&b);
}

/* Every byte of the new file outside the SIGSTRUCTs, and the FIPS blocks, is that of the old one. */
static void assert_replaced(const struct container *c, struct view before, struct view after,
                            const struct container_edit *edit)
{
    uint8_t *want = malloc(before.len);

    assert_non_null(want);
    assert_int_equal(after.len, before.len);
    memcpy(want, before.data, before.len);
    for (size_t i = 0; i < container_sites_len(c); i++) {
        const struct site *site = container_site(c, i);

        memcpy(want + site->offset, edit->sigstruct.data, CSS);
        if (site->has_fips) {
            uint8_t *fips = memmem(before.data, before.len, site->fips, FIPS_SIZE);

            assert_non_null(fips);
            for (; fips != NULL; fips = memmem(fips + 1, (size_t)(before.data + before.len - fips - 1),
                                               site->fips, FIPS_SIZE))
                memcpy(want + (fips - before.data), edit->fips.data, FIPS_SIZE);
        }
    }
    assert_memory_equal(after.data, want, before.len);
    free(want);
}

static void copies_are_replaced_and_nothing_else(void **state)
{
    static const char *const files[] = {
        "sigstruct/good.sig",
        "containers/intel-1.3.signed.so",
        "containers/intel-2.4-2.1-1.4.signed.so",
        "containers/ego.signed",
        "containers/oe-0.19.signed",
        "containers/intel-3.3-1.5-fips.signed.so",
        "containers/oe-0.19.unsigned",
    };
    uint8_t css[CSS] = {0};
    uint8_t fips[FIPS_SIZE] = {0};
    struct container_edit edit = {.sigstruct = view_of(css, sizeof css), .fips = view_of(fips, sizeof fips)};
    struct buf good = support_vector("sigstruct/kss.sig");

    (void)state;
    memcpy(css, good.data, sizeof css);
    memset(fips, 0x5a, sizeof fips);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct buf b = support_vector(files[i]);
        struct buf out = {0};
        struct ens_err err = {0};
        int fd = -1;
        struct container *c = opened(buf_view(&b), NULL, &fd);

        assert_ok(written(c, &edit, &out, &err), err);
        assert_true(container_sites_len(c) > 0);
        assert_replaced(c, buf_view(&b), buf_view(&out), &edit);
        close_all(&c, fd);
        buf_free(&out);
        buf_free(&b);
    }
    buf_free(&good);
}

static void a_sigstruct_of_another_size_is_not_written(void **state)
{
    static const uint8_t css[CSS + 1];
    static const size_t sizes[] = {0, CSS - 1, CSS + 1};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct buf b = bytes_of(&kinds[i]);
        int fd = -1;
        struct container *c = opened(buf_view(&b), NULL, &fd);

        for (size_t k = 0; k < 3; k++) {
            struct buf out = {0};
            struct ens_err err;

            assert_fails(
                written(c, &(struct container_edit){.sigstruct = view_of(css, sizes[k])}, &out, &err), err,
                ENS_BUG, "file: a SIGSTRUCT of ");
        }
        close_all(&c, fd);
        buf_free(&b);
    }
}

static void places_of_an_elf_enclave_have_names(void **state)
{
    static const struct {
        const char *file;
        uint64_t at;
        const char *want; /* NULL: nothing is there */
    } cases[] = {
        {"containers/intel-1.3.signed.so", 0, NULL},
        {"containers/intel-1.3.signed.so", 0x1000, ".text"},
        {"containers/intel-1.3.signed.so", 0x2387, ".text"},
        {"containers/intel-1.3.signed.so", 0x2388, NULL},
        {"containers/intel-1.3.signed.so", 0x4080, ".dynamic"},
        {"containers/intel-1.3.signed.so", UINT64_MAX, NULL},
        {"containers/oe-0.19.signed", 0x3200, ".oeinfo"},
        {"sigstruct/good.sig", 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b = support_vector(cases[i].file);
        char name[CONTAINER_NAME_MAX] = "untouched";
        int fd = -1;
        struct container *c = opened(buf_view(&b), NULL, &fd);

        assert_int_equal(container_locate(c, cases[i].at, name), cases[i].want != NULL);
        assert_string_equal(name, cases[i].want != NULL ? cases[i].want : "untouched");
        close_all(&c, fd);
        buf_free(&b);
    }
}

/* ---- what the kinds share ---- */

static void copies_have_a_limit(void **state)
{
    struct buf b = support_vector("sigstruct/good.sig");
    int fd = -1;
    struct container *c = opened(buf_view(&b), NULL, &fd);
    struct site *site = NULL;
    struct ens_err err = {0};

    (void)state;
    while (c->sites_len < CONTAINER_SITES_MAX) {
        assert_ok(container_add_site(c, &site, &err), err);
        assert_ptr_equal(site, &c->sites[c->sites_len - 1]);
        assert_true(site->has_place);
        site->has_place = false;
        assert_true(view_is_zero(view_of(site, sizeof *site)));
        memset(site->css.bytes, 0xee, CSS);
    }
    site = NULL;
    assert_fails(container_add_site(c, &site, &err), err, ENS_DATA,
                 "file: holds more than 8 SIGSTRUCTs: it is damaged");
    assert_null(site);
    assert_memory_equal(container_site(c, 0)->css.bytes, b.data, CSS);
    close_all(&c, fd);
    buf_free(&b);
}

static void what_cannot_be_overwritten_is_told(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct container c = {.label = "file"};
    struct ens_err err;

    (void)state;
    container_may_edit(&c, 8, 4);
    assert_fails(container_put(&c, full, 8, view_of("x", 1), &err), err, ENS_IO,
                 "the new file: cannot be written: No space");
    (void)close(full);
    assert_fails(container_put(&c, -1, 11, view_of("x", 1), &err), err, ENS_IO,
                 "the new file: cannot be written");
}

/* Beside, in front of, and across the end of a place that may be edited: nothing is written. */
static void what_is_not_to_be_edited_is_not(void **state)
{
    static const struct elf_span places[] = {{7, 1}, {12, 1}, {7, 2}, {11, 2}, {8, 5}, {UINT64_MAX, 1}};
    struct container c = {.label = "file"};

    (void)state;
    container_may_edit(&c, 8, 4);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct ens_err err;

        assert_fails(container_put(&c, -1, places[i].offset, view_of("xxxxx", places[i].len), &err), err,
                     ENS_BUG, "are not to be edited");
    }
}

/* In a process of its own, since a signal that came is not forgotten. The exit status counts faults. */
static int interrupted_work(struct container *c)
{
    static const uint8_t css[CSS];
    const struct container_edit edit = {.sigstruct = view_of(css, CSS)};
    struct buf out = {0};
    struct ens_err err = {0};
    int wrong = 0;

    interrupt_install();
    (void)raise(SIGTERM);
    if (container_streams_len(c) > 0)
        wrong += container_stream(c, 0, &(struct sink){put_into_buf, &out}, &err);
    else
        wrong += written(c, &edit, &out, &err);
    return wrong + (err.code != ENS_INTERRUPTED);
}

static void a_signal_ends_the_work(void **state)
{
    static const char *const files[] = {"sgxs/minimal.sgxs", "sigstruct/good.sig"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf b = support_vector(files[i]);
        int fd = -1;
        int status = -1;
        struct container *c = opened(buf_view(&b), NULL, &fd);
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            _exit(interrupted_work(c));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        close_all(&c, fd);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_recognised_and_opened),
        cmocka_unit_test(a_head_is_recognised_whole),
        cmocka_unit_test(what_is_no_container_is_told_what_to_give),
        cmocka_unit_test(an_elf_file_without_metadata_is_told_which_tools_lay_it_out),
        cmocka_unit_test(a_damaged_elf_file_is_told_what_is_damaged),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(a_path_is_the_label_and_is_copied),
        cmocka_unit_test(a_descriptor_stays_the_callers),
        cmocka_unit_test(only_a_bundle_has_components),
        cmocka_unit_test(the_component_that_is_meant_is_opened),
        cmocka_unit_test(a_component_is_signed_or_not),
        cmocka_unit_test(a_sigstruct_of_a_bundle_has_its_size),
        cmocka_unit_test(a_component_is_written),
        cmocka_unit_test(a_stream_is_poured_as_it_is),
        cmocka_unit_test(a_bare_stream_has_no_place_for_a_signature),
        cmocka_unit_test(a_sink_that_fails_ends_the_stream),
        cmocka_unit_test(a_raw_sigstruct_has_its_size),
        cmocka_unit_test(copies_are_replaced_and_nothing_else),
        cmocka_unit_test(a_sigstruct_of_another_size_is_not_written),
        cmocka_unit_test(places_of_an_elf_enclave_have_names),
        cmocka_unit_test(copies_have_a_limit),
        cmocka_unit_test(what_cannot_be_overwritten_is_told),
        cmocka_unit_test(what_is_not_to_be_edited_is_not),
        cmocka_unit_test(a_signal_ends_the_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
