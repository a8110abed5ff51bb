/* SPDX-License-Identifier: MIT */
#include "number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool number_parse(const char *text, const char *suffixes, const double *factors, double min,
                  double max, double *number)
{
    char *end;
    if (strspn(text, "0123456789") == 0)
        return false; /* no sign, no space, no "inf" .. */
    *number = strtod(text, &end);
    if (end != text + strspn(text, "0123456789."))
        return false; /* .. and no "0x10", no "1e3" */
    if (end[0] != '\0') {
        const char *const suffix = strchr(suffixes, end[0]);
        if (suffix == NULL || end[1] != '\0')
            return false;
        *number *= factors[suffix - suffixes];
    }
    return isfinite(*number) && *number >= min && *number <= max;
}

bool number_parse_bytes(const char *text, double min, double max, double *bytes)
{
    static const double factors[] = {0x1p10, 0x1p20, 0x1p30, 0x1p10, 0x1p20, 0x1p30};
    return number_parse(text, "KMGkmg", factors, min, max, bytes);
}
