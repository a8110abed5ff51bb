/* SPDX-License-Identifier: MIT */
/*
 * save_bp - have a function save the register of frame pointers where its unwind information says.
 *
 * On the line:  beside it: functions that stand between the program and libc, and wait.
 * Threads:      any.
 * Memory:       a word of the stack.
 * Loss:         other machines than x86-64: nothing is done.
 *
 * Where a thread is blocked in such a function, the C frames outside of it can be told even if they
 * are found by frame pointers only, although nobody outside of the thread sees its registers. Files
 * that use it are compiled with -fomit-frame-pointer.
 */
#ifndef PYREC_RECORD_SAVE_BP_H
#define PYREC_RECORD_SAVE_BP_H

#if defined(__x86_64__)
#define SAVE_BP __asm__ volatile("" ::: "rbp")
#else
#define SAVE_BP (void)0
#endif

#endif
