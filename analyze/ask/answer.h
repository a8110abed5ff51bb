/* SPDX-License-Identifier: MIT */
/*
 * answer - what another command says of the same recording, for a command that is made of several.
 *
 * On the line:  request + words of a command line -> [answer_ask] -> view, arranged
 * Threads:      one at a time.
 * Memory:       struct answer is the caller's, zeroed before it is asked; answer_clear takes it
 *               back. Its view borrows from the request that it was asked of.
 * Loss:         damage that is met is said by the request's own reading, not once more by these.
 */
#ifndef PYREC_ANALYZE_ANSWER_H
#define PYREC_ANALYZE_ANSWER_H

#include "arrange.h"
#include "request.h"

struct answer {
    char **argv; /* the command line, with NULL behind it */
    size_t n_argv, argv_size;
    struct args args;
    struct arrangement arrangement;
    struct request request; /* its own, of answer_ask */
    struct view view;
};

/* One more word of the command line; it must live as long as the answer. */
void answer_add_word(struct answer *answer, const char *word);

/* The options of these names that were given, as far as the command of the first word has them. */
void answer_pass_on(struct answer *answer, const struct args *from, const char *const *names,
                    size_t n_names);

/*
 * Ask with those words about the files of the request. They are opened anew: range, threads and
 * processes that the request was given are to be among the words. The view is for no screen.
 */
MUST_CHECK enum status answer_ask(struct answer *answer, const struct request *request,
                                  struct problem *why);

/*
 * For who reads for several answers at once: only the words, checked, and how the view, which is
 * the caller's to fill, is to be arranged.
 */
MUST_CHECK enum status answer_prepare(struct answer *answer, const struct request *request,
                                      struct problem *why);

/*
 * The same as answer_ask of a command that reads nothing but the profile (request_profile): the
 * request's own, in its range, of its threads and processes.
 */
MUST_CHECK enum status answer_ask_profile(struct answer *answer, struct request *request,
                                          struct problem *why);

void answer_clear(struct answer *answer);

#endif
