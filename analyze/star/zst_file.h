/* SPDX-License-Identifier: MIT */
/*
 * zst_file - a file of text, compressed by zstd while it is written.
 *
 * On the line:  rows as text -> [zst_file] -> DIR/weights/..csv.zst
 * Threads:      one at a time.
 * Memory:       struct zst_file is the caller's, zeroed; zst_file_end takes it back. Some 17 MB
 *               while it is open.
 * Loss:         a write that fails is remembered and said by zst_file_end; nothing is retried.
 */
#ifndef PYREC_ANALYZE_ZST_FILE_H
#define PYREC_ANALYZE_ZST_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct zst_file {
    int fd;
    int error; /* errno of the first write that failed; 0 = none */
    void *stream;
    char *in, *out;
    size_t n_in, in_size, out_size;
};

/* Takes the descriptor. */
void zst_file_begin(struct zst_file *file, int fd);

void zst_file_add(struct zst_file *file, const char *bytes, size_t len);

/* Flush and close; false, and errno, when not all is written. */
bool zst_file_end(struct zst_file *file);

#endif
