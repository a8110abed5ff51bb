/* SPDX-License-Identifier: MIT */
#include "account.h"

/* What account and counters have by the same name. */
#define COUNTED(X)                                                                                 \
    X(ticks_due)                                                                                   \
    X(ticks_taken)                                                                                 \
    X(ticks_missed)                                                                                \
    X(ticks_overflowed)                                                                            \
    X(samples_asked)                                                                               \
    X(samples_outside)                                                                             \
    X(retries)                                                                                     \
    X(handler_ns)                                                                                  \
    X(sampler_cpu_ns)                                                                              \
    X(unobserved_ns)                                                                               \
    X(ticks_spared)                                                                                \
    X(codes)                                                                                       \
    X(codes_lost)                                                                                  \
    X(native_whole)                                                                                \
    X(native_part)                                                                                 \
    X(native_none)

/* What only the collector knows. */
#define OBSERVED(X) X(samples) X(orphans) X(process_cpu_ns) X(native_cpu_ns)

void account_take(struct account *account, const struct wire_counters *counters)
{
#define TAKE(name) account->name = atomic_load_explicit(&counters->name, memory_order_relaxed);
    COUNTED(TAKE)
#undef TAKE
    for (int i = 0; i < WIRE_FAIL_COUNT; i++)
        account->failed[i] = atomic_load_explicit(&counters->failed[i], memory_order_relaxed);
    for (int i = 0; i < WIRE_C_MISSING_COUNT; i++)
        account->c_missing[i] = atomic_load_explicit(&counters->c_missing[i], memory_order_relaxed);
}

void account_late(struct account *account, const uint64_t late[WIRE_C_MISSING_COUNT + 1])
{
    for (int why = 0; why <= WIRE_C_MISSING_COUNT; why++) {
        account->native_none -= late[why];
        account->c_missing[WIRE_C_NO_ANSWER] -= late[why];
        if (why == WIRE_C_MISSING_COUNT) {
            account->native_whole += late[why];
        } else {
            account->native_part += late[why];
            account->c_missing[why] += late[why];
        }
    }
}

void account_add(struct account *sum, const struct account *account)
{
#define ADD(name) sum->name += account->name;
    COUNTED(ADD)
    OBSERVED(ADD)
#undef ADD
    for (int i = 0; i < WIRE_FAIL_COUNT; i++)
        sum->failed[i] += account->failed[i];
    for (int i = 0; i < WIRE_C_MISSING_COUNT; i++)
        sum->c_missing[i] += account->c_missing[i];
}

const char *account_failure_text(enum wire_failure failure)
{
    switch (failure) {
#define TEXT(name, text)                                                                           \
    case WIRE_FAIL_##name:                                                                         \
        return text;
        WIRE_FAILURE_LIST(TEXT)
#undef TEXT
    case WIRE_FAIL_COUNT:
        break;
    }
    return "";
}

const char *account_missing_text(enum wire_c_missing why)
{
    switch (why) {
#define TEXT(name, text)                                                                           \
    case WIRE_C_##name:                                                                            \
        return text;
        WIRE_C_MISSING_LIST(TEXT)
#undef TEXT
    case WIRE_C_MISSING_COUNT:
        break;
    }
    return "";
}
