# SPDX-License-Identifier: MIT
"""Is everything there? Samples taken of those due, and short-lived children."""
import collections
import statistics

import bench_readers
import bench_rivals
import bench_truth

# (threads, rate)
CROWDS = ((1, 1000), (1, 10000), (50, 1000), (300, 1000))
CHILDREN = 50

# samples taken of samples due: of the thread that works, and of all those that wait
Taken = collections.namedtuple('Taken', 'busy waiting')


def crowd(one, threads, rate, directory):
    """One run; None: this profiler does not say how many samples it took."""
    if not one.rated:
        return None
    done = bench_truth.run(one, 'many', threads, rate, directory)
    profile = bench_readers.read(one, done, rate)
    busy, waiting = profile.count('working'), profile.count('waiting')
    if busy is None:
        return None
    due = done.facts['waited'] * rate
    return Taken(busy / (done.facts['worked'] * rate), waiting / due if due else None)


def children_seen(one, directory):
    """Of how many of CHILDREN processes there is a sample in the work they do."""
    done = bench_truth.run(one, 'children', CHILDREN, 1000, directory, children=True)
    profile = bench_readers.read(one, done, 1000)
    return len({stack.process for stack in profile.stacks
                if any(bench_readers.short(frame[0]) == 'child' for frame in stack.frames)})


class Completeness:
    def __init__(self):
        self.taken = collections.defaultdict(list)  # ((threads, rate), interpreter, name)
        self.children = collections.defaultdict(list)  # (interpreter, name): how many
        self.failures = []

    def median_taken(self, crowd_of, interpreter, name):
        found = self.taken.get((crowd_of, interpreter, name))
        if not found:
            return None
        waiting = [each.waiting for each in found if each.waiting is not None]
        return Taken(statistics.median(each.busy for each in found),
                     statistics.median(waiting) if waiting else None)


def measure(groups, directory, rounds, crowds=CROWDS, children=True):
    result = Completeness()
    for _ in range(rounds):
        for group in groups:
            for one in group.profilers():
                for threads, rate in crowds:
                    try:
                        taken = crowd(one, threads, rate, directory)
                    except bench_rivals.TROUBLE as failure:
                        result.failures.append(f'{one.name}, {threads} threads: {failure}')
                        continue
                    if taken:
                        result.taken[(threads, rate), group.title, one.name].append(taken)
                if children and one.children:
                    try:
                        seen = children_seen(one, directory)
                    except bench_rivals.TROUBLE as failure:
                        result.failures.append(f'{one.name}, children: {failure}')
                        continue
                    result.children[group.title, one.name].append(seen)
    return result
