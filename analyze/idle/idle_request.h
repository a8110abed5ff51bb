/* SPDX-License-Identifier: MIT */
/*
 * idle_request - threads, or processes, of a server that begins one for each connection.
 *
 * On the line:  idle_visits, idle_evidence -> [idle_request] -> idle_choose, idle_busy
 * Threads:      one at a time.
 * Memory:       none of its own.
 *
 * Such a thread (socketserver.ThreadingMixIn: http.server, runserver of Django, werkzeug, XML-RPC)
 * has no loop that it comes back to, and often serves one request only. It is known by the name of
 * what it was begun with, below which all of its stacks are. Its whole life is work but for the
 * waits for a request, the first or the next of a connection that is kept open: what reads requests
 * is known by name, too, and nothing of the program's is between it and the socket. Of a handler
 * that is not known, a read of its own handle() is likely such a wait; where it was only seen
 * reading further in, that may be the client as well as a database, and it is not told here.
 * A process that socketserver.ForkingMixIn forks for a connection is the same, below what forked
 * it.
 */
#ifndef PYREC_ANALYZE_IDLE_REQUEST_H
#define PYREC_ANALYZE_IDLE_REQUEST_H

#include "idle_model.h"

/* Is it such a thread, or that of a process of one connection? Sets `request` and `http`. */
void idle_request_find(struct idle *idle, struct idle_thread *t);

/*
 * Was it seen nowhere but in what begins and ends such threads? Then it is one, or another one that
 * was too short to say anything of it.
 */
bool idle_request_begins(struct idle *idle, const struct idle_thread *t);

/*
 * Mark the places in which it waits for a request, after one more was added that stands for all of
 * its life: `chosen` has room for that. False when they are not known.
 */
bool idle_request_choose(struct idle *idle, struct idle_thread *t, bool *chosen);

/* The idle places were found in another way: all else in the thread's life is work all the same. */
void idle_request_adopt(struct idle_thread *t);

/*
 * Is what it does there one piece of work for sure: a connection's first request, or all that it
 * ever was?
 */
bool idle_request_is_one(struct idle *idle, const struct idle_thread *t, uint32_t node);

#endif
