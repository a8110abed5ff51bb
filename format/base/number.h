/* SPDX-License-Identifier: MIT */
/*
 * number - numbers that a person types: 100, 2.5%, 10m, 64K.
 *
 * On the line:  an option's argument -> [number] -> settings, args
 * Threads:      any.
 * Memory:       none.
 */
#ifndef PYREC_NUMBER_H
#define PYREC_NUMBER_H

#include <stdbool.h>

/*
 * A decimal number from `min` to `max`: no sign, no space, no exponent. One letter may follow:
 * the i-th of `suffixes` multiplies by factors[i]. False: it is no such number, and the caller says
 * what it wants; *number has no meaning then.
 */
bool number_parse(const char *text, const char *suffixes, const double *factors, double min,
                  double max, double *number);

/* Bytes: a number, or one of K, M and G (1024, ..) behind it, large or small. */
bool number_parse_bytes(const char *text, double min, double max, double *bytes);

#endif
