/* The kinds of containers; open.c asks each in turn. */
#pragma once

#include "bundle/container/internal.h"

extern const struct container_ops container_orc;       /* container_orc.c */
extern const struct container_ops container_sgxs;      /* container_sgxs.c */
extern const struct container_ops container_sigstruct; /* container_sigstruct.c */
