/* SPDX-License-Identifier: MIT */
/*
 * stub - what is executed in the process that is attached to. It is written into the unused end of a
 * page of code, and lies there for as long as anybody may be in it.
 *
 * The stopped thread's way: no stack, no lock, no libc. It maps the mailbox, clones the raw thread
 * and goes back to where it was, with every register from the table: flags by hand, as there is no
 * stack to pop them from. Nobody has to help it: pyrec may die at any moment.
 *
 * The raw thread's way: it is a thread of the process, but with a table of descriptors of its own,
 * and libc does not know it. It waits for pyrec to fill in the mailbox, gives itself the
 * thread-local storage that libc itself would give it, calls pthread_create and joins what that made.
 * Whatever lock another thread may hold, it waits for like any thread.
 *
 * The real thread's way: dlopen, dlsym, the entry. An ordinary thread to everybody.
 */
#include "mailbox.h"

#define CLONE_FLAGS 0x50f00 /* VM | FS | FILES | SIGHAND | THREAD | SYSVSEM */
#define PATIENCE_NS 10000000000 /* pyrec, of which nothing was heard for so long, is dead */
#define SOLO_NS     20000000    /* the only thread of a process waits so long for ours to begin .. */
#define SOLO_MAX_NS 2000000000  /* .. and for one that has begun */
#define STACK_LEN   262144 /* of the real thread */

#define NR_WRITE       1
#define NR_MMAP        9
#define NR_MUNMAP      11
#define NR_SIGPROCMASK 14
#define NR_MADVISE     28
#define NR_CLONE       56
#define NR_EXIT        60
#define NR_ARCH_PRCTL  158
#define NR_GETTID      186
#define NR_FUTEX       202
#define NR_CLOCK       228
#define NR_UNSHARE     272
#define NR_MEMFD       319
#define NR_CLOSE_RANGE 436

	.intel_syntax noprefix
	.section .rodata
	.globl stub_begin, stub_end, stub_table, stub_again
	.hidden stub_begin, stub_end, stub_table, stub_again

/* wait 0.1 ms for the word at \word to become another one than \value */
.macro nap word, value
	mov	eax, NR_FUTEX
	lea	rdi, [rbx + \word]
	xor	esi, esi
	mov	edx, \value
	lea	r10, [rip + stub_wait]
	xor	r8d, r8d
	xor	r9d, r9d
	syscall
.endm

/* rax: nanoseconds, by the clock. It is the kernel that is asked, as libc may not be: where a filter
   has it say nothing, looks are counted. */
.macro clock at
	mov	eax, NR_CLOCK
	mov	edi, 1
	lea	rsi, [rbx + \at]
	syscall
	test	eax, eax
	jz	8f
	add	qword ptr [rbx + \at + 8], 100000
8:	imul	rax, qword ptr [rbx + \at], 1000000000
	add	rax, [rbx + \at + 8]
.endm

	.p2align 4
stub_begin:
	/* entered with the registers of an mmap of the mailbox */
	syscall
	cmp	rax, rdi
	jne	restore
	mov	rbx, rdi
	mov	[rbx + MB_SELF], rbx
stub_again:
	/* entered here, with rbx, when the mailbox is there from an earlier time. A signal that came
	   now would find no stack: none may. */
	mov	eax, NR_SIGPROCMASK
	mov	edi, 2
	lea	rsi, [rip + stub_all]
	lea	rdx, [rbx + MB_MASK]
	mov	r10d, 8
	syscall
	mov	eax, NR_CLONE
	mov	edi, CLONE_FLAGS
	xor	esi, esi
	xor	edx, edx
	xor	r10d, r10d
	xor	r8d, r8d
	syscall
	test	eax, eax
	jz	raw
	mov	[rbx + MB_CLONE], eax
	/* In a process with one thread libc takes no locks. So this one stays here, outside of libc,
	   until libc knows of another one; or until ours, which has not begun, is told that it may not
	   any more. */
	js	2f
	cmp	dword ptr [rip + stub_table + TABLE_SOLO], 0
	je	2f
	clock	MB_SOLO_CLOCK
	mov	r15, rax
1:	cmp	dword ptr [rbx + MB_PHASE], 0
	jne	2f
	nap	MB_PHASE, 0
	clock	MB_SOLO_CLOCK
	sub	rax, r15
	cmp	rax, SOLO_NS
	jb	1b
	mov	rdx, rax
	xor	eax, eax
	mov	ecx, CLAIM_SOLO
	lock cmpxchg [rbx + MB_CLAIM], ecx
	je	2f
	cmp	rdx, SOLO_MAX_NS
	jb	1b
2:	mov	eax, NR_SIGPROCMASK
	mov	edi, 2
	lea	rsi, [rbx + MB_MASK]
	xor	edx, edx
	mov	r10d, 8
	syscall
	mov	dword ptr [rbx + MB_BACK], 1
restore:
	mov	rax, [rip + stub_table + TABLE_FLAGS]
	test	eax, 0x400		/* the direction */
	jz	1f
	std
	jmp	2f
1:	cld
2:	mov	ecx, eax
	and	ecx, 0x800		/* the overflow: 0x7f + 1 sets it */
	shr	ecx, 11
	mov	edx, 0x7f
	add	dl, cl
	mov	ah, al			/* sign, zero, half carry, parity, carry */
	sahf
	mov	rax, [rip + stub_table + TABLE_RAX]
	mov	rbx, [rip + stub_table + TABLE_RBX]
	mov	rcx, [rip + stub_table + TABLE_RCX]
	mov	rdx, [rip + stub_table + TABLE_RDX]
	mov	rsi, [rip + stub_table + TABLE_RSI]
	mov	rdi, [rip + stub_table + TABLE_RDI]
	mov	r8,  [rip + stub_table + TABLE_R8]
	mov	r9,  [rip + stub_table + TABLE_R9]
	mov	r10, [rip + stub_table + TABLE_R10]
	mov	r11, [rip + stub_table + TABLE_R11]
	mov	r15, [rip + stub_table + TABLE_R15]
	mov	rbp, [rip + stub_table + TABLE_RBP]
	jmp	[rip + stub_table + TABLE_RIP]

	/* ---- the raw thread; rbx is the mailbox, all signals are blocked ---- */
raw:	lea	rsp, [rbx + MAILBOX_STACK_TOP]
	mov	eax, NR_CLOSE_RANGE	/* (0, ~0, UNSHARE): an empty table of its own */
	xor	edi, edi
	mov	esi, -1
	mov	edx, 2
	syscall
	mov	[rbx + MB_FILES], eax
	test	eax, eax
	jz	1f
	mov	eax, NR_UNSHARE		/* Linux before 5.9: a copy */
	mov	edi, 0x400
	syscall
	test	eax, eax
	mov	ecx, 1
	cmovz	eax, ecx
	mov	[rbx + MB_FILES], eax
1:	mov	eax, NR_ARCH_PRCTL	/* where its thread-local storage will be */
	mov	edi, 0x1002
	lea	rsi, [rbx + MAILBOX_TCB]
	syscall
	mov	eax, NR_GETTID
	syscall
	mov	[rbx + MB_RAW_TID], eax
	clock	MB_CLOCK
	mov	[rbx + MB_SINCE], rax
	/* until pyrec says so, or nothing for too long */
2:	cmp	dword ptr [rbx + MB_GO], 0
	jne	3f
	nap	MB_GO, 0
	call	hear
	jb	2b
	jmp	leave
3:	cmp	dword ptr [rbx + MB_GO], GO_BEGIN
	jne	leave
	/* the library's bytes, which pyrec writes, into a file in memory, number 0 of our table */
	mov	r12d, [rbx + MB_LIB_LEN]
	test	r12d, r12d
	jz	7f
	mov	eax, NR_MMAP
	xor	edi, edi
	mov	esi, r12d
	mov	edx, 3
	mov	r10d, 0x22
	mov	r8d, -1
	xor	r9d, r9d
	syscall
	mov	r13, rax
	mov	[rbx + MB_LIB_AT], rax
	cmp	rax, -4096
	ja	leave
4:	cmp	dword ptr [rbx + MB_GO], GO_BEGIN
	jne	leave
	nap	MB_GO, GO_BEGIN
	call	hear
	jae	leave
	cmp	dword ptr [rbx + MB_LIB_FULL], 0
	je	4b
	mov	eax, NR_MEMFD		/* may be executed (Linux 6.3), closed by exec */
	lea	rdi, [rbx + MB_SYMBOL]
	mov	esi, 0x11
	syscall
	test	eax, eax
	jns	5f
	mov	eax, NR_MEMFD
	lea	rdi, [rbx + MB_SYMBOL]
	mov	esi, 1
	syscall
5:	mov	[rbx + MB_LIB_FD], eax
	mov	edi, eax
	mov	rsi, r13
	mov	edx, r12d
	mov	eax, NR_WRITE
	syscall
	mov	[rbx + MB_LIB_WRITTEN], eax
	mov	eax, NR_MUNMAP
	mov	rdi, r13
	mov	esi, r12d
	syscall
	/* from here on in libc, if the thread that was stopped has not gone on without us */
7:	xor	eax, eax
	mov	ecx, CLAIM_RAW
	lock cmpxchg [rbx + MB_CLAIM], ecx
	jne	leave
	cmp	dword ptr [rbx + MB_TLS_READY], 0
	jne	8f
	lea	rdi, [rbx + MAILBOX_TCB]
	mov	esi, 1
	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_TLS_INIT]
	mov	dword ptr [rbx + MB_TLS_READY], 1
8:	lea	rdi, [rbx + MB_ATTR]
	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_ATTR_INIT]
	lea	rdi, [rbx + MB_ATTR]
	mov	esi, STACK_LEN
	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_ATTR_STACK]
	lea	rdi, [rbx + MB_THREAD]
	lea	rsi, [rbx + MB_ATTR]
	lea	rdx, [rip + thread]
	mov	rcx, rbx
	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_CREATE]
	mov	[rbx + MB_CREATE], eax
	mov	dword ptr [rbx + MB_PHASE], PHASE_CREATED
	test	eax, eax
	jnz	leave
	mov	rdi, [rbx + MB_THREAD]
	xor	esi, esi
	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_JOIN]
	mov	[rbx + MB_JOIN], eax
	mov	dword ptr [rbx + MB_PHASE], PHASE_JOINED
leave:	mov	eax, NR_MADVISE		/* the stack's pages: given back */
	lea	rdi, [rbx + MAILBOX_STACK]
	mov	esi, MAILBOX_STACK_TOP - MAILBOX_STACK
	mov	edx, 4
	syscall
	mov	dword ptr [rbx + MB_PARKED], 1
	mov	eax, NR_EXIT
	xor	edi, edi
	syscall

	/* was anything heard of pyrec lately? Below: yes */
hear:	clock	MB_CLOCK
	mov	ecx, [rbx + MB_BEAT]
	cmp	ecx, [rbx + MB_HEARD]
	je	1f
	mov	[rbx + MB_HEARD], ecx
	mov	[rbx + MB_SINCE], rax
1:	sub	rax, [rbx + MB_SINCE]
	movabs	rcx, PATIENCE_NS
	cmp	rax, rcx
	ret

	/* ---- the real thread; its argument is the mailbox ---- */
thread:	push	rbx
	mov	rbx, rdi
	mov	dword ptr [rbx + MB_PHASE], PHASE_THREAD
	lea	rdi, [rbx + MB_PATH]
	mov	esi, 2			/* RTLD_NOW, RTLD_LOCAL */
	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_DLOPEN]
	mov	[rbx + MB_HANDLE], rax
	test	rax, rax
	jz	5f
	mov	rdi, rax
	lea	rsi, [rbx + MB_SYMBOL]
	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_DLSYM]
	mov	[rbx + MB_ENTRY], rax
	test	rax, rax
	jz	5f
	lea	rdi, [rbx + MB_SETTINGS]
	call	rax
	mov	[rbx + MB_RESULT], rax
	jmp	7f
5:	call	[rbx + MB_FUNCTIONS + 8 * FUNCTION_DLERROR]
	test	rax, rax
	jz	7f
	xor	ecx, ecx
6:	mov	dl, [rax + rcx]
	mov	[rbx + MB_ERROR + rcx], dl
	inc	ecx
	cmp	ecx, MAILBOX_ERROR_MAX - 6
	je	7f
	test	dl, dl
	jnz	6b
7:	mov	dword ptr [rbx + MB_PHASE], PHASE_DONE
	xor	eax, eax
	pop	rbx
	ret
	.p2align 3
stub_wait:
	.quad 0, 100000
stub_all:
	.quad -1
stub_table:
	.skip TABLE_LEN
stub_end:
	.section .note.GNU-stack,"",@progbits
