/* SPDX-License-Identifier: MIT */
/*
 * chunk_order - put the chunks that a scan found in order, and say which are missing.
 *
 * On the line:  inside chunk_scan, when it has come to the end of the file.
 * Threads:      one.
 * Memory:       nothing is owned.
 * Loss:         duplicates, chunks that come too late and gaps in seq are reported.
 */
#ifndef PYREC_FORMAT_CHUNK_ORDER_H
#define PYREC_FORMAT_CHUNK_ORDER_H

#include "chunk_scan.h"

/*
 * Sort places[n_settled .. n) by seq, drop what is there already, report gaps; n_settled is n
 * afterwards. What was settled before keeps its place: others hold indices into it.
 */
void chunk_order_settle(struct chunk_scan *scan);

#endif
