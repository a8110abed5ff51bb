/* SPDX-License-Identifier: MIT */
/*
 * zip_member - a file inside a zip archive, as zipimport and zipapp name it: ARCHIVE/MEMBER.
 *
 * On the line:  a path that is no file -> [zip_member] -> source
 * Threads:      any.
 * Memory:       the bytes are the caller's to free.
 * Loss:         stored and deflated members of archives below 4 GiB, as zipimport reads them; of
 *               others, and of damaged ones, one line says what is wrong.
 *
 * Nothing in an archive is believed: every offset and length is held against the file's own.
 */
#ifndef PYREC_ANALYZE_ZIP_MEMBER_H
#define PYREC_ANALYZE_ZIP_MEMBER_H

#include "analyze/base/plain_file.h"

/* Where the archive's part of such a path ends; 0 = no part of it is a plain file. */
size_t zip_archive_length(const char *path);

/* As plain_file_read, of a path in an archive. */
MUST_CHECK enum status zip_member_read(struct plain_file *file, const char *path, size_t limit,
                                       struct problem *why);

#endif
