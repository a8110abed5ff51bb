/* SPDX-License-Identifier: MIT */
/* The tables and their columns; docs/TABLES.md says what they mean, and a test compares. */
#include "star.h"

static const struct star_column recordings[] = {
    {"recording", false},    {"segment", false},   {"format", false},         {"pyrec", false},
    {"host", true},          {"service", true},    {"service_version", true}, {"labels", true},
    {"os", false},           {"machine", false},   {"cpu_model", false},      {"cpus", false},
    {"start_ns", false},     {"end_ns", false},    {"interval_ns", false},    {"bin_s", false},
    {"ended", false},        {"processes", false}, {"samples", false},        {"cpu_ns", false},
    {"not_recorded", false}, {"damages", false},   {"redacted", false},
};

static const struct star_column processes[] = {
    {"process", false},      {"recording", false},        {"number", false},
    {"pid", false},          {"parent_pid", false},       {"image", false},
    {"host", true},          {"executable", true},        {"command", true},
    {"title", true},         {"working_directory", true}, {"python", false},
    {"build", false},        {"start_ns", false},         {"end_ns", false},
    {"ended", false},        {"os_cpu_ns", false},        {"native_cpu_ns", false},
    {"ticks_due", false},    {"ticks_taken", false},      {"ticks_missed", false},
    {"ticks_spared", false}, {"ticks_lost", false},       {"sampler_cpu_ns", false},
    {"handler_ns", false},
};

static const struct star_column threads[] = {
    {"thread", false},
    {"process", false},
    {"number", false},
    {"os_tid", false},
    {"name", true},
    {"main", false},
    {"python", false},
    {"start_ns", false},
    {"samples", false},
    {"cpu_ns", false},
    {"unattributed_cpu_ns", false},
    {"stalls_told", false},
    {"stalls_unsure", false},
};

static const struct star_column functions[] = {
    {"function", false}, {"name", true},   {"file", true},
    {"line", false},     {"module", true}, {"package", true},
};

static const struct star_column locations[] = {
    {"location", false},
    {"function", false},
    {"line", false},
};

static const struct star_column stacks[] = {
    {"stack", false}, {"parent", false}, {"location", false}, {"depth", false}, {"path", false},
};

static const struct star_column weights[] = {
    {"bin", false},     {"thread", false}, {"stack", false},   {"state", false},  {"kernel", false},
    {"samples", false}, {"ticks", false},  {"wall_ns", false}, {"cpu_ns", false},
};

static const struct star_column stalls[] = {
    {"thread", false},   {"start_ns", false},    {"end_ns", false},     {"unobserved_ns", false},
    {"cause", false},    {"location", false},    {"call", false},       {"open", false},
    {"several", false},  {"samples", false},     {"cpu_ns", false},     {"on_cpu_ns", false},
    {"ready_ns", false}, {"gil_wait_ns", false}, {"blocked_ns", false}, {"unknown_ns", false},
};

static const struct star_column gil[] = {
    {"bin", false},     {"waiter", false}, {"holder", false},    {"location", false},
    {"samples", false}, {"ticks", false},  {"waited_ns", false}, {"longest_ns", false},
};

static const struct star_column phases[] = {
    {"process", false}, {"number", false}, {"parent", false},   {"thread", false}, {"kind", false},
    {"name", true},     {"value", true},   {"start_ns", false}, {"end_ns", false},
};

static const struct star_column marks[] = {
    {"process", false},
    {"thread", false},
    {"time_ns", false},
    {"text", true},
};

#define LAYOUT(name)                                                                               \
    {                                                                                              \
#name, name, ARRAY_LEN(name)                                                               \
    }
const struct star_layout star_layouts[STAR_TABLES] = {
    [STAR_RECORDINGS] = LAYOUT(recordings),
    [STAR_PROCESSES] = LAYOUT(processes),
    [STAR_THREADS] = LAYOUT(threads),
    [STAR_FUNCTIONS] = LAYOUT(functions),
    [STAR_LOCATIONS] = LAYOUT(locations),
    [STAR_STACKS] = LAYOUT(stacks),
    [STAR_WEIGHTS] = LAYOUT(weights),
    [STAR_STALLS] = LAYOUT(stalls),
    [STAR_GIL] = LAYOUT(gil),
    [STAR_PHASES] = LAYOUT(phases),
    [STAR_MARKS] = LAYOUT(marks),
};
