/* SPDX-License-Identifier: MIT */
/*
 * names_file - Symbols of a trace, or of the file beside it.
 *
 * On the line:  chunks with CHUNK_SYMBOLS -> [names_file] -> debug_names, and back
 * Threads:      one.
 * Memory:       what it keeps belongs to the debug_names.
 * Loss:         what cannot be read is reported as damage of its file; no file is none.
 */
#ifndef PYREC_ANALYZE_NAMES_FILE_H
#define PYREC_ANALYZE_NAMES_FILE_H

#include "analyze/base/buffer.h"
#include "debug_names.h"
#include "format/chunk_read.h"

#define NAMES_FILE_ENDING ".symbols" /* behind the trace's own name */

/* Called with the path of the file that is damaged, and how. */
typedef void names_file_damage_fn(void *closure, const char *path, const struct damage *damage);

/* What a file that is open says. */
void names_file_take(struct debug_names *names, const struct chunk_file *file,
                     names_file_damage_fn *report, void *closure);

/* Append a packet to a payload, as it stands: its field in message Packet and its bytes. */
void names_file_packet(struct buffer *payload, uint32_t field, const uint8_t *body, size_t len);

/* Write such a file, all of it or nothing; `tag` of the recording. */
MUST_CHECK enum status names_file_write(const struct debug_names *names, const char *path,
                                        uint32_t tag, struct problem *why);

/* The name of the file beside a trace; malloc'd. */
char *names_file_beside(const char *path);

/* What the file beside a trace says; nothing where there is none. */
void names_file_take_beside(struct debug_names *names, const char *path,
                            names_file_damage_fn *report, void *closure);

#endif
