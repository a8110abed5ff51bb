/* SPDX-License-Identifier: MIT */
/* cfi: unwind information that is made here, damaged, or this program's own. */
#include "record/agent/base/peek.h"
#include "record/agent/native/cfi.h"
#include "tests/unit/agent/guarded_peek.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION 0x1000u /* from the beginning of the image: never there, never read */
#define LENGTH   0x100u

static _Alignas(16) uint8_t image[512];
static size_t used;

static uintptr_t base(void)
{
    return (uintptr_t)image;
}

static void put(const void *bytes, size_t n)
{
    memcpy(image + used, bytes, n);
    used += n;
}

static void put_u32(uint32_t value)
{
    put(&value, sizeof(value));
}

static void patch_u32(size_t at, uint32_t value)
{
    memcpy(image + at, &value, sizeof(value));
}

static void entry_end(size_t begin)
{
    while ((used - begin) % 8 != 0)
        put("", 1);
    patch_u32(begin, (uint32_t)(used - begin - 4));
}

/* An .eh_frame_hdr, a CIE as gcc makes them (CFA rsp+8, return address below), one FDE. */
static struct cfi_source make(const char *letters, const void *instructions, size_t n)
{
    memset(image, 0, sizeof(image));
    used = 0;
    put_u32(0x3b031b01);
    put_u32(0);
    put_u32(1);
    put_u32(FUNCTION);
    const size_t fde_at = used;
    put_u32(0);
    const size_t cie = used;
    put_u32(0);
    put_u32(0);
    put("\1", 1);
    put(letters, strlen(letters) + 1);
    put("\1\x78\x10", 3); /* code 1, data -8, return address: 16 */
    put("\1\x1b", 2);     /* "R": relative, 4 bytes */
    put("\x0c\x07\x08\x90\x01", 5);
    entry_end(cie);
    const size_t fde = used;
    patch_u32(fde_at, (uint32_t)fde);
    put_u32(0);
    put_u32((uint32_t)(used - cie));
    put_u32((uint32_t)(FUNCTION - used));
    put_u32(LENGTH);
    put("", 1);
    put(instructions, n);
    entry_end(fde);
    const struct cfi_source source = {.hdr = base(), .low = base(), .high = base() + used};
    guarded_peek_set(source.low, source.high);
    return source;
}

static struct rule rule_at(const struct cfi_source *source, unsigned offset)
{
    struct rule rule;
    struct cfi_range range = {0};
    if (cfi_rule(source, base() + FUNCTION + offset, &rule, &range)) {
        ck_assert_uint_eq(range.start, base() + FUNCTION);
        ck_assert_uint_eq(range.end, base() + FUNCTION + LENGTH);
    }
    ck_assert_uint_eq(guarded_peek_outside(), 0);
    return rule;
}

static void expect(const struct cfi_source *source, unsigned offset, unsigned kind, int at, int bp)
{
    const struct rule rule = rule_at(source, offset);
    ck_assert_msg(rule.kind == kind && rule.offset == at && rule.bp == bp,
                  "at %u: kind %u offset %d bp %d instead of %u %d %d", offset, rule.kind,
                  rule.offset, rule.bp, kind, at, bp);
}

#define MAKE(text) make("zR", text, sizeof(text) - 1)

START_TEST(push_and_pop)
{
    /* push %rbp; mov %rsp,%rbp; ..; leave */
    const struct cfi_source source =
        MAKE("\x41\x0e\x10\x86\x02\x43\x0d\x06\x02\x80\x0c\x07\x08\xc6");
    expect(&source, 0, RULE_SP, 8, RULE_BP_SAME);
    expect(&source, 1, RULE_SP, 16, 2);
    expect(&source, 3, RULE_SP, 16, 2);
    expect(&source, 4, RULE_BP, 16, 2);
    expect(&source, 0x83, RULE_BP, 16, 2);
    expect(&source, 0x84, RULE_SP, 8, RULE_BP_SAME);
    expect(&source, LENGTH - 1, RULE_SP, 8, RULE_BP_SAME);
    expect(&source, LENGTH, RULE_NONE, 0, 0);
}
END_TEST

START_TEST(before_the_first)
{
    const struct cfi_source source = MAKE("");
    struct rule rule;
    ck_assert(!cfi_rule(&source, base() + FUNCTION - 1, &rule, NULL));
    ck_assert_uint_eq(rule.kind, RULE_NONE);
}
END_TEST

START_TEST(remembers)
{
    const struct cfi_source source = MAKE("\x41\x0e\x20\x0a\x42\x0e\x08\x41\x0b");
    expect(&source, 1, RULE_SP, 32, 0);
    expect(&source, 3, RULE_SP, 8, 0);
    expect(&source, 4, RULE_SP, 32, 0);
    const struct cfi_source unbalanced = MAKE("\x0b");
    expect(&unbalanced, 0, RULE_NONE, 0, 0);
    const struct cfi_source deep = MAKE("\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a");
    expect(&deep, 0, RULE_NONE, 0, 0);
}
END_TEST

START_TEST(expressions)
{
    const struct cfi_source plt = MAKE("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22");
    expect(&plt, 0, RULE_PLT, 11, 0);
    const struct cfi_source realigned = MAKE("\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00");
    expect(&realigned, 0, RULE_AT_BP, -8, RULE_BP_AT_BP);
    const struct cfi_source openssl = MAKE("\x0f\x06\x77\xc0\x00\x06\x23\x08");
    expect(&openssl, 0, RULE_AT_SP, 64, 0);
    const struct cfi_source literal = MAKE("\x0f\x06\x77\xc0\x00\x06\x38\x22");
    expect(&literal, 0, RULE_AT_SP, 64, 0);
    const struct cfi_source strange = MAKE("\x0f\x04\x77\x08\x06\x06");
    ck_assert_uint_eq(rule_at(&strange, 0).kind, RULE_OTHER);
    const struct cfi_source other = MAKE("\x0f\x05\x77\x40\x06\x23\x10");
    ck_assert_uint_eq(rule_at(&other, 0).kind, RULE_OTHER);
    const struct cfi_source too_long = MAKE("\x0f\x7f\x77");
    expect(&too_long, 0, RULE_NONE, 0, 0);
}
END_TEST

START_TEST(registers)
{
    const struct cfi_source prologue = MAKE("\x0c\x0a\x00"); /* lea 8(%rsp),%r10 */
    const struct rule rule = rule_at(&prologue, 0);
    ck_assert_uint_eq(rule.kind, RULE_REG);
    ck_assert_uint_eq(rule.reg, 10);
    const struct cfi_source far = MAKE("\x0e\x80\x80\x03");
    expect(&far, 0, RULE_SP, 0xc000, 0);
    const struct cfi_source odd = MAKE("\x0e\x0c");
    ck_assert_uint_eq(rule_at(&odd, 0).kind, RULE_OTHER);
    const struct cfi_source outermost = MAKE("\x07\x10");
    expect(&outermost, 0, RULE_END, 0, 0);
    const struct cfi_source moved = MAKE("\x90\x02"); /* return address elsewhere */
    ck_assert_uint_eq(rule_at(&moved, 0).kind, RULE_OTHER);
    const struct cfi_source lost = MAKE("\x07\x06");
    expect(&lost, 0, RULE_SP, 8, RULE_BP_LOST);
    const struct cfi_source elsewhere = MAKE("\x09\x06\x03");
    expect(&elsewhere, 0, RULE_SP, 8, RULE_BP_LOST);
    const struct cfi_source vector = MAKE("\x0d\x21"); /* no register that we know */
    ck_assert_uint_eq(rule_at(&vector, 0).kind, RULE_OTHER);
}
END_TEST

START_TEST(unknown_things)
{
    const struct cfi_source instruction = MAKE("\x3f");
    expect(&instruction, 0, RULE_NONE, 0, 0);
    const struct cfi_source backwards = MAKE("\x01\x00\x00\x00\x00");
    expect(&backwards, 0, RULE_NONE, 0, 0);
    const struct cfi_source signal = make("zRS", "", 0);
    expect(&signal, 0, RULE_SIGNAL, 0, 0);
    const struct cfi_source letter = make("zRX", "", 0);
    expect(&letter, 0, RULE_NONE, 0, 0);
    struct cfi_source table = MAKE("");
    image[3] = 0x2b;
    expect(&table, 0, RULE_NONE, 0, 0);
    table = MAKE("");
    table.hdr = 0;
    expect(&table, 0, RULE_NONE, 0, 0);
    table = MAKE("");
    patch_u32(8, UINT32_MAX); /* more functions than there is room for */
    expect(&table, 0, RULE_NONE, 0, 0);
}
END_TEST

/* Cut off anywhere: nothing is read behind the end, and nothing is said that was not there. */
START_TEST(cut_off)
{
    struct cfi_source source = MAKE("\x41\x0e\x10\x86\x02\x43\x0d\x06\x02\x80\x0c\x07\x08\xc6");
    const uintptr_t end = source.high;
    for (source.high = source.low; source.high < end - 8; source.high++) {
        guarded_peek_set(source.low, source.high);
        expect(&source, 4, RULE_NONE, 0, 0);
    }
}
END_TEST

/* ---- this program's own, damaged ---- */

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

struct own {
    uintptr_t base, low, high, hdr;
};

static int own_find(struct dl_phdr_info *info, size_t size, void *closure)
{
    struct own *const own = closure;
    (void)size;
    own->base = info->dlpi_addr;
    own->low = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *const header = &info->dlpi_phdr[i];
        const uintptr_t at = own->base + header->p_vaddr;
        if (header->p_type == PT_GNU_EH_FRAME)
            own->hdr = at;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) { /* the mapping that it lies in */
        const ElfW(Phdr) *const header = &info->dlpi_phdr[i];
        const uintptr_t at = own->base + header->p_vaddr;
        if (header->p_type == PT_LOAD && own->hdr >= at && own->hdr < at + header->p_memsz) {
            own->low = at;
            own->high = at + header->p_memsz;
        }
    }
    return 1; /* the program is the first one */
}

/* A thousand ways to damage it: each ends, and looks at nothing outside. */
START_TEST(damaged)
{
    struct own own = {0};
    dl_iterate_phdr(own_find, &own);
    ck_assert_uint_ne(own.hdr, 0);
    const size_t size = own.high - own.low;
    uint8_t *const copy = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);
    ck_assert_ptr_nonnull(copy);
    uint8_t *const original = malloc(size); /* by the kernel: red zones of sanitizers are in it */
    ck_assert(original != NULL && peek_bytes(original, own.low, size));
    const size_t hdr = own.hdr - own.low;
    unsigned rules = 0;
    for (unsigned round = 0; round < 1000; round++) {
        memcpy(copy, original, size);
        const unsigned changes = round % 8;
        for (unsigned i = 0; i < changes; i++) {
            const size_t at = hdr + random_below((uint32_t)(size - hdr));
            copy[at] = (uint8_t)random_below(256);
        }
        const struct cfi_source source = {
            .hdr = (uintptr_t)copy + hdr, .low = (uintptr_t)copy, .high = (uintptr_t)copy + size};
        guarded_peek_set(source.low, source.high);
        for (unsigned i = 0; i < 10; i++) {
            /* functions of the table, as the copy sees them */
            int32_t start;
            uint32_t n;
            memcpy(&n, original + hdr + 8, sizeof(n));
            memcpy(&start, original + hdr + 12 + 8 * (size_t)random_below(n), sizeof(start));
            struct rule rule;
            rules += cfi_rule(&source, source.hdr + (uintptr_t)(intptr_t)start + random_below(64),
                              &rule, NULL);
        }
        ck_assert_uint_eq(guarded_peek_outside(), 0);
    }
    ck_assert_uint_gt(rules, 5000); /* most of it was whole */
    free(original);
    free(copy);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("cfi");
    TCase *const tc = tcase_create("cfi");
    tcase_add_test(tc, push_and_pop);
    tcase_add_test(tc, before_the_first);
    tcase_add_test(tc, remembers);
    tcase_add_test(tc, expressions);
    tcase_add_test(tc, registers);
    tcase_add_test(tc, unknown_things);
    tcase_add_test(tc, cut_off);
    tcase_add_test(tc, damaged);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
