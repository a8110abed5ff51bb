/* SPDX-License-Identifier: MIT */
/*
 * floor - which versions of libc's functions the agent asks for. Included in front of each of its
 * files.
 *
 * The agent goes into every program that a recorded command starts, and there is one build for all
 * libcs. So whatever it asks for has to be in all of them, else the loader ends the program. Where
 * glibc has given a function a new version, the agent asks for the oldest (glibc 2.28 and later
 * count). Functions that were in libpthread before 2.34 are weak: no Python runs without that
 * library. musl does not look at versions.
 */
#ifndef PYREC_AGENT_FLOOR_H
#define PYREC_AGENT_FLOOR_H

#if defined(__x86_64__)
#define FLOOR_FIRST "GLIBC_2.2.5"
#else
#define FLOOR_FIRST "GLIBC_2.17"
#endif

#define FLOOR_AS(name, as) __asm__(".symver " #name ", " #as "@" FLOOR_FIRST)
#define FLOOR_WEAK(name)                                                                           \
    FLOOR_AS(name, name);                                                                          \
    __asm__(".weak " #name)

FLOOR_WEAK(pthread_attr_setstacksize);
FLOOR_WEAK(pthread_detach);
FLOOR_WEAK(pthread_join);
FLOOR_WEAK(pthread_key_create);
FLOOR_WEAK(pthread_setspecific);

/* From glibc 2.38 on <stdlib.h> renames these. */
FLOOR_AS(__isoc23_strtol, strtol);
FLOOR_AS(__isoc23_strtoul, strtoul);
FLOOR_AS(__isoc23_strtoull, strtoull);

#endif
