/* SPDX-License-Identifier: MIT */
/*
 * spelling - how far a word that somebody typed is from one that exists, and how characters are
 * written where there is only ASCII.
 *
 * On the line:  beside it: both command lines ask "did you mean ..?", both write text for people.
 * Threads:      any. Memory: none.
 */
#ifndef PYREC_FORMAT_SPELLING_H
#define PYREC_FORMAT_SPELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPELLING_MAX 40 /* longer words are nobody's */

/* Insertions, deletions, changes and swaps of neighbours that make `a` of `b`; SIZE_MAX for words
 * longer than SPELLING_MAX. */
size_t spelling_distance(const char *a, const char *b);

#define SPELLING_ESCAPE 11 /* bytes of the longest escape with its NUL */

/* What LC_ALL, LC_CTYPE or LANG, the first that is set, says: are there no other characters? */
bool spelling_is_ascii(void);

/* A character as Python writes it in plain text: \xe9, \u2026, \U0001f600. Returns its length. */
size_t spelling_escape(char to[SPELLING_ESCAPE], uint32_t character);

#endif
