/* SPDX-License-Identifier: MIT */
/* The walker against fake interpreters of every version: right chains, and each way to be wrong. */
#include "record/agent/cpython/stack.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static const unsigned minors[] = {8, 9, 10, 11, 12, 13, 14, 15};
enum { N_MINORS = sizeof(minors) / sizeof(minors[0]) };

static struct fake fake;
static uint64_t frames[64];

static enum wire_failure take_with(struct stack *stack, bool top_only)
{
    const struct stack_source source = {
        .ver = &fake.interp.ver,
        .code_type = fake.interp.code_type,
        .tstate = fake.tstate,
        .top_only = top_only,
    };
    return stack_take(&source, stack);
}

static struct stack taken(enum wire_failure expected)
{
    struct stack stack = {.frames = frames, .max = 64};
    const enum wire_failure failure = take_with(&stack, false);
    ck_assert_msg(failure == expected, "3.%u: failure %d, expected %d", fake.interp.ver.minor,
                  failure, expected);
    return stack;
}

static const struct pyver *ver(void)
{
    return &fake.interp.ver;
}

/* main -> a -> (C) -> b -> generator g */
static uintptr_t code_main, code_a, code_b, code_g, frame_main, frame_a, frame_b, frame_g;

static void chain_make(unsigned minor)
{
    fake_new(&fake, minor);
    code_main = fake_code(&fake, "main", "m.py", 1, 0);
    code_a = fake_code(&fake, "a", "m.py", 10, 0);
    code_b = fake_code(&fake, "b", "m.py", 20, 0);
    code_g = fake_code(&fake, "g", "m.py", 30, 2);
    fake_enter(&fake);
    frame_main = fake_push(&fake, code_main, 5);
    frame_a = fake_push(&fake, code_a, 6);
    fake_enter(&fake);
    frame_b = fake_push(&fake, code_b, 7);
    frame_g = fake_push_generator(&fake, code_g, 8);
}

START_TEST(whole_chain)
{
    chain_make(minors[_i]);
    const struct stack stack = taken(WIRE_FAIL_NONE);
    ck_assert_uint_eq(stack.depth, 4);
    ck_assert(!stack.cut);
    const uintptr_t codes[] = {code_g, code_b, code_a, code_main};
    const int instrs[] = {16, 14, 12, 10};
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(stack_frame_code(frames[i]), codes[i]);
        ck_assert_int_eq(stack_frame_instr(frames[i]), instrs[i]);
    }
    fake_free(&fake);
}
END_TEST

START_TEST(no_frames)
{
    fake_new(&fake, minors[_i]);
    ck_assert_uint_eq(taken(WIRE_FAIL_NONE).depth, 0);
    fake_free(&fake);
}
END_TEST

START_TEST(not_started)
{
    fake_new(&fake, minors[_i]);
    fake_enter(&fake);
    fake_push_generator(&fake, fake_code(&fake, "g", "m.py", 3, 0), -1);
    const struct stack stack = {.frames = frames, .max = 64};
    struct stack out = stack;
    ck_assert_int_eq(take_with(&out, false), WIRE_FAIL_NONE);
    ck_assert_uint_eq(out.depth, 1);
    ck_assert_int_eq(stack_frame_instr(frames[0]), -1);
    fake_free(&fake);
}
END_TEST

START_TEST(prologue_is_hidden)
{
    if (minors[_i] < 11)
        return;
    fake_new(&fake, minors[_i]);
    fake_enter(&fake);
    const uintptr_t outer = fake_code(&fake, "outer", "m.py", 1, 0);
    fake_push(&fake, outer, 9);
    fake_push(&fake, fake_code(&fake, "new", "m.py", 3, 4), 3); /* before its RESUME */
    const struct stack stack = taken(WIRE_FAIL_NONE);
    ck_assert_uint_eq(stack.depth, 1);
    ck_assert_uint_eq(stack_frame_code(frames[0]), outer);
    fake_free(&fake);
}
END_TEST

START_TEST(cut_at_max)
{
    chain_make(minors[_i]);
    struct stack stack = {.frames = frames, .max = 2};
    ck_assert_int_eq(take_with(&stack, false), WIRE_FAIL_NONE);
    ck_assert_uint_eq(stack.depth, 2);
    ck_assert(stack.cut);
    ck_assert_uint_eq(stack_frame_code(frames[0]), code_g);
    fake_free(&fake);
}
END_TEST

START_TEST(top_only)
{
    chain_make(minors[_i]);
    struct stack stack = {.frames = frames, .max = 64};
    ck_assert_int_eq(take_with(&stack, true), WIRE_FAIL_NONE);
    ck_assert_uint_eq(stack.depth, 1);
    ck_assert(!stack.cut);
    ck_assert_uint_eq(stack_frame_code(frames[0]), code_g);
    fake_free(&fake);
}
END_TEST

START_TEST(not_a_code_object)
{
    chain_make(minors[_i]);
    fake_put(code_a + ver()->object.type, fake.interp.code_type + 8);
    ck_assert_uint_eq(taken(WIRE_FAIL_NOT_CODE).depth, 0);
    fake_free(&fake);
    chain_make(minors[_i]);
    fake_put(frame_b + ver()->frame.code, 0);
    taken(WIRE_FAIL_NOT_CODE);
    fake_free(&fake);
}
END_TEST

START_TEST(impossible_owner)
{
    if (minors[_i] < 11)
        return;
    chain_make(minors[_i]);
    fake_put_u8(frame_a + ver()->frame.owner, 77);
    taken(WIRE_FAIL_OWNER);
    fake_free(&fake);
}
END_TEST

/* A dead frame: above the top of the datastack. */
START_TEST(out_of_bounds)
{
    if (minors[_i] < 11)
        return;
    chain_make(minors[_i]);
    fake_put(fake.tstate + ver()->thread.chunk_top, frame_b);
    taken(WIRE_FAIL_BOUNDS);
    fake_free(&fake);
}
END_TEST

/* The frames of an older chunk are in bounds up to that chunk's own top. */
START_TEST(older_chunk)
{
    if (minors[_i] < 11)
        return;
    chain_make(minors[_i]);
    const uintptr_t old = fake.chunk;
    fake_put(old + ver()->chunk.top, (frame_b + 128 - old - ver()->chunk.data) / 8);
    static uint64_t chunk[64];
    memset(chunk, 0, sizeof(chunk));
    fake_put((uintptr_t)chunk + ver()->chunk.previous, old);
    fake_put(fake.tstate + ver()->thread.chunk, (uintptr_t)chunk);
    fake_put(fake.tstate + ver()->thread.chunk_top, (uintptr_t)chunk + ver()->chunk.data);
    ck_assert_uint_eq(taken(WIRE_FAIL_NONE).depth, 4);
    fake_put(old + ver()->chunk.top, 2);
    taken(WIRE_FAIL_BOUNDS);
    fake_free(&fake);
}
END_TEST

/* The state that 3.11 and 3.12 show at each entry of the eval loop: a new cframe that still holds
 * what lay there before, here an old frame of the same thread. */
START_TEST(entry_window)
{
    if (minors[_i] != 11 && minors[_i] != 12)
        return;
    chain_make(minors[_i]);
    static uint64_t garbage[8];
    memset(garbage, 0, sizeof(garbage));
    fake_put((uintptr_t)garbage + ver()->cframe.current, frame_a);
    fake_put((uintptr_t)garbage + ver()->cframe.previous, (uintptr_t)garbage);
    fake_put(fake.tstate + ver()->thread.frame, (uintptr_t)garbage);
    taken(WIRE_FAIL_LINK);
    fake_put((uintptr_t)garbage + ver()->cframe.current, 0xdead0000u);
    taken(WIRE_FAIL_UNREADABLE);
    fake_put((uintptr_t)garbage + ver()->cframe.current, 0);
    taken(WIRE_FAIL_LINK);
    fake_free(&fake);
}
END_TEST

/* A link that was not written yet: the chain just ends. (Up to 3.10 no version ever shows this.) */
START_TEST(stale_previous)
{
    if (minors[_i] < 11)
        return;
    chain_make(minors[_i]);
    fake_put(frame_b + ver()->frame.previous, 0);
    taken(minors[_i] == 11 ? WIRE_FAIL_LINK : WIRE_FAIL_BOTTOM);
    fake_free(&fake);
}
END_TEST

START_TEST(truncated_generator)
{
    if (minors[_i] > 10)
        return;
    fake_new(&fake, minors[_i]);
    const uintptr_t frame = fake_push(&fake, fake_code(&fake, "g", "m.py", 1, 0), 2);
    fake_put(frame + ver()->frame.gen, frame);
    taken(WIRE_FAIL_BOTTOM);
    fake_free(&fake);
}
END_TEST

START_TEST(instruction_outside)
{
    if (minors[_i] < 11)
        return;
    chain_make(minors[_i]);
    fake_put(frame_a + ver()->frame.instr, code_a + ver()->code.bytecode + 2 * FAKE_CODE_UNITS);
    taken(WIRE_FAIL_INSTRUCTION);
    fake_put(frame_a + ver()->frame.instr, code_b + ver()->code.bytecode);
    taken(WIRE_FAIL_INSTRUCTION);
    fake_free(&fake);
}
END_TEST

/* Without a GIL each thread executes a copy of its own; the first has the one in the code object.
 */
START_TEST(bytecode_of_a_thread)
{
    enum { COPY = 2, AT_INDEX = 76, AT_ARRAY = 400 };
    static uint64_t copy[FAKE_CODE_UNITS / 4];
    const uintptr_t array[] = {3, 0, 0, (uintptr_t)copy};
    fake_new(&fake, 14);
    fake.interp.ver.frame.tlbc_index = AT_INDEX;
    fake.interp.ver.code.tlbc = AT_ARRAY;
    code_a = fake_code(&fake, "a", "m.py", 10, 0);
    fake_put(code_a + AT_ARRAY, (uintptr_t)array);
    fake_enter(&fake);
    frame_a = fake_push(&fake, code_a, 6);
    fake_put_u32(frame_a + AT_INDEX, 0);
    struct stack stack = taken(WIRE_FAIL_NONE);
    ck_assert_int_eq(stack_frame_instr(stack.frames[0]), 12);
    fake_put_u32(frame_a + AT_INDEX, COPY);
    taken(WIRE_FAIL_INSTRUCTION); /* of the first's */
    fake_put(frame_a + ver()->frame.instr, (uintptr_t)copy + 14);
    stack = taken(WIRE_FAIL_NONE);
    ck_assert_uint_eq(stack_frame_code(stack.frames[0]), code_a);
    ck_assert_int_eq(stack_frame_instr(stack.frames[0]), 14);
    fake_put(frame_a + ver()->frame.instr, (uintptr_t)copy + sizeof(copy));
    taken(WIRE_FAIL_INSTRUCTION);
    for (uint32_t wrong = 1; wrong < 5; wrong += wrong == 1 ? 2 : 1) { /* none, or not there */
        fake_put_u32(frame_a + AT_INDEX, wrong);
        taken(WIRE_FAIL_INSTRUCTION);
    }
    fake_free(&fake);
}
END_TEST

/*
 * A recursion far deeper than what is kept: the walk ends before it comes to the entry frame (here
 * a frame that cannot be read lies before that), and still knows a right leaf from one that an
 * earlier activation has left behind.
 */
enum { DEEP = 3000, KEPT = 16, UNREAD = DEEP - 1200 };

static uintptr_t deep[DEEP];

static void deep_make(unsigned minor, bool is_nested)
{
    fake_new(&fake, minor);
    code_main = fake_code(&fake, "main", "m.py", 1, 0);
    code_a = fake_code(&fake, "recurse", "m.py", 10, 0);
    fake_enter(&fake);
    frame_main = fake_push(&fake, code_main, 5);
    if (is_nested)
        fake_enter(&fake);
    for (int i = 0; i < DEEP; i++)
        deep[i] = fake_push(&fake, code_a, 6);
    fake_put(deep[UNREAD] + ver()->frame.previous, 8);
}

START_TEST(deep_recursion)
{
    const unsigned minor = 11 + (unsigned)_i / 2;
    struct stack stack = {.frames = frames, .max = KEPT};
    deep_make(minor, _i % 2);
    ck_assert_int_eq(take_with(&stack, false), WIRE_FAIL_NONE);
    ck_assert(stack.cut);
    ck_assert_uint_eq(stack.depth, KEPT);
    ck_assert_int_eq(take_with(&stack, true), WIRE_FAIL_NONE);
    ck_assert_uint_eq(stack.depth, 1);
    fake_free(&fake);
}
END_TEST

/* It has called into C, and that begins to call another function: nothing is in its cframe yet but
 * what lay there. */
START_TEST(deep_recursion_torn)
{
    const unsigned minor = 11 + (unsigned)_i;
    struct stack stack = {.frames = frames, .max = KEPT};
    deep_make(minor, true);
    const uintptr_t before = fake.leaf;
    fake_enter(&fake);
    fake_put(fake.cframe + ver()->cframe.current, deep[DEEP - 100]);
    ck_assert_int_eq(take_with(&stack, false), WIRE_FAIL_LINK);
    fake_put(fake.cframe + ver()->cframe.current, deep[DEEP - 1]);
    ck_assert_int_eq(take_with(&stack, false), WIRE_FAIL_LINK);
    fake.leaf = before;
    fake_push(&fake, code_main, 3);
    if (minor == 11) { /* whole: its entry frame links to the recursion */
        fake_put_u8(fake.leaf + ver()->frame.is_entry, 1);
        ck_assert_int_eq(take_with(&stack, false), WIRE_FAIL_NONE);
    }
    fake_free(&fake);
}
END_TEST

START_TEST(endless_chain)
{
    static uint64_t many[1 << 18];
    chain_make(minors[_i]);
    fake_put(frame_main + ver()->frame.previous, frame_a);
    struct stack stack = {.frames = many, .max = 1 << 18};
    ck_assert_int_eq(take_with(&stack, false), WIRE_FAIL_LOOP);
    stack.max = 16;
    ck_assert_int_eq(take_with(&stack, false), WIRE_FAIL_NONE);
    ck_assert(stack.cut);
    fake_free(&fake);
}
END_TEST

/* Any 8 bytes of the chain replaced by any value: never a crash, and never a frame that is not one
 * of ours. */
START_TEST(random_damage)
{
    srand((unsigned)_i + 1);
    chain_make(minors[_i]);
    uint8_t *const copy = malloc(fake.used);
    memcpy(copy, fake.memory, fake.used);
    for (int round = 0; round < 20000; round++) {
        const size_t at = (size_t)rand() % (fake.used / 8) * 8;
        const uint64_t values[] = {0,
                                   1,
                                   8,
                                   (uint64_t)rand() << 20,
                                   frame_a,
                                   frame_b,
                                   code_a,
                                   (uint64_t)(uintptr_t)fake.memory + at,
                                   UINT64_MAX - 7};
        fake_put((uintptr_t)fake.memory + at, values[(unsigned)rand() % 9]);
        struct stack stack = {.frames = frames, .max = 64};
        if (take_with(&stack, false) == WIRE_FAIL_NONE)
            for (uint32_t i = 0; i < stack.depth; i++) {
                const uintptr_t code = stack_frame_code(frames[i]);
                ck_assert(code == code_main || code == code_a || code == code_b || code == code_g);
            }
        memcpy(fake.memory, copy, fake.used);
    }
    free(copy);
    fake_free(&fake);
}
END_TEST

/* What an earlier walk has found out of a code object holds as long as none has died. */
START_TEST(facts_hold)
{
    static struct stack_fact facts[STACK_FACTS];
    memset(facts, 0, sizeof(facts));
    chain_make(minors[_i]);
    struct stack_source source = {
        .ver = ver(),
        .code_type = fake.interp.code_type,
        .tstate = fake.tstate,
        .facts = facts,
        .deaths = 4,
    };
    struct stack stack = {.frames = frames, .max = 64};
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(stack_take(&source, &stack), WIRE_FAIL_NONE);
        ck_assert_uint_eq(stack.depth, 4);
        ck_assert_uint_eq(stack_frame_code(frames[1]), code_b);
    }
    const uintptr_t type = code_b + ver()->object.type;
    fake_put(type, fake.interp.code_type + 8); /* it is none any more: then one has died */
    ck_assert_int_eq(stack_take(&source, &stack), WIRE_FAIL_NONE);
    source.deaths = 5;
    ck_assert_int_eq(stack_take(&source, &stack), WIRE_FAIL_NOT_CODE);
    ck_assert_int_eq(stack_take(&source, &stack), WIRE_FAIL_NOT_CODE);
    fake_put(type, fake.interp.code_type); /* another one, at the same place */
    ck_assert_int_eq(stack_take(&source, &stack), WIRE_FAIL_NONE);
    fake_free(&fake);
}
END_TEST

/* Heaps and libraries lie at either end of a program's addresses, and how far those go is the
 * machine's. */
START_TEST(addresses_far_up)
{
    const uintptr_t here = (uintptr_t) & (int){0} & ~(uintptr_t)7; /* a stack is at the top */
    const uintptr_t last = ((uintptr_t)1 << ADDRESS_BITS) - 8;
    const uint32_t index = (1u << STACK_INSTR_BITS) - 1;
    ck_assert_uint_eq(here >> ADDRESS_BITS, 0);
    ck_assert_uint_eq(stack_frame_code(stack_frame_pack(here, index)), here);
    ck_assert_uint_eq(stack_frame_code(stack_frame_pack(last, index)), last);
    ck_assert_int_eq(stack_frame_instr(stack_frame_pack(last, index)), (int32_t)(index - 1) * 2);
    ck_assert_int_eq(stack_frame_instr(stack_frame_pack(last, 0)), -1);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("stack");
    TCase *const tcase = tcase_create("every version");
    tcase_add_loop_test(tcase, whole_chain, 0, N_MINORS);
    tcase_add_loop_test(tcase, no_frames, 0, N_MINORS);
    tcase_add_loop_test(tcase, not_started, 0, N_MINORS);
    tcase_add_loop_test(tcase, prologue_is_hidden, 0, N_MINORS);
    tcase_add_loop_test(tcase, cut_at_max, 0, N_MINORS);
    tcase_add_loop_test(tcase, top_only, 0, N_MINORS);
    tcase_add_loop_test(tcase, not_a_code_object, 0, N_MINORS);
    tcase_add_loop_test(tcase, impossible_owner, 0, N_MINORS);
    tcase_add_loop_test(tcase, out_of_bounds, 0, N_MINORS);
    tcase_add_loop_test(tcase, older_chunk, 0, N_MINORS);
    tcase_add_loop_test(tcase, entry_window, 0, N_MINORS);
    tcase_add_loop_test(tcase, stale_previous, 0, N_MINORS);
    tcase_add_loop_test(tcase, truncated_generator, 0, N_MINORS);
    tcase_add_loop_test(tcase, instruction_outside, 0, N_MINORS);
    tcase_add_test(tcase, bytecode_of_a_thread);
    tcase_add_loop_test(tcase, deep_recursion, 0, 4);
    tcase_add_loop_test(tcase, deep_recursion_torn, 0, 2);
    tcase_add_loop_test(tcase, endless_chain, 0, N_MINORS);
    tcase_add_loop_test(tcase, random_damage, 0, N_MINORS);
    tcase_add_loop_test(tcase, facts_hold, 0, N_MINORS);
    tcase_add_test(tcase, addresses_far_up);
    suite_add_tcase(suite, tcase);
    fake_catch_faults();
    return suite_run(suite);
}
