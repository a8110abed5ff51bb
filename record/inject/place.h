/* SPDX-License-Identifier: MIT */
/*
 * place - where in another process our code and the mailbox go, and that nobody is in there.
 *
 * On the line:  regard -> [place] -> inject, hold
 * Threads:      one: the child of pyrec that attaches.
 * Memory:       the job's.
 *
 * The code lies in what is never unmapped: the program itself, its C library, its Python. Threads
 * of ours are in it for seconds, while the program may load and unload others as it likes.
 *
 * Code and table are there once, for one thread: who was held before may still need them. So
 * nobody is held before the last one, whose number is in the table, is seen to be out.
 */
#ifndef PYREC_RECORD_PLACE_H
#define PYREC_RECORD_PLACE_H

#include "job.h"

/* Fill in job->place and job->last. */
enum inject_outcome place_find(struct job *job);

/* Look whether job->last is out by now. */
enum hold_sight place_look(struct job *job);

#endif
