/* SPDX-License-Identifier: MIT */
/*
 * careful - loads that the kernel makes for us, where no handler of ours is in force.
 *
 * On the line:  memory of CPython -> [careful] -> peek
 * Threads:      any. A reading is one thread's at a time: the sampler's.
 * Memory:       72 KiB from careful_begin to careful_end.
 * Loss:         memory that is not there, or that the kernel refuses to read, is "bad".
 *
 * process_vm_readv() on ourselves costs some 0.7 us, for 8 bytes as for 512; a load costs nothing.
 * So a reader that never looks at one place twice may begin a reading: the blocks that it reads are
 * kept, and each is read once. A reading begins with nothing kept, so what it sees is not older
 * than its beginning. To prove that a word has not changed, read it again outside of a reading, or
 * in another one.
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

/* What this thread reads is kept, until it ends the reading or begins another one. Nothing happens
 * where loads are not careful. */
void careful_reading_begin(void);
void careful_reading_end(void);

/* peek() and peek_bytes() */
uint64_t careful_load(uintptr_t address, uint32_t *bad);
bool careful_bytes(void *to, uintptr_t from, size_t len);

/* System calls made so far: what it costs. */
uint64_t careful_calls(void);

#endif
