/* SPDX-License-Identifier: MIT */
/*
 * peek - loads from memory that may not be there.
 *
 * On the line:  memory of CPython -> [peek] -> capture, codes, threads
 * Threads:      any, also in signal handlers.
 * Loss:         a load that faults gives 0 and says so; the caller decides what that means.
 *
 * A load is one instruction at a known address. The agent's SIGSEGV handler (agent_fault) asks
 * peek_recover() first; when the fault is ours it resumes behind the load. Costs a call and two
 * loads when nothing goes wrong. The idea is the kernel's exception table. In a program that was
 * attached to no handler is ours, and the kernel makes the loads (careful.h).
 *
 * Tests link another implementation of these functions to let the walker read a traced process.
 */
#ifndef PYREC_AGENT_PEEK_H
#define PYREC_AGENT_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The 8 bytes at `address`. When they cannot be read: 0, and *bad is set to 1 (else untouched). */
uint64_t peek(uintptr_t address, uint32_t *bad);

/* 4 bytes, 1 byte, taken out of the aligned word around them. */
static inline uint32_t peek_u32(uintptr_t address, uint32_t *bad)
{
    return (uint32_t)(peek(address & ~(uintptr_t)7, bad) >> (8 * (address & 7)));
}

static inline uint8_t peek_u8(uintptr_t address, uint32_t *bad)
{
    return (uint8_t)(peek(address & ~(uintptr_t)7, bad) >> (8 * (address & 7)));
}

/* Let the kernel make all loads from now on, for good; careful_begin() must have gone well. */
void peek_be_careful(void);

/* Copy `len` bytes; false when one of them could not be read. */
bool peek_bytes(void *to, uintptr_t from, size_t len);

/*
 * For the SIGSEGV and SIGBUS handler: when the fault at *pc is a load of peek()'s, set *pc behind
 * it and return true.
 */
bool peek_recover(uintptr_t *pc);

#endif
