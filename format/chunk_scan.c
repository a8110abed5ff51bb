/* SPDX-License-Identifier: MIT */
#include "chunk_scan.h"
#include "bytes.h"
#include "crc32c.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_LEN (256u << 10)
/* Where a disk cannot be read, this much is given up at a time. */
#define BLOCK_LEN 4096u

int64_t chunk_scan_read(int fd, void *bytes, size_t len, uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        const ssize_t n = pread(fd, (char *)bytes + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

void chunk_scan_report(struct chunk_scan *scan, const struct damage *damage)
{
    if (scan->report != NULL)
        scan->report(scan->closure, damage);
}

static void pending_report(struct chunk_scan *scan)
{
    /* Without one good header this is no damaged trace, it is none. */
    if (scan->is_pending && scan->tag_known)
        chunk_scan_report(scan, &scan->pending);
    scan->is_pending = false;
}

/* Bytes from `at` to `to` are lost; `header` is that of the chunk that stood there, NULL if not
 * known. */
static void bytes_skip(struct chunk_scan *scan, uint64_t to, enum status status, const char *text,
                       const struct chunk_header *header)
{
    struct damage *const pending = &scan->pending;
    const uint64_t from = scan->at;

    if (from >= to)
        return;
    const bool is_alike = header == NULL && !pending->time_known && pending->status == status &&
                          strcmp(pending->text, text) == 0;
    /* Before the first good header nothing can be reported yet, so all of it is one. */
    if (scan->is_pending && pending->offset + pending->len_bytes == from &&
        (is_alike || !scan->tag_known)) {
        pending->len_bytes += to - from;
        return;
    }
    pending_report(scan);
    scan->is_pending = true;
    *pending = (struct damage){.status = status, .offset = from, .len_bytes = to - from};
    if (header != NULL) {
        pending->time_known = true;
        pending->process = header->process;
        pending->t_first_ns = header->t_first_ns;
        pending->t_last_ns = header->t_last_ns;
    }
    snprintf(pending->text, sizeof(pending->text), "%s", text);
}

static uint64_t chunk_end(uint64_t offset, const struct chunk_header *header)
{
    return offset + CHUNK_HEADER_LEN + header->comp_len;
}

static enum chunk_look header_judge(const struct chunk_scan *scan, uint64_t offset,
                                    const struct chunk_header *header)
{
    if (header->version > CHUNK_VERSION)
        return LOOK_TOO_NEW;
    if (header->version == 0 || header->comp_len == 0 || header->comp_len > CHUNK_COMP_MAX ||
        header->raw_len > CHUNK_RAW_MAX || header->process > LIMIT_PROCESSES ||
        header->t_last_ns < header->t_first_ns)
        return LOOK_LIMIT;
    return chunk_end(offset, header) > scan->size ? LOOK_CUT : LOOK_CHUNK;
}

/* Do n bytes, fewer than a header or trailer has, begin like one? */
static bool is_beginning(const uint8_t *bytes, size_t n)
{
    uint8_t start[16];
    const size_t len = n < sizeof(start) ? n : sizeof(start);

    bytes_put32(start, CHUNK_SKIPPABLE_MAGIC);
    bytes_put32(start + 4, CHUNK_HEADER_LEN - 8);
    memcpy(start + 8, CHUNK_MAGIC, CHUNK_MAGIC_LEN);
    if (memcmp(bytes, start, len) == 0)
        return true;
    bytes_put32(start + 4, TRAILER_LEN - 8);
    memcpy(start + 8, TRAILER_MAGIC, CHUNK_MAGIC_LEN);
    return n < TRAILER_LEN && memcmp(bytes, start, len) == 0;
}

enum chunk_look chunk_scan_look(struct chunk_scan *scan, uint64_t offset,
                                struct chunk_header *header, struct chunk_trailer *trailer)
{
    uint8_t bytes[CHUNK_HEADER_LEN];
    const uint64_t left = offset < scan->size ? scan->size - offset : 0;
    const size_t len = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);

    const int64_t n = chunk_scan_read(scan->fd, bytes, len, offset);
    if (n < 0) {
        scan->io_error = errno;
        return LOOK_IO;
    }
    if (n == CHUNK_HEADER_LEN && chunk_header_parse(header, bytes))
        return header_judge(scan, offset, header);
    if (n >= (int64_t)TRAILER_LEN && chunk_trailer_parse(trailer, bytes))
        return LOOK_TRAILER;
    return n < (int64_t)sizeof(bytes) && is_beginning(bytes, (size_t)n) ? LOOK_SHORT : LOOK_OTHER;
}

bool chunk_scan_payload_good(const struct chunk_scan *scan, const struct chunk_place *place)
{
    uint8_t bytes[16 << 10];
    uint64_t at = place->offset + CHUNK_HEADER_LEN;
    uint32_t left = place->header.comp_len;
    uint32_t crc = 0;

    while (left > 0) {
        const size_t len = left < sizeof(bytes) ? left : sizeof(bytes);
        if (chunk_scan_read(scan->fd, bytes, len, at) != (int64_t)len)
            return false;
        crc = crc32c_add(crc, bytes, len);
        at += len;
        left -= (uint32_t)len;
    }
    return crc == place->header.payload_crc;
}

static uint64_t block_end(uint64_t offset)
{
    return (offset / BLOCK_LEN + 1) * BLOCK_LEN;
}

static bool window_read(struct chunk_scan *scan, uint64_t from, uint64_t len)
{
    struct chunk_window *const window = &scan->window;
    const uint64_t left = scan->size - from;

    if (len > left)
        len = left;
    window->offset = from;
    window->len = 0;
    if (chunk_scan_read(scan->fd, window->bytes, (size_t)len, from) != (int64_t)len)
        return false;
    window->len = (size_t)len;
    return true;
}

/*
 * Have a header's length of bytes from `from` on in the window, or all that the file has.
 * STATUS_IO when the block that `from` is in, or the next one, cannot be read.
 */
static enum status window_fill(struct chunk_scan *scan, uint64_t from)
{
    struct chunk_window *const window = &scan->window;
    const uint64_t end = window->offset + window->len;

    if (from >= window->offset && from < end &&
        (end - from >= CHUNK_HEADER_LEN || end == scan->size))
        return STATUS_OK;
    if (window->bytes == NULL && (window->bytes = malloc(WINDOW_LEN)) == NULL)
        return STATUS_NO_MEMORY;
    if (window_read(scan, from, WINDOW_LEN))
        return STATUS_OK;
    uint64_t len = block_end(from) - from;
    if (len < CHUNK_HEADER_LEN)
        len += BLOCK_LEN;
    errno = 0;
    if (window_read(scan, from, len))
        return STATUS_OK;
    scan->io_error = errno != 0 ? errno : EIO; /* it may have shrunk as well */
    return STATUS_IO;
}

/*
 * Where the next good header or trailer begins, at `from` or later; the file's size when there is
 * none. memmem finds zstd's magic number; most files have it nowhere but in headers.
 */
static enum status header_search(struct chunk_scan *scan, uint64_t from, uint64_t *found)
{
    struct chunk_window *const window = &scan->window;
    struct chunk_header header;
    struct chunk_trailer trailer;
    uint8_t needle[4];

    bytes_put32(needle, CHUNK_SKIPPABLE_MAGIC);
    while (from < scan->size) {
        const enum status status = window_fill(scan, from);
        if (status == STATUS_IO) {
            from = block_end(from);
            continue;
        }
        if (status != STATUS_OK)
            return status;
        const uint8_t *const start = window->bytes + (from - window->offset);
        const uint8_t *const end = window->bytes + window->len;
        const uint8_t *const hit = memmem(start, (size_t)(end - start), needle, sizeof(needle));
        const uint64_t window_end = window->offset + window->len;
        if (hit == NULL) {
            /* The magic may begin in the window's last bytes. */
            from = window_end == scan->size ? window_end : window_end - (sizeof(needle) - 1);
            continue;
        }
        const size_t left = (size_t)(end - hit);
        from = window->offset + (uint64_t)(hit - window->bytes);
        if (left < CHUNK_HEADER_LEN && window_end != scan->size)
            continue; /* the window moves up to it */
        if ((left >= CHUNK_HEADER_LEN && chunk_header_parse(&header, hit)) ||
            (left >= TRAILER_LEN && chunk_trailer_parse(&trailer, hit))) {
            *found = from;
            return STATUS_OK;
        }
        from++;
    }
    *found = scan->size;
    return STATUS_OK;
}

static bool is_all_zero(struct chunk_scan *scan, uint64_t from)
{
    while (from < scan->size) {
        if (window_fill(scan, from) != STATUS_OK)
            return false;
        const uint8_t *at = scan->window.bytes + (from - scan->window.offset);
        const uint8_t *const end = scan->window.bytes + scan->window.len;
        from = scan->window.offset + scan->window.len;
        for (; at < end; at++)
            if (*at != 0)
                return false;
    }
    return true;
}

static enum status place_add(struct chunk_scan *scan, const struct chunk_header *header)
{
    if (scan->n == scan->room) {
        const size_t room = scan->room + scan->room / 2 + 64;
        struct chunk_place *const larger = realloc(scan->places, room * sizeof(*larger));
        if (larger == NULL)
            return STATUS_NO_MEMORY;
        scan->places = larger;
        scan->room = room;
    }
    scan->places[scan->n++] = (struct chunk_place){scan->at, *header};
    return STATUS_OK;
}

static enum status chunk_take(struct chunk_scan *scan, const struct chunk_header *header)
{
    const uint64_t end = chunk_end(scan->at, header);

    if (!scan->tag_known) {
        scan->tag_known = true;
        scan->tag = header->tag;
    }
    if (header->tag != scan->tag) {
        bytes_skip(scan, end, STATUS_DAMAGED, "chunks of another recording", NULL);
    } else {
        TRY(place_add(scan, header));
        pending_report(scan);
    }
    scan->at = end;
    return STATUS_OK;
}

static void trailer_take(struct chunk_scan *scan, const struct chunk_trailer *trailer)
{
    const uint64_t end = scan->at + TRAILER_LEN;

    if (end == scan->size && scan->tag_known && trailer->tag == scan->tag) {
        scan->closed = true;
        scan->trailer = *trailer;
        pending_report(scan);
    } else {
        bytes_skip(scan, end, STATUS_DAMAGED, "a trailer that does not end this recording", NULL);
    }
    scan->at = end;
}

/*
 * There is no header where the last chunk ends: perhaps bytes are missing in that chunk, or too
 * many. Then it is lost anyway, and the next one begins somewhere else, maybe inside it. Hostile
 * files could have every byte checked again and again; recheck_left ends that.
 */
static bool last_is_bad(struct chunk_scan *scan)
{
    if (scan->n == 0)
        return false;
    const struct chunk_place *const last = &scan->places[scan->n - 1];
    if (chunk_end(last->offset, &last->header) != scan->at ||
        last->header.comp_len > scan->recheck_left)
        return false;
    scan->recheck_left -= last->header.comp_len;
    return !chunk_scan_payload_good(scan, last);
}

/* What was skipped when there is another header behind it. */
static void middle_skip(struct chunk_scan *scan, enum chunk_look what, uint64_t to,
                        const struct chunk_header *header)
{
    switch (what) {
    case LOOK_TOO_NEW:
        bytes_skip(scan, to, STATUS_TOO_NEW, "chunks of a later version", NULL);
        break;
    case LOOK_IO:
        bytes_skip(scan, to, STATUS_IO, "cannot be read", NULL);
        break;
    case LOOK_LIMIT:
        bytes_skip(scan, to, STATUS_LIMIT, "a chunk header is over the limits", NULL);
        break;
    case LOOK_CUT:
        bytes_skip(scan, to, STATUS_DAMAGED, "a chunk is not as long as its header says", header);
        break;
    case LOOK_CHUNK:
        bytes_skip(scan, to, STATUS_DAMAGED, "a damaged chunk, and no header where it should end",
                   header);
        break;
    default:
        bytes_skip(scan, to, STATUS_DAMAGED, "no good chunk header", NULL);
    }
}

/* And when there is none. */
static void tail_skip(struct chunk_scan *scan, enum chunk_look what,
                      const struct chunk_header *header)
{
    if (what == LOOK_CUT)
        bytes_skip(scan, scan->size, STATUS_TRUNCATED, "the last chunk is cut", header);
    else if (what == LOOK_SHORT)
        bytes_skip(scan, scan->size, STATUS_TRUNCATED, "the last chunk header is cut", NULL);
    else if (what == LOOK_OTHER && is_all_zero(scan, scan->at))
        bytes_skip(scan, scan->size, STATUS_TRUNCATED, "zeros at the end, reserved or never synced",
                   NULL);
    else
        middle_skip(scan, what, scan->size, header);
    pending_report(scan);
}

/* Something else than a chunk stands at `at`. Sets *go_on to false at the end of the file. */
static enum status bad_skip(struct chunk_scan *scan, enum chunk_look what,
                            struct chunk_header *header, bool *go_on)
{
    uint64_t next = scan->size;

    *go_on = false;
    if (what == LOOK_OTHER && last_is_bad(scan)) {
        const struct chunk_place *const last = &scan->places[--scan->n];
        *header = last->header;
        scan->at = last->offset;
        what = LOOK_CHUNK;
    }
    if (what != LOOK_SHORT) {
        const bool is_header = what != LOOK_OTHER && what != LOOK_IO;
        TRY(header_search(scan, scan->at + (is_header ? CHUNK_HEADER_LEN : 1), &next));
    }
    if (next < scan->size) {
        middle_skip(scan, what, next, header);
        scan->at = next;
        *go_on = true;
        return STATUS_OK;
    }
    tail_skip(scan, what, header);
    return STATUS_OK;
}

static enum status step(struct chunk_scan *scan, bool *go_on)
{
    struct chunk_header header = {0};
    struct chunk_trailer trailer = {0};
    const enum chunk_look what = chunk_scan_look(scan, scan->at, &header, &trailer);

    *go_on = true;
    switch (what) {
    case LOOK_CHUNK:
        return chunk_take(scan, &header);
    case LOOK_TRAILER:
        trailer_take(scan, &trailer);
        return STATUS_OK;
    case LOOK_TOO_NEW:
        if (!scan->tag_known) {
            scan->newer_version = header.version;
            return STATUS_TOO_NEW;
        }
        break;
    case LOOK_LIMIT:
    case LOOK_CUT:
        if (!scan->tag_known) {
            scan->tag_known = true;
            scan->tag = header.tag;
        }
        break;
    case LOOK_IO:
    case LOOK_SHORT:
    case LOOK_OTHER:
        break;
    }
    return bad_skip(scan, what, &header, go_on);
}

enum status chunk_scan_run(struct chunk_scan *scan, struct problem *why)
{
    enum status status = STATUS_OK;
    bool go_on = true;

    scan->recheck_left = scan->size;
    while (status == STATUS_OK && go_on && scan->at < scan->size)
        status = step(scan, &go_on);
    if (status != STATUS_OK)
        return problem_set(why, status, scan->at, "%s", status_text(status));
    pending_report(scan);
    return STATUS_OK;
}

/* May this chunk stand behind the last one? */
static bool follows_on(const struct chunk_scan *scan, const struct chunk_header *header)
{
    return scan->n > 0 && header->tag == scan->tag &&
           header->seq == scan->places[scan->n - 1].header.seq + 1 &&
           !(header->flags & CHUNK_MUST_UNDERSTAND && header->flags & ~CHUNK_KNOWN_FLAGS);
}

enum chunk_growth chunk_scan_more(struct chunk_scan *scan, uint64_t size)
{
    enum chunk_growth growth = CHUNK_GROWTH_NONE;

    scan->size = size;
    while (scan->at < size) {
        struct chunk_header header;
        struct chunk_trailer trailer;
        const enum chunk_look what = chunk_scan_look(scan, scan->at, &header, &trailer);
        if (what == LOOK_CUT || what == LOOK_SHORT)
            return growth;
        if (what == LOOK_TRAILER && scan->at + TRAILER_LEN == size && trailer.tag == scan->tag &&
            trailer.n_chunks == scan->n) {
            scan->closed = true;
            scan->trailer = trailer;
            scan->at = size;
            return CHUNK_GROWTH_MORE;
        }
        if (what != LOOK_CHUNK || !follows_on(scan, &header) ||
            place_add(scan, &header) != STATUS_OK)
            return CHUNK_GROWTH_OTHER;
        scan->at = chunk_end(scan->at, &header);
        growth = CHUNK_GROWTH_MORE;
    }
    return growth;
}

void chunk_scan_clear(struct chunk_scan *scan)
{
    free(scan->places);
    free(scan->window.bytes);
    scan->places = NULL;
    scan->window.bytes = NULL;
}
