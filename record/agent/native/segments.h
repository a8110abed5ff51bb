/* SPDX-License-Identifier: MIT */
/*
 * segments - which code is mapped where, and where the unwind information for it lies.
 *
 * On the line:  /proc/self/maps + the headers of mapped files -> [segments] -> unwind
 * Threads:      segments_look, segments_read and segments_path by the sampler; segments_find and
 *               segments_miss in signal handlers; segments_unmapped on any thread.
 * Memory:       reserved at start, 360 KiB at most.
 * Loss:         code that was mapped after the list was read is in no segment until it is read
 *               again, which a handler that met such code asks for; so is all code after something
 *               was unmapped, for another library may lie there. Code that no file is behind (JIT)
 *               never is. Of more than SEGMENTS_MAX, those at the highest addresses are missing.
 *
 * The loader has a list of what it has loaded, but who reads that must hold its lock, or may find
 * what is just being unmapped. The kernel's list knows the vDSO as well, needs no lock of the
 * program's, and headers are read by peek().
 */
#ifndef PYREC_AGENT_SEGMENTS_H
#define PYREC_AGENT_SEGMENTS_H

#include "record/wire/wire.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SEGMENTS_MAX     2048u
#define SEGMENTS_WAIT_NS 20000000u   /* between two readings of the list, */
#define SEGMENTS_MOST_NS 2000000000u /* where the last ones have brought nothing new */

struct segment {
    uint64_t start, end; /* code: [start, end) */
    uint64_t bias;       /* of an address in memory over the one in the file's own terms */
    uint64_t hdr;        /* .eh_frame_hdr in memory; 0 = it has none */
    uint64_t low, high;  /* all that is mapped of that file around it */
    uint64_t inode;      /* 0: the vDSO */
};

/* A word per member: they are read while they may be written. */
struct segment_words {
    _Atomic uint64_t word[sizeof(struct segment) / sizeof(uint64_t)];
};

/* `turn` is odd while it is being written. */
struct segment_list {
    _Atomic uint64_t turn;
    _Atomic uint32_t n;
    struct segment_words list[SEGMENTS_MAX]; /* in order of their addresses */
};

struct segments {
    struct segment_list *lists; /* two; the current one is left alone for SEGMENTS_WAIT_NS */
    char *text;
    _Atomic uint32_t current;
    _Atomic uint64_t epoch;           /* raised when anything was unmapped */
    const _Atomic uint64_t *unmapped; /* the same, by who unmaps; NULL = nobody tells */
    _Atomic uint64_t known;           /* the epoch that the current list is of */
    _Atomic bool is_wanted;
    uint64_t next_ns, wait_ns;
    uint32_t n_read; /* how often the list was read; the sampler's */
};

/* Reserve memory. False when there is none. */
bool segments_init(struct segments *segments, const _Atomic uint64_t *unmapped);
void segments_free(struct segments *segments);

/* Read the list anew from a file like /proc/self/maps, open at its beginning. False: it could not
 * be read, and the old one stays. *changed: it is another one than before. */
bool segments_read(struct segments *segments, int maps, bool *changed);

/* Do so if somebody wants it and it is time: of this process. */
void segments_look(struct segments *segments, uint64_t now_ns);

/* Something is about to be unmapped, or was: what is known of addresses is not true any more. */
void segments_unmapped(struct segments *segments);

uint64_t segments_epoch(const struct segments *segments);

/* The segment that `pc` is in. False: it is in none that is known. */
bool segments_find(const struct segments *segments, uint64_t pc, struct segment *segment);

/* The name of the file that it is of, not terminated; its length, 0 = not known. The sampler's. */
uint32_t segments_path(struct segments *segments, const struct segment *segment,
                       char path[SEGMENT_PATH_MAX]);

/* In the child of a fork: the parent may have been making a list. All else stays. */
void segments_reset(struct segments *segments);

/* A handler has met code that is in none. */
void segments_miss(struct segments *segments);

#endif
