/* SPDX-License-Identifier: MIT */
/*
 * digest - what a reader gets out of a trace file, as a few lines of text.
 *
 * On the line:  chunk_read, columns, protobuf-c -> [digest] -> v1-*.txt, to compare
 * Memory:       nothing is kept.
 *
 * Nothing in it depends on the version of zstd: lengths and checksums are those of the content.
 * What is said about damage (its words) may change, where it is may not.
 */
#ifndef PYREC_TESTS_DIGEST_H
#define PYREC_TESTS_DIGEST_H

#include <stdio.h>

void digest_write(const char *path, FILE *to);

#endif
