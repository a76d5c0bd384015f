/* Included before everything else in product code (Makefile, -include): calls that this project does
 * not make. A use fails to compile with the name of the rule in the message. The standard headers come
 * first, so that only calls are meant and not declarations. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Unbounded or silently truncating: use view, buf, snprintf. */
#define strcpy(...)   strcpy_is_banned
#define strcat(...)   strcat_is_banned
#define strncpy(...)  strncpy_is_banned
#define strncat(...)  strncat_is_banned
#define sprintf(...)  sprintf_is_banned
#define vsprintf(...) vsprintf_is_banned
#define gets(...)     gets_is_banned
#define strtok(...)   strtok_is_banned
#undef alloca
#define alloca(...) alloca_is_banned

/* Cannot tell an error from a value: use num_parse. */
#define atoi(...)    atoi_is_banned
#define atol(...)    atol_is_banned
#define strtol(...)  strtol_is_banned
#define strtoul(...) strtoul_is_banned

/* Depend on the host's time zone or locale: use date.h. */
#define localtime(...) localtime_is_banned
#define setlocale(...) setlocale_is_banned

/* Only base/mem.c: use mem.h. */
#define malloc(...)  malloc_is_banned
#define calloc(...)  calloc_is_banned
#define realloc(...) realloc_is_banned
#define strdup(...)  strdup_is_banned
#define free(...)    free_is_banned

/* Hide a shell, or a file that another can plant. */
#define system(...)  system_is_banned
#define popen(...)   popen_is_banned
#define tmpnam(...)  tmpnam_is_banned
#define tmpfile(...) tmpfile_is_banned
