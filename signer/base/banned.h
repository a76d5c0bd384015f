/* Included before everything else in product code (Makefile, -include): calls that this project does
 * not make. A use fails to compile with the name of the rule in the message. The standard headers come
 * first, so that only calls are meant and not declarations; some of them are macros already. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Unbounded or silently truncating: use view, buf, snprintf. */
#undef strcpy
#define strcpy(...) strcpy_is_banned
#undef strcat
#define strcat(...) strcat_is_banned
#undef strncpy
#define strncpy(...) strncpy_is_banned
#undef strncat
#define strncat(...) strncat_is_banned
#undef sprintf
#define sprintf(...) sprintf_is_banned
#undef vsprintf
#define vsprintf(...) vsprintf_is_banned
#undef gets
#define gets(...) gets_is_banned
#undef strtok
#define strtok(...) strtok_is_banned
#undef alloca
#define alloca(...) alloca_is_banned

/* Cannot tell an error from a value: use num_parse. */
#undef atoi
#define atoi(...) atoi_is_banned
#undef atol
#define atol(...) atol_is_banned
#undef strtol
#define strtol(...) strtol_is_banned
#undef strtoul
#define strtoul(...) strtoul_is_banned

/* Depend on the host's time zone or locale: use date.h. */
#undef localtime
#define localtime(...) localtime_is_banned
#undef setlocale
#define setlocale(...) setlocale_is_banned

/* Only base/mem.c: use mem.h. */
#undef malloc
#define malloc(...) malloc_is_banned
#undef calloc
#define calloc(...) calloc_is_banned
#undef realloc
#define realloc(...) realloc_is_banned
#undef strdup
#define strdup(...) strdup_is_banned
#undef free
#define free(...) free_is_banned

/* Hide a shell, or a file that another can plant. */
#undef system
#define system(...) system_is_banned
#undef popen
#define popen(...) popen_is_banned
#undef tmpnam
#define tmpnam(...) tmpnam_is_banned
#undef tmpfile
#define tmpfile(...) tmpfile_is_banned
