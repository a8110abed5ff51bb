/* SPDX-License-Identifier: MIT */
/*
 * preload - a program that is executed has our library and our settings in its environment.
 *
 * On the line:  beside it: what is executed -> [preload] -> exec, posix_spawn
 * Threads:      preload_keep in the constructor; preload_look and preload_write on any thread, also
 *               in a child of vfork: they ask nobody but the kernel, and take no memory.
 * Memory:       what was kept, 5 KiB. The new environment is the caller's.
 * Loss:         an environment without room for it stays as it is.
 *
 * Programs start others with an environment of their own (env -i, subprocess with env=,
 * whitelists), or put other libraries into LD_PRELOAD. What is missing is added: our library behind
 * those that are there, for some must be the first; it moves behind those that were put behind it.
 * A program that would not bear it (target.h) gets it taken out. An environment with settings of
 * its own, as of another pyrec, keeps them.
 */
#ifndef PYREC_AGENT_INTERPOSE_PRELOAD_H
#define PYREC_AGENT_INTERPOSE_PRELOAD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Keep the setting `name`=`value` and our library's path, as it stands in LD_PRELOAD, for what is
 * executed from now on. NULL, or what does not fit there: nothing is added to anything.
 */
void preload_keep(const char *name, const char *value, const char *path);

/* What an environment needs. */
struct preload_need {
    bool adds_setting, changes_list;
    bool wants_library; /* in its LD_PRELOAD, as the last one; else it is to be without */
    size_t n;     /* entries it has */
    size_t bytes; /* that preload_write() takes; 0 = it needs nothing */
    int last;     /* its entry of LD_PRELOAD; -1 = there is none */
};

/* Where the program to be executed is; as for execveat(), or by `path` in PATH. */
struct preload_target {
    int directory;
    const char *path;
    bool is_searched;
    bool is_descriptor; /* `directory` is the program */
};

void preload_look(struct preload_need *need, char *const *environment,
                  const struct preload_target *target);

/* The environment that it needs, in `room` of need->bytes, aligned as a pointer. */
char **preload_write(const struct preload_need *need, char *const *environment, void *room);

#endif
