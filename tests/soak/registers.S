/* SPDX-License-Identifier: MIT */
/*
 * unsigned long registers_differ(unsigned long turns) - are registers what they were, whoever
 * interrupted us? Each gets a value of its own, all flags are set, then a loop runs that changes
 * nothing but its counter. A bit for each one that differs then; 0 = none.
 */
	.intel_syntax noprefix
#define VALUE  0x5a5a1234abcd0000
#define FLAGS  0xcd5 /* overflow, direction, sign, zero, half carry, parity, carry */

.macro look name, bit
	movabs	rcx, VALUE + \bit
	cmp	rcx, \name
	je	1f
	or	dword ptr [rsp], 1 << \bit
1:
.endm
.macro look_wide name, bit, value
	movq	rdx, \name
	movabs	rcx, VALUE + \value
	cmp	rcx, rdx
	je	1f
	or	dword ptr [rsp], 1 << \bit
1:
.endm

	.text
	.globl registers_differ
	.type registers_differ, @function
registers_differ:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	push	0			/* the result */
	mov	rcx, rdi
	movabs	rax, VALUE + 0
	movabs	rbx, VALUE + 1
	movabs	rdx, VALUE + 2
	movabs	rsi, VALUE + 3
	movabs	rdi, VALUE + 4
	movabs	rbp, VALUE + 5
	movabs	r8,  VALUE + 6
	movabs	r9,  VALUE + 7
	movabs	r10, VALUE + 8
	movabs	r11, VALUE + 9
	movabs	r12, VALUE + 10
	movabs	r13, VALUE + 11
	movabs	r14, VALUE + 12
	movabs	r15, VALUE + 13
	movq	xmm0, rax
	movq	xmm7, rbx
	movq	xmm15, r15
	push	FLAGS
	popfq
2:	lea	rcx, [rcx - 1]		/* none of these touches a flag */
	jrcxz	3f
	jmp	2b
3:	pushfq
	cld
	pop	rcx
	xor	rcx, FLAGS
	and	rcx, FLAGS
	jrcxz	4f
	or	dword ptr [rsp], 1 << 20
4:	look	rax, 0
	look	rbx, 1
	look	rdx, 2
	look	rsi, 3
	look	rdi, 4
	look	rbp, 5
	look	r8, 6
	look	r9, 7
	look	r10, 8
	look	r11, 9
	look	r12, 10
	look	r13, 11
	look	r14, 12
	look	r15, 13
	look_wide xmm0, 16, 0
	look_wide xmm7, 17, 1
	look_wide xmm15, 18, 13
	pop	rax
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret
	.section .note.GNU-stack,"",@progbits
