/* From what the program was built. */
#pragma once

/* The commit, 12 hexadecimal digits, or "-". */
extern const char version_commit[];
