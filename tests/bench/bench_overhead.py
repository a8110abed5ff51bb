# SPDX-License-Identifier: MIT
"""What profiling costs: elapsed time of the work, and CPU seconds of the profiler.

Rounds go over all cells until the time is used up, so that whatever the machine does meanwhile
meets all alike. A cell is a program, a rate and an interpreter; in a round the unprofiled program
and all profilers of that interpreter run once each, one after the other, each round beginning
with another one.
"""
import collections
import statistics
import time

import bench_rivals
import bench_stats

# program: (scale, pinned to one CPU?, has children?, what it is). 450 is about half a second.
TEN = {'json_work': 'json', 'regex_work': 'regular expressions', 'template_work': 'templates',
       'pickle_work': 'pickling', 'text_work': 'strings and dicts', 'async_work': 'asyncio',
       'thread_work': 'four threads and a queue', 'number_work': 'numeric loops',
       'recursion_work': 'recursion, generators', 'deep_work': 'deep stacks'}
PROGRAMS = {
    'fib': (600, False, False, 'samples/fib.py'),
    **{name: (450, False, False, title) for name, title in TEN.items()},
    'web': (150, False, False, 'threading web server, 4 clients'),
    'idle': (300, False, False, 'one busy thread, 300 idle'),
    'processes': (300, False, True, 'two busy processes, two CPUs'),
    'pinned': (300, True, False, 'one busy thread, all on one CPU'),
    'nothing': (0, False, False, 'nothing'),
}
PROGRAM_OF = {'pinned': 'busy'}
SOME = ('fib', 'idle', 'processes', 'pinned', 'nothing')  # also at other rates
FULL = ('processes', 'pinned', 'web')  # no CPU is free for the profiler
FEW_ROUNDS = 2  # of what is far from all others, and takes long


# One run: wall time of the work / that of the unprofiled program in the same round; CPU seconds of
# all processes beyond the unprofiled ones; what the program printed, and the unprofiled one.
Row = collections.namedtuple('Row', 'round wall cpu facts plain')


def cells(groups, rates):
    for rate in rates:
        for program in PROGRAMS:
            if rate == 1000 or program in SOME:
                for group in groups:
                    yield group, program, rate


def runners(group, program, rate, number):
    """Who runs in this cell and round, the first one another each time."""
    children = PROGRAMS[program][2]
    who = [group.plain]
    for one in group.profilers():
        if one.rated or (rate == 1000 and number < FEW_ROUNDS):
            if one.children or not children:
                who.append(one)
    if len(who) < 3:
        return []  # nobody to compare with
    far = not any(one.outside for one in who) and program not in FULL
    if far and number >= FEW_ROUNDS:
        return []
    return who[number % len(who):] + who[:number % len(who)]


def run_one(group, one, program, rate, directory, percent):
    scale, pinned, children, _ = PROGRAMS[program]
    words = bench_rivals.work(PROGRAM_OF.get(program, program), max(1, scale * percent // 100))
    try:
        return bench_rivals.profile(one, words, rate, directory, way='compact', pinned=pinned,
                                    children=children)
    except bench_rivals.TROUBLE as failure:
        return failure


def run_cell(group, program, rate, number, directory, percent, failures):
    """One round of a cell: {name: Row}"""
    runs = {}
    for one in runners(group, program, rate, number):
        run = run_one(group, one, program, rate, directory, percent)
        if isinstance(run, Exception):
            failures.append(f'{one.name}, {program}, {rate} Hz: {run}')
        else:
            runs[one.name] = run
    plain = runs.get(group.plain.name)
    if plain is None:
        return {}
    return {name: Row(number, run.facts['seconds'] / max(1e-9, plain.facts['seconds']),
                      run.cpu - plain.cpu, run.facts, plain.facts) for name, run in runs.items()}


def warm_up(groups, directory):
    """Byte code, and what else is read for the first time."""
    for group in groups:
        for one in group.all():
            try:
                bench_rivals.profile(one, bench_rivals.work('mixture', 1), 1000, directory,
                                     'compact')
            except bench_rivals.TROUBLE:
                pass  # it will fail again where it counts


def measure(groups, directory, minutes, rates=(1000, 100, 10000), percent=100, programs=None):
    """({(interpreter, program, rate): {name: [Row]}}, failures, rounds begun)"""
    results, failures = {}, []
    warm_up(groups, directory)
    until, number = time.monotonic() + 60 * minutes, 0
    while number == 0 or time.monotonic() < until:
        for group, program, rate in cells(groups, rates):
            if programs and program not in programs:
                continue
            if number > 0 and time.monotonic() > until:
                break
            rows = run_cell(group, program, rate, number, directory, percent, failures)
            for name, row in rows.items():
                cell = results.setdefault((group.title, program, rate), {})
                cell.setdefault(name, []).append(row)
        number += 1
    return results, failures, number


def start_cpu(results, interpreter, rate, name):
    """CPU seconds that starting and ending takes more than without the profiler."""
    rows = (results.get((interpreter, 'nothing', rate), {}).get(name) or
            results.get((interpreter, 'nothing', 1000), {}).get(name))
    return statistics.median(row.cpu for row in rows) if rows else 0.0


def walls(results, interpreter, program, rate, name):
    return [row.wall for row in results[interpreter, program, rate].get(name, [])]


def profiler_cpu(results, interpreter, program, rate, name):
    """CPU seconds of the profiler per second of the work, without its start; a list."""
    start = start_cpu(results, interpreter, rate, name)
    return [(row.cpu - start) / row.plain['seconds']
            for row in results[interpreter, program, rate].get(name, [])]


def programs_of(results, interpreter, rate):
    return [program for program in PROGRAMS
            if program != 'nothing' and (interpreter, program, rate) in results]


def whole(results, interpreter, rate, name, beside=None):
    """Geometric mean of the wall ratios of all programs, and mean CPU per second of work. With
    `beside`, of the programs only that this one ran as well."""
    ratios, used = [], []
    for program in programs_of(results, interpreter, rate):
        cell = results[interpreter, program, rate]
        if cell.get(name) and (beside is None or cell.get(beside)):
            ratios.append(statistics.median(walls(results, interpreter, program, rate, name)))
            used.append(statistics.median(profiler_cpu(results, interpreter, program, rate, name)))
    if not ratios:
        return None, None
    return bench_stats.geometric_mean(ratios), statistics.fmean(used)


def slower_than(results, interpreter, program, rate, name, rival):
    """How much more time the program takes under one than under the other, in the same rounds:
    (median, low, high) of its 95 % interval, as parts; None without data."""
    rows = {row.round: row.wall for row in results[interpreter, program, rate].get(rival, [])}
    pairs = [row.wall / rows[row.round] - 1
             for row in results[interpreter, program, rate].get(name, []) if row.round in rows]
    if not pairs:
        return None
    return (statistics.median(pairs), *bench_stats.median_interval(pairs))
