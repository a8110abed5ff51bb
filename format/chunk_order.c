/* SPDX-License-Identifier: MIT */
#include "chunk_order.h"
#include <stdio.h>
#include <stdlib.h>

static int places_compare(const void *a, const void *b)
{
    const struct chunk_place *const x = a, *const y = b;
    if (x->header.seq != y->header.seq)
        return x->header.seq < y->header.seq ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void new_sort(struct chunk_scan *scan)
{
    for (size_t i = scan->n_settled + 1; i < scan->n; i++)
        if (scan->places[i].header.seq <= scan->places[i - 1].header.seq) {
            qsort(scan->places + scan->n_settled, scan->n - scan->n_settled, sizeof(*scan->places),
                  places_compare);
            return;
        }
}

static void dropped_report(struct chunk_scan *scan, const struct chunk_place *place,
                           const char *text)
{
    struct damage damage = {
        .status = STATUS_DAMAGED,
        .offset = place->offset,
        .len_bytes = CHUNK_HEADER_LEN + (uint64_t)place->header.comp_len,
    };
    snprintf(damage.text, sizeof(damage.text), "chunk %u %s", place->header.seq, text);
    chunk_scan_report(scan, &damage);
}

/* Of two chunks with one seq the first is kept, unless only the other one is whole. */
static void duplicates_drop(struct chunk_scan *scan)
{
    struct chunk_place *const places = scan->places;
    const size_t settled = scan->n_settled;
    size_t kept = settled;

    for (size_t i = settled; i < scan->n; i++) {
        struct chunk_place *const last = kept > 0 ? &places[kept - 1] : NULL;
        if (last == NULL || places[i].header.seq > last->header.seq) {
            places[kept++] = places[i];
        } else if (kept == settled) {
            dropped_report(scan, &places[i], "is out of order in a growing file");
        } else if (!chunk_scan_payload_good(scan, last) &&
                   chunk_scan_payload_good(scan, &places[i])) {
            dropped_report(scan, last, "is there twice, this one damaged");
            *last = places[i];
        } else {
            dropped_report(scan, &places[i], "is there twice");
        }
    }
    scan->n = kept;
}

/* A hole in the time of one process, with nothing but the lost chunk between: then it was its. */
static void gap_report(struct chunk_scan *scan, const struct chunk_place *before,
                       const struct chunk_place *after)
{
    const uint32_t n = after->header.seq - before->header.seq - 1;
    struct damage damage = {
        .status = STATUS_DAMAGED,
        .offset = before->offset + CHUNK_HEADER_LEN + before->header.comp_len,
        .time_known = before->header.process == after->header.process &&
                      after->header.t_first_ns > before->header.t_last_ns,
    };
    if (damage.time_known) {
        damage.process = after->header.process;
        damage.t_first_ns = before->header.t_last_ns;
        damage.t_last_ns = after->header.t_first_ns;
    }
    if (n == 1)
        snprintf(damage.text, sizeof(damage.text), "chunk %u is missing", after->header.seq - 1);
    else
        snprintf(damage.text, sizeof(damage.text), "chunks %u to %u are missing",
                 before->header.seq + 1, after->header.seq - 1);
    chunk_scan_report(scan, &damage);
}

/* Chunks that are gone without a trace at either end of the file. */
static void ends_check(struct chunk_scan *scan)
{
    const struct chunk_place *const first = &scan->places[0];
    const struct chunk_place *const last = &scan->places[scan->n - 1];
    const uint64_t n_span = (uint64_t)last->header.seq - first->header.seq + 1;
    struct damage damage = {.status = STATUS_DAMAGED, .offset = first->offset};

    if (scan->closed && scan->trailer.n_chunks > n_span) {
        snprintf(damage.text, sizeof(damage.text),
                 "%llu chunks are missing at the beginning or the end",
                 (unsigned long long)(scan->trailer.n_chunks - n_span));
        chunk_scan_report(scan, &damage);
    } else if (scan->n_settled == 0 && !(first->header.flags & CHUNK_META)) {
        snprintf(damage.text, sizeof(damage.text), "the beginning of the recording is missing");
        chunk_scan_report(scan, &damage);
    }
}

static void unknown_report(struct chunk_scan *scan, const struct chunk_place *place)
{
    struct damage damage = {
        .status = STATUS_UNSUPPORTED,
        .offset = place->offset,
        .time_known = true,
        .process = place->header.process,
        .t_first_ns = place->header.t_first_ns,
        .t_last_ns = place->header.t_last_ns,
    };
    snprintf(damage.text, sizeof(damage.text),
             "chunk %u has content that only a newer reader understands", place->header.seq);
    chunk_scan_report(scan, &damage);
}

void chunk_order_settle(struct chunk_scan *scan)
{
    new_sort(scan);
    duplicates_drop(scan);
    for (size_t i = scan->n_settled; i < scan->n; i++) {
        const struct chunk_place *const place = &scan->places[i];
        if (i > 0 && place->header.seq - place[-1].header.seq > 1)
            gap_report(scan, place - 1, place);
        if (place->header.flags & CHUNK_MUST_UNDERSTAND && place->header.flags & ~CHUNK_KNOWN_FLAGS)
            unknown_report(scan, place);
    }
    if (scan->n > 0)
        ends_check(scan);
    scan->n_settled = scan->n;
}
