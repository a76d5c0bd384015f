/* The ROFL scheduler's rules: each broken once in a manifest that is right otherwise, and every reason is
 * given, not the first. */
#include <stdio.h>
#include <string.h>

#include "bundle/orc/manifest_load.h"
#include "bundle/orc/manifest_scheduler.h"
#include "tests/support/support.h"

#define VERSION   "\"version\":{\"major\":1}"
#define IDENTITY  "\"identity\":[{\"enclave\":\"\"}]"
#define SGX       "\"sgx\":{\"executable\":\"e\",\"signature\":\"s\"}"
#define TDX(more) "\"tdx\":{\"firmware\":\"f\",\"kernel\":\"k\",\"stage2_format\":\"qcow2\"," more "}"
#define RESOURCES "\"resources\":{\"memory\":16,\"cpus\":1}"
#define COMPONENT(more)                                                                                      \
    "{\"kind\":\"rofl\",\"name\":\"abc\"," VERSION ",\"elf\":{\"executable\":\"x\"}," IDENTITY "," more "}"
#define MANIFEST(components) "{\"id\":\"\",\"digests\":{},\"components\":[" components "]}"

/* What was said, one reason a line; after `left` more of them, adding fails. */
struct heard {
    char text[4096];
    size_t count;
    size_t left;
};

static bool hear(void *ctx, const char *text, struct ens_err *err)
{
    struct heard *h = ctx;
    size_t len = strlen(h->text);

    if (h->left-- == 0)
        return ens_fail(err, ENS_RESOURCE, "enough");
    (void)snprintf(h->text + len, sizeof h->text - len, "%s\n", text);
    h->count++;
    return true;
}

static struct heard listen(const char *json)
{
    struct heard h = {.left = SIZE_MAX};
    const struct bundle_reasons reasons = {.add = hear, .ctx = &h};
    struct ens_err err = {0};
    void *root = NULL;

    assert_ok(manifest_load(view_of_string(json), &root, &err), err);
    assert_ok(manifest_scheduler_check(root, &reasons, &err), err);
    manifest_load_free(root);
    return h;
}

static void takes(const char *json)
{
    struct heard h = listen(json);

    if (h.count != 0)
        fail_msg("%s: %s", json, h.text);
}

/* Exactly one reason, which contains `text`. */
static void refuses(const char *json, const char *text)
{
    struct heard h = listen(json);

    if (h.count != 1 || strstr(h.text, text) == NULL)
        fail_msg("%s: '%s' is not one reason that says '%s'", json, h.text, text);
}

static void good_manifests(void **state)
{
    (void)state;
    takes(MANIFEST(COMPONENT(SGX)));
    takes(MANIFEST(COMPONENT("\"disabled\":false," SGX)));
    takes(MANIFEST(COMPONENT(TDX(RESOURCES))));
    takes(MANIFEST(COMPONENT(SGX) "," COMPONENT(TDX(RESOURCES))));
    takes(MANIFEST(""));
    takes("{\"name\":\"n\"," VERSION ",\"id\":\"\",\"digests\":{\"anything\":\"\"},\"components\":[]}");
}

static void unknown_fields(void **state)
{
    (void)state;
    refuses("{\"id\":\"\",\"digests\":{},\"components\":[],\"x\":1}", "x: the scheduler does not know");
    refuses("{\"id\":\"\",\"digests\":{},\"components\":[],\"Name\":\"\"}",
            "Name: the scheduler does not know");
    refuses("{\"id\":\"\",\"digests\":{},\"components\":[],\"version\":{\"x\":1}}", "version.x: ");
    refuses(MANIFEST(COMPONENT("\"x\":null," SGX)), "components[0].x: ");
    refuses(MANIFEST(COMPONENT(SGX) "," COMPONENT("\"x\":0," SGX)), "components[1].x: ");
    refuses(MANIFEST(COMPONENT("\"sgx\":{\"executable\":\"e\",\"signature\":\"s\",\"x\":1}")),
            "components[0].sgx.x: ");
    refuses(MANIFEST(COMPONENT(TDX(RESOURCES ",\"x\":1"))), "components[0].tdx.x: ");
    refuses(MANIFEST(COMPONENT(TDX("\"resources\":{\"memory\":16,\"cpus\":1,\"x\":1}"))),
            "components[0].tdx.resources.x: ");
    refuses(
        MANIFEST(COMPONENT(TDX("\"resources\":{\"memory\":16,\"cpus\":1,\"gpu\":{\"count\":1,\"x\":1}}"))),
        "components[0].tdx.resources.gpu.x: ");
}

static void older_forms(void **state)
{
    (void)state;
    refuses("{\"id\":\"\",\"digests\":{},\"components\":[],\"executable\":\"e\"}", "executable: ");
    refuses("{\"id\":\"\",\"digests\":{},\"components\":[],\"sgx\":{\"executable\":\"e\"}}", "sgx: ");
    refuses(MANIFEST(COMPONENT("\"executable\":\"e\"," SGX)), "components[0].executable: ");
}

static void required_fields(void **state)
{
    (void)state;
    refuses("{\"digests\":{},\"components\":[]}", "id: is missing");
    refuses("{\"id\":\"\",\"components\":[]}", "digests: is missing");
    refuses("{\"id\":\"\",\"digests\":{}}", "components: is missing");
    refuses("{\"id\":\"\",\"digests\":null,\"components\":[]}", "digests: is missing");
    refuses(MANIFEST("{\"kind\":\"rofl\"," VERSION "," IDENTITY "}"), "components[0].name: is missing");
    refuses(MANIFEST("{\"kind\":\"rofl\",\"name\":\"abc\"," IDENTITY "}"),
            "components[0].version: is missing");
    refuses(MANIFEST("{\"kind\":\"rofl\",\"name\":\"abc\"," VERSION "}"),
            "components[0].identity: is missing");
    refuses(MANIFEST("{\"kind\":\"rofl\",\"name\":\"abc\"," VERSION ",\"identity\":[{}]}"),
            "components[0].identity[0].enclave: is missing");
    refuses(MANIFEST(COMPONENT("\"sgx\":{\"executable\":\"e\"}")), "components[0].sgx.signature: is missing");
    refuses(MANIFEST(COMPONENT("\"sgx\":{\"executable\":\"e\",\"signature\":\"\"}")),
            "sgx.signature: is empty");
    refuses(MANIFEST(COMPONENT(TDX("\"initrd\":\"i\""))), "components[0].tdx.resources: is missing");
    refuses(MANIFEST(COMPONENT("\"tdx\":{\"firmware\":\"f\",\"stage2_format\":\"qcow2\"," RESOURCES "}")),
            "components[0].tdx.kernel: is missing");
}

static void components_that_it_runs(void **state)
{
    (void)state;
    refuses(MANIFEST("{\"kind\":\"ronl\",\"name\":\"abc\"," VERSION "," IDENTITY "}"),
            "kind: the scheduler runs rofl components only");
    refuses(MANIFEST("{\"kind\":\"ROFL\",\"name\":\"abc\"," VERSION "," IDENTITY "}"),
            "kind: the scheduler runs rofl components only");
    refuses(MANIFEST(COMPONENT("\"disabled\":true," SGX)), "disabled: must not be set");
}

/* A TDX component with so many kernel options. */
static const char *sized_tdx(char *buffer, size_t size, size_t options)
{
    char list[256] = "\"o\"";

    for (size_t i = 1; i < options; i++)
        (void)strcat(list, ",\"o\"");
    (void)snprintf(buffer, size,
                   MANIFEST(COMPONENT(TDX("\"extra_kernel_options\":[%s],\"resources\":{\"memory\":16,"
                                          "\"cpus\":255,\"gpu\":{\"count\":255}}"))),
                   list);
    return buffer;
}

static void tdx_values(void **state)
{
    char json[1024];

    (void)state;
    takes(sized_tdx(json, sizeof json, 32));
    refuses(sized_tdx(json, sizeof json, 33), "extra_kernel_options: are 33, more than 32");
    refuses(MANIFEST(COMPONENT("\"tdx\":{\"firmware\":\"f\",\"kernel\":\"k\"," RESOURCES "}")),
            "stage2_format: must be qcow2");
    refuses(MANIFEST(COMPONENT(
                "\"tdx\":{\"firmware\":\"f\",\"kernel\":\"k\",\"stage2_format\":\"raw\"," RESOURCES "}")),
            "stage2_format: must be qcow2");
    refuses(MANIFEST(COMPONENT("\"tdx\":{\"firmware\":\"f\",\"kernel\":\"\",\"extra_kernel_options\":[\"o\"],"
                               "\"stage2_format\":\"qcow2\"," RESOURCES "}")),
            "extra_kernel_options: need a kernel");
}

static void every_reason(void **state)
{
    struct heard h = listen("{\"x\":1,\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\","
                            "\"disabled\":true},{\"kind\":\"rofl\"}]}");

    (void)state;
    /* x, id, digests; executable, name, version, identity; name, version, identity; kind, disabled. */
    assert_int_equal(h.count, 12);
    assert_non_null(strstr(h.text, "components[1].name"));
    assert_non_null(strstr(h.text, "components[0]: disabled"));
}

/* Hostile names are cut, and the rest is said all the same. */
static void long_names(void **state)
{
    char json[4096];
    char key[2000];

    (void)state;
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    (void)snprintf(json, sizeof json, "{\"id\":\"\",\"digests\":{},\"components\":[],\"%s\":1,\"y\":1}", key);
    struct heard h = listen(json);

    assert_int_equal(h.count, 2);
    assert_non_null(strstr(h.text, "\ny: the scheduler"));
}

static void a_reason_that_cannot_be_kept_ends_it(void **state)
{
    void *root = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(manifest_load(view_of_string("{\"x\":1,\"components\":[{\"kind\":\"ronl\",\"disabled\":true,"
                                           "\"sgx\":{\"signature\":\"\"},\"tdx\":{}}]}"),
                            &root, &err),
              err);
    size_t all = listen("{\"x\":1,\"components\":[{\"kind\":\"ronl\",\"disabled\":true,"
                        "\"sgx\":{\"signature\":\"\"},\"tdx\":{}}]}")
                     .count;

    assert_true(all > 10);
    for (size_t left = 0; left < all; left++) {
        struct heard h = {.left = left};
        const struct bundle_reasons reasons = {.add = hear, .ctx = &h};

        assert_fails(manifest_scheduler_check(root, &reasons, &err), err, ENS_RESOURCE, "enough");
        assert_int_equal(h.count, left);
    }
    manifest_load_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_manifests),
        cmocka_unit_test(unknown_fields),
        cmocka_unit_test(older_forms),
        cmocka_unit_test(required_fields),
        cmocka_unit_test(components_that_it_runs),
        cmocka_unit_test(tdx_values),
        cmocka_unit_test(every_reason),
        cmocka_unit_test(long_names),
        cmocka_unit_test(a_reason_that_cannot_be_kept_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
