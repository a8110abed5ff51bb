/* SPDX-License-Identifier: MIT */
/* Screens one below the other, for logs. */
#include "analyze/base/now.h"
#include "analyze/base/sink.h"
#include "top.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BATCH_ROWS 40
#define BATCH_COLS 120

#define MOMENTS_MAX 100 /* of 0.1 s */

enum status top_run_batch(struct top *top, size_t count, uint32_t delay_s, struct problem *why)
{
    struct canvas canvas = {.plain = top->settings.plain};
    struct buffer text = {0};
    bool good = true;
    const struct timespec moment = {.tv_nsec = 100000000};
    for (int i = 0; top->live.trace == NULL && i < MOMENTS_MAX; i++) { /* pyrec top: it comes */
        nanosleep(&moment, NULL);
        top_tick(top, clock_ns(CLOCK_MONOTONIC));
    }
    if (top->live.trace == NULL)
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, "%.199s", top->message);
    for (size_t i = 0; good; i++) {
        const bool ended = trace_ended(top->live.trace);
        canvas_size(&canvas, BATCH_ROWS, BATCH_COLS);
        top_draw(top, &canvas, clock_ns(CLOCK_MONOTONIC));
        buffer_reset(&text);
        canvas_print(&canvas, &text);
        /* the last row tells about keys */
        for (int cut = 0; cut < 2 && text.len > 0; cut++) {
            while (text.len > 0 && text.text[text.len - 1] != '\n')
                text.len--;
            text.len -= cut == 0;
        }
        good = printf("%s%.*s\n", i > 0 ? "\n" : "", (int)text.len, text.text) >= 0 &&
               fflush(stdout) == 0;
        if (i + 1 == count || ended)
            break;
        (void)sink_wait(1000 * delay_s); /* whom nobody reads, the next screen ends */
        top_tick(top, clock_ns(CLOCK_MONOTONIC));
        if (top->live.trace == NULL)
            break;
    }
    canvas_clear(&canvas);
    buffer_clear(&text);
    if (top->live.trace == NULL) /* it became something that is no trace */
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, "%.199s", top->message);
    if (!good)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "standard output: %s",
                           strerror(errno));
    return STATUS_OK;
}
