# SPDX-License-Identifier: MIT
"""Is it true? Programs that know where their time went, beside what the profilers say.

Distances are total variation distances between shares, 0 to 1: the part of the time that is in
the wrong place.
"""
import collections
import os
import statistics

import bench_readers
import bench_rivals
import bench_stats

PROGRAM = os.path.join(bench_rivals.HERE, 'truth_work.py')
# case: (program, its number, rate, way to run the profiler, what it is)
CASES = {
    'lines': ('lines', 1.5, 1000, 'command', 'eight lines, six of Python and two of C'),
    'gil': ('gil', 1.5, 1000, 'command', 'calls of C that hold the GIL, another thread wants it'),
    'blocking': ('blocking', 1.5, 1000, 'command', 'sleeping, reading and computing'),
    'in phase': ('periodic', 1000, 1000, 'command', 'period of 1 ms, in phase with 1 kHz'),
    'slow phase': ('periodic', 100, 100, 'command', 'period of 10 ms, in phase with 100 Hz'),
    'threads': ('threads', 1.0, 1000, 'cpu_time', 'CPU time of four threads, by `thread_time`'),
}
BIAS = (5, 25, 50, 75, 95)
TOWERS = ('red', 'blue')

# One look: distance, the distance that chance explains 19 of 20 times (None: takes no samples),
# samples in the places that count.
Look = collections.namedtuple('Look', 'distance chance samples')


def run(one, case, number, rate, directory, way='command', children=False):
    words = [PROGRAM, case, number]
    return bench_rivals.profile(one, words, rate, directory, way, children)


def look(one, case, directory):
    """Run it once; None: this profiler cannot say."""
    program, number, rate, way, _ = CASES[case]
    if getattr(one, way)([PROGRAM], rate, '') is None or one.memory:
        return None
    done = run(one, program, number, rate, directory, way)
    profile = bench_readers.read(one, done, rate)
    if 'lines' in done.facts:
        truth = {int(line): seconds for line, seconds in done.facts['lines'].items()}
        found = profile.lines(PROGRAM, truth)
    else:
        truth = done.facts['truth']
        found = profile.functions(truth, 'cpu' if one.name == 'pyrec' and way == 'cpu_time' else
                                  'seconds')
    if found is None:
        return None
    return compare(truth, found, samples_in(profile, truth))


def samples_in(profile, names):
    """How many samples fell into these functions, or lines; None: takes or tells none."""
    if profile.stacks is None:
        return None
    lines = {name for name in names if isinstance(name, int)}
    return sum(stack.count for stack in profile.stacks
               if (stack.frames[-1][2] in lines and
                   os.path.basename(stack.frames[-1][1]) == os.path.basename(PROGRAM) if lines else
                   any(bench_readers.short(frame[0]) in names for frame in stack.frames)))


def compare(truth, found, samples):
    truth, found = bench_stats.shares(truth), bench_stats.shares(found)
    away = bench_stats.distance(truth, found) if found else 1.0
    chance = bench_stats.chance_distance(truth, samples)[1] if samples else None
    return Look(away, chance, samples)


def frame_is_possible(frames, index, places):
    """Is this frame one that can be on the one below it, at the line where that one is?"""
    name, below, line = bench_readers.short(frames[index][0]), *frames[index - 1][::2]
    below = bench_readers.short(below)
    tower, floor = name.rstrip('0123456789'), int(name[-1])
    if index == 0:
        return False  # it was called by somebody
    if floor == 0:
        return below == 'stacks' and line in (places['to ' + name],
                                              places.get(f'to {name} again'))
    return below == f'{tower}{floor - 1}' and line == places[below]


def is_possible(frames, places):
    """Could this stack of truth_work.py's towers have been?"""
    names = [bench_readers.short(frame[0]) for frame in frames]
    first = next((i for i, name in enumerate(names) if name.rstrip('0123456789') in TOWERS), None)
    if first is None:
        return True
    return all(names[i].rstrip('0123456789') in TOWERS and frame_is_possible(frames, i, places)
               for i in range(first, len(frames)))


def impossible(one, directory, seconds, rate):
    """(impossible samples, samples with a tower in them); None: keeps no stacks."""
    if not one.rated:
        return None
    done = run(one, 'stacks', seconds, rate, directory)
    profile = bench_readers.read(one, done, rate)
    if profile.stacks is None:
        return None
    wrong = every = 0
    for stack in profile.stacks:
        if any(bench_readers.short(frame[0]).rstrip('0123456789') in TOWERS
               for frame in stack.frames):
            every += stack.count
            wrong += 0 if is_possible(stack.frames, done.facts['places']) else stack.count
    return wrong, every


def bias(group, percent, directory, failures):
    """{name: percent points by which the called function's share is wrong}, one run of each. The
    truth is the unprofiled run's."""
    plain = run(group.plain, 'bias', percent, 1000, directory).facts['truth']
    truth = 100 * bench_stats.shares(plain)['called']
    found = {}
    for one in group.profilers():
        if one.memory:
            continue
        try:
            done = run(one, 'bias', percent, 1000, directory)
            profile = bench_readers.read(one, done, 1000)
            functions = profile.functions(('called', 'inlined', 'unit'))
        except bench_rivals.TROUBLE as failure:
            failures.append(f'{one.name}, bias: {failure}')
            continue
        unit = functions.pop('unit')
        functions['called'] += 0 if profile.cumulative else unit
        if sum(functions.values()):
            found[one.name] = 100 * bench_stats.shares(functions)['called'] - truth
    return found


class Truth:
    """All results: lists of what the runs said, by case, interpreter and name."""

    def __init__(self):
        self.looks = collections.defaultdict(list)  # (case, interpreter, name): [Look]
        self.bias = collections.defaultdict(list)  # (percent, interpreter, name): [points]
        self.impossible = {}  # (rate, interpreter, name): [impossible samples, samples]
        self.failures = []

    def median_look(self, case, interpreter, name):
        looks = self.looks.get((case, interpreter, name))
        if not looks:
            return None
        chances = [each.chance for each in looks if each.chance is not None]
        return Look(statistics.median(each.distance for each in looks),
                    statistics.median(chances) if chances else None,
                    statistics.median(each.samples or 0 for each in looks))


def measure(groups, directory, rounds, seconds=1.5, cases=None):
    truth = Truth()
    for _ in range(rounds):
        for group in groups:
            for one in group.profilers():
                for case in CASES:
                    if cases is None or case in cases:
                        look_once(truth, group, one, case, directory)
                if cases is None or 'stacks' in cases:
                    count_impossible(truth, group, one, directory, seconds)
            for percent in BIAS:
                if cases is None or 'bias' in cases:
                    for name, points in bias(group, percent, directory, truth.failures).items():
                        truth.bias[percent, group.title, name].append(points)
    return truth


def look_once(truth, group, one, case, directory):
    try:
        found = look(one, case, directory)
    except bench_rivals.TROUBLE as failure:
        truth.failures.append(f'{one.name}, {case}: {failure}')
        return
    if found:
        truth.looks[case, group.title, one.name].append(found)


def count_impossible(truth, group, one, directory, seconds):
    for rate in (1000, 10000):
        try:
            counts = impossible(one, directory, seconds, rate)
        except bench_rivals.TROUBLE as failure:
            truth.failures.append(f'{one.name}, stacks: {failure}')
            continue
        if counts:
            total = truth.impossible.setdefault((rate, group.title, one.name), [0, 0])
            total[0] += counts[0]
            total[1] += counts[1]
