/* The manifest: what its text and its fields may be, how it is edited, how it is written. */
#include "tests/support/zip.h"

#include "bundle/orc/manifest.h"
#include "bundle/orc/manifest_scan.h"

#define RONL "{\"kind\":\"ronl\",\"executable\":\"e\"}"
#define TDX_UP_TO                                                                                            \
    "{\"components\":[{\"kind\":\"rofl\",\"name\":\"tdx\",\"tdx\":{\"firmware\":\"f\",\"resources\":"
#define BASE64  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ENCLAVE "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADBAUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

static struct manifest *parsed(const char *json)
{
    struct manifest *m = NULL;
    struct ens_err err = {0};

    if (!manifest_parse(view_of_string(json), &m, &err))
        fail_msg("%s: %s", json, err.msg);
    return m;
}

static void accept(const char *json)
{
    struct manifest *m = parsed(json);

    manifest_freep(&m);
}

static void refuse(const char *json, const char *says)
{
    struct manifest *m = NULL;
    struct ens_err err = {0};

    if (manifest_parse(view_of_string(json), &m, &err))
        fail_msg("accepted: %s", json);
    assert_int_equal(err.code, ENS_DATA);
    assert_null(m);
    if (strstr(err.msg, says) == NULL)
        fail_msg("%s: '%s' does not say '%s'", json, err.msg, says);
    assert_null(strchr(err.msg, '\n'));
}

/* A manifest with one component, a ronl one with these further fields. */
static void accept_in(const char *fields)
{
    char json[2048];

    (void)snprintf(json, sizeof json, "{\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\",%s}]}",
                   fields);
    accept(json);
}

static void refuse_in(const char *fields, const char *says)
{
    char json[2048];

    (void)snprintf(json, sizeof json, "{\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\",%s}]}",
                   fields);
    refuse(json, says);
}

/* Keeps all digests. */
static struct buf rewritten(const struct manifest *m)
{
    struct buf b = {0};
    struct ens_err err = {0};
    size_t len = 0;
    const struct manifest_digest *digests = manifest_digests(m, &len);
    const char *names[16];

    for (size_t i = 0; i < len; i++)
        names[i] = digests[i].name;
    assert_ok(manifest_write(m, names, len, &b, &err), err);
    return b;
}

static void writes(const char *json, const char *want)
{
    struct manifest *m = parsed(json);
    struct buf b = rewritten(m);

    if (!view_equal(buf_view(&b), view_of_string(want)))
        fail_msg("%.*s, not %s", (int)b.len, (const char *)b.data, want);
    buf_free(&b);
    manifest_freep(&m);
}

/* ---- text ---- */

static void test_text(void **state)
{
    (void)state;
    accept("{}");
    accept(" {\"x\" : [ 1 , true , null ] }\n");
    refuse("", "");
    refuse("null", "is not a JSON object");
    refuse("[]", "is not a JSON object");
    refuse("\"x\"", "is not a JSON object");
    refuse("{\"x\":1", "line 1");
    refuse("{\"x\":1,}", "line 1");
    refuse("{'x':1}", "line 1");
    refuse("{\"x\":01}", "line 1");
    refuse("{\"x\":NaN}", "line 1");
    refuse("{}{}", "end of file");
    refuse("{} x", "end of file");
    refuse("\xef\xbb\xbf{}", "byte order mark");
    refuse("{\"x\":\"a\nb\"}", "unexpected newline");
    refuse("{\"x\":\"a\tb\"}", "control character");
    refuse("{\"x\":\"\xff\"}", "unable to decode byte 0xff");
    refuse("{\"x\":\"\xed\xa0\x80\"}", "unable to decode byte 0xed");
    refuse("{\"x\":\"\\ud800\"}", "");
    refuse("{\"x\":\"a\\u0000b\"}", "U+0000");
    refuse("{\"a\\u0000b\":1}", "U+0000");

    struct manifest *m = NULL;
    struct ens_err err = {0};

    assert_fails(manifest_parse(view_of("{}\0", 3), &m, &err), err, ENS_DATA, "end of file");
}

static void test_duplicate_keys(void **state)
{
    (void)state;
    refuse("{\"name\":\"a\",\"name\":\"a\"}", "twice");
    refuse("{\"x\":{\"y\":[{\"z\":1,\"z\":1}]}}", "twice");
    refuse("{\"digests\":{\"a\":\"" ZEROS "\",\"a\":\"" ZEROS "\"}}", "twice");
    refuse("{\"name\":\"a\",\"n\\u0061me\":\"a\"}", "twice");
    accept("{\"x\":{\"z\":1},\"y\":{\"z\":1}}");
}

/* Keys that Go takes for known ones, at every level; two letters outside ASCII fold as well. */
static void test_keys_in_another_case(void **state)
{
    (void)state;
    refuse("{\"Name\":\"x\"}", "Name: differs from the key name only in case");
    refuse("{\"digest\xc5\xbf\":{}}", "only in case");
    refuse("{\"version\":{\"MAJOR\":1}}", "version: MAJOR");
    refuse("{\"executable\":\"e\",\"sgx\":{\"executable\":\"s\",\"sIgnature\":\"\"}}", "sgx: sIgnature");
    refuse("{\"components\":[{\"\xe2\x84\xaaind\":\"ronl\"}]}", "only in case");
    refuse_in("\"elf\":{\"executable\":\"x\",\"Executable\":\"x\"}", "elf: Executable");
    refuse_in("\"identity\":[{\"enclave\":\"" ENCLAVE "\",\"hyperVisor\":\"\"}]", "identity: hyperVisor");
    refuse_in("\"tdx\":{\"Firmware\":\"f\"}", "tdx: Firmware");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"resources\":{\"Memory\":16,\"cpus\":1}}", "resources: Memory");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"resources\":{\"memory\":16,\"cpus\":1,\"gpu\":{\"Count\":1}}}",
              "gpu: Count");
    accept("{\"names\":1,\"nam\":1,\"X\":1,\"x\":1,\"\xc5\xbf\":1}");
    accept("{\"digests\":{\"a\":\"" ZEROS "\",\"A\":\"" ZEROS "\"}}");
}

static void test_numbers(void **state)
{
    (void)state;
    writes("{\"x\":[1.5,0.1,1e3,-2.50,1E-7,9007199254740993,-9223372036854775808,0.0,-0.0,1e300,123456.789]}",
           "{\"x\":[1.5,0.1,1000.0,-2.5,1e-07,9007199254740993,-9223372036854775808,0.0,-0.0,1e+300,123456."
           "789]}");
    refuse("{\"x\":9223372036854775808}", "more than 63 bits");
    refuse("{\"x\":-9223372036854775809}", "more than 63 bits");
    refuse("{\"x\":-0}", "the number -0");
    refuse("{\"x\":0.1000000000000000000001}", "the number 0.1000000000000000000001");
    refuse("{\"x\":3.14159265358979323846}", "fewer digits");
    refuse("{\"x\":1e400}", "1e400");
    refuse("{\"x\":1e-400}", "1e-400");
    refuse("{\"x\":0.00000000000000000000000000000000000000000000000000000000000000001}",
           "more than the limit of 63");
    accept("{\"x\":\"1e400 -0 \\\" 1e400\"}");
}

static void test_limits(void **state)
{
    struct buf b = {0};
    struct manifest *m = NULL;
    struct ens_err err = {0};

    (void)state;
    put(&b, "{\"x\":", 5);
    for (int i = 0; i < MANIFEST_DEPTH_MAX - 1; i++)
        put(&b, "[", 1);
    for (int i = 0; i < MANIFEST_DEPTH_MAX - 1; i++)
        put(&b, "]", 1);
    put(&b, "}", 1);
    assert_ok(manifest_parse(buf_view(&b), &m, &err), err);
    manifest_freep(&m);
    b.len = 0;
    put(&b, "{\"x\":", 5);
    for (int i = 0; i < MANIFEST_DEPTH_MAX; i++)
        put(&b, "[", 1);
    assert_fails(manifest_parse(buf_view(&b), &m, &err), err, ENS_DATA, "deeper than the limit of 32");
    b.len = 0;
    for (int i = 0; i <= MANIFEST_VALUES_MAX; i++)
        put(&b, ",", 1);
    assert_fails(manifest_parse(buf_view(&b), &m, &err), err, ENS_DATA, "more values than the limit");
    assert_fails(manifest_parse(view_of(b.data, BUNDLE_MANIFEST_MAX + 1), &m, &err), err, ENS_DATA,
                 "more than the limit of 16777216");
    b.len = 0;
    put(&b, "{\"components\":[", 15);
    for (int i = 0; i <= BUNDLE_COMPONENTS_MAX; i++)
        put(&b, i > 0 ? ",{}" : "{}", i > 0 ? 3 : 2);
    put(&b, "]}", 2);
    assert_fails(manifest_parse(buf_view(&b), &m, &err), err, ENS_DATA, "more than the limit of 4096");
    buf_free(&b);
}

/* ---- fields ---- */

static void test_types(void **state)
{
    (void)state;
    refuse("{\"name\":5}", "name: must be a text");
    refuse("{\"executable\":[\"e\"]}", "executable: must be a text");
    refuse("{\"sgx\":[]}", "sgx: must be an object");
    refuse("{\"components\":{}}", "components: must be an array");
    refuse("{\"components\":[null]}", "components[0]: must be an object");
    refuse("{\"components\":[" RONL ",1]}", "components[1]: must be an object");
    refuse("{\"digests\":[]}", "digests: must be an object");
    refuse("{\"version\":\"1.2.3\"}", "version: must be an object");
    refuse_in("\"disabled\":0", "disabled: must be true or false");
    refuse_in("\"elf\":\"e\"", "elf: must be an object");
    refuse_in("\"sgx\":{\"executable\":7}", "sgx: executable: must be a text");
    refuse_in("\"identity\":{}", "identity: must be an array");
    accept("{\"name\":null,\"id\":null,\"version\":null,\"executable\":null,\"sgx\":null,\"components\":null,"
           "\"digests\":null}");
    accept_in("\"name\":\"\",\"elf\":null,\"sgx\":null,\"tdx\":null,\"identity\":null,\"disabled\":false");
}

static void test_id(void **state)
{
    struct manifest *m =
        parsed("{\"id\":\"C000000000000000fffffffffffffffffffffffffffffffffffffffffffffffF\"}");

    (void)state;
    assert_int_equal(manifest_info(m)->id[0], 0xc0);
    assert_int_equal(manifest_info(m)->id[31], 0xff);
    manifest_freep(&m);
    accept("{\"id\":\"" BASE64 "\"}");
    refuse("{\"id\":1}", "id: must be a text");
    refuse("{\"id\":\"\"}", "id: must be 32 bytes");
    refuse("{\"id\":\"0" ZEROS "\"}", "id: must be 32 bytes");
    refuse("{\"id\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", "id: must be 32 bytes");
    refuse("{\"id\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\"}", "id: must be 32 bytes");
    refuse("{\"id\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\"}", "id: must be 32 bytes");
    refuse("{\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\\nAAAAAAAAAAAAAAAAAAAA=\"}", "id: must be 32 bytes");
    refuse("{\"id\":\"2000000000000000000000000000000000000000000000000000000000000000\"}", "flags");
    refuse("{\"id\":\"0000000000000001000000000000000000000000000000000000000000000000\"}", "flags");
    accept("{\"id\":\"0000000000000000000000000000000000000000000000000000000000000001\"}");
}

static void test_version(void **state)
{
    struct manifest *m = parsed("{\"version\":{\"major\":65535,\"minor\":0},\"components\":[" RONL
                                ",{\"kind\":\"rofl\",\"name\":\"abc\",\"version\":{\"patch\":9}}]}");
    const struct bundle_info *info = manifest_info(m);

    (void)state;
    assert_int_equal(info->version.major, 65535);
    assert_int_equal(info->components[0].version.major, 65535); /* ronl follows the top level */
    assert_int_equal(info->components[1].version.major, 0);
    assert_int_equal(info->components[1].version.patch, 9);
    struct buf b = rewritten(m);

    /* That is how it is read; what is written stays as it was. */
    assert_null(memmem(b.data, b.len, "\"kind\":\"ronl\",\"executable\":\"e\",\"version\"", 41));
    buf_free(&b);
    manifest_freep(&m);
    refuse("{\"version\":{\"major\":65536}}", "version: major: must be from 0 to 65535");
    refuse("{\"version\":{\"major\":-1}}", "must be from 0 to 65535");
    refuse("{\"version\":{\"major\":1.0}}", "must be an integer");
    refuse("{\"version\":{\"major\":1e0}}", "must be an integer");
    refuse("{\"version\":{\"major\":true}}", "must be an integer");
    refuse("{\"version\":{\"major\":\"1\"}}", "must be an integer");
    refuse_in("\"version\":{\"patch\":65536}", "components[0]: version: patch");
}

static void test_digest_values(void **state)
{
    struct manifest *m = parsed("{\"digests\":{\"b\":\"" ZEROS "\",\"a\":\"" BASE64 "\"}}");
    size_t len = 0;
    const struct manifest_digest *digests = manifest_digests(m, &len);

    (void)state;
    assert_int_equal(len, 2);
    assert_string_equal(digests[0].name, "a");
    assert_string_equal(digests[1].name, "b");
    assert_ptr_equal(manifest_digest(m, "b"), &digests[1]);
    assert_null(manifest_digest(m, "c"));
    manifest_freep(&m);
    refuse("{\"digests\":{\"a\":\"\"}}", "digests: a: must be a SHA-512/256");
    refuse("{\"digests\":{\"a\":null}}", "digests: a: must be");
    refuse("{\"digests\":{\"a\":5}}", "digests: a: must be");
    refuse("{\"digests\":{\"a\":\"00\"}}", "digests: a: must be");
    refuse("{\"digests\":{\"a\":\"0" ZEROS "\"}}", "digests: a: must be");
    refuse("{\"digests\":{\"a\":\"g" ZEROS "\"}}", "digests: a: must be");
}

/* ---- components ---- */

static void test_kinds(void **state)
{
    char json[512];
    char name[130];

    (void)state;
    accept("{\"components\":[" RONL "]}");
    refuse("{\"components\":[{}]}", "components[0]: kind: must be ronl or rofl");
    refuse("{\"components\":[{\"kind\":\"RONL\",\"executable\":\"e\"}]}", "kind: must be");
    refuse("{\"components\":[{\"kind\":\"ronl\"}]}", "executable: a ronl component must name one");
    refuse("{\"components\":[{\"kind\":\"ronl\",\"executable\":\"\"}]}", "executable: a ronl component must");
    accept("{\"components\":[{\"kind\":\"ronl\",\"elf\":{\"executable\":\"e\"}}]}");
    refuse_in("\"name\":\"abc\"", "name: a ronl component has no name");
    refuse_in("\"disabled\":true", "disabled: a ronl component");
    refuse_in("\"elf\":{}", "elf.executable: must name");
    refuse_in("\"elf\":{\"executable\":\"\"}", "elf.executable: must name");
    refuse_in("\"sgx\":{}", "sgx.executable: must name");
    refuse_in("\"sgx\":{\"executable\":\"\",\"signature\":\"x\"}", "sgx.executable: must name");
    refuse_in("\"sgx\":{\"executable\":\"x\"},\"tdx\":{\"firmware\":\"f\",\"resources\":{\"memory\":16,"
              "\"cpus\":1}}",
              "not both");
    for (size_t len = 0; len <= 129; len++) {
        memset(name, 'n', sizeof name);
        name[len] = '\0';
        (void)snprintf(json, sizeof json,
                       "{\"components\":[{\"kind\":\"rofl\",\"name\":\"%s\",\"disabled\":true}]}", name);
        if (len >= 3 && len <= 128)
            accept(json);
        else
            refuse(json, "3 to 128");
    }
    accept("{\"components\":[{\"kind\":\"rofl\",\"name\":\"a-B_9\"}]}");
    refuse("{\"components\":[{\"kind\":\"rofl\",\"name\":\"a.bc\"}]}", "3 to 128");
    refuse("{\"components\":[{\"kind\":\"rofl\",\"name\":\"../x\"}]}", "3 to 128");
    refuse("{\"components\":[{\"kind\":\"rofl\",\"name\":\"na\xc3\xafve\"}]}", "3 to 128");
    refuse("{\"components\":[{\"kind\":\"rofl\"}]}", "3 to 128");
}

static void test_unique(void **state)
{
    (void)state;
    refuse("{\"components\":[" RONL "," RONL "]}", "component ronl: is there twice");
    refuse("{\"components\":[{\"kind\":\"rofl\",\"name\":\"abc\"},{\"kind\":\"rofl\",\"name\":\"abd\"},"
           "{\"kind\":\"rofl\",\"name\":\"abc\"}]}",
           "component rofl.abc: is there twice");
    refuse("{\"executable\":\"e\",\"components\":[" RONL "]}", "at the top level");
    refuse("{\"executable\":\"e\",\"sgx\":{\"executable\":\"s\"},\"components\":[" RONL "]}",
           "at the top level");
    accept("{\"executable\":\"e\",\"components\":[{\"kind\":\"rofl\",\"name\":\"abc\"}]}");
}

static void test_legacy(void **state)
{
    struct manifest *m =
        parsed("{\"version\":{\"minor\":2},\"executable\":\"e\",\"sgx\":{\"executable\":\"s\","
               "\"signature\":\"\"},\"components\":[{\"kind\":\"rofl\",\"name\":\"abc\"}]}");
    const struct bundle_info *info = manifest_info(m);

    (void)state;
    assert_int_equal(info->components_len, 2);
    assert_string_equal(info->components[0].id, "ronl");
    assert_true(info->components[0].legacy);
    assert_string_equal(info->components[0].executable, "e");
    assert_string_equal(info->components[0].sgx_executable, "s");
    assert_null(info->components[0].sgx_signature);
    assert_int_equal(info->components[0].version.minor, 2);
    assert_string_equal(info->components[1].id, "rofl.abc");
    assert_false(info->components[1].legacy);
    manifest_freep(&m);
    refuse("{\"sgx\":{\"executable\":\"s\"}}", "executable: a ronl component must name one");
    refuse("{\"executable\":\"e\",\"sgx\":{}}", "sgx.executable");
}

/* Every integer of a manifest: what stands before and behind it, the largest value that its Go type in
 * oasis-core has, and the next one. */
static const struct {
    const char *before, *behind;
    const char *max, *above;
} integers[] = {
    {"{\"version\":{\"major\":", "}}", "65535", "65536"},
    {"{\"version\":{\"minor\":", "}}", "65535", "65536"},
    {"{\"version\":{\"patch\":", "}}", "65535", "65536"},
    {"{\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\",\"version\":{\"major\":", "}}]}", "65535",
     "65536"},
    {"{\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\",\"version\":{\"minor\":", "}}]}", "65535",
     "65536"},
    {"{\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\",\"version\":{\"patch\":", "}}]}", "65535",
     "65536"},
    {TDX_UP_TO "{\"memory\":16,\"cpus\":", "}}}]}", "255", "256"},
    {TDX_UP_TO "{\"memory\":16,\"cpus\":1,\"gpu\":{\"count\":", "}}}}]}", "255", "256"},
    {TDX_UP_TO "{\"cpus\":1,\"memory\":", "}}}]}", "9223372036854775807", "9223372036854775808"},
};

static const char *with_integer(size_t index, const char *value)
{
    static char json[512];

    (void)snprintf(json, sizeof json, "%s%s%s", integers[index].before, value, integers[index].behind);
    return json;
}

static void test_integers(void **state)
{
    static const char *const never[] = {"-1",
                                        "-0",
                                        "65537.0",
                                        "1e1",
                                        "-9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551616",
                                        "\"1\"",
                                        "true",
                                        "[1]",
                                        "{}"};

    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        accept(with_integer(i, integers[i].max));
        accept(with_integer(i, "100"));
        refuse(with_integer(i, integers[i].above), "");
        for (size_t j = 0; j < sizeof never / sizeof never[0]; j++)
            refuse(with_integer(i, never[j]), "");
    }
    refuse(TDX_UP_TO "{\"memory\":16,\"cpus\":256}}}]}",
           "components[0]: tdx: resources: cpus: must be from 0 to 255, and is 256");
}

static void test_tdx(void **state)
{
    const char *all =
        "{\"components\":[{\"kind\":\"rofl\",\"name\":\"tdx\",\"tdx\":{\"firmware\":\"f\",\"kernel\":\"k\","
        "\"initrd\":\"i\",\"extra_kernel_options\":[\"a\",\"\"],\"stage2_image\":\"m\","
        "\"stage2_format\":\"qcow2\",\"stage2_persist\":true,\"resources\":{\"memory\":16,\"cpus\":2,"
        "\"gpu\":{\"model\":\"h\",\"count\":3}}}}]}";
    struct manifest *m = parsed(all);
    const struct bundle_component *c = &manifest_info(m)->components[0];

    (void)state;
    assert_int_equal(c->tee, BUNDLE_TEE_TDX);
    assert_string_equal(c->tdx.firmware, "f");
    assert_string_equal(c->tdx.kernel, "k");
    assert_string_equal(c->tdx.initrd, "i");
    assert_int_equal(c->tdx.kernel_options_len, 2);
    assert_string_equal(c->tdx.kernel_options[0], "a");
    assert_string_equal(c->tdx.stage2_image, "m");
    assert_string_equal(c->tdx.stage2_format, "qcow2");
    assert_true(c->tdx.stage2_persist && c->tdx.has_gpu);
    assert_int_equal(c->tdx.memory, 16);
    assert_int_equal(c->tdx.cpus, 2);
    assert_string_equal(c->tdx.gpu_model, "h");
    assert_int_equal(c->tdx.gpu_count, 3);
    manifest_freep(&m);
#define RESOURCES "\"resources\":{\"memory\":16,\"cpus\":1}"
    accept_in("\"tdx\":{\"firmware\":\"f\"," RESOURCES "}");
    refuse_in("\"tdx\":{" RESOURCES "}", "tdx.firmware");
    refuse_in("\"tdx\":{\"firmware\":\"\"," RESOURCES "}", "tdx.firmware");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"initrd\":\"i\"," RESOURCES "}", "tdx.kernel");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"stage2_image\":\"i\"," RESOURCES "}", "tdx.kernel");
    refuse_in("\"tdx\":{\"firmware\":\"f\"}", "resources.memory");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"resources\":{\"memory\":15,\"cpus\":1}}", "resources.memory");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"resources\":{\"memory\":16}}", "resources.cpus");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"resources\":{\"memory\":16.5,\"cpus\":1}}",
              "memory: must be an integer");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"resources\":{\"memory\":16,\"cpus\":1,\"gpu\":{}}}",
              "gpu.count");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"extra_kernel_options\":[1]," RESOURCES "}", "must be texts");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"extra_kernel_options\":\"q\"," RESOURCES "}",
              "must be an array");
    refuse_in("\"tdx\":{\"firmware\":\"f\",\"stage2_persist\":1," RESOURCES "}", "true or false");
}

static void test_identity(void **state)
{
    struct manifest *m =
        parsed("{\"components\":[{\"kind\":\"rofl\",\"name\":\"abc\",\"identity\":[{\"enclave\":\"" ENCLAVE
               "\"},{\"hypervisor\":\"h\",\"enclave\":\"" ENCLAVE "\"}]}]}");
    const struct bundle_component *c = &manifest_info(m)->components[0];

    (void)state;
    assert_int_equal(c->identities_len, 2);
    assert_null(c->identities[0].hypervisor);
    assert_string_equal(c->identities[1].hypervisor, "h");
    assert_memory_equal(c->identities[1].enclave, "\1\2\3\0", 4);
    assert_memory_equal(c->identities[1].enclave + 32, "\3\4\5\0", 4);
    manifest_freep(&m);
    refuse_in("\"identity\":[null]", "identity: its entries must be objects");
    refuse_in("\"identity\":[{}]", "identity.enclave: must be");
    refuse_in("\"identity\":[{\"enclave\":\"\"}]", "identity.enclave: must be");
    refuse_in("\"identity\":[{\"enclave\":\"" BASE64 "\"}]", "identity.enclave: must be");
    refuse_in("\"identity\":[{\"enclave\":\"" ZEROS ZEROS "\"}]", "identity.enclave: must be");
}

/* The manifest of oasis-core's own test bundle. */
static void test_real(void **state)
{
    struct buf b = support_shared("manifest/synthetic.json");
    struct manifest *m = NULL;
    struct ens_err err = {0};

    (void)state;
    if (b.len == 0)
        support_skip("shared data is not here");
    assert_ok(manifest_parse(buf_view(&b), &m, &err), err);
    assert_string_equal(manifest_info(m)->name, "test-runtime");
    assert_int_equal(manifest_info(m)->id[0], 0xc0);
    assert_string_equal(manifest_info(m)->components[0].elf_executable, "runtime.bin");
    assert_null(manifest_info(m)->components[0].sgx_signature);
    manifest_freep(&m);
    buf_free(&b);
}

/* ---- writing and editing ---- */

static void test_written_form(void **state)
{
    (void)state;
    writes(" { } ", "{}");
    writes("{ \"name\" : \"a<b>&\\u2028\\u2029\\n\\u0001\\u001f\\\"\\\\\\/\xc3\xbc\x7f\" }",
           "{\"name\":\"a\\u003cb\\u003e\\u0026\\u2028\\u2029\\n\\u0001\\u001f\\\"\\\\/\xc3\xbc\x7f\"}");
    writes("{\"z\":{\"b\":1,\"a\":[],\"\":{}},\"digests\":{\"b\":\"" ZEROS "\",\"a\":\"" BASE64
           "\"},\"name\":\"n\",\"a\":[null,true,false]}",
           "{\"z\":{\"b\":1,\"a\":[],\"\":{}},\"digests\":{\"a\":\"" BASE64 "\",\"b\":\"" ZEROS
           "\"},\"name\":\"n\",\"a\":[null,true,false]}");
    writes("{\"digests\":null,\"x\\u003c\":1}", "{\"digests\":null,\"x\\u003c\":1}");
}

static void test_digests_left_out(void **state)
{
    struct manifest *m = parsed("{\"digests\":{\"c\":\"" ZEROS "\",\"b\":\"" ZEROS "\",\"a\":\"" ZEROS
                                "\"},\"x\":{\"digests\":{\"b\":1}}}");
    struct buf b = {0};
    struct ens_err err = {0};
    const char *const keep[] = {"a", "c"};

    (void)state;
    assert_ok(manifest_write(m, keep, 2, &b, &err), err);
    assert_true(view_equal(buf_view(&b), view_of_string("{\"digests\":{\"a\":\"" ZEROS "\",\"c\":\"" ZEROS
                                                        "\"},\"x\":{\"digests\":{\"b\":1}}}")));
    buf_free(&b);
    manifest_freep(&m);
}

static void set_signature(const char *before, size_t index, const char *after)
{
    struct manifest *m = parsed(before);
    struct manifest *n = NULL;
    struct ens_err err = {0};
    const uint8_t digest[32] = {0};

    assert_ok(manifest_set_signature(m, index, "new.sig", digest, &n, &err), err);
    assert_string_equal(manifest_info(n)->components[index].sgx_signature, "new.sig");
    struct buf b = rewritten(n);

    if (!view_equal(buf_view(&b), view_of_string(after)))
        fail_msg("%.*s, not %s", (int)b.len, (const char *)b.data, after);
    buf_free(&b);
    b = rewritten(m); /* the old one is as it was */
    assert_true(view_equal(buf_view(&b), view_of_string(before)));
    buf_free(&b);
    manifest_freep(&n);
    manifest_freep(&m);
}

static void test_set_signature(void **state)
{
    (void)state;
    set_signature(
        "{\"x\":[1.5],\"components\":[{\"y\":{\"b\":1,\"a\":2},\"kind\":\"ronl\",\"sgx\":{\"signature\":\"\","
        "\"z\":null,\"executable\":\"s\"},\"executable\":\"e\"}],\"digests\":{\"e\":\"" ZEROS
        "\"},\"t\":\"\"}",
        0,
        "{\"x\":[1.5],\"components\":[{\"y\":{\"b\":1,\"a\":2},\"kind\":\"ronl\",\"sgx\":{\"signature\":"
        "\"new.sig\",\"z\":null,\"executable\":\"s\"},\"executable\":\"e\"}],\"digests\":{\"e\":\"" ZEROS
        "\",\"new.sig\":\"" ZEROS "\"},\"t\":\"\"}");
    set_signature(
        "{\"executable\":\"e\",\"sgx\":{\"executable\":\"s\"}}", 0,
        "{\"executable\":\"e\",\"sgx\":{\"executable\":\"s\",\"signature\":\"new.sig\"},\"digests\":{"
        "\"new.sig\":\"" ZEROS "\"}}");
    set_signature("{\"executable\":\"e\",\"digests\":null,\"components\":[{\"kind\":\"rofl\",\"name\":"
                  "\"abc\"},{\"kind\":"
                  "\"rofl\",\"name\":\"abd\",\"sgx\":{\"executable\":\"s\"}}]}",
                  2,
                  "{\"executable\":\"e\",\"digests\":{\"new.sig\":\"" ZEROS
                  "\"},\"components\":[{\"kind\":\"rofl\",\"name\":\"abc\"},{\"kind\":\"rofl\",\"name\":"
                  "\"abd\",\"sgx\":{"
                  "\"executable\":\"s\",\"signature\":\"new.sig\"}}]}");
}

static void test_set_identity(void **state)
{
    struct manifest *m = parsed(
        "{\"components\":[{\"kind\":\"rofl\",\"name\":\"abc\",\"identity\":[{\"x\":1,\"enclave\":\"" ENCLAVE
        "\"},{\"hypervisor\":\"h\",\"enclave\":\"" ENCLAVE "\"}],\"y\":2}]}");
    struct manifest *one = NULL;
    struct manifest *two = NULL;
    struct manifest *three = NULL;
    struct ens_err err = {0};
    uint8_t enclave[64];

    (void)state;
    for (size_t i = 0; i < sizeof enclave; i++)
        enclave[i] = (uint8_t)(i * 5 + 200);
    const enum bundle_identity_edit set[] = {BUNDLE_IDENTITY_SET, BUNDLE_IDENTITY_KEEP};
    const enum bundle_identity_edit drop[] = {BUNDLE_IDENTITY_KEEP, BUNDLE_IDENTITY_DROP};
    const enum bundle_identity_edit drop_last[] = {BUNDLE_IDENTITY_DROP};

    assert_ok(manifest_edit_identities(m, 0, set, enclave, &one, &err), err);
    assert_memory_equal(manifest_info(one)->components[0].identities[0].enclave, enclave, 64);
    assert_memory_equal(manifest_info(one)->components[0].identities[1].enclave, "\1\2\3", 3);
    assert_ok(manifest_edit_identities(one, 0, drop, enclave, &two, &err), err);
    assert_int_equal(manifest_info(two)->components[0].identities_len, 1);
    assert_memory_equal(manifest_info(two)->components[0].identities[0].enclave, enclave, 64);
    assert_ok(manifest_edit_identities(two, 0, drop_last, enclave, &three, &err), err);
    assert_int_equal(manifest_info(three)->components[0].identities_len, 0);
    struct buf b = rewritten(three);

    assert_true(view_equal(
        buf_view(&b), view_of_string("{\"components\":[{\"kind\":\"rofl\",\"name\":\"abc\",\"y\":2}]}")));
    buf_free(&b);
    manifest_freep(&three);
    manifest_freep(&two);
    manifest_freep(&one);
    manifest_freep(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_keys_in_another_case),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_digest_values),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_tdx),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_written_form),
        cmocka_unit_test(test_digests_left_out),
        cmocka_unit_test(test_set_signature),
        cmocka_unit_test(test_set_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
