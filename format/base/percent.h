/* SPDX-License-Identifier: MIT */
/*
 * percent - text with bytes as %2F, as in addresses and in the variables of OpenTelemetry.
 *
 * On the line:  beside it: both command lines read such variables.
 * Threads:      any. Memory: none.
 */
#ifndef PYREC_FORMAT_PERCENT_H
#define PYREC_FORMAT_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/* In place, where it gets shorter. False: a % without two hexadecimal digits. */
bool percent_decode(char *text, size_t *len);

#endif
