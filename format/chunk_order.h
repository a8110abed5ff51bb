/* SPDX-License-Identifier: MIT */
/*
 * chunk_order - put the chunks that a scan found in order, and say which are missing.
 *
 * On the line:  chunk_read, when the end of the file was reached by index or scan.
 * Threads:      one.
 * Memory:       nothing is owned.
 * Loss:         duplicates and gaps in seq are reported. A chunk that was lost with its bytes still
 *               there shows up as a gap, and in the scan.
 */
#ifndef PYREC_FORMAT_CHUNK_ORDER_H
#define PYREC_FORMAT_CHUNK_ORDER_H

#include "chunk_scan.h"

/* Sort the places by seq, drop what is there twice, report gaps. */
void chunk_order_settle(struct chunk_scan *scan);

#endif
