/* SPDX-License-Identifier: MIT */
/*
 * fuzz - what a fuzz target is: a function that takes any bytes and must survive them.
 *
 * On the line:  libFuzzer or run_corpus -> [target] -> the readers in format/
 *
 * Built with PYREC_FUZZ (clang) a target is a libFuzzer program that searches for inputs; otherwise
 * run_corpus gives it the inputs of a directory once. Inputs that found something stay in corpus/.
 */
#ifndef PYREC_TESTS_FUZZ_H
#define PYREC_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The names are libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* What must be true of every input. */
#define ALWAYS(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
