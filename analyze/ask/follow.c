/* SPDX-License-Identifier: MIT */
#include "follow.h"

#include "analyze/base/now.h"
#include "analyze/base/path.h"
#include "analyze/base/sink.h"

#include <sys/stat.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
#define STEP_MS   200u

void follow_note(struct follow *follow)
{
    follow->noted_ns = clock_ns(CLOCK_MONOTONIC);
}

bool follow_wait(struct follow *follow, const struct trace *trace, bool restless)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
    const uint64_t took_ns = clock_ns(CLOCK_MONOTONIC) - follow->noted_ns;
    const uint64_t least_ns = took_ns > SECOND_NS / 10 ? 10 * took_ns : SECOND_NS;
    for (;;) {
        const bool changed = trace_changed(trace);
        const uint64_t waited_ns = clock_ns(CLOCK_MONOTONIC) - follow->noted_ns;
        if (changed && waited_ns >= least_ns) {
            follow->quiet = false;
            return true;
        }
        if (restless && !changed && !follow->quiet && waited_ns >= FOLLOW_QUIET_S * SECOND_NS) {
            follow->quiet = true;
            return true;
        }
        if (!follow->prints)
            nanosleep(&step, NULL);
        else if (!sink_wait(STEP_MS))
            return false;
    }
}

/* Seconds since the file that was written last was; 0 where none can be looked at. */
static double quiet_seconds(const struct trace *trace)
{
    struct timespec now;
    double least = -1;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < trace->n_files; i++) {
        struct stat st;
        if (stat(chunk_file_path(trace->files[i].chunks), &st) != 0)
            continue;
        const double seconds = (double)(now.tv_sec - st.st_mtim.tv_sec) +
                               1e-9 * (double)(now.tv_nsec - st.st_mtim.tv_nsec);
        least = least < 0 || seconds < least ? seconds : least;
    }
    return least > 0 ? least : 0;
}

const char *follow_headline(struct arena *arena, const struct trace *trace, size_t n_damages)
{
    const uint64_t interval_ns = trace->census.recordings[0]->interval_ns;
    const double quiet_s = quiet_seconds(trace);
    const char *const name = trace->n_files == 1
                                 ? path_name(chunk_file_path(trace->files[0].chunks))
                                 : arena_print(arena, "%zu files", trace->n_files);
    const char *const rate =
        interval_ns == 0 ? ""
                         : arena_print(arena, ", %.4g ticks per second", 1e9 / (double)interval_ns);
    const char *const damage = n_damages == 0 ? ""
                                              : arena_print(arena, ", damaged in %zu place%s",
                                                            n_damages, n_damages == 1 ? "" : "s");
    const double end_s = (double)trace_end_ns(trace) / 1e9;
    if (trace_ended(trace))
        return arena_print(arena, "%s: %.1f s%s%s, ended", name, end_s, rate, damage);
    return arena_print(
        arena,
        quiet_s < FOLLOW_QUIET_S
            ? "%s: %.1f s so far%s%s, written %.1f s ago"
            : "%s: %.1f s so far%s%s, nothing written for %.0f s: has its writer gone?",
        name, end_s, rate, damage, quiet_s);
}
