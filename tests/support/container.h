#pragma once

#include "bundle/open.h"

/* A container by the path of its file, as commands open it. */
bool container_of_path(const char *path, struct container **ret, struct ens_err *err);
