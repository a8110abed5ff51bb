/* SPDX-License-Identifier: MIT */
/*
 * account - the recorder's books: what it took, what it missed, what it cost.
 *
 * On the line:  wire counters, stream, natives, clocks -> [account] -> encode
 * Threads:      the counters are the agent's, relaxed atomics; everything else one at a time.
 * Memory:       the caller's.
 */
#ifndef PYREC_RECORD_ACCOUNT_H
#define PYREC_RECORD_ACCOUNT_H

#include "record/wire/wire.h"

/* As in trace.proto's Account; all values since the recording of the process began. */
struct account {
    uint64_t ticks_due, ticks_taken, ticks_missed, ticks_overflowed, ticks_spared;
    uint64_t samples, samples_asked, samples_outside, retries;
    uint64_t failed[WIRE_FAIL_COUNT];
    uint64_t orphans; /* samples of threads that were never announced */
    uint64_t handler_ns, sampler_cpu_ns, collector_cpu_ns, process_cpu_ns;
    uint64_t unobserved_ns, codes, codes_lost, native_cpu_ns;
    uint64_t native_whole, native_part, native_none;
    uint64_t c_missing[WIRE_C_MISSING_COUNT];
};

/* Take what the agent counts; the collector's own figures are left as they are. */
void account_take(struct account *account, const struct wire_counters *counters);

/* So many samples (stream.h) were counted as not answered, and have been corrected since. */
void account_late(struct account *account, const uint64_t late[WIRE_C_MISSING_COUNT + 1]);

/* Add the figures of one process to those of the recording (collector_cpu_ns is not added). */
void account_add(struct account *sum, const struct account *account);

/* Words for a failure; a literal. */
const char *account_failure_text(enum wire_failure failure);

/* Words for why C frames are not known; a literal. */
const char *account_missing_text(enum wire_c_missing why);

#endif
