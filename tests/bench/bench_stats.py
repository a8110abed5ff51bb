# SPDX-License-Identifier: MIT
"""Statistics for the benchmarks: medians, intervals, distances of distributions."""
import math
import random
import statistics


def median(values):
    return statistics.median(values) if values else None


def quartiles(values):
    """(low, middle, high); of one value thrice that."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    return tuple(statistics.quantiles(values, n=4, method='inclusive'))


def spread(ratios):
    """Median and quartiles, as percent above one."""
    low, middle, high = quartiles([100 * (ratio - 1) for ratio in ratios])
    return f'{middle:+.2f} % ({low:+.2f} .. {high:+.2f})'


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def median_interval(values, trials=2000, seed=1):
    """95 % interval of the median, by bootstrap; the seed makes it the same every time."""
    draw = random.Random(seed)
    found = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(trials))
    return found[trials // 40], found[-1 - trials // 40]


def shares(weights):
    """{name: part of all}; empty if there is nothing."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total > 0 else {}


def distance(a, b):
    """Total variation distance of two distributions: 0 the same, 1 nothing in common."""
    return sum(abs(a.get(name, 0) - b.get(name, 0)) for name in set(a) | set(b)) / 2


def chance_distance(truth, samples, trials=400, seed=1):
    """How far `samples` independent looks at `truth` are from it: (mean, 95 % of the time less)."""
    names, weights = list(truth), list(truth.values())
    draw = random.Random(seed)
    found = []
    for _ in range(trials):
        counts = dict.fromkeys(names, 0)
        for name in draw.choices(names, weights, k=samples):
            counts[name] += 1
        found.append(distance(shares(counts), truth))
    found.sort()
    return statistics.fmean(found), found[trials * 95 // 100]
