/* limit: the least work that any correct tool must do for gen-sign-data and set-sig, written plainly. `make
 * bench` measures ensign against it.
 *
 *     limit [--with isal|libdeflate|zlib] gen BUNDLE YYYYMMDD OUT
 *     limit [--with ...] set BUNDLE YYYYMMDD SIGNATURE PUBLIC-KEY OUT
 *
 * Both map the bundle, walk the zip directory, and inflate every entry that the manifest has a digest for: an
 * entry whose digest is not compared may be anything, so none can be left out. Each piece is hashed while it
 * is in the cache: CRC-32, as a zip reader that comes later will compare it; SHA-512/256 for the manifest;
 * and SHA-256 of the one stream, which is MRENCLAVE. `gen` writes the 256 bytes to sign. `set` puts the
 * SIGSTRUCT together, cubes the signature, and writes a bundle with a new manifest, the signature and all
 * else copied as it is.
 *
 * One thread. No hostile input is expected: what a tool must refuse costs nothing next to the hashing, so
 * only what bench's own bundles hold is read (no zip64, one component), and anything else ends the program.
 * Left out on purpose is what ensign does beyond the least: it judges each page as a CPU would, and reads
 * what it wrote. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <jansson.h>
#include <libdeflate.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#define ZLIB_CONST
#include <zlib.h>

#define PIECE       (128 * 1024) /* inflated and hashed at a time: within the second-level cache */
#define ENTRIES_MAX 64
#define NAME_SIZE   256
#define SIGNED_SIZE 256
#define KEY_SIZE    384
#define SIGSTRUCT   1808
#define MANIFEST    "META-INF/MANIFEST.MF"

enum { ISAL, LIBDEFLATE, ZLIB } library = ISAL;

struct entry {
    char name[NAME_SIZE];
    unsigned method;
    uint32_t crc, packed_size, size;
    const uint8_t *packed;
    uint64_t at; /* of `packed` in the file */
    uint32_t out_at;
};

struct bundle {
    int fd;
    const uint8_t *data;
    size_t size, len;
    struct entry entries[ENTRIES_MAX];
    json_t *manifest;
    const char *stream; /* name of the enclave's stream, in `manifest` */
    uint8_t mrenclave[32];
};

/* What one entry is poured through. */
struct sums {
    uint32_t crc;
    uint64_t size;
    EVP_MD_CTX *sha512_256, *sha256; /* sha256: of the stream only, else NULL */
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "limit: %s\n", what);
    exit(1);
}

static void must(bool ok, const char *what)
{
    if (!ok)
        die(what);
}

static uint32_t get(const uint8_t *p, unsigned bytes)
{
    uint32_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

static void put(uint8_t *p, unsigned bytes, uint64_t value)
{
    for (; bytes > 0; bytes--, value >>= 8)
        *p++ = (uint8_t)value;
}

/* ---- the zip directory (PKWARE APPNOTE 4.3.7, 4.3.12, 4.3.16) ---- */

static void walk(struct bundle *b)
{
    const uint8_t *end = b->data + b->size - 22;
    const uint8_t *head = NULL;

    must(b->size > 22 && get(end, 4) == 0x06054b50, "no end record at the end");
    b->len = get(end + 10, 2);
    must(b->len <= ENTRIES_MAX, "too many entries");
    head = b->data + get(end + 16, 4);
    for (size_t i = 0; i < b->len; i++) {
        struct entry *e = &b->entries[i];
        const uint8_t *local = b->data + get(head + 42, 4);
        unsigned name = get(head + 28, 2);

        must(get(head, 4) == 0x02014b50 && get(local, 4) == 0x04034b50 && name < NAME_SIZE, "bad header");
        memcpy(e->name, head + 46, name);
        e->method = get(head + 10, 2);
        e->crc = get(head + 16, 4);
        e->packed_size = get(head + 20, 4);
        e->size = get(head + 24, 4);
        e->packed = local + 30 + get(local + 26, 2) + get(local + 28, 2);
        e->at = (uint64_t)(e->packed - b->data);
        must(e->size != 0xffffffff && e->packed_size <= b->size - e->at, "an entry leaves the file");
        head += 46 + name + get(head + 30, 2) + get(head + 32, 2);
    }
}

/* ---- inflating and hashing, a piece at a time ---- */

static void pour(struct sums *s, const uint8_t *piece, size_t len)
{
    s->crc = crc32_gzip_refl(s->crc, piece, len);
    s->size += len;
    must(EVP_DigestUpdate(s->sha512_256, piece, len) == 1, "SHA-512/256");
    must(s->sha256 == NULL || EVP_DigestUpdate(s->sha256, piece, len) == 1, "SHA-256");
}

static void inflate_isal(const struct entry *e, struct sums *s)
{
    static struct inflate_state state;
    static uint8_t piece[PIECE];

    isal_inflate_init(&state);
    state.next_in = (uint8_t *)(uintptr_t)e->packed;
    state.avail_in = e->packed_size;
    while (state.block_state != ISAL_BLOCK_FINISH) {
        state.next_out = piece;
        state.avail_out = PIECE;
        must(isal_inflate(&state) == ISAL_DECOMP_OK && state.avail_out < PIECE, "damaged data");
        pour(s, piece, PIECE - state.avail_out);
    }
}

static void inflate_zlib(const struct entry *e, struct sums *s)
{
    static uint8_t piece[PIECE];
    z_stream z = {.next_in = e->packed, .avail_in = e->packed_size};
    int result = inflateInit2(&z, -15);

    while (result == Z_OK) {
        z.next_out = piece;
        z.avail_out = PIECE;
        result = inflate(&z, Z_NO_FLUSH);
        must(result == Z_OK || result == Z_STREAM_END, "damaged data");
        pour(s, piece, PIECE - z.avail_out);
    }
    (void)inflateEnd(&z);
}

/* libdeflate knows no pieces: the whole entry is in memory. */
static void inflate_libdeflate(const struct entry *e, struct sums *s)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    uint8_t *out = malloc(e->size);

    must(d != NULL && out != NULL, "out of memory");
    must(libdeflate_deflate_decompress(d, e->packed, e->packed_size, out, e->size, NULL) ==
             LIBDEFLATE_SUCCESS,
         "damaged data");
    for (size_t at = 0; at < e->size; at += PIECE)
        pour(s, out + at, e->size - at < PIECE ? e->size - at : PIECE);
    free(out);
    libdeflate_free_decompressor(d);
}

static EVP_MD_CTX *start(const EVP_MD *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1, "out of memory");
    return ctx;
}

/* Pours an entry: its SHA-512/256 as hex into `ret_hex`; its SHA-256 too where `ret_sha256` is not NULL. */
static void check(const struct entry *e, char ret_hex[65], uint8_t *ret_sha256)
{
    struct sums s = {.sha512_256 = start(EVP_sha512_256()),
                     .sha256 = ret_sha256 != NULL ? start(EVP_sha256()) : NULL};
    uint8_t digest[32];

    if (e->method == 0)
        pour(&s, e->packed, e->packed_size);
    else if (library == ISAL)
        inflate_isal(e, &s);
    else
        (library == ZLIB ? inflate_zlib : inflate_libdeflate)(e, &s);
    must(s.size == e->size && s.crc == e->crc, "size or CRC");
    must(EVP_DigestFinal_ex(s.sha512_256, digest, NULL) == 1, "SHA-512/256");
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
    must(ret_sha256 == NULL || EVP_DigestFinal_ex(s.sha256, ret_sha256, NULL) == 1, "SHA-256");
    EVP_MD_CTX_free(s.sha512_256);
    EVP_MD_CTX_free(s.sha256);
}

/* The manifest's text: the one entry that is held in memory. */
static void load_manifest(struct bundle *b)
{
    const struct entry *e = &b->entries[0];
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    char *text = malloc(e->size);

    must(b->len > 0 && strcmp(e->name, MANIFEST) == 0 && d != NULL && text != NULL, "no manifest");
    if (e->method == 0)
        memcpy(text, e->packed, e->size);
    else
        must(libdeflate_deflate_decompress(d, e->packed, e->packed_size, text, e->size, NULL) ==
                 LIBDEFLATE_SUCCESS,
             "damaged manifest");
    must(crc32_gzip_refl(0, (uint8_t *)text, e->size) == e->crc, "CRC of the manifest");
    b->manifest = json_loadb(text, e->size, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    libdeflate_free_decompressor(d);
}

static json_t *sgx_of(const struct bundle *b)
{
    return json_object_get(json_array_get(json_object_get(b->manifest, "components"), 0), "sgx");
}

/* Opens a bundle and compares every digest: the one pass. */
static void open_bundle(const char *path, struct bundle *b)
{
    struct stat st;
    bool measured = false;

    b->fd = open(path, O_RDONLY);
    must(b->fd >= 0 && fstat(b->fd, &st) == 0, path);
    b->size = (size_t)st.st_size;
    b->data = mmap(NULL, b->size, PROT_READ, MAP_SHARED, b->fd, 0);
    must(b->data != MAP_FAILED, "mmap");
    walk(b);
    load_manifest(b);
    b->stream = json_string_value(json_object_get(sgx_of(b), "executable"));
    must(b->stream != NULL, "no SGX component");
    for (size_t i = 1; i < b->len; i++) {
        const struct entry *e = &b->entries[i];
        const char *want =
            json_string_value(json_object_get(json_object_get(b->manifest, "digests"), e->name));
        bool stream = strcmp(e->name, b->stream) == 0;
        char have[65];

        check(e, have, stream ? b->mrenclave : NULL);
        must(want != NULL && strcmp(want, have) == 0, "a digest");
        measured = measured || stream;
    }
    must(measured, "no stream");
}

/* ---- SIGSTRUCT (Intel SDM volume 3D, 38.13) ---- */

/* The signed fields, with the defaults that orc has; `s` is zero. */
static void fill(uint8_t s[SIGSTRUCT], const char *date, const uint8_t mrenclave[32])
{
    static const uint8_t header[16] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    static const uint8_t header2[16] = {1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0};

    memcpy(s, header, sizeof header);
    put(s + 20, 4, strtoul(date, NULL, 16)); /* binary coded decimal */
    memcpy(s + 24, header2, sizeof header2);
    put(s + 904, 4, 0xffffffff);     /* MISCMASK */
    put(s + 928, 8, 4);              /* ATTRIBUTES: MODE64BIT */
    put(s + 936, 8, 3);              /* XFRM */
    put(s + 944, 8, UINT64_MAX - 2); /* ATTRIBUTEMASK: all but DEBUG */
    put(s + 952, 8, UINT64_MAX - 3); /* XFRM's mask */
    memcpy(s + 960, mrenclave, 32);
}

static void signed_bytes(const uint8_t s[SIGSTRUCT], uint8_t ret[SIGNED_SIZE])
{
    memcpy(ret, s, 128);
    memcpy(ret + 128, s + 900, 128);
}

static size_t slurp(const char *path, void *buffer, size_t size)
{
    FILE *f = fopen(path, "rb");

    must(f != NULL, path);
    size = fread(buffer, 1, size, f);
    (void)fclose(f);
    return size;
}

static BIGNUM *modulus_of(const char *path)
{
    FILE *f = fopen(path, "rb");
    EVP_PKEY *key = f != NULL ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;
    BIGNUM *n = NULL;

    must(key != NULL && EVP_PKEY_get_bn_param(key, "n", &n) == 1, path);
    (void)fclose(f);
    EVP_PKEY_free(key);
    return n;
}

/* Key, signature, Q1 = s^2 / n and Q2 = s (s^2 mod n) / n; what remains is s^3 mod n, the padded digest. */
static void seal(uint8_t s[SIGSTRUCT], const char *sig_path, const char *key_path)
{
    static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t sig[KEY_SIZE + 1], want[KEY_SIZE], have[KEY_SIZE], message[SIGNED_SIZE];
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = modulus_of(key_path), *x = BN_new(), *y = BN_new(), *q = BN_new();

    must(slurp(sig_path, sig, sizeof sig) == KEY_SIZE && ctx != NULL && q != NULL, "the signature's size");
    must(BN_bin2bn(sig, KEY_SIZE, x) != NULL && BN_cmp(x, n) < 0, "the signature is no residue");
    put(s + 512, 4, 3); /* EXPONENT */
    must(BN_bn2lebinpad(n, s + 128, KEY_SIZE) > 0 && BN_bn2lebinpad(x, s + 516, KEY_SIZE) > 0, "key");
    must(BN_sqr(y, x, ctx) && BN_div(q, y, y, n, ctx) && BN_bn2lebinpad(q, s + 1040, KEY_SIZE) > 0, "Q1");
    must(BN_mul(y, y, x, ctx) && BN_div(q, y, y, n, ctx) && BN_bn2lebinpad(q, s + 1424, KEY_SIZE) > 0, "Q2");
    memset(want, 0xff, sizeof want);
    want[0] = 0;
    want[1] = 1;
    want[KEY_SIZE - 32 - sizeof info - 1] = 0;
    memcpy(want + KEY_SIZE - 32 - sizeof info, info, sizeof info);
    signed_bytes(s, message);
    must(EVP_Digest(message, sizeof message, want + KEY_SIZE - 32, NULL, EVP_sha256(), NULL) == 1, "SHA-256");
    must(BN_bn2binpad(y, have, KEY_SIZE) > 0 && memcmp(have, want, KEY_SIZE) == 0, "not this signature");
    BN_free(n), BN_free(x), BN_free(y), BN_free(q);
    BN_CTX_free(ctx);
}

/* ---- writing ---- */

struct out {
    int fd;
    uint64_t at;
};

static void put_all(struct out *o, const void *data, size_t len)
{
    must(write(o->fd, data, len) == (ssize_t)len, "write");
    o->at += len;
}

/* The fields that both headers of an entry share, 26 bytes from "version needed". */
static void fields(uint8_t *p, const struct entry *e)
{
    put(p, 2, 20);
    put(p + 4, 2, e->method);
    put(p + 8, 2, 0x21); /* 1980-01-01 */
    put(p + 10, 4, e->crc);
    put(p + 14, 4, e->packed_size);
    put(p + 18, 4, e->size);
    put(p + 22, 2, strlen(e->name));
}

/* An entry: its bytes out of memory, or from `from` without passing through this program. */
static void write_entry(struct out *o, struct entry *e, const void *memory, int from)
{
    uint8_t head[30 + NAME_SIZE] = {0x50, 0x4b, 3, 4};
    off_t at = (off_t)e->at;

    must(o->at + e->packed_size < UINT32_MAX, "4 GiB and more need zip64");
    e->out_at = (uint32_t)o->at;
    fields(head + 4, e);
    memcpy(head + 30, e->name, strlen(e->name));
    put_all(o, head, 30 + strlen(e->name));
    if (memory != NULL) {
        put_all(o, memory, e->packed_size);
        return;
    }
    for (size_t left = e->packed_size; left > 0;) {
        ssize_t n = copy_file_range(from, &at, o->fd, NULL, left, 0);

        must(n > 0, "copy_file_range");
        left -= (size_t)n;
    }
    o->at += e->packed_size;
}

static void write_directory(struct out *o, const struct bundle *b)
{
    uint8_t end[22] = {0x50, 0x4b, 5, 6};
    uint64_t at = o->at;

    for (size_t i = 0; i < b->len; i++) {
        const struct entry *e = &b->entries[i];
        uint8_t head[46 + NAME_SIZE] = {0x50, 0x4b, 1, 2, 20};

        fields(head + 6, e);
        put(head + 42, 4, e->out_at);
        memcpy(head + 46, e->name, strlen(e->name));
        put_all(o, head, 46 + strlen(e->name));
    }
    put(end + 8, 2, b->len);
    put(end + 10, 2, b->len);
    put(end + 12, 4, o->at - at);
    put(end + 16, 4, at);
    put_all(o, end, sizeof end);
}

/* A stored entry that is made here. */
static struct entry fresh(const char *name, const void *data, size_t len)
{
    struct entry e = {.size = (uint32_t)len, .packed_size = (uint32_t)len};

    (void)snprintf(e.name, sizeof e.name, "%s", name);
    e.crc = crc32_gzip_refl(0, data, len);
    return e;
}

/* Manifest and signature as they must be now; `ret_text` is the manifest's text. */
static void edit(struct bundle *b, const uint8_t sigstruct[SIGSTRUCT], char **ret_text)
{
    char name[NAME_SIZE], hex[65];
    struct entry e;

    must(b->len < ENTRIES_MAX, "too many entries");
    (void)snprintf(name, sizeof name, "%.200s.sig", b->stream);
    e = fresh(name, sigstruct, SIGSTRUCT);
    e.packed = sigstruct;
    check(&e, hex, NULL);
    must(json_object_set_new(sgx_of(b), "signature", json_string(name)) == 0 &&
             json_object_set_new(json_object_get(b->manifest, "digests"), name, json_string(hex)) == 0,
         "out of memory");
    *ret_text = json_dumps(b->manifest, JSON_COMPACT);
    must(*ret_text != NULL, "out of memory");
    b->entries[b->len++] = e;
    b->entries[0] = fresh(MANIFEST, *ret_text, strlen(*ret_text));
}

/* Beside the name that it will have, flushed, renamed, and the directory flushed: whole or not at all. */
static void write_bundle(struct bundle *b, const uint8_t sigstruct[SIGSTRUCT], const char *path)
{
    char temporary[4096], directory[4096], *text = NULL, *slash = NULL;
    struct out o = {0};
    int dir = -1;

    edit(b, sigstruct, &text);
    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    (void)snprintf(directory, sizeof directory, "%s", path);
    slash = strrchr(directory, '/');
    must(slash != NULL, "OUT must be a path with a directory");
    *slash = '\0';
    o.fd = open(temporary, O_CREAT | O_EXCL | O_WRONLY, 0666);
    must(o.fd >= 0, temporary);
    for (size_t i = 0; i < b->len; i++)
        write_entry(&o, &b->entries[i], i == 0 ? (void *)text : i + 1 == b->len ? sigstruct : NULL, b->fd);
    write_directory(&o, b);
    dir = open(directory, O_RDONLY | O_DIRECTORY);
    must(fsync(o.fd) == 0 && close(o.fd) == 0 && rename(temporary, path) == 0 && fsync(dir) == 0, path);
    free(text);
}

static void write_signed(const uint8_t sigstruct[SIGSTRUCT], const char *path)
{
    uint8_t message[SIGNED_SIZE];
    FILE *f = fopen(path, "wbx");

    signed_bytes(sigstruct, message);
    must(f != NULL && fwrite(message, sizeof message, 1, f) == 1 && fclose(f) == 0, path);
}

int main(int argc, char **argv)
{
    static struct bundle b;
    uint8_t sigstruct[SIGSTRUCT] = {0};

    if (argc > 2 && strcmp(argv[1], "--with") == 0) {
        library = argv[2][0] == 'z' ? ZLIB : argv[2][0] == 'l' ? LIBDEFLATE : ISAL;
        argc -= 2;
        argv += 2;
    }
    bool gen = argc == 5 && strcmp(argv[1], "gen") == 0;

    must(gen || (argc == 7 && strcmp(argv[1], "set") == 0),
         "usage: limit [--with isal|libdeflate|zlib] gen BUNDLE YYYYMMDD OUT | set BUNDLE YYYYMMDD SIG PUB "
         "OUT");
    open_bundle(argv[2], &b);
    fill(sigstruct, argv[3], b.mrenclave);
    if (gen) {
        write_signed(sigstruct, argv[4]);
    } else {
        seal(sigstruct, argv[4], argv[5]);
        write_bundle(&b, sigstruct, argv[6]);
    }
    json_decref(b.manifest);
    return 0;
}
