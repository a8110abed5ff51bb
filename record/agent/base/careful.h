/* SPDX-License-Identifier: MIT */
/*
 * careful - loads that the kernel makes for us, where no handler of ours is in force.
 *
 * On the line:  memory of CPython -> [careful] -> peek
 * Threads:      any. A reading is one thread's at a time: the sampler's.
 * Memory:       room for 420 KiB from careful_begin to careful_end, touched as needed: 512 bytes
 *               for each block of the longest reading, 4 KiB for each trail.
 * Loss:         memory that is not there, or that the kernel refuses to read, is "bad".
 *
 * process_vm_readv() on ourselves costs some 0.7 us, for 8 bytes as for 512; a load costs nothing.
 * So a reader that never looks at one place twice may begin a reading: the blocks that it reads are
 * kept, and each is read once. A trail is what one reading leaves to the next one of its kind, the
 * next tick's of the same thread: where its blocks were, and never what was in them. They are read
 * in one call as the reading begins; what is not among them when it is looked for is read then.
 *
 * A reading begins with nothing kept, so what it sees is not older than its beginning; what it saw
 * is not newer than its end. So whoever proves that a thread stood still from before a reading
 * began until after it ended (by its clock, by the number of its call) has proved all that was
 * seen, whatever order it was read in. Where nothing proves that (outside_running()), a reading with a
 * trail sees one moment of a microsecond and not a walk of ten: mixtures get rarer. To prove
 * that a word has not changed, read it again outside of a reading, or in another one. What is to
 * be seen in the order of the loads is loaded outside of a reading.
 */
#ifndef PYREC_AGENT_CAREFUL_H
#define PYREC_AGENT_CAREFUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Get ready for peek() to go through the kernel, which peek_be_careful() then makes it do. 0, or
 * why that cannot be: the kernel's error (EPERM, ENOSYS: a filter of system calls), or ENOMEM.
 */
int careful_begin(void);

/* Give the memory back. No reading is under way. */
void careful_end(void);

/* In a forked child: read that process now. */
void careful_adopt(void);

/* Kinds of readings that have a trail. */
enum careful_trail {
    CAREFUL_NO_TRAIL, /* of what is never looked at again */
    CAREFUL_LISTS,    /* interpreters and their threads */
    CAREFUL_GIL,
    CAREFUL_STACKS, /* + any number that is the thread's; two may share one, at some cost */
};

/* What this thread reads is kept, until it ends the reading or begins another one. Nothing happens
 * where loads are not careful. */
void careful_reading_begin(uint32_t trail);
void careful_reading_end(void);

/* What is loaded until the reading is resumed is loaded now, each word by itself, and not kept.
 * True: there was a reading, which is what to resume it with. */
bool careful_reading_pause(void);
void careful_reading_resume(bool was_reading);

/* peek() and peek_bytes() */
uint64_t careful_load(uintptr_t address, uint32_t *bad);
bool careful_bytes(void *to, uintptr_t from, size_t len);

/* System calls made so far: what it costs. */
uint64_t careful_calls(void);

#endif
