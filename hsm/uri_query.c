/* What the query of a URI says: for ensign, and not for the process of the token, which gets the path alone. */
#include "hsm/uri.h"

static const char *get_string(const struct hsm_uri *uri, enum uri_attr attr)
{
    struct view value;

    /* A zero byte stands behind it, which `len` does not count. */
    return uri_get(uri, attr, &value) ? (const char *)value.data : NULL;
}

const char *hsm_uri_module_path(const struct hsm_uri *uri)
{
    return get_string(uri, URI_MODULE_PATH);
}

const char *hsm_uri_pin_source(const struct hsm_uri *uri)
{
    return get_string(uri, URI_PIN_SOURCE);
}
