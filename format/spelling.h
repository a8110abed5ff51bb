/* SPDX-License-Identifier: MIT */
/*
 * spelling - how far a word that somebody typed is from one that exists.
 *
 * On the line:  beside it: both command lines ask "did you mean ..?".
 * Threads:      any. Memory: none.
 */
#ifndef PYREC_FORMAT_SPELLING_H
#define PYREC_FORMAT_SPELLING_H

#include <stddef.h>

#define SPELLING_MAX 40 /* longer words are nobody's */

/* Insertions, deletions, changes and swaps of neighbours that make `a` of `b`; SIZE_MAX for words
 * longer than SPELLING_MAX. */
size_t spelling_distance(const char *a, const char *b);

#endif
