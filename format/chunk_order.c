/* SPDX-License-Identifier: MIT */
#include "chunk_order.h"
#include <stdio.h>
#include <stdlib.h>

/* How far around a gap chunks are looked at to tell whose time is missing. */
#define GAP_WINDOW 32u

static int places_compare(const void *a, const void *b)
{
    const struct chunk_place *const x = a, *const y = b;
    if (x->header.seq != y->header.seq)
        return x->header.seq < y->header.seq ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void places_sort(struct chunk_scan *scan)
{
    for (size_t i = 1; i < scan->n; i++)
        if (scan->places[i].header.seq <= scan->places[i - 1].header.seq) {
            qsort(scan->places, scan->n, sizeof(*scan->places), places_compare);
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
    size_t kept = 0;

    for (size_t i = 0; i < scan->n; i++) {
        struct chunk_place *const last = kept > 0 ? &places[kept - 1] : NULL;
        if (last == NULL || places[i].header.seq > last->header.seq) {
            places[kept++] = places[i];
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

/* The last chunk of a process before the gap in front of places[at]; NULL when it is far away. */
static const struct chunk_place *process_before(const struct chunk_scan *scan, size_t at,
                                                uint32_t process)
{
    for (size_t i = at; i > 0 && at - i < GAP_WINDOW; i--)
        if (scan->places[i - 1].header.process == process)
            return &scan->places[i - 1];
    return NULL;
}

/*
 * The time that is lost with the chunks in front of places[at]. The chunks of a process follow each
 * other without holes, so where one has a hole there, it was its. Without any hole (a process ended
 * there) all that is known are the chunks around.
 */
static void gap_time(const struct chunk_scan *scan, size_t at, struct damage *damage)
{
    uint64_t from_ns = UINT64_MAX, to_ns = 0;
    uint32_t process = 0;
    bool one = true;

    for (size_t i = at; i < scan->n && i - at < GAP_WINDOW; i++) {
        const struct chunk_header *const after = &scan->places[i].header;
        const struct chunk_place *const before = process_before(scan, i, after->process);
        if (after->process == 0 || before == NULL || before >= &scan->places[at] ||
            before->header.t_last_ns >= after->t_first_ns)
            continue;
        one = one && (process == 0 || process == after->process);
        process = after->process;
        if (before->header.t_last_ns < from_ns)
            from_ns = before->header.t_last_ns;
        if (after->t_first_ns > to_ns)
            to_ns = after->t_first_ns;
    }
    if (from_ns > to_ns) {
        one = false;
        from_ns = scan->places[at - 1].header.t_first_ns;
        to_ns = scan->places[at].header.t_last_ns;
    }
    damage->time_known = to_ns > from_ns;
    damage->process = one ? process : 0;
    damage->t_first_ns = from_ns;
    damage->t_last_ns = to_ns;
}

static void gap_report(struct chunk_scan *scan, size_t at)
{
    const struct chunk_place *const before = &scan->places[at - 1], *const after = before + 1;
    const uint32_t n = after->header.seq - before->header.seq - 1;
    struct damage damage = {
        .status = STATUS_DAMAGED,
        .offset = before->offset + CHUNK_HEADER_LEN + before->header.comp_len,
    };
    gap_time(scan, at, &damage);
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

    const bool has_beginning = first->header.flags & CHUNK_META && first->header.process == 0;

    if (scan->closed && scan->trailer.n_chunks > n_span) {
        damage.time_known = true;
        damage.t_first_ns = has_beginning ? last->header.t_last_ns : 0;
        damage.t_last_ns = has_beginning ? DAMAGE_TO_THE_END : first->header.t_first_ns;
        if (has_beginning)
            damage.offset = last->offset + CHUNK_HEADER_LEN + last->header.comp_len;
        snprintf(damage.text, sizeof(damage.text), "%llu chunks are missing at the %s",
                 (unsigned long long)(scan->trailer.n_chunks - n_span),
                 has_beginning ? "end" : "beginning or the end");
        chunk_scan_report(scan, &damage);
    } else if (!(first->header.flags & CHUNK_META)) {
        damage.time_known = first->header.t_first_ns > 0;
        damage.t_last_ns = first->header.t_first_ns;
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
    places_sort(scan);
    duplicates_drop(scan);
    for (size_t i = 0; i < scan->n; i++) {
        const struct chunk_place *const place = &scan->places[i];
        if (i > 0 && place->header.seq - place[-1].header.seq > 1)
            gap_report(scan, i);
        if (place->header.flags & CHUNK_MUST_UNDERSTAND && place->header.flags & ~CHUNK_KNOWN_FLAGS)
            unknown_report(scan, place);
    }
    if (scan->n > 0)
        ends_check(scan);
}
