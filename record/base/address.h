/* SPDX-License-Identifier: MIT */
/*
 * address - how far the addresses of a program go.
 *
 * On the line:  beside it: whoever packs an address, or looks whether a word can be one.
 * Threads:      any; a constant.
 * Memory:       none.
 * Loss:         none. Memory at a higher address has only who asks for it by mmap's hint.
 */
#ifndef PYREC_RECORD_ADDRESS_H
#define PYREC_RECORD_ADDRESS_H

#if defined(__x86_64__)
#define ADDRESS_BITS 47u
#else
#define ADDRESS_BITS 48u
#endif

#endif
