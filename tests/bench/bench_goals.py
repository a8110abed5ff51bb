# SPDX-License-Identifier: MIT
"""The goals, each with whether it is met; computed from what was measured."""
import bench_overhead
import bench_size

CPU_GOALS = {1000: 1 / 2, 10000: 1 / 3}  # of the best profiler that is a process of its own
TABLE_GOAL = 20  # times faster than the fastest other


def verdict(met):
    return 'not measured' if met is None else 'yes' if met else '**no**'


def wall(results, groups):
    """No rival that takes samples costs less time where no CPU is free for it."""
    lost, every = [], 0
    for group in groups:
        for rival in group.rivals:
            for program in bench_overhead.FULL:
                for rate in (100, 1000, 10000):
                    if not rival.rated or (group.title, program, rate) not in results:
                        continue
                    more = bench_overhead.slower_than(results, group.title, program, rate, 'pyrec',
                                                      rival.name)
                    if more is None:
                        continue
                    every += 1
                    if more[1] > 0:
                        lost.append(f'{rival.name}, {bench_overhead.PROGRAMS[program][3]}, '
                                    f'{rate} Hz: {100 * more[0]:+.1f} % '
                                    f'({100 * more[1]:+.1f} .. {100 * more[2]:+.1f})')
    if not every:
        return None, '-'
    text = f'{every - len(lost)} of {every} comparisons; in one of 40 chance says no'
    return not lost, text + ''.join(f'; more than {each}' for each in lost)


def cpu(results, groups, rate, part):
    """The CPU of the profiler beside the best one that reads from outside, same programs."""
    compared = []
    for group in groups:
        for rival in group.rivals:
            if rival.outside:
                ours = bench_overhead.whole(results, group.title, rate, 'pyrec', rival.name)[1]
                theirs = bench_overhead.whole(results, group.title, rate, rival.name)[1]
                if ours is not None and theirs:
                    compared.append((ours / theirs, rival.name, ours, theirs))
    if not compared:
        return None, '-'
    return (all(ratio <= part for ratio, *_ in compared),
            '; '.join(f'{ratio:.2f} of {name} ({100 * ours:.1f} % against {100 * theirs:.1f} % of '
                      'a CPU)' for ratio, name, ours, theirs in compared))


def stacks(truth):
    found = [counts for (_, _, name), counts in truth.impossible.items() if name == 'pyrec']
    if not found:
        return None, '-'
    wrong, every = (sum(column) for column in zip(*found))
    return wrong == 0, f'{wrong} of {every} samples'


def smallest(sizes, groups):
    """In each recording, beside the smallest of the others that take samples."""
    compared = []
    for recording in bench_size.RECORDINGS:
        each = {}
        for (what, _, name), size in sizes.items():
            if what == recording and size.samples:
                each.setdefault(name, []).append(size.bytes / size.samples)
        others = {name: min(values) for name, values in each.items() if name != 'pyrec'}
        if others and 'pyrec' in each:
            name = min(others, key=others.get)
            compared.append((max(each['pyrec']), name, others[name], recording))
    if not compared:
        return None, '-'
    return (all(ours <= theirs for ours, _, theirs, _ in compared),
            '; '.join(f'{bench_size.RECORDINGS[recording][2]}: {ours:.3g} bytes against '
                      f'{theirs:.3g} of {name}' for ours, name, theirs, recording in compared))


def fastest(sizes):
    compared = []
    for recording in bench_size.RECORDINGS:
        each = {}
        for (what, _, name), size in sizes.items():
            if what == recording and size.table:
                each.setdefault(name, []).append(size.table)
        others = {name: min(values) for name, values in each.items() if name != 'pyrec'}
        if others and 'pyrec' in each:
            name = min(others, key=others.get)
            compared.append((others[name] / max(each['pyrec']), name, recording))
    if not compared:
        return None, '-'
    return (all(ratio >= TABLE_GOAL for ratio, *_ in compared),
            '; '.join(f'{bench_size.RECORDINGS[recording][2]}: {ratio:.0f} times faster than {name}'
                      for ratio, name, recording in compared))


def rows(state):
    """[[goal, met, measured]]"""
    groups = state['groups']
    results = state.get('overhead', ({}, [], 0))[0]
    sizes = state.get('size', ({}, []))[0]
    found = [('no other sampler costs less elapsed time, beyond noise, where no CPU is free',
              wall(results, groups))]
    for rate, part in CPU_GOALS.items():
        found.append((f'at {rate} Hz at most 1/{1 / part:.0f} of the CPU of the best profiler that '
                      'is a process of its own', cpu(results, groups, rate, part)))
    found.append(('no impossible stack', stacks(state['truth']) if 'truth' in state else
                  (None, '-')))
    found.append(('the smallest file per sample', smallest(sizes, groups)))
    found.append((f'a table of functions at least {TABLE_GOAL} times faster than any other',
                  fastest(sizes)))
    return [[goal, verdict(met), text] for goal, (met, text) in found]
