/* SPDX-License-Identifier: MIT */
/*
 * run_pyrec - start the staged pyrec as a user would, and see what becomes of it.
 *
 * On the line:  under the tests of the whole recorder.
 * Memory:       struct run is the caller's.
 */
#ifndef PYREC_TESTS_RUN_PYREC_H
#define PYREC_TESTS_RUN_PYREC_H

#include <stdbool.h>
#include <sys/types.h>

struct run {
    pid_t pid;
    int out, err;      /* read ends of its stdout and stderr */
    char output[8192]; /* what run_wait read from them */
    char errors[8192];
    int status; /* as wait() gives it */
};

/* Paths of the staged programs. */
extern const char run_pyrec_path[], run_fake_path[], run_library_path[];

/*
 * Start the words of `line`, split at spaces; PYREC and FAKE at the start of a word stand for the
 * programs, TRACE and TRUTH for files in the test's own directory, which run_path names.
 */
enum run_group { RUN_SAME_GROUP, RUN_OWN_GROUP };
void run_start(struct run *run, const char *line, enum run_group group);
const char *run_path(const char *name);

/* Wait until a line that has `text` in it comes on stdout. */
void run_wait_line(struct run *run, const char *text);

/* Wait for its end, reading what it says. False after 60 s: it hangs (and has been killed). */
bool run_wait(struct run *run);

/* Start and wait; the exit status, or 1000 + signal. */
int run_line(struct run *run, const char *line);

/* The exit status, or 1000 + signal. */
int run_status(const struct run *run);

#endif
